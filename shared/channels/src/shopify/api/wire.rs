//! The shapes that Shopify sends.

use crate::{Session, Unit, UnitKind};
use domain::{LocationId, Sku};
use serde::Deserialize;

/// The number in `gid://shopify/<kind>/<number>`, <https://shopify.dev/docs/api/usage/gids>.
pub(super) fn number<'a>(gid: &'a str, kind: &str) -> Option<&'a str> {
    let number = gid.strip_prefix("gid://shopify/")?.strip_prefix(kind)?.strip_prefix('/')?;
    is_number(number).then_some(number)
}

/// The global id of a number.
pub(super) fn gid(kind: &str, number: &str) -> String {
    format!("gid://shopify/{kind}/{number}")
}

/// Whether a text is an id's number.
pub(super) fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|letter| letter.is_ascii_digit())
}

/// One of the connections' pages.
#[derive(Debug, Deserialize)]
pub(super) struct Nodes<T> {
    pub(super) nodes: Vec<T>,
    #[serde(rename = "pageInfo")]
    pub(super) page: PageInfo,
}

/// Where the next page begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl PageInfo {
    /// The cursor of the next page; `None` after the last.
    pub(super) fn next(self) -> Option<String> {
        self.end_cursor.filter(|_| self.has_next_page)
    }
}

/// A quantity by name.
#[derive(Debug, Deserialize)]
struct Quantity {
    name: String,
    quantity: i64,
}

/// The location of a level, as far as it decides about writing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    #[serde(default)]
    pub(super) id: String,
    pub(super) is_active: bool,
    pub(super) is_fulfillment_service: bool,
}

/// What an item has at a location.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Level {
    pub(super) is_active: bool,
    #[serde(default)]
    pub(super) location: Place,
    quantities: Vec<Quantity>,
    #[serde(default)]
    item: Option<Box<Item>>,
}

/// What a write changes of an item before it, by the account's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes {
    /// It is stocked where it is not.
    pub(super) activate: bool,
    /// It is tracked if it is not.
    pub(super) track: bool,
}

impl Changes {
    pub(super) fn of(session: Session<'_>) -> Self {
        let yes = |name: &str| session.settings.get(name).is_some_and(|text| text == "yes");
        Self { activate: yes("activate"), track: yes("tracking") }
    }
}

impl Level {
    /// What may be sold there, whether or not it counts.
    pub(super) fn available(&self) -> Option<i64> {
        self.quantities.iter().find(|quantity| quantity.name == "available").map(|quantity| quantity.quantity)
    }

    /// What may be sold there. Unknown where the level is not active or nothing is tracked: such a number is no stock. Where a
    /// write would change that, what Shopify keeps there counts.
    pub(super) fn counted(&self, tracked: bool, changes: Changes) -> Option<i64> {
        let holds = (self.is_active || changes.activate) && (tracked || changes.track);
        self.available().filter(|_| holds && self.location.is_active)
    }

    /// The unit; `None` when Shopify leaves out what names it.
    pub(super) fn unit(&self, changes: Changes) -> Option<Unit> {
        let item = self.item.as_ref()?;
        let external = number(&item.id, "InventoryItem")?.to_owned();
        let location = LocationId::new(number(&self.location.id, "Location")?).ok()?;
        let hosted = self.location.is_fulfillment_service;
        Some(Unit {
            external,
            sku: item.sku(),
            location,
            level: self.counted(item.tracked, changes),
            title: item.variant.as_ref().map(|variant| variant.display_name.clone()).unwrap_or_default(),
            active: item.variant.as_ref().is_some_and(|variant| variant.product.status == "ACTIVE"),
            kind: if hosted { UnitKind::Hosted } else { UnitKind::Simple },
        })
    }
}

/// What is stocked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) sku: Option<String>,
    #[serde(default)]
    pub(super) tracked: bool,
    #[serde(default)]
    variant: Option<Variant>,
    #[serde(default)]
    pub(super) inventory_level: Option<Level>,
    /// The location that was asked about, whether or not the item is stocked there.
    #[serde(skip)]
    pub(super) place: Place,
}

impl Item {
    /// What may be sold at the location that was asked about. Where the item was never stocked, there is nothing to be known;
    /// where the first write stocks it, it begins with none.
    pub(super) fn counted(&self, changes: Changes) -> Option<i64> {
        let writable = changes.activate && (self.tracked || changes.track);
        let stockable = writable && self.place.is_active && !self.place.is_fulfillment_service;
        match &self.inventory_level {
            Some(level) => level.counted(self.tracked, changes),
            None => stockable.then_some(0),
        }
    }

    /// Its SKU, if it has a usable one.
    pub(super) fn sku(&self) -> Option<Sku> {
        self.sku.as_deref().and_then(|sku| Sku::new(sku).ok())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variant {
    display_name: String,
    product: Product,
}

#[derive(Debug, Deserialize)]
struct Product {
    status: String,
}
