//! What an order about locations makes of each SKU, and what that adds up to.

use super::prepare::{Job, Step};
use super::{Level, Linking};
use crate::adopt::{Difference, Draft, SHOWN};
use crate::items::levels;
use crate::listings::todo;
use crate::ports::Row;
use crate::records::{Item, asked};
use crate::scan::Scan;
use domain::plan;
use domain::{Ledger, ListingId, LocationId, Timestamp, WarehouseId};

/// A SKU after a step.
pub(super) struct Moved {
    pub(super) draft: Draft,
    pub(super) before: Ledger,
    /// The account's listings concerned.
    concerned: Vec<ListingId>,
    new: u64,
    removed: u64,
}

impl Job<'_> {
    /// What the order makes of a SKU, given its item with the version of that row; `None` where it does nothing.
    pub(super) fn moved(&self, (item, version): (Item, u64), before: Ledger, now: Timestamp) -> Option<Moved> {
        let account = &self.connected.account.id;
        let mine: Vec<ListingId> = item.listings.keys().filter(|id| id.account == *account).cloned().collect();
        let at = |places: &[LocationId]| -> Vec<ListingId> {
            mine.iter().filter(|id| places.contains(&id.location)).cloned().collect()
        };
        let draft = Draft::new(item, version, before.clone());
        let mut moved = Moved { draft, before, concerned: Vec::new(), new: 0, removed: 0 };
        match &self.plan.step {
            Step::Join(place, warehouse) => {
                moved.concerned = at(std::slice::from_ref(place));
                moved.move_to(warehouse);
                moved.enter(self.scan?, std::slice::from_ref(place), now);
            }
            Step::Leave(places) => {
                moved.concerned = at(places);
                moved.leave();
            }
            Step::Feed(home) => {
                moved.concerned = mine;
                home.iter().for_each(|home| moved.move_to(home));
            }
            Step::Empty(places) => moved.enter(self.scan?, places, now),
        }
        let idle = moved.concerned.is_empty() && moved.is_idle();
        (!idle).then_some(moved)
    }
}

impl Moved {
    fn move_to(&mut self, warehouse: &WarehouseId) {
        for listing in &self.concerned {
            self.draft.ledger.relocate(listing, warehouse);
        }
    }

    fn enter(&mut self, scan: &Scan, places: &[LocationId], now: Timestamp) {
        for place in places {
            let (entering, _) = self.draft.entering(scan, Some(place), now);
            let entered = self.draft.take(entering);
            self.new += entered.len() as u64;
            self.concerned.extend(entered.into_iter().map(|entered| entered.listing));
        }
    }

    fn leave(&mut self) {
        for listing in &self.concerned {
            self.draft.ledger.retire(listing);
            self.draft.item.listings.remove(listing);
            self.removed += 1;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.new == 0 && self.removed == 0 && self.draft.ledger == self.before
    }

    /// A listing that is just being written neither moves nor goes.
    pub(super) fn is_busy(&self) -> bool {
        let busy = |id: &ListingId| self.before.entries.get(id).is_some_and(|entry| entry.claim.is_some());
        self.draft.ledger != self.before && self.concerned.iter().any(busy)
    }
}

impl Linking {
    /// Enters what became of a SKU; tells which levels will be overwritten, and what must be written.
    pub(super) fn enter(
        &mut self,
        job: &Job<'_>,
        moved: Moved,
        overwritten: &mut Vec<Level>,
        todos: &mut Vec<Row>,
        now: Timestamp,
    ) {
        if moved.is_busy() {
            self.busy += 1;
            return;
        }
        self.skus += 1;
        self.new_listings += moved.new;
        self.removed_listings += moved.removed;
        let (before, after) = (levels(&moved.before), levels(&moved.draft.ledger));
        for warehouse in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
            let units = self.units.entry(warehouse.clone()).or_default();
            units.0 += before.get(warehouse).copied().unwrap_or(0);
            units.1 += after.get(warehouse).copied().unwrap_or(0);
        }
        for listing in &moved.concerned {
            let Some(view) = moved.draft.item.view(listing, &job.connected, |_| None) else { continue };
            let Some(entry) = moved.draft.ledger.entries.get(listing) else { continue };
            let target = plan::target(&moved.draft.ledger, entry, &view);
            self.without_level += u64::from(target == Err(plan::Hold::NoLevel));
            let Some(to) = target.ok().filter(|_| view.hold.is_none()).map(|target| target.max(0)) else { continue };
            let account = &job.connected.account.id;
            if entry.shadow != Some(to) {
                todos.push(todo(account, &moved.draft.item.sku, to, now, asked::LINK).row());
            }
            let Some(from) = entry.shadow.filter(|from| *from != to) else { continue };
            overwritten.push((moved.draft.item.sku.clone(), listing.clone(), Some(from)));
            self.change(Difference { sku: moved.draft.item.sku.clone(), listing: listing.clone(), from, to });
        }
    }

    fn change(&mut self, difference: Difference) {
        self.will_change += 1;
        self.gains += (difference.to - difference.from).max(0);
        self.losses += (difference.from - difference.to).max(0);
        if self.differences.len() < SHOWN {
            self.differences.push(difference);
        }
    }
}
