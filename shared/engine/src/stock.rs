//! Stock edited in Evenstock itself: a counted change of the virtual listing `hub`, with a reason and an actor.

use crate::hub::{Error, Hub};
use crate::items::Listed;
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, Hint, History, Seen};
use channels::Touch;
use domain::feed::{Cause, Counted};
use domain::{AccountId, Ledger, ListingId, Position, Sku, WarehouseId};
use serde::{Deserialize, Serialize};

/// An edit of one SKU's stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockEdit {
    /// The new hub level, or the difference to it.
    #[serde(flatten)]
    pub amount: Amount,
    /// Why: purchase order, stock take, damage …
    pub reason: String,
    /// In which warehouse; the main one if absent, or the only one that has a level of the SKU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<WarehouseId>,
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// The level shall be this.
    Set(i64),
    /// The level shall change by this.
    Adjust(i64),
}

/// What an edit did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockChange {
    /// The SKU.
    pub sku: Sku,
    /// The level of the warehouse before; 0 where it was unknown.
    pub before: i64,
    /// The level of the warehouse after.
    pub after: i64,
    /// The warehouse.
    #[serde(default = "WarehouseId::main")]
    pub warehouse: WarehouseId,
}

/// One line of a stock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLine {
    /// The SKU.
    pub sku: String,
    /// The level that it shall have.
    pub quantity: String,
    /// In which warehouse; absent or empty as in [`StockEdit::warehouse`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
}

/// What became of a line of a stock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineResult {
    /// The line's number in what was sent, from 1.
    pub line: usize,
    /// The SKU as it was sent.
    pub sku: String,
    /// What it did, or would do.
    pub change: Option<StockChange>,
    /// Why it did nothing: names the field and what to do.
    pub error: Option<String>,
}

/// One row of a stock export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRow {
    /// The SKU.
    pub sku: Sku,
    /// What people call it.
    pub title: String,
    /// The level there.
    pub quantity: i64,
    /// The warehouse.
    #[serde(default = "WarehouseId::main")]
    pub warehouse: WarehouseId,
}

/// No store holds more units of one thing than this: a greater number is a slip of the hand.
const QUANTITY_MAX: i64 = 1_000_000_000;
/// Attempts against others who change the same SKU.
const ATTEMPTS: usize = 16;
/// Lines of one import call.
pub const LINES_MAX: usize = 1_000;

impl Hub {
    /// Edits a SKU's stock. Stores follow through the usual path.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field; [`Error::NotFound`].
    pub async fn edit_stock(&self, sku: &Sku, edit: &StockEdit, actor: &str) -> Result<StockChange, Error> {
        check(edit)?;
        self.check_warehouse(edit).await?;
        for _ in 0..ATTEMPTS {
            let (_, before) = self.item(sku).await?;
            let change = planned(sku, &before, edit)?;
            let mut ledger = before.clone();
            ledger.adjust(&change.warehouse, change.after - change.before);
            match self.write_edit(sku, &before, &ledger, &change, edit, actor).await {
                Ok(()) => {
                    self.enqueue(&[self.hub_hint(sku)]).await?;
                    return Ok(change);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Conflict(format!("{sku} changes too fast; try again")))
    }

    async fn check_warehouse(&self, edit: &StockEdit) -> Result<(), Error> {
        match &edit.warehouse {
            Some(warehouse) => self.warehouse(warehouse).await.map(drop),
            None => Ok(()),
        }
    }

    async fn write_edit(
        &self,
        sku: &Sku,
        before: &Ledger,
        after: &Ledger,
        change: &StockChange,
        edit: &StockEdit,
        actor: &str,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let by = change.after - change.before;
        let seen = Seen {
            listing: ListingId::hub(),
            counted: vec![Counted { by, cause: Cause::Edit(Position::default()) }],
            notes: Vec::new(),
        };
        let history = History {
            sku: sku.clone(),
            at: now,
            since: now,
            cause: "stock".into(),
            actor: Some(actor.to_owned()),
            reason: Some(edit.reason.clone()),
            level: (before.total(), after.total()),
            seen: vec![seen],
            pushed: Vec::new(),
            event: None,
        };
        let row = records::ledger_row(sku, after, before.version + 1);
        let changes = [
            Change::Put(row, Condition::Version(before.version)),
            Change::Put(history.row(self.clock.random()), Condition::Any),
        ];
        self.store.write(&changes).await
    }

    fn hub_hint(&self, sku: &Sku) -> Hint {
        let hub: AccountId = ListingId::hub().account;
        Hint::new(hub, Touch::Sku(sku.clone()), "stock", self.clock.now())
    }

    /// Sets the stock of many SKUs, each line on its own: a bad one blocks no other. `dry` only tells.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many lines at once.
    pub async fn import_stock(
        &self,
        lines: &[StockLine],
        reason: &str,
        actor: &str,
        dry: bool,
    ) -> Result<Vec<LineResult>, Error> {
        if lines.len() > LINES_MAX {
            return Err(Error::Invalid(format!(
                "lines: {} are too many; send at most {LINES_MAX} at once",
                lines.len()
            )));
        }
        let mut results = Vec::with_capacity(lines.len());
        for (place, line) in lines.iter().enumerate() {
            let result = self.import_line(line, reason, actor, dry).await;
            let (change, error) = match result {
                Ok(change) => (Some(change), None),
                Err(error) => (None, Some(error.to_string())),
            };
            results.push(LineResult { line: place + 1, sku: line.sku.clone(), change, error });
        }
        Ok(results)
    }

    async fn import_line(&self, line: &StockLine, reason: &str, actor: &str, dry: bool) -> Result<StockChange, Error> {
        let sku = Sku::new(line.sku.trim()).map_err(|error| Error::Invalid(error.to_string()))?;
        let quantity: i64 = line
            .quantity
            .trim()
            .parse()
            .map_err(|_| Error::Invalid(format!("quantity: {:?} is not a whole number", line.quantity)))?;
        let named = line.warehouse.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let warehouse = named.map(WarehouseId::new).transpose().map_err(|error| Error::Invalid(error.to_string()))?;
        let edit = StockEdit { amount: Amount::Set(quantity), reason: reason.to_owned(), warehouse };
        if dry {
            check(&edit)?;
            self.check_warehouse(&edit).await?;
            let (_, ledger) = self.item(&sku).await?;
            return planned(&sku, &ledger, &edit);
        }
        self.edit_stock(&sku, &edit, actor).await
    }

    /// One page of the stock of all SKUs, a row for each warehouse that has a level.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn export_stock(&self, after: Option<String>, limit: usize) -> Result<Listed<StockRow>, Error> {
        let page = self.list_items("", after, limit).await?;
        let rows = |item: crate::items::ItemView| {
            let (sku, title) = (item.sku, item.title);
            item.warehouses.into_iter().map(move |(warehouse, quantity)| StockRow {
                sku: sku.clone(),
                title: title.clone(),
                quantity,
                warehouse,
            })
        };
        Ok(Listed { rows: page.rows.into_iter().flat_map(rows).collect(), next: page.next })
    }
}

fn planned(sku: &Sku, ledger: &Ledger, edit: &StockEdit) -> Result<StockChange, Error> {
    let warehouse = edit.warehouse.clone().unwrap_or_else(|| usual(ledger));
    let before = ledger.level(&warehouse);
    let after = match edit.amount {
        Amount::Set(level) => level,
        Amount::Adjust(_) if !ledger.knows(&warehouse) => {
            return Err(Error::Invalid(format!("adjust: the level of {sku} in {warehouse} is not known; set it")));
        }
        Amount::Adjust(by) => before.saturating_add(by),
    };
    Ok(StockChange { sku: sku.clone(), before, after, warehouse })
}

/// The warehouse that is meant where none is named.
fn usual(ledger: &Ledger) -> WarehouseId {
    let mut known = ledger.base.keys();
    match (known.next(), known.next()) {
        (Some(only), None) => only.clone(),
        _ => WarehouseId::main(),
    }
}

fn check(edit: &StockEdit) -> Result<(), Error> {
    let (Amount::Set(number) | Amount::Adjust(number)) = edit.amount;
    if !(-QUANTITY_MAX..=QUANTITY_MAX).contains(&number) {
        return Err(Error::Invalid(format!("quantity: {number} is out of range; use at most {QUANTITY_MAX}")));
    }
    if edit.reason.trim().is_empty() {
        return Err(Error::Invalid("reason: say why, for example \"stock take\"".into()));
    }
    Ok(())
}
