//! `snapshots …` and `restore`.

use super::show::{cell, number, time};
use super::{Cx, api, ask, items, runs};
use anyhow::{Context, bail};
use domain::{AccountId, GroupId, Sku, Timestamp};
use engine::items::Listed;
use engine::runs::{Job, Restore, RestoreLine, RestoreReport};
use engine::snapshots::{Snapshot, SnapshotLevels};
use http::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// `snapshots …`
#[derive(Debug, clap::Subcommand)]
pub enum Snapshots {
    /// The levels that were kept before something bulky was done, newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// The levels in one of them
    Show {
        /// The snapshot
        id: String,
    },
    /// Keep the levels of all SKUs now
    Take,
    /// Forget one before its time
    Remove {
        /// The snapshot
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What to take back.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A snapshot, or a time in UTC such as 2026-03-12T09:30:00Z, or how long ago: 90m, 2h, 3d
    #[arg(long, value_name = "SNAPSHOT|TIME", required_unless_present = "run", conflicts_with = "run")]
    to: Option<String>,
    /// What this run edited
    #[arg(long)]
    run: Option<String>,
    /// Only these SKUs
    #[arg(long, value_name = "SKU", num_args = 1..)]
    items: Vec<String>,
    /// Only SKUs that begin with this
    #[arg(long)]
    prefix: Option<String>,
    /// Only SKUs that are in this group now
    #[arg(long)]
    group: Option<String>,
    /// Only what was edited in this account; `hub` names Evenstock itself
    #[arg(long)]
    account: Option<String>,
    /// With a snapshot: the levels that this account's store had in it become the hub's, plus what was sold since
    #[arg(long, value_name = "ACCOUNT")]
    levels_of: Option<String>,
    /// Do it, after the preview
    #[arg(long)]
    apply: bool,
    /// Only show what would happen, which is what it does without `--apply`
    #[arg(long, conflicts_with = "apply")]
    dry_run: bool,
    /// Do not ask between preview and doing
    #[arg(long)]
    yes: bool,
}

/// Runs a `snapshots` command.
///
/// # Errors
/// What the hub said.
pub async fn snapshots(cx: &Cx, command: Snapshots) -> anyhow::Result<bool> {
    match command {
        Snapshots::List { limit } => {
            let rows: Vec<Snapshot> = items::pages(cx, "/snapshots", &[], limit).await?;
            cx.show.answer(&rows, |rows| {
                let row = |one: &Snapshot| {
                    let skus = number(i64::try_from(one.skus).ok());
                    vec![cell(&one.id), cell(time(one.at)), cell(&one.why), cell(&one.actor), skus]
                };
                cx.show.table(&["SNAPSHOT", "SHOWS", "BEFORE", "BY", "SKUS"], rows.iter().map(row).collect())
            })?;
        }
        Snapshots::Show { id } => show(cx, &id).await?,
        Snapshots::Take => {
            let taken: Snapshot = runs::job(cx, &Job::Snapshot).await?;
            cx.show.answer(&taken, |taken| format!("snapshot {}: {} SKUs", taken.id, taken.skus))?;
        }
        Snapshots::Remove { id, yes } => {
            ask::agree(&format!("Forget snapshot {id}?"), yes)?;
            let _: Value = cx.client.call(Method::DELETE, &path(&id), None::<&()>).await?;
            cx.show.answer(&json!({"removed": id}), |_| format!("{id} removed"))?;
        }
    }
    Ok(true)
}

fn path(id: &str) -> String {
    format!("/snapshots/{}", api::part(id))
}

async fn show(cx: &Cx, id: &str) -> anyhow::Result<()> {
    let (mut rows, mut after) = (Vec::<SnapshotLevels>::new(), None);
    loop {
        let query = api::query(&[("after", after.take())]);
        let page: Listed<SnapshotLevels> = cx.client.get(&format!("{}{query}", path(id))).await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    cx.show.answer(&rows, |rows| {
        let row = |levels: &SnapshotLevels| {
            let hub = (!levels.hub.is_empty()).then(|| levels.hub.values().sum());
            let store = |(listing, level): (&domain::ListingId, &Option<i64>)| match level {
                Some(level) => format!("{listing} {level}"),
                None => format!("{listing} -"),
            };
            let stores: Vec<String> = levels.stores.iter().map(store).collect();
            vec![cell(&levels.sku), number(hub), cell(stores.join("  "))]
        };
        cx.show.table(&["SKU", "HUB", "STORES"], rows.iter().map(row).collect())
    })
}

/// Runs `restore`.
///
/// # Errors
/// What the hub said.
pub async fn restore(cx: &Cx, options: &Options) -> anyhow::Result<bool> {
    let wanted = options.read()?;
    if options.dry_run || !options.apply {
        let preview: RestoreReport = runs::job(cx, &Job::Restore(wanted)).await?;
        cx.show.answer(&preview, |preview| {
            format!("{}\nThis was a preview. `--apply` does it.", told(cx, preview, "would move"))
        })?;
        return Ok(true);
    }
    if !options.yes {
        let preview: RestoreReport = runs::job(cx, &Job::Restore(wanted.clone())).await?;
        eprintln!("{}", told(cx, &preview, "would move"));
        ask::agree("Do it?", false)?;
    }
    let done: RestoreReport = runs::job(cx, &Job::Restore(Restore { apply: true, ..wanted })).await?;
    cx.show.answer(&done, |done| {
        let snapshot = done.snapshot.as_deref().unwrap_or("none");
        format!("{}\nLevels before: snapshot {snapshot}. The stores are being written now.", told(cx, done, "moved"))
    })?;
    Ok(true)
}

impl Options {
    fn read(&self) -> anyhow::Result<Restore> {
        let time = self.to.as_deref().map(moment).transpose()?.flatten();
        let account = |name: &Option<String>| name.as_ref().map(AccountId::new).transpose();
        Ok(Restore {
            snapshot: self.to.clone().filter(|_| time.is_none()),
            time,
            run: self.run.clone(),
            items: self.items.iter().map(Sku::new).collect::<Result<_, _>>()?,
            prefix: self.prefix.clone(),
            group: self.group.as_ref().map(GroupId::new).transpose()?,
            account: account(&self.account)?,
            levels_of: account(&self.levels_of)?,
            apply: false,
        })
    }
}

/// A time, in UTC or as how long ago; `None` for anything else, such as the name of a snapshot.
fn moment(text: &str) -> anyhow::Result<Option<Timestamp>> {
    let now = jiff::Timestamp::now().as_millisecond();
    let ago = text.strip_suffix(['m', 'h', 'd']).and_then(|count| count.parse::<i64>().ok());
    if let Some(count) = ago {
        let unit = match text.chars().last() {
            Some('m') => 60_000,
            Some('h') => 3_600_000,
            _ => 86_400_000,
        };
        return Ok(Some(Timestamp(now - count.saturating_mul(unit))));
    }
    if !text.contains('T') && !text.contains(':') {
        return Ok(None);
    }
    let at: jiff::Timestamp =
        text.parse().with_context(|| format!("to: {text:?} is no time; write it like 2026-03-12T09:30:00Z"))?;
    if at.as_millisecond() > now {
        bail!("to: {text} lies in the future");
    }
    Ok(Some(Timestamp(at.as_millisecond())))
}

fn told(cx: &Cx, report: &RestoreReport, word: &str) -> String {
    let mut text = format!(
        "Edits since {}: {} SKUs looked at, {} {word} (+{} -{})",
        time(report.since),
        report.items,
        report.changed,
        report.up,
        report.down
    );
    let kept = [
        (report.sold, "units sold and returned since then stay counted"),
        (report.unclear, "units may be sales, of stores that cannot tell them from edits: they stay"),
        (report.others, "units of other edits stay"),
    ];
    for (units, what) in kept.into_iter().filter(|(units, _)| *units != 0) {
        let _ = write!(text, "\n{units:+} {what}");
    }
    if !report.differences.is_empty() {
        let row = |line: &RestoreLine| {
            let [now, then, sold] = [line.before, line.after, line.sold].map(|units| number(Some(units)));
            vec![cell(&line.sku), now, then, sold]
        };
        let rows = report.differences.iter().map(row).collect();
        let _ = write!(text, "\n\n{}", cx.show.table(&["SKU", "NOW", "THEN", "SOLD SINCE"], rows));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_from_the_name_of_a_snapshot() {
        assert_eq!(moment("001773340380000-0f3a").expect("a name"), None);
        let at = moment("2026-03-12T18:33:00Z").expect("a time");
        assert_eq!(at, Some(Timestamp(1_773_340_380_000)));
        let ago = moment("2h").expect("a time").expect("a time").0;
        let now = jiff::Timestamp::now().as_millisecond();
        assert!((now - 7_201_000..=now - 7_200_000 + 1_000).contains(&ago));
        assert!(moment("2026-13-40T00:00:00Z").is_err());
    }
}
