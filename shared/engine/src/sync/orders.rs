//! Looking by orders: for a store that keeps a log which these credentials may not read, or keeps none.
//!
//! Order lines say exactly what was sold; what else moved is told by the level alone, through the settling rule.

use super::Run;
use super::job::Sight;
use super::look::{Target, unheard};
use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::records::{self, SaleMarker};
use domain::capability::Polled;
use domain::feed::{Cause, Counted, Marker, Reading};
use domain::planted::{self, Mistake};
use domain::{AccountId, LineId, ListingId, Order, OrderId, OrderState, Sku, Timestamp, Unfiled};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Orders may be listed this much later than they were placed, milliseconds: what is older has been counted.
pub(crate) const OVERLAP_MS: i64 = 900_000;
/// Pages of one listing of orders.
const PAGES_MAX: usize = 200;

/// What is held as sold, by order, line and SKU.
#[derive(Default)]
pub(crate) struct Held(pub(super) BTreeMap<(OrderId, LineId, Sku), SaleMarker>);

impl Held {
    /// What is held as sold of a line.
    pub(crate) fn get(&self, id: &(OrderId, LineId, Sku)) -> Option<&SaleMarker> {
        self.0.get(id)
    }

    /// Adds the lines of an account that ride in the ledger of their SKU.
    pub(crate) fn add_riding(&mut self, account: &AccountId, sku: &Sku, riding: &[Unfiled]) {
        for line in riding.iter().filter(|line| line.account == *account && !planted::is(Mistake::UnfiledUnseen)) {
            let place = (line.order.clone(), line.line.clone(), sku.clone());
            self.0.entry(place).or_insert_with(|| SaleMarker::riding(sku, line));
        }
    }
}

impl Run<'_> {
    pub(super) async fn look_by_orders(
        &self,
        connected: &Connected,
        targets: Vec<Target>,
    ) -> Result<Vec<(Sku, ListingId, Sight)>, Error> {
        let (id, began) = (&connected.account.id, self.hub.clock.now());
        let since = self.hub.orders_cursor(id).await?;
        let since = unheard(&targets).map_or(since, |unheard| since.min(unheard.at.plus_ms(-OVERLAP_MS)));
        let mut orders = self.hub.orders_placed(connected, since, self.pace.patience).await?;
        let skus: BTreeSet<&Sku> = targets.iter().map(|target| &target.sku).collect();
        orders.extend(self.hub.waited_for(connected, Some(&skus), &orders, self.pace.patience).await?);
        let concerned: Vec<OrderId> =
            orders.iter().filter(|order| names_any(order, &skus)).map(|order| order.id.clone()).collect();
        let held = self.with_riding(id, skus.iter().copied(), self.hub.held(id, &concerned).await?);
        let levels = self.levels(connected, &targets).await?;
        let quiet = self.moved_since(connected, &targets, &levels, &orders, since).await?;
        let sights = targets.into_iter().zip(levels).map(|(target, level)| {
            let reading = target.square.as_ref().map(|square| Reading {
                position: square.position,
                last: level.unwrap_or(square.last),
                writes: square.writes.clone(),
                echoes: square.echoes,
                forgot: square.forgot,
                unheard: square.unheard.and_then(|unheard| unheard.after(began, square.position, false)),
                ..sold(&orders, &target.sku, &held, None)
            });
            let quiet = quiet.as_ref().is_some_and(|moved| !moved.contains(&target.sku));
            (target.sku, target.listing, Sight { reading, level, quiet, ..Sight::default() })
        });
        Ok(sights.collect())
    }

    /// Looks at listings of a store whose orders are listed in turn, for all SKUs at once. What this run knows of orders counts,
    /// and the level is read only where it is asked for or holds a riddle. All orders of before the list was last read are
    /// counted: a difference that is older than that has settled.
    pub(super) async fn look_by_known_orders(
        &self,
        connected: &Connected,
        polled: Polled,
        targets: Vec<Target>,
    ) -> Result<Vec<(Sku, ListingId, Sight)>, Error> {
        let (id, began) = (&connected.account.id, self.hub.clock.now());
        let mut orders = self.orders.get(id).map_or_else(Vec::new, Clone::clone);
        if let Some(unheard) = unheard(&targets) {
            let since = unheard.at.plus_ms(-polled.late_ms);
            orders.extend(self.hub.orders_placed(connected, since, self.pace.patience).await?);
        }
        let orders = orders.as_slice();
        let skus: BTreeSet<&Sku> = targets.iter().map(|target| &target.sku).collect();
        let concerned: Vec<OrderId> =
            orders.iter().filter(|order| names_any(order, &skus)).map(|order| order.id.clone()).collect();
        let held = self.with_riding(id, skus.iter().copied(), self.hub.held(id, &concerned).await?);
        let known = self.hub.counted_until(id).await?.map(|until| until.plus_ms(-polled.late_ms));
        let mut sights = Vec::with_capacity(targets.len());
        let mut unread = Vec::new();
        for target in targets {
            let sight = Sight { reading: reading_of(&target, orders, &held, polled, began), ..Sight::default() };
            let counts = sight.reading.as_ref().is_some_and(|reading| !reading.counted.is_empty());
            if target.plain && !target.closely && counts {
                sights.push((target.sku, target.listing, Sight { counts, ..sight }));
            } else {
                unread.push((target, sight));
            }
        }
        if unread.is_empty() {
            return Ok(sights);
        }
        let (unread, seen): (Vec<Target>, Vec<Sight>) = unread.into_iter().unzip();
        let levels = self.levels(connected, &unread).await?;
        for ((target, sight), level) in unread.into_iter().zip(seen).zip(levels) {
            let stable = target.square.as_ref().map(|square| square.stable);
            let quiet = known.zip(stable).is_some_and(|(known, stable)| known >= stable);
            sights.push((target.sku, target.listing, Sight { level, quiet, counts: true, ..sight }));
        }
        Ok(sights)
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
        let holds_stock = |order: &&Order| order.state != OrderState::Unpaid;
        let known: BTreeSet<&OrderId> = before.iter().filter(holds_stock).map(|order| &order.id).collect();
        let after = self.hub.orders_placed(connected, since, self.pace.patience).await?;
        let new = after.iter().filter(holds_stock).filter(|order| !known.contains(&order.id));
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
        Ok(self.counted_until(account).await?.unwrap_or_default().plus_ms(-OVERLAP_MS))
    }

    /// Up to when all orders of an account are counted; `None` before its levels were taken over.
    pub(crate) async fn counted_until(&self, account: &AccountId) -> Result<Option<Timestamp>, Error> {
        let row = self.store.get(&[records::orders_cursor_key(account)]).await?.pop().flatten();
        Ok(row.map(|row| Timestamp(i64::try_from(row.version).unwrap_or(0))))
    }
}

/// What orders tell of a listing; nothing of one that has no place for it.
fn reading_of(target: &Target, orders: &[Order], held: &Held, polled: Polled, began: Timestamp) -> Option<Reading> {
    let square = target.square.as_ref()?;
    let since = polled.releases.then_some(square.since);
    Some(Reading {
        position: square.position,
        last: square.last,
        writes: square.writes.clone(),
        echoes: square.echoes,
        forgot: square.forgot,
        unheard: square.unheard.and_then(|unheard| unheard.after(began, square.position, false)),
        ..sold(orders, &target.sku, held, since)
    })
}

fn names_any(order: &Order, skus: &BTreeSet<&Sku>) -> bool {
    order.lines.iter().filter_map(|line| line.sku.as_ref()).any(|sku| skus.contains(sku))
}

/// What orders tell of a SKU that is not counted yet, in their order: lines that were never counted and, where the list says of
/// each line what still holds stock (`since`), what a cancellation has left of a counted one. Orders of before `since` were in
/// the level that the listing began with.
pub(crate) fn sold(orders: &[Order], sku: &Sku, held: &Held, since: Option<Timestamp>) -> Reading {
    let mut reading = Reading::default();
    // an order that is moved from one list to another while both are read is in both
    let mut told: BTreeSet<(&OrderId, &LineId)> = BTreeSet::new();
    let tells = |order: &&Order| match order.state {
        OrderState::Open => true,
        OrderState::Unpaid => false,
        OrderState::Cancelled => since.is_some(),
    };
    for order in orders.iter().filter(tells) {
        for line in order.lines.iter().filter(|line| line.sku.as_ref() == Some(sku)) {
            if !told.insert((&order.id, &line.id)) {
                continue;
            }
            let id = (order.id.clone(), line.id.clone(), sku.clone());
            let marker = held.get(&id).filter(|_| !planted::is(Mistake::SaleTwice));
            let (by, before) = match (marker, since) {
                (None, since) if line.quantity > 0 && since.is_none_or(|since| order.placed >= since) => {
                    (-line.quantity, None)
                }
                (Some(marker), Some(_)) if returned(marker, line) > 0 => (returned(marker, line), Some(marker)),
                (None | Some(_), _) => continue,
            };
            let (order, id) = (order.id.clone(), line.id.clone());
            let cause = match before {
                None => Cause::Sale(order.clone(), id.clone()),
                Some(_) => Cause::Cancelled(order.clone(), id.clone()),
            };
            reading.counted.push(Counted { by, cause });
            let taken = before.map(|marker| marker.taken.clone()).unwrap_or_default();
            let (before, logged) = (before.map(|marker| marker.units), before.is_some_and(|marker| marker.logged));
            reading.markers.push(Marker { order, line: id, before, after: line.quantity, logged, taken });
        }
    }
    reading
}

/// How much of a line that we hold as sold no longer is: by our own record, as a cancelled line may show any number.
fn returned(marker: &SaleMarker, line: &domain::Line) -> i64 {
    if planted::is(Mistake::ReleasedTwice) && line.quantity == 0 {
        return marker.units.max(1);
    }
    marker.units.saturating_sub(line.quantity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Line;

    #[test]
    fn an_order_that_is_in_two_lists_is_sold_once() {
        let (sku, id) = (Sku::new("TEE").expect("a SKU"), |text: &str| text.parse().expect("an order"));
        let line = Line { id: "1".parse().expect("a line"), sku: Some(sku.clone()), quantity: 2 };
        let order = |text| Order {
            id: id(text),
            reference: String::new(),
            state: OrderState::Open,
            placed: Timestamp(5),
            lines: vec![line.clone()],
        };
        let reading = sold(&[order("7"), order("8"), order("7")], &sku, &Held::default(), None);
        assert_eq!(reading.counted.iter().map(|counted| counted.by).collect::<Vec<_>>(), [-2, -2]);
        assert_eq!(reading.markers.len(), 2);
    }
}
