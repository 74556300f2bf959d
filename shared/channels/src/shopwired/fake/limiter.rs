//! The leaky bucket, in whole numbers: one call weighs a minute's worth of milliseconds.

use super::switches::Limit;
use domain::Timestamp;

/// The weight of a call; `per_minute` milliseconds of leaking weigh as much as one call per minute.
const CALL: i64 = 60_000;

/// How full a bucket is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    fill: i64,
    at: Timestamp,
}

impl Bucket {
    /// Takes one call, or says after how many whole seconds one will fit. A refused call fills nothing.
    pub(super) fn take(&mut self, limit: Limit, now: Timestamp) -> Result<(), u64> {
        let rate = i64::from(limit.per_minute).max(1);
        let leaked = now.since_ms(self.at).max(0).saturating_mul(rate);
        self.fill = self.fill.saturating_sub(leaked).max(0);
        self.at = self.at.max(now);
        let excess = self.fill + CALL - i64::from(limit.size) * CALL;
        if excess > 0 {
            return Err(seconds(excess, rate));
        }
        self.fill += CALL;
        Ok(())
    }
}

/// Seconds, rounded up, in which so much weight leaks.
fn seconds(weight: i64, rate: i64) -> u64 {
    u64::try_from((weight + rate * 1000 - 1) / (rate * 1000)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_calls_fit_and_then_two_a_second() {
        let mut bucket = Bucket::default();
        let taken = (0..100).filter(|_| bucket.take(Limit::A, Timestamp(0)).is_ok()).count();
        assert_eq!(taken, 40);
        assert_eq!(bucket.take(Limit::A, Timestamp(0)), Err(1));
        let later = (0..100).filter(|_| bucket.take(Limit::A, Timestamp(10_000)).is_ok()).count();
        assert_eq!(later, 20);
    }
}
