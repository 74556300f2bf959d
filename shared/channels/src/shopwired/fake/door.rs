//! The HTTP door below `/_fake/`; the table is in the module above.

use super::faults::{Fault, WebhookFaults};
use super::rest::response;
use super::shopper::{AccountSpec, Page, ProductSpec, Refused};
use super::state::Account;
use super::switches::Switches;
use super::{FakeShopWired, render};
use crate::{Request, Response};
use domain::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

type Opened = Result<Value, Refused>;

/// Answers a request of the door; `path` is what follows `/_fake/`.
pub(super) fn open(fake: &mut FakeShopWired, path: &str, request: &Request, now: Timestamp) -> Response {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if parts == [""] {
        return response(200, "text/markdown; charset=utf-8", include_str!("doors.md").to_owned());
    }
    let done = match (request.method().as_str(), parts.as_slice()) {
        ("GET", ["state"]) => Ok(state(fake, request)),
        ("POST", ["accounts"]) => read(request).map(|spec: AccountSpec| {
            fake.add_account(&spec);
            json!({"id": spec.business})
        }),
        (method, [account, rest @ ..]) => {
            number(account).and_then(|account| inside(fake, account, (method, rest), request, now))
        }
        _ => unknown(),
    };
    match done {
        Ok(value) => response(200, "application/json", value.to_string()),
        Err(why) => response(409, "application/json", json!({"error": why.to_string()}).to_string()),
    }
}

fn unknown() -> Opened {
    Err(Refused("the fake has no such door".into()))
}

fn number(text: &str) -> Result<u64, Refused> {
    text.parse().map_err(|_| Refused(format!("{text} is not a number")))
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Refused> {
    serde_json::from_slice(request.body()).map_err(|why| Refused(why.to_string()))
}

/// Lines of an order: SKU and units.
#[derive(Deserialize)]
struct Lines {
    lines: Vec<(String, i64)>,
    /// Whether it is to be paid for later.
    #[serde(default)]
    unpaid: bool,
}

impl Lines {
    fn pairs(&self) -> Vec<(&str, i64)> {
        self.lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect()
    }
}

#[derive(Deserialize)]
struct Typed {
    sku: String,
    quantity: i64,
    #[serde(default = "product_page")]
    page: Page,
}

const fn product_page() -> Page {
    Page::Product
}

#[derive(Deserialize)]
struct MadeUp {
    topic: String,
    #[serde(default)]
    data: Value,
}

fn inside(fake: &mut FakeShopWired, account: u64, call: (&str, &[&str]), request: &Request, now: Timestamp) -> Opened {
    match call {
        ("POST", ["products"]) => {
            let spec: ProductSpec = read(request)?;
            fake.create_product(account, &spec, now).map(|id| json!({"id": id}))
        }
        ("DELETE", ["products", id]) => done(fake.delete_product(account, number(id)?, now)),
        ("POST", ["orders"]) => {
            let lines: Lines = read(request)?;
            let sell = if lines.unpaid { FakeShopWired::sell_unpaid } else { FakeShopWired::sell_lines };
            let order = sell(fake, account, &lines.pairs(), now)?;
            Ok(placed(fake, account, order))
        }
        ("POST", ["orders", id, act]) => order(fake, account, number(id)?, act, request, now),
        ("POST", ["items", item, "return"]) => done(fake.return_line(account, number(item)?, now)),
        ("POST", ["stock"]) => {
            let typed: Typed = read(request)?;
            done(fake.type_in(account, typed.page, &typed.sku, typed.quantity, now))
        }
        ("POST", ["events"]) => {
            let event: MadeUp = read(request)?;
            done(fake.make_up(account, &event.topic, event.data, now))
        }
        ("PATCH", ["switches"]) => switch(fake, account, &read(request)?),
        ("POST", ["faults"]) => done(fake.fail(account, read::<Fault>(request)?)),
        ("DELETE", ["faults"]) => done(fake.heal(account)),
        ("PUT", ["webhook-faults"]) => done(fake.webhook_faults(account, read::<WebhookFaults>(request)?)),
        _ => unknown(),
    }
}

fn done(result: Result<(), Refused>) -> Opened {
    result.map(|()| json!({}))
}

fn placed(fake: &FakeShopWired, account: u64, order: u64) -> Value {
    json!({"id": order, "lines": fake.lines(account, order)})
}

fn order(fake: &mut FakeShopWired, account: u64, order: u64, act: &str, request: &Request, now: Timestamp) -> Opened {
    match act {
        "edit" => {
            let lines: Lines = read(request)?;
            let edited = fake.edit_order(account, order, &lines.pairs(), now)?;
            Ok(placed(fake, account, edited))
        }
        "pay" => done(fake.pay(account, order, now)),
        "cancel" => done(fake.cancel(account, order, now)),
        "archive" => done(fake.archive(account, order)),
        "refund" => fake.refund(account, order, 1, now).map(|id| json!({"id": id})),
        _ => unknown(),
    }
}

/// Lays some switches over the others.
fn switch(fake: &mut FakeShopWired, account: u64, some: &Map<String, Value>) -> Opened {
    let wrong = |why: serde_json::Error| Refused(why.to_string());
    let switches = fake.switches(account)?;
    let mut all = serde_json::to_value(&*switches).map_err(wrong)?;
    if let Some(map) = all.as_object_mut() {
        map.extend(some.clone());
    }
    *switches = serde_json::from_value::<Switches>(all.clone()).map_err(wrong)?;
    Ok(all)
}

/// The whole state, or that of one account, or of one SKU in each.
fn state(fake: &FakeShopWired, request: &Request) -> Value {
    let query = request.uri().query().unwrap_or_default();
    let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let param = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let account = param("account").and_then(|text| text.parse::<u64>().ok());
    let shown = fake.accounts.values().filter(|one| account.is_none_or(|wanted| one.business == wanted));
    let accounts: Map<String, Value> =
        shown.map(|one| (one.business.to_string(), account_state(one, param("sku")))).collect();
    json!({"accounts": accounts, "lastEvent": fake.event, "waiting": fake.outbox.len()})
}

fn account_state(account: &Account, sku: Option<&str>) -> Value {
    let wanted = |name: &&String| sku.is_none_or(|sku| name.as_str() == sku);
    let level = |name: &String| (name.clone(), json!(account.level(name)));
    let levels: Map<String, Value> = account.index.keys().filter(wanted).map(level).collect();
    let truths = account.oracle.truths.iter().filter(|(name, _)| wanted(name));
    let truths: Map<String, Value> = truths.map(|(name, truth)| (name.clone(), json!(truth))).collect();
    let writes: Vec<_> = account.oracle.writes.iter().filter(|write| wanted(&&write.sku)).collect();
    let webhooks: Vec<Value> =
        account.webhooks.values().map(|webhook| render::webhook(&account.switches, webhook)).collect();
    json!({"name": account.name, "levels": levels, "truths": truths, "writes": writes, "webhooks": webhooks,
        "orders": account.orders.len(), "requests": account.requests, "switches": account.switches,
        "faults": account.faults})
}
