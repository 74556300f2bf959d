//! The first sync as a run: read the stores, keep what was, then match and write a thousand SKUs at a time.

use super::plan::Plan;
use super::{Adoption, By, FirstSync, linked_master};
use crate::adopt::Progress;
use crate::hub::{Error, Hub};
use crate::runs::{Chunk, ReadPlace, Reads, Run, Work, before, end};
use crate::scan::Scan;
use crate::snapshots::Snapshot;
use async_trait::async_trait;
use domain::{AccountId, ListingId, Sku};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// SKUs of one chunk of work.
const CHUNK: usize = 1_000;
/// SKUs whose levels are kept in one chunk.
const KEEP: usize = 5_000;

/// Where a first sync is.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    phase: Phase,
    reads: ReadPlace,
    /// SKUs done of the phase.
    done: usize,
    report: Adoption,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    #[default]
    Begin,
    Read,
    Plan,
    Keep,
    Write,
    Finish,
}

/// A first sync in the hands of its driver.
pub(crate) struct Adopting {
    order: FirstSync,
    reads: Reads,
    /// SKUs of the master with what people call them; made again by the next driver.
    products: BTreeMap<Sku, String>,
    skus: Vec<Sku>,
}

impl Adopting {
    pub(crate) fn new(order: FirstSync) -> Self {
        Self { order, reads: Reads::default(), products: BTreeMap::new(), skus: Vec::new() }
    }

    async fn begin(&self, hub: &Hub, place: &mut Place) -> Result<(), Error> {
        // one that was added a moment ago, on another machine, is meant too
        hub.forget_accounts();
        let accounts = hub.accounts().await?;
        self.order.check(&accounts.iter().map(|(id, connected)| (id.clone(), connected.account.role)).collect())?;
        place.reads = ReadPlace::of(accounts.keys().cloned());
        place.phase = Phase::Read;
        Ok(())
    }

    /// What there is to match, and what the preview says before any ledger was looked at.
    fn plan(&mut self, run: &Run, place: &mut Place) -> Result<(), Error> {
        linked_master(&self.reads.scans, &self.order)?;
        let plan = Plan::new(&self.reads.scans, &self.order, by(run));
        (self.products, place.report) = (plan.products, plan.report);
        self.skus = self.products.keys().cloned().collect();
        place.phase = if self.order.apply { Phase::Keep } else { Phase::Write };
        Ok(())
    }

    /// Has at hand what an earlier driver had.
    async fn take_up(&mut self, hub: &Hub, run: &Run, place: &Place) -> Result<(), Error> {
        self.reads.load(hub, run, &place.reads).await?;
        if self.products.is_empty() && place.phase > Phase::Plan {
            self.products = Plan::new(&self.reads.scans, &self.order, by(run)).products;
            self.skus = self.products.keys().cloned().collect();
        }
        Ok(())
    }

    /// Keeps the levels of everything that any store has.
    async fn keep(&self, hub: &Hub, run: &Run, place: &mut Place) -> Result<(), Error> {
        let scans = &self.reads.scans;
        let id = match (&place.report.snapshot, run.is_listed()) {
            (Some(id), _) => id.clone(),
            (None, true) => run.id.clone(),
            (None, false) => format!("{:015}-{:04x}", hub.clock.now().0, hub.clock.random() & 0xffff),
        };
        let all: BTreeSet<&Sku> = scans.values().flat_map(|scan| scan.units.keys()).collect();
        let some: Vec<Sku> = all.iter().skip(place.done).take(KEEP).map(|sku| (*sku).clone()).collect();
        hub.keep_seen_levels(&id, place.done.div_ceil(super::SNAPSHOT), &some, scans).await?;
        place.report.snapshot = Some(id.clone());
        place.done += some.len();
        if place.done >= all.len() {
            let at = if run.is_listed() { before(run) } else { hub.clock.now() };
            let (why, actor) = ("adopt".to_owned(), run.actor.clone());
            hub.enter_snapshot(&Snapshot { id, at, why, actor, skus: all.len() as u64 }).await?;
            hub.hold_orders(scans).await?;
            (place.phase, place.done) = (Phase::Write, 0);
        }
        Ok(())
    }

    async fn write(&mut self, hub: &Hub, run: &Run, place: &mut Place) -> Result<(), Error> {
        let some: Vec<Sku> = self.skus.iter().skip(place.done).take(CHUNK).cloned().collect();
        let (products, report) = (std::mem::take(&mut self.products), std::mem::take(&mut place.report));
        let mut plan = Plan::again(&self.order, by(run), products, report);
        let drafts = hub.draft_chunk(&mut plan, &self.reads.scans, &some).await;
        (self.products, place.report) = (plan.products, plan.report);
        if self.order.apply {
            hub.write_drafts(drafts?).await?;
        } else {
            drafts?;
        }
        place.done += some.len();
        if place.done >= self.skus.len() {
            place.phase = Phase::Finish;
        }
        Ok(())
    }
}

#[async_trait]
impl Work for Adopting {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let mut place: Place = serde_json::from_value(cursor.clone()).unwrap_or_default();
        match place.phase {
            Phase::Begin => self.begin(hub, &mut place).await?,
            Phase::Read => {
                self.reads.step(hub, run, &mut place.reads, true, progress).await?;
                if place.reads.is_done() {
                    place.phase = Phase::Plan;
                }
            }
            Phase::Plan => {
                self.take_up(hub, run, &place).await?;
                self.plan(run, &mut place)?;
            }
            Phase::Keep => {
                self.take_up(hub, run, &place).await?;
                self.keep(hub, run, &mut place).await?;
                progress.tell("keeping levels", place.done as u64, 0);
            }
            Phase::Write => {
                self.take_up(hub, run, &place).await?;
                self.write(hub, run, &mut place).await?;
                let step = if self.order.apply { "adopting" } else { "comparing" };
                progress.tell(step, place.done as u64, self.skus.len() as u64);
            }
            Phase::Finish => {
                if self.order.apply {
                    self.take_up(hub, run, &place).await?;
                    finish(hub, &self.reads.scans, &self.products, &place.report).await?;
                }
                return Ok(end(&place.report));
            }
        }
        Ok(Chunk::on(&place))
    }
}

/// Feeds are counted from where the stores were read, and everybody is written.
async fn finish(
    hub: &Hub,
    scans: &BTreeMap<AccountId, Scan>,
    products: &BTreeMap<Sku, String>,
    report: &Adoption,
) -> Result<(), Error> {
    hub.start_cursors(scans).await?;
    let strange = |sku: &String| Sku::new(sku.as_str()).map_or(true, |sku| !products.contains_key(&sku));
    for (id, scan) in scans {
        let unmatched = report.accounts.get(id).filter(|found| found.matched == 0).map(|found| found.units);
        let known = &scan.connected.health.0;
        if known.unmatched != unmatched || !known.unknown_skus.iter().all(strange) {
            hub.change_health(id, |health| {
                // webhooks told of them before the hub knew them
                health.unknown_skus.retain(strange);
                health.unmatched = unmatched;
            })
            .await?;
        }
    }
    for id in scans.keys().chain([&ListingId::hub().account]) {
        hub.wake_lane(id).await?;
    }
    Ok(())
}

fn by(run: &Run) -> By<'_> {
    By { run: run.is_listed().then_some(run) }
}
