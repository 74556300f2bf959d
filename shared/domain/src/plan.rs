//! The plan: which listings must be written, with what, and why the others are not.

use crate::ledger::{Claim, Entry, Ledger, Trouble};
use crate::planted::{self, Mistake};
use crate::rules::Rules;
use crate::{Class, ListingId, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a listing is not written although it may differ from its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// The account is paused.
    Paused,
    /// The account is quarantined by a guard.
    Quarantined,
    /// A person has stopped the account both ways.
    Frozen,
    /// Another writer keeps changing it: left alone until a person decides.
    Contested,
    /// The SKU appears more than once in the account: a person must decide.
    Clash,
    /// The unit is made of other units, or otherwise never written.
    NotWritable,
    /// The rules or the sync mode say never.
    Excluded,
    /// Its level was never seen; unknown is not zero.
    Unseen,
    /// A push is on its way.
    Pending,
    /// The outcome of a push is not yet known.
    Unresolved,
    /// Its location belongs to no warehouse.
    Unlinked,
    /// Its location is closed in the store, or gone: its units are neither zeroed nor lost.
    Closed,
    /// No warehouse that feeds it has a level of the SKU; unknown is not zero.
    NoLevel,
    /// The store took a write and has yet to carry it out.
    Accepted,
    /// The store refuses to write it: its mapping must be mended.
    Refused,
    /// Its sync mode is `never`.
    Never,
    /// Its sync mode is `only-when-active`, and it is not on sale in its store.
    Inactive,
}

/// What the plan needs to know of a listing besides its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The class of its channel.
    pub class: Class,
    /// The warehouses that feed it, in the order in which its sales are charged to them; empty: its own.
    pub feeds: Vec<WarehouseId>,
    /// Its quantity rules.
    pub rules: Rules,
    /// Why it must not be written, if so.
    pub hold: Option<Hold>,
    /// Why its sync mode rules out that it is ever written, if so.
    pub barred: Option<Hold>,
    /// What the parts of a kit are enough for, by warehouse; `None` of what is no kit.
    pub kit: Option<BTreeMap<WarehouseId, i64>>,
}

/// One listing of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The store has what it shall have.
    InSync,
    /// It must be written.
    Push(Push),
    /// It is not written, and why.
    Hold(Hold),
}

/// A push to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Where.
    pub listing: ListingId,
    /// The level that the store is known to have.
    pub from: i64,
    /// The level to write.
    pub to: i64,
    /// The target that it serves.
    pub target: i64,
    /// The stored call that it will be a row of.
    pub call: Option<u64>,
}

/// What may be sold at a listing: the hub levels of the warehouses that feed it. `None` when none of them has one.
#[must_use]
pub fn available(ledger: &Ledger, entry: &Entry, view: &View) -> Option<i64> {
    if planted::is(Mistake::WholeLevel) {
        return Some(ledger.total());
    }
    let own = std::slice::from_ref(&entry.warehouse);
    let feeds = if view.feeds.is_empty() { own } else { view.feeds.as_slice() };
    let level = |warehouse: &WarehouseId| match &view.kit {
        Some(levels) => levels.get(warehouse).copied(),
        None => ledger.knows(warehouse).then(|| ledger.level(warehouse)),
    };
    feeds.iter().filter_map(level).reduce(i64::saturating_add)
}

/// The target of a listing: the rules over what may be sold there.
///
/// # Errors
/// Why it has none.
pub fn target(ledger: &Ledger, entry: &Entry, view: &View) -> Result<i64, Hold> {
    if let Some(barred) = view.barred {
        return Err(barred);
    }
    let known = available(ledger, entry, view);
    // a fixed number and an exclusion need no level
    let needs_level = view.rules.fixed.is_none() && !view.rules.exclude;
    if known.is_none() && needs_level {
        return Err(Hold::NoLevel);
    }
    view.rules.target(known.unwrap_or(0)).ok_or(Hold::Excluded)
}

/// Decides for every listing that has a view.
#[must_use]
pub fn plan(ledger: &Ledger, views: &BTreeMap<ListingId, View>) -> BTreeMap<ListingId, Decision> {
    let decide = |(listing, view): (&ListingId, &View)| {
        let decision = match ledger.entries.get(listing) {
            Some(entry) => decide(ledger, listing, entry, view),
            None => Decision::Hold(Hold::Unseen),
        };
        (listing.clone(), decision)
    };
    views.iter().map(decide).collect()
}

fn decide(ledger: &Ledger, listing: &ListingId, entry: &Entry, view: &View) -> Decision {
    let target = match target(ledger, entry, view) {
        Ok(target) => target,
        Err(hold) => return Decision::Hold(hold),
    };
    let Some(shadow) = entry.shadow else {
        return Decision::Hold(view.hold.unwrap_or(Hold::Unseen));
    };
    let target = target.saturating_add(entry.tolerated).max(0);
    if entry.accepted().is_some() {
        return Decision::Hold(Hold::Accepted);
    }
    let Some(to) = value_to_write(entry, view.class, shadow, target) else {
        return Decision::InSync;
    };
    let hold = view.hold.filter(|_| !planted::is(Mistake::HoldIgnored));
    let holds = |trouble: &&Trouble| trouble.holds && trouble.target.is_none_or(|refused| refused == target);
    let refused = entry.trouble.as_ref().filter(holds).map(|_| Hold::Refused);
    if let Some(hold) = hold.or_else(|| busy(entry)).or(refused) {
        return Decision::Hold(hold);
    }
    Decision::Push(Push { listing: listing.clone(), from: shadow, to, target, call: None })
}

fn busy(entry: &Entry) -> Option<Hold> {
    let unresolved = entry.square.as_ref().is_some_and(|square| square.guesses.is_some());
    if entry.claim.is_some() { Some(Hold::Pending) } else { unresolved.then_some(Hold::Unresolved) }
}

/// The level to write; `None` when the store has it already.
///
/// With a feed the write is relative in effect, so that an edit which has not settled yet rides along. A store that is
/// below zero (back orders) is not lifted to zero: its next sale would not be refused where it should.
fn value_to_write(entry: &Entry, class: Class, shadow: i64, target: i64) -> Option<i64> {
    if target == 0 && shadow <= 0 {
        return None;
    }
    match &entry.square {
        Some(square) if class == Class::C => {
            let relative = shadow.saturating_add(target.saturating_sub(square.with)).max(0);
            (square.with != target && relative != shadow).then_some(relative)
        }
        _ => (shadow != target).then_some(target),
    }
}

/// Whether another target waits for an accepted write to be carried out.
#[must_use]
pub fn is_awaited(ledger: &Ledger, listing: &ListingId, view: &View) -> bool {
    let Some(entry) = ledger.entries.get(listing) else { return false };
    let (Some(claim), Ok(target)) = (entry.accepted(), target(ledger, entry, view)) else { return false };
    let target = target.saturating_add(entry.tolerated).max(0);
    target != claim.target.saturating_add(claim.counted).max(0)
}

/// Announces pushes in the ledger. Commit it before anything is sent.
pub fn claim(ledger: &mut Ledger, pushes: &[Push], now: Timestamp, lease_ms: i64) {
    for push in pushes {
        let Some(entry) = ledger.entries.get_mut(&push.listing) else { continue };
        entry.sequence += 1;
        entry.claim = Some(Claim {
            from: push.from,
            to: push.to,
            target: push.target,
            sequence: entry.sequence,
            lease: now.plus_ms(lease_ms),
            tries: 0,
            accepted: false,
            since: Timestamp::default(),
            counted: 0,
            call: push.call,
        });
        if let Some(square) = &mut entry.square {
            square.wrote(push.from, push.to, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Square;
    use crate::{AccountId, Position};

    fn listing() -> ListingId {
        ListingId::single(AccountId::new("shop").expect("valid"))
    }

    fn view(class: Class) -> View {
        let feeds = vec![WarehouseId::main()];
        View { class, feeds, rules: Rules::default(), hold: None, barred: None, kit: None }
    }

    fn ledger(base: i64, shadow: Option<i64>, with: Option<i64>) -> Ledger {
        let mut entry = Entry::new(WarehouseId::main());
        entry.shadow = shadow;
        entry.square = with.map(|with| Square::new(with, Position(0), Timestamp(0)));
        Ledger {
            unfiled: Vec::new(),
            version: 0,
            base: BTreeMap::from([(WarehouseId::main(), base)]),
            entries: BTreeMap::from([(listing(), entry)]),
        }
    }

    fn decision(ledger: &Ledger, view: View) -> Decision {
        plan(ledger, &BTreeMap::from([(listing(), view)])).remove(&listing()).expect("one view, one decision")
    }

    fn written(decision: &Decision) -> Option<i64> {
        match decision {
            Decision::Push(push) => Some(push.to),
            Decision::InSync | Decision::Hold(_) => None,
        }
    }

    #[test]
    fn an_unsettled_edit_rides_along() {
        let ledger = ledger(8, Some(15), Some(10));
        assert_eq!(written(&decision(&ledger, view(Class::C))), Some(13), "15 + (8 - 10)");
        assert_eq!(written(&decision(&ledger, view(Class::D))), Some(8));
    }

    #[test]
    fn unknown_is_not_zero_and_nothing_is_pushed_to_it() {
        assert_eq!(decision(&ledger(8, None, None), view(Class::A)), Decision::Hold(Hold::Unseen));
    }

    #[test]
    fn what_no_warehouse_has_a_level_of_is_not_pushed_as_zero() {
        let elsewhere = View { feeds: vec![WarehouseId::new("west").expect("valid")], ..view(Class::A) };
        assert_eq!(decision(&ledger(8, Some(5), None), elsewhere.clone()), Decision::Hold(Hold::NoLevel));
        let both = View { feeds: vec![WarehouseId::main(), elsewhere.feeds[0].clone()], ..elsewhere.clone() };
        assert_eq!(written(&decision(&ledger(8, Some(5), None), both)), Some(8), "what is known may be sold");
        let fixed = View { rules: Rules { fixed: Some(0), ..Rules::default() }, ..elsewhere };
        assert_eq!(written(&decision(&ledger(8, Some(5), None), fixed)), Some(0));
    }

    #[test]
    fn what_its_mode_rules_out_is_not_written_even_if_it_differs() {
        let never = View { barred: Some(Hold::Never), ..view(Class::A) };
        assert_eq!(decision(&ledger(8, Some(5), None), never), Decision::Hold(Hold::Never));
    }

    #[test]
    fn a_kit_shows_what_its_parts_are_enough_for() {
        let of = |levels: &[(WarehouseId, i64)]| View { kit: Some(levels.iter().cloned().collect()), ..view(Class::A) };
        assert_eq!(written(&decision(&ledger(-9, Some(5), None), of(&[(WarehouseId::main(), 4)]))), Some(4));
        assert_eq!(decision(&ledger(8, Some(5), None), of(&[])), Decision::Hold(Hold::NoLevel), "a part is not known");
    }

    #[test]
    fn a_held_listing_that_has_its_number_is_in_sync() {
        let paused = View { hold: Some(Hold::Paused), ..view(Class::A) };
        assert_eq!(decision(&ledger(8, Some(8), None), paused.clone()), Decision::InSync);
        assert_eq!(decision(&ledger(8, Some(9), None), paused), Decision::Hold(Hold::Paused));
    }

    #[test]
    fn oversold_units_show_as_zero_and_back_orders_are_left_alone() {
        assert_eq!(written(&decision(&ledger(-3, Some(4), None), view(Class::A))), Some(0));
        assert_eq!(decision(&ledger(-3, Some(-2), Some(-2)), view(Class::C)), Decision::InSync);
        assert_eq!(written(&decision(&ledger(8, Some(-2), Some(-2)), view(Class::C))), Some(8));
    }

    #[test]
    fn claims_are_announced_with_the_sequence_that_makes_their_key() {
        let mut ledger = ledger(8, Some(10), Some(10));
        let Decision::Push(push) = decision(&ledger, view(Class::C)) else { panic!("10 is not 8") };
        claim(&mut ledger, &[push], Timestamp(5), 75_000);
        let entry = &ledger.entries[&listing()];
        let claim = entry.claim.as_ref().expect("announced");
        assert_eq!((claim.from, claim.to, claim.sequence, claim.lease), (10, 8, 1, Timestamp(75_005)));
        assert_eq!(decision(&ledger, view(Class::C)), Decision::Hold(Hold::Pending));
    }
}
