//! Echoes: a webhook for each write of ours, which says nothing. Told at the door, before they cost a message and a run.
//!
//! `docs/adr/0009-echoes-are-dropped-at-the-door.md` says when one may be dropped and why that is safe; it is so too if what is
//! looked at is a moment old.

use crate::hub::{Connected, Hub};
use crate::records;
use channels::Touch;
use domain::{AccountId, Ledger, Sku, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Ledgers remembered at once: one change makes a webhook in each store.
const MOST: usize = 100;

/// Ledgers that the door has looked at, for [`crate::hub::Door::echo_memory`].
#[derive(Default)]
pub(crate) struct Glanced(Mutex<BTreeMap<Sku, (Timestamp, Ledger)>>);

impl Hub {
    /// Whether a webhook claims just the level that the ledger has, and nothing is on its way there. Only where a feed tells again,
    /// within a minute, of whatever moved: what is dropped here is not lost, should it have been news after all.
    pub(crate) async fn is_echo(&self, connected: &Connected, touches: &[Touch], claims: Option<i64>) -> bool {
        let (Some(level), [Touch::Sku(sku)]) = (claims, touches) else { return false };
        let account = &connected.account;
        if !account.feed || !account.is_believed() {
            return false;
        }
        let Some(sku) = connected.defaults.aliases(&account.id).ours(sku) else { return false };
        if self.glanced(&sku).is_some_and(|ledger| stands_at(&ledger, &account.id, level)) {
            return true;
        }
        let Some(ledger) = self.glance(&sku).await else { return false };
        stands_at(&ledger, &account.id, level)
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

/// Whether an account has one listing of the item, with this level and without a riddle.
fn stands_at(ledger: &Ledger, account: &AccountId, level: i64) -> bool {
    let mut own = ledger.entries.iter().filter(|(listing, _)| listing.account == *account);
    matches!((own.next(), own.next()), (Some((_, entry)), None) if entry.is_plain() && entry.shadow == Some(level))
}
