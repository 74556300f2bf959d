//! Sending what was claimed, to all stores at once, and recording what became of it.

use super::job::State;
use super::{PARALLEL, Run};
use crate::hub::Connected;
use crate::line::{Line, failure};
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, Pushed};
use channels::{ErrorKind, Outcome, Write};
use domain::plan::Push;
use domain::push::{self, Ended};
use domain::{
    AccountId, Claim, Class, Entry, Inbound, Ledger, ListingId, LocationId, Sku, Timestamp, Unfiled, key, retry,
};
use futures::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

/// Attempts to record outcomes while others change the same ledger.
const RECORD_ATTEMPTS: usize = 16;

/// One claimed push, ready to be sent.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) sku: Sku,
    pub(super) push: Push,
    pub(super) write: Write,
    pub(super) sequence: u64,
    lease: Timestamp,
}

/// What became of one push.
pub(super) struct Sent {
    sku: Sku,
    push: Push,
    ended: Ended,
    error: Option<channels::Error>,
    /// Whether the store refuses it for a reason that only a person can mend.
    hopeless: bool,
    /// When the store had answered.
    at: Timestamp,
}

impl Run<'_> {
    /// Sends every claimed push and records the outcomes.
    pub(super) async fn send(&mut self) {
        let ready = self.ready();
        if ready.is_empty() {
            return;
        }
        let skus: BTreeSet<Sku> = ready.values().flatten().map(|ready| ready.sku.clone()).collect();
        let sending = stream::iter(ready.into_iter().map(|(account, ready)| self.send_to(account, ready)))
            .buffer_unordered(PARALLEL)
            .collect::<Vec<Vec<Sent>>>();
        // what rides in the ledgers is filed meanwhile: the write that records the outcomes leaves it out
        let (sent, filed) = futures::join!(sending, self.file(skus));
        let mut by_sku: BTreeMap<Sku, Vec<Sent>> = BTreeMap::new();
        for sent in sent.into_iter().flatten() {
            by_sku.entry(sent.sku.clone()).or_default().push(sent);
        }
        let filed = |sku: &Sku| filed.get(sku).cloned().unwrap_or_default();
        let recorded: Vec<_> = stream::iter(by_sku.into_iter().map(|(sku, sent)| {
            let filed = filed(&sku);
            self.record(sku, sent, filed)
        }))
        .buffer_unordered(PARALLEL)
        .collect()
        .await;
        for (sku, sent, recorded) in recorded {
            self.take_recorded(&sku, sent, recorded);
        }
    }

    fn ready(&mut self) -> BTreeMap<AccountId, Vec<Ready>> {
        let mut ready: BTreeMap<AccountId, Vec<Ready>> = BTreeMap::new();
        for (sku, job) in &mut self.jobs {
            for push in std::mem::take(&mut job.claimed) {
                let claim = job.ledger.as_ref().and_then(|ledger| ledger.entries.get(&push.listing)?.claim.clone());
                let listing = job.item.as_ref().and_then(|item| item.listings.get(&push.listing));
                let (Some(claim), Some(listing)) = (claim, listing) else { continue };
                let write = Write {
                    sku: sku.clone(),
                    location: push.listing.location.clone(),
                    external: listing.external.clone(),
                    from: push.from,
                    to: push.to,
                    key: key::push_key(sku, &push.listing, claim.sequence),
                };
                let account = push.listing.account.clone();
                let (sku, lease, sequence) = (sku.clone(), claim.lease, claim.sequence);
                ready.entry(account).or_default().push(Ready { sku, push, write, sequence, lease });
            }
        }
        ready
    }

    /// Sends one account's pushes: the rows of big calls together, the others in batches of its maximum.
    async fn send_to(&self, account: AccountId, ready: Vec<Ready>) -> Vec<Sent> {
        let answered = |sent: Sent| Sent { at: self.hub.clock.now(), ..sent };
        let Some(connected) = self.accounts.get(&account) else {
            return ready.into_iter().map(|ready| ready.not_sent("the account is gone")).collect();
        };
        let capabilities = &connected.channel.info().capabilities;
        let gathered = capabilities.bulk.is_some_and(|bulk| bulk.gathered);
        let narrow = self.hub.budgets.is_narrow(&account, self.hub.clock.now());
        let size = if narrow { 1 } else { capabilities.max_writes.max(1) };
        let mut calls: BTreeMap<u64, Vec<Ready>> = BTreeMap::new();
        let (rows, singles): (Vec<Ready>, Vec<Ready>) = ready.into_iter().partition(|ready| ready.push.call.is_some());
        for ready in rows {
            calls.entry(ready.push.call.unwrap_or_default()).or_default().push(ready);
        }
        let mut sent = Vec::new();
        for (call, rows) in calls {
            let ended = match gathered {
                true => self.gather(connected, call, rows).await,
                false => self.send_call(connected, call, rows).await,
            };
            sent.extend(ended.into_iter().map(answered));
        }
        let mut held_back: Option<channels::Error> = None;
        for batch in singles.chunks(size) {
            let ended = match &held_back {
                Some(error) => batch.iter().map(|ready| ready.clone().refused(error.clone())).collect(),
                None => self.send_batch(connected, batch).await,
            };
            held_back = held_back.or_else(|| ended.iter().find_map(|sent| self.holds_back(&account, sent)));
            sent.extend(ended.into_iter().map(answered));
        }
        sent
    }

    /// Why the rest of an account's pushes is not tried after one of them ended so. Those would wait for their turn as long, and
    /// their claims end; or their store has just failed, and while they waited to see it fail again nothing of the other stores
    /// could be recorded. A lane, which has nobody else to wait for, sits a short pause out.
    fn holds_back(&self, account: &AccountId, sent: &Sent) -> Option<channels::Error> {
        let error = sent.error.as_ref()?;
        let closed = !self.pace.lane && self.hub.budgets.closed_until(account, self.hub.clock.now()).is_some();
        (error.is_out_of_turn() || closed).then(|| error.clone())
    }

    /// The pushes whose claims outlive two calls; the others are not sent.
    pub(super) fn in_time(&self, batch: Vec<Ready>) -> (Vec<Ready>, Vec<Sent>) {
        let latest = self.hub.clock.now().plus_ms(2 * self.call_ms());
        let (good, late): (Vec<Ready>, Vec<Ready>) = batch.into_iter().partition(|ready| latest < ready.lease);
        let late = late.into_iter().map(|ready| ready.not_sent("the claim would end before the call"));
        (good, late.collect())
    }

    async fn send_batch(&self, connected: &Connected, batch: &[Ready]) -> Vec<Sent> {
        let line = self.hub.line(connected, self.pace.patience);
        let (batch, mut sent) = self.check_levels(connected, &line, batch.to_vec()).await;
        let (batch, late) = self.in_time(batch);
        sent.extend(late);
        if batch.is_empty() {
            return sent;
        }
        let writes: Vec<Write> = batch.iter().map(|ready| ready.write.clone()).collect();
        let outcomes = line.write(&writes).await;
        let refused = |outcome: &Outcome| failure(outcome).is_some_and(|error| error.kind == ErrorKind::Invalid);
        // where all are refused, the store may mean only one of them: then each goes alone, and shows which
        let as_a_whole = writes.len() > 1 && outcomes.iter().all(refused);
        if as_a_whole {
            self.hub.budgets.narrow(&connected.account.id, self.hub.clock.now());
        }
        sent.extend(
            matched(batch, outcomes).into_iter().map(|sent| Sent { hopeless: sent.hopeless && !as_a_whole, ..sent }),
        );
        sent
    }

    /// Where a write cannot be refused by the store and edits count, the level is read just before it: what changed since
    /// the ledger last saw it would be lost.
    async fn check_levels(&self, connected: &Connected, line: &Line<'_>, batch: Vec<Ready>) -> (Vec<Ready>, Vec<Sent>) {
        let edits_count = batch.iter().any(|ready| connected.inbound(&ready.push.listing.location) == Inbound::All);
        match connected.channel.info().capabilities.class() {
            Class::D => {}
            Class::C if edits_count => {}
            Class::A | Class::C => return (batch, Vec::new()),
        }
        let listings: Vec<(Sku, LocationId, String)> = batch
            .iter()
            .map(|ready| (ready.sku.clone(), ready.push.listing.location.clone(), ready.write.external.clone()))
            .collect();
        let levels = match line.levels(&listings).await {
            Ok(levels) => levels,
            Err(error) => return (Vec::new(), batch.into_iter().map(|ready| ready.refused(error.clone())).collect()),
        };
        let (mut good, mut sent) = (Vec::new(), Vec::new());
        for (ready, level) in batch.into_iter().zip(levels) {
            match level {
                Some(level) if level == ready.push.from => good.push(ready),
                Some(_) => sent.push(ready.ended(&Outcome::Stale)),
                // looking again would show nothing again, for as long as it is gone or called otherwise there
                None => sent.push(ready.not_sent("the store does not show its level")),
            }
        }
        (good, sent)
    }

    fn call_ms(&self) -> i64 {
        i64::try_from(self.hub.config.call_timeout.as_millis()).unwrap_or(i64::MAX)
    }

    /// Records all outcomes of one SKU in one conditional write, and drops the sale lines that are `filed`; on the ledger as it is
    /// now, if others changed it.
    async fn record(&self, sku: Sku, sent: Vec<Sent>, filed: Vec<Unfiled>) -> (Sku, Vec<Sent>, Option<Ledger>) {
        let Some(mut ledger) = self.jobs.get(&sku).and_then(|job| job.ledger.clone()) else {
            return (sku, sent, None);
        };
        let claims: BTreeMap<_, _> = sent
            .iter()
            .filter_map(|sent| {
                let claim = ledger.entries.get(&sent.push.listing)?.claim.clone()?;
                Some((sent.push.listing.clone(), claim))
            })
            .collect();
        for _ in 0..RECORD_ATTEMPTS {
            let before = ledger.version;
            let now = self.hub.clock.now();
            for sent in &sent {
                let Some(claim) = claims.get(&sent.push.listing) else { continue };
                if let Some(entry) = ledger.entries.get_mut(&sent.push.listing) {
                    self.enter(entry, claim, sent, now);
                }
            }
            ledger.unfiled.retain(|line| !filed.contains(line));
            ledger.version = before + 1;
            let row = records::ledger_row(&sku, &ledger, before + 1);
            match self.hub.store.write(&[Change::Put(row, Condition::Version(before))]).await {
                Ok(()) => return (sku, sent, Some(ledger)),
                Err(StoreError::Conflict { current: Some(row), .. }) => match records::ledger(&row) {
                    Ok(current) => ledger = current,
                    Err(_) => break,
                },
                Err(error) => {
                    tracing::warn!(%sku, %error, "outcomes not recorded; the claims will be resolved");
                    break;
                }
            }
        }
        (sku, sent, None)
    }

    /// Enters one outcome.
    fn enter(&self, entry: &mut Entry, claim: &Claim, sent: &Sent, now: Timestamp) {
        let account = self.accounts.get(&sent.push.listing.account);
        let later = account.is_some_and(|account| account.channel.info().capabilities.verify_ms.is_some());
        match sent.ended {
            // it may have been accepted all the same: a level will tell
            Ended::Unknown if later => push::may_be_accepted(entry, claim, now),
            Ended::NotSent if sent.hopeless => {
                let why = sent.error.as_ref().map(ToString::to_string).unwrap_or_default();
                let this_only = sent.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Invalid);
                push::refuse(entry, claim, &why, this_only, now)
            }
            Ended::Applied | Ended::Accepted | Ended::Stale | Ended::NotSent | Ended::Unknown => {
                push::record(entry, claim, sent.ended, now)
            }
        };
    }

    fn take_recorded(&mut self, sku: &Sku, sent: Vec<Sent>, recorded: Option<Ledger>) {
        let now = self.hub.clock.now();
        let stale = sent.iter().any(|sent| sent.ended == Ended::Stale);
        for sent in &sent {
            self.wait_for(sku, sent, recorded.as_ref(), now);
        }
        let Some(job) = self.jobs.get_mut(sku) else { return };
        self.report.pushed += sent.iter().filter(|sent| sent.ended == Ended::Applied).count() as u64;
        let told = job.tells_latency();
        let since = job.since;
        let unsent = |listing: &ListingId| {
            job.ledger.as_ref().and_then(|before| before.entries.get(listing)).and_then(|entry| entry.unsent)
        };
        let outages: BTreeMap<ListingId, Timestamp> =
            sent.iter().filter_map(|sent| Some((sent.push.listing.clone(), unsent(&sent.push.listing)?))).collect();
        for sent in sent {
            if told && sent.ended == Ended::Applied {
                self.hub.noted_latency(&sent.push.listing.account, sent.at.since_ms(since));
            }
            if sent.ended == Ended::Stale {
                job.look_at.insert(sent.push.listing.account.clone());
            }
            let outage = outages.get(&sent.push.listing).copied();
            if let Some(pushed) = sent.into_history(since, outage) {
                job.pushed(pushed);
            }
        }
        let Some(ledger) = recorded else { return };
        self.report.commits += 1;
        let before = job.ledger.replace(ledger);
        self.note_troubles(sku, before.as_ref());
        if !stale {
            self.finish_or_go_on(sku);
        }
    }

    /// What has not ended well waits, durably: for its look, or for its next try.
    fn wait_for(&mut self, sku: &Sku, sent: &Sent, recorded: Option<&Ledger>, now: Timestamp) {
        let account = sent.push.listing.account.clone();
        let accepted = recorded.and_then(|ledger| self.next_look(ledger, &sent.push.listing, now, false));
        let said = sent.error.as_ref().map_or_else(|| "not yet confirmed".to_owned(), ToString::to_string);
        match (sent.ended, accepted) {
            (Ended::Applied | Ended::Stale, _) => {}
            (Ended::Accepted | Ended::Unknown, Some(due)) => {
                self.postpone(sku, &account, due, "a write is accepted and not live yet");
            }
            (Ended::NotSent, _) if sent.hopeless => {}
            (Ended::NotSent, _) if sent.lacks_budget() => {
                // others wait as well: together they cost fewer calls
                self.hub.note_crowd(&account, true);
                let opens = self.hub.budgets.closed_until(&account, now);
                self.postpone_write(sku, &account, opens.unwrap_or(now.plus_ms(1)), &said, true);
            }
            (Ended::NotSent, _) => {
                let due = self.next_try(sku, sent, now);
                self.postpone_write(sku, &account, due, &said, false);
            }
            (Ended::Accepted | Ended::Unknown, None) => {
                let due = self.next_try(sku, sent, now);
                self.postpone(sku, &account, due, &said);
            }
        }
    }

    /// A SKU whose recorded ledger asks for nothing more is done without another read.
    fn finish_or_go_on(&mut self, sku: &Sku) {
        let closed = |account: &AccountId| self.later.keys().any(|(waits, _)| waits == account);
        let more = self.due_at(sku).iter().any(|account| !closed(account));
        if !more
            && let Some(job) = self.jobs.get_mut(sku)
            && job.look_at.is_empty()
        {
            job.state = State::Done;
        }
    }

    /// When a failed push is tried again: as the store said, else later each time.
    fn next_try(&self, sku: &Sku, sent: &Sent, now: Timestamp) -> Timestamp {
        let account = &sent.push.listing.account;
        if let Some(until) = self.hub.budgets.closed_until(account, now) {
            return until;
        }
        if let Some(wait) = sent.error.as_ref().and_then(|error| error.retry_after) {
            return now.plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        }
        let attempts = self.jobs.get(sku).map_or(0, |job| job.attempts) + 1;
        let wait = retry::back_off_ms(attempts, self.hub.clock.random());
        now.plus_ms(i64::try_from(wait).unwrap_or(i64::MAX))
    }
}

/// Pushes with their outcomes, in order.
pub(super) fn matched(batch: Vec<Ready>, outcomes: Vec<Outcome>) -> Vec<Sent> {
    let missing = || Outcome::Unknown(channels::Error::new(ErrorKind::Malformed, "no outcome for the write"));
    let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat(None));
    batch.into_iter().zip(outcomes).map(|(ready, outcome)| ready.ended(&outcome.unwrap_or_else(missing))).collect()
}

impl Ready {
    pub(super) fn ended(self, outcome: &Outcome) -> Sent {
        let ended = match outcome {
            Outcome::Applied => Ended::Applied,
            Outcome::Accepted => Ended::Accepted,
            Outcome::Stale => Ended::Stale,
            Outcome::Refused(_) => Ended::NotSent,
            Outcome::Unknown(_) => Ended::Unknown,
        };
        let hopeless = matches!(outcome, Outcome::Refused(error) if !error.is_of_the_store());
        Sent { sku: self.sku, push: self.push, ended, error: failure(outcome).cloned(), hopeless, at: Timestamp(0) }
    }

    pub(super) fn refused(self, error: channels::Error) -> Sent {
        self.ended(&Outcome::Refused(error))
    }

    pub(super) fn not_sent(self, why: &str) -> Sent {
        self.refused(channels::Error::new(ErrorKind::Unavailable, why))
    }
}

impl Sent {
    /// Whether our own count of what the store allows held it back.
    fn lacks_budget(&self) -> bool {
        self.error.as_ref().is_some_and(channels::Error::is_out_of_turn)
    }

    /// It as history has it; `None` when it could not be sent in an outage of which history tells already.
    fn into_history(self, since: Timestamp, outage: Option<Timestamp>) -> Option<Pushed> {
        if outage.is_some() && self.ended == Ended::NotSent && !self.hopeless {
            return None;
        }
        Some(Pushed {
            ms: (self.at >= since).then(|| self.at.since_ms(since)),
            waited: outage.filter(|_| matches!(self.ended, Ended::Applied | Ended::Accepted)),
            listing: self.push.listing,
            from: self.push.from,
            to: self.push.to,
            outcome: self.ended,
            error: self.error.map(|error| error.to_string()),
        })
    }
}
