//! The comparison of a store's levels with the ledger. It nominates; a point read decides.

use crate::ledger::Entry;
use crate::verify;
use serde::{Deserialize, Serialize};

/// Why a listing is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nomination {
    /// The store shows another level than the one that we know.
    Differs,
    /// The level was never known.
    Unseen,
    /// A push has been on its way for longer than its lease.
    Abandoned,
    /// It should be written, and whoever should have done it has lost the thread.
    Due,
}

/// A listing whose write the store refuses is tried again once a day, milliseconds: somebody may have mended it there.
const TRIED_AGAIN_MS: i64 = 20 * 3_600_000;

/// Whether a listing needs a look, given the level that a bulk read has shown (`None`: not shown), and whether the plan
/// would write it.
///
/// A listing that the store does not show is not nominated: unknown is not zero. It is counted as missing by the guard.
#[must_use]
pub fn nominate(entry: &Entry, seen: Option<i64>, due: bool, now: crate::Timestamp) -> Option<Nomination> {
    if entry.claim.as_ref().is_some_and(|claim| claim.is_over(now) || verify::is_overdue(claim, now)) {
        return Some(Nomination::Abandoned);
    }
    if entry.trouble.as_ref().is_some_and(|trouble| trouble.holds && now.since_ms(trouble.since) > TRIED_AGAIN_MS) {
        return Some(Nomination::Due);
    }
    match (entry.shadow, seen) {
        (_, None) => None,
        (None, Some(_)) => Some(Nomination::Unseen),
        (Some(shadow), Some(level)) if shadow != level => Some(Nomination::Differs),
        (Some(_), Some(_)) => (due || is_undecided(entry)).then_some(Nomination::Due),
    }
}

/// Whether something of it is still to be found out: the outcome of a push, or what a difference is. Whoever should look
/// again may have lost the thread.
fn is_undecided(entry: &Entry) -> bool {
    let shadow = entry.shadow.unwrap_or_default();
    entry.claim.is_none() && entry.square.as_ref().is_some_and(|square| square.is_unsettled(shadow))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timestamp, WarehouseId};

    #[test]
    fn what_differs_is_nominated_and_what_is_missing_is_not() {
        let mut entry = Entry::new(WarehouseId::main());
        assert_eq!(nominate(&entry, Some(3), false, Timestamp(0)), Some(Nomination::Unseen));
        entry.shadow = Some(3);
        assert_eq!(nominate(&entry, Some(3), false, Timestamp(0)), None);
        assert_eq!(nominate(&entry, Some(4), false, Timestamp(0)), Some(Nomination::Differs));
        assert_eq!(nominate(&entry, None, false, Timestamp(0)), None);
        assert_eq!(nominate(&entry, Some(3), true, Timestamp(0)), Some(Nomination::Due));
    }

    #[test]
    fn a_push_whose_outcome_nobody_found_out_is_nominated() {
        let mut square = crate::ledger::Square::new(3, crate::Position(0), Timestamp(0));
        square.guesses = Some((3, 4));
        let mut entry = Entry { shadow: Some(3), square: Some(square), ..Entry::new(WarehouseId::main()) };
        assert_eq!(nominate(&entry, Some(3), false, Timestamp(0)), Some(Nomination::Due));
        entry.square = None;
        assert_eq!(nominate(&entry, Some(3), false, Timestamp(0)), None);
    }

    #[test]
    fn a_difference_that_nobody_has_decided_is_nominated_though_the_store_shows_what_it_did() {
        let square = crate::ledger::Square::new(65, crate::Position(0), Timestamp(0));
        let mut entry = Entry { shadow: Some(0), square: Some(square), ..Entry::new(WarehouseId::main()) };
        assert_eq!(nominate(&entry, Some(0), false, Timestamp(0)), Some(Nomination::Due));
        entry.shadow = Some(65);
        assert_eq!(nominate(&entry, Some(65), false, Timestamp(0)), None);
    }
}
