//! Stores of fake platforms over HTTP, with shoppers.

use axum::extract::{Request, State};
use axum::response::Response;
use channels::Clock;
use channels::clock::SystemClock;
use channels::fake::{Fake, NoAnswer, Outgoing};
use channels::shopify::fake::{FakeShopify, ItemSpec, ShopSpec};
use channels::shopwired::fake::{AccountSpec, FakeShopWired, ProductSpec};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// What no log and no answer may ever hold; each secret of a store has it.
pub const PLANTED: &str = "planted-secret";
/// The webhook secret of the master, with which `events/webhook.json` is signed. It must not be told either.
pub const SAMPLE: &str = "test-webhook-secret";

/// A webhook that is due within this time is waited for; one that is tried again is due much later.
const SOON_MS: u64 = 5_000;

/// How many TEEs a store begins with.
const TEES: i64 = 10;

/// What the replicas are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// Stores with a log of movements, which are set to a level (class C).
    ShopWired,
    /// Stores that are written by compare-and-set, each with one location (class A).
    Shopify,
}

type Shared<F> = Arc<Mutex<F>>;

/// Stores: number 1 is the master, at ShopWired.
pub struct Town {
    stores: Shared<FakeShopWired>,
    shops: Shared<FakeShopify>,
    /// The location of each replica at Shopify.
    locations: BTreeMap<u64, u64>,
    /// Where ShopWired's API is.
    pub address: String,
    /// Where Shopify's is.
    elsewhere: String,
}

impl Town {
    /// Opens so many stores of ShopWired with ten TEEs in each.
    pub async fn open(stores: u64) -> Self {
        Self::with(stores, Replicas::ShopWired).await
    }

    /// The same, with replicas of this kind.
    pub async fn with(stores: u64, replicas: Replicas) -> Self {
        let (fake, shops) = (Arc::new(Mutex::new(FakeShopWired::new(7))), Arc::new(Mutex::new(FakeShopify::new())));
        let (address, elsewhere) = (host(Arc::clone(&fake)).await + "/v1", host(Arc::clone(&shops)).await);
        let mut town = Self { stores: fake, shops, locations: BTreeMap::new(), address, elsewhere };
        let (own, others) = if replicas == Replicas::ShopWired { (stores, 0..0) } else { (1, 2..stores + 1) };
        for store in others {
            let location = open_shop(&mut town.shops(), store);
            town.locations.insert(store, location);
        }
        for store in 1..=own {
            let mut all = town.stores();
            all.add_account(&AccountSpec {
                business: store,
                name: name(store),
                api_key: format!("key-{store}"),
                api_secret: format!("{PLANTED}-api-{store}"),
                webhook_secret: Some(hook_secret(store)),
            });
            all.create_product(store, &ProductSpec::simple("TEE", TEES), SystemClock.now()).expect("a product");
        }
        town
    }

    /// The platform.
    pub fn stores(&self) -> MutexGuard<'_, FakeShopWired> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shops(&self) -> MutexGuard<'_, FakeShopify> {
        self.shops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store's account, as a person adds it.
    #[must_use]
    pub fn account(&self, store: u64) -> Value {
        if self.locations.contains_key(&store) {
            let ShopSpec { domain, client_id, client_secret, .. } = shop(store);
            return json!({
                "id": name(store), "channel": "shopify", "role": "replica",
                "settings": { "base_url": self.elsewhere, "shop": domain, "client_id": client_id },
                "secrets": { "client_secret": client_secret },
            });
        }
        json!({
            "id": name(store), "channel": "shopwired", "role": if store == 1 { "master" } else { "replica" },
            "settings": { "base_url": self.address },
            "secrets": {
                "api_key": format!("key-{store}"), "api_secret": format!("{PLANTED}-api-{store}"),
                "webhook_secret": hook_secret(store),
            },
        })
    }

    /// Somebody buys TEEs.
    pub fn sell(&self, store: u64, quantity: i64) {
        let now = SystemClock.now();
        match self.locations.get(&store) {
            Some(location) => {
                self.shops().sell(&shop(store).domain, "TEE", *location, quantity, now).expect("in stock");
            }
            None => {
                self.stores().sell(store, "TEE", quantity, now).expect("in stock");
            }
        }
    }

    /// The TEEs that a store shows.
    pub fn level(&self, store: u64) -> i64 {
        match self.locations.get(&store) {
            Some(location) => self.shops().level(&shop(store).domain, "TEE", *location),
            None => self.stores().level(store, "TEE"),
        }
        .expect("it is there")
    }

    /// Whether the stores 1 to `most` all show this.
    pub fn all_show(&self, most: u64, level: i64) -> bool {
        (1..=most).all(|store| self.level(store) == level)
    }

    /// The webhooks that are due, or will be within some seconds.
    pub async fn due(&self) -> Vec<Outgoing> {
        let next = [self.stores().next_due(), self.shops().next_due()].into_iter().flatten().min();
        let wait_ms = next.map_or(i64::MAX, |due| due.since_ms(SystemClock.now()));
        if let Ok(wait_ms @ 1..=SOON_MS) = u64::try_from(wait_ms) {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        let now = SystemClock.now();
        let mut due = self.stores().due(now);
        due.extend(self.shops().due(now));
        due
    }

    /// The store learns what its webhook was answered.
    pub fn delivered(&self, outgoing: &Outgoing, status: u16, body: &[u8]) {
        let (answer, now) = (Some((status, body)), SystemClock.now());
        let to = outgoing.request.uri().path().rsplit('/').next();
        if self.locations.keys().any(|store| Some(name(*store).as_str()) == to) {
            self.shops().delivered(outgoing.ticket, answer, now);
        } else {
            self.stores().delivered(outgoing.ticket, answer, now);
        }
    }
}

fn shop(store: u64) -> ShopSpec {
    ShopSpec {
        domain: format!("{}.myshopify.com", name(store)),
        name: name(store),
        client_id: format!("client-{store}"),
        client_secret: format!("{PLANTED}-client-{store}"),
        access_token: None,
    }
}

/// Opens a store at Shopify; its only location.
fn open_shop(fake: &mut FakeShopify, store: u64) -> u64 {
    let (spec, now) = (shop(store), SystemClock.now());
    fake.add_shop(&spec);
    let location = fake.add_location(&spec.domain, "Main street", false, now).expect("a location");
    let levels = vec![(location, TEES)];
    let item = ItemSpec { sku: Some("TEE".into()), title: "TEE".into(), levels, ..ItemSpec::default() };
    fake.add_item(&spec.domain, &item, now).expect("an item");
    location
}

fn hook_secret(store: u64) -> String {
    if store == 1 { SAMPLE.into() } else { format!("{PLANTED}-hook-{store}") }
}

/// Whether a text tells a secret.
#[must_use]
pub fn tells_a_secret(text: &str) -> bool {
    text.contains(PLANTED) || text.contains(SAMPLE)
}

/// The name of a store's account.
#[must_use]
pub fn name(store: u64) -> String {
    if store == 1 { "main".into() } else { format!("shop-{store}") }
}

/// Puts a fake behind an address of its own.
async fn host<F: Fake + 'static>(fake: Shared<F>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let router = axum::Router::new().fallback(answer::<F>).with_state(fake);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn answer<F: Fake>(State(stores): State<Shared<F>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let request = http::Request::from_parts(parts, body);
    let response = stores.lock().unwrap_or_else(PoisonError::into_inner).handle(&request, SystemClock.now());
    if response.extensions().get::<NoAnswer>().is_some() {
        // whoever waits gives up, or dies
        return std::future::pending().await;
    }
    response.map(axum::body::Body::from)
}
