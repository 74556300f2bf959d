//! Worlds with two warehouses: which store has which locations, what belongs to which warehouse, and what must hold of each.

use super::setup::{Class, Setup};
use super::world::account;
use crate::memory::Commit;
use domain::{AccountId, Ledger, ListingId, LocationId, WarehouseId};
use engine::adopt::Silent;
use engine::locations::Order;
use engine::records::{self, SaleMarker};
use engine::warehouses::NewWarehouse;
use engine::{Error, Hub};

/// The store that has locations in a world of several warehouses.
pub const LOCATED: usize = 1;
/// The store of one pool there that both warehouses feed.
pub const POOLED: usize = 2;

/// The locations of the store [`LOCATED`]: none where there is one warehouse, and in every second seed one that belongs to none.
#[must_use]
pub fn locations(class: Class, seed: u64) -> Vec<LocationId> {
    let count = if class == Class::Places { 2 + usize::from(seed.is_multiple_of(2)) } else { 0 };
    (0..count).map(|number| LocationId::new(format!("l{number}")).expect("letters and digits")).collect()
}

/// The second warehouse.
fn west() -> WarehouseId {
    WarehouseId::new("west").expect("letters")
}

impl Setup {
    /// Whether a store has locations.
    #[must_use]
    pub fn is_located(&self, store: usize) -> bool {
        store == LOCATED && !self.places.is_empty()
    }

    /// The locations of a store that belong to a warehouse.
    #[must_use]
    pub fn linked(&self, store: usize) -> Vec<LocationId> {
        if self.is_located(store) { self.places[..2].to_vec() } else { vec![LocationId::single()] }
    }

    /// The warehouses that feed a listing, in their order.
    #[must_use]
    pub fn feeds(&self, store: usize, location: &LocationId) -> Vec<WarehouseId> {
        match store {
            LOCATED if self.places.get(1) == Some(location) => vec![west()],
            POOLED if !self.places.is_empty() => vec![WarehouseId::main(), west()],
            _ => vec![WarehouseId::main()],
        }
    }

    /// What the books call a listing's place: the account, and the location at the store that has several.
    #[must_use]
    pub fn spot(&self, listing: &ListingId) -> AccountId {
        if !self.places.contains(&listing.location) {
            return listing.account.clone();
        }
        AccountId::new(format!("{}_{}", listing.account, listing.location)).expect("both are short and plain")
    }
}

/// People make the second warehouse and say what belongs to which.
///
/// # Errors
/// What the hub says.
pub async fn set_up(hub: &Hub, setup: &Setup) -> Result<(), Error> {
    let [first, second, ..] = setup.places.as_slice() else { return Ok(()) };
    hub.add_warehouse(NewWarehouse { id: west(), name: None }).await?;
    let link = |place: &LocationId, warehouse| Order::Link {
        location: ListingId::at(account(LOCATED), place.clone()),
        warehouse,
        moving: false,
    };
    let feed = Order::Feed(account(POOLED), vec![WarehouseId::main(), west()]);
    for wish in [link(first, WarehouseId::main()), link(second, west()), feed] {
        hub.arrange(&wish, true, "owner", &Silent).await?;
    }
    Ok(())
}

/// What was counted in a warehouse that has nothing to do with the listing, or charged to a later one although an earlier one
/// still has stock; which only shows where nothing was `returned` by the same commit.
#[must_use]
pub fn misplaced(
    before: &Ledger,
    after: &Ledger,
    returned: bool,
    feeds: impl Fn(&ListingId) -> Vec<WarehouseId>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (listing, entry) in after.entries.iter().filter(|(listing, _)| !listing.is_hub() && !listing.is_kit()) {
        let (feeds, was) = (feeds(listing), before.entries.get(listing));
        let moved =
            |warehouse: &WarehouseId| entry.counted_in(warehouse) - was.map_or(0, |was| was.counted_in(warehouse));
        let everywhere = after.base.keys().chain(entry.charged.keys());
        for warehouse in everywhere.filter(|warehouse| !feeds.contains(warehouse) && moved(warehouse) != 0) {
            problems.push(format!("I2: {listing}: {:+} counted in {warehouse}", moved(warehouse)));
        }
        let falls = !returned && feeds.iter().all(|warehouse| moved(warehouse) <= 0);
        for (place, warehouse) in feeds.iter().enumerate().filter(|(_, warehouse)| moved(warehouse) < 0) {
            let earlier = feeds[..place].iter().find(|earlier| after.level(earlier) > 0);
            if let Some(earlier) = earlier.filter(|_| falls) {
                problems.push(format!("I2: {listing}: charged to {warehouse}, while {earlier} has stock"));
            }
        }
    }
    problems
}

/// A line that remembers other units than it holds: what comes back would go where it was not taken.
#[must_use]
pub fn forgotten(commit: &Commit) -> Option<String> {
    let after = commit.after.as_ref().filter(|_| commit.key.pk.starts_with("SALE#"))?;
    let marker = records::body::<SaleMarker>(after).ok()?;
    let taken: i64 = marker.taken.values().sum();
    (!marker.taken.is_empty() && taken != marker.units)
        .then(|| format!("I2: {}: line {} holds {} units and remembers {taken}", marker.sku, marker.line, marker.units))
}
