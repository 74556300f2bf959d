//! What each field of each object is.

use super::state::Shop;
use domain::Timestamp;
use serde_json::{Map, Value, json};

/// An object of the schema.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Item(u64),
    Level(u64, u64),
    Variant(u64),
    Product(u64),
    Location(u64),
    /// One whose fields are known already.
    Record(&'static str, Vec<(&'static str, Resolved)>),
}

/// What a field is.
#[derive(Debug, Clone)]
pub(super) enum Resolved {
    Leaf(Value),
    One(Option<Object>),
    Many(Vec<Option<Object>>),
}

impl Object {
    /// Its type.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Item(_) => "InventoryItem",
            Self::Level(..) => "InventoryLevel",
            Self::Variant(_) => "ProductVariant",
            Self::Product(_) => "Product",
            Self::Location(_) => "Location",
            Self::Record(kind, _) => kind,
        }
    }
}

impl From<Value> for Resolved {
    fn from(value: Value) -> Self {
        Self::Leaf(value)
    }
}

impl From<Object> for Resolved {
    fn from(object: Object) -> Self {
        Self::One(Some(object))
    }
}

/// A record among others.
pub(super) fn record(kind: &'static str, fields: Vec<(&'static str, Resolved)>) -> Object {
    Object::Record(kind, fields)
}

/// The global id of an object.
pub(super) fn gid(kind: &str, id: u64) -> String {
    format!("gid://shopify/{kind}/{id}")
}

/// The number in a global id of a kind.
pub(super) fn number(gid: &str, kind: &str) -> Option<u64> {
    gid.strip_prefix("gid://shopify/")?.strip_prefix(kind)?.strip_prefix('/')?.parse().ok()
}

/// A level's id: its first number is the same for all levels of a location, and is not the location's.
pub(super) fn level_gid(item: u64, location: u64) -> String {
    format!("gid://shopify/InventoryLevel/{}?inventory_item_id={item}", location + 36_842_571_000)
}

/// A time as GraphQL gives it.
pub(super) fn date(at: Timestamp) -> Value {
    json!(jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default())
}

/// What a field of an object is, for these arguments.
pub(super) fn resolve(shop: &Shop, object: &Object, field: &str, arguments: &Map<String, Value>) -> Resolved {
    let found = match object {
        Object::Record(_, fields) => fields.iter().find(|(name, _)| *name == field).map(|(_, value)| value.clone()),
        Object::Item(id) => item(shop, *id, field, arguments),
        Object::Level(item, location) => level(shop, (*item, *location), field, arguments),
        Object::Variant(id) => variant(shop, *id, field),
        Object::Product(id) => product(shop, *id, field),
        Object::Location(id) => location(shop, *id, field),
    };
    // the schema has it, so its absence is a gap in this fake, and a loud one
    found.unwrap_or_else(|| Resolved::Leaf(json!({"the fake does not know": format!("{}.{field}", object.kind())})))
}

fn item(shop: &Shop, id: u64, field: &str, arguments: &Map<String, Value>) -> Option<Resolved> {
    let item = shop.items.get(&id)?;
    let idle = arguments.get("includeInactive").and_then(Value::as_bool).unwrap_or_default();
    let shown = |at: &(u64, u64)| shop.levels.get(at).is_some_and(|level| level.active || idle);
    Some(match field {
        "id" => json!(gid("InventoryItem", id)).into(),
        "sku" => json!(item.sku).into(),
        "tracked" => json!(item.tracked).into(),
        "updatedAt" => date(item.updated).into(),
        "duplicateSkuCount" => {
            let same = shop.items.values().filter(|other| item.sku.is_some() && other.sku == item.sku);
            json!(same.count().saturating_sub(1)).into()
        }
        "variant" => Object::Variant(id).into(),
        "inventoryLevel" => {
            let location = number(arguments.get("locationId")?.as_str()?, "Location").unwrap_or_default();
            Resolved::One(Some((id, location)).filter(shown).map(|(item, location)| Object::Level(item, location)))
        }
        "inventoryLevels" => {
            let levels = shop.levels.range((id, 0)..=(id, u64::MAX)).map(|(at, _)| *at).filter(shown);
            let rows = levels.map(|(item, location)| Object::Level(item, location)).collect();
            page("InventoryLevelConnection", "InventoryLevelEdge", rows, arguments).into()
        }
        _ => return None,
    })
}

fn level(shop: &Shop, at: (u64, u64), field: &str, arguments: &Map<String, Value>) -> Option<Resolved> {
    let level = shop.levels.get(&at)?;
    Some(match field {
        "id" => json!(level_gid(at.0, at.1)).into(),
        "isActive" => json!(level.active).into(),
        "updatedAt" => date(Timestamp(level.updated)).into(),
        "item" => Object::Item(at.0).into(),
        "location" => Object::Location(at.1).into(),
        "quantities" => {
            let names = arguments.get("names")?.as_array()?.iter().filter_map(Value::as_str);
            let row = |name: &str| {
                let quantity = level.quantity(name)?;
                // it was never seen filled for on_hand
                let updated = if name == "on_hand" { Value::Null } else { date(Timestamp(level.updated)) };
                let fields = vec![
                    ("name", json!(name).into()),
                    ("quantity", json!(quantity).into()),
                    ("updatedAt", updated.into()),
                    ("id", json!(format!("gid://shopify/InventoryQuantity/{}?{name}", at.0)).into()),
                ];
                Some(record("InventoryQuantity", fields))
            };
            Resolved::Many(names.map(row).filter(Option::is_some).collect())
        }
        _ => return None,
    })
}

fn variant(shop: &Shop, id: u64, field: &str) -> Option<Resolved> {
    let item = shop.items.get(&id)?;
    Some(match field {
        "id" => json!(gid("ProductVariant", id)).into(),
        "sku" => json!(item.sku).into(),
        "title" | "displayName" => json!(item.title).into(),
        "inventoryItem" => Object::Item(id).into(),
        "product" => Object::Product(id).into(),
        "updatedAt" => date(item.updated).into(),
        "inventoryQuantity" => json!(shop.available(id)).into(),
        _ => return None,
    })
}

fn product(shop: &Shop, id: u64, field: &str) -> Option<Resolved> {
    let item = shop.items.get(&id)?;
    Some(match field {
        "id" => json!(gid("Product", id)).into(),
        "title" => json!(item.title).into(),
        "status" => json!(item.status).into(),
        "totalInventory" => json!(shop.total(id)).into(),
        _ => return None,
    })
}

fn location(shop: &Shop, id: u64, field: &str) -> Option<Resolved> {
    let location = shop.locations.get(&id)?;
    Some(match field {
        "id" => json!(gid("Location", id)).into(),
        "name" => json!(location.name).into(),
        "isActive" => json!(location.active).into(),
        "isFulfillmentService" => json!(location.service).into(),
        "fulfillsOnlineOrders" | "shipsInventory" => json!(location.active && !location.service).into(),
        "legacyResourceId" => json!(id.to_string()).into(),
        "deactivatedAt" => Value::Null.into(),
        _ => return None,
    })
}

/// A page of a connection. Cursors are opaque: they hold a place, and whoever made one up gets nothing.
pub(super) fn page(
    kind: &'static str,
    edge: &'static str,
    rows: Vec<Object>,
    arguments: &Map<String, Value>,
) -> Object {
    let first = arguments.get("first").and_then(Value::as_u64).and_then(|first| usize::try_from(first).ok());
    let after = arguments.get("after").and_then(Value::as_str);
    let start =
        after.map_or(0, |cursor| cursor.strip_prefix("cursor-").and_then(|at| at.parse().ok()).unwrap_or(rows.len()));
    let end = start.saturating_add(first.unwrap_or(usize::MAX)).min(rows.len());
    let more = end < rows.len();
    let rows: Vec<Object> = rows.get(start..end).unwrap_or_default().to_vec();
    let edges = rows.iter().map(|row| Some(record(edge, vec![("node", row.clone().into())]))).collect();
    let info = vec![("hasNextPage", json!(more).into()), ("endCursor", json!(format!("cursor-{end}")).into())];
    let fields = vec![
        ("nodes", Resolved::Many(rows.into_iter().map(Some).collect())),
        ("edges", Resolved::Many(edges)),
        ("pageInfo", record("PageInfo", info).into()),
    ];
    record(kind, fields)
}
