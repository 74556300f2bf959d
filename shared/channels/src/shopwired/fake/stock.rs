//! `/stock`: one level, absolute writes, returns.

use super::oracle::Cause;
use super::rest::{Answer, Call, Refusal, not_allowed, refuse};
use super::state::Account;
use super::switches::Negative;
use serde_json::{Value, json};

/// Most items of one call (reference page `updatestock` of <https://shopwired.readme.io>).
const ITEMS_MAX: usize = 15;

pub(super) fn route(account: &mut Account, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => get(account, call),
        ("POST", []) => post(account, call),
        ("PUT", []) => single(account, call, 200),
        ("POST", ["return"]) => give_back(account, call),
        (_, [] | ["return"]) => Err(not_allowed()),
        _ => Err(refuse(404, "No such endpoint")),
    }
}

fn get(account: &Account, call: &Call<'_>) -> Answer {
    let asked = call.param("sku").ok_or_else(|| refuse(422, "sku property is missing or empty"))?;
    let level = account.level(asked).ok_or_else(|| unknown(account))?;
    // Where case does not matter, the store names the SKU as the product does.
    let named = account.cells(asked).first().and_then(|cell| account.sku_of(*cell)).unwrap_or(asked);
    Ok((200, json!({"sku": named, "quantity": level})))
}

fn unknown(account: &Account) -> Refusal {
    refuse(account.switches.unknown_sku_status, "SKU does not exist")
}

fn post(account: &mut Account, call: &Call<'_>) -> Answer {
    match call.body.get("items") {
        Some(items) => {
            let items = items.as_array().ok_or_else(|| refuse(422, "items must be an array"))?;
            batch(account, items, call)
        }
        None => single(account, call, account.switches.single_write_status),
    }
}

/// 201 `{"updated": n}`, where n counts values that changed; unknown SKUs and equal values are not told apart.
fn batch(account: &mut Account, items: &[Value], call: &Call<'_>) -> Answer {
    if items.is_empty() || items.len() > ITEMS_MAX {
        return Err(refuse(422, "items must hold 1 to 15 items"));
    }
    let read: Vec<Result<(&str, i64), Refusal>> = items.iter().map(|one| item(account, one)).collect();
    let bad = read.iter().any(Result::is_err);
    if bad && !account.switches.bad_batch_takes_rest {
        return read.into_iter().find_map(Result::err).map_or_else(|| Err(not_allowed()), Err);
    }
    let mut updated = 0;
    for (sku, quantity) in read.iter().flatten() {
        updated += usize::from(account.set_sku(sku, *quantity, Cause::Api, call.now) > 0);
    }
    match read.into_iter().find_map(Result::err) {
        Some(refusal) => Err(refusal),
        None => Ok((201, json!({"updated": updated}))),
    }
}

fn item<'a>(account: &Account, item: &'a Value) -> Result<(&'a str, i64), Refusal> {
    let sku = item.get("sku").and_then(Value::as_str).filter(|sku| !sku.is_empty());
    let sku = sku.ok_or_else(|| refuse(422, "sku property is missing or empty"))?;
    let quantity = item.get("quantity").and_then(Value::as_i64);
    let quantity = quantity.ok_or_else(|| refuse(422, "quantity must be an integer"))?;
    match account.switches.negative_writes {
        Negative::Refuse if quantity < 0 => Err(refuse(422, "quantity must not be negative")),
        Negative::Clamp => Ok((sku, quantity.max(0))),
        Negative::Accept | Negative::Refuse => Ok((sku, quantity)),
    }
}

/// A single item is echoed. A bare array has no `sku`, and is refused for that.
fn single(account: &mut Account, call: &Call<'_>, status: u16) -> Answer {
    let (sku, quantity) = item(account, &call.body)?;
    account.level(sku).ok_or_else(|| unknown(account))?;
    account.set_sku(sku, quantity, Cause::Api, call.now);
    Ok((status, json!({"sku": sku, "quantity": quantity})))
}

fn give_back(account: &mut Account, call: &Call<'_>) -> Answer {
    let item = call.body.get("orderProductItemId").and_then(Value::as_u64);
    let item = item.ok_or_else(|| refuse(422, "orderProductItemId is missing"))?;
    account.return_item(item, call.now).map_err(|why| refuse(422, why.to_string()))?;
    Ok((200, json!({"orderProductItemId": item})))
}
