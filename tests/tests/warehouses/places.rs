//! What a shopkeeper with several places sees.

use crate::{CHAIN, MARKET, Town, WEB, listing, location, sku, warehouse};
use channels::Clock;
use domain::{AccountId, Role};
use engine::locations::Order;

fn id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

/// Row A7: warehouses link locations of several stores; a location is in one warehouse only. Row A9: whatever changes in a
/// linked location counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_location_is_in_one_warehouse_and_only_its_own_levels_move() {
    let town = Town::open().await;
    town.stock(CHAIN, "TEE", &[(town.street, 10), (town.shed, 40)]);
    town.stock(WEB, "TEE", &[(town.online, 3)]);
    town.connect("chain", CHAIN, Role::Master, &[]).await;
    town.connect("web", WEB, Role::Replica, &[]).await;
    town.warehouse("depot").await;
    town.link("chain", town.street, "main").await.unwrap();
    town.link("chain", town.shed, "depot").await.unwrap();
    let refused = town.link("chain", town.shed, "main").await.unwrap_err().to_string();
    assert!(refused.contains("belongs to warehouse depot"), "{refused}");
    town.adopt().await;
    assert_eq!(town.level(WEB, "TEE", town.online), Some(10), "the web shop shows what its warehouse has");
    assert_eq!(town.level(CHAIN, "TEE", town.shed), Some(40));

    town.shops().sell(WEB, "TEE", town.online, 2, town.clock.now()).unwrap();
    town.shops().sell(CHAIN, "TEE", town.shed, 1, town.clock.now()).unwrap();
    town.minutes(1).await;
    let shown = [(CHAIN, town.street), (CHAIN, town.shed), (WEB, town.online)]
        .map(|(shop, place)| town.level(shop, "TEE", place).unwrap());
    assert_eq!(shown, [8, 39, 8]);
    assert_eq!((town.hub_level("TEE", "main").await, town.hub_level("TEE", "depot").await), (Some(8), Some(39)));

    // staff edit the linked location: that counts as well
    town.shops().adjust(CHAIN, "TEE", town.street, 20, town.clock.now()).unwrap();
    town.minutes(1).await;
    assert_eq!(town.level(WEB, "TEE", town.online), Some(20));
}

/// Row A7 as well: as many locations as the store has.
#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_may_have_any_number_of_locations() {
    let town = Town::open().await;
    let more: Vec<u64> = (0..60)
        .map(|number| town.shops().add_location(CHAIN, &format!("Branch {number}"), false, town.clock.now()).unwrap())
        .collect();
    town.stock(CHAIN, "TEE", &[(town.street, 5), (more[59], 0)]);
    town.connect("chain", CHAIN, Role::Master, &[]).await;
    let seen = town.hub.list_locations(Some(&id("chain"))).await.unwrap();
    assert_eq!(seen.len(), 62, "also beyond the first fifty");
    town.link("chain", town.street, "main").await.unwrap();
    for place in &more {
        town.link("chain", *place, "main").await.unwrap();
    }
    town.adopt().await;
    assert_eq!(town.level(CHAIN, "TEE", more[59]), Some(5));
}

/// Row A8: levels and new products come from the master location; a product is there before its count shows.
#[tokio::test(flavor = "multi_thread")]
async fn levels_and_products_come_from_the_master_location() {
    let town = Town::open().await;
    town.stock(CHAIN, "TEE", &[(town.street, 10), (town.shed, 40)]);
    town.connect("chain", CHAIN, Role::Master, &[]).await;
    town.link("chain", town.street, "main").await.unwrap();
    town.link("chain", town.shed, "main").await.unwrap();
    town.hub.set_master_location(&listing("chain", town.shed)).await.unwrap();
    town.adopt().await;
    assert_eq!(town.hub_level("TEE", "main").await, Some(40), "not the 10 of the street");
    assert_eq!(town.level(CHAIN, "TEE", town.street), Some(40));

    // a new product comes with the next adoption; at the place that does not lead its count says nothing
    town.stock(CHAIN, "HAT", &[(town.shed, 6), (town.street, 0)]);
    town.adopt().await;
    assert_eq!(town.hub_level("HAT", "main").await, Some(6));
    assert_eq!(town.level(CHAIN, "HAT", town.street), Some(6));
}

/// Row A18: an item is stocked and tracked at a location with the first write, where the account says so; and else left alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_write_stocks_an_item_at_a_location_where_that_is_wanted() {
    for (activate, shown) in [("yes", Some(10)), ("no", None)] {
        let town = Town::open().await;
        let popup = town.shops().add_location(WEB, "Pop-up", false, town.clock.now()).unwrap();
        town.stock(CHAIN, "TEE", &[(town.street, 10)]);
        town.stock(WEB, "TEE", &[(town.online, 3)]);
        town.connect("chain", CHAIN, Role::Master, &[]).await;
        town.connect("web", WEB, Role::Replica, &[("activate", activate)]).await;
        town.link("chain", town.street, "main").await.unwrap();
        town.link("web", town.online, "main").await.unwrap();
        town.link("web", popup, "main").await.unwrap();
        town.adopt().await;
        town.minutes(1).await;
        assert_eq!(town.level(WEB, "TEE", town.online), Some(10));
        assert_eq!(town.level(WEB, "TEE", popup), shown, "activate: {activate}");
    }
}

/// Row A19: what is mapped may be zeroed at locations that belong to no warehouse; off by default, never from missing data.
#[tokio::test(flavor = "multi_thread")]
async fn unlinked_locations_are_zeroed_only_on_request() {
    let town = Town::open().await;
    town.stock(CHAIN, "TEE", &[(town.street, 10), (town.shed, 40)]);
    town.stock(CHAIN, "OTHER", &[(town.shed, 7)]);
    town.connect("chain", CHAIN, Role::Master, &[]).await;
    town.link("chain", town.street, "main").await.unwrap();
    town.adopt().await;
    assert_eq!(town.level(CHAIN, "TEE", town.shed), Some(40), "nobody asked for it");
    let done = town.arrange(&Order::Zero(id("chain"), true)).await.unwrap();
    assert_eq!((done.will_change, done.losses), (1, 40));
    assert!(done.snapshot.is_some(), "what was there is kept");
    town.minutes(2).await;
    assert_eq!(town.level(CHAIN, "TEE", town.shed), Some(0));
    assert_eq!(town.level(CHAIN, "OTHER", town.shed), Some(7), "what is not mapped is not touched");
    assert_eq!(town.hub_level("TEE", "main").await, Some(10), "no unit of the hub is lost by it");
    town.arrange(&Order::Zero(id("chain"), false)).await.unwrap();
    town.shops().adjust(CHAIN, "TEE", town.shed, 40, town.clock.now()).unwrap();
    town.minutes(2).await;
    assert_eq!(town.level(CHAIN, "TEE", town.shed), Some(40), "left alone again");
}

/// Row A20: a market place with one pool shows the sum of the warehouses that feed it, and a write is done only when it is
/// seen there. Row B: n to m links.
#[tokio::test(flavor = "multi_thread")]
async fn a_market_place_shows_the_sum_of_its_warehouses_and_is_verified_later() {
    let town = Town::open().await;
    town.stock(CHAIN, "TEE", &[(town.street, 2), (town.shed, 40)]);
    town.offer("TEE", 1);
    town.connect("chain", CHAIN, Role::Master, &[]).await;
    town.connect_market().await;
    town.warehouse("depot").await;
    town.link("chain", town.street, "main").await.unwrap();
    town.link("chain", town.shed, "depot").await.unwrap();
    town.hub.set_master_location(&listing("chain", town.shed)).await.unwrap();
    town.arrange(&Order::Feed(id("amazon"), vec![warehouse("main"), warehouse("depot")])).await.unwrap();
    town.market().switches(MARKET).unwrap().apply_ms = Some(5 * 60_000);
    town.adopt().await;
    assert_eq!(town.market().level(MARKET, "TEE"), Some(1), "taken, not yet carried out");
    town.minutes(10).await;
    assert_eq!(town.market().level(MARKET, "TEE"), Some(42));

    let now = town.clock.now();
    town.market().sell(MARKET, &[("TEE", 5)], now).unwrap();
    town.minutes(8).await;
    // the first warehouse that has stock is charged, and the next for what it lacks
    assert_eq!((town.level(CHAIN, "TEE", town.street), town.level(CHAIN, "TEE", town.shed)), (Some(0), Some(37)));
    let item = town.hub.show_item(&sku("TEE")).await.unwrap();
    assert_eq!(item.listings.iter().filter(|one| one.listing.location == location(town.shed)).count(), 1);
    assert_eq!(item.level, 37);
}
