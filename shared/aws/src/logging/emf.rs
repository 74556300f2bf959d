//! Metrics as log lines, in the embedded metric format (CloudWatch's user guide, "Specification: Embedded metric format").
//! CloudWatch takes them out of the log: no call, no permission, no waiting.

use serde_json::{Map, Value, json};
use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The namespace of our metrics.
const NAMESPACE: &str = "Evenstock";
/// A line holds at most so many values of one metric.
const VALUES_MOST: usize = 100;

/// A metric: the field that the engine tells, its name and unit, and whether there is one over all channels too, which an
/// alarm can look at.
struct Metric {
    field: &'static str,
    name: &'static str,
    unit: &'static str,
    over_all: bool,
}

const fn metric(field: &'static str, name: &'static str, unit: &'static str, over_all: bool) -> Metric {
    Metric { field, name, unit, over_all }
}

/// Every metric. Each costs money for each channel and hour in which it is told, so there are few.
const METRICS: &[Metric] = &[
    metric("changes", "Changes", "Count", false),
    metric("pushes", "Pushes", "Count", false),
    metric("stale", "Stale", "Count", false),
    metric("unknown", "Unknown", "Count", false),
    metric("echoes", "Echoes", "Count", false),
    metric("lag_ms", "LagMs", "Milliseconds", true),
    metric("waiting", "Waiting", "Count", true),
];

/// Turns events into lines.
pub(super) struct Emf<P> {
    stack: String,
    print: P,
}

impl<P: Fn(&str)> Emf<P> {
    /// Metrics of a stack, printed by `print`.
    pub(super) const fn new(stack: String, print: P) -> Self {
        Self { stack, print }
    }
}

impl<S: Subscriber, P: Fn(&str) + 'static> Layer<S> for Emf<P> {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        if let Some(line) = line(&self.stack, &fields, u64::try_from(now).unwrap_or(u64::MAX)) {
            (self.print)(&line.to_string());
        }
    }
}

/// What an event told.
#[derive(Default)]
struct Fields {
    channel: String,
    values: Map<String, Value>,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.values.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.values.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "channel" {
            value.clone_into(&mut self.channel);
        } else {
            self.values.insert(field.name().to_owned(), numbers(value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Numbers with commas between them, as they are; nothing else gets through.
fn numbers(text: &str) -> Value {
    text.split(',').filter_map(|number| number.trim().parse::<i64>().ok()).take(VALUES_MOST).collect()
}

/// The line; `None` when nothing was told.
fn line(stack: &str, fields: &Fields, now_ms: u64) -> Option<Value> {
    let is_told = |metric: &&Metric| fields.values.get(metric.field).is_some_and(|value| *value != json!([]));
    let told: Vec<&Metric> = METRICS.iter().filter(is_told).collect();
    if told.is_empty() {
        return None;
    }
    let described = |metric: &&Metric| json!({ "Name": metric.name, "Unit": metric.unit });
    let by_channel: Vec<Value> = told.iter().map(described).collect();
    let over_all: Vec<Value> = told.iter().filter(|metric| metric.over_all).map(described).collect();
    let mut directives = vec![directive(&["stack", "channel"], by_channel)];
    if !over_all.is_empty() {
        directives.push(directive(&["stack"], over_all));
    }
    let mut line = json!({
        "_aws": { "Timestamp": now_ms, "CloudWatchMetrics": directives },
        "stack": stack, "channel": fields.channel,
    });
    for metric in told {
        line[metric.name] = fields.values[metric.field].clone();
    }
    Some(line)
}

#[expect(clippy::needless_pass_by_value, reason = "they move into the line")]
fn directive(dimensions: &[&str], metrics: Vec<Value>) -> Value {
    json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    /// What is printed while `tell` runs.
    fn printed(tell: impl FnOnce()) -> Vec<Value> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let print = move |line: &str| {
            kept.lock().expect("one thread").push(serde_json::from_str(line).expect("JSON"));
        };
        let layer = Emf::new("hub".to_owned(), print);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), tell);
        lines.lock().expect("one thread").clone()
    }

    #[test]
    fn a_run_becomes_one_line_that_cloudwatch_takes_metrics_from() {
        let lines = printed(|| {
            tracing::debug!(channel = "a", changes = 2_u64, pushes = 3_u64, lag_ms = "12,40");
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!((&line["stack"], &line["channel"], &line["Changes"]), (&json!("hub"), &json!("a"), &json!(2)));
        assert_eq!(line["LagMs"], json!([12, 40]));
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().expect("a list");
        assert_eq!(directives[0]["Dimensions"], json!([["stack", "channel"]]));
        assert_eq!(directives[0]["Metrics"].as_array().expect("a list").len(), 3);
        assert_eq!(directives[1]["Metrics"], json!([{ "Name": "LagMs", "Unit": "Milliseconds" }]));
        for metric in directives[0]["Metrics"].as_array().expect("a list") {
            assert!(!line[metric["Name"].as_str().expect("text")].is_null(), "each metric has its value beside it");
        }
    }

    #[test]
    fn what_is_no_number_never_becomes_one_and_nothing_told_is_no_line() {
        assert_eq!(printed(|| tracing::debug!(channel = "a", lag_ms = "secret")), [] as [Value; 0]);
        assert_eq!(printed(|| tracing::debug!("something else")), [] as [Value; 0]);
    }
}
