//! The set-up of a connection while it happens: who signed in, the locations, each webhook with what the store says to it.

use super::connect;
use super::gate::Trouble;
use super::icons::{Icon, icon};
use super::layout::Viewer;
use super::ui::{self, Tone, badge};
use super::words;
use crate::App;
use channels::Subscription;
use domain::AccountId;
use engine::Error;
use engine::accounts::AccountView;
use engine::connection::Connection;
use engine::people::UserRole;
use engine::runs::{Run, RunState};
use maud::{Markup, html};

/// How far a step is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Waiting,
    Going,
    Done,
    Failed,
}

/// The steps of a set-up and where each is; the account may have been removed since.
pub(super) async fn progress(app: &App, viewer: &Viewer, run: &Run, id: &AccountId) -> Result<Markup, Trouble> {
    let view = match app.hub.show_account(id).await {
        Ok(view) => view,
        Err(Error::NotFound { .. }) => return Ok(html! { p { (id) " has been removed since." } }),
        Err(error) => return Err(error.into()),
    };
    let title = app.hub.channel(&view.account.channel)?.info().title;
    let found = run.result.clone().and_then(|result| serde_json::from_value::<Connection>(result).ok());
    let hooks = &view.health.subscriptions;
    let at = |step| step_at(run, step);
    Ok(html! {
        ol.progress {
            (line(at(0), html! { @match &found {
                Some(found) => { "Signed in to " strong { (found.identity.store) } ", " (title) }
                None => { (said(at(0), "Signing in to ", "Signed in to ", title)) }
            } }, &found.iter().flat_map(|found| &found.identity.refused).map(|refused| html! { span.warn { "It refuses: " (refused) } }).collect::<Vec<_>>()))
            (line(at(1), html! { @match found.as_ref().map(|found| found.locations) {
                Some(0) => "One pool of stock, no locations",
                Some(many) => { (ui::counted(many, "location", "locations")) " found; " a href="/warehouses" { "link them to warehouses" } }
                None => { (said(at(1), "Reading its ", "Read its ", "locations")) }
            } }, &[]))
            (line(hooks_at(at(2), hooks), html! { (hooks_said(&view, at(2))) }, &[]))
        }
        @if at(2) != At::Waiting && !hooks.is_empty() { (table(hooks)) }
        @if run.state.is_over() { (next(viewer, run, &view, app.hub.accounts().await?.len() < 2)) }
    })
}

/// Where a step is: a run tells of a step when it begins.
fn step_at(run: &Run, step: u64) -> At {
    let now = run.progress.done;
    match run.state {
        _ if step < now => At::Done,
        RunState::Done => At::Done,
        RunState::Failed | RunState::Cancelled if step == now => At::Failed,
        RunState::Running | RunState::Waiting if step == now => At::Going,
        RunState::Open | RunState::Waiting | RunState::Running | RunState::Failed | RunState::Cancelled => At::Waiting,
    }
}

/// A set-up that ended without one that is needed has not gone well.
fn hooks_at(at: At, hooks: &[Subscription]) -> At {
    let is_bad = |one: &Subscription| one.required && !one.state.is_good() && !one.state.is_under_way();
    if at == At::Done && hooks.iter().any(is_bad) { At::Failed } else { at }
}

fn said(at: At, going: &str, done: &str, what: &str) -> String {
    format!("{}{what}", if at == At::Done { done } else { going })
}

fn hooks_said(view: &AccountView, at: At) -> Markup {
    let hooks = &view.health.subscriptions;
    let good = hooks.iter().filter(|one| one.state.is_good()).count();
    html! {
        @if view.webhook_url.is_none() { "No webhooks: this hub has no public address, so changes are found by looking" }
        @else if at == At::Waiting { "Setting up its webhooks" }
        @else if hooks.is_empty() { "No webhooks are needed with these settings" }
        @else { "Webhooks: " (good) " of " (hooks.len()) " in order" }
    }
}

fn line(at: At, what: Markup, more: &[Markup]) -> Markup {
    let (class, name) = match at {
        At::Waiting => ("soft", "to come"),
        At::Going => ("going", "going on"),
        At::Done => ("good", "done"),
        At::Failed => ("bad", "failed"),
    };
    html! {
        li class=(class) {
            span.mark { @match at {
                At::Waiting => span.ring {},
                At::Going => span.spin {},
                At::Done => (icon(Icon::Check)),
                At::Failed => (icon(Icon::Alert)),
            } }
            div { p { (what) span.hidden { " (" (name) ")" } } @for one in more { p.small { (one) } } }
        }
    }
}

/// The table of webhooks: what each tells of, how it stands, what the store says and what to do.
pub(super) fn table(all: &[Subscription]) -> Markup {
    // once all of them are in order most stores say nothing
    let is_said = all.iter().any(|hook| !hook.note.is_empty() || !hook.remedy.is_empty());
    let table = html! {
        table.fold {
            thead { tr { th scope="col" { "Tells of" } th scope="col" { "State" } @if is_said { th scope="col" { "What the store says" } } } }
            tbody {
                @for hook in all {
                    @let (tone, text) = words::subscription(hook.state);
                    tr {
                        th scope="row" title=(hook.topic) { (words::topic(&hook.topic)) @if !hook.required { span.sub { "a help; stock is kept equal without it" } } }
                        td.corner data-name="State" { (badge(tone, text)) }
                        @if is_said { td.whole data-name="The store says" { (says(hook)) } }
                    }
                }
            }
        }
    };
    ui::scroll("Webhooks", &table)
}

/// What the store says of a webhook, and what to do.
fn says(hook: &Subscription) -> Markup {
    html! {
        @if hook.note.is_empty() && hook.remedy.is_empty() { span.soft { "–" } }
        @if !hook.note.is_empty() { span.soft { (super::form::capital(&hook.note)) } }
        @if !hook.remedy.is_empty() { span.sub { (hook.remedy) } }
    }
}

/// What can be done once it has ended.
fn next(viewer: &Viewer, run: &Run, view: &AccountView, is_only: bool) -> Markup {
    let id = &view.account.id;
    let is_well = run.state == RunState::Done && hooks_at(At::Done, &view.health.subscriptions) == At::Done;
    let admin = viewer.may(UserRole::Admin);
    html! {
        @if is_well {
            (ui::say(Tone::Good, &format!("{id} is connected"), "Nothing has been written to its stock."))
        } @else {
            (ui::say(Tone::Warn, &format!("{id} is stored, but its set-up is not whole"), "Do what stands above, then try again. Until then its changes are found by looking, within minutes, and nothing has been written to its stock."))
        }
        div.row {
            @if !is_well && viewer.may(UserRole::Operator) { (viewer.button(&format!("/accounts/{id}/do/test"), "main-act", Icon::Sync, "Try again", None)) }
            @if admin && is_only { (another(viewer, "btn main-act")) }
            @if is_well { a class=(if is_only { "btn" } else { "btn main-act" }) href="/first-sync" { "Go on to the first sync" } }
            @if admin && !is_only { (another(viewer, "btn")) }
            a.btn href={ "/accounts/" (id) } { "Open " (id) }
            @if admin && !is_well { a.btn.danger href={ "/accounts/" (id) "/remove" } { (icon(Icon::Bin)) "Remove it …" } }
        }
    }
}

/// The way to the next store: in a demo to the fake ones.
fn another(viewer: &Viewer, class: &str) -> Markup {
    let to = if viewer.is_demo { "/demo" } else { "/accounts/new" };
    html! { a class=(class) href=(to) { (icon(Icon::Plus)) "Connect another store" } }
}

/// The way to this page, above it.
pub(super) fn steps(run: &Run) -> Markup {
    connect::steps(if run.state == RunState::Done { 3 } else { 2 })
}
