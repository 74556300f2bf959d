//! The contract of a queue.

use async_trait::async_trait;
use engine::ports::{Inbound, MAX_RECEIVES, Outbound, Queue, QueueName};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A queue under test, empty, and its time.
#[async_trait]
pub trait Rig: Send + Sync {
    /// The queue.
    fn queue(&self) -> &dyn Queue;
    /// How long a received message stays invisible here.
    fn visibility(&self, queue: QueueName) -> Duration;
    /// Lets time pass, for the queue.
    async fn pass(&self, duration: Duration);
    /// The same queues by the real clock, for receivers that wait.
    fn waiting(&self) -> &dyn Queue;
}

use QueueName::{Changes, Dead, Lane};

const NOW: Duration = Duration::ZERO;
/// A queue of a service may need to be asked more than once for what it has.
const ASKS: usize = 5;

fn message(group: &str, body: &str) -> Outbound {
    Outbound { group: group.to_owned(), body: body.to_owned(), deduplication: None, delay: NOW }
}

async fn send(rig: &dyn Rig, queue: QueueName, messages: &[(&str, &str)]) {
    let messages: Vec<Outbound> = messages.iter().map(|(group, body)| message(group, body)).collect();
    rig.queue().send(queue, &messages).await.expect("messages are sent");
}

async fn receive(rig: &dyn Rig, queue: QueueName, most: usize) -> Vec<Inbound> {
    rig.queue().receive(queue, most, NOW).await.expect("a receive")
}

/// One message, which must be there.
async fn one(rig: &dyn Rig, queue: QueueName) -> Inbound {
    for _ in 0..ASKS {
        if let Some(message) = receive(rig, queue, 1).await.pop() {
            return message;
        }
    }
    panic!("no message in {queue:?}")
}

async fn delete(rig: &dyn Rig, queue: QueueName, messages: &[Inbound]) {
    let receipts: Vec<String> = messages.iter().map(|message| message.receipt.clone()).collect();
    rig.queue().delete(queue, &receipts).await.expect("a delete");
}

async fn nothing(rig: &dyn Rig, queue: QueueName) {
    assert_eq!(receive(rig, queue, 10).await, []);
}

fn bodies(messages: &[Inbound]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_str()).collect()
}

/// Everything about a message arrives, on either queue.
pub async fn a_message_is_received_once_and_deleted(rig: &dyn Rig) {
    for queue in [Changes, Lane] {
        send(rig, queue, &[("account-1", "{\"sku\":\"größe 42 ☃\"}")]).await;
        let found = one(rig, queue).await;
        assert_eq!((found.group.as_str(), found.body.as_str()), ("account-1", "{\"sku\":\"größe 42 ☃\"}"));
        assert_eq!(found.receives, 1);
        nothing(rig, queue).await;
        delete(rig, queue, &[found]).await;
        assert_eq!(rig.queue().depth(queue).await.expect("a depth"), engine::ports::Depth::default());
    }
}

/// More than one call of the service takes, each exactly once.
pub async fn many_messages_all_arrive(rig: &dyn Rig) {
    let texts: Vec<String> = (0..25).map(|n| format!("{n:02}")).collect();
    let messages: Vec<(&str, &str)> = texts.iter().map(|text| ("a", text.as_str())).collect();
    send(rig, Changes, &messages).await;
    let mut found = vec![];
    for _ in 0..ASKS {
        found.extend(receive(rig, Changes, 25).await);
    }
    delete(rig, Changes, &found).await;
    let mut bodies = bodies(&found);
    bodies.sort_unstable();
    assert_eq!(bodies, texts);
    assert!(receive(rig, Changes, 0).await.is_empty());
}

/// Whoever does not delete it gets it again: the same message, counted.
pub async fn a_received_message_comes_back_in_time(rig: &dyn Rig) {
    for queue in [Changes, Lane] {
        send(rig, queue, &[("a", "x")]).await;
        let first = one(rig, queue).await;
        rig.pass(rig.visibility(queue) / 2).await;
        nothing(rig, queue).await;
        rig.pass(rig.visibility(queue)).await;
        let second = one(rig, queue).await;
        assert_eq!((second.id, second.receives), (first.id, 2));
        assert_ne!(second.receipt, first.receipt);
    }
}

/// Deleted is deleted.
pub async fn a_deleted_message_stays_away(rig: &dyn Rig) {
    send(rig, Changes, &[("a", "x")]).await;
    let found = one(rig, Changes).await;
    delete(rig, Changes, &[found]).await;
    rig.pass(rig.visibility(Changes) * 2).await;
    nothing(rig, Changes).await;
}

/// A retry without delay.
pub async fn retry_brings_it_back_at_once(rig: &dyn Rig) {
    send(rig, Changes, &[("a", "x")]).await;
    let first = one(rig, Changes).await;
    rig.queue().retry(Changes, &first.receipt, NOW).await.expect("a retry");
    assert_eq!(one(rig, Changes).await.receives, 2);
}

/// A retry with one.
pub async fn retry_waits_as_told(rig: &dyn Rig) {
    send(rig, Changes, &[("a", "x")]).await;
    let first = one(rig, Changes).await;
    rig.queue().retry(Changes, &first.receipt, Duration::from_secs(2)).await.expect("a retry");
    rig.pass(Duration::from_secs(1)).await;
    nothing(rig, Changes).await;
    rig.pass(Duration::from_millis(1500)).await;
    assert_eq!(one(rig, Changes).await.receives, 2);
}

/// So are receipts that never were, as far as the service can tell them apart.
pub async fn deleting_twice_is_harmless(rig: &dyn Rig) {
    send(rig, Changes, &[("a", "x")]).await;
    let found = [one(rig, Changes).await];
    delete(rig, Changes, &found).await;
    delete(rig, Changes, &found).await;
    rig.queue().retry(Changes, &found[0].receipt, NOW).await.expect("a retry of what is gone");
    nothing(rig, Changes).await;
}

/// Receives and gives back the only message of a queue until it is dead.
async fn kill(rig: &dyn Rig, queue: QueueName) -> String {
    let mut name = String::new();
    for receives in 1..=MAX_RECEIVES {
        let found = one(rig, queue).await;
        assert_eq!(found.receives, receives);
        rig.queue().retry(queue, &found.receipt, NOW).await.expect("a retry");
        name = found.id;
    }
    nothing(rig, queue).await;
    assert_eq!(rig.queue().depth(Dead).await.expect("a depth").waiting, 1);
    name
}

/// And comes back fresh by a redrive, to be killed again.
pub async fn six_receives_and_it_is_dead(rig: &dyn Rig) {
    send(rig, Changes, &[("account-1", "poison")]).await;
    let name = kill(rig, Changes).await;
    assert_eq!(rig.queue().redrive(0).await.expect("a redrive of none"), Vec::<String>::new());
    assert_eq!(rig.queue().redrive(10).await.expect("a redrive"), [name], "the name that it had all the time");
    assert_eq!(rig.queue().redrive(10).await.expect("a redrive"), Vec::<String>::new());
    let back = one(rig, Changes).await;
    assert_eq!((back.group.as_str(), back.body.as_str(), back.receives), ("account-1", "poison", 1));
    nothing(rig, Lane).await;
}

/// Each to its own.
pub async fn a_dead_message_of_the_lane_returns_to_the_lane(rig: &dyn Rig) {
    let poison = Outbound { deduplication: Some("job".to_owned()), ..message("account-1", "poison") };
    rig.queue().send(Lane, &[poison]).await.expect("a message is sent");
    kill(rig, Lane).await;
    assert_eq!(rig.queue().redrive(1).await.expect("a redrive").len(), 1);
    let back = one(rig, Lane).await;
    assert_eq!((back.group.as_str(), back.body.as_str(), back.receives), ("account-1", "poison", 1));
    nothing(rig, Changes).await;
}

/// The console shows the dead, and can drop them.
pub async fn the_dead_can_be_looked_at_and_deleted(rig: &dyn Rig) {
    send(rig, Changes, &[("account-1", "poison")]).await;
    kill(rig, Changes).await;
    let dead = one(rig, Dead).await;
    assert_eq!((dead.group.as_str(), dead.body.as_str()), ("account-1", "poison"));
    delete(rig, Dead, &[dead]).await;
    assert_eq!(rig.queue().depth(Dead).await.expect("a depth"), engine::ports::Depth::default());
}

/// Not before its time; others do not wait for it.
pub async fn a_delayed_message_waits(rig: &dyn Rig) {
    let later = Outbound { delay: Duration::from_secs(2), ..message("a", "later") };
    rig.queue().send(Changes, &[later, message("a", "now")]).await.expect("messages are sent");
    assert_eq!(one(rig, Changes).await.body, "now");
    nothing(rig, Changes).await;
    rig.pass(Duration::from_millis(2500)).await;
    assert_eq!(one(rig, Changes).await.body, "later");
}

/// Waiting includes delayed.
pub async fn depth_counts_all(rig: &dyn Rig) {
    let later = Outbound { delay: Duration::from_secs(60), ..message("a", "later") };
    rig.queue().send(Changes, &[message("a", "1"), message("b", "2"), later]).await.expect("messages are sent");
    one(rig, Changes).await;
    let depth = rig.queue().depth(Changes).await.expect("a depth");
    assert_eq!((depth.waiting, depth.in_flight), (2, 1));
}

/// Order within a group, whatever happens between.
pub async fn the_lane_is_in_order_within_a_group(rig: &dyn Rig) {
    send(rig, Lane, &[("a", "1"), ("a", "2"), ("a", "3")]).await;
    let first = one(rig, Lane).await;
    rig.queue().retry(Lane, &first.receipt, NOW).await.expect("a retry");
    let mut seen = vec![];
    for _ in 0..3 {
        let next = one(rig, Lane).await;
        seen.push(next.body.clone());
        delete(rig, Lane, &[next]).await;
    }
    assert_eq!(seen, ["1", "2", "3"]);
}

/// While one of a group is away, nobody gets another of it; other groups go on.
pub async fn a_group_of_the_lane_waits_for_its_first(rig: &dyn Rig) {
    send(rig, Lane, &[("a", "a1"), ("a", "a2"), ("b", "b1")]).await;
    let (first, second) = (one(rig, Lane).await, one(rig, Lane).await);
    assert_eq!(BTreeSet::from([first.body.as_str(), second.body.as_str()]), BTreeSet::from(["a1", "b1"]));
    nothing(rig, Lane).await;
    let a1 = if first.group == "a" { first } else { second };
    rig.queue().retry(Lane, &a1.receipt, Duration::from_secs(2)).await.expect("a retry");
    nothing(rig, Lane).await;
    rig.pass(Duration::from_millis(2500)).await;
    let again = one(rig, Lane).await;
    assert_eq!(again.body, "a1");
    delete(rig, Lane, &[again]).await;
    assert_eq!(one(rig, Lane).await.body, "a2");
}

fn named(id: &str, body: &str) -> Outbound {
    Outbound { deduplication: Some(id.to_owned()), ..message("a", body) }
}

/// Also after the first one has been worked off. A message without an id is never dropped.
pub async fn the_lane_drops_what_it_has_seen(rig: &dyn Rig) {
    let plain = || message("b", "plain");
    rig.queue().send(Lane, &[named("größe 42", "first"), plain()]).await.expect("messages are sent");
    rig.queue().send(Lane, &[named("größe 42", "second"), plain()]).await.expect("messages are sent");
    let mut seen = vec![];
    for _ in 0..3 {
        let next = one(rig, Lane).await;
        seen.push(next.body.clone());
        delete(rig, Lane, &[next]).await;
    }
    seen.sort();
    assert_eq!(seen, ["first", "plain", "plain"]);
    rig.queue().send(Lane, &[named("größe 42", "third")]).await.expect("a message is sent");
    nothing(rig, Lane).await;
}

/// A hint that comes twice is carried twice: dropping it is the engine's decision.
pub async fn changes_drop_nothing(rig: &dyn Rig) {
    rig.queue().send(Changes, &[named("x", "1"), named("x", "2")]).await.expect("messages are sent");
    let found = [one(rig, Changes).await, one(rig, Changes).await];
    assert_ne!(found[0].body, found[1].body);
}

/// A lone message of a quiet account arrives long before the last of a busy one. Services promise fairness to the
/// waiting time of accounts, not an order, so a tenth of the busy ones may come before it.
pub async fn a_busy_group_does_not_hold_up_others(rig: &dyn Rig) {
    let busy: Vec<Outbound> = (0..60).map(|n| message("busy", &n.to_string())).collect();
    rig.queue().send(Changes, &busy).await.expect("messages are sent");
    rig.queue().send(Changes, &[message("quiet", "quiet")]).await.expect("a message is sent");
    let mut seen = 0;
    loop {
        let found = one(rig, Changes).await;
        if found.body == "quiet" {
            break;
        }
        seen += 1;
        assert!(seen <= 6, "{seen} messages of a busy group came first");
    }
}

/// Long polling: woken by a message, and by the time of a delayed one.
pub async fn a_waiting_receiver_is_woken_by_a_message(rig: &dyn Rig) {
    let (queue, start) = (rig.waiting(), Instant::now());
    let wait = Duration::from_secs(8);
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        queue.send(Changes, &[message("a", "x")]).await.expect("a message is sent");
    };
    let (found, ()) = tokio::join!(queue.receive(Changes, 10, wait), later);
    assert_eq!(bodies(&found.expect("a receive")), ["x"]);
    assert!(start.elapsed() < wait / 2, "{:?}", start.elapsed());
    let delayed = Outbound { delay: Duration::from_secs(1), ..message("a", "delayed") };
    queue.send(Changes, &[delayed]).await.expect("a message is sent");
    let found = queue.receive(Changes, 10, wait).await.expect("a receive");
    assert_eq!(bodies(&found), ["delayed"]);
    assert!(start.elapsed() < wait, "{:?}", start.elapsed());
    let start = Instant::now();
    assert!(queue.receive(Changes, 10, Duration::from_secs(1)).await.expect("a receive").is_empty());
    assert!(start.elapsed() >= Duration::from_millis(900), "it waits as long as asked: {:?}", start.elapsed());
}

/// 256 KiB, several in one send.
pub async fn a_large_message_passes(rig: &dyn Rig) {
    let large = "x".repeat(256 * 1024);
    send(rig, Changes, &[("a", &large), ("a", &large)]).await;
    assert_eq!(one(rig, Changes).await.body.len(), large.len());
    assert_eq!(one(rig, Changes).await.body.len(), large.len());
}

/// Only failing leads there.
pub async fn nothing_is_sent_to_the_dead(rig: &dyn Rig) {
    assert!(rig.queue().send(Dead, &[message("a", "x")]).await.is_err());
}
