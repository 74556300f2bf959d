//! Scenes of a call with two rows: its answer is lost, or it is refused as a whole and whoever made it dies before both claims
//! are dropped.

use super::net::{Fate, Outage};
use super::run::{Run, Variation};
use super::script::Action;
use super::setup::{Class, Platform, Profile, Setup};
use channels::shopwired::fake::Page;
use domain::WriteKind;
use domain::planted::{self, Mistake};

/// The polls at each of which a task of ours dies, in a run of its own: from the sale until it is taken back.
const POLLS: u64 = 400;
/// What every shelf begins with.
const UNITS: i64 = 20;
/// What is sold of each SKU.
const SOLD: i64 = 3;
/// So long the replica refuses every call: what is sold meanwhile has to wait, and is written in one call, milliseconds.
const REFUSED_MS: i64 = 10_000;
/// So long it goes on with what it does, milliseconds.
const LONGER_MS: i64 = 40_000;
/// Scripts begin so long after the world, milliseconds.
const BEGINS_MS: i64 = 120_000;

/// Two SKUs are sold on the master while the replica refuses calls, and then its answers are lost: a call that was carried out is
/// asked again as it was, and nothing is taken for done or not done before. What was violated.
#[must_use]
pub fn a_lost_call(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    play(seed, mistake, None, |start| {
        let refuses = fails(start + REFUSED_MS, Fate::Status(429));
        let forgets = fails(start + REFUSED_MS + LONGER_MS, Fate::LostAnswer);
        vec![(0, refuses), (10, sale()), (REFUSED_MS, forgets)]
    })
}

/// Two SKUs are sold on the master while the replica refuses calls, and both sales are taken back. Whoever wrote the two rows in one
/// call dies at any poll: the claim that is left over must not bring back the row that has nothing to be written any more.
/// What was violated first.
#[must_use]
pub fn a_refused_call(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    let back = |sku| (LONGER_MS - 10_000, Action::Edit(0, Page::Product, sku, SOLD));
    let script = |start| vec![(0, fails(start + LONGER_MS, Fate::Status(429))), (10, sale()), back(0), back(1)];
    let found = (1..=POLLS).map(|poll| (poll, play(seed, mistake, Some(poll), script)));
    let first = found.into_iter().find(|(_, problems)| !problems.is_empty());
    first.map_or_else(Vec::new, |(poll, problems)| {
        problems.into_iter().map(|problem| format!("a crash at poll {poll}: {problem}")).collect()
    })
}

fn fails(until: i64, fate: Fate) -> Action {
    Action::Fail(1, Outage { until, fate })
}

fn sale() -> Action {
    Action::Sell(0, vec![(0, SOLD), (1, SOLD)])
}

/// Plays what happens in two calm stores that take calls of many rows; a script is told when it begins, milliseconds since 1970.
fn play(
    seed: u64,
    mistake: Option<Mistake>,
    crash_at: Option<u64>,
    script: impl Fn(i64) -> Vec<(i64, Action)>,
) -> Vec<String> {
    let _planted = planted::plant(mistake);
    let variation = Variation { crash_at, ..Variation::default() };
    let mut setup = Setup::new(seed, Profile::Calm, Class::Exact).varied(&variation);
    setup.stores = 2;
    setup.platforms = vec![Platform::Plain(WriteKind::CompareAndSet); 2];
    setup.skus = (0..2).map(|number| (format!("SKU-{number}"), UNITS)).collect();
    let mut run = Run::new(setup, false);
    let start = run.core().now_ms() + BEGINS_MS;
    run.play_from(&script(start));
    if run.world.oracle.books().violations.is_empty() {
        run.account_for();
    }
    run.world.oracle.books().violations.clone()
}
