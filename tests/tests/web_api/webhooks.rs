//! The door for stores: bad input never gets in, and what gets in is durable.

use crate::{Answer, Api};
use async_trait::async_trait;
use engine::ports::{Depth, Inbound, Outbound, Query, Queue, QueueError, QueueName};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const SIGNATURE: &str = "x-shopwired-signature";

fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fn sold(sku: &str) -> String {
    let data = json!({ "sku": sku, "isVariation": false, "newQuantity": 7, "orderId": 1 });
    json!({ "event": { "id": 9, "topic": "product.stock_changed", "subjectId": 1, "data": data } }).to_string()
}

async fn deliver(api: &Api, account: &str, secret: &str, body: impl Into<Vec<u8>>) -> Answer {
    let body = body.into();
    let target = format!("/webhooks/{account}");
    let request = http::Request::builder().method("POST").uri(target).header(SIGNATURE, sign(secret, &body));
    api.send(request, body).await
}

async fn waiting(api: &Api) -> u64 {
    api.shops.hub.queue.depth(QueueName::Changes).await.unwrap().waiting
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_webhook_is_enqueued_and_acknowledged() {
    let api = Api::open(&[("TEE", 10)]).await;
    let answer = deliver(&api, "main", "signer-main", sold("TEE")).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({})));
    assert_eq!(waiting(&api).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_signature_no_signature_and_unknown_account_get_one_answer() {
    let api = Api::open(&[("TEE", 10)]).await;
    let wrong = deliver(&api, "main", "guess", sold("TEE")).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong, deliver(&api, "nobody", "guess", sold("TEE")).await);
    assert_eq!(wrong, deliver(&api, "Not%20A%20Name", "guess", sold("TEE")).await);
    assert_eq!(wrong, deliver(&api, "%FF", "guess", sold("TEE")).await);
    assert_eq!(wrong, deliver(&api, "main", "signer-north", sold("TEE")).await, "another account's secret");
    let unsigned = http::Request::builder().method("POST").uri("/webhooks/main");
    assert_eq!(wrong, api.send(unsigned, sold("TEE")).await);
    assert_eq!(waiting(&api).await, 0);
    assert_eq!(api.get("/api/accounts/main").await["health"]["refused"], 3, "counted where the account is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_mebibyte_is_too_large() {
    let api = Api::open(&[]).await;
    let most = vec![b' '; web::WEBHOOK_BODY_MAX];
    assert_eq!(deliver(&api, "main", "guess", most.clone()).await.status, 401, "just fits");
    let answer = deliver(&api, "main", "signer-main", [most, vec![b' ']].concat()).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["kind"].as_str()), (413, Some("too-large")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_acknowledged_kept_and_counted() {
    let api = Api::open(&[]).await;
    let answer = deliver(&api, "main", "signer-main", "{\"event\": {\"email\": \"ann@example.com\"").await;
    assert_eq!(answer.status, 200);
    assert_eq!(api.get("/api/accounts/main").await["health"]["unreadable"], 1);
    let kept = Query {
        partition: "KEPT#main".into(),
        index: false,
        prefix: String::new(),
        after: None,
        descending: false,
        limit: 10,
    };
    let rows = api.shops.hub.store.query(&kept).await.unwrap().rows;
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].body.contains("ann"), "no customer is kept: {}", rows[0].body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_answered_as_plain_text() {
    let api = Api::open(&[]).await;
    let answer = deliver(&api, "main", "signer-main", json!({ "verificationToken": "abc" }).to_string()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/plain");
    assert_eq!(answer.body, sign("signer-main", b"abc").as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_posts_are_webhooks() {
    let api = Api::open(&[]).await;
    assert_eq!(api.send(http::Request::builder().uri("/webhooks/main"), "").await.status, 405);
}

/// A queue that is down.
struct Down;

fn down<T>() -> Result<T, QueueError> {
    Err(QueueError { action: "answer", reason: "it is down".into() })
}

#[async_trait]
impl Queue for Down {
    async fn send(&self, _: QueueName, _: &[Outbound]) -> Result<(), QueueError> {
        down()
    }
    async fn receive(&self, _: QueueName, _: usize, _: Duration) -> Result<Vec<Inbound>, QueueError> {
        down()
    }
    async fn delete(&self, _: QueueName, _: &[String]) -> Result<(), QueueError> {
        down()
    }
    async fn retry(&self, _: QueueName, _: &str, _: Duration) -> Result<(), QueueError> {
        down()
    }
    async fn depth(&self, _: QueueName) -> Result<Depth, QueueError> {
        down()
    }
    async fn redrive(&self, _: usize) -> Result<Vec<String>, QueueError> {
        down()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_could_not_be_made_durable_must_come_again() {
    let api = Api::open(&[("TEE", 10)]).await;
    let config = api.shops.hub.config.clone();
    let api = api.with_hub(config, Arc::new(Down));
    let answer = deliver(&api, "main", "signer-main", sold("TEE")).await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(
        api.refused("GET", "/api/queues", json!(null), 503, "unavailable").await,
        "the queue did not answer: it is down"
    );
}
