//! The levels that the last comparison saw: what makes the next one cheap.
//!
//! A SKU that shows what it showed then, and that nothing has happened to since, needs no look at its ledger. Kept in rows of
//! two thousand SKUs each; only the first, whose version is the time, and those that changed are written again.

use crate::hub::{Error, Hub};
use crate::ports::{Query, Row};
use crate::records::{self, SeenLevels};
use crate::scan::Scan;
use domain::{AccountId, Sku, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// SKUs of one row: about 50 KB.
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
    /// By SKU; the level of its first unit.
    pub levels: BTreeMap<Sku, Option<i64>>,
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
        let rows = self.all_rows(&records::account_partition(account), "LEVELS#").await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut last = LastSeen { at: Timestamp(i64::try_from(first.version).unwrap_or(0)), ..LastSeen::default() };
        for row in &rows {
            let chunk: SeenLevels = records::body(row)?;
            last.levels.extend(chunk.levels);
        }
        Ok(Some(last))
    }

    /// Keeps what a scan saw for the next comparison.
    pub(crate) async fn keep_seen(&self, scan: &Scan, levels: &BTreeMap<Sku, Option<i64>>) -> Result<(), Error> {
        let id = &scan.connected.account.id;
        let all: Vec<(&Sku, &Option<i64>)> = levels.iter().collect();
        let chunks = all
            .chunks(CHUNK)
            .map(|chunk| SeenLevels { levels: chunk.iter().map(|(sku, level)| ((*sku).clone(), **level)).collect() });
        let fresh: Vec<Row> = chunks.enumerate().map(|(number, chunk)| chunk.row(id, number, scan.started)).collect();
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

impl Scan {
    /// The level of every SKU's first unit.
    pub(crate) fn levels(&self) -> BTreeMap<Sku, Option<i64>> {
        self.units.iter().map(|(sku, units)| (sku.clone(), units.first().and_then(|unit| unit.level))).collect()
    }

    /// SKUs that show something else than last time, were touched since, or clash.
    pub(crate) fn worth_a_look(&self, last: &LastSeen, touched: &BTreeSet<Sku>) -> BTreeSet<Sku> {
        let differs = |(sku, units): &(&Sku, &Vec<channels::Unit>)| {
            let level = units.first().and_then(|unit| unit.level);
            units.len() > 1 || touched.contains(*sku) || last.levels.get(*sku) != Some(&level)
        };
        let seen = self.units.iter().filter(differs).map(|(sku, _)| sku.clone());
        let gone = last.levels.keys().filter(|sku| !self.units.contains_key(*sku)).cloned();
        seen.chain(gone).collect()
    }
}
