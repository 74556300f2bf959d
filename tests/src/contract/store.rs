//! The contract of a store: rows, conditions, transactions.

use super::unique;
use domain::Timestamp;
use engine::ports::{Change, Condition, IndexKey, Key, Row, Store, StoreError};
use std::collections::BTreeSet;

pub(super) fn key(pk: &str, sk: &str) -> Key {
    Key { pk: pk.to_owned(), sk: sk.to_owned() }
}

pub(super) fn row(pk: &str, sk: &str, version: u64) -> Row {
    Row { key: key(pk, sk), version, body: format!("{{\"v\":{version}}}"), expires: None, index: None }
}

pub(super) async fn put(store: &dyn Store, row: &Row) {
    store.write(&[Change::Put(row.clone(), Condition::Any)]).await.expect("an unconditional put");
}

pub(super) async fn get(store: &dyn Store, key: &Key) -> Option<Row> {
    store.get(std::slice::from_ref(key)).await.expect("a read").remove(0)
}

/// Asserts that nothing was written because of `key`, and gives what lives there.
fn conflict(result: Result<(), StoreError>, expected: &Key) -> Option<Row> {
    match result {
        Err(StoreError::Conflict { key, current }) => {
            assert_eq!(&key, expected);
            current.map(|row| *row)
        }
        other => panic!("expected a conflict at {expected:?}, got {other:?}"),
    }
}

/// Every field survives, and expiry in whole seconds.
pub async fn a_row_comes_back_as_it_was(store: &dyn Store) {
    let pk = unique("SKU#a");
    let index = IndexKey { partition: unique("DAY"), sort: "10:00".to_owned() };
    let full = Row { expires: Some(Timestamp(4_102_444_800_000)), index: Some(index), ..row(&pk, "STATE", u64::MAX) };
    put(store, &full).await;
    assert_eq!(get(store, &full.key).await, Some(full));
}

/// A read answers in the order asked for, also for a key asked for twice.
pub async fn keys_without_rows_give_none_in_their_place(store: &dyn Store) {
    let pk = unique("p");
    let there = row(&pk, "b", 1);
    put(store, &there).await;
    let keys = [key(&pk, "a"), there.key.clone(), key(&pk, "c"), there.key.clone()];
    assert_eq!(store.get(&keys).await.expect("a read"), [None, Some(there.clone()), None, Some(there)]);
    assert_eq!(get(store, &key(&pk, "a")).await, None);
    assert!(store.get(&[]).await.expect("a read of nothing").is_empty());
}

/// A glance may be behind, but not for long.
pub async fn a_glance_sees_what_was_written(store: &dyn Store) {
    let pk = unique("p");
    let there = row(&pk, "a", 7);
    assert_eq!(store.glance(&there.key).await.expect("a read"), None);
    put(store, &there).await;
    for _ in 0..50 {
        if store.glance(&there.key).await.expect("a read").as_ref() == Some(&there) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("five seconds behind");
}

/// Without a condition the last one wins.
pub async fn any_condition_overwrites(store: &dyn Store) {
    let pk = unique("p");
    put(store, &row(&pk, "a", 7)).await;
    put(store, &row(&pk, "a", 3)).await;
    assert_eq!(get(store, &key(&pk, "a")).await, Some(row(&pk, "a", 3)));
}

/// `Absent` writes once.
pub async fn absent_refuses_what_is_there(store: &dyn Store) {
    let pk = unique("p");
    let (first, second) = (row(&pk, "a", 1), row(&pk, "a", 2));
    store.write(&[Change::Put(first.clone(), Condition::Absent)]).await.expect("nothing is there yet");
    let refused = store.write(&[Change::Put(second, Condition::Absent)]).await;
    assert_eq!(conflict(refused, &first.key), Some(first.clone()));
    assert_eq!(get(store, &first.key).await, Some(first));
}

/// `Version` needs exactly that version, and a row.
pub async fn version_refuses_another(store: &dyn Store) {
    let pk = unique("p");
    let next = row(&pk, "a", 5);
    let refused = store.write(&[Change::Put(next.clone(), Condition::Version(4))]).await;
    assert_eq!(conflict(refused, &next.key), None, "nothing is there");
    put(store, &row(&pk, "a", 3)).await;
    let refused = store.write(&[Change::Put(next.clone(), Condition::Version(4))]).await;
    assert_eq!(conflict(refused, &next.key), Some(row(&pk, "a", 3)));
    store.write(&[Change::Put(next.clone(), Condition::Version(3))]).await.expect("the version fits");
    assert_eq!(get(store, &next.key).await, Some(next));
}

/// `Below` lets newer ones replace older ones, whatever their order of arrival.
pub async fn below_refuses_the_same_and_more(store: &dyn Store) {
    let pk = unique("p");
    let change = |version, below| Change::Put(row(&pk, "a", version), Condition::Below(below));
    store.write(&[change(9, 9)]).await.expect("nothing is there yet");
    for below in [1, 9] {
        let refused = store.write(&[change(below, below)]).await;
        assert_eq!(conflict(refused, &key(&pk, "a")), Some(row(&pk, "a", 9)));
    }
    // as numbers, not as text
    store.write(&[change(10, 10)]).await.expect("9 is below 10");
    assert_eq!(get(store, &key(&pk, "a")).await, Some(row(&pk, "a", 10)));
}

/// A delete has the same conditions, and deleting nothing succeeds.
pub async fn deletes_obey_conditions(store: &dyn Store) {
    let pk = unique("p");
    let (here, there) = (key(&pk, "a"), row(&pk, "a", 2));
    let delete = |condition| [Change::Delete(here.clone(), condition)];
    store.write(&delete(Condition::Any)).await.expect("deleting nothing is fine");
    assert_eq!(conflict(store.write(&delete(Condition::Version(2))).await, &here), None);
    put(store, &there).await;
    assert_eq!(conflict(store.write(&delete(Condition::Version(1))).await, &here), Some(there.clone()));
    assert_eq!(conflict(store.write(&delete(Condition::Below(2))).await, &here), Some(there));
    store.write(&delete(Condition::Version(2))).await.expect("the version fits");
    assert_eq!(get(store, &here).await, None);
}

/// One failed condition, and nothing of the transaction is there.
pub async fn a_transaction_is_all_or_nothing(store: &dyn Store) {
    let pk = unique("p");
    put(store, &row(&pk, "old", 1)).await;
    let changes = |version| {
        [
            Change::Put(row(&pk, "new", 1), Condition::Absent),
            Change::Delete(key(&pk, "old"), Condition::Version(version)),
            Change::Put(row(&pk, "free", 1), Condition::Any),
        ]
    };
    conflict(store.write(&changes(2)).await, &key(&pk, "old"));
    let keys = [key(&pk, "new"), key(&pk, "old"), key(&pk, "free")];
    assert_eq!(store.get(&keys).await.expect("a read"), [None, Some(row(&pk, "old", 1)), None]);
    store.write(&changes(1)).await.expect("all conditions hold");
    let expected = [Some(row(&pk, "new", 1)), None, Some(row(&pk, "free", 1))];
    assert_eq!(store.get(&keys).await.expect("a read"), expected);
}

/// In a transaction, too, the conflict comes with the row as it is now.
pub async fn a_conflict_names_the_right_row(store: &dyn Store) {
    let pk = unique("p");
    put(store, &row(&pk, "b", 8)).await;
    let below = |sk: &str| Change::Put(row(&pk, sk, 8), Condition::Below(8));
    let refused = store.write(&[below("a"), below("b"), below("c")]).await;
    assert_eq!(conflict(refused, &key(&pk, "b")), Some(row(&pk, "b", 8)));
    let absent = Change::Put(row(&pk, "d", 1), Condition::Version(1));
    assert_eq!(conflict(store.write(&[below("a"), absent]).await, &key(&pk, "d")), None);
}

/// The largest transaction.
pub async fn a_hundred_changes_at_once(store: &dyn Store) {
    let pk = unique("p");
    let rows: Vec<Row> = (0..100).map(|n| row(&pk, &format!("{n:03}"), n)).collect();
    let changes: Vec<Change> = rows.iter().cloned().map(|row| Change::Put(row, Condition::Absent)).collect();
    store.write(&changes).await.expect("a hundred changes");
    let keys: Vec<Key> = rows.iter().map(|row| row.key.clone()).collect();
    let expected: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    assert_eq!(store.get(&keys).await.expect("a read"), expected);
}

/// A larger one is refused as a whole, not split.
pub async fn too_many_changes_are_refused(store: &dyn Store) {
    let pk = unique("p");
    let changes: Vec<Change> = (0..101).map(|n| Change::Put(row(&pk, &n.to_string(), 1), Condition::Any)).collect();
    assert!(matches!(store.write(&changes).await, Err(StoreError::Refused(_))));
    assert_eq!(get(store, &key(&pk, "0")).await, None);
}

/// More keys than one call of the service takes.
pub async fn many_keys_are_read_at_once(store: &dyn Store) {
    let pk = unique("p");
    let rows: Vec<Row> = (0..250).map(|n| row(&pk, &format!("{n:03}"), n)).collect();
    store.put_all(&rows[..240]).await.expect("rows are put");
    let keys: Vec<Key> = rows.iter().rev().map(|row| row.key.clone()).collect();
    let found = store.get(&keys).await.expect("a read");
    assert!(found[..10].iter().all(Option::is_none));
    let expected: Vec<Option<Row>> = rows[..240].iter().rev().cloned().map(Some).collect();
    assert_eq!(found[10..], expected[..]);
}

/// Any number of rows, also one that is in the list twice: the last one wins.
pub async fn many_rows_are_put_at_once(store: &dyn Store) {
    let pk = unique("p");
    let mut rows: Vec<Row> = (0..60).map(|n| row(&pk, &format!("{n:02}"), 1)).collect();
    rows.push(row(&pk, "07", 2));
    store.put_all(&rows).await.expect("rows are put");
    store.put_all(&[]).await.expect("no rows are put");
    let keys: Vec<Key> = rows[..60].iter().map(|row| row.key.clone()).collect();
    let found: Vec<Row> = store.get(&keys).await.expect("a read").into_iter().flatten().collect();
    assert_eq!(found.len(), 60);
    assert_eq!(found[7].version, 2);
}

/// SKUs are whatever merchants type.
pub async fn any_text_is_kept(store: &dyn Store) {
    let pk = unique("SKU#größe 42/ß ☃ \"quoted\" \\ \u{1F4E6}");
    let odd = Row { body: "{\"name\":\"naïve\\n\u{7f}\"}".to_owned(), ..row(&pk, "ITEM#\u{10FFFF}\t", 1) };
    put(store, &odd).await;
    assert_eq!(get(store, &odd.key).await, Some(odd));
}

/// 100 KB in one row.
pub async fn a_large_body_is_kept(store: &dyn Store) {
    let large = Row { body: "ü".repeat(50_000), ..row(&unique("p"), "a", 1) };
    put(store, &large).await;
    assert_eq!(get(store, &large.key).await, Some(large));
}

/// What can never work says so.
pub async fn an_empty_key_is_refused(store: &dyn Store) {
    let change = Change::Put(row(&unique("p"), "", 1), Condition::Any);
    assert!(matches!(store.write(&[change]).await, Err(StoreError::Refused(_))));
}

const WORKERS: usize = 6;
const INCREMENTS: u64 = 8;

/// Workers that count on one row by condition end at the right number.
pub async fn concurrent_increments_lose_nothing(store: &dyn Store) {
    let counter = key(&unique("p"), "counter");
    let counting = (0..WORKERS).map(|_| count(store, &counter, false));
    futures::future::join_all(counting).await;
    let expected = WORKERS as u64 * INCREMENTS;
    assert_eq!(get(store, &counter).await.map(|row| row.version), Some(expected));
}

/// The same in transactions with a marker for each: as many markers as counted.
pub async fn concurrent_transactions_lose_nothing(store: &dyn Store) {
    let counter = key(&unique("p"), "counter");
    let counting = (0..WORKERS).map(|_| count(store, &counter, true));
    futures::future::join_all(counting).await;
    let expected = WORKERS as u64 * INCREMENTS;
    assert_eq!(get(store, &counter).await.map(|row| row.version), Some(expected));
    let markers: BTreeSet<Key> = (1..=expected).map(|version| marker(&counter, version).key).collect();
    let keys: Vec<Key> = markers.into_iter().collect();
    assert!(store.get(&keys).await.expect("a read").iter().all(Option::is_some));
}

fn marker(counter: &Key, version: u64) -> Row {
    row(&counter.pk, &format!("marker#{version:04}"), version)
}

async fn count(store: &dyn Store, counter: &Key, with_marker: bool) {
    let (mut done, mut current) = (0, 0);
    while done < INCREMENTS {
        let condition = if current == 0 { Condition::Absent } else { Condition::Version(current) };
        let mut changes = vec![Change::Put(row(&counter.pk, &counter.sk, current + 1), condition)];
        if with_marker {
            changes.push(Change::Put(marker(counter, current + 1), Condition::Absent));
        }
        match store.write(&changes).await {
            Ok(()) => (done, current) = (done + 1, current + 1),
            Err(StoreError::Conflict { .. } | StoreError::Busy(_)) => {
                current = get(store, counter).await.map_or(0, |row| row.version);
            }
            Err(error) => panic!("{error}"),
        }
    }
}
