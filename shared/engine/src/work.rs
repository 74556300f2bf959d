//! The workers' side: messages in, what failed out. The same for the sync function and for one process.

use crate::adopt::Silent;
use crate::hub::{Error, Hub};
use crate::later::LaneCall;
use crate::ports::{Depth, Inbound, QueueName};
use crate::records::{Hint, asked, todo_partition};
use crate::runs::RunCall;
use crate::sync::Pace;
use channels::Touch;
use domain::{AccountId, ListingId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a message on the `lane` queue asks for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Call {
    Run(RunCall),
    Lane(LaneCall),
}

/// What the timers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Every minute: unfinished work of every account.
    Sweep,
    /// Every quarter of an hour: the comparison.
    Compare,
    /// Every night: the comparison, the order audit, and webhooks.
    Full,
    /// Every day: webhooks that stores have disabled.
    Health,
}

/// The queues as people see them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct QueueView {
    /// Hints.
    pub changes: DepthView,
    /// The bulk path.
    pub lane: DepthView,
    /// Messages that failed too often.
    pub dead: DepthView,
    /// Rows of waiting work, by account; 1000 means 1000 or more.
    pub waiting: BTreeMap<AccountId, u64>,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct DepthView {
    /// Ready or delayed.
    pub waiting: u64,
    /// Being worked on.
    pub in_flight: u64,
}

impl From<Depth> for DepthView {
    fn from(depth: Depth) -> Self {
        Self { waiting: depth.waiting, in_flight: depth.in_flight }
    }
}

impl Hub {
    /// Works through received messages; gives the ids of those that must come again, with the reason.
    pub async fn work(&self, queue: QueueName, messages: &[Inbound]) -> BTreeMap<String, String> {
        let failed = match queue {
            QueueName::Changes => self.work_changes(messages).await,
            QueueName::Lane => self.work_lane(messages).await,
            QueueName::Dead => BTreeMap::new(),
        };
        self.note_dead(messages, &failed).await;
        failed
    }

    async fn work_changes(&self, messages: &[Inbound]) -> BTreeMap<String, String> {
        let mut failed = BTreeMap::new();
        let mut hints: Vec<(&str, Hint)> = Vec::new();
        for message in messages {
            match serde_json::from_str::<Hint>(&message.body) {
                Ok(hint) => hints.push((&message.id, hint)),
                Err(error) => {
                    failed.insert(message.id.clone(), format!("not a hint: {error}"));
                }
            }
        }
        let all: Vec<Hint> = hints.iter().map(|(_, hint)| hint.clone()).collect();
        match self.sync(&all, Pace::hint()).await {
            Ok(report) => {
                for (id, hint) in hints {
                    if let Touch::Sku(sku) = &hint.touch
                        && let Some(error) = report.failed.get(sku)
                    {
                        failed.insert(id.to_owned(), error.clone());
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, hints = hints.len(), "run failed; its messages come again");
                failed.extend(hints.into_iter().map(|(id, _)| (id.to_owned(), error.to_string())));
            }
        }
        failed
    }

    async fn work_lane(&self, messages: &[Inbound]) -> BTreeMap<String, String> {
        let mut failed = BTreeMap::new();
        for message in messages {
            let result = match serde_json::from_str::<Call>(&message.body) {
                Ok(Call::Run(call)) => self.work_run(&call).await,
                Ok(Call::Lane(call)) => {
                    if let Some(second) = call.second {
                        self.wait_for_end_of(second).await;
                    }
                    self.work_call(&call.account).await
                }
                Err(error) => Err(Error::Invalid(format!("not a lane call: {error}"))),
            };
            if let Err(error) = result {
                failed.insert(message.id.clone(), error.to_string());
            }
        }
        failed
    }

    /// Drains an account's lane. A store that does not answer is no reason for a message to come again: its work waits in
    /// the table, and the sweep calls again within a minute.
    async fn work_call(&self, account: &AccountId) -> Result<(), Error> {
        match self.drain(account).await {
            Ok(drained) if drained.more => self.wake_lane(account).await,
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error @ Error::Channel { .. }) => {
                tracing::info!(%account, %error, "lane left for later");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Does what a timer asks for.
    ///
    /// # Errors
    /// [`Error`]; the timer tries again.
    pub async fn run_task(&self, task: Task) -> Result<(), Error> {
        self.accounts().await?;
        if self.stands_still().is_some() {
            return Ok(());
        }
        match task {
            Task::Sweep => {
                self.sweep().await?;
                self.lift_finished().await?;
                self.follow_sales().await?;
                self.finish_last_day().await?;
                self.watch().await
            }
            Task::Compare => self.compare_quickly(None, &Silent).await.map(drop),
            Task::Full => {
                self.compare(None, true, &Silent).await?;
                self.audit_orders().await?;
                self.forget_flash_items().await?;
                if let Err(error) = self.end_overlaps().await {
                    // on AWS the timers may not touch what signs; then a person's next look at the accounts does it
                    tracing::info!(%error, "former signing secrets are not forgotten yet");
                }
                self.check_hooks().await
            }
            Task::Health => self.check_hooks().await,
        }
    }

    /// Calls the lane of every account: what waits there, and what its feed shows, is picked up. Stock
    /// feeds that are due are fetched; runs that nobody drives are driven on.
    ///
    /// # Errors
    /// [`Error::Queue`], [`Error::Store`].
    pub async fn sweep(&self) -> Result<(), Error> {
        let accounts = self.accounts().await?;
        let hub = ListingId::hub().account;
        self.sweep_lanes(accounts.keys().chain([&hub])).await?;
        self.sweep_feeds().await?;
        self.sweep_runs().await?;
        self.flush_health(false).await
    }

    /// Puts every account's webhooks in order.
    ///
    /// # Errors
    /// [`Error::Store`]. A store that does not answer is in its account's health.
    pub async fn check_hooks(&self) -> Result<(), Error> {
        for id in self.accounts().await?.keys() {
            if let Err(error) = self.put_hooks_in_order(id).await {
                tracing::warn!(account = %id, %error, "webhooks not checked");
            }
        }
        self.flush_health(true).await
    }

    /// The queues as people see them.
    ///
    /// # Errors
    /// [`Error::Queue`].
    pub async fn queues(&self) -> Result<QueueView, Error> {
        let mut view = QueueView {
            changes: self.queue.depth(QueueName::Changes).await?.into(),
            lane: self.queue.depth(QueueName::Lane).await?.into(),
            dead: self.queue.depth(QueueName::Dead).await?.into(),
            waiting: BTreeMap::new(),
        };
        for id in self.accounts().await?.keys() {
            view.waiting.insert(id.clone(), self.waiting(id).await?);
        }
        Ok(view)
    }

    /// Rows of work that waits for an account; 1000 means 1000 or more.
    pub(crate) async fn waiting(&self, account: &AccountId) -> Result<u64, Error> {
        Ok(self.page(&todo_partition(account), "", None, 1000).await?.rows.len() as u64)
    }

    /// Moves dead messages back to their queues; gives how many.
    ///
    /// # Errors
    /// [`Error::Queue`].
    pub async fn redrive(&self, most: usize) -> Result<usize, Error> {
        let moved = self.queue.redrive(most).await?;
        self.forget_dead(&moved).await?;
        Ok(moved.len())
    }

    /// Syncs one SKU now: looks at every listing of it, fresh.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn sync_item(&self, sku: &domain::Sku) -> Result<crate::sync::Report, Error> {
        let (item, _) = self.item(sku).await?;
        let at = self.clock.now();
        let hints: Vec<Hint> = item
            .listings
            .keys()
            .map(|listing| Hint::new(listing.account.clone(), Touch::Sku(sku.clone()), "sync", at))
            .collect();
        self.sync(&hints, Pace::lane()).await
    }

    /// Has every SKU of an account looked at again; gives how many.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn sync_account(&self, account: &AccountId) -> Result<u64, Error> {
        self.connected(account).await?;
        self.bring_up_to_date(account, asked::LOOK).await
    }
}
