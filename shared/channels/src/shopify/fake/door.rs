//! The HTTP door below `/_fake/`; the table is in the module above.

use super::faults::{Fault, WebhookFaults};
use super::people::{ItemSpec, Restock};
use super::rest::answer;
use super::state::ShopSpec;
use super::switches::Switches;
use super::{FakeShopify, Refused};
use crate::{Request, Response};
use domain::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

type Opened = Result<Value, Refused>;

/// Answers a request of the door; `path` is what follows `/_fake/`.
pub(super) fn open(fake: &mut FakeShopify, path: &str, request: &Request, now: Timestamp) -> Response {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if parts == [""] {
        return answer(200, "text/markdown; charset=utf-8", include_str!("doors.md"));
    }
    let done = match (request.method().as_str(), parts.as_slice()) {
        ("GET", ["state"]) => Ok(state(fake)),
        ("POST", ["shops"]) => read(request).map(|spec: ShopSpec| {
            fake.add_shop(&spec);
            json!({})
        }),
        (method, [shop, rest @ ..]) => inside(fake, shop, (method, rest), request, now),
        _ => unknown(),
    };
    match done {
        Ok(value) => answer(200, "application/json", value.to_string()),
        Err(why) => answer(409, "application/json", json!({"error": why.to_string()}).to_string()),
    }
}

fn unknown() -> Opened {
    Err(Refused("the fake has no such door".into()))
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Refused> {
    serde_json::from_slice(request.body()).map_err(|why| Refused(why.to_string()))
}

fn number(text: &str) -> Result<u64, Refused> {
    text.parse().map_err(|_| Refused(format!("{text} is not a number")))
}

fn done(result: Result<(), Refused>) -> Opened {
    result.map(|()| json!({}))
}

#[derive(Deserialize)]
struct Place {
    name: String,
    #[serde(default)]
    service: bool,
}

/// An act on one SKU at one location, with what the act needs.
#[derive(Deserialize)]
struct Act {
    sku: String,
    #[serde(default)]
    location: u64,
    #[serde(default)]
    to: u64,
    #[serde(default)]
    quantity: i64,
    #[serde(default)]
    new: String,
    #[serde(default)]
    on: bool,
}

#[derive(Deserialize)]
struct Ended {
    #[serde(default)]
    restock: bool,
}

/// A line of an order as it shall be.
#[derive(Deserialize)]
struct Line {
    sku: String,
    quantity: i64,
}

#[derive(Deserialize)]
struct Used {
    key: String,
}

#[derive(Deserialize)]
struct MadeUp {
    topic: String,
    #[serde(default)]
    body: Value,
}

fn inside(fake: &mut FakeShopify, shop: &str, call: (&str, &[&str]), request: &Request, now: Timestamp) -> Opened {
    match call {
        ("POST", ["locations"]) => {
            let place: Place = read(request)?;
            fake.add_location(shop, &place.name, place.service, now).map(|id| json!({"id": id}))
        }
        ("POST", ["locations", id, act @ ("activate" | "deactivate")]) => {
            done(fake.open_location(shop, number(id)?, *act == "activate", now))
        }
        ("POST", ["items"]) => fake.add_item(shop, &read::<ItemSpec>(request)?, now).map(|id| json!({"id": id})),
        ("POST", ["import"]) => {
            let items: Vec<ItemSpec> = read(request)?;
            let added: Result<Vec<u64>, Refused> = items.iter().map(|item| fake.add_item(shop, item, now)).collect();
            added.map(|ids| json!({"ids": ids}))
        }
        ("POST", ["orders", order, act]) => end(fake, shop, number(order)?, act, request, now),
        ("POST", ["webhooks"]) => {
            let made: MadeUp = read(request)?;
            done(fake.make_up(shop, &made.topic, made.body, now))
        }
        ("POST", ["keys"]) => done(fake.use_key(shop, &read::<Used>(request)?.key, now)),
        ("PATCH", ["switches"]) => switch(fake, shop, &read(request)?),
        ("POST", ["faults"]) => done(fake.fail(shop, read::<Fault>(request)?)),
        ("DELETE", ["faults"]) => done(fake.heal(shop)),
        ("PUT", ["webhook-faults"]) => done(fake.webhook_faults(shop, read::<WebhookFaults>(request)?)),
        ("POST", [act]) => on_sku(fake, shop, act, &read(request)?, now),
        _ => unknown(),
    }
}

fn on_sku(fake: &mut FakeShopify, shop: &str, act: &str, on: &Act, now: Timestamp) -> Opened {
    let Act { sku, location, to, quantity, new, .. } = on;
    match act {
        "sell" => fake.sell(shop, sku, *location, *quantity, now).map(|id| json!({"id": id})),
        "adjust" => done(fake.adjust(shop, sku, *location, *quantity, now)),
        "transfer" => done(fake.transfer(shop, sku, (*location, *to), *quantity, now)),
        "connect" => done(fake.connect(shop, sku, *location, on.on, now)),
        "rename" => done(fake.rename(shop, sku, new, now)),
        "track" => done(fake.track(shop, sku, on.on, now)),
        "delete" => done(fake.delete(shop, sku, now)),
        _ => unknown(),
    }
}

fn end(fake: &mut FakeShopify, shop: &str, order: u64, act: &str, request: &Request, now: Timestamp) -> Opened {
    match act {
        "fulfil" => done(fake.fulfil(shop, order, now)),
        "cancel" => done(fake.cancel(shop, order, read::<Ended>(request)?.restock, now)),
        "edit" => {
            let line: Line = read(request)?;
            done(fake.edit_order(shop, order, &line.sku, line.quantity, now))
        }
        "refund" => done(fake.refund(shop, order, read::<Restock>(request)?, now)),
        _ => unknown(),
    }
}

/// Lays some switches over the others.
fn switch(fake: &mut FakeShopify, shop: &str, some: &Map<String, Value>) -> Opened {
    let wrong = |why: serde_json::Error| Refused(why.to_string());
    let switches = fake.switches(shop)?;
    let mut all = serde_json::to_value(&*switches).map_err(wrong)?;
    if let Some(map) = all.as_object_mut() {
        map.extend(some.clone());
    }
    *switches = serde_json::from_value::<Switches>(all.clone()).map_err(wrong)?;
    Ok(all)
}

fn state(fake: &FakeShopify) -> Value {
    let shops = fake.shops.iter().map(|(domain, shop)| {
        let level = |(at, level): (&(u64, u64), &super::state::Level)| {
            let sku = shop.items.get(&at.0).and_then(|item| item.sku.clone());
            json!({"sku": sku, "item": at.0, "location": at.1, "level": level})
        };
        let levels: Vec<Value> = shop.levels.iter().map(level).collect();
        let webhooks: Vec<Value> =
            shop.subscriptions.values().map(|one| json!({"topic": one.topic, "uri": one.uri})).collect();
        (domain.clone(), json!({"levels": levels, "writes": shop.writes, "webhooks": webhooks}))
    });
    json!({"shops": shops.collect::<Map<String, Value>>(), "waiting": fake.outbox.len()})
}
