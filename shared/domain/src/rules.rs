//! The quantity rules: from the hub level to the number that a store shows, each step explained.

use serde::{Deserialize, Serialize};

/// The rules of one listing, as they result from hub, account, group and item. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Only this part of the stock, percent, rounded down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_percent: Option<u32>,
    /// While stock remains, the share never rounds down to nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_last_unit: bool,
    /// Units kept back from the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_back: Option<i64>,
    /// Units kept back while it sells fast ([`crate::flash`]); never stored with the rules, it changes from minute to minute.
    #[serde(skip)]
    pub flash: i64,
    /// Show zero at or below this many units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_zero_at: Option<i64>,
    /// Never show more than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<i64>,
    /// Always show this; replaces all of the above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<i64>,
    /// Never push.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exclude: bool,
    /// Units in one of the store's items; 0 and 1 mean single units.
    #[serde(skip_serializing_if = "is_zero")]
    pub pack: i64,
}

/// One step of the way from hub level to target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The rule.
    pub rule: String,
    /// The number after it.
    pub quantity: i64,
}

impl Rules {
    /// The target for `available` units; `None` means never push.
    #[must_use]
    pub fn target(&self, available: i64) -> Option<i64> {
        if self.exclude {
            return None;
        }
        Some(self.steps(available).last().map_or(0, |step| step.quantity))
    }

    /// Every step from `available` units to the target, in order. Steps that are not set are left out.
    #[must_use]
    pub fn steps(&self, available: i64) -> Vec<Step> {
        let mut steps = vec![Step { rule: "available".into(), quantity: available }];
        let mut step = |rule: String, quantity: i64| {
            steps.push(Step { rule, quantity });
            quantity
        };
        if let Some(fixed) = self.fixed {
            step(format!("fixed {fixed}"), fixed.max(0));
            return steps;
        }
        let mut now = available;
        if let Some(percent) = self.share_percent {
            now = step(format!("share {percent} %"), self.share(now, percent));
        }
        if let Some(units) = self.hold_back {
            now = step(format!("hold back {units}"), now.saturating_sub(units));
        }
        if self.flash > 0 {
            now = step(format!("hold back {}: it sells fast", self.flash), now.saturating_sub(self.flash));
        }
        if let Some(limit) = self.show_zero_at {
            now = step(format!("show zero at {limit}"), if now <= limit { 0 } else { now });
        }
        if let Some(cap) = self.cap {
            now = step(format!("cap {cap}"), now.min(cap));
        }
        if self.pack > 1 {
            now = step(format!("packs of {}", self.pack), now.div_euclid(self.pack));
        }
        if now < 0 {
            step("never below zero".into(), 0);
        }
        steps
    }

    fn share(&self, available: i64, percent: u32) -> i64 {
        let part = i128::from(available) * i128::from(percent) / 100;
        let part = i64::try_from(part).unwrap_or(i64::MAX);
        if self.keep_last_unit && available > 0 { part.max(1) } else { part }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_apply_in_their_documented_order() {
        let rules = Rules {
            share_percent: Some(50),
            hold_back: Some(2),
            show_zero_at: Some(3),
            cap: Some(10),
            pack: 2,
            ..Rules::default()
        };
        assert_eq!(rules.target(40), Some(5), "40 → 20 → 18 → 18 → 10 → 5");
        assert_eq!(rules.target(10), Some(0), "10 → 5 → 3 → 0");
        assert_eq!(rules.target(-7), Some(0));
    }

    #[test]
    fn the_last_unit_can_be_kept_on_sale() {
        let rules = Rules { share_percent: Some(10), keep_last_unit: true, ..Rules::default() };
        assert_eq!(rules.target(5), Some(1));
        assert_eq!(rules.target(0), Some(0));
    }

    #[test]
    fn fixed_replaces_everything_and_exclude_pushes_nothing() {
        assert_eq!(Rules { fixed: Some(9), cap: Some(1), ..Rules::default() }.target(0), Some(9));
        assert_eq!(Rules { exclude: true, fixed: Some(9), ..Rules::default() }.target(5), None);
        assert_eq!(Rules::default().target(12), Some(12));
    }
}
