//! Stock feeds: files of others that are fetched by a schedule and carried into the stock.

use super::form::{Fields, Wrong, link};
use super::gate::{Asked, Sent, Trouble, done};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::stock_file::read_mode;
use super::ui::{self, Input, Tone, badge};
use super::words;
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use channels::Secret;
use domain::WarehouseId;
use engine::people::UserRole;
use engine::stock_feeds::{FeedResult, StockFeed, StockFeedView};
use engine::table::{Columns, Format};
use engine::warehouses::WarehouseView;
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

/// Every feed.
pub(super) async fn list(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    let feeds = app.hub.list_feeds().await?;
    let (admin, may) = (viewer.may(UserRole::Admin), viewer.may(UserRole::Operator));
    let body = html! {
        section.card data-live="feeds" {
            @if feeds.is_empty() { (ui::empty(Icon::Sync, "No stock feed yet", "A supplier or a warehouse that publishes its stock as a file: it is fetched by a schedule and carried into the stock.", admin.then_some(("/stock-feeds/edit", "Add a feed")))) }
            @else { ul.todo { @for feed in &feeds { (one(&viewer, feed, admin, may)) } } }
        }
    };
    let add = html! { @if admin && !feeds.is_empty() { a.btn.main-act href="/stock-feeds/edit" { (icon(Icon::Plus)) "Add a feed" } } };
    let head =
        Head::new("Stock feeds").lead("Stock files that are fetched by a schedule.").up("/stock-file", "Stock file");
    Ok(viewer.page(&head.actions(add).every(10), &body))
}

fn one(viewer: &Viewer, view: &StockFeedView, admin: bool, may: bool) -> Markup {
    let feed = &view.feed;
    html! {
        li.between {
            div {
                p.row { span.strong { (feed.name) } @if feed.paused { (badge(Tone::Warn, "Paused")) } @else if view.next.is_none() { (badge(Tone::Plain, "When asked")) } @else { (badge(Tone::Good, "Scheduled")) } }
                p.soft { (words::file_mode(feed.mode)) @if let Some(next) = view.next { ", next " (ui::ago(next)) } }
                @if let Some(last) = &view.last { (ended(last)) }
            }
            div.row {
                @if may {
                    form.inline method="post" action="/stock-feeds" {
                        (viewer.token())
                        input type="hidden" name="name" value=(feed.name);
                        button.btn.small type="submit" name="do" value="preview" aria-label={ "Preview " (feed.name) } { span.spin {} "Preview" }
                        button.btn.small type="submit" name="do" value="fetch" aria-label={ "Fetch " (feed.name) " now" } { span.spin {} "Fetch now" }
                    }
                }
                @if admin { a.btn.small href=(link("/stock-feeds/edit", &[("name", &feed.name)])) aria-label={ "Settings of " (feed.name) } { "Settings" } }
            }
        }
    }
}

fn ended(last: &FeedResult) -> Markup {
    html! {
        p {
            a href={ "/runs/" (last.run) } { "Last fetch" } " " (ui::ago(last.at)) ": "
            @match (&last.error, &last.report) {
                (Some(error), _) => span.bad { (error) },
                (None, Some(report)) => { (ui::counted(report.lines, "line", "lines")) ", " (ui::counted(report.changed, "SKU changed", "SKUs changed")) @if report.failed > 0 { span.warn { ", " (report.failed) " could not be done" } } },
                (None, None) => span.soft { "nothing" },
            }
        }
    }
}

/// The form of a feed, a new one or one that is there.
pub(super) async fn edit(State(app): State<Arc<App>>, viewer: Viewer, Asked(asked): Asked) -> Result<Markup, Trouble> {
    let view = match asked.filled("name") {
        Some(name) => Some(app.hub.show_feed(name).await?),
        None => None,
    };
    let blank = || Fields::of(vec![("format", "csv".into()), ("mode", "set".into())]);
    let sent = view.as_ref().map_or_else(blank, |view| fields_of(&view.feed));
    Ok(form(&viewer, view.as_ref(), &app.hub.list_warehouses().await?, &sent, None))
}

/// A feed as its form's fields.
fn fields_of(feed: &StockFeed) -> Fields {
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let format = if feed.format == Format::Json { "json" } else { "csv" };
    let mut pairs = vec![
        ("name", feed.name.clone()),
        ("url", feed.url.clone()),
        ("format", format.to_owned()),
        ("mode", words::file_mode_value(feed.mode).to_owned()),
        ("warehouse", feed.warehouse.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("minutes", feed.every_minutes.map(|minutes| minutes.to_string()).unwrap_or_default()),
        ("sku_column", text(feed.columns.sku.as_ref())),
        ("quantity_column", text(feed.columns.quantity.as_ref())),
        ("rows", text(feed.columns.rows.as_ref())),
        ("header", text(feed.header.as_ref())),
    ];
    pairs.extend(feed.missing_means_zero.then(|| ("missing_means_zero", "1".to_owned())));
    pairs.extend(feed.paused.then(|| ("paused", "1".to_owned())));
    Fields::of(pairs)
}

const NAMES: [&str; 9] =
    ["name", "url", "minutes", "sku_column", "quantity_column", "rows", "header", "secret", "missing_means_zero"];

fn form(
    viewer: &Viewer,
    known: Option<&StockFeedView>,
    warehouses: &[WarehouseView],
    sent: &Fields,
    wrong: Option<&Wrong>,
) -> Markup {
    let text = |name| sent.text(name);
    let pairs = warehouses.iter().map(|warehouse| (warehouse.id.to_string(), warehouse.name.clone()));
    let places = ui::and_more("", "where a line does not say: the main one", pairs);
    let formats = [("csv", "CSV", "Commas, semicolons or tabs."), ("json", "JSON", "A list of objects.")];
    let body = html! {
        section.card { form.body method="post" action="/stock-feeds/edit" autocomplete="off" {
            (viewer.token())
            @if let Some(said) = Wrong::above(wrong, &NAMES) { (ui::say(Tone::Bad, "", said)) }
            @if known.is_some() { input type="hidden" name="name" value=(text("name")); }
            @else { (Input::text("name", "Name").help("a-z, 0-9, - and _.").value(text("name")).field(wrong)) }
            (Input::text("url", "Address").kind("url").help("Begins with https://").value(text("url")).field(wrong))
            (ui::choices("format", "It is written as", text("format"), &formats))
            (ui::choices("mode", "What the quantities mean", text("mode"), &words::FILE_MODES))
            (Input::text("minutes", "Fetch it every … minutes").kind("number").optional().help("5 to 10,080. Empty: only when asked.").value(text("minutes")).field(wrong))
            details open[!text("sku_column").is_empty() || !text("header").is_empty() || wrong.is_some()] #feed-more {
                summary { "Columns, sign-in, and what is missing" }
                br;
                @if warehouses.len() > 1 { (ui::select("warehouse", "Warehouse", text("warehouse"), &places)) }
                (Input::text("sku_column", "Column of the SKU").optional().help("Empty: sku.").value(text("sku_column")).field(wrong))
                (Input::text("quantity_column", "Column of the quantity").optional().help("Empty: quantity, stock or qty.").value(text("quantity_column")).field(wrong))
                (Input::text("rows", "In JSON: the field that holds the list").optional().help("Dots between levels. Empty: the document is the list.").value(text("rows")).field(wrong))
                (Input::text("header", "Header that carries a secret").optional().help("Such as authorization.").value(text("header")).field(wrong))
                (Input::text("secret", "The secret").kind("password").complete("new-password").optional().help(if known.is_some_and(|view| view.has_secret) { "One is kept; fill in only to replace it." } else { "Kept in the vault; nobody can read it here again." }).field(wrong))
                label.choice { input type="checkbox" name="missing_means_zero" value="1" checked[sent.ticked("missing_means_zero")]; span { "What the file does not name has no stock" small { "Never without asking you when that would empty much at once." } } }
                label.choice { input type="checkbox" name="paused" value="1" checked[sent.ticked("paused")]; span { "Paused: not fetched by the schedule" } }
                br;
            }
            p.row {
                button.btn.main-act type="submit" name="do" value="save" { span.spin {} "Save" }
                @if known.is_some() { button.btn.danger type="submit" name="do" value="remove" data-confirm="Remove this feed? What it counted stays counted." { (icon(Icon::Bin)) "Remove" } }
            }
        } }
    };
    let title = known.map_or_else(|| "Add a stock feed".to_owned(), |view| format!("Stock feed {}", view.feed.name));
    viewer.page(&Head::new(&title).up("/stock-feeds", "Stock feeds"), &body)
}

/// Saves or removes a feed.
pub(super) async fn save(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let name = sent.text("name");
    if sent.text("do") == "remove" {
        app.hub.drop_feed(name).await?;
        return Ok(done("/stock-feeds", &format!("{name} is removed.")));
    }
    let secret = Some(sent.raw("secret")).filter(|text| !text.is_empty()).map(Secret::new);
    let saved = match read_feed(&sent) {
        Ok(feed) => app.hub.put_feed(feed, secret).await.map_err(|error| Wrong::of(&error, &NAMES)),
        Err(wrong) => Err(wrong),
    };
    match saved {
        Ok(view) => Ok(done(
            "/stock-feeds",
            &format!("{} is saved. Preview it once before the schedule does its work.", view.feed.name),
        )),
        Err(wrong) => {
            let known = app.hub.show_feed(name).await.ok();
            let page = form(&viewer, known.as_ref(), &app.hub.list_warehouses().await?, &sent, Some(&wrong));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

fn read_feed(sent: &Fields) -> Result<StockFeed, Wrong> {
    let minutes = sent.maybe_number("minutes")?.map(u32::try_from).transpose();
    let text = |name: &str| sent.filled(name).map(str::to_owned);
    let warehouse = sent.filled("warehouse").map(WarehouseId::new).transpose();
    Ok(StockFeed {
        name: sent.text("name").to_owned(),
        url: sent.text("url").to_owned(),
        format: if sent.text("format") == "json" { Format::Json } else { Format::Csv },
        columns: Columns { sku: text("sku_column"), quantity: text("quantity_column"), rows: text("rows") },
        mode: read_mode(sent.text("mode")),
        warehouse: warehouse.map_err(|error| Wrong::at("", error.to_string()))?,
        every_minutes: minutes.map_err(|_| Wrong::at("minutes", "Use 5 to 10,080, or leave it empty."))?,
        header: text("header"),
        missing_means_zero: sent.ticked("missing_means_zero"),
        paused: sent.ticked("paused"),
    })
}

/// Fetches a feed now, to look or to carry it into the stock.
pub(super) async fn fetch(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let is_preview = sent.text("do") != "fetch";
    let run = app.hub.fetch_feed(sent.text("name"), is_preview, sent.ticked("believe"), &viewer.caller.name).await?;
    Ok(Redirect::to(&format!("/runs/{}", run.id)).into_response())
}
