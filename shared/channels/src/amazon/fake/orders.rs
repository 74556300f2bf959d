//! `searchOrders` and `getOrder`, version 2026-01-01.

use super::listings::iso;
use super::rest::{Answer, Call, invalid, refuse};
use super::state::{Item, Order, Seller, Status};
use domain::Timestamp;
use serde_json::{Map, Value, json};

/// How long a page's token is good, milliseconds.
const TOKEN_MS: i64 = 86_400_000;
/// A question may not reach closer to now than this, milliseconds.
const BEFORE_MS: i64 = 120_000;

pub(super) fn get(owner: &Seller, call: &Call) -> Answer {
    let order = owner.orders.get(call.part(0)).ok_or_else(|| refuse(404, "NotFound", "The order is not found."))?;
    Ok((200, json!({"order": show(owner, order, call)})))
}

pub(super) fn search(owner: &Seller, call: &Call) -> Answer {
    let (created, updated) = (call.moment("createdAfter")?, call.moment("lastUpdatedAfter")?);
    let latest = call.now.plus_ms(-BEFORE_MS);
    let before = call.moment("lastUpdatedBefore")?;
    if created.is_some() == updated.is_some() || before.is_some_and(|before| before > latest) {
        return Err(invalid());
    }
    let size = call.number("maxResultsPerPage", 100, 100)?;
    let offset = call.param("paginationToken").map_or(Ok(0), |token| offset(token, call))?;
    let marketplaces = call.list("marketplaceIds");
    if marketplaces.len() > 50 {
        return Err(invalid());
    }
    let visible = call.now.plus_ms(-owner.switches.search_lag_ms);
    let fits = |order: &&Order| {
        let by = if order.hosted { "AMAZON" } else { "MERCHANT" };
        order.updated <= visible.min(before.unwrap_or(visible))
            && created.is_none_or(|after| order.created > after)
            && updated.is_none_or(|after| order.updated > after)
            && (marketplaces.is_empty() || marketplaces.contains(&order.marketplace.as_str()))
            && call.param("fulfilledBy").is_none_or(|wanted| wanted == by)
    };
    let mut found: Vec<&Order> = owner.orders.values().filter(fits).collect();
    found.sort_by(|one, other| (one.updated, &one.id).cmp(&(other.updated, &other.id)));
    let rows: Vec<Value> = found.iter().skip(offset).take(size).map(|order| show(owner, order, call)).collect();
    let next = offset + rows.len();
    let mut pagination = Map::new();
    if next < found.len() {
        pagination.insert("nextToken".into(), json!(format!("{next}.{}", call.now.plus_ms(TOKEN_MS))));
    }
    let until = if created.is_some() { "createdBefore" } else { "lastUpdatedBefore" };
    Ok((200, json!({"orders": rows, "pagination": pagination, until: iso(visible)})))
}

fn offset(token: &str, call: &Call) -> Result<usize, super::rest::Refusal> {
    let (offset, until) = token.split_once('.').ok_or_else(invalid)?;
    let until: i64 = until.parse().map_err(|_| invalid())?;
    if Timestamp(until) < call.now {
        return Err(invalid());
    }
    offset.parse().map_err(|_| invalid())
}

/// An order with what was asked for. Items are always inside.
fn show(owner: &Seller, order: &Order, call: &Call) -> Value {
    let included = call.list("includedData");
    let mut shown = json!({
        "orderId": order.id,
        "createdTime": iso(order.created),
        "lastUpdatedTime": iso(order.updated),
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": order.marketplace, "marketplaceName": "Amazon.co.uk"},
        "orderItems": order.items.iter().map(|line| item(owner, line, &included)).collect::<Vec<_>>(),
    });
    if included.contains(&"BUYER") {
        shown["buyer"] = json!({"buyerName": "Ann Buyer"});
    }
    if included.contains(&"FULFILLMENT") || included.is_empty() {
        let by = if order.hosted { "AMAZON" } else { "MERCHANT" };
        shown["fulfillment"] = json!({"fulfillmentStatus": status(owner, order.status), "fulfilledBy": by});
    }
    shown
}

fn status(owner: &Seller, status: Status) -> &'static str {
    match status {
        Status::Unshipped if owner.switches.odd_status => "INVOICE_UNCONFIRMED",
        Status::PendingAvailability => "PENDING_AVAILABILITY",
        Status::Pending => "PENDING",
        Status::Unshipped => "UNSHIPPED",
        Status::PartiallyShipped => "PARTIALLY_SHIPPED",
        Status::Shipped => "SHIPPED",
        Status::Cancelled => "CANCELLED",
    }
}

fn item(owner: &Seller, line: &Item, included: &[&str]) -> Value {
    let ordered = if line.cancelled && !owner.switches.cancelled_keeps_quantity { 0 } else { line.ordered };
    let open = if line.cancelled { 0 } else { line.ordered - line.sent };
    let mut shown = json!({
        "orderItemId": line.id,
        "quantityOrdered": ordered,
        "product": {"asin": "B000TEST01", "title": "Test item", "sellerSku": line.sku},
    });
    if included.contains(&"FULFILLMENT") {
        shown["fulfillment"] = json!({"quantityFulfilled": line.sent, "quantityUnfulfilled": open});
    }
    if included.contains(&"CANCELLATION") && line.cancelled {
        shown["cancellation"] = json!({"cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "x"}});
    }
    shown
}
