//! What a seed makes of a world: how many stores and SKUs, which of the unknown switches, and how much goes wrong.

use super::grown::Grown;
use super::market::Unknowns;
use super::named::Named;
use super::net::NetRates;
use super::owing::Owing;
use super::places::{self, LOCATED, POOLED};
use super::plain::Telling;
use super::run::Variation;
use crate::memory::queue::QueueRates;
use crate::memory::store::StoreRates;
use channels::shopwired::fake::{EditOrder, Generator, Limit, StockLag, Switches, WebhookFaults};
use domain::{LocationId, WriteKind};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::str::FromStr;

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Nothing.
    Calm,
    /// What a bad week brings.
    Realistic,
    /// Everything, often.
    Harsh,
    /// What a bad week brings, and one store is dead for ever.
    Liveness,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Calm, Self::Realistic, Self::Harsh, Self::Liveness];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Realistic => "realistic",
            Self::Harsh => "harsh",
            Self::Liveness => "liveness",
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|profile| profile.name() == text);
        found.ok_or_else(|| format!("profile: {text:?} is not known; use calm, realistic, harsh or liveness"))
    }
}

/// What kinds of stores a world has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The first platform's fakes only: movement feed and absolute writes (class C).
    Shops,
    /// Made-up stores with compare-and-set or adjust and a key (class A).
    Exact,
    /// Made-up stores with set only (class D).
    Blind,
    /// Any of these side by side; never a blind one, so that every unit must be right.
    Mixed,
    /// A master of the first platform, with a seller at Amazon and, as it happens, shops at Shopify and any of the others.
    Market,
    /// As mixed, with rules that people change, packs and a kit.
    Ruled,
    /// Two warehouses: a master with a feed and a single pool in the first, an exact store with a location in each and maybe
    /// one in none, and a store with a feed and a single pool that both warehouses feed.
    Places,
    /// As mixed, with a store that joins while things happen, a supplier's list, flash sales, and edits that are taken back.
    Grown,
    /// As shops, with orders that wait for their money, logs that may not be read, and flash sales by group and item.
    Owing,
    /// As mixed, with a product that a store spells in its own way until a person links it, and others that get another SKU.
    Named,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Shops,
        Self::Exact,
        Self::Blind,
        Self::Mixed,
        Self::Market,
        Self::Ruled,
        Self::Places,
        Self::Grown,
        Self::Owing,
        Self::Named,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shops => "shops",
            Self::Exact => "exact",
            Self::Blind => "blind",
            Self::Mixed => "mixed",
            Self::Market => "market",
            Self::Ruled => "ruled",
            Self::Places => "places",
            Self::Grown => "grown",
            Self::Owing => "owing",
            Self::Named => "named",
        }
    }

    fn platform(self, store: usize, rng: &mut Rng) -> Platform {
        let exact = if rng.bool() { WriteKind::CompareAndSet } else { WriteKind::Adjust };
        match self {
            Self::Places if store == LOCATED => Platform::Plain(exact),
            Self::Shops | Self::Places | Self::Owing => Platform::Shop,
            Self::Exact => Platform::Plain(exact),
            Self::Blind => Platform::Plain(WriteKind::Set),
            Self::Mixed | Self::Ruled | Self::Grown | Self::Named if rng.bool() => Platform::Shop,
            Self::Mixed | Self::Ruled | Self::Grown | Self::Named => Platform::Plain(exact),
            Self::Market => match (store, rng.u8(0..6)) {
                (0, _) | (2.., 0) => Platform::Shop,
                (1, _) | (_, 1) => Platform::Amazon,
                (_, 2) => Platform::Plain(exact),
                (_, _) => Platform::Shopify,
            },
        }
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|class| class.name() == text);
        let known: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
        found.ok_or_else(|| format!("class: {text:?} is not known; use one of {}", known.join(", ")))
    }
}

/// What a store runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// The fake of a real platform.
    Shop,
    /// The made-up one.
    Plain(WriteKind),
    /// The fake of Amazon.
    Amazon,
    /// The fake of Shopify.
    Shopify,
}

/// How often things go wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    /// The table.
    pub store: StoreRates,
    /// The queues.
    pub queue: QueueRates,
    /// The network.
    pub net: NetRates,
    /// Polls after which a task of ours dies, of ten thousand.
    pub crash: u64,
    /// Webhooks.
    pub hooks: WebhookFaults,
}

/// A world to be.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// The profile.
    pub profile: Profile,
    /// Stores: the first is the master.
    pub stores: usize,
    /// What each store runs on.
    pub platforms: Vec<Platform>,
    /// The locations of the store [`LOCATED`]: the first belongs to the main warehouse, the second to the other one, a third to
    /// none. Empty where there is one warehouse.
    pub places: Vec<LocationId>,
    /// SKUs with their first level on the master.
    pub skus: Vec<(String, i64)>,
    /// The switches of each store.
    pub switches: Vec<Switches>,
    /// The switches of stores on other platforms.
    pub unknowns: Vec<Unknowns>,
    /// How made-up stores tell of changes.
    pub tellings: Vec<Telling>,
    /// How often things go wrong.
    pub rates: Rates,
    /// How long things happen, milliseconds.
    pub length_ms: i64,
    /// How many things people do.
    pub actions: usize,
    /// Calls per minute that an account may make, and at once.
    pub budget: (u32, u32),
    /// A store that dies for ever.
    pub dead: Option<usize>,
    /// Whether the hub looks for another writer: chance edits a replica as often as only a program would.
    pub fights: bool,
    /// What else differs.
    pub variation: Variation,
    /// Rules, packs and a kit.
    pub ruled: Option<Ruled>,
    /// What the hub does besides.
    pub grown: Option<Grown>,
    /// Orders that wait for their money.
    pub owing: Option<Owing>,
    /// What stores call what they sell.
    pub named: Option<Named>,
}

/// Rules, packs and a kit in a world.
#[derive(Debug, Clone)]
pub struct Ruled {
    /// The number of the SKU that is a kit.
    pub kit: usize,
    /// The numbers of the SKUs that it is made of, and units of each.
    pub parts: Vec<(usize, i64)>,
    /// Stores that sell the first SKU in packs of so many.
    pub packs: BTreeMap<usize, i64>,
    /// What holds for each store in the end: units held back, and the most that is shown.
    pub last: Vec<(i64, Option<i64>)>,
}

impl Ruled {
    fn new(seed: u64, platforms: &[Platform]) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x12E5);
        // a store of the real platform's kind sells packs in the stories: its edits and imports are pardoned in its own units
        let plain = platforms.iter().enumerate().skip(1).filter(|(_, platform)| **platform != Platform::Shop);
        let packs = plain.map(|(store, _)| (store, rng.i64(1..7))).filter(|(_, pack)| *pack > 1).collect();
        let parts = vec![(0, rng.i64(1..4)), (1, 1)];
        let last = platforms.iter().map(|_| (rng.i64(0..4), rng.bool().then(|| rng.i64(1..60)))).collect();
        Self { kit: 2, parts, packs, last }
    }

    /// Units of the hub in one that a store counts.
    #[must_use]
    pub fn each(&self, store: usize, sku: usize) -> i64 {
        if sku == 0 { self.packs.get(&store).copied().unwrap_or(1) } else { 1 }
    }

    /// What a store must show in the end: said again here, so that the rules have somebody to answer to.
    #[must_use]
    pub fn target(&self, store: usize, sku: usize, available: i64) -> i64 {
        let (held_back, most) = self.last[store];
        let kept = available - held_back;
        let capped = most.map_or(kept, |most| kept.min(most));
        if capped <= 0 { 0 } else { capped / self.each(store, sku) }
    }
}

impl Setup {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64, profile: Profile, class: Class) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5E7);
        let drawn = rng.usize(2..=4);
        let stores = if class == Class::Places { POOLED + 1 } else { drawn };
        let count = if class == Class::Ruled { 3 } else { rng.usize(1..=3) };
        // little in the first warehouse, so that the second is charged often
        let most = if class == Class::Places { 15 } else { i64::MAX };
        let skus = (0..count).map(|number| (format!("SKU-{number}"), level(&mut rng) % most)).collect();
        let mut switches: Vec<Switches> = (0..stores).map(|_| switches(&mut rng, profile)).collect();
        let dead = (profile == Profile::Liveness).then(|| rng.usize(0..stores));
        let platforms: Vec<Platform> = (0..stores).map(|store| class.platform(store, &mut rng)).collect();
        let mut others = Rng::with_seed(seed ^ 0xA3A2);
        let unknowns = (0..stores).map(|_| Unknowns::draw(&mut others)).collect();
        let mut tellers = Rng::with_seed(seed ^ 0x7E11);
        let tellings = (0..stores).map(|_| Telling::draw(&mut tellers)).collect();
        let grown = Grown::of(class, seed, profile, &platforms);
        let owing = Owing::of(class, seed, &mut switches);
        let named = Named::of(class, seed, stores, count, dead);
        let ruled = (class == Class::Ruled).then(|| Ruled::new(seed, &platforms));
        let tight = profile != Profile::Calm && rng.u8(0..4) == 0;
        Self {
            seed,
            profile,
            stores,
            platforms,
            places: places::locations(class, seed),
            skus,
            switches,
            unknowns,
            tellings,
            rates: rates(profile),
            length_ms: rng.i64(60_000..900_000),
            actions: rng.usize(15..60),
            budget: if tight { (90, 15) } else { (6_000, 500) },
            dead,
            fights: false,
            variation: Variation::default(),
            ruled,
            grown,
            owing,
            named,
        }
    }

    /// The same world, varied.
    #[must_use]
    pub const fn varied(mut self, variation: &Variation) -> Self {
        self.variation = *variation;
        if variation.doubled {
            self.rates.queue.twice = 10_000;
        }
        if variation.unaided {
            self.rates.hooks = NO_HOOK_FAULTS;
        }
        self
    }
}

fn level(rng: &mut Rng) -> i64 {
    if rng.u8(0..5) == 0 { rng.i64(0..8) } else { rng.i64(20..300) }
}

/// What nobody knows about the platform, one way or the other.
fn switches(rng: &mut Rng, profile: Profile) -> Switches {
    let lag = rng.i64(1..3_000);
    let stock_lag = match rng.u8(0..6) {
        0 => StockLag::First(lag),
        1 => StockLag::Last(lag),
        2 => StockLag::Chance(lag),
        _ => StockLag::With,
    };
    let generator = [Generator::Absent, Generator::Null, Generator::Text][rng.usize(0..3)];
    let edit_order = [EditOrder::ReturnAndTake, EditOrder::TakeOnly, EditOrder::Nothing][rng.usize(0..3)];
    Switches {
        echo: rng.bool(),
        generator,
        edit_order,
        stock_lag,
        log_lag_ms: if rng.u8(0..3) == 0 { rng.i64(1..2_000) } else { 0 },
        read_lag_ms: if rng.u8(0..4) == 0 { rng.i64(1..10_000) } else { 0 },
        product_import_logs: rng.bool(),
        retry_after: rng.bool(),
        limit: (profile != Profile::Calm && rng.u8(0..5) == 0).then_some(Limit::A),
        events_descending: rng.bool(),
        since_inclusive: rng.bool(),
        lists_archived: rng.bool(),
        iso_dates: rng.bool(),
        extra_fields: rng.bool(),
        escaped_json: rng.bool(),
        incomplete_orders: rng.bool(),
        webhook_delay_ms: rng.i64(50..4_000),
        retry_ms: rng.i64(300_000..1_200_000),
        ..Switches::default()
    }
}

const fn rates(profile: Profile) -> Rates {
    match profile {
        Profile::Calm => CALM,
        Profile::Realistic | Profile::Liveness => REALISTIC,
        Profile::Harsh => HARSH,
    }
}

const NO_HOOK_FAULTS: WebhookFaults = WebhookFaults {
    drop: 0,
    duplicate: 0,
    delay: 0,
    reorder: 0,
    delay_ms: 0,
    drop_percent: 0,
    duplicate_percent: 0,
    delay_percent: 0,
};

const CALM: Rates = Rates {
    store: StoreRates { busy: 0, lost_answer: 0, lost_request: 0, late: 0 },
    queue: QueueRates { send: 0, delete: 0, twice: 0 },
    net: NetRates {
        not_sent: 0,
        throttled: 0,
        failed: 0,
        failed_after: 0,
        lost_request: 0,
        lost_answer: 0,
        late: 0,
        latency_ms: 100,
    },
    crash: 0,
    hooks: NO_HOOK_FAULTS,
};

const REALISTIC: Rates = Rates {
    store: StoreRates { busy: 10, lost_answer: 3, lost_request: 2, late: 1 },
    queue: QueueRates { send: 10, delete: 20, twice: 30 },
    net: NetRates {
        not_sent: 20,
        throttled: 30,
        failed: 20,
        failed_after: 5,
        lost_request: 10,
        lost_answer: 10,
        late: 5,
        latency_ms: 150,
    },
    crash: 3,
    hooks: WebhookFaults {
        delay_ms: 60_000,
        drop_percent: 2,
        duplicate_percent: 5,
        delay_percent: 5,
        ..NO_HOOK_FAULTS
    },
};

const HARSH: Rates = Rates {
    store: StoreRates { busy: 150, lost_answer: 60, lost_request: 40, late: 30 },
    queue: QueueRates { send: 150, delete: 300, twice: 300 },
    net: NetRates {
        not_sent: 200,
        throttled: 250,
        failed: 200,
        failed_after: 100,
        lost_request: 150,
        lost_answer: 150,
        late: 100,
        latency_ms: 300,
    },
    crash: 40,
    hooks: WebhookFaults {
        delay_ms: 120_000,
        drop_percent: 15,
        duplicate_percent: 20,
        delay_percent: 25,
        ..NO_HOOK_FAULTS
    },
};
