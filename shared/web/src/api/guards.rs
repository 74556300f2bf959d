//! What guards have stopped, and what people decide about it.

use super::error::{Answer, Failures};
use super::extract::{Body, Named, Paging, Params};
use super::items::Which;
use super::schema_alerts as schema;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use domain::Sku;
use engine::quarantine::{Judged, QuarantineView, SKUS_MAX, Verdict};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Why an account is not believed, and what a guard saw of it, by SKU.
#[utoipa::path(get, path = "/api/accounts/{account}/quarantine", tag = "guards", params(("account" = String, Path), Paging),
    responses((status = 200, description = "A page.", body = schema::QuarantineView), Failures))]
pub(super) async fn quarantine(
    State(app): State<Arc<App>>,
    Named(id): Named,
    Params(paging): Params<Paging>,
) -> Answer<Json<QuarantineView>> {
    Ok(Json(app.hub.quarantine_of(&id, paging.after, paging.limit).await?))
}

/// A decision.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// Believe the store, or set it back to the hub's level.
    #[schema(value_type = schema::Verdict)]
    verdict: Verdict,
    /// About these SKUs, at most 1000; about all that is undecided if absent.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    skus: Option<Vec<Sku>>,
}

/// Decides about what a guard saw: all of it, or some SKUs. The account is believed and written again once everything is
/// decided and done.
#[utoipa::path(post, path = "/api/accounts/{account}/quarantine", tag = "guards", params(("account" = String, Path)),
    request_body = Decision, responses((status = 200, description = "What was decided.", body = schema::Judged), Failures))]
pub(super) async fn judge(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Named(id): Named,
    Body(decision): Body<Decision>,
) -> Answer<Json<Judged>> {
    if decision.skus.as_ref().is_some_and(|skus| skus.is_empty() || skus.len() > SKUS_MAX) {
        let problem = format!("skus: name 1 to {SKUS_MAX}, or leave it out to decide about all");
        return Err(super::error::Failure::invalid(problem));
    }
    let judged = app.hub.judge_quarantine(&id, decision.verdict, decision.skus.as_deref(), &actor).await?;
    let told = json!({"verdict": decision.verdict, "skus": decision.skus, "listings": judged.listings, "lifted": judged.lifted});
    trail.changed(&id, &Value::Null, &told);
    Ok(Json(judged))
}

/// Writes an item again that was left alone at an account because another writer kept changing it.
#[utoipa::path(post, path = "/api/accounts/{account}/contested/release", tag = "guards", params(("account" = String, Path), Which),
    responses((status = 204, description = "Released."), Failures))]
pub(super) async fn release_contested(
    State(app): State<Arc<App>>,
    trail: Trail,
    Named(id): Named,
    Params(which): Params<Which>,
) -> Answer<StatusCode> {
    let sku = which.sku()?;
    app.hub.release_contested(&sku, &id).await?;
    trail.changed(&sku, &json!({"contested at": id}), &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}
