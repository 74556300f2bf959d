//! `getListingsItem` and `searchListingsItems`.

use super::rest::{Answer, Call, Refusal, forbidden, invalid, refuse};
use super::state::{Listing, Seller};
use super::writes::path_sku;
use domain::Timestamp;
use serde_json::{Map, Value, json};

/// Most listings that paging reaches.
const REACH: usize = 1_000;

/// The seller in the path must be the token's.
pub(super) fn check_seller(seller: &Seller, call: &Call) -> Result<(), Refusal> {
    if call.part(0) == seller.id { Ok(()) } else { Err(forbidden("")) }
}

/// The marketplaces of the query: at least one.
pub(super) fn marketplaces(call: &Call) -> Result<Vec<&str>, Refusal> {
    let ids = call.list("marketplaceIds");
    if ids.is_empty() { Err(invalid()) } else { Ok(ids) }
}

pub(super) fn get(seller: &Seller, call: &Call) -> Answer {
    check_seller(seller, call)?;
    let sku = path_sku(seller, call)?;
    let wanted = marketplaces(call)?;
    let found = seller.listings.get(sku).filter(|listing| is_in(listing, &wanted));
    let gone = || refuse(404, "NOT_FOUND", format!("SKU '{sku}' not found in marketplace {}", wanted.join(",")));
    Ok((200, item(sku, found.ok_or_else(gone)?, &wanted, call)))
}

fn is_in(listing: &Listing, wanted: &[&str]) -> bool {
    listing.marketplaces.iter().any(|id| wanted.contains(&id.as_str()))
}

pub(super) fn search(seller: &Seller, call: &Call) -> Answer {
    check_seller(seller, call)?;
    let wanted = marketplaces(call)?;
    let size = call.number("pageSize", 10, 20)?;
    let identifiers = call.list("identifiers");
    if identifiers.len() > 20 || identifiers.is_empty() != call.param("identifiersType").is_none() {
        return Err(invalid());
    }
    if call.param("identifiersType").is_some_and(|kind| kind != "SKU") {
        return Err(invalid());
    }
    let offset = call.param("pageToken").map_or(Ok(0), |token| token.parse::<usize>().map_err(|_| invalid()))?;
    let asked = |sku: &str| identifiers.is_empty() || identifiers.contains(&sku);
    let mut found: Vec<(&String, &Listing)> =
        seller.listings.iter().filter(|(sku, listing)| asked(sku) && is_in(listing, &wanted)).collect();
    // the newest first, as the model has it
    found.sort_by(|(a, one), (b, other)| (other.updated, a).cmp(&(one.updated, b)));
    let rows: Vec<Value> =
        found.iter().skip(offset).take(size).map(|(sku, listing)| item(sku, listing, &wanted, call)).collect();
    let next = offset + rows.len();
    let mut pagination = Map::new();
    if next < found.len().min(REACH) {
        pagination.insert("nextToken".into(), json!(next.to_string()));
    }
    Ok((200, json!({"numberOfResults": found.len(), "pagination": pagination, "items": rows})))
}

fn item(sku: &str, listing: &Listing, wanted: &[&str], call: &Call) -> Value {
    let included = call.list("includedData");
    let has = |part: &str| if included.is_empty() { part == "summaries" } else { included.contains(&part) };
    let shown: Vec<&String> = listing.marketplaces.iter().filter(|id| wanted.contains(&id.as_str())).collect();
    let mut item = json!({"sku": sku});
    if has("summaries") {
        item["summaries"] = shown.iter().map(|id| summary(listing, id)).collect();
    }
    if has("fulfillmentAvailability") {
        item["fulfillmentAvailability"] = listing.live.iter().map(stock).collect();
    }
    if has("attributes") {
        let submitted = shown.iter().filter_map(|id| listing.submitted.get(*id)).flatten().cloned();
        item["attributes"] = json!({"fulfillment_availability": submitted.collect::<Vec<Value>>()});
    }
    if has("issues") {
        item["issues"] = json!([]);
    }
    item
}

fn stock(stock: &super::state::Stock) -> Value {
    match stock.quantity {
        Some(quantity) => json!({"fulfillmentChannelCode": stock.code, "quantity": quantity}),
        None => json!({"fulfillmentChannelCode": stock.code}),
    }
}

fn summary(listing: &Listing, marketplace: &str) -> Value {
    let buyable = listing.active && listing.live.iter().any(|stock| stock.quantity != Some(0));
    let status: &[&str] = if buyable { &["BUYABLE", "DISCOVERABLE"] } else { &["DISCOVERABLE"] };
    json!({
        "marketplaceId": marketplace,
        "asin": listing.asin,
        "productType": listing.product_type,
        "conditionType": "new_new",
        "status": status,
        "itemName": listing.title,
        "createdDate": iso(Timestamp(0)),
        "lastUpdatedDate": iso(listing.updated),
    })
}

/// A moment to the millisecond.
pub(super) fn iso(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
