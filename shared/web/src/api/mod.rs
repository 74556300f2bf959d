//! The admin JSON API below `/api`, with the document that describes it. People reach it with a token
//! ([`crate::tokens`]); only the health check and the document are open.

mod accounts;
mod error;
mod extract;
mod health;
mod history;
mod items;
mod jobs;
mod queues;
mod schema;
mod schema_accounts;
mod stock;
mod token;

use crate::{App, webhooks};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The largest request to the API, bytes: a thousand lines of a stock file are far below.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// Every route there is: webhooks and the admin API.
pub fn router(app: Arc<App>) -> Router {
    let (api, _) = open_routes().merge(guarded_routes(Arc::clone(&app))).split_for_parts();
    webhooks::finished(api.route("/webhooks/{account}", webhooks::route()), app)
}

/// The OpenAPI 3.1 document of the admin API, from the code of its routes.
#[must_use]
pub fn document() -> OpenApi {
    let (_, described) = described_routes().split_for_parts();
    described
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Evenstock", description = "The admin API of an Evenstock hub. Quantities are whole units; times are \
        milliseconds since 1970 UTC; SKUs go into the query, percent-encoded, because they may hold any character."),
    modifiers(&Bearer),
    components(schemas(schema::Problem, schema::ProblemText)),
    security(("token" = [])),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("evs_…")).build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

fn described_routes() -> OpenApiRouter<Arc<App>> {
    open_routes().merge(closed_routes())
}

fn open_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(health::health)).routes(routes!(health::openapi))
}

fn guarded_routes(app: Arc<App>) -> OpenApiRouter<Arc<App>> {
    closed_routes()
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(axum::middleware::from_fn_with_state(app, token::required))
}

fn closed_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(accounts::list, accounts::add))
        .routes(routes!(accounts::show, accounts::change, accounts::remove))
        .routes(routes!(accounts::test))
        .routes(routes!(accounts::rotate))
        .routes(routes!(accounts::sync))
        .routes(routes!(accounts::channels))
        .routes(routes!(items::list))
        .routes(routes!(items::show))
        .routes(routes!(items::sync))
        .routes(routes!(items::history))
        .routes(routes!(items::explain))
        .routes(routes!(stock::edit))
        .routes(routes!(stock::export, stock::import))
        .routes(routes!(jobs::adopt))
        .routes(routes!(jobs::reconcile))
        .routes(routes!(queues::show))
        .routes(routes!(queues::redrive))
        .routes(routes!(history::of_day))
}
