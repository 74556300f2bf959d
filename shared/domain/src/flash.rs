//! Flash sales: the faster something sells, the more of it is kept back from a store, so that what sells elsewhere until our
//! next write reaches it is not sold twice. Nobody has to turn syncing off.

/// The most minutes of sales that may be kept back: an hour.
pub const MINUTES_MAX: i64 = 60;

/// Units to keep back: what sells in `cover_minutes` at the rate of `sold` units in `window_minutes`, rounded up to a step so
/// that a wavering rate does not move every store at each look.
#[must_use]
pub fn hold_back(sold: i64, window_minutes: i64, cover_minutes: i64) -> i64 {
    if sold <= 0 || window_minutes <= 0 || cover_minutes <= 0 {
        return 0;
    }
    let window = i128::from(window_minutes);
    let units = (i128::from(sold) * i128::from(cover_minutes) + window - 1) / window;
    step_up(i64::try_from(units).unwrap_or(i64::MAX))
}

/// The next of 1, 2, 3, 5, 8, 10, 20, 30, 50, 80, 100 …
fn step_up(units: i64) -> i64 {
    let mut scale: i64 = 1;
    loop {
        for step in [1, 2, 3, 5, 8] {
            let value = scale.saturating_mul(step);
            if value >= units {
                return value;
            }
        }
        scale = scale.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sells_until_the_next_write_is_kept_back() {
        assert_eq!(hold_back(0, 15, 2), 0);
        assert_eq!(hold_back(1, 15, 2), 1, "one in a quarter of an hour");
        assert_eq!(hold_back(60, 15, 2), 8, "four a minute");
        assert_eq!(hold_back(61, 15, 2), 10, "8.13 is more than 8");
        assert_eq!(hold_back(900, 15, 2), 200, "one a second: 120");
        assert_eq!(hold_back(i64::MAX, 1, 60), i64::MAX);
    }

    #[test]
    fn a_wavering_rate_keeps_back_the_same() {
        let kept: std::collections::BTreeSet<i64> = (85..=105).map(|sold| hold_back(sold, 15, 3)).collect();
        assert_eq!(kept, [20, 30].into(), "17 to 21 units");
    }
}
