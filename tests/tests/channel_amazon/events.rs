//! Events by queue and bus: hints with identities, however they come.

use crate::{QUEUE, SELLER, World, sku};
use channels::amazon::Amazon;
use channels::amazon::fake::{EventFaults, ListingSpec};
use channels::fake::Fake;
use channels::{Channel, Delivery, ErrorKind, Hook, Secret, Touch};
use domain::OrderId;
use http::HeaderMap;

async fn listening() -> World {
    let world = World::new()
        .setting("queue_arn", QUEUE)
        .setting("eventbridge_account", "111122223333")
        .setting("eventbridge_region", "eu-west-1")
        .stocked(&[("MUG", 10)]);
    Amazon.subscribe(world.session(), "").await.unwrap();
    world
}

/// What the events that are due say, in the order in which they come.
fn heard(world: &World) -> Vec<(Option<String>, Vec<Touch>)> {
    let now = world.now();
    let due = world.fake().due(now);
    due.iter().for_each(|outgoing| crate::models::check_event(outgoing.request.body()));
    let events = due.iter().map(|outgoing| Amazon.read_event(outgoing.request.body()).unwrap());
    let said = events.filter_map(|event| {
        assert_eq!(event.owner, SELLER);
        match event.delivery {
            Delivery::Touched { event, touches, .. } => Some((event, touches)),
            Delivery::Ignored(_) => None,
            Delivery::Answer(answer) => panic!("{answer}"),
        }
    });
    said.collect()
}

fn touches(world: &World) -> Vec<Touch> {
    heard(world).into_iter().flat_map(|(_, touches)| touches).collect()
}

#[tokio::test]
async fn a_sale_is_told_twice_with_identities_only() {
    for (nested_json, camel_case) in [(false, false), (true, false), (false, true), (true, true)] {
        let world =
            listening().await.with(|switches| (switches.nested_json, switches.camel_case) = (nested_json, camel_case));
        let order = OrderId::new(world.sell("MUG", 2)).unwrap();
        let mut said = touches(&world);
        said.sort();
        said.dedup();
        assert_eq!(said, [Touch::Sku(sku("MUG")), Touch::Order(order)]);
    }
}

/// UNKNOWN: whether a pending order is told at once.
#[tokio::test]
async fn an_order_may_be_told_late() {
    for early in [true, false] {
        let world = listening().await.with(|switches| switches.event_at_pending = early);
        let order = world.sell("MUG", 2);
        let is_order = |touch: &Touch| matches!(touch, Touch::Order(_));
        assert_eq!(touches(&world).iter().any(is_order), early);
        world.fake().go_on(SELLER, &order, 0, world.now()).unwrap();
        assert!(touches(&world).iter().any(is_order));
    }
}

#[tokio::test]
async fn our_own_writes_may_echo() {
    for echo in [true, false] {
        let world = listening().await.with(|switches| switches.echo = echo);
        world.write(&[("MUG", 4)]).await;
        world.pass(30);
        let expected = if echo { vec![Touch::Sku(sku("MUG"))] } else { vec![] };
        assert_eq!(touches(&world), expected);
    }
}

#[tokio::test]
async fn events_may_be_lost_doubled_late_and_out_of_order() {
    let world = listening().await;
    let faults = EventFaults { drop: 2, ..EventFaults::default() };
    world.fake().event_faults(SELLER, faults).unwrap();
    world.sell("MUG", 1);
    assert_eq!(heard(&world), []);
    world.fake().event_faults(SELLER, EventFaults { duplicate: 1, ..EventFaults::default() }).unwrap();
    world.fake().type_in(SELLER, "MUG", 5, world.now()).unwrap();
    let twice = heard(&world);
    assert!(twice.len() == 2 && twice[0] == twice[1] && twice[0].0.is_some(), "{twice:?}");
    world.list(&ListingSpec::own("CAP", 5));
    world.fake().event_faults(SELLER, EventFaults { reorder: 2, ..EventFaults::default() }).unwrap();
    world.fake().type_in(SELLER, "MUG", 6, world.now()).unwrap();
    world.fake().type_in(SELLER, "CAP", 6, world.now()).unwrap();
    assert_eq!(heard(&world), []);
    world.pass(10);
    assert_eq!(touches(&world), [Touch::Sku(sku("CAP")), Touch::Sku(sku("MUG"))]);
    world.fake().event_faults(SELLER, EventFaults { delay: 1, delay_ms: 60_000, ..EventFaults::default() }).unwrap();
    world.fake().type_in(SELLER, "MUG", 7, world.now()).unwrap();
    assert_eq!(heard(&world), []);
    world.pass(60);
    assert_eq!(heard(&world).len(), 1);
}

#[tokio::test]
async fn what_amazon_sends_itself_is_ignored() {
    let world = listening().await;
    world.list(&ListingSpec::hosted("FBA"));
    world.sell("FBA", 1);
    assert_eq!(heard(&world), []);
}

#[tokio::test]
async fn nobody_can_pretend_to_be_a_webhook() {
    let (headers, secrets) = (HeaderMap::new(), [Secret::new("any")]);
    let hook = Hook {
        headers: &headers,
        body: include_bytes!("../../../shared/channels/src/amazon/fixtures/63_order_change_sqs_body.json"),
    };
    assert_eq!(Amazon.verify(hook, &secrets).unwrap_err().kind, ErrorKind::Signature);
    assert_eq!(Amazon.read_hook(hook, &secrets[0]).unwrap_err().kind, ErrorKind::Malformed);
    assert_eq!((Amazon.signing_secrets(), Amazon.event_owner()), (&[] as &[&str], Some("seller_id")));
}
