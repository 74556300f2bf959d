//! Changing all that a filter finds: a run that shows what would happen, then one that does it.

use super::filters::{self, address, hidden};
use super::form::{Fields, Wrong};
use super::gate::{Asked, Sent, Trouble};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::rules::targets;
use super::ui::{self, Input, Tone, count};
use super::{runs, words};
use crate::App;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::{AccountId, GroupId, Sku};
use engine::Error;
use engine::bulk::{Action, BulkReport};
use engine::filter::Filter;
use engine::runs::{Job, Run};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names shown of a long list.
const NAMES: usize = 20;

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
    let modes = ui::and_more("default", "not set here", modes);
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
                (Input::text("value", "Number").kind("number").optional().value(held("value")).help("Empty: not set here. “off”: none, whatever the store or the hub says.").field(wrong)) }
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

/// Starts the run that shows what a change would do to all that was found, or does it.
pub(super) async fn change(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let filter = filters::read(&sent)?;
    match started(&app, &viewer, filter.clone(), &sent).await {
        Ok(response) => Ok(response),
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

async fn started(app: &App, viewer: &Viewer, filter: Filter, sent: &Fields) -> Result<Response, Error> {
    let action = read_action(sent)?;
    action.check()?;
    runs::start(app, viewer, Job::Change { filter, action, apply: sent.ticked("apply") }).await
}

/// What a change of many items would do, or did.
pub(super) fn report(viewer: &Viewer, run: &Run, filter: &Filter, found: &BulkReport, may: bool) -> Markup {
    let names: Vec<&str> = found.items.iter().take(NAMES).map(Sku::as_str).collect();
    html! {
        @if found.applied { (ui::say(Tone::Good, "The stores follow", "What was before is kept with this change in the history of settings.")) }
        @else if found.changed == 0 { (ui::say(Tone::Note, "Nothing would change", "Each of these items is like that already.")) }
        dl.tiles {
            (ui::tile("Items found", &count(found.matched)))
            (ui::tile(if found.applied { "Changed" } else { "Would change" }, &count(found.changed)))
            (ui::tile("Levels in the stores", &count(found.changes)))
            (ui::tile("Could not be done", &count(found.failures)))
        }
        @if !names.is_empty() { p { span.soft { "The first: " } span.mono { (names.join(", ")) } } }
        @for (sku, why) in found.failed.iter().take(NAMES) { p.bad { span.mono { (sku) } ": " (why) } }
        @if !found.shown.is_empty() { (targets(&found.shown)) }
        div.row {
            @if !found.applied && may && found.changed > 0 {
                form.inline method="post" action={ "/runs/" (run.id) "/apply" } {
                    (viewer.token())
                    button.btn.main-act type="submit" { span.spin {} (icon(Icon::Check)) "Apply to " (ui::counted(found.changed, "item", "items")) }
                }
            }
            a.btn href=(address("/items", filter)) { "Back to the items" }
        }
    }
}

/// Does what a preview has shown, in a run of its own: to what the filter then finds.
pub(super) async fn apply(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(_): Sent,
) -> Result<Response, Trouble> {
    let job = app.hub.show_run(&id).await?.job;
    let Job::Change { filter, action, .. } = job else {
        return Err(Error::Invalid(format!("{id}: a run of the kind {} is not applied here", job.kind())).into());
    };
    Ok(runs::start(&app, &viewer, Job::Change { filter, action, apply: true }).await?)
}
