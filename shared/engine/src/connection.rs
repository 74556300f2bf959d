//! The connection to a store, tested and set up: who we are there, its locations, our webhooks. At once, or as a run that
//! shows each step while it happens.

use crate::accounts::{AccountTest, PATIENCE};
use crate::adopt::Progress;
use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::runs::{Chunk, Run, Work, end};
use async_trait::async_trait;
use channels::{Identity, OrderHooks, Subscription, SubscriptionState, Watch};
use domain::AccountId;
use futures::StreamExt as _;
use futures::channel::mpsc;
use serde::{Deserialize, Serialize};
use serde_json::Value;

impl Hub {
    /// Signs in again, and puts the account's webhooks in order.
    ///
    /// # Errors
    /// [`Error::Channel`] with what the store said.
    pub async fn test_account(&self, id: &AccountId) -> Result<AccountTest, Error> {
        let connected = self.connected(id).await?;
        let identity = self.identify(&connected).await?;
        self.discover(&connected, PATIENCE).await?;
        let subscriptions = self.put_hooks_in_order(id).await?;
        self.flush_health(true).await?;
        Ok(AccountTest { identity, subscriptions })
    }

    async fn identify(&self, connected: &Connected) -> Result<Identity, Error> {
        self.line(connected, PATIENCE).identify().await.map_err(|error| said(connected, error))
    }

    /// Creates missing webhooks of an account, enables disabled ones, asks for verification again.
    ///
    /// # Errors
    /// [`Error::Channel`] with what the store said.
    pub async fn put_hooks_in_order(&self, id: &AccountId) -> Result<Vec<Subscription>, Error> {
        let connected = self.connected(id).await?;
        let Some(url) = self.webhook_url(id) else { return Ok(Vec::new()) };
        let line = self.line(&connected, PATIENCE);
        let subscriptions =
            line.subscribe(&url, self.order_hooks(&connected)).await.map_err(|error| said(&connected, error))?;
        self.change_health(id, |health| health.subscriptions.clone_from(&subscriptions)).await?;
        Ok(subscriptions)
    }

    /// Whether an account's store is asked for webhooks that name an order and nothing else. Where the door answers them and nobody
    /// is called ([`crate::hub::Door::orders_wait`]) and the account has a feed, it is not: nothing is read by orders there.
    fn order_hooks(&self, connected: &Connected) -> OrderHooks {
        let needless = self.config.door.orders_wait && connected.account.feed;
        if needless { OrderHooks::Unwanted } else { OrderHooks::Wanted }
    }

    /// The same; how each of them stands is in the account's health while it happens.
    async fn put_hooks_in_sight(&self, id: &AccountId) -> Result<Vec<Subscription>, Error> {
        let connected = self.connected(id).await?;
        let Some(url) = self.webhook_url(id) else { return Ok(Vec::new()) };
        let line = self.line(&connected, PATIENCE);
        let (sight, seen) = mpsc::unbounded();
        // the stream ends with the asking, which owns its other end
        let orders = self.order_hooks(&connected);
        let asking = async move { line.subscribe_watched(&url, orders, &Sight(sight)).await };
        let (asked, ()) = futures::join!(asking, self.keep_in_sight(id, seen));
        match asked {
            Ok(subscriptions) => {
                self.change_health(id, |health| health.subscriptions.clone_from(&subscriptions)).await?;
                Ok(subscriptions)
            }
            Err(error) => {
                self.change_health(id, |health| health.subscriptions.iter_mut().for_each(|one| refuse(one, &error)))
                    .await?;
                Err(said(&connected, error))
            }
        }
    }

    /// Keeps what is seen of webhooks, the newest of what came meanwhile. It is for show: what cannot be stored is left out.
    async fn keep_in_sight(&self, id: &AccountId, mut seen: mpsc::UnboundedReceiver<Vec<Subscription>>) {
        while let Some(mut all) = seen.next().await {
            while let Ok(newer) = seen.try_recv() {
                all = newer;
            }
            if let Err(error) = self.change_health(id, |health| health.subscriptions.clone_from(&all)).await {
                tracing::debug!(account = %id, %error, "how webhooks stand is not shown");
            }
        }
    }
}

/// Passes on what is seen of webhooks.
struct Sight(mpsc::UnboundedSender<Vec<Subscription>>);

impl Watch for Sight {
    fn sees(&self, all: &[Subscription]) {
        // where nobody keeps it any more, what becomes of the webhooks counts all the same
        drop(self.0.unbounded_send(all.to_vec()));
    }
}

/// What was under way when the store said this has come to nothing.
fn refuse(one: &mut Subscription, error: &channels::Error) {
    if one.state.is_under_way() {
        (one.state, one.note) = (SubscriptionState::Refused, error.to_string());
        one.remedy = error.remedy_of_hook().into();
    }
}

/// What the set-up of a connection found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    /// Who the credentials belong to, and what they may not do.
    pub identity: Identity,
    /// Places in the store that hold stock; 0 where it has only one pool.
    pub locations: u64,
    /// Our webhooks there; empty when the hub has no public address.
    pub subscriptions: Vec<Subscription>,
}

/// The steps of a set-up.
pub const STEPS: u64 = 3;

/// The set-up of a connection in the hands of a run's driver.
pub(crate) struct Connecting {
    account: AccountId,
}

impl Connecting {
    pub(crate) const fn new(account: AccountId) -> Self {
        Self { account }
    }
}

/// Where a set-up is: what was found so far.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    identity: Option<Identity>,
    locations: Option<u64>,
}

#[async_trait]
impl Work for Connecting {
    async fn chunk(&mut self, hub: &Hub, _: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let place: Place = serde_json::from_value(cursor.clone()).unwrap_or_default();
        let connected = hub.connected(&self.account).await?;
        // a step is told when it begins, by the end of the one before: what a run shows is stored then
        let Some(identity) = place.identity else {
            let identity = hub.identify(&connected).await?;
            progress.tell("reading its locations", 1, STEPS);
            return Ok(Chunk::on(&Place { identity: Some(identity), locations: None }));
        };
        let Some(locations) = place.locations else {
            let connected = hub.discover(&connected, PATIENCE).await?;
            let locations = if connected.has_locations() { connected.locations.len() as u64 } else { 0 };
            progress.tell("setting up its webhooks", 2, STEPS);
            return Ok(Chunk::on(&Place { identity: Some(identity), locations: Some(locations) }));
        };
        let subscriptions = hub.put_hooks_in_sight(&self.account).await?;
        hub.flush_health(true).await?;
        progress.tell("done", STEPS, STEPS);
        Ok(end(&Connection { identity, locations, subscriptions }))
    }
}
