//! The root fields of queries.

use super::graphql::{Run, arguments};
use super::mutations::{Cx, Ran, denied};
use super::objects::{Object, Resolved, gid, number, page, record};
use super::state::{Item, Shop};
use super::{bulk, graphql};
use apollo_compiler::executable::Field;
use serde_json::{Map, Value, json};

fn scope(name: &str) -> &'static str {
    match name {
        "inventoryItem" | "inventoryItems" => "read_inventory",
        "productVariants" => "read_products",
        "locations" => "read_locations",
        "order" => "read_orders",
        _ => "",
    }
}

/// Runs one root field of a query; what the search did not understand goes to `warnings`.
pub(super) fn run(shop: &mut Shop, run: &Run<'_>, field: &Field, cx: &Cx<'_>, warnings: &mut Vec<Value>) -> Ran {
    if let Some(denied) = denied(shop, field, scope(field.name.as_str())) {
        return Err(denied);
    }
    let given = arguments(run, field);
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
    Ok(match field.name.as_str() {
        "shop" => store(shop).into(),
        "currentAppInstallation" => installation(shop).into(),
        "publicApiVersions" => versions(),
        "nodes" => nodes(shop, &given),
        "inventoryItem" => {
            let id = number(text("id"), "InventoryItem").filter(|id| shop.items.contains_key(id));
            Resolved::One(id.map(Object::Item))
        }
        "inventoryItems" => items(shop, &given, cx, warnings).into(),
        "locations" => locations(shop, &given).into(),
        "webhookSubscriptions" => {
            let ids: Vec<u64> = shop.subscriptions.keys().copied().collect();
            let rows = ids.into_iter().filter_map(|id| subscription(shop, id)).collect();
            page("WebhookSubscriptionConnection", "", rows, &given).into()
        }
        "bulkOperation" => Resolved::One(number(text("id"), "BulkOperation").and_then(|id| bulk::show(shop, id, cx))),
        _ => return Err(super::mutations::top(field, "NOT_IN_THE_FAKE", "the fake does not answer this")),
    })
}

fn store(shop: &Shop) -> Object {
    let fields = vec![
        ("id", json!(gid("Shop", 1)).into()),
        ("name", json!(shop.spec.name).into()),
        ("myshopifyDomain", json!(shop.spec.domain).into()),
        ("ianaTimezone", json!("Asia/Bangkok").into()),
        ("currencyCode", json!("EUR").into()),
    ];
    record("Shop", fields)
}

fn installation(shop: &Shop) -> Object {
    let scope = |scope: &String| Some(record("AccessScope", vec![("handle", json!(scope).into())]));
    let scopes = shop.switches.scopes.iter().map(scope).collect();
    record("AppInstallation", vec![("accessScopes", Resolved::Many(scopes))])
}

fn versions() -> Resolved {
    let version = |handle: &&str| {
        let fields = vec![
            ("handle", json!(handle).into()),
            ("displayName", json!(handle).into()),
            ("supported", json!(true).into()),
        ];
        Some(record("ApiVersion", fields))
    };
    Resolved::Many(super::super::API_VERSIONS.iter().map(version).collect())
}

/// In the order asked for; what is not there is null.
fn nodes(shop: &Shop, given: &Map<String, Value>) -> Resolved {
    let ids = given.get("ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let node = |gid: &str| {
        let item = number(gid, "InventoryItem").filter(|id| shop.items.contains_key(id)).map(Object::Item);
        item.or_else(|| number(gid, "Location").filter(|id| shop.locations.contains_key(id)).map(Object::Location))
    };
    Resolved::Many(ids.map(node).collect())
}

fn locations(shop: &Shop, given: &Map<String, Value>) -> Object {
    let flag = |name: &str| given.get(name).and_then(Value::as_bool).unwrap_or_default();
    let (idle, legacy) = (flag("includeInactive"), flag("includeLegacy"));
    let shown = shop.locations.iter().filter(|(_, place)| (place.active || idle) && (!place.service || legacy));
    page("LocationConnection", "", shown.map(|(id, _)| Object::Location(*id)).collect(), given)
}

/// The search: an index that lags behind and finds words, and an unknown filter that is dropped with a warning.
fn items(shop: &Shop, given: &Map<String, Value>, cx: &Cx<'_>, warnings: &mut Vec<Value>) -> Object {
    let query = given.get("query").and_then(Value::as_str).unwrap_or_default();
    let sought = query.strip_prefix("sku:").filter(|_| !shop.switches.search_deaf);
    if sought.is_none() && !query.is_empty() {
        let field = query.split(':').next().unwrap_or_default();
        warnings.push(json!({"path": ["inventoryItems"], "query": query, "warnings":
            [{"field": field, "message": "Invalid search field for this query.", "code": "invalid_field"}]}));
    }
    let sought = sought.map(|text| unquoted(text).replace("\\\"", "\"").replace("\\\\", "\\"));
    let found =
        shop.items.iter().filter(|(_, item)| sought.as_ref().is_none_or(|sought| finds(shop, item, sought, cx)));
    page("InventoryItemConnection", "InventoryItemEdge", found.map(|(id, _)| Object::Item(*id)).collect(), given)
}

fn finds(shop: &Shop, item: &Item, sought: &str, cx: &Cx<'_>) -> bool {
    let late = cx.now.since_ms(item.indexed.1) < shop.switches.search_lag_ms;
    let indexed = if late { &item.indexed.0 } else { &item.sku };
    let Some(indexed) = indexed.as_ref().map(|sku| sku.to_lowercase()) else { return false };
    let sought = sought.to_lowercase();
    let word = |text: &str| text.split(['-', '_', ' ']).next().unwrap_or_default().to_owned();
    indexed == sought || (shop.switches.search_broad && word(&indexed) == word(&sought))
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// A webhook subscription as it is shown.
pub(super) fn subscription(shop: &Shop, id: u64) -> Option<Object> {
    let one = shop.subscriptions.get(&id)?;
    let topic = one.topic.replace('/', "_").to_uppercase();
    let version = shop.switches.webhook_version.clone().unwrap_or_else(|| graphql::served("2026-07").to_owned());
    let version = vec![("handle", json!(version).into()), ("displayName", json!(version).into())];
    let fields = vec![
        ("id", json!(gid("WebhookSubscription", id)).into()),
        ("topic", json!(topic).into()),
        ("uri", json!(one.uri).into()),
        ("format", json!("JSON").into()),
        ("includeFields", json!([]).into()),
        ("name", Value::Null.into()),
        ("filter", Value::Null.into()),
        ("apiVersion", record("ApiVersion", version).into()),
    ];
    Some(record("WebhookSubscription", fields))
}
