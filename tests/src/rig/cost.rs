//! What AWS charges, from what a proxy saw: units as its services count them. What they cost is in `engine::cost`.

use super::proxy::Call;
use serde_json::Value;
use std::fmt::Write as _;

pub use engine::cost::{ASSUMED, Counts, Idle, PRICES, sum};

/// Counts what was asked of the services.
pub trait Counting {
    /// Adds what the functions asked of the services.
    fn add(&mut self, calls: &[Call]);
}

impl Counting for Counts {
    fn add(&mut self, calls: &[Call]) {
        for call in calls {
            let operation = call.operation.rsplit('.').next().unwrap_or_default();
            match operation {
                "GetItem" => self.reads += one_read(call),
                "BatchGetItem" => self.reads += batch_reads(call),
                "Query" => self.reads += query_reads(call),
                "PutItem" => self.writes += put_units(&call.request["Item"]),
                "DeleteItem" => self.writes += 1.0,
                "BatchWriteItem" => self.writes += batch_writes(call),
                "TransactWriteItems" => self.writes += transaction_writes(call),
                "GetSecretValue" => self.secrets += 1.0,
                _ if call.operation.contains("SQS") => *queue(self, call) += 1.0,
                other => panic!("what does {other} cost?"),
            }
        }
    }
}

/// The requests at the queue that a call is for.
fn queue<'a>(counts: &'a mut Counts, call: &Call) -> &'a mut f64 {
    let fifo = call.request["QueueUrl"].as_str().is_some_and(|url| url.ends_with(".fifo"));
    if fifo { &mut counts.fifo } else { &mut counts.fair }
}

/// The parts in lines, with their sum.
#[must_use]
pub fn table(parts: &[(&'static str, f64)]) -> String {
    let mut text = String::new();
    for (name, dollars) in parts {
        _ = writeln!(text, "{name:16} {dollars:8.2}");
    }
    _ = writeln!(text, "{:16} {:8.2}", "sum", sum(parts));
    text
}

/// A strongly consistent read of one item: a unit for each 4 KB begun, and one for nothing.
fn strong(bytes: f64) -> f64 {
    (bytes / 4096.0).ceil().max(1.0)
}

/// Half of it, where it may be a moment old.
fn one_read(call: &Call) -> f64 {
    halved(call, strong(size(&call.response["Item"])))
}

fn halved(call: &Call, units: f64) -> f64 {
    if call.request["ConsistentRead"] == true { units } else { units / 2.0 }
}

fn batch_reads(call: &Call) -> f64 {
    let asked: usize = call.request["RequestItems"]
        .as_object()
        .map_or(0, |tables| tables.values().map(|table| table["Keys"].as_array().map_or(0, Vec::len)).sum());
    let found: Vec<f64> = call.response["Responses"].as_object().map_or_else(Vec::new, |tables| {
        tables
            .values()
            .flat_map(|items| items.as_array().into_iter().flatten())
            .map(|item| strong(size(item)))
            .collect()
    });
    #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
    let missing = asked.saturating_sub(found.len()) as f64;
    found.iter().sum::<f64>() + missing
}

/// A query pays for what it reads in sum; half, where it may be a moment old.
fn query_reads(call: &Call) -> f64 {
    let items = call.response["Items"].as_array().into_iter().flatten();
    halved(call, strong(items.map(size).sum()))
}

/// A write pays for each KB begun; once more for the index, if the row is in it.
fn put_units(item: &Value) -> f64 {
    let units = (size(item) / 1024.0).ceil().max(1.0);
    if item.get("gpk").is_some() { units * 2.0 } else { units }
}

fn batch_writes(call: &Call) -> f64 {
    let tables = call.request["RequestItems"].as_object().into_iter().flatten();
    let requests = tables.flat_map(|(_, requests)| requests.as_array().into_iter().flatten());
    requests.map(|request| request.get("PutRequest").map_or(1.0, |put| put_units(&put["Item"]))).sum()
}

/// Twice the price of as many single writes.
fn transaction_writes(call: &Call) -> f64 {
    let items = call.request["TransactItems"].as_array().into_iter().flatten();
    items.map(|item| item.get("Put").map_or(2.0, |put| put_units(&put["Item"]) * 2.0)).sum()
}

/// What was read, by kind of row: units in all.
#[must_use]
pub fn read(calls: &[Call]) -> String {
    let mut units = std::collections::BTreeMap::<String, f64>::new();
    for call in calls {
        let mut counted = Counts::default();
        counted.add(std::slice::from_ref(call));
        let asked = &call.request;
        let what = [&asked["Key"]["pk"]["S"], &asked["ExpressionAttributeValues"][":p"]["S"]];
        let pk = what.iter().find_map(|text| text.as_str()).unwrap_or("several");
        let sk = [&asked["Key"]["sk"]["S"], &asked["ExpressionAttributeValues"][":s"]["S"]];
        let sk = sk.iter().find_map(|text| text.as_str()).unwrap_or_default();
        let kind = |text: &str| text.split('#').next().unwrap_or_default().to_owned();
        *units.entry(format!("{} {}", kind(pk), kind(sk))).or_default() += counted.reads;
    }
    units.iter().filter(|(_, units)| **units > 0.0).map(|(kind, units)| format!("{kind}: {units}\n")).collect()
}

/// What was written, by kind of row: how often, and bytes at most.
#[must_use]
pub fn written(calls: &[Call]) -> String {
    let mut rows = std::collections::BTreeMap::<String, (usize, f64)>::new();
    for item in calls.iter().flat_map(|call| items_of(&call.request)) {
        let kind =
            |name: &str| item[name]["S"].as_str().unwrap_or_default().split('#').next().unwrap_or_default().to_owned();
        let row = rows.entry(format!("{} {}", kind("pk"), kind("sk"))).or_default();
        *row = (row.0 + 1, row.1.max(size(item)));
    }
    rows.iter().map(|(kind, (times, bytes))| format!("{kind}: {times} times, {bytes} bytes\n")).collect()
}

/// Every item that a request puts.
fn items_of(request: &Value) -> Vec<&Value> {
    match request {
        Value::Object(fields) => {
            let own = fields.get("Item").filter(|item| item.get("pk").is_some());
            own.map_or_else(|| fields.values().flat_map(items_of).collect(), |item| vec![item])
        }
        Value::Array(all) => all.iter().flat_map(items_of).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The size of an item, bytes: names and values.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
#[expect(clippy::cast_precision_loss, reason = "an item has at most 400 KB")]
fn size(item: &Value) -> f64 {
    let attributes = item.as_object().into_iter().flatten();
    let value = |value: &Value| {
        let text = value["S"].as_str().map(str::len);
        // bytes travel as base64: four characters for three of them
        let bytes = value["B"].as_str().map(|base64| base64.trim_end_matches('=').len() * 3 / 4);
        text.or(bytes).or_else(|| value["N"].as_str().map(|digits| digits.len().div_ceil(2) + 1)).unwrap_or(1)
    };
    attributes.map(|(name, attribute)| name.len() + value(attribute)).sum::<usize>() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(operation: &str, request: Value, response: Value) -> Call {
        Call { operation: operation.into(), request, response }
    }

    #[test]
    fn units_are_counted_as_dynamodb_does() {
        let item = |bytes: usize| json!({ "pk": { "S": "x".repeat(bytes - 2) } });
        let indexed = json!({ "pk": { "S": "a" }, "gpk": { "S": "b" } });
        let mut counts = Counts::default();
        counts.add(&[
            call("DynamoDB_20120810.GetItem", json!({ "ConsistentRead": true }), json!({ "Item": item(4096) })),
            call("DynamoDB_20120810.GetItem", json!({}), json!({})),
            call("DynamoDB_20120810.GetItem", json!({ "ConsistentRead": false }), json!({})),
            call("DynamoDB_20120810.Query", json!({}), json!({ "Items": [item(4000), item(4000)] })),
            call("DynamoDB_20120810.PutItem", json!({ "Item": item(1025) }), json!({})),
            call("DynamoDB_20120810.PutItem", json!({ "Item": indexed }), json!({})),
            call(
                "DynamoDB_20120810.TransactWriteItems",
                json!({ "TransactItems": [{ "Put": { "Item": item(10) } }] }),
                json!({}),
            ),
            call("AmazonSQS.SendMessageBatch", json!({ "QueueUrl": "https://a/b.fifo" }), json!({})),
        ]);
        assert!((counts.reads - 3.0).abs() < 1e-9, "{counts:?}");
        assert!((counts.writes - 6.0).abs() < 1e-9, "{counts:?}");
        assert!((counts.fifo - 1.0).abs() < 1e-9 && counts.fair < 1e-9, "{counts:?}");
    }
}
