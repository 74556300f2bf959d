//! Signatures, the handshake, and what webhooks say to look at.

use crate::sku;
use channels::shopwired::ShopWired;
use channels::{Channel, Claimed, Delivery, Error, ErrorKind, Hook, Secret, Touch};
use domain::OrderId;
use http::HeaderMap;
use serde_json::{Value, json};

const HANDSHAKE: &str = r#"{"timestamp":"Tue, 23 Oct 2018 12:08:23 +0000","verificationToken":"0123456789abcdef"}"#;
const HANDSHAKE_SIGNATURE: &str = "2d312c768591e783ec9f9f4564e4c96f3dbeea823faaf61d6dc598ca08babcd4";
const ESCAPED: &str = r#"{"timestamp":"Thu, 12 Mar 2026 18:33:01 +0000","event":{"id":337035388,"businessId":1001,"createdAt":"Thu, 12 Mar 2026 18:33:00 +0000","topic":"product.stock_changed","subjectType":"product","subjectId":4242,"data":{"sku":"ABC\/1","isVariation":true,"newQuantity":7,"orderId":11479559}}}"#;
const ESCAPED_SIGNATURE: &str = "60ea3733ef2d97609db36580f02345aef26c0c9aeccef791d614bf15a5f9ec8f";
const PLAIN_SIGNATURE: &str = "885fb7fcf68c41feaebceb4b0b6713d77ecb786d128d0dda5d8e5d78fd5927be";

fn signed(signatures: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for signature in signatures {
        headers.append("X-ShopWired-Signature", signature.parse().unwrap());
    }
    headers
}

fn verify(body: &str, signatures: &[&str], secrets: &[&str]) -> Result<usize, Error> {
    let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
    ShopWired.verify(Hook { headers: &signed(signatures), body: body.as_bytes() }, &secrets)
}

fn read(body: &str) -> Result<Delivery, Error> {
    let hook = Hook { headers: &HeaderMap::new(), body: body.as_bytes() };
    ShopWired.read_hook(hook, &Secret::new("test-webhook-secret"))
}

fn touches(event: Value) -> Vec<Touch> {
    match read(&json!({"timestamp": "x", "event": event}).to_string()).unwrap() {
        Delivery::Touched { touches, .. } => touches,
        other @ (Delivery::Answer(_) | Delivery::Ignored(_)) => panic!("{other:?} touches nothing"),
    }
}

#[test]
fn known_signatures_are_accepted_over_the_raw_bytes() {
    let secrets = ["test-webhook-secret"];
    assert_eq!(verify(HANDSHAKE, &[HANDSHAKE_SIGNATURE], &secrets).unwrap(), 0);
    assert_eq!(verify(ESCAPED, &[ESCAPED_SIGNATURE], &secrets).unwrap(), 0);
    let plain = ESCAPED.replace("\\/", "/");
    assert_eq!(verify(&plain, &[PLAIN_SIGNATURE], &secrets).unwrap(), 0);
    assert!(verify(&plain, &[ESCAPED_SIGNATURE], &secrets).is_err(), "the same JSON, other bytes");
}

#[test]
fn either_secret_may_sign_while_they_change() {
    assert_eq!(verify(ESCAPED, &[ESCAPED_SIGNATURE], &["new", "test-webhook-secret"]).unwrap(), 1);
    assert_eq!(verify(ESCAPED, &[ESCAPED_SIGNATURE], &["test-webhook-secret", "old"]).unwrap(), 0);
    assert_eq!(ShopWired.signing_secrets(), ["webhook_secret", "webhook_secret_previous"]);
}

#[test]
fn anything_else_is_refused() {
    let secrets = ["test-webhook-secret"];
    let upper = ESCAPED_SIGNATURE.to_uppercase();
    let refused = [
        verify(ESCAPED, &[], &secrets),
        verify(ESCAPED, &[""], &secrets),
        verify(ESCAPED, &[&upper], &secrets),
        verify(ESCAPED, &[&ESCAPED_SIGNATURE[..63]], &secrets),
        verify(ESCAPED, &[&format!("sha256={ESCAPED_SIGNATURE}")], &secrets),
        verify(ESCAPED, &[ESCAPED_SIGNATURE, ESCAPED_SIGNATURE], &secrets),
        verify(ESCAPED, &[ESCAPED_SIGNATURE], &["another"]),
        verify(ESCAPED, &[ESCAPED_SIGNATURE], &[]),
        verify(ESCAPED, &[ESCAPED_SIGNATURE], &["test-webhook-secret", ""]),
        verify("", &[ESCAPED_SIGNATURE], &secrets),
    ];
    for (index, result) in refused.into_iter().enumerate() {
        assert_eq!(result.unwrap_err().kind, ErrorKind::Signature, "case {index}");
    }
}

#[test]
fn the_handshake_is_answered_with_bare_hex() {
    let answer = "78c1f8d57af1f10e6754a5999c5d00b913d5352a5898b089baae12b750d99454";
    assert_eq!(read(HANDSHAKE).unwrap(), Delivery::Answer(answer.into()));
}

#[test]
fn a_movement_names_its_sku_and_its_event() {
    let touches = vec![Touch::Sku(sku("ABC/1"))];
    // an order caused it
    let expected = Delivery::Touched { event: Some("337035388".into()), touches, claims: None };
    assert_eq!(read(ESCAPED).unwrap(), expected);
}

#[test]
fn a_movement_that_no_order_caused_claims_its_level() {
    for (data, claims) in [
        (json!({"sku": "TEE", "newQuantity": 7}), Some(7)),
        (json!({"sku": "TEE", "newQuantity": "7", "orderId": null}), Some(7)),
        (json!({"sku": "TEE", "newQuantity": 7, "orderId": 11_479_559}), None),
        (json!({"sku": "TEE", "newQuantity": null}), None),
        (json!({"sku": "TEE"}), None),
    ] {
        let event = json!({"id": 5, "topic": "product.stock_changed", "subjectId": 4242, "data": data});
        let body = json!({"timestamp": "", "event": event}).to_string();
        let Delivery::Touched { claims: read, .. } = read(&body).unwrap() else { panic!("{event}") };
        assert_eq!(read, claims.map(Claimed::level), "{event}");
    }
}

#[test]
fn a_movement_without_a_sku_leads_to_the_product_and_the_feed() {
    for data in [json!({"sku": "", "newQuantity": 1}), json!({"sku": null}), json!({}), json!(null)] {
        let event = json!({"id": 5, "topic": "product.stock_changed", "subjectId": 4242, "data": data});
        assert_eq!(touches(event), [Touch::External("4242".into()), Touch::Feed]);
    }
}

#[test]
fn orders_lead_to_the_order_and_the_feed() {
    let order = Touch::Order(OrderId::new("11479559").unwrap());
    for topic in ["order.finalized", "order.status_changed", "order.updated", "order.deleted", "order.split"] {
        let event = json!({"id": "9", "topic": topic, "subjectId": 11_479_559, "generator": "x", "extra": [1]});
        assert_eq!(touches(event), [order.clone(), Touch::Feed], "{topic}");
    }
    let refund = json!({"id": 9, "topic": "order.refund.created", "subjectType": "order_refund", "subjectId": 128,
        "generator": null, "data": {"object": {"id": 128, "orderId": 11_479_559, "amount": 1}}});
    assert_eq!(touches(refund), [order, Touch::Feed], "the subject of a refund is not the order");
    let unknown = json!({"id": 9, "topic": "order.refund.deleted", "subjectId": 128, "data": {"object": {"id": 128}}});
    assert_eq!(touches(unknown), [Touch::Feed]);
}

#[test]
fn products_lead_to_their_units() {
    for topic in ["product.created", "product.updated", "product.deleted"] {
        let event = json!({"id": 9, "topic": topic, "subjectId": "4242", "data": {"object": {"id": 4242}}});
        assert_eq!(touches(event), [Touch::External("4242".into())]);
    }
}

#[test]
fn other_topics_are_ignored_and_nonsense_is_malformed() {
    let body = json!({"event": {"id": 1, "topic": "customer.updated", "data": {"object": {"name": "A Buyer"}}}});
    assert_eq!(read(&body.to_string()).unwrap(), Delivery::Ignored("topic customer.updated".into()));
    for body in ["", "[]", "{}", "{\"event\":{}}", "{\"event\":{\"topic\":7}}", "<html>"] {
        assert_eq!(read(body).unwrap_err().kind, ErrorKind::Malformed, "{body}");
    }
}
