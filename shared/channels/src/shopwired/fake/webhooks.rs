//! `/webhooks`, <https://help.shopwired.io/api/webhooks>.

use super::render;
use super::rest::{Answer, Call, Refusal, id, not_allowed, refuse};
use super::state::{Account, Webhook};
use serde_json::{Value, json};

/// Most webhooks of one topic.
const PER_TOPIC_MAX: usize = 10;
/// The topics that two independent readers of the documents list.
const TOPICS: &[&str] = &[
    "product.created",
    "product.updated",
    "product.deleted",
    "product.stock_changed",
    "order.finalized",
    "order.updated",
    "order.status_changed",
    "order.deleted",
    "order.refund.created",
    "order.refund.deleted",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "batch.completed",
];

pub(super) fn route(account: &mut Account, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(account, call),
        ("GET", ["count"]) => Ok((200, json!({"count": account.webhooks.len()}))),
        ("POST", []) => create(account, call),
        ("GET", [webhook]) => Ok((200, shown(account, id(webhook)?)?)),
        ("PUT", [webhook]) => update(account, call, id(webhook)?),
        ("DELETE", [webhook]) => match account.webhooks.remove(&id(webhook)?) {
            Some(_) => Ok((204, Value::Null)),
            None => Err(missing()),
        },
        ("POST", [webhook, "verify"]) => verify(account, call, id(webhook)?),
        (_, [] | [_] | [_, "verify"]) => Err(not_allowed()),
        _ => Err(refuse(404, "No such endpoint")),
    }
}

fn missing() -> Refusal {
    refuse(404, "No such webhook")
}

fn shown(account: &Account, id: u64) -> Result<Value, Refusal> {
    let webhook = account.webhooks.get(&id).ok_or_else(missing)?;
    Ok(render::webhook(&account.switches, webhook))
}

fn list(account: &Account, call: &Call<'_>) -> Answer {
    let (count, offset) = call.page()?;
    let page = account.webhooks.values().skip(offset).take(count);
    Ok((200, page.map(|webhook| render::webhook(&account.switches, webhook)).collect()))
}

fn create(account: &mut Account, call: &Call<'_>) -> Answer {
    let topic = call.body.get("topic").and_then(Value::as_str).unwrap_or_default();
    if !TOPICS.contains(&topic) {
        return Err(refuse(422, "topic does not exist"));
    }
    let url = address(&call.body)?;
    if account.webhooks.values().filter(|webhook| webhook.topic == topic).count() >= PER_TOPIC_MAX {
        return Err(refuse(422, "at most 10 webhooks per topic"));
    }
    let enabled = call.body.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    let id = account.id();
    let (topic, created) = (topic.to_owned(), call.now);
    account.webhooks.insert(id, Webhook { id, topic, url, enabled, verified: false, created, failures: 0 });
    account.handshakes.push((call.now, id));
    Ok((201, shown(account, id)?))
}

/// HTTPS, or a loopback address, which no live store would reach.
fn address(body: &Value) -> Result<String, Refusal> {
    let text = body.get("url").and_then(Value::as_str).unwrap_or_default();
    let parsed = url::Url::parse(text).map_err(|_| refuse(422, "url is not valid"))?;
    let local = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if parsed.scheme() == "https" || local { Ok(text.to_owned()) } else { Err(refuse(422, "url must be https")) }
}

fn update(account: &mut Account, call: &Call<'_>, id: u64) -> Answer {
    let url = call.body.get("url").map(|_| address(&call.body)).transpose()?;
    let webhook = account.webhooks.get_mut(&id).ok_or_else(missing)?;
    if let Some(enabled) = call.body.get("enabled").and_then(Value::as_bool) {
        webhook.failures = 0;
        webhook.enabled = enabled;
    }
    if let Some(url) = url {
        webhook.verified &= webhook.url == url;
        webhook.url = url;
    }
    Ok((200, shown(account, id)?))
}

fn verify(account: &mut Account, call: &Call<'_>, id: u64) -> Answer {
    let webhook = shown(account, id)?;
    account.handshakes.push((call.now, id));
    Ok((200, webhook))
}
