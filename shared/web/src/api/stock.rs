//! Stock edited in Evenstock itself: one SKU, or a file.

use super::error::{Answer, Failure, Failures};
use super::extract::{Body, Paging, Params};
use super::items::Which;
use super::schema;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use domain::WarehouseId;
use engine::items::Listed;
use engine::stock::{Amount, LineResult, StockChange, StockEdit, StockLine, StockRow};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// A new level, or a difference to it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// The level shall be this. Give either this or `adjust`.
    #[serde(default)]
    set: Option<i64>,
    /// The level shall change by this.
    #[serde(default)]
    adjust: Option<i64>,
    /// Why: purchase order, stock take, damage …
    reason: String,
    /// In which warehouse; the main one, or the only one that has a level of the SKU, if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    warehouse: Option<WarehouseId>,
}

impl Edit {
    fn read(self) -> Answer<StockEdit> {
        let amount = match (self.set, self.adjust) {
            (Some(level), None) => Amount::Set(level),
            (None, Some(by)) => Amount::Adjust(by),
            (None, None) | (Some(_), Some(_)) => {
                return Err(Failure::invalid("set, adjust: give exactly one of the two"));
            }
        };
        Ok(StockEdit { amount, reason: self.reason, warehouse: self.warehouse })
    }
}

/// Edits the stock of an item; the stores follow. The history names the token's holder.
#[utoipa::path(post, path = "/api/item/stock", tag = "stock", params(Which), request_body = Edit,
    responses((status = 200, description = "Before and after.", body = schema::StockChange), Failures))]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Params(which): Params<Which>,
    Body(edit): Body<Edit>,
) -> Answer<Json<StockChange>> {
    let edit = edit.read()?;
    let change = app.hub.edit_stock(&which.sku()?, &edit, &actor).await?;
    let level = |level| json!({"level": level, "reason": edit.reason});
    trail.changed(&change.sku, &json!({"level": change.before}), &level(change.after));
    Ok(Json(change))
}

/// One page of the stock of all SKUs, as a stock file has it.
#[utoipa::path(get, path = "/api/stock", tag = "stock", params(Paging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema::StockRow>), Failures))]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Params(paging): Params<Paging>,
) -> Answer<Json<Listed<StockRow>>> {
    Ok(Json(app.hub.export_stock(paging.after, paging.limit).await?))
}

/// Lines of a stock file.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Import {
    /// At most 1000 at once.
    #[schema(value_type = Vec<schema::StockLine>)]
    lines: Vec<StockLine>,
    /// Why: stock take, supplier's file …
    reason: String,
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// What became of the lines.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Imported {
    /// One result per line, in order. A bad line blocks no other.
    #[schema(value_type = Vec<schema::LineResult>)]
    lines: Vec<LineResult>,
}

/// Sets the stock of many SKUs.
#[utoipa::path(post, path = "/api/stock", tag = "stock", request_body = Import,
    responses((status = 200, description = "What became of each line.", body = Imported), Failures))]
pub(super) async fn import(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(import): Body<Import>,
) -> Answer<Json<Imported>> {
    let lines = app.hub.import_stock(&import.lines, &import.reason, &actor, import.dry_run).await?;
    if import.dry_run {
        trail.only_looked();
    } else {
        let changed: Vec<_> = lines.iter().filter_map(|line| line.change.as_ref()).collect();
        trail.changed("stock file", &Value::Null, &json!({"reason": import.reason, "changes": changed}));
    }
    Ok(Json(Imported { lines }))
}
