//! Who asks: the bearer token of every guarded request.

use super::error::Failure;
use crate::answer::failure;
use crate::{App, tokens};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;

/// The holder of the token that came with the request.
#[derive(Debug, Clone)]
pub(super) struct Actor(pub(super) String);

/// Lets only requests with a known token through.
pub(super) async fn required(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let holder = match bearer(request.headers()) {
        Some(token) => tokens::verify(&*app.hub.vault, token).await,
        None => Ok(None),
    };
    match holder {
        Ok(Some(holder)) => {
            request.extensions_mut().insert(Actor(holder));
            next.run(request).await
        }
        Ok(None) => refused(),
        Err(error) => Failure::from(error).into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refused() -> Response {
    let message = "send a token that this hub knows: Authorization: Bearer evs_…";
    let answer = failure(StatusCode::UNAUTHORIZED, "unauthorized", message);
    ([(header::WWW_AUTHENTICATE, "Bearer")], answer).into_response()
}

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(refused)
    }
}
