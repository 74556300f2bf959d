//! The movement feed: the log `GET /events`, topic `product.stock_changed` (reference of `/events`,
//! <https://shopwired.readme.io>).
//!
//! Neither its default order nor how long it reaches back is documented, so neither is assumed: entries are ordered here by
//! id, and the entry at the position asked for is always read again. When it is no longer there, entries after it may be
//! gone too, and the answer says so.

use super::wire::{Count, Entry, date, sku, text, whole};
use super::{PAGE, client};
use crate::{Error, ErrorKind, Movements, Session};
use domain::{Movement, OrderId, Position};
use std::collections::BTreeMap;

const TOPIC: &str = "product.stock_changed";
/// Pages of one answer; whoever wants more asks again.
const PAGES: usize = 10;
/// Probes for the end of a log: doubling and halving over ten million entries takes fewer.
const PROBES_MAX: usize = 40;
/// Rows that two neighbouring pages share when a log is read backwards, so that a row that slipped is noticed.
const OVERLAP: usize = 10;

/// The newest position; 0 while nothing has moved yet.
pub(crate) async fn head(session: Session<'_>) -> Result<Position, Error> {
    let first = page(session, 0, 0).await?;
    let newest = newest(&first);
    if first.len() < PAGE || !is_ascending(&first) {
        return Ok(Position(newest));
    }
    Ok(Position(end(session, 0).await?.newest.max(newest)))
}

/// Movements after `since`, oldest first.
pub(crate) async fn movements(session: Session<'_>, since: Position) -> Result<Movements, Error> {
    // One earlier, so that the entry at `since` itself comes too and proves that the log still reaches back so far.
    let anchor = since.0.saturating_sub(1);
    let first = page(session, anchor, 0).await?;
    let (entries, more) = if first.len() < PAGE {
        (by_id(first), false)
    } else if is_ascending(&first) {
        forwards(session, first).await?
    } else {
        backwards(session, anchor, first).await?
    };
    Ok(stretch(session, since, &entries, more))
}

/// One page of the log after `since` (exclusive or inclusive: not documented; both are handled).
async fn page(session: Session<'_>, since: u64, offset: usize) -> Result<Vec<Entry>, Error> {
    client::get(session, &format!("/events?topic={TOPIC}&since_id={since}&count={PAGE}&offset={offset}")).await
}

fn newest(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.id).max().unwrap_or_default()
}

fn is_ascending(entries: &[Entry]) -> bool {
    entries.first().map(|entry| entry.id) <= entries.last().map(|entry| entry.id)
}

fn by_id(entries: Vec<Entry>) -> BTreeMap<u64, Entry> {
    entries.into_iter().map(|entry| (entry.id, entry)).collect()
}

/// Oldest first: each page begins after the last id, so that nothing can slip. Where our calls are used up, what was read is
/// there to go on with.
async fn forwards(session: Session<'_>, first: Vec<Entry>) -> Result<(BTreeMap<u64, Entry>, bool), Error> {
    let mut after = newest(&first);
    let mut entries = by_id(first);
    for _ in 1..PAGES {
        let next = match page(session, after, 0).await {
            Err(error) if error.is_out_of_turn() => return Ok((entries, true)),
            next => next?,
        };
        let short = next.len() < PAGE;
        let known = entries.len();
        entries.extend(by_id(next));
        // A store that ignores `since_id` would show the same page for ever.
        if !short && entries.len() == known {
            return Err(Error::new(ErrorKind::Malformed, "GET /events: the same page again; since_id has no effect"));
        }
        if short {
            return Ok((entries, false));
        }
        after = entries.keys().next_back().copied().unwrap_or(after);
    }
    Ok((entries, true))
}

/// Newest first: a log that is short enough is read whole; of a longer one, the oldest pages.
async fn backwards(session: Session<'_>, since: u64, first: Vec<Entry>) -> Result<(BTreeMap<u64, Entry>, bool), Error> {
    let mut entries = by_id(first);
    for turn in 1..PAGES {
        let next = page(session, since, turn * (PAGE - OVERLAP)).await?;
        let short = next.len() < PAGE;
        // New rows push the old ones back, never forward: a page can repeat rows but skip none.
        entries.extend(by_id(next));
        if short {
            return Ok((entries, false));
        }
    }
    let end = end(session, since).await?;
    oldest(session, since, end).await
}

/// The pages at the end of a log that lists the newest first, from the last page towards the front.
async fn oldest(session: Session<'_>, since: u64, end: End) -> Result<(BTreeMap<u64, Entry>, bool), Error> {
    let mut entries = by_id(page(session, since, end.offset).await?);
    let mut offset = end.offset;
    for _ in 1..PAGES {
        offset = offset.saturating_sub(PAGE - OVERLAP);
        let next = page(session, since, offset).await?;
        // Rows that came in meanwhile push entries over the seam: without a shared row the stretch ends here.
        if !next.iter().any(|entry| entries.contains_key(&entry.id)) {
            break;
        }
        entries.extend(by_id(next));
        if offset == 0 {
            return Ok((entries, false));
        }
    }
    Ok((entries, true))
}

/// Where a log ends.
struct End {
    /// The offset of its last page that is not empty.
    offset: usize,
    /// The greatest id on that page.
    newest: u64,
}

/// Finds the last page. The count is a first guess: it may be wrong by what comes in, or leave the filter out.
async fn end(session: Session<'_>, since: u64) -> Result<End, Error> {
    let counted = client::get::<Count>(session, &format!("/events/count?topic={TOPIC}&since_id={since}")).await;
    let mut found = End { offset: 0, newest: 0 };
    let mut beyond: Option<usize> = None;
    let mut probe = counted.map_or(PAGE, |count| count.count.saturating_sub(PAGE / 2));
    for _ in 0..PROBES_MAX {
        let entries = page(session, since, probe).await?;
        if entries.is_empty() {
            beyond = Some(probe);
        } else {
            found = End { offset: probe, newest: newest(&entries) };
            if entries.len() < PAGE {
                return Ok(found);
            }
        }
        probe = match beyond {
            None => (found.offset * 2).max(found.offset + PAGE),
            Some(beyond) if beyond <= found.offset + 1 => return Ok(found),
            Some(beyond) => found.offset + (beyond - found.offset) / 2,
        };
    }
    Err(Error::new(ErrorKind::Malformed, "GET /events: the end of the log cannot be found"))
}

/// The entries after `since`, with what is known about their completeness.
fn stretch(session: Session<'_>, since: Position, entries: &BTreeMap<u64, Entry>, more: bool) -> Movements {
    let reaches_back = since.0 == 0 || entries.contains_key(&since.0);
    let fresh: Vec<&Entry> = entries.range(since.0.saturating_add(1)..).map(|(_, entry)| entry).collect();
    let movements: Vec<Movement> = fresh.iter().filter_map(|entry| movement(session, entry)).collect();
    Movements {
        upto: fresh.last().map_or(since, |entry| Position(entry.id)),
        more,
        // An entry that cannot be read is a hole like any other.
        gap: !reaches_back || movements.len() < fresh.len(),
        entries: movements,
    }
}

/// `{"sku","isVariation","newQuantity","orderId"?}`: the new number, not the difference.
fn movement(session: Session<'_>, entry: &Entry) -> Option<Movement> {
    let order = entry.data.get("orderId").and_then(text).filter(|id| id != "0");
    Some(Movement {
        id: Position(entry.id),
        sku: sku(entry.data.get("sku").and_then(serde_json::Value::as_str))?,
        level_after: whole(entry.data.get("newQuantity")?)?,
        order: order.and_then(|id| OrderId::new(id).ok()),
        // A date that cannot be read loses no stock; the entry's place is its id.
        at: entry.created_at.as_deref().and_then(date).unwrap_or_else(|| session.clock.now()),
    })
}
