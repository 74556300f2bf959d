//! Mapping: which units of the stores are which SKUs.

use super::error::{Answer, Failure, Failures};
use super::extract::Body;
use super::jobs;
use super::schema_rules as schema;
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use domain::{AccountId, ListingId, Sku};
use engine::mapping::{LinkReport, Proposal};
use engine::runs::Job;
use http::HeaderMap;
use serde::Deserialize;
use std::sync::Arc;

/// Whose mapping.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingWanted {
    /// Only this account's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    account: Option<AccountId>,
}

/// How the units of the stores are mapped: clashes, slips, units that are none of ours. Reads whole stores. Lines of progress as
/// for `/api/adopt`.
#[utoipa::path(post, path = "/api/mapping/report", tag = "mapping", request_body = MappingWanted,
    responses((status = 200, description = "By account.",
        body = std::collections::BTreeMap<String, schema::AccountMapping>),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn report(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(wanted): Body<MappingWanted>,
) -> Response {
    jobs::run(app, &headers, Job::Mapping { account: wanted.account }, (&actor, &trail)).await
}

/// A unit to link.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkUnit {
    /// The account.
    #[schema(value_type = String)]
    account: AccountId,
    /// The store's own id of the unit.
    external: String,
    /// The SKU that it is. One that the hub does not know yet becomes an item.
    #[schema(value_type = String)]
    sku: Sku,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Links a store's unit to a SKU of another spelling; the store follows.
#[utoipa::path(post, path = "/api/mapping/link", tag = "mapping", request_body = LinkUnit,
    responses((status = 200, description = "What changes, or has changed.", body = schema::LinkReport), Failures))]
pub(super) async fn link(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(link): Body<LinkUnit>,
) -> Answer<Json<LinkReport>> {
    if !link.apply {
        trail.only_looked();
    }
    let report = app.hub.link(&link.account, &link.external, &link.sku, link.apply, &actor).await?;
    trail.changed(&report.sku, &report.loses, &report.gains);
    Ok(Json(report))
}

/// A listing to unlink.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnlinkListing {
    /// The SKU.
    #[schema(value_type = String)]
    sku: Sku,
    /// The listing, `account@location`.
    #[schema(value_type = String)]
    listing: ListingId,
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// Takes a listing out of its item; what it counted stays counted. The store's unit is none of ours from then on.
#[utoipa::path(post, path = "/api/mapping/unlink", tag = "mapping", request_body = UnlinkListing,
    responses((status = 200, description = "What changes, or has changed.", body = schema::LinkReport), Failures))]
pub(super) async fn unlink(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(unlink): Body<UnlinkListing>,
) -> Answer<Json<LinkReport>> {
    if !unlink.apply {
        trail.only_looked();
    }
    let report = app.hub.unlink(&unlink.sku, &unlink.listing, unlink.apply, &actor).await?;
    trail.changed(&report.sku, &report.loses, &report.gains);
    Ok(Json(report))
}

/// Units that have another SKU in their store than before, as comparisons found them.
#[utoipa::path(get, path = "/api/mapping/proposals", tag = "mapping",
    responses((status = 200, description = "By account.", body = [schema::Proposal]), Failures))]
pub(super) async fn proposals(State(app): State<Arc<App>>) -> Answer<Json<Vec<Proposal>>> {
    Ok(Json(app.hub.proposals().await?))
}

/// An answer to a proposal.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProposalAnswer {
    /// The account.
    #[schema(value_type = String)]
    account: AccountId,
    /// The store's own id of the unit.
    external: String,
    /// Whether it is the same under a new name; otherwise it is another.
    accept: Option<bool>,
}

/// Says whether a unit is the same under its new SKU.
#[utoipa::path(post, path = "/api/mapping/proposals", tag = "mapping", request_body = ProposalAnswer,
    responses((status = 200, description = "As it was answered.", body = schema::Proposal), Failures))]
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    Body(decision): Body<ProposalAnswer>,
) -> Answer<Json<Proposal>> {
    let accept = decision.accept.ok_or_else(|| Failure::invalid("accept: say true or false"))?;
    let done = app.hub.answer_proposal(&decision.account, &decision.external, accept, &actor).await?;
    trail.changed(&done.sku, &serde_json::Value::Null, &done);
    Ok(Json(done))
}
