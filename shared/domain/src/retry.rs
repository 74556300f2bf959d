//! When to try again: full jitter between nothing and a growing ceiling.

/// The first ceiling, milliseconds.
const FIRST_MS: u64 = 1_000;
/// The greatest ceiling, milliseconds: a store that comes back is noticed within five minutes.
const LAST_MS: u64 = 300_000;

/// How long to wait before attempt `attempt` (from 1), milliseconds; `random` is uniform. Doubles from 1 s to 5 min, full
/// jitter over the upper half, so that many waiters spread out and none comes back at once.
#[must_use]
pub fn back_off_ms(attempt: u32, random: u64) -> u64 {
    let ceiling = FIRST_MS.saturating_mul(1 << attempt.clamp(1, 10).saturating_sub(1)).min(LAST_MS);
    ceiling / 2 + random % (ceiling / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        for attempt in 0..100 {
            for random in [0, 1, 12_345, u64::MAX] {
                let wait = back_off_ms(attempt, random);
                assert!((FIRST_MS / 2..=LAST_MS).contains(&wait), "attempt {attempt}: {wait}");
            }
        }
        assert!(back_off_ms(9, 0) > back_off_ms(1, u64::MAX));
    }
}
