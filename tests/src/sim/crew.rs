//! What runs on our machines: workers on the queues, timers, the webhook door, a person at the console. Each does what the
//! functions do around the engine, no more.

use super::core::Core;
use bytes::Bytes;
use channels::fake::Fake;
use channels::{Hook, Request};
use domain::{Sku, retry};
use engine::accounts::{AccountPatch, NewAccount};
use engine::adopt::{Direction, Silent};
use engine::ports::{Inbound, Queue, QueueName};
use engine::receive::Received;
use engine::runs::{Job, Restore, RunState};
use engine::settings::{Patch, Scope};
use engine::stock::{Amount, Mode, StockEdit};
use engine::table::Line;
use engine::work::Task;
use engine::{Error, Hub};
use futures::future::{Either, select};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a worker waits for messages.
const WAIT: Duration = Duration::from_secs(20);
/// So long after something failed a person tries again, milliseconds.
pub const AGAIN_MS: i64 = 2_000;
/// A function is killed after so long, milliseconds.
const FUNCTION_MS: i64 = 30_000;

/// What a member of the crew needs.
#[derive(Clone)]
pub struct Member {
    /// Time.
    pub core: Arc<Core>,
    /// The machine's hub.
    pub hub: Arc<Hub>,
    /// The queues.
    pub queue: Arc<dyn Queue>,
}

/// Runs something until it ends or its time is up.
async fn within<T>(core: &Arc<Core>, ms: i64, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), core.sleep_ms(ms)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

/// A worker on a queue, which takes at most `batch` hints at once.
pub async fn worker(member: Member, queue: QueueName, batch: usize) {
    let most = if queue == QueueName::Lane { 1 } else { batch };
    loop {
        let Ok(messages) = member.queue.receive(queue, most, WAIT).await else { continue };
        if messages.is_empty() {
            continue;
        }
        let Some(failed) = within(&member.core, FUNCTION_MS, member.hub.work(queue, &messages)).await else {
            member.core.tell(|| format!("KILLED after {FUNCTION_MS} ms on {queue:?}"));
            continue;
        };
        finish(&member, queue, &messages, &failed).await;
    }
}

async fn finish(member: &Member, queue: QueueName, messages: &[Inbound], failed: &BTreeMap<String, String>) {
    let good = messages.iter().filter(|message| !failed.contains_key(&message.id));
    let receipts: Vec<String> = good.map(|message| message.receipt.clone()).collect();
    // whatever fails here comes again by itself
    _ = member.queue.delete(queue, &receipts).await;
    for message in messages.iter().filter(|message| failed.contains_key(&message.id)) {
        let wait = retry::back_off_ms(message.receives, member.hub.clock.random());
        _ = member.queue.retry(queue, &message.receipt, Duration::from_millis(wait)).await;
    }
}

/// A timer's task.
pub async fn timer(member: Member, task: Task) {
    if let Err(error) = member.hub.run_task(task).await {
        member.core.tell(|| format!("{task:?} failed: {error}"));
    }
}

/// What a store learns of a webhook that it sent: our answer, or that there was none, also when whoever took it died.
pub struct Receipt(Option<Box<dyn FnOnce(Option<Answer>)>>);

/// Status and body.
pub type Answer = (u16, String);

impl Receipt {
    /// Tells the store by this.
    pub fn new(tell: impl FnOnce(Option<Answer>) + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// Tells the platform of a fake.
    pub fn of<F: Fake + 'static>(core: &Arc<Core>, fake: &Arc<Mutex<F>>, ticket: u64) -> Self {
        let (fake, core) = (Arc::clone(fake), Arc::clone(core));
        Self::new(move |answer| {
            let answer = answer.as_ref().map(|(status, body)| (*status, body.as_bytes()));
            fake.lock().unwrap_or_else(PoisonError::into_inner).delivered(ticket, answer, core.now());
            core.stir();
        })
    }

    fn give(mut self, answer: Option<Answer>) {
        if let Some(tell) = self.0.take() {
            tell(answer);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(None);
        }
    }
}

/// A webhook arrives at our door after a while; the store learns what we answered.
pub async fn hook(member: Member, request: Request, after_ms: i64, receipt: Receipt) {
    member.core.sleep_ms(after_ms).await;
    let answer = within(&member.core, 5_000, answer(&member, &request)).await.flatten();
    receipt.give(answer);
}

/// An event of a queue arrives after a while; the queue learns whether it was taken.
pub async fn event(member: Member, body: Bytes, after_ms: i64, receipt: Receipt) {
    member.core.sleep_ms(after_ms).await;
    let taken = take(&member, &body).await;
    receipt.give(taken.then(|| (200, String::new())));
}

/// Whether somebody takes an event.
pub async fn take(member: &Member, body: &[u8]) -> bool {
    matches!(within(&member.core, FUNCTION_MS, member.hub.receive_event(body)).await, Some(Ok(_)))
}

async fn answer(member: &Member, request: &Request) -> Option<Answer> {
    let account = request.uri().path().rsplit('/').next()?;
    let hook = Hook { headers: request.headers(), body: request.body() };
    Some(match member.hub.receive(account, hook).await {
        Ok(Received::Accepted(_)) => (200, String::new()),
        Ok(Received::Answer(text)) => (200, text),
        Ok(Received::Refused) => (401, String::new()),
        Err(_) => (503, String::new()),
    })
}

/// Somebody edits the stock here.
pub async fn hub_edit(member: Member, sku: Sku, by: i64) {
    let edit = StockEdit { amount: Amount::Adjust(by), reason: "stock take".into(), warehouse: None };
    if let Err(error) = member.hub.edit_stock(&sku, &edit, "somebody").await {
        member.core.tell(|| format!("stock edit failed: {error}"));
    }
}

/// Somebody takes a stock file of differences: one line for each SKU, and the same once more.
pub async fn import(member: Member, lines: Vec<Line>) {
    let job = Job::Import { mode: Mode::Adjust, warehouse: None, reason: "file".into(), dry_run: false };
    let started = async {
        let run = member.hub.start_run(job, "somebody").await?;
        member.hub.give_run(&run.id, lines, false).await?;
        member.hub.close_run(&run.id).await
    };
    if let Err(error) = started.await {
        member.core.tell(|| format!("stock file failed: {error}"));
    }
}

/// Somebody takes everything back that was edited since a time.
pub async fn restore(member: Member, time: domain::Timestamp) {
    let restore = Restore { time: Some(time), apply: true, ..Restore::default() };
    if let Err(error) = member.hub.start_run(Job::Restore(restore), "somebody").await {
        member.core.tell(|| format!("restore failed: {error}"));
    }
}

/// Somebody sets rules, one after the other, and tries each again until told that it is done.
pub async fn rules(member: Member, rules: Vec<(Scope, Patch)>) {
    for (scope, patch) in rules {
        for _ in 0..50 {
            match member.hub.set_rules(&scope, &patch, true, "somebody", &Silent).await {
                Ok(_) => break,
                Err(error) => member.core.tell(|| format!("rules of {scope}: {error}")),
            }
            member.core.sleep_ms(AGAIN_MS).await;
        }
    }
}

/// Somebody connects a store and makes its first sync, and tries each again until told that it is done.
pub async fn join(member: Member, new: NewAccount, way: Option<Direction>) {
    let directions: BTreeMap<_, _> = way.into_iter().map(|way| (new.id.clone(), way)).collect();
    for _ in 0..50 {
        match member.hub.add_account(new.clone()).await {
            Ok(_) | Err(Error::Conflict(_)) => break,
            Err(error) => member.core.tell(|| format!("adding {}: {error}", new.id)),
        }
        member.core.sleep_ms(AGAIN_MS).await;
    }
    // one whose driver died goes on when its lease is over
    for _ in 0..60 {
        let job = Job::Adopt { apply: true, directions: directions.clone(), exclude: Vec::new() };
        let ended = match member.hub.start_run(job, "somebody").await {
            Ok(run) => member.hub.wait_for_run(&run.id, RUN_MS).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(run) if run.state == RunState::Done => return,
            Ok(run) => member.core.tell(|| format!("first sync of {}: {:?}", new.id, run.error)),
            Err(error) => member.core.tell(|| format!("first sync of {}: {error}", new.id)),
        }
        member.core.sleep_ms(RUN_MS).await;
    }
}

/// How long somebody waits for a run, milliseconds.
const RUN_MS: i64 = 60_000;

/// Somebody stops or starts writing to an account, and tries again until told that it is done.
pub async fn pause(member: Member, account: domain::AccountId, paused: bool, done: Arc<dyn Fn() + Send + Sync>) {
    for _ in 0..50 {
        let patch = AccountPatch { paused: Some(paused), ..AccountPatch::default() };
        match member.hub.change_account(&account, patch).await {
            Ok(_) => return done(),
            Err(error) => member.core.tell(|| format!("pause {account} {paused}: {error}")),
        }
        member.core.sleep_ms(AGAIN_MS).await;
    }
}
