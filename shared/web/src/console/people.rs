//! Users and their roles, and what everybody may do for themselves: a new password, tokens for programs.

use super::accounts::chosen;
use super::form::{Fields, Wrong, capital};
use super::gate::{Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer, role_name};
use super::ui::{self, Input, Tone, badge, count};
use crate::App;
use crate::access::passwords::SHORTEST;
use crate::access::tokens::{self, NewToken, TokenView};
use crate::access::users::{self, NewUser, UserPatch, UserView};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use engine::Error;
use engine::people::UserRole;
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

const ROLES: [(&str, &str, &str); 3] = [
    ("viewer", "Viewer", "Sees everything but users and secrets."),
    ("operator", "Operator", "Acts on stock: edits, syncs, pauses a store, releases what a guard stopped."),
    ("admin", "Admin", "Connects stores, changes settings and credentials, manages users."),
];

/// What is wrong, with what was sent.
type Again<'a> = Option<(&'a Wrong, &'a Fields)>;

/// The users.
pub(super) async fn list(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    list_page(&app, &viewer, None).await
}

async fn list_page(app: &App, viewer: &Viewer, again: Again<'_>) -> Result<Markup, Trouble> {
    let users = users::list(&app.hub).await?;
    let body = html! {
        div.cols {
            section.card {
                header { h2 { "Users" } }
                @if users.is_empty() { (ui::empty(Icon::People, "Nobody yet", "So far this hub opens with its first token only. Add yourself as an admin, then sign in by name.", None)) }
                @else { (ui::scroll("Users", &table(&users))) }
            }
            (add_form(viewer, app.provider.is_some(), again))
        }
    };
    Ok(viewer.page(&Head::new("Users").lead("Who may look, act and change settings."), &body))
}

fn table(users: &[UserView]) -> Markup {
    html! {
        table.fold {
            thead { tr { th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Last signed in" } th.num scope="col" { "Tokens" } th scope="col" { "State" } } }
            tbody { @for user in users { tr {
                th scope="row" { a href=(address(&user.name)) { (user.name) } }
                td data-name="Role" { (role_name(user.role)) }
                td data-name="Last signed in" { (ui::maybe_ago(user.signed_in)) }
                td.num data-name="Tokens" { (count(user.tokens)) }
                td.corner { (state(user)) }
            } } }
        }
    }
}

fn address(name: &str) -> String {
    format!("/users/{}", percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC))
}

fn state(user: &UserView) -> Markup {
    match (user.disabled, user.password || user.provider.is_some()) {
        (true, _) => badge(Tone::Warn, "Shut out"),
        (false, true) => badge(Tone::Good, "Active"),
        (false, false) => badge(Tone::Plain, "No password"),
    }
}

fn add_form(viewer: &Viewer, has_provider: bool, again: Again<'_>) -> Markup {
    let (wrong, sent) = (again.map(|(wrong, _)| wrong), again.map(|(_, sent)| sent));
    html! {
        section.card {
            header { h2 { "Add a user" } }
            form.body method="post" action="/users" autocomplete="off" {
                (viewer.token())
                @if let Some(said) = Wrong::above(wrong, &["name", "password", "provider"]) { (ui::say(Tone::Bad, "", said)) }
                (Input::text("name", "Name").value(ui::held(sent, "name", "")).help("Small letters, digits and . - _ @. History and audit show it.").field(wrong))
                (ui::choices("role", "Role", ui::held(sent, "role", "viewer"), &ROLES))
                @if has_provider { (provider_field(ui::held(sent, "provider", ""), wrong)) }
                (Input::text("password", "Password").kind("password").complete("new-password").help(&password_help()).optional().field(wrong))
                (ui::submit("Add"))
            }
        }
    }
}

fn password_help() -> String {
    format!("At least {SHORTEST} characters: some words are easy to remember and hard to guess.")
}

fn provider_field(value: &str, wrong: Option<&Wrong>) -> Markup {
    Input::text("provider", "At the sign-in provider")
        .value(value)
        .help("The e-mail address they sign in with there, or sub: and the provider’s own id of them.")
        .optional()
        .field(wrong)
}

/// Adds a user.
pub(super) async fn add(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let new = NewUser {
        name: sent.text("name").to_owned(),
        role: chosen(sent.text("role"))?.unwrap_or(UserRole::Viewer),
        password: sent.filled("password").map(|_| sent.raw("password").to_owned()),
        provider: sent.filled("provider").map(str::to_owned),
    };
    match users::add(&app.hub, new).await {
        Ok(user) => Ok(done("/users", &format!("{} may sign in as {}.", user.name, role_name(user.role)))),
        Err(error) => {
            let wrong = Wrong::of(&error, &["name", "password", "provider"]);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, list_page(&app, &viewer, Some((&wrong, &sent))).await?)
                .into_response())
        }
    }
}

/// One user.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Markup, Trouble> {
    user_page(&app, &viewer, &name, None).await
}

async fn user_page(app: &App, viewer: &Viewer, name: &str, wrong: Option<&Wrong>) -> Result<Markup, Trouble> {
    let (user, own) = (users::show(&app.hub, name).await?, tokens::list(&app.hub, Some(name)).await?);
    let to = address(name);
    let body = html! {
        div.cols {
            div {
                section.card {
                    header { h2 { "Role" } (state(&user)) }
                    form.body method="post" action=(to) {
                        (viewer.token())
                        (ui::choices("role", "What this user may do", role_name(user.role), &ROLES))
                        button.btn.main-act type="submit" name="do" value="role" { span.spin {} "Save" }
                    }
                }
                section.card { header { div { h2 { "Tokens" } p { "What this user’s programs sign in with." } } } (token_list(viewer, &own, &to)) }
            }
            div {
                section.card {
                    header { div { h2 { "New password" } p { "Ends all sessions of this user." } } }
                    form.body method="post" action=(to) autocomplete="off" {
                        (viewer.token())
                        (Input::text("password", "Password").kind("password").complete("new-password").help(&password_help()).field(wrong))
                        button.btn type="submit" name="do" value="password" { span.spin {} "Set it" }
                    }
                }
                @if app.provider.is_some() || user.provider.is_some() { section.card {
                    header { div { h2 { "Sign-in provider" } p { "Who they are there. Saving ends all sessions of this user." @if user.by_groups { " Their groups there say what they may do, until you save a role here." } } } }
                    form.body method="post" action=(to) autocomplete="off" {
                        (viewer.token())
                        (provider_field(user.provider.as_deref().unwrap_or_default(), wrong))
                        button.btn type="submit" name="do" value="provider" { span.spin {} "Save" }
                    }
                } }
                section.card {
                    header { h2 { "Shut out or remove" } }
                    form.body.row method="post" action=(to) {
                        (viewer.token())
                        @if user.disabled { button.btn type="submit" name="do" value="enable" { "Let in again" } }
                        @else { button.btn type="submit" name="do" value="disable" data-confirm={ "Shut " (name) " out now?" } { "Shut out" } }
                        button.btn.danger type="submit" name="do" value="remove" data-confirm={ "Remove " (name) " with their tokens?" } { (icon(Icon::Bin)) "Remove" }
                    }
                }
            }
        }
    };
    Ok(viewer.page(&Head::new(name).lead("Added and changed by admins.").up("/users", "Users"), &body))
}

fn token_list(viewer: &Viewer, all: &[TokenView], to: &str) -> Markup {
    html! {
        @if all.is_empty() { (ui::empty(Icon::Key, "No token", "A token lets a program use the API with a role, until it is revoked or ends.", None)) }
        @else { ul.todo { @for token in all {
            li {
                div {
                    p.strong { (token.label) }
                    p.soft { "made " (ui::ago(token.created)) ", used " (ui::maybe_ago(token.used)) @if let Some(role) = token.role { ", as " (role_name(role)) } @if let Some(end) = token.expires { ", until " (ui::time(end)) } }
                }
                form.inline method="post" action=(to) {
                    (viewer.token())
                    input type="hidden" name="id" value=(token.id);
                    button.btn.small.danger type="submit" name="do" value="revoke" aria-label={ "Revoke " (token.label) } { "Revoke" }
                }
            }
        } } }
    }
}

/// Changes or removes a user.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(name): Path<String>,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let hub = &app.hub;
    let (patch, said) = match sent.text("do") {
        "role" => (UserPatch { role: chosen(sent.text("role"))?, ..UserPatch::default() }, "The role is saved."),
        "disable" => (UserPatch { disabled: Some(true), ..UserPatch::default() }, "Shut out; every session has ended."),
        "enable" => (UserPatch { disabled: Some(false), ..UserPatch::default() }, "Let in again."),
        "password" => (
            UserPatch { password: Some(sent.raw("password").to_owned()), ..UserPatch::default() },
            "The new password holds from now on.",
        ),
        "provider" => (
            UserPatch { provider: Some(sent.text("provider").to_owned()), ..UserPatch::default() },
            "Saved; every session has ended.",
        ),
        "revoke" => {
            tokens::revoke(hub, sent.text("id"), Some(&name)).await?;
            return Ok(done(&address(&name), "The token is void."));
        }
        "remove" => {
            users::remove(hub, &name).await?;
            return Ok(done("/users", &format!("{name} is removed.")));
        }
        other => return Err(Error::Invalid(format!("{other:?} is nothing that can be done with a user")).into()),
    };
    match users::change(hub, &name, patch).await {
        Ok(_) => Ok(done(&address(&name), said)),
        Err(error @ (Error::Invalid(_) | Error::Conflict(_))) => {
            let wrong = Wrong::of(&error, &["password", "provider"]);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, user_page(&app, &viewer, &name, Some(&wrong)).await?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// What everybody may do for themselves.
pub(super) async fn me(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    me_page(&app, &viewer, None, None).await
}

async fn me_page(app: &App, viewer: &Viewer, again: Again<'_>, issued: Option<&str>) -> Result<Markup, Trouble> {
    let name = &viewer.caller.name;
    let head = Head::new(name).lead("Your password, and tokens for your programs.");
    if !viewer.caller.is_user {
        let body = html! { section.card { (ui::empty(Icon::Key, "You are signed in with the hub’s first token", "Add yourself as a user: then history and audit show your name, and you can have a password and tokens.", Some(("/users", "Add a user")))) } };
        return Ok(viewer.page(&head, &body));
    }
    let own = tokens::list(&app.hub, Some(name)).await?;
    let (wrong, sent) = (again.map(|(wrong, _)| wrong), again.map(|(_, sent)| sent));
    let body = html! {
        @if let Some(token) = issued {
            (ui::say_with(Tone::Good, "Your new token, shown this once", &html! { code { (token) } " " button.btn.small.only-script type="button" data-copy=(token) { (icon(Icon::Copy)) span data-label { "Copy" } } }))
        }
        div.cols {
            section.card { header { h2 { "Your tokens" } } (token_list(viewer, &own, "/me")) footer { (token_form(viewer, wrong, sent)) } }
            section.card {
                header { div { h2 { "Your password" } p { "Changing it ends your other sessions, and this one." } } }
                form.body method="post" action="/me" {
                    (viewer.token())
                    (Input::text("current", "Current password").kind("password").complete("current-password").field(wrong))
                    (Input::text("password", "New password").kind("password").complete("new-password").help(&password_help()).field(wrong))
                    button.btn type="submit" name="do" value="password" { span.spin {} "Change it" }
                }
            }
        }
    };
    Ok(viewer.page(&head, &body))
}

fn token_form(viewer: &Viewer, wrong: Option<&Wrong>, sent: Option<&Fields>) -> Markup {
    html! {
        form.filters method="post" action="/me" {
            (viewer.token())
            (Input::text("label", "What it is for").value(ui::held(sent, "label", "")).field(wrong))
            (Input::text("days", "Days it lasts").kind("number").optional().value(ui::held(sent, "days", "90")).field(wrong))
            button.btn.main-act type="submit" name="do" value="issue" { span.spin {} "Make a token" }
        }
    }
}

/// Does it.
pub(super) async fn change_me(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let (hub, name) = (&app.hub, &viewer.caller.name);
    let refused = |error: Error| {
        let is_wrong = matches!(error, Error::Invalid(_));
        let wrong = Wrong::of(&error, &["current", "password", "label", "days"]);
        if is_wrong { Ok(wrong) } else { Err(Trouble::from(error)) }
    };
    let wrong = match sent.text("do") {
        "password" => {
            let (current, new) = (sent.raw("current").to_owned(), sent.raw("password").to_owned());
            match users::change_password(hub, name, current, new).await {
                Ok(()) => return Ok(done("/sign-in", "Sign in with your new password.")),
                Err(error) => refused(error)?,
            }
        }
        "revoke" => {
            tokens::revoke(hub, sent.text("id"), Some(name)).await?;
            return Ok(done("/me", "The token is void."));
        }
        _ => match issue(&app, name, &sent).await {
            Ok(token) => return Ok(me_page(&app, &viewer, None, Some(&token)).await?.into_response()),
            Err(Refused::Wrong(wrong)) => wrong,
            Err(Refused::Error(error)) => refused(error)?,
        },
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, me_page(&app, &viewer, Some((&wrong, &sent)), None).await?).into_response())
}

enum Refused {
    Wrong(Wrong),
    Error(Error),
}

async fn issue(app: &App, name: &str, sent: &Fields) -> Result<String, Refused> {
    let days = sent.maybe_number("days").map_err(Refused::Wrong)?;
    let days = days.map(|days| {
        u32::try_from(days)
            .map_err(|_| Refused::Wrong(Wrong::at("days", capital("use a number above zero, or leave it empty."))))
    });
    let new = NewToken { user: None, label: sent.text("label").to_owned(), role: None, days: days.transpose()? };
    let issued = tokens::issue(&app.hub, name, &new).await.map_err(Refused::Error)?;
    Ok(issued.token.reveal().to_owned())
}
