//! The first page: stores and hub as a live picture, what needs a person, what happened lately.

use super::attention::{self, Need};
use super::gate::Trouble;
use super::icons::{Icon, icon, mark};
use super::layout::{Head, Viewer};
use super::ui::{self, Tone, count, length};
use super::{feed, first_sync, words};
use crate::App;
use axum::extract::State;
use domain::alarm::{Kind, Raised};
use domain::latency::Quantiles;
use domain::{AccountId, Latency, Role, Timestamp};
use engine::Connected;
use engine::accounts::AccountView;
use engine::hub::Accounts;
use engine::last_day::{LastDay, Risk};
use engine::people::UserRole;
use engine::records::History;
use engine::work::QueueView;
use maud::{Markup, html};
use std::sync::Arc;

/// Lines of what happened lately.
const LATELY: usize = 12;
/// SKUs named as about to be oversold.
const RISKS: usize = 3;

/// Everything that the page shows.
struct Scene {
    views: Vec<AccountView>,
    accounts: Accounts,
    queues: QueueView,
    alarms: Vec<Raised>,
    lately: Vec<History>,
    day: LastDay,
    /// Stores of which no product is matched.
    untaken: first_sync::Untaken,
    now: Timestamp,
}

impl Scene {
    /// Whether no store has been in a first sync.
    fn is_new(&self) -> bool {
        self.untaken.missing.len() == self.views.len()
    }
}

/// The page.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    let hub = &app.hub;
    let now = hub.clock.now();
    let (views, queues, alerts, lately, day) =
        futures::try_join!(hub.list_accounts(), hub.queues(), hub.alerts(), hub.latest(LATELY), hub.last_day(),)?;
    let (accounts, untaken) = futures::try_join!(hub.accounts(), first_sync::untaken(hub, &views))?;
    let scene = Scene { views, accounts, queues, alarms: alerts.alarms, lately, day, untaken, now };
    let body = if scene.views.is_empty() { welcome(&viewer) } else { full(&scene) };
    let lead = lead(&scene);
    Ok(viewer.page(&Head::new("Overview").lead(&lead).every(5), &body))
}

fn lead(scene: &Scene) -> String {
    let needs = needs(scene);
    match (scene.views.len(), needs.iter().any(|need| need.tone >= Tone::Warn)) {
        (0, _) => "Connect your stores and Evenstock keeps their stock equal.".into(),
        (_, false) if scene.is_new() => {
            "Connected. The first sync comes next; until then nothing is kept equal.".into()
        }
        (_, true) => "Something needs you; the rest goes on.".into(),
        (_, false) if waiting(scene) > 0 => "Changes are on their way to the stores.".into(),
        (stores, false) => format!("{} in step.", ui::counted(stores as u64, "store", "stores")),
    }
}

fn waiting(scene: &Scene) -> u64 {
    scene.queues.waiting.values().sum::<u64>() + scene.queues.changes.waiting + scene.queues.changes.in_flight
}

fn needs(scene: &Scene) -> Vec<Need> {
    let mut needs = attention::of(&scene.accounts, scene.now);
    let is_told = |risk: &&Risk| scene.alarms.iter().any(|raised| raised.alarm.subject == risk.sku.as_str());
    needs.extend(scene.alarms.iter().filter_map(of_alarm));
    needs.extend(scene.untaken.missing.iter().filter(|_| !scene.is_new()).map(not_taken_in));
    needs.extend(scene.untaken.strange.iter().map(of_strange));
    needs.extend(scene.day.risks.iter().filter(|risk| !is_told(risk)).take(RISKS).map(of_risk));
    needs.sort_by_key(|need| std::cmp::Reverse(need.tone));
    let dead = scene.queues.dead.waiting;
    if dead > 0 {
        needs.insert(
            0,
            Need {
                tone: Tone::Warn,
                title: ui::counted(dead, "message failed too often", "messages failed too often"),
                said: "They wait until somebody looks: put them back once the cause is gone.".into(),
                to: "/queue".into(),
                action: "Open the queue",
            },
        );
    }
    needs
}

/// A store that was connected later than the others, and waits for its first sync.
fn not_taken_in(id: &AccountId) -> Need {
    Need {
        tone: Tone::Note,
        title: format!("The first sync is missing: {id}"),
        said: first_sync::not_taken_in(1).into(),
        to: "/first-sync".into(),
        action: "Preview the first sync",
    }
}

/// A store in which the first sync found nothing that the hub has.
fn of_strange((id, products): (&AccountId, &u64)) -> Need {
    Need {
        tone: Tone::Note,
        title: first_sync::nothing_matched(id),
        said: first_sync::why_nothing(*products),
        to: first_sync::mapping(id),
        action: first_sync::MATCH,
    }
}

/// A SKU of which more were sold in a day than are left.
fn of_risk(risk: &Risk) -> Need {
    let (sku, sold, left) = (&risk.sku, ui::number(risk.sold), ui::number(risk.left));
    Need {
        tone: Tone::Note,
        title: format!("{sku} may be oversold: {sold} sold in 24 hours, {left} left"),
        said: "Stock up, or hold some back in its rules.".into(),
        to: super::form::link("/item", &[("sku", sku.as_str())]),
        action: "Look at it",
    }
}

/// What an alarm asks for, unless the accounts' own state says so already.
fn of_alarm(raised: &Raised) -> Option<Need> {
    let (subject, said) = (&raised.alarm.subject, super::form::capital(&raised.alarm.text));
    let of_item = |tone, title: String| {
        let to = super::form::link("/item", &[("sku", subject)]);
        Some(Need { tone, title, said: said.clone(), to, action: "Look at it" })
    };
    match raised.alarm.kind {
        Kind::Oversold => of_item(Tone::Bad, format!("{subject} is oversold")),
        Kind::LowStock => of_item(Tone::Note, format!("Little is left of {subject}")),
        Kind::Credentials | Kind::SilentWebhooks | Kind::NoRead | Kind::Waiting | Kind::Slow => Some(Need {
            tone: Tone::Warn,
            title: format!("{}: {subject}", super::alerts::kind(raised.alarm.kind)),
            said,
            to: "/alerts".into(),
            action: "Look",
        }),
        Kind::Quarantine
        | Kind::TwoHubs
        | Kind::Contested
        | Kind::Failing
        | Kind::BrokenWebhooks
        | Kind::Clash
        | Kind::DeadLetters => None,
    }
}

/// What stands here before there is any store.
fn welcome(viewer: &Viewer) -> Markup {
    let may = viewer.may(UserRole::Admin);
    html! {
        section.card { div.body.stack {
            div {
                h2 { "Three steps to equal stock" }
                p.soft { "Nothing is written to a store before you have seen what would change." }
            }
            ol.steps.down {
                li aria-current="step" { "Connect the master: the store whose stock is right" }
                li { "Connect the replicas: the stores that follow" }
                li { "Look at the preview, then apply the first sync" }
            }
            @if may && viewer.is_demo {
                p.row { a.btn.main-act href="/demo" { (icon(Icon::Demo)) "Open the fake stores" } a.btn href="/accounts/new" { (icon(Icon::Plus)) "Connect a store" } }
                p.soft { "“Connect it” beside each of them fills in the form." }
            }
            @else if may { p { a.btn.main-act href="/accounts/new" { (icon(Icon::Plus)) "Connect a store" } } }
            @else { p.soft { "Your role cannot connect stores; ask an admin of this hub." } }
        } }
    }
}

fn full(scene: &Scene) -> Markup {
    let needs = needs(scene);
    html! {
        div data-live="figures" { (figures(scene)) }
        section.card aria-label="Stores and hub" { div data-live="picture" { (picture(scene)) } }
        div.cols {
            section.card {
                header { h2 { "What happened lately" } a.small href="/history" { "All history" } }
                div data-live="lately" {
                    @if scene.lately.is_empty() {
                        (ui::empty(Icon::History, "Nothing has happened yet", "Sales and edits in your stores show up here within seconds.", None))
                    } @else { (feed::list(&scene.lately, true)) }
                }
            }
            section.card.early {
                header { h2 { "Needs a person" } }
                div data-live="needs" { (list(&needs, scene.is_new())) }
            }
        }
    }
}

fn list(needs: &[Need], is_new: bool) -> Markup {
    html! {
        @if is_new {
            ul.todo { li { span.dot.warn {} div {
                p.strong { "The first sync has not been done" }
                p.soft { "Until then the stores are connected but nothing is kept equal." }
                p { a href="/first-sync" { "Preview the first sync" } }
            } } }
        } @else if needs.is_empty() {
            (ui::empty(Icon::Check, "Nothing needs you", "Clashes, quarantines, failed writes and stores that do not answer show up here.", None))
        }
        @if !needs.is_empty() {
            ul.todo {
                @for need in needs {
                    li {
                        span class={ "dot " (need.tone.class()) } {}
                        div { p.strong { (need.title) } p.soft { (need.said) } p { a href=(need.to) { (need.action) } } }
                    }
                }
            }
        }
    }
}

fn figures(scene: &Scene) -> Markup {
    let day = &scene.day;
    let so_far = html! { @if !day.whole { small.under { "so far; being counted" } } };
    html! {
        dl.tiles {
            div.tile { dt { "Units sold in 24 hours" } dd { (ui::number(day.sold)) (so_far) } }
            div.tile { dt { "Changes counted" } dd { (count(day.changes)) (so_far) } }
            div.tile { dt { "Writes to stores" } dd { (count(day.writes)) (so_far) } }
            div.tile { dt { "From store to store" } dd {
                @match lag(&scene.accounts) {
                    Some(lag) => { (length(lag.p50_ms)) small.under { "95 % within " (length(lag.p95_ms)) } }
                    None => { small { "no change yet" } }
                }
            } }
            div.tile { dt { "Waiting now" } dd { (count(waiting(scene))) } }
        }
    }
}

/// How long changes took from store to store, over all of them.
fn lag(accounts: &Accounts) -> Option<Quantiles> {
    let mut all = Latency::default();
    accounts.values().for_each(|connected| all.merge(&connected.health.0.latency));
    all.quantiles()
}

fn picture(scene: &Scene) -> Markup {
    let of = |role: Role| scene.views.iter().filter(move |view| view.account.role == role);
    html! {
        div.picture {
            div.group { @for view in of(Role::Master) { (node(scene, view)) } @if of(Role::Master).next().is_none() { (no_master()) } }
            div.wire.both aria-hidden="true" {}
            div.node.hub { (mark()) span.strong { "Hub" } span.small.soft { (count(waiting(scene))) " waiting" } }
            div.wire.both aria-hidden="true" {}
            div.group { @for view in of(Role::Replica) { (node(scene, view)) } @if of(Role::Replica).next().is_none() { (no_replica()) } }
        }
    }
}

fn no_master() -> Markup {
    html! { a.node href="/accounts/new" { span.name { "No master yet" } span.small.soft { "Connect the store whose stock is right." } } }
}

fn no_replica() -> Markup {
    html! { a.node href="/accounts/new" { span.name { "No replica yet" } span.small.soft { "Connect a store that follows." } } }
}

fn node(scene: &Scene, view: &AccountView) -> Markup {
    let id = &view.account.id;
    let connected: Option<&Connected> = scene.accounts.get(id);
    let (tone, state) =
        connected.map_or((Tone::Plain, ""), |connected| first_sync::state(connected, &scene.untaken, scene.now));
    let title = connected.map_or("", |connected| connected.channel.info().title);
    html! {
        a.node href={ "/accounts/" (id) } {
            span.name { span class={ "dot " (tone.class()) } {} span { (id) } }
            span.small.soft { (title) " · " (words::role(view.account.role)) " · " (state) }
            span.small.soft {
                @if view.waiting > 0 { (count(view.waiting)) " waiting" }
                @else if let Some(at) = view.health.written.max(view.health.read) { "last heard " (ui::ago(at)) }
                @else { "not heard yet" }
                @if let Some(latency) = &view.latency { " · follows in " (length(latency.p50_ms)) }
            }
        }
    }
}
