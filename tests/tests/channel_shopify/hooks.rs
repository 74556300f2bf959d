//! Incoming webhooks: signatures, and what they say to look at.

use crate::CLIENT_SECRET;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channels::shopify::Shopify;
use channels::{Channel, Claimed, Delivery, ErrorKind, Hook, Secret, Touch};
use domain::{LocationId, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use sha2::Sha256;

const SIGNATURE: &str = channels::shopify::SIGNATURE;

fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn headers(topic: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-shopify-topic", topic), (SIGNATURE, signature), ("x-shopify-webhook-id", "hook-1")] {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn read(topic: &str, body: &str) -> Result<Delivery, channels::Error> {
    let headers = headers(topic, "unused");
    Shopify.read_hook(Hook { headers: &headers, body: body.as_bytes() }, &Secret::new(CLIENT_SECRET))
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../shared/channels/src/shopify/fixtures/webhooks/", $name, ".json"))
    };
}

/// What a webhook of a level says, triggered at a time.
fn level(body: &str, at: &str) -> (Vec<Touch>, Option<Claimed>) {
    let mut headers = headers("inventory_levels/update", "unused");
    headers.insert("x-shopify-triggered-at", HeaderValue::from_str(at).unwrap());
    let hook = Hook { headers: &headers, body: body.as_bytes() };
    match Shopify.read_hook(hook, &Secret::new(CLIENT_SECRET)).unwrap() {
        Delivery::Touched { touches, claims, .. } => (touches, claims),
        other @ (Delivery::Answer(_) | Delivery::Ignored(_)) => panic!("{other:?}"),
    }
}

fn external(id: &str) -> Delivery {
    Delivery::Touched { event: Some("hook-1".into()), touches: vec![Touch::External(id.into())], claims: None }
}

#[test]
fn a_good_signature_names_its_secret_and_anything_else_is_refused() {
    let body = sample!("inventory_levels_update").as_bytes();
    let secrets = [Secret::new(CLIENT_SECRET), Secret::new("the-one-before")];
    let verify = |headers: &HeaderMap, body: &[u8], secrets: &[Secret]| {
        Shopify.verify(Hook { headers, body }, secrets).map_err(|error| error.kind)
    };
    let refused = Err(ErrorKind::Signature);
    for (index, secret) in [CLIENT_SECRET, "the-one-before"].into_iter().enumerate() {
        assert_eq!(verify(&headers("x", &sign(secret, body)), body, &secrets), Ok(index));
    }
    let good = headers("x", &sign(CLIENT_SECRET, body));
    assert_eq!(verify(&good, sample!("inventory_levels_update").trim().as_bytes(), &secrets), refused, "other bytes");
    assert_eq!(verify(&headers("x", &sign("forged", body)), body, &secrets), refused);
    assert_eq!(verify(&headers("x", ""), body, &secrets), refused);
    assert_eq!(verify(&HeaderMap::new(), body, &secrets), refused);
    assert_eq!(verify(&good, body, &[]), refused);
    assert_eq!(verify(&headers("x", &sign("", body)), body, &[Secret::new("")]), refused, "an empty key is no key");
    let mut twice = good.clone();
    twice.append(SIGNATURE, good[SIGNATURE].clone());
    assert_eq!(verify(&twice, body, &secrets), refused);
    assert_eq!(Shopify.signing_secrets(), ["client_secret", "client_secret_previous"]);
}

#[test]
fn levels_and_items_name_the_item_with_all_its_digits() {
    for (topic, body) in [
        ("inventory_levels/update", sample!("inventory_levels_update")),
        ("inventory_levels/connect", sample!("inventory_levels_connect")),
        ("inventory_levels/disconnect", sample!("inventory_levels_disconnect")),
        ("inventory_items/create", sample!("inventory_items_create")),
        ("inventory_items/update", sample!("inventory_items_update")),
        ("inventory_items/delete", sample!("inventory_items_delete")),
    ] {
        assert_eq!(read(topic, body).unwrap(), external("271878346596884015"), "{topic}");
    }
}

#[test]
fn a_level_is_claimed_where_it_is_a_number_with_a_place_and_a_time() {
    let claimed = |level| Claimed {
        level,
        location: Some(LocationId::new("24826418").unwrap()),
        at: Some(Timestamp(1_640_995_200_123)),
    };
    let (touches, claims) = level(sample!("inventory_levels_update"), "2022-01-01T00:00:00.123456789Z");
    assert_eq!((touches, claims), (vec![Touch::External("271878346596884015".into())], Some(claimed(10))));
    let body =
        |available: &str| format!("{{\"inventory_item_id\":7,\"location_id\":24826418,\"available\":{available}}}");
    let at = "2022-01-01T00:00:00.123Z";
    assert_eq!(level(&body("-3"), at).1, Some(claimed(-3)));
    for available in ["null", "\"10\"", "1.5", "1e99"] {
        assert_eq!(level(&body(available), at).1, None, "unknown is not zero");
    }
    assert_eq!(level(r#"{"inventory_item_id":7,"available":10}"#, at).1, None, "nobody knows where");
    assert_eq!(level(&body("10"), "yesterday").1, None, "nobody knows when");
}

#[test]
fn a_quantity_is_never_looked_at_where_it_claims_nothing() {
    for available in ["10", "null", "-3", "\"many\"", "1e99"] {
        let body = format!("{{\"inventory_item_id\":7,\"location_id\":1,\"available\":{available}}}");
        assert_eq!(read("inventory_levels/update", &body).unwrap(), external("7"));
    }
}

#[test]
fn compliance_topics_and_what_concerns_no_stock_are_answered_and_ignored() {
    for (topic, body) in [
        ("customers/data_request", sample!("customers_data_request")),
        ("customers/redact", sample!("customers_redact")),
        ("shop/redact", sample!("shop_redact")),
        ("locations/update", sample!("locations_update")),
        ("locations/deactivate", sample!("locations_deactivate")),
        ("products/delete", sample!("products_delete")),
        ("bulk_operations/finish", sample!("bulk_operations_finish")),
        ("app/uninstalled", "{}"),
        ("orders/create", "not even JSON"),
    ] {
        let Delivery::Ignored(reason) = read(topic, body).unwrap() else { panic!("{topic}") };
        assert!(reason.contains(topic) && !reason.contains('@'), "{reason}");
    }
}

#[test]
fn products_name_the_items_of_their_variants() {
    let body =
        r#"{"id":1,"variants":[{"id":2,"inventory_item_id":271878346596884015},{"id":3,"inventory_item_id":null}]}"#;
    assert_eq!(read("products/update", body).unwrap(), external("271878346596884015"));
}

#[test]
fn what_cannot_be_read_is_malformed() {
    for (topic, body) in [
        ("inventory_levels/update", ""),
        ("inventory_levels/update", "[]"),
        ("inventory_levels/update", "{}"),
        ("inventory_levels/update", r#"{"inventory_item_id":2.5}"#),
        ("inventory_levels/update", r#"{"inventory_item_id":-1}"#),
        ("inventory_items/update", "{}"),
    ] {
        assert_eq!(read(topic, body).unwrap_err().kind, ErrorKind::Malformed, "{topic} {body}");
    }
    let none = HeaderMap::new();
    let hook = Hook { headers: &none, body: b"{}" };
    assert_eq!(Shopify.read_hook(hook, &Secret::new("x")).unwrap_err().kind, ErrorKind::Malformed);
}

#[test]
fn an_event_of_a_bus_names_its_store() {
    let event = |kind: &str, topic: &str| {
        let payload = sample!("inventory_levels_update");
        let metadata = format!(
            r#"{{"X-Shopify-Topic":"{topic}","X-Shopify-Shop-Domain":"tees.myshopify.com","X-Shopify-Webhook-Id":"hook-1"}}"#
        );
        format!(r#"{{"version":"0","detail-type":"{kind}","detail":{{"payload":{payload},"metadata":{metadata}}}}}"#)
    };
    let read = Shopify.read_event(event("shopifyWebhook", "inventory_levels/update").as_bytes()).unwrap();
    assert_eq!((read.owner.as_str(), read.delivery), ("tees.myshopify.com", external("271878346596884015")));
    assert_eq!(Shopify.event_owner(), Some("shop"));
    for body in [event("Scheduled Event", "inventory_levels/update"), "{}".to_owned(), String::new()] {
        assert_eq!(Shopify.read_event(body.as_bytes()).unwrap_err().kind, ErrorKind::Malformed);
    }
}
