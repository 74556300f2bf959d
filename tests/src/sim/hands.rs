//! People's doings in the stores.

use super::script::Action;
use channels::shopwired::FakeShopWired;
use channels::shopwired::fake::Refused;
use domain::Timestamp;

/// The number of a store at the platform.
#[must_use]
pub const fn business(store: usize) -> u64 {
    store as u64 + 1
}

/// The orders that people have placed, by store.
#[derive(Debug, Default)]
pub struct Orders(Vec<Vec<u64>>);

impl Orders {
    /// For so many stores.
    #[must_use]
    pub fn new(stores: usize) -> Self {
        Self(vec![Vec::new(); stores])
    }

    /// An order counted from the newest.
    fn nth(&self, store: usize, back: usize) -> Result<u64, Refused> {
        let found = self.0.get(store).and_then(|orders| orders.iter().rev().nth(back));
        found.copied().ok_or_else(|| Refused("there is no such order yet".into()))
    }

    fn add(&mut self, store: usize, order: u64) {
        if let Some(orders) = self.0.get_mut(store) {
            orders.push(order);
        }
    }
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
            orders.add(*store, order);
        }
        Action::Edit(store, page, sku, by) => {
            let name = &skus[*sku].0;
            let level = fake.level(business(*store), name).unwrap_or_default();
            fake.type_in(business(*store), *page, name, (level + by).max(0), now)?;
        }
        Action::Return(store, back) => {
            let order = orders.nth(*store, *back)?;
            let line = fake.lines(business(*store), order).into_iter().next();
            let line = line.ok_or_else(|| Refused("the order has no lines".into()))?;
            fake.return_line(business(*store), line.item, now)?;
        }
        Action::Rewrite(store, back, lines) => {
            let old = orders.nth(*store, *back)?;
            let order = fake.edit_order(business(*store), old, &named(skus, lines), now)?;
            orders.add(*store, order);
        }
        Action::Cancel(store, back) => fake.cancel(business(*store), orders.nth(*store, *back)?, now)?,
        Action::Archive(store, back) => fake.archive(business(*store), orders.nth(*store, *back)?)?,
        Action::HubEdit(..)
        | Action::Pause(_)
        | Action::Resume(_)
        | Action::Fail(..)
        | Action::Deploy
        | Action::Compare => {}
    }
    Ok(())
}
