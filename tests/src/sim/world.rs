//! A world: stores, network, table, queues, and our machines.

use super::core::{Core, SimClock};
use super::crew::{self, Member, Receipt};
use super::exec::{Executor, Kind};
use super::hands::{Orders, business};
use super::market::{HOSTED, Mail, Market};
use super::named::Names;
use super::net::{Net, Plains};
use super::oracle::Oracle;
use super::plain::{self, News, PlainStore};
use super::setup::{Platform, Setup};
use crate::memory::{MemoryQueue, MemoryStore, MemoryVault, Watch};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channels::fake::Fake;
use channels::shopwired::FakeShopWired;
use channels::shopwired::fake::{AccountSpec, ProductSpec, Truth};
use channels::{Channel, Http, Request, Secret};
use domain::{AccountId, Inbound, LocationId, Role, WriteKind, fight};
use engine::accounts::NewAccount;
use engine::ports::{Queue, QueueName, Store, Vault};
use engine::records::Rate;
use engine::{Config, Hub};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Machines with workers on the queue of hints.
pub const CHANGES: usize = 3;
/// Machines with a worker on the lane.
pub const LANES: usize = 2;

static CHANNELS: &[&dyn Channel] = &[
    &channels::shopwired::ShopWired,
    &channels::shopify::Shopify,
    &channels::amazon::Amazon,
    &plain::COMPARE,
    &plain::ADJUST,
    &plain::SET,
    &plain::COMPARE_PLACES,
    &plain::ADJUST_PLACES,
];

/// A world.
pub struct World {
    /// Time, chance and trace.
    pub core: Arc<Core>,
    /// Who goes next.
    pub exec: Executor,
    /// How it was made.
    pub setup: Setup,
    /// The stores.
    pub fake: Arc<Mutex<FakeShopWired>>,
    /// The made-up ones.
    pub plain: Plains,
    /// The stores on other platforms.
    pub market: Arc<Market>,
    /// The network.
    pub net: Net,
    /// The table.
    pub store: Arc<MemoryStore>,
    /// The queues.
    pub queue: Arc<MemoryQueue>,
    /// The oracle.
    pub oracle: Arc<Oracle>,
    /// Orders that people placed.
    pub orders: Orders,
    /// What stores call what they sell.
    pub names: Names,
    vault: Arc<dyn Vault>,
    hubs: Vec<Arc<Hub>>,
    /// No store has anything to tell before then, unless something is done there, milliseconds.
    silent_until: i64,
}

/// The name of a store's account.
#[must_use]
pub fn account(store: usize) -> AccountId {
    let name = if store == 0 { "master".to_owned() } else { format!("shop-{store}") };
    AccountId::new(name).expect("a slug")
}

fn spec(store: usize) -> AccountSpec {
    AccountSpec {
        business: business(store),
        name: format!("Store {store}"),
        api_key: format!("key-{store}"),
        api_secret: format!("secret-{store}"),
        webhook_secret: Some(format!("hooks-{store}")),
    }
}

impl World {
    /// A world without anybody in it.
    #[must_use]
    pub fn new(setup: Setup, traced: bool) -> Self {
        let core = Arc::new(Core::new(setup.seed, traced));
        let oracle = Arc::new(Oracle::new(Arc::clone(&core), (0..setup.stores).map(account).collect(), setup.clone()));
        let mut fake = FakeShopWired::new(setup.seed);
        let mut names = Names::of(&setup);
        (0..setup.stores).for_each(|store| open(&mut fake, &setup, store, &mut names, &core));
        let fake = Arc::new(Mutex::new(fake));
        let plains: BTreeMap<usize, PlainStore> =
            (0..setup.stores).filter_map(|store| Some((store, plain_store(&setup, store, &names)?))).collect();
        let plain: Plains = Arc::new(Mutex::new(plains));
        let header = |store: usize| match setup.platforms[store] {
            Platform::Shop => format!("Basic {}", STANDARD.encode(format!("key-{store}:secret-{store}"))),
            Platform::Plain(_) => plain::authorization(&format!("key-{store}")),
            // these are told apart by their hosts
            Platform::Amazon | Platform::Shopify => format!("store-{store}"),
        };
        let market = Arc::new(Market::new(&setup, core.now().plus_ms(-3_600_000), first_level));
        let keys: BTreeMap<String, usize> = (0..setup.stores).map(|store| (header(store), store)).collect();
        let net = Net::new(
            Arc::clone(&core),
            (Arc::clone(&fake), Arc::clone(&plain), Arc::clone(&market)),
            Arc::clone(&oracle),
            keys,
            setup.rates.net,
        );
        let watch: Arc<dyn Watch> = Arc::clone(&oracle) as Arc<dyn Watch>;
        let store = Arc::new(MemoryStore::new(Arc::clone(&core), setup.rates.store, watch));
        let queue = Arc::new(MemoryQueue::new(Arc::clone(&core), setup.rates.queue));
        let exec = Executor::new(Arc::clone(&core), setup.rates.crash);
        let orders = Orders::new(setup.stores);
        let vault = Arc::new(MemoryVault::default());
        let (hubs, silent_until) = (Vec::new(), 0);
        let mut world = Self {
            core,
            exec,
            setup,
            fake,
            plain,
            market,
            net,
            store,
            queue,
            oracle,
            orders,
            names,
            vault,
            hubs,
            silent_until,
        };
        world.hubs = (0..machines()).map(|_| world.hub()).collect();
        world
    }

    /// A machine with nothing in its memory.
    fn hub(&self) -> Arc<Hub> {
        let never = fight::Limits { of_listing: usize::MAX, listings: usize::MAX, ..fight::Limits::default() };
        let config = Config {
            public_url: Some("https://hub.test".into()),
            allow_insecure_endpoints: true,
            fight: if self.setup.fights { fight::Limits::default() } else { never },
            ..Config::default()
        };
        let hub = Hub::new(
            Arc::clone(&self.store) as Arc<dyn Store>,
            Arc::clone(&self.queue) as Arc<dyn Queue>,
            Arc::clone(&self.vault),
            Arc::new(self.net.clone()) as Arc<dyn Http>,
            Arc::new(SimClock::new(Arc::clone(&self.core), 0)),
            config,
        );
        Arc::new(hub.with_channels(CHANNELS))
    }

    /// The stores.
    pub fn stores(&self) -> MutexGuard<'_, FakeShopWired> {
        self.core.stir();
        self.fake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The made-up stores.
    pub fn plain(&self) -> MutexGuard<'_, BTreeMap<usize, PlainStore>> {
        self.core.stir();
        self.plain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member of the crew on a machine: workers have the first ones, everything else the last.
    #[must_use]
    pub fn member(&self, machine: usize) -> Member {
        let queue = Arc::clone(&self.queue) as Arc<dyn Queue>;
        Member { core: Arc::clone(&self.core), hub: Arc::clone(&self.hubs[machine]), queue }
    }

    /// Puts a worker on its machine.
    pub fn hire(&mut self, kind: Kind) {
        let (machine, queue) = match kind {
            Kind::Changes(machine) => (machine, QueueName::Changes),
            Kind::Lane(machine) => (machine, QueueName::Lane),
            Kind::Timer | Kind::Hook | Kind::Person | Kind::Outside => return,
        };
        let member = self.member(machine);
        self.exec.add(kind, crew::worker(member, queue, self.setup.variation.batch));
    }

    /// All workers, and timers and doors on the last machine.
    pub fn hire_all(&mut self) {
        (0..CHANGES).for_each(|machine| self.hire(Kind::Changes(machine)));
        (CHANGES..CHANGES + LANES).for_each(|machine| self.hire(Kind::Lane(machine)));
    }

    /// Replaces a machine: its memory is lost.
    pub fn replace(&mut self, machine: usize) {
        self.hubs[machine] = self.hub();
    }

    /// Replaces all machines at once.
    pub fn deploy(&mut self) {
        self.exec.kill_ours();
        (0..machines()).for_each(|machine| self.replace(machine));
        self.hire_all();
    }

    /// The level that a store shows.
    #[must_use]
    pub fn level(&self, store: usize, sku: &str) -> Option<i64> {
        self.level_at(store, sku, &self.setup.linked(store)[0])
    }

    /// The level that a store shows at a location.
    #[must_use]
    pub fn level_at(&self, store: usize, sku: &str, place: &LocationId) -> Option<i64> {
        match self.setup.platforms[store] {
            Platform::Shop => {
                let sku = self.setup.skus.iter().position(|(known, _)| known == sku)?;
                self.stores().level(business(store), &self.names.of_sku(&self.setup, store, sku))
            }
            Platform::Plain(_) => Some(self.plain_truth(store, &plain::shelf(sku, place)).1),
            Platform::Amazon | Platform::Shopify => self.market.level(store, sku),
        }
    }

    /// What people did to a SKU of a store of the real platform's kind, under whatever name.
    #[must_use]
    pub fn truth(&self, store: usize, sku: &str) -> Truth {
        let mut sum = Truth::default();
        for name in self.names.all(&self.setup, store, sku) {
            let truth = self.stores().truth(business(store), &name);
            (sum.sold, sum.returned) = (sum.sold + truth.sold, sum.returned + truth.returned);
            sum.edited += truth.edited;
        }
        sum
    }

    /// What people did to a SKU of a made-up store, and its level.
    #[must_use]
    pub fn plain_truth(&self, store: usize, sku: &str) -> (i64, i64) {
        let plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |map: &BTreeMap<String, i64>| map.get(sku).copied().unwrap_or(0);
        plain.get(&store).map_or((0, 0), |store| (find(&store.changed), find(&store.levels)))
    }

    /// Lets webhooks out that are due.
    pub fn deliver(&mut self) {
        let now = self.core.now();
        if !self.core.was_stirred() && now.0 < self.silent_until {
            return;
        }
        self.deliver_plain();
        self.deliver_market();
        let mut stores = self.fake.lock().unwrap_or_else(PoisonError::into_inner);
        let outgoing = stores.due(now);
        let next = stores.next_due().into_iter().chain(self.market.next_due()).map(|next| next.0);
        let plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        let next = next.chain(plain.values().filter_map(PlainStore::next_due)).min();
        drop((stores, plain));
        self.silent_until = next.unwrap_or(i64::MAX);
        for one in outgoing {
            self.core.tell(|| {
                format!("webhook {}: {}", one.request.uri().path(), String::from_utf8_lossy(one.request.body()))
            });
            let receipt = Receipt::of(&self.core, &self.fake, one.ticket);
            self.knock(one.request, 0, receipt);
        }
    }

    /// A webhook is on its way to the last machine.
    fn knock(&mut self, request: Request, after_ms: i64, receipt: Receipt) {
        let member = self.member(machines() - 1);
        self.exec.add(Kind::Hook, crew::hook(member, request, after_ms, receipt));
    }

    /// When a store has something to tell next, milliseconds; after [`Self::deliver`], and if nothing is done there before.
    #[must_use]
    pub fn next_news(&self) -> Option<i64> {
        (self.silent_until < i64::MAX).then_some(self.silent_until)
    }

    /// Whether something on its way is lost, and after how long each copy of it arrives, milliseconds.
    fn copies(&self) -> Vec<i64> {
        let faults = self.setup.rates.hooks;
        if self.core.chance(faults.drop_percent * 100) {
            return Vec::new();
        }
        let copies = 1 + usize::from(self.core.chance(faults.duplicate_percent * 100));
        let wait = |_| {
            let late = self.core.chance(faults.delay_percent * 100);
            self.core.below(if late { faults.delay_ms.unsigned_abs() } else { 500 })
        };
        (0..copies).map(wait).collect()
    }

    fn deliver_market(&mut self) {
        let (events, again, webhooks) = self.market.due(self.core.now());
        for event in events {
            self.copies().into_iter().for_each(|wait| self.post(event.clone(), wait));
        }
        again.into_iter().for_each(|event| self.post(event, 0));
        for one in webhooks {
            if self.core.chance(self.setup.rates.hooks.drop_percent * 100) {
                continue;
            }
            let receipt = Receipt::of(&self.core, &self.market.shopify, one.ticket);
            self.knock(one.request, 0, receipt);
        }
    }

    /// An event is on its way to the last machine.
    fn post(&mut self, event: Mail, after_ms: i64) {
        let member = self.member(machines() - 1);
        let (market, core, mail) = (Arc::clone(&self.market), Arc::clone(&self.core), event.clone());
        let receipt = Receipt::new(move |answer| {
            if answer.is_none() {
                market.untaken(mail, core.now());
                core.stir();
            }
        });
        self.exec.add(Kind::Hook, crew::event(member, event.body, after_ms, receipt));
    }

    fn deliver_plain(&mut self) {
        let (mut due, now): (Vec<(usize, Value, News)>, _) = (Vec::new(), self.core.now_ms());
        for (store, plain) in self.plain.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            due.extend(plain.due(now).into_iter().map(|news| (*store, plain.letter(&news), news)));
        }
        let faults = self.setup.rates.hooks;
        for (store, letter, news) in due {
            self.core.tell(|| format!("webhook of {}: {letter}", account(store)));
            // what is lost on its way for ever is lost when it is sent first
            let first = news.failures == 0;
            if first && self.core.chance(faults.drop_percent * 100) {
                continue;
            }
            let copies = 1 + usize::from(first && self.core.chance(faults.duplicate_percent * 100));
            for _ in 0..copies {
                let late = self.core.chance(faults.delay_percent * 100);
                let wait = self.core.below(if late { faults.delay_ms.unsigned_abs() } else { 3_000 });
                let request = plain::webhook(account(store).as_str(), &letter, &format!("hooks-{store}"));
                let receipt = self.plain_receipt(store, news.clone());
                self.knock(request, wait, receipt);
            }
        }
    }

    /// Tells a made-up store what became of its webhook.
    fn plain_receipt(&self, store: usize, news: News) -> Receipt {
        let (plain, core) = (Arc::clone(&self.plain), Arc::clone(&self.core));
        Receipt::new(move |answer| {
            let taken = answer.is_some_and(|(status, _)| (200..300).contains(&status));
            let mut plain = plain.lock().unwrap_or_else(PoisonError::into_inner);
            if let (false, Some(plain)) = (taken, plain.get_mut(&store)) {
                plain.refused(news, core.now_ms());
                core.stir();
            }
        })
    }

    /// The account of a store, as a person adds it.
    #[must_use]
    pub fn new_account(&self, store: usize) -> NewAccount {
        let spec = spec(store);
        let (per_minute, burst) = self.setup.budget;
        let secrets = [
            ("api_key", spec.api_key),
            ("api_secret", spec.api_secret),
            ("webhook_secret", spec.webhook_secret.unwrap_or_default()),
        ];
        let platform = self.setup.platforms[store];
        let (settings, secrets) = match platform {
            Platform::Amazon | Platform::Shopify => self.market.credentials(store),
            Platform::Shop | Platform::Plain(_) => (
                // a plain store has no settings, and is refused any
                (platform == Platform::Shop)
                    .then(|| ("base_url".into(), "https://stores.test/v1".into()))
                    .into_iter()
                    .chain(self.setup.owing.as_ref().map(|owing| owing.setting(store)))
                    .collect(),
                secrets.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text))).collect(),
            ),
        };
        let has_orders = matches!(platform, Platform::Shop | Platform::Amazon);
        NewAccount {
            id: account(store),
            channel: channel(platform, self.setup.is_located(store)).into(),
            role: if store == 0 { Role::Master } else { Role::Replica },
            // others have no orders to tell sales from edits: everything counts
            inbound: (!has_orders).then_some(Inbound::All),
            drift: None,
            settings,
            secrets,
            rate: Some(Rate { per_minute, burst }),
        }
    }

    /// Lets things go wrong from now on.
    pub fn trouble(&self) {
        for store in 0..self.setup.stores {
            _ = self.stores().webhook_faults(business(store), self.setup.rates.hooks);
        }
        self.core.set_faults(true);
    }

    /// Ends the faults of webhooks.
    pub fn heal(&self) {
        for store in 0..self.setup.stores {
            _ = self.stores().webhook_faults(business(store), channels::shopwired::fake::WebhookFaults::default());
        }
        self.net.heal();
        self.core.set_faults(false);
        self.core.stir();
        self.market.confirm_all(self.core.now());
    }
}

const fn machines() -> usize {
    CHANGES + LANES + 1
}

/// The name of the channel of a platform.
const fn channel(platform: Platform, located: bool) -> &'static str {
    match (platform, located) {
        (Platform::Shop, _) => "shopwired",
        (Platform::Amazon, _) => "amazon",
        (Platform::Shopify, _) => "shopify",
        (Platform::Plain(WriteKind::CompareAndSet), false) => "plain-compare",
        (Platform::Plain(WriteKind::Adjust), false) => "plain-adjust",
        (Platform::Plain(WriteKind::CompareAndSet), true) => "plain-compare-places",
        (Platform::Plain(WriteKind::Adjust), true) => "plain-adjust-places",
        (Platform::Plain(WriteKind::Set), _) => "plain-set",
    }
}

pub(super) fn first_level(store: usize, level: i64) -> i64 {
    if store == 0 { level } else { (level * 7 + business(store).cast_signed()) % 50 }
}

fn plain_store(setup: &Setup, store: usize, names: &Names) -> Option<PlainStore> {
    let Platform::Plain(write) = setup.platforms[store] else { return None };
    let places = if setup.is_located(store) { setup.places.clone() } else { Vec::new() };
    let shelves: Vec<LocationId> = if places.is_empty() { vec![LocationId::single()] } else { places.clone() };
    let levels = (0_i64..).zip(&shelves).flat_map(|(number, place)| {
        let level =
            move |(name, level): &(String, i64)| (plain::shelf(name, place), first_level(store, *level + 11 * number));
        setup.skus.iter().map(level)
    });
    let mut plain = PlainStore::new(write, levels.collect());
    plain.places = places;
    plain.telling = setup.tellings[store];
    for (sku, (id, _)) in setup.skus.iter().enumerate() {
        let name = names.of_sku(setup, store, sku);
        if name != *id {
            plain.rename(id, &name);
        }
    }
    Some(plain)
}

/// Opens a store and fills its shelves; a replica begins with other numbers than the master.
fn open(fake: &mut FakeShopWired, setup: &Setup, store: usize, names: &mut Names, core: &Core) {
    fake.add_account(&spec(store));
    if let Ok(switches) = fake.switches(business(store)) {
        *switches = setup.switches[store].clone();
    }
    if let Some(owing) = &setup.owing {
        _ = owing.close_log(fake, store);
    }
    for (sku, (_, level)) in setup.skus.iter().enumerate() {
        let unit = ProductSpec::simple(&names.of_sku(setup, store, sku), first_level(store, *level));
        // long ago: a new product cannot be read at once
        let product = fake.create_product(business(store), &unit, core.now().plus_ms(-3_600_000));
        names.products.extend(product.ok().map(|product| ((store, sku), product)));
    }
    if store == 0 && setup.platforms.contains(&Platform::Amazon) {
        _ = fake.create_product(business(store), &ProductSpec::simple(HOSTED, 5), core.now().plus_ms(-3_600_000));
    }
}
