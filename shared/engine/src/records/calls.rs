//! Big calls, and lists of orders that are read page by page.

use super::{DAY_MS, account_partition, key, row, text};
use crate::ports::{Key, Row};
use domain::{AccountId, ListingId, Sku, Timestamp};
use serde::{Deserialize, Serialize};

/// One row of a big call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// The SKU.
    #[serde(rename = "s")]
    pub sku: Sku,
    /// Where.
    #[serde(rename = "l")]
    pub listing: ListingId,
    /// The store's own id of the unit.
    #[serde(rename = "x")]
    pub external: String,
    /// The level that the store had.
    #[serde(rename = "f")]
    pub from: i64,
    /// The level that it shall have.
    #[serde(rename = "t")]
    pub to: i64,
    /// The sequence of the claim: the row's key is derived from it.
    #[serde(rename = "w")]
    pub sequence: u64,
    /// What the channel wants to know of it when the call is made.
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A big call as it is kept before it is made, so that it can be made again as a whole. Without rows: whoever would make it is
/// too late.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCall {
    /// Its rows, in their order.
    pub rows: Vec<CallRow>,
}

/// How long a big call is kept, milliseconds: two days, longer than any store knows its key.
const CALL_KEPT_MS: i64 = 2 * DAY_MS;

/// The partition of an account's big calls.
#[must_use]
pub fn call_partition(account: &AccountId) -> String {
    format!("CALL#{account}")
}

impl StoredCall {
    /// Where a call lives.
    #[must_use]
    pub fn key(account: &AccountId, id: u64) -> Key {
        key(call_partition(account), format!("{id:016x}"))
    }

    /// As a row of this version: whoever makes the call again, or sees that it never will be made, writes it once more.
    #[must_use]
    pub fn row(&self, account: &AccountId, id: u64, version: u64, now: Timestamp) -> Row {
        Row { expires: Some(now.plus_ms(CALL_KEPT_MS)), ..row(Self::key(account, id), version, text(self)) }
    }

    /// A part of a gathered call, as a row.
    #[must_use]
    pub fn part(&self, account: &AccountId, id: u64, part: u32, now: Timestamp) -> Row {
        let key = key(call_partition(account), format!("{}{part:06}", Gathering::parts(id)));
        Row { expires: Some(now.plus_ms(CALL_KEPT_MS)), ..row(key, 1, text(self)) }
    }
}

/// The gathered call of an account: rows come together over several runs of its lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gathering {
    /// Its id; 0 while there is none.
    pub id: u64,
    /// Since when rows come together.
    pub opened: Timestamp,
    /// Parts stored.
    pub parts: u32,
    /// Rows in them.
    pub rows: u64,
    /// When it was begun to be handed over, of which nothing was heard.
    pub sending: Option<Timestamp>,
    /// Nothing is gathered before: the store carries none out.
    pub blocked: Option<Timestamp>,
    /// The last one that was handed over: the store's name of it, when, and how many rows.
    pub last: Option<(String, Timestamp, u64)>,
}

impl Gathering {
    /// Where it lives.
    #[must_use]
    pub fn key(account: &AccountId) -> Key {
        key(call_partition(account), "GATHERING")
    }

    /// As a row.
    #[must_use]
    pub fn row(&self, account: &AccountId, version: u64) -> Row {
        row(Self::key(account), version, text(self))
    }

    /// What the sort keys of its parts begin with.
    #[must_use]
    pub fn parts(id: u64) -> String {
        format!("PART#{id:016x}#")
    }
}

/// How far the list of an account's orders is read, while it is read page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPoll {
    /// When it was begun to be read: up to then all orders are counted when it has ended.
    pub began: Timestamp,
    /// Orders that were placed or changed since then are listed.
    pub since: Timestamp,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl OrderPoll {
    /// Where it lives.
    #[must_use]
    pub fn key(account: &AccountId) -> Key {
        key(account_partition(account), "CURSOR#orders-page")
    }

    /// As a row.
    #[must_use]
    pub fn row(&self, account: &AccountId) -> Row {
        row(Self::key(account), 1, text(self))
    }
}
