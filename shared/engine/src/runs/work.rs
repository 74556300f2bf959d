//! What runs do: one piece of work for each kind.

use super::drive::Chunk;
use super::feed::Feeding;
use super::import::Importing;
use super::restore::Restoring;
use super::{Job, Run};
use crate::adopt::{By, FirstSync, Progress};
use crate::hub::{Error, Hub};
use crate::snapshots::Snapshot;
use async_trait::async_trait;
use domain::{AccountId, Timestamp};
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
            Box::new(Adopting(FirstSync { apply: *apply, directions, exclude }))
        }
        Job::Reconcile { account, dry_run, quick } => {
            Box::new(Comparing { account: account.clone(), dry_run: *dry_run, quick: *quick })
        }
        Job::Import { mode, warehouse, reason, dry_run } => Box::new(Importing {
            mode: *mode,
            warehouse: warehouse.clone(),
            reason: reason.clone(),
            cause: "import",
            dry_run: *dry_run,
        }),
        Job::Feed { name, dry_run, believe } => {
            Box::new(Feeding { name: name.clone(), dry_run: *dry_run, believe: *believe, named: None })
        }
        Job::Snapshot => Box::new(Keeping),
        Job::Restore(restore) => Box::new(Restoring::new(restore.clone())),
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

struct Adopting(FirstSync);

#[async_trait]
impl Work for Adopting {
    async fn chunk(&mut self, hub: &Hub, run: &Run, _: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        Ok(end(&hub.first_sync(&self.0, By { run: Some(run) }, progress).await?))
    }
}

struct Comparing {
    account: Option<AccountId>,
    dry_run: bool,
    quick: bool,
}

#[async_trait]
impl Work for Comparing {
    async fn chunk(&mut self, hub: &Hub, _: &Run, _: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let only = self.account.as_ref();
        let found = match (self.quick, self.dry_run) {
            (false, dry_run) => hub.compare(only, !dry_run, progress).await?,
            (true, false) => hub.compare_quickly(only, progress).await?,
            (true, true) => {
                return Err(Error::Invalid("dry_run: a quick comparison has none; leave out quick".into()));
            }
        };
        Ok(end(&found))
    }
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
            return Ok(Chunk { cursor: serde_json::to_value(&kept).unwrap_or_default(), ..Chunk::default() });
        }
        let (id, why, actor) = (run.id.clone(), run.job.kind().to_owned(), run.actor.clone());
        let snapshot = Snapshot { id, at: before(run), why, actor, skus: kept.skus };
        hub.enter_snapshot(&snapshot).await?;
        Ok(end(&snapshot))
    }
}
