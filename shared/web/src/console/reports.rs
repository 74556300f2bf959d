//! What long jobs came to.

use super::ui::{self, Tone, count, number, signed};
use engine::adopt::{AccountAdoption, Adoption, Difference};
use maud::{Markup, html};

/// Names shown of a long list.
const NAMES: usize = 10;
/// Lines shown of a long list.
const LINES: usize = 100;

fn tile(name: &str, value: &str) -> Markup {
    html! { div.tile { dt { (name) } dd { (value) } } }
}

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
        @if !found.differences.is_empty() { (differences(&found.differences, change)) }
    }
}

fn by_store(found: &Adoption) -> Markup {
    html! {
        table.fold {
            thead { tr {
                th scope="col" { "Store" } th.num scope="col" { "Products" } th.num scope="col" { "Matched" } th.num scope="col" { "Change" }
                th.num scope="col" { "Units up" } th.num scope="col" { "Units down" } th.num scope="col" { "Not on the master" } th.num scope="col" { "Missing there" }
            } }
            tbody { @for (id, account) in &found.accounts { tr {
                th scope="row" { (id) }
                td.num data-name="Products" { (count(account.units)) }
                td.num data-name="Matched" { (count(account.matched)) }
                td.num.strong data-name="Change" { (count(account.will_change)) }
                td.num.good data-name="Units up" { (signed(account.gains)) }
                td.num.bad data-name="Units down" { (signed(-account.losses)) }
                td.num data-name="Not on the master" { (count(account.not_on_master)) }
                td.num data-name="Missing there" { (count(account.missing)) }
            } } }
        }
    }
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

fn differences(all: &[Difference], change: u64) -> Markup {
    let table = html! {
        table {
            thead { tr { th scope="col" { "SKU" } th scope="col" { "Store" } th.num scope="col" { "Shows" } th.num scope="col" { "Will show" } th.num scope="col" { "By" } } }
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
        h2 { "Levels that change" }
        (ui::scroll("Levels that change", &table))
        @if change > all.len().min(LINES) as u64 { p.soft { "The first " (all.len().min(LINES)) " of " (count(change)) " are shown." } }
    }
}
