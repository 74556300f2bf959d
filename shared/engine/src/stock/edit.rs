//! One edit of one SKU's stock: counted as a change of the virtual listing `hub`, with its history, and with the row of the
//! run that it belongs to, all in one write.

use super::{Amount, StockChange};
use crate::contest::{ATTEMPTS, too_fast};
use crate::hub::{Error, Hub};
use crate::moving::{Standstill, moves};
use crate::ports::{Change, Condition, Key, Row, StoreError};
use crate::records::{self, History, Item, Seen};
use crate::runs::RunDone;
use domain::feed::{Cause, Counted};
use domain::undo::TakenBack;
use domain::{Ledger, ListingId, Position, Sku, Timestamp, WarehouseId};
use std::collections::BTreeMap;

/// An edit on its way into a ledger.
#[derive(Debug, Clone)]
pub(crate) struct Edit<'a> {
    pub sku: &'a Sku,
    pub how: How,
    pub reason: &'a str,
    pub actor: &'a str,
    /// What made it: `stock`, `import`, `feed`, `restore`, `adopt`.
    pub cause: &'static str,
    /// The run that it belongs to, and its place there.
    pub mark: Option<(&'a str, u64)>,
    /// Whose edits it takes back, by warehouse.
    pub back: BTreeMap<WarehouseId, TakenBack>,
}

/// What an edit does to the levels of warehouses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// To one warehouse, by what was typed in; where none is named, to the only one that has a level, or the main one.
    One(Option<WarehouseId>, Amount),
    /// To each of these, by so many units.
    Moves(BTreeMap<WarehouseId, i64>),
}

impl How {
    /// By how many units each warehouse moves.
    pub(crate) fn moves(&self, sku: &Sku, ledger: &Ledger) -> Result<BTreeMap<WarehouseId, i64>, Error> {
        let (named, amount) = match self {
            Self::One(named, amount) => (named, *amount),
            Self::Moves(moves) => return Ok(moves.clone()),
        };
        let warehouse = named.clone().unwrap_or_else(|| usual(ledger));
        let before = ledger.level(&warehouse);
        if let (Amount::Adjust(_), false) = (amount, ledger.knows(&warehouse)) {
            return Err(Error::Invalid(format!("adjust: the level of {sku} in {warehouse} is not known; set it")));
        }
        Ok(BTreeMap::from([(warehouse, amount.after(before).saturating_sub(before))]))
    }

    /// Before and after, over all warehouses that it concerns.
    pub(crate) fn planned(&self, sku: &Sku, ledger: &Ledger) -> Result<StockChange, Error> {
        Ok(change(sku, ledger, &self.moves(sku, ledger)?))
    }
}

fn change(sku: &Sku, ledger: &Ledger, moves: &BTreeMap<WarehouseId, i64>) -> StockChange {
    let before = moves.keys().map(|warehouse| ledger.level(warehouse)).fold(0, i64::saturating_add);
    let by = moves.values().copied().fold(0, i64::saturating_add);
    let warehouse = moves.keys().next().cloned().unwrap_or_else(WarehouseId::main);
    StockChange { sku: sku.clone(), before, after: before.saturating_add(by), warehouse }
}

/// The warehouse that is meant where none is named.
fn usual(ledger: &Ledger) -> WarehouseId {
    let mut known = ledger.base.keys();
    match (known.next(), known.next()) {
        (Some(only), None) => only.clone(),
        _ => WarehouseId::main(),
    }
}

impl Hub {
    /// Makes an edit; does not call anybody to carry it to the stores. An edit of a run is made once, however often it is
    /// tried, and not at all if it changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`], [`Error::Store`].
    pub(crate) async fn make_edit(&self, edit: &Edit<'_>) -> Result<StockChange, Error> {
        for _ in 0..ATTEMPTS {
            let before = self.ledger_to_edit(edit.sku).await?;
            let moves = edit.how.moves(edit.sku, &before)?;
            let change = change(edit.sku, &before, &moves);
            let known = moves.keys().all(|warehouse| before.knows(warehouse));
            if edit.mark.is_some() && known && moves.values().all(|by| *by == 0) {
                return Ok(self.made(edit).await?.unwrap_or(change));
            }
            match self.store.write(&self.rows_of(edit, &before, &moves, &change)).await {
                Ok(()) => return Ok(change),
                Err(StoreError::Conflict { key, current }) => {
                    if let Some(done) = made_before(edit, &key, current.as_deref())? {
                        return Ok(done);
                    }
                }
                // of a run it is found out by trying again; of a person's edit nobody can
                Err(StoreError::Unknown(_)) if edit.mark.is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(too_fast(edit.sku))
    }

    /// The ledger of a known SKU, unless the hub stands still: one read says both.
    async fn ledger_to_edit(&self, sku: &Sku) -> Result<Ledger, Error> {
        let keys = [Item::key(sku), records::ledger_key(sku), Standstill::key()];
        let rows = self.store.get(&keys).await?;
        let [item, ledger, still] = rows.as_slice() else { return Ok(Ledger::default()) };
        let still: Option<Standstill> = still.as_ref().map(records::body).transpose()?;
        moves(still.map(|still| still.why))?;
        let Some(item) = item else {
            return Err(Error::NotFound { what: "item", name: sku.to_string() });
        };
        let parts = records::body::<Item>(item)?.parts;
        if !parts.is_empty() {
            let parts = parts.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(Error::Invalid(format!("sku: {sku} is a kit; edit what it is made of: {parts}")));
        }
        Ok(ledger.as_ref().map(records::ledger).transpose()?.unwrap_or_default())
    }

    /// What an edit of a run did when it was tried before, if it was.
    async fn made(&self, edit: &Edit<'_>) -> Result<Option<StockChange>, Error> {
        let Some((run, place)) = edit.mark else { return Ok(None) };
        let row = self.store.get(&[RunDone::key(run, place)]).await?.into_iter().next().flatten();
        row.map(|row| change_of(&row)).transpose()
    }

    fn rows_of(
        &self,
        edit: &Edit<'_>,
        before: &Ledger,
        moves: &BTreeMap<WarehouseId, i64>,
        change: &StockChange,
    ) -> Vec<Change> {
        let now = self.clock.now();
        let mut after = before.clone();
        moves.iter().for_each(|(warehouse, by)| after.adjust(warehouse, *by));
        let row = records::ledger_row(edit.sku, &after, before.version + 1);
        let mut changes = vec![Change::Put(row, Condition::Version(before.version))];
        // one line for each warehouse, so that undoing knows where to put units back
        for (warehouse, by) in moves {
            let history = history(edit, (before.total(), after.total()), (warehouse, *by), now);
            changes.push(Change::Put(history.row(self.clock.random()), Condition::Any));
        }
        if let Some((run, place)) = edit.mark {
            let StockChange { sku, before, after, warehouse } = change.clone();
            let done = RunDone { place, sku, warehouse, before, after };
            changes.push(Change::Put(done.row(run, now), Condition::Absent));
        }
        changes
    }
}

fn history(edit: &Edit<'_>, level: (i64, i64), (warehouse, by): (&WarehouseId, i64), now: Timestamp) -> History {
    let seen = Seen {
        listing: ListingId::hub(),
        counted: vec![Counted { by, cause: Cause::Edit(Position::default()) }],
        notes: Vec::new(),
    };
    History {
        seen: vec![seen],
        run: edit.mark.map(|(run, _)| run.to_owned()),
        warehouse: (*warehouse != WarehouseId::main()).then(|| warehouse.clone()),
        back: edit.back.get(warehouse).cloned(),
        ..History::by_person(edit.sku, now, edit.cause, (edit.actor, edit.reason), level)
    }
}

/// What an edit of a run did when it was tried before, if the conflict is about that.
fn made_before(edit: &Edit<'_>, key: &Key, current: Option<&Row>) -> Result<Option<StockChange>, Error> {
    let is_ours = edit.mark.is_some_and(|(run, place)| *key == RunDone::key(run, place));
    current.filter(|_| is_ours).map(change_of).transpose()
}

fn change_of(row: &Row) -> Result<StockChange, Error> {
    let RunDone { sku, before, after, warehouse, .. } = records::body(row)?;
    Ok(StockChange { sku, before, after, warehouse })
}
