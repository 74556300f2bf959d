//! Point reads: the units behind an item, and levels of some listings.

use super::super::ROWS_MAX;
use super::client::{self, Call};
use super::document::{LEVELS, UNIT};
use super::search;
use super::wire::{Changes, Item, Level, Nodes, Place, gid, is_number, number};
use crate::{Error, ErrorKind, Session, Unit};
use domain::{LocationId, Sku};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Points of one row of [`LEVELS`]: item, level, quantities. 250 of them are 750, which any store's bucket has.
const ROW_COST: f64 = 3.0;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stocked {
    inventory_levels: Nodes<Level>,
}

/// The units of an inventory item, one for each location; or of every item with the SKU in `sku:ABC`.
pub(crate) async fn unit(session: Session<'_>, external: &str) -> Result<Vec<Unit>, Error> {
    if is_number(external) {
        return item(session, external).await;
    }
    let Some(sku) = external.strip_prefix("sku:").and_then(|sku| Sku::new(sku).ok()) else { return Ok(Vec::new()) };
    let mut units = Vec::new();
    for found in search::items(session, &sku).await?.iter().take(ROWS_MAX) {
        units.extend(item(session, found).await?);
    }
    Ok(units)
}

async fn item(session: Session<'_>, item: &str) -> Result<Vec<Unit>, Error> {
    let variables = json!({"item": gid("InventoryItem", item)});
    let call = Call::read(UNIT, 80.0);
    let stocked: Option<Stocked> = client::ask(session, call, "inventoryItem", &variables).await?;
    let Some(levels) = stocked.map(|stocked| stocked.inventory_levels) else { return Ok(Vec::new()) };
    let changes = Changes::of(session);
    let units: Option<Vec<Unit>> = levels.nodes.iter().map(|level| level.unit(changes)).collect();
    // a store has 200 locations at most, so one page is all
    if units.is_none() || levels.page.next().is_some() {
        return Err(Error::new(ErrorKind::Malformed, "unit: levels of an unknown form"));
    }
    Ok(units.unwrap_or_default())
}

/// Fresh levels of listings, in their order.
pub(crate) async fn levels(
    session: Session<'_>,
    listings: &[(Sku, LocationId, String)],
) -> Result<Vec<Option<i64>>, Error> {
    let named = name(session, listings).await?;
    let asked = named.iter().zip(listings).filter_map(|(item, listing)| Some((&listing.1, item.as_deref()?)));
    let found = items(session, asked).await?;
    let changes = Changes::of(session);
    let level = |(item, (sku, location, _)): (&Option<String>, &(Sku, LocationId, String))| {
        let found = found.get(&(location.clone(), item.clone()?))?;
        // an item whose SKU was changed is another listing now
        let same = found.sku.as_deref() == Some(sku.as_str());
        found.counted(changes).filter(|_| same)
    };
    Ok(named.iter().zip(listings).map(level).collect())
}

/// The items' numbers. A listing that was entered without one is found by its SKU, if exactly one item has it.
async fn name(session: Session<'_>, listings: &[(Sku, LocationId, String)]) -> Result<Vec<Option<String>>, Error> {
    let mut named = Vec::with_capacity(listings.len());
    for (sku, _, external) in listings {
        if is_number(external) {
            named.push(Some(external.clone()));
            continue;
        }
        let mut found = search::items(session, sku).await?;
        named.push(if found.len() == 1 { found.pop() } else { None });
    }
    Ok(named)
}

/// Items by location and number, each with its level at that location. What is gone is not there.
pub(super) async fn items<'a>(
    session: Session<'_>,
    asked: impl Iterator<Item = (&'a LocationId, &'a str)>,
) -> Result<BTreeMap<(LocationId, String), Item>, Error> {
    let mut by_location: BTreeMap<&LocationId, BTreeSet<&str>> = BTreeMap::new();
    for (location, item) in asked.filter(|(location, _)| is_number(location.as_str())) {
        by_location.entry(location).or_default().insert(item);
    }
    let mut found = BTreeMap::new();
    for (location, items) in by_location {
        let items: Vec<&str> = items.into_iter().collect();
        for some in items.chunks(ROWS_MAX) {
            for item in at(session, location, some).await?.into_iter().flatten() {
                let Some(id) = number(&item.id, "InventoryItem").map(str::to_owned) else { continue };
                found.insert((location.clone(), id), item);
            }
        }
    }
    Ok(found)
}

async fn at(session: Session<'_>, location: &LocationId, items: &[&str]) -> Result<Vec<Option<Item>>, Error> {
    let ids: Vec<String> = items.iter().map(|item| gid("InventoryItem", item)).collect();
    let variables = json!({"items": ids, "location": gid("Location", location.as_str())});
    let cost = ROW_COST.mul_add(f64::from(u32::try_from(items.len()).unwrap_or(u32::MAX)), 1.0);
    let call = Call::read(LEVELS, cost);
    let answer = client::send(session, call, &variables).await?;
    answer.whole()?;
    let mut places: Vec<Option<Place>> = answer.field(call, "place")?;
    let place = places.pop().flatten().unwrap_or_default();
    let mut items: Vec<Option<Item>> = answer.field(call, "items")?;
    for item in items.iter_mut().flatten() {
        item.place.clone_from(&place);
        if let Some(level) = &mut item.inventory_level {
            level.location.clone_from(&place);
        }
    }
    Ok(items)
}
