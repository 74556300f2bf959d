//! Lines of history and of the audit trail between two moments: a day as the clocks of whoever asks cut it.
//!
//! Lines are kept by the day in UTC, under keys that begin with their moment. Where a span ends within such a day, the lines of
//! that day are asked for in short stretches of keys, so that the later ones need not be read to be left out.

use crate::hub::{Error, Hub};
use crate::items::{Listed, concerns};
use crate::ports::Query;
use crate::records::{DAY_MS, History, body, history_day};
use crate::trail::{Entry, Wanted, day_partition};
use domain::{AccountId, Timestamp};
use serde::de::DeserializeOwned;

/// From when, and until before when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment that belongs to it.
    pub begins: Timestamp,
    /// The first moment that does not any more.
    pub ends: Timestamp,
}

/// Part of a day in UTC: its number, and what the keys of its lines begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    day: i64,
    prefix: String,
}

/// Digits of a moment in a key: milliseconds.
const DIGITS: usize = 15;
/// A short stretch, milliseconds: a quarter of an hour and a bit, 10^6.
const SHORT: (i64, usize) = (1_000_000, 6);
/// A long stretch, milliseconds: three hours less a bit, 10^7.
const LONG: (i64, usize) = (10_000_000, 7);
/// How far clocks may be apart, milliseconds: an hour.
const AHEAD_MS: i64 = 3_600_000;
/// Queries for one page; where more would be needed, the page is short and has a next.
const QUERIES_MAX: usize = 60;

impl Span {
    fn holds(&self, at: Timestamp) -> bool {
        self.begins <= at && at < self.ends
    }

    /// The stretches to read, the newest first, without those that have not begun yet.
    fn stretches(&self, now: Timestamp) -> Vec<Stretch> {
        let (last, latest) = (self.ends.0 - 1, now.0 + AHEAD_MS);
        let first_day = self.begins.0.div_euclid(DAY_MS);
        let mut all = Vec::new();
        for day in (first_day..=last.div_euclid(DAY_MS)).rev() {
            let from = self.begins.0.max(day * DAY_MS);
            // nothing to leave out at its end
            if (day + 1) * DAY_MS > self.ends.0 {
                let begun = cut(from, last).into_iter().filter(|(starts, _)| *starts <= latest);
                all.extend(begun.map(|(_, prefix)| Stretch { day, prefix }));
            } else {
                all.push(Stretch { day, prefix: String::new() });
            }
        }
        all
    }
}

/// What the keys between two moments begin with, the newest first: short stretches at the end, then long ones.
/// Each with the moment at which it starts, milliseconds.
fn cut(from: i64, last: i64) -> Vec<(i64, String)> {
    let prefix = |number: i64, (long, digits): (i64, usize)| {
        (number * long, format!("{number:0width$}", width = DIGITS - digits))
    };
    let whole = last.div_euclid(LONG.0);
    let shorts = (whole * LONG.0).max(from).div_euclid(SHORT.0)..=last.div_euclid(SHORT.0);
    let longs = from.div_euclid(LONG.0)..whole;
    let shorts = shorts.rev().map(|number| prefix(number, SHORT));
    shorts.chain(longs.rev().map(|number| prefix(number, LONG))).collect()
}

impl Hub {
    /// What happened between two moments, newest first. A page may hold fewer rows than asked for and still have a next.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Invalid`] for a token that is none.
    pub async fn history_between(
        &self,
        span: Span,
        account: Option<&AccountId>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Listed<History>, Error> {
        let mut page = self.lines(span, (true, history_day), after, limit, |line: &History| line.at).await?;
        if let Some(account) = account {
            page.rows.retain(|history| concerns(history, account));
        }
        Ok(page)
    }

    /// What was changed between two moments, by whom, newest first. A page may hold fewer rows than asked for and still have a
    /// next.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Invalid`] for a token that is none.
    pub async fn trail_between(&self, span: Span, wanted: &Wanted) -> Result<Listed<Entry>, Error> {
        let after = wanted.after.clone();
        let mut page = self.lines(span, (false, day_partition), after, wanted.limit, |entry: &Entry| entry.at).await?;
        page.rows.retain(|entry| wanted.wants(entry));
        Ok(page)
    }

    async fn lines<T: DeserializeOwned>(
        &self,
        span: Span,
        (index, partition): (bool, fn(Timestamp) -> String),
        after: Option<String>,
        limit: usize,
        at: fn(&T) -> Timestamp,
    ) -> Result<Listed<T>, Error> {
        let (mut rows, mut queries) = (Vec::new(), 0);
        let (begun, mut after) = after.map(|token| read_token(&token)).transpose()?.unzip();
        let stretches = span.stretches(self.clock.now());
        let left = stretches.into_iter().skip_while(|stretch| begun.as_ref().is_some_and(|begun| begun != stretch));
        for stretch in left {
            loop {
                if rows.len() >= limit || queries >= QUERIES_MAX {
                    let next = Some(token(&stretch, after.flatten().as_deref()));
                    return Ok(Listed { rows, next });
                }
                let query = Query {
                    partition: partition(Timestamp(stretch.day * DAY_MS)),
                    index,
                    prefix: stretch.prefix.clone(),
                    after: after.take().flatten(),
                    descending: true,
                    limit: limit - rows.len(),
                };
                let page = self.store.query(&query).await?;
                queries += 1;
                let read: Vec<T> = page.rows.iter().map(body).collect::<Result<_, _>>()?;
                let is_past = read.last().is_some_and(|line| at(line) < span.begins);
                rows.extend(read.into_iter().filter(|line| span.holds(at(line))));
                if is_past {
                    return Ok(Listed { rows, next: None });
                }
                if page.next.is_none() {
                    break;
                }
                after = Some(page.next);
            }
        }
        Ok(Listed { rows, next: None })
    }
}

/// Where the next page goes on: the stretch, and the row within it.
fn token(stretch: &Stretch, after: Option<&str>) -> String {
    format!("{}.{}.{}", stretch.day, stretch.prefix, after.unwrap_or_default())
}

fn read_token(token: &str) -> Result<(Stretch, Option<String>), Error> {
    let wrong = || Error::Invalid("after: that is not where a page ended".into());
    let mut parts = token.splitn(3, '.');
    let mut part = || parts.next().ok_or_else(wrong);
    let (day, prefix, after) = (part()?, part()?, part()?);
    let stretch = Stretch { day: day.parse().map_err(|_| wrong())?, prefix: prefix.to_owned() };
    Ok((stretch, Some(after.to_owned()).filter(|after| !after.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn span(begins: i64, ends: i64) -> Span {
        Span { begins: Timestamp(begins), ends: Timestamp(ends) }
    }

    #[test]
    fn a_day_in_utc_is_one_stretch_and_another_is_cut_at_its_end_only() {
        let late = Timestamp(400 * DAY_MS);
        assert_eq!(span(3 * DAY_MS, 4 * DAY_MS).stretches(late), [Stretch { day: 3, prefix: String::new() }]);
        let west = span(3 * DAY_MS + 5 * HOUR_MS, 4 * DAY_MS + 5 * HOUR_MS).stretches(late);
        assert_eq!(west.last(), Some(&Stretch { day: 3, prefix: String::new() }));
        assert!(west.len() < 20 && west[..west.len() - 1].iter().all(|stretch| stretch.day == 4), "{west:?}");
    }

    #[test]
    fn the_stretches_of_a_cut_day_hold_every_moment_of_it_once() {
        let (begins, ends) = (20_000 * DAY_MS - 9 * HOUR_MS, 20_000 * DAY_MS + 15 * HOUR_MS);
        let stretches = span(begins, ends).stretches(Timestamp(30_000 * DAY_MS));
        for at in (begins..ends).step_by(61_001) {
            let key = format!("{at:015}#0");
            let held = stretches
                .iter()
                .filter(|stretch| stretch.day == at.div_euclid(DAY_MS) && key.starts_with(&stretch.prefix));
            assert_eq!(held.count(), 1, "{at}");
        }
    }

    #[test]
    fn a_token_says_where_to_go_on() {
        let stretch = Stretch { day: 20_000, prefix: "00017280".into() };
        assert_eq!(read_token(&token(&stretch, Some("a.b"))).unwrap(), (stretch, Some("a.b".into())));
        assert!(read_token("x").is_err() && read_token("x.y.z").is_err());
    }
}
