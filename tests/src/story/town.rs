//! The town of a story: stores, network, the hub with its workers and timers, and time.

use super::market::{Market, Platform};
use super::step::{Machine, Step};
use super::wires::{Net, Wires, base_url, lock};
use crate::memory::queue::QueueRates;
use crate::memory::store::{Commit, StoreRates};
use crate::memory::{MemoryQueue, MemoryStore, MemoryVault, Watch};
use crate::sim::core::{Core, SimClock};
use crate::sim::crew::{self, Member, Receipt};
use crate::sim::exec::{Executor, Kind, Step as Turn};
use channels::fake::{Fake, Outgoing};
use channels::shopwired::FakeShopWired;
use channels::shopwired::fake::AccountSpec;
use channels::{Clock, Http, Request, Secret, Secrets};
use domain::{AccountId, Role, Sku, Timestamp};
use engine::accounts::NewAccount;
use engine::ports::{Queue, QueueName, Store, Vault};
use engine::work::Task;
use engine::{Config, Hub};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

/// Nobody watches the commits of a story.
struct Nobody;

impl Watch for Nobody {
    fn committed(&self, _commits: &[Commit]) {}
}

/// The town.
pub(super) struct Town {
    pub(super) stores: Vec<String>,
    pub(super) fake: Arc<Mutex<FakeShopWired>>,
    pub(super) market: Arc<Market>,
    pub(super) wires: Arc<Wires>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) queue: Arc<MemoryQueue>,
    pub(super) hub: Arc<Hub>,
    pub(super) books: Books,
    pub(super) core: Arc<Core>,
    vault: Arc<dyn Vault>,
    exec: Executor,
    timers: Vec<(i64, i64, Task)>,
}

/// What the story itself must remember.
#[derive(Default)]
pub(super) struct Books {
    /// Orders in the sequence of the story: the store, and every id that one has had.
    pub(super) orders: Vec<(String, Vec<String>)>,
    /// Products by store and SKU.
    pub(super) products: BTreeMap<(String, String), Vec<u64>>,
    /// How often each store has replaced its key and its webhook secret.
    pub(super) keys: BTreeMap<String, u32>,
    pub(super) signers: BTreeMap<String, u32>,
    /// The newest webhook of each store.
    pub(super) hooks: BTreeMap<String, Request>,
    /// How much of each history and of each store's writes was looked at.
    pub(super) read: BTreeMap<Sku, usize>,
    pub(super) writes: BTreeMap<String, usize>,
    /// How often operations of a store's API were called when that was last looked at.
    pub(super) calls: BTreeMap<&'static str, u64>,
    /// The tokens of users by name, and what they are called in lists.
    pub(super) tokens: BTreeMap<String, String>,
    pub(super) token_ids: BTreeMap<String, String>,
    /// The last run, and the last snapshot that a run took.
    pub(super) run: Option<String>,
    pub(super) snapshot: Option<String>,
}

/// Workers of each kind.
const WORKERS: usize = 2;
/// Hints that a worker takes at once.
const BATCH: usize = 10;
/// Somebody who asks waits at most so long, milliseconds.
const PATIENCE_MS: i64 = 120_000;
/// An event that nobody took is given again after so long, milliseconds.
const VISIBLE_MS: i64 = 30_000;
/// And so often in all.
const EVENT_TRIES: u32 = 6;
/// A story may take this many turns at most: a day has some hundred thousand.
const TURNS_MAX: u64 = 20_000_000;

impl Town {
    pub(super) fn new(stores: &[String], platforms: &BTreeMap<String, Platform>) -> Self {
        let core = Arc::new(Core::new(1, false));
        let fake = Arc::new(Mutex::new(FakeShopWired::new(1)));
        let market = Arc::new(Market::new(platforms, core.now()));
        let wires = Arc::new(Wires::new(Arc::clone(&core), Arc::clone(&fake), Arc::clone(&market)));
        let (store, queue) = (store(&core), queue(&core));
        let vault: Arc<dyn Vault> = Arc::new(MemoryVault::default());
        let hub = hub(&core, &wires, &store, &queue, &vault);
        let exec = Executor::new(Arc::clone(&core), 0);
        let start = core.now_ms();
        let (minute, day) = (60_000, 86_400_000);
        let timer = |every: i64, task| (start + every, every, task);
        let timers = vec![timer(minute, Task::Sweep), timer(15 * minute, Task::Compare), timer(day, Task::Full)];
        let books = Books::default();
        let stores = stores.to_vec();
        let mut town = Self { stores, fake, market, wires, store, queue, hub, books, core, vault, exec, timers };
        town.open();
        (0..WORKERS).for_each(|machine| town.hire(Kind::Changes(machine)));
        (0..WORKERS).for_each(|machine| town.hire(Kind::Lane(machine)));
        town
    }

    fn open(&mut self) {
        for store in self.stores.iter().filter(|store| self.market.platform(store).is_none()) {
            let spec = AccountSpec {
                business: self.business(store),
                name: store.clone(),
                api_key: format!("key-{store}-0"),
                api_secret: "secret".into(),
                webhook_secret: Some(format!("signer-{store}-0")),
            };
            self.fake().add_account(&spec);
        }
    }

    pub(super) fn fake(&self) -> MutexGuard<'_, FakeShopWired> {
        lock(&self.fake)
    }

    /// The platform's number of a store.
    pub(super) fn business(&self, store: &str) -> u64 {
        1 + self.stores.iter().take_while(|name| *name != store).count() as u64
    }

    pub(super) fn now(&self) -> Timestamp {
        self.core.now()
    }

    /// Takes a step; gives what it made visible.
    pub(super) fn take(&mut self, step: &Step) -> Result<Vec<String>, String> {
        match step {
            Step::Stock(skus, level, stores) => self.stock(skus, *level, stores),
            Step::Connect => self.connect(),
            Step::Pass(ms) => {
                self.until(self.core.now_ms() + ms);
                Ok(Vec::new())
            }
            Step::Shop(store, shop) => self.shop(store, shop),
            Step::Deed(store, deed) => self.deed(store, deed),
            Step::Trouble(store, trouble) => self.trouble(store, trouble),
            Step::Person(person) => self.person(person),
            Step::Hub(machine) => self.machine(machine),
            Step::Undo(step) => self.undoing(step),
            Step::Staff(staff) => self.staff(staff),
            Step::See(sight) => self.see(sight),
        }
    }

    fn machine(&mut self, machine: &Machine) -> Result<Vec<String>, String> {
        match machine {
            Machine::Deploys => self.restart(),
            Machine::Dies(store, after) => self.wires.die_at(store, *after),
            Machine::Repeats(again) => self.core.set_faults(*again),
            Machine::Compares => return self.task(Task::Compare),
            Machine::Nightly => return self.task(Task::Full),
            Machine::StandsStill => return self.stand_still(),
            Machine::Moves => return self.move_hub(),
            Machine::GoesOn => return self.go_on(),
        }
        Ok(Vec::new())
    }

    fn task(&mut self, task: Task) -> Result<Vec<String>, String> {
        let done = self.ask(|hub| async move { hub.run_task(task).await })?;
        Ok(done.err().map(|error| format!("refused: {error}")).into_iter().collect())
    }

    fn member(&self) -> Member {
        let queue = Arc::clone(&self.queue) as Arc<dyn Queue>;
        Member { core: Arc::clone(&self.core), hub: Arc::clone(&self.hub), queue }
    }

    fn hire(&mut self, kind: Kind) {
        let queue = match kind {
            Kind::Changes(_) => QueueName::Changes,
            Kind::Lane(_) => QueueName::Lane,
            Kind::Timer | Kind::Hook | Kind::Person | Kind::Outside => return,
        };
        let member = self.member();
        self.exec.add(kind, crew::worker(member, queue, BATCH));
    }

    /// The hub's process ends, and a new one begins: nothing in memory is left. Stores that wait for an answer get none.
    fn restart(&mut self) {
        let workers = self.exec.kill_ours();
        self.hub = hub(&self.core, &self.wires, &self.store, &self.queue, &self.vault);
        workers.into_iter().for_each(|kind| self.hire(kind));
    }

    /// The hub's machine is switched off, and an empty one takes its place.
    pub(super) fn replace_machine(&mut self) {
        let workers = self.exec.kill_ours();
        self.store = store(&self.core);
        self.queue = queue(&self.core);
        self.vault = Arc::new(MemoryVault::default());
        self.hub = hub(&self.core, &self.wires, &self.store, &self.queue, &self.vault);
        workers.into_iter().for_each(|kind| self.hire(kind));
    }

    /// Has somebody ask the hub something, and waits for the answer.
    pub(super) fn ask<T, Asked>(&mut self, question: impl FnOnce(Arc<Hub>) -> Asked) -> Result<T, String>
    where
        T: 'static,
        Asked: Future<Output = T> + 'static,
    {
        let slot: Rc<RefCell<Option<T>>> = Rc::default();
        let (answer, asked) = (Rc::clone(&slot), question(Arc::clone(&self.hub)));
        self.exec.add(Kind::Person, async move {
            let answered = asked.await;
            *answer.borrow_mut() = Some(answered);
        });
        let end = self.core.now_ms() + PATIENCE_MS;
        while self.core.now_ms() < end {
            self.until(self.core.now_ms() + 1);
            if let Some(answer) = slot.borrow_mut().take() {
                return Ok(answer);
            }
        }
        Err(format!("the hub did not answer within {} seconds", PATIENCE_MS / 1_000))
    }

    /// Lets the town go on until a time.
    pub(super) fn until(&mut self, end: i64) {
        for _ in 0..TURNS_MAX {
            self.deliver();
            self.deliver_elsewhere();
            match self.exec.step() {
                Turn::Ran => {}
                Turn::Ended(kind, _) => self.hire(kind),
                Turn::Idle if !self.pass(end) => return,
                Turn::Idle => {}
            }
            if self.wires.take_dead() {
                self.restart();
            }
        }
        unreachable!("nothing goes on for ever in a story");
    }

    fn pass(&mut self, end: i64) -> bool {
        let dues = [self.fake().next_due(), self.market.next_due()];
        let hooks = dues.into_iter().flatten().min().map(|due| due.0);
        let timers = self.timers.iter().map(|(next, _, _)| *next).min();
        let next = [self.core.next_timer(), hooks, timers].into_iter().flatten().min().unwrap_or(end);
        if next > end {
            self.core.advance_to(end);
            return false;
        }
        self.core.advance_to(next);
        let now = self.core.now_ms();
        for place in 0..self.timers.len() {
            let (due, every, task) = self.timers[place];
            if due <= now {
                self.timers[place].0 = due + every;
                let member = self.member();
                self.exec.add(Kind::Timer, crew::timer(member, task));
            }
        }
        true
    }

    /// Lets webhooks out that are due.
    fn deliver(&mut self) {
        let due = self.fake().due(self.now());
        for Outgoing { request, ticket, .. } in due {
            let store = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            self.books.hooks.insert(store, copy(&request));
            let receipt = Receipt::of(&self.core, &self.fake, ticket);
            self.exec.add(Kind::Hook, crew::hook(self.member(), request, 0, receipt));
        }
    }

    /// Lets events of queues and webhooks out that are due on other platforms.
    fn deliver_elsewhere(&mut self) {
        let (events, hooks) = self.market.due(self.now());
        for body in events {
            let member = self.member();
            self.exec.add(Kind::Hook, async move {
                for _ in 0..EVENT_TRIES {
                    if crew::take(&member, &body).await {
                        return;
                    }
                    member.core.sleep_ms(VISIBLE_MS).await;
                }
            });
        }
        for outgoing in hooks {
            let receipt = Receipt::of(&self.core, &self.market.shopify, outgoing.ticket);
            self.exec.add(Kind::Hook, crew::hook(self.member(), outgoing.request, 0, receipt));
        }
    }

    pub(super) fn new_account(&self, store: &str) -> NewAccount {
        let role = if self.business(store) == 1 { Role::Master } else { Role::Replica };
        let mut secrets = self.key(store);
        secrets.extend(self.signer(store));
        let new = NewAccount {
            id: account(store),
            channel: "shopwired".into(),
            role,
            inbound: None,
            drift: None,
            settings: BTreeMap::from([("base_url".into(), base_url(store))]),
            secrets,
            rate: None,
        };
        match self.market.platform(store) {
            Some(platform) => self.market.account(new, platform),
            None => new,
        }
    }

    /// The key that a store has now.
    pub(super) fn key(&self, store: &str) -> Secrets {
        let number = self.books.keys.get(store).copied().unwrap_or_default();
        let secret = |name: &str, text: String| (name.to_owned(), Secret::new(text));
        Secrets::from([secret("api_key", format!("key-{store}-{number}")), secret("api_secret", "secret".into())])
    }

    /// The webhook secret that a store will have after the next replacement.
    pub(super) fn next_signer(&self, store: &str) -> Secrets {
        let number = self.books.signers.get(store).copied().unwrap_or_default() + 1;
        Secrets::from([("webhook_secret".to_owned(), Secret::new(format!("signer-{store}-{number}")))])
    }

    /// The webhook secret that a store has now.
    pub(super) fn signer(&self, store: &str) -> Secrets {
        let number = self.books.signers.get(store).copied().unwrap_or_default();
        Secrets::from([("webhook_secret".to_owned(), Secret::new(format!("signer-{store}-{number}")))])
    }
}

pub(super) fn account(store: &str) -> AccountId {
    AccountId::new(store).expect("the stores of a story have short names")
}

pub(super) fn copy(request: &Request) -> Request {
    let mut copy = Request::new(request.body().clone());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy
}

/// A hub with nothing in its memory.
fn store(core: &Arc<Core>) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(Arc::clone(core), StoreRates::default(), Arc::new(Nobody)))
}

fn queue(core: &Arc<Core>) -> Arc<MemoryQueue> {
    let again = QueueRates { twice: 10_000, ..QueueRates::default() };
    Arc::new(MemoryQueue::new(Arc::clone(core), again))
}

fn hub(
    core: &Arc<Core>,
    wires: &Arc<Wires>,
    store: &Arc<MemoryStore>,
    queue: &Arc<MemoryQueue>,
    vault: &Arc<dyn Vault>,
) -> Arc<Hub> {
    let config =
        Config { public_url: Some("https://hub.test".into()), allow_insecure_endpoints: true, ..Config::default() };
    Arc::new(Hub::new(
        Arc::clone(store) as Arc<dyn Store>,
        Arc::clone(queue) as Arc<dyn Queue>,
        Arc::clone(vault),
        Arc::new(Net(Arc::clone(wires))) as Arc<dyn Http>,
        Arc::new(SimClock::new(Arc::clone(core), 0)) as Arc<dyn Clock>,
        config,
    ))
}
