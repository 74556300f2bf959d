//! What the hub costs on AWS.

use super::error::{Answer, Failures};
use super::extract::Params;
use super::schema;
use crate::App;
use axum::Json;
use axum::extract::State;
use engine::Error;
use engine::cost::Costs;
use serde::Deserialize;
use std::sync::Arc;

/// More stores than anybody has; the model knows nothing of more.
const STORES_MAX: u32 = 200;

/// For how many stores.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Size {
    /// Stores, the master included; without it those of the hub.
    stores: Option<u32>,
}

/// What changes, and a month without any, cost on AWS at list prices. A hub on a machine of one's own asks none of it.
#[utoipa::path(get, path = "/api/costs", tag = "hub", params(Size),
    responses((status = 200, description = "Dollars.", body = schema::Costs), Failures))]
pub(super) async fn show(State(app): State<Arc<App>>, Params(size): Params<Size>) -> Answer<Json<Costs>> {
    let stores = match size.stores {
        Some(stores) if (1..=STORES_MAX).contains(&stores) => stores,
        Some(stores) => {
            return Err(Error::Invalid(format!("stores: {stores} is not a number from 1 to {STORES_MAX}")).into());
        }
        None => u32::try_from(app.hub.accounts().await?.len()).unwrap_or(STORES_MAX),
    };
    Ok(Json(Costs::of(stores)))
}
