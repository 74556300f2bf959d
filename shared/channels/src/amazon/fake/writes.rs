//! `patchListingsItem`, and the rules that a message of a feed follows too.

use super::listings::{check_seller, marketplaces};
use super::rest::{Answer, Call, Refusal, invalid, refuse};
use super::state::{Seller, Task};
use domain::Timestamp;
use serde_json::{Map, Value, json};

const ATTRIBUTE: &str = "/attributes/fulfillment_availability";
const CODE: &str = "fulfillment_channel_code";

/// Why a submission is invalid: code and message.
pub(super) type Issue = (&'static str, String);

/// The SKU of a path. One with `/` or `#` cannot be reached, whatever its encoding.
pub(super) fn path_sku<'a>(seller: &Seller, call: &'a Call) -> Result<&'a str, Refusal> {
    let sku = call.part(1);
    match seller.switches.odd_sku_status {
        Some(status) if sku.contains(['/', '#']) => {
            Err(refuse(status, "Unauthorized", "Access to requested resource is denied."))
        }
        Some(_) | None => Ok(sku),
    }
}

pub(super) fn patch(seller: &mut Seller, call: &Call) -> Answer {
    check_seller(seller, call)?;
    let sku = path_sku(seller, call)?.to_owned();
    let wanted: Vec<String> = marketplaces(call)?.into_iter().map(str::to_owned).collect();
    let patches = patches(&call.body).ok_or_else(invalid)?;
    let preview = call.param("mode") == Some("VALIDATION_PREVIEW");
    let submission = format!("{:032x}", seller.id());
    let answer = |status: &str, issues: Value| json!({"sku": sku, "status": status, "submissionId": submission, "issues": issues});
    match judge(seller, &sku, &wanted, patches) {
        Err((code, message)) => {
            let issue = json!({
                "code": code, "message": message, "severity": "ERROR",
                "attributeNames": ["fulfillmentAvailability"], "categories": ["INVALID_ATTRIBUTE"],
            });
            Ok((200, answer("INVALID", json!([issue]))))
        }
        Ok(_) if preview => Ok((200, answer("VALID", json!([])))),
        Ok(changes) => {
            if let Some(listing) = seller.listings.get_mut(&sku) {
                listing.patched = call.now;
            }
            take(seller, &sku, &wanted, changes, call.now);
            Ok((200, answer("ACCEPTED", json!([]))))
        }
    }
}

/// The patches of a body with a product type; none when it is malformed.
pub(super) fn patches(body: &Value) -> Option<&Vec<Value>> {
    body.get("productType").and_then(Value::as_str)?;
    let patches = body.get("patches")?.as_array().filter(|patches| !patches.is_empty())?;
    let formed = |patch: &Value| {
        let op = patch.get("op").and_then(Value::as_str);
        let known = matches!(op, Some("add" | "replace" | "merge" | "delete"));
        known && patch.get("path").is_some_and(Value::is_string) && patch.get("value").is_some_and(Value::is_array)
    };
    patches.iter().all(formed).then_some(patches)
}

/// One valid change of the attribute.
pub(super) struct Change {
    op: String,
    code: String,
    members: Map<String, Value>,
}

/// What valid patches change, or why they are invalid.
pub(super) fn judge(
    seller: &Seller,
    sku: &str,
    marketplaces: &[String],
    patches: &[Value],
) -> Result<Vec<Change>, Issue> {
    let mut changes = Vec::new();
    for patch in patches {
        if patch.get("path").and_then(Value::as_str) != Some(ATTRIBUTE) {
            return Err(("90000900", "The attributes are invalid.".into()));
        }
        let op = patch.get("op").and_then(Value::as_str).unwrap_or_default();
        for value in patch.get("value").and_then(Value::as_array).into_iter().flatten() {
            changes.push(change(seller, sku, marketplaces, op, value)?);
        }
    }
    Ok(changes)
}

fn change(seller: &Seller, sku: &str, marketplaces: &[String], op: &str, value: &Value) -> Result<Change, Issue> {
    let members = value.as_object().cloned().unwrap_or_default();
    let code = members.get(CODE).and_then(Value::as_str);
    let missing = "'fulfillment_channel_code' does not have enough values. The required minimum is '1'.";
    let code = code.ok_or_else(|| ("99022", missing.to_owned()))?.to_owned();
    let bad = |message: &str| Err(("90000900", message.to_owned()));
    if let Some(quantity) = members.get("quantity") {
        let units = quantity.as_i64().filter(|units| *units >= 0);
        let Some(units) = units else { return bad("'quantity' must be a whole number of at least 0.") };
        if seller.switches.quantity_max.is_some_and(|most| units > most) {
            return bad("'quantity' is too large.");
        }
        if members.contains_key("is_inventory_available") {
            return bad("'quantity' and 'is_inventory_available' exclude each other.");
        }
    }
    let known = seller.listings.get(sku);
    let has = known.is_none_or(|listing| {
        marketplaces.iter().filter_map(|id| listing.submitted.get(id)).flatten().any(|one| has_code(one, &code))
            || listing.live.iter().any(|stock| stock.code == code)
    });
    if op == "merge" && !has && !seller.switches.merge_adds_code {
        return bad("There is nothing to merge with.");
    }
    Ok(Change { op: op.to_owned(), code, members })
}

fn has_code(value: &Value, code: &str) -> bool {
    value.get(CODE).and_then(Value::as_str) == Some(code)
}

/// Takes valid changes: into what was submitted at once, into what is live later. A SKU that does not exist is accepted
/// and forgotten, by design (<https://github.com/amzn/selling-partner-api-models/issues/2797>).
pub(super) fn take(seller: &mut Seller, sku: &str, marketplaces: &[String], changes: Vec<Change>, now: Timestamp) {
    for change in changes {
        let Some(listing) = seller.listings.get_mut(sku) else { return };
        for marketplace in marketplaces {
            submit(listing.submitted.entry(marketplace.clone()).or_default(), &change);
        }
        let quantity = match change.op.as_str() {
            "delete" => Some(0),
            _ => change.members.get("quantity").and_then(Value::as_i64),
        };
        if let Some(quantity) = quantity {
            seller.plan(Task { sku: sku.to_owned(), code: change.code, quantity }, now);
        }
    }
}

/// `merge` keeps what stands beside, `replace` wipes it.
fn submit(entries: &mut Vec<Value>, change: &Change) {
    let own = entries.iter_mut().find(|entry| has_code(entry, &change.code));
    match (change.op.as_str(), own.and_then(Value::as_object_mut)) {
        ("delete", _) => entries.retain(|entry| !has_code(entry, &change.code)),
        ("merge", Some(own)) => own.extend(change.members.clone()),
        ("replace", _) => *entries = vec![Value::Object(change.members.clone())],
        (_, Some(own)) => *own = change.members.clone(),
        (_, None) => entries.push(Value::Object(change.members.clone())),
    }
}
