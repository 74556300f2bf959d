//! The audit trail: who changed what, when, and what it was before. One row for each act of a person, and for each that
//! the hub took by itself, such as a quarantine; kept for a year.
//!
//! A person's act is written down before it is done and completed afterwards: a hub that dies in between leaves an entry
//! that says so, never an act that nobody knows of.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | entry (expires) | `AUDIT#<day>` | `<time>#<random>` |

use crate::hub::{Error, Hub};
use crate::items::Listed;
use crate::ports::{Change, Condition, Key, Query, Row};
use crate::records::{self, DAY_MS, key, row, text};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How long an entry is kept, milliseconds: a year.
pub const TRAIL_KEPT_MS: i64 = 366 * DAY_MS;
/// The most that an entry says of before and after together, bytes; more is left out and said so.
const DETAIL_MAX: usize = 200_000;
/// The actor of what the hub does by itself.
pub const HUB_ACTOR: &str = "hub";

/// How an act ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was begun; whether it was done nobody knows.
    Begun,
    /// It was done.
    Done,
    /// It was refused or failed, with the HTTP status.
    Refused(u16),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name: time and chance.
    pub id: String,
    /// When it began.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What: a route such as `PATCH /api/accounts/{account}`, or what the hub did, such as `quarantine`.
    pub action: String,
    /// To what: an account, a SKU, a user …
    pub subject: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was there before, as far as it changed.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub before: Value,
    /// What is there since, as far as it changed.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub after: Value,
}

impl Entry {
    /// An act that begins.
    #[must_use]
    pub fn begun(at: Timestamp, random: u64, actor: &str, action: &str, subject: &str) -> Self {
        Self {
            id: format!("{:015}#{random:016x}", at.0),
            at,
            actor: actor.into(),
            action: action.into(),
            subject: subject.into(),
            outcome: Outcome::Begun,
            before: Value::Null,
            after: Value::Null,
        }
    }

    /// Says what changed: of two objects only the fields that differ.
    pub fn changed(&mut self, before: Value, after: Value) {
        let (before, after) = difference(before, after);
        let size = before.to_string().len() + after.to_string().len();
        if size > DETAIL_MAX {
            self.after = Value::String(format!("too long to keep: {size} bytes; the items' history has it"));
        } else {
            (self.before, self.after) = (before, after);
        }
    }

    /// Where it lives.
    #[must_use]
    pub fn key(&self) -> Key {
        key(day_partition(self.at), self.id.clone())
    }

    /// As a row.
    #[must_use]
    pub fn row(&self) -> Row {
        Row { expires: Some(self.at.plus_ms(TRAIL_KEPT_MS)), ..row(self.key(), 1, text(self)) }
    }
}

/// The partition of a day.
pub(crate) fn day_partition(at: Timestamp) -> String {
    format!("AUDIT#{}", at.0.div_euclid(DAY_MS))
}

fn difference(before: Value, after: Value) -> (Value, Value) {
    let (Value::Object(before), Value::Object(after)) = (&before, &after) else { return (before, after) };
    let other = |one: &Map<String, Value>, two: &Map<String, Value>| {
        let differs = |(name, value): &(&String, &Value)| two.get(*name) != Some(*value);
        one.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>()
    };
    (other(before, after).into(), other(after, before).into())
}

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only of this actor.
    pub actor: Option<String>,
    /// Only to this subject.
    pub subject: Option<String>,
    /// Go on after this: the `next` of the page before.
    pub after: Option<String>,
    /// At most this many rows, 1 to 500.
    pub limit: usize,
}

impl Wanted {
    /// Whether an entry is of this actor and to this subject.
    pub(crate) fn wants(&self, entry: &Entry) -> bool {
        self.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
            && self.subject.as_ref().is_none_or(|subject| *subject == entry.subject)
    }
}

impl Hub {
    /// Writes an entry down, or completes it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn keep_entry(&self, entry: &Entry) -> Result<(), Error> {
        Ok(self.store.write(&[Change::Put(entry.row(), Condition::Any)]).await?)
    }

    /// Strikes an entry whose act turned out to change nothing, such as a preview.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn strike_entry(&self, entry: &Entry) -> Result<(), Error> {
        Ok(self.store.write(&[Change::Delete(entry.key(), Condition::Any)]).await?)
    }

    /// Writes down what the hub did by itself.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn keep_own_act(&self, action: &str, subject: &str, before: Value, after: Value) -> Result<(), Error> {
        let mut entry = Entry::begun(self.clock.now(), self.clock.random(), HUB_ACTOR, action, subject);
        entry.outcome = Outcome::Done;
        entry.changed(before, after);
        self.keep_entry(&entry).await
    }

    /// The entries of the day that holds `day`, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn trail_of_day(&self, day: Timestamp, wanted: &Wanted) -> Result<Listed<Entry>, Error> {
        let query = Query {
            partition: day_partition(day),
            index: false,
            prefix: String::new(),
            after: wanted.after.clone(),
            descending: true,
            limit: wanted.limit.clamp(1, 500),
        };
        let page = self.store.query(&query).await?;
        let mut rows = Vec::new();
        for row in &page.rows {
            let entry: Entry = records::body(row)?;
            rows.extend(wanted.wants(&entry).then_some(entry));
        }
        Ok(Listed { rows, next: page.next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_kept() {
        let mut entry = Entry::begun(Timestamp(5), 7, "ann", "PATCH /api/accounts/{account}", "north");
        entry.changed(json!({"paused": false, "id": "north"}), json!({"paused": true, "id": "north", "frozen": 1}));
        assert_eq!((entry.before, entry.after), (json!({"paused": false}), json!({"paused": true, "frozen": 1})));
    }

    #[test]
    fn what_is_too_long_is_said_to_be() {
        let mut entry = Entry::begun(Timestamp(5), 7, "ann", "POST /api/stock", "");
        entry.changed(Value::Null, json!("x".repeat(DETAIL_MAX)));
        assert!(entry.after.to_string().len() < 100, "{}", entry.after);
    }
}
