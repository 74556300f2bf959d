//! Warehouses: named pools of stock. The main one is always there.

use crate::hub::{Error, Hub};
use crate::items::{PAGE_MAX, levels};
use crate::locations::LocationView;
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, HUB, Item, Warehouse};
use domain::WarehouseId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A warehouse as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarehouseView {
    /// Its short name.
    pub id: WarehouseId,
    /// What people call it.
    pub name: String,
    /// The locations that it feeds.
    pub locations: Vec<LocationView>,
}

/// A warehouse with its stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarehouseStock {
    /// The warehouse.
    #[serde(flatten)]
    pub warehouse: WarehouseView,
    /// SKUs that it has a level of.
    pub skus: u64,
    /// Of these: not at zero.
    pub stocked: u64,
    /// Units there, what is owed included.
    pub units: i64,
}

/// A new warehouse.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWarehouse {
    /// Its short name: a-z, 0-9, - and _.
    pub id: WarehouseId,
    /// What people call it; the short name if absent.
    #[serde(default)]
    pub name: Option<String>,
}

/// The longest name.
const NAME_MAX: usize = 100;
/// Most warehouses of a hub: each SKU's small row holds a level for each.
const WAREHOUSES_MAX: usize = 100;

impl Hub {
    /// All warehouses, the main one first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_warehouses(&self) -> Result<Vec<WarehouseView>, Error> {
        let locations = self.list_locations(None).await?;
        let view = |warehouse: Warehouse| {
            let fed = locations.iter().filter(|location| location.warehouses.contains(&warehouse.id));
            WarehouseView { locations: fed.cloned().collect(), id: warehouse.id, name: warehouse.name }
        };
        Ok(self.warehouses().await?.into_values().map(view).collect())
    }

    /// All warehouses by name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn warehouses(&self) -> Result<BTreeMap<WarehouseId, Warehouse>, Error> {
        let mut warehouses = BTreeMap::from([(WarehouseId::main(), Warehouse::main())]);
        for row in self.all_rows(HUB, "WAREHOUSE#").await? {
            let warehouse: Warehouse = records::body(&row)?;
            warehouses.insert(warehouse.id.clone(), warehouse);
        }
        Ok(warehouses)
    }

    /// A warehouse.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn warehouse(&self, id: &WarehouseId) -> Result<Warehouse, Error> {
        let row = self.store.get(&[Warehouse::key(id)]).await?.pop().flatten();
        match row {
            Some(row) => Ok(records::body(&row)?),
            None if *id == WarehouseId::main() => Ok(Warehouse::main()),
            None => Err(unknown(id)),
        }
    }

    /// A warehouse with its locations and its stock.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show_warehouse(&self, id: &WarehouseId) -> Result<WarehouseStock, Error> {
        let warehouse = self.list_warehouses().await?.into_iter().find(|view| view.id == *id);
        let warehouse = warehouse.ok_or_else(|| unknown(id))?;
        let (skus, stocked, units) = self.stock_of(id).await?;
        Ok(WarehouseStock { warehouse, skus, stocked, units })
    }

    async fn stock_of(&self, id: &WarehouseId) -> Result<(u64, u64, i64), Error> {
        let (mut after, mut skus, mut stocked, mut units) = (None, 0, 0, 0_i64);
        loop {
            let page = self.items_after::<Item>(after, PAGE_MAX).await?;
            for ledger in self.ledgers(&page.rows).await? {
                if let Some(level) = levels(&ledger).get(id) {
                    skus += 1;
                    stocked += u64::from(*level != 0);
                    units = units.saturating_add(*level);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok((skus, stocked, units));
            }
        }
    }

    /// Adds a warehouse.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the name is taken; [`Error::Invalid`].
    pub async fn add_warehouse(&self, new: NewWarehouse) -> Result<WarehouseView, Error> {
        let name = checked(new.name.unwrap_or_else(|| new.id.to_string()))?;
        let taken = || Error::Conflict(format!("id: there is a warehouse {} already; choose another name", new.id));
        let all = self.warehouses().await?;
        if all.contains_key(&new.id) || new.id == WarehouseId::nowhere() {
            return Err(taken());
        }
        if all.len() >= WAREHOUSES_MAX {
            return Err(Error::Invalid(format!("id: a hub has at most {WAREHOUSES_MAX} warehouses")));
        }
        let warehouse = Warehouse { id: new.id.clone(), name, added: self.clock.now() };
        match self.store.write(&[Change::Put(warehouse.row(), Condition::Absent)]).await {
            Ok(()) => Ok(WarehouseView { id: warehouse.id, name: warehouse.name, locations: Vec::new() }),
            Err(StoreError::Conflict { .. }) => Err(taken()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a warehouse another name for people. Its short name stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn rename_warehouse(&self, id: &WarehouseId, name: String) -> Result<WarehouseView, Error> {
        let warehouse = Warehouse { name: checked(name)?, ..self.warehouse(id).await? };
        self.store.write(&[Change::Put(warehouse.row(), Condition::Any)]).await?;
        let views = self.list_warehouses().await?;
        views.into_iter().find(|view| view.id == *id).ok_or_else(|| unknown(id))
    }

    /// Removes a warehouse that feeds nothing and has no stock.
    ///
    /// # Errors
    /// [`Error::Conflict`] with what still belongs to it; [`Error::NotFound`].
    pub async fn remove_warehouse(&self, id: &WarehouseId) -> Result<(), Error> {
        if *id == WarehouseId::main() {
            return Err(Error::Conflict("id: the main warehouse is always there; rename it instead".into()));
        }
        let stock = self.show_warehouse(id).await?;
        if let Some(location) = stock.warehouse.locations.first() {
            let name = &location.id;
            return Err(Error::Conflict(format!(
                "id: {id} feeds {name}; unlink it, or have another warehouse feed it"
            )));
        }
        if stock.stocked > 0 {
            let (units, skus) = (stock.units, stock.stocked);
            return Err(Error::Conflict(format!("id: {id} has {units} units of {skus} SKUs; set them to 0 first")));
        }
        Ok(self.store.write(&[Change::Delete(Warehouse::key(id), Condition::Any)]).await?)
    }
}

fn unknown(id: &WarehouseId) -> Error {
    Error::NotFound { what: "warehouse", name: id.to_string() }
}

fn checked(name: String) -> Result<String, Error> {
    let fits = !name.trim().is_empty() && name.chars().count() <= NAME_MAX && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err(Error::Invalid(format!("name: use 1 to {NAME_MAX} printable characters"))) }
}
