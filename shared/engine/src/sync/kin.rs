//! Kits in a run: what an item is part of and what it is made of comes along, so that a kit that is sold anywhere takes its
//! parts everywhere, and a part that is sold lowers every kit that needs it.
//!
//! Kits are counted first. Each part then enters what the kit's ledger, as it is stored, says to be taken from it; and looks
//! at that ledger once more afterwards, so that of two workers the slower one cannot leave an older number behind.

use super::Run;
use super::job::{Job, Kin, State};
use crate::hub::Error;
use crate::records::{self, Item};
use channels::Touch;
use domain::feed::{Cause, Counted};
use domain::plan::{self, Decision, View};
use domain::settle::Observed;
use domain::{AccountId, Ledger, ListingId, Sku};
use std::collections::{BTreeMap, BTreeSet};

/// Ledgers read at once.
const KEYS: usize = 500;

impl Run<'_> {
    /// Takes in the parts of kits that were asked for, the kits of every part, and the ledgers of what these are made of.
    pub(super) async fn take_kin(&mut self) -> Result<(), Error> {
        let parts = self.relatives(|kin| kin == Kin::Asked, |item| &item.parts);
        self.join(parts, Kin::Part).await?;
        let kits = self.relatives(|kin| kin != Kin::Kit, |item| &item.kits);
        self.join(kits, Kin::Kit).await?;
        self.read_parts().await
    }

    /// What open items are related to, with the one that it comes in for.
    fn relatives(&self, of: impl Fn(Kin) -> bool, pick: impl Fn(&Item) -> &BTreeMap<Sku, i64>) -> BTreeMap<Sku, Sku> {
        let open = self.jobs.iter().filter(|(_, job)| job.state == State::Open && of(job.kin));
        let found = open.filter_map(|(sku, job)| Some((sku, job.item.as_ref()?)));
        let pairs = found.flat_map(|(sku, item)| pick(item).keys().map(|other| (other.clone(), sku.clone())));
        pairs.collect()
    }

    /// Has relatives looked at with what they are related to: with the ledgers that they have now.
    async fn join(&mut self, relatives: BTreeMap<Sku, Sku>, kin: Kin) -> Result<(), Error> {
        let mut joined = Vec::new();
        for (sku, other) in relatives {
            if self.jobs.get(&sku).is_some_and(|job| job.state != State::Done || job.kin == Kin::Asked) {
                continue;
            }
            let Some(asker) = self.jobs.get(&other) else { continue };
            let fresh = Job::of_kin(asker, kin);
            match self.jobs.get_mut(&sku) {
                Some(known) => known.state = State::Open,
                None => drop(self.jobs.insert(sku.clone(), fresh)),
            }
            joined.push(sku);
        }
        self.load(&joined).await
    }

    /// The ledgers of the parts of kits that are here, where they did not come in themselves.
    async fn read_parts(&mut self) -> Result<(), Error> {
        let open = self.jobs.values().filter(|job| job.state == State::Open).filter_map(|job| job.item.as_ref());
        let wanted: BTreeSet<&Sku> = open.flat_map(|item| item.parts.keys()).collect();
        let wanted = wanted.into_iter().filter(|sku| self.jobs.get(*sku).is_none_or(|job| job.ledger.is_none()));
        let wanted: Vec<Sku> = wanted.cloned().collect();
        for skus in wanted.chunks(KEYS) {
            let keys: Vec<_> = skus.iter().map(records::ledger_key).collect();
            for (sku, row) in skus.iter().zip(self.hub.store.get(&keys).await?) {
                if let Some(row) = row {
                    self.parts.insert(sku.clone(), records::ledger(&row)?);
                }
            }
        }
        Ok(())
    }

    pub(super) fn ledger_of(&self, sku: &Sku) -> Option<&Ledger> {
        self.jobs.get(sku).and_then(|job| job.ledger.as_ref()).or_else(|| self.parts.get(sku))
    }

    /// Enters in a part's ledger what its kits have taken from it; gives what that changed, for the history.
    pub(super) fn enter_kits(&self, item: &Item, ledger: &mut Ledger) -> Vec<(ListingId, Observed)> {
        let mut entered = Vec::new();
        for (kit, each) in &item.kits {
            let Some(of) = self.ledger_of(kit) else { continue };
            let id = ListingId::kit(kit);
            let counted = |ledger: &Ledger| ledger.entries.get(&id).map_or(0, |entry| entry.counted);
            let before = counted(ledger);
            if ledger.register(kit, *each, of) {
                let by = counted(ledger) - before;
                let counted = vec![Counted { by, cause: Cause::Kit(kit.clone()) }];
                entered.push((id, Observed { counted, changed: true, ..Observed::default() }));
            }
        }
        entered
    }

    /// The listings of an item as the planner sees them, with this ledger of it.
    pub(super) fn views(&self, item: &Item, ledger: &Ledger) -> BTreeMap<ListingId, View> {
        let parts = self.parts_of(item, ledger);
        let view = |listing: &ListingId| {
            let connected = self.accounts.get(&listing.account)?;
            let believed = self.believed(&item.sku, listing, connected);
            Some((listing.clone(), item.view(listing, &believed, |part| parts.get(part))?))
        };
        item.listings.keys().filter_map(view).collect()
    }

    /// The ledgers of a kit's parts as they will be when what it has sold is entered.
    fn parts_of(&self, item: &Item, ledger: &Ledger) -> BTreeMap<Sku, Ledger> {
        let next = Ledger { version: ledger.version + 1, ..ledger.clone() };
        let part = |(sku, each): (&Sku, &i64)| {
            let mut part = self.ledger_of(sku)?.clone();
            part.register(&item.sku, *each, &next);
            Some((sku.clone(), part))
        };
        item.parts.iter().filter_map(part).collect()
    }

    /// The accounts that something of a SKU is to be written to, as its ledger is now.
    pub(super) fn due_at(&self, sku: &Sku) -> BTreeSet<AccountId> {
        let Some(job) = self.jobs.get(sku) else { return BTreeSet::new() };
        let (Some(item), Some(ledger)) = (&job.item, &job.ledger) else { return BTreeSet::new() };
        let due = |(listing, decision): (ListingId, Decision)| match decision {
            Decision::Push(_) => Some(listing.account),
            Decision::InSync | Decision::Hold(_) => None,
        };
        plan::plan(ledger, &self.views(item, ledger)).into_iter().filter_map(due).collect()
    }

    /// Whether something of a SKU is to be written that does not wait for its account already.
    fn is_behind(&self, sku: &Sku) -> bool {
        let waits = |account: AccountId| self.later.contains_key(&(account, Touch::Sku(sku.clone())));
        self.due_at(sku).into_iter().any(|account| !waits(account))
    }

    /// Goes on with kits whose parts have changed in this round, and with parts that have entered what a kit took: the kit's
    /// ledger may be another by now.
    pub(super) fn reopen_kin(&mut self) {
        let done = |job: &Job| job.state == State::Done && job.item.is_some();
        let kits = self.jobs.iter().filter(|(_, job)| done(job) && job.is_kit()).map(|(sku, _)| sku.clone());
        let mut again: BTreeSet<Sku> = kits.filter(|sku| self.is_behind(sku)).collect();
        for (sku, job) in &mut self.jobs {
            if std::mem::take(&mut job.entered) && job.state == State::Done {
                again.insert(sku.clone());
                again.extend(job.item.iter().flat_map(|item| item.kits.keys().cloned()));
            }
        }
        for sku in again {
            if let Some(job) = self.jobs.get_mut(&sku).filter(|job| job.state == State::Done) {
                job.state = State::Open;
            }
        }
    }
}
