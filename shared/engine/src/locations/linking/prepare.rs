//! Orders about locations, prepared: who is concerned, what the store has there, and what is to be stored.

use super::Order;
use crate::adopt::Progress;
use crate::hub::{Connected, Error, Hub};
use crate::locations::{StoreLocation, unknown};
use crate::ports::Change;
use crate::records::Account;
use crate::scan::Scan;
use domain::{AccountId, ListingId, LocationId, WarehouseId};
use std::sync::Arc;

/// How long a call waits for its turn while a person waits for the preview.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// An account with some of its locations as they will be.
fn with_places(connected: &Connected, places: impl IntoIterator<Item = StoreLocation>) -> Connected {
    let mut locations = (*connected.locations).clone();
    locations.extend(places.into_iter().map(|place| (place.location.clone(), place)));
    Connected { locations: Arc::new(locations), ..connected.clone() }
}

/// An order, prepared.
pub(super) struct Job {
    /// The account as it will be.
    pub(super) connected: Connected,
    /// What the store has at the locations that enter.
    pub(super) scan: Option<Scan>,
    pub(super) step: Step,
    /// Its locations, or the account itself, as they will be stored.
    pub(super) rows: Vec<Change>,
    pub(super) cause: &'static str,
    pub(super) reason: String,
}

/// What is done to each SKU.
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
    pub(super) async fn prepare(&self, order: &Order, progress: &dyn Progress) -> Result<Job, Error> {
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
        let feed = |account: &mut Account| {
            account.feeds = warehouses.to_vec();
            Ok(())
        };
        let rows = self.account_change(id, feed).await?.into_iter().collect();
        connected.account.feeds = warehouses.to_vec();
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
}
