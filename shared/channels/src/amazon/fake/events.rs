//! Events on their way to a queue or a bus, in the shapes of Amazon's notification schemas.

use super::FakeAmazon;
use super::listings::iso;
use super::state::{News, Order, Seller, Status};
use crate::Request;
use bytes::Bytes;
use domain::Timestamp;
use serde_json::{Map, Value, json};

/// Takes what has happened at the sellers, and puts the events that somebody subscribed to into the outbox.
pub(super) fn publish(fake: &mut FakeAmazon) {
    let busy: Vec<String> =
        fake.sellers.values().filter(|seller| !seller.news.is_empty()).map(|seller| seller.id.clone()).collect();
    for id in busy {
        let Some(seller) = fake.sellers.get_mut(&id) else { continue };
        for (at, news) in std::mem::take(&mut seller.news) {
            let topic = match &news {
                News::Quantity { .. } => "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
                News::Order(_) => "ORDER_CHANGE",
            };
            let Some(subscription) = seller.subscriptions.get(topic) else { continue };
            let Some(destination) = fake.destinations.get(&subscription.destination) else { continue };
            let subscription = subscription.id.clone();
            let number = seller.id();
            let notification = notification(seller, topic, &news, (&subscription, number), at);
            let body =
                if destination.is_queue() { message(seller, notification) } else { envelope(notification, topic, at) };
            for wait in seller.event_faults.copies() {
                fake.ticket += 1;
                let due = at.plus_ms(seller.switches.event_delay_ms + wait);
                fake.outbox.insert((due, fake.ticket), body.clone());
            }
        }
    }
}

fn message(seller: &Seller, notification: Value) -> String {
    let text = notification.to_string();
    if seller.switches.nested_json { Value::String(text).to_string() } else { text }
}

/// What EventBridge delivers.
fn envelope(notification: Value, topic: &str, at: Timestamp) -> String {
    json!({
        "version": "0", "id": "e-1", "detail-type": topic,
        "source": "aws.partner/sellingpartnerapi.amazon.com/111122223333/app",
        "account": "111122223333", "time": iso(at), "region": "eu-west-1", "resources": [],
        "detail": notification,
    })
    .to_string()
}

fn notification(
    seller: &Seller,
    topic: &str,
    news: &News,
    (subscription, number): (&str, u64),
    at: Timestamp,
) -> Value {
    let payload = match news {
        News::Quantity { sku, quantity } => {
            json!({"SellerId": seller.id, "FulfillmentChannelCode": "DEFAULT", "Sku": sku, "Quantity": quantity})
        }
        News::Order(order) => json!({"OrderChangeNotification": order_change(seller, order)}),
    };
    let whole = json!({
        "NotificationVersion": "1.0", "NotificationType": topic, "PayloadVersion": "1.0", "EventTime": iso(at),
        "Payload": payload,
        "NotificationMetadata": {
            "ApplicationId": "app", "SubscriptionId": subscription, "PublishTime": iso(at),
            "NotificationId": format!("n-{number}"),
        },
    });
    if seller.switches.camel_case { camel(whole) } else { whole }
}

fn order_change(seller: &Seller, order: &Order) -> Value {
    let status = match order.status {
        Status::PendingAvailability => "PendingAvailability",
        Status::Pending => "Pending",
        Status::Unshipped => "Unshipped",
        Status::PartiallyShipped => "PartiallyShipped",
        Status::Shipped => "Shipped",
        Status::Cancelled => "Canceled",
    };
    let item = |item: &super::state::Item| {
        json!({
            "OrderItemId": item.id, "SellerSKU": item.sku, "SupplySourceId": null,
            "OrderItemStatus": if item.sent == item.ordered { "Shipped" } else { "Unshipped" },
            "Quantity": item.ordered, "QuantityShipped": item.sent,
        })
    };
    let sent: i64 = order.items.iter().map(|item| item.sent).sum();
    let all: i64 = order.items.iter().map(|item| item.ordered).sum();
    json!({
        "NotificationLevel": "OrderLevel", "SellerId": seller.id, "AmazonOrderId": order.id,
        "OrderChangeType": "OrderStatusChange",
        "OrderChangeTrigger": {"TimeOfOrderChange": iso(order.updated), "ChangeReason": "Order Status Change"},
        "Summary": {
            "MarketplaceId": order.marketplace, "OrderStatus": status, "PurchaseDate": iso(order.created),
            "DestinationPostalCode": null, "FulfillmentType": if order.hosted { "AFN" } else { "MFN" },
            "OrderType": "StandardOrder", "NumberOfItemsShipped": sent, "NumberOfItemsUnshipped": all - sent,
            "OrderItems": order.items.iter().map(item).collect::<Vec<_>>(),
        },
    })
}

/// Every name in `camelCase`, as newer notifications have it.
fn camel(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (lower(&name), camel(value))).collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(camel).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn lower(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The request by which a host hands an event on.
pub(super) fn request(url: &str, body: String) -> Option<Request> {
    ::http::Request::builder()
        .method("POST")
        .uri(url)
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .ok()
}
