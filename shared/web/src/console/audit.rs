//! The audit trail: who changed what, when, and what it was before.

use super::days::Day;
use super::gate::{Asked, Trouble};
use super::icons::Icon;
use super::layout::{Head, Viewer};
use super::ui::{self, Tone, badge};
use crate::App;
use axum::extract::State;
use engine::trail::{Entry, Outcome, Wanted};
use http::HeaderMap;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Entries of one page.
const PAGE: usize = 50;
/// Letters shown of a value.
const LETTERS: usize = 120;

/// A day of it.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    headers: HeaderMap,
    Asked(asked): Asked,
) -> Result<Markup, Trouble> {
    let day = Day::asked(&asked, &headers, app.hub.clock.now())?;
    let wanted = Wanted {
        actor: asked.filled("actor").map(str::to_owned),
        subject: asked.filled("subject").map(str::to_owned),
        after: asked.filled("after").map(str::to_owned),
        limit: PAGE,
    };
    let page = app.hub.trail_between(day.span, &wanted).await?;
    let others = [("actor", asked.text("actor")), ("subject", asked.text("subject"))];
    let [(_, actor), (_, subject)] = others;
    let same = day.parameters();
    let same: Vec<(&str, &str)> = same.iter().map(|(key, text)| (*key, text.as_str())).chain(others).collect();
    let body = html! {
        section.card {
            header {
                form.filters method="get" action="/audit" data-days {
                    (day.field())
                    div.field { label for="f-actor" { "Who" } input #f-actor name="actor" value=(actor) autocomplete="off"; }
                    div.field { label for="f-subject" { "What" } input #f-subject name="subject" value=(subject) autocomplete="off" placeholder="an account, a SKU …"; }
                    button.btn type="submit" { "Show" }
                }
            }
            @if page.rows.is_empty() { (ui::empty(Icon::Audit, "Nothing on this day", "Every change that a person or the hub itself makes is kept here for a year.", None)) }
            @else { ol.feed { @for entry in &page.rows { (line(entry)) } } }
            footer { (ui::pager("/audit", &same, asked.text("after"), page.next.as_deref(), "Newest first")) }
        }
    };
    Ok(viewer.page(
        &Head::new("Audit").lead("Who changed what, and what it was before.").actions(day.around("/audit", &others)),
        &body,
    ))
}

fn line(entry: &Entry) -> Markup {
    let changes = changes(&entry.before, &entry.after);
    html! {
        li {
            (ui::time(entry.at))
            div {
                p { strong { (entry.actor) } " " (done(entry)) @if let Some(subject) = subject(&entry.subject) { " " span.mono { (subject) } } " " (outcome(&entry.outcome)) }
                @if !changes.is_empty() {
                    p.then { @for (name, before, after) in &changes { span.bit { (field_name(name)) ": " @if !before.is_empty() { (before) " → " } (after) } } }
                }
            }
        }
    }
}

/// Whom it concerned; the address of a page that is for everything says nothing more than the act.
fn subject(subject: &str) -> Option<&str> {
    let rest = subject.strip_prefix("/accounts/").filter(|rest| *rest != "new");
    match rest {
        Some(rest) => Some(rest.split('/').next().unwrap_or(rest)),
        None if subject.is_empty() || subject.starts_with('/') => None,
        None => Some(subject),
    }
}

/// What was done; of the buttons of an account, which one.
fn done(entry: &Entry) -> String {
    let button = entry.action.ends_with("/do/{what}").then(|| entry.subject.rsplit('/').next()).flatten();
    let known = match button {
        Some("pause") => "paused",
        Some("resume") => "resumed",
        Some("release") => "released",
        Some("freeze") => "froze",
        Some("thaw") => "thawed",
        Some("sync") => "synced all of",
        Some("test") => "tested",
        Some(_) | None => return action(&entry.action),
    };
    known.into()
}

fn outcome(outcome: &Outcome) -> Markup {
    match outcome {
        Outcome::Done => html! {},
        Outcome::Begun => badge(Tone::Warn, "begun; nobody knows whether it was done"),
        Outcome::Refused(_) => badge(Tone::Warn, "refused"),
    }
}

/// What was done, in words where there are some.
fn action(action: &str) -> String {
    let rest = action.strip_prefix("console ").unwrap_or(action);
    let by = if rest.contains(" /api/") { " by API" } else { "" };
    let words = match rest.trim_start_matches("POST ").trim_start_matches("PATCH ").trim_start_matches("PUT ") {
        "/item/stock" | "/api/item/stock" => "edited the stock of",
        "/item/release" => "released",
        "/item/kit" => "changed the kit",
        "/items/bulk" | "/runs/{run}/apply" | "/api/items/change" => "changed many items",
        "/items/filters" | "/api/filters" => "kept a filter",
        "/rules/edit" | "/api/rules" => "set rules",
        "/rules/groups" | "/api/groups" => "changed a group",
        "/stock-file" => "loaded a stock file",
        "/stock-feeds" | "/stock-feeds/edit" => "used a stock feed",
        "/runs/compare" | "/api/reconcile" => "compared the stores",
        "/runs/snapshot" => "took a snapshot",
        "/runs/restore" => "restored levels",
        "/runs/{run}/cancel" => "stopped a run",
        "/snapshots/{snapshot}" => "removed a snapshot",
        "/accounts/{account}/quarantine" | "/api/accounts/{account}/quarantine" => "judged a quarantine",
        "/accounts/{account}/mapping" => "changed the mapping",
        "/alerts" | "/api/alerts" => "changed the alerts",
        "/item/sync" | "/api/item/sync" => "synced",
        "/accounts/new" | "/api/accounts" => "connected a store",
        "/accounts/{account}/policies" | "/accounts/{account}/settings" | "/api/accounts/{account}" => "changed",
        "/accounts/{account}/rotate" | "/api/accounts/{account}/rotate" => "replaced the credentials of",
        "/accounts/{account}/remove" | "DELETE /api/accounts/{account}" => "removed",
        "/first-sync" | "/api/adopt" => "ran the first sync",
        "/users" | "/api/users" => "added a user",
        "/users/{name}" | "/api/users/{name}" => "changed the user",
        "/me" => "changed their own access",
        "/queue/redrive" | "/api/queues/redrive" => "put failed messages back",
        "quarantine" => "stopped believing",
        "quarantine lifted" => "believes again",
        other => return format!("{other}{by}"),
    };
    format!("{words}{by}")
}

/// The fields that changed: name, before, after.
fn changes(before: &Value, after: &Value) -> Vec<(String, String, String)> {
    let field = |value: &Value, name: &str| value.get(name).map_or_else(String::new, text);
    let names =
        |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let all: BTreeSet<String> = names(before).into_iter().chain(names(after)).collect();
    if all.is_empty() && !after.is_null() && !after.is_object() {
        return vec![("now".into(), text(before), text(after))];
    }
    all.into_iter().map(|name| (name.clone(), field(before, &name), field(after, &name))).collect()
}

/// A field as people read it: `setting.base_url` as `base url`.
fn field_name(name: &str) -> String {
    let name = name.strip_prefix("setting.").or_else(|| name.strip_prefix("secret.")).unwrap_or(name);
    match name {
        "how" => "way".into(),
        "id" => "name".into(),
        "do" => "what".into(),
        "q" => "text".into(),
        "per_minute" => "calls a minute".into(),
        "burst" => "calls at once".into(),
        "base_url" => "address".into(),
        other => other.replace('_', " "),
    }
}

fn text(value: &Value) -> String {
    let whole = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) => number.to_string(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name} {}", text(value))).collect::<Vec<_>>().join(", ")
        }
    };
    if whole.chars().count() > LETTERS { whole.chars().take(LETTERS).chain(['…']).collect() } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_told_field_by_field() {
        let told = changes(&json!({"paused": false}), &json!({"paused": true, "why": "stock take"}));
        let row = |name: &str, before: &str, after: &str| (name.to_owned(), before.to_owned(), after.to_owned());
        assert_eq!(told, [row("paused", "no", "yes"), row("why", "", "stock take")]);
    }

    #[test]
    fn acts_have_words() {
        assert_eq!(action("console POST /item/stock"), "edited the stock of");
        assert_eq!(action("PATCH /api/accounts/{account}"), "changed by API");
        assert_eq!(action("quarantine"), "stopped believing", "the hub's own");
    }
}
