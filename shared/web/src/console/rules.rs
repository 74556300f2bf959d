//! Rules: what is set for the hub, for accounts, groups and items. Shown before it is done.

use super::form::{Fields, Wrong, link};
use super::gate::{Asked, Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Input, Tone, count, number};
use super::{groups, words};
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{AccountId, GroupId, ListingId, Sku};
use engine::Error;
use engine::adopt::Silent;
use engine::people::UserRole;
use engine::settings::{GroupView, Patch, Scope, ScopeView, SettingsReport, TargetChange};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Changes shown.
const LINES: usize = 100;

/// Every place that sets something, and the groups.
pub(super) async fn list(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    list_page(&app, &viewer, None).await
}

/// The same with what is wrong with a new group.
pub(super) async fn list_page(app: &App, viewer: &Viewer, wrong: Option<&Wrong>) -> Result<Markup, Trouble> {
    let (views, groups) = futures::try_join!(app.hub.list_settings(), app.hub.list_groups())?;
    let accounts = app.hub.accounts().await?;
    let may = viewer.may(UserRole::Operator);
    let body = html! {
        div.cols {
            section.card {
                header { div { h2 { "What is set" } p { "The nearest wins: listing, item, group, account, hub. Each rule by itself." } } }
                @if views.is_empty() { (ui::empty(Icon::Rules, "Every store shows the whole stock", "Hold units back, cap what a store shows, or switch it off: for the hub, an account, a group or one item.", None)) }
                @else { ul.todo { @for view in &views { (place(view, may)) } } }
            }
            div {
                @if may { (whose(accounts.keys(), &groups)) }
                (groups::card(viewer, &groups, wrong))
            }
        }
    };
    Ok(viewer.page(&Head::new("Rules").lead("How the stock becomes the number that a store shows."), &body))
}

fn place(view: &ScopeView, may: bool) -> Markup {
    html! {
        li.between {
            div {
                p.strong { (whom(&view.scope)) }
                p.soft { @for (at, (name, value)) in view.set.iter().enumerate() { @if at > 0 { " · " } (words::rule(name)) " " span.strong { (value) } } }
            }
            @if may { a.btn.small href=(address("/rules/edit", &view.scope)) aria-label={ "Change the rules of " (whom(&view.scope)) } { "Change" } }
        }
    }
}

fn whose<'a>(accounts: impl Iterator<Item = &'a AccountId>, groups: &[GroupView]) -> Markup {
    let stores = ui::and_more("", "every store", accounts.map(|id| (id.to_string(), id.to_string())));
    let items = ui::and_more("", "all items", groups.iter().map(|group| (group.id.to_string(), group.title.clone())));
    html! {
        section.card {
            header { div { h2 { "Set rules" } p { "For one item: open it and choose “Rules”." } } }
            form.body method="get" action="/rules/edit" {
                (ui::select("account", "In", "", &stores))
                (ui::select("group", "For", "", &items))
                (ui::submit("Go on"))
            }
        }
    }
}

/// Whom a scope is for, in words.
fn whom(scope: &Scope) -> String {
    let items = match (&scope.sku, &scope.group) {
        (Some(sku), _) => sku.to_string(),
        (None, Some(group)) => format!("Group {group}"),
        (None, None) => "All items".into(),
    };
    match (&scope.account, &scope.listing) {
        (_, Some(listing)) => format!("{items} at {listing}"),
        (Some(account), None) => format!("{items} in {account}"),
        (None, None) => items,
    }
}

/// The parts of a scope, as parameters.
fn parts(scope: &Scope) -> [(&'static str, String); 4] {
    [
        ("sku", scope.sku.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("group", scope.group.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("account", scope.account.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("listing", scope.listing.as_ref().map(ToString::to_string).unwrap_or_default()),
    ]
}

fn address(path: &str, scope: &Scope) -> String {
    let parts = parts(scope);
    let pairs: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    link(path, &pairs)
}

/// Where the rules of an item are changed, in every store or one.
pub(super) fn of_item(sku: &Sku, account: Option<&AccountId>) -> String {
    address("/rules/edit", &Scope::item(sku.clone(), account.cloned()))
}

fn read_scope(fields: &Fields) -> Result<Scope, Error> {
    let invalid = |error: domain::InvalidId| Error::Invalid(error.to_string());
    let listing = fields.filled("listing").map(|text| ListingId::try_from(text.to_owned())).transpose();
    let scope = Scope {
        group: fields.filled("group").map(GroupId::new).transpose().map_err(invalid)?,
        sku: Some(fields.raw("sku")).filter(|sku| !sku.is_empty()).map(Sku::new).transpose().map_err(invalid)?,
        account: fields.filled("account").map(AccountId::new).transpose().map_err(invalid)?,
        listing: listing.map_err(|error| Error::Invalid(error.to_string()))?,
    };
    scope.check()?;
    Ok(scope)
}

/// The form of what is set for somebody.
pub(super) async fn edit(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    form(&app, &viewer, &read_scope(&asked)?, None).await
}

async fn form(app: &App, viewer: &Viewer, scope: &Scope, again: Option<(&Wrong, &Fields)>) -> Result<Markup, Trouble> {
    let view = app.hub.show_settings(scope).await?;
    let (wrong, sent) = (again.map(|(wrong, _)| wrong), again.map(|(_, sent)| sent));
    let names: Vec<&str> = words::RULES.iter().map(|rule| rule.name).collect();
    let title = format!("Rules: {}", whom(scope));
    let body = html! {
        section.card { form.body method="post" action="/rules/edit" {
            (viewer.token())
            (hidden(scope))
            input type="hidden" name="preview" value="1";
            @if let Some(said) = Wrong::above(wrong, &names) { (ui::say(Tone::Bad, "", said)) }
            p.help { "Write “off” to switch a number off that the group, the store or the hub sets." }
            br;
            div.halves.dense {
                @for rule in &words::RULES {
                    @let value = ui::held(sent, rule.name, view.set.get(rule.name).map_or("", String::as_str));
                    (field(rule, value, wrong))
                }
            }
            p.row { (ui::submit("Preview")) span.soft.small { "You see what the stores would show before anything is written." } }
        } }
    };
    let (path, name) = up(scope);
    Ok(viewer.page(
        &Head::new(&title)
            .lead("They work in this order. What is left empty comes from the group, the store or the hub.")
            .up(&path, &name),
        &body,
    ))
}

fn up(scope: &Scope) -> (String, String) {
    match &scope.sku {
        Some(sku) => (link("/item", &[("sku", sku.as_str())]), sku.to_string()),
        None => ("/rules".into(), "Rules".into()),
    }
}

fn hidden(scope: &Scope) -> Markup {
    html! { @for (name, value) in parts(scope) { @if !value.is_empty() { input type="hidden" name=(name) value=(value); } } }
}

fn field(rule: &words::RuleField, value: &str, wrong: Option<&Wrong>) -> Markup {
    match rule.choices {
        [] => Input::text(rule.name, rule.label).kind("number").free().help(rule.help).value(value).field(wrong),
        choices => {
            let choices = choices.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned()));
            ui::select(rule.name, rule.label, value, &ui::and_more("", "not set here", choices))
        }
    }
}

/// Shows what rules would do, or sets them.
pub(super) async fn set(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let scope = read_scope(&sent)?;
    let apply = sent.ticked("apply");
    let set = words::RULES.iter().map(|rule| (rule.name.to_owned(), Value::from(sent.text(rule.name)))).collect();
    let patch = Patch { set, clear: Vec::new() };
    match app.hub.set_rules(&scope, &patch, apply, &viewer.caller.name, &Silent).await {
        Ok(report) if apply => {
            let said = match report.changes {
                0 => "No level changes by it".into(),
                changes => format!("{} now", ui::counted(changes, "level changes", "levels change")),
            };
            Ok(done(&up(&scope).0, &format!("{}: set. {said}.", whom(&scope))))
        }
        Ok(report) => Ok(preview(&viewer, &scope, &sent, &report).into_response()),
        Err(error @ Error::Invalid(_)) => {
            let names: Vec<&str> = words::RULES.iter().map(|rule| rule.name).collect();
            let page = form(&app, &viewer, &scope, Some((&Wrong::of(&error, &names), &sent))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// What is set, as `name value`, in words.
fn told(all: &[String]) -> String {
    let one = |text: &String| match text.split_once(' ') {
        Some((name, value)) => format!("{} {value}", words::rule(name)),
        None => text.clone(),
    };
    if all.is_empty() { "nothing".into() } else { all.iter().map(one).collect::<Vec<_>>().join(", ") }
}

fn preview(viewer: &Viewer, scope: &Scope, sent: &Fields, report: &SettingsReport) -> Markup {
    let title = format!("What would change: {}", whom(scope));
    let body = html! {
        section.card {
            div.body.stack {
                dl.facts { dt { "Set now" } dd { (told(&report.before)) } dt { "Set then" } dd.strong { (told(&report.after)) } }
                dl.tiles {
                    (ui::tile("Items concerned", &count(report.items)))
                    (ui::tile("Levels that would change", &count(report.changes)))
                }
            }
            @if !report.shown.is_empty() { (targets(&report.shown)) }
            footer.acts {
                form.inline method="post" action="/rules/edit" {
                    (viewer.token())
                    (hidden(scope))
                    input type="hidden" name="apply" value="1";
                    @for rule in &words::RULES { input type="hidden" name=(rule.name) value=(sent.text(rule.name)); }
                    button.btn.main-act type="submit" { span.spin {} (icon(Icon::Check)) "Apply" }
                }
                a.btn href=(address("/rules/edit", scope)) { "Back" }
            }
        }
    };
    let (path, name) = up(scope);
    viewer.page(&Head::new(&title).up(&path, &name), &body)
}

/// Listings whose target changes.
pub(super) fn targets(all: &[TargetChange]) -> Markup {
    let level = |level: Option<i64>| level.map_or_else(|| "not written".to_owned(), number);
    let table = html! {
        table {
            thead { tr { th scope="col" { "SKU" } th scope="col" { "Store" } th.num scope="col" { "Level now" } th.num scope="col" { "Then" } } }
            tbody { @for line in all.iter().take(LINES) { tr {
                th scope="row" { a.sku href=(link("/item", &[("sku", line.sku.as_str())])) { (line.sku) } }
                td { (line.listing.account) } td.num { (level(line.from)) } td.num.strong { (level(line.to)) }
            } } }
        }
    };
    ui::scroll("Levels that would change", &table)
}

/// What is set for an item, in every store or one.
pub(super) struct Own {
    scope: Scope,
    set: BTreeMap<String, String>,
}

/// What is set for an item, in every store and in single ones.
pub(super) async fn of(app: &App, sku: &Sku, accounts: &[AccountId]) -> Result<Vec<Own>, Error> {
    let mut all = Vec::new();
    for account in std::iter::once(None).chain(accounts.iter().map(Some)) {
        let scope = Scope::item(sku.clone(), account.cloned());
        let set = app.hub.show_settings(&scope).await?.set;
        if !set.is_empty() {
            all.push(Own { scope, set });
        }
    }
    Ok(all)
}

/// The same in words.
pub(super) fn own(own: &Own) -> Markup {
    let whose = own.scope.account.as_ref().map_or_else(|| "every store".to_owned(), ToString::to_string);
    html! { span.soft { "In " (whose) ": " } @for (at, (name, value)) in own.set.iter().enumerate() { @if at > 0 { ", " } (words::rule(name)) " " strong { (value) } } }
}
