//! What a request brings, read strictly: an unknown field is refused by name.

use super::error::Failure;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::AccountId;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A JSON body; an empty one is an object without fields.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state).await.map_err(BytesRejection::into_response)?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let read = serde_json::from_slice(text);
        read.map(Self).map_err(|error| Failure::invalid(format!("body: {error}")).into_response())
    }
}

/// Parameters of the query.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(params)| Self(params))
            .map_err(|error| Failure::invalid(format!("query: {}", error.body_text())))
    }
}

/// The account in the path.
pub(super) struct Named(pub(super) AccountId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|error| Failure::invalid(format!("account: {}", error.body_text())))?;
        AccountId::new(text).map(Self).map_err(|error| Failure::invalid(error.to_string()))
    }
}

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    pub(super) after: Option<String>,
    /// At most this many rows, 1 to 500.
    #[serde(default = "page")]
    pub(super) limit: usize,
}

/// Rows of a page when nothing else is said.
pub(super) const fn page() -> usize {
    100
}
