//! The run that carries lines of SKUs and quantities into the ledgers: first what the levels were is kept, then each line is
//! done on its own.

use super::drive::Chunk;
use super::given::GivenPage;
use super::work::{Work, before, end};
use super::{Fault, Run, RunDone};
use crate::adopt::Progress;
use crate::hub::{Error, Hub};
use crate::listings::todo;
use crate::snapshots::Snapshot;
use crate::stock::edit::{Edit, How};
use crate::stock::{Mode, StockChange, checked, read_line, read_warehouse};
use crate::table::Line;
use async_trait::async_trait;
use domain::{AccountId, ListingId, Sku, WarehouseId};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What became of many lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportReport {
    /// Whether it was only shown.
    pub dry_run: bool,
    /// The levels before; absent in a preview, and where nothing changed.
    pub snapshot: Option<String>,
    /// Lines read.
    pub lines: u64,
    /// SKUs whose level changes.
    pub changed: u64,
    /// SKUs that had the level already.
    pub unchanged: u64,
    /// Lines that could not be done.
    pub failed: u64,
    /// Of these: their SKU is not known.
    pub unknown: u64,
    /// Units added.
    pub up: i64,
    /// Units taken away.
    pub down: i64,
    /// SKUs that come to zero or below.
    pub zeroed: u64,
}

/// Where an import is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    /// Whether the levels before were kept.
    pub kept: bool,
    /// The next page.
    pub page: u64,
    pub report: ImportReport,
}

/// How lines are carried into the ledgers.
#[derive(Debug, Clone)]
pub(super) struct Importing {
    pub mode: Mode,
    /// Whose stock it is, where a line does not say.
    pub warehouse: Option<WarehouseId>,
    pub reason: String,
    /// What lines of history call it.
    pub cause: &'static str,
    pub dry_run: bool,
}

/// Lines done side by side.
const SIDE_BY_SIDE: usize = 8;

#[async_trait]
impl Work for Importing {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let mut place: Place = serde_json::from_value(cursor.clone()).unwrap_or_default();
        self.step(hub, run, &mut place, progress).await
    }
}

impl Importing {
    /// One page: kept, or done.
    pub(super) async fn step(
        &self,
        hub: &Hub,
        run: &Run,
        place: &mut Place,
        progress: &dyn Progress,
    ) -> Result<Chunk, Error> {
        place.report.dry_run = self.dry_run;
        let page = hub.given(&run.id, place.page).await?;
        if !self.dry_run && !place.kept {
            self.keep(hub, run, place, page).await?;
            return Ok(self.on(place, Vec::new()));
        }
        let Some(page) = page else { return Ok(end(&place.report)) };
        let faults = self.lines(hub, run, &mut place.report, &page).await?;
        place.page += 1;
        progress.tell(if self.dry_run { "comparing" } else { "importing" }, place.report.lines, run.progress.all);
        Ok(self.on(place, faults))
    }

    fn on(&self, place: &Place, faults: Vec<Fault>) -> Chunk {
        Chunk { faults, ..Chunk::on(place) }
    }

    /// Keeps the levels of a page's SKUs; after the last page the snapshot is there.
    async fn keep(&self, hub: &Hub, run: &Run, place: &mut Place, page: Option<GivenPage>) -> Result<(), Error> {
        if let Some(page) = page {
            let skus: Vec<Sku> = page.lines.iter().filter_map(|line| Sku::new(line.sku.trim()).ok()).collect();
            place.report.snapshot = Some(run.id.clone());
            place.report.lines += hub.keep_levels(&run.id, page.number, &skus).await?;
            place.page += 1;
            return Ok(());
        }
        if place.report.snapshot.is_some() {
            let snapshot = Snapshot {
                id: run.id.clone(),
                at: before(run),
                why: run.job.kind().to_owned(),
                actor: run.actor.clone(),
                skus: place.report.lines,
            };
            hub.enter_snapshot(&snapshot).await?;
        }
        (place.kept, place.page, place.report.lines) = (true, 0, 0);
        Ok(())
    }

    async fn lines(
        &self,
        hub: &Hub,
        run: &Run,
        report: &mut ImportReport,
        page: &GivenPage,
    ) -> Result<Vec<Fault>, Error> {
        // owned lines: with borrowed ones the compiler cannot show that the future may move between threads
        let lines = page.lines.clone().into_iter();
        let done = lines.map(|line| async move {
            let result = self.line(hub, run, &line).await;
            (line, result)
        });
        let done: Vec<_> = stream::iter(done).buffered(SIDE_BY_SIDE).collect().await;
        let (mut faults, mut changes) = (Vec::new(), Vec::new());
        for (line, result) in done {
            report.lines += 1;
            match result {
                Ok(change) => changes.push((line.line, change)),
                // the table does not answer: the page is done again
                Err(error @ (Error::Store(_) | Error::Queue(_))) => return Err(error),
                Err(error) => {
                    report.failed += 1;
                    report.unknown += u64::from(matches!(error, Error::NotFound { .. }));
                    let message = match line.sku.trim() {
                        "" => error.to_string(),
                        sku => format!("{sku}: {error}"),
                    };
                    faults.push(Fault { place: format!("line {}", line.line), message });
                }
            }
        }
        changes.iter().for_each(|(_, change)| report.count(change));
        changes.retain(|(_, change)| change.before != change.after);
        if self.dry_run {
            self.show(hub, run, changes).await?
        } else {
            hub.follow(changes, self.cause).await?
        };
        Ok(faults)
    }

    async fn line(&self, hub: &Hub, run: &Run, line: &Line) -> Result<StockChange, Error> {
        let (sku, quantity) = read_line(&line.sku, &line.quantity)?;
        let amount = self.mode.amount(quantity);
        let reason = checked(amount, &self.reason)?;
        let named = read_warehouse(line.warehouse.as_deref())?;
        hub.check_warehouse(named.as_ref()).await?;
        let how = How::One(named.or_else(|| self.warehouse.clone()), amount);
        if self.dry_run {
            let (_, ledger) = hub.item(&sku).await?;
            return how.planned(&sku, &ledger);
        }
        let mark = Some((run.id.as_str(), line.line));
        let edit =
            Edit { sku: &sku, how, reason: &reason, actor: &run.actor, cause: self.cause, mark, back: BTreeMap::new() };
        hub.make_edit(&edit).await
    }

    /// What a preview would do is shown as what a run did.
    async fn show(&self, hub: &Hub, run: &Run, changes: Vec<(u64, StockChange)>) -> Result<(), Error> {
        let now = hub.clock.now();
        let row = |(place, change): (u64, StockChange)| {
            let StockChange { sku, before, after, warehouse } = change;
            RunDone { place, sku, warehouse, before, after }.row(&run.id, now)
        };
        Ok(hub.store.put_all(&changes.into_iter().map(row).collect::<Vec<_>>()).await?)
    }
}

impl ImportReport {
    pub(super) fn count(&mut self, change: &StockChange) {
        let by = change.after.saturating_sub(change.before);
        if by == 0 {
            self.unchanged += 1;
            return;
        }
        self.changed += 1;
        self.up = self.up.saturating_add(by.max(0));
        self.down = self.down.saturating_add(by.saturating_neg().max(0));
        self.zeroed += u64::from(change.after <= 0 && change.before > 0);
    }
}

impl Hub {
    /// Has the stores follow many edits that somebody `asked` for: work that waits for the hub's own lane, which writes in
    /// batches.
    pub(super) async fn follow(&self, changes: Vec<(u64, StockChange)>, asked: &str) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let (hub, now): (AccountId, _) = (ListingId::hub().account, self.clock.now());
        let waits = |change: &StockChange| todo(&hub, &change.sku, change.after, now, asked).row();
        let rows: Vec<_> = changes.iter().map(|(_, change)| waits(change)).collect();
        self.store.put_all(&rows).await?;
        self.wake_lane(&hub).await
    }
}
