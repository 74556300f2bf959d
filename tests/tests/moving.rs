//! Moving a hub: everything that matters out of one that stands still, into an empty other, and on as if nothing had been.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use channels::Clock;
use engine::moving::{FORMAT, MovedRow};
use engine::runs::Job;
use engine::stock::{Amount, StockEdit};
use engine::work::Task;
use std::time::Duration;
use tests::shops::Shops;

/// After so long everything has come to rest.
const QUIET: Duration = Duration::from_secs(45);

fn sku() -> domain::Sku {
    domain::Sku::new("TEE").unwrap()
}

async fn everything(shops: &Shops) -> Vec<MovedRow> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = shops.hub.export_page(after.as_deref()).await.unwrap();
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

fn edit(level: i64) -> StockEdit {
    StockEdit { amount: Amount::Set(level), reason: "stock take".into(), warehouse: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_moves_with_all_that_it_has_counted() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 4)]).await;
    shops.http.fake().sell(2, "TEE", 2, shops.clock.now()).unwrap();
    shops.settle().await;
    shops.hub.edit_stock(&sku(), &edit(20), "ann").await.unwrap();
    shops.settle().await;
    let early = shops.hub.export_page(None).await.unwrap_err().to_string();
    assert!(early.contains("stand still"), "{early}");
    shops.hub.stand_still().await.unwrap();
    assert!(shops.hub.export_page(None).await.is_err(), "its workers may still be at it");
    shops.clock.advance(QUIET);
    // what happens now is counted by the other one
    shops.http.fake().sell(3, "TEE", 5, shops.clock.now()).unwrap();
    shops.settle().await;
    assert_eq!(shops.levels("TEE").await["hub"], 20, "it stands still");
    assert!(shops.hub.edit_stock(&sku(), &edit(1), "ann").await.unwrap_err().to_string().contains("--resume"));
    assert!(shops.hub.start_run(Job::Snapshot, "ann").await.is_err());
    let (rows, secrets) = (everything(&shops).await, shops.hub.all_secrets().await.unwrap());

    let other = shops.another_hub().await;
    assert!(other.hub.import_rows(Vec::new()).await.is_err(), "it was not begun");
    assert!(other.hub.begin_import(FORMAT + 1).await.unwrap_err().to_string().starts_with("format: "));
    other.hub.begin_import(FORMAT).await.unwrap();
    for rows in rows.chunks(7) {
        other.hub.import_rows(rows.to_vec()).await.unwrap();
    }
    other.hub.import_secrets(secrets).await.unwrap();
    assert_eq!(other.hub.go_on().await.unwrap(), [], "every account has its secrets");
    other.hub.run_task(Task::Sweep).await.unwrap();
    other.settle().await;
    other.all_show("TEE", 15).await;
    other.all_show("MUG", 4).await;
    let history = other.hub.history(&sku(), None, 50).await.unwrap().rows;
    assert!(history.iter().any(|line| line.actor.as_deref() == Some("ann")), "the past came along: {history:?}");
    let again = everything_of(&other).await;
    let ledger = |rows: &[MovedRow]| rows.iter().filter(|row| row.sk == "ITEM").cloned().collect::<Vec<_>>();
    assert_eq!(ledger(&again), ledger(&rows), "what was not touched is as it was, byte for byte");
    assert!(other.hub.begin_import(FORMAT).await.unwrap_err().to_string().contains("empty"));
}

async fn everything_of(shops: &Shops) -> Vec<MovedRow> {
    shops.hub.stand_still().await.unwrap();
    shops.clock.advance(QUIET);
    let rows = everything(shops).await;
    shops.hub.go_on().await.unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_stays_after_all_goes_on_and_has_missed_nothing() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.hub.stand_still().await.unwrap();
    shops.http.fake().sell(2, "TEE", 3, shops.clock.now()).unwrap();
    shops.settle().await;
    assert_eq!(shops.levels("TEE").await["hub"], 10);
    assert_eq!(shops.hub.go_on().await.unwrap(), []);
    shops.settle().await;
    shops.all_show("TEE", 7).await;
}
