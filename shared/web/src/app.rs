//! What every route needs.

use engine::Hub;
use std::sync::Arc;

/// A hub, as HTTP shows it.
pub struct App {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Held by the one long job that may run at a time.
    #[cfg(feature = "admin")]
    pub(crate) long_job: Arc<tokio::sync::Mutex<()>>,
}

impl App {
    /// An app over `hub`.
    #[must_use]
    pub fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            #[cfg(feature = "admin")]
            long_job: Arc::default(),
        }
    }
}
