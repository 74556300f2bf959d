//! Many rows at once: BatchGetItem and BatchWriteItem, their limits and their leftovers.

use super::DynamoStore;
use super::errors::store_error;
use super::rows::{Item, item_row, key_item, row_item};
use aws_sdk_dynamodb::types::{KeysAndAttributes, PutRequest, WriteRequest};
use engine::ports::{Key, Row, StoreError};
use futures::{StreamExt, TryStreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const GET_AT_ONCE: usize = 100;
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const PUT_AT_ONCE: usize = 25;
/// Calls in flight for one `get` or `put_all`.
const CONCURRENT: usize = 8;
/// The port allows this many keys.
const MOST_KEYS: usize = 1_000;
/// Rounds for what DynamoDB left unprocessed; with the pauses about 6 seconds in all.
const ROUNDS: u32 = 8;

/// A read that need not be consistent costs half: <https://aws.amazon.com/dynamodb/pricing/on-demand/>.
pub(super) async fn get_one(store: &DynamoStore, key: &Key, consistent: bool) -> Result<Option<Row>, StoreError> {
    let request = store.retrying.get_item().table_name(&store.table).set_key(Some(key_item(key)));
    let answer = request.consistent_read(consistent).send().await.map_err(|error| store_error(&error))?;
    answer.item.map(item_row).transpose()
}

pub(super) async fn get_many(store: &DynamoStore, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
    if keys.len() > MOST_KEYS {
        return Err(StoreError::Refused(format!("{} keys in one read", keys.len())));
    }
    // BatchGetItem refuses a key that appears twice
    let distinct: Vec<Key> = keys.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let chunks = distinct.chunks(GET_AT_ONCE).map(<[Key]>::to_vec).collect::<Vec<_>>();
    let calls = chunks.into_iter().map(|chunk| get_chunk(store, chunk));
    let found: Vec<Vec<Row>> = futures::stream::iter(calls).buffer_unordered(CONCURRENT).try_collect().await?;
    let rows: BTreeMap<Key, Row> = found.into_iter().flatten().map(|row| (row.key.clone(), row)).collect();
    Ok(keys.iter().map(|key| rows.get(key).cloned()).collect())
}

async fn get_chunk(store: &DynamoStore, keys: Vec<Key>) -> Result<Vec<Row>, StoreError> {
    let mut waiting: Vec<Item> = keys.iter().map(key_item).collect();
    let mut rows = Vec::with_capacity(keys.len());
    for round in 0..ROUNDS {
        let wanted = KeysAndAttributes::builder().set_keys(Some(waiting)).consistent_read(true).build();
        let wanted = wanted.map_err(|error| StoreError::Refused(error.to_string()))?;
        let request = store.retrying.batch_get_item().request_items(&store.table, wanted);
        let answer = request.send().await.map_err(|error| store_error(&error))?;
        for item in answer.responses.unwrap_or_default().remove(&store.table).unwrap_or_default() {
            rows.push(item_row(item)?);
        }
        let left = answer.unprocessed_keys.unwrap_or_default().remove(&store.table);
        waiting = left.map(|left| left.keys).unwrap_or_default();
        if waiting.is_empty() {
            return Ok(rows);
        }
        pause(round).await;
    }
    Err(StoreError::Busy(format!("{} keys were left unprocessed", waiting.len())))
}

pub(super) async fn put_all(store: &DynamoStore, rows: &[Row]) -> Result<(), StoreError> {
    let requests = last_of_each_key(rows).into_iter().map(put_request).collect::<Result<Vec<_>, _>>()?;
    let chunks = requests.chunks(PUT_AT_ONCE).map(<[WriteRequest]>::to_vec).collect::<Vec<_>>();
    let calls = chunks.into_iter().map(|chunk| put_chunk(store, chunk));
    futures::stream::iter(calls).buffer_unordered(CONCURRENT).try_collect().await
}

/// BatchWriteItem refuses a key that appears twice; the last row of a key wins, as if put one after the other.
fn last_of_each_key(rows: &[Row]) -> Vec<&Row> {
    rows.iter().map(|row| (&row.key, row)).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn put_request(row: &Row) -> Result<WriteRequest, StoreError> {
    let put = PutRequest::builder().set_item(Some(row_item(row))).build();
    let put = put.map_err(|error| StoreError::Refused(error.to_string()))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

async fn put_chunk(store: &DynamoStore, chunk: Vec<WriteRequest>) -> Result<(), StoreError> {
    let mut waiting = chunk;
    for round in 0..ROUNDS {
        let request = store.retrying.batch_write_item().request_items(&store.table, waiting);
        let answer = request.send().await.map_err(|error| store_error(&error))?;
        waiting = answer.unprocessed_items.unwrap_or_default().remove(&store.table).unwrap_or_default();
        if waiting.is_empty() {
            return Ok(());
        }
        pause(round).await;
    }
    Err(StoreError::Busy(format!("{} rows were left unprocessed", waiting.len())))
}

/// Exponential with full jitter: 50 ms at most after the first round, 1.6 s after the last.
async fn pause(round: u32) {
    let most = 50_u64 << round.min(5);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=most))).await;
}
