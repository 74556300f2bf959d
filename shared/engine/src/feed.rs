//! The feed beyond its cursor: what no webhook told. Read by the account's lane, its only consumer.

use crate::adopt::Silent;
use crate::hub::{Connected, Error, Hub};
use crate::later::BATCH;
use crate::line::said;
use crate::ports::{Change, Condition, Row, StoreError};
use crate::records::{self, Hint};
use crate::sync::{Known, Pace, Report};
use crate::unpaid::Left;
use channels::{Movements, Touch};
use domain::{AccountId, Class, Movement, OrderState, Position, Sku, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What is new in an account.
#[derive(Default)]
pub(crate) struct News {
    /// The SKUs concerned.
    pub skus: BTreeSet<Sku>,
    /// Orders that still wait for their money.
    left: Left,
    since: Position,
    page: Option<Arc<Movements>>,
}

impl Hub {
    /// Counts what an account's feed shows beyond its cursor, and moves the cursor; whether there is more. What is not counted by
    /// `until` is left for the next time.
    pub(crate) async fn drain_feed(&self, account: &AccountId, until: Timestamp) -> Result<bool, Error> {
        let Some(connected) = self.accounts().await?.get(account).cloned() else { return Ok(false) };
        if self.stands_still().is_some() {
            return Ok(false);
        }
        let polled = connected.channel.info().capabilities.polled.filter(|_| !connected.account.feed);
        if let Some(polled) = polled {
            return self.poll_orders(&connected, polled).await;
        }
        let at = self.clock.now();
        let news = self.news(&connected, Pace::lane().patience).await?;
        if news.page.as_ref().is_some_and(|page| page.gap) && news.since > Position::default() {
            return self.bridge_gap(&connected).await;
        }
        if news.skus.is_empty() {
            self.forget_paid(account, &news.left).await?;
            return Ok(false);
        }
        let touches = news.skus.iter().cloned().map(Touch::Sku);
        let hints: Vec<Hint> = touches.map(|touch| Hint::new(account.clone(), touch, records::FEED, at)).collect();
        let entries = news.page.as_ref().map_or(0, |page| page.entries.len());
        self.note_backlog(account, news.page.as_ref().is_some_and(|page| page.more));
        let (mut report, mut looked_at) = (Report::default(), 0);
        // a run claims all that it will write, and a slow store takes its time: claims have to be alive until then
        for some in hints.chunks(BATCH) {
            let known = Known { page: news.page.clone().map(|page| (account.clone(), page)), ..Known::default() };
            report.take(self.sync_with(some, Pace::feed(entries), known).await?);
            looked_at += some.len();
            if self.clock.now() >= until {
                break;
            }
        }
        let rest = looked_at < hints.len();
        if report.counted > 0 {
            self.noted_unheard(account, report.counted);
        }
        match news.page {
            Some(page) => {
                let more = self.move_cursor(&connected, news.since, &page, &report).await?;
                Ok(more || rest)
            }
            None if report.failed.is_empty() && !rest => {
                self.forget_paid(account, &news.left).await?;
                self.advance(records::orders_cursor_row(account, at)).await?;
                Ok(false)
            }
            None => Ok(rest),
        }
    }

    /// The log no longer reaches back to where it was read: orders say what was sold since, the comparison finds the rest,
    /// and the log is read on from its head.
    async fn bridge_gap(&self, connected: &Connected) -> Result<bool, Error> {
        let (id, at) = (&connected.account.id, self.clock.now());
        tracing::warn!(account = %id, "the store's log has a gap; counting orders, then comparing");
        let line = self.line(connected, Pace::lane().patience);
        let head = line.feed_head().await.map_err(|error| said(connected, error))?;
        let since = self.orders_cursor(id).await?;
        let orders = self.orders_placed(connected, since, Pace::lane().patience).await?;
        let skus: BTreeSet<Sku> =
            orders.into_iter().flat_map(|order| order.lines).filter_map(|line| line.sku).collect();
        let touches = skus.into_iter().map(Touch::Sku);
        let hints: Vec<Hint> = touches.map(|touch| Hint::new(id.clone(), touch, records::FEED, at)).collect();
        let report = self.sync(&hints, Pace::by_orders()).await?;
        if !report.failed.is_empty() {
            return Ok(false);
        }
        self.compare(Some(id), true, &Silent).await?;
        self.advance(records::orders_cursor_row(id, at)).await?;
        self.advance(records::cursor_row(id, head)).await?;
        Ok(false)
    }

    async fn move_cursor(
        &self,
        connected: &Connected,
        since: Position,
        page: &Movements,
        report: &Report,
    ) -> Result<bool, Error> {
        let upto = self.counted_upto(connected, since, page, report).await?;
        if upto > since {
            self.advance(records::cursor_row(&connected.account.id, upto)).await?;
        }
        Ok(page.more && upto > since)
    }

    /// Moves a cursor forward; never back.
    pub(crate) async fn advance(&self, cursor: Row) -> Result<(), Error> {
        // a standstill may have begun since the entries were read: then nothing of them was counted
        if self.stands_still().is_some() {
            return Ok(());
        }
        let condition = Condition::Below(cursor.version);
        match self.store.write(&[Change::Put(cursor, condition)]).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What an account's feed, or the list of its orders, shows beyond what is known to be counted.
    pub(crate) async fn news(&self, connected: &Connected, patience: Duration) -> Result<News, Error> {
        let id = &connected.account.id;
        if connected.channel.info().capabilities.class() != Class::C {
            return Ok(News::default());
        }
        if !connected.account.feed {
            let since = self.orders_cursor(id).await?;
            let mut orders = self.orders_placed(connected, since, patience).await?;
            orders.extend(self.waited_for(connected, None, &orders, patience).await?);
            let left = match Self::waits_for_payment(connected) {
                true => self.remember_unpaid(connected, &orders).await?,
                false => Left::default(),
            };
            let lines =
                orders.into_iter().filter(|order| order.state != OrderState::Unpaid).flat_map(|order| order.lines);
            return Ok(News { skus: lines.filter_map(|line| line.sku).collect(), left, ..News::default() });
        }
        let since = self.cursor(id).await?;
        let page = self.line(connected, patience).movements(since).await;
        let page = page.map_err(|error| said(connected, error))?;
        let skus = page.entries.iter().map(|movement| movement.sku.clone()).collect();
        Ok(News { skus, left: Left::default(), since, page: Some(Arc::new(page)) })
    }

    /// Up to where every entry of a page is counted, or belongs to a SKU that is not mapped.
    async fn counted_upto(
        &self,
        connected: &Connected,
        since: Position,
        page: &Movements,
        report: &Report,
    ) -> Result<Position, Error> {
        let skus: Vec<Sku> = page.entries.iter().map(|movement| movement.sku.clone()).collect();
        let positions = self.positions(&connected.account.id, &skus).await?;
        let is_counted = |movement: &Movement| {
            let counted = positions.get(&movement.sku).is_none_or(|position| *position >= movement.id);
            counted && !report.failed.contains_key(&movement.sku)
        };
        let counted = page.entries.iter().take_while(|movement| is_counted(movement));
        let counted: Vec<Position> = counted.map(|movement| movement.id).collect();
        if counted.len() == page.entries.len() {
            return Ok(page.upto);
        }
        Ok(counted.last().copied().unwrap_or(since))
    }

    /// How far the feed is counted for the listings of these SKUs at an account; unmapped SKUs are left out.
    async fn positions(&self, account: &AccountId, skus: &[Sku]) -> Result<BTreeMap<Sku, Position>, Error> {
        let unique: Vec<Sku> = skus.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let keys: Vec<_> = unique.iter().map(records::ledger_key).collect();
        let mut positions = BTreeMap::new();
        for (skus, keys) in unique.chunks(500).zip(keys.chunks(500)) {
            for (sku, row) in skus.iter().zip(self.store.get(keys).await?) {
                let Some(row) = row else { continue };
                let ledger = records::ledger(&row)?;
                let own = ledger.entries.iter().filter(|(listing, _)| listing.account == *account);
                let least = own.filter_map(|(_, entry)| entry.square.as_ref().map(|square| square.position)).min();
                if let Some(least) = least {
                    positions.insert(sku.clone(), least);
                }
            }
        }
        Ok(positions)
    }
}
