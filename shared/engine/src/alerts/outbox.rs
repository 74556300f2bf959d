//! Notices on their way: durable until they have arrived, tried again ever later, given up after three days.

use super::{ALERTS, Target, Way, wanted_by};
use crate::hub::{Error, Hub};
use crate::ports::{Change, Condition, Key, Mail, Row, StoreError};
use crate::records::{self, DAY_MS, key, row, text};
use channels::Secrets;
use domain::Timestamp;
use domain::alarm::{Alarm, Kind, Notice, Stage};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use std::time::Duration;

/// The partition of notices on their way.
pub(super) const OUTBOX: &str = "OUTBOX";
/// What the keys that sign begin with.
pub const SIGNING_PREFIX: &str = "whsec_";
/// Waits between attempts, milliseconds, as the Standard Webhooks specification proposes them.
const WAITS_MS: [i64; 9] =
    [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000];
/// How long whoever delivers a notice has it to themselves, milliseconds.
const LEASE_MS: i64 = 60_000;
/// How long one delivery may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Notices delivered by one sweep.
const AT_ONCE: usize = 50;
/// How long a row is kept at most, milliseconds: longer than all attempts together.
const KEPT_MS: i64 = 5 * DAY_MS;

/// Notices for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outgoing {
    /// The same at every attempt, so that receivers can tell a repetition.
    id: String,
    target: String,
    notices: Vec<Notice>,
    at: Timestamp,
    due: Timestamp,
    attempts: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Whether it arrived.
    pub arrived: bool,
    /// What the other side said, when it did not.
    pub error: Option<String>,
}

impl Outgoing {
    pub(super) fn new(target: &Target, notices: Vec<Notice>, now: Timestamp, random: u64) -> Self {
        let id = format!("{:015}{random:016x}", now.0);
        Self { id, target: target.name.clone(), notices, at: now, due: now, attempts: 0 }
    }

    fn key(&self) -> Key {
        key(OUTBOX, self.id.clone())
    }

    pub(super) fn row(&self, version: u64) -> Row {
        Row { expires: Some(self.at.plus_ms(KEPT_MS)), ..row(self.key(), version, text(self)) }
    }
}

/// One row for each target that wants any of these notices.
pub(super) fn rows(targets: &[Target], notices: &[Notice], now: Timestamp, random: impl Fn() -> u64) -> Vec<Row> {
    let each = targets.iter().map(|target| (target, wanted_by(target, notices)));
    each.filter(|(_, notices)| !notices.is_empty())
        .map(|(target, notices)| Outgoing::new(target, notices, now, random()).row(1))
        .collect()
}

impl Hub {
    /// Delivers the notices that are due.
    ///
    /// # Errors
    /// [`Error::Store`]. A target that does not answer is tried again later.
    pub async fn deliver_notices(&self) -> Result<(), Error> {
        let page = self.page(OUTBOX, "", None, AT_ONCE).await?;
        if page.rows.is_empty() {
            return Ok(());
        }
        let (settings, _) = self.alert_settings().await?;
        for row in &page.rows {
            let outgoing: Outgoing = records::body(row)?;
            if outgoing.due > self.clock.now() {
                continue;
            }
            match settings.targets.iter().find(|target| target.name == outgoing.target) {
                Some(target) => self.deliver_one(target, outgoing, row.version).await?,
                None => self.store.write(&[Change::Delete(row.key.clone(), Condition::Any)]).await?,
            }
        }
        Ok(())
    }

    async fn deliver_one(&self, target: &Target, mut outgoing: Outgoing, version: u64) -> Result<(), Error> {
        outgoing.due = self.clock.now().plus_ms(LEASE_MS);
        match self.store.write(&[Change::Put(outgoing.row(version + 1), Condition::Version(version))]).await {
            Ok(()) => {}
            // another process has it
            Err(StoreError::Conflict { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let done = match self.try_to_deliver(target, &outgoing).await {
            Ok(()) => Change::Delete(outgoing.key(), Condition::Any),
            Err(error) => {
                tracing::warn!(target = target.name, error, attempts = outgoing.attempts, "a notice did not arrive");
                self.later_or_never(target, outgoing, version + 2, &error).await?
            }
        };
        Ok(self.store.write(&[done]).await?)
    }

    async fn later_or_never(
        &self,
        target: &Target,
        mut outgoing: Outgoing,
        version: u64,
        error: &str,
    ) -> Result<Change, Error> {
        let attempts = usize::try_from(outgoing.attempts).unwrap_or(usize::MAX);
        let Some(wait) = WAITS_MS.get(attempts) else {
            let notices = serde_json::to_value(&outgoing.notices).unwrap_or_default();
            self.keep_own_act("alert given up", &target.name, notices, error.into()).await?;
            return Ok(Change::Delete(outgoing.key(), Condition::Any));
        };
        outgoing.attempts += 1;
        outgoing.due = self.clock.now().plus_ms(*wait);
        Ok(Change::Put(outgoing.row(version), Condition::Any))
    }

    /// Tries at once whether a target can be reached.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn test_target(&self, name: &str) -> Result<Delivery, Error> {
        let (settings, _) = self.alert_settings().await?;
        let target = settings.targets.iter().find(|target| target.name == name);
        let target = target.ok_or_else(|| Error::NotFound { what: "alert target", name: name.to_owned() })?;
        let now = self.clock.now();
        let text = "This is a test: alerts of this Evenstock hub arrive here.".to_owned();
        let alarm = Alarm { kind: Kind::Failing, subject: "test".into(), text };
        let notice = Notice { stage: Stage::Test, alarm, since: now };
        let outgoing = Outgoing::new(target, vec![notice], now, self.clock.random());
        let error = self.try_to_deliver(target, &outgoing).await.err();
        Ok(Delivery { arrived: error.is_none(), error })
    }

    async fn try_to_deliver(&self, target: &Target, outgoing: &Outgoing) -> Result<(), String> {
        if target.way == Way::Email {
            let mailer = self.mailer().ok_or("this hub has no mail server")?;
            let mail =
                Mail { to: target.to.clone(), subject: subject(&outgoing.notices), text: told(&outgoing.notices) };
            return mailer.send(&mail).await.map_err(|error| error.to_string());
        }
        let secrets = self.vault.get(ALERTS, false).await.map_err(|error| error.to_string())?.unwrap_or_default();
        let request = request(target, outgoing, &secrets, self.clock.now())?;
        let answer = self.http.send(request, PATIENCE).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answers {status}")) }
    }
}

fn request(
    target: &Target,
    outgoing: &Outgoing,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<channels::http::Request, String> {
    let secret =
        |field: &str| secrets.get(&format!("{}.{field}", target.name)).ok_or("its address is not in the vault");
    let body = match target.way {
        Way::Slack | Way::Email => json!({"text": told(&outgoing.notices)}).to_string(),
        Way::Webhook => {
            let data = serde_json::to_value(&outgoing.notices).unwrap_or_default();
            json!({"type": "alerts", "timestamp": now.0, "data": {"notices": data}}).to_string()
        }
    };
    let mut request = http::Request::post(secret("url")?.reveal()).header("content-type", "application/json");
    if target.way == Way::Webhook {
        let (id, seconds) = (format!("msg_{}", outgoing.id), now.seconds());
        let signature = signature(secret("secret")?.reveal(), &id, seconds, &body).ok_or("its key cannot be used")?;
        request = request
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature);
    }
    request.body(body.into_bytes().into()).map_err(|error| error.to_string())
}

/// The signature of a webhook, `v1,…`, by <https://github.com/standard-webhooks/standard-webhooks>; `None` when the key is no
/// base64 after [`SIGNING_PREFIX`].
#[must_use]
pub fn signature(key: &str, id: &str, seconds: i64, body: &str) -> Option<String> {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = base64.decode(key.strip_prefix(SIGNING_PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", base64.encode(mac.finalize().into_bytes())))
}

fn subject(notices: &[Notice]) -> String {
    match notices {
        [one] => format!("Evenstock: {}", headline(one)),
        several => format!("Evenstock: {} notices", several.len()),
    }
}

fn headline(notice: &Notice) -> String {
    let stage = match notice.stage {
        Stage::New => "",
        Stage::Again => "still ",
        Stage::Resolved => "over: ",
        Stage::Test => "test: ",
    };
    format!("{stage}{} {}", notice.alarm.subject, notice.alarm.kind.name())
}

fn told(notices: &[Notice]) -> String {
    let lines = notices.iter().map(|notice| format!("[{}] {}", headline(notice), notice.alarm.text));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(signature("MfKQ9r8G", "msg_1", 1, ""), None);
    }

    #[test]
    fn attempts_go_on_for_three_days_and_the_row_outlives_them() {
        let all: i64 = WAITS_MS.iter().sum();
        assert!((3 * DAY_MS..KEPT_MS).contains(&all), "{all}");
    }
}
