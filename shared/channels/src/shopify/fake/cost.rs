//! Points: what a document costs by the formula that was fitted to recorded answers, and the bucket that pays
//! (<https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits>).

use super::graphql::{Run, arguments, fields, is_connection};
use super::state::Shop;
use apollo_compiler::Node;
use apollo_compiler::executable::{Field, Operation, SelectionSet};
use domain::Timestamp;
use serde_json::{Value, json};

/// The most that one query may ask for.
pub(super) const MOST: f64 = 1000.0;

/// What an operation asks for.
pub(super) fn requested(run: &Run<'_>, operation: &Operation) -> f64 {
    let roots = fields(run, "", &operation.selection_set);
    let each = roots
        .into_iter()
        .map(|field| if operation.is_mutation() { 10.0 + below_payload(run, field) } else { of_field(run, field) });
    each.sum::<f64>().max(1.0)
}

/// A mutation costs 10 and what is below the direct fields of its payload.
fn below_payload(run: &Run<'_>, field: &Node<Field>) -> f64 {
    let direct = everything(run, &field.selection_set);
    direct.into_iter().map(|field| below(run, field)).sum()
}

/// The fields of a selection whatever the type: of fragments on several types, all.
fn everything<'a>(run: &'a Run<'_>, set: &'a SelectionSet) -> Vec<&'a Node<Field>> {
    let kinds = ["InventoryItem", "Location", "InventoryLevel"];
    let ours = set.ty.as_str();
    if ours != "Node" {
        return fields(run, ours, set);
    }
    let found = kinds.iter().map(|kind| fields(run, kind, set));
    found.max_by_key(Vec::len).unwrap_or_default()
}

fn of_field(run: &Run<'_>, field: &Node<Field>) -> f64 {
    let children = everything(run, &field.selection_set);
    if children.is_empty() || field.name == "pageInfo" {
        return 0.0;
    }
    let given = arguments(run, field);
    if is_connection(field) {
        let first = given.get("first").or_else(|| given.get("last")).and_then(Value::as_f64).unwrap_or(1.0);
        let nodes: f64 = children.iter().filter(|child| child.name == "nodes").map(|child| below(run, child)).sum();
        let edges = children
            .iter()
            .filter(|child| child.name == "edges")
            .flat_map(|edges| everything(run, &edges.selection_set));
        let nodes = nodes + edges.map(|node| below(run, node)).sum::<f64>();
        return sized(first).mul_add(1.0 + nodes, 2.0);
    }
    let times = if field.name == "nodes" { given.get("ids").and_then(Value::as_array).map_or(1, Vec::len) } else { 1 };
    f64::from(u32::try_from(times).unwrap_or(u32::MAX)) * (1.0 + below(run, field))
}

fn below(run: &Run<'_>, field: &Node<Field>) -> f64 {
    everything(run, &field.selection_set).into_iter().map(|child| of_field(run, child)).sum()
}

fn sized(first: f64) -> f64 {
    if first < 1.0 { 0.0 } else { (2.0 * first.ln()).floor().max(1.0) }
}

impl Shop {
    /// Pays, if the bucket has it.
    pub(super) fn pay(&mut self, cost: f64, now: Timestamp) -> bool {
        let (most, gain) = self.switches.bucket;
        let (left, at) = self.points;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds between two calls are few")]
        let gained = gain * now.since_ms(at).max(0) as f64 / 1000.0;
        let left = (left + gained).min(most);
        let pays = cost <= left;
        self.points = (if pays { left - cost } else { left }, now);
        pays
    }

    /// `extensions.cost` of an answer.
    pub(super) fn cost(&self, requested: f64, actual: Option<f64>) -> Value {
        let (most, gain) = self.switches.bucket;
        let status = json!({"maximumAvailable": most, "currentlyAvailable": self.points.0, "restoreRate": gain});
        json!({"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status})
    }
}
