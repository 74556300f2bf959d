//! What a use case says, as an HTTP answer.

use super::schema::Problem;
use crate::answer::{error_object, json_text};
use axum::response::{IntoResponse, Response};
use channels::ErrorKind;
use engine::Error;
use engine::people::UserRole;
use engine::ports::StoreError;
use http::StatusCode;
use serde_json::Value;

/// A failed request.
#[derive(Debug)]
pub(super) enum Failure {
    /// A use case refused or failed.
    Said(Error),
    /// It needs this role.
    Forbidden(UserRole),
}

/// An answer, or why there is none.
pub(super) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// The request itself is wrong; the message names the field.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::Said(Error::Invalid(message.into()))
    }

    /// It cannot be done now.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::Said(Error::Conflict(message.into()))
    }

    /// The status and the error object.
    pub(super) fn parts(&self) -> (StatusCode, Value) {
        let error = match self {
            Self::Said(error) => error,
            Self::Forbidden(role) => {
                let message = format!("this needs the role {}; ask an admin of this hub", role.name());
                return (StatusCode::FORBIDDEN, error_object("forbidden", &message));
            }
        };
        let (status, kind) = kind(error);
        let mut object = error_object(kind, &error.to_string());
        if let Error::Channel { source, .. } = error {
            object["error"]["store"] = store_kind(source.kind).into();
        }
        (status, object)
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Said(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, object) = self.parts();
        if status.is_server_error() {
            tracing::warn!(error = %object, "request failed");
        }
        json_text(status, object.to_string())
    }
}

const fn kind(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
        Error::NotFound { .. } => (StatusCode::NOT_FOUND, "not-found"),
        Error::Conflict(_) | Error::Store(StoreError::Conflict { .. }) => (StatusCode::CONFLICT, "conflict"),
        Error::Channel { .. } => (StatusCode::BAD_GATEWAY, "store"),
        Error::Store(StoreError::Busy(_) | StoreError::Unknown(_)) | Error::Queue(_) | Error::Vault(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        }
        Error::Store(StoreError::Refused(_)) | Error::Unreadable(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

const fn store_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::Forbidden => "forbidden",
        ErrorKind::NotFound => "not-found",
        ErrorKind::Invalid => "invalid",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Malformed => "malformed",
        ErrorKind::Configuration => "configuration",
        ErrorKind::Signature => "signature",
    }
}

/// The failures that every guarded route may answer with, for the document.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes answers; `Failure` gives them")]
pub(super) enum Failures {
    /// The request is wrong; the message names the field and says what to do.
    #[response(status = 400)]
    Invalid(#[to_schema] Problem),
    /// The token is missing or unknown.
    #[response(status = 401)]
    Unauthorized(#[to_schema] Problem),
    /// It needs another role; the operation's `x-role` says which.
    #[response(status = 403)]
    Forbidden(#[to_schema] Problem),
    /// There is no such thing.
    #[response(status = 404)]
    NotFound(#[to_schema] Problem),
    /// It is there already, has changed in the meantime, or something else is running.
    #[response(status = 409)]
    Conflict(#[to_schema] Problem),
    /// The store refused or did not answer; the message is what it said.
    #[response(status = 502)]
    Store(#[to_schema] Problem),
    /// The hub's own table, queue or vault did not answer. Try again.
    #[response(status = 503)]
    Unavailable(#[to_schema] Problem),
}
