//! What is in the queues, in memory and without I/O: who is ready, who waits for a time, who is next.

use super::line::Line;
use domain::Timestamp;
use engine::ports::{Depth, MAX_RECEIVES, QueueName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A message with the same deduplication id is dropped for this long, as SQS does.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// Everything about a message but its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) queue: QueueName,
    /// The queue that a dead message came from; of others, their own.
    pub(super) origin: QueueName,
    pub(super) group: String,
    pub(super) receives: u32,
    pub(super) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Ready,
    Delayed(Timestamp),
    InFlight(Timestamp),
}

/// How long a received message stays invisible.
pub(super) const fn visibility(queue: QueueName) -> Duration {
    match queue {
        QueueName::Changes => Duration::from_secs(180),
        QueueName::Lane | QueueName::Dead => Duration::from_secs(60),
    }
}

pub(super) const QUEUES: [QueueName; 3] = [QueueName::Changes, QueueName::Lane, QueueName::Dead];

/// All queues. Sequence numbers order messages and name them.
#[derive(Debug)]
pub(super) struct State {
    messages: BTreeMap<u64, Message>,
    lines: [Line; 3],
    /// Messages that become visible at a time.
    wakes: [BTreeSet<(Timestamp, u64)>; 3],
    remembered: BTreeMap<String, Timestamp>,
    forget: BTreeSet<(Timestamp, String)>,
    next: u64,
}

impl State {
    /// Empty; the first message gets a number above `next`.
    pub(super) fn new(next: u64) -> Self {
        Self {
            messages: BTreeMap::new(),
            lines: [Line::unordered(), Line::ordered(), Line::unordered()],
            wakes: Default::default(),
            remembered: BTreeMap::new(),
            forget: BTreeSet::new(),
            next,
        }
    }

    pub(super) const fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn message(&self, number: u64) -> Option<&Message> {
        self.messages.get(&number)
    }

    pub(super) fn insert(&mut self, number: u64, message: Message) {
        self.next = self.next.max(number);
        self.lines[place(message.queue)].join(&message.group, number);
        self.enter(number, message.queue, &message.group, message.phase);
        self.messages.insert(number, message);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Message> {
        let message = self.messages.remove(&number)?;
        self.leave(number, message.queue, message.phase);
        self.lines[place(message.queue)].quit(&message.group, number);
        Some(message)
    }

    /// Receives the next message of a queue: whoever is first in the group whose turn it is.
    pub(super) fn take(&mut self, queue: QueueName, now: Timestamp) -> Option<(u64, &Message)> {
        let number = self.lines[place(queue)].take()?;
        let message = self.messages.get_mut(&number)?;
        let until = after(now, visibility(queue));
        message.receives = message.receives.saturating_add(1);
        message.phase = Phase::InFlight(until);
        self.wakes[place(queue)].insert((until, number));
        self.lines[place(queue)].depart();
        Some((number, message))
    }

    /// Puts a message back, visible at `until`; or, when it was received too often and is visible at once, makes it
    /// dead.
    pub(super) fn give_back(&mut self, number: u64, now: Timestamp, until: Timestamp) -> Option<&Message> {
        let mut message = self.remove(number)?;
        message.phase = if until > now { Phase::Delayed(until) } else { Phase::Ready };
        if message.phase == Phase::Ready && message.receives >= MAX_RECEIVES && message.queue != QueueName::Dead {
            message.queue = QueueName::Dead;
        }
        self.insert(number, message);
        self.messages.get(&number)
    }

    /// The messages whose time has come.
    pub(super) fn due(&self, now: Timestamp) -> Vec<u64> {
        let due = self.wakes.iter().flat_map(|wakes| wakes.iter().take_while(|(until, _)| *until <= now));
        due.map(|(_, number)| *number).collect()
    }

    /// The messages that nobody can be working on any more, because the process that did has ended.
    pub(super) fn abandoned(&self) -> Vec<u64> {
        let abandoned = self.messages.iter().filter(|(_, message)| matches!(message.phase, Phase::InFlight(_)));
        abandoned.map(|(number, _)| *number).collect()
    }

    /// When the next message of a queue becomes visible.
    pub(super) fn next_wake(&self, queue: QueueName) -> Option<Timestamp> {
        self.wakes[place(queue)].first().map(|(until, _)| *until)
    }

    /// The oldest messages of the dead letter queue that nobody is looking at.
    pub(super) fn oldest_dead(&self, most: usize) -> Vec<u64> {
        let dead = self.messages.iter().filter(|(_, m)| m.queue == QueueName::Dead && m.phase == Phase::Ready);
        dead.map(|(number, _)| *number).take(most).collect()
    }

    pub(super) fn depth(&self, queue: QueueName) -> Depth {
        let in_flight = self.lines[place(queue)].in_flight();
        Depth { waiting: self.lines[place(queue)].len().saturating_sub(in_flight), in_flight }
    }

    pub(super) fn has_ready(&self, queue: QueueName) -> bool {
        self.lines[place(queue)].has_ready()
    }

    /// Whether a message with this deduplication id was sent a moment ago.
    pub(super) fn remembers(&self, id: &str, now: Timestamp) -> bool {
        self.remembered.get(id).is_some_and(|until| *until > now)
    }

    /// Remembers a deduplication id, and gives when it may be forgotten.
    pub(super) fn remember(&mut self, id: &str, now: Timestamp) -> Timestamp {
        let until = after(now, REMEMBERED);
        self.remember_until(id, until);
        until
    }

    pub(super) fn remember_until(&mut self, id: &str, until: Timestamp) {
        if let Some(before) = self.remembered.insert(id.to_owned(), until) {
            self.forget.remove(&(before, id.to_owned()));
        }
        self.forget.insert((until, id.to_owned()));
    }

    /// Forgets what is past remembering; whether there was any.
    pub(super) fn forget(&mut self, now: Timestamp) -> bool {
        let before = self.remembered.len();
        while self.forget.first().is_some_and(|(until, _)| *until <= now) {
            let Some((_, id)) = self.forget.pop_first() else { break };
            self.remembered.remove(&id);
        }
        self.remembered.len() < before
    }

    fn enter(&mut self, number: u64, queue: QueueName, group: &str, phase: Phase) {
        let line = &mut self.lines[place(queue)];
        match phase {
            Phase::Ready => line.ready(group, number),
            Phase::Delayed(until) => drop(self.wakes[place(queue)].insert((until, number))),
            Phase::InFlight(until) => {
                line.depart();
                self.wakes[place(queue)].insert((until, number));
            }
        }
    }

    fn leave(&mut self, number: u64, queue: QueueName, phase: Phase) {
        match phase {
            Phase::Ready => {}
            Phase::Delayed(until) => drop(self.wakes[place(queue)].remove(&(until, number))),
            Phase::InFlight(until) => {
                self.lines[place(queue)].arrive();
                self.wakes[place(queue)].remove(&(until, number));
            }
        }
    }
}

const fn place(queue: QueueName) -> usize {
    match queue {
        QueueName::Changes => 0,
        QueueName::Lane => 1,
        QueueName::Dead => 2,
    }
}

/// `duration` after `now`.
pub(super) fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.plus_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}
