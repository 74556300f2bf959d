//! Kits: what an item is made of, shown before it is changed.

use super::form::{Fields, Wrong, link};
use super::gate::{Asked, Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::item::sku;
use super::layout::{Head, Viewer};
use super::rules;
use super::ui::{self, Input, Tone, number};
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::Sku;
use engine::Error;
use engine::kits::KitReport;
use http::StatusCode;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The parts of an item, on its own page.
pub(super) fn card(sku: &Sku, parts: &BTreeMap<Sku, i64>, kits: &BTreeMap<Sku, i64>, may: bool) -> Markup {
    html! {
        section.card {
            header { div { h2 { "Kit" } p { "A kit shows what its parts are enough for, and takes them when it is sold." } } }
            div.body.stack-s {
                @if !parts.is_empty() { p { "Made of " (list(parts)) "." } }
                @if !kits.is_empty() { p { "Part of " (list(kits)) "." } }
                @if parts.is_empty() && kits.is_empty() { p.soft { "It is no kit, and part of none." } }
                @if may { p { a.btn.small href=(link("/item/kit", &[("sku", sku.as_str())])) { (if parts.is_empty() { "Make it a kit" } else { "Change its parts" }) } } }
            }
        }
    }
}

fn list(all: &BTreeMap<Sku, i64>) -> Markup {
    html! {
        @for (at, (sku, each)) in all.iter().enumerate() {
            @if at > 0 { ", " }
            (number(*each)) " × " a.sku href=(link("/item", &[("sku", sku.as_str())])) { (sku) }
        }
    }
}

/// The form of an item's parts.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    let item = app.hub.show_item(&sku(&asked)?).await?;
    let lines: Vec<String> = item.parts.iter().map(|(part, each)| format!("{each} {part}")).collect();
    Ok(form(&viewer, &item.sku, &lines.join("\n"), None))
}

fn form(viewer: &Viewer, sku: &Sku, parts: &str, wrong: Option<&Wrong>) -> Markup {
    let (to, title) = (link("/item", &[("sku", sku.as_str())]), format!("What {sku} is made of"));
    let body = html! {
        section.card { form.body method="post" action="/item/kit" {
            (viewer.token())
            input type="hidden" name="sku" value=(sku);
            input type="hidden" name="preview" value="1";
            @if let Some(said) = Wrong::above(wrong, &["parts"]) { (ui::say(Tone::Bad, "", said)) }
            (Input::text("parts", "Parts").kind("textarea").optional().value(parts).help("One line for each: units, then the SKU, such as: 2 MUG-RED. With no line it is no kit.").field(wrong))
            p.row { (ui::submit("Preview")) span.soft.small { "You see what the stores would show before anything is written." } }
        } }
    };
    viewer.page(
        &Head::new(&title).lead("Selling one of it takes its parts, in every store.").up(&to, sku.as_str()),
        &body,
    )
}

fn read_parts(text: &str) -> Result<BTreeMap<Sku, i64>, Error> {
    let mut parts = BTreeMap::new();
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong =
            || Error::Invalid(format!("parts: line {} is not a number and a SKU, such as: 2 MUG-RED", place + 1));
        let (each, sku) = line.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
        let each: i64 = each.parse().map_err(|_| wrong())?;
        parts.insert(Sku::new(sku.trim()).map_err(|error| Error::Invalid(format!("parts: {error}")))?, each);
    }
    Ok(parts)
}

/// Shows what making a kit would do, or does it.
pub(super) async fn change(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let (sku, apply) = (sku(&sent)?, sent.ticked("apply"));
    match put(&app, &viewer, &sku, &sent, apply).await {
        Ok(report) if apply => {
            let to = link("/item", &[("sku", sku.as_str())]);
            let said =
                if report.parts.is_empty() { "It is no kit any more." } else { "The kit is saved; the stores follow." };
            Ok(done(&to, said))
        }
        Ok(report) => Ok(preview(&viewer, &sku, &sent, &report).into_response()),
        Err(error @ (Error::Invalid(_) | Error::NotFound { .. })) => {
            let wrong = match Wrong::of(&error, &["parts"]) {
                wrong if wrong.field.is_empty() => Wrong::at("parts", wrong.said),
                wrong => wrong,
            };
            let page = form(&viewer, &sku, sent.raw("parts"), Some(&wrong));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

async fn put(app: &App, viewer: &Viewer, sku: &Sku, sent: &Fields, apply: bool) -> Result<KitReport, Error> {
    app.hub.put_kit(sku, &read_parts(sent.raw("parts"))?, apply, &viewer.caller.name).await
}

fn preview(viewer: &Viewer, sku: &Sku, sent: &Fields, report: &KitReport) -> Markup {
    let (to, title) = (link("/item/kit", &[("sku", sku.as_str())]), format!("{sku} as a kit"));
    let body = html! {
        section.card {
            div.body.stack {
                @if report.parts.is_empty() { p { "It would be no kit any more. Until somebody enters its stock, nobody knows its level, and it is not written." } }
                @else {
                    p { "Made of " (list(&report.parts)) "." }
                    p { "Its parts are enough for " strong { @match report.available { Some(units) => (number(units)), None => "an unknown number" } } "." }
                }
            }
            @if !report.changes.is_empty() { (rules::targets(&report.changes)) }
            footer.acts {
                form.inline method="post" action="/item/kit" {
                    (viewer.token())
                    input type="hidden" name="sku" value=(sku);
                    input type="hidden" name="parts" value=(sent.raw("parts").lines().collect::<Vec<_>>().join("\n"));
                    input type="hidden" name="apply" value="1";
                    button.btn.main-act type="submit" { span.spin {} (icon(Icon::Check)) "Apply" }
                }
                a.btn href=(to) { "Back" }
            }
        }
    };
    viewer.page(&Head::new(&title).up(&link("/item", &[("sku", sku.as_str())]), sku.as_str()), &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_lines_of_units_and_sku() {
        let parts = read_parts("2 MUG-RED\n\n  1\tBAG 01 \r\n").expect("good lines");
        let told: Vec<(&str, i64)> = parts.iter().map(|(sku, each)| (sku.as_str(), *each)).collect();
        assert_eq!(told, [("BAG 01", 1), ("MUG-RED", 2)]);
        for bad in ["MUG-RED", "two MUG-RED", "2"] {
            let said = read_parts(bad).expect_err("no part").to_string();
            assert!(said.starts_with("parts: line 1 is not a number and a SKU"), "{said}");
        }
    }
}
