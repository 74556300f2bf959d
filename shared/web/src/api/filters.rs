//! Finding items, saving what was looked for, and changing all that is found.

use super::error::{Answer, Failure, Failures};
use super::extract::{Body, Params, page};
use super::jobs;
use super::schema;
use super::schema_rules;
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::bulk::Action;
use engine::filter::{Filter, SavedFilter};
use engine::items::{ItemView, Listed};
use engine::runs::Job;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::sync::Arc;

/// What to look for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FindItems {
    /// Which items.
    #[serde(default)]
    #[schema(value_type = schema_rules::Filter, required = false)]
    filter: Filter,
    /// Or the name of a saved filter.
    #[serde(default)]
    saved: Option<String>,
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    after: Option<String>,
    /// At most this many rows, 1 to 500.
    #[serde(default = "page")]
    limit: usize,
}

async fn chosen(app: &App, filter: Filter, saved: Option<&str>) -> Result<Filter, engine::Error> {
    match saved {
        Some(_) if filter != Filter::default() => {
            Err(engine::Error::Invalid("filter, saved: give one of the two".into()))
        }
        Some(name) => Ok(app.hub.saved_filter(name).await?.filter),
        None => Ok(filter),
    }
}

/// One page of the items that a filter wants, by SKU. A page may hold few or none although others follow.
#[utoipa::path(post, path = "/api/items/find", tag = "items", request_body = FindItems,
    responses((status = 200, description = "A page.", body = schema::Listed<schema::ItemView>), Failures))]
pub(super) async fn find(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(find): Body<FindItems>,
) -> Answer<Json<Listed<ItemView>>> {
    trail.only_looked();
    let filter = chosen(&app, find.filter, find.saved.as_deref()).await?;
    Ok(Json(app.hub.find_items(&filter, find.after, find.limit).await?))
}

/// A change of all items that a filter wants.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeAll {
    /// Which items; all if nothing is given.
    #[serde(default)]
    #[schema(value_type = schema_rules::Filter, required = false)]
    filter: Filter,
    /// Or the name of a saved filter.
    #[serde(default)]
    saved: Option<String>,
    /// What to do with each.
    #[schema(value_type = schema_rules::Action)]
    action: Action,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Changes, looks at or writes all items that a filter wants. Lines of progress as for `/api/adopt`.
#[utoipa::path(post, path = "/api/items/change", tag = "items", request_body = ChangeAll,
    responses((status = 200, description = "What changes, or has changed.", body = schema_rules::BulkReport),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(order): Body<ChangeAll>,
) -> Response {
    let ChangeAll { filter, saved, action, apply } = order;
    if apply {
        let subject = saved.clone().unwrap_or_else(|| filter.words());
        trail.changed(&subject, &serde_json::Value::Null, &action);
    }
    match chosen(&app, filter, saved.as_deref()).await {
        Ok(filter) => jobs::run(app, &headers, Job::Change { filter, action, apply }, (&actor, &trail)).await,
        Err(error) => Failure::from(error).into_response(),
    }
}

/// All saved filters.
#[utoipa::path(get, path = "/api/filters", tag = "items",
    responses((status = 200, description = "By name.", body = [schema_rules::SavedFilter]), Failures))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer<Json<Vec<SavedFilter>>> {
    Ok(Json(app.hub.saved_filters().await?))
}

/// A filter to be saved.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SaveFilter {
    /// What to call it.
    name: String,
    /// Which items.
    #[schema(value_type = schema_rules::Filter)]
    filter: Filter,
}

/// Saves a filter; a former one of that name is replaced.
#[utoipa::path(post, path = "/api/filters", tag = "items", request_body = SaveFilter,
    responses((status = 200, description = "Saved.", body = schema_rules::SavedFilter), Failures))]
pub(super) async fn save(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(save): Body<SaveFilter>,
) -> Answer<Json<SavedFilter>> {
    let saved = app.hub.save_filter(&save.name, save.filter, &actor).await?;
    trail.changed(&saved.name, &serde_json::Value::Null, &saved.filter);
    Ok(Json(saved))
}

/// Which saved filter.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Its name.
    name: String,
}

/// Removes a saved filter.
#[utoipa::path(delete, path = "/api/filters", tag = "items", params(Which),
    responses((status = 204, description = "Removed."), Failures))]
pub(super) async fn remove(State(app): State<Arc<App>>, Params(which): Params<Which>) -> Answer<StatusCode> {
    app.hub.drop_filter(&which.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
