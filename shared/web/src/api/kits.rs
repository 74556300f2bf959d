//! Kits: items that are made of others.

use super::error::{Answer, Failures};
use super::extract::{Body, Paging, Params};
use super::schema_rules as schema;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use domain::Sku;
use engine::items::Listed;
use engine::kits::{KitReport, KitView};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One page of all kits, by SKU. A page may hold few or none although others follow.
#[utoipa::path(get, path = "/api/kits", tag = "kits", params(Paging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema::KitView>), Failures))]
pub(super) async fn list(State(app): State<Arc<App>>, Params(paging): Params<Paging>) -> Answer<Json<Listed<KitView>>> {
    Ok(Json(app.hub.list_kits(paging.after, paging.limit).await?))
}

/// A kit to be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKit {
    /// The kit's own SKU. One that the hub does not know yet becomes an item.
    #[schema(value_type = String)]
    sku: Sku,
    /// The SKUs that it is made of, and how many units of each. None: it is no kit any more.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, i64>, required = false)]
    parts: BTreeMap<Sku, i64>,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Makes a SKU a kit of others, changes what it is made of, or dissolves it; the stores follow.
#[utoipa::path(post, path = "/api/kits", tag = "kits", request_body = NewKit,
    responses((status = 200, description = "What changes, or has changed.", body = schema::KitReport), Failures))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(kit): Body<NewKit>,
) -> Answer<Json<KitReport>> {
    if !kit.apply {
        trail.only_looked();
    }
    let report = app.hub.put_kit(&kit.sku, &kit.parts, kit.apply, &actor).await?;
    trail.changed(&report.sku, &report.before, &report.parts);
    Ok(Json(report))
}
