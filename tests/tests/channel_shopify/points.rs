//! Points of the fake that no other test needs: what it shows of levels, of deliveries and of orders, and further unknowns.

use crate::platform::{ask, post};
use crate::{SHOP, URL, World, kinds, next};
use channels::shopify::fake::{Failure, When, Which};
use channels::shopify::{API_VERSION, Shopify};
use channels::{Channel, Effect, ErrorKind};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_token_may_be_good_for_less_than_it_says() {
    let world = World::new().with(|switches| switches.token_ms = 60_000).stocked(&[("MUG", 5)]);
    assert_eq!(kinds(&world.write(&[("MUG", 5, 4)]).await), ["applied"]);
    world.clock.advance(Duration::from_secs(60));
    let error = Shopify.unit(world.session(), &world.id("MUG")).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unauthorized, Effect::None));
    world.tokens.forget();
    assert_eq!(kinds(&world.write(&[("MUG", 4, 3)]).await), ["applied"]);
}

/// The levels of an item with their quantities.
async fn levels(world: &World, item: u64, idle: bool) -> Vec<Value> {
    let query = format!(
        "{{ inventoryItem(id: \"gid://shopify/InventoryItem/{item}\") {{ inventoryLevels(first: 5, includeInactive: {idle}) \
        {{ nodes {{ id isActive quantities(names: [\"available\", \"committed\", \"on_hand\"]) {{ name quantity updatedAt }} }} }} }} }}"
    );
    let answer = ask(world, &query, json!({})).await;
    answer["data"]["inventoryItem"]["inventoryLevels"]["nodes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_level_shows_its_quantities_and_on_hand_has_no_time() {
    let world = World::new();
    let item = world.add("MUG", &[(world.main, 2), (world.shed, 4)]);
    world.fake().sell(SHOP, "MUG", world.main, 3, world.now()).unwrap();
    world.fake().connect(SHOP, "MUG", world.shed, false, world.now()).unwrap();
    let shown = levels(&world, item, false).await;
    assert_eq!(shown.len(), 1, "what is not active is hidden");
    let quantity = |name: &str, amount: i64, at: Value| json!({"name": name, "quantity": amount, "updatedAt": at});
    let at = json!("2026-03-12T18:33:00Z");
    assert_eq!(
        shown[0]["quantities"],
        json!([
            quantity("available", -1, at.clone()),
            quantity("committed", 3, at),
            quantity("on_hand", 2, Value::Null),
        ]),
        "below zero is a number like any other"
    );
    assert!(shown[0]["id"].as_str().unwrap().ends_with(&format!("?inventory_item_id={item}")), "{}", shown[0]["id"]);
    let all = levels(&world, item, true).await;
    let idle = all.iter().find(|level| level["isActive"] == false).unwrap();
    assert_eq!(idle["quantities"][0]["quantity"], 4, "and keeps what it has");
}

#[tokio::test]
async fn made_up_cursors_and_ids_give_nothing() {
    let world = World::new().stocked(&[("MUG", 5)]);
    let answer = ask(&world, "{ locations(first: 1) { nodes { id } pageInfo { endCursor } } }", json!({})).await;
    let cursor = answer["data"]["locations"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    for (after, count) in [(cursor.as_str(), 1), ("made up", 0)] {
        let query = format!("{{ locations(first: 1, after: \"{after}\") {{ nodes {{ id }} }} }}");
        let answer = ask(&world, &query, json!({})).await;
        assert_eq!(answer["data"]["locations"]["nodes"].as_array().unwrap().len(), count, "{after}");
    }
    let ids = json!(["gid://shopify/InventoryItem/1", format!("gid://shopify/InventoryItem/{}", world.id("MUG"))]);
    let answer = ask(&world, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({"ids": ids})).await;
    assert_eq!(answer["data"]["nodes"], json!([null, {"id": ids[1]}]), "in the order asked for");
}

#[tokio::test]
async fn one_act_is_told_to_each_subscription_with_one_event_id() {
    for version in [None, Some("2026-10")] {
        let world = World::new().stocked(&[("MUG", 5)]);
        world.switch(|switches| switches.webhook_version = version.map(str::to_owned));
        for url in [URL, "https://other.example.invalid/hook"] {
            let create = "mutation($u: String!) { webhookSubscriptionCreate(topic: INVENTORY_LEVELS_UPDATE, \
                webhookSubscription: {uri: $u, format: JSON}) { userErrors { message } } }";
            ask(&world, create, json!({"u": url})).await;
        }
        world.net.inner.deliver(|_| None);
        world.fake().adjust(SHOP, "MUG", world.main, 3, world.now()).unwrap();
        let mut told = Vec::new();
        world.net.inner.deliver(|request| {
            let text = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(text("x-shopify-triggered-at").len(), "2026-03-12T18:33:00.000000000Z".len());
            assert_eq!(text("x-shopify-shop-domain"), SHOP);
            assert_eq!(text("x-shopify-api-version"), version.unwrap_or(API_VERSION), "whatever the address asked for");
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            assert!(body["updated_at"].as_str().unwrap().ends_with("+07:00"), "in the store's own time zone");
            told.push((text("x-shopify-event-id"), text("x-shopify-webhook-id"), request.uri().to_string()));
            Some((200, vec![]))
        });
        assert_eq!(told.len(), 2);
        assert!(told[0].0 == told[1].0 && told[0].1 != told[1].1 && told[0].2 != told[1].2, "{told:?}");
    }
}

#[tokio::test]
async fn an_edited_order_takes_more_or_gives_back() {
    let world = World::new().stocked(&[("MUG", 10)]);
    let order = world.fake().sell(SHOP, "MUG", world.main, 4, world.now()).unwrap();
    let state = |name: &str| world.fake().quantity(SHOP, "MUG", world.main, name).unwrap();
    for (units, available) in [(6, 4), (1, 9)] {
        world.fake().edit_order(SHOP, order, "MUG", units, world.now()).unwrap();
        assert_eq!((state("available"), state("committed"), state("on_hand")), (available, units, 10));
    }
    assert!(world.fake().edit_order(SHOP, order, "CAP", 1, world.now()).is_err(), "it has no such line");
    let door = format!("/_fake/{SHOP}/orders/{order}/edit");
    assert_eq!(post(&world, &door, "", &json!({"sku": "MUG", "quantity": 3})).await.0, 200);
    world.fake().fulfil(SHOP, order, world.now()).unwrap();
    assert!(world.fake().edit_order(SHOP, order, "MUG", 5, world.now()).is_err(), "what has left is not edited");
    assert_eq!((state("available"), state("on_hand"), world.fake().doings(SHOP, "MUG", world.main)), (7, 7, -3));
}

#[tokio::test]
async fn the_total_of_a_product_lags_behind_its_levels() {
    for lag_ms in [0, 5_000] {
        let world = World::new().with(|switches| switches.total_lag_ms = lag_ms);
        let item = world.add("MUG", &[(world.main, 5), (world.shed, 2)]);
        world.clock.advance(Duration::from_secs(10));
        assert_eq!(kinds(&world.write(&[("MUG", 5, 9)]).await), ["applied"]);
        let query = format!(
            "{{ inventoryItem(id: \"gid://shopify/InventoryItem/{item}\") {{ variant {{ inventoryQuantity product {{ totalInventory }} }} }} }}"
        );
        let seen = async || {
            let variant = ask(&world, &query, json!({})).await["data"]["inventoryItem"]["variant"].clone();
            (variant["inventoryQuantity"].as_i64(), variant["product"]["totalInventory"].as_i64())
        };
        assert_eq!(seen().await, (Some(11), Some(if lag_ms > 0 { 7 } else { 11 })));
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(seen().await, (Some(11), Some(11)));
    }
}

/// UNKNOWN: what a key gives that is used again; its result is made anew from records.
#[tokio::test]
async fn a_replay_may_come_without_its_group() {
    for bare in [false, true] {
        let world = World::new().with(|switches| switches.replay_bare = bare).stocked(&[("MUG", 5)]);
        world.fail(next(1, Failure::NoAnswer, When::After, Which::Writes));
        assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["unknown: Unavailable"]);
        assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["applied"], "bare {bare}");
        assert_eq!((world.level("MUG"), world.fake().writes(SHOP).len()), (3, 1));
    }
}

/// UNKNOWN: whether keys are known by app and store, or by store alone.
#[tokio::test]
async fn a_key_of_another_app_counts_or_does_not() {
    for (shared, kind, level) in [(false, "applied", 3), (true, "unknown: Malformed", 5)] {
        let world = World::new().with(|switches| switches.shared_keys = shared).stocked(&[("MUG", 5)]);
        let write = world.row("MUG", 5, 3);
        let door = format!("/_fake/{SHOP}/keys");
        assert_eq!(post(&world, &door, "", &json!({"key": write.key})).await.0, 200);
        assert_eq!((kinds(&world.send(&[write]).await)[0].as_str(), world.level("MUG")), (kind, level));
    }
}

/// UNKNOWN: whether stocking an item again sets the quantity that is given with it. None is given: what was kept counts.
#[tokio::test]
async fn stocking_again_sets_what_is_given_or_keeps_what_was() {
    for applies in [false, true] {
        let mut world = World::new().with(|switches| switches.reactivation_applies = applies);
        world.settings.insert("activate".into(), "yes".into());
        let item = world.add("MUG", &[(world.main, 7), (world.shed, 1)]);
        world.fake().connect(SHOP, "MUG", world.main, false, world.now()).unwrap();
        assert_eq!(kinds(&world.write(&[("MUG", 7, 3)]).await), ["applied"], "both ways");
        world.fake().connect(SHOP, "MUG", world.main, false, world.now()).unwrap();
        let again = "mutation($i: ID!, $l: ID!) { inventoryActivate(inventoryItemId: $i, locationId: $l, available: 9) \
            @idempotent(key: \"again\") { inventoryLevel { id } userErrors { message } } }";
        let ids = json!({"i": format!("gid://shopify/InventoryItem/{item}"), "l": format!("gid://shopify/Location/{}", world.main)});
        let answer = ask(&world, again, ids).await;
        assert_eq!(answer["data"]["inventoryActivate"]["userErrors"], json!([]));
        assert_eq!(world.level("MUG"), if applies { 9 } else { 3 });
    }
}
