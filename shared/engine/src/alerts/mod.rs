//! Alarms and how people hear of them: by e-mail, by a Slack-compatible webhook, by a signed webhook of their own.
//!
//! Each sweep looks at every account (`watch`), compares what is wrong with what was, and puts what must be told into an
//! outbox, in one transaction with what is remembered: nothing is told twice because a process died, and nothing is forgotten.
//! The outbox is emptied by the same sweep (`outbox`) and tried again until it succeeds or is given up.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | settings | `HUB` | `ALERTS` |
//! | alarms that are on | `HUB` | `ALARMS` |
//! | SKUs that are oversold or low | `HUB` | `STOCKWATCH` |
//! | notice on its way (expires) | `OUTBOX` | `<time>#<random>` |
//!
//! Addresses of webhooks and what signs them are secrets (a Slack address is a key by itself): vault name [`ALERTS`].

mod outbox;
mod watch;

pub use outbox::{Delivery, SIGNING_PREFIX, signature};

use crate::hub::{Error, Hub};
use crate::ports::{Change, Condition, Key, Row};
use crate::records::{self, HUB, key, row, text};
use channels::Secret;
use domain::alarm::{Kind, Notice, Raised, Thresholds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The vault's name of the addresses of targets and of what signs.
pub const ALERTS: &str = "alerts";
/// Targets that a hub may have.
const TARGETS_MAX: usize = 20;
/// The longest name of a target.
const NAME_MAX: usize = 40;

/// How a target is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A mail.
    Email,
    /// A `{"text": …}` to an incoming webhook, as Slack, Mattermost and others take it.
    Slack,
    /// A signed webhook by the Standard Webhooks specification. <https://www.standardwebhooks.com/>
    Webhook,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// How.
    pub way: Way,
    /// The mail address, or the host of the webhook; its whole address is a secret.
    pub to: String,
    /// Only of these kinds; of all when empty.
    #[serde(default)]
    pub kinds: BTreeSet<Kind>,
}

impl Target {
    fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// A new target.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    /// Its name: a-z, 0-9 and -.
    pub name: String,
    /// How it is told.
    pub way: Way,
    /// A mail address, or the address of a webhook.
    pub to: Secret,
    /// Only of these kinds.
    #[serde(default)]
    pub kinds: BTreeSet<Kind>,
}

/// A target that was just added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddedTarget {
    /// The target.
    #[serde(flatten)]
    pub target: Target,
    /// What signs its webhooks, shown this once: `whsec_…`.
    pub secret: Option<Secret>,
}

/// The settings of a hub's alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Who is told.
    pub targets: Vec<Target>,
    /// Kinds of which nobody is told; they are shown all the same.
    pub muted: BTreeSet<Kind>,
    /// Minutes after which an alarm that is still on is told again.
    pub repeat_minutes: i64,
    /// From when on something is an alarm.
    pub thresholds: Thresholds,
}

impl Default for Settings {
    fn default() -> Self {
        Self { targets: Vec::new(), muted: BTreeSet::new(), repeat_minutes: 360, thresholds: Thresholds::default() }
    }
}

/// What to change. What is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsPatch {
    /// Kinds of which nobody is told.
    pub muted: Option<BTreeSet<Kind>>,
    /// Minutes after which an alarm that is still on is told again.
    pub repeat_minutes: Option<i64>,
    /// From when on something is an alarm.
    pub thresholds: Option<Thresholds>,
}

/// Alerts as people see them. No secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertsView {
    /// The settings.
    #[serde(flatten)]
    pub settings: Settings,
    /// What is wrong now.
    pub alarms: Vec<Raised>,
    /// Notices that are still on their way.
    pub waiting: u64,
    /// Whether this hub can send mail.
    pub can_mail: bool,
}

/// SKUs that may be oversold or low: looked at again before anybody is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StockWatch {
    /// The hub level fell below zero.
    pub oversold: BTreeSet<String>,
    /// Little was left at the last full comparison.
    pub low: BTreeSet<String>,
}

/// The alarms that are on, as a row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct On {
    raised: Vec<Raised>,
}

fn settings_key() -> Key {
    key(HUB, "ALERTS")
}

fn stock_key() -> Key {
    key(HUB, "STOCKWATCH")
}

fn alarms_key() -> Key {
    key(HUB, "ALARMS")
}

impl Hub {
    /// The settings, the alarms that are on, and what is still on its way.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn alerts(&self) -> Result<AlertsView, Error> {
        let (settings, _) = self.alert_settings().await?;
        let (on, _) = self.alarms_on().await?;
        let waiting = self.all_rows(outbox::OUTBOX, "").await?.len() as u64;
        Ok(AlertsView { settings, alarms: on.raised, waiting, can_mail: self.mailer().is_some() })
    }

    /// Changes the settings.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub async fn change_alerts(&self, patch: SettingsPatch) -> Result<AlertsView, Error> {
        let (mut settings, version) = self.alert_settings().await?;
        settings.muted = patch.muted.unwrap_or(settings.muted);
        settings.repeat_minutes = patch.repeat_minutes.unwrap_or(settings.repeat_minutes);
        settings.thresholds = patch.thresholds.unwrap_or(settings.thresholds);
        if !(5..=10_080).contains(&settings.repeat_minutes) {
            let given = settings.repeat_minutes;
            return Err(Error::Invalid(format!("repeat_minutes: {given} is not between 5 and 10080, a week")));
        }
        if let Some(problem) = settings.thresholds.problem() {
            return Err(Error::Invalid(problem));
        }
        self.put_alert_settings(&settings, version).await?;
        self.alerts().await
    }

    /// Adds a target; gives what signs its webhooks, this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field, [`Error::Conflict`] when the name is taken.
    pub async fn add_target(&self, new: NewTarget) -> Result<AddedTarget, Error> {
        let (mut settings, version) = self.alert_settings().await?;
        check_name(&new.name)?;
        if settings.targets.iter().any(|target| target.name == new.name) {
            return Err(Error::Conflict(format!("name: there is a target {} already; choose another name", new.name)));
        }
        if settings.targets.len() >= TARGETS_MAX {
            return Err(Error::Conflict(format!("a hub has at most {TARGETS_MAX} targets; remove some")));
        }
        let to = self.check_target(new.way, new.to.reveal())?;
        let secret = (new.way == Way::Webhook).then(|| self.signing_key());
        if new.way != Way::Email {
            let mut secrets = self.vault.get(ALERTS, true).await?.unwrap_or_default();
            secrets.insert(format!("{}.url", new.name), new.to);
            secrets.extend(secret.iter().map(|secret| (format!("{}.secret", new.name), secret.clone())));
            self.vault.put(ALERTS, &secrets).await?;
        }
        let target = Target { name: new.name, way: new.way, to, kinds: new.kinds };
        settings.targets.push(target.clone());
        self.put_alert_settings(&settings, version).await?;
        Ok(AddedTarget { target, secret })
    }

    /// Removes a target; what is still on its way to it is dropped.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_target(&self, name: &str) -> Result<Target, Error> {
        let (mut settings, version) = self.alert_settings().await?;
        let place = settings.targets.iter().position(|target| target.name == name);
        let place = place.ok_or_else(|| Error::NotFound { what: "alert target", name: name.to_owned() })?;
        let target = settings.targets.remove(place);
        self.put_alert_settings(&settings, version).await?;
        let mut secrets = self.vault.get(ALERTS, true).await?.unwrap_or_default();
        let before = secrets.len();
        secrets.retain(|field, _| field.rsplit_once('.').is_none_or(|(owner, _)| owner != name));
        if secrets.len() < before {
            self.vault.put(ALERTS, &secrets).await?;
        }
        Ok(target)
    }

    fn check_target(&self, way: Way, to: &str) -> Result<String, Error> {
        if way == Way::Email {
            let wrong = || Error::Invalid(format!("to: {to:?} is not a mail address"));
            let (name, host) = to.rsplit_once('@').ok_or_else(wrong)?;
            let plain = to.len() <= 254 && to.chars().all(|letter| letter.is_ascii_graphic());
            if !plain || name.is_empty() || !host.contains('.') || to.contains([',', ';', '<', '>', '"']) {
                return Err(wrong());
            }
            if self.mailer().is_none() {
                return Err(Error::Invalid(
                    "way: this hub has no mail server; start it with one, see OPERATIONS.md".into(),
                ));
            }
            return Ok(to.to_owned());
        }
        if !self.config.allow_insecure_endpoints {
            crate::endpoint::check(to).map_err(|problem| Error::Invalid(format!("to: {problem}")))?;
        }
        let uri: http::Uri =
            to.parse().map_err(|_| Error::Invalid("to: it is not an address; use https://host/path".into()))?;
        uri.host().map(str::to_owned).ok_or_else(|| Error::Invalid("to: the address names no host".into()))
    }

    pub(crate) async fn alert_settings(&self) -> Result<(Settings, u64), Error> {
        match self.store.get(&[settings_key()]).await?.pop().flatten() {
            Some(row) => Ok((records::body(&row)?, row.version)),
            None => Ok((Settings::default(), 0)),
        }
    }

    async fn put_alert_settings(&self, settings: &Settings, version: u64) -> Result<(), Error> {
        let row = row(settings_key(), version + 1, text(settings));
        Ok(self.store.write(&[Change::Put(row, since(version))]).await?)
    }

    async fn alarms_on(&self) -> Result<(On, u64), Error> {
        match self.store.get(&[alarms_key()]).await?.pop().flatten() {
            Some(row) => Ok((records::body(&row)?, row.version)),
            None => Ok((On::default(), 0)),
        }
    }

    /// What signs a target's webhooks: 256 random bits.
    fn signing_key(&self) -> Secret {
        use base64::Engine as _;
        let bytes: Vec<u8> = (0..4).flat_map(|_| self.clock.random().to_be_bytes()).collect();
        Secret::new(format!("{SIGNING_PREFIX}{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
    }
}

/// The condition that nobody has written a row since it was read.
const fn since(version: u64) -> Condition {
    if version == 0 { Condition::Absent } else { Condition::Version(version) }
}

fn alarms_row(on: &On, version: u64) -> Row {
    row(alarms_key(), version, text(on))
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        return Err(Error::Invalid(format!("name: {name:?} is not valid; use a-z, 0-9 and -, at most {NAME_MAX}")));
    }
    Ok(())
}

/// The notices that a target wants.
fn wanted_by(target: &Target, notices: &[Notice]) -> Vec<Notice> {
    notices.iter().filter(|notice| target.wants(notice.alarm.kind)).cloned().collect()
}
