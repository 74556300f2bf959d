//! Writes: `inventorySetQuantities` of `available`, with `changeFromQuantity` and an idempotency key. Nothing else is ever
//! written: not on hand, not incoming, not committed.
//!
//! Up to [`SINGLES_MAX`] writes have a call and the engine's own key each, all in one request; asked again one by one, they are
//! the same calls. More than that are the rows of one call, with a key made of theirs. `docs.md`, "Writing", says what that
//! means for a call whose answer was lost.

use super::super::{ROWS_MAX, SINGLES_MAX};
use super::activate;
use super::client::{self, Answer, Call};
use super::document;
use super::outcome::{Payload, Verdict, judge};
use super::read::{self, keeps};
use super::wire::{Item, gid, is_number};
use crate::{Effect, Error, ErrorKind, Outcome, Session, Write};
use domain::{LocationId, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// The greatest quantity, either way (docs.md, "Writing").
const QUANTITY_MAX: i64 = 1_000_000_000;
/// Points of one call, however many rows it has (docs.md, "Points").
const CALL_COST: f64 = 13.0;
/// Rounds of one batch: rows that stood in the way of others are dropped after the first.
const ROUNDS: usize = 3;
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

/// Writes up to 250 listings.
pub(crate) async fn write(session: Session<'_>, writes: &[Write]) -> Vec<Outcome> {
    let patience = i64::try_from(session.timeout.as_millis()).unwrap_or(i64::MAX).saturating_mul(2);
    let deadline = session.clock.now().plus_ms(patience);
    let mut batch = Batch { session, writes, outcomes: forms(writes), deadline };
    batch.check().await;
    batch.send_all().await;
    let left = "another row of the same call was refused, so that this one was not carried out";
    let again = || Error::new(ErrorKind::Unavailable, left).with_retry_after(Some(Duration::ZERO));
    batch.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Outcome::Refused(again()))).collect()
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

    /// Stocks the item at the location once, if the account wants it.
    async fn stock(&self, write: &Write, tracked: bool, active: bool) -> Option<Outcome> {
        if !keeps(self.session) {
            let problem = if tracked { "it is not stocked at the location" } else { "its inventory is not tracked" };
            return Some(refused(ErrorKind::NotFound, write, problem));
        }
        let Some(session) = self.hurried() else {
            return Some(refused(ErrorKind::Unavailable, write, "no time to stock it at the location"));
        };
        let done = activate::activate(session, write, tracked, active).await;
        done.err().map(|error| Outcome::Refused(Error { effect: Effect::None, ..error }))
    }

    /// Sends what can be sent; then what was held up by rows that could not.
    async fn send_all(&mut self) {
        let alone = self.writes.len() <= SINGLES_MAX;
        for _ in 0..ROUNDS {
            let open = self.open();
            if open.is_empty() || self.hurried().is_none() {
                return;
            }
            let calls = if alone { open.into_iter().map(|row| vec![row]).collect() } else { vec![open] };
            if !self.send(&calls).await {
                return;
            }
        }
    }

    /// Sends some calls in one request; whether another round may help.
    async fn send(&mut self, calls: &[Vec<usize>]) -> bool {
        let (text, variables) = (document::set(calls.len()), self.variables(calls));
        let cost = CALL_COST * f64::from(u32::try_from(calls.len()).unwrap_or(u32::MAX));
        let call = Call::change(("set", &text), cost);
        let answer = self.ask(call, &variables, calls).await;
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
            if !self.take(rows, verdict).await {
                return false;
            }
        }
        true
    }

    /// A call of several rows whose answer was lost is asked for once more, here and at once: the same rows under the same
    /// key. Nobody else can: the engine asks again row by row.
    async fn ask(&self, call: Call<'_>, variables: &Value, calls: &[Vec<usize>]) -> Result<Answer, Error> {
        let session = self.hurried().ok_or_else(|| Error::new(ErrorKind::Unavailable, "no time for a request"))?;
        let first = client::send(session, call, variables).await;
        let several = calls.iter().any(|rows| rows.len() > 1);
        match (first, self.hurried()) {
            (Err(error), Some(session))
                if several && error.effect == Effect::Unknown && error.kind != ErrorKind::Throttled =>
            {
                // whatever comes of this, the first may have been carried out
                client::send(session, call, variables).await.map_err(Error::with_unknown_effect)
            }
            (first, _) => first,
        }
    }

    fn variables(&self, calls: &[Vec<usize>]) -> Value {
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

    /// Enters what is known; whether the rows of which nothing is known may be sent again.
    async fn take(&mut self, rows: &[usize], verdict: Verdict) -> bool {
        match verdict {
            Verdict::All(outcome) => rows.iter().for_each(|row| self.outcomes[*row] = Some(outcome.clone())),
            Verdict::Some(blamed) => {
                for (place, outcome) in blamed {
                    self.outcomes[rows[place]] = Some(outcome);
                }
            }
            Verdict::StaleSomewhere => return self.find_stale(rows).await,
        }
        true
    }

    /// The rows whose level is not the one that was expected.
    async fn find_stale(&mut self, rows: &[usize]) -> bool {
        let Ok(found) = self.look(rows).await else { return false };
        for row in rows {
            let write = &self.writes[*row];
            let item = found.get(&(write.location.clone(), write.external.clone()));
            let level = item.and_then(|item| item.inventory_level.as_ref()?.available());
            if level != Some(write.from) {
                self.outcomes[*row] = Some(Outcome::Stale);
            }
        }
        true
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
