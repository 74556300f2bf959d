//! Queues in memory: at least once, out of order (`Changes`), one at a time per group (`Lane`), and the ways in which real
//! ones fail.

use crate::sim::core::Core;
use async_trait::async_trait;
use engine::ports::{Depth, Inbound, MAX_RECEIVES, Outbound, Queue, QueueError, QueueName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often an operation fails, of ten thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueueRates {
    /// A send fails; some of its messages were sent.
    pub send: u64,
    /// A delete or a retry fails.
    pub delete: u64,
    /// A message of `Changes` is delivered once more although it was deleted.
    pub twice: u64,
}

#[derive(Debug, Clone)]
struct Message {
    queue: QueueName,
    origin: QueueName,
    group: String,
    body: String,
    receives: u32,
    visible: i64,
    in_flight: bool,
}

#[derive(Default)]
struct State {
    messages: BTreeMap<u64, Message>,
    /// Messages of the lane seen lately, until when they are remembered.
    remembered: BTreeMap<String, i64>,
    next: u64,
}

/// The queues.
pub struct MemoryQueue {
    core: Arc<Core>,
    rates: QueueRates,
    state: Mutex<State>,
}

/// How long a received message stays invisible, milliseconds.
const fn visibility_ms(queue: QueueName) -> i64 {
    match queue {
        QueueName::Changes => 180_000,
        QueueName::Lane | QueueName::Dead => 60_000,
    }
}

/// A message with the same deduplication id is dropped for this long, milliseconds.
const REMEMBERED_MS: i64 = 300_000;
/// How often a waiting receiver looks, milliseconds.
const LOOK_MS: i64 = 1_000;

fn refused(action: &'static str) -> QueueError {
    QueueError { action, reason: "made to fail".into() }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl MemoryQueue {
    /// Empty queues.
    #[must_use]
    pub fn new(core: Arc<Core>, rates: QueueRates) -> Self {
        Self { core, rates, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages wait or are in flight, by queue; no fault, no time.
    #[must_use]
    pub fn count(&self, queue: QueueName) -> usize {
        self.state().messages.values().filter(|message| message.queue == queue).count()
    }

    fn take(&self, queue: QueueName, most: usize) -> Vec<Inbound> {
        let now = self.core.now_ms();
        let mut state = self.state();
        state.bury(now);
        let mut ready = state.ready(queue, now);
        let mut taken = Vec::new();
        while !ready.is_empty() && taken.len() < most {
            let place = if queue == QueueName::Changes { self.core.pick(ready.len()) } else { 0 };
            let number = ready.remove(place);
            let Some(message) = state.messages.get_mut(&number) else { continue };
            message.receives += 1;
            (message.visible, message.in_flight) = (now + visibility_ms(queue), true);
            taken.push(Inbound {
                id: number.to_string(),
                receipt: format!("{number}:{}", message.receives),
                group: message.group.clone(),
                body: message.body.clone(),
                receives: message.receives,
            });
        }
        taken
    }

    fn enter(&self, queue: QueueName, message: &Outbound) {
        let now = self.core.now_ms();
        let mut state = self.state();
        if let (QueueName::Lane, Some(id)) = (queue, &message.deduplication) {
            state.remembered.retain(|_, until| *until > now);
            if state.remembered.insert(id.clone(), now + REMEMBERED_MS).is_some() {
                return;
            }
        }
        state.next += 1;
        let number = state.next;
        let (group, body) = (message.group.clone(), message.body.clone());
        let visible = now + ms(message.delay);
        let entered = Message { queue, origin: queue, group, body, receives: 0, visible, in_flight: false };
        state.messages.insert(number, entered);
    }
}

impl State {
    /// Moves messages that were received too often.
    fn bury(&mut self, now: i64) {
        let worn = |message: &&mut Message| {
            message.queue != QueueName::Dead && message.receives >= MAX_RECEIVES && message.visible <= now
        };
        for message in self.messages.values_mut().filter(worn) {
            (message.queue, message.in_flight) = (QueueName::Dead, false);
        }
    }

    fn ready(&self, queue: QueueName, now: i64) -> Vec<u64> {
        let mut blocked: BTreeSet<&str> = BTreeSet::new();
        let mut ready = Vec::new();
        for (number, message) in self.messages.iter().filter(|(_, message)| message.queue == queue) {
            if queue == QueueName::Lane && !blocked.insert(&message.group) {
                continue;
            }
            if message.visible <= now {
                ready.push(*number);
            }
        }
        ready
    }

    fn by_receipt(&mut self, receipt: &str) -> Option<(u64, &mut Message)> {
        let (number, receives) = receipt.split_once(':')?;
        let (number, receives) = (number.parse().ok()?, receives.parse::<u32>().ok()?);
        let message = self.messages.get_mut(&number)?;
        (message.receives == receives).then_some((number, message))
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, queue: QueueName, messages: &[Outbound]) -> Result<(), QueueError> {
        if queue == QueueName::Dead {
            return Err(refused("send"));
        }
        self.core.sleep_ms(self.core.latency(4)).await;
        for message in messages {
            let fails = self.core.chance(self.rates.send);
            if !fails || self.core.chance(5_000) {
                self.enter(queue, message);
            }
            if fails {
                return Err(refused("send"));
            }
        }
        self.core.sleep_ms(self.core.latency(4)).await;
        Ok(())
    }

    async fn receive(&self, queue: QueueName, most: usize, wait: Duration) -> Result<Vec<Inbound>, QueueError> {
        let until = self.core.now_ms() + ms(wait);
        loop {
            let taken = self.take(queue, most);
            let now = self.core.now_ms();
            if !taken.is_empty() || now >= until {
                return Ok(taken);
            }
            self.core.sleep_ms(LOOK_MS.min(until - now)).await;
        }
    }

    async fn delete(&self, queue: QueueName, receipts: &[String]) -> Result<(), QueueError> {
        self.core.sleep_ms(self.core.latency(4)).await;
        for receipt in receipts {
            if self.core.chance(self.rates.delete) {
                return Err(refused("delete"));
            }
            let again = queue == QueueName::Changes && self.core.chance(self.rates.twice);
            let now = self.core.now_ms();
            let later = now + 1 + self.core.below(60_000);
            let mut state = self.state();
            let Some((number, message)) = state.by_receipt(receipt) else { continue };
            if again {
                (message.visible, message.in_flight, message.receives) = (later, false, 1);
            } else {
                state.messages.remove(&number);
            }
        }
        Ok(())
    }

    async fn retry(&self, _queue: QueueName, receipt: &str, delay: Duration) -> Result<(), QueueError> {
        self.core.sleep_ms(self.core.latency(4)).await;
        if self.core.chance(self.rates.delete) {
            return Err(refused("retry"));
        }
        let visible = self.core.now_ms() + ms(delay);
        if let Some((_, message)) = self.state().by_receipt(receipt) {
            (message.visible, message.in_flight) = (visible, false);
        }
        Ok(())
    }

    async fn depth(&self, queue: QueueName) -> Result<Depth, QueueError> {
        let state = self.state();
        let mut depth = Depth::default();
        for message in state.messages.values().filter(|message| message.queue == queue) {
            let in_flight = message.in_flight && message.visible > self.core.now_ms();
            *(if in_flight { &mut depth.in_flight } else { &mut depth.waiting }) += 1;
        }
        Ok(depth)
    }

    async fn redrive(&self, most: usize) -> Result<Vec<String>, QueueError> {
        let now = self.core.now_ms();
        let mut state = self.state();
        let dead = state.messages.iter_mut().filter(|(_, message)| message.queue == QueueName::Dead).take(most);
        let mut moved = Vec::new();
        for (number, message) in dead {
            (message.queue, message.receives, message.visible, message.in_flight) = (message.origin, 0, now, false);
            moved.push(number.to_string());
        }
        Ok(moved)
    }
}
