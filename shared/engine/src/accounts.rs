//! Accounts: added, tested, paused, rotated, removed.

use crate::contest::{ATTEMPTS, made, too_fast};
use crate::hub::{Connected, Error, Hub, secrets_name};
use crate::line::said;
use crate::ports::{Change, Condition, StoreError};
use crate::receive::{SIGNING, signing_field};
use crate::records::{self, Account, Health, Rate, asked, todo_partition};
use crate::unpaid::Unpaid;
use channels::{Channel, Identity, Secret, Secrets, Subscription};
use domain::Capabilities;
use domain::flash::MINUTES_MAX;
use domain::latency::Quantiles;
use domain::{AccountId, Drift, Duplicates, Inbound, Restock, Role, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A new account, as a person or a file gives it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Its name: a-z, 0-9, - and _.
    pub id: AccountId,
    /// The channel's name.
    pub channel: String,
    /// Master or replica.
    pub role: Role,
    /// What counts; the role's default if absent.
    #[serde(default)]
    pub inbound: Option<Inbound>,
    /// What happens to what does not count.
    #[serde(default)]
    pub drift: Option<Drift>,
    /// The channel's settings.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The channel's secrets; they go to the vault and nowhere else.
    #[serde(default)]
    pub secrets: Secrets,
    /// Another rate limit than the channel's.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// What can be changed of an account. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountPatch {
    /// What counts.
    pub inbound: Option<Inbound>,
    /// What happens to what does not count.
    pub drift: Option<Drift>,
    /// Stop or start writing.
    pub paused: Option<bool>,
    /// Stop both ways, or let go on: what happened meanwhile is then counted by its policies.
    pub frozen: Option<bool>,
    /// What of what comes back is stocked again.
    pub restock: Option<Restock>,
    /// Keep back what sells in so many minutes while something sells fast; 0 turns it off.
    pub flash_minutes: Option<u32>,
    /// Settings to replace, by name.
    pub settings: BTreeMap<String, String>,
    /// Another rate limit.
    pub rate: Option<Rate>,
    /// What happens where several units have the same SKU.
    pub duplicates: Option<Duplicates>,
    /// Believe the store again after the mass-zero guard stopped it.
    pub release: bool,
}

impl AccountPatch {
    fn apply(&self, account: &mut Account, now: Timestamp) {
        account.inbound = self.inbound.unwrap_or(account.inbound);
        account.drift = self.drift.unwrap_or(account.drift);
        account.paused = self.paused.unwrap_or(account.paused);
        account.restock = self.restock.unwrap_or(account.restock);
        account.flash_minutes = self.flash_minutes.or(account.flash_minutes);
        account.rate = self.rate.or(account.rate);
        account.duplicates = self.duplicates.unwrap_or(account.duplicates);
        account.settings.extend(self.settings.clone());
        match self.frozen {
            Some(true) => account.frozen = account.frozen.or(Some(now)),
            Some(false) => account.frozen = None,
            None => {}
        }
    }

    /// Whether it changes more than an operator may: pausing and releasing are no settings.
    #[must_use]
    pub fn changes_settings(&self) -> bool {
        let act = Self { paused: self.paused, frozen: self.frozen, release: self.release, ..Self::default() };
        *self != act
    }
}

/// An account as people see it. No secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountView {
    /// Its settings.
    #[serde(flatten)]
    pub account: Account,
    /// How it is doing.
    pub health: Health,
    /// What its channel can do.
    pub capabilities: Capabilities,
    /// Where its store must send webhooks.
    pub webhook_url: Option<String>,
    /// Listings and hints that wait for it.
    pub waiting: u64,
    /// No calls before this time.
    pub closed_until: Option<Timestamp>,
    /// How long changes of other stores took to reach it, today and yesterday.
    #[serde(default)]
    pub latency: Option<Quantiles>,
}

/// What a test of an account found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountTest {
    /// Who the credentials belong to, and what they may not do.
    pub identity: Identity,
    /// Our webhooks there, put in order; empty when the hub has no public address.
    pub subscriptions: Vec<Subscription>,
}

/// How long a former signing secret is accepted, milliseconds: two days, so that a store's late webhooks still count.
const OVERLAP_MS: i64 = 2 * records::DAY_MS;
/// How long a person waits for a call's turn.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// Waiting rows counted for show; more are shown as this many.
const COUNTED: usize = 1000;

impl Hub {
    /// Adds an account: checked for form, tested against the store, its webhooks put in order, then stored.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field; [`Error::Channel`] with what the store said; [`Error::Conflict`] when the name
    /// is taken or there is a master already. Nothing is stored then. [`Error::Store`] when the table fails: the secrets stay,
    /// as the account may have been stored; adding it again ends that.
    pub async fn add_account(&self, new: NewAccount) -> Result<AccountView, Error> {
        let connected = self.enter(new).await?;
        self.subscribe_or_leave(&connected).await?;
        let connected = self.connected(&connected.account.id).await?;
        if let Err(error) = self.discover(&connected, PATIENCE).await {
            // the account is there and may be used; every comparison asks for its locations again
            tracing::warn!(account = %connected.account.id, %error, "locations not read");
        }
        self.show_account(&connected.account.id).await
    }

    /// The first half of that: signed in and stored. A run of [`crate::runs::Job::Connect`] does the other half where it can be
    /// watched; a store that refuses its webhooks is kept with the reason.
    ///
    /// # Errors
    /// As [`Hub::add_account`], but for what the store says to its webhooks.
    pub async fn enter_account(&self, new: NewAccount) -> Result<AccountView, Error> {
        let connected = self.enter(new).await?;
        self.show_account(&connected.account.id).await
    }

    async fn enter(&self, new: NewAccount) -> Result<Connected, Error> {
        let channel = self.channel(&new.channel)?;
        self.check_new(&new, channel).await?;
        let mut account = Account {
            id: new.id.clone(),
            channel: new.channel.clone(),
            role: new.role,
            inbound: new.inbound.unwrap_or_else(|| new.role.default_inbound()),
            drift: new.drift.unwrap_or_default(),
            settings: with_defaults(channel, &new.settings),
            paused: false,
            quarantine: None,
            rate: new.rate,
            feed: true,
            added: self.clock.now(),
            frozen: None,
            rotated: None,
            former_signer_until: None,
            restock: Restock::default(),
            flash_minutes: None,
            feeds: Vec::new(),
            duplicates: Duplicates::default(),
            leads: false,
        };
        check_rate(account.rate)?;
        self.check_endpoint(&account.settings)?;
        self.sign_in(&mut account, channel, &new.secrets).await?;
        self.connected(&account.id).await
    }

    /// Whether an account is there, and whether nobody can use it: when it was added, its secrets were lost on the way.
    async fn find(&self, id: &AccountId) -> Result<(bool, bool), Error> {
        let is_there = self.store.get(&[Account::key(id)]).await?.iter().any(Option::is_some);
        Ok((is_there, is_there && self.vault.get(&secrets_name(id), true).await?.is_none()))
    }

    /// Signs in for the first time and stores the account: before its webhooks are created, because the store's handshake
    /// comes at once and must find it. The secrets are stored before it and stay where nobody knows whether it was: an
    /// account without them is of no use.
    async fn sign_in(
        &self,
        account: &mut Account,
        channel: &'static dyn Channel,
        secrets: &Secrets,
    ) -> Result<(), Error> {
        let (health, locations) = ((Health::default(), 0), Arc::default());
        let connected = Connected { account: account.clone(), health, channel, locations, defaults: Arc::default() };
        self.tokens(&account.id).forget();
        let line = self.line_with(&connected, secrets, PATIENCE);
        let identity = line.identify().await.map_err(|error| said(&connected, error))?;
        if !identity.usable {
            let refused = identity.refused.join("; ");
            let problem = format!("secrets: the store refuses these credentials what is needed: {refused}");
            return Err(Error::Invalid(problem));
        }
        account.feed = identity.feed;
        let (is_there, is_stranded) = self.find(&account.id).await?;
        if is_there && !is_stranded {
            return Err(taken(&account.id));
        }
        self.store_secrets(&account.id, channel, secrets).await?;
        let condition = if is_stranded { Condition::Any } else { Condition::Absent };
        self.store.write(&[Change::Put(account.row(), condition)]).await.map_err(|error| {
            let is_taken = matches!(error, StoreError::Conflict { .. });
            if is_taken { taken(&account.id) } else { error.into() }
        })?;
        self.forget_accounts();
        if self.find(&account.id).await?.1 {
            // somebody else added it too, failed, and took the secrets along
            self.store_secrets(&account.id, channel, secrets).await?;
        }
        Ok(())
    }

    /// Has the webhooks of a new account created; one whose store does not let us is not kept.
    async fn subscribe_or_leave(&self, connected: &Connected) -> Result<(), Error> {
        let id = &connected.account.id;
        let subscribed = self.put_hooks_in_order(id).await;
        if let Err(Error::Channel { .. }) = &subscribed {
            self.store.write(&[Change::Delete(Account::key(id), Condition::Any)]).await?;
            self.forget_accounts();
            self.forget_secrets(id, connected.channel).await?;
        }
        subscribed.map(drop)
    }

    async fn check_new(&self, new: &NewAccount, channel: &'static dyn Channel) -> Result<(), Error> {
        self.must_move().await?;
        let info = channel.info();
        if !info.ready && !self.config.allow_insecure_endpoints {
            return Err(Error::Invalid(format!(
                "channel: {} is not finished yet; it can be tried with `evenstock fake {}`, on a hub with --allow-insecure-endpoints",
                info.title, info.name
            )));
        }
        let accounts = self.accounts().await?;
        let is_there = accounts.contains_key(&new.id) && !self.find(&new.id).await?.1;
        if is_there || matches!(new.id.as_str(), "hub" | "kit") {
            return Err(taken(&new.id));
        }
        let others = accounts.values().filter(|connected| connected.account.id != new.id);
        let master = others.map(|connected| &connected.account).find(|account| account.role == Role::Master);
        if let (Role::Master, Some(master)) = (new.role, master) {
            let name = &master.id;
            return Err(Error::Conflict(format!("role: {name} is the master already; add this account as a replica")));
        }
        known_settings(channel, &new.settings)?;
        let settings = with_defaults(channel, &new.settings);
        channel.check(&settings, &new.secrets).map_err(|error| Error::Invalid(error.to_string()))
    }

    /// Refuses a store address that is not public and encrypted, unless this hub was told otherwise.
    fn check_endpoint(&self, settings: &BTreeMap<String, String>) -> Result<(), Error> {
        if self.config.allow_insecure_endpoints {
            return Ok(());
        }
        for (name, url) in settings.iter().filter(|(name, url)| name.ends_with("_url") && !url.is_empty()) {
            crate::endpoint::check(url).map_err(|problem| Error::Invalid(format!("settings.{name}: {problem}")))?;
        }
        Ok(())
    }

    /// Where a store must send the webhooks of an account.
    #[must_use]
    pub fn webhook_url(&self, account: &AccountId) -> Option<String> {
        self.config.public_url.as_ref().map(|base| format!("{base}/webhooks/{account}"))
    }

    async fn store_secrets(&self, id: &AccountId, channel: &dyn Channel, secrets: &Secrets) -> Result<(), Error> {
        let signing = channel.signing_secrets();
        let hooks: Secrets = secrets.clone().into_iter().filter(|(name, _)| signing.contains(&name.as_str())).collect();
        if !secrets.is_empty() {
            // on some platforms the secret that signs webhooks is also the key of the API
            let mut kept = self.vault.get(&secrets_name(id), true).await?.unwrap_or_default();
            kept.extend(secrets.clone());
            self.vault.put(&secrets_name(id), &kept).await?;
        }
        if !hooks.is_empty() {
            let mut bundle = self.vault.get(SIGNING, true).await?.unwrap_or_default();
            bundle.extend(hooks.into_iter().map(|(name, secret)| (signing_field(id, &name), secret)));
            self.vault.put(SIGNING, &bundle).await?;
        }
        Ok(())
    }

    async fn forget_secrets(&self, id: &AccountId, channel: &dyn Channel) -> Result<(), Error> {
        self.vault.delete(&secrets_name(id)).await?;
        let mut bundle = self.vault.get(SIGNING, true).await?.unwrap_or_default();
        for field in channel.signing_secrets() {
            bundle.remove(&signing_field(id, field));
        }
        Ok(self.vault.put(SIGNING, &bundle).await?)
    }

    /// All accounts as people see them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_accounts(&self) -> Result<Vec<AccountView>, Error> {
        self.flush_health(true).await?;
        self.forget_accounts();
        if let Err(error) = self.end_overlaps().await {
            tracing::info!(%error, "former signing secrets are not forgotten yet");
        }
        let mut views = Vec::new();
        for connected in self.accounts().await?.values() {
            views.push(self.view(connected).await?);
        }
        Ok(views)
    }

    /// One account as people see it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show_account(&self, id: &AccountId) -> Result<AccountView, Error> {
        self.flush_health(true).await?;
        self.forget_accounts();
        self.view(&self.connected(id).await?).await
    }

    async fn view(&self, connected: &Connected) -> Result<AccountView, Error> {
        let id = &connected.account.id;
        let waiting = self.page(&todo_partition(id), "", None, COUNTED).await?.rows.len() as u64;
        let latency = connected.health.0.latency.quantiles();
        let local = self.budgets.closed_until(id, self.clock.now());
        Ok(AccountView {
            account: connected.account.clone(),
            health: connected.health.0.clone(),
            capabilities: connected.channel.info().capabilities.clone(),
            webhook_url: self.webhook_url(id),
            waiting,
            closed_until: local,
            latency,
        })
    }

    /// Changes an account; new settings are checked as those of a new account are. Starting to write again, or believing it
    /// again, brings it up to date at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] naming the field: nothing is changed then.
    pub async fn change_account(&self, id: &AccountId, patch: AccountPatch) -> Result<AccountView, Error> {
        check_flash(patch.flash_minutes)?;
        check_rate(patch.rate)?;
        let channel = self.connected(id).await?.channel;
        known_settings(channel, &patch.settings)?;
        // without new settings the secrets are nobody's business
        let secrets = match patch.settings.is_empty() {
            true => None,
            false => Some(self.vault.get(&secrets_name(id), false).await?.unwrap_or_default()),
        };
        let now = self.clock.now();
        self.edit_account(id, |account| {
            patch.apply(account, now);
            let Some(secrets) = &secrets else { return Ok(()) };
            self.check_endpoint(&account.settings)?;
            channel.check(&account.settings, secrets).map_err(|error| Error::Invalid(error.to_string()))
        })
        .await?;
        if patch.paused == Some(false) {
            self.forget_corrections(id, None).await?;
            self.change_health(id, |health| health.two_hubs = None).await?;
        }
        if patch.release {
            self.lift(id).await?;
        }
        // asked once more means that the first time may have ended between the two
        if patch.paused == Some(false) || patch.frozen == Some(false) {
            self.bring_up_to_date(id, asked::RESUMED).await?;
            self.sweep_lane(id).await?;
        }
        self.show_account(id).await
    }

    /// Changes an account's row as it is then, whoever else changes it at the same time.
    pub(crate) async fn edit_account(
        &self,
        id: &AccountId,
        edit: impl Fn(&mut Account) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.forget_accounts();
        for _ in 0..ATTEMPTS {
            let Some(change) = self.account_change(id, &edit).await? else { return Ok(()) };
            if made(self.store.write(&[change]).await)? {
                self.forget_accounts();
                return Ok(());
            }
        }
        Err(too_fast(id))
    }

    /// The write of an account's row with a change, while it still is what was read; nothing where it changes nothing.
    pub(crate) async fn account_change(
        &self,
        id: &AccountId,
        edit: impl Fn(&mut Account) -> Result<(), Error>,
    ) -> Result<Option<Change>, Error> {
        let row = self.store.get(&[Account::key(id)]).await?.pop().flatten();
        let row = row.ok_or_else(|| Error::NotFound { what: "account", name: id.to_string() })?;
        let before: Account = records::body(&row)?;
        let mut after = before.clone();
        edit(&mut after)?;
        Ok((after != before).then(|| Change::Put(after.row(), Condition::Version(row.version))))
    }

    /// Replaces secrets of an account. The former signing secret stays valid where the channel knows a field for it.
    ///
    /// # Errors
    /// [`Error::Channel`] when the store refuses the new ones; the former ones are then back in force.
    pub async fn rotate_account(&self, id: &AccountId, secrets: Secrets) -> Result<AccountTest, Error> {
        let connected = self.connected(id).await?;
        let former = self.vault.get(&secrets_name(id), true).await?.unwrap_or_default();
        let bundle = self.vault.get(SIGNING, true).await?.unwrap_or_default();
        let known =
            |name: &String| connected.channel.info().settings.iter().any(|field| field.secret && field.name == name);
        if let Some(unknown) = secrets.keys().find(|name| !known(name)) {
            return Err(Error::Invalid(format!("secrets.{unknown}: this channel has no such secret")));
        }
        let secrets = self.keep_former_signer(&connected, &bundle, secrets);
        self.store_secrets(id, connected.channel, &secrets).await?;
        // the pause was for the former secrets
        self.budgets.reopen(id);
        match self.test_account(id).await {
            Ok(test) => {
                self.note_rotation(&connected, &secrets).await?;
                Ok(test)
            }
            Err(error) => {
                self.vault.put(&secrets_name(id), &former).await?;
                self.vault.put(SIGNING, &bundle).await?;
                Err(error)
            }
        }
    }

    /// Remembers when an account's secrets were replaced, and how long the former signing secret is still accepted.
    async fn note_rotation(&self, connected: &Connected, secrets: &Secrets) -> Result<(), Error> {
        let now = self.clock.now();
        let signing = connected.channel.signing_secrets();
        let signs = |name: &String| signing.contains(&name.as_str());
        let edit = |account: &mut Account| {
            if !secrets.keys().all(signs) {
                account.rotated = Some(now);
            }
            if secrets.keys().any(signs) {
                account.former_signer_until = Some(now.plus_ms(OVERLAP_MS));
            }
            Ok(())
        };
        self.edit_account(&connected.account.id, edit).await
    }

    /// Forgets former signing secrets whose time is over: whoever has one can no longer forge a webhook.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Vault`].
    pub async fn end_overlaps(&self) -> Result<(), Error> {
        let now = self.clock.now();
        for (id, connected) in self.accounts().await?.iter() {
            let over = connected.account.former_signer_until.is_some_and(|until| until <= now);
            let [_, former, ..] = connected.channel.signing_secrets() else { continue };
            if !over {
                continue;
            }
            let mut bundle = self.vault.get(SIGNING, true).await?.unwrap_or_default();
            if bundle.remove(&signing_field(id, former)).is_some() {
                self.vault.put(SIGNING, &bundle).await?;
            }
            // one that was rotated again meanwhile has a time of its own
            self.edit_account(id, |account| {
                account.former_signer_until = account.former_signer_until.filter(|until| *until > now);
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// With a new current signing secret, the old current one becomes the previous one.
    fn keep_former_signer(&self, connected: &Connected, bundle: &Secrets, mut secrets: Secrets) -> Secrets {
        if let [current, previous, ..] = connected.channel.signing_secrets() {
            let former: Option<&Secret> = bundle.get(&signing_field(&connected.account.id, current));
            if let (true, false, Some(former)) =
                (secrets.contains_key(*current), secrets.contains_key(*previous), former)
            {
                secrets.insert((*previous).to_owned(), former.clone());
            }
        }
        secrets
    }

    /// Removes an account: its webhooks, its secrets, its settings. Its history stays; what it counted stays counted.
    ///
    /// # Errors
    /// [`Error::NotFound`]; a store that does not answer does not prevent removal.
    pub async fn remove_account(&self, id: &AccountId) -> Result<(), Error> {
        let connected = self.connected(id).await?;
        if let Some(url) = self.webhook_url(id)
            && let Err(error) = self.line(&connected, PATIENCE).unsubscribe(&url).await
        {
            tracing::warn!(account = %id, %error, "webhooks not removed in the store");
        }
        self.drop_listings(id).await?;
        self.forget_settings_of(id).await?;
        let gone = [
            Change::Delete(Account::key(id), Condition::Any),
            Change::Delete(Health::key(id), Condition::Any),
            Change::Delete(records::cursor_key(id), Condition::Any),
            Change::Delete(Unpaid::key(id), Condition::Any),
        ];
        self.store.write(&gone).await?;
        self.forget_units(id).await?;
        self.forget_locations(id).await?;
        self.forget_secrets(id, connected.channel).await?;
        self.forget_accounts();
        Ok(())
    }
}

fn check_flash(minutes: Option<u32>) -> Result<Option<u32>, Error> {
    match minutes {
        Some(given) if i64::from(given) > MINUTES_MAX => {
            Err(Error::Invalid(format!("flash_minutes: {given} is not between 0 and {MINUTES_MAX}")))
        }
        minutes => Ok(minutes),
    }
}

/// A setting that the channel does not have would do nothing and nobody would know; a secret does not belong among them.
fn known_settings(channel: &dyn Channel, settings: &BTreeMap<String, String>) -> Result<(), Error> {
    for name in settings.keys() {
        let info = channel.info();
        let refused = info.settings_refused.iter().find(|(refused, _)| refused == name);
        let problem = match (info.settings.iter().find(|field| field.name == name), refused) {
            (None, Some((_, reason))) => &format!("this channel cannot have it: {reason}"),
            (None, None) => "this channel has no such setting",
            (Some(field), _) if field.secret => "it is a secret; replace it with \"accounts rotate\"",
            (Some(_), _) => continue,
        };
        return Err(Error::Invalid(format!("settings.{name}: {problem}")));
    }
    Ok(())
}

/// A limit that allows no call would stop an account without saying so.
fn check_rate(rate: Option<Rate>) -> Result<Option<Rate>, Error> {
    match rate {
        Some(Rate { per_minute: 0, .. }) => {
            Err(Error::Invalid("rate.per_minute: 0 allows no call; to stop an account, pause or freeze it".into()))
        }
        Some(Rate { burst: 0, .. }) => Err(Error::Invalid("rate.burst: 0 allows no call; use at least 1".into())),
        rate => Ok(rate),
    }
}

fn taken(id: &AccountId) -> Error {
    Error::Conflict(format!("id: there is an account {id} already; choose another name"))
}

fn with_defaults(channel: &dyn Channel, settings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let fields = channel.info().settings.iter().filter(|field| !field.secret);
    let defaults = fields.filter_map(|field| Some((field.name.to_owned(), field.default?.to_owned())));
    let mut all: BTreeMap<String, String> = defaults.collect();
    all.extend(settings.clone());
    all
}
