//! Groups: named sets of items. What is set for one is set through the rules.

use super::error::{Answer, Failure, Failures};
use super::extract::{Body, Params};
use super::jobs;
use super::schema_rules as schema;
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{GroupId, Sku};
use engine::runs::Job;
use engine::settings::{GroupOrder, GroupView, NewGroup};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// All groups, in the order in which they win.
#[utoipa::path(get, path = "/api/groups", tag = "groups",
    responses((status = 200, description = "In order.", body = [schema::GroupView]), Failures))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer<Json<Vec<GroupView>>> {
    Ok(Json(app.hub.list_groups().await?))
}

/// Adds a group, or changes its title or its place in the order; the stores follow. Lines of progress as for `/api/adopt`.
#[utoipa::path(post, path = "/api/groups", tag = "groups", request_body = schema::NewGroup,
    responses((status = 200, description = "As it is now.", body = schema::GroupView),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(group): Body<NewGroup>,
) -> Response {
    trail.changed(&group.id, &Value::Null, &group);
    jobs::run(app, &headers, Job::Group { order: GroupOrder::Put { group } }, (&actor, &trail)).await
}

/// Which group.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Its short name.
    id: String,
}

/// Removes a group; its items are in it no longer, and the stores follow. Lines of progress as for `/api/adopt`.
#[utoipa::path(delete, path = "/api/groups", tag = "groups", params(Which),
    responses((status = 200, description = "What changed.", body = schema::SettingsReport),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Params(which): Params<Which>,
) -> Response {
    let id = match GroupId::new(which.id) {
        Ok(id) => id,
        Err(error) => return Failure::invalid(error.to_string()).into_response(),
    };
    trail.changed(&id, &json!({"group": id}), &Value::Null);
    jobs::run(app, &headers, Job::Group { order: GroupOrder::Remove { id } }, (&actor, &trail)).await
}

/// Items that join and leave a group.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Members {
    /// The group.
    #[schema(value_type = String)]
    group: GroupId,
    /// SKUs that join, at most 1000.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    add: Vec<Sku>,
    /// SKUs that leave, at most 1000.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    remove: Vec<Sku>,
}

/// What became of one item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Member {
    /// The SKU.
    sku: String,
    /// Why it stays as it was.
    error: Option<String>,
}

/// Most items of one request.
const MEMBERS_MAX: usize = 1_000;

/// Puts items into a group and takes others out, each on its own. Many at once go by a filter: `/api/items/change`.
#[utoipa::path(post, path = "/api/groups/items", tag = "groups", request_body = Members,
    responses((status = 200, description = "What became of each.", body = [Member]), Failures))]
pub(super) async fn members(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(members): Body<Members>,
) -> Answer<Json<Vec<Member>>> {
    if members.add.len() > MEMBERS_MAX || members.remove.len() > MEMBERS_MAX {
        return Err(Failure::invalid(format!("add, remove: send at most {MEMBERS_MAX} SKUs at once")));
    }
    trail.changed(&members.group, &Value::Null, &json!({"add": members.add, "remove": members.remove}));
    let done = app.hub.group_items(&members.group, &members.add, &members.remove, &actor).await?;
    Ok(Json(done.into_iter().map(|(sku, error)| Member { sku: sku.to_string(), error }).collect()))
}
