//! The Http port: the only way in which a channel reaches the network.

use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;

/// A request with its whole body.
pub type Request = ::http::Request<Bytes>;
/// An answer with its whole body.
pub type Response = ::http::Response<Bytes>;

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
}
