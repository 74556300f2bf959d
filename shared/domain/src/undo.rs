//! Undoing: by how much a hub level moves when edits are taken back, and what stays.
//!
//! An undo is itself a counted change, by just what it takes back. It never sets a level: what was sold, returned or edited
//! elsewhere in the meantime stays counted.

use crate::feed::Cause;
use crate::{AccountId, ListingId, Timestamp, WarehouseId};
use std::collections::{BTreeMap, BTreeSet};

/// One counted change of an item's past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// When it was counted.
    pub at: Timestamp,
    /// Where it was counted from; [`ListingId::hub`] for what was edited in Evenstock itself.
    pub listing: ListingId,
    /// The warehouse that it counts in.
    pub warehouse: WarehouseId,
    /// Units, signed.
    pub by: i64,
    /// Why it counts.
    pub cause: Cause,
    /// The run that did it, if one did.
    pub run: Option<String>,
}

/// Which edits to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Those counted after this time.
    pub since: Timestamp,
    /// Only those of this account; `hub` names what was edited in Evenstock itself.
    pub account: Option<AccountId>,
    /// Only those of this run.
    pub run: Option<String>,
    /// The accounts whose orders are told apart from edits. What any other account counts may be a sale, and stays.
    pub telling: BTreeSet<AccountId>,
}

/// What undoing comes to, for one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undo {
    /// By how many units each warehouse moves; none of them is zero.
    pub moves: BTreeMap<WarehouseId, i64>,
    /// Units of sales, returns and orders since then: they stay.
    pub sold: i64,
    /// Units that an account counted which cannot tell a sale from an edit: they stay.
    pub unclear: i64,
    /// Units of edits that were not asked for: they stay.
    pub others: i64,
}

impl Undo {
    /// By how many units the level moves over all warehouses.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.moves.values().fold(0, |sum, by| sum.saturating_add(*by))
    }

    /// Moves a warehouse further, such as to a level that a store had.
    pub fn also(&mut self, warehouse: &WarehouseId, by: i64) {
        let moved = self.moves.get(warehouse).copied().unwrap_or(0).saturating_add(by);
        if moved == 0 {
            self.moves.remove(warehouse);
        } else {
            self.moves.insert(warehouse.clone(), moved);
        }
    }
}

/// Takes back the edits of a scope. Former undoings are edits like any other: undoing twice to the same time moves nothing,
/// and undoing to a time between an edit and its undoing brings the edit back.
#[must_use]
pub fn undo<'a>(past: impl IntoIterator<Item = &'a Piece>, scope: &Scope) -> Undo {
    let mut undo = Undo::default();
    for piece in past.into_iter().filter(|piece| piece.at > scope.since) {
        let place = match kind(piece, scope) {
            Kind::Asked => {
                undo.also(&piece.warehouse, piece.by.saturating_neg());
                continue;
            }
            Kind::Sold => &mut undo.sold,
            Kind::Unclear => &mut undo.unclear,
            Kind::Other => &mut undo.others,
        };
        *place = place.saturating_add(piece.by);
    }
    undo
}

enum Kind {
    Asked,
    Sold,
    Unclear,
    Other,
}

fn kind(piece: &Piece, scope: &Scope) -> Kind {
    match piece.cause {
        Cause::Sale(..) | Cause::Return(..) | Cause::Cancelled(..) | Cause::Order(_) | Cause::Kit(_) => {
            return Kind::Sold;
        }
        Cause::Edit(_) => {}
    }
    let account = &piece.listing.account;
    if !piece.listing.is_hub() && !scope.telling.contains(account) {
        return Kind::Unclear;
    }
    let right_account = scope.account.as_ref().is_none_or(|only| only == account);
    let right_run = scope.run.is_none() || scope.run == piece.run;
    if right_account && right_run { Kind::Asked } else { Kind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LineId, OrderId, Position};

    fn account(name: &str) -> AccountId {
        AccountId::new(name).expect("valid")
    }

    fn edit(at: i64, name: &str, by: i64) -> Piece {
        Piece {
            at: Timestamp(at),
            listing: ListingId::single(account(name)),
            warehouse: WarehouseId::main(),
            by,
            cause: Cause::Edit(Position(0)),
            run: None,
        }
    }

    fn sale(at: i64, name: &str, by: i64) -> Piece {
        let cause = Cause::Sale(OrderId::new("1").expect("valid"), LineId::new("1").expect("valid"));
        Piece { cause, ..edit(at, name, by) }
    }

    fn since(at: i64) -> Scope {
        Scope { since: Timestamp(at), account: None, run: None, telling: BTreeSet::from([account("main")]) }
    }

    #[test]
    fn sales_since_an_import_survive_its_undoing() {
        // 100 at noon; an import makes them 0; three are sold from what a replica still showed
        let past = [edit(12, "main", -100), sale(13, "north", -3)];
        let undone = undo(&past, &since(11));
        assert_eq!((undone.total(), undone.sold), (100, -3), "-3 becomes 97, never 100");
    }

    #[test]
    fn what_was_before_stays_and_undoing_twice_moves_nothing() {
        let mut past = vec![edit(5, "hub", 7), edit(12, "hub", -40)];
        let undone = undo(&past, &since(5)).total();
        assert_eq!(undone, 40, "what happened at the very time is before it");
        past.push(edit(20, "hub", undone));
        assert_eq!(undo(&past, &since(5)), Undo::default());
        assert_eq!(undo(&past, &since(15)).total(), -40, "back to between the two: the edit is back");
    }

    #[test]
    fn a_store_that_cannot_tell_sales_from_edits_is_left_alone() {
        let undone = undo(&[edit(12, "shopless", -4), edit(13, "main", 9)], &since(0));
        assert_eq!((undone.total(), undone.unclear), (-9, -4));
    }

    #[test]
    fn one_account_or_one_run_is_taken_back_alone() {
        let of_run = Piece { run: Some("r".into()), ..edit(12, "hub", 5) };
        let past = [of_run, edit(12, "hub", 3), edit(13, "main", 9)];
        let only_hub = Scope { account: Some(account("hub")), ..since(0) };
        assert_eq!((undo(&past, &only_hub).total(), undo(&past, &only_hub).others), (-8, 9));
        let only_run = Scope { run: Some("r".into()), ..since(0) };
        assert_eq!((undo(&past, &only_run).total(), undo(&past, &only_run).others), (-5, 12));
    }

    #[test]
    fn each_warehouse_gets_its_own_back() {
        let depot = WarehouseId::new("depot").expect("valid");
        let there = Piece { warehouse: depot.clone(), ..edit(12, "hub", -6) };
        let undone = undo(&[there, edit(12, "hub", 2), edit(13, "hub", -2)], &since(0));
        assert_eq!(undone.moves, BTreeMap::from([(depot, 6)]));
    }
}
