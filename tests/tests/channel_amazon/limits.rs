//! Limits: every request names the one that it counts against, with the documented figures.

use crate::{QUEUE, World};
use channels::Channel;
use channels::amazon::Amazon;
use domain::OrderId;
use std::collections::BTreeMap;

/// <https://developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits>, and our own two at the end.
const DOCUMENTED: &[(&str, f64, f64)] = &[
    ("createDestination", 1.0, 5.0),
    ("createFeed", 0.0083, 15.0),
    ("createFeedDocument", 0.5, 15.0),
    ("createReport", 0.0167, 15.0),
    ("createSubscription", 1.0, 5.0),
    ("deleteSubscriptionById", 1.0, 5.0),
    ("getDestinations", 1.0, 5.0),
    ("getFeeds", 0.0222, 10.0),
    ("getListingsItem", 5.0, 5.0),
    ("getMarketplaceParticipations", 0.016, 15.0),
    ("getOrder", 0.5, 30.0),
    ("getReport", 2.0, 15.0),
    ("getReportDocument", 0.0167, 15.0),
    ("getReports", 0.0222, 10.0),
    ("getSubscription", 1.0, 5.0),
    ("patchListingsItem", 5.0, 5.0),
    ("searchListingsItems", 5.0, 5.0),
    ("searchOrders", 0.0056, 20.0),
    ("document", 2.0, 10.0),
    ("token", 0.2, 5.0),
];

fn world() -> World {
    World::new().setting("queue_arn", QUEUE).stocked(&[("MUG", 500), ("A/1", 5), ("B,2", 5)])
}

async fn everything(world: &World) {
    let session = || world.session();
    Amazon.identify(session()).await.unwrap();
    Amazon.subscribe(session(), "").await.unwrap();
    let order = OrderId::new(world.sell("MUG", 1)).unwrap();
    Amazon.orders(session(), &[order]).await.unwrap();
    Amazon.orders_since(session(), world.now(), None).await.unwrap();
    world.write(&[("MUG", 5), ("A/1", 6), ("B,2", 7)]).await;
    let mut page = None;
    while let Some(next) = Amazon.units(session(), page).await.unwrap().next {
        page = Some(next);
    }
    Amazon.unsubscribe(session(), "").await.unwrap();
}

#[tokio::test]
async fn every_request_names_its_limit_with_the_documented_figures() {
    let world = world();
    everything(&world).await;
    let tolls = world.net.tolls.lock().unwrap().clone();
    let named: BTreeMap<&str, (f64, f64)> =
        tolls.iter().map(|toll| (toll.bucket, (toll.per_second, toll.burst))).collect();
    let documented: BTreeMap<&str, (f64, f64)> =
        DOCUMENTED.iter().map(|(name, rate, burst)| (*name, (*rate, *burst))).collect();
    assert_eq!(named, documented);
    assert!(tolls.iter().all(|toll| (toll.cost - 1.0).abs() < f64::EPSILON));
}

#[tokio::test]
async fn who_keeps_to_them_is_never_throttled() {
    let world = world().with(|switches| switches.rate_scale = Some(1.0));
    *world.net.polite.lock().unwrap() = Some(BTreeMap::new());
    everything(&world).await;
    for _ in 0..25 {
        Amazon.orders_since(world.session(), world.now(), None).await.unwrap();
    }
    for n in 0..40 {
        assert_eq!(world.write(&[("MUG", n)]).await, ["accepted"]);
    }
}

#[tokio::test]
async fn who_does_not_is_told_and_nothing_was_written() {
    let world = world().with(|switches| switches.rate_scale = Some(1.0));
    let outcomes: Vec<String> = [
        world.write(&[("MUG", 1)]).await,
        world.write(&[("MUG", 2)]).await,
        world.write(&[("MUG", 3)]).await,
        world.write(&[("MUG", 4)]).await,
        world.write(&[("MUG", 5)]).await,
        world.write(&[("MUG", 6)]).await,
    ]
    .concat();
    assert_eq!((outcomes[4].as_str(), outcomes[5].as_str()), ("accepted", "refused: Throttled"));
    world.pass(60);
    assert_eq!(world.level("MUG"), 5);
}

#[tokio::test]
async fn a_lower_limit_that_is_told_is_passed_on_and_a_higher_one_is_not() {
    for (told, heard) in [(0.5, true), (5.0, false), (50.0, false)] {
        let world = world().with(|switches| switches.told_rate = Some(told));
        world.levels(&["MUG"]).await;
        let said = world.net.told.lock().unwrap().clone();
        assert_eq!(said.len(), usize::from(heard), "{said:?}");
        assert!(said.iter().all(|one| one.bucket == "searchListingsItems" && one.left == 0.0));
    }
}
