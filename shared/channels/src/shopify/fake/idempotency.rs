//! Keys of mutations, kept for a day from the first use (<https://shopify.dev/docs/api/usage/implementing-idempotency>).

use super::objects::Object;
use super::switches::{FailedKey, Switches};
use domain::Timestamp;
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone)]
struct Kept {
    fingerprint: String,
    at: Timestamp,
    failed: bool,
    /// Whether another app of the store has used it.
    foreign: bool,
    payload: Object,
}

/// The keys of a store and an app.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<String, Kept>);

/// What a key says before its mutation runs.
pub(super) enum Known {
    /// Nothing: run it.
    New,
    /// It ran: this came of it.
    Replay(Object),
    /// It is refused with this code.
    Refused(&'static str),
}

impl Keys {
    /// Looks a key up.
    pub(super) fn look(&self, key: &str, fingerprint: &str, switches: &Switches, now: Timestamp) -> Known {
        let counts = |kept: &&Kept| now.since_ms(kept.at) < DAY_MS && (!kept.foreign || switches.shared_keys);
        let Some(kept) = self.0.get(key).filter(counts) else { return Known::New };
        if kept.fingerprint != fingerprint {
            Known::Refused("IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
        } else if now.since_ms(kept.at) < switches.concurrent_ms {
            Known::Refused("IDEMPOTENCY_CONCURRENT_REQUEST")
        } else if kept.failed && switches.failed_key == FailedKey::Refused {
            Known::Refused("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
        } else {
            Known::Replay(kept.payload.clone())
        }
    }

    /// Keeps what came of a key.
    pub(super) fn keep(&mut self, key: &str, fingerprint: String, failed: bool, payload: &Object, at: Timestamp) {
        self.0.insert(key.to_owned(), Kept { fingerprint, at, failed, foreign: false, payload: payload.clone() });
    }

    /// Another app of the store uses a key, for something else.
    pub(super) fn used_elsewhere(&mut self, key: &str, payload: Object, at: Timestamp) {
        let kept = Kept { fingerprint: String::new(), at, failed: false, foreign: true, payload };
        self.0.insert(key.to_owned(), kept);
    }
}
