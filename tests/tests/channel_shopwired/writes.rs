//! Writes: batches, odd quantities, and every way in which a write can fail.

use crate::{SHOP, World, kinds, write};
use channels::shopwired::ShopWired;
use channels::shopwired::fake::{Duplicates, Failure, Fault, Negative, ProductSpec, ThrottleBody, When, Which};
use channels::{Channel, Effect, HttpError, Outcome};
use std::time::Duration;

fn world() -> World {
    World::new().stocked(&[("MUG", 5), ("CAP", 5)])
}

fn broken(failure: Failure, when: When) -> World {
    let world = world();
    world.fake().fail(SHOP, Fault { failure, when, which: Which::Writes, left: Some(1) }).unwrap();
    world
}

#[tokio::test]
async fn fifteen_listings_are_one_call_and_sixteen_are_refused() {
    let names: Vec<String> = (0..16).map(|index| format!("P-{index:02}")).collect();
    let stock: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let world = World::new().stocked(&stock);
    let targets: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 7)).collect();
    assert_eq!(kinds(&world.write(&targets[..15]).await), vec!["applied"; 15]);
    assert_eq!(world.http.take_sent().len(), 1);
    assert_eq!(world.fake().writes(SHOP).len(), 15);
    assert_eq!(kinds(&world.write(&targets).await), vec!["refused: Invalid"; 16]);
    assert_eq!(world.http.take_sent(), []);
    assert!(ShopWired.write(world.session(), &[]).await.is_empty());
}

#[tokio::test]
async fn equal_values_look_like_unknown_skus_which_are_found_out_by_a_look() {
    let world = world();
    let outcomes = world.write(&[("MUG", 5), ("GONE", 3), ("CAP", 4)]).await;
    assert_eq!(kinds(&outcomes), ["applied", "refused: NotFound", "applied"]);
    assert_eq!(world.fake().writes(SHOP).len(), 1);
    assert_eq!(world.fake().level(SHOP, "GONE"), None, "and nothing is created");
    assert_eq!(world.http.take_sent().len(), 4, "the write, and a look at each that may be meant");
    assert_eq!(kinds(&world.write(&[("MUG", 6), ("CAP", 3)]).await), ["applied"; 2]);
    assert_eq!(world.http.take_sent().len(), 1, "all of them changed: nothing to look for");
}

#[tokio::test]
async fn where_nobody_can_look_a_short_count_means_nothing() {
    let world = world();
    let fault = Fault { failure: Failure::Status(503), when: When::Before, which: Which::Reads, left: None };
    world.fake().fail(SHOP, fault).unwrap();
    assert_eq!(kinds(&world.write(&[("MUG", 5), ("GONE", 3)]).await), ["applied"; 2]);
}

#[tokio::test]
async fn one_sku_twice_is_one_item_and_two_wishes_are_refused() {
    let world = world();
    assert_eq!(kinds(&world.write(&[("MUG", 7), ("MUG", 7)]).await), ["applied"; 2]);
    assert_eq!(world.http.take_sent()[0].body, r#"{"items":[{"quantity":7,"sku":"MUG"}]}"#);
    let outcomes = world.write(&[("MUG", 8), ("CAP", 1), ("MUG", 9)]).await;
    assert_eq!(kinds(&outcomes), ["refused: Invalid", "applied", "refused: Invalid"]);
    assert_eq!((world.level("MUG"), world.level("CAP")), (7, 1));
}

#[tokio::test]
async fn a_shared_sku_moves_one_unit_or_all() {
    for (switch, second) in [(Duplicates::First, 5), (Duplicates::All, 8)] {
        let world = world().with(|switches| switches.duplicate_sku = switch).stocked(&[("MUG", 5)]);
        world.write(&[("MUG", 8)]).await;
        let units = ShopWired.units(world.session(), None).await.unwrap().rows;
        let levels: Vec<_> = units.iter().filter(|unit| unit.title == "Product MUG").map(|unit| unit.level).collect();
        assert_eq!(levels, [Some(8), Some(second)]);
    }
}

#[tokio::test]
async fn zero_is_zero_and_below_it_is_sent_only_when_asked_for() {
    let mut world = world();
    assert_eq!(kinds(&world.write(&[("MUG", -3), ("CAP", 0)]).await), ["applied"; 2]);
    assert_eq!((world.level("MUG"), world.level("CAP")), (0, 0));
    world.settings.insert("allow_negative".into(), "yes".into());
    for (switch, outcome, level) in
        [(Negative::Accept, "applied", -3), (Negative::Clamp, "applied", 0), (Negative::Refuse, "refused: Invalid", 0)]
    {
        world.fake().switches(SHOP).unwrap().negative_writes = switch;
        assert_eq!(kinds(&world.write(&[("MUG", -3)]).await), [outcome]);
        assert_eq!(world.level("MUG"), level);
        world.write(&[("MUG", 0)]).await;
    }
}

#[tokio::test]
async fn huge_numbers_and_long_skus_are_refused_alone() {
    let long = "L".repeat(129);
    let world = world();
    let outcomes = world.write(&[("MUG", 2_147_483_647), ("CAP", 2_147_483_648), (&long, 1), ("GONE", i64::MIN)]).await;
    assert_eq!(kinds(&outcomes), ["applied", "refused: Invalid", "refused: Invalid", "refused: Invalid"]);
    assert_eq!((world.level("MUG"), world.level("CAP")), (2_147_483_647, 5));
}

#[tokio::test]
async fn refusals_before_anything_happened_are_certain() {
    for (status, kind) in [
        (400, "Invalid"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (405, "Invalid"),
        (409, "Invalid"),
        (415, "Invalid"),
        (422, "Invalid"),
        (429, "Throttled"),
    ] {
        let world = broken(Failure::Status(status), When::Before);
        let outcomes = world.write(&[("MUG", 1)]).await;
        assert_eq!(kinds(&outcomes), [format!("refused: {kind}")], "{status}");
        assert_eq!(world.level("MUG"), 5);
    }
}

#[tokio::test]
async fn a_refused_batch_of_several_may_have_been_taken_in_part() {
    for takes_rest in [false, true] {
        let mut world = world().with(|switches| {
            (switches.bad_batch_takes_rest, switches.negative_writes) = (takes_rest, Negative::Refuse);
        });
        world.settings.insert("allow_negative".into(), "yes".into());
        let outcomes = world.write(&[("CAP", -1), ("MUG", 1)]).await;
        assert_eq!(kinds(&outcomes), ["unknown: Invalid"; 2]);
        assert_eq!(world.level("MUG"), if takes_rest { 1 } else { 5 });
    }
}

#[tokio::test]
async fn failures_that_say_nothing_leave_the_outcome_unknown() {
    for (failure, kind) in [
        (Failure::Status(500), "Unavailable"),
        (Failure::Status(502), "Unavailable"),
        (Failure::Status(503), "Unavailable"),
        (Failure::Status(408), "Unavailable"),
        (Failure::Status(302), "Malformed"),
        (Failure::NoAnswer, "Unavailable"),
        (Failure::Page, "Malformed"),
    ] {
        for (when, level) in [(When::Before, 5), (When::After, 1)] {
            let world = broken(failure, when);
            let outcomes = world.write(&[("MUG", 1), ("CAP", 5)]).await;
            assert_eq!(kinds(&outcomes), vec![format!("unknown: {kind}"); 2], "{failure:?} {when:?}");
            assert_eq!(world.level("MUG"), level);
        }
    }
}

#[tokio::test]
async fn a_429_is_understood_in_every_shape() {
    for body in [ThrottleBody::Json, ThrottleBody::Empty, ThrottleBody::Html] {
        for (told, wait) in [(true, Some(Duration::from_secs(7))), (false, None)] {
            let world = broken(Failure::Status(429), When::Before)
                .with(|switches| (switches.throttle_body, switches.retry_after) = (body, told));
            let outcomes = world.write(&[("MUG", 1)]).await;
            let Outcome::Refused(error) = &outcomes[0] else { panic!("{outcomes:?}") };
            assert_eq!((error.retry_after, error.effect), (wait, Effect::None));
            assert!(error.is_passing());
        }
    }
}

#[tokio::test]
async fn what_never_left_changed_nothing() {
    let world = world();
    world.http.refuse(Some(HttpError::NotSent("no route".into())));
    assert_eq!(kinds(&world.write(&[("MUG", 1)]).await), ["refused: Unavailable"]);
    world.http.refuse(Some(HttpError::NoBudget(Duration::from_secs(3))));
    let outcomes = world.write(&[("MUG", 1)]).await;
    let Outcome::Refused(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
    world.http.refuse(Some(HttpError::NoAnswer("reset".into())));
    assert_eq!(kinds(&world.write(&[("MUG", 1)]).await), ["unknown: Unavailable"]);
    assert_eq!(world.level("MUG"), 5);
}

#[tokio::test]
async fn variations_are_written_by_their_own_sku() {
    use channels::shopwired::fake::VariationSpec;
    let world = World::new();
    let variations =
        ["TEE-S", "TEE-M"].map(|name| VariationSpec { sku: Some(name.into()), stock: Some(2), name: name.into() });
    let spec = ProductSpec { sku: None, variations: variations.into(), ..ProductSpec::simple("unused", 0) };
    world.fake().create_product(SHOP, &spec, world.now()).unwrap();
    ShopWired.write(world.session(), &[write("TEE-M", 9)]).await;
    assert_eq!((world.level("TEE-S"), world.level("TEE-M")), (2, 9));
}
