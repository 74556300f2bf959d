//! Faults on purpose: answers that fail, answers that never come, events that go astray.

pub use crate::fake::{Failure, When};

use crate::fake::{self, Counted, spend};
use serde::{Deserialize, Serialize};

/// A fault of a seller's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    pub failure: Failure,
    /// Whether the request is carried out first.
    #[serde(default)]
    pub when: When,
    /// The operation that it hits; every one without.
    #[serde(default)]
    pub operation: Option<String>,
    /// How many requests are still hit; all when none.
    #[serde(default)]
    pub left: Option<u32>,
}

impl Fault {
    /// A fault of so many requests of one operation.
    #[must_use]
    pub fn of(operation: &str, count: u32, failure: Failure, when: When) -> Self {
        Self { failure, when, operation: Some(operation.to_owned()), left: Some(count) }
    }
}

impl Counted for Fault {
    fn left(&mut self) -> &mut Option<u32> {
        &mut self.left
    }
}

/// Takes the first fault that hits an operation, and counts it.
pub(super) fn strike(faults: &mut Vec<Fault>, operation: &str) -> Option<Fault> {
    fake::strike(faults, |fault| fault.operation.as_deref().is_none_or(|only| only == operation))
}

/// Faults of a seller's events, for the next so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFaults {
    /// The next so many are never sent.
    pub drop: u32,
    /// The next so many are sent twice.
    pub duplicate: u32,
    /// The next so many come in the opposite order, a second apart.
    pub reorder: u32,
    /// The next so many are late by `delay_ms`.
    pub delay: u32,
    /// How late a late one is, milliseconds.
    pub delay_ms: i64,
}

impl EventFaults {
    /// After how many milliseconds each copy of the next event leaves; none when it is lost.
    pub(super) fn copies(&mut self) -> Vec<i64> {
        if spend(&mut self.drop) {
            return Vec::new();
        }
        let mut wait = if spend(&mut self.delay) { self.delay_ms } else { 0 };
        wait += i64::from(self.reorder) * 1000;
        spend(&mut self.reorder);
        if spend(&mut self.duplicate) { vec![wait, wait] } else { vec![wait] }
    }
}
