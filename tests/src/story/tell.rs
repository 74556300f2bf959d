//! What is seen, as text: short, aligned, without clock times and ids that nobody chose.

use domain::feed::{Cause, Counted};
use domain::plan::Hold;
use domain::push::Ended;
use domain::rules::Step;
use domain::settle::Note;
use domain::{FeedKind, ListingId, LocationId, OrderId};
use engine::accounts::AccountView;
use engine::adopt::{AccountAdoption, Adoption};
use engine::items::{ListingView, Standing};
use engine::locations::Linking;
use engine::records::{History, KeptHook, Pushed, Seen};
use engine::stock::LineResult;

/// Orders of the story: the store, and every id that one has had.
type Orders = [(String, Vec<String>)];

/// Rows with their cells below each other.
pub(super) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let most = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |place: usize| rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..most).map(|place| width(place).unwrap_or_default()).collect();
    let cell = |(cell, width): (&String, &usize)| format!("{cell:<width$}");
    let line = |row: &Vec<String>| row.iter().zip(&widths).map(cell).collect::<Vec<_>>().join("   ");
    rows.iter().map(|row| line(row).trim_end().to_owned()).collect()
}

/// How a listing stands, when that is worth a word.
pub(super) fn standing(view: &ListingView) -> String {
    match (view.standing, view.hold) {
        (Standing::InSync, _) => String::new(),
        (Standing::Due, _) => " (due)".into(),
        (Standing::Pending, _) => " (pending)".into(),
        (Standing::Accepted, _) => " (accepted)".into(),
        (Standing::Held, hold) => format!(" ({})", hold.map_or("held", hold_name)),
    }
}

const fn hold_name(hold: Hold) -> &'static str {
    match hold {
        Hold::Paused => "paused",
        Hold::Quarantined => "quarantined",
        Hold::Frozen => "frozen",
        Hold::Contested => "contested",
        Hold::Clash => "clash",
        Hold::NotWritable => "not writable",
        Hold::Excluded => "excluded",
        Hold::Unseen => "unseen",
        Hold::Pending => "pending",
        Hold::Unresolved => "unresolved",
        Hold::Unlinked => "unlinked",
        Hold::Closed => "closed",
        Hold::NoLevel => "no level",
        Hold::Accepted => "accepted",
        Hold::Refused => "refused",
        Hold::Never => "never",
        Hold::Inactive => "inactive",
    }
}

/// The store; of one with several locations, which of them.
fn place(listing: &ListingId) -> String {
    if listing.location == LocationId::single() { listing.account.to_string() } else { listing.to_string() }
}

/// What a link between locations and warehouses does.
pub(super) fn linking(done: &Linking) -> String {
    let units = done.units.iter().map(|(warehouse, (before, after))| format!("{warehouse} {before} -> {after}"));
    let change = format!("{} levels change (+{} -{})", done.will_change, done.gains, done.losses);
    units.chain([change]).collect::<Vec<_>>().join("; ")
}

/// One line of history: by store, and without what made the hub look, as webhook, sweep and retry race for that.
pub(super) fn history(line: &History, orders: &Orders) -> String {
    let (mut seen, mut writes) = (line.seen.clone(), line.pushed.clone());
    seen.sort_by(|one, other| one.listing.cmp(&other.listing));
    writes.sort_by(|one, other| one.listing.cmp(&other.listing));
    let mut parts = vec![format!("{} -> {}", line.level.0, line.level.1)];
    parts.extend(line.actor.iter().map(|actor| format!("by {actor}")));
    parts.extend(line.reason.iter().map(|reason| format!("because {reason:?}")));
    parts.extend(seen.iter().flat_map(|seen| seen_words(seen, orders)));
    parts.extend(writes.iter().map(pushed));
    parts.join("; ")
}

fn seen_words(seen: &Seen, orders: &Orders) -> Vec<String> {
    let place = place(&seen.listing);
    let counted = seen.counted.iter().map(|counted| format!("{place} {}", counted_words(counted, orders)));
    counted.chain(seen.notes.iter().map(|note| format!("{place} note: {}", note_words(note)))).collect()
}

fn counted_words(counted: &Counted, orders: &Orders) -> String {
    let by = counted.by;
    match &counted.cause {
        Cause::Sale(order, _) => format!("sale {by:+} ({})", order_name(order, orders)),
        Cause::Cancelled(order, _) => format!("cancelled {by:+} ({})", order_name(order, orders)),
        Cause::Return(order, _) => format!("return {by:+} ({})", order_name(order, orders)),
        Cause::Order(order) => format!("order {by:+} ({})", order_name(order, orders)),
        Cause::Edit(_) => format!("edit {by:+}"),
        Cause::Kit(kit) => format!("{kit} {by:+}"),
    }
}

fn order_name(order: &OrderId, orders: &Orders) -> String {
    match orders.iter().position(|(_, ids)| ids.iter().any(|id| id == order.as_str())) {
        Some(place) => format!("order {}", place + 1),
        None => "another order".into(),
    }
}

fn note_words(note: &Note) -> String {
    match note {
        Note::EditCounted(by) => format!("{by:+} stood still, counted as an edit"),
        Note::Overwriting(by) => format!("{by:+} does not count and is overwritten"),
        Note::Tolerated(by) => format!("{by:+} does not count and stays"),
        Note::Repaired(by) => format!("our write had erased {by:+}, written again"),
        Note::Undecided(arrived, failed) => {
            format!("{arrived:+} if our write arrived, or {failed:+}, may be an edit: overwritten, enter it by hand")
        }
        Note::Ambiguous(by) => format!("{by:+} may be an edit or our own trace: overwritten, enter it by hand"),
        Note::NotRestocked(by) => format!("{by:+} came back and is not stocked again"),
        Note::PushResolved(true) => "the write of unknown outcome took effect".into(),
        Note::Verified(level) => format!("the accepted write is live: {level}"),
        Note::Drifted(by) => format!("{by:+}: the accepted write was not carried out"),
        Note::PushResolved(false) => "the write of unknown outcome did not take effect".into(),
    }
}

fn pushed(pushed: &Pushed) -> String {
    let outcome = match pushed.outcome {
        Ended::Applied => "",
        Ended::Accepted => " accepted",
        Ended::Stale => " stale",
        Ended::NotSent => " not sent",
        Ended::Unknown => " unknown",
    };
    let error = pushed.error.iter().map(|error| format!(" ({error})")).collect::<String>();
    let write = if pushed.waited.is_some() { "write again" } else { "write" };
    format!("{write} {} {} -> {}{outcome}{error}", place(&pushed.listing), pushed.from, pushed.to)
}

/// All that is worth knowing of an account.
pub(super) fn account(view: &AccountView) -> Vec<String> {
    let (account, health) = (&view.account, &view.health);
    let mut words = Vec::new();
    let mut say = |is: bool, text: String| {
        if is {
            words.push(text);
        }
    };
    say(account.paused, "paused".into());
    say(account.frozen.is_some(), "frozen".into());
    say(!health.contested.is_empty(), format!("contested: {}", health.contested.join(", ")));
    say(health.two_hubs.is_some(), "another hub writes it".into());
    let has_log = view.capabilities.feed == FeedKind::Movements;
    say(has_log && !account.feed, "counts by orders: its log may not be read".into());
    say(account.quarantine.is_some(), format!("quarantine: {}", account.quarantine.clone().unwrap_or_default()));
    say(health.error.is_some(), format!("failed: {}", health.error.clone().unwrap_or_default()));
    say(health.refused > 0, format!("webhooks refused: {}", health.refused));
    say(health.unreadable > 0, format!("webhooks unreadable: {}", health.unreadable));
    say(!health.unknown_skus.is_empty(), format!("unknown SKUs: {}", health.unknown_skus.join(", ")));
    say(!health.clashes.is_empty(), format!("clashes: {}", health.clashes.join(", ")));
    let lines = health.unaccounted.iter().map(|line| format!("{} {}", line.quantity, line.sku));
    let lines: Vec<String> = lines.collect();
    say(!lines.is_empty(), format!("sold without a movement: {}", lines.join(", ")));
    let named = |what: &str, names: Vec<String>| format!("{what}: {}", names.join(", "));
    let troubles = health.troubles.iter().map(|one| format!("{} ({})", one.sku, one.why)).collect();
    say(!health.troubles.is_empty(), named("not written", troubles));
    say(!health.unlinked.is_empty(), named("not linked", health.unlinked.values().cloned().collect()));
    say(!health.closed.is_empty(), named("closed", health.closed.values().cloned().collect()));
    say(view.waiting > 0, format!("waiting: {}", view.waiting));
    if words.is_empty() { vec!["well".into()] } else { words }
}

/// What adoption found.
pub(super) fn adoption(adoption: &Adoption) -> Vec<String> {
    let done = if adoption.applied { "adopted" } else { "would adopt" };
    let snapshot = if adoption.snapshot.is_some() { ", snapshot kept" } else { "" };
    let (items, listings) = (adoption.new_items, adoption.new_listings);
    let mut lines = vec![format!("{done} {items} items and {listings} listings{snapshot}")];
    lines.extend(adoption.accounts.iter().map(|(id, found)| format!("{id}: {}", adopted(found))));
    let difference =
        |one: &engine::adopt::Difference| format!("{} at {}: {} -> {}", one.sku, place(&one.listing), one.from, one.to);
    lines.extend(adoption.differences.iter().map(difference));
    lines
}

fn adopted(found: &AccountAdoption) -> String {
    let mut parts = vec![format!("{} units, {} matched", found.units, found.matched)];
    if found.will_change > 0 {
        parts.push(format!("{} will change (+{} -{})", found.will_change, found.gains, found.losses));
    }
    let counts = [
        (found.without_sku, "without SKU"),
        (found.bundles, "bundles"),
        (found.not_on_master, "not on the master"),
        (found.missing, "missing"),
    ];
    parts.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    if !found.clashes.is_empty() {
        parts.push(format!("clashes: {}", found.clashes.join(", ")));
    }
    parts.extend(found.near_misses.iter().map(|(here, there)| format!("{here:?} is nearly {there:?}")));
    parts.join("; ")
}

/// One line of an uploaded file.
pub(super) fn line(line: &LineResult) -> String {
    let done = line.change.as_ref().map(|change| format!("{} -> {}", change.before, change.after));
    let error = line.error.as_ref().map(|error| format!("refused: {error}"));
    format!("line {} {}: {}", line.line, line.sku, done.or(error).unwrap_or_default())
}

/// A webhook that nobody could read.
pub(super) fn kept(kept: &KeptHook) -> String {
    let shape: String = kept.shape.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
    format!("{}; shape {shape}", kept.reason)
}

/// The rules behind a number.
pub(super) fn steps(steps: &[Step]) -> String {
    let from = |step: &Step| step.from.as_ref().map(|from| format!(" ({from})")).unwrap_or_default();
    let words = steps.iter().map(|step| format!("{} {}{}", step.rule, step.quantity, from(step)));
    words.collect::<Vec<_>>().join(" > ")
}
