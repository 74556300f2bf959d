//! `feeds …`: stock files at an address, fetched on a schedule.

use super::show::{cell, judged, time, time_or_never, word};
use super::stock::{FileFormat, FileMode, Outcome};
use super::{Cx, api, ask, runs};
use anyhow::Context;
use domain::WarehouseId;
use engine::runs::Run;
use engine::stock_feeds::{StockFeed, StockFeedView};
use engine::table::Columns;
use http::Method;
use serde_json::{Value, json};

/// `feeds …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// All of them, each with what became of its last fetch
    List,
    /// One of them
    Show {
        /// Its name
        name: String,
    },
    /// Set one: a new one, or one that is there
    Set(Set),
    /// Fetch it and show what it would do
    Preview {
        /// Its name
        name: String,
    },
    /// Fetch it now
    Fetch {
        /// Its name
        name: String,
        /// Do it whatever the mass-zero guard says
        #[arg(long)]
        believe: bool,
    },
    /// Forget it with its secret; what it counted stays counted
    Remove {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// A stock feed.
#[derive(Debug, clap::Args)]
pub struct Set {
    /// Its name: a-z, 0-9, - and _
    name: String,
    /// Where it is: https, at a public address (--url is the hub's own)
    #[arg(long, value_name = "URL")]
    address: String,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: FileFormat,
    /// What its quantities mean
    #[arg(long, value_enum, default_value_t)]
    mode: FileMode,
    /// The column, or the JSON field, of the SKU
    #[arg(long, value_name = "COLUMN")]
    sku: Option<String>,
    /// The column, or the JSON field, of the quantity
    #[arg(long, value_name = "COLUMN")]
    quantity: Option<String>,
    /// JSON: the field that holds the rows, dots between levels
    #[arg(long, value_name = "FIELD")]
    rows: Option<String>,
    /// Whose stock it is, where a line does not say
    #[arg(long)]
    warehouse: Option<String>,
    /// Minutes from one fetch to the next; only when asked if absent
    #[arg(long, value_name = "MINUTES")]
    every: Option<u32>,
    /// The header that carries its secret, such as authorization; the secret is asked for
    #[arg(long)]
    header: Option<String>,
    /// The secret. Other users of this machine can see command lines: being asked is safer
    #[arg(long, requires = "header")]
    secret: Option<String>,
    /// SKUs of the hub that it does not name get zero; a wave of zeros is asked about first
    #[arg(long)]
    missing_means_zero: bool,
    /// Do not fetch it by the schedule for now
    #[arg(long)]
    paused: bool,
}

/// Runs a `feeds` command.
///
/// # Errors
/// What the hub said.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::List => list(cx).await?,
        Command::Show { name } => show(cx, &cx.client.get(&path(&name, "")).await?)?,
        Command::Set(set) => show(cx, &cx.client.post("/feeds", &set.body()?).await?)?,
        Command::Preview { name } => return fetch(cx, &name, true, false).await,
        Command::Fetch { name, believe } => return fetch(cx, &name, false, believe).await,
        Command::Remove { name, yes } => {
            ask::agree(&format!("Forget stock feed {name}?"), yes)?;
            let _: Value = cx.client.call(Method::DELETE, &path(&name, ""), None::<&()>).await?;
            cx.show.answer(&json!({"removed": name}), |_| format!("{name} removed"))?;
        }
    }
    Ok(true)
}

fn path(name: &str, rest: &str) -> String {
    format!("/feeds/{}{rest}", api::part(name))
}

impl Set {
    fn body(self) -> anyhow::Result<Value> {
        let secret = match (&self.header, self.secret) {
            (Some(header), None) if ask::is_there() => Some(ask::secret(&format!("What {header} carries: "))?),
            (_, secret) => secret,
        };
        let feed = StockFeed {
            name: self.name,
            url: self.address,
            format: self.format.into(),
            columns: Columns { sku: self.sku, quantity: self.quantity, rows: self.rows },
            mode: self.mode.into(),
            warehouse: self.warehouse.map(WarehouseId::new).transpose()?,
            every_minutes: self.every,
            header: self.header,
            missing_means_zero: self.missing_means_zero,
            paused: self.paused,
        };
        // nothing typed in means that the former secret stays
        let secret = secret.filter(|secret| !secret.is_empty());
        serde_json::to_value(json!({"feed": feed, "secret": secret})).context("the feed cannot be written as JSON")
    }
}

async fn fetch(cx: &Cx, name: &str, dry_run: bool, believe: bool) -> anyhow::Result<bool> {
    let body = json!({"dry_run": dry_run, "believe": believe});
    let run: Run = cx.client.post(&path(name, "/fetch"), &body).await?;
    Outcome::of(cx, runs::follow(cx, run).await?).await?.show(cx)
}

async fn list(cx: &Cx) -> anyhow::Result<()> {
    let feeds: Vec<StockFeedView> = cx.client.get("/feeds").await?;
    cx.show.answer(&feeds, |feeds| {
        let row = |view: &StockFeedView| {
            let (text, good) = said(view);
            vec![
                cell(&view.feed.name),
                cell(word(&view.feed.mode)),
                cell(view.feed.every_minutes.map_or_else(|| "-".into(), |every| format!("{every} min"))),
                cell(view.next.map_or_else(|| "-".into(), time)),
                cell(time_or_never(view.last.as_ref().map(|last| last.at))),
                judged(text, good),
            ]
        };
        let head = ["FEED", "MODE", "EVERY", "NEXT", "LAST", "SAYS"];
        cx.show.table(&head, feeds.iter().map(row).collect())
    })
}

fn said(view: &StockFeedView) -> (String, bool) {
    let Some(last) = &view.last else { return ("not fetched yet".into(), true) };
    match (&last.error, &last.report) {
        (Some(error), _) => (error.clone(), false),
        (None, Some(report)) => {
            (format!("{} changed, {} failed", report.changed, last.faults_total), last.faults_total == 0)
        }
        (None, None) => (String::new(), true),
    }
}

fn show(cx: &Cx, view: &StockFeedView) -> anyhow::Result<()> {
    cx.show.answer(view, |view| {
        let feed = &view.feed;
        let column = |name: &Option<String>| name.clone().unwrap_or_else(|| "by its usual name".into());
        let (text, good) = said(view);
        let mut rows = vec![
            vec![cell("feed"), cell(&feed.name)],
            vec![cell("address"), cell(&feed.url)],
            vec![cell("written as"), cell(word(&feed.format))],
            vec![cell("quantities mean"), cell(word(&feed.mode))],
            vec![cell("column of SKU"), cell(column(&feed.columns.sku))],
            vec![cell("column of quantity"), cell(column(&feed.columns.quantity))],
            vec![
                cell("warehouse"),
                cell(feed.warehouse.as_ref().map_or("by the line, or the usual one", WarehouseId::as_str)),
            ],
            vec![cell("missing means zero"), cell(if feed.missing_means_zero { "yes" } else { "no" })],
            vec![cell("secret"), cell(if view.has_secret { "in the vault" } else { "none" })],
            vec![cell("next"), cell(view.next.map_or_else(|| "when asked".into(), time))],
            vec![cell("says"), judged(text, good)],
        ];
        if let Some(last) = &view.last {
            let row = |fault: &engine::runs::Fault| vec![cell(&fault.place), judged(&fault.message, false)];
            rows.push(vec![cell("last run"), cell(format!("{} at {}", last.run, time(last.at)))]);
            rows.extend(last.faults.iter().map(row));
        }
        cx.show.table(&["", ""], rows)
    })
}
