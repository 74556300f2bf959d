//! `runs …`, and how the other commands wait for one: a bar on a terminal, plain lines in a pipe.

use super::show::{cell, judged, number, time, time_or_never};
use super::{Cx, api, items};
use anyhow::{Context, bail};
use comfy_table::Cell;
use engine::runs::{Fault, Job, Run, RunDone, RunState};
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// `runs …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Long jobs, newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// One of them
    Show {
        /// The run
        id: String,
    },
    /// What it did to SKUs
    Changes {
        /// The run
        id: String,
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Wait until it has ended
    Wait {
        /// The run
        id: String,
    },
    /// Have it stop before its next chunk of work; what it did stays done
    Cancel {
        /// The run
        id: String,
    },
}

/// Runs a `runs` command; whether the run in question is well.
///
/// # Errors
/// What the hub said.
pub async fn run(cx: &Cx, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::List { limit } => list(cx, limit).await,
        Command::Show { id } => show(cx, &cx.client.get(&path(&id, "")).await?),
        Command::Changes { id, limit } => changes(cx, &id, limit).await,
        Command::Wait { id } => show(cx, &follow(cx, cx.client.get(&path(&id, "")).await?).await?),
        Command::Cancel { id } => {
            let run: Run = cx.client.post(&path(&id, "/cancel"), &json!({})).await?;
            show(cx, &run).map(|_| true)
        }
    }
}

fn path(id: &str, rest: &str) -> String {
    format!("/runs/{}{rest}", api::part(id))
}

async fn list(cx: &Cx, limit: usize) -> anyhow::Result<bool> {
    let runs: Vec<Run> = items::pages(cx, "/runs", &[], limit).await?;
    cx.show.answer(&runs, |runs| {
        let row = |run: &Run| {
            vec![
                cell(&run.id),
                cell(format!("{}{}", run.job.kind(), if run.job.is_preview() { ", preview" } else { "" })),
                state(run),
                cell(far(run)),
                cell(&run.actor),
                cell(time(run.created)),
                cell(time_or_never(run.ended)),
                number(i64::try_from(run.faults_total).ok()),
            ]
        };
        let head = ["RUN", "KIND", "STATE", "PROGRESS", "BY", "BEGAN", "ENDED", "FAULTS"];
        cx.show.table(&head, runs.iter().map(row).collect())
    })?;
    Ok(true)
}

fn state(run: &Run) -> Cell {
    let word = super::show::word(&run.state);
    let text = if run.stopping && !run.state.is_over() { format!("{word}, stopping") } else { word };
    judged(text, run.state != RunState::Failed)
}

fn far(run: &Run) -> String {
    let progress = &run.progress;
    match (progress.step.is_empty(), progress.all) {
        (true, _) => String::new(),
        (false, 0) => format!("{} {}", progress.step, progress.done),
        (false, all) => format!("{} {}/{all}", progress.step, progress.done),
    }
}

fn show(cx: &Cx, run: &Run) -> anyhow::Result<bool> {
    cx.show.answer(run, |run| {
        let mut rows = vec![
            vec![cell("run"), cell(&run.id)],
            vec![cell("job"), cell(job_told(&run.job))],
            vec![cell("by"), cell(&run.actor)],
            vec![cell("state"), state(run)],
            vec![cell("progress"), cell(far(run))],
            vec![cell("began"), cell(time(run.created))],
            vec![cell("last heard of"), cell(time(run.updated))],
            vec![cell("ended"), cell(time_or_never(run.ended))],
        ];
        rows.extend(run.error.iter().map(|error| vec![cell("says"), judged(error, false)]));
        let mut text = cx.show.table(&["", ""], rows);
        faults(&run.faults, run.faults_total, &mut text);
        text
    })?;
    Ok(run.state != RunState::Failed && run.faults_total == 0)
}

/// What a run does, as its kind and whatever was asked for: `import: mode set, reason delivery`.
fn job_told(job: &Job) -> String {
    let mut asked = serde_json::to_value(job).unwrap_or_default();
    if let Some(fields) = asked.as_object_mut() {
        fields.retain(|name, value| name != "kind" && !value.is_null() && *value != json!(false));
    }
    match asked.as_object() {
        Some(fields) if !fields.is_empty() => format!("{}: {}", job.kind(), super::show::fields(&asked)),
        Some(_) | None => job.kind().to_owned(),
    }
}

/// What a run could not do, a line each.
pub fn faults(faults: &[Fault], total: u64, text: &mut String) {
    let line = |fault: &&Fault| fault.place.strip_prefix("line ").and_then(|line| line.parse::<u64>().ok());
    let mut sorted: Vec<&Fault> = faults.iter().collect();
    sorted.sort_by_key(line);
    for fault in sorted {
        let _ = write!(text, "\n{}: {}", fault.place, fault.message);
    }
    let more = total.saturating_sub(faults.len() as u64);
    if more > 0 {
        let _ = write!(text, "\n… and {more} more");
    }
}

async fn changes(cx: &Cx, id: &str, limit: usize) -> anyhow::Result<bool> {
    let rows = changed(cx, id, limit).await?;
    cx.show.answer(&rows, |rows| {
        let row = |done: &RunDone| {
            let levels = [done.before, done.after].map(|level| number(Some(level)));
            let [before, after] = levels;
            vec![number(i64::try_from(done.place).ok()), cell(&done.sku), cell(&done.warehouse), before, after]
        };
        cx.show.table(&["PLACE", "SKU", "WAREHOUSE", "BEFORE", "AFTER"], rows.iter().map(row).collect())
    })?;
    Ok(true)
}

/// What a run did to SKUs, or would do.
///
/// # Errors
/// What the hub said.
pub async fn changed(cx: &Cx, id: &str, limit: usize) -> anyhow::Result<Vec<RunDone>> {
    items::pages(cx, &path(id, "/changes"), &[], limit).await
}

/// Has a job done as a run, waits for its end, and gives what it came to.
///
/// # Errors
/// What the hub said, or why the run failed.
pub async fn job<T: DeserializeOwned>(cx: &Cx, job: &Job) -> anyhow::Result<T> {
    let run = cx.client.post("/runs", job).await?;
    result(follow(cx, run).await?)
}

/// What a run came to.
///
/// # Errors
/// Why it failed, or that it was cancelled.
pub fn result<T: DeserializeOwned>(run: Run) -> anyhow::Result<T> {
    match run.state {
        RunState::Done => {
            let result = run.result.unwrap_or(Value::Null);
            serde_json::from_value(result).context("the hub's answer is not of this version of the API")
        }
        RunState::Cancelled => bail!("run {} was cancelled; what it did stays done", run.id),
        RunState::Open | RunState::Waiting | RunState::Running | RunState::Failed => {
            bail!("{}", run.error.unwrap_or_else(|| format!("run {} failed", run.id)))
        }
    }
}

/// The first look at a run comes so soon; the pause grows to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(40);
/// The longest pause between two looks.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// In a pipe, a line of progress this often, or with each new step.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Waits until a run has ended, and shows how far it is on stderr.
///
/// # Errors
/// What the hub said.
pub async fn follow(cx: &Cx, mut run: Run) -> anyhow::Result<Run> {
    let mut teller = Teller::new(cx, &run)?;
    let mut pause = PAUSE;
    while !run.state.is_over() {
        teller.tell(&run);
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(PAUSE_MAX);
        run = cx.client.get(&path(&run.id, "")).await?;
    }
    teller.bar.finish_and_clear();
    Ok(run)
}

/// Shows how far a run is.
struct Teller {
    bar: ProgressBar,
    known: ProgressStyle,
    unknown: ProgressStyle,
    lines: bool,
    told: Option<(String, Instant)>,
}

impl Teller {
    fn new(cx: &Cx, run: &Run) -> anyhow::Result<Self> {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal && !cx.show.json { ProgressBar::new(0) } else { ProgressBar::hidden() };
        bar.set_message(format!("run {}", run.id));
        let known = ProgressStyle::with_template("{msg:24} {wide_bar} {pos}/{len}")?;
        let unknown = ProgressStyle::with_template("{msg:24} {pos}")?;
        Ok(Self { bar, known, unknown, lines: !terminal && !cx.show.json, told: None })
    }

    fn tell(&mut self, run: &Run) {
        let progress = &run.progress;
        self.bar.set_style(if progress.all > 0 { self.known.clone() } else { self.unknown.clone() });
        self.bar.set_length(progress.all);
        self.bar.set_position(progress.done);
        if !progress.step.is_empty() {
            self.bar.set_message(progress.step.clone());
        }
        let is_news = match &self.told {
            Some((step, at)) => *step != progress.step || at.elapsed() >= LINE_EVERY,
            None => true,
        };
        if self.lines && is_news && !progress.step.is_empty() {
            eprintln!("run {}: {}", run.id, far(run));
            self.told = Some((progress.step.clone(), Instant::now()));
        }
    }
}
