//! Settings with inheritance: what may be set for the hub, an account, a group or an item, and how the nearest wins.
//!
//! From near to far: one listing; the item at one account; the item; its groups in their order, each first at the account
//! and then in general; the account; the hub. Each rule is looked up by itself.

use crate::flash::MINUTES_MAX;
use crate::rules::{Rule, Rules, Step};
use crate::{AccountId, GroupId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// When a listing is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As the next level says; as `always` when none says anything.
    #[default]
    Default,
    /// Whenever it differs from its target.
    Always,
    /// Never.
    Never,
    /// Only while it is on sale in its store.
    OnlyWhenActive,
}

/// A number that a level sets, or switches off although a farther level sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// This number.
    Is(i64),
    /// None, whatever farther levels say.
    Off(Off),
}

/// Spells [`Setting::Off`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Off {
    /// `off`
    Off,
}

impl Setting {
    const fn number(self) -> Option<i64> {
        match self {
            Self::Is(number) => Some(number),
            Self::Off(Off::Off) => None,
        }
    }
}

/// What one level sets. What is absent is inherited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layer {
    /// Percent of the stock, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_percent: Option<Setting>,
    /// Whether the share never rounds down to nothing while stock remains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_last_unit: Option<bool>,
    /// Units kept back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_back: Option<Setting>,
    /// While it sells fast, what sells in so many minutes is kept back too ([`crate::flash`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash_minutes: Option<Setting>,
    /// Zero is shown at or below so many units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_zero_at: Option<Setting>,
    /// Never more than so many units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<Setting>,
    /// Units in one of the store's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<Setting>,
    /// Always this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Setting>,
    /// Whether it is never written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude: Option<bool>,
    /// When it is written.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// At or below so many available units the stock is low.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_stock: Option<Setting>,
}

/// The settings by the names that people and files use, in the order of a file's columns.
pub const NAMES: [&str; 11] = [
    "share_percent",
    "keep_last_unit",
    "hold_back",
    "flash_minutes",
    "show_zero_at",
    "cap",
    "pack",
    "fixed",
    "exclude",
    "mode",
    "low_stock",
];

/// No store counts more units than this: a greater number is a slip of the hand.
const QUANTITY_MAX: i64 = 1_000_000_000;
/// No pack holds more.
const PACK_MAX: i64 = 100_000;

/// Why a setting cannot be what was asked for; names it and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct InvalidSetting {
    /// The setting.
    pub name: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl Layer {
    /// Sets nothing.
    pub const EMPTY: Self = Self {
        share_percent: None,
        keep_last_unit: None,
        hold_back: None,
        flash_minutes: None,
        show_zero_at: None,
        cap: None,
        pack: None,
        fixed: None,
        exclude: None,
        mode: Mode::Default,
        low_stock: None,
    };

    /// Whether it sets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Sets a setting by name from text: a number, `off`, `yes`, `no`, a mode; nothing means that it is inherited.
    ///
    /// # Errors
    /// [`InvalidSetting`] naming it and what is allowed.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), InvalidSetting> {
        let text = text.trim();
        let wrong = |problem: String| InvalidSetting { name: name.to_owned(), problem };
        let number = |least, most| number(text, least, most).map_err(wrong);
        match name {
            "share_percent" => self.share_percent = number(0, 100)?,
            "keep_last_unit" => self.keep_last_unit = truth(text).map_err(wrong)?,
            "hold_back" => self.hold_back = number(0, QUANTITY_MAX)?,
            "flash_minutes" => self.flash_minutes = number(0, MINUTES_MAX)?,
            "show_zero_at" => self.show_zero_at = number(0, QUANTITY_MAX)?,
            "cap" => self.cap = number(0, QUANTITY_MAX)?,
            "pack" => self.pack = number(1, PACK_MAX)?,
            "fixed" => self.fixed = number(0, QUANTITY_MAX)?,
            "exclude" => self.exclude = truth(text).map_err(wrong)?,
            "mode" => self.mode = mode(text).map_err(wrong)?,
            "low_stock" => self.low_stock = number(0, QUANTITY_MAX)?,
            _ => return Err(wrong(format!("there is no such rule; use one of {}", NAMES.join(", ")))),
        }
        Ok(())
    }

    /// A setting by name as text; empty when it is inherited.
    #[must_use]
    pub fn get(&self, name: &str) -> String {
        let number = |setting: Option<Setting>| match setting {
            Some(Setting::Is(number)) => number.to_string(),
            Some(Setting::Off(Off::Off)) => "off".into(),
            None => String::new(),
        };
        let truth = |truth: Option<bool>| truth.map_or("", |truth| if truth { "yes" } else { "no" }).to_owned();
        match name {
            "share_percent" => number(self.share_percent),
            "keep_last_unit" => truth(self.keep_last_unit),
            "hold_back" => number(self.hold_back),
            "flash_minutes" => number(self.flash_minutes),
            "show_zero_at" => number(self.show_zero_at),
            "cap" => number(self.cap),
            "pack" => number(self.pack),
            "fixed" => number(self.fixed),
            "exclude" => truth(self.exclude),
            "mode" => match self.mode {
                Mode::Default => String::new(),
                Mode::Always => "always".into(),
                Mode::Never => "never".into(),
                Mode::OnlyWhenActive => "only-when-active".into(),
            },
            "low_stock" => number(self.low_stock),
            _ => String::new(),
        }
    }

    /// What it sets, as `name value`, in the order of [`NAMES`].
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let words = NAMES.iter().map(|name| (name, self.get(name))).filter(|(_, value)| !value.is_empty());
        words.map(|(name, value)| format!("{name} {value}")).collect()
    }

    fn sets(&self, rule: Rule) -> bool {
        match rule {
            Rule::Exclude => self.exclude.is_some(),
            Rule::Fixed => self.fixed.is_some(),
            Rule::SharePercent => self.share_percent.is_some(),
            Rule::KeepLastUnit => self.keep_last_unit.is_some(),
            Rule::HoldBack => self.hold_back.is_some(),
            Rule::FlashMinutes => self.flash_minutes.is_some(),
            Rule::ShowZeroAt => self.show_zero_at.is_some(),
            Rule::Cap => self.cap.is_some(),
            Rule::Pack => self.pack.is_some(),
        }
    }
}

fn number(text: &str, least: i64, most: i64) -> Result<Option<Setting>, String> {
    match text {
        "" => Ok(None),
        "off" => Ok(Some(Setting::Off(Off::Off))),
        text => match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(Setting::Is(number))),
            Ok(_) | Err(_) => Err(format!(
                "{text:?} is not a whole number from {least} to {most}; leave it empty to inherit it, or write \"off\" to switch it off"
            )),
        },
    }
}

fn truth(text: &str) -> Result<Option<bool>, String> {
    match text {
        "" => Ok(None),
        "yes" | "true" => Ok(Some(true)),
        "no" | "false" | "off" => Ok(Some(false)),
        text => Err(format!("{text:?} is neither \"yes\" nor \"no\"; leave it empty to inherit it")),
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "" | "default" => Ok(Mode::Default),
        "always" => Ok(Mode::Always),
        "never" => Ok(Mode::Never),
        "only-when-active" => Ok(Mode::OnlyWhenActive),
        text => Err(format!("{text:?} is no mode; use default, always, never or only-when-active")),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_default(mode: &Mode) -> bool {
    *mode == Mode::Default
}

/// Where something was set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// For the whole hub.
    Hub,
    /// For an account.
    Account(AccountId),
    /// For a group.
    Group(GroupId),
    /// For a group at an account.
    GroupAt(GroupId, AccountId),
    /// For the item.
    Item,
    /// For the item at an account.
    ItemAt(AccountId),
    /// For one listing of the item.
    Listing,
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub => out.write_str("hub"),
            Self::Account(account) => write!(out, "account {account}"),
            Self::Group(group) => write!(out, "group {group}"),
            Self::GroupAt(group, account) => write!(out, "group {group} at {account}"),
            Self::Item => out.write_str("item"),
            Self::ItemAt(account) => write!(out, "item at {account}"),
            Self::Listing => out.write_str("listing"),
        }
    }
}

/// The levels that speak for one listing, the nearest first.
#[derive(Debug, Clone, Default)]
pub struct Stack<'a>(pub Vec<(Source, &'a Layer)>);

impl<'a> Stack<'a> {
    /// Puts a farther level below; one that sets nothing is left out.
    pub fn push(&mut self, source: Source, layer: &'a Layer) {
        if !layer.is_empty() {
            self.0.push((source, layer));
        }
    }

    /// The rules that result.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let number = |pick: fn(&Layer) -> Option<Setting>| self.nearest(pick).and_then(Setting::number);
        let truth = |pick: fn(&Layer) -> Option<bool>| self.nearest(pick).unwrap_or(false);
        Rules {
            share_percent: number(|layer| layer.share_percent),
            keep_last_unit: truth(|layer| layer.keep_last_unit),
            hold_back: number(|layer| layer.hold_back),
            show_zero_at: number(|layer| layer.show_zero_at),
            cap: number(|layer| layer.cap),
            fixed: number(|layer| layer.fixed),
            exclude: truth(|layer| layer.exclude),
            pack: number(|layer| layer.pack).unwrap_or(0),
            flash: 0,
        }
    }

    /// When the listing is written; never [`Mode::Default`].
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.nearest(|layer| Some(layer.mode).filter(|mode| *mode != Mode::Default)).unwrap_or(Mode::Always)
    }

    /// At or below so many available units the stock is low.
    #[must_use]
    pub fn low_stock(&self) -> Option<i64> {
        self.nearest(|layer| layer.low_stock).and_then(Setting::number)
    }

    /// What sells in so many minutes is kept back while it sells fast; 0 where no level asks for it.
    #[must_use]
    pub fn flash_minutes(&self) -> i64 {
        self.nearest(|layer| layer.flash_minutes).and_then(Setting::number).unwrap_or(0)
    }

    /// Where a rule was set; `None` where no level sets it.
    #[must_use]
    pub fn source(&self, rule: Rule) -> Option<&Source> {
        self.0.iter().find(|(_, layer)| layer.sets(rule)).map(|(source, _)| source)
    }

    /// Where the mode was set; `None` where no level sets it.
    #[must_use]
    pub fn mode_source(&self) -> Option<&Source> {
        self.0.iter().find(|(_, layer)| layer.mode != Mode::Default).map(|(source, _)| source)
    }

    /// Every step from `available` units to the target, each with where its rule was set; `flash` units are held back as it
    /// sells fast.
    #[must_use]
    pub fn steps(&self, available: i64, flash: i64) -> Vec<Step> {
        let mut steps = Rules { flash, ..self.rules() }.steps(available);
        for step in &mut steps {
            step.from = step.name.and_then(|rule| self.source(rule)).map(ToString::to_string);
        }
        steps
    }

    fn nearest<T>(&self, pick: impl Fn(&Layer) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|(_, layer)| pick(layer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(settings: &[(&str, &str)]) -> Layer {
        let mut layer = Layer::default();
        for (name, text) in settings {
            layer.set(name, text).expect("a good setting");
        }
        layer
    }

    fn north() -> AccountId {
        AccountId::new("north").expect("valid")
    }

    #[test]
    fn the_nearest_level_wins_rule_by_rule() {
        let hub = layer(&[("hold_back", "5"), ("cap", "20"), ("mode", "only-when-active"), ("low_stock", "3")]);
        let account = layer(&[("cap", "10"), ("share_percent", "50")]);
        let item = layer(&[("hold_back", "1"), ("mode", "never")]);
        let mut stack = Stack::default();
        stack.push(Source::ItemAt(north()), &item);
        stack.push(Source::Account(north()), &account);
        stack.push(Source::Hub, &hub);
        let rules = stack.rules();
        assert_eq!((rules.hold_back, rules.cap, rules.share_percent), (Some(1), Some(10), Some(50)));
        assert_eq!((stack.mode(), stack.low_stock()), (Mode::Never, Some(3)));
        assert_eq!(stack.mode_source(), Some(&Source::ItemAt(north())));
        let told: Vec<_> = stack.steps(40, 0).into_iter().map(|step| (step.quantity, step.from)).collect();
        let from = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [(40, None), (20, from("account north")), (19, from("item at north")), (10, from("account north"))]
        );
    }

    #[test]
    fn what_is_kept_back_of_a_rush_is_inherited_and_says_from_where() {
        let (hub, item) = (layer(&[("flash_minutes", "5")]), layer(&[("flash_minutes", "off")]));
        let account = layer(&[("flash_minutes", "2")]);
        let mut stack = Stack::default();
        assert_eq!(stack.flash_minutes(), 0, "nobody asks for it");
        stack.push(Source::Account(north()), &account);
        stack.push(Source::Hub, &hub);
        assert_eq!(stack.flash_minutes(), 2);
        let told: Vec<_> = stack.steps(40, 8).into_iter().map(|step| (step.quantity, step.from)).collect();
        assert_eq!(told, [(40, None), (32, Some("account north".to_owned()))]);
        stack.0.insert(0, (Source::Item, &item));
        assert_eq!(stack.flash_minutes(), 0, "the item is left out");
    }

    #[test]
    fn off_hides_what_a_farther_level_sets() {
        let (hub, item) = (layer(&[("cap", "5"), ("exclude", "yes")]), layer(&[("cap", "off"), ("exclude", "no")]));
        let mut stack = Stack::default();
        stack.push(Source::Item, &item);
        stack.push(Source::Hub, &hub);
        assert_eq!(stack.rules(), Rules::default());
        assert_eq!(stack.mode(), Mode::Always, "nobody says anything");
    }

    #[test]
    fn a_setting_survives_its_text_and_its_row() {
        let all = layer(&[
            ("share_percent", "50"),
            ("keep_last_unit", "yes"),
            ("hold_back", "0"),
            ("flash_minutes", "3"),
            ("show_zero_at", "off"),
            ("cap", "9"),
            ("pack", "6"),
            ("fixed", "off"),
            ("exclude", "no"),
            ("mode", "only-when-active"),
            ("low_stock", "4"),
        ]);
        let mut again = Layer::default();
        NAMES.iter().for_each(|name| again.set(name, &all.get(name)).expect("our own text"));
        assert_eq!(again, all);
        let text = serde_json::to_string(&all).expect("plain data");
        assert_eq!(serde_json::from_str::<Layer>(&text).expect("our own text"), all, "{text}");
        assert_eq!(serde_json::to_string(&Layer::default()).expect("plain data"), "{}");
        let former: Layer = serde_json::from_str(r#"{"hold_back":2,"exclude":true,"pack":6}"#).expect("a former row");
        assert_eq!(former, layer(&[("hold_back", "2"), ("exclude", "yes"), ("pack", "6")]));
    }

    #[test]
    fn a_bad_setting_is_named_with_what_is_allowed() {
        let refused =
            |name: &str, text: &str| Layer::default().set(name, text).expect_err("it makes no sense").to_string();
        assert!(refused("cap", "-1").starts_with("cap: \"-1\" is not a whole number from 0 to"));
        assert!(refused("share_percent", "101").contains("from 0 to 100"));
        assert!(refused("flash_minutes", "61").contains("from 0 to 60"));
        assert!(refused("pack", "0").contains("from 1 to"));
        assert!(refused("mode", "sometimes").contains("only-when-active"));
        assert!(refused("exclude", "perhaps").contains("\"yes\" nor \"no\""));
        assert!(refused("colour", "red").contains("hold_back"));
    }
}
