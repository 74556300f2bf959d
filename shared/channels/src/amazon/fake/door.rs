//! The HTTP door below `/_fake/`; the table is in the module above.

use super::FakeAmazon;
use super::faults::{EventFaults, Fault};
use super::rest::{plain, raw};
use super::shopper::{ListingSpec, Refused, SellerSpec};
use super::state::Seller;
use super::switches::Switches;
use crate::{Request, Response};
use domain::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

type Opened = Result<Value, Refused>;

/// Answers a request of the door; `path` is what follows `/_fake/`.
pub(super) fn open(fake: &mut FakeAmazon, path: &str, request: &Request, now: Timestamp) -> Response {
    let parts: Vec<String> = path
        .trim_matches('/')
        .split('/')
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if parts == [""] {
        return raw(200, "text/markdown; charset=utf-8", include_str!("doors.md"));
    }
    let done = match (request.method().as_str(), parts.as_slice()) {
        ("GET", ["state"]) => Ok(state(fake, request)),
        ("POST", ["sellers"]) => read(request).map(|spec: SellerSpec| {
            fake.add_seller(&spec);
            json!({"id": spec.id})
        }),
        ("PUT", ["events"]) => read(request).map(|to: To| {
            fake.send_events_to(&to.url);
            json!({})
        }),
        (method, [seller, rest @ ..]) => inside(fake, seller, (method, rest), request, now),
        _ => unknown(),
    };
    match done {
        Ok(value) => plain(200, &value),
        Err(why) => plain(409, &json!({"error": why.to_string()})),
    }
}

fn unknown() -> Opened {
    Err(Refused("the fake has no such door".into()))
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Refused> {
    serde_json::from_slice(request.body()).map_err(|why| Refused(why.to_string()))
}

#[derive(Deserialize)]
struct To {
    url: String,
}

#[derive(Deserialize)]
struct Lines {
    lines: Vec<(String, i64)>,
}

#[derive(Deserialize)]
struct Typed {
    sku: String,
    quantity: i64,
}

fn done(result: Result<(), Refused>) -> Opened {
    result.map(|()| json!({}))
}

fn inside(fake: &mut FakeAmazon, seller: &str, call: (&str, &[&str]), request: &Request, now: Timestamp) -> Opened {
    match call {
        ("POST", ["listings"]) => done(fake.list(seller, &read::<ListingSpec>(request)?, now)),
        ("DELETE", ["listings", sku]) => done(fake.delist(seller, sku)),
        ("POST", ["stock"]) => {
            let typed: Typed = read(request)?;
            done(fake.type_in(seller, &typed.sku, typed.quantity, now))
        }
        ("POST", ["orders"]) => {
            let lines: Lines = read(request)?;
            let lines: Vec<(&str, i64)> = lines.lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
            fake.sell(seller, &lines, now).map(|id| json!({"id": id}))
        }
        ("POST", ["orders", id, "confirm"]) => done(fake.go_on(seller, id, 0, now)),
        ("POST", ["orders", id, "ship"]) => done(fake.go_on(seller, id, i64::from(u32::MAX), now)),
        ("POST", ["orders", id, "cancel"]) => done(fake.cancel(seller, id, None, true, now)),
        ("POST", ["orders", id, "cancel-no-stock"]) => done(fake.cancel(seller, id, None, false, now)),
        ("PATCH", ["switches"]) => switch(fake, seller, &read(request)?),
        ("POST", ["faults"]) => done(fake.fail(seller, read::<Fault>(request)?)),
        ("DELETE", ["faults"]) => done(fake.heal(seller)),
        ("PUT", ["event-faults"]) => done(fake.event_faults(seller, read::<EventFaults>(request)?)),
        _ => unknown(),
    }
}

/// Lays some switches over the others.
fn switch(fake: &mut FakeAmazon, seller: &str, some: &Map<String, Value>) -> Opened {
    let wrong = |why: serde_json::Error| Refused(why.to_string());
    let switches = fake.switches(seller)?;
    let mut all = serde_json::to_value(&*switches).map_err(wrong)?;
    if let Some(map) = all.as_object_mut() {
        map.extend(some.clone());
    }
    *switches = serde_json::from_value::<Switches>(all.clone()).map_err(wrong)?;
    Ok(all)
}

/// The whole state, or that of one seller.
fn state(fake: &FakeAmazon, request: &Request) -> Value {
    let query = request.uri().query().unwrap_or_default();
    let wanted = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "seller").map(|(_, id)| id);
    let shown = fake.sellers.values().filter(|seller| wanted.as_ref().is_none_or(|id| *id == seller.id));
    let sellers: Map<String, Value> = shown.map(|seller| (seller.id.clone(), seller_state(seller))).collect();
    json!({"sellers": sellers, "tokenCalls": fake.token_calls, "waiting": fake.outbox.len()})
}

fn seller_state(seller: &Seller) -> Value {
    let listings: Map<String, Value> = seller
        .listings
        .iter()
        .map(|(sku, listing)| (sku.clone(), json!({"live": listing.live, "atAmazon": listing.hosted_units})))
        .collect();
    json!({
        "listings": listings,
        "stranded": seller.stranded,
        "sold": seller.sold,
        "writes": seller.writes,
        "calls": seller.calls,
        "orders": seller.orders.len(),
        "feeds": seller.feeds.values().map(|feed| (feed.id.clone(), json!(feed.status))).collect::<Map<_, _>>(),
        "accepted": seller.tasks.len(),
    })
}
