//! Writes: batches, stale rows, keys, odd quantities, and every way in which a write can fail.

use crate::{SHOP, World, kinds, location, next, write};
use channels::shopify::Shopify;
use channels::shopify::fake::{FailedKey, Failure, When, Which};
use channels::shopify::{ROWS_MAX, SINGLES_MAX};
use channels::{Channel, Effect, Fit, HttpError, Outcome, Write};
use serde_json::Value;
use std::time::Duration;

fn world() -> World {
    World::new().stocked(&[("MUG", 5), ("CAP", 5)])
}

/// So many products with 1 each, and a write of each from 1 to 7.
fn many(count: usize) -> (World, Vec<Write>) {
    let world = World::new();
    let writes = (0..count).map(|index| {
        let name = format!("P-{index:03}");
        let item = world.add(&name, &[(world.main, 1)]);
        write(&name, &item.to_string(), world.main, 1, 7)
    });
    let writes = writes.collect();
    (world, writes)
}

#[tokio::test]
async fn a_write_names_the_level_that_it_expects_and_its_key() {
    let world = world();
    assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["applied"]);
    assert_eq!(world.level("MUG"), 3);
    let body: Value = serde_json::from_str(&world.mutations()[0].body).unwrap();
    let input = &body["variables"]["i0"];
    assert_eq!((&input["name"], &input["reason"]), (&"available".into(), &"correction".into()));
    assert_eq!(input["quantities"][0]["changeFromQuantity"], 5);
    assert_eq!(body["variables"]["k0"], world.row("MUG", 5, 3).key);
    assert_eq!(world.fake().quantity(SHOP, "MUG", world.main, "on_hand"), Some(3), "on hand follows by itself");
}

#[tokio::test]
async fn a_level_that_moved_is_stale_and_nothing_is_written() {
    let world = world();
    world.fake().sell(SHOP, "MUG", world.main, 2, world.now()).unwrap();
    assert_eq!(kinds(&world.write(&[("MUG", 5, 9), ("CAP", 5, 9)]).await), ["stale", "applied"]);
    assert_eq!((world.level("MUG"), world.level("CAP")), (3, 9));
}

#[tokio::test]
async fn few_writes_have_a_call_each_and_many_share_one() {
    let (world, writes) = many(ROWS_MAX);
    assert_eq!(kinds(&world.send(&writes[..SINGLES_MAX]).await), vec!["applied"; SINGLES_MAX]);
    let sent = world.mutations();
    assert_eq!((sent.len(), sent[0].body.matches("@idempotent").count()), (1, SINGLES_MAX));
    let mut rest = writes;
    rest[..SINGLES_MAX].iter_mut().for_each(|write| (write.from, write.to) = (7, 8));
    assert_eq!(kinds(&world.send(&rest).await), vec!["applied"; ROWS_MAX]);
    let sent = world.mutations();
    assert_eq!((sent.len(), sent[0].body.matches("@idempotent").count()), (1, 1));
}

#[tokio::test]
async fn too_many_are_refused_and_none_is_none() {
    let (world, writes) = many(ROWS_MAX + 1);
    assert_eq!(kinds(&world.send(&writes).await), vec!["refused: Invalid"; ROWS_MAX + 1]);
    assert_eq!(world.net.inner.take_sent(), []);
    assert!(world.send(&[]).await.is_empty());
}

#[tokio::test]
async fn beside_a_stale_row_nothing_is_written_and_all_is_decided_anew() {
    for named in [true, false] {
        let (world, writes) = many(40);
        world.switch(|switches| switches.stale_path = named);
        world.fake().sell(SHOP, "P-007", world.main, 1, world.now()).unwrap();
        assert_eq!(kinds(&world.send(&writes).await), vec!["stale"; 40], "named: {named}");
        assert_eq!(world.fake().writes(SHOP), []);
        let keys: Vec<Value> = world.mutations().iter().map(|sent| key(&sent.body)).collect();
        assert_eq!(keys.len(), 1);
        // without it the others are another call
        let rest: Vec<Write> = writes.into_iter().filter(|write| write.sku.as_str() != "P-007").collect();
        assert_eq!(kinds(&world.send(&rest).await), vec!["applied"; 39]);
        assert_ne!(key(&world.mutations()[0].body), keys[0]);
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_written_stands_in_nobodys_way() {
    let (world, mut writes) = many(30);
    writes[3].external = "77".into();
    writes[4].to = 1_000_000_001;
    let outcomes = kinds(&world.send(&writes).await);
    let expected = |index| match index {
        3 => "refused: NotFound",
        4 => "refused: Invalid",
        _ => "applied",
    };
    assert_eq!(outcomes, (0..30).map(expected).collect::<Vec<_>>());
    let fits = Shopify.inspect(world.session(), &writes).await;
    let unfit: Vec<usize> =
        fits.iter().enumerate().filter(|(_, fit)| matches!(fit, Fit::Not(_))).map(|(index, _)| index).collect();
    assert_eq!(unfit, [3, 4]);
}

fn key(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["variables"]["k0"].clone()
}

#[tokio::test]
async fn a_lost_answer_is_found_out_with_the_same_key() {
    for (when, before_retry) in [(When::Before, 5), (When::After, 3)] {
        let world = world();
        world.fail(next(1, Failure::NoAnswer, when, Which::Writes));
        assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["unknown: Unavailable"]);
        assert_eq!(world.level("MUG"), before_retry);
        assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["applied"], "{when:?}");
        assert_eq!((world.level("MUG"), world.fake().writes(SHOP).len()), (3, 1));
    }
}

#[tokio::test]
async fn a_sale_between_a_lost_answer_and_the_next_try_is_kept() {
    let world = world();
    world.fail(next(1, Failure::NoAnswer, When::After, Which::Writes));
    world.write(&[("MUG", 5, 9)]).await;
    world.fake().sell(SHOP, "MUG", world.main, 4, world.now()).unwrap();
    assert_eq!(kinds(&world.write(&[("MUG", 5, 9)]).await), ["applied"], "the first was: 9, of which 4 are sold");
    assert_eq!(world.level("MUG"), 5);
}

#[tokio::test]
async fn rows_of_a_lost_request_are_found_out_one_by_one() {
    let world = world();
    world.fail(next(1, Failure::NoAnswer, When::After, Which::Writes));
    assert_eq!(kinds(&world.write(&[("MUG", 5, 3), ("CAP", 5, 4)]).await), vec!["unknown: Unavailable"; 2]);
    assert_eq!(kinds(&world.write(&[("CAP", 5, 4)]).await), ["applied"]);
    assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["applied"]);
    assert_eq!(world.fake().writes(SHOP).len(), 2);
}

#[tokio::test]
async fn a_call_of_many_whose_answer_is_lost_is_found_out_by_making_it_again() {
    for failure in [Failure::NoAnswer, Failure::Status(502), Failure::Page, Failure::Internal] {
        for when in [When::Before, When::After] {
            let (world, writes) = many(30);
            world.fail(next(1, failure, when, Which::Writes));
            let unknown = world.send(&writes).await;
            assert!(unknown.iter().all(|outcome| matches!(outcome, Outcome::Unknown(_))), "{failure:?} {when:?}");
            // what happens to an item in the meantime changes nothing: it is the same call
            world.fake().track(SHOP, "P-001", false, world.now()).unwrap();
            let again = Shopify.write_call(world.session(), &writes).await;
            assert_eq!(kinds(&again), vec!["applied"; 30], "{failure:?} {when:?}");
            let keys: Vec<Value> = world.mutations().iter().map(|sent| key(&sent.body)).collect();
            assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
            assert_eq!(world.fake().writes(SHOP).len(), 30, "each was written once");
        }
    }
}

#[tokio::test]
async fn in_another_composition_it_is_another_call() {
    let (world, writes) = many(30);
    world.fail(next(1, Failure::NoAnswer, When::After, Which::Writes));
    assert_eq!(kinds(&world.send(&writes).await), vec!["unknown: Unavailable"; 30]);
    // nothing is written twice, and the store says that its level moved
    assert_eq!(kinds(&world.send(&writes[4..5]).await), ["stale"]);
    assert_eq!(world.fake().writes(SHOP).len(), 30);
    assert_eq!(kinds(&Shopify.write_call(world.session(), &writes).await), vec!["applied"; 30]);
}

#[tokio::test]
async fn a_call_that_still_runs_is_unknown() {
    let world = world().with(|switches| switches.concurrent_ms = 9_000);
    world.fail(next(1, Failure::NoAnswer, When::After, Which::Writes));
    world.write(&[("MUG", 5, 3)]).await;
    let outcomes = world.write(&[("MUG", 5, 3)]).await;
    let Outcome::Unknown(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(error.retry_after, Some(Duration::from_secs(2)));
    world.clock.advance(Duration::from_secs(9));
    assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["applied"]);
}

#[tokio::test]
async fn a_key_whose_first_call_was_refused_wants_another_one() {
    for switch in [FailedKey::Refused, FailedKey::Replayed] {
        let world = world().with(|switches| switches.failed_key = switch);
        assert_eq!(kinds(&world.write(&[("MUG", 4, 3)]).await), ["stale"]);
        assert_eq!(kinds(&world.write(&[("MUG", 4, 3)]).await), ["stale"]);
        assert_eq!(world.level("MUG"), 5);
    }
}

#[tokio::test]
async fn a_key_used_for_something_else_says_nothing_of_this() {
    let world = world();
    let first = Write { key: "same".into(), ..world.row("MUG", 5, 3) };
    let second = Write { key: "same".into(), ..world.row("CAP", 5, 3) };
    assert_eq!(kinds(&world.send(&[first]).await), ["applied"]);
    assert_eq!(kinds(&world.send(&[second]).await), ["unknown: Malformed"]);
    assert_eq!(world.level("CAP"), 5);
}

#[tokio::test]
async fn a_day_later_a_key_is_new_and_the_expected_level_protects() {
    let world = world();
    assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["applied"]);
    world.clock.advance(Duration::from_secs(86_400));
    assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["stale"]);
    assert_eq!(world.level("MUG"), 3);
}

#[tokio::test]
async fn equal_zero_negative_and_huge_quantities() {
    let world = world();
    assert_eq!(kinds(&world.write(&[("MUG", 5, 5), ("CAP", 5, 0)]).await), ["applied"; 2]);
    assert_eq!(world.fake().writes(SHOP).len(), 1, "an equal value is no write");
    assert_eq!(kinds(&world.write(&[("CAP", 0, -3)]).await), ["applied"], "below zero is what an oversold level is");
    let outcomes = world.write(&[("MUG", 5, 1_000_000_000), ("CAP", -3, 1_000_000_001)]).await;
    assert_eq!(kinds(&outcomes), ["applied", "refused: Invalid"]);
    assert_eq!(kinds(&world.write(&[("CAP", -3, i64::MIN)]).await), ["refused: Invalid"]);
    assert_eq!((world.level("MUG"), world.level("CAP")), (1_000_000_000, -3));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_alone() {
    let world = world();
    let twice = world.row("MUG", 5, 4);
    let strange = Write { external: "MUG".into(), ..world.row("MUG", 5, 4) };
    let nowhere = Write { location: location(404), ..world.row("CAP", 5, 1) };
    let gone = Write { external: "77".into(), ..world.row("CAP", 5, 1) };
    let outcomes = world.send(&[twice.clone(), twice, strange, nowhere, gone, world.row("CAP", 5, 4)]).await;
    let expected =
        ["applied", "refused: Invalid", "refused: Invalid", "refused: NotFound", "refused: NotFound", "applied"];
    assert_eq!(kinds(&outcomes), expected);
}

#[tokio::test]
async fn what_never_left_changed_nothing() {
    let world = world();
    world.write(&[("MUG", 5, 5)]).await;
    world.net.inner.refuse(Some(HttpError::NotSent("no route".into())));
    assert_eq!(kinds(&world.write(&[("MUG", 5, 1)]).await), ["refused: Unavailable"]);
    world.net.inner.refuse(Some(HttpError::NoBudget(Duration::from_secs(3))));
    let outcomes = world.write(&[("MUG", 5, 1)]).await;
    let Outcome::Refused(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((error.retry_after, error.effect), (Some(Duration::from_secs(3)), Effect::None));
    assert_eq!(world.level("MUG"), 5);
}

#[tokio::test]
async fn failures_that_say_nothing_leave_the_outcome_unknown() {
    for (failure, kind) in [
        (Failure::Status(500), "Unavailable"),
        (Failure::Status(503), "Unavailable"),
        (Failure::Status(302), "Malformed"),
        (Failure::Page, "Malformed"),
        (Failure::Internal, "Unavailable"),
        (Failure::Status(429), "Throttled"),
        (Failure::Status(430), "Throttled"),
    ] {
        for (when, level) in [(When::Before, 5), (When::After, 1)] {
            let world = world();
            world.fail(next(1, failure, when, Which::Writes));
            let outcomes = world.write(&[("MUG", 5, 1), ("CAP", 5, 5)]).await;
            assert_eq!(kinds(&outcomes), vec![format!("unknown: {kind}"); 2], "{failure:?} {when:?}");
            assert_eq!(world.level("MUG"), level);
        }
    }
}

#[tokio::test]
async fn refusals_before_anything_happened_are_certain() {
    for (status, kind) in [(400, "Invalid"), (401, "Unauthorized"), (403, "Forbidden"), (404, "NotFound")] {
        let world = world();
        world.fail(next(1, Failure::Status(status), When::Before, Which::Writes));
        assert_eq!(kinds(&world.write(&[("MUG", 5, 1)]).await), [format!("refused: {kind}")], "{status}");
        assert_eq!(world.level("MUG"), 5);
    }
}
