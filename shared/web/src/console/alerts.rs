//! Alerts: what is wrong now, who is told of it and how, and from when on something is an alarm.

use super::attention::{self, Need};
use super::form::{Fields, Wrong, link};
use super::gate::{Sent, Trouble, done, went};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Input, Tone, badge};
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use channels::Secret;
use domain::alarm::{Alarm, Kind, Raised, Thresholds};
use engine::Error;
use engine::alerts::{AddedTarget, AlertsView, NewTarget, SettingsPatch, Target, Way};
use engine::people::UserRole;
use http::StatusCode;
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The numbers of the settings' form.
const NUMBERS: [&str; 8] = [
    "repeat_minutes",
    "failures",
    "no_read_minutes",
    "silent_minutes",
    "credential_days",
    "waiting_minutes",
    "slow_seconds",
    "low_stock",
];

type Again<'a> = Option<(&'a Wrong, &'a Fields)>;

/// A kind of alarm, in words.
pub(super) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Quarantine => "A store is in quarantine",
        Kind::TwoHubs => "Another hub writes the same store",
        Kind::Contested => "Another program fights over a number",
        Kind::Failing => "Calls to a store fail",
        Kind::NoRead => "A store was not read for a while",
        Kind::SilentWebhooks => "A store’s webhooks do not arrive",
        Kind::BrokenWebhooks => "A webhook is not set up",
        Kind::Credentials => "Credentials end soon",
        Kind::Waiting => "Work waits too long",
        Kind::Slow => "Changes take too long",
        Kind::Clash => "A SKU stands at several products",
        Kind::DeadLetters => "Messages failed too often",
        Kind::Oversold => "More was sold than there was",
        Kind::LowStock => "Little is left",
    }
}

const fn way(way: Way) -> &'static str {
    match way {
        Way::Email => "e-mail",
        Way::Slack => "chat webhook",
        Way::Webhook => "signed webhook",
    }
}

/// The page.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    show(&app, &viewer, None, None).await
}

async fn show(app: &App, viewer: &Viewer, again: Again<'_>, added: Option<&AddedTarget>) -> Result<Markup, Trouble> {
    let (view, accounts) = futures::try_join!(app.hub.alerts(), app.hub.accounts())?;
    let mut needs = attention::of(&accounts, app.hub.clock.now());
    needs.retain(|need| need.tone >= Tone::Warn);
    let admin = viewer.may(UserRole::Admin);
    let body = html! {
        @if let Some(secret) = added.and_then(|added| added.secret.as_ref()) {
            (ui::say_with(Tone::Good, "What signs this webhook, shown this once", &html! { code { (secret.reveal()) } }))
        }
        div.cols {
            div {
                section.card { header { h2 { "Alarms now" } } div data-live="alarms" { (alarms(&view.alarms, &needs)) } }
                section.card { header { div { h2 { "Who is told" } @if view.waiting > 0 { p { (ui::counted(view.waiting, "notice is", "notices are")) " on the way" } } } } (targets(viewer, &view, admin)) }
            }
            @if admin { div { (target_form(viewer, &view, again)) (settings_form(viewer, &view, again)) } }
        }
    };
    Ok(viewer
        .page(&Head::new("Alerts").lead("Bad news is loud: shown here, and sent to whom you choose.").every(10), &body))
}

fn alarms(all: &[Raised], needs: &[Need]) -> Markup {
    html! {
        @if let ([], [first, ..]) = (all, needs) {
            (ui::empty(Icon::Info, "No alarm yet", &format!("{}. It becomes an alarm, and is sent, once it lasts.", first.title), Some((&first.to, "Look at it"))))
        } @else if all.is_empty() { (ui::empty(Icon::Check, "Nothing is wrong", "Every store answers, is written, and is believed.", None)) }
        @else { ul.todo { @for alarm in all { (line(alarm)) } } }
    }
}

fn line(alarm: &Raised) -> Markup {
    html! {
        li {
            span.dot.bad {}
            div {
                p.strong { (kind(alarm.alarm.kind)) ": " (alarm.alarm.subject) }
                p.soft { (super::form::capital(&alarm.alarm.text)) }
                p.soft { "since " (ui::ago(alarm.since)) " · " a href=(place(&alarm.alarm)) { "Look at it" } }
            }
        }
    }
}

/// Where something can be done about an alarm.
fn place(alarm: &Alarm) -> String {
    match alarm.kind {
        Kind::Oversold | Kind::LowStock => link("/item", &[("sku", &alarm.subject)]),
        Kind::DeadLetters => "/queue".into(),
        Kind::Quarantine => format!("/accounts/{}/quarantine", alarm.subject),
        Kind::TwoHubs
        | Kind::Contested
        | Kind::Failing
        | Kind::BrokenWebhooks
        | Kind::Clash
        | Kind::Credentials
        | Kind::SilentWebhooks
        | Kind::NoRead
        | Kind::Waiting
        | Kind::Slow => format!("/accounts/{}", alarm.subject),
    }
}

fn targets(viewer: &Viewer, view: &AlertsView, admin: bool) -> Markup {
    html! {
        @if view.settings.targets.is_empty() { (ui::empty(Icon::Bell, "Nobody is told yet", "Alarms show up here and on the overview. Add a mail address or a webhook to hear of them elsewhere.", None)) }
        @else { ul.todo { @for target in &view.settings.targets { (one(viewer, target, admin)) } } }
    }
}

fn one(viewer: &Viewer, target: &Target, admin: bool) -> Markup {
    html! {
        li.between {
            div {
                p.row { span.strong { (target.name) } (badge(Tone::Plain, way(target.way))) }
                p.soft { (target.to) @if !target.kinds.is_empty() { ", only: " (target.kinds.iter().map(|wanted| kind(*wanted)).collect::<Vec<_>>().join(", ")) } }
            }
            @if admin {
                form.row method="post" action="/alerts" {
                    (viewer.token())
                    input type="hidden" name="name" value=(target.name);
                    button.btn.small type="submit" name="do" value="test" aria-label={ "Try " (target.name) } { span.spin {} "Try" }
                    button.btn.small.danger type="submit" name="do" value="remove" aria-label={ "Remove " (target.name) } data-confirm={ "Tell " (target.name) " nothing more?" } { "Remove" }
                }
            }
        }
    }
}

fn target_form(viewer: &Viewer, view: &AlertsView, again: Again<'_>) -> Markup {
    let again = again.filter(|(_, sent)| sent.text("do") == "add");
    let (wrong, sent) = (again.map(|(wrong, _)| wrong), again.map(|(_, sent)| sent));
    let mail = if view.can_mail { "" } else { "This hub has no mail server yet: see the operations page." };
    let ways = [
        ("email", "E-mail", mail),
        ("slack", "Chat webhook", "Slack, Mattermost and whatever reads their messages."),
        ("webhook", "Signed webhook", "By the Standard Webhooks specification."),
    ];
    html! {
        section.card {
            header { h2 { "Tell somebody" } }
            form.body method="post" action="/alerts" {
                (viewer.token())
                @if let Some(said) = Wrong::above(wrong, &["name", "to"]) { (ui::say(Tone::Bad, "", said)) }
                (Input::text("name", "Name").value(ui::held(sent, "name", "")).help("a-z, 0-9 and -.").field(wrong))
                (ui::choices("way", "How", ui::held(sent, "way", "email"), &ways))
                (Input::text("to", "Address").value(ui::held(sent, "to", "")).help("A mail address, or the webhook’s https address.").field(wrong))
                details open[sent.is_some_and(|sent| sent.ticked("kinds"))] {
                    summary { "Only some alarms" }
                    fieldset {
                        legend.hidden { "Only these alarms" }
                        p.help { "Nothing ticked: of everything that is wrong." }
                        @for known in Kind::ALL { label.choice { input type="checkbox" name="kinds" value=(known.name()) checked[sent.is_some_and(|sent| sent.all("kinds").any(|wanted| wanted == known.name()))]; span { (kind(known)) } } }
                    }
                }
                button.btn.main-act type="submit" name="do" value="add" { span.spin {} (icon(Icon::Plus)) "Add" }
            }
        }
    }
}

fn settings_form(viewer: &Viewer, view: &AlertsView, again: Again<'_>) -> Markup {
    let again = again.filter(|(_, sent)| sent.text("do") == "settings");
    let (wrong, sent) = (again.map(|(wrong, _)| wrong), again.map(|(_, sent)| sent));
    let at = &view.settings.thresholds;
    let field = |name: &str, label: &str, value: i64| {
        let (value, wrong) = (value.to_string(), wrong);
        Input::text(name, label).kind("number").value(sent.map_or(value.as_str(), |sent| sent.text(name))).field(wrong)
    };
    html! {
        details.card open[wrong.is_some()] #thresholds {
            summary { "When something becomes an alarm" }
            form.body method="post" action="/alerts" {
                (viewer.token())
                @if let Some(said) = Wrong::above(wrong, &NUMBERS) { (ui::say(Tone::Bad, "", said)) }
                (field("repeat_minutes", "Told again after minutes", view.settings.repeat_minutes))
                (field("failures", "Failed calls in a row", i64::from(at.failures)))
                (field("no_read_minutes", "Minutes without a read", at.no_read_minutes))
                (field("silent_minutes", "Minutes without a webhook while stock moves", at.silent_minutes))
                (field("credential_days", "Days before credentials end", at.credential_days))
                (field("waiting_minutes", "Minutes that work may wait", at.waiting_minutes))
                (field("slow_seconds", "Seconds from store to store", at.slow_seconds))
                (field("low_stock", "Units that count as low (0: never)", at.low_stock))
                fieldset {
                    legend { "Told of" }
                    @for known in Kind::ALL { label.choice { input type="checkbox" name="told" value=(known.name()) checked[!view.settings.muted.contains(&known)]; span { (kind(known)) } } }
                }
                button.btn type="submit" name="do" value="settings" { span.spin {} "Save" }
            }
        }
    }
}

/// Adds, tries or removes a target, or saves the thresholds.
pub(super) async fn change(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let (hub, name) = (&app.hub, sent.text("name"));
    let failed = match sent.text("do") {
        "add" => match hub.add_target(new_target(&sent)?).await {
            Ok(added) if added.secret.is_some() => {
                return Ok(show(&app, &viewer, None, Some(&added)).await?.into_response());
            }
            Ok(added) => {
                return Ok(done("/alerts", &format!("{} is told from now on. Try it once.", added.target.name)));
            }
            Err(error) => error,
        },
        "test" => {
            let delivery = hub.test_target(name).await?;
            let (tone, said) = match delivery.error {
                None => (Tone::Good, format!("{name} was told.")),
                Some(error) => (Tone::Warn, format!("{name} was not told: {error}")),
            };
            return Ok(went("/alerts", tone, &said));
        }
        "remove" => {
            hub.remove_target(name).await?;
            return Ok(done("/alerts", &format!("{name} is told nothing more.")));
        }
        "settings" => {
            let before = hub.alerts().await?.settings.thresholds;
            let saved = match settings(&sent, before) {
                Ok(patch) => hub.change_alerts(patch).await.map_err(|error| wrong_number(&error)),
                Err(wrong) => Err(wrong),
            };
            return match saved {
                Ok(_) => Ok(done("/alerts", "Saved.")),
                Err(wrong) => {
                    let page = show(&app, &viewer, Some((&wrong, &sent)), None).await?;
                    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
                }
            };
        }
        other => Error::Invalid(format!("{other:?} is nothing that can be done")),
    };
    let wrong = Wrong::of(&failed, &["name", "to"]);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&app, &viewer, Some((&wrong, &sent)), None).await?).into_response())
}

fn new_target(sent: &Fields) -> Result<NewTarget, Error> {
    let way = match sent.text("way") {
        "email" => Way::Email,
        "slack" => Way::Slack,
        "webhook" => Way::Webhook,
        other => return Err(Error::Invalid(format!("way: {other:?} is none"))),
    };
    let kinds = Kind::ALL.into_iter().filter(|known| sent.all("kinds").any(|wanted| wanted == known.name())).collect();
    Ok(NewTarget { name: sent.text("name").to_owned(), way, to: Secret::new(sent.text("to")), kinds })
}

/// What the engine said of a number: it names it `thresholds.low_stock`.
fn wrong_number(error: &Error) -> Wrong {
    match Wrong::of(error, &[]) {
        wrong if wrong.said.starts_with("Thresholds.") => match wrong.said["Thresholds.".len()..].split_once(": ") {
            Some((field, said)) => Wrong::at(field, super::form::capital(said)),
            None => wrong,
        },
        wrong => match wrong.said.split_once(": ") {
            Some(("Repeat_minutes", said)) => Wrong::at("repeat_minutes", super::form::capital(said)),
            Some(_) | None => wrong,
        },
    }
}

fn settings(sent: &Fields, before: Thresholds) -> Result<SettingsPatch, Wrong> {
    let number = |name: &str| sent.number(name);
    let thresholds = Thresholds {
        failures: u32::try_from(number("failures")?).unwrap_or(u32::MAX),
        no_read_minutes: number("no_read_minutes")?,
        silent_minutes: number("silent_minutes")?,
        credential_days: number("credential_days")?,
        waiting_minutes: number("waiting_minutes")?,
        slow_seconds: number("slow_seconds")?,
        low_stock: number("low_stock")?,
        ..before
    };
    let told: BTreeSet<&str> = sent.all("told").collect();
    let muted = Kind::ALL.into_iter().filter(|kind| !told.contains(kind.name())).collect();
    Ok(SettingsPatch {
        muted: Some(muted),
        repeat_minutes: Some(number("repeat_minutes")?),
        thresholds: Some(thresholds),
    })
}
