//! What people do in one account: create products, order, edit orders, send lines back.

use super::log::{Content, Happening};
use super::oracle::Cause;
use super::shopper::{ProductSpec, Refused};
use super::state::{Account, Cell, Item, Order, Product, Status, Variation};
use super::switches::{BundleSale, EditOrder, StockLag};
use domain::Timestamp;
use std::collections::BTreeMap;

/// What an order line takes from stock.
struct Take {
    cell: Cell,
    sku: String,
    units: i64,
}

fn refused<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// References of orders count from here, as shops show them.
const REFERENCES: u64 = 10_000;
/// And begin again after so many, far beyond any test.
const REFERENCES_TURN: u64 = 10_000_000;

impl Account {
    /// Adds a product; its units enter the index and the books.
    pub(super) fn add_product(&mut self, spec: &ProductSpec, now: Timestamp) -> u64 {
        let id = self.id();
        let variations: Vec<Variation> = spec
            .variations
            .iter()
            .map(|one| Variation { id: self.id(), sku: one.sku.clone(), stock: one.stock, name: one.name.clone() })
            .collect();
        let visible_from = now.plus_ms(self.switches.read_lag_ms);
        let product = Product {
            id,
            title: spec.title.clone(),
            sku: spec.sku.clone(),
            stock: spec.stock,
            active: spec.active,
            components: spec.components.clone(),
            variations,
            updated: now,
            visible_from,
        };
        let cells = cells_of(&product);
        self.products.insert(id, product);
        cells.into_iter().for_each(|cell| self.enter(cell));
        self.tell(Happening::product("product.created", id), now);
        id
    }

    fn enter(&mut self, cell: Cell) {
        let Some(sku) = self.sku_of(cell).map(str::to_owned) else { return };
        let level = self.level_of(cell).unwrap_or_default();
        self.oracle.start(&sku, level);
        self.index.entry(sku).or_default().push(cell);
    }

    /// Gives a product another SKU; whether it was there.
    pub(super) fn rename_product(&mut self, id: u64, sku: &str, now: Timestamp) -> bool {
        let Some(product) = self.products.get_mut(&id) else { return false };
        (product.sku, product.updated) = (Some(sku.to_owned()), now);
        let cells = cells_of(product);
        self.index.retain(|_, known| {
            known.retain(|cell| cell.product != id);
            !known.is_empty()
        });
        cells.into_iter().for_each(|cell| self.enter(cell));
        true
    }

    /// Deletes a product; whether it was there.
    pub(super) fn remove_product(&mut self, id: u64, now: Timestamp) -> bool {
        if self.products.remove(&id).is_none() {
            return false;
        }
        self.index.retain(|_, cells| {
            cells.retain(|cell| cell.product != id);
            !cells.is_empty()
        });
        self.tell(Happening::product("product.deleted", id), now);
        true
    }

    /// Places an order, if the stock and the back-order limit allow it.
    pub(super) fn place(&mut self, lines: &[(&str, i64)], status: Status, now: Timestamp) -> Result<u64, Refused> {
        self.afford(lines, &BTreeMap::new())?;
        let reference = REFERENCES + self.id() % REFERENCES_TURN;
        self.enter_order(lines, reference, status, true, now)
    }

    /// Creates an order through the API.
    pub(super) fn create(&mut self, lines: &[(&str, i64)], now: Timestamp) -> Result<u64, Refused> {
        let takes = self.switches.created_orders_take;
        if takes {
            self.afford(lines, &BTreeMap::new())?;
        }
        let reference = REFERENCES + self.id() % REFERENCES_TURN;
        self.enter_order(lines, reference, Status::PAID, takes, now)
    }

    /// Deletes an order.
    pub(super) fn discard(&mut self, order: u64, now: Timestamp) {
        if self.switches.deleted_orders_return {
            let items = self.orders.get(&order).map(|order| order.items.clone()).unwrap_or_default();
            for item in items.into_iter().filter(|item| !item.returned) {
                // one that cannot go back (a bundle, a vanished SKU) stays where it is
                _ = self.return_item(item.id, now);
            }
        }
        self.orders.remove(&order);
        self.tell(Happening::order("order.deleted", order, Content::Order(order)), now);
    }

    /// Whether all lines can be sold at once; `credit` is stock that comes back first.
    fn afford(&self, lines: &[(&str, i64)], credit: &BTreeMap<Cell, i64>) -> Result<(), Refused> {
        let mut wanted: BTreeMap<Cell, i64> = BTreeMap::new();
        for (sku, units) in lines {
            if *units <= 0 {
                return refused(format!("{sku}: the quantity must be above zero"));
            }
            let takes = self.takes(sku, *units)?;
            takes.into_iter().for_each(|take| *wanted.entry(take.cell).or_default() += take.units);
        }
        let floor = -self.switches.back_order.unwrap_or_default();
        for (cell, units) in wanted {
            let left = self.level_of(cell).unwrap_or_default() - self.promised(cell) - units;
            if left + credit.get(&cell).copied().unwrap_or_default() < floor {
                return refused(format!("{} is out of stock", self.sku_of(cell).unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// What a line takes: its own unit, or what a bundle is made of, by switch.
    fn takes(&self, sku: &str, units: i64) -> Result<Vec<Take>, Refused> {
        let Some(cell) = self.cells(sku).first().copied() else { return refused(format!("{sku} does not exist")) };
        let own = Take { cell, sku: sku.to_owned(), units };
        let components = self.products.get(&cell.product).and_then(|product| product.components.as_ref());
        let Some(components) = components else { return Ok(vec![own]) };
        let mut takes = if self.switches.bundle_sale == BundleSale::Components { Vec::new() } else { vec![own] };
        if self.switches.bundle_sale != BundleSale::Bundle {
            for (part, each) in components {
                let Some(cell) = self.cells(part).first().copied() else { continue };
                takes.push(Take { cell, sku: part.clone(), units: each * units });
            }
        }
        Ok(takes)
    }

    fn enter_order(
        &mut self,
        lines: &[(&str, i64)],
        reference: u64,
        status: Status,
        takes: bool,
        now: Timestamp,
    ) -> Result<u64, Refused> {
        let id = self.id();
        let items = lines.iter().map(|(sku, units)| self.item(sku, *units)).collect::<Result<Vec<Item>, _>>()?;
        items.iter().for_each(|item| _ = self.items.insert(item.id, id));
        let (shown, moved) = self.lags();
        let visible_from = now.plus_ms(shown + self.switches.read_lag_ms);
        let owed = takes && !status.is_settled() && !self.switches.unpaid_orders_take;
        let (archived, refunds) = (false, Vec::new());
        let order = Order { id, reference, created: now, visible_from, archived, status, items, refunds, owed };
        self.orders.insert(id, order);
        // Which of the two webhooks of a sale comes first is not documented.
        let order_first = self.chance(2) == 0;
        if order_first {
            self.tell(Happening::order("order.finalized", id, Content::Order(id)), now);
        }
        if takes && !owed {
            self.take(lines, id, moved, now)?;
        }
        if !order_first {
            self.tell(Happening::order("order.finalized", id, Content::Order(id)), now);
        }
        Ok(id)
    }

    fn item(&mut self, sku: &str, quantity: i64) -> Result<Item, Refused> {
        let Some(cell) = self.cells(sku).first().copied() else { return refused(format!("{sku} does not exist")) };
        let product = self.products.get(&cell.product);
        let title = product.map(|product| product.title.clone()).unwrap_or_default();
        let own = product.is_none_or(|product| has_own_sku(product, cell));
        let shown = if own || self.switches.inherited_sku_on_lines { sku.to_owned() } else { String::new() };
        Ok(Item { id: self.id(), cell, taken: sku.to_owned(), shown, title, quantity, returned: false })
    }

    /// After how many milliseconds an order shows, and after how many its stock moves.
    const fn lags(&mut self) -> (i64, i64) {
        match self.switches.stock_lag {
            StockLag::With => (0, 0),
            StockLag::First(ms) => (0, ms),
            StockLag::Last(ms) => (ms, 0),
            StockLag::Chance(most) => {
                let ms = (self.chance(most.unsigned_abs() + 1)).cast_signed();
                match self.chance(3) {
                    0 => (0, 0),
                    1 => (0, ms),
                    _ => (ms, 0),
                }
            }
        }
    }

    fn take(&mut self, lines: &[(&str, i64)], order: u64, after: i64, now: Timestamp) -> Result<(), Refused> {
        for (sku, units) in lines {
            for take in self.takes(sku, *units)? {
                let cause = Cause::Sale(order);
                if after > 0 {
                    let task = super::state::Task::Move { cell: take.cell, sku: take.sku, by: -take.units, cause };
                    self.later(now.plus_ms(after), task);
                } else {
                    self.shift(take.cell, &take.sku, -take.units, cause, now);
                }
            }
        }
        Ok(())
    }

    /// "Return stock" of one line: the whole quantity, once; not for bundles, and only while the SKU still matches
    /// (<https://help.shopwired.io/manual/orders/cancelling-orders-refunding-orders-returning-stock>).
    pub(super) fn return_item(&mut self, item: u64, now: Timestamp) -> Result<(), Refused> {
        let Some(order) = self.items.get(&item).copied() else { return refused("there is no such line") };
        let found = self.orders.get(&order).and_then(|order| order.items.iter().find(|one| one.id == item));
        let Some(found) = found.cloned() else { return refused("there is no such line") };
        if found.returned {
            return refused("the stock of this line has been returned already");
        }
        if self.orders.get(&order).is_some_and(|order| order.owed) {
            return refused("no stock was taken for this line");
        }
        if self.products.get(&found.cell.product).is_some_and(|product| product.components.is_some()) {
            return refused("the stock of a bundle cannot be returned");
        }
        let Some(cell) = self.cells(&found.taken).first().copied() else { return refused("the SKU no longer exists") };
        self.mark_returned(order, item);
        self.shift(cell, &found.taken, found.quantity, Cause::Return(order), now);
        Ok(())
    }

    fn mark_returned(&mut self, order: u64, item: u64) {
        let items = self.orders.get_mut(&order).map(|order| &mut order.items);
        items.into_iter().flatten().filter(|one| one.id == item).for_each(|one| one.returned = true);
    }

    /// Changes an order's status. Nothing comes back, whatever the status: there is no automatic restock. What an unpaid order
    /// did not take when it was placed, it takes now.
    pub(super) fn set_status(&mut self, order: u64, status: Status, now: Timestamp) -> Result<(), Refused> {
        let Some(found) = self.orders.get_mut(&order) else { return refused("there is no such order") };
        found.status = status;
        let due = found.owed && status.is_settled();
        found.owed &= !due;
        let lines: Vec<(String, i64)> = found.items.iter().map(|item| (item.taken.clone(), item.quantity)).collect();
        if due {
            let lines: Vec<(&str, i64)> = lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
            let moved = self.lags().1;
            self.take(&lines, order, moved, now)?;
        }
        self.tell(Happening::order("order.status_changed", order, Content::Status(status.0)), now);
        Ok(())
    }

    /// Edits the lines: the order is cancelled and another with the same reference takes its place
    /// (<https://help.shopwired.io/manual/managing-orders/editing-an-order>).
    pub(super) fn rewrite(&mut self, order: u64, lines: &[(&str, i64)], now: Timestamp) -> Result<u64, Refused> {
        let Some(old) = self.orders.get(&order).cloned() else { return refused("there is no such order") };
        let mode = self.switches.edit_order;
        // one that waits for its money is replaced by another that does
        let status = if old.status == Status::UNPAID { Status::UNPAID } else { Status::PAID };
        let back: Vec<Item> = match mode {
            EditOrder::ReturnAndTake if old.owed => Vec::new(),
            EditOrder::ReturnAndTake => old.items.into_iter().filter(|item| !item.returned).collect(),
            EditOrder::TakeOnly | EditOrder::Nothing => Vec::new(),
        };
        if mode != EditOrder::Nothing {
            let mut credit = BTreeMap::new();
            back.iter().for_each(|item| *credit.entry(item.cell).or_default() += item.quantity);
            self.afford(lines, &credit)?;
        }
        self.set_status(order, Status::CANCELLED, now)?;
        for item in back {
            // A line that cannot go back (a bundle, a vanished SKU) stays where it is.
            _ = self.return_item(item.id, now);
        }
        self.enter_order(lines, old.reference, status, mode != EditOrder::Nothing, now)
    }
}

/// The places of a product that keep a quantity under a SKU.
fn cells_of(product: &Product) -> Vec<Cell> {
    let keeps = |one: &&Variation| one.stock.is_some() || one.sku.as_deref().is_some_and(|sku| !sku.is_empty());
    let own = product.variations.iter().filter(keeps);
    let cells = own.map(|one| Cell { product: product.id, variation: Some(one.id) });
    let pooled = product.variations.is_empty() || product.variations.iter().any(|one| !keeps(&one));
    cells.chain(pooled.then_some(Cell { product: product.id, variation: None })).collect()
}

/// Whether the unit sold has a SKU of its own; with pooled variations it is one of them that is sold.
fn has_own_sku(product: &Product, cell: Cell) -> bool {
    match cell.variation {
        None => product.variations.is_empty(),
        Some(id) => product.variations.iter().any(|one| one.id == id && one.sku.is_some()),
    }
}
