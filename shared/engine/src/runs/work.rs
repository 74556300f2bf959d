//! What runs do: one piece of work for each kind.

use super::drive::Chunk;
use super::feed::Feeding;
use super::import::Importing;
use super::restore::Restoring;
use super::{Job, Run};
use crate::adopt::{Adopting, FirstSync, Progress};
use crate::bulk::Changing;
use crate::connection::Connecting;
use crate::hub::{Error, Hub};
use crate::locations::Arranging;
use crate::mapping::Mapping;
use crate::reconcile::Comparing;
use crate::records::asked;
use crate::settings::{Grouping, Patch, Setting};
use crate::snapshots::Snapshot;
use async_trait::async_trait;
use domain::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A run's work in the hands of its driver. It may remember things from one chunk to the next, and must do without: the
/// next driver knows only the cursor.
#[async_trait]
pub(crate) trait Work: Send {
    /// Does one chunk, from the cursor on. Doing it twice must be the same as doing it once.
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error>;
}

/// The work of a run.
pub(super) fn work_of(run: &Run) -> Box<dyn Work> {
    match &run.job {
        Job::Adopt { apply, directions, exclude } => {
            let (directions, exclude) = (directions.clone(), exclude.clone());
            Box::new(Adopting::new(FirstSync { apply: *apply, directions, exclude }))
        }
        Job::Reconcile { account, dry_run, quick } => Box::new(Comparing::new(account.clone(), *dry_run, *quick)),
        Job::Import { mode, warehouse, reason, dry_run } => Box::new(Importing {
            mode: *mode,
            warehouse: warehouse.clone(),
            reason: reason.clone(),
            cause: asked::STOCK_FILE,
            dry_run: *dry_run,
        }),
        Job::Feed { name, dry_run, believe } => {
            Box::new(Feeding { name: name.clone(), dry_run: *dry_run, believe: *believe, named: None })
        }
        Job::Snapshot => Box::new(Keeping),
        Job::Restore(restore) => Box::new(Restoring::new(restore.clone())),
        Job::Settings { scope, set, clear, apply } => {
            let patch = Patch { set: set.clone(), clear: clear.clone() };
            Box::new(Setting { scope: scope.clone(), patch, apply: *apply })
        }
        Job::Change { filter, action, apply } => {
            Box::new(Changing { filter: filter.clone(), action: action.clone(), apply: *apply })
        }
        Job::Group { order } => Box::new(Grouping { order: order.clone() }),
        Job::Link { order, apply } => Box::new(Arranging::new(order.clone(), *apply)),
        Job::Connect { account } => Box::new(Connecting::new(account.clone())),
        Job::Mapping { account } => Box::new(Mapping::new(account.clone())),
    }
}

impl Hub {
    /// Does a job here and now, from beginning to end, as a run that nobody lists or goes on with: the timers' way, and that of
    /// whoever waits for something short.
    pub(crate) async fn at_once<T: DeserializeOwned>(&self, job: Job, progress: &dyn Progress) -> Result<T, Error> {
        self.at_once_by(job, "", progress).await
    }

    /// The same, in somebody's name.
    pub(crate) async fn at_once_by<T: DeserializeOwned>(
        &self,
        job: Job,
        actor: &str,
        progress: &dyn Progress,
    ) -> Result<T, Error> {
        job.check()?;
        let run = Run::new(String::new(), job, actor, self.clock.now());
        let (mut work, mut cursor) = (work_of(&run), Value::Null);
        loop {
            let chunk = work.chunk(self, &run, &cursor, progress).await?;
            if let Some(result) = chunk.result {
                return serde_json::from_value(result).map_err(|error| Error::Invalid(error.to_string()));
            }
            cursor = chunk.cursor;
        }
    }
}

/// A time before anything that a run did: it may have begun with it in the millisecond in which it was asked for.
pub(crate) const fn before(run: &Run) -> Timestamp {
    run.created.plus_ms(-1)
}

/// The last chunk, with what the run came to.
pub(crate) fn end<T: Serialize>(result: &T) -> Chunk {
    let result = serde_json::to_value(result).unwrap_or_else(|error| unreachable!("plain data is JSON: {error}"));
    Chunk { result: Some(result), ..Chunk::default() }
}

/// Keeps the levels of all SKUs.
struct Keeping;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    after: Option<String>,
    pages: u64,
    skus: u64,
}

/// SKUs of one page of a snapshot.
const PAGE: usize = 500;

#[async_trait]
impl Work for Keeping {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let mut kept: Kept = serde_json::from_value(cursor.clone()).unwrap_or_default();
        let page = hub.skus_after(kept.after.take(), PAGE).await?;
        kept.skus += hub.keep_levels(&run.id, kept.pages, &page.rows).await?;
        (kept.pages, kept.after) = (kept.pages + 1, page.next);
        progress.tell("keeping levels", kept.skus, 0);
        if kept.after.is_some() {
            return Ok(Chunk::on(&kept));
        }
        let (id, why, actor) = (run.id.clone(), run.job.kind().to_owned(), run.actor.clone());
        let snapshot = Snapshot { id, at: before(run), why, actor, skus: kept.skus };
        hub.enter_snapshot(&snapshot).await?;
        Ok(end(&snapshot))
    }
}
