//! The shapes that ShopWired sends, read leniently: numbers may be texts, fields may be missing, dates may be ISO.

use domain::{Sku, Timestamp};
use jiff::fmt::rfc2822::DateTimeParser;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An id or a name, whether it was sent as a number or as a text.
pub(in super::super) type Text = String;

/// A number or a text as text; `None` for anything else and for an empty text.
pub(in super::super) fn text(value: &Value) -> Option<Text> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, whether it was sent as `7`, `7.0` or `"7"`.
pub(in super::super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole_text(&number.to_string())),
        Value::String(text) => whole_text(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn whole_text(text: &str) -> Option<i64> {
    let (units, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.chars().all(|digit| digit == '0') { units.parse().ok() } else { None }
}

/// A usable SKU. Empty texts occur and mean that there is none.
pub(super) fn sku(text: Option<&str>) -> Option<Sku> {
    text.and_then(|text| Sku::new(text).ok())
}

/// A date: RFC 2822 as documented (<https://help.shopwired.io/api/webhooks>), or ISO 8601.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    // A wrong weekday is no reason to lose a date.
    let parser = DateTimeParser::new().relaxed_weekday(true);
    let moment = parser.parse_timestamp(text).ok().or_else(|| text.parse::<jiff::Timestamp>().ok())?;
    Some(Timestamp(moment.as_millisecond()))
}

/// The `stock` field: the difference between absent and `null` matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stock {
    /// Not in the answer, or not a whole number: unknown.
    #[default]
    Unknown,
    /// `null`: none was ever entered.
    Unset,
    /// So many units.
    Units(i64),
}

impl<'de> Deserialize<'de> for Stock {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        Ok(match (&value, whole(&value)) {
            (Value::Null, _) => Self::Unset,
            (_, Some(units)) => Self::Units(units),
            (_, None) => Self::Unknown,
        })
    }
}

fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
    Value::deserialize(from).map(|value| text(&value))
}

fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Option::<Vec<T>>::deserialize(from).map(Option::unwrap_or_default)
}

/// A product of `GET /products`.
#[derive(Debug, Deserialize)]
pub(super) struct Product {
    pub(super) id: u64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) title: Option<Text>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sku: Option<Text>,
    #[serde(default)]
    pub(super) stock: Stock,
    #[serde(default)]
    pub(super) active: Option<bool>,
    #[serde(default)]
    pub(super) bundle: Option<bool>,
    #[serde(default, deserialize_with = "listed")]
    pub(super) variations: Vec<Variation>,
}

/// A variation of a product.
#[derive(Debug, Deserialize)]
pub(super) struct Variation {
    pub(super) id: u64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sku: Option<Text>,
    #[serde(default)]
    pub(super) stock: Stock,
    #[serde(default, deserialize_with = "listed")]
    pub(super) values: Vec<Choice>,
}

/// One chosen value of a variation, such as "Small".
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: Option<Text>,
}

/// The answer of `GET /stock`.
#[derive(Debug, Deserialize)]
pub(super) struct StockLevel {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sku: Option<Text>,
    #[serde(default)]
    pub(super) quantity: Stock,
}

/// An entry of `GET /events`.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) id: u64,
    #[serde(default, rename = "createdAt", deserialize_with = "lenient")]
    pub(super) created_at: Option<Text>,
    #[serde(default)]
    pub(super) data: Value,
}

/// An order of `GET /orders`: nothing about the customer is read.
#[derive(Debug, Deserialize)]
pub(super) struct OrderRow {
    #[serde(deserialize_with = "lenient")]
    pub(super) id: Option<Text>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) reference: Option<Text>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) created: Option<Text>,
    #[serde(default)]
    pub(super) status: Value,
    #[serde(default, deserialize_with = "listed")]
    pub(super) products: Vec<OrderLine>,
}

/// A line of an order. Its `id` is the product's; only `itemId` is its own.
#[derive(Debug, Deserialize)]
pub(super) struct OrderLine {
    #[serde(default, rename = "itemId", deserialize_with = "lenient")]
    pub(super) item_id: Option<Text>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sku: Option<Text>,
    #[serde(default)]
    pub(super) quantity: Value,
}

/// A webhook of `GET /webhooks`.
#[derive(Debug, Deserialize)]
pub(super) struct WebhookRow {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) topic: String,
    #[serde(default)]
    pub(super) url: String,
    #[serde(default)]
    pub(super) enabled: Option<bool>,
    #[serde(default)]
    pub(super) verified: Option<bool>,
}

/// The answer of the `/count` endpoints.
#[derive(Debug, Deserialize)]
pub(super) struct Count {
    pub(super) count: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_come_in_two_forms_and_mean_the_same() {
        let expected = Some(Timestamp(1_773_340_380_000));
        assert_eq!(date("Thu, 12 Mar 2026 18:33:00 +0000"), expected);
        assert_eq!(date("Mon, 12 Mar 2026 18:33:00 +0000"), expected, "the weekday is not trusted");
        assert_eq!(date("2026-03-12T18:33:00+00:00"), expected);
        assert_eq!(date("yesterday"), None);
    }

    #[test]
    fn whole_numbers_are_read_and_fractions_are_not() {
        assert_eq!(whole(&json!(-3)), Some(-3));
        assert_eq!(whole(&json!("12")), Some(12));
        assert_eq!(whole(&json!(4.0)), Some(4));
        assert_eq!(whole(&json!(4.5)), None);
        assert_eq!(whole(&json!(null)), None);
    }

    #[test]
    fn absent_and_null_stock_differ() {
        let read = |body: Value| serde_json::from_value::<StockLevel>(body).expect("it is an object").quantity;
        assert_eq!(read(json!({})), Stock::Unknown);
        assert_eq!(read(json!({"quantity": null})), Stock::Unset);
        assert_eq!(read(json!({"quantity": "a few"})), Stock::Unknown);
        assert_eq!(read(json!({"quantity": -2})), Stock::Units(-2));
    }
}
