//! People's doings in the stores.

use super::plain::{PlainStore, shelf};
use super::script::Action;
use channels::shopwired::FakeShopWired;
use channels::shopwired::fake::{EditOrder, Refused};
use domain::Timestamp;
use std::collections::BTreeMap;

/// The number of a store at the platform.
#[must_use]
pub const fn business(store: usize) -> u64 {
    store as u64 + 1
}

/// The orders that people have placed, by store.
#[derive(Debug, Default)]
pub struct Orders {
    /// Those whose stock moves, with the time since when.
    placed: Vec<Vec<(u64, Timestamp)>>,
    /// Those that wait for their money.
    owed: Vec<Vec<u64>>,
}

/// Nobody sends back at once what was just sold: a store has moved the stock of an order by then, milliseconds.
const RETURN_MS: i64 = 5_000;

impl Orders {
    /// For so many stores.
    #[must_use]
    pub fn new(stores: usize) -> Self {
        Self { placed: vec![Vec::new(); stores], owed: vec![Vec::new(); stores] }
    }

    /// An order counted from the newest of those that are not quite new.
    fn nth(&self, store: usize, back: usize, now: Timestamp) -> Result<u64, Refused> {
        let orders = self.placed.get(store).into_iter().flatten().rev();
        let found = orders.filter(|(_, placed)| now.since_ms(*placed) > RETURN_MS).nth(back);
        found.map(|(order, _)| *order).ok_or_else(|| Refused("there is no such order yet".into()))
    }

    fn add(&mut self, store: usize, order: u64, now: Timestamp) {
        if let Some(orders) = self.placed.get_mut(store) {
            orders.push((order, now));
        }
    }

    /// Takes out an order that waits for its money, counted from the newest.
    fn owed(&mut self, store: usize, back: usize) -> Result<u64, Refused> {
        let owed = self.owed.get_mut(store).filter(|owed| back < owed.len());
        let owed = owed.ok_or_else(|| Refused("no such order waits for its money".into()))?;
        Ok(owed.remove(owed.len() - 1 - back))
    }
}

/// Does what concerns a made-up store; `false` when the action
/// does not concern one. A kit is only sold: nobody can tell its return from an edit there.
pub fn plain(
    stores: &mut BTreeMap<usize, PlainStore>,
    skus: &[(String, i64)],
    kit: Option<usize>,
    action: &Action,
) -> bool {
    let (store, changes) = match action {
        Action::Sell(store, lines) => (store, lines.iter().map(|(sku, units)| (*sku, -units)).collect()),
        Action::Edit(store, _, sku, by) => (store, vec![(*sku, *by)]),
        Action::Return(store, back) => (store, vec![(back % skus.len(), 1)]),
        Action::Rewrite(store, ..)
        | Action::Cancel(store, _)
        | Action::Archive(store, _)
        | Action::Promise(store, _)
        | Action::Pay(store, _)
        | Action::CallOff(store, _) => (store, Vec::new()),
        Action::HubEdit(..)
        | Action::Pause(_)
        | Action::Resume(_)
        | Action::Fail(..)
        | Action::Deploy
        | Action::Compare
        | Action::Rule(..)
        | Action::Join
        | Action::List(_)
        | Action::Undo(_)
        | Action::Rename(..)
        | Action::Link
        | Action::Agree => return false,
    };
    let Some(store) = stores.get_mut(store) else { return false };
    let sells = matches!(action, Action::Sell(..));
    for (sku, by) in changes.into_iter().filter(|(sku, _)| sells || kit != Some(*sku)) {
        let name = match store.places.as_slice() {
            [] => skus[sku].0.clone(),
            // any shelf, but the same one whenever the run is repeated
            places => shelf(&skus[sku].0, &places[(sku + by.unsigned_abs() as usize) % places.len()]),
        };
        store.change(&name, by);
    }
    true
}

fn named<'a>(skus: &'a [(String, i64)], lines: &[(usize, i64)]) -> Vec<(&'a str, i64)> {
    lines.iter().map(|(sku, units)| (skus[*sku].0.as_str(), *units)).collect()
}

/// Does what concerns a store.
///
/// # Errors
/// [`Refused`]: people are told no all the time.
pub fn act(
    fake: &mut FakeShopWired,
    skus: &[(String, i64)],
    orders: &mut Orders,
    action: &Action,
    now: Timestamp,
) -> Result<(), Refused> {
    match action {
        Action::Sell(store, lines) => {
            let order = fake.sell_lines(business(*store), &named(skus, lines), now)?;
            orders.add(*store, order, now);
        }
        Action::Edit(store, page, sku, by) => {
            let name = &skus[*sku].0;
            let level = fake.level(business(*store), name).unwrap_or_default();
            fake.type_in(business(*store), *page, name, (level + by).max(0), now)?;
        }
        Action::Return(store, back) => {
            let order = orders.nth(*store, *back, now)?;
            let line = fake.lines(business(*store), order).into_iter().next();
            let line = line.ok_or_else(|| Refused("the order has no lines".into()))?;
            fake.return_line(business(*store), line.item, now)?;
        }
        Action::Rewrite(store, back, lines) => {
            let old = orders.nth(*store, *back, now)?;
            let order = fake.edit_order(business(*store), old, &named(skus, lines), now)?;
            // where an edit moves no stock, a return of the new lines would make stock out of nothing
            if fake.switches(business(*store))?.edit_order != EditOrder::Nothing {
                orders.add(*store, order, now);
            }
        }
        Action::Cancel(store, back) => fake.cancel(business(*store), orders.nth(*store, *back, now)?, now)?,
        Action::Promise(store, lines) => {
            let order = fake.sell_unpaid(business(*store), &named(skus, lines), now)?;
            orders.owed[*store].push(order);
        }
        Action::Pay(store, back) => {
            let order = orders.owed(*store, *back)?;
            fake.pay(business(*store), order, now)?;
            orders.add(*store, order, now);
        }
        Action::CallOff(store, back) => fake.cancel(business(*store), orders.owed(*store, *back)?, now)?,
        Action::Archive(store, back) => fake.archive(business(*store), orders.nth(*store, *back, now)?)?,
        Action::HubEdit(..)
        | Action::Pause(_)
        | Action::Resume(_)
        | Action::Fail(..)
        | Action::Deploy
        | Action::Compare
        | Action::Rule(..)
        | Action::Join
        | Action::List(_)
        | Action::Undo(_)
        | Action::Rename(..)
        | Action::Link
        | Action::Agree => {}
    }
    Ok(())
}
