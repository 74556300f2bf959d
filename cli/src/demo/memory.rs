//! What a hub needs to read everything that a large store has, a store with several locations: memory above that of an idle hub.

use super::places::{DEPOT, STREET};
use super::shopify::Branch;
use super::world::WEST;
use crate::bench::process::HubProcess;
use crate::bench::{Figure, Scale};
use crate::client::api::{Answered, Client, Progress};
use anyhow::{Context, bail, ensure};
use engine::adopt::Adoption;
use engine::reconcile::Comparison;
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use web::client::NetHttp;

/// Every product begins with so many units at each location.
const LEVEL: i64 = 7;
/// How long a hub that has nothing to do is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(3);
/// How long the first work may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A store of half as many products at two locations, adopted; then a fresh hub over the same data reads and compares all of it.
///
/// # Errors
/// When the hub does not find every level.
pub async fn memory(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let branch = Branch::open("leeds", Arc::new(NetHttp::new(true))).await?;
    for number in 0..scale.shop / 2 {
        let sku = format!("SKU-{number:06}");
        branch.stock(&sku, &sku, LEVEL, LEVEL)?;
    }
    let data = TempDir::new()?;
    let token = adopted(&branch, data.path(), scale.shop / 2).await?;
    let mut runs = Runs::default();
    for _ in 0..scale.runs {
        let hub = serve(data.path()).await?;
        tokio::time::sleep(REST).await;
        runs.add(&hub, &hub.client(&token)?, scale.shop).await?;
        hub.stop().await?;
    }
    let levels = format!("{} levels of a store with locations", scale.shop);
    Ok(vec![
        Figure::median(format!("bulk read of {levels}: memory above idle"), "MiB", runs.read).at_most(50.0),
        Figure::median("  with their comparison", "MiB", runs.compared),
        Figure::median("  memory of the idle hub", "MiB", runs.idle),
        Figure::median("  time", "s", runs.seconds),
    ])
}

/// What each run took.
#[derive(Default)]
struct Runs {
    idle: Vec<f64>,
    /// The most above idle when all was read, and nothing compared yet.
    read: Vec<f64>,
    /// The most above idle at the end.
    compared: Vec<f64>,
    seconds: Vec<f64>,
}

impl Runs {
    async fn add(&mut self, hub: &HubProcess, client: &Client, levels: usize) -> anyhow::Result<()> {
        let idle = hub.memory_mib()?;
        hub.forget_peak()?;
        let (began, read) = (Instant::now(), OnceCell::new());
        let note = |progress: Progress| {
            if !progress.step.starts_with("reading") {
                read.get_or_init(|| hub.peak_mib());
            }
        };
        let found = match client.job::<Comparison>("/reconcile", &json!({}), note).await? {
            Answered::Now(found) => found,
            Answered::Later(run) => bail!("the comparison goes on as run {}", run.id),
        };
        self.seconds.push(began.elapsed().as_secs_f64());
        let compared: u64 = found.accounts.values().map(|account| account.compared).sum();
        ensure!(compared == levels as u64, "compared {compared} of {levels} levels");
        self.read.push(read.into_inner().context("the hub told of no comparison")?? - idle);
        self.compared.push(hub.peak_mib()? - idle);
        self.idle.push(idle);
        Ok(())
    }
}

async fn serve(data: &Path) -> anyhow::Result<HubProcess> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    HubProcess::start(&std::env::current_exe()?, &data.join("data"), listen, &[]).await
}

/// Connects the store, links its locations, adopts it; the hub's token.
async fn adopted(branch: &Branch, data: &Path, skus: usize) -> anyhow::Result<String> {
    let hub = serve(data).await?;
    let token = hub.token.clone().unwrap_or_default();
    let client = hub.client(&token)?;
    let _: Value = client.post("/accounts", &branch.master(None)?).await?;
    let _: Value = client.post("/warehouses", &json!({"id": WEST})).await?;
    for (place, warehouse) in [(STREET, "main"), (DEPOT, WEST)] {
        let location = branch.location(place);
        let link = json!({"location": location, "warehouse": warehouse, "apply": true});
        let _: Value = client.post("/locations/link", &link).await?;
    }
    let adoption: Adoption = client.post("/adopt", &json!({"apply": true})).await?;
    ensure!(adoption.new_items == skus as u64, "adopted {} of {skus} SKUs", adoption.new_items);
    quiet(&client).await?;
    hub.stop().await?;
    Ok(token)
}

/// Until nothing waits.
async fn quiet(client: &Client) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let queues: engine::work::QueueView = client.get("/queues").await?;
        let waiting: u64 = [queues.changes, queues.lane].iter().map(|depth| depth.waiting + depth.in_flight).sum();
        if waiting == 0 && queues.waiting.values().all(|rows| *rows == 0) {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "the hub is still busy after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
