//! One page of a partition, in an exact number of rows.

use super::errors::store_error;
use super::rows::{Item, item_row, text};
use super::{DynamoStore, INDEX};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use engine::ports::{Page, Query, Row, StoreError};

/// Most rows of a page.
const MOST_ROWS: usize = 1_000;

/// Asks for one row more than the page holds: only then is it known whether another page follows.
pub(super) async fn page(store: &DynamoStore, query: &Query, consistent: bool) -> Result<Page, StoreError> {
    let limit = query.limit.clamp(1, MOST_ROWS);
    let mut start = query.after.as_deref().map(|token| start_key(query, token)).transpose()?;
    let mut rows: Vec<Row> = Vec::with_capacity(limit + 1);
    loop {
        let wanted = i32::try_from(limit + 1 - rows.len()).unwrap_or(i32::MAX);
        let request = request(store, query, consistent).limit(wanted).set_exclusive_start_key(start);
        let answer = request.send().await.map_err(|error| store_error(&error))?;
        for item in answer.items.unwrap_or_default() {
            rows.push(item_row(item)?);
        }
        // an answer holds at most 1 MB, so one page may take several calls
        start = answer.last_evaluated_key.filter(|key| !key.is_empty());
        if rows.len() > limit || start.is_none() {
            return Ok(cut(query, rows, limit));
        }
    }
}

/// One page of all rows, read strongly.
pub(super) async fn scan(store: &DynamoStore, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
    let limit = i32::try_from(limit.clamp(1, MOST_ROWS)).unwrap_or(1);
    let start = after.map(scan_key).transpose()?;
    let request = store.retrying.scan().table_name(&store.table).consistent_read(true).limit(limit);
    let answer = request.set_exclusive_start_key(start).send().await.map_err(|error| store_error(&error))?;
    let rows = answer.items.unwrap_or_default().into_iter().map(item_row).collect::<Result<_, _>>()?;
    let last = answer.last_evaluated_key.filter(|key| !key.is_empty());
    Ok(Page { rows, next: last.map(scan_token).transpose()? })
}

fn scan_token(mut key: Item) -> Result<String, StoreError> {
    let mut part = |name: &str| match key.remove(name) {
        Some(AttributeValue::S(value)) => Ok(value),
        _ => Err(StoreError::Refused(format!("the last key of a page has no {name}"))),
    };
    Ok(serde_json::Value::from(vec![part("pk")?, part("sk")?]).to_string())
}

fn scan_key(token: &str) -> Result<Item, StoreError> {
    let wrong = || StoreError::Refused("the token of the page before is not one of ours".to_owned());
    let [pk, sk]: [String; 2] = serde_json::from_str(token).map_err(|_| wrong())?;
    Ok(Item::from([("pk".to_owned(), text(&pk)), ("sk".to_owned(), text(&sk))]))
}

fn request(store: &DynamoStore, query: &Query, consistent: bool) -> QueryFluentBuilder {
    let (partition, sort) = if query.index { ("gpk", "gsk") } else { ("pk", "sk") };
    let mut condition = format!("{partition} = :p");
    let mut request = store.retrying.query().table_name(&store.table);
    request = request.expression_attribute_values(":p", text(&query.partition));
    if !query.prefix.is_empty() {
        condition.push_str(&format!(" AND begins_with({sort}, :s)"));
        request = request.expression_attribute_values(":s", text(&query.prefix));
    }
    // an index cannot be read strongly
    request = if query.index { request.index_name(INDEX) } else { request.consistent_read(consistent) };
    request.key_condition_expression(condition).scan_index_forward(!query.descending)
}

fn cut(query: &Query, mut rows: Vec<Row>, limit: usize) -> Page {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| token(query, row));
    Page { rows, next }
}

/// The key of the last row, as JSON: `["sk"]`, or `["pk","sk","gsk"]` in the index.
fn token(query: &Query, row: &Row) -> String {
    let sort = row.index.as_ref().map_or("", |index| index.sort.as_str());
    let parts = if query.index { vec![&*row.key.pk, &*row.key.sk, sort] } else { vec![&*row.key.sk] };
    serde_json::Value::from(parts).to_string()
}

fn start_key(query: &Query, token: &str) -> Result<Item, StoreError> {
    let wrong = || StoreError::Refused("the token of the page before is not one of ours".to_owned());
    let parts: Vec<String> = serde_json::from_str(token).map_err(|_| wrong())?;
    let names: &[(&str, &str)] = match (query.index, parts.as_slice()) {
        (false, [sk]) => &[("pk", &query.partition), ("sk", sk)],
        (true, [pk, sk, gsk]) => &[("gpk", &query.partition), ("pk", pk), ("sk", sk), ("gsk", gsk)],
        _ => return Err(wrong()),
    };
    Ok(names.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect())
}
