//! Linking: which warehouse a location belongs to, which ones feed a store without locations, and what becomes of the units.
//!
//! Shown first, done on request, SKU by SKU under each ledger's version, with a line of history. Units are conserved: what a
//! listing counted stays where it was counted, and units that no other listing shows move along (`Ledger::relocate`). Only a
//! level that was unknown enters. Done half, it can be asked for again.

mod moved;
mod prepare;

pub(crate) use prepare::with_places;
pub(super) use prepare::{Job, Plan};

use super::raced;
use crate::adopt::{Difference, Progress};
use crate::contest::{ATTEMPTS, made};
use crate::hub::{Error, Hub};
use crate::items::PAGE_MAX;
use crate::ports::{Change, Condition, Row};
use crate::records::{self, Account, History, Item, SnapshotChunk};
use domain::{AccountId, Ledger, ListingId, Sku, WarehouseId};
use futures::{StreamExt, stream};
use moved::Moved;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// SKUs written at once.
const WRITES: usize = 8;
/// Levels of one row of a snapshot.
const CHUNK: usize = 1_000;
/// Rows of a snapshot that a page of items may come to: each SKU at every location that a store can have.
const PARTS: usize = 1_000;

/// The level of a listing.
type Level = (Sku, ListingId, Option<i64>);

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// A location shall belong to a warehouse; with `moving` even if it belongs to another.
    Link {
        /// Which.
        location: ListingId,
        /// To which.
        warehouse: WarehouseId,
        /// Although it belongs to another one.
        #[serde(default)]
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
    /// Shows what an order would do; with `apply` does it, in the name of `actor`. Done here and now, as a run that nobody lists.
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
        self.at_once_by(crate::runs::Job::Link { order: order.clone(), apply }, actor, progress).await
    }

    /// Makes it so; the SKUs follow.
    pub(super) async fn arrange_places(&self, plan: &Plan) -> Result<(), Error> {
        let mut rows = Vec::new();
        for place in &plan.places {
            rows.push(self.located(place.clone()).await?);
        }
        if let Some(feeds) = &plan.feeds {
            let feed = |account: &mut Account| {
                account.feeds.clone_from(feeds);
                Ok(())
            };
            rows.extend(self.account_change(&plan.account, feed).await?);
        }
        if !rows.is_empty() {
            self.store.write(&rows).await.map_err(raced)?;
        }
        self.forget_accounts();
        Ok(())
    }

    /// Tells everybody that all SKUs have followed.
    pub(super) async fn arranged(&self, job: &Job<'_>) -> Result<(), Error> {
        self.report_locations(&job.connected).await?;
        self.wake_lane(&job.connected.account.id).await
    }

    /// Goes over one page of items; with `actor` writes. Gives the levels that will be overwritten, and where to go on.
    pub(super) async fn arrange_page(
        &self,
        job: &Job<'_>,
        actor: Option<&str>,
        after: Option<String>,
        linking: &mut Linking,
    ) -> Result<(Vec<Level>, Option<String>), Error> {
        let page = self.item_rows(after, PAGE_MAX).await?;
        let items: Vec<Item> = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
        let ledgers = self.ledgers(&items).await?;
        let versions: Vec<u64> = page.rows.iter().map(|row| row.version).collect();
        let steps =
            items.into_iter().zip(versions).zip(ledgers).map(|(item, ledger)| self.step(job, item, ledger, actor));
        let done: Vec<_> = stream::iter(steps).buffered(WRITES).collect().await;
        let (mut overwritten, mut todos) = (Vec::new(), Vec::<Row>::new());
        for done in done {
            let Some(done) = done? else { continue };
            linking.enter(job, done, &mut overwritten, &mut todos, self.clock.now());
        }
        if actor.is_some() {
            self.store.put_all(&todos).await?;
        }
        Ok((overwritten, page.next))
    }

    /// The step for one SKU; `None` where it does nothing. Written where there is an actor, on the item and the ledger as they
    /// are then.
    async fn step(
        &self,
        job: &Job<'_>,
        item: (Item, u64),
        ledger: Ledger,
        actor: Option<&str>,
    ) -> Result<Option<Moved>, Error> {
        let (mut item, mut ledger) = (item, ledger);
        for _ in 0..ATTEMPTS {
            let sku = item.0.sku.clone();
            let Some(moved) = job.moved(item, ledger, self.clock.now()) else { return Ok(None) };
            let (Some(actor), false) = (actor, moved.is_idle() || moved.is_busy()) else { return Ok(Some(moved)) };
            if made(self.store.write(&self.rebased(job, &moved, actor)).await)? {
                return Ok(Some(moved));
            }
            let (now, version, state) = self.item_with_version(&sku).await?;
            (item, ledger) = ((now, version), state);
        }
        Err(Error::Conflict(format!("{} changes too fast; run it again for the rest", job.plan.reason)))
    }

    /// The writes of a SKU that a person has moved, with a line of history.
    fn rebased(&self, job: &Job<'_>, moved: &Moved, actor: &str) -> Vec<Change> {
        let (now, ledger, item) = (self.clock.now(), &moved.draft.ledger, &moved.draft.item);
        let version = moved.before.version;
        let level = (moved.before.total(), ledger.total());
        let history = History::by_person(&item.sku, now, &job.plan.cause, (actor, &job.plan.reason), level);
        vec![
            Change::Put(records::ledger_row(&item.sku, ledger, version + 1), Condition::Version(version)),
            moved.draft.item_change(),
            Change::Put(history.row(self.clock.random()), Condition::Any),
        ]
    }

    /// Keeps the levels that a page overwrites, as a part of a snapshot.
    pub(super) async fn keep_listed(&self, id: &str, page: usize, levels: &[Level]) -> Result<(), Error> {
        let now = self.clock.now();
        let row = |(part, levels): (usize, &[Level])| {
            SnapshotChunk { levels: levels.to_vec(), hub: Vec::new() }.row(id, page * PARTS + part, now)
        };
        let rows: Vec<Row> = levels.chunks(CHUNK).enumerate().map(row).collect();
        Ok(self.store.put_all(&rows).await?)
    }
}
