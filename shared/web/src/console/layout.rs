//! The frame of every page.

use super::assets::{MARK, SCRIPT, STYLE};
use super::attention;
use super::gate::Trouble;
use super::icons::{Icon, icon, mark};
use super::session;
use super::ui::{self, Tone};
use crate::App;
use crate::access::{Caller, sessions};
use axum::response::{IntoResponse, Response};
use engine::people::UserRole;
use http::{HeaderMap, Uri};
use maud::{DOCTYPE, Markup, html};

/// Who looks at a page, and what its frame needs.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    /// Who.
    pub(super) caller: Caller,
    /// What every form must bring.
    pub(super) csrf: String,
    /// The message for this page.
    pub(super) said: Option<(Tone, String)>,
    theme: Option<&'static str>,
    path: String,
    target: String,
    /// Whether there are fake stores beside the hub.
    pub(super) is_demo: bool,
    needs: usize,
}

/// A place in the navigation.
struct Place {
    path: &'static str,
    name: &'static str,
    icon: Icon,
}

const fn place(path: &'static str, name: &'static str, icon: Icon) -> Place {
    Place { path, name, icon }
}

const STOCK: &[Place] = &[
    place("/", "Overview", Icon::Overview),
    place("/items", "Items", Icon::Items),
    place("/accounts", "Accounts", Icon::Accounts),
    place("/warehouses", "Warehouses", Icon::Warehouses),
    place("/rules", "Rules", Icon::Rules),
];
const WORK: &[Place] = &[
    place("/history", "History", Icon::History),
    place("/runs", "Runs", Icon::Runs),
    place("/queue", "Queue", Icon::Queue),
    place("/alerts", "Alerts", Icon::Bell),
];
const SETTINGS: &[Place] = &[place("/users", "Users", Icon::People), place("/audit", "Audit", Icon::Audit)];
const DEMO: &[Place] = &[place("/demo", "Fake stores", Icon::Demo)];
/// What fits at the bottom of a phone; the rest is behind “More”.
const DOCK: &[Place] = &[
    place("/", "Overview", Icon::Overview),
    place("/items", "Items", Icon::Items),
    place("/accounts", "Accounts", Icon::Accounts),
    place("/history", "History", Icon::History),
    place("/menu", "More", Icon::More),
];

/// What stands at the top of a page.
pub(super) struct Head<'a> {
    /// The page's title.
    pub(super) title: &'a str,
    /// A sentence about it.
    pub(super) lead: &'a str,
    /// The way up: address and name.
    pub(super) up: Option<(&'a str, &'a str)>,
    /// What can be done with all of it.
    pub(super) actions: Markup,
    /// Seconds between two looks at what has changed; 0 for never.
    pub(super) every: u32,
}

impl<'a> Head<'a> {
    /// A page with a title only.
    pub(super) fn new(title: &'a str) -> Self {
        Self { title, lead: "", up: None, actions: html! {}, every: 0 }
    }

    /// A sentence about it.
    pub(super) fn lead(mut self, lead: &'a str) -> Self {
        self.lead = lead;
        self
    }

    /// The way up.
    pub(super) fn up(mut self, path: &'a str, name: &'a str) -> Self {
        self.up = Some((path, name));
        self
    }

    /// What can be done.
    pub(super) fn actions(mut self, actions: Markup) -> Self {
        self.actions = actions;
        self
    }

    /// Its live parts are looked at again so often, seconds.
    pub(super) fn every(mut self, seconds: u32) -> Self {
        self.every = seconds;
        self
    }
}

/// A role, in words.
pub(super) const fn role_name(role: UserRole) -> &'static str {
    match role {
        UserRole::Viewer => "viewer",
        UserRole::Operator => "operator",
        UserRole::Admin => "admin",
    }
}

impl Viewer {
    /// Whoever made a request.
    pub(super) async fn new(app: &App, caller: Caller, secret: &str, headers: &HeaderMap, uri: &Uri) -> Self {
        // a frame without the number is better than no page
        let needs = match app.hub.accounts().await {
            Ok(accounts) => attention::of(&accounts, app.hub.clock.now()).len(),
            Err(_) => 0,
        };
        Self {
            caller,
            csrf: sessions::csrf(secret),
            said: session::said(headers),
            theme: session::theme(headers),
            path: uri.path().to_owned(),
            target: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            is_demo: app.playground.is_some(),
            needs,
        }
    }

    /// Whether the viewer may do what needs this role.
    pub(super) fn may(&self, role: UserRole) -> bool {
        self.caller.may(role)
    }

    /// What every form must begin with.
    pub(super) fn token(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    /// A form of one button.
    pub(super) fn button(&self, action: &str, class: &str, sign: Icon, label: &str, confirm: Option<&str>) -> Markup {
        html! {
            form.inline method="post" action=(action) data-confirm=[confirm] {
                (self.token())
                button class={ "btn " (class) } type="submit" { span.spin {} (icon(sign)) (label) }
            }
        }
    }

    /// A page.
    pub(super) fn page(&self, head: &Head<'_>, body: &Markup) -> Markup {
        let inner = html! {
            a.skip href="#main" { "Skip to content" }
            header.topbar { (brand()) (self.tools()) }
            div.shell {
                (self.side())
                main.main #main {
                    div.head {
                        div {
                            @if let Some((path, name)) = head.up { p.crumbs { a href=(path) { (name) } " /" } }
                            h1 { (head.title) }
                            @if !head.lead.is_empty() { p.lead { (head.lead) } }
                        }
                        div.actions {
                            @if head.every > 0 { span.badge.warn.stale role="status" { "Not updating" } }
                            (head.actions)
                        }
                    }
                    @if let Some((tone, said)) = &self.said { (ui::say(*tone, "", said)) }
                    (body)
                }
            }
            (self.dock())
        };
        document(self.theme, head.title, head.every, &inner)
    }

    fn is_here(&self, place: &Place) -> bool {
        match place.path {
            "/" => self.path == "/",
            "/items" => self.path.starts_with("/item") || self.path.starts_with("/stock-"),
            "/runs" => self.path.starts_with("/runs") || self.path.starts_with("/snapshots"),
            "/accounts" => self.path.starts_with("/accounts") || self.path == "/first-sync",
            path => self.path.starts_with(path),
        }
    }

    fn side(&self) -> Markup {
        html! {
            header.side {
                (brand())
                nav.nav aria-label="Main" { (self.groups()) }
                div.side-end {
                    div.who {
                        span.avatar aria-hidden="true" { (self.caller.name.chars().take(1).collect::<String>()) }
                        span { a href="/me" { (self.caller.name) } }
                        span.badge.plain { (role_name(self.caller.role)) }
                    }
                    (self.tools())
                }
            }
        }
    }

    /// Every place there is, by groups.
    pub(super) fn groups(&self) -> Markup {
        html! {
            (self.places(STOCK))
            p.nav-title { "Activity" }
            (self.places(WORK))
            @if self.may(UserRole::Admin) { p.nav-title { "Settings" } (self.places(SETTINGS)) }
            @if self.is_demo { p.nav-title { "Demo" } (self.places(DEMO)) }
        }
    }

    fn places(&self, places: &[Place]) -> Markup {
        html! {
            @for place in places {
                a href=(place.path) aria-current=[self.is_here(place).then_some("page")] {
                    (icon(place.icon)) (place.name)
                    @if place.path == "/" && self.needs > 0 {
                        span.badge.plain.warn.count { (self.needs) span.hidden { " need attention" } }
                    }
                }
            }
        }
    }

    fn dock(&self) -> Markup {
        let known = DOCK.iter().any(|place| place.path != "/menu" && self.is_here(place));
        html! {
            nav.dock aria-label="Sections" {
                @for place in DOCK {
                    @let here = if place.path == "/menu" { !known } else { self.is_here(place) };
                    a href=(place.path) aria-current=[here.then_some("page")] { (icon(place.icon)) span { (place.name) } }
                }
            }
        }
    }

    fn tools(&self) -> Markup {
        let to = if self.theme == Some("dark") { "light" } else { "dark" };
        html! {
            div.side-tools {
                form method="post" action="/theme" data-theme-form {
                    (self.token())
                    input type="hidden" name="back" value=(self.target);
                    input type="hidden" name="to" value=(to);
                    button.btn.quiet.icon-only type="submit" title="Light or dark" { (icon(Icon::Sun)) span.hidden { "Light or dark" } }
                }
                form method="post" action="/sign-out" {
                    (self.token())
                    button.btn.quiet.icon-only type="submit" title="Sign out" { (icon(Icon::Door)) span.hidden { "Sign out" } }
                }
            }
        }
    }

    /// A page that says why there is none.
    pub(super) fn trouble(&self, trouble: &Trouble) -> Response {
        // back to the list that it would have been found in, unless that is what fails
        let section = STOCK.iter().chain(WORK).find(|place| self.is_here(place) && place.path != self.path);
        let (path, name) = section.map_or(("/", "overview".into()), |place| (place.path, place.name.to_lowercase()));
        let back = format!("Go to the {name}");
        let body = html! { div.card { (ui::empty(Icon::Alert, &trouble.title, &trouble.said, Some((path, &back)))) } };
        (trouble.status, self.page(&Head::new(&trouble.title), &body)).into_response()
    }
}

fn brand() -> Markup {
    html! { a.brand href="/" { (mark()) "Evenstock" } }
}

/// The page around signing in, with a second way below.
pub(super) fn gate_page(theme: Option<&'static str>, title: &str, first: &Markup, second: &Markup) -> Markup {
    let inner = html! {
        div.gate {
            main {
                (brand())
                div.card { div.body { (first) p.or { span { "or" } } (second) } }
                p.below { "Open source. Your data stays on your account." }
            }
        }
    };
    document(theme, title, 0, &inner)
}

/// A page that leads on by itself.
pub(super) fn passing(theme: Option<&'static str>, title: &str, next: &str, body: &Markup) -> Markup {
    let inner = html! { div.gate { main { (brand()) div.card { div.body { (body) } } } } };
    framed(theme, title, 0, &html! { meta http-equiv="refresh" content={ "0; url=" (next) }; }, &inner)
}

/// A trouble in front of people who are not signed in.
pub(super) fn plain_trouble(trouble: &Trouble) -> Response {
    let body = html! { h1 { (trouble.title) } p.lead { (trouble.said) } p { a href="/" { "Go to the overview" } } };
    let inner = html! { div.gate { main { (brand()) div.card { div.body { (body) } } } } };
    (trouble.status, document(None, &trouble.title, 0, &inner)).into_response()
}

fn document(theme: Option<&'static str>, title: &str, every: u32, inner: &Markup) -> Markup {
    framed(theme, title, every, &html! {}, inner)
}

fn framed(theme: Option<&'static str>, title: &str, every: u32, head: &Markup, inner: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme] {
            head {
                meta charset="utf-8";
                title { (title) " · Evenstock" }
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                link rel="icon" href=(*MARK) type="image/svg+xml";
                link rel="stylesheet" href=(*STYLE);
                script src=(*SCRIPT) defer {}
                (head)
            }
            body data-every=[(every > 0).then_some(every)] { (inner) }
        }
    }
}
