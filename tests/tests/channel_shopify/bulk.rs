//! Full reads: an operation, a file, pieces of it.

use crate::{SHOP, World, next};
use channels::shopify::Shopify;
use channels::shopify::fake::{BulkEnd, Failure, ItemSpec, When, Which};
use channels::{Channel, ErrorKind, Levels, Unit};

/// All pages of units, and how many there were.
async fn all(world: &World) -> Result<(Vec<Unit>, usize), channels::Error> {
    let (mut rows, mut page, mut pages) = (Vec::new(), None, 0);
    loop {
        let Levels { rows: some, next } = Shopify.units(world.session(), page).await?;
        rows.extend(some);
        pages += 1;
        assert!(pages < 1000, "the pages do not end");
        page = next;
        if page.is_none() {
            return Ok((rows, pages));
        }
    }
}

fn seen(units: &[Unit]) -> Vec<(String, u64, Option<i64>)> {
    let name = |unit: &Unit| unit.sku.as_ref().map_or_else(String::new, ToString::to_string);
    let row = |unit: &Unit| (name(unit), unit.location.as_str().parse().unwrap(), unit.level);
    let mut rows: Vec<_> = units.iter().map(row).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn every_level_is_read_whatever_the_order_of_the_lines() {
    for scattered in [false, true] {
        let world = World::new().with(|switches| switches.bulk_scattered = scattered);
        world.add("MUG", &[(world.main, 5), (world.shed, 2)]);
        world.add("A/B \"C\"", &[(world.shed, 0)]);
        world.add("NOWHERE", &[]);
        world.add("OFF", &[(world.main, 7), (world.shed, 1)]);
        world.fake().connect(SHOP, "OFF", world.main, false, world.now()).unwrap();
        let free =
            ItemSpec { sku: Some("FREE".into()), tracked: false, levels: vec![(world.main, 9)], ..ItemSpec::default() };
        world.item(&free);
        let (units, _) = all(&world).await.unwrap();
        let expected = [
            ("A/B \"C\"", world.shed, Some(0)),
            ("FREE", world.main, None),
            ("MUG", world.main, Some(5)),
            ("MUG", world.shed, Some(2)),
            ("OFF", world.main, None),
            ("OFF", world.shed, Some(1)),
        ];
        assert_eq!(seen(&units), expected.map(|(name, place, level)| (name.to_owned(), place, level)));
    }
}

#[tokio::test]
async fn while_it_runs_pages_are_empty_and_then_the_file_is_read() {
    let world = World::new().with(|switches| switches.bulk_ms = 20_000).stocked(&[("MUG", 5)]);
    let first = Shopify.units(world.session(), None).await.unwrap();
    assert!(first.rows.is_empty());
    let token = first.next.clone().unwrap();
    let second = Shopify.units(world.session(), first.next).await.unwrap();
    assert_eq!((second.rows.len(), second.next.as_ref()), (0, Some(&token)), "the same place again");
    let (units, pages) = all(&world).await.unwrap();
    assert_eq!((units.len(), pages), (1, 4), "another operation, which takes its own time");
}

#[tokio::test]
async fn a_store_without_products_has_no_file() {
    assert_eq!(all(&World::new()).await.unwrap().0, []);
}

#[tokio::test]
async fn a_large_file_is_read_in_pieces_and_a_token_resumes_it() {
    let world = World::new();
    for index in 0..6_000 {
        world.add(&format!("P-{index:05}"), &[(world.main, index)]);
    }
    let (units, _) = all(&world).await.unwrap();
    assert_eq!(seen(&units).len(), 6_000);
    assert!(seen(&units).iter().enumerate().all(|(index, row)| row.2 == i64::try_from(index).ok()));
    let (largest, pieces) = world.fake().pieces(SHOP);
    assert!(largest <= 1024 * 1024 && pieces > 1, "{largest} bytes, {pieces} pieces");
}

#[tokio::test]
async fn a_host_that_ignores_ranges_is_read_at_once() {
    let world = World::new().with(|switches| switches.ignore_range = true);
    for index in 0..6_000 {
        world.add(&format!("P-{index:05}"), &[(world.main, index)]);
    }
    let (units, pages) = all(&world).await.unwrap();
    assert_eq!((seen(&units).len(), pages), (6_000, 1));
    assert_eq!(world.fake().pieces(SHOP).1, 1, "and not once per page");
}

#[tokio::test]
async fn a_failed_operation_is_no_list() {
    let world = World::new().with(|switches| switches.bulk_end = BulkEnd::Failed).stocked(&[("MUG", 5)]);
    let error = all(&world).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert!(error.context.contains("FAILED (TIMEOUT)"), "{error}");
    world.switch(|switches| switches.bulk_end = BulkEnd::Never);
    let page = Shopify.units(world.session(), None).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(86_400));
    assert!(Shopify.units(world.session(), page.next).await.is_err(), "one that never ends is given up");
}

#[tokio::test]
async fn the_sixth_operation_waits() {
    let world = World::new().with(|switches| switches.bulk_ms = 3_600_000).stocked(&[("MUG", 5)]);
    for _ in 0..5 {
        Shopify.units(world.session(), None).await.unwrap();
    }
    let error = Shopify.units(world.session(), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled);
    assert!(error.retry_after.is_some());
}

#[tokio::test]
async fn trouble_on_the_way_loses_no_place() {
    let world = World::new().with(|switches| switches.bulk_ms = 20_000).stocked(&[("MUG", 5)]);
    let first = Shopify.units(world.session(), None).await.unwrap();
    for failure in [Failure::Status(500), Failure::NoAnswer, Failure::Page, Failure::Status(429)] {
        world.fail(next(1, failure, When::Before, Which::Reads));
        assert!(Shopify.units(world.session(), first.next.clone()).await.is_err());
    }
    world.clock.advance(std::time::Duration::from_secs(60));
    let page = Shopify.units(world.session(), first.next).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (1, None));
}

#[tokio::test]
async fn a_made_up_page_is_refused() {
    let world = World::new();
    for token in ["", "x", "1", "x:1", "1:x", "1:-1", "1:1:1"] {
        let error = Shopify.units(world.session(), Some(token.into())).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{token}");
    }
}
