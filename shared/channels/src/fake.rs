//! What every fake platform offers to tests, to `evenstock fake` and to `evenstock demo`.

use crate::{Request, Response};
use domain::Timestamp;

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
