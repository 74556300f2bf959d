//! Point reads: what is unknown is not zero.

use crate::{SHOP, World, location, sku};
use channels::shopify::Shopify;
use channels::shopify::fake::ItemSpec;
use channels::{Channel, ErrorKind, UnitKind};
use domain::{LocationId, Sku};

fn ask(world: &World, name: &str, place: u64) -> (Sku, LocationId, String) {
    (sku(name), location(place), world.id(name))
}

async fn levels(world: &World, names: &[(&str, u64)]) -> Vec<Option<i64>> {
    let asked: Vec<_> = names.iter().map(|(name, place)| ask(world, name, *place)).collect();
    Shopify.levels(world.session(), &asked).await.unwrap()
}

#[tokio::test]
async fn a_unit_is_an_item_at_a_location() {
    let world = World::new();
    let item = world.add("MUG", &[(world.main, 5), (world.shed, -2)]);
    let units = Shopify.unit(world.session(), &item.to_string()).await.unwrap();
    let seen: Vec<_> = units.iter().map(|unit| (unit.location.clone(), unit.level, unit.active)).collect();
    assert_eq!(seen, [(location(world.main), Some(5), true), (location(world.shed), Some(-2), true)]);
    assert!(units.iter().all(|unit| unit.external == item.to_string() && unit.sku == Some(sku("MUG"))));
    assert!(item > 1 << 53, "ids beyond what a float holds come through whole");
}

#[tokio::test]
async fn levels_come_in_the_order_asked_for() {
    let world = World::new();
    world.add("MUG", &[(world.main, 5), (world.shed, 8)]);
    world.add("CAP", &[(world.shed, 0)]);
    let (main, shed) = (world.main, world.shed);
    let asked = [("CAP", shed), ("MUG", main), ("MUG", shed), ("CAP", main), ("MUG", main)];
    assert_eq!(levels(&world, &asked).await, [Some(0), Some(5), Some(8), None, Some(5)]);
    assert_eq!(world.net.inner.take_sent().len(), 3, "a token, and a read for each location");
}

#[tokio::test]
async fn what_is_not_stocked_tracked_or_there_is_unknown() {
    let world = World::new().stocked(&[("OFF", 7), ("FREE", 7), ("OLD", 7), ("GONE", 7), ("MUG", 7)]);
    let asked: Vec<_> = ["OFF", "FREE", "OLD", "GONE", "MUG"].map(|name| ask(&world, name, world.main)).into();
    world.fake().connect(SHOP, "OFF", world.main, false, world.now()).unwrap();
    world.fake().track(SHOP, "FREE", false, world.now()).unwrap();
    world.fake().rename(SHOP, "OLD", "NEW", world.now()).unwrap();
    world.fake().delete(SHOP, "GONE", world.now()).unwrap();
    let levels = Shopify.levels(world.session(), &asked).await.unwrap();
    assert_eq!(levels, [None, None, None, None, Some(7)]);
    world.fake().open_location(SHOP, world.main, false, world.now()).unwrap();
    assert_eq!(
        Shopify.levels(world.session(), &asked).await.unwrap(),
        vec![None; 5],
        "a closed location holds nothing"
    );
}

#[tokio::test]
async fn a_unit_that_is_gone_is_none_and_a_strange_name_costs_no_call() {
    let world = World::new();
    assert_eq!(Shopify.unit(world.session(), "12345").await.unwrap(), []);
    world.net.inner.take_sent();
    for strange in ["", "-1", "1e3", "gid://shopify/InventoryItem/1", "99999999999999999999999"] {
        assert_eq!(Shopify.unit(world.session(), strange).await.unwrap(), []);
    }
    assert_eq!(world.net.inner.take_sent(), []);
}

#[tokio::test]
async fn items_without_sku_on_no_shelf_or_kept_by_others_are_told_apart() {
    let world = World::new();
    let service = world.fake().add_location(SHOP, "Far away", true, world.now()).unwrap();
    let nameless = world.item(&ItemSpec { levels: vec![(world.main, 1)], ..ItemSpec::default() });
    let units = Shopify.unit(world.session(), &nameless.to_string()).await.unwrap();
    assert_eq!((units[0].sku.clone(), units[0].kind), (None, UnitKind::Simple));
    let spec = ItemSpec { sku: Some("FAR".into()), levels: vec![(service, 4)], on_sale: false, ..ItemSpec::default() };
    let far = world.item(&spec);
    let units = Shopify.unit(world.session(), &far.to_string()).await.unwrap();
    assert_eq!((units[0].kind, units[0].active, units[0].level), (UnitKind::Hosted, false, Some(4)));
}

#[tokio::test]
async fn the_search_is_filtered_exactly() {
    for broad in [true, false] {
        let world = World::new().with(|switches| switches.search_broad = broad);
        for name in ["TEE-1", "TEE-10", "tee-1", "TEE \"X\"", "TEE\\1"] {
            world.add(name, &[(world.main, 1)]);
        }
        for name in ["TEE-1", "TEE \"X\"", "TEE\\1"] {
            let units = Shopify.unit(world.session(), &format!("sku:{name}")).await.unwrap();
            assert_eq!(units.iter().map(|unit| unit.sku.clone().unwrap()).collect::<Vec<_>>(), [sku(name)]);
        }
        let typed = (sku("TEE-10"), location(world.main), "typed by hand".to_owned());
        assert_eq!(Shopify.levels(world.session(), &[typed]).await.unwrap(), [Some(1)]);
    }
}

#[tokio::test]
async fn a_sku_of_two_items_is_no_level() {
    let world = World::new().stocked(&[("MUG", 5), ("MUG", 6)]);
    let typed = (sku("MUG"), location(world.main), "typed by hand".to_owned());
    assert_eq!(Shopify.levels(world.session(), &[typed]).await.unwrap(), [None]);
}

#[tokio::test]
async fn an_index_that_lags_shows_what_was_and_is_not_believed() {
    let world = World::new().with(|switches| switches.search_lag_ms = 60_000).stocked(&[("OLD", 5)]);
    world.fake().rename(SHOP, "OLD", "NEW", world.now()).unwrap();
    for name in ["sku:OLD", "sku:NEW"] {
        assert_eq!(Shopify.unit(world.session(), name).await.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn a_filter_that_the_store_drops_is_an_error() {
    let world = World::new().with(|switches| switches.search_deaf = true).stocked(&[("MUG", 5)]);
    let error = Shopify.unit(world.session(), "sku:MUG").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn more_listings_than_one_call_takes_are_several_calls() {
    let world = World::new();
    let asked: Vec<_> = (0..501)
        .map(|index| {
            let name = format!("P-{index}");
            let item = world.add(&name, &[(world.main, index)]);
            (sku(&name), location(world.main), item.to_string())
        })
        .collect();
    let levels = Shopify.levels(world.session(), &asked).await.unwrap();
    assert_eq!(levels, (0..501).map(Some).collect::<Vec<_>>());
    assert_eq!(world.net.inner.take_sent().len(), 1 + 3);
}
