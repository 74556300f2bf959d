//! The doors of the REST API: credentials, limits, faults, then the route.

use super::faults::{Failure, When, strike};
use super::state::Account;
use super::switches::{LimitScope, ThrottleBody};
use super::{catalogue, events, orders, render, stock, webhooks};
use crate::fake::NoAnswer;
use crate::{Request, Response};
use ::http::{Method, header};
use bytes::Bytes;
use domain::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A call that is let in.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) path: Vec<&'a str>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Value,
    pub(super) now: Timestamp,
}

impl Call<'_> {
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let number = self.param(name).map(str::parse).transpose();
        number.map_err(|_| refuse(422, format!("{name} is not a number")))
    }

    /// `count` (1 to 100, 50 by default) and `offset`.
    pub(super) fn page(&self) -> Result<(usize, usize), Refusal> {
        let count = self.number("count")?.unwrap_or(50);
        let offset = self.number("offset")?.unwrap_or(0);
        match (usize::try_from(count), usize::try_from(offset)) {
            (Ok(count @ 1..=100), Ok(offset)) => Ok((count, offset)),
            _ => Err(refuse(422, "count must be 1 to 100, offset not negative")),
        }
    }

    pub(super) fn shape(&self) -> render::Shape<'_> {
        render::Shape::new(self.param("embed"), self.param("fields"))
    }
}

/// A refusal of the API.
pub(super) struct Refusal {
    status: u16,
    message: String,
}

/// The API's answer: status and JSON.
pub(super) type Answer = Result<(u16, Value), Refusal>;

pub(super) fn refuse(status: u16, message: impl Into<String>) -> Refusal {
    Refusal { status, message: message.into() }
}

/// The number in a path.
pub(super) fn id(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| refuse(404, "No such id"))
}

/// Answers a request with the key `key` of an account.
pub(super) fn answer(account: &mut Account, key: usize, request: &Request, now: Timestamp) -> Response {
    account.requests += 1;
    if let Err(wait) = admit(account, key, now) {
        return throttled(account, wait);
    }
    let fault = strike(&mut account.faults, request.method() == Method::GET);
    if let Some(fault) = fault.filter(|fault| fault.when == When::Before) {
        return fail(account, fault.failure);
    }
    let answer = perform(account, key, request, now);
    match fault {
        Some(fault) => fail(account, fault.failure),
        None => respond(account, key, answer),
    }
}

fn perform(account: &mut Account, key: usize, request: &Request, now: Timestamp) -> Answer {
    let path = request.uri().path().trim_matches('/');
    let mut parts = path.split('/');
    if parts.next() != Some("v1") {
        return Err(refuse(404, "Unknown version"));
    }
    let path: Vec<&str> = parts.collect();
    permit(account, key, path.first().copied().unwrap_or_default())?;
    let query = request.uri().query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let call = Call { method: request.method(), path, query, body: body(request)?, now };
    route(account, &call)
}

fn permit(account: &Account, key: usize, area: &str) -> Result<(), Refusal> {
    match account.keys.get(key) {
        Some(key) if key.refused.contains(area) => {
            Err(refuse(account.switches.refused_status, format!("This key may not use {area}")))
        }
        _ => Ok(()),
    }
}

fn body(request: &Request) -> Result<Value, Refusal> {
    if *request.method() == Method::GET || *request.method() == Method::DELETE {
        return Ok(Value::Null);
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(refuse(415, "Content-Type must be application/json"));
    }
    if request.body().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(request.body()).map_err(|_| refuse(400, "The body is not JSON"))
}

fn route(account: &mut Account, call: &Call<'_>) -> Answer {
    match call.path.as_slice() {
        ["business"] if *call.method == Method::GET => {
            Ok((200, json!({"id": account.business, "name": account.name, "country": "United Kingdom"})))
        }
        ["products", rest @ ..] => catalogue::route(account, call, rest),
        ["stock", rest @ ..] => stock::route(account, call, rest),
        ["orders", rest @ ..] => orders::route(account, call, rest),
        ["order-statuses"] if *call.method == Method::GET => Ok((200, orders::statuses(account))),
        ["webhooks", rest @ ..] => webhooks::route(account, call, rest),
        ["events", rest @ ..] => events::route(account, call, rest),
        ["business" | "order-statuses"] => Err(not_allowed()),
        _ => Err(refuse(404, "No such endpoint")),
    }
}

pub(super) fn not_allowed() -> Refusal {
    refuse(405, "Method not allowed")
}

fn admit(account: &mut Account, key: usize, now: Timestamp) -> Result<(), u64> {
    let Some(limit) = account.switches.limit else { return Ok(()) };
    let bucket = match account.switches.limit_scope {
        LimitScope::Account => &mut account.bucket,
        LimitScope::Key => account.keys.get_mut(key).map_or(&mut account.bucket, |key| &mut key.bucket),
    };
    bucket.take(limit, now)
}

fn throttled(account: &Account, wait: u64) -> Response {
    let (kind, body) = match account.switches.throttle_body {
        ThrottleBody::Json => (JSON, error(429, "Too many requests")),
        ThrottleBody::Empty => (JSON, String::new()),
        ThrottleBody::Html => (HTML, "<html><body><h1>429 Too Many Requests</h1></body></html>".into()),
    };
    let mut response = response(429, kind, body);
    if account.switches.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(wait));
    }
    response
}

/// Seconds that a made-up 429 asks to wait, if it says so at all.
const FAULT_WAIT: u64 = 7;

fn fail(account: &Account, failure: Failure) -> Response {
    match failure {
        Failure::Status(429) => throttled(account, FAULT_WAIT),
        Failure::Status(503) => response(503, HTML, "<html><body>Maintenance</body></html>".into()),
        Failure::Internal => response(500, JSON, error(500, "Made to fail")),
        Failure::Status(status) => response(status, JSON, error(status, "Made to fail")),
        Failure::Page => response(200, HTML, "<html><body>Back soon</body></html>".into()),
        Failure::NoAnswer => {
            let mut response = response(504, JSON, String::new());
            response.extensions_mut().insert(NoAnswer);
            response
        }
    }
}

fn respond(account: &Account, key: usize, answer: Answer) -> Response {
    match answer {
        Ok((204, _)) => response(204, JSON, String::new()),
        Ok((status, value)) => response(status, JSON, render::text(&account.switches, &value)),
        Err(refusal) => {
            let name = account.keys.get(key).map_or("", |key| key.name.as_str());
            let leak = if account.switches.leaks_keys { format!(" (key {name})") } else { String::new() };
            response(refusal.status, JSON, error(refusal.status, &format!("{}{leak}", refusal.message)))
        }
    }
}

/// The answer to credentials that nobody has.
pub(super) fn unauthorized() -> Response {
    response(401, JSON, error(401, "Invalid API credentials"))
}

const JSON: &str = "application/json";
const HTML: &str = "text/html";

/// The documented error object. Only code 2 is known, so the codes here are the statuses.
fn error(status: u16, message: &str) -> String {
    json!({"code": status, "message": message}).to_string()
}

/// A whole answer.
pub(super) fn response(status: u16, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = ::http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
