//! What the conformance suites of all channels need.
#![allow(clippy::expect_used, clippy::missing_panics_doc)]

use channels::Outcome;
use domain::Sku;

/// A SKU.
#[must_use]
pub fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

/// What became of each write, in words that a test can compare.
#[must_use]
pub fn kinds(outcomes: &[Outcome]) -> Vec<String> {
    let kind = |outcome: &Outcome| match outcome {
        Outcome::Applied => "applied".into(),
        Outcome::Accepted => "accepted".into(),
        Outcome::Stale => "stale".into(),
        Outcome::Refused(error) => format!("refused: {:?}", error.kind),
        Outcome::Unknown(error) => format!("unknown: {:?}", error.kind),
    };
    outcomes.iter().map(kind).collect()
}
