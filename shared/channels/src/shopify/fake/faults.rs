//! Faults on purpose: answers that fail, answers that never come, webhooks that go astray.

use super::{FakeShopify, Refused};
pub use crate::fake::{Failure, When, Which};

use crate::fake::{self, Counted, spend};
use serde::{Deserialize, Serialize};

/// A fault of a store's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    pub failure: Failure,
    /// Whether the request is carried out first.
    #[serde(default)]
    pub when: When,
    /// Which requests.
    #[serde(default)]
    pub which: Which,
    /// How many such requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// How many requests are still hit; all when none.
    #[serde(default)]
    pub left: Option<u32>,
}

impl Counted for Fault {
    fn left(&mut self) -> &mut Option<u32> {
        &mut self.left
    }

    fn skip(&mut self) -> Option<&mut u32> {
        Some(&mut self.skip)
    }
}

/// Takes the first fault that hits a request, and counts it.
pub(super) fn strike(faults: &mut Vec<Fault>, reads: bool) -> Option<Fault> {
    fake::strike(faults, |fault| fault.which.hits(reads))
}

/// Faults of a store's webhooks: the next so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct WebhookFaults {
    /// Are never sent.
    pub drop: u32,
    /// Are sent twice.
    pub duplicate: u32,
    /// Are late by a minute.
    pub delay: u32,
    /// Come in the opposite order, a second apart.
    pub reorder: u32,
}

impl WebhookFaults {
    /// After how many milliseconds each copy of the next webhook leaves; none when it is lost.
    pub(super) fn copies(&mut self) -> Vec<i64> {
        if spend(&mut self.drop) {
            return Vec::new();
        }
        let late = if spend(&mut self.delay) { 60_000 } else { 0 };
        let wait = late + i64::from(self.reorder) * 1000;
        spend(&mut self.reorder);
        if spend(&mut self.duplicate) { vec![wait, wait] } else { vec![wait] }
    }
}

impl FakeShopify {
    /// Makes a store's API fail, as described; after the faults that it has already.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn fail(&mut self, shop: &str, fault: Fault) -> Result<(), Refused> {
        self.shop(shop)?.faults.push(fault);
        Ok(())
    }

    /// Ends all faults of a store's API.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn heal(&mut self, shop: &str) -> Result<(), Refused> {
        self.shop(shop)?.faults.clear();
        Ok(())
    }

    /// Makes a store's webhooks go astray.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn webhook_faults(&mut self, shop: &str, faults: WebhookFaults) -> Result<(), Refused> {
        self.shop(shop)?.webhook_faults = faults;
        Ok(())
    }
}
