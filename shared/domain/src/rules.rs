//! The quantity rules: from the hub level to the number that a store shows, each step explained.
//!
//! A rule may be set at several levels; the nearest that sets it wins, rule by rule ([`crate::layers`]).

use serde::{Deserialize, Serialize};

/// The rules of one listing, as they result from all levels. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Only this part of the stock, percent, rounded down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_percent: Option<i64>,
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

/// The rules by name, in the order in which they apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// [`Rules::exclude`].
    Exclude,
    /// [`Rules::fixed`].
    Fixed,
    /// [`Rules::share_percent`].
    SharePercent,
    /// [`Rules::keep_last_unit`].
    KeepLastUnit,
    /// [`Rules::hold_back`].
    HoldBack,
    /// [`Rules::flash`], by the minutes that were set.
    FlashMinutes,
    /// [`Rules::show_zero_at`].
    ShowZeroAt,
    /// [`Rules::cap`].
    Cap,
    /// [`Rules::pack`].
    Pack,
}

/// One step of the way from hub level to target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it does.
    pub rule: String,
    /// The number after it.
    pub quantity: i64,
    /// Which rule it is; none of the first step, and of the last that keeps it from falling below zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Rule>,
    /// Where the rule was set: `hub`, `account north`, `group fragile`, `item` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Step {
    fn new(name: Option<Rule>, rule: impl Into<String>, quantity: i64) -> Self {
        Self { rule: rule.into(), quantity, name, from: None }
    }
}

impl Rules {
    /// The target for `available` units; `None` means never push.
    #[must_use]
    pub fn target(&self, available: i64) -> Option<i64> {
        if self.exclude {
            return None;
        }
        if let Some(fixed) = self.fixed {
            return Some(fixed.max(0));
        }
        let shared = self.share_percent.map_or(available, |percent| self.share(available, percent));
        let kept = shared.saturating_sub(self.hold_back.unwrap_or(0)).saturating_sub(self.flash.max(0));
        let shown = if self.show_zero_at.is_some_and(|limit| kept <= limit) { 0 } else { kept };
        let capped = self.cap.map_or(shown, |cap| shown.min(cap));
        Some(self.packs(capped).max(0))
    }

    /// Every step from `available` units to the target, in order. Rules that are not set are left out.
    #[must_use]
    pub fn steps(&self, available: i64) -> Vec<Step> {
        let mut steps = vec![Step::new(None, "available", available)];
        if self.exclude {
            steps.push(Step::new(Some(Rule::Exclude), "exclude: never written", available));
            return steps;
        }
        if let Some(fixed) = self.fixed {
            steps.push(Step::new(Some(Rule::Fixed), format!("fixed {fixed}"), fixed.max(0)));
            return steps;
        }
        let mut now = available;
        let mut step = |name: Option<Rule>, rule: String, quantity: i64| {
            steps.push(Step::new(name, rule, quantity));
            quantity
        };
        if let Some(percent) = self.share_percent {
            now = step(Some(Rule::SharePercent), self.share_words(now, percent), self.share(now, percent));
        }
        if let Some(units) = self.hold_back {
            now = step(Some(Rule::HoldBack), format!("hold back {units}"), now.saturating_sub(units));
        }
        if self.flash > 0 {
            let rule = Some(Rule::FlashMinutes);
            now = step(rule, format!("hold back {}: it sells fast", self.flash), now.saturating_sub(self.flash));
        }
        if let Some(limit) = self.show_zero_at {
            let shown = if now <= limit { 0 } else { now };
            now = step(Some(Rule::ShowZeroAt), format!("show zero at {limit}"), shown);
        }
        if let Some(cap) = self.cap {
            now = step(Some(Rule::Cap), format!("cap {cap}"), now.min(cap));
        }
        if self.pack > 1 {
            now = step(Some(Rule::Pack), format!("packs of {}", self.pack), self.packs(now));
        }
        if now < 0 {
            steps.push(Step::new(None, "never below zero", 0));
        }
        steps
    }

    fn share(&self, available: i64, percent: i64) -> i64 {
        let part = part(available, percent);
        if self.keep_last_unit && available > 0 { part.max(1) } else { part }
    }

    fn share_words(&self, available: i64, percent: i64) -> String {
        let kept = self.share(available, percent) != part(available, percent);
        if kept { format!("share {percent} %, the last unit kept") } else { format!("share {percent} %") }
    }

    const fn packs(&self, units: i64) -> i64 {
        if self.pack > 1 { units.div_euclid(self.pack) } else { units }
    }

    /// Units of the hub in one unit that the store counts.
    #[must_use]
    pub const fn units_each(&self) -> i64 {
        if self.pack > 1 { self.pack } else { 1 }
    }
}

/// So many percent, rounded down.
fn part(available: i64, percent: i64) -> i64 {
    let part = (i128::from(available) * i128::from(percent)).div_euclid(100);
    i64::try_from(part).unwrap_or(i64::MAX)
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
    fn the_last_step_is_the_target_whatever_the_rules_are() {
        let choices = [None, Some(0), Some(1), Some(3)];
        for share_percent in [None, Some(0), Some(10), Some(50), Some(100)] {
            for (hold_back, show_zero_at) in choices.iter().flat_map(|one| choices.iter().map(move |two| (*one, *two)))
            {
                for (cap, pack, keep_last_unit) in [(None, 0, false), (Some(4), 2, true), (Some(0), 1, true)] {
                    let rules =
                        Rules { share_percent, hold_back, show_zero_at, cap, pack, keep_last_unit, ..Rules::default() };
                    for available in -3..20 {
                        let last = rules.steps(available).last().map(|step| step.quantity);
                        assert_eq!(rules.target(available), last, "{rules:?} of {available}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_last_unit_can_be_kept_on_sale() {
        let rules = Rules { share_percent: Some(10), keep_last_unit: true, ..Rules::default() };
        assert_eq!(rules.target(5), Some(1));
        assert_eq!(rules.target(0), Some(0));
        assert_eq!(rules.steps(5)[1].rule, "share 10 %, the last unit kept");
        assert_eq!(rules.steps(50)[1].rule, "share 10 %");
    }

    #[test]
    fn fixed_replaces_everything_and_exclude_pushes_nothing() {
        assert_eq!(Rules { fixed: Some(9), cap: Some(1), ..Rules::default() }.target(0), Some(9));
        assert_eq!(Rules { exclude: true, fixed: Some(9), ..Rules::default() }.target(5), None);
        assert_eq!(Rules::default().target(12), Some(12));
    }
}
