//! The contract of a channel. `docs/CHANNELS.md` says how to add one; the conformance suite in `tests` checks each.

use crate::hooks::{Unwatched, Watch};
use crate::{Clock, Error, ErrorKind, Http, Secret, Secrets, Tokens};
use ::http::HeaderMap;
use async_trait::async_trait;
use domain::{AccountId, Capabilities, LocationId, Movement, Order, OrderId, Position, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One field of a channel's settings form.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Setting {
    /// The field's name in the account's settings or secrets.
    pub name: &'static str,
    /// What the form shows.
    pub title: &'static str,
    /// Where a person finds the value.
    pub help: &'static str,
    /// Whether it goes to the vault.
    pub secret: bool,
    /// Whether an account can be added without it.
    pub required: bool,
    /// The value it starts with.
    pub default: Option<&'static str>,
    /// What may be chosen, each with what it means; empty where it is free.
    pub choices: &'static [(&'static str, &'static str)],
}

/// The choices of a setting that is switched on or off.
pub(crate) const NO_OR_YES: &[(&str, &str)] = &[("no", "no"), ("yes", "yes")];

/// What a channel says about itself.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// The name in settings and commands.
    pub name: &'static str,
    /// The name that people read.
    pub title: &'static str,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The settings form.
    pub settings: &'static [Setting],
    /// Settings of other channels that make no sense here, each with the reason.
    pub settings_refused: &'static [(&'static str, &'static str)],
    /// Calls per second that a store allows for long, and how many at once.
    pub rate_per_second: f64,
    /// How many calls may be made at once after a pause.
    pub burst: u32,
    /// After how many days its credentials end, where they do.
    pub credential_days: Option<u32>,
    /// Whether it was tried on a real store.
    pub tried_live: bool,
    /// Whether the engine does all that it needs. An account of one that is not ready is refused, but by a hub that may reach
    /// fakes.
    pub ready: bool,
}

/// What a call needs: whose store, with which keys, over which network, at what time.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// Its settings by field name.
    pub settings: &'a BTreeMap<String, String>,
    /// Its secrets by field name.
    pub secrets: &'a Secrets,
    /// Its short-lived access tokens, while this process lives. Forgotten when the store answers 401.
    pub tokens: &'a Tokens,
    /// The network.
    pub http: &'a dyn Http,
    /// The time.
    pub clock: &'a dyn Clock,
    /// The longest that one request may take.
    pub timeout: Duration,
}

/// Who the credentials belong to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// The store's name or number, as its own API gives it.
    pub store: String,
    /// Endpoints that the credentials may not use, with what will not work without them.
    pub refused: Vec<String>,
    /// Whether levels can be read and written: without, the account is of no use.
    pub usable: bool,
    /// Whether the movement feed can be read.
    pub feed: bool,
}

/// What kind of thing holds a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// A product, a variation, or the like.
    Simple,
    /// Made of other units; never written.
    Bundle,
    /// Kept and sent by the platform itself; never written.
    Hosted,
}

/// A place in a store that holds stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The store's own id of it.
    pub id: LocationId,
    /// What people call it.
    pub name: String,
    /// Whether stock may be kept there now.
    pub active: bool,
}

/// One thing in a store that may hold stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The store's own id of it, unique in the account together with the location.
    pub external: String,
    /// Its SKU; `None` when it has none and therefore holds no tracked stock.
    pub sku: Option<Sku>,
    /// Where.
    pub location: LocationId,
    /// Its level; `None` when the store does not know one. Unknown is not zero.
    pub level: Option<i64>,
    /// What people call it.
    pub title: String,
    /// Whether it is on sale.
    pub active: bool,
    /// Whether it may be written.
    pub kind: UnitKind,
}

/// A page of a long list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// A page of the units of an account.
pub type Levels = Page<Unit>;
/// A page of orders.
pub type Orders = Page<Order>;

/// A stretch of the movement feed, oldest first.
#[derive(Debug, Clone)]
pub struct Movements {
    /// The entries after the position asked for, in order.
    pub entries: Vec<Movement>,
    /// The position up to which the feed is now known: the greatest id seen, or the one asked for.
    pub upto: Position,
    /// Whether more was there than was read (page limit); ask again from `upto`.
    pub more: bool,
    /// Whether entries may be missing before the first one (the log no longer reaches back that far).
    pub gap: bool,
}

/// A write of one listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// The store's own id of the unit.
    pub external: String,
    /// The level that we believe the store to have.
    pub from: i64,
    /// The level that it shall have.
    pub to: i64,
    /// The idempotency key, derived from SKU, listing and sequence.
    pub key: String,
}

/// What became of a write.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The store has it.
    Applied,
    /// The store took it and will tell later; a read must confirm.
    Accepted,
    /// The store's level was not `from`; nothing was changed.
    Stale,
    /// Nothing was changed; the error says why and whether to try again.
    Refused(Error),
    /// Nobody can say whether it took effect.
    Unknown(Error),
}

/// What a look at a listing says of a write, before it becomes a row of a big call.
#[derive(Debug, Clone)]
pub enum Fit {
    /// It may be made. The text comes back with [`Channel::submit`]: whatever the channel wants to know then.
    Good(String),
    /// It must not be made, or cannot now.
    Not(Error),
}

/// What became of a gathered call that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The store took all of it, and calls it by this name.
    Taken(String),
    /// The store allows none before this much time has passed.
    Wait(Duration),
    /// None is carried out for now, for this reason: its rows must go one by one.
    Blocked(String),
}

/// An incoming webhook, before anything in it is believed.
#[derive(Debug, Clone, Copy)]
pub struct Hook<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its raw bytes.
    pub body: &'a [u8],
}

/// What a webhook says to look at. Identities only, never quantities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Touch {
    /// This SKU.
    Sku(Sku),
    /// The SKUs of this unit, by the store's own id.
    External(String),
    /// The SKUs of this order.
    Order(OrderId),
    /// Whatever is new in the feed.
    Feed,
}

/// A verified webhook, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A handshake: answer with this body as `text/plain`, enqueue nothing.
    Answer(String),
    /// Something may have changed.
    Touched {
        /// The store's id of the event, for dropping repeats at the edge.
        event: Option<String>,
        /// What to look at.
        touches: Vec<Touch>,
        /// The level that it claims for the one thing that it touches, where no sale is said to have caused it. It is never counted:
        /// it only tells what may be the echo of a write of ours from what cannot.
        claims: Option<Claimed>,
    },
    /// Nothing that concerns stock; the reason is counted.
    Ignored(String),
}

/// A level that a webhook claims. Only of what the platform tells by a webhook for each change, built when it happened or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The level.
    pub level: i64,
    /// Where, if the webhook says so; else the account's only listing is meant.
    pub location: Option<LocationId>,
    /// When what it tells of happened, by the store: the same for all tries of one webhook.
    pub at: Option<Timestamp>,
}

impl Claimed {
    /// A level of which nothing else is said.
    #[must_use]
    pub const fn level(level: i64) -> Self {
        Self { level, location: None, at: None }
    }
}

/// An event that came over a queue or a bus of the merchant's own, which nobody else can write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The store's name of the account: the value of [`Channel::event_owner`]'s setting.
    pub owner: String,
    /// What it says.
    pub delivery: Delivery,
}

impl Subscription {
    /// Other hubs to which a store's webhooks lead: two hubs that write one store would overwrite each other. `urls` are the
    /// addresses of all webhooks that can be seen, `ours` is our own. Each hub listens at `…/webhooks/{account}`.
    #[must_use]
    pub fn of_other_hubs<'a>(urls: impl Iterator<Item = &'a str>, ours: &str) -> Vec<Self> {
        let is_hub = |url: &&str| {
            let mut path = url.rsplit('/');
            let (account, folder) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
            folder == "webhooks" && AccountId::new(account).is_ok()
        };
        let others: BTreeSet<&str> = urls.filter(|url| *url != ours).filter(is_hub).collect();
        let found = |url: &str| Self {
            topic: url.to_owned(),
            state: SubscriptionState::AnotherHub,
            required: false,
            note: "another hub, or this one at a former address; only one hub may write a store".into(),
            remedy: "If it is this hub's former address, remove that webhook in the store.".into(),
        };
        others.into_iter().map(found).collect()
    }
}

/// Whether a hub does something about a webhook that names an order and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderHooks {
    /// It does.
    Wanted,
    /// It does not: what an order moves is told by other webhooks and by the feed.
    Unwanted,
}

/// The state of one of our webhooks in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubscriptionState {
    /// Its turn comes.
    Waiting,
    /// The store is being asked.
    Asking,
    /// It was in order.
    Active,
    /// It was missing and has been created.
    Created,
    /// The store had disabled it and it has been enabled again.
    Reenabled,
    /// It exists and the store has not verified it.
    Unverified,
    /// The store refuses it.
    Refused,
    /// It is not ours: it leads to another hub, or to this one at an address that it had.
    AnotherHub,
}

impl SubscriptionState {
    /// Whether webhooks come.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Active | Self::Created | Self::Reenabled => true,
            Self::Waiting | Self::Asking | Self::Unverified | Self::Refused | Self::AnotherHub => false,
        }
    }

    /// Whether nobody knows yet: it is being put in order.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Waiting | Self::Asking)
    }
}

/// One of our webhooks in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The topic.
    pub topic: String,
    /// Its state.
    pub state: SubscriptionState,
    /// Whether syncing within seconds depends on it.
    pub required: bool,
    /// What the store said, when it refused.
    pub note: String,
    /// What a person can do about it; empty when nothing is to be done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// A sales channel. Every method is one idempotent step; none retries, none keeps state.
#[async_trait]
pub trait Channel: Send + Sync {
    /// What the channel says about itself.
    fn info(&self) -> &'static Info;

    /// Checks settings and secrets for form before anything is sent.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Configuration`], naming the field and what to do.
    fn check(&self, settings: &BTreeMap<String, String>, secrets: &Secrets) -> Result<(), Error>;

    /// Whether these settings say that an order which is not paid for holds no stock yet: it is listed as
    /// [`domain::OrderState::Unpaid`], and asked for again until it is paid for or called off.
    fn waits_for_payment(&self, _settings: &BTreeMap<String, String>) -> bool {
        false
    }

    /// Which of the given webhook secrets signed these bytes. Constant time, before parsing, fail closed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Signature`].
    fn verify(&self, hook: Hook<'_>, secrets: &[Secret]) -> Result<usize, Error>;

    /// The names of the secret fields that may sign webhooks, the current one first.
    fn signing_secrets(&self) -> &'static [&'static str];

    /// Reads a webhook that [`Channel::verify`] has accepted; `signer` is the secret that signed it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Malformed`] when nothing can ever come of it.
    fn read_hook(&self, hook: Hook<'_>, signer: &Secret) -> Result<Delivery, Error>;

    /// The setting by which an event of a queue or a bus names its account; `None` where stores send none.
    fn event_owner(&self) -> Option<&'static str> {
        None
    }

    /// Reads an event of a queue or a bus. It is not signed: only the platform may write there.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Malformed`] when it is none of this channel's.
    fn read_event(&self, _body: &[u8]) -> Result<Event, Error> {
        Err(Error::new(ErrorKind::Malformed, format!("{} sends no events by queue", self.info().title)))
    }

    /// Whether, with these settings, a write to a location that does not stock the unit yet stocks it there. Its level there
    /// is then zero, not unknown.
    fn stocks_on_write(&self, _settings: &BTreeMap<String, String>) -> bool {
        false
    }

    /// Asks the store who we are, and which endpoints we may use. Harmless.
    ///
    /// # Errors
    /// What the store said.
    async fn identify(&self, session: Session<'_>) -> Result<Identity, Error>;

    /// One page of the places that hold stock. A channel without locations has one.
    ///
    /// # Errors
    /// What the store said.
    async fn locations(&self, _session: Session<'_>, _page: Option<String>) -> Result<Page<Location>, Error> {
        let only = Location { id: LocationId::single(), name: self.info().title.into(), active: true };
        Ok(Page { rows: vec![only], next: None })
    }

    /// One page of all units of the account, with levels.
    ///
    /// # Errors
    /// What the store said.
    async fn units(&self, session: Session<'_>, page: Option<String>) -> Result<Levels, Error>;

    /// The units behind one of the store's own ids, with levels. Empty when it is gone.
    ///
    /// # Errors
    /// What the store said.
    async fn unit(&self, session: Session<'_>, external: &str) -> Result<Vec<Unit>, Error>;

    /// The levels of some listings, freshly read, in the order asked for. `None` where the store knows none.
    ///
    /// # Errors
    /// What the store said; then no level is known.
    async fn levels(
        &self,
        session: Session<'_>,
        listings: &[(Sku, LocationId, String)],
    ) -> Result<Vec<Option<i64>>, Error>;

    /// The newest position of the movement feed.
    ///
    /// # Errors
    /// What the store said.
    async fn feed_head(&self, session: Session<'_>) -> Result<Position, Error>;

    /// Movements after `since`.
    ///
    /// # Errors
    /// What the store said; [`crate::ErrorKind::Forbidden`] when these credentials may not read the feed.
    async fn movements(&self, session: Session<'_>, since: Position) -> Result<Movements, Error>;

    /// Orders by id. One that the store does not (yet) show is left out.
    ///
    /// # Errors
    /// What the store said.
    async fn orders(&self, session: Session<'_>, ids: &[OrderId]) -> Result<Vec<Order>, Error>;

    /// One page of the orders placed at or after `since`.
    ///
    /// # Errors
    /// What the store said.
    async fn orders_since(&self, session: Session<'_>, since: Timestamp, page: Option<String>)
    -> Result<Orders, Error>;

    /// Writes up to [`Capabilities::max_writes`] listings. One outcome per write, in order.
    async fn write(&self, session: Session<'_>, writes: &[Write]) -> Vec<Outcome>;

    /// Looks whether writes may become rows of a big call, which is carried out as a whole. One answer per write, in order.
    async fn inspect(&self, _session: Session<'_>, writes: &[Write]) -> Vec<Fit> {
        writes.iter().map(|_| Fit::Good(String::new())).collect()
    }

    /// Makes one call of all these rows, up to [`domain::capability::Bulk::most`], that were inspected before. The same rows in
    /// the same order are the same call, under the same key, however often it is made; a single row is the call that
    /// [`Channel::write`] makes of it. Nothing is left out and nothing is checked again, as that would be another call.
    /// [`Outcome::Stale`] for a row says that this call did nothing to it and never will.
    async fn write_call(&self, session: Session<'_>, rows: &[Write]) -> Vec<Outcome> {
        self.write(session, rows).await
    }

    /// Hands a gathered call over, with what [`Channel::inspect`] said of each row. The store carries it out later.
    ///
    /// # Errors
    /// What the store said. With [`crate::Effect::Unknown`] it may have been taken: ask [`Channel::find_submission`].
    async fn submit(&self, _session: Session<'_>, _rows: &[(Write, String)]) -> Result<Submitted, Error> {
        Err(Error::new(ErrorKind::Invalid, format!("{} takes no gathered calls", self.info().title)))
    }

    /// The store's name of a gathered call that was handed over at or after `since`, of whose handing over nothing was heard.
    ///
    /// # Errors
    /// What the store said.
    async fn find_submission(&self, _session: Session<'_>, _since: Timestamp) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// Makes sure that our webhooks exist at `url`, are enabled and verified.
    ///
    /// # Errors
    /// What the store said, when not even the list could be had.
    async fn subscribe(&self, session: Session<'_>, url: &str) -> Result<Vec<Subscription>, Error> {
        self.subscribe_watched(session, url, OrderHooks::Wanted, &Unwatched).await
    }

    /// The same; `watch` is shown all of them whenever one of them has moved on. Where the hub needs none for orders, a channel whose
    /// stock has webhooks of its own asks for none, and removes those of ours that there are.
    ///
    /// # Errors
    /// What the store said, when not even the list could be had.
    async fn subscribe_watched(
        &self,
        session: Session<'_>,
        url: &str,
        orders: OrderHooks,
        watch: &dyn Watch,
    ) -> Result<Vec<Subscription>, Error>;

    /// Removes our webhooks at `url`.
    ///
    /// # Errors
    /// What the store said.
    async fn unsubscribe(&self, session: Session<'_>, url: &str) -> Result<(), Error>;
}
