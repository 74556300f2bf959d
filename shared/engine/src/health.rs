//! Health of the accounts: collected in memory while working, stored when it matters or every half minute.

use crate::contest::{ATTEMPTS, made};
use crate::hub::{Connected, Error, Hub};
use crate::ports::{Change, Condition};
use crate::records::{self, Health, Troubled};
use domain::{AccountId, Latency, Sku, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What happened to an account since its health was last stored.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    read: Option<Timestamp>,
    written: Option<Timestamp>,
    hook: Option<Timestamp>,
    /// Whether a webhook came of a store whose webhooks had fallen silent.
    heard_again: bool,
    failure: Option<String>,
    failures: u32,
    recovered: bool,
    cooldown: Option<Timestamp>,
    refused: u64,
    unreadable: u64,
    unknown_skus: Vec<String>,
    latency: Latency,
    unheard: u64,
    echoes: u64,
    troubles: BTreeMap<Sku, Option<String>>,
}

/// What is not stored yet, by account.
#[derive(Default)]
pub struct Notes {
    pending: Mutex<BTreeMap<AccountId, Noted>>,
    stored: Mutex<BTreeMap<AccountId, Timestamp>>,
    /// Accounts that failed, as far as this process knows, since a write of theirs went well.
    failing: Mutex<BTreeSet<AccountId>>,
}

/// How often unremarkable health is stored, milliseconds: five minutes. With ten stores each change is read, written and echoed in
/// all of them, and a row for each would cost more than the change.
const STORE_EVERY_MS: i64 = 300_000;
/// Unknown SKUs kept for show.
const UNKNOWN_KEPT: usize = 20;
/// Listings in trouble kept for show.
const TROUBLES_KEPT: usize = 50;

impl Noted {
    /// Whether a person or another process should know at once.
    fn matters(&self) -> bool {
        self.failures > 0
            || self.recovered
            || self.heard_again
            || self.unreadable > 0
            || !self.unknown_skus.is_empty()
            || !self.troubles.is_empty()
    }

    fn enter(self, health: &mut Health, now: Timestamp) {
        health.read = health.read.max(self.read);
        health.written = health.written.max(self.written);
        health.hook = health.hook.max(self.hook);
        health.refused += self.refused;
        health.unreadable += self.unreadable;
        health.echoes += self.echoes;
        if self.hook.is_some() {
            health.unheard = 0;
        }
        health.unheard = health.unheard.saturating_add(self.unheard);
        health.latency.merge(&self.latency);
        if self.recovered {
            (health.failures, health.error, health.cooldown) = (0, None, None);
        }
        if self.failures > 0 {
            health.failures = health.failures.saturating_add(self.failures);
            (health.error, health.cooldown) = (self.failure, self.cooldown);
        }
        for sku in self.unknown_skus {
            health.unknown_skus.retain(|known| *known != sku);
            health.unknown_skus.push(sku);
        }
        for (sku, why) in self.troubles {
            let since = health.troubles.iter().find(|known| known.sku == sku).map(|known| known.since);
            health.troubles.retain(|known| known.sku != sku);
            health.troubles.extend(why.map(|why| Troubled { sku, why, since: since.unwrap_or(now) }));
        }
        let surplus = health.troubles.len().saturating_sub(TROUBLES_KEPT);
        health.troubles.drain(..surplus);
        let surplus = health.unknown_skus.len().saturating_sub(UNKNOWN_KEPT);
        health.unknown_skus.drain(..surplus);
    }
}

impl Hub {
    fn note(&self, account: &AccountId, change: impl FnOnce(&mut Noted)) {
        let mut pending = self.notes.pending.lock().unwrap_or_else(PoisonError::into_inner);
        change(pending.entry(account.clone()).or_default());
    }

    pub(crate) fn noted_success(&self, account: &AccountId, now: Timestamp, recovered: bool) {
        self.note(account, |noted| {
            noted.read = Some(now);
            noted.recovered |= recovered;
            noted.failures = 0;
        });
    }

    pub(crate) fn noted_failure(&self, account: &AccountId, error: String, until: Option<Timestamp>) {
        self.failing().insert(account.clone());
        self.note(account, |noted| {
            noted.failures += 1;
            noted.recovered = false;
            (noted.failure, noted.cooldown) = (Some(error), until);
        });
    }

    fn failing(&self) -> MutexGuard<'_, BTreeSet<AccountId>> {
        self.notes.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write of an account went well; whether this process knows of a failure before it.
    pub(crate) fn was_failing(&self, account: &AccountId) -> bool {
        self.failing().remove(account)
    }

    pub(crate) fn noted_write(&self, account: &AccountId) {
        let now = self.clock.now();
        self.note(account, |noted| noted.written = Some(now));
    }

    pub(crate) fn noted_hook(&self, connected: &Connected) {
        let (now, silent) = (self.clock.now(), connected.health.0.unheard > 0);
        self.note(&connected.account.id, |noted| {
            (noted.hook, noted.unheard) = (Some(now), 0);
            noted.heard_again |= silent;
        });
    }

    /// A change of another store was written here so long after it was told, milliseconds.
    pub(crate) fn noted_latency(&self, account: &AccountId, ms: i64) {
        let now = self.clock.now();
        self.note(account, |noted| noted.latency.add(ms, now));
    }

    /// The feed has shown movements that no webhook had told, as far as this process knows.
    pub(crate) fn noted_unheard(&self, account: &AccountId, movements: u64) {
        self.note(account, |noted| noted.unheard += movements);
    }

    pub(crate) fn noted_refused(&self, account: &AccountId) {
        self.note(account, |noted| noted.refused += 1);
    }

    /// A webhook said only what we had written.
    pub(crate) fn noted_echo(&self, account: &AccountId) {
        self.note(account, |noted| noted.echoes += 1);
    }

    pub(crate) fn noted_unreadable(&self, account: &AccountId) {
        self.note(account, |noted| noted.unreadable += 1);
    }

    pub(crate) fn noted_unknown(&self, account: &AccountId, sku: &str) {
        self.note(account, |noted| noted.unknown_skus.push(sku.to_owned()));
    }

    /// A listing cannot be written for this reason; or can again.
    pub(crate) fn noted_trouble(&self, account: &AccountId, sku: &Sku, why: Option<String>) {
        self.note(account, |noted| {
            noted.troubles.insert(sku.clone(), why);
        });
    }

    /// Stores what was noted, where it matters or was not stored for a while. `all` stores everything.
    ///
    /// # Errors
    /// [`Error::Store`]; what could not be stored is kept for the next time.
    pub async fn flush_health(&self, all: bool) -> Result<(), Error> {
        let now = self.clock.now();
        for (account, noted) in self.take_notes(all, now) {
            let (kept, echoes) = (noted.clone(), noted.echoes);
            let stored = self.change_health(&account, |health| noted.clone().enter(health, now)).await;
            if stored.is_err() {
                self.note(&account, |pending| *pending = kept);
            }
            stored?;
            if echoes > 0 {
                self.tell_echoes(&account, echoes).await?;
            }
        }
        Ok(())
    }

    fn take_notes(&self, all: bool, now: Timestamp) -> Vec<(AccountId, Noted)> {
        let mut pending = self.notes.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stored = self.notes.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |account: &AccountId, noted: &Noted| {
            let last = stored.get(account).copied().unwrap_or_default();
            all || noted.matters() || now.since_ms(last) >= STORE_EVERY_MS
        };
        let names: Vec<AccountId> =
            pending.iter().filter(|(id, noted)| due(id, noted)).map(|(id, _)| id.clone()).collect();
        for name in &names {
            stored.insert(name.clone(), now);
        }
        names.into_iter().filter_map(|name| pending.remove_entry(&name)).collect()
    }

    /// Changes the stored health of an account.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn change_health(&self, account: &AccountId, change: impl Fn(&mut Health)) -> Result<Health, Error> {
        for _ in 0..ATTEMPTS {
            let row = self.store.get(&[Health::key(account)]).await?.pop().flatten();
            let (mut health, version) = match &row {
                Some(row) => (records::body::<Health>(row)?, row.version),
                None => (Health::default(), 0),
            };
            change(&mut health);
            let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
            if made(self.store.write(&[Change::Put(health.row(account, version + 1), condition)]).await)? {
                return Ok(health);
            }
        }
        Err(Error::Conflict(format!("the health of account {account} changes too fast")))
    }
}
