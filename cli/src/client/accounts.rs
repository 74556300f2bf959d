//! `accounts …` and `health`.

use super::add::{self, Add};
use super::show::{cell, judged, number, time_or_never, word};
use super::{Cx, api, ask};
use anyhow::bail;
use channels::{Subscription, SubscriptionState};
use comfy_table::Cell;
use domain::LocationId;
use engine::accounts::{AccountTest, AccountView};
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `accounts …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Connect a store: from a file, from flags, or by answering questions
    Add(Add),
    /// All accounts
    List,
    /// One account, with its health
    Show {
        /// Its name
        id: String,
    },
    /// Sign in to the store again, and put our webhooks there in order
    Test {
        /// Its name
        id: String,
    },
    /// Stop writing to it; what happens in it still counts
    Pause {
        /// Its name
        id: String,
    },
    /// Write to it again, and bring it up to date
    Resume {
        /// Its name
        id: String,
    },
    /// Believe it again after the mass-zero guard stopped it
    Release {
        /// Its name
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Change how it is kept
    Change {
        /// Its name
        id: String,
        /// What happens where several units have the same SKU at the same location
        #[arg(long, value_parser = ["refuse", "share"])]
        duplicates: Option<String>,
        /// A setting of the channel's form
        #[arg(long = "set", value_name = "NAME=VALUE")]
        settings: Vec<String>,
    },
    /// Replace its secrets; they are tried first
    Rotate {
        /// Its name
        id: String,
        /// A secret of the channel's form; what is not given is asked for
        #[arg(long, value_name = "NAME=VALUE")]
        secret: Vec<String>,
    },
    /// Disconnect it: its webhooks, secrets and listings go, what it counted stays counted
    Remove {
        /// Its name
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs an `accounts` command.
///
/// # Errors
/// What the hub said.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Add(new) => add(cx, &new).await?,
        Command::List => list(cx).await?,
        Command::Show { id } => show(cx, &cx.client.get(&path(&id, "")).await?)?,
        Command::Test { id } => return test(cx, &cx.client.post(&path(&id, "/test"), &json!({})).await?),
        Command::Pause { id } => change(cx, &id, json!({"paused": true})).await?,
        Command::Resume { id } => change(cx, &id, json!({"paused": false})).await?,
        Command::Release { id, yes } => {
            ask::agree(&format!("Release {id}: count what its store says now, zeros included?"), yes)?;
            change(cx, &id, json!({"release": true})).await?;
        }
        Command::Change { id, duplicates, settings } => {
            let settings = add::pairs("--set", &settings)?;
            change(cx, &id, json!({"duplicates": duplicates, "settings": settings})).await?;
        }
        Command::Rotate { id, secret } => return rotate(cx, &id, &secret).await,
        Command::Remove { id, yes } => remove(cx, &id, yes).await?,
    }
    Ok(true)
}

fn path(id: &str, rest: &str) -> String {
    format!("/accounts/{}{rest}", api::part(id))
}

async fn add(cx: &Cx, new: &Add) -> anyhow::Result<()> {
    let added: AccountView = cx.client.post("/accounts", &new.account()?).await?;
    show(cx, &added)
}

async fn change(cx: &Cx, id: &str, patch: Value) -> anyhow::Result<()> {
    let changed: AccountView = cx.client.call(Method::PATCH, &path(id, ""), Some(&patch)).await?;
    show(cx, &changed)
}

async fn rotate(cx: &Cx, id: &str, given: &[String]) -> anyhow::Result<bool> {
    let account: AccountView = cx.client.get(&path(id, "")).await?;
    let secrets = add::secrets(&account.account.channel, given)?;
    if secrets.is_empty() {
        bail!("secrets: none was given; nothing was done");
    }
    test(cx, &cx.client.post(&path(id, "/rotate"), &json!({"secrets": secrets})).await?)
}

async fn remove(cx: &Cx, id: &str, yes: bool) -> anyhow::Result<()> {
    ask::agree(&format!("Remove account {id} with its webhooks, secrets and listings?"), yes)?;
    let _: Value = cx.client.call(Method::DELETE, &path(id, ""), None::<&()>).await?;
    cx.show.answer(&json!({"removed": id}), |_| format!("{id} removed"))
}

async fn list(cx: &Cx) -> anyhow::Result<()> {
    let accounts: Vec<AccountView> = cx.client.get("/accounts").await?;
    cx.show.answer(&accounts, |accounts| {
        let row = |view: &AccountView| {
            let account = &view.account;
            vec![
                cell(&account.id),
                cell(&account.channel),
                cell(word(&account.role)),
                cell(word(&account.inbound)),
                state(view),
                number(i64::try_from(view.waiting).ok()),
                cell(time_or_never(view.health.hook)),
            ]
        };
        let head = ["ACCOUNT", "CHANNEL", "ROLE", "COUNTS", "STATE", "WAITING", "LAST WEBHOOK"];
        cx.show.table(&head, accounts.iter().map(row).collect())
    })
}

/// One word on how an account is doing, the worst first.
fn state(view: &AccountView) -> Cell {
    let health = &view.health;
    if view.account.quarantine.is_some() {
        judged("quarantine", false)
    } else if health.failures > 0 {
        judged("failing", false)
    } else if view.account.paused {
        cell("paused")
    } else if !health.clashes.is_empty() || subscriptions_bad(&health.subscriptions) {
        judged("attention", false)
    } else {
        judged("ok", true)
    }
}

fn subscriptions_bad(subscriptions: &[Subscription]) -> bool {
    subscriptions.iter().any(|one| one.required && !is_good(one.state))
}

const fn is_good(state: SubscriptionState) -> bool {
    match state {
        SubscriptionState::Active | SubscriptionState::Created | SubscriptionState::Reenabled => true,
        SubscriptionState::Unverified | SubscriptionState::Refused => false,
    }
}

fn show(cx: &Cx, view: &AccountView) -> anyhow::Result<()> {
    cx.show.answer(view, |view| {
        let (account, health) = (&view.account, &view.health);
        let mut rows = vec![
            vec![cell("account"), cell(&account.id)],
            vec![cell("channel"), cell(&account.channel)],
            vec![cell("role"), cell(word(&account.role))],
            vec![cell("counts"), cell(word(&account.inbound))],
            vec![cell("drift"), cell(word(&account.drift))],
            vec![cell("duplicate SKUs"), cell(word(&account.duplicates))],
            vec![cell("state"), state(view)],
            vec![
                cell("webhooks to"),
                cell(view.webhook_url.as_deref().unwrap_or("nowhere: the hub has no public address")),
            ],
            vec![cell("last webhook"), cell(time_or_never(health.hook))],
            vec![cell("last read"), cell(time_or_never(health.read))],
            vec![cell("last written"), cell(time_or_never(health.written))],
            vec![cell("last compared"), cell(time_or_never(health.compared))],
            vec![cell("waiting"), cell(view.waiting)],
            vec![cell("refused webhooks"), cell(health.refused)],
            vec![cell("unreadable webhooks"), cell(health.unreadable)],
        ];
        rows.extend(account.settings.iter().map(|(name, value)| vec![cell(name), cell(value)]));
        let told = [("quarantine", &account.quarantine), ("last failure", &health.error)];
        rows.extend(told.into_iter().filter_map(|(name, text)| Some(vec![cell(name), judged(text.as_ref()?, false)])));
        let lists = [("unknown SKUs", &health.unknown_skus), ("clashing SKUs", &health.clashes)];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        rows.extend(lists.map(|(name, list)| vec![cell(name), judged(list.join(", "), false)]));
        rows.extend(places("not linked: not touched", &health.unlinked));
        rows.extend(places("closed in the store: held", &health.closed));
        rows.extend(health.subscriptions.iter().map(|one| {
            vec![
                cell(format!("webhook {}", one.topic)),
                judged(format!("{} {}", word(&one.state), one.note), is_good(one.state)),
            ]
        }));
        cx.show.table(&["", ""], rows)
    })
}

fn places(what: &str, locations: &BTreeMap<LocationId, String>) -> Vec<Vec<Cell>> {
    let row = |(id, name): (&LocationId, &String)| {
        vec![cell(format!("location {id}")), judged(format!("{name}: {what}"), false)]
    };
    locations.iter().map(row).collect()
}

fn test(cx: &Cx, test: &AccountTest) -> anyhow::Result<bool> {
    let good = !subscriptions_bad(&test.subscriptions);
    cx.show.answer(test, |test| {
        let mut text = format!("signed in: {}", test.identity.store);
        for refused in &test.identity.refused {
            let _ = write!(text, "\nnot allowed: {refused}");
        }
        for one in &test.subscriptions {
            let _ = write!(text, "\nwebhook {}: {} {}", one.topic, word(&one.state), one.note);
        }
        text
    })?;
    Ok(good)
}

/// The health of the hub, and of each account in few words.
#[derive(Serialize)]
struct Health {
    ok: bool,
    version: String,
    accounts: Vec<AccountView>,
}

/// Runs `health`; whether all accounts are well.
///
/// # Errors
/// What the hub said.
pub async fn health(cx: &Cx) -> anyhow::Result<bool> {
    let hub: Value = cx.client.get("/health").await?;
    let accounts: Vec<AccountView> = cx.client.get("/accounts").await?;
    let well = |view: &AccountView| {
        view.account.quarantine.is_none()
            && view.health.failures == 0
            && view.health.clashes.is_empty()
            && !subscriptions_bad(&view.health.subscriptions)
    };
    let version = hub.get("version").and_then(Value::as_str).unwrap_or_default().to_owned();
    let health = Health { ok: accounts.iter().all(well), version, accounts };
    cx.show.answer(&health, |health| {
        let row = |view: &AccountView| {
            let health = &view.health;
            let note = view.account.quarantine.as_ref().or(health.error.as_ref()).cloned().unwrap_or_default();
            vec![
                cell(&view.account.id),
                state(view),
                cell(time_or_never(health.hook)),
                cell(time_or_never(health.written)),
                cell(time_or_never(health.compared)),
                number(i64::try_from(health.drift).ok()),
                cell(note),
            ]
        };
        let head = ["ACCOUNT", "STATE", "LAST WEBHOOK", "LAST WRITTEN", "COMPARED", "DRIFT", "SAYS"];
        let table = cx.show.table(&head, health.accounts.iter().map(row).collect());
        format!("hub {} answers\n\n{table}", health.version)
    })?;
    Ok(health.ok)
}
