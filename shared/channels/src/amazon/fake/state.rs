//! One seller: listings with what was submitted and what is live, orders, feeds, reports. Nothing here knows of HTTP.

use super::faults::{EventFaults, Fault};
use super::limits::Buckets;
use super::switches::{PushVsPending, Switches};
use domain::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Stock that is live under a code. Stock that Amazon keeps has no quantity here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Stock {
    pub(super) code: String,
    pub(super) quantity: Option<i64>,
}

/// A listing.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) title: String,
    pub(super) asin: String,
    pub(super) product_type: String,
    pub(super) marketplaces: Vec<String>,
    /// The attribute `fulfillment_availability` as it was submitted, by marketplace.
    pub(super) submitted: BTreeMap<String, Vec<Value>>,
    /// One number for all marketplaces of the region.
    pub(super) live: Vec<Stock>,
    pub(super) active: bool,
    /// Units that lie in Amazon's warehouse.
    pub(super) hosted_units: i64,
    pub(super) updated: Timestamp,
    /// When the last write of it was carried out, or will be.
    pub(super) busy_until: Timestamp,
    /// When the last patch of it was taken.
    pub(super) patched: Timestamp,
}

impl Listing {
    pub(super) fn is_hosted(&self) -> bool {
        self.live.iter().any(|stock| stock.code.starts_with("AMAZON_"))
    }

    pub(super) fn level(&self, code: &str) -> Option<i64> {
        self.live.iter().find(|stock| stock.code == code).and_then(|stock| stock.quantity)
    }
}

/// A line of an order.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) sku: String,
    pub(super) ordered: i64,
    pub(super) sent: i64,
    pub(super) cancelled: bool,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    PendingAvailability,
    Pending,
    Unshipped,
    PartiallyShipped,
    Shipped,
    Cancelled,
}

/// An order.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) status: Status,
    pub(super) marketplace: String,
    /// Whether Amazon sends it.
    pub(super) hosted: bool,
    pub(super) items: Vec<Item>,
}

/// A feed or a report.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) marketplaces: Vec<String>,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) status: &'static str,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
}

/// A subscription.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) destination: String,
    pub(super) directive: Option<Value>,
}

/// A write that is accepted and not live yet.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) sku: String,
    pub(super) code: String,
    pub(super) quantity: i64,
}

/// Why live stock moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Api,
    Order,
    Person,
}

/// A write that became live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiWrite {
    /// When, milliseconds since 1970.
    pub at: Timestamp,
    /// The SKU.
    pub sku: String,
    /// The quantity that was written.
    pub quantity: i64,
    /// The level that it gave.
    pub level: i64,
}

/// Something that an event may tell.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// Live stock of a SKU.
    Quantity { sku: String, quantity: i64 },
    /// An order.
    Order(Box<Order>),
}

/// One seller in one region.
#[derive(Debug)]
pub(super) struct Seller {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) refresh_token: String,
    pub(super) marketplaces: Vec<String>,
    /// Operations that the app has no role for.
    pub(super) refused: BTreeSet<String>,
    pub(super) switches: Switches,
    pub(super) faults: Vec<Fault>,
    pub(super) event_faults: EventFaults,
    pub(super) buckets: Buckets,
    pub(super) listings: BTreeMap<String, Listing>,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) feeds: BTreeMap<String, Job>,
    pub(super) reports: BTreeMap<String, Job>,
    /// The last report's text and when it was taken.
    pub(super) report_cache: Option<(Timestamp, String)>,
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    pub(super) tasks: BTreeMap<(Timestamp, u64), Task>,
    pub(super) news: Vec<(Timestamp, News)>,
    /// SKUs whose stock at Amazon was stranded by a write. It must stay empty.
    pub(super) stranded: BTreeSet<String>,
    pub(super) writes: Vec<ApiWrite>,
    /// Units sold less units given back, by SKU.
    pub(super) sold: BTreeMap<String, i64>,
    pub(super) calls: BTreeMap<&'static str, u64>,
    pub(super) next: u64,
}

impl Seller {
    /// A number that was never used before.
    pub(super) const fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Plans a write for when it will be live; never, if the switch says so.
    pub(super) fn plan(&mut self, task: Task, now: Timestamp) {
        let Some(delay) = self.switches.apply_ms else { return };
        let slow = self.switches.sku_slow_ms;
        let Some(listing) = self.listings.get_mut(&task.sku) else { return };
        let due = now.plus_ms(delay).max(listing.busy_until.plus_ms(slow));
        listing.busy_until = due;
        let place = (due, self.id());
        self.tasks.insert(place, task);
    }

    /// Makes the due writes live.
    pub(super) fn apply_due(&mut self, now: Timestamp) {
        while let Some(entry) = self.tasks.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((due, _), task) = entry.remove_entry();
            self.apply(&task, due);
        }
    }

    fn apply(&mut self, task: &Task, at: Timestamp) {
        let pending = self.pending(&task.sku);
        let level = match self.switches.push_vs_pending {
            PushVsPending::Overwrite => task.quantity,
            PushVsPending::Net => (task.quantity - pending).max(0),
        };
        let Some(listing) = self.listings.get_mut(&task.sku) else { return };
        if listing.is_hosted() && !task.code.starts_with("AMAZON_") {
            // the offer becomes the merchant's, and what lies at Amazon can no longer be sold
            listing.live.retain(|stock| !stock.code.starts_with("AMAZON_"));
            self.stranded.insert(task.sku.clone());
        }
        self.writes.push(ApiWrite { at, sku: task.sku.clone(), quantity: task.quantity, level });
        self.set(&task.sku, &task.code, level, Cause::Api, at);
    }

    /// Units of a SKU in orders that are still pending.
    pub(super) fn pending(&self, sku: &str) -> i64 {
        let pending = |order: &&Order| matches!(order.status, Status::Pending | Status::PendingAvailability);
        let items = self.orders.values().filter(pending).flat_map(|order| &order.items);
        items.filter(|item| item.sku == sku && !item.cancelled).map(|item| item.ordered).sum()
    }

    /// Sets live stock, and tells who listens.
    pub(super) fn set(&mut self, sku: &str, code: &str, quantity: i64, cause: Cause, at: Timestamp) {
        let Some(listing) = self.listings.get_mut(sku) else { return };
        let before = listing.level(code);
        match listing.live.iter_mut().find(|stock| stock.code == code) {
            Some(stock) => stock.quantity = Some(quantity),
            None => listing.live.push(Stock { code: code.to_owned(), quantity: Some(quantity) }),
        }
        listing.updated = at;
        let told = cause != Cause::Api || self.switches.echo;
        if before != Some(quantity) && told {
            self.news.push((at, News::Quantity { sku: sku.to_owned(), quantity }));
        }
    }

    /// Moves live stock by a difference.
    pub(super) fn shift(&mut self, sku: &str, by: i64, at: Timestamp) {
        if let Some(level) = self.listings.get(sku).and_then(|listing| listing.level("DEFAULT")) {
            self.set(sku, "DEFAULT", level + by, Cause::Order, at);
        }
    }

    /// Marks an order as changed, and tells who listens.
    pub(super) fn touch(&mut self, order: &str, now: Timestamp) {
        let Some(order) = self.orders.get_mut(order) else { return };
        order.updated = now;
        let early = order.status == Status::Pending && !self.switches.event_at_pending;
        if !early {
            let news = News::Order(Box::new(order.clone()));
            self.news.push((now, news));
        }
    }
}
