//! One span per request: method, route and status. Never an address with its parameters, a header or a body: they may hold
//! secrets or customers.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};
use std::time::Instant;
use tracing::Instrument;

/// Runs the rest of the request in its span.
pub(crate) async fn traced(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let method = request.method().clone();
    let span = tracing::info_span!("request", %method, route);
    let answered = async {
        let began = Instant::now();
        let response = next.run(request).await;
        tell(&method, route, response.status(), began.elapsed().as_millis());
        response
    };
    answered.instrument(span).await
}

fn tell(method: &Method, route: &str, status: StatusCode, ms: u128) {
    let number = status.as_u16();
    if status.is_server_error() {
        tracing::warn!(%method, route, status = number, ms, "answered");
    } else if status.is_client_error() {
        tracing::info!(%method, route, status = number, ms, "answered");
    } else {
        tracing::debug!(%method, route, status = number, ms, "answered");
    }
}
