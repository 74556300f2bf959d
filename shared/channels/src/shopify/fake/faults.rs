//! Faults on purpose: answers that fail, answers that never come, webhooks that go astray.

use super::{FakeShopify, Refused};
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
    /// A GraphQL error without a known code: an internal error of the platform.
    Internal,
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

/// Which requests it hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Every request.
    #[default]
    All,
    /// Queries, tokens and files.
    Reads,
    /// Mutations.
    Writes,
}

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

/// Takes the first fault that hits a request, and counts it.
pub(super) fn strike(faults: &mut Vec<Fault>, reads: bool) -> Option<Fault> {
    let hits = |fault: &Fault| match fault.which {
        Which::All => true,
        Which::Reads => reads,
        Which::Writes => !reads,
    };
    let place = faults.iter().position(|fault| hits(fault) && fault.skip == 0);
    faults.iter_mut().filter(|fault| hits(fault)).for_each(|fault| fault.skip = fault.skip.saturating_sub(1));
    let place = place?;
    let fault = faults.get_mut(place)?;
    let hit = *fault;
    fault.left = fault.left.map(|left| left.saturating_sub(1));
    if fault.left == Some(0) {
        faults.remove(place);
    }
    Some(hit)
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

fn spend(count: &mut u32) -> bool {
    let any = *count > 0;
    *count = count.saturating_sub(1);
    any
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
