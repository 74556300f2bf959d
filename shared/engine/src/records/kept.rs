//! Webhooks that nobody could read.

use super::{DAY_MS, key, row, text};
use crate::ports::Row;
use domain::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

/// A webhook with a good signature that nobody could read, kept for inspection without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHook {
    /// The account.
    pub account: AccountId,
    /// When it came.
    pub at: Timestamp,
    /// Why it could not be read.
    pub reason: String,
    /// Its first bytes, with everything but structure and names blanked out.
    pub shape: String,
}

impl KeptHook {
    /// As a row.
    #[must_use]
    pub fn row(&self, random: u64) -> Row {
        let key = key(format!("KEPT#{}", self.account), format!("{:015}#{random:016x}", self.at.0));
        Row { expires: Some(self.at.plus_ms(30 * DAY_MS)), ..row(key, 1, text(self)) }
    }
}
