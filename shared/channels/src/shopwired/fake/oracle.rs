//! The truth, kept apart from what the API shows: what people did to the stock of each SKU, and what our writes did.

use domain::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Why stock moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// An order took it.
    Sale(u64),
    /// A line of an order went back.
    Return(u64),
    /// Somebody edited the product.
    Edit,
    /// Somebody used the stock management page.
    StockPage,
    /// A stock import.
    StockImport,
    /// A product import.
    ProductImport,
    /// A write through the API.
    Api,
}

impl Cause {
    /// The order behind the movement.
    pub(super) const fn order(self) -> Option<u64> {
        match self {
            Self::Sale(order) | Self::Return(order) => Some(order),
            Self::Edit | Self::StockPage | Self::StockImport | Self::ProductImport | Self::Api => None,
        }
    }

    /// What `generator` may say; its real values are unknown.
    pub(super) const fn generator(self) -> &'static str {
        match self {
            Self::Sale(_) => "order",
            Self::Return(_) => "stock-return",
            Self::Edit | Self::StockPage => "admin",
            Self::StockImport | Self::ProductImport => "import",
            Self::Api => "api",
        }
    }
}

/// What happened to one SKU, in units since the account was made. API writes are not part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The level it was created with.
    pub start: i64,
    /// Units sold.
    pub sold: i64,
    /// Units that went back.
    pub returned: i64,
    /// The sum of all edits and imports, up or down.
    pub edited: i64,
}

impl Truth {
    /// The sum of all that people did: what a hub must have counted.
    #[must_use]
    pub const fn change(self) -> i64 {
        self.returned - self.sold + self.edited
    }
}

/// A write through the API that changed a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiWrite {
    /// When, milliseconds since 1970.
    pub at: Timestamp,
    /// The SKU.
    pub sku: String,
    /// The level before.
    pub from: i64,
    /// The level after.
    pub to: i64,
}

/// The books of one account.
#[derive(Debug, Clone, Default)]
pub(super) struct Oracle {
    pub(super) truths: BTreeMap<String, Truth>,
    pub(super) writes: Vec<ApiWrite>,
}

impl Oracle {
    /// Books one movement.
    pub(super) fn book(&mut self, sku: &str, from: i64, to: i64, cause: Cause, at: Timestamp) {
        if cause == Cause::Api {
            self.writes.push(ApiWrite { at, sku: sku.to_owned(), from, to });
            return;
        }
        let truth = self.truth(sku);
        match cause {
            Cause::Sale(_) => truth.sold += from - to,
            Cause::Return(_) => truth.returned += to - from,
            Cause::Edit | Cause::StockPage | Cause::StockImport | Cause::ProductImport | Cause::Api => {
                truth.edited += to - from;
            }
        }
    }

    /// Books the level that a unit is created with.
    pub(super) fn start(&mut self, sku: &str, level: i64) {
        self.truth(sku).start += level;
    }

    fn truth(&mut self, sku: &str) -> &mut Truth {
        self.truths.entry(sku.to_owned()).or_default()
    }
}
