//! `items …`, `levels`, `history` and `explain`.

use super::show::{cell, judged, number, span, time, word};
use super::{Cx, api};
use domain::ListingId;
use engine::items::{Explanation, ItemView, Listed, ListingView, Standing};
use engine::records::History as Happened;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// `items …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// All items
    List(List),
    /// One item, with its listings
    Show {
        /// Its SKU
        sku: String,
    },
    /// Items that a filter finds
    Find(super::filters::Find),
    /// Change, look at or write all items that a filter finds
    Change(super::filters::Change),
}

/// Which items.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only SKUs that begin with this
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// At most so many
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

/// Whose history.
#[derive(Debug, clap::Args)]
pub struct History {
    /// A SKU; without it, everything that happened on one day
    sku: Option<String>,
    /// Only what concerns this account
    #[arg(long, conflicts_with = "sku")]
    account: Option<String>,
    /// The day in UTC, such as 2026-03-12; today if absent
    #[arg(long, conflicts_with = "sku")]
    day: Option<String>,
    /// At most so many lines
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// Which SKU.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The SKU
    sku: String,
}

/// Rows of one request.
const PAGE: usize = 500;

/// Reads pages until `limit` rows are there or there are no more.
///
/// # Errors
/// What the hub said.
pub async fn pages<T: DeserializeOwned>(
    cx: &Cx,
    path: &str,
    parameters: &[(&str, Option<String>)],
    limit: usize,
) -> anyhow::Result<Vec<T>> {
    let (mut rows, mut after) = (Vec::new(), None);
    while rows.len() < limit {
        let most = PAGE.min(limit - rows.len());
        let mut all = parameters.to_vec();
        all.extend([("after", after.take()), ("limit", Some(most.to_string()))]);
        let page: Listed<T> = cx.client.get(&format!("{path}{}", api::query(&all))).await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(rows)
}

async fn items(cx: &Cx, list: &List) -> anyhow::Result<Vec<ItemView>> {
    let prefix = Some(list.prefix.clone()).filter(|prefix| !prefix.is_empty());
    pages(cx, "/items", &[("prefix", prefix)], list.limit).await
}

fn of(sku: &str) -> String {
    api::query(&[("sku", Some(sku.to_owned()))])
}

/// Runs an `items` command.
///
/// # Errors
/// What the hub said.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::List(list) => {
            let items = items(cx, &list).await?;
            cx.show.answer(&items, |items| table(cx, items))?;
        }
        Command::Find(find) => return super::filters::find(cx, &find).await,
        Command::Change(change) => return super::filters::change(cx, &change).await,
        Command::Show { sku } => {
            let item: ItemView = cx.client.get(&format!("/item{}", of(&sku))).await?;
            cx.show.answer(&item, |item| {
                let levels = format!("{}{}", item.level, by_warehouse(item));
                format!("{}  {}\nhub level {levels}\n\n{}", item.sku, item.title, listings(cx, item))
            })?;
        }
    }
    Ok(true)
}

/// Items as a table.
pub(super) fn table(cx: &Cx, items: &[ItemView]) -> String {
    let row = |item: &ItemView| {
        let count = i64::try_from(item.listings.len()).ok();
        vec![cell(&item.sku), number(Some(item.level)), number(count), standing(item), cell(&item.title)]
    };
    cx.show.table(&["SKU", "LEVEL", "LISTINGS", "STANDING", "TITLE"], items.iter().map(row).collect())
}

/// The worst standing of an item's listings.
fn standing(item: &ItemView) -> comfy_table::Cell {
    let is = |standing: Standing| item.listings.iter().any(|listing| listing.standing == standing);
    let worst = [Standing::Held, Standing::Due, Standing::Pending].into_iter().find(|standing| is(*standing));
    judged(word(&worst.unwrap_or(Standing::InSync)), worst.is_none())
}

/// A listing by as little as tells it: the account, and the location where it is not the only one.
fn named(listing: &ListingId) -> String {
    if let (true, Some(kit)) = (listing.is_kit(), &listing.unit) {
        format!("kits of {kit}")
    } else if *listing == ListingId::single(listing.account.clone()) {
        listing.account.to_string()
    } else {
        listing.to_string()
    }
}

/// The level of each warehouse, where there is more than one.
fn by_warehouse(item: &ItemView) -> String {
    if item.warehouses.len() < 2 {
        return String::new();
    }
    let level = |(warehouse, level): (&domain::WarehouseId, &i64)| format!("{warehouse} {level}");
    format!(" ({})", item.warehouses.iter().map(level).collect::<Vec<_>>().join(", "))
}

fn listings(cx: &Cx, item: &ItemView) -> String {
    let row = |listing: &ListingView| {
        let hold = listing.hold.map(|hold| word(&hold)).unwrap_or_default();
        vec![
            cell(
                listing
                    .location_name
                    .as_ref()
                    .map_or_else(|| listing.listing.to_string(), |name| format!("{} ({name})", listing.listing)),
            ),
            cell(listing.warehouses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            number(listing.shadow),
            number(listing.target),
            number(Some(listing.counted)),
            judged(word(&listing.standing), listing.standing == Standing::InSync),
            cell(hold),
        ]
    };
    let head = ["LISTING", "WAREHOUSE", "LEVEL", "TARGET", "COUNTED", "STANDING", "HELD BECAUSE"];
    cx.show.table(&head, item.listings.iter().map(row).collect())
}

/// Said where there is no item.
const NOTHING: &str = "There are no such items. `evenstock adopt` shows what the stores would bring.";

/// Runs `levels`.
///
/// # Errors
/// What the hub said.
pub async fn levels(cx: &Cx, list: &List) -> anyhow::Result<bool> {
    let items = items(cx, list).await?;
    cx.show.answer(&items, |items| {
        if items.is_empty() {
            return NOTHING.into();
        }
        let all = items.iter().flat_map(|item| &item.listings).map(|listing| listing.listing.clone());
        let columns: BTreeSet<_> = all.collect();
        let names = columns.iter().map(named);
        let head: Vec<String> = ["SKU".to_owned(), "HUB".to_owned()].into_iter().chain(names).collect();
        let row = |item: &ItemView| {
            let level = |column: &ListingId| item.listings.iter().find(|one| one.listing == *column);
            let levels = columns.iter().map(|column| number(level(column).and_then(|listing| listing.shadow)));
            [cell(&item.sku), number(Some(item.level))].into_iter().chain(levels).collect()
        };
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        cx.show.table(&head, items.iter().map(row).collect())
    })?;
    Ok(true)
}

/// Runs `history`.
///
/// # Errors
/// What the hub said.
pub async fn history(cx: &Cx, history: &History) -> anyhow::Result<bool> {
    let rows: Vec<Happened> = match &history.sku {
        Some(sku) => pages(cx, "/item/history", &[("sku", Some(sku.clone()))], history.limit).await?,
        None => {
            let parameters = [("account", history.account.clone()), ("day", history.day.clone())];
            pages(cx, "/history", &parameters, history.limit).await?
        }
    };
    cx.show.answer(&rows, |rows| match rows.as_slice() {
        [] => "nothing happened".into(),
        rows => lines(cx, rows),
    })?;
    Ok(true)
}

fn lines(cx: &Cx, rows: &[Happened]) -> String {
    let row = |happened: &Happened| {
        let who = [Some(happened.cause.clone()), happened.actor.clone(), happened.reason.clone()];
        let who: Vec<String> = who.into_iter().flatten().collect();
        let (before, after) = happened.level;
        vec![
            cell(time(happened.at)),
            cell(&happened.sku),
            cell(format!("{before} → {after}")),
            cell(counted(happened)),
            cell(pushed(happened)),
            cell(who.join(", ")),
        ]
    };
    cx.show.table(&["WHEN", "SKU", "LEVEL", "COUNTED", "WRITTEN", "WHY"], rows.iter().map(row).collect())
}

fn counted(happened: &Happened) -> String {
    let mut texts = Vec::new();
    for seen in &happened.seen {
        let account = named(&seen.listing);
        texts.extend(seen.counted.iter().map(|counted| format!("{account} {:+}", counted.by)));
        texts.extend(seen.notes.iter().map(|note| format!("{account}: {}", web::console::note_in_words(note))));
    }
    texts.join("; ")
}

fn pushed(happened: &Happened) -> String {
    let text = |pushed: &engine::records::Pushed| {
        let mut text = format!("{} {}→{}", named(&pushed.listing), pushed.from, pushed.to);
        if pushed.outcome != domain::push::Ended::Applied {
            let _ = write!(text, " {}", word(&pushed.outcome));
        }
        if let Some(ms) = pushed.ms {
            let _ = write!(text, " after {}", span(ms));
        }
        if let Some(error) = &pushed.error {
            let _ = write!(text, " ({error})");
        }
        if let Some(since) = pushed.waited {
            let _ = write!(text, " (could not be written since {})", time(since));
        }
        text
    };
    happened.pushed.iter().map(text).collect::<Vec<_>>().join("; ")
}

/// Runs `explain`.
///
/// # Errors
/// What the hub said.
pub async fn explain(cx: &Cx, explain: &Explain) -> anyhow::Result<bool> {
    let why: Explanation = cx.client.get(&format!("/item/explain{}", of(&explain.sku))).await?;
    cx.show.answer(&why, |why| {
        let mut text = format!("{}: {} in the hub\n", why.sku, why.level);
        let counted: i64 = why.base.values().chain(why.charged.values().flat_map(|charged| charged.values())).sum();
        if counted != why.level {
            text.push_str("  a kit: as many as its parts are enough for; what each store shows says which\n");
        }
        for (warehouse, base) in why.base.iter().filter(|_| counted == why.level) {
            let _ = writeln!(text, "  {base:>8}  warehouse {warehouse} began with");
            for (listing, counted) in why.charged.get(warehouse).into_iter().flatten() {
                let _ = writeln!(text, "  {counted:>+8}  counted from {}", named(listing));
            }
            if why.base.len() > 1 {
                let level = why.warehouses.get(warehouse).copied().unwrap_or(0);
                let _ = writeln!(text, "  {level:>8}  in {warehouse}");
            }
        }
        for listing in &why.listings {
            let view = &listing.view;
            let shown = |level: Option<i64>| level.map_or_else(|| "-".to_owned(), |level| level.to_string());
            let _ = write!(text, "\n{}: shows {}, shall show {}", view.listing, shown(view.shadow), shown(view.target));
            let _ = writeln!(text, " ({})", view.hold.map_or_else(|| word(&view.standing), |hold| word(&hold)));
            for step in &listing.steps {
                let from = step.from.as_ref().map(|from| format!("  ({from})")).unwrap_or_default();
                let _ = writeln!(text, "  {:>8}  {}{from}", step.quantity, step.rule);
            }
            if let Some(mode) = &listing.mode_from {
                let _ = writeln!(text, "  written {mode}");
            }
            if let Some((at, pushed)) = &listing.last_push {
                let _ = writeln!(
                    text,
                    "  last written {}: {} → {}, {}{}",
                    time(*at),
                    pushed.from,
                    pushed.to,
                    word(&pushed.outcome),
                    pushed.ms.map(|ms| format!(" {} after its cause", span(ms))).unwrap_or_default()
                );
            }
        }
        format!("{text}\n{}", lines(cx, &why.recent))
    })?;
    Ok(true)
}
