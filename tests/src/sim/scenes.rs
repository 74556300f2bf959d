//! Scenes that chance would play too seldom: a store that loses everything at once, and a store that says nothing of a SKU.

use super::crew;
use super::exec::Kind;
use super::run::Run;
use super::script;
use super::setup::{Class, Profile, Setup};
use super::world::{CHANGES, LANES};
use domain::planted::{self, Mistake};
use engine::work::Task;

/// SKUs of a shop that can lose enough at once for the guard to object.
const SKUS: usize = 60;
/// A scene lasts so long, milliseconds.
const SCENE_MS: i64 = 300_000;

/// A replica's whole stock is gone, and a comparison comes by (I9): nothing may move elsewhere. What was violated.
#[must_use]
pub fn everything_is_gone(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    scene(seed, SKUS, mistake, |run, last| {
        if let Some(store) = run.world.plain().get_mut(&last) {
            store.levels.values_mut().for_each(|level| *level = 0);
        }
    })
}

/// A replica no longer tells the level of a SKU, and a webhook names the SKU itself: unknown is not zero. What was violated.
#[must_use]
pub fn nothing_is_told(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    scene(seed, 1, mistake, |run, last| {
        let sku = run.sku(0).to_string();
        if let Some(store) = run.world.plain().get_mut(&last) {
            store.hidden.insert(sku.clone());
            store.telling.by_id = false;
            store.tell(&sku);
        }
    })
}

/// Everything that people edited, here, in stock files and on the master, is taken back after a day of it: what was sold and
/// returned stays, to the unit (class C). What was violated.
#[must_use]
pub fn everything_edited_is_undone(seed: u64) -> Vec<String> {
    let setup = Setup::new(seed, Profile::Calm, Class::Shops);
    let script = script::script(&setup);
    let mut run = Run::new(setup, false);
    let began = run.play_from(&script);
    if !run.world.oracle.books().violations.is_empty() {
        return run.world.oracle.books().violations.clone();
    }
    let member = run.world.member(CHANGES + LANES);
    run.world.exec.add(Kind::Person, crew::restore(member, began));
    run.until(run.core().now_ms() + 2 * SCENE_MS);
    for place in 0..run.world.setup.skus.len() {
        let sku = run.sku(place);
        let books = run.world.oracle.books();
        let ledger = books.ledgers.get(&sku).cloned().unwrap_or_default();
        let sold: i64 = books.sold.iter().filter(|((_, of), _)| *of == sku).map(|(_, units)| units).sum();
        drop(books);
        let (level, base) = (ledger.total(), ledger.base.values().sum::<i64>());
        if level != base - sold {
            let problem = format!("{sku}: began with {base}, {sold} sold; after everything was undone it is {level}");
            run.world.oracle.object(problem);
        }
    }
    if !run.active_runs().is_empty() {
        run.world.oracle.object("the restore has not ended".into());
    }
    run.world.oracle.books().violations.clone()
}

/// Something happens to the last store of a calm world of exact stores; no hub level may move and no other store.
fn scene(seed: u64, skus: usize, mistake: Option<Mistake>, happens: impl Fn(&mut Run, usize)) -> Vec<String> {
    let _planted = planted::plant(mistake);
    let mut setup = Setup::new(seed, Profile::Calm, Class::Exact);
    setup.skus = (0..skus).map(|number| (format!("SKU-{number}"), 10 + (number % 7) as i64)).collect();
    let last = setup.stores - 1;
    let mut run = Run::new(setup, false);
    run.set_up();
    run.world.oracle.watch();
    let before = shown(&run, last);
    happens(&mut run, last);
    let member = run.world.member(CHANGES + LANES);
    run.world.exec.add(Kind::Timer, crew::timer(member, Task::Compare));
    run.until(run.core().now_ms() + SCENE_MS);
    let after = shown(&run, last);
    if after != before {
        run.world.oracle.object(format!("I9: hub and levels were {before:?} and are {after:?}"));
    }
    run.world.oracle.books().violations.clone()
}

/// Hub levels, and the levels of all stores but the last.
pub(super) fn shown(run: &Run, last: usize) -> Vec<(i64, Vec<Option<i64>>)> {
    let one = |sku: domain::Sku| {
        let level = run.world.oracle.books().ledgers.get(&sku).map_or(0, domain::Ledger::total);
        (level, (0..last).map(|store| run.world.level(store, sku.as_str())).collect())
    };
    (0..run.world.setup.skus.len()).map(|place| one(run.sku(place))).collect()
}
