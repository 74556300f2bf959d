//! The run that takes edits back: to a snapshot, to a time, or those of one run. It moves each level by what it undoes, so
//! that sales since then stay counted; [`domain::undo`] decides.

use super::drive::Chunk;
use super::import::ImportReport;
use super::work::{Work, before, end};
use super::{Fault, Run, RunDone};
use crate::adopt::Progress;
use crate::hub::{Error, Hub};
use crate::ports::{Key, Page, Query};
use crate::records::{self, History, Item, asked};
use crate::snapshots::{Snapshot, SnapshotLevels};
use crate::stock::StockChange;
use crate::stock::edit::{Edit, How};
use crate::table::Line;
use async_trait::async_trait;
use domain::undo::{Part, Piece, Scope, Undo, undo};
use domain::{AccountId, Class, GroupId, Ledger, Sku, Timestamp, WarehouseId};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// What to take back. Exactly one of `snapshot`, `time` and `run` says since when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Restore {
    /// Everything edited since this snapshot was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Everything edited since this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What this run edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Only these SKUs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Sku>,
    /// Only SKUs that begin with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only SKUs that are in this group now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// Only what was edited in this account; `hub` names Evenstock itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// With a snapshot: the levels that this account's store had in it become the hub's, plus what was sold since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub levels_of: Option<AccountId>,
    /// Do it; otherwise only show what would happen.
    pub apply: bool,
}

/// What a restore would do, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreReport {
    /// Whether it was done.
    pub applied: bool,
    /// The levels before it; absent in a preview.
    pub snapshot: Option<String>,
    /// Edits after this time are taken back.
    pub since: Timestamp,
    /// SKUs looked at.
    pub items: u64,
    /// SKUs whose level moves.
    pub changed: u64,
    /// Units added.
    pub up: i64,
    /// Units taken away.
    pub down: i64,
    /// Units of sales, returns and orders since then, which stay counted.
    pub sold: i64,
    /// Units that stores counted since then which cannot tell sales from edits: they stay.
    pub unclear: i64,
    /// Units of edits since then that were not asked for: they stay.
    pub others: i64,
    /// The first SKUs that move, for show.
    pub differences: Vec<RestoreLine>,
}

/// One SKU of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreLine {
    /// The SKU.
    pub sku: Sku,
    /// The hub level before.
    pub before: i64,
    /// The hub level after.
    pub after: i64,
    /// Units of sales, returns and orders that stay counted.
    pub sold: i64,
    /// Units that may be sales and stay counted.
    pub unclear: i64,
}

/// Where a restore is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    phase: Phase,
    /// Where to go on in what is gathered from.
    after: Option<String>,
    /// The next page of what was gathered.
    page: u64,
    all: u64,
    report: RestoreReport,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    #[default]
    Begin,
    Gather,
    Keep,
    Do,
}

/// SKUs shown in a report.
const SHOWN: usize = 200;
/// SKUs done side by side.
const SIDE_BY_SIDE: usize = 8;
/// Lines of the first page of a SKU's history: most have less since then, and what is read beyond it is read for nothing.
const FIRST_PAGE: usize = 25;
/// Lines of every other page.
const PAGE: usize = 500;
/// Pages of one SKU's history that are read: more edits than anybody takes back.
const PAGES_MAX: usize = 200;

/// A restore in the hands of its driver.
pub(super) struct Restoring {
    wanted: Restore,
    /// SKUs gathered so far; read again by the next driver.
    gathered: Option<BTreeSet<String>>,
}

impl Restoring {
    pub(super) const fn new(wanted: Restore) -> Self {
        Self { wanted, gathered: None }
    }

    /// Gathers the SKUs that may be concerned, a page at a time and each once.
    async fn gather(&mut self, hub: &Hub, run: &Run, place: &mut Place) -> Result<(), Error> {
        let mut gathered = match self.gathered.take() {
            Some(gathered) => gathered,
            None => gathered_before(hub, run, place.page).await?,
        };
        let (lines, next) = self.wanted.some(hub, place).await?;
        let lines = self.wanted.of_group(hub, lines).await?;
        let prefix = self.wanted.prefix.as_deref().unwrap_or_default();
        let fresh = lines.into_iter().filter(|line| line.sku.starts_with(prefix) && gathered.insert(line.sku.clone()));
        let lines: Vec<Line> = fresh.zip(place.all + 1..).map(|(line, number)| Line { line: number, ..line }).collect();
        place.page += hub.give(&run.id, place.page, &lines).await?;
        place.all += lines.len() as u64;
        place.after = next;
        self.gathered = Some(gathered);
        if place.after.is_none() {
            (place.phase, place.page) = (if self.wanted.apply { Phase::Keep } else { Phase::Do }, 0);
        }
        Ok(())
    }
}

async fn gathered_before(hub: &Hub, run: &Run, pages: u64) -> Result<BTreeSet<String>, Error> {
    let mut gathered = BTreeSet::new();
    for page in 0..pages {
        let given = hub.given(&run.id, page).await?;
        gathered.extend(given.into_iter().flat_map(|page| page.lines).map(|line| line.sku));
    }
    Ok(gathered)
}

#[async_trait]
impl Work for Restoring {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let mut place: Place = serde_json::from_value(cursor.clone()).unwrap_or_default();
        let apply = self.wanted.apply;
        place.report.applied = apply;
        let mut faults = Vec::new();
        match place.phase {
            Phase::Begin => {
                self.wanted.check_group(hub).await?;
                place.report.since = self.wanted.since(hub).await?;
                place.phase = Phase::Gather;
            }
            Phase::Gather => {
                self.gather(hub, run, &mut place).await?;
                progress.tell("gathering", place.all, 0);
            }
            Phase::Keep => keep(hub, run, &mut place).await?,
            Phase::Do => {
                let Some(page) = hub.given(&run.id, place.page).await? else { return Ok(end(&place.report)) };
                faults = self.wanted.page(hub, run, &mut place.report, &page.lines).await?;
                place.page += 1;
                progress.tell(if apply { "restoring" } else { "comparing" }, place.report.items, place.all);
            }
        }
        Ok(Chunk { faults, ..Chunk::on(&place) })
    }
}

impl Restore {
    /// What is wrong with what was asked for, if anything.
    pub(super) fn check(&self) -> Result<(), Error> {
        let given = [self.snapshot.is_some(), self.time.is_some(), self.run.is_some()];
        if given.iter().filter(|is| **is).count() != 1 {
            return Err(Error::Invalid("snapshot, time, run: give exactly one of them".into()));
        }
        if self.levels_of.is_some() && self.snapshot.is_none() {
            return Err(Error::Invalid("levels_of: only a snapshot has a store's levels; give one".into()));
        }
        Ok(())
    }

    async fn check_group(&self, hub: &Hub) -> Result<(), Error> {
        let Some(group) = &self.group else { return Ok(()) };
        let known = hub.defaults().await?.groups.contains_key(group);
        if known { Ok(()) } else { Err(Error::NotFound { what: "group", name: group.to_string() }) }
    }

    /// The lines whose SKUs are in the group that was asked for; all of them if none was.
    async fn of_group(&self, hub: &Hub, lines: Vec<Line>) -> Result<Vec<Line>, Error> {
        let Some(group) = &self.group else { return Ok(lines) };
        let mut wanted = Vec::new();
        for some in lines.chunks(PAGE) {
            let keys: Vec<Key> =
                some.iter().filter_map(|line| Some(Item::key(&Sku::new(line.sku.clone()).ok()?))).collect();
            let mut members: BTreeSet<String> = BTreeSet::new();
            for row in hub.store.get(&keys).await?.into_iter().flatten() {
                let item: Item = records::body(&row)?;
                members.extend(item.groups.contains(group).then(|| item.sku.to_string()));
            }
            wanted.extend(some.iter().filter(|line| members.contains(&line.sku)).cloned());
        }
        Ok(wanted)
    }

    async fn since(&self, hub: &Hub) -> Result<Timestamp, Error> {
        let now = hub.clock.now();
        let since = match (&self.snapshot, self.time, &self.run) {
            (Some(id), ..) => hub.snapshot_of(id).await?.at,
            (None, Some(time), _) => time,
            (None, None, Some(run)) => before(&hub.show_run(run).await?),
            (None, None, None) => now,
        };
        if since < now.plus_ms(-records::HISTORY_KEPT_MS) {
            return Err(Error::Invalid("time: history reaches back 90 days; choose a later time".into()));
        }
        if since > now {
            return Err(Error::Invalid("time: it lies in the future".into()));
        }
        Ok(since)
    }

    async fn some(&self, hub: &Hub, place: &Place) -> Result<(Vec<Line>, Option<String>), Error> {
        let plain = |sku: Sku| Line { sku: sku.to_string(), ..Line::default() };
        let after = place.after.clone();
        if let Some(run) = &self.run {
            let page = hub.run_changes(run, after, PAGE).await?;
            let all: BTreeSet<Sku> = page.rows.into_iter().map(|done| done.sku).collect();
            let wanted = all.into_iter().filter(|sku| self.items.is_empty() || self.items.contains(sku));
            return Ok((wanted.map(plain).collect(), page.next));
        }
        if let Some(snapshot) = &self.snapshot {
            let page = hub.snapshot_levels(snapshot, after).await?;
            let wanted = page.rows.into_iter().filter(|row| self.items.is_empty() || self.items.contains(&row.sku));
            return Ok((wanted.filter_map(|row| self.of_snapshot(row)).collect(), page.next));
        }
        if !self.items.is_empty() {
            return Ok((self.items.iter().cloned().map(plain).collect(), None));
        }
        match hub.touched_since(place.report.since).await? {
            Some(touched) if after.is_none() => Ok((touched.into_iter().map(plain).collect(), None)),
            Some(_) | None => {
                let page = hub.skus_after(after, PAGE).await?;
                Ok((page.rows.into_iter().map(plain).collect(), page.next))
            }
        }
    }

    /// A SKU of a snapshot; with the levels of a store, by how much these differ from the hub's of then.
    fn of_snapshot(&self, row: SnapshotLevels) -> Option<Line> {
        let mut line = Line { sku: row.sku.to_string(), ..Line::default() };
        let Some(account) = &self.levels_of else { return Some(line) };
        let of_account = row.stores.iter().filter(|(listing, _)| listing.account == *account);
        let levels: Vec<i64> = of_account.filter_map(|(_, level)| *level).collect();
        // a SKU that the store does not have, or whose level nobody knew, is no zero
        let level: i64 = if levels.is_empty() { return None } else { levels.iter().sum() };
        line.quantity = match row.hub.is_empty() {
            true => format!("{FIRST}{level}"),
            false => (level - row.hub.values().sum::<i64>()).to_string(),
        };
        Some(line)
    }

    async fn page(
        &self,
        hub: &Hub,
        run: &Run,
        report: &mut RestoreReport,
        lines: &[Line],
    ) -> Result<Vec<Fault>, Error> {
        let scope = self.scope(hub, report.since).await?;
        let scope = &scope;
        // owned lines: with borrowed ones the compiler cannot show that the future may move between threads
        let done = lines.iter().cloned().map(|line| async move {
            let result = self.line(hub, run, scope, &line).await;
            (line, result)
        });
        let done: Vec<_> = stream::iter(done).buffered(SIDE_BY_SIDE).collect().await;
        let (mut faults, mut changes) = (Vec::new(), Vec::new());
        for (line, result) in done {
            report.items += 1;
            match result {
                Ok((change, undone)) => {
                    report.count(&change, &undone);
                    changes.push((line.line, change));
                }
                Err(error @ (Error::Store(_) | Error::Queue(_))) => return Err(error),
                Err(error) => faults.push(Fault { place: line.sku.clone(), message: error.to_string() }),
            }
        }
        changes.retain(|(_, change)| change.before != change.after);
        if self.apply {
            hub.follow(changes, asked::RESTORE).await?;
        } else {
            show(hub, run, changes).await?;
        }
        Ok(faults)
    }

    async fn scope(&self, hub: &Hub, since: Timestamp) -> Result<Scope, Error> {
        let accounts = hub.accounts().await?;
        let telling = accounts.iter().filter(|(_, one)| one.channel.info().capabilities.class() == Class::C);
        let telling = telling.map(|(id, _)| id.clone()).collect();
        Ok(Scope { since, account: self.account.clone(), run: self.run.clone(), telling })
    }

    async fn line(&self, hub: &Hub, run: &Run, scope: &Scope, line: &Line) -> Result<(StockChange, Undo), Error> {
        let sku = Sku::new(line.sku.clone()).map_err(|error| Error::Invalid(error.to_string()))?;
        let (_, ledger) = hub.item(&sku).await?;
        let past = hub.past(&sku, &ledger, scope.since).await?;
        let mut undone = undo(&past, scope);
        undone.also(&first(&ledger), further(&line.quantity, &ledger)?);
        let (how, back) = (How::Moves(undone.moves.clone()), undone.taken_back(scope.since));
        if !self.apply {
            return Ok((how.planned(&sku, &ledger)?, undone));
        }
        let reason = self.reason();
        let mark = Some((run.id.as_str(), line.line));
        let edit = Edit { sku: &sku, how, reason: &reason, actor: &run.actor, cause: asked::RESTORE, mark, back };
        Ok((hub.make_edit(&edit).await?, undone))
    }

    fn reason(&self) -> String {
        match (&self.snapshot, &self.run, self.time) {
            (Some(id), ..) => format!("Restore to snapshot {id}"),
            (None, Some(run), _) => format!("Undo run {run}"),
            (None, None, time) => format!("Restore to time {}", time.unwrap_or_default()),
        }
    }
}

/// Marks the level of a store in a snapshot that was taken before the hub knew the SKU.
const FIRST: &str = "first:";

/// By how much a level moves besides what is taken back.
fn further(text: &str, ledger: &Ledger) -> Result<i64, Error> {
    let unreadable = |_| Error::Invalid(format!("{text:?} is not a number"));
    match text.strip_prefix(FIRST) {
        _ if text.is_empty() => Ok(0),
        Some(level) => Ok(level.parse::<i64>().map_err(unreadable)? - ledger.base.values().sum::<i64>()),
        None => text.parse().map_err(unreadable),
    }
}

fn first(ledger: &Ledger) -> WarehouseId {
    let main = WarehouseId::main();
    if ledger.base.contains_key(&main) { main } else { ledger.base.keys().next().cloned().unwrap_or(main) }
}

/// Keeps the levels of a page before anything is done; after the last page the snapshot is there.
async fn keep(hub: &Hub, run: &Run, place: &mut Place) -> Result<(), Error> {
    if let Some(page) = hub.given(&run.id, place.page).await? {
        let skus: Vec<Sku> = page.lines.iter().filter_map(|line| Sku::new(line.sku.clone()).ok()).collect();
        hub.keep_levels(&run.id, page.number, &skus).await?;
        place.page += 1;
        return Ok(());
    }
    if place.page > 0 {
        let (id, why, actor) = (run.id.clone(), run.job.kind().to_owned(), run.actor.clone());
        hub.enter_snapshot(&Snapshot { id, at: before(run), why, actor, skus: place.all }).await?;
        place.report.snapshot = Some(run.id.clone());
    }
    (place.phase, place.page) = (Phase::Do, 0);
    Ok(())
}

/// What a preview would do is shown as what a run did.
async fn show(hub: &Hub, run: &Run, changes: Vec<(u64, StockChange)>) -> Result<(), Error> {
    let now = hub.clock.now();
    let row = |(place, change): (u64, StockChange)| {
        let StockChange { sku, before, after, warehouse } = change;
        RunDone { place, sku, warehouse, before, after }.row(&run.id, now)
    };
    Ok(hub.store.put_all(&changes.into_iter().map(row).collect::<Vec<_>>()).await?)
}

impl RestoreReport {
    fn count(&mut self, change: &StockChange, undone: &Undo) {
        let mut tally = ImportReport::default();
        tally.count(change);
        (self.changed, self.up, self.down) = (self.changed + tally.changed, self.up + tally.up, self.down + tally.down);
        self.sold = self.sold.saturating_add(undone.sold);
        self.unclear = self.unclear.saturating_add(undone.unclear);
        self.others = self.others.saturating_add(undone.others);
        if change.before != change.after && self.differences.len() < SHOWN {
            let StockChange { sku, before, after, .. } = change.clone();
            self.differences.push(RestoreLine { sku, before, after, sold: undone.sold, unclear: undone.unclear });
        }
    }
}

impl Hub {
    /// Whether a person has taken back what an account edited of a SKU at a time.
    pub(crate) async fn is_taken_back(&self, sku: &Sku, account: &AccountId, at: Timestamp) -> Result<bool, Error> {
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let page = self.past_page(sku, after, FIRST_PAGE).await?;
            for row in &page.rows {
                let line: History = records::body(row)?;
                if line.at < at {
                    return Ok(false);
                }
                if line
                    .back
                    .is_some_and(|back| back.since < at && back.parts.iter().any(|part| part.account == *account))
                {
                    return Ok(true);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(false)
    }

    /// A page of a SKU's history, newest first.
    async fn past_page(&self, sku: &Sku, after: Option<String>, limit: usize) -> Result<Page, Error> {
        let partition = records::sku_partition(sku);
        let query = Query { partition, index: false, prefix: "HISTORY#".into(), after, descending: true, limit };
        Ok(self.store.query(&query).await?)
    }

    /// Everything counted of a SKU after a time, newest first.
    async fn past(&self, sku: &Sku, ledger: &Ledger, since: Timestamp) -> Result<Vec<Piece>, Error> {
        let mut pieces = Vec::new();
        let mut after = None;
        for number in 0..PAGES_MAX {
            let page = self.past_page(sku, after, if number == 0 { FIRST_PAGE } else { PAGE }).await?;
            for row in &page.rows {
                let line: History = records::body(row)?;
                if line.at <= since {
                    return Ok(pieces);
                }
                pieces.extend(pieces_of(&line, ledger));
            }
            after = page.next;
            if after.is_none() {
                return Ok(pieces);
            }
        }
        Err(Error::Invalid(format!("{sku}: too much has happened to it since then; choose a later time")))
    }
}

/// What a line of history counted. It belongs to the time of its first cause: what a store told before a moment was
/// done before it, whenever it was written down.
fn pieces_of<'a>(line: &'a History, ledger: &'a Ledger) -> impl Iterator<Item = Piece> + 'a {
    line.seen.iter().flat_map(move |seen| {
        let home = ledger.entries.get(&seen.listing).map(|entry| entry.warehouse.clone());
        let warehouse = match seen.listing.is_hub() {
            true => line.warehouse.clone().unwrap_or_else(WarehouseId::main),
            false => home.unwrap_or_else(WarehouseId::main),
        };
        seen.counted.iter().flat_map(move |counted| {
            let whole = Piece {
                at: line.since,
                listing: seen.listing.clone(),
                account: seen.listing.account.clone(),
                warehouse: warehouse.clone(),
                by: counted.by,
                cause: counted.cause.clone(),
                runs: line.run.iter().cloned().collect(),
            };
            let back = line.back.as_ref().filter(|_| seen.listing.is_hub());
            by_whose_edits(whole, back.map(|back| back.parts.as_slice()).unwrap_or_default())
        })
    })
}

/// An edit in the hub, and apart from it what it takes back of others.
fn by_whose_edits(whole: Piece, parts: &[Part]) -> Vec<Piece> {
    let mut own = whole.clone();
    let mut pieces = Vec::with_capacity(parts.len() + 1);
    for part in parts {
        own.by = own.by.saturating_sub(part.by);
        let runs = part.runs.union(&whole.runs).cloned().collect();
        pieces.push(Piece { account: part.account.clone(), by: part.by, runs, ..whole.clone() });
    }
    pieces.extend((own.by != 0).then_some(own));
    pieces
}
