//! Where it is measured: three fake stores in this process, and a hub in a process of its own.

use super::process::HubProcess;
use crate::client::api::Client;
use crate::demo::stores::{Store, UNLIMITED, expected};
use crate::demo::world::STORES;
use crate::fakes::Meter;
use anyhow::bail;
use domain::{Role, Sku};
use engine::adopt::Adoption;
use engine::items::ItemView;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use web::client::NetHttp;

/// Stores and a hub.
pub struct Arena {
    /// The stores, the master first.
    pub stores: Vec<Store>,
    /// The hub's API.
    pub client: Client,
    /// How long the stores were busy with answers.
    pub meter: Meter,
    skus: Vec<String>,
    hub: HubProcess,
    _data: TempDir,
}

impl Arena {
    /// Opens stores with `skus` SKUs of `level` units each, and a hub that works on `batch` hints at once.
    ///
    /// # Errors
    /// When the hub does not start.
    pub async fn open(skus: usize, level: i64, batch: usize) -> anyhow::Result<Self> {
        let http = Arc::new(NetHttp::new(true));
        let meter = Meter::default();
        let skus: Vec<String> = (0..skus).map(|number| format!("SKU-{number:06}")).collect();
        let mut stores = Vec::new();
        for (place, (name, role)) in (0..).zip(STORES) {
            let store = Store::open(name, place, role, http.clone(), meter.clone()).await?;
            skus.iter().try_for_each(|sku| store.stock(sku, sku, level))?;
            stores.push(store);
        }
        let data = tempfile::tempdir()?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let arguments = ["--batch", &batch.to_string()];
        let hub = HubProcess::start(&std::env::current_exe()?, &data.path().join("data"), listen, &arguments).await?;
        let client = hub.client(hub.token.as_deref().unwrap_or_default())?;
        Ok(Self { stores, client, meter, skus, hub, _data: data })
    }

    /// The same, with the accounts connected and adopted.
    ///
    /// # Errors
    /// What the hub said.
    pub async fn adopted(skus: usize, level: i64, batch: usize) -> anyhow::Result<Self> {
        let arena = Self::open(skus, level, batch).await?;
        arena.connect().await?;
        let _: Adoption = arena.client.post("/adopt", &json!({"apply": true})).await?;
        arena.idle().await?;
        Ok(arena)
    }

    /// Connects the accounts.
    ///
    /// # Errors
    /// What the hub said.
    pub async fn connect(&self) -> anyhow::Result<()> {
        for store in &self.stores {
            let _: Value = self.client.post("/accounts", &store.account(Some(UNLIMITED))?).await?;
        }
        Ok(())
    }

    /// The hub's address and its token.
    #[must_use]
    pub fn door(&self) -> (String, String) {
        (self.hub.url(), self.hub.token.clone().unwrap_or_default())
    }

    /// A SKU.
    #[must_use]
    pub fn sku(&self, place: usize) -> &str {
        &self.skus[place % self.skus.len()]
    }

    /// Waits until nothing waits in the hub.
    ///
    /// # Errors
    /// When something still waits after a minute.
    pub async fn idle(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            let queues: engine::work::QueueView = self.client.get("/queues").await?;
            let messages =
                [queues.changes, queues.lane].iter().map(|depth| depth.waiting + depth.in_flight).sum::<u64>();
            if messages == 0 && queues.waiting.values().all(|rows| *rows == 0) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the hub is still busy after a minute")
    }

    /// How many stores show a wrong level of a SKU.
    #[must_use]
    pub fn wrong(&self, sku: &str) -> usize {
        let truth = expected(&self.stores, sku);
        self.stores.iter().filter(|store| store.level(sku) != Some(truth)).count()
    }

    /// Waits until every store shows the right level of some SKUs.
    ///
    /// # Errors
    /// When one does not within `patience`.
    pub async fn settled(&self, skus: &[&str], patience: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        for sku in skus {
            while self.wrong(sku) > 0 {
                if began.elapsed() > patience {
                    bail!("{sku} is wrong in {} stores after {patience:?}", self.wrong(sku));
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        Ok(())
    }

    /// Checks that the hub's level of a SKU is what people did.
    ///
    /// # Errors
    /// When units were lost or invented.
    pub async fn conserved(&self, sku: &str) -> anyhow::Result<()> {
        let item: ItemView = self.client.get(&format!("/item?sku={sku}")).await?;
        let truth = expected(&self.stores, sku);
        if item.level == truth && item.sku == Sku::new(sku)? {
            Ok(())
        } else {
            bail!("{sku}: the hub has {}, true is {truth}", item.level)
        }
    }

    /// The replicas' places.
    pub fn replicas(&self) -> impl Iterator<Item = &Store> {
        self.stores.iter().filter(|store| store.role == Role::Replica)
    }

    /// The most memory that the hub's process ever had, MiB.
    ///
    /// # Errors
    /// When this machine does not tell.
    pub fn peak_mib(&self) -> anyhow::Result<f64> {
        self.hub.peak_mib()
    }
}
