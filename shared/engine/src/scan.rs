//! A scan: everything that one account has, each level belonging to a place in its feed.

use crate::adopt::Progress;
use crate::hub::{Connected, Error, Hub};
use crate::line::{Respelled, said};
use crate::records::Listing;
use crate::sync::orders::OVERLAP_MS;
use crate::unpaid::BACK_MS;
use channels::Unit;
use domain::{Class, ListingId, LocationId, Order, OrderState, Position, Sku, Timestamp, UnitId};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Steps of reading one account; far more than any store has pages.
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
    /// What units are called now that a person has linked by another name.
    pub respelled: BTreeMap<String, Option<Sku>>,
    /// When the scan began.
    pub started: Timestamp,
    /// Locations of units.
    locations: BTreeSet<LocationId>,
}

/// How far the reading of one account is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Reading {
    stage: Stage,
    /// The next page.
    page: Option<String>,
    /// Units read.
    read: u64,
    started: Timestamp,
    position: Position,
    /// Times that movements were followed up.
    again: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    #[default]
    Begin,
    Pages,
    Again,
    Done,
}

/// Some of what was read, in order: what a scan is made of, and made of again by whoever goes on with it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Piece {
    pub units: Vec<Unit>,
    /// Whether the units were there already and only their levels are newer.
    pub again: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub respelled: Respelled,
}

/// Accounts read at once.
pub(crate) const SCANS: usize = 4;

impl Reading {
    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }
}

impl Hub {
    /// Reads all of an account: its locations, then its units.
    pub(crate) async fn scan(&self, connected: &Connected, progress: &dyn Progress) -> Result<Scan, Error> {
        let connected = self.discover(connected, PATIENCE).await?;
        let (mut reading, mut scan) = (Reading::default(), Scan::new(&connected));
        for _ in 0..PAGES_MAX {
            if reading.is_done() {
                break;
            }
            let piece = self.read_on(&connected, &mut reading, &scan, PATIENCE, progress).await?;
            scan.enter(&reading, piece);
        }
        Ok(scan)
    }

    /// Reads on: a page, or what has moved since. What moves while an account is read is read again, so that each level belongs
    /// to a position of the feed. After an error the same may be asked for again.
    pub(crate) async fn read_on(
        &self,
        connected: &Connected,
        reading: &mut Reading,
        scan: &Scan,
        patience: Duration,
        progress: &dyn Progress,
    ) -> Result<Piece, Error> {
        let line = self.line(connected, patience);
        let keeps_movements = connected.channel.info().capabilities.class() == Class::C;
        let has_feed = connected.account.feed && keeps_movements;
        let heard = |error| said(connected, error);
        match reading.stage {
            Stage::Begin => {
                (reading.started, reading.stage) = (self.clock.now(), Stage::Pages);
                reading.position = if has_feed { line.feed_head().await.map_err(heard)? } else { Position::default() };
                Ok(Piece::default())
            }
            Stage::Pages => {
                let (levels, respelled) = line.units(reading.page.clone()).await.map_err(heard)?;
                reading.read += levels.rows.len() as u64;
                progress.tell(&format!("reading {}", connected.account.id), reading.read, 0);
                reading.page = levels.next;
                if reading.page.is_none() {
                    reading.stage = if keeps_movements { Stage::Again } else { Stage::Done };
                }
                Ok(Piece { units: levels.rows, respelled, ..Piece::default() })
            }
            Stage::Again if has_feed => {
                let moved = line.movements(reading.position).await.map_err(heard)?;
                let skus: BTreeSet<Sku> = moved.entries.into_iter().map(|movement| movement.sku).collect();
                let units = self.read_levels(scan, &skus, patience).await?;
                reading.again += 1;
                if skus.is_empty() || reading.again >= READ_AGAIN {
                    reading.stage = Stage::Done;
                }
                if !skus.is_empty() {
                    reading.position = moved.upto;
                }
                Ok(Piece { units, again: true, ..Piece::default() })
            }
            Stage::Again => {
                let recently = reading.started.plus_ms(-OVERLAP_MS);
                // before its first sync, who waits for money must be known: it will be paid for later
                let first =
                    Self::waits_for_payment(connected) && self.counted_until(&connected.account.id).await?.is_none();
                let since = if first { reading.started.plus_ms(-BACK_MS) } else { recently };
                let mut orders = self.orders_placed(connected, since, patience).await?;
                orders.retain(|order| order.placed >= recently || order.state == OrderState::Unpaid);
                let recent = orders.iter().filter(|order| order.placed >= reading.started.plus_ms(-1_000));
                let skus = recent.flat_map(|order| order.lines.iter().filter_map(|line| line.sku.clone())).collect();
                let units = self.read_levels(scan, &skus, patience).await?;
                reading.stage = Stage::Done;
                Ok(Piece { units, again: true, orders, ..Piece::default() })
            }
            Stage::Done => Ok(Piece::default()),
        }
    }

    /// Units of some SKUs with the levels that they have now.
    async fn read_levels(&self, scan: &Scan, skus: &BTreeSet<Sku>, patience: Duration) -> Result<Vec<Unit>, Error> {
        let line = self.line(&scan.connected, patience);
        let places = skus.iter().flat_map(|sku| scan.places(sku)).filter(|unit| unit.sku.is_some());
        let mut units: Vec<Unit> = places.cloned().collect();
        if units.is_empty() {
            return Ok(units);
        }
        let place = |unit: &Unit| Some((unit.sku.clone()?, unit.location.clone(), unit.external.clone()));
        let asked: Vec<_> = units.iter().filter_map(place).collect();
        let levels = line.levels(&asked).await.map_err(|error| said(&scan.connected, error))?;
        for (unit, level) in units.iter_mut().zip(levels) {
            unit.level = level;
        }
        Ok(units)
    }
}

/// A unit with the listing that it is, and whether its SKU appears more than once there.
pub(crate) type Found<'a> = (ListingId, &'a Unit, bool);

impl Scan {
    /// One of which nothing is read yet.
    pub(crate) fn new(connected: &Connected) -> Self {
        Self {
            connected: connected.clone(),
            position: Position::default(),
            units: BTreeMap::new(),
            without_sku: 0,
            unlinked: BTreeMap::new(),
            orders: Vec::new(),
            respelled: BTreeMap::new(),
            started: Timestamp::default(),
            locations: BTreeSet::new(),
        }
    }

    /// Takes what was read, and how far the reading is then.
    pub(crate) fn enter(&mut self, reading: &Reading, piece: Piece) {
        (self.position, self.started) = (reading.position, reading.started);
        self.orders.extend(piece.orders);
        self.respelled.extend(piece.respelled);
        for unit in piece.units {
            if piece.again { self.renew(unit) } else { self.take(unit) }
        }
    }

    fn renew(&mut self, newer: Unit) {
        let units = newer.sku.as_ref().and_then(|sku| self.units.get_mut(sku)).into_iter().flatten();
        let meant = units.filter(|unit| unit.external == newer.external && unit.location == newer.location);
        meant.for_each(|unit| unit.level = newer.level);
    }

    fn take(&mut self, mut unit: Unit) {
        if !self.connected.is_mapped(&unit.location) {
            *self.unlinked.entry(unit.location).or_default() += 1;
            return;
        }
        let Some(sku) = unit.sku.take() else {
            self.without_sku += 1;
            return;
        };
        // a hundred thousand units: names are held once, and nothing is held for units that do not come
        unit.location = self.shared(&unit.location);
        let units = match self.units.entry(sku) {
            Entry::Vacant(new) => {
                unit.sku = Some(new.key().clone());
                new.insert(Vec::new())
            }
            Entry::Occupied(known) => {
                unit.sku = Some(known.key().clone());
                known.into_mut()
            }
        };
        units.reserve_exact(1);
        units.push(unit);
    }

    /// A location's name as it is held already.
    fn shared(&mut self, location: &LocationId) -> LocationId {
        match self.locations.get(location) {
            Some(held) => held.clone(),
            None => {
                self.locations.insert(location.clone());
                location.clone()
            }
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

    /// The SKUs of units by location and the store's own id, but for some SKUs.
    pub(crate) fn by_external(&self, but: &BTreeSet<Sku>) -> BTreeMap<(LocationId, String), Sku> {
        let others = self.units.iter().filter(|(sku, _)| !but.contains(*sku));
        let units = others.flat_map(|(sku, units)| units.iter().map(move |unit| (sku, unit)));
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
