//! The levels that the last comparison saw: what makes the next one cheap.
//!
//! A SKU that shows what it showed then, and that nothing has happened to since, needs no look at its ledger. Kept in rows of
//! two thousand SKUs each; only the first, whose version is the time, and those that changed are written again.

use crate::hub::{Error, Hub};
use crate::ports::{Query, Row};
use crate::records::{self, SeenLevels};
use crate::scan::Scan;
use domain::{AccountId, LocationId, Sku, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Units of one row: 50 KB, or 150 KB where their places are told apart.
const CHUNK: usize = 2_000;
/// Rows of one page of history.
const PAGE: usize = 1_000;
/// Pages of history read for one comparison; when more has happened, everything is compared.
const PAGES_MAX: usize = 200;

/// The levels that the last comparison of an account saw.
#[derive(Debug, Default)]
pub(crate) struct LastSeen {
    /// When it was read.
    pub at: Timestamp,
    /// By SKU and place.
    pub levels: SeenAt,
}

/// Levels by SKU and place. The place is empty where nothing needs telling apart, else `location@unit`.
pub(crate) type SeenAt = BTreeMap<(Sku, String), Option<i64>>;

/// What is needed of a line of history.
#[derive(Deserialize)]
struct Touched {
    sku: Sku,
    at: Timestamp,
}

impl Hub {
    /// What the last comparison of an account saw; `None` before the first.
    pub(crate) async fn last_seen(&self, account: &AccountId) -> Result<Option<LastSeen>, Error> {
        let rows = self.all_rows(&records::account_partition(account), "LEVELS#").await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut last = LastSeen { at: Timestamp(i64::try_from(first.version).unwrap_or(0)), ..LastSeen::default() };
        for row in &rows {
            let chunk: SeenLevels = records::body(row)?;
            last.levels.extend(chunk.levels.into_iter().map(|(sku, level)| ((sku, String::new()), level)));
            last.levels.extend(chunk.places.into_iter().map(|(sku, place, level)| ((sku, place), level)));
        }
        Ok(Some(last))
    }

    /// Keeps what a scan saw for the next comparison.
    pub(crate) async fn keep_seen(&self, scan: &Scan, levels: &SeenAt) -> Result<(), Error> {
        let id = &scan.connected.account.id;
        let all: Vec<_> = levels.iter().collect();
        let fresh: Vec<Row> = all
            .chunks(CHUNK)
            .map(chunk_of)
            .enumerate()
            .map(|(number, chunk)| chunk.row(id, number, scan.started))
            .collect();
        let former = self.all_rows(&records::account_partition(id), "LEVELS#").await?;
        let gone = former.iter().skip(fresh.len());
        let emptied = gone.map(|row| SeenLevels::default().row_at(row.key.clone(), scan.started));
        let is_news = |(number, row): &(usize, Row)| {
            *number == 0 || former.get(*number).is_none_or(|former| former.body != row.body)
        };
        let news = fresh.iter().cloned().enumerate().filter(is_news).map(|(_, row)| row);
        let rows: Vec<Row> = news.chain(emptied).collect();
        Ok(self.store.put_all(&rows).await?)
    }

    /// The SKUs that something has happened to since `since`; `None` when that is too much to list.
    pub(crate) async fn touched_since(&self, since: Timestamp) -> Result<Option<BTreeSet<Sku>>, Error> {
        let now = self.clock.now();
        let mut touched = BTreeSet::new();
        let mut pages = 0;
        let mut day = now;
        loop {
            let mut after = None;
            loop {
                let query = Query {
                    partition: records::history_day(day),
                    index: true,
                    prefix: String::new(),
                    after,
                    descending: true,
                    limit: PAGE,
                };
                let page = self.store.query(&query).await?;
                for row in &page.rows {
                    let line: Touched = records::body(row)?;
                    if line.at < since {
                        return Ok(Some(touched));
                    }
                    touched.insert(line.sku);
                }
                pages += 1;
                after = page.next;
                if pages > PAGES_MAX {
                    return Ok(None);
                }
                if after.is_none() {
                    break;
                }
            }
            day = day.plus_ms(-records::DAY_MS);
            if records::history_day(day) < records::history_day(since) || day.plus_ms(records::DAY_MS) < since {
                return Ok(Some(touched));
            }
        }
    }
}

fn chunk_of(levels: &[(&(Sku, String), &Option<i64>)]) -> SeenLevels {
    let mut chunk = SeenLevels::default();
    for ((sku, place), level) in levels {
        if place.is_empty() {
            chunk.levels.push((sku.clone(), **level));
        } else {
            chunk.places.push((sku.clone(), place.clone(), **level));
        }
    }
    chunk
}

/// Ends the place of a unit that is not on sale.
const INACTIVE: char = '!';

/// The same place of a unit, on sale or not.
pub(crate) fn twin((sku, place): &(Sku, String)) -> (Sku, String) {
    let twin = place.strip_suffix(INACTIVE).map_or_else(|| format!("{place}{INACTIVE}"), str::to_owned);
    (sku.clone(), twin)
}

impl Scan {
    /// The level of every unit.
    pub(crate) fn levels(&self) -> SeenAt {
        let mut levels = SeenAt::new();
        for (sku, units) in &self.units {
            for (number, unit) in units.iter().enumerate() {
                let plain = number == 0 && unit.location == LocationId::single();
                let place = if plain { String::new() } else { format!("{}@{}", unit.location, unit.external) };
                // a unit that is no longer on sale is worth a look, as another place would be
                let place = if unit.active { place } else { format!("{place}{INACTIVE}") };
                levels.insert((sku.clone(), place), unit.level);
            }
        }
        levels
    }

    /// Whether a place of [`Scan::levels`] says something about stock: it is linked, and open in the store.
    pub(crate) fn is_told(&self, place: &str) -> bool {
        let Some((location, _)) = place.split_once('@') else { return true };
        let location = LocationId::new(location);
        location.is_ok_and(|location| self.connected.is_mapped(&location) && !self.connected.is_closed(&location))
    }

    /// SKUs that show something else than last time, were touched since, or clash.
    pub(crate) fn worth_a_look(&self, seen: &SeenAt, last: &LastSeen, touched: &BTreeSet<Sku>) -> BTreeSet<Sku> {
        let differs = |(key, level): &(&(Sku, String), &Option<i64>)| {
            touched.contains(&key.0) || last.levels.get(*key) != Some(*level)
        };
        let changed = seen.iter().filter(differs).map(|(key, _)| key.0.clone());
        let gone = last.levels.keys().filter(|key| !seen.contains_key(*key)).map(|key| key.0.clone());
        let clashing = self.units.keys().filter(|sku| self.clashes(sku)).cloned();
        changed.chain(gone).chain(clashing).collect()
    }
}
