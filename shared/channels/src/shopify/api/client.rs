//! One GraphQL request: credentials, version, points, and what a refusal means.

use super::super::API_VERSION;
use super::token;
use crate::{Allowed, Effect, Error, ErrorKind, Request, Response, Secret, Session, Toll};
use ::http::{Method, StatusCode, header};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// What a Standard store's bucket holds and gains, <https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits>; the
/// store's own word replaces both.
const BUCKET: (f64, f64) = (2000.0, 100.0);
/// So much of the bucket is ours; the rest is for the store's other uses of the app.
const OURS: f64 = 0.8;
/// So much of a store's own message is kept.
const MESSAGE_MAX: usize = 200;
/// The shortest wait after a refusal for want of points, from the same page.
const BACK_OFF: Duration = Duration::from_secs(1);
/// A store that asks for more patience than an hour is not believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// What a request is for.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    /// Its name in errors.
    pub(super) name: &'a str,
    /// The document.
    pub(super) text: &'a str,
    /// The points that it will be asked for.
    pub(super) cost: f64,
    /// Whether it changes anything.
    pub(super) changes: bool,
}

impl<'a> Call<'a> {
    /// A read.
    pub(super) const fn read((name, text): (&'a str, &'a str), cost: f64) -> Self {
        Self { name, text, cost, changes: false }
    }

    /// A mutation.
    pub(super) const fn change((name, text): (&'a str, &'a str), cost: f64) -> Self {
        Self { name, text, cost, changes: true }
    }

    fn error(&self, kind: ErrorKind, story: &str) -> Error {
        Error::new(kind, format!("{}: {story}", self.name))
    }

    /// A failure of which nobody can say what it did; a read has done nothing.
    fn unsure(&self, error: Error) -> Error {
        if self.changes { error.with_unknown_effect() } else { error }
    }
}

/// An answer with data, and with errors of single fields of a mutation.
pub(super) struct Answer {
    /// The data by field.
    pub(super) data: Value,
    errors: Vec<(Option<String>, Error)>,
}

impl Answer {
    /// Refuses an answer of which any field failed.
    pub(super) fn whole(&self) -> Result<(), Error> {
        self.errors.first().map_or(Ok(()), |(_, error)| Err(error.clone()))
    }

    /// What came of one field of the document.
    pub(super) fn field<T: DeserializeOwned>(&self, call: Call<'_>, field: &str) -> Result<T, Error> {
        let error = self.errors.iter().find(|(place, _)| place.as_deref().is_none_or(|place| place == field));
        if let Some((_, error)) = error {
            return Err(error.clone());
        }
        let value = self.data.get(field).cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(|why| call.unsure(call.error(ErrorKind::Malformed, &place(&why))))
    }
}

/// The place of the problem, not its text: that could quote the store.
fn place(why: &serde_json::Error) -> String {
    format!("unexpected answer at line {}, column {}", why.line(), why.column())
}

/// Asks, and reads one field of the answer. Anything wrong in it is an error.
pub(super) async fn ask<T: DeserializeOwned>(
    session: Session<'_>,
    call: Call<'_>,
    field: &str,
    variables: &Value,
) -> Result<T, Error> {
    let answer = send(session, call, variables).await?;
    answer.whole()?;
    answer.field(call, field)
}

/// Sends one document and gives its data.
pub(super) async fn send(session: Session<'_>, call: Call<'_>, variables: &Value) -> Result<Answer, Error> {
    let token = token::token(session).await?;
    let sent = attempt(session, call, variables, &token).await;
    sent.map_err(|error| redact(error, session, &token))
}

async fn attempt(session: Session<'_>, call: Call<'_>, variables: &Value, token: &Secret) -> Result<Answer, Error> {
    let request = request(session, call, variables, token)?;
    let sent = session.http.send(request, session.timeout).await;
    let response = sent.map_err(|source| {
        let error = Error::no_answer(call.name, source);
        if call.changes { error } else { Error { effect: Effect::None, ..error } }
    })?;
    note_version(session, &response);
    if response.status().is_success() { read(session, call, response.body()) } else { Err(refusal(call, &response)) }
}

/// `X-Shopify-Access-Token` on every request, <https://shopify.dev/docs/api/admin-graphql>.
fn request(session: Session<'_>, call: Call<'_>, variables: &Value, token: &Secret) -> Result<Request, Error> {
    let address = format!("{}/admin/api/{}/graphql.json", base(session), version(session));
    let mut key = header::HeaderValue::try_from(token.reveal())
        .map_err(|_| Error::new(ErrorKind::Configuration, "access_token: it cannot be sent"))?;
    key.set_sensitive(true);
    let body = json!({"query": call.text, "variables": variables}).to_string();
    let request = ::http::Request::builder()
        .method(Method::POST)
        .uri(address)
        .header("x-shopify-access-token", key)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .extension(Toll { bucket: "points", per_second: BUCKET.1, burst: BUCKET.0 * OURS, cost: call.cost });
    request.body(Bytes::from(body)).map_err(|why| Error::new(ErrorKind::Configuration, format!("shop: {why}")))
}

/// Where the store answers.
pub(super) fn base(session: Session<'_>) -> String {
    let given = session.settings.get("base_url").filter(|url| !url.is_empty());
    let shop = session.settings.get("shop").map(String::as_str).unwrap_or_default();
    given.map_or_else(|| format!("https://{shop}"), |url| url.trim_end_matches('/').to_owned())
}

/// The version that the account asks for.
pub(super) fn version(session: Session<'_>) -> &str {
    let given = session.settings.get("api_version").map(String::as_str).filter(|version| !version.is_empty());
    given.unwrap_or(API_VERSION)
}

/// A version that has ended is answered by the oldest supported one, without an error
/// (<https://shopify.dev/docs/api/usage/versioning>). What was asked may then mean something else.
pub(super) fn served(session: Session<'_>, response: &Response) -> Option<String> {
    let served = response.headers().get("x-shopify-api-version")?.to_str().ok()?;
    (served != version(session)).then(|| served.to_owned())
}

fn note_version(session: Session<'_>, response: &Response) {
    if let Some(served) = served(session, response) {
        let (account, asked) = (session.account, version(session));
        tracing::warn!(%account, asked, served, "the store answers with another API version: change api_version");
        session.tokens.keep(SERVED, Secret::new(served), session.clock.now().plus_ms(SERVED_MS));
    }
}

/// Under this name the process remembers that a store serves another version than was asked for.
pub(super) const SERVED: &str = "served-version";
const SERVED_MS: i64 = 60_000;

/// The body of every answer.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
struct Extensions {
    cost: Option<Cost>,
    #[serde(default)]
    search: Vec<Search>,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    warnings: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    #[serde(default)]
    requested_query_cost: Option<f64>,
    throttle_status: Option<Throttle>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Throttle {
    maximum_available: f64,
    currently_available: f64,
    restore_rate: f64,
}

fn read(session: Session<'_>, call: Call<'_>, bytes: &Bytes) -> Result<Answer, Error> {
    let body: Body =
        serde_json::from_slice(bytes).map_err(|why| call.unsure(call.error(ErrorKind::Malformed, &place(&why))))?;
    if let Some(status) = body.extensions.cost.as_ref().and_then(|cost| cost.throttle_status) {
        tell(session, status);
    }
    // An unknown filter is dropped and everything is given: <https://shopify.dev/docs/api/usage/search-syntax>
    if body.extensions.search.iter().any(|search| !search.warnings.is_empty()) {
        return Err(call.error(ErrorKind::Malformed, "the store did not understand the filter"));
    }
    let wait = body.extensions.cost.as_ref().and_then(wait);
    let errors = match &body.errors {
        Value::Null => Vec::new(),
        Value::Array(errors) => errors.iter().map(|error| problem(call, error, wait)).collect(),
        Value::String(text) => vec![(None, call.error(ErrorKind::Unauthorized, &short(text)))],
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(call.unsure(call.error(ErrorKind::Malformed, "errors of an unknown kind")));
        }
    };
    // an error without a field concerns the whole request
    match errors.iter().find(|(place, _)| place.is_none()) {
        Some((_, error)) => Err(error.clone()),
        None => Ok(Answer { data: body.data, errors }),
    }
}

/// What is left is told without the part that is not ours, so that it is never used.
fn tell(session: Session<'_>, status: Throttle) {
    let kept = status.maximum_available * (1.0 - OURS);
    session.http.allowed(Allowed {
        bucket: "points",
        left: status.currently_available - kept,
        per_second: status.restore_rate,
        burst: status.maximum_available - kept,
    });
}

/// How long until there are points enough.
fn wait(cost: &Cost) -> Option<Duration> {
    let status = cost.throttle_status?;
    let missing = cost.requested_query_cost? - status.currently_available;
    let seconds = (missing / status.restore_rate.max(1.0)).clamp(0.0, RETRY_AFTER_MAX.as_secs_f64());
    Some(Duration::from_secs_f64(seconds).max(BACK_OFF))
}

/// One entry of `errors`, with the field that it belongs to. What was refused before it ran has changed nothing; of anything
/// else nobody can say.
fn problem(call: Call<'_>, error: &Value, wait: Option<Duration>) -> (Option<String>, Error) {
    let code = error.pointer("/extensions/code").and_then(Value::as_str).unwrap_or_default();
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    let story = format!("{} ({})", short(message), short(code));
    let place = error.pointer("/path/0").and_then(Value::as_str).map(str::to_owned);
    let error = match code {
        // Nowhere is it promised that a throttled mutation was not carried out.
        "THROTTLED" => {
            let error = call.error(ErrorKind::Throttled, &story).with_retry_after(Some(wait.unwrap_or(BACK_OFF)));
            return (None, call.unsure(error));
        }
        "ACCESS_DENIED" => call.error(ErrorKind::Forbidden, &story),
        "MAX_COST_EXCEEDED" | "MAX_INPUT_SIZE_EXCEEDED" | "INVALID_VARIABLE" | "INVALID_FIELD_ARGUMENTS" => {
            call.error(ErrorKind::Invalid, &story)
        }
        "BAD_REQUEST" | "undefinedField" | "missingRequiredArguments" => call.error(ErrorKind::Invalid, &story),
        _ => call.unsure(call.error(ErrorKind::Unavailable, &story)),
    };
    (place, error)
}

fn short(text: &str) -> String {
    text.chars().take(MESSAGE_MAX).collect()
}

/// Statuses of <https://shopify.dev/docs/api/usage/response-codes>.
fn refusal(call: Call<'_>, response: &Response) -> Error {
    let status = response.status();
    let kind = match status.as_u16() {
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        429 | 430 => ErrorKind::Throttled,
        // 402: the store is frozen until it pays; 423: it is locked
        402 | 408 | 423 | 425 | 500..=599 => ErrorKind::Unavailable,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Malformed,
    };
    let error = call.error(kind, &format!("{}{}", status, said(response)));
    let throttled = kind == ErrorKind::Throttled;
    let error = error.with_retry_after(retry_after(response).or(throttled.then_some(BACK_OFF)));
    let certain = status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT && !throttled;
    if certain { error } else { call.unsure(error) }
}

/// The store's own word, where `errors` is a text.
fn said(response: &Response) -> String {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    body.get("errors").and_then(Value::as_str).map(|text| format!(" ({})", short(text))).unwrap_or_default()
}

/// `Retry-After` in seconds, with fractions.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(RETRY_AFTER_MAX))
}

/// A store, or a proxy before it, may repeat what it was sent.
pub(super) fn redact(mut error: Error, session: Session<'_>, token: &Secret) -> Error {
    let secrets = session.secrets.values().chain([token]);
    for text in secrets.map(Secret::reveal).filter(|text| !text.is_empty()) {
        error.context = error.context.replace(text, "…");
    }
    error
}
