//! Orders, as far as stock is concerned, <https://help.shopwired.co.uk/api/orders-customers/api-orders>.

use super::wire::{OrderLine, OrderRow, date, sku, whole};
use super::{PAGE, client, products};
use crate::shopwired::waits_for_payment;
use crate::{Error, ErrorKind, Orders, Page, Session};
use domain::{Line, LineId, Order, OrderId, OrderState, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// Most ids in one call (reference of `GET /orders`, <https://shopwired.readme.io>).
const IDS_MAX: usize = 50;
/// Only what is needed: no address, no customer.
const SHAPE: &str = "embed=products,status&fields=id,reference,created,status,products";

/// Orders by id. One that the store does not show (yet) is left out.
pub(crate) async fn by_ids(session: Session<'_>, ids: &[OrderId]) -> Result<Vec<Order>, Error> {
    let ids: BTreeSet<&str> = ids.iter().map(OrderId::as_str).filter(|id| is_number(id)).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut orders = Vec::new();
    for some in ids.chunks(IDS_MAX) {
        orders.extend(read(session, some, "").await?);
        // Whether the list shows archived orders by itself is unknown: ask for those that were not there.
        let found: BTreeSet<&str> = orders.iter().map(|order: &Order| order.id.as_str()).collect();
        let missing: Vec<&str> = some.iter().copied().filter(|id| !found.contains(id)).collect();
        if !missing.is_empty() {
            orders.extend(read(session, &missing, "&archived=1").await?);
        }
    }
    Ok(orders)
}

/// Ids of this platform are numbers; nothing else may enter an address.
fn is_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|digit| digit.is_ascii_digit())
}

async fn read(session: Session<'_>, ids: &[&str], archived: &str) -> Result<Vec<Order>, Error> {
    let path = format!("/orders?ids={}&count={PAGE}{archived}&{SHAPE}", ids.join(","));
    let rows: Vec<OrderRow> = client::get(session, &path).await?;
    // Trust nothing that was not asked for: a store that ignored `ids` would list everything.
    let asked = |row: &OrderRow| row.id.as_deref().is_some_and(|id| ids.contains(&id));
    let waits = waits_for_payment(session.settings);
    rows.into_iter().filter(asked).map(|row| order(row, waits)).collect()
}

/// One page of the orders created at or after `since`, oldest first: first the current ones, then the archived ones.
pub(crate) async fn since(session: Session<'_>, since: Timestamp, page: Option<String>) -> Result<Orders, Error> {
    let token = page.unwrap_or_else(|| "0:0".into());
    let (archived, offset) = token.split_once(':').unwrap_or(("0", "?"));
    let offset = products::offset(Some(offset))?;
    let archived = usize::from(archived == "1");
    let from = since.seconds();
    let path = format!("/orders?from={from}&archived={archived}&sort=date&count={PAGE}&offset={offset}&{SHAPE}");
    let rows: Vec<OrderRow> = client::get(session, &path).await?;
    let next = match (rows.len() >= PAGE, archived) {
        (true, _) => Some(format!("{archived}:{}", offset + rows.len())),
        (false, 0) => Some("1:0".into()),
        (false, _) => None,
    };
    let waits = waits_for_payment(session.settings);
    let mut rows: Vec<Order> = rows.into_iter().map(|row| order(row, waits)).collect::<Result<_, _>>()?;
    rows.sort_by(|one, other| (one.placed, &one.id).cmp(&(other.placed, &other.id)));
    Ok(Page { rows, next })
}

/// `waits`: whether an unpaid order holds no stock yet.
fn order(row: OrderRow, waits: bool) -> Result<Order, Error> {
    let id = row.id.and_then(|id| OrderId::new(id).ok()).ok_or_else(|| malformed("an order has no id"))?;
    let placed = row.created.as_deref().and_then(date).ok_or_else(|| malformed(&format!("order {id} has no date")))?;
    let lines = row.products.iter().map(|item| line(&id, item)).collect::<Result<_, _>>()?;
    Ok(Order { id, reference: row.reference.unwrap_or_default(), state: state(&row.status, waits), placed, lines })
}

fn malformed(problem: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("GET /orders: {problem}"))
}

/// Status ids and names are the shop's own; only the type says what it means. A missing status occurs and means nothing.
fn state(status: &Value, waits: bool) -> OrderState {
    match status.get("type").and_then(Value::as_str) {
        Some("cancelled") => OrderState::Cancelled,
        Some("unpaid") if waits => OrderState::Unpaid,
        _ => OrderState::Open,
    }
}

/// Two variations of one product repeat `id`; the line's own id is `itemId`.
fn line(order: &OrderId, line: &OrderLine) -> Result<Line, Error> {
    let id = line.item_id.clone().and_then(|id| LineId::new(id).ok());
    let id = id.ok_or_else(|| malformed(&format!("a line of order {order} has no itemId")))?;
    let quantity = whole(&line.quantity).filter(|units| *units >= 0);
    let quantity = quantity.ok_or_else(|| malformed(&format!("line {id} of order {order} has no quantity")))?;
    Ok(Line { id, sku: sku(line.sku.as_deref()), quantity })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_own_ids_and_no_customer() {
        let rows: Vec<OrderRow> =
            serde_json::from_str(include_str!("../fixtures/orders.json")).expect("a list of orders");
        let orders: Vec<Order> =
            rows.into_iter().map(|row| order(row, false)).collect::<Result<_, _>>().expect("they are readable");
        let lines: Vec<_> = orders[0].lines.iter().map(|line| (line.id.as_str(), line.quantity)).collect();
        assert_eq!(lines, [("90871234", 2), ("90871235", 1), ("90871236", 1)]);
        assert_eq!(orders[0].lines[2].sku, None, "an empty text is no SKU");
        assert_eq!((orders[0].state, orders[0].reference.as_str()), (OrderState::Open, "10231"));
        assert_eq!((orders[1].state, orders[1].reference.as_str()), (OrderState::Cancelled, ""));
        assert!(!format!("{orders:?}").contains("Buyer"));
    }

    #[test]
    fn only_the_type_of_a_status_says_that_an_order_waits_for_its_money() {
        let unpaid = serde_json::json!({"id": 1, "name": "Invoice sent", "type": "unpaid"});
        let part = serde_json::json!({"id": 2, "name": "Not Paid", "type": "custom"});
        assert_eq!((state(&unpaid, true), state(&unpaid, false)), (OrderState::Unpaid, OrderState::Open));
        assert_eq!((state(&part, true), state(&Value::Null, true)), (OrderState::Open, OrderState::Open));
    }

    #[test]
    fn a_line_without_an_id_is_not_guessed_at() {
        let row = serde_json::json!({"id": 1, "created": "Mon, 16 Mar 2026 10:21:00 +0000", "products": [{"id": 4242, "sku": "A", "quantity": 1}]});
        let error = order(serde_json::from_value(row).expect("an order"), false).expect_err("the line has no itemId");
        assert_eq!(error.kind, ErrorKind::Malformed);
    }
}
