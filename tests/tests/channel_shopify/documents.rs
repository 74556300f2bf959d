//! Every document that is ever sent is valid in every version, by the real schema; and the check sees what is wrong.

use channels::shopify::fake::validate;
use channels::shopify::{API_VERSIONS, documents};

#[test]
fn every_document_is_valid_in_every_version() {
    let documents = documents();
    assert_eq!(documents.len(), 13 + 25);
    for version in API_VERSIONS {
        for document in &documents {
            let verdict = validate(version, &document.text);
            assert_eq!(verdict, Ok(()), "{} in {version}", document.name);
        }
    }
}

#[test]
fn what_is_wrong_is_seen() {
    for (text, story) in [
        ("{ shop { nam } }", "does not have a field `nam`"),
        ("{ inventoryItem { id } }", "id"),
        ("query($a: Int!) { inventoryItem(id: $a) { id } }", "`$a`"),
        ("{ shop { name }", "syntax"),
        ("mutation { inventorySetQuantities(input: {ignoreCompareQuantity: true}) { userErrors { code } } }", "ignore"),
        ("mutation { inventoryActivate(inventoryItemId: \"1\", locationId: \"2\") { userErrors { code } } }", "code"),
    ] {
        let problem = validate("2026-07", text).expect_err(text);
        assert!(problem.contains(story), "{text}: {problem}");
    }
    assert!(validate("2025-10", "{ shop { name } }").is_err(), "a version without a schema");
}
