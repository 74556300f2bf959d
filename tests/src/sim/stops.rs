//! Scenes of what people and guards stop: an account frozen and thawed, a master emptied product by product, another writer
//! who fights us, goods that come back and are not stocked again. In each the hub's machines are replaced on the way.

use super::crew;
use super::exec::Kind;
use super::hands::business;
use super::run::Run;
use super::scenes::shown;
use super::setup::{Class, Profile, Setup};
use super::world::{CHANGES, LANES, account};
use channels::shopwired::fake::Page;
use domain::planted::{self, Mistake};
use domain::{Ledger, ListingId, Restock};
use engine::Hub;
use engine::accounts::AccountPatch;
use engine::quarantine::Verdict;
use engine::work::Task;
use std::future::Future;
use std::sync::Arc;

/// A minute, milliseconds.
const MINUTE: i64 = 60_000;
/// What every shelf begins with.
const UNITS: i64 = 20;

/// A scene of calm shops with so many SKUs, of which every store has the same number.
fn scene(seed: u64, skus: usize, mistake: Option<Mistake>, play: impl Fn(&mut Scene)) -> Vec<String> {
    let _planted = planted::plant(mistake);
    let mut setup = Setup::new(seed, Profile::Calm, Class::Shops);
    setup.skus = (0..skus).map(|number| (format!("SKU-{number}"), UNITS)).collect();
    setup.fights = true;
    let mut scene = Scene { run: Run::new(setup, false) };
    scene.run.set_up();
    scene.run.world.oracle.watch();
    play(&mut scene);
    let books = scene.run.world.oracle.books();
    books.violations.clone()
}

struct Scene {
    run: Run,
}

impl Scene {
    fn last(&self) -> usize {
        self.run.world.setup.stores - 1
    }

    /// Time passes, with a sweep in each minute.
    fn minutes(&mut self, minutes: i64) {
        for _ in 0..minutes {
            self.timer(Task::Sweep);
            self.run.until(self.run.core().now_ms() + MINUTE);
        }
    }

    fn timer(&mut self, task: Task) {
        let member = self.run.world.member(CHANGES + LANES);
        self.run.world.exec.add(Kind::Timer, crew::timer(member, task));
    }

    /// Somebody asks the hub for something, until it is done; whether it was.
    fn ask<Asked>(&mut self, what: &str, question: impl Fn(Arc<Hub>) -> Asked + 'static)
    where
        Asked: Future<Output = Result<(), engine::Error>> + 'static,
    {
        let (member, oracle) = (self.run.world.member(CHANGES + LANES), Arc::clone(&self.run.world.oracle));
        let what = what.to_owned();
        self.run.world.exec.add(Kind::Person, async move {
            if let Err(error) = question(member.hub).await {
                oracle.object(format!("{what}: {error}"));
            }
        });
        self.run.until(self.run.core().now_ms() + 30_000);
    }

    fn patch(&mut self, store: usize, patch: AccountPatch) {
        self.ask("an account is changed", move |hub| {
            let (id, patch) = (account(store), patch.clone());
            async move { hub.change_account(&id, patch).await.map(drop) }
        });
    }

    fn sell(&mut self, store: usize, sku: usize, units: i64) -> u64 {
        let (name, now) = (format!("SKU-{sku}"), self.run.core().now());
        let sold = self.run.world.stores().sell_lines(business(store), &[(name.as_str(), units)], now);
        sold.unwrap_or_else(|refused| {
            self.wrong(format!("I9: nobody can buy {units} of {name} in store {store}: {refused:?}"));
            0
        })
    }

    fn type_in(&mut self, store: usize, sku: usize, level: i64) {
        let (name, now) = (format!("SKU-{sku}"), self.run.core().now());
        self.run.world.oracle.books().typed.insert((account(store), self.run.sku(sku)));
        let typed = self.run.world.stores().type_in(business(store), Page::Product, &name, level, now);
        typed.expect("it is there");
    }

    fn counted(&self, store: usize, sku: usize) -> i64 {
        let books = self.run.world.oracle.books();
        let ledger = books.ledgers.get(&self.run.sku(sku));
        ledger
            .and_then(|ledger| ledger.entries.get(&ListingId::single(account(store))))
            .map_or(0, |entry| entry.counted)
    }

    fn hub(&self, sku: usize) -> i64 {
        self.run.world.oracle.books().ledgers.get(&self.run.sku(sku)).map_or(0, Ledger::total)
    }

    /// The hub and every store show this.
    fn all_show(&self, sku: usize, level: i64, when: &str) {
        let stores = 0..self.run.world.setup.stores;
        let levels: Vec<_> = stores.map(|store| self.run.world.level(store, &format!("SKU-{sku}"))).collect();
        if self.hub(sku) != level || levels.iter().any(|shown| *shown != Some(level)) {
            self.wrong(format!("I3: {when}: SKU-{sku} is {level}; hub {}, stores {levels:?}", self.hub(sku)));
        }
    }

    fn wrong(&self, what: String) {
        self.run.world.oracle.object(what);
    }
}

/// A store is frozen while it and others sell: nothing of it counts and nothing is written there. Thawed, everything that
/// happened meanwhile counts once. What was violated.
#[must_use]
pub fn a_frozen_store(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    scene(seed, 1, mistake, |scene| {
        let last = scene.last();
        scene.patch(last, AccountPatch { frozen: Some(true), ..AccountPatch::default() });
        scene.minutes(2);
        scene.sell(last, 0, 2);
        scene.sell(0, 0, 3);
        scene.minutes(3);
        scene.run.world.deploy();
        scene.timer(Task::Compare);
        scene.minutes(3);
        let (counted, shows) = (scene.counted(last, 0), scene.run.world.level(last, "SKU-0"));
        if counted != 0 || scene.hub(0) != UNITS - 3 {
            scene.wrong(format!("I14: {counted} counted of a frozen store, the hub has {}", scene.hub(0)));
        }
        if shows != Some(UNITS - 2) {
            scene.wrong(format!("I13: a frozen store was written: it shows {shows:?}"));
        }
        scene.patch(last, AccountPatch { frozen: Some(false), ..AccountPatch::default() });
        scene.minutes(4);
        scene.all_show(0, UNITS - 5, "thawed");
        scene.run.world.deploy();
        scene.timer(Task::Compare);
        scene.minutes(4);
        scene.all_show(0, UNITS - 5, "long after the thaw");
    })
}

/// SKUs of a master that can be emptied one by one until the live guard objects.
const MANY: usize = 40;

/// The master is emptied product by product, by hand or by a script: the guard stops it, nothing that came after moves
/// elsewhere, and once it is discarded everything is as before but for what was sold. What was violated.
#[must_use]
pub fn a_master_emptied_bit_by_bit(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    scene(seed, MANY, mistake, |scene| {
        for first in (0..MANY).step_by(10) {
            (first..first + 10).for_each(|sku| scene.type_in(0, sku, 0));
            scene.minutes(2);
        }
        if scene.hub(MANY - 1) != UNITS {
            scene.wrong(format!("I9: the last of {MANY} zeros was believed"));
        }
        scene.run.world.deploy();
        scene.sell(1, MANY - 1, 1);
        scene.minutes(1);
        scene.ask("the quarantine is discarded", |hub| async move {
            hub.judge_quarantine(&account(0), Verdict::Discard, None, "ann").await.map(drop)
        });
        scene.minutes(10);
        scene.timer(Task::Compare);
        scene.minutes(5);
        scene.all_show(1, UNITS, "discarded");
        scene.all_show(MANY - 1, UNITS - 1, "discarded");
    })
}

/// Another program changes one listing of a replica again and again: it is left alone after a while, the others go on, and
/// once a person lets it go on it is right again. What was violated.
#[must_use]
pub fn another_writer(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    scene(seed, 2, mistake, |scene| {
        let last = scene.last();
        for _ in 0..10 {
            scene.type_in(last, 0, 3);
            scene.minutes(2);
        }
        scene.run.world.deploy();
        let shows = scene.run.world.level(last, "SKU-0");
        if shows != Some(3) {
            scene.wrong(format!("I15: two writers still fight over a listing: it shows {shows:?}"));
        }
        scene.sell(0, 0, 1);
        scene.sell(last, 1, 1);
        scene.minutes(2);
        scene.all_show(1, UNITS - 1, "while another listing is contested");
        if scene.hub(0) != UNITS - 1 {
            scene.wrong(format!("I2: the hub has {} of what was sold once", scene.hub(0)));
        }
        scene.ask("the listing is released", move |hub| {
            let (sku, id) = (domain::Sku::new("SKU-0").expect("valid"), account(last));
            async move { hub.release_contested(&sku, &id).await }
        });
        scene.minutes(4);
        scene.all_show(0, UNITS - 1, "released");
    })
}

/// Goods come back to a store whose account stocks nothing again: the hub level stays, and the store is set back. What was
/// violated.
#[must_use]
pub fn goods_that_are_not_restocked(seed: u64, mistake: Option<Mistake>) -> Vec<String> {
    scene(seed, 1, mistake, |scene| {
        let last = scene.last();
        scene.patch(last, AccountPatch { restock: Some(Restock::Never), ..AccountPatch::default() });
        scene.run.world.oracle.books().never_restocks.insert(account(last));
        let order = scene.sell(last, 0, 2);
        scene.minutes(3);
        scene.all_show(0, UNITS - 2, "sold");
        let now = scene.run.core().now();
        let Some(line) = scene.run.world.stores().lines(business(last), order).into_iter().next() else { return };
        scene.run.world.stores().return_line(business(last), line.item, now).expect("it was sold");
        scene.minutes(2);
        scene.run.world.deploy();
        scene.timer(Task::Compare);
        scene.minutes(4);
        scene.all_show(0, UNITS - 2, "come back");
        let before = shown(&scene.run, last);
        scene.minutes(5);
        if shown(&scene.run, last) != before {
            scene.wrong("I4: something moves although nothing happens".into());
        }
    })
}
