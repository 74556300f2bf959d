//! The doors of the API: tokens, roles, limits, faults, then the operation.

use super::faults::{Failure, When, strike};
use super::limits::{Operation, route};
use super::state::Seller;
use super::{FakeAmazon, documents, feeds, listings, notify, orders, reports, writes};
use crate::fake::NoAnswer;
use crate::{Request, Response};
use ::http::header;
use bytes::Bytes;
use domain::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A call that is let in.
pub(super) struct Call {
    pub(super) operation: &'static Operation,
    /// What varies in the path, decoded once.
    pub(super) parts: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Value,
    pub(super) now: Timestamp,
    /// Scheme and host of this request, for the addresses of documents.
    pub(super) base: String,
}

impl Call {
    pub(super) fn part(&self, place: usize) -> &str {
        self.parts.get(place).map_or("", String::as_str)
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A list with commas.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.param(name).map(|text| text.split(',').collect()).unwrap_or_default()
    }

    /// A number between bounds, or 400.
    pub(super) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Refusal> {
        let number = self.param(name).map_or(Some(default), |text| text.parse().ok());
        number.filter(|number| (1..=most).contains(number)).ok_or_else(invalid)
    }

    /// A moment, or 400.
    pub(super) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let parse = |text: &str| text.parse::<jiff::Timestamp>().map(|at| Timestamp(at.as_millisecond()));
        self.param(name).map(parse).transpose().map_err(|_| invalid())
    }
}

/// A refusal of the API.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    details: String,
}

/// The API's answer: status and JSON.
pub(super) type Answer = Result<(u16, Value), Refusal>;

pub(super) fn refuse(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { status, code, message: message.into(), details: String::new() }
}

/// 400 as the models' examples have it.
pub(super) fn invalid() -> Refusal {
    refuse(400, "InvalidInput", "Request has missing or invalid parameters and cannot be parsed.")
}

/// 403; empty details are a missing role.
pub(super) fn forbidden(details: &str) -> Refusal {
    let message = "Access to requested resource is denied.".into();
    Refusal { status: 403, code: "Unauthorized", message, details: details.into() }
}

/// An answer without the API's own headers.
pub(super) fn plain(status: u16, body: &Value) -> Response {
    raw(status, "application/json", body.to_string())
}

pub(super) fn raw(status: u16, kind: &str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = ::http::StatusCode::from_u16(status).unwrap_or_default();
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// The scheme and host that a request was sent to.
fn base(request: &Request) -> String {
    match (request.uri().scheme_str(), request.uri().authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        _ => {
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            format!("http://{}", host.unwrap_or("localhost"))
        }
    }
}

/// Answers a request of the API.
pub(super) fn answer(fake: &mut FakeAmazon, request: &Request, now: Timestamp) -> Response {
    fake.request += 1;
    let id = fake.request;
    let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    let Some((operation, parts)) = route(request.method().as_str(), &path) else {
        // a wrong path is a 403 here too
        return dress(Err(forbidden("")), None, None, id);
    };
    let seller = match admit(fake, operation, request, now) {
        Ok(seller) => seller,
        Err(refusal) => return dress(Err(refusal), Some(operation), None, id),
    };
    let Some(owner) = fake.sellers.get_mut(&seller) else { return dress(Err(forbidden("")), None, None, id) };
    *owner.calls.entry(operation.name).or_default() += 1;
    let told = owner.switches.told_rate;
    if !owner.switches.rate_scale.is_none_or(|scale| owner.buckets.take(operation, scale, now)) {
        let refusal = refuse(429, "QuotaExceeded", "You exceeded your quota for the requested resource.");
        return dress(Err(refusal), Some(operation), told, id);
    }
    let fault = strike(&mut owner.faults, operation.name);
    if let Some(fault) = fault.as_ref().filter(|fault| fault.when == When::Before) {
        return fail(fault.failure, operation, id);
    }
    let answer = call(request, operation, &parts, now).and_then(|call| perform(fake, &seller, &call));
    match fault {
        Some(fault) => fail(fault.failure, operation, id),
        None => dress(answer, Some(operation), told, id),
    }
}

/// Whose call it is. Grantless operations refuse a seller's token, and the others the application's.
fn admit(fake: &FakeAmazon, operation: &Operation, request: &Request, now: Timestamp) -> Result<String, Refusal> {
    let token = request.headers().get("x-amz-access-token").and_then(|value| value.to_str().ok());
    let token = token.ok_or_else(|| forbidden("Access token is missing in the request header."))?;
    let token = fake.tokens.get(token);
    let token = token.ok_or_else(|| forbidden("The access token you provided is revoked, malformed or invalid."))?;
    if token.until <= now {
        return Err(forbidden("The access token you provided has expired."));
    }
    if token.seller.is_none() != operation.grantless {
        return Err(forbidden(""));
    }
    let by_client = || fake.sellers.values().find(|seller| seller.client_id == token.client_id);
    let seller = token.seller.as_ref().and_then(|id| fake.sellers.get(id)).or_else(by_client);
    let seller = seller.ok_or_else(|| forbidden(""))?;
    if seller.refused.contains(operation.name) {
        return Err(forbidden(""));
    }
    let dated = request.headers().contains_key("x-amz-date");
    if seller.switches.date_required && !dated {
        return Err(refuse(400, "InvalidInput", "x-amz-date is missing"));
    }
    Ok(seller.id.clone())
}

fn call(request: &Request, operation: &'static Operation, parts: &[&str], now: Timestamp) -> Result<Call, Refusal> {
    let decode = |part: &&str| percent_decode_str(part).decode_utf8().map(String::from).map_err(|_| invalid());
    let parts = parts.iter().map(decode).collect::<Result<_, _>>()?;
    let query = request.uri().query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let body = match request.body() {
        bytes if bytes.is_empty() => Value::Null,
        bytes => serde_json::from_slice(bytes).map_err(|_| invalid())?,
    };
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !body.is_null() && !kind.starts_with("application/json") {
        return Err(refuse(415, "UnsupportedMediaType", "The request's content type is not supported."));
    }
    Ok(Call { operation, parts, query, body, now, base: base(request) })
}

/// Marketplaces outside the seller's region are refused like a missing role.
fn check_marketplaces(seller: &Seller, call: &Call) -> Result<(), Refusal> {
    let mut named = call.list("marketplaceIds");
    let listed = call.body.get("marketplaceIds").and_then(Value::as_array);
    named.extend(listed.into_iter().flatten().filter_map(Value::as_str));
    let ours = |id: &&str| seller.marketplaces.iter().any(|own| own == id);
    if named.iter().all(ours) { Ok(()) } else { Err(forbidden("")) }
}

fn perform(fake: &mut FakeAmazon, seller: &str, call: &Call) -> Answer {
    let owner = fake.sellers.get_mut(seller).ok_or_else(|| forbidden(""))?;
    check_marketplaces(owner, call)?;
    match call.operation.name {
        "patchListingsItem" => writes::patch(owner, call),
        "getListingsItem" => listings::get(owner, call),
        "searchListingsItems" => listings::search(owner, call),
        "createFeedDocument" => documents::create(fake, seller, call),
        "getFeedDocument" | "getReportDocument" => documents::get(fake, seller, call),
        "createFeed" => feeds::create(fake, seller, call),
        "getFeed" => feeds::get(owner, call),
        "getFeeds" => feeds::list(owner, call),
        "cancelFeed" => feeds::cancel(owner, call),
        "createReport" => reports::create(owner, call),
        "getReport" => reports::get(owner, call),
        "getReports" => reports::list(owner, call),
        "searchOrders" => orders::search(owner, call),
        "getOrder" => orders::get(owner, call),
        "getMarketplaceParticipations" => Ok((200, participations(owner))),
        _ => notify::route(fake, seller, call),
    }
}

fn participations(seller: &Seller) -> Value {
    let row = |id: &String| {
        json!({
            "marketplace": {
                "id": id, "name": "Amazon", "countryCode": "GB", "defaultCurrencyCode": "GBP",
                "defaultLanguageCode": "en_GB", "domainName": "www.amazon.co.uk",
            },
            "participation": {"isParticipating": true, "hasSuspendedListings": false},
            "storeName": seller.name,
        })
    };
    json!({"payload": seller.marketplaces.iter().map(row).collect::<Vec<_>>()})
}

fn fail(failure: Failure, operation: &'static Operation, id: u64) -> Response {
    match failure {
        Failure::NoAnswer => {
            let mut response = raw(504, "text/plain", "");
            response.extensions_mut().insert(NoAnswer);
            response
        }
        Failure::Page => raw(200, "text/html", "<html><body>Back soon</body></html>"),
        Failure::Internal => fail(Failure::Status(500), operation, id),
        Failure::Status(status) => {
            let refusal = match status {
                429 => refuse(429, "QuotaExceeded", "You exceeded your quota for the requested resource."),
                403 => forbidden(""),
                400 => invalid(),
                _ => refuse(status, "InternalFailure", "We encountered an internal error. Please try again."),
            };
            dress(Err(refusal), Some(operation), None, id)
        }
    }
}

/// The headers of <https://developer-docs.amazon.com/sp-api/docs/response-format>: the rate on 20x, 400 and 404 only.
fn dress(answer: Answer, operation: Option<&Operation>, told: Option<f64>, id: u64) -> Response {
    let (status, body, kind) = match answer {
        Ok((status, body)) => (status, body, None),
        Err(refusal) => {
            let error = json!({"code": refusal.code, "message": refusal.message, "details": refusal.details});
            (refusal.status, json!({"errors": [error]}), Some(refusal.code))
        }
    };
    let mut response = plain(status, &body);
    let mut headers = vec![("x-amzn-requestid", format!("request-{id}"))];
    if let Some(operation) = operation.filter(|_| matches!(status, 200..=209 | 400 | 404)) {
        headers.push(("x-amzn-ratelimit-limit", format!("{:?}", told.unwrap_or(operation.per_second))));
    }
    headers.extend(kind.map(|kind| ("x-amzn-errortype", kind.to_owned())));
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
