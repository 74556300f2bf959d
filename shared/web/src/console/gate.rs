//! What stands before every page: who asks, whether they may, whether a form is ours, and the trail of what it did.

use super::form::Fields;
use super::layout::{self, Viewer};
use super::session;
use super::ui::Tone;
use crate::App;
use crate::access::{self, sessions};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use engine::Error;
use engine::people::UserRole;
use engine::trail::{Entry, Outcome};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The largest form, bytes: a thousand lines of a stock file are far below.
const FORM_MAX: usize = 2 * 1024 * 1024;
/// Letters of one field that the trail keeps.
const TOLD_MAX: usize = 500;
/// Forms that change nothing of the hub's.
const UNWORTHY: [&str; 3] = ["/theme", "/sign-out", "/demo"];
/// The header of requests that the script makes.
const LIVE: &str = "x-live";

/// What stands before a group of pages.
#[derive(Clone)]
pub(super) struct Gate {
    /// The hub.
    pub(super) app: Arc<App>,
    /// What looking at them needs.
    pub(super) looking: UserRole,
    /// What sending their forms needs.
    pub(super) acting: UserRole,
}

/// What a person sent with a form that is ours.
#[derive(Debug, Clone)]
pub(super) struct Sent(pub(super) Fields);

/// The parameters of an address.
#[derive(Debug, Clone)]
pub(super) struct Asked(pub(super) Fields);

/// Why there is no page. The gate shows it as one.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    /// The status to answer with.
    pub(super) status: StatusCode,
    /// In one line.
    pub(super) title: String,
    /// What to do.
    pub(super) said: String,
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        let error = error.into();
        let (status, title) = match &error {
            Error::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "That cannot be done"),
            Error::NotFound { .. } => (StatusCode::NOT_FOUND, "Not found"),
            Error::Conflict(_) => (StatusCode::CONFLICT, "Not now"),
            Error::Channel { .. } => (StatusCode::BAD_GATEWAY, "The store did not do it"),
            Error::Store(_) | Error::Queue(_) | Error::Vault(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "The hub is busy; try again")
            }
            Error::Unreadable(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Something is stored that cannot be read"),
        };
        if status.is_server_error() {
            tracing::warn!(%error, "a page failed");
        }
        Self { status, title: title.into(), said: super::form::capital(&error.to_string()) }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Fields::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

/// Takes what the gate left for the pages behind it.
macro_rules! left_by_the_gate {
    ($($name:ident)+) => {
        $(impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Trouble;

            async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Trouble> {
                parts.extensions.get::<Self>().cloned().ok_or_else(|| Trouble {
                    status: StatusCode::BAD_REQUEST,
                    title: "That form was not complete".into(),
                    said: "Go back, reload the page and send it again.".into(),
                })
            }
        })+
    };
}

left_by_the_gate!(Viewer Sent);

/// Lets only signed-in people with the role through, and only forms of ours; writes down what they did.
pub(super) async fn gate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Some(secret) = session::secret(request.headers()) else { return to_sign_in(&request) };
    let caller = match access::check(&gate.app.hub, &secret).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return to_sign_in(&request),
        Err(error) => return layout::plain_trouble(&Trouble::from(error)),
    };
    let viewer = Viewer::new(&gate.app, caller, &secret, request.headers(), request.uri()).await;
    let looks = request.method().is_safe();
    let needed = if looks { gate.looking } else { gate.acting };
    if !viewer.caller.may(needed) {
        return viewer.trouble(&forbidden(needed));
    }
    request.extensions_mut().insert(viewer.clone());
    let response = if looks { next.run(request).await } else { acted(&gate, &viewer, &secret, request, next).await };
    finished(&viewer, response)
}

fn to_sign_in(request: &Request) -> Response {
    if request.headers().contains_key(LIVE) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let next = if request.method() == Method::GET && target != "/" { target } else { "" };
    Redirect::to(&super::form::link("/sign-in", &[("next", next)])).into_response()
}

fn forbidden(needed: UserRole) -> Trouble {
    Trouble {
        status: StatusCode::FORBIDDEN,
        title: "Your role does not allow this".into(),
        said: format!("It needs the role {}. Ask an admin of this hub.", layout::role_name(needed)),
    }
}

/// Shows a trouble as a page, and clears the message that was shown.
fn finished(viewer: &Viewer, mut response: Response) -> Response {
    if let Some(trouble) = response.extensions_mut().remove::<Trouble>() {
        response = viewer.trouble(&trouble);
    }
    if viewer.said.is_some() && response.status() == StatusCode::OK {
        session::forget_said(&mut response);
    }
    response
}

/// Sends a form on, if it is ours, between the two halves of its entry in the trail.
async fn acted(gate: &Gate, viewer: &Viewer, secret: &str, request: Request, next: Next) -> Response {
    if !is_from_here(request.headers()) {
        return foreign().into_response();
    }
    let (mut parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, FORM_MAX).await else { return too_large().into_response() };
    let fields = Fields::parse(&body);
    if !sessions::is_csrf(secret, fields.raw("csrf")) {
        return foreign().into_response();
    }
    let entry = entry(gate, viewer, &parts, &fields);
    parts.extensions.insert(Sent(fields));
    let request = Request::from_parts(parts, axum::body::Body::from(Bytes::new()));
    match trailed(gate, entry, request, next).await {
        Ok(response) => response,
        Err(error) => Trouble::from(error).into_response(),
    }
}

/// A browser says where a form comes from; a page of somebody else's is refused even if it knew the token.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => {
            let host = text("x-forwarded-host").or_else(|| text(header::HOST.as_str())).unwrap_or_default();
            origin.split_once("://").is_some_and(|(_, from)| from == host)
        }
        (None, None) => true,
    }
}

/// Whether a request without a session (signing in) comes from our own page.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    is_from_here(headers)
}

fn foreign() -> Trouble {
    Trouble {
        status: StatusCode::FORBIDDEN,
        title: "That form is not from this session".into(),
        said: "Nothing was changed. Reload the page and send it again.".into(),
    }
}

fn too_large() -> Trouble {
    Trouble {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        title: "That is too much at once".into(),
        said: "A form holds at most 2 MiB; send it in parts.".into(),
    }
}

fn entry(gate: &Gate, viewer: &Viewer, parts: &Parts, fields: &Fields) -> Option<Entry> {
    let hub = &gate.app.hub;
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if fields.ticked("preview") || UNWORTHY.contains(&route) {
        return None;
    }
    let subject = match fields.text("sku") {
        "" => parts.uri.path(),
        sku => sku,
    };
    let action = format!("console POST {route}");
    let mut entry = Entry::begun(hub.clock.now(), hub.clock.random(), &viewer.caller.name, &action, subject);
    entry.changed(Value::Null, Value::Object(told(fields)));
    Some(entry)
}

/// What a form said, without what nobody may read.
fn told(fields: &Fields) -> Map<String, Value> {
    let is_secret = |name: &str| {
        let secret = ["csrf", "token", "password", "current", "new_password", "secret", "to"];
        secret.contains(&name) || name.starts_with("secret.") || name == "place"
    };
    // what a form carries along for machines says nothing to people
    let is_said = |text: &str| !text.is_empty() && !text.starts_with('{');
    let pairs = fields.pairs().filter(|(name, text)| !is_secret(name) && is_said(text) && *name != "apply");
    pairs.map(|(name, text)| (name.to_owned(), Value::from(shortened(text)))).collect()
}

/// A text as the trail keeps it: of a whole file its beginning.
fn shortened(text: &str) -> String {
    if text.chars().count() > TOLD_MAX { text.chars().take(TOLD_MAX).chain(['…']).collect() } else { text.to_owned() }
}

async fn trailed(gate: &Gate, entry: Option<Entry>, request: Request, next: Next) -> Result<Response, Error> {
    let hub = &gate.app.hub;
    let Some(mut entry) = entry else { return Ok(next.run(request).await) };
    hub.keep_entry(&entry).await?;
    let response = next.run(request).await;
    let status = response.status();
    let done = status.is_success() || status.is_redirection();
    entry.outcome = if done { Outcome::Done } else { Outcome::Refused(status.as_u16()) };
    if let Err(error) = hub.keep_entry(&entry).await {
        tracing::warn!(%error, id = entry.id, "an entry of the audit trail is not completed");
    }
    Ok(response)
}

/// The answer to a form that was carried out: on to a page, which says so.
pub(super) fn done(to: &str, said: &str) -> Response {
    went(to, Tone::Good, said)
}

/// The same for what went otherwise.
pub(super) fn went(to: &str, tone: Tone, said: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    session::remember_said(&mut response, tone, said);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn forms_of_others_are_refused() {
        assert!(!is_from_here(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(!is_from_here(&headers(&[("sec-fetch-site", "same-site")])));
        assert!(!is_from_here(&headers(&[("origin", "https://evil.example"), ("host", "hub.example")])));
        assert!(!is_from_here(&headers(&[("origin", "null"), ("host", "hub.example")])));
        assert!(is_from_here(&headers(&[("origin", "https://hub.example"), ("host", "hub.example")])));
        assert!(is_from_here(&headers(&[("sec-fetch-site", "same-origin")])));
    }

    #[test]
    fn no_secret_is_written_down() {
        let sent =
            b"csrf=1&secret.api_key=2&password=3&id=leeds&role=replica&secret=4&to=https%3A%2F%2Fchat.example%2Fkey";
        let told = told(&Fields::parse(sent));
        assert_eq!(told.keys().collect::<Vec<_>>(), ["id", "role"], "the address of a chat is a key by itself");
    }

    #[test]
    fn of_a_whole_file_its_beginning_is_written_down() {
        let told = told(&Fields::of(vec![("file", "SKU,Quantity\n".repeat(1_000))]));
        assert_eq!(told["file"].as_str().map(|text| text.chars().count()), Some(TOLD_MAX + 1));
    }
}
