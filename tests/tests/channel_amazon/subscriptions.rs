//! Destinations and subscriptions: made once, found again, 409 is no failure.

use crate::{QUEUE, SELLER, World};
use channels::amazon::Amazon;
use channels::amazon::fake::{Failure, Fault, When};
use channels::{Channel, ErrorKind, SubscriptionState};

fn world() -> World {
    World::new()
        .setting("queue_arn", QUEUE)
        .setting("eventbridge_account", "111122223333")
        .setting("eventbridge_region", "eu-west-1")
}

async fn states(world: &World) -> Vec<(String, SubscriptionState)> {
    let done = Amazon.subscribe(world.session(), "").await.unwrap();
    done.into_iter().map(|one| (one.topic, one.state)).collect()
}

#[tokio::test]
async fn both_topics_are_set_up_once() {
    let world = world();
    let expected =
        |state| [("ORDER_CHANGE".to_owned(), state), ("LISTINGS_ITEM_MFN_QUANTITY_CHANGE".to_owned(), state)];
    assert_eq!(states(&world).await, expected(SubscriptionState::Created));
    assert_eq!(states(&world).await, expected(SubscriptionState::Active));
    assert_eq!((world.calls("createDestination"), world.calls("createSubscription")), (2, 2));
    Amazon.unsubscribe(world.session(), "").await.unwrap();
    assert_eq!(states(&world).await, expected(SubscriptionState::Created));
    assert_eq!(world.calls("createDestination"), 2, "destinations stay");
}

#[tokio::test]
async fn without_a_queue_or_a_bus_there_is_nothing_to_set_up() {
    let world = World::new();
    assert_eq!(states(&world).await, []);
    Amazon.unsubscribe(world.session(), "").await.unwrap();
    assert_eq!(world.take_sent(), []);
}

#[tokio::test]
async fn grantless_calls_have_a_token_of_their_own() {
    let world = world();
    states(&world).await;
    assert_eq!(world.fake().token_calls(), 2, "one for the seller, one for the application");
}

#[tokio::test]
async fn an_answer_that_got_lost_does_no_harm() {
    for operation in ["createDestination", "createSubscription"] {
        let world = world();
        world.fake().fail(SELLER, Fault::of(operation, 1, Failure::NoAnswer, When::After)).unwrap();
        assert_eq!(Amazon.subscribe(world.session(), "").await.unwrap_err().kind, ErrorKind::Unavailable);
        assert_eq!(states(&world).await[0].1 == SubscriptionState::Active, operation == "createSubscription");
        assert_eq!(states(&world).await[0].1, SubscriptionState::Active);
    }
}

#[tokio::test]
async fn a_moved_queue_moves_the_subscription() {
    let world = world();
    states(&world).await;
    let world = world.setting("queue_arn", "arn:aws:sqs:eu-west-1:111122223333:another");
    assert_eq!(states(&world).await[0].1, SubscriptionState::Created);
    assert_eq!(states(&world).await[0].1, SubscriptionState::Active);
    assert_eq!((world.calls("deleteSubscriptionById"), world.calls("createDestination")), (1, 3));
}

#[tokio::test]
async fn a_role_that_is_missing_is_told_and_the_rest_is_set_up() {
    let world = world();
    world.fake().fail(SELLER, Fault::of("createSubscription", 1, Failure::Status(403), When::Before)).unwrap();
    let done = Amazon.subscribe(world.session(), "").await.unwrap();
    assert_eq!((done[0].state, done[0].required), (SubscriptionState::Refused, true));
    assert!(done[0].note.contains("403"), "{}", done[0].note);
    assert_eq!((done[1].state, done[1].required), (SubscriptionState::Created, false));
}
