//! Queues and dead letters.

use super::error::{Answer, Failures};
use super::extract::Body;
use super::schema;
use crate::App;
use axum::Json;
use axum::extract::State;
use engine::work::QueueView;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What waits.
#[utoipa::path(get, path = "/api/queues", tag = "queues",
    responses((status = 200, description = "Counts.", body = schema::QueueView), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>) -> Answer<Json<QueueView>> {
    Ok(Json(app.hub.queues().await?))
}

/// How many dead messages to move.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Redrive {
    /// At most this many.
    #[serde(default = "many")]
    most: usize,
}

const fn many() -> usize {
    1_000
}

/// What was moved.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Moved {
    /// Messages.
    moved: usize,
}

/// Moves dead messages back to the queues that they came from.
#[utoipa::path(post, path = "/api/queues/redrive", tag = "queues", request_body = Redrive,
    responses((status = 200, description = "Moved.", body = Moved), Failures))]
pub(super) async fn redrive(State(app): State<Arc<App>>, Body(order): Body<Redrive>) -> Answer<Json<Moved>> {
    Ok(Json(Moved { moved: app.hub.redrive(order.most.min(many())).await? }))
}
