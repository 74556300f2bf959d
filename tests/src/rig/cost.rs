//! What AWS charges: counts of calls, as a proxy saw them, times list prices. `docs/COSTS.md` says where the prices are from.

use super::proxy::Call;
use serde_json::Value;
use std::fmt::Write as _;

/// Dollars for a million of each, but where another unit is named: list prices of us-east-1, without any free tier.
#[derive(Debug, Clone, Copy)]
pub struct Prices {
    /// Requests at an HTTP API. <https://aws.amazon.com/api-gateway/pricing/>
    pub api: f64,
    /// Lambda invocations. <https://aws.amazon.com/lambda/pricing/>
    pub invocations: f64,
    /// Lambda on arm64, for a million GB-seconds.
    pub gb_seconds: f64,
    /// Requests at a standard queue with message groups. <https://aws.amazon.com/sqs/pricing/>
    pub fair: f64,
    /// Requests at a FIFO queue.
    pub fifo: f64,
    /// Write request units of a table on demand. <https://aws.amazon.com/dynamodb/pricing/on-demand/>
    pub writes: f64,
    /// Read request units.
    pub reads: f64,
    /// Log lines, for a GB. <https://aws.amazon.com/cloudwatch/pricing/>
    pub logs_gb: f64,
    /// A secret, for a month. <https://aws.amazon.com/secrets-manager/pricing/>
    pub secret_month: f64,
    /// Calls of secrets.
    pub secret_calls: f64,
    /// Ticks of timers. <https://aws.amazon.com/eventbridge/pricing/>
    pub ticks: f64,
    /// An alarm, for a month.
    pub alarm_month: f64,
    /// A metric of one's own, for a month in which each hour has a value.
    pub metric_month: f64,
}

/// As of November 2026.
pub const PRICES: Prices = Prices {
    api: 1.00,
    invocations: 0.20,
    gb_seconds: 13.3334,
    fair: 0.50,
    fifo: 0.50,
    writes: 0.625,
    reads: 0.125,
    logs_gb: 0.50,
    secret_month: 0.40,
    secret_calls: 5.00,
    ticks: 1.00,
    alarm_month: 0.10,
    metric_month: 0.30,
};

/// What cannot be counted on an emulator, because its calls are slow: how long the functions run, and their memory.
#[derive(Debug, Clone, Copy)]
pub struct Assumed {
    /// GB of the webhook function, as in the template.
    pub webhook_gb: f64,
    /// Seconds that it runs for a webhook when it is warm.
    pub webhook_seconds: f64,
    /// GB of the sync function.
    pub sync_gb: f64,
    /// Seconds that it runs for a change: mostly waiting for stores.
    pub sync_seconds: f64,
    /// Bytes that Lambda itself logs for an invocation: none, where the template has it tell only of what is wrong.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
    pub log_bytes: f64,
}

/// Memory as in the template; durations as stores over the internet make them.
pub const ASSUMED: Assumed =
    Assumed { webhook_gb: 0.25, webhook_seconds: 0.008, sync_gb: 0.25, sync_seconds: 0.55, log_bytes: 0.0 };

/// What was counted while some changes went through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Requests at the front door.
    pub webhooks: f64,
    /// Invocations of sync.
    pub runs: f64,
    /// Requests at the queue of changes, those of the event source mapping included.
    pub fair: f64,
    /// Requests at the lane.
    pub fifo: f64,
    /// Write units.
    pub writes: f64,
    /// Read units.
    pub reads: f64,
    /// Calls of secrets.
    pub secrets: f64,
    /// Bytes that the functions logged.
    pub log_bytes: f64,
}

impl Counts {
    /// Adds what the functions asked of the services.
    pub fn add(&mut self, calls: &[Call]) {
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
                _ if call.operation.contains("SQS") => self.add_queue(call),
                other => panic!("what does {other} cost?"),
            }
        }
    }

    fn add_queue(&mut self, call: &Call) {
        let fifo = call.request["QueueUrl"].as_str().is_some_and(|url| url.ends_with(".fifo"));
        *(if fifo { &mut self.fifo } else { &mut self.fair }) += 1.0;
    }

    /// The same for one of `changes` changes.
    #[must_use]
    pub fn of_one(self, changes: f64) -> Self {
        Self {
            webhooks: self.webhooks / changes,
            runs: self.runs / changes,
            fair: self.fair / changes,
            fifo: self.fifo / changes,
            writes: self.writes / changes,
            reads: self.reads / changes,
            secrets: self.secrets / changes,
            log_bytes: self.log_bytes / changes,
        }
    }

    /// What a million changes cost: each part in dollars. With a Function URL the front door costs nothing.
    #[must_use]
    pub fn dollars(&self, prices: &Prices, assumed: &Assumed, through_api: bool) -> Vec<(&'static str, f64)> {
        let gb_seconds = self.webhooks * assumed.webhook_gb * assumed.webhook_seconds
            + self.runs * assumed.sync_gb * assumed.sync_seconds;
        let invocations = self.webhooks + self.runs;
        let log_bytes = self.log_bytes + invocations * assumed.log_bytes;
        vec![
            ("front door", if through_api { self.webhooks * prices.api } else { 0.0 }),
            ("invocations", invocations * prices.invocations),
            ("their duration", gb_seconds * prices.gb_seconds),
            ("queues", self.fair * prices.fair + self.fifo * prices.fifo),
            ("table, writes", self.writes * prices.writes),
            ("table, reads", self.reads * prices.reads),
            ("secrets", self.secrets * prices.secret_calls),
            ("logs", log_bytes * prices.logs_gb / 1_000.0),
        ]
    }
}

/// What a month costs in which nothing happens, whatever was counted in it apart.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// Stores.
    pub accounts: f64,
    /// Secrets of the hub, without the one of tokens, which a person makes.
    pub secrets: f64,
    /// Alarms of the template.
    pub alarms: f64,
    /// What one sweep asks for, with the runs of the lanes that it calls.
    pub sweep: Counts,
}

/// Sweeps of a month.
const SWEEPS: f64 = 43_200.0;
/// All other ticks of a month.
const OTHER_TICKS: f64 = 2_940.0;
/// The secret of tokens.
const TOKENS: f64 = 1.0;
/// Polls of one queue in a month: five pollers that wait 20 seconds each.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
const POLLS: f64 = 648_000.0;
/// Seconds that a sweep runs, times GB of its function.
const SWEEP_GB_SECONDS: f64 = 0.1 * 1.0;
/// How often the health of an account is stored in a month, with a read before: every five minutes.
const HEALTH: f64 = 8_640.0;
/// Seconds that a lane runs in which nothing waits: one call to its store.
const LANE_SECONDS: f64 = 0.25;

impl Idle {
    /// Dollars a month, each part.
    #[must_use]
    pub fn dollars(&self, prices: &Prices, assumed: &Assumed) -> Vec<(&'static str, f64)> {
        let million = 1e6;
        let sweeps = SWEEPS / million;
        // at worst each lane is a run of its own; the hub has one too
        let runs = (self.accounts + 1.0) * SWEEPS;
        let gb_seconds = runs * LANE_SECONDS * assumed.sync_gb + SWEEPS * SWEEP_GB_SECONDS;
        let log_bytes = self.sweep.log_bytes * SWEEPS + (runs + SWEEPS) * assumed.log_bytes;
        vec![
            ("secrets", (self.secrets + TOKENS) * prices.secret_month),
            ("alarms", self.alarms * prices.alarm_month),
            ("polls of queues", 2.0 * POLLS / million * prices.fair),
            ("timers", (SWEEPS + OTHER_TICKS) / million * prices.ticks),
            ("invocations", (runs + SWEEPS) / million * prices.invocations),
            ("their duration", gb_seconds / million * prices.gb_seconds),
            ("queues", (self.sweep.fifo + 2.0 * (self.accounts + 1.0)) * sweeps * prices.fifo),
            ("table, writes", self.sweep.writes * sweeps * prices.writes),
            ("table, reads", self.sweep.reads * sweeps * prices.reads),
            ("health", self.accounts * HEALTH / million * (prices.writes + prices.reads)),
            ("metric Waiting", prices.metric_month * 2.0),
            ("logs", log_bytes / 1e9 * prices.logs_gb),
        ]
    }
}

/// The sum of the parts.
#[must_use]
pub fn sum(parts: &[(&'static str, f64)]) -> f64 {
    parts.iter().map(|(_, dollars)| dollars).sum()
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

    #[test]
    fn dollars_are_counts_times_prices() {
        let counts = Counts { webhooks: 11.0, runs: 1.0, fair: 3.0, ..Counts::default() };
        let parts = counts.dollars(&PRICES, &ASSUMED, true);
        assert!((parts[0].1 - 11.0).abs() < 1e-9);
        assert!((parts[3].1 - 1.5).abs() < 1e-9);
        assert!((sum(&parts) - sum(&counts.dollars(&PRICES, &ASSUMED, false)) - 11.0).abs() < 1e-9);
    }
}
