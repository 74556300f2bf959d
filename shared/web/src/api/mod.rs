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
use axum::handler::Handler;
use axum::routing::on;
use engine::people::UserRole;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::PathItemExt;
use utoipa_axum::router::OpenApiRouter;

/// The largest request to the API, bytes: a thousand lines of a stock file are far below.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// Every route there is: webhooks, the admin API and the console.
pub fn router(app: Arc<App>) -> Router {
    let groups = [(UserRole::Viewer, viewers()), (UserRole::Operator, operators()), (UserRole::Admin, admins())];
    let guarded = groups.into_iter().map(|(role, group)| {
        let gate = token::Gate { app: Arc::clone(&app), role };
        group.layer(DefaultBodyLimit::max(BODY_MAX)).layer(axum::middleware::from_fn_with_state(gate, token::gate))
    });
    let routes = guarded.fold(open(), Router::merge).route("/webhooks/{account}", webhooks::route());
    webhooks::finished(routes.merge(console::routes(&app)), app)
}

/// The OpenAPI 3.1 document of the admin API, from the code of its routes.
#[must_use]
pub fn document() -> OpenApi {
    let groups = [("viewer", viewers_told()), ("operator", operators_told()), ("admin", admins_told())];
    let open = OpenApiRouter::with_openapi(Document::openapi()).merge(open_told());
    groups.into_iter().fold(open, |all, (role, group)| all.merge(marked(role, group))).into_openapi()
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

/// The group as the document says who may call it.
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

/// Two functions of one list: the routes where their `#[utoipa::path]` says, and the same with all that the document tells of
/// them. That is much, and every start of a function would make it.
macro_rules! routes {
    ($(#[$doc:meta])* $served:ident, $told:ident: $($module:ident :: $handler:ident,)+) => {
        utoipa_axum::paste! {
            $(#[$doc])*
            fn $served() -> Router<Arc<App>> {
                let routes = Router::new();
                $(let routes = with::<$module::[<__path_ $handler>], _, _>(routes, $module::$handler);)+
                routes
            }

            fn $told() -> OpenApiRouter<Arc<App>> {
                OpenApiRouter::new()$(.routes(utoipa_axum::routes!($module::$handler)))+
            }
        }
    };
}

/// One route more.
fn with<P: utoipa::Path, H: Handler<T, Arc<App>>, T: 'static>(all: Router<Arc<App>>, handler: H) -> Router<Arc<App>> {
    let methods = P::methods().into_iter().map(|method| method.to_method_filter());
    methods.fold(all, |all, method| all.route(&P::path(), on(method, handler.clone())))
}

routes! {
    /// For everybody.
    open, open_told:
    health::health,
    health::openapi,
}

routes! {
    /// Looking, and what everybody may do for themselves.
    viewers, viewers_told:
    accounts::list,
    accounts::show,
    accounts::channels,
    items::list,
    items::show,
    items::history,
    items::explain,
    filters::find,
    filters::list,
    rules::list,
    rules::show,
    rules::export,
    rules::history,
    rules::before,
    groups::list,
    kits::list,
    mapping::report,
    mapping::proposals,
    stock::export,
    places::warehouses,
    places::show,
    places::locations,
    stock::reasons_to_choose,
    runs::list,
    runs::show,
    runs::changes,
    feeds::list,
    feeds::show,
    snapshots::list,
    snapshots::show,
    queues::show,
    costs::show,
    alerts::show,
    guards::quarantine,
    history::of_day,
    trail::of_day,
    users::me,
    users::password,
    users::list_tokens,
    users::issue,
    users::revoke,
}

routes! {
    /// Acting on stock.
    operators, operators_told:
    guards::judge,
    guards::release_contested,
    // pause, freeze and release; what else an account has is for admins, see there
    accounts::change,
    accounts::test,
    accounts::sync,
    items::sync,
    filters::change,
    filters::save,
    filters::remove,
    rules::set,
    rules::import,
    groups::put,
    groups::remove,
    groups::members,
    kits::put,
    mapping::link,
    mapping::unlink,
    mapping::answer,
    stock::edit,
    stock::import,
    stock::upload,
    jobs::adopt,
    jobs::reconcile,
    runs::start,
    runs::give,
    runs::close,
    runs::cancel,
    feeds::fetch,
    snapshots::remove,
    queues::redrive,
}

routes! {
    /// Settings, credentials, users.
    admins, admins_told:
    accounts::add,
    accounts::remove,
    accounts::rotate,
    alerts::change,
    alerts::add,
    alerts::remove,
    alerts::test,
    places::add,
    places::rename,
    places::remove,
    places::master,
    places::link,
    places::unlink,
    places::zero,
    places::feed,
    // where a feed leads, and with which secret, is a setting
    feeds::put,
    moving::show,
    moving::stand_still,
    moving::rows,
    moving::secrets,
    moving::go_on,
    moving::begin,
    moving::import_rows,
    moving::import_secrets,
    feeds::remove,
    users::list,
    users::add,
    users::change,
    users::remove,
}
