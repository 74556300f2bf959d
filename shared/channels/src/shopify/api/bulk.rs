//! All units: a bulk operation writes them into a file, which is read piece by piece
//! (<https://shopify.dev/docs/api/usage/bulk-operations/queries>).
//!
//! Every line of a level names its item itself, so that neither the order of the lines nor `__parentId` matters. A page's
//! token is the operation's number and the byte where the next piece begins: `4711:1048577`.

use super::client::{self, Call};
use super::document::{ALL_LEVELS, BULK_START, BULK_STATE};
use super::file;
use super::wire::{Changes, Level, gid, is_number, number};
use crate::{Error, ErrorKind, Levels, Page, Session, Unit};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of one piece: some 3,000 levels.
pub(super) const PIECE: u64 = 1024 * 1024;
/// How long one call waits for the operation, and between two looks: a page without rows is no harm.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(2);
/// An operation that is not done in so many hours never will be, and its file is kept for a week.
const HOURS_MAX: i64 = 24;
/// A store runs five such operations at once; another waits.
const BUSY: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    bulk_operation: Option<Named>,
    user_errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    status: String,
    error_code: Option<String>,
    created_at: String,
    file_size: Option<String>,
    url: Option<String>,
}

/// One page of units. The first starts the operation; while it runs, pages are empty.
pub(crate) async fn units(session: Session<'_>, page: Option<String>) -> Result<Levels, Error> {
    let (id, offset) = match page {
        None => (start(session).await?, 0),
        Some(token) => place(&token)?,
    };
    let Some(operation) = wait(session, &id).await? else {
        return Ok(Page { rows: Vec::new(), next: Some(format!("{id}:{offset}")) });
    };
    // without rows there is no file
    let Some(url) = &operation.url else { return Ok(Page { rows: Vec::new(), next: None }) };
    let piece = file::read(session, url, offset).await?;
    let end = offset + piece.lines.len() as u64;
    if piece.next.is_none() && operation.file_size.is_some_and(|size| size.parse() != Ok(end)) {
        return Err(malformed("the file is not as long as it was said to be"));
    }
    let changes = Changes::of(session);
    let lines = piece.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rows: Result<Vec<Option<Unit>>, Error> = lines.map(|line| unit(line, changes)).collect();
    let next = piece.next.map(|offset| format!("{id}:{offset}"));
    Ok(Page { rows: rows?.into_iter().flatten().collect(), next })
}

fn malformed(problem: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("bulk operation: {problem}"))
}

fn place(token: &str) -> Result<(String, u64), Error> {
    let parts = token.split_once(':').filter(|(id, _)| is_number(id));
    let read = parts.and_then(|(id, offset)| Some((id.to_owned(), offset.parse().ok()?)));
    read.ok_or_else(|| Error::new(ErrorKind::Invalid, "the page is not one that was given"))
}

/// Starting one changes nothing that is kept: one that nobody asks for ends by itself.
async fn start(session: Session<'_>) -> Result<String, Error> {
    let variables = json!({"query": ALL_LEVELS.1});
    let call = Call::read(BULK_START, 10.0);
    let started: Started = client::ask(session, call, "bulkOperationRunQuery", &variables).await?;
    if let Some(problem) = started.user_errors.first() {
        let story = format!("bulk operation: {}", problem.message.chars().take(200).collect::<String>());
        return Err(match problem.code.as_deref() {
            Some("OPERATION_IN_PROGRESS" | "LIMIT_REACHED") => {
                Error::new(ErrorKind::Throttled, story).with_retry_after(Some(BUSY))
            }
            Some(_) | None => Error::new(ErrorKind::Invalid, story),
        });
    }
    let id = started.bulk_operation.and_then(|named| number(&named.id, "BulkOperation").map(str::to_owned));
    id.ok_or_else(|| malformed("it has no id"))
}

/// The operation when it is done; `None` when it still runs after some looks.
async fn wait(session: Session<'_>, id: &str) -> Result<Option<Operation>, Error> {
    for look in 0..LOOKS {
        if look > 0 {
            session.clock.sleep(PAUSE).await;
        }
        let call = Call::read(BULK_STATE, 1.0);
        let variables = json!({"id": gid("BulkOperation", id)});
        let state: Option<Operation> = client::ask(session, call, "bulkOperation", &variables).await?;
        let state = state.ok_or_else(|| malformed("the store does not know it any more"))?;
        match state.status.as_str() {
            "COMPLETED" => return Ok(Some(state)),
            "CREATED" | "RUNNING" if is_young(session, &state) => {}
            // what there is of the file then is no list: what it lacks would look as if it were gone
            status => {
                let why = state.error_code.as_deref().unwrap_or("no reason given");
                return Err(malformed(&format!("{status} ({why})")));
            }
        }
    }
    Ok(None)
}

fn is_young(session: Session<'_>, operation: &Operation) -> bool {
    let created = operation.created_at.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    created.is_ok_and(|created| session.clock.now().0 - created < HOURS_MAX * 3_600_000)
}

/// The unit of a line; lines of items only hold the file together.
fn unit(line: &[u8], changes: Changes) -> Result<Option<Unit>, Error> {
    let value: Value = serde_json::from_slice(line).map_err(|_| malformed("a line is not JSON"))?;
    let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
    if id.starts_with("gid://shopify/InventoryItem/") {
        return Ok(None);
    }
    let level: Level = serde_json::from_value(value).map_err(|_| malformed("a line of an unknown form"))?;
    level.unit(changes).map(Some).ok_or_else(|| malformed("a level without a name"))
}
