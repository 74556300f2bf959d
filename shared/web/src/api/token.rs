//! Who asks, whether they may, and what they did: every route of the API stands behind [`gate`] with the role that it needs.

use super::error::{Answer, Failure};
use crate::App;
use crate::access::{self, Caller};
use crate::answer::failure;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::people::UserRole;
use engine::trail::{Entry, Outcome};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// The name of whoever asks: what history and audit show.
#[derive(Debug, Clone)]
pub(super) struct Actor(pub(super) String);

/// Whoever asks, with their role.
#[derive(Debug, Clone)]
pub(super) struct Asking(pub(super) Caller);

impl Asking {
    /// Refuses whoever may not do what needs this role, where that depends on what a request says.
    pub(super) const fn needs(&self, role: UserRole) -> Answer<()> {
        if self.0.may(role) { Ok(()) } else { Err(Failure::Forbidden(role)) }
    }
}

/// What stands before a group of routes.
#[derive(Clone)]
pub(super) struct Gate {
    /// The hub.
    pub(super) app: Arc<App>,
    /// What they need.
    pub(super) role: UserRole,
}

/// Lets only those through who have proved who they are and may; writes down what they change.
pub(super) async fn gate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let caller = match bearer(request.headers()) {
        Some(token) => access::check(&gate.app.hub, token).await,
        None => Ok(None),
    };
    let caller = match caller {
        Ok(Some(caller)) if caller.may(gate.role) => caller,
        Ok(Some(_)) => return Failure::Forbidden(gate.role).into_response(),
        Ok(None) => return refused(),
        Err(error) => return Failure::from(error).into_response(),
    };
    request.extensions_mut().insert(Actor(caller.name.clone()));
    request.extensions_mut().insert(Asking(caller.clone()));
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match trailed(&gate, &caller, request, next).await {
        Ok(response) => response,
        Err(error) => Failure::from(error).into_response(),
    }
}

/// Runs the rest of a request that may change something, between the two halves of its entry in the audit trail.
async fn trailed(gate: &Gate, caller: &Caller, mut request: Request, next: Next) -> Result<Response, engine::Error> {
    let hub = &gate.app.hub;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let action = format!("{} {route}", request.method());
    let target = request.uri().path_and_query().map_or("", |target| target.as_str()).to_owned();
    let mut entry = Entry::begun(hub.clock.now(), hub.clock.random(), &caller.name, &action, &target);
    hub.keep_entry(&entry).await?;
    let trail = Trail::default();
    request.extensions_mut().insert(trail.clone());
    let response = next.run(request).await;
    let kept = if trail.complete(&mut entry, response.status()) {
        hub.keep_entry(&entry).await
    } else {
        hub.strike_entry(&entry).await
    };
    if let Err(error) = kept {
        tracing::warn!(%error, id = entry.id, "an entry of the audit trail is not completed");
    }
    Ok(response)
}

/// Where a route says what it changed. What it does not say is the route, its parameters and how it ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(Arc<Mutex<Said>>);

#[derive(Debug, Default)]
struct Said {
    subject: Option<String>,
    values: Option<(Value, Value)>,
    looked: bool,
}

impl Trail {
    /// This was changed, from `before` to `after`; of two objects only the fields that differ are kept. No secrets.
    pub(super) fn changed(&self, subject: impl ToString, before: &impl Serialize, after: &impl Serialize) {
        let value = |value: Result<Value, serde_json::Error>| value.unwrap_or_default();
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.subject = Some(subject.to_string());
        said.values = Some((value(serde_json::to_value(before)), value(serde_json::to_value(after))));
    }

    /// Nothing was changed: this was a preview.
    pub(super) fn only_looked(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).looked = true;
    }

    /// Completes an entry; whether it is worth keeping.
    fn complete(&self, entry: &mut Entry, status: StatusCode) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entry.outcome = if status.is_success() { Outcome::Done } else { Outcome::Refused(status.as_u16()) };
        if let Some(subject) = said.subject.take() {
            entry.subject = subject;
        }
        if let (true, Some((before, after))) = (status.is_success(), said.values.take()) {
            entry.changed(before, after);
        }
        !said.looked
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refused() -> Response {
    let message = "send a token that this hub knows: Authorization: Bearer evs_… or evp_…";
    let answer = failure(StatusCode::UNAUTHORIZED, "unauthorized", message);
    ([(header::WWW_AUTHENTICATE, "Bearer")], answer).into_response()
}

/// Takes what the gate left for the routes behind it.
macro_rules! left_by_the_gate {
    ($($name:ident)+) => {
        $(impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Response;

            async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
                parts.extensions.get::<Self>().cloned().ok_or_else(refused)
            }
        })+
    };
}

left_by_the_gate!(Actor Asking Trail);
