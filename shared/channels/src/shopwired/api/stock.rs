//! Levels, freshly read, <https://help.shopwired.co.uk/api/products/api-stock>.

use super::wire::{Count, Stock, StockLevel};
use super::{PAGE, client, products};
use crate::{Error, ErrorKind, Session, Unit};
use domain::{LocationId, Sku};
use std::collections::BTreeMap;

/// From so many listings on it is worth asking how many pages the whole catalogue has.
const BULK_FROM: usize = 10;

/// The levels of some listings, in the order asked for. One call each, or the catalogue's pages where those are fewer.
pub(crate) async fn levels(
    session: Session<'_>,
    listings: &[(Sku, LocationId, String)],
) -> Result<Vec<Option<i64>>, Error> {
    let catalogue = bulk(session, listings.len()).await?;
    let mut levels = Vec::with_capacity(listings.len());
    for (sku, _, external) in listings {
        let known = catalogue.get(external).filter(|unit| unit.sku.as_ref() == Some(sku));
        // Rows slip from page to page while products come and go: what the pages did not show is asked for by itself.
        levels.push(match known.and_then(|unit| unit.level) {
            Some(level) => Some(level),
            None => level(session, sku).await?,
        });
    }
    Ok(levels)
}

/// All units by external id, when reading them costs fewer calls than `wanted` single reads; else nothing.
async fn bulk(session: Session<'_>, wanted: usize) -> Result<BTreeMap<String, Unit>, Error> {
    let mut units = BTreeMap::new();
    if wanted < BULK_FROM {
        return Ok(units);
    }
    let pages = match client::get::<Count>(session, "/products/count").await {
        Ok(products) => products.count / PAGE + 1,
        // Without a count, single reads are the sure way.
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Invalid) => return Ok(units),
        Err(error) => return Err(error),
    };
    if pages >= wanted {
        return Ok(units);
    }
    let mut token = None;
    for _ in 0..=pages {
        let page = products::units(session, token).await?;
        units.extend(page.rows.into_iter().map(|unit| (unit.external.clone(), unit)));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    Ok(units)
}

/// The level of one SKU; `None` when the store has no such SKU.
async fn level(session: Session<'_>, sku: &Sku) -> Result<Option<i64>, Error> {
    let path = format!("/stock?sku={}", client::encode(sku.as_str()));
    match client::get::<StockLevel>(session, &path).await {
        Ok(answer) => Ok(level_of(&answer, sku)),
        // Which of the two an unknown SKU gives is not documented; the SKU is all that the request says.
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Invalid) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether SKUs ignore case is unknown: an answer about another spelling is an answer about another SKU.
fn level_of(answer: &StockLevel, sku: &Sku) -> Option<i64> {
    let same = answer.sku.as_deref().is_none_or(|named| named == sku.as_str());
    match answer.quantity {
        Stock::Units(units) if same => Some(units),
        Stock::Units(_) | Stock::Unset | Stock::Unknown => None,
    }
}
