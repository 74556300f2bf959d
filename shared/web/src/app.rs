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
    /// Attempts to sign in to the console that failed.
    #[cfg(feature = "admin")]
    pub(crate) attempts: crate::console::Attempts,
    /// The fake stores of a demo.
    #[cfg(feature = "admin")]
    pub(crate) playground: Option<Arc<dyn crate::console::Playground>>,
}

impl App {
    /// An app over `hub`.
    #[must_use]
    pub fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            #[cfg(feature = "admin")]
            long_job: Arc::default(),
            #[cfg(feature = "admin")]
            attempts: crate::console::Attempts::default(),
            #[cfg(feature = "admin")]
            playground: None,
        }
    }

    /// The same with fake stores to play in, on the console's demo page.
    #[cfg(feature = "admin")]
    #[must_use]
    pub fn with_playground(mut self, playground: Arc<dyn crate::console::Playground>) -> Self {
        self.playground = Some(playground);
        self
    }
}
