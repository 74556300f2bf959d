//! Listings as they are live: by search, 20 SKUs a call, <https://developer-docs.amazon.com/sp-api/docs/listings-items-api>.
//!
//! What was submitted (`attributes`) is never read: it may differ from what is live, by design
//! (<https://github.com/amzn/selling-partner-api-models/issues/5327>).

use super::super::place::Place;
use super::client::{self, encode};
use super::operation::{GET_LISTING, SEARCH_LISTINGS};
use super::wire::{Found, Item, units};
use crate::{Error, ErrorKind, Session, Unit, UnitKind};
use domain::{LocationId, Sku, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Most identifiers of one search.
pub(super) const SEARCH_MAX: usize = 20;
/// What is asked for.
const DATA: &str = "summaries,fulfillmentAvailability";
/// Codes of stock that Amazon keeps and sends begin with this,
/// <https://developer-docs.amazon.com/sp-api/docs/listings-items-api-v2021-08-01-use-case-guide>.
const HOSTED: &str = "AMAZON_";

/// A listing as it is live.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) sku: String,
    /// The marketplace in which it was found.
    pub(super) marketplace: String,
    pub(super) product_type: Option<String>,
    title: String,
    active: bool,
    stock: Vec<(String, Option<i64>)>,
}

impl Live {
    fn of(item: Item, marketplace: &str) -> Self {
        let summary = item.summaries.into_iter().next();
        let status = summary.as_ref().map(|summary| summary.status.as_slice()).unwrap_or_default();
        let active = status.iter().any(|status| status == "BUYABLE");
        let (product_type, title) = summary.map_or((None, None), |about| (about.product_type, about.item_name));
        let stock = item.fulfillment_availability.into_iter();
        let stock = stock.map(|one| (one.fulfillment_channel_code, units(one.quantity.as_ref()))).collect();
        Self {
            title: title.unwrap_or_else(|| item.sku.clone()),
            sku: item.sku,
            marketplace: marketplace.to_owned(),
            product_type,
            active,
            stock,
        }
    }

    /// The code under which Amazon itself keeps stock of it, if it does. Such a listing is never written: that would turn
    /// the offer into one that the merchant sends, and strand what lies in Amazon's warehouse.
    pub(super) fn hosted(&self) -> Option<&str> {
        self.stock.iter().map(|(code, _)| code.as_str()).find(|code| is_hosted(code))
    }

    /// Whether there is stock under this code, known or not.
    pub(super) fn has(&self, code: &str) -> bool {
        self.stock.iter().any(|(own, _)| own == code)
    }

    /// Its level under this code; unknown where Amazon keeps the stock.
    pub(super) fn level(&self, code: &str) -> Option<i64> {
        if self.hosted().is_some() {
            return None;
        }
        self.stock.iter().find(|(own, _)| own == code).and_then(|(_, quantity)| *quantity)
    }

    /// It as a unit.
    pub(super) fn unit(&self, code: &str) -> Unit {
        Unit {
            external: self.sku.clone(),
            sku: Sku::new(self.sku.clone()).ok(),
            location: LocationId::single(),
            level: self.level(code),
            title: self.title.clone(),
            active: self.active,
            kind: if self.hosted().is_some() { UnitKind::Hosted } else { UnitKind::Simple },
        }
    }
}

/// Whether Amazon keeps the stock under this code.
pub(super) fn is_hosted(code: &str) -> bool {
    code.starts_with(HOSTED)
}

/// A SKU that cannot be a part of a path, even encoded: Amazon answers 403 or 404
/// (<https://github.com/amzn/selling-partner-api-models/issues/4429>).
pub(super) fn is_odd(sku: &str) -> bool {
    sku.contains(['/', '#'])
}

/// Some listings by SKU: `None` for one that Amazon does not show; no entry for one that was not asked for in time.
pub(super) type Lives = BTreeMap<String, Option<Live>>;

/// Finds listings by SKU. Each marketplace is asked in turn for what the ones before did not show. No search begins after
/// `until`.
pub(super) async fn find(
    session: Session<'_>,
    place: &Place,
    skus: &BTreeSet<&str>,
    until: Timestamp,
) -> Result<Lives, Error> {
    let mut lives = Lives::new();
    // identifiers are separated by commas, so a SKU with one cannot be searched for
    let (single, listed): (Vec<&str>, Vec<&str>) = skus.iter().partition(|sku| sku.contains(','));
    for some in listed.chunks(SEARCH_MAX) {
        if session.clock.now() > until {
            return Ok(lives);
        }
        lives.extend(search_everywhere(session, place, some).await?);
    }
    for sku in single.into_iter().filter(|sku| !is_odd(sku)) {
        if session.clock.now() > until {
            return Ok(lives);
        }
        lives.insert(sku.to_owned(), get_everywhere(session, place, sku).await?);
    }
    Ok(lives)
}

async fn search_everywhere(session: Session<'_>, place: &Place, skus: &[&str]) -> Result<Lives, Error> {
    let mut lives: Lives = skus.iter().map(|sku| ((*sku).to_owned(), None)).collect();
    for marketplace in &place.marketplaces {
        let missing: Vec<String> =
            lives.iter().filter(|(_, live)| live.is_none()).map(|(sku, _)| encode(sku)).collect();
        if missing.is_empty() {
            break;
        }
        let path = format!(
            "/listings/2021-08-01/items/{}?marketplaceIds={marketplace}&includedData={DATA}&identifiers={}&identifiersType=SKU&pageSize={SEARCH_MAX}",
            place.seller,
            missing.join(",")
        );
        let found: Found = client::get(session, place, &SEARCH_LISTINGS, &path).await?;
        for item in found.items {
            // nothing that was not asked for: a store that took no notice of the identifiers would list everything
            if let Some(slot) = lives.get_mut(&item.sku) {
                *slot = Some(Live::of(item, marketplace));
            }
        }
    }
    Ok(lives)
}

async fn get_everywhere(session: Session<'_>, place: &Place, sku: &str) -> Result<Option<Live>, Error> {
    for marketplace in &place.marketplaces {
        let path = format!(
            "/listings/2021-08-01/items/{}/{}?marketplaceIds={marketplace}&includedData={DATA}",
            place.seller,
            encode(sku)
        );
        match client::get::<Item>(session, place, &GET_LISTING, &path).await {
            Ok(item) if item.sku == sku => return Ok(Some(Live::of(item, marketplace))),
            Ok(_) => return Err(Error::new(ErrorKind::Malformed, "getListingsItem: an answer about another SKU")),
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// No limit of time: the caller waits for all of it.
pub(super) const EVER: Timestamp = Timestamp(i64::MAX);

/// Levels as they are live, in the order asked for.
pub(crate) async fn levels(
    session: Session<'_>,
    listings: &[(Sku, LocationId, String)],
) -> Result<Vec<Option<i64>>, Error> {
    let place = Place::of(session.settings)?;
    let skus: BTreeSet<&str> = listings.iter().map(|(_, _, external)| external.as_str()).collect();
    let lives = find(session, &place, &skus, EVER).await?;
    let level = |external: &String| lives.get(external)?.as_ref()?.level(&place.code);
    Ok(listings.iter().map(|(_, _, external)| level(external)).collect())
}

/// The unit of a SKU, or nothing.
pub(crate) async fn unit(session: Session<'_>, external: &str) -> Result<Vec<Unit>, Error> {
    let place = Place::of(session.settings)?;
    let lives = find(session, &place, &BTreeSet::from([external]), EVER).await?;
    Ok(lives.into_values().flatten().map(|live| live.unit(&place.code)).collect())
}
