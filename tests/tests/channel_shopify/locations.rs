//! Locations are listed to the last.

use crate::{SHOP, World, location};
use channels::shopify::Shopify;
use channels::{Channel, Location};

async fn all(world: &World) -> (Vec<Location>, usize) {
    let (mut rows, mut page, mut pages) = (Vec::new(), None, 0);
    loop {
        let next = Shopify.locations(world.session(), page).await.unwrap();
        rows.extend(next.rows);
        pages += 1;
        page = next.next;
        if page.is_none() {
            return (rows, pages);
        }
    }
}

#[tokio::test]
async fn two_hundred_locations_are_two_pages() {
    let world = World::new();
    for index in 2..200 {
        world.fake().add_location(SHOP, &format!("Shop {index}"), false, world.now()).unwrap();
    }
    let (rows, pages) = all(&world).await;
    assert_eq!((rows.len(), pages), (200, 2));
    assert_eq!((rows[0].id.clone(), rows[0].name.as_str()), (location(world.main), "Main street"));
    assert!(world.fake().add_location(SHOP, "One more", false, world.now()).is_err());
}

#[tokio::test]
async fn closed_ones_and_those_of_services_are_listed_as_such() {
    let world = World::new();
    world.fake().open_location(SHOP, world.shed, false, world.now()).unwrap();
    world.fake().add_location(SHOP, "Far away", true, world.now()).unwrap();
    let (rows, _) = all(&world).await;
    let seen: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.active)).collect();
    assert_eq!(seen, [("Main street", true), ("Shed", false), ("Far away (kept by a service)", true)]);
}
