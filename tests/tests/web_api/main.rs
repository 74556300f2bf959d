//! The webhook route and the admin API, asked as HTTP asks, over the embedded ports and fake stores. Every JSON answer is
//! checked against the OpenAPI document.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod accounts;
mod alerts;
mod document;
mod jobs;
mod rules;
mod stock;
mod tokens;
mod users;
mod warehouses;
mod webhooks;

use axum::Router;
use bytes::Bytes;
use engine::{Config, Hub, Queue};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use std::sync::Arc;
use tests::shops::Shops;
use tower::ServiceExt;
use web::App;

/// A hub with its stores, and its router.
struct Api {
    shops: Arc<Shops>,
    router: Router,
    token: String,
    document: Value,
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

impl Api {
    /// Three adopted stores with these products on all of them.
    async fn open(products: &[(&str, i64)]) -> Self {
        Self::over(Shops::open(products).await).await
    }

    async fn over(shops: Shops) -> Self {
        let token = web::tokens::bootstrap(&*shops.hub.vault, &*shops.clock).await.unwrap().unwrap();
        let router = web::router(Arc::new(App::new(Arc::clone(&shops.hub))));
        let document = serde_json::to_value(web::document()).unwrap();
        Self { shops: Arc::new(shops), router, token: token.reveal().to_owned(), document }
    }

    /// The same, but of a hub with these settings and this queue.
    fn with_hub(mut self, config: Config, queue: Arc<dyn Queue>) -> Self {
        let hub = &self.shops.hub;
        let (store, vault) = (Arc::clone(&hub.store), Arc::clone(&hub.vault));
        let (http, clock) = (Arc::clone(&self.shops.http), Arc::clone(&self.shops.clock));
        let hub = Hub::new(store, queue, vault, http, clock, config);
        self.router = web::router(Arc::new(App::new(Arc::new(hub))));
        self
    }

    async fn send(&self, request: http::request::Builder, body: impl Into<Bytes>) -> Answer {
        let request: Request<Full<Bytes>> = request.body(Full::new(body.into())).unwrap();
        let response = self.router.clone().oneshot(request.map(axum::body::Body::new)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    fn signed_in(&self, method: &str, target: &str) -> http::request::Builder {
        Request::builder().method(method).uri(target).header("authorization", format!("Bearer {}", self.token))
    }

    /// Asks with the token; the answer must fit the document.
    async fn ask(&self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(self.signed_in(method, target), text).await;
        let value = if answer.body.is_empty() { Value::Null } else { answer.json() };
        document::check(&self.document, (method, target, answer.status.as_u16()), &value);
        (answer.status.as_u16(), value)
    }

    async fn get(&self, target: &str) -> Value {
        let (status, value) = self.ask("GET", target, &Value::Null).await;
        assert_eq!(status, 200, "{target}: {value}");
        value
    }

    async fn post(&self, target: &str, body: Value) -> Value {
        let (status, value) = self.ask("POST", target, &body).await;
        assert!(status == 200 || status == 201, "{target}: {status} {value}");
        value
    }

    /// Asks for what must be refused; gives the message.
    async fn refused(&self, method: &str, target: &str, body: Value, status: u16, kind: &str) -> String {
        let (got, value) = self.ask(method, target, &body).await;
        assert_eq!((got, &value["error"]["kind"]), (status, &kind.into()), "{target}: {value}");
        value["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// A SKU as a query wants it: everything but letters and digits encoded.
fn encoded(sku: &str) -> String {
    sku.bytes().fold(String::new(), |text, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text + &char::from(byte).to_string(),
        byte => text + &format!("%{byte:02X}"),
    })
}
