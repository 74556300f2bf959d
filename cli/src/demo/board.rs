//! What the demo shows while it runs: a live table on a terminal, plain lines elsewhere, nothing for machines.

use super::places::PLACES;
use super::world::Row;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::{Mutex, PoisonError};

/// Where the demo tells its story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A table that is drawn again and again, with the last lines below it.
    Live,
    /// A line for each happening.
    Lines,
    /// Nothing.
    Silent,
}

/// Lines of the story below a live table.
const LINES: usize = 8;

/// What is shown.
pub struct Board {
    stage: Stage,
    colours: bool,
    story: Mutex<Story>,
}

#[derive(Default)]
struct Story {
    /// The newest lines.
    lines: Vec<String>,
    /// What is happening to each SKU.
    doing: BTreeMap<&'static str, String>,
    /// Lines of the table as last drawn.
    drawn: usize,
}

impl Board {
    /// A board on this stage.
    #[must_use]
    pub fn new(stage: Stage) -> Self {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { stage, colours: colours && stage == Stage::Live, story: Mutex::default() }
    }

    /// The stage for this output.
    #[must_use]
    pub fn stage(once: bool, json: bool) -> Stage {
        match (json, !once && std::io::stdout().is_terminal()) {
            (true, _) => Stage::Silent,
            (false, true) => Stage::Live,
            (false, false) => Stage::Lines,
        }
    }

    /// Tells a line of the story, `ms` milliseconds after its beginning.
    pub fn tell(&self, ms: i64, line: &str) {
        let line = format!("{:>5}.{} s  {line}", ms / 1000, ms % 1000 / 100);
        match self.stage {
            Stage::Silent => {}
            Stage::Lines => print(&format!("{line}\n")),
            Stage::Live => {
                let mut story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
                let surplus = (story.lines.len() + 1).saturating_sub(LINES);
                story.lines.drain(..surplus);
                story.lines.push(line);
            }
        }
    }

    /// Tells what is happening to a SKU.
    pub fn doing(&self, sku: &'static str, what: &str) {
        let mut story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
        story.doing.insert(sku, what.to_owned());
    }

    /// Draws the table, over the one drawn before.
    pub fn draw(&self, rows: &[Row]) {
        if self.stage != Stage::Live {
            return;
        }
        let mut story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        if story.drawn > 0 {
            // up to the table's first line
            let _ = write!(text, "\x1b[{}A", story.drawn);
        }
        let lines = self.lines(rows, &story);
        story.drawn = lines.len();
        for line in lines {
            let _ = writeln!(text, "\x1b[2K{line}");
        }
        print(&text);
    }

    /// The table as plain lines, once.
    pub fn plain(&self, rows: &[Row]) {
        if self.stage == Stage::Lines {
            let story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
            print(&format!("\n{}\n", self.table(rows, &story).join("\n")));
        }
    }

    fn lines(&self, rows: &[Row], story: &Story) -> Vec<String> {
        let mut lines = self.table(rows, story);
        lines.push(String::new());
        lines.extend(story.lines.iter().map(|line| line.chars().take(118).collect()));
        lines.resize(rows.len() + 2 + LINES, String::new());
        lines
    }

    fn table(&self, rows: &[Row], story: &Story) -> Vec<String> {
        let mut head = format!("{:<10}", "SKU");
        for name in PLACES {
            let _ = write!(head, "{name:>8}");
        }
        let _ = write!(head, "{:>8}{:>8}   ", "hub", "truth");
        let mut lines = vec![self.paint("1", &head)];
        for row in rows {
            let empty = String::new();
            let doing = story.doing.get(row.sku).unwrap_or(&empty);
            lines.push(format!("{}   {doing}", self.row(row)));
        }
        lines
    }

    fn row(&self, row: &Row) -> String {
        let mut line = format!("{:<10}", row.sku);
        let right = row.right.iter().copied().chain([Some(row.truth)]);
        for (level, right) in row.places.iter().chain([&row.hub]).zip(right) {
            let text = format!("{:>8}", level.map_or_else(|| "-".into(), |level| level.to_string()));
            line.push_str(&self.paint(if *level == right { "32" } else { "33" }, &text));
        }
        let _ = write!(line, "{:>8}", row.truth);
        line
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Writes to stdout; a reader who has gone away is no reason to stop.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up() {
        let board = Board::new(Stage::Lines);
        let right = vec![Some(40), Some(40), Some(7), Some(47)];
        let places = vec![Some(40), Some(41), Some(7), None];
        let row = Row { sku: "MUG-RED", places, right, hub: Some(47), truth: 47 };
        board.doing("MUG-RED", "street sells 2");
        let story = board.story.lock().expect("no other thread");
        assert_eq!(
            board.table(&[row], &story),
            [
                "SKU           main  street   depot    york     hub   truth   ",
                "MUG-RED         40      41       7       -      47      47   street sells 2"
            ]
        );
    }
}
