//! Looking by orders: for a store that keeps a log which these credentials may not read, or keeps none.
//!
//! Order lines say exactly what was sold; what else moved is told by the level alone, through the settling rule.

use super::Run;
use super::job::Sight;
use super::look::Target;
use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::records::{self, SaleMarker};
use domain::feed::{Cause, Counted, Marker, Reading};
use domain::{AccountId, LineId, ListingId, Order, OrderId, OrderState, Sku, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Orders may be listed this much later than they were placed, milliseconds: what is older has been counted.
pub(crate) const OVERLAP_MS: i64 = 900_000;
/// Pages of one listing of orders.
const PAGES_MAX: usize = 200;

/// What is held as sold, by order, line and SKU.
pub(crate) type Held = BTreeMap<(OrderId, LineId, Sku), SaleMarker>;

impl Run<'_> {
    pub(super) async fn look_by_orders(
        &self,
        connected: &Connected,
        targets: Vec<Target>,
    ) -> Result<Vec<(Sku, ListingId, Sight)>, Error> {
        let id = &connected.account.id;
        let since = self.hub.orders_cursor(id).await?;
        let orders = self.hub.orders_placed(connected, since, self.pace.patience).await?;
        let skus: BTreeSet<&Sku> = targets.iter().map(|target| &target.sku).collect();
        let concerned: Vec<OrderId> =
            orders.iter().filter(|order| names_any(order, &skus)).map(|order| order.id.clone()).collect();
        let held = self.hub.held(id, &concerned).await?;
        let levels = self.levels(connected, &targets).await?;
        let quiet = self.moved_since(connected, &targets, &levels, &orders, since).await?;
        let sights = targets.into_iter().zip(levels).map(|(target, level)| {
            let reading = target.square.as_ref().map(|square| Reading {
                position: square.position,
                last: level.unwrap_or(square.last),
                writes: square.writes.clone(),
                echoes: square.echoes,
                forgot: square.forgot,
                ..sold(&orders, &target.sku, &held)
            });
            let quiet = quiet.as_ref().is_some_and(|moved| !moved.contains(&target.sku));
            (target.sku, target.listing, Sight { reading, level, quiet, exact: false })
        });
        Ok(sights.collect())
    }

    /// The SKUs of orders that appeared while the levels were read; `None` when nothing could settle and nobody asked.
    async fn moved_since(
        &self,
        connected: &Connected,
        targets: &[Target],
        levels: &[Option<i64>],
        before: &[Order],
        since: Timestamp,
    ) -> Result<Option<BTreeSet<Sku>>, Error> {
        let now = self.hub.clock.now();
        let settle_ms = connected.channel.info().capabilities.settle_ms;
        let may_settle = targets.iter().zip(levels).any(|(target, level)| {
            target.square.as_ref().is_some_and(|square| {
                level.is_some_and(|level| square.is_unsettled(level)) && square.stable.plus_ms(settle_ms) <= now
            })
        });
        if !may_settle {
            return Ok(None);
        }
        let known: BTreeSet<&OrderId> = before.iter().map(|order| &order.id).collect();
        let after = self.hub.orders_placed(connected, since, self.pace.patience).await?;
        let new = after.iter().filter(|order| !known.contains(&order.id));
        Ok(Some(new.flat_map(|order| order.lines.iter().filter_map(|line| line.sku.clone())).collect()))
    }
}

impl Hub {
    /// Orders of an account placed since a time.
    pub(crate) async fn orders_placed(
        &self,
        connected: &Connected,
        since: Timestamp,
        patience: Duration,
    ) -> Result<Vec<Order>, Error> {
        let line = self.line(connected, patience);
        let (mut orders, mut page) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let listed = line.orders_since(since, page).await.map_err(|error| said(connected, error))?;
            orders.extend(listed.rows);
            page = listed.next;
            if page.is_none() {
                break;
            }
        }
        Ok(orders)
    }

    /// From when on an account's orders must be listed: a while before the last time that all were counted.
    pub(crate) async fn orders_cursor(&self, account: &AccountId) -> Result<Timestamp, Error> {
        let row = self.store.get(&[records::orders_cursor_key(account)]).await?.pop().flatten();
        let counted = row.map_or(0, |row| i64::try_from(row.version).unwrap_or(0));
        Ok(Timestamp(counted).plus_ms(-OVERLAP_MS))
    }
}

fn names_any(order: &Order, skus: &BTreeSet<&Sku>) -> bool {
    order.lines.iter().filter_map(|line| line.sku.as_ref()).any(|sku| skus.contains(sku))
}

/// The lines of a SKU that were never counted, in the order of their orders.
fn sold(orders: &[Order], sku: &Sku, held: &Held) -> Reading {
    let mut reading = Reading::default();
    for order in orders.iter().filter(|order| order.state == OrderState::Open) {
        for line in order.lines.iter().filter(|line| line.sku.as_ref() == Some(sku) && line.quantity > 0) {
            if held.contains_key(&(order.id.clone(), line.id.clone(), sku.clone())) {
                continue;
            }
            let cause = Cause::Sale(order.id.clone(), line.id.clone());
            reading.counted.push(Counted { by: -line.quantity, cause });
            let (order, line, after) = (order.id.clone(), line.id.clone(), line.quantity);
            reading.markers.push(Marker { order, line, before: None, after, logged: false, taken: BTreeMap::new() });
        }
    }
    reading
}
