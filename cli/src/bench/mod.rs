//! `evenstock bench`: the figures, measured on this machine against fake stores over loopback HTTP that answer at once.

pub mod arena;
pub mod bulk;
pub mod console;
pub mod count;
pub mod flow;
pub mod process;

use crate::client::show::{Show, cell};
use serde::Serialize;

/// How it measures.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Fewer and smaller runs: a look, not figures to quote
    #[arg(long)]
    pub quick: bool,
    /// Only these measurements
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// One change until both replicas are written.
    Latency,
    /// The same beside a store that is throttled or dead.
    Neighbours,
    /// Many webhooks at once.
    Burst,
    /// One SKU sold in all stores at the same time.
    Hot,
    /// Writes of our own state per change.
    Writes,
    /// The first sync, and the comparison of everything.
    Bulk,
    /// The console's pages.
    Console,
    /// Very many changed SKUs into one store, by its own clock.
    Lane,
    /// The memory that reading everything of a large store takes.
    Memory,
}

const PARTS: [Part; 9] = [
    Part::Latency,
    Part::Neighbours,
    Part::Burst,
    Part::Hot,
    Part::Writes,
    Part::Bulk,
    Part::Console,
    Part::Lane,
    Part::Memory,
];

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The median of the runs.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What we want: at most (negative: at least) this.
    pub target: Option<f64>,
    /// The value of each run.
    pub runs: Vec<f64>,
}

impl Figure {
    /// The median of some runs.
    #[must_use]
    pub fn median(name: impl Into<String>, unit: &'static str, runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let value = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        Self { name: name.into(), value, unit, target: None, runs }
    }

    /// It shall be at most this.
    #[must_use]
    pub const fn at_most(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    /// It shall be at least this.
    #[must_use]
    pub const fn at_least(mut self, target: f64) -> Self {
        self.target = Some(-target);
        self
    }

    fn target_text(&self) -> String {
        match self.target {
            None => String::new(),
            Some(target) if target < 0.0 => format!("≥ {}", -target),
            Some(target) => format!("≤ {target}"),
        }
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Runs of each measurement.
    pub runs: usize,
    /// Changes of a latency run.
    pub changes: usize,
    /// Pairs of a healthy hub and one with a store in trouble.
    pub pairs: usize,
    /// Webhooks of a burst.
    pub burst: usize,
    /// Rounds on the hot SKU.
    pub rounds: usize,
    /// SKUs of a large shop.
    pub shop: usize,
    /// Changed SKUs of a lane.
    pub lane: usize,
}

impl Scale {
    const FULL: Self = Self { runs: 3, changes: 200, pairs: 9, burst: 5_000, rounds: 20, shop: 100_000, lane: 50_000 };
    const QUICK: Self = Self { runs: 1, changes: 30, pairs: 1, burst: 500, rounds: 4, shop: 5_000, lane: 2_500 };
}

/// What was measured, on what.
#[derive(Debug, Serialize)]
struct Report {
    quick: bool,
    cores: usize,
    optimised: bool,
    figures: Vec<Figure>,
}

/// Measures; whether no unit was lost and every store was right.
///
/// # Errors
/// When something could not be measured, or a unit was lost.
pub async fn run(options: &Options, json: bool) -> anyhow::Result<bool> {
    let scale = if options.quick { Scale::QUICK } else { Scale::FULL };
    let parts = if options.only.is_empty() { PARTS.to_vec() } else { options.only.clone() };
    let mut figures = Vec::new();
    for part in parts {
        eprintln!("measuring {part:?} …");
        figures.extend(match part {
            Part::Latency => flow::latency(scale).await?,
            Part::Neighbours => flow::neighbours(scale).await?,
            Part::Burst => flow::burst(scale).await?,
            Part::Hot => flow::hot(scale).await?,
            Part::Writes => count::writes(scale).await?,
            Part::Bulk => bulk::bulk(scale).await?,
            Part::Console => console::console(scale).await?,
            Part::Lane => crate::demo::lane::lane(scale).await?,
            Part::Memory => crate::demo::memory::memory(scale).await?,
        });
    }
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let report = Report { quick: options.quick, cores, optimised: !cfg!(debug_assertions), figures };
    let show = Show::new(json);
    show.answer(&report, |report| text(&show, report))?;
    Ok(true)
}

fn text(show: &Show, report: &Report) -> String {
    let row = |figure: &Figure| {
        let number =
            comfy_table::Cell::new(format!("{:.1}", figure.value)).set_alignment(comfy_table::CellAlignment::Right);
        let runs: Vec<String> = figure.runs.iter().map(|run| format!("{run:.1}")).collect();
        vec![cell(&figure.name), number, cell(figure.unit), cell(figure.target_text()), cell(runs.join(" "))]
    };
    let table = show.table(&["FIGURE", "MEDIAN", "", "TARGET", "RUNS"], report.figures.iter().map(row).collect());
    let build = if report.optimised { "release build" } else { "DEBUG BUILD: figures mean nothing" };
    format!("{table}\n\n{} cores, {build}; stores and hub share them", report.cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_run() {
        let figure = Figure::median("x", "ms", vec![9.0, 1.0, 5.0]);
        assert!((figure.value - 5.0).abs() < f64::EPSILON);
        assert_eq!(figure.at_least(1000.0).target_text(), "≥ 1000");
    }
}
