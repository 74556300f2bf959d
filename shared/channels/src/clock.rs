//! Time and chance as a port, so that a simulation can own them.

use async_trait::async_trait;
use domain::Timestamp;
use std::time::Duration;

/// The time of day, waiting, and random numbers.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, duration: Duration);
    /// A uniformly random number.
    fn random(&self) -> u64;
}
