//! The event log of one account. Ids come from the platform: they grow over all accounts.

use super::oracle::Cause;
use super::state::Cell;
use domain::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// What an event says.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A movement of stock.
    Moved { sku: String, variation: bool, quantity: i64, order: Option<u64> },
    /// The product itself, as it is when the event is read.
    Product(u64),
    /// The order itself, as it is when the event is read.
    Order(u64),
    /// The status that an order got.
    Status(usize),
    /// A refund of an order.
    Refund { order: u64, amount: i64 },
    /// Something that a test made up.
    Other(Value),
}

/// Something that happened, before it has an id.
#[derive(Debug, Clone)]
pub(super) struct Happening {
    pub(super) topic: String,
    pub(super) subject_type: &'static str,
    pub(super) subject: u64,
    pub(super) content: Content,
    pub(super) generator: &'static str,
}

impl Happening {
    /// The level of a SKU is now `quantity`.
    pub(super) fn moved(cell: Cell, sku: String, quantity: i64, order: Option<u64>, cause: Cause) -> Self {
        let content = Content::Moved { sku, variation: cell.variation.is_some(), quantity, order };
        Self {
            topic: "product.stock_changed".into(),
            subject_type: "product",
            subject: cell.product,
            content,
            generator: cause.generator(),
        }
    }

    /// A product was created, updated or deleted.
    pub(super) fn product(topic: &str, product: u64) -> Self {
        Self {
            topic: topic.into(),
            subject_type: "product",
            subject: product,
            content: Content::Product(product),
            generator: "admin",
        }
    }

    /// Something happened to an order.
    pub(super) fn order(topic: &str, order: u64, content: Content) -> Self {
        Self { topic: topic.into(), subject_type: "order", subject: order, content, generator: "order" }
    }

    /// A refund was given; the subject is the refund.
    pub(super) fn refund(refund: u64, order: u64, amount: i64) -> Self {
        Self {
            topic: "order.refund.created".into(),
            subject_type: "order_refund",
            subject: refund,
            content: Content::Refund { order, amount },
            generator: "order",
        }
    }
}

/// An entry of the log.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) at: Timestamp,
    pub(super) what: Happening,
}

/// The log, oldest first, with the places of each topic.
#[derive(Debug, Default)]
pub(super) struct Log {
    events: Vec<Event>,
    by_topic: BTreeMap<String, Vec<usize>>,
}

impl Log {
    /// Appends an entry; ids grow.
    pub(super) fn append(&mut self, event: Event) -> usize {
        let place = self.events.len();
        if let Some(places) = self.by_topic.get_mut(&event.what.topic) {
            places.push(place);
        } else {
            self.by_topic.insert(event.what.topic.clone(), vec![place]);
        }
        self.events.push(event);
        place
    }

    /// The entry at a place.
    pub(super) fn at(&self, place: usize) -> Option<&Event> {
        self.events.get(place)
    }

    /// The entry with an id, among the last `kept`.
    pub(super) fn find(&self, id: u64, kept: Option<usize>) -> Option<&Event> {
        let place = self.events.binary_search_by_key(&id, |event| event.id).ok()?;
        self.events.get(place).filter(|_| place >= self.first_kept(kept))
    }

    fn first_kept(&self, kept: Option<usize>) -> usize {
        kept.map_or(0, |kept| self.events.len().saturating_sub(kept))
    }

    /// The places of the entries with ids from `from` on, of one topic or of all, oldest first, among the last `kept`.
    pub(super) fn places(&self, topic: Option<&str>, from: u64, kept: Option<usize>) -> Places<'_> {
        let first = self.events.partition_point(|event| event.id < from).max(self.first_kept(kept));
        match topic {
            None => Places::All(first..self.events.len()),
            Some(topic) => {
                let places = self.by_topic.get(topic).map_or(&[] as &[usize], Vec::as_slice);
                Places::Some(&places[places.partition_point(|place| *place < first)..])
            }
        }
    }
}

/// Places in the log, oldest first.
pub(super) enum Places<'a> {
    /// A stretch of it.
    All(std::ops::Range<usize>),
    /// Those of a topic.
    Some(&'a [usize]),
}

impl Places<'_> {
    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::All(range) => range.len(),
            Self::Some(places) => places.len(),
        }
    }

    /// The `index`-th, oldest first.
    pub(super) fn get(&self, index: usize) -> Option<usize> {
        match self {
            Self::All(range) => Some(range.start + index).filter(|place| range.contains(place)),
            Self::Some(places) => places.get(index).copied(),
        }
    }
}
