//! Conformance of the ShopWired connector: the real one, against the fake platform, with every unknown in both positions.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod catalogue;
mod feed;
mod hooks;
mod orders;
mod platform;
mod refusals;
mod subscriptions;
mod webhooks;
mod writes;

use channels::shopwired::fake::{AccountSpec, ProductSpec, Switches};
use channels::shopwired::{FakeShopWired, ShopWired};
use channels::{Channel, Outcome, Secret, Secrets, Session, Tokens, Write};
use domain::{AccountId, LocationId, OrderId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tests::conformance::{kinds, sku};
use tests::fake_http::{FakeHttp, ManualClock};

/// The platform's number of the store.
const SHOP: u64 = 1001;
/// Thu, 12 Mar 2026 18:33:00 +0000.
const START: i64 = 1_773_340_380_000;
const URL: &str = "https://hub.example.invalid/webhooks/shop";
const KEY: &str = "sw-key-1f6c";
const SECRET: &str = "sw-secret-77d0";
const SIGNING: &str = "test-webhook-secret";

/// A store, a network, a clock and an account of it.
struct World {
    http: FakeHttp<FakeShopWired>,
    clock: Arc<ManualClock>,
    account: AccountId,
    settings: BTreeMap<String, String>,
    secrets: Secrets,
    tokens: Tokens,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let mut fake = FakeShopWired::new(7);
        fake.add_account(&AccountSpec {
            business: SHOP,
            name: "Tees & Co".into(),
            api_key: KEY.into(),
            api_secret: SECRET.into(),
            webhook_secret: Some(SIGNING.into()),
        });
        let http = FakeHttp::new(Arc::new(Mutex::new(fake)), Arc::clone(&clock));
        let (account, settings) = (AccountId::new("shop").unwrap(), BTreeMap::new());
        Self { http, clock, account, settings, secrets: secrets(), tokens: Tokens::default() }
    }

    fn with(self, set: impl FnOnce(&mut Switches)) -> Self {
        set(self.fake().switches(SHOP).unwrap());
        self
    }

    fn stocked(self, stock: &[(&str, i64)]) -> Self {
        for (sku, level) in stock {
            self.fake().create_product(SHOP, &ProductSpec::simple(sku, *level), Timestamp(START)).unwrap();
        }
        self
    }

    fn fake(&self) -> MutexGuard<'_, FakeShopWired> {
        self.http.fake()
    }

    fn session(&self) -> Session<'_> {
        Session {
            account: &self.account,
            settings: &self.settings,
            secrets: &self.secrets,
            tokens: &self.tokens,
            http: &self.http,
            clock: &*self.clock,
            timeout: Duration::from_secs(8),
        }
    }

    fn now(&self) -> Timestamp {
        channels::Clock::now(&*self.clock)
    }

    fn sell(&self, sku: &str, quantity: i64) -> u64 {
        self.fake().sell(SHOP, sku, quantity, self.now()).unwrap()
    }

    fn level(&self, sku: &str) -> i64 {
        self.fake().level(SHOP, sku).unwrap()
    }

    async fn write(&self, writes: &[(&str, i64)]) -> Vec<Outcome> {
        let writes: Vec<Write> = writes.iter().map(|(name, to)| write(name, *to)).collect();
        ShopWired.write(self.session(), &writes).await
    }
}

fn secrets() -> Secrets {
    let fields = [("api_key", KEY), ("api_secret", SECRET), ("webhook_secret", SIGNING)];
    fields.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text))).collect()
}

fn order_id(id: u64) -> OrderId {
    OrderId::new(id.to_string()).unwrap()
}

fn write(name: &str, to: i64) -> Write {
    Write { sku: sku(name), location: LocationId::single(), external: name.into(), from: 0, to, key: "unused".into() }
}
