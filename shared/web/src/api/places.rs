//! Warehouses, and the locations of accounts that belong to them.

use super::error::{Answer, Failure, Failures};
use super::extract::{Body, Named, Params};
use super::jobs::run;
use super::schema_places as schema;
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::{AccountId, ListingId, WarehouseId};
use engine::locations::{LocationView, Order};
use engine::runs::Job;
use engine::warehouses::{NewWarehouse, WarehouseStock, WarehouseView};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// All warehouses, with the locations that they feed.
#[utoipa::path(get, path = "/api/warehouses", tag = "warehouses",
    responses((status = 200, description = "By short name.", body = [schema::WarehouseView]), Failures))]
pub(super) async fn warehouses(State(app): State<Arc<App>>) -> Answer<Json<Vec<WarehouseView>>> {
    Ok(Json(app.hub.list_warehouses().await?))
}

/// Adds a warehouse.
#[utoipa::path(post, path = "/api/warehouses", tag = "warehouses", request_body = schema::NewWarehouse,
    responses((status = 201, description = "Added.", body = schema::WarehouseView), Failures))]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(new): Body<NewWarehouse>,
) -> Answer<(StatusCode, Json<WarehouseView>)> {
    let added = app.hub.add_warehouse(new).await?;
    trail.changed(&added.id, &Value::Null, &added);
    Ok((StatusCode::CREATED, Json(added)))
}

fn read(id: String) -> Answer<WarehouseId> {
    WarehouseId::new(id).map_err(|error| Failure::invalid(error.to_string()))
}

/// One warehouse, with its stock.
#[utoipa::path(get, path = "/api/warehouses/{warehouse}", tag = "warehouses", params(("warehouse" = String, Path)),
    responses((status = 200, description = "The warehouse.", body = schema::WarehouseStock), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer<Json<WarehouseStock>> {
    Ok(Json(app.hub.show_warehouse(&read(id)?).await?))
}

/// A new name.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    /// What people shall call it.
    name: String,
}

/// Gives a warehouse another name for people; its short name stays.
#[utoipa::path(patch, path = "/api/warehouses/{warehouse}", tag = "warehouses", params(("warehouse" = String, Path)),
    request_body = Rename,
    responses((status = 200, description = "As it is now.", body = schema::WarehouseView), Failures))]
pub(super) async fn rename(
    State(app): State<Arc<App>>,
    trail: Trail,
    Path(id): Path<String>,
    Body(rename): Body<Rename>,
) -> Answer<Json<WarehouseView>> {
    let id = read(id)?;
    let before = app.hub.warehouse(&id).await?.name;
    let renamed = app.hub.rename_warehouse(&id, rename.name).await?;
    trail.changed(&id, &json!({"name": before}), &json!({"name": renamed.name}));
    Ok(Json(renamed))
}

/// Removes a warehouse that feeds nothing and has no stock.
#[utoipa::path(delete, path = "/api/warehouses/{warehouse}", tag = "warehouses", params(("warehouse" = String, Path)),
    responses((status = 204, description = "Removed."), Failures))]
pub(super) async fn remove(State(app): State<Arc<App>>, trail: Trail, Path(id): Path<String>) -> Answer<StatusCode> {
    let id = read(id)?;
    let before = app.hub.warehouse(&id).await?;
    app.hub.remove_warehouse(&id).await?;
    trail.changed(&id, &before, &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}

/// Whose locations.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// Only this account's.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
    /// Ask the account's store again first.
    #[serde(default)]
    refresh: bool,
}

/// The locations of one account, or of all: where they belong, and whether anything is done about them.
#[utoipa::path(get, path = "/api/locations", tag = "warehouses", params(Whose),
    responses((status = 200, description = "By account and location.", body = [schema::LocationView]), Failures))]
pub(super) async fn locations(
    State(app): State<Arc<App>>,
    Params(whose): Params<Whose>,
) -> Answer<Json<Vec<LocationView>>> {
    Ok(Json(match (&whose.account, whose.refresh) {
        (Some(account), true) => app.hub.refresh_locations(account).await?,
        (None, true) => return Err(Failure::invalid("refresh: name the account whose store shall be asked")),
        (only, false) => app.hub.list_locations(only.as_ref()).await?,
    }))
}

/// Which location.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// `account@location`.
    #[schema(value_type = String)]
    location: ListingId,
}

/// Makes a location the one that its warehouse takes its levels from: whatever changes there counts.
#[utoipa::path(post, path = "/api/locations/master", tag = "warehouses", request_body = Which,
    responses((status = 200, description = "As it is now.", body = schema::LocationView), Failures))]
pub(super) async fn master(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(which): Body<Which>,
) -> Answer<Json<LocationView>> {
    let now = app.hub.set_master_location(&which.location).await?;
    trail.changed(&now.id, &Value::Null, &json!({"leads": now.warehouses}));
    Ok(Json(now))
}

/// A location and its warehouse.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    /// `account@location`.
    #[schema(value_type = String)]
    location: ListingId,
    /// The warehouse that it shall belong to.
    #[schema(value_type = String)]
    warehouse: WarehouseId,
    /// Although it belongs to another one.
    #[serde(default, rename = "move")]
    moving: bool,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Links a location to a warehouse: its units become listings, and what it shows follows the warehouse. A location is in one
/// warehouse only. Lines of progress as for `/api/adopt`.
#[utoipa::path(post, path = "/api/locations/link", tag = "warehouses", request_body = Link,
    responses((status = 200, description = "What would happen, or was done.", body = schema::Linking),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn link(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(link): Body<Link>,
) -> Response {
    let Link { location, warehouse, moving, apply } = link;
    arrange(app, headers, (actor, trail), Order::Link { location, warehouse, moving }, apply).await
}

/// A location to be let go.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unlink {
    /// `account@location`.
    #[schema(value_type = String)]
    location: ListingId,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Takes a location out of its warehouse: it is not touched any more; what was counted there stays counted.
#[utoipa::path(post, path = "/api/locations/unlink", tag = "warehouses", request_body = Unlink,
    responses((status = 200, description = "What would happen, or was done.", body = schema::Linking),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn unlink(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(unlink): Body<Unlink>,
) -> Response {
    arrange(app, headers, (actor, trail), Order::Unlink(unlink.location), unlink.apply).await
}

/// What shall become of an account's unlinked locations.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Zero {
    /// The account.
    #[schema(value_type = String)]
    account: AccountId,
    /// Leave them alone again.
    #[serde(default)]
    stop: bool,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Keeps what is mapped at zero at the locations of an account that belong to no warehouse. Those that appear later are not
/// touched, and a level that the store does not tell is not zero.
#[utoipa::path(post, path = "/api/locations/zero", tag = "warehouses", request_body = Zero,
    responses((status = 200, description = "What would happen, or was done.", body = schema::Linking),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn zero(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(zero): Body<Zero>,
) -> Response {
    arrange(app, headers, (actor, trail), Order::Zero(zero.account, !zero.stop), zero.apply).await
}

/// Warehouses in order.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Feed {
    /// The first that has stock is charged for a sale.
    #[schema(value_type = Vec<String>)]
    warehouses: Vec<WarehouseId>,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Has warehouses feed an account without locations: it shows their sum, and its sales are charged to the first in order that
/// has stock.
#[utoipa::path(post, path = "/api/accounts/{account}/feed", tag = "warehouses", params(("account" = String, Path)),
    request_body = Feed,
    responses((status = 200, description = "What would happen, or was done.", body = schema::Linking),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn feed(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Named(account): Named,
    Body(feed): Body<Feed>,
) -> Response {
    arrange(app, headers, (actor, trail), Order::Feed(account, feed.warehouses), feed.apply).await
}

async fn arrange(
    app: Arc<App>,
    headers: HeaderMap,
    (actor, trail): (String, Trail),
    order: Order,
    apply: bool,
) -> Response {
    if apply {
        trail.changed(order.subject(), &Value::Null, &json!({"warehouses": order.warehouses()}));
    }
    run(app, &headers, Job::Link { order, apply }, (&actor, &trail)).await
}
