//! One account: its catalogue, orders, webhooks and log. Nothing here knows of HTTP.

use super::faults::{Fault, WebhookFaults};
use super::limiter::Bucket;
use super::log::{Happening, Log};
use super::oracle::{Cause, Oracle};
use super::switches::{Duplicates, Switches};
use domain::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A variation of a product.
#[derive(Debug, Clone)]
pub(super) struct Variation {
    pub(super) id: u64,
    pub(super) sku: Option<String>,
    pub(super) stock: Option<i64>,
    pub(super) name: String,
}

/// A product.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) sku: Option<String>,
    pub(super) stock: Option<i64>,
    pub(super) active: bool,
    pub(super) components: Option<Vec<(String, i64)>>,
    pub(super) variations: Vec<Variation>,
    pub(super) updated: Timestamp,
    pub(super) visible_from: Timestamp,
}

/// A place that keeps a quantity: a product, or one of its variations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) product: u64,
    pub(super) variation: Option<u64>,
}

/// A line of an order.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) cell: Cell,
    /// The SKU whose stock it took.
    pub(super) taken: String,
    /// The SKU that it shows.
    pub(super) shown: String,
    pub(super) title: String,
    pub(super) quantity: i64,
    pub(super) returned: bool,
}

/// An order.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) reference: u64,
    pub(super) created: Timestamp,
    pub(super) visible_from: Timestamp,
    pub(super) archived: bool,
    pub(super) status: Status,
    pub(super) items: Vec<Item>,
    pub(super) refunds: Vec<(u64, i64)>,
    /// Whether its stock moves when it is paid for, and did not yet.
    pub(super) owed: bool,
}

/// The statuses that a new shop has, with the types of
/// <https://help.shopwired.co.uk/api/orders-customers/api-orders>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status(pub(super) usize);

pub(super) const STATUSES: &[(&str, &str)] = &[
    ("Not Paid", "unpaid"),
    ("Part Paid", "custom"),
    ("Paid", "paid"),
    ("Cancelled", "cancelled"),
    ("Dispatched", "shipped"),
    ("Completed", "custom"),
    ("Part Refunded", "custom"),
    ("Refunded", "custom"),
    ("Awaiting Stock", "custom"),
];

impl Status {
    pub(super) const UNPAID: Self = Self(0);
    pub(super) const PAID: Self = Self(2);
    pub(super) const CANCELLED: Self = Self(3);

    /// Whether an order with it is neither waiting for its money nor called off.
    pub(super) const fn is_settled(self) -> bool {
        self.0 != Self::UNPAID.0 && self.0 != Self::CANCELLED.0
    }
}

/// A webhook that somebody asked for.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) id: u64,
    pub(super) topic: String,
    pub(super) url: String,
    pub(super) enabled: bool,
    pub(super) verified: bool,
    pub(super) created: Timestamp,
    pub(super) failures: u32,
}

/// A pair of credentials.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    /// Endpoints (first part of the path) that it may not use.
    pub(super) refused: BTreeSet<String>,
    pub(super) bucket: Bucket,
}

/// Something that happens later.
#[derive(Debug, Clone)]
pub(super) enum Task {
    /// Stock of a unit moves by so much.
    Move { cell: Cell, sku: String, by: i64, cause: Cause },
    /// The log shows something.
    Show(Happening),
}

/// One store.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) business: u64,
    pub(super) name: String,
    pub(super) secret: Option<String>,
    pub(super) keys: Vec<Key>,
    pub(super) bucket: Bucket,
    pub(super) switches: Switches,
    pub(super) products: BTreeMap<u64, Product>,
    pub(super) index: BTreeMap<String, Vec<Cell>>,
    pub(super) orders: BTreeMap<u64, Order>,
    pub(super) items: BTreeMap<u64, u64>,
    pub(super) webhooks: BTreeMap<u64, Webhook>,
    /// Webhooks that wait for a verification request, since when.
    pub(super) handshakes: Vec<(Timestamp, u64)>,
    pub(super) log: Log,
    pub(super) oracle: Oracle,
    pub(super) tasks: BTreeMap<(Timestamp, u64), Task>,
    pub(super) news: Vec<(Timestamp, Happening)>,
    pub(super) faults: Vec<Fault>,
    pub(super) webhook_faults: WebhookFaults,
    pub(super) requests: u64,
    next: u64,
    random: u64,
}

/// Ids of one account begin here, times its number, so that two accounts never share one.
const IDS: u64 = 10_000_000;

impl Account {
    pub(super) fn new(business: u64, name: &str, secret: Option<&str>, seed: u64) -> Self {
        Self {
            business,
            name: name.to_owned(),
            secret: secret.map(str::to_owned),
            keys: Vec::new(),
            bucket: Bucket::default(),
            switches: Switches::default(),
            products: BTreeMap::new(),
            index: BTreeMap::new(),
            orders: BTreeMap::new(),
            items: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            handshakes: Vec::new(),
            log: Log::default(),
            oracle: Oracle::default(),
            tasks: BTreeMap::new(),
            news: Vec::new(),
            faults: Vec::new(),
            webhook_faults: WebhookFaults::default(),
            requests: 0,
            next: business * IDS,
            random: (seed ^ business.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1,
        }
    }

    /// A new id: products, variations, orders, lines and webhooks share one count.
    pub(super) const fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A number below `below`, by chance (xorshift64).
    pub(super) const fn chance(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        if below == 0 { 0 } else { self.random % below }
    }

    /// The SKU that a cell answers to: its own, or the product's.
    pub(super) fn sku_of(&self, cell: Cell) -> Option<&str> {
        let product = self.products.get(&cell.product)?;
        let own = match cell.variation {
            None => product.sku.as_deref(),
            Some(id) => product.variations.iter().find(|one| one.id == id)?.sku.as_deref(),
        };
        own.or(product.sku.as_deref()).filter(|sku| !sku.is_empty())
    }

    fn slot(&mut self, cell: Cell) -> Option<&mut Option<i64>> {
        let product = self.products.get_mut(&cell.product)?;
        match cell.variation {
            None => Some(&mut product.stock),
            Some(id) => product.variations.iter_mut().find(|one| one.id == id).map(|one| &mut one.stock),
        }
    }

    /// The level of a cell: 0 when none was entered, nothing when it is gone.
    pub(super) fn level_of(&self, cell: Cell) -> Option<i64> {
        let product = self.products.get(&cell.product)?;
        let own = match cell.variation {
            None => product.stock,
            Some(id) => product.variations.iter().find(|one| one.id == id)?.stock,
        };
        Some(own.or(product.stock).unwrap_or_default())
    }

    /// The units that answer to a SKU.
    pub(super) fn cells(&self, sku: &str) -> &[Cell] {
        let exact = self.index.get(sku);
        let found = exact.or_else(|| if self.switches.sku_ignores_case { self.by_any_case(sku) } else { None });
        found.map_or(&[], Vec::as_slice)
    }

    fn by_any_case(&self, sku: &str) -> Option<&Vec<Cell>> {
        self.index.iter().find(|(name, _)| name.eq_ignore_ascii_case(sku)).map(|(_, cells)| cells)
    }

    /// The level that `GET /stock` gives.
    pub(super) fn level(&self, sku: &str) -> Option<i64> {
        self.cells(sku).first().and_then(|cell| self.level_of(*cell))
    }

    /// Sets the units that a write to a SKU moves; how many changed.
    pub(super) fn set_sku(&mut self, sku: &str, to: i64, cause: Cause, now: Timestamp) -> usize {
        let mut cells = self.cells(sku).to_vec();
        if self.switches.duplicate_sku == Duplicates::First {
            cells.truncate(1);
        }
        cells.into_iter().filter(|cell| self.set(*cell, to, cause, now)).count()
    }

    /// Sets the level of one cell, books it and tells the log; whether it changed.
    pub(super) fn set(&mut self, cell: Cell, to: i64, cause: Cause, now: Timestamp) -> bool {
        let Some(from) = self.level_of(cell) else { return false };
        let sku = self.sku_of(cell).map(str::to_owned);
        if let Some(slot) = self.slot(cell) {
            *slot = Some(to);
        }
        if let Some(product) = self.products.get_mut(&cell.product) {
            product.updated = now;
        }
        if from == to {
            return false;
        }
        if let Some(sku) = sku {
            self.oracle.book(&sku, from, to, cause, now);
            self.tell_movement(cell, sku, to, cause, now);
        }
        true
    }

    fn tell_movement(&mut self, cell: Cell, sku: String, quantity: i64, cause: Cause, now: Timestamp) {
        let shown = match cause {
            Cause::Api => self.switches.echo,
            Cause::ProductImport => self.switches.product_import_logs,
            Cause::Sale(_) | Cause::Return(_) | Cause::Edit | Cause::StockPage | Cause::StockImport => true,
        };
        if !shown {
            return;
        }
        let named = !matches!(cause, Cause::Return(_)) || self.switches.return_names_order;
        let order = cause.order().filter(|_| named);
        self.tell(Happening::moved(cell, sku, quantity, order, cause), now);
    }

    /// Puts something into the log, at once or after the log's lag.
    pub(super) fn tell(&mut self, happening: Happening, now: Timestamp) {
        match self.switches.log_lag_ms {
            lag if lag > 0 => self.later(now.plus_ms(lag), Task::Show(happening)),
            _ => self.news.push((now, happening)),
        }
    }

    /// Plans a task.
    pub(super) fn later(&mut self, due: Timestamp, task: Task) {
        let sequence = self.id();
        self.tasks.insert((due, sequence), task);
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Timestamp) {
        while let Some(entry) = self.tasks.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((due, _), task) = entry.remove_entry();
            match task {
                Task::Move { cell, sku, by, cause } => self.shift(cell, &sku, by, cause, due),
                Task::Show(happening) => self.news.push((due, happening)),
            }
        }
    }

    /// Moves a cell by a difference, if it still holds that SKU.
    pub(super) fn shift(&mut self, cell: Cell, sku: &str, by: i64, cause: Cause, now: Timestamp) {
        if self.sku_of(cell) != Some(sku) {
            return;
        }
        if let Some(level) = self.level_of(cell) {
            self.set(cell, level + by, cause, now);
        }
    }

    /// Units of a cell that are sold and have not moved yet.
    pub(super) fn promised(&self, cell: Cell) -> i64 {
        let planned = self.tasks.values().filter_map(|task| match task {
            Task::Move { cell: other, by, .. } if *other == cell => Some(-by),
            Task::Move { .. } | Task::Show(_) => None,
        });
        planned.sum()
    }
}
