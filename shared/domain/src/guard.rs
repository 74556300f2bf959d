//! The mass-zero guard: a store that loses much of its stock at once is asked about before it is believed.

use crate::planted::{self, Mistake};
use serde::{Deserialize, Serialize};

/// When to stop and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// This many SKUs may always go to zero in one comparison.
    pub zeroed: u64,
    /// And this share of the SKUs that had stock, percent.
    pub zeroed_percent: u64,
    /// Units may drop by this share in one comparison, percent.
    pub drop_percent: u64,
    /// This many SKUs of an account may be edited to zero within [`Limits::rolling_ms`], or `zeroed_percent` of those with
    /// stock if that is more.
    pub rolling: u64,
    /// The window of the live guard, milliseconds: ten minutes.
    pub rolling_ms: i64,
}

impl Limits {
    /// Why so many SKUs edited to zero within the window must not be believed without a person; `None` when they may.
    #[must_use]
    pub fn rolling_objection(&self, zeroed: u64, stocked: u64) -> Option<String> {
        if planted::is(Mistake::GuardOff) {
            return None;
        }
        let allowed = self.rolling.max(stocked.saturating_mul(self.zeroed_percent) / 100);
        let minutes = self.rolling_ms / 60_000;
        (zeroed > allowed)
            .then(|| format!("{zeroed} SKUs were edited to zero within {minutes} minutes (allowed {allowed})"))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { zeroed: 25, zeroed_percent: 5, drop_percent: 30, rolling: 25, rolling_ms: 600_000 }
    }
}

/// What a comparison of one account saw, before anything was done about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Mapped SKUs whose shadow was above zero.
    pub stocked: u64,
    /// Of these: now at zero or below.
    pub zeroed: u64,
    /// Of these: not in the store's answer at all.
    pub missing: u64,
    /// Units before.
    pub units_before: i64,
    /// Units now.
    pub units_now: i64,
}

impl Tally {
    /// Adds one mapped SKU: its shadow and the level seen (`None` if the store did not show it).
    pub const fn add(&mut self, shadow: i64, seen: Option<i64>) {
        if shadow <= 0 {
            return;
        }
        self.stocked += 1;
        self.units_before = self.units_before.saturating_add(shadow);
        match seen {
            None => self.missing += 1,
            Some(level) if level <= 0 => self.zeroed += 1,
            Some(level) => self.units_now = self.units_now.saturating_add(level),
        }
    }

    /// Why this must not be believed without a person; `None` when it may.
    #[must_use]
    pub fn objection(&self, limits: &Limits) -> Option<String> {
        if planted::is(Mistake::GuardOff) {
            return None;
        }
        let gone = self.zeroed + self.missing;
        let allowed = limits.zeroed.max(self.stocked.saturating_mul(limits.zeroed_percent) / 100);
        if gone > allowed {
            return Some(format!("{gone} of {} stocked SKUs are zero or missing (allowed {allowed})", self.stocked));
        }
        let lost = i128::from(self.units_before) - i128::from(self.units_now);
        let limit = i128::from(self.units_before) * i128::from(limits.drop_percent) / 100;
        // a handful of SKUs may sell out together; a share means something only of a real number
        if self.stocked > limits.zeroed && lost > limit {
            return Some(format!(
                "units fell from {} to {} (allowed {} %)",
                self.units_before, self.units_now, limits.drop_percent
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(stocked: u64, gone: u64) -> Tally {
        let mut tally = Tally::default();
        for number in 0..stocked {
            tally.add(10, if number < gone { Some(0) } else { Some(10) });
        }
        tally
    }

    #[test]
    fn a_wave_of_zeros_is_stopped_and_a_sell_out_is_not() {
        assert_eq!(tally(1000, 50).objection(&Limits::default()), None);
        assert!(tally(1000, 51).objection(&Limits::default()).is_some());
        assert_eq!(tally(20, 20).objection(&Limits::default()), None, "a small shop may sell out");
        assert!(tally(100, 26).objection(&Limits::default()).is_some());
    }

    #[test]
    fn edits_to_zero_one_by_one_are_stopped_like_those_at_once() {
        let limits = Limits::default();
        assert_eq!(limits.rolling_objection(25, 0), None);
        assert!(limits.rolling_objection(26, 400).expect("too many").contains("within 10 minutes"));
        assert_eq!(limits.rolling_objection(400, 10_000), None, "a large shop");
    }

    #[test]
    fn missing_counts_like_zero_and_a_steep_fall_like_both() {
        let mut tally = Tally::default();
        (0..100).for_each(|number| tally.add(10, (number > 30).then_some(10)));
        assert!(tally.objection(&Limits::default()).expect("31 are missing").contains("31 of 100"));
        let mut fall = Tally::default();
        (0..100).for_each(|_| fall.add(10, Some(6)));
        assert!(fall.objection(&Limits::default()).expect("40 % fewer").contains("from 1000 to 600"));
    }
}
