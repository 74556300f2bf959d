//! What every route needs.

use engine::Hub;
use std::sync::Arc;

/// A hub, as HTTP shows it.
pub struct App {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Whether this process lives on after an answer: then a long job is waited for however long it takes. A function on
    /// AWS answers with the run as it then stands.
    #[cfg(feature = "admin")]
    pub(crate) stays: bool,
    /// Attempts to sign in to the console that failed.
    #[cfg(feature = "admin")]
    pub(crate) attempts: crate::console::Attempts,
    /// The sign-in provider.
    #[cfg(feature = "admin")]
    pub(crate) provider: Option<crate::access::provider::Provider>,
    /// The fake stores of a demo.
    #[cfg(feature = "admin")]
    pub(crate) playground: Option<Arc<dyn crate::console::Playground>>,
}

impl App {
    /// An app over `hub`, in a process that stays.
    #[must_use]
    pub fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            #[cfg(feature = "admin")]
            stays: true,
            #[cfg(feature = "admin")]
            attempts: crate::console::Attempts::default(),
            #[cfg(feature = "admin")]
            provider: None,
            #[cfg(feature = "admin")]
            playground: None,
        }
    }

    /// The same in a function, which may work only while it answers.
    #[cfg(feature = "admin")]
    #[must_use]
    pub fn of_a_function(hub: Arc<Hub>) -> Self {
        Self { stays: false, ..Self::new(hub) }
    }

    /// The same with a provider that vouches for people, if there is one.
    #[cfg(feature = "admin")]
    #[must_use]
    pub fn with_provider(mut self, provider: Option<crate::access::provider::Provider>) -> Self {
        self.provider = provider;
        self
    }

    /// The same with fake stores to play in, on the console's demo page.
    #[cfg(feature = "admin")]
    #[must_use]
    pub fn with_playground(mut self, playground: Arc<dyn crate::console::Playground>) -> Self {
        self.playground = Some(playground);
        self
    }
}
