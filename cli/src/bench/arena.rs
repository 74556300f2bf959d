//! Where it is measured: three fake stores in this process, and a hub in a process of its own.

use crate::client::api::Client;
use crate::demo::stores::{Store, UNLIMITED, expected};
use crate::demo::world::STORES;
use crate::fakes::Meter;
use anyhow::{Context, bail};
use domain::{Role, Sku};
use engine::adopt::Adoption;
use engine::items::ItemView;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use web::client::NetHttp;

/// How long a hub may take to start.
const START: Duration = Duration::from_secs(20);

/// Stores and a hub.
pub struct Arena {
    /// The stores, the master first.
    pub stores: Vec<Store>,
    /// The hub's API.
    pub client: Client,
    /// How long the stores were busy with answers.
    pub meter: Meter,
    skus: Vec<String>,
    hub: Child,
    _out: Lines<BufReader<ChildStdout>>,
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
        let (hub, out, client) = start(&data, batch).await?;
        Ok(Self { stores, client, meter, skus, hub, _out: out, _data: data })
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
        let process = self.hub.id().context("the hub has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }
}

async fn start(data: &TempDir, batch: usize) -> anyhow::Result<(Child, Lines<BufReader<ChildStdout>>, Client)> {
    let mut hub = Command::new(std::env::current_exe()?)
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--allow-insecure-endpoints",
            "--batch",
            &batch.to_string(),
            "--data",
        ])
        .arg(data.path().join("data"))
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(hub.stdout.take().context("no output")?).lines();
    let (mut url, mut token) = (None, None);
    while token.is_none() || url.is_none() {
        let line = tokio::time::timeout(START, lines.next_line()).await.context("the hub does not start")??;
        let line = line.context("the hub ended at its start")?;
        url = url.or_else(|| line.split_once("serves at ").map(|(_, url)| url.trim().to_owned()));
        token = token.or_else(|| Some(line.trim()).filter(|word| word.starts_with("evs_")).map(str::to_owned));
    }
    let client = Client::new(&url.unwrap_or_default(), &token.unwrap_or_default())?;
    Ok((hub, lines, client))
}
