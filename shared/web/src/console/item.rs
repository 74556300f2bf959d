//! One item: its levels over time, why each store shows its number, and what can be done with it.

use super::form::{Fields, Wrong, capital, link};
use super::gate::{Asked, Sent, Trouble, done, went};
use super::icons::{Icon, icon};
use super::items::{differs, state};
use super::layout::{Head, Viewer};
use super::ui::{self, Input, Tone, badge, count, number};
use super::{chart, feed, kits, mapping, rules, snapshots, words};
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::plan::Hold;
use domain::{AccountId, Sku, WarehouseId};
use engine::Error;
use engine::items::{Explanation, ItemView, ListingView, ListingWhy, Standing};
use engine::people::UserRole;
use engine::stock::{Amount, StockEdit};
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

/// Lines of history on an item's page.
const LINES: usize = 25;
/// Lines of history that the chart is drawn from.
const CHART: usize = 400;

/// One item.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    let sku = sku(&asked)?;
    show(&app, &viewer, &sku, &asked, None).await
}

/// The SKU that an address or a form names.
pub(super) fn sku(fields: &Fields) -> Result<Sku, Error> {
    Sku::new(fields.raw("sku")).map_err(|error| Error::Invalid(error.to_string()))
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
    let accounts: Vec<AccountId> = item.listings.iter().map(|listing| listing.listing.account.clone()).collect();
    let set = rules::of(app, sku, &accounts).await?;
    let body = html! {
        section.card {
            div data-live="hero" { (hero(&item)) }
            div data-live="chart" { (chart::levels(&chart.rows, hub.clock.now())) }
        }
        div.cols.split {
            div.at-top {
                section.card {
                    header { div { h2 { "Why this number" } p { "From what was counted to what each store shows." } } }
                    div.body data-live="why" { (explained(&why)) }
                }
            }
            div.at-side {
                @if may { (edit_form(viewer, &item, wrong)) }
                section.card { header { h2 { "In the stores" } } div data-live="stores" { (stores(viewer, &item, may)) } }
                (rules_card(&item, &set, may))
                (kits::card(&item.sku, &item.parts, &item.kits, may))
            }
            div.at-rest {
                section.card {
                    header { h2 { "History" } }
                    div data-live="history" {
                        @if lines.rows.is_empty() {
                            (ui::empty(Icon::History, "Nothing has happened yet", "Each sale, edit and write of this item is kept here.", None))
                        } @else { (feed::list(&lines.rows, false)) }
                    }
                    footer { (ui::pager("/item", &[("sku", sku.as_str())], asked.text("after"), lines.next.as_deref(), "Newest first")) }
                }
                @if may { (snapshots::item_form(viewer, sku)) }
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

fn rules_card(item: &ItemView, set: &[rules::Own], may: bool) -> Markup {
    html! {
        section.card {
            header {
                div { h2 { "Rules" } p { "What is set for this item; the rest comes from its groups, the store and the hub." } }
                @if may { a.btn.small href=(rules::of_item(&item.sku, None)) { "Change" } }
            }
            div.body.stack-s {
                @if !item.groups.is_empty() { p { "In " @for (at, group) in item.groups.iter().enumerate() { @if at > 0 { ", " } a href=(link("/items", &[("group", group.as_str())])) { (group) } } } }
                @for own in set { p { (rules::own(own)) } }
                @if set.is_empty() { p.soft { "Nothing of its own." } }
            }
        }
    }
}

fn stores(viewer: &Viewer, item: &ItemView, may: bool) -> Markup {
    html! {
        @if item.listings.is_empty() { (ui::empty(Icon::Accounts, "In no store", "No connected store has this SKU.", None)) }
        @else { ul.todo { @for listing in &item.listings { (store(viewer, item, listing, may)) } } }
    }
}

fn store(viewer: &Viewer, item: &ItemView, listing: &ListingView, may: bool) -> Markup {
    let (tone, text) = words::standing(listing.standing, listing.hold);
    html! {
        li.between {
            div {
                p.row { a.strong href={ "/accounts/" (listing.listing.account) } { (listing.listing.account) } (badge(tone, text)) }
                @if listing.listing.location != domain::LocationId::single() { p.soft { "Location " @match &listing.location_name { Some(name) => (name), None => (listing.listing.location) } } }
                @if let Some(hold) = listing.hold { p.soft { (words::hold(hold)) } }
                @if let Some(trouble) = &listing.trouble { p.bad { (trouble) } }
                p.soft { "Product " span.mono { (listing.external) } }
                @if may {
                    div.row.tight {
                        a.btn.small.quiet href=(rules::of_item(&item.sku, Some(&listing.listing.account))) aria-label={ "Rules of " (item.sku) " in " (listing.listing.account) } { "Rules" }
                        @if listing.hold == Some(Hold::Contested) { (release(viewer, item, listing)) }
                        (mapping::unlink_button(viewer, &item.sku, &listing.listing))
                    }
                }
            }
            p.num.strong data-watch={ "shows " (listing.listing) } {
                @match listing.shadow { Some(level) => (number(level)), None => span.soft { "unknown" } }
                @if let Some(to) = differs(listing) { span.warn { " → " (number(to)) } }
            }
        }
    }
}

/// Has a listing written again that another program fought over.
fn release(viewer: &Viewer, item: &ItemView, listing: &ListingView) -> Markup {
    html! {
        form.inline method="post" action="/item/release" {
            (viewer.token())
            input type="hidden" name="sku" value=(item.sku);
            input type="hidden" name="account" value=(listing.listing.account);
            button.btn.small type="submit" { span.spin {} "Release" }
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
                        li.sign { (if *by < 0 { "−" } else { "+" }) }
                        li { b { (count(by.unsigned_abs())) } span { (words::counted_where(listing)) } }
                    }
                    li.sign aria-hidden="true" { "=" }
                    li.sum { b { (number(why.level)) } span { "in stock" } }
                }
            }
            @for listing in &why.listings { li { (listing_why(listing)) } }
        }
    }
}

/// What stands between two steps: the levels of several warehouses are added up, then rules follow one another.
fn sign(before: &str, after: &str) -> &'static str {
    match (before.starts_with("in "), after.starts_with("in ")) {
        (true, true) => "+",
        (true, false) => "=",
        (false, _) => "→",
    }
}

fn listing_why(listing: &ListingWhy) -> Markup {
    let view = &listing.view;
    let (tone, text) = words::standing(view.standing, view.hold);
    let shows = view.shadow.map_or_else(|| "unknown".to_owned(), number);
    let is_right = view.standing == Standing::InSync;
    html! {
        h3 { a href={ "/accounts/" (view.listing.account) } { (view.listing.account) } @if let Some(name) = &view.location_name { span.soft { (name) } } (badge(tone, text)) }
        ol.why {
            @for (place, step) in listing.steps.iter().enumerate() {
                @if place > 0 { li.sign aria-hidden="true" { (sign(&listing.steps[place - 1].rule, &step.rule)) } }
                li { b { (number(step.quantity)) } span { (step.rule) @if let Some(from) = &step.from { em { " by " (words::source(from)) } } } }
            }
            @if listing.steps.is_empty() { li { b { "–" } span { "never written" } } }
            li.sign aria-hidden="true" { "→" }
            li class=(if is_right { "sum" } else { "off" }) { b { (shows) } span { "the store shows" } }
        }
        @if let Some(hold) = view.hold { p.help { (words::hold(hold)) @if let Some(from) = &listing.mode_from { " Set for " (words::source(from)) "." } } }
        @if let Some((at, pushed)) = &listing.last_push {
            @let (_, ended) = words::ended(pushed.outcome);
            p.help { "Last write: " (number(pushed.from)) " → " (number(pushed.to)) ", " (ended) ", " (ui::ago(*at)) }
        }
    }
}

fn edit_form(viewer: &Viewer, item: &ItemView, wrong: Option<(&Wrong, &Fields)>) -> Markup {
    let (wrong, sent) = (wrong.map(|(wrong, _)| wrong), wrong.map(|(_, sent)| sent));
    let places: Vec<(String, String)> =
        item.warehouses.iter().map(|(id, level)| (id.to_string(), format!("{id}, has {}", number(*level)))).collect();
    let how = sent.map_or("set", |sent| sent.text("how"));
    html! {
        section.card {
            header { div { h2 { "Edit stock" } p { "Every store follows within seconds." } } }
            form.body method="post" action="/item/stock" {
                (viewer.token())
                input type="hidden" name="sku" value=(item.sku);
                @if let Some(said) = Wrong::above(wrong, &["quantity", "reason"]) { (ui::say(Tone::Bad, "", said)) }
                (ui::choices("how", "How", how, &[("set", "Set to a counted number", ""), ("adjust", "Add or take away", "")]))
                @if places.len() > 1 { (ui::select("warehouse", "Warehouse", ui::held(sent, "warehouse", ""), &places)) }
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
    let warehouse = sent.filled("warehouse").map(WarehouseId::new).transpose();
    let warehouse = warehouse.map_err(|error| Wrong::at("", capital(&error.problem)))?;
    Ok(StockEdit { amount, reason: sent.text("reason").to_owned(), warehouse })
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

/// Has a listing written again.
pub(super) async fn released(State(app): State<Arc<App>>, Sent(sent): Sent) -> Result<Response, Trouble> {
    let sku = sku(&sent)?;
    let account = AccountId::new(sent.text("account")).map_err(|error| Error::Invalid(error.to_string()))?;
    app.hub.release_contested(&sku, &account).await?;
    Ok(done(&link("/item", &[("sku", sku.as_str())]), &format!("It is written in {account} again.")))
}
