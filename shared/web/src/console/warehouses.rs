//! Warehouses: named pools of stock, the locations that belong to them, and what linking one would change.

use super::form::{Fields, Wrong, capital, link};
use super::gate::{Sent, Trouble, done, went};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Input, Tone, badge, count, number, signed};
use crate::App;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::{AccountId, ListingId, WarehouseId};
use engine::Error;
use engine::adopt::Silent;
use engine::locations::{Linking, LocationView, Order};
use engine::people::UserRole;
use engine::warehouses::{NewWarehouse, WarehouseView};
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

/// Differences shown.
const LINES: usize = 100;
/// Warehouses that can be added to those that feed a pool, at once.
const ROOM: usize = 2;

/// The list, with the locations that belong to none.
pub(super) async fn list(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    list_page(&app, &viewer, None).await
}

async fn list_page(app: &App, viewer: &Viewer, wrong: Option<&Wrong>) -> Result<Markup, Trouble> {
    let (warehouses, locations) = futures::try_join!(app.hub.list_warehouses(), app.hub.list_locations(None))?;
    let loose: Vec<&LocationView> =
        locations.iter().filter(|location| location.warehouses.is_empty() && location.gone.is_none()).collect();
    let admin = viewer.may(UserRole::Admin);
    let body = html! {
        div.cols {
            div {
                @if !loose.is_empty() {
                    section.card {
                        header { div { h2 { "Locations that belong to no warehouse" } p { "They are reported and never touched until you link them." } } }
                        ul.todo { @for location in &loose { (place(viewer, location, &warehouses, admin)) } }
                    }
                }
                @for warehouse in &warehouses { (card(viewer, warehouse, &warehouses, admin)) }
            }
            @if admin { (add_form(viewer, wrong)) }
        }
    };
    Ok(viewer.page(
        &Head::new("Warehouses").lead("Pools of stock. Each location of a store belongs to one of them.").every(15),
        &body,
    ))
}

fn card(viewer: &Viewer, warehouse: &WarehouseView, all: &[WarehouseView], admin: bool) -> Markup {
    html! {
        section.card {
            header {
                div { h2 { a href={ "/warehouses/" (warehouse.id) } { (warehouse.name) } } @if warehouse.name != warehouse.id.as_str() { p { (warehouse.id) } } }
                span.soft.small { (ui::counted(warehouse.locations.len() as u64, "location", "locations")) }
            }
            @if warehouse.locations.is_empty() { (ui::empty(Icon::Warehouses, "Feeds nothing yet", "Link a location of a store to it.", None)) }
            @else { ul.todo { @for location in &warehouse.locations { (place(viewer, location, all, admin)) } } }
        }
    }
}

/// What people call a warehouse.
pub(super) fn name_of<'a>(all: &'a [WarehouseView], id: &'a WarehouseId) -> &'a str {
    all.iter().find(|warehouse| warehouse.id == *id).map_or(id.as_str(), |warehouse| &warehouse.name)
}

/// Whether it is all of a store that has no locations.
pub(super) fn is_pool(location: &LocationView) -> bool {
    location.id == ListingId::single(location.account.clone())
}

fn place(viewer: &Viewer, location: &LocationView, warehouses: &[WarehouseView], admin: bool) -> Markup {
    html! {
        li.between {
            div {
                p.row {
                    @if is_pool(location) { a.strong href={ "/accounts/" (location.account) } { (location.account) } span.soft { "its one pool of stock" } }
                    @else { span.strong { (location.name) } a.soft href={ "/accounts/" (location.account) } { (location.account) } }
                    @if location.master { (badge(Tone::Good, "Leads")) }
                    @if location.zeroed { (badge(Tone::Warn, "Kept at zero")) }
                    @if !location.open { (badge(Tone::Warn, "Closed in the store")) }
                    @if location.gone.is_some() { (badge(Tone::Bad, "Gone from the store")) }
                }
                @if location.warehouses.len() > 1 { p.soft { "Fed by " (location.warehouses.iter().map(|id| name_of(warehouses, id)).collect::<Vec<_>>().join(", ")) } }
            }
            @if admin { (link_form(viewer, location, warehouses)) }
        }
    }
}

/// Which warehouses feed a store of one pool, in order; of a store with locations, what becomes of those in none.
pub(super) fn feeding(
    viewer: &Viewer,
    account: &AccountId,
    places: &[LocationView],
    warehouses: &[WarehouseView],
) -> Markup {
    let loose: Vec<&LocationView> = places.iter().filter(|place| place.warehouses.is_empty()).collect();
    let feeds = places.first().map(|place| place.warehouses.as_slice()).unwrap_or_default();
    let is_one_pool = places.len() == 1 && places.iter().all(|place| place.id == ListingId::single(account.clone()));
    let zeroed = loose.iter().any(|place| place.zeroed);
    html! {
        @if is_one_pool && warehouses.len() > 1 {
            form.body method="post" action="/warehouses/link" {
                (viewer.token())
                input type="hidden" name="account" value=(account);
                input type="hidden" name="preview" value="1";
                (feeders(feeds, warehouses))
                button.btn type="submit" name="do" value="feed" { span.spin {} "Preview" }
            }
        }
        @if !is_one_pool && !loose.is_empty() {
            form.body.row method="post" action="/warehouses/link" {
                (viewer.token())
                input type="hidden" name="account" value=(account);
                input type="hidden" name="preview" value="1";
                input type="hidden" name="zero" value=(if zeroed { "off" } else { "on" });
                button.btn.small type="submit" name="do" value="zero" { (if zeroed { "Leave those in no warehouse alone …" } else { "Keep those in no warehouse at zero …" }) }
            }
        }
    }
}

/// The warehouses that feed a pool, in order: one choice for each that feeds it now, and room for more.
fn feeders(feeds: &[WarehouseId], warehouses: &[WarehouseView]) -> Markup {
    let all = || warehouses.iter().map(|warehouse| (warehouse.id.to_string(), warehouse.name.clone()));
    let places = warehouses.len().min(feeds.len().max(1) + ROOM);
    html! {
        fieldset {
            legend { "Fed by" }
            div.halves {
                @for place in 0..places {
                    @let chosen = feeds.get(place).map_or("", WarehouseId::as_str);
                    @let options = if place == 0 { all().collect() } else { ui::and_more("", "no other", all()) };
                    div.field {
                        label for={ "f-feeds-" (place) } { @match place { 0 => "First from", 1 => "Then from", more => { "Then from (" (more + 1) ")" } } }
                        select id={ "f-feeds-" (place) } name="feeds" {
                            @for (value, text) in &options { option value=(value) selected[value == chosen] { (text) } }
                        }
                    }
                }
            }
            p.help { "The store shows the sum. What it sells is taken from the first that has stock." }
        }
    }
}

/// Links a location, takes it away, or has it lead; with a preview where stock would move.
fn link_form(viewer: &Viewer, location: &LocationView, warehouses: &[WarehouseView]) -> Markup {
    let id = location.id.to_string();
    let current = location.warehouses.first();
    html! {
        form.row method="post" action="/warehouses/link" {
            (viewer.token())
            input type="hidden" name="location" value=(id);
            input type="hidden" name="preview" value="1";
            @if let Some(current) = current { input type="hidden" name="was" value=(current); }
            label.hidden for={ "w-of-" (id) } { "Warehouse of " (location.name) " in " (location.account) }
            select.short id={ "w-of-" (id) } name="warehouse" {
                option value="" selected[current.is_none()] { "none" }
                @for warehouse in warehouses { option value=(warehouse.id) selected[current == Some(&warehouse.id)] { (warehouse.name) } }
            }
            button.btn.small type="submit" name="do" value="link" aria-label={ "Preview linking " (location.name) " in " (location.account) } { "Preview" }
            @if current.is_some() && !location.master {
                button.btn.small.quiet type="submit" name="do" value="lead" aria-label={ "Let it lead: " (location.name) " in " (location.account) } title="Whatever changes there counts, and new products come from it" { "Let it lead" }
            }
        }
    }
}

fn add_form(viewer: &Viewer, wrong: Option<&Wrong>) -> Markup {
    html! {
        section.card {
            header { h2 { "Add a warehouse" } }
            form.body method="post" action="/warehouses" {
                (viewer.token())
                @if let Some(said) = Wrong::above(wrong, &["id", "name"]) { (ui::say(Tone::Bad, "", said)) }
                (Input::text("id", "Short name").help("a-z, 0-9, - and _.").field(wrong))
                (Input::text("name", "What people call it").optional().field(wrong))
                (ui::submit("Add"))
            }
        }
    }
}

/// Adds a warehouse.
pub(super) async fn add(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let added = match WarehouseId::new(sent.text("id")) {
        Ok(id) => app
            .hub
            .add_warehouse(NewWarehouse { id, name: sent.filled("name").map(str::to_owned) })
            .await
            .map_err(|error| Wrong::of(&error, &["id", "name"])),
        Err(error) => Err(Wrong::at("id", capital(&error.problem))),
    };
    match added {
        Ok(view) => Ok(done("/warehouses", &format!("{} is there. Link locations to it.", view.name))),
        Err(wrong) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, list_page(&app, &viewer, Some(&wrong)).await?).into_response())
        }
    }
}

fn read(id: &str) -> Result<WarehouseId, Error> {
    WarehouseId::new(id).map_err(|_| Error::NotFound { what: "warehouse", name: id.to_owned() })
}

/// One warehouse with its totals.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Markup, Trouble> {
    let stock = app.hub.show_warehouse(&read(&id)?).await?;
    let warehouse = &stock.warehouse;
    let admin = viewer.may(UserRole::Admin);
    let body = html! {
        dl.tiles {
            div.tile { dt { "SKUs" } dd { (count(stock.skus)) } }
            div.tile { dt { "In stock" } dd { (count(stock.stocked)) } }
            div.tile { dt { "Units" } dd { (number(stock.units)) } }
        }
        div.cols {
            section.card {
                header { h2 { "Locations that it feeds" } }
                @if warehouse.locations.is_empty() { (ui::empty(Icon::Warehouses, "None", "Link a location of a store to it.", Some(("/warehouses", "All warehouses")))) }
                @else { ul.todo { @for location in &warehouse.locations { li { div { p.strong { (if is_pool(location) { location.account.as_str() } else { &location.name }) } p.soft { (if is_pool(location) { "its one pool of stock" } else { location.account.as_str() }) @if location.master { ", leads" } } } } } } }
            }
            @if admin {
                section.card {
                    header { h2 { "Change" } }
                    form.body method="post" action={ "/warehouses/" (warehouse.id) } {
                        (viewer.token())
                        (Input::text("name", "What people call it").value(&warehouse.name).field(None))
                        p.row {
                            button.btn.main-act type="submit" name="do" value="rename" { "Save" }
                            button.btn.danger type="submit" name="do" value="remove" data-confirm={ "Remove " (warehouse.name) "?" } { (icon(Icon::Bin)) "Remove" }
                        }
                        p.help { "It can be removed once it feeds nothing and has no stock." }
                    }
                }
            }
        }
    };
    Ok(viewer.page(&Head::new(&warehouse.name).lead("One pool of stock.").up("/warehouses", "Warehouses"), &body))
}

/// Renames or removes a warehouse.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    if sent.text("do") == "remove" {
        app.hub.remove_warehouse(&id).await?;
        return Ok(done("/warehouses", &format!("{id} is removed.")));
    }
    let view = app.hub.rename_warehouse(&id, sent.text("name").to_owned()).await?;
    Ok(done(&format!("/warehouses/{id}"), &format!("Called {} from now on.", view.name)))
}

/// Shows what linking a location would do, or does it.
pub(super) async fn arrange(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Sent(sent): Sent,
) -> Result<Response, Trouble> {
    if sent.text("do") == "lead" {
        let view = app.hub.set_master_location(&location(&sent)?).await?;
        return Ok(done("/warehouses", &format!("{} leads its warehouse: whatever changes there counts.", view.name)));
    }
    let order = order(&sent)?;
    let apply = sent.ticked("apply");
    let (places, warehouses) = futures::try_join!(app.hub.list_locations(None), app.hub.list_warehouses())?;
    let names = Names { places, warehouses };
    let found = match (app.hub.arrange(&order, apply, &viewer.caller.name, &Silent).await, names.taken(&order)) {
        (Err(Error::Conflict(_)), Some(said)) => return Ok(went("/warehouses", Tone::Warn, &said)),
        (found, _) => found?,
    };
    if apply {
        return Ok(done(
            "/warehouses",
            &format!("Done: {} will change in the stores.", ui::counted(found.will_change, "level", "levels")),
        ));
    }
    Ok(preview(&viewer, &names.question(&order), &names, &sent, &found).into_response())
}

fn location(sent: &Fields) -> Result<ListingId, Error> {
    ListingId::try_from(sent.text("location").to_owned()).map_err(|error| Error::Invalid(error.to_string()))
}

/// What a form asks for.
fn order(sent: &Fields) -> Result<Order, Error> {
    let account = || AccountId::new(sent.text("account")).map_err(|error| Error::Invalid(error.to_string()));
    Ok(match (sent.text("do"), sent.filled("warehouse")) {
        ("feed", _) => {
            let mut feeds: Vec<WarehouseId> = Vec::new();
            for id in sent.all("feeds").filter(|name| !name.is_empty()).map(read) {
                // chosen twice, it stands where it was chosen first
                let id = id?;
                if !feeds.contains(&id) {
                    feeds.push(id);
                }
            }
            Order::Feed(account()?, feeds)
        }
        ("zero", _) => Order::Zero(account()?, sent.text("zero") == "on"),
        // moved only from where the page showed it: meanwhile somebody else may have linked it
        (_, Some(warehouse)) => {
            let moving = sent.filled("was").is_some();
            Order::Link { location: location(sent)?, warehouse: read(warehouse)?, moving }
        }
        (_, None) => Order::Unlink(location(sent)?),
    })
}

/// What people call locations and warehouses, and what belongs where.
struct Names {
    places: Vec<LocationView>,
    warehouses: Vec<WarehouseView>,
}

impl Names {
    fn place(&self, id: &ListingId) -> String {
        let known = self.places.iter().find(|place| place.id == *id);
        known.map_or_else(
            || id.to_string(),
            |place| match is_pool(place) {
                true => place.account.to_string(),
                false => format!("{} in {}", place.name, place.account),
            },
        )
    }

    fn warehouse<'a>(&'a self, id: &'a WarehouseId) -> &'a str {
        name_of(&self.warehouses, id)
    }

    /// The warehouse that a location belongs to.
    fn home(&self, id: &ListingId) -> Option<&str> {
        let place = self.places.iter().find(|place| place.id == *id)?;
        place.warehouses.first().map(|warehouse| self.warehouse(warehouse))
    }

    /// Why a location is not linked that belonged to no warehouse when the page was made.
    fn taken(&self, order: &Order) -> Option<String> {
        let Order::Link { location, moving: false, .. } = order else { return None };
        let (place, home) = (self.place(location), self.home(location)?);
        Some(format!(
            "{place} belongs to {home} already, and a location is in one warehouse only. To move it, choose another warehouse beside it."
        ))
    }

    /// What an order would do, as a question.
    fn question(&self, order: &Order) -> String {
        match order {
            Order::Link { location, warehouse, .. } => {
                let (place, to) = (self.place(location), self.warehouse(warehouse));
                match self.home(location).filter(|home| *home != to) {
                    Some(home) => format!("Move {place} from {home} to {to}?"),
                    None => format!("Link {place} to {to}?"),
                }
            }
            Order::Unlink(location) => format!("Take {} out of its warehouse?", self.place(location)),
            Order::Feed(account, feeds) => {
                let feeds: Vec<&str> = feeds.iter().map(|id| self.warehouse(id)).collect();
                format!("Feed {account} from {}?", feeds.join(", then "))
            }
            Order::Zero(account, true) => format!("Keep what {account} has in no warehouse at zero?"),
            Order::Zero(account, false) => format!("Leave alone what {account} has in no warehouse?"),
        }
    }
}

fn preview(viewer: &Viewer, title: &str, names: &Names, sent: &Fields, found: &Linking) -> Markup {
    let body = html! {
        section.card {
            div.body.stack {
                dl.tiles {
                    div.tile { dt { "SKUs concerned" } dd { (count(found.skus)) } }
                    div.tile { dt { "New listings" } dd { (count(found.new_listings)) } }
                    div.tile { dt { "Listings forgotten" } dd { (count(found.removed_listings)) } }
                    div.tile { dt { "Levels that would change" } dd { (count(found.will_change)) } }
                    div.tile { dt { "Units up" } dd { (signed(found.gains)) } }
                    div.tile { dt { "Units down" } dd { (signed(-found.losses)) } }
                }
                @for (warehouse, (before, after)) in &found.units { p { (names.warehouse(warehouse)) ": " (number(*before)) " → " strong { (number(*after)) } " units of these SKUs" } }
                @if found.without_level > 0 { (ui::say(Tone::Note, "", &format!("{} stay as they are: no warehouse that feeds them knows a level.", ui::counted(found.without_level, "listing", "listings")))) }
                @if found.busy > 0 { (ui::say(Tone::Warn, "", &format!("{} are being written just now; ask again in a moment.", ui::counted(found.busy, "SKU", "SKUs")))) }
            }
            @if !found.differences.is_empty() { (differences(found, names)) }
            footer {
                a.btn href="/warehouses" { "Leave it as it is" }
                form.inline method="post" action="/warehouses/link" {
                    (viewer.token())
                    @for name in ["do", "location", "was", "warehouse", "account", "feeds", "zero"] {
                        @for value in sent.all(name).filter(|value| !value.is_empty()) { input type="hidden" name=(name) value=(value); }
                    }
                    input type="hidden" name="apply" value="1";
                    (ui::submit("Apply"))
                }
            }
        }
    };
    viewer.page(&Head::new(title).up("/warehouses", "Warehouses"), &body)
}

fn differences(found: &Linking, names: &Names) -> Markup {
    let table = html! {
        table {
            thead { tr { th scope="col" { "SKU" } th scope="col" { "Where" } th.num scope="col" { "Shows" } th.num scope="col" { "Will show" } } }
            tbody { @for line in found.differences.iter().take(LINES) { tr {
                th scope="row" { a.sku href=(link("/item", &[("sku", line.sku.as_str())])) { (line.sku) } }
                td { (names.place(&line.listing)) } td.num { (number(line.from)) } td.num.strong { (number(line.to)) }
            } } }
        }
    };
    ui::scroll("Levels that would change", &table)
}

/// Asks a store for its locations again.
pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Sent(_): Sent,
) -> Result<Response, Trouble> {
    let id = AccountId::new(id.clone()).map_err(|_| Error::NotFound { what: "account", name: id })?;
    let found = app.hub.refresh_locations(&id).await?;
    Ok(done("/warehouses", &format!("{} has {}.", id, ui::counted(found.len() as u64, "location", "locations"))))
}
