//! Points, throttling in every form, and what the store says of its limits.

use crate::{World, next};
use channels::shopify::Shopify;
use channels::shopify::fake::{Failure, When, Which};
use channels::{Channel, Effect, ErrorKind, Outcome};
use std::time::Duration;

fn world() -> World {
    World::new().stocked(&[("MUG", 5)])
}

#[tokio::test]
async fn every_request_says_what_it_takes_and_hears_what_is_left() {
    let world = world();
    world.write(&[("MUG", 5, 4)]).await;
    let tolls = world.net.tolls.lock().unwrap().clone();
    assert_eq!(tolls, [("tokens", 1.0), ("points", 4.0), ("points", 13.0)]);
    let allowed = world.net.allowed.lock().unwrap().clone();
    let last = allowed.last().unwrap();
    assert_eq!((last.bucket, last.per_second, last.burst), ("points", 100.0, 1600.0));
    let spent = 4.0 + 10.0;
    assert!((last.left - (1600.0 - spent)).abs() < 2.0, "a fifth is never ours: {}", last.left);
}

#[tokio::test]
async fn another_bucket_is_learned_from_the_answers() {
    let world = world().with(|switches| switches.bucket = (20_000.0, 1_000.0));
    world.write(&[("MUG", 5, 4)]).await;
    let last = *world.net.allowed.lock().unwrap().last().unwrap();
    assert_eq!((last.per_second, last.burst), (1_000.0, 16_000.0));
}

#[tokio::test]
async fn our_own_count_is_never_below_what_the_store_asks() {
    let world = world();
    world.write(&[("MUG", 5, 4)]).await;
    Shopify.unit(world.session(), &world.id("MUG")).await.unwrap();
    Shopify.locations(world.session(), None).await.unwrap();
    Shopify.identify(world.session()).await.unwrap();
    Shopify.units(world.session(), None).await.unwrap();
    Shopify.subscribe(world.session(), crate::URL).await.unwrap();
    let counted: f64 =
        world.net.tolls.lock().unwrap().iter().filter(|toll| toll.0 == "points").map(|toll| toll.1).sum();
    let answers = world.net.allowed.lock().unwrap().len();
    let left = world.net.allowed.lock().unwrap().last().unwrap().left;
    let took = 1600.0 - left;
    assert!(answers > 15 && counted + 1.0 >= took && counted < took + 900.0, "counted {counted}, the store {took}");
}

#[tokio::test]
async fn throttled_means_wait_and_says_nothing_of_a_mutation() {
    for status_429 in [false, true] {
        let world = world().with(|switches| (switches.bucket, switches.throttle_429) = ((12.0, 2.0), status_429));
        // the check takes what the write would need
        let outcomes = world.write(&[("MUG", 5, 4)]).await;
        let Outcome::Unknown(error) = &outcomes[0] else { panic!("{outcomes:?}") };
        assert_eq!((error.kind, error.effect), (ErrorKind::Throttled, Effect::Unknown));
        assert!(error.retry_after.is_some_and(|wait| wait >= Duration::from_secs(1)), "{error:?}");
        assert_eq!(world.level("MUG"), 5);
    }
}

#[tokio::test]
async fn a_throttled_read_changed_nothing_and_waits_as_computed() {
    let world = world().with(|switches| switches.bucket = (2.0, 0.5));
    let error = Shopify.unit(world.session(), &world.id("MUG")).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Throttled, Effect::None));
    assert!(error.retry_after.is_some_and(|wait| wait > Duration::from_secs(10)), "{error:?}");
    assert!(error.is_passing());
}

#[tokio::test]
async fn retry_after_is_read_with_its_fraction() {
    let world = world();
    world.write(&[("MUG", 5, 5)]).await;
    for status in [429, 430] {
        world.fail(next(1, Failure::Status(status), When::Before, Which::Reads));
        let error = Shopify.unit(world.session(), "1").await.unwrap_err();
        assert_eq!((error.kind, error.retry_after), (ErrorKind::Throttled, Some(Duration::from_secs(2))));
    }
}

#[tokio::test]
async fn statuses_of_a_read_have_their_kinds_and_no_effect() {
    let world = world();
    world.write(&[("MUG", 5, 5)]).await;
    for (failure, kind) in [
        (Failure::Status(401), ErrorKind::Unauthorized),
        (Failure::Status(402), ErrorKind::Unavailable),
        (Failure::Status(403), ErrorKind::Forbidden),
        (Failure::Status(404), ErrorKind::NotFound),
        (Failure::Status(423), ErrorKind::Unavailable),
        (Failure::Status(500), ErrorKind::Unavailable),
        (Failure::Status(302), ErrorKind::Malformed),
        (Failure::Page, ErrorKind::Malformed),
        (Failure::Internal, ErrorKind::Unavailable),
        (Failure::NoAnswer, ErrorKind::Unavailable),
    ] {
        world.fail(next(1, failure, When::Before, Which::Reads));
        let error = Shopify.unit(world.session(), "1").await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{failure:?}");
    }
}
