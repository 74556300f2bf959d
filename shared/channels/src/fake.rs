//! What every fake platform offers to tests, to `evenstock fake` and to `evenstock demo`.

use crate::{Request, Response};
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// A webhook that a fake wants delivered.
pub struct Outgoing {
    /// The request as the platform would send it.
    pub request: Request,
    /// When it is due.
    pub due: Timestamp,
    /// Names it in [`Fake::delivered`].
    pub ticket: u64,
}

/// A stateful fake of a platform: pure state, driven by requests and by time. The host delivers its webhooks.
pub trait Fake: Send {
    /// Answers a request of the platform's API at `now`, or of the admin door below `/_fake/`.
    fn handle(&mut self, request: &Request, now: Timestamp) -> Response;

    /// Takes the webhooks that are due at `now`.
    fn due(&mut self, now: Timestamp) -> Vec<Outgoing>;

    /// When the next webhook is due, if any waits.
    fn next_due(&self) -> Option<Timestamp>;

    /// Reports what the receiver answered: status and body, or `None` for no answer in time.
    fn delivered(&mut self, ticket: u64, answer: Option<(u16, &[u8])>, now: Timestamp);
}

/// In a response's extensions: the platform never answered. A host drops the connection or lets the caller time out; the
/// request may have been carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer;

/// What goes wrong with a request to a fake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// This status.
    Status(u16),
    /// No answer: the host drops the connection or lets the caller time out.
    NoAnswer,
    /// A success with a page of HTML, as a maintenance proxy gives it.
    Page,
    /// An internal error of the platform, as its own protocol tells it.
    Internal,
}

/// When a request that fails is carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Not at all.
    #[default]
    Before,
    /// The failure comes after the request took effect.
    After,
}

/// Which requests a fault hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Every request.
    #[default]
    All,
    /// What changes nothing.
    Reads,
    /// What may change something.
    Writes,
}

impl Which {
    /// Whether it hits such a request.
    #[must_use]
    pub const fn hits(self, reads: bool) -> bool {
        match self {
            Self::All => true,
            Self::Reads => reads,
            Self::Writes => !reads,
        }
    }
}

/// A fault that is used up: hits `left` more requests, or all.
pub trait Counted: Clone {
    /// How many requests are still hit; all when none.
    fn left(&mut self) -> &mut Option<u32>;

    /// How many requests that it would hit pass first.
    fn skip(&mut self) -> Option<&mut u32> {
        None
    }
}

/// Takes the first fault that hits a request, and counts it.
pub fn strike<F: Counted>(faults: &mut Vec<F>, hits: impl Fn(&F) -> bool) -> Option<F> {
    let mut place = None;
    for (index, fault) in faults.iter_mut().enumerate().filter(|(_, fault)| hits(fault)) {
        match fault.skip().filter(|skip| **skip > 0) {
            Some(skip) => *skip -= 1,
            None if place.is_none() => place = Some(index),
            None => {}
        }
    }
    let place = place?;
    let fault = faults.get_mut(place)?;
    let hit = fault.clone();
    let left = fault.left();
    *left = left.map(|left| left.saturating_sub(1));
    if *left == Some(0) {
        faults.remove(place);
    }
    Some(hit)
}

/// Takes one of a count; whether there was one.
pub const fn spend(count: &mut u32) -> bool {
    let any = *count > 0;
    *count = count.saturating_sub(1);
    any
}
