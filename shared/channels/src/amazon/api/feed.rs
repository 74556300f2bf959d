//! Many writes at once, and SKUs that no path can carry: `JSON_LISTINGS_FEED`,
//! <https://developer-docs.amazon.com/sp-api/docs/feeds-api-best-practices>.
//!
//! Whether a feed may be sent is asked of Amazon each time, so nothing has to be remembered here.

use super::super::place::Place;
use super::client::{self, encode, harmless};
use super::document;
use super::listings::Live;
use super::operation::{CREATE_FEED, CREATE_FEED_DOCUMENT, GET_FEEDS};
use super::wire::{Job, iso, moment};
use super::write::{failed, patches, product_type};
use crate::{Error, ErrorKind, HttpError, Outcome, Session, Submitted, Write};
use domain::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const FEED: &str = "JSON_LISTINGS_FEED";
/// The type that the document is asked for with, and uploaded with.
const CONTENT_TYPE: &str = "application/json; charset=UTF-8";
/// Few large feeds, at least so far apart, as the best practices ask.
pub(super) const GAP: Duration = Duration::from_secs(20 * 60);
/// A feed that has not ended after this is stuck, milliseconds. Feeds are processed one after another, so none is sent
/// behind it (<https://github.com/amzn/selling-partner-api-models/issues/2633>).
const STUCK_MS: i64 = 3_600_000;
/// Feeds of so long are looked at, milliseconds: stuck ones were seen to last 60 hours.
const BACK_MS: i64 = 3 * 86_400_000;
/// Pages of 100 feeds.
const PAGES: usize = 3;
/// A feed's body must stay below 10 MiB; a little is kept free for its frame.
const BODY_MAX: usize = 10 * 1024 * 1024 - 64 * 1024;

/// A level for a listing.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) live: Live,
    pub(super) quantity: i64,
}

/// Whether a feed may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Road {
    /// Now.
    Open,
    /// One was sent so lately that this must wait.
    Wait(Duration),
    /// An earlier one does not end: use patches.
    Stuck,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feeds {
    #[serde(default)]
    feeds: Vec<Job>,
    #[serde(default)]
    next_token: Option<String>,
}

/// Asks Amazon for the feeds of the last days.
pub(super) async fn road(session: Session<'_>, place: &Place) -> Result<Road, Error> {
    let now = session.clock.now();
    let since = encode(&iso(now.plus_ms(-BACK_MS)));
    let mut path = format!("/feeds/2021-06-30/feeds?feedTypes={FEED}&pageSize=100&createdSince={since}");
    let mut youngest = None;
    for _ in 0..PAGES {
        let some: Feeds = client::get(session, place, &GET_FEEDS, &path).await?;
        for feed in some.feeds {
            let created = moment(&feed.created_time).unwrap_or(now);
            if feed.runs() && now.since_ms(created) > STUCK_MS {
                return Ok(Road::Stuck);
            }
            if feed.processing_status != "CANCELLED" {
                youngest = youngest.max(Some(created));
            }
        }
        let Some(token) = some.next_token else { break };
        path = format!("/feeds/2021-06-30/feeds?nextToken={}", encode(&token));
    }
    let age = youngest.map_or(i64::MAX, |created| now.since_ms(created));
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    Ok(if age >= GAP { Road::Open } else { Road::Wait(GAP.saturating_sub(age)) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    feed_document_id: String,
    url: String,
}

/// Sends a feed. All of it is accepted, or none, or nobody can say; what does not fit into it is left for the next.
pub(super) async fn send(session: Session<'_>, place: &Place, messages: Vec<Message>) -> BTreeMap<String, Outcome> {
    let rows: Vec<(&str, &str, i64)> =
        messages.iter().map(|it| (it.live.sku.as_str(), product_type(&it.live), it.quantity)).collect();
    let (body, taken) = body(place, &rows);
    let outcome = match submit(session, place, body).await {
        Ok(_) => Outcome::Accepted,
        Err(error) => failed(error),
    };
    let left = || Outcome::Refused(Error::no_answer("the feed is full", HttpError::NoBudget(GAP)));
    let outcome = |place: usize| if place < taken { outcome.clone() } else { left() };
    messages.into_iter().enumerate().map(|(place, message)| (message.live.sku, outcome(place))).collect()
}

/// Hands a gathered feed over: all of it, or none.
pub(crate) async fn hand_over(session: Session<'_>, rows: &[(Write, String)]) -> Result<Submitted, Error> {
    let place = Place::of(session.settings)?;
    match road(session, &place).await? {
        Road::Open => {}
        Road::Wait(wait) => return Ok(Submitted::Wait(wait)),
        Road::Stuck => return Ok(Submitted::Blocked("an earlier feed does not end".into())),
    }
    let messages: Vec<(&str, &str, i64)> =
        rows.iter().map(|(write, kind)| (write.external.as_str(), kind.as_str(), write.to.max(0))).collect();
    let (body, taken) = body(&place, &messages);
    if taken < rows.len() {
        return Ok(Submitted::Blocked(format!("only {taken} of {} rows fit into a feed", rows.len())));
    }
    submit(session, &place, body).await.map(Submitted::Taken)
}

/// The oldest feed that was created at or after `since`.
pub(crate) async fn find(session: Session<'_>, since: Timestamp) -> Result<Option<String>, Error> {
    let place = Place::of(session.settings)?;
    let path = format!("/feeds/2021-06-30/feeds?feedTypes={FEED}&pageSize=100&createdSince={}", encode(&iso(since)));
    let some: Feeds = client::get(session, &place, &GET_FEEDS, &path).await?;
    let mut found: Vec<(Option<Timestamp>, String)> = Vec::new();
    for feed in some.feeds.into_iter().filter(|feed| feed.processing_status != "CANCELLED") {
        let created = moment(&feed.created_time);
        found.extend(feed.feed_id.map(|id| (created, id)));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, id)| id).next())
}

async fn submit(session: Session<'_>, place: &Place, body: String) -> Result<String, Error> {
    let asked = json!({"contentType": CONTENT_TYPE});
    let created = client::post(session, place, &CREATE_FEED_DOCUMENT, "/feeds/2021-06-30/documents", &asked).await;
    // an empty document changes nothing, and neither does a full one that no feed names
    let created: Created = created.map_err(harmless)?;
    document::upload(session, place, &created.url, CONTENT_TYPE, body).await?;
    let feed = json!({
        "feedType": FEED,
        "marketplaceIds": [place.home()],
        "inputFeedDocumentId": created.feed_document_id,
    });
    let answer: Value = client::post(session, place, &CREATE_FEED, "/feeds/2021-06-30/feeds", &feed).await?;
    match answer.get("feedId").and_then(Value::as_str) {
        Some(id) => Ok(id.to_owned()),
        None => Err(Error::new(ErrorKind::Malformed, "createFeed: no feedId").with_unknown_effect()),
    }
}

/// The body, and how many messages went into it.
fn body(place: &Place, messages: &[(&str, &str, i64)]) -> (String, usize) {
    let header = json!({"sellerId": place.seller, "version": "2.0"});
    let mut body = format!("{{\"header\":{header},\"messages\":[");
    let mut taken = 0;
    for (sku, kind, quantity) in messages {
        let text = json!({
            "messageId": taken + 1,
            "sku": sku,
            "operationType": "PATCH",
            "productType": kind,
            "patches": patches(&place.code, *quantity),
        })
        .to_string();
        if body.len() + text.len() > BODY_MAX {
            break;
        }
        if taken > 0 {
            body.push(',');
        }
        body.push_str(&text);
        taken += 1;
    }
    body.push_str("]}");
    (body, taken)
}
