//! Access tokens: an hour each, kept in the session,
//! <https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api>.

use super::super::place::Place;
use super::client::{agent, redact, secret};
use super::operation::{TOKEN, Who};
use crate::{Error, ErrorKind, Request, Response, Secret, Session};
use ::http::{Method, header};
use bytes::Bytes;
use serde::Deserialize;

/// A token is given up this long before its end, in seconds: a request may be on its way for a while.
const MARGIN_S: i64 = 60;
/// What a token without a word on its end is trusted for, seconds.
const SHORTEST_S: i64 = 300;
/// The scope of grantless calls to the Notifications API, <https://developer-docs.amazon.com/sp-api/docs/grantless-operations>.
const SCOPE: &str = "sellingpartnerapi::notifications";

impl Who {
    const fn token_name(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::Application => "application",
        }
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<i64>,
}

#[derive(Default, Deserialize)]
struct Denied {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// An access token that is good now.
pub(super) async fn token(session: Session<'_>, place: &Place, who: Who) -> Result<Secret, Error> {
    let now = session.clock.now();
    if let Some(token) = session.tokens.get(who.token_name(), now) {
        return Ok(token);
    }
    let request = request(session, place, who)?;
    let sent = session.http.send(request, session.timeout).await;
    let response = sent.map_err(|source| harmless(Error::no_answer("access token", source), session))?;
    if !response.status().is_success() {
        return Err(harmless(denial(&response), session));
    }
    let granted: Granted = serde_json::from_slice(response.body())
        .map_err(|_| Error::new(ErrorKind::Malformed, "access token: an answer that is no token"))?;
    let token = Secret::new(granted.access_token);
    let good_s = granted.expires_in.unwrap_or(SHORTEST_S).saturating_sub(MARGIN_S).max(0);
    session.tokens.keep(who.token_name(), token.clone(), now.plus_ms(good_s.saturating_mul(1000)));
    Ok(token)
}

/// Asking for a token changes nothing in a store.
fn harmless(mut error: Error, session: Session<'_>) -> Error {
    error.effect = crate::Effect::None;
    redact(error, session)
}

fn request(session: Session<'_>, place: &Place, who: Who) -> Result<Request, Error> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    match who {
        Who::Seller => {
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("refresh_token", secret(session, "refresh_token")?);
        }
        Who::Application => {
            form.append_pair("grant_type", "client_credentials");
            form.append_pair("scope", SCOPE);
        }
    }
    form.append_pair("client_id", secret(session, "client_id")?);
    form.append_pair("client_secret", secret(session, "client_secret")?);
    ::http::Request::builder()
        .method(Method::POST)
        .uri(&place.token)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded;charset=UTF-8")
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, agent())
        .extension(TOKEN.toll())
        .body(Bytes::from(form.finish()))
        .map_err(|why| Error::new(ErrorKind::Configuration, format!("token_url: {why}")))
}

/// The status of each `error` is not documented for this host, so the word decides where there is one.
fn denial(response: &Response) -> Error {
    let denied: Denied = serde_json::from_slice(response.body()).unwrap_or_default();
    let kind = match (denied.error.as_str(), response.status().as_u16()) {
        ("invalid_client" | "invalid_grant" | "unauthorized_client", _) => ErrorKind::Unauthorized,
        ("invalid_request" | "unsupported_grant_type" | "invalid_scope", _) => ErrorKind::Configuration,
        (_, 429) => ErrorKind::Throttled,
        (_, 401 | 403) => ErrorKind::Unauthorized,
        (_, 400..=499) => ErrorKind::Configuration,
        (_, _) => ErrorKind::Unavailable,
    };
    let said: String = denied.error_description.chars().take(200).collect();
    Error::new(kind, format!("access token: {} {} {said}", response.status().as_u16(), denied.error).trim_end())
}
