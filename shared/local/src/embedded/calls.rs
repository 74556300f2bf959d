//! One call of the DynamoDB API: JSON in, JSON out.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An answer as DynamoDB gives it.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// JSON.
    pub(super) body: String,
}

/// Whether the operation may change the database.
pub(super) fn writes(operation: &str) -> bool {
    !matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "Scan" | "DescribeTable" | "DescribeTimeToLive")
}

/// Carries out one of the operations that the store uses.
pub(super) fn perform(database: &Database, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "PutItem" => call(body, |request| database.put_item(request)),
        "DeleteItem" => call(body, |request| database.delete_item(request)),
        "GetItem" => call(body, |request| database.get_item(request)),
        "Query" => call(body, |request| database.query(request)),
        "Scan" => call(body, |request| database.scan(request)),
        "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => call(body, |request| database.batch_write_item(request)),
        "TransactWriteItems" => call(body, |request| database.transact_write_items(untokened(request))),
        "CreateTable" => call(body, |request| database.create_table(request)),
        "DescribeTable" => call(body, |request| database.describe_table(request)),
        "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => call(body, |request| database.describe_time_to_live(request)),
        other => error(&DynoxideError::ValidationException(format!("the embedded store has no operation {other}"))),
    }
}

type Transaction = dynoxide::actions::transact_write_items::TransactWriteItemsRequest;

/// The token makes retries harmless. Nothing retries inside a process, and the database would remember each token for
/// ten minutes.
fn untokened(mut request: Transaction) -> Transaction {
    request.client_request_token = None;
    request
}

fn call<Q, A>(body: &[u8], act: impl FnOnce(Q) -> dynoxide::Result<A>) -> Answer
where
    Q: DeserializeOwned,
    A: Serialize,
{
    let request = serde_json::from_slice(body).map_err(|e| DynoxideError::SerializationException(e.to_string()));
    let answer = request.and_then(act).and_then(|answer| {
        serde_json::to_string(&answer).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
    });
    match answer {
        Ok(body) => Answer { status: 200, body },
        Err(failed) => error(&failed),
    }
}

pub(super) fn error(failed: &DynoxideError) -> Answer {
    Answer { status: failed.status_code(), body: failed.to_json() }
}
