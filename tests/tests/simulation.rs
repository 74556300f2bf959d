//! The simulation as a test: every regression first, then some seeds of each class and profile.
//! `cargo run --release -p tests -- simulate` makes long runs.

#![allow(clippy::print_stdout)] // each world says what it covered

use tests::sim::many::{Batch, simulate};
use tests::sim::regression;
use tests::sim::run::{Order, run};
use tests::sim::setup::{Class, Profile};

/// Seeds of each class and profile.
const SEEDS: u64 = 6;

fn holds(class: Class, profile: Profile) {
    let summary = simulate(&Batch { class, profile, first: 0, seeds: SEEDS, twice_each: 3 });
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
    let order = Order { seed: 4, profile: Profile::Harsh, class: Class::Exact, without: Vec::new(), traced: true };
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
}
