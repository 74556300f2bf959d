//! The workers of one process: what the queues' triggers are on AWS.

use super::{Stop, Workers};
use domain::retry;
use engine::Hub;
use engine::ports::{Inbound, QueueError, QueueName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a worker waits for a message before it asks again.
const WAIT: Duration = Duration::from_secs(1);
/// How long a worker rests when the queue itself fails.
const REST: Duration = Duration::from_millis(500);

/// Starts the workers of both queues.
pub(super) fn start(tasks: &mut JoinSet<()>, hub: &Arc<Hub>, workers: Workers, stop: &Stop) {
    for _ in 0..workers.changes {
        tasks.spawn(work(Arc::clone(hub), QueueName::Changes, workers.batch, stop.clone()));
    }
    for _ in 0..workers.lanes {
        tasks.spawn(work(Arc::clone(hub), QueueName::Lane, 1, stop.clone()));
    }
}

async fn work(hub: Arc<Hub>, queue: QueueName, batch: usize, mut stop: Stop) {
    loop {
        let received = tokio::select! {
            biased;
            () = stop.told() => return,
            received = hub.queue.receive(queue, batch, WAIT) => received,
        };
        let done = match received {
            Ok(messages) if messages.is_empty() => Ok(()),
            Ok(messages) => run(&hub, queue, messages).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::error!(%error, ?queue, "the queue fails");
            tokio::time::sleep(REST).await;
        }
    }
}

/// Works through messages; those that failed become visible again after a while, the others are gone.
async fn run(hub: &Arc<Hub>, queue: QueueName, messages: Vec<Inbound>) -> Result<(), QueueError> {
    let failed = guarded(hub, queue, &messages).await;
    let (again, done): (Vec<Inbound>, Vec<Inbound>) =
        messages.into_iter().partition(|message| comes_again(queue, failed.get(&message.id)));
    let receipts: Vec<String> = done.into_iter().map(|message| message.receipt).collect();
    if !receipts.is_empty() {
        hub.queue.delete(queue, &receipts).await?;
    }
    for message in again {
        let pause = retry::back_off_ms(message.receives, hub.clock.random());
        hub.queue.retry(queue, &message.receipt, Duration::from_millis(pause)).await?;
    }
    Ok(())
}

/// A hint that failed comes again. A lane's call does not: it carries nothing, what waits is in rows, and the timer that
/// looks for due rows each second calls again.
fn comes_again(queue: QueueName, failure: Option<&String>) -> bool {
    let Some(reason) = failure else { return false };
    tracing::debug!(?queue, reason, "not finished");
    match queue {
        QueueName::Changes => true,
        QueueName::Lane | QueueName::Dead => false,
    }
}

/// A run of its own task: should it panic, its messages come again and the worker lives on.
async fn guarded(hub: &Arc<Hub>, queue: QueueName, messages: &[Inbound]) -> BTreeMap<String, String> {
    let (hub, taken) = (Arc::clone(hub), messages.to_vec());
    let ended = tokio::spawn(async move { hub.work(queue, &taken).await }).await;
    ended.unwrap_or_else(|error| {
        tracing::error!(%error, ?queue, "a run broke off; its messages come again");
        messages.iter().map(|message| (message.id.clone(), error.to_string())).collect()
    })
}
