//! The simulation as a test: every regression first, then some seeds of each class and profile, then the same world varied
//! in ways that must make no difference. `cargo run --release -p tests -- simulate` makes long runs.

#![allow(clippy::print_stdout)] // each world says what it covered

use tests::sim::many::{Batch, simulate};
use tests::sim::regression;
use tests::sim::run::{Order, Outcome, Variation, run};
use tests::sim::scenes;
use tests::sim::setup::{Class, Profile, Setup};

/// Seeds of each class and profile: more than a thousand worlds in all.
const SEEDS: u64 = 55;
/// Each so-many-th seed runs twice.
const TWICE_EACH: u64 = 10;

fn holds(class: Class, profile: Profile) {
    let variation = Variation::default();
    let summary = simulate(&Batch { class, profile, first: 0, seeds: SEEDS, twice_each: TWICE_EACH, variation });
    println!("{}", summary.line());
    let failures: Vec<String> = summary.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), summary.line());
    assert!(summary.total.writes > SEEDS && summary.total.actions > SEEDS, "the world stood still");
    assert!(class == Class::Blind || summary.total.erased == 0, "only blind writes may erase anything");
}

#[test]
fn what_once_failed_holds() {
    let orders = regression::all().expect("the regressions can be read");
    assert!(!orders.is_empty());
    for order in orders {
        let violations = run(&order).violations;
        assert!(violations.is_empty(), "{}: {violations:?}", regression::line(&order));
    }
}

#[test]
fn the_same_seed_leaves_the_same_trace() {
    let order = Order { traced: true, ..Order::new(Class::Mixed, Profile::Harsh, 4) };
    let (one, other) = (run(&order), run(&order));
    assert_eq!((one.hash, one.lines), (other.hash, other.lines));
}

#[test]
fn an_order_survives_its_line() {
    let text = "mixed harsh 17 3,4,9";
    let order = regression::read(text).expect("it can be read").expect("it is no comment");
    assert_eq!(regression::line(&order), text);
    assert!(regression::read("mixed tropical 17").is_err());
}

macro_rules! worlds {
    ($($name:ident: $class:ident $profile:ident,)+) => {
        $(#[test]
        fn $name() {
            holds(Class::$class, Profile::$profile);
        })+
    };
}

worlds! {
    shops_in_calm: Shops Calm,
    shops_in_a_bad_week: Shops Realistic,
    shops_in_a_storm: Shops Harsh,
    shops_with_a_dead_one: Shops Liveness,
    exact_stores_in_calm: Exact Calm,
    exact_stores_in_a_bad_week: Exact Realistic,
    exact_stores_in_a_storm: Exact Harsh,
    exact_stores_with_a_dead_one: Exact Liveness,
    blind_stores_in_calm: Blind Calm,
    blind_stores_in_a_bad_week: Blind Realistic,
    blind_stores_in_a_storm: Blind Harsh,
    blind_stores_with_a_dead_one: Blind Liveness,
    mixed_stores_in_calm: Mixed Calm,
    mixed_stores_in_a_bad_week: Mixed Realistic,
    mixed_stores_in_a_storm: Mixed Harsh,
    mixed_stores_with_a_dead_one: Mixed Liveness,
    a_market_in_calm: Market Calm,
    a_market_in_a_bad_week: Market Realistic,
    a_market_in_a_storm: Market Harsh,
    a_market_with_a_dead_one: Market Liveness,
    rules_and_a_kit_in_calm: Ruled Calm,
    rules_and_a_kit_in_a_bad_week: Ruled Realistic,
    rules_and_a_kit_in_a_storm: Ruled Harsh,
    rules_and_a_kit_with_a_dead_store: Ruled Liveness,
    two_warehouses_in_calm: Places Calm,
    two_warehouses_in_a_bad_week: Places Realistic,
    two_warehouses_in_a_storm: Places Harsh,
    two_warehouses_with_a_dead_store: Places Liveness,
    a_hub_that_grows_in_calm: Grown Calm,
    a_hub_that_grows_in_a_bad_week: Grown Realistic,
    a_hub_that_grows_in_a_storm: Grown Harsh,
    a_hub_that_grows_with_a_dead_store: Grown Liveness,
    orders_that_wait_for_their_money_in_calm: Owing Calm,
    orders_that_wait_for_their_money_in_a_bad_week: Owing Realistic,
    orders_that_wait_for_their_money_in_a_storm: Owing Harsh,
    orders_that_wait_for_their_money_beside_a_dead_store: Owing Liveness,
    products_with_other_names_in_calm: Named Calm,
    products_with_other_names_in_a_bad_week: Named Realistic,
    products_with_other_names_in_a_storm: Named Harsh,
    products_with_other_names_beside_a_dead_store: Named Liveness,
}

/// The end of a run in which nothing was violated.
fn end(order: &Order) -> Outcome {
    let outcome = run(order);
    assert!(
        outcome.violations.is_empty(),
        "{}: {:?}: {:?}",
        regression::line(order),
        order.variation,
        outcome.violations
    );
    outcome
}

/// I10: messages taken one by one, ten at once, and all of them again and again end the same wherever the same happened.
fn ends_the_same(class: Class) {
    let variations = [
        Variation { batch: 1, ..Variation::default() },
        Variation { doubled: true, ..Variation::default() },
        Variation { doubled: true, batch: 1, ..Variation::default() },
    ];
    let mut compared = 0;
    for seed in 0..8 {
        let order = Order::new(class, Profile::Calm, seed);
        let plain = end(&order);
        for variation in variations {
            let varied = end(&Order { variation, ..order.clone() });
            // an edit that cannot be told from a write of ours is counted one way or the other, and reported
            if plain.reported + varied.reported > 0 {
                continue;
            }
            for (plain, varied) in plain.ends.iter().zip(varied.ends) {
                // a store that is sold out refuses, and when it is depends on who was faster
                if plain.1 == varied.1 {
                    assert_eq!(*plain, varied, "{}: {variation:?}", regression::line(&order));
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 20, "only {compared} ends could be compared");
}

#[test]
fn doubled_messages_and_batches_change_nothing_at_exact_stores() {
    ends_the_same(Class::Exact);
}

#[test]
fn doubled_messages_and_batches_change_nothing_at_mixed_stores() {
    ends_the_same(Class::Mixed);
}

/// I11: a task of ours dies at the k-th poll, for every k while the short script happens and now and then in the hours of
/// quiet that follow, and the end is the same.
fn survives_a_crash_anywhere(class: Class, seed: u64) {
    let all = tests::sim::script::script(&Setup::new(seed, Profile::Calm, class)).len();
    let whole = Order { without: (ACTIONS..all).collect(), ..Order::new(class, Profile::Calm, seed) };
    let calm = end(&whole);
    assert!(calm.polls > 100, "only {} polls", calm.polls);
    for poll in (1..=calm.polls).filter(|poll| *poll <= BUSY || poll % QUIET == 0) {
        let variation = Variation { crash_at: Some(poll), ..Variation::default() };
        assert_eq!(end(&Order { variation, ..whole.clone() }).ends, calm.ends, "a crash at poll {poll}");
    }
}

/// Polls at each of which a task dies: about as many as the script takes until all stores are right.
const BUSY: u64 = 400;
/// Of the later polls, each of so many.
const QUIET: u64 = 16;
/// Actions of the short script.
const ACTIONS: usize = 3;

#[test]
fn a_crash_at_any_poll_among_exact_stores() {
    survives_a_crash_anywhere(Class::Exact, CRASHED);
}

#[test]
fn a_crash_at_any_poll_among_shops() {
    survives_a_crash_anywhere(Class::Shops, CRASHED);
}

/// A seed whose script begins with a burst.
const CRASHED: u64 = 0;

#[test]
fn a_store_that_loses_everything_at_once_is_asked_about() {
    (0..5).for_each(|seed| assert_eq!(scenes::everything_is_gone(seed, None), [""; 0], "seed {seed}"));
}

#[test]
fn a_store_that_says_nothing_of_a_sku_is_not_taken_for_empty() {
    (0..5).for_each(|seed| assert_eq!(scenes::nothing_is_told(seed, None), [""; 0], "seed {seed}"));
}

/// Stock files while everything goes wrong: no line counts twice, none is lost of a run that ended, and each is told.
#[test]
fn stock_files_in_a_storm() {
    let variation = Variation { files: true, ..Variation::default() };
    for class in [Class::Exact, Class::Shops] {
        for seed in 0..25 {
            let order = Order { variation, ..Order::new(class, Profile::Harsh, seed) };
            let violations = run(&order).violations;
            assert!(violations.is_empty(), "{}: {violations:?}", regression::line(&order));
        }
    }
}

#[test]
fn everything_edited_can_be_undone_and_what_was_sold_stays_sold() {
    (0..25).for_each(|seed| assert_eq!(scenes::everything_edited_is_undone(seed), [""; 0], "seed {seed}"));
}
