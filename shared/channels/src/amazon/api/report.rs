//! All units: from the report of all listings, each level confirmed by search, since a report may be hours old,
//! <https://developer-docs.amazon.com/sp-api/docs/report-type-values-inventory>.
//!
//! A page is named by the report while Amazon makes it, then by its document and a place in that, with the address that the page
//! before had of it: documents may be asked for once a minute, and a large shop has a hundred pages.

use super::super::place::{JAPAN, Place};
use super::client::{self, encode, harmless};
use super::operation::{CREATE_REPORT, GET_REPORT, GET_REPORT_DOCUMENT, GET_REPORTS};
use super::table::{self, Row};
use super::wire::{Job, iso, moment};
use super::{document, listings};
use crate::{Error, ErrorKind, Levels, Page, Session, Unit, UnitKind};
use domain::{LocationId, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const REPORT: &str = "GET_MERCHANT_LISTINGS_ALL_DATA";
/// How often one call asks whether the report is made, and how long it waits in between.
const POLLS: usize = 4;
const NAP: Duration = Duration::from_secs(5);
/// A report that is not made after this never will be, milliseconds.
const STUCK_MS: i64 = 2 * 3_600_000;
/// A report of this age is used when Amazon refuses to make another so soon, milliseconds: search confirms it anyway.
const USABLE_MS: i64 = 6 * 3_600_000;
/// Rows of one page: 50 searches, ten seconds.
const ROWS: usize = 1_000;
/// How long the address of a document is used, milliseconds: it is good for five minutes.
const ADDRESS_MS: i64 = 240_000;

/// One page of the account's units.
pub(crate) async fn units(session: Session<'_>, page: Option<String>) -> Result<Levels, Error> {
    let place = Place::of(session.settings)?;
    match page.as_deref().map(|token| token.split_once(':').unwrap_or((token, ""))) {
        None => {
            let report = create(session, &place).await?;
            wait(session, &place, &report).await
        }
        Some(("report", report)) => wait(session, &place, report).await,
        Some(("rows", at)) => rows(session, &place, serde_json::from_str(at).map_err(|_| wrong_page())?).await,
        Some(_) => Err(wrong_page()),
    }
}

fn wrong_page() -> Error {
    Error::new(ErrorKind::Invalid, "the page is none of this channel's")
}

fn unavailable(problem: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("report of all listings: {problem}"))
}

async fn create(session: Session<'_>, place: &Place) -> Result<String, Error> {
    let asked = json!({"reportType": REPORT, "marketplaceIds": [place.home()]});
    let made: Value =
        client::post(session, place, &CREATE_REPORT, "/reports/2021-06-30/reports", &asked).await.map_err(harmless)?;
    let id = made.get("reportId").and_then(Value::as_str).filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| Error::new(ErrorKind::Malformed, "createReport: no reportId"))
}

/// The first rows once the report is made; until then an empty page that asks to come back.
async fn wait(session: Session<'_>, place: &Place, report: &str) -> Result<Levels, Error> {
    let path = format!("/reports/2021-06-30/reports/{}", encode(report));
    for poll in 0..POLLS {
        if poll > 0 {
            session.clock.sleep(NAP).await;
        }
        let job: Job = client::get(session, place, &GET_REPORT, &path).await?;
        match (job.processing_status.as_str(), job.report_document_id.as_deref()) {
            ("DONE", Some(document)) => return rows(session, place, At::first(document)).await,
            ("DONE", None) => return Err(unavailable("made, without a document")),
            ("FATAL", _) => return Err(unavailable("Amazon could not make it")),
            // that also means: asked again too soon
            ("CANCELLED", _) => return earlier(session, place).await,
            (_, _) => {}
        }
        let age = moment(&job.created_time).map_or(0, |created| session.clock.now().since_ms(created));
        if age > STUCK_MS {
            return Err(unavailable("Amazon has not made it in two hours"));
        }
    }
    Ok(Page { rows: Vec::new(), next: Some(format!("report:{report}")) })
}

#[derive(Deserialize)]
struct Reports {
    #[serde(default)]
    reports: Vec<Job>,
}

/// The rows of the youngest report that there is. Nothing at all is no empty shop: that would look as if all were gone.
async fn earlier(session: Session<'_>, place: &Place) -> Result<Levels, Error> {
    let since = encode(&iso(session.clock.now().plus_ms(-USABLE_MS)));
    let path = format!(
        "/reports/2021-06-30/reports?reportTypes={REPORT}&processingStatuses=DONE&marketplaceIds={}&pageSize=10&createdSince={since}",
        place.home()
    );
    let reports: Reports = client::get(session, place, &GET_REPORTS, &path).await?;
    let made = reports.reports.into_iter().filter(|job| job.processing_status == "DONE" && job.report_id.is_some());
    let youngest = made.max_by(|one, other| one.created_time.cmp(&other.created_time));
    match youngest.and_then(|job| job.report_document_id) {
        Some(document) => rows(session, place, At::first(&document)).await,
        None => Err(unavailable("Amazon cancelled it, and no earlier one is at hand")),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    url: String,
    #[serde(default)]
    compression_algorithm: Option<String>,
}

/// Where a page begins.
#[derive(Serialize, Deserialize)]
struct At {
    document: String,
    row: usize,
    /// The document's address, and until when it is used.
    #[serde(default)]
    address: Option<(Timestamp, Document)>,
}

impl At {
    fn first(document: &str) -> Self {
        Self { document: document.to_owned(), row: 0, address: None }
    }
}

async fn rows(session: Session<'_>, place: &Place, at: At) -> Result<Levels, Error> {
    let At { document, row, address } = at;
    let kept = address.filter(|(until, _)| session.clock.now() < *until);
    let (address, bytes, kind) = fetch(session, place, &document, kept).await?;
    let text = table::decode(&bytes, &kind, place.home() == JAPAN);
    let (rows, next) = table::rows(&text, row, ROWS)?;
    let rows = confirm(session, place, rows).await?;
    let next = next.map(|row| At { document, row, address: Some(address) });
    Ok(Page { rows, next: next.map(|at| format!("rows:{}", json!(at))) })
}

/// A document, by the address that is at hand or by a new one.
async fn fetch(
    session: Session<'_>,
    place: &Place,
    id: &str,
    kept: Option<(Timestamp, Document)>,
) -> Result<((Timestamp, Document), Vec<u8>, String), Error> {
    if let Some(address) = kept
        && let Ok((bytes, kind)) = download(session, place, &address.1).await
    {
        return Ok((address, bytes, kind));
    }
    let until = session.clock.now().plus_ms(ADDRESS_MS);
    let path = format!("/reports/2021-06-30/documents/{}", encode(id));
    let about: Document = client::get(session, place, &GET_REPORT_DOCUMENT, &path).await?;
    let (bytes, kind) = download(session, place, &about).await?;
    Ok(((until, about), bytes, kind))
}

async fn download(session: Session<'_>, place: &Place, about: &Document) -> Result<(Vec<u8>, String), Error> {
    document::download(session, place, &about.url, about.compression_algorithm.as_deref()).await
}

/// What is live decides. A row of stock that Amazon sends needs no second look: it has no level either way.
async fn confirm(session: Session<'_>, place: &Place, rows: Vec<Row>) -> Result<Vec<Unit>, Error> {
    let ours = rows.iter().filter(|row| !row.hosted).map(|row| row.sku.as_str());
    let skus: BTreeSet<&str> = ours.collect();
    let lives = listings::find(session, place, &skus, listings::EVER).await?;
    let unit = |row: &Row| match lives.get(&row.sku) {
        Some(Some(live)) => live.unit(&place.code),
        // not shown by search: whether it is gone is not known, and neither is its level
        Some(None) | None => reported(row),
    };
    Ok(rows.iter().map(unit).collect())
}

fn reported(row: &Row) -> Unit {
    Unit {
        external: row.sku.clone(),
        sku: Sku::new(row.sku.clone()).ok(),
        location: LocationId::single(),
        level: None,
        title: row.title.clone(),
        active: row.active,
        kind: if row.hosted { UnitKind::Hosted } else { UnitKind::Simple },
    }
}
