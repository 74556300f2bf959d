//! A seller at Amazon on the engine: what a shopkeeper with two stores there and here sees, minute by minute.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use channels::amazon::FakeAmazon;
use channels::amazon::fake::{ListingSpec, SellerSpec};
use channels::fake::Fake;
use channels::{Clock, Http, HttpError, Request, Response, Secret};
use domain::alarm::Kind;
use domain::{AccountId, ListingId, Role, Sku};
use engine::accounts::NewAccount;
use engine::adopt::Silent;
use engine::items::Standing;
use engine::ports::QueueName;
use engine::receive::Received;
use engine::stock::{Amount, StockEdit};
use engine::work::Task;
use engine::{Config, Hub};
use local::{EmbeddedDynamo, FileVault, LocalQueue};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tests::fake_http::ManualClock;

const MARKETPLACE: &str = "A1F83G8C2ARO7P";
const DAY: Duration = Duration::from_secs(86_400);
/// The master's seller id; the replica's is the other.
const SELLERS: [&str; 2] = ["AMASTER00001", "AREPLICA0001"];

struct Net {
    fake: Arc<Mutex<FakeAmazon>>,
    clock: Arc<ManualClock>,
}

#[async_trait::async_trait]
impl Http for Net {
    async fn send(&self, request: Request, _timeout: Duration) -> Result<Response, HttpError> {
        Ok(self.fake.lock().unwrap().handle(&request, self.clock.now()))
    }
}

/// Two sellers, the first of them the master, and a hub.
struct Market {
    hub: Hub,
    clock: Arc<ManualClock>,
    fake: Arc<Mutex<FakeAmazon>>,
    _database: EmbeddedDynamo,
    _folder: tempfile::TempDir,
}

fn account(seller: &str, role: Role) -> NewAccount {
    let settings = [
        ("seller_id", seller),
        ("marketplaces", MARKETPLACE),
        ("base_url", "http://127.0.0.1"),
        ("token_url", "http://127.0.0.1/auth/o2/token"),
    ];
    let secrets = [("client_id", "client"), ("client_secret", seller), ("refresh_token", seller)];
    NewAccount {
        id: AccountId::new(if role == Role::Master { "main" } else { "amazon" }).unwrap(),
        channel: "amazon".into(),
        role,
        inbound: None,
        drift: None,
        settings: settings.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
        secrets: secrets.map(|(name, text)| (name.to_owned(), Secret::new(text))).into(),
        rate: None,
    }
}

impl Market {
    async fn open(skus: &[(&str, i64)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_773_340_380_000));
        let fake = Arc::new(Mutex::new(FakeAmazon::new()));
        for seller in SELLERS {
            let mut fake = fake.lock().unwrap();
            fake.add_seller(&SellerSpec {
                id: seller.into(),
                name: seller.into(),
                client_id: "client".into(),
                client_secret: seller.into(),
                refresh_token: seller.into(),
                marketplaces: vec![MARKETPLACE.into()],
            });
            for (sku, level) in skus {
                fake.list(seller, &ListingSpec::own(sku, *level), clock.now()).unwrap();
            }
        }
        let database = EmbeddedDynamo::open(folder.path()).await.unwrap();
        let queue = LocalQueue::open(folder.path(), Arc::clone(&clock) as _).unwrap();
        let vault = FileVault::open(folder.path()).unwrap();
        let net = Net { fake: Arc::clone(&fake), clock: Arc::clone(&clock) };
        let config = Config { allow_insecure_endpoints: true, ..Config::default() };
        let ports = (Arc::new(database.store()), Arc::new(queue), Arc::new(vault));
        let hub = Hub::new(ports.0, ports.1, ports.2, Arc::new(net), Arc::clone(&clock) as _, config);
        hub.add_account(account(SELLERS[0], Role::Master)).await.unwrap();
        hub.add_account(account(SELLERS[1], Role::Replica)).await.unwrap();
        hub.adopt(true, &Silent).await.unwrap();
        let market = Self { hub, clock, fake, _database: database, _folder: folder };
        market.minutes(1).await;
        market
    }

    fn fake(&self) -> MutexGuard<'_, FakeAmazon> {
        self.fake.lock().unwrap()
    }

    fn level(&self, sku: &str) -> Option<i64> {
        self.fake().level(SELLERS[1], sku)
    }

    /// Lets minutes pass, in steps of five seconds, with a sweep in each minute.
    async fn minutes(&self, minutes: usize) {
        for step in 0..minutes * 12 {
            if step % 12 == 0 {
                self.hub.run_task(Task::Sweep).await.unwrap();
            }
            for queue in [QueueName::Changes, QueueName::Lane] {
                let messages = self.hub.queue.receive(queue, 100, Duration::ZERO).await.unwrap();
                let failed = self.hub.work(queue, &messages).await;
                assert!(failed.is_empty(), "{failed:?}");
                let receipts: Vec<String> = messages.iter().map(|message| message.receipt.clone()).collect();
                self.hub.queue.delete(queue, &receipts).await.unwrap();
            }
            self.clock.advance(Duration::from_secs(5));
        }
    }

    async fn edit(&self, name: &str, by: i64) {
        let edit = StockEdit { amount: Amount::Adjust(by), reason: "stock take".into(), warehouse: None };
        self.hub.edit_stock(&sku(name), &edit, "somebody").await.unwrap();
    }

    async fn standing(&self, name: &str) -> (Standing, Option<String>) {
        let item = self.hub.show_item(&sku(name)).await.unwrap();
        let listing = ListingId::single(AccountId::new("amazon").unwrap());
        let view = item.listings.into_iter().find(|view| view.listing == listing).unwrap();
        (view.standing, view.trouble)
    }

    async fn hub_level(&self, name: &str) -> i64 {
        self.hub.show_item(&sku(name)).await.unwrap().level
    }

    /// What history tells of the replica, newest first.
    async fn told(&self, name: &str) -> String {
        let rows = self.hub.history(&sku(name), None, 50).await.unwrap().rows;
        serde_json::to_string(&rows).unwrap()
    }
}

fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_accepted_then_verified_and_sales_count_meanwhile() {
    let market = Market::open(&[("TEE", 10), ("MUG", 10)]).await;
    market.edit("TEE", -3).await;
    market.minutes(1).await;
    assert_eq!(market.standing("TEE").await, (Standing::Accepted, None));
    // it is not live yet, and one is sold: the order is found by its list and counts while the write is on its way
    market.fake().switches(SELLERS[1]).unwrap().apply_ms = Some(900_000);
    market.edit("MUG", -2).await;
    market.minutes(1).await;
    let now = market.clock.now();
    market.fake().sell(SELLERS[1], &[("MUG", 1)], now).unwrap();
    market.minutes(8).await;
    assert_eq!((market.hub_level("MUG").await, market.standing("MUG").await.0), (7, Standing::Accepted));
    assert_eq!((market.level("TEE"), market.standing("TEE").await), (Some(7), (Standing::InSync, None)));
    market.minutes(60).await;
    assert_eq!((market.level("MUG"), market.standing("MUG").await), (Some(7), (Standing::InSync, None)));
    assert!(market.told("TEE").await.contains("\"accepted\"") && market.told("TEE").await.contains("\"verified\":7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_accepted_and_lost_drifts_and_is_told() {
    let market = Market::open(&[("TEE", 10)]).await;
    market.fake().switches(SELLERS[1]).unwrap().apply_ms = None;
    market.edit("TEE", -3).await;
    market.minutes(50).await;
    assert_eq!(market.standing("TEE").await, (Standing::Accepted, None));
    market.minutes(30).await;
    assert!(market.told("TEE").await.contains("\"drifted\":3"), "{}", market.told("TEE").await);
    let amazon = AccountId::new("amazon").unwrap();
    let troubles = market.hub.show_account(&amazon).await.unwrap().health.troubles;
    assert_eq!(troubles.iter().map(|trouble| trouble.sku.as_str()).collect::<Vec<_>>(), ["TEE"]);
    // it is written again, and this time it is carried out
    market.fake().switches(SELLERS[1]).unwrap().apply_ms = Some(1_000);
    market.minutes(150).await;
    assert_eq!((market.level("TEE"), market.standing("TEE").await), (Some(7), (Standing::InSync, None)));
    assert_eq!(market.hub.show_account(&amazon).await.unwrap().health.troubles, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hints_make_one_list_of_orders_and_an_event_reads_one_order() {
    let market = Market::open(&[("TEE", 100)]).await;
    market.minutes(5).await;
    let lists = |market: &Market| market.fake().calls(SELLERS[1]).get("searchOrders").copied().unwrap_or_default();
    let before = lists(&market);
    for _ in 0..40 {
        let now = market.clock.now();
        let order = market.fake().sell(SELLERS[1], &[("TEE", 1)], now).unwrap();
        let event = include_str!("../../shared/channels/src/amazon/fixtures/63_order_change_sqs_body.json");
        let event = event.replace("ATESTSELLER01", SELLERS[1]).replace("202-0000001-0000001", &order);
        let event = event.replace("\"n-1\"", &format!("\"n-{order}\""));
        assert_eq!(market.hub.receive_event(event.as_bytes()).await.unwrap(), Received::Accepted(1));
        assert_eq!(market.hub.receive_event(event.as_bytes()).await.unwrap(), Received::Accepted(0), "it came again");
    }
    market.minutes(1).await;
    assert!(market.hub_level("TEE").await <= 70, "30 orders can be read at once by their ids");
    market.minutes(8).await;
    assert!(lists(&market) - before <= 4, "{} lists in nine minutes", lists(&market) - before);
    assert_eq!((market.hub_level("TEE").await, market.fake().level(SELLERS[0], "TEE")), (60, Some(60)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_gives_back_what_was_counted_once() {
    let market = Market::open(&[("TEE", 10)]).await;
    for keeps in [true, false] {
        market.fake().switches(SELLERS[1]).unwrap().cancelled_keeps_quantity = keeps;
        let now = market.clock.now();
        let order = market.fake().sell(SELLERS[1], &[("TEE", 2)], now).unwrap();
        market.minutes(8).await;
        assert_eq!(market.hub_level("TEE").await, 8);
        let now = market.clock.now();
        market.fake().cancel(SELLERS[1], &order, None, true, now).unwrap();
        market.minutes(30).await;
        assert_eq!((market.hub_level("TEE").await, market.level("TEE")), (10, Some(10)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_cannot_be_written_is_told_and_blocks_no_other() {
    let market = Market::open(&[("TEE", 10), ("MUG", 10)]).await;
    // since it was mapped, the offer has become one that Amazon sends
    let now = market.clock.now();
    market.fake().list(SELLERS[1], &ListingSpec::hosted("TEE"), now).unwrap();
    market.edit("TEE", -1).await;
    market.edit("MUG", -1).await;
    market.minutes(6).await;
    let (standing, trouble) = market.standing("TEE").await;
    assert_eq!(standing, Standing::Held);
    assert!(trouble.unwrap().contains("AMAZON_EU"));
    assert_eq!((market.level("MUG"), market.standing("MUG").await.0), (Some(9), Standing::InSync));
    let searches = market.fake().calls(SELLERS[1])["searchListingsItems"];
    market.minutes(30).await;
    assert!(market.fake().calls(SELLERS[1])["searchListingsItems"] <= searches + 2, "it is not tried again and again");
    assert_eq!(market.fake().stranded(SELLERS[1]), [""; 0]);
    // a person mends it there, and asks
    let now = market.clock.now();
    market.fake().list(SELLERS[1], &ListingSpec::own("TEE", 10), now).unwrap();
    market.hub.sync_item(&sku("TEE")).await.unwrap();
    market.minutes(6).await;
    assert_eq!((market.level("TEE"), market.standing("TEE").await), (Some(9), (Standing::InSync, None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_writes_are_gathered_and_go_by_one_feed() {
    let names: Vec<String> = (0..1_100).map(|number| format!("SKU-{number:04}")).collect();
    let skus: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 10)).collect();
    let market = Market::open(&skus).await;
    let patches =
        |market: &Market| market.fake().calls(SELLERS[1]).get("patchListingsItem").copied().unwrap_or_default();
    let before = patches(&market);
    // one is an FBA offer by now
    let now = market.clock.now();
    market.fake().list(SELLERS[1], &ListingSpec::hosted("SKU-0007"), now).unwrap();
    market.hub.change_account(&AccountId::new("amazon").unwrap(), paused(true)).await.unwrap();
    for name in &names {
        market.edit(name, -1).await;
    }
    market.minutes(20).await;
    market.hub.change_account(&AccountId::new("amazon").unwrap(), paused(false)).await.unwrap();
    market.minutes(60).await;
    let wrong: BTreeMap<&String, Option<i64>> = names
        .iter()
        .map(|name| (name, market.level(name)))
        .filter(|(name, level)| *level != Some(9) && *name != "SKU-0007")
        .collect();
    assert!(wrong.is_empty(), "{} of {}: {:?}", wrong.len(), names.len(), wrong.iter().next());
    assert_eq!(market.fake().calls(SELLERS[1])["createFeed"], 1);
    assert!(patches(&market) - before <= 100, "{} patches", patches(&market) - before);
    assert_eq!(market.fake().stranded(SELLERS[1]), [""; 0]);
}

fn paused(paused: bool) -> engine::accounts::AccountPatch {
    engine::accounts::AccountPatch { paused: Some(paused), ..engine::accounts::AccountPatch::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_end_are_told_of_two_weeks_before_and_until_new_ones_are_entered() {
    let market = Market::open(&[("TEE", 10)]).await;
    let told = async || -> Vec<(String, String)> {
        market.hub.run_task(Task::Sweep).await.unwrap();
        let raised = market.hub.alerts().await.unwrap().alarms.into_iter().map(|raised| raised.alarm);
        let ends = raised.filter(|alarm| alarm.kind == Kind::Credentials);
        ends.map(|alarm| (alarm.subject, alarm.text)).collect()
    };
    market.clock.advance(DAY * 165);
    assert_eq!(told().await, [], "fifteen days are left");
    market.clock.advance(DAY * 2);
    let alarms = told().await;
    assert_eq!(alarms.iter().map(|(account, _)| account.as_str()).collect::<Vec<_>>(), ["amazon", "main"]);
    assert!(alarms[0].1.contains("make new ones and enter them"), "{alarms:?}");
    let secret = BTreeMap::from([("client_secret".to_owned(), Secret::new(SELLERS[1]))]);
    market.hub.rotate_account(&AccountId::new("amazon").unwrap(), secret).await.unwrap();
    let left: Vec<String> = told().await.into_iter().map(|(account, _)| account).collect();
    assert_eq!(left, ["main"]);
}
