//! Nothing is written where an item is not stocked, whatever the store would do with it.

use crate::{SHOP, World, kinds, location, sku};
use channels::Channel;
use channels::shopify::Shopify;
use channels::shopify::fake::{ItemSpec, NotStocked};

fn idle(switch: NotStocked) -> World {
    let world = World::new().with(|switches| switches.not_stocked = switch);
    world.add("MUG", &[(world.main, 5), (world.shed, 1)]);
    world.fake().connect(SHOP, "MUG", world.main, false, world.now()).unwrap();
    world
}

#[tokio::test]
async fn a_level_that_is_not_active_is_never_written() {
    for switch in [NotStocked::Strict, NotStocked::Lax, NotStocked::Additive] {
        let world = idle(switch);
        let outcomes = world.write(&[("MUG", 5, 3)]).await;
        assert_eq!(kinds(&outcomes), ["refused: NotFound"]);
        assert_eq!((world.level("MUG"), world.mutations().len()), (5, 0));
    }
}

#[tokio::test]
async fn nor_is_one_that_is_not_tracked_renamed_kept_by_others_or_in_a_closed_location() {
    let world = World::new().stocked(&[("FREE", 5), ("OLD", 5), ("MUG", 5)]);
    let service = world.fake().add_location(SHOP, "Far away", true, world.now()).unwrap();
    let far = world.add("FAR", &[(service, 5)]);
    let renamed = world.row("OLD", 5, 1);
    world.fake().track(SHOP, "FREE", false, world.now()).unwrap();
    world.fake().rename(SHOP, "OLD", "NEW", world.now()).unwrap();
    let far = crate::write("FAR", &far.to_string(), service, 5, 1);
    let outcomes = world.send(&[world.row("FREE", 5, 1), renamed, far]).await;
    assert_eq!(kinds(&outcomes), ["refused: NotFound", "refused: NotFound", "refused: Forbidden"]);
    world.fake().open_location(SHOP, world.main, false, world.now()).unwrap();
    assert_eq!(kinds(&world.write(&[("MUG", 5, 1)]).await), ["refused: NotFound"]);
    assert_eq!(world.fake().writes(SHOP), []);
}

#[tokio::test]
async fn a_bundle_is_refused_alone() {
    let world = World::new().stocked(&[("MUG", 5)]);
    let spec = ItemSpec { sku: Some("SET".into()), bundle: true, levels: vec![(world.main, 2)], ..ItemSpec::default() };
    world.item(&spec);
    let outcomes = world.write(&[("SET", 2, 1), ("MUG", 5, 4)]).await;
    assert_eq!(kinds(&outcomes), ["refused: Forbidden", "applied"]);
}

#[tokio::test]
async fn with_the_setting_it_is_stocked_again_and_what_was_kept_counts() {
    let mut world = idle(NotStocked::Lax);
    world.settings.insert("activate".into(), "yes".into());
    let asked = [(sku("MUG"), location(world.main), world.id("MUG"))];
    assert_eq!(Shopify.levels(world.session(), &asked).await.unwrap(), [Some(5)]);
    assert_eq!(kinds(&world.write(&[("MUG", 4, 3)]).await), ["stale"], "stocked again, with the 5 that were kept");
    assert_eq!(world.level("MUG"), 5);
    assert_eq!(kinds(&world.write(&[("MUG", 5, 3)]).await), ["applied"]);
    world.settings.remove("activate");
    assert_eq!(Shopify.levels(world.session(), &asked).await.unwrap(), [Some(3)]);
}

#[tokio::test]
async fn with_both_settings_it_is_tracked_and_stocked_where_it_never_was() {
    let mut world = World::new();
    world.settings.extend(["activate", "tracking"].map(|option| (option.into(), "yes".into())));
    let spec =
        ItemSpec { sku: Some("NEW".into()), tracked: false, levels: vec![(world.shed, 0)], ..ItemSpec::default() };
    world.item(&spec);
    assert_eq!(kinds(&world.write(&[("NEW", 0, 6)]).await), ["applied"]);
    assert_eq!(world.level("NEW"), 6);
    world.fake().open_location(SHOP, world.main, false, world.now()).unwrap();
    assert_eq!(kinds(&world.write(&[("NEW", 6, 7)]).await), ["refused: NotFound"], "a closed location stays closed");
}

/// What becomes of a write to an item that is stocked but not tracked, one that is tracked but not stocked, and one that is
/// neither; and the levels that are known of them.
async fn with(options: &[&str]) -> (Vec<String>, Vec<Option<i64>>) {
    let mut world = World::new();
    world.settings.extend(options.iter().map(|option| ((*option).into(), "yes".into())));
    for (name, tracked, location) in
        [("FREE", false, world.main), ("ELSEWHERE", true, world.shed), ("NEITHER", false, world.shed)]
    {
        let levels = vec![(location, 4)];
        world.item(&ItemSpec { sku: Some(name.into()), tracked, levels, ..ItemSpec::default() });
    }
    let asked = ["FREE", "ELSEWHERE", "NEITHER"].map(|name| (sku(name), location(world.main), world.id(name)));
    let levels = Shopify.levels(world.session(), &asked).await.unwrap();
    let outcomes = world.write(&[("FREE", 4, 3), ("ELSEWHERE", 0, 3), ("NEITHER", 0, 3)]).await;
    (kinds(&outcomes), levels)
}

#[tokio::test]
async fn stocking_and_tracking_are_two_settings() {
    let no = "refused: NotFound";
    assert_eq!(with(&[]).await, (vec![no.into(), no.into(), no.into()], vec![None, None, None]));
    let (stocked, levels) = with(&["activate"]).await;
    assert_eq!((stocked, levels), (vec![no.into(), "applied".into(), no.into()], vec![None, Some(0), None]));
    let (tracked, levels) = with(&["tracking"]).await;
    assert_eq!((tracked, levels), (vec!["applied".into(), no.into(), no.into()], vec![Some(4), None, None]));
    let (both, levels) = with(&["activate", "tracking"]).await;
    assert_eq!((both, levels), (vec!["applied".into(); 3], vec![Some(4), Some(0), Some(0)]));
}
