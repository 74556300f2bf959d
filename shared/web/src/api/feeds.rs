//! Stock feeds: files at an address that are fetched on a schedule.

use super::error::{Answer, Failures};
use super::extract::Body;
use super::runs::{Which, named};
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use channels::Secret;
use engine::runs::Run;
use engine::stock_feeds::{StockFeed, StockFeedView};
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// A stock feed with its secret.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Setting {
    #[schema(value_type = schema_runs::StockFeed)]
    feed: StockFeed,
    /// What its header carries; it goes to the vault and nowhere else. The former one stays if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    secret: Option<Secret>,
}

/// All stock feeds, each with what became of its last fetch.
#[utoipa::path(get, path = "/api/feeds", tag = "feeds",
    responses((status = 200, description = "The feeds.", body = Vec<schema_runs::StockFeedView>), Failures))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer<Json<Vec<StockFeedView>>> {
    Ok(Json(app.hub.list_feeds().await?))
}

/// Sets a stock feed: a new one, or one that is there. It is fetched first when its time has passed once.
#[utoipa::path(post, path = "/api/feeds", tag = "feeds", request_body = Setting,
    responses((status = 200, description = "The feed.", body = schema_runs::StockFeedView), Failures))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(setting): Body<Setting>,
) -> Answer<Json<StockFeedView>> {
    let name = setting.feed.name.clone();
    let before = app.hub.show_feed(&name).await.ok().map(|view| view.feed);
    let view = app.hub.put_feed(setting.feed, setting.secret).await?;
    trail.changed(format!("stock feed {name}"), &before, &view.feed);
    Ok(Json(view))
}

/// One stock feed.
#[utoipa::path(get, path = "/api/feeds/{feed}", tag = "feeds",
    params(("feed" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The feed.", body = schema_runs::StockFeedView), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>, feed: Which) -> Answer<Json<StockFeedView>> {
    Ok(Json(app.hub.show_feed(&named(feed)?).await?))
}

/// Removes a stock feed with its secret. What it counted stays counted.
#[utoipa::path(delete, path = "/api/feeds/{feed}", tag = "feeds",
    params(("feed" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It is gone."), Failures))]
pub(super) async fn remove(State(app): State<Arc<App>>, feed: Which) -> Answer<StatusCode> {
    app.hub.drop_feed(&named(feed)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How to fetch.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fetch {
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Do it whatever the mass-zero guard says.
    #[serde(default)]
    believe: bool,
}

/// Fetches a stock feed now, as a run.
#[utoipa::path(post, path = "/api/feeds/{feed}/fetch", tag = "feeds", request_body = Fetch,
    params(("feed" = String, Path, description = "Its name.")),
    responses((status = 201, description = "The run.", body = schema_runs::Run), Failures))]
pub(super) async fn fetch(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    feed: Which,
    Body(how): Body<Fetch>,
) -> Answer<(StatusCode, Json<Run>)> {
    if how.dry_run {
        trail.only_looked();
    }
    let run = app.hub.fetch_feed(&named(feed)?, how.dry_run, how.believe, &actor).await?;
    Ok((StatusCode::CREATED, Json(run)))
}
