//! Gathered calls: for stores whose big calls are few, large and slow. Rows come together over several runs of the account's lane
//! and count as accepted once they are stored; when nothing more waits, or the call is full, it is handed over as a whole.

use super::Run;
use super::send::{Ready, Sent};
use crate::contest::{ATTEMPTS, made};
use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, CallRow, Gathering, StoredCall, Todo};
use channels::{Effect, Outcome, Submitted, Touch, Write};
use domain::capability::Bulk;
use domain::{AccountId, Timestamp, push};
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows of one stored part: about 200 KB.
const PART: usize = 1_000;
/// How long nothing is gathered after the store was found to carry none out, milliseconds: half an hour.
const BLOCKED_MS: i64 = 1_800_000;
/// Of a handing over whose answer was lost, the store shows what came within so long before we asked, milliseconds.
const CLOCKS_MS: i64 = 60_000;

impl Gathering {
    /// Whether rows may be added.
    pub(crate) fn takes(&self, now: Timestamp) -> bool {
        self.sending.is_none() && self.blocked.is_none_or(|until| until <= now)
    }
}

impl Hub {
    /// The gathered call of an account, with its row's version.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn gathering(&self, account: &AccountId) -> Result<(Gathering, u64), Error> {
        let row = self.store.get(&[Gathering::key(account)]).await?.pop().flatten();
        let Some(row) = row else { return Ok((Gathering::default(), 0)) };
        Ok((records::body(&row)?, row.version))
    }

    async fn keep_gathering(&self, account: &AccountId, gathering: &Gathering, version: u64) -> Result<(), Error> {
        let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
        Ok(self.store.write(&[Change::Put(gathering.row(account, version + 1), condition)]).await?)
    }

    /// Hands the gathered call of an account over, if there is one: nothing more waits that would belong into it.
    pub(crate) async fn hand_over(&self, account: &AccountId) -> Result<(), Error> {
        let Some(connected) = self.accounts().await?.get(account).cloned() else { return Ok(()) };
        if connected.channel.info().capabilities.bulk.is_none_or(|bulk| !bulk.gathered) {
            return Ok(());
        }
        let (gathering, version) = self.gathering(account).await?;
        if gathering.rows == 0 || connected.account.paused || connected.account.quarantine.is_some() {
            return Ok(());
        }
        let line = self.line(&connected, super::Pace::lane().patience);
        let now = self.clock.now();
        let found = match gathering.sending {
            // nothing was heard of it: the store knows whether it has it
            Some(since) => {
                let found = line.find_submission(since.plus_ms(-CLOCKS_MS)).await;
                found.map_err(|error| said(&connected, error))?.map(Submitted::Taken)
            }
            None => None,
        };
        let (submitted, version) = match found {
            Some(submitted) => (Ok(submitted), version),
            None => {
                let rows = self.gathered_rows(account, &gathering).await?;
                let sending = Gathering { sending: Some(now), ..gathering.clone() };
                self.keep_gathering(account, &sending, version).await?;
                (line.submit(&rows).await, version + 1)
            }
        };
        match submitted {
            Ok(Submitted::Taken(name)) => {
                tracing::info!(%account, name, rows = gathering.rows, "gathered call handed over");
                let last = Some((name, now, gathering.rows));
                self.close_gathering(account, &gathering, Gathering { last, ..Gathering::default() }, version).await
            }
            Ok(Submitted::Wait(wait)) => {
                tracing::info!(%account, ?wait, "gathered call waits");
                self.keep_gathering(account, &Gathering { sending: None, ..gathering }, version).await
            }
            Ok(Submitted::Blocked(why)) => {
                tracing::warn!(%account, why, "gathered call is taken apart");
                self.take_apart(&connected, &gathering).await?;
                let blocked = Some(now.plus_ms(BLOCKED_MS));
                let last = gathering.last.clone();
                self.close_gathering(account, &gathering, Gathering { blocked, last, ..Gathering::default() }, version)
                    .await
            }
            Err(error) if error.effect == Effect::Unknown => Err(said(&connected, error)),
            Err(error) => {
                self.keep_gathering(account, &Gathering { sending: None, ..gathering }, version).await?;
                Err(said(&connected, error))
            }
        }
    }

    /// The rows of a gathered call. A listing that is in it twice is written as it was gathered last.
    async fn gathered_rows(&self, account: &AccountId, gathering: &Gathering) -> Result<Vec<(Write, String)>, Error> {
        let mut rows = BTreeMap::new();
        for row in self.all_rows(&records::call_partition(account), &Gathering::parts(gathering.id)).await? {
            let part: StoredCall = records::body(&row)?;
            for row in part.rows {
                let noted = row.noted();
                rows.insert((row.sku, row.listing), noted);
            }
        }
        Ok(rows.into_values().collect())
    }

    /// Ends a gathered call: the next begins, and the parts of this one go.
    async fn close_gathering(
        &self,
        account: &AccountId,
        gathering: &Gathering,
        next: Gathering,
        version: u64,
    ) -> Result<(), Error> {
        self.keep_gathering(account, &next, version).await?;
        let parts = self.all_rows(&records::call_partition(account), &Gathering::parts(gathering.id)).await?;
        let gone: Vec<Change> = parts.into_iter().map(|row| Change::Delete(row.key, Condition::Any)).collect();
        for some in gone.chunks(100) {
            self.store.write(some).await?;
        }
        Ok(())
    }

    /// The rows of a gathered call go one by one: they were certainly never sent.
    async fn take_apart(&self, connected: &Connected, gathering: &Gathering) -> Result<(), Error> {
        let account = &connected.account.id;
        for row in self.all_rows(&records::call_partition(account), &Gathering::parts(gathering.id)).await? {
            let part: StoredCall = records::body(&row)?;
            for row in &part.rows {
                self.drop_gathered(account, gathering.id, row).await?;
            }
        }
        Ok(())
    }
}

impl Hub {
    /// Takes back the claim of a gathered row that is not sent, and has the listing written.
    async fn drop_gathered(&self, account: &AccountId, call: u64, row: &CallRow) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.store.get(&[records::ledger_key(&row.sku)]).await?.pop().flatten() else {
                return Ok(());
            };
            let mut ledger = records::ledger(&stored)?;
            let Some(entry) = ledger.entries.get_mut(&row.listing) else { return Ok(()) };
            let Some(claim) = entry.claim.clone().filter(|it| it.call == Some(call) && it.sequence == row.sequence)
            else {
                return Ok(());
            };
            push::never_called(entry, &claim);
            let put = records::ledger_row(&row.sku, &ledger, stored.version + 1);
            if made(self.store.write(&[Change::Put(put, Condition::Version(stored.version))]).await)? {
                break;
            }
        }
        let (now, touch) = (self.clock.now(), Touch::Sku(row.sku.clone()));
        let reason = "its gathered call was taken apart".into();
        let (account, urgent) = (account.clone(), row.to <= 0);
        self.postpone(vec![Todo {
            account,
            touch,
            reason,
            due: now,
            attempts: 0,
            urgent,
            level: None,
            write: true,
            told: false,
            lane: true,
            asked: None,
        }])
        .await
    }
}

impl Run<'_> {
    /// The gathered call that so many writes of an account go into; `None` when they are sent one by one.
    pub(super) async fn gathered_call(&self, account: &AccountId, writes: usize, bulk: Bulk) -> Option<u64> {
        if !self.pace.lane {
            return None;
        }
        let (gathering, _) = self.hub.gathering(account).await.ok()?;
        let room = gathering.rows + writes as u64 <= bulk.most as u64;
        // of what was due, some may have been right already
        let many = gathering.rows > 0 || writes * 2 >= bulk.from.min(PART);
        if !gathering.takes(self.hub.clock.now()) || !room || !many {
            return None;
        }
        Some(if gathering.id == 0 { self.hub.clock.random().max(1) } else { gathering.id })
    }

    /// Adds writes to the gathered call. What is stored is as good as accepted.
    pub(super) async fn gather(&self, connected: &Connected, id: u64, rows: Vec<Ready>) -> Vec<Sent> {
        let (rows, mut sent) = self.in_time(rows);
        let (rows, unfit) = self.inspected(connected, rows).await;
        sent.extend(unfit);
        for rows in rows.chunks(PART) {
            let stored = self.store_part(&connected.account.id, id, rows).await;
            let ended = match &stored {
                Ok(()) => Outcome::Accepted,
                Err(Error::Store(StoreError::Unknown(why))) => Outcome::Unknown(channels::Error::no_answer(
                    "gathering",
                    channels::HttpError::NoAnswer(why.clone()),
                )),
                Err(error) => {
                    let why = channels::HttpError::NoBudget(Duration::from_secs(1));
                    tracing::info!(%error, "not gathered");
                    Outcome::Refused(channels::Error::no_answer("gathering", why))
                }
            };
            sent.extend(rows.iter().map(|(ready, _)| ready.clone().ended(&ended)));
        }
        sent
    }

    async fn store_part(&self, account: &AccountId, id: u64, rows: &[(Ready, String)]) -> Result<(), Error> {
        let now = self.hub.clock.now();
        let (gathering, version) = self.hub.gathering(account).await?;
        if !gathering.takes(now) || gathering.id != 0 && gathering.id != id {
            return Err(Error::Conflict("the gathered call was closed in the meantime".into()));
        }
        let part = StoredCall { rows: rows.iter().map(|(ready, note)| ready.row(note.clone())).collect() };
        let opened = if gathering.id == 0 { now } else { gathering.opened };
        let next = Gathering {
            id,
            opened,
            parts: gathering.parts + 1,
            rows: gathering.rows + rows.len() as u64,
            ..gathering.clone()
        };
        let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
        let changes = [
            Change::Put(next.row(account, version + 1), condition),
            Change::Put(part.part(account, id, gathering.parts, now), Condition::Any),
        ];
        Ok(self.hub.store.write(&changes).await?)
    }
}
