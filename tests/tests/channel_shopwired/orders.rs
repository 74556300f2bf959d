//! Orders by id and by time.

use crate::{SHOP, World, order_id, sku};
use channels::Channel;
use channels::shopwired::ShopWired;
use channels::shopwired::fake::StockLag;
use domain::{Order, OrderId, OrderState, Timestamp};
use std::time::Duration;

fn world() -> World {
    World::new().stocked(&[("MUG", 10_000), ("CAP", 10_000)])
}

async fn by_ids(world: &World, ids: &[u64]) -> Vec<Order> {
    let ids: Vec<OrderId> = ids.iter().map(|id| order_id(*id)).collect();
    ShopWired.orders(world.session(), &ids).await.unwrap()
}

#[tokio::test]
async fn an_order_gives_its_lines_and_nothing_about_people() {
    let world = world();
    let id = world.fake().sell_lines(SHOP, &[("MUG", 2), ("CAP", 1), ("MUG", 1)], world.now()).unwrap();
    let placed = world.fake().lines(SHOP, id);
    let orders = by_ids(&world, &[id]).await;
    let lines: Vec<_> = orders[0].lines.iter().map(|line| (line.id.as_str().to_owned(), line.quantity)).collect();
    let expected: Vec<_> = placed.iter().map(|line| (line.item.to_string(), line.quantity)).collect();
    assert_eq!(lines, expected);
    assert_eq!(orders[0].lines[0].sku, Some(sku("MUG")));
    assert_eq!((orders[0].state, orders[0].placed), (OrderState::Open, world.now()));
    let asked = &world.http.take_sent()[0].target;
    assert!(!asked.contains("ddress") && !asked.contains("customer"), "{asked}");
}

#[tokio::test]
async fn an_unpaid_order_is_open_or_waits_and_takes_its_stock_once_either_way() {
    for (takes, waits) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut world = world().with(|switches| switches.unpaid_orders_take = takes);
        world.settings.insert("unpaid_orders".into(), if waits { "wait" } else { "count" }.into());
        let left = |world: &World| world.fake().level(SHOP, "MUG").unwrap();
        let ids = ["kept", "dropped"].map(|_| world.fake().sell_unpaid(SHOP, &[("MUG", 3)], world.now()).unwrap());
        let expected = if waits { OrderState::Unpaid } else { OrderState::Open };
        let listed = ShopWired.orders_since(world.session(), world.now(), None).await.unwrap().rows;
        for order in by_ids(&world, &ids).await.iter().chain(&listed) {
            assert_eq!((order.state, order.lines[0].quantity), (expected, 3), "takes {takes}, waits {waits}");
        }
        assert_eq!(listed.len(), 2);
        assert_eq!(left(&world), if takes { 9_994 } else { 10_000 });

        world.fake().pay(SHOP, ids[0], world.now()).unwrap();
        world.fake().cancel(SHOP, ids[1], world.now()).unwrap();
        world.fake().pay(SHOP, ids[0], world.now()).unwrap();
        let states: Vec<OrderState> = by_ids(&world, &ids).await.iter().map(|order| order.state).collect();
        assert_eq!(states, [OrderState::Open, OrderState::Cancelled]);
        assert_eq!(left(&world), if takes { 9_994 } else { 9_997 }, "what was never taken does not move");

        let item = world.fake().lines(SHOP, ids[1])[0].item;
        let back = world.fake().return_line(SHOP, item, world.now());
        assert_eq!(back.is_ok(), takes, "only what was taken can be taken back");
        assert_eq!(left(&world), 9_997);
    }
}

#[tokio::test]
async fn more_than_fifty_ids_are_several_calls() {
    let world = world();
    let ids: Vec<u64> = (0..120).map(|_| world.sell("MUG", 1)).collect();
    world.http.take_sent();
    assert_eq!(by_ids(&world, &ids).await.len(), 120);
    assert_eq!(world.http.take_sent().len(), 3);
}

#[tokio::test]
async fn archived_orders_are_found_whether_or_not_lists_show_them() {
    for listed in [false, true] {
        let world = world().with(|switches| switches.lists_archived = listed);
        let (kept, archived) = (world.sell("MUG", 1), world.sell("MUG", 1));
        world.fake().archive(SHOP, archived).unwrap();
        assert_eq!(by_ids(&world, &[kept, archived]).await.len(), 2);
        let (mut found, mut page) = (Vec::new(), None);
        loop {
            let orders = ShopWired.orders_since(world.session(), world.now(), page).await.unwrap();
            found.extend(orders.rows.into_iter().map(|order| order.id));
            page = orders.next;
            if page.is_none() {
                break;
            }
        }
        assert_eq!(found, [order_id(kept), order_id(archived)], "each once");
    }
}

#[tokio::test]
async fn unknown_and_foreign_ids_are_left_out() {
    let world = world();
    let id = world.sell("MUG", 1);
    let ids = [order_id(id), order_id(1), OrderId::new("gid://x/Order/1&ids=2").unwrap()];
    assert_eq!(ShopWired.orders(world.session(), &ids).await.unwrap().len(), 1);
    assert_eq!(ShopWired.orders(world.session(), &ids[2..]).await.unwrap(), []);
}

#[tokio::test]
async fn an_order_may_show_after_its_movement() {
    let world = world().with(|switches| switches.stock_lag = StockLag::Last(3000));
    let id = world.sell("MUG", 4);
    assert_eq!(world.level("MUG"), 9996);
    assert_eq!(by_ids(&world, &[id]).await, []);
    world.clock.advance(Duration::from_secs(3));
    assert_eq!(by_ids(&world, &[id]).await.len(), 1);
}

#[tokio::test]
async fn a_cancelled_order_is_cancelled_and_moves_nothing() {
    let world = world();
    let id = world.sell("MUG", 4);
    world.fake().cancel(SHOP, id, world.now()).unwrap();
    assert_eq!(by_ids(&world, &[id]).await[0].state, OrderState::Cancelled);
    assert_eq!(world.level("MUG"), 9996);
}

#[tokio::test]
async fn an_edited_order_is_two_with_one_reference() {
    let world = world();
    let old = world.sell("MUG", 4);
    let new = world.fake().edit_order(SHOP, old, &[("MUG", 1), ("CAP", 2)], world.now()).unwrap();
    let orders = by_ids(&world, &[old, new]).await;
    assert_eq!(orders[0].reference, orders[1].reference);
    assert_eq!((orders[0].state, orders[1].state), (OrderState::Cancelled, OrderState::Open));
    assert_eq!((world.level("MUG"), world.level("CAP")), (9999, 9998));
}

#[tokio::test]
async fn orders_by_time_come_page_by_page_and_sorted() {
    let world = world();
    world.sell("MUG", 1);
    world.clock.advance(Duration::from_secs(60));
    let from = world.now();
    let ids: Vec<OrderId> = (0..230).map(|_| order_id(world.sell("MUG", 1))).collect();
    let (mut found, mut page, mut pages) = (Vec::new(), None, 0);
    loop {
        let orders = ShopWired.orders_since(world.session(), from, page).await.unwrap();
        found.extend(orders.rows.into_iter().map(|order| order.id));
        (page, pages) = (orders.next, pages + 1);
        if page.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (ids, 4), "three pages of current orders, one of archived ones");
    let none = ShopWired.orders_since(world.session(), Timestamp(from.0 + 1000), None).await.unwrap();
    assert_eq!(none.rows, []);
}

#[tokio::test]
async fn a_line_may_come_without_the_sku_that_its_variation_inherits() {
    use channels::shopwired::fake::{ProductSpec, VariationSpec};
    for filled in [true, false] {
        let world = World::new().with(|switches| switches.inherited_sku_on_lines = filled);
        let variations = vec![VariationSpec::default()];
        let spec = ProductSpec { variations, ..ProductSpec::simple("CAP", 5) };
        world.fake().create_product(SHOP, &spec, world.now()).unwrap();
        let id = world.sell("CAP", 1);
        assert_eq!(by_ids(&world, &[id]).await[0].lines[0].sku, filled.then(|| sku("CAP")));
    }
}
