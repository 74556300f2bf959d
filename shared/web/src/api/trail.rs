//! The audit trail.

use super::error::{Answer, Failures};
use super::extract::{Params, page};
use super::history::read_day;
use super::{schema, schema_people};
use crate::App;
use axum::Json;
use axum::extract::State;
use engine::items::Listed;
use engine::trail::{Entry, Wanted};
use serde::Deserialize;
use std::sync::Arc;

/// Which part of the audit trail.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TrailPaging {
    /// The day in UTC, such as 2026-03-12; today if absent.
    #[serde(default)]
    day: Option<String>,
    /// Only what this user did. A page may then hold fewer rows than asked for, or none, and still have a next.
    #[serde(default)]
    actor: Option<String>,
    /// Only what was done to this: an account, a SKU, a user.
    #[serde(default)]
    subject: Option<String>,
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    after: Option<String>,
    /// At most this many rows, 1 to 500.
    #[serde(default = "page")]
    limit: usize,
}

/// Who changed what on a day, newest first. Kept for a year.
#[utoipa::path(get, path = "/api/audit", tag = "users", params(TrailPaging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema_people::AuditEntry>), Failures))]
pub(super) async fn of_day(
    State(app): State<Arc<App>>,
    Params(paging): Params<TrailPaging>,
) -> Answer<Json<Listed<Entry>>> {
    let day = match &paging.day {
        Some(text) => read_day(text)?,
        None => app.hub.clock.now(),
    };
    let wanted = Wanted { actor: paging.actor, subject: paging.subject, after: paging.after, limit: paging.limit };
    Ok(Json(app.hub.trail_of_day(day, &wanted).await?))
}
