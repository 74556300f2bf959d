//! Kits: an item that is made of others and has no stock of its own.
//!
//! A kit is on sale like anything else, and its own ledger counts what was sold of it. Each of its parts carries a virtual
//! listing, the register, that says what all sales of the kit have taken from it: an absolute number, so entering it again
//! changes nothing. A worker that dies between kit and part leaves a register behind that whoever looks next puts right.

use crate::ledger::{Entry, Ledger};
use crate::planted::{self, Mistake};
use crate::{ListingId, Sku, WarehouseId};
use std::collections::{BTreeMap, BTreeSet};

/// What the parts of a kit are enough for, by warehouse. A warehouse in which the level of a part is not known is left out:
/// unknown is not zero. `None` when `parts` is empty: then it is no kit.
#[must_use]
pub fn levels<'a>(
    parts: &BTreeMap<Sku, i64>,
    ledger: impl Fn(&Sku) -> Option<&'a Ledger>,
) -> Option<BTreeMap<WarehouseId, i64>> {
    if parts.is_empty() {
        return None;
    }
    let ledgers: Vec<(Option<&Ledger>, i64)> = parts.iter().map(|(sku, each)| (ledger(sku), (*each).max(1))).collect();
    let known: BTreeSet<&WarehouseId> =
        ledgers.iter().filter_map(|(ledger, _)| *ledger).flat_map(|ledger| ledger.base.keys()).collect();
    let enough = |warehouse: &WarehouseId| {
        let each = ledgers.iter().map(|(ledger, each)| {
            let ledger = ledger.filter(|ledger| ledger.knows(warehouse))?;
            Some(ledger.level(warehouse).div_euclid(*each))
        });
        each.collect::<Option<Vec<i64>>>()?.into_iter().min()
    };
    Some(known.into_iter().filter_map(|warehouse| Some((warehouse.clone(), enough(warehouse)?))).collect())
}

impl Ledger {
    /// Enters in a part's ledger what all sales of a kit have taken from it; `each` of its units are in one kit. An older
    /// ledger of the kit than the one that was entered last changes nothing. Whether the part's ledger changed.
    pub fn register(&mut self, kit: &Sku, each: i64, of: &Self) -> bool {
        let known = self.entries.get(&ListingId::kit(kit));
        if known.is_some_and(|entry| entry.sequence >= of.version) {
            return false;
        }
        let units = of.sold_of_kit(each);
        let total = units.values().fold(0, |sum: i64, by| sum.saturating_add(*by));
        let home = WarehouseId::main();
        let charged: BTreeMap<WarehouseId, i64> =
            units.into_iter().filter(|(warehouse, _)| *warehouse != home).collect();
        if known.map_or(total == 0 && charged.is_empty(), |entry| (entry.counted, &entry.charged) == (total, &charged))
        {
            return false;
        }
        let before = known.map_or(0, |entry| entry.counted);
        let mut entry = Entry { counted: total, charged, sequence: of.version, ..Entry::new(home) };
        if planted::is(Mistake::PartsTwice) {
            entry.counted = before.saturating_add(total);
        }
        self.entries.insert(ListingId::kit(kit), entry);
        true
    }

    /// Whether a part's register says what the kit's ledger says.
    #[must_use]
    pub fn is_registered(&self, kit: &Sku, each: i64, of: &Self) -> bool {
        !self.clone().register(kit, each, of)
    }

    /// What sales of a kit took of one of its parts, by warehouse.
    fn sold_of_kit(&self, each: i64) -> BTreeMap<WarehouseId, i64> {
        let homes = self.entries.values().flat_map(|entry| entry.charged.keys().chain([&entry.warehouse]));
        let homes: BTreeSet<&WarehouseId> = homes.chain(self.base.keys()).collect();
        let units = homes.into_iter().map(|home| (home.clone(), self.counted_in(home).saturating_mul(each)));
        units.filter(|(_, units)| *units != 0).collect()
    }

    /// Closes the books of a kit before it is made of something else, or nothing: what it counted so far has been taken from
    /// its former parts for good.
    pub fn close_kit(&mut self) {
        for warehouse in self.sold_of_kit(1).into_keys() {
            let counted = self.counted_in(&warehouse);
            let base = self.base.entry(warehouse).or_insert(0);
            *base = base.saturating_add(counted);
        }
        for entry in self.entries.values_mut().filter(|entry| entry.counted != 0 || !entry.charged.is_empty()) {
            (entry.counted, entry.sequence) = (0, entry.sequence + 1);
            entry.charged.clear();
        }
    }

    /// Closes a part's register of a kit whose books are closed at `version`: what was taken stays taken, and no older
    /// ledger of the kit is entered any more.
    pub fn close_register(&mut self, kit: &Sku, version: u64) {
        let id = ListingId::kit(kit);
        self.retire(&id);
        self.entries.insert(id, Entry { sequence: version, ..Entry::new(WarehouseId::main()) });
    }

    /// Whether a level of it was ever known: it was received, or somebody said that there is none.
    #[must_use]
    pub fn is_received(&self) -> bool {
        !self.base.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccountId;

    fn sku(name: &str) -> Sku {
        Sku::new(name).expect("valid")
    }

    fn stock(units: i64) -> Ledger {
        Ledger { version: 1, base: BTreeMap::from([(WarehouseId::main(), units)]), ..Ledger::default() }
    }

    fn sell(kit: &mut Ledger, units: i64) {
        let shop = ListingId::single(AccountId::new("shop").expect("valid"));
        let entry = kit.entries.entry(shop).or_insert_with(|| Entry::new(WarehouseId::main()));
        entry.count(-units);
        entry.sequence += 1;
        kit.version += 1;
    }

    fn level(ledger: &Ledger) -> i64 {
        ledger.level(&WarehouseId::main())
    }

    #[test]
    fn a_kit_is_worth_what_its_scarcest_part_is_enough_for() {
        let parts = BTreeMap::from([(sku("CUP"), 2), (sku("POT"), 1)]);
        let (cups, pots) = (stock(9), stock(7));
        let of = |cups: Option<&Ledger>| {
            let find = |sku: &Sku| if sku.as_str() == "CUP" { cups } else { Some(&pots) };
            levels(&parts, find).expect("it is a kit").get(&WarehouseId::main()).copied()
        };
        assert_eq!(of(Some(&cups)), Some(4));
        assert_eq!(of(Some(&stock(-3))), Some(-2));
        assert_eq!(of(Some(&Ledger::default())), None, "cups were never received");
        assert_eq!(of(None), None);
        assert_eq!(levels(&BTreeMap::new(), |_| None), None, "no kit");
    }

    #[test]
    fn entering_what_a_kit_took_again_changes_nothing() {
        let (mut kit, mut cups) = (Ledger::default(), stock(20));
        assert!(!cups.register(&sku("SET"), 2, &kit), "nothing was sold");
        sell(&mut kit, 3);
        assert!(!cups.is_registered(&sku("SET"), 2, &kit));
        assert!(cups.register(&sku("SET"), 2, &kit));
        assert!(!cups.register(&sku("SET"), 2, &kit) && cups.is_registered(&sku("SET"), 2, &kit));
        assert_eq!(level(&cups), 14);
        let old = kit.clone();
        sell(&mut kit, 1);
        cups.register(&sku("SET"), 2, &kit);
        assert!(!cups.register(&sku("SET"), 2, &old), "an older ledger of the kit says nothing");
        assert_eq!(level(&cups), 12);
    }

    #[test]
    fn a_kit_that_changes_leaves_what_it_took_and_begins_anew() {
        let (mut kit, mut cups) = (Ledger::default(), stock(20));
        sell(&mut kit, 3);
        cups.register(&sku("SET"), 2, &kit);
        let old = kit.clone();
        kit.close_kit();
        kit.version += 1;
        cups.close_register(&sku("SET"), kit.version);
        assert_eq!((level(&cups), kit.counted_in(&WarehouseId::main())), (14, 0));
        assert!(!cups.register(&sku("SET"), 2, &old), "a worker that was slow");
        sell(&mut kit, 1);
        cups.register(&sku("SET"), 5, &kit);
        assert_eq!(level(&cups), 9, "one kit of five");
    }

    #[test]
    fn what_a_kit_takes_is_taken_where_it_was_sold() {
        let west = WarehouseId::new("west").expect("valid");
        let (mut kit, mut cups) = (Ledger::default(), stock(20));
        cups.base.insert(west.clone(), 8);
        sell(&mut kit, 1);
        let shop = ListingId::single(AccountId::new("shop").expect("valid"));
        kit.entries.get_mut(&shop).expect("it sold").count_in(&west, -2);
        cups.register(&sku("SET"), 3, &kit);
        assert_eq!((level(&cups), cups.level(&west)), (17, 2));
        cups.close_register(&sku("SET"), 9);
        assert_eq!((level(&cups), cups.level(&west)), (17, 2));
    }
}
