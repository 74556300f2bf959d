//! The first sync in every direction: to the hub, to the store, only compared; with SKUs left out.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use channels::Clock;
use domain::{AccountId, Sku};
use engine::adopt::{Adoption, Direction};
use engine::runs::{Job, Restore, RunState};
use std::collections::BTreeMap;
use tests::shops::Shops;

fn id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

async fn done(shops: &Shops, job: Job) -> Result<Adoption, String> {
    let run = shops.hub.start_run(job, "ann").await.map_err(|error| error.to_string())?;
    shops.settle().await;
    let run = shops.hub.show_run(&run.id).await.unwrap();
    if run.state != RunState::Done {
        return Err(run.error.unwrap());
    }
    Ok(serde_json::from_value(run.result.unwrap()).unwrap_or_default())
}

async fn sync(shops: &Shops, apply: bool, ways: &[(&str, Direction)], exclude: &[&str]) -> Result<Adoption, String> {
    let directions: BTreeMap<_, _> = ways.iter().map(|(name, way)| (id(name), *way)).collect();
    let exclude = exclude.iter().map(ToString::to_string).collect();
    done(shops, Job::Adopt { apply, directions, exclude }).await
}

fn stock(shops: &Shops, store: u64, sku: &str, level: i64) {
    shops.http.fake().edit(store, sku, level, shops.clock.now()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_right_gives_the_hub_its_levels() {
    let shops = Shops::connect(&[("TEE", 1), ("MUG", 2)]).await;
    stock(&shops, 2, "TEE", 80);
    shops.settle().await;
    let ways = [("north", Direction::ToHub), ("main", Direction::ToStore)];
    let preview = sync(&shops, false, &ways, &[]).await.unwrap();
    assert_eq!((preview.new_items, preview.accounts[&id("main")].gains), (2, 79));
    assert!(shops.hub.show_item(&Sku::new("TEE").unwrap()).await.is_err(), "a preview changes nothing");
    let applied = sync(&shops, true, &ways, &[]).await.unwrap();
    let shown = |found: &Adoption| serde_json::to_value(&found.accounts).unwrap();
    assert_eq!(shown(&applied), shown(&preview), "by the same path");
    shops.all_show("TEE", 80).await;
    shops.all_show("MUG", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_wrong_is_corrected_by_an_edit_that_can_be_undone() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 5)]).await;
    shops.hub.change_account(&id("north"), serde_json::from_str(r#"{"paused":true}"#).unwrap()).await.unwrap();
    let edit = engine::stock::StockEdit {
        reason: "mistake".into(),
        ..serde_json::from_str(r#"{"set":3,"reason":"x"}"#).unwrap()
    };
    shops.hub.edit_stock(&Sku::new("TEE").unwrap(), &edit, "ann").await.unwrap();
    shops.settle().await;
    assert_eq!(shops.levels("TEE").await["north"], 10, "it is paused");
    shops.http.fake().sell(3, "MUG", 1, shops.clock.now()).unwrap();
    shops.settle().await;
    let applied = sync(&shops, true, &[("north", Direction::ToHub)], &["MUG"]).await.unwrap();
    assert_eq!((applied.corrected, applied.hub_gains, applied.excluded), (1, 7, 1));
    let levels = shops.levels("TEE").await;
    assert_eq!((levels["hub"], levels["main"], levels["south"]), (10, 10, 10), "{levels:?}");
    let restore = Restore { snapshot: applied.snapshot, apply: true, ..Restore::default() };
    shops.hub.start_run(Job::Restore(restore), "bob").await.unwrap();
    shops.settle().await;
    assert_eq!((shops.levels("TEE").await["hub"], shops.levels("MUG").await["hub"]), (3, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_only_compared_is_neither_mapped_nor_written() {
    let shops = Shops::connect(&[("TEE", 10), ("OLD-1", 3)]).await;
    stock(&shops, 3, "TEE", 4);
    shops.settle().await;
    let applied = sync(&shops, true, &[("south", Direction::Compare)], &["OLD-*"]).await.unwrap();
    let south = &applied.accounts[&id("south")];
    assert_eq!((applied.excluded, south.matched, south.will_change, south.gains), (1, 1, 1, 6));
    assert_eq!(south.direction, Some(Direction::Compare));
    shops.http.fake().sell(1, "TEE", 1, shops.clock.now()).unwrap();
    shops.settle().await;
    let levels = shops.levels("TEE").await;
    assert_eq!((levels["hub"], levels["north"], levels["south"]), (9, 9, 4), "{levels:?}");
    assert!(shops.hub.show_item(&Sku::new("OLD-1").unwrap()).await.is_err());
    // later it joins like any new store
    sync(&shops, true, &[], &["OLD-*"]).await.unwrap();
    shops.all_show("TEE", 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_truths_are_refused() {
    let shops = Shops::connect(&[("TEE", 10)]).await;
    let both = [("north", Direction::ToHub), ("south", Direction::ToHub)];
    assert!(sync(&shops, true, &both, &[]).await.unwrap_err().contains("choose one"));
    assert!(sync(&shops, true, &[("west", Direction::Compare)], &[]).await.unwrap_err().contains("directions.west"));
}
