//! Orders about locations, prepared: who is concerned, what the store has there, and what is to be stored.

use super::Order;
use crate::hub::{Connected, Error, Hub};
use crate::locations::{StoreLocation, unknown};
use crate::scan::Scan;
use domain::{AccountId, ListingId, LocationId, WarehouseId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a call waits for its turn while a person waits for the preview.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// An account with some of its locations as they will be.
pub(crate) fn with_places(connected: &Connected, places: &[StoreLocation]) -> Connected {
    if places.is_empty() {
        return connected.clone();
    }
    let mut locations = (*connected.locations).clone();
    locations.extend(places.iter().map(|place| (place.location.clone(), place.clone())));
    Connected { locations: Arc::new(locations), ..connected.clone() }
}

/// An order, prepared: what will be, and what is done to each SKU.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::locations) struct Plan {
    /// The account.
    pub account: AccountId,
    /// Its locations as they will be, as far as they change.
    pub places: Vec<StoreLocation>,
    /// The warehouses that will feed it, if that changes.
    pub feeds: Option<Vec<WarehouseId>>,
    /// Whether what the store has must be known.
    pub reads: bool,
    pub(super) step: Step,
    pub(super) cause: String,
    pub(super) reason: String,
}

/// A plan with what it needs at hand.
pub(in crate::locations) struct Job<'a> {
    pub(super) plan: &'a Plan,
    /// The account as it will be.
    pub(super) connected: Connected,
    /// What the store has at the locations that enter.
    pub(super) scan: Option<&'a Scan>,
}

/// What is done to each SKU.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Step {
    /// The listings at a location move to a warehouse, and what is there enters.
    Join(LocationId, WarehouseId),
    /// The listings at locations go.
    Leave(Vec<LocationId>),
    /// The account's listings are fed by other warehouses; by one only: they move there.
    Feed(Option<WarehouseId>),
    /// What is at locations enters, to be zero.
    Empty(Vec<LocationId>),
}

impl Hub {
    pub(in crate::locations) async fn prepare(&self, order: &Order) -> Result<Plan, Error> {
        match order {
            Order::Link { location, warehouse, moving } => self.prepare_link(location, warehouse, *moving).await,
            Order::Unlink(location) => self.prepare_unlink(location).await,
            Order::Feed(account, warehouses) => self.prepare_feed(account, warehouses).await,
            Order::Zero(account, on) => self.prepare_zero(account, *on).await,
        }
    }

    /// The plan with what it needs.
    pub(in crate::locations) async fn job<'a>(&self, plan: &'a Plan, scan: Option<&'a Scan>) -> Result<Job<'a>, Error> {
        let mut connected = with_places(&self.connected(&plan.account).await?, &plan.places);
        if let Some(feeds) = &plan.feeds {
            connected.account.feeds.clone_from(feeds);
        }
        Ok(Job { plan, connected, scan })
    }

    async fn prepare_link(&self, id: &ListingId, warehouse: &WarehouseId, moving: bool) -> Result<Plan, Error> {
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
        // while the hub knows no SKU, adoption will do all of it
        let reads = !self.item_rows(None, 1).await?.rows.is_empty();
        let step = Step::Join(id.location.clone(), warehouse.clone());
        let (cause, reason) = ("link".into(), format!("{id} belongs to warehouse {warehouse}"));
        Ok(Plan { account: id.account.clone(), places: vec![place], feeds: None, reads, step, cause, reason })
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

    async fn prepare_unlink(&self, id: &ListingId) -> Result<Plan, Error> {
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
        let step = Step::Leave(vec![id.location.clone()]);
        let (cause, reason) = ("unlink".into(), format!("{id} belongs to no warehouse"));
        Ok(Plan { account: id.account.clone(), places: vec![place], feeds: None, reads: false, step, cause, reason })
    }

    async fn prepare_feed(&self, id: &AccountId, warehouses: &[WarehouseId]) -> Result<Plan, Error> {
        let connected = self.connected(id).await?;
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
        let feeds = Some(warehouses.to_vec());
        let step = Step::Feed(if let [only] = warehouses { Some(only.clone()) } else { None });
        let (places, cause) = (Vec::new(), "link".into());
        Ok(Plan { account: id.clone(), places, feeds, reads: false, step, cause, reason })
    }

    async fn prepare_zero(&self, id: &AccountId, on: bool) -> Result<Plan, Error> {
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
        let names: Vec<LocationId> = places.iter().map(|place| place.location.clone()).collect();
        let step = if on { Step::Empty(names) } else { Step::Leave(names) };
        let kept = if on { "are kept at zero" } else { "are left alone" };
        let (cause, reason) = ("zero".into(), format!("unlinked locations of {id} {kept}"));
        Ok(Plan { account: id.clone(), places, feeds: None, reads: on, step, cause, reason })
    }
}
