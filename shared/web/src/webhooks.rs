//! `POST /webhooks/{account}`: the door for stores. The engine verifies and enqueues; here is only HTTP.

use crate::answer::{failure, json_text};
use crate::{App, answer, trace};
use axum::Router;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use channels::Hook;
use engine::receive::Received;
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;

/// The largest webhook, bytes. Stores send some kilobytes.
pub const WEBHOOK_BODY_MAX: usize = 1024 * 1024;
/// Seconds until a store may try again, where stores look at that.
const TRY_AGAIN: &str = "5";

/// The webhook route alone.
pub fn webhooks(app: Arc<App>) -> Router {
    finished(Router::new().route("/webhooks/{account}", route()), app)
}

/// The method of the webhook route, with its limit.
pub(crate) fn route() -> MethodRouter<Arc<App>> {
    post(receive.layer(DefaultBodyLimit::max(WEBHOOK_BODY_MAX)))
}

/// A router with what every router of ours has.
pub(crate) fn finished(router: Router<Arc<App>>, app: Arc<App>) -> Router {
    router
        .fallback(answer::no_route)
        .method_not_allowed_fallback(answer::no_method)
        .layer(axum::middleware::from_fn(trace::traced))
        .with_state(app)
}

async fn receive(
    State(app): State<Arc<App>>,
    account: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => return too_large(),
        Err(_) => return failure(StatusCode::BAD_REQUEST, "invalid", "the body did not arrive"),
    };
    let Ok(Path(account)) = account else { return refused() };
    let received = app.hub.receive(&account, Hook { headers: &headers, body: &body }).await;
    // in the webhook function nothing else stores when the last genuine webhook came
    if let Err(error) = app.hub.flush_health(false).await {
        tracing::warn!(%error, "health not stored");
    }
    match received {
        Ok(Received::Accepted(_)) => json_text(StatusCode::OK, "{}".into()),
        Ok(Received::Answer(text)) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain")], text).into_response(),
        Ok(Received::Refused) => refused(),
        Err(error) => {
            tracing::error!(%error, "webhook not durable; the store must send it again");
            let answer = failure(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "send it again");
            ([(header::RETRY_AFTER, TRY_AGAIN)], answer).into_response()
        }
    }
}

/// The one answer to whatever is not a genuine webhook of a known account.
fn refused() -> Response {
    failure(StatusCode::UNAUTHORIZED, "unauthorized", "unknown account or wrong signature")
}

fn too_large() -> Response {
    failure(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "a webhook holds at most 1 MiB")
}
