//! Alarms, and who hears of them.

use super::error::{Answer, Failures};
use super::extract::Body;
use super::schema_alerts as schema;
use super::token::Trail;
use crate::App;
use axum::Json;
use axum::extract::{Path, State};
use engine::alerts::{AddedTarget, AlertsView, Delivery, NewTarget, SettingsPatch};
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

/// What is wrong now, who is told of it, and from when on something is an alarm.
#[utoipa::path(get, path = "/api/alerts", tag = "alerts",
    responses((status = 200, description = "Alarms and settings.", body = schema::AlertsView), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>) -> Answer<Json<AlertsView>> {
    Ok(Json(app.hub.alerts().await?))
}

/// Changes thresholds, muted kinds and how often an alarm is repeated. What is absent stays.
#[utoipa::path(patch, path = "/api/alerts", tag = "alerts", request_body = schema::AlertsPatch,
    responses((status = 200, description = "As it is now.", body = schema::AlertsView), Failures))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(patch): Body<SettingsPatch>,
) -> Answer<Json<AlertsView>> {
    let before = app.hub.alerts().await?.settings;
    let after = app.hub.change_alerts(patch).await?;
    trail.changed("alerts", &before, &after.settings);
    Ok(Json(after))
}

/// Adds somebody who is told: a mail address, a Slack-compatible webhook, or a webhook that we sign by the Standard Webhooks
/// specification. What signs is shown this once.
#[utoipa::path(post, path = "/api/alerts/targets", tag = "alerts", request_body = schema::NewTarget,
    responses((status = 201, description = "Added.", body = schema::AddedTarget), Failures))]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(new): Body<NewTarget>,
) -> Answer<(StatusCode, Json<AddedTarget>)> {
    let added = app.hub.add_target(new).await?;
    trail.changed(&added.target.name, &Value::Null, &added.target);
    Ok((StatusCode::CREATED, Json(added)))
}

/// Removes somebody who is told.
#[utoipa::path(delete, path = "/api/alerts/targets/{target}", tag = "alerts", params(("target" = String, Path)),
    responses((status = 204, description = "Removed."), Failures))]
pub(super) async fn remove(State(app): State<Arc<App>>, trail: Trail, Path(name): Path<String>) -> Answer<StatusCode> {
    let removed = app.hub.remove_target(&name).await?;
    trail.changed(&name, &removed, &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test at once, and says whether it arrived.
#[utoipa::path(post, path = "/api/alerts/targets/{target}/test", tag = "alerts", params(("target" = String, Path)),
    responses((status = 200, description = "How it went.", body = schema::Delivery), Failures))]
pub(super) async fn test(
    State(app): State<Arc<App>>,
    trail: Trail,
    Path(name): Path<String>,
) -> Answer<Json<Delivery>> {
    trail.only_looked();
    Ok(Json(app.hub.test_target(&name).await?))
}
