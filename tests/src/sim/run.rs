//! One run: the world is made, things happen and go wrong, then nothing goes wrong any more, and everything must come right.

use super::core::{Core, START_MS};
use super::crew;
use super::exec::{Kind, Step};
use super::grown;
use super::hands::{self, business};
use super::owing;
use super::places;
use super::ruled;
use super::script::{Action, Whose, script};
use super::setup::{Class, Platform, Profile, Setup};
use super::world::{World, account};
use channels::shopwired::fake::Page;
use domain::planted::{self, Mistake};
use domain::{Ledger, ListingId, LocationId, Sku};
use engine::adopt::Silent;
use engine::ports::QueueName;
use engine::settings::{Patch, Scope};
use engine::table::Line;
use engine::work::Task;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A run to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// The seed.
    pub seed: u64,
    /// The profile.
    pub profile: Profile,
    /// The classes of the stores.
    pub class: Class,
    /// Actions of the script that are left out, by their place.
    pub without: Vec<usize>,
    /// Whether a readable trace is kept.
    pub traced: bool,
    /// A deliberate mistake in the core or the engine.
    pub mistake: Option<Mistake>,
    /// What else differs from the world of the seed.
    pub variation: Variation,
}

/// Ways in which the world of a seed may differ that must make no difference in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variation {
    /// Messages that a worker takes at once.
    pub batch: usize,
    /// Whether every message comes again and again, until faults end.
    pub doubled: bool,
    /// Whether no comparison, no pause that ends and no lost webhook make anybody look at everything: what was acknowledged
    /// must have been done.
    pub unaided: bool,
    /// A task of ours dies at its so-many-th poll.
    pub crash_at: Option<u64>,
    /// Whether half of what is edited here comes in stock files.
    pub files: bool,
}

impl Default for Variation {
    fn default() -> Self {
        Self { batch: 10, doubled: false, unaided: false, crash_at: None, files: false }
    }
}

impl Order {
    /// The run of a seed as it is.
    #[must_use]
    pub fn new(class: Class, profile: Profile, seed: u64) -> Self {
        let (mistake, variation) = (None, Variation::default());
        Self { seed, profile, class, without: Vec::new(), traced: false, mistake, variation }
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What went wrong; empty when nothing did.
    pub violations: Vec<String>,
    /// The hash of its trace.
    pub hash: u64,
    /// Polls.
    pub steps: u64,
    /// Things that people did.
    pub actions: u64,
    /// Commits of ledgers.
    pub commits: u64,
    /// Writes that reached stores.
    pub writes: u64,
    /// SKUs whose edits deviate, each reported to a person, as the design allows for set-only masters.
    pub reported: u64,
    /// Units that blind writes erased, each direction counted; only set-only stores without a feed lose any.
    pub erased: u64,
    /// Milliseconds from the end of faults until all was right.
    pub settled_ms: i64,
    /// Notes, by kind.
    pub notes: BTreeMap<&'static str, u64>,
    /// Each SKU's hub level in the end, and all that truly happened to it in stores that can be known.
    pub ends: Vec<(i64, i64)>,
    /// Polls of our tasks from the first action until faults ended.
    pub polls: u64,
    /// The readable trace, if it was kept.
    pub lines: Vec<String>,
}

/// Everything must be right so long after faults have ended, milliseconds.
const SETTLE_MS: i64 = 3 * 3_600_000;
/// How often is looked whether it is, milliseconds.
const LOOK_MS: i64 = 10_000;
/// What was held back of something that sold fast is given free in so many steps.
const FLASH_STEPS: usize = 6;
/// After that, this much time passes in which nothing may be written, milliseconds.
const SILENCE_MS: i64 = 20 * 60_000;
/// A timer may have woken the lane just now: so often is looked again.
const SWEPT: usize = 24;
/// Polls of one run: far more than any needs.
const STEPS_MAX: u64 = 3_000_000;

/// Makes a run.
#[must_use]
pub fn run(order: &Order) -> Outcome {
    let _planted = planted::plant(order.mistake);
    let setup = Setup::new(order.seed, order.profile, order.class).varied(&order.variation);
    let script = script(&setup);
    let mut run = Run::new(setup, order.traced);
    let settled_ms = run.play(&script, &order.without);
    run.outcome(settled_ms)
}

/// The store, the page and the SKU's number of an edit by hand.
const fn typed(action: &Action) -> Option<(usize, Page, usize)> {
    match action {
        Action::Edit(store, page, sku, _) => Some((*store, *page, *sku)),
        Action::Sell(..)
        | Action::Return(..)
        | Action::Rewrite(..)
        | Action::Cancel(..)
        | Action::Archive(..)
        | Action::HubEdit(..)
        | Action::Pause(_)
        | Action::Resume(_)
        | Action::Fail(..)
        | Action::Deploy
        | Action::Compare
        | Action::Rule(..)
        | Action::Join
        | Action::List(_)
        | Action::Undo(_)
        | Action::Promise(..)
        | Action::Pay(..)
        | Action::CallOff(..)
        | Action::Rename(..)
        | Action::Link
        | Action::Agree => None,
    }
}

/// A run on its way.
pub(super) struct Run {
    pub(super) world: World,
    steps: u64,
    actions: u64,
    polls: u64,
    /// Timers: when next, how often, what.
    timers: Vec<(i64, i64, Task)>,
}

impl Run {
    pub(super) fn new(setup: Setup, traced: bool) -> Self {
        Self { world: World::new(setup, traced), steps: 0, actions: 0, polls: 0, timers: Vec::new() }
    }

    /// Plays a script to its quiet end; gives when it began.
    pub(super) fn play_from(&mut self, script: &[(i64, Action)]) -> domain::Timestamp {
        let began = domain::Timestamp(START_MS + 120_000);
        self.play(script, &[]);
        began
    }

    fn play(&mut self, script: &[(i64, Action)], without: &[usize]) -> i64 {
        self.set_up();
        self.world.oracle.watch();
        self.world.trouble();
        let start = self.core().now_ms();
        self.timers = vec![
            (start + 60_000, 60_000, Task::Sweep),
            (start + 900_000, 900_000, Task::Compare),
            (start + 3_600_000, 3_600_000, Task::Health),
        ];
        self.timers.retain(|(_, _, task)| *task != Task::Compare || !self.world.setup.variation.unaided);
        self.world.exec.crash_at(self.world.setup.variation.crash_at);
        for (place, (at, action)) in script.iter().enumerate() {
            self.until(start + at);
            if !without.contains(&place) {
                self.act(action);
            }
        }
        let end = start + script.last().map_or(0, |(at, _)| *at);
        self.until(end + 30_000);
        self.polls = self.world.exec.ours();
        self.world.heal();
        self.core().tell(|| "faults end".into());
        if !self.world.setup.variation.unaided {
            (1..self.world.setup.stores).for_each(|store| self.pause(store, false));
        }
        self.set_last_rules();
        self.join(true);
        self.link();
        self.settle()
    }

    pub(super) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.world.core)
    }

    fn is_wrong(&self) -> bool {
        !self.world.oracle.books().violations.is_empty()
    }

    /// Lets the world go on until a time, or until something is wrong.
    pub(super) fn until(&mut self, end: i64) {
        while self.steps < STEPS_MAX && !self.is_wrong() {
            self.world.deliver();
            match self.world.exec.step() {
                Step::Ran => self.steps += 1,
                Step::Ended(kind, died) => {
                    self.steps += 1;
                    self.bury(kind, died);
                }
                Step::Idle if !self.pass(end) => return,
                Step::Idle => {}
            }
        }
        if self.steps >= STEPS_MAX {
            self.world.oracle.object(format!("the run does not end: {STEPS_MAX} polls"));
        }
    }

    /// Somebody has died or finished: workers are replaced, half of the dead with their machine's memory.
    fn bury(&mut self, kind: Kind, died: bool) {
        match kind {
            Kind::Changes(machine) | Kind::Lane(machine) => {
                if died && self.core().pick(2) == 0 {
                    self.world.replace(machine);
                }
                self.world.hire(kind);
            }
            Kind::Timer | Kind::Hook | Kind::Person | Kind::Outside => {}
        }
    }

    /// Lets time pass to the next thing that is due; `false` when that is after `end`.
    fn pass(&mut self, end: i64) -> bool {
        let timers = self.timers.iter().map(|(next, _, _)| *next).min();
        let next =
            [self.core().next_timer(), self.world.next_news(), timers].into_iter().flatten().min().unwrap_or(end);
        if next > end {
            self.core().advance_to(end);
            return false;
        }
        self.core().advance_to(next);
        let now = self.core().now_ms();
        for place in 0..self.timers.len() {
            let (due, every, task) = self.timers[place];
            if due <= now {
                self.timers[place].0 = due + every;
                let member = self.world.member(super::world::CHANGES + super::world::LANES);
                self.world.exec.add(Kind::Timer, crew::timer(member, task));
            }
        }
        true
    }

    /// Accounts are added and adopted, by the usual way in.
    pub(super) fn set_up(&mut self) {
        self.world.hire_all();
        let done = Arc::new(Mutex::new(Err("it did not end".to_owned())));
        let member = self.world.member(0);
        let first = (0..self.world.setup.stores).filter(|store| self.world.setup.is_there_from_the_beginning(*store));
        let accounts: Vec<_> = first.map(|store| self.world.new_account(store)).collect();
        let (result, setup) = (Arc::clone(&done), self.world.setup.clone());
        self.world.exec.add(Kind::Person, async move {
            let mut set_up = Ok(());
            for account in accounts {
                set_up = set_up.and(member.hub.add_account(account).await.map(drop));
            }
            set_up = set_up.and(places::set_up(&member.hub, &setup).await);
            set_up = set_up.and(member.hub.check_hooks().await);
            set_up = set_up.and(member.hub.adopt(true, &Silent).await.map(drop));
            set_up = set_up.and(ruled::set_up(&member.hub, &setup).await);
            set_up = set_up.and(grown::set_up(&member.hub, &setup).await);
            set_up = set_up.and(owing::set_up(&member.hub, &setup).await);
            *result.lock().unwrap_or_else(PoisonError::into_inner) = set_up.map_err(|error| error.to_string());
        });
        let slow = self.world.setup.platforms.contains(&Platform::Amazon);
        self.until(START_MS + if slow { 900_000 } else { 120_000 });
        let done = done.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Err(error) = done {
            self.world.oracle.object(format!("the world could not be made: {error}"));
        }
    }

    /// What people ask of the hub, and what befalls it.
    fn ask(&mut self, action: &Action) {
        let now = self.core().now();
        let person = self.world.member(super::world::CHANGES + super::world::LANES);
        match action {
            // every other one comes as a stock file, which is a run
            Action::HubEdit(sku, by) if by % 2 == 0 && self.world.setup.variation.files => {
                let line = |line, units: i64| Line {
                    line,
                    sku: self.sku(*sku).to_string(),
                    quantity: units.to_string(),
                    warehouse: None,
                };
                self.world.exec.add(Kind::Person, crew::import(person, vec![line(2, *by), line(3, by / 3)]));
            }
            Action::HubEdit(sku, by) => {
                let sku = self.sku(*sku);
                self.world.exec.add(Kind::Person, crew::hub_edit(person, sku, *by));
            }
            // whoever lets an account go on has all of it looked at: that would help
            Action::Pause(_) | Action::Resume(_) if self.world.setup.variation.unaided => {}
            // one that has to be added again begins anew, and not paused
            Action::Pause(store) | Action::Resume(store) if self.is_joining(*store) => {}
            Action::Pause(store) => self.pause(*store, true),
            Action::Resume(store) => self.pause(*store, false),
            Action::Fail(store, outage) => self.world.net.fail(*store, *outage),
            Action::Deploy => self.world.deploy(),
            Action::Compare => self.world.exec.add(Kind::Timer, crew::timer(person, Task::Compare)),
            Action::Rule(whose, name, value) => {
                let (scope, patch) = (self.scope(*whose), Patch::one(name, *value));
                self.world.exec.add(Kind::Person, crew::rules(person, vec![(scope, patch)]));
            }
            Action::Join => self.join(false),
            Action::List(lines) => self.world.net.list(grown::list(&self.world.setup, lines)),
            Action::Undo(ms) => self.world.exec.add(Kind::Person, crew::restore(person, now.plus_ms(-ms))),
            Action::Sell(..)
            | Action::Edit(..)
            | Action::Return(..)
            | Action::Rewrite(..)
            | Action::Cancel(..)
            | Action::Archive(..)
            | Action::Promise(..)
            | Action::Pay(..)
            | Action::CallOff(..) => {}
            Action::Rename(store, sku) => {
                if self.may_rename(*store, *sku) {
                    self.rename(*store, *sku);
                }
            }
            Action::Link => self.link(),
            Action::Agree => self.agree(),
        }
    }

    fn act(&mut self, action: &Action) {
        if self.is_wrong() {
            return;
        }
        self.ask(action);
        self.core().stir();
        let (core, now) = (self.core(), self.core().now());
        if self.is_unseen(action) || self.is_nameless(action) {
            return;
        }
        let skus = self.called(action.store().unwrap_or_default());
        if self.world.market.act(&self.world.setup.skus, action, now) {
            self.actions += 1;
            return core.tell(|| format!("DO {action:?}"));
        }
        let World { fake, plain, setup, orders, oracle, .. } = &mut self.world;
        let mut stores = fake.lock().unwrap_or_else(PoisonError::into_inner);
        let mut plain = plain.lock().unwrap_or_else(PoisonError::into_inner);
        let before = typed(action).and_then(|(store, _, sku)| stores.level(business(store), &skus[sku].0));
        let done = match hands::plain(&mut plain, &setup.skus, setup.ruled.as_ref().map(|ruled| ruled.kit), action) {
            true => Ok(()),
            false => hands::act(&mut stores, &skus, orders, action, now),
        };
        if let (Some((store, page, sku)), Some(before)) = (typed(action), before) {
            let after = stores.level(business(store), &skus[sku].0).unwrap_or(before);
            let place = (account(store), Sku::new(setup.skus[sku].0.clone()).expect("made of letters and digits"));
            let silent = page == Page::ProductImport && !setup.switches[store].product_import_logs;
            let mut books = oracle.books();
            books.typed.insert(place.clone());
            if silent {
                books.imported.insert(place.clone());
                books.silent.push((place, now.0, after - before));
            } else {
                books.edited(&place, after, after - before, now.0);
            }
        }
        drop((stores, plain));
        self.actions += u64::from(done.is_ok());
        core.tell(|| format!("DO {action:?}: {done:?}"));
    }

    /// Nothing that happens in a store that is dead for ever can be known, nor in one with a feed before it is connected.
    fn is_unseen(&self, action: &Action) -> bool {
        let dead = self.world.setup.dead;
        match action {
            Action::Sell(store, _)
            | Action::Edit(store, ..)
            | Action::Return(store, _)
            | Action::Rewrite(store, ..)
            | Action::Cancel(store, _)
            | Action::Archive(store, _)
            | Action::Promise(store, _)
            | Action::Pay(store, _)
            | Action::CallOff(store, _) => dead == Some(*store) || self.is_not_ready(*store),
            Action::HubEdit(..)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Fail(..)
            | Action::Deploy
            | Action::Compare
            | Action::Rule(..)
            | Action::Join
            | Action::List(_)
            | Action::Undo(_)
            | Action::Rename(..)
            | Action::Link
            | Action::Agree => false,
        }
    }

    fn pause(&mut self, store: usize, paused: bool) {
        let person = self.world.member(super::world::CHANGES + super::world::LANES);
        let (id, oracle) = (account(store), Arc::clone(&self.world.oracle));
        let (name, alone) = (id.clone(), oracle.pauses(&id));
        let done = move || oracle.told_paused(&name, paused, alone);
        self.world.exec.add(Kind::Person, crew::pause(person, id, paused, Arc::new(done)));
    }

    pub(super) fn sku(&self, place: usize) -> Sku {
        Sku::new(self.world.setup.skus[place].0.clone()).expect("made of letters and digits")
    }

    /// Waits until all is right, then makes sure that it stays so.
    fn settle(&mut self) -> i64 {
        let start = self.core().now_ms();
        let mut reasons = Vec::new();
        while self.core().now_ms() < start + SETTLE_MS && !self.is_wrong() {
            self.until(self.core().now_ms() + LOOK_MS);
            reasons = self.unrest();
            self.agree_if_asked();
            if reasons.is_empty() {
                let settled = self.core().now_ms() - start;
                self.stay_quiet();
                return settled;
            }
        }
        if !self.is_wrong() {
            self.world.oracle.object(format!("I3: it does not settle: {}", reasons.join("; ")));
        }
        SETTLE_MS
    }

    fn stay_quiet(&mut self) {
        let (before, since) = (self.world.oracle.books().arrivals, self.core().now_ms());
        self.until(since + SILENCE_MS);
        let after = self.world.oracle.books().arrivals;
        // a silent import may be found by the comparison only now; what follows it must be little
        let places = |stores: usize, each: usize| (stores * self.world.setup.skus.len() * each) as u64;
        let flash = self.world.setup.rushes();
        let allowed = places(self.world.setup.stores, 2) + places(flash, FLASH_STEPS);
        if after > before + allowed {
            self.world.oracle.object(format!("I4: {} writes after all was right", after - before));
        }
        let mut again = self.unrest();
        for _ in 0..SWEPT {
            if again.is_empty() {
                break;
            }
            self.agree_if_asked();
            self.until(self.core().now_ms() + LOOK_MS);
            again = self.unrest();
        }
        if !again.is_empty() && !self.is_wrong() {
            self.world.oracle.object(format!("I3: it does not stay right: {}", again.join("; ")));
        }
    }

    /// Why things are not right yet.
    fn unrest(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let live = |store: usize| self.world.setup.dead != Some(store);
        for queue in [QueueName::Changes, QueueName::Lane] {
            let count = self.world.queue.count(queue);
            if count > 0 && self.world.setup.dead.is_none() {
                reasons.push(format!("{count} messages in {queue:?}"));
            }
        }
        for store in (0..self.world.setup.stores).filter(|store| live(*store)) {
            let todos = self.world.store.peek_all(&format!("TODO#{}", account(store))).len();
            if todos > 0 {
                reasons.push(format!("{todos} TODO rows of {}", account(store)));
            }
        }
        let own = self.world.store.peek_all("TODO#hub").len();
        if own > 0 {
            reasons.push(format!("{own} TODO rows of the hub"));
        }
        reasons.extend(self.asked());
        reasons.extend(self.active_runs().into_iter().map(|id| format!("run {id} has not ended")));
        for place in 0..self.world.setup.skus.len() {
            reasons.extend(self.restless(&self.sku(place)));
        }
        if let Some(ruled) = &self.world.setup.ruled {
            reasons.extend(ruled::unregistered(ruled, &self.world.setup, &self.world.oracle.books().ledgers));
        }
        reasons
    }

    /// Runs that somebody shall still drive.
    pub(super) fn active_runs(&self) -> Vec<String> {
        let rows = self.world.store.peek_all("HUB").into_iter().filter(|row| row.key.sk.starts_with("RUN#"));
        rows.filter(|row| row.index.is_some()).map(|row| row.key.sk).collect()
    }

    fn restless(&self, sku: &Sku) -> Vec<String> {
        let Some(ledger) = self.world.oracle.books().ledgers.get(sku).cloned() else {
            return vec![format!("{sku} has no ledger")];
        };
        let mut reasons = Vec::new();
        for store in (0..self.world.setup.stores).filter(|store| self.world.setup.dead != Some(*store)) {
            for place in self.world.setup.linked(store) {
                let level = self.world.level_at(store, sku.as_str(), &place);
                let right = self.right(store, &place, sku, &ledger);
                // a store that sold below zero is left alone
                if level.map(|level| level.max(0)) != Some(right) {
                    reasons.push(format!("{}@{place} shows {level:?} of {sku}, the hub has {right}", account(store)));
                }
                let is_here = |listing: &ListingId| {
                    listing.account == account(store)
                        && (listing.location == place || !self.world.setup.is_located(store))
                };
                let mut own = ledger.entries.iter().filter(|(listing, _)| is_here(listing));
                let entry = own.next().map(|(_, entry)| entry);
                if entry.is_none_or(|entry| entry.claim.is_some()) {
                    reasons.push(format!("{sku} has a claim at {}@{place}", account(store)));
                }
            }
        }
        reasons
    }

    /// The level that a store must show of a SKU at a place.
    fn right(&self, store: usize, place: &LocationId, sku: &Sku, ledger: &Ledger) -> i64 {
        match &self.world.setup.ruled {
            Some(ruled) => ruled::right(ruled, &self.world.setup, &self.world.oracle.books().ledgers, store, sku),
            None => {
                let feeds = self.world.setup.feeds(store, place);
                feeds.iter().map(|warehouse| ledger.level(warehouse)).sum::<i64>().max(0)
            }
        }
    }

    /// Whom a rule of the script is for.
    fn scope(&self, whose: Whose) -> Scope {
        match whose {
            Whose::Hub => Scope::default(),
            Whose::Store(store) => Scope { account: Some(account(store)), ..Scope::default() },
            Whose::First(store) => Scope::item(self.sku(0), Some(account(store))),
        }
    }

    /// In the end people set the rules by which everything is judged.
    fn set_last_rules(&mut self) {
        let Some(ruled) = self.world.setup.ruled.clone() else { return };
        let person = self.world.member(super::world::CHANGES + super::world::LANES);
        self.world.exec.add(Kind::Person, crew::rules(person, ruled::last(&ruled, &self.sku(0))));
    }

    fn outcome(self, settled_ms: i64) -> Outcome {
        let (reported, erased) = if self.is_wrong() { (0, 0) } else { self.account_for() };
        let ends = self.ends();
        let books = self.world.oracle.books();
        Outcome {
            violations: books.violations.clone(),
            hash: self.world.core.hash(),
            steps: self.steps,
            actions: self.actions,
            commits: books.commits,
            writes: books.arrivals,
            reported,
            erased,
            settled_ms,
            notes: books.notes.clone(),
            ends,
            polls: self.polls,
            lines: self.world.core.lines(),
        }
    }
}
