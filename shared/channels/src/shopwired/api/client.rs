//! One request to ShopWired: credentials, address, and what a refusal means.

use super::super::BASE_URL;
use crate::{Error, ErrorKind, Request, Response, Secret, Session};
use ::http::{Method, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Everything except the unreserved characters of RFC 3986.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// So much of a store's own message is kept.
const MESSAGE_MAX: usize = 200;
/// A store that asks for more patience than an hour is not believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// A text made fit for a query.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// Reads `path` (which begins with `/` and may carry a query) and its JSON answer.
pub(super) async fn get<T: DeserializeOwned>(session: Session<'_>, path: &str) -> Result<T, Error> {
    let answer = send(session, Method::GET, path, None).await.map_err(changes_nothing)?;
    serde_json::from_slice(&answer).map_err(|why| malformed(&Method::GET, path, &why))
}

/// A read that fails has changed nothing, whatever became of it.
fn changes_nothing(mut error: Error) -> Error {
    error.effect = crate::Effect::None;
    error
}

/// The place of the problem, not its text: that could quote an order.
fn malformed(method: &Method, path: &str, why: &serde_json::Error) -> Error {
    let place = format!("line {}, column {}", why.line(), why.column());
    Error::new(ErrorKind::Malformed, format!("{}: unexpected answer at {place}", name(method, path)))
}

/// The call as people read it: without the query, which may be long.
fn name(method: &Method, path: &str) -> String {
    format!("{method} {}", path.split('?').next().unwrap_or(path))
}

/// Sends one request and gives the body of a 2xx answer.
pub(super) async fn send(
    session: Session<'_>,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Bytes, Error> {
    let what = name(&method, path);
    let request = request(session, method.clone(), path, body)?;
    let sent = session.http.send(request, session.timeout).await;
    let response = sent.map_err(|source| redact(Error::no_answer(&what, source), session))?;
    if response.status().is_success() {
        return Ok(response.into_body());
    }
    Err(redact(refusal(&what, &method, &response, session), session))
}

/// HTTP Basic on every request, <https://help.shopwired.io/api/authentication>.
fn request(session: Session<'_>, method: Method, path: &str, body: Option<&Value>) -> Result<Request, Error> {
    let base = session.settings.get("base_url").map(String::as_str).filter(|url| !url.is_empty());
    let address = format!("{}{path}", base.unwrap_or(BASE_URL).trim_end_matches('/'));
    let pair = format!("{}:{}", secret(session, "api_key")?, secret(session, "api_secret")?);
    let mut basic = header::HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| Error::new(ErrorKind::Configuration, "api_key: it cannot be sent"))?;
    basic.set_sensitive(true);
    let builder = ::http::Request::builder()
        .method(method)
        .uri(address)
        .header(header::AUTHORIZATION, basic)
        .header(header::ACCEPT, "application/json")
        // A wrong or missing type gives 415, https://help.shopwired.co.uk/api/introduction/api-errors
        .header(header::CONTENT_TYPE, "application/json");
    let bytes = body.map_or_else(Bytes::new, |value| Bytes::from(value.to_string()));
    builder.body(bytes).map_err(|why| Error::new(ErrorKind::Configuration, format!("base_url: {why}")))
}

fn secret<'a>(session: Session<'a>, field: &str) -> Result<&'a str, Error> {
    let found = session.secrets.get(field).map(Secret::reveal).filter(|text| !text.is_empty());
    found.ok_or_else(|| Error::new(ErrorKind::Configuration, format!("{field}: fill it in")))
}

/// Statuses of <https://help.shopwired.co.uk/api/introduction/api-errors>; 403 is not listed there and taken as a scope.
fn refusal(what: &str, method: &Method, response: &Response, session: Session<'_>) -> Error {
    let status = response.status();
    let kind = match status.as_u16() {
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        429 => ErrorKind::Throttled,
        408 | 425 | 500..=599 => ErrorKind::Unavailable,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Malformed,
    };
    let error = Error::new(kind, format!("{what}: {}", story(status, response.body())))
        .with_retry_after(retry_after(response, session));
    // A 4xx says that the request was not carried out. Anything else says nothing.
    let certain = *method == Method::GET || (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT);
    if certain { error } else { error.with_unknown_effect() }
}

/// The status and the store's own message, from `{"code":2,"message":"…"}`; other bodies are not quoted.
fn story(status: StatusCode, body: &Bytes) -> String {
    let object: Value = serde_json::from_slice(body).unwrap_or_default();
    let message: String =
        object.get("message").and_then(Value::as_str).unwrap_or_default().chars().take(MESSAGE_MAX).collect();
    match (object.get("code").and_then(Value::as_i64), message.is_empty()) {
        (Some(code), false) => format!("{} (code {code}: {message})", status.as_u16()),
        (None, false) => format!("{} ({message})", status.as_u16()),
        (_, true) => status.to_string(),
    }
}

/// `Retry-After` in seconds or as a date. Whether ShopWired sends it is unknown; without it the engine backs off by itself.
fn retry_after(response: &Response, session: Session<'_>) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    let wait = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => until(super::wire::date(text)?.since_ms(session.clock.now())),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

fn until(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

/// A store, or a proxy before it, may repeat what it was sent.
fn redact(mut error: Error, session: Session<'_>) -> Error {
    for text in session.secrets.values().map(Secret::reveal).filter(|text| !text.is_empty()) {
        error.context = error.context.replace(text, "…");
    }
    error
}
