//! A man in the middle between the functions and the services: passes everything on, and keeps what was asked and answered.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use channels::Http;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use web::client::NetHttp;

/// A call of a service.
#[derive(Debug, Clone)]
pub struct Call {
    /// As in `DynamoDB_20120810.PutItem`.
    pub operation: String,
    /// What was asked.
    pub request: Value,
    /// What was answered.
    pub response: Value,
}

struct Desk {
    services: String,
    network: NetHttp,
    calls: Mutex<Vec<Call>>,
}

/// The man in the middle.
pub struct Proxy {
    /// Where the functions find him.
    pub address: String,
    desk: Arc<Desk>,
}

impl Proxy {
    /// Stands before the services at `services`.
    pub async fn before(services: &str) -> Self {
        let desk = Desk { services: services.to_owned(), network: NetHttp::new(true), calls: Mutex::default() };
        let desk = Arc::new(desk);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&desk));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, desk }
    }

    /// The calls since this was last asked.
    #[must_use]
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.desk.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn pass(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("{}{path}", desk.services).parse().expect("an address");
    // the connection is another one
    parts.headers.remove(http::header::HOST);
    let operation = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = operation.unwrap_or_default().to_owned();
    let asked = serde_json::from_slice(&body).unwrap_or_default();
    let answer = desk.network.send(http::Request::from_parts(parts, body), Duration::from_secs(20)).await;
    let answer = answer.expect("the emulator answers");
    let response = serde_json::from_slice(answer.body()).unwrap_or_default();
    let call = Call { operation, request: asked, response };
    desk.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    let mut passed = answer.map(Body::from);
    // the body comes whole now
    passed.headers_mut().remove(http::header::TRANSFER_ENCODING);
    passed
}
