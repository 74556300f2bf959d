//! The line to a store: every call goes through here. It meters, refreshes a rotated secret once on 401, keeps health.

use crate::budget::Metered;
use crate::hub::{Connected, Error, Hub};
use crate::settings::Aliases;
use channels::hooks::Unwatched;
use channels::{
    ErrorKind, Fit, Identity, Levels, Location, Movements, OrderHooks, Orders, Outcome, Page, Submitted, Subscription,
    Tokens, Unit, Watch, Write,
};
use domain::{LocationId, Order, OrderId, Position, Sku, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// The SKUs that units have now, by the store's own id, where a person has said what they are by other ones.
pub type Respelled = Vec<(String, Option<Sku>)>;

/// A line to one account's store.
pub struct Line<'a> {
    hub: &'a Hub,
    /// The account behind it.
    pub connected: &'a Connected,
    patience: Duration,
    /// Secrets that are not in the vault yet.
    given: Option<&'a channels::Secrets>,
}

/// Asks the store; once more with fresh secrets when it answers 401.
macro_rules! ask {
    ($line:ident, $session:ident => $call:expr) => {{
        let (metered, tokens) = ($line.metered(), $line.tokens());
        let secrets = $line.secrets(false).await?;
        let $session = $line.hub.session(&$line.connected.account, &secrets, &tokens, &metered);
        let first = $call.await;
        let answer = match first {
            Err(error) if error.kind == ErrorKind::Unauthorized => {
                let secrets = $line.secrets(true).await?;
                let $session = $line.hub.session(&$line.connected.account, &secrets, &tokens, &metered);
                $call.await
            }
            other => other,
        };
        $line.note(answer.as_ref().err());
        answer
    }};
}

impl Hub {
    /// A line to an account's store. A call waits for its turn in the budget at most `patience`.
    #[must_use]
    pub fn line<'a>(&'a self, connected: &'a Connected, patience: Duration) -> Line<'a> {
        Line { hub: self, connected, patience, given: None }
    }

    /// A line to a store whose secrets are not in the vault yet.
    pub(crate) fn line_with<'a>(
        &'a self,
        connected: &'a Connected,
        secrets: &'a channels::Secrets,
        patience: Duration,
    ) -> Line<'a> {
        Line { given: Some(secrets), ..self.line(connected, patience) }
    }
}

impl Line<'_> {
    fn metered(&self) -> Metered<'_> {
        Metered::new(&*self.hub.http, &*self.hub.clock, &self.hub.budgets, self.connected, self.patience)
    }

    fn tokens(&self) -> Arc<Tokens> {
        self.hub.tokens(&self.connected.account.id)
    }

    /// Fresh secrets make every access token that was had with the old ones worthless.
    async fn secrets(&self, fresh: bool) -> Result<channels::Secrets, channels::Error> {
        if fresh {
            self.tokens().forget();
        }
        if let Some(given) = self.given {
            return Ok(given.clone());
        }
        self.hub.secrets(&self.connected.account.id, fresh).await.map_err(|error| {
            channels::Error::new(ErrorKind::Configuration, format!("the account's secrets cannot be had: {error}"))
        })
    }

    /// Keeps the account's health, and closes it for a while after a failure.
    fn note(&self, error: Option<&channels::Error>) {
        let (account, now) = (&self.connected.account.id, self.hub.clock.now());
        let Some(error) = error else {
            // the failure may have been seen by another process, or by this one before it was started anew
            let recovered = self.hub.budgets.succeeded(account) || self.connected.health.0.cooldown.is_some();
            return self.hub.noted_success(account, now, recovered);
        };
        let ours = error.is_out_of_turn();
        let closes = !ours
            && match error.kind {
                ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Unauthorized => true,
                ErrorKind::Forbidden
                | ErrorKind::NotFound
                | ErrorKind::Invalid
                | ErrorKind::Malformed
                | ErrorKind::Configuration
                | ErrorKind::Signature => false,
            };
        let until = closes.then(|| self.hub.budgets.failed(account, error.retry_after, now, self.hub.clock.random()));
        if !ours {
            self.hub.noted_failure(account, error.to_string(), until);
        }
    }

    /// Who we are there.
    ///
    /// # Errors
    /// What the store said.
    pub async fn identify(&self) -> Result<Identity, channels::Error> {
        ask!(self, session => self.connected.channel.identify(session))
    }

    /// One page of the places that hold stock.
    ///
    /// # Errors
    /// What the store said.
    pub async fn locations(&self, page: Option<String>) -> Result<Page<Location>, channels::Error> {
        ask!(self, session => self.connected.channel.locations(session, page.clone()))
    }

    /// One page of all units, and what those are called now that a person has linked by another name.
    ///
    /// # Errors
    /// What the store said.
    pub async fn units(&self, page: Option<String>) -> Result<(Levels, Respelled), channels::Error> {
        let levels = ask!(self, session => self.connected.channel.units(session, page.clone()))?;
        let aliases = self.aliases();
        let named = |unit: &Unit| Some((unit.external.clone(), aliases.respelled(&unit.external, unit.sku.as_ref())?));
        let respelled = levels.rows.iter().filter(|_| !aliases.is_empty()).filter_map(named).collect();
        Ok((Page { rows: self.as_ours(levels.rows), ..levels }, respelled))
    }

    /// Units by our spelling of their SKUs.
    fn as_ours(&self, mut units: Vec<Unit>) -> Vec<Unit> {
        let aliases = self.aliases();
        if !aliases.is_empty() {
            units.iter_mut().for_each(|unit| unit.sku = aliases.of_unit(&unit.external, unit.sku.take()));
        }
        units
    }

    /// Writes by the store's spelling of their SKUs.
    fn as_theirs<'a>(&self, writes: impl Iterator<Item = &'a Write>) -> Vec<Write> {
        let aliases = self.aliases();
        let spelled = |write: &Write| Write { sku: aliases.theirs(&write.sku, &write.external), ..write.clone() };
        writes.map(spelled).collect()
    }

    fn aliases(&self) -> &Aliases {
        self.connected.defaults.aliases(&self.connected.account.id)
    }

    /// The units behind one of the store's own ids.
    ///
    /// # Errors
    /// What the store said.
    pub async fn unit(&self, external: &str) -> Result<Vec<Unit>, channels::Error> {
        Ok(self.as_ours(self.unit_as_spelled(external).await?))
    }

    /// The units behind one of the store's own ids, by its own spelling of their SKUs.
    ///
    /// # Errors
    /// What the store said.
    pub async fn unit_as_spelled(&self, external: &str) -> Result<Vec<Unit>, channels::Error> {
        ask!(self, session => self.connected.channel.unit(session, external))
    }

    /// Freshly read levels, in the order asked for.
    ///
    /// # Errors
    /// What the store said.
    pub async fn levels(&self, listings: &[(Sku, LocationId, String)]) -> Result<Vec<Option<i64>>, channels::Error> {
        let aliases = self.aliases();
        let spelled = listings
            .iter()
            .map(|(sku, location, external)| (aliases.theirs(sku, external), location.clone(), external.clone()));
        let spelled: Vec<(Sku, LocationId, String)> = spelled.collect();
        ask!(self, session => self.connected.channel.levels(session, &spelled))
    }

    /// The newest position of the feed.
    ///
    /// # Errors
    /// What the store said.
    pub async fn feed_head(&self) -> Result<Position, channels::Error> {
        ask!(self, session => self.connected.channel.feed_head(session))
    }

    /// Movements after a position.
    ///
    /// # Errors
    /// What the store said.
    pub async fn movements(&self, since: Position) -> Result<Movements, channels::Error> {
        let moved = ask!(self, session => self.connected.channel.movements(session, since))?;
        let aliases = self.aliases();
        let ours = |movement: domain::Movement| {
            let sku = aliases.ours(&movement.sku)?;
            Some(domain::Movement { sku, ..movement })
        };
        Ok(Movements { entries: moved.entries.into_iter().filter_map(ours).collect(), ..moved })
    }

    /// Orders by id.
    ///
    /// # Errors
    /// What the store said.
    pub async fn orders(&self, ids: &[OrderId]) -> Result<Vec<Order>, channels::Error> {
        let orders = ask!(self, session => self.connected.channel.orders(session, ids))?;
        Ok(orders.into_iter().map(|order| self.order_as_ours(order)).collect())
    }

    /// One page of the orders placed since a time.
    ///
    /// # Errors
    /// What the store said.
    pub async fn orders_since(&self, since: Timestamp, page: Option<String>) -> Result<Orders, channels::Error> {
        let orders = ask!(self, session => self.connected.channel.orders_since(session, since, page.clone()))?;
        Ok(Page { rows: orders.rows.into_iter().map(|order| self.order_as_ours(order)).collect(), next: orders.next })
    }

    /// An order by our spelling of its SKUs.
    fn order_as_ours(&self, mut order: Order) -> Order {
        let aliases = self.aliases();
        for line in order.lines.iter_mut().filter(|_| !aliases.is_empty()) {
            line.sku = line.sku.as_ref().and_then(|sku| aliases.ours(sku));
        }
        order
    }

    /// Our webhooks, put in order: `orders` says whether those of orders are needed.
    ///
    /// # Errors
    /// What the store said.
    pub async fn subscribe(&self, url: &str, orders: OrderHooks) -> Result<Vec<Subscription>, channels::Error> {
        self.subscribe_watched(url, orders, &Unwatched).await
    }

    /// The same, for somebody who watches.
    ///
    /// # Errors
    /// What the store said.
    pub async fn subscribe_watched(
        &self,
        url: &str,
        orders: OrderHooks,
        watch: &dyn Watch,
    ) -> Result<Vec<Subscription>, channels::Error> {
        ask!(self, session => self.connected.channel.subscribe_watched(session, url, orders, watch))
    }

    /// Our webhooks, removed.
    ///
    /// # Errors
    /// What the store said.
    pub async fn unsubscribe(&self, url: &str) -> Result<(), channels::Error> {
        ask!(self, session => self.connected.channel.unsubscribe(session, url))
    }

    /// Looks whether writes may become rows of a big call; one answer each.
    pub async fn inspect(&self, writes: &[Write]) -> Vec<Fit> {
        let secrets = match self.secrets(false).await {
            Ok(secrets) => secrets,
            Err(error) => return vec![Fit::Not(error); writes.len()],
        };
        let (metered, tokens) = (self.metered(), self.tokens());
        let session = self.hub.session(&self.connected.account, &secrets, &tokens, &metered);
        let fits = self.connected.channel.inspect(session, &self.as_theirs(writes.iter())).await;
        let errors = fits.iter().filter_map(|fit| match fit {
            Fit::Not(error) => Some(error),
            Fit::Good(_) => None,
        });
        self.note(worst(errors));
        fits
    }

    /// Hands a gathered call over.
    ///
    /// # Errors
    /// What the store said.
    pub async fn submit(&self, rows: &[(Write, String)]) -> Result<Submitted, channels::Error> {
        let secrets = self.secrets(false).await?;
        let (metered, tokens) = (self.metered(), self.tokens());
        let session = self.hub.session(&self.connected.account, &secrets, &tokens, &metered);
        let spelled = self.as_theirs(rows.iter().map(|(write, _)| write));
        let rows: Vec<(Write, String)> =
            spelled.into_iter().zip(rows).map(|(write, (_, row))| (write, row.clone())).collect();
        let submitted = self.connected.channel.submit(session, &rows).await;
        self.note(submitted.as_ref().err());
        submitted
    }

    /// The store's name of a gathered call that was handed over since then.
    ///
    /// # Errors
    /// What the store said.
    pub async fn find_submission(&self, since: Timestamp) -> Result<Option<String>, channels::Error> {
        ask!(self, session => self.connected.channel.find_submission(session, since))
    }

    /// Writes listings; one outcome each. Never retries by itself: a second call could not be told from the first.
    pub async fn write(&self, writes: &[Write]) -> Vec<Outcome> {
        self.send(writes, false).await
    }

    /// Makes one call of these rows, as often as it takes until its outcome is known; one outcome each.
    pub async fn write_call(&self, rows: &[Write]) -> Vec<Outcome> {
        self.send(rows, true).await
    }

    async fn send(&self, writes: &[Write], as_one: bool) -> Vec<Outcome> {
        let secrets = match self.secrets(false).await {
            Ok(secrets) => secrets,
            Err(error) => return vec![Outcome::Refused(error); writes.len()],
        };
        let (metered, tokens) = (self.metered(), self.tokens());
        let session = self.hub.session(&self.connected.account, &secrets, &tokens, &metered);
        let spelled = self.as_theirs(writes.iter());
        let channel = self.connected.channel;
        let outcomes = match as_one {
            true => channel.write_call(session, &spelled).await,
            false => channel.write(session, &spelled).await,
        };
        let failed = worst(outcomes.iter().filter_map(failure));
        self.note(failed);
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Applied | Outcome::Accepted)) {
            let id = &self.connected.account.id;
            self.hub.noted_write(id);
            let known = self.connected.health.0.error.is_some();
            if failed.is_none() && (self.hub.was_failing(id) || known) {
                // what was refused before, such as a row, says no more how the account is doing
                self.hub.noted_success(id, self.hub.clock.now(), true);
            }
        }
        if outcomes.iter().filter_map(failure).any(|error| error.kind == ErrorKind::Unauthorized) {
            // the next attempt finds the rotated secret
            if let Err(error) = self.secrets(true).await {
                tracing::warn!(account = %self.connected.account.id, %error, "secrets not refreshed");
            }
        }
        outcomes
    }
}

/// The error that says most of the store as a whole: one that concerns a single listing says nothing of it.
fn worst<'a>(errors: impl Iterator<Item = &'a channels::Error>) -> Option<&'a channels::Error> {
    errors.max_by_key(|error| error.is_of_the_store())
}

/// The error of an outcome, if it has one.
#[must_use]
pub fn failure(outcome: &Outcome) -> Option<&channels::Error> {
    match outcome {
        Outcome::Refused(error) | Outcome::Unknown(error) => Some(error),
        Outcome::Applied | Outcome::Accepted | Outcome::Stale => None,
    }
}

/// A channel's error in a use case.
#[must_use]
pub fn said(connected: &Connected, source: channels::Error) -> Error {
    Error::Channel { account: connected.account.id.clone(), source }
}
