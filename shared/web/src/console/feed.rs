//! Lines of history as sentences.

use super::form::link;
use super::ui::{self, length, number, signed};
use super::words;
use domain::Timestamp;
use engine::records::{History, Pushed};
use maud::{Markup, html};

/// A list of what happened.
pub(super) fn list(rows: &[History], with_sku: bool) -> Markup {
    html! { ol.feed { @for history in rows { (line(history, with_sku)) } } }
}

fn line(history: &History, with_sku: bool) -> Markup {
    html! {
        li {
            (ui::time(history.at))
            div {
                p {
                    @if with_sku { a.sku href=(link("/item", &[("sku", history.sku.as_str())])) { (history.sku) } " " }
                    (what(history))
                }
                @let pushed = pushes(history);
                @if !pushed.is_empty() { p.then { (pushed) } }
                @for (listing, note) in notes(history) { p.then.warn { (listing) ": " (note) } }
                @for failed in history.pushed.iter().filter(|pushed| pushed.error.is_some()) {
                    p.then.bad { (failed.listing.account) ": " (words::failure(failed.error.as_deref().unwrap_or_default())) }
                }
            }
        }
    }
}

/// What was counted, and what it made of the level.
fn what(history: &History) -> Markup {
    let counted: Vec<String> = history
        .seen
        .iter()
        .flat_map(|seen| seen.counted.iter().map(move |counted| (seen, counted)))
        .map(|(seen, counted)| match seen.listing.is_hub() {
            true => "stock edited here".to_owned(),
            false if seen.listing.is_kit() => words::counted(counted),
            false => format!("{} in {}", words::counted(counted), seen.listing.account),
        })
        .collect();
    let by = history.level.1 - history.level.0;
    html! {
        @if counted.is_empty() { span { (quiet(history)) } } @else { (counted.join(", ")) }
        @if by != 0 {
            " " span.nowrap { span class={ "delta " (if by < 0 { "bad" } else { "good" }) } { (signed(by)) } span.soft { " → " (number(history.level.1)) } }
        }
        @if let Some(actor) = &history.actor {
            span.soft { " by " (actor) @if let Some(text) = &history.reason { ": " (reason(text)) } }
        }
    }
}

/// Why somebody did it: what a restore wrote there names times and runs as people read them.
fn reason(text: &str) -> Markup {
    let time = text.strip_prefix("Restore to time ").and_then(|at| at.parse().ok()).map(Timestamp);
    let (snapshot, run) = (text.strip_prefix("Restore to snapshot "), text.strip_prefix("Undo run "));
    html! {
        @if let Some(at) = time { "edits since " (ui::time(at)) " taken back" }
        @else if let Some(id) = snapshot { "taken back to a " a href={ "/snapshots/" (id) } { "snapshot" } }
        @else if let Some(id) = run { "a " a href={ "/runs/" (id) } { "run" } " taken back" }
        @else { (text) }
    }
}

/// What to say of a line that counted nothing.
fn quiet(history: &History) -> String {
    let what = if history.pushed.is_empty() { "looked at" } else { "written to the stores" };
    match history.cause.as_str() {
        "waited" | "write" => format!("{what} when its turn came"),
        cause => format!("{what} because of {}", words::cause(cause)),
    }
}

/// Where it was written, and how long that took since its cause reached us.
fn pushes(history: &History) -> String {
    if history.pushed.is_empty() {
        return String::new();
    }
    let one = |pushed: &Pushed| {
        let (_, ended) = words::ended(pushed.outcome);
        let again = pushed.waited.map(|since| format!(" again after {}", length(history.at.since_ms(since))));
        let (from, to) = (number(pushed.from), number(pushed.to));
        format!("{} {from} → {to} {ended}{}", pushed.listing.account, again.unwrap_or_default())
    };
    let all: Vec<String> = history.pushed.iter().map(one).collect();
    format!("{} ·\u{a0}{}", all.join(", "), length(history.at.since_ms(history.since)))
}

fn notes(history: &History) -> Vec<(String, String)> {
    let all = history.seen.iter().flat_map(|seen| seen.notes.iter().map(move |note| (seen, note)));
    all.map(|(seen, note)| (seen.listing.account.to_string(), words::note(note))).collect()
}
