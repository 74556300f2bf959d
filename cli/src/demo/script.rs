//! What people do in the demo's stores, and what goes wrong there.

use super::board::Board;
use super::stores::Store;
use super::world::{Deed, SHELF, STORES, World};
use channels::{Clock, clock::SystemClock};
use engine::adopt::Adoption;
use serde_json::{Value, json};
use std::time::Duration;

/// The pause between two doings of ordinary shopping.
const PACE: Duration = Duration::from_millis(350);
/// How long the stores may take to be equal again after something went wrong.
const PATIENCE: Duration = Duration::from_secs(25);
/// The store that goes down.
const YORK: usize = 2;
const LEEDS: usize = 1;
const MAIN: usize = 0;

/// The script in progress.
pub struct Script<'a> {
    world: &'a World,
    board: &'a Board,
    chance: fastrand::Rng,
    /// What was done while everything worked: these count for the latency.
    pub deeds: Vec<Deed>,
    /// Things done in the stores.
    pub done: u64,
    /// Scenes, and whether the stores were equal after each.
    pub scenes: Vec<(&'static str, bool)>,
}

impl<'a> Script<'a> {
    /// The script at its beginning.
    #[must_use]
    pub fn new(world: &'a World, board: &'a Board) -> Self {
        let chance = fastrand::Rng::with_seed(2_026);
        Self { world, board, chance, deeds: Vec::new(), done: 0, scenes: Vec::new() }
    }

    /// Plays all scenes; ordinary shopping takes `seconds`.
    ///
    /// # Errors
    /// When the hub refuses what a person asks for.
    pub async fn play(&mut self, seconds: u64) -> anyhow::Result<()> {
        self.connect().await?;
        self.adopt().await?;
        self.shopping(Duration::from_secs(seconds)).await?;
        self.edits().await?;
        self.edited_order_and_return().await?;
        self.lost_webhook().await?;
        self.outage().await?;
        self.silent_import().await
    }

    fn tell(&self, line: &str) {
        self.board.tell(self.world.age_ms(), line);
    }

    /// The end of a scene: until the stores are equal.
    async fn settle(&mut self, scene: &'static str) -> anyhow::Result<()> {
        let began = self.world.age_ms();
        let settled = self.world.settles(PATIENCE).await?;
        let took = self.world.age_ms() - began;
        self.scenes.push((scene, settled));
        self.tell(&if settled {
            format!("  ✓ {scene}: every store right again after {took} ms")
        } else {
            format!("  ✗ {scene}: not every store is right after {took} ms")
        });
        Ok(())
    }

    async fn connect(&self) -> anyhow::Result<()> {
        for (place, store) in self.world.stores.iter().enumerate() {
            let account = self.world.account(place)?;
            let _: Value = self.world.client.post("/accounts", &account).await?;
            self.tell(&format!("account {} added as {}", store.name, role(store)));
        }
        Ok(())
    }

    async fn adopt(&mut self) -> anyhow::Result<()> {
        let preview: Adoption = self.world.client.post("/adopt", &json!({"apply": false})).await?;
        let change: u64 = preview.accounts.values().map(|account| account.will_change).sum();
        self.tell(&format!("first sync, preview: {} SKUs, {change} levels would change", preview.new_items));
        let _: Adoption = self.world.client.post("/adopt", &json!({"apply": true})).await?;
        self.settle("first sync").await
    }

    /// Somebody buys.
    fn sell(&mut self, store: usize, sku: &'static str, units: i64) -> anyhow::Result<u64> {
        let order = self.world.stores[store].sell(sku, units)?;
        self.did(store, sku, &format!("{} sells {units}", STORES[store].0));
        Ok(order)
    }

    fn did(&mut self, store: usize, sku: &'static str, what: &str) {
        self.done += 1;
        self.deeds.push(Deed { at: SystemClock.now(), store, sku });
        self.board.doing(sku, what);
        self.tell(&format!("{sku}: {what}"));
    }

    /// What was done since there were `kept` deeds does not count for the latency.
    fn forget_deeds(&mut self, kept: usize) {
        self.deeds.truncate(kept);
    }

    async fn shopping(&mut self, duration: Duration) -> anyhow::Result<()> {
        self.tell("shoppers buy in all three stores");
        let until = tokio::time::Instant::now() + duration;
        while tokio::time::Instant::now() < until {
            let (sku, store) = (SHELF[self.chance.usize(..SHELF.len())].0, self.chance.usize(..STORES.len()));
            let units = self.chance.i64(1..=2);
            if self.world.stores[store].level(sku).is_some_and(|level| level >= units) {
                self.sell(store, sku, units)?;
            }
            tokio::time::sleep(PACE).await;
        }
        self.settle("shopping").await
    }

    async fn edits(&mut self) -> anyhow::Result<()> {
        self.tell("a delivery arrives: somebody types new levels into the master's product pages");
        for (sku, more) in [("MUG-RED", 24), ("BAG 01", 30), ("TEE-L", -3)] {
            let store = &self.world.stores[MAIN];
            let level = store.level(sku).unwrap_or(0) + more;
            store.edit(sku, level)?;
            self.did(MAIN, sku, &format!("{} edited to {level}", STORES[MAIN].0));
            tokio::time::sleep(PACE).await;
        }
        self.settle("edits on the master").await
    }

    async fn edited_order_and_return(&mut self) -> anyhow::Result<()> {
        self.tell("an order is edited from 1 to 3, another is taken back");
        let kept = self.deeds.len();
        let order = self.sell(LEEDS, "TEE-S", 1)?;
        tokio::time::sleep(PACE).await;
        self.world.stores[LEEDS].edit_order(order, "TEE-S", 3)?;
        self.did(LEEDS, "TEE-S", "leeds edits the order to 3");
        let order = self.sell(YORK, "CAP/BLACK", 2)?;
        tokio::time::sleep(PACE).await;
        self.world.stores[YORK].take_back(order)?;
        self.did(YORK, "CAP/BLACK", "york takes 2 back");
        self.forget_deeds(kept);
        self.settle("edited order and return").await
    }

    async fn lost_webhook(&mut self) -> anyhow::Result<()> {
        self.tell("leeds sells, and its webhooks are lost on the way");
        let kept = self.deeds.len();
        self.world.stores[LEEDS].lose_webhooks(true)?;
        self.sell(LEEDS, "PEN-XY", 5)?;
        tokio::time::sleep(PACE).await;
        self.world.stores[LEEDS].lose_webhooks(false)?;
        self.forget_deeds(kept);
        self.settle("lost webhook").await
    }

    async fn outage(&mut self) -> anyhow::Result<()> {
        self.tell("york goes down; the others go on selling");
        let kept = self.deeds.len();
        self.world.stores[YORK].set_down(true);
        for (store, sku) in [(MAIN, "MUG-BLUE"), (LEEDS, "TEE-M"), (MAIN, "TEE-M"), (LEEDS, "MUG-BLUE")] {
            self.sell(store, sku, 1)?;
            tokio::time::sleep(PACE).await;
        }
        // a till in the shop goes on while its web store cannot be reached
        self.sell(YORK, "TEE-M", 1)?;
        tokio::time::sleep(PACE).await;
        self.world.stores[YORK].set_down(false);
        self.tell("york is back");
        self.forget_deeds(kept);
        self.settle("a store down and back").await
    }

    async fn silent_import(&mut self) -> anyhow::Result<()> {
        self.tell("a product import on the master changes two levels; nothing tells of it");
        let kept = self.deeds.len();
        for (sku, more) in [("TEE-S", 40), ("PEN-XY", -7)] {
            let store = &self.world.stores[MAIN];
            let level = store.level(sku).unwrap_or(0) + more;
            store.import_silently(sku, level)?;
            self.did(MAIN, sku, &format!("{} imports {level}", STORES[MAIN].0));
        }
        self.forget_deeds(kept);
        let _: Value = self.world.client.post("/reconcile", &json!({"dry_run": false})).await?;
        self.tell("the stores are compared");
        self.settle("silent import").await
    }
}

fn role(store: &Store) -> &'static str {
    match store.role {
        domain::Role::Master => "master",
        domain::Role::Replica => "replica",
    }
}
