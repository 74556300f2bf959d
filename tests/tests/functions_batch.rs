//! The glue of the sync function: a batch of messages in, the ids of those that must come again out.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use aws::function::{SqsEvent, work};
use serde_json::{Value, json};
use tests::shops::Shops;

const CHANGES: &str = "arn:aws:sqs:us-east-1:000000000000:evenstock-changes";
const LANE: &str = "arn:aws:sqs:us-east-1:000000000000:evenstock-lane.fifo";

fn record(queue: &str, id: &str, group: &str, body: &str) -> Value {
    json!({
        "messageId": id, "receiptHandle": format!("receipt-{id}"), "body": body, "md5OfBody": "",
        "attributes": { "ApproximateReceiveCount": "1", "MessageGroupId": group },
        "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": queue, "awsRegion": "us-east-1",
    })
}

fn event(records: &[Value]) -> SqsEvent {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

fn hint(account: &str, sku: &str) -> String {
    json!({ "account": account, "touch": { "sku": sku }, "cause": "webhook", "at": 0 }).to_string()
}

fn call(account: &str) -> String {
    json!({ "account": account }).to_string()
}

async fn failed(shops: &Shops, event: SqsEvent) -> Vec<String> {
    let response = work(&shops.hub, event).await.unwrap();
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_told_by_a_message_reaches_the_other_stores() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().sell(2, "TEE", 2, channels::Clock::now(&*shops.clock)).unwrap();
    assert!(failed(&shops, event(&[record(CHANGES, "a", "north", &hint("north", "TEE"))])).await.is_empty());
    shops.all_show("TEE", 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_poison_comes_again() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().sell(2, "TEE", 2, channels::Clock::now(&*shops.clock)).unwrap();
    let batch = [
        record(CHANGES, "poison", "north", "{"),
        record(CHANGES, "good", "north", &hint("north", "TEE")),
        record(CHANGES, "empty", "north", ""),
    ];
    let mut failed = failed(&shops, event(&batch)).await;
    failed.sort();
    assert_eq!(failed, ["empty", "poison"]);
    shops.all_show("TEE", 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_stops_at_its_first_failure_and_holds_up_no_other() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    shops.http.fake().sell(3, "TEE", 1, channels::Clock::now(&*shops.clock)).unwrap();
    let batch = [
        record(LANE, "north-1", "north", &call("north")),
        record(LANE, "north-2", "north", "poison"),
        record(LANE, "south-1", "south", &call("south")),
        record(LANE, "north-3", "north", &call("north")),
    ];
    assert_eq!(failed(&shops, event(&batch)).await, ["north-2", "north-3"]);
    assert_eq!(shops.levels("TEE").await["hub"], 9, "the south's lane has read its feed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_an_id_brings_the_whole_batch_back() {
    let shops = Shops::open(&[]).await;
    let mut nameless = record(CHANGES, "a", "main", &hint("main", "TEE"));
    nameless["messageId"] = Value::Null;
    assert!(work(&shops.hub, event(&[nameless])).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_events_are_events() {
    let shops = Shops::open(&[("TEE-RED-S", 4), ("TEE-RED-M", 5)]).await;
    for sample in [include_str!("../../events/sync-changes.json"), include_str!("../../events/sync-lane.json")] {
        assert!(failed(&shops, serde_json::from_str(sample).unwrap()).await.is_empty());
    }
    let events: SqsEvent = serde_json::from_str(include_str!("../../events/sync-events.json")).unwrap();
    assert_eq!(events.records.len(), 2);
    assert!(failed(&shops, events).await.is_empty(), "of sellers that nobody has connected: acknowledged");
    assert!(failed(&shops, event(&[])).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_can_read_comes_again_and_ends_among_the_dead() {
    let shops = Shops::open(&[]).await;
    let events = "arn:aws:sqs:us-east-1:000000000000:evenstock-events";
    let batch = [record(events, "odd", "", "{}"), record(CHANGES, "hint", "main", &hint("main", "TEE"))];
    assert_eq!(failed(&shops, event(&batch)).await, ["odd"]);
}
