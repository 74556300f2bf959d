//! What a person should be told of, when again, and when it is over. Pure: facts in, alarms and notices out.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The mass-zero guard or the live guard stopped believing an account.
    Quarantine,
    /// Another hub seems to write the same store.
    TwoHubs,
    /// A listing was put right again and again, and is left alone now.
    Contested,
    /// Calls to a store fail.
    Failing,
    /// No call has read a store for a while.
    NoRead,
    /// The feed shows movements of which no webhook told.
    SilentWebhooks,
    /// A webhook that syncing within seconds depends on is not in order.
    BrokenWebhooks,
    /// Credentials end soon, or have.
    Credentials,
    /// Work waits for too long.
    Waiting,
    /// Changes take too long from store to store.
    Slow,
    /// A SKU appears more than once in a store, and is not written there.
    Clash,
    /// Messages failed too often and lie aside.
    DeadLetters,
    /// More was sold than there was.
    Oversold,
    /// Little is left.
    LowStock,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Quarantine,
        Self::TwoHubs,
        Self::Contested,
        Self::Failing,
        Self::NoRead,
        Self::SilentWebhooks,
        Self::BrokenWebhooks,
        Self::Credentials,
        Self::Waiting,
        Self::Slow,
        Self::Clash,
        Self::DeadLetters,
        Self::Oversold,
        Self::LowStock,
    ];

    /// Its name, as settings and messages write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::TwoHubs => "two-hubs",
            Self::Contested => "contested",
            Self::Failing => "failing",
            Self::NoRead => "no-read",
            Self::SilentWebhooks => "silent-webhooks",
            Self::BrokenWebhooks => "broken-webhooks",
            Self::Credentials => "credentials",
            Self::Waiting => "waiting",
            Self::Slow => "slow",
            Self::Clash => "clash",
            Self::DeadLetters => "dead-letters",
            Self::Oversold => "oversold",
            Self::LowStock => "low-stock",
        }
    }
}

/// From when on something is an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Failed calls in a row.
    pub failures: u32,
    /// Minutes without a good read. Like that of a webhook, its time is stored every five minutes.
    pub no_read_minutes: i64,
    /// Minutes without a webhook while the feed shows movements.
    pub silent_minutes: i64,
    /// Movements that no webhook told of.
    pub silent_movements: u64,
    /// Days before credentials end.
    pub credential_days: i64,
    /// Minutes that work may wait past its time.
    pub waiting_minutes: i64,
    /// 95 of 100 changes reach the other stores within so many seconds.
    pub slow_seconds: i64,
    /// Dead messages.
    pub dead: u64,
    /// Units at or below which a SKU is low; 0 tells nothing.
    pub low_stock: i64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            failures: 5,
            no_read_minutes: 30,
            silent_minutes: 30,
            silent_movements: 3,
            credential_days: 14,
            waiting_minutes: 15,
            slow_seconds: 60,
            dead: 1,
            low_stock: 0,
        }
    }
}

impl Thresholds {
    /// What is wrong with them, naming the field.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let fields = [
            ("failures", i64::from(self.failures), 1, 1_000),
            ("no_read_minutes", self.no_read_minutes, 10, 10_080),
            ("silent_minutes", self.silent_minutes, 10, 10_080),
            ("silent_movements", i64::try_from(self.silent_movements).unwrap_or(i64::MAX), 1, 10_000),
            ("credential_days", self.credential_days, 1, 365),
            ("waiting_minutes", self.waiting_minutes, 1, 10_080),
            ("slow_seconds", self.slow_seconds, 1, 86_400),
            ("dead", i64::try_from(self.dead).unwrap_or(i64::MAX), 1, 1_000_000),
            ("low_stock", self.low_stock, 0, 1_000_000),
        ];
        let wrong = fields.into_iter().find(|(_, value, least, most)| value < least || value > most);
        wrong.map(|(name, value, least, most)| format!("thresholds.{name}: {value} is not between {least} and {most}"))
    }
}

/// What is known of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// When it was added.
    pub added: Timestamp,
    /// Whether a person has stopped it altogether: then its silence means nothing.
    pub frozen: bool,
    /// Why it is not believed.
    pub quarantine: Option<String>,
    /// What says that another hub writes it.
    pub two_hubs: Option<String>,
    /// Listings that are left alone because another writer fights us.
    pub contested: Vec<String>,
    /// Failed calls in a row.
    pub failures: u32,
    /// What the last one said.
    pub error: Option<String>,
    /// Last good read.
    pub read: Option<Timestamp>,
    /// Last webhook.
    pub hook: Option<Timestamp>,
    /// Movements that the feed showed since then and no webhook told.
    pub unheard: u64,
    /// Webhooks that matter and are not in order.
    pub broken_hooks: Vec<String>,
    /// When its credentials end.
    pub credentials_end: Option<Timestamp>,
    /// Since when the longest waiting work is due.
    pub waits_since: Option<Timestamp>,
    /// 95 of 100 changes reached it within this time, milliseconds.
    pub p95_ms: Option<i64>,
    /// SKUs that appear more than once.
    pub clashes: Vec<String>,
}

/// An alarm: what, about what, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What is wrong.
    pub kind: Kind,
    /// With what: an account, a SKU, `hub`.
    pub subject: String,
    /// For people: what it is, and what to do.
    pub text: String,
}

/// A minute, milliseconds.
const MINUTE_MS: i64 = 60_000;
/// A day, milliseconds.
const DAY_MS: i64 = 86_400_000;

/// What is wrong with an account.
#[must_use]
pub fn of_account(account: &str, facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    let mut tell = |kind: Kind, text: Option<String>| {
        alarms.extend(text.map(|text| Alarm { kind, subject: account.to_owned(), text }));
    };
    tell(
        Kind::Quarantine,
        facts
            .quarantine
            .as_ref()
            .map(|why| format!("{account} is not believed: {why}. Review it and release or discard what was seen.")),
    );
    tell(
        Kind::TwoHubs,
        facts.two_hubs.as_ref().map(|why| {
            format!("another hub seems to write {account}: {why}. It is paused; stop the other one, then resume.")
        }),
    );
    tell(
        Kind::Contested,
        some(&facts.contested, |list| {
            format!("another writer keeps changing {list} at {account}; they are left alone until you release them.")
        }),
    );
    tell(Kind::Credentials, credentials(account, facts, thresholds, now));
    tell(
        Kind::BrokenWebhooks,
        some(&facts.broken_hooks, |list| format!("webhooks of {account} are not in order: {list}. Test the account.")),
    );
    tell(
        Kind::Clash,
        some(&facts.clashes, |list| {
            format!("{list} appear more than once at {account} and are not written there; give each its own SKU.")
        }),
    );
    if facts.frozen || facts.quarantine.is_some() {
        return alarms;
    }
    let failing = facts.failures >= thresholds.failures;
    let said = || facts.error.clone().unwrap_or_default();
    tell(
        Kind::Failing,
        failing
            .then(|| format!("{account} does not answer as it should, {} times in a row: {}", facts.failures, said())),
    );
    tell(
        Kind::NoRead,
        silence(facts.read.unwrap_or(facts.added), thresholds.no_read_minutes, now)
            .map(|minutes| format!("{account} was not read for {minutes} minutes.")),
    );
    tell(Kind::SilentWebhooks, unheard(account, facts, thresholds, now));
    let waits = facts.waits_since.and_then(|since| silence(since, thresholds.waiting_minutes, now));
    tell(Kind::Waiting, waits.map(|minutes| format!("work for {account} has waited for {minutes} minutes.")));
    let slow = facts.p95_ms.filter(|ms| *ms > thresholds.slow_seconds.saturating_mul(1_000));
    tell(
        Kind::Slow,
        slow.map(|_| {
            format!("one change in twenty takes more than {} seconds to reach {account}.", thresholds.slow_seconds)
        }),
    );
    alarms
}

/// Names shown of a list.
const NAMED: usize = 5;

fn some(list: &[String], tell: impl FnOnce(String) -> String) -> Option<String> {
    let more = list.len().saturating_sub(NAMED);
    let named = list.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let named = if more > 0 { format!("{named} and {more} more") } else { named };
    (!list.is_empty()).then(|| tell(named))
}

/// Minutes of silence, when they are too many.
fn silence(since: Timestamp, allowed: i64, now: Timestamp) -> Option<i64> {
    let minutes = now.since_ms(since) / MINUTE_MS;
    (minutes >= allowed).then_some(minutes)
}

fn unheard(account: &str, facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Option<String> {
    let minutes = silence(facts.hook.unwrap_or(facts.added), thresholds.silent_minutes, now)?;
    (facts.unheard >= thresholds.silent_movements).then(|| {
        format!("{account} sent no webhook for {minutes} minutes, although its stock moved; nothing is lost, but it takes longer. Test the account.")
    })
}

fn credentials(account: &str, facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Option<String> {
    let left = facts.credentials_end?.since_ms(now);
    let days = left.div_euclid(DAY_MS);
    let text = if left <= 0 { "have ended".into() } else { format!("end in {days} days") };
    (days < thresholds.credential_days)
        .then(|| format!("the credentials of {account} {text}; make new ones and enter them."))
}

/// An alarm that was told, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// The alarm as it was last seen.
    pub alarm: Alarm,
    /// Since when.
    pub since: Timestamp,
    /// When people were last told.
    pub told: Timestamp,
}

/// What kind of notice it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is new.
    New,
    /// It is still so.
    Again,
    /// It is over.
    Resolved,
    /// Somebody tries whether notices arrive.
    Test,
}

/// One thing to tell people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// New, again or over.
    pub stage: Stage,
    /// The alarm.
    pub alarm: Alarm,
    /// Since when.
    pub since: Timestamp,
}

/// What an alarm is known by.
pub type Name = (Kind, String);

/// Compares what is wrong now with what was: what to tell, and what to remember. An alarm is told when it begins, again
/// after `repeat_ms`, and once when it is over.
#[must_use]
pub fn compare(
    known: &BTreeMap<Name, Raised>,
    alarms: Vec<Alarm>,
    repeat_ms: i64,
    now: Timestamp,
) -> (Vec<Notice>, BTreeMap<Name, Raised>) {
    let (mut notices, mut raised) = (Vec::new(), BTreeMap::new());
    for alarm in alarms {
        let name = (alarm.kind, alarm.subject.clone());
        let (stage, since, told) = match known.get(&name) {
            None => (Some(Stage::New), now, now),
            Some(old) if now.since_ms(old.told) >= repeat_ms => (Some(Stage::Again), old.since, now),
            Some(old) => (None, old.since, old.told),
        };
        notices.extend(stage.map(|stage| Notice { stage, alarm: alarm.clone(), since }));
        raised.insert(name, Raised { alarm, since, told });
    }
    let over = known.iter().filter(|(name, _)| !raised.contains_key(*name));
    notices.extend(over.map(|(_, old)| Notice { stage: Stage::Resolved, alarm: old.alarm.clone(), since: old.since }));
    (notices, raised)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(facts: &Facts, minute: i64) -> Vec<Kind> {
        let alarms = of_account("north", facts, &Thresholds::default(), Timestamp(minute * MINUTE_MS));
        alarms.into_iter().map(|alarm| alarm.kind).collect()
    }

    #[test]
    fn silence_is_an_alarm_unless_a_person_asked_for_it() {
        let read = Facts { read: Some(Timestamp(0)), ..Facts::default() };
        assert_eq!(kinds(&read, 29), []);
        assert_eq!(kinds(&read, 30), [Kind::NoRead]);
        assert_eq!(kinds(&Facts { frozen: true, ..read }, 30), []);
        let unheard = Facts { read: Some(Timestamp(40 * MINUTE_MS)), unheard: 3, ..Facts::default() };
        assert_eq!(kinds(&unheard, 40), [Kind::SilentWebhooks]);
        assert_eq!(kinds(&Facts { unheard: 2, ..unheard.clone() }, 40), [], "a webhook may be lost");
        assert_eq!(kinds(&Facts { hook: Some(Timestamp(20 * MINUTE_MS)), ..unheard }, 40), []);
    }

    #[test]
    fn credentials_are_told_of_before_they_end() {
        let end = |days: i64| Facts {
            credentials_end: Some(Timestamp(days * DAY_MS)),
            read: Some(Timestamp(0)),
            ..Facts::default()
        };
        assert_eq!(kinds(&end(14), 0), []);
        assert_eq!(kinds(&end(13), 0), [Kind::Credentials]);
        let told = of_account("north", &end(-1), &Thresholds::default(), Timestamp(0));
        assert!(told[0].text.contains("have ended"), "{}", told[0].text);
    }

    #[test]
    fn an_alarm_is_told_once_again_after_a_while_and_when_it_is_over() {
        let alarm = Alarm { kind: Kind::Failing, subject: "north".into(), text: "503".into() };
        let stages = |notices: &[Notice]| notices.iter().map(|notice| notice.stage).collect::<Vec<_>>();
        let (told, raised) = compare(&BTreeMap::new(), vec![alarm.clone()], 100, Timestamp(0));
        assert_eq!(stages(&told), [Stage::New]);
        let (told, raised) = compare(&raised, vec![alarm.clone()], 100, Timestamp(99));
        assert_eq!(stages(&told), []);
        let (told, raised) = compare(&raised, vec![alarm], 100, Timestamp(100));
        assert_eq!((stages(&told), told[0].since), (vec![Stage::Again], Timestamp(0)));
        let (told, raised) = compare(&raised, Vec::new(), 100, Timestamp(101));
        assert_eq!((stages(&told), raised.len()), (vec![Stage::Resolved], 0));
    }

    #[test]
    fn a_threshold_out_of_range_is_named() {
        let wrong = Thresholds { no_read_minutes: 0, ..Thresholds::default() };
        assert!(wrong.problem().expect("0 minutes").starts_with("thresholds.no_read_minutes: 0 is not between"));
        assert_eq!(Thresholds::default().problem(), None);
    }

    #[test]
    fn every_kind_has_the_name_that_settings_use() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("plain"), kind.name());
        }
    }
}
