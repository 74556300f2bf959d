//! The Queue port over SQS: a standard queue with fair groups, a FIFO queue, and the dead letter queue of each.

mod create;
mod receive;
mod redrive;
mod send;

use crate::said::said;
use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use engine::ports::{Depth, Inbound, Outbound, Queue, QueueError, QueueName};
use std::error::Error;
use std::time::Duration;

pub use create::create_queues;

/// The most entries of one batch call:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const BATCH: usize = 10;

/// The addresses of the queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrls {
    /// Standard.
    pub changes: String,
    /// FIFO.
    pub lane: String,
    /// Where `changes` sends what failed too often: standard.
    pub changes_dead: String,
    /// Where `lane` sends what failed too often: FIFO.
    pub lane_dead: String,
}

/// A [`Queue`] over four SQS queues. The queues' own settings (visibility, receives until dead) come from the template.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    urls: QueueUrls,
}

/// One SQS queue behind a name of the port.
#[derive(Clone, Copy)]
struct Physical<'a> {
    url: &'a str,
    /// Stands before the receipts of the dead letter queues, which share a name; empty elsewhere.
    tag: &'static str,
    fifo: bool,
}

impl SqsQueue {
    /// Queues at `urls`.
    #[must_use]
    pub const fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls }
    }

    const fn changes(&self) -> Physical<'_> {
        Physical { url: self.urls.changes.as_str(), tag: "", fifo: false }
    }

    const fn lane(&self) -> Physical<'_> {
        Physical { url: self.urls.lane.as_str(), tag: "", fifo: true }
    }

    /// The dead letter queues, each with the queue that its messages came from.
    const fn dead(&self) -> [(Physical<'_>, Physical<'_>); 2] {
        let changes = Physical { url: self.urls.changes_dead.as_str(), tag: "changes/", fifo: false };
        let lane = Physical { url: self.urls.lane_dead.as_str(), tag: "lane/", fifo: true };
        [(changes, self.changes()), (lane, self.lane())]
    }

    fn physical(&self, queue: QueueName) -> Vec<Physical<'_>> {
        match queue {
            QueueName::Changes => vec![self.changes()],
            QueueName::Lane => vec![self.lane()],
            QueueName::Dead => self.dead().map(|(dead, _)| dead).to_vec(),
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, queue: QueueName, messages: &[Outbound]) -> Result<(), QueueError> {
        let to = match queue {
            QueueName::Changes => self.changes(),
            QueueName::Lane => self.lane(),
            QueueName::Dead => return Err(failed("send", "nothing is sent to the dead letter queues directly")),
        };
        send::all(&self.client, to, messages).await
    }

    async fn receive(&self, queue: QueueName, most: usize, wait: Duration) -> Result<Vec<Inbound>, QueueError> {
        receive::up_to(&self.client, &self.physical(queue), most, wait).await
    }

    async fn delete(&self, queue: QueueName, receipts: &[String]) -> Result<(), QueueError> {
        for physical in self.physical(queue) {
            receive::delete(&self.client, physical, receipts).await?;
        }
        Ok(())
    }

    async fn retry(&self, queue: QueueName, receipt: &str, delay: Duration) -> Result<(), QueueError> {
        for physical in self.physical(queue) {
            receive::retry(&self.client, physical, receipt, delay).await?;
        }
        Ok(())
    }

    async fn depth(&self, queue: QueueName) -> Result<Depth, QueueError> {
        let mut sum = Depth::default();
        for physical in self.physical(queue) {
            let depth = receive::depth(&self.client, physical).await?;
            sum.waiting += depth.waiting;
            sum.in_flight += depth.in_flight;
        }
        Ok(sum)
    }

    async fn redrive(&self, most: usize) -> Result<Vec<String>, QueueError> {
        let mut moved = Vec::new();
        for (dead, origin) in self.dead() {
            moved.extend(redrive::some(&self.client, dead, origin, most - moved.len()).await?);
        }
        Ok(moved)
    }
}

fn failed(action: &'static str, reason: impl Into<String>) -> QueueError {
    QueueError { action, reason: reason.into() }
}

fn sdk<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> QueueError
where
    E: Error + 'static,
{
    failed(action, said(error))
}
