//! The report of all listings: tabs, old encodings, columns that vary.

use super::FakeAmazon;
use super::documents::{Document, pack};
use super::feeds::{job, select, show, strings};
use super::rest::{Answer, Call, invalid, refuse};
use super::state::{Listing, Seller};
use super::switches::{Fate, Header, Script};
use domain::Timestamp;
use encoding_rs::{SHIFT_JIS, WINDOWS_1252};
use serde_json::{Value, json};
use std::borrow::Cow;

const REPORT: &str = "GET_MERCHANT_LISTINGS_ALL_DATA";
/// The columns, <https://developer-docs.amazon.com/sp-api/docs/inventory-reports-attributes>.
const COLUMNS: &[&str] = &[
    "item-name",
    "item-description",
    "listing-id",
    "seller-sku",
    "price",
    "quantity",
    "open-date",
    "image-url",
    "item-is-marketplace",
    "product-id-type",
    "zshop-shipping-fee",
    "item-note",
    "item-condition",
    "zshop-category1",
    "zshop-browse-path",
    "zshop-storefront-feature",
    "asin1",
    "asin2",
    "asin3",
    "will-ship-internationally",
    "expedited-shipping",
    "zshop-boldface",
    "product-id",
    "bid-for-featured-placement",
    "add-delete",
    "pending-quantity",
    "fulfillment-channel",
    "merchant-shipping-group",
    "status",
];

pub(super) fn create(owner: &mut Seller, call: &Call) -> Answer {
    let marketplaces = strings(&call.body, "marketplaceIds");
    if call.body.get("reportType").and_then(Value::as_str) != Some(REPORT) || marketplaces.is_empty() {
        return Err(invalid());
    }
    let again = owner.switches.report_again_ms;
    let soon = owner.reports.values().any(|report| call.now.since_ms(report.created) < again);
    let id = format!("{}", 70_001_020_000 + owner.id());
    let mut report = job(id.clone(), REPORT, marketplaces, None, call.now);
    if soon {
        (report.status, report.ended) = ("CANCELLED", Some(call.now));
    }
    owner.reports.insert(id.clone(), report);
    Ok((202, json!({"reportId": id})))
}

fn shown(report: &super::state::Job) -> Value {
    show(report, "reportId", "reportType", "reportDocumentId")
}

pub(super) fn get(owner: &Seller, call: &Call) -> Answer {
    let report = owner.reports.get(call.part(0)).ok_or_else(|| refuse(404, "NotFound", "The report is not found."))?;
    Ok((200, shown(report)))
}

pub(super) fn list(owner: &Seller, call: &Call) -> Answer {
    let (rows, next) = select(&owner.reports, call, "reportTypes")?;
    let mut answer = json!({"reports": rows.into_iter().map(shown).collect::<Vec<_>>()});
    if let Some(token) = next {
        answer["nextToken"] = json!(token);
    }
    Ok((200, answer))
}

/// When the next report of a seller ends, if one will.
pub(super) fn next_end(owner: &Seller) -> Option<Timestamp> {
    let open = owner.reports.values().filter(|report| report.ended.is_none());
    let ends = open.map(|report| report.created.plus_ms(owner.switches.report_ms)).min();
    ends.filter(|_| owner.switches.report_fate != Fate::Stuck)
}

/// Ends the reports of a seller that are due.
pub(super) fn advance(fake: &mut FakeAmazon, seller: &str, now: Timestamp) {
    let Some(owner) = fake.sellers.get_mut(seller) else { return };
    let (fate, takes) = (owner.switches.report_fate, owner.switches.report_ms);
    let open: Vec<(String, Timestamp)> = owner
        .reports
        .values()
        .filter(|report| report.ended.is_none())
        .map(|report| (report.id.clone(), report.created.plus_ms(takes)))
        .collect();
    for (id, ends) in open {
        let done = ends <= now && fate != Fate::Stuck;
        let document = (done && fate == Fate::Done).then(|| document(owner, ends));
        let Some(report) = owner.reports.get_mut(&id) else { continue };
        (report.status, report.started) = ("IN_PROGRESS", Some(report.created));
        if done {
            report.ended = Some(ends);
            report.status = match fate {
                Fate::Done | Fate::Stuck => "DONE",
                Fate::Fatal => "FATAL",
                Fate::Cancelled => "CANCELLED",
            };
        }
        if let Some(document) = document {
            let name = format!("amzn1.spdoc.1.4.eu.{seller}{id}.REPORT");
            report.output = Some(name.clone());
            fake.documents.insert(name, document);
        }
    }
}

fn document(owner: &mut Seller, at: Timestamp) -> Document {
    let fresh = owner.report_cache.as_ref().filter(|(taken, _)| at.since_ms(*taken) < owner.switches.report_cache_ms);
    let text = match fresh {
        Some((_, text)) => text.clone(),
        None => {
            let text = table(owner);
            owner.report_cache = Some((at, text.clone()));
            text
        }
    };
    let (charset, bytes) = match owner.switches.script {
        Script::Utf8 => ("UTF-8", Cow::Borrowed(text.as_bytes())),
        Script::Cp1252 => ("Cp1252", WINDOWS_1252.encode(&text).0),
        Script::ShiftJis => ("Shift_JIS", SHIFT_JIS.encode(&text).0),
    };
    let kind =
        if owner.switches.names_charset { format!("text/plain; charset={charset}") } else { "text/plain".into() };
    let packed = owner.switches.gzip;
    let bytes = if packed { pack(&bytes) } else { bytes.into_owned() };
    Document { owner: owner.id.clone(), bytes, kind, packed, until: at }
}

fn table(owner: &Seller) -> String {
    let end = if owner.switches.bare_lines { "\n" } else { "\r\n" };
    let mut columns: Vec<&str> = COLUMNS.to_vec();
    if owner.switches.header == Header::Odd {
        columns.reverse();
        columns.insert(1, "made-up-column");
    }
    let names: Vec<&str> = columns.iter().map(|name| title(name, owner.switches.header)).collect();
    let mut text = names.join("\t") + end;
    for (sku, listing) in &owner.listings {
        let cells: Vec<String> = columns.iter().map(|column| cell(owner, sku, listing, column)).collect();
        text.push_str(&cells.join("\t"));
        text.push_str(end);
    }
    text
}

/// Names in another language are made up: which ones there are is not documented.
fn title(column: &'static str, header: Header) -> &'static str {
    match (header, column) {
        (Header::Localised, "seller-sku") => "SKU-marchand",
        (Header::Localised, "quantity") => "quantit\u{e9}",
        (Header::Localised, "fulfillment-channel") => "canal",
        (Header::Usual | Header::Odd | Header::Localised, column) => column,
    }
}

fn cell(owner: &Seller, sku: &str, listing: &Listing, column: &str) -> String {
    let stock = listing.live.first();
    match column {
        "item-name" => listing.title.clone(),
        "seller-sku" => sku.to_owned(),
        "price" => "9.99".into(),
        // blank where Amazon keeps the stock
        "quantity" => stock.and_then(|stock| stock.quantity).map_or_else(String::new, |quantity| quantity.to_string()),
        "pending-quantity" if owner.switches.pending_column => owner.pending(sku).to_string(),
        "asin1" | "product-id" => listing.asin.clone(),
        "fulfillment-channel" => stock.map_or_else(String::new, |stock| stock.code.clone()),
        "status" => if listing.active { "Active" } else { "Inactive" }.into(),
        _ => String::new(),
    }
}
