//! The list of items: search, filters, and what each store shows.

use super::form::link;
use super::gate::{Asked, Trouble};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Tone, badge, number};
use super::{filters, words};
use crate::App;
use axum::extract::State;
use domain::{AccountId, Role};
use engine::Connected;
use engine::filter::Filter;
use engine::items::{ItemView, ListingView, Standing};
use engine::people::UserRole;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of one page.
const PAGE: usize = 50;
/// Stores with a column of their own; more are counted in one.
const COLUMNS: usize = 6;

/// The list.
pub(super) async fn list(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    let (filter, after) = (filters::read(&asked)?, asked.text("after"));
    let from = asked.filled("after").map(str::to_owned);
    let only_text = Filter { text: String::new(), ..filter.clone() } == Filter::default();
    let page = match (only_text, filter.text.as_str()) {
        (true, "") => app.hub.list_items("", from, PAGE).await?,
        (true, text) => app.hub.search_items(text, from, PAGE).await?,
        (false, _) => app.hub.find_items(&filter, from, PAGE).await?,
    };
    let (connected, saved, groups) =
        futures::try_join!(app.hub.accounts(), app.hub.saved_filters(), app.hub.list_groups())?;
    let (accounts, may) = (columns(&connected), viewer.may(UserRole::Operator));
    let shown = ui::counted(page.rows.len() as u64, "item", "items");
    let parameters = filters::parameters(&filter);
    let pairs: Vec<(&str, &str)> = parameters.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let body = html! {
        (filters::tabs(&filter, &saved))
        section.card {
            header {
                (search_form(&filter))
                div.row {
                    @if may { (filters::remove_button(&viewer, &filter, &saved)) }
                    @if may && !page.rows.is_empty() { a.btn href=(filters::address("/items/bulk", &filter)) { (icon(Icon::Rules)) (if filter == Filter::default() { "Change all items" } else { "Change these items" }) } }
                }
            }
            @if !accounts.is_empty() { (filters::more(&viewer, &filter, &accounts, &groups, may)) }
            @if page.rows.is_empty() && page.next.is_none() { (nothing(&filter, accounts.is_empty())) } @else {
                div data-live="items" {
                    @if page.rows.is_empty() { (ui::empty(Icon::Search, "None so far", "Nothing among the items that were looked at matches this filter; others follow on the next page.", None)) }
                    @else { (ui::scroll("Items", &table(&page.rows, &accounts))) }
                }
                footer { (ui::pager("/items", &pairs, after, page.next.as_deref(), &shown)) }
            }
        }
    };
    let file = html! { @if may { a.btn href="/stock-file" { (icon(Icon::Upload)) "Stock file" } } };
    let head = Head::new("Items").lead("Every SKU, with its level here and in each store.").actions(file);
    Ok(viewer.page(&head.every(8), &body))
}

/// The accounts in the order of their columns: the master first.
fn columns(accounts: &BTreeMap<AccountId, Connected>) -> Vec<AccountId> {
    let mut all: Vec<&Connected> = accounts.values().collect();
    all.sort_by_key(|connected| (connected.account.role == Role::Replica, connected.account.id.clone()));
    all.iter().map(|connected| connected.account.id.clone()).collect()
}

fn search_form(filter: &Filter) -> Markup {
    html! {
        form.search method="get" action="/items" role="search" {
            @for (name, text) in filters::parameters(filter).iter().filter(|(name, _)| name != "q") { input type="hidden" name=(name) value=(text); }
            label.hidden for="f-q" { "Search by SKU or title" }
            input #f-q type="search" name="q" value=(filter.text) placeholder="Part of a SKU or title" title="Press / to search" autocomplete="off" spellcheck="false";
            button.btn type="submit" { (icon(Icon::Search)) "Search" }
        }
    }
}

fn nothing(filter: &Filter, no_store: bool) -> Markup {
    let is_plain = *filter == Filter::default();
    match (is_plain, filter.text.is_empty(), no_store) {
        (false, false, _) => ui::empty(
            Icon::Search,
            "Nothing found",
            "No SKU and no title has this in it. Try a shorter part.",
            Some(("/items", "Show all items")),
        ),
        (false, true, _) => ui::empty(
            Icon::Check,
            "No item is like that",
            "Nothing matches this filter just now.",
            Some(("/items", "Show all items")),
        ),
        (true, _, true) => ui::empty(
            Icon::Items,
            "No items yet",
            "Connect a store first: its products become the items here.",
            Some(("/accounts/new", "Connect a store")),
        ),
        (true, _, false) => ui::empty(
            Icon::Items,
            "No items yet",
            "The first sync matches the products of your stores by SKU.",
            Some(("/first-sync", "Preview the first sync")),
        ),
    }
}

fn table(rows: &[ItemView], accounts: &[AccountId]) -> Markup {
    let columns = &accounts[..accounts.len().min(COLUMNS)];
    html! {
        table.fold {
            thead { tr {
                th scope="col" { "SKU" }
                th.num scope="col" { "Stock" }
                @for account in columns { th.num scope="col" { (account) } }
                @if accounts.len() > COLUMNS { th.num scope="col" { "other stores" } }
                th scope="col" { "State" }
            } }
            tbody { @for item in rows { (row(item, columns)) } }
        }
    }
}

fn row(item: &ItemView, columns: &[AccountId]) -> Markup {
    let others: Vec<&ListingView> =
        item.listings.iter().filter(|listing| !columns.contains(&listing.listing.account)).collect();
    html! {
        tr {
            th scope="row" {
                a.sku href=(link("/item", &[("sku", item.sku.as_str())])) { (item.sku) }
                @if item.title != item.sku.as_str() { span.sub { (item.title) } }
                @if !item.parts.is_empty() { " " (badge(Tone::Plain, "Kit")) }
            }
            td.num.strong data-name="Stock" data-watch={ (item.sku) "#" } {
                (number(item.level))
                @if item.warehouses.len() > 1 { span.sub { @for (at, (warehouse, level)) in item.warehouses.iter().enumerate() { @if at > 0 { " · " } (warehouse) " " (number(*level)) } } }
            }
            @for account in columns {
                td.num data-name=(account) data-watch={ (item.sku) "#" (account) } { (in_store(item, account)) }
            }
            @if item.listings.len() > others.len() && !others.is_empty() || columns.len() == COLUMNS {
                td.num data-name="Other stores" { (others.len()) }
            }
            td.corner { (state(item)) }
        }
    }
}

/// The level in a store, with the level that it will get.
fn in_store(item: &ItemView, account: &AccountId) -> Markup {
    let ours: Vec<&ListingView> = item.listings.iter().filter(|listing| listing.listing.account == *account).collect();
    html! {
        @if ours.is_empty() { span.soft { "–" } }
        @for listing in &ours {
            span class=(if ours.len() > 1 { "level place" } else { "level" }) {
                @if ours.len() > 1 { span.soft { (listing.location_name.as_deref().unwrap_or(listing.listing.location.as_str())) } }
                @match listing.shadow { Some(level) => (number(level)), None => span.soft { "?" } }
                @if let Some(to) = differs(listing) { span.to.warn { "→ " (number(to)) } }
            }
        }
    }
}

/// The level that a listing shall get, if it has another.
pub(super) fn differs(listing: &ListingView) -> Option<i64> {
    let is_due = matches!(listing.standing, Standing::Due | Standing::Pending);
    listing.target.map(|target| target.max(0)).filter(|target| is_due && listing.shadow != Some(*target))
}

/// The state of an item: that of its worst listing.
pub(super) fn state(item: &ItemView) -> Markup {
    let worst = item
        .listings
        .iter()
        .map(|listing| words::standing(listing.standing, listing.hold))
        .max_by_key(|(tone, _)| *tone);
    let plain = |tone: Tone| tone == Tone::Good || tone == Tone::Plain;
    html! {
        @match worst {
            None => (badge(Tone::Plain, "In no store")),
            Some((tone, _)) if plain(tone) => (badge(Tone::Good, "In sync")),
            Some((tone, text)) => (badge(tone, text)),
        }
    }
}
