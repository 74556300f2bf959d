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
