//! SKUs that are nearly the same: typed with other case, spaces or signs in one store than in another.

use crate::Sku;
use serde::{Deserialize, Serialize};

/// How two SKUs differ that probably mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slip {
    /// Only in capital and small letters.
    Case,
    /// In spaces, and perhaps in case.
    Spaces,
    /// In slashes, dashes and the like, and perhaps in spaces and case.
    Signs,
}

/// A SKU without all that slips: those of two spellings of one SKU are equal.
#[must_use]
pub fn folded(sku: &Sku) -> String {
    let kept = sku.as_str().chars().filter(|letter| letter.is_alphanumeric());
    let folded: String = kept.flat_map(char::to_lowercase).collect();
    // a SKU of signs only is like no other
    if folded.is_empty() { sku.to_string() } else { folded }
}

/// How two SKUs differ that probably mean the same; `None` when they are equal or differ in more.
#[must_use]
pub fn slip(one: &Sku, other: &Sku) -> Option<Slip> {
    if one == other || folded(one) != folded(other) {
        return None;
    }
    let lower = |sku: &Sku| sku.as_str().to_lowercase();
    let bare = |sku: &Sku| lower(sku).chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    Some(match (lower(one) == lower(other), bare(one) == bare(other)) {
        (true, _) => Slip::Case,
        (false, true) => Slip::Spaces,
        (false, false) => Slip::Signs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_other_skus() {
        let slip_of = |one: &str, other: &str| slip(&Sku::new(one).expect("valid"), &Sku::new(other).expect("valid"));
        assert_eq!(slip_of("TEE-Red", "tee-red"), Some(Slip::Case));
        assert_eq!(slip_of("TEE-RED ", "tee-red"), Some(Slip::Spaces));
        assert_eq!(slip_of("TEE/RED", "tee-red"), Some(Slip::Signs));
        assert_eq!(slip_of("TEE RED", "TEE-RED"), Some(Slip::Signs));
        assert_eq!(slip_of("TEE-RED", "TEE-RED"), None, "the same");
        assert_eq!(slip_of("TEE-RED", "TEE-BLUE"), None);
        assert_eq!(slip_of("--", "//"), None, "nothing is left of them");
    }
}
