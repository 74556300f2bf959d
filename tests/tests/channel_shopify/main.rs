//! Conformance of the Shopify connector: the real one, against the fake platform, with every unknown in both positions.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod access;
mod bulk;
mod day;
mod documents;
mod hooks;
mod locations;
mod platform;
mod points;
mod reads;
mod refusals;
mod scale;
mod stocked;
mod subscriptions;
mod webhooks;
mod writes;

use channels::shopify::fake::{FakeShopify, Fault, ItemSpec, ShopSpec, Switches};
use channels::shopify::{Shopify, fake};
use channels::{
    Allowed, Channel, Http, HttpError, Outcome, Request, Response, Secret, Secrets, Session, Tokens, Write,
};
use domain::{AccountId, LocationId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tests::conformance::{kinds, sku};
use tests::fake_http::{FakeHttp, ManualClock, Sent};

const SHOP: &str = "tees.myshopify.com";
/// Thu, 12 Mar 2026 18:33:00 +0000.
const START: i64 = 1_773_340_380_000;
const URL: &str = "https://hub.example.invalid/webhooks/shop";
const CLIENT_SECRET: &str = "shpss-0c41-secret";

/// The network, which also remembers tolls and what the store said of its limits.
struct Net {
    inner: FakeHttp<FakeShopify>,
    tolls: Mutex<Vec<(&'static str, f64)>>,
    allowed: Mutex<Vec<Allowed>>,
}

#[async_trait::async_trait]
impl Http for Net {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        let toll = request.extensions().get::<channels::Toll>().copied().expect("every request says what it takes");
        self.tolls.lock().unwrap().push((toll.bucket, toll.cost));
        self.inner.send(request, timeout).await
    }

    fn allowed(&self, allowed: Allowed) {
        self.allowed.lock().unwrap().push(allowed);
    }
}

/// A store with two locations, a network, a clock and an account of it.
struct World {
    net: Net,
    clock: Arc<ManualClock>,
    account: AccountId,
    settings: BTreeMap<String, String>,
    secrets: Secrets,
    tokens: Tokens,
    /// The locations' ids.
    main: u64,
    shed: u64,
}

fn spec() -> ShopSpec {
    ShopSpec {
        domain: SHOP.into(),
        name: "Tees & Co".into(),
        client_id: "client-77".into(),
        client_secret: CLIENT_SECRET.into(),
        access_token: None,
    }
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let mut fake = FakeShopify::new();
        fake.add_shop(&spec());
        let main = fake.add_location(SHOP, "Main street", false, Timestamp(START)).unwrap();
        let shed = fake.add_location(SHOP, "Shed", false, Timestamp(START)).unwrap();
        let inner = FakeHttp::new(Arc::new(Mutex::new(fake)), Arc::clone(&clock));
        let net = Net { inner, tolls: Mutex::default(), allowed: Mutex::default() };
        let settings = [("shop", SHOP), ("client_id", "client-77")];
        Self {
            net,
            clock,
            account: AccountId::new("shop").unwrap(),
            settings: settings.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
            secrets: BTreeMap::from([("client_secret".to_owned(), Secret::new(CLIENT_SECRET))]),
            tokens: Tokens::default(),
            main,
            shed,
        }
    }

    fn with(self, set: impl FnOnce(&mut Switches)) -> Self {
        self.switch(set);
        self
    }

    fn switch(&self, set: impl FnOnce(&mut Switches)) {
        set(self.fake().switches(SHOP).unwrap());
    }

    /// Products at the main location.
    fn stocked(self, stock: &[(&str, i64)]) -> Self {
        for (sku, level) in stock {
            self.add(sku, &[(self.main, *level)]);
        }
        self
    }

    fn add(&self, sku: &str, levels: &[(u64, i64)]) -> u64 {
        self.item(&ItemSpec { sku: Some(sku.into()), title: sku.into(), levels: levels.into(), ..ItemSpec::default() })
    }

    fn item(&self, spec: &ItemSpec) -> u64 {
        self.fake().add_item(SHOP, spec, self.now()).unwrap()
    }

    fn fake(&self) -> MutexGuard<'_, FakeShopify> {
        self.net.inner.fake()
    }

    fn fail(&self, fault: Fault) {
        self.fake().fail(SHOP, fault).unwrap();
    }

    fn session(&self) -> Session<'_> {
        Session {
            account: &self.account,
            settings: &self.settings,
            secrets: &self.secrets,
            tokens: &self.tokens,
            http: &self.net,
            clock: &*self.clock,
            timeout: Duration::from_secs(8),
        }
    }

    fn now(&self) -> Timestamp {
        channels::Clock::now(&*self.clock)
    }

    fn level(&self, sku: &str) -> i64 {
        self.fake().level(SHOP, sku, self.main).unwrap()
    }

    /// A write at the main location that expects `from`.
    fn row(&self, name: &str, from: i64, to: i64) -> Write {
        let item = self.id(name);
        write(name, &item, self.main, from, to)
    }

    fn id(&self, name: &str) -> String {
        self.fake().find(SHOP, name).map(|id| id.to_string()).unwrap_or_else(|| "1".into())
    }

    async fn write(&self, rows: &[(&str, i64, i64)]) -> Vec<Outcome> {
        let writes: Vec<Write> = rows.iter().map(|(name, from, to)| self.row(name, *from, *to)).collect();
        self.send(&writes).await
    }

    async fn send(&self, writes: &[Write]) -> Vec<Outcome> {
        Shopify.write(self.session(), writes).await
    }

    /// The mutations among what was sent.
    fn mutations(&self) -> Vec<Sent> {
        let sent = self.net.inner.take_sent();
        sent.into_iter().filter(|sent| sent.body.contains("\"query\":\"mutation")).collect()
    }
}

fn location(id: u64) -> LocationId {
    LocationId::new(id.to_string()).unwrap()
}

fn write(name: &str, item: &str, place: u64, from: i64, to: i64) -> Write {
    let key = format!("key-{name}-{place}-{from}-{to}");
    Write { sku: sku(name), location: location(place), external: item.into(), from, to, key }
}

/// A fault that hits the next so many requests of a kind.
fn next(left: u32, failure: fake::Failure, when: fake::When, which: fake::Which) -> Fault {
    Fault { failure, when, which, skip: 0, left: Some(left) }
}
