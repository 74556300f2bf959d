//! What a run came to, unit by unit: what the hub counted, and what truly happened.

use super::books::Place;
use super::plain::shelf;
use super::run::Run;
use super::setup::Platform;
use super::world::account;
use domain::{Ledger, ListingId, LocationId, Sku, WriteKind};
use std::collections::BTreeMap;

impl Run {
    /// I2: every unit is accounted for.
    pub(super) fn account_for(&self) -> (u64, u64) {
        let (mut reported, mut erased) = (0, 0);
        for place in 0..self.world.setup.skus.len() {
            let sku = self.sku(place);
            for store in (0..self.world.setup.stores).filter(|store| self.world.setup.dead != Some(*store)) {
                match self.world.setup.platforms[store] {
                    Platform::Shop => reported += u64::from(self.account_for_place(store, &sku)),
                    Platform::Plain(write) => {
                        let places = self.world.setup.linked(store).into_iter();
                        erased += places.map(|place| self.account_for_plain(store, &place, &sku, write)).sum::<u64>();
                    }
                    Platform::Amazon | Platform::Shopify => self.account_for_market(store, &sku),
                }
            }
        }
        (reported, erased)
    }

    /// The made-up stores: what the hub counted and what people did differ by exactly what blind writes erased.
    fn account_for_plain(&self, store: usize, location: &LocationId, sku: &Sku, write: WriteKind) -> u64 {
        let (changed, level) = self.world.plain_truth(store, &shelf(sku.as_str(), location));
        let listing = ListingId::at(account(store), location.clone());
        let place = (self.world.setup.spot(&listing), sku.clone());
        let true_changes = changed - self.before_it_joined(store, &place);
        let books = self.world.oracle.books();
        let number = |map: &BTreeMap<Place, i64>| map.get(&place).copied().unwrap_or(0);
        let each = self.each(store, sku);
        let (counted, believed, done) = (number(&books.edits) / each, number(&books.believed), number(&books.done));
        let whole = number(&books.edits) % each == 0;
        let entry = books.ledgers.get(sku).and_then(|ledger| ledger.entries.get(&listing));
        let shadow = entry.and_then(|entry| entry.shadow).unwrap_or(0);
        drop(books);
        let (wrong, explained) = (counted - true_changes, shadow - level + done - believed);
        if wrong != explained || !whole {
            let what = format!("counted {counted}, true {true_changes}, pushes {believed} believed, {done} done");
            self.world.oracle.object(format!("I2: {sku} at {}: {what}", place.0));
        }
        if write != WriteKind::Set && wrong != 0 {
            self.world.oracle.object(format!("I2: {sku} at {}: {true_changes} changed, {counted} counted", place.0));
        }
        wrong.unsigned_abs()
    }

    /// Stores of other platforms: every unit is exact. At Amazon, where edits do not count, by its orders alone.
    fn account_for_market(&self, store: usize, sku: &Sku) {
        let truth = self.world.market.truth(store, sku.as_str());
        let place = (account(store), sku.clone());
        let books = self.world.oracle.books();
        let number = |map: &BTreeMap<Place, i64>| map.get(&place).copied().unwrap_or(0);
        let (sold, edited) = (number(&books.sold), number(&books.edits));
        drop(books);
        let counted = edited - sold;
        if counted != truth {
            self.world.oracle.object(format!("I2: {sku} at {}: {truth} changed, {counted} counted", place.0));
        }
        if self.world.setup.platforms[store] == Platform::Amazon && edited != 0 {
            self.world.oracle.object(format!("I2: {sku} at {}: edits of {edited} counted", place.0));
        }
        let stranded = self.world.market.stranded(store);
        if !stranded.is_empty() {
            self.world.oracle.object(format!("stranded at {}: {stranded:?}", place.0));
        }
    }

    /// Whether the edits of a place deviate, and a person was told.
    fn account_for_place(&self, store: usize, sku: &Sku) -> bool {
        let truth = self.world.truth(store, sku.as_str());
        let place = (account(store), sku.clone());
        let books = self.world.oracle.books();
        let sold = books.sold.get(&place).copied().unwrap_or(0);
        let edited = books.edits.get(&place).copied().unwrap_or(0);
        let doubted: u64 = books.ambiguous.get(&place).into_iter().flatten().map(|units| units.unsigned_abs()).sum();
        let (ambiguous, imported) = (books.ambiguous.contains_key(&place), books.imported.contains(&place));
        // a kit is never edited: what it shows follows from its parts
        let master = store == 0 && self.world.setup.ruled.as_ref().is_none_or(|ruled| self.sku(ruled.kit) != *sku);
        let should = if master { truth.edited } else { 0 };
        let allowed = ambiguous || books.beyond(&place, edited - should) == 0;
        // an import in the same moment as a return hides of which lines it was: told, and what the lines got the edits lack, or
        // nothing of both is entered before a person does
        let short = (sold - truth.sold + truth.returned).unsigned_abs();
        let off = edited - sold - truth.edited + truth.sold - truth.returned;
        let whole = !master || books.beyond(&place, off) <= doubted;
        drop(books);
        let guessed = imported && truth.returned > 0 && short <= doubted && whole;
        if sold != truth.sold - truth.returned && !guessed {
            let true_sold = truth.sold - truth.returned;
            self.world.oracle.object(format!("I2: {sku} at {}: {true_sold} sold, {sold} counted", place.0));
        }
        if !allowed {
            let what = format!("edits of {should}, {edited} counted, nobody told");
            self.world.oracle.object(format!("I2: {sku} at {}: {what}", place.0));
        }
        edited != should
    }

    /// Units of the hub in one that a store counts.
    fn each(&self, store: usize, sku: &Sku) -> i64 {
        let place = self.world.setup.skus.iter().position(|(name, _)| name == sku.as_str());
        self.world.setup.ruled.as_ref().zip(place).map_or(1, |(ruled, place)| ruled.each(store, place))
    }

    /// Each SKU's hub level, and all that truly happened to it in stores.
    pub(super) fn ends(&self) -> Vec<(i64, i64)> {
        let happened = |store: usize, sku: &Sku| match self.world.setup.platforms[store] {
            Platform::Shop => {
                let truth = self.world.truth(store, sku.as_str());
                truth.edited + truth.returned - truth.sold
            }
            Platform::Plain(_) => {
                let places = self.world.setup.linked(store).into_iter();
                places.map(|place| self.world.plain_truth(store, &shelf(sku.as_str(), &place)).0).sum()
            }
            Platform::Amazon | Platform::Shopify => self.world.market.truth(store, sku.as_str()),
        };
        let end = |sku: Sku| {
            let level = self.world.oracle.books().ledgers.get(&sku).map_or(0, Ledger::total);
            (level, (0..self.world.setup.stores).map(|store| happened(store, &sku)).sum())
        };
        (0..self.world.setup.skus.len()).map(|place| end(self.sku(place))).collect()
    }
}
