//! The rows of a run.

use super::{FAULTS_KEPT, Fault, Run, RunState};
use crate::ports::{IndexKey, Key, Row};
use crate::records::{DAY_MS, HUB, text};
use domain::{Sku, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Index partition of the runs that have not ended.
pub(super) const ACTIVE: &str = "RUNS";
/// How long a run is kept, milliseconds: 90 days, as history.
const KEPT_MS: i64 = 90 * DAY_MS;

/// A run as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub run: Run,
    /// Until then only its driver may act on it.
    pub lease: Timestamp,
    /// Its driver.
    #[serde(default)]
    pub driver: u64,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Value,
    /// Failures in a row that may pass by themselves.
    #[serde(default)]
    pub attempts: u32,
    /// Pages that it was given before it was started.
    #[serde(default)]
    pub given: u64,
}

impl Kept {
    pub(super) const fn new(run: Run) -> Self {
        Self { run, lease: Timestamp(0), driver: 0, cursor: Value::Null, attempts: 0, given: 0 }
    }

    pub(super) fn key(id: &str) -> Key {
        Key { pk: HUB.into(), sk: format!("RUN#{id}") }
    }

    pub(super) fn row(&self, version: u64) -> Row {
        let index = IndexKey { partition: ACTIVE.into(), sort: self.run.id.clone() };
        Row {
            key: Self::key(&self.run.id),
            version,
            body: text(self),
            expires: Some(self.run.created.plus_ms(KEPT_MS)),
            index: is_active(self.run.state).then_some(index),
        }
    }

    /// It has ended.
    pub(super) fn end(&mut self, state: RunState, now: Timestamp) {
        (self.run.state, self.run.ended, self.run.updated) = (state, Some(now), now);
        (self.lease, self.cursor) = (Timestamp(0), Value::Null);
    }

    /// Notes what could not be done.
    pub(super) fn note(&mut self, faults: Vec<Fault>) {
        self.run.faults_total += faults.len() as u64;
        let room = FAULTS_KEPT.saturating_sub(self.run.faults.len());
        self.run.faults.extend(faults.into_iter().take(room));
    }
}

/// Whether somebody shall drive it.
pub(super) const fn is_active(state: RunState) -> bool {
    match state {
        RunState::Waiting | RunState::Running => true,
        RunState::Open | RunState::Done | RunState::Failed | RunState::Cancelled => false,
    }
}

/// The partition of what belongs to a run.
pub(crate) fn partition(id: &str) -> String {
    format!("RUN#{id}")
}

/// What a run did to one SKU. Written with the change itself, so that it is done once however often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDone {
    /// Its place in what the run was given, from 1.
    pub place: u64,
    /// The SKU.
    pub sku: Sku,
    /// Where its stock is.
    #[serde(default = "WarehouseId::main")]
    pub warehouse: WarehouseId,
    /// The hub level before.
    pub before: i64,
    /// The hub level after.
    pub after: i64,
}

impl RunDone {
    /// As a row of its run.
    #[must_use]
    pub fn row(&self, run: &str, now: Timestamp) -> Row {
        Row {
            key: Self::key(run, self.place),
            version: 1,
            body: text(self),
            expires: Some(now.plus_ms(KEPT_MS)),
            index: None,
        }
    }

    /// Where it lives.
    #[must_use]
    pub fn key(run: &str, place: u64) -> Key {
        Key { pk: partition(run), sk: format!("DONE#{place:010}") }
    }
}
