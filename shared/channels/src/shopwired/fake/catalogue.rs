//! `/products` and their variations.

use super::log::Happening;
use super::oracle::Cause;
use super::render;
use super::rest::{Answer, Call, Refusal, id, not_allowed, refuse};
use super::state::{Account, Cell, Product};
use domain::Timestamp;
use serde_json::{Value, json};

pub(super) fn route(account: &mut Account, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(account, call),
        ("GET", ["count"]) => Ok((200, json!({"count": listed(account, call).count()}))),
        ("GET", ["search"]) => search(account, call),
        ("GET", [product]) => {
            Ok((200, render::product(&account.switches, find(account, call, product)?, &call.shape())))
        }
        ("PUT", [product]) => put(account, call, id(product)?, None),
        ("DELETE", [product]) => delete(account, id(product)?, call.now),
        ("GET", [product, "variations"]) => {
            Ok((200, render::variations(&account.switches, find(account, call, product)?)))
        }
        ("GET", [product, "variations", variation]) => {
            variation_of(account, find(account, call, product)?, id(variation)?)
        }
        ("PUT", [product, "variations", variation]) => put(account, call, id(product)?, Some(id(variation)?)),
        (_, [] | ["count" | "search"] | [_] | [_, "variations"] | [_, "variations", _]) => Err(not_allowed()),
        _ => Err(refuse(404, "No such endpoint")),
    }
}

/// The products that can be seen now; `active` filters.
fn listed<'a>(account: &'a Account, call: &'a Call<'_>) -> impl Iterator<Item = &'a Product> {
    let active = call.param("active").map(|text| text == "1");
    let fits = move |product: &&Product| {
        product.visible_from <= call.now && active.is_none_or(|active| product.active == active)
    };
    account.products.values().filter(fits)
}

fn list(account: &Account, call: &Call<'_>) -> Answer {
    let (count, offset) = call.page()?;
    let shape = call.shape();
    let page = listed(account, call).skip(offset).take(count);
    Ok((200, page.map(|product| render::product(&account.switches, product, &shape)).collect()))
}

fn search(account: &Account, call: &Call<'_>) -> Answer {
    let keywords = call.param("keywords").ok_or_else(|| refuse(422, "keywords is missing"))?.to_lowercase();
    let (count, offset) = call.page()?;
    let shape = call.shape();
    let fits = |product: &&Product| {
        let sku = product.sku.as_deref().unwrap_or_default();
        product.title.to_lowercase().contains(&keywords) || sku.to_lowercase().contains(&keywords)
    };
    let found: Vec<&Product> = listed(account, call).filter(fits).collect();
    let rows = found.iter().skip(offset).take(count);
    let items: Value = rows.map(|product| render::product(&account.switches, product, &shape)).collect();
    Ok((200, json!({"totalItems": found.len(), "items": items})))
}

fn find<'a>(account: &'a Account, call: &Call<'_>, text: &str) -> Result<&'a Product, Refusal> {
    let product = account.products.get(&id(text)?).filter(|product| product.visible_from <= call.now);
    product.ok_or_else(|| refuse(404, "No such product"))
}

fn variation_of(account: &Account, product: &Product, id: u64) -> Answer {
    let found = product.variations.iter().find(|one| one.id == id);
    let found = found.ok_or_else(|| refuse(404, "No such variation"))?;
    Ok((200, render::variation(&account.switches, product, found)))
}

/// A partial update: only `stock` is of interest here. It may answer 200 and change nothing.
fn put(account: &mut Account, call: &Call<'_>, product: u64, variation: Option<u64>) -> Answer {
    let cell = Cell { product, variation };
    account.level_of(cell).ok_or_else(|| refuse(404, "No such product"))?;
    if let Some(stock) = call.body.get("stock").filter(|_| !account.switches.put_ignores_stock) {
        let to = stock.as_i64().ok_or_else(|| refuse(422, "stock must be an integer"))?;
        account.set(cell, to, Cause::Api, call.now);
    }
    account.tell(Happening::product("product.updated", product), call.now);
    let product = account.products.get(&product).ok_or_else(|| refuse(404, "No such product"))?;
    Ok((200, render::product(&account.switches, product, &call.shape())))
}

fn delete(account: &mut Account, product: u64, now: Timestamp) -> Answer {
    if account.remove_product(product, now) { Ok((204, Value::Null)) } else { Err(refuse(404, "No such product")) }
}
