//! What happened on a day, and what waits.

use super::days::Day;
use super::feed;
use super::gate::{Asked, Sent, Trouble, done};
use super::icons::Icon;
use super::layout::{Head, Viewer};
use super::ui::{self, count};
use crate::App;
use axum::extract::State;
use axum::response::Response;
use domain::AccountId;
use engine::Error;
use engine::dead::DeadLetter;
use engine::people::UserRole;
use http::HeaderMap;
use maud::{Markup, html};
use std::sync::Arc;

/// Lines of one page.
const PAGE: usize = 50;
/// Dead messages put back at once.
const REDRIVEN: usize = 1_000;

/// The history of a day, of all stores or one.
pub(super) async fn history(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    headers: HeaderMap,
    Asked(asked): Asked,
) -> Result<Markup, Trouble> {
    let day = Day::asked(&asked, &headers, app.hub.clock.now())?;
    let account =
        asked.filled("account").map(AccountId::new).transpose().map_err(|error| Error::Invalid(error.to_string()))?;
    let after = asked.filled("after").map(str::to_owned);
    let page = app.hub.history_between(day.span, account.as_ref(), after, PAGE).await?;
    let name = account.as_ref().map_or("", AccountId::as_str);
    let accounts = app.hub.accounts().await?;
    let mut options = vec![(String::new(), "All stores".to_owned())];
    options.extend(accounts.keys().map(|id| (id.to_string(), id.to_string())));
    let same = day.parameters();
    let same: Vec<(&str, &str)> =
        same.iter().map(|(key, text)| (*key, text.as_str())).chain([("account", name)]).collect();
    let body = html! {
        section.card {
            header {
                form.filters method="get" action="/history" data-days {
                    (day.field())
                    (ui::select("account", "Store", name, &options))
                    button.btn type="submit" { "Show" }
                }
            }
            div data-live="history" {
                @if page.rows.is_empty() { (ui::empty(Icon::History, "Nothing on this day", "Sales, edits and writes to stores are listed here by the day, for 90 days.", None)) }
                @else { (feed::list(&page.rows, true)) }
            }
            footer { (ui::pager("/history", &same, asked.text("after"), page.next.as_deref(), "Newest first")) }
        }
    };
    Ok(viewer.page(
        &Head::new("History")
            .lead("Everything that was counted and written, and why.")
            .actions(day.around("/history", &[("account", name)]))
            .every(8),
        &body,
    ))
}

/// What waits, by account, and what failed too often.
pub(super) async fn queue(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    let (view, dead) = futures::try_join!(app.hub.queues(), app.hub.dead_letters())?;
    let may = viewer.may(UserRole::Operator);
    let body = html! {
        div data-live="queue" {
            dl.tiles {
                div.tile { dt { "Changes to look at" } dd { (count(view.changes.waiting)) small { " + " (count(view.changes.in_flight)) " in hand" } } }
                div.tile { dt { "Bulk work called up" } dd { (count(view.lane.waiting)) small { " + " (count(view.lane.in_flight)) " in hand" } } }
                div.tile { dt { "Failed too often" } dd class=(if view.dead.waiting > 0 { "bad" } else { "" }) { (count(view.dead.waiting)) } }
            }
            @if view.dead.waiting > 0 {
                div.say.warn {
                    (super::icons::icon(Icon::Alert))
                    div { p.title { (ui::counted(view.dead.waiting, "message", "messages")) " could not be worked on in six tries" }
                        p { "Look at the accounts’ health for the cause. Once it is gone, put them back: each only says which SKU to look at, so nothing is counted twice." } }
                    @if may { div.actions { (viewer.button("/queue/redrive", "small", Icon::Sync, "Put them back", None)) } }
                }
            }
            @if !dead.is_empty() { (letters(&dead)) }
            section.card {
                header { div { h2 { "Waiting for a store" } p { "Work that a store’s limits or an outage made wait. It goes on by itself, most urgent first." } } }
                @if view.waiting.values().all(|rows| *rows == 0) { (nothing_waits(view.changes.waiting + view.changes.in_flight)) }
                @else {
                    table {
                        thead { tr { th scope="col" { "Store" } th.num scope="col" { "Pieces of work" } } }
                        tbody { @for (account, rows) in view.waiting.iter().filter(|(_, rows)| **rows > 0) {
                            tr { th scope="row" { a href={ "/accounts/" (account) } { (account) } } td.num { (count(*rows)) @if *rows >= 1_000 { " or more" } } }
                        } }
                    }
                }
            }
        }
    };
    Ok(viewer.page(&Head::new("Queue").lead("What is on its way, and what got stuck.").every(3), &body))
}

/// Where no work waits for its turn; changes may wait to be looked at all the same.
fn nothing_waits(changes: u64) -> Markup {
    match changes {
        0 => ui::empty(Icon::Queue, "Nothing waits", "Every store has what it shall have.", None),
        _ => {
            let said = "What a store does not answer to is tried again by itself, a little later each time.";
            let title = ui::counted(changes, "change is being looked at", "changes are being looked at");
            ui::empty(Icon::Queue, &title, said, None)
        }
    }
}

/// What failed too often, and why.
fn letters(dead: &[DeadLetter]) -> Markup {
    let table = html! {
        table.fold {
            thead { tr { th scope="col" { "About" } th scope="col" { "Store" } th scope="col" { "Why it failed" } th scope="col" { "When" } } }
            tbody { @for letter in dead { tr {
                th scope="row" { (letter.about) }
                td data-name="Store" { @match &letter.account { Some(account) => a href={ "/accounts/" (account) } { (account) }, None => span.soft { "–" } } }
                td.whole data-name="Why it failed" { (super::form::capital(&letter.reason)) }
                td data-name="When" { (ui::ago(letter.at)) }
            } } }
        }
    };
    html! { section.card { header { h2 { "Failed too often" } } (ui::scroll("Failed too often", &table)) } }
}

/// Puts dead messages back.
pub(super) async fn redrive(State(app): State<Arc<App>>, Sent(_): Sent) -> Result<Response, Trouble> {
    let moved = app.hub.redrive(REDRIVEN).await?;
    Ok(done("/queue", &format!("{} put back.", ui::counted(moved as u64, "message", "messages"))))
}

/// Every place there is: what does not fit at the bottom of a phone.
pub(super) async fn menu(viewer: Viewer) -> Markup {
    let body = html! { section.card { div.body { nav.nav aria-label="All pages" { (viewer.groups()) } } } };
    std::future::ready(viewer.page(&Head::new("Menu"), &body)).await
}
