//! The list of accounts, and one account: its health, its webhooks, what counts there, and what can be done with it.

use super::attention;
use super::form::{Fields, Wrong, link};
use super::gate::{Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Input, Tone, badge, count, length};
use super::{connect, first_sync, runs, set_up, warehouses, words};
use crate::App;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use channels::{Info, Secret, Secrets};
use domain::{AccountId, Role, Timestamp};
use engine::accounts::{AccountPatch, AccountView};
use engine::cost::Costs;
use engine::locations::LocationView;
use engine::people::UserRole;
use engine::records::{Rate, Troubled};
use engine::runs::Job;
use engine::warehouses::WarehouseView;
use engine::{Connected, Error};
use http::StatusCode;
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Names shown of a long list of SKUs.
const NAMES: usize = 12;

/// The list.
pub(super) async fn list(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    let mut views = app.hub.list_accounts().await?;
    // the master first, as everywhere
    views.sort_by_key(|view| view.account.role == Role::Replica);
    let accounts = app.hub.accounts().await?;
    let untaken = first_sync::untaken(&app.hub, &views).await?;
    let now = app.hub.clock.now();
    let may = viewer.may(UserRole::Admin);
    let actions = html! {
        @if !views.is_empty() { a.btn href="/first-sync" { (icon(Icon::Sync)) "First sync" } }
        @if may { a.btn.main-act href="/accounts/new" { (icon(Icon::Plus)) "Connect a store" } }
    };
    let body = html! {
        @if views.is_empty() {
            section.card { (ui::empty(Icon::Accounts, "No store is connected", "Begin with the master: the store whose stock is right. Then add the stores that follow it.", may.then_some(("/accounts/new", "Connect a store")))) }
        } @else {
            div data-live="accounts" {
                (first_sync::hints(&untaken))
                div.plates {
                    @for view in &views {
                        @if let Some(connected) = accounts.get(&view.account.id) { (plate(view, connected, &untaken, now)) }
                    }
                }
            }
            (costs(views.len()))
        }
    };
    Ok(viewer
        .page(&Head::new("Accounts").lead("The stores that this hub keeps equal.").actions(actions).every(8), &body))
}

/// What so many stores cost, in one sentence.
fn costs(stores: usize) -> Markup {
    let costs = Costs::of(u32::try_from(stores).unwrap_or(u32::MAX));
    let cents = |dollars: f64| format!("{:.1} ¢", dollars * 100.0);
    html! {
        p.soft {
            "On AWS a thousand changes in " (ui::counted(stores as u64, "store", "stores")) " cost about "
            (cents(costs.thousand_changes)) " (through an HTTP API " (cents(costs.thousand_changes_http_api)) "), and a month without any about $"
            (format!("{:.2}", costs.idle_month)) ": " (costs.prices) ". A machine of your own asks none of it."
        }
    }
}

fn plate(view: &AccountView, connected: &Connected, untaken: &first_sync::Untaken, now: Timestamp) -> Markup {
    let (tone, state) = first_sync::state(connected, untaken, now);
    let info = connected.channel.info();
    html! {
        a.plate href={ "/accounts/" (view.account.id) } {
            div.row {
                div.row { span.monogram aria-hidden="true" { (info.title.chars().take(1).collect::<String>()) }
                    div { h2 { (view.account.id) } p.soft { (info.title) " · " (words::role(view.account.role)) } } }
                (badge(tone, state))
            }
            dl.facts.small {
                dt { "Last webhook" } dd { (ui::maybe_ago(view.health.hook)) }
                dt { "Last write" } dd { (ui::maybe_ago(view.health.written)) }
                dt { "Compared" } dd { (ui::maybe_ago(view.health.compared)) }
                dt { "Waiting" } dd.num-left { (count(view.waiting)) }
            }
        }
    }
}

/// One account.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Markup, Trouble> {
    show(&app, &viewer, &read(&id)?, None).await
}

/// The account that an address names.
pub(super) fn read(id: &str) -> Result<AccountId, Error> {
    AccountId::new(id).map_err(|_| Error::NotFound { what: "account", name: id.to_owned() })
}

async fn show(app: &App, viewer: &Viewer, id: &AccountId, wrong: Option<&Wrong>) -> Result<Markup, Trouble> {
    let view = app.hub.show_account(id).await?;
    let connected = app.hub.connected(id).await?;
    let now = app.hub.clock.now();
    let (places, all) = futures::try_join!(app.hub.list_locations(Some(id)), app.hub.list_warehouses())?;
    let info = connected.channel.info();
    let untaken = first_sync::untaken(&app.hub, std::slice::from_ref(&view)).await?;
    let (tone, state) = first_sync::state(&connected, &untaken, now);
    let admin = viewer.may(UserRole::Admin);
    let body = html! {
        div data-live="needs" { (first_sync::hints(&untaken)) (needs(&connected, now)) }
        div.cols.led {
            div.at-first { @if viewer.may(UserRole::Operator) { (actions(viewer, &view)) } }
            div.at-main {
                section.card { header { h2 { "Health" } (badge(tone, state)) } div.body data-live="health" { (health(&view, now)) } }
                (locations(viewer, &places, &all, &view.account.id))
                @if admin { (policies(viewer, &view, wrong)) }
                section.card { header { div { h2 { "Webhooks" } p { "How the store tells of a change within seconds." } } } (hooks(&view)) }
            }
            div.at-rest {
                @if admin { (settings(viewer, &view, info, wrong)) (rotate(viewer, &view, info, wrong)) (remove_card(&view)) }
            }
        }
    };
    let lead = format!("{} · {}", info.title, words::role(view.account.role));
    let more = html! { a.btn href=(super::form::link("/history", &[("account", id.as_str())])) { (icon(Icon::History)) "Its history" } };
    Ok(viewer.page(&Head::new(id.as_str()).lead(&lead).up("/accounts", "Accounts").actions(more).every(5), &body))
}

fn locations(viewer: &Viewer, places: &[LocationView], all: &[WarehouseView], id: &AccountId) -> Markup {
    html! {
        @if places.len() > 1 || all.len() > 1 || places.iter().any(|place| place.warehouses.is_empty()) {
            section.card {
                header { div { h2 { "Locations" } p { "Each belongs to one warehouse; what is not linked is not touched." } } a.btn.small href="/warehouses" aria-label={ "Link the locations of " (id) } { "Link" } }
                ul.todo { @for place in places {
                    li.between {
                        div { p.strong { (if warehouses::is_pool(place) { "Its one pool of stock" } else { &place.name }) } p.soft { @if place.warehouses.is_empty() { "in no warehouse" } @else { "in " @for (at, warehouse) in place.warehouses.iter().enumerate() { @if at > 0 { ", " } (warehouses::name_of(all, warehouse)) } } } }
                        @if place.gone.is_some() { (badge(Tone::Bad, "Gone")) } @else if !place.open { (badge(Tone::Warn, "Closed")) } @else if place.master { (badge(Tone::Good, "Leads")) }
                    }
                } }
                @if viewer.may(UserRole::Admin) { (warehouses::feeding(viewer, id, places, all)) }
            }
        }
    }
}

fn needs(connected: &Connected, now: Timestamp) -> Markup {
    let id = &connected.account.id;
    html! {
        @for need in attention::of_account(connected, now) {
            div class={ "say " (need.tone.class()) } {
                (icon(Icon::Alert))
                div { p.title { (need.title) } p { (need.said) } }
                @if connected.account.quarantine.is_some() && need.action == attention::REVIEW {
                    div.actions { a.btn.small href={ "/accounts/" (id) "/quarantine" } { (icon(Icon::Shield)) "Review what was seen" } }
                }
            }
        }
    }
}

fn health(view: &AccountView, now: Timestamp) -> Markup {
    let health = &view.health;
    html! {
        dl.facts {
            dt { "Last webhook" } dd { (ui::maybe_ago(health.hook)) }
            dt { "Last read" } dd { (ui::maybe_ago(health.read)) }
            dt { "Last write" } dd { (ui::maybe_ago(health.written)) }
            dt { "Last comparison" } dd { (ui::maybe_ago(health.compared)) @if health.compared.is_some() { span.soft { ", " (ui::counted(health.drift, "difference", "differences")) } } }
            @if let Some(latency) = &view.latency { dt { "From other stores to it" } dd { (length(latency.p50_ms)) span.soft { ", 95 % within " (length(latency.p95_ms)) } } }
            dt { "Waiting work" } dd { (count(view.waiting)) }
            @if let Some(until) = view.closed_until.or(health.cooldown).filter(|until| now < *until) {
                dt { "No calls before" } dd { (ui::time(until)) span.soft { ", in " (length(until.since_ms(now))) } }
            }
            @if let Some(error) = &health.error { dt { "Last failure" } dd { span.bad { (error) } span.soft { " (" (ui::counted(u64::from(health.failures), "failure", "failures")) " in a row)" } } }
            @if health.refused > 0 { dt { "Refused webhooks" } dd { (count(health.refused)) span.soft { " with a wrong or missing signature" } } }
            (troubles(&view.account.id, &health.troubles))
            (names("SKU clashes", &health.clashes))
            (names("Not matched", &health.unknown_skus))
            @if !health.unaccounted.is_empty() {
                dt { "Sold without movement" }
                dd { @for line in health.unaccounted.iter().take(NAMES) { p { "order " (line.order) ": " (line.quantity) " × " span.mono { (line.sku) } } } }
            }
        }
    }
}

/// What the store does not take, and what it said.
fn troubles(id: &AccountId, all: &[Troubled]) -> Markup {
    html! {
        @if !all.is_empty() {
            dt { "Cannot be written" }
            dd {
                @for failed in all.iter().take(NAMES) { p { a.sku href=(link("/item", &[("sku", failed.sku.as_str())])) { (failed.sku) } span.soft { ": " (failed.why) } } }
                @if all.len() > NAMES { p { a href=(link("/items", &[("account", id.as_str()), ("failed", "1")])) { "All of them" } } }
            }
        }
    }
}

fn names(title: &str, skus: &[String]) -> Markup {
    html! {
        @if !skus.is_empty() {
            dt { (title) }
            dd {
                @for (place, sku) in skus.iter().take(NAMES).enumerate() { @if place > 0 { ", " } span.mono { (sku) } }
                @if skus.len() > NAMES { span.soft { " and " (skus.len() - NAMES) " more" } }
            }
        }
    }
}

/// The state of our webhooks in the store.
pub(super) fn hooks(view: &AccountView) -> Markup {
    html! {
        @match &view.webhook_url {
            None => (ui::empty(Icon::Bell, "This hub has no public address", "Stores cannot reach it, so changes are found by looking. Start it with a public address to be told at once.", None)),
            Some(_) if view.health.subscriptions.is_empty() => (ui::empty(Icon::Bell, "Not set up yet", "Test the connection: they are created and verified then.", None)),
            Some(url) => {
                (set_up::table(&view.health.subscriptions))
                footer { span.small.soft { "They go to " code { (url) } } }
            }
        }
    }
}

fn actions(viewer: &Viewer, view: &AccountView) -> Markup {
    let to = |what: &str| format!("/accounts/{}/do/{what}", view.account.id);
    html! {
        section.card {
            header { h2 { "Actions" } }
            div.body.stack {
                div.row {
                (viewer.button(&to("sync"), "", Icon::Sync, "Sync everything now", None))
                @if view.account.paused { (viewer.button(&to("resume"), "main-act", Icon::Play, "Resume", None)) }
                @else { (viewer.button(&to("pause"), "", Icon::Pause, "Pause", None)) }
                @if view.account.frozen.is_some() { (viewer.button(&to("thaw"), "main-act", Icon::Play, "Thaw", None)) }
                @else { (viewer.button(&to("freeze"), "", Icon::Shield, "Freeze", Some("Freeze this account? It is neither read nor written until you thaw it; what happens meanwhile counts then."))) }
                (viewer.button(&to("test"), "", Icon::Check, "Test the connection", None))
                a.btn href={ "/accounts/" (view.account.id) "/mapping" } { (icon(Icon::Search)) "Products and mapping" }
                a.btn href=(link("/rules/edit", &[("account", view.account.id.as_str())])) { (icon(Icon::Rules)) "Its rules" }
                }
                p.help { "Paused, it is not written; what sells there still counts. Frozen, it is neither read nor written." }
            }
        }
    }
}

fn policies(viewer: &Viewer, view: &AccountView, wrong: Option<&Wrong>) -> Markup {
    let account = &view.account;
    let flash = account.flash_minutes.filter(|minutes| *minutes > 0).map(|minutes| minutes.to_string());
    let flash = flash.unwrap_or_default();
    html! {
        section.card {
            header { div { h2 { "What counts there" } p { "And what happens to the rest." } } }
            form.body method="post" action={ "/accounts/" (account.id) "/policies" } {
                (viewer.token())
                div.pair {
                (ui::choices("inbound", "Changes in this store that count", &words::value(&account.inbound), &words::INBOUND))
                (ui::choices("drift", "What does not count", &words::value(&account.drift), &words::DRIFT))
                (ui::choices("restock", "What comes back is stocked again", &words::value(&account.restock), &words::RESTOCK))
                (ui::choices("duplicates", "Several products with one SKU", &words::value(&account.duplicates), &words::DUPLICATES))
                }
                (Input::text("flash_minutes", "While something sells fast, keep back what sells in … minutes").kind("number").optional().value(&flash).help("Against overselling in a rush. Empty: off.").field(wrong))
                (ui::submit("Save"))
            }
        }
    }
}

fn settings(viewer: &Viewer, view: &AccountView, info: &Info, wrong: Option<&Wrong>) -> Markup {
    let wrong = wrong.filter(|wrong| !wrong.field.starts_with("secret.") && wrong.field != "flash_minutes");
    let rate = view.account.rate;
    let text = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    html! {
        details.card open[wrong.is_some()] #settings {
            summary { "Settings" }
            form.body method="post" action={ "/accounts/" (view.account.id) "/settings" } {
                (viewer.token())
                @if let Some(wrong) = wrong { (ui::say(Tone::Bad, "", &wrong.said)) }
                @for setting in info.settings.iter().filter(|setting| !setting.secret) {
                    @let name = format!("setting.{}", setting.name);
                    @let value = view.account.settings.get(setting.name).map_or("", String::as_str);
                    @if !setting.choices.is_empty() { (connect::choice_of(setting, &name, value)) }
                    @else { (Input { required: setting.required, ..Input::text(&name, setting.title).help(setting.help).value(value) }.field(wrong)) }
                }
                (rate_fields(info, &text(rate.map(|rate| rate.per_minute)), &text(rate.map(|rate| rate.burst)), wrong))
                (ui::submit("Save settings"))
            }
        }
    }
}

/// The fields of a rate of calls that is not the channel's own.
pub(super) fn rate_fields(info: &Info, minute: &str, burst: &str, wrong: Option<&Wrong>) -> Markup {
    let (own, at_once) = (
        format!("The channel’s own limit is {:.0} a minute.", info.rate_per_second * 60.0),
        format!("The channel allows {}.", info.burst),
    );
    html! {
        (Input::text("per_minute", "Calls a minute").kind("number").optional().value(minute).help(&own).field(wrong))
        (Input::text("burst", "Calls at once").kind("number").optional().value(burst).help(&at_once).field(wrong))
    }
}

fn rotate(viewer: &Viewer, view: &AccountView, info: &Info, wrong: Option<&Wrong>) -> Markup {
    let wrong = wrong.filter(|wrong| wrong.field.starts_with("secret."));
    html! {
        details.card open[wrong.is_some()] #rotate {
            summary { "Replace credentials" }
            form.body method="post" action={ "/accounts/" (view.account.id) "/rotate" } autocomplete="off" {
                (viewer.token())
                @if let Some(wrong) = wrong { (ui::say(Tone::Bad, "", &wrong.said)) }
                p.help { "Fill in only what changes. The store is asked with the new ones first; if it refuses them, the former ones stay in force." }
                br;
                @for setting in info.settings.iter().filter(|setting| setting.secret) {
                    @let name = format!("secret.{}", setting.name);
                    (Input::text(&name, setting.title).kind("password").complete("new-password").help(setting.help).optional().field(None))
                }
                (ui::submit("Replace"))
            }
        }
    }
}

fn remove_card(view: &AccountView) -> Markup {
    html! {
        section.card {
            header { h2 { "Remove" } }
            div.body.stack-s {
                p.soft { "Its webhooks, secrets and listings go; its history stays, and what it counted stays counted." }
                p { a.btn.danger href={ "/accounts/" (view.account.id) "/remove" } { (icon(Icon::Bin)) "Remove this account …" } }
            }
        }
    }
}

/// The page that asks before an account is removed.
pub(super) async fn removing(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Markup, Trouble> {
    let view = app.hub.show_account(&read(&id)?).await?;
    Ok(remove_page(&viewer, &view, None))
}

fn remove_page(viewer: &Viewer, view: &AccountView, wrong: Option<&Wrong>) -> Markup {
    let id = &view.account.id;
    let (path, title) = (format!("/accounts/{id}"), format!("Remove {id}?"));
    let body = html! {
        section.card { form.body method="post" action={ "/accounts/" (id) "/remove" } {
            (viewer.token())
            (ui::say(Tone::Warn, "The store itself is not touched", "It keeps the numbers that it shows now, and Evenstock stops writing to it."))
            (Input::text("name", "Type the account’s name to remove it").help(id.as_str()).field(wrong))
            p.row { button.btn.danger type="submit" { span.spin {} (icon(Icon::Bin)) "Remove " (id) } a.btn href=(path) { "Keep it" } }
        } }
    };
    viewer.page(&Head::new(&title).up(&path, id.as_str()), &body)
}

/// Removes an account.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    if sent.text("name") != id.as_str() {
        let view = app.hub.show_account(&id).await?;
        let wrong = Wrong::at("name", format!("That is not the name. Type {id}, or keep the account."));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, remove_page(&viewer, &view, Some(&wrong))).into_response());
    }
    app.hub.remove_account(&id).await?;
    Ok(done("/accounts", &format!("{id} is removed.")))
}

/// One of the buttons of an account.
pub(super) async fn act(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((id, what)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let (id, to) = (read(&id)?, format!("/accounts/{id}"));
    let patch = |patch: AccountPatch| app.hub.change_account(&id, patch);
    let said = match what.as_str() {
        "pause" => patch(AccountPatch { paused: Some(true), ..AccountPatch::default() })
            .await
            .map(|_| format!("{id} is paused: nothing is written to it."))?,
        "resume" => patch(AccountPatch { paused: Some(false), ..AccountPatch::default() })
            .await
            .map(|_| format!("{id} goes on and catches up."))?,
        "release" => patch(AccountPatch { release: true, ..AccountPatch::default() })
            .await
            .map(|_| format!("{id} is believed again and brought up to date."))?,
        "freeze" => patch(AccountPatch { frozen: Some(true), ..AccountPatch::default() })
            .await
            .map(|_| format!("{id} is frozen: it is neither read nor written."))?,
        "thaw" => patch(AccountPatch { frozen: Some(false), ..AccountPatch::default() })
            .await
            .map(|_| format!("{id} goes on; what happened meanwhile counts."))?,
        "sync" => format!("{} of {id} are looked at.", ui::counted(app.hub.sync_account(&id).await?, "SKU", "SKUs")),
        "test" => return Ok(runs::start(&app, &viewer, Job::Connect { account: id }).await?),
        _ => return Err(Error::NotFound { what: "action", name: what }.into()),
    };
    Ok(done(&to, &said))
}

/// Saves what counts.
pub(super) async fn save_policies(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    let saved = match read_policies(&sent)? {
        Ok(patch) => app.hub.change_account(&id, patch).await.map_err(|error| Wrong::of(&error, &["flash_minutes"])),
        Err(wrong) => Err(wrong),
    };
    match saved {
        Ok(_) => Ok(done(&format!("/accounts/{id}"), "Saved. It holds from the next change on.")),
        Err(wrong) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&app, &viewer, &id, Some(&wrong)).await?).into_response())
        }
    }
}

fn read_policies(sent: &Fields) -> Result<Result<AccountPatch, Wrong>, Error> {
    let patch = AccountPatch {
        inbound: chosen(sent.text("inbound"))?,
        drift: chosen(sent.text("drift"))?,
        restock: chosen(sent.text("restock"))?,
        duplicates: chosen(sent.text("duplicates"))?,
        ..AccountPatch::default()
    };
    let minutes = sent.maybe_number("flash_minutes").map(|minutes| u32::try_from(minutes.unwrap_or(0)).ok());
    Ok(match minutes {
        Ok(Some(minutes)) => Ok(AccountPatch { flash_minutes: Some(minutes), ..patch }),
        Ok(None) => Err(Wrong::at("flash_minutes", "Use a number of minutes, or leave it empty.")),
        Err(wrong) => Err(wrong),
    })
}

/// The value that a choice stands for; nothing when none was made.
pub(super) fn chosen<T: DeserializeOwned>(value: &str) -> Result<Option<T>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let read = serde_json::from_value(value.into());
    read.map(Some).map_err(|_| Error::Invalid(format!("{value:?} is not one of the choices")))
}

/// Saves settings.
pub(super) async fn save_settings(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    let saved = match read_rate(&sent) {
        Ok(rate) => {
            let patch = AccountPatch { settings: sent.below("setting."), rate, ..AccountPatch::default() };
            app.hub.change_account(&id, patch).await.map_err(|error| Wrong::of(&error, &[]))
        }
        Err(wrong) => Err(wrong),
    };
    match saved {
        Ok(_) => Ok(done(&format!("/accounts/{id}"), "Settings saved.")),
        Err(wrong) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&app, &viewer, &id, Some(&wrong)).await?).into_response())
        }
    }
}

/// The rate that a form asks for, if it does.
pub(super) fn read_rate(sent: &Fields) -> Result<Option<Rate>, Wrong> {
    let (minute, burst) = (sent.maybe_number("per_minute")?, sent.maybe_number("burst")?);
    let positive = |field: &str, number: i64| {
        u32::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| Wrong::at(field, "Use a number above zero, or leave both empty."))
    };
    match (minute, burst) {
        (None, None) => Ok(None),
        (Some(minute), burst) => Ok(Some(Rate {
            per_minute: positive("per_minute", minute)?,
            burst: positive("burst", burst.unwrap_or(1))?,
        })),
        (None, Some(_)) => Err(Wrong::at("per_minute", "Say how many calls a minute, too.")),
    }
}

/// Replaces credentials.
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    let secrets: Secrets = sent.below("secret.").into_iter().map(|(name, text)| (name, Secret::new(text))).collect();
    let replaced = if secrets.is_empty() {
        Err(Wrong::at("secret.", "Fill in what changes."))
    } else {
        app.hub.rotate_account(&id, secrets).await.map_err(|error| Wrong::at("secret.", Wrong::of(&error, &[]).said))
    };
    match replaced {
        Ok(test) => {
            Ok(done(&format!("/accounts/{id}"), &format!("{} takes the new credentials.", test.identity.store)))
        }
        Err(wrong) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&app, &viewer, &id, Some(&wrong)).await?).into_response())
        }
    }
}
