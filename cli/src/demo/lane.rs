//! Figures of the bulk lane: very many SKUs whose numbers change at once into one store, by the clock of its fake. Nothing here
//! waits: sleeping moves the clock, so that what is told is what the store's own limits cost.

use crate::bench::{Figure, Scale};
use anyhow::{Context, ensure};
use async_trait::async_trait;
use channels::amazon::FakeAmazon;
use channels::amazon::fake::{ListingSpec, SellerSpec};
use channels::fake::Fake;
use channels::shopify::fake::{FakeShopify, ItemSpec, ShopSpec};
use channels::shopwired::FakeShopWired;
use channels::shopwired::fake::{AccountSpec, Limit, ProductSpec};
use channels::{Clock, Http, HttpError, Request, Response, Secret};
use domain::{AccountId, Role, Timestamp};
use engine::accounts::{AccountPatch, NewAccount};
use engine::adopt::Silent;
use engine::ports::QueueName;
use engine::settings::{Patch, Scope};
use engine::{Config, Hub};
use local::{EmbeddedDynamo, FileVault, LocalQueue};
use serde_json::json;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Every store begins with so many units of each SKU.
const LEVEL: i64 = 7;
/// A call takes so long, milliseconds.
const CALL_MS: i64 = 50;
/// Hints taken at once.
const HINTS: usize = 100;
/// How often the lane is called, as the timer does, milliseconds.
const SWEEP_MS: i64 = 60_000;
/// By then every store must be right, milliseconds of its clock.
const PATIENCE_MS: i64 = 24 * 3_600_000;
/// Where Shopify keeps the files of bulk operations.
const FILES: &str = "storage.googleapis.com";
const SHOP: &str = "bench.myshopify.com";
const SELLER: &str = "ABENCHSELLER01";
const MARKETPLACE: &str = "A1F83G8C2ARO7P";

/// A clock that moves when somebody sleeps.
struct VirtualClock {
    now: AtomicI64,
    random: AtomicU64,
}

impl VirtualClock {
    fn advance(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    }

    fn random(&self) -> u64 {
        let step = |mut seed: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            Some(seed ^ (seed << 17))
        };
        self.random.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step).unwrap_or_default()
    }
}

/// The store that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shopify,
    Amazon,
    ShopWired,
}

/// All stores, in this process.
struct Town {
    clock: Arc<VirtualClock>,
    shops: Mutex<FakeShopWired>,
    shopify: Mutex<FakeShopify>,
    amazon: Mutex<FakeAmazon>,
    location: u64,
    /// Calls that wrote.
    writes: AtomicU64,
    /// All calls to the store that is measured.
    calls: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Http for Town {
    async fn send(&self, request: Request, _timeout: Duration) -> Result<Response, HttpError> {
        self.clock.advance(CALL_MS);
        let now = self.clock.now();
        let path = request.uri().path();
        let body = std::str::from_utf8(request.body()).unwrap_or_default();
        let wrote = body.contains("inventorySetQuantities")
            || request.method() == http::Method::PATCH
            || path.ends_with("/feeds") && request.method() == http::Method::POST
            || path.ends_with("/stock") && request.method() == http::Method::POST;
        self.writes.fetch_add(u64::from(wrote), Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(match request.uri().host().unwrap_or_default() {
            "shopify.test" | FILES => lock(&self.shopify).handle(&request, now),
            "amazon.test" => lock(&self.amazon).handle(&request, now),
            _ => lock(&self.shops).handle(&request, now),
        })
    }
}

impl Town {
    fn open(clock: Arc<VirtualClock>, skus: &[String]) -> anyhow::Result<Self> {
        let now = clock.now();
        let before = now.plus_ms(-3_600_000);
        let mut shops = FakeShopWired::new(1);
        for business in [1, 2] {
            shops.add_account(&AccountSpec {
                business,
                name: format!("shop {business}"),
                api_key: format!("key-{business}"),
                api_secret: "secret".into(),
                webhook_secret: Some("hooks".into()),
            });
            for sku in skus {
                shops.create_product(business, &ProductSpec::simple(sku, LEVEL), before)?;
            }
        }
        shops.switches(2)?.limit = Some(Limit::A);
        let mut shopify = FakeShopify::new();
        shopify.add_shop(&ShopSpec {
            domain: SHOP.into(),
            name: "bench".into(),
            client_id: "client".into(),
            client_secret: "secret".into(),
            access_token: None,
        });
        let location = shopify.add_location(SHOP, "Main street", false, before)?;
        let mut amazon = FakeAmazon::new();
        amazon.add_seller(&SellerSpec {
            id: SELLER.into(),
            name: "bench".into(),
            client_id: "client".into(),
            client_secret: "secret".into(),
            refresh_token: "refresh".into(),
            marketplaces: vec![MARKETPLACE.into()],
        });
        amazon.switches(SELLER)?.rate_scale = Some(1.0);
        for sku in skus {
            let levels = vec![(location, LEVEL)];
            let item = ItemSpec { sku: Some(sku.clone()), title: sku.clone(), levels, ..ItemSpec::default() };
            shopify.add_item(SHOP, &item, before)?;
            amazon.list(SELLER, &ListingSpec::own(sku, LEVEL), before)?;
        }
        let (shops, shopify, amazon) = (Mutex::new(shops), Mutex::new(shopify), Mutex::new(amazon));
        Ok(Self { clock, shops, shopify, amazon, location, writes: AtomicU64::new(0), calls: AtomicU64::new(0) })
    }

    fn level(&self, kind: Kind, sku: &str) -> Option<i64> {
        match kind {
            Kind::Shopify => lock(&self.shopify).level(SHOP, sku, self.location),
            Kind::Amazon => lock(&self.amazon).level(SELLER, sku),
            Kind::ShopWired => lock(&self.shops).level(2, sku),
        }
    }
}

/// Fields of a form.
type Fields = Vec<(&'static str, &'static str)>;

fn account(id: &str, kind: Kind, role: Role) -> anyhow::Result<NewAccount> {
    let key = if role == Role::Master { "key-1" } else { "key-2" };
    let (channel, settings, secrets): (&str, Fields, Fields) = match kind {
        Kind::ShopWired => (
            "shopwired",
            vec![("base_url", "https://shopwired.test/v1")],
            vec![("api_key", key), ("api_secret", "secret"), ("webhook_secret", "hooks")],
        ),
        Kind::Shopify => (
            "shopify",
            vec![("shop", SHOP), ("client_id", "client"), ("base_url", "https://shopify.test")],
            vec![("client_secret", "secret")],
        ),
        Kind::Amazon => (
            "amazon",
            vec![
                ("seller_id", SELLER),
                ("marketplaces", MARKETPLACE),
                ("base_url", "https://amazon.test"),
                ("token_url", "https://amazon.test/auth/o2/token"),
            ],
            vec![("client_id", "client"), ("client_secret", "secret"), ("refresh_token", "refresh")],
        ),
    };
    Ok(NewAccount {
        id: AccountId::new(id)?,
        channel: channel.into(),
        role,
        inbound: None,
        drift: None,
        settings: settings.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
        secrets: secrets.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text))).collect(),
        rate: None,
    })
}

/// A hub between a master that is paused and the store that is measured.
struct Bench {
    town: Arc<Town>,
    hub: Hub,
    store: AccountId,
    _database: EmbeddedDynamo,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn open(kind: Kind, skus: &[String]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let clock = Arc::new(VirtualClock {
            now: AtomicI64::new(1_773_340_380_000),
            random: AtomicU64::new(0x9E37_79B9_7F4A_7C15),
        });
        let town = Arc::new(Town::open(Arc::clone(&clock), skus)?);
        let database = EmbeddedDynamo::open(folder.path()).await?;
        let queue = LocalQueue::open(folder.path(), Arc::clone(&clock) as _)?;
        let vault = FileVault::open(folder.path())?;
        let config = Config { allow_insecure_endpoints: true, ..Config::default() };
        let ports = (Arc::new(database.store()), Arc::new(queue), Arc::new(vault));
        let hub = Hub::new(ports.0, ports.1, ports.2, Arc::clone(&town) as _, clock, config);
        let (main, store) = (AccountId::new("main")?, AccountId::new("store")?);
        hub.add_account(account("main", Kind::ShopWired, Role::Master)?).await?;
        hub.add_account(account("store", kind, Role::Replica)?).await?;
        let adoption = hub.adopt(true, &Silent).await?;
        ensure!(adoption.new_items == skus.len() as u64, "adopted {} of {} SKUs", adoption.new_items, skus.len());
        // it says of every SKU that it is in stock there
        hub.compare(Some(&store), true, &Silent).await?;
        hub.change_account(&main, AccountPatch { paused: Some(true), ..AccountPatch::default() }).await?;
        let bench = Self { town, hub, store, _database: database, _folder: folder };
        bench.work().await?;
        Ok(bench)
    }

    /// Works through what the queues hold; how many messages.
    async fn work(&self) -> anyhow::Result<usize> {
        let mut worked = 0;
        for queue in [QueueName::Changes, QueueName::Lane] {
            loop {
                let messages = self.hub.queue.receive(queue, HINTS, Duration::ZERO).await?;
                if messages.is_empty() {
                    break;
                }
                let failed = self.hub.work(queue, &messages).await;
                ensure!(failed.is_empty(), "{failed:?}");
                let receipts: Vec<String> = messages.iter().map(|message| message.receipt.clone()).collect();
                self.hub.queue.delete(queue, &receipts).await?;
                worked += messages.len();
            }
        }
        Ok(worked)
    }

    /// One unit of each SKU is kept back from the store; then everything until it shows that.
    async fn change(&self, kind: Kind, skus: &[String]) -> anyhow::Result<Lane> {
        let scope = Scope { account: Some(self.store.clone()), ..Scope::default() };
        self.hub.set_rules(&scope, &Patch::one("hold_back", json!(1)), true, "bench", &Silent).await?;
        let began = self.town.clock.now();
        let before = (self.town.writes.load(Ordering::Relaxed), self.town.calls.load(Ordering::Relaxed));
        let is_wrong = |sku: &&String| self.town.level(kind, sku) != Some(LEVEL - 1);
        let mut wrong: Vec<&String> = skus.iter().filter(is_wrong).collect();
        let mut swept = began;
        while !wrong.is_empty() {
            let now = self.town.clock.now();
            let took = now.since_ms(began);
            ensure!(took < PATIENCE_MS, "{} of {} are wrong after {took} ms", wrong.len(), skus.len());
            if self.work().await? == 0 {
                self.town.clock.advance(1_000);
            }
            if now.since_ms(swept) >= SWEEP_MS {
                self.hub.sweep_lane(&self.store).await?;
                swept = now;
            }
            // those that were right are looked at again once none is left
            wrong.retain(is_wrong);
            if wrong.is_empty() {
                wrong.extend(skus.iter().filter(is_wrong));
            }
        }
        let seconds = self.town.clock.now().since_ms(began);
        let writes = self.town.writes.load(Ordering::Relaxed) - before.0;
        let calls = self.town.calls.load(Ordering::Relaxed) - before.1;
        Ok(Lane { seconds: number(seconds)? / 1000.0, writes: count(writes)?, calls: count(calls)? })
    }
}

/// What the lane took.
struct Lane {
    seconds: f64,
    writes: f64,
    calls: f64,
}

fn number(ms: i64) -> anyhow::Result<f64> {
    Ok(f64::from(i32::try_from(ms).context("more than 24 days")?))
}

fn count(calls: u64) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(calls).context("too many calls")?))
}

/// The lane into each kind of store.
///
/// # Errors
/// When a store is never right.
pub async fn lane(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let skus: Vec<String> = (0..scale.lane).map(|number| format!("SKU-{number:06}")).collect();
    let mut figures = Vec::new();
    for kind in [Kind::Shopify, Kind::ShopWired, Kind::Amazon] {
        let bench = Bench::open(kind, &skus).await?;
        let lane = bench.change(kind, &skus).await?;
        let name = format!("{} changed SKUs into a {kind:?}", scale.lane);
        // the next store takes minutes
        eprintln!(
            "{name}: {:.0} s by its clock, {:.0} calls that write, {:.0} in all",
            lane.seconds, lane.writes, lane.calls
        );
        let seconds = Figure::median(format!("{name}: by its clock"), "s", vec![lane.seconds]);
        let writes = Figure::median("  calls that write", "calls", vec![lane.writes]);
        let calls = Figure::median("  all calls", "calls", vec![lane.calls]);
        let most = (f64::from(u32::try_from(scale.lane)?) / 250.0 * 1.1).floor();
        figures.extend(match kind {
            Kind::Shopify => [seconds.at_most(300.0), writes.at_most(most), calls],
            Kind::ShopWired | Kind::Amazon => [seconds, writes, calls],
        });
    }
    Ok(figures)
}
