//! What people do in the demo's stores, and what goes wrong there.

use super::board::Board;
use super::places::{DEPOT, MAIN, PLACES, Places, STREET, YORK};
use super::world::{Deed, SHELF, WEST, World};
use channels::{Clock, clock::SystemClock};
use engine::adopt::Adoption;
use serde_json::{Value, json};
use std::time::Duration;

/// The pause between two doings of ordinary shopping.
const PACE: Duration = Duration::from_millis(350);
/// How long the stores may take to be equal again after something went wrong.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long somebody waits for a SKU to be told of before they do the next thing to it.
const CALM: Duration = Duration::from_secs(5);

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
        self.link().await?;
        self.adopt().await?;
        self.shopping(Duration::from_secs(seconds)).await?;
        self.edits().await?;
        self.edited_order_and_return().await?;
        self.order_called_off().await?;
        self.goods_are_moved().await?;
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
        for account in self.world.places.accounts()? {
            let _: Value = self.world.client.post("/accounts", &account).await?;
            let role = if account.role == domain::Role::Master { "master" } else { "replica" };
            self.tell(&format!("account {} added as {role}, {}", account.id, account.channel));
        }
        Ok(())
    }

    /// Which location belongs to which warehouse.
    async fn link(&self) -> anyhow::Result<()> {
        let _: Value = self.world.client.post("/warehouses", &json!({"id": WEST, "name": "West depot"})).await?;
        for (place, warehouse) in [(STREET, "main"), (DEPOT, WEST)] {
            let link =
                json!({"location": self.world.places.leeds.location(place), "warehouse": warehouse, "apply": true});
            let _: Value = self.world.client.post("/locations/link", &link).await?;
            self.tell(&format!("location {} of leeds belongs to warehouse {warehouse}", PLACES[place]));
        }
        let both = json!({"warehouses": ["main", WEST], "apply": true});
        let _: Value = self.world.client.post(&format!("/accounts/{}/feed", PLACES[YORK]), &both).await?;
        self.tell("york shows both warehouses; what it sells is charged to the first that has stock");
        Ok(())
    }

    async fn adopt(&mut self) -> anyhow::Result<()> {
        let preview: Adoption = self.world.client.post("/adopt", &json!({"apply": false})).await?;
        let change: u64 = preview.accounts.values().map(|account| account.will_change).sum();
        self.tell(&format!("first sync, preview: {} SKUs, {change} levels would change", preview.new_items));
        let _: Adoption = self.world.client.post("/adopt", &json!({"apply": true})).await?;
        self.settle("first sync").await
    }

    /// Somebody buys; the order's number. Not while a write of that SKU is on its way to the store that carries them out later:
    /// it would put the units back on sale there, and such a store's numbers must stand still for ten minutes before that is
    /// believed and put right. Nobody watches a demo for so long.
    async fn sell(&mut self, place: usize, sku: &'static str, units: i64) -> anyhow::Result<String> {
        self.world.is_calm(sku, YORK, CALM).await?;
        let order = self.world.places.sell(place, sku, units)?;
        self.did(place, sku, &format!("{} sells {units}", PLACES[place]));
        Ok(order)
    }

    fn places(&self) -> &'a Places {
        &self.world.places
    }

    fn did(&mut self, place: usize, sku: &'static str, what: &str) {
        self.done += 1;
        self.deeds.push(Deed { at: SystemClock.now(), place, sku });
        self.board.doing(sku, what);
        self.tell(&format!("{sku}: {what}"));
    }

    /// What was done since there were `kept` deeds does not count for the latency.
    fn forget_deeds(&mut self, kept: usize) {
        self.deeds.truncate(kept);
    }

    async fn shopping(&mut self, duration: Duration) -> anyhow::Result<()> {
        self.tell("shoppers buy in all stores");
        let until = tokio::time::Instant::now() + duration;
        while tokio::time::Instant::now() < until {
            let (sku, place) = (SHELF[self.chance.usize(..SHELF.len())].0, self.chance.usize(..PLACES.len()));
            let units = self.chance.i64(1..=2);
            if self.places().level(place, sku).is_some_and(|level| level >= units) {
                self.sell(place, sku, units).await?;
            }
            tokio::time::sleep(PACE).await;
        }
        self.settle("shopping").await
    }

    async fn edits(&mut self) -> anyhow::Result<()> {
        self.tell("a delivery arrives: somebody types new levels into the master's product pages");
        for (sku, more) in [("MUG-RED", 24), ("BAG 01", 30), ("TEE-L", -3)] {
            let store = &self.places().main;
            let level = store.level(sku).unwrap_or(0) + more;
            store.edit(sku, level)?;
            self.did(MAIN, sku, &format!("{} edited to {level}", PLACES[MAIN]));
            tokio::time::sleep(PACE).await;
        }
        self.settle("edits on the master").await
    }

    async fn edited_order_and_return(&mut self) -> anyhow::Result<()> {
        self.tell("an order is edited from 1 to 3, another is taken back");
        let kept = self.deeds.len();
        let order = self.sell(MAIN, "TEE-S", 1).await?.parse()?;
        tokio::time::sleep(PACE).await;
        self.places().main.edit_order(order, "TEE-S", 3)?;
        self.did(MAIN, "TEE-S", "main edits the order to 3");
        let order = self.sell(MAIN, "CAP/BLACK", 2).await?.parse()?;
        tokio::time::sleep(PACE).await;
        self.places().main.take_back(order)?;
        self.did(MAIN, "CAP/BLACK", "main takes 2 back");
        self.forget_deeds(kept);
        self.settle("edited order and return").await
    }

    async fn order_called_off(&mut self) -> anyhow::Result<()> {
        self.tell("york sells 4, which counts though it is not paid for yet, and the buyer calls it off");
        let kept = self.deeds.len();
        let order = self.sell(YORK, "MUG-BLUE", 4).await?;
        self.world.is_calm("MUG-BLUE", YORK, CALM).await?;
        tokio::time::sleep(PACE).await;
        self.places().york.call_off(&order)?;
        self.did(YORK, "MUG-BLUE", "york has 4 back");
        self.forget_deeds(kept);
        self.settle("order called off").await
    }

    async fn goods_are_moved(&mut self) -> anyhow::Result<()> {
        self.tell("a van takes goods from the street to the depot, and a delivery is entered there");
        let kept = self.deeds.len();
        self.places().leeds.store_away("TEE-M", 6)?;
        self.did(STREET, "TEE-M", "6 go from the street to the depot");
        tokio::time::sleep(PACE).await;
        let level = self.places().level(DEPOT, "PEN-XY").unwrap_or(0) + 50;
        self.places().leeds.edit("PEN-XY", self.places().leeds.depot, level)?;
        self.did(DEPOT, "PEN-XY", &format!("depot edited to {level}"));
        self.forget_deeds(kept);
        self.settle("goods moved and delivered").await
    }

    async fn lost_webhook(&mut self) -> anyhow::Result<()> {
        self.tell("main sells, and its webhooks are lost on the way");
        let kept = self.deeds.len();
        self.places().main.lose_webhooks(true)?;
        self.sell(MAIN, "PEN-XY", 5).await?;
        tokio::time::sleep(PACE).await;
        self.places().main.lose_webhooks(false)?;
        self.forget_deeds(kept);
        self.settle("lost webhook").await
    }

    async fn outage(&mut self) -> anyhow::Result<()> {
        self.tell("leeds goes down; the others go on selling");
        let kept = self.deeds.len();
        self.places().leeds.set_down(true);
        for (place, sku) in [(MAIN, "MUG-BLUE"), (YORK, "TEE-M"), (MAIN, "TEE-M"), (YORK, "MUG-BLUE")] {
            self.sell(place, sku, 1).await?;
            tokio::time::sleep(PACE).await;
        }
        // a till in the shop goes on while its web store cannot be reached
        self.sell(STREET, "TEE-M", 1).await?;
        tokio::time::sleep(PACE).await;
        self.places().leeds.set_down(false);
        self.tell("leeds is back");
        self.forget_deeds(kept);
        self.settle("a store down and back").await
    }

    async fn silent_import(&mut self) -> anyhow::Result<()> {
        self.tell("a product import on the master changes two levels; nothing tells of it");
        let kept = self.deeds.len();
        for (sku, more) in [("TEE-S", 40), ("PEN-XY", -7)] {
            let store = &self.places().main;
            let level = store.level(sku).unwrap_or(0) + more;
            store.import_silently(sku, level)?;
            self.did(MAIN, sku, &format!("{} imports {level}", PLACES[MAIN]));
        }
        self.forget_deeds(kept);
        let _: Value = self.world.client.post("/reconcile", &json!({"dry_run": false})).await?;
        self.tell("the stores are compared");
        self.settle("silent import").await
    }
}
