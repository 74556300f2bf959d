//! The Queue port in one file: durable once `send` has answered, and with the manners of SQS.

mod desk;
mod line;
mod log;
mod state;
mod writer;

use crate::folder;
use async_trait::async_trait;
use channels::Clock;
use desk::Desk;
use domain::Timestamp;
use engine::ports::{Depth, Inbound, Outbound, Queue, QueueError, QueueName};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::oneshot;
use writer::{Bells, Job};

const FILE: &str = "queue.sqlite";
/// As on AWS, so that what works here works there.
const LONGEST_BODY: usize = 256 * 1024;
/// As on AWS.
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);
/// A receiver that was told of a message by the clock asks again no sooner than this.
const SHORTEST_PAUSE_MS: i64 = 1;

/// A [`Queue`] in `queue.sqlite`, for one process at a time. Groups on `Changes` take turns; on `Lane` one message of a
/// group is in flight at a time. What was in flight when a process ended is visible to the next one at once.
#[derive(Clone)]
pub struct LocalQueue {
    jobs: Sender<Job>,
    bells: Arc<Bells>,
    clock: Arc<dyn Clock>,
}

impl LocalQueue {
    /// Opens the queues in `folder`, creating what is missing. Visibility and delays go by `clock`.
    ///
    /// # Errors
    /// [`QueueError`] when the file cannot be opened, or another process has it open.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, QueueError> {
        let bells = Arc::new(Bells::default());
        let file = folder.join(FILE);
        let started = folder::make(folder).and_then(|()| writer::start(&file, Arc::clone(&clock), Arc::clone(&bells)));
        let jobs = started.and_then(|jobs| folder::sync(folder).map(|()| jobs));
        let jobs = jobs.map_err(|error| failed("open", format!("{}: {error}", file.display())))?;
        Ok(Self { jobs, bells, clock })
    }

    async fn ask<T: Send + 'static>(
        &self,
        action: &'static str,
        request: impl FnOnce(&mut Desk<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |desk| {
            let done = request(desk)?;
            // a caller that went away needs no answer
            Ok(Box::new(move || drop(reply.send(done))))
        });
        let stopped = || failed(action, "its file cannot be written");
        self.jobs.send(job).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }

    /// Until a bell rings, the next message becomes visible, or the time is up.
    async fn pause(&self, bell: impl Future<Output = ()>, until: Timestamp) {
        let ms = until.since_ms(self.clock.now()).max(SHORTEST_PAUSE_MS);
        let pause = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        tokio::select! {
            () = bell => {}
            () = self.clock.sleep(pause) => {}
        }
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, queue: QueueName, messages: &[Outbound]) -> Result<(), QueueError> {
        if queue == QueueName::Dead {
            return Err(failed("send", "nothing is sent to the dead letter queue directly"));
        }
        if messages.iter().any(|message| message.body.len() > LONGEST_BODY || message.delay > LONGEST_DELAY) {
            return Err(failed("send", "a message holds at most 256 KiB and waits at most 15 minutes"));
        }
        let messages = messages.to_vec();
        self.ask("send", move |desk| desk.send(queue, &messages)).await
    }

    async fn receive(&self, queue: QueueName, most: usize, wait: Duration) -> Result<Vec<Inbound>, QueueError> {
        let deadline = state::after(self.clock.now(), wait);
        loop {
            // listening starts before asking, so that nothing falls in between
            let mut bell = std::pin::pin!(self.bells.of(queue).notified());
            bell.as_mut().enable();
            let (messages, next) = self.ask("receive", move |desk| desk.receive(queue, most)).await?;
            if !messages.is_empty() || most == 0 || self.clock.now() >= deadline {
                return Ok(messages);
            }
            self.pause(bell, next.map_or(deadline, |next| next.min(deadline))).await;
        }
    }

    async fn delete(&self, queue: QueueName, receipts: &[String]) -> Result<(), QueueError> {
        let receipts = receipts.to_vec();
        self.ask("delete", move |desk| desk.delete(queue, &receipts)).await
    }

    async fn retry(&self, queue: QueueName, receipt: &str, delay: Duration) -> Result<(), QueueError> {
        let receipt = receipt.to_owned();
        self.ask("make a message visible again", move |desk| desk.retry(queue, &receipt, delay)).await
    }

    async fn depth(&self, queue: QueueName) -> Result<Depth, QueueError> {
        self.ask("count its messages", move |desk| Ok(desk.depth(queue))).await
    }

    async fn redrive(&self, most: usize) -> Result<Vec<String>, QueueError> {
        self.ask("redrive", move |desk| desk.redrive(most)).await
    }
}

fn failed(action: &'static str, reason: impl Into<String>) -> QueueError {
    QueueError { action, reason: reason.into() }
}
