//! The fake's webhooks, end to end: signed, repeated, lost, late, merged; and read by the connector.

use crate::{CLIENT_SECRET, SHOP, URL, World};
use channels::shopify::Shopify;
use channels::shopify::fake::{Restock, WebhookFaults};
use channels::{Channel, Claimed, Delivery, Hook, Request, Secret, Touch};
use domain::LocationId;
use serde_json::Value;
use std::time::Duration;

async fn listening(stock: &[(&str, i64)]) -> World {
    let world = World::new().stocked(stock);
    world.net.inner.deliver(|_| None);
    Shopify.subscribe(world.session(), URL).await.unwrap();
    world
}

/// What is delivered now, as topic, webhook id, event id and body.
fn take(world: &World) -> Vec<(String, String, String, Value)> {
    let mut seen = Vec::new();
    world.net.inner.deliver(|request| {
        let text = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        let body = serde_json::from_slice(request.body()).unwrap();
        seen.push((text("x-shopify-topic"), text("x-shopify-webhook-id"), text("x-shopify-event-id"), body));
        Some((200, vec![]))
    });
    seen
}

fn signer(request: &Request, secrets: &[&str]) -> Option<usize> {
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    Shopify.verify(Hook { headers: request.headers(), body: request.body() }, &secrets).ok()
}

#[tokio::test]
async fn a_sale_is_told_signed_over_the_raw_bytes_and_read() {
    let world = listening(&[("MUG", 5)]).await;
    world.fake().sell(SHOP, "MUG", world.main, 2, world.now()).unwrap();
    let mut touched = Vec::new();
    let count = world.net.inner.deliver(|request| {
        assert_eq!(signer(request, &[CLIENT_SECRET]), Some(0));
        assert!(request.body().windows(2).any(|pair| pair == b"\\/"), "slashes are escaped");
        let again: Value = serde_json::from_slice(request.body()).unwrap();
        assert_ne!(again.to_string().as_bytes(), &request.body()[..], "read and written again it is another body");
        assert!(request.headers()["x-shopify-triggered-at"].to_str().unwrap().ends_with("000000Z"));
        let hook = Hook { headers: request.headers(), body: request.body() };
        touched.push(Shopify.read_hook(hook, &Secret::new(CLIENT_SECRET)).unwrap());
        Some((200, vec![]))
    });
    assert_eq!(count, 1);
    let Delivery::Touched { event: Some(_), touches, claims: Some(claimed) } = &touched[0] else {
        panic!("{touched:?}")
    };
    assert_eq!(touches, &[Touch::External(world.id("MUG"))]);
    let place = LocationId::new(world.main.to_string()).unwrap();
    let claims = Claimed { level: 3, location: Some(place), at: Some(world.now()) };
    assert_eq!(claimed, &claims, "what it claims is never counted");
}

#[tokio::test]
async fn a_changed_secret_signs_at_once_and_both_are_accepted() {
    let world = listening(&[("MUG", 5)]).await;
    world.fake().rotate(SHOP, "brand-new").unwrap();
    world.fake().adjust(SHOP, "MUG", world.main, 3, world.now()).unwrap();
    world.net.inner.deliver(|request| {
        assert_eq!(signer(request, &["brand-new", CLIENT_SECRET]), Some(0));
        assert_eq!(signer(request, &[CLIENT_SECRET]), None);
        Some((200, vec![]))
    });
}

#[tokio::test]
async fn our_own_writes_come_back() {
    let world = listening(&[("MUG", 5)]).await;
    world.write(&[("MUG", 5, 4)]).await;
    assert_eq!(take(&world).len(), 1);
    for (switch, echoes) in [(false, 0), (true, 1)] {
        world.switch(|switches| switches.noop_fires = switch);
        world.write(&[("MUG", 4, 4)]).await;
        world.clock.advance(Duration::from_secs(86_401));
        world.tokens.forget();
        assert_eq!(take(&world).len(), echoes, "a write that changes nothing");
    }
}

#[tokio::test]
async fn a_retry_has_the_same_id_and_the_body_of_the_first_try() {
    let world = listening(&[("MUG", 5)]).await;
    world.fake().adjust(SHOP, "MUG", world.main, 3, world.now()).unwrap();
    let mut first = None;
    world.net.inner.deliver(|request| {
        first = Some((request.headers()["x-shopify-webhook-id"].clone(), request.body().clone()));
        Some((302, vec![]))
    });
    world.fake().adjust(SHOP, "MUG", world.main, 1, world.now()).unwrap();
    take(&world);
    world.clock.advance(Duration::from_secs(60));
    let mut second = None;
    world.net.inner.deliver(|request| {
        second = Some((request.headers()["x-shopify-webhook-id"].clone(), request.body().clone()));
        Some((200, vec![]))
    });
    assert!(first.is_some());
    assert_eq!(first, second);
}

#[tokio::test]
async fn bodies_are_built_when_sent_so_two_may_say_the_same() {
    for (coalesce, expected) in [(true, [0, 0]), (false, [10, 0])] {
        let world = listening(&[("MUG", 0)]).await;
        world.switch(|switches| switches.coalesce = coalesce);
        world.switch(|switches| switches.webhook_delay_ms = 1_000);
        for level in [10, 0] {
            let now = world.now();
            world.fake().adjust(SHOP, "MUG", world.main, level, now).unwrap();
            // between two acts the platform has time to note the first
            channels::fake::Fake::due(&mut *world.fake(), now);
        }
        world.clock.advance(Duration::from_secs(2));
        let told: Vec<i64> = take(&world).iter().map(|one| one.3["available"].as_i64().unwrap()).collect();
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn webhooks_are_lost_doubled_late_and_reordered() {
    let world = listening(&[("MUG", 5), ("CAP", 5)]).await;
    let faults = |faults: WebhookFaults| world.fake().webhook_faults(SHOP, faults).unwrap();
    let sell = |sku: &str| world.fake().sell(SHOP, sku, world.main, 1, world.now()).unwrap();
    faults(WebhookFaults { drop: 1, ..WebhookFaults::default() });
    sell("MUG");
    assert_eq!(take(&world).len(), 0);
    faults(WebhookFaults { duplicate: 1, ..WebhookFaults::default() });
    sell("MUG");
    let twice = take(&world);
    assert_eq!((twice.len(), &twice[0].1), (2, &twice[1].1), "the same id, to be dropped at the edge");
    faults(WebhookFaults { delay: 1, ..WebhookFaults::default() });
    sell("MUG");
    assert_eq!(take(&world).len(), 0);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(take(&world).len(), 1);
    faults(WebhookFaults { reorder: 2, ..WebhookFaults::default() });
    sell("MUG");
    sell("CAP");
    world.clock.advance(Duration::from_secs(5));
    let items: Vec<String> = take(&world).iter().map(|one| one.3["inventory_item_id"].to_string()).collect();
    assert_eq!(items, [world.id("CAP"), world.id("MUG")]);
}

#[tokio::test]
async fn each_act_tells_what_it_moved_and_nothing_else() {
    for silent in [false, true] {
        let world = listening(&[("MUG", 10)]).await;
        world.switch(|switches| switches.silent_fires = silent);
        let quantity = |name: &str| world.fake().quantity(SHOP, "MUG", world.main, name).unwrap();
        let state = || (quantity("available"), quantity("committed"), quantity("on_hand"));
        let first = world.fake().sell(SHOP, "MUG", world.main, 4, world.now()).unwrap();
        assert_eq!((state(), take(&world).len()), ((6, 4, 10), 1));
        world.fake().fulfil(SHOP, first, world.now()).unwrap();
        assert_eq!((state(), take(&world).len()), ((6, 0, 6), usize::from(silent)), "what is available stays");
        world.fake().refund(SHOP, first, Restock::Return(world.main), world.now()).unwrap();
        assert_eq!((state(), take(&world).len()), ((10, 0, 10), 1));
        let second = world.fake().sell(SHOP, "MUG", world.main, 3, world.now()).unwrap();
        world.fake().cancel(SHOP, second, false, world.now()).unwrap();
        assert_eq!(state(), (7, 0, 7));
        let third = world.fake().sell(SHOP, "MUG", world.main, 2, world.now()).unwrap();
        world.fake().cancel(SHOP, third, true, world.now()).unwrap();
        assert_eq!((state(), world.fake().doings(SHOP, "MUG", world.main)), ((7, 0, 7), -3));
    }
}

#[tokio::test]
async fn stocking_and_unstocking_tell_or_do_not() {
    for fires in [true, false] {
        let world = listening(&[("MUG", 5)]).await;
        world.switch(|switches| switches.connect_fires = fires);
        world.fake().connect(SHOP, "MUG", world.shed, true, world.now()).unwrap();
        world.fake().connect(SHOP, "MUG", world.main, false, world.now()).unwrap();
        let topics: Vec<String> = take(&world).into_iter().map(|one| one.0).collect();
        let expected: &[&str] = if fires { &["inventory_levels/connect", "inventory_levels/disconnect"] } else { &[] };
        assert_eq!(topics, expected);
    }
}

#[tokio::test]
async fn names_transfers_and_ends_are_told() {
    let world = listening(&[("MUG", 5)]).await;
    world.switch(|switches| (switches.webhook_version, switches.null_available) = (Some("2026-10".into()), true));
    world.fake().connect(SHOP, "MUG", world.shed, true, world.now()).unwrap();
    take(&world);
    world.fake().transfer(SHOP, "MUG", (world.main, world.shed), 2, world.now()).unwrap();
    let told = take(&world);
    assert_eq!((told.len(), &told[0].3["available"]), (2, &Value::Null));
    world.fake().rename(SHOP, "MUG", "CUP", world.now()).unwrap();
    world.fake().delete(SHOP, "CUP", world.now()).unwrap();
    let topics: Vec<String> = take(&world).into_iter().map(|one| one.0).collect();
    assert_eq!(topics, ["inventory_items/update", "inventory_items/delete"]);
    Shopify.units(world.session(), None).await.unwrap();
    assert!(take(&world).iter().any(|one| one.0 == "bulk_operations/finish"));
}
