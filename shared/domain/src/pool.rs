//! Units and the warehouses that they count in: who is charged for a sale, and what becomes of units when a listing moves
//! from one warehouse to another. Every function here keeps the sum over all warehouses, but for [`Ledger::start`], which
//! enters what was unknown.

use crate::feed::{Cause, Counted, Marker};
use crate::ledger::{Entry, Ledger};
use crate::planted::{self, Mistake};
use crate::{ListingId, WarehouseId};
use std::collections::BTreeMap;

/// Units taken from each warehouse and not given back.
pub type Taken = BTreeMap<WarehouseId, i64>;

/// Splits a change among the warehouses that feed a listing. A sale is charged to the first in order that has stock, and
/// what none of them has to the first of all, which then owes it. What comes back goes where it was taken, the last in order
/// first; the rest goes to the first.
#[must_use]
pub fn split(levels: &Taken, feeds: &[WarehouseId], by: i64, taken: &Taken) -> Taken {
    let Some(first) = feeds.first() else { return Taken::new() };
    let mut parts = Taken::new();
    let mut left = by;
    if by < 0 {
        for warehouse in feeds {
            let stock = levels.get(warehouse).copied().unwrap_or(0).max(0);
            let part = left.max(-stock);
            add(&mut parts, warehouse, part);
            left -= part;
        }
    } else if !planted::is(Mistake::ReturnElsewhere) {
        let gone = taken.keys().filter(|warehouse| !feeds.contains(warehouse));
        for warehouse in gone.chain(feeds.iter().rev()) {
            let part = left.min(taken.get(warehouse).copied().unwrap_or(0).max(0));
            add(&mut parts, warehouse, part);
            left -= part;
        }
    }
    add(&mut parts, first, left);
    parts
}

fn add(units: &mut Taken, warehouse: &WarehouseId, by: i64) {
    if by == 0 {
        return;
    }
    let sum = units.get(warehouse).copied().unwrap_or(0).saturating_add(by);
    if sum == 0 {
        units.remove(warehouse);
    } else {
        units.insert(warehouse.clone(), sum);
    }
}

/// Charges what was counted at a listing (and is in its [`Entry::counted`] already) to the warehouses that feed it; `levels`
/// are theirs without it. The lines concerned remember where their units came from.
pub fn charge(
    mut levels: Taken,
    entry: &mut Entry,
    feeds: &[WarehouseId],
    counted: &[Counted],
    markers: &mut [Marker],
) {
    if planted::is(Mistake::WrongWarehouse) && entry.warehouse != WarehouseId::main() {
        counted.iter().for_each(|piece| add(&mut entry.charged, &WarehouseId::main(), piece.by));
        return;
    }
    if matches!(feeds, [] | [_]) && feeds.first().is_none_or(|only| *only == entry.warehouse) {
        return;
    }
    for piece in counted {
        let marker = line(&piece.cause, markers);
        let taken = marker.as_ref().map_or_else(|| entry.took(feeds), |marker| marker.taken.clone());
        let parts = split(&levels, feeds, piece.by, &taken);
        for (warehouse, by) in &parts {
            add(&mut levels, warehouse, *by);
            if *warehouse != entry.warehouse {
                add(&mut entry.charged, warehouse, *by);
            }
        }
        if let Some(marker) = marker {
            parts.iter().for_each(|(warehouse, by)| add(&mut marker.taken, warehouse, -by));
            marker.taken.retain(|_, units| *units > 0);
        }
    }
}

fn line<'a>(cause: &Cause, markers: &'a mut [Marker]) -> Option<&'a mut Marker> {
    let (Cause::Sale(order, line) | Cause::Return(order, line) | Cause::Cancelled(order, line)) = cause else {
        return None;
    };
    markers.iter_mut().find(|marker| marker.order == *order && marker.line == *line)
}

impl Entry {
    /// The part of its counted changes that counts in a warehouse.
    #[must_use]
    pub fn counted_in(&self, warehouse: &WarehouseId) -> i64 {
        if *warehouse == self.warehouse {
            return self.charged.values().fold(self.counted, |left, units| left.saturating_sub(*units));
        }
        self.charged.get(warehouse).copied().unwrap_or(0)
    }

    /// Counts a change in a warehouse.
    pub fn count_in(&mut self, warehouse: &WarehouseId, by: i64) {
        self.count(by);
        if *warehouse != self.warehouse {
            add(&mut self.charged, warehouse, by);
        }
    }

    /// What it has taken from the warehouses after the first, as far as nobody knows of which sale.
    fn took(&self, feeds: &[WarehouseId]) -> Taken {
        let later = feeds.iter().skip(1).map(|warehouse| (warehouse.clone(), -self.counted_in(warehouse)));
        later.filter(|(_, units)| *units > 0).collect()
    }

    /// Every warehouse that something of it counts in.
    fn shares(&self) -> Taken {
        let homes = self.charged.keys().chain([&self.warehouse]);
        homes.map(|warehouse| (warehouse.clone(), self.counted_in(warehouse))).collect()
    }
}

impl Ledger {
    /// Whether the level of a warehouse is known. What is not known is not zero.
    #[must_use]
    pub fn knows(&self, warehouse: &WarehouseId) -> bool {
        self.base.contains_key(warehouse)
    }

    /// The levels of some warehouses.
    #[must_use]
    pub fn levels(&self, warehouses: &[WarehouseId]) -> Taken {
        warehouses.iter().map(|warehouse| (warehouse.clone(), self.level(warehouse))).collect()
    }

    /// Everything that is counted in a warehouse.
    #[must_use]
    pub fn counted_in(&self, warehouse: &WarehouseId) -> i64 {
        self.entries.values().map(|entry| entry.counted_in(warehouse)).fold(0, i64::saturating_add)
    }

    /// Enters a level that was unknown: from now on the warehouse has so many units.
    pub fn start(&mut self, warehouse: &WarehouseId, level: i64) {
        self.base.insert(warehouse.clone(), level.saturating_sub(self.counted_in(warehouse)));
    }

    /// Counts a change made in Evenstock itself, as a change of the virtual listing `hub`. It makes an unknown level known.
    pub fn adjust(&mut self, warehouse: &WarehouseId, by: i64) {
        if !self.knows(warehouse) {
            self.start(warehouse, 0);
        }
        self.hand_over(warehouse, by);
    }

    fn hand_over(&mut self, warehouse: &WarehouseId, by: i64) {
        let entry = self.entries.entry(ListingId::hub()).or_insert_with(|| Entry::new(warehouse.clone()));
        entry.count_in(warehouse, by);
        entry.sequence += 1;
    }

    /// Takes a listing out. What it counted stays where it was counted.
    pub fn retire(&mut self, listing: &ListingId) {
        let Some(entry) = self.entries.remove(listing) else { return };
        for (warehouse, by) in entry.shares().into_iter().filter(|(_, by)| *by != 0) {
            self.hand_over(&warehouse, by);
        }
    }

    /// Gives a listing another home. Units that another listing of the old home still shows stay there; those that nobody
    /// else shows move along, as far as the new home has a level or nobody does. `false` when there was nothing to do.
    pub fn relocate(&mut self, listing: &ListingId, home: &WarehouseId) -> bool {
        let Some(entry) = self.entries.get_mut(listing).filter(|entry| entry.warehouse != *home) else { return false };
        let old = std::mem::replace(&mut entry.warehouse, home.clone());
        let former = Entry { warehouse: old.clone(), ..entry.clone() };
        (entry.counted, entry.charged, entry.sequence) = (0, Taken::new(), entry.sequence + 1);
        for (warehouse, by) in former.shares().into_iter().filter(|(_, by)| *by != 0) {
            self.hand_over(&warehouse, by);
        }
        let others = self.entries.iter().any(|(id, entry)| !id.is_hub() && !id.is_kit() && entry.warehouse == old);
        if !others && self.knows(&old) {
            self.transfer(&old, home, self.level(&old));
        }
        true
    }

    /// Moves units from one warehouse to another.
    pub fn transfer(&mut self, from: &WarehouseId, to: &WarehouseId, units: i64) {
        for (warehouse, by) in [(from, units.saturating_neg()), (to, units)] {
            let base = self.base.entry(warehouse.clone()).or_insert(0);
            *base = base.saturating_add(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, LineId, OrderId};

    fn warehouse(name: &str) -> WarehouseId {
        WarehouseId::new(name).expect("valid")
    }

    fn units(parts: &[(&str, i64)]) -> Taken {
        parts.iter().map(|(name, units)| (warehouse(name), *units)).collect()
    }

    fn listing(name: &str) -> ListingId {
        ListingId::single(AccountId::new(name).expect("valid"))
    }

    fn two() -> [WarehouseId; 2] {
        [warehouse("main"), warehouse("west")]
    }

    #[test]
    fn a_sale_is_charged_to_the_first_that_has_stock_and_split_where_it_must() {
        let levels = units(&[("main", 3), ("west", 4)]);
        assert_eq!(split(&levels, &two(), -2, &Taken::new()), units(&[("main", -2)]));
        assert_eq!(split(&levels, &two(), -5, &Taken::new()), units(&[("main", -3), ("west", -2)]));
        assert_eq!(split(&levels, &two(), -9, &Taken::new()), units(&[("main", -5), ("west", -4)]), "2 are owed");
        let owing = units(&[("main", -1), ("west", 4)]);
        assert_eq!(split(&owing, &two(), -2, &Taken::new()), units(&[("west", -2)]));
    }

    #[test]
    fn what_comes_back_goes_where_it_was_taken() {
        let levels = units(&[("main", 0), ("west", 0)]);
        let taken = units(&[("main", 3), ("west", 2)]);
        assert_eq!(split(&levels, &two(), 1, &taken), units(&[("west", 1)]));
        assert_eq!(split(&levels, &two(), 4, &taken), units(&[("main", 2), ("west", 2)]));
        assert_eq!(split(&levels, &two(), 9, &taken), units(&[("main", 7), ("west", 2)]));
        assert_eq!(split(&levels, &[warehouse("east")], 2, &taken), units(&[("main", 2)]), "though it feeds no longer");
    }

    #[test]
    fn every_part_adds_up_to_the_whole() {
        for by in -12..=12 {
            for (main, west) in [(0, 0), (3, 4), (-2, 5), (7, -3)] {
                let levels = units(&[("main", main), ("west", west)]);
                let parts = split(&levels, &two(), by, &units(&[("west", 3)]));
                assert_eq!(parts.values().sum::<i64>(), by);
            }
        }
    }

    fn pooled() -> Ledger {
        let entries = BTreeMap::from([(listing("market"), Entry::new(warehouse("main")))]);
        Ledger { base: units(&[("main", 2), ("west", 5)]), entries, ..Ledger::default() }
    }

    fn counted(ledger: &mut Ledger, by: i64, marker: &mut Marker) {
        let levels = ledger.levels(&two());
        let (order, line) = (marker.order.clone(), marker.line.clone());
        let cause = if by < 0 { Cause::Sale(order, line) } else { Cause::Return(order, line) };
        let entry = ledger.entries.get_mut(&listing("market")).expect("it is there");
        entry.count(by);
        charge(levels, entry, &two(), &[Counted { by, cause }], std::slice::from_mut(marker));
    }

    fn marker(order: &str) -> Marker {
        let (order, line) = (OrderId::new(order).expect("valid"), LineId::new("a").expect("valid"));
        Marker { order, line, before: None, after: 0, logged: true, taken: Taken::new() }
    }

    #[test]
    fn a_line_remembers_where_its_units_came_from() {
        let mut ledger = pooled();
        let (mut first, mut second) = (marker("1"), marker("2"));
        counted(&mut ledger, -3, &mut first);
        assert_eq!((ledger.level(&two()[0]), ledger.level(&two()[1])), (0, 4));
        assert_eq!(first.taken, units(&[("main", 2), ("west", 1)]));
        counted(&mut ledger, -2, &mut second);
        assert_eq!((ledger.level(&two()[0]), ledger.level(&two()[1])), (0, 2));
        counted(&mut ledger, 2, &mut second);
        assert_eq!((ledger.level(&two()[0]), ledger.level(&two()[1])), (0, 4), "back where the second took them");
        counted(&mut ledger, 3, &mut first);
        assert_eq!((ledger.base.clone(), ledger.total()), (units(&[("main", 2), ("west", 5)]), 7));
        assert!(first.taken.is_empty() && ledger.entries[&listing("market")].charged.is_empty());
    }

    #[test]
    fn a_listing_that_goes_leaves_its_units_where_they_were_counted() {
        let mut ledger = pooled();
        counted(&mut ledger, -3, &mut marker("1"));
        ledger.retire(&listing("market"));
        assert_eq!((ledger.level(&two()[0]), ledger.level(&two()[1]), ledger.entries.len()), (0, 4, 1));
    }

    #[test]
    fn units_that_nobody_else_shows_move_along_and_others_stay() {
        let mut alone = pooled();
        counted(&mut alone, -1, &mut marker("1"));
        assert!(alone.relocate(&listing("market"), &two()[1]));
        assert_eq!((alone.level(&two()[0]), alone.level(&two()[1])), (0, 6));
        assert!(!alone.relocate(&listing("market"), &two()[1]), "it is there already");
        let mut shown = pooled();
        shown.entries.insert(listing("shop"), Entry::new(warehouse("main")));
        counted(&mut shown, -1, &mut marker("1"));
        shown.relocate(&listing("market"), &two()[1]);
        assert_eq!((shown.level(&two()[0]), shown.level(&two()[1])), (1, 5));
    }

    #[test]
    fn an_edit_of_a_further_warehouse_counts_there() {
        let mut ledger = pooled();
        ledger.adjust(&two()[0], 1);
        ledger.adjust(&two()[1], -2);
        assert_eq!((ledger.level(&two()[0]), ledger.level(&two()[1])), (3, 3));
        ledger.adjust(&warehouse("east"), 4);
        assert!(ledger.knows(&warehouse("east")));
        assert_eq!((ledger.level(&warehouse("east")), ledger.total()), (4, 10));
    }
}
