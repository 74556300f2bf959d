//! The contract of a store: lists, of partitions and of the sparse index.

use super::store::{put, row};
use super::unique;
use engine::ports::{Change, Condition, IndexKey, Page, Query, Row, Store, StoreError};

fn all(partition: &str) -> Query {
    let (partition, prefix) = (partition.to_owned(), String::new());
    Query { partition, index: false, prefix, after: None, descending: false, limit: 1000 }
}

async fn sorts(store: &dyn Store, query: &Query) -> Vec<String> {
    let page = store.query(query).await.expect("a list");
    page.rows.into_iter().map(|row| row.key.sk).collect()
}

async fn put_sorts(store: &dyn Store, pk: &str, sorts: &[&str]) {
    let rows: Vec<Row> = sorts.iter().map(|sk| row(pk, sk, 1)).collect();
    store.put_all(&rows).await.expect("rows are put");
}

/// Bytewise, both ways, and only this partition.
pub async fn a_partition_is_listed_in_order(store: &dyn Store) {
    let pk = unique("p");
    put_sorts(store, &pk, &["b", "a", "B", "ä", "a#2", "a#10", "\u{1F4E6}"]).await;
    put_sorts(store, &format!("{pk}x"), &["other"]).await;
    let mut expected = vec!["B", "a", "a#10", "a#2", "b", "ä", "\u{1F4E6}"];
    assert_eq!(sorts(store, &all(&pk)).await, expected);
    expected.reverse();
    assert_eq!(sorts(store, &Query { descending: true, ..all(&pk) }).await, expected);
    assert!(sorts(store, &all(&unique("empty"))).await.is_empty());
}

/// Only what begins so.
pub async fn a_prefix_limits_the_list(store: &dyn Store) {
    let pk = unique("p");
    put_sorts(store, &pk, &["ITEM", "LISTING#a#1", "LISTING#b#1", "LISTINGS", "STATE"]).await;
    let listings = Query { prefix: "LISTING#".to_owned(), ..all(&pk) };
    assert_eq!(sorts(store, &listings).await, ["LISTING#a#1", "LISTING#b#1"]);
    assert_eq!(sorts(store, &Query { limit: 1, ..listings }).await, ["LISTING#a#1"]);
}

/// All pages of a list, each exactly as long as asked for, none empty.
async fn pages(store: &dyn Store, first: Query) -> Vec<Vec<String>> {
    let (mut query, mut pages) = (first, vec![]);
    loop {
        let Page { rows, next } = store.query(&query).await.expect("a page");
        pages.push(rows.into_iter().map(|row| row.key.sk).collect());
        assert!(pages.len() < 20, "a list without end");
        match next {
            Some(_) => query.after = next,
            None => return pages,
        }
    }
}

/// The last page has no token, also when it is full.
pub async fn pages_follow_each_other_exactly(store: &dyn Store) {
    let pk = unique("p");
    put_sorts(store, &pk, &["1", "2", "3", "4", "5", "6", "x"]).await;
    let numbers = |limit| Query { limit, ..all(&pk) };
    assert_eq!(pages(store, numbers(3)).await, [vec!["1", "2", "3"], vec!["4", "5", "6"], vec!["x"]]);
    assert_eq!(pages(store, numbers(7)).await.len(), 1);
    assert_eq!(pages(store, Query { limit: 1, ..all(&pk) }).await.len(), 7);
}

/// A token goes on in the direction of the list, with its prefix, and does not mind that its row has gone.
pub async fn pages_follow_each_other_backwards(store: &dyn Store) {
    let pk = unique("p");
    put_sorts(store, &pk, &["a1", "a2", "a3", "a4", "b"]).await;
    let backwards = Query { descending: true, prefix: "a".to_owned(), limit: 2, ..all(&pk) };
    assert_eq!(pages(store, backwards.clone()).await, [["a4", "a3"], ["a2", "a1"]]);
    let after = store.query(&backwards).await.expect("a page").next;
    store.write(&[Change::Delete(row(&pk, "a3", 1).key, Condition::Any)]).await.expect("a delete");
    assert_eq!(sorts(store, &Query { after, ..backwards }).await, ["a2", "a1"]);
}

/// A page is as long as asked for, even when the service gives 1 MB at a time.
pub async fn large_pages_are_whole(store: &dyn Store) {
    let pk = unique("p");
    let large = |n: usize| Row { body: "x".repeat(120_000), ..row(&pk, &format!("{n:02}"), 1) };
    for n in 0..20 {
        put(store, &large(n)).await;
    }
    let page = store.query(&Query { limit: 18, ..all(&pk) }).await.expect("a page");
    assert_eq!(page.rows.len(), 18);
    assert_eq!(sorts(store, &Query { after: page.next, ..all(&pk) }).await, ["18", "19"]);
}

/// A token of somebody else.
pub async fn a_strange_token_is_refused(store: &dyn Store) {
    for token in ["", "x", "[]", "[1]", "[\"a\",\"b\"]"] {
        let strange = Query { after: Some(token.to_owned()), ..all("p") };
        assert!(matches!(store.query(&strange).await, Err(StoreError::Refused(_))), "{token}");
    }
}

fn indexed(pk: &str, sk: &str, partition: &str, sort: &str) -> Row {
    let index = IndexKey { partition: partition.to_owned(), sort: sort.to_owned() };
    Row { index: Some(index), ..row(pk, sk, 1) }
}

fn of_index(partition: &str) -> Query {
    Query { index: true, ..all(partition) }
}

/// Rows of many partitions in the order of the index, whole.
pub async fn the_index_lists_only_rows_that_have_a_place(store: &dyn Store) {
    let (pk, day) = (unique("p"), unique("DAY"));
    let (late, early) = (indexed(&pk, "a", &day, "11:30"), indexed(&format!("{pk}x"), "b", &day, "09:00"));
    store.put_all(&[late.clone(), row(&pk, "none", 1), early.clone()]).await.expect("rows are put");
    let found = store.query(&of_index(&day)).await.expect("a list").rows;
    assert_eq!(found, [early, late.clone()]);
    let morning = Query { prefix: "11".to_owned(), descending: true, ..of_index(&day) };
    assert_eq!(store.query(&morning).await.expect("a list").rows, [late]);
}

/// A row that loses its place, changes it, or goes, is not found there any more.
pub async fn a_row_leaves_the_index(store: &dyn Store) {
    let (pk, day, other) = (unique("p"), unique("DAY"), unique("DAY"));
    for sk in ["a", "b", "c"] {
        put(store, &indexed(&pk, sk, &day, sk)).await;
    }
    let delete = Change::Delete(row(&pk, "c", 1).key, Condition::Any);
    let changes = [
        Change::Put(row(&pk, "a", 2), Condition::Version(1)),
        Change::Put(indexed(&pk, "b", &other, "b"), Condition::Version(1)),
        delete,
    ];
    store.write(&changes).await.expect("a transaction");
    assert!(sorts(store, &of_index(&day)).await.is_empty());
    assert_eq!(sorts(store, &of_index(&other)).await, ["b"]);
}

/// Also where several rows have the same place.
pub async fn pages_of_the_index_follow_each_other(store: &dyn Store) {
    let (pk, day) = (unique("p"), unique("DAY"));
    let rows: Vec<Row> = (0..7).map(|n| indexed(&pk, &n.to_string(), &day, &format!("{}", n / 3))).collect();
    store.put_all(&rows).await.expect("rows are put");
    for descending in [false, true] {
        let pages = pages(store, Query { limit: 2, descending, ..of_index(&day) }).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
        let mut found: Vec<String> = pages.into_iter().flatten().collect();
        found.sort();
        assert_eq!(found, ["0", "1", "2", "3", "4", "5", "6"]);
    }
}

/// Every row there is, each once, however the pages fall; also those of the index, with their place.
pub async fn a_scan_sees_every_row_once(store: &dyn Store) {
    let pk = unique("scan");
    put_sorts(store, &pk, &["1", "2", "3", "4", "5"]).await;
    put(store, &indexed(&pk, "6", "somewhere", "here")).await;
    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..10_000 {
        let page = store.scan(after.as_deref(), 2).await.expect("a page");
        assert!(page.rows.len() <= 2);
        seen.extend(page.rows.into_iter().filter(|row| row.key.pk == pk));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    seen.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(seen.iter().map(|row| row.key.sk.as_str()).collect::<Vec<_>>(), ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(seen[5].index.as_ref().map(|index| index.sort.as_str()), Some("here"));
}
