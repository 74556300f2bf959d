//! How many calls much work takes, and how much of it is in memory at once.

use crate::{SHOP, World, kinds, write};
use channels::shopify::{ROWS_MAX, Shopify};
use channels::{Channel, Write};
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn five_thousand_rows_are_twenty_calls() {
    let world = World::new();
    let rows: Vec<Write> = (0..5_000)
        .map(|index| {
            let name = format!("P-{index:04}");
            let item = world.add(&name, &[(world.main, 1)]);
            write(&name, &item.to_string(), world.main, 1, index % 50 + 2)
        })
        .collect();
    for batch in rows.chunks(ROWS_MAX) {
        assert!(kinds(&world.send(batch).await).iter().all(|kind| kind == "applied"));
        // as long as the budget would have waited
        world.clock.advance(Duration::from_secs(8));
    }
    let sent = world.net.inner.take_sent();
    let calls = sent.iter().filter(|sent| sent.body.contains("inventorySetQuantities(")).count();
    assert!(calls * 10 * ROWS_MAX <= rows.len() * 11, "{calls} calls");
    assert_eq!(sent.len(), calls * 2 + 1, "with a check before each, and one token");
    assert_eq!(world.fake().writes(SHOP).len(), rows.len());
}

#[tokio::test]
async fn a_hundred_thousand_levels_are_read_in_bounded_pieces() {
    let world = World::new();
    for index in 0..50_000 {
        world.add(&format!("P-{index:05}"), &[(world.main, index), (world.shed, -index)]);
    }
    let (mut page, mut pages, mut seen, mut largest) = (None, 0, BTreeSet::new(), 0);
    loop {
        let levels = Shopify.units(world.session(), page).await.unwrap();
        largest = largest.max(levels.rows.len());
        seen.extend(levels.rows.into_iter().map(|unit| (unit.external, unit.location)));
        pages += 1;
        page = levels.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 100_000, "each once");
    let (piece, pieces) = world.fake().pieces(SHOP);
    assert!(piece <= 1024 * 1024 && largest < 10_000, "{piece} bytes, {largest} rows");
    assert_eq!(pieces, pages, "one piece a page");
    assert!(pages < 80, "{pages} pages");
    let calls = world.net.inner.take_sent().len();
    assert!(calls <= 2 * pages as usize + 5, "{calls} calls for {pages} pages");
}
