//! A shopkeeper's day on three stores: the main job over the embedded ports, step by step.

use channels::Clock;
use channels::fake::Fake;
use std::time::Duration;
use tests::shops::Shops;

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_on_a_replica_reaches_the_master_and_the_other_replica() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().sell(2, "TEE", 2, shops.clock.now()).expect("a sale");
    shops.settle().await;
    shops.all_show("TEE", 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_on_the_master_reaches_both_replicas() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().edit(1, "TEE", 25, shops.clock.now()).expect("an edit");
    shops.settle().await;
    shops.all_show("TEE", 25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_everywhere_at_once_are_all_counted() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 40)]).await;
    for business in [1, 2, 3] {
        shops.http.fake().sell(business, "TEE", 1, shops.clock.now()).expect("a sale");
        shops.http.fake().sell(business, "MUG", 3, shops.clock.now()).expect("a sale");
    }
    shops.settle().await;
    shops.all_show("TEE", 7).await;
    shops.all_show("MUG", 31).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_import_on_the_master_is_found_by_the_comparison() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().import_silently(1, "TEE", 60, shops.clock.now()).expect("an import");
    shops.settle().await;
    assert_eq!(shops.levels("TEE").await["north"], 10, "no webhook told");
    shops.hub.run_task(engine::work::Task::Compare).await.expect("a comparison");
    shops.settle().await;
    shops.all_show("TEE", 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_on_a_replica_is_overwritten() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().edit(2, "TEE", 99, shops.clock.now()).expect("an edit");
    shops.settle().await;
    shops.all_show("TEE", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_webhook_is_healed_by_the_sweep() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().sell(3, "TEE", 4, shops.clock.now()).expect("a sale");
    let now = shops.clock.now();
    drop(shops.http.fake().due(now.plus_ms(60_000)));
    shops.clock.advance(Duration::from_secs(60));
    shops.hub.sweep().await.expect("a sweep");
    shops.settle().await;
    shops.all_show("TEE", 6).await;
}
