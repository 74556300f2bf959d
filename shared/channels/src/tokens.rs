//! Short-lived access tokens, kept while the process lives: asking for one anew at every call would double the calls.

use crate::Secret;
use domain::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// An account's access tokens by name.
#[derive(Default)]
pub struct Tokens(Mutex<BTreeMap<&'static str, (Secret, Timestamp)>>);

impl Tokens {
    /// The token of that name, if it is good at `now`.
    #[must_use]
    pub fn get(&self, name: &'static str, now: Timestamp) -> Option<Secret> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(name).filter(|(_, until)| now < *until).map(|(token, _)| token.clone())
    }

    /// Keeps a token until a time.
    pub fn keep(&self, name: &'static str, token: Secret, until: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, (token, until));
    }

    /// Forgets every token: the store has refused one, or the secrets behind them have changed.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_until_its_time() {
        let tokens = Tokens::default();
        tokens.keep("access", Secret::new("abc"), Timestamp(1_000));
        assert_eq!(tokens.get("access", Timestamp(999)), Some(Secret::new("abc")));
        assert_eq!(tokens.get("access", Timestamp(1_000)), None);
        assert_eq!(tokens.get("other", Timestamp(0)), None);
        tokens.forget();
        assert_eq!(tokens.get("access", Timestamp(0)), None);
    }
}
