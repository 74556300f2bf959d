//! Stock edited in Evenstock itself: a counted change of the virtual listing `hub`, with a reason and an actor.

pub(crate) mod edit;
pub mod reasons;

use crate::hub::{Error, Hub};
use crate::items::Listed;
use crate::records::Hint;
use channels::Touch;
use domain::{AccountId, ListingId, Sku, WarehouseId};
use edit::{Edit, How};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An edit of one SKU's stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockEdit {
    /// The new hub level, or the difference to it.
    #[serde(flatten)]
    pub amount: Amount,
    /// Why: one of [`reasons::REASONS`], or free text.
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
    /// The level shall be at most this; a lower one stays.
    Lower(i64),
}

impl Amount {
    /// The level after, from the level before.
    #[must_use]
    pub const fn after(self, before: i64) -> i64 {
        match self {
            Self::Set(level) => level,
            Self::Adjust(by) => before.saturating_add(by),
            Self::Lower(level) if level < before => level,
            Self::Lower(_) => before,
        }
    }

    const fn number(self) -> i64 {
        let (Self::Set(number) | Self::Adjust(number) | Self::Lower(number)) = self;
        number
    }
}

/// What the quantities of a file or a feed mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The level.
    #[default]
    Set,
    /// The difference.
    Adjust,
    /// The most that there may be: a level above it comes down, a lower one stays.
    OnlyLower,
}

impl Mode {
    /// A quantity as an amount.
    #[must_use]
    pub const fn amount(self, quantity: i64) -> Amount {
        match self {
            Self::Set => Amount::Set(quantity),
            Self::Adjust => Amount::Adjust(quantity),
            Self::OnlyLower => Amount::Lower(quantity),
        }
    }
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
/// Lines of one import call.
pub const LINES_MAX: usize = 1_000;

impl Hub {
    /// Edits a SKU's stock. Stores follow through the usual path.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field; [`Error::NotFound`].
    pub async fn edit_stock(&self, sku: &Sku, edit: &StockEdit, actor: &str) -> Result<StockChange, Error> {
        let reason = checked(edit.amount, &edit.reason)?;
        self.check_warehouse(edit.warehouse.as_ref()).await?;
        let how = How::One(edit.warehouse.clone(), edit.amount);
        let edit = Edit { sku, how, reason: &reason, actor, cause: "stock", mark: None, back: BTreeMap::new() };
        let change = self.make_edit(&edit).await?;
        self.push_edit(sku).await?;
        Ok(change)
    }

    /// Has somebody carry an edit to the stores.
    pub(crate) async fn push_edit(&self, sku: &Sku) -> Result<(), Error> {
        self.enqueue(&[self.hub_hint(sku)]).await
    }

    /// Refuses a warehouse that there is not.
    pub(crate) async fn check_warehouse(&self, warehouse: Option<&WarehouseId>) -> Result<(), Error> {
        match warehouse {
            Some(warehouse) => self.warehouse(warehouse).await.map(drop),
            None => Ok(()),
        }
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
        let (sku, quantity) = read_line(&line.sku, &line.quantity)?;
        let warehouse = read_warehouse(line.warehouse.as_deref())?;
        let edit = StockEdit { amount: Amount::Set(quantity), reason: reason.to_owned(), warehouse };
        if dry {
            checked(edit.amount, reason)?;
            self.check_warehouse(edit.warehouse.as_ref()).await?;
            let (_, ledger) = self.item(&sku).await?;
            return How::One(edit.warehouse, edit.amount).planned(&sku, &ledger);
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

/// SKU and quantity of a line.
pub(crate) fn read_line(sku: &str, quantity: &str) -> Result<(Sku, i64), Error> {
    let sku = Sku::new(sku.trim()).map_err(|error| Error::Invalid(error.to_string()))?;
    let number = quantity.trim().parse();
    let number = number.map_err(|_| Error::Invalid(format!("quantity: {quantity:?} is not a whole number")))?;
    Ok((sku, number))
}

/// The warehouse of a line, if it names one.
pub(crate) fn read_warehouse(name: Option<&str>) -> Result<Option<WarehouseId>, Error> {
    let named = name.map(str::trim).filter(|name| !name.is_empty());
    named.map(WarehouseId::new).transpose().map_err(|error| Error::Invalid(error.to_string()))
}

/// Refuses what is out of range; gives the reason as it is kept.
pub(crate) fn checked(amount: Amount, reason: &str) -> Result<String, Error> {
    let number = amount.number();
    if !(-QUANTITY_MAX..=QUANTITY_MAX).contains(&number) {
        return Err(Error::Invalid(format!("quantity: {number} is out of range; use at most {QUANTITY_MAX}")));
    }
    reasons::read(reason, None).map_err(Error::Invalid)
}
