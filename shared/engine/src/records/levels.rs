//! Levels that were seen: by the last comparison, and before a bulk write.

use super::{SNAPSHOT_KEPT_MS, account_partition, key, row, text};
use crate::ports::{Key, Row};
use domain::{AccountId, ListingId, Sku, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};

/// A part of the levels that the last comparison of an account saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLevels {
    /// SKU and level of units that nothing else needs telling apart.
    #[serde(rename = "l", default)]
    pub levels: Vec<(Sku, Option<i64>)>,
    /// SKU, place and level of the others.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<(Sku, String, Option<i64>)>,
}

impl SeenLevels {
    /// As a row; its version is when the comparison began, in milliseconds.
    #[must_use]
    pub fn row(&self, account: &AccountId, number: usize, at: Timestamp) -> Row {
        self.row_at(key(account_partition(account), format!("LEVELS#{number:06}")), at)
    }

    /// As a row at a known place.
    #[must_use]
    pub fn row_at(&self, key: Key, at: Timestamp) -> Row {
        row(key, u64::try_from(at.0).unwrap_or(0), text(self))
    }
}

/// One chunk of a snapshot: the levels that stores had before a bulk write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotChunk {
    /// SKU, listing, level.
    pub levels: Vec<(Sku, ListingId, Option<i64>)>,
    /// The hub's own levels: SKU, warehouse, level.
    #[serde(default)]
    pub hub: Vec<(Sku, WarehouseId, i64)>,
}

impl SnapshotChunk {
    /// As a row.
    #[must_use]
    pub fn row(&self, id: &str, number: usize, now: Timestamp) -> Row {
        let key = key(format!("SNAPSHOT#{id}"), format!("{number:08}"));
        Row { expires: Some(now.plus_ms(SNAPSHOT_KEPT_MS)), ..row(key, 1, text(self)) }
    }
}
