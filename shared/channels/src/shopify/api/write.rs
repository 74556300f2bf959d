//! Writes: `inventorySetQuantities` of `available`, with `changeFromQuantity` and an idempotency key. Nothing else is ever
//! written: not on hand, not incoming, not committed.
//!
//! Up to [`SINGLES_MAX`] writes have a call and the engine's own key each, all in one request; asked again one by one, they are
//! the same calls. More than that are the rows of one call, with a key made of theirs: the engine keeps its composition, and asks
//! for all of it again when its answer was lost.

use super::super::{ROWS_MAX, SINGLES_MAX};
use super::activate;
use super::client::{self, Call};
use super::document;
use super::outcome::{Payload, Verdict, judge};
use super::read;
use super::wire::{Changes, Item, gid, is_number};
use crate::{Effect, Error, ErrorKind, Fit, Outcome, Session, Write};
use domain::{LocationId, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// The greatest quantity, either way (docs.md, "Writing").
const QUANTITY_MAX: i64 = 1_000_000_000;
/// Points of one call, however many rows it has (docs.md, "Points").
const CALL_COST: f64 = 13.0;
/// A request is not begun with less time than this.
const SHORTEST: Duration = Duration::from_secs(1);
/// The namespace of the keys of calls with several rows.
const NAMESPACE: Uuid = Uuid::from_u128(0x6576_656e_7374_6f63_6b2d_6361_6c6c_2d31);

/// A batch that is being written.
struct Batch<'a> {
    session: Session<'a>,
    writes: &'a [Write],
    outcomes: Vec<Option<Outcome>>,
    /// The engine allows a batch the time of two requests, and a claim must outlive it.
    deadline: Timestamp,
}

/// Writes some listings: up to 25 by a call each; more of them are inspected, and what is fit makes one call.
pub(crate) async fn write(session: Session<'_>, writes: &[Write]) -> Vec<Outcome> {
    let mut batch = Batch::new(session, writes);
    batch.check().await;
    let open = batch.open();
    let calls = if writes.len() <= SINGLES_MAX { open.into_iter().map(|row| vec![row]).collect() } else { vec![open] };
    batch.send(&calls).await;
    batch.ended()
}

/// Looks whether writes may become rows of one call.
pub(crate) async fn inspect(session: Session<'_>, writes: &[Write]) -> Vec<Fit> {
    let mut batch = Batch::new(session, writes);
    batch.check().await;
    let fit = |outcome: Option<Outcome>| match outcome {
        None => Fit::Good(String::new()),
        Some(Outcome::Refused(error) | Outcome::Unknown(error)) => Fit::Not(error),
        Some(Outcome::Applied | Outcome::Accepted | Outcome::Stale) => {
            Fit::Not(Error::new(ErrorKind::Malformed, "a look has no such outcome"))
        }
    };
    batch.outcomes.into_iter().map(fit).collect()
}

/// Makes one call of exactly these rows.
pub(crate) async fn write_call(session: Session<'_>, rows: &[Write]) -> Vec<Outcome> {
    let mut batch = Batch::new(session, rows);
    if batch.outcomes.iter().all(Option::is_none) {
        batch.send(&[(0..rows.len()).collect()]).await;
    }
    batch.ended()
}

/// What can be refused by its form; `None` for what can be sent.
fn forms(writes: &[Write]) -> Vec<Option<Outcome>> {
    let mut seen = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(writes.len());
    for write in writes {
        let problem = if writes.len() > ROWS_MAX {
            "at most 250 writes go into one call"
        } else if !is_number(&write.external) || !is_number(write.location.as_str()) {
            "the listing has no inventory item or location of Shopify's"
        } else if !(-QUANTITY_MAX..=QUANTITY_MAX).contains(&write.to) || i32::try_from(write.from).is_err() {
            "the quantity is beyond 1,000,000,000"
        } else if !seen.insert((&write.external, &write.location)) {
            "the same item and location twice in one call"
        } else {
            ""
        };
        outcomes.push((!problem.is_empty()).then(|| refused(ErrorKind::Invalid, write, problem)));
    }
    outcomes
}

fn refused(kind: ErrorKind, write: &Write, problem: &str) -> Outcome {
    Outcome::Refused(Error::new(kind, format!("{}: {problem}", write.sku)))
}

/// Why an item must not be written where the write wants it.
enum Obstacle {
    /// Nothing.
    None,
    /// It is not tracked, or not stocked there; that can be changed.
    Idle { tracked: bool, active: bool },
    /// This, for good.
    Final(Outcome),
}

fn obstacle(write: &Write, item: Option<&Item>) -> Obstacle {
    let stop = |kind, problem| Obstacle::Final(refused(kind, write, problem));
    let Some(item) = item else { return stop(ErrorKind::NotFound, "the inventory item is gone") };
    if item.sku.as_deref() != Some(write.sku.as_str()) {
        return stop(ErrorKind::NotFound, "the inventory item has another SKU now");
    }
    let level = item.inventory_level.as_ref();
    if item.place.is_fulfillment_service {
        return stop(ErrorKind::Forbidden, "the location is kept by a fulfilment service");
    }
    if !item.place.is_active {
        return stop(ErrorKind::NotFound, "the location is not active");
    }
    let (tracked, active) = (item.tracked, level.is_some_and(|level| level.is_active));
    if tracked && active { Obstacle::None } else { Obstacle::Idle { tracked, active } }
}

impl<'a> Batch<'a> {
    fn new(session: Session<'a>, writes: &'a [Write]) -> Self {
        let patience = i64::try_from(session.timeout.as_millis()).unwrap_or(i64::MAX).saturating_mul(2);
        let deadline = session.clock.now().plus_ms(patience);
        Self { session, writes, outcomes: forms(writes), deadline }
    }

    /// The outcomes; of what was not sent, that it was not.
    fn ended(self) -> Vec<Outcome> {
        let left = || Error::new(ErrorKind::Unavailable, "not sent: another row cannot be, or there was no time left");
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Outcome::Refused(left()))).collect()
    }
}

impl Batch<'_> {
    fn open(&self) -> Vec<usize> {
        let open = self.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none());
        open.map(|(row, _)| row).collect()
    }

    /// The session for a request that ends before the deadline; `None` when there is no time for one.
    fn hurried(&self) -> Option<Session<'_>> {
        let left = self.deadline.since_ms(self.session.clock.now());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        let timeout = self.session.timeout.min(left);
        (timeout >= SHORTEST.min(self.session.timeout)).then_some(Session { timeout, ..self.session })
    }

    /// Nothing is written to a level that is not active: in 2026 that succeeds, and nobody sees the stock
    /// (docs.md, "Not stocked").
    async fn check(&mut self) {
        let open = self.open();
        if open.is_empty() {
            return;
        }
        let found = match self.look(&open).await {
            Ok(found) => found,
            Err(error) => {
                let error = Error { effect: Effect::None, ..error };
                return open.into_iter().for_each(|row| self.outcomes[row] = Some(Outcome::Refused(error.clone())));
            }
        };
        for row in open {
            let write = &self.writes[row];
            self.outcomes[row] = match obstacle(write, found.get(&(write.location.clone(), write.external.clone()))) {
                Obstacle::None => None,
                Obstacle::Final(outcome) => Some(outcome),
                Obstacle::Idle { tracked, active } => self.stock(write, tracked, active).await,
            };
        }
    }

    async fn look(&self, rows: &[usize]) -> Result<BTreeMap<(LocationId, String), Item>, Error> {
        let session = self.hurried().ok_or_else(|| Error::new(ErrorKind::Unavailable, "no time for a request"))?;
        let asked = rows.iter().map(|row| (&self.writes[*row].location, self.writes[*row].external.as_str()));
        read::items(session, asked).await
    }

    /// Tracks the item and stocks it at the location, once and as far as the account wants it.
    async fn stock(&self, write: &Write, tracked: bool, active: bool) -> Option<Outcome> {
        let changes = Changes::of(self.session);
        if !tracked && !changes.track {
            let problem = "its inventory is not tracked; turn that on in the store, or set tracking=yes";
            return Some(refused(ErrorKind::NotFound, write, problem));
        }
        if !active && !changes.activate {
            let problem = "it is not stocked at the location; stock it there in the store, or set activate=yes";
            return Some(refused(ErrorKind::NotFound, write, problem));
        }
        let Some(session) = self.hurried() else {
            return Some(refused(ErrorKind::Unavailable, write, "no time to stock it at the location"));
        };
        let done = activate::activate(session, write, tracked, active).await;
        done.err().map(|error| Outcome::Refused(Error { effect: Effect::None, ..error }))
    }

    /// Sends some calls in one request.
    async fn send(&mut self, calls: &[Vec<usize>]) {
        let calls: Vec<&Vec<usize>> = calls.iter().filter(|rows| !rows.is_empty()).collect();
        if calls.is_empty() {
            return;
        }
        let Some(session) = self.hurried() else { return };
        let (text, variables) = (document::set(calls.len()), self.variables(&calls));
        let cost = CALL_COST * f64::from(u32::try_from(calls.len()).unwrap_or(u32::MAX));
        let call = Call::change(("set", &text), cost);
        let answer = client::send(session, call, &variables).await;
        for (place, rows) in calls.iter().enumerate() {
            let payload: Result<Payload, Error> = match &answer {
                Ok(answer) => answer.field(call, &format!("w{place}")),
                Err(error) => Err(error.clone()),
            };
            let verdict = match payload {
                Ok(payload) => judge(rows.len(), &payload.user_errors),
                Err(error) if error.effect == Effect::Unknown => Verdict::All(Outcome::Unknown(error)),
                Err(error) => Verdict::All(Outcome::Refused(error)),
            };
            self.take(rows, verdict);
        }
    }

    fn variables(&self, calls: &[&Vec<usize>]) -> Value {
        let mut variables = Map::new();
        for (place, rows) in calls.iter().enumerate() {
            let key = self.key(rows);
            let rows: Vec<Value> = rows.iter().map(|row| quantity(&self.writes[*row])).collect();
            let input = json!({
                "name": "available",
                "reason": "correction",
                "referenceDocumentUri": format!("gid://evenstock/Push/{key}"),
                "quantities": rows,
            });
            variables.insert(format!("i{place}"), input);
            variables.insert(format!("k{place}"), json!(key));
        }
        Value::Object(variables)
    }

    /// The engine's own key for one row; for several, one made of theirs in their order.
    fn key(&self, rows: &[usize]) -> String {
        let keys: Vec<&str> = rows.iter().map(|row| self.writes[*row].key.as_str()).collect();
        match keys.as_slice() {
            [only] => (*only).to_owned(),
            many => Uuid::new_v5(&NAMESPACE, many.join("\n").as_bytes()).to_string(),
        }
    }

    /// Enters what is known. A call is carried out as a whole or not at all: rows that stood beside one that was refused were
    /// not written, and have to be decided anew.
    fn take(&mut self, rows: &[usize], verdict: Verdict) {
        let (rest, mut blamed) = match verdict {
            Verdict::All(outcome) => (outcome, BTreeMap::new()),
            Verdict::Some(blamed) => (Outcome::Stale, blamed),
            Verdict::StaleSomewhere => (Outcome::Stale, BTreeMap::new()),
        };
        for (place, row) in rows.iter().enumerate() {
            self.outcomes[*row] = Some(blamed.remove(&place).unwrap_or_else(|| rest.clone()));
        }
    }
}

/// `changeFromQuantity` makes it compare-and-set; left out, the mutation is refused.
fn quantity(write: &Write) -> Value {
    json!({
        "inventoryItemId": gid("InventoryItem", &write.external),
        "locationId": gid("Location", write.location.as_str()),
        "quantity": write.to,
        "changeFromQuantity": write.from,
    })
}
