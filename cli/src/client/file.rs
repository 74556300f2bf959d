//! Files that people keep in a spreadsheet: commas, semicolons or tabs, with or without a byte order mark.

use super::Cx;
use anyhow::{Context, bail};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// Bytes of a file that we read.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// One line of a file, with its number as an editor shows it.
#[derive(Debug)]
pub struct Line {
    /// From 1; the header is one.
    pub number: u64,
    record: csv::StringRecord,
}

impl Line {
    /// A field without the spaces around it; empty when the line is shorter.
    #[must_use]
    pub fn field(&self, place: usize) -> &str {
        self.record.get(place).unwrap_or_default().trim()
    }
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or is too large.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?.len();
    if size > FILE_MAX {
        bail!("{}: larger than {} MiB", path.display(), FILE_MAX / 1024 / 1024);
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Writes a file, or standard output, and tells how much it holds.
///
/// # Errors
/// When it cannot be written.
pub fn write(cx: &Cx, file: Option<&Path>, bytes: &[u8], rows: usize, what: &str) -> anyhow::Result<bool> {
    match file {
        Some(file) => {
            std::fs::write(file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
            let told = json!({"file": file, "rows": rows});
            cx.show.answer(&told, |_| format!("{rows} {what} written to {}", file.display()))?;
        }
        None => std::io::stdout().write_all(bytes)?,
    }
    Ok(true)
}

/// The header in small letters, and the lines that hold something.
///
/// # Errors
/// When it is not CSV in UTF-8.
pub fn lines(bytes: &[u8]) -> anyhow::Result<(Vec<String>, Vec<Line>)> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut csv = csv::ReaderBuilder::new().delimiter(delimiter(bytes)).flexible(true).from_reader(bytes);
    let head = csv.headers().context("line 1: it is not CSV")?.iter().map(|name| name.trim().to_lowercase()).collect();
    let mut lines = Vec::new();
    let mut place = Place::default();
    for record in csv.records() {
        let record = record.context("a line is not CSV in UTF-8")?;
        let number = place.of(bytes, record.position().map_or(0, csv::Position::byte));
        if record.iter().any(|field| !field.trim().is_empty()) {
            lines.push(Line { number, record });
        }
    }
    Ok((head, lines))
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
