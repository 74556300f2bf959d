//! Answers that every route shares.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

/// A JSON answer.
pub(crate) fn json_text(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// The error object that every failure answers with.
pub(crate) fn error_object(kind: &str, message: &str) -> Value {
    json!({ "error": { "kind": kind, "message": message } })
}

/// A failure.
pub(crate) fn failure(status: StatusCode, kind: &str, message: &str) -> Response {
    json_text(status, error_object(kind, message).to_string())
}

/// The answer where there is no route: a page for whoever asks for one.
pub(crate) async fn no_route(headers: HeaderMap) -> Response {
    #[cfg(feature = "admin")]
    if crate::console::wants_a_page(&headers) {
        return crate::console::no_page();
    }
    let _ = headers;
    std::future::ready(failure(StatusCode::NOT_FOUND, "not-found", "there is no such address; see /api/openapi.json"))
        .await
}

/// The answer where the route does not know the method.
pub(crate) async fn no_method() -> Response {
    let message = "this address does not know that method; see /api/openapi.json";
    std::future::ready(failure(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message)).await
}
