//! Which units of a store are which SKUs: what does not match, linked by hand; and units that were renamed in their store.

use super::accounts::read;
use super::form::{Fields, link};
use super::gate::{Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::rules;
use super::ui::{self, Input, Tone, badge, count};
use crate::App;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::{AccountId, ListingId, Sku};
use engine::Error;
use engine::adopt::Silent;
use engine::mapping::{AccountMapping, LinkReport, MappingRow, Problem, Proposal};
use engine::people::UserRole;
use maud::{Markup, html};
use std::sync::Arc;

/// Rows shown.
const LINES: usize = 200;

/// What is not as it should be, in words.
const fn problem(problem: Problem) -> (Tone, &'static str) {
    match problem {
        Problem::Duplicate => (Tone::Bad, "SKU used twice"),
        Problem::Case => (Tone::Warn, "Differs by case"),
        Problem::Spaces => (Tone::Warn, "Differs by spaces"),
        Problem::Signs => (Tone::Warn, "Differs by dashes and the like"),
        Problem::Unmapped => (Tone::Note, "Not known here"),
        Problem::NoSku => (Tone::Plain, "Without a SKU"),
    }
}

fn path(id: &AccountId) -> String {
    format!("/accounts/{id}/mapping")
}

/// What is known without reading the store.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Markup, Trouble> {
    let id = read(&id)?;
    app.hub.connected(&id).await?;
    show(&app, &viewer, &id, None).await
}

async fn show(app: &App, viewer: &Viewer, id: &AccountId, found: Option<&AccountMapping>) -> Result<Markup, Trouble> {
    let mut proposals = app.hub.proposals().await?;
    proposals.retain(|proposal| proposal.account == *id && !proposal.declined);
    let may = viewer.may(UserRole::Operator);
    let body = html! {
        @if !proposals.is_empty() { (renamed(viewer, id, &proposals, may)) }
        div.cols {
            @match found {
                None => (invitation(viewer, id, may)),
                Some(found) => (report(viewer, id, found, may)),
            }
            @if may { (link_form(viewer, id)) }
        }
    };
    let (up, title) = (format!("/accounts/{id}"), format!("Products of {id}"));
    Ok(viewer.page(
        &Head::new(&title).lead("Products match by SKU; where they do not, link them here.").up(&up, id.as_str()),
        &body,
    ))
}

fn invitation(viewer: &Viewer, id: &AccountId, may: bool) -> Markup {
    html! {
        section.card {
            div.empty {
                (icon(Icon::Search))
                h2 { "Find what does not match" }
                p { "Reads every product of the store: SKUs that are used twice, nearly the same, not known here, or missing. Nothing is changed." }
                @if may { div.actions { (button(viewer, id, "look", "Read the store", &[])) } }
            }
        }
    }
}

/// A form of one button, with what it is about.
fn button(viewer: &Viewer, id: &AccountId, act: &str, label: &str, fields: &[(&str, &str)]) -> Markup {
    let class = if act == "look" { "btn main-act" } else { "btn small" };
    html! {
        form.inline method="post" action=(path(id)) {
            (viewer.token())
            input type="hidden" name="preview" value="1";
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button class=(class) type="submit" name="do" value=(act) { span.spin {} (label) }
        }
    }
}

fn report(viewer: &Viewer, id: &AccountId, found: &AccountMapping, may: bool) -> Markup {
    let open: u64 = found.problems.values().sum();
    html! {
        section.card {
            div.body.stack {
                @if let Some(error) = &found.error { (ui::say(Tone::Bad, "The store was not read", error)) }
                dl.tiles {
                    (ui::tile("Products", &count(found.units)))
                    (ui::tile("Matched", &count(found.mapped)))
                    @for (kind, many) in &found.problems { (ui::tile(problem(*kind).1, &count(*many))) }
                }
                @if found.error.is_none() && open == 0 { (ui::say(Tone::Good, "", "Every product is matched.")) }
            }
            @if !found.rows.is_empty() { (ui::scroll("What does not match", &table(viewer, id, &found.rows, may))) }
            @if open > found.rows.len().min(LINES) as u64 { footer { span.soft { "The first " (found.rows.len().min(LINES)) " of " (count(open)) " are shown." } } }
        }
    }
}

fn table(viewer: &Viewer, id: &AccountId, rows: &[MappingRow], may: bool) -> Markup {
    html! {
        table.fold {
            thead { tr { th scope="col" { "Product" } th scope="col" { "What is wrong" } th scope="col" { "Probably" } th scope="col" { span.hidden { "Do" } } } }
            tbody { @for row in rows.iter().take(LINES) { @let (tone, text) = problem(row.problem);
                tr {
                    th scope="row" { @match &row.sku { Some(sku) => span.sku { (sku) }, None => span.soft { "no SKU" } } span.sub { (row.title) } span.sub.mono { (row.external) } }
                    td data-name="What is wrong" { (badge(tone, text)) }
                    td data-name="Probably" { @if let Some(near) = &row.near { a.sku href=(link("/item", &[("sku", near.as_str())])) { (near) } } @else { span.soft { "–" } } }
                    td { @if let (Some(near), true) = (&row.near, may) { (button(viewer, id, "link", "Link …", &[("external", &row.external), ("sku", near.as_str())])) } }
                }
            } }
        }
    }
}

fn renamed(viewer: &Viewer, id: &AccountId, proposals: &[Proposal], may: bool) -> Markup {
    html! {
        section.card {
            header { div { h2 { "Has another SKU in the store now" } p { "Is it still the same product? If so it goes on under its new name there." } } }
            ul.todo { @for proposal in proposals {
                li.between {
                    div {
                        p { a.sku href=(link("/item", &[("sku", proposal.sku.as_str())])) { (proposal.sku) } " is now " @match &proposal.now { Some(sku) => span.sku { (sku) }, None => "without a SKU" } }
                        p.soft { "Product " span.mono { (proposal.external) } ", seen " (ui::ago(proposal.at)) }
                    }
                    @if may { div.row {
                        (button(viewer, id, "same", "It is the same", &[("external", &proposal.external)]))
                        (button(viewer, id, "another", "It is another", &[("external", &proposal.external)]))
                    } }
                }
            } }
        }
    }
}

fn link_form(viewer: &Viewer, id: &AccountId) -> Markup {
    html! {
        section.card {
            header { div { h2 { "Link a product" } p { "Where the store spells the SKU in its own way." } } }
            form.body method="post" action=(path(id)) {
                (viewer.token())
                input type="hidden" name="preview" value="1";
                (Input::text("external", "The store’s own number of it").help("As “Find what does not match” shows it.").field(None))
                (Input::text("sku", "Our SKU").help("One that is not known yet becomes an item.").field(None))
                button.btn.main-act type="submit" name="do" value="link" { span.spin {} "Preview" }
            }
        }
    }
}

/// Reads the store, shows or makes a link, takes one away, or answers whether a product is the same.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let (id, actor, apply) = (read(&id)?, &viewer.caller.name, sent.ticked("apply"));
    let external = sent.text("external");
    let report = match sent.text("do") {
        "look" => {
            let found = app.hub.mapping(Some(&id), &Silent).await?.remove(&id).unwrap_or_default();
            return Ok(show(&app, &viewer, &id, Some(&found)).await?.into_response());
        }
        "link" => app.hub.link(&id, external, &sku(&sent)?, apply, actor).await?,
        "unlink" => {
            let listing = ListingId::try_from(sent.text("listing").to_owned());
            let listing = listing.map_err(|error| Error::Invalid(error.to_string()))?;
            app.hub.unlink(&sku(&sent)?, &listing, apply, actor).await?
        }
        answer @ ("same" | "another") => {
            let answered = app.hub.answer_proposal(&id, external, answer == "same", actor).await?;
            return Ok(done(&path(&id), &format!("{}: noted.", answered.sku)));
        }
        other => return Err(Error::Invalid(format!("{other:?} is nothing that can be done")).into()),
    };
    if apply {
        let to = link("/item", &[("sku", report.sku.as_str())]);
        return Ok(done(
            &to,
            if report.gains.is_empty() {
                "Taken out; what it counted stays counted."
            } else {
                "Linked; the store follows."
            },
        ));
    }
    Ok(preview(&viewer, &id, &sent, &report).into_response())
}

fn sku(sent: &Fields) -> Result<Sku, Error> {
    Sku::new(sent.text("sku")).map_err(|error| Error::Invalid(error.to_string()))
}

fn preview(viewer: &Viewer, id: &AccountId, sent: &Fields, report: &LinkReport) -> Markup {
    let title = if report.gains.is_empty() {
        format!("Take {} out of {id}?", report.sku)
    } else {
        format!("Link {} in {id}?", report.sku)
    };
    let all = |listings: &[ListingId]| listings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let body = html! {
        section.card {
            div.body.stack {
                dl.facts {
                    dt { "Item" } dd { span.sku { (report.sku) } }
                    @if !report.gains.is_empty() { dt { "Is then also" } dd { (all(&report.gains)) @if !sent.text("external").is_empty() { ", product " span.mono { (sent.text("external")) } } } }
                    @if !report.loses.is_empty() { dt { "Is no longer" } dd { (all(&report.loses)) } dt { "What it counted" } dd { "stays counted" } }
                }
                @if report.changes.is_empty() { p.soft { "No level in a store changes by it." } }
            }
            @if !report.changes.is_empty() { (rules::targets(&report.changes)) }
            footer.acts {
                form.inline method="post" action=(path(id)) {
                    (viewer.token())
                    @for name in ["do", "external", "sku", "listing"] { input type="hidden" name=(name) value=(sent.text(name)); }
                    input type="hidden" name="apply" value="1";
                    button.btn.main-act type="submit" { span.spin {} (icon(Icon::Check)) "Apply" }
                }
                a.btn href=(link("/item", &[("sku", report.sku.as_str())])) { "Leave it as it is" }
            }
        }
    };
    viewer.page(&Head::new(&title).up(&path(id), "Products"), &body)
}

/// The way to take a listing out of its item, with a preview.
pub(super) fn unlink_button(viewer: &Viewer, sku: &Sku, listing: &ListingId) -> Markup {
    let (text, label) = (listing.to_string(), format!("Unlink … {sku} in {}", listing.account));
    html! {
        form.inline method="post" action=(path(&listing.account)) {
            (viewer.token())
            input type="hidden" name="preview" value="1";
            input type="hidden" name="sku" value=(sku);
            input type="hidden" name="listing" value=(text);
            button.btn.small.quiet type="submit" name="do" value="unlink" aria-label=(label) { "Unlink …" }
        }
    }
}
