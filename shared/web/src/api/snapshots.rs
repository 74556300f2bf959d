//! Snapshots: the levels before something bulky was done. They are taken, and gone back to, by runs.

use super::error::{Answer, Failures};
use super::extract::{Paging, Params};
use super::runs::{Which, named};
use super::{schema, schema_runs};
use crate::App;
use axum::Json;
use axum::extract::State;
use engine::items::Listed;
use engine::snapshots::{Snapshot, SnapshotLevels};
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// The snapshots of the last 90 days, newest first. A run of kind `snapshot` takes one; one of kind `restore` goes back.
#[utoipa::path(get, path = "/api/snapshots", tag = "snapshots", params(Paging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema_runs::Snapshot>), Failures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Params(paging): Params<Paging>,
) -> Answer<Json<Listed<Snapshot>>> {
    Ok(Json(app.hub.list_snapshots(paging.after, paging.limit).await?))
}

/// Where to go on.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    pub(super) after: Option<String>,
}

/// One page of a snapshot's levels; the hub chooses how long a page is.
#[utoipa::path(get, path = "/api/snapshots/{snapshot}", tag = "snapshots",
    params(("snapshot" = String, Path, description = "The snapshot."), After),
    responses((status = 200, description = "A page.", body = schema::Listed<schema_runs::SnapshotLevels>), Failures))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    snapshot: Which,
    Params(paging): Params<After>,
) -> Answer<Json<Listed<SnapshotLevels>>> {
    Ok(Json(app.hub.snapshot_levels(&named(snapshot)?, paging.after).await?))
}

/// Forgets a snapshot before its time.
#[utoipa::path(delete, path = "/api/snapshots/{snapshot}", tag = "snapshots",
    params(("snapshot" = String, Path, description = "The snapshot.")),
    responses((status = 204, description = "It is gone."), Failures))]
pub(super) async fn remove(State(app): State<Arc<App>>, snapshot: Which) -> Answer<StatusCode> {
    app.hub.drop_snapshot(&named(snapshot)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
