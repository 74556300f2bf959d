//! Points of the fake that no other test needs, and one more unknown.

use crate::platform::{Shop, feed, own, read};
use crate::{SELLER, UK, World};
use channels::amazon::Amazon;
use channels::amazon::fake::{Fate, ListingSpec};
use channels::{Channel, ErrorKind};
use domain::{LocationId, Sku, Timestamp};
use serde_json::{Value, json};

#[tokio::test]
async fn a_client_secret_that_has_ended_is_unauthorized_and_a_new_one_helps() {
    let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.secret_expired = true);
    let asked = [(Sku::new("MUG").unwrap(), LocationId::single(), "MUG".to_owned())];
    let error = Amazon.levels(world.session(), &asked).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unauthorized && error.context.contains("invalid_client"), "{error}");
    world.fake().switches(SELLER).unwrap().secret_expired = false;
    assert_eq!(world.levels(&["MUG"]).await, [Some(5)]);
}

#[test]
fn more_messages_than_a_feed_may_hold_are_fatal() {
    let mut shop = Shop::new(|switches| switches.gzip = false);
    let message = |id: usize| {
        json!({"messageId": id, "sku": "MUG", "operationType": "PATCH", "productType": "PRODUCT",
            "patches": [{"op": "merge", "path": "/attributes/fulfillment_availability", "value": [own(9)]}]})
    };
    for (count, status, level) in [(25_001, "FATAL", 5), (25_000, "DONE", 9)] {
        let messages: Vec<Value> = (1..=count).map(message).collect();
        let body = json!({"header": {"sellerId": SELLER, "version": "2.0"}, "messages": messages});
        assert_eq!(feed(&mut shop, &body).0, status, "{count}");
        shop.later(60);
        assert_eq!(shop.fake.level(SELLER, "MUG"), Some(level));
    }
}

/// UNKNOWN: whether a feed that ends `FATAL` has a processing report. None is read: a level tells.
#[tokio::test]
async fn a_fatal_feed_may_say_why_or_not() {
    for tells in [true, false] {
        let mut shop = Shop::new(|switches| (switches.gzip, switches.fatal_tells) = (false, tells));
        let (status, report) = feed(&mut shop, &json!({"header": {"sellerId": "ANOTHER"}, "messages": []}));
        assert_eq!((status.as_str(), report["issues"][0]["code"] == "4002001"), ("FATAL", tells));
        let world = World::new().stocked(&[("A/1", 5)]);
        world.switch(|switches| (switches.feed_fate, switches.fatal_tells) = (Fate::Fatal, tells));
        assert_eq!(world.write(&[("A/1", 6)]).await, ["accepted"]);
        world.pass(1_800);
        assert_eq!(world.levels(&["A/1"]).await, [Some(5)]);
    }
}

#[tokio::test]
async fn a_slow_feed_is_live_when_it_is_done_and_not_before() {
    let world = World::new().stocked(&[("A/1", 5)]).with(|switches| switches.feed_ms = 1_800_000);
    assert_eq!(world.write(&[("A/1", 6)]).await, ["accepted"]);
    world.pass(1_799);
    assert_eq!(world.levels(&["A/1"]).await, [Some(5)]);
    world.pass(60);
    assert_eq!(world.levels(&["A/1"]).await, [Some(6)]);
}

#[tokio::test]
async fn an_order_that_is_listed_late_is_there_later() {
    let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.search_lag_ms = 600_000);
    let since = Timestamp(world.now().0 - 60_000);
    world.sell("MUG", 2);
    for (seconds, count) in [(300, 0), (301, 1)] {
        world.pass(seconds);
        let page = Amazon.orders_since(world.session(), since, None).await.unwrap();
        assert_eq!(page.rows.len(), count, "after {seconds} s more");
    }
}

#[test]
fn a_path_is_decoded_once() {
    let mut shop = Shop::new(|_| {});
    shop.fake.list(SELLER, &ListingSpec::own("A%2FB", 5), shop.now).unwrap();
    assert_eq!(shop.patch("A%252FB", "merge", &own(7)).1["status"], "ACCEPTED", "a SKU that only looks like a slash");
    shop.later(60);
    assert_eq!(shop.fake.level(SELLER, "A%2FB"), Some(7));
    let get = shop.request(
        &shop.token.clone(),
        "GET",
        &format!("/listings/2021-08-01/items/{SELLER}/A%2FB?marketplaceIds={UK}"),
        &Value::Null,
    );
    assert_eq!(read(&shop.send(get)).0, 403, "a real one");
}
