//! `/orders` and `/order-statuses`.

use super::log::Happening;
use super::render;
use super::rest::{Answer, Call, Refusal, id, not_allowed, refuse};
use super::state::{Account, Order, STATUSES, Status};
use serde_json::{Value, json};

/// Most ids of one call (reference of `GET /orders`, <https://shopwired.readme.io>).
const IDS_MAX: usize = 50;

pub(super) fn route(account: &mut Account, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(account, call),
        ("POST", []) => create(account, call),
        ("GET", ["count"]) => Ok((200, json!({"count": selected(account, call)?.len()}))),
        ("GET", [order]) => Ok((200, render::order(account, find(account, call, id(order)?)?, &call.shape()))),
        ("DELETE", [order]) => delete(account, call, id(order)?),
        ("POST", [order, "status"]) => set_status(account, call, id(order)?),
        ("POST", [order, "refunds"]) => refund(account, call, id(order)?),
        (_, [] | [_] | [_, "status" | "refunds"]) => Err(not_allowed()),
        _ => Err(refuse(404, "No such endpoint")),
    }
}

pub(super) fn statuses(account: &Account) -> Value {
    (0..STATUSES.len()).map(|index| render::status(account, Status(index))).collect()
}

fn find<'a>(account: &'a Account, call: &Call<'_>, id: u64) -> Result<&'a Order, Refusal> {
    let order = account.orders.get(&id).filter(|order| order.visible_from <= call.now);
    order.ok_or_else(|| refuse(404, "No such order"))
}

fn list(account: &Account, call: &Call<'_>) -> Answer {
    let (count, offset) = call.page()?;
    let shape = call.shape();
    let orders = selected(account, call)?;
    let page = orders.into_iter().skip(offset).take(count);
    Ok((200, page.map(|order| render::order(account, order, &shape)).collect()))
}

/// The orders that the filters leave, in the order of `sort`; by id when it is not given.
fn selected<'a>(account: &'a Account, call: &Call<'_>) -> Result<Vec<&'a Order>, Refusal> {
    let (from, to) = (call.number("from")?, call.number("to")?);
    let archived = call.param("archived").map(|text| text == "1");
    let status = call.number("status")?.map(i64::unsigned_abs);
    let fits = |order: &&Order| {
        let shown = archived.map_or(account.switches.lists_archived || !order.archived, |want| order.archived == want);
        let placed = order.created.seconds();
        shown
            && order.visible_from <= call.now
            && from.is_none_or(|from| placed >= from)
            && to.is_none_or(|to| placed <= to)
            && status.is_none_or(|status| render::status_id(account, order.status) == status)
    };
    let mut orders: Vec<&Order> = match call.param("ids") {
        Some(ids) => by_ids(account, ids)?.into_iter().filter(fits).collect(),
        None => account.orders.values().filter(fits).collect(),
    };
    match call.param("sort") {
        None => {}
        Some("date") => orders.sort_by_key(|order| (order.created, order.id)),
        Some("date_desc") => orders.sort_by_key(|order| std::cmp::Reverse((order.created, order.id))),
        Some(_) => return Err(refuse(422, "sort must be date or date_desc")),
    }
    Ok(orders)
}

fn by_ids<'a>(account: &'a Account, ids: &str) -> Result<Vec<&'a Order>, Refusal> {
    let ids: Vec<&str> = ids.split(',').collect();
    if ids.len() > IDS_MAX {
        return Err(refuse(422, "ids must hold at most 50 ids"));
    }
    Ok(ids.iter().filter_map(|id| account.orders.get(&id.parse().ok()?)).collect())
}

fn delete(account: &mut Account, call: &Call<'_>, order: u64) -> Answer {
    find(account, call, order)?;
    account.discard(order, call.now);
    Ok((204, Value::Null))
}

/// The lines are `products`, as an order shows them.
fn create(account: &mut Account, call: &Call<'_>) -> Answer {
    let lines = call.body.get("products").and_then(Value::as_array).into_iter().flatten();
    let line = |line: &Value| Some((line.get("sku")?.as_str()?.to_owned(), line.get("quantity")?.as_i64()?));
    let lines: Option<Vec<(String, i64)>> = lines.map(line).collect();
    let lines = lines.filter(|lines| !lines.is_empty()).ok_or_else(|| refuse(422, "products is missing"))?;
    let lines: Vec<(&str, i64)> = lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
    let order = account.create(&lines, call.now).map_err(|why| refuse(422, why.to_string()))?;
    Ok((201, json!({"id": order})))
}

fn set_status(account: &mut Account, call: &Call<'_>, order: u64) -> Answer {
    find(account, call, order)?;
    let wanted = call.body.get("status").and_then(Value::as_u64);
    let index = (0..STATUSES.len()).find(|index| Some(render::status_id(account, Status(*index))) == wanted);
    let index = index.ok_or_else(|| refuse(422, "status does not exist"))?;
    account.set_status(order, Status(index), call.now).map_err(|why| refuse(404, why.to_string()))?;
    Ok((200, json!({"id": order})))
}

/// Money only: no stock moves.
fn refund(account: &mut Account, call: &Call<'_>, order: u64) -> Answer {
    find(account, call, order)?;
    let amount = call.body.get("amount").and_then(Value::as_i64).unwrap_or_default();
    let refund = account.refund(order, amount, call.now);
    Ok((201, json!({"id": refund, "orderId": order})))
}

impl Account {
    /// Gives money back; the refund's id.
    pub(super) fn refund(&mut self, order: u64, amount: i64, now: domain::Timestamp) -> u64 {
        let refund = self.id();
        if let Some(found) = self.orders.get_mut(&order) {
            found.refunds.push((refund, amount));
        }
        self.tell(Happening::refund(refund, order, amount), now);
        refund
    }
}
