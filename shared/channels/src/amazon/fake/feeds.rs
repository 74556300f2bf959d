//! Feeds: one after another for each seller, with everything that is reported to go wrong.

use super::FakeAmazon;
use super::documents::{Document, pack};
use super::listings::iso;
use super::rest::{Answer, Call, invalid, refuse};
use super::state::{Job, Seller};
use super::switches::Fate;
use super::writes::{judge, patches, take};
use domain::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FEED: &str = "JSON_LISTINGS_FEED";
/// Most messages of a feed, and most feeds in `WINDOW_MS`, <https://developer-docs.amazon.com/sp-api/docs/feeds-api-best-practices>.
const MESSAGES_MAX: usize = 25_000;
const FEEDS_MAX: usize = 5;
const WINDOW_MS: i64 = 300_000;

pub(super) fn create(fake: &mut FakeAmazon, seller: &str, call: &Call) -> Answer {
    let kind = call.body.get("feedType").and_then(Value::as_str);
    let input = call.body.get("inputFeedDocumentId").and_then(Value::as_str).ok_or_else(invalid)?;
    let known = fake.documents.get(input).is_some_and(|document| document.owner == seller);
    let marketplaces = strings(&call.body, "marketplaceIds");
    if kind != Some(FEED) || !known || !(1..=25).contains(&marketplaces.len()) {
        return Err(invalid());
    }
    let owner = fake.sellers.get_mut(seller).ok_or_else(invalid)?;
    let recent = owner.feeds.values().filter(|feed| call.now.since_ms(feed.created) < WINDOW_MS).count();
    if recent >= FEEDS_MAX {
        return Err(refuse(429, "QuotaExceeded", "You exceeded your quota for the requested resource."));
    }
    let id = format!("{}", 50_001_020_000 + owner.id());
    owner.feeds.insert(id.clone(), job(id.clone(), FEED, marketplaces, Some(input.to_owned()), call.now));
    Ok((202, json!({"feedId": id})))
}

pub(super) fn strings(body: &Value, name: &str) -> Vec<String> {
    let listed = body.get(name).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A feed or a report that waits in its queue.
pub(super) fn job(id: String, kind: &str, marketplaces: Vec<String>, input: Option<String>, now: Timestamp) -> Job {
    Job {
        id,
        kind: kind.to_owned(),
        marketplaces,
        created: now,
        started: None,
        ended: None,
        status: "IN_QUEUE",
        input,
        output: None,
    }
}

/// A feed or a report as the API shows it.
pub(super) fn show(job: &Job, id: &str, kind: &str, output: &str) -> Value {
    let mut shown = json!({
        id: job.id,
        kind: job.kind,
        "marketplaceIds": job.marketplaces,
        "createdTime": iso(job.created),
        "processingStatus": job.status,
    });
    if let Some(started) = job.started {
        shown["processingStartTime"] = json!(iso(started));
    }
    if let Some(ended) = job.ended {
        shown["processingEndTime"] = json!(iso(ended));
    }
    if let Some(document) = &job.output {
        shown[output] = json!(document);
    }
    shown
}

fn shown(feed: &Job) -> Value {
    show(feed, "feedId", "feedType", "resultFeedDocumentId")
}

pub(super) fn get(seller: &Seller, call: &Call) -> Answer {
    let feed = seller.feeds.get(call.part(0)).ok_or_else(|| refuse(404, "NotFound", "The feed is not found."))?;
    Ok((200, shown(feed)))
}

pub(super) fn list(seller: &Seller, call: &Call) -> Answer {
    let listed = select(&seller.feeds, call, "feedTypes")?;
    let mut answer = json!({"feeds": listed.0.iter().map(|feed| shown(feed)).collect::<Vec<_>>()});
    if let Some(token) = listed.1 {
        answer["nextToken"] = json!(token);
    }
    Ok((200, answer))
}

/// Feeds or reports by type, status and time, newest first; a token goes without any other parameter.
pub(super) fn select<'a>(
    jobs: &'a std::collections::BTreeMap<String, Job>,
    call: &Call,
    types: &str,
) -> Result<(Vec<&'a Job>, Option<String>), super::rest::Refusal> {
    let (since, size, offset) = match call.param("nextToken") {
        Some(token) if call.query.len() == 1 => {
            let parts: Vec<i64> = token.split('.').filter_map(|part| part.parse().ok()).collect();
            let [since, size, offset] = parts.as_slice() else { return Err(invalid()) };
            (Some(Timestamp(*since)), usize::try_from(*size).unwrap_or(10), usize::try_from(*offset).unwrap_or(0))
        }
        Some(_) => return Err(invalid()),
        None if call.param(types).is_none() => return Err(invalid()),
        None => (call.moment("createdSince")?, call.number("pageSize", 10, 100)?, 0),
    };
    let statuses = call.list("processingStatuses");
    let fits = |job: &&Job| {
        since.is_none_or(|since| job.created >= since) && (statuses.is_empty() || statuses.contains(&job.status))
    };
    let mut found: Vec<&Job> = jobs.values().filter(fits).collect();
    found.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
    let total = found.len();
    let rows: Vec<&Job> = found.into_iter().skip(offset).take(size).collect();
    let next = offset + rows.len();
    let since = since.unwrap_or_default().0;
    Ok((rows, (next < total).then(|| format!("{since}.{size}.{next}"))))
}

pub(super) fn cancel(seller: &mut Seller, call: &Call) -> Answer {
    let feed = seller.feeds.get_mut(call.part(0)).ok_or_else(|| refuse(404, "NotFound", "The feed is not found."))?;
    if feed.status != "IN_QUEUE" {
        return Err(invalid());
    }
    feed.status = "CANCELLED";
    Ok((200, json!({})))
}

/// Lets the feeds of a seller go on: one at a time, in the order in which they came.
pub(super) fn advance(fake: &mut FakeAmazon, seller: &str, now: Timestamp) {
    while let Some((id, ended)) = fake.sellers.get_mut(seller).and_then(|owner| next_end(owner, now)) {
        carry_out(fake, seller, &id, ended);
    }
}

/// When the next feed of a seller starts or ends, if one will.
pub(super) fn next_turn(owner: &Seller) -> Option<Timestamp> {
    let free = owner.feeds.values().filter_map(|feed| feed.ended).max().unwrap_or_default();
    let feed = owner.feeds.values().find(|feed| feed.ended.is_none() && feed.status != "CANCELLED")?;
    match feed.started {
        // it starts at the first look after that
        None => Some(feed.created.max(free).plus_ms(1)),
        Some(started) => {
            Some(started.plus_ms(owner.switches.feed_ms)).filter(|_| owner.switches.feed_fate != Fate::Stuck)
        }
    }
}

/// Starts the first feed that has not ended; gives it when it ends by now.
fn next_end(owner: &mut Seller, now: Timestamp) -> Option<(String, Timestamp)> {
    let free = owner.feeds.values().filter_map(|feed| feed.ended).max().unwrap_or_default();
    let (fate, takes) = (owner.switches.feed_fate, owner.switches.feed_ms);
    let feed = owner.feeds.values_mut().find(|feed| feed.ended.is_none() && feed.status != "CANCELLED")?;
    if feed.started.is_none() {
        let starts = feed.created.max(free);
        if starts >= now {
            return None;
        }
        (feed.started, feed.status) = (Some(starts), "IN_PROGRESS");
    }
    let ends = feed.started?.plus_ms(takes);
    (ends <= now && fate != Fate::Stuck).then(|| (feed.id.clone(), ends))
}

fn carry_out(fake: &mut FakeAmazon, seller: &str, id: &str, at: Timestamp) {
    let input = fake.sellers.get(seller).and_then(|owner| owner.feeds.get(id)?.input.clone());
    let bytes = input.and_then(|input| fake.documents.get(&input)).map(|document| document.bytes.clone());
    let Some(owner) = fake.sellers.get_mut(seller) else { return };
    let tells = owner.switches.fatal_tells;
    let (status, report) = match owner.switches.feed_fate {
        Fate::Fatal => ("FATAL", Some(unreadable(seller, id))),
        Fate::Cancelled => ("CANCELLED", None),
        Fate::Done | Fate::Stuck => process(owner, id, &bytes.unwrap_or_default(), at),
    };
    let packed = owner.switches.gzip;
    let output = report.filter(|_| status != "FATAL" || tells).map(|report| {
        let bytes = report.to_string().into_bytes();
        let bytes = if packed { pack(&bytes) } else { bytes };
        let name = format!("amzn1.tortuga.4.eu.{seller}{id}.RESULT");
        (name, Document { owner: seller.to_owned(), bytes, kind: "application/json".into(), packed, until: at })
    });
    if let Some(feed) = owner.feeds.get_mut(id) {
        (feed.status, feed.ended) = (status, Some(at));
        feed.output = output.as_ref().map(|(name, _)| name.clone());
    }
    fake.documents.extend(output);
}

/// The processing report of a feed that cannot be read.
fn unreadable(seller: &str, feed: &str) -> Value {
    let issue = json!({"code": "4002001", "severity": "ERROR", "message": "Item 'Feed' cannot be parsed."});
    let summary =
        json!({"errors": 1, "warnings": 0, "messagesProcessed": 0, "messagesAccepted": 0, "messagesInvalid": 0});
    json!({"header": {"sellerId": seller, "version": "2.0", "feedId": feed}, "issues": [issue], "summary": summary})
}

/// Carries out a feed's messages; its status and its processing report.
fn process(owner: &mut Seller, feed: &str, bytes: &[u8], at: Timestamp) -> (&'static str, Option<Value>) {
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let Some(messages) = body.get("messages").and_then(Value::as_array) else {
        return ("DONE", Some(unreadable("", feed)));
    };
    let ids: BTreeSet<i64> = messages.iter().filter_map(|one| one.get("messageId")?.as_i64()).collect();
    let whose = body.pointer("/header/sellerId").and_then(Value::as_str);
    if messages.len() > MESSAGES_MAX || ids.len() != messages.len() || whose != Some(owner.id.as_str()) {
        return ("FATAL", Some(unreadable(whose.unwrap_or_default(), feed)));
    }
    let created = owner.feeds.get(feed).map_or(at, |feed| feed.created);
    let marketplaces = owner.feeds.get(feed).map(|feed| feed.marketplaces.clone()).unwrap_or_default();
    let issues: Vec<Value> =
        messages.iter().filter_map(|message| obey(owner, message, &marketplaces, (created, at)).err()).collect();
    let summary = json!({
        "errors": issues.len(), "warnings": 0, "messagesProcessed": messages.len(),
        "messagesAccepted": messages.len() - issues.len(), "messagesInvalid": issues.len(),
    });
    let header = json!({"sellerId": owner.id, "version": "2.0", "feedId": feed});
    ("DONE", Some(json!({"header": header, "issues": issues, "summary": summary})))
}

/// Carries out one message, or says what is wrong with it.
fn obey(
    owner: &mut Seller,
    message: &Value,
    marketplaces: &[String],
    (created, at): (Timestamp, Timestamp),
) -> Result<(), Value> {
    let sku = message.get("sku").and_then(Value::as_str).unwrap_or_default();
    let issue = |code: &str, text: &str| json!({"messageId": message.get("messageId"), "sku": sku, "code": code, "severity": "ERROR", "message": text});
    let wrong = || issue("BAD_REQUEST", "Invalid parameters provided.");
    if message.get("operationType").and_then(Value::as_str) != Some("PATCH") {
        return Err(wrong());
    }
    let patches = patches(message).ok_or_else(wrong)?;
    let changes = judge(owner, sku, marketplaces, patches).map_err(|(code, text)| issue(code, &text))?;
    let overtaken = owner.listings.get(sku).is_some_and(|listing| listing.patched > created);
    if !overtaken || owner.switches.feed_beats_later_patch {
        take(owner, sku, marketplaces, changes, at);
    }
    Ok(())
}
