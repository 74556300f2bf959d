//! Faults on purpose: answers that fail, answers that never come, webhooks that go astray.

use super::{FakeShopWired, Refused};
pub use crate::fake::{Failure, When, Which};

use crate::fake::{self, Counted, spend};
use serde::{Deserialize, Serialize};

/// A fault of an account's API.
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
    /// How many requests are still hit; all when none.
    #[serde(default)]
    pub left: Option<u32>,
}

impl Counted for Fault {
    fn left(&mut self) -> &mut Option<u32> {
        &mut self.left
    }
}

/// Takes the first fault that hits a request, and counts it.
pub(super) fn strike(faults: &mut Vec<Fault>, reads: bool) -> Option<Fault> {
    fake::strike(faults, |fault| fault.which.hits(reads))
}

/// Faults of an account's webhooks: the next so many events, then by chance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookFaults {
    /// The next so many are never sent.
    pub drop: u32,
    /// The next so many are sent twice.
    pub duplicate: u32,
    /// The next so many are late by `delay_ms`.
    pub delay: u32,
    /// The next so many come in the opposite order, a second apart.
    pub reorder: u32,
    /// How late a late one is, milliseconds.
    pub delay_ms: i64,
    /// Of a hundred, so many are never sent.
    pub drop_percent: u64,
    /// Of a hundred, so many are sent twice.
    pub duplicate_percent: u64,
    /// Of a hundred, so many are late by up to `delay_ms`, and so out of order.
    pub delay_percent: u64,
}

impl WebhookFaults {
    /// After how many milliseconds each copy of the next webhook leaves; none when it is lost. `chance` gives a number
    /// below its argument.
    pub(super) fn copies(&mut self, mut chance: impl FnMut(u64) -> u64) -> Vec<i64> {
        if spend(&mut self.drop) || chance(100) < self.drop_percent {
            return Vec::new();
        }
        let mut wait = 0;
        if spend(&mut self.delay) {
            wait += self.delay_ms;
        } else if chance(100) < self.delay_percent {
            wait += i64::try_from(chance(u64::try_from(self.delay_ms).unwrap_or_default())).unwrap_or_default();
        }
        wait += i64::from(self.reorder) * 1000;
        spend(&mut self.reorder);
        let twice = spend(&mut self.duplicate) || chance(100) < self.duplicate_percent;
        if twice { vec![wait, wait] } else { vec![wait] }
    }
}

impl FakeShopWired {
    /// Makes an account's API fail, as described; after the faults that it has already.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn fail(&mut self, business: u64, fault: Fault) -> Result<(), Refused> {
        self.account(business)?.faults.push(fault);
        Ok(())
    }

    /// Makes the next `count` requests fail, before or after they took effect.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn fail_next(&mut self, business: u64, count: u32, failure: Failure, when: When) -> Result<(), Refused> {
        self.fail(business, Fault { failure, when, which: Which::All, left: Some(count) })
    }

    /// Takes an account's API down, in place of whatever else is wrong with it, until [`FakeShopWired::heal`].
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn set_down(&mut self, business: u64, failure: Failure) -> Result<(), Refused> {
        self.heal(business)?;
        self.fail(business, Fault { failure, when: When::Before, which: Which::All, left: None })
    }

    /// Ends all faults of an account's API.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn heal(&mut self, business: u64) -> Result<(), Refused> {
        self.account(business)?.faults.clear();
        Ok(())
    }

    /// Makes an account's webhooks go astray.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn webhook_faults(&mut self, business: u64, faults: WebhookFaults) -> Result<(), Refused> {
        self.account(business)?.webhook_faults = faults;
        Ok(())
    }
}
