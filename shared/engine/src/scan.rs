//! A scan: everything that one account has, each level belonging to a place in its feed.

use crate::adopt::Progress;
use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::records::Listing;
use crate::sync::orders::OVERLAP_MS;
use channels::Unit;
use domain::{Class, ListingId, LocationId, Order, Position, Sku, Timestamp, UnitId};
use futures::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Pages of one account's list; far more than any store has.
const PAGES_MAX: usize = 100_000;
/// How long a scan's call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(120);
/// Times that movements during a scan are followed up.
const READ_AGAIN: usize = 20;

/// Everything that one account has.
pub(crate) struct Scan {
    pub connected: Connected,
    pub position: Position,
    /// Units with a SKU, by it, at locations that belong to a warehouse.
    pub units: BTreeMap<Sku, Vec<Unit>>,
    pub without_sku: u64,
    /// Units at locations that belong to none: seen, and left alone.
    pub unlinked: BTreeMap<LocationId, u64>,
    /// Orders that the levels already include; for a store without a readable feed.
    pub orders: Vec<Order>,
    /// When the scan began.
    pub started: Timestamp,
}

/// Accounts read at once.
pub(crate) const SCANS: usize = 4;

impl Hub {
    /// Reads all of some accounts, side by side, in the order given.
    pub(crate) async fn scans(
        &self,
        accounts: Vec<Connected>,
        progress: &dyn Progress,
    ) -> Vec<(Connected, Result<Scan, Error>)> {
        let scans = accounts.into_iter().map(|connected| async move {
            let scan = self.scan(&connected, progress).await;
            (connected, scan)
        });
        stream::iter(scans).buffered(SCANS).collect().await
    }

    /// Reads all of an account: its locations, then its units.
    pub(crate) async fn scan(&self, connected: &Connected, progress: &dyn Progress) -> Result<Scan, Error> {
        let connected = self.discover(connected, PATIENCE).await?;
        self.scan_units(&connected, progress).await
    }

    /// Reads all units of an account. What moves while it is read is read again, so that each level belongs to a position of
    /// the feed.
    pub(crate) async fn scan_units(&self, connected: &Connected, progress: &dyn Progress) -> Result<Scan, Error> {
        let line = self.line(connected, PATIENCE);
        let keeps_movements = connected.channel.info().capabilities.class() == Class::C;
        let has_feed = connected.account.feed && keeps_movements;
        let heard = |error| said(connected, error);
        let start = if has_feed { line.feed_head().await.map_err(heard)? } else { Position::default() };
        let mut scan = Scan {
            connected: connected.clone(),
            position: start,
            units: BTreeMap::new(),
            without_sku: 0,
            unlinked: BTreeMap::new(),
            orders: Vec::new(),
            started: self.clock.now(),
        };
        let step = format!("reading {}", connected.account.id);
        let (mut page, mut read) = (None, 0);
        for _ in 0..PAGES_MAX {
            let levels = line.units(page).await.map_err(heard)?;
            read += levels.rows.len() as u64;
            levels.rows.into_iter().for_each(|unit| scan.take(unit));
            progress.tell(&step, read, 0);
            page = levels.next;
            if page.is_none() {
                break;
            }
        }
        if has_feed {
            self.read_again(&mut scan, start).await?;
        } else if keeps_movements {
            scan.orders = self.orders_placed(connected, scan.started.plus_ms(-OVERLAP_MS), PATIENCE).await?;
            let recent = scan.orders.iter().filter(|order| order.placed >= scan.started.plus_ms(-1_000));
            let skus = recent.flat_map(|order| order.lines.iter().filter_map(|line| line.sku.clone())).collect();
            self.read_levels(&mut scan, &skus).await?;
        }
        Ok(scan)
    }

    /// Reads the levels of some SKUs again.
    async fn read_levels(&self, scan: &mut Scan, skus: &BTreeSet<Sku>) -> Result<(), Error> {
        let connected = scan.connected.clone();
        let line = self.line(&connected, PATIENCE);
        let asked: Vec<_> = skus
            .iter()
            .flat_map(|sku| scan.places(sku))
            .filter_map(|unit| Some((unit.sku.clone()?, unit.location.clone(), unit.external.clone())))
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let levels = line.levels(&asked).await.map_err(|error| said(&connected, error))?;
        for ((sku, location, external), level) in asked.iter().zip(levels) {
            let units = scan.units.get_mut(sku).into_iter().flatten();
            let meant = units.filter(|unit| unit.external == *external && unit.location == *location);
            meant.for_each(|unit| unit.level = level);
        }
        Ok(())
    }

    async fn read_again(&self, scan: &mut Scan, start: Position) -> Result<(), Error> {
        let connected = scan.connected.clone();
        let line = self.line(&connected, PATIENCE);
        let heard = |error| said(&connected, error);
        let mut since = start;
        for _ in 0..READ_AGAIN {
            let moved = line.movements(since).await.map_err(heard)?;
            if moved.entries.is_empty() {
                break;
            }
            since = moved.upto;
            let skus: BTreeSet<Sku> = moved.entries.into_iter().map(|movement| movement.sku).collect();
            self.read_levels(scan, &skus).await?;
        }
        scan.position = since;
        Ok(())
    }
}

/// A unit with the listing that it is, and whether its SKU appears more than once there.
pub(crate) type Found<'a> = (ListingId, &'a Unit, bool);

impl Scan {
    fn take(&mut self, unit: Unit) {
        if !self.connected.is_mapped(&unit.location) {
            *self.unlinked.entry(unit.location).or_default() += 1;
            return;
        }
        match &unit.sku {
            Some(sku) => self.units.entry(sku.clone()).or_default().push(unit),
            None => self.without_sku += 1,
        }
    }

    /// The first unit of a SKU at each location.
    fn places(&self, sku: &Sku) -> Vec<&Unit> {
        let mut places: Vec<&Unit> = Vec::new();
        for unit in self.units.get(sku).into_iter().flatten() {
            if places.iter().all(|first| first.location != unit.location) {
                places.push(unit);
            }
        }
        places
    }

    /// Where a unit is: the short form of its listing.
    pub(crate) fn listing(&self, unit: &Unit) -> ListingId {
        ListingId::at(self.connected.account.id.clone(), unit.location.clone())
    }

    /// The listings of a SKU, given those that are known. Where units share one level, each is a listing of its own: the
    /// first goes by the short form, and whoever has a name keeps it.
    pub(crate) fn listings(&self, sku: &Sku, known: &BTreeMap<ListingId, Listing>) -> Vec<Found<'_>> {
        let shares = self.connected.shares_duplicates();
        let mut found: Vec<Found<'_>> = Vec::new();
        for unit in self.units.get(sku).into_iter().flatten() {
            let short = self.listing(unit);
            let first = found.iter().position(|(listing, ..)| *listing == short);
            let listing = match first {
                Some(first) if !shares => {
                    found[first].2 = true;
                    continue;
                }
                _ if !shares => Some(short),
                _ => named(short, first.is_some(), unit, known),
            };
            found.extend(listing.map(|listing| (listing, unit, false)));
        }
        found
    }

    /// The level that a listing was seen with, and whether its SKU clashes there; `None` if it was not seen.
    pub(crate) fn find(&self, sku: &Sku, listing: &ListingId, external: &str) -> Option<(Option<i64>, bool)> {
        let units = self.units.get(sku)?.iter().filter(|unit| unit.location == listing.location);
        let units: Vec<&Unit> = units.collect();
        if self.connected.shares_duplicates() && units.len() > 1 {
            return units.iter().find(|unit| unit.external == external).map(|unit| (unit.level, false));
        }
        units.first().map(|first| (first.level, units.len() > 1))
    }

    /// The SKUs of units by location and the store's own id.
    pub(crate) fn by_external(&self) -> BTreeMap<(LocationId, String), Sku> {
        let units = self.units.iter().flat_map(|(sku, units)| units.iter().map(move |unit| (sku, unit)));
        units.map(|(sku, unit)| ((unit.location.clone(), unit.external.clone()), sku.clone())).collect()
    }

    /// Whether a listing is on sale in its store; `None` if it was not seen.
    pub(crate) fn is_active(&self, sku: &Sku, listing: &ListingId, external: &str) -> Option<bool> {
        let mut units = self.units.get(sku)?.iter().filter(|unit| unit.location == listing.location);
        let first = units.clone().next()?;
        Some(units.find(|unit| unit.external == external).unwrap_or(first).active)
    }

    /// Whether a SKU appears more than once at a location where it must not.
    pub(crate) fn clashes(&self, sku: &Sku) -> bool {
        let units = self.units.get(sku).map_or(0, Vec::len);
        units > 1 && !self.connected.shares_duplicates() && self.places(sku).len() < units
    }

    /// Forgets a SKU that was dealt with.
    pub(crate) fn seen(&mut self, sku: &Sku) {
        self.units.remove(sku);
    }
}

/// The name of one of several units that share a level.
fn named(short: ListingId, taken: bool, unit: &Unit, known: &BTreeMap<ListingId, Listing>) -> Option<ListingId> {
    let here = known.iter().filter(|(id, _)| id.account == short.account && id.location == short.location);
    if let Some((id, _)) = here.clone().find(|(_, listing)| listing.external == unit.external) {
        return Some(id.clone());
    }
    if !taken && !known.contains_key(&short) {
        return Some(short);
    }
    UnitId::new(unit.external.as_str()).ok().map(|unit| short.of(unit))
}
