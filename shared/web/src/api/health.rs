//! The two open routes.

use super::schema::Alive;
use axum::Json;

/// Whether the hub answers, and which version it is.
#[utoipa::path(get, path = "/api/health", tag = "hub", security(()),
    responses((status = 200, description = "It answers.", body = Alive)))]
pub(super) async fn health() -> Json<Alive> {
    std::future::ready(Json(Alive { ok: true, version: env!("CARGO_PKG_VERSION").into() })).await
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "hub", security(()),
    responses((status = 200, description = "The OpenAPI 3.1 document.", body = Object)))]
pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    std::future::ready(Json(super::document())).await
}
