//! From hints to SKUs, and from SKUs to their rows.

use super::Run;
use super::job::{Job, Kin, State};
use crate::hub::Error;
use crate::line::said;
use crate::ports::{Key, Row};
use crate::records::{self, Hint, Item, Todo};
use channels::Touch;
use domain::{AccountId, Ledger, OrderId, Sku};
use std::collections::{BTreeMap, BTreeSet};

/// Rows asked for at once.
const KEYS: usize = 500;

impl Run<'_> {
    /// Names the SKUs that the hints are about.
    pub(super) async fn name(&mut self, hints: &[Hint]) -> Result<(), Error> {
        let mut feeds: BTreeSet<AccountId> = BTreeSet::new();
        let mut orders: BTreeMap<AccountId, Vec<(OrderId, Hint)>> = BTreeMap::new();
        for hint in hints {
            let hint = &self.as_ours(hint);
            if !self.accounts.contains_key(&hint.account) && hint.account.as_str() != "hub" {
                tracing::info!(account = %hint.account, "hint of an account that is gone");
                continue;
            }
            match &hint.touch {
                Touch::Sku(_) | Touch::External(_) if self.is_in_backlog(hint) => {
                    self.lanes.insert(hint.account.clone());
                }
                Touch::Sku(sku) => self.ask(sku, hint),
                Touch::External(external) => self.name_external(external, hint).await,
                Touch::Order(order) if self.is_polled(&hint.account) => {
                    orders.entry(hint.account.clone()).or_default().push((order.clone(), hint.clone()));
                }
                Touch::Order(_) | Touch::Feed if self.is_polled(&hint.account) => {
                    self.lanes.insert(hint.account.clone());
                }
                Touch::Order(_) | Touch::Feed => {
                    if feeds.insert(hint.account.clone()) {
                        self.name_from_feed(hint).await?;
                    }
                }
            }
        }
        for (account, named) in orders {
            self.name_orders(&account, &named).await;
        }
        Ok(())
    }

    /// Whether the lane is reading a feed to its end, and with it what a hint is about.
    fn is_in_backlog(&self, hint: &Hint) -> bool {
        hint.is_told() && !self.pace.lane && self.hub.has_backlog(&hint.account)
    }

    /// Whether an account's orders are listed in turn, by its lane.
    pub(super) fn is_polled(&self, account: &AccountId) -> bool {
        self.accounts.get(account).is_some_and(|it| !it.account.feed && it.channel.info().capabilities.polled.is_some())
    }

    /// Reads the orders that events named. One that cannot be read now is found when orders are listed the next time.
    async fn name_orders(&mut self, account: &AccountId, named: &[(OrderId, Hint)]) {
        let Some(connected) = self.accounts.get(account).cloned() else { return };
        let hints: BTreeMap<&OrderId, &Hint> = named.iter().map(|(order, hint)| (order, hint)).collect();
        for (id, hint) in hints {
            match self.hub.line(&connected, self.pace.patience).orders(std::slice::from_ref(id)).await {
                Ok(found) => {
                    let lines = found.iter().flat_map(|order| &order.lines);
                    let skus: Vec<Sku> = lines.filter_map(|line| line.sku.clone()).collect();
                    skus.iter().for_each(|sku| self.ask(sku, hint));
                    self.orders.entry(account.clone()).or_default().extend(found);
                }
                Err(error) => {
                    tracing::info!(%account, %error, "order not read; the list will show it and the others");
                    self.lanes.insert(account.clone());
                    return;
                }
            }
        }
    }

    /// A store's own webhook spells SKUs as the store does.
    fn as_ours(&self, hint: &Hint) -> Hint {
        let connected = self.accounts.get(&hint.account).filter(|_| hint.cause == records::WEBHOOK);
        let ours = connected.and_then(|connected| match &hint.touch {
            Touch::Sku(sku) => connected.defaults.aliases(&hint.account).ours(sku),
            Touch::External(_) | Touch::Order(_) | Touch::Feed => None,
        });
        Hint { touch: ours.map_or_else(|| hint.touch.clone(), Touch::Sku), ..hint.clone() }
    }

    /// Makes sure that a SKU's listings at the hint's account are looked at.
    pub(super) fn ask(&mut self, sku: &Sku, hint: &Hint) {
        let job = self.jobs.entry(sku.clone()).or_insert_with(|| Job::new(hint));
        job.since = job.since.min(hint.at);
        job.attempts = job.attempts.max(hint.attempts);
        if hint.cause == records::WRITE || hint.cause == records::PUSH {
            return;
        }
        job.look_at.insert(hint.account.clone());
        if !hint.is_told() {
            job.look_closely.insert(hint.account.clone());
            // whoever asks may have mended what the store refused
            job.forgives |= hint.attempts == 0;
        }
    }

    async fn name_external(&mut self, external: &str, hint: &Hint) {
        let Some(connected) = self.accounts.get(&hint.account).cloned() else { return };
        match self.hub.line(&connected, self.pace.patience).unit(external).await {
            Ok(units) => {
                let skus: BTreeSet<Sku> = units.into_iter().filter_map(|unit| unit.sku).collect();
                skus.iter().for_each(|sku| self.ask(sku, hint));
                if connected.is_exact() {
                    let only = skus.first().filter(|_| skus.len() == 1).cloned();
                    self.named.insert((hint.account.clone(), external.to_owned()), only);
                }
            }
            Err(error)
                if connected.account.feed
                    && hint.is_told()
                    && self.is_out_of_turn(&hint.account, error.is_out_of_turn()) =>
            {
                self.hub.note_backlog(&hint.account, true);
                self.lanes.insert(hint.account.clone());
            }
            Err(error) => self.wait_unnamed(hint, &said(&connected, error)),
        }
    }

    /// A hint that cannot be named now waits as it is.
    fn wait_unnamed(&mut self, hint: &Hint, error: &Error) {
        self.report.unnamed += 1;
        let todo = Todo {
            account: hint.account.clone(),
            touch: hint.touch.clone(),
            reason: error.to_string(),
            due: self.opens_at(&hint.account),
            attempts: hint.attempts + 1,
            urgent: false,
            level: None,
            write: false,
            told: false,
            lane: false,
            asked: hint.follows(),
        };
        self.wait(todo);
    }

    /// Names every SKU with movements that are not counted yet: the lane's way to find what no webhook told.
    async fn name_from_feed(&mut self, hint: &Hint) -> Result<(), Error> {
        let Some(connected) = self.accounts.get(&hint.account).cloned() else { return Ok(()) };
        match self.hub.news(&connected, self.pace.patience).await {
            Ok(news) => {
                for sku in &news.skus {
                    self.ask(sku, hint);
                }
            }
            Err(error @ Error::Channel { .. }) => self.wait_unnamed(hint, &error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads ledgers and items. A SKU that is not mapped is reported and dropped.
    pub(super) async fn load(&mut self, skus: &[Sku]) -> Result<(), Error> {
        let mut rows = Vec::with_capacity(skus.len() * 2);
        let keys: Vec<Key> = skus.iter().flat_map(|sku| [records::ledger_key(sku), Item::key(sku)]).collect();
        for chunk in keys.chunks(KEYS) {
            rows.extend(self.hub.store.get(chunk).await?);
        }
        for (sku, pair) in skus.iter().zip(rows.chunks(2)) {
            self.take_rows(sku, pair);
        }
        self.load_verdicts(skus).await
    }

    fn take_rows(&mut self, sku: &Sku, pair: &[Option<Row>]) {
        let Some(job) = self.jobs.get_mut(sku) else { return };
        let (Some(Some(state)), Some(Some(item))) = (pair.first(), pair.get(1)) else {
            job.state = State::Done;
            if job.kin == Kin::Asked {
                self.hub.noted_unknown(&job.asker, sku.as_str());
            }
            return;
        };
        let read: Result<(Ledger, Item), _> =
            records::ledger(state).and_then(|ledger| Ok((ledger, records::body(item)?)));
        match read {
            Ok((ledger, item)) => job.loaded(ledger, item),
            Err(error) => job.state = State::Failed(error.to_string()),
        }
    }
}
