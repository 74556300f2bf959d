//! Work that waits: soon as a delayed message, longer as a row that the sweep finds. Both survive a crash.

use crate::hub::{Error, Hub};
use crate::ports::{Change, Condition, Outbound, QueueName, Row};
use crate::records::{self, Hint, PUSH, TOLD, Todo, WRITE};
use crate::sync::Pace;
use domain::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What waits at most this long waits as a delayed message, milliseconds.
const SOON_MS: i64 = 30_000;
/// Rows of waiting work taken at once.
pub(crate) const BATCH: usize = 100;
/// Rows of one page.
const PAGE: usize = 1_000;
/// Rows of one run whose writes are gathered.
const GATHERED: usize = 1_000;
/// Batches of one drain: then the lane comes again.
const BATCHES: usize = 50;

/// A message on the `lane` queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCall {
    /// The account whose waiting work shall be done.
    pub account: AccountId,
    /// The second since 1970 whose calls are this one: its work begins when that second is over, so that nothing which
    /// called in it is overlooked. `None`: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<i64>,
}

/// What a drain of an account's lane did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drained {
    /// Rows of waiting work done.
    pub done: u64,
    /// Whether more is due: come again.
    pub more: bool,
}

impl Hub {
    /// Makes work wait, durably.
    ///
    /// # Errors
    /// [`Error::Queue`] or [`Error::Store`]: then the hints must not be acknowledged.
    pub async fn postpone(&self, todos: Vec<Todo>) -> Result<(), Error> {
        let now = self.clock.now();
        let (soon, later): (Vec<Todo>, Vec<Todo>) = todos.into_iter().partition(|todo| {
            let soon = todo.due.since_ms(now) <= SOON_MS && todo.attempts < PATIENT_ATTEMPTS;
            soon && !todo.lane
        });
        let messages: Vec<Outbound> = soon.iter().map(|todo| delayed(todo, now)).collect();
        if !messages.is_empty() {
            self.queue.send(QueueName::Changes, &messages).await?;
        }
        let rows: Vec<_> = later.iter().map(Todo::row).collect();
        if !rows.is_empty() {
            self.store.put_all(&rows).await?;
        }
        Ok(())
    }

    /// Puts hints on the `changes` queue.
    ///
    /// # Errors
    /// [`Error::Queue`].
    pub async fn enqueue(&self, hints: &[Hint]) -> Result<(), Error> {
        let messages: Vec<Outbound> = hints.iter().map(|hint| outbound(hint, Duration::ZERO)).collect();
        Ok(self.queue.send(QueueName::Changes, &messages).await?)
    }

    /// Calls the lane of an account. Calls within one second are one call, which is answered when the second is over.
    ///
    /// # Errors
    /// [`Error::Queue`].
    pub async fn wake_lane(&self, account: &AccountId) -> Result<(), Error> {
        let second = self.clock.now().seconds();
        let call = LaneCall { account: account.clone(), second: Some(second) };
        Ok(self.queue.send(QueueName::Lane, &[lane_message(&call, format!("{account}-{second}"))]).await?)
    }

    /// Calls the lane of an account for what is there already. Such calls within one second are one call, answered at once.
    ///
    /// # Errors
    /// [`Error::Queue`].
    pub async fn sweep_lane(&self, account: &AccountId) -> Result<(), Error> {
        self.sweep_lanes([account]).await
    }

    /// The same for several accounts, all at once.
    pub(crate) async fn sweep_lanes(&self, accounts: impl IntoIterator<Item = &AccountId>) -> Result<(), Error> {
        let second = self.clock.now().seconds();
        let call = |account: &AccountId| {
            let call = LaneCall { account: account.clone(), second: None };
            lane_message(&call, format!("{account}-sweep-{second}"))
        };
        let messages: Vec<Outbound> = accounts.into_iter().map(call).collect();
        Ok(self.queue.send(QueueName::Lane, &messages).await?)
    }

    /// Until the second of a call is over: a later call of the same second is taken for the same message by the queue.
    pub(crate) async fn wait_for_end_of(&self, second: i64) {
        let rest = Timestamp(second.saturating_add(1).saturating_mul(1_000)).since_ms(self.clock.now());
        if (1..=1_000).contains(&rest) {
            self.clock.sleep(Duration::from_millis(u64::try_from(rest).unwrap_or(0))).await;
        }
    }

    /// Does the work that waits for an account: the most urgent first, then whatever its feed shows.
    ///
    /// # Errors
    /// [`Error`]; what was not done still waits.
    pub async fn drain(&self, account: &AccountId) -> Result<Drained, Error> {
        let started = self.clock.now();
        let limit_ms = i64::try_from(self.config.deadline.as_millis()).unwrap_or(i64::MAX);
        let mut drained = Drained::default();
        // what waits may wait for a change of the account itself, such as the end of a pause
        self.forget_accounts();
        if self.is_stopped(account).await? {
            return Ok(drained);
        }
        for _ in 0..BATCHES {
            let late = self.clock.now().since_ms(started) >= limit_ms;
            if late || self.budgets.closed_until(account, self.clock.now()).is_some() {
                drained.more = late;
                return Ok(drained);
            }
            let done = self.drain_batch(account).await?;
            drained.done += done;
            let more_feed =
                self.is_believed(account).await? && self.drain_feed(account, started.plus_ms(limit_ms)).await?;
            if done == 0 && !more_feed {
                self.hand_over(account).await?;
                return Ok(drained);
            }
        }
        drained.more = true;
        Ok(drained)
    }

    /// Whether a person has stopped an account both ways: then its work waits.
    async fn is_stopped(&self, account: &AccountId) -> Result<bool, Error> {
        let accounts = self.accounts().await?;
        Ok(accounts.get(account).is_some_and(|connected| connected.account.is_frozen()))
    }

    /// Whether what an account's feed says may be counted: until it may, the cursors stay where they are.
    async fn is_believed(&self, account: &AccountId) -> Result<bool, Error> {
        let accounts = self.accounts().await?;
        Ok(accounts.get(account).is_none_or(|connected| connected.account.is_believed()))
    }

    async fn drain_batch(&self, account: &AccountId) -> Result<u64, Error> {
        let now = self.clock.now();
        let batch = self.lane_batch(account).await?;
        let mut due = self.due(account, now, batch.most).await?;
        if due.len() < batch.least {
            due.truncate(BATCH);
        }
        if due.is_empty() {
            return Ok(0);
        }
        self.note_crowd(account, due.len() >= BATCH);
        let hints: Vec<Hint> = due.iter().map(|(_, todo)| hint(todo, "waited")).collect();
        let report = self.sync(&hints, Pace::lane()).await?;
        let failed: BTreeSet<String> = report.failed.keys().map(ToString::to_string).collect();
        let done = due.iter().filter(|(_, todo)| !names_failed(todo, &failed));
        let deletes: Vec<Change> = done.map(|(row, _)| Change::Delete(row.key.clone(), Condition::Any)).collect();
        for chunk in deletes.chunks(100) {
            self.store.write(chunk).await?;
        }
        Ok(deletes.len() as u64)
    }

    /// Work that is due, the urgent first.
    async fn due(&self, account: &AccountId, now: Timestamp, most: usize) -> Result<Vec<(Row, Todo)>, Error> {
        let mut due = Vec::new();
        if let Some(all) = self.all_waiting(account).await? {
            due.extend(all.into_iter().filter(|(_, todo)| todo.due <= now).take(most));
            return Ok(due);
        }
        for urgency in records::URGENCIES {
            let mut after = None;
            while due.len() < most {
                let page =
                    self.page(&records::todo_partition(account), urgency, after, (most - due.len()).min(PAGE)).await?;
                let read = page.rows.len();
                for row in page.rows {
                    let todo: Todo = records::body(&row)?;
                    if todo.due <= now {
                        due.push((row, todo));
                    }
                }
                after = page.next;
                // rows are in the order in which they are due
                if after.is_none() || read == 0 || due.last().is_none_or(|(_, last)| last.due > now) {
                    break;
                }
            }
        }
        Ok(due)
    }

    /// All work that waits for an account, the urgent first, if it is not much: one read, where each urgency would be one.
    pub(crate) async fn all_waiting(&self, account: &AccountId) -> Result<Option<Vec<(Row, Todo)>>, Error> {
        let page = self.page(&records::todo_partition(account), "", None, BATCH).await?;
        if page.next.is_some() {
            return Ok(None);
        }
        let read = |row: Row| Ok((records::body(&row)?, row)).map(|(todo, row)| (row, todo));
        page.rows.into_iter().map(read).collect::<Result<_, Error>>().map(Some)
    }

    /// How much waiting work is taken at once: as much as the store's big call holds.
    async fn lane_batch(&self, account: &AccountId) -> Result<LaneBatch, Error> {
        let usual = LaneBatch { most: BATCH, least: 0 };
        let Some(connected) = self.accounts().await?.get(account).cloned() else { return Ok(usual) };
        let now = self.clock.now();
        let Some(bulk) = connected.channel.info().capabilities.bulk else { return Ok(usual) };
        if self.budgets.is_narrow(account, now) {
            return Ok(usual);
        }
        if !bulk.gathered {
            return Ok(LaneBatch { most: bulk.most, least: bulk.from });
        }
        let (mut gathering, _) = self.gathering(account).await?;
        if gathering.rows + GATHERED as u64 > bulk.most as u64 {
            // it is full: the next begins, if the store takes this one
            self.hand_over(account).await?;
            (gathering, _) = self.gathering(account).await?;
        }
        let room = gathering.rows + GATHERED as u64 <= bulk.most as u64;
        Ok(match room && gathering.takes(now) {
            // the channel looks at each listing before it is gathered, and a run has to end
            true if gathering.rows > 0 => LaneBatch { most: GATHERED, least: 0 },
            true => LaneBatch { most: GATHERED, least: bulk.from.min(GATHERED) },
            false => usual,
        })
    }
}

/// How much waiting work a lane takes at once.
struct LaneBatch {
    most: usize,
    /// When less is due, as much as usual is taken.
    least: usize,
}

fn lane_message(call: &LaneCall, deduplication: String) -> Outbound {
    Outbound {
        group: call.account.to_string(),
        body: serde_json::to_string(call).unwrap_or_default(),
        deduplication: Some(deduplication),
        delay: Duration::ZERO,
    }
}

/// From this attempt on, work waits as a row that people can see, however soon it is due.
const PATIENT_ATTEMPTS: u32 = 20;

fn names_failed(todo: &Todo, failed: &BTreeSet<String>) -> bool {
    match &todo.touch {
        channels::Touch::Sku(sku) => failed.contains(sku.as_str()),
        channels::Touch::External(_) | channels::Touch::Order(_) | channels::Touch::Feed => false,
    }
}

/// The hint of something that waited. What waits because a target has changed is written without a look.
fn hint(todo: &Todo, otherwise: &str) -> Hint {
    let cause = match todo {
        Todo { write: true, .. } => WRITE,
        Todo { told: true, .. } => TOLD,
        _ if todo.reason == PUSH => PUSH,
        _ => otherwise,
    };
    let hint = Hint::new(todo.account.clone(), todo.touch.clone(), cause, todo.due);
    Hint { attempts: todo.attempts, asked: todo.asked.clone(), ..hint }
}

fn delayed(todo: &Todo, now: Timestamp) -> Outbound {
    let wait = u64::try_from(todo.due.since_ms(now)).unwrap_or(0);
    outbound(&hint(todo, "again"), Duration::from_millis(wait))
}

fn outbound(hint: &Hint, delay: Duration) -> Outbound {
    Outbound { group: hint.account.to_string(), body: hint.text(), deduplication: None, delay }
}
