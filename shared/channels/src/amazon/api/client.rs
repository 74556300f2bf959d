//! One request to Amazon: access token, limit, address, and what a refusal means.

use super::super::place::Place;
use super::operation::Operation;
use super::token::token;
use crate::{Allowed, Effect, Error, ErrorKind, Request, Response, Secret, Session};
use ::http::{Method, StatusCode, header};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Everything except the unreserved characters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// So much of the store's own message is kept.
const MESSAGE_MAX: usize = 200;
/// A limit that is told counts when it is lower than the documented one by more than rounding.
const LOWER: f64 = 0.95;
/// A store that asks for more patience than an hour is not believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// A text made fit for one segment of a path, or for a query.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// Name, version and language, as <https://developer-docs.amazon.com/sp-api/docs/include-a-user-agent-header-in-all-requests> asks.
pub(super) const fn agent() -> &'static str {
    concat!("Evenstock/", env!("CARGO_PKG_VERSION"), " (Language=Rust)")
}

/// A secret of the account.
pub(super) fn secret<'a>(session: Session<'a>, field: &str) -> Result<&'a str, Error> {
    let found = session.secrets.get(field).map(Secret::reveal).filter(|text| !text.is_empty());
    found.ok_or_else(|| Error::new(ErrorKind::Configuration, format!("{field}: fill it in")))
}

/// A call that is about to be made.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) operation: &'static Operation,
    pub(super) method: &'a Method,
    /// Begins with `/` and may carry a query.
    pub(super) path: &'a str,
    pub(super) body: Option<&'a Value>,
}

/// Reads `path` and its JSON answer. A read that fails has changed nothing, whatever became of it.
pub(super) async fn get<T: DeserializeOwned>(
    session: Session<'_>,
    place: &Place,
    operation: &'static Operation,
    path: &str,
) -> Result<T, Error> {
    let call = Call { operation, method: &Method::GET, path, body: None };
    let read = async { parse(operation, send(session, place, call).await?.body()) };
    read.await.map_err(harmless)
}

/// Posts `body` and reads the JSON answer.
pub(super) async fn post<T: DeserializeOwned>(
    session: Session<'_>,
    place: &Place,
    operation: &'static Operation,
    path: &str,
    body: &Value,
) -> Result<T, Error> {
    let call = Call { operation, method: &Method::POST, path, body: Some(body) };
    let answer = send(session, place, call).await?;
    parse(operation, answer.body()).map_err(Error::with_unknown_effect)
}

/// The same failure, of a step that changes nothing that anybody sells.
pub(super) fn harmless(mut error: Error) -> Error {
    error.effect = Effect::None;
    error
}

/// Reads an answer. The place of a problem is told, not its text: that could quote an order.
pub(super) fn parse<T: DeserializeOwned>(operation: &Operation, body: &Bytes) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|why| {
        let place = format!("line {}, column {}", why.line(), why.column());
        Error::new(ErrorKind::Malformed, format!("{}: unexpected answer at {place}", operation.name))
    })
}

/// Makes a call and gives a 2xx answer.
pub(super) async fn send(session: Session<'_>, place: &Place, call: Call<'_>) -> Result<Response, Error> {
    let response = exchange(session, place, call).await?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(redact(refusal(call, &response), session))
}

/// Makes a call and gives whatever was answered.
pub(super) async fn exchange(session: Session<'_>, place: &Place, call: Call<'_>) -> Result<Response, Error> {
    let token = token(session, place, call.operation.who).await?;
    let request = request(session, place, call, &token)?;
    let sent = session.http.send(request, session.timeout).await;
    let response = sent.map_err(|source| redact(Error::no_answer(call.operation.name, source), session))?;
    heed_limit(session, call.operation, &response);
    Ok(response)
}

/// Headers of <https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api>. Nobody says whether
/// `x-amz-date` is still needed without signatures; it does no harm.
fn request(session: Session<'_>, place: &Place, call: Call<'_>, token: &Secret) -> Result<Request, Error> {
    let builder = ::http::Request::builder()
        .method(call.method)
        .uri(format!("{}{}", place.base, call.path))
        .header("x-amz-access-token", token.reveal())
        .header("x-amz-date", amazon_date(session))
        .header(header::USER_AGENT, agent())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json")
        .extension(call.operation.toll());
    let bytes = call.body.map_or_else(Bytes::new, |value| Bytes::from(value.to_string()));
    builder.body(bytes).map_err(|why| Error::new(ErrorKind::Configuration, format!("base_url: {why}")))
}

fn amazon_date(session: Session<'_>) -> String {
    let now = jiff::Timestamp::from_millisecond(session.clock.now().0).unwrap_or_default();
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// `x-amzn-RateLimit-Limit` is best effort. A lower rate than the documented one is heeded; nothing is said of what is
/// left, so nothing is taken to be.
fn heed_limit(session: Session<'_>, operation: &Operation, response: &Response) {
    let told = response.headers().get("x-amzn-ratelimit-limit").and_then(|value| value.to_str().ok()?.parse().ok());
    let toll = operation.toll();
    if let Some(per_second) = told.filter(|told: &f64| *told > 0.0 && *told < toll.per_second * LOWER) {
        session.http.allowed(Allowed { bucket: toll.bucket, left: 0.0, per_second, burst: toll.burst });
    }
}

#[derive(Default, Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<Said>,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Option<String>,
}

/// What a status means, <https://developer-docs.amazon.com/sp-api/docs/response-format>. A 4xx says that the request was
/// not carried out. Anything else says nothing.
pub(super) fn refusal(call: Call<'_>, response: &Response) -> Error {
    let status = response.status();
    let errors: Errors = serde_json::from_slice(response.body()).unwrap_or_default();
    let said = errors.errors.into_iter().next().unwrap_or_default();
    let story = story(status, &said);
    let error = Error::new(kind(status, &said), format!("{}: {story}", call.operation.name))
        .with_retry_after(retry_after(response));
    let certain = *call.method == Method::GET || (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT);
    if certain { error } else { error.with_unknown_effect() }
}

fn kind(status: StatusCode, said: &Said) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Unauthorized,
        // An expired token is a 403 here; a missing role is one too, and says nothing.
        403 if is_about_token(said) => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        429 => ErrorKind::Throttled,
        408 | 425 | 500..=599 => ErrorKind::Unavailable,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Malformed,
    }
}

fn is_about_token(said: &Said) -> bool {
    said.details.as_deref().is_some_and(|details| details.to_ascii_lowercase().contains("access token"))
}

fn story(status: StatusCode, said: &Said) -> String {
    let details = said.details.as_deref().unwrap_or_default();
    let text: String = format!("{} {} {details}", said.code, said.message).chars().take(MESSAGE_MAX).collect();
    match (status.as_u16(), text.trim()) {
        (403, text) if details.is_empty() => {
            format!("403 {text} (a role of the app is missing, or the marketplace is of another region)")
        }
        (_, "") => status.to_string(),
        (number, text) => format!("{number} {text}"),
    }
}

/// Amazon documents no `Retry-After`; a proxy before it may send one in seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// A store, or a proxy before it, may repeat what it was sent.
pub(super) fn redact(mut error: Error, session: Session<'_>) -> Error {
    for text in session.secrets.values().map(Secret::reveal).filter(|text| !text.is_empty()) {
        error.context = error.context.replace(text, "…");
    }
    error
}
