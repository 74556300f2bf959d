//! `stock …`: edits in the hub itself, export and import of a file.

use super::show::{cell, number};
use super::{Cx, api, ask, items, runs};
use anyhow::{Context, bail};
use domain::WarehouseId;
use engine::runs::{Fault, ImportReport, Job, Run, RunDone};
use engine::stock::reasons::{self, REASONS};
use engine::stock::{Mode, StockChange, StockRow};
use engine::table::{self, Columns, Format, Line};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `stock …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Set the hub's level of a SKU; the stores follow
    Set {
        /// The SKU
        sku: String,
        /// The level that it shall have
        #[arg(allow_negative_numbers = true)]
        level: i64,
        /// Why: one of `stock reasons`, or in your own words
        #[arg(long)]
        reason: String,
        /// Something to add to the reason, such as the number of an order
        #[arg(long)]
        note: Option<String>,
        /// In which warehouse; the main one if absent, or the only one that has a level of the SKU
        #[arg(long)]
        warehouse: Option<String>,
    },
    /// Change the hub's level of a SKU by a number; the stores follow
    Adjust {
        /// The SKU
        sku: String,
        /// By how much, such as 12 or -3
        #[arg(allow_negative_numbers = true)]
        by: i64,
        /// Why: one of `stock reasons`, or in your own words
        #[arg(long)]
        reason: String,
        /// Something to add to the reason, such as the number of an order
        #[arg(long)]
        note: Option<String>,
        /// In which warehouse; the main one if absent, or the only one that has a level of the SKU
        #[arg(long)]
        warehouse: Option<String>,
    },
    /// Write the stock of all SKUs as CSV
    Export {
        /// Into this file; to standard output if absent
        file: Option<PathBuf>,
    },
    /// Take the stock of many SKUs from a file with columns SKU, Quantity (or Stock) and, where there are several, Warehouse
    Import(Import),
    /// The reasons to choose from
    Reasons,
}

/// A stock file.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The file; commas, semicolons or tabs
    file: PathBuf,
    /// What its quantities mean: the level, the difference, or the most that there may be
    #[arg(long, value_enum, default_value_t)]
    mode: FileMode,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: FileFormat,
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
    /// Only tell what would happen
    #[arg(long)]
    dry_run: bool,
    /// Why: one of `stock reasons`, or in your own words
    #[arg(long, default_value = "file")]
    reason: String,
    /// Something to add to the reason
    #[arg(long)]
    note: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What the quantities of a file mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FileMode {
    /// The level
    #[default]
    Set,
    /// The difference
    Adjust,
    /// The most that there may be: a level above it comes down, a lower one stays
    OnlyLower,
}

impl From<FileMode> for Mode {
    fn from(mode: FileMode) -> Self {
        match mode {
            FileMode::Set => Self::Set,
            FileMode::Adjust => Self::Adjust,
            FileMode::OnlyLower => Self::OnlyLower,
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// Columns below a header line
    #[default]
    Csv,
    /// An array of objects
    Json,
}

impl From<FileFormat> for Format {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Csv => Self::Csv,
            FileFormat::Json => Self::Json,
        }
    }
}

impl Import {
    fn columns(&self) -> Columns {
        Columns { sku: self.sku.clone(), quantity: self.quantity.clone(), rows: self.rows.clone() }
    }
}

/// Lines sent at once.
const LINES: usize = 5_000;
/// Bytes of a file that we read.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// Runs a `stock` command.
///
/// # Errors
/// What the hub said, or what is wrong with the file.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Set { sku, level, reason, note, warehouse } => {
            edit(cx, &sku, json!({"set": level, "reason": reason, "note": note, "warehouse": warehouse})).await
        }
        Command::Adjust { sku, by, reason, note, warehouse } => {
            edit(cx, &sku, json!({"adjust": by, "reason": reason, "note": note, "warehouse": warehouse})).await
        }
        Command::Export { file } => export(cx, file.as_deref()).await,
        Command::Import(options) => import(cx, &options).await,
        Command::Reasons => reasons_to_choose(cx),
    }
}

fn reasons_to_choose(cx: &Cx) -> anyhow::Result<bool> {
    cx.show.answer(&REASONS, |reasons| {
        let row = |reason: &reasons::Reason| vec![cell(reason.name), cell(reason.title)];
        cx.show.table(&["REASON", ""], reasons.iter().map(row).collect())
    })?;
    Ok(true)
}

async fn edit(cx: &Cx, sku: &str, edit: Value) -> anyhow::Result<bool> {
    let query = api::query(&[("sku", Some(sku.to_owned()))]);
    let change: StockChange = cx.client.post(&format!("/item/stock{query}"), &edit).await?;
    cx.show.answer(&change, |change| {
        let place =
            if change.warehouse == WarehouseId::main() { String::new() } else { format!(" in {}", change.warehouse) };
        format!("{}{place}: {} → {}", change.sku, change.before, change.after)
    })?;
    Ok(true)
}

async fn export(cx: &Cx, file: Option<&Path>) -> anyhow::Result<bool> {
    let rows: Vec<StockRow> = items::pages(cx, "/stock", &[], usize::MAX).await?;
    if cx.show.json && file.is_none() {
        cx.show.answer(&rows, |_| String::new())?;
        return Ok(true);
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    let several = rows.iter().any(|row| row.warehouse != WarehouseId::main());
    let shown = if several { 4 } else { 3 };
    csv.write_record(&["SKU", "Title", "Quantity", "Warehouse"][..shown])?;
    for row in &rows {
        csv.write_record(&[row.sku.as_str(), &row.title, &row.quantity.to_string(), row.warehouse.as_str()][..shown])?;
    }
    let bytes = csv.into_inner()?;
    match file {
        Some(file) => {
            std::fs::write(file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
            let told = json!({"file": file, "rows": rows.len()});
            cx.show.answer(&told, |_| format!("{} SKUs written to {}", rows.len(), file.display()))?;
        }
        None => std::io::stdout().write_all(&bytes)?,
    }
    Ok(true)
}

/// What became of a file or a feed.
#[derive(Debug, Serialize)]
pub struct Outcome {
    run: String,
    #[serde(flatten)]
    report: ImportReport,
    faults: Vec<Fault>,
    faults_total: u64,
    changes: Vec<RunDone>,
}

impl Outcome {
    /// What became of it, from its run.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn of(cx: &Cx, run: Run) -> anyhow::Result<Self> {
        let (id, faults, faults_total) = (run.id.clone(), run.faults.clone(), run.faults_total);
        let report = runs::result(run)?;
        let shown = if cx.show.json { usize::MAX } else { SHOWN };
        let changes = runs::changed(cx, &id, shown).await?;
        Ok(Self { run: id, report, faults, faults_total, changes })
    }

    /// Shows it; whether every line was good.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn show(&self, cx: &Cx) -> anyhow::Result<bool> {
        cx.show.answer(self, |done| told(cx, done))?;
        Ok(self.faults_total == 0)
    }
}

async fn import(cx: &Cx, options: &Import) -> anyhow::Result<bool> {
    let file = &options.file;
    let size = std::fs::metadata(file).with_context(|| format!("{} cannot be read", file.display()))?.len();
    if size > FILE_MAX {
        bail!("{}: larger than {} MiB", file.display(), FILE_MAX / 1024 / 1024);
    }
    let lines = table::read(&std::fs::read(file)?, options.format.into(), &options.columns())
        .map_err(anyhow::Error::msg)
        .with_context(|| file.display().to_string())?;
    if !options.dry_run && !options.yes {
        let preview = runs::follow(cx, give(cx, options, &lines, true).await?).await?;
        eprintln!("{}", told(cx, &Outcome::of(cx, preview).await?));
        ask::agree(&format!("Take the stock of {} SKUs from {}?", lines.len(), file.display()), false)?;
    }
    let run = runs::follow(cx, give(cx, options, &lines, options.dry_run).await?).await?;
    Outcome::of(cx, run).await?.show(cx)
}

/// Opens a run, gives it the lines, starts it.
async fn give(cx: &Cx, options: &Import, lines: &[Line], dry_run: bool) -> anyhow::Result<Run> {
    let job = Job::Import {
        mode: options.mode.into(),
        warehouse: options.warehouse.as_ref().map(WarehouseId::new).transpose()?,
        reason: reasons::read(&options.reason, options.note.as_deref()).map_err(anyhow::Error::msg)?,
        dry_run,
    };
    let run: Run = cx.client.post("/runs", &job).await?;
    let path = format!("/runs/{}", api::part(&run.id));
    for lines in lines.chunks(LINES) {
        let body = json!({"lines": lines, "repeats": options.mode == FileMode::Adjust});
        let _: Run = cx.client.post(&format!("{path}/lines"), &body).await?;
    }
    cx.client.post(&format!("{path}/start"), &json!({})).await
}

/// Changes shown to people.
const SHOWN: usize = 50;

fn told(cx: &Cx, done: &Outcome) -> String {
    let report = &done.report;
    let would = if report.dry_run { "would change" } else { "changed" };
    let mut text = format!(
        "{} lines: {} {would} (+{} -{}), {} as before, {} failed",
        report.lines, report.changed, report.up, report.down, report.unchanged, done.faults_total
    );
    if report.zeroed > 0 {
        let _ = write!(text, "\n{} of them to zero", report.zeroed);
    }
    if let Some(snapshot) = &report.snapshot {
        let _ = write!(text, "\nlevels before: snapshot {snapshot}");
    }
    if report.dry_run && !done.changes.is_empty() {
        let row = |change: &RunDone| {
            vec![cell(&change.sku), cell(&change.warehouse), number(Some(change.before)), number(Some(change.after))]
        };
        let rows = done.changes.iter().map(row).collect();
        text = format!("{text}\n\n{}", cx.show.table(&["SKU", "WAREHOUSE", "NOW", "THEN"], rows));
    }
    runs::faults(&done.faults, done.faults_total, &mut text);
    text
}
