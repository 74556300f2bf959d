//! Items. A SKU may hold any character, a slash too, so it travels in the query: proxies and gateways rewrite paths.

use super::error::{Answer, Failure, Failures};
use super::extract::{Params, page};
use super::schema;
use crate::App;
use axum::Json;
use axum::extract::State;
use domain::Sku;
use engine::items::{Explanation, ItemView, Listed};
use engine::records::History;
use engine::sync::Report;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which item.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The SKU, percent-encoded.
    sku: String,
}

impl Which {
    pub(super) fn sku(&self) -> Answer<Sku> {
        read_sku(&self.sku)
    }
}

fn read_sku(text: &str) -> Answer<Sku> {
    Sku::new(text).map_err(|error| Failure::invalid(error.to_string()))
}

/// Which items.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ItemPaging {
    /// Only SKUs that begin with this.
    #[serde(default)]
    prefix: String,
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    after: Option<String>,
    /// At most this many rows, 1 to 500.
    #[serde(default = "page")]
    limit: usize,
}

/// One page of the items, by SKU.
#[utoipa::path(get, path = "/api/items", tag = "items", params(ItemPaging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema::ItemView>), Failures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Params(paging): Params<ItemPaging>,
) -> Answer<Json<Listed<ItemView>>> {
    Ok(Json(app.hub.list_items(&paging.prefix, paging.after, paging.limit).await?))
}

/// One item with its listings.
#[utoipa::path(get, path = "/api/item", tag = "items", params(Which),
    responses((status = 200, description = "The item.", body = schema::ItemView), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>, Params(which): Params<Which>) -> Answer<Json<ItemView>> {
    Ok(Json(app.hub.show_item(&which.sku()?).await?))
}

/// What a sync did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SyncReport {
    /// SKUs looked at.
    skus: u64,
    /// Changes counted.
    counted: u64,
    /// Listings written.
    pushed: u64,
    /// Conditional writes of the ledger.
    commits: u64,
    /// Listings that wait.
    waiting: u64,
    /// SKUs that failed, with the reason.
    failed: BTreeMap<String, String>,
}

impl From<Report> for SyncReport {
    fn from(report: Report) -> Self {
        Self {
            skus: report.skus,
            counted: report.counted,
            pushed: report.pushed,
            commits: report.commits,
            waiting: report.waiting,
            failed: report.failed.into_iter().map(|(sku, why)| (sku.to_string(), why)).collect(),
        }
    }
}

/// Looks at every listing of an item now and brings the stores up to date.
#[utoipa::path(post, path = "/api/item/sync", tag = "items", params(Which),
    responses((status = 200, description = "What was done.", body = SyncReport), Failures))]
pub(super) async fn sync(State(app): State<Arc<App>>, Params(which): Params<Which>) -> Answer<Json<SyncReport>> {
    Ok(Json(app.hub.sync_item(&which.sku()?).await?.into()))
}

/// Which page of an item's history.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryPaging {
    /// The SKU, percent-encoded.
    sku: String,
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    after: Option<String>,
    /// At most this many rows, 1 to 500.
    #[serde(default = "page")]
    limit: usize,
}

/// What happened to an item, newest first.
#[utoipa::path(get, path = "/api/item/history", tag = "items", params(HistoryPaging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema::History>), Failures))]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Params(paging): Params<HistoryPaging>,
) -> Answer<Json<Listed<History>>> {
    Ok(Json(app.hub.history(&read_sku(&paging.sku)?, paging.after, paging.limit).await?))
}

/// Why an item has its numbers: what was counted, which rules apply, what the last push to each store did.
#[utoipa::path(get, path = "/api/item/explain", tag = "items", params(Which),
    responses((status = 200, description = "Why.", body = schema::Explanation), Failures))]
pub(super) async fn explain(State(app): State<Arc<App>>, Params(which): Params<Which>) -> Answer<Json<Explanation>> {
    Ok(Json(app.hub.explain(&which.sku()?).await?))
}
