//! `items find`, `items change` and `filters …`.

use super::rules::{How, targets};
use super::show::{cell, number, time};
use super::sync::job;
use super::{Cx, api, ask};
use engine::bulk::BulkReport;
use engine::filter::SavedFilter;
use engine::items::{ItemView, Listed};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Which items. Everything that is given must be true.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Part of the SKU or the title, in any case
    #[arg(long)]
    text: Option<String>,
    /// Listed at this account
    #[arg(long)]
    account: Option<String>,
    /// With a level in this warehouse
    #[arg(long)]
    warehouse: Option<String>,
    /// In this group
    #[arg(long)]
    group: Option<String>,
    /// Written in this mode: always, never, only-when-active
    #[arg(long)]
    mode: Option<String>,
    /// Not written for this reason: paused, clash, never, inactive, no-level …
    #[arg(long)]
    hold: Option<String>,
    /// On sale in its store (true) or not (false)
    #[arg(long)]
    active: Option<bool>,
    /// Received at least once (true) or never (false)
    #[arg(long)]
    received: Option<bool>,
    /// A kit (true) or not (false)
    #[arg(long)]
    kit: Option<bool>,
    /// Shows something else than it shall, or has a difference that nothing explains
    #[arg(long)]
    drift: bool,
    /// The last write failed and waits to be tried again
    #[arg(long)]
    failed: bool,
    /// At or below the units that count as low
    #[arg(long)]
    low_stock: bool,
}

/// Which items, or a saved filter.
#[derive(Debug, Clone, clap::Args)]
pub struct Chosen {
    /// Which items.
    #[command(flatten)]
    which: Which,
    /// The name of a saved filter instead
    #[arg(long)]
    saved: Option<String>,
}

/// Finds items.
#[derive(Debug, clap::Args)]
pub struct Find {
    #[command(flatten)]
    chosen: Chosen,
    /// At most so many
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

/// Changes all items that are found.
#[derive(Debug, clap::Args)]
pub struct Change {
    #[command(flatten)]
    chosen: Chosen,
    /// Set rules, mode or low stock: name=value, several times if need be
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Inherit a rule again
    #[arg(long, value_name = "NAME")]
    clear: Vec<String>,
    /// Set them at this account only
    #[arg(long, value_name = "ACCOUNT")]
    at: Option<String>,
    /// Put the items into a group
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["set", "clear"])]
    join: Vec<String>,
    /// Take the items out of a group
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["set", "clear"])]
    leave: Vec<String>,
    /// Look at every store and bring it up to date
    #[arg(long, conflicts_with_all = ["set", "clear", "join", "leave"])]
    sync: bool,
    /// Write what differs, without looking first
    #[arg(long, conflicts_with_all = ["set", "clear", "join", "leave", "sync"])]
    push: bool,
    /// Whether to do it.
    #[command(flatten)]
    how: How,
}

/// `filters …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// All saved filters
    List,
    /// Save a filter under a name
    Save {
        /// The name
        name: String,
        /// Which items.
        #[command(flatten)]
        which: Which,
    },
    /// Remove a saved filter
    Remove {
        /// The name
        name: String,
    },
}

impl Which {
    fn json(&self) -> Value {
        let mut filter = Map::new();
        let texts = [
            ("text", &self.text),
            ("account", &self.account),
            ("warehouse", &self.warehouse),
            ("group", &self.group),
            ("mode", &self.mode),
            ("hold", &self.hold),
        ];
        for (name, text) in texts {
            filter.extend(text.iter().map(|text| (name.to_owned(), json!(text))));
        }
        for (name, truth) in [("active", self.active), ("received", self.received), ("kit", self.kit)] {
            filter.extend(truth.map(|truth| (name.to_owned(), json!(truth))));
        }
        for (name, is) in [("drift", self.drift), ("failed", self.failed), ("low_stock", self.low_stock)] {
            filter.extend(is.then(|| (name.to_owned(), json!(true))));
        }
        Value::Object(filter)
    }
}

/// Runs `items find`.
///
/// # Errors
/// What the hub said.
pub async fn find(cx: &Cx, find: &Find) -> anyhow::Result<bool> {
    let (mut rows, mut after): (Vec<ItemView>, Option<String>) = (Vec::new(), None);
    while rows.len() < find.limit {
        let most = 500.min(find.limit - rows.len());
        let body =
            json!({"filter": find.chosen.which.json(), "saved": find.chosen.saved, "after": after, "limit": most});
        let page: Listed<ItemView> = cx.client.post("/items/find", &body).await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    cx.show.answer(&rows, |rows| super::items::table(cx, rows))?;
    Ok(true)
}

fn action(change: &Change) -> anyhow::Result<Value> {
    if change.sync || change.push {
        return Ok(json!({"do": if change.sync { "sync" } else { "push" }}));
    }
    if !change.join.is_empty() || !change.leave.is_empty() {
        return Ok(json!({"do": "group", "add": change.join, "remove": change.leave}));
    }
    let mut set = Map::new();
    for pair in &change.set {
        let Some((name, value)) = pair.split_once('=') else {
            anyhow::bail!("--set {pair:?} is not name=value, such as mode=never");
        };
        set.insert(name.trim().to_owned(), json!(value.trim()));
    }
    if set.is_empty() && change.clear.is_empty() {
        anyhow::bail!("say what to do: --set, --clear, --join, --leave, --sync or --push");
    }
    Ok(json!({"do": "set", "account": change.at, "set": set, "clear": change.clear}))
}

/// Runs `items change`.
///
/// # Errors
/// What the hub said.
pub async fn change(cx: &Cx, change: &Change) -> anyhow::Result<bool> {
    let action = action(change)?;
    let (filter, saved) = (change.chosen.which.json(), &change.chosen.saved);
    let body = |apply: bool| json!({"filter": filter, "saved": saved, "action": action, "apply": apply});
    if change.how.dry_run || !change.how.yes {
        let preview: BulkReport = job(cx, "/items/change", &body(false)).await?;
        if change.how.dry_run {
            cx.show.answer(&preview, |it| format!("{}\nThis was a preview: nothing was changed.", report(cx, it)))?;
            return Ok(true);
        }
        eprintln!("{}", report(cx, &preview));
        ask::agree("Do it?", false)?;
    }
    let done: BulkReport = job(cx, "/items/change", &body(true)).await?;
    cx.show.answer(&done, |done| report(cx, done))?;
    Ok(done.failures == 0)
}

fn report(cx: &Cx, report: &BulkReport) -> String {
    let will = if report.applied { "changed" } else { "would change" };
    let mut text = format!(
        "{} items found, {} {will}, {} of their listings get another target, {} failed",
        report.matched, report.changed, report.changes, report.failures
    );
    if !report.shown.is_empty() {
        let _ = write!(text, "\n\n{}", targets(cx, &report.shown));
    } else if !report.items.is_empty() {
        let first: Vec<String> = report.items.iter().take(20).map(ToString::to_string).collect();
        let _ = write!(text, "\n{}{}", first.join(", "), if report.changed > 20 { " …" } else { "" });
    }
    for (sku, error) in &report.failed {
        let _ = write!(text, "\n{sku}: {error}");
    }
    if let Some(kept) = &report.kept {
        let _ = write!(text, "\nWhat was before is kept as {kept}.");
    }
    text
}

/// Runs a `filters` command.
///
/// # Errors
/// What the hub said.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::List => {
            let saved: Vec<SavedFilter> = cx.client.get("/filters").await?;
            cx.show.answer(&saved, |saved| {
                let row = |saved: &SavedFilter| {
                    vec![cell(&saved.name), cell(saved.filter.words()), cell(&saved.actor), cell(time(saved.at))]
                };
                cx.show.table(&["NAME", "FINDS", "BY", "SINCE"], saved.iter().map(row).collect())
            })?;
        }
        Command::Save { name, which } => {
            let saved: SavedFilter = cx.client.post("/filters", &json!({"name": name, "filter": which.json()})).await?;
            cx.show.answer(&saved, |saved| format!("{}: {}", saved.name, saved.filter.words()))?;
        }
        Command::Remove { name } => {
            let path = format!("/filters{}", api::query(&[("name", Some(name.clone()))]));
            let _: Value = cx.client.call(http::Method::DELETE, &path, None::<&()>).await?;
            cx.show.answer(&json!({"removed": name}), |_| format!("{name} removed"))?;
        }
    }
    Ok(true)
}

/// `kits …`
#[derive(Debug, clap::Subcommand)]
pub enum KitCommand {
    /// All kits, with what they are made of
    List,
    /// Make a SKU a kit of others: `kits set TEA-SET CUP=2 POT=1`
    Set {
        /// The kit's own SKU
        sku: String,
        /// `SKU=UNITS` of each part
        #[arg(required = true)]
        parts: Vec<String>,
        /// Whether to do it.
        #[command(flatten)]
        how: How,
    },
    /// Dissolve a kit: it is an item like others, whose level nobody knows yet
    Clear {
        /// The kit's own SKU
        sku: String,
        /// Whether to do it.
        #[command(flatten)]
        how: How,
    },
}

/// Runs a `kits` command.
///
/// # Errors
/// What the hub said.
pub async fn kits(cx: &Cx, command: KitCommand) -> anyhow::Result<bool> {
    match command {
        KitCommand::List => {
            let kits: Vec<engine::kits::KitView> = super::items::pages(cx, "/kits", &[], usize::MAX).await?;
            cx.show.answer(&kits, |kits| {
                let row = |kit: &engine::kits::KitView| {
                    vec![cell(&kit.sku), number(kit.available), cell(parts_words(&kit.parts)), cell(&kit.title)]
                };
                cx.show.table(&["KIT", "AVAILABLE", "MADE OF", "TITLE"], kits.iter().map(row).collect())
            })?;
            Ok(true)
        }
        KitCommand::Set { sku, parts, how } => put_kit(cx, &sku, &read_parts(&parts)?, how).await,
        KitCommand::Clear { sku, how } => put_kit(cx, &sku, &Value::Object(Map::new()), how).await,
    }
}

fn read_parts(parts: &[String]) -> anyhow::Result<Value> {
    let mut read = Map::new();
    for part in parts {
        let units = part.rsplit_once('=').and_then(|(sku, units)| Some((sku.to_owned(), units.parse::<i64>().ok()?)));
        let Some((sku, units)) = units else { anyhow::bail!("{part:?} is not SKU=UNITS, such as CUP=2") };
        read.insert(sku, json!(units));
    }
    Ok(Value::Object(read))
}

fn parts_words(parts: &std::collections::BTreeMap<domain::Sku, i64>) -> String {
    if parts.is_empty() {
        return "no kit".into();
    }
    parts.iter().map(|(sku, units)| format!("{units} {sku}")).collect::<Vec<_>>().join(", ")
}

async fn put_kit(cx: &Cx, sku: &str, parts: &Value, how: How) -> anyhow::Result<bool> {
    let body = |apply: bool| json!({"sku": sku, "parts": parts, "apply": apply});
    let told = |report: &engine::kits::KitReport| {
        let mut text = format!("{}: {} → {}", report.sku, parts_words(&report.before), parts_words(&report.parts));
        if let Some(available) = report.available {
            let _ = write!(text, "; enough for {available}");
        }
        if !report.changes.is_empty() {
            let _ = write!(text, "\n\n{}", targets(cx, &report.changes));
        }
        text
    };
    if how.dry_run || !how.yes {
        let preview: engine::kits::KitReport = cx.client.post("/kits", &body(false)).await?;
        if how.dry_run {
            cx.show
                .answer(&preview, |preview| format!("{}\nThis was a preview: nothing was changed.", told(preview)))?;
            return Ok(true);
        }
        eprintln!("{}", told(&preview));
        ask::agree("Do it?", false)?;
    }
    let done: engine::kits::KitReport = cx.client.post("/kits", &body(true)).await?;
    cx.show.answer(&done, told)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_from_the_right() {
        let parts = read_parts(&["A=B=2".into(), "POT=1".into()]).expect("two parts");
        assert_eq!(parts, json!({"A=B": 2, "POT": 1}));
        assert!(read_parts(&["CUP".into()]).is_err() && read_parts(&["CUP=two".into()]).is_err());
    }

    #[test]
    fn only_what_is_given_is_asked_for() {
        let which = Which { text: Some("tee".into()), drift: true, active: Some(false), ..Which::default() };
        assert_eq!(which.json(), json!({"text": "tee", "drift": true, "active": false}));
        assert_eq!(Which::default().json(), json!({}));
    }
}
