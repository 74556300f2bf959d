//! Moving a hub: everything that matters out of one that stands still, and into an empty other.

use super::error::{Answer, Failure, Failures};
use super::extract::{Body, Params};
use super::schema_runs;
use super::snapshots::After;
use super::token::Trail;
use crate::{App, seal};
use axum::Json;
use axum::extract::State;
use domain::AccountId;
use engine::moving::{AllSecrets, ExportPage, MovedRow, Standstill};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Whether the hub stands still, and why.
#[utoipa::path(get, path = "/api/move", tag = "move",
    responses((status = 200, description = "How it stands.", body = schema_runs::Moving), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>) -> Answer<Json<Value>> {
    Ok(Json(json!({ "standstill": app.hub.standstill().await? })))
}

/// Makes the hub stand still, to be exported: it accepts webhooks and does nothing about them.
#[utoipa::path(post, path = "/api/move/stand-still", tag = "move",
    responses((status = 200, description = "Since when.", body = schema_runs::Standstill), Failures))]
pub(super) async fn stand_still(State(app): State<Arc<App>>) -> Answer<Json<Standstill>> {
    Ok(Json(app.hub.stand_still().await?))
}

/// One page of the rows of a hub that has stood still until it was quiet.
#[utoipa::path(get, path = "/api/move/rows", tag = "move", params(After),
    responses((status = 200, description = "A page.", body = schema_runs::ExportPage), Failures))]
pub(super) async fn rows(State(app): State<Arc<App>>, Params(paging): Params<After>) -> Answer<Json<ExportPage>> {
    Ok(Json(app.hub.export_page(paging.after.as_deref()).await?))
}

/// A passphrase.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Passphrase {
    /// At least 12 characters.
    passphrase: String,
}

/// Sealed secrets.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Sealed {
    /// Hexadecimal.
    sealed: String,
}

/// The secrets of all accounts and stock feeds, sealed with a passphrase. They are never shown otherwise.
#[utoipa::path(post, path = "/api/move/secrets", tag = "move", request_body = Passphrase,
    responses((status = 200, description = "Sealed.", body = Sealed), Failures))]
pub(super) async fn secrets(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(Passphrase { passphrase }): Body<Passphrase>,
) -> Answer<Json<Sealed>> {
    let all = app.hub.all_secrets().await?;
    let names: Vec<&String> = all.keys().collect();
    trail.changed("secrets sealed for export", &Value::Null, &names);
    let plain = serde_json::to_vec(&all).map_err(|error| Failure::invalid(error.to_string()))?;
    let clock = &app.hub.clock;
    let salt: Vec<u8> = [clock.random(), clock.random()].iter().flat_map(|part| part.to_be_bytes()).collect();
    let salt = salt.try_into().unwrap_or_else(|_| unreachable!("two numbers are 16 bytes"));
    let sealed = tokio::task::spawn_blocking(move || seal::seal(&passphrase, salt, &plain)).await;
    let sealed = sealed.map_err(|_| Failure::conflict("sealing broke off; try again"))??;
    Ok(Json(Sealed { sealed: hex::encode(sealed) }))
}

/// Who has no secrets.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Going {
    /// Accounts whose secrets must be entered before anything can be done with their stores.
    #[schema(value_type = Vec<String>)]
    without_secrets: Vec<AccountId>,
}

/// Lets a hub go on: one that was exported and stays, or one that was filled. Every store is looked at again.
#[utoipa::path(post, path = "/api/move/go-on", tag = "move",
    responses((status = 200, description = "It goes on.", body = Going), Failures))]
pub(super) async fn go_on(State(app): State<Arc<App>>) -> Answer<Json<Going>> {
    Ok(Json(Going { without_secrets: app.hub.go_on().await? }))
}

/// What is to be imported.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    /// The format of the file.
    format: u32,
}

/// Begins to fill an empty hub. It stands still until it is told to go on.
#[utoipa::path(post, path = "/api/move/import", tag = "move", request_body = Begin,
    responses((status = 200, description = "Send the rows.", body = schema_runs::Moving), Failures))]
pub(super) async fn begin(State(app): State<Arc<App>>, Body(begin): Body<Begin>) -> Answer<Json<Value>> {
    app.hub.begin_import(begin.format).await?;
    Ok(Json(json!({ "standstill": app.hub.standstill().await? })))
}

/// Rows of an export.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rows {
    /// At most 1000 at once.
    #[schema(value_type = Vec<schema_runs::MovedRow>)]
    rows: Vec<MovedRow>,
}

/// How many were put.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Put {
    rows: u64,
}

/// Rows of one request.
const ROWS_MAX: usize = 1_000;

/// Puts rows of an export.
#[utoipa::path(post, path = "/api/move/import/rows", tag = "move", request_body = Rows,
    responses((status = 200, description = "They are there.", body = Put), Failures))]
pub(super) async fn import_rows(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(Rows { rows }): Body<Rows>,
) -> Answer<Json<Put>> {
    if rows.len() > ROWS_MAX {
        return Err(Failure::invalid(format!("rows: send at most {ROWS_MAX} at once")));
    }
    // the beginning and the end are in the trail; a line for each thousand rows would say nothing
    trail.only_looked();
    Ok(Json(Put { rows: app.hub.import_rows(rows).await? }))
}

/// Sealed secrets with their passphrase.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    passphrase: String,
    /// Hexadecimal.
    sealed: String,
}

/// Puts the secrets of an export into the vault.
#[utoipa::path(post, path = "/api/move/import/secrets", tag = "move", request_body = Opening,
    responses((status = 200, description = "They are there.", body = Put), Failures))]
pub(super) async fn import_secrets(
    State(app): State<Arc<App>>,
    Body(Opening { passphrase, sealed }): Body<Opening>,
) -> Answer<Json<Put>> {
    let sealed = hex::decode(sealed).map_err(|_| Failure::invalid("sealed: it is not hexadecimal"))?;
    let opened = tokio::task::spawn_blocking(move || seal::open(&passphrase, &sealed)).await;
    let plain = opened.map_err(|_| Failure::conflict("opening broke off; try again"))??;
    let all: AllSecrets =
        serde_json::from_slice(&plain).map_err(|_| Failure::invalid("sealed: it holds no secrets of this version"))?;
    let rows = all.len() as u64;
    app.hub.import_secrets(all).await?;
    Ok(Json(Put { rows }))
}
