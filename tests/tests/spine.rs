//! A shopkeeper's day on three stores: the main job over the embedded ports, step by step.

use channels::Clock;
use channels::fake::Fake;
use channels::shopwired::fake::{Failure, Fault, When, Which};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_line_comes_back_once_and_everywhere() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    let order = shops.http.fake().sell(2, "TEE", 3, shops.clock.now()).expect("a sale");
    shops.settle().await;
    shops.all_show("TEE", 7).await;
    let line = shops.http.fake().lines(2, order)[0].item;
    shops.http.fake().cancel(2, order, shops.clock.now()).expect("cancelled");
    shops.http.fake().return_line(2, line, shops.clock.now()).expect("returned");
    shops.settle().await;
    shops.all_show("TEE", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_echo_nothing_changes_in_the_result() {
    let shops = Shops::open(&[("TEE", 20)]).await;
    for business in [1, 2, 3] {
        shops.http.fake().switches(business).expect("the store").echo = false;
    }
    for (business, quantity) in [(2, 1), (3, 2), (1, 4), (2, 5)] {
        shops.http.fake().sell(business, "TEE", quantity, shops.clock.now()).expect("a sale");
        shops.settle().await;
    }
    shops.all_show("TEE", 8).await;
    shops.http.fake().edit(1, "TEE", 30, shops.clock.now()).expect("an edit");
    shops.settle().await;
    shops.all_show("TEE", 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_may_not_read_the_log_count_by_orders() {
    let shops = Shops::connect(&[("TEE", 20)]).await;
    for (name, business) in tests::shops::STORES {
        shops.http.fake().forbid(business, &format!("key-{name}"), &["events"]).expect("the store");
        let id = domain::AccountId::new(name).expect("a name");
        shops.hub.remove_account(&id).await.expect("removed");
        shops.hub.add_account(tests::shops::new_account(name, business)).await.expect("added again");
    }
    shops.deliver().await;
    shops.hub.adopt(true, &engine::adopt::Silent).await.expect("adopted");
    shops.settle().await;
    shops.http.fake().sell(2, "TEE", 3, shops.clock.now()).expect("a sale");
    shops.http.fake().sell(1, "TEE", 1, shops.clock.now()).expect("a sale");
    shops.settle().await;
    shops.all_show("TEE", 16).await;
    shops.http.fake().edit(1, "TEE", 26, shops.clock.now()).expect("an edit");
    shops.settle().await;
    shops.all_show("TEE", 26).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_catches_up_when_it_comes_back() {
    let shops = Shops::open(&[("TEE", 20)]).await;
    shops.http.fake().sell(2, "TEE", 1, shops.clock.now()).expect("a sale");
    let down = Fault { failure: Failure::Status(503), when: When::default(), which: Which::All, left: None };
    shops.http.fake().fail(3, down).expect("the store");
    shops.settle().await;
    assert_eq!(shops.levels("TEE").await["south"], 20, "it is down");
    shops.http.fake().heal(3).expect("the store");
    shops.clock.advance(Duration::from_secs(400));
    shops.hub.sweep().await.expect("a sweep");
    shops.settle().await;
    shops.all_show("TEE", 19).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_has_just_failed_is_not_tried_again_for_the_rest_of_a_batch() {
    let skus: Vec<String> = (0..20).map(|number| format!("TEE-{number}")).collect();
    let products: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 10)).collect();
    let shops = Shops::open(&products).await;
    // so that no call has to wait for its turn
    shops.clock.advance(Duration::from_secs(120));
    let down = Fault { failure: Failure::Status(503), when: When::default(), which: Which::All, left: None };
    shops.http.fake().fail(3, down).expect("the store");
    let (asked, began) = (shops.http.fake().requests(3), shops.clock.now());
    for sku in &skus {
        shops.http.fake().sell(1, sku, 1, shops.clock.now()).expect("sold");
    }
    shops.deliver().await;
    shops.work().await;
    assert_eq!(shops.http.fake().requests(3) - asked, 1, "twenty writes are two calls, and the first fails");
    assert!(shops.clock.now().since_ms(began) < 1_000, "the healthy one is not kept waiting for the others");
    assert!(skus.iter().all(|sku| shops.http.fake().level(2, sku) == Some(9)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_of_zeros_is_stopped_and_asked_about() {
    let skus: Vec<String> = (0..60).map(|number| format!("SKU-{number:02}")).collect();
    let products: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 5)).collect();
    let shops = Shops::open(&products).await;
    for sku in skus.iter().take(40) {
        shops.http.fake().import_silently(1, sku, 0, shops.clock.now()).expect("an import");
    }
    shops.hub.run_task(engine::work::Task::Compare).await.expect("a comparison");
    shops.settle().await;
    assert_eq!(shops.levels("SKU-00").await["north"], 5, "nothing was zeroed elsewhere");
    let id = domain::AccountId::new("main").expect("a name");
    let account = shops.hub.show_account(&id).await.expect("the account");
    assert!(account.account.quarantine.expect("quarantined").starts_with("40 of 60 stocked SKUs"));
    let release = engine::accounts::AccountPatch { release: true, ..Default::default() };
    shops.hub.change_account(&id, release).await.expect("released");
    shops.settle().await;
    shops.all_show("SKU-00", 0).await;
    shops.all_show("SKU-59", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_that_clashes_is_not_written_until_it_is_resolved() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 10)]).await;
    let twin = channels::shopwired::fake::ProductSpec::simple("TEE", 3);
    let id = shops.http.fake().create_product(2, &twin, shops.clock.now()).expect("a product");
    shops.hub.run_task(engine::work::Task::Compare).await.expect("a comparison");
    shops.http.fake().edit(1, "TEE", 7, shops.clock.now()).expect("an edit");
    shops.settle().await;
    let levels = shops.levels("TEE").await;
    assert_eq!((levels["south"], levels["north"]), (7, 10), "{levels:?}");
    let north = domain::AccountId::new("north").expect("a name");
    assert_eq!(shops.hub.show_account(&north).await.expect("the account").health.clashes, ["TEE"]);
    shops.http.fake().delete_product(2, id, shops.clock.now()).expect("deleted");
    shops.hub.run_task(engine::work::Task::Compare).await.expect("a comparison");
    shops.hub.sync_item(&domain::Sku::new("TEE").expect("a SKU")).await.expect("synced");
    shops.settle().await;
    shops.all_show("TEE", 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_costs_two_writes_of_its_ledger() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().sell(2, "TEE", 1, shops.clock.now()).expect("a sale");
    let now = shops.clock.now();
    let hint = engine::records::Hint::new(
        domain::AccountId::new("north").expect("a name"),
        channels::Touch::Sku(domain::Sku::new("TEE").expect("a SKU")),
        "test",
        now,
    );
    let report = shops.hub.sync(&[hint], engine::sync::Pace::hint()).await.expect("a run");
    assert_eq!((report.commits, report.pushed, report.waiting), (2, 2, 0), "{report:?}");
    shops.settle().await;
    shops.all_show("TEE", 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_edited_in_the_hub_reaches_every_store() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    let sku = domain::Sku::new("TEE").expect("a SKU");
    let edit = engine::stock::StockEdit {
        amount: engine::stock::Amount::Set(42),
        reason: "stock take".into(),
        warehouse: None,
    };
    let change = shops.hub.edit_stock(&sku, &edit, "ann").await.expect("an edit");
    assert_eq!((change.before, change.after), (10, 42));
    shops.settle().await;
    shops.all_show("TEE", 42).await;
    let history = shops.hub.history(&sku, None, 10).await.expect("history").rows;
    assert!(history.iter().any(|line| line.actor.as_deref() == Some("ann")), "{history:?}");
    let why = shops.hub.explain(&sku).await.expect("an explanation");
    assert_eq!((why.level, why.base.values().sum::<i64>()), (42, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sold_line_without_a_movement_is_told_and_not_counted() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().switches(2).expect("the store").edit_order = channels::shopwired::fake::EditOrder::Nothing;
    let order = shops.http.fake().sell(2, "TEE", 1, shops.clock.now()).expect("a sale");
    shops.http.fake().edit_order(2, order, &[("TEE", 4)], shops.clock.now()).expect("edited");
    shops.settle().await;
    shops.all_show("TEE", 9).await;
    shops.clock.advance(Duration::from_secs(7_200));
    shops.hub.audit_orders().await.expect("audited");
    let id = domain::AccountId::new("north").expect("a name");
    let told = shops.hub.show_account(&id).await.expect("the account").health.unaccounted;
    assert_eq!(told.iter().map(|line| line.quantity).collect::<Vec<_>>(), [4], "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_looks_only_at_what_is_not_as_it_was_and_still_finds_what_was_lost() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 5)]).await;
    shops.hub.compare(None, true, &engine::adopt::Silent).await.expect("compared in full");
    let again = shops.hub.compare_quickly(None, &engine::adopt::Silent).await.expect("compared");
    assert!(again.accounts.values().all(|account| account.nominated == 0), "{again:?}");
    shops.http.fake().import_silently(1, "TEE", 60, shops.clock.now()).expect("an import");
    let found = shops.hub.compare_quickly(None, &engine::adopt::Silent).await.expect("compared");
    assert_eq!(found.accounts.values().map(|account| account.nominated).sum::<u64>(), 1, "{found:?}");
    shops.settle().await;
    shops.all_show("TEE", 60).await;
    // a store that takes a write and does not carry it out shows what it showed at the last comparison
    let north = domain::AccountId::new("north").expect("a name");
    shops.hub.compare_quickly(None, &engine::adopt::Silent).await.expect("compared");
    let sku = domain::Sku::new("MUG").expect("a SKU");
    let edit = engine::stock::StockEdit {
        amount: engine::stock::Amount::Set(3),
        reason: "stock take".into(),
        warehouse: None,
    };
    shops.hub.edit_stock(&sku, &edit, "ann").await.expect("an edit");
    shops.settle().await;
    shops.http.fake().import_silently(2, "MUG", 5, shops.clock.now()).expect("as if it had never been written");
    let found = shops.hub.compare_quickly(None, &engine::adopt::Silent).await.expect("compared");
    assert_eq!(found.accounts[&north].nominated, 1, "{found:?}");
    shops.settle().await;
    shops.all_show("MUG", 3).await;
}
