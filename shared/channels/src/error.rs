//! One error type at the connectors' edge: what kind, when to try again, whether it may have taken effect.

use crate::http::HttpError;
use std::time::Duration;

/// What went wrong, in terms that the engine acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The store refuses our credentials.
    Unauthorized,
    /// The credentials lack a permission.
    Forbidden,
    /// The thing asked for is not there.
    NotFound,
    /// The store refuses the content of our request.
    Invalid,
    /// Too many calls, by the store's or by our own count.
    Throttled,
    /// The store is down, or cannot be reached.
    Unavailable,
    /// The store answered something that its documents do not allow.
    Malformed,
    /// A setting or a secret of the account is missing or wrong.
    Configuration,
    /// A webhook's signature is absent or wrong.
    Signature,
}

/// Whether a failed call may have changed the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Certainly not.
    None,
    /// Nobody can say.
    Unknown,
}

/// A failed call to a store.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// Whether it may have changed the store.
    pub effect: Effect,
    /// The store's own word on when to try again.
    pub retry_after: Option<Duration>,
    /// What we were doing and what the store said. Never a secret, never a body with customer data.
    pub context: String,
    /// The failure of the connection, if that was it.
    #[source]
    pub source: Option<HttpError>,
}

impl Error {
    /// A failure that changed nothing.
    #[must_use]
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, effect: Effect::None, retry_after: None, context: context.into(), source: None }
    }

    /// The same failure, of which nobody can say whether it changed the store.
    #[must_use]
    pub fn with_unknown_effect(mut self) -> Self {
        self.effect = Effect::Unknown;
        self
    }

    /// The same failure with the store's word on when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// A call without an answer.
    #[must_use]
    pub fn no_answer(context: impl std::fmt::Display, source: HttpError) -> Self {
        let (kind, effect, retry_after) = match &source {
            HttpError::NotSent(_) => (ErrorKind::Unavailable, Effect::None, None),
            HttpError::NoAnswer(_) => (ErrorKind::Unavailable, Effect::Unknown, None),
            HttpError::NoBudget(wait) => (ErrorKind::Throttled, Effect::None, Some(*wait)),
        };
        Self { kind, effect, retry_after, context: format!("{context}: {source}"), source: Some(source) }
    }

    /// Whether it speaks of the store, or of the account as a whole, and not of one listing alone.
    #[must_use]
    pub const fn is_of_the_store(&self) -> bool {
        !matches!(self.kind, ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Configuration)
    }

    /// How long the call would have to wait, where only our own count of what the store allows held it back.
    #[must_use]
    pub const fn out_of_turn(&self) -> Option<Duration> {
        match self.source {
            Some(HttpError::NoBudget(wait)) => Some(wait),
            _ => None,
        }
    }

    /// Whether only our own count of what the store allows held the call back.
    #[must_use]
    pub const fn is_out_of_turn(&self) -> bool {
        self.out_of_turn().is_some()
    }

    /// What a person can do about a webhook that could not be put in order for this reason.
    #[must_use]
    pub const fn remedy_of_hook(&self) -> &'static str {
        match self.kind {
            ErrorKind::Unauthorized => "Replace the account's credentials; the connection is tested with the new ones.",
            ErrorKind::Forbidden => {
                "Allow these credentials to manage webhooks, in the store's own settings; then test the connection."
            }
            ErrorKind::NotFound | ErrorKind::Invalid => {
                "Put right in the store what it says, then test the connection. Until then its changes are found by looking."
            }
            ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Malformed => {
                "The store is busy or down; test the connection again in a minute."
            }
            ErrorKind::Configuration | ErrorKind::Signature => {
                "Correct the account's settings, then test the connection."
            }
        }
    }

    /// Whether trying the same call later can help without a person.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Malformed)
    }
}
