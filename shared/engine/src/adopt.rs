//! Adoption: the first sync. Reads every account, matches by SKU, shows what would happen, and only then does it.
//!
//! The master's levels become the hub's. A SKU that is there already keeps its ledger; only listings that are new to it
//! are added. Nothing is written to a store here: the differences go the usual path.

mod order;
mod plan;
mod work;

pub use order::{Direction, FirstSync};
pub(crate) use plan::Draft;
pub(crate) use work::Adopting;

use crate::hub::{Connected, Error, Hub};
use crate::listings::todo;
use crate::ports::{Change, Condition, Key, Row, StoreError};
use crate::records::{self, Item, SnapshotChunk, asked};
use crate::runs::{Job, Run};
use crate::scan::Scan;
use domain::feed::Marker;
use domain::{AccountId, ListingId, LocationId, OrderState, Role, Sku};
use futures::{StreamExt, stream};
use plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tells how far a long job is.
pub trait Progress: Send + Sync {
    /// `done` of `all` of a step; `all` is 0 while it is not known.
    fn tell(&self, step: &str, done: u64, all: u64);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _step: &str, _done: u64, _all: u64) {}
}

/// What adoption would do, or did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Adoption {
    /// Whether it was done.
    pub applied: bool,
    /// The snapshot taken before; absent in a preview.
    pub snapshot: Option<String>,
    /// SKUs that the hub learns.
    pub new_items: u64,
    /// Listings that the hub learns.
    pub new_listings: u64,
    /// Listings that are known already.
    pub known_listings: u64,
    /// SKUs of which no warehouse has a level yet: not written anywhere until one has.
    #[serde(default)]
    pub without_level: u64,
    /// SKUs left out on request.
    #[serde(default)]
    pub excluded: u64,
    /// SKUs that the hub knew and whose level becomes that of a store.
    #[serde(default)]
    pub corrected: u64,
    /// Units that the hub gains by that.
    #[serde(default)]
    pub hub_gains: i64,
    /// Units that the hub loses by that.
    #[serde(default)]
    pub hub_losses: i64,
    /// SKUs whose level in that store is not settled, so that the hub's stays; the first of them.
    #[serde(default)]
    pub unsettled: Vec<String>,
    /// By account.
    pub accounts: BTreeMap<AccountId, AccountAdoption>,
    /// The first differences, for show.
    pub differences: Vec<Difference>,
}

/// What adoption finds in one account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AccountAdoption {
    /// Which way, where it is not the usual one.
    #[serde(default)]
    pub direction: Option<Direction>,
    /// Units in the store.
    pub units: u64,
    /// Matched by SKU.
    pub matched: u64,
    /// Matched, and the level will change.
    pub will_change: u64,
    /// Units that the store will gain and lose by it.
    pub gains: i64,
    /// Units that the store will lose by it.
    pub losses: i64,
    /// Without a SKU: their stock is not tracked.
    pub without_sku: u64,
    /// Made of other units: never written.
    pub bundles: u64,
    /// SKUs that appear more than once: not written until a person has decided.
    pub clashes: Vec<String>,
    /// SKUs that differ from one of the master only by case or spaces: not matched.
    pub near_misses: Vec<(String, String)>,
    /// SKUs that the master does not have: not touched.
    pub not_on_master: u64,
    /// SKUs of the master that the store does not have.
    pub missing: u64,
    /// Units at locations that belong to no warehouse, by location: not touched.
    #[serde(default)]
    pub unlinked: BTreeMap<LocationId, u64>,
}

/// One listing whose level will change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub listing: ListingId,
    /// The store's level.
    pub from: i64,
    /// The level that it will get.
    pub to: i64,
}

/// Differences and names shown in a preview.
pub(crate) const SHOWN: usize = 200;
/// New SKUs of one transaction: two rows each, a hundred at most.
const TOGETHER: usize = 50;
/// Transactions on their way at once.
const WRITES: usize = 4;
/// SKUs of one row of a snapshot.
const SNAPSHOT: usize = 100;

/// Who has it done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct By<'a> {
    /// The run, if it is one that is listed.
    pub run: Option<&'a Run>,
}

impl By<'_> {
    pub(crate) fn actor(&self) -> &str {
        self.run.map_or("", |run| run.actor.as_str())
    }
}

impl Hub {
    /// Shows what adoption would do; with `apply` does it. The usual first sync, done here and now as a run that nobody lists.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a master; [`Error::Channel`] with what a store said. Then nothing was changed.
    pub async fn adopt(&self, apply: bool, progress: &dyn Progress) -> Result<Adoption, Error> {
        self.at_once(Job::adopt(apply), progress).await
    }

    /// Keeps the levels that the hub and every store have of some SKUs, for undoing.
    async fn keep_seen_levels(
        &self,
        id: &str,
        number: usize,
        skus: &[Sku],
        scans: &BTreeMap<AccountId, Scan>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut rows = Vec::new();
        for (place, skus) in skus.chunks(SNAPSHOT).enumerate() {
            let mut chunk = SnapshotChunk::default();
            let keys: Vec<Key> = skus.iter().map(records::ledger_key).collect();
            for (sku, row) in skus.iter().zip(self.store.get(&keys).await?) {
                let ledger = row.as_ref().map(records::ledger).transpose()?.unwrap_or_default();
                chunk.hub.extend(ledger.base.keys().map(|one| (sku.clone(), one.clone(), ledger.level(one))));
                for scan in scans.values() {
                    let units = scan.units.get(sku).into_iter().flatten();
                    chunk.levels.extend(units.map(|unit| (sku.clone(), scan.listing(unit), unit.level)));
                }
            }
            rows.push(chunk.row(id, number + place, now));
        }
        Ok(self.store.put_all(&rows).await?)
    }

    async fn draft_chunk(
        &self,
        plan: &mut Plan<'_>,
        scans: &BTreeMap<AccountId, Scan>,
        skus: &[Sku],
    ) -> Result<Vec<Draft>, Error> {
        let keys: Vec<Key> = skus.iter().flat_map(|sku| [records::ledger_key(sku), Item::key(sku)]).collect();
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(500) {
            rows.extend(self.store.get(keys).await?);
        }
        let now = self.clock.now();
        let mut drafts = Vec::new();
        for (sku, pair) in skus.iter().zip(rows.chunks(2)) {
            let known = match pair {
                [Some(state), Some(item)] => {
                    Some((records::ledger(state)?, records::body::<Item>(item)?, item.version))
                }
                _ => None,
            };
            drafts.extend(plan.draft(sku, known, scans, now));
        }
        Ok(drafts)
    }

    pub(crate) async fn write_drafts(&self, drafts: Vec<Draft>) -> Result<(), Error> {
        let now = self.clock.now();
        let (new, known): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(|draft| draft.ledger.version == 0);
        let changes: Vec<Vec<Change>> = new.chunks(TOGETHER).map(entering).collect();
        let writes = changes.into_iter().map(|changes| self.write_new(changes));
        let written: Vec<Result<(), Error>> = stream::iter(writes).buffer_unordered(WRITES).collect().await;
        written.into_iter().collect::<Result<(), Error>>()?;
        let mut todos: Vec<Row> = Vec::new();
        for draft in &known {
            self.extend_item(draft).await?;
        }
        for draft in new.iter().chain(&known) {
            todos.extend(
                draft
                    .differs
                    .iter()
                    .map(|(account, to)| todo(account, &draft.item.sku, *to, now, asked::FIRST_SYNC).row()),
            );
        }
        Ok(self.store.put_all(&todos).await?)
    }

    /// Enters new SKUs; refuses when another adoption was faster, whose ledgers may have counted something already.
    async fn write_new(&self, changes: Vec<Change>) -> Result<(), Error> {
        match self.store.write(&changes).await {
            Err(StoreError::Conflict { key, .. }) => {
                Err(Error::Conflict(format!("{} was adopted in the meantime; run adopt again for the rest", key.pk)))
            }
            other => Ok(other?),
        }
    }

    /// Adds listings to a SKU that is there already; somebody may be syncing or editing it, so under both rows' versions.
    async fn extend_item(&self, draft: &Draft) -> Result<(), Error> {
        let version = draft.ledger.version;
        let row = records::ledger_row(&draft.item.sku, &draft.ledger, version + 1);
        let mut changes = vec![Change::Put(row, Condition::Version(version)), draft.item_change()];
        let told = draft.history.iter().map(|history| history.row(self.clock.random()));
        changes.extend(told.map(|row| Change::Put(row, Condition::Any)));
        match self.store.write(&changes).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict { .. }) => {
                let sku = &draft.item.sku;
                Err(Error::Conflict(format!("{sku} was changed while it was adopted; run adopt again for the rest")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Marks the orders that a new account's levels already include as counted.
    async fn hold_orders(&self, scans: &BTreeMap<AccountId, Scan>) -> Result<(), Error> {
        let now = self.clock.now();
        let mut rows: Vec<Row> = Vec::new();
        for (id, scan) in scans.iter().filter(|(_, scan)| !scan.orders.is_empty()) {
            if self.store.get(&[records::orders_cursor_key(id)]).await?.iter().any(Option::is_some) {
                continue;
            }
            if Self::waits_for_payment(&scan.connected) {
                self.remember_unpaid(&scan.connected, &scan.orders).await?;
            }
            for order in scan.orders.iter().filter(|order| order.state != OrderState::Unpaid) {
                for line in &order.lines {
                    let Some(sku) = &line.sku else { continue };
                    let marker = Marker {
                        order: order.id.clone(),
                        line: line.id.clone(),
                        before: None,
                        after: line.quantity.max(0),
                        logged: true,
                        taken: BTreeMap::new(),
                    };
                    rows.push(records::sale_row(id, sku, &marker, now));
                }
            }
        }
        Ok(self.store.put_all(&rows).await?)
    }

    /// Each account's feed is counted from where its scan stood.
    async fn start_cursors(&self, scans: &BTreeMap<AccountId, Scan>) -> Result<(), Error> {
        for (id, scan) in scans {
            let row = match scan.connected.account.feed {
                true => records::cursor_row(id, scan.position),
                false => records::orders_cursor_row(id, scan.started),
            };
            match self.store.write(&[Change::Put(row, Condition::Absent)]).await {
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The rows of new SKUs, each only if nobody was faster.
fn entering(drafts: &[Draft]) -> Vec<Change> {
    let rows =
        drafts.iter().flat_map(|draft| [records::ledger_row(&draft.item.sku, &draft.ledger, 1), draft.item.row()]);
    rows.map(|row| Change::Put(row, Condition::Absent)).collect()
}

/// A master that keeps its stock at several locations must say which of them are meant.
fn linked_master(scans: &BTreeMap<AccountId, Scan>, order: &FirstSync) -> Result<(), Error> {
    let usual = |it: &&Connected| it.account.role == Role::Master && order.direction(&it.account.id).is_none();
    let masters = scans.values().map(|scan| &scan.connected).filter(usual);
    for master in masters.filter(|it| it.has_locations()) {
        if !master.locations.values().any(|location| location.is_mapped()) {
            let id = &master.account.id;
            return Err(Error::Invalid(format!(
                "locations: no location of {id}, the master, belongs to a warehouse; see \"locations list --account {id}\" \
                 and link one with \"locations link {id}@LOCATION main --apply\""
            )));
        }
    }
    Ok(())
}
