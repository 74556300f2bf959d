//! Lines of history as sentences.

use super::form::link;
use super::ui::{self, length, number, signed};
use super::words;
use domain::Timestamp;
use engine::records::{History, Pushed, asked};
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
        @if counted.is_empty() { span { (act(history).map_or_else(|| quiet(history), str::to_owned)) } } @else { (counted.join(", ")) }
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
        @else { (rules(text)) }
    }
}

/// The same text with what people call the rules: `hold_back 2 → 5; in fragile`.
fn rules(text: &str) -> String {
    let one = |part: &str| match part.split_once(' ') {
        Some((name, rest)) => format!("{} {rest}", words::rule(name)),
        None => part.to_owned(),
    };
    text.split("; ").map(one).collect::<Vec<_>>().join("; ")
}

/// What somebody did that counted nothing.
fn act(history: &History) -> Option<&'static str> {
    history.actor.as_ref()?;
    Some(match history.cause.as_str() {
        asked::RULES => "rules changed",
        asked::KIT => "kit changed",
        asked::MAPPING => "product matched",
        asked::LINK | "unlink" | "zero" => "warehouse changed",
        _ => return None,
    })
}

/// What to say of a line that counted nothing.
fn quiet(history: &History) -> String {
    let what = if history.pushed.is_empty() { "looked at" } else { "written to the stores" };
    match (history.cause.as_str(), words::cause(&history.cause)) {
        (_, Some(cause)) => format!("{what} because of {cause}"),
        ("again" | "told", None) => format!("{what} a second time"),
        (_, None) => format!("{what} when its turn came"),
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
    format!("{}\u{a0}·\u{a0}{}", all.join(", "), length(history.at.since_ms(history.since)))
}

fn notes(history: &History) -> Vec<(String, String)> {
    let all = history.seen.iter().flat_map(|seen| seen.notes.iter().map(move |note| (seen, note)));
    all.map(|(seen, note)| (seen.listing.account.to_string(), words::note(note))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Sku;

    fn quiet_of(cause: &str) -> String {
        quiet(&History::by_person(&Sku::new("MUG").expect("valid"), Timestamp(0), cause, ("", ""), (1, 1)))
    }

    #[test]
    fn what_was_written_in_its_turn_says_who_asked_for_it() {
        assert_eq!(quiet_of(asked::FIRST_SYNC), "looked at because of the first sync");
        assert_eq!(quiet_of(asked::RESTORE), "looked at because of what was taken back");
        assert_eq!(
            (quiet_of("told"), quiet_of("waited")),
            ("looked at a second time".into(), "looked at when its turn came".into())
        );
    }

    #[test]
    fn a_change_of_rules_is_told_by_the_names_that_people_see() {
        let by = ("ann", "hold_back inherited → 2; in fragile");
        let line = History::by_person(&Sku::new("MUG").expect("valid"), Timestamp(0), asked::RULES, by, (1, 1));
        let shown = what(&line).into_string();
        assert!(
            shown.contains("rules changed") && shown.contains("ann: Hold back inherited → 2; in fragile"),
            "{shown}"
        );
    }

    #[test]
    fn every_cause_of_the_engine_has_words_for_people() {
        let all = [
            asked::FIRST_SYNC,
            asked::STOCK_FILE,
            asked::STOCK_FEED,
            asked::RESTORE,
            asked::RULES,
            asked::KIT,
            asked::MAPPING,
            asked::LINK,
            asked::LOOK,
            asked::QUARANTINE,
            asked::RELEASE,
            asked::RESUMED,
            asked::RUSH,
            "webhook",
            "feed",
            "comparison",
            "stock",
        ];
        assert!(all.iter().all(|cause| words::cause(cause).is_some()));
    }
}
