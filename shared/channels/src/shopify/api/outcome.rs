//! What became of one call of `inventorySetQuantities`. It is all or nothing: any error means that no row was applied
//! (<https://shopify.dev/docs/api/admin-graphql/latest/mutations/inventorySetQuantities>, and docs.md, "Writing").

use crate::{Error, ErrorKind, Outcome};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How soon a call that is still being carried out is asked for again.
const CONCURRENT: Duration = Duration::from_secs(2);
/// So much of the store's own message is kept.
const MESSAGE_MAX: usize = 160;

/// What a call returns.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    pub(super) user_errors: Vec<UserError>,
}

/// An error that the mutation's own rules found.
#[derive(Deserialize)]
pub(super) struct UserError {
    code: Option<String>,
    field: Option<Vec<String>>,
    #[serde(default)]
    message: String,
}

impl UserError {
    /// The row that it blames: `["input","quantities","3","quantity"]`.
    fn row(&self, rows: usize) -> Option<usize> {
        let place = self.field.as_deref().unwrap_or_default();
        let index = place.iter().skip_while(|part| *part != "quantities").nth(1)?.parse().ok();
        index.filter(|index| *index < rows)
    }

    fn error(&self, kind: ErrorKind) -> Error {
        let message: String = self.message.chars().take(MESSAGE_MAX).collect();
        Error::new(kind, format!("set: {} ({message})", self.code.as_deref().unwrap_or("no code")))
    }
}

/// What is known of the rows of a call.
pub(super) enum Verdict {
    /// The same of every row.
    All(Outcome),
    /// Of these rows; the others were not applied, because these stood in their way.
    Some(BTreeMap<usize, Outcome>),
    /// Some row's level had moved; the store does not say which.
    StaleSomewhere,
}

/// Judges by codes, never by texts. A code that is not known here means that the row was refused.
pub(super) fn judge(rows: usize, errors: &[UserError]) -> Verdict {
    if errors.is_empty() {
        return Verdict::All(Outcome::Applied);
    }
    let mut blamed = BTreeMap::new();
    let mut stale_somewhere = false;
    for error in errors {
        let row = error.row(rows).or((rows == 1).then_some(0));
        let (outcome, named) = match (error.code.as_deref().unwrap_or_default(), row) {
            // <https://shopify.dev/docs/api/usage/implementing-idempotency>
            ("IDEMPOTENCY_CONCURRENT_REQUEST", _) => return Verdict::All(concurrent(error)),
            // nothing was changed, and only another key will do: the engine makes one when it has looked again
            ("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", _) => return Verdict::All(Outcome::Stale),
            // somebody used this key for something else; of what came of that nothing is known here
            ("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", _) => {
                return Verdict::All(Outcome::Unknown(error.error(ErrorKind::Malformed).with_unknown_effect()));
            }
            ("CHANGE_FROM_QUANTITY_STALE" | "COMPARE_QUANTITY_STALE", None) => {
                stale_somewhere = true;
                continue;
            }
            ("CHANGE_FROM_QUANTITY_STALE" | "COMPARE_QUANTITY_STALE", Some(_)) => (Outcome::Stale, row),
            (code, _) => (Outcome::Refused(error.error(kind(code))), row),
        };
        match named {
            Some(row) => blamed.entry(row).or_insert(outcome),
            None => return Verdict::All(outcome),
        };
    }
    if blamed.is_empty() && stale_somewhere { Verdict::StaleSomewhere } else { Verdict::Some(blamed) }
}

fn concurrent(error: &UserError) -> Outcome {
    let error = error.error(ErrorKind::Throttled).with_unknown_effect();
    Outcome::Unknown(error.with_retry_after(Some(CONCURRENT)))
}

fn kind(code: &str) -> ErrorKind {
    match code {
        "INVALID_INVENTORY_ITEM" | "INVALID_LOCATION" | "ITEM_NOT_STOCKED_AT_LOCATION" => ErrorKind::NotFound,
        "NON_MUTABLE_INVENTORY_ITEM" => ErrorKind::Forbidden,
        _ => ErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn verdict(rows: usize, errors: &Value) -> Verdict {
        let payload = json!({"userErrors": errors});
        judge(rows, &serde_json::from_value::<Payload>(payload).expect("it is a payload").user_errors)
    }

    #[test]
    fn a_code_that_nobody_knows_is_a_refusal() {
        let errors =
            json!([{"code": "SOMETHING_NEW", "field": ["input", "quantities", "1", "quantity"], "message": ""}]);
        let Verdict::Some(blamed) = verdict(3, &errors) else { panic!("a row is blamed") };
        assert!(matches!(&blamed[&1], Outcome::Refused(error) if error.kind == ErrorKind::Invalid));
        assert_eq!(blamed.len(), 1);
    }

    #[test]
    fn a_row_beyond_the_call_blames_nobody() {
        let errors =
            json!([{"code": "CHANGE_FROM_QUANTITY_STALE", "field": ["input", "quantities", "3"], "message": ""}]);
        assert!(matches!(verdict(3, &errors), Verdict::StaleSomewhere));
        assert!(matches!(verdict(1, &errors), Verdict::Some(_)), "with one row there is no doubt");
    }
}
