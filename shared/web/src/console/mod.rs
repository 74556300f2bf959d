//! The console: pages for people, made here and readable without a script. They call the same use cases as the API.

mod accounts;
mod activity;
mod alerts;
mod assets;
mod attention;
mod audit;
mod bulk;
mod chart;
mod connect;
mod days;
mod demo;
mod feed;
mod filters;
mod first_sync;
mod form;
mod gate;
mod groups;
mod icons;
mod item;
mod items;
mod kits;
mod layout;
mod mapping;
mod overview;
mod people;
mod provider;
mod quarantine;
mod reports;
mod rules;
mod runs;
mod session;
mod set_up;
mod snapshots;
mod stock_feeds;
mod stock_file;
mod ui;
mod warehouses;
mod words;

pub use demo::{Act, PlayStore, Playground, Product};
pub(crate) use session::Attempts;

use crate::App;
use crate::access::provider::BACK;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use engine::people::UserRole;
use gate::Gate;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::sync::Arc;

/// The largest form to sign in, bytes.
const SIGN_IN_MAX: usize = 16 * 1024;

/// Every page.
pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let behind = |routes: Router<Arc<App>>, looking: UserRole, acting: UserRole| {
        routes.route_layer(from_fn_with_state(Gate { app: Arc::clone(app), looking, acting }, gate::gate))
    };
    Router::new()
        .merge(open())
        .merge(behind(everybody(), UserRole::Viewer, UserRole::Viewer))
        .merge(behind(stock(), UserRole::Viewer, UserRole::Operator))
        .merge(behind(arranged(), UserRole::Viewer, UserRole::Admin))
        .merge(behind(settings(), UserRole::Admin, UserRole::Admin))
        .layer(from_fn(with_headers))
}

fn open() -> Router<Arc<App>> {
    Router::new()
        .route("/sign-in", get(session::page).post(session::sign_in).layer(DefaultBodyLimit::max(SIGN_IN_MAX)))
        .route("/sign-in/provider", get(provider::go))
        .route(BACK, get(provider::back))
        .route("/assets/{name}", get(assets::serve))
}

/// Pages and forms of whoever is signed in.
fn everybody() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(overview::page))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{account}", get(accounts::page))
        .route("/history", get(activity::history))
        .route("/menu", get(activity::menu))
        .route("/me", get(people::me).post(people::change_me))
        .route("/theme", post(session::set_theme))
        .route("/sign-out", post(session::sign_out))
}

/// What acts on stock.
fn stock() -> Router<Arc<App>> {
    Router::new()
        .route("/items", get(items::list))
        .route("/item", get(item::page))
        .route("/item/stock", post(item::edit))
        .route("/item/sync", post(item::sync))
        .route("/item/release", post(item::released))
        .route("/item/kit", get(kits::page).post(kits::change))
        .route("/items/bulk", get(bulk::page).post(bulk::change))
        .route("/items/filters", post(filters::keep))
        .route("/rules", get(rules::list))
        .route("/rules/edit", get(rules::edit).post(rules::set))
        .route("/rules/groups", post(groups::change))
        .route("/stock-file", get(stock_file::page).post(stock_file::send))
        .route("/stock-feeds", get(stock_feeds::list).post(stock_feeds::fetch))
        .route("/first-sync", get(first_sync::page).post(first_sync::adopt))
        .route("/runs", get(runs::list))
        .route("/runs/compare", post(runs::compare))
        .route("/runs/snapshot", post(runs::snapshot))
        .route("/runs/restore", post(snapshots::restore))
        .route("/runs/{run}", get(runs::page))
        .route("/runs/{run}/apply", post(bulk::apply))
        .route("/runs/{run}/cancel", post(runs::cancel))
        .route("/snapshots/{snapshot}", get(snapshots::page).post(snapshots::remove))
        .route("/accounts/{account}/do/{what}", post(accounts::act))
        .route("/accounts/{account}/quarantine", get(quarantine::page).post(quarantine::judge))
        .route("/accounts/{account}/mapping", get(mapping::page).post(mapping::change))
        .route("/queue", get(activity::queue))
        .route("/queue/redrive", post(activity::redrive))
        .route("/demo", get(demo::page).post(demo::act))
}

/// What everybody may look at and admins change.
fn arranged() -> Router<Arc<App>> {
    Router::new()
        .route("/alerts", get(alerts::page).post(alerts::change))
        .route("/warehouses", get(warehouses::list).post(warehouses::add))
        .route("/warehouses/{warehouse}", get(warehouses::page).post(warehouses::change))
        .route("/warehouses/link", post(warehouses::arrange))
        .route("/accounts/{account}/locations", post(warehouses::refresh))
}

/// What changes settings and credentials.
fn settings() -> Router<Arc<App>> {
    Router::new()
        .route("/accounts/new", get(connect::page).post(connect::add))
        .route("/users", get(people::list).post(people::add))
        .route("/users/{name}", get(people::page).post(people::change))
        .route("/audit", get(audit::page))
        .route("/stock-feeds/edit", get(stock_feeds::edit).post(stock_feeds::save))
        .route("/accounts/{account}/policies", post(accounts::save_policies))
        .route("/accounts/{account}/settings", post(accounts::save_settings))
        .route("/accounts/{account}/rotate", post(accounts::replace))
        .route("/accounts/{account}/remove", get(accounts::removing).post(accounts::remove))
}

/// What a browser may do with our pages: load from here, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
];

async fn with_headers(request: Request, next: Next) -> Response {
    guarded(next.run(request).await)
}

/// What a person may want to know of a look at a store, in the words of the console; the command line uses them too.
#[must_use]
pub fn note_in_words(note: &domain::settle::Note) -> String {
    words::note(note)
}

/// Whether a request comes from somebody who reads pages.
pub(crate) fn wants_a_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|kinds| kinds.contains("text/html"))
}

/// The page where there is none.
pub(crate) fn no_page() -> Response {
    guarded(layout::plain_trouble(&gate::Trouble {
        status: StatusCode::NOT_FOUND,
        title: "There is no such page".into(),
        said: "Perhaps it was renamed, or the address has a slip in it.".into(),
    }))
}

fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
