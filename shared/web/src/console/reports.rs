//! What long jobs came to.

use super::form::link;
use super::icons::Icon;
use super::ui::{self, Tone, badge, count, number, signed, tile};
use domain::reconcile::Nomination;
use engine::adopt::{AccountAdoption, Adoption, Difference};
use engine::reconcile::{AccountComparison, Comparison};
use engine::runs::{ImportReport, RestoreReport};
use maud::{Markup, html};

/// Names shown of a long list.
const NAMES: usize = 10;
/// Lines shown of a long list.
const LINES: usize = 100;

/// The first sync.
pub(super) fn adoption(found: &Adoption) -> Markup {
    let change: u64 = found.accounts.values().map(|account| account.will_change).sum();
    let done = if found.applied { "changed" } else { "would change" };
    html! {
        dl.tiles {
            (tile("New items", &count(found.new_items)))
            (tile("New listings", &count(found.new_listings)))
            (tile("Known already", &count(found.known_listings)))
            (tile(&format!("Levels that {done}"), &count(change)))
        }
        @if found.applied { (ui::say(Tone::Good, "Done", "The stores get their levels now; the overview shows how far that is.")) }
        @else if change == 0 && found.new_listings == 0 { (ui::say(Tone::Good, "Nothing to do", "Every product is known and every level is right.")) }
        (ui::scroll("By store", &by_store(found)))
        @for (id, account) in &found.accounts { (oddities(id.as_str(), account)) }
        @if !found.differences.is_empty() { (differences(&found.differences, change, found.applied)) }
    }
}

fn by_store(found: &Adoption) -> Markup {
    html! {
        table.fold.tall {
            thead { tr {
                th scope="col" { "Store" } th.num scope="col" { "Products" } th.num scope="col" { "Matched" } th.num scope="col" { "Change" }
                th.num scope="col" { "Units up" } th.num scope="col" { "Units down" } th.num scope="col" { "Not on the master" } th.num scope="col" { "Missing there" }
            } }
            tbody { @for (id, account) in &found.accounts { tr {
                th scope="row" { (id) }
                td.num data-name="Products" { (count(account.units)) }
                td.num data-name="Matched" { (count(account.matched)) }
                td.num.strong data-name="Change" { (count(account.will_change)) }
                td class=(figure(account.gains == 0)) data-name="Units up" { span class=(if account.gains == 0 { "soft" } else { "good" }) { (signed(account.gains)) } }
                td class=(figure(account.losses == 0)) data-name="Units down" { span class=(if account.losses == 0 { "soft" } else { "bad" }) { (signed(-account.losses)) } }
                td class=(figure(account.not_on_master == 0)) data-name="Not on the master" { (count(account.not_on_master)) }
                td class=(figure(account.missing == 0)) data-name="Missing there" { (count(account.missing)) }
            } } }
        }
    }
}

/// The class of a figure; a zero is left out where each store is a card of its own.
pub(super) const fn figure(is_zero: bool) -> &'static str {
    if is_zero { "num nil" } else { "num" }
}

/// What a person should look at before anything is applied.
fn oddities(id: &str, account: &AccountAdoption) -> Markup {
    let listed = |skus: &[String]| {
        let first: Vec<&str> = skus.iter().take(NAMES).map(String::as_str).collect();
        let more = skus.len().saturating_sub(NAMES);
        if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
    };
    let near: Vec<String> =
        account.near_misses.iter().map(|(here, there)| format!("{here} (master: {there})")).collect();
    html! {
        @if !account.clashes.is_empty() { (ui::say(Tone::Warn, &format!("{id}: the same SKU at several products"), &format!("{}. They are not written until each has its own.", listed(&account.clashes)))) }
        @if !near.is_empty() { (ui::say(Tone::Warn, &format!("{id}: nearly the same SKU"), &format!("{}. They differ by case or spaces, so they are not matched.", listed(&near)))) }
        @if account.without_sku > 0 { (ui::say(Tone::Note, "", &format!("{id}: {} without a SKU; their stock is not tracked.", ui::counted(account.without_sku, "product", "products")))) }
        @if account.bundles > 0 { (ui::say(Tone::Note, "", &format!("{id}: {} made of other products; never written.", ui::counted(account.bundles, "product is", "products are")))) }
    }
}

fn differences(all: &[Difference], change: u64, applied: bool) -> Markup {
    let (title, before, after) = match applied {
        true => ("Levels that changed", "Showed", "Shows"),
        false => ("Levels that would change", "Shows", "Would show"),
    };
    let table = html! {
        table {
            thead { tr { th scope="col" { "SKU" } th scope="col" { "Store" } th.num scope="col" { (before) } th.num scope="col" { (after) } th.num scope="col" { "By" } } }
            tbody { @for line in all.iter().take(LINES) { tr {
                th scope="row" { span.sku { (line.sku) } }
                td { (line.listing.account) }
                td.num { (number(line.from)) }
                td.num.strong { (number(line.to)) }
                td.num { span class=(if line.to < line.from { "bad" } else { "good" }) { (signed(line.to - line.from)) } }
            } } }
        }
    };
    html! {
        h2 { (title) }
        (ui::scroll(title, &table))
        @if change > all.len().min(LINES) as u64 { p.soft { "The first " (all.len().min(LINES)) " of " (count(change)) " are shown." } }
    }
}

/// A comparison.
pub(super) fn comparison(found: &Comparison) -> Markup {
    html! {
        @for (id, account) in &found.accounts {
            section {
                h2.row { a href={ "/accounts/" (id) } { (id) } (verdict(account)) }
                @if let Some(error) = &account.error { p.bad { (error) } }
                @if let Some(why) = &account.quarantine {
                    (ui::say_with(Tone::Bad, "In quarantine", &html! { (why) ". " a href={ "/accounts/" (id) "/quarantine" } { "Review what was seen" } }))
                }
                dl.tiles {
                    (tile("Compared", &count(account.compared)))
                    (tile("Differ", &count(account.nominated)))
                    @for (name, many) in [("Not matched", account.unmapped), ("Missing there", account.missing), ("Clashes", account.clashes.len() as u64)] {
                        @if many > 0 { (tile(name, &count(many))) }
                    }
                }
                @if !account.shown.is_empty() { (ui::scroll("Differences", &shown(account))) }
            }
        }
        @if found.accounts.is_empty() { (ui::empty(Icon::Accounts, "Nothing to compare", "No store is connected.", None)) }
    }
}

fn verdict(account: &AccountComparison) -> Markup {
    match (&account.error, &account.quarantine, account.nominated) {
        (Some(_), ..) => badge(Tone::Bad, "Not compared"),
        (None, Some(_), _) => badge(Tone::Bad, "Quarantined"),
        (None, None, 0) => badge(Tone::Good, "Equal"),
        (None, None, _) => badge(Tone::Warn, "Looked at again"),
    }
}

const fn why(why: Nomination) -> &'static str {
    match why {
        Nomination::Differs => "shows another level than we knew",
        Nomination::Unseen => "its level was never known",
        Nomination::Abandoned => "a write was left half way",
        Nomination::Due => "should have been written",
    }
}

fn shown(account: &AccountComparison) -> Markup {
    let level = |level: Option<i64>| level.map_or_else(|| "?".to_owned(), number);
    html! {
        table.fold {
            thead { tr { th scope="col" { "SKU" } th.num scope="col" { "Known" } th.num scope="col" { "Seen" } th scope="col" { "Why" } } }
            tbody { @for (sku, reason, known, seen) in account.shown.iter().take(LINES) { tr {
                th scope="row" { a.sku href=(link("/item", &[("sku", sku.as_str())])) { (sku) } }
                td.num data-name="Known" { (level(*known)) } td.num.strong data-name="Seen" { (level(*seen)) } td.whole data-name="Why" { (why(*reason)) }
            } } }
        }
    }
}

/// A stock file.
pub(super) fn import(found: &ImportReport) -> Markup {
    html! {
        dl.tiles {
            (tile("Lines", &count(found.lines)))
            (tile(if found.dry_run { "Would change" } else { "Changed" }, &count(found.changed)))
            (tile("Unchanged", &count(found.unchanged)))
            (tile("Could not be done", &count(found.failed)))
            (tile("Units up", &signed(found.up)))
            (tile("Units down", &signed(-found.down.abs())))
        }
        @if found.zeroed > 0 { (ui::say(Tone::Warn, "", &format!("{} to zero or below.", ui::counted(found.zeroed, "SKU goes", "SKUs go")))) }
    }
}

/// A restore.
pub(super) fn restore(found: &RestoreReport) -> Markup {
    let table = html! {
        table {
            thead { tr { th scope="col" { "SKU" } th.num scope="col" { "Now" } th.num scope="col" { "After" } th.num scope="col" { "Sales kept" } } }
            tbody { @for line in found.differences.iter().take(LINES) { tr {
                th scope="row" { a.sku href=(link("/item", &[("sku", line.sku.as_str())])) { (line.sku) } }
                td.num { (number(line.before)) } td.num.strong { (number(line.after)) } td.num { (signed(line.sold)) }
            } } }
        }
    };
    html! {
        p { "Edits since " (ui::time(found.since)) (if found.applied { " were taken back." } else { " would be taken back." }) }
        dl.tiles {
            (tile("SKUs looked at", &count(found.items)))
            (tile(if found.applied { "Moved" } else { "Would move" }, &count(found.changed)))
            (tile("Units up", &signed(found.up)))
            (tile("Units down", &signed(-found.down.abs())))
            (tile("Sales that stay", &number(found.sold.abs())))
        }
        @if found.unclear != 0 { (ui::say(Tone::Warn, "", &format!("{} units were counted in stores that cannot tell sales from edits: they stay.", number(found.unclear.abs())))) }
        @if found.changed == 0 { (ui::say(Tone::Good, "Nothing to take back", "No edit since then.")) }
        @else { (ui::scroll("Levels that move", &table)) }
    }
}
