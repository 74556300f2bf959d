//! What the function that takes webhooks spares: echoes, repeats, and orders of which the stock is told too. Nothing may be lost by it.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use async_trait::async_trait;
use channels::fake::Fake;
use channels::{Clock, Hook, Request};
use engine::hub::Door;
use engine::ports::{
    Change, Depth, Inbound, Key, Outbound, Page, Query, Queue, QueueError, QueueName, Row, Store, StoreError,
};
use engine::receive::Received;
use engine::work::Task;
use engine::{Config, Hub};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tests::shops::Shops;

/// A store that counts the glances, and whose lists may be behind.
struct Counting {
    store: Arc<dyn Store>,
    glances: Arc<AtomicUsize>,
    behind: Arc<AtomicBool>,
}

#[async_trait]
impl Store for Counting {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.store.get(keys).await
    }

    async fn glance(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        self.glances.fetch_add(1, Ordering::SeqCst);
        self.store.glance(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.store.query(query).await
    }

    async fn skim(&self, query: &Query) -> Result<Page, StoreError> {
        let page = self.store.skim(query).await?;
        // nothing that was just stored is there yet
        Ok(if self.behind.load(Ordering::SeqCst) { Page::default() } else { page })
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.store.scan(after, limit).await
    }

    async fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.store.write(changes).await
    }

    async fn put_all(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.store.put_all(rows).await
    }
}

/// A queue that refuses what is sent to it while it is shut.
struct Shutting {
    queue: Arc<dyn Queue>,
    shut: Arc<AtomicBool>,
}

#[async_trait]
impl Queue for Shutting {
    async fn send(&self, queue: QueueName, messages: &[Outbound]) -> Result<(), QueueError> {
        if self.shut.load(Ordering::SeqCst) {
            return Err(QueueError { action: "send", reason: "shut".into() });
        }
        self.queue.send(queue, messages).await
    }

    async fn receive(&self, queue: QueueName, most: usize, wait: Duration) -> Result<Vec<Inbound>, QueueError> {
        self.queue.receive(queue, most, wait).await
    }

    async fn delete(&self, queue: QueueName, receipts: &[String]) -> Result<(), QueueError> {
        self.queue.delete(queue, receipts).await
    }

    async fn retry(&self, queue: QueueName, receipt: &str, delay: Duration) -> Result<(), QueueError> {
        self.queue.retry(queue, receipt, delay).await
    }

    async fn depth(&self, queue: QueueName) -> Result<Depth, QueueError> {
        self.queue.depth(queue).await
    }

    async fn redrive(&self, most: usize) -> Result<Vec<String>, QueueError> {
        self.queue.redrive(most).await
    }
}

/// The stores with their hub, and the door that a function is.
struct Street {
    shops: Shops,
    door: Hub,
    glances: Arc<AtomicUsize>,
    behind: Arc<AtomicBool>,
    shut: Arc<AtomicBool>,
}

impl Street {
    /// Ten TEEs everywhere, and a door that remembers for so long.
    async fn open(echo_memory: Duration) -> Self {
        let shops = Shops::open(&[("TEE", 10)]).await;
        let (glances, behind) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (counted, late) = (Arc::clone(&glances), Arc::clone(&behind));
        let store = Counting { store: Arc::clone(&shops.hub.store), glances: counted, behind: late };
        let shut = Arc::<AtomicBool>::default();
        let queue = Shutting { queue: Arc::clone(&shops.hub.queue), shut: Arc::clone(&shut) };
        let door = Hub::new(
            Arc::new(store),
            Arc::new(queue),
            Arc::clone(&shops.hub.vault),
            Arc::clone(&shops.http) as _,
            Arc::clone(&shops.clock) as _,
            Config { door: Door { orders_wait: true, echo_memory }, ..shops.hub.config.clone() },
        );
        Self { shops, door, glances, behind, shut }
    }

    /// Gives the door the webhooks that are due and that are wanted; gives how many hints came of them.
    async fn deliver(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.shops.clock.advance(Duration::from_millis(500));
        let due = self.shops.http.fake().due(self.shops.clock.now());
        let mut hints = 0;
        for outgoing in due {
            let body = outgoing.request.body();
            if wanted(std::str::from_utf8(body).unwrap()) {
                let account = outgoing.request.uri().path().rsplit('/').next().unwrap();
                let hook = Hook { headers: outgoing.request.headers(), body };
                let Received::Accepted(count) = self.door.receive(account, hook).await.unwrap() else {
                    panic!("refused")
                };
                hints += count;
            }
            self.shops.http.fake().delivered(outgoing.ticket, Some((200, b"")), self.shops.clock.now());
        }
        hints
    }

    /// The webhooks that are due and about stock: the store hears no answer in time, and will send them again.
    fn unheard(&self) -> Vec<Request> {
        self.shops.clock.advance(Duration::from_millis(500));
        let due = self.shops.http.fake().due(self.shops.clock.now());
        for outgoing in &due {
            self.shops.http.fake().delivered(outgoing.ticket, None, self.shops.clock.now());
        }
        let bodies = due.into_iter().map(|outgoing| outgoing.request);
        bodies.filter(|request| of_stock(std::str::from_utf8(request.body()).unwrap())).collect()
    }

    /// What the door says to a webhook.
    async fn knock(&self, request: &Request) -> Result<Received, engine::hub::Error> {
        let account = request.uri().path().rsplit('/').next().unwrap();
        self.door.receive(account, Hook { headers: request.headers(), body: request.body() }).await
    }

    /// Messages that wait in the two queues.
    async fn waiting(&self) -> (u64, u64) {
        let (queue, now) = (&self.shops.hub.queue, Duration::from_secs(3));
        // a call of a lane waits for the end of its second
        self.shops.clock.advance(now);
        (queue.depth(QueueName::Changes).await.unwrap().waiting, queue.depth(QueueName::Lane).await.unwrap().waiting)
    }

    /// What the timers do within a minute.
    async fn sweep(&self) {
        self.shops.hub.run_task(Task::Sweep).await.unwrap();
        self.shops.settle().await;
    }
}

const fn all(_: &str) -> bool {
    true
}

fn of_orders(body: &str) -> bool {
    body.contains("order.finalized")
}

fn of_stock(body: &str) -> bool {
    body.contains("product.stock_changed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_one_message_though_its_order_is_told_too() {
    let street = Street::open(Duration::ZERO).await;
    street.shops.http.fake().sell(2, "TEE", 3, street.shops.clock.now()).unwrap();
    assert_eq!(street.deliver(all).await, 1, "of two webhooks");
    assert_eq!(street.waiting().await, (1, 0));
    street.shops.work().await;
    street.shops.all_show("TEE", 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_again_is_one_message() {
    let street = Street::open(Duration::ZERO).await;
    street.shops.http.fake().sell(2, "TEE", 3, street.shops.clock.now()).unwrap();
    let first = street.unheard();
    assert_eq!(first.len(), 1);
    assert_eq!(street.knock(&first[0]).await.unwrap(), Received::Accepted(1));
    street.shops.clock.advance(Duration::from_secs(3_600));
    let again = street.unheard();
    assert_eq!(again.len(), 1, "the store sends it again");
    assert_eq!(street.knock(&again[0]).await.unwrap(), Received::Accepted(0));
    assert_eq!(street.waiting().await, (1, 0));
    // the next sale is another event of the same item
    street.shops.http.fake().sell(2, "TEE", 1, street.shops.clock.now()).unwrap();
    assert_eq!(street.deliver(of_stock).await, 1);
    street.shops.work().await;
    street.shops.all_show("TEE", 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_whose_hints_could_not_be_kept_is_taken_when_it_comes_again() {
    let street = Street::open(Duration::ZERO).await;
    street.shops.http.fake().sell(2, "TEE", 3, street.shops.clock.now()).unwrap();
    let told = street.unheard();
    street.shut.store(true, Ordering::SeqCst);
    assert!(street.knock(&told[0]).await.is_err(), "the store must send it again");
    street.shut.store(false, Ordering::SeqCst);
    assert_eq!(street.knock(&told[0]).await.unwrap(), Received::Accepted(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_of_which_only_the_order_was_told_is_found_within_a_minute() {
    let street = Street::open(Duration::ZERO).await;
    street.shops.http.fake().sell(2, "TEE", 3, street.shops.clock.now()).unwrap();
    assert_eq!(street.deliver(of_orders).await, 0);
    assert_eq!(street.waiting().await, (0, 0));
    street.sweep().await;
    street.shops.all_show("TEE", 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_orders_wait_for_their_stock_no_store_with_a_feed_is_asked_for_their_webhooks() {
    let street = Street::open(Duration::ZERO).await;
    let south = "south".parse().unwrap();
    let of_orders = |hooks: Vec<channels::Subscription>| {
        hooks.iter().filter(|one| one.topic.starts_with("order.")).map(|one| one.state).collect::<Vec<_>>()
    };
    assert_eq!(of_orders(street.shops.hub.put_hooks_in_order(&south).await.unwrap()).len(), 2, "on one machine");
    assert_eq!(of_orders(street.door.put_hooks_in_order(&south).await.unwrap()), []);
    street.shops.http.fake().sell(3, "TEE", 1, street.shops.clock.now()).unwrap();
    assert_eq!(street.deliver(|_| false).await, 0);
    street.shops.http.fake().sell(3, "TEE", 3, street.shops.clock.now()).unwrap();
    assert_eq!((street.deliver(of_stock).await, street.waiting().await), (1, (1, 0)));
    street.shops.work().await;
    street.shops.all_show("TEE", 6).await;
    // the hub on one machine makes them again
    let again = of_orders(street.shops.hub.put_hooks_in_order(&south).await.unwrap());
    assert_eq!(again, [channels::SubscriptionState::Created; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_look_a_moment_old_does_not_show_is_not_refused() {
    let street = Street::open(Duration::ZERO).await;
    let sell = || street.shops.http.fake().sell(2, "TEE", 1, street.shops.clock.now()).unwrap();
    sell();
    assert_eq!(street.deliver(of_stock).await, 1);
    // what the door remembers of accounts has grown old, and the table is behind
    street.shops.clock.advance(Duration::from_secs(60));
    street.behind.store(true, Ordering::SeqCst);
    sell();
    assert_eq!(street.deliver(of_stock).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echoes_of_a_change_are_told_by_one_look() {
    let street = Street::open(Duration::from_secs(2)).await;
    street.shops.http.fake().sell(2, "TEE", 3, street.shops.clock.now()).unwrap();
    street.deliver(all).await;
    assert_eq!(street.glances.load(Ordering::SeqCst), 0, "what an order moves is no echo");
    street.shops.work().await;
    assert_eq!(street.deliver(all).await, 0, "two stores say what was written there");
    assert_eq!(street.glances.load(Ordering::SeqCst), 1);
    assert_eq!(street.waiting().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_looks_like_an_echo_of_a_moment_ago_is_found_within_a_minute() {
    // a door that never looks twice
    let street = Street::open(Duration::from_secs(3_600)).await;
    let sell = |units| street.shops.http.fake().sell(2, "TEE", units, street.shops.clock.now()).unwrap();
    sell(3);
    street.deliver(all).await;
    street.shops.work().await;
    assert_eq!(street.deliver(all).await, 0, "the door remembers seven");
    sell(1);
    street.deliver(all).await;
    street.shops.work().await;
    street.deliver(|_| false).await;
    street.shops.all_show("TEE", 6).await;
    // long after our write, so that it cannot be meant
    street.shops.clock.advance(Duration::from_secs(120));
    street.shops.http.fake().edit(1, "TEE", 7, street.shops.clock.now()).unwrap();
    // the store tells of the product too, which is not what this is about
    assert_eq!(street.deliver(of_stock).await, 0, "dropped, though it is news");
    street.sweep().await;
    street.shops.all_show("TEE", 7).await;
}
