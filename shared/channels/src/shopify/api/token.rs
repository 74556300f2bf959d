//! Access: a token of the merchant's own, or one by client credentials,
//! <https://shopify.dev/docs/apps/build/authentication-authorization/client-credentials-grant>.

use super::client::{base, redact};
use crate::{Error, ErrorKind, Request, Response, Secret, Session, Toll};
use ::http::{Method, header};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// The name under which a token is kept.
const ACCESS: &str = "access";
/// No token lives longer, whatever is said: a day, seconds.
const LIFE_MAX: i64 = 86_400;
/// So much of the store's own message is kept.
const MESSAGE_MAX: usize = 200;

/// The token for the next request. One by client credentials is used for half its life and then asked for anew.
pub(super) async fn token(session: Session<'_>) -> Result<Secret, Error> {
    if let Some(own) = secret(session, "access_token") {
        return Ok(own.clone());
    }
    if let Some(kept) = session.tokens.get(ACCESS, session.clock.now()) {
        return Ok(kept);
    }
    let asked = session.clock.now();
    let grant = grant(session).await?;
    let token = Secret::new(grant.access_token);
    let half = grant.expires_in.clamp(0, LIFE_MAX) * 1000 / 2;
    session.tokens.keep(ACCESS, token.clone(), asked.plus_ms(half));
    Ok(token)
}

fn secret<'a>(session: Session<'a>, field: &str) -> Option<&'a Secret> {
    session.secrets.get(field).filter(|secret| !secret.reveal().is_empty())
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    expires_in: i64,
}

/// Asks for a token. It changes nothing in the store, so that whatever fails here was never sent.
async fn grant(session: Session<'_>) -> Result<Grant, Error> {
    let missing = |field: &str| Error::new(ErrorKind::Configuration, format!("{field}: fill it in"));
    let id = session.settings.get("client_id").filter(|id| !id.is_empty()).ok_or_else(|| missing("client_id"))?;
    let key = secret(session, "client_secret").ok_or_else(|| missing("client_secret"))?;
    let request = request(session, id, key)?;
    let sent = session.http.send(request, session.timeout).await;
    let response = sent.map_err(|source| Error { effect: crate::Effect::None, ..Error::no_answer(WHAT, source) })?;
    if !response.status().is_success() {
        return Err(redact(refusal(&response), session, key));
    }
    let malformed = |_| Error::new(ErrorKind::Malformed, format!("{WHAT}: unexpected answer"));
    let grant: Grant = serde_json::from_slice(response.body()).map_err(malformed)?;
    if grant.access_token.is_empty() {
        return Err(Error::new(ErrorKind::Malformed, format!("{WHAT}: an empty token")));
    }
    Ok(grant)
}

const WHAT: &str = "access token";

fn request(session: Session<'_>, id: &str, key: &Secret) -> Result<Request, Error> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", id).append_pair("client_secret", key.reveal());
    let request = ::http::Request::builder()
        .method(Method::POST)
        .uri(format!("{}/admin/oauth/access_token", base(session)))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        // a limit is not documented; one a second is far more than two a day
        .extension(Toll { bucket: "tokens", per_second: 1.0, burst: 5.0, cost: 1.0 });
    let request = request.body(Bytes::from(form.finish()));
    request.map_err(|why| Error::new(ErrorKind::Configuration, format!("shop: {why}")))
}

/// The grant works only where app and store belong to one organisation, and the app is installed.
fn refusal(response: &Response) -> Error {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let help = match field("error") {
        "shop_not_permitted" => "; app and store must belong to one organisation",
        "app_not_installed" => "; install the app in the store first",
        _ => "",
    };
    let kind = match response.status().as_u16() {
        429 | 430 => ErrorKind::Throttled,
        500..=599 => ErrorKind::Unavailable,
        400 | 401 | 403 if help.is_empty() => ErrorKind::Unauthorized,
        _ => ErrorKind::Configuration,
    };
    let story: String =
        format!("{} {}", field("error"), field("error_description")).chars().take(MESSAGE_MAX).collect();
    Error::new(kind, format!("{WHAT}: {} {}{help}", response.status(), story.trim()))
}
