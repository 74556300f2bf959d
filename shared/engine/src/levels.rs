//! The levels that the last comparison saw: what makes the next one cheap.
//!
//! A SKU that shows what it showed then, and that nothing has happened to since, needs no look at its ledger. Kept in rows of
//! two thousand SKUs each; only the first, whose version is the time, and those that changed are written again.

use crate::hub::{Error, Hub};
use crate::ports::{Page, Query};
use crate::records::{self, SeenLevels};
use crate::scan::Scan;
use channels::Unit;
use domain::{AccountId, LocationId, Sku, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Units of one row: 50 KB, or 150 KB where their places are told apart.
const CHUNK: usize = 2_000;
/// Rows compared with what was kept before, and written, at once: what is in memory besides the levels themselves.
const TOGETHER: usize = 8;
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

/// The level of a SKU at a place. The place is empty where nothing needs telling apart, else `location@unit`.
pub(crate) type At = (Sku, Box<str>, Option<i64>);

/// Levels in the order of SKU and place.
#[derive(Debug, Default)]
pub(crate) struct SeenAt(Vec<At>);

impl FromIterator<At> for SeenAt {
    fn from_iter<I: IntoIterator<Item = At>>(levels: I) -> Self {
        let mut levels: Vec<At> = levels.into_iter().collect();
        levels.sort_by(|one, other| key(one).cmp(&key(other)));
        Self(levels)
    }
}

fn key((sku, place, _): &At) -> (&Sku, &str) {
    (sku, place)
}

impl SeenAt {
    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &At> {
        self.0.iter()
    }

    /// The level at a place; `None` when it was not seen at all.
    pub(crate) fn get(&self, sku: &Sku, place: &str) -> Option<Option<i64>> {
        let found = self.0.binary_search_by(|at| key(at).cmp(&(sku, place)));
        found.ok().and_then(|found| self.0.get(found)).map(|(.., level)| *level)
    }
}

/// What is needed of a line of history.
#[derive(Deserialize)]
struct Touched {
    sku: Sku,
    at: Timestamp,
}

impl Hub {
    /// What the last comparison of an account saw; `None` before the first.
    pub(crate) async fn last_seen(&self, account: &AccountId) -> Result<Option<LastSeen>, Error> {
        let (mut levels, mut at, mut after) = (Vec::new(), None, None);
        loop {
            let page = self.kept_levels(account, after).await?;
            for row in &page.rows {
                at.get_or_insert(Timestamp(i64::try_from(row.version).unwrap_or(0)));
                let chunk: SeenLevels = records::body(row)?;
                levels.extend(chunk.levels.into_iter().map(|(sku, level)| (sku, Box::default(), level)));
                levels.extend(chunk.places.into_iter().map(|(sku, place, level)| (sku, place.into(), level)));
            }
            after = page.next;
            if after.is_none() {
                return Ok(at.map(|at| LastSeen { at, levels: levels.into_iter().collect() }));
            }
        }
    }

    async fn kept_levels(&self, account: &AccountId, after: Option<String>) -> Result<Page, Error> {
        self.page(&records::account_partition(account), "LEVELS#", after, TOGETHER).await
    }

    /// Keeps what a scan saw for the next comparison: a few rows at a time, beside those that were kept before.
    pub(crate) async fn keep_seen(&self, scan: &Scan) -> Result<(), Error> {
        let id = &scan.connected.account.id;
        let mut fresh = Chunks(scan.levels()).peekable();
        let (mut former, mut number) = (self.kept_levels(id, None).await?, 0);
        loop {
            let most = former.rows.len().max(if former.next.is_some() { 0 } else { TOGETHER });
            let mut news = Vec::new();
            for place in 0..most {
                let before = former.rows.get(place);
                // what is left of a longer list is emptied
                let row = match (fresh.next(), before) {
                    (Some(chunk), _) => chunk.row(id, number, scan.started),
                    (None, Some(before)) => SeenLevels::default().row_at(before.key.clone(), scan.started),
                    (None, None) => break,
                };
                // the first row says when that was
                if number == 0 || before.is_none_or(|before| before.body != row.body) {
                    news.push(row);
                }
                number += 1;
            }
            if !news.is_empty() {
                self.store.put_all(&news).await?;
            }
            former = match former.next {
                Some(next) => self.kept_levels(id, Some(next)).await?,
                None if fresh.peek().is_none() => return Ok(()),
                None => Page::default(),
            };
        }
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

/// Levels in their order, as many as a row holds.
struct Chunks<I>(I);

impl<I: Iterator<Item = At>> Iterator for Chunks<I> {
    type Item = SeenLevels;

    fn next(&mut self) -> Option<SeenLevels> {
        let mut chunk = SeenLevels::default();
        for (sku, place, level) in self.0.by_ref().take(CHUNK) {
            if place.is_empty() {
                chunk.levels.push((sku, level));
            } else {
                chunk.places.push((sku, place.into(), level));
            }
        }
        let some = !chunk.levels.is_empty() || !chunk.places.is_empty();
        some.then_some(chunk)
    }
}

/// Ends the place of a unit that is not on sale.
const INACTIVE: char = '!';

/// The same place of a unit, on sale or not.
pub(crate) fn twin(place: &str) -> String {
    place.strip_suffix(INACTIVE).map_or_else(|| format!("{place}{INACTIVE}"), str::to_owned)
}

/// Where a unit is among the units of its SKU. One that is no longer on sale is worth a look, as another place would be.
fn place(number: usize, unit: &Unit) -> String {
    let plain = number == 0 && unit.location == LocationId::single();
    let mut place = if plain { String::new() } else { format!("{}@{}", unit.location, unit.external) };
    if !unit.active {
        place.push(INACTIVE);
    }
    place
}

impl Scan {
    /// The level of every unit, in the order of SKU and place.
    pub(crate) fn levels(&self) -> impl Iterator<Item = At> {
        self.units.iter().flat_map(|(sku, units)| {
            let at = |(number, unit)| (place(number, unit).into(), unit.level);
            let levels: BTreeMap<Box<str>, Option<i64>> = units.iter().enumerate().map(at).collect();
            levels.into_iter().map(|(place, level)| (sku.clone(), place, level))
        })
    }

    /// Whether a place of [`Scan::levels`] says something about stock: it is linked, and open in the store.
    pub(crate) fn is_told(&self, place: &str) -> bool {
        let Some((location, _)) = place.split_once('@') else { return true };
        let location = LocationId::new(location);
        location.is_ok_and(|location| self.connected.is_mapped(&location) && !self.connected.is_closed(&location))
    }

    /// SKUs that show something else than last time, were touched since, or clash.
    pub(crate) fn worth_a_look(&self, seen: &SeenAt, last: &LastSeen, touched: &BTreeSet<Sku>) -> BTreeSet<Sku> {
        let differs = |(sku, place, level): &&At| touched.contains(sku) || last.levels.get(sku, place) != Some(*level);
        let changed = seen.iter().filter(differs).map(|(sku, ..)| sku.clone());
        let is_gone = |(sku, place, _): &&At| seen.get(sku, place).is_none();
        let gone = last.levels.iter().filter(is_gone).map(|(sku, ..)| sku.clone());
        let clashing = self.units.keys().filter(|sku| self.clashes(sku)).cloned();
        changed.chain(gone).chain(clashing).collect()
    }
}
