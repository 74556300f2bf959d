//! Observations: how a level that was read enters the ledger.
//!
//! Three ways, by class. A difference on a class A or D listing counts at once: nothing else can have caused it. On a class
//! C listing sales come from the feed; a difference that they do not explain is drift, and enters only after it has stood
//! still, because the feed and the level of a store do not change in the same instant.

use crate::feed::{Cause, Counted};
use crate::ledger::{Entry, Square};
use crate::planted::{self, Mistake};
use crate::{Class, Drift, Inbound, Restock, Timestamp, verify};
use serde::{Deserialize, Serialize};

/// The settings that decide what an observation means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The class of the channel.
    pub class: Class,
    /// What counts.
    pub inbound: Inbound,
    /// What happens to what does not count.
    pub drift: Drift,
    /// How long a level must stand still, milliseconds.
    pub settle_ms: i64,
    /// What of what comes back is stocked again.
    pub restock: Restock,
    /// Where writes are carried out later: how long after one a read may confirm it, milliseconds.
    pub verify_ms: Option<i64>,
    /// Units of the hub in one unit that the store counts: the size of its pack.
    pub each: i64,
}

/// Something a person may want to know about an observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// A difference of so many units stood still and was counted as an edit.
    EditCounted(i64),
    /// A difference of so many units is not counted and will be overwritten.
    Overwriting(i64),
    /// A difference of so many units is not counted and stays.
    Tolerated(i64),
    /// Our write had erased a change of so many units in the store; the target is written again.
    Repaired(i64),
    /// A difference of so many units that may be an edit or the trace of our write: the target is written; enter it by
    /// hand if it was an edit.
    Ambiguous(i64),
    /// A difference beside a push of unknown outcome, which fits neither: of so many units if the push arrived, of so many if not.
    /// The target is written; enter it by hand if it was an edit.
    Undecided(i64, i64),
    /// So many units came back to the store and are not stocked again, by the account's policy; the store is set back.
    NotRestocked(i64),
    /// A push of unknown outcome was found to have taken effect, or not.
    PushResolved(bool),
    /// A write that the store had accepted is live: the store shows so many units.
    Verified(i64),
    /// A write that the store had accepted was not carried out in time: the store shows so many units more than it should.
    Drifted(i64),
}

/// What one observation saw.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The level, read after the feed.
    pub level: i64,
    /// What the feed counted since the last observation.
    pub counted: &'a [Counted],
    /// Whether the feed, read again after the level, showed nothing new.
    pub quiet: bool,
    /// Whether the level is that of the feed's newest entry: the two then belong together.
    pub exact: bool,
    /// When.
    pub now: Timestamp,
}

/// What became of an observation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// What was counted, for the history.
    pub counted: Vec<Counted>,
    /// What a person may want to know.
    pub notes: Vec<Note>,
    /// Look again at or after this time: something has not settled.
    pub again: Option<Timestamp>,
    /// Whether the entry changed.
    pub changed: bool,
}

/// Takes an observation of a listing into its entry. The level must have been read after the entry was.
pub fn observe(entry: &mut Entry, seen: Seen<'_>, policy: Policy) -> Observed {
    let before = entry.clone();
    let mut observed = match (&entry.square, entry.shadow) {
        (_, None) => first_sight(entry, seen, policy),
        (_, Some(_)) if entry.accepted().is_some() => verify::observe(entry, seen, policy),
        (Some(_), Some(_)) if !planted::is(Mistake::FeedIgnored) => observe_with_feed(entry, seen, policy),
        (_, Some(shadow)) => observe_level(entry, seen.level, seen.level - shadow, policy),
    };
    observed.changed = *entry != before;
    if observed.changed {
        entry.sequence += 1;
    }
    observed
}

/// Counts lines at a listing whose level was not read: it is moved by what is counted and nothing else, as its store lowers
/// itself. Only for a listing that [`Entry::is_plain`], or whose accepted write has yet to be carried out.
pub fn count(entry: &mut Entry, counted: &[Counted], policy: Policy, now: Timestamp) -> Observed {
    let before = entry.clone();
    let seen = Seen { level: 0, counted, quiet: false, exact: false, now };
    let mut observed = count_lines(entry, seen, policy);
    let by = observed.counted.iter().map(|counted| counted.by).sum::<i64>() / policy.each.max(1);
    let accepted = entry.accepted().is_some();
    if let (Some(shadow), false) = (entry.shadow, accepted) {
        entry.shadow = Some(level_plus(shadow, by));
    }
    let suspicious = !accepted && !observed.counted.is_empty();
    if let Some(square) = entry.square.as_mut().filter(|square| suspicious && !square.suspects.is_empty()) {
        square.stable = now;
        observed.again = Some(now.plus_ms(policy.settle_ms.max(RECHECK_MS)));
    }
    observed.changed = *entry != before;
    if observed.changed {
        entry.sequence += 1;
    }
    observed
}

/// The first level of a listing is where it starts; nothing is counted.
fn first_sight(entry: &mut Entry, seen: Seen<'_>, policy: Policy) -> Observed {
    entry.shadow = Some(seen.level);
    if policy.class == Class::C && entry.square.is_none() {
        entry.square = Some(Square::new(seen.level, crate::Position::default(), seen.now));
    }
    if let Some(square) = &mut entry.square {
        (square.with, square.last, square.stable) = (seen.level, seen.level, seen.now);
    }
    Observed::default()
}

fn observe_level(entry: &mut Entry, level: i64, difference: i64, policy: Policy) -> Observed {
    entry.shadow = Some(level);
    let counts = match policy.inbound {
        Inbound::All => difference,
        Inbound::Sales if policy.drift == Drift::Adopt => difference,
        Inbound::Sales => difference.min(0),
        Inbound::None => 0,
    };
    entry.count(counts.saturating_mul(policy.each));
    let mut observed = Observed::default();
    if counts != 0 {
        observed
            .counted
            .push(Counted { by: counts.saturating_mul(policy.each), cause: Cause::Edit(crate::Position::default()) });
    }
    if difference != counts {
        observed.notes.push(not_counted(entry, difference - counts, policy.drift));
    }
    observed
}

fn not_counted(entry: &mut Entry, by: i64, drift: Drift) -> Note {
    if drift == Drift::Report {
        entry.tolerated = entry.tolerated.saturating_add(by);
        return Note::Tolerated(by);
    }
    Note::Overwriting(by)
}

fn observe_with_feed(entry: &mut Entry, seen: Seen<'_>, policy: Policy) -> Observed {
    let gone = vanished(entry, seen);
    let mut observed = count_lines(entry, seen, policy);
    observed.notes.extend(gone.map(Note::Ambiguous));
    let moved = entry.shadow != Some(seen.level);
    entry.shadow = Some(seen.level);
    let Some(square) = entry.square.as_mut() else {
        return observed;
    };
    if moved || !observed.counted.is_empty() {
        square.stable = seen.now;
    }
    if seen.exact && square.with == seen.level && square.guesses.is_none() {
        // the newest movement found our writes in place and nothing missing
        square.close(seen.level);
        return observed;
    }
    let settles_at = square.stable.plus_ms(policy.settle_ms);
    let settled = seen.quiet && seen.now >= settles_at || planted::is(Mistake::Unsettled);
    if square.is_unsettled(seen.level) && !settled {
        observed.again = Some(settles_at.max(seen.now.plus_ms(RECHECK_MS)));
        return observed;
    }
    if let Some(guesses) = square.guesses.take() {
        choose(square, guesses, seen.level, &mut observed);
    }
    if settled {
        settle(entry, seen.level, policy, &mut observed);
    }
    observed
}

/// The unexplained difference that an earlier level showed, where this one shows none and nothing was logged in between: an
/// edit that nobody logged may have gone with what our write erased. A level that merely lags behind what was counted is none.
fn vanished(entry: &Entry, seen: Seen<'_>) -> Option<i64> {
    let square = entry.square.as_ref().filter(|square| square.guesses.is_none() && !square.suspects.is_empty())?;
    let earlier = entry.shadow?.saturating_sub(square.with);
    let lags = (0..square.suspects.len()).any(|from| is_erased(&square.suspects[from..], earlier));
    let gone = seen.counted.is_empty() && seen.level == square.with && earlier != 0 && !lags;
    gone.then_some(earlier)
}

/// The shortest wait before an unsettled listing is looked at again, milliseconds.
const RECHECK_MS: i64 = 250;

/// Takes what the feed counted. Edits of a store whose edits do not count are left to the settling rule.
pub(crate) fn count_lines(entry: &mut Entry, seen: Seen<'_>, policy: Policy) -> Observed {
    let mut observed = Observed::default();
    for counted in seen.counted {
        if let Cause::Return(..) | Cause::Cancelled(..) = counted.cause
            && policy.inbound != Inbound::None
            && !policy.restock.takes(matches!(counted.cause, Cause::Cancelled(..)))
            && !planted::is(Mistake::RestockRefused)
        {
            // the store has raised itself: what it is square with follows, the hub does not
            if let Some(square) = entry.square.as_mut() {
                square.count(counted.by);
                observed.notes.push(Note::NotRestocked(counted.by));
            }
            if let Some(claim) = entry.claim.as_mut().filter(|claim| claim.accepted) {
                claim.counted = level_plus(claim.counted, counted.by);
            }
            continue;
        }
        let counts = match policy.inbound {
            Inbound::All => true,
            Inbound::Sales => !matches!(counted.cause, Cause::Edit(_)) || policy.drift == Drift::Adopt,
            Inbound::None => false,
        };
        if let Some(square) = entry.square.as_mut().filter(|_| counts) {
            let by = counted.by.saturating_mul(policy.each);
            square.count(counted.by);
            entry.count(by);
            if let Some(claim) = entry.claim.as_mut().filter(|claim| claim.accepted) {
                claim.counted = level_plus(claim.counted, counted.by);
            }
            observed.counted.push(Counted { by, cause: counted.cause.clone() });
        }
    }
    observed
}

/// Decides which outcome of an unknown push explains the level.
fn choose(square: &mut Square, (failed, applied): (i64, i64), level: i64, observed: &mut Observed) {
    let explains = |with: i64| level == with || is_erased(&square.suspects, level - with);
    let took_effect = level == applied || (level != failed && explains(applied));
    if took_effect || explains(failed) {
        square.with = if took_effect { applied } else { failed };
        observed.notes.push(Note::PushResolved(took_effect));
    } else {
        square.with = level;
        observed.notes.push(Note::Undecided(level - applied, level - failed));
    }
}

/// Whether a difference is the trace of our write: the sum of a leading run of suspects, taken back.
pub(crate) fn is_erased(suspects: &[i64], difference: i64) -> bool {
    let mut sum = 0;
    suspects.iter().any(|by| {
        sum += by;
        difference == -sum
    })
}

/// A level that has stood still: whatever it shows that nothing explains is decided now. What is not counted is written over
/// because the target is another; should that have to wait, what happens meanwhile is measured from here.
fn settle(entry: &mut Entry, level: i64, policy: Policy, observed: &mut Observed) {
    let Some(square) = entry.square.as_mut() else { return };
    let difference = level - square.with;
    if difference != 0 {
        if is_erased(&square.suspects, difference) {
            observed.notes.push(Note::Repaired(-difference));
        } else if !square.suspects.is_empty() {
            observed.notes.push(Note::Ambiguous(difference));
        } else {
            adopt(entry, difference, policy, observed);
        }
    }
    if let Some(square) = entry.square.as_mut() {
        square.close(level);
    }
}

fn adopt(entry: &mut Entry, difference: i64, policy: Policy, observed: &mut Observed) {
    let counts = policy.inbound == Inbound::All || policy.inbound == Inbound::Sales && policy.drift == Drift::Adopt;
    if counts {
        let by = difference.saturating_mul(policy.each);
        entry.count(by);
        let position = entry.square.as_ref().map_or_else(Default::default, |square| square.position);
        observed.counted.push(Counted { by, cause: Cause::Edit(position) });
        observed.notes.push(Note::EditCounted(difference));
    } else {
        observed.notes.push(not_counted(entry, difference, policy.drift));
    }
}

const fn level_plus(level: i64, by: i64) -> i64 {
    level.saturating_add(by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Position, WarehouseId};

    const ALL: Policy = Policy {
        class: Class::C,
        inbound: Inbound::All,
        drift: Drift::Overwrite,
        settle_ms: 5_000,
        restock: Restock::Always,
        verify_ms: None,
        each: 1,
    };
    const SALES: Policy = Policy { inbound: Inbound::Sales, ..ALL };

    fn listing(level: i64) -> Entry {
        let mut entry = Entry::new(WarehouseId::main());
        entry.shadow = Some(level);
        entry.square = Some(Square::new(level, Position(0), Timestamp(0)));
        entry
    }

    fn sale(by: i64) -> Counted {
        let id = |text: &str| (crate::OrderId::new(text).expect("valid"), crate::LineId::new(text).expect("valid"));
        let (order, line) = id("1");
        Counted { by, cause: Cause::Sale(order, line) }
    }

    const fn seen(level: i64, counted: &[Counted], ms: i64) -> Seen<'_> {
        Seen { level, counted, quiet: true, exact: false, now: Timestamp(ms) }
    }

    #[test]
    fn a_sale_and_its_movement_may_show_in_either_order() {
        let mut entry = listing(10);
        let first = observe(&mut entry, seen(8, &[], 10), ALL);
        assert!(first.again.is_some() && entry.counted == 0, "the level fell, the feed is silent: wait");
        let second = observe(&mut entry, seen(8, &[sale(-2)], 20), ALL);
        assert_eq!((entry.counted, second.again), (-2, None), "the feed explains it");
        let mut entry = listing(10);
        let first = observe(&mut entry, seen(10, &[sale(-2)], 10), ALL);
        assert!(first.again.is_some() && entry.counted == -2, "counted at once, the level must follow");
        assert_eq!(observe(&mut entry, seen(8, &[], 20), ALL).again, None);
    }

    #[test]
    fn a_silent_import_counts_after_it_stood_still() {
        let mut entry = listing(10);
        assert!(observe(&mut entry, seen(50, &[], 100), ALL).again.is_some());
        assert_eq!(entry.counted, 0);
        let settled = observe(&mut entry, seen(50, &[], 5_200), ALL);
        assert_eq!((entry.counted, settled.notes), (40, vec![Note::EditCounted(40)]));
    }

    #[test]
    fn a_pack_that_is_sold_takes_all_its_units() {
        let six = Policy { each: 6, ..ALL };
        let mut entry = listing(10);
        let seen_sale = observe(&mut entry, seen(9, &[sale(-1)], 10), six);
        assert_eq!((entry.counted, seen_sale.counted[0].by), (-6, -6));
        assert_eq!((entry.shadow, entry.square.expect("it has a feed").with), (Some(9), 9), "the store counts packs");
        let (mut entry, exact) = (Entry::new(WarehouseId::main()), Policy { class: Class::A, ..six });
        observe(&mut entry, seen(10, &[], 0), exact);
        observe(&mut entry, seen(7, &[], 0), exact);
        assert_eq!((entry.shadow, entry.counted), (Some(7), -18));
    }

    #[test]
    fn an_edit_on_a_replica_is_overwritten_and_not_counted() {
        let mut entry = listing(10);
        observe(&mut entry, seen(15, &[], 100), SALES);
        let settled = observe(&mut entry, seen(15, &[], 6_000), SALES);
        assert_eq!((entry.counted, settled.notes), (0, vec![Note::Overwriting(5)]));
        assert_eq!(entry.square.expect("it has a feed").with, 15, "not 10, which its target is: it is written");
    }

    #[test]
    fn what_comes_back_is_stocked_again_as_the_policy_says() {
        let id = |text: &str| (crate::OrderId::new(text).expect("valid"), crate::LineId::new(text).expect("valid"));
        let back = |cancelled: bool| {
            let (order, line) = id("1");
            let cause = if cancelled { Cause::Cancelled(order, line) } else { Cause::Return(order, line) };
            [Counted { by: 2, cause }]
        };
        for (restock, cancelled, counted) in [
            (Restock::Always, false, 2),
            (Restock::Always, true, 2),
            (Restock::Never, false, 0),
            (Restock::Never, true, 0),
            (Restock::Returns, false, 2),
            (Restock::Returns, true, 0),
            (Restock::Cancellations, false, 0),
            (Restock::Cancellations, true, 2),
        ] {
            let mut entry = listing(8);
            let seen = observe(&mut entry, seen(10, &back(cancelled), 100), Policy { restock, ..ALL });
            let square = entry.square.expect("it has a feed");
            assert_eq!((entry.counted, square.with), (counted, 10), "{restock:?} {cancelled}");
            assert_eq!(seen.notes.is_empty(), counted == 2, "{restock:?} {cancelled}");
        }
    }

    #[test]
    fn a_decrement_that_our_write_erased_is_repaired_and_not_mistaken_for_an_edit() {
        let mut entry = listing(7);
        entry.square.as_mut().expect("it has a feed").open = true;
        observe(&mut entry, seen(7, &[sale(-2)], 100), ALL);
        let settled = observe(&mut entry, seen(7, &[], 6_000), ALL);
        assert_eq!((entry.counted, settled.notes), (-2, vec![Note::Repaired(-2)]));
    }

    #[test]
    fn a_difference_that_comes_and_goes_while_our_write_may_have_erased_something_is_told() {
        let begun = |with: i64, shadow: i64, suspects: &[i64]| {
            let mut entry = listing(shadow);
            let square = entry.square.as_mut().expect("it has a feed");
            (square.with, square.open, square.suspects) = (with, true, suspects.to_vec());
            entry
        };
        let notes = |mut entry: Entry, level: i64| observe(&mut entry, seen(level, &[], 100), ALL).notes;
        assert_eq!(notes(begun(0, 69, &[-2, -2, 26]), 0), [Note::Ambiguous(69)], "67 imported, 2 erased, 69 imported");
        assert_eq!(notes(begun(8, 10, &[-1, -2]), 8), [], "the level came after the feed");
        assert_eq!(notes(begun(0, 69, &[]), 0), [], "nothing was erased");
    }

    #[test]
    fn what_was_sold_after_our_write_is_no_suspect_once_the_feed_shows_that_nothing_is_missing() {
        let mut entry = listing(7);
        entry.square.as_mut().expect("it has a feed").open = true;
        observe(&mut entry, Seen { exact: true, quiet: false, ..seen(5, &[sale(-2)], 100) }, ALL);
        assert_eq!(entry.square.as_ref().expect("it has a feed").suspects, [0; 0]);
        observe(&mut entry, seen(45, &[], 600_000), ALL);
        let settled = observe(&mut entry, seen(45, &[], 606_000), ALL);
        assert_eq!(settled.notes, [Note::EditCounted(40)], "an import much later is no trace of our write");
    }

    #[test]
    fn a_sale_that_may_be_a_suspect_is_looked_at_until_it_has_settled() {
        let mut entry = listing(7);
        entry.square.as_mut().expect("it has a feed").open = true;
        assert!(observe(&mut entry, seen(5, &[sale(-2)], 100), ALL).again.is_some());
        observe(&mut entry, seen(5, &[], 6_000), ALL);
        assert_eq!(entry.square.expect("it has a feed").suspects, [0; 0]);
    }

    #[test]
    fn a_push_of_unknown_outcome_is_decided_by_the_level() {
        for (level, with, took_effect) in [(10, 10, false), (6, 6, true)] {
            let mut entry = listing(10);
            entry.square.as_mut().expect("it has a feed").guesses = Some((10, 6));
            observe(&mut entry, seen(level, &[], 100), ALL);
            let settled = observe(&mut entry, seen(level, &[], 6_000), ALL);
            assert_eq!(entry.square.expect("it has a feed").with, with);
            assert_eq!((entry.counted, settled.notes), (0, vec![Note::PushResolved(took_effect)]));
        }
    }

    #[test]
    fn a_level_that_fits_neither_outcome_of_a_push_is_told_with_both_differences_and_decided() {
        let mut entry = listing(10);
        entry.square.as_mut().expect("it has a feed").guesses = Some((10, 6));
        observe(&mut entry, seen(3, &[], 100), ALL);
        let settled = observe(&mut entry, seen(3, &[], 6_000), ALL);
        assert_eq!((entry.counted, settled.notes), (0, vec![Note::Undecided(-3, -7)]));
        observe(&mut entry, seen(23, &[], 10_000), ALL);
        let later = observe(&mut entry, seen(23, &[], 16_000), ALL);
        assert_eq!(later.notes, [Note::EditCounted(20)], "what comes after is measured from what was decided");
    }

    #[test]
    fn without_a_feed_a_difference_counts_at_once_and_a_replica_counts_only_what_falls() {
        let exact = Policy { class: Class::A, ..ALL };
        let mut entry = Entry::new(WarehouseId::main());
        observe(&mut entry, seen(10, &[], 0), exact);
        assert_eq!((entry.shadow, entry.counted), (Some(10), 0), "the first sight counts nothing");
        observe(&mut entry, seen(7, &[], 0), exact);
        observe(&mut entry, seen(12, &[], 0), Policy { inbound: Inbound::Sales, ..exact });
        assert_eq!((entry.shadow, entry.counted), (Some(12), -3));
    }
}
