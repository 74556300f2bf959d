//! A store: its level, the keys it knows, and its log of movements.

use super::{Kind, START};
use domain::push::Ended;
use domain::{Movement, OrderId, Position, Sku, Timestamp};

/// One write on its way to a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// Which listing.
    pub listing: usize,
    /// The idempotency key; stands for the real one, which is derived from the claim's sequence.
    pub key: u64,
    /// The claim's sequence.
    pub sequence: u64,
    /// The level that the store must have (class A).
    pub from: i64,
    /// The level to write.
    pub to: i64,
}

/// What a store or the way to it answered. The domain's [`Ended`], as far as it occurs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Written.
    Applied,
    /// The level was another.
    Stale,
    /// Refused before it was looked at.
    Refused,
    /// Nobody can say.
    Unknown,
}

impl From<Answer> for Ended {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Applied => Self::Applied,
            Answer::Stale => Self::Stale,
            Answer::Refused => Self::NotSent,
            Answer::Unknown => Self::Unknown,
        }
    }
}

/// One entry of a store's log: the level after it, and the order with its units if an order caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Logged {
    /// The level after it.
    pub level: i64,
    /// Which of the world's changes it was, and its units, if it was a sale.
    pub sale: Option<(u8, i64)>,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shop {
    /// The units it shows.
    pub level: i64,
    /// Keys and how they ended. Those that nobody can send any more are forgotten.
    pub keys: Vec<(u64, Answer)>,
    /// Claims whose write changed the level, and how often.
    pub landed: Vec<(u64, u8)>,
    /// Its log, oldest first; the place is the position.
    pub log: Vec<Logged>,
}

impl Shop {
    pub(super) const fn new() -> Self {
        Self { level: START, keys: Vec::new(), landed: Vec::new(), log: Vec::new() }
    }

    /// Somebody sells or edits.
    pub(super) fn change(&mut self, kind: Kind, by: i64, number: u8) {
        self.level += by;
        if matches!(kind, Kind::C { .. }) {
            let sale = (by < 0).then_some((number, -by));
            self.log.push(Logged { level: self.level, sale });
        }
    }

    /// Carries out one of our writes.
    pub(super) fn carry_out(&mut self, kind: Kind, request: &Request) -> Answer {
        match kind {
            Kind::A => self.compare_and_set(request),
            Kind::C { echoes } => {
                self.write(request);
                if echoes {
                    self.log.push(Logged { level: self.level, sale: None });
                }
                Answer::Applied
            }
            Kind::D => {
                self.write(request);
                Answer::Applied
            }
        }
    }

    fn compare_and_set(&mut self, request: &Request) -> Answer {
        if let Some((_, answer)) = self.keys.iter().find(|(key, _)| *key == request.key) {
            return *answer;
        }
        let answer = if self.level == request.from { Answer::Applied } else { Answer::Stale };
        if answer == Answer::Applied {
            self.write(request);
        }
        self.keys.push((request.key, answer));
        answer
    }

    fn write(&mut self, request: &Request) {
        self.level = request.to;
        match self.landed.iter_mut().find(|(sequence, _)| *sequence == request.sequence) {
            Some((_, times)) => *times += 1,
            None => self.landed.push((request.sequence, 1)),
        }
    }

    /// How often the write of a claim changed the level.
    pub(super) fn landings(&self, sequence: u64) -> u8 {
        self.landed.iter().find(|(landed, _)| *landed == sequence).map_or(0, |(_, times)| *times)
    }

    /// The log up to a place, as the connector reads it.
    pub(super) fn movements(&self, upto: usize, sku: &Sku) -> Vec<Movement> {
        let movement = |(place, logged): (usize, &Logged)| Movement {
            id: Position(place as u64 + 1),
            sku: sku.clone(),
            level_after: logged.level,
            order: logged.sale.map(|(number, _)| order(number)),
            at: Timestamp(0),
        };
        self.log.iter().take(upto).enumerate().map(movement).collect()
    }
}

/// The id of a sale.
pub(super) fn order(number: u8) -> OrderId {
    OrderId::new(format!("{number}")).expect("a valid name")
}
