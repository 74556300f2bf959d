//! A scene of echoes: two exact stores of many products whose answers are slow, each written by us while people change it there, or
//! changed and changed back while we look. Nothing but webhooks makes anybody look, and whoever takes them often cannot.

use super::plain::{Named, Telling};
use super::run::{Run, Variation};
use super::script::Action;
use super::setup::{Class, Platform, Profile, Setup};
use channels::shopwired::fake::Page;
use domain::WriteKind;
use domain::planted::{self, Mistake};
use fastrand::Rng;

/// Products: each is one chance.
const SKUS: usize = 90;
/// What every shelf begins with.
const UNITS: i64 = 50;
/// So long after the one before a product has its turn, milliseconds.
const APART_MS: usize = 1_000;
/// What happens to a product happens within so long, milliseconds.
const WITHIN_MS: i64 = 4_000;
/// A request or an answer takes at most so long, milliseconds.
const LATENCY_MS: u64 = 1_500;
/// So many of ten thousand hints cannot be made durable.
const SHUT: u64 = 3_000;

/// What was violated.
#[must_use]
pub fn changes_beside_our_writes(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    let _planted = planted::plant(mistake);
    let variation = Variation { unaided: true, ..Variation::default() };
    let mut setup = Setup::new(seed, Profile::Calm, Class::Exact).varied(&variation);
    setup.stores = 2;
    setup.platforms = vec![Platform::Plain(WriteKind::CompareAndSet); 2];
    // a webhook that waits to be sent again stands for later changes, and says what it said first
    setup.tellings = vec![Telling { by_id: false, level: Some(Named::Then), merges: true }; 2];
    setup.skus = (0..SKUS).map(|number| (format!("SKU-{number}"), UNITS)).collect();
    setup.rates.net.latency_ms = LATENCY_MS;
    setup.rates.queue.send = SHUT;
    let script = script(seed);
    let mut run = Run::new(setup, false);
    // nothing is to be written before it begins
    for store in run.world.plain().values_mut() {
        store.levels.values_mut().for_each(|level| *level = UNITS);
    }
    run.play_from(&script);
    if run.world.oracle.books().violations.is_empty() {
        run.account_for();
    }
    run.world.oracle.books().violations.clone()
}

/// Each product changes in one store only, as the next write there would find what was missed: by just what we write because of an
/// edit here, by something else beside it, or there and back.
fn script(seed: u64) -> Vec<(i64, Action)> {
    let mut rng = Rng::with_seed(seed ^ 0xEC40);
    let mut script = Vec::new();
    for (sku, begins) in (0..SKUS).zip((0..).step_by(APART_MS)) {
        let mut edit = |by| (begins + rng.i64(0..WITHIN_MS), Action::Edit(sku % 2, Page::Product, sku, by));
        match sku % 3 {
            0 => script.extend([(begins, Action::HubEdit(sku, -3)), edit(3)]),
            1 => script.extend([(begins, Action::HubEdit(sku, -3)), edit(2)]),
            _ => script.extend([edit(1), edit(-1)]),
        }
    }
    script.sort_by_key(|(at, _)| *at);
    script
}
