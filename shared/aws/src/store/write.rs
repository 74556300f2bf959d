//! Conditional writes: one item, or several in a transaction.

use super::DynamoStore;
use super::errors::{by_code, store_error};
use super::rows::{Item, item_row, key_item, number, row_item};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use engine::ports::{Change, Condition, Key, Row, StoreError};
use std::collections::HashMap;

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// More changes than this do not fit in one transaction:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
const MOST_CHANGES: usize = 100;

pub(super) async fn single(store: &DynamoStore, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Put(row, condition) => put(store, row, *condition).await,
        Change::Delete(key, condition) => delete(store, key, *condition).await,
    }
}

async fn put(store: &DynamoStore, row: &Row, condition: Condition) -> Result<(), StoreError> {
    // an unconditional put may be repeated
    let client = if condition == Condition::Any { &store.retrying } else { &store.once };
    let request = client.put_item().table_name(&store.table).set_item(Some(row_item(row)));
    let (expression, values) = expression(condition);
    let request = request.set_condition_expression(expression).set_expression_attribute_values(values);
    let answer = request.return_values_on_condition_check_failure(ALL_OLD).send().await;
    answer.map(drop).map_err(|error| match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => conflict(&row.key, failed.item()),
        _ => store_error(&error),
    })
}

async fn delete(store: &DynamoStore, key: &Key, condition: Condition) -> Result<(), StoreError> {
    let client = if condition == Condition::Any { &store.retrying } else { &store.once };
    let request = client.delete_item().table_name(&store.table).set_key(Some(key_item(key)));
    let (expression, values) = expression(condition);
    let request = request.set_condition_expression(expression).set_expression_attribute_values(values);
    let answer = request.return_values_on_condition_check_failure(ALL_OLD).send().await;
    answer.map(drop).map_err(|error| match error.as_service_error() {
        Some(DeleteItemError::ConditionalCheckFailedException(failed)) => conflict(key, failed.item()),
        _ => store_error(&error),
    })
}

/// The SDK gives each transaction an idempotency token, so its retries cannot run it twice.
pub(super) async fn transaction(store: &DynamoStore, changes: &[Change]) -> Result<(), StoreError> {
    if changes.len() > MOST_CHANGES {
        return Err(StoreError::Refused(format!("{} changes in one transaction", changes.len())));
    }
    let items = changes.iter().map(|change| transact_item(store, change)).collect::<Result<Vec<_>, _>>()?;
    let answer = store.retrying.transact_write_items().set_transact_items(Some(items)).send().await;
    answer.map(drop).map_err(|error| match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancellation(changes, cancelled.cancellation_reasons())
        }
        _ => store_error(&error),
    })
}

fn transact_item(store: &DynamoStore, change: &Change) -> Result<TransactWriteItem, StoreError> {
    let refuse = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Refused(error.to_string());
    let item = TransactWriteItem::builder();
    Ok(match change {
        Change::Put(row, condition) => {
            let (expression, values) = expression(*condition);
            let put = Put::builder().table_name(&store.table).set_item(Some(row_item(row)));
            let put = put.set_condition_expression(expression).set_expression_attribute_values(values);
            item.put(put.return_values_on_condition_check_failure(ALL_OLD).build().map_err(refuse)?)
        }
        Change::Delete(key, condition) => {
            let (expression, values) = expression(*condition);
            let delete = Delete::builder().table_name(&store.table).set_key(Some(key_item(key)));
            let delete = delete.set_condition_expression(expression).set_expression_attribute_values(values);
            item.delete(delete.return_values_on_condition_check_failure(ALL_OLD).build().map_err(refuse)?)
        }
    }
    .build())
}

type Values = HashMap<String, AttributeValue>;

fn expression(condition: Condition) -> (Option<String>, Option<Values>) {
    let values = |version: u64| Some(HashMap::from([(":v".to_owned(), number(version))]));
    match condition {
        Condition::Any => (None, None),
        Condition::Absent => (Some("attribute_not_exists(pk)".to_owned()), None),
        Condition::Version(version) => (Some("v = :v".to_owned()), values(version)),
        Condition::Below(version) => (Some("attribute_not_exists(pk) OR v < :v".to_owned()), values(version)),
    }
}

fn conflict(key: &Key, item: Option<&Item>) -> StoreError {
    // the item is absent, and sometimes empty, when no row lives there
    match item.filter(|item| !item.is_empty()).map(|item| item_row(item.clone())) {
        None => StoreError::Conflict { key: key.clone(), current: None },
        Some(Ok(row)) => StoreError::Conflict { key: key.clone(), current: Some(Box::new(row)) },
        Some(Err(error)) => error,
    }
}

/// Reasons come in the order of the changes, `None` for those that were fine. A failed condition is a clearer answer
/// than any other reason beside it.
fn cancellation(changes: &[Change], reasons: &[CancellationReason]) -> StoreError {
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    if let Some((change, reason)) = changes.iter().zip(reasons).find(|(_, reason)| failed(reason)) {
        return conflict(change.key(), reason.item());
    }
    let other = reasons.iter().find(|reason| reason.code().is_some_and(|code| code != "None"));
    match other {
        Some(reason) => by_code(reason.code().unwrap_or_default(), reason.message().unwrap_or_default(), false),
        None => StoreError::Unknown("a transaction was cancelled without a reason".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deletes(names: &[&str]) -> Vec<Change> {
        let key = |name: &&str| Key { pk: (*name).to_owned(), sk: "x".to_owned() };
        names.iter().map(|name| Change::Delete(key(name), Condition::Any)).collect()
    }

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn a_failed_condition_wins_over_a_conflict_beside_it() {
        let error = cancellation(&deletes(&["a", "b"]), &reasons(&["TransactionConflict", "ConditionalCheckFailed"]));
        assert!(matches!(error, StoreError::Conflict { key, current: None } if key.pk == "b"));
    }

    #[test]
    fn a_transaction_that_met_another_is_busy() {
        let error = cancellation(&deletes(&["a", "b"]), &reasons(&["None", "TransactionConflict"]));
        assert!(matches!(error, StoreError::Busy(_)));
    }

    #[test]
    fn no_reason_is_no_clear_answer() {
        assert!(matches!(cancellation(&deletes(&["a"]), &[]), StoreError::Unknown(_)));
    }
}
