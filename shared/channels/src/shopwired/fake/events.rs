//! `/events`: the log. It can be read whether or not anybody has subscribed to a topic.

use super::log::Event;
use super::render;
use super::rest::{Answer, Call, Refusal, id, not_allowed, refuse};
use super::state::Account;
use serde_json::json;

pub(super) fn route(account: &Account, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(account, call),
        ("GET", ["count"]) => Ok((200, json!({"count": count(account, call)?}))),
        ("GET", [event]) => {
            let found = account.log.find(id(event)?, account.switches.retention);
            let found = found.ok_or_else(|| refuse(404, "No such event"))?;
            Ok((200, render::event(account, found, &call.shape())))
        }
        (_, [] | [_]) => Err(not_allowed()),
        _ => Err(refuse(404, "No such endpoint")),
    }
}

fn list(account: &Account, call: &Call<'_>) -> Answer {
    let (count, offset) = call.page()?;
    let shape = call.shape();
    let rows = selected(account, call)?.skip(offset).take(count);
    Ok((200, rows.map(|event| render::event(account, event, &shape)).collect()))
}

fn count(account: &Account, call: &Call<'_>) -> Result<usize, Refusal> {
    if account.switches.count_ignores_filters {
        return Ok(account.log.places(None, 0, account.switches.retention).len());
    }
    Ok(selected(account, call)?.count())
}

/// The entries that the filters leave. The format of `created_after` is unknown: seconds since 1970 here.
fn selected<'a>(account: &'a Account, call: &'a Call<'_>) -> Result<impl Iterator<Item = &'a Event>, Refusal> {
    let switches = &account.switches;
    let since = call.number("since_id")?.map_or(0, i64::unsigned_abs);
    let from = since + u64::from(since > 0 && !switches.since_inclusive);
    let places = account.log.places(call.param("topic"), from, switches.retention);
    let (after, before) = (call.number("created_after")?, call.number("created_before")?);
    let subject = call.number("subject_id")?.map(i64::unsigned_abs);
    let kind = call.param("subject_type");
    let fits = move |event: &&Event| {
        subject.is_none_or(|subject| event.what.subject == subject)
            && kind.is_none_or(|kind| event.what.subject_type == kind)
            && after.is_none_or(|after| event.at.seconds() > after)
            && before.is_none_or(|before| event.at.seconds() < before)
    };
    let (total, backwards) = (places.len(), switches.events_descending);
    let at = move |index: usize| places.get(if backwards { total - 1 - index } else { index });
    Ok((0..total).filter_map(at).filter_map(|place| account.log.at(place)).filter(fits))
}
