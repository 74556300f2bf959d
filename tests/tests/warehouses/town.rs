//! The stores, the network between them and the hub, and time that moves only when told.

use channels::amazon::FakeAmazon;
use channels::amazon::fake::{ListingSpec, SellerSpec};
use channels::fake::Fake;
use channels::shopify::fake::{FakeShopify, ItemSpec, ShopSpec};
use channels::{Clock, Hook, Http, HttpError, Request, Response, Secret};
use domain::{AccountId, ListingId, LocationId, Role, Sku, WarehouseId};
use engine::accounts::NewAccount;
use engine::adopt::{Adoption, Silent};
use engine::locations::{Linking, Order};
use engine::ports::QueueName;
use engine::receive::Received;
use engine::warehouses::NewWarehouse;
use engine::work::Task;
use engine::{Config, Error, Hub};
use local::{EmbeddedDynamo, FileVault, LocalQueue};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tests::fake_http::ManualClock;

/// The chain, which is the master.
pub const CHAIN: &str = "chain.myshopify.com";
/// The web shop.
pub const WEB: &str = "web.myshopify.com";
/// The seller at the market place.
pub const MARKET: &str = "AREPLICA0001";
const MARKETPLACE: &str = "A1F83G8C2ARO7P";
const SHOPS_AT: &str = "http://127.0.0.1:8901";
const MARKET_AT: &str = "http://127.0.0.1:8902";

struct Net {
    shops: Arc<Mutex<FakeShopify>>,
    market: Arc<Mutex<FakeAmazon>>,
    clock: Arc<ManualClock>,
}

#[async_trait::async_trait]
impl Http for Net {
    async fn send(&self, request: Request, _timeout: Duration) -> Result<Response, HttpError> {
        let now = self.clock.now();
        Ok(match request.uri().port_u16() {
            Some(8902) => self.market.lock().unwrap().handle(&request, now),
            // the files of the shops are at a host of their own
            Some(_) | None => self.shops.lock().unwrap().handle(&request, now),
        })
    }
}

/// All of it.
pub struct Town {
    pub hub: Hub,
    pub clock: Arc<ManualClock>,
    shops: Arc<Mutex<FakeShopify>>,
    market: Arc<Mutex<FakeAmazon>>,
    /// The chain's locations.
    pub street: u64,
    pub shed: u64,
    /// The web shop's location.
    pub online: u64,
    _database: EmbeddedDynamo,
    _folder: tempfile::TempDir,
}

pub fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

pub fn warehouse(name: &str) -> WarehouseId {
    WarehouseId::new(name).unwrap()
}

pub fn location(id: u64) -> LocationId {
    LocationId::new(id.to_string()).unwrap()
}

pub fn listing(account: &str, id: u64) -> ListingId {
    ListingId::at(AccountId::new(account).unwrap(), location(id))
}

impl Town {
    /// Opens the stores; nothing is sold there yet and no account is connected.
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_773_340_380_000));
        let (mut shops, mut market) = (FakeShopify::new(), FakeAmazon::new());
        for domain in [CHAIN, WEB] {
            shops.add_shop(&ShopSpec {
                domain: domain.into(),
                name: domain.into(),
                client_id: format!("client-{domain}"),
                client_secret: format!("secret-{domain}"),
                access_token: None,
            });
        }
        let now = clock.now();
        let street = shops.add_location(CHAIN, "High street", false, now).unwrap();
        let shed = shops.add_location(CHAIN, "Shed", false, now).unwrap();
        let online = shops.add_location(WEB, "Online", false, now).unwrap();
        market.add_seller(&SellerSpec {
            id: MARKET.into(),
            name: MARKET.into(),
            client_id: "client".into(),
            client_secret: "secret".into(),
            refresh_token: "refresh".into(),
            marketplaces: vec![MARKETPLACE.into()],
        });
        let (shops, market) = (Arc::new(Mutex::new(shops)), Arc::new(Mutex::new(market)));
        let database = EmbeddedDynamo::open(folder.path()).await.unwrap();
        let queue = LocalQueue::open(folder.path(), Arc::clone(&clock) as _).unwrap();
        let vault = FileVault::open(folder.path()).unwrap();
        let net = Net { shops: Arc::clone(&shops), market: Arc::clone(&market), clock: Arc::clone(&clock) };
        let public_url = Some("https://hub.example".into());
        let config = Config { public_url, allow_insecure_endpoints: true, ..Config::default() };
        let ports = (Arc::new(database.store()), Arc::new(queue), Arc::new(vault));
        let hub = Hub::new(ports.0, ports.1, ports.2, Arc::new(net), Arc::clone(&clock) as _, config);
        Self { hub, clock, shops, market, street, shed, online, _database: database, _folder: folder }
    }

    pub fn shops(&self) -> MutexGuard<'_, FakeShopify> {
        self.shops.lock().unwrap()
    }

    pub fn market(&self) -> MutexGuard<'_, FakeAmazon> {
        self.market.lock().unwrap()
    }

    /// A product of a shop with levels at some of its locations.
    pub fn stock(&self, shop: &str, name: &str, levels: &[(u64, i64)]) {
        let spec =
            ItemSpec { sku: Some(name.into()), title: name.into(), levels: levels.into(), ..ItemSpec::default() };
        self.shops().add_item(shop, &spec, self.clock.now()).unwrap();
    }

    pub fn offer(&self, name: &str, level: i64) {
        let now = self.clock.now();
        self.market().list(MARKET, &ListingSpec::own(name, level), now).unwrap();
    }

    pub fn level(&self, shop: &str, name: &str, location: u64) -> Option<i64> {
        self.shops().level(shop, name, location)
    }

    /// Connects a shop, with further settings.
    pub async fn connect(&self, id: &str, domain: &str, role: Role, more: &[(&str, &str)]) {
        let client = format!("client-{domain}");
        let mut settings = vec![("shop", domain), ("client_id", &client), ("base_url", SHOPS_AT)];
        settings.extend(more);
        let secrets = [("client_secret", format!("secret-{domain}"))];
        self.add(id, "shopify", role, &settings, &secrets).await;
    }

    pub async fn connect_market(&self) {
        let token = format!("{MARKET_AT}/auth/o2/token");
        let settings = [
            ("seller_id", MARKET),
            ("marketplaces", MARKETPLACE),
            ("base_url", MARKET_AT),
            ("token_url", token.as_str()),
        ];
        let secrets = [("client_id", "client"), ("client_secret", "secret"), ("refresh_token", "refresh")];
        let secrets = secrets.map(|(name, text)| (name, text.to_owned()));
        self.add("amazon", "amazon", Role::Replica, &settings, &secrets).await;
    }

    async fn add(&self, id: &str, channel: &str, role: Role, settings: &[(&str, &str)], secrets: &[(&str, String)]) {
        let new = NewAccount {
            id: AccountId::new(id).unwrap(),
            channel: channel.into(),
            role,
            inbound: None,
            drift: None,
            settings: settings.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
            secrets: secrets.iter().map(|(name, text)| ((*name).to_owned(), Secret::new(text.clone()))).collect(),
            rate: None,
        };
        self.hub.add_account(new).await.unwrap();
        self.hub.refresh_locations(&AccountId::new(id).unwrap()).await.unwrap();
    }

    pub async fn warehouse(&self, name: &str) {
        self.hub.add_warehouse(NewWarehouse { id: warehouse(name), name: None }).await.unwrap();
    }

    pub async fn link(&self, account: &str, place: u64, to: &str) -> Result<Linking, Error> {
        let order = Order::Link { location: listing(account, place), warehouse: warehouse(to), moving: false };
        self.arrange(&order).await
    }

    /// Has something done with locations, after a look at it that must say the same.
    pub async fn arrange(&self, order: &Order) -> Result<Linking, Error> {
        let shown = self.hub.arrange(order, false, "ann", &Silent).await?;
        let done = self.hub.arrange(order, true, "ann", &Silent).await?;
        let same = Linking { applied: false, snapshot: None, ..done.clone() };
        assert_eq!(shown, same, "the preview takes the same way");
        Ok(done)
    }

    pub async fn adopt(&self) -> Adoption {
        let adoption = self.hub.adopt(true, &Silent).await.unwrap();
        self.minutes(2).await;
        adoption
    }

    /// Lets minutes pass, in steps of five seconds, with a sweep in each minute.
    pub async fn minutes(&self, minutes: usize) {
        for step in 0..minutes * 12 {
            if step % 12 == 0 {
                self.hub.run_task(Task::Sweep).await.unwrap();
            }
            self.deliver().await;
            self.work().await;
            self.clock.advance(Duration::from_secs(5));
        }
    }

    /// Works through what the queues hold now.
    pub async fn work(&self) {
        for queue in [QueueName::Changes, QueueName::Lane] {
            let messages = self.hub.queue.receive(queue, 100, Duration::ZERO).await.unwrap();
            let failed = self.hub.work(queue, &messages).await;
            assert!(failed.is_empty(), "{failed:?}");
            let receipts: Vec<String> = messages.iter().map(|message| message.receipt.clone()).collect();
            self.hub.queue.delete(queue, &receipts).await.unwrap();
        }
    }

    /// Delivers the webhooks that are due; gives how many there were, and how many hints came of them.
    pub async fn deliver(&self) -> (usize, usize) {
        let now = self.clock.now();
        let due = self.shops().due(now);
        let (count, mut hints) = (due.len(), 0);
        for outgoing in due {
            let path = outgoing.request.uri().path().to_owned();
            let account = path.rsplit('/').next().unwrap_or_default();
            let hook = Hook { headers: outgoing.request.headers(), body: outgoing.request.body() };
            match self.hub.receive(account, hook).await.unwrap() {
                Received::Accepted(came) => hints += came,
                other @ (Received::Answer(_) | Received::Refused) => panic!("{other:?}"),
            }
            self.shops().delivered(outgoing.ticket, Some((200, b"")), now);
        }
        (count, hints)
    }

    /// The hub's level of a SKU in a warehouse.
    pub async fn hub_level(&self, name: &str, of: &str) -> Option<i64> {
        let item = self.hub.show_item(&sku(name)).await.unwrap();
        item.warehouses.get(&warehouse(of)).copied()
    }
}
