//! The history of a day over all SKUs.

use super::error::{Answer, Failure, Failures};
use super::extract::{Params, page};
use super::schema;
use crate::App;
use axum::Json;
use axum::extract::State;
use domain::{AccountId, Timestamp};
use engine::items::Listed;
use engine::records::History;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::sync::Arc;

/// Which part of the history.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DayPaging {
    /// The day in UTC, such as 2026-03-12; today if absent.
    #[serde(default)]
    day: Option<String>,
    /// Only what concerns this account. A page may then hold fewer rows than asked for, or none, and still have a next.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    after: Option<String>,
    /// At most this many rows, 1 to 500.
    #[serde(default = "page")]
    limit: usize,
}

/// What happened on a day, newest first.
#[utoipa::path(get, path = "/api/history", tag = "items", params(DayPaging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema::History>), Failures))]
pub(super) async fn of_day(
    State(app): State<Arc<App>>,
    Params(paging): Params<DayPaging>,
) -> Answer<Json<Listed<History>>> {
    let day = match &paging.day {
        Some(text) => read_day(text)?,
        None => app.hub.clock.now(),
    };
    Ok(Json(app.hub.history_of_day(day, paging.account.as_ref(), paging.after, paging.limit).await?))
}

/// The day that a text such as 2026-03-12 names.
pub(super) fn read_day(text: &str) -> Answer<Timestamp> {
    let wrong = |_| Failure::invalid(format!("day: {text:?} is not a day; write it like 2026-03-12"));
    let date: Date = text.parse().map_err(wrong)?;
    Ok(Timestamp(date.to_zoned(TimeZone::UTC).map_err(wrong)?.timestamp().as_millisecond()))
}
