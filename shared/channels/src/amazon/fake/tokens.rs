//! Login with Amazon: forms in, tokens out, an hour each.

use super::FakeAmazon;
use super::rest::plain;
use crate::{Request, Response};
use ::http::{Method, header};
use domain::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Seconds for which a token is good.
const LIFE_S: i64 = 3600;
/// The only scope that the fake grants.
const SCOPE: &str = "sellingpartnerapi::notifications";

/// An access token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// The seller it is for; none for the application's own.
    pub(super) seller: Option<String>,
    pub(super) client_id: String,
    pub(super) until: Timestamp,
}

/// Answers `POST /auth/o2/token`.
pub(super) fn grant(fake: &mut FakeAmazon, request: &Request, now: Timestamp) -> Response {
    fake.token_calls += 1;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if *request.method() != Method::POST || !kind.starts_with("application/x-www-form-urlencoded") {
        return denied(400, "invalid_request", "The request is missing a required parameter");
    }
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(request.body()).into_owned().collect();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let known = |id: &str, secret: &str| {
        fake.sellers.values().any(|seller| seller.client_id == id && seller.client_secret == secret)
    };
    if !known(field("client_id"), field("client_secret")) {
        return denied(401, "invalid_client", "Client authentication failed");
    }
    let mut ours = fake.sellers.values().filter(|seller| seller.client_id == field("client_id"));
    if ours.any(|seller| seller.switches.secret_expired) {
        return denied(401, "invalid_client", "The LWA secret token you provided has expired.");
    }
    let seller = match field("grant_type") {
        "client_credentials" if field("scope") == SCOPE => None,
        "client_credentials" => return denied(400, "invalid_scope", "The requested scope is invalid"),
        "refresh_token" => {
            let found = fake.sellers.values().find(|seller| {
                seller.refresh_token == field("refresh_token")
                    && seller.client_id == field("client_id")
                    && !seller.switches.refresh_expired
            });
            let Some(seller) = found else {
                let said = "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission.";
                return denied(400, "invalid_grant", said);
            };
            Some(seller.id.clone())
        }
        _ => return denied(400, "unsupported_grant_type", "The authorization grant type is not supported"),
    };
    fake.token += 1;
    let text = format!("Atza|TOKEN-{}", fake.token);
    let client_id = field("client_id").to_owned();
    let mut body = json!({"access_token": text, "token_type": "bearer", "expires_in": LIFE_S});
    if seller.is_some() {
        body["refresh_token"] = json!(field("refresh_token"));
    }
    fake.tokens.insert(text, Token { seller, client_id, until: now.plus_ms(LIFE_S * 1000) });
    plain(200, &body)
}

fn denied(status: u16, error: &str, description: &str) -> Response {
    let body: Value = json!({"error": error, "error_description": description});
    plain(status, &body)
}
