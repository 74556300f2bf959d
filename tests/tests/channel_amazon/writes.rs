//! Writes by patches: accepted first, live later, and never on stock that Amazon keeps.

use crate::{SELLER, UK, World, kinds, write};
use channels::amazon::fake::{Failure, Fault, ListingSpec, PushVsPending, When};
use channels::amazon::{Amazon, MAX_WRITES};
use channels::{Channel, HttpError, Outcome};
use serde_json::{Value, json};

#[tokio::test]
async fn a_write_is_accepted_then_live() {
    let world = World::new().stocked(&[("MUG", 5)]);
    world.take_sent();
    assert_eq!(world.write(&[("MUG", 7)]).await, ["accepted"]);
    assert_eq!(world.level("MUG"), 5);
    world.pass(30);
    assert_eq!(world.level("MUG"), 7);
    let patch = world.take_sent().pop().unwrap();
    let sent: Value = serde_json::from_str(&patch.body).unwrap();
    let expected = json!([{"op": "merge", "path": "/attributes/fulfillment_availability",
        "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 7}]}]);
    assert_eq!((&sent["patches"], &sent["productType"]), (&expected, &json!("LUGGAGE")));
    assert_eq!(patch.target, format!("/listings/2021-08-01/items/{SELLER}/MUG?marketplaceIds={UK}"));
}

#[tokio::test]
async fn accepted_may_mean_lost() {
    let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.apply_ms = None);
    assert_eq!(world.write(&[("MUG", 7)]).await, ["accepted"]);
    world.pass(86_400);
    assert_eq!(world.levels(&["MUG"]).await, [Some(5)], "only a read tells");
    world.fake().switches(SELLER).unwrap().apply_ms = Some(1_000);
    assert_eq!(world.write(&[("MUG", 7)]).await, ["accepted"]);
    world.pass(1);
    assert_eq!(world.levels(&["MUG"]).await, [Some(7)]);
}

#[tokio::test]
async fn twenty_writes_are_one_search_and_twenty_patches() {
    let names: Vec<String> = (0..21).map(|n| format!("S{n:02}")).collect();
    let world = World::new();
    names.iter().for_each(|name| world.list(&ListingSpec::own(name, 1)));
    let writes: Vec<(&str, i64)> = names.iter().take(MAX_WRITES).map(|name| (name.as_str(), 3)).collect();
    assert_eq!(world.write(&writes).await, vec!["accepted"; 20]);
    assert_eq!((world.calls("searchListingsItems"), world.calls("patchListingsItem")), (1, 20));
    let writes: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 4)).collect();
    assert_eq!(world.write(&writes).await, vec!["accepted"; 21], "the last part of very many is a feed too");
    assert_eq!((world.calls("createFeed"), world.calls("patchListingsItem")), (1, 20));
}

#[tokio::test]
async fn the_handling_time_beside_a_quantity_is_kept() {
    let world = World::new();
    world.list(&ListingSpec { lead_time: Some(2), ..ListingSpec::own("MUG", 5) });
    assert_eq!(world.write(&[("MUG", 7)]).await, ["accepted"]);
    let submitted = world.fake().submitted(SELLER, "MUG", UK).unwrap();
    assert_eq!(
        submitted,
        [json!({"fulfillment_channel_code": "DEFAULT", "quantity": 7, "lead_time_to_ship_max_days": 2})]
    );
}

#[tokio::test]
async fn stock_that_amazon_keeps_is_never_written() {
    let world = World::new().stocked(&[("MUG", 5)]);
    world.list(&ListingSpec::hosted("FBA"));
    let both = vec![("DEFAULT".into(), Some(3)), ("AMAZON_EU".into(), None)];
    world.list(&ListingSpec { stock: both, ..ListingSpec::own("BOTH", 0) });
    // the merchant turned this one over to Amazon after it was mapped
    world.list(&ListingSpec::hosted("TURNED"));
    let outcomes = world.write(&[("FBA", 1), ("MUG", 6), ("BOTH", 1), ("TURNED", 0)]).await;
    let refused = "refused: Configuration";
    assert_eq!(outcomes, [refused, "accepted", refused, refused]);
    world.pass(3600);
    assert_eq!((world.level("MUG"), world.fake().stranded(SELLER)), (6, vec![]));
    assert_eq!(world.calls("patchListingsItem"), 1);
}

#[tokio::test]
async fn a_listing_that_is_not_there_is_refused_since_amazon_would_accept_and_lose_it() {
    let world = World::new().stocked(&[("MUG", 5)]);
    assert_eq!(world.write(&[("NOPE", 1), ("MUG", 6)]).await, ["refused: NotFound", "accepted"]);
}

/// UNKNOWN: what `merge` does to a listing without that code. We do not get there: nothing is known of such stock.
#[tokio::test]
async fn a_listing_without_our_code_is_left_alone() {
    for adds in [true, false] {
        let world = World::new().with(|switches| switches.merge_adds_code = adds);
        world.list(&ListingSpec { stock: vec![], ..ListingSpec::own("BARE", 0) });
        assert_eq!(world.write(&[("BARE", 1)]).await, ["refused: Configuration"]);
        assert_eq!(world.calls("patchListingsItem"), 0);
    }
}

#[tokio::test]
async fn zero_negative_and_huge() {
    let world = World::new().stocked(&[("A", 5), ("B", 5), ("C", 5)]);
    let outcomes = world.write(&[("A", 0), ("B", -4), ("C", 3_000_000_000)]).await;
    assert_eq!(outcomes, ["accepted", "accepted", "refused: Invalid"]);
    world.pass(30);
    assert_eq!((world.level("A"), world.level("B"), world.level("C")), (0, 0, 5));
}

/// UNKNOWN: the largest quantity that Amazon takes.
#[tokio::test]
async fn a_quantity_that_amazon_finds_too_large_is_told() {
    for (most, expected) in [(None, "accepted"), (Some(9_999), "refused: Invalid")] {
        let world = World::new().stocked(&[("A", 5), ("B", 5)]).with(|switches| switches.quantity_max = most);
        assert_eq!(world.write(&[("A", 10_000), ("B", 6)]).await, [expected, "accepted"], "the others go on");
    }
}

#[tokio::test]
async fn one_sku_twice_is_one_write_or_a_contradiction() {
    let world = World::new().stocked(&[("A", 5), ("B", 5)]);
    assert_eq!(
        world.write(&[("A", 6), ("A", 6), ("B", 1), ("B", 2)]).await,
        ["accepted", "accepted", "refused: Invalid", "refused: Invalid"]
    );
    assert_eq!(world.calls("patchListingsItem"), 1);
}

#[tokio::test]
async fn failures_say_whether_they_may_have_taken_effect() {
    let cases = [
        (Failure::Status(429), When::Before, "refused: Throttled", 5),
        (Failure::Status(403), When::Before, "refused: Forbidden", 5),
        (Failure::Status(400), When::Before, "refused: Invalid", 5),
        (Failure::Status(500), When::Before, "unknown: Unavailable", 5),
        (Failure::Status(503), When::After, "unknown: Unavailable", 6),
        (Failure::NoAnswer, When::After, "unknown: Unavailable", 6),
        (Failure::NoAnswer, When::Before, "unknown: Unavailable", 5),
        (Failure::Page, When::After, "unknown: Malformed", 6),
    ];
    for (failure, when, expected, level) in cases {
        let world = World::new().stocked(&[("MUG", 5)]);
        world.fake().fail(SELLER, Fault::of("patchListingsItem", 1, failure, when)).unwrap();
        assert_eq!(world.write(&[("MUG", 6)]).await, [expected], "{failure:?} {when:?}");
        world.pass(60);
        assert_eq!(world.level("MUG"), level, "{failure:?} {when:?}");
    }
}

#[tokio::test]
async fn after_a_closed_door_nothing_more_is_sent() {
    for (failure, first) in [(Failure::Status(429), "refused: Throttled"), (Failure::NoAnswer, "unknown: Unavailable")]
    {
        let world = World::new().stocked(&[("A", 5), ("B", 5), ("C", 5)]);
        assert_eq!(world.write(&[("A", 1)]).await, ["accepted"]);
        world.fake().fail(SELLER, Fault::of("patchListingsItem", 1, failure, When::Before)).unwrap();
        let outcomes = Amazon.write(world.session(), &[write("A", 2), write("B", 2), write("C", 2)]).await;
        assert_eq!(kinds(&outcomes)[0], first);
        for outcome in &outcomes[1..] {
            let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
            assert_eq!(error.effect, channels::Effect::None, "it was not sent");
        }
        assert_eq!(world.calls("patchListingsItem"), 2);
    }
}

#[tokio::test]
async fn without_a_look_at_the_live_channel_nothing_is_written() {
    let world = World::new().stocked(&[("MUG", 5)]);
    world.fake().fail(SELLER, Fault::of("searchListingsItems", 1, Failure::NoAnswer, When::Before)).unwrap();
    assert_eq!(world.write(&[("MUG", 6)]).await, ["refused: Unavailable"]);
    world.net.inner.refuse(Some(HttpError::NotSent("no route".into())));
    assert_eq!(world.write(&[("MUG", 6)]).await, ["refused: Unavailable"]);
    assert_eq!(world.calls("patchListingsItem"), 0);
}

/// UNKNOWN: whether a write lowers by pending units. Whoever pushes subtracts them; the difference is on the safe side.
#[tokio::test]
async fn pending_units_are_never_sold_twice_either_way() {
    for (rule, expected) in [(PushVsPending::Overwrite, 6), (PushVsPending::Net, 4)] {
        let world = World::new().stocked(&[("MUG", 10)]).with(|switches| switches.push_vs_pending = rule);
        world.sell("MUG", 2);
        // ten on hand, two pending, two sold elsewhere: six may be sold
        assert_eq!(world.write(&[("MUG", 6)]).await, ["accepted"]);
        world.pass(30);
        assert_eq!(world.levels(&["MUG"]).await, [Some(expected)]);
        let more = world.fake().sell(SELLER, &[("MUG", 7)], world.now());
        assert!(more.is_err(), "more than there is cannot be sold");
    }
}

#[tokio::test]
async fn writes_of_one_sku_may_be_slowed_down() {
    let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.sku_slow_ms = 600_000);
    assert_eq!(world.write(&[("MUG", 6)]).await, ["accepted"]);
    assert_eq!(world.write(&[("MUG", 7)]).await, ["accepted"]);
    world.pass(60);
    assert_eq!(world.levels(&["MUG"]).await, [Some(6)]);
    world.pass(600);
    assert_eq!(world.levels(&["MUG"]).await, [Some(7)]);
}
