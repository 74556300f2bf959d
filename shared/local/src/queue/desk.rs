//! What can be asked of the queues: each request changes memory and disk alike, inside the transaction of its batch.

use super::log::Log;
use super::state::{Message, Phase, State, after};
use domain::Timestamp;
use engine::ports::{Depth, Inbound, Outbound, QueueName};
use std::time::Duration;

/// The queues at one moment.
pub(super) struct Desk<'a> {
    pub(super) state: &'a mut State,
    pub(super) log: &'a Log,
    pub(super) now: Timestamp,
}

impl Desk<'_> {
    /// Brings back what has waited long enough, and forgets old deduplication ids.
    pub(super) fn tidy(&mut self) -> rusqlite::Result<()> {
        for number in self.state.due(self.now) {
            self.give_back(number, self.now)?;
        }
        if self.state.forget(self.now) {
            self.log.forget(self.now)?;
        }
        Ok(())
    }

    /// Brings back at once what was in flight when the process before this one ended.
    pub(super) fn adopt(&mut self) -> rusqlite::Result<()> {
        for number in self.state.abandoned() {
            self.give_back(number, self.now)?;
        }
        self.tidy()
    }

    pub(super) fn send(&mut self, queue: QueueName, messages: &[Outbound]) -> rusqlite::Result<()> {
        for message in messages {
            if self.is_new(queue, message)? {
                let delayed = queue == QueueName::Changes && !message.delay.is_zero();
                let until = Phase::Delayed(after(self.now, message.delay));
                let phase = if delayed { until } else { Phase::Ready };
                let (group, origin) = (message.group.clone(), queue);
                self.add(Message { queue, origin, group, receives: 0, phase }, &message.body)?;
            }
        }
        Ok(())
    }

    /// Whether the message may be sent, as far as deduplication goes; remembers it then.
    fn is_new(&mut self, queue: QueueName, message: &Outbound) -> rusqlite::Result<bool> {
        let Some(id) = message.deduplication.as_deref().filter(|_| queue == QueueName::Lane) else {
            return Ok(true);
        };
        if self.state.remembers(id, self.now) {
            return Ok(false);
        }
        let until = self.state.remember(id, self.now);
        self.log.remember(id, until).map(|()| true)
    }

    fn add(&mut self, message: Message, body: &str) -> rusqlite::Result<()> {
        let number = self.state.next_number();
        self.log.insert(number, &message, body)?;
        self.state.insert(number, message);
        Ok(())
    }

    /// Up to `most` messages; when there are none, also when to ask again.
    pub(super) fn receive(
        &mut self,
        queue: QueueName,
        most: usize,
    ) -> rusqlite::Result<(Vec<Inbound>, Option<Timestamp>)> {
        let mut messages = Vec::new();
        while messages.len() < most {
            let Some((number, message)) = self.state.take(queue, self.now) else { break };
            self.log.update(number, message)?;
            messages.push(Inbound {
                id: number.to_string(),
                receipt: format!("{number}-{}", message.receives),
                group: message.group.clone(),
                body: self.log.body(number)?,
                receives: message.receives,
            });
        }
        Ok((messages, self.state.next_wake(queue)))
    }

    pub(super) fn delete(&mut self, queue: QueueName, receipts: &[String]) -> rusqlite::Result<()> {
        for receipt in receipts {
            if let Some(number) = self.held(queue, receipt) {
                self.state.remove(number);
                self.log.delete(number)?;
            }
        }
        Ok(())
    }

    pub(super) fn retry(&mut self, queue: QueueName, receipt: &str, delay: Duration) -> rusqlite::Result<()> {
        match self.held(queue, receipt) {
            Some(number) => self.give_back(number, after(self.now, delay)),
            None => Ok(()),
        }
    }

    pub(super) fn depth(&self, queue: QueueName) -> Depth {
        self.state.depth(queue)
    }

    /// Moves dead messages to the end of the queue that they came from.
    pub(super) fn redrive(&mut self, most: usize) -> rusqlite::Result<Vec<String>> {
        let dead = self.state.oldest_dead(most);
        for number in &dead {
            let body = self.log.body(*number)?;
            let Some(message) = self.state.remove(*number) else { continue };
            self.log.delete(*number)?;
            let revived = Message { queue: message.origin, receives: 0, phase: Phase::Ready, ..message };
            self.add(revived, &body)?;
        }
        Ok(dead.iter().map(ToString::to_string).collect())
    }

    fn give_back(&mut self, number: u64, until: Timestamp) -> rusqlite::Result<()> {
        match self.state.give_back(number, self.now, until) {
            Some(message) => self.log.update(number, message),
            None => Ok(()),
        }
    }

    /// The message of a receipt, if that receipt is its latest. A late delete of a message that has become visible
    /// again, and was not received since, still counts.
    fn held(&self, queue: QueueName, receipt: &str) -> Option<u64> {
        let (number, receives) = receipt.split_once('-')?;
        let (number, receives) = (number.parse().ok()?, receives.parse::<u32>().ok()?);
        let message = self.state.message(number)?;
        (message.queue == queue && message.receives == receives).then_some(number)
    }
}
