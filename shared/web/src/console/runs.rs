//! Long jobs: each is a run with its progress, what it came to, and a way to stop it.

use super::form::link;
use super::gate::{Asked, Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Tone, badge, count, length, number};
use super::{bulk, filters, first_sync, reports, set_up, snapshots, stock_file};
use crate::App;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::AccountId;
use engine::Error;
use engine::people::UserRole;
use engine::runs::{Fault, Job, Run, RunDone, RunState};
use engine::settings::GroupOrder;
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Rows of one page.
const PAGE: usize = 40;
/// Snapshots in the list.
const SNAPSHOTS: usize = 12;
/// Faults shown.
const FAULTS: usize = 50;
/// Of them, those that are seen at once.
const FIRST: usize = 10;

/// What a run does, in words.
fn title(job: &Job) -> String {
    let preview = if job.is_preview() { ", preview" } else { "" };
    match job {
        Job::Adopt { .. } => format!("First sync{preview}"),
        Job::Reconcile { account, .. } => {
            let whom = account.as_ref().map_or_else(|| "all stores".to_owned(), ToString::to_string);
            format!("Comparison of {whom}{preview}")
        }
        Job::Import { .. } => format!("Stock file{preview}"),
        Job::Feed { name, .. } => format!("Stock feed {name}{preview}"),
        Job::Snapshot => "Snapshot".into(),
        Job::Restore(_) => format!("Restore{preview}"),
        Job::Settings { scope, .. } => format!("Settings of {scope}{preview}"),
        Job::Change { filter, .. } => format!("Change: {}{preview}", filters::told(filter)),
        Job::Group { order } => super::form::capital(&order.words()),
        Job::Link { order, .. } => format!("Warehouses of {}{preview}", order.subject()),
        Job::Connect { account } => format!("Connection of {account}"),
        Job::Mapping { .. } => "Report of mappings".into(),
    }
}

/// How a run stands, in words.
pub(super) const fn state(state: RunState) -> (Tone, &'static str) {
    match state {
        RunState::Open => (Tone::Plain, "Being filled"),
        RunState::Waiting => (Tone::Note, "Waiting"),
        RunState::Running => (Tone::Note, "Running"),
        RunState::Done => (Tone::Good, "Done"),
        RunState::Failed => (Tone::Bad, "Failed"),
        RunState::Cancelled => (Tone::Warn, "Cancelled"),
    }
}

/// The runs, and what can be started or taken back.
pub(super) async fn list(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    let hub = &app.hub;
    let after = asked.filled("after").map(str::to_owned);
    let (runs, kept, accounts) =
        futures::try_join!(hub.list_runs(after, PAGE), hub.list_snapshots(None, SNAPSHOTS), hub.accounts())?;
    let accounts: Vec<AccountId> = accounts.keys().cloned().collect();
    let may = viewer.may(UserRole::Operator);
    let body = html! {
        div.cols.led {
            div.at-first { @if may { (starts(&viewer)) } }
            section.card.at-main {
                header { h2 { "Long jobs" } }
                div data-live="runs" {
                    @if runs.rows.is_empty() { (ui::empty(Icon::Runs, "No long job yet", "The first sync, comparisons, stock files and restores are listed here, with their progress.", None)) }
                    @else { (ui::scroll("Runs", &table(&runs.rows))) }
                }
                footer { (ui::pager("/runs", &[], asked.text("after"), runs.next.as_deref(), "Newest first")) }
            }
            div.at-rest {
                (snapshots::card(&kept.rows))
                @if may { (snapshots::edits_form(&viewer, &accounts)) }
            }
        }
    };
    Ok(viewer.page(&Head::new("Runs").lead("Long jobs with their progress, and the way back.").every(3), &body))
}

fn table(runs: &[Run]) -> Markup {
    html! {
        table.fold {
            thead { tr { th scope="col" { "What" } th scope="col" { "State" } th scope="col" { "When" } th scope="col" { "Who" } } }
            tbody { @for run in runs { @let (tone, text) = state(run.state);
                tr {
                    th scope="row" { a href={ "/runs/" (run.id) } { (title(&run.job)) } }
                    td.corner data-name="State" { (badge(tone, text)) @if !run.state.is_over() && run.progress.all > 0 { span.sub { (count(run.progress.done)) " of " (count(run.progress.all)) } } }
                    td data-name="When" { (ui::ago(run.created)) }
                    td data-name="Who" { (run.actor) }
                }
            } }
        }
    }
}

fn starts(viewer: &Viewer) -> Markup {
    html! {
        section.card {
            header { h2 { "Start" } }
            div.body.row {
                form.inline method="post" action="/runs/compare" { (viewer.token()) button.btn type="submit" { span.spin {} (icon(Icon::Sync)) "Compare all stores" } }
                form.inline method="post" action="/runs/snapshot" { (viewer.token()) button.btn type="submit" { span.spin {} (icon(Icon::Box)) "Take a snapshot" } }
                a.btn href="/stock-file" { (icon(Icon::Upload)) "Load a stock file" }
            }
        }
    }
}

/// One run.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Result<Markup, Trouble> {
    let run = app.hub.show_run(&id).await?;
    let changes = app.hub.run_changes(&id, asked.filled("after").map(str::to_owned), PAGE).await?;
    let may = viewer.may(UserRole::Operator);
    let connecting = if let Job::Connect { account } = &run.job {
        Some(set_up::progress(&app, &viewer, &run, account).await?)
    } else {
        None
    };
    let body = html! {
        div data-live="run" {
            @if let Job::Adopt { apply, .. } = &run.job { (first_sync::steps(first_step(*apply, run.state))) }
            @if let Job::Connect { .. } = &run.job { (set_up::steps(&run)) }
            section.card {
                (head(&viewer, &run, may))
                div.body.stack {
                    @match &connecting { Some(steps) => (steps), None => { @if !run.state.is_over() { (progress(&run)) } } }
                    @if !run.state.is_over() { noscript { p { a href={ "/runs/" (run.id) } { "Look again" } } } }
                    @if let Some(error) = &run.error { (ui::say(if run.state == RunState::Failed { Tone::Bad } else { Tone::Warn }, "", &super::form::capital(error))) }
                    @if run.state == RunState::Cancelled { p { "It was stopped between two steps. What it did until then stays done and is listed below." } }
                    (result(&viewer, &run, may))
                }
            }
            @if !run.faults.is_empty() { (faults(&run)) }
            @if !changes.rows.is_empty() && !matches!(&run.job, Job::Restore(restore) if !restore.apply) { (changed(&viewer, &run, &changes.rows, changes.next.as_deref(), asked.text("after"), may)) }
        }
    };
    let every = u32::from(!run.state.is_over());
    let (title, from) =
        (title(&run.job), if connecting.is_some() { ("/accounts", "Accounts") } else { ("/runs", "Runs") });
    Ok(viewer.page(&Head::new(&title).up(from.0, from.1).every(every), &body))
}

/// The step of a first sync that comes next: once its preview is there it can be applied.
fn first_step(apply: bool, state: RunState) -> usize {
    let is_done = state == RunState::Done;
    match (apply, is_done) {
        (true, true) => 3,
        (true, false) | (false, true) => 2,
        (false, false) => 1,
    }
}

fn head(viewer: &Viewer, run: &Run, may: bool) -> Markup {
    let (tone, text) = state(run.state);
    html! {
        header {
            div.row {
                (badge(tone, text))
                span.soft { "by " (run.actor) ", " (ui::ago(run.created)) @if let Some(ended) = run.ended { ", took " (length(ended.since_ms(run.created))) } }
            }
            @if may && !run.state.is_over() && !run.stopping { (viewer.button(&format!("/runs/{}/cancel", run.id), "small", Icon::Pause, "Stop it", None)) }
        }
    }
}

fn progress(run: &Run) -> Markup {
    let (done, all) = (run.progress.done, run.progress.all);
    let step = if run.progress.step.is_empty() { "starting" } else { &run.progress.step };
    let said = match (done, all) {
        (0, 0) => step.to_owned(),
        (done, 0) => format!("{step}: {}", count(done)),
        (done, all) => format!("{step}: {} of {}", count(done), count(all)),
    };
    html! {
        div.stack-s role="status" {
            p { (super::form::capital(&said)) @if run.stopping { span.warn { " (stopping after this step)" } } }
            @if all > 0 { progress aria-label="How far it is" max=(all) value=(done) {} } @else { progress aria-label="It is working" {} }
        }
    }
}

fn result(viewer: &Viewer, run: &Run, may: bool) -> Markup {
    if run.state != RunState::Done {
        return html! {};
    }
    match &run.job {
        Job::Adopt { .. } => known(run, |found: &engine::adopt::Adoption| {
            html! {
                (reports::adoption(found))
                @if found.applied { p.row { a.btn.main-act href="/items" { "See the items" } } }
                @else if may { (first_sync::apply(viewer, &run.job)) }
            }
        }),
        Job::Reconcile { .. } => known(run, reports::comparison),
        Job::Import { dry_run, .. } => known(run, |found: &engine::runs::ImportReport| {
            html! {
                (reports::import(found))
                @if *dry_run && may && found.changed > 0 { (stock_file::apply(viewer, run, found.changed)) }
            }
        }),
        Job::Feed { name, .. } => known(run, |found| {
            html! { (reports::import(found)) p { a href="/stock-feeds" { "All stock feeds" } " · " a href=(link("/stock-feeds/edit", &[("name", name)])) { "Settings of " (name) } } }
        }),
        Job::Snapshot => {
            html! { p { "The levels are kept." } p { a href={ "/snapshots/" (run.id) } { "Look at the snapshot" } } }
        }
        Job::Restore(restore) => known(run, |found: &engine::runs::RestoreReport| {
            html! {
                (reports::restore(found))
                @if !found.applied && may && found.changed > 0 { (snapshots::apply(viewer, restore)) }
            }
        }),
        Job::Settings { .. } => known(run, |found: &engine::settings::SettingsReport| {
            html! { p { (ui::counted(found.items, "item", "items")) ", " (ui::counted(found.changes, "level", "levels")) @if found.applied { " changed." } @else { " would change." } } }
        }),
        Job::Change { filter, .. } => {
            known(run, |found: &engine::bulk::BulkReport| bulk::report(viewer, run, filter, found, may))
        }
        Job::Group { order: GroupOrder::Remove { .. } } => known(run, |found: &engine::settings::SettingsReport| {
            html! { p { (ui::counted(found.items, "item was", "items were")) " in it; " (ui::counted(found.changes, "level changes", "levels change")) "." } p { a href="/rules" { "Rules and groups" } } }
        }),
        Job::Group { .. } => {
            html! { p { "The stores of its items follow." } p { a href="/rules" { "Rules and groups" } } }
        }
        Job::Link { .. } => known(run, |found: &engine::locations::Linking| {
            html! { p { (ui::counted(found.skus, "SKU", "SKUs")) ", " (ui::counted(found.will_change, "level", "levels")) @if found.applied { " changed." } @else { " would change." } } }
        }),
        // its steps say it
        Job::Connect { .. } => html! {},
        Job::Mapping { .. } => html! { p.soft { "It is shown with each account, under “Products and mapping”." } },
    }
}

/// What a run came to, as what it must be; a word when it is not.
fn known<T: DeserializeOwned>(run: &Run, show: impl FnOnce(&T) -> Markup) -> Markup {
    let read = run.result.clone().and_then(|value| serde_json::from_value::<T>(value).ok());
    read.map_or_else(|| html! { p.soft { "It came to its end." } }, |found| show(&found))
}

fn faults(run: &Run) -> Markup {
    let shown = run.faults.get(..run.faults.len().min(FAULTS)).unwrap_or_default();
    let (first, more) = shown.split_at(shown.len().min(FIRST));
    html! {
        section.card {
            header { div {
                h2 { (ui::counted(run.faults_total, "thing", "things")) " that could not be done" }
                @if let Job::Import { .. } = run.job { p { "The other lines are not held up by them. Correct these in the file and load it again." } }
            } }
            (fault_list(first))
            @if !more.is_empty() { details { summary { (ui::counted(more.len() as u64, "more", "more")) } (fault_list(more)) } }
            @if run.faults_total > FAULTS as u64 { footer { span.soft { "The first " (FAULTS) " are shown." } } }
        }
    }
}

fn fault_list(all: &[Fault]) -> Markup {
    html! { ul.todo { @for fault in all { li { span.dot.bad {} div { p.strong { (fault.place) } p.soft { (fault.message) } } } } } }
}

fn changed(viewer: &Viewer, run: &Run, rows: &[RunDone], next: Option<&str>, after: &str, may: bool) -> Markup {
    let table = html! {
        table {
            thead { tr { th scope="col" { "SKU" } th.num scope="col" { "Before" } th.num scope="col" { "After" } } }
            tbody { @for row in rows { tr {
                th scope="row" { a.sku href=(link("/item", &[("sku", row.sku.as_str())])) { (row.sku) } }
                td.num { (number(row.before)) } td.num.strong { (number(row.after)) }
            } } }
        }
    };
    html! {
        section.card {
            header {
                h2 { (if run.job.is_preview() { "What it would change" } else { "What it changed" }) }
                @if may && run.state.is_over() && !run.job.is_preview() {
                    form.inline method="post" action="/runs/restore" {
                        (viewer.token())
                        input type="hidden" name="preview" value="1";
                        input type="hidden" name="run" value=(run.id);
                        button.btn.small type="submit" { span.spin {} "Take this run back …" }
                    }
                }
            }
            (ui::scroll("What it changed", &table))
            footer { (ui::pager(&format!("/runs/{}", run.id), &[], after, next, "In the order it was done")) }
        }
    }
}

/// Asks a run to stop.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Sent(_): Sent,
) -> Result<Response, Trouble> {
    app.hub.cancel_run(&id).await?;
    Ok(done(&format!("/runs/{id}"), "It stops before its next step. What it did stays done."))
}

/// Starts a run and leads to its page.
pub(super) async fn start(app: &App, viewer: &Viewer, job: Job) -> Result<Response, Error> {
    let run = app.hub.start_run(job, &viewer.caller.name).await?;
    Ok(Redirect::to(&format!("/runs/{}", run.id)).into_response())
}

/// Compares all stores, or one.
pub(super) async fn compare(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let account =
        sent.filled("account").map(AccountId::new).transpose().map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(start(&app, &viewer, Job::Reconcile { account, dry_run: sent.ticked("preview"), quick: false }).await?)
}

/// Keeps the levels of now.
pub(super) async fn snapshot(State(app): State<Arc<App>>, viewer: Viewer, Sent(_): Sent) -> Result<Response, Trouble> {
    Ok(start(&app, &viewer, Job::Snapshot).await?)
}
