//! Writes: `POST /stock {"items":[{sku, quantity}]}`, absolute numbers, at most 15 (reference page `updatestock` of
//! <https://shopwired.readme.io>). There is no compare-and-set, no adjustment and no idempotency key.

use super::super::MAX_WRITES;
use super::client;
use crate::{Effect, Error, ErrorKind, Outcome, Session, Write};
use ::http::Method;
use bytes::Bytes;
use domain::{LocationId, Sku};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The longest SKU, <https://help.shopwired.io/manual/stock/stock-management>.
const SKU_MAX: usize = 128;
/// Our own limit: what the store does with a larger number is not documented, and no shop holds so much.
const QUANTITY_MAX: i64 = 2_147_483_647;

/// Writes up to 15 listings in one call.
pub(crate) async fn write(session: Session<'_>, writes: &[Write]) -> Vec<Outcome> {
    if writes.len() > MAX_WRITES {
        return refuse_all(writes, &format!("at most {MAX_WRITES} writes go into one call"));
    }
    let below_zero = session.settings.get("allow_negative").is_some_and(|text| text == "yes");
    let items = items(writes, below_zero);
    let sent: BTreeMap<&str, i64> = items.iter().filter_map(|item| item.as_ref().ok().copied()).collect();
    if sent.is_empty() {
        return items.into_iter().map(|item| outcome(item, &Ok(()))).collect();
    }
    let body: Vec<Value> = sent.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    let answer = client::send(session, Method::POST, "/stock", Some(&json!({"items": body}))).await;
    let taken = answer.and_then(|body| taken(&body)).map_err(|error| widen(error, sent.len()));
    let moved = writes.iter().filter(|write| sent.get(write.sku.as_str()).is_some_and(|to| *to != write.from));
    let moved: BTreeSet<&str> = moved.map(|write| write.sku.as_str()).collect();
    let unknown = match &taken {
        Ok(Some(changed)) if *changed < moved.len() => vanished(session, writes, moved.len() - changed).await,
        Ok(_) | Err(_) => BTreeMap::new(),
    };
    let result = taken.map(drop);
    let named = |item: &Result<(&str, i64), Error>| item.as_ref().ok().and_then(|(sku, _)| unknown.get(*sku));
    items.into_iter().map(|item| named(&item).cloned().unwrap_or_else(|| outcome(item, &result))).collect()
}

/// Fewer values changed than should have: which of these SKUs the store does not know (any more), with what became of their
/// writes. A store that holds the number already says the same, so that a short count alone means nothing.
async fn vanished(session: Session<'_>, writes: &[Write], short: usize) -> BTreeMap<String, Outcome> {
    let listings: Vec<(Sku, LocationId, String)> =
        writes.iter().map(|write| (write.sku.clone(), write.location.clone(), write.external.clone())).collect();
    let Ok(levels) = super::stock::levels(session, &listings).await else { return BTreeMap::new() };
    let gone: BTreeSet<&str> =
        writes.iter().zip(levels).filter(|(_, level)| level.is_none()).map(|(write, _)| write.sku.as_str()).collect();
    let sure = gone.len() <= short;
    let outcome = || {
        let problem = "the store has nothing of this SKU; has it another one there now?";
        let error = Error::new(ErrorKind::NotFound, problem);
        // where more are gone than were not changed, one of them was written before it went
        if sure { Outcome::Refused(error) } else { Outcome::Unknown(error.with_unknown_effect()) }
    };
    gone.into_iter().map(|sku| (sku.to_owned(), outcome())).collect()
}

fn refuse_all(writes: &[Write], problem: &str) -> Vec<Outcome> {
    writes.iter().map(|_| Outcome::Refused(Error::new(ErrorKind::Invalid, problem))).collect()
}

/// What is sent for each write, or why it is not sent.
fn items(writes: &[Write], below_zero: bool) -> Vec<Result<(&str, i64), Error>> {
    writes.iter().map(|write| item(write, writes, below_zero)).collect()
}

fn item<'a>(write: &'a Write, writes: &[Write], below_zero: bool) -> Result<(&'a str, i64), Error> {
    let name = write.sku.as_str();
    let refuse = |problem: &str| Err(Error::new(ErrorKind::Invalid, format!("{name}: {problem}")));
    if name.chars().count() > SKU_MAX {
        return refuse("ShopWired's SKUs have at most 128 characters");
    }
    if !(-QUANTITY_MAX..=QUANTITY_MAX).contains(&write.to) {
        return refuse("the quantity is beyond 2147483647");
    }
    // The SKU is the only key that the call has, so two listings of one SKU cannot get two numbers.
    if writes.iter().any(|other| other.sku == write.sku && other.to != write.to) {
        return refuse("two listings of this SKU want different quantities");
    }
    Ok((name, if below_zero { write.to } else { write.to.max(0) }))
}

/// Any 2xx with JSON, or with nothing, means taken. `{"updated": n}` counts only values that changed, and an unknown SKU
/// looks like an equal value, so the number alone decides nothing. A page of HTML with a 2xx is not the API speaking.
fn taken(body: &Bytes) -> Result<Option<usize>, Error> {
    if body.is_empty() {
        return Ok(None);
    }
    if let Ok(answer) = serde_json::from_slice::<Value>(body) {
        return Ok(answer.get("updated").and_then(Value::as_u64).and_then(|changed| usize::try_from(changed).ok()));
    }
    Err(Error::new(ErrorKind::Malformed, "POST /stock: a success whose body is not JSON").with_unknown_effect())
}

/// Whether a batch with one bad item is refused as a whole is not documented: then nobody can say which were taken.
fn widen(error: Error, items: usize) -> Error {
    if error.kind == ErrorKind::Invalid && items > 1 { error.with_unknown_effect() } else { error }
}

fn outcome(item: Result<(&str, i64), Error>, result: &Result<(), Error>) -> Outcome {
    match (item, result) {
        (Err(error), _) => Outcome::Refused(error),
        (Ok(_), Ok(())) => Outcome::Applied,
        (Ok(_), Err(error)) if error.effect == Effect::Unknown => Outcome::Unknown(error.clone()),
        (Ok(_), Err(error)) => Outcome::Refused(error.clone()),
    }
}
