//! What people are told afterwards: the history of an item, of an account and of a run, and how long changes took.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use channels::Clock;
use domain::{AccountId, GroupId, Sku};
use engine::adopt::Silent;
use engine::records::History;
use engine::runs::{Job, Restore, RestoreReport, Run, RunState};
use engine::settings::NewGroup;
use engine::stock::Mode;
use engine::table::Line;
use std::time::Duration;
use tests::shops::Shops;

fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

async fn done(shops: &Shops, job: Job) -> Run {
    let run = shops.hub.start_run(job, "ann").await.unwrap();
    shops.settle().await;
    let run = shops.hub.show_run(&run.id).await.unwrap();
    assert_eq!(run.state, RunState::Done, "{run:?}");
    run
}

async fn import(shops: &Shops, lines: &[(&str, &str)]) -> Run {
    let job = Job::Import { mode: Mode::Set, warehouse: None, reason: "stock take".into(), dry_run: false };
    let run = shops.hub.start_run(job, "ann").await.unwrap();
    let line = |(place, (sku, quantity)): (usize, &(&str, &str))| Line {
        line: place as u64 + 1,
        sku: (*sku).into(),
        quantity: (*quantity).into(),
        warehouse: None,
    };
    shops.hub.give_run(&run.id, lines.iter().enumerate().map(line).collect(), true).await.unwrap();
    shops.hub.close_run(&run.id).await.unwrap();
    shops.settle().await;
    shops.hub.show_run(&run.id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_told_by_item_by_account_and_by_run() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 5)]).await;
    shops.http.fake().sell(2, "TEE", 3, shops.clock.now()).unwrap();
    // the webhook is on its way for a while, and the queue takes its time
    shops.clock.advance(Duration::from_millis(400));
    shops.settle().await;
    let history: Vec<History> = shops.hub.history(&sku("TEE"), None, 50).await.unwrap().rows;
    let sale = history.iter().find(|line| line.level == (10, 7)).unwrap();
    assert_eq!(sale.cause, "webhook");
    for name in ["main", "south"] {
        let written = sale.pushed.iter().find(|pushed| pushed.listing.account.as_str() == name).unwrap();
        assert_eq!((written.from, written.to), (10, 7));
        assert!(written.ms.is_some_and(|ms| (0..60_000).contains(&ms)), "when {name} confirmed it: {written:?}");
    }
    shops.hub.flush_health(true).await.unwrap();
    let latency = shops.hub.show_account(&AccountId::new("south").unwrap()).await.unwrap().latency.unwrap();
    assert!(latency.count >= 1 && latency.p50_ms <= latency.p95_ms && latency.p95_ms > 0, "{latency:?}");

    let run = import(&shops, &[("TEE", "20"), ("MUG", "9")]).await;
    let changes = shops.hub.run_changes(&run.id, None, 50).await.unwrap().rows;
    let told: Vec<_> = changes.iter().map(|one| (one.sku.as_str(), one.before, one.after)).collect();
    assert_eq!(told, [("TEE", 7, 20), ("MUG", 5, 9)]);

    let north = AccountId::new("north").unwrap();
    let day = shops.hub.history_of_day(shops.clock.now(), Some(&north), None, 50).await.unwrap().rows;
    assert!(
        !day.is_empty()
            && day.iter().all(|line| {
                line.seen.iter().any(|seen| seen.listing.account == north)
                    || line.pushed.iter().any(|pushed| pushed.listing.account == north)
            })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_one_group_are_taken_back_and_others_stay() {
    let shops = Shops::open(&[("TEE", 10), ("HAT", 10), ("MUG", 5)]).await;
    let shirts = GroupId::new("shirts").unwrap();
    let group = NewGroup { id: shirts.clone(), title: None, rank: None };
    shops.hub.put_group(&group, "ann", &Silent).await.unwrap();
    shops.hub.group_items(&shirts, &[sku("TEE"), sku("HAT")], &[], "ann").await.unwrap();
    let began = shops.clock.now();
    shops.clock.advance(Duration::from_secs(2));
    import(&shops, &[("TEE", "1"), ("HAT", "2"), ("MUG", "3")]).await;
    shops.http.fake().sell(2, "HAT", 1, shops.clock.now()).unwrap();
    shops.settle().await;
    let wanted = Restore { time: Some(began), group: Some(shirts), ..Restore::default() };
    let preview: RestoreReport =
        serde_json::from_value(done(&shops, Job::Restore(wanted.clone())).await.result.unwrap()).unwrap();
    assert_eq!((preview.items, preview.changed, preview.up), (2, 2, 17));
    done(&shops, Job::Restore(Restore { apply: true, ..wanted.clone() })).await;
    shops.all_show("TEE", 10).await;
    shops.all_show("HAT", 9).await;
    shops.all_show("MUG", 3).await;
    let nobody = Restore { group: Some(GroupId::new("nobody").unwrap()), ..wanted };
    let run = shops.hub.start_run(Job::Restore(nobody), "ann").await.unwrap();
    shops.settle().await;
    let error = shops.hub.show_run(&run.id).await.unwrap().error.unwrap();
    assert_eq!(error, "there is no group \"nobody\"");
}
