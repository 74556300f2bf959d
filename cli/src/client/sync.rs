//! `adopt`, `sync`, `reconcile` and `queue`.

use super::api::{Answered, Progress};
use super::show::{cell, judged, number};
use super::{Cx, api, ask, runs};
use anyhow::{Context, bail};
use engine::accounts::AccountView;
use engine::adopt::{AccountAdoption, Adoption};
use engine::reconcile::{AccountComparison, Comparison};
use engine::runs::Job;
use engine::work::QueueView;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::IsTerminal;

/// Whether to do it.
#[derive(Debug, clap::Args)]
pub struct Adopt {
    /// Do it, after the preview
    #[arg(long)]
    apply: bool,
    /// Only show what would happen, which is what it does without `--apply`
    #[arg(long, conflicts_with = "apply")]
    dry_run: bool,
    /// Which way levels go: to-hub (this store's levels become the hub's), to-store (it follows), compare (only told)
    #[arg(long, value_name = "ACCOUNT=WAY")]
    direction: Vec<String>,
    /// SKUs that are left out; a star at the beginning or the end stands for anything
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Do not ask between preview and doing
    #[arg(long)]
    yes: bool,
}

impl Adopt {
    fn job(&self, apply: bool) -> anyhow::Result<Job> {
        let mut directions = std::collections::BTreeMap::new();
        for text in &self.direction {
            let (account, way) = text.split_once('=').context("direction: write it like north=to-hub")?;
            let way = serde_json::from_value(Value::from(way))
                .map_err(|_| anyhow::anyhow!("direction: {way:?} is none of to-hub, to-store, compare"))?;
            directions.insert(domain::AccountId::new(account)?, way);
        }
        Ok(Job::Adopt { apply, directions, exclude: self.exclude.clone() })
    }
}

/// What to look at.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Sync {
    /// A SKU
    sku: Option<String>,
    /// Every SKU of an account
    #[arg(long)]
    account: Option<String>,
    /// Every SKU of every account
    #[arg(long)]
    all: bool,
}

/// What to compare.
#[derive(Debug, clap::Args)]
pub struct Reconcile {
    /// Only tell what differs
    #[arg(long)]
    dry_run: bool,
    /// Look only at what shows something else than at the last comparison, or was touched since
    #[arg(long, conflicts_with = "dry_run")]
    quick: bool,
    /// Only this account
    #[arg(long)]
    account: Option<String>,
}

/// What to do with the queues.
#[derive(Debug, clap::Args)]
pub struct Queue {
    #[command(subcommand)]
    command: Option<QueueCommand>,
}

/// `queue …`
#[derive(Debug, clap::Subcommand)]
enum QueueCommand {
    /// Move messages that failed too often back to their queues
    Redrive,
}

/// For how many stores.
#[derive(Debug, clap::Args)]
pub struct Costs {
    /// Stores, the master included; without it those of the hub
    #[arg(long)]
    stores: Option<u32>,
}

/// Runs `costs`.
///
/// # Errors
/// What the hub said.
pub async fn costs(cx: &Cx, options: &Costs) -> anyhow::Result<bool> {
    let path = options.stores.map_or_else(|| "/costs".to_owned(), |stores| format!("/costs?stores={stores}"));
    let costs: engine::cost::Costs = cx.client.get(&path).await?;
    cx.show.answer(&costs, |costs| {
        let row = |what: &str, dollars: f64| {
            vec![cell(what), cell(format!("{dollars:.4}")).set_alignment(comfy_table::CellAlignment::Right)]
        };
        let parts = |parts: &[engine::cost::Part], by: f64| {
            parts.iter().map(|part| row(&format!("  {}", part.what), part.dollars / by)).collect::<Vec<_>>()
        };
        let mut rows = vec![row("a thousand changes, Function URL", costs.thousand_changes)];
        rows.extend(parts(&costs.million_changes_parts, 1_000.0));
        rows.push(row("a thousand changes, HTTP API", costs.thousand_changes_http_api));
        rows.push(row("a month without any", costs.idle_month));
        rows.extend(parts(&costs.idle_month_parts, 1.0));
        let head = format!("ON AWS, {} STORES", costs.stores);
        let why = format!("{}. A machine of your own asks none of it.", costs.prices);
        format!("{}\n\n{why}", cx.show.table(&[&head, "DOLLARS"], rows))
    })?;
    Ok(true)
}

/// A long job at the hub, with a bar on a terminal.
///
/// # Errors
/// What the hub said.
pub async fn job<T: serde::de::DeserializeOwned>(cx: &Cx, path: &str, body: &Value) -> anyhow::Result<T> {
    let bar =
        if std::io::stderr().is_terminal() && !cx.show.json { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let known = ProgressStyle::with_template("{msg:24} {wide_bar} {pos}/{len}")?;
    let unknown = ProgressStyle::with_template("{msg:24} {pos}")?;
    let done = cx.client.job(path, body, |progress: Progress| {
        bar.set_style(if progress.all > 0 { known.clone() } else { unknown.clone() });
        bar.set_length(progress.all);
        bar.set_position(progress.done);
        bar.set_message(progress.step);
    });
    let done = done.await;
    bar.finish_and_clear();
    match done? {
        Answered::Now(done) => Ok(done),
        Answered::Later(run) => runs::result(runs::follow(cx, *run).await?),
    }
}

/// Runs `adopt`.
///
/// # Errors
/// What the hub said.
pub async fn adopt(cx: &Cx, options: &Adopt) -> anyhow::Result<bool> {
    if options.dry_run || !options.apply {
        let preview: Adoption = runs::job(cx, &options.job(false)?).await?;
        cx.show.answer(&preview, |preview| {
            let found = adoption(cx, preview);
            match preview.new_listings + preview.known_listings {
                0 => format!("{found}\n{NOTHING}"),
                _ => format!("{found}\nThis was a preview. `adopt --apply` does it."),
            }
        })?;
        return Ok(true);
    }
    if !options.yes {
        let preview: Adoption = runs::job(cx, &options.job(false)?).await?;
        eprintln!("{}", adoption(cx, &preview));
        if preview.new_listings + preview.corrected > 0 {
            ask::agree("Do it?", false)?;
        }
    }
    let done: Adoption = runs::job(cx, &options.job(true)?).await?;
    cx.show.answer(&done, |done| {
        let snapshot = done.snapshot.as_deref().unwrap_or("none");
        if done.new_listings + done.known_listings == 0 {
            return format!("{}\n{NOTHING}", adoption(cx, done));
        }
        format!("{}\nDone. Levels before: snapshot {snapshot}. The stores are being written now.", adoption(cx, done))
    })?;
    Ok(true)
}

/// Said where no store has anything to match.
const NOTHING: &str = "There is nothing to adopt: the master has no product with a SKU that its stock is kept of.";

fn adoption(cx: &Cx, adoption: &Adoption) -> String {
    let count = |count: u64| number(i64::try_from(count).ok());
    let row = |(id, account): (&domain::AccountId, &AccountAdoption)| {
        vec![
            cell(id),
            count(account.units),
            count(account.matched),
            count(account.will_change),
            number(Some(account.gains)),
            number(Some(account.losses)),
            count(account.without_sku),
            count(account.not_on_master),
            count(account.missing),
            judged(account.clashes.len(), account.clashes.is_empty()),
        ]
    };
    let head =
        ["ACCOUNT", "UNITS", "MATCHED", "CHANGE", "GAINS", "LOSSES", "NO SKU", "NOT ON MASTER", "MISSING", "CLASHES"];
    let mut text = format!(
        "{} new SKUs, {} new listings, {} known\n\n",
        adoption.new_items, adoption.new_listings, adoption.known_listings
    );
    if adoption.corrected > 0 {
        let (up, down) = (adoption.hub_gains, adoption.hub_losses);
        let _ = writeln!(text, "{} SKUs of the hub get another level (+{up} -{down})", adoption.corrected);
    }
    if adoption.excluded > 0 {
        let _ = writeln!(text, "{} SKUs are left out", adoption.excluded);
    }
    for sku in &adoption.unsettled {
        let _ = writeln!(text, "{sku}: its level in the store has not settled; the hub's stays, try again later");
    }
    text.push_str(&cx.show.table(&head, adoption.accounts.iter().map(row).collect()));
    if !adoption.differences.is_empty() {
        let shown = adoption
            .differences
            .iter()
            .map(|one| vec![cell(&one.sku), cell(&one.listing), cell(format!("{} → {}", one.from, one.to))]);
        let _ = write!(text, "\n\n{}", cx.show.table(&["SKU", "LISTING", "LEVEL"], shown.collect()));
    }
    for (id, account) in &adoption.accounts {
        if let Some(way) = &account.direction {
            let _ = write!(text, "\n{id}: {}", super::show::word(way));
        }
        for clash in &account.clashes {
            let _ =
                write!(text, "\n{id}: SKU {clash} appears more than once; it is not written until that is put right");
        }
        for (location, units) in &account.unlinked {
            let _ = write!(
                text,
                "\n{id}: {units} units at location {location}, which belongs to no warehouse, are not touched"
            );
        }
        for (sku, near) in &account.near_misses {
            let _ = write!(text, "\n{id}: SKU {sku:?} is nearly {near:?} and was not matched");
        }
    }
    text.push('\n');
    text
}

/// Runs `sync`.
///
/// # Errors
/// What the hub said.
pub async fn sync(cx: &Cx, sync: &Sync) -> anyhow::Result<bool> {
    if let Some(sku) = &sync.sku {
        let query = api::query(&[("sku", Some(sku.clone()))]);
        let report: Value = cx.client.post(&format!("/item/sync{query}"), &json!({})).await?;
        let failed = report.get("failed").and_then(Value::as_object).is_some_and(|failed| !failed.is_empty());
        cx.show.answer(&report, |report| {
            let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
            format!(
                "{sku}: {} changes counted, {} listings written, {} waiting",
                count("counted"),
                count("pushed"),
                count("waiting")
            )
        })?;
        return Ok(!failed);
    }
    let accounts = match &sync.account {
        Some(account) => vec![account.clone()],
        None => {
            let all: Vec<AccountView> = cx.client.get("/accounts").await?;
            all.into_iter().map(|view| view.account.id.to_string()).collect()
        }
    };
    let mut queued = Vec::new();
    for account in accounts {
        let answer: Value = cx.client.post(&format!("/accounts/{}/sync", api::part(&account)), &json!({})).await?;
        queued.push(json!({"account": account, "queued": answer.get("queued")}));
    }
    cx.show.answer(&queued, |queued| {
        let line = |one: &Value| format!("{}: {} SKUs will be looked at", text(one, "account"), text(one, "queued"));
        queued.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    Ok(true)
}

fn text(object: &Value, field: &str) -> String {
    match object.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// Runs `reconcile`; whether every store could be compared and is believed.
///
/// # Errors
/// What the hub said.
pub async fn reconcile(cx: &Cx, options: &Reconcile) -> anyhow::Result<bool> {
    let account = options.account.as_ref().map(domain::AccountId::new).transpose()?;
    let asked = Job::Reconcile { account, dry_run: options.dry_run, quick: options.quick };
    let found: Comparison = runs::job(cx, &asked).await?;
    cx.show.answer(&found, |found| comparison(cx, found, options.dry_run))?;
    Ok(found.accounts.values().all(|account| account.error.is_none() && account.quarantine.is_none()))
}

fn comparison(cx: &Cx, found: &Comparison, dry: bool) -> String {
    let count = |count: u64| number(i64::try_from(count).ok());
    let row = |(id, account): (&domain::AccountId, &AccountComparison)| {
        let says = account.error.as_ref().or(account.quarantine.as_ref());
        vec![
            cell(id),
            count(account.compared),
            count(account.nominated),
            count(account.unmapped),
            count(account.missing),
            count(account.closed),
            count(account.unlinked),
            judged(says.map_or("ok", String::as_str), says.is_none()),
        ]
    };
    let head = ["ACCOUNT", "COMPARED", "DIFFERENT", "NOT MAPPED", "MISSING", "CLOSED", "UNLINKED", "SAYS"];
    let mut text = cx.show.table(&head, found.accounts.iter().map(row).collect());
    for (id, account) in &found.accounts {
        for (sku, _, known, seen) in &account.shown {
            let level = |level: &Option<i64>| level.map_or_else(|| "-".to_owned(), |level| level.to_string());
            let _ = write!(text, "\n{id}: {sku} has {}, known was {}", level(seen), level(known));
        }
    }
    let end = if dry {
        "\n\nThis was a dry run: nothing is put right."
    } else {
        "\n\nWhat differs is being looked at again."
    };
    text + end
}

/// Runs `queue`; whether no message failed too often.
///
/// # Errors
/// What the hub said.
pub async fn queue(cx: &Cx, options: &Queue) -> anyhow::Result<bool> {
    if let Some(QueueCommand::Redrive) = options.command {
        let moved: Value = cx.client.post("/queues/redrive", &json!({})).await?;
        if moved.get("moved").is_none() {
            bail!("the hub's answer is not of this version of the API");
        }
        cx.show.answer(&moved, |moved| format!("{} messages moved back", text(moved, "moved")))?;
        return Ok(true);
    }
    let view: QueueView = cx.client.get("/queues").await?;
    cx.show.answer(&view, |view| {
        let queues = [("changes", view.changes), ("lane", view.lane), ("dead letters", view.dead)];
        let count = |count: u64| number(i64::try_from(count).ok());
        let rows =
            queues.into_iter().map(|(name, depth)| vec![cell(name), count(depth.waiting), count(depth.in_flight)]);
        let waiting =
            view.waiting.iter().map(|(id, rows)| vec![cell(format!("waiting for {id}")), count(*rows), cell("")]);
        cx.show.table(&["QUEUE", "WAITING", "IN WORK"], rows.chain(waiting).collect())
    })?;
    Ok(view.dead.waiting == 0)
}
