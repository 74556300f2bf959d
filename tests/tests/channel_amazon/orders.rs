//! Orders: pending counts, cancelled leaves what is left, Amazon's own are none of ours.

use crate::{GERMANY, SELLER, UK, World, sku};
use channels::amazon::Amazon;
use channels::amazon::fake::ListingSpec;
use channels::{Channel, ErrorKind};
use domain::{Order, OrderId, OrderState, Timestamp};

fn world() -> World {
    World::new().stocked(&[("MUG", 10_000), ("CAP", 10_000)])
}

fn id(text: &str) -> OrderId {
    OrderId::new(text).unwrap()
}

async fn one(world: &World, order: &str) -> Order {
    Amazon.orders(world.session(), &[id(order)]).await.unwrap().remove(0)
}

async fn since(world: &World, since: Timestamp) -> Vec<Order> {
    let (mut orders, mut page) = (Vec::new(), None);
    loop {
        let some = Amazon.orders_since(world.session(), since, page).await.unwrap();
        orders.extend(some.rows);
        page = some.next;
        if page.is_none() {
            return orders;
        }
    }
}

#[tokio::test]
async fn a_pending_order_is_sold_and_tells_nothing_of_people() {
    let world = world();
    let order = world.fake().sell(SELLER, &[("MUG", 2), ("CAP", 1)], world.now()).unwrap();
    assert_eq!(world.level("MUG"), 9_998, "Amazon has lowered its number at once");
    let seen = one(&world, &order).await;
    assert_eq!((seen.state, seen.placed, seen.reference.as_str()), (OrderState::Open, world.now(), order.as_str()));
    let lines: Vec<_> = seen.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
    assert_eq!(lines, [(Some(sku("MUG")), 2), (Some(sku("CAP")), 1)]);
    assert_ne!(seen.lines[0].id, seen.lines[1].id);
    let asked = world.take_sent();
    assert!(asked.iter().all(|sent| !sent.target.contains("BUYER") && !sent.target.contains("RECIPIENT")), "{asked:?}");
}

#[tokio::test]
async fn an_order_keeps_its_lines_until_it_is_cancelled() {
    for odd in [false, true] {
        let world = world().with(|switches| switches.odd_status = odd);
        let order = world.sell("MUG", 4);
        let lines = one(&world, &order).await.lines;
        for sent in [0, 1, 3] {
            world.fake().go_on(SELLER, &order, sent, world.now()).unwrap();
            let seen = one(&world, &order).await;
            assert_eq!((seen.state, &seen.lines), (OrderState::Open, &lines), "{sent} sent");
        }
        world.fake().preorder(SELLER, &order).unwrap();
        assert_eq!(one(&world, &order).await.state, OrderState::Open, "an order for what is not there yet is one too");
    }
}

/// UNKNOWN: whether a cancelled line still shows what was ordered.
#[tokio::test]
async fn a_cancelled_order_leaves_nothing_either_way() {
    for keeps in [true, false] {
        let world = world().with(|switches| switches.cancelled_keeps_quantity = keeps);
        let order = world.sell("MUG", 4);
        let line = one(&world, &order).await.lines[0].id.clone();
        world.fake().cancel(SELLER, &order, None, true, world.now()).unwrap();
        let seen = one(&world, &order).await;
        assert_eq!(seen.state, OrderState::Cancelled);
        assert_eq!((seen.lines[0].id.clone(), seen.lines[0].quantity), (line, 0));
        assert_eq!((world.level("MUG"), world.fake().sold(SELLER, "MUG")), (10_000, 0));
    }
}

#[tokio::test]
async fn a_cancelled_line_of_a_standing_order_leaves_nothing_and_the_others_stand() {
    for keeps in [true, false] {
        let world = world().with(|switches| switches.cancelled_keeps_quantity = keeps);
        let order = world.fake().sell(SELLER, &[("MUG", 2), ("CAP", 3)], world.now()).unwrap();
        world.fake().cancel(SELLER, &order, Some("MUG"), true, world.now()).unwrap();
        let seen = one(&world, &order).await;
        let quantities: Vec<i64> = seen.lines.iter().map(|line| line.quantity).collect();
        assert_eq!((seen.state, quantities), (OrderState::Open, vec![0, 3]));
    }
}

#[tokio::test]
async fn what_was_sent_before_a_cancellation_stays_sold() {
    for keeps in [true, false] {
        let world = world().with(|switches| switches.cancelled_keeps_quantity = keeps);
        let order = world.sell("MUG", 4);
        world.fake().go_on(SELLER, &order, 1, world.now()).unwrap();
        world.fake().cancel(SELLER, &order, None, false, world.now()).unwrap();
        let seen = one(&world, &order).await;
        assert_eq!(seen.lines[0].quantity, 1);
        assert_eq!(world.level("MUG"), 9_996, "no inventory: the units do not go back");
    }
}

#[tokio::test]
async fn orders_that_amazon_sends_are_none_of_ours() {
    let world = world();
    world.list(&ListingSpec::hosted("FBA"));
    let theirs = world.sell("FBA", 2);
    let ours = world.sell("MUG", 1);
    assert_eq!(Amazon.orders(world.session(), &[id(&theirs), id(&ours)]).await.unwrap().len(), 1);
    world.pass(121);
    let listed = since(&world, world.now()).await;
    assert_eq!(listed.iter().map(|order| order.id.clone()).collect::<Vec<_>>(), [id(&ours)]);
}

#[tokio::test]
async fn unknown_and_foreign_ids_are_left_out() {
    let world = world();
    let ours = world.sell("MUG", 1);
    let ids = [id(&ours), id("999-9999999-9999999"), id("../../feeds?x=1")];
    assert_eq!(Amazon.orders(world.session(), &ids).await.unwrap().len(), 1);
    assert_eq!(world.calls("getOrder"), 2, "what is no order id is not asked for");
}

#[tokio::test]
async fn an_order_is_listed_two_minutes_late_and_never_missed() {
    let world = world();
    let asked = world.now();
    let order = world.sell("MUG", 1);
    assert_eq!(since(&world, asked).await, [], "not yet");
    world.pass(119);
    assert_eq!(since(&world, asked).await, []);
    world.pass(1);
    assert_eq!(since(&world, asked).await.len(), 1);
    // ten minutes are listed again, whatever was asked for
    world.pass(400);
    assert_eq!(since(&world, world.now()).await[0].id, id(&order));
    world.pass(300);
    assert_eq!(since(&world, world.now()).await, []);
    assert_eq!(one(&world, &order).await.id, id(&order), "by id it shows at once and for ever");
}

#[tokio::test]
async fn a_change_brings_an_old_order_back() {
    let world = world();
    let order = world.sell("MUG", 1);
    world.pass(86_400);
    let before = world.now();
    world.fake().cancel(SELLER, &order, None, true, world.now()).unwrap();
    world.pass(121);
    let listed = since(&world, before).await;
    assert_eq!((listed[0].id.clone(), listed[0].state), (id(&order), OrderState::Cancelled));
}

#[tokio::test]
async fn many_orders_come_page_by_page() {
    let world = world();
    let from = world.now();
    let ids: Vec<OrderId> = (0..230).map(|_| id(&world.sell("MUG", 1))).collect();
    world.pass(121);
    world.take_sent();
    let found: Vec<OrderId> = since(&world, from).await.into_iter().map(|order| order.id).collect();
    assert_eq!(found.len(), 230);
    assert!(ids.iter().all(|id| found.contains(id)));
    let asked: Vec<_> = world.take_sent().into_iter().filter(|sent| sent.method == "GET").collect();
    let after = |target: &str| target.split('&').next().unwrap().to_owned();
    assert_eq!((asked.len(), after(&asked[0].target)), (3, after(&asked[2].target)), "the same question for each page");
}

#[tokio::test]
async fn a_page_that_is_too_old_or_none_of_ours_is_refused() {
    let world = world();
    (0..120).for_each(|_| drop(world.sell("MUG", 1)));
    world.pass(121);
    let page = Amazon.orders_since(world.session(), world.now(), None).await.unwrap().next;
    world.pass(86_500);
    let error = Amazon.orders_since(world.session(), world.now(), page).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(
        Amazon.orders_since(world.session(), world.now(), Some("x".into())).await.unwrap_err().kind,
        ErrorKind::Malformed
    );
}

#[tokio::test]
async fn every_marketplace_of_the_region_is_asked_for_and_time_before_1970_is_none() {
    let world = world().setting("marketplaces", &format!("{UK},{GERMANY}"));
    since(&world, Timestamp(-900_000)).await;
    let asked = world.take_sent().pop().unwrap().target;
    assert!(
        asked.contains(&format!("marketplaceIds={UK},{GERMANY}")) && asked.contains("fulfilledBy=MERCHANT"),
        "{asked}"
    );
    assert!(asked.contains("lastUpdatedAfter=1970-01-01T00%3A00%3A00.000Z"), "{asked}");
}

#[tokio::test]
async fn there_is_no_log_of_movements() {
    let world = world();
    assert_eq!(Amazon.feed_head(world.session()).await.unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!(Amazon.movements(world.session(), domain::Position(0)).await.unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!(world.take_sent(), []);
}
