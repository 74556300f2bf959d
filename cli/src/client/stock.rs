//! `stock …`: edits in the hub itself, export and import of a file.

use super::show::{cell, number};
use super::{Cx, api, ask, items};
use anyhow::{Context, bail};
use domain::WarehouseId;
use engine::stock::{LineResult, StockChange, StockLine, StockRow};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
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
        /// Why: stock take, purchase order, damage …
        #[arg(long)]
        reason: String,
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
        /// Why: stock take, purchase order, damage …
        #[arg(long)]
        reason: String,
        /// In which warehouse; the main one if absent, or the only one that has a level of the SKU
        #[arg(long)]
        warehouse: Option<String>,
    },
    /// Write the stock of all SKUs as CSV
    Export {
        /// Into this file; to standard output if absent
        file: Option<PathBuf>,
    },
    /// Set the stock of many SKUs from a CSV file with columns SKU, Quantity (or Stock) and, where there are several, Warehouse
    Import {
        /// The file; commas or tabs
        file: PathBuf,
        /// Only tell what would happen
        #[arg(long)]
        dry_run: bool,
        /// Why
        #[arg(long, default_value = "stock file")]
        reason: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Lines sent at once.
const LINES: usize = 500;
/// Bytes of a file that we read.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// Runs a `stock` command.
///
/// # Errors
/// What the hub said, or what is wrong with the file.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Set { sku, level, reason, warehouse } => {
            edit(cx, &sku, json!({"set": level, "reason": reason, "warehouse": warehouse})).await
        }
        Command::Adjust { sku, by, reason, warehouse } => {
            edit(cx, &sku, json!({"adjust": by, "reason": reason, "warehouse": warehouse})).await
        }
        Command::Export { file } => export(cx, file.as_deref()).await,
        Command::Import { file, dry_run, reason, yes } => import(cx, &file, dry_run, &reason, yes).await,
    }
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

/// A line of a file, with its number there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileLine {
    number: u64,
    line: StockLine,
}

/// What became of a file.
#[derive(Debug, Default, Serialize)]
struct Imported {
    dry_run: bool,
    lines: usize,
    changed: usize,
    failed: Vec<FailedLine>,
    changes: Vec<StockChange>,
}

#[derive(Debug, Serialize)]
struct FailedLine {
    line: u64,
    sku: String,
    error: String,
}

#[derive(Deserialize)]
struct Answer {
    lines: Vec<LineResult>,
}

async fn import(cx: &Cx, file: &Path, dry_run: bool, reason: &str, yes: bool) -> anyhow::Result<bool> {
    let size = std::fs::metadata(file).with_context(|| format!("{} cannot be read", file.display()))?.len();
    if size > FILE_MAX {
        bail!("{}: larger than {} MiB", file.display(), FILE_MAX / 1024 / 1024);
    }
    let lines = read(&std::fs::read(file)?).with_context(|| file.display().to_string())?;
    if !dry_run {
        ask::agree(&format!("Set the stock of {} SKUs from {}?", lines.len(), file.display()), yes)?;
    }
    let mut done = Imported { dry_run, lines: lines.len(), ..Imported::default() };
    let shown = std::io::stderr().is_terminal() && !cx.show.json;
    let bar = if shown { ProgressBar::new(lines.len() as u64) } else { ProgressBar::hidden() };
    for chunk in lines.chunks(LINES) {
        let sent: Vec<&StockLine> = chunk.iter().map(|line| &line.line).collect();
        let body = json!({"lines": sent, "reason": reason, "dry_run": dry_run});
        let answer: Answer = cx.client.post("/stock", &body).await?;
        done.take(chunk, answer);
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    cx.show.answer(&done, |done| told(cx, done))?;
    Ok(done.failed.is_empty())
}

impl Imported {
    fn take(&mut self, chunk: &[FileLine], answer: Answer) {
        for result in answer.lines {
            let number = result.line.checked_sub(1).and_then(|place| chunk.get(place)).map_or(0, |line| line.number);
            match (result.change, result.error) {
                (_, Some(error)) => self.failed.push(FailedLine { line: number, sku: result.sku, error }),
                (Some(change), None) if change.before != change.after => {
                    self.changed += 1;
                    self.changes.push(change);
                }
                (Some(_) | None, None) => {}
            }
        }
    }
}

/// Changes shown to people.
const SHOWN: usize = 50;

fn told(cx: &Cx, done: &Imported) -> String {
    let would = if done.dry_run { "would change" } else { "changed" };
    let mut text = format!("{} lines, {} {would}, {} failed", done.lines, done.changed, done.failed.len());
    if done.dry_run && !done.changes.is_empty() {
        let row =
            |change: &StockChange| vec![cell(&change.sku), number(Some(change.before)), number(Some(change.after))];
        let rows = done.changes.iter().take(SHOWN).map(row).collect();
        text = format!("{text}\n\n{}", cx.show.table(&["SKU", "WAREHOUSE", "NOW", "THEN"], rows));
    }
    for failed in &done.failed {
        text = format!("{text}\nline {}: {}: {}", failed.line, failed.sku, failed.error);
    }
    text
}

/// Reads a stock file: a header with SKU and Quantity or Stock, in any case and order; commas, semicolons or tabs; with or
/// without a byte order mark.
fn read(bytes: &[u8]) -> anyhow::Result<Vec<FileLine>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut csv = csv::ReaderBuilder::new().delimiter(delimiter(bytes)).flexible(true).from_reader(bytes);
    let head = csv.headers().context("line 1: it is not CSV")?.clone();
    let column = |names: &[&str]| head.iter().position(|name| names.contains(&name.trim().to_lowercase().as_str()));
    let Some(sku) = column(&["sku"]) else { bail!("line 1: no column SKU") };
    let Some(quantity) = column(&["quantity", "stock"]) else { bail!("line 1: no column Quantity or Stock") };
    let warehouse = column(&["warehouse"]);
    let mut lines = Vec::new();
    let mut place = Place::default();
    for record in csv.records() {
        let record = record.context("a line is not CSV in UTF-8")?;
        let number = place.of(bytes, record.position().map_or(0, csv::Position::byte));
        let field = |place: usize| record.get(place).unwrap_or_default().trim().to_owned();
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let warehouse = warehouse.map(field).filter(|name| !name.is_empty());
        lines.push(FileLine { number, line: StockLine { sku: field(sku), quantity: field(quantity), warehouse } });
    }
    Ok(lines)
}

/// Where in a file we are, since the reader counts no empty lines and ends a record before the feed of `\r\n`.
#[derive(Default)]
struct Place {
    byte: usize,
    feeds: u64,
}

impl Place {
    /// The number of the line, from 1, of the record that the reader began at a byte.
    fn of(&mut self, bytes: &[u8], begun: u64) -> u64 {
        let begun = usize::try_from(begun).unwrap_or(usize::MAX).min(bytes.len());
        let empty = bytes[begun..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let record = begun + empty;
        let between = bytes.get(self.byte..record).unwrap_or_default();
        self.feeds += between.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.byte = record;
        self.feeds + 1
    }
}

/// The delimiter that the first line uses most.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    [b'\t', b';'].into_iter().find(|other| count(*other) > count(b',')).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, String, String)> {
        let read = read(text.as_bytes()).expect("a stock file");
        read.into_iter().map(|line| (line.number, line.line.sku, line.line.quantity)).collect()
    }

    #[test]
    fn columns_are_found_by_name() {
        let expected = vec![(2, "A/B, c".to_owned(), "7".to_owned()), (4, "D".to_owned(), "-1".to_owned())];
        assert_eq!(lines("\u{feff}sku,Title,STOCK\n\"A/B, c\",x,7\n,,\n D ,y, -1 \n"), expected);
        assert_eq!(lines("Quantity\tSKU\r\n7\tA/B, c\r\n\t\r\n-1\tD\r\n"), expected);
    }

    #[test]
    fn a_column_of_warehouses_may_be_there() {
        let read = read(b"SKU,Quantity,Warehouse\nA,7,west\nB,8,\n").expect("a stock file");
        let named: Vec<_> = read.iter().map(|line| line.line.warehouse.as_deref()).collect();
        assert_eq!(named, [Some("west"), None]);
    }

    #[test]
    fn lines_are_numbered_as_an_editor_shows_them() {
        let expected = vec![(4, "A".to_owned(), "7".to_owned()), (7, "B".to_owned(), "8".to_owned())];
        for end in ["\n", "\r\n"] {
            let text = "SKU,Quantity,Note\n\n\nA,7,\"two\nlines\"\n\nB,8,\n".replace('\n', end);
            assert_eq!(lines(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_missing_field_is_the_hubs_to_refuse() {
        assert_eq!(lines("SKU,Quantity\nA\n"), [(2, "A".to_owned(), String::new())]);
    }

    #[test]
    fn a_file_without_its_columns_is_refused() {
        assert_eq!(read(b"SKU,Price\n").expect_err("no quantity").to_string(), "line 1: no column Quantity or Stock");
        assert_eq!(read(b"").expect_err("empty").to_string(), "line 1: no column SKU");
    }
}
