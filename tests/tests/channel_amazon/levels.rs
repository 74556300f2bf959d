//! Levels: what is live, twenty SKUs a call, never what was submitted.

use crate::{GERMANY, SELLER, World};
use channels::amazon::Amazon;
use channels::amazon::fake::{Failure, Fault, ListingSpec, When};
use channels::{Channel, ErrorKind, UnitKind};
use domain::{LocationId, Sku};

#[tokio::test]
async fn forty_five_levels_are_three_searches_in_the_order_asked_for() {
    let names: Vec<String> = (0..45).map(|n| format!("SKU-{n:02}")).collect();
    let world = World::new();
    for (n, name) in names.iter().enumerate() {
        world.list(&ListingSpec::own(name, i64::try_from(n).unwrap()));
    }
    let asked: Vec<&str> = names.iter().rev().map(String::as_str).collect();
    let expected: Vec<Option<i64>> = (0..45).rev().map(Some).collect();
    assert_eq!(world.levels(&asked).await, expected);
    assert_eq!(world.calls("searchListingsItems"), 3);
}

#[tokio::test]
async fn what_was_submitted_is_not_what_is_live() {
    let world = World::new().stocked(&[("MUG", 5)]);
    assert_eq!(world.write(&[("MUG", 7)]).await, ["accepted"]);
    let submitted = world.fake().submitted(SELLER, "MUG", crate::UK).unwrap();
    assert_eq!(submitted[0]["quantity"], 7);
    assert_eq!(world.levels(&["MUG"]).await, [Some(5)]);
    world.pass(30);
    assert_eq!(world.levels(&["MUG"]).await, [Some(7)]);
}

#[tokio::test]
async fn unknown_is_not_zero() {
    let world = World::new().stocked(&[("MUG", 0)]);
    world.list(&ListingSpec::hosted("FBA"));
    world.list(&ListingSpec { stock: vec![("DEFAULT".into(), None)], ..ListingSpec::own("BLANK", 0) });
    world.list(&ListingSpec { stock: vec![], ..ListingSpec::own("BARE", 0) });
    let both = vec![("DEFAULT".into(), Some(3)), ("AMAZON_EU".into(), None)];
    world.list(&ListingSpec { stock: both, ..ListingSpec::own("BOTH", 0) });
    assert_eq!(
        world.levels(&["MUG", "FBA", "BLANK", "BARE", "BOTH", "NOPE"]).await,
        [Some(0), None, None, None, None, None]
    );
}

#[tokio::test]
async fn odd_skus_are_searched_for_and_one_with_a_comma_is_read_alone() {
    let names = ["A/1", "B#2", "C 3", "D&4=5", "Ä+6", "E,7", "F%2F8"];
    let world = World::new();
    names.iter().for_each(|name| world.list(&ListingSpec::own(name, 4)));
    assert_eq!(world.levels(&names).await, [Some(4); 7]);
    assert_eq!((world.calls("searchListingsItems"), world.calls("getListingsItem")), (1, 1));
    world.list(&ListingSpec::own("G,/9", 4));
    assert_eq!(world.levels(&["G,/9"]).await, [None], "neither searched for nor read");
}

#[tokio::test]
async fn a_listing_of_another_marketplace_is_found_there() {
    let world = World::new().setting("marketplaces", &format!("{}, {GERMANY}", crate::UK)).stocked(&[("MUG", 2)]);
    world.list(&ListingSpec { marketplaces: vec![GERMANY.into()], ..ListingSpec::own("KRUG", 9) });
    world.take_sent();
    assert_eq!(world.levels(&["MUG", "KRUG"]).await, [Some(2), Some(9)]);
    assert_eq!(world.calls("searchListingsItems"), 2);
    assert_eq!(world.write(&[("KRUG", 8)]).await, ["accepted"]);
    let patch = world.take_sent().pop().unwrap();
    assert!(patch.method == "PATCH" && patch.target.ends_with(&format!("marketplaceIds={GERMANY}")), "{patch:?}");
}

#[tokio::test]
async fn a_unit_says_who_keeps_it() {
    let world = World::new().stocked(&[("MUG", 5)]);
    world.list(&ListingSpec::hosted("FBA"));
    let own = Amazon.unit(world.session(), "MUG").await.unwrap();
    assert_eq!((own[0].kind, own[0].level, own[0].active), (UnitKind::Simple, Some(5), true));
    assert_eq!((own[0].location.clone(), own[0].title.as_str()), (LocationId::single(), "Product MUG"));
    let hosted = Amazon.unit(world.session(), "FBA").await.unwrap();
    assert_eq!((hosted[0].kind, hosted[0].level), (UnitKind::Hosted, None));
    assert_eq!(Amazon.unit(world.session(), "NOPE").await.unwrap(), []);
}

#[tokio::test]
async fn a_failed_search_leaves_every_level_unknown() {
    let world = World::new().stocked(&[("MUG", 5)]);
    for (failure, kind) in [
        (Failure::Status(429), ErrorKind::Throttled),
        (Failure::Status(500), ErrorKind::Unavailable),
        (Failure::Status(400), ErrorKind::Invalid),
        (Failure::NoAnswer, ErrorKind::Unavailable),
        (Failure::Page, ErrorKind::Malformed),
    ] {
        world.fake().fail(SELLER, Fault::of("searchListingsItems", 1, failure, When::Before)).unwrap();
        let asked = [(Sku::new("MUG").unwrap(), LocationId::single(), "MUG".to_owned())];
        let error = Amazon.levels(world.session(), &asked).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, channels::Effect::None), "{error}");
    }
}
