//! The locations of accounts: found in the stores, linked to warehouses by people.

mod linking;
mod work;

pub(crate) use linking::with_places;
pub use linking::{Linking, Order};
pub(crate) use work::Arranging;

use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, Account, HUB, StoreLocation};
use channels::Location;
use domain::{AccountId, ListingId, LocationId, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Pages of one account's locations; far more than any store has.
const PAGES_MAX: usize = 1_000;

/// Rows of one transaction.
const TOGETHER: usize = 100;

/// A location as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationView {
    /// `account@location`.
    pub id: ListingId,
    /// The account.
    pub account: AccountId,
    /// What people call it in the store.
    pub name: String,
    /// Whether the store keeps stock there now.
    pub open: bool,
    /// When it was seen first; absent for a store without locations.
    pub seen: Option<Timestamp>,
    /// When the store stopped telling of it.
    pub gone: Option<Timestamp>,
    /// The warehouses that feed it, in order; empty: it is reported and never touched.
    pub warehouses: Vec<WarehouseId>,
    /// Whether its warehouse takes its levels from here.
    pub master: bool,
    /// Whether it is kept at zero.
    pub zeroed: bool,
}

/// A row with its version.
type Stored = (StoreLocation, u64);

impl Hub {
    /// Asks a store for all of its locations and keeps what is new. One that was never seen is reported, not touched; only
    /// where it is the store's only one, and nothing was decided before, it belongs to the main warehouse.
    pub(crate) async fn discover(&self, connected: &Connected, patience: Duration) -> Result<Connected, Error> {
        if !connected.has_locations() {
            return Ok(connected.clone());
        }
        let told = self.all_locations(connected, patience).await?;
        let id = &connected.account.id;
        let known = self.stored_locations(id).await?;
        let changed = changes(id, &told, &known, self.clock.now());
        let mut locations: BTreeMap<LocationId, StoreLocation> =
            known.into_iter().map(|(id, (location, _))| (id, location)).collect();
        for (location, version) in changed {
            let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
            match self.store.write(&[Change::Put(location.row(version + 1), condition)]).await {
                Ok(()) => drop(locations.insert(location.location.clone(), location)),
                // somebody else has just decided about it; the next look takes up what the store says
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if *connected.locations != locations {
            self.forget_accounts();
        }
        let connected = Connected { locations: Arc::new(locations), ..connected.clone() };
        self.report_locations(&connected).await?;
        Ok(connected)
    }

    async fn all_locations(&self, connected: &Connected, patience: Duration) -> Result<Vec<Location>, Error> {
        let line = self.line(connected, patience);
        let (mut told, mut page) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let listed = line.locations(page).await.map_err(|error| said(connected, error))?;
            told.extend(listed.rows);
            page = listed.next;
            if page.is_none() {
                return Ok(told);
            }
        }
        Err(Error::Conflict(format!("{}: the store's list of locations does not end", connected.account.id)))
    }

    pub(crate) async fn stored_locations(&self, account: &AccountId) -> Result<BTreeMap<LocationId, Stored>, Error> {
        let mut stored = BTreeMap::new();
        for row in self.all_rows(HUB, &format!("LOCATION#{account}@")).await? {
            let location: StoreLocation = records::body(&row)?;
            stored.insert(location.location.clone(), (location, row.version));
        }
        Ok(stored)
    }

    /// Tells in the account's health which locations nothing is done about, and which are closed.
    async fn report_locations(&self, connected: &Connected) -> Result<(), Error> {
        let named = |place: &&StoreLocation| (place.location.clone(), place.name.clone());
        let places = || connected.locations.values();
        let unlinked: BTreeMap<_, _> =
            places().filter(|place| !place.is_mapped() && place.is_open()).map(|place| named(&place)).collect();
        let closed: BTreeMap<_, _> =
            places().filter(|place| place.is_mapped() && !place.is_open()).map(|place| named(&place)).collect();
        let health = &connected.health.0;
        if health.unlinked != unlinked || health.closed != closed {
            self.change_health(&connected.account.id, |health| {
                health.unlinked.clone_from(&unlinked);
                health.closed.clone_from(&closed);
            })
            .await?;
        }
        Ok(())
    }

    /// The locations of one account, or of all.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn list_locations(&self, only: Option<&AccountId>) -> Result<Vec<LocationView>, Error> {
        self.forget_accounts();
        let accounts = match only {
            Some(only) => vec![self.connected(only).await?],
            None => self.accounts().await?.values().cloned().collect(),
        };
        Ok(accounts.iter().flat_map(views).collect())
    }

    /// Asks the store of an account for its locations again, and lists them.
    ///
    /// # Errors
    /// [`Error::Channel`] with what the store said.
    pub async fn refresh_locations(&self, account: &AccountId) -> Result<Vec<LocationView>, Error> {
        let connected = self.connected(account).await?;
        self.discover(&connected, Duration::from_secs(15)).await?;
        self.list_locations(Some(account)).await
    }

    /// Makes a location the one that its warehouse takes its levels from: whatever changes there counts.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when it belongs to no warehouse.
    pub async fn set_master_location(&self, id: &ListingId) -> Result<LocationView, Error> {
        self.forget_accounts();
        let connected = self.connected(&id.account).await?;
        if connected.has_locations() || id.location != LocationId::single() {
            self.place(&connected, id)?;
        }
        let Some(warehouse) = connected.home(&id.location) else {
            return Err(Error::Invalid(format!("location: {id} belongs to no warehouse; link it first")));
        };
        let mut changes = Vec::new();
        for other in self.accounts().await?.values() {
            changes.extend(self.leading(other, &warehouse, id).await?);
        }
        self.store.write(&changes).await.map_err(raced)?;
        self.forget_accounts();
        let views = self.list_locations(Some(&id.account)).await?;
        views.into_iter().find(|view| view.id == *id).ok_or_else(|| unknown(id))
    }

    /// The writes after which one location leads a warehouse, as far as they concern an account.
    async fn leading(
        &self,
        connected: &Connected,
        warehouse: &WarehouseId,
        leader: &ListingId,
    ) -> Result<Vec<Change>, Error> {
        let is_leader = |location: &LocationId| leader.account == connected.account.id && leader.location == *location;
        let single = LocationId::single();
        if !connected.has_locations() {
            let leads = is_leader(&single);
            let concerned = connected.home(&single).as_ref() == Some(warehouse) && connected.account.leads != leads;
            if !concerned {
                return Ok(Vec::new());
            }
            let lead = |account: &mut Account| {
                account.leads = leads;
                Ok(())
            };
            return Ok(self.account_change(&connected.account.id, lead).await?.into_iter().collect());
        }
        let mut changes = Vec::new();
        let here = connected.locations.values().filter(|place| place.warehouse.as_ref() == Some(warehouse));
        for place in here.filter(|place| place.master != is_leader(&place.location)) {
            let master = !place.master;
            changes.push(self.located(StoreLocation { master, ..place.clone() }).await?);
        }
        Ok(changes)
    }

    /// Forgets the locations of an account that is removed.
    pub(crate) async fn forget_locations(&self, account: &AccountId) -> Result<(), Error> {
        let known = self.stored_locations(account).await?;
        let keys = known.keys().map(|location| StoreLocation::key(account, location));
        let deletes: Vec<Change> = keys.map(|key| Change::Delete(key, Condition::Any)).collect();
        for some in deletes.chunks(TOGETHER) {
            self.store.write(some).await?;
        }
        Ok(())
    }

    /// The write of a location's row, under its stored version.
    async fn located(&self, location: StoreLocation) -> Result<Change, Error> {
        let key = StoreLocation::key(&location.account, &location.location);
        let version = self.store.get(&[key]).await?.pop().flatten().map_or(0, |row| row.version);
        let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
        Ok(Change::Put(location.row(version + 1), condition))
    }

    /// A location that is known.
    fn place(&self, connected: &Connected, id: &ListingId) -> Result<StoreLocation, Error> {
        connected.place(&id.location).cloned().ok_or_else(|| unknown(id))
    }
}

fn raced(error: StoreError) -> Error {
    let raced = matches!(error, StoreError::Conflict { .. });
    if raced { Error::Conflict("the location was changed meanwhile; try again".into()) } else { error.into() }
}

fn unknown(id: &ListingId) -> Error {
    Error::NotFound { what: "location", name: id.to_string() }
}

fn views(connected: &Connected) -> Vec<LocationView> {
    let account = &connected.account.id;
    if !connected.has_locations() {
        let single = LocationId::single();
        return vec![LocationView {
            id: ListingId::single(account.clone()),
            account: account.clone(),
            name: connected.channel.info().title.into(),
            open: true,
            seen: None,
            gone: None,
            warehouses: connected.feeds(),
            master: connected.master_rank(&single).is_some(),
            zeroed: false,
        }];
    }
    let view = |place: &StoreLocation| LocationView {
        id: place.id(),
        account: account.clone(),
        name: place.name.clone(),
        open: place.is_open(),
        seen: Some(place.seen),
        gone: place.gone,
        warehouses: place.warehouse.iter().cloned().collect(),
        master: connected.master_rank(&place.location).is_some(),
        zeroed: place.zeroed,
    };
    connected.locations.values().map(view).collect()
}

/// What is to be written so that the rows say what the store tells, each with the version that it replaces.
fn changes(
    account: &AccountId,
    told: &[Location],
    known: &BTreeMap<LocationId, Stored>,
    now: Timestamp,
) -> Vec<(StoreLocation, u64)> {
    let mut changed = Vec::new();
    let only = known.is_empty() && told.iter().filter(|location| location.active).count() == 1;
    for location in told {
        let row = match known.get(&location.id) {
            Some((before, version)) => {
                let (name, active) = (location.name.clone(), location.active);
                let after = StoreLocation { name, active, gone: None, ..before.clone() };
                (after != *before).then_some((after, *version))
            }
            None => {
                let linked = (only && location.active).then(WarehouseId::main);
                Some((found(account, location, linked, now), 0))
            }
        };
        changed.extend(row);
    }
    let told: Vec<&LocationId> = told.iter().map(|location| &location.id).collect();
    for (before, version) in known.values().filter(|(before, _)| before.gone.is_none()) {
        if !told.contains(&&before.location) {
            changed.push((StoreLocation { gone: Some(now), ..before.clone() }, *version));
        }
    }
    changed
}

fn found(account: &AccountId, location: &Location, warehouse: Option<WarehouseId>, now: Timestamp) -> StoreLocation {
    StoreLocation {
        account: account.clone(),
        location: location.id.clone(),
        name: location.name.clone(),
        active: location.active,
        gone: None,
        seen: now,
        warehouse,
        master: false,
        zeroed: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountId {
        AccountId::new("shop").expect("valid")
    }

    fn told(id: &str, active: bool) -> Location {
        Location { id: LocationId::new(id).expect("valid"), name: format!("Place {id}"), active }
    }

    fn rows(changed: Vec<(StoreLocation, u64)>) -> BTreeMap<LocationId, Stored> {
        changed.into_iter().map(|(location, version)| (location.location.clone(), (location, version + 1))).collect()
    }

    #[test]
    fn the_only_open_location_belongs_to_the_main_warehouse_and_of_several_none() {
        let one = changes(&account(), &[told("1", true), told("2", false)], &BTreeMap::new(), Timestamp(1));
        let linked: Vec<bool> = one.iter().map(|(location, _)| location.warehouse.is_some()).collect();
        assert_eq!(linked, [true, false]);
        let several = changes(&account(), &[told("1", true), told("2", true)], &BTreeMap::new(), Timestamp(1));
        assert!(several.iter().all(|(location, _)| location.warehouse.is_none()));
        let known = rows(one);
        let later = changes(&account(), &[told("1", true), told("2", false), told("3", true)], &known, Timestamp(2));
        assert_eq!(later.len(), 1);
        assert_eq!((later[0].0.seen, later[0].0.is_mapped()), (Timestamp(2), false), "a new one is only reported");
    }

    #[test]
    fn what_the_store_no_longer_tells_of_is_kept_and_closed() {
        let known = rows(changes(&account(), &[told("1", true)], &BTreeMap::new(), Timestamp(1)));
        let gone = changes(&account(), &[], &known, Timestamp(5));
        assert_eq!((gone[0].0.gone, gone[0].0.is_open(), gone[0].0.is_mapped()), (Some(Timestamp(5)), false, true));
        let known = rows(gone);
        assert!(changes(&account(), &[], &known, Timestamp(6)).is_empty());
        assert!(changes(&account(), &[told("1", true)], &known, Timestamp(7))[0].0.is_open(), "it is back");
    }
}
