//! Writes: absolute numbers by `merge` patches, one SKU a call, or many by a feed,
//! <https://developer-docs.amazon.com/sp-api/docs/merge-a-listing>.
//!
//! Nothing is written before its live channel was seen: a search of 20 goes before each 20 patches.

use super::super::place::Place;
use super::super::{BULK, MAX_WRITES};
use super::client::{self, Call, encode};
use super::feed::{self, Message, Road};
use super::listings::{self, Live, Lives};
use super::operation::PATCH_LISTING;
use super::wire::{Issue, Submission};
use crate::{Effect, Error, ErrorKind, Fit, HttpError, Outcome, Session, Write};
use ::http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// No check of live channels begins later than this after the first, milliseconds: whoever claimed the writes waits.
const CHECKS_MS: i64 = 20_000;
/// Patches of one call while feeds do not move, so that the call ends in time.
const PATCHES_MAX: usize = 60;
/// When what was left over may be sent.
const SOON: Duration = Duration::from_secs(20);
/// The largest level: our own limit, what Amazon takes is not documented.
const QUANTITY_MAX: i64 = 2_147_483_647;
/// For listings whose type the search did not tell; Amazon's own examples use it for offers.
const ANY_TYPE: &str = "PRODUCT";
/// So much of an issue's text is kept.
const ISSUE_MAX: usize = 200;

type Outcomes = BTreeMap<String, Outcome>;

/// Writes listings: up to 20 by patches, more of them, up to 25,000, by a feed.
pub(crate) async fn write(session: Session<'_>, writes: &[Write]) -> Vec<Outcome> {
    let outcomes = match tried(session, writes).await {
        Ok(outcomes) => outcomes,
        Err(error) => return writes.iter().map(|_| Outcome::Refused(error.clone())).collect(),
    };
    let missing = || Outcome::Refused(Error::new(ErrorKind::Invalid, "not written: it was not checked"));
    writes.iter().map(|write| outcomes.get(&write.external).cloned().unwrap_or_else(missing)).collect()
}

/// An error here came before anything was written.
async fn tried(session: Session<'_>, writes: &[Write]) -> Result<Outcomes, Error> {
    let (mut outcomes, messages) = looked(session, writes).await?;
    let place = Place::of(session.settings)?;
    // also the last, shorter part of very many
    let bulk = writes.len() > MAX_WRITES;
    let (by_feed, by_patch): (Vec<Message>, Vec<Message>) =
        messages.into_iter().partition(|message| bulk || listings::is_odd(&message.live.sku));
    if !by_feed.is_empty() {
        send_feed(session, &place, by_feed, &mut outcomes).await;
    }
    send_patches(session, &place, &by_patch, &mut outcomes).await;
    Ok(outcomes)
}

/// Looks at the live channels of writes that are to become messages of a feed; what each message has to name is its listing's
/// product type.
pub(crate) async fn inspect(session: Session<'_>, writes: &[Write]) -> Vec<Fit> {
    let (outcomes, messages) = match looked(session, writes).await {
        Ok(looked) => looked,
        Err(error) => return writes.iter().map(|_| Fit::Not(error.clone())).collect(),
    };
    let good: BTreeMap<&str, &Message> = messages.iter().map(|message| (message.live.sku.as_str(), message)).collect();
    let fit = |write: &Write| match (good.get(write.external.as_str()), outcomes.get(&write.external)) {
        (Some(message), _) => Fit::Good(product_type(&message.live).to_owned()),
        (None, Some(Outcome::Refused(error) | Outcome::Unknown(error))) => Fit::Not(error.clone()),
        (None, _) => Fit::Not(Error::new(ErrorKind::Invalid, "not written: it was not checked")),
    };
    writes.iter().map(fit).collect()
}

/// What may be written of some writes, and the outcomes of the others.
async fn looked(session: Session<'_>, writes: &[Write]) -> Result<(Outcomes, Vec<Message>), Error> {
    if writes.len() > BULK.most {
        return Err(Error::new(ErrorKind::Invalid, format!("write at most {} listings in a call", BULK.most)));
    }
    let place = Place::of(session.settings)?;
    let mut outcomes = Outcomes::new();
    let wanted = wanted(writes, &mut outcomes);
    let skus: BTreeSet<&str> = wanted.keys().map(String::as_str).collect();
    let until = session.clock.now().plus_ms(CHECKS_MS);
    let lives = listings::find(session, &place, &skus, until).await?;
    let messages = checked(&wanted, &lives, &place.code, &mut outcomes);
    Ok((outcomes, messages))
}

/// The level of each SKU. The SKU is the only key there is, so two writes of one cannot have two levels.
fn wanted(writes: &[Write], outcomes: &mut Outcomes) -> BTreeMap<String, i64> {
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for write in writes {
        let before = wanted.insert(write.external.clone(), write.to.max(0));
        let problem = match before {
            Some(before) if before != write.to.max(0) => "two writes of this SKU want different levels",
            Some(_) | None if write.to > QUANTITY_MAX => "the level is beyond 2147483647",
            Some(_) | None => continue,
        };
        outcomes.insert(write.external.clone(), refused(ErrorKind::Invalid, &write.external, problem));
    }
    wanted.retain(|sku, _| !outcomes.contains_key(sku));
    wanted
}

fn refused(kind: ErrorKind, sku: &str, problem: &str) -> Outcome {
    Outcome::Refused(Error::new(kind, format!("{sku}: {problem}")))
}

/// What may be written, after a look at each live listing; the others get their outcome.
fn checked(wanted: &BTreeMap<String, i64>, lives: &Lives, code: &str, outcomes: &mut Outcomes) -> Vec<Message> {
    let mut messages = Vec::new();
    for (sku, quantity) in wanted {
        match lives.get(sku) {
            Some(Some(live)) if live.hosted().is_none() && live.has(code) => {
                messages.push(Message { live: live.clone(), quantity: *quantity });
            }
            Some(live) => {
                outcomes.insert(sku.clone(), unfit(sku, live.as_ref(), code));
            }
            None if sku.contains(',') => {
                let problem = "a SKU with both , and / or # can be neither searched for nor read";
                outcomes.insert(sku.clone(), refused(ErrorKind::Configuration, sku, problem));
            }
            None => {
                outcomes.insert(sku.clone(), later(SOON));
            }
        }
    }
    messages
}

/// A write that must not be made is a matter of the mapping. It is no fault of a batch, so it is not called invalid.
fn unfit(sku: &str, live: Option<&Live>, code: &str) -> Outcome {
    match live.map(|live| live.hosted()) {
        None => refused(ErrorKind::NotFound, sku, "Amazon shows no such listing; a write would be accepted and lost"),
        Some(Some(hosted)) => {
            let problem = format!("its stock is under {hosted}: Amazon keeps and sends it, so it is never written");
            refused(ErrorKind::Configuration, sku, &problem)
        }
        Some(None) => {
            let problem = format!("Amazon shows no stock under {code}; enter a quantity there once");
            refused(ErrorKind::Configuration, sku, &problem)
        }
    }
}

/// Held back by our own count: that is no failure of the store.
fn later(wait: Duration) -> Outcome {
    Outcome::Refused(Error::no_answer("held back", HttpError::NoBudget(wait)))
}

/// One message to Amazon's submission queue.
pub(super) fn patches(code: &str, quantity: i64) -> Value {
    // `merge` keeps what stands beside the quantity, such as the handling time; `replace` would wipe it
    json!([{
        "op": "merge",
        "path": "/attributes/fulfillment_availability",
        "value": [{"fulfillment_channel_code": code, "quantity": quantity}],
    }])
}

/// The product type of a message.
pub(super) fn product_type(live: &Live) -> &str {
    live.product_type.as_deref().unwrap_or(ANY_TYPE)
}

async fn send_feed(session: Session<'_>, place: &Place, messages: Vec<Message>, outcomes: &mut Outcomes) {
    let road = feed::road(session, place).await;
    let rest = match road {
        Ok(Road::Open) => return outcomes.extend(feed::send(session, place, messages).await),
        Ok(Road::Wait(wait)) => (messages, later(wait)),
        Ok(Road::Stuck) => (messages, later(feed::GAP)),
        Err(error) => (messages, Outcome::Refused(error)),
    };
    let (messages, held) = rest;
    let (odd, plain): (Vec<Message>, Vec<Message>) =
        messages.into_iter().partition(|message| listings::is_odd(&message.live.sku));
    let (now, over) = plain.split_at(plain.len().min(PATCHES_MAX));
    outcomes.extend(odd.into_iter().map(|message| (message.live.sku, held.clone())));
    outcomes.extend(over.iter().map(|message| (message.live.sku.clone(), later(SOON))));
    send_patches(session, place, now, outcomes).await;
}

async fn send_patches(session: Session<'_>, place: &Place, messages: &[Message], outcomes: &mut Outcomes) {
    let mut messages = messages.iter();
    for message in messages.by_ref() {
        let outcome = patch(session, place, message).await;
        let stop = stops(&outcome);
        outcomes.insert(message.live.sku.clone(), outcome);
        if let Some(error) = stop {
            outcomes.extend(messages.map(|message| (message.live.sku.clone(), Outcome::Refused(error.clone()))));
            return;
        }
    }
}

/// Why nothing more is sent after this outcome, if so: a store that is closed, or too slow, is so for the next SKU too.
fn stops(outcome: &Outcome) -> Option<Error> {
    match outcome {
        Outcome::Refused(error) => match error.kind {
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Malformed | ErrorKind::Signature => None,
            ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::Configuration => Some(error.clone()),
        },
        Outcome::Unknown(_) => {
            Some(Error::no_answer("held back", HttpError::NotSent("the write before it got no answer".into())))
        }
        Outcome::Applied | Outcome::Accepted | Outcome::Stale => None,
    }
}

async fn patch(session: Session<'_>, place: &Place, message: &Message) -> Outcome {
    let live = &message.live;
    let body = json!({"productType": product_type(live), "patches": patches(&place.code, message.quantity)});
    let path = format!(
        "/listings/2021-08-01/items/{}/{}?marketplaceIds={}",
        place.seller,
        encode(&live.sku),
        live.marketplace
    );
    let call = Call { operation: &PATCH_LISTING, method: &Method::PATCH, path: &path, body: Some(&body) };
    match client::send(session, place, call).await {
        Ok(answer) => match client::parse(&PATCH_LISTING, answer.body()) {
            Ok(submission) => verdict(&live.sku, &submission),
            Err(error) => Outcome::Unknown(error.with_unknown_effect()),
        },
        Err(error) => failed(error),
    }
}

/// A failed step as an outcome.
pub(super) fn failed(error: Error) -> Outcome {
    match error.effect {
        Effect::None => Outcome::Refused(error),
        Effect::Unknown => Outcome::Unknown(error),
    }
}

/// 200 is no success: `INVALID` is the ordinary refusal, and `ACCEPTED` only says that it stands in a queue.
fn verdict(sku: &str, submission: &Submission) -> Outcome {
    match submission.status.as_str() {
        "ACCEPTED" => Outcome::Accepted,
        "INVALID" => {
            let issue = submission.issues.iter().find(|issue| issue.severity == "ERROR").or(submission.issues.first());
            refused(issue.map_or(ErrorKind::Invalid, issue_kind), sku, &issue.map_or_else(String::new, told))
        }
        other => {
            let status: String = other.chars().take(40).collect();
            let error = Error::new(ErrorKind::Malformed, format!("{sku}: a submission with status {status:?}"));
            Outcome::Unknown(error.with_unknown_effect())
        }
    }
}

/// 4000003 is reported to be an internal error that passes (<https://github.com/jlevers/selling-partner-api/issues/349>).
fn issue_kind(issue: &Issue) -> ErrorKind {
    if issue.code == "4000003" { ErrorKind::Unavailable } else { ErrorKind::Invalid }
}

fn told(issue: &Issue) -> String {
    let text: String = issue.message.chars().take(ISSUE_MAX).collect();
    format!("Amazon refuses it: {text} (code {})", issue.code)
}
