//! Stock files, feeds, snapshots and going back: the steps that are runs.

use super::step::Step;
use super::town::Town;
use domain::AccountId;
use engine::runs::{ImportReport, Job, Restore, RestoreReport, Run, RunState};
use engine::stock::Mode;
use engine::stock_feeds::StockFeed;
use engine::table::Line;
use serde::de::DeserializeOwned;

type Seen = Result<Vec<String>, String>;

/// What is done with runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undoing {
    /// A file is taken, or only shown; waited for, or only started.
    Import(Mode, bool, bool, Vec<(String, String)>),
    /// The levels of everything are kept.
    Snapshot,
    /// Edits are taken back, or it is only shown.
    Back(Since, bool),
    /// A supplier publishes a list.
    Publish(Vec<(String, String)>),
    /// A supplier's address fails.
    Fails(u16),
    /// The supplier's list is fetched every so many minutes; missing means zero.
    Feed(u32, bool),
    /// It is fetched now; whatever the guard says.
    Fetch(bool),
    /// The last run.
    See,
    /// The last run is stopped.
    Cancel,
}

/// Since when edits are taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// What the last run did.
    Run,
    /// The last snapshot.
    Snapshot,
    /// So many milliseconds ago; only what was edited at this account.
    Ago(i64, Option<AccountId>),
    /// The last snapshot, with the levels of this store.
    Levels(AccountId),
}

/// The step that a line's words mean, if it is one of these.
pub(super) fn read(words: &[&str]) -> Result<Option<Step>, String> {
    let import = |mode, dry, wait, file: &str| Ok(Undoing::Import(mode, dry, wait, super::words::upload(file)?));
    let done: Result<Undoing, String> = match words {
        ["person", "imports", "a", "file", file] => import(Mode::Set, false, true, file),
        ["person", "imports", "differences", file] => import(Mode::Adjust, false, true, file),
        ["person", "imports", "upper", "limits", file] => import(Mode::OnlyLower, false, true, file),
        ["person", "previews", "a", "file", file] => import(Mode::Set, true, true, file),
        ["person", "starts", "importing", file] => import(Mode::Adjust, false, false, file),
        ["person", "takes", "a", "snapshot"] => Ok(Undoing::Snapshot),
        ["person", "cancels", "the", "last", "run"] => Ok(Undoing::Cancel),
        ["person", "goes", "back", rest @ ..] => Ok(Undoing::Back(since(rest)?, true)),
        ["person", "previews", "going", "back", rest @ ..] => Ok(Undoing::Back(since(rest)?, false)),
        ["supplier", "lists", file] => Ok(Undoing::Publish(super::words::upload(file)?)),
        ["supplier", "answers", status] => Ok(Undoing::Fails(super::words::number(status)?)),
        ["person", "adds", "the", "supplier", "every", minutes, "minutes"] => {
            Ok(Undoing::Feed(super::words::number(minutes)?, false))
        }
        ["person", "adds", "the", "supplier", "every", minutes, "minutes", "missing", "means", "zero"] => {
            Ok(Undoing::Feed(super::words::number(minutes)?, true))
        }
        ["person", "fetches", "the", "feed"] => Ok(Undoing::Fetch(false)),
        ["person", "believes", "the", "feed"] => Ok(Undoing::Fetch(true)),
        ["see", "last", "run"] => Ok(Undoing::See),
        _ => return Ok(None),
    };
    done.map(|step| Some(Step::Undo(step)))
}

fn since(words: &[&str]) -> Result<Since, String> {
    let account = |name: &str| AccountId::new(name).map_err(|error| error.to_string());
    Ok(match words {
        ["before", "the", "last", "run"] => Since::Run,
        ["to", "the", "last", "snapshot"] => Since::Snapshot,
        ["to", "the", "levels", "of", name] => Since::Levels(account(name)?),
        [count, unit] => Since::Ago(super::words::duration(count, unit)?, None),
        [count, unit, "for", name] => Since::Ago(super::words::duration(count, unit)?, Some(account(name)?)),
        _ => return Err(format!("nobody knows where {:?} is", words.join(" "))),
    })
}

/// Where the supplier's list is.
const LIST: &str = "https://supplier.test/list.csv";
/// A run of a story ends within this time, milliseconds.
const RUN_MS: i64 = 900_000;

impl Town {
    pub(super) fn undoing(&mut self, step: &Undoing) -> Seen {
        match step {
            Undoing::Import(mode, dry, wait, lines) => self.import(*mode, *dry, *wait, lines),
            Undoing::Snapshot => self.start(Job::Snapshot, true),
            Undoing::Back(since, apply) => self.back(since, *apply),
            Undoing::Publish(lines) => {
                let rows: String = lines.iter().map(|(sku, quantity)| format!("{sku},{quantity}\n")).collect();
                self.wires.publish(200, format!("SKU,Stock\n{rows}"));
                Ok(Vec::new())
            }
            Undoing::Fails(status) => {
                self.wires.publish(*status, String::new());
                Ok(Vec::new())
            }
            Undoing::Feed(every, missing) => self.feed(*every, *missing),
            Undoing::Fetch(believe) => {
                self.start(Job::Feed { name: "supplier".into(), dry_run: false, believe: *believe }, true)
            }
            Undoing::See => {
                let listed = self.ask(|hub| async move { hub.list_runs(None, 1).await })?;
                let run = listed.map_err(|error| error.to_string())?.rows.into_iter().next();
                run.map(|run| Ok(tell(&run))).unwrap_or_else(|| Err("there was no run".into()))
            }
            Undoing::Cancel => {
                let id = self.last_run()?;
                let done = self.ask(|hub| async move { hub.cancel_run(&id).await })?;
                Ok(done.err().map(|error| format!("refused: {error}")).into_iter().collect())
            }
        }
    }

    fn last_run(&self) -> Result<String, String> {
        self.books.run.clone().ok_or_else(|| "there was no run".into())
    }

    fn import(&mut self, mode: Mode, dry_run: bool, wait: bool, lines: &[(String, String)]) -> Seen {
        let line = |(place, (sku, quantity)): (usize, &(String, String))| Line {
            line: place as u64 + 1,
            sku: sku.clone(),
            quantity: quantity.clone(),
            warehouse: None,
        };
        let lines: Vec<Line> = lines.iter().enumerate().map(line).collect();
        let job = Job::Import { mode, warehouse: None, reason: "file".into(), dry_run };
        let started = self.ask(|hub| async move {
            let run = hub.start_run(job, "ann").await?;
            hub.give_run(&run.id, lines, mode != Mode::Adjust).await?;
            hub.close_run(&run.id).await
        })?;
        self.follow(started, wait)
    }

    fn start(&mut self, job: Job, wait: bool) -> Seen {
        let started = self.ask(|hub| async move { hub.start_run(job, "ann").await })?;
        self.follow(started, wait)
    }

    fn follow(&mut self, started: Result<Run, engine::Error>, wait: bool) -> Seen {
        let mut run = match started {
            Ok(run) => run,
            Err(error) => return Ok(vec![format!("refused: {error}")]),
        };
        if !run.job.is_preview() {
            self.books.run = Some(run.id.clone());
        }
        if !wait {
            return Ok(Vec::new());
        }
        let end = self.core.now_ms() + RUN_MS;
        while !run.state.is_over() && self.core.now_ms() < end {
            self.until(self.core.now_ms() + 1_000);
            let id = run.id.clone();
            let shown = self.ask(|hub| async move { hub.show_run(&id).await })?;
            run = shown.map_err(|error| error.to_string())?;
        }
        // a restore or an import has taken a snapshot before it; a preview has not
        if run.state == RunState::Done && !run.job.is_preview() {
            self.books.snapshot = Some(run.id.clone());
        }
        Ok(tell(&run))
    }

    fn back(&mut self, since: &Since, apply: bool) -> Seen {
        let snapshot = || self.books.snapshot.clone().or_else(|| self.newest_snapshot()).ok_or("there is no snapshot");
        let restore = Restore { apply, ..Restore::default() };
        let restore = match since {
            Since::Run => Restore { run: Some(self.last_run()?), ..restore },
            Since::Snapshot => Restore { snapshot: Some(snapshot()?), ..restore },
            Since::Levels(account) => {
                Restore { snapshot: Some(snapshot()?), levels_of: Some(account.clone()), ..restore }
            }
            Since::Ago(ms, account) => {
                Restore { time: Some(self.now().plus_ms(-ms)), account: account.clone(), ..restore }
            }
        };
        self.start(Job::Restore(restore), true)
    }

    /// The snapshot of the first sync.
    fn newest_snapshot(&self) -> Option<String> {
        let keys = self.store.peek_all("HUB").into_iter().map(|row| row.key.sk);
        keys.filter_map(|sk| sk.strip_prefix("SNAPSHOT#").map(str::to_owned)).max()
    }

    fn feed(&mut self, every: u32, missing_means_zero: bool) -> Seen {
        let feed = StockFeed {
            name: "supplier".into(),
            url: LIST.into(),
            format: engine::table::Format::Csv,
            columns: engine::table::Columns::default(),
            mode: Mode::Set,
            warehouse: None,
            every_minutes: Some(every),
            header: None,
            missing_means_zero,
            paused: false,
        };
        let set = self.ask(|hub| async move { hub.put_feed(feed, None).await })?;
        Ok(set.err().map(|error| format!("refused: {error}")).into_iter().collect())
    }
}

fn result<T: DeserializeOwned>(run: &Run) -> Option<T> {
    serde_json::from_value(run.result.clone()?).ok()
}

/// A run as a shopkeeper tells it.
fn tell(run: &Run) -> Vec<String> {
    let mut lines = vec![match run.state {
        RunState::Failed => format!("failed: {}", run.error.clone().unwrap_or_default()),
        RunState::Cancelled => "cancelled".to_owned(),
        RunState::Open | RunState::Waiting | RunState::Running => "still on its way".to_owned(),
        RunState::Done => outcome(run),
    }];
    if let (RunState::Done, Job::Restore(_), Some(report)) = (run.state, &run.job, result::<RestoreReport>(run)) {
        lines.extend(report.differences.iter().map(|one| format!("{} {} -> {}", one.sku, one.before, one.after)));
    }
    lines.extend(run.faults.iter().map(|fault| format!("{}: {}", fault.place, fault.message)));
    lines
}

fn outcome(run: &Run) -> String {
    match &run.job {
        Job::Import { .. } | Job::Feed { .. } => {
            let report: ImportReport = result(run).unwrap_or_default();
            let would = if report.dry_run { "would change" } else { "changed" };
            let snapshot = if report.snapshot.is_some() { "; levels before are kept" } else { "" };
            let ImportReport { lines, changed, up, down, failed, .. } = report;
            format!("{lines} lines, {changed} {would} (+{up} -{down}), {failed} failed{snapshot}")
        }
        Job::Restore(_) => {
            let report: RestoreReport = result(run).unwrap_or_default();
            let went = if report.applied { "went back" } else { "would go back" };
            let RestoreReport { changed, up, down, sold, unclear, others, .. } = report;
            let kept = [(sold, "sold"), (unclear, "unclear"), (others, "of other edits")];
            let kept = kept.iter().filter(|(units, _)| *units != 0);
            let kept: String = kept.map(|(units, what)| format!("; {units:+} {what} stay")).collect();
            format!("{went}: {changed} SKUs (+{up} -{down}){kept}")
        }
        Job::Snapshot
        | Job::Adopt { .. }
        | Job::Reconcile { .. }
        | Job::Settings { .. }
        | Job::Change { .. }
        | Job::Group { .. }
        | Job::Link { .. }
        | Job::Connect { .. }
        | Job::Mapping { .. } => format!("{} done", run.job.kind()),
    }
}
