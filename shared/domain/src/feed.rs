//! The movement feed of a store, and what its entries mean for one listing.

pub use crate::reading::read;

use crate::ledger::{Unheard, Written};
use crate::pool::Taken;
use crate::{LineId, OrderId, Position, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One entry of a store's own log of stock movements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Its place in the log; greater is newer.
    pub id: Position,
    /// The SKU whose stock moved, as the store writes it.
    pub sku: Sku,
    /// The level after the movement, in units.
    pub level_after: i64,
    /// The order that caused it, if an order did.
    pub order: Option<OrderId>,
    /// When the store says that it happened.
    pub at: Timestamp,
}

/// What an order's status says about its stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderState {
    /// Placed, paid or shipped: its lines hold stock.
    Open,
    /// Placed and not paid for, in a store that moves stock when it is: its lines hold none yet.
    Unpaid,
    /// Cancelled: whether its stock went back is another question.
    Cancelled,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Stable within its order.
    pub id: LineId,
    /// The SKU that was sold; `None` when the line carries none.
    pub sku: Option<Sku>,
    /// Units sold, never negative.
    pub quantity: i64,
}

/// An order, as far as stock is concerned. No customer data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The store's id.
    pub id: OrderId,
    /// What the merchant calls it; two orders share it when one was edited into the other.
    pub reference: String,
    /// Whether it still holds stock.
    pub state: OrderState,
    /// When it was placed.
    pub placed: Timestamp,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// One line of an order for one SKU, with what the hub has counted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineState {
    /// The line.
    pub id: LineId,
    /// Units sold.
    pub quantity: i64,
    /// Units that the hub holds as sold: `None` when the line was never counted, 0 when it was given back.
    pub counted: Option<i64>,
    /// Whether the entry of its sale was seen in the feed: then no other can be.
    pub logged: bool,
    /// Whether the order is cancelled: then what comes back of it is no customer's return.
    pub cancelled: bool,
    /// From which warehouses its units were taken, where several feed the listing.
    pub taken: Taken,
}

/// What is known of the orders that the movements name: for each order, its lines of this SKU.
pub type Orders = BTreeMap<OrderId, Vec<LineState>>;

/// Why something counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A line was sold.
    Sale(OrderId, LineId),
    /// A sold line came back.
    Return(OrderId, LineId),
    /// A line of a cancelled order came back.
    Cancelled(OrderId, LineId),
    /// An order moved stock that none of its lines names: a bundle's component, or an order that is gone.
    Order(OrderId),
    /// Somebody changed the quantity.
    Edit(Position),
    /// A kit that it is part of was sold, or came back.
    Kit(Sku),
}

/// One counted change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Units, signed.
    pub by: i64,
    /// Why.
    pub cause: Cause,
}

/// What the hub holds as sold of a line from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The order.
    pub order: OrderId,
    /// The line.
    pub line: LineId,
    /// Units held as sold before; `None` when the line was never counted.
    pub before: Option<i64>,
    /// Units held as sold now.
    pub after: i64,
    /// Whether the entry of its sale was seen in the feed.
    pub logged: bool,
    /// From which warehouses its units were taken, where several feed the listing.
    pub taken: Taken,
}

/// What a stretch of the feed means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What counts, in the feed's order.
    pub counted: Vec<Counted>,
    /// The lines concerned.
    pub markers: Vec<Marker>,
    /// Entries recognised as our own writes.
    pub own: usize,
    /// Entries that the level must explain, because the log alone cannot.
    pub unclear: usize,
    /// Sizes of edits, in units, that may be wrong or may not have been counted: a person must be told.
    pub doubts: Vec<i64>,
    /// Units given back although the entry does not show of which lines, as something else moved with them: a person must be
    /// told.
    pub guessed: Vec<i64>,
    /// An order that the store does not show yet: everything from its entry on waits.
    pub waits_for: Option<OrderId>,
    /// Read up to here.
    pub position: Position,
    /// The level after the last entry read.
    pub last: i64,
    /// Own writes not seen in the feed so far.
    pub writes: Vec<Written>,
    /// Whether the store has been seen to log our writes.
    pub echoes: bool,
    /// Whether a write of ours was forgotten before it was seen.
    pub forgot: bool,
    /// What is read again, if the name is new to the hub.
    pub unheard: Option<Unheard>,
}

/// An order that still cannot be read after this long is counted by what moved, milliseconds.
pub const ORDER_PATIENCE_MS: i64 = 600_000;
