//! Our webhooks in the store.

use crate::{SHOP, URL, World, next};
use channels::shopify::Shopify;
use channels::shopify::fake::{Failure, When, Which};
use channels::{Channel, Subscription, SubscriptionState};

fn states(subscriptions: &[Subscription]) -> Vec<SubscriptionState> {
    subscriptions.iter().map(|one| one.state).collect()
}

#[tokio::test]
async fn they_are_created_once_and_none_is_about_orders() {
    let world = World::new();
    let first = Shopify.subscribe(world.session(), URL).await.unwrap();
    assert_eq!(states(&first), vec![SubscriptionState::Created; 13]);
    assert!(first.iter().all(|one| !one.topic.contains("order") && !one.topic.contains("refund")));
    let required: Vec<&str> = first.iter().filter(|one| one.required).map(|one| one.topic.as_str()).collect();
    assert_eq!(required, ["inventory_levels/update"]);
    let again = Shopify.subscribe(world.session(), URL).await.unwrap();
    assert_eq!(states(&again), vec![SubscriptionState::Active; 13]);
    assert!(world.mutations().len() == 13, "and nothing is created twice");
}

#[tokio::test]
async fn one_that_the_store_deleted_is_created_again() {
    let world = World::new().stocked(&[("MUG", 5)]);
    Shopify.subscribe(world.session(), URL).await.unwrap();
    world.fake().adjust(SHOP, "MUG", world.main, 4, world.now()).unwrap();
    for _ in 0..9 {
        world.clock.advance(std::time::Duration::from_secs(3 * 3600));
        assert_eq!(world.net.inner.deliver(|_| Some((500, vec![]))), 1, "one try and eight more");
    }
    world.clock.advance(std::time::Duration::from_secs(24 * 3600));
    assert_eq!(world.net.inner.deliver(|_| Some((200, vec![]))), 0);
    let again = Shopify.subscribe(world.session(), URL).await.unwrap();
    let created: Vec<&str> =
        again.iter().filter(|one| one.state == SubscriptionState::Created).map(|one| one.topic.as_str()).collect();
    assert_eq!(created, ["inventory_levels/update"]);
}

#[tokio::test]
async fn a_lost_answer_is_found_as_there_already() {
    let world = World::new();
    world.fail(next(1, Failure::NoAnswer, When::After, Which::Writes));
    assert!(Shopify.subscribe(world.session(), URL).await.is_err(), "the required one must wait");
    let again = Shopify.subscribe(world.session(), URL).await.unwrap();
    assert_eq!(again[0].state, SubscriptionState::Active);
}

#[tokio::test]
async fn a_refusal_is_told_with_the_stores_words() {
    let world = World::new();
    let refused = Shopify.subscribe(world.session(), "http://hub.example.invalid/x").await.unwrap();
    assert!(refused.iter().all(|one| one.state == SubscriptionState::Refused && one.note.contains("http:// is not")));
}

#[tokio::test]
async fn they_are_removed_and_those_of_others_stay() {
    let world = World::new();
    Shopify.subscribe(world.session(), URL).await.unwrap();
    let other = "https://other.example.invalid/x";
    Shopify.subscribe(world.session(), other).await.unwrap();
    Shopify.unsubscribe(world.session(), URL).await.unwrap();
    Shopify.unsubscribe(world.session(), URL).await.unwrap();
    assert_eq!(states(&Shopify.subscribe(world.session(), other).await.unwrap()), vec![SubscriptionState::Active; 13]);
    assert_eq!(states(&Shopify.subscribe(world.session(), URL).await.unwrap()), vec![SubscriptionState::Created; 13]);
}

#[tokio::test]
async fn another_hub_that_listens_with_the_same_app_is_told() {
    let world = World::new();
    let other = "https://old.example.invalid/webhooks/berlin";
    Shopify.subscribe(world.session(), other).await.unwrap();
    let made = Shopify.subscribe(world.session(), URL).await.unwrap();
    let hubs: Vec<&Subscription> = made.iter().filter(|one| one.state == SubscriptionState::AnotherHub).collect();
    assert_eq!(hubs.iter().map(|one| one.topic.as_str()).collect::<Vec<_>>(), [other]);
    assert!(hubs[0].note.contains("only one hub may write a store"));
}
