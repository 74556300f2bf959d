//! Answers for people and for machines: aligned tables, coloured on a terminal; JSON when asked for.

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use domain::Timestamp;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// How to answer.
#[derive(Debug, Clone, Copy)]
pub struct Show {
    /// JSON for machines.
    pub json: bool,
    colours: bool,
    terminal: bool,
}

impl Show {
    /// The way that suits stdout.
    #[must_use]
    pub fn new(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, colours, terminal }
    }

    /// Answers with `value` as JSON, or else with what `people` makes of it.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn answer<T: Serialize>(&self, value: &T, people: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { people(value) };
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{}", text.trim_end()) {
            // a reader like `head` has seen enough
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    /// An aligned table.
    #[must_use]
    pub fn table(&self, head: &[&str], rows: Vec<Vec<Cell>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(head.iter().map(|name| Cell::new(*name)));
        if self.terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        if !self.colours {
            table.force_no_tty();
        } else {
            table.enforce_styling();
        }
        for row in rows {
            table.add_row(row);
        }
        table.trim_fmt()
    }
}

/// A cell.
#[must_use]
pub fn cell(text: impl ToString) -> Cell {
    Cell::new(text.to_string())
}

/// A number, or a dash for what is not known.
#[must_use]
pub fn number(level: Option<i64>) -> Cell {
    let text = level.map_or_else(|| "-".to_owned(), |level| level.to_string());
    Cell::new(text).set_alignment(comfy_table::CellAlignment::Right)
}

/// A cell that is fine, or is not.
#[must_use]
pub fn judged(text: impl ToString, good: bool) -> Cell {
    cell(text).fg(if good { Color::Green } else { Color::Red })
}

/// A time as people read it, in UTC.
#[must_use]
pub fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.to_string(), |at| format!("{at:.0}"))
}

/// A time, or `never`.
#[must_use]
pub fn time_or_never(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".into(), time)
}

/// A length of time as people read it.
#[must_use]
pub fn span(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// The name of a unit value such as a role, as the API writes it.
#[must_use]
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// The fields of a value with their names, as people read them: `mode set, reason delivery`.
#[must_use]
pub fn fields(value: &serde_json::Value) -> String {
    match value.as_object() {
        Some(fields) => {
            fields.iter().map(|(name, value)| format!("{name} {}", word(value))).collect::<Vec<_>>().join(", ")
        }
        None => word(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_plain_and_aligned_in_a_pipe() {
        let show = Show { json: false, colours: false, terminal: false };
        let rows = vec![vec![cell("A"), number(Some(7))], vec![judged("LONGER", false), number(None)]];
        assert_eq!(show.table(&["SKU", "LEVEL"], rows), " SKU     LEVEL\n A           7\n LONGER      -");
    }

    #[test]
    fn a_span_is_as_exact_as_it_is_short() {
        let read = [7, 1_250, 61_000, 7_320_000].map(span);
        assert_eq!(read, ["7 ms", "1.2 s", "1 min 1 s", "2 h 2 min"]);
    }

    #[test]
    fn times_are_read_in_utc() {
        assert_eq!(time(Timestamp(1_773_340_380_999)), "2026-03-12T18:33:00Z");
    }
}
