//! How fast this machine is: `cargo run --release -p local --example measure [seconds]`. Prints calls per second of the
//! store and the queue, alone and with 16 at once, on a directory beside the current one (never in memory).
#![allow(clippy::print_stdout, clippy::expect_used)]

use channels::clock::SystemClock;
use engine::ports::{Change, Condition, IndexKey, Key, Outbound, Query, Queue, QueueName, Row, Store};
use local::{EmbeddedDynamo, LocalQueue};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3.0);
    let span = Duration::from_secs_f64(seconds);
    let folder = tempfile::tempdir_in(".").expect("a directory to measure in");
    store(folder.path(), span).await;
    queue(folder.path(), span).await;
}

async fn store(folder: &Path, span: Duration) {
    let embedded = EmbeddedDynamo::open(folder).await.expect("the store opens");
    let store: Arc<dyn Store> = Arc::new(embedded.store());
    for at_once in [1, 16] {
        let s = Arc::clone(&store);
        run("store: put with a condition", at_once, span, move |n| {
            let s = Arc::clone(&s);
            async move {
                s.write(&[Change::Put(row("PUT", n), Condition::Below(n + 2))]).await.expect("put");
                1
            }
        })
        .await;
        let s = Arc::clone(&store);
        run("store: transaction of 2", at_once, span, move |n| {
            let s = Arc::clone(&s);
            async move { transaction(&*s, n).await }
        })
        .await;
        let s = Arc::clone(&store);
        run("store: commit of a SKU (transaction of 2, then a put)", at_once, span, move |n| {
            let s = Arc::clone(&s);
            async move {
                transaction(&*s, n).await;
                s.write(&[Change::Put(row("STATE", n), Condition::Version(n + 1))]).await.expect("put");
                1
            }
        })
        .await;
        let s = Arc::clone(&store);
        run("store: get", at_once, span, move |n| {
            let s = Arc::clone(&s);
            async move { s.get(&[row("PUT", n % 500).key]).await.expect("get").len() as u64 }
        })
        .await;
        let s = Arc::clone(&store);
        run("store: put_all, rows (250 a call)", at_once, span, move |n| {
            let s = Arc::clone(&s);
            async move {
                let rows: Vec<Row> = (0..250).map(|i| row("BULK", n * 250 + i)).collect();
                s.put_all(&rows).await.expect("put all");
                250
            }
        })
        .await;
        let s = Arc::clone(&store);
        run("store: query, rows (100 a page)", at_once, span, move |n| {
            let s = Arc::clone(&s);
            async move { page(&*s, n).await }
        })
        .await;
    }
}

async fn transaction(store: &dyn Store, n: u64) -> u64 {
    let state = Row { version: n + 1, ..row("STATE", n) };
    let changes = [Change::Put(state, Condition::Any), Change::Put(row("SALE", n), Condition::Any)];
    store.write(&changes).await.expect("transaction");
    1
}

async fn page(store: &dyn Store, n: u64) -> u64 {
    let partition = format!("BULK#{}", n % 50);
    let (prefix, after) = (String::new(), None);
    let query = Query { partition, index: false, prefix, after, descending: false, limit: 100 };
    store.query(&query).await.expect("query").rows.len() as u64
}

fn row(kind: &str, n: u64) -> Row {
    Row {
        key: Key { pk: format!("{kind}#{}", n % 50), sk: format!("{n:012}") },
        version: n + 1,
        body: format!("{{\"base\":{{\"main\":12}},\"pad\":\"{}\"}}", "x".repeat(350)),
        expires: None,
        index: (kind == "SALE").then(|| IndexKey { partition: format!("DAY#{}", n % 7), sort: format!("{n:012}") }),
    }
}

async fn queue(folder: &Path, span: Duration) {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::open(folder, Arc::new(SystemClock)).expect("the queue opens"));
    for at_once in [1, 64] {
        let q = Arc::clone(&queue);
        run("queue: send", at_once, span, move |n| {
            let q = Arc::clone(&q);
            async move {
                q.send(QueueName::Changes, &[message(n)]).await.expect("send");
                1
            }
        })
        .await;
    }
    for at_once in [1, 8] {
        let q = Arc::clone(&queue);
        run("queue: receive 10 and delete, messages", at_once, span, move |_| {
            let q = Arc::clone(&q);
            async move {
                let messages = q.receive(QueueName::Changes, 10, Duration::ZERO).await.expect("receive");
                let receipts: Vec<String> = messages.into_iter().map(|m| m.receipt).collect();
                q.delete(QueueName::Changes, &receipts).await.expect("delete");
                receipts.len() as u64
            }
        })
        .await;
    }
}

fn message(n: u64) -> Outbound {
    let body = format!("{{\"sku\":\"{n}\",\"pad\":\"{}\"}}", "x".repeat(200));
    Outbound { group: format!("account-{}", n % 20), body, deduplication: None, delay: Duration::ZERO }
}

async fn run<F, W>(name: &str, at_once: usize, span: Duration, work: F)
where
    F: Fn(u64) -> W + Send + Sync + 'static,
    W: Future<Output = u64> + Send,
{
    let (work, turn) = (Arc::new(work), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            let (work, turn) = (Arc::clone(&work), Arc::clone(&turn));
            tokio::spawn(async move {
                let mut done = 0;
                while start.elapsed() < span {
                    done += work(turn.fetch_add(1, Ordering::Relaxed)).await;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("no panic");
    }
    println!("{name}\t{at_once} at once\t{:.0}/s", done as f64 / start.elapsed().as_secs_f64());
}
