//! Settings, tokens and versions; and that no secret gets into a text.

use crate::{CLIENT_SECRET, SHOP, World, kinds, next, spec};
use channels::shopify::Shopify;
use channels::shopify::fake::{Failure, Grant, ShopSpec, When, Which};
use channels::{Channel, Effect, ErrorKind, Secret};
use domain::Class;
use std::time::Duration;

fn grants(world: &World) -> usize {
    let sent = world.net.inner.take_sent();
    sent.iter().filter(|sent| sent.target == "/admin/oauth/access_token").count()
}

#[test]
fn the_channel_is_exact_and_says_what_it_has_not_tried() {
    let info = Shopify.info();
    assert_eq!(info.capabilities.class(), Class::A);
    assert!(info.capabilities.locations && !info.tried_live);
    assert_eq!(info.capabilities.bulk.map(|bulk| (bulk.from, bulk.most)), Some((26, 250)));
}

#[test]
fn settings_are_checked_before_anything_is_sent() {
    let world = World::new();
    let problem = |name: &str, value: &str| {
        let (mut settings, mut secrets) = (world.settings.clone(), world.secrets.clone());
        if Shopify.info().settings.iter().any(|setting| setting.secret && setting.name == name) {
            secrets.insert(name.into(), Secret::new(value));
        } else {
            settings.insert(name.into(), value.into());
        }
        Shopify.check(&settings, &secrets).err().map(|error| {
            assert_eq!(error.kind, ErrorKind::Configuration);
            error.context
        })
    };
    for (name, value) in [
        ("shop", ""),
        ("shop", "https://tees.myshopify.com"),
        ("shop", "tees.example.com"),
        ("shop", "evil.example/x.myshopify.com"),
        ("client_id", ""),
        ("client_id", "with space"),
        ("client_secret", ""),
        ("client_secret", "line\nbreak"),
        ("api_version", "2025-10"),
        ("activate", "perhaps"),
        ("base_url", "http://tees.myshopify.com"),
        ("base_url", "https://user:word@host"),
    ] {
        assert!(problem(name, value).is_some_and(|story| story.starts_with(name)), "{name}={value}");
    }
    for (name, value) in [
        ("shop", "a-1.myshopify.com"),
        ("access_token", "no-known-prefix"),
        ("api_version", "2026-10"),
        ("api_version", ""),
        ("activate", "yes"),
        ("base_url", "http://127.0.0.1:8700"),
    ] {
        assert_eq!(problem(name, value), None, "{name}={value}");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_at_half_its_life() {
    let world = World::new().stocked(&[("MUG", 5)]);
    for (pause, asked) in [(0, 1), (43_000, 0), (300, 1), (43_000, 0)] {
        world.clock.advance(Duration::from_secs(pause));
        assert_eq!(kinds(&world.write(&[("MUG", 5, 5)]).await), ["applied"]);
        assert_eq!(grants(&world), asked, "after {pause} s more");
    }
}

#[tokio::test]
async fn a_token_that_ended_early_is_told_as_such_and_another_helps() {
    let world = World::new().stocked(&[("MUG", 5)]);
    assert_eq!(kinds(&world.write(&[("MUG", 5, 4)]).await), ["applied"]);
    world.fake().expire(SHOP).unwrap();
    let error = Shopify.unit(world.session(), &world.id("MUG")).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unauthorized, Effect::None));
    assert_eq!(kinds(&world.write(&[("MUG", 4, 3)]).await), ["refused: Unauthorized"], "a write is not tried again");
    world.tokens.forget();
    assert_eq!(kinds(&world.write(&[("MUG", 4, 3)]).await), ["applied"]);
}

#[tokio::test]
async fn a_token_of_ones_own_needs_no_grant() {
    let mut world = World::new().stocked(&[("MUG", 5)]);
    let own = "shpat_0123456789";
    let spec = ShopSpec { access_token: Some(own.into()), ..spec() };
    world.fake().add_shop(&spec);
    world.secrets.insert("access_token".into(), Secret::new(own));
    world.settings.remove("client_id");
    assert_eq!(Shopify.check(&world.settings, &world.secrets).map_err(|error| error.context), Ok(()));
    assert_eq!(Shopify.identify(world.session()).await.unwrap().store, "Tees & Co (tees.myshopify.com)");
    assert_eq!(grants(&world), 0);
}

#[tokio::test]
async fn a_refused_grant_says_what_to_do() {
    for (switch, help) in [(Grant::ShopNotPermitted, "one organisation"), (Grant::AppNotInstalled, "install the app")] {
        let world = World::new().with(|switches| switches.grant = switch);
        let error = Shopify.identify(world.session()).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Configuration, Effect::None));
        assert!(error.context.contains(help), "{error}");
    }
    let mut world = World::new();
    world.secrets.insert("client_secret".into(), Secret::new("another"));
    assert_eq!(Shopify.identify(world.session()).await.unwrap_err().kind, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_write_without_a_token_was_never_sent() {
    for failure in [Failure::NoAnswer, Failure::Status(500), Failure::Page] {
        let world = World::new().stocked(&[("MUG", 5)]);
        world.fail(next(1, failure, When::Before, Which::Reads));
        let outcomes = world.write(&[("MUG", 5, 4)]).await;
        assert!(kinds(&outcomes)[0].starts_with("refused"), "{outcomes:?}");
    }
}

#[tokio::test]
async fn each_version_works_and_another_served_one_is_told() {
    for version in channels::shopify::API_VERSIONS {
        let mut world = World::new().stocked(&[("MUG", 5)]);
        world.settings.insert("api_version".into(), (*version).into());
        let identity = Shopify.identify(world.session()).await.unwrap();
        assert_eq!((identity.refused, identity.usable), (vec![], true));
        assert_eq!(kinds(&world.write(&[("MUG", 5, 4)]).await), ["applied"]);
        assert!(world.mutations()[0].target.contains(version));
    }
    let world = World::new().with(|switches| switches.served = Some("2026-04".into()));
    let identity = Shopify.identify(world.session()).await.unwrap();
    let story = "api_version: asked for 2026-07, the store answers with 2026-04; known are 2026-04, 2026-07, 2026-10";
    assert_eq!(identity.refused, [story]);
}

#[tokio::test]
async fn missing_scopes_are_named_with_what_they_break() {
    let world = World::new().stocked(&[("MUG", 5)]);
    world.switch(|switches| switches.scopes.retain(|scope| scope != "write_inventory"));
    let identity = Shopify.identify(world.session()).await.unwrap();
    assert_eq!(identity.refused, ["write_inventory: levels cannot be written"]);
    assert!(!identity.usable && !identity.feed);
    assert_eq!(kinds(&world.write(&[("MUG", 5, 4)]).await), ["refused: Forbidden"]);
}

#[tokio::test]
async fn no_error_repeats_a_secret() {
    let mut world = World::new();
    world.settings.insert("client_id".into(), "nobody".into());
    let error = Shopify.identify(world.session()).await.unwrap_err();
    assert!(!format!("{error:?}").contains(CLIENT_SECRET), "{error:?}");
    let error = Shopify.feed_head(world.session()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden, "there is no feed, and nobody pretends");
}
