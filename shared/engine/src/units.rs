//! What stores call their units: from a store's own id to our SKU, for webhooks that name nothing else. Whoever has asked the store
//! notes it; the door reads it, and asks nobody.
//!
//! It is a hint and may be old: no change is counted by it, and what is done because of it is found by the comparison
//! (`docs/adr/0019-echoes-of-exact-stores.md`).
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | SKU of a unit | `ACCOUNT#<account>` | `UNIT#<the store's id>` |

use crate::hub::{Error, Hub};
use crate::ports::{Change, Condition, Key, Row};
use crate::records::{self, account_partition, key, row, text};
use domain::{AccountId, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Sort keys of these rows begin so.
pub(crate) const PREFIX: &str = "UNIT#";
/// Units remembered at once.
const MOST: usize = 10_000;
/// For so long, milliseconds.
const KNOWN_MS: i64 = 300_000;
/// The longest id that is noted, bytes.
const LONGEST: usize = 200;
/// Rows read at once.
const KEYS: usize = 500;
/// Changes of one write.
const TOGETHER: usize = 100;

/// A unit, by its store's id.
pub(crate) type Unit = (AccountId, String);

/// Units that this process knows.
#[derive(Default)]
pub(crate) struct Units(Mutex<BTreeMap<Unit, (Timestamp, Sku)>>);

impl Units {
    fn get(&self, unit: &Unit, now: Timestamp) -> Option<Sku> {
        let units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        units.get(unit).filter(|(at, _)| now.since_ms(*at) < KNOWN_MS).map(|(_, sku)| sku.clone())
    }

    fn set(&self, unit: Unit, sku: Option<Sku>, now: Timestamp) {
        let mut units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if units.len() >= MOST {
            units.clear();
        }
        match sku {
            Some(sku) => units.insert(unit, (now, sku)),
            None => units.remove(&unit),
        };
    }
}

/// What a unit is.
#[derive(Serialize, Deserialize)]
struct Named {
    sku: Sku,
}

fn unit_key((account, external): &Unit) -> Key {
    key(account_partition(account), format!("{PREFIX}{external}"))
}

fn named(row: &Row) -> Option<Sku> {
    records::body::<Named>(row).ok().map(|named| named.sku)
}

impl Hub {
    /// The SKU that a unit was when somebody last asked the store, if that is noted.
    pub(crate) async fn sku_of_unit(&self, account: &AccountId, external: &str) -> Option<Sku> {
        let (unit, now) = ((account.clone(), external.to_owned()), self.clock.now());
        if let Some(sku) = self.units.get(&unit, now) {
            return Some(sku);
        }
        if external.len() > LONGEST {
            return None;
        }
        let sku = named(&self.store.glance(&unit_key(&unit)).await.ok()??)?;
        self.units.set(unit, Some(sku.clone()), now);
        Some(sku)
    }

    /// Notes what units are, `None` where one is not just one SKU. What is noted already costs no write.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn note_units(&self, asked: &BTreeMap<Unit, Option<Sku>>) -> Result<(), Error> {
        let now = self.clock.now();
        let is_news = |(unit, sku): &(&Unit, &Option<Sku>)| {
            unit.1.len() <= LONGEST && (sku.is_none() || self.units.get(unit, now) != **sku)
        };
        let news: Vec<(&Unit, &Option<Sku>)> = asked.iter().filter(is_news).collect();
        for some in news.chunks(KEYS) {
            let keys: Vec<Key> = some.iter().map(|(unit, _)| unit_key(unit)).collect();
            let known = self.store.get(&keys).await?;
            let (mut puts, mut deletes) = (Vec::new(), Vec::new());
            for ((unit, sku), known) in some.iter().zip(known) {
                match (sku, known) {
                    (Some(sku), known) if known.as_ref().and_then(named).as_ref() != Some(sku) => {
                        puts.push(row(unit_key(unit), 1, text(&Named { sku: sku.clone() })));
                    }
                    (None, Some(known)) => deletes.push(Change::Delete(known.key, Condition::Any)),
                    (Some(_) | None, _) => {}
                }
            }
            self.store.put_all(&puts).await?;
            self.delete(&deletes).await?;
            some.iter().for_each(|(unit, sku)| self.units.set((*unit).clone(), (*sku).clone(), now));
        }
        Ok(())
    }

    /// Forgets an account's units.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn forget_units(&self, account: &AccountId) -> Result<(), Error> {
        let rows = self.all_rows(&account_partition(account), PREFIX).await?;
        let deletes: Vec<Change> = rows.into_iter().map(|row| Change::Delete(row.key, Condition::Any)).collect();
        self.delete(&deletes).await?;
        self.units.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _), _| known != account);
        Ok(())
    }

    async fn delete(&self, deletes: &[Change]) -> Result<(), Error> {
        for some in deletes.chunks(TOGETHER) {
            self.store.write(some).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_unit_grows_old_and_is_bounded() {
        let unit = |id: usize| (AccountId::new("berlin").expect("valid"), id.to_string());
        let (units, sku) = (Units::default(), Sku::new("MUG").expect("valid"));
        units.set(unit(0), Some(sku.clone()), Timestamp(1_000));
        assert_eq!(units.get(&unit(0), Timestamp(1_000 + KNOWN_MS - 1)), Some(sku.clone()));
        assert_eq!(units.get(&unit(0), Timestamp(1_000 + KNOWN_MS)), None);
        units.set(unit(0), None, Timestamp(2_000));
        assert_eq!(units.get(&unit(0), Timestamp(2_000)), None);
        (0..=MOST).for_each(|id| units.set(unit(id), Some(sku.clone()), Timestamp(3_000)));
        assert!(units.0.lock().expect("whole").len() <= MOST);
    }
}
