//! Counting and claiming: what was seen enters the ledger and the pushes that follow are announced, in one conditional
//! write per SKU. Sale markers go into the same transaction.

use super::job::{Job, State};
use super::{PARALLEL, Run};
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, Seen};
use domain::feed::Reading;
use domain::plan::{self, Decision, Hold, Push, View};
use domain::planted::{self, Mistake};
use domain::pool;
use domain::settle::{self, Note, Observed};
use domain::{AccountId, Entry, Inbound, Ledger, ListingId, Sku, Timestamp};
use futures::{StreamExt, stream};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What one SKU wants to write.
pub(super) struct Draft {
    pub(super) sku: Sku,
    pub(super) ledger: Ledger,
    changes: Vec<Change>,
    pushes: Vec<Push>,
    pub(super) observed: Vec<(ListingId, Observed)>,
    /// Accounts whose listings must be looked at later.
    again: Vec<(AccountId, Timestamp, &'static str)>,
}

impl Draft {
    /// Takes out the notes that a person must see: they are written with what they are about, so that no crash can keep
    /// them back.
    fn take_doubts(&mut self) -> Vec<Seen> {
        let is_doubt = |note: &Note| matches!(note, Note::Ambiguous(_) | Note::Repaired(_));
        let mut told = Vec::new();
        for (listing, observed) in &mut self.observed {
            let (notes, rest) = std::mem::take(&mut observed.notes).into_iter().partition(is_doubt);
            observed.notes = rest;
            if let notes @ [_, ..] = Vec::as_slice(&notes) {
                told.push(Seen { listing: listing.clone(), counted: Vec::new(), notes: notes.to_vec() });
            }
        }
        told
    }
}

/// How soon a listing with a push on its way is looked at again, milliseconds.
const PENDING_MS: i64 = 2_000;

impl Run<'_> {
    /// Counts what was seen and claims what follows, SKU by SKU, side by side.
    pub(super) async fn count_and_claim(&mut self, open: &[Sku]) {
        let drafts = self.drafts(open);
        let drafts = self.guarded(drafts, open).await;
        let written: Vec<(Draft, Result<(), StoreError>)> = stream::iter(drafts.into_iter().map(|draft| async {
            let result = match draft.changes.as_slice() {
                [] => Ok(()),
                changes if planted::is(Mistake::MarkerApart) => self.write_apart(changes).await,
                changes => self.hub.store.write(changes).await,
            };
            (draft, result)
        }))
        .buffer_unordered(PARALLEL)
        .collect()
        .await;
        for (draft, result) in written {
            self.take_written(draft, result);
        }
    }

    /// The planted mistake of writing a marker apart from its ledger.
    async fn write_apart(&self, changes: &[Change]) -> Result<(), StoreError> {
        for change in changes {
            self.hub.store.write(std::slice::from_ref(change)).await?;
        }
        Ok(())
    }

    fn take_written(&mut self, draft: Draft, result: Result<(), StoreError>) {
        let wrote = !draft.changes.is_empty();
        if result.is_ok() {
            self.note_corrections(&draft.sku, &draft.ledger, &draft.observed);
            self.note_handled(&draft.sku, &draft.observed);
        }
        let Some(job) = self.jobs.get_mut(&draft.sku) else { return };
        match result {
            Ok(()) => {
                self.report.commits += u64::from(wrote);
                self.report.counted += draft.observed.iter().map(|(_, seen)| seen.counted.len() as u64).sum::<u64>();
                job.accept(draft.ledger, draft.pushes, draft.observed, wrote);
                for (account, due, reason) in draft.again {
                    self.postpone(&draft.sku, &account, due, reason);
                }
            }
            // somebody else was faster, or nobody knows: look again at the same listings
            Err(StoreError::Conflict { .. } | StoreError::Unknown(_) | StoreError::Busy(_)) => job.look_again(),
            Err(error @ StoreError::Refused(_)) => job.state = State::Failed(error.to_string()),
        }
    }

    /// What the open SKUs want to write.
    pub(super) fn drafts(&self, open: &[Sku]) -> Vec<Draft> {
        open.iter().filter_map(|sku| self.draft(sku)).collect()
    }

    fn draft(&self, sku: &Sku) -> Option<Draft> {
        let job = self.jobs.get(sku)?;
        let (before, now) = (job.ledger.as_ref()?, self.hub.clock.now());
        let mut draft = Draft {
            sku: sku.clone(),
            ledger: before.clone(),
            changes: Vec::new(),
            pushes: Vec::new(),
            observed: Vec::new(),
            again: Vec::new(),
        };
        for (listing, sight) in &job.sights {
            self.observe(&mut draft, listing, sight, now);
        }
        self.decide(&mut draft, job, now);
        plan::claim(&mut draft.ledger, &draft.pushes, now, self.hub.lease_ms());
        let differs =
            if self.pace.keep_place { draft.ledger != *before } else { draft.ledger.differs_in_substance(before) };
        let told = draft.take_doubts();
        if differs || !told.is_empty() {
            let version = before.version + 1;
            let row = records::ledger_row(sku, &announced(&draft.ledger), version);
            draft.ledger.version = version;
            draft.changes.insert(0, Change::Put(row, unchanged_since(before.version)));
        }
        if !told.is_empty() {
            let history = job.doubts(sku, told, &draft.ledger, now);
            draft.changes.push(Change::Put(history.row(self.hub.clock.random()), Condition::Any));
        }
        Some(draft)
    }

    fn observe(&self, draft: &mut Draft, listing: &ListingId, sight: &super::job::Sight, now: Timestamp) {
        let Some(connected) = self.accounts.get(&listing.account) else { return };
        let Some(level) = sight.level else { return };
        let feeds = connected.feeds();
        let levels = draft.ledger.levels(&feeds);
        let Some(entry) = draft.ledger.entries.get_mut(listing) else { return };
        if planted::is(Mistake::EchoDropped) && entry.shadow == Some(level) {
            return;
        }
        let (mut counted, mut markers, first) = (Vec::new(), Vec::new(), entry.shadow.is_none());
        if let (Some(reading), false) = (&sight.reading, first) {
            take_position(entry, reading);
            counted.clone_from(&reading.counted);
            markers.clone_from(&reading.markers);
        }
        let seen = settle::Seen { level, counted: &counted, quiet: sight.quiet, exact: sight.exact, now };
        let mut observed = settle::observe(entry, seen, self.policy(&draft.sku, listing, connected));
        pool::charge(levels, entry, &feeds, &observed.counted, &mut markers);
        let account = &connected.account.id;
        draft.changes.extend(markers.iter().map(|marker| records::sale_change(account, &draft.sku, marker, now)));
        let home = entry.warehouse.clone();
        if first && !draft.ledger.knows(&home) && connected.master_rank(&listing.location).is_some() {
            draft.ledger.start(&home, level);
        }
        let doubts = sight.reading.iter().flat_map(|reading| &reading.doubts);
        observed.notes.extend(
            doubts.filter(|_| connected.inbound(&listing.location) == Inbound::All).map(|by| Note::Ambiguous(*by)),
        );
        let guessed = sight.reading.iter().flat_map(|reading| &reading.guessed);
        observed.notes.extend(guessed.map(|by| Note::Ambiguous(*by)));
        if let Some(due) = observed.again {
            draft.again.push((listing.account.clone(), due, "a difference has not settled"));
        }
        draft.observed.push((listing.clone(), observed));
    }

    fn decide(&self, draft: &mut Draft, job: &Job, now: Timestamp) {
        for (listing, decision) in plan::plan(&draft.ledger, &self.views(job)) {
            let account = listing.account.clone();
            match decision {
                Decision::Push(push) => match self.hub.budgets.closed_until(&account, now) {
                    Some(until) => draft.again.push((account, until, "the store does not answer")),
                    None => draft.pushes.push(push),
                },
                Decision::Hold(Hold::Pending) => {
                    draft.again.push((account, now.plus_ms(PENDING_MS), "a push is on its way"));
                }
                Decision::Hold(Hold::Unresolved) => {
                    draft.again.push((account, now.plus_ms(PENDING_MS), "the outcome of a push is not known"));
                }
                Decision::InSync | Decision::Hold(_) => {}
            }
        }
    }

    /// The SKU's listings as the planner sees them.
    pub(super) fn views(&self, job: &Job) -> BTreeMap<ListingId, View> {
        let listings = job.item.iter().flat_map(|item| item.listings.iter().map(|pair| (&item.sku, pair)));
        listings
            .filter_map(|(sku, (listing, settings))| {
                let connected = self.accounts.get(&listing.account)?;
                Some((listing.clone(), self.view_of(sku, listing, settings, connected)))
            })
            .collect()
    }
}

impl Job {
    fn accept(&mut self, ledger: Ledger, pushes: Vec<Push>, observed: Vec<(ListingId, Observed)>, _wrote: bool) {
        for (listing, observed) in observed {
            self.saw(&listing, observed);
        }
        self.sights.clear();
        self.ledger = Some(ledger);
        if pushes.is_empty() {
            self.state = State::Done;
        }
        self.claimed = pushes;
    }

    fn look_again(&mut self) {
        let accounts: BTreeSet<AccountId> = self.sights.keys().map(|listing| listing.account.clone()).collect();
        self.look_at.extend(accounts);
        self.sights.clear();
    }
}

/// The ledger as it is stored: with its claims.
fn announced(ledger: &Ledger) -> Cow<'_, Ledger> {
    if !planted::is(Mistake::NoClaim) {
        return Cow::Borrowed(ledger);
    }
    let mut ledger = ledger.clone();
    ledger.entries.values_mut().for_each(|entry| entry.claim = None);
    Cow::Owned(ledger)
}

/// The condition that nobody has written a ledger since it was read.
fn unchanged_since(version: u64) -> Condition {
    if planted::is(Mistake::StaleVersion) { Condition::Any } else { Condition::Version(version) }
}

/// Moves a listing's place in the feed.
fn take_position(entry: &mut Entry, reading: &Reading) {
    if let Some(square) = &mut entry.square {
        (square.position, square.last) = (reading.position, reading.last);
        (square.writes, square.echoes, square.forgot) = (reading.writes.clone(), reading.echoes, reading.forgot);
    }
}
