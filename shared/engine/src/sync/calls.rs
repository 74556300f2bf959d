//! Big calls. Each is stored with its rows before it is made: a call whose answer was lost can then be made again as it was, under
//! the same key, and says what became of every row. Asked again row by row it would be other calls, and a row that had been
//! written would look like a level that somebody else has moved.

use super::Run;
use super::send::{Ready, Sent};
use crate::hub::{Connected, Error};
use crate::levels::SeenAt;
use crate::line::said;
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, CallRow, StoredCall};
use channels::{ErrorKind, Fit, Outcome, Write};
use domain::ledger::Claim;
use domain::planted::{self, Mistake};
use domain::push::{self, Ended};
use domain::{AccountId, ListingId, Sku, key};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An abandoned push: whose, where, and its claim.
pub(super) type Lost = (Sku, ListingId, Claim);

impl Run<'_> {
    /// Makes a call of many rows, after a look at those of which nothing is known, and after it was stored.
    pub(super) async fn send_call(&self, connected: &Connected, id: u64, rows: Vec<Ready>) -> Vec<Sent> {
        let (rows, mut sent) = self.in_time(rows);
        let (rows, unfit) = self.inspected(connected, rows).await;
        sent.extend(unfit);
        if rows.is_empty() {
            return sent;
        }
        let call = StoredCall { rows: rows.iter().map(|(ready, note)| ready.row(note.clone())).collect() };
        let rows: Vec<Ready> = rows.into_iter().map(|(ready, _)| ready).collect();
        let account = &connected.account.id;
        let row = call.row(account, id, FIRST, self.hub.clock.now());
        if let Err(error) = self.hub.store.write(&[Change::Put(row, Condition::Absent)]).await {
            let why = format!("the call was not stored, and not made: {error}");
            sent.extend(rows.into_iter().map(|ready| ready.not_sent(&why)));
            return sent;
        }
        let writes: Vec<Write> = rows.iter().map(|ready| ready.write.clone()).collect();
        let outcomes = self.hub.line(connected, self.pace.patience).write_call(&writes).await;
        let outcomes = self.closed(account, id, outcomes).await;
        sent.extend(super::send::matched(rows, outcomes));
        sent
    }

    /// The outcomes of a call. One that was certainly not carried out is closed before its claims are dropped: whoever found one
    /// of them left over would make it again, with rows that no claim announces any more. Where it cannot be closed, or
    /// somebody makes it again already, nothing is certain.
    async fn closed(&self, account: &AccountId, id: u64, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let may_be_done =
            |outcome: &Outcome| matches!(outcome, Outcome::Applied | Outcome::Accepted | Outcome::Unknown(_));
        let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(_));
        let nothing_to_close = outcomes.iter().any(may_be_done) || !outcomes.iter().any(is_refused);
        if nothing_to_close || planted::is(Mistake::CallLeftOpen) {
            return outcomes;
        }
        let nothing = StoredCall::default().row(account, id, FIRST + 1, self.hub.clock.now());
        match self.hub.store.write(&[Change::Put(nothing, Condition::Version(FIRST))]).await {
            Ok(()) => outcomes,
            Err(error) => {
                tracing::warn!(%account, %error, "a call that was refused could not be closed");
                let doubted = |outcome| match outcome {
                    Outcome::Refused(error) => Outcome::Unknown(error.with_unknown_effect()),
                    known @ (Outcome::Applied | Outcome::Accepted | Outcome::Stale | Outcome::Unknown(_)) => known,
                };
                outcomes.into_iter().map(doubted).collect()
            }
        }
    }

    /// The rows that may be written, each with what the channel wants to know of it later. What the last comparison saw in stock
    /// needs no look, where a write of anything else does no lasting harm.
    pub(super) async fn inspected(&self, connected: &Connected, rows: Vec<Ready>) -> (Vec<(Ready, String)>, Vec<Sent>) {
        let gathered = connected.channel.info().capabilities.bulk.is_some_and(|bulk| bulk.gathered);
        let known = match gathered {
            true => None,
            false => self.hub.stocked(&connected.account.id).await.ok(),
        };
        let is_known = |ready: &Ready| {
            let place = format!("{}@{}", ready.push.listing.location, ready.write.external);
            let has_level = |known: &Arc<SeenAt>, place: &str| known.get(&ready.sku, place).flatten().is_some();
            known.as_ref().is_some_and(|known| has_level(known, &place) || has_level(known, ""))
        };
        let (known, unknown): (Vec<Ready>, Vec<Ready>) = rows.into_iter().partition(is_known);
        let mut fit: Vec<(Ready, String)> = known.into_iter().map(|ready| (ready, String::new())).collect();
        let mut unfit = Vec::new();
        if unknown.is_empty() {
            return (fit, unfit);
        }
        let writes: Vec<Write> = unknown.iter().map(|ready| ready.write.clone()).collect();
        let answers = self.hub.line(connected, self.pace.patience).inspect(&writes).await;
        let missing = || Fit::Not(channels::Error::new(ErrorKind::Malformed, "no answer for the write"));
        let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
        for (ready, answer) in unknown.into_iter().zip(answers) {
            match answer.unwrap_or_else(missing) {
                Fit::Good(note) => fit.push((ready, note)),
                Fit::Not(error) => unfit.push(ready.refused(error)),
            }
        }
        (fit, unfit)
    }

    /// Makes the calls again whose rows were abandoned, each as a whole.
    pub(super) async fn ask_calls(&mut self, lost: BTreeMap<(AccountId, u64), Vec<Lost>>) {
        for ((account, id), lost) in lost {
            if let Err(error) = self.ask_call(&account, id, &lost).await {
                let due = self.opens_at(&account);
                for (sku, _, _) in &lost {
                    self.postpone(sku, &account, due, &error.to_string());
                }
            }
        }
    }

    async fn ask_call(&mut self, account: &AccountId, id: u64, lost: &[Lost]) -> Result<(), Error> {
        let Some(connected) = self.accounts.get(account).cloned() else { return Ok(()) };
        let held = connected.account.paused || connected.account.quarantine.is_some();
        if held || connected.account.frozen.is_some() {
            // asking again is writing; whoever lets the account go on has it looked at
            return Ok(());
        }
        let (call, version) = self.stored_call(account, id).await?;
        let (rows, absent): (Vec<&Lost>, Vec<&Lost>) = lost.iter().partition(|lost| call.holds(lost));
        for (sku, listing, claim) in absent {
            self.change(sku, |ledger| {
                ledger.entries.get_mut(listing).is_some_and(|entry| push::never_called(entry, claim))
            })
            .await?;
        }
        if rows.is_empty() {
            return Ok(());
        }
        // from now on nobody can close it
        let again = call.row(account, id, version + 1, self.hub.clock.now());
        self.hub.store.write(&[Change::Put(again, Condition::Version(version))]).await?;
        let taken = self.take_over_all(&rows).await?;
        if taken.is_empty() {
            return Ok(());
        }
        let writes: Vec<Write> = call.rows.iter().map(write_of).collect();
        let outcomes = self.hub.line(&connected, self.pace.patience).write_call(&writes).await;
        let outcomes: BTreeMap<(&Sku, &ListingId), Outcome> =
            call.rows.iter().map(|row| (&row.sku, &row.listing)).zip(outcomes).collect();
        let mut failed = None;
        for (sku, listing, claim) in &taken {
            let ended = match outcomes.get(&(sku, listing)) {
                Some(Outcome::Applied) => Ended::Applied,
                Some(Outcome::Accepted) => Ended::Accepted,
                Some(Outcome::Stale) => Ended::Stale,
                Some(Outcome::Refused(error) | Outcome::Unknown(error)) => {
                    failed = Some(error.clone());
                    continue;
                }
                None => continue,
            };
            let now = self.hub.clock.now();
            self.change(sku, |ledger| {
                ledger.entries.get_mut(listing).is_some_and(|entry| push::record(entry, claim, ended, now))
            })
            .await?;
            self.look_next(sku, listing);
        }
        failed.map_or(Ok(()), |error| Err(said(&connected, error)))
    }

    async fn take_over_all(&mut self, lost: &[&Lost]) -> Result<Vec<Lost>, Error> {
        let (lease_ms, now) = (self.hub.lease_ms(), self.hub.clock.now());
        let mut taken = Vec::new();
        for (sku, listing, _) in lost {
            let ledger = self
                .change(sku, |ledger| {
                    ledger.entries.get_mut(listing).is_some_and(|entry| push::take_over(entry, now, lease_ms))
                })
                .await?;
            let claim = ledger.and_then(|ledger| ledger.entries.get(listing)?.claim.clone());
            taken.extend(claim.map(|claim| (sku.clone(), listing.clone(), claim)));
        }
        Ok(taken)
    }

    /// A call as it was stored, and its row's version. Where it was not, it never will be: whoever would still make it finds its
    /// place taken.
    async fn stored_call(&self, account: &AccountId, id: u64) -> Result<(StoredCall, u64), Error> {
        let taken = StoredCall::default().row(account, id, FIRST, self.hub.clock.now());
        match self.hub.store.write(&[Change::Put(taken, Condition::Absent)]).await {
            Ok(()) => Ok((StoredCall::default(), FIRST)),
            Err(StoreError::Conflict { current: Some(row), .. }) => Ok((records::body(&row)?, row.version)),
            Err(error) => Err(error.into()),
        }
    }
}

/// The version of a call's row when it is stored.
const FIRST: u64 = 1;

impl StoredCall {
    /// Whether a claim is one of its rows. One that came too late, or was not known to be stored, is not: it was never called.
    fn holds(&self, (sku, listing, claim): &Lost) -> bool {
        let is_it = |row: &CallRow| row.sku == *sku && row.listing == *listing && row.sequence == claim.sequence;
        self.rows.iter().any(is_it)
    }
}

/// Whether a lost row has to be asked for together with its call.
pub(super) fn call_of(claim: &Claim) -> Option<u64> {
    claim.call.filter(|_| !planted::is(Mistake::CallTornApart))
}

fn write_of(row: &CallRow) -> Write {
    Write {
        sku: row.sku.clone(),
        location: row.listing.location.clone(),
        external: row.external.clone(),
        from: row.from,
        to: row.to,
        key: key::push_key(&row.sku, &row.listing, row.sequence),
    }
}

impl Ready {
    /// It as a row of a stored call.
    pub(super) fn row(&self, note: String) -> CallRow {
        CallRow {
            sku: self.sku.clone(),
            listing: self.push.listing.clone(),
            external: self.write.external.clone(),
            from: self.push.from,
            to: self.push.to,
            sequence: self.sequence,
            note,
        }
    }
}

impl CallRow {
    /// It as a write, with what the channel wants to know of it.
    pub(super) fn noted(&self) -> (Write, String) {
        (write_of(self), self.note.clone())
    }
}
