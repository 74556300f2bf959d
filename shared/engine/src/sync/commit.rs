//! Counting and claiming: what was seen enters the ledger and the pushes that follow are announced, in one conditional
//! write per SKU. Sale markers go into the same transaction.

use super::job::{Job, State};
use super::{PARALLEL, Run};
use crate::hub::{Accounts, Connected};
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, Item, Seen};
use domain::feed::{Marker, Reading};
use domain::plan::{self, Decision, Hold, Push, View};
use domain::planted::{self, Mistake};
use domain::settle::{self, Note, Observed};
use domain::{AccountId, Entry, Inbound, Ledger, ListingId, Sku, Timestamp, verify};
use domain::{Unfiled, kits, pool, unfiled};
use futures::{StreamExt, stream};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What one SKU wants to write.
pub(super) struct Draft {
    pub(super) sku: Sku,
    pub(super) ledger: Ledger,
    changes: Vec<Change>,
    /// Sale lines that are counted or given back.
    markers: Vec<(AccountId, Marker)>,
    pushes: Vec<Push>,
    pub(super) observed: Vec<(ListingId, Observed)>,
    /// Accounts whose listings must be looked at later, or only written.
    again: Vec<Again>,
}

/// What has to be done later at an account.
struct Again {
    account: AccountId,
    due: Timestamp,
    reason: &'static str,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// Look.
    Look,
    /// Write.
    Write,
    /// Write, with whatever else waits.
    WriteInLane,
}

const fn look(account: AccountId, due: Timestamp, reason: &'static str) -> Again {
    Again { account, due, reason, what: What::Look }
}

impl Draft {
    /// Has the sale lines that were counted written: where nothing else is, they ride in the ledger's row, which is one write for
    /// half the price of a transaction. Else they are rows in one, and so are those that rode before.
    fn enter_markers(&mut self, alone: bool, now: Timestamp) {
        let markers = std::mem::take(&mut self.markers);
        if markers.is_empty() {
            return;
        }
        let riding = &mut self.ledger.unfiled;
        if alone && unfiled::may_ride(riding, &markers) && !planted::is(Mistake::MarkerApart) {
            riding.extend(markers.iter().map(|(account, marker)| Unfiled::new(account, marker)));
            return;
        }
        let mut rode = std::mem::take(riding);
        for (account, marker) in &markers {
            let place = rode.iter().position(|line| line.is_of(account, marker));
            self.changes.push(match place.map(|place| rode.remove(place)) {
                Some(line) => records::sale_change_of_riding(account, &self.sku, marker, &line, now),
                None => records::sale_change(account, &self.sku, marker, now),
            });
        }
        self.changes.extend(rode.iter().map(|line| {
            let marker = line.marker();
            records::sale_change_of_riding(&line.account, &self.sku, &marker, line, now)
        }));
    }

    /// Takes out the notes that a person must see, with all that was noted beside them: they are written with what they are
    /// about, so that no crash can keep them back.
    fn take_doubts(&mut self) -> Vec<Seen> {
        let is_doubt = |note: &Note| matches!(note, Note::Ambiguous(_) | Note::Undecided(..) | Note::Repaired(_));
        let mut told = Vec::new();
        for (listing, observed) in &mut self.observed {
            if observed.notes.iter().any(is_doubt) {
                let notes = std::mem::take(&mut observed.notes);
                told.push(Seen { listing: listing.clone(), counted: Vec::new(), notes });
            }
        }
        told
    }
}

/// How long until it is checked whether whoever announced a push has died, milliseconds.
const DEAD_MS: i64 = 30_000;

impl Run<'_> {
    /// Counts what was seen and claims what follows, SKU by SKU, side by side.
    pub(super) async fn count_and_claim(&mut self, open: &[Sku]) {
        let drafts = self.drafts(open);
        let mut drafts = self.guarded(drafts, open).await;
        self.assign_calls(&mut drafts).await;
        let drafts: Vec<Draft> = drafts.into_iter().map(|draft| self.claimed(draft)).collect();
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
                let before = job.ledger.clone();
                let moved = moved_by_looks(job, &draft.ledger, &self.accounts);
                job.accept(draft.ledger, draft.pushes, draft.observed, moved);
                self.note_troubles(&draft.sku, before.as_ref());
                for again in draft.again {
                    let (account, due) = (&again.account, again.due);
                    match again.what {
                        What::Look => self.postpone(&draft.sku, account, due, again.reason),
                        What::Write => self.postpone_write(&draft.sku, account, due, again.reason, false),
                        What::WriteInLane => self.postpone_write(&draft.sku, account, due, again.reason, true),
                    }
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
        let (before, item, now) = (job.ledger.as_ref()?, job.item.as_ref()?, self.hub.clock.now());
        let mut draft = Draft {
            sku: sku.clone(),
            ledger: before.clone(),
            changes: Vec::new(),
            markers: Vec::new(),
            pushes: Vec::new(),
            observed: Vec::new(),
            again: Vec::new(),
        };
        for (listing, sight) in &job.sights {
            self.observe(&mut draft, item, listing, sight, now);
        }
        if job.forgives {
            draft.ledger.entries.values_mut().for_each(domain::Entry::forgive);
        }
        draft.observed.extend(self.enter_kits(item, &mut draft.ledger));
        let views = self.views(item, &draft.ledger);
        self.decide(&mut draft, &views, now);
        Some(draft)
    }

    /// The draft with its pushes announced, ready to be written.
    fn claimed(&self, mut draft: Draft) -> Draft {
        let now = self.hub.clock.now();
        let Some((job, before)) = self.jobs.get(&draft.sku).and_then(|job| Some((job, job.ledger.as_ref()?))) else {
            return draft;
        };
        plan::claim(&mut draft.ledger, &draft.pushes, now, self.hub.lease_ms());
        let differs =
            if self.pace.keep_place { draft.ledger != *before } else { draft.ledger.differs_in_substance(before) };
        let told = draft.take_doubts();
        draft.enter_markers(told.is_empty(), now);
        let differs = differs || draft.ledger.unfiled != before.unfiled;
        if differs || !told.is_empty() {
            let version = before.version + 1;
            let row = records::ledger_row(&draft.sku, &announced(&draft.ledger), version);
            draft.ledger.version = version;
            draft.changes.insert(0, Change::Put(row, unchanged_since(before.version)));
        }
        if !told.is_empty() {
            let history = job.doubts(&draft.sku, told, &draft.ledger, now);
            draft.changes.push(Change::Put(history.row(self.hub.clock.random()), Condition::Any));
        }
        draft
    }

    /// Writes to an account that are as many as its big call takes become rows of one, or of several.
    async fn assign_calls(&self, drafts: &mut [Draft]) {
        let mut by_account: BTreeMap<AccountId, Vec<&mut Push>> = BTreeMap::new();
        for push in drafts.iter_mut().flat_map(|draft| &mut draft.pushes) {
            by_account.entry(push.listing.account.clone()).or_default().push(push);
        }
        for (account, mut pushes) in by_account {
            let Some(connected) = self.accounts.get(&account) else { continue };
            let Some(bulk) = connected.channel.info().capabilities.bulk else { continue };
            if self.hub.budgets.is_narrow(&account, self.hub.clock.now()) {
                continue;
            }
            if bulk.gathered {
                let call = self.gathered_call(&account, pushes.len(), bulk).await;
                pushes.iter_mut().for_each(|push| push.call = call);
            } else if pushes.len() >= bulk.from {
                for pushes in pushes.chunks_mut(bulk.most) {
                    let call = Some(self.hub.clock.random().max(1));
                    pushes.iter_mut().for_each(|push| push.call = call);
                }
            }
        }
    }

    /// Tells of listings whose trouble has come or gone.
    pub(super) fn note_troubles(&self, sku: &Sku, before: Option<&Ledger>) {
        let Some(after) = self.jobs.get(sku).and_then(|job| job.ledger.as_ref()) else { return };
        for (listing, entry) in &after.entries {
            let was = before.and_then(|before| before.entries.get(listing)).and_then(|entry| entry.trouble.as_ref());
            if was != entry.trouble.as_ref() {
                let why = entry.trouble.as_ref().map(|trouble| trouble.why.clone());
                self.hub.noted_trouble(&listing.account, sku, why);
            }
        }
    }

    fn observe(&self, draft: &mut Draft, item: &Item, listing: &ListingId, sight: &super::job::Sight, now: Timestamp) {
        let Some(connected) = self.accounts.get(&listing.account) else { return };
        if sight.level.is_none() && !sight.counts {
            return;
        }
        let feeds = connected.feeds();
        let policy = self.policy(item, listing, connected);
        let enough = kits::levels(&item.parts, |part| self.ledger_of(part));
        let levels = enough.unwrap_or_else(|| draft.ledger.levels(&feeds));
        let Some(entry) = draft.ledger.entries.get_mut(listing) else { return };
        if planted::is(Mistake::EchoDropped) && sight.level.is_some() && entry.shadow == sight.level {
            return;
        }
        let (mut counted, mut markers, first) = (Vec::new(), Vec::new(), entry.shadow.is_none());
        if let (Some(reading), false) = (&sight.reading, first) {
            take_position(entry, reading);
            counted.clone_from(&reading.counted);
            markers.clone_from(&reading.markers);
        }
        let mut observed = match sight.level {
            Some(level) => {
                let seen = settle::Seen { level, counted: &counted, quiet: sight.quiet, exact: sight.exact, now };
                settle::observe(entry, seen, policy)
            }
            None => settle::count(entry, &counted, policy, now),
        };
        pool::charge(levels, entry, &feeds, &observed.counted, &mut markers);
        let account = &connected.account.id;
        draft.markers.extend(markers.into_iter().map(|marker| (account.clone(), marker)));
        let home = entry.warehouse.clone();
        if let Some(level) = sight.level
            && first
            && !draft.ledger.knows(&home)
            && connected.master_rank(&listing.location).is_some()
        {
            draft.ledger.start(&home, level.saturating_mul(policy.each));
        }
        let doubts = sight.reading.iter().flat_map(|reading| &reading.doubts);
        observed.notes.extend(doubts.filter(|_| policy.inbound == Inbound::All).map(|by| Note::Ambiguous(*by)));
        let guessed = sight.reading.iter().flat_map(|reading| &reading.guessed);
        observed.notes.extend(guessed.map(|by| Note::Ambiguous(*by)));
        if let Some(due) = observed.again {
            draft.again.push(look(listing.account.clone(), due, "a difference has not settled"));
        }
        draft.observed.push((listing.clone(), observed));
    }

    fn decide(&self, draft: &mut Draft, views: &BTreeMap<ListingId, View>, now: Timestamp) {
        for (listing, decision) in plan::plan(&draft.ledger, views) {
            let account = listing.account.clone();
            match decision {
                Decision::InSync => {
                    if let Some(entry) = draft.ledger.entries.get_mut(&listing) {
                        entry.needs_no_write();
                    }
                }
                Decision::Push(push) => match self.when_to_write(&account, now) {
                    Some(again) => draft.again.push(again),
                    None => draft.pushes.push(push),
                },
                // whoever sends it goes on with what is due after it; only if it dies there is something to do, for one
                Decision::Hold(Hold::Pending) if self.watches(&draft.sku, &account) => {
                    let (due, reason) = (now.plus_ms(DEAD_MS), "a push is on its way");
                    draft.again.push(Again { account, due, reason, what: What::Write });
                }
                Decision::Hold(Hold::Unresolved) => {
                    let due = self.when_over(&draft.sku, now);
                    draft.again.push(look(account, due, "the outcome of a push is not known"));
                }
                Decision::Hold(Hold::Accepted) => {
                    let awaited =
                        views.get(&listing).is_some_and(|view| plan::is_awaited(&draft.ledger, &listing, view));
                    if let Some(due) = self.next_look(&draft.ledger, &listing, now, awaited) {
                        draft.again.push(look(account, due, "a write is accepted and not live yet"));
                    }
                }
                Decision::Hold(_) => {}
            }
        }
    }

    /// Whether a run looks after a push of others: the first that meets it there, and who has done so before.
    fn watches(&self, sku: &Sku, account: &AccountId) -> bool {
        self.jobs.get(sku).is_some_and(|job| job.attempts == 0 || job.asker == *account)
    }

    /// When an accepted write is looked at next.
    pub(super) fn next_look(
        &self,
        ledger: &Ledger,
        listing: &ListingId,
        now: Timestamp,
        awaited: bool,
    ) -> Option<Timestamp> {
        let verify_ms = self.accounts.get(&listing.account)?.channel.info().capabilities.verify_ms?;
        Some(verify::next_look(ledger.entries.get(listing)?.accepted()?, now, verify_ms, awaited))
    }

    /// Why an account is not written at once, if so: its store does not answer, or so much waits that the lane takes it.
    fn when_to_write(&self, account: &AccountId, now: Timestamp) -> Option<Again> {
        let account = account.clone();
        if let Some(due) = self.hub.budgets.closed_until(&account, now) {
            return Some(Again { account, due, reason: "the store does not answer", what: What::Write });
        }
        let crowded = !self.pace.lane && self.hub.is_crowded(&account);
        crowded.then_some(Again { account, due: now, reason: "many writes wait", what: What::WriteInLane })
    }
}

impl Job {
    /// What was written is how things are; `again` names accounts that are looked at once more.
    fn accept(
        &mut self,
        ledger: Ledger,
        pushes: Vec<Push>,
        observed: Vec<(ListingId, Observed)>,
        again: BTreeSet<AccountId>,
    ) {
        for (listing, observed) in observed {
            self.entered |= listing.is_kit();
            self.saw(&listing, observed);
        }
        self.sights.clear();
        self.ledger = Some(ledger);
        self.look_at.extend(again);
        if pushes.is_empty() && self.look_at.is_empty() {
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

/// Exact accounts whose levels were just entered as a look has found them. What a store told between that look and this write may
/// have been told from an echo by the ledger as it was before: whoever looks once more finds it (`echo.rs`).
fn moved_by_looks(job: &Job, after: &Ledger, accounts: &Accounts) -> BTreeSet<AccountId> {
    let shadow = |ledger: &Ledger, listing: &ListingId| ledger.entries.get(listing).and_then(|entry| entry.shadow);
    let moved = job.sights.keys().filter(|listing| {
        let before = job.ledger.as_ref().and_then(|before| shadow(before, listing));
        before.is_some() && before != shadow(after, listing) && !planted::is(Mistake::LookedOnce)
    });
    let exact = moved.filter(|listing| accounts.get(&listing.account).is_some_and(Connected::is_exact));
    exact.map(|listing| listing.account.clone()).collect()
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
        if square.unheard != reading.unheard {
            square.unheard = reading.unheard;
            entry.sequence += 1;
            // its name is known everywhere: what was refused under another one is tried again
            entry.forgive();
        }
    }
}
