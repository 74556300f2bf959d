//! Orders that are listed in turn: for stores that allow it too seldom for a list at each look. The account's lane lists them,
//! one page after another, counts what is new, and only then goes on; so however many hints ask, one list answers.

use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::ports::{Change, Condition};
use crate::records::{self, FEED, Hint, OrderPoll};
use crate::sync::orders::sold;
use crate::sync::{Known, Pace};
use channels::Touch;
use domain::capability::Polled;
use domain::{AccountId, Order, OrderId, Sku, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Ledgers read at once.
const KEYS: usize = 500;

impl Hub {
    /// Reads one page of the list of an account's orders if it is time, and counts what is new; whether there is more.
    pub(crate) async fn poll_orders(&self, connected: &Connected, polled: Polled) -> Result<bool, Error> {
        let id = &connected.account.id;
        if connected.account.quarantine.is_some() {
            // it is not believed; its orders are counted when it is released
            return Ok(false);
        }
        let Some(poll) = self.order_poll(id, polled).await? else { return Ok(false) };
        let line = self.line(connected, Pace::lane().patience);
        let page = match line.orders_since(poll.since, poll.next.clone()).await {
            Ok(page) => page,
            Err(error) => {
                if poll.next.is_some() && !error.is_passing() {
                    // the place in the list is no longer good: it is read from its beginning
                    self.forget_poll(id).await?;
                }
                return Err(said(connected, error));
            }
        };
        if !self.count_orders(connected, polled, page.rows).await? {
            return Ok(false);
        }
        match page.next {
            Some(next) => {
                let poll = OrderPoll { next: Some(next), ..poll };
                self.store.write(&[Change::Put(poll.row(id), Condition::Any)]).await?;
                Ok(true)
            }
            None => {
                self.advance(records::orders_cursor_row(id, poll.began)).await?;
                self.forget_poll(id).await?;
                Ok(false)
            }
        }
    }

    /// The list that is being read, or a new one if it is time for that.
    async fn order_poll(&self, account: &AccountId, polled: Polled) -> Result<Option<OrderPoll>, Error> {
        let now = self.clock.now();
        let row = self.store.get(&[OrderPoll::key(account)]).await?.pop().flatten();
        if let Some(row) = row {
            return Ok(Some(records::body(&row)?));
        }
        let Some(until) = self.counted_until(account).await? else { return Ok(None) };
        let due = now.since_ms(until) >= polled.every_ms;
        Ok(due.then(|| OrderPoll { began: now, since: until.plus_ms(-polled.late_ms), next: None }))
    }

    async fn forget_poll(&self, account: &AccountId) -> Result<(), Error> {
        Ok(self.store.write(&[Change::Delete(OrderPoll::key(account), Condition::Any)]).await?)
    }

    /// Counts what some orders tell; whether all of it is counted now.
    async fn count_orders(&self, connected: &Connected, polled: Polled, orders: Vec<Order>) -> Result<bool, Error> {
        let (id, at) = (&connected.account.id, self.clock.now());
        let skus = self.untold(id, polled, &orders).await?;
        if skus.is_empty() {
            return Ok(true);
        }
        let hints: Vec<Hint> = skus.into_iter().map(|sku| Hint::new(id.clone(), Touch::Sku(sku), FEED, at)).collect();
        let known = Known { orders: BTreeMap::from([(id.clone(), orders.clone())]), ..Known::default() };
        self.sync_with(&hints, Pace::lane(), known).await?;
        // a run may leave something for later, and that would know nothing of these orders
        Ok(self.untold(id, polled, &orders).await?.is_empty())
    }

    /// The mapped SKUs of which some orders tell something that is not counted.
    async fn untold(&self, account: &AccountId, polled: Polled, orders: &[Order]) -> Result<BTreeSet<Sku>, Error> {
        let ids: Vec<OrderId> = orders.iter().map(|order| order.id.clone()).collect();
        let named: BTreeSet<&Sku> =
            orders.iter().flat_map(|order| order.lines.iter().filter_map(|line| line.sku.as_ref())).collect();
        let named: Vec<&Sku> = named.into_iter().collect();
        let mut ledgers = Vec::new();
        for skus in named.chunks(KEYS) {
            let keys: Vec<_> = skus.iter().map(|sku| records::ledger_key(sku)).collect();
            for (sku, row) in skus.iter().zip(self.store.get(&keys).await?) {
                if let Some(row) = row {
                    ledgers.push((*sku, records::ledger(&row)?));
                }
            }
        }
        // after the ledgers: a line leaves its ledger's row once its own is there
        let mut held = self.held(account, &ids).await?;
        let mut untold = BTreeSet::new();
        for (sku, ledger) in &ledgers {
            let Some(since) = began(ledger, account) else { continue };
            held.add_riding(account, sku, &ledger.unfiled);
            if !sold(orders, sku, &held, polled.releases.then_some(since)).counted.is_empty() {
                untold.insert((*sku).clone());
            }
        }
        Ok(untold)
    }
}

/// When the listing of an account began, if it has one that was seen.
fn began(ledger: &domain::Ledger, account: &AccountId) -> Option<Timestamp> {
    let mut own =
        ledger.entries.iter().filter(|(listing, entry)| listing.account == *account && entry.shadow.is_some());
    own.find_map(|(_, entry)| entry.square.as_ref().map(|square| square.since))
}
