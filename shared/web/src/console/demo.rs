//! The demo's page: play shopkeeper and shopper in the fake stores, and watch the hub follow.

use super::form::Fields;
use super::gate::{Sent, Trouble, done, went};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Tone, badge, number};
use crate::App;
use axum::extract::State;
use axum::response::Response;
use channels::Info;
use domain::{Sku, WarehouseId};
use engine::Error;
use engine::items::ItemView;
use engine::people::UserRole;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A product of a fake store.
#[derive(Debug, Clone)]
pub struct Product {
    /// Its SKU.
    pub sku: String,
    /// What people call it.
    pub title: String,
    /// The level that its shoppers see; `None` when the store does not have it.
    pub level: Option<i64>,
}

/// A fake store, as the demo's page shows it.
#[derive(Debug, Clone)]
pub struct PlayStore {
    /// Its name, or that of one location of it, by which [`Playground::act`] knows it.
    pub name: String,
    /// The account that it is connected as.
    pub account: String,
    /// The warehouses that it shows; everything without.
    pub warehouses: Vec<String>,
    /// What it is to the hub, once connected.
    pub role: domain::Role,
    /// Its platform's title.
    pub title: String,
    /// The name of its channel.
    pub channel: String,
    /// What to enter where it is connected: label and value.
    pub keys: Vec<(String, String)>,
    /// Whether it is down.
    pub down: bool,
    /// Whether its webhooks are lost.
    pub deaf: bool,
    /// What it sells.
    pub products: Vec<Product>,
}

/// Something that somebody does in a fake store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A shopper buys.
    Sell {
        /// What.
        sku: String,
        /// How many.
        units: i64,
    },
    /// The last order is taken back.
    TakeBack,
    /// The shopkeeper types a level into the product's page.
    Edit {
        /// What.
        sku: String,
        /// The level.
        to: i64,
    },
    /// A product import changes a level; no webhook tells.
    Import {
        /// What.
        sku: String,
        /// The level.
        to: i64,
    },
    /// The store goes down, or comes back.
    Down(bool),
    /// Its webhooks are lost from now on, or delivered again.
    Deaf(bool),
}

/// The fake stores beside a demo's hub.
pub trait Playground: Send + Sync {
    /// The stores.
    fn stores(&self) -> Vec<PlayStore>;

    /// The level that each SKU must have by the stores' own books: the master's first level and what people did since. What
    /// they did before the hub was `known` to have a SKU is in its levels already.
    fn truth(&self, known: &dyn Fn(&str) -> bool) -> BTreeMap<String, i64>;

    /// Does something in a store; says what was done.
    ///
    /// # Errors
    /// Why it cannot be done, for people.
    fn act(&self, store: &str, act: &Act) -> Result<String, String>;
}

/// Rows looked up in the hub.
const SHELF: usize = 100;

fn ground(app: &App) -> Result<&dyn Playground, Trouble> {
    let found = app.playground.as_deref();
    found.ok_or_else(|| Error::NotFound { what: "page", name: "/demo".into() }.into())
}

/// The page.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    let ground = ground(&app)?;
    let items = app.hub.list_items("", None, SHELF).await?.rows;
    let hub: BTreeMap<Sku, ItemView> = items.into_iter().map(|item| (item.sku.clone(), item)).collect();
    let connected = app.hub.accounts().await?;
    let stores = ground.stores();
    let truth = ground.truth(&|sku| hub.keys().any(|known| known.as_str() == sku));
    let is_known = |store: &PlayStore| connected.keys().any(|id| id.as_str() == store.account);
    let may = viewer.may(UserRole::Operator);
    let body = html! {
        section.card {
            header { div { h2 { "Who shows what" } p { "The books are what people really did, and the hub must end there; every store with what its warehouses have. Green is right, amber on its way, grey not connected." } } }
            div data-live="books" { (books(&stores, &truth, &hub, &is_known)) }
        }
        div.shelf {
            @for store in &stores {
                section.card { div data-live={ "store-" (store.name) } { (shop(&viewer, store, is_known(store), may)) } }
            }
        }
    };
    let lead = "Sell, edit, return, break a store: the hub sees only what a real one would.";
    Ok(viewer.page(&Head::new("Fake stores").lead(lead).every(1), &body))
}

fn books(
    stores: &[PlayStore],
    truth: &BTreeMap<String, i64>,
    hub: &BTreeMap<Sku, ItemView>,
    is_connected: &dyn Fn(&PlayStore) -> bool,
) -> Markup {
    let level = |store: &PlayStore, sku: &str| {
        store.products.iter().find(|product| product.sku == sku).and_then(|product| product.level)
    };
    let known = |sku: &str| Sku::new(sku).ok().and_then(|sku| hub.get(&sku));
    // one that shows some warehouses only is right with what the hub has there
    let right_in = |store: &PlayStore, sku: &str, right: i64| {
        let there = |item: &ItemView| -> i64 {
            let shown = |(id, _): &(&WarehouseId, &i64)| store.warehouses.iter().any(|name| name == id.as_str());
            item.warehouses.iter().filter(shown).map(|(_, level)| level).sum()
        };
        if store.warehouses.is_empty() { right } else { known(sku).map_or(right, there) }
    };
    let cell = |name: &str, sku: &str, level: Option<i64>, right: i64, follows: bool| {
        let tone = match level == Some(right.max(0)) || level == Some(right) {
            _ if !follows => "soft",
            true => "good",
            false => "warn",
        };
        html! { td.num data-name=(name) data-watch={ (sku) "#" (name) } { @match level { Some(level) => span class=(tone) { (number(level)) }, None => span.soft { "–" } } } }
    };
    let table = html! {
        table.fold.five {
            thead { tr {
                th scope="col" { "SKU" } th.num scope="col" { "The books" } th.num scope="col" { "Hub" }
                @for store in stores { th.num scope="col" { (store.name) } }
            } }
            tbody { @for (sku, right) in truth {
                tr {
                    th scope="row" { a.sku href=(super::form::link("/item", &[("sku", sku)])) { (sku) } }
                    td.num.strong data-name="Books" { (number(*right)) }
                    (cell("Hub", sku, known(sku).map(|item| item.level), *right, true))
                    @for store in stores { (cell(&store.name, sku, level(store, sku), right_in(store, sku, *right), is_connected(store))) }
                }
            } }
        }
    };
    ui::scroll("Levels by the books, the hub and the stores", &table)
}

fn shop(viewer: &Viewer, store: &PlayStore, known: bool, may: bool) -> Markup {
    html! {
        header {
            div { h2 { (store.name) } p { (store.title) } }
            div.row {
                @if store.down { (badge(Tone::Bad, "Down")) }
                @if store.deaf { (badge(Tone::Warn, "Loses webhooks")) }
                @if known { (badge(Tone::Good, "Connected")) } @else { (badge(Tone::Plain, "Not connected")) }
            }
        }
        @if !known { (offer(store)) }
        table {
            thead { tr { th scope="col" { "Product" } th.num scope="col" { "Level" } @if may { th scope="col" { span.hidden { "Do" } } } } }
            tbody { @for product in &store.products { (shelf(viewer, store, product, may)) } }
        }
        @if may { footer { div.row { (troubles(viewer, store)) } } }
    }
}

fn shelf(viewer: &Viewer, store: &PlayStore, product: &Product, may: bool) -> Markup {
    let id = format!("to-{}-{}", store.name, product.sku.replace([' ', '/'], "-"));
    html! {
        tr {
            th scope="row" { (product.title) span.sub.mono { (product.sku) } }
            td.num.strong data-watch={ (store.name) " " (product.sku) } { @match product.level { Some(level) => (number(level)), None => "–" } }
            @if may {
                td { @if product.level.is_some() { div.row.nowrap {
                    form method="post" action="/demo" data-quick {
                        (hidden(viewer, store, &product.sku))
                        button.btn.small type="submit" name="act" value="sell" aria-label={ "Buy 1 " (product.title) " in " (store.name) } { "Buy 1" }
                    }
                    form method="post" action="/demo" data-quick {
                        (hidden(viewer, store, &product.sku))
                        label.hidden for=(id) { "New level of " (product.title) " in " (store.name) }
                        input.level-to id=(id) name="to" inputmode="numeric" autocomplete="off" size="4" placeholder="level" required;
                        button.btn.small type="submit" name="act" value="edit" aria-label={ "Set the level of " (product.title) " in " (store.name) } { "Set" }
                    }
                } } }
            }
        }
    }
}

fn hidden(viewer: &Viewer, store: &PlayStore, sku: &str) -> Markup {
    html! {
        (viewer.token())
        input type="hidden" name="store" value=(store.name);
        input type="hidden" name="sku" value=(sku);
    }
}

/// What can go wrong in a store.
fn troubles(viewer: &Viewer, store: &PlayStore) -> Markup {
    let button = |act: &str, label: &str| {
        html! {
            form method="post" action="/demo" data-quick {
                (hidden(viewer, store, ""))
                button.btn.small type="submit" name="act" value=(act) aria-label={ (label) ", " (store.name) } { (label) }
            }
        }
    };
    html! {
        (button("take-back", "Take back the last order"))
        (button("import", "Import without telling"))
        @if store.deaf { (button("hear", "Deliver webhooks again")) } @else { (button("deaf", "Lose webhooks")) }
        @if store.down { (button("up", "Bring it back")) } @else { (button("down", "Take it down")) }
    }
}

fn offer(store: &PlayStore) -> Markup {
    html! {
        div.body.stack-s {
            p { a.btn.small.main-act href=(super::form::link("/accounts/new", &[("channel", &store.channel), ("store", &store.name)])) { (icon(Icon::Plus)) "Connect it" } }
            p.small.soft { "The form is filled in then, but for the secrets, which it shows." }
        }
    }
}

/// The fake store that a form is about.
pub(super) fn store_of(app: &App, fields: &Fields) -> Option<PlayStore> {
    let name = fields.filled("store")?;
    app.playground.as_deref()?.stores().into_iter().find(|store| store.name == name)
}

/// What the form to connect a fake store is filled with: all but its secrets.
pub(super) fn filled(store: &PlayStore, info: &Info) -> Fields {
    let of = |label: &str| match label {
        "Calls a minute" => Some("per_minute".to_owned()),
        "Calls at once" => Some("burst".to_owned()),
        _ => info.settings.iter().find(|it| !it.secret && it.title == label).map(|it| format!("setting.{}", it.name)),
    };
    let named: Vec<(String, String)> =
        store.keys.iter().filter_map(|(label, value)| Some((of(label)?, value.clone()))).collect();
    let own = [("id", store.account.clone()), ("role", super::words::value(&store.role))];
    Fields::of(named.iter().map(|(name, value)| (name.as_str(), value.clone())).chain(own).collect())
}

/// The secrets of a fake store, to be typed into the form as those of a real one are.
pub(super) fn secrets_of(store: &PlayStore, info: &Info) -> Markup {
    let is_secret = |label: &str| info.settings.iter().any(|setting| setting.secret && setting.title == label);
    html! {
        input type="hidden" name="store" value=(store.name);
        div.offer {
            p { "A real store shows these in its own settings. Copy each into its field below." }
            dl.facts.small {
                @for (label, value) in store.keys.iter().filter(|(label, _)| is_secret(label)) {
                    dt { (label) }
                    dd.row {
                        code { (value) }
                        button.btn.small.quiet.only-script type="button" data-copy=(value) aria-label={ "Copy " (label) " of " (store.name) } { (icon(Icon::Copy)) span data-label { "Copy" } }
                    }
                }
            }
        }
    }
}

/// Does what was asked for in a store.
pub(super) async fn act(State(app): State<Arc<App>>, Sent(sent): Sent) -> Result<Response, Trouble> {
    let ground = ground(&app)?;
    let done_in = read(&sent, ground).and_then(|act| ground.act(sent.text("store"), &act));
    std::future::ready(()).await;
    Ok(match done_in {
        Ok(said) => done("/demo", &said),
        Err(said) => went("/demo", Tone::Warn, &super::form::capital(&said)),
    })
}

fn read(sent: &Fields, ground: &dyn Playground) -> Result<Act, String> {
    let sku = sent.raw("sku").to_owned();
    let to = || sent.number("to").map_err(|wrong| wrong.said);
    match sent.text("act") {
        "sell" => Ok(Act::Sell { sku, units: 1 }),
        "edit" => Ok(Act::Edit { sku, to: to()? }),
        "take-back" => Ok(Act::TakeBack),
        "down" => Ok(Act::Down(true)),
        "up" => Ok(Act::Down(false)),
        "deaf" => Ok(Act::Deaf(true)),
        "hear" => Ok(Act::Deaf(false)),
        "import" => import(sent.text("store"), ground),
        other => Err(format!("{other:?} is nothing that can be done here")),
    }
}

/// An import of the first product that is there, with a few units more.
fn import(store: &str, ground: &dyn Playground) -> Result<Act, String> {
    let stores = ground.stores();
    let products =
        stores.iter().find(|known| known.name == store).map(|known| known.products.as_slice()).unwrap_or_default();
    let found = products.iter().find_map(|product| Some((product.sku.clone(), product.level?)));
    let (sku, level) = found.ok_or("this store has nothing to import into")?;
    Ok(Act::Import { sku, to: level + 7 })
}
