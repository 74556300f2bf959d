//! The demo's world: three stores over HTTP, a hub that serves, and the account of all that was done.

use super::play::Ground;
use super::stores::{CHANNEL, Store, expected};
use crate::client::api::Client;
use crate::fakes::Meter;
use crate::serve::{Patience, Ports, Serving, Settings, Timers};
use anyhow::Context;
use channels::{Clock, Http, clock::SystemClock};
use domain::{AccountId, Role, Sku, Timestamp};
use engine::records::Rate;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// The stores: the first is the master.
pub const STORES: [(&str, Role); 3] = [("main", Role::Master), ("leeds", Role::Replica), ("york", Role::Replica)];
/// What they sell: SKU, title, level on the master, level that the replicas begin with.
pub const SHELF: [(&str, &str, i64, i64); 8] = [
    ("MUG-RED", "Red mug", 40, 12),
    ("MUG-BLUE", "Blue mug", 25, 25),
    ("TEE-S", "T-shirt, small", 60, 60),
    ("TEE-M", "T-shirt, medium", 80, 75),
    ("TEE-L", "T-shirt, large", 55, 0),
    ("CAP/BLACK", "Black cap", 30, 31),
    ("BAG 01", "Canvas bag", 18, 18),
    ("PEN-XY", "Pen", 200, 200),
];
/// The stores' feeds are read this often, so that a lost webhook heals while people watch. `serve` takes its time.
const SWEEP: Duration = Duration::from_secs(4);
/// What the demo's stores allow: each its own calls. A real one allows fewer, and is asked more slowly.
pub const RATE: Rate = Rate { per_minute: 60_000, burst: 200 };

/// What somebody did in a store, for the latency.
#[derive(Debug, Clone)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub store: usize,
    /// The SKU.
    pub sku: &'static str,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The SKU.
    pub sku: &'static str,
    /// The stores' levels, as their shoppers see them.
    pub stores: Vec<Option<i64>>,
    /// The hub's level.
    pub hub: Option<i64>,
    /// The level that all must have: what people did, by the stores' own books.
    pub truth: i64,
}

impl Row {
    /// Whether every store and the hub have the right level.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.hub == Some(self.truth) && self.stores.iter().all(|level| *level == Some(self.truth.max(0)))
    }
}

/// Three stores and a hub.
pub struct World {
    /// The stores, in the order of [`STORES`].
    pub stores: Arc<Vec<Store>>,
    /// The hub.
    pub serving: Serving,
    /// The hub's API.
    pub client: Client,
    /// Its token.
    pub token: String,
    /// When the world began.
    pub began: Timestamp,
}

impl World {
    /// Opens the stores and starts a hub over `data`. No account is connected yet.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub async fn open(data: PathBuf, http: Arc<dyn Http>) -> anyhow::Result<Self> {
        let began = SystemClock.now();
        let mut stores = Vec::new();
        for (place, (name, role)) in (0..).zip(STORES) {
            let store = Store::open(name, place, role, Arc::clone(&http), Meter::default()).await?;
            for (sku, title, master, replica) in SHELF {
                store.stock(sku, title, if role == Role::Master { master } else { replica })?;
            }
            stores.push(store);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let timers = Timers { sweep: SWEEP, ..Timers::default() };
        let settings =
            Settings { allow_insecure_endpoints: true, patience: Patience::here(), timers, ..Settings::new(data) };
        let stores = Arc::new(stores);
        let ports = Ports::open(&settings.data, http, settings.config(listener.local_addr()?)).await?;
        let ground = Arc::new(Ground::new(Arc::clone(&stores)));
        let serving = Serving::beside(listener, &settings, ports, Some(ground)).await?;
        let token = serving.token.clone().context("the directory has a hub in it already; give an empty one")?;
        let token = token.reveal().to_owned();
        let client = Client::new(&serving.url(), &token)?;
        Ok(Self { stores, serving, client, token, began })
    }

    /// The account of a store, ready to be added.
    ///
    /// # Errors
    /// When the name cannot be one.
    pub fn account(&self, store: usize) -> anyhow::Result<engine::accounts::NewAccount> {
        self.stores[store].account(Some(RATE))
    }

    /// The table as it is now.
    ///
    /// # Errors
    /// When the hub cannot read its levels.
    pub async fn rows(&self) -> anyhow::Result<Vec<Row>> {
        let items = self.serving.hub.list_items("", None, 100).await?.rows;
        let hub: BTreeMap<Sku, i64> = items.into_iter().map(|item| (item.sku, item.level)).collect();
        let row = |sku: &'static str| {
            let level = Sku::new(sku).ok().and_then(|sku| hub.get(&sku).copied());
            let stores = self.stores.iter().map(|store| store.level(sku)).collect();
            Row { sku, stores, hub: level, truth: expected(&self.stores, sku) }
        };
        Ok(SHELF.iter().map(|(sku, ..)| row(sku)).collect())
    }

    /// Waits until every store and the hub have the right levels, at most `patience`; whether they have.
    ///
    /// # Errors
    /// When the hub cannot read its levels.
    pub async fn settles(&self, patience: Duration) -> anyhow::Result<bool> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            if self.rows().await?.iter().all(Row::is_settled) {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Milliseconds since the world began.
    #[must_use]
    pub fn age_ms(&self) -> i64 {
        SystemClock.now().since_ms(self.began)
    }
}

/// The channel's title, for people.
#[must_use]
pub fn channel_title() -> &'static str {
    channels::registry::find(CHANNEL).map_or(CHANNEL, |channel| channel.info().title)
}

/// The account's name as an identifier.
///
/// # Errors
/// When the name cannot be one.
pub fn account_id(store: &Store) -> anyhow::Result<AccountId> {
    Ok(AccountId::new(store.name.clone())?)
}
