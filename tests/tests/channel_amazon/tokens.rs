//! Access tokens: asked for once an hour, never guessed about.

use crate::{SECRET, SELLER, World};
use channels::amazon::Amazon;
use channels::{Channel, Effect, ErrorKind, Secret};
use domain::{LocationId, Sku};

async fn level_of(world: &World) -> Result<Vec<Option<i64>>, channels::Error> {
    let asked = [(Sku::new("MUG").unwrap(), LocationId::single(), "MUG".to_owned())];
    Amazon.levels(world.session(), &asked).await
}

#[tokio::test]
async fn one_token_lasts_an_hour() {
    let world = World::new().stocked(&[("MUG", 5)]);
    for _ in 0..10 {
        assert_eq!(level_of(&world).await.unwrap(), [Some(5)]);
        world.pass(300);
    }
    assert_eq!(world.fake().token_calls(), 1);
    world.pass(600);
    assert_eq!(level_of(&world).await.unwrap(), [Some(5)]);
    assert_eq!(world.fake().token_calls(), 2, "the first one has run out");
}

#[tokio::test]
async fn an_expired_or_revoked_token_is_unauthorized_and_a_new_one_helps() {
    let world = World::new().stocked(&[("MUG", 5)]);
    level_of(&world).await.unwrap();
    world.fake().revoke_tokens();
    let error = level_of(&world).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unauthorized, Effect::None), "{error}");
    // what the engine does on that
    world.tokens.forget();
    assert_eq!(level_of(&world).await.unwrap(), [Some(5)]);
}

#[tokio::test]
async fn a_token_that_runs_out_on_the_way_is_unauthorized_too() {
    let world = World::new().stocked(&[("MUG", 5)]);
    level_of(&world).await.unwrap();
    let token = world.tokens.get("seller", world.now()).unwrap();
    world.pass(3601);
    world.tokens.keep("seller", token, world.now().plus_ms(60_000));
    let error = level_of(&world).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unauthorized && error.context.contains("expired"), "{error}");
}

#[tokio::test]
async fn a_missing_role_is_forbidden_and_not_a_matter_of_tokens() {
    let world = World::new().stocked(&[("MUG", 5)]);
    world.fake().refuse(SELLER, "searchListingsItems").unwrap();
    let error = level_of(&world).await.unwrap_err();
    assert!(error.kind == ErrorKind::Forbidden && error.context.contains("role"), "{error}");
}

#[tokio::test]
async fn wrong_secrets_are_unauthorized_and_never_told() {
    let mut world = World::new().stocked(&[("MUG", 5)]);
    world.secrets.insert("refresh_token".into(), Secret::new("Atzr|wrong"));
    let error = level_of(&world).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unauthorized && error.context.contains("invalid_grant"), "{error}");
    assert!(!error.context.contains("Atzr|wrong"), "{error}");
    world.secrets = crate::secrets();
    world.fake().rotate(SELLER, "another").unwrap();
    let error = level_of(&world).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unauthorized && error.context.contains("invalid_client"), "{error}");
    assert!(!error.context.contains(SECRET), "{error}");
}

/// UNKNOWN: whether the authorisation of a private app runs out. If so, it is told as what it is.
#[tokio::test]
async fn an_authorisation_that_has_run_out_is_unauthorized() {
    for gone in [false, true] {
        let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.refresh_expired = gone);
        assert_eq!(level_of(&world).await.err().map(|error| error.kind), gone.then_some(ErrorKind::Unauthorized));
    }
}

/// UNKNOWN: whether `x-amz-date` is needed. It is sent.
#[tokio::test]
async fn the_date_is_sent_whether_or_not_it_is_needed() {
    for needed in [false, true] {
        let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.date_required = needed);
        assert_eq!(level_of(&world).await.unwrap(), [Some(5)]);
    }
}

#[tokio::test]
async fn who_we_are_and_what_we_may() {
    let world = World::new();
    let identity = Amazon.identify(world.session()).await.unwrap();
    assert_eq!(identity.store, "Tees & Co (ATESTSELLER01)");
    assert!(identity.usable && !identity.feed && identity.refused.is_empty(), "{identity:?}");
    world.fake().refuse(SELLER, "searchOrders").unwrap();
    let identity = Amazon.identify(world.session()).await.unwrap();
    assert!(!identity.usable && identity.refused[0].contains("Inventory and Order Tracking"), "{identity:?}");
    let abroad = World::new().setting("marketplaces", "A13V1IB3VIYZZH");
    let identity = Amazon.identify(abroad.session()).await.unwrap();
    assert!(identity.refused[0].contains("A13V1IB3VIYZZH") && !identity.usable, "{identity:?}");
}
