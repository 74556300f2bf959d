//! Settings that a person chooses per account.

use serde::{Deserialize, Serialize};

/// What an account is to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Its stock is the truth at the start and may be edited freely.
    Master,
    /// It follows.
    Replica,
}

impl Role {
    /// The inbound policy that a role starts with.
    #[must_use]
    pub const fn default_inbound(self) -> Inbound {
        match self {
            Self::Master => Inbound::All,
            Self::Replica => Inbound::Sales,
        }
    }
}

/// What counts when it happens in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inbound {
    /// Every change: sales and edits.
    All,
    /// Sales, cancellations and returns only.
    Sales,
    /// Nothing.
    None,
}

/// What of what comes back is stocked again. What is not is set back in the store, and a person is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restock {
    /// All that the store takes back into stock.
    #[default]
    Always,
    /// Only what comes back of cancelled orders.
    Cancellations,
    /// Only what comes back of orders that are not cancelled: customers' returns.
    Returns,
    /// Nothing: somebody looks at the goods first and enters them by hand.
    Never,
}

impl Restock {
    /// Whether what comes back of an order is stocked again.
    #[must_use]
    pub const fn takes(self, cancelled: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Cancellations => cancelled,
            Self::Returns => !cancelled,
            Self::Never => false,
        }
    }
}

/// What happens to a change that does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// The store is set back to its target.
    #[default]
    Overwrite,
    /// The change counts after all.
    Adopt,
    /// The store keeps its number and a person is told.
    Report,
}

/// What happens where several units of one account have the same SKU at the same location.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// None of them is written until a person has given them SKUs of their own.
    #[default]
    Refuse,
    /// They are listings of the same stock and share its hub level.
    Share,
}
