//! Another writer who fights us: noted correction by correction, judged by [`domain::fight`], stopped, and let go on by a
//! person.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | a correction (expires) | `FIGHT#<account>` | `<time>#<sku>#<location>` |

use crate::hub::{Error, Hub};
use crate::listings::todo;
use crate::ports::{Change, Condition, Query, Row};
use crate::records::{self, Item, asked, key, row, text};
use domain::fight::{self, Correction};
use domain::plan::Hold;
use domain::{AccountId, ListingId, Sku};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long a correction is kept, milliseconds: longer than the window.
const KEPT_MS: i64 = 7_200_000;
/// Corrections looked at.
const LOOKED_AT: usize = 1_000;
/// Contested listings named in an account's health.
const NAMED: usize = 50;

fn partition(account: &AccountId) -> String {
    format!("FIGHT#{account}")
}

fn correction_row(one: &Correction) -> Row {
    let sort = format!("{:015}#{}#{}", one.at.0, one.sku, one.listing.location);
    Row { expires: Some(one.at.plus_ms(KEPT_MS)), ..row(key(partition(&one.listing.account), sort), 1, text(one)) }
}

impl Hub {
    /// Notes corrections, and stops writing where they show another writer.
    pub(crate) async fn note_corrections(&self, corrections: &[Correction]) -> Result<(), Error> {
        let mut by_account: BTreeMap<&AccountId, Vec<Row>> = BTreeMap::new();
        for one in corrections {
            by_account.entry(&one.listing.account).or_default().push(correction_row(one));
        }
        for (account, rows) in by_account {
            self.store.put_all(&rows).await?;
            let known = self.corrections(account).await?;
            let verdict = fight::judge(&known, &self.config.fight, self.clock.now());
            for (sku, listing) in &verdict.contested {
                self.contest(sku, listing, &known).await?;
            }
            if verdict.two_hubs {
                self.stop_two_hubs(account, &known).await?;
            }
        }
        Ok(())
    }

    async fn corrections(&self, account: &AccountId) -> Result<Vec<Correction>, Error> {
        let query = Query {
            partition: partition(account),
            index: false,
            prefix: String::new(),
            after: None,
            descending: true,
            limit: LOOKED_AT,
        };
        let page = self.store.query(&query).await?;
        Ok(page.rows.iter().map(records::body).collect::<Result<_, _>>()?)
    }

    /// Leaves a listing alone: the other writer has it until a person decides.
    async fn contest(&self, sku: &Sku, listing: &ListingId, known: &[Correction]) -> Result<(), Error> {
        if !self.hold_listing(sku, listing, None, Some(Hold::Contested)).await? {
            return Ok(());
        }
        let ours = known.iter().filter(|one| one.sku == *sku && one.listing == *listing);
        let shown: Vec<i64> = ours.take(10).map(|one| one.shown).collect();
        tracing::warn!(%sku, %listing, "another writer keeps changing it; it is left alone");
        self.change_health(&listing.account, |health| {
            health.contested.retain(|name| name != sku.as_str());
            if health.contested.len() < NAMED {
                health.contested.push(sku.to_string());
            }
        })
        .await?;
        let told = json!({"listing": listing, "the other writer wrote, newest first": shown});
        self.keep_own_act("contested", sku.as_str(), Value::Null, told).await
    }

    async fn stop_two_hubs(&self, account: &AccountId, known: &[Correction]) -> Result<(), Error> {
        if self.connected(account).await?.account.paused {
            return Ok(());
        }
        let why = format!("{} corrections within an hour, of many SKUs more than once", known.len());
        tracing::error!(%account, why, "another hub seems to write this store; the account is paused");
        self.edit_account(account, |account| {
            account.paused = true;
            Ok(())
        })
        .await?;
        self.change_health(account, |health| health.two_hubs = Some(why.clone())).await?;
        self.keep_own_act("two hubs", account.as_str(), Value::Null, json!({"why": why, "paused": true})).await
    }

    /// Writes a contested listing again. What was noted of the fight is forgotten, so that it takes as many corrections again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it is not contested.
    pub async fn release_contested(&self, sku: &Sku, account: &AccountId) -> Result<(), Error> {
        self.connected(account).await?;
        let (item, _) = self.item(sku).await?;
        let ours = |(listing, settings): &(&ListingId, &records::Listing)| {
            listing.account == *account && settings.hold == Some(Hold::Contested)
        };
        let contested: Vec<ListingId> = item.listings.iter().filter(ours).map(|(listing, _)| listing.clone()).collect();
        if contested.is_empty() {
            return Err(Error::Conflict(format!("{sku} is not contested at {account}")));
        }
        self.forget_corrections(account, Some(sku)).await?;
        for listing in &contested {
            self.hold_listing(sku, listing, Some(Hold::Contested), None).await?;
        }
        self.change_health(account, |health| health.contested.retain(|name| name != sku.as_str())).await?;
        let waits = todo(account, sku, 0, self.clock.now(), asked::RELEASE);
        self.store.write(&[Change::Put(waits.row(), Condition::Any)]).await?;
        self.wake_lane(account).await
    }

    /// Forgets the corrections of an account, or of one SKU there.
    pub(crate) async fn forget_corrections(&self, account: &AccountId, sku: Option<&Sku>) -> Result<(), Error> {
        let rows = self.all_rows(&partition(account), "").await?;
        let mut deletes = Vec::new();
        for row in rows {
            let one: Correction = records::body(&row)?;
            if sku.is_none_or(|sku| one.sku == *sku) {
                deletes.push(Change::Delete(row.key, Condition::Any));
            }
        }
        for chunk in deletes.chunks(100) {
            self.store.write(chunk).await?;
        }
        Ok(())
    }

    /// Changes why a listing is held, if it is held for that; whether it was.
    async fn hold_listing(
        &self,
        sku: &Sku,
        listing: &ListingId,
        from: Option<Hold>,
        to: Option<Hold>,
    ) -> Result<bool, Error> {
        let hold = |item: &mut Item| {
            let settings = item.listings.get_mut(listing).filter(|settings| settings.hold == from);
            settings.into_iter().for_each(|settings| settings.hold = to);
        };
        self.edit_item(sku, hold).await
    }
}
