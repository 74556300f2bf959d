//! The order audit: lines that no movement accounts for. They are told, never counted: what moved counts, not what an
//! order's text promises.

use crate::hub::{Connected, Error, Hub};
use crate::records::{Item, Unaccounted, ledger, ledger_key};
use domain::{AccountId, Class, LineId, Order, OrderId, OrderState, Sku, Timestamp, Unfiled};
use std::collections::BTreeSet;
use std::time::Duration;

/// Orders placed within this time are audited, milliseconds: two days, so that a missed night does no harm.
const BACK_MS: i64 = 2 * 86_400_000;
/// A line younger than this may still find its movement, milliseconds.
const YOUNG_MS: i64 = 3_600_000;
/// Lines kept for show.
const SHOWN: usize = 20;
/// How long a call of the audit waits for its turn.
const PATIENCE: Duration = Duration::from_secs(120);
/// Items looked up at once.
const KEYS: usize = 500;

impl Hub {
    /// Audits the orders of every account whose movements come from a feed.
    ///
    /// # Errors
    /// [`Error::Store`]. A store that does not answer is in its account's health.
    pub async fn audit_orders(&self) -> Result<(), Error> {
        for (id, connected) in self.accounts().await?.iter() {
            if connected.account.frozen.is_some()
                || !connected.account.feed
                || connected.channel.info().capabilities.class() != Class::C
            {
                continue;
            }
            match self.unaccounted(connected).await {
                Ok(lines) => {
                    self.change_health(id, |health| health.unaccounted.clone_from(&lines)).await?;
                }
                Err(error @ Error::Channel { .. }) => tracing::warn!(account = %id, %error, "orders not audited"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn unaccounted(&self, connected: &Connected) -> Result<Vec<Unaccounted>, Error> {
        let (id, now) = (&connected.account.id, self.clock.now());
        let since = now.plus_ms(-BACK_MS).max(connected.account.added);
        let placed = self.orders_placed(connected, since, PATIENCE).await?;
        let settled: Vec<Order> = placed.into_iter().filter(|order| is_settled(order, now)).collect();
        let orders: Vec<OrderId> = settled.iter().map(|order| order.id.clone()).collect();
        let mapped = self.mapped(id, &settled).await?;
        let riding = self.riding(&mapped).await?;
        // after the ledgers: a line leaves its ledger's row once its own is there
        let mut held = self.held(id, &orders).await?;
        riding.iter().for_each(|(sku, lines)| held.add_riding(id, sku, lines));
        let counted =
            |order: &OrderId, line: &LineId, sku: &Sku| held.get(&(order.clone(), line.clone(), sku.clone())).is_some();
        let mut lines = Vec::new();
        for order in &settled {
            for line in &order.lines {
                let Some(sku) = line.sku.as_ref().filter(|sku| mapped.contains(*sku)) else { continue };
                if line.quantity > 0 && !counted(&order.id, &line.id, sku) && lines.len() < SHOWN {
                    lines.push(Unaccounted { order: order.id.clone(), sku: sku.clone(), quantity: line.quantity });
                }
            }
        }
        Ok(lines)
    }

    /// The SKUs of these orders that are mapped to the account.
    async fn mapped(&self, account: &AccountId, orders: &[Order]) -> Result<BTreeSet<Sku>, Error> {
        let named: BTreeSet<Sku> =
            orders.iter().flat_map(|order| order.lines.iter().filter_map(|line| line.sku.clone())).collect();
        let keys: Vec<_> = named.iter().map(Item::key).collect();
        let mut mapped = BTreeSet::new();
        for keys in keys.chunks(KEYS) {
            for row in self.store.get(keys).await?.into_iter().flatten() {
                let item: Item = crate::records::body(&row)?;
                if item.listings.keys().any(|listing| listing.account == *account) {
                    mapped.insert(item.sku);
                }
            }
        }
        Ok(mapped)
    }

    /// The counted lines that ride in the ledgers of some SKUs.
    async fn riding(&self, skus: &BTreeSet<Sku>) -> Result<Vec<(Sku, Vec<Unfiled>)>, Error> {
        let keys: Vec<_> = skus.iter().map(|sku| (sku, ledger_key(sku))).collect();
        let mut riding = Vec::new();
        for some in keys.chunks(KEYS) {
            let keys: Vec<_> = some.iter().map(|(_, key)| key.clone()).collect();
            for ((sku, _), row) in some.iter().zip(self.store.get(&keys).await?) {
                if let Some(row) = row {
                    riding.push(((*sku).clone(), ledger(&row)?.unfiled));
                }
            }
        }
        Ok(riding)
    }
}

fn is_settled(order: &Order, now: Timestamp) -> bool {
    order.state == OrderState::Open && now.since_ms(order.placed) > YOUNG_MS
}
