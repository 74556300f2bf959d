//! What a channel can do, as data. The core decides by these values and never asks for a platform's name.

use serde::{Deserialize, Serialize};

/// How a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteKind {
    /// The store refuses the write unless its level is the one we name.
    CompareAndSet,
    /// The store adds a signed difference.
    Adjust,
    /// The store takes the number, whatever it had.
    Set,
}

/// How movements of stock can be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedKind {
    /// Only the level can be read.
    None,
    /// The store keeps an ordered log of its stock movements.
    Movements,
    /// Only orders can be listed.
    Orders,
}

/// The three ways in which a listing is kept (`docs/ARCHITECTURE.md`, "Classes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Compare-and-set or adjust, with an idempotency key: exact.
    A,
    /// Movement feed and absolute set: never a lost sale, a moment of oversell risk.
    C,
    /// Absolute set, no feed: what changes between read and set is lost and shown.
    D,
}

/// What a channel can do. A capability is claimed only with a source in the channel's `docs.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// How a quantity is written.
    pub write: WriteKind,
    /// Whether the store applies a write with a known key only once.
    pub idempotency_key: bool,
    /// How movements can be read again.
    pub feed: FeedKind,
    /// Most writes in one call.
    pub max_writes: usize,
    /// A slower way that takes many writes in one call, where there is one.
    pub bulk: Option<Bulk>,
    /// How long a level must stand still before an unexplained difference counts as an edit, milliseconds.
    pub settle_ms: i64,
    /// Whether an account has several locations.
    pub locations: bool,
    /// Where a write is only accepted at first: how long after it a read may confirm it, milliseconds.
    pub verify_ms: Option<i64>,
    /// Where orders may be listed too seldom to be listed at each look.
    pub polled: Option<Polled>,
}

/// Orders that are listed in turn, for all SKUs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polled {
    /// How often they are listed, milliseconds.
    pub every_ms: i64,
    /// How much later than it was placed or changed an order may show in the list, milliseconds.
    pub late_ms: i64,
    /// Whether the list says of each line what still holds stock: what a cancellation leaves is then given back, from our own
    /// record of what was counted.
    pub releases: bool,
}

/// A way of writing for many listings at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulk {
    /// From how many writes on it is used.
    pub from: usize,
    /// Most writes in one call of it.
    pub most: usize,
    /// Whether such a call is put together over several runs and sent when nothing more waits, or it is full.
    pub gathered: bool,
}

impl Capabilities {
    /// The class that follows from the capabilities.
    #[must_use]
    pub fn class(&self) -> Class {
        match (self.write, self.feed) {
            (WriteKind::CompareAndSet | WriteKind::Adjust, _) if self.idempotency_key => Class::A,
            (_, FeedKind::Movements | FeedKind::Orders) => Class::C,
            (_, FeedKind::None) => Class::D,
        }
    }
}
