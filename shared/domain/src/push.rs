//! The outcomes of pushes: recorded after the calls, or found out later for a push whose worker vanished.

use crate::ledger::{Claim, Entry, Trouble};
use crate::planted::{self, Mistake};
use crate::{Class, Timestamp};
use serde::{Deserialize, Serialize};

/// What became of a push, as far as the ledger is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The store has the value.
    Applied,
    /// The store took it and will carry it out later.
    Accepted,
    /// The store's level was another; nothing was written. Look again.
    Stale,
    /// It was certainly never carried out.
    NotSent,
    /// Nobody can say.
    Unknown,
}

/// Records the outcome of the push that `claim` announced. `false` when the entry no longer carries that claim.
///
/// A call that is not the first under its claim can never end as [`Ended::NotSent`]: a refusal says nothing about the
/// earlier call.
pub fn record(entry: &mut Entry, claim: &Claim, ended: Ended, now: Timestamp) -> bool {
    let Some(ours) = entry.claim.as_ref().filter(|ours| ours.sequence == claim.sequence).cloned() else {
        return false;
    };
    entry.sequence += 1;
    let sure = ours.tries == 0;
    entry.unsent = match ended {
        Ended::NotSent => Some(entry.unsent.unwrap_or(now)),
        Ended::Unknown => entry.unsent,
        Ended::Applied | Ended::Accepted | Ended::Stale => None,
    };
    match ended {
        Ended::Unknown if planted::is(Mistake::SilenceIsYes) => applied(entry, &ours, now),
        Ended::Unknown if planted::is(Mistake::SilenceIsNo) => entry.drop_claim(),
        Ended::Applied => applied(entry, &ours, now),
        Ended::Stale => entry.drop_claim(),
        Ended::NotSent if sure || planted::is(Mistake::RefusalIsProof) => entry.drop_claim(),
        Ended::NotSent | Ended::Unknown => {}
        Ended::Accepted if planted::is(Mistake::AcceptedIsDone) => applied(entry, &ours, now),
        Ended::Accepted => accept(entry, now),
    }
    true
}

/// Of a store that carries out writes later, nothing was heard of the push that `claim` announced: it may have been accepted,
/// and is looked for like one that was. `false` when the entry no longer carries that claim.
pub fn may_be_accepted(entry: &mut Entry, claim: &Claim, now: Timestamp) -> bool {
    let Some(ours) = entry.claim.as_mut().filter(|ours| ours.sequence == claim.sequence) else { return false };
    ours.tries = ours.tries.saturating_add(1);
    entry.sequence += 1;
    accept(entry, now);
    true
}

/// What is counted from now on, the write may yet erase.
const fn accept(entry: &mut Entry, now: Timestamp) {
    if let Some(claim) = &mut entry.claim {
        (claim.accepted, claim.since) = (true, now);
    }
    if let Some(square) = &mut entry.square {
        square.open = true;
    }
}

/// Records that the store refuses the push for a reason that only a person can mend: it is not tried again until somebody asks
/// for it; with `this_only`, until it shall have another number. `false` when the entry no longer carries that claim.
pub fn refuse(entry: &mut Entry, claim: &Claim, why: &str, this_only: bool, now: Timestamp) -> bool {
    let recorded = record(entry, claim, Ended::NotSent, now);
    if recorded {
        // it was answered
        entry.unsent = None;
    }
    if recorded && entry.claim.is_none() {
        let why = why.chars().take(WHY_MAX).collect();
        let target = this_only.then_some(claim.target);
        entry.trouble = Some(Trouble { why, since: now, holds: true, target });
    }
    recorded
}

/// So much of what a store said is kept in the ledger: it is read and written with every change.
const WHY_MAX: usize = 120;

fn applied(entry: &mut Entry, claim: &Claim, now: Timestamp) {
    (entry.claim, entry.trouble) = (None, None);
    if let Some(square) = &mut entry.square {
        // an unsettled difference rode along, or the write was clamped at zero: either way it keeps its size
        let riding = entry.shadow.unwrap_or(claim.from).saturating_sub(square.with);
        (square.with, square.open, square.stable) = (claim.to.saturating_sub(riding), true, now);
    }
    entry.shadow = Some(claim.to);
}

impl Entry {
    /// Drops a claim that certainly did nothing, and with it its trace.
    pub(crate) fn drop_claim(&mut self) {
        let Some(claim) = self.claim.take() else { return };
        if let Some(square) = &mut self.square
            && let Some(place) = square.writes.iter().rposition(|write| write.value == claim.to)
        {
            square.writes.remove(place);
        }
    }
}

/// Drops a claim whose call was certainly never made: the row that is stored before a call was never written. `false` when the
/// entry carries another.
pub fn never_called(entry: &mut Entry, claim: &Claim) -> bool {
    if entry.claim.as_ref().is_none_or(|ours| ours.sequence != claim.sequence) {
        return false;
    }
    entry.sequence += 1;
    entry.drop_claim();
    true
}

/// How an abandoned push is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inquiry {
    /// Ask again with the same key: the store carries it out at most once.
    SameKey,
    /// Read the level.
    Level,
}

/// How to find out about an abandoned push on a channel of this class.
#[must_use]
pub const fn inquiry(class: Class) -> Inquiry {
    match class {
        Class::A => Inquiry::SameKey,
        Class::C | Class::D => Inquiry::Level,
    }
}

/// Takes over an abandoned claim; `false` while its lease still runs. Commit before asking.
pub fn take_over(entry: &mut Entry, now: Timestamp, lease_ms: i64) -> bool {
    let Some(claim) = entry.claim.as_mut().filter(|claim| claim.is_over(now)) else {
        return false;
    };
    claim.lease = now.plus_ms(lease_ms);
    claim.tries += 1;
    entry.sequence += 1;
    true
}

/// Resolves a claim that was taken over by the level that was read afterwards.
///
/// With a feed both outcomes stay possible until a settled observation fits one. Without one the level decides, and where
/// it fits neither, the outcome that leaves fewer units in the hub is taken: showing too little loses a sale at worst,
/// showing too much sells what is not there.
pub fn resolve_by_level(entry: &mut Entry, level: i64, now: Timestamp) {
    let Some(claim) = entry.claim.take() else { return };
    (entry.unsent, entry.sequence) = (None, entry.sequence + 1);
    if let Some(square) = &mut entry.square {
        let riding = entry.shadow.unwrap_or(claim.from).saturating_sub(square.with);
        square.guesses = Some((square.with, claim.to.saturating_sub(riding)));
        (square.open, square.stable) = (true, now);
        return;
    }
    let took_effect = level == claim.to || (level != claim.from && claim.to > claim.from);
    entry.shadow = Some(if took_effect { claim.to } else { claim.from });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Square;
    use crate::{Position, WarehouseId};

    fn claimed(tries: u32, square: Option<Square>) -> (Entry, Claim) {
        let mut entry = Entry::new(WarehouseId::main());
        let claim = Claim {
            from: 10,
            to: 8,
            target: 8,
            sequence: 3,
            lease: Timestamp(75_000),
            tries,
            accepted: false,
            since: Timestamp(0),
            counted: 0,
            call: None,
        };
        (entry.shadow, entry.claim, entry.square) = (Some(10), Some(claim.clone()), square);
        (entry, claim)
    }

    #[test]
    fn only_a_first_call_can_be_known_never_to_have_been_sent() {
        let (mut first, claim) = claimed(0, None);
        record(&mut first, &claim, Ended::NotSent, Timestamp(0));
        assert_eq!(first.claim, None);
        let (mut again, claim) = claimed(1, None);
        record(&mut again, &claim, Ended::NotSent, Timestamp(0));
        assert!(again.claim.is_some(), "a 429 on a retry says nothing about the first try");
    }

    #[test]
    fn a_push_moves_the_shadow_and_keeps_what_rode_along() {
        let (mut entry, mut claim) = claimed(0, Some(Square::new(10, Position(0), Timestamp(0))));
        entry.shadow = Some(15);
        (claim.from, claim.to) = (15, 13);
        entry.claim = Some(claim.clone());
        assert!(record(&mut entry, &claim, Ended::Applied, Timestamp(9)));
        let square = entry.square.expect("it has a feed");
        assert_eq!((entry.shadow, square.with, square.open), (Some(13), 8, true));
    }

    #[test]
    fn an_outage_lasts_from_the_first_write_that_was_not_sent_to_the_first_that_is_answered() {
        let (mut entry, claim) = claimed(0, None);
        for at in [1_000, 2_000] {
            entry.claim = Some(claim.clone());
            record(&mut entry, &claim, Ended::NotSent, Timestamp(at));
            assert_eq!(entry.unsent, Some(Timestamp(1_000)));
        }
        entry.claim = Some(claim.clone());
        record(&mut entry, &claim, Ended::Applied, Timestamp(3_000));
        assert_eq!(entry.unsent, None);
        // what the store refuses for a reason of its own was sent
        entry.claim = Some(claim.clone());
        assert!(refuse(&mut entry, &claim, "no such SKU", true, Timestamp(4_000)));
        assert_eq!(entry.unsent, None);
    }

    #[test]
    fn an_outcome_of_another_claim_changes_nothing() {
        let (mut entry, mut claim) = claimed(0, None);
        claim.sequence = 99;
        let before = entry.clone();
        assert!(!record(&mut entry, &claim, Ended::Applied, Timestamp(0)));
        assert_eq!(entry, before);
    }

    #[test]
    fn a_vanished_push_is_decided_by_the_level_or_kept_as_two_guesses() {
        for (level, shadow) in [(8, 8), (10, 10), (5, 10)] {
            let (mut entry, _) = claimed(1, None);
            resolve_by_level(&mut entry, level, Timestamp(0));
            assert_eq!(entry.shadow, Some(shadow));
        }
        let (mut entry, _) = claimed(1, Some(Square::new(10, Position(0), Timestamp(0))));
        resolve_by_level(&mut entry, 8, Timestamp(0));
        assert_eq!(entry.square.expect("it has a feed").guesses, Some((10, 8)));
    }

    #[test]
    fn a_lease_is_respected() {
        let (mut entry, _) = claimed(0, None);
        assert!(!take_over(&mut entry, Timestamp(75_000), 75_000));
        assert!(take_over(&mut entry, Timestamp(75_001), 75_000));
        assert_eq!(entry.claim.expect("kept").tries, 1);
    }
}
