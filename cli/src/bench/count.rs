//! How often our own state is written per change: counted in the store port, not estimated.

use super::{Figure, Scale};
use crate::client::api::Client;
use crate::demo::stores::{Store as Shop, UNLIMITED, expected};
use crate::demo::world::STORES;
use crate::fakes::Meter;
use crate::serve::{Ports, Serving, Settings, Timers};
use anyhow::ensure;
use async_trait::async_trait;
use engine::Store;
use engine::adopt::Adoption;
use engine::ports::{Change, Key, Page, Query, Row, StoreError};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use web::client::NetHttp;

/// A store that counts the writes of ledgers.
struct Counting {
    store: Arc<dyn Store>,
    ledgers: Arc<AtomicU64>,
}

#[async_trait]
impl Store for Counting {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.store.get(keys).await
    }

    async fn glance(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        self.store.glance(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.store.query(query).await
    }

    async fn skim(&self, query: &Query) -> Result<Page, StoreError> {
        self.store.skim(query).await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.store.scan(after, limit).await
    }

    async fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        let ledgers = changes.iter().filter(|change| is_ledger(change.key())).count();
        self.ledgers.fetch_add(ledgers as u64, Ordering::Relaxed);
        self.store.write(changes).await
    }

    async fn put_all(&self, rows: &[Row]) -> Result<(), StoreError> {
        let ledgers = rows.iter().filter(|row| is_ledger(&row.key)).count();
        self.ledgers.fetch_add(ledgers as u64, Ordering::Relaxed);
        self.store.put_all(rows).await
    }
}

fn is_ledger(key: &Key) -> bool {
    key.pk.starts_with("SKU#") && key.sk == "STATE"
}

/// Writes of ledgers per change, failed ones included.
///
/// # Errors
/// When a store is never right.
pub async fn writes(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let data = tempfile::tempdir()?;
    let ledgers = Arc::new(AtomicU64::new(0));
    let http = Arc::new(NetHttp::new(true));
    let mut shops = Vec::new();
    for (place, (name, role)) in (0..).zip(STORES) {
        let shop = Shop::open(name, place, role, http.clone(), Meter::default()).await?;
        shop.stock("ONE", "One", 1_000_000)?;
        shops.push(shop);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let settings =
        Settings { allow_insecure_endpoints: true, timers: never(), ..Settings::new(data.path().join("data")) };
    let config = settings.config(listener.local_addr()?);
    let count = Arc::clone(&ledgers);
    let wrap = |store| -> Arc<dyn Store> { Arc::new(Counting { store, ledgers: count }) };
    let ports = Ports::open_with(&settings.data, http, config, wrap).await?;
    let serving = Serving::over(listener, &settings, ports).await?;
    let counted = one_by_one(&serving, &shops, &ledgers, scale.changes).await;
    serving.stop().await;
    Ok(vec![Figure::median("state writes per change, 2 other stores", "writes", vec![counted?]).at_most(2.0)])
}

/// Timers that do not ring while we count.
fn never() -> Timers {
    let long = Duration::from_secs(86_400);
    Timers { sweep: long, compare: long, full: long, health: long }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
async fn one_by_one(serving: &Serving, shops: &[Shop], ledgers: &AtomicU64, changes: usize) -> anyhow::Result<f64> {
    let token = serving.token.as_ref().map(|token| token.reveal().to_owned()).unwrap_or_default();
    let client = Client::new(&serving.url(), &token)?;
    for shop in shops {
        let _: Value = client.post("/accounts", &shop.account(Some(UNLIMITED))?).await?;
    }
    let _: Adoption = client.post("/adopt", &json!({"apply": true})).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = ledgers.load(Ordering::Relaxed);
    for change in 0..changes {
        shops[change % shops.len()].sell("ONE", 1)?;
        let truth = expected(shops, "ONE");
        let mut waited = 0;
        while !shops.iter().all(|shop| shop.level("ONE") == Some(truth)) {
            ensure!(waited < 5_000, "a store is not right after 10 s");
            waited += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // the run records its outcome after the store has it
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    Ok((ledgers.load(Ordering::Relaxed) - before) as f64 / changes as f64)
}
