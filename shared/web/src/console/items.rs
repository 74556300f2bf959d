//! The list of items, and one item: its levels over time, why each store shows its number, and editing its stock.

use super::form::{Fields, Wrong, link};
use super::gate::{Asked, Sent, Trouble, done, went};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Input, Tone, badge, number, signed};
use super::{chart, feed, words};
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{AccountId, Role, Sku};
use engine::Connected;
use engine::items::{Explanation, ItemView, ListingView, ListingWhy, Standing};
use engine::people::UserRole;
use engine::stock::{Amount, StockEdit};
use http::StatusCode;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of one page.
const PAGE: usize = 50;
/// Lines of history on an item's page.
const LINES: usize = 25;
/// Lines of history that the chart is drawn from.
const CHART: usize = 400;
/// Stores with a column of their own; more are counted in one.
const COLUMNS: usize = 6;

/// The list.
pub(super) async fn list(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    let (search, after) = (asked.text("q"), asked.text("after"));
    let from = asked.filled("after").map(str::to_owned);
    let page = match search {
        "" => app.hub.list_items("", from, PAGE).await?,
        text => app.hub.search_items(text, from, PAGE).await?,
    };
    let accounts = columns(&*app.hub.accounts().await?);
    let shown = ui::counted(page.rows.len() as u64, "item", "items");
    let body = html! {
        section.card {
            header { (search_form(search)) }
            @if page.rows.is_empty() { (nothing(search, accounts.is_empty())) } @else {
                div data-live="items" { (ui::scroll("Items", &table(&page.rows, &accounts))) }
                footer { (ui::pager("/items", &[("q", search)], after, page.next.as_deref(), &shown)) }
            }
        }
    };
    Ok(viewer.page(&Head::new("Items").lead("Every SKU, with its level here and in each store.").every(8), &body))
}

/// The accounts in the order of their columns: the master first.
fn columns(accounts: &BTreeMap<AccountId, Connected>) -> Vec<AccountId> {
    let mut all: Vec<&Connected> = accounts.values().collect();
    all.sort_by_key(|connected| (connected.account.role == Role::Replica, connected.account.id.clone()));
    all.iter().map(|connected| connected.account.id.clone()).collect()
}

fn search_form(search: &str) -> Markup {
    html! {
        form.search method="get" action="/items" role="search" {
            label.hidden for="f-q" { "Search by SKU or title" }
            input #f-q type="search" name="q" value=(search) placeholder="Part of a SKU or title  ( / )" autocomplete="off" spellcheck="false";
            button.btn type="submit" { (icon(Icon::Search)) "Search" }
        }
    }
}

fn nothing(search: &str, no_store: bool) -> Markup {
    match (search.is_empty(), no_store) {
        (false, _) => ui::empty(
            Icon::Search,
            "Nothing found",
            "No SKU and no title has this in it. Try a shorter part.",
            Some(("/items", "Show all items")),
        ),
        (true, true) => ui::empty(
            Icon::Items,
            "No items yet",
            "Connect a store first: its products become the items here.",
            Some(("/accounts/new", "Connect a store")),
        ),
        (true, false) => ui::empty(
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
            }
            td.num.strong data-name="Stock" data-watch={ (item.sku) "#" } { (number(item.level)) }
            @for account in columns {
                td.num data-name=(account) data-watch={ (item.sku) "#" (account) } { (in_store(item, account)) }
            }
            @if item.listings.len() > others.len() && !others.is_empty() || columns.len() == COLUMNS {
                td.num data-name="Other stores" { (others.len()) }
            }
            td { (state(item)) }
        }
    }
}

/// The level in a store, with the level that it will get.
fn in_store(item: &ItemView, account: &AccountId) -> Markup {
    let ours: Vec<&ListingView> = item.listings.iter().filter(|listing| listing.listing.account == *account).collect();
    html! {
        @if ours.is_empty() { span.soft { "–" } }
        @for listing in ours {
            span.level {
                @match listing.shadow { Some(level) => (number(level)), None => span.soft { "?" } }
                @if let Some(to) = differs(listing) { span.to.warn { "→ " (number(to)) } }
            }
        }
    }
}

/// The level that a listing shall get, if it has another.
fn differs(listing: &ListingView) -> Option<i64> {
    let is_due = matches!(listing.standing, Standing::Due | Standing::Pending);
    listing.target.map(|target| target.max(0)).filter(|target| is_due && listing.shadow != Some(*target))
}

/// The state of an item: that of its worst listing.
fn state(item: &ItemView) -> Markup {
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

/// One item.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    let sku = sku(&asked)?;
    show(&app, &viewer, &sku, &asked, None).await
}

fn sku(fields: &Fields) -> Result<Sku, Trouble> {
    Ok(Sku::new(fields.raw("sku")).map_err(|error| engine::Error::Invalid(error.to_string()))?)
}

async fn show(
    app: &App,
    viewer: &Viewer,
    sku: &Sku,
    asked: &Fields,
    wrong: Option<(&Wrong, &Fields)>,
) -> Result<Markup, Trouble> {
    let hub = &app.hub;
    let after = asked.filled("after").map(str::to_owned);
    let (item, why, chart, lines) = futures::try_join!(
        hub.show_item(sku),
        hub.explain(sku),
        hub.history(sku, None, CHART),
        hub.history(sku, after, LINES),
    )?;
    let may = viewer.may(UserRole::Operator);
    let body = html! {
        section.card {
            div data-live="hero" { (hero(&item)) }
            div data-live="chart" { (chart::levels(&chart.rows, hub.clock.now())) }
        }
        div.cols {
            div {
                section.card {
                    header { div { h2 { "Why this number" } p { "From what was counted to what each store shows." } } }
                    div.body data-live="why" { (explained(&why)) }
                }
                section.card {
                    header { h2 { "History" } }
                    div data-live="history" {
                        @if lines.rows.is_empty() {
                            (ui::empty(Icon::History, "Nothing has happened yet", "Each sale, edit and write of this item is kept here.", None))
                        } @else { (feed::list(&lines.rows, false)) }
                    }
                    footer { (ui::pager("/item", &[("sku", sku.as_str())], asked.text("after"), lines.next.as_deref(), "Newest first")) }
                }
            }
            div {
                @if may { (edit_form(viewer, sku, wrong)) }
                section.card { header { h2 { "In the stores" } } div data-live="stores" { (stores(&item)) } }
            }
        }
    };
    let sync = html! { @if may { (sync_button(viewer, sku)) } };
    let head = Head::new(sku.as_str()).lead(if item.title == sku.as_str() { "" } else { &item.title });
    Ok(viewer.page(&head.up("/items", "Items").actions(sync).every(4), &body))
}

fn sync_button(viewer: &Viewer, sku: &Sku) -> Markup {
    html! {
        form method="post" action="/item/sync" {
            (viewer.token())
            input type="hidden" name="sku" value=(sku);
            button.btn type="submit" { span.spin {} (icon(Icon::Sync)) "Sync now" }
        }
    }
}

fn hero(item: &ItemView) -> Markup {
    html! {
        dl.hero {
            div { dt { "Stock" } dd.big data-watch="level" { (number(item.level)) } }
            @if item.warehouses.len() > 1 {
                @for (warehouse, level) in &item.warehouses { div { dt { (warehouse) } dd { (number(*level)) } } }
            }
            @if item.level < 0 { div { (badge(Tone::Bad, "Oversold: the next delivery pays these units back")) } }
            @else if item.level == 0 { div { (badge(Tone::Warn, "Sold out")) } }
            div { dt { "State" } dd { (state(item)) } }
        }
    }
}

fn stores(item: &ItemView) -> Markup {
    html! {
        @if item.listings.is_empty() { (ui::empty(Icon::Accounts, "In no store", "No connected store has this SKU.", None)) }
        @else { ul.todo { @for listing in &item.listings { (store(listing)) } } }
    }
}

fn store(listing: &ListingView) -> Markup {
    let (tone, text) = words::standing(listing.standing, listing.hold);
    html! {
        li {
            div {
                p.row { a.strong href={ "/accounts/" (listing.listing.account) } { (listing.listing.account) } (badge(tone, text)) }
                @if listing.listing.location != domain::LocationId::single() { p.soft { "Location " (listing.listing.location) } }
                @if let Some(hold) = listing.hold { p.soft { (words::hold(hold)) } }
                p.soft { "Product " span.mono { (listing.external) } }
            }
            p.num.strong data-watch={ "shows " (listing.listing) } {
                @match listing.shadow { Some(level) => (number(level)), None => span.soft { "unknown" } }
                @if let Some(to) = differs(listing) { span.warn { " → " (number(to)) } }
            }
        }
    }
}

fn explained(why: &Explanation) -> Markup {
    html! {
        ol.whys {
            li {
                h3 { "Stock of this item" }
                ol.why {
                    li { b { (number(why.base.values().sum())) } span { "at the start" } }
                    @for (listing, by) in why.counted.iter().filter(|(_, by)| **by != 0) {
                        li.sign aria-hidden="true" { (if *by < 0 { "−" } else { "+" }) }
                        li { b { (signed(*by)) } span { (if listing.is_hub() { "edited here".to_owned() } else { format!("counted in {}", listing.account) }) } }
                    }
                    li.sign aria-hidden="true" { "=" }
                    li.sum { b { (number(why.level)) } span { "in stock" } }
                }
            }
            @for listing in &why.listings { li { (listing_why(listing)) } }
        }
    }
}

fn listing_why(listing: &ListingWhy) -> Markup {
    let view = &listing.view;
    let (tone, text) = words::standing(view.standing, view.hold);
    let shows = view.shadow.map_or_else(|| "unknown".to_owned(), number);
    let is_right = view.standing == Standing::InSync;
    html! {
        h3 { a href={ "/accounts/" (view.listing.account) } { (view.listing.account) } (badge(tone, text)) }
        ol.why {
            @for (place, step) in listing.steps.iter().enumerate() {
                @if place > 0 { li.sign aria-hidden="true" { "→" } }
                li { b { (number(step.quantity)) } span { (step.rule) } }
            }
            @if listing.steps.is_empty() { li { b { "–" } span { "never written" } } }
            li.sign aria-hidden="true" { "→" }
            li class=(if is_right { "sum" } else { "off" }) { b { (shows) } span { "the store shows" } }
        }
        @if let Some(hold) = view.hold { p.help { (words::hold(hold)) } }
        @if let Some((at, pushed)) = &listing.last_push {
            @let (_, ended) = words::ended(pushed.outcome);
            p.help { "Last write: " (number(pushed.from)) " → " (number(pushed.to)) ", " (ended) ", " (ui::ago(*at)) }
        }
    }
}

fn edit_form(viewer: &Viewer, sku: &Sku, wrong: Option<(&Wrong, &Fields)>) -> Markup {
    let (wrong, sent) = (wrong.map(|(wrong, _)| wrong), wrong.map(|(_, sent)| sent));
    let how = sent.map_or("set", |sent| sent.text("how"));
    html! {
        section.card {
            header { div { h2 { "Edit stock" } p { "Every store follows within seconds." } } }
            form.body method="post" action="/item/stock" {
                (viewer.token())
                input type="hidden" name="sku" value=(sku);
                @if let Some(said) = Wrong::above(wrong, &["quantity", "reason"]) { (ui::say(Tone::Bad, "", said)) }
                (ui::choices("how", "How", how, &[("set", "Set to a counted number", ""), ("adjust", "Add or take away", "")]))
                (Input::text("quantity", "Units").kind("number").value(ui::held(sent, "quantity", "")).help("A minus sign takes away.").field(wrong))
                (Input::text("reason", "Reason").value(ui::held(sent, "reason", "")).help("Stock take, delivery, damage … The history shows it with your name.").field(wrong))
                (ui::submit("Save"))
            }
        }
    }
}

/// Edits the stock of an item.
pub(super) async fn edit(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let sku = sku(&sent)?;
    let edited = match read_edit(&sent) {
        Ok(edit) => app
            .hub
            .edit_stock(&sku, &edit, &viewer.caller.name)
            .await
            .map_err(|error| Wrong::of(&error, &["quantity", "reason"])),
        Err(wrong) => Err(wrong),
    };
    match edited {
        Ok(change) => {
            let said = format!("{sku}: {} → {}. The stores follow.", number(change.before), number(change.after));
            Ok(done(&link("/item", &[("sku", sku.as_str())]), &said))
        }
        Err(wrong) => {
            let page = show(&app, &viewer, &sku, &Fields::default(), Some((&wrong, &sent))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

fn read_edit(sent: &Fields) -> Result<StockEdit, Wrong> {
    let quantity = sent.number("quantity")?;
    let amount = if sent.text("how") == "adjust" { Amount::Adjust(quantity) } else { Amount::Set(quantity) };
    Ok(StockEdit { amount, reason: sent.text("reason").to_owned(), warehouse: None })
}

/// Looks at every listing of an item now.
pub(super) async fn sync(State(app): State<Arc<App>>, Sent(sent): Sent) -> Result<Response, Trouble> {
    let sku = sku(&sent)?;
    let report = app.hub.sync_item(&sku).await?;
    let to = link("/item", &[("sku", sku.as_str())]);
    if let Some(why) = report.failed.get(&sku) {
        return Ok(went(&to, Tone::Warn, &format!("Not everything worked: {why}")));
    }
    let said = match (report.counted, report.pushed, report.waiting) {
        (0, 0, 0) => "Every store already shows the right number.".to_owned(),
        (counted, pushed, waiting) => {
            format!("Looked at every store: {counted} counted, {pushed} written, {waiting} waiting.")
        }
    };
    Ok(done(&to, &said))
}
