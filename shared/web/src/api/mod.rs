//! The admin JSON API below `/api`, with the document that describes it. People reach it with a token
//! ([`crate::access`]); only the health check and the document are open.
//!
//! Every route stands in the group of the role that it needs; the document says which as `x-role`, and a test fails when one
//! has none. What a route changes it says to [`token::Trail`]; the gate writes down who did it and when.

mod accounts;
mod alerts;
mod costs;
mod error;
mod extract;
mod feeds;
mod filters;
mod groups;
mod guards;
mod health;
mod history;
mod items;
mod jobs;
mod kits;
mod mapping;
mod moving;
mod places;
mod queues;
mod rules;
mod runs;
mod schema;
mod schema_accounts;
mod schema_alerts;
pub(crate) mod schema_people;
mod schema_places;
mod schema_rules;
mod schema_runs;
mod snapshots;
mod stock;
mod token;
mod trail;
mod users;

use crate::{App, console, webhooks};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use engine::people::UserRole;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The largest request to the API, bytes: a thousand lines of a stock file are far below.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// Every route there is: webhooks, the admin API and the console.
pub fn router(app: Arc<App>) -> Router {
    let (api, _) = open_routes().merge(guarded_routes(&app)).split_for_parts();
    let routes = api.route("/webhooks/{account}", webhooks::route()).merge(console::routes(&app));
    webhooks::finished(routes, app)
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
    closed_routes().into_iter().fold(open_routes(), |all, (_, group)| all.merge(group))
}

fn open_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(health::health)).routes(routes!(health::openapi))
}

fn guarded_routes(app: &Arc<App>) -> OpenApiRouter<Arc<App>> {
    let guard = |(role, group): (UserRole, OpenApiRouter<Arc<App>>)| {
        let gate = token::Gate { app: Arc::clone(app), role };
        group.layer(DefaultBodyLimit::max(BODY_MAX)).layer(axum::middleware::from_fn_with_state(gate, token::gate))
    };
    closed_routes().into_iter().map(guard).fold(OpenApiRouter::new(), OpenApiRouter::merge)
}

/// The routes by the role that they need, as the document says it.
fn closed_routes() -> [(UserRole, OpenApiRouter<Arc<App>>); 3] {
    [
        (UserRole::Viewer, marked("viewer", viewers_routes())),
        (UserRole::Operator, marked("operator", operators_routes())),
        (UserRole::Admin, marked("admin", admins_routes())),
    ]
}

fn marked(role: &str, mut group: OpenApiRouter<Arc<App>>) -> OpenApiRouter<Arc<App>> {
    for path in group.get_openapi_mut().paths.paths.values_mut() {
        let methods = [&mut path.get, &mut path.put, &mut path.post, &mut path.patch, &mut path.delete];
        for operation in methods.into_iter().flatten() {
            let extensions = operation.extensions.get_or_insert_default();
            extensions.merge(ExtensionsBuilder::new().add("x-role", role).build());
        }
    }
    group
}

/// Looking, and what everybody may do for themselves.
fn viewers_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::show))
        .routes(routes!(accounts::channels))
        .routes(routes!(items::list))
        .routes(routes!(items::show))
        .routes(routes!(items::history))
        .routes(routes!(items::explain))
        .routes(routes!(filters::find))
        .routes(routes!(filters::list))
        .routes(routes!(rules::list))
        .routes(routes!(rules::show))
        .routes(routes!(rules::export))
        .routes(routes!(rules::history))
        .routes(routes!(rules::before))
        .routes(routes!(groups::list))
        .routes(routes!(kits::list))
        .routes(routes!(mapping::report))
        .routes(routes!(mapping::proposals))
        .routes(routes!(stock::export))
        .routes(routes!(places::warehouses))
        .routes(routes!(places::show))
        .routes(routes!(places::locations))
        .routes(routes!(stock::reasons_to_choose))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::changes))
        .routes(routes!(feeds::list))
        .routes(routes!(feeds::show))
        .routes(routes!(snapshots::list))
        .routes(routes!(snapshots::show))
        .routes(routes!(queues::show))
        .routes(routes!(costs::show))
        .routes(routes!(alerts::show))
        .routes(routes!(guards::quarantine))
        .routes(routes!(history::of_day))
        .routes(routes!(trail::of_day))
        .routes(routes!(users::me))
        .routes(routes!(users::password))
        .routes(routes!(users::list_tokens, users::issue))
        .routes(routes!(users::revoke))
}

/// Acting on stock.
fn operators_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(guards::judge))
        .routes(routes!(guards::release_contested))
        // pause, freeze and release; what else an account has is for admins, see there
        .routes(routes!(accounts::change))
        .routes(routes!(accounts::test))
        .routes(routes!(accounts::sync))
        .routes(routes!(items::sync))
        .routes(routes!(filters::change))
        .routes(routes!(filters::save, filters::remove))
        .routes(routes!(rules::set))
        .routes(routes!(rules::import))
        .routes(routes!(groups::put, groups::remove))
        .routes(routes!(groups::members))
        .routes(routes!(kits::put))
        .routes(routes!(mapping::link))
        .routes(routes!(mapping::unlink))
        .routes(routes!(mapping::answer))
        .routes(routes!(stock::edit))
        .routes(routes!(stock::import))
        .routes(routes!(stock::upload))
        .routes(routes!(jobs::adopt))
        .routes(routes!(jobs::reconcile))
        .routes(routes!(runs::start))
        .routes(routes!(runs::give))
        .routes(routes!(runs::close))
        .routes(routes!(runs::cancel))
        .routes(routes!(feeds::fetch))
        .routes(routes!(snapshots::remove))
        .routes(routes!(queues::redrive))
}

/// Settings, credentials, users.
fn admins_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(accounts::add))
        .routes(routes!(accounts::remove))
        .routes(routes!(accounts::rotate))
        .routes(routes!(alerts::change))
        .routes(routes!(alerts::add))
        .routes(routes!(alerts::remove))
        .routes(routes!(alerts::test))
        .routes(routes!(places::add))
        .routes(routes!(places::rename, places::remove))
        .routes(routes!(places::master))
        .routes(routes!(places::link))
        .routes(routes!(places::unlink))
        .routes(routes!(places::zero))
        .routes(routes!(places::feed))
        // where a feed leads, and with which secret, is a setting
        .routes(routes!(feeds::put))
        .routes(routes!(moving::show))
        .routes(routes!(moving::stand_still))
        .routes(routes!(moving::rows))
        .routes(routes!(moving::secrets))
        .routes(routes!(moving::go_on))
        .routes(routes!(moving::begin))
        .routes(routes!(moving::import_rows))
        .routes(routes!(moving::import_secrets))
        .routes(routes!(feeds::remove))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::change, users::remove))
}
