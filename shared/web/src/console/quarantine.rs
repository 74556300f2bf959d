//! What a guard has seen of an account, and what a person decides: release believes the store, discard sets it back.

use super::accounts::read;
use super::form::link;
use super::gate::{Asked, Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::reports;
use super::ui::{self, Tone, badge, number, signed};
use crate::App;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::{AccountId, Sku};
use engine::Error;
use engine::people::UserRole;
use engine::quarantine::{QuarantineView, Suspect, Verdict};
use maud::{Markup, html};
use std::sync::Arc;

/// Rows of one page.
const PAGE: usize = 100;

/// What was seen.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Result<Markup, Trouble> {
    let id = read(&id)?;
    let view = app.hub.quarantine_of(&id, asked.filled("after").map(str::to_owned), PAGE).await?;
    let may = viewer.may(UserRole::Operator);
    let (to, title) = (format!("/accounts/{id}"), format!("Quarantine of {id}"));
    let body = match &view.why {
        None => {
            html! { section.card { (ui::empty(Icon::Check, "This account is not in quarantine", "What it shows is believed, and it is written.", Some((&to, "Back to the account")))) } }
        }
        Some(why) => suspects(&viewer, &id, why, &view, asked.text("after"), may),
    };
    Ok(viewer.page(
        &Head::new(&title).lead("Too much stock vanished at once to be believed without asking.").up(&to, id.as_str()),
        &body,
    ))
}

fn suspects(viewer: &Viewer, id: &AccountId, why: &str, view: &QuarantineView, after: &str, may: bool) -> Markup {
    let path = format!("/accounts/{id}/quarantine");
    html! {
        (ui::say(Tone::Bad, "Nothing is read from or written to this store", why))
        section.card {
            form method="post" action=(path) {
                (viewer.token())
                header {
                    div { h2 { "What was seen" } p { "Tick some to decide about them only; none ticked means all." } }
                    @if may {
                        div.row {
                            button.btn type="submit" name="verdict" value="discard" data-confirm="Set the store back to the levels that Evenstock knows?" { (icon(Icon::Sync)) "Set the store back" }
                            button.btn.main-act type="submit" name="verdict" value="release" data-confirm="Believe the store? What it shows becomes the stock, everywhere." { (icon(Icon::Check)) "The store is right: release" }
                        }
                    }
                }
                @if view.suspects.rows.is_empty() { (ui::empty(Icon::Shield, "Nothing is left to decide one by one", "Release or set back the account as a whole.", None)) }
                @else { (ui::scroll("What was seen", &table(&view.suspects.rows, may))) }
            }
            footer { (ui::pager(&path, &[], after, view.suspects.next.as_deref(), "By SKU")) }
        }
    }
}

fn table(rows: &[Suspect], may: bool) -> Markup {
    html! {
        table.fold {
            thead { tr {
                @if may { th scope="col" { label { input type="checkbox" data-all="sku" aria-label="All of this page"; } } }
                th scope="col" { "SKU" } th.num scope="col" { "Known" } th.num scope="col" { "Seen" } th.num scope="col" { "Counted before" } th scope="col" { "When" } th scope="col" { "Decision" }
            } }
            tbody { @for row in rows { tr {
                @if may { td { @if row.verdict.is_none() { input type="checkbox" name="sku" value=(row.sku) aria-label={ "Choose " (row.sku) }; } } }
                th scope="row" { a.sku href=(link("/item", &[("sku", row.sku.as_str())])) { (row.sku) } }
                td.num data-name="Known" { (number(row.known)) }
                td.num.strong data-name="Seen" { @match row.seen { Some(level) => (number(level)), None => span.soft { "gone" } } }
                td class=(reports::figure(row.counted == 0)) data-name="Counted before" { (signed(row.counted)) }
                td data-name="When" { (ui::ago(row.at)) }
                td.corner { (verdict(row.verdict)) }
            } } }
        }
    }
}

fn verdict(verdict: Option<Verdict>) -> Markup {
    match verdict {
        None => badge(Tone::Warn, "open"),
        Some(Verdict::Release) => badge(Tone::Good, "believed"),
        Some(Verdict::Discard) => badge(Tone::Note, "set back"),
    }
}

/// Decides.
pub(super) async fn judge(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    let verdict = match sent.text("verdict") {
        "release" => Verdict::Release,
        "discard" => Verdict::Discard,
        other => return Err(Error::Invalid(format!("{other:?} is no decision")).into()),
    };
    let skus: Vec<Sku> = sent
        .all("sku")
        .map(|sku| Sku::new(sku).map_err(|error| Error::Invalid(error.to_string())))
        .collect::<Result<_, _>>()?;
    let some = (!skus.is_empty()).then_some(skus.as_slice());
    let judged = app.hub.judge_quarantine(&id, verdict, some, &viewer.caller.name).await?;
    let listings = ui::counted(judged.listings, "listing", "listings");
    let (to, said) = if judged.lifted {
        (format!("/accounts/{id}"), format!("Decided about {listings}. {id} is believed and written again."))
    } else {
        (format!("/accounts/{id}/quarantine"), format!("Decided about {listings}; the others wait for you."))
    };
    Ok(done(&to, &said))
}
