//! Stock edited in Evenstock itself: one SKU, or a file.

use super::error::{Answer, Failure, Failures};
use super::extract::{Body, Paging, Params};
use super::items::Which;
use super::schema;
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use domain::WarehouseId;
use engine::items::Listed;
use engine::runs::{Job, Run};
use engine::stock::reasons::{self, REASONS, Reason};
use engine::stock::{Amount, LineResult, Mode, StockChange, StockEdit, StockLine, StockRow};
use engine::table::{self, Columns, Format};
use http::StatusCode;
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
    /// Why: one of `/api/stock/reasons`, or free text.
    reason: String,
    /// Something to add to it, such as the number of an order.
    #[serde(default)]
    note: Option<String>,
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
        let reason = reasons::read(&self.reason, self.note.as_deref()).map_err(Failure::invalid)?;
        Ok(StockEdit { amount, reason, warehouse: self.warehouse })
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

/// One reason to choose.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes what is sent")]
pub(super) struct ReasonShape {
    /// How it is written here, in files and on the command line.
    name: String,
    /// How people read it.
    title: String,
}

/// The reasons to choose from; any other text is as good.
#[utoipa::path(get, path = "/api/stock/reasons", tag = "stock",
    responses((status = 200, description = "In the order to show them.", body = Vec<ReasonShape>), Failures))]
pub(super) async fn reasons_to_choose() -> Answer<Json<&'static [Reason]>> {
    std::future::ready(Ok(Json(REASONS.as_slice()))).await
}

/// How a stock file is to be taken.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct File {
    /// What its quantities mean.
    #[serde(default)]
    #[param(value_type = Option<schema_runs::Mode>)]
    mode: Mode,
    /// How it is written: `csv` or `json`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Format,
    /// The column of the SKU; `sku` if absent.
    #[serde(default)]
    sku: Option<String>,
    /// The column of the quantity; `quantity`, `stock` or `qty` if absent.
    #[serde(default)]
    quantity: Option<String>,
    /// JSON: the field that holds the rows.
    #[serde(default)]
    rows: Option<String>,
    /// Whose stock it is, where a line does not say; the main warehouse if absent, or the only one that has a level.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    warehouse: Option<WarehouseId>,
    /// Why: one of `/api/stock/reasons`, or free text.
    #[serde(default = "file")]
    reason: String,
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
}

fn file() -> String {
    "file".into()
}

/// Takes a stock file as a run: its lines are done one by one, and a bad one blocks no other. The answer is the run; ask for
/// it again to hear how far it is. What is larger than 4 MB is given
/// to a run of kind `import` in parts.
#[utoipa::path(post, path = "/api/stock/file", tag = "stock", params(File),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 201, description = "The run.", body = schema_runs::Run), Failures))]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Params(file): Params<File>,
    bytes: Bytes,
) -> Answer<(StatusCode, Json<Run>)> {
    let columns = Columns { sku: file.sku, quantity: file.quantity, rows: file.rows };
    let lines = table::read(&bytes, file.format, &columns).map_err(Failure::invalid)?;
    let File { mode, warehouse, reason, dry_run, .. } = file;
    if dry_run {
        trail.only_looked();
    } else {
        trail.changed("stock file", &Value::Null, &json!({"reason": reason, "mode": mode, "lines": lines.len()}));
    }
    let id = app.hub.start_run(Job::Import { mode, warehouse, reason, dry_run }, &actor).await?.id;
    app.hub.give_run(&id, lines, mode != Mode::Adjust).await?;
    Ok((StatusCode::CREATED, Json(app.hub.close_run(&id).await?)))
}
