//! The shapes of warehouses and locations, for the document; see [`super::schema`].
#![expect(dead_code, reason = "they describe; the engine's own types are what is sent")]

use super::schema::Difference;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A new warehouse.
#[derive(ToSchema)]
pub(crate) struct NewWarehouse {
    /// a-z, 0-9, - and _.
    id: String,
    /// The short name if absent.
    name: Option<String>,
}

/// A warehouse.
#[derive(ToSchema)]
pub(crate) struct WarehouseView {
    id: String,
    name: String,
    locations: Vec<LocationView>,
}

/// A warehouse with its stock.
#[derive(ToSchema)]
pub(crate) struct WarehouseStock {
    id: String,
    name: String,
    locations: Vec<LocationView>,
    /// SKUs that it has a level of.
    skus: u64,
    /// Of these: not at zero.
    stocked: u64,
    /// Units there, what is owed included.
    units: i64,
}

/// A location of an account; that of an account without locations is called `default`.
#[derive(ToSchema)]
pub(crate) struct LocationView {
    /// `account@location`.
    id: String,
    account: String,
    /// What people call it in the store.
    name: String,
    /// Whether the store keeps stock there now.
    open: bool,
    /// When it was seen first; null for an account without locations.
    seen: Option<i64>,
    /// When the store stopped telling of it.
    gone: Option<i64>,
    /// The warehouses that feed it, in order; empty: it is reported and never touched.
    warehouses: Vec<String>,
    /// Whether its warehouse takes its levels from here.
    master: bool,
    /// Whether it is kept at zero.
    zeroed: bool,
}

/// What linking would do, or did.
#[derive(ToSchema)]
pub(crate) struct Linking {
    applied: bool,
    /// The snapshot taken before; null in a preview and where no store is written.
    snapshot: Option<String>,
    /// SKUs concerned.
    skus: u64,
    new_listings: u64,
    /// What they counted stays counted.
    removed_listings: u64,
    /// Units of these SKUs before and after, by warehouse.
    units: BTreeMap<String, (i64, i64)>,
    /// Listings that are held because no warehouse that feeds them has a level of the SKU.
    without_level: u64,
    /// Listings whose level will change.
    will_change: u64,
    /// Units that stores will gain.
    gains: i64,
    /// Units that stores will lose.
    losses: i64,
    /// SKUs that are just being written: left as they are, ask again.
    busy: u64,
    /// The first 200.
    differences: Vec<Difference>,
}
