//! Flash sales: how fast things sell, looked at each minute, and what is kept back from stores for it
//! ([`domain::flash`]). Only where a rule asks for it, for the hub, an account, a group or an item; costs nothing while none does.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | SKUs of which something is kept back | `HUB` | `SELLING` |

use crate::contest::{ATTEMPTS, made};
use crate::hub::{Accounts, Error, Hub};
use crate::listings::todo;
use crate::ports::{Change, Condition, Key, Query, Row};
use crate::records::{self, HUB, History, Item, asked, key, row, text};
use crate::settings::flash_key;
use domain::feed::Cause;
use domain::{AccountId, ListingId, Sku, Timestamp, flash};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Sales of this long tell how fast something sells, minutes.
const WINDOW_MINUTES: i64 = 15;
/// Lines of history of one page.
const PAGE: usize = 500;
/// Items of one page.
const ITEMS: usize = 1_000;
/// Pages looked at: a busy quarter of an hour.
const PAGES: usize = 20;

/// The SKUs of which something is kept back, as a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Selling {
    skus: BTreeSet<Sku>,
}

fn selling_key() -> Key {
    key(HUB, "SELLING")
}

fn selling_row(skus: BTreeSet<Sku>) -> Row {
    row(selling_key(), 1, text(&Selling { skus }))
}

impl Hub {
    /// Looks how fast things sell, and keeps back accordingly from the accounts that ask for it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn follow_sales(&self) -> Result<(), Error> {
        let accounts = self.accounts().await?;
        let asked = accounts.values().next().is_some_and(|one| one.defaults.keeps_back());
        let before = match self.store.get(&[selling_key()]).await?.pop().flatten() {
            Some(row) => records::body::<Selling>(&row)?.skus,
            None => BTreeSet::new(),
        };
        if !asked && before.is_empty() {
            return Ok(());
        }
        let sold = if asked { self.sold_lately().await? } else { BTreeMap::new() };
        let concerned: BTreeSet<Sku> = sold.keys().cloned().chain(before.iter().cloned()).collect();
        if concerned != before {
            // first what may be kept back, then that it is: a crash in between forgets none
            self.store.write(&[Change::Put(selling_row(concerned.clone()), Condition::Any)]).await?;
        }
        let mut kept = BTreeSet::new();
        for sku in concerned {
            if self.keep_back(&sku, sold.get(&sku).copied().unwrap_or(0), &accounts).await? {
                kept.insert(sku);
            }
        }
        if kept != before {
            self.store.write(&[Change::Put(selling_row(kept), Condition::Any)]).await?;
        }
        Ok(())
    }

    /// Forgets that items were told to keep back of a rush, once none of them is any more: from then on nobody looks how fast
    /// things sell.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn forget_flash_items(&self) -> Result<(), Error> {
        let Some(noted) = self.store.get(&[flash_key()]).await?.pop().flatten() else { return Ok(()) };
        let mut after = None;
        loop {
            let page = self.items_after::<Item>(after, ITEMS).await?;
            if page.rows.iter().any(Item::keeps_back) {
                return Ok(());
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // an item that was told meanwhile has written the row anew
        if made(self.store.write(&[Change::Delete(noted.key, Condition::Version(noted.version))]).await)? {
            self.forget_accounts();
        }
        Ok(())
    }

    /// Sets what is kept back of a SKU, whoever else changes it at the same time; whether anything is.
    async fn keep_back(&self, sku: &Sku, sold: i64, accounts: &Accounts) -> Result<bool, Error> {
        for _ in 0..ATTEMPTS {
            let (mut item, version, ledger) = match self.item_with_version(sku).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => return Ok(false),
                Err(error) => return Err(error),
            };
            let (moved, any) = kept_back(&mut item, sold, accounts);
            if moved.is_empty() {
                return Ok(any);
            }
            let now = self.clock.now();
            let mut changes = vec![Change::Put(item.row(), Condition::Version(version))];
            let waits = moved.iter().map(|account| todo(account, sku, ledger.total(), now, asked::RUSH).row());
            changes.extend(waits.map(|row| Change::Put(row, Condition::Any)));
            if made(self.store.write(&changes).await)? {
                for account in &moved {
                    self.wake_lane(account).await?;
                }
                return Ok(any);
            }
        }
        Err(Error::Conflict(format!("{sku} changes too fast; it is looked at again in a minute")))
    }

    /// Units of each SKU that were sold within the window.
    async fn sold_lately(&self) -> Result<BTreeMap<Sku, i64>, Error> {
        let now = self.clock.now();
        let since = now.plus_ms(-WINDOW_MINUTES * 60_000);
        let days = BTreeSet::from([records::history_day(since), records::history_day(now)]);
        let mut sold: BTreeMap<Sku, i64> = BTreeMap::new();
        for day in days {
            self.sold_of_day(day, since, &mut sold).await?;
        }
        Ok(sold)
    }

    async fn sold_of_day(&self, day: String, since: Timestamp, sold: &mut BTreeMap<Sku, i64>) -> Result<(), Error> {
        let mut after = None;
        for _ in 0..PAGES {
            let (partition, prefix) = (day.clone(), String::new());
            let query = Query { partition, index: true, prefix, after, descending: true, limit: PAGE };
            let page = self.store.query(&query).await?;
            for row in &page.rows {
                let line: History = records::body(row)?;
                if line.at < since {
                    return Ok(());
                }
                let counted = line.seen.iter().flat_map(|seen| &seen.counted);
                let sales = counted.filter(|counted| matches!(counted.cause, Cause::Sale(..)));
                let units: i64 = sales.map(|counted| -counted.by).sum();
                if units > 0 {
                    *sold.entry(line.sku).or_default() += units;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Sets what is kept back of an item's listings; the accounts whose listings get another number, and whether anything is kept.
fn kept_back(item: &mut Item, sold: i64, accounts: &Accounts) -> (BTreeSet<AccountId>, bool) {
    let (mut moved, mut any) = (BTreeSet::new(), false);
    let minutes = |listing: &ListingId| {
        accounts.get(&listing.account).map_or(0, |one| item.stack(listing, &one.defaults).flash_minutes())
    };
    let minutes: Vec<i64> = item.listings.keys().map(minutes).collect();
    for ((listing, settings), minutes) in item.listings.iter_mut().zip(minutes) {
        let units = flash::hold_back(sold, WINDOW_MINUTES, minutes);
        any |= units > 0;
        if settings.flash != units {
            settings.flash = units;
            moved.insert(listing.account.clone());
        }
    }
    (moved, any)
}
