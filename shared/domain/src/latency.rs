//! How long changes take from one store to another: a small histogram that processes add up.

use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets, milliseconds; what takes longer is in one bucket more.
pub const BOUNDS_MS: [i64; 20] = [
    50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 60_000,
    120_000, 300_000, 900_000,
];

/// A day, milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Latencies of today and of the day before. Two days, so that a quiet morning still has figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// The day, counted from 1970.
    day: i64,
    /// Changes by bucket, of that day.
    today: Vec<u64>,
    /// And of the day before.
    before: Vec<u64>,
}

/// What people want to know of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Changes measured.
    pub count: u64,
    /// Half of them took at most this long, milliseconds.
    pub p50_ms: i64,
    /// 95 of 100 took at most this long, milliseconds.
    pub p95_ms: i64,
}

impl Latency {
    /// Adds a change that took `ms`, seen at `now`.
    pub fn add(&mut self, ms: i64, now: crate::Timestamp) {
        self.turn_to(now.0.div_euclid(DAY_MS));
        self.today.resize(BOUNDS_MS.len() + 1, 0);
        let place = BOUNDS_MS.iter().position(|bound| ms <= *bound).unwrap_or(BOUNDS_MS.len());
        self.today[place] = self.today[place].saturating_add(1);
    }

    /// Adds what another process has measured.
    pub fn merge(&mut self, other: &Self) {
        self.turn_to(other.day);
        match self.day - other.day {
            0 => {
                add_all(&mut self.today, &other.today);
                add_all(&mut self.before, &other.before);
            }
            1 => add_all(&mut self.before, &other.today),
            _ => {}
        }
    }

    fn turn_to(&mut self, day: i64) {
        if day <= self.day {
            return;
        }
        self.before = if day == self.day + 1 { std::mem::take(&mut self.today) } else { Vec::new() };
        self.today.clear();
        self.day = day;
    }

    /// Its quantiles; `None` while nothing was measured.
    #[must_use]
    pub fn quantiles(&self) -> Option<Quantiles> {
        let mut all = self.today.clone();
        add_all(&mut all, &self.before);
        let count: u64 = all.iter().sum();
        (count > 0).then(|| Quantiles { count, p50_ms: quantile(&all, count, 50), p95_ms: quantile(&all, count, 95) })
    }
}

fn add_all(into: &mut Vec<u64>, from: &[u64]) {
    into.resize(into.len().max(from.len()), 0);
    for (place, more) in into.iter_mut().zip(from) {
        *place = place.saturating_add(*more);
    }
}

/// The upper bound of the bucket that holds the quantile: never less than the truth.
fn quantile(buckets: &[u64], count: u64, percent: u64) -> i64 {
    let wanted = (u128::from(count) * u128::from(percent)).div_ceil(100);
    let mut sum = 0_u128;
    for (place, changes) in buckets.iter().enumerate() {
        sum += u128::from(*changes);
        if sum >= wanted {
            return BOUNDS_MS.get(place).copied().unwrap_or(i64::MAX);
        }
    }
    i64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn measured(values: &[i64], day: i64) -> Latency {
        let mut latency = Latency::default();
        values.iter().for_each(|ms| latency.add(*ms, Timestamp(day * DAY_MS + 5)));
        latency
    }

    #[test]
    fn quantiles_are_never_below_the_truth() {
        let mut values = vec![180; 90];
        values.extend([4_000; 10]);
        let quantiles = measured(&values, 3).quantiles().expect("measured");
        assert_eq!((quantiles.count, quantiles.p50_ms, quantiles.p95_ms), (100, 200, 5_000));
        assert_eq!(Latency::default().quantiles(), None);
    }

    #[test]
    fn processes_add_up_and_old_days_go() {
        let mut all = measured(&[100; 3], 7);
        all.merge(&measured(&[700; 5], 7));
        all.merge(&measured(&[700; 2], 6));
        assert_eq!(all.quantiles().map(|it| it.count), Some(10));
        all.merge(&measured(&[700; 1], 8));
        assert_eq!(all.quantiles().map(|it| it.count), Some(9), "the day before yesterday is gone");
        all.add(1, Timestamp(20 * DAY_MS));
        assert_eq!(all.quantiles().map(|it| it.count), Some(1));
    }
}
