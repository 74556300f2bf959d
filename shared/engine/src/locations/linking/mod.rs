//! Linking: which warehouse a location belongs to, which ones feed a store without locations, and what becomes of the units.
//!
//! Shown first, done on request, SKU by SKU under each ledger's version, with a line of history. Units are conserved: what a
//! listing counted stays where it was counted, and units that no other listing shows move along (`Ledger::relocate`). Only a
//! level that was unknown enters. Done half, it can be asked for again.

mod moved;
mod prepare;

use super::raced;
use crate::adopt::{Difference, Progress};
use crate::hub::{Error, Hub};
use crate::items::PAGE_MAX;
use crate::ports::{Change, Condition, Query, Row, StoreError};
use crate::records::{self, History, ITEMS, Item, SnapshotChunk};
use crate::snapshots::Snapshot;
use domain::{AccountId, Ledger, ListingId, Sku, WarehouseId};
use futures::{StreamExt, stream};
use moved::Moved;
use prepare::Job;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Attempts against others who change the same SKU.
const ATTEMPTS: usize = 16;
/// SKUs written at once.
const WRITES: usize = 8;
/// Levels of one row of a snapshot.
const CHUNK: usize = 1_000;

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A location shall belong to a warehouse; with `moving` even if it belongs to another.
    Link {
        /// Which.
        location: ListingId,
        /// To which.
        warehouse: WarehouseId,
        /// Although it belongs to another one.
        moving: bool,
    },
    /// A location shall belong to no warehouse.
    Unlink(ListingId),
    /// These warehouses, in order, shall feed a store without locations.
    Feed(AccountId, Vec<WarehouseId>),
    /// What is mapped shall be zero at the locations of an account that belong to no warehouse; or left alone again.
    Zero(AccountId, bool),
}

impl Order {
    /// What it is about: a location, or an account.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Link { location, .. } | Self::Unlink(location) => location.to_string(),
            Self::Feed(account, _) | Self::Zero(account, _) => account.to_string(),
        }
    }

    /// The warehouses that it asks for.
    #[must_use]
    pub fn warehouses(&self) -> Vec<WarehouseId> {
        match self {
            Self::Link { warehouse, .. } => vec![warehouse.clone()],
            Self::Feed(_, warehouses) => warehouses.clone(),
            Self::Unlink(_) | Self::Zero(..) => Vec::new(),
        }
    }
}

/// What an order would do, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linking {
    /// Whether it was done.
    pub applied: bool,
    /// The snapshot taken before; absent in a preview and where no store is written.
    pub snapshot: Option<String>,
    /// SKUs concerned.
    pub skus: u64,
    /// Listings that the hub learns.
    pub new_listings: u64,
    /// Listings that it forgets; what they counted stays counted.
    pub removed_listings: u64,
    /// Units of these SKUs before and after, by warehouse.
    pub units: BTreeMap<WarehouseId, (i64, i64)>,
    /// Listings that are held because no warehouse that feeds them has a level of the SKU.
    pub without_level: u64,
    /// Listings whose level will change.
    pub will_change: u64,
    /// Units that stores will gain by it.
    pub gains: i64,
    /// Units that stores will lose by it.
    pub losses: i64,
    /// SKUs that are just being written: left as they are, ask again.
    pub busy: u64,
    /// The first differences, for show.
    pub differences: Vec<Difference>,
}

impl Hub {
    /// Shows what an order would do; with `apply` does it, in the name of `actor`.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the name of the warehouse that a location belongs to already; [`Error::NotFound`];
    /// [`Error::Channel`] with what the store said.
    pub async fn arrange(
        &self,
        order: &Order,
        apply: bool,
        actor: &str,
        progress: &dyn Progress,
    ) -> Result<Linking, Error> {
        let job = self.prepare(order, progress).await?;
        let mut linking = Linking { applied: apply, ..Linking::default() };
        let levels = self.walk(&job, None, &mut linking, progress).await?;
        if !apply {
            return Ok(linking);
        }
        if linking.will_change > 0 {
            linking.snapshot = Some(self.keep_listed(levels).await?);
        }
        if !job.rows.is_empty() {
            self.store.write(&job.rows).await.map_err(raced)?;
        }
        self.forget_accounts();
        let mut done = Linking { applied: true, snapshot: linking.snapshot.take(), ..Linking::default() };
        self.walk(&job, Some(actor), &mut done, progress).await?;
        self.report_locations(&job.connected).await?;
        self.wake_lane(&job.connected.account.id).await?;
        Ok(done)
    }

    /// Goes over all items; with `actor` writes. Gives the levels that will be overwritten.
    async fn walk(
        &self,
        job: &Job,
        actor: Option<&str>,
        linking: &mut Linking,
        progress: &dyn Progress,
    ) -> Result<Vec<(Sku, ListingId, Option<i64>)>, Error> {
        let (mut after, mut overwritten, mut seen) = (None, Vec::new(), 0);
        loop {
            let query = Query {
                partition: ITEMS.into(),
                index: true,
                prefix: String::new(),
                after,
                descending: false,
                limit: PAGE_MAX,
            };
            let page = self.store.query(&query).await?;
            let items: Vec<Item> = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
            let ledgers = self.ledgers(&items).await?;
            seen += items.len() as u64;
            let versions: Vec<u64> = page.rows.iter().map(|row| row.version).collect();
            let steps =
                items.into_iter().zip(versions).zip(ledgers).map(|(item, ledger)| self.step(job, item, ledger, actor));
            let done: Vec<_> = stream::iter(steps).buffered(WRITES).collect().await;
            let mut todos: Vec<Row> = Vec::new();
            for done in done {
                let Some(done) = done? else { continue };
                linking.enter(job, done, &mut overwritten, &mut todos, self.clock.now());
            }
            if actor.is_some() {
                self.store.put_all(&todos).await?;
            }
            progress.tell(if actor.is_some() { "linking" } else { "comparing" }, seen, 0);
            after = page.next;
            if after.is_none() {
                return Ok(overwritten);
            }
        }
    }

    /// The step for one SKU; `None` where it does nothing. Written where there is an actor, on the item and the ledger as they
    /// are then.
    async fn step(
        &self,
        job: &Job,
        item: (Item, u64),
        ledger: Ledger,
        actor: Option<&str>,
    ) -> Result<Option<Moved>, Error> {
        let (mut item, mut ledger) = (item, ledger);
        for _ in 0..ATTEMPTS {
            let sku = item.0.sku.clone();
            let Some(moved) = job.moved(item, ledger, self.clock.now()) else { return Ok(None) };
            let (Some(actor), false) = (actor, moved.is_idle() || moved.is_busy()) else { return Ok(Some(moved)) };
            match self.store.write(&self.rebased(job, &moved, actor)).await {
                Ok(()) => return Ok(Some(moved)),
                Err(StoreError::Conflict { .. }) => {
                    let (now, version, state) = self.item_with_version(&sku).await?;
                    (item, ledger) = ((now, version), state);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Conflict(format!("{} changes too fast; run it again for the rest", job.reason)))
    }

    /// The writes of a SKU that a person has moved, with a line of history.
    fn rebased(&self, job: &Job, moved: &Moved, actor: &str) -> Vec<Change> {
        let (now, ledger, item) = (self.clock.now(), &moved.draft.ledger, &moved.draft.item);
        let version = moved.before.version;
        let history = History {
            sku: item.sku.clone(),
            at: now,
            since: now,
            cause: job.cause.into(),
            actor: Some(actor.to_owned()),
            reason: Some(job.reason.clone()),
            level: (moved.before.total(), ledger.total()),
            seen: Vec::new(),
            pushed: Vec::new(),
            event: None,
            run: None,
            warehouse: None,
            trace: None,
        };
        vec![
            Change::Put(records::ledger_row(&item.sku, ledger, version + 1), Condition::Version(version)),
            moved.draft.item_change(),
            Change::Put(history.row(self.clock.random()), Condition::Any),
        ]
    }

    async fn keep_listed(&self, levels: Vec<(Sku, ListingId, Option<i64>)>) -> Result<String, Error> {
        let now = self.clock.now();
        let id = format!("{:015}-{:04x}", now.0, self.clock.random() & 0xffff);
        let chunks = levels.chunks(CHUNK).enumerate();
        let rows: Vec<Row> = chunks
            .map(|(number, levels)| SnapshotChunk { levels: levels.to_vec(), hub: Vec::new() }.row(&id, number, now))
            .collect();
        self.store.put_all(&rows).await?;
        let (why, actor) = ("link".to_owned(), String::new());
        self.enter_snapshot(&Snapshot { id: id.clone(), at: now, why, actor, skus: levels.len() as u64 }).await?;
        Ok(id)
    }
}
