//! Runs: long jobs that are listed, go on after a crash, and can be stopped.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use engine::adopt::Silent;
use engine::runs::{Driven, Job, RunState};
use engine::work::Task;
use std::time::Duration;
use tests::shops::Shops;

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
