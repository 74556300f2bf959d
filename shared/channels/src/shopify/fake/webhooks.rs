//! Deliveries, <https://shopify.dev/docs/apps/build/webhooks/verify-deliveries>: signed over the raw bytes, tried nine times
//! with the body of the first try, and then the subscription is deleted.

use super::objects::{gid, level_gid};
use super::state::{Happening, Shop, Subject};
use crate::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Failures in a row after which a subscription is deleted, and after which a delivery is given up.
pub(super) const FAILURES_MAX: u32 = 8;

/// A webhook on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) domain: String,
    pub(super) subscription: u64,
    pub(super) what: Happening,
    pub(super) failures: u32,
    /// Shared by all deliveries of one act.
    pub(super) event: u64,
    /// The same for all tries.
    pub(super) id: u64,
    /// The address when it happened.
    pub(super) uri: String,
    pub(super) body: Option<Bytes>,
}

/// The request of a delivery; `None` when there is nothing to deliver it to.
pub(super) fn request(shop: &Shop, delivery: &mut Delivery) -> Option<Request> {
    shop.subscriptions.get(&delivery.subscription)?;
    let body = delivery.body.get_or_insert_with(|| raw(&body(shop, &delivery.what))).clone();
    let mut mac = Hmac::<Sha256>::new_from_slice(shop.spec.client_secret.as_bytes()).ok()?;
    mac.update(&body);
    let version = shop.switches.webhook_version.as_deref().unwrap_or(super::super::API_VERSION);
    let uuid = |number: u64| format!("{number:08x}-0000-4000-8000-{number:012x}");
    let request = ::http::Request::builder()
        .method("POST")
        .uri(&delivery.uri)
        .header("content-type", "application/json")
        .header("user-agent", "Shopify-Captain-Hook")
        .header("x-shopify-topic", &delivery.what.topic)
        .header("x-shopify-hmac-sha256", STANDARD.encode(mac.finalize().into_bytes()))
        .header("x-shopify-shop-domain", &delivery.domain)
        .header("x-shopify-api-version", version)
        .header("x-shopify-webhook-id", uuid(delivery.id))
        .header("x-shopify-event-id", uuid(delivery.event))
        .header("x-shopify-triggered-at", triggered(delivery.what.at));
    request.body(body).ok()
}

/// Slashes are escaped in the raw bytes, which makes a body that was read and written again another one.
pub(super) fn raw(body: &Value) -> Bytes {
    Bytes::from(body.to_string().replace('/', "\\/"))
}

/// In nanoseconds and UTC.
fn triggered(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    format!("{}.{:09}Z", at.strftime("%Y-%m-%dT%H:%M:%S"), at.subsec_nanosecond())
}

/// In the store's own time zone, with its offset.
fn local(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms + 7 * 3_600_000).unwrap_or_default();
    format!("{}+07:00", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// The body, as things are now.
pub(super) fn body(shop: &Shop, what: &Happening) -> Value {
    match &what.subject {
        Subject::Level(item, location) => {
            let level = shop.levels.get(&(*item, *location));
            let available = level.map(|level| level.available).filter(|_| !shop.switches.null_available);
            json!({
                "inventory_item_id": item,
                "location_id": location,
                "available": available,
                "updated_at": local(level.map_or(what.at.0, |level| level.updated)),
                "admin_graphql_api_id": level_gid(*item, *location),
            })
        }
        Subject::Gone(item, location) => json!({"inventory_item_id": item, "location_id": location}),
        Subject::Item(id) => {
            let item = shop.items.get(id);
            json!({
                "id": id,
                "sku": item.and_then(|item| item.sku.clone()),
                "tracked": item.is_some_and(|item| item.tracked),
                "updated_at": local(item.map_or(what.at.0, |item| item.updated.0)),
                "admin_graphql_api_id": gid("InventoryItem", *id),
            })
        }
        Subject::Location(id) => {
            let place = shop.locations.get(id);
            json!({
                "id": id,
                "name": place.map(|place| place.name.clone()),
                "active": place.is_some_and(|place| place.active),
                "legacy": false,
                "updated_at": local(what.at.0),
                "admin_graphql_api_id": gid("Location", *id),
            })
        }
        Subject::Bulk(id) => json!({
            "admin_graphql_api_id": gid("BulkOperation", *id),
            "completed_at": local(what.at.0),
            "error_code": null,
            "status": "completed",
            "type": "query",
        }),
        Subject::Made(body) => body.clone(),
    }
}

/// Counts what the receiver answered; after how many milliseconds it is tried again, if it is.
pub(super) fn settle(shop: &mut Shop, delivery: &mut Delivery, status: Option<u16>) -> Option<i64> {
    let subscription = shop.subscriptions.get_mut(&delivery.subscription)?;
    // a redirect is a failure
    if status.is_some_and(|status| (200..300).contains(&status)) {
        subscription.failures = 0;
        return None;
    }
    delivery.failures += 1;
    if delivery.failures > FAILURES_MAX {
        subscription.failures = delivery.failures;
        shop.subscriptions.remove(&delivery.subscription);
        return None;
    }
    Some(shop.switches.retry_ms << (delivery.failures - 1))
}
