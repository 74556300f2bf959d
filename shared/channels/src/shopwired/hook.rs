//! Incoming webhooks: signature, handshake, and what an event says to look at.
//!
//! <https://help.shopwired.io/api/webhooks>: HMAC-SHA256 over the raw body, lower-case hex, header `X-ShopWired-Signature`.

use super::SIGNATURE;
use super::api::wire::{Text, text, whole};
use crate::{Claimed, Delivery, Error, ErrorKind, Hook, Secret, Touch};
use domain::{OrderId, Sku};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Which secret signed the body; every secret is tried, so that the time taken says nothing.
pub(super) fn verify(hook: Hook<'_>, secrets: &[Secret]) -> Result<usize, Error> {
    if secrets.is_empty() || secrets.iter().any(|secret| secret.reveal().is_empty()) {
        // An empty key would accept what anybody can compute.
        return Err(unsigned("no webhook secret is configured"));
    }
    let given = signature(hook)?;
    let mut signer = None;
    for (index, secret) in secrets.iter().enumerate() {
        let expected = hex_mac(secret, hook.body)?;
        if bool::from(expected.as_bytes().ct_eq(given)) && signer.is_none() {
            signer = Some(index);
        }
    }
    signer.ok_or_else(|| unsigned("the signature does not match"))
}

/// Exactly one signature header; two could be read differently by two readers.
fn signature(hook: Hook<'_>) -> Result<&[u8], Error> {
    let mut values = hook.headers.get_all(SIGNATURE).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        (None, _) => Err(unsigned("the signature is missing")),
        (Some(_), Some(_)) => Err(unsigned("there is more than one signature")),
    }
}

fn unsigned(problem: &str) -> Error {
    Error::new(ErrorKind::Signature, problem)
}

fn hex_mac(secret: &Secret, message: &[u8]) -> Result<String, Error> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .map_err(|_| unsigned("the webhook secret cannot be a key"))?;
    mac.update(message);
    Ok(hex::encode(mac.finalize().into_bytes()))
}

/// What a verified webhook says.
pub(super) fn read(hook: Hook<'_>, signer: &Secret) -> Result<Delivery, Error> {
    let body: Value = serde_json::from_slice(hook.body).map_err(|_| malformed("the body is not JSON"))?;
    // The answer is the bare hex text; a JSON answer was seen to fail verification (docs.md, "Handshake").
    if let Some(token) = body.get("verificationToken").and_then(Value::as_str) {
        return Ok(Delivery::Answer(hex_mac(signer, token.as_bytes())?));
    }
    let event = body.get("event").ok_or_else(|| malformed("neither an event nor a verification"))?;
    let topic = event.get("topic").and_then(Value::as_str).ok_or_else(|| malformed("the event has no topic"))?;
    Ok(delivery(topic, event))
}

fn malformed(problem: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("webhook: {problem}"))
}

fn delivery(topic: &str, event: &Value) -> Delivery {
    let subject = event.get("subjectId").and_then(text);
    let data = event.get("data").unwrap_or(&Value::Null);
    let touches = match topic {
        "product.stock_changed" => stock_touches(data, subject),
        "product.created" | "product.updated" | "product.deleted" => product_touches(subject),
        _ if topic.starts_with("order.refund.") => order_touches(refunded_order(data)),
        _ if topic.starts_with("order.") => order_touches(subject),
        _ => return Delivery::Ignored(format!("topic {}", topic.chars().take(60).collect::<String>())),
    };
    let claims = (topic == "product.stock_changed").then(|| claimed(data)).flatten();
    Delivery::Touched { event: event.get("id").and_then(text), touches, claims }
}

/// The new level. An `orderId` means that a sale, or its return, caused it: that is no echo of ours.
fn claimed(data: &Value) -> Option<Claimed> {
    let caused_by_order = data.get("orderId").is_some_and(|order| !order.is_null());
    data.get("newQuantity").filter(|_| !caused_by_order).and_then(whole).map(Claimed::level)
}

/// The SKU; without a usable one the product, and the feed, which has the same entry.
fn stock_touches(data: &Value, subject: Option<Text>) -> Vec<Touch> {
    match data.get("sku").and_then(Value::as_str).and_then(|sku| Sku::new(sku).ok()) {
        Some(sku) => vec![Touch::Sku(sku)],
        None => product_touches(subject).into_iter().chain([Touch::Feed]).collect(),
    }
}

/// Product payloads carry no variations (docs.md, "Webhooks"), so only the id is used.
fn product_touches(subject: Option<Text>) -> Vec<Touch> {
    subject.map(Touch::External).into_iter().collect()
}

fn order_touches(order: Option<Text>) -> Vec<Touch> {
    let order = order.and_then(|id| OrderId::new(id).ok()).map(Touch::Order);
    order.into_iter().chain([Touch::Feed]).collect()
}

/// The subject of a refund is the refund; its order is inside `data.object`.
fn refunded_order(data: &Value) -> Option<Text> {
    data.get("object").and_then(|refund| refund.get("orderId")).and_then(text)
}
