//! The first page: stores and hub as a live picture, what needs a person, what happened lately.

use super::attention::{self, Need};
use super::gate::Trouble;
use super::icons::{Icon, icon, mark};
use super::layout::{Head, Viewer};
use super::ui::{self, Tone, count, length};
use super::{feed, words};
use crate::App;
use axum::extract::State;
use domain::alarm::{Kind, Raised};
use domain::{Role, Sku, Timestamp};
use engine::Connected;
use engine::accounts::AccountView;
use engine::hub::Accounts;
use engine::people::UserRole;
use engine::records::History;
use engine::work::QueueView;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lines of what happened lately.
const LATELY: usize = 12;
/// Lines of today's history that the figures are taken from.
const TODAY: usize = 500;
/// SKUs named as about to be oversold.
const RISKS: usize = 3;

/// Everything that the page shows.
struct Scene {
    views: Vec<AccountView>,
    accounts: Accounts,
    queues: QueueView,
    alarms: Vec<Raised>,
    today: Vec<History>,
    has_items: bool,
    now: Timestamp,
}

/// The page.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    let hub = &app.hub;
    let now = hub.clock.now();
    let (views, queues, alerts, today, first) = futures::try_join!(
        hub.list_accounts(),
        hub.queues(),
        hub.alerts(),
        hub.history_of_day(now, None, None, TODAY),
        hub.list_items("", None, 1),
    )?;
    let accounts = hub.accounts().await?;
    let scene = Scene {
        views,
        accounts,
        queues,
        alarms: alerts.alarms,
        today: today.rows,
        has_items: !first.rows.is_empty(),
        now,
    };
    let body = if scene.views.is_empty() { welcome(&viewer) } else { full(&scene) };
    let lead = lead(&scene);
    Ok(viewer.page(&Head::new("Overview").lead(&lead).every(5), &body))
}

fn lead(scene: &Scene) -> String {
    let needs = needs(scene);
    match (scene.views.len(), needs.iter().any(|need| need.tone >= Tone::Warn)) {
        (0, _) => "Connect your stores and Evenstock keeps their stock equal.".into(),
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
    let is_told = |sku: &Sku| scene.alarms.iter().any(|raised| raised.alarm.subject == sku.as_str());
    needs.extend(scene.alarms.iter().filter_map(of_alarm));
    needs.extend(risks(&scene.today).into_iter().filter(|(sku, _)| !is_told(sku)).map(|(_, need)| need));
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

/// SKUs of which more were sold today than are left: at this pace two stores may soon sell the same unit.
fn risks(today: &[History]) -> Vec<(Sku, Need)> {
    let mut items: BTreeMap<&Sku, (i64, i64)> = BTreeMap::new();
    for line in today {
        // newest first: the level of the first line is that of now
        items.entry(&line.sku).or_insert((line.level.1, 0)).1 += sold(line);
    }
    let mut risky: Vec<(&Sku, i64, i64)> = items.into_iter().map(|(sku, (left, sold))| (sku, left, sold)).collect();
    risky.retain(|(_, left, sold)| *left > 0 && sold > left);
    risky.sort_by_key(|(_, left, sold)| left - sold);
    risky.truncate(RISKS);
    let need = |(sku, left, sold): (&Sku, i64, i64)| {
        let need = Need {
            tone: Tone::Note,
            title: format!("{sku} may be oversold: {} sold today, {} left", ui::number(sold), ui::number(left)),
            said: "Stock up, or hold some back in its rules.".into(),
            to: super::form::link("/item", &[("sku", sku.as_str())]),
            action: "Look at it",
        };
        (sku.clone(), need)
    };
    risky.into_iter().map(need).collect()
}

/// Units that a line of history tells were sold.
fn sold(line: &History) -> i64 {
    let counted = line.seen.iter().flat_map(|seen| &seen.counted);
    counted.filter(|counted| words::Kind::of(counted, false) == words::Kind::Sale).map(|counted| -counted.by).sum()
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
                p.soft { "Each of the fake stores says there what to enter to connect it." }
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
                    @if scene.today.is_empty() {
                        (ui::empty(Icon::History, "Nothing yet today", "Sales and edits in your stores show up here within seconds.", None))
                    } @else { (feed::list(&scene.today[..scene.today.len().min(LATELY)], true)) }
                }
            }
            section.card.early {
                header { h2 { "Needs a person" } }
                div data-live="needs" { (list(&needs, scene.has_items)) }
            }
        }
    }
}

fn list(needs: &[Need], has_items: bool) -> Markup {
    html! {
        @if !has_items {
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
    let changes = scene.today.iter().flat_map(|line| &line.seen).map(|seen| seen.counted.len() as u64).sum::<u64>();
    let sold: i64 = scene.today.iter().map(sold).sum();
    let pushes = scene.today.iter().map(|line| line.pushed.len() as u64).sum::<u64>();
    let more = if scene.today.len() == TODAY { "+" } else { "" };
    html! {
        dl.tiles {
            div.tile { dt { "Units sold today" } dd { (ui::number(sold)) (more) } }
            div.tile { dt { "Changes counted today" } dd { (count(changes)) (more) } }
            div.tile { dt { "Writes to stores today" } dd { (count(pushes)) (more) } }
            div.tile { dt { "From store to store" } dd {
                @match lag(&scene.today) {
                    Some((half, most)) => { (length(half)) small.under { "95 % within " (length(most)) } }
                    None => { small { "no change yet" } }
                }
            } }
            div.tile { dt { "Waiting now" } dd { (count(waiting(scene))) } }
        }
    }
}

/// Half of the changes, and nearly all, were with the other stores within so many milliseconds.
fn lag(today: &[History]) -> Option<(i64, i64)> {
    let told = today.iter().filter(|line| !line.pushed.is_empty() && line.cause == "webhook");
    let mut all: Vec<i64> = told.map(|line| line.at.since_ms(line.since)).collect();
    all.sort_unstable();
    Some((*all.get(all.len() / 2)?, *all.get((all.len() * 95 / 100).min(all.len() - 1))?))
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
    let (tone, state) = connected.map_or((Tone::Plain, ""), |connected| attention::state(connected, scene.now));
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
