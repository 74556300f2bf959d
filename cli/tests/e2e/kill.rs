//! Durability: the hub is killed at random moments while people shop, and no unit is lost.

use crate::town::{MAIN, Town, program};
use evenstock::bench::process::HubProcess;
use evenstock::demo::stores::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const KILLS: usize = 30;
const SHELF: [(&str, i64); 4] = [("MUG", 100_000), ("CAP/BLACK", 100_000), ("TEE S", 100_000), ("PEN", 100_000)];
const OFTEN: [&str; 2] = ["--sweep-seconds", "1"];
/// Between two doings in the stores.
const PACE: Duration = Duration::from_millis(40);
/// A claim of a killed hub lasts ten seconds (`--local-stores`); a settled observation takes five.
const PATIENCE: Duration = Duration::from_secs(60);

/// Shops until told to stop: sales in all stores, sometimes a return. Nobody edits levels meanwhile: an edit made while
/// nobody knows what became of a write is promised to be reported, not to be counted.
async fn shop(stores: Arc<Vec<Store>>, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    let mut chance = fastrand::Rng::with_seed(7);
    let mut last = None;
    while !stop.load(Ordering::Relaxed) {
        let place = chance.usize(..stores.len());
        let (sku, store) = (SHELF[chance.usize(..SHELF.len())].0, &stores[place]);
        match chance.u32(..20) {
            0 => {
                if let Some((place, order)) = last.take() {
                    let store: &Store = &stores[place];
                    store.take_back(order).unwrap();
                }
            }
            _ => last = Some((place, store.sell(sku, chance.i64(1..=3)).unwrap())),
        }
        done.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PACE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_thirty_times_loses_no_unit() {
    let mut town = Town::adopted(&SHELF, &OFTEN).await;
    let stores = Arc::new(std::mem::take(&mut town.stores));
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let shopping = tokio::spawn(shop(Arc::clone(&stores), Arc::clone(&stop), Arc::clone(&done)));
    let (data, address) = (town.folder.path().join("data"), town.hub.address);
    let taken = || stores.iter().map(Store::webhooks).sum::<u64>();
    let mut chance = fastrand::Rng::with_seed(11);
    let mut busy = 0;
    for _ in 0..KILLS {
        let before = taken();
        tokio::time::sleep(Duration::from_millis(chance.u64(300..1800))).await;
        busy += usize::from(taken() > before);
        town.hub.kill().await.unwrap();
        town.hub = HubProcess::start(&program(), &data, address, &OFTEN).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    shopping.await.unwrap();
    town.stores = Arc::into_inner(stores).expect("nobody shops any more");
    town.settled(PATIENCE).await;
    town.stores[MAIN].edit("MUG", 70_000).unwrap();
    town.settled(PATIENCE).await;
    assert!(busy > KILLS / 2, "only {busy} of {KILLS} kills hit a hub at work");
    assert!(done.load(Ordering::Relaxed) > 500, "hardly anybody shopped");
}
