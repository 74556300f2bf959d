//! Reconciliation: the scheduled full comparison. It finds what no webhook told: silent imports, lost events, writes that a
//! store took and did not carry out. It nominates; the usual path decides by a point read.

use crate::adopt::{Progress, Scan};
use crate::hub::{Connected, Error, Hub};
use crate::ports::{Change, Condition, Row};
use crate::records::{self, Todo};
use channels::Touch;
use domain::guard::Tally;
use domain::reconcile::{Nomination, nominate};
use domain::{AccountId, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a comparison found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// By account.
    pub accounts: BTreeMap<AccountId, AccountComparison>,
}

/// What a comparison found in one account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AccountComparison {
    /// Mapped SKUs compared.
    pub compared: u64,
    /// Of these, to be looked at again.
    pub nominated: u64,
    /// The first of these, for show.
    pub shown: Vec<(Sku, Nomination, Option<i64>, Option<i64>)>,
    /// SKUs in the store that are not mapped.
    pub unmapped: u64,
    /// Mapped SKUs that the store does not show. Nothing is done about them: unknown is not zero.
    pub missing: u64,
    /// Why the store is not believed: the account is in quarantine until a person releases it.
    pub quarantine: Option<String>,
    /// What the store said when it could not be compared.
    pub error: Option<String>,
}

/// Nominations shown in a report.
const SHOWN: usize = 100;
/// SKUs whose ledgers are read at once.
const CHUNK: usize = 500;

impl Hub {
    /// Compares one account, or all. With `apply`, what differs is looked at again; without, it is only told.
    ///
    /// # Errors
    /// [`Error::Store`]. A store that does not answer is told in its account's part and keeps no other from being compared.
    pub async fn compare(
        &self,
        only: Option<&AccountId>,
        apply: bool,
        progress: &dyn Progress,
    ) -> Result<Comparison, Error> {
        let mut comparison = Comparison::default();
        if let Some(only) = only {
            self.connected(only).await?;
        }
        let accounts = self.accounts().await?;
        for (id, connected) in accounts.iter().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
            let account = match self.scan(connected, progress).await {
                Ok(scan) => self.compare_account(&scan, apply, progress).await?,
                Err(error) => AccountComparison { error: Some(error.to_string()), ..AccountComparison::default() },
            };
            comparison.accounts.insert(id.clone(), account);
        }
        self.flush_health(false).await?;
        Ok(comparison)
    }

    async fn compare_account(
        &self,
        scan: &Scan,
        apply: bool,
        progress: &dyn Progress,
    ) -> Result<AccountComparison, Error> {
        let id = &scan.connected.account.id;
        let mut found = AccountComparison::default();
        let (mut tally, mut todos) = (Tally::default(), Vec::new());
        let skus: Vec<&Sku> = scan.units.keys().collect();
        for chunk in skus.chunks(CHUNK) {
            let keys: Vec<_> = chunk.iter().map(|sku| records::ledger_key(sku)).collect();
            for (sku, row) in chunk.iter().zip(self.store.get(&keys).await?) {
                self.compare_sku(scan, sku, row.as_ref(), &mut found, &mut tally, &mut todos)?;
            }
            progress.tell(&format!("comparing {id}"), found.compared, skus.len() as u64);
        }
        found.missing = self.count_missing(scan, &mut tally).await?;
        found.quarantine = tally.objection(&self.config.guard);
        if apply {
            self.act(&scan.connected, &found, todos).await?;
        }
        Ok(found)
    }

    fn compare_sku(
        &self,
        scan: &Scan,
        sku: &Sku,
        row: Option<&Row>,
        found: &mut AccountComparison,
        tally: &mut Tally,
        todos: &mut Vec<Row>,
    ) -> Result<(), Error> {
        let Some(row) = row else {
            found.unmapped += 1;
            return Ok(());
        };
        let (ledger, now) = (records::ledger(row)?, self.clock.now());
        let account = &scan.connected.account.id;
        for unit in scan.units.get(sku).into_iter().flatten() {
            let Some(entry) = ledger.entries.get(&scan.listing(unit)) else { continue };
            found.compared += 1;
            tally.add(entry.shadow.unwrap_or(0), unit.level);
            let Some(why) = nominate(entry, unit.level, now) else { continue };
            found.nominated += 1;
            if found.shown.len() < SHOWN {
                found.shown.push((sku.clone(), why, entry.shadow, unit.level));
            }
            let urgent = ledger.total() <= 0;
            let touch = Touch::Sku(sku.clone());
            let reason = "comparison: its level differs".into();
            todos.push(Todo { account: account.clone(), touch, reason, due: now, attempts: 0, urgent }.row());
        }
        Ok(())
    }

    /// Mapped SKUs that the store did not show.
    async fn count_missing(&self, scan: &Scan, tally: &mut Tally) -> Result<u64, Error> {
        let account = &scan.connected.account.id;
        let (mut after, mut missing) = (None, 0);
        loop {
            let page = self.list_items("", after, 500).await?;
            for item in page.rows {
                let listing = item.listings.iter().find(|listing| listing.listing.account == *account);
                let Some(listing) = listing.filter(|_| !scan.units.contains_key(&item.sku)) else { continue };
                missing += 1;
                tally.add(listing.shadow.unwrap_or(0), None);
            }
            after = page.next;
            if after.is_none() {
                return Ok(missing);
            }
        }
    }

    /// Hands what differs to the usual path; unless the guard objects: then the account is closed until a person looks.
    async fn act(&self, connected: &Connected, found: &AccountComparison, todos: Vec<Row>) -> Result<(), Error> {
        let id = &connected.account.id;
        let now = self.clock.now();
        if let Some(why) = &found.quarantine {
            tracing::error!(account = %id, why, "mass-zero guard: the account is in quarantine");
            let mut account = connected.account.clone();
            account.quarantine = Some(why.clone());
            self.store.write(&[Change::Put(account.row(), Condition::Any)]).await?;
            self.forget_accounts();
        } else if !todos.is_empty() {
            self.store.put_all(&todos).await?;
            self.wake_lane(id).await?;
        }
        let drift = found.nominated;
        self.change_health(id, |health| (health.compared, health.drift) = (Some(now), drift)).await?;
        Ok(())
    }
}
