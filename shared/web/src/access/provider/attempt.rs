//! One attempt to sign in, bound to the browser that began it.
//!
//! The browser holds 256 random bits in a cookie; state, nonce and the verifier of PKCE are hashes of it. So the hub keeps
//! nothing, a stranger who begins a thousand attempts writes no row, and an answer fits only the browser that asked for it.

use super::super::random;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use engine::Hub;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How long somebody may take at the provider, milliseconds: ten minutes.
pub(crate) const LONGEST_MS: i64 = 600_000;
/// The longest address to go on to afterwards, bytes: a cookie holds 4 KB.
const NEXT_MAX: usize = 1_500;

/// An attempt to sign in.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The content of the cookie.
    pub(crate) cookie: String,
    /// Where the person wants to go.
    pub(crate) next: String,
}

impl Attempt {
    /// A new one.
    pub(super) fn begin(hub: &Hub, next: &str) -> Self {
        let next = if next.len() > NEXT_MAX { "/" } else { next };
        let encoded = utf8_percent_encode(next, NON_ALPHANUMERIC);
        Self { cookie: format!("{}.{}.{encoded}", random(hub, ""), hub.clock.now().0), next: next.to_owned() }
    }

    /// The one that a browser holds; `None` when it is none of ours, or too old.
    pub(crate) fn read(cookie: &str, now: Timestamp) -> Option<Self> {
        let (secret, rest) = cookie.split_once('.')?;
        let (begun, next) = rest.split_once('.')?;
        let age = now.0.checked_sub(begun.parse().ok()?)?;
        let next = percent_decode_str(next).decode_utf8().ok()?.into_owned();
        let fits = secret.len() == 64 && (0..=LONGEST_MS).contains(&age);
        fits.then(|| Self { cookie: cookie.to_owned(), next })
    }

    /// What comes back with the answer.
    pub(super) fn state(&self) -> String {
        self.part("state")
    }

    /// Whether an answer is to this attempt. Takes equally long for every one.
    pub(super) fn is_state(&self, given: &str) -> bool {
        self.state().as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// What the ID token must hold.
    pub(super) fn nonce(&self) -> String {
        self.part("nonce")
    }

    /// What redeems the code, <https://www.rfc-editor.org/rfc/rfc7636#section-4.1>.
    pub(super) fn verifier(&self) -> String {
        self.part("verifier")
    }

    /// What the provider is told of the verifier beforehand, <https://www.rfc-editor.org/rfc/rfc7636#section-4.2>.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier().as_bytes()))
    }

    fn part(&self, what: &str) -> String {
        hex::encode(Sha256::digest(format!("{what} {}", self.cookie).as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_as_old_as_it_says_and_no_older_than_it_may_be() {
        let cookie = format!("{}.1000.%2Fitems", "a".repeat(64));
        let read = |now| Attempt::read(&cookie, Timestamp(now));
        assert_eq!(read(1_000 + LONGEST_MS).map(|attempt| attempt.next), Some("/items".into()));
        assert!(read(1_001 + LONGEST_MS).is_none() && read(999).is_none(), "too old, or of the future");
        for cookie in ["x.1000.%2F".to_owned(), String::new(), format!("{}.{}.%2F", "a".repeat(64), i64::MIN)] {
            assert!(Attempt::read(&cookie, Timestamp(1_000)).is_none(), "{cookie}");
        }
    }

    #[test]
    fn state_nonce_and_verifier_do_not_tell_each_other() {
        let attempt = Attempt { cookie: "secret.1.%2F".into(), next: "/".into() };
        let all = [attempt.state(), attempt.nonce(), attempt.verifier()];
        assert!(all.iter().all(|part| part.len() == 64) && all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        assert!(attempt.is_state(&all[0]) && !attempt.is_state(&all[1]) && !attempt.is_state(""));
    }
}
