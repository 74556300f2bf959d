//! The movement feed of a store, and what its entries mean for one listing.

use crate::{LineId, OrderId, Position, Sku, Timestamp};
use serde::{Deserialize, Serialize};

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
