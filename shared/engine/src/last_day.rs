//! The last day in figures, and what may soon be oversold: counted from the history of all SKUs, each line once.
//!
//! The process that is asked keeps the sums in memory. Whoever looks adds what is new, and a page or two of what is older until
//! the day is whole; the sweep finishes it. So a look reads a handful of lines however many there are. Nothing is read while
//! nobody has looked. Some 100 bytes for each SKU that changed: 10 MB for a hundred thousand.

use crate::hub::{Error, Hub};
use crate::items::{Listed, PAGE_MAX};
use crate::ports::{Query, Row};
use crate::records::{DAY_MS, History, body, history_day};
use domain::feed::{Cause, Counted};
use domain::{Sku, Timestamp};
use futures::lock::Mutex;
use std::collections::{BTreeMap, BTreeSet};

/// The figures of the last 24 hours, by the full hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastDay {
    /// Units sold.
    pub sold: i64,
    /// Changes counted.
    pub changes: u64,
    /// Writes to stores.
    pub writes: u64,
    /// SKUs of which more were sold than are left, the worst first: at this pace two stores may soon sell the same unit.
    pub risks: Vec<Risk>,
    /// Whether all of the day is in it; if not, the figures still grow.
    pub whole: bool,
}

/// A SKU of which more were sold than are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The SKU.
    pub sku: Sku,
    /// Units sold in the last 24 hours.
    pub sold: i64,
    /// Units left in the hub.
    pub left: i64,
}

/// SKUs at risk that are named.
const RISKS: usize = 10;
/// Lines of one page.
const PAGE: usize = PAGE_MAX;
/// Pages of older lines that one look reads at most.
const LOOKED: usize = 4;
/// Time that it spends on them, milliseconds; one page at least.
const PATIENCE_MS: i64 = 15;
/// Pages of older lines that one sweep reads: 200,000 lines.
const SWEPT: usize = 400;
/// Pages of new lines; where there are more, the day is counted anew.
const NEW: usize = 4;
/// How far back each look begins before the end of the last, milliseconds: an index is behind, and so are clocks.
const OVERLAP_MS: i64 = 15_000;
/// An hour, milliseconds.
const HOUR_MS: i64 = DAY_MS / 24;

/// The sums as last counted; none while nobody has looked.
#[derive(Default)]
pub(crate) struct Counting {
    tally: Mutex<Option<Tally>>,
}

/// Where a look at older lines goes on.
#[derive(Debug, Clone)]
struct Behind {
    day: Timestamp,
    after: Option<String>,
}

#[derive(Debug)]
struct Tally {
    /// Up to where history was followed.
    followed: Timestamp,
    /// The lines that are read again because of the overlap, by time, run and SKU.
    edge: BTreeSet<String>,
    behind: Option<Behind>,
    hours: BTreeMap<i64, Hour>,
    skus: BTreeMap<Sku, Stand>,
}

#[derive(Debug, Default)]
struct Hour {
    sold: i64,
    changes: u64,
    writes: u64,
    by_sku: BTreeMap<Sku, i64>,
}

/// How a SKU stood after its newest line, and what was sold of it.
#[derive(Debug, Default)]
struct Stand {
    at: Timestamp,
    level: i64,
    sold: i64,
}

impl Tally {
    fn new(now: Timestamp) -> Self {
        let behind = Some(Behind { day: now, after: None });
        Self { followed: now, edge: BTreeSet::new(), behind, hours: BTreeMap::new(), skus: BTreeMap::new() }
    }

    /// Enters lines, newest first, down to a moment; whether that was reached.
    fn enter(&mut self, rows: &[Row], down_to: Timestamp) -> Result<bool, Error> {
        let edge = self.followed.plus_ms(-OVERLAP_MS);
        for row in rows {
            let line: History = body(row)?;
            if line.at < down_to {
                return Ok(true);
            }
            // lines of several SKUs share a time and a run
            let name = format!("{} {}", row.key.sk, row.key.pk);
            if line.at < edge || self.edge.insert(name) {
                self.add(&line);
            }
        }
        Ok(false)
    }

    fn add(&mut self, line: &History) {
        let counted = || line.seen.iter().flat_map(|seen| &seen.counted);
        let sold: i64 = counted().filter(|counted| is_sale(counted)).map(|counted| -counted.by).sum();
        let hour = self.hours.entry(line.at.0.div_euclid(HOUR_MS)).or_default();
        hour.sold += sold;
        hour.changes += counted().count() as u64;
        hour.writes += line.pushed.len() as u64;
        if sold != 0 {
            *hour.by_sku.entry(line.sku.clone()).or_default() += sold;
        }
        let stand = self.skus.entry(line.sku.clone()).or_default();
        stand.sold += sold;
        if line.at > stand.at {
            (stand.at, stand.level) = (line.at, line.level.1);
        }
    }

    /// Takes out what is older than a day.
    fn forget(&mut self, now: Timestamp) {
        let first = first_hour(now);
        while let Some(hour) = self.hours.first_entry().filter(|hour| *hour.key() < first) {
            for (sku, sold) in hour.remove().by_sku {
                self.skus.entry(sku).and_modify(|stand| stand.sold -= sold);
            }
        }
        let begin = Timestamp(first * HOUR_MS);
        self.skus.retain(|_, stand| stand.at >= begin);
    }

    fn figures(&self) -> LastDay {
        let of = |(sku, stand): (&Sku, &Stand)| {
            let is_risky = stand.level > 0 && stand.sold > stand.level;
            is_risky.then(|| Risk { sku: sku.clone(), sold: stand.sold, left: stand.level })
        };
        let mut risks: Vec<Risk> = self.skus.iter().filter_map(of).collect();
        risks.sort_by_key(|risk| risk.left - risk.sold);
        risks.truncate(RISKS);
        LastDay {
            sold: self.hours.values().map(|hour| hour.sold).sum(),
            changes: self.hours.values().map(|hour| hour.changes).sum(),
            writes: self.hours.values().map(|hour| hour.writes).sum(),
            risks,
            whole: self.behind.is_none(),
        }
    }
}

/// Whether units were sold, where the store tells what happened.
const fn is_sale(counted: &Counted) -> bool {
    match counted.cause {
        Cause::Sale(..) => true,
        Cause::Order(_) | Cause::Kit(_) => counted.by < 0,
        Cause::Return(..) | Cause::Cancelled(..) | Cause::Edit(_) => false,
    }
}

/// The hour, counted from 1970, with which the last day begins.
const fn first_hour(now: Timestamp) -> i64 {
    now.0.div_euclid(HOUR_MS) - 23
}

impl Hub {
    /// The figures of the last day. The first looks at a busy one may give a part of it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn last_day(&self) -> Result<LastDay, Error> {
        let now = self.clock.now();
        let mut kept = self.counting.tally.lock().await;
        let tally = kept.get_or_insert_with(|| Tally::new(now));
        self.add_new(tally, now).await?;
        for page in 0..LOOKED {
            if page > 0 && self.clock.now().since_ms(now) >= PATIENCE_MS {
                break;
            }
            self.add_older(tally, now).await?;
        }
        tally.forget(now);
        Ok(tally.figures())
    }

    /// Counts the rest of a day that somebody has begun to look at.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn finish_last_day(&self) -> Result<(), Error> {
        for _ in 0..SWEPT {
            // let go after each page: a look must not wait for all of them
            let mut kept = self.counting.tally.lock().await;
            let Some(tally) = kept.as_mut().filter(|tally| tally.behind.is_some()) else { return Ok(()) };
            self.add_older(tally, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Adds the lines that came since the last look.
    async fn add_new(&self, tally: &mut Tally, now: Timestamp) -> Result<(), Error> {
        let since = tally.followed.plus_ms(-OVERLAP_MS);
        let mut pages = 0;
        let mut day = now;
        loop {
            let mut after = None;
            loop {
                let page = self.history_rows(day, after, PAGE).await?;
                if tally.enter(&page.rows, since)? {
                    tally.follow(now);
                    return Ok(());
                }
                pages += 1;
                after = page.next;
                if after.is_none() {
                    break;
                }
                if pages >= NEW {
                    *tally = Tally::new(now);
                    return Ok(());
                }
            }
            if history_day(day) == history_day(since) {
                tally.follow(now);
                return Ok(());
            }
            day = day.plus_ms(-DAY_MS).max(since);
        }
    }

    /// Adds a page of lines that were there before the first look.
    async fn add_older(&self, tally: &mut Tally, now: Timestamp) -> Result<(), Error> {
        let Some(Behind { day, after }) = tally.behind.clone() else { return Ok(()) };
        let begin = Timestamp(first_hour(now) * HOUR_MS);
        let page = self.history_rows(day, after, PAGE).await?;
        let is_over = tally.enter(&page.rows, begin)?;
        let earlier = (history_day(day) != history_day(begin)).then_some(Behind { day: begin, after: None });
        tally.behind = match page.next {
            _ if is_over => None,
            Some(next) => Some(Behind { day, after: Some(next) }),
            None => earlier,
        };
        Ok(())
    }

    /// The newest lines of history, of today or of the day before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn latest(&self, limit: usize) -> Result<Vec<History>, Error> {
        let now = self.clock.now();
        let mut lines = self.history_of_day(now, None, None, limit).await?.rows;
        if lines.len() < limit {
            let before = now.plus_ms(-DAY_MS);
            lines.extend(self.history_of_day(before, None, None, limit - lines.len()).await?.rows);
        }
        Ok(lines)
    }

    /// A page of the rows of a day's history, newest first.
    async fn history_rows(&self, day: Timestamp, after: Option<String>, limit: usize) -> Result<Listed<Row>, Error> {
        let (partition, prefix) = (history_day(day), String::new());
        let page = self.store.query(&Query { partition, index: true, prefix, after, descending: true, limit }).await?;
        Ok(Listed { rows: page.rows, next: page.next })
    }
}

impl Tally {
    /// All up to now is in it.
    fn follow(&mut self, now: Timestamp) {
        self.followed = self.followed.max(now);
        let edge = format!("HISTORY#{:015}", self.followed.plus_ms(-OVERLAP_MS).0);
        self.edge = self.edge.split_off(&edge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Seen;
    use domain::{ListingId, OrderId};

    fn at(minutes: i64) -> Timestamp {
        Timestamp(1_000 * DAY_MS).plus_ms(minutes * 60_000)
    }

    fn sold(sku: &str, units: i64, left: i64, when: Timestamp) -> Row {
        let order = OrderId::new("1001").expect("valid");
        let counted = Counted { by: -units, cause: Cause::Order(order) };
        let sku = Sku::new(sku).expect("valid");
        let mut line = History::by_person(&sku, when, "webhook", ("", ""), (left + units, left));
        line.seen = vec![Seen { listing: ListingId::hub(), counted: vec![counted], notes: Vec::new() }];
        line.row(u64::try_from(when.0).unwrap_or_default())
    }

    #[test]
    fn each_line_counts_once_and_for_a_day() {
        let mut tally = Tally::new(at(0));
        let (mug, pen) = (sold("MUG", 6, 3, at(0)), sold("PEN", 1, 40, at(-1)));
        for _ in 0..2 {
            assert!(!tally.enter(std::slice::from_ref(&mug), at(-60)).expect("readable"));
        }
        tally.enter(&[pen], at(-60)).expect("readable");
        let figures = tally.figures();
        assert_eq!((figures.sold, figures.changes), (7, 2), "MUG was read twice");
        assert_eq!(figures.risks, [Risk { sku: Sku::new("MUG").expect("valid"), sold: 6, left: 3 }]);
        tally.forget(at(23 * 60));
        assert_eq!(tally.figures().sold, 6, "the hour before is over");
        tally.forget(at(24 * 60));
        assert_eq!(tally.figures(), LastDay::default());
    }

    #[test]
    fn an_older_line_does_not_say_what_is_left() {
        let mut tally = Tally::new(at(0));
        tally.enter(&[sold("MUG", 2, 3, at(0)), sold("MUG", 2, 5, at(-2))], at(-60)).expect("readable");
        assert_eq!(tally.figures().risks[0].left, 3);
    }
}
