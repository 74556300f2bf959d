//! Undoing: by how much a hub level moves when edits are taken back, and what stays.
//!
//! An undo is itself a counted change, by just what it takes back. It never sets a level: what was sold, returned or edited
//! elsewhere in the meantime stays counted. It remembers whose edits it takes back ([`TakenBack`]), and counts with them when some
//! are undone again: whatever is undone twice moves once.

use crate::feed::Cause;
use crate::{AccountId, ListingId, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One counted change of an item's past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// When it was counted.
    pub at: Timestamp,
    /// Where it was counted from; [`ListingId::hub`] for what was edited in Evenstock itself.
    pub listing: ListingId,
    /// Whose edit it is: the account's that it was counted from, and of an undoing the account's whose edits it takes back.
    pub account: AccountId,
    /// The warehouse that it counts in.
    pub warehouse: WarehouseId,
    /// Units, signed.
    pub by: i64,
    /// Why it counts.
    pub cause: Cause,
    /// The runs that it belongs to: that which did it, and of an undoing also those of the edits that it takes back.
    pub runs: BTreeSet<String>,
}

/// Whose edits an undoing takes back, in one warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenBack {
    /// Edits after this time.
    pub since: Timestamp,
    /// By account and run; what is left of the edit moves the level besides.
    pub parts: Vec<Part>,
}

/// A part of an undoing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The account whose edits it takes back; `hub` for those made in Evenstock itself.
    pub account: AccountId,
    /// The runs of these edits, and of whatever has undone them before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub runs: BTreeSet<String>,
    /// Units that come back, signed.
    pub by: i64,
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
    /// The moves by whose edits they take back; those of no units are left out.
    parts: BTreeMap<(WarehouseId, AccountId, BTreeSet<String>), i64>,
}

impl Undo {
    /// By how many units the level moves over all warehouses.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.moves.values().fold(0, |sum, by| sum.saturating_add(*by))
    }

    /// Whose edits are taken back, warehouse by warehouse; `since` as in the scope.
    #[must_use]
    pub fn taken_back(&self, since: Timestamp) -> BTreeMap<WarehouseId, TakenBack> {
        let mut back: BTreeMap<WarehouseId, TakenBack> = BTreeMap::new();
        for ((warehouse, account, runs), by) in &self.parts {
            let part = Part { account: account.clone(), runs: runs.clone(), by: *by };
            let of_warehouse = back.entry(warehouse.clone());
            of_warehouse.or_insert_with(|| TakenBack { since, parts: Vec::new() }).parts.push(part);
        }
        back
    }

    fn take_back(&mut self, piece: &Piece) {
        let by = piece.by.saturating_neg();
        self.also(&piece.warehouse, by);
        let part = (piece.warehouse.clone(), piece.account.clone(), piece.runs.clone());
        let sum = self.parts.remove(&part).unwrap_or(0).saturating_add(by);
        self.parts.extend((sum != 0).then_some((part, sum)));
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

/// Takes back the edits of a scope. Former undoings belong to whose edits they took back: undoing twice to the same time, or the
/// same run, or the same account's edits, moves nothing the second time, and undoing to a time between an edit and its undoing
/// brings the edit back.
#[must_use]
pub fn undo<'a>(past: impl IntoIterator<Item = &'a Piece>, scope: &Scope) -> Undo {
    let mut undo = Undo::default();
    for piece in past.into_iter().filter(|piece| piece.at > scope.since) {
        let place = match kind(piece, scope) {
            Kind::Asked => {
                undo.take_back(piece);
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
    if !piece.listing.is_hub() && !scope.telling.contains(&piece.account) {
        return Kind::Unclear;
    }
    let right_account = scope.account.as_ref().is_none_or(|only| *only == piece.account);
    let right_run = scope.run.as_ref().is_none_or(|run| piece.runs.contains(run));
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
            account: account(name),
            warehouse: WarehouseId::main(),
            by,
            cause: Cause::Edit(Position(0)),
            runs: BTreeSet::new(),
        }
    }

    /// What an undoing leaves in the past, done by a run.
    fn undoing(at: i64, undone: &Undo, run: &str) -> Vec<Piece> {
        let back = undone.taken_back(Timestamp(0)).into_iter();
        let parts =
            back.flat_map(|(warehouse, back)| back.parts.into_iter().map(move |part| (warehouse.clone(), part)));
        let piece = |(warehouse, part): (WarehouseId, Part)| {
            let runs = part.runs.into_iter().chain([run.to_owned()]).collect();
            Piece { account: part.account, warehouse, runs, ..edit(at, "hub", part.by) }
        };
        parts.map(piece).collect()
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
        let of_run = Piece { runs: BTreeSet::from(["r".to_owned()]), ..edit(12, "hub", 5) };
        let past = [of_run, edit(12, "hub", 3), edit(13, "main", 9)];
        let only_hub = Scope { account: Some(account("hub")), ..since(0) };
        assert_eq!((undo(&past, &only_hub).total(), undo(&past, &only_hub).others), (-8, 9));
        let only_run = Scope { run: Some("r".into()), ..since(0) };
        assert_eq!((undo(&past, &only_run).total(), undo(&past, &only_run).others), (-5, 12));
    }

    #[test]
    fn what_was_taken_back_is_not_taken_back_again_whoever_asks() {
        let of_run = Piece { runs: BTreeSet::from(["r".to_owned()]), ..edit(12, "hub", -7) };
        let mut past = vec![edit(12, "main", -5), of_run, sale(13, "main", -1)];
        let of_main = Scope { account: Some(account("main")), ..since(0) };
        let the_run = Scope { run: Some("r".into()), ..since(0) };
        past.extend(undoing(20, &undo(&past, &of_main), "first"));
        assert_eq!(undo(&past, &of_main).total(), 0, "undone once");
        assert_eq!(undo(&past, &the_run).total(), 7, "the other edit is still there");
        past.extend(undoing(21, &undo(&past, &the_run), "second"));
        assert_eq!(
            (undo(&past, &of_main).total(), undo(&past, &the_run).total(), undo(&past, &since(0)).total()),
            (0, 0, 0)
        );

        // the undoing of main's edits was a mistake: they are back, and can be undone again
        let the_first = Scope { run: Some("first".into()), ..since(0) };
        past.extend(undoing(22, &undo(&past, &the_first), "third"));
        assert_eq!((undo(&past, &the_first).total(), undo(&past, &the_run).total()), (0, 0));
        assert_eq!((undo(&past, &of_main).total(), undo(&past, &since(0)).total()), (5, 5));
    }

    #[test]
    fn each_warehouse_gets_its_own_back() {
        let depot = WarehouseId::new("depot").expect("valid");
        let there = Piece { warehouse: depot.clone(), ..edit(12, "hub", -6) };
        let undone = undo(&[there, edit(12, "hub", 2), edit(13, "hub", -2)], &since(0));
        assert_eq!(undone.moves, BTreeMap::from([(depot, 6)]));
    }
}
