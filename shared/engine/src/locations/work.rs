//! Linking as a run: read the store where that is needed, look at all SKUs, keep what will be overwritten, then do it.

use super::linking::{Linking, Order, Plan};
use crate::adopt::Progress;
use crate::hub::{Error, Hub};
use crate::runs::{Chunk, ReadPlace, Reads, Run, Work, before, end};
use crate::scan::Scan;
use crate::snapshots::Snapshot;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An order in the hands of a run's driver.
pub(crate) struct Arranging {
    order: Order,
    apply: bool,
    reads: Reads,
}

/// Where an order is.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    phase: Phase,
    plan: Option<Plan>,
    reads: ReadPlace,
    /// Items up to here are done of the phase.
    after: Option<String>,
    /// Pages done of the phase.
    pages: usize,
    /// Levels kept.
    kept: u64,
    /// What it would come to, and what it came to.
    shown: Linking,
    done: Linking,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    #[default]
    Begin,
    Read,
    Look,
    Commit,
    Do,
}

impl Arranging {
    pub(crate) fn new(order: Order, apply: bool) -> Self {
        Self { order, apply, reads: Reads::default() }
    }

    async fn look(&mut self, hub: &Hub, run: &Run, plan: &Plan, place: &mut Place) -> Result<(), Error> {
        let job = hub.job(plan, self.scan(hub, run, plan, place).await?).await?;
        let (levels, next) = hub.arrange_page(&job, None, place.after.take(), &mut place.shown).await?;
        if self.apply {
            hub.keep_listed(&snapshot_id(hub, run, place), place.pages, &levels).await?;
            place.kept += levels.len() as u64;
        }
        place.pages += 1;
        place.after = next;
        if place.after.is_none() {
            (place.phase, place.pages) = (Phase::Commit, 0);
        }
        Ok(())
    }

    async fn commit(&mut self, hub: &Hub, run: &Run, plan: &Plan, place: &mut Place) -> Result<(), Error> {
        if place.kept > 0 {
            let id = snapshot_id(hub, run, place);
            let at = if run.is_listed() { before(run) } else { hub.clock.now() };
            let (why, actor) = ("link".to_owned(), run.actor.clone());
            hub.enter_snapshot(&Snapshot { id: id.clone(), at, why, actor, skus: place.kept }).await?;
            place.done.snapshot = Some(id);
        }
        hub.arrange_places(plan).await?;
        place.done.applied = true;
        place.phase = Phase::Do;
        Ok(())
    }

    async fn step(&mut self, hub: &Hub, run: &Run, plan: &Plan, place: &mut Place) -> Result<bool, Error> {
        let job = hub.job(plan, self.scan(hub, run, plan, place).await?).await?;
        let (_, next) = hub.arrange_page(&job, Some(&run.actor), place.after.take(), &mut place.done).await?;
        place.pages += 1;
        place.after = next;
        if place.after.is_none() {
            hub.arranged(&job).await?;
        }
        Ok(place.after.is_none())
    }

    /// What the store has, where the plan needs it.
    async fn scan(&mut self, hub: &Hub, run: &Run, plan: &Plan, place: &Place) -> Result<Option<&Scan>, Error> {
        if !plan.reads {
            return Ok(None);
        }
        self.reads.places.clone_from(&plan.places);
        self.reads.load(hub, run, &place.reads).await?;
        Ok(self.reads.scans.get(&plan.account))
    }
}

/// The name of the snapshot: the run's, or where nobody lists the run, one of its own.
fn snapshot_id(hub: &Hub, run: &Run, place: &mut Place) -> String {
    let fresh = || match run.is_listed() {
        true => run.id.clone(),
        false => format!("{:015}-{:04x}", hub.clock.now().0, hub.clock.random() & 0xffff),
    };
    place.shown.snapshot.get_or_insert_with(fresh).clone()
}

#[async_trait]
impl Work for Arranging {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let mut place: Place = serde_json::from_value(cursor.clone()).unwrap_or_default();
        let Some(plan) = place.plan.clone() else {
            let plan = hub.prepare(&self.order).await?;
            place.reads = ReadPlace::of(plan.reads.then(|| plan.account.clone()).into_iter());
            (place.phase, place.plan) = (Phase::Read, Some(plan));
            return Ok(Chunk::on(&place));
        };
        let of = crate::items::PAGE_MAX as u64;
        match place.phase {
            Phase::Begin | Phase::Read => {
                self.reads.places.clone_from(&plan.places);
                self.reads.step(hub, run, &mut place.reads, true, progress).await?;
                if place.reads.is_done() {
                    place.phase = Phase::Look;
                }
            }
            Phase::Look => {
                self.look(hub, run, &plan, &mut place).await?;
                progress.tell("comparing", place.pages as u64 * of, 0);
                if place.phase == Phase::Commit && !self.apply {
                    return Ok(end(&place.shown));
                }
            }
            Phase::Commit => self.commit(hub, run, &plan, &mut place).await?,
            Phase::Do => {
                let is_done = self.step(hub, run, &plan, &mut place).await?;
                progress.tell("linking", place.pages as u64 * of, 0);
                if is_done {
                    return Ok(end(&place.done));
                }
            }
        }
        Ok(Chunk::on(&place))
    }
}
