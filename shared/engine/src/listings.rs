//! Listings of an account over all items: taken out, or looked at again.

use crate::contest::{ATTEMPTS, made, too_fast};
use crate::hub::{Error, Hub};
use crate::items::{ItemView, Listed};
use crate::ports::{Change, Condition, Row};
use crate::records::{self, Todo};
use channels::Touch;
use domain::{AccountId, ListingId, Sku, Timestamp};

impl Hub {
    /// Takes an account's listings out of every item; what they counted stays counted.
    pub(crate) async fn drop_listings(&self, account: &AccountId) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page: Listed<ItemView> = self.list_items("", after, 500).await?;
            for item in page.rows.iter().filter(|item| item.listings.iter().any(|l| l.listing.account == *account)) {
                self.drop_listing(&item.sku, account).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn drop_listing(&self, sku: &Sku, account: &AccountId) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let (mut item, item_version, mut ledger) = self.item_with_version(sku).await?;
            let version = ledger.version;
            item.listings.retain(|listing, _| listing.account != *account);
            let gone: Vec<ListingId> =
                ledger.entries.keys().filter(|listing| listing.account == *account).cloned().collect();
            gone.iter().for_each(|listing| ledger.retire(listing));
            let row = records::ledger_row(sku, &ledger, version + 1);
            let changes = [
                Change::Put(row, Condition::Version(version)),
                Change::Put(item.row(), Condition::Version(item_version)),
            ];
            if made(self.store.write(&changes).await)? {
                return Ok(());
            }
        }
        Err(too_fast(sku))
    }

    /// Looks at every listing of an account again, because somebody `asked` for something.
    pub(crate) async fn bring_up_to_date(&self, account: &AccountId, asked: &str) -> Result<u64, Error> {
        let now = self.clock.now();
        let (mut after, mut count) = (None, 0);
        loop {
            let page = self.list_items("", after, 500).await?;
            let ours = page.rows.iter().filter(|item| item.listings.iter().any(|l| l.listing.account == *account));
            let rows: Vec<Row> = ours.map(|item| todo(account, &item.sku, item.level, now, asked).row()).collect();
            count += rows.len() as u64;
            self.store.put_all(&rows).await?;
            after = page.next;
            if after.is_none() {
                self.wake_lane(account).await?;
                return Ok(count);
            }
        }
    }
}

/// Work that waits because a level differs from its target, after something that somebody `asked` for.
pub(crate) fn todo(account: &AccountId, sku: &Sku, target: i64, now: Timestamp, asked: &str) -> Todo {
    Todo {
        write: false,
        told: false,
        lane: false,
        account: account.clone(),
        touch: Touch::Sku(sku.clone()),
        reason: "its level differs".into(),
        due: now,
        attempts: 0,
        urgent: target <= 0,
        level: Some(target),
        asked: Some(asked.to_owned()),
    }
}
