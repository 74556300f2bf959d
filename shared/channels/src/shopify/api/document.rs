//! Every GraphQL document that is ever sent. A test checks each against the real schema of every version.

use super::super::SINGLES_MAX;
use std::fmt::Write;

/// A GraphQL document, as it is sent.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it is called in errors.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

macro_rules! documents {
    ($($name:ident $file:literal),* $(,)?) => {
        $(pub(super) const $name: (&str, &str) = ($file, include_str!(concat!("../queries/", $file, ".graphql")));)*
        const FIXED: &[(&str, &str)] = &[$($name),*];
    };
}

documents! {
    LEVELS "levels",
    UNIT "unit",
    SEARCH "search",
    ALL_LEVELS "all_levels",
    BULK_START "bulk_start",
    BULK_STATE "bulk_state",
    LOCATIONS "locations",
    IDENTITY "identity",
    TRACK "track",
    ACTIVATE "activate",
    WEBHOOKS "webhooks",
    WEBHOOK_CREATE "webhook_create",
    WEBHOOK_DELETE "webhook_delete",
}

/// Every document, with those that are made for a number of calls.
#[must_use]
pub fn documents() -> Vec<Document> {
    let fixed = FIXED.iter().map(|(name, text)| Document { name, text: (*text).to_owned() });
    let made = (1..=SINGLES_MAX).map(|calls| Document { name: "set", text: set(calls) });
    fixed.chain(made).collect()
}

/// A document of so many calls of `inventorySetQuantities`, each with a key of its own: `w0` with `$i0` and `$k0`, and so on.
pub(super) fn set(calls: usize) -> String {
    let mut text = String::from("mutation set(");
    for call in 0..calls {
        // writing to a String cannot fail
        let _ = write!(text, "$i{call}: InventorySetQuantitiesInput!, $k{call}: String!, ");
    }
    text.push_str(") {\n");
    for call in 0..calls {
        let _ = write!(
            text,
            "  w{call}: inventorySetQuantities(input: $i{call}) @idempotent(key: $k{call}) {{\n    \
             inventoryAdjustmentGroup {{ id }}\n    userErrors {{ code field message }}\n  }}\n"
        );
    }
    text.push_str("}\n");
    text
}
