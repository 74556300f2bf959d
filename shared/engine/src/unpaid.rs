//! Orders that wait for their money, in a store of which orders tell what was sold and which moves stock when they are paid for.
//! A list by date shows each only for a while, so they are remembered, and asked for by name until they are paid for or called
//! off. Costs nothing where an order counts as soon as it is placed, or where the store keeps a log.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | orders that wait for their money | `ACCOUNT#<id>` | `UNPAID` |

use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::ports::{Change, Condition, Key, Row, StoreError};
use crate::records::{self, key, row, text};
use domain::{AccountId, Order, OrderId, OrderState, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An order that was not paid for within this time is given up, milliseconds: 90 days, half of what a sale marker is kept.
const KEPT_MS: i64 = 90 * records::DAY_MS;
/// A first sync looks for unpaid orders of so long before, milliseconds: two weeks.
pub(crate) const BACK_MS: i64 = 14 * records::DAY_MS;
/// Orders remembered of one account; of more, the newest.
const MOST: usize = 500;

/// One order that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    placed: Timestamp,
    skus: BTreeSet<Sku>,
}

/// The orders of an account that wait, as a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unpaid {
    orders: BTreeMap<OrderId, Waiting>,
}

/// What is left of the orders that waited once all that was paid for is counted.
#[derive(Debug, Default)]
pub(crate) struct Left {
    unpaid: Unpaid,
    version: u64,
    fewer: bool,
}

impl Unpaid {
    /// Where it lives.
    pub(crate) fn key(account: &AccountId) -> Key {
        key(records::account_partition(account), "UNPAID")
    }

    fn row(&self, account: &AccountId, version: u64) -> Row {
        row(Self::key(account), version, text(self))
    }

    /// Those among some orders that wait at a time.
    fn among(orders: &[Order], now: Timestamp) -> Self {
        let waits = |order: &&Order| order.state == OrderState::Unpaid && now.since_ms(order.placed) < KEPT_MS;
        let mut newest: Vec<&Order> = orders.iter().filter(waits).collect();
        newest.sort_by_key(|order| std::cmp::Reverse(order.placed));
        let skus = |order: &Order| order.lines.iter().filter_map(|line| line.sku.clone()).collect();
        let waiting = |order: &Order| (order.id.clone(), Waiting { placed: order.placed, skus: skus(order) });
        Self { orders: newest.into_iter().take(MOST).map(waiting).collect() }
    }
}

impl Hub {
    /// Whether an account's orders tell what was sold, and count when they are paid for.
    pub(crate) fn waits_for_payment(connected: &Connected) -> bool {
        !connected.account.feed && connected.channel.waits_for_payment(&connected.account.settings)
    }

    /// The orders that are remembered to wait, with their row's version.
    async fn unpaid(&self, account: &AccountId) -> Result<(Unpaid, u64), Error> {
        let row = self.store.get(&[Unpaid::key(account)]).await?.pop().flatten();
        let Some(row) = row else { return Ok((Unpaid::default(), 0)) };
        Ok((records::body(&row)?, row.version))
    }

    async fn keep_unpaid(&self, account: &AccountId, unpaid: &Unpaid, version: u64) -> Result<(), StoreError> {
        let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
        self.store.write(&[Change::Put(unpaid.row(account, version + 1), condition)]).await
    }

    /// Orders that were remembered to wait, as they are now: all of them, or those that name some SKUs, but for those that are
    /// known already.
    pub(crate) async fn waited_for(
        &self,
        connected: &Connected,
        skus: Option<&BTreeSet<&Sku>>,
        known: &[Order],
        patience: Duration,
    ) -> Result<Vec<Order>, Error> {
        if !Self::waits_for_payment(connected) {
            return Ok(Vec::new());
        }
        let (unpaid, _) = self.unpaid(&connected.account.id).await?;
        let known: BTreeSet<&OrderId> = known.iter().map(|order| &order.id).collect();
        let asked = |(id, waiting): &(&OrderId, &Waiting)| {
            !known.contains(id) && skus.is_none_or(|skus| waiting.skus.iter().any(|sku| skus.contains(sku)))
        };
        let ids: Vec<OrderId> = unpaid.orders.iter().filter(asked).map(|(id, _)| id.clone()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.line(connected, patience).orders(&ids).await.map_err(|error| said(connected, error))
    }

    /// Remembers those of some orders that wait, before the list by date forgets them. `orders` are all that are known, those
    /// that waited before among them; gives what is left of these.
    pub(crate) async fn remember_unpaid(&self, connected: &Connected, orders: &[Order]) -> Result<Left, Error> {
        let id = &connected.account.id;
        let (known, version) = self.unpaid(id).await?;
        let unpaid = Unpaid::among(orders, self.clock.now());
        let mut all = known.clone();
        all.orders.extend(unpaid.orders.clone());
        let more = all != known;
        if more {
            self.keep_unpaid(id, &all, version).await?;
        }
        Ok(Left { fewer: all != unpaid, version: version + u64::from(more), unpaid })
    }

    /// What was paid for is counted, and what was called off need not be: these are no longer remembered.
    pub(crate) async fn forget_paid(&self, account: &AccountId, left: &Left) -> Result<(), Error> {
        if !left.fewer {
            return Ok(());
        }
        match self.keep_unpaid(account, &left.unpaid, left.version).await {
            // somebody else has found more to remember: it is done the next time
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
