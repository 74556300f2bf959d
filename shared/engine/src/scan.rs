//! A scan: everything that one account has, each level belonging to a place in its feed.

use crate::adopt::Progress;
use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::sync::orders::OVERLAP_MS;
use channels::Unit;
use domain::{Class, ListingId, Order, Position, Sku, Timestamp};
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
    /// Units with a SKU, by it.
    pub units: BTreeMap<Sku, Vec<Unit>>,
    pub without_sku: u64,
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

    /// Reads all of an account. What moves while it is read is read again, so that each level belongs to a position of the
    /// feed.
    pub(crate) async fn scan(&self, connected: &Connected, progress: &dyn Progress) -> Result<Scan, Error> {
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
            .filter_map(|sku| scan.units.get(sku)?.first())
            .filter_map(|unit| Some((unit.sku.clone()?, unit.location.clone(), unit.external.clone())))
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let levels = line.levels(&asked).await.map_err(|error| said(&connected, error))?;
        for ((sku, _, external), level) in asked.iter().zip(levels) {
            let units = scan.units.get_mut(sku).into_iter().flatten();
            units.filter(|unit| unit.external == *external).for_each(|unit| unit.level = level);
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

impl Scan {
    fn take(&mut self, unit: Unit) {
        match &unit.sku {
            Some(sku) => self.units.entry(sku.clone()).or_default().push(unit),
            None => self.without_sku += 1,
        }
    }

    pub(crate) fn listing(&self, unit: &Unit) -> ListingId {
        ListingId { account: self.connected.account.id.clone(), location: unit.location.clone() }
    }

    /// The level that a listing was seen with, and whether its SKU appears there more than once; `None` if it was not seen.
    pub(crate) fn find(&self, sku: &Sku, listing: &ListingId) -> Option<(Option<i64>, bool)> {
        let mut units = self.units.get(sku)?.iter().filter(|unit| unit.location == listing.location);
        let first = units.next()?;
        Some((first.level, units.next().is_some()))
    }

    /// Forgets a SKU that was dealt with.
    pub(crate) fn seen(&mut self, sku: &Sku) {
        self.units.remove(sku);
    }

    /// The unit of a SKU, if exactly one place has it; else whether it clashes.
    pub(crate) fn single(&self, sku: &Sku) -> Option<(&Unit, bool)> {
        let units = self.units.get(sku)?;
        let first = units.first()?;
        let clash = units.iter().filter(|unit| unit.location == first.location).count() > 1;
        Some((first, clash))
    }
}
