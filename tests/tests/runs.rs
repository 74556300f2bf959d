//! Runs: long jobs that are listed, go on after a crash, and can be stopped.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use channels::Clock;
use engine::adopt::{Adoption, Silent};
use engine::bulk::BulkReport;
use engine::reconcile::Comparison;
use engine::runs::{Driven, Job, Run, RunState};
use engine::settings::{GroupView, SettingsReport};
use engine::work::Task;
use engine::{Config, Hub};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tests::shops::Shops;

/// Has a run driven by somebody else for every single chunk, each of them a machine that has just started; gives how many
/// it took.
async fn by_many(shops: &Shops, job: Job) -> (Run, usize) {
    let run = shops.hub.enter_run(job, "ann").await.unwrap();
    for chunk in 1..500 {
        let (store, queue, vault) = (&shops.hub.store, &shops.hub.queue, &shops.hub.vault);
        let config = Config { deadline: Duration::ZERO, ..shops.hub.config.clone() };
        let ports = (Arc::clone(store), Arc::clone(queue), Arc::clone(vault));
        let (http, clock) = (Arc::clone(&shops.http) as _, Arc::clone(&shops.clock) as _);
        let machine = Hub::new(ports.0, ports.1, ports.2, http, clock, config);
        match machine.drive(&run.id, &Silent).await.unwrap() {
            Driven::Ended(run) => return (run, chunk),
            Driven::More(run) => assert_eq!(run.state, RunState::Running),
            Driven::Failed(error) => panic!("{error}"),
            Driven::Later(run) => panic!("{run:?}"),
            Driven::Elsewhere => panic!("somebody else drives it"),
        }
    }
    panic!("it does not end");
}

fn came_to<T: DeserializeOwned>(run: Run) -> T {
    assert_eq!(run.state, RunState::Done, "{run:?}");
    serde_json::from_value(run.result.unwrap()).unwrap()
}

/// A few minutes pass, with their sweeps: a difference must stand still before it is believed.
async fn minutes(shops: &Shops) {
    for _ in 0..3 {
        shops.settle().await;
        shops.clock.advance(Duration::from_secs(60));
        shops.hub.sweep().await.unwrap();
    }
    shops.settle().await;
}

/// More products than one chunk takes.
fn many(count: usize) -> Vec<(String, i64)> {
    (0..count).map(|number| (format!("SKU-{number:04}"), 5)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_and_a_comparison_go_on_from_chunk_to_chunk_whoever_drives_them() {
    let many = many(1_200);
    let products: Vec<(&str, i64)> = many.iter().map(|(sku, level)| (sku.as_str(), *level)).collect();
    let shops = Shops::connect(&products).await;
    shops.http.fake().edit(2, "SKU-0007", 9, shops.clock.now()).unwrap();
    let (run, chunks) = by_many(&shops, Job::adopt(false)).await;
    let preview: Adoption = came_to(run);
    assert!(chunks > 5, "{chunks} chunks");
    let (run, _) = by_many(&shops, Job::adopt(true)).await;
    let done: Adoption = came_to(run);
    assert_eq!((preview.new_items, preview.new_listings), (1_200, 3_600));
    assert_eq!((done.new_items, done.new_listings), (1_200, 3_600));
    assert_eq!(serde_json::to_value(&done.accounts).unwrap(), serde_json::to_value(&preview.accounts).unwrap());
    assert!(done.snapshot.is_some() && preview.snapshot.is_none());
    shops.settle().await;
    shops.all_show("SKU-0007", 5).await;

    // nothing tells of this one
    shops.http.fake().import_silently(2, "SKU-1100", 8, shops.clock.now()).unwrap();
    let compare = |dry_run, quick| Job::Reconcile { account: None, dry_run, quick };
    let (run, _) = by_many(&shops, compare(true, false)).await;
    let told: Comparison = came_to(run);
    let north = domain::AccountId::new("north").unwrap();
    assert_eq!((told.accounts[&north].compared, told.accounts[&north].nominated), (1_200, 1));
    assert_eq!(told.accounts[&north].unmapped, 0);
    let (run, _) = by_many(&shops, compare(false, false)).await;
    let found: Comparison = came_to(run);
    assert_eq!(found.accounts[&north].nominated, 1);
    minutes(&shops).await;
    shops.all_show("SKU-1100", 5).await;
    shops.http.fake().import_silently(3, "SKU-0003", 1, shops.clock.now()).unwrap();
    let (run, _) = by_many(&shops, compare(false, true)).await;
    let quick: Comparison = came_to(run);
    assert_eq!(quick.accounts.values().map(|one| one.nominated).sum::<u64>(), 1, "{quick:?}");
    minutes(&shops).await;
    shops.all_show("SKU-0003", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_changes_of_many_go_on_from_chunk_to_chunk_whoever_drives_them() {
    let many = many(520);
    let products: Vec<(&str, i64)> = many.iter().map(|(sku, level)| (sku.as_str(), *level)).collect();
    let shops = Shops::open(&products).await;
    let job: Job = serde_json::from_str(r#"{"kind":"settings","set":{"hold_back":2},"apply":true}"#).unwrap();
    let (run, chunks) = by_many(&shops, job).await;
    let set: SettingsReport = came_to(run);
    assert_eq!((set.items, set.changes), (520, 1_560));
    assert!(chunks > 1, "{chunks} chunks");
    shops.settle().await;
    assert_eq!(shops.levels("SKU-0100").await["north"], 3);
    let job =
        r#"{"kind":"change","filter":{"text":"sku-05"},"action":{"do":"set","set":{"hold_back":"off"}},"apply":true}"#;
    let (run, _) = by_many(&shops, serde_json::from_str(job).unwrap()).await;
    let changed: BulkReport = came_to(run);
    assert_eq!((changed.matched, changed.changed, changed.failures), (20, 20, 0));
    shops.settle().await;
    assert_eq!((shops.levels("SKU-0100").await["north"], shops.levels("SKU-0500").await["north"]), (3, 5));
    let (run, _) = by_many(&shops, Job::Mapping { account: None }).await;
    assert_eq!(run.result.unwrap()["north"]["mapped"], 520);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_moved_and_removed_from_chunk_to_chunk_whoever_drives_them() {
    let many = many(520);
    let products: Vec<(&str, i64)> = many.iter().map(|(sku, level)| (sku.as_str(), *level)).collect();
    let shops = Shops::open(&products).await;
    let job = |text: &str| serde_json::from_str::<Job>(text).unwrap();
    for (group, cap) in [("first", 4), ("second", 1)] {
        let (run, _) =
            by_many(&shops, job(&format!(r#"{{"kind":"group","order":{{"do":"put","group":{{"id":"{group}"}}}}}}"#)))
                .await;
        assert_eq!(came_to::<GroupView>(run).id.as_str(), group);
        let set = format!(r#"{{"kind":"settings","scope":{{"group":"{group}"}},"set":{{"cap":{cap}}},"apply":true}}"#);
        by_many(&shops, job(&set)).await;
        let join = format!(r#"{{"kind":"change","action":{{"do":"group","add":["{group}"]}},"apply":true}}"#);
        by_many(&shops, job(&join)).await;
    }
    shops.settle().await;
    assert_eq!(shops.levels("SKU-0510").await["north"], 4, "the first group wins");
    let (run, chunks) = by_many(&shops, job(r#"{"kind":"group","order":{"do":"rise","id":"second"}}"#)).await;
    assert!(came_to::<GroupView>(run).rank < 20 && chunks > 2, "{chunks} chunks");
    shops.settle().await;
    assert_eq!((shops.levels("SKU-0001").await["north"], shops.levels("SKU-0510").await["north"]), (1, 1));
    let (run, chunks) = by_many(&shops, job(r#"{"kind":"group","order":{"do":"remove","id":"second"}}"#)).await;
    let left: SettingsReport = came_to(run);
    assert_eq!((left.items, left.changes), (520, 1_560), "{chunks} chunks");
    shops.settle().await;
    assert_eq!((shops.levels("SKU-0001").await["north"], shops.levels("SKU-0510").await["north"]), (4, 4));
    let names = shops.hub.list_groups().await.unwrap().into_iter().map(|group| group.id.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_done_by_the_workers_and_listed() {
    let shops = Shops::connect(&[("TEE", 10), ("MUG", 4)]).await;
    let run = shops.hub.start_run(Job::adopt(true), "ann").await.unwrap();
    assert_eq!(run.state, RunState::Waiting);
    shops.settle().await;
    let run = shops.hub.show_run(&run.id).await.unwrap();
    assert_eq!((run.state, run.actor.as_str(), run.error.as_deref()), (RunState::Done, "ann", None));
    assert_eq!(run.result.unwrap()["new_items"], 2);
    assert!(run.progress.done > 0 && run.ended.is_some(), "{:?}", run.progress);
    shops.all_show("TEE", 10).await;
    let later =
        shops.hub.start_run(Job::Reconcile { account: None, dry_run: true, quick: false }, "bob").await.unwrap();
    let listed = shops.hub.list_runs(None, 10).await.unwrap().rows;
    assert_eq!(listed.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), [later.id.as_str(), run.id.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reads_whole_stores_waits_for_its_turn_and_can_be_cancelled() {
    let shops = Shops::connect(&[("TEE", 10)]).await;
    let job = || Job::adopt(true);
    let run = shops.hub.enter_run(job(), "ann").await.unwrap();
    let refused = shops.hub.enter_run(job(), "bob").await.unwrap_err().to_string();
    assert!(refused.contains(&run.id) && refused.contains("cancel"), "{refused}");
    let cancelled = shops.hub.cancel_run(&run.id).await.unwrap();
    assert_eq!(cancelled.state, RunState::Cancelled);
    assert!(matches!(shops.hub.drive(&run.id, &Silent).await.unwrap(), Driven::Elsewhere), "it has ended");
    assert!(shops.hub.cancel_run(&run.id).await.unwrap_err().to_string().contains("ended already"));
    shops.hub.enter_run(job(), "bob").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_driver_died_is_picked_up_by_the_sweep() {
    let shops = Shops::connect(&[("TEE", 10)]).await;
    let run = shops.hub.enter_run(Job::adopt(true), "ann").await.unwrap();
    {
        // the driver dies at its first await that matters: the lease is taken, nothing is done
        let driving = shops.hub.drive(&run.id, &Silent);
        let dies = tokio::time::timeout(Duration::ZERO, driving).await;
        assert!(dies.is_err(), "it was dropped half way");
    }
    shops.clock.advance(Duration::from_secs(1_000));
    shops.hub.run_task(Task::Sweep).await.unwrap();
    shops.settle().await;
    let run = shops.hub.show_run(&run.id).await.unwrap();
    assert_eq!((run.state, run.error), (RunState::Done, None));
    shops.all_show("TEE", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_succeed_says_why() {
    let shops = Shops::connect(&[("TEE", 10)]).await;
    let nobody = Some(domain::AccountId::new("nobody").unwrap());
    let job = Job::Reconcile { account: nobody, dry_run: false, quick: false };
    let run = shops.hub.start_run(job, "ann").await.unwrap();
    shops.settle().await;
    let run = shops.hub.show_run(&run.id).await.unwrap();
    assert_eq!(run.state, RunState::Failed);
    assert!(run.error.unwrap().contains("nobody"));
}
