//! Faults on purpose: answers that fail, answers that never come, events that go astray.

use serde::{Deserialize, Serialize};

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// This status.
    Status(u16),
    /// No answer: the host drops the connection or lets the caller time out.
    NoAnswer,
    /// A success with a page of HTML, as a maintenance proxy gives it.
    Page,
}

/// When the request is carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Not at all.
    #[default]
    Before,
    /// The failure comes after the request took effect.
    After,
}

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

/// Takes the first fault that hits an operation, and counts it.
pub(super) fn strike(faults: &mut Vec<Fault>, operation: &str) -> Option<Fault> {
    let hits = |fault: &Fault| fault.operation.as_deref().is_none_or(|only| only == operation);
    let place = faults.iter().position(hits)?;
    let fault = faults.get_mut(place)?;
    let hit = fault.clone();
    fault.left = fault.left.map(|left| left.saturating_sub(1));
    if fault.left == Some(0) {
        faults.remove(place);
    }
    Some(hit)
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

fn spend(count: &mut u32) -> bool {
    let any = *count > 0;
    *count = count.saturating_sub(1);
    any
}
