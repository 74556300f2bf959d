//! Two change the same item, or the same account, at the same moment: neither change is lost. Somebody else is always faster
//! here: just before each first write of such a row they change it themselves.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use async_trait::async_trait;
use channels::Clock;
use channels::shopwired::fake::ProductSpec;
use domain::plan::Hold;
use domain::{AccountId, Drift, ListingId, Sku, WarehouseId};
use engine::accounts::AccountPatch;
use engine::adopt::Silent;
use engine::locations::Order;
use engine::ports::{Change, Condition, Key, Page, Query, Row, Store, StoreError};
use engine::records::{self, Account, Item};
use engine::settings::{Patch, Scope};
use engine::warehouses::NewWarehouse;
use engine::work::Task;
use engine::{Error, Hub};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tests::shops::Shops;

/// What the faster one writes.
const THEIRS: &str = "a title of theirs";

/// A store in which somebody else changes a row just before the first write of it.
struct Crowded {
    inner: Arc<dyn Store>,
    /// Rows that they have changed already.
    touched: Mutex<Vec<Key>>,
    refused: AtomicUsize,
}

impl Crowded {
    /// Whoever writes this row has read it before the other changed it.
    async fn overtake(&self, row: &Row) {
        let fresh = {
            let mut touched = self.touched.lock().unwrap();
            let fresh = !touched.contains(&row.key);
            touched.push(row.key.clone());
            fresh
        };
        let Some(now) = self.inner.get(std::slice::from_ref(&row.key)).await.unwrap().pop().flatten() else { return };
        let theirs = if row.key.sk == "ITEM" {
            let item: Item = records::body(&now).unwrap();
            Item { title: THEIRS.into(), ..item }.row()
        } else if row.key.sk.starts_with("ACCOUNT#") {
            let account: Account = records::body(&now).unwrap();
            Account { flash_minutes: Some(7), ..account }.row()
        } else {
            return;
        };
        if fresh {
            self.inner.write(&[Change::Put(theirs, Condition::Any)]).await.unwrap();
        }
    }
}

#[async_trait]
impl Store for Crowded {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.inner.get(keys).await
    }

    async fn glance(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        self.inner.glance(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.inner.query(query).await
    }

    async fn skim(&self, query: &Query) -> Result<Page, StoreError> {
        self.inner.skim(query).await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.inner.scan(after, limit).await
    }

    async fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        for change in changes {
            if let Change::Put(row, _) = change {
                self.overtake(row).await;
            }
        }
        let written = self.inner.write(changes).await;
        self.refused.fetch_add(usize::from(written.is_err()), Ordering::SeqCst);
        written
    }

    async fn put_all(&self, rows: &[Row]) -> Result<(), StoreError> {
        let edited = rows.iter().any(|row| row.key.sk == "ITEM" || row.key.sk.starts_with("ACCOUNT#"));
        assert!(!edited, "what people edit is not written without a condition: {rows:?}");
        self.inner.put_all(rows).await
    }
}

/// The stores of [`Shops`], and a second hub over the same rows that is never alone.
struct Crowd {
    shops: Shops,
    store: Arc<Crowded>,
    hub: Hub,
}

fn sku() -> Sku {
    Sku::new("TEE").unwrap()
}

fn north() -> AccountId {
    AccountId::new("north").unwrap()
}

impl Crowd {
    fn open(shops: Shops) -> Self {
        let inner = Arc::clone(&shops.hub.store);
        let store = Arc::new(Crowded { inner, touched: Mutex::default(), refused: AtomicUsize::new(0) });
        let (queue, vault) = (Arc::clone(&shops.hub.queue), Arc::clone(&shops.hub.vault));
        let (http, clock) = (Arc::clone(&shops.http) as _, Arc::clone(&shops.clock) as _);
        let hub = Hub::new(Arc::clone(&store) as _, queue, vault, http, clock, shops.hub.config.clone());
        Self { shops, store, hub }
    }

    async fn with_tee() -> Self {
        Self::open(Shops::open(&[("TEE", 10)]).await)
    }

    /// The item as it is now; what the other one wrote must be in it, and somebody must have been too late once.
    async fn item(&self) -> Item {
        let (item, _) = self.hub.item(&sku()).await.unwrap();
        assert_eq!(item.title, THEIRS, "their change is lost");
        assert!(self.store.refused.load(Ordering::SeqCst) > 0, "nobody was overtaken");
        item
    }

    async fn account(&self) -> Account {
        let account = self.hub.show_account(&north()).await.unwrap().account;
        assert_eq!(account.flash_minutes, Some(7), "their change is lost");
        account
    }

    fn listing(&self) -> ListingId {
        ListingId::single(north())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_account_takes_its_listings_only() {
    let crowd = Crowd::with_tee().await;
    crowd.hub.remove_account(&north()).await.unwrap();
    let item = crowd.item().await;
    assert_eq!((item.listings.len(), item.listings.contains_key(&crowd.listing())), (2, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_warehouse_feeds() {
    let crowd = Crowd::with_tee().await;
    let west = WarehouseId::new("west").unwrap();
    crowd.hub.add_warehouse(NewWarehouse { id: west.clone(), name: None }).await.unwrap();
    let told = crowd.hub.arrange(&Order::Feed(north(), vec![west.clone()]), true, "ann", &Silent).await;
    assert!(matches!(told, Err(Error::Conflict(_))), "the account was changed meanwhile: {told:?}");
    crowd.hub.arrange(&Order::Feed(north(), vec![west.clone()]), true, "ann", &Silent).await.unwrap();
    let (_, ledger) = crowd.hub.item(&sku()).await.unwrap();
    assert_eq!(ledger.entries[&crowd.listing()].warehouse, west);
    crowd.item().await;
    assert_eq!(crowd.account().await.feeds, [west]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_that_finds_a_new_listing() {
    let shops = Shops::connect(&[]).await;
    let now = shops.clock.now();
    shops.http.fake().create_product(1, &ProductSpec::simple("TEE", 10), now).unwrap();
    shops.hub.adopt(true, &Silent).await.unwrap();
    shops.settle().await;
    shops.http.fake().create_product(2, &ProductSpec::simple("TEE", 4), shops.clock.now()).unwrap();
    let crowd = Crowd::open(shops);
    let told = crowd.hub.adopt(true, &Silent).await;
    assert!(matches!(told, Err(Error::Conflict(_))), "it says so and does the rest when asked again: {told:?}");
    crowd.hub.adopt(true, &Silent).await.unwrap();
    assert!(crowd.item().await.listings.contains_key(&crowd.listing()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_that_finds_a_clash() {
    let crowd = Crowd::with_tee().await;
    let now = crowd.shops.clock.now();
    crowd.shops.http.fake().create_product(2, &ProductSpec::simple("TEE", 4), now).unwrap();
    crowd.hub.compare(Some(&north()), true, &Silent).await.unwrap();
    assert_eq!(crowd.item().await.listings[&crowd.listing()].hold, Some(Hold::Clash));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clash_does_not_end_another_hold() {
    let crowd = Crowd::with_tee().await;
    let (mut item, _) = crowd.hub.item(&sku()).await.unwrap();
    item.listings.get_mut(&crowd.listing()).unwrap().hold = Some(Hold::Contested);
    crowd.store.inner.write(&[Change::Put(item.row(), Condition::Any)]).await.unwrap();
    crowd.hub.compare(Some(&north()), true, &Silent).await.unwrap();
    let (item, _) = crowd.hub.item(&sku()).await.unwrap();
    assert_eq!(item.listings[&crowd.listing()].hold, Some(Hold::Contested));
    crowd.hub.release_contested(&sku(), &north()).await.unwrap();
    assert_eq!(crowd.item().await.listings[&crowd.listing()].hold, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_back_while_it_sells_fast() {
    let crowd = Crowd::with_tee().await;
    let patch = AccountPatch { flash_minutes: Some(7), ..AccountPatch::default() };
    crowd.shops.hub.change_account(&north(), patch).await.unwrap();
    crowd.shops.http.fake().sell(1, "TEE", 9, crowd.shops.clock.now()).unwrap();
    crowd.shops.settle().await;
    crowd.hub.follow_sales().await.unwrap();
    assert!(crowd.item().await.listings[&crowd.listing()].flash > 0);
}

/// How many rows say that an item keeps back of a rush: while there is one, each minute somebody looks how fast things sell.
async fn notes_of_a_rush(hub: &Hub) -> usize {
    let (partition, prefix) = (records::HUB.into(), "SET#FLASH#".into());
    let query = Query { partition, prefix, index: false, after: None, descending: false, limit: 10 };
    hub.store.query(&query).await.unwrap().rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_keeps_nothing_back_any_more_is_forgotten_by_the_nightly_run() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 10)]).await;
    let set = async |sku: &str, value: &str| {
        let scope = Scope::item(Sku::new(sku).unwrap(), None);
        shops.hub.set_rules(&scope, &Patch::one("flash_minutes", value), true, "ann", &Silent).await.unwrap();
    };
    set("TEE", "5").await;
    set("MUG", "3").await;
    set("TEE", "").await;
    shops.hub.run_task(Task::Full).await.unwrap();
    assert_eq!(notes_of_a_rush(&shops.hub).await, 1, "the mug is still told to");
    set("MUG", "").await;
    assert_eq!(notes_of_a_rush(&shops.hub).await, 1, "nobody has looked at all items yet");
    shops.hub.run_task(Task::Full).await.unwrap();
    assert_eq!(notes_of_a_rush(&shops.hub).await, 0);
    set("TEE", "5").await;
    assert_eq!(notes_of_a_rush(&shops.hub).await, 1, "it is told again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_changed_by_two() {
    let crowd = Crowd::with_tee().await;
    let patch = AccountPatch { drift: Some(Drift::Report), ..AccountPatch::default() };
    crowd.hub.change_account(&north(), patch).await.unwrap();
    assert_eq!(crowd.account().await.drift, Drift::Report);
    assert_eq!(crowd.store.refused.load(Ordering::SeqCst), 1, "the first try was too late");
}
