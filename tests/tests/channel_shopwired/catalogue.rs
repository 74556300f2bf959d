//! Units and levels.

use crate::{SHOP, START, World, sku};
use channels::shopwired::ShopWired;
use channels::shopwired::fake::{ProductSpec, VariationSpec};
use channels::{Channel, ErrorKind, Unit, UnitKind};
use domain::{LocationId, Sku, Timestamp};
use std::collections::BTreeSet;

fn variation(sku: Option<&str>, stock: Option<i64>) -> VariationSpec {
    VariationSpec { sku: sku.map(str::to_owned), stock, name: "Small".into() }
}

fn product(sku: Option<&str>, stock: Option<i64>, variations: Vec<VariationSpec>) -> ProductSpec {
    let sku = sku.map(str::to_owned);
    ProductSpec { title: "Tee".into(), sku, stock, active: true, components: None, variations }
}

async fn all(world: &World) -> Vec<Unit> {
    let (mut units, mut page) = (Vec::new(), None);
    loop {
        let levels = ShopWired.units(world.session(), page).await.unwrap();
        units.extend(levels.rows);
        page = levels.next;
        if page.is_none() {
            return units;
        }
    }
}

fn found<'a>(units: &'a [Unit], name: &str) -> Vec<(&'a str, Option<i64>)> {
    let named = units.iter().filter(|unit| unit.sku.as_ref().is_some_and(|own| own.as_str() == name));
    named.map(|unit| (unit.external.as_str(), unit.level)).collect()
}

/// 230 plain products, and one of each odd kind.
fn wide() -> (World, Vec<u64>) {
    let world = World::new();
    let specs = [
        product(None, None, vec![variation(Some("TEE-S"), Some(7)), variation(Some("TEE-M"), Some(0))]),
        product(Some("CAP"), Some(12), vec![variation(None, None), variation(Some(""), None)]),
        product(Some("SOCK"), Some(9), vec![variation(None, Some(4)), variation(None, None)]),
        product(None, Some(3), vec![]),
        product(None, None, vec![variation(None, Some(5))]),
        product(Some("TWICE"), Some(1), vec![]),
        product(Some("TWICE"), Some(2), vec![]),
        product(Some("NEVER-ENTERED"), None, vec![]),
        ProductSpec { components: Some(vec![("TEE-S".into(), 2)]), ..product(Some("SET"), Some(3), vec![]) },
        ProductSpec { active: false, ..product(Some("OFF"), Some(-4), vec![]) },
    ];
    let ids = specs.iter().map(|spec| world.fake().create_product(SHOP, spec, Timestamp(START)).unwrap()).collect();
    let plain: Vec<String> = (0..230).map(|index| format!("P-{index}")).collect();
    let stock: Vec<(&str, i64)> = plain.iter().map(|name| (name.as_str(), 1)).collect();
    (world.stocked(&stock), ids)
}

#[tokio::test]
async fn every_unit_of_a_long_catalogue_is_listed_once() {
    let (world, ids) = wide();
    let units = all(&world).await;
    assert_eq!(world.http.take_sent().len(), 3, "240 products are three pages");
    let externals: BTreeSet<&str> = units.iter().map(|unit| unit.external.as_str()).collect();
    assert_eq!((units.len(), externals.len()), (242, 242));
    assert_eq!(found(&units, "TEE-S").len(), 1);
    assert!(found(&units, "TEE-S")[0].0.starts_with(&format!("{}/", ids[0])));
    assert_eq!(
        found(&units, "CAP"),
        [(ids[1].to_string().as_str(), Some(12))],
        "variations that inherit all are one pool"
    );
    let socks: Vec<_> = found(&units, "SOCK").iter().map(|(_, level)| *level).collect();
    assert_eq!(socks, [Some(4), Some(9)]);
    assert_eq!(found(&units, "TWICE").len(), 2, "a shared SKU is shown twice, for a person to decide");
    assert_eq!(found(&units, "NEVER-ENTERED")[0].1, Some(0), "a SKU without a quantity is 0 for ShopWired");
    let nameless: Vec<_> = units.iter().filter(|unit| unit.sku.is_none()).map(|unit| unit.level).collect();
    assert_eq!(nameless, [None, None], "without a SKU nothing is tracked");
}

#[tokio::test]
async fn bundles_and_inactive_products_are_told_apart() {
    let (world, _) = wide();
    let units = all(&world).await;
    let bundles: Vec<_> = units.iter().filter(|unit| unit.kind == UnitKind::Bundle).collect();
    assert_eq!(bundles.len(), 1);
    assert_eq!(bundles[0].sku, Some(sku("SET")));
    let off = units.iter().find(|unit| !unit.active).unwrap();
    assert_eq!((off.sku.clone(), off.level), (Some(sku("OFF")), Some(-4)));
    assert_eq!(units[0].title, "Tee (Small)");
}

#[tokio::test]
async fn an_inherited_quantity_that_looks_like_an_own_one_is_not_merged() {
    for (shown, units) in [(false, 1), (true, 2)] {
        let world = World::new().with(|switches| switches.inherited_stock_shown = shown);
        let spec = product(Some("CAP"), Some(12), vec![variation(None, None), variation(None, None)]);
        world.fake().create_product(SHOP, &spec, world.now()).unwrap();
        assert_eq!(found(&all(&world).await, "CAP").len(), units, "several units of one SKU are left to a person");
    }
}

#[tokio::test]
async fn a_foreign_page_token_is_refused() {
    for token in ["x", "-1", "99999999999"] {
        let error = ShopWired.units(World::new().session(), Some(token.into())).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{token}");
    }
}

#[tokio::test]
async fn one_id_gives_its_units_and_a_deleted_one_none() {
    let (world, ids) = wide();
    let unit = async |external: String| ShopWired.unit(world.session(), &external).await.unwrap();
    let both = unit(ids[0].to_string()).await;
    assert_eq!(both.len(), 2);
    assert_eq!(unit(both[1].external.clone()).await, both[1..]);
    let pooled = unit(format!("{}/{}", ids[1], 1)).await;
    assert_eq!(pooled.len(), 1, "a pooled variation leads to the product that holds its stock");
    world.fake().delete_product(SHOP, ids[0], world.now()).unwrap();
    assert_eq!(unit(ids[0].to_string()).await, []);
    assert_eq!(unit("../orders".into()).await, []);
}

#[tokio::test]
async fn what_cannot_be_read_yet_is_missing_and_not_an_error() {
    let world = World::new().with(|switches| switches.read_lag_ms = 30_000);
    let id = world.fake().create_product(SHOP, &ProductSpec::simple("NEW", 1), world.now()).unwrap();
    assert_eq!(ShopWired.unit(world.session(), &id.to_string()).await.unwrap(), []);
    world.clock.advance(std::time::Duration::from_secs(30));
    assert_eq!(ShopWired.unit(world.session(), &id.to_string()).await.unwrap().len(), 1);
}

fn listings(names: &[&str]) -> Vec<(Sku, LocationId, String)> {
    names.iter().map(|name| (sku(name), LocationId::single(), String::new())).collect()
}

#[tokio::test]
async fn levels_come_in_the_order_asked_for_and_unknown_is_not_zero() {
    for status in [404, 422] {
        let odd = "A B/ü&=+%#?";
        let world = World::new().with(|switches| switches.unknown_sku_status = status).stocked(&[
            ("MUG", 5),
            (odd, 6),
            ("OUT", 0),
            ("OWED", -3),
        ]);
        let asked = listings(&["OWED", "GONE", odd, "OUT", "MUG"]);
        let levels = ShopWired.levels(world.session(), &asked).await.unwrap();
        assert_eq!(levels, [Some(-3), None, Some(6), Some(0), Some(5)]);
    }
}

#[tokio::test]
async fn another_spelling_is_another_sku() {
    let world = World::new().with(|switches| switches.sku_ignores_case = true).stocked(&[("MUG", 5)]);
    let levels = ShopWired.levels(world.session(), &listings(&["mug", "MUG"])).await.unwrap();
    assert_eq!(levels, [None, Some(5)]);
}

#[tokio::test]
async fn many_levels_are_read_from_the_catalogue_when_that_is_cheaper() {
    let (world, _) = wide();
    let units = all(&world).await;
    world.http.take_sent();
    let plain = units.iter().filter(|unit| unit.title.starts_with("Product")).take(60);
    let mut asked: Vec<_> =
        plain.map(|unit| (unit.sku.clone().unwrap(), LocationId::single(), unit.external.clone())).collect();
    asked.push((sku("P-229"), LocationId::single(), "an id of before".into()));
    let levels = ShopWired.levels(world.session(), &asked).await.unwrap();
    assert_eq!(levels, vec![Some(1); 61]);
    assert_eq!(world.http.take_sent().len(), 5, "a count, three pages, and one that the pages did not show");
    ShopWired.levels(world.session(), &asked[..9]).await.unwrap();
    assert_eq!(world.http.take_sent().len(), 9);
}
