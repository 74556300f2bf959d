//! Accounts and channels.

use super::error::{Answer, Failures};
use super::extract::{Body, Named};
use super::schema_accounts as schema;
use super::token::{Asking, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use channels::{Info, Secrets};
use engine::accounts::{AccountPatch, AccountTest, AccountView, NewAccount};
use engine::people::UserRole;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// All accounts, with their health.
#[utoipa::path(get, path = "/api/accounts", tag = "accounts",
    responses((status = 200, description = "By name.", body = [schema::AccountView]), Failures))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer<Json<Vec<AccountView>>> {
    Ok(Json(app.hub.list_accounts().await?))
}

/// Adds an account: checked, tried against its store, its webhooks put in order. Nothing is stored when the store refuses.
#[utoipa::path(post, path = "/api/accounts", tag = "accounts", request_body = schema::NewAccount,
    responses((status = 201, description = "Added.", body = schema::AccountView), Failures))]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(new): Body<NewAccount>,
) -> Answer<(StatusCode, Json<AccountView>)> {
    let added = app.hub.add_account(new).await?;
    trail.changed(&added.account.id, &Value::Null, &added.account);
    Ok((StatusCode::CREATED, Json(added)))
}

/// One account.
#[utoipa::path(get, path = "/api/accounts/{account}", tag = "accounts", params(("account" = String, Path)),
    responses((status = 200, description = "The account.", body = schema::AccountView), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>, Named(id): Named) -> Answer<Json<AccountView>> {
    Ok(Json(app.hub.show_account(&id).await?))
}

/// Changes an account: policies, pause, settings, rate, release from quarantine. What is absent stays. An operator may pause
/// and release; the rest needs the role admin.
#[utoipa::path(patch, path = "/api/accounts/{account}", tag = "accounts", params(("account" = String, Path)),
    request_body = schema::AccountPatch,
    responses((status = 200, description = "As it is now.", body = schema::AccountView), Failures))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    asking: Asking,
    trail: Trail,
    Named(id): Named,
    Body(patch): Body<AccountPatch>,
) -> Answer<Json<AccountView>> {
    if patch.changes_settings() {
        asking.needs(UserRole::Admin)?;
    }
    let before = app.hub.show_account(&id).await?.account;
    let after = app.hub.change_account(&id, patch).await?;
    trail.changed(&id, &before, &after.account);
    Ok(Json(after))
}

/// Removes an account with its webhooks, secrets and listings. Its history stays; what it counted stays counted.
#[utoipa::path(delete, path = "/api/accounts/{account}", tag = "accounts", params(("account" = String, Path)),
    responses((status = 204, description = "Removed."), Failures))]
pub(super) async fn remove(State(app): State<Arc<App>>, trail: Trail, Named(id): Named) -> Answer<StatusCode> {
    let before = app.hub.show_account(&id).await?.account;
    app.hub.remove_account(&id).await?;
    trail.changed(&id, &before, &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}

/// Signs in to the store again and puts our webhooks there in order.
#[utoipa::path(post, path = "/api/accounts/{account}/test", tag = "accounts", params(("account" = String, Path)),
    responses((status = 200, description = "What was found.", body = schema::AccountTest), Failures))]
pub(super) async fn test(State(app): State<Arc<App>>, Named(id): Named) -> Answer<Json<AccountTest>> {
    Ok(Json(app.hub.test_account(&id).await?))
}

/// Secrets to replace.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// By field name, as the channel's settings form calls them.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    secrets: Secrets,
}

/// Replaces secrets. When the store refuses the new ones, the former ones stay in force.
#[utoipa::path(post, path = "/api/accounts/{account}/rotate", tag = "accounts", params(("account" = String, Path)),
    request_body = Rotation,
    responses((status = 200, description = "What the test with them found.", body = schema::AccountTest), Failures))]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    trail: Trail,
    Named(id): Named,
    Body(rotation): Body<Rotation>,
) -> Answer<Json<AccountTest>> {
    let names: Vec<&String> = rotation.secrets.keys().collect();
    trail.changed(&id, &Value::Null, &json!({"secrets replaced": names}));
    Ok(Json(app.hub.rotate_account(&id, rotation.secrets).await?))
}

/// What was set going.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Queued {
    /// SKUs that will be looked at.
    queued: u64,
}

/// Has every SKU of the account looked at again.
#[utoipa::path(post, path = "/api/accounts/{account}/sync", tag = "accounts", params(("account" = String, Path)),
    responses((status = 200, description = "Set going.", body = Queued), Failures))]
pub(super) async fn sync(State(app): State<Arc<App>>, Named(id): Named) -> Answer<Json<Queued>> {
    Ok(Json(Queued { queued: app.hub.sync_account(&id).await? }))
}

/// The channels there are, each with the form of its settings.
#[utoipa::path(get, path = "/api/channels", tag = "accounts",
    responses((status = 200, description = "All channels.", body = [schema::Channel]), Failures))]
pub(super) async fn channels(State(app): State<Arc<App>>) -> Json<Vec<&'static Info>> {
    std::future::ready(Json(app.hub.channels().iter().map(|channel| channel.info()).collect())).await
}
