//! Webhooks on their way: signed over the raw bytes, tried again, given up.

use super::log::Event;
use super::render;
use super::state::Account;
use super::switches::FailureCount;
use crate::Request;
use bytes::Bytes;
use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// What is sent.
#[derive(Debug, Clone)]
pub(super) enum Parcel {
    /// A request to verify the webhook, with its token.
    Handshake(String),
    /// The entry at this place of the log.
    Event(usize),
}

/// A webhook on its way.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) business: u64,
    pub(super) webhook: u64,
    pub(super) parcel: Parcel,
    pub(super) failures: u32,
}

/// The signature of <https://help.shopwired.io/api/webhooks>: HMAC-SHA256, lower-case hex.
pub(super) fn sign(secret: &str, message: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(message);
    Some(hex::encode(mac.finalize().into_bytes()))
}

/// The request, or nothing when the webhook is gone or may not receive it.
pub(super) fn request(account: &Account, delivery: &Delivery, now: Timestamp) -> Option<Request> {
    let webhook = account.webhooks.get(&delivery.webhook)?;
    let sent = render::date(&account.switches, now);
    let body = match &delivery.parcel {
        Parcel::Handshake(token) => json!({"timestamp": sent, "verificationToken": token}),
        Parcel::Event(_) if !webhook.enabled => return None,
        Parcel::Event(place) => json!({"timestamp": sent, "event": envelope(account, account.log.at(*place)?)}),
    };
    let body = render::text(&account.switches, &body);
    let mut builder =
        ::http::Request::builder().method("POST").uri(&webhook.url).header("content-type", "application/json");
    // An account without a secret may send unsigned webhooks.
    if let Some(secret) = &account.secret {
        builder = builder.header("X-ShopWired-Signature", sign(secret, body.as_bytes())?);
    }
    builder.body(Bytes::from(body)).ok()
}

fn envelope(account: &Account, event: &Event) -> Value {
    let mut value = render::event(account, event, &render::Shape::default());
    if let Some(map) = value.as_object_mut() {
        map.insert("businessId".into(), account.business.into());
    }
    value
}

/// Takes note of an answer; gives when to try again.
pub(super) fn settle(account: &mut Account, delivery: &mut Delivery, answer: Option<(u16, &[u8])>) -> Option<i64> {
    match &delivery.parcel {
        Parcel::Handshake(token) => {
            let right = answer.is_some_and(|(status, body)| status == 200 && is_right(account, token, body));
            if let Some(webhook) = account.webhooks.get_mut(&delivery.webhook) {
                webhook.verified = right;
            }
            None
        }
        // Anything but 200 is a failure, also 201 and 204.
        Parcel::Event(_) if answer.is_some_and(|(status, _)| status == 200) => {
            succeed(account, delivery.webhook);
            None
        }
        Parcel::Event(_) => fail(account, delivery),
    }
}

fn is_right(account: &Account, token: &str, body: &[u8]) -> bool {
    let body = if account.switches.handshake_trims { body.trim_ascii() } else { body };
    let expected = account.secret.as_deref().and_then(|secret| sign(secret, token.as_bytes()));
    expected.is_some_and(|expected| expected.as_bytes() == body)
}

fn succeed(account: &mut Account, webhook: u64) {
    if account.switches.failure_count == FailureCount::WebhookUntilSuccess
        && let Some(webhook) = account.webhooks.get_mut(&webhook)
    {
        webhook.failures = 0;
    }
}

fn fail(account: &mut Account, delivery: &mut Delivery) -> Option<i64> {
    delivery.failures += 1;
    let (most, by) = (account.switches.disable_after, account.switches.failure_count);
    let webhook = account.webhooks.get_mut(&delivery.webhook)?;
    webhook.failures += 1;
    let counted = if by == FailureCount::Event { delivery.failures } else { webhook.failures };
    if counted >= most {
        webhook.enabled = false;
        return None;
    }
    (webhook.enabled && delivery.failures < most).then_some(account.switches.retry_ms)
}
