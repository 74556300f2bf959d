//! `alerts …` and `quarantine …`.

use super::show::{cell, judged, number, time, word};
use super::{Cx, api, ask, items};
use anyhow::Context;
use domain::alarm::{Kind, Raised};
use engine::alerts::{AddedTarget, AlertsView, Delivery, Target};
use engine::quarantine::{Judged, Suspect};
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// `alerts …`
#[derive(Debug, clap::Args)]
pub struct WhichAlerts {
    #[command(subcommand)]
    command: Option<Alerts>,
}

/// What to do with alerts; `show` if nothing is said.
#[derive(Debug, clap::Subcommand)]
enum Alerts {
    /// What is wrong now, and who is told of it; status 1 when something is
    Show,
    /// Tell somebody: a mail address, a Slack-compatible webhook, or a webhook that we sign
    Add {
        /// A name for it: a-z, 0-9 and -
        name: String,
        /// How
        #[arg(value_parser = ["email", "slack", "webhook"])]
        way: String,
        /// The address; asked for when it is `-`, so that it is in no shell's history
        to: String,
        /// Only of this kind; may be given several times
        #[arg(long, value_name = "KIND")]
        kind: Vec<String>,
    },
    /// Tell them no more
    Remove {
        /// Its name
        name: String,
    },
    /// Send a test now
    Test {
        /// Its name
        name: String,
    },
    /// Tell nobody of a kind
    Mute {
        /// The kind
        kind: String,
    },
    /// Tell of a kind again
    Unmute {
        /// The kind
        kind: String,
    },
    /// Change from when on something is an alarm, and how often it is repeated
    Set {
        /// Such as `no_read_minutes=60` or `repeat_minutes=1440`
        #[arg(required = true, value_name = "NAME=NUMBER")]
        value: Vec<String>,
    },
}

/// `quarantine …`
#[derive(Debug, clap::Subcommand)]
pub enum Quarantine {
    /// Why an account is not believed, and what was seen of it
    Show {
        /// The account
        id: String,
        /// At most this many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Believe what its store says: of some SKUs, or of all
    Release {
        /// The account
        id: String,
        /// Only this SKU; may be given several times
        #[arg(long)]
        sku: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Set its store back to the hub's levels: of some SKUs, or of all
    Discard {
        /// The account
        id: String,
        /// Only this SKU; may be given several times
        #[arg(long)]
        sku: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Write a SKU again that another writer kept changing
    Uncontest {
        /// The account
        id: String,
        /// The SKU
        sku: String,
    },
}

/// Runs an `alerts` command.
///
/// # Errors
/// What the hub said.
pub async fn alerts(cx: &Cx, which: WhichAlerts) -> anyhow::Result<bool> {
    match which.command.unwrap_or(Alerts::Show) {
        Alerts::Show => return show(cx, &cx.client.get("/alerts").await?),
        Alerts::Add { name, way, to, kind } => {
            let to = if to == "-" { ask::secret("Address: ")? } else { to };
            let new = json!({"name": name, "way": way, "to": to, "kinds": kind});
            let added: AddedTarget = cx.client.post("/alerts/targets", &new).await?;
            cx.show.answer(&added, added_text)?;
        }
        Alerts::Remove { name } => {
            let _: Value = cx.client.call(Method::DELETE, &path(&name, ""), None::<&()>).await?;
            cx.show.answer(&json!({"removed": name}), |_| format!("{name} removed"))?;
        }
        Alerts::Test { name } => return test(cx, &name).await,
        Alerts::Mute { kind } => mute(cx, &kind, true).await?,
        Alerts::Unmute { kind } => mute(cx, &kind, false).await?,
        Alerts::Set { value } => return set(cx, &value).await,
    }
    Ok(true)
}

fn path(name: &str, rest: &str) -> String {
    format!("/alerts/targets/{}{rest}", api::part(name))
}

fn added_text(added: &AddedTarget) -> String {
    let told = format!("{} is told by {}", added.target.name, word(&added.target.way));
    match &added.secret {
        Some(secret) => format!("{told}\n\nIts webhooks are signed with, shown this once:\n\n    {}", secret.reveal()),
        None => told,
    }
}

async fn test(cx: &Cx, name: &str) -> anyhow::Result<bool> {
    let delivery: Delivery = cx.client.post(&path(name, "/test"), &json!({})).await?;
    cx.show.answer(&delivery, |delivery| match &delivery.error {
        Some(error) => format!("it did not arrive: {error}"),
        None => "it has arrived".to_owned(),
    })?;
    Ok(delivery.arrived)
}

async fn mute(cx: &Cx, kind: &str, muted: bool) -> anyhow::Result<()> {
    let wanted: Kind = serde_json::from_value(json!(kind)).with_context(|| {
        let names: Vec<&str> = Kind::ALL.into_iter().map(Kind::name).collect();
        format!("kind: {kind:?} is not one of {}", names.join(", "))
    })?;
    let view: AlertsView = cx.client.get("/alerts").await?;
    let mut kinds: BTreeSet<Kind> = view.settings.muted;
    if muted {
        kinds.insert(wanted)
    } else {
        kinds.remove(&wanted)
    };
    let view: AlertsView = cx.client.call(Method::PATCH, "/alerts", Some(&json!({"muted": kinds}))).await?;
    show(cx, &view).map(drop)
}

async fn set(cx: &Cx, values: &[String]) -> anyhow::Result<bool> {
    let view: AlertsView = cx.client.get("/alerts").await?;
    let mut thresholds = serde_json::to_value(&view.settings.thresholds)?;
    let mut patch = json!({});
    for value in values {
        let (name, number) = value.split_once('=').with_context(|| format!("{value:?} is not NAME=NUMBER"))?;
        let number: i64 = number.parse().with_context(|| format!("{name}: {number:?} is not a whole number"))?;
        let place = if name == "repeat_minutes" { &mut patch[name] } else { &mut thresholds[name] };
        *place = number.into();
    }
    patch["thresholds"] = thresholds;
    show(cx, &cx.client.call(Method::PATCH, "/alerts", Some(&patch)).await?).map(|_| true)
}

fn show(cx: &Cx, view: &AlertsView) -> anyhow::Result<bool> {
    cx.show.answer(view, |view| {
        let alarm = |raised: &Raised| {
            vec![
                judged(raised.alarm.kind.name(), false),
                cell(&raised.alarm.subject),
                cell(time(raised.since)),
                cell(&raised.alarm.text),
            ]
        };
        let target = |target: &Target| {
            let kinds: Vec<&str> = target.kinds.iter().map(|kind| kind.name()).collect();
            let kinds = if kinds.is_empty() { "all".into() } else { kinds.join(", ") };
            vec![cell(&target.name), cell(word(&target.way)), cell(&target.to), cell(kinds)]
        };
        let settings = &view.settings;
        let alarms = match view.alarms.as_slice() {
            [] => "nothing is wrong".to_owned(),
            alarms => cx.show.table(&["ALARM", "OF", "SINCE", "WHAT"], alarms.iter().map(alarm).collect()),
        };
        let targets = match settings.targets.as_slice() {
            [] => "nobody is told: alerts add NAME email|slack|webhook ADDRESS".to_owned(),
            targets => cx.show.table(&["NAME", "BY", "TO", "OF"], targets.iter().map(target).collect()),
        };
        let muted: Vec<&str> = settings.muted.iter().map(|kind| kind.name()).collect();
        let muted = if muted.is_empty() { String::new() } else { format!("\nmuted: {}", muted.join(", ")) };
        format!("{alarms}\n\n{targets}{muted}\nnotices on their way: {}", view.waiting)
    })?;
    Ok(view.alarms.is_empty())
}

/// An account's quarantine, for machines.
#[derive(Serialize)]
struct Shown {
    why: Option<String>,
    suspects: Vec<Suspect>,
}

/// Runs a `quarantine` command.
///
/// # Errors
/// What the hub said.
pub async fn quarantine(cx: &Cx, command: Quarantine) -> anyhow::Result<bool> {
    match command {
        Quarantine::Show { id, limit } => seen(cx, &id, limit).await,
        Quarantine::Release { id, sku, yes } => {
            ask::agree(&format!("Release {id}: count what its store says of {}, zeros included?", named(&sku)), yes)?;
            judge(cx, &id, "release", &sku).await
        }
        Quarantine::Discard { id, sku, yes } => {
            ask::agree(&format!("Set {} at {id} back to the hub's level?", named(&sku)), yes)?;
            judge(cx, &id, "discard", &sku).await
        }
        Quarantine::Uncontest { id, sku } => {
            let query = api::query(&[("sku", Some(sku.clone()))]);
            let path = format!("/accounts/{}/contested/release{query}", api::part(&id));
            let _: Value = cx.client.post(&path, &json!({})).await?;
            cx.show.answer(&json!({"released": sku}), |_| format!("{sku} is written to {id} again"))?;
            Ok(true)
        }
    }
}

fn named(skus: &[String]) -> String {
    if skus.is_empty() { "all that was seen".into() } else { skus.join(", ") }
}

fn account_path(id: &str) -> String {
    format!("/accounts/{}/quarantine", api::part(id))
}

async fn seen(cx: &Cx, id: &str, limit: usize) -> anyhow::Result<bool> {
    let first: Value = cx.client.get(&format!("{}?limit=1", account_path(id))).await?;
    let why = first.get("why").and_then(Value::as_str).map(str::to_owned);
    let suspects: Vec<Suspect> = items::pages(cx, &account_path(id), &[], limit).await?;
    let shown = Shown { why, suspects };
    cx.show.answer(&shown, |shown| {
        let Some(why) = &shown.why else { return format!("{id} is believed") };
        let row = |suspect: &Suspect| {
            let verdict = suspect.verdict.as_ref().map_or_else(|| "undecided".to_owned(), word);
            vec![
                cell(&suspect.sku),
                cell(&suspect.listing),
                number(Some(suspect.known)),
                number(suspect.seen),
                cell(verdict),
            ]
        };
        let head = ["SKU", "AT", "KNOWN", "SEEN", "DECIDED"];
        let table = cx.show.table(&head, shown.suspects.iter().map(row).collect());
        format!("{id} is not believed: {why}\n\n{table}")
    })?;
    Ok(shown.why.is_none())
}

async fn judge(cx: &Cx, id: &str, verdict: &str, skus: &[String]) -> anyhow::Result<bool> {
    let skus = (!skus.is_empty()).then_some(skus);
    let judged: Judged = cx.client.post(&account_path(id), &json!({"verdict": verdict, "skus": skus})).await?;
    cx.show.answer(&judged, |judged| {
        let lifted =
            if judged.lifted { "is believed again" } else { "stays in quarantine until all is decided and done" };
        format!("{} listings decided; {id} {lifted}", judged.listings)
    })?;
    Ok(true)
}
