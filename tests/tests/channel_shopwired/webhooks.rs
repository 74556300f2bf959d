//! Webhooks on their way: tries, faults, and payloads in every form.

use crate::subscriptions::receive;
use crate::{SHOP, SIGNING, URL, World};
use channels::shopwired::ShopWired;
use channels::shopwired::fake::{FailureCount, WebhookFaults};
use channels::{Channel, Delivery, ErrorKind, Hook, Request, Secret, Touch};
use serde_json::Value;
use std::time::Duration;

/// A store with our webhooks, verified.
async fn listening() -> World {
    let world = World::new().stocked(&[("MUG", 1000), ("CAP/ü", 1000)]);
    ShopWired.subscribe(world.session(), URL).await.unwrap();
    assert_eq!(world.http.deliver(receive), 6);
    world
}

fn event(request: &Request) -> Value {
    serde_json::from_slice::<Value>(request.body()).unwrap()["event"].clone()
}

/// Delivers what is due; the topics and ids that came.
fn collect(world: &World, status: u16) -> Vec<(String, u64)> {
    let mut came = Vec::new();
    world.http.deliver(|request| {
        let event = event(request);
        came.push((event["topic"].as_str().unwrap().to_owned(), event["id"].as_u64().unwrap()));
        Some((status, Vec::new()))
    });
    came
}

#[tokio::test]
async fn a_sale_is_told_twice_and_once_delivered_is_done() {
    let world = listening().await;
    world.sell("MUG", 1);
    let mut topics: Vec<String> = collect(&world, 200).into_iter().map(|(topic, _)| topic).collect();
    topics.sort();
    assert_eq!(topics, ["order.finalized", "product.stock_changed"]);
    world.clock.advance(Duration::from_secs(86_400));
    assert_eq!(collect(&world, 200), []);
}

#[tokio::test]
async fn only_200_is_success_and_a_retry_keeps_its_id() {
    for status in [201, 204, 302, 401, 500] {
        let world = listening().await;
        world.fake().edit(SHOP, "MUG", 7, world.now()).unwrap();
        let first = collect(&world, status);
        assert_eq!(collect(&world, 200), [], "not before an hour has passed");
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(collect(&world, 200), first, "{status}");
    }
}

#[tokio::test]
async fn a_webhook_is_disabled_after_24_failures_however_they_are_counted() {
    for by in [FailureCount::Event, FailureCount::WebhookUntilSuccess, FailureCount::Webhook] {
        let world = listening().await.with(|switches| switches.failure_count = by);
        world.fake().stock_page(SHOP, "MUG", 7, world.now()).unwrap();
        let mut tries = 0;
        for _ in 0..40 {
            tries += world.http.deliver(|_| Some((500, Vec::new())));
            world.clock.advance(Duration::from_secs(3600));
        }
        assert_eq!(tries, 24, "{by:?}");
        world.sell("MUG", 1);
        let topics: Vec<String> = collect(&world, 200).into_iter().map(|(topic, _)| topic).collect();
        assert_eq!(topics, ["order.finalized"], "nothing comes to a disabled one");
        assert_eq!(ShopWired.movements(world.session(), domain::Position(0)).await.unwrap().entries.len(), 2);
    }
}

#[tokio::test]
async fn webhooks_are_lost_doubled_late_and_out_of_order_when_asked() {
    let world = listening().await;
    let faults = |faults| world.fake().webhook_faults(SHOP, faults).unwrap();
    let edit = |to| world.fake().stock_page(SHOP, "MUG", to, world.now()).unwrap();
    faults(WebhookFaults { drop: 1, ..WebhookFaults::default() });
    (1..=2).for_each(edit);
    assert_eq!(collect(&world, 200).len(), 1);
    faults(WebhookFaults { duplicate: 1, ..WebhookFaults::default() });
    (3..=4).for_each(edit);
    assert_eq!(collect(&world, 200).len(), 3);
    faults(WebhookFaults { delay: 1, delay_ms: 7_200_000, ..WebhookFaults::default() });
    edit(5);
    assert_eq!(collect(&world, 200), []);
    world.clock.advance(Duration::from_secs(7200));
    assert_eq!(collect(&world, 200).len(), 1);
    faults(WebhookFaults { reorder: 3, ..WebhookFaults::default() });
    (6..=8).for_each(edit);
    world.clock.advance(Duration::from_secs(3));
    let ids: Vec<u64> = collect(&world, 200).into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted_by(|one, other| one > other), "{ids:?}");
}

#[tokio::test]
async fn every_form_of_payload_is_verified_and_read() {
    for (escaped, odd) in [(false, false), (true, false), (false, true), (true, true)] {
        let world = listening().await.with(|switches| {
            switches.escaped_json = escaped;
            (switches.iso_dates, switches.extra_fields, switches.incomplete_orders) = (odd, odd, odd);
        });
        let order = world.sell("CAP/ü", 2);
        let mut touched = Vec::new();
        world.http.deliver(|request| {
            assert_eq!(request.body().is_ascii(), escaped);
            let hook = Hook { headers: request.headers(), body: request.body() };
            let secret = Secret::new(SIGNING);
            ShopWired.verify(hook, std::slice::from_ref(&secret)).unwrap();
            if let Delivery::Touched { touches, .. } = ShopWired.read_hook(hook, &secret).unwrap() {
                touched.extend(touches);
            }
            Some((200, Vec::new()))
        });
        touched.sort();
        assert_eq!(touched, [Touch::Sku(crate::sku("CAP/ü")), Touch::Order(crate::order_id(order)), Touch::Feed]);
    }
}

#[tokio::test]
async fn an_account_without_a_secret_sends_unsigned_and_is_refused() {
    let world = listening().await;
    world.fake().set_webhook_secret(SHOP, None).unwrap();
    world.fake().stock_page(SHOP, "MUG", 3, world.now()).unwrap();
    world.http.deliver(|request| {
        let hook = Hook { headers: request.headers(), body: request.body() };
        let error = ShopWired.verify(hook, &[Secret::new(SIGNING)]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Signature);
        receive(request)
    });
}

#[tokio::test]
async fn an_unverified_webhook_gets_nothing_unless_it_does() {
    for receives in [false, true] {
        let world = World::new().with(|switches| switches.unverified_receive = receives).stocked(&[("MUG", 5)]);
        ShopWired.subscribe(world.session(), URL).await.unwrap();
        world.http.deliver(|_| None);
        world.fake().stock_page(SHOP, "MUG", 3, world.now()).unwrap();
        assert_eq!(world.http.deliver(receive), usize::from(receives));
    }
}
