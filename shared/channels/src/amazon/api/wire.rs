//! The shapes that Amazon sends, read leniently: unknown fields and values are passed over, quantities may be missing.

use domain::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// A moment, ISO 8601.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| Timestamp(moment.as_millisecond()))
}

/// A moment as Amazon reads it, to the millisecond.
pub(super) fn iso(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.0.max(0)).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A whole number of units, if it is one.
pub(super) fn units(value: Option<&Value>) -> Option<i64> {
    value.and_then(Value::as_i64)
}

/// An answer of `searchListingsItems`.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    pub(super) items: Vec<Item>,
}

/// A listing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) sku: String,
    #[serde(default)]
    pub(super) summaries: Vec<Summary>,
    #[serde(default)]
    pub(super) fulfillment_availability: Vec<Availability>,
}

/// What a listing is in one marketplace.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    #[serde(default)]
    pub(super) product_type: Option<String>,
    #[serde(default)]
    pub(super) item_name: Option<String>,
    #[serde(default)]
    pub(super) status: Vec<String>,
}

/// Live stock under one code. Stock that Amazon sends has no quantity here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Availability {
    #[serde(default)]
    pub(super) fulfillment_channel_code: String,
    #[serde(default)]
    pub(super) quantity: Option<Value>,
}

/// The answer to a write.
#[derive(Debug, Deserialize)]
pub(super) struct Submission {
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) issues: Vec<Issue>,
}

/// Something that Amazon has against a submission.
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) severity: String,
}

/// An order.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderRow {
    pub(super) order_id: String,
    pub(super) created_time: String,
    #[serde(default)]
    pub(super) fulfillment: OrderFulfillment,
    #[serde(default)]
    pub(super) order_items: Vec<OrderItem>,
}

/// Who sends an order, and how far they are.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderFulfillment {
    #[serde(default)]
    pub(super) fulfillment_status: Option<String>,
    #[serde(default)]
    pub(super) fulfilled_by: Option<String>,
}

/// A line of an order.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderItem {
    pub(super) order_item_id: String,
    pub(super) quantity_ordered: i64,
    #[serde(default)]
    pub(super) product: Product,
    #[serde(default)]
    pub(super) fulfillment: ItemFulfillment,
    #[serde(default)]
    pub(super) cancellation: Option<Cancellation>,
}

/// What was ordered.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Product {
    #[serde(default)]
    pub(super) seller_sku: Option<String>,
}

/// How much of a line is on its way.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemFulfillment {
    #[serde(default)]
    pub(super) quantity_fulfilled: Option<Value>,
    #[serde(default)]
    pub(super) quantity_unfulfilled: Option<Value>,
}

/// Whether a line was cancelled; a request alone changes nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cancellation {
    #[serde(default)]
    pub(super) cancellation_execution: Option<Value>,
}

/// Where the next page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    #[serde(default)]
    pub(super) next_token: Option<String>,
}

/// A feed or a report: how far it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    #[serde(default)]
    pub(super) feed_id: Option<String>,
    #[serde(default)]
    pub(super) report_id: Option<String>,
    #[serde(default)]
    pub(super) created_time: String,
    #[serde(default)]
    pub(super) processing_status: String,
    #[serde(default)]
    pub(super) report_document_id: Option<String>,
}

impl Job {
    /// Whether it has not ended. An unknown status is one of these: it may yet end well.
    pub(super) fn runs(&self) -> bool {
        !matches!(self.processing_status.as_str(), "DONE" | "CANCELLED" | "FATAL")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_both_ways() {
        assert_eq!(moment("2026-02-02T10:00:00+00:00"), Some(Timestamp(1_770_026_400_000)));
        assert_eq!(iso(Timestamp(1_770_026_400_123)), "2026-02-02T10:00:00.123Z");
        assert_eq!(moment("soon"), None);
        assert_eq!(iso(Timestamp(-5)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_search_answer_tells_live_stock_by_code() {
        let found: Found =
            serde_json::from_str(include_str!("../fixtures/16_search_200_page.json")).expect("a search answer");
        let stock = |item: &Item| {
            let first = &item.fulfillment_availability[0];
            (first.fulfillment_channel_code.clone(), units(first.quantity.as_ref()))
        };
        let stocks: Vec<_> = found.items.iter().map(stock).collect();
        assert_eq!(stocks, [("DEFAULT".into(), Some(5)), ("AMAZON_EU".into(), None)]);
    }
}
