//! Secrets: they can be used, and can neither be printed nor logged.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A secret text. It has no `Debug` that shows it; [`Secret::reveal`] is the only way to its content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The content, for the one call that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// An account's secrets by field name.
pub type Secrets = BTreeMap<String, Secret>;
