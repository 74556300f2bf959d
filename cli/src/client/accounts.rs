//! `accounts …` and `health`.

use super::add::{self, Add};
use super::show::{cell, judged, number, span, time_or_never, word};
use super::{Cx, api, ask};
use anyhow::bail;
use channels::Subscription;
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
    /// Stop both ways: nothing that happens in it counts until it is thawed, and it is not written
    Freeze {
        /// Its name
        id: String,
    },
    /// Let it go on: what happened meanwhile is counted by its policies
    Thaw {
        /// Its name
        id: String,
    },
    /// Change its policies, its rate limit and its settings
    #[command(alias = "change")]
    Set(Set),
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

/// What to change of an account.
#[derive(Debug, clap::Args)]
pub struct Set {
    /// Its name
    id: String,
    /// What counts of it
    #[arg(long, value_parser = ["all", "sales", "none"])]
    counts: Option<String>,
    /// What happens to a change that does not count
    #[arg(long, value_parser = ["overwrite", "adopt", "report"])]
    drift: Option<String>,
    /// What of what comes back is stocked again
    #[arg(long, value_parser = ["always", "cancellations", "returns", "never"])]
    restock: Option<String>,
    /// Keep back what sells in so many minutes while something sells fast; 0 turns it off
    #[arg(long, value_name = "MINUTES")]
    flash: Option<u32>,
    /// Calls in a minute
    #[arg(long, requires = "burst")]
    per_minute: Option<u32>,
    /// Calls at once after a pause
    #[arg(long, requires = "per_minute")]
    burst: Option<u32>,
    /// What happens where several units have the same SKU at the same location
    #[arg(long, value_parser = ["refuse", "share"])]
    duplicates: Option<String>,
    /// A setting of the channel's form
    #[arg(long, alias = "set", value_name = "NAME=VALUE")]
    setting: Vec<String>,
}

impl Set {
    fn patch(&self) -> anyhow::Result<Value> {
        let mut patch = serde_json::Map::new();
        let words = [
            ("inbound", &self.counts),
            ("drift", &self.drift),
            ("restock", &self.restock),
            ("duplicates", &self.duplicates),
        ];
        for (name, value) in words {
            patch.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
        }
        patch.extend(self.flash.map(|minutes| ("flash_minutes".to_owned(), json!(minutes))));
        if let (Some(per_minute), Some(burst)) = (self.per_minute, self.burst) {
            patch.insert("rate".into(), json!({"per_minute": per_minute, "burst": burst}));
        }
        let settings = add::pairs("--setting", &self.setting)?;
        if !settings.is_empty() {
            patch.insert("settings".into(), json!(settings));
        }
        if patch.is_empty() {
            bail!("say what to change; --help lists it");
        }
        Ok(Value::Object(patch))
    }
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
        Command::Freeze { id } => change(cx, &id, json!({"frozen": true})).await?,
        Command::Thaw { id } => change(cx, &id, json!({"frozen": false})).await?,
        Command::Set(set) => change(cx, &set.id, set.patch()?).await?,
        Command::Resume { id } => change(cx, &id, json!({"paused": false})).await?,
        Command::Release { id, yes } => {
            ask::agree(&format!("Release {id}: count what its store says now, zeros included?"), yes)?;
            change(cx, &id, json!({"release": true})).await?;
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
    show(cx, &added)?;
    if !cx.show.json {
        eprintln!("It is not written before its first sync: `evenstock adopt` shows what that would change.");
    }
    Ok(())
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
    } else if view.account.frozen.is_some() {
        cell("frozen")
    } else if view.account.paused {
        cell("paused")
    } else if !health.clashes.is_empty()
        || !health.contested.is_empty()
        || health.two_hubs.is_some()
        || subscriptions_bad(&health.subscriptions)
    {
        judged("attention", false)
    } else {
        judged("ok", true)
    }
}

fn subscriptions_bad(subscriptions: &[Subscription]) -> bool {
    subscriptions.iter().any(|one| one.required && !one.state.is_good())
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
            vec![cell("restocks"), cell(word(&account.restock))],
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
            vec![cell("changes arrive"), cell(latency(view))],
            vec![cell("waiting"), cell(view.waiting)],
            vec![cell("refused webhooks"), cell(health.refused)],
            vec![cell("unreadable webhooks"), cell(health.unreadable)],
            vec![cell("echoes dropped"), cell(health.echoes)],
        ];
        rows.extend(account.settings.iter().map(|(name, value)| vec![cell(name), cell(value)]));
        let told = [("quarantine", &account.quarantine), ("last failure", &health.error)];
        rows.extend(told.into_iter().filter_map(|(name, text)| Some(vec![cell(name), judged(text.as_ref()?, false)])));
        rows.extend(health.two_hubs.iter().map(|why| vec![cell("another hub"), judged(why, false)]));
        let lists = [
            ("contested SKUs", &health.contested),
            ("unknown SKUs", &health.unknown_skus),
            ("clashing SKUs", &health.clashes),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        rows.extend(lists.map(|(name, list)| vec![cell(name), judged(list.join(", "), false)]));
        rows.extend(places("not linked: not touched", &health.unlinked));
        rows.extend(places("closed in the store: held", &health.closed));
        rows.extend(health.subscriptions.iter().map(|one| {
            vec![
                cell(format!("webhook {}", one.topic)),
                judged(format!("{} {}", word(&one.state), one.note), one.state.is_good()),
            ]
        }));
        cx.show.table(&["", ""], rows)
    })
}

/// How long changes take to arrive: half of them, and 95 of 100.
fn latency(view: &AccountView) -> String {
    let shown = |ms: i64| if ms == i64::MAX { "longer".into() } else { span(ms) };
    view.latency.map_or_else(|| "-".into(), |it| format!("{} / {}", shown(it.p50_ms), shown(it.p95_ms)))
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
            && view.health.contested.is_empty()
            && view.health.two_hubs.is_none()
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
                cell(latency(view)),
                number(i64::try_from(health.drift).ok()),
                cell(note),
            ]
        };
        let head = ["ACCOUNT", "STATE", "LAST WEBHOOK", "LAST WRITTEN", "COMPARED", "P50 / P95", "DRIFT", "SAYS"];
        let table = cx.show.table(&head, health.accounts.iter().map(row).collect());
        format!("hub {} answers\n\n{table}", health.version)
    })?;
    Ok(health.ok)
}
