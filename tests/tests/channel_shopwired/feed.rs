//! The movement feed, in both orders of the log.

use crate::platform::call;
use crate::{KEY, SHOP, World, order_id, sku};
use channels::shopwired::ShopWired;
use channels::{Channel, ErrorKind, Movements};
use domain::Position;
use serde_json::{Value, json};

fn world(descending: bool) -> World {
    World::new().with(|switches| switches.events_descending = descending).stocked(&[("MUG", 1_000_000), ("CAP", 5)])
}

async fn head(world: &World) -> Position {
    ShopWired.feed_head(world.session()).await.unwrap()
}

async fn since(world: &World, position: Position) -> Movements {
    ShopWired.movements(world.session(), position).await.unwrap()
}

fn levels(movements: &Movements) -> Vec<i64> {
    movements.entries.iter().map(|entry| entry.level_after).collect()
}

#[tokio::test]
async fn sales_and_edits_are_read_once_and_in_order() {
    for descending in [false, true] {
        let world = world(descending);
        let start = head(&world).await;
        let order = world.sell("CAP", 2);
        world.fake().edit(SHOP, "CAP", 9, world.now()).unwrap();
        let movements = since(&world, start).await;
        assert_eq!(levels(&movements), [3, 9]);
        let sale = &movements.entries[0];
        assert_eq!((sale.sku.clone(), sale.order.clone()), (sku("CAP"), Some(order_id(order))));
        assert_eq!((movements.entries[1].order.clone(), sale.at), (None, world.now()));
        assert!(!movements.more && !movements.gap);
        assert_eq!(movements.upto, head(&world).await);
        let again = since(&world, movements.upto).await;
        assert!(again.entries.is_empty() && !again.gap && !again.more);
        assert_eq!(again.upto, movements.upto);
    }
}

#[tokio::test]
async fn an_empty_log_has_a_head_and_no_gap() {
    let world = world(false);
    assert_eq!(head(&world).await, Position(0));
    let movements = since(&world, Position(0)).await;
    assert!(movements.entries.is_empty() && !movements.gap && movements.upto == Position(0));
}

#[tokio::test]
async fn the_head_of_a_long_log_is_found_whatever_its_order() {
    for (descending, count_lies) in [(false, false), (false, true), (true, false), (true, true)] {
        let world = world(descending).with(|switches| switches.count_ignores_filters = count_lies);
        for sold in [1_usize, 99, 100, 1, 400, 650] {
            (0..sold).for_each(|_| _ = world.sell("MUG", 1));
            let newest = since_all(&world).await.last().copied().unwrap();
            assert_eq!(head(&world).await, newest, "descending {descending}, count lies {count_lies}");
        }
    }
}

/// Every position, page by page.
async fn since_all(world: &World) -> Vec<Position> {
    let (mut positions, mut from) = (Vec::new(), Position(0));
    loop {
        let movements = since(world, from).await;
        positions.extend(movements.entries.iter().map(|entry| entry.id));
        from = movements.upto;
        if !movements.more {
            return positions;
        }
    }
}

#[tokio::test]
async fn more_than_one_answer_holds_is_read_in_several() {
    for (descending, inclusive) in [(false, false), (true, false), (false, true), (true, true)] {
        let world = world(descending).with(|switches| switches.since_inclusive = inclusive);
        (0..2345).for_each(|_| _ = world.sell("MUG", 1));
        assert!(since(&world, Position(0)).await.more);
        let positions = since_all(&world).await;
        assert_eq!(positions.len(), 2345, "descending {descending}, inclusive {inclusive}");
        assert!(positions.is_sorted());
    }
}

#[tokio::test]
async fn a_log_that_no_longer_reaches_back_is_a_gap() {
    for descending in [false, true] {
        let world = world(descending);
        world.sell("MUG", 1);
        let start = head(&world).await;
        (0..5).for_each(|_| _ = world.sell("MUG", 1));
        assert!(!since(&world, start).await.gap);
        world.fake().switches(SHOP).unwrap().retention = Some(4);
        let late = since(&world, start).await;
        assert!(late.gap, "descending {descending}");
        assert!(!since(&world, late.upto).await.gap, "the gap is told once");
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_a_gap_too() {
    for data in [json!({"sku": "MUG"}), json!({"sku": "", "newQuantity": 2}), json!({"newQuantity": 2}), json!([])] {
        let world = world(false);
        world.fake().make_up(SHOP, "product.stock_changed", data, world.now()).unwrap();
        world.sell("MUG", 1);
        let movements = since(&world, Position(0)).await;
        assert!(movements.gap);
        assert_eq!(movements.entries.len(), 1);
    }
}

#[tokio::test]
async fn dates_texts_and_unknown_fields_do_not_disturb() {
    let world = world(false).with(|switches| {
        (switches.iso_dates, switches.extra_fields, switches.escaped_json) = (true, true, true);
        switches.generator = channels::shopwired::fake::Generator::Text;
    });
    let data = json!({"sku": "A/ü", "newQuantity": "7", "orderId": "12", "isVariation": null});
    world.fake().make_up(SHOP, "product.stock_changed", data, world.now()).unwrap();
    let movements = since(&world, Position(0)).await;
    let entry = &movements.entries[0];
    assert_eq!((entry.sku.clone(), entry.level_after, entry.order.clone()), (sku("A/ü"), 7, Some(order_id(12))));
    assert_eq!(entry.at, world.now());
}

#[tokio::test]
async fn our_own_writes_may_appear_or_not() {
    for echo in [true, false] {
        let world = world(false).with(|switches| switches.echo = echo);
        world.write(&[("CAP", 4), ("MUG", 1_000_000), ("GONE", 3)]).await;
        let movements = since(&world, Position(0)).await;
        let expected = if echo { vec![4] } else { vec![] };
        assert_eq!(levels(&movements), expected, "equal values and unknown SKUs move nothing");
    }
}

/// UNKNOWN: whether the movement of a returned line names its order.
#[tokio::test]
async fn a_returned_line_names_its_order_or_not() {
    for named in [true, false] {
        let world = world(false).with(|switches| switches.return_names_order = named);
        let order = world.sell("CAP", 2);
        let item = world.fake().lines(SHOP, order)[0].item;
        world.fake().return_line(SHOP, item, world.now()).unwrap();
        let movements = since(&world, Position(0)).await;
        assert_eq!(levels(&movements), [3, 5]);
        assert_eq!(movements.entries[1].order, named.then(|| order_id(order)));
    }
}

/// UNKNOWN: what orders do to stock that are created through the API, or deleted. Either way the log says it.
#[tokio::test]
async fn orders_of_the_api_and_deleted_ones_move_what_the_log_says() {
    for (takes, returns, expected) in
        [(true, false, vec![3]), (true, true, vec![3, 5]), (false, false, vec![]), (false, true, vec![7])]
    {
        let world = world(false).with(|switches| {
            (switches.created_orders_take, switches.deleted_orders_return) = (takes, returns);
        });
        let lines = json!({"products": [{"sku": "CAP", "quantity": 2}]});
        let (status, made) = call(&world, "POST", "/v1/orders", lines).await;
        assert_eq!(status, 201);
        let path = format!("/v1/orders/{}", made["id"]);
        assert_eq!(call(&world, "DELETE", &path, Value::Null).await.0, 204);
        let movements = since(&world, Position(0)).await;
        assert_eq!(levels(&movements), expected, "takes {takes}, returns {returns}");
        assert_eq!(world.level("CAP"), expected.last().copied().unwrap_or(5));
    }
}

#[tokio::test]
async fn a_product_import_is_not_in_the_log_unless_it_is() {
    for logged in [false, true] {
        let world = world(false).with(|switches| switches.product_import_logs = logged);
        world.fake().import_silently(SHOP, "CAP", 50, world.now()).unwrap();
        assert_eq!(world.level("CAP"), 50);
        assert_eq!(since(&world, Position(0)).await.entries.len(), usize::from(logged));
    }
}

#[tokio::test]
async fn a_key_that_may_not_read_the_log_says_so() {
    let world = world(false);
    world.fake().forbid(SHOP, KEY, &["events"]).unwrap();
    for error in [
        ShopWired.feed_head(world.session()).await.unwrap_err(),
        ShopWired.movements(world.session(), Position(1)).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Forbidden);
        assert_eq!(error.context, "GET /events: 403 (code 403: This key may not use events)");
    }
}
