//! Changing all that a filter finds: shown first, then done step by step, with its progress.

use super::filters::{self, address, hidden};
use super::form::{Fields, Wrong};
use super::gate::{Asked, Sent, Trouble};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::rules::targets;
use super::ui::{self, Input, Tone, count};
use super::words;
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{AccountId, GroupId, Sku};
use engine::Error;
use engine::adopt::Silent;
use engine::bulk::{Action, BulkPlace, BulkReport};
use engine::filter::Filter;
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names shown of a long list.
const NAMES: usize = 20;
/// How long one request works before it shows how far it is, milliseconds: far below what a function or a proxy allows.
const WORK_MS: i64 = 2_000;
/// The fields that say what to do.
const FIELDS: [&str; 6] = ["act", "at", "to_mode", "rule", "value", "into"];

/// What can be done with all that was found.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    form(&app, &viewer, &filters::read(&asked)?, None).await
}

async fn form(
    app: &App,
    viewer: &Viewer,
    filter: &Filter,
    again: Option<(&Wrong, &Fields)>,
) -> Result<Markup, Trouble> {
    let (accounts, groups) = futures::try_join!(app.hub.accounts(), app.hub.list_groups())?;
    let (wrong, sent) = (again.map(|(wrong, _)| wrong), again.map(|(_, sent)| sent));
    let pairs = |id: &AccountId| (id.to_string(), id.to_string());
    let stores = ui::and_more("", "every store", accounts.keys().map(pairs));
    let groups = ui::and_more("", "choose …", groups.iter().map(|group| (group.id.to_string(), group.title.clone())));
    let acts = [
        ("mode", "Switch writing", "Always, never, or only while it is on sale."),
        ("rule", "Set a rule", "Hold back, cap, share …"),
        ("join", "Put into a group", ""),
        ("leave", "Take out of a group", ""),
        ("sync", "Sync now", "Look at every store and bring it up to date."),
        ("push", "Write now", "Write what differs, without looking first."),
    ];
    let rules: Vec<(String, String)> = words::RULES
        .iter()
        .filter(|rule| rule.choices.is_empty())
        .map(|rule| (rule.name.to_owned(), rule.label.to_owned()))
        .collect();
    let modes = words::MODES.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned()));
    let modes = ui::and_more("default", "as the next level says", modes);
    let held = |name: &str| sent.map_or("", |sent| sent.text(name));
    let body = html! {
        section.card { form.body.bulk method="post" action="/items/bulk" {
            (viewer.token())
            input type="hidden" name="preview" value="1";
            (hidden(filter))
            @if let Some(wrong) = wrong.filter(|wrong| wrong.field != "value") { (ui::say(Tone::Bad, "", &wrong.said)) }
            (ui::choices("act", "What to do with each item", ui::held(sent, "act", "mode"), &acts))
            fieldset.for-mode { legend.hidden { "Switch writing" }
                (ui::select("to_mode", "Write it", if held("to_mode").is_empty() { "never" } else { held("to_mode") }, &modes)) }
            fieldset.for-rule { legend.hidden { "Set a rule" }
                (ui::select("rule", "Rule", held("rule"), &rules))
                (Input::text("value", "Number").kind("number").optional().value(held("value")).help("Empty: as the next level says. off: none.").field(wrong)) }
            fieldset.for-at { legend.hidden { "Where" } (ui::select("at", "In", held("at"), &stores)) }
            fieldset.for-group { legend.hidden { "Group" } (ui::select("into", "Group", held("into"), &groups)) p.help { "Groups are added under " a href="/rules" { "Rules" } "." } }
            p.row { (ui::submit("Preview")) span.soft.small { "Nothing changes yet." } }
        } }
    };
    let lead = format!("{}.", filters::told(filter));
    Ok(viewer.page(&Head::new("Change many items").lead(&lead).up(&address("/items", filter), "Items"), &body))
}

fn read_action(sent: &Fields) -> Result<Action, Error> {
    let invalid = |error: domain::InvalidId| Error::Invalid(error.to_string());
    let account = sent.filled("at").map(AccountId::new).transpose().map_err(invalid)?;
    let group = || match sent.filled("into") {
        Some(id) => GroupId::new(id).map_err(invalid),
        None => Err(Error::Invalid("into: choose a group".into())),
    };
    let set = |name: &str, value: &str| Action::Set {
        account: account.clone(),
        set: BTreeMap::from([(name.to_owned(), Value::from(value))]),
        clear: Vec::new(),
    };
    match sent.text("act") {
        "mode" => Ok(set("mode", sent.text("to_mode"))),
        "rule" => Ok(set(sent.text("rule"), sent.text("value"))),
        "join" => Ok(Action::Group { add: vec![group()?], remove: Vec::new() }),
        "leave" => Ok(Action::Group { add: Vec::new(), remove: vec![group()?] }),
        "sync" => Ok(Action::Sync),
        "push" => Ok(Action::Push),
        other => Err(Error::Invalid(format!("act: {other:?} is nothing that can be done"))),
    }
}

/// Shows what a change would do to all that was found, or does it: as far as one request goes, and then from there.
pub(super) async fn change(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let filter = filters::read(&sent)?;
    match worked(&app, &viewer, &filter, &sent).await {
        Ok(place) if !place.done => Ok(going_on(&viewer, &filter, &sent, &place).into_response()),
        Ok(place) => Ok(shown(&viewer, &filter, &sent, &place.report).into_response()),
        Err(error @ (Error::Invalid(_) | Error::NotFound { .. })) => {
            let rule = sent.text("rule");
            let mut wrong = Wrong::of(&error, &["into", rule]);
            if wrong.field == rule {
                wrong.field = "value".into();
            }
            let page = form(&app, &viewer, &filter, Some((&wrong, &sent))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes steps until the time of one request is over.
async fn worked(app: &App, viewer: &Viewer, filter: &Filter, sent: &Fields) -> Result<BulkPlace, Error> {
    let (action, apply) = (read_action(sent)?, sent.ticked("apply"));
    let again = |_| Error::Invalid("that preview cannot be read any more; make it again".into());
    let place = sent.filled("place").map(serde_json::from_str::<BulkPlace>).transpose().map_err(again)?;
    let mut place = place.unwrap_or_default();
    let began = app.hub.clock.now();
    while !place.done && app.hub.clock.now().since_ms(began) < WORK_MS {
        place = app.hub.bulk_step(filter, &action, apply, &viewer.caller.name, place, &Silent).await?;
    }
    Ok(place)
}

/// The same order once more, from a place on or from the beginning.
fn order(viewer: &Viewer, filter: &Filter, sent: &Fields, then: &Markup) -> Markup {
    html! {
        (viewer.token())
        (hidden(filter))
        @for name in FIELDS { @if !sent.text(name).is_empty() { input type="hidden" name=(name) value=(sent.text(name)); } }
        (then)
    }
}

/// How far it is; a script sends the form at once, without one a person does.
fn going_on(viewer: &Viewer, filter: &Filter, sent: &Fields, place: &BulkPlace) -> Markup {
    let text = serde_json::to_string(place).unwrap_or_default();
    let apply = sent.ticked("apply");
    let then = html! {
        input type="hidden" name="place" value=(text);
        input type="hidden" name=(if apply { "apply" } else { "preview" }) value="1";
        p.row { button.btn.main-act type="submit" { span.spin {} "Go on" } a.btn href=(address("/items", filter)) { "Stop here" } }
    };
    let body = html! {
        section.card { div.body.stack {
            div.stack-s role="status" {
                p { (count(place.report.matched)) " items found so far, " (count(place.report.changed)) (if apply { " changed." } else { " would change." }) }
                progress aria-label="It is working" {}
            }
            form method="post" action="/items/bulk" data-go-on { (order(viewer, filter, sent, &then)) }
        } }
    };
    let title = if apply { "Changing items …" } else { "Looking at items …" };
    viewer.page(&Head::new(title).up(&address("/items", filter), "Items"), &body)
}

fn shown(viewer: &Viewer, filter: &Filter, sent: &Fields, report: &BulkReport) -> Markup {
    let title = if report.applied { "Done" } else { "What would change" };
    let lead = format!("{}.", filters::told(filter));
    let names: Vec<&str> = report.items.iter().take(NAMES).map(Sku::as_str).collect();
    let then = html! {
        input type="hidden" name="apply" value="1";
        button.btn.main-act type="submit" { span.spin {} (icon(Icon::Check)) "Apply to " (ui::counted(report.changed, "item", "items")) }
    };
    let body = html! {
        section.card {
            div.body.stack {
                @if report.applied { (ui::say(Tone::Good, "The stores follow", "What was before is kept with this change in the history of settings.")) }
                @else if report.changed == 0 { (ui::say(Tone::Note, "Nothing would change", "Each of these items is like that already.")) }
                dl.tiles {
                    (ui::tile("Items found", &count(report.matched)))
                    (ui::tile(if report.applied { "Changed" } else { "Would change" }, &count(report.changed)))
                    (ui::tile("Levels in the stores", &count(report.changes)))
                    (ui::tile("Could not be done", &count(report.failures)))
                }
                @if !names.is_empty() { p { span.soft { "The first: " } span.mono { (names.join(", ")) } } }
                @for (sku, why) in report.failed.iter().take(NAMES) { p.bad { span.mono { (sku) } ": " (why) } }
            }
            @if !report.shown.is_empty() { (targets(&report.shown)) }
            footer {
                a.btn href=(address("/items", filter)) { "Back to the items" }
                @if !report.applied && report.changed > 0 {
                    form.inline method="post" action="/items/bulk" { (order(viewer, filter, sent, &then)) }
                }
            }
        }
    };
    viewer.page(&Head::new(title).lead(&lead).up(&address("/items", filter), "Items"), &body)
}
