//! A shopkeeper's day on the whole engine: locations, warehouses, and what becomes of units.

use crate::{SHOP, spec};
use channels::fake::Fake;
use channels::shopify::fake::{FakeShopify, ItemSpec};
use channels::{Clock, Hook, Secret};
use domain::plan::Hold;
use domain::{AccountId, Duplicates, ListingId, LocationId, Role, Sku, WarehouseId};
use engine::accounts::{AccountPatch, NewAccount};
use engine::adopt::Silent;
use engine::items::ItemView;
use engine::locations::{Linking, Order};
use engine::ports::QueueName;
use engine::stock::{Amount, StockEdit};
use engine::warehouses::NewWarehouse;
use engine::{Config, Hub};
use local::{EmbeddedDynamo, FileVault, LocalQueue};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::fake_http::{FakeHttp, ManualClock};

/// A store with two locations, and a hub whose master it is.
struct Day {
    hub: Hub,
    clock: Arc<ManualClock>,
    http: Arc<FakeHttp<FakeShopify>>,
    street: u64,
    depot: u64,
    _database: EmbeddedDynamo,
    _folder: tempfile::TempDir,
}

fn west() -> WarehouseId {
    WarehouseId::new("west").unwrap()
}

fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

fn at(location: u64) -> ListingId {
    ListingId::at(AccountId::new("berlin").unwrap(), LocationId::new(location.to_string()).unwrap())
}

impl Day {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(crate::START));
        let mut fake = FakeShopify::new();
        fake.add_shop(&spec());
        fake.switches(SHOP).unwrap().bulk_ms = 0;
        let street = fake.add_location(SHOP, "High Street", false, clock.now()).unwrap();
        let depot = fake.add_location(SHOP, "Depot", false, clock.now()).unwrap();
        let http = Arc::new(FakeHttp::new(Arc::new(Mutex::new(fake)), Arc::clone(&clock)));
        let database = EmbeddedDynamo::open(folder.path()).await.unwrap();
        let queue = LocalQueue::open(folder.path(), Arc::clone(&clock) as _).unwrap();
        let vault = FileVault::open(folder.path()).unwrap();
        let config = Config {
            public_url: Some("https://hub.example".into()),
            allow_insecure_endpoints: true,
            ..Config::default()
        };
        let ports = (Arc::new(database.store()), Arc::new(queue), Arc::new(vault));
        let hub = Hub::new(ports.0, ports.1, ports.2, Arc::clone(&http) as _, Arc::clone(&clock) as _, config);
        let settings = [("shop", SHOP), ("client_id", "client-77")];
        let account = NewAccount {
            id: AccountId::new("berlin").unwrap(),
            channel: "shopify".into(),
            role: Role::Master,
            inbound: None,
            drift: None,
            settings: settings.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
            secrets: BTreeMap::from([("client_secret".to_owned(), Secret::new(crate::CLIENT_SECRET))]),
            rate: None,
        };
        hub.add_account(account).await.unwrap();
        hub.add_warehouse(NewWarehouse { id: west(), name: None }).await.unwrap();
        Self { hub, clock, http, street, depot, _database: database, _folder: folder }
    }

    /// Both locations linked, these products there, and all adopted.
    async fn adopted(products: &[(&str, i64, i64)]) -> Self {
        let day = Self::open().await;
        for (name, street, depot) in products {
            day.add(name, &[(day.street, *street), (day.depot, *depot)]);
        }
        day.link(day.street, WarehouseId::main()).await;
        day.link(day.depot, west()).await;
        day.hub.adopt(true, &Silent).await.unwrap();
        day.settle().await;
        day
    }

    fn add(&self, name: &str, levels: &[(u64, i64)]) {
        let item = ItemSpec { sku: Some(name.into()), levels: levels.into(), ..ItemSpec::default() };
        self.people(|fake, now| fake.add_item(SHOP, &item, now).map(drop));
    }

    fn people<E: std::fmt::Debug>(&self, act: impl FnOnce(&mut FakeShopify, domain::Timestamp) -> Result<(), E>) {
        act(&mut self.http.fake(), self.clock.now()).unwrap();
    }

    async fn arrange(&self, order: Order, apply: bool) -> Linking {
        self.hub.arrange(&order, apply, "owner", &Silent).await.unwrap()
    }

    async fn link(&self, location: u64, warehouse: WarehouseId) -> Linking {
        self.arrange(Order::Link { location: at(location), warehouse, moving: false }, true).await
    }

    async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 20 {
            let now = self.clock.now();
            let due = self.http.fake().due(now);
            for outgoing in &due {
                let hook = Hook { headers: outgoing.request.headers(), body: outgoing.request.body() };
                self.hub.receive("berlin", hook).await.unwrap();
                self.http.fake().delivered(outgoing.ticket, Some((200, b"")), now);
            }
            let mut busy = due.len();
            for queue in [QueueName::Changes, QueueName::Lane] {
                let messages = self.hub.queue.receive(queue, 100, Duration::ZERO).await.unwrap();
                assert!(self.hub.work(queue, &messages).await.is_empty());
                let receipts: Vec<String> = messages.iter().map(|message| message.receipt.clone()).collect();
                self.hub.queue.delete(queue, &receipts).await.unwrap();
                busy += messages.len();
            }
            quiet = if busy == 0 { quiet + 1 } else { 0 };
            self.clock.advance(Duration::from_millis(500));
        }
    }

    async fn item(&self, name: &str) -> ItemView {
        self.hub.show_item(&sku(name)).await.unwrap()
    }

    /// The levels of both warehouses in the hub, and of both locations in the store.
    async fn levels(&self, name: &str) -> [Option<i64>; 4] {
        let item = self.item(name).await;
        let fake = self.http.fake();
        let hub = |warehouse: WarehouseId| item.warehouses.get(&warehouse).copied();
        [hub(WarehouseId::main()), hub(west()), fake.level(SHOP, name, self.street), fake.level(SHOP, name, self.depot)]
    }

    async fn hold(&self, name: &str, location: u64) -> Option<Hold> {
        let item = self.item(name).await;
        item.listings.into_iter().find(|view| view.listing == at(location)).and_then(|view| view.hold)
    }

    async fn patch(&self, patch: AccountPatch) {
        self.hub.change_account(&AccountId::new("berlin").unwrap(), patch).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_locations_none_is_chosen_and_what_is_not_linked_is_never_touched() {
    let day = Day::open().await;
    day.add("MUG", &[(day.street, 7), (day.depot, 20)]);
    let told = day.hub.adopt(false, &Silent).await.unwrap_err().to_string();
    assert!(told.contains("no location of berlin, the master, belongs to a warehouse"), "{told}");
    let health = day.hub.show_account(&at(1).account).await.unwrap().health;
    let unlinked: BTreeSet<&str> = health.unlinked.values().map(String::as_str).collect();
    assert_eq!(unlinked, BTreeSet::from(["Depot", "High Street"]));
    day.link(day.street, WarehouseId::main()).await;
    let adoption = day.hub.adopt(true, &Silent).await.unwrap();
    assert_eq!(adoption.accounts.values().next().unwrap().unlinked.values().sum::<u64>(), 1);
    day.people(|fake, now| fake.adjust(SHOP, "MUG", day.depot, 3, now));
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(7), None, Some(7), Some(3)]);
    let popup = day.http.fake().add_location(SHOP, "Pop-up", false, day.clock.now()).unwrap();
    day.hub.compare(None, true, &Silent).await.unwrap();
    let health = day.hub.show_account(&at(1).account).await.unwrap().health;
    assert!(health.unlinked.contains_key(&at(popup).location), "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_location_follows_its_own_warehouse() {
    let day = Day::adopted(&[("MUG", 7, 20)]).await;
    day.people(|fake, now| fake.sell(SHOP, "MUG", day.street, 2, now).map(drop));
    day.people(|fake, now| fake.adjust(SHOP, "MUG", day.depot, 25, now));
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(5), Some(25), Some(5), Some(25)]);
    day.people(|fake, now| fake.transfer(SHOP, "MUG", (day.depot, day.street), 4, now));
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(9), Some(21), Some(9), Some(21)]);
    let edit = StockEdit { amount: Amount::Set(50), reason: "stock take".into(), warehouse: Some(west()) };
    day.hub.edit_stock(&sku("MUG"), &edit, "owner").await.unwrap();
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(9), Some(50), Some(9), Some(50)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_is_in_one_warehouse_only_and_units_are_kept_when_it_leaves() {
    let day = Day::adopted(&[("MUG", 7, 20), ("CAP", 1, 2)]).await;
    let order = Order::Link { location: at(day.depot), warehouse: WarehouseId::main(), moving: false };
    let told = day.hub.arrange(&order, true, "owner", &Silent).await.unwrap_err().to_string();
    assert!(told.contains("belongs to warehouse west"), "{told}");
    let preview = day.arrange(Order::Unlink(at(day.depot)), false).await;
    assert_eq!((preview.applied, preview.removed_listings, preview.units[&west()]), (false, 2, (22, 22)));
    assert_eq!(day.item("MUG").await.listings.len(), 2, "a preview changes nothing");
    day.arrange(Order::Unlink(at(day.depot)), true).await;
    day.people(|fake, now| fake.adjust(SHOP, "MUG", day.depot, 18, now));
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(7), Some(20), Some(7), Some(18)], "it is nobody's business any more");
    let again = day.link(day.depot, west()).await;
    assert_eq!((again.new_listings, again.will_change, again.gains), (2, 1, 2));
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(7), Some(20), Some(7), Some(20)]);
    let history = day.hub.history(&sku("MUG"), None, 50).await.unwrap().rows;
    assert!(history.iter().any(|line| line.cause == "unlink" && line.actor.as_deref() == Some("owner")));
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_no_other_listing_shows_move_along() {
    let day = Day::adopted(&[("MUG", 7, 20)]).await;
    let order = Order::Link { location: at(day.depot), warehouse: WarehouseId::main(), moving: true };
    let moved = day.arrange(order, true).await;
    assert_eq!((moved.units[&west()], moved.units[&WarehouseId::main()]), ((20, 0), (7, 27)));
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(27), Some(0), Some(27), Some(27)], "both show the one pool");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_closes_is_held_and_loses_nothing() {
    let products: Vec<(String, i64, i64)> = (0..40).map(|number| (format!("SKU-{number}"), 5, 6)).collect();
    let products: Vec<(&str, i64, i64)> = products.iter().map(|(name, one, two)| (name.as_str(), *one, *two)).collect();
    let day = Day::adopted(&products).await;
    day.people(|fake, now| fake.open_location(SHOP, day.depot, false, now));
    let compared = day.hub.compare(None, true, &Silent).await.unwrap();
    let berlin = compared.accounts.values().next().unwrap();
    assert_eq!((berlin.closed, berlin.missing, &berlin.quarantine), (40, 0, &None), "no wave of zeros");
    assert_eq!(day.hold("SKU-1", day.depot).await, None, "it has its number");
    let edit = StockEdit { amount: Amount::Set(9), reason: "stock take".into(), warehouse: Some(west()) };
    day.hub.edit_stock(&sku("SKU-1"), &edit, "owner").await.unwrap();
    day.settle().await;
    assert_eq!(day.hold("SKU-1", day.depot).await, Some(Hold::Closed));
    assert_eq!(day.levels("SKU-1").await, [Some(5), Some(9), Some(5), Some(6)]);
    day.people(|fake, now| fake.open_location(SHOP, day.depot, true, now));
    day.hub.compare(None, true, &Silent).await.unwrap();
    day.settle().await;
    assert_eq!(day.levels("SKU-1").await, [Some(5), Some(9), Some(5), Some(9)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_variants_with_one_sku_are_held_or_share_one_level() {
    let day = Day::adopted(&[("CAP", 1, 1)]).await;
    day.add("MUG", &[(day.street, 7)]);
    day.add("MUG", &[(day.street, 9)]);
    day.hub.adopt(true, &Silent).await.unwrap();
    day.settle().await;
    assert!(day.hub.show_item(&sku("MUG")).await.is_err(), "a clash is not adopted from the master");
    day.patch(AccountPatch { duplicates: Some(Duplicates::Share), ..AccountPatch::default() }).await;
    day.hub.adopt(true, &Silent).await.unwrap();
    day.settle().await;
    let item = day.item("MUG").await;
    let shown: Vec<Option<i64>> = item.listings.iter().map(|view| view.shadow).collect();
    assert_eq!((item.level, shown), (7, vec![Some(7), Some(7)]), "the lower one is believed");
    day.people(|fake, now| fake.sell(SHOP, "MUG", day.street, 3, now).map(drop));
    day.settle().await;
    let item = day.item("MUG").await;
    let shown: Vec<Option<i64>> = item.listings.iter().map(|view| view.shadow).collect();
    assert_eq!((item.level, shown), (4, vec![Some(4), Some(4)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_setting_what_was_never_stocked_at_a_linked_location_is() {
    let day = Day::adopted(&[("CAP", 1, 1)]).await;
    day.add("MUG", &[(day.street, 7)]);
    let settings = BTreeMap::from([("activate".to_owned(), "yes".to_owned())]);
    day.patch(AccountPatch { settings, ..AccountPatch::default() }).await;
    day.hub.adopt(true, &Silent).await.unwrap();
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(7), Some(0), Some(7), None], "nothing is there, and nothing shall be");
    let edit = StockEdit { amount: Amount::Set(4), reason: "delivery".into(), warehouse: Some(west()) };
    day.hub.edit_stock(&sku("MUG"), &edit, "owner").await.unwrap();
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(7), Some(4), Some(7), Some(4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mapped_is_kept_at_zero_at_unlinked_locations_only_on_request() {
    let day = Day::open().await;
    day.add("MUG", &[(day.street, 7), (day.depot, 20)]);
    day.add("OTHER", &[(day.depot, 5)]);
    day.link(day.street, WarehouseId::main()).await;
    day.hub.adopt(true, &Silent).await.unwrap();
    day.settle().await;
    let zero = |on| Order::Zero(at(1).account, on);
    let preview = day.arrange(zero(true), false).await;
    assert_eq!((preview.will_change, preview.losses, preview.new_listings), (1, 20, 1));
    assert_eq!(day.levels("MUG").await[3], Some(20));
    day.arrange(zero(true), true).await;
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(7), None, Some(7), Some(0)]);
    assert_eq!(day.http.fake().level(SHOP, "OTHER", day.depot), Some(5), "what is not mapped is not touched");
    day.people(|fake, now| fake.adjust(SHOP, "MUG", day.depot, 3, now));
    day.settle().await;
    assert_eq!(day.levels("MUG").await, [Some(7), None, Some(7), Some(0)], "and nothing of it counts");
    day.arrange(zero(false), true).await;
    day.people(|fake, now| fake.adjust(SHOP, "MUG", day.depot, 3, now));
    day.settle().await;
    assert_eq!(day.levels("MUG").await[3], Some(3));
}
