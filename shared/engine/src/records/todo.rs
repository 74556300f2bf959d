//! Work that waits.

use super::{key, row, text};
use crate::ports::Row;
use channels::Touch;
use domain::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

/// Work that waits for an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// The account that it waits for.
    pub account: AccountId,
    /// What to look at.
    pub touch: Touch,
    /// Why it waits.
    pub reason: String,
    /// Not before.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether the target is zero: selling what is not there is worse than not selling what is.
    pub urgent: bool,
    /// The hub level, where it was known: little stock goes before much.
    #[serde(default)]
    pub level: Option<i64>,
    /// Whether there is nothing to look at: a write waits, and that is all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub write: bool,
    /// Whether a store told of it, which its feed may explain: the level is read only where that does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// Whether it waits for the account's lane, which takes many at once, however soon it is due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lane: bool,
    /// What it follows: a word of [`super::asked`], or the cause of the run that postponed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

/// What sort keys of waiting work begin with, the most urgent first: nothing left, little, some, much or unknown.
pub const URGENCIES: [&str; 4] = ["0", "1", "2", "3"];
/// At or below so many units, little is left.
const LITTLE: i64 = 5;
/// At or below so many units, some are left.
const SOME: i64 = 50;

/// The partition of the work that waits for an account.
#[must_use]
pub fn todo_partition(account: &AccountId) -> String {
    format!("TODO#{account}")
}

impl Todo {
    /// As a row, ordered by urgency and age.
    #[must_use]
    pub fn row(&self) -> Row {
        let urgency = match self.level {
            _ if self.urgent => 0,
            Some(level) if level <= LITTLE => 1,
            Some(level) if level <= SOME => 2,
            Some(_) | None => 3,
        };
        let touch = match &self.touch {
            Touch::Sku(sku) => format!("sku#{sku}"),
            Touch::External(external) => format!("external#{external}"),
            Touch::Order(order) => format!("order#{order}"),
            Touch::Feed => "feed".into(),
        };
        row(key(todo_partition(&self.account), format!("{urgency}{:015}#{touch}", self.due.0)), 1, text(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Sku;

    fn key_of(level: Option<i64>, urgent: bool, due: i64) -> String {
        let account = AccountId::new("north").expect("valid");
        let touch = Touch::Sku(Sku::new("TEE").expect("valid"));
        let reason = String::new();
        let (due, write, told, lane) = (Timestamp(due), false, false, false);
        Todo { account, touch, reason, due, attempts: 0, urgent, level, write, told, lane, asked: None }.row().key.sk
    }

    #[test]
    fn nothing_left_goes_first_then_little_then_what_waits_longest() {
        let order = [
            key_of(Some(0), true, 9),
            key_of(Some(5), false, 8),
            key_of(Some(50), false, 7),
            key_of(Some(51), false, 5),
            key_of(None, false, 6),
        ];
        assert!(order.is_sorted(), "{order:?}");
        assert!(order.iter().all(|key| URGENCIES.iter().any(|urgency| key.starts_with(urgency))));
    }

    #[test]
    fn work_of_a_former_version_can_be_read() {
        let old = r#"{"account":"north","touch":"feed","reason":"","due":1,"attempts":0,"urgent":false}"#;
        assert_eq!(serde_json::from_str::<Todo>(old).expect("as it was written").level, None);
    }
}
