//! Echoes: a webhook for each write of ours, which says nothing. Told at the door, before they cost a message and a run.
//!
//! `docs/adr/0009-echoes-are-dropped-at-the-door.md` says when one may be dropped where a feed tells again, and why that is safe,
//! also if what is looked at is a moment old. `docs/adr/0019-echoes-of-exact-stores.md` says it of stores that only webhooks tell of.

use crate::hub::{Connected, Hub};
use crate::records;
use channels::{Claimed, Touch};
use domain::planted::{self, Mistake};
use domain::{AccountId, Class, Entry, Ledger, Sku, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Ledgers remembered at once: one change makes a webhook in each store.
const MOST: usize = 100;
/// How old a webhook is at most that comes for the first time, milliseconds: a store waits as long for an answer before it sends
/// one again.
const FIRST_MS: i64 = 5_000;

/// Ledgers that the door has looked at, for [`crate::hub::Door::echo_memory`].
#[derive(Default)]
pub(crate) struct Glanced(Mutex<BTreeMap<Sku, (Timestamp, Ledger)>>);

/// A webhook that may be an echo.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    /// The store's id of the event.
    pub event: Option<&'a str>,
    /// What it touches.
    pub touches: &'a [Touch],
    /// The level that it claims.
    pub claims: Option<&'a Claimed>,
}

impl Connected {
    /// Whether what is counted here is what levels show, by writes that say what they replace (class A): then an echo is told at
    /// the door by the ledger as it is, and each change that a look has found is looked at once more.
    pub(crate) fn is_exact(&self) -> bool {
        self.channel.info().capabilities.class() == Class::A && !self.account.feed
    }
}

impl Hub {
    /// Whether a webhook claims just the level that the ledger has, and nothing is on its way there.
    pub(crate) async fn is_echo(&self, connected: &Connected, told: Told<'_>) -> bool {
        let (Some(claimed), [touch]) = (told.claims, told.touches) else { return false };
        match touch {
            _ if !connected.account.is_believed() => false,
            Touch::Sku(sku) if connected.account.feed => self.is_told_again(connected, sku, claimed).await,
            Touch::Sku(_) | Touch::External(_)
                if connected.is_exact() && !connected.account.paused && self.is_first(connected, told) =>
            {
                self.is_known(connected, touch, claimed).await
            }
            Touch::Sku(_) | Touch::External(_) | Touch::Order(_) | Touch::Feed => false,
        }
    }

    /// Only where a feed tells again, within a minute, of whatever moved: what is dropped here is not lost, should it have been news
    /// after all.
    async fn is_told_again(&self, connected: &Connected, sku: &Sku, claimed: &Claimed) -> bool {
        let account = &connected.account.id;
        let Some(sku) = connected.defaults.aliases(account).ours(sku) else { return false };
        let stands = |ledger: &Ledger| stands_at(ledger, account, claimed, Entry::is_plain);
        if self.glanced(&sku).is_some_and(|ledger| stands(&ledger)) {
            return true;
        }
        self.glance(&sku).await.is_some_and(|ledger| stands(&ledger))
    }

    /// Whether the ledger, as it is now, has the claimed level. One that is a moment old would not do: nothing but the comparison
    /// tells again.
    async fn is_known(&self, connected: &Connected, touch: &Touch, claimed: &Claimed) -> bool {
        let account = &connected.account.id;
        let sku = match touch {
            Touch::Sku(sku) => connected.defaults.aliases(account).ours(sku),
            Touch::External(unit) => self.sku_of_unit(account, unit).await,
            Touch::Order(_) | Touch::Feed => None,
        };
        let Some(sku) = sku else { return false };
        let Ok(rows) = self.store.get(&[records::ledger_key(&sku)]).await else { return false };
        let ledger = rows.into_iter().flatten().next().and_then(|row| records::ledger(&row).ok());
        ledger.is_some_and(|ledger| stands_at(&ledger, account, claimed, is_at_rest))
    }

    /// Whether a webhook comes for the first time (rule R4): one that is sent again, because it was not answered or not taken, may
    /// stand for what happened since. How old it is tells that to every process.
    fn is_first(&self, connected: &Connected, told: Told<'_>) -> bool {
        if planted::is(Mistake::RepeatDropped) {
            return true;
        }
        let age = told.claims.and_then(|claimed| claimed.at).map(|at| self.clock.now().since_ms(at).saturating_abs());
        age.is_some_and(|age| age < FIRST_MS) && !self.has_failed(&connected.account.id, told.event)
    }

    /// The ledger as it was when this process last looked, if that is not too long ago.
    fn glanced(&self, sku: &Sku) -> Option<Ledger> {
        let oldest_ms = i64::try_from(self.config.door.echo_memory.as_millis()).unwrap_or(i64::MAX);
        let glanced = self.glanced.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, ledger) = glanced.get(sku)?;
        (self.clock.now().since_ms(*at) < oldest_ms).then(|| ledger.clone())
    }

    async fn glance(&self, sku: &Sku) -> Option<Ledger> {
        let now = self.clock.now();
        let row = self.store.glance(&records::ledger_key(sku)).await.ok()??;
        let ledger = records::ledger(&row).ok()?;
        if !self.config.door.echo_memory.is_zero() {
            let mut glanced = self.glanced.0.lock().unwrap_or_else(PoisonError::into_inner);
            if glanced.len() >= MOST {
                glanced.clear();
            }
            glanced.insert(sku.clone(), (now, ledger.clone()));
        }
        Some(ledger)
    }
}

/// Whether an account has one listing of the item, at the claimed location where one is named, with the claimed level and quiet.
fn stands_at(ledger: &Ledger, account: &AccountId, claimed: &Claimed, is_quiet: fn(&Entry) -> bool) -> bool {
    let is_there = |location| claimed.location.as_ref().is_none_or(|claimed| claimed == location);
    let mut own =
        ledger.entries.iter().filter(|(listing, _)| listing.account == *account && is_there(&listing.location));
    matches!((own.next(), own.next()), (Some((_, entry)), None) if is_quiet(entry) && entry.shadow == Some(claimed.level))
}

/// Whether no write of a listing is on its way, and none is held up.
fn is_at_rest(entry: &Entry) -> bool {
    let waits = entry.trouble.is_some() || entry.unsent.is_some() || entry.square.is_some();
    !waits && entry.claim.is_none()
}
