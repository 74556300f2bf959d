//! The hub: the ports, the settings, and what every use case needs of them.

use crate::budget::Budgets;
use crate::directory::Directory;
use crate::echo::Glanced;
use crate::health::Notes;
use crate::last_day::Counting;
use crate::levels::SeenAt;
use crate::moving::{Standstill, Why};
use crate::ports::{Clock, Http, Mailer, Page, Query, Queue, Row, Store, StoreError, Vault, VaultError};
use crate::records::{self, Account, HUB, Health, StoreLocation, Unreadable};
use crate::repeats::Events;
use crate::settings::{self, Defaults};
use crate::standings::Standings;
use crate::units::Units;
use channels::{Channel, Secrets, Session, Tokens};
use domain::{AccountId, LocationId, Timestamp, fight, guard};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Settings of the hub itself.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where stores reach our webhooks, without a slash at the end; `None` while nothing can.
    pub public_url: Option<String>,
    /// Whether accounts may be reached without TLS or on this machine (tests and demo only).
    pub allow_insecure_endpoints: bool,
    /// The longest that one call to a store may take.
    pub call_timeout: Duration,
    /// How long a claim protects a push: longer than the function's timeout plus a call (rule R3).
    pub lease: Duration,
    /// How long one run may work before it leaves the rest for later.
    pub deadline: Duration,
    /// When the mass-zero guard stops believing a store.
    pub guard: guard::Limits,
    /// When another writer is taken for one.
    pub fight: fight::Limits,
    /// How long account settings may be cached: the time until a pause is respected everywhere.
    pub account_cache: Duration,
    /// What is spared at the door.
    pub door: Door,
}

/// What is spared where webhooks are taken, for hubs that pay for each message, run and read. Nothing, unless told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Door {
    /// Whether an order's webhook calls nobody where the store has a webhook and a feed for the stock that the order moves.
    pub orders_wait: bool,
    /// For how long a ledger that was looked at serves to recognise echoes: one change makes one in each store.
    pub echo_memory: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            allow_insecure_endpoints: false,
            call_timeout: Duration::from_secs(8),
            lease: Duration::from_secs(75),
            deadline: Duration::from_secs(20),
            guard: guard::Limits::default(),
            fight: fight::Limits::default(),
            account_cache: Duration::from_secs(5),
            door: Door::default(),
        }
    }
}

/// Why a use case did not do it. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the person asked for cannot be done; the message names the field and what to do.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is there already, or has changed in the meantime.
    #[error("{0}")]
    Conflict(String),
    /// A store's answer.
    #[error("the store of account {account} says: {source}")]
    Channel {
        /// The account.
        account: AccountId,
        /// What it said.
        source: channels::Error,
    },
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] crate::ports::QueueError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A row that this version cannot read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Error {
    /// How long a call would have to wait that only our own count of what the store allows held back.
    #[must_use]
    pub const fn out_of_turn(&self) -> Option<Duration> {
        if let Self::Channel { source, .. } = self { source.out_of_turn() } else { None }
    }

    /// Whether only our own count of what the store allows held a call back.
    #[must_use]
    pub const fn is_out_of_turn(&self) -> bool {
        self.out_of_turn().is_some()
    }
}

/// An account with all that a call to its store needs.
#[derive(Clone)]
pub struct Connected {
    /// The account.
    pub account: Account,
    /// Its health as last stored, with the row's version.
    pub health: (Health, u64),
    /// Its channel.
    pub channel: &'static dyn Channel,
    /// Its locations, as far as the store has told of them or a person has decided about them.
    pub locations: Arc<BTreeMap<LocationId, StoreLocation>>,
    /// What is set for the hub, for accounts and for groups.
    pub defaults: Arc<Defaults>,
}

/// The levels that an account's last comparison saw, and when they were looked up.
type Stocked = (Timestamp, Arc<SeenAt>);

/// The accounts as last read.
#[derive(Clone)]
struct Remembered {
    at: Timestamp,
    accounts: Accounts,
    /// Whether they were read as they were, not as they were a moment before.
    exact: bool,
}

/// All accounts at one moment.
pub type Accounts = Arc<BTreeMap<AccountId, Connected>>;

/// The hub.
pub struct Hub {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// Messages.
    pub queue: Arc<dyn Queue>,
    /// Secrets.
    pub vault: Arc<dyn Vault>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Settings.
    pub config: Config,
    pub(crate) http: Arc<dyn Http>,
    mailer: OnceLock<Arc<dyn Mailer>>,
    pub(crate) budgets: Budgets,
    pub(crate) notes: Notes,
    channels: &'static [&'static dyn Channel],
    cache: Mutex<Option<Remembered>>,
    /// When signing secrets were last read past the vault's memory.
    asked_afresh: Mutex<Timestamp>,
    tokens: Mutex<BTreeMap<AccountId, Arc<Tokens>>>,
    backlogs: Mutex<BTreeMap<AccountId, Timestamp>>,
    still: Mutex<Option<Why>>,
    pub(crate) directory: Directory,
    pub(crate) standings: Standings,
    pub(crate) glanced: Glanced,
    pub(crate) events: Events,
    pub(crate) units: Units,
    pub(crate) counting: Counting,
    crowds: Mutex<BTreeMap<AccountId, Timestamp>>,
    stocked: Mutex<BTreeMap<AccountId, Stocked>>,
}

impl Hub {
    /// A hub over these ports, with every registered channel.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        queue: Arc<dyn Queue>,
        vault: Arc<dyn Vault>,
        http: Arc<dyn Http>,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Self {
        let channels = channels::registry::CHANNELS;
        Self {
            store,
            queue,
            vault,
            clock,
            config,
            http,
            mailer: OnceLock::new(),
            budgets: Budgets::default(),
            notes: Notes::default(),
            channels,
            cache: Mutex::default(),
            asked_afresh: Mutex::new(Timestamp(0)),
            tokens: Mutex::default(),
            backlogs: Mutex::default(),
            still: Mutex::default(),
            directory: Directory::default(),
            standings: Standings::default(),
            glanced: Glanced::default(),
            events: Events::default(),
            units: Units::default(),
            counting: Counting::default(),
            crowds: Mutex::default(),
            stocked: Mutex::default(),
        }
    }

    /// Gives the hub a mail server; the first one stays.
    pub fn use_mailer(&self, mailer: Arc<dyn Mailer>) {
        self.mailer.set(mailer).ok();
    }

    /// The hub's mail server, if it has one.
    pub(crate) fn mailer(&self) -> Option<&Arc<dyn Mailer>> {
        self.mailer.get()
    }

    /// The same hub over other channels: for simulations of channel classes.
    #[must_use]
    pub const fn with_channels(mut self, channels: &'static [&'static dyn Channel]) -> Self {
        self.channels = channels;
        self
    }

    /// Every channel.
    #[must_use]
    pub const fn channels(&self) -> &'static [&'static dyn Channel] {
        self.channels
    }

    /// The channel of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names that there are.
    pub fn channel(&self, name: &str) -> Result<&'static dyn Channel, Error> {
        self.channels.iter().copied().find(|channel| channel.info().name == name).ok_or_else(|| {
            let names: Vec<&str> = self.channels.iter().map(|channel| channel.info().name).collect();
            Error::Invalid(format!("channel: {name:?} is not known; use one of {}", names.join(", ")))
        })
    }

    /// All accounts, at most [`Config::account_cache`] old.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn accounts(&self) -> Result<Accounts, Error> {
        let now = self.clock.now();
        let fresh_ms = i64::try_from(self.config.account_cache.as_millis()).unwrap_or(i64::MAX);
        let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // what has only grown old may be a moment old once more; after a change it was forgotten, and is read as it is
        let exact = cached.is_none();
        if let Some(cached) = cached.filter(|cached| now.since_ms(cached.at) < fresh_ms) {
            return Ok(cached.accounts);
        }
        let accounts = Arc::new(self.load_accounts(exact).await?);
        let read = Remembered { at: now, accounts: Arc::clone(&accounts), exact };
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        Ok(accounts)
    }

    /// Forgets cached accounts after a change.
    pub fn forget_accounts(&self) {
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why the hub stands still, as it was when its accounts were last read.
    pub(crate) fn stands_still(&self) -> Option<Why> {
        *self.still.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the vault may be asked past its memory once more: at most once in this time.
    pub(crate) fn may_ask_afresh(&self, once_in: Duration) -> bool {
        let now = self.clock.now();
        let mut last = self.asked_afresh.lock().unwrap_or_else(PoisonError::into_inner);
        let may = now.since_ms(*last) >= i64::try_from(once_in.as_millis()).unwrap_or(i64::MAX);
        if may {
            *last = now;
        }
        may
    }

    /// Forgets cached accounts that are older than this, or were read as they were a moment before.
    pub(crate) fn forget_accounts_older_than(&self, age: Duration) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        cache.take_if(|cached| !cached.exact || self.clock.now().since_ms(cached.at) >= age_ms);
    }

    /// One account.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn connected(&self, id: &AccountId) -> Result<Connected, Error> {
        let found = self.accounts().await?.get(id).cloned();
        found.ok_or_else(|| Error::NotFound { what: "account", name: id.to_string() })
    }

    async fn load_accounts(&self, exactly: bool) -> Result<BTreeMap<AccountId, Connected>, Error> {
        let mut defaults = Defaults::read(&self.rows(HUB, settings::PREFIX, exactly).await?)?;
        let mut healths: BTreeMap<AccountId, (Health, u64)> = BTreeMap::new();
        let mut still = None;
        for row in self.rows(HUB, "HEALTH#", exactly).await? {
            if row.key == Standstill::key() {
                still = Some(records::body::<Standstill>(&row)?.why);
            }
            let id = row.key.sk.trim_start_matches("HEALTH#").to_owned();
            if let Ok(id) = AccountId::new(id) {
                healths.insert(id, (records::body(&row)?, row.version));
            }
        }
        let found = self.rows(HUB, "ACCOUNT#", exactly).await?;
        let found = found.iter().map(records::body::<Account>).collect::<Result<Vec<_>, _>>()?;
        found.iter().for_each(|account| defaults.add_flash(account));
        let (mut accounts, defaults) = (BTreeMap::new(), Arc::new(defaults));
        for account in found {
            let channel = self.channel(&account.channel)?;
            let health = healths.remove(&account.id).unwrap_or_default();
            let locations = Arc::default();
            accounts.insert(
                account.id.clone(),
                Connected { account, health, channel, locations, defaults: Arc::clone(&defaults) },
            );
        }
        // a hub without stores that have locations reads no rows of them
        if accounts.values().any(Connected::has_locations) {
            self.load_locations(&mut accounts).await?;
        }
        *self.still.lock().unwrap_or_else(PoisonError::into_inner) = still;
        Ok(accounts)
    }

    async fn load_locations(&self, accounts: &mut BTreeMap<AccountId, Connected>) -> Result<(), Error> {
        let mut places: BTreeMap<AccountId, BTreeMap<LocationId, StoreLocation>> = BTreeMap::new();
        for row in self.all_rows(HUB, "LOCATION#").await? {
            let location: StoreLocation = records::body(&row)?;
            places.entry(location.account.clone()).or_default().insert(location.location.clone(), location);
        }
        for (account, locations) in places {
            if let Some(connected) = accounts.get_mut(&account) {
                connected.locations = Arc::new(locations);
            }
        }
        Ok(())
    }

    /// Every row of a partition below a prefix; for partitions that are known to be small.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn all_rows(&self, partition: &str, prefix: &str) -> Result<Vec<Row>, Error> {
        self.rows(partition, prefix, true).await
    }

    /// The same, or where that is enough what was there a moment ago.
    async fn rows(&self, partition: &str, prefix: &str, exactly: bool) -> Result<Vec<Row>, Error> {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let query = listing(partition, prefix, after, PAGE);
            let page = if exactly { self.store.query(&query).await? } else { self.store.skim(&query).await? };
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }

    pub(crate) async fn page(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page, Error> {
        Ok(self.store.query(&listing(partition, prefix, after, limit)).await?)
    }

    /// The secrets of an account.
    ///
    /// # Errors
    /// [`Error::Vault`]; [`Error::NotFound`] when the vault has none.
    pub async fn secrets(&self, account: &AccountId, fresh: bool) -> Result<Secrets, Error> {
        let secrets = self.vault.get(&secrets_name(account), fresh).await?;
        secrets.ok_or_else(|| Error::NotFound { what: "secret of account", name: account.to_string() })
    }

    /// Notes whether an account's feed shows more than one run reads: then its lane reads on, and hints need not.
    pub(crate) fn note_backlog(&self, account: &AccountId, more: bool) {
        let mut backlogs = self.backlogs.lock().unwrap_or_else(PoisonError::into_inner);
        if more {
            backlogs.insert(account.clone(), self.clock.now().plus_ms(BACKLOG_MS));
        } else {
            backlogs.remove(account);
        }
    }

    /// Whether an account's lane was seen reading on a short while ago.
    pub(crate) fn has_backlog(&self, account: &AccountId) -> bool {
        let backlogs = self.backlogs.lock().unwrap_or_else(PoisonError::into_inner);
        backlogs.get(account).is_some_and(|until| self.clock.now() < *until)
    }

    /// Notes whether so many writes wait for an account that its lane takes them, many at once.
    pub(crate) fn note_crowd(&self, account: &AccountId, crowded: bool) {
        let mut crowds = self.crowds.lock().unwrap_or_else(PoisonError::into_inner);
        if crowded {
            crowds.insert(account.clone(), self.clock.now().plus_ms(BACKLOG_MS));
        } else {
            crowds.remove(account);
        }
    }

    /// Whether an account's lane was seen to have plenty to write a short while ago.
    pub(crate) fn is_crowded(&self, account: &AccountId) -> bool {
        let crowds = self.crowds.lock().unwrap_or_else(PoisonError::into_inner);
        crowds.get(account).is_some_and(|until| self.clock.now() < *until)
    }

    /// The SKUs that the last comparison of an account saw with a level, each with its place there, if it is not long ago: they
    /// need no look before they are written.
    pub(crate) async fn stocked(&self, account: &AccountId) -> Result<Arc<SeenAt>, Error> {
        let now = self.clock.now();
        let cached = self.stocked.lock().unwrap_or_else(PoisonError::into_inner).get(account).cloned();
        if let Some((at, skus)) = cached
            && now.since_ms(at) < STOCKED_MS
        {
            return Ok(skus);
        }
        let seen = self.last_seen(account).await?.filter(|seen| now.since_ms(seen.at) < SEEN_MS);
        let skus = Arc::new(seen.map(|seen| seen.levels).unwrap_or_default());
        let mut kept = self.stocked.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(account.clone(), (now, Arc::clone(&skus)));
        Ok(skus)
    }

    /// The access tokens of an account.
    pub(crate) fn tokens(&self, account: &AccountId) -> Arc<Tokens> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(account.clone()).or_default())
    }

    pub(crate) fn session<'a>(
        &'a self,
        account: &'a Account,
        secrets: &'a Secrets,
        tokens: &'a Tokens,
        http: &'a dyn Http,
    ) -> Session<'a> {
        Session {
            account: &account.id,
            settings: &account.settings,
            secrets,
            tokens,
            http,
            clock: &*self.clock,
            timeout: self.config.call_timeout,
        }
    }

    pub(crate) fn lease_ms(&self) -> i64 {
        i64::try_from(self.config.lease.as_millis()).unwrap_or(i64::MAX)
    }
}

fn listing(partition: &str, prefix: &str, after: Option<String>, limit: usize) -> Query {
    Query { partition: partition.into(), index: false, prefix: prefix.into(), after, descending: false, limit }
}

/// Rows of one page where all pages are read.
const PAGE: usize = 500;
/// How long what the last comparison saw is kept in memory, milliseconds.
const STOCKED_MS: i64 = 600_000;
/// How long what it saw is believed, milliseconds: an hour.
const SEEN_MS: i64 = 3_600_000;
/// How long a feed is believed to have more after it was seen to, milliseconds.
const BACKLOG_MS: i64 = 5_000;

/// The vault's name for an account's API secrets.
#[must_use]
pub fn secrets_name(account: &AccountId) -> String {
    format!("account/{account}")
}
