//! Stock feeds: files at an address that are fetched on a schedule, such as a supplier's list. (Not the movement feed of a
//! store.)
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | stock feed | `HUB` | `FEED#<name>` |
//!
//! The secret that an address may want is in the vault, under `account/feed.<name>`: no account can have that name, and who
//! may read the accounts' secrets may read it.

use crate::contest::{ATTEMPTS, made};
use crate::hub::{Error, Hub};
use crate::ports::{Change, Condition, Key, Row};
use crate::records::{self, HUB};
use crate::runs::{Fault, ImportReport, Job, Run};
use crate::stock::{Amount, Mode, checked};
use crate::table::{Columns, Format};
use channels::{Secret, Secrets};
use domain::{AccountId, Timestamp, WarehouseId};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// A stock feed, as a person sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockFeed {
    /// Its name: a-z, 0-9, - and _.
    pub name: String,
    /// Where it is; https.
    pub url: String,
    /// How it is written.
    #[serde(default)]
    pub format: Format,
    /// Which columns hold what.
    #[serde(default)]
    pub columns: Columns,
    /// What its quantities mean.
    #[serde(default)]
    pub mode: Mode,
    /// Whose stock it is, where a line does not say; the main warehouse if absent, or the only one that has a level.
    #[serde(default)]
    pub warehouse: Option<WarehouseId>,
    /// Minutes from one fetch to the next, 5 to 10080; `None`: only when asked.
    #[serde(default)]
    pub every_minutes: Option<u32>,
    /// The name of the header that carries its secret, such as `authorization`.
    #[serde(default)]
    pub header: Option<String>,
    /// SKUs of the hub that the feed does not name get zero. Never without the mass-zero guard.
    #[serde(default)]
    pub missing_means_zero: bool,
    /// Not fetched by the schedule for now.
    #[serde(default)]
    pub paused: bool,
}

/// A stock feed with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockFeedView {
    /// Its settings.
    pub feed: StockFeed,
    /// Whether its secret is in the vault.
    #[serde(default)]
    pub has_secret: bool,
    /// When it is fetched next.
    #[serde(default)]
    pub next: Option<Timestamp>,
    /// Its last fetch.
    #[serde(default)]
    pub last: Option<FeedResult>,
}

/// What became of a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedResult {
    /// Its run.
    pub run: String,
    /// When it ended.
    pub at: Timestamp,
    /// What the lines did, if it came so far.
    #[serde(default)]
    pub report: Option<ImportReport>,
    /// Why it did nothing.
    #[serde(default)]
    pub error: Option<String>,
    /// The first lines that could not be done.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// How many there were.
    #[serde(default)]
    pub faults_total: u64,
}

/// Stock feeds of one hub.
const FEEDS_MAX: usize = 100;
/// The shortest and the longest time between two fetches, minutes.
const EVERY: std::ops::RangeInclusive<u32> = 5..=10_080;
/// Lines kept with the last result.
const FAULTS_KEPT: usize = 50;
impl StockFeedView {
    fn key(name: &str) -> Key {
        Key { pk: HUB.into(), sk: format!("FEED#{name}") }
    }

    fn row(&self, version: u64) -> Row {
        let body = serde_json::to_string(self).unwrap_or_default();
        Row { key: Self::key(&self.feed.name), version, body, expires: None, index: None }
    }
}

impl StockFeed {
    fn check(&self) -> Result<(), Error> {
        // the same letters as an account: they are part of keys and of the vault's names
        AccountId::new(&*self.name).map_err(|error| Error::Invalid(format!("name: {}", error.problem)))?;
        if self.every_minutes.is_some_and(|minutes| !EVERY.contains(&minutes)) {
            let (least, most) = (EVERY.start(), EVERY.end());
            return Err(Error::Invalid(format!("every_minutes: use {least} to {most}, or leave it out")));
        }
        if let Some(header) = &self.header {
            HeaderName::try_from(header)
                .map_err(|_| Error::Invalid(format!("header: {header:?} is no name of an HTTP header")))?;
        }
        if self.missing_means_zero && self.mode != Mode::Set {
            return Err(Error::Invalid("missing_means_zero: only a feed of mode \"set\" names every SKU".into()));
        }
        checked(Amount::Set(0), &self.reason()).map(drop)
    }

    /// The reason of its edits.
    pub(crate) fn reason(&self) -> String {
        format!("Stock feed {}", self.name)
    }

    /// When it is fetched next, from the last time.
    fn next(&self, from: Timestamp) -> Option<Timestamp> {
        let minutes = self.every_minutes.filter(|_| !self.paused)?;
        Some(from.plus_ms(i64::from(minutes) * 60_000))
    }
}

impl Hub {
    /// Sets a stock feed, a new one or one that is there; a secret that is not given stays.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub async fn put_feed(&self, feed: StockFeed, secret: Option<Secret>) -> Result<StockFeedView, Error> {
        feed.check()?;
        self.check_feed_url(&feed.url)?;
        self.check_warehouse(feed.warehouse.as_ref()).await?;
        let former = match self.feed_row(&feed.name).await {
            Ok((view, _)) => Some(view),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        if former.is_none() && self.list_feeds().await?.len() >= FEEDS_MAX {
            return Err(Error::Invalid(format!("name: there are {FEEDS_MAX} feeds already; remove one first")));
        }
        if let Some(secret) = &secret {
            HeaderValue::try_from(secret.reveal())
                .map_err(|_| Error::Invalid("secret: an HTTP header cannot carry it".into()))?;
            if feed.header.is_none() {
                return Err(Error::Invalid("header: name the header that carries the secret".into()));
            }
            self.vault.put(&vault_name(&feed.name), &Secrets::from([(SECRET.to_owned(), secret.clone())])).await?;
        }
        let former_secret = former.as_ref().is_some_and(|view| view.has_secret);
        let view = StockFeedView {
            has_secret: secret.is_some() || former_secret,
            next: feed.next(self.clock.now()),
            last: former.and_then(|view| view.last),
            feed,
        };
        self.store.write(&[Change::Put(view.row(1), Condition::Any)]).await?;
        Ok(view)
    }

    /// All stock feeds.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_feeds(&self) -> Result<Vec<StockFeedView>, Error> {
        let rows = self.all_rows(HUB, "FEED#").await?;
        Ok(rows.iter().map(records::body).collect::<Result<_, _>>()?)
    }

    /// One stock feed.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show_feed(&self, name: &str) -> Result<StockFeedView, Error> {
        Ok(self.feed_row(name).await?.0)
    }

    /// Removes a stock feed with its secret. What it counted stays counted.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn drop_feed(&self, name: &str) -> Result<(), Error> {
        self.feed_row(name).await?;
        self.store.write(&[Change::Delete(StockFeedView::key(name), Condition::Any)]).await?;
        Ok(self.vault.delete(&vault_name(name)).await?)
    }

    /// Fetches a stock feed now, as a run. `believe` overrules the mass-zero guard.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn fetch_feed(&self, name: &str, dry_run: bool, believe: bool, actor: &str) -> Result<Run, Error> {
        self.feed_row(name).await?;
        self.start_run(Job::Feed { name: name.to_owned(), dry_run, believe }, actor).await
    }

    /// Starts the stock feeds that are due.
    pub(crate) async fn sweep_feeds(&self) -> Result<(), Error> {
        let now = self.clock.now();
        for view in self.list_feeds().await? {
            let (Some(due), name) = (view.next, &view.feed.name) else { continue };
            if due > now || !self.claim_feed(name, due).await? {
                continue;
            }
            if let Err(error) = self.fetch_feed(name, false, false, "schedule").await {
                tracing::warn!(feed = %name, %error, "stock feed not started");
            }
        }
        Ok(())
    }

    /// Moves a feed's next time on; `false` when somebody else did.
    async fn claim_feed(&self, name: &str, due: Timestamp) -> Result<bool, Error> {
        let (mut view, version) = self.feed_row(name).await?;
        if view.next != Some(due) {
            return Ok(false);
        }
        view.next = view.feed.next(self.clock.now());
        made(self.store.write(&[Change::Put(view.row(version + 1), Condition::Version(version))]).await)
    }

    /// Keeps what became of a fetch; a feed that is gone in the meantime needs none.
    pub(crate) async fn note_feed(&self, name: &str, mut result: FeedResult) -> Result<(), Error> {
        result.faults.truncate(FAULTS_KEPT);
        for _ in 0..ATTEMPTS {
            let (mut view, version) = match self.feed_row(name).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            view.last = Some(result.clone());
            if made(self.store.write(&[Change::Put(view.row(version + 1), Condition::Version(version))]).await)? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn feed_row(&self, name: &str) -> Result<(StockFeedView, u64), Error> {
        let row = self.store.get(&[StockFeedView::key(name)]).await?.into_iter().next().flatten();
        let row = row.ok_or_else(|| Error::NotFound { what: "stock feed", name: name.to_owned() })?;
        Ok((records::body(&row)?, row.version))
    }

    /// The secret of a feed's header.
    pub(crate) async fn feed_secret(&self, name: &str) -> Result<Option<Secret>, Error> {
        let secrets = self.vault.get(&vault_name(name), true).await?;
        Ok(secrets.and_then(|secrets| secrets.get(SECRET).cloned()))
    }

    /// Refuses an address that is not public and encrypted. This machine's own is allowed where stores' are.
    pub(crate) fn check_feed_url(&self, url: &str) -> Result<(), Error> {
        if self.config.allow_insecure_endpoints && is_here(url) {
            return Ok(());
        }
        crate::endpoint::check(url).map_err(|problem| Error::Invalid(format!("url: {problem}")))
    }
}

const SECRET: &str = "secret";

/// The vault's name of a feed's secret.
pub(crate) fn vault_name(feed: &str) -> String {
    format!("account/feed.{feed}")
}

fn is_here(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_excepted() {
        assert!(is_here("http://127.0.0.1:8000/list.csv") && is_here("http://[::1]/") && is_here("http://localhost/"));
        assert!(!is_here("http://10.0.0.1/") && !is_here("http://127.0.0.1.example.com/") && !is_here("nonsense"));
    }
}
