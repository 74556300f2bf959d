//! How things look in JSON.

use super::log::{Content, Event};
use super::state::{Account, Order, Product, STATUSES, Status, Variation, Webhook};
use super::switches::{Generator, Switches};
use domain::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// RFC 2822 with seconds, `Thu, 12 Mar 2026 18:33:01 +0000`, or ISO 8601 by switch.
pub(super) fn date(switches: &Switches, at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_second(at.seconds()).unwrap_or_default().to_zoned(TimeZone::UTC);
    if switches.iso_dates {
        return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    }
    DateTimePrinter::new().zoned_to_string(&moment).unwrap_or_default()
}

/// JSON text; with `\/` and `\u00e9` by switch, as PHP writes it.
pub(super) fn text(switches: &Switches, value: &Value) -> String {
    let plain = value.to_string();
    if switches.escaped_json { escape(&plain) } else { plain }
}

fn escape(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len() + 16);
    let mut units = [0_u16; 2];
    for letter in plain.chars() {
        match letter {
            '/' => escaped.push_str("\\/"),
            _ if letter.is_ascii() => escaped.push(letter),
            _ => letter.encode_utf16(&mut units).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    escaped
}

/// What a caller wants to see of an object: `embed` names in snake case, `fields` in camel case.
#[derive(Debug, Default)]
pub(super) struct Shape<'a> {
    embed: Vec<&'a str>,
    fields: Option<Vec<&'a str>>,
}

impl<'a> Shape<'a> {
    pub(super) fn new(embed: Option<&'a str>, fields: Option<&'a str>) -> Self {
        let split = |text: &'a str| text.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>();
        Self { embed: embed.map(split).unwrap_or_default(), fields: fields.map(split) }
    }

    /// Embeds come when asked for; with `fields`, only if listed there too.
    fn embeds(&self, snake: &str, camel: &str) -> bool {
        self.embed.contains(&snake) && self.shows(camel)
    }

    fn shows(&self, field: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.contains(&field))
    }
}

/// An object that grows by the fields that the caller wants; the others are not even made.
struct Sheet<'a> {
    shape: &'a Shape<'a>,
    fields: Map<String, Value>,
}

impl<'a> Sheet<'a> {
    fn new(shape: &'a Shape<'a>) -> Self {
        Self { shape, fields: Map::new() }
    }

    fn put<T: Into<Value>>(mut self, name: &str, value: impl FnOnce() -> T) -> Self {
        if self.shape.shows(name) {
            self.fields.insert(name.to_owned(), value().into());
        }
        self
    }

    /// An object inside the object, which must be asked for.
    fn embed(self, snake: &str, camel: &str, value: impl FnOnce() -> Value) -> Self {
        if self.shape.embeds(snake, camel) { self.put(camel, value) } else { self }
    }

    fn done(self, switches: &Switches) -> Value {
        let sheet =
            if switches.extra_fields { self.put("undocumentedField", || json!({"nested": [1, null]})) } else { self };
        Value::Object(sheet.fields)
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

pub(super) fn product(switches: &Switches, product: &Product, shape: &Shape<'_>) -> Value {
    Sheet::new(shape)
        .put("id", || product.id)
        .put("title", || product.title.as_str())
        .put("sku", || product.sku.clone())
        .put("stock", || product.stock)
        .put("active", || product.active)
        .put("bundle", || product.components.is_some())
        .put("price", || 14.95)
        .put("gtin", || "")
        .put("updatedAt", || date(switches, product.updated))
        .embed("variations", "variations", || variations(switches, product))
        .done(switches)
}

pub(super) fn variations(switches: &Switches, product: &Product) -> Value {
    product.variations.iter().map(|one| variation(switches, product, one)).collect()
}

pub(super) fn variation(switches: &Switches, product: &Product, variation: &Variation) -> Value {
    let inherited = product.stock.filter(|_| switches.inherited_stock_shown);
    json!({"id": variation.id, "sku": variation.sku, "stock": variation.stock.or(inherited), "price": null,
        "values": [{"id": 1, "name": variation.name, "option": {"id": 1, "name": "Option"}}]})
}

pub(super) fn status(account: &Account, status: Status) -> Value {
    let (name, kind) = STATUSES.get(status.0).copied().unwrap_or(("Custom", "custom"));
    json!({"id": status_id(account, status), "name": name, "type": kind, "sortOrder": status.0})
}

/// Ids of statuses are the account's own.
pub(super) const fn status_id(account: &Account, status: Status) -> u64 {
    account.business * 100 + status.0 as u64
}

pub(super) fn order(account: &Account, order: &Order, shape: &Shape<'_>) -> Value {
    let refund = |(id, value): &(u64, i64)| json!({"id": id, "name": "", "value": value});
    Sheet::new(shape)
        .put("id", || order.id)
        .put("reference", || order.reference)
        .put("created", || date(&account.switches, order.created))
        .put("archived", || order.archived)
        .put("total", || 29.9)
        .put("paymentMethod", || "ShopWired Payments")
        .put("customer", || json!({"id": 0, "type": "guest"}))
        .embed("status", "status", || status(account, order.status))
        .embed("billing_address", "billingAddress", || json!({"name": "A Buyer", "emailAddress": "a@example.invalid"}))
        .embed("products", "products", || items(order))
        .embed("refunds", "refunds", || order.refunds.iter().map(refund).collect())
        .done(&account.switches)
}

/// A line's `id` is its product's; its own is `itemId`.
fn items(order: &Order) -> Value {
    let item = |item: &super::state::Item| {
        json!({"id": item.cell.product, "itemId": item.id, "title": item.title, "sku": item.shown,
            "quantity": item.quantity, "price": 14.95, "variation": [], "choices": [], "extras": []})
    };
    order.items.iter().map(item).collect()
}

pub(super) fn webhook(switches: &Switches, webhook: &Webhook) -> Value {
    json!({"id": webhook.id, "topic": webhook.topic, "url": webhook.url, "enabled": webhook.enabled,
        "verified": webhook.verified, "createdAt": date(switches, webhook.created)})
}

/// An entry of the log as `GET /events` lists it.
pub(super) fn event(account: &Account, event: &Event, shape: &Shape<'_>) -> Value {
    let sheet = Sheet::new(shape)
        .put("id", || event.id)
        .put("topic", || event.what.topic.as_str())
        .put("subjectType", || event.what.subject_type)
        .put("subjectId", || event.what.subject)
        .put("createdAt", || date(&account.switches, event.at))
        .put("data", || content(account, event));
    let sheet = match account.switches.generator {
        Generator::Absent => sheet,
        Generator::Null => sheet.put("generator", || Value::Null),
        Generator::Text => sheet.put("generator", || event.what.generator),
    };
    sheet.done(&account.switches)
}

fn content(account: &Account, event: &Event) -> Value {
    match &event.what.content {
        Content::Moved { sku, variation, quantity, order } => {
            let mut data = object(json!({"sku": sku, "isVariation": variation, "newQuantity": quantity}));
            if let Some(order) = order {
                data.insert("orderId".into(), (*order).into());
            }
            Value::Object(data)
        }
        Content::Product(id) => json!({"object": product_object(account, *id)}),
        Content::Order(id) => json!({"object": order_object(account, *id)}),
        Content::Status(index) => json!({"newStatus": status(account, Status(*index))}),
        Content::Refund { order, amount } => {
            let created = date(&account.switches, event.at);
            json!({"object": {"id": event.what.subject, "orderId": order, "createdAt": created, "amount": amount, "description": ""}})
        }
        Content::Other(data) => data.clone(),
    }
}

/// Products in webhooks carry no embeds.
fn product_object(account: &Account, id: u64) -> Value {
    let found = account.products.get(&id);
    found.map_or_else(|| json!({"id": id}), |one| product(&account.switches, one, &Shape::default()))
}

fn order_object(account: &Account, id: u64) -> Value {
    let shape = Shape::new(Some("products,status,billing_address,refunds"), None);
    let Some(found) = account.orders.get(&id) else { return json!({"id": id}) };
    let mut map = object(order(account, found, &shape));
    if account.switches.incomplete_orders {
        map.retain(|name, _| !matches!(name.as_str(), "reference" | "archived" | "status" | "paymentMethod"));
    }
    Value::Object(map)
}
