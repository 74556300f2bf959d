//! A merchant's three stores on one fake platform, and a hub over the embedded ports: for tests that read like a
//! shopkeeper's day. Time moves only when told.

use crate::fake_http::{FakeHttp, ManualClock};
use channels::fake::Fake;
use channels::shopwired::fake::{AccountSpec, FakeShopWired, ProductSpec};
use channels::{Clock, Hook, Secret};
use domain::{AccountId, Role, Sku};
use engine::accounts::NewAccount;
use engine::adopt::Silent;
use engine::ports::QueueName;
use engine::receive::Received;
use engine::{Config, Hub};
use local::{EmbeddedDynamo, FileVault, LocalQueue};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The three stores, by the names that they have in the hub.
pub const STORES: [(&str, u64); 3] = [("main", 1), ("north", 2), ("south", 3)];

/// Three stores and a hub.
pub struct Shops {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The clock of everything.
    pub clock: Arc<ManualClock>,
    /// The network, and behind it the platform.
    pub http: Arc<FakeHttp<FakeShopWired>>,
    _database: EmbeddedDynamo,
    _folder: tempfile::TempDir,
}

impl Shops {
    /// Opens the stores with these products on all of them, connects and adopts them.
    pub async fn open(products: &[(&str, i64)]) -> Self {
        let shops = Self::connect(products).await;
        let adoption = shops.hub.adopt(true, &Silent).await.expect("adoption");
        assert_eq!(adoption.new_items as usize, products.len(), "{adoption:?}");
        shops.settle().await;
        shops
    }

    /// Opens and connects the stores without adopting them.
    pub async fn connect(products: &[(&str, i64)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(1_773_340_380_000));
        let fake = Arc::new(Mutex::new(FakeShopWired::new(7)));
        let http = Arc::new(FakeHttp::new(fake, Arc::clone(&clock)));
        for (name, business) in STORES {
            let mut fake = http.fake();
            fake.add_account(&spec(name, business));
            for (sku, stock) in products {
                fake.create_product(business, &ProductSpec::simple(sku, *stock), clock.now()).expect("a product");
            }
        }
        let database = EmbeddedDynamo::open(folder.path()).await.expect("a database");
        let queue = LocalQueue::open(folder.path(), Arc::clone(&clock) as _).expect("a queue");
        let vault = FileVault::open(folder.path()).expect("a vault");
        let config = Config {
            public_url: Some("https://hub.example".into()),
            allow_insecure_endpoints: true,
            ..Config::default()
        };
        let hub = Hub::new(
            Arc::new(database.store()),
            Arc::new(queue),
            Arc::new(vault),
            Arc::clone(&http) as _,
            Arc::clone(&clock) as _,
            config,
        );
        let shops = Self { hub: Arc::new(hub), clock, http, _database: database, _folder: folder };
        for (name, business) in STORES {
            shops.hub.add_account(new_account(name, business)).await.expect("the account");
        }
        shops.deliver().await;
        shops
    }

    /// An empty hub beside this one, over the same stores, whose webhooks reach it from now on.
    pub async fn another_hub(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = EmbeddedDynamo::open(folder.path()).await.expect("a database");
        let queue = LocalQueue::open(folder.path(), Arc::clone(&self.clock) as _).expect("a queue");
        let vault = FileVault::open(folder.path()).expect("a vault");
        let hub = Hub::new(
            Arc::new(database.store()),
            Arc::new(queue),
            Arc::new(vault),
            Arc::clone(&self.http) as _,
            Arc::clone(&self.clock) as _,
            self.hub.config.clone(),
        );
        let (clock, http) = (Arc::clone(&self.clock), Arc::clone(&self.http));
        Self { hub: Arc::new(hub), clock, http, _database: database, _folder: folder }
    }

    /// Delivers the webhooks that are due; gives how many.
    pub async fn deliver(&self) -> usize {
        let now = self.clock.now();
        let due = self.http.fake().due(now);
        for outgoing in &due {
            let path = outgoing.request.uri().path().to_owned();
            let account = path.rsplit('/').next().unwrap_or_default();
            let hook = Hook { headers: outgoing.request.headers(), body: outgoing.request.body() };
            let answer = match self.hub.receive(account, hook).await.expect("durable") {
                Received::Accepted(_) => (200, Vec::new()),
                Received::Answer(text) => (200, text.into_bytes()),
                Received::Refused => (401, Vec::new()),
            };
            self.http.fake().delivered(outgoing.ticket, Some((answer.0, &answer.1)), now);
        }
        due.len()
    }

    /// Works through what the queues hold now; gives how many messages.
    pub async fn work(&self) -> usize {
        let mut worked = 0;
        for queue in [QueueName::Changes, QueueName::Lane] {
            let messages = self.hub.queue.receive(queue, 100, Duration::ZERO).await.expect("messages");
            let failed = self.hub.work(queue, &messages).await;
            assert!(failed.is_empty(), "{failed:?}");
            let receipts: Vec<String> = messages.iter().map(|message| message.receipt.clone()).collect();
            self.hub.queue.delete(queue, &receipts).await.expect("deleted");
            worked += messages.len();
        }
        worked
    }

    /// Lets a quarter of a second at a time pass until nothing has happened for ten seconds.
    pub async fn settle(&self) {
        let mut quiet = 0;
        for _ in 0..4_000 {
            let busy = self.deliver().await + self.work().await;
            quiet = if busy == 0 { quiet + 1 } else { 0 };
            if quiet > 40 {
                return;
            }
            self.clock.advance(Duration::from_millis(250));
        }
        panic!("it never became quiet");
    }

    /// The level that each store and the hub have of a SKU.
    pub async fn levels(&self, sku: &str) -> BTreeMap<String, i64> {
        let mut levels = BTreeMap::new();
        for (name, business) in STORES {
            levels.insert(name.to_owned(), self.http.fake().level(business, sku).unwrap_or(i64::MIN));
        }
        let item = self.hub.show_item(&Sku::new(sku).expect("a SKU")).await.expect("an item");
        levels.insert("hub".into(), item.level);
        levels
    }

    /// Checks that the hub and every store show this.
    pub async fn all_show(&self, sku: &str, level: i64) {
        let levels = self.levels(sku).await;
        assert!(levels.values().all(|shown| *shown == level), "{sku} shall be {level} everywhere: {levels:?}");
    }
}

fn spec(name: &str, business: u64) -> AccountSpec {
    AccountSpec {
        business,
        name: name.into(),
        api_key: format!("key-{name}"),
        api_secret: format!("secret-{name}"),
        webhook_secret: Some(format!("signer-{name}")),
    }
}

/// An account of the hub for one of the stores.
#[must_use]
pub fn new_account(name: &str, business: u64) -> NewAccount {
    let secret = |field: &str, value: &str| (field.to_owned(), Secret::new(format!("{value}-{name}")));
    NewAccount {
        id: AccountId::new(name).expect("a name"),
        channel: "shopwired".into(),
        role: if business == 1 { Role::Master } else { Role::Replica },
        inbound: None,
        drift: None,
        settings: BTreeMap::from([("base_url".into(), "http://127.0.0.1/v1".into())]),
        secrets: BTreeMap::from([
            secret("api_key", "key"),
            secret("api_secret", "secret"),
            secret("webhook_secret", "signer"),
        ]),
        rate: None,
    }
}
