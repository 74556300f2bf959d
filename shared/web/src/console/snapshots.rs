//! Snapshots, and taking edits back: shown first, then done; what was sold since then stays counted.

use super::form::{Fields, link};
use super::gate::{Asked, Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::runs;
use super::ui::{self, Input, number};
use crate::App;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::{AccountId, Sku, Timestamp};
use engine::Error;
use engine::people::UserRole;
use engine::runs::{Job, Restore};
use engine::snapshots::{Snapshot, SnapshotLevels};
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The farthest that edits are taken back by minutes: the history goes no farther, minutes.
const MINUTES_MAX: i64 = 90 * 24 * 60;
const MINUTE_MS: i64 = 60_000;

/// The newest snapshots.
pub(super) fn card(snapshots: &[Snapshot]) -> Markup {
    html! {
        section.card {
            header { div { h2 { "Snapshots" } p { "Levels as they were, kept for 90 days." } } }
            @if snapshots.is_empty() { (ui::empty(Icon::Box, "None yet", "One is taken before everything bulky, and whenever you ask for it.", None)) }
            @else { ul.todo { @for snapshot in snapshots {
                li { div {
                    p.strong { a href={ "/snapshots/" (snapshot.id) } { (ui::time(snapshot.at)) } }
                    p.soft { (ui::counted(snapshot.skus, "SKU", "SKUs")) ", " (why(snapshot)) }
                } }
            } } }
        }
    }
}

/// What a snapshot was taken for, and by whom.
fn why(snapshot: &Snapshot) -> String {
    let what = match snapshot.why.as_str() {
        "snapshot" => "because it was asked for".to_owned(),
        "adopt" => "before a first sync".to_owned(),
        "import" => "before a stock file".to_owned(),
        other => format!("before a {other}"),
    };
    format!("{what} by {}", snapshot.actor)
}

/// Taking back what was edited lately.
pub(super) fn edits_form(viewer: &Viewer, accounts: &[AccountId]) -> Markup {
    html! {
        details.card #edits {
            summary { "Undo edits …" }
            form.body method="post" action="/runs/restore" {
                (viewer.token())
                input type="hidden" name="preview" value="1";
                p.help { "Edits are undone; what was sold since then stays counted. You see first what would change." }
                br;
                (Input::text("minutes", "Edited in the last … minutes").kind("number").value("60").field(None))
                (narrow(accounts))
                (ui::submit("Preview"))
            }
        }
    }
}

/// Taking back what was edited of one item.
pub(super) fn item_form(viewer: &Viewer, sku: &Sku) -> Markup {
    html! {
        details.card #undo {
            summary { "Undo edits …" }
            form.body method="post" action="/runs/restore" {
                (viewer.token())
                input type="hidden" name="preview" value="1";
                input type="hidden" name="sku" value=(sku);
                (Input::text("minutes", "Edited in the last … minutes").kind("number").value("60").help("What was sold since then stays counted. You see first what would change.").field(None))
                (ui::submit("Preview"))
            }
        }
    }
}

/// What makes a restore smaller.
fn narrow(accounts: &[AccountId]) -> Markup {
    let places = [(String::new(), "every place".to_owned()), ("hub".to_owned(), "Evenstock itself".to_owned())];
    let places: Vec<(String, String)> = places.into_iter().chain(accounts.iter().map(named)).collect();
    html! {
        (Input::text("prefix", "Only SKUs that begin with").optional().field(None))
        (ui::select("account", "Only what was edited in", "", &places))
    }
}

fn named(account: &AccountId) -> (String, String) {
    (account.to_string(), account.to_string())
}

/// One snapshot.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Result<Markup, Trouble> {
    let snapshot = app.hub.snapshot_of(&id).await?;
    let levels = app.hub.snapshot_levels(&id, asked.filled("after").map(str::to_owned)).await?;
    let may = viewer.may(UserRole::Operator);
    let accounts: Vec<AccountId> = app.hub.accounts().await?.keys().cloned().collect();
    let path = format!("/snapshots/{id}");
    let body = html! {
        div.cols {
            section.card {
                header { h2 { "Levels at " (ui::time(snapshot.at)) } span.soft.small { "Taken " (why(&snapshot)) } }
                @if levels.rows.is_empty() { (ui::empty(Icon::Box, "It is empty", "The hub knew no SKU at that time.", None)) }
                @else { (ui::scroll("Levels in it", &table(&levels.rows))) }
                footer { (ui::pager(&path, &[], asked.text("after"), levels.next.as_deref(), &ui::counted(snapshot.skus, "SKU", "SKUs"))) }
            }
            @if may { div { (restore_form(&viewer, &snapshot, &accounts)) (remove_form(&viewer, &path)) } }
        }
    };
    Ok(viewer.page(&Head::new("Snapshot").lead("Levels as they were at one moment.").up("/runs", "Runs"), &body))
}

fn table(rows: &[SnapshotLevels]) -> Markup {
    let accounts: BTreeSet<&AccountId> =
        rows.iter().flat_map(|row| row.stores.keys().map(|listing| &listing.account)).collect();
    let in_store = |row: &SnapshotLevels, account: &AccountId| {
        let known = row.stores.iter().filter(|(listing, _)| listing.account == *account);
        known.filter_map(|(_, level)| *level).reduce(i64::saturating_add)
    };
    html! {
        table.fold {
            thead { tr { th scope="col" { "SKU" } th.num scope="col" { "Hub" } @for account in &accounts { th.num scope="col" { (account) } } } }
            tbody { @for row in rows { tr {
                th scope="row" { a.sku href=(link("/item", &[("sku", row.sku.as_str())])) { (row.sku) } }
                td.num.strong data-name="Hub" { @if row.hub.is_empty() { span.soft { "–" } } @else { (number(row.hub.values().sum())) } }
                @for account in &accounts {
                    td.num data-name=(account) { @match in_store(row, account) { Some(level) => (number(level)), None => span.soft { "–" } } }
                }
            } } }
        }
    }
}

fn restore_form(viewer: &Viewer, snapshot: &Snapshot, accounts: &[AccountId]) -> Markup {
    let stores = ui::and_more("", "those of now", accounts.iter().map(named));
    html! {
        section.card {
            header { div { h2 { "Go back to it" } p { "Every edit since then is undone; what was sold since then stays counted." } } }
            form.body method="post" action="/runs/restore" {
                (viewer.token())
                input type="hidden" name="preview" value="1";
                input type="hidden" name="snapshot" value=(snapshot.id);
                (narrow(accounts))
                (ui::select("levels_of", "Begin from the levels of", "", &stores))
                p.help { "After a first sync that went the wrong way: the levels that this store had in the snapshot become the stock." }
                p.row { (ui::submit("Preview")) span.soft.small { "Nothing changes yet." } }
            }
        }
    }
}

fn remove_form(viewer: &Viewer, path: &str) -> Markup {
    html! {
        section.card { div.body.stack-s {
            p.soft { "A snapshot goes by itself after 90 days." }
            div { (viewer.button(path, "small danger", Icon::Bin, "Remove this snapshot", Some("Remove this snapshot? Nothing else changes."))) }
        } }
    }
}

/// Removes a snapshot.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Sent(_): Sent,
) -> Result<Response, Trouble> {
    app.hub.drop_snapshot(&id).await?;
    Ok(done("/runs", "The snapshot is removed."))
}

/// The way from the preview of a restore to the restore.
pub(super) fn apply(viewer: &Viewer, restore: &Restore) -> Markup {
    let text = serde_json::to_string(restore).unwrap_or_default();
    html! {
        form.row method="post" action="/runs/restore" data-confirm="Move these levels now? The stores follow." {
            (viewer.token())
            input type="hidden" name="restore" value=(text);
            button.btn.main-act type="submit" { span.spin {} (icon(Icon::Check)) "Apply the restore" }
            span.soft.small { "A snapshot is taken before, so this can be taken back too." }
        }
    }
}

/// Shows what a restore would do, or does it.
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let wanted = match sent.filled("restore") {
        Some(text) => {
            let again = |_| Error::Invalid("that preview cannot be read any more; make it again".into());
            Restore { apply: true, ..serde_json::from_str(text).map_err(again)? }
        }
        None => wanted(&sent, app.hub.clock.now())?,
    };
    Ok(runs::start(&app, &viewer, Job::Restore(wanted)).await?)
}

fn wanted(sent: &Fields, now: Timestamp) -> Result<Restore, Error> {
    let minutes = sent.maybe_number("minutes").map_err(|wrong| Error::Invalid(format!("minutes: {}", wrong.said)))?;
    if minutes.is_some_and(|minutes| !(1..=MINUTES_MAX).contains(&minutes)) {
        return Err(Error::Invalid(format!("minutes: use 1 to {MINUTES_MAX}; the history goes no farther")));
    }
    let account = |name: &str| {
        let read = sent.filled(name).map(AccountId::new).transpose();
        read.map_err(|error| Error::Invalid(format!("{name}: {error}")))
    };
    Ok(Restore {
        snapshot: sent.filled("snapshot").map(str::to_owned),
        run: sent.filled("run").map(str::to_owned),
        time: minutes.map(|minutes| now.plus_ms(-minutes * MINUTE_MS)),
        items: match sent.raw("sku") {
            "" => Vec::new(),
            sku => vec![Sku::new(sku).map_err(|error| Error::Invalid(error.to_string()))?],
        },
        prefix: sent.filled("prefix").map(str::to_owned),
        account: account("account")?,
        levels_of: account("levels_of")?,
        ..Restore::default()
    })
}
