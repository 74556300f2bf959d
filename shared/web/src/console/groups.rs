//! Groups: named sets of items that share rules.

use super::form::{Wrong, capital, link};
use super::gate::{Sent, Trouble, done};
use super::icons::Icon;
use super::layout::Viewer;
use super::ui::{self, Input, Tone};
use super::{rules, runs};
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::GroupId;
use engine::Error;
use engine::adopt::Silent;
use engine::people::UserRole;
use engine::runs::Job;
use engine::settings::{GroupOrder, GroupView, NewGroup};
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

/// The groups, in the order in which they win, and the form of another.
pub(super) fn card(viewer: &Viewer, groups: &[GroupView], wrong: Option<&Wrong>) -> Markup {
    let may = viewer.may(UserRole::Operator);
    html! {
        section.card {
            header { div { h2 { "Groups" } p { "Named sets of items, in the order in which they win." } } }
            @if groups.is_empty() && !may { (ui::empty(Icon::Items, "No group yet", "An operator can add one.", None)) }
            @if !groups.is_empty() { ol.todo { @for (place, group) in groups.iter().enumerate() { (one(viewer, group, may, place > 0)) } } }
            @if may { (form(viewer, wrong)) }
        }
    }
}

fn one(viewer: &Viewer, group: &GroupView, may: bool, may_rise: bool) -> Markup {
    html! {
        li.between {
            div { p.strong { (group.title) } @if group.title != group.id.as_str() { p.soft { (group.id) } } }
            div.row {
                a.btn.small href=(link("/items", &[("group", group.id.as_str())])) aria-label={ "Items of " (group.title) } { "Items" }
                @if may && may_rise {
                    form.inline method="post" action="/rules/groups" {
                        (viewer.token())
                        input type="hidden" name="id" value=(group.id);
                        button.btn.small.quiet type="submit" name="do" value="rise" aria-label={ "Let " (group.title) " win over the group before it" } { "Win earlier" }
                    }
                }
                @if may {
                    form.inline method="post" action="/rules/groups" data-confirm={ "Remove the group " (group.title) "? Its items stay; its rules no longer hold." } {
                        (viewer.token())
                        input type="hidden" name="id" value=(group.id);
                        button.btn.small.quiet type="submit" name="do" value="remove" aria-label={ "Remove the group " (group.title) } { "Remove" }
                    }
                }
            }
        }
    }
}

fn form(viewer: &Viewer, wrong: Option<&Wrong>) -> Markup {
    html! {
        form.body method="post" action="/rules/groups" {
            (viewer.token())
            @if let Some(said) = Wrong::above(wrong, &["id", "title"]) { (ui::say(Tone::Bad, "", said)) }
            (Input::text("id", "Short name").help("a-z, 0-9, - and _. Put items in with “Change these items” above the list of items.").field(wrong))
            (Input::text("title", "What people call it").optional().field(wrong))
            button.btn type="submit" name="do" value="add" { span.spin {} "Add a group" }
        }
    }
}

/// Adds, moves or removes a group.
pub(super) async fn change(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let actor = &viewer.caller.name;
    let id = GroupId::new(sent.text("id"));
    let order = match sent.text("do") {
        "remove" => Some(GroupOrder::Remove { id: known(&id)? }),
        "rise" => Some(GroupOrder::Rise { id: known(&id)? }),
        _ => None,
    };
    if let Some(order) = order {
        return Ok(runs::start(&app, &viewer, Job::Group { order }).await?);
    }
    let known = app.hub.list_groups().await?;
    let added = match id {
        Ok(id) if known.iter().any(|group| group.id == id) => {
            Err(Wrong::at("id", format!("There is a group {id} already. Choose another name.")))
        }
        // no run: nothing is in it yet, so no store has anything to follow
        Ok(id) => {
            let new = NewGroup { id, title: sent.filled("title").map(str::to_owned), rank: None };
            app.hub.put_group(&new, actor, &Silent).await.map_err(|error| Wrong::of(&error, &["id", "title"]))
        }
        Err(error) => Err(Wrong::at("id", capital(&error.problem))),
    };
    match added {
        Ok(group) => Ok(done(
            "/rules",
            &format!("The group {} is there. Put items into it from the list of items.", group.title),
        )),
        Err(wrong) => {
            let page = rules::list_page(&app, &viewer, Some(&wrong)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

fn known(id: &Result<GroupId, domain::InvalidId>) -> Result<GroupId, Error> {
    id.clone().map_err(|error| Error::Invalid(error.to_string()))
}
