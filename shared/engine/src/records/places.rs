//! Warehouses, and the locations of accounts that belong to them.

use super::{HUB, key, row, text};
use crate::ports::{Key, Row};
use domain::{AccountId, ListingId, LocationId, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};

/// A named pool of stock. The main one is there without a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warehouse {
    /// Its short name.
    pub id: WarehouseId,
    /// What people call it.
    pub name: String,
    /// When it was added.
    #[serde(default)]
    pub added: Timestamp,
}

impl Warehouse {
    /// The warehouse of a hub that uses only one.
    #[must_use]
    pub fn main() -> Self {
        Self { id: WarehouseId::main(), name: "Main".into(), added: Timestamp::default() }
    }

    /// Where it lives.
    #[must_use]
    pub fn key(id: &WarehouseId) -> Key {
        key(HUB, format!("WAREHOUSE#{id}"))
    }

    /// As a row.
    #[must_use]
    pub fn row(&self) -> Row {
        row(Self::key(&self.id), 1, text(self))
    }
}

/// A location of an account, as its store told of it, and what a person decided about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreLocation {
    /// The account.
    pub account: AccountId,
    /// The store's own id of it.
    pub location: LocationId,
    /// What people call it there.
    #[serde(default)]
    pub name: String,
    /// Whether stock may be kept there now.
    #[serde(default = "super::yes")]
    pub active: bool,
    /// When the store stopped telling of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
    /// When it was seen first.
    #[serde(default)]
    pub seen: Timestamp,
    /// The warehouse that it belongs to; `None`: it is reported and never touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<WarehouseId>,
    /// Whether the warehouse takes its levels from here: what is counted there is the truth.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub master: bool,
    /// Whether a person wants it kept at zero, although it belongs to no warehouse.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zeroed: bool,
}

impl StoreLocation {
    /// Where it lives.
    #[must_use]
    pub fn key(account: &AccountId, location: &LocationId) -> Key {
        key(HUB, format!("LOCATION#{account}@{location}"))
    }

    /// As a row of the given version.
    #[must_use]
    pub fn row(&self, version: u64) -> Row {
        row(Self::key(&self.account, &self.location), version, text(self))
    }

    /// Its text form, `account@location`.
    #[must_use]
    pub fn id(&self) -> ListingId {
        ListingId::at(self.account.clone(), self.location.clone())
    }

    /// Whether the store still keeps stock there.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.active && self.gone.is_none()
    }

    /// Whether its units are listings of ours.
    #[must_use]
    pub const fn is_mapped(&self) -> bool {
        self.warehouse.is_some() || self.zeroed
    }
}
