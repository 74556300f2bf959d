//! A store: what it has, and what happened in it.

use super::bulk::Bulk;
use super::faults::{Fault, WebhookFaults};
use super::idempotency::Keys;
use super::switches::Switches;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A store to open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShopSpec {
    /// Its domain, such as `tees.myshopify.com`.
    pub domain: String,
    /// What people call it.
    pub name: String,
    /// The app's client id, different for every store.
    pub client_id: String,
    /// The app's client secret, which also signs webhooks.
    pub client_secret: String,
    /// A token that never ends, as apps have that were made in the store's own settings.
    #[serde(default)]
    pub access_token: Option<String>,
}

/// A place that holds stock.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) service: bool,
}

/// An inventory item with its one variant and that variant's product.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) sku: Option<String>,
    pub(super) title: String,
    pub(super) tracked: bool,
    pub(super) bundle: bool,
    pub(super) status: &'static str,
    pub(super) updated: Timestamp,
    /// What the search still finds it by, and since when its SKU is another.
    pub(super) indexed: (Option<String>, Timestamp),
}

/// What an item has at a location. On hand is the sum of all but `incoming`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Level {
    pub(super) active: bool,
    pub(super) available: i64,
    pub(super) committed: i64,
    pub(super) damaged: i64,
    pub(super) quality_control: i64,
    pub(super) reserved: i64,
    pub(super) safety_stock: i64,
    pub(super) incoming: i64,
    pub(super) updated: i64,
    /// Whether it was written while it was not active.
    pub(super) ghost: bool,
}

impl Level {
    /// The quantity of that name.
    pub(super) fn quantity(&self, name: &str) -> Option<i64> {
        Some(match name {
            "available" => self.available,
            "committed" => self.committed,
            "damaged" => self.damaged,
            "quality_control" => self.quality_control,
            "reserved" => self.reserved,
            "safety_stock" => self.safety_stock,
            "incoming" => self.incoming,
            "on_hand" => {
                self.available
                    + self.committed
                    + self.damaged
                    + self.quality_control
                    + self.reserved
                    + self.safety_stock
            }
            _ => return None,
        })
    }
}

/// A line of an order, allocated to a location.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) at: (u64, u64),
    pub(super) units: i64,
    pub(super) fulfilled: bool,
}

/// A webhook subscription.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) topic: String,
    pub(super) uri: String,
    pub(super) failures: u32,
}

/// What a webhook is about; its body is built when it is sent.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// A level.
    Level(u64, u64),
    /// A level that is no longer there.
    Gone(u64, u64),
    /// An item.
    Item(u64),
    /// A location.
    Location(u64),
    /// A bulk operation.
    Bulk(u64),
    /// Anything, ready made.
    Made(Value),
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) struct Happening {
    pub(super) topic: String,
    pub(super) at: Timestamp,
    pub(super) subject: Subject,
}

/// A write of the API that changed a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiWrite {
    /// The item.
    pub item: u64,
    /// The location.
    pub location: u64,
    /// What was available before.
    pub from: i64,
    /// What is available now.
    pub to: i64,
    /// The key of the call.
    pub key: String,
    /// When.
    pub at: Timestamp,
}

/// One store.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) spec: ShopSpec,
    pub(super) switches: Switches,
    pub(super) faults: Vec<Fault>,
    pub(super) webhook_faults: WebhookFaults,
    /// Tokens by client credentials, and until when each is good.
    pub(super) tokens: BTreeMap<String, Timestamp>,
    pub(super) locations: BTreeMap<u64, Location>,
    pub(super) items: BTreeMap<u64, Item>,
    /// Items by their SKU, for a store with very many.
    called: BTreeMap<String, BTreeSet<u64>>,
    pub(super) levels: BTreeMap<(u64, u64), Level>,
    pub(super) orders: BTreeMap<u64, Vec<Line>>,
    pub(super) subscriptions: BTreeMap<u64, Subscription>,
    pub(super) keys: Keys,
    pub(super) bulks: BTreeMap<u64, Bulk>,
    /// Points left, and when.
    pub(super) points: (f64, Timestamp),
    pub(super) news: Vec<Happening>,
    pub(super) writes: Vec<ApiWrite>,
    /// How much people changed what is available, by item and location.
    pub(super) doings: BTreeMap<(u64, u64), i64>,
    /// What the totals of products were before their levels last changed, and when that was.
    pub(super) totals: BTreeMap<u64, (i64, Timestamp)>,
    /// The time of the request that is being answered.
    pub(super) now: Timestamp,
    /// The largest piece of a file that was sent, and how many, in bytes.
    pub(super) pieces: (usize, u32),
    last: u64,
}

/// Ids are greater than what a float holds exactly.
const FIRST_ID: u64 = 271_878_346_596_884_015;

impl Shop {
    pub(super) fn new(spec: ShopSpec) -> Self {
        let switches = Switches::default();
        Self {
            points: (switches.bucket.0, Timestamp(0)),
            switches,
            spec,
            faults: Vec::new(),
            webhook_faults: WebhookFaults::default(),
            tokens: BTreeMap::new(),
            locations: BTreeMap::new(),
            items: BTreeMap::new(),
            called: BTreeMap::new(),
            levels: BTreeMap::new(),
            orders: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            keys: Keys::default(),
            bulks: BTreeMap::new(),
            news: Vec::new(),
            writes: Vec::new(),
            doings: BTreeMap::new(),
            totals: BTreeMap::new(),
            now: Timestamp(0),
            pieces: (0, 0),
            last: FIRST_ID,
        }
    }

    pub(super) fn id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn tell(&mut self, topic: &str, subject: Subject, at: Timestamp) {
        self.news.push(Happening { topic: topic.to_owned(), at, subject });
    }

    /// The item with exactly this SKU, the oldest of several.
    pub(super) fn find(&self, sku: &str) -> Option<u64> {
        self.called.get(sku)?.first().copied()
    }

    /// Notes that an item has another SKU than before.
    pub(super) fn call(&mut self, item: u64, before: Option<&str>, now: Option<&str>) {
        if let Some(items) = before.and_then(|before| self.called.get_mut(before)) {
            items.remove(&item);
        }
        if let Some(now) = now {
            self.called.entry(now.to_owned()).or_default().insert(item);
        }
    }

    /// What is available of an item at the locations that stock it.
    pub(super) fn available(&self, item: u64) -> i64 {
        let levels = self.levels.range((item, 0)..=(item, u64::MAX)).filter(|(_, level)| level.active);
        levels.map(|(_, level)| level.available).sum()
    }

    /// The total of an item's product, which lags behind.
    pub(super) fn total(&self, item: u64) -> i64 {
        let lag_ms = self.switches.total_lag_ms;
        let before = self.totals.get(&item).filter(|(_, changed)| self.now.since_ms(*changed) < lag_ms);
        before.map_or_else(|| self.available(item), |(before, _)| *before)
    }

    /// Changes quantities of a level and tells of it.
    pub(super) fn change(&mut self, at: (u64, u64), now: Timestamp, change: impl FnOnce(&mut Level)) {
        self.now = now;
        let shown = self.total(at.0);
        let Some(level) = self.levels.get_mut(&at) else { return };
        let before = level.clone();
        change(level);
        let moved = level.available != before.available;
        if moved || *level != before {
            level.updated = now.0;
        }
        if moved {
            self.totals.insert(at.0, (shown, now));
        }
        let silent = *level != before && self.switches.silent_fires;
        let noop = *level == before && self.switches.noop_fires;
        if moved || silent || noop {
            self.tell("inventory_levels/update", Subject::Level(at.0, at.1), now);
        }
    }

    /// Stocks an item at a location; what it had there before is kept.
    pub(super) fn stock(&mut self, at: (u64, u64), now: Timestamp) {
        let level = self.levels.entry(at).or_default();
        if !level.active {
            (level.active, level.updated) = (true, now.0);
            if self.switches.connect_fires {
                self.tell("inventory_levels/connect", Subject::Level(at.0, at.1), now);
            }
        }
    }

    /// Stops stocking an item at a location; what it has there is kept.
    pub(super) fn unstock(&mut self, at: (u64, u64), now: Timestamp) {
        let Some(level) = self.levels.get_mut(&at).filter(|level| level.active) else { return };
        (level.active, level.updated) = (false, now.0);
        if self.switches.connect_fires {
            self.tell("inventory_levels/disconnect", Subject::Gone(at.0, at.1), now);
        }
    }
}
