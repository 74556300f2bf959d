//! History: what happened to a SKU.

use super::{DAY_MS, HISTORY_KEPT_MS, key, row, sku_partition, text};
use crate::ports::{IndexKey, Row};
use domain::feed::Counted;
use domain::settle::Note;
use domain::undo::TakenBack;
use domain::{ListingId, Sku, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};

/// What happened to one listing in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Where.
    pub listing: ListingId,
    /// The level before.
    pub from: i64,
    /// The level written.
    pub to: i64,
    /// What became of it.
    pub outcome: domain::push::Ended,
    /// What the store said, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the store answered, counted from the first cause ([`History::since`]), milliseconds; absent in older lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<i64>,
    /// Since when the store could not be written, with the first write that worked again. What failed in between is not told
    /// each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<Timestamp>,
}

/// What was counted or noted at one listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Where.
    pub listing: ListingId,
    /// What counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Counted>,
    /// What a person may want to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// One line of a SKU's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The SKU.
    pub sku: Sku,
    /// When the run ended.
    pub at: Timestamp,
    /// When its first cause reached us.
    pub since: Timestamp,
    /// What made us look: `webhook`, `reconcile`, `sync`, `sweep`, `adopt`, `stock` …
    pub cause: String,
    /// Who, when a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Why, when a person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Hub level before and after.
    pub level: (i64, i64),
    /// What was counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
    /// What was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pushed: Vec<Pushed>,
    /// The store's id of the event that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The warehouse whose stock was edited in Evenstock, if it is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<WarehouseId>,
    /// Whose edits it takes back, if it undoes some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<TakenBack>,
    /// What the log lines of the webhook and of the run are found by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl History {
    /// A line of what a person did: who, what and why, and the hub level before and after.
    #[must_use]
    pub fn by_person(sku: &Sku, at: Timestamp, cause: &str, (actor, reason): (&str, &str), level: (i64, i64)) -> Self {
        Self {
            sku: sku.clone(),
            at,
            since: at,
            cause: cause.to_owned(),
            actor: Some(actor.to_owned()),
            reason: Some(reason.to_owned()),
            level,
            seen: Vec::new(),
            pushed: Vec::new(),
            event: None,
            run: None,
            warehouse: None,
            back: None,
            trace: None,
        }
    }

    /// As a row; `run` keeps two entries of one millisecond apart.
    #[must_use]
    pub fn row(&self, run: u64) -> Row {
        let sort = format!("{:015}#{run:016x}", self.at.0);
        let index = IndexKey { partition: history_day(self.at), sort: sort.clone() };
        Row {
            expires: Some(self.at.plus_ms(HISTORY_KEPT_MS)),
            index: Some(index),
            ..row(key(sku_partition(&self.sku), format!("HISTORY#{sort}")), 1, text(self))
        }
    }
}

/// The index partition of a day's history.
#[must_use]
pub fn history_day(at: Timestamp) -> String {
    format!("HISTORY#{}", at.0.div_euclid(DAY_MS))
}
