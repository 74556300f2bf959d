//! Linking: which warehouse a location belongs to, which ones feed a store without locations, and what becomes of the units.
//!
//! Shown first, done on request, SKU by SKU under each ledger's version, with a line of history. Units are conserved: what a
//! listing counted stays where it was counted, and units that no other listing shows move along (`Ledger::relocate`). Only a
//! level that was unknown enters. Done half, it can be asked for again.

use super::{StoreLocation, raced, unknown};
use crate::adopt::{Difference, Draft, Progress, SHOWN};
use crate::hub::{Connected, Error, Hub};
use crate::items::{PAGE_MAX, levels};
use crate::listings::todo;
use crate::ports::{Change, Condition, Query, Row, StoreError};
use crate::records::{self, History, ITEMS, Item, SnapshotChunk};
use crate::scan::Scan;
use crate::snapshots::Snapshot;
use domain::plan;
use domain::{AccountId, Ledger, ListingId, LocationId, Sku, WarehouseId};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// An order, prepared.
struct Job {
    /// The account as it will be.
    connected: Connected,
    /// What the store has at the locations that enter.
    scan: Option<Scan>,
    step: Step,
    rows: Vec<Change>,
    cause: &'static str,
    reason: String,
}

/// What is done to each SKU.
enum Step {
    /// The listings at a location move to a warehouse, and what is there enters.
    Join(LocationId, WarehouseId),
    /// The listings at locations go.
    Leave(Vec<LocationId>),
    /// The account's listings are fed by other warehouses; by one only: they move there.
    Feed(Option<WarehouseId>),
    /// What is at locations enters, to be zero.
    Empty(Vec<LocationId>),
}

/// A SKU after the step.
struct Done {
    draft: Draft,
    before: Ledger,
    /// The account's listings concerned.
    concerned: Vec<ListingId>,
    new: u64,
    removed: u64,
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
        self.store.write(&job.rows).await.map_err(raced)?;
        self.forget_accounts();
        let mut done = Linking { applied: true, snapshot: linking.snapshot.take(), ..Linking::default() };
        self.walk(&job, Some(actor), &mut done, progress).await?;
        self.report_locations(&job.connected).await?;
        self.wake_lane(&job.connected.account.id).await?;
        Ok(done)
    }

    async fn prepare(&self, order: &Order, progress: &dyn Progress) -> Result<Job, Error> {
        match order {
            Order::Link { location, warehouse, moving } => {
                self.prepare_link(location, warehouse, *moving, progress).await
            }
            Order::Unlink(location) => self.prepare_unlink(location).await,
            Order::Feed(account, warehouses) => self.prepare_feed(account, warehouses).await,
            Order::Zero(account, on) => self.prepare_zero(account, *on, progress).await,
        }
    }

    async fn prepare_link(
        &self,
        id: &ListingId,
        warehouse: &WarehouseId,
        moving: bool,
        progress: &dyn Progress,
    ) -> Result<Job, Error> {
        self.warehouse(warehouse).await?;
        let connected = self.connected(&id.account).await?;
        if !connected.has_locations() {
            if id.location != LocationId::single() {
                return Err(unknown(id));
            }
            return self.prepare_feed(&id.account, std::slice::from_ref(warehouse)).await;
        }
        let connected = self.discover(&connected, PATIENCE).await?;
        let place = self.place(&connected, id)?;
        if let Some(other) = place.warehouse.as_ref().filter(|other| *other != warehouse && !moving) {
            return Err(Error::Conflict(format!(
                "location: {id} belongs to warehouse {other}; a location is in one warehouse only. Unlink it first, or move it"
            )));
        }
        let master =
            place.master && place.warehouse.as_ref() == Some(warehouse) || !self.has_master(warehouse, id).await?;
        let place = StoreLocation { warehouse: Some(warehouse.clone()), zeroed: false, master, ..place };
        let rows = vec![self.located(place.clone()).await?];
        let connected = with_places(&connected, [place]);
        // while the hub knows no SKU, adoption will do all of it
        let scan = match self.list_items("", None, 1).await?.rows.is_empty() {
            true => None,
            false => Some(self.scan_units(&connected, progress).await?),
        };
        let step = Step::Join(id.location.clone(), warehouse.clone());
        let reason = format!("{id} belongs to warehouse {warehouse}");
        Ok(Job { connected, scan, step, rows, cause: "link", reason })
    }

    /// Whether a warehouse takes its levels from somewhere else than this location.
    async fn has_master(&self, warehouse: &WarehouseId, but: &ListingId) -> Result<bool, Error> {
        let accounts = self.accounts().await?;
        let has = accounts.values().any(|connected| {
            let single = (!connected.has_locations()).then(LocationId::single);
            let places = connected.locations.keys().cloned().chain(single);
            let others = places.filter(|place| *place != but.location || connected.account.id != but.account);
            others.into_iter().any(|place| {
                connected.home(&place).as_ref() == Some(warehouse) && connected.master_rank(&place).is_some()
            })
        });
        Ok(has)
    }

    async fn prepare_unlink(&self, id: &ListingId) -> Result<Job, Error> {
        let connected = self.connected(&id.account).await?;
        if !connected.has_locations() {
            let what = "it has one pool of stock; pause or remove the account, or have another warehouse feed it";
            return Err(Error::Invalid(format!("location: {id} cannot be unlinked: {what}")));
        }
        let place = self.place(&connected, id)?;
        if !place.is_mapped() {
            return Err(Error::Invalid(format!("location: {id} belongs to no warehouse")));
        }
        let place = StoreLocation { warehouse: None, master: false, zeroed: false, ..place };
        let rows = vec![self.located(place.clone()).await?];
        let connected = with_places(&connected, [place]);
        let step = Step::Leave(vec![id.location.clone()]);
        Ok(Job { connected, scan: None, step, rows, cause: "unlink", reason: format!("{id} belongs to no warehouse") })
    }

    async fn prepare_feed(&self, id: &AccountId, warehouses: &[WarehouseId]) -> Result<Job, Error> {
        let mut connected = self.connected(id).await?;
        if connected.has_locations() {
            return Err(Error::Invalid(format!("account: {id} has locations; link each of them to a warehouse")));
        }
        let twice = warehouses.iter().enumerate().any(|(place, name)| warehouses[..place].contains(name));
        if warehouses.is_empty() || twice {
            return Err(Error::Invalid("warehouses: name at least one, and none twice".into()));
        }
        for warehouse in warehouses {
            self.warehouse(warehouse).await?;
        }
        let names: Vec<&str> = warehouses.iter().map(WarehouseId::as_str).collect();
        let reason = format!("{id} is fed by {}", names.join(", "));
        connected.account.feeds = warehouses.to_vec();
        let rows = vec![Change::Put(connected.account.row(), Condition::Any)];
        let step = Step::Feed(if let [only] = warehouses { Some(only.clone()) } else { None });
        Ok(Job { connected, scan: None, step, rows, cause: "link", reason })
    }

    async fn prepare_zero(&self, id: &AccountId, on: bool, progress: &dyn Progress) -> Result<Job, Error> {
        let connected = self.connected(id).await?;
        if !connected.has_locations() {
            return Err(Error::Invalid(format!("account: {id} has no locations")));
        }
        let connected = self.discover(&connected, PATIENCE).await?;
        let free = connected.locations.values().filter(|place| place.warehouse.is_none() && place.zeroed != on);
        let places: Vec<StoreLocation> = free.map(|place| StoreLocation { zeroed: on, ..place.clone() }).collect();
        if places.is_empty() {
            return Err(Error::Invalid(format!("account: {id} has no unlinked location that this would change")));
        }
        let mut rows = Vec::new();
        for place in &places {
            rows.push(self.located(place.clone()).await?);
        }
        let names: Vec<LocationId> = places.iter().map(|place| place.location.clone()).collect();
        let connected = with_places(&connected, places);
        let scan = if on { Some(self.scan_units(&connected, progress).await?) } else { None };
        let step = if on { Step::Empty(names) } else { Step::Leave(names) };
        let kept = if on { "are kept at zero" } else { "are left alone" };
        let reason = format!("unlinked locations of {id} {kept}");
        Ok(Job { connected, scan, step, rows, cause: "zero", reason })
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
            let steps = items.into_iter().zip(ledgers).map(|(item, ledger)| self.step(job, item, ledger, actor));
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

    /// The step for one SKU; `None` where it does nothing. Written where there is an actor, on the ledger as it is then.
    async fn step(&self, job: &Job, item: Item, ledger: Ledger, actor: Option<&str>) -> Result<Option<Done>, Error> {
        let (mut item, mut ledger) = (item, ledger);
        for _ in 0..ATTEMPTS {
            let sku = item.sku.clone();
            let Some(done) = job.done(item, ledger, self.clock.now()) else { return Ok(None) };
            let (Some(actor), false) = (actor, done.is_idle() || done.is_busy()) else { return Ok(Some(done)) };
            match self.store.write(&self.rebased(job, &done, actor)).await {
                Ok(()) => return Ok(Some(done)),
                Err(StoreError::Conflict { .. }) => (item, ledger) = self.item(&sku).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Conflict(format!("{} changes too fast; run it again for the rest", job.reason)))
    }

    /// The writes of a SKU that a person has moved, with a line of history.
    fn rebased(&self, job: &Job, done: &Done, actor: &str) -> Vec<Change> {
        let (now, ledger, item) = (self.clock.now(), &done.draft.ledger, &done.draft.item);
        let version = done.before.version;
        let history = History {
            sku: item.sku.clone(),
            at: now,
            since: now,
            cause: job.cause.into(),
            actor: Some(actor.to_owned()),
            reason: Some(job.reason.clone()),
            level: (done.before.total(), ledger.total()),
            seen: Vec::new(),
            pushed: Vec::new(),
            event: None,
            run: None,
            warehouse: None,
            trace: None,
        };
        vec![
            Change::Put(records::ledger_row(&item.sku, ledger, version + 1), Condition::Version(version)),
            Change::Put(item.row(), Condition::Any),
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

/// How long a call waits for its turn while a person waits for the preview.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// An account with some of its locations as they will be.
fn with_places(connected: &Connected, places: impl IntoIterator<Item = StoreLocation>) -> Connected {
    let mut locations = (*connected.locations).clone();
    locations.extend(places.into_iter().map(|place| (place.location.clone(), place)));
    Connected { locations: Arc::new(locations), ..connected.clone() }
}

impl Job {
    fn done(&self, item: Item, before: Ledger, now: domain::Timestamp) -> Option<Done> {
        let account = &self.connected.account.id;
        let mine: Vec<ListingId> = item.listings.keys().filter(|id| id.account == *account).cloned().collect();
        let at = |places: &[LocationId]| -> Vec<ListingId> {
            mine.iter().filter(|id| places.contains(&id.location)).cloned().collect()
        };
        let mut done =
            Done { draft: Draft::new(item, before.clone()), before, concerned: Vec::new(), new: 0, removed: 0 };
        match &self.step {
            Step::Join(place, warehouse) => {
                done.concerned = at(std::slice::from_ref(place));
                done.move_to(warehouse);
                done.enter(self.scan.as_ref()?, std::slice::from_ref(place), now);
            }
            Step::Leave(places) => {
                done.concerned = at(places);
                done.leave();
            }
            Step::Feed(home) => {
                done.concerned = mine;
                home.iter().for_each(|home| done.move_to(home));
            }
            Step::Empty(places) => done.enter(self.scan.as_ref()?, places, now),
        }
        let idle = done.concerned.is_empty() && done.is_idle();
        (!idle).then_some(done)
    }
}

impl Done {
    fn move_to(&mut self, warehouse: &WarehouseId) {
        for listing in &self.concerned {
            self.draft.ledger.relocate(listing, warehouse);
        }
    }

    fn enter(&mut self, scan: &Scan, places: &[LocationId], now: domain::Timestamp) {
        for place in places {
            let (entering, _) = self.draft.entering(scan, Some(place), now);
            let entered = self.draft.take(entering);
            self.new += entered.len() as u64;
            self.concerned.extend(entered.into_iter().map(|entered| entered.listing));
        }
    }

    fn leave(&mut self) {
        for listing in &self.concerned {
            self.draft.ledger.retire(listing);
            self.draft.item.listings.remove(listing);
            self.removed += 1;
        }
    }

    fn is_idle(&self) -> bool {
        self.new == 0 && self.removed == 0 && self.draft.ledger == self.before
    }

    /// A listing that is just being written neither moves nor goes.
    fn is_busy(&self) -> bool {
        let busy = |id: &ListingId| self.before.entries.get(id).is_some_and(|entry| entry.claim.is_some());
        self.draft.ledger != self.before && self.concerned.iter().any(busy)
    }
}

impl Linking {
    fn enter(
        &mut self,
        job: &Job,
        done: Done,
        overwritten: &mut Vec<(Sku, ListingId, Option<i64>)>,
        todos: &mut Vec<Row>,
        now: domain::Timestamp,
    ) {
        if done.is_busy() {
            self.busy += 1;
            return;
        }
        self.skus += 1;
        self.new_listings += done.new;
        self.removed_listings += done.removed;
        let (before, after) = (levels(&done.before), levels(&done.draft.ledger));
        for warehouse in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
            let units = self.units.entry(warehouse.clone()).or_default();
            units.0 += before.get(warehouse).copied().unwrap_or(0);
            units.1 += after.get(warehouse).copied().unwrap_or(0);
        }
        for listing in &done.concerned {
            let Some(view) = done.draft.item.view(listing, &job.connected, |_| None) else { continue };
            let Some(entry) = done.draft.ledger.entries.get(listing) else { continue };
            let target = plan::target(&done.draft.ledger, entry, &view);
            self.without_level += u64::from(target == Err(plan::Hold::NoLevel));
            let Some(to) = target.ok().filter(|_| view.hold.is_none()).map(|target| target.max(0)) else { continue };
            let account = &job.connected.account.id;
            if entry.shadow != Some(to) {
                todos.push(todo(account, &done.draft.item.sku, to, now).row());
            }
            let Some(from) = entry.shadow.filter(|from| *from != to) else { continue };
            overwritten.push((done.draft.item.sku.clone(), listing.clone(), Some(from)));
            self.change(Difference { sku: done.draft.item.sku.clone(), listing: listing.clone(), from, to });
        }
    }

    fn change(&mut self, difference: Difference) {
        self.will_change += 1;
        self.gains += (difference.to - difference.from).max(0);
        self.losses += (difference.from - difference.to).max(0);
        if self.differences.len() < SHOWN {
            self.differences.push(difference);
        }
    }
}
