//! Connecting a store: choose its platform, fill in the form that the channel describes, see what was found.

use super::accounts::{chosen, rate_fields, read_rate};
use super::demo::{self, PlayStore};
use super::form::{Fields, Wrong};
use super::gate::{Asked, Sent, Trouble};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::runs;
use super::ui::{self, Input, Tone};
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use channels::{Info, Secret, Setting};
use domain::{AccountId, Role};
use engine::Error;
use engine::accounts::NewAccount;
use engine::runs::Job;
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

/// The choice of a platform, or the form of the one that was chosen.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    match asked.filled("channel") {
        None => Ok(choice(&app, &viewer)),
        Some(name) => {
            let info = app.hub.channel(name)?.info();
            let store = demo::store_of(&app, &asked);
            let filled = store.as_ref().map(|store| demo::filled(store, info));
            let entry = Entry { wrong: None, sent: filled.as_ref(), store: store.as_ref() };
            Ok(form(&viewer, info, has_master(&app).await?, &entry))
        }
    }
}

async fn has_master(app: &App) -> Result<bool, Error> {
    Ok(app.hub.accounts().await?.values().any(|connected| connected.account.role == Role::Master))
}

fn choice(app: &App, viewer: &Viewer) -> Markup {
    let body = html! {
        (steps(0))
        @if viewer.is_demo { (ui::say_with(Tone::Note, "", &html! { "The fake stores are connected from their own page: " a href="/demo" { "Fake stores" } })) }
        div.plates {
            @for info in app.hub.channels().iter().map(|channel| channel.info()) {
                a.plate href=(super::form::link("/accounts/new", &[("channel", info.name)])) {
                    div.row {
                        div.row { span.monogram aria-hidden="true" { (info.title.chars().take(1).collect::<String>()) } h2 { (info.title) } }
                        @if info.ready || app.hub.config.allow_insecure_endpoints {} @else { (ui::badge(Tone::Warn, "Not finished")) }
                    }
                    p.soft { (abilities(info)) }
                }
            }
        }
    };
    viewer.page(&Head::new("Connect a store").lead("Which platform is it on?").up("/accounts", "Accounts"), &body)
}

/// What a channel can do, in a sentence.
fn abilities(info: &Info) -> String {
    let can = &info.capabilities;
    let exact = match can.class() {
        domain::Class::A => "Exact: the store refuses a write when its level has moved.",
        domain::Class::C => "No sale is lost: every movement is read from the store’s own log or orders.",
        domain::Class::D => "Levels only: what changes between a look and a write is found by comparison.",
    };
    let locations = if can.locations { " Several locations." } else { "" };
    format!("{exact} {} at once.{locations}", ui::counted(can.max_writes as u64, "write", "writes"))
}

pub(super) fn steps(at: usize) -> Markup {
    let names = ["Choose the platform", "Enter its credentials", "Watch it being set up"];
    html! {
        ol.steps {
            @for (place, name) in names.iter().enumerate() {
                li class=[(place < at).then_some("done")] aria-current=[(place == at).then_some("step")] { (name) }
            }
        }
    }
}

/// What the form is filled with: what was sent and what is wrong with it, or what a fake store has for it.
struct Entry<'a> {
    wrong: Option<&'a Wrong>,
    sent: Option<&'a Fields>,
    store: Option<&'a PlayStore>,
}

fn form(viewer: &Viewer, info: &Info, has_master: bool, entry: &Entry<'_>) -> Markup {
    let Entry { wrong, sent, store } = *entry;
    let names = fields(info);
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let role = ui::held(sent, "role", if has_master { "replica" } else { "master" });
    let roles = [
        ("master", "Master", "Its stock is right. Everything that changes there counts."),
        ("replica", "Replica", "It follows. Its sales count; edits there do not."),
    ];
    let body = html! {
        (steps(1))
        section.card { form.body method="post" action="/accounts/new" autocomplete="off" {
            (viewer.token())
            input type="hidden" name="channel" value=(info.name);
            @if let Some(said) = Wrong::above(wrong, &known) { (ui::say(Tone::Bad, "The store was not connected", said)) }
            @if !info.tried_live { (ui::say(Tone::Note, "", &format!("{} was built from its documents and recorded answers; it has not met a real store yet. Begin with a test store.", info.title))) }
            @if let Some(store) = store { (demo::secrets_of(store, info)) }
            (Input::text("id", "Name").value(ui::held(sent, "id", "")).help("What you call it here: a-z, 0-9, - and _. It cannot be changed later.").field(wrong))
            (ui::choices("role", "Role", role, &roles))
            @if let Some(said) = Wrong::beside(wrong, "role") { p.field { span.wrong { (icon(Icon::Alert)) (said) } } }
            @for setting in info.settings.iter().filter(|setting| setting.required) { (field(setting, sent, wrong)) }
            (more_settings(info, sent, wrong))
            p.row { (ui::submit("Connect")) span.soft.small { "Signs in, checks what the credentials may do, and sets up webhooks. Nothing is written to your stock." } }
        } }
    };
    let title = format!("Connect {}", info.title);
    viewer.page(&Head::new(&title).up("/accounts/new", "Connect a store"), &body)
}

/// What most people leave as it is.
fn more_settings(info: &Info, sent: Option<&Fields>, wrong: Option<&Wrong>) -> Markup {
    html! {
        details open[wrong.is_some()] #more {
            summary { "More settings" }
            br;
            @for setting in info.settings.iter().filter(|setting| !setting.required) { (field(setting, sent, wrong)) }
            (rate_fields(info, ui::held(sent, "per_minute", ""), ui::held(sent, "burst", ""), wrong))
        }
        br;
    }
}

fn field_name(setting: &Setting) -> String {
    format!("{}.{}", if setting.secret { "secret" } else { "setting" }, setting.name)
}

fn fields(info: &Info) -> Vec<String> {
    let settings = info.settings.iter().map(field_name);
    ["id", "role", "per_minute", "burst"].map(str::to_owned).into_iter().chain(settings).collect()
}

/// A setting of which some values may be chosen.
pub(super) fn choice_of(setting: &Setting, name: &str, value: &str) -> Markup {
    let words: Vec<(String, String)> =
        setting.choices.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect();
    let value = if value.is_empty() { setting.default.unwrap_or_default() } else { value };
    html! { (ui::select(name, setting.title, value, &words)) p.help { (setting.help) } }
}

fn field(setting: &Setting, sent: Option<&Fields>, wrong: Option<&Wrong>) -> Markup {
    let name = field_name(setting);
    let value = ui::held(sent, &name, setting.default.unwrap_or_default());
    if !setting.choices.is_empty() {
        return choice_of(setting, &name, value);
    }
    let (kind, complete, value) =
        if setting.secret { ("password", "new-password", "") } else { ("text", "off", value) };
    Input {
        required: setting.required,
        ..Input::text(&name, setting.title).kind(kind).complete(complete).help(setting.help).value(value)
    }
    .field(wrong)
}

/// Connects a store: signs in and stores it; a run does the rest, and its page shows each step while it happens.
pub(super) async fn add(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let info = app.hub.channel(sent.text("channel"))?.info();
    let entered = match read(info, &sent) {
        Ok(new) => app.hub.enter_account(new).await.map_err(|error| wrong_of(info, &error)),
        Err(wrong) => Err(wrong),
    };
    match entered {
        Ok(view) => Ok(runs::start(&app, &viewer, Job::Connect { account: view.account.id }).await?),
        Err(wrong) => {
            let store = demo::store_of(&app, &sent);
            let entry = Entry { wrong: Some(&wrong), sent: Some(&sent), store: store.as_ref() };
            let page = form(&viewer, info, has_master(&app).await?, &entry);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// The engine names fields as the API does: `secrets.api_key`, `settings.base_url`.
fn wrong_of(info: &Info, error: &Error) -> Wrong {
    if matches!(error, Error::Channel { .. }) {
        return Wrong::of(error, &[]);
    }
    let text = error.to_string();
    let Some((field, said)) = text.split_once(": ") else { return Wrong::of(error, &[]) };
    let name = field.replacen("secrets.", "secret.", 1).replacen("settings.", "setting.", 1);
    let bare = |setting: &&Setting| setting.name == field;
    let name = info.settings.iter().find(bare).map_or(name, field_name);
    if fields(info).contains(&name) {
        Wrong::at(name, super::form::capital(said))
    } else {
        Wrong::at("", super::form::capital(&text))
    }
}

fn read(info: &Info, sent: &Fields) -> Result<NewAccount, Wrong> {
    let id = AccountId::new(sent.text("id")).map_err(|error| Wrong::at("id", super::form::capital(&error.problem)))?;
    let role = chosen(sent.text("role")).ok().flatten().ok_or_else(|| Wrong::at("role", "Choose one."))?;
    let secrets = sent.below("secret.").into_iter().map(|(name, text)| (name, Secret::new(text))).collect();
    Ok(NewAccount {
        id,
        channel: info.name.into(),
        role,
        inbound: None,
        drift: None,
        settings: sent.below("setting."),
        secrets,
        rate: read_rate(sent)?,
    })
}
