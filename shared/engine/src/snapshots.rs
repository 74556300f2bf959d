//! Snapshots: the levels that the hub and the stores had before something bulky was done, or when a person asked.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | snapshot (expires) | `HUB` | `SNAPSHOT#<id>` |
//! | its levels (expires) | `SNAPSHOT#<id>` | `<chunk>` |

use crate::hub::{Error, Hub};
use crate::items::{Listed, PAGE_MAX};
use crate::ports::{Change, Condition, Key, Query, Row};
use crate::records::{self, HUB, Item, SNAPSHOT_KEPT_MS, SnapshotChunk};
use domain::{ListingId, Sku, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A snapshot, as people see it in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name: that of the run that took it.
    pub id: String,
    /// The time that it shows: nothing of what it was taken before had been done.
    pub at: Timestamp,
    /// What it was taken before: the kind of a run.
    pub why: String,
    /// Whose run that was.
    pub actor: String,
    /// SKUs in it.
    pub skus: u64,
}

/// One SKU of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotLevels {
    /// The SKU.
    pub sku: Sku,
    /// The hub level of each warehouse; empty when the hub did not know the SKU yet.
    pub hub: BTreeMap<WarehouseId, i64>,
    /// The level that each store was known to have.
    pub stores: BTreeMap<ListingId, Option<i64>>,
}

/// SKUs of one chunk: with some dozens of listings each still far below the largest row.
const TOGETHER: usize = 100;
/// Chunks of one page at most.
const CHUNKS: usize = 10;

impl Snapshot {
    fn key(id: &str) -> Key {
        Key { pk: HUB.into(), sk: format!("SNAPSHOT#{id}") }
    }

    fn row(&self) -> Row {
        let body = serde_json::to_string(self).unwrap_or_default();
        let expires = Some(self.at.plus_ms(SNAPSHOT_KEPT_MS));
        Row { key: Self::key(&self.id), version: 1, body, expires, index: None }
    }
}

impl Hub {
    /// The snapshots, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_snapshots(&self, after: Option<String>, limit: usize) -> Result<Listed<Snapshot>, Error> {
        let query = Query {
            partition: HUB.into(),
            index: false,
            prefix: "SNAPSHOT#".into(),
            after,
            descending: true,
            limit: limit.clamp(1, PAGE_MAX),
        };
        let page = self.store.query(&query).await?;
        let rows = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
        Ok(Listed { rows, next: page.next })
    }

    /// A snapshot.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn snapshot_of(&self, id: &str) -> Result<Snapshot, Error> {
        let row = self.store.get(&[Snapshot::key(id)]).await?.into_iter().next().flatten();
        let row = row.ok_or_else(|| Error::NotFound { what: "snapshot", name: id.to_owned() })?;
        Ok(records::body(&row)?)
    }

    /// One page of a snapshot's levels. A page holds what one chunk of the run kept, however much that was.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn snapshot_levels(&self, id: &str, after: Option<String>) -> Result<Listed<SnapshotLevels>, Error> {
        self.snapshot_of(id).await?;
        let page = self.page(&partition(id), "", after, 1).await?;
        let mut rows = Vec::new();
        for row in &page.rows {
            rows.extend(levels_of(records::body(row)?));
        }
        Ok(Listed { rows, next: page.next })
    }

    /// Forgets a snapshot before its time.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn drop_snapshot(&self, id: &str) -> Result<(), Error> {
        self.snapshot_of(id).await?;
        self.store.write(&[Change::Delete(Snapshot::key(id), Condition::Any)]).await?;
        loop {
            let rows = self.page(&partition(id), "", None, 100).await?.rows;
            if rows.is_empty() {
                return Ok(());
            }
            let gone: Vec<Change> = rows.into_iter().map(|row| Change::Delete(row.key, Condition::Any)).collect();
            self.store.write(&gone).await?;
        }
    }

    /// Enters a snapshot whose levels are kept.
    pub(crate) async fn enter_snapshot(&self, snapshot: &Snapshot) -> Result<(), Error> {
        Ok(self.store.write(&[Change::Put(snapshot.row(), Condition::Any)]).await?)
    }

    /// Keeps what the hub knows of some SKUs as the chunks of a page of a snapshot; gives how many it knows.
    pub(crate) async fn keep_levels(&self, id: &str, page: u64, skus: &[Sku]) -> Result<u64, Error> {
        let now = self.clock.now();
        let (mut rows, mut known) = (Vec::new(), 0);
        for (place, skus) in skus.chunks(TOGETHER).enumerate() {
            let chunk = self.levels_now(skus, &mut known).await?;
            let number = usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(CHUNKS).saturating_add(place);
            rows.push(chunk.row(id, number, now));
        }
        self.store.put_all(&rows).await?;
        Ok(known)
    }

    async fn levels_now(&self, skus: &[Sku], known: &mut u64) -> Result<SnapshotChunk, Error> {
        let mut chunk = SnapshotChunk::default();
        let keys: Vec<Key> = skus.iter().map(records::ledger_key).collect();
        for (sku, row) in skus.iter().zip(self.store.get(&keys).await?) {
            let Some(row) = row else { continue };
            let ledger = records::ledger(&row)?;
            let warehouses = ledger.base.keys();
            chunk.hub.extend(warehouses.map(|one| (sku.clone(), one.clone(), ledger.level(one))));
            let stores = ledger.entries.iter().filter(|(listing, _)| !listing.is_hub());
            chunk.levels.extend(stores.map(|(listing, entry)| (sku.clone(), listing.clone(), entry.shadow)));
            *known += 1;
        }
        Ok(chunk)
    }

    /// The SKUs of one page of items, and where to go on.
    pub(crate) async fn skus_after(&self, after: Option<String>, most: usize) -> Result<Listed<Sku>, Error> {
        let page = self.items_after::<Item>(after, most).await?;
        Ok(Listed { rows: page.rows.into_iter().map(|item| item.sku).collect(), next: page.next })
    }
}

fn partition(id: &str) -> String {
    format!("SNAPSHOT#{id}")
}

fn levels_of(chunk: SnapshotChunk) -> Vec<SnapshotLevels> {
    let mut skus: BTreeMap<Sku, SnapshotLevels> = BTreeMap::new();
    let fresh = |sku: &Sku| SnapshotLevels { sku: sku.clone(), hub: BTreeMap::new(), stores: BTreeMap::new() };
    for (sku, warehouse, level) in chunk.hub {
        skus.entry(sku.clone()).or_insert_with(|| fresh(&sku)).hub.insert(warehouse, level);
    }
    for (sku, listing, level) in chunk.levels {
        skus.entry(sku.clone()).or_insert_with(|| fresh(&sku)).stores.insert(listing, level);
    }
    skus.into_values().collect()
}
