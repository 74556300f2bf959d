//! Writes that a store accepts and carries out later: when their level is looked at, and what it tells.
//!
//! An accepted write keeps its claim until a level shows it. Sales go on being counted meanwhile, and each may be one that the
//! write will erase: they are suspects of the settling rule. At most one write of a listing is on its way, since nobody
//! promises that a store carries out two in their order.

use crate::ledger::{Claim, Entry, Trouble};
use crate::settle::{self, Note, Observed, Policy, Seen};
use crate::{Inbound, Timestamp};

/// A write that was accepted and is not live after so long has drifted, milliseconds: one hour.
const GIVE_UP_MS: i64 = 3_600_000;
/// A write of which nobody knows whether it was accepted is given up after so many times the first wait.
const UNSURE: i64 = 4;
/// The first look at a row of a gathered call is later by this factor.
const GATHERED: i64 = 8;
/// A level that fits neither is believed after so many times the first wait: orders that explain it may be listed late.
const PATIENT: i64 = 4;
/// The first look is sooner by this factor when another target waits for the write.
const HURRY: i64 = 8;

/// When an accepted write is looked at next, after `now`: first when a read may confirm it, then each time after twice as long.
/// The times depend on the claim alone, so that whoever finds it waits for the same one.
#[must_use]
pub fn next_look(claim: &Claim, now: Timestamp, verify_ms: i64, hurried: bool) -> Timestamp {
    let (end, first) = (give_up(claim, verify_ms), first_wait(claim, verify_ms));
    let mut wait = (if hurried { first / HURRY } else { first }).max(1);
    while claim.since.plus_ms(wait) <= now {
        wait = wait.saturating_mul(2);
    }
    let next = claim.since.plus_ms(wait);
    if now < end { next.min(end) } else { next }
}

/// A row of a gathered call waits for the others first, and such calls are carried out one after another.
const fn first_wait(claim: &Claim, verify_ms: i64) -> i64 {
    if claim.call.is_some() { verify_ms.saturating_mul(GATHERED) } else { verify_ms }
}

/// When a write that is not live by then has drifted.
fn give_up(claim: &Claim, verify_ms: i64) -> Timestamp {
    let wait = match (claim.tries, claim.call) {
        (0, None) => GIVE_UP_MS,
        (0, Some(_)) => 2 * GIVE_UP_MS,
        (_, _) => verify_ms.saturating_mul(UNSURE).min(GIVE_UP_MS),
    };
    claim.since.plus_ms(wait)
}

/// Whether nobody looks at an accepted write any more, although somebody should have given it up by now.
#[must_use]
pub fn is_overdue(claim: &Claim, now: Timestamp) -> bool {
    claim.accepted && claim.since.plus_ms(2 * GIVE_UP_MS) < now
}

/// What a level tells of an accepted write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It was carried out.
    Live,
    /// Not yet, or nobody can tell.
    Waiting,
    /// It was not, and is not believed to be any more.
    Never,
    /// Its time is over, and the level fits neither.
    Riddle,
}

/// Takes an observation of a listing whose write was accepted. What was sold is counted whatever the level tells.
pub(crate) fn observe(entry: &mut Entry, seen: Seen<'_>, policy: Policy) -> Observed {
    let mut observed = settle::count_lines(entry, seen, policy);
    let Some(claim) = entry.claim.clone() else { return observed };
    let expected = claim.to.saturating_add(claim.counted);
    match judge(entry, &claim, seen, policy) {
        Verdict::Waiting => return observed,
        Verdict::Live => {
            end(entry, &claim, true);
            observed.notes.push(Note::Verified(seen.level));
        }
        Verdict::Never => {
            entry.drop_claim();
            observed.notes.push(given_up(&claim, seen.level - expected));
        }
        Verdict::Riddle => {
            let failed = entry.square.as_ref().map(|square| square.with);
            end(entry, &claim, entry.square.is_some() || took_effect(&claim, seen.level));
            if let (Some(square), Some(failed)) = (&mut entry.square, failed) {
                square.guesses = Some((failed, square.with));
                square.with = failed;
            }
            observed.notes.push(given_up(&claim, seen.level - expected));
        }
    }
    if observed.notes.iter().any(|note| matches!(note, Note::Drifted(_))) {
        let why = "the store accepted a write and has not carried it out".into();
        entry.trouble = Some(Trouble { why, since: seen.now, holds: false, target: None });
    }
    entry.shadow = Some(seen.level);
    if let Some(square) = &mut entry.square {
        square.stable = seen.now;
        if square.is_unsettled(seen.level) {
            observed.again = Some(seen.now.plus_ms(policy.settle_ms));
        }
    }
    observed
}

const fn given_up(claim: &Claim, by: i64) -> Note {
    if claim.tries == 0 { Note::Drifted(by) } else { Note::PushResolved(false) }
}

/// Where nothing but the level tells: what leaves fewer units in the hub.
const fn took_effect(claim: &Claim, level: i64) -> bool {
    level != claim.from && claim.to > claim.from
}

fn judge(entry: &Entry, claim: &Claim, seen: Seen<'_>, policy: Policy) -> Verdict {
    if claim.tries > 0 && seen.now < claim.lease {
        // its answer was lost: it may still arrive, and until it has, a level that fits may be somebody else's doing
        return Verdict::Waiting;
    }
    let (failed, live) = (claim.from.saturating_add(claim.counted), claim.to.saturating_add(claim.counted));
    let suspects = entry.square.as_ref().map(|square| square.suspects.as_slice()).unwrap_or_default();
    let first = policy.verify_ms.unwrap_or_default();
    let over = seen.now >= give_up(claim, first);
    let first = first_wait(claim, first);
    if has_stood(claim, seen.level) && !over {
        let patient = seen.now >= claim.since.plus_ms(first.saturating_mul(PATIENT));
        return if patient { Verdict::Live } else { Verdict::Waiting };
    }
    if seen.level == live || seen.level != failed && settle::is_erased(suspects, seen.level - live) {
        return Verdict::Live;
    }
    if seen.level == failed {
        return if over { Verdict::Never } else { Verdict::Waiting };
    }
    // something else moved it as well. Where no difference counts, the settling rule may have it: the store can also have
    // taken units off that it keeps for orders, and other targets wait
    let patient = policy.inbound != Inbound::All && seen.now >= claim.since.plus_ms(first.saturating_mul(PATIENT));
    match (patient && entry.square.is_some(), over) {
        (true, _) => Verdict::Live,
        (false, true) => Verdict::Riddle,
        (false, false) => Verdict::Waiting,
    }
}

/// Whether the level is what it was when we claimed, and something was counted since: whatever sum of orders would fit, it may
/// have shown them already, or not yet, or never, and then nothing has moved it.
const fn has_stood(claim: &Claim, level: i64) -> bool {
    level == claim.from && claim.counted != 0
}

/// Ends the claim; as carried out, or not. What rode along keeps its size, and so does what was counted since.
fn end(entry: &mut Entry, claim: &Claim, live: bool) {
    entry.claim = None;
    if live {
        entry.trouble = None;
    }
    let Some(square) = &mut entry.square else {
        entry.shadow = Some(if live { claim.to } else { claim.from });
        return;
    };
    let riding = claim.from.saturating_add(claim.counted).saturating_sub(square.with);
    let with = claim.to.saturating_sub(riding).saturating_add(claim.counted);
    (square.with, square.open) = (with, true);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{Cause, Counted};
    use crate::ledger::Square;
    use crate::{Class, Drift, LineId, OrderId, Position, WarehouseId};

    const MINUTE: i64 = 60_000;
    const POLICY: Policy = Policy {
        class: Class::C,
        inbound: Inbound::Sales,
        drift: Drift::Overwrite,
        settle_ms: 600_000,
        restock: crate::Restock::Always,
        verify_ms: Some(2 * MINUTE),
        each: 1,
    };

    /// 10 on sale, 8 accepted at the beginning.
    fn accepted(tries: u32) -> Entry {
        let claim = Claim {
            from: 10,
            to: 8,
            target: 8,
            sequence: 1,
            lease: Timestamp(75_000),
            tries,
            accepted: true,
            since: Timestamp(1),
            counted: 0,
            call: None,
        };
        let mut square = Square::new(10, Position(0), Timestamp(0));
        square.open = true;
        Entry { shadow: Some(10), claim: Some(claim), square: Some(square), ..Entry::new(WarehouseId::main()) }
    }

    fn sale(by: i64) -> Counted {
        let (order, line) = (OrderId::new("1").expect("valid"), LineId::new("1").expect("valid"));
        Counted { by, cause: Cause::Sale(order, line) }
    }

    fn look(entry: &mut Entry, level: i64, counted: &[Counted], minute: i64) -> Observed {
        let seen = Seen { level, counted, quiet: true, exact: false, now: Timestamp(1 + minute * MINUTE) };
        settle::observe(entry, seen, POLICY)
    }

    fn with(entry: &Entry) -> i64 {
        entry.square.as_ref().expect("it has orders").with
    }

    #[test]
    fn it_is_verified_by_the_level_it_wrote() {
        let mut entry = accepted(0);
        assert_eq!(look(&mut entry, 10, &[], 2).notes, []);
        assert!(entry.claim.is_some());
        assert_eq!(look(&mut entry, 8, &[], 4).notes, [Note::Verified(8)]);
        assert_eq!((entry.claim.clone(), entry.shadow, with(&entry)), (None, Some(8), 8));
    }

    #[test]
    fn a_sale_counts_meanwhile_and_may_have_been_erased() {
        let mut entry = accepted(0);
        look(&mut entry, 9, &[sale(-1)], 1);
        assert_eq!((entry.counted, with(&entry)), (-1, 9), "it was not live, and one was sold");
        let observed = look(&mut entry, 8, &[], 3);
        assert_eq!(observed.notes, [Note::Verified(8)], "it went live over the sale");
        assert_eq!((with(&entry), entry.counted), (7, -1));
        let settled = look(&mut entry, 8, &[], 14);
        assert_eq!(settled.notes, [Note::Repaired(-1)]);
    }

    #[test]
    fn a_sale_after_it_went_live_is_no_riddle() {
        let mut entry = accepted(0);
        assert_eq!(look(&mut entry, 7, &[sale(-1)], 2).notes, [Note::Verified(7)]);
        assert_eq!((entry.shadow, with(&entry)), (Some(7), 7));
    }

    #[test]
    fn an_order_that_the_level_showed_already_confirms_nothing() {
        let mut entry = accepted(0);
        let claim = entry.claim.as_mut().expect("accepted");
        (claim.from, claim.to, claim.target, entry.shadow) = (9, 10, 11, Some(9));
        // one was sold before that, and its order is listed only now
        look(&mut entry, 9, &[sale(-1)], 1);
        assert!(entry.claim.is_some(), "9 is the level from before, not 10 less one");
        assert_eq!(look(&mut entry, 10, &[], 3).notes, [Note::Verified(10)]);
        assert_eq!((with(&entry), entry.shadow), (10, Some(10)));
    }

    #[test]
    fn an_order_called_off_confirms_nothing_where_the_level_has_not_moved() {
        let mut entry = accepted(0);
        let claim = entry.claim.as_mut().expect("accepted");
        (claim.from, claim.to, claim.target, entry.shadow) = (193, 190, 190, Some(193));
        // a former write had erased its trace: nothing goes up when it is called off
        look(&mut entry, 193, &[sale(3)], 1);
        assert!(entry.claim.is_some(), "193 is the level from before, not 190 and three");
        look(&mut entry, 193, &[], 2);
        assert!(entry.claim.is_some());
        assert_eq!(look(&mut entry, 193, &[], 8).notes, [Note::Verified(193)], "it has had its time");
    }

    #[test]
    fn a_level_that_has_not_moved_is_no_trace_of_the_write_whatever_orders_would_fit() {
        let mut entry = accepted(0);
        let claim = entry.claim.as_mut().expect("accepted");
        (claim.from, claim.to, claim.target, entry.shadow) = (236, 235, 235, Some(236));
        entry.square = Some(Square { with: 236, suspects: vec![-2], ..entry.square.take().expect("it has orders") });
        // three were sold before the write to 236, which erased them; their orders are listed only now
        look(&mut entry, 236, &[sale(-2), sale(-1)], 1);
        assert!(entry.claim.is_some(), "235 may still be on its way");
        assert_eq!(look(&mut entry, 235, &[], 4).notes, [], "three units are to be explained");
        assert_eq!(look(&mut entry, 235, &[], 8).notes, [Note::Verified(235)]);
        assert_eq!((with(&entry), entry.counted), (232, -3), "the write has erased their trace, and they count");
    }

    #[test]
    fn a_level_confirms_no_write_that_may_still_arrive() {
        let mut entry = accepted(1);
        assert_eq!(look(&mut entry, 8, &[], 1).notes, [], "two sales that are not listed yet look the same");
        assert!(entry.claim.is_some());
        assert_eq!(look(&mut entry, 8, &[], 2).notes, [Note::Verified(8)]);
    }

    #[test]
    fn one_that_is_never_carried_out_drifts_after_an_hour() {
        let mut entry = accepted(0);
        assert_eq!(look(&mut entry, 10, &[], 59).notes, []);
        assert_eq!(look(&mut entry, 10, &[], 60).notes, [Note::Drifted(2)]);
        assert_eq!((entry.claim.clone(), entry.shadow, with(&entry)), (None, Some(10), 10));
        let mut unsure = accepted(1);
        assert_eq!(look(&mut unsure, 10, &[], 8).notes, [Note::PushResolved(false)]);
    }

    #[test]
    fn a_level_that_fits_nothing_is_left_to_the_settling_rule() {
        let mut entry = accepted(0);
        assert_eq!(look(&mut entry, 5, &[], 2).notes, []);
        assert_eq!(look(&mut entry, 5, &[], 4).notes, []);
        assert_eq!(look(&mut entry, 5, &[], 8).notes, [Note::Verified(5)]);
        assert_eq!((entry.shadow, with(&entry)), (Some(5), 8), "three units are to be explained");
    }

    #[test]
    fn looks_come_ever_later_and_sooner_when_somebody_waits() {
        let entry = accepted(0);
        let claim = entry.claim.expect("accepted");
        let mut now = Timestamp(1);
        let mut minutes = Vec::new();
        while minutes.len() < 6 {
            now = next_look(&claim, now, 2 * MINUTE, false);
            minutes.push((now.0 - 1) / MINUTE);
        }
        assert_eq!(minutes, [2, 4, 8, 16, 32, 60]);
        assert_eq!(next_look(&claim, Timestamp(1), 2 * MINUTE, true), Timestamp(15_001));
    }
}
