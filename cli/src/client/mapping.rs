//! `map …`: which units of the stores are which SKUs.

use super::Cx;
use super::ask;
use super::rules::{How, targets};
use super::show::{cell, time, word};
use super::sync::job;
use engine::mapping::{AccountMapping, LinkReport, MappingRow, Proposal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `map …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Clashes, slips and units that are none of ours; reads whole stores
    Report {
        /// Only this account
        #[arg(long)]
        account: Option<String>,
    },
    /// Link a store's unit to a SKU of another spelling
    Link {
        /// The account
        account: String,
        /// The store's own id of the unit, as `map report` shows it
        external: String,
        /// The SKU that it is
        sku: String,
        /// Whether to do it.
        #[command(flatten)]
        how: How,
    },
    /// Take a listing out of its item; its unit is none of ours from then on
    Unlink {
        /// The SKU
        sku: String,
        /// The listing, such as north@default
        listing: String,
        /// Whether to do it.
        #[command(flatten)]
        how: How,
    },
    /// Units whose SKU has changed in their store
    Proposals,
    /// Say that a unit is the same under its new SKU
    Accept {
        /// The account
        account: String,
        /// The store's own id of the unit
        external: String,
    },
    /// Say that it is another
    Decline {
        /// The account
        account: String,
        /// The store's own id of the unit
        external: String,
    },
}

/// Runs a `map` command.
///
/// # Errors
/// What the hub said.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Report { account } => report(cx, account.as_deref()).await,
        Command::Link { account, external, sku, how } => {
            let order = json!({"account": account, "external": external, "sku": sku});
            change(cx, "/mapping/link", order, how).await
        }
        Command::Unlink { sku, listing, how } => {
            change(cx, "/mapping/unlink", json!({"sku": sku, "listing": listing}), how).await
        }
        Command::Proposals => proposals(cx).await,
        Command::Accept { account, external } => answer(cx, &account, &external, true).await,
        Command::Decline { account, external } => answer(cx, &account, &external, false).await,
    }
}

async fn report(cx: &Cx, account: Option<&str>) -> anyhow::Result<bool> {
    let found: BTreeMap<String, AccountMapping> = job(cx, "/mapping/report", &json!({"account": account})).await?;
    cx.show.answer(&found, |found| {
        let mut text = String::new();
        for (id, mapping) in found {
            let problems: Vec<String> =
                mapping.problems.iter().map(|(problem, count)| format!("{count} {}", word(problem))).collect();
            let _ = write!(text, "{id}: {} units, {} mapped", mapping.units, mapping.mapped);
            let _ = writeln!(text, "{}{}", if problems.is_empty() { "" } else { "; " }, problems.join(", "));
            if let Some(error) = &mapping.error {
                let _ = writeln!(text, "  {error}");
            }
            let row = |row: &MappingRow| {
                let sku = |sku: &Option<domain::Sku>| sku.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
                vec![
                    cell(&row.external),
                    cell(sku(&row.sku)),
                    cell(word(&row.problem)),
                    cell(sku(&row.near)),
                    cell(&row.title),
                ]
            };
            if !mapping.rows.is_empty() {
                let head = ["UNIT", "SKU", "PROBLEM", "PERHAPS", "TITLE"];
                let _ = writeln!(text, "{}", cx.show.table(&head, mapping.rows.iter().map(row).collect()));
            }
        }
        text
    })?;
    Ok(found.values().all(|mapping| mapping.error.is_none()))
}

async fn change(cx: &Cx, path: &str, order: Value, how: How) -> anyhow::Result<bool> {
    let body = |apply: bool| {
        let mut body = order.clone();
        body["apply"] = json!(apply);
        body
    };
    let told = |report: &LinkReport| {
        let names =
            |listings: &[domain::ListingId]| listings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut text = format!("{}:", report.sku);
        if !report.gains.is_empty() {
            let _ = write!(text, " gains {}", names(&report.gains));
        }
        if !report.loses.is_empty() {
            let _ = write!(text, " loses {}", names(&report.loses));
        }
        if !report.changes.is_empty() {
            let _ = write!(text, "\n\n{}", targets(cx, &report.changes));
        }
        text
    };
    if how.dry_run || !how.yes {
        let preview: LinkReport = cx.client.post(path, &body(false)).await?;
        if how.dry_run {
            cx.show
                .answer(&preview, |preview| format!("{}\nThis was a preview: nothing was changed.", told(preview)))?;
            return Ok(true);
        }
        eprintln!("{}", told(&preview));
        ask::agree("Do it?", false)?;
    }
    let done: LinkReport = cx.client.post(path, &body(true)).await?;
    cx.show.answer(&done, told)?;
    Ok(true)
}

async fn proposals(cx: &Cx) -> anyhow::Result<bool> {
    let all: Vec<Proposal> = cx.client.get("/mapping/proposals").await?;
    cx.show.answer(&all, |all| {
        let row = |proposal: &Proposal| {
            let now = proposal.now.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            let state = if proposal.declined { "declined" } else { "asks" };
            vec![
                cell(&proposal.account),
                cell(&proposal.external),
                cell(&proposal.sku),
                cell(now),
                cell(time(proposal.at)),
                cell(state),
            ]
        };
        cx.show.table(&["ACCOUNT", "UNIT", "WAS", "IS NOW", "SINCE", "STATE"], all.iter().map(row).collect())
    })?;
    Ok(all.iter().all(|proposal| proposal.declined))
}

async fn answer(cx: &Cx, account: &str, external: &str, accept: bool) -> anyhow::Result<bool> {
    let body = json!({"account": account, "external": external, "accept": accept});
    let done: Proposal = cx.client.post("/mapping/proposals", &body).await?;
    cx.show.answer(&done, |done| {
        let what = if accept { "follows" } else { "is another" };
        format!("{} of {} {what}", done.external, done.account)
    })?;
    Ok(true)
}
