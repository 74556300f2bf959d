//! What people do in a store.

use super::state::{ApiWrite, Item, Level, Line, Location, Shop, ShopSpec, Subject};
use super::switches::Switches;
use super::{FakeShopify, Refused};
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// A product with one variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemSpec {
    /// The SKU, if it has one.
    pub sku: Option<String>,
    /// What people call it.
    pub title: String,
    /// Whether its inventory is tracked.
    pub tracked: bool,
    /// Whether it is made of other variants.
    pub bundle: bool,
    /// Whether it is on sale.
    pub on_sale: bool,
    /// What is available, by location.
    pub levels: Vec<(u64, i64)>,
}

impl Default for ItemSpec {
    fn default() -> Self {
        let title = "A thing".into();
        Self { sku: None, title, tracked: true, bundle: false, on_sale: true, levels: Vec::new() }
    }
}

/// What becomes of the goods of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restock {
    /// They stay where they are.
    NoRestock,
    /// They had not been sent.
    Cancel,
    /// They came back, to this location.
    Return(u64),
}

/// Most locations of a store, as one was seen to have.
const LOCATIONS_MAX: usize = 200;

impl FakeShopify {
    /// Opens a store; one of that domain is replaced.
    pub fn add_shop(&mut self, spec: &ShopSpec) {
        self.shops.insert(spec.domain.clone(), Shop::new(spec.clone()));
    }

    /// Changes what the documents leave open.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn switches(&mut self, shop: &str) -> Result<&mut Switches, Refused> {
        Ok(&mut self.shop(shop)?.switches)
    }

    /// Opens a location; `service` is one that a fulfilment service keeps.
    ///
    /// # Errors
    /// [`Refused`] when the store has 200, or there is no such store.
    pub fn add_location(&mut self, shop: &str, name: &str, service: bool, now: Timestamp) -> Result<u64, Refused> {
        let shop = self.shop(shop)?;
        if shop.locations.len() >= LOCATIONS_MAX {
            return Err(Refused("a store has 200 locations at most".into()));
        }
        let id = shop.id();
        shop.locations.insert(id, Location { name: name.to_owned(), active: true, service });
        shop.tell("locations/create", Subject::Location(id), now);
        Ok(id)
    }

    /// Closes or opens a location; its levels go with it.
    ///
    /// # Errors
    /// [`Refused`] when it is not there.
    pub fn open_location(&mut self, shop: &str, location: u64, open: bool, now: Timestamp) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        let place = shop.locations.get_mut(&location).ok_or_else(|| Refused("there is no such location".into()))?;
        place.active = open;
        let topic = if open { "locations/activate" } else { "locations/deactivate" };
        shop.tell(topic, Subject::Location(location), now);
        Ok(())
    }

    /// Creates a product; its item's id.
    ///
    /// # Errors
    /// [`Refused`] when the store or a location is not there.
    pub fn add_item(&mut self, shop: &str, spec: &ItemSpec, now: Timestamp) -> Result<u64, Refused> {
        let shop = self.shop(shop)?;
        if let Some((location, _)) = spec.levels.iter().find(|(location, _)| !shop.locations.contains_key(location)) {
            return Err(Refused(format!("there is no location {location}")));
        }
        let id = shop.id();
        let status = if spec.on_sale { "ACTIVE" } else { "DRAFT" };
        let item = Item {
            sku: spec.sku.clone(),
            title: spec.title.clone(),
            tracked: spec.tracked,
            bundle: spec.bundle,
            status,
            updated: now,
            indexed: (spec.sku.clone(), Timestamp(0)),
        };
        shop.items.insert(id, item);
        shop.call(id, None, spec.sku.as_deref());
        for (location, available) in &spec.levels {
            let level = Level { active: true, available: *available, updated: now.0, ..Level::default() };
            shop.levels.insert((id, *location), level);
        }
        shop.tell("inventory_items/create", Subject::Item(id), now);
        Ok(id)
    }

    /// Somebody buys: available falls, committed rises. The order's id.
    ///
    /// # Errors
    /// [`Refused`] when the SKU is not stocked there.
    pub fn sell(&mut self, shop: &str, sku: &str, location: u64, units: i64, now: Timestamp) -> Result<u64, Refused> {
        let shop = self.shop(shop)?;
        let at = stocked(shop, sku, location)?;
        shop.change(at, now, |level| {
            (level.available, level.committed) = (level.available - units, level.committed + units)
        });
        did(shop, at, -units);
        let order = shop.id();
        shop.orders.insert(order, vec![Line { at, units, fulfilled: false }]);
        Ok(order)
    }

    /// Somebody changes how many units of a SKU an order has that has not left.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order, or it has no such line that is still here.
    pub fn edit_order(&mut self, shop: &str, order: u64, sku: &str, units: i64, now: Timestamp) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        let item = known(shop, sku)?;
        lines(shop, order)?;
        let mut ours = shop.orders.entry(order).or_default().iter_mut();
        let line = ours.find(|line| line.at.0 == item && !line.fulfilled);
        let line = line.ok_or_else(|| Refused(format!("the order has no {sku} that is still here")))?;
        let (at, more) = (line.at, units - line.units);
        line.units = units;
        shop.change(at, now, |level| {
            (level.available, level.committed) = (level.available - more, level.committed + more)
        });
        did(shop, at, -more);
        Ok(())
    }

    /// Another app of the store uses an idempotency key.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn use_key(&mut self, shop: &str, key: &str, now: Timestamp) -> Result<(), Refused> {
        self.shop(shop)?.keys.used_elsewhere(key, super::objects::record("Elsewhere", vec![]), now);
        Ok(())
    }

    /// The goods of an order leave: committed and on hand fall.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order.
    pub fn fulfil(&mut self, shop: &str, order: u64, now: Timestamp) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        for line in lines(shop, order)?.into_iter().filter(|line| !line.fulfilled) {
            shop.change(line.at, now, |level| level.committed -= line.units);
        }
        shop.orders.entry(order).or_default().iter_mut().for_each(|line| line.fulfilled = true);
        Ok(())
    }

    /// An order is cancelled, with or without its goods going back on sale.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order.
    pub fn cancel(&mut self, shop: &str, order: u64, restock: bool, now: Timestamp) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        for line in lines(shop, order)?.into_iter().filter(|line| !line.fulfilled) {
            take_back(shop, &line, restock, now);
        }
        shop.orders.remove(&order);
        Ok(())
    }

    /// Goods of an order are refunded.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order or location.
    pub fn refund(&mut self, shop: &str, order: u64, restock: Restock, now: Timestamp) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        for line in lines(shop, order)? {
            match restock {
                Restock::NoRestock => {}
                Restock::Cancel => take_back(shop, &line, true, now),
                Restock::Return(location) => {
                    let at = (line.at.0, location);
                    if !shop.levels.contains_key(&at) {
                        return Err(Refused("it is not stocked there".into()));
                    }
                    shop.change(at, now, |level| level.available += line.units);
                    did(shop, at, line.units);
                }
            }
        }
        shop.orders.remove(&order);
        Ok(())
    }

    /// Somebody types a new number into the admin.
    ///
    /// # Errors
    /// [`Refused`] when the SKU is not stocked there.
    pub fn adjust(&mut self, shop: &str, sku: &str, location: u64, to: i64, now: Timestamp) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        let at = stocked(shop, sku, location)?;
        let before = shop.levels.get(&at).map_or(0, |level| level.available);
        shop.change(at, now, |level| level.available = to);
        did(shop, at, to - before);
        Ok(())
    }

    /// Goods are moved from one location to another.
    ///
    /// # Errors
    /// [`Refused`] when the SKU is not stocked at both.
    pub fn transfer(
        &mut self,
        shop: &str,
        sku: &str,
        (from, to): (u64, u64),
        units: i64,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        let (from, to) = (stocked(shop, sku, from)?, stocked(shop, sku, to)?);
        for (at, by) in [(from, -units), (to, units)] {
            shop.change(at, now, |level| level.available += by);
            did(shop, at, by);
        }
        Ok(())
    }

    /// An item is stocked at a location, or no longer.
    ///
    /// # Errors
    /// [`Refused`] when there is no such SKU or location.
    pub fn connect(&mut self, shop: &str, sku: &str, location: u64, on: bool, now: Timestamp) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        let item = known(shop, sku)?;
        if !shop.locations.contains_key(&location) {
            return Err(Refused("there is no such location".into()));
        }
        if on {
            shop.stock((item, location), now)
        } else {
            shop.unstock((item, location), now)
        }
        Ok(())
    }

    /// A variant is given another SKU.
    ///
    /// # Errors
    /// [`Refused`] when there is no such SKU.
    pub fn rename(&mut self, shop: &str, sku: &str, new: &str, now: Timestamp) -> Result<(), Refused> {
        self.edit(shop, sku, now, |item| {
            item.indexed = (item.sku.clone(), now);
            item.sku = Some(new.to_owned());
        })
    }

    /// Tracking of an item is switched on or off.
    ///
    /// # Errors
    /// [`Refused`] when there is no such SKU.
    pub fn track(&mut self, shop: &str, sku: &str, on: bool, now: Timestamp) -> Result<(), Refused> {
        self.edit(shop, sku, now, |item| item.tracked = on)
    }

    fn edit(&mut self, shop: &str, sku: &str, now: Timestamp, edit: impl FnOnce(&mut Item)) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        let id = known(shop, sku)?;
        let mut called = (None, None);
        if let Some(item) = shop.items.get_mut(&id) {
            called.0.clone_from(&item.sku);
            edit(item);
            (item.updated, called.1) = (now, item.sku.clone());
        }
        shop.call(id, called.0.as_deref(), called.1.as_deref());
        shop.tell("inventory_items/update", Subject::Item(id), now);
        Ok(())
    }

    /// A variant is deleted.
    ///
    /// # Errors
    /// [`Refused`] when there is no such SKU.
    pub fn delete(&mut self, shop: &str, sku: &str, now: Timestamp) -> Result<(), Refused> {
        let shop = self.shop(shop)?;
        let id = known(shop, sku)?;
        shop.items.remove(&id);
        shop.call(id, Some(sku), None);
        shop.levels.retain(|(item, _), _| *item != id);
        let gone = serde_json::json!({"id": id, "admin_graphql_api_id": format!("gid://shopify/InventoryItem/{id}")});
        shop.tell("inventory_items/delete", Subject::Made(gone), now);
        Ok(())
    }

    /// Sends a webhook of any topic.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn make_up(&mut self, shop: &str, topic: &str, body: serde_json::Value, now: Timestamp) -> Result<(), Refused> {
        self.shop(shop)?.tell(topic, Subject::Made(body), now);
        Ok(())
    }

    /// The client secret is changed; webhooks are signed with the new one from now on.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn rotate(&mut self, shop: &str, secret: &str) -> Result<(), Refused> {
        self.shop(shop)?.spec.client_secret = secret.to_owned();
        Ok(())
    }

    /// All tokens by client credentials end at once.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn expire(&mut self, shop: &str) -> Result<(), Refused> {
        self.shop(shop)?.tokens.clear();
        Ok(())
    }

    /// The item with exactly this SKU, the oldest of several.
    #[must_use]
    pub fn find(&self, shop: &str, sku: &str) -> Option<u64> {
        self.shops.get(shop)?.find(sku)
    }

    /// What is available of a SKU at a location, whether or not the level is active.
    #[must_use]
    pub fn level(&self, shop: &str, sku: &str, location: u64) -> Option<i64> {
        self.quantity(shop, sku, location, "available")
    }

    /// A quantity of a SKU at a location by its name.
    #[must_use]
    pub fn quantity(&self, shop: &str, sku: &str, location: u64, name: &str) -> Option<i64> {
        let shop = self.shops.get(shop)?;
        shop.levels.get(&(shop.find(sku)?, location))?.quantity(name)
    }

    /// How much people changed what is available of a SKU at a location.
    #[must_use]
    pub fn doings(&self, shop: &str, sku: &str, location: u64) -> i64 {
        let shop = self.shops.get(shop);
        let found = shop.and_then(|shop| shop.doings.get(&(shop.find(sku)?, location)));
        found.copied().unwrap_or_default()
    }

    /// The writes of its API that changed a level.
    #[must_use]
    pub fn writes(&self, shop: &str) -> &[ApiWrite] {
        self.shops.get(shop).map_or(&[], |shop| shop.writes.as_slice())
    }

    /// The largest piece of a file that was sent, in bytes, and how many pieces.
    #[must_use]
    pub fn pieces(&self, shop: &str) -> (usize, u32) {
        self.shops.get(shop).map_or((0, 0), |shop| shop.pieces)
    }
}

fn known(shop: &Shop, sku: &str) -> Result<u64, Refused> {
    shop.find(sku).ok_or_else(|| Refused(format!("there is no SKU {sku}")))
}

fn stocked(shop: &Shop, sku: &str, location: u64) -> Result<(u64, u64), Refused> {
    let at = (known(shop, sku)?, location);
    let active = shop.levels.get(&at).is_some_and(|level| level.active);
    if active { Ok(at) } else { Err(Refused(format!("{sku} is not stocked at {location}"))) }
}

fn lines(shop: &Shop, order: u64) -> Result<Vec<Line>, Refused> {
    shop.orders.get(&order).cloned().ok_or_else(|| Refused(format!("there is no order {order}")))
}

/// Promised goods are promised no longer.
fn take_back(shop: &mut Shop, line: &Line, restock: bool, now: Timestamp) {
    let back = if restock { line.units } else { 0 };
    shop.change(line.at, now, |level| {
        (level.committed, level.available) = (level.committed - line.units, level.available + back);
    });
    did(shop, line.at, back);
}

fn did(shop: &mut Shop, at: (u64, u64), by: i64) {
    *shop.doings.entry(at).or_default() += by;
}
