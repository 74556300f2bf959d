//! What may be set for the hub, an account, a group or an item: quantity rules, sync mode, low stock.

use super::error::{Answer, Failure, Failures};
use super::extract::{Body, Paging, Params};
use super::jobs;
use super::schema_rules as schema;
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{AccountId, GroupId, ListingId, Sku};
use engine::adopt::Silent;
use engine::items::Listed;
use engine::runs::Job;
use engine::settings::{ItemBefore, Patch, RuleLine, RuleLineResult, RuleRow, Scope, ScopeView, SettingsChange};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// For whom. With nothing given it is the hub.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// A SKU, percent-encoded.
    sku: Option<String>,
    /// A group.
    group: Option<String>,
    /// At this account only; alone: everything at it.
    account: Option<String>,
    /// One listing of the SKU, `account@location`.
    listing: Option<String>,
}

impl Whose {
    fn read(self) -> Answer<Scope> {
        let wrong = |error: domain::InvalidId| Failure::invalid(error.to_string());
        let scope = Scope {
            sku: self.sku.map(Sku::new).transpose().map_err(wrong)?,
            group: self.group.map(GroupId::new).transpose().map_err(wrong)?,
            account: self.account.map(AccountId::new).transpose().map_err(wrong)?,
            listing: self.listing.map(ListingId::try_from).transpose().map_err(wrong)?,
        };
        scope.check()?;
        Ok(scope)
    }
}

/// Every place above items that sets something: the hub, accounts, groups.
#[utoipa::path(get, path = "/api/rules", tag = "rules",
    responses((status = 200, description = "From the hub down.", body = [schema::ScopeView]), Failures))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer<Json<Vec<ScopeView>>> {
    Ok(Json(app.hub.list_settings().await?))
}

/// What is set at one place. What results for an item of all places is in its explanation.
#[utoipa::path(get, path = "/api/rules/at", tag = "rules", params(Whose),
    responses((status = 200, description = "What is set there.", body = schema::ScopeView), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>, Params(whose): Params<Whose>) -> Answer<Json<ScopeView>> {
    Ok(Json(app.hub.show_settings(&whose.read()?).await?))
}

/// Something to set.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleOrder {
    /// For whom; the hub if nothing is given.
    #[serde(default)]
    #[schema(value_type = schema::Scope, required = false)]
    scope: Scope,
    /// Settings by name: a number, `"off"`, true or false, a mode; null inherits.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    set: std::collections::BTreeMap<String, serde_json::Value>,
    /// Settings to inherit again, by name; `all` for every one.
    #[serde(default)]
    clear: Vec<String>,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Sets rules, mode or low stock at one place; the stores follow. Lines of progress as for `/api/adopt`.
#[utoipa::path(post, path = "/api/rules", tag = "rules", request_body = RuleOrder,
    responses((status = 200, description = "What changes, or has changed.", body = schema::SettingsReport),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(order): Body<RuleOrder>,
) -> Response {
    let RuleOrder { scope, set, clear, apply } = order;
    if apply {
        trail.changed(&scope, &Value::Null, &json!({"set": set, "clear": clear}));
    }
    if scope.sku.is_none() {
        return jobs::run(app, &headers, Job::Settings { scope, set, clear, apply }, (&actor, &trail)).await;
    }
    // one item is no long job
    if !apply {
        trail.only_looked();
    }
    let set = app.hub.set_rules(&scope, &Patch { set, clear }, apply, &actor, &Silent).await;
    set.map(Json).map_err(Failure::from).into_response()
}

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    after: Option<String>,
}

/// One page of a file of rules: every place that sets something. A page may be empty although others follow.
#[utoipa::path(get, path = "/api/rules/file", tag = "rules", params(From),
    responses((status = 200, description = "A page.", body = schema::Listed<schema::RuleRow>), Failures))]
pub(super) async fn export(State(app): State<Arc<App>>, Params(from): Params<From>) -> Answer<Json<Listed<RuleRow>>> {
    Ok(Json(app.hub.export_rules(from.after).await?))
}

/// Lines of a file of rules.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportRules {
    /// At most 1000 at once.
    #[schema(value_type = Vec<schema::RuleLine>)]
    lines: Vec<RuleLine>,
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// What became of the lines.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ImportedRules {
    /// One result per line, in order. A bad line blocks no other.
    #[schema(value_type = Vec<schema::RuleLineResult>)]
    lines: Vec<RuleLineResult>,
}

/// Sets what a file of rules says.
#[utoipa::path(post, path = "/api/rules/file", tag = "rules", request_body = ImportRules,
    responses((status = 200, description = "What became of each line.", body = ImportedRules), Failures))]
pub(super) async fn import(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(import): Body<ImportRules>,
) -> Answer<Json<ImportedRules>> {
    if import.dry_run {
        trail.only_looked();
    }
    let lines = app.hub.import_rules(&import.lines, &actor, import.dry_run).await?;
    trail.changed("a file of rules", &Value::Null, &lines);
    Ok(Json(ImportedRules { lines }))
}

/// One page of the changes of settings, newest first.
#[utoipa::path(get, path = "/api/rules/history", tag = "rules", params(Paging),
    responses((status = 200, description = "A page.", body = schema::Listed<schema::SettingsChange>), Failures))]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Params(paging): Params<Paging>,
) -> Answer<Json<Listed<SettingsChange>>> {
    Ok(Json(app.hub.settings_history(paging.after, paging.limit).await?))
}

/// Which change of many items.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The change's id.
    id: String,
    /// Go on after this: the `next` of the page before.
    #[serde(default)]
    after: Option<String>,
}

/// What items had set before a change of many, one page.
#[utoipa::path(get, path = "/api/rules/before", tag = "rules", params(Which),
    responses((status = 200, description = "A page.", body = schema::Listed<schema::ItemBefore>), Failures))]
pub(super) async fn before(
    State(app): State<Arc<App>>,
    Params(which): Params<Which>,
) -> Answer<Json<Listed<ItemBefore>>> {
    Ok(Json(app.hub.settings_before(&which.id, which.after).await?))
}
