//! The Http port: the only way in which a channel reaches the network.

use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;

/// A request with its whole body.
pub type Request = ::http::Request<Bytes>;
/// An answer with its whole body.
pub type Response = ::http::Response<Bytes>;

/// In a request's extensions: which of the store's limits it counts against, for stores with several. A request without one
/// takes one from the account's own limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Toll {
    /// The limit's name, unique in the channel.
    pub bucket: &'static str,
    /// What the bucket gains in a second.
    pub per_second: f64,
    /// What it holds when full.
    pub burst: f64,
    /// What this request takes.
    pub cost: f64,
}

/// What a store said of a limit: a bucket's true state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// The limit's name.
    pub bucket: &'static str,
    /// What is left.
    pub left: f64,
    /// What it gains in a second.
    pub per_second: f64,
    /// What it holds when full.
    pub burst: f64,
}

/// In a request's extensions: the largest answer that is read, bytes, where that is less than for every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerMax(pub usize);

/// Why there is no answer. The difference decides whether a write may have taken effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing left this machine: no connection, no budget, or the caller's deadline had passed.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request may have arrived and may have been carried out: timeout, or a connection lost half way.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// No call is allowed before this much time has passed (our own budget or the store's cooldown). Nothing was sent.
    #[error("no budget for {0:?}")]
    NoBudget(Duration),
}

/// Sends one request. Implementations follow no redirects, keep cookies for nobody, and cap an answer at 32 MiB.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends `request` and gives the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`HttpError`] when there is no answer within `timeout`.
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError>;

    /// Hears what the store said of a limit. A network that does not meter has no use for it.
    fn allowed(&self, _allowed: Allowed) {}
}
