//! Stores of the fake platform over HTTP, with shoppers.

use axum::extract::{Request, State};
use axum::response::Response;
use channels::Clock;
use channels::clock::SystemClock;
use channels::fake::{Fake, NoAnswer, Outgoing};
use channels::shopwired::fake::{AccountSpec, FakeShopWired, ProductSpec};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// What no log and no answer may ever hold; each secret of a store has it.
pub const PLANTED: &str = "planted-secret";
/// The webhook secret of the master, with which `events/webhook.json` is signed. It must not be told either.
pub const SAMPLE: &str = "test-webhook-secret";

/// A webhook that is due within this time is waited for; one that is tried again is due much later.
const SOON_MS: u64 = 5_000;

type Shared = Arc<Mutex<FakeShopWired>>;

/// Stores: number 1 is the master.
pub struct Town {
    stores: Shared,
    /// Where their API is.
    pub address: String,
}

impl Town {
    /// Opens so many stores with ten TEEs in each.
    pub async fn open(stores: u64) -> Self {
        let fake: Shared = Arc::new(Mutex::new(FakeShopWired::new(7)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&fake));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let town = Self { stores: fake, address };
        for store in 1..=stores {
            let mut all = town.stores();
            all.add_account(&AccountSpec {
                business: store,
                name: name(store),
                api_key: format!("key-{store}"),
                api_secret: format!("{PLANTED}-api-{store}"),
                webhook_secret: Some(hook_secret(store)),
            });
            all.create_product(store, &ProductSpec::simple("TEE", 10), SystemClock.now()).expect("a product");
        }
        town
    }

    /// The platform.
    pub fn stores(&self) -> MutexGuard<'_, FakeShopWired> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store's account, as a person adds it.
    #[must_use]
    pub fn account(&self, store: u64) -> Value {
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
        self.stores().sell(store, "TEE", quantity, SystemClock.now()).expect("in stock");
    }

    /// The TEEs that a store shows.
    pub fn level(&self, store: u64) -> i64 {
        self.stores().level(store, "TEE").expect("it is there")
    }

    /// Whether the stores 1 to `most` all show this.
    pub fn all_show(&self, most: u64, level: i64) -> bool {
        (1..=most).all(|store| self.level(store) == level)
    }

    /// The webhooks that are due, or will be within some seconds.
    pub async fn due(&self) -> Vec<Outgoing> {
        let next = self.stores().next_due();
        let wait_ms = next.map_or(i64::MAX, |due| due.since_ms(SystemClock.now()));
        if let Ok(wait_ms @ 1..=SOON_MS) = u64::try_from(wait_ms) {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        self.stores().due(SystemClock.now())
    }

    /// The store learns what its webhook was answered.
    pub fn delivered(&self, outgoing: &Outgoing, status: u16, body: &[u8]) {
        self.stores().delivered(outgoing.ticket, Some((status, body)), SystemClock.now());
    }
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

async fn answer(State(stores): State<Shared>, request: Request) -> Response {
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
