//! Orders, as far as stock is concerned, version 2026-01-01, <https://developer-docs.amazon.com/sp-api/docs/orders-api>.

use super::super::place::Place;
use super::client::{self, encode};
use super::operation::{GET_ORDER, SEARCH_ORDERS};
use super::wire::{OrderItem, OrderRow, Pagination, iso, moment, units};
use crate::{Error, ErrorKind, Orders, Page, Session};
use domain::{Line, LineId, Order, OrderId, OrderState, Sku, Timestamp};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Orders may show later than they were changed: this much is listed again, milliseconds.
const OVERLAP_MS: i64 = 600_000;
/// The newest orders cannot be listed before this, milliseconds: the search ends two minutes before now.
const HIDDEN_MS: i64 = 120_000;
/// Most orders of one page.
const PAGE: usize = 100;
/// What is needed, and nothing about people.
const DATA: &str = "includedData=FULFILLMENT,CANCELLATION";

#[derive(Deserialize)]
struct One {
    order: OrderRow,
}

#[derive(Deserialize)]
struct Many {
    #[serde(default)]
    orders: Vec<OrderRow>,
    #[serde(default)]
    pagination: Option<Pagination>,
}

/// Orders by id. One that Amazon does not show is left out, and so is one that Amazon sends.
pub(crate) async fn by_ids(session: Session<'_>, ids: &[OrderId]) -> Result<Vec<Order>, Error> {
    let place = Place::of(session.settings)?;
    let ids: BTreeSet<&str> = ids.iter().map(OrderId::as_str).filter(|id| is_order(id)).collect();
    let mut orders = Vec::new();
    for id in ids {
        let path = format!("/orders/2026-01-01/orders/{id}?{DATA}");
        match client::get::<One>(session, &place, &GET_ORDER, &path).await {
            Ok(one) if one.order.order_id == id => orders.extend(order(one.order)?),
            Ok(_) => return Err(malformed("an answer about another order")),
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(orders)
}

/// Ids are digits and hyphens; nothing else may enter an address.
fn is_order(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

fn malformed(problem: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("orders: {problem}"))
}

/// One page of the orders that were placed or changed since a while before `since`. The page carries the moment, since
/// the token is only good with the question that it answers.
pub(crate) async fn since(session: Session<'_>, since: Timestamp, page: Option<String>) -> Result<Orders, Error> {
    let place = Place::of(session.settings)?;
    let (after, token) = match &page {
        None => {
            let newest = session.clock.now().plus_ms(-HIDDEN_MS);
            (iso(since.plus_ms(-OVERLAP_MS).min(newest)), None)
        }
        Some(page) => {
            let (after, token) = page.split_once('|').ok_or_else(|| malformed("the page is none of this channel's"))?;
            (after.to_owned(), Some(token))
        }
    };
    let mut path = format!(
        "/orders/2026-01-01/orders?lastUpdatedAfter={}&marketplaceIds={}&fulfilledBy=MERCHANT&maxResultsPerPage={PAGE}&{DATA}",
        encode(&after),
        place.marketplaces.join(",")
    );
    if let Some(token) = token {
        path.push_str("&paginationToken=");
        path.push_str(&encode(token));
    }
    let many: Many = client::get(session, &place, &SEARCH_ORDERS, &path).await?;
    let next = many.pagination.and_then(|pagination| pagination.next_token).filter(|token| !token.is_empty());
    let mut rows = Vec::with_capacity(many.orders.len());
    for row in many.orders {
        rows.extend(order(row)?);
    }
    rows.sort_by(|one, other| (one.placed, &one.id).cmp(&(other.placed, &other.id)));
    Ok(Page { rows, next: next.map(|token| format!("{after}|{token}")) })
}

/// An order; nothing for one that Amazon sends from its own stock.
fn order(row: OrderRow) -> Result<Option<Order>, Error> {
    if row.fulfillment.fulfilled_by.as_deref() == Some("AMAZON") {
        return Ok(None);
    }
    let id = OrderId::new(row.order_id).map_err(|_| malformed("an order has no usable id"))?;
    let placed = moment(&row.created_time).ok_or_else(|| malformed(&format!("order {id} has no date")))?;
    let state = state(row.fulfillment.fulfillment_status.as_deref());
    let lines = row.order_items.iter().map(|item| line(&id, state, item)).collect::<Result<_, _>>()?;
    Ok(Some(Order { reference: id.to_string(), id, state, placed, lines }))
}

/// Pending counts as sold: Amazon has lowered its own number already. A status that we do not know holds stock.
fn state(status: Option<&str>) -> OrderState {
    if status == Some("CANCELLED") { OrderState::Cancelled } else { OrderState::Open }
}

/// A line with what is left of it. Whether a cancelled item still shows what was ordered is not documented, so only what
/// was sent or is still to be sent counts there.
fn line(order: &OrderId, state: OrderState, item: &OrderItem) -> Result<Line, Error> {
    let id = LineId::new(item.order_item_id.clone());
    let id = id.map_err(|_| malformed(&format!("a line of order {order} has no usable id")))?;
    if item.quantity_ordered < 0 {
        return Err(malformed(&format!("line {id} of order {order} has no quantity")));
    }
    let executed = item.cancellation.as_ref().is_some_and(|one| one.cancellation_execution.is_some());
    let known = |value| units(value).map_or(0, |units| units.max(0));
    let left =
        known(item.fulfillment.quantity_fulfilled.as_ref()) + known(item.fulfillment.quantity_unfulfilled.as_ref());
    let cancelled = state == OrderState::Cancelled || executed;
    let quantity = if cancelled { left } else { item.quantity_ordered };
    let sku = item.product.seller_sku.as_deref().and_then(|sku| Sku::new(sku).ok());
    Ok(Line { id, sku, quantity })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Order {
        let one: One = serde_json::from_str(text).expect("an order");
        order(one.order).expect("it is readable").expect("the merchant sends it")
    }

    #[test]
    fn pending_counts_and_cancelled_leaves_nothing() {
        let many: Many =
            serde_json::from_str(include_str!("../fixtures/50_search_orders_200_pending.json")).expect("orders");
        let pending = order(many.orders.into_iter().next().expect("one")).expect("readable").expect("merchant's");
        assert_eq!((pending.state, pending.lines[0].quantity), (OrderState::Open, 2));
        let cancelled = only(include_str!("../fixtures/52_get_order_200_cancelled.json"));
        assert_eq!((cancelled.state, cancelled.lines[0].quantity), (OrderState::Cancelled, 0));
        let unshipped = only(include_str!("../fixtures/51_get_order_200_unshipped.json"));
        assert_eq!(
            (unshipped.state, unshipped.lines[0].sku.as_ref().map(Sku::as_str)),
            (OrderState::Open, Some("HUB-0001"))
        );
    }

    #[test]
    fn an_unknown_status_holds_stock_and_amazons_own_orders_do_not() {
        let text = include_str!("../fixtures/51_get_order_200_unshipped.json");
        assert_eq!(only(&text.replace("UNSHIPPED", "INVOICE_UNCONFIRMED")).state, OrderState::Open);
        let one: One = serde_json::from_str(&text.replace("MERCHANT", "AMAZON")).expect("an order");
        assert_eq!(order(one.order).expect("readable"), None);
    }
}
