//! The demo's world: three stores of three platforms over HTTP, two warehouses, a hub that serves, and the account of all that
//! was done.

use super::amazon::Post;
use super::corner::Corner;
use super::places::{PLACES, Places};
use super::play::Ground;
use super::stores::{CHANNEL, Store};
use crate::client::api::Client;
use crate::fakes::Meter;
use crate::serve::{Patience, Ports, Serving, Settings, Timers};
use anyhow::Context;
use channels::{Clock, Http, clock::SystemClock};
use domain::{Role, Timestamp};
use engine::records::Rate;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Stores of one platform, as figures and tests have them: the first is the master.
pub const STORES: [(&str, Role); 3] = [("main", Role::Master), ("leeds", Role::Replica), ("york", Role::Replica)];
/// The second warehouse.
pub const WEST: &str = "west";
/// What they sell: SKU, title, level on the master, level that the replicas begin with, level in the depot.
pub const SHELF: [(&str, &str, i64, i64, i64); 8] = [
    ("MUG-RED", "Red mug", 40, 12, 30),
    ("MUG-BLUE", "Blue mug", 25, 25, 10),
    ("TEE-S", "T-shirt, small", 60, 60, 25),
    ("TEE-M", "T-shirt, medium", 80, 75, 40),
    ("TEE-L", "T-shirt, large", 55, 0, 15),
    ("CAP/BLACK", "Black cap", 30, 31, 12),
    ("BAG 01", "Canvas bag", 18, 18, 20),
    ("PEN-XY", "Pen", 200, 200, 90),
];
/// How often a person who waits looks at the stores.
const LOOK: Duration = Duration::from_millis(50);
/// The stores' feeds are read this often, so that a lost webhook heals while people watch. `serve` takes its time.
const SWEEP: Duration = Duration::from_secs(4);
/// What the demo's stores allow: each its own calls. A real one allows fewer, and is asked more slowly.
pub const RATE: Rate = Rate { per_minute: 60_000, burst: 200 };

/// Three stores of one platform and a hub that knows none of them: for whoever wants to do all of it in the console.
pub struct Empty {
    /// The hub.
    pub serving: Serving,
    /// Its token.
    pub token: String,
}

impl Empty {
    /// Opens the stores and starts a hub over `data`.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub async fn open(data: PathBuf, http: Arc<dyn Http>) -> anyhow::Result<Self> {
        let mut stores = Vec::new();
        for (place, (name, role)) in (0..).zip(STORES) {
            let store = Store::open(name, place, role, Arc::clone(&http), Meter::default()).await?;
            for (sku, title, master, replica, _) in SHELF {
                store.stock(sku, title, if role == Role::Master { master } else { replica })?;
            }
            stores.push(store);
        }
        let (listener, settings) = hub(data).await?;
        let ports = Ports::open(&settings.data, http, settings.config(listener.local_addr()?)).await?;
        let ground = Arc::new(Ground::new(Arc::new(stores)));
        let serving = Serving::beside(listener, &settings, ports, Some(ground)).await?;
        let token = first_token(&serving)?;
        Ok(Self { serving, token })
    }
}

/// Where the demo's hub listens, and how it serves.
async fn hub(data: PathBuf) -> anyhow::Result<(TcpListener, Settings)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let timers = Timers { sweep: SWEEP, ..Timers::default() };
    let patience = Patience::here();
    Ok((listener, Settings { allow_insecure_endpoints: true, patience, timers, ..Settings::new(data) }))
}

fn first_token(serving: &Serving) -> anyhow::Result<String> {
    let token = serving.token.clone().context("the directory has a hub in it already; give an empty one")?;
    Ok(token.reveal().to_owned())
}

/// What somebody did, for the latency.
#[derive(Debug, Clone)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Where, as a place of [`PLACES`].
    pub place: usize,
    /// The SKU.
    pub sku: &'static str,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The SKU.
    pub sku: &'static str,
    /// The levels, as shoppers see them, in the order of [`PLACES`].
    pub places: Vec<Option<i64>>,
    /// What each must show by the hub's warehouses; nothing where it is not sold, or the hub does not know.
    pub right: Vec<Option<i64>>,
    /// The hub's level over both warehouses.
    pub hub: Option<i64>,
    /// The level that it must have: what people did, by the stores' own books.
    pub truth: i64,
}

impl Row {
    /// Whether the hub has the right level, and every place shows that of its warehouses.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.hub == Some(self.truth) && self.places == self.right
    }
}

/// The stores and a hub.
pub struct World {
    /// The stores.
    pub places: Arc<Places>,
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
        let post = Arc::new(Post::default());
        let places = Arc::new(Places::open(&http, Arc::clone(&post)).await?);
        let (listener, settings) = hub(data).await?;
        let ports = Ports::open(&settings.data, http, settings.config(listener.local_addr()?)).await?;
        post.deliver_to(&ports.hub);
        let corner = Arc::new(Corner::new(Arc::clone(&places)));
        let serving = Serving::beside(listener, &settings, ports, Some(corner)).await?;
        let token = first_token(&serving)?;
        let client = Client::new(&serving.url(), &token)?;
        Ok(Self { places, serving, client, token, began })
    }

    /// The table as it is now.
    ///
    /// # Errors
    /// When the hub cannot read its levels.
    pub async fn rows(&self) -> anyhow::Result<Vec<Row>> {
        let items = self.serving.hub.list_items("", None, 100).await?.rows;
        let hub: BTreeMap<String, BTreeMap<String, i64>> = items.into_iter().map(by_warehouse).collect();
        let row = |(sku, ..): &(&'static str, &str, i64, i64, i64)| {
            let levels = hub.get(*sku);
            let of = |warehouse: &&str| levels.and_then(|levels| levels.get(*warehouse)).copied();
            let shown: Vec<Option<i64>> = (0..PLACES.len()).map(|place| self.places.level(place, sku)).collect();
            let right = |(place, level): (usize, &Option<i64>)| {
                let sum: Option<i64> = Places::warehouses(place).iter().map(of).sum();
                // what a store does not sell it need not show
                level.and(sum).map(|sum| sum.max(0))
            };
            let right = shown.iter().enumerate().map(right).collect();
            let sum = levels.map(|levels| levels.values().sum::<i64>());
            Row { sku, places: shown, right, hub: sum, truth: self.places.truth(sku) }
        };
        Ok(SHELF.iter().map(row).collect())
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
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the hub has counted all that people did to a SKU and `place` shows it, at most `patience`.
    ///
    /// # Errors
    /// When the hub cannot read its levels.
    pub async fn is_calm(&self, sku: &str, place: usize, patience: Duration) -> anyhow::Result<bool> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let rows = self.rows().await?;
            let calm = |row: &&Row| row.hub == Some(row.truth) && row.places.get(place) == row.right.get(place);
            if rows.iter().find(|row| row.sku == sku).filter(calm).is_some() {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Milliseconds since the world began.
    #[must_use]
    pub fn age_ms(&self) -> i64 {
        SystemClock.now().since_ms(self.began)
    }
}

fn by_warehouse(item: engine::items::ItemView) -> (String, BTreeMap<String, i64>) {
    let levels = item.warehouses.into_iter().map(|(warehouse, level)| (warehouse.to_string(), level));
    (item.sku.to_string(), levels.collect())
}

/// The channel's title of the stores that the console plays with.
#[must_use]
pub fn channel_title() -> &'static str {
    channels::registry::find(CHANNEL).map_or(CHANNEL, |channel| channel.info().title)
}
