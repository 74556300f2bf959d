//! Another writer who fights us: seen by what we must put right again and again.
//!
//! What can be seen: on a store whose edits do not count, each time the store shows something that is neither ours nor an
//! order's, we write our number over it. Once is a person. The same listing again and again within an hour is a program;
//! many listings, each more than once, is another hub at work on the whole store.

use crate::planted::{self, Mistake};
use crate::{ListingId, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Corrections of one listing within the window that are still a person's doing.
    pub of_listing: usize,
    /// So many listings, each corrected more than once within the window, are another hub's doing.
    pub listings: usize,
    /// The window, milliseconds: an hour.
    pub window_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { of_listing: 5, listings: 5, window_ms: 3_600_000 }
    }
}

/// One correction: the store showed something that does not count, and we wrote over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// What.
    pub sku: Sku,
    /// Where.
    pub listing: ListingId,
    /// When.
    pub at: Timestamp,
    /// What the store showed.
    pub shown: i64,
    /// What it should have shown.
    pub target: i64,
}

/// What the corrections of an account say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Listings that must not be written until a person has looked.
    pub contested: BTreeSet<(Sku, ListingId)>,
    /// Whether another hub seems to write the whole store.
    pub two_hubs: bool,
}

/// Judges the corrections of one account.
#[must_use]
pub fn judge(corrections: &[Correction], limits: &Limits, now: Timestamp) -> Verdict {
    if planted::is(Mistake::FightIgnored) {
        return Verdict::default();
    }
    let mut times: BTreeMap<(Sku, ListingId), usize> = BTreeMap::new();
    for one in corrections.iter().filter(|one| now.since_ms(one.at) < limits.window_ms) {
        *times.entry((one.sku.clone(), one.listing.clone())).or_default() += 1;
    }
    let again = times.values().filter(|times| **times > 1).count();
    let over = times.into_iter().filter(|(_, times)| *times > limits.of_listing);
    Verdict { contested: over.map(|(listing, _)| listing).collect(), two_hubs: again >= limits.listings.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccountId;

    fn correction(sku: &str, minute: i64) -> Correction {
        Correction {
            sku: Sku::new(sku).expect("valid"),
            listing: ListingId::single(AccountId::new("shop").expect("valid")),
            at: Timestamp(minute * 60_000),
            shown: 9,
            target: 5,
        }
    }

    #[test]
    fn a_person_may_err_and_a_program_is_stopped() {
        let five: Vec<_> = (0..5).map(|minute| correction("A", minute)).collect();
        assert_eq!(judge(&five, &Limits::default(), Timestamp(300_000)), Verdict::default());
        let six: Vec<_> = (0..6).map(|minute| correction("A", minute)).collect();
        let verdict = judge(&six, &Limits::default(), Timestamp(360_000));
        assert_eq!((verdict.contested.len(), verdict.two_hubs), (1, false));
        assert_eq!(judge(&six, &Limits::default(), Timestamp(3_900_000)), Verdict::default(), "an hour later");
    }

    #[test]
    fn one_import_is_a_person_and_the_same_twice_over_is_another_hub() {
        let names: Vec<String> = (0..40).map(|number| format!("SKU-{number}")).collect();
        let once: Vec<_> = names.iter().map(|sku| correction(sku, 0)).collect();
        assert!(!judge(&once, &Limits::default(), Timestamp(0)).two_hubs);
        let again: Vec<_> = once.iter().cloned().chain(names.iter().take(5).map(|sku| correction(sku, 2))).collect();
        assert!(judge(&again, &Limits::default(), Timestamp(200_000)).two_hubs);
    }
}
