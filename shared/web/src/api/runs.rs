//! Runs: long jobs, started without waiting, listed, shown, cancelled.

use super::error::{Answer, Failure, Failures};
use super::extract::{Body, Paging, Params};
use super::schema;
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::{Path, State};
use engine::items::Listed;
use engine::runs::{Job, Run, RunDone};
use engine::table::Line;
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

/// Starts a run and answers at once: ask for it again to hear how far it is.
#[utoipa::path(post, path = "/api/runs", tag = "runs", request_body = schema_runs::Job,
    responses((status = 201, description = "The run, waiting for a worker.", body = schema_runs::Run), Failures))]
pub(super) async fn start(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(job): Body<Job>,
) -> Answer<(StatusCode, Json<Run>)> {
    if job.is_preview() {
        trail.only_looked();
    } else {
        trail.changed(job.kind(), &Value::Null, &job);
    }
    Ok((StatusCode::CREATED, Json(app.hub.start_run(job, &actor).await?)))
}

/// The runs of the last 90 days, newest first.
#[utoipa::path(get, path = "/api/runs", tag = "runs", params(Paging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema_runs::Run>), Failures))]
pub(super) async fn list(State(app): State<Arc<App>>, Params(paging): Params<Paging>) -> Answer<Json<Listed<Run>>> {
    Ok(Json(app.hub.list_runs(paging.after, paging.limit).await?))
}

/// One run, with how far it is.
#[utoipa::path(get, path = "/api/runs/{run}", tag = "runs", params(("run" = String, Path, description = "The run.")),
    responses((status = 200, description = "The run.", body = schema_runs::Run), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>, run: Which) -> Answer<Json<Run>> {
    Ok(Json(app.hub.show_run(&named(run)?).await?))
}

/// Lines for a run.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Lines {
    /// At most 10000 at once.
    #[schema(value_type = Vec<schema_runs::Line>)]
    lines: Vec<Line>,
    /// Several lines may name the same SKU, and all of them count. Otherwise the first counts, and the others are told.
    #[serde(default)]
    repeats: bool,
}

/// Lines of one request.
const LINES_MAX: usize = 10_000;

/// Gives an open run of kind `import` some of its lines. Start it when it has them all.
#[utoipa::path(post, path = "/api/runs/{run}/lines", tag = "runs", request_body = Lines,
    params(("run" = String, Path, description = "The run.")),
    responses((status = 200, description = "The run.", body = schema_runs::Run), Failures))]
pub(super) async fn give(State(app): State<Arc<App>>, run: Which, Body(given): Body<Lines>) -> Answer<Json<Run>> {
    if given.lines.len() > LINES_MAX {
        let count = given.lines.len();
        return Err(Failure::invalid(format!("lines: {count} are too many; send at most {LINES_MAX} at once")));
    }
    Ok(Json(app.hub.give_run(&named(run)?, given.lines, !given.repeats).await?))
}

/// Starts a run that was given all its lines.
#[utoipa::path(post, path = "/api/runs/{run}/start", tag = "runs",
    params(("run" = String, Path, description = "The run.")),
    responses((status = 200, description = "The run, waiting for a worker.", body = schema_runs::Run), Failures))]
pub(super) async fn close(State(app): State<Arc<App>>, run: Which) -> Answer<Json<Run>> {
    Ok(Json(app.hub.close_run(&named(run)?).await?))
}

/// Asks a run to stop before its next chunk of work. What it did stays done.
#[utoipa::path(post, path = "/api/runs/{run}/cancel", tag = "runs",
    params(("run" = String, Path, description = "The run.")),
    responses((status = 200, description = "The run.", body = schema_runs::Run), Failures))]
pub(super) async fn cancel(State(app): State<Arc<App>>, run: Which) -> Answer<Json<Run>> {
    Ok(Json(app.hub.cancel_run(&named(run)?).await?))
}

/// What a run did to SKUs, in the order of what it was given.
#[utoipa::path(get, path = "/api/runs/{run}/changes", tag = "runs",
    params(("run" = String, Path, description = "The run."), Paging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema_runs::RunDone>), Failures))]
pub(super) async fn changes(
    State(app): State<Arc<App>>,
    run: Which,
    Params(paging): Params<Paging>,
) -> Answer<Json<Listed<RunDone>>> {
    Ok(Json(app.hub.run_changes(&named(run)?, paging.after, paging.limit).await?))
}

/// The name in the path.
pub(super) type Which = Result<Path<String>, axum::extract::rejection::PathRejection>;

pub(super) fn named(run: Which) -> Answer<String> {
    let Path(id) = run.map_err(|error| Failure::invalid(format!("path: {}", error.body_text())))?;
    Ok(id)
}
