//! The comparison as a run: read the stores, compare a page of items at a time, hear the guard, hand on what differs.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | what a page of items showed of an account (expires) | `RUN#<id>` | `FOUND#<account>#<page>#<number>` |

use super::{AccountComparison, Comparison, News, Part, Sums};
use crate::adopt::Progress;
use crate::hub::{Error, Hub};
use crate::ports::{Key, Row};
use crate::records::{self, DAY_MS, Todo, text};
use crate::runs::{Chunk, ReadPlace, Reads, Run, Work, end, partition};
use async_trait::async_trait;
use domain::{AccountId, Class, Position, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Findings of one row.
const TOGETHER: usize = 500;
/// How long what was found is kept, milliseconds.
const KEPT_MS: i64 = DAY_MS;

/// A comparison in the hands of its driver.
pub(crate) struct Comparing {
    only: Option<AccountId>,
    apply: bool,
    quick: bool,
    reads: Reads,
    parts: BTreeMap<AccountId, Part>,
    /// What was found page by page, where it is in no row.
    pages: BTreeMap<(AccountId, u64), News>,
}

/// Where a comparison is.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    phase: Phase,
    reads: ReadPlace,
    /// What is compared in full, with what was found.
    sums: BTreeMap<AccountId, Sums>,
    /// What the last comparisons are enough for, with what was found.
    quick: BTreeMap<AccountId, Sums>,
    /// Items up to here are done.
    after: Option<String>,
    /// Pages of items done.
    pages: u64,
    items: u64,
    low: BTreeSet<String>,
    /// The page of what was found that is handed on next.
    told: u64,
    /// How far each log was counted when the comparison began.
    heard: BTreeMap<AccountId, (Position, Timestamp)>,
    report: Comparison,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    #[default]
    Begin,
    Read,
    Quick,
    Items,
    Tell,
}

impl Comparing {
    pub(crate) fn new(only: Option<AccountId>, dry_run: bool, quick: bool) -> Self {
        let reads = Reads { untitled: true, ..Reads::default() };
        let (parts, pages) = (BTreeMap::new(), BTreeMap::new());
        Self { only, apply: !dry_run, quick, reads, parts, pages }
    }

    async fn begin(&self, hub: &Hub, place: &mut Place) -> Result<(), Error> {
        if self.quick && !self.apply {
            return Err(Error::Invalid("dry_run: a quick comparison has none; leave out quick".into()));
        }
        let chosen = hub.chosen(self.only.as_ref()).await?;
        for connected in chosen.iter().filter(|it| it.channel.info().capabilities.class() == Class::C) {
            let (id, now) = (&connected.account.id, hub.clock.now());
            place.heard.insert(id.clone(), (hub.cursor(id).await?, now));
        }
        place.reads = ReadPlace::of(chosen.into_iter().map(|connected| connected.account.id));
        place.phase = Phase::Read;
        Ok(())
    }

    async fn read(&mut self, hub: &Hub, run: &Run, place: &mut Place, progress: &dyn Progress) -> Result<(), Error> {
        self.reads.step(hub, run, &mut place.reads, false, progress).await?;
        if !place.reads.is_done() {
            return Ok(());
        }
        for (id, error) in &place.reads.failed {
            let failed = AccountComparison { error: Some(error.clone()), ..AccountComparison::default() };
            place.report.accounts.insert(id.clone(), failed);
        }
        self.take_up(hub, run, place).await?;
        place.sums = self.parts.iter().map(|(id, part)| (id.clone(), part.sums.clone())).collect();
        place.phase = if self.quick { Phase::Quick } else { Phase::Items };
        Ok(())
    }

    /// Has at hand what an earlier driver had.
    async fn take_up(&mut self, hub: &Hub, run: &Run, place: &Place) -> Result<(), Error> {
        if self.parts.is_empty() {
            self.reads.load(hub, run, &place.reads).await?;
            let scans = std::mem::take(&mut self.reads.scans);
            let known = |id: &AccountId| place.sums.get(id).or_else(|| place.quick.get(id));
            let part = |(id, scan)| match known(&id) {
                Some(sums) => (id, Part::again(scan, sums.clone())),
                None => (id, Part::new(scan)),
            };
            self.parts = scans.into_iter().map(part).collect();
        }
        Ok(())
    }

    /// Compares the next account with what its last comparison saw.
    async fn quick(&mut self, hub: &Hub, run: &Run, place: &mut Place) -> Result<(), Error> {
        self.take_up(hub, run, place).await?;
        let Some((id, _)) = place.sums.iter().find(|(id, _)| !place.report.accounts.contains_key(*id)) else {
            place.phase = if place.sums.is_empty() { Phase::Tell } else { Phase::Items };
            // whoever is left over is compared in full
            place.report.accounts.retain(|id, _| !place.sums.contains_key(id));
            self.parts.retain(|id, _| place.sums.contains_key(id) || place.quick.contains_key(id));
            return Ok(());
        };
        let id = id.clone();
        // a mark for the search above, until it is known what there is to say
        place.report.accounts.insert(id.clone(), AccountComparison::default());
        let Some(part) = self.parts.get_mut(&id) else { return Ok(()) };
        if hub.compare_since_last(part).await? {
            place.sums.remove(&id);
            self.settle(hub, run, &id, place).await?;
            let sums = self.parts.get(&id).map(|part| part.sums.clone()).unwrap_or_default();
            place.quick.insert(id, sums);
        }
        Ok(())
    }

    /// Compares a page of items with the accounts that are compared in full.
    async fn items(&mut self, hub: &Hub, run: &Run, place: &mut Place, progress: &dyn Progress) -> Result<(), Error> {
        self.take_up(hub, run, place).await?;
        let quick: BTreeMap<AccountId, Part> =
            place.quick.keys().filter_map(|id| self.parts.remove_entry(id)).collect();
        let compared = hub.compare_page(&mut self.parts, place.after.take(), &mut place.low).await;
        let full: Vec<AccountId> = self.parts.keys().cloned().collect();
        self.parts.extend(quick);
        let (items, next) = compared?;
        place.items += items;
        progress.tell("comparing", place.items, 0);
        for id in &full {
            if next.is_none()
                && let Some(part) = self.parts.get_mut(id)
            {
                part.count_unmapped();
            }
            self.settle(hub, run, id, place).await?;
            let sums = self.parts.get(id).map(|part| part.sums.clone()).unwrap_or_default();
            place.sums.insert(id.clone(), sums);
        }
        place.pages += 1;
        place.after = next;
        if place.after.is_none() {
            if self.apply && self.only.is_none() && !self.quick {
                hub.note_low(std::mem::take(&mut place.low)).await?;
            }
            place.phase = Phase::Tell;
        }
        Ok(())
    }

    /// Deals with what a page showed of an account: what needs no word of the guard is written, the rest kept.
    async fn settle(&mut self, hub: &Hub, run: &Run, id: &AccountId, place: &Place) -> Result<(), Error> {
        let Some(part) = self.parts.get_mut(id) else { return Ok(()) };
        let news = std::mem::take(&mut part.news);
        if !self.apply {
            (part.changed, part.renamed) = (Vec::new(), Vec::new());
            return Ok(());
        }
        hub.note_page(part).await?;
        if news.todos.is_empty() && news.suspects.is_empty() {
            return Ok(());
        }
        if !run.is_listed() {
            self.pages.insert((id.clone(), place.pages), news);
            return Ok(());
        }
        let expires = Some(run.created.plus_ms(KEPT_MS));
        let row = |(number, some): (usize, News)| {
            let sk = format!("{}{number:04}", found(id, place.pages));
            let key = Key { pk: partition(&run.id), sk };
            Row { key, version: 1, body: text(&some), expires, index: None }
        };
        let rows: Vec<Row> = news.cut().into_iter().enumerate().map(row).collect();
        Ok(hub.store.put_all(&rows).await?)
    }

    /// Tells of the next account: hands on what differs, unless the guard objects.
    async fn tell(&mut self, hub: &Hub, run: &Run, place: &mut Place) -> Result<bool, Error> {
        self.take_up(hub, run, place).await?;
        let all = place.sums.keys().chain(place.quick.keys());
        let Some(id) = all.min().cloned() else { return Ok(true) };
        if let Some(part) = self.parts.get_mut(&id) {
            part.sums.found.quarantine = part.sums.tally.objection(&hub.config.guard);
        }
        if self.apply && !self.hand_on(hub, run, &id, place).await? {
            return Ok(false);
        }
        place.sums.remove(&id);
        place.quick.remove(&id);
        place.told = 0;
        let part = self.parts.remove(&id);
        place.report.accounts.extend(part.map(|part| (id, part.sums.found)));
        Ok(place.sums.is_empty() && place.quick.is_empty())
    }

    /// Hands on one page of what differs in an account; after the last one says how it ended, and gives `true`.
    async fn hand_on(&mut self, hub: &Hub, run: &Run, id: &AccountId, place: &mut Place) -> Result<bool, Error> {
        let Some(part) = self.parts.get(id) else { return Ok(true) };
        let objects = part.sums.found.quarantine.is_some();
        let mut suspects = Vec::new();
        while place.told <= place.pages {
            let news = self.page(hub, run, id, place.told).await?;
            place.told += 1;
            if objects {
                suspects.extend(news.suspects);
            } else if !news.todos.is_empty() {
                hub.store.put_all(&news.todos.iter().map(Todo::row).collect::<Vec<_>>()).await?;
                return Ok(false);
            }
        }
        hub.conclude(part, &suspects, place.heard.get(id).copied()).await?;
        Ok(true)
    }

    async fn page(&self, hub: &Hub, run: &Run, id: &AccountId, number: u64) -> Result<News, Error> {
        if !run.is_listed() {
            return Ok(self.pages.get(&(id.clone(), number)).cloned().unwrap_or_default());
        }
        let mut all = News::default();
        for row in hub.all_rows(&partition(&run.id), &found(id, number)).await? {
            let some: News = records::body(&row)?;
            all.todos.extend(some.todos);
            all.suspects.extend(some.suspects);
        }
        Ok(all)
    }
}

/// Begins the sort keys of what a page of items showed of an account.
fn found(id: &AccountId, page: u64) -> String {
    format!("FOUND#{id}#{page:08}#")
}

impl News {
    /// As it fits into rows.
    fn cut(self) -> Vec<Self> {
        let todos = self.todos.chunks(TOGETHER).map(|todos| Self { todos: todos.to_vec(), ..Self::default() });
        let suspects =
            self.suspects.chunks(TOGETHER).map(|suspects| Self { suspects: suspects.to_vec(), ..Self::default() });
        todos.chain(suspects).collect()
    }
}

#[async_trait]
impl Work for Comparing {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let mut place: Place = serde_json::from_value(cursor.clone()).unwrap_or_default();
        match place.phase {
            Phase::Begin => self.begin(hub, &mut place).await?,
            Phase::Read => self.read(hub, run, &mut place, progress).await?,
            Phase::Quick => self.quick(hub, run, &mut place).await?,
            Phase::Items => self.items(hub, run, &mut place, progress).await?,
            Phase::Tell => {
                if self.tell(hub, run, &mut place).await? {
                    hub.flush_health(false).await?;
                    return Ok(end(&place.report));
                }
            }
        }
        Ok(Chunk::on(&place))
    }
}
