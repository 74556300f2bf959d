//! `groups …`: named sets of items.

use super::rules::How;
use super::show::{cell, number};
use super::{Cx, api, ask};
use engine::settings::{GroupView, SettingsReport};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::Write as _;

/// `groups …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// All groups, in the order in which they win, with what is set for them
    List,
    /// Add a group, or change its title or its place in the order
    Set {
        /// Its short name: a-z, 0-9, - and _
        group: String,
        /// What people call it
        #[arg(long)]
        title: Option<String>,
        /// Its place in the order: smaller ones win; behind all others if absent
        #[arg(long, allow_negative_numbers = true)]
        rank: Option<i64>,
    },
    /// Put SKUs into a group
    Add {
        /// The group
        group: String,
        /// The SKUs
        #[arg(required = true)]
        skus: Vec<String>,
    },
    /// Take SKUs out of a group
    Take {
        /// The group
        group: String,
        /// The SKUs
        #[arg(required = true)]
        skus: Vec<String>,
    },
    /// Remove a group; its items stay
    Remove {
        /// The group
        group: String,
        /// Whether to do it.
        #[command(flatten)]
        how: How,
    },
}

#[derive(Deserialize, Serialize)]
struct Member {
    sku: String,
    error: Option<String>,
}

/// Runs a `groups` command.
///
/// # Errors
/// What the hub said.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::List => list(cx).await,
        Command::Set { group, title, rank } => {
            let done: GroupView =
                cx.client.post("/groups", &json!({"id": group, "title": title, "rank": rank})).await?;
            cx.show.answer(&done, |done| format!("{}: {}, place {}", done.id, done.title, done.rank))?;
            Ok(true)
        }
        Command::Add { group, skus } => members(cx, &json!({"group": group, "add": skus})).await,
        Command::Take { group, skus } => members(cx, &json!({"group": group, "remove": skus})).await,
        Command::Remove { group, how } => remove(cx, &group, how).await,
    }
}

async fn list(cx: &Cx) -> anyhow::Result<bool> {
    let groups: Vec<GroupView> = cx.client.get("/groups").await?;
    cx.show.answer(&groups, |groups| {
        let words = |set: &std::collections::BTreeMap<String, String>| {
            set.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
        };
        let row = |group: &GroupView| {
            let mut set = vec![words(&group.set)];
            set.extend(group.at.iter().map(|(account, set)| format!("at {account}: {}", words(set))));
            set.retain(|text| !text.is_empty());
            vec![cell(&group.id), number(Some(group.rank)), cell(&group.title), cell(set.join("; "))]
        };
        cx.show.table(&["GROUP", "PLACE", "TITLE", "SET"], groups.iter().map(row).collect())
    })?;
    Ok(true)
}

async fn members(cx: &Cx, body: &serde_json::Value) -> anyhow::Result<bool> {
    let done: Vec<Member> = cx.client.post("/groups/items", body).await?;
    let failed = done.iter().filter(|member| member.error.is_some()).count();
    cx.show.answer(&done, |done| {
        let mut text = format!("{} items, {failed} failed", done.len());
        for member in done {
            if let Some(error) = &member.error {
                let _ = write!(text, "\n{}: {error}", member.sku);
            }
        }
        text
    })?;
    Ok(failed == 0)
}

async fn remove(cx: &Cx, group: &str, how: How) -> anyhow::Result<bool> {
    if how.dry_run {
        anyhow::bail!("groups remove: there is no preview; `items find --group {group}` shows its items");
    }
    ask::agree(&format!("Remove the group {group} with what is set for it?"), how.yes)?;
    let path = format!("/groups{}", api::query(&[("id", Some(group.to_owned()))]));
    let done: SettingsReport = cx.client.call(http::Method::DELETE, &path, None::<&()>).await?;
    cx.show
        .answer(&done, |done| format!("removed; {} items were in it, {} listings changed", done.items, done.changes))?;
    Ok(true)
}
