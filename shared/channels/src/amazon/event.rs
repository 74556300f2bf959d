//! Events of the merchant's queue (`ORDER_CHANGE`) and bus (`LISTINGS_ITEM_…`): hints, never numbers.
//!
//! <https://developer-docs.amazon.com/sp-api/docs/notification-type-values>. Two casings of the envelope are in use, and a
//! queue's message may be JSON inside a JSON text; both are read.

use crate::{Delivery, Error, ErrorKind, Event, Touch};
use domain::{OrderId, Sku};
use serde_json::Value;

/// JSON inside JSON texts is opened so often.
const DEPTH_MAX: usize = 3;
/// So many SKUs of one event are taken; an order has far fewer lines.
const SKUS_MAX: usize = 500;

/// Reads the body of a queue's message or a bus's event.
pub(super) fn read(body: &[u8]) -> Result<Event, Error> {
    let body: Value = serde_json::from_slice(body).map_err(|_| malformed("not JSON"))?;
    let body = opened(body)?;
    // the bus wraps the notification in an envelope of its own
    let notification = match body.get("detail") {
        Some(detail) if body.get("detail-type").is_some() => opened(detail.clone())?,
        Some(_) | None => body,
    };
    let kind = get(&notification, "NotificationType").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| malformed("no NotificationType"))?;
    let payload = get(&notification, "Payload").ok_or_else(|| malformed("no Payload"))?;
    let payload = inner(payload);
    let owner = get(payload, "SellerId").and_then(Value::as_str).filter(|id| !id.is_empty());
    let owner = owner.ok_or_else(|| malformed("no SellerId"))?.to_owned();
    let touches = match kind {
        "ORDER_CHANGE" => order(payload)?,
        "LISTINGS_ITEM_MFN_QUANTITY_CHANGE" | "LISTINGS_ITEM_STATUS_CHANGE" => listing(payload)?,
        _ => Err(format!("notification {}", kind.chars().take(60).collect::<String>())),
    };
    let id = get(&notification, "NotificationMetadata").and_then(|about| get(about, "NotificationId"));
    let event = id.and_then(Value::as_str).map(str::to_owned);
    let delivery = touches.map_or_else(Delivery::Ignored, |touches| Delivery::Touched { event, touches, claims: None });
    Ok(Event { owner, delivery })
}

fn malformed(problem: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("event: {problem}"))
}

/// What a text holds, if it is one.
fn opened(mut value: Value) -> Result<Value, Error> {
    for _ in 0..DEPTH_MAX {
        let Value::String(text) = &value else { return Ok(value) };
        value = serde_json::from_str(text).map_err(|_| malformed("a text that holds no JSON"))?;
    }
    Err(malformed("JSON inside JSON without end"))
}

/// A field by its name in `PascalCase`, or in `camelCase`.
fn get<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = object.as_object()?;
    fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Some payloads are wrapped once more, in an object that is named like the notification.
fn inner(payload: &Value) -> &Value {
    let wrapped = payload.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.values().next());
    wrapped.filter(|value| value.is_object()).unwrap_or(payload)
}

/// The touches, or why the event is of no interest.
type Touches = Result<Vec<Touch>, String>;

fn listing(payload: &Value) -> Result<Touches, Error> {
    if get(payload, "FulfillmentChannelCode").and_then(Value::as_str).is_some_and(is_hosted) {
        return Ok(Err("stock that Amazon sends".into()));
    }
    let sku = get(payload, "Sku").and_then(Value::as_str).and_then(|sku| Sku::new(sku).ok());
    let sku = sku.ok_or_else(|| malformed("no usable Sku"))?;
    Ok(Ok(vec![Touch::Sku(sku)]))
}

fn is_hosted(code: &str) -> bool {
    code.starts_with("AMAZON_")
}

/// The order, and its SKUs, so that a hint can be acted on before the order can be listed.
fn order(payload: &Value) -> Result<Touches, Error> {
    let summary = get(payload, "Summary").unwrap_or(&Value::Null);
    if get(summary, "FulfillmentType").and_then(Value::as_str) == Some("AFN") {
        return Ok(Err("an order that Amazon sends".into()));
    }
    let id = get(payload, "AmazonOrderId").and_then(Value::as_str).and_then(|id| OrderId::new(id).ok());
    let id = id.ok_or_else(|| malformed("no usable AmazonOrderId"))?;
    let items = get(summary, "OrderItems").and_then(Value::as_array);
    let skus = items.into_iter().flatten().filter_map(|item| get(item, "SellerSKU")?.as_str());
    let skus = skus.filter_map(|sku| Sku::new(sku).ok()).take(SKUS_MAX).map(Touch::Sku);
    Ok(Ok([Touch::Order(id)].into_iter().chain(skus).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touches(body: &str) -> Vec<Touch> {
        match read(body.as_bytes()).expect("it is an event") {
            Event { owner, delivery: Delivery::Touched { event: Some(_), touches, claims: None } }
                if owner == "ATESTSELLER01" =>
            {
                touches
            }
            other => panic!("{other:?}"),
        }
    }

    fn sku() -> Touch {
        Touch::Sku(Sku::new("HUB-0001").expect("a SKU"))
    }

    #[test]
    fn an_order_event_names_its_order_and_skus() {
        let body = include_str!("fixtures/63_order_change_sqs_body.json");
        let expected = vec![Touch::Order(OrderId::new("202-0000001-0000001").expect("an id")), sku()];
        assert_eq!(touches(body), expected);
        let twice = Value::String(body.to_owned()).to_string();
        assert_eq!(touches(&twice), expected, "JSON in a JSON text");
        let other_casing = body
            .replace("NotificationType", "notificationType")
            .replace("\"Payload\"", "\"payload\"")
            .replace("SellerId", "sellerId")
            .replace("AmazonOrderId", "amazonOrderId");
        assert_eq!(touches(&other_casing), expected);
    }

    #[test]
    fn quantity_events_say_which_sku_and_nothing_more() {
        assert_eq!(touches(include_str!("fixtures/64_mfn_quantity_detail.json")), [sku()]);
        assert_eq!(touches(include_str!("fixtures/65_mfn_quantity_eventbridge_event.json")), [sku()]);
    }

    #[test]
    fn what_does_not_concern_our_stock_is_ignored() {
        let afn = include_str!("fixtures/63_order_change_sqs_body.json").replace("MFN", "AFN");
        let hosted = include_str!("fixtures/64_mfn_quantity_detail.json").replace("DEFAULT", "AMAZON_EU");
        for body in [afn.as_str(), hosted.as_str(), include_str!("fixtures/66_feed_processing_finished_sqs_body.json")]
        {
            let event = read(body.as_bytes()).expect("it is an event");
            assert!(matches!(event.delivery, Delivery::Ignored(_)), "{event:?}");
            assert_eq!(event.owner, "ATESTSELLER01");
        }
    }

    #[test]
    fn what_is_no_notification_is_refused() {
        for body in [
            "",
            "x",
            "{}",
            "\"x\"",
            "[]",
            r#"{"NotificationType":"ORDER_CHANGE"}"#,
            r#"{"NotificationType":"ORDER_CHANGE","Payload":{"SellerId":"A"}}"#,
        ] {
            assert_eq!(read(body.as_bytes()).expect_err(body).kind, ErrorKind::Malformed, "{body}");
        }
    }
}
