//! The HTTP side: tokens, the GraphQL endpoint, and how a request ends.

use super::faults::{Failure, When, strike};
use super::graphql::{self, Run};
use super::mutations::{self, Cx};
use super::state::Shop;
use super::switches::Grant;
use super::{bulk, cost, queries};
use crate::fake::NoAnswer;
use crate::{Request, Response};
use ::http::{HeaderValue, StatusCode, header};
use apollo_compiler::executable::Operation;
use bytes::Bytes;
use domain::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The longest array argument.
const ARRAY_MAX: usize = 250;

/// An answer.
pub(super) fn answer(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn told(status: u16, body: &Value) -> Response {
    answer(status, "application/json", body.to_string())
}

/// The text of a bad token, whatever is wrong with it.
fn unauthorized() -> Response {
    let text = "[API] Invalid API key or access token (unrecognized login or wrong password)";
    told(401, &json!({"errors": text}))
}

/// Answers a request of the platform.
pub(super) fn route(shops: &mut BTreeMap<String, Shop>, request: &Request, now: Timestamp) -> Response {
    let parts: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    match (request.method().as_str(), parts.as_slice()) {
        ("POST", ["admin", "oauth", "access_token"]) => grant(shops, request, now),
        ("POST", ["admin", "api", version, "graphql.json"]) => {
            let token = request.headers().get("x-shopify-access-token").and_then(|value| value.to_str().ok());
            let shop = shops.values_mut().find(|shop| token.is_some_and(|token| shop.knows(token, now)));
            shop.map_or_else(unauthorized, |shop| endpoint(shop, version, request, now))
        }
        ("GET", ["_bulk", domain, file]) => {
            let id = file.strip_suffix(".jsonl").and_then(|id| id.parse().ok()).unwrap_or_default();
            let missing = || answer(404, "application/xml", "<Error/>");
            shops.get_mut(*domain).map_or_else(missing, |shop| match strike(&mut shop.faults, true) {
                Some(fault) => fail(fault.failure),
                None => bulk::serve(shop, id, request),
            })
        }
        _ => told(404, &json!({"errors": "Not Found"})),
    }
}

impl Shop {
    fn knows(&self, token: &str, now: Timestamp) -> bool {
        let own = self.spec.access_token.as_deref() == Some(token);
        own || self.tokens.get(token).is_some_and(|until| now < *until)
    }
}

#[derive(Deserialize)]
struct Grants {
    grant_type: String,
    client_id: String,
    client_secret: String,
}

/// Client credentials, as a form and as JSON.
fn grant(shops: &mut BTreeMap<String, Shop>, request: &Request, now: Timestamp) -> Response {
    let field = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(request.body());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let form = || Grants {
        grant_type: field("grant_type"),
        client_id: field("client_id"),
        client_secret: field("client_secret"),
    };
    let asked: Grants = serde_json::from_slice(request.body()).unwrap_or_else(|_| form());
    let refuse = |status, error: &str, story: &str| told(status, &json!({"error": error, "error_description": story}));
    let Some(shop) = shops.values_mut().find(|shop| shop.spec.client_id == asked.client_id) else {
        return refuse(400, "application_cannot_be_found", "The application cannot be found.");
    };
    if let Some(fault) = strike(&mut shop.faults, true) {
        return fail(fault.failure);
    }
    if asked.grant_type != "client_credentials" || shop.spec.client_secret != asked.client_secret {
        return refuse(400, "invalid_client", "Client authentication failed.");
    }
    match shop.switches.grant {
        Grant::ShopNotPermitted => {
            return refuse(400, "shop_not_permitted", "Client credentials cannot be performed on this shop.");
        }
        Grant::AppNotInstalled => return refuse(400, "app_not_installed", "The app is not installed on this shop."),
        Grant::Given => {}
    }
    // no two stores ever have the same
    let number = shop.id();
    let token = format!("{}-{number:032x}", shop.spec.domain);
    shop.tokens.insert(token.clone(), now.plus_ms(shop.switches.token_ms));
    let scope = shop.switches.scopes.join(",");
    told(200, &json!({"access_token": token, "scope": scope, "expires_in": 86_399}))
}

/// What a fault looks like from outside.
fn fail(failure: Failure) -> Response {
    match failure {
        Failure::Status(status) => {
            let mut response = told(status, &json!({"errors": format!("status {status}")}));
            if matches!(status, 429 | 430) {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2.0"));
            }
            response
        }
        Failure::NoAnswer => {
            let mut response = answer(504, "text/plain", "");
            response.extensions_mut().insert(NoAnswer);
            response
        }
        Failure::Page => answer(200, "text/html", "<!doctype html><title>Be right back</title>"),
        Failure::Internal => {
            let error = json!({"message": "Internal error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}});
            told(200, &json!({"errors": [error]}))
        }
    }
}

/// A GraphQL request with the fault that hits it, before or after it is carried out.
fn endpoint(shop: &mut Shop, asked: &str, request: &Request, now: Timestamp) -> Response {
    shop.now = now;
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let text = body["query"].as_str().unwrap_or_default();
    let reads = !text.trim_start().starts_with("mutation");
    let served = shop.switches.served.clone().unwrap_or_else(|| asked.to_owned());
    let served = graphql::served(&served);
    let fault = strike(&mut shop.faults, reads);
    if let Some(fault) = fault.filter(|fault| fault.when == When::Before) {
        return fail(fault.failure);
    }
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = execute(shop, &Cx { version: served, host, now }, text, &body["variables"]);
    if let Some(fault) = fault {
        return fail(fault.failure);
    }
    response.headers_mut().insert("x-shopify-api-version", HeaderValue::from_static(served));
    response
}

fn execute(shop: &mut Shop, cx: &Cx<'_>, text: &str, variables: &Value) -> Response {
    let refused = |error: Value| told(200, &json!({"errors": [error]}));
    let document = match graphql::parse(cx.version, text) {
        Ok(document) => document,
        Err(error) => return refused(error),
    };
    let none = Map::new();
    let variables = variables.as_object().unwrap_or(&none);
    let operation = match graphql::operation(cx.version, &document, variables) {
        Ok(operation) => operation,
        Err(error) => return refused(error),
    };
    let run = Run { document: &document, variables, flat: false };
    let requested = cost::requested(&run, operation);
    if let Some(long) = longest(variables).filter(|long| *long > ARRAY_MAX) {
        let story = format!("The input array size of {long} is greater than the maximum allowed of {ARRAY_MAX}.");
        let error = json!({"message": story, "extensions": {"code": "MAX_INPUT_SIZE_EXCEEDED"}});
        return told(200, &json!({"errors": [error], "extensions": {"cost": shop.cost(requested, None)}}));
    }
    if requested > cost::MOST {
        let story = format!("Query cost is {requested}, which exceeds the single query max cost limit (1000).");
        return refused(json!({"message": story, "extensions": {"code": "MAX_COST_EXCEEDED"}}));
    }
    if !shop.pay(requested, cx.now) {
        return throttled(shop, requested);
    }
    roots(shop, &run, operation, cx, requested)
}

/// The longest list in what was sent.
fn longest(variables: &Map<String, Value>) -> Option<usize> {
    variables.values().map(list).max()
}

fn list(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len().max(items.iter().map(list).max().unwrap_or_default()),
        Value::Object(fields) => longest(fields).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn throttled(shop: &Shop, requested: f64) -> Response {
    let extensions = json!({"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"});
    let error = json!({"message": "Throttled", "extensions": extensions});
    let cost = shop.cost(requested, None);
    let body = json!({"errors": [error], "extensions": {"cost": cost}});
    if !shop.switches.throttle_429 {
        return told(200, &body);
    }
    fail(Failure::Status(429))
}

fn roots(shop: &mut Shop, run: &Run<'_>, operation: &Operation, cx: &Cx<'_>, requested: f64) -> Response {
    let (mut data, mut errors, mut warnings) = (Map::new(), Vec::new(), Vec::new());
    for field in graphql::fields(run, "", &operation.selection_set) {
        let ran = if operation.is_mutation() {
            mutations::run(shop, run, field, cx)
        } else {
            queries::run(shop, run, field, cx, &mut warnings)
        };
        let value = match ran {
            Ok(resolved) => graphql::complete(shop, run, resolved, &field.selection_set),
            Err(error) => {
                errors.push(error);
                Value::Null
            }
        };
        data.insert(field.response_key().to_string(), value);
    }
    let mut extensions = json!({"cost": shop.cost(requested, Some(requested))});
    if !warnings.is_empty() {
        extensions["search"] = warnings.into();
    }
    let mut body = json!({"data": data, "extensions": extensions});
    if !errors.is_empty() {
        body["errors"] = errors.into();
    }
    told(200, &body)
}
