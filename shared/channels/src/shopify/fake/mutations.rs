//! The root fields of mutations.

use super::graphql::{Run, arguments, idempotency};
use super::idempotency::Known;
use super::objects::{Object, Resolved, gid, number, record};
use super::state::{Shop, Subject, Subscription};
use super::{bulk, quantities};
use apollo_compiler::executable::Field;
use domain::Timestamp;
use serde_json::{Map, Value, json};

/// What one root field needs.
pub(super) struct Cx<'a> {
    pub(super) version: &'a str,
    pub(super) host: &'a str,
    pub(super) now: Timestamp,
}

/// A field's payload, or the entry of `errors` that stands for it.
pub(super) type Ran = Result<Resolved, Value>;

/// An entry of `errors` for a root field.
pub(super) fn top(field: &Field, code: &str, message: &str) -> Value {
    json!({"message": message, "path": [field.response_key().as_str()], "extensions": {"code": code}})
}

/// The scope that a root field needs.
fn scope(name: &str) -> &'static str {
    match name {
        "inventorySetQuantities" | "inventoryActivate" | "inventoryDeactivate" | "inventoryItemUpdate" => {
            "write_inventory"
        }
        "webhookSubscriptionCreate" | "bulkOperationRunQuery" => "read_inventory",
        _ => "",
    }
}

/// Refuses a field whose scope the app does not have.
pub(super) fn denied(shop: &Shop, field: &Field, scope: &str) -> Option<Value> {
    let has = scope.is_empty() || shop.switches.scopes.iter().any(|given| given == scope);
    let story = format!("Access denied for {} field. Required access: `{scope}` access scope.", field.name);
    (!has).then(|| top(field, "ACCESS_DENIED", &story))
}

/// Runs one root field of a mutation, its checks in the order in which they were seen.
pub(super) fn run(shop: &mut Shop, run: &Run<'_>, field: &Field, cx: &Cx<'_>) -> Ran {
    let name = field.name.as_str();
    if let Some(denied) = denied(shop, field, scope(name)) {
        return Err(denied);
    }
    let given = arguments(run, field);
    match name {
        "inventorySetQuantities" => set(shop, run, field, &given, cx),
        "inventoryActivate" => activate(shop, run, field, &given, cx),
        "inventoryDeactivate" => Ok(deactivate(shop, &given, cx).into()),
        "inventoryItemUpdate" => Ok(update(shop, &given, cx).into()),
        "webhookSubscriptionCreate" => Ok(subscribe(shop, &given).into()),
        "webhookSubscriptionDelete" => Ok(unsubscribe(shop, &given).into()),
        "bulkOperationRunQuery" => Ok(bulk::run(shop, &given, cx).into()),
        _ => Err(top(field, "NOT_IN_THE_FAKE", "the fake does not carry this out")),
    }
}

fn set(shop: &mut Shop, run: &Run<'_>, field: &Field, given: &Map<String, Value>, cx: &Cx<'_>) -> Ran {
    let rows = given.get("input").and_then(|input| input["quantities"].as_array()).cloned().unwrap_or_default();
    if rows.iter().any(|row| row.get("changeFromQuantity").is_none()) {
        let story = "InventoryQuantityInput must include the following argument: changeFromQuantity.";
        return Err(top(field, "INVALID_FIELD_ARGUMENTS", story));
    }
    once(shop, run, field, given, cx, |shop, key| quantities::set(shop, cx.version, given, key, cx.now))
}

/// Runs a mutation at most once per key.
fn once(
    shop: &mut Shop,
    run: &Run<'_>,
    field: &Field,
    given: &Map<String, Value>,
    cx: &Cx<'_>,
    work: impl FnOnce(&mut Shop, &str) -> (Object, bool),
) -> Ran {
    let Some(key) = idempotency(run, field) else {
        let story = "The @idempotent directive is required for this mutation but was not provided.";
        return Err(top(field, "BAD_REQUEST", story));
    };
    let fingerprint = format!("{} {}", field.name, json!(given));
    match shop.keys.look(&key, &fingerprint, &shop.switches, cx.now) {
        Known::Replay(payload) if shop.switches.replay_bare => Ok(quantities::bare(payload).into()),
        Known::Replay(payload) => Ok(payload.into()),
        Known::Refused(code) => Ok(quantities::refused(code).into()),
        Known::New => {
            let (payload, failed) = work(shop, &key);
            shop.keys.keep(&key, fingerprint, failed, &payload, cx.now);
            Ok(payload.into())
        }
    }
}

fn activate(shop: &mut Shop, run: &Run<'_>, field: &Field, given: &Map<String, Value>, cx: &Cx<'_>) -> Ran {
    once(shop, run, field, given, cx, |shop, _| {
        let id = |name: &str, kind: &str| number(given.get(name)?.as_str()?, kind);
        let (item, location) = (id("inventoryItemId", "InventoryItem"), id("locationId", "Location"));
        let known = item.zip(location).filter(|(item, location)| {
            shop.items.contains_key(item) && shop.locations.get(location).is_some_and(|location| location.active)
        });
        let Some(at) = known else {
            return (
                plain("InventoryActivatePayload", "inventoryLevel", None, &["The item or location is not there."]),
                true,
            );
        };
        let available = given.get("available").and_then(Value::as_i64);
        let active = shop.levels.get(&at).is_some_and(|level| level.active);
        let refused = active && available.is_some();
        let sets = !shop.levels.contains_key(&at) || shop.switches.reactivation_applies;
        shop.stock(at, cx.now);
        if let Some(available) = available.filter(|_| !active && sets) {
            shop.change(at, cx.now, |level| level.available = available);
        }
        let story = "Not allowed to set available quantity when the item is already active at the location.";
        let stories: &[&str] = if refused { &[story] } else { &[] };
        (plain("InventoryActivatePayload", "inventoryLevel", Some(Object::Level(at.0, at.1)), stories), refused)
    })
}

/// A payload with one object and with errors that have no codes.
fn plain(kind: &'static str, name: &'static str, object: Option<Object>, stories: &[&str]) -> Object {
    record(kind, vec![(name, Resolved::One(object)), ("userErrors", errors(stories))])
}

fn errors(stories: &[&str]) -> Resolved {
    let error = |story: &&str| {
        let fields = vec![("field", Value::Null.into()), ("message", json!(story).into())];
        Some(record("UserError", fields))
    };
    Resolved::Many(stories.iter().map(error).collect())
}

/// The item that a level's id ends with, and its location.
fn of_level(shop: &Shop, gid: &str) -> Option<(u64, u64)> {
    shop.levels.keys().copied().find(|at| super::objects::level_gid(at.0, at.1) == gid)
}

fn deactivate(shop: &mut Shop, given: &Map<String, Value>, cx: &Cx<'_>) -> Object {
    let payload = |stories: &[&str]| record("InventoryDeactivatePayload", vec![("userErrors", errors(stories))]);
    let at = given.get("inventoryLevelId").and_then(Value::as_str).and_then(|gid| of_level(shop, gid));
    let Some(at) = at else {
        return payload(&["The product couldn't be unstocked because the location was deleted."]);
    };
    let active = shop.levels.range((at.0, 0)..=(at.0, u64::MAX)).filter(|(_, level)| level.active).count();
    if active < 2 {
        return payload(&[
            "The product couldn't be unstocked: products need to be stocked at a minimum of 1 location.",
        ]);
    }
    shop.unstock(at, cx.now);
    payload(&[])
}

fn update(shop: &mut Shop, given: &Map<String, Value>, cx: &Cx<'_>) -> Object {
    let id = given.get("id").and_then(Value::as_str).and_then(|gid| number(gid, "InventoryItem"));
    let Some((id, item)) = id.and_then(|id| Some((id, shop.items.get_mut(&id)?))) else {
        return plain("InventoryItemUpdatePayload", "inventoryItem", None, &["The inventory item does not exist."]);
    };
    if let Some(tracked) = given.get("input").and_then(|input| input["tracked"].as_bool()) {
        item.tracked = tracked;
    }
    item.updated = cx.now;
    shop.tell("inventory_items/update", Subject::Item(id), cx.now);
    plain("InventoryItemUpdatePayload", "inventoryItem", Some(Object::Item(id)), &[])
}

/// `INVENTORY_LEVELS_UPDATE` as its header has it: the last underscore that parts subject and act becomes a slash.
fn topic(constant: &str) -> String {
    let name = constant.to_lowercase();
    let subjects = ["inventory_levels", "inventory_items", "bulk_operations", "locations", "products", "orders", "app"];
    let subject = subjects.iter().find(|subject| name.starts_with(&format!("{subject}_")));
    subject.map_or(name.clone(), |subject| format!("{subject}/{}", &name[subject.len() + 1..]))
}

fn subscribe(shop: &mut Shop, given: &Map<String, Value>) -> Object {
    let field = |name: &str| given.get(name).cloned().unwrap_or_default();
    let topic = topic(field("topic").as_str().unwrap_or_default());
    let uri = field("webhookSubscription")["uri"].as_str().unwrap_or_default().to_owned();
    let host = url::Url::parse(&uri).ok();
    let local = host.as_ref().is_some_and(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1")));
    let story = if uri.is_empty() {
        "Address can't be blank"
    } else if !uri.starts_with("https://") && !local {
        // a live store would refuse a loopback address; here it is the hub under test
        "Address protocol http:// is not supported"
    } else if uri.contains(".myshopify.com") {
        "Address cannot be a Shopify or an internal domain"
    } else if topic.starts_with("orders/") {
        "This app is not approved to subscribe to webhook topics containing protected customer data"
    } else if shop.subscriptions.values().any(|one| one.topic == topic && one.uri == uri) {
        "Address for this topic has already been taken"
    } else {
        let id = shop.id();
        shop.subscriptions.insert(id, Subscription { topic, uri, failures: 0 });
        let object = super::queries::subscription(shop, id);
        return plain("WebhookSubscriptionCreatePayload", "webhookSubscription", object, &[]);
    };
    plain("WebhookSubscriptionCreatePayload", "webhookSubscription", None, &[story])
}

fn unsubscribe(shop: &mut Shop, given: &Map<String, Value>) -> Object {
    let id = given.get("id").and_then(Value::as_str).and_then(|gid| number(gid, "WebhookSubscription"));
    let gone = id.filter(|id| shop.subscriptions.remove(id).is_some());
    let stories: &[&str] = if gone.is_some() { &[] } else { &["Webhook subscription does not exist"] };
    let deleted = gone.map(|id| gid("WebhookSubscription", id));
    let fields = vec![("deletedWebhookSubscriptionId", json!(deleted).into()), ("userErrors", errors(stories))];
    record("WebhookSubscriptionDeletePayload", fields)
}
