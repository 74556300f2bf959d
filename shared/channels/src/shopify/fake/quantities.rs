//! `inventorySetQuantities`: its checks in their order, all or nothing.

use super::objects::{Object, Resolved, gid, number, record};
use super::state::{ApiWrite, Shop};
use super::switches::NotStocked;
use domain::Timestamp;
use serde_json::{Map, Value, json};

/// The quantity may be so far from zero.
const MOST: i64 = 1_000_000_000;
/// The reasons that were seen listed by a refusal.
const REASONS: &[&str] = &[
    "correction",
    "cycle_count_available",
    "damaged",
    "movement_canceled",
    "movement_created",
    "movement_received",
    "movement_updated",
    "other",
    "promotion",
    "quality_control",
    "received",
    "reservation_created",
    "reservation_deleted",
    "reservation_updated",
    "restock",
    "safety_stock",
    "shrinkage",
];

/// A row that was asked for.
struct Row {
    at: Option<(u64, u64)>,
    quantity: i64,
    from: Option<i64>,
}

/// An error of the mutation's own rules.
type Wrong = (&'static str, Option<Vec<String>>, &'static str);

/// Runs the mutation; the payload, and whether it failed.
pub(super) fn set(
    shop: &mut Shop,
    version: &str,
    arguments: &Map<String, Value>,
    key: &str,
    now: Timestamp,
) -> (Object, bool) {
    let input = arguments.get("input").cloned().unwrap_or_default();
    let rows = rows(&input);
    let name = input["name"].as_str().unwrap_or_default().to_owned();
    let wrong = wrong(shop, version, &input, &rows);
    if !wrong.is_empty() && !shop.switches.partial_apply {
        return (payload(Resolved::One(None), &wrong), true);
    }
    let blamed: Vec<&str> = wrong.iter().filter_map(|(_, path, _)| path.as_ref()?.get(2).map(String::as_str)).collect();
    let mut changes = Vec::new();
    for (place, row) in rows.iter().enumerate().filter(|(place, _)| !blamed.contains(&place.to_string().as_str())) {
        if let Some(at) = row.at {
            changes.extend(apply(shop, at, &name, row.quantity, (place, key), now));
        }
    }
    // nothing to change is a success without a group
    let group = (!changes.is_empty()).then(|| group(shop, &input, changes, now));
    (payload(Resolved::One(group), &wrong), !wrong.is_empty())
}

fn rows(input: &Value) -> Vec<Row> {
    let rows = input["quantities"].as_array().into_iter().flatten();
    let row = |row: &Value| {
        let id = |name: &str, kind: &str| number(row[name].as_str()?, kind);
        let at = id("inventoryItemId", "InventoryItem").zip(id("locationId", "Location"));
        Row { at, quantity: row["quantity"].as_i64().unwrap_or_default(), from: row["changeFromQuantity"].as_i64() }
    };
    rows.map(row).collect()
}

fn wrong(shop: &Shop, version: &str, input: &Value, rows: &[Row]) -> Vec<Wrong> {
    let input_path = |field: &str| Some(vec!["input".to_owned(), field.to_owned()]);
    let name = input["name"].as_str().unwrap_or_default();
    if !matches!(name, "available" | "on_hand") {
        return vec![(
            "INVALID_NAME",
            input_path("name"),
            "The quantity name must be either 'available' or 'on_hand'.",
        )];
    }
    if !REASONS.contains(&input["reason"].as_str().unwrap_or_default()) {
        return vec![("INVALID_REASON", input_path("reason"), "The specified reason is invalid.")];
    }
    let mut found = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let path = |field: &str| Some(["input", "quantities", &place.to_string(), field].map(str::to_owned).to_vec());
        let twice = rows.iter().filter(|other| row.at.is_some() && other.at == row.at).count() > 1;
        if twice {
            let story = "The combination of inventoryItemId and locationId must be unique.";
            found.push(("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", path("locationId"), story));
        } else if let Some((code, field, story)) = wrong_row(shop, version, name, row) {
            let named = code != "CHANGE_FROM_QUANTITY_STALE" || shop.switches.stale_path;
            found.push((code, if named { path(field) } else { None }, story));
        }
    }
    found
}

fn wrong_row(shop: &Shop, version: &str, name: &str, row: &Row) -> Option<(&'static str, &'static str, &'static str)> {
    let item = row.at.and_then(|(item, _)| shop.items.get(&item));
    let Some(item) = item else {
        return Some(("INVALID_INVENTORY_ITEM", "inventoryItemId", "The specified inventory item could not be found."));
    };
    if !row.at.is_some_and(|(_, location)| shop.locations.contains_key(&location)) {
        return Some(("INVALID_LOCATION", "locationId", "The specified location could not be found."));
    }
    let level = row.at.and_then(|at| shop.levels.get(&at));
    let strict = shop.switches.not_stocked == NotStocked::Strict && version != "2026-10";
    if strict && !level.is_some_and(|level| level.active) {
        let story = "The specified inventory item is not stocked at the location.";
        return Some(("ITEM_NOT_STOCKED_AT_LOCATION", "locationId", story));
    }
    if item.bundle {
        return Some(("NON_MUTABLE_INVENTORY_ITEM", "inventoryItemId", "The inventory item cannot be changed."));
    }
    if !item.tracked && !shop.switches.untracked_writes {
        return Some(("INVALID_INVENTORY_ITEM", "inventoryItemId", "The inventory item is not tracked."));
    }
    if row.quantity > MOST {
        return Some(("INVALID_QUANTITY_TOO_HIGH", "quantity", "The quantity can't be higher than 1,000,000,000."));
    }
    if row.quantity < 0 && name == "on_hand" {
        return Some(("INVALID_QUANTITY_NEGATIVE", "quantity", "The quantity can't be negative."));
    }
    if row.quantity < -MOST {
        return Some(("INVALID_QUANTITY_TOO_LOW", "quantity", "The quantity can't be lower than -1,000,000,000."));
    }
    let current = level.and_then(|level| level.quantity(name)).unwrap_or_default();
    if row.from.is_some_and(|from| from != current) {
        let story = "The changeFromQuantity argument no longer matches the persisted quantity.";
        return Some(("CHANGE_FROM_QUANTITY_STALE", "changeFromQuantity", story));
    }
    None
}

/// Sets one quantity; the two mirrored rows of the group, or none when nothing changed.
fn apply(
    shop: &mut Shop,
    at: (u64, u64),
    name: &str,
    to: i64,
    (place, key): (usize, &str),
    now: Timestamp,
) -> Vec<Object> {
    let additive = shop.switches.not_stocked == NotStocked::Additive;
    let level = shop.levels.entry(at).or_default();
    let (before, idle) = (level.quantity(name).unwrap_or_default(), !level.active);
    let mut delta = to - before;
    if idle && level.ghost && additive {
        delta = to;
    }
    let from = level.available;
    shop.change(at, now, |level| {
        level.available += delta;
        level.ghost |= idle;
    });
    if delta == 0 {
        return Vec::new();
    }
    let key = if place == 0 { key.to_owned() } else { format!("{key}#{place}") };
    shop.writes.push(ApiWrite { item: at.0, location: at.1, from, to: from + delta, key, at: now });
    let row = |name: &str| {
        let fields = vec![
            ("name", json!(name).into()),
            ("delta", json!(delta).into()),
            // null in every capture of 2026
            ("quantityAfterChange", Value::Null.into()),
            ("item", Object::Item(at.0).into()),
            ("location", Object::Location(at.1).into()),
        ];
        record("InventoryChange", fields)
    };
    vec![row("available"), row("on_hand")]
}

fn group(shop: &mut Shop, input: &Value, changes: Vec<Object>, now: Timestamp) -> Object {
    let fields = vec![
        ("id", json!(gid("InventoryAdjustmentGroup", shop.id())).into()),
        ("createdAt", super::objects::date(now).into()),
        ("reason", input["reason"].clone().into()),
        ("referenceDocumentUri", input["referenceDocumentUri"].clone().into()),
        ("changes", Resolved::Many(changes.into_iter().map(Some).collect())),
    ];
    record("InventoryAdjustmentGroup", fields)
}

/// The payload with errors that have codes.
fn payload(group: Resolved, wrong: &[Wrong]) -> Object {
    let errors = wrong.iter().map(|(code, path, story)| Some(coded(code, path.as_deref(), story))).collect();
    let fields = vec![("inventoryAdjustmentGroup", group), ("userErrors", Resolved::Many(errors))];
    record("InventorySetQuantitiesPayload", fields)
}

fn coded(code: &str, path: Option<&[String]>, story: &str) -> Object {
    let fields = vec![("code", json!(code).into()), ("field", json!(path).into()), ("message", json!(story).into())];
    record("InventorySetQuantitiesUserError", fields)
}

/// A payload without its group.
pub(super) fn bare(payload: Object) -> Object {
    let Object::Record(kind, fields) = payload else { return payload };
    let without = |(name, value)| match name {
        "inventoryAdjustmentGroup" => (name, Resolved::One(None)),
        _ => (name, value),
    };
    Object::Record(kind, fields.into_iter().map(without).collect())
}

/// The payload of a call whose key is refused.
pub(super) fn refused(code: &'static str) -> Object {
    payload(Resolved::One(None), &[(code, None, "The idempotency key cannot be used for this request.")])
}
