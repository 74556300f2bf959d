//! Stock files, snapshots and restores: what was edited is taken back, what was sold stays sold.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use channels::Clock;
use domain::{AccountId, Sku, Timestamp};
use engine::runs::{ImportReport, Job, Restore, RestoreReport, Run, RunState};
use engine::stock::{Amount, Mode, StockEdit};
use engine::table::Line;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tests::shops::Shops;

fn line(line: u64, sku: &str, quantity: &str) -> Line {
    Line { line, sku: sku.into(), quantity: quantity.into(), warehouse: None }
}

fn import(mode: Mode, dry_run: bool) -> Job {
    Job::Import { mode, warehouse: None, reason: "file".into(), dry_run }
}

/// Has a run done by the workers.
async fn done(shops: &Shops, run: &Run) -> Run {
    shops.settle().await;
    let run = shops.hub.show_run(&run.id).await.unwrap();
    assert_eq!((run.state, &run.error), (RunState::Done, &None));
    run
}

fn result<T: DeserializeOwned>(run: &Run) -> T {
    serde_json::from_value(run.result.clone().unwrap()).unwrap()
}

async fn file(shops: &Shops, job: Job, lines: Vec<Line>) -> Run {
    let once = !matches!(job, Job::Import { mode: Mode::Adjust, .. });
    let run = shops.hub.start_run(job, "ann").await.unwrap();
    shops.hub.give_run(&run.id, lines, once).await.unwrap();
    done(shops, &shops.hub.close_run(&run.id).await.unwrap()).await
}

async fn restore(shops: &Shops, restore: Restore) -> (Run, RestoreReport) {
    let run = done(shops, &shops.hub.start_run(Job::Restore(restore), "bob").await.unwrap()).await;
    let report = result(&run);
    (run, report)
}

fn sell(shops: &Shops, store: u64, sku: &str, units: i64) {
    shops.http.fake().sell(store, sku, units, shops.clock.now()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_a_run_whose_bad_lines_block_no_other() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 4), ("PEN", 1)]).await;
    let lines = || {
        vec![
            line(2, "TEE", "7"),
            line(3, "NOPE", "1"),
            line(4, "MUG", "many"),
            line(5, "PEN", "1"),
            line(6, "TEE", "9"),
        ]
    };
    let shown = file(&shops, import(Mode::Set, true), lines()).await;
    let report: ImportReport = result(&shown);
    assert_eq!((report.changed, report.down, report.snapshot), (1, 3, None));
    shops.all_show("TEE", 10).await;
    let run = file(&shops, import(Mode::Set, false), lines()).await;
    let report: ImportReport = result(&run);
    assert_eq!((report.changed, report.unchanged, report.failed, report.unknown), (1, 1, 2, 1));
    let places: Vec<&str> = run.faults.iter().map(|fault| fault.place.as_str()).collect();
    assert_eq!(places, ["line 6", "line 3", "line 4"]);
    assert!(run.faults[0].message.contains("line 2 already"), "{:?}", run.faults);
    shops.all_show("TEE", 7).await;
    let changes = shops.hub.run_changes(&run.id, None, 10).await.unwrap().rows;
    assert_eq!(changes.iter().map(|one| (one.place, one.before, one.after)).collect::<Vec<_>>(), [(2, 10, 7)]);
    let snapshot = shops.hub.snapshot_levels(&report.snapshot.unwrap(), None).await.unwrap().rows;
    let tee = snapshot.iter().find(|row| row.sku.as_str() == "TEE").unwrap();
    assert_eq!((tee.hub.values().sum::<i64>(), tee.stores.len()), (10, 3));
    let history = shops.hub.history(&tee.sku, None, 10).await.unwrap().rows;
    assert!(history.iter().any(|line| line.run.as_deref() == Some(run.id.as_str()) && line.cause == "import"));
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_and_upper_limits_can_be_imported_as_well() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 4)]).await;
    file(&shops, import(Mode::Adjust, false), vec![line(2, "TEE", "5"), line(3, "TEE", "-2"), line(4, "MUG", "1")])
        .await;
    shops.all_show("TEE", 13).await;
    file(&shops, import(Mode::OnlyLower, false), vec![line(2, "TEE", "6"), line(3, "MUG", "50")]).await;
    shops.all_show("TEE", 6).await;
    shops.all_show("MUG", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_done_before_a_crash_are_not_done_again() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    let run = shops.hub.start_run(import(Mode::Adjust, false), "ann").await.unwrap();
    shops.hub.give_run(&run.id, vec![line(2, "TEE", "3")], false).await.unwrap();
    // as if the driver had died after the line and before its row said so
    let once = || async {
        let lines = vec![line(2, "TEE", "3")];
        shops.hub.give_run(&run.id, lines, false).await.unwrap();
    };
    once().await;
    let run = done(&shops, &shops.hub.close_run(&run.id).await.unwrap()).await;
    let report: ImportReport = result(&run);
    assert_eq!((report.lines, shops.levels("TEE").await["hub"]), (2, 13), "the line is there twice, and done once");
    shops.all_show("TEE", 13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_undone_and_what_was_sold_since_stays_sold() {
    let shops = Shops::open(&[("TEE", 100), ("MUG", 5)]).await;
    let bad = file(&shops, import(Mode::Set, false), vec![line(2, "TEE", "40"), line(3, "MUG", "0")]).await;
    sell(&shops, 2, "TEE", 3);
    shops.settle().await;
    shops.all_show("TEE", 37).await;
    let wanted = Restore { snapshot: Some(bad.id.clone()), ..Restore::default() };
    let (_, shown) = restore(&shops, wanted.clone()).await;
    assert_eq!((shown.changed, shown.up, shown.sold, shown.applied), (2, 65, -3, false));
    shops.all_show("TEE", 37).await;
    let (run, report) = restore(&shops, Restore { apply: true, ..wanted.clone() }).await;
    assert_eq!((report.changed, report.up, report.snapshot.as_ref()), (2, 65, Some(&run.id)));
    shops.all_show("TEE", 97).await;
    shops.all_show("MUG", 5).await;
    let (_, again) = restore(&shops, Restore { apply: true, ..wanted }).await;
    assert_eq!(again.changed, 0, "undoing twice moves nothing");
    // and the restore can be taken back as any other run
    let (_, redone) = restore(&shops, Restore { run: Some(run.id), apply: true, ..Restore::default() }).await;
    assert_eq!((redone.changed, redone.down), (2, 65));
    shops.all_show("TEE", 37).await;
    shops.all_show("MUG", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_on_the_master_are_undone_by_time_and_by_account() {
    let shops = Shops::open(&[("TEE", 50)]).await;
    shops.clock.advance(Duration::from_secs(600));
    let noon = shops.clock.now();
    shops.clock.advance(Duration::from_secs(60));
    shops.http.fake().edit(1, "TEE", 10, shops.clock.now()).unwrap();
    shops.settle().await;
    let sku = Sku::new("TEE").unwrap();
    let edit = StockEdit { amount: Amount::Adjust(4), reason: "stock-take".into(), warehouse: None };
    shops.hub.edit_stock(&sku, &edit, "ann").await.unwrap();
    sell(&shops, 3, "TEE", 2);
    shops.settle().await;
    shops.all_show("TEE", 12).await;
    let wanted = Restore { time: Some(noon), apply: true, ..Restore::default() };
    let main = Some(AccountId::new("main").unwrap());
    let (_, report) = restore(&shops, Restore { account: main, ..wanted.clone() }).await;
    assert_eq!((report.up, report.others, report.sold), (40, 4, -2), "the stock take stays");
    shops.all_show("TEE", 52).await;
    let (_, report) = restore(&shops, wanted).await;
    // +40 was counted in the hub, and is an edit since noon like the stock take
    assert_eq!((report.changed, shops.levels("TEE").await["hub"]), (1, 48), "{report:?}");
    shops.all_show("TEE", 48).await;
    let late = Restore { time: Some(Timestamp(noon.0 + 86_400_000_000)), ..Restore::default() };
    let run = shops.hub.start_run(Job::Restore(late), "bob").await.unwrap();
    shops.settle().await;
    assert!(shops.hub.show_run(&run.id).await.unwrap().error.unwrap().contains("future"));
    let both = Restore { time: Some(noon), run: Some("x".into()), ..Restore::default() };
    assert!(shops.hub.start_run(Job::Restore(both), "bob").await.unwrap_err().to_string().contains("exactly one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_that_went_the_wrong_way_is_turned_round() {
    let shops = Shops::connect(&[("TEE", 1)]).await;
    shops.http.fake().edit(2, "TEE", 80, shops.clock.now()).unwrap();
    shops.settle().await;
    let adoption = shops.hub.adopt(true, &engine::adopt::Silent).await.unwrap();
    shops.settle().await;
    shops.all_show("TEE", 1).await;
    sell(&shops, 3, "TEE", 1);
    shops.settle().await;
    let north = Some(AccountId::new("north").unwrap());
    let wanted = Restore { snapshot: adoption.snapshot, levels_of: north, apply: true, ..Restore::default() };
    let (_, report) = restore(&shops, wanted.clone()).await;
    assert_eq!((report.up, report.sold), (79, -1));
    shops.all_show("TEE", 79).await;
    assert_eq!(restore(&shops, wanted).await.1.changed, 0);
}
