//! Our webhooks in the store: made, verified, enabled again, removed.

use crate::{KEY, SHOP, SIGNING, URL, World};
use channels::hooks::Unwatched;
use channels::shopwired::ShopWired;
use channels::shopwired::fake::{Failure, Fault, When, Which};
use channels::{Channel, Delivery, ErrorKind, Hook, OrderHooks, Request, Secret, Subscription, SubscriptionState};
use serde_json::Value;
use std::time::Duration;

/// Receives as the webhook function does: verify, read, answer.
pub fn receive(request: &Request) -> Option<(u16, Vec<u8>)> {
    let hook = Hook { headers: request.headers(), body: request.body() };
    let secret = Secret::new(SIGNING);
    if ShopWired.verify(hook, std::slice::from_ref(&secret)).is_err() {
        return Some((401, Vec::new()));
    }
    match ShopWired.read_hook(hook, &secret).unwrap() {
        Delivery::Answer(text) => Some((200, text.into_bytes())),
        Delivery::Touched { .. } | Delivery::Ignored(_) => Some((200, Vec::new())),
    }
}

async fn subscribe(world: &World) -> Vec<Subscription> {
    ShopWired.subscribe(world.session(), URL).await.unwrap()
}

fn states(subscriptions: &[Subscription]) -> Vec<SubscriptionState> {
    subscriptions.iter().map(|one| one.state).collect()
}

#[tokio::test]
async fn webhooks_are_created_verified_and_then_left_alone() {
    let world = World::new();
    let made = subscribe(&world).await;
    assert_eq!(states(&made), [SubscriptionState::Created; 6]);
    let required: Vec<_> = made.iter().filter(|one| one.required).map(|one| one.topic.as_str()).collect();
    assert_eq!(required, ["product.stock_changed"]);
    assert_eq!(world.http.deliver(receive), 6, "a verification request for each");
    world.http.take_sent();
    assert_eq!(states(&subscribe(&world).await), [SubscriptionState::Active; 6]);
    assert_eq!(world.http.take_sent().len(), 1, "nothing to do but look");
}

#[tokio::test]
async fn webhooks_of_orders_are_neither_made_nor_left_where_nobody_needs_them() {
    let world = World::new();
    let without =
        async || ShopWired.subscribe_watched(world.session(), URL, OrderHooks::Unwanted, &Unwatched).await.unwrap();
    assert_eq!(states(&without().await), [SubscriptionState::Created; 4]);
    world.http.deliver(receive);
    // an account whose log may not be read needs them, and they go when it may
    let all = subscribe(&world).await;
    assert_eq!(all.iter().filter(|one| one.topic.starts_with("order.")).count(), 2);
    let elsewhere = "https://elsewhere.example.com/hook";
    other(&world, "order.finalized", elsewhere).await;
    world.http.deliver(receive);
    let left = without().await;
    assert_eq!(states(&left), [SubscriptionState::Active; 4]);
    assert!(left.iter().all(|one| one.topic.starts_with("product.")), "{left:?}");
    world.http.take_sent();
    without().await;
    assert_eq!(world.http.take_sent().len(), 1, "nothing to do but look");
    let again = subscribe(&world).await;
    assert_eq!(
        states(&again)[4..],
        [SubscriptionState::Created; 2],
        "those of ours were gone, the other one is not ours"
    );
}

#[tokio::test]
async fn an_unverified_webhook_is_verified_again() {
    let world = World::new();
    subscribe(&world).await;
    world.http.deliver(|_| Some((200, b"\"not the answer\"".to_vec())));
    assert_eq!(states(&subscribe(&world).await), [SubscriptionState::Unverified; 6]);
    world.http.deliver(receive);
    assert_eq!(states(&subscribe(&world).await), [SubscriptionState::Active; 6]);
}

#[tokio::test]
async fn a_trailing_line_break_fails_the_handshake_unless_it_does_not() {
    for (trims, state) in [(false, SubscriptionState::Unverified), (true, SubscriptionState::Active)] {
        let world = World::new().with(|switches| switches.handshake_trims = trims);
        subscribe(&world).await;
        world.http.deliver(|request| receive(request).map(|(status, body)| (status, [body, b"\n".to_vec()].concat())));
        assert_eq!(subscribe(&world).await[0].state, state);
    }
}

#[tokio::test]
async fn a_webhook_that_the_store_disabled_is_enabled_again() {
    let world = World::new().stocked(&[("MUG", 5)]);
    subscribe(&world).await;
    world.http.deliver(receive);
    world.sell("MUG", 1);
    for _ in 0..24 {
        world.http.deliver(|_| None);
        world.clock.advance(Duration::from_secs(3600));
    }
    let mended = subscribe(&world).await;
    let state = |topic: &str| mended.iter().find(|one| one.topic == topic).unwrap().state;
    assert_eq!(state("product.stock_changed"), SubscriptionState::Reenabled);
    assert_eq!(state("order.finalized"), SubscriptionState::Reenabled);
    assert_eq!(state("product.deleted"), SubscriptionState::Active);
    assert_eq!(states(&subscribe(&world).await), [SubscriptionState::Active; 6]);
}

/// Asks the store for a webhook of somebody else.
async fn other(world: &World, topic: &str, url: &str) {
    use channels::Http;
    let before = world.http.take_sent().len();
    let body = serde_json::json!({"topic": topic, "url": url}).to_string();
    let basic = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(format!("{KEY}:{}", crate::SECRET))
    };
    let request = http::Request::post("https://api.ecommerceapi.uk/v1/webhooks")
        .header("authorization", format!("Basic {basic}"))
        .header("content-type", "application/json")
        .body(bytes::Bytes::from(body))
        .unwrap();
    let response = world.http.send(request, Duration::from_secs(1)).await.unwrap();
    assert_eq!((response.status().as_u16(), before), (201, before));
}

#[tokio::test]
async fn a_topic_without_room_is_refused_and_told() {
    for (topic, required) in [("product.updated", false), ("product.stock_changed", true)] {
        let world = World::new();
        for index in 0..10 {
            other(&world, topic, &format!("https://other.example.invalid/{index}")).await;
        }
        let made = subscribe(&world).await;
        let full = made.iter().find(|one| one.topic == topic).unwrap();
        assert_eq!((full.state, full.required), (SubscriptionState::Refused, required));
        assert!(full.note.contains("at most 10 webhooks per topic"), "{}", full.note);
        assert_eq!(states(&made).iter().filter(|state| **state == SubscriptionState::Created).count(), 5);
    }
}

#[tokio::test]
async fn what_only_has_to_wait_is_an_error_and_not_a_refusal() {
    let world = World::new();
    let fault = Fault { failure: Failure::Status(429), when: When::Before, which: Which::Writes, left: Some(1) };
    world.fake().fail(SHOP, fault).unwrap();
    let error = ShopWired.subscribe(world.session(), URL).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled);
    assert_eq!(states(&subscribe(&world).await), [SubscriptionState::Created; 6]);
}

#[tokio::test]
async fn unsubscribing_leaves_other_webhooks_alone() {
    let world = World::new();
    other(&world, "product.updated", "https://other.example.invalid/hook").await;
    subscribe(&world).await;
    ShopWired.unsubscribe(world.session(), URL).await.unwrap();
    ShopWired.unsubscribe(world.session(), URL).await.unwrap();
    let state = crate::platform::state(&world, "").await;
    let left: Vec<&Value> = state["accounts"][SHOP.to_string()]["webhooks"].as_array().unwrap().iter().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["url"], "https://other.example.invalid/hook");
}

#[tokio::test]
async fn another_hub_that_listens_is_told() {
    let world = World::new();
    for url in ["https://old.example.invalid/webhooks/main", "https://crm.example.invalid/webhooks"] {
        other(&world, "product.stock_changed", url).await;
        other(&world, "order.finalized", url).await;
    }
    let made = subscribe(&world).await;
    let hubs: Vec<&str> =
        made.iter().filter(|one| one.state == SubscriptionState::AnotherHub).map(|one| one.topic.as_str()).collect();
    assert_eq!(hubs, ["https://old.example.invalid/webhooks/main"], "each once, and no other program");
    assert!(made.iter().all(|one| !one.required || one.state.is_good()));
}
