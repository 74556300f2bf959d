//! What a run was given to work on: lines of SKUs and quantities, in rows of some hundred.

use super::kept::partition;
use super::{Run, RunState};
use crate::contest::{ATTEMPTS, made, too_fast};
use crate::hub::{Error, Hub};
use crate::items::PAGE_MAX;
use crate::ports::{Change, Condition, Key, Row};
use crate::records::{self, DAY_MS};
use crate::table::Line;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Lines of one row, and of one chunk of work.
pub(crate) const TOGETHER: usize = PAGE_MAX;
/// How long it is kept, milliseconds: a week after the run anybody may still want to look at the file.
const KEPT_MS: i64 = 7 * DAY_MS;
/// Lines that a run may be given in all.
const LINES_MAX: u64 = 2_000_000;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Given {
    lines: Vec<Line>,
}

/// A page of what a run was given.
pub(crate) struct GivenPage {
    /// Its number among the pages, from 0.
    pub number: u64,
    pub lines: Vec<Line>,
}

impl Hub {
    /// Gives an open run some more lines. Giving the same again changes nothing. A SKU that the lines name twice is told and
    /// left out where `once` is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it was started already; [`Error::Invalid`] when it is too much.
    pub async fn give_run(&self, id: &str, lines: Vec<Line>, once: bool) -> Result<Run, Error> {
        let (lines, faults) = without_repeats(lines, once);
        for _ in 0..ATTEMPTS {
            let (mut kept, version) = self.kept_run(id).await?;
            if kept.run.state != RunState::Open {
                return Err(Error::Conflict(format!("run {id} was started already; begin another one")));
            }
            if kept.run.progress.all + lines.len() as u64 > LINES_MAX {
                return Err(Error::Invalid(format!("lines: a run may be given at most {LINES_MAX}")));
            }
            self.give(id, kept.given, &lines).await?;
            kept.given += lines.len().div_ceil(TOGETHER) as u64;
            kept.run.progress.all += lines.len() as u64;
            kept.note(faults.clone());
            if made(self.store.write(&[Change::Put(kept.row(version + 1), Condition::Version(version))]).await)? {
                return Ok(kept.run);
            }
        }
        Err(too_fast(format_args!("run {id}")))
    }

    /// Stores lines as pages from a number on; gives how many pages.
    pub(crate) async fn give(&self, id: &str, from: u64, lines: &[Line]) -> Result<u64, Error> {
        let expires = Some(self.clock.now().plus_ms(KEPT_MS));
        let row = |(place, lines): (usize, &[Line])| {
            let body = serde_json::to_string(&Given { lines: lines.to_vec() }).unwrap_or_default();
            Row { key: key(id, from + place as u64), version: 1, body, expires, index: None }
        };
        let rows: Vec<Row> = lines.chunks(TOGETHER).enumerate().map(row).collect();
        self.store.put_all(&rows).await?;
        Ok(rows.len() as u64)
    }

    /// A page of the lines that a run was given, from page 0 on; `None` after the last, and for all of them a week after they were
    /// given.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn given_lines(&self, id: &str, number: u64) -> Result<Option<Vec<Line>>, Error> {
        Ok(self.given(id, number).await?.map(|page| page.lines))
    }

    /// A page of what a run was given; `None` after the last.
    pub(crate) async fn given(&self, id: &str, number: u64) -> Result<Option<GivenPage>, Error> {
        let row = self.store.get(&[key(id, number)]).await?.into_iter().next().flatten();
        let Some(row) = row else { return Ok(None) };
        let given: Given = records::body(&row)?;
        Ok(Some(GivenPage { number, lines: given.lines }))
    }
}

fn key(id: &str, number: u64) -> Key {
    Key { pk: partition(id), sk: format!("GIVEN#{number:08}") }
}

/// The first line of each SKU, and what is told of the others; all of them unless each shall be there `once`.
pub(super) fn without_repeats(lines: Vec<Line>, once: bool) -> (Vec<Line>, Vec<super::Fault>) {
    if !once {
        return (lines, Vec::new());
    }
    let mut first: BTreeMap<(String, String), u64> = BTreeMap::new();
    let (mut kept, mut faults) = (Vec::with_capacity(lines.len()), Vec::new());
    for line in lines {
        let name = (line.sku.trim().to_owned(), line.warehouse.clone().unwrap_or_default());
        let before = *first.entry(name).or_insert(line.line);
        if before == line.line || line.sku.trim().is_empty() {
            kept.push(line);
        } else {
            let message = format!("{}: it is on line {before} already; this line was left out", line.sku);
            faults.push(super::Fault { place: format!("line {}", line.line), message });
        }
    }
    (kept, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_on_two_lines_is_told_and_the_first_counts() {
        let line = |line, sku: &str| Line { line, sku: sku.into(), quantity: "1".into(), warehouse: None };
        let (kept, faults) = without_repeats(vec![line(2, "A"), line(3, "B"), line(4, "A")], true);
        assert_eq!(kept.iter().map(|line| line.line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((faults[0].place.as_str(), faults.len()), ("line 4", 1));
        assert!(faults[0].message.contains("line 2"));
    }
}
