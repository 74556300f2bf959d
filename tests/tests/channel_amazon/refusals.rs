//! Refusals of every kind, and what they must never tell.

use crate::{REFRESH, SECRET, SELLER, World};
use channels::amazon::Amazon;
use channels::amazon::fake::{Failure, Fault, When};
use channels::{Channel, Effect, ErrorKind, HttpError};
use std::time::Duration;

#[tokio::test]
async fn each_status_means_one_thing() {
    let cases = [
        (400, ErrorKind::Invalid),
        (403, ErrorKind::Forbidden),
        (404, ErrorKind::NotFound),
        (413, ErrorKind::Invalid),
        (415, ErrorKind::Invalid),
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
        (302, ErrorKind::Malformed),
    ];
    for (status, kind) in cases {
        let world = World::new();
        world.fake().fail(SELLER, Fault::of("searchOrders", 1, Failure::Status(status), When::Before)).unwrap();
        let error = Amazon.orders_since(world.session(), world.now(), None).await.unwrap_err();
        assert_eq!((error.kind, error.effect, error.retry_after), (kind, Effect::None, None), "{status}: {error}");
        assert!(error.context.contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn no_budget_is_our_own_doing_and_costs_nothing() {
    let world = World::new().stocked(&[("MUG", 5)]);
    world.write(&[("MUG", 5)]).await;
    world.net.inner.refuse(Some(HttpError::NoBudget(Duration::from_secs(7))));
    let error = Amazon.orders_since(world.session(), world.now(), None).await.unwrap_err();
    assert_eq!((error.kind, error.retry_after), (ErrorKind::Throttled, Some(Duration::from_secs(7))));
    assert_eq!(world.write(&[("MUG", 6)]).await, ["refused: Throttled"]);
    world.tokens.forget();
    let error = Amazon.orders_since(world.session(), world.now(), None).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Throttled, Effect::None), "not even a token could be had");
}

#[tokio::test]
async fn nothing_that_is_told_holds_a_secret() {
    let world = World::new().stocked(&[("MUG", 5)]);
    let token = || world.tokens.get("seller", world.now()).map(|token| token.reveal().to_owned());
    for failure in [Failure::Status(400), Failure::Status(403), Failure::Status(500), Failure::NoAnswer, Failure::Page]
    {
        world.fake().fail(SELLER, Fault { failure, when: When::Before, operation: None, left: Some(1) }).unwrap();
        let error = Amazon.identify(world.session()).await.unwrap_err();
        let told = format!("{error:?} {error}");
        let access = token().unwrap();
        assert!([SECRET, REFRESH, access.as_str()].iter().all(|secret| !told.contains(secret)), "{told}");
    }
    let sent = world.take_sent();
    assert!(sent.iter().all(|sent| !sent.target.contains(SECRET) && !sent.target.contains("Atz")), "{sent:?}");
}

#[tokio::test]
async fn documents_are_fetched_from_the_host_of_the_settings_even_on_this_machine() {
    let world = World::new().stocked(&[("A/1", 5)]).setting("base_url", "http://127.0.0.1");
    assert_eq!(world.write(&[("A/1", 6)]).await, ["accepted"]);
    let puts = world.take_sent().into_iter().filter(|sent| sent.method == "PUT").count();
    assert_eq!(puts, 1);
}

#[tokio::test]
async fn a_missing_setting_is_told_before_anything_is_sent() {
    let mut world = World::new();
    world.settings.remove("seller_id");
    assert_eq!(Amazon.identify(world.session()).await.unwrap_err().kind, ErrorKind::Configuration);
    assert_eq!(world.write(&[("MUG", 1)]).await, ["refused: Configuration"]);
    assert_eq!(world.take_sent(), []);
}
