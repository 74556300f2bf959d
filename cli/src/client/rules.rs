//! `rules …` and `mode …`: what is set for the hub, an account, a group or an item, and files of it.

use super::file;
use super::show::{cell, number, time};
use super::sync::job;
use super::{Cx, api, ask};
use anyhow::{Context, bail};
use domain::layers::NAMES;
use engine::items::Listed;
use engine::settings::{RuleLine, RuleLineResult, RuleRow, Scope, ScopeView, SettingsChange, SettingsReport};
use engine::sheet::{self, Sheet};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// `rules …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// What is set: everywhere above items, or at one place
    Show {
        /// For whom.
        #[command(flatten)]
        whose: Whose,
    },
    /// Set rules, such as `hold_back=2 cap=50`; a value of `off` switches one off that a farther level sets
    Set {
        /// `name=value`, of share_percent, keep_last_unit, hold_back, flash_minutes, show_zero_at, cap, pack, fixed, exclude, mode, low_stock
        #[arg(required = true, value_parser = pair)]
        rules: Vec<(String, String)>,
        /// For whom.
        #[command(flatten)]
        whose: Whose,
        /// Whether to do it.
        #[command(flatten)]
        how: How,
    },
    /// Inherit rules again
    Clear {
        /// Their names; all if none is given
        rules: Vec<String>,
        /// For whom.
        #[command(flatten)]
        whose: Whose,
        /// Whether to do it.
        #[command(flatten)]
        how: How,
    },
    /// What setting rules would change, and nothing else
    Preview {
        /// `name=value`
        #[arg(required = true, value_parser = pair)]
        rules: Vec<(String, String)>,
        /// For whom.
        #[command(flatten)]
        whose: Whose,
    },
    /// Write everything that is set as CSV
    Export {
        /// Into this file; to standard output if absent
        file: Option<PathBuf>,
    },
    /// Set what a CSV file says; a bad line blocks no other
    Import {
        /// The file: columns sku, group, account, listing, and the names of rules
        file: PathBuf,
        /// Only tell what would happen
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Who changed what, and what was before
    History {
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

/// `mode …`
#[derive(Debug, clap::Subcommand)]
pub enum ModeCommand {
    /// Set when stores are written: default, always, never or only-when-active
    Set {
        /// The mode
        mode: String,
        /// For whom.
        #[command(flatten)]
        whose: Whose,
        /// Whether to do it.
        #[command(flatten)]
        how: How,
    },
}

/// For whom; the hub if nothing is given.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Whose {
    /// An item
    #[arg(long, conflicts_with = "group")]
    sku: Option<String>,
    /// The items of a group
    #[arg(long)]
    group: Option<String>,
    /// At this account only; alone: everything at it
    #[arg(long)]
    account: Option<String>,
    /// One listing of the item, such as north@default
    #[arg(long, requires = "sku", conflicts_with = "account")]
    listing: Option<String>,
}

/// Whether to do it.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct How {
    /// Only show what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `name=value`
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        Some(_) | None => Err(format!("{text:?} is not name=value, such as hold_back=2")),
    }
}

impl Whose {
    fn json(&self) -> Value {
        let given =
            [("sku", &self.sku), ("group", &self.group), ("account", &self.account), ("listing", &self.listing)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
        Value::Object(given.collect())
    }

    fn query(&self) -> String {
        api::query(&[
            ("sku", self.sku.clone()),
            ("group", self.group.clone()),
            ("account", self.account.clone()),
            ("listing", self.listing.clone()),
        ])
    }

    const fn is_hub(&self) -> bool {
        self.sku.is_none() && self.group.is_none() && self.account.is_none()
    }
}

/// Runs a `rules` command.
///
/// # Errors
/// What the hub said, or what is wrong with the file.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Show { whose } => show(cx, &whose).await,
        Command::Set { rules, whose, how } => set(cx, &rules, &[], &whose, how).await,
        Command::Clear { rules, whose, how } => {
            let all = vec!["all".to_owned()];
            set(cx, &[], if rules.is_empty() { &all } else { &rules }, &whose, how).await
        }
        Command::Preview { rules, whose } => set(cx, &rules, &[], &whose, How { dry_run: true, yes: false }).await,
        Command::Export { file } => export(cx, file.as_deref()).await,
        Command::Import { file, dry_run, yes } => import(cx, &file, dry_run, yes).await,
        Command::History { limit } => history(cx, limit).await,
    }
}

/// Runs a `mode` command.
///
/// # Errors
/// What the hub said.
pub async fn mode(cx: &Cx, command: ModeCommand) -> anyhow::Result<bool> {
    let ModeCommand::Set { mode, whose, how } = command;
    set(cx, &[("mode".into(), mode)], &[], &whose, how).await
}

async fn show(cx: &Cx, whose: &Whose) -> anyhow::Result<bool> {
    let views: Vec<ScopeView> = if whose.is_hub() {
        cx.client.get("/rules").await?
    } else {
        vec![cx.client.get(&format!("/rules/at{}", whose.query())).await?]
    };
    cx.show.answer(&views, |views| {
        let row = |view: &ScopeView| {
            let set: Vec<String> = view.set.iter().map(|(name, value)| format!("{name} {value}")).collect();
            vec![cell(&view.scope), cell(if set.is_empty() { "nothing".into() } else { set.join(", ") })]
        };
        if views.is_empty() {
            "nothing is set above items".into()
        } else {
            cx.show.table(&["FOR", "SET"], views.iter().map(row).collect())
        }
    })?;
    Ok(true)
}

async fn set(cx: &Cx, set: &[(String, String)], clear: &[String], whose: &Whose, how: How) -> anyhow::Result<bool> {
    let set: BTreeMap<&String, &String> = set.iter().map(|(name, value)| (name, value)).collect();
    let body = |apply: bool| json!({"scope": whose.json(), "set": set, "clear": clear, "apply": apply});
    if how.dry_run || !how.yes {
        let preview: SettingsReport = job(cx, "/rules", &body(false)).await?;
        if how.dry_run {
            cx.show.answer(&preview, |preview| {
                format!("{}\nThis was a preview: nothing was changed.", report(cx, preview))
            })?;
            return Ok(true);
        }
        if preview.changes > 0 {
            eprintln!("{}", report(cx, &preview));
            ask::agree("Do it?", false)?;
        }
    }
    let done: SettingsReport = job(cx, "/rules", &body(true)).await?;
    cx.show.answer(&done, |done| report(cx, done))?;
    Ok(true)
}

fn words(words: &[String]) -> String {
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

fn report(cx: &Cx, report: &SettingsReport) -> String {
    let will = if report.applied { "changed" } else { "would change" };
    let mut text = format!("{}: {} → {}\n", report.scope, words(&report.before), words(&report.after));
    let (items, listings) = (counted(report.items, "item"), counted(report.changes, "listing"));
    let _ = write!(text, "{items} looked at, {listings} {will}");
    if !report.shown.is_empty() {
        let _ = write!(text, "\n\n{}", targets(cx, &report.shown));
    }
    text
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Changed targets as a table.
pub(super) fn targets(cx: &Cx, changes: &[engine::settings::TargetChange]) -> String {
    let shown = |level: Option<i64>| level.map_or_else(|| "not written".to_owned(), |level| level.to_string());
    let row = |change: &engine::settings::TargetChange| {
        vec![cell(&change.sku), cell(&change.listing), cell(format!("{} → {}", shown(change.from), shown(change.to)))]
    };
    cx.show.table(&["SKU", "LISTING", "TARGET"], changes.iter().map(row).collect())
}

/// Columns before those of the rules.
const PLACES: [&str; 4] = ["sku", "group", "account", "listing"];

async fn export(cx: &Cx, file: Option<&Path>) -> anyhow::Result<bool> {
    let (mut rows, mut after): (Vec<RuleRow>, Option<String>) = (Vec::new(), None);
    loop {
        let page: Listed<RuleRow> = cx.client.get(&format!("/rules/file{}", api::query(&[("after", after)]))).await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if cx.show.json && file.is_none() {
        cx.show.answer(&rows, |_| String::new())?;
        return Ok(true);
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(PLACES.iter().chain(NAMES.iter()))?;
    for row in &rows {
        let names = NAMES.iter().map(|name| row.set.get(*name).cloned().unwrap_or_default());
        csv.write_record(place(&row.scope).into_iter().chain(names))?;
    }
    file::write(cx, file, &csv.into_inner()?, rows.len(), "places")
}

fn place(scope: &Scope) -> [String; 4] {
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        text(scope.sku.as_ref().map(ToString::to_string)),
        text(scope.group.as_ref().map(ToString::to_string)),
        text(scope.account.as_ref().map(ToString::to_string)),
        text(scope.listing.as_ref().map(ToString::to_string)),
    ]
}

#[derive(Deserialize)]
struct Answer {
    lines: Vec<RuleLineResult>,
}

/// Lines sent at once.
const LINES: usize = 200;

async fn import(cx: &Cx, path: &Path, dry_run: bool, yes: bool) -> anyhow::Result<bool> {
    let lines = read(&file::read(path)?).with_context(|| path.display().to_string())?;
    if !dry_run {
        ask::agree(&format!("Set rules from {} lines of {}?", lines.len(), path.display()), yes)?;
    }
    let mut results: Vec<(u64, RuleLineResult)> = Vec::new();
    for chunk in lines.chunks(LINES) {
        let sent: Vec<&RuleLine> = chunk.iter().map(|(_, line)| line).collect();
        let answer: Answer = cx.client.post("/rules/file", &json!({"lines": sent, "dry_run": dry_run})).await?;
        for result in answer.lines {
            let number = result.line.checked_sub(1).and_then(|place| chunk.get(place)).map_or(0, |(number, _)| *number);
            results.push((number, result));
        }
    }
    let failed = results.iter().filter(|(_, result)| result.error.is_some()).count();
    let shown: Vec<Value> = results
        .iter()
        .map(|(number, result)| {
            json!({"line": number, "scope": result.scope, "before": result.before, "after": result.after,
            "changes": result.changes, "error": result.error})
        })
        .collect();
    let told = json!({"dry_run": dry_run, "lines": results.len(), "failed": failed, "results": shown});
    cx.show.answer(&told, |_| {
        let mut text = format!("{} lines, {failed} failed", results.len());
        for (number, result) in &results {
            let _ = match &result.error {
                Some(error) => write!(text, "\nline {number}: {}: {error}", result.scope),
                None if result.before != result.after => write!(
                    text,
                    "\nline {number}: {}: {} → {}, {} listings",
                    result.scope,
                    words(&result.before),
                    words(&result.after),
                    result.changes
                ),
                None => Ok(()),
            };
        }
        text
    })?;
    Ok(failed == 0)
}

/// Reads a file of rules: a header with the columns that it sets, in any case and order.
fn read(bytes: &[u8]) -> anyhow::Result<Vec<(u64, RuleLine)>> {
    let Sheet { names: head, lines } = sheet::read(bytes).map_err(anyhow::Error::msg)?;
    let known = |name: &str| PLACES.contains(&name) || NAMES.contains(&name);
    if let Some(other) = head.iter().find(|name| !known(name)) {
        bail!("line 1: {other:?} is no column; use {}, {}", PLACES.join(", "), NAMES.join(", "));
    }
    if !head.iter().any(|name| NAMES.contains(&name.as_str())) {
        bail!("line 1: no column names a rule; use some of {}", NAMES.join(", "));
    }
    let line = |line: sheet::Line| {
        let field =
            |name: &str| head.iter().position(|column| column == name).map_or("", |place| line.field(place)).to_owned();
        let set = NAMES.iter().filter(|name| head.iter().any(|column| column == *name));
        let set = set.map(|name| ((*name).to_owned(), field(name))).collect();
        let read = RuleLine {
            sku: field("sku"),
            group: field("group"),
            account: field("account"),
            listing: field("listing"),
            set,
        };
        (line.number, read)
    };
    Ok(lines.into_iter().map(line).collect())
}

async fn history(cx: &Cx, limit: usize) -> anyhow::Result<bool> {
    let rows: Vec<SettingsChange> = super::items::pages(cx, "/rules/history", &[], limit).await?;
    cx.show.answer(&rows, |rows| {
        let row = |change: &SettingsChange| {
            vec![
                cell(time(change.at)),
                cell(&change.actor),
                cell(&change.scope),
                cell(words(&change.before)),
                cell(words(&change.after)),
                number(i64::try_from(change.items).ok()),
            ]
        };
        cx.show.table(&["WHEN", "WHO", "FOR", "BEFORE", "AFTER", "ITEMS"], rows.iter().map(row).collect())
    })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_a_name_and_a_value() {
        assert_eq!(pair("cap=5"), Ok(("cap".into(), "5".into())));
        assert_eq!(pair("cap="), Ok(("cap".into(), String::new())), "it inherits again");
        assert!(pair("cap").is_err() && pair("=5").is_err());
    }

    #[test]
    fn columns_are_found_by_name_and_unknown_ones_refused() {
        let lines = read(b"SKU,Account,Cap,MODE\nTEE,north,5,\n,,,never\n").expect("a file of rules");
        assert_eq!(lines[0].0, 2);
        assert_eq!((lines[0].1.sku.as_str(), lines[0].1.account.as_str()), ("TEE", "north"));
        assert_eq!(lines[0].1.set, BTreeMap::from([("cap".into(), "5".into()), ("mode".into(), String::new())]));
        assert_eq!((lines[1].0, lines[1].1.set["mode"].as_str()), (3, "never"));
        assert!(read(b"SKU,Colour\nTEE,red\n").expect_err("no such rule").to_string().contains("\"colour\""));
        assert!(read(b"SKU,Account\nTEE,north\n").expect_err("nothing to set").to_string().contains("names a rule"));
    }
}
