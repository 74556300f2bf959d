//! Incoming webhooks: the signature, and what an event says to look at.
//!
//! <https://shopify.dev/docs/apps/build/webhooks/verify-deliveries>: HMAC-SHA256 over the raw body with the client secret,
//! base64, header `X-Shopify-Hmac-Sha256`. The bodies are built when they are sent, so their quantities are never counted.

use super::SIGNATURE;
use crate::{Claimed, Delivery, Error, ErrorKind, Event, Hook, Secret, Touch};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{LocationId, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// So much of a topic is repeated.
const TOPIC_MAX: usize = 60;

/// Which secret signed the body; every secret is tried, so that the time taken says nothing.
pub(super) fn verify(hook: Hook<'_>, secrets: &[Secret]) -> Result<usize, Error> {
    if secrets.is_empty() || secrets.iter().any(|secret| secret.reveal().is_empty()) {
        // An empty key would accept what anybody can compute.
        return Err(unsigned("no client secret is configured"));
    }
    let given = only(hook, SIGNATURE).ok_or_else(|| unsigned("there must be one signature"))?;
    let mut signer = None;
    for (index, secret) in secrets.iter().enumerate() {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
            .map_err(|_| unsigned("the client secret cannot be a key"))?;
        mac.update(hook.body);
        let expected = STANDARD.encode(mac.finalize().into_bytes());
        if bool::from(expected.as_bytes().ct_eq(given.as_bytes())) && signer.is_none() {
            signer = Some(index);
        }
    }
    signer.ok_or_else(|| unsigned("the signature does not match"))
}

fn unsigned(problem: &str) -> Error {
    Error::new(ErrorKind::Signature, problem)
}

/// A header that is there exactly once; two could be read differently by two readers.
fn only<'a>(hook: Hook<'a>, name: &str) -> Option<&'a str> {
    let mut values = hook.headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

fn malformed(problem: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("webhook: {problem}"))
}

/// What a verified webhook says.
pub(super) fn read(hook: Hook<'_>) -> Result<Delivery, Error> {
    let topic = only(hook, "x-shopify-topic").ok_or_else(|| malformed("it has no topic"))?;
    let event = only(hook, "x-shopify-webhook-id").map(str::to_owned);
    let at = only(hook, "x-shopify-triggered-at").and_then(|at| at.parse::<jiff::Timestamp>().ok());
    delivery(topic, event, at.map(|at| Timestamp(at.as_millisecond())), hook.body)
}

/// The ids of a body: of more than 53 bits, so that they are read as whole numbers and nothing else.
#[derive(Deserialize)]
struct Body {
    id: Option<u64>,
    inventory_item_id: Option<u64>,
    #[serde(default)]
    location_id: Value,
    #[serde(default)]
    available: Value,
    #[serde(default)]
    variants: Vec<Variant>,
}

impl Body {
    /// The level that it claims, if it names one: what has no number is unknown, not zero.
    fn claimed(&self, at: Timestamp) -> Option<Claimed> {
        let location = LocationId::new(self.location_id.as_u64()?.to_string()).ok()?;
        Some(Claimed { level: self.available.as_i64()?, location: Some(location), at: Some(at) })
    }
}

#[derive(Deserialize)]
struct Variant {
    inventory_item_id: Option<u64>,
}

/// `at`: when the webhook was triggered, where that is told.
fn delivery(topic: &str, event: Option<String>, at: Option<Timestamp>, body: &[u8]) -> Result<Delivery, Error> {
    let ids = || serde_json::from_slice::<Body>(body).map_err(|_| malformed("the body is not what the topic has"));
    let mut claims = None;
    let items: Vec<u64> = match topic {
        "inventory_levels/update" => {
            let ids = ids()?;
            claims = at.and_then(|at| ids.claimed(at));
            vec![ids.inventory_item_id.ok_or_else(|| malformed("the level has no item"))?]
        }
        "inventory_levels/connect" | "inventory_levels/disconnect" => {
            vec![ids()?.inventory_item_id.ok_or_else(|| malformed("the level has no item"))?]
        }
        "inventory_items/create" | "inventory_items/update" | "inventory_items/delete" => {
            vec![ids()?.id.ok_or_else(|| malformed("the item has no id"))?]
        }
        "products/create" | "products/update" => {
            ids()?.variants.into_iter().filter_map(|variant| variant.inventory_item_id).collect()
        }
        _ => return Ok(Delivery::Ignored(reason(topic))),
    };
    let touches = items.into_iter().map(|item| Touch::External(item.to_string())).collect();
    Ok(Delivery::Touched { event, touches, claims })
}

/// Why a topic names nothing to look at. Customer data is neither kept nor asked for, so there is none to hand out or erase
/// (<https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance>).
fn reason(topic: &str) -> String {
    match topic {
        "customers/data_request" | "customers/redact" | "shop/redact" => format!("{topic}: no customer data is kept"),
        "locations/create"
        | "locations/update"
        | "locations/activate"
        | "locations/deactivate"
        | "locations/delete" => {
            format!("{topic}: the next comparison reads all levels")
        }
        "bulk_operations/finish" => format!("{topic}: whoever reads asks for the state"),
        "app/uninstalled" => format!("{topic}: the next call will be refused"),
        _ => format!("topic {}", topic.chars().take(TOPIC_MAX).collect::<String>()),
    }
}

/// An event of `EventBridge`, <https://shopify.dev/docs/apps/build/webhooks/subscribe/get-started?deliveryMethod=eventBridge>.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "detail-type")]
    kind: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    payload: Value,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "X-Shopify-Topic")]
    topic: String,
    #[serde(rename = "X-Shopify-Shop-Domain")]
    shop: String,
    #[serde(rename = "X-Shopify-Webhook-Id")]
    event: Option<String>,
}

/// Reads an event of a bus, which only the platform may write to. It is a message already, so it claims nothing.
pub(super) fn read_event(body: &[u8]) -> Result<Event, Error> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| malformed("it is no event of a bus"))?;
    if envelope.kind != "shopifyWebhook" {
        return Err(malformed("the event is of another kind"));
    }
    let Detail { payload, metadata } = envelope.detail;
    let delivery = delivery(&metadata.topic, metadata.event, None, payload.to_string().as_bytes())?;
    Ok(Event { owner: metadata.shop, delivery })
}
