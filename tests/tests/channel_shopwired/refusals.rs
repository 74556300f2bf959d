//! Settings, identity, errors of reads, and secrets that stay secret.

use crate::{KEY, SECRET, SHOP, SIGNING, World, order_id, secrets, sku};
use channels::shopwired::ShopWired;
use channels::shopwired::fake::{Failure, Fault, Limit, LimitScope, When, Which};
use channels::{Channel, Effect, Error, ErrorKind, Outcome, Secret};
use domain::{LocationId, Position, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

type Fields<'a> = &'a [(&'a str, &'a str)];

fn checked(settings: Fields, changed: Fields) -> Result<(), Error> {
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let mut all = secrets();
    all.extend(changed.iter().map(|(name, text)| ((*name).to_owned(), Secret::new(*text))));
    ShopWired.check(&settings, &all)
}

#[test]
fn settings_are_checked_before_anything_is_sent() {
    assert!(checked(&[], &[]).is_ok());
    assert!(checked(&[("base_url", "http://127.0.0.1:8099/v1")], &[("webhook_secret_previous", "x")]).is_ok());
    let wrong: [(Fields, Fields, &str); 9] = [
        (&[], &[("webhook_secret", "")], "webhook_secret"),
        (&[], &[("api_key", " ")], "api_key"),
        (&[], &[("api_key", "a:b")], "api_key"),
        (&[], &[("api_secret", "x\n")], "api_secret"),
        (&[("base_url", "http://shop.example.invalid/v1")], &[], "base_url"),
        (&[("base_url", "https://user:pw@shop.example.invalid/v1")], &[], "base_url"),
        (&[("base_url", "nowhere")], &[], "base_url"),
        (&[("allow_negative", "maybe")], &[], "allow_negative"),
        (&[("unpaid_orders", "later")], &[], "unpaid_orders"),
    ];
    for (settings, secrets, field) in wrong {
        let error = checked(settings, secrets).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.context.starts_with(&format!("{field}: ")), "{}", error.context);
    }
}

#[test]
fn the_form_and_the_capabilities_agree() {
    let info = ShopWired.info();
    assert_eq!((info.name, info.capabilities.max_writes, info.tried_live), ("shopwired", 15, false));
    let secret: Vec<_> = info.settings.iter().filter(|field| field.secret).map(|field| field.name).collect();
    assert!(ShopWired.signing_secrets().iter().all(|name| secret.contains(name)));
    assert!(channels::registry::find("shopwired").is_some());
}

#[tokio::test]
async fn the_store_says_its_name_and_what_it_refuses() {
    let world = World::new().stocked(&[("MUG", 1)]);
    let identity = ShopWired.identify(world.session()).await.unwrap();
    assert_eq!((identity.store.as_str(), identity.refused.len()), ("Tees & Co", 0));
    for status in [403, 401] {
        world.fake().switches(SHOP).unwrap().refused_status = status;
        world.fake().forbid(SHOP, KEY, &["events", "webhooks", "stock"]).unwrap();
        let refused = ShopWired.identify(world.session()).await.unwrap().refused;
        let areas: Vec<_> = refused.iter().filter_map(|text| text.split(':').next()).collect();
        assert_eq!(areas, ["stock", "events", "webhooks"]);
    }
    assert!(world.http.take_sent().iter().all(|sent| sent.method == "GET"), "the probes are harmless");
    world.fake().forbid(SHOP, KEY, &["business"]).unwrap();
    world.fake().switches(SHOP).unwrap().refused_status = 403;
    assert_eq!(ShopWired.identify(world.session()).await.unwrap().refused.len(), 1);
}

#[tokio::test]
async fn wrong_credentials_are_told_as_the_store_tells_them() {
    let world = World::new();
    world.fake().revoke_key(KEY, SECRET);
    let error = ShopWired.identify(world.session()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unauthorized, Effect::None));
    assert_eq!(error.context, "GET /business: 401 (code 401: Invalid API credentials)");
}

#[tokio::test]
async fn reads_fail_without_effect_and_with_the_right_kind() {
    let cases = [
        (Failure::Status(500), ErrorKind::Unavailable),
        (Failure::Status(503), ErrorKind::Unavailable),
        (Failure::Status(429), ErrorKind::Throttled),
        (Failure::Status(401), ErrorKind::Unauthorized),
        (Failure::NoAnswer, ErrorKind::Unavailable),
        (Failure::Page, ErrorKind::Malformed),
    ];
    for (failure, kind) in cases {
        let world = World::new().stocked(&[("MUG", 1)]);
        world.fake().fail(SHOP, Fault { failure, when: When::After, which: Which::Reads, left: None }).unwrap();
        let listing = [(sku("MUG"), LocationId::single(), "1".to_owned())];
        let errors = [
            ShopWired.units(world.session(), None).await.unwrap_err(),
            ShopWired.unit(world.session(), "1").await.unwrap_err(),
            ShopWired.levels(world.session(), &listing).await.unwrap_err(),
            ShopWired.feed_head(world.session()).await.unwrap_err(),
            ShopWired.movements(world.session(), Position(1)).await.unwrap_err(),
            ShopWired.orders(world.session(), &[order_id(1)]).await.unwrap_err(),
            ShopWired.orders_since(world.session(), Timestamp(0), None).await.unwrap_err(),
            ShopWired.subscribe(world.session(), crate::URL).await.unwrap_err(),
            ShopWired.unsubscribe(world.session(), crate::URL).await.unwrap_err(),
            ShopWired.identify(world.session()).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.kind, error.effect), (kind, Effect::None), "{failure:?}: {error}");
        }
    }
}

#[tokio::test]
async fn the_limiter_lets_calls_through_again() {
    for scope in [LimitScope::Account, LimitScope::Key] {
        for limit in [Limit::A, Limit::B] {
            let world = World::new()
                .with(|switches| {
                    (switches.limit, switches.limit_scope, switches.retry_after) = (Some(limit), scope, true);
                })
                .stocked(&[("MUG", 1)]);
            let mut answered = 0;
            let error = loop {
                match ShopWired.feed_head(world.session()).await {
                    Ok(_) => answered += 1,
                    Err(error) => break error,
                }
            };
            assert_eq!((answered, error.kind), (limit.size, ErrorKind::Throttled));
            assert_eq!(error.retry_after, Some(Duration::from_secs(1)));
            world.clock.advance(Duration::from_secs(1));
            assert!(ShopWired.feed_head(world.session()).await.is_ok());
        }
    }
}

#[tokio::test]
async fn secrets_are_in_no_text_even_when_the_store_repeats_them() {
    let world = World::new().with(|switches| switches.leaks_keys = true);
    world.fake().forbid(SHOP, KEY, &["business", "stock", "events"]).unwrap();
    let mut texts = Vec::new();
    for error in [
        ShopWired.feed_head(world.session()).await.unwrap_err(),
        ShopWired.levels(world.session(), &[(sku("A"), LocationId::single(), String::new())]).await.unwrap_err(),
    ] {
        assert!(error.context.contains('…'), "the store did repeat the key: {error}");
        texts.extend([format!("{error}"), format!("{error:?}")]);
    }
    if let Outcome::Refused(error) = &world.write(&[("A", 1)]).await[0] {
        texts.push(format!("{error:?}"));
    }
    texts.push(format!("{:?}", world.secrets));
    texts.push(format!("{:?}", ShopWired.identify(world.session()).await.unwrap()));
    assert_eq!(texts.len(), 7);
    for text in texts {
        assert!([KEY, SECRET, SIGNING].iter().all(|secret| !text.contains(secret)), "{text}");
    }
}

#[tokio::test]
async fn an_account_without_credentials_sends_nothing() {
    let mut world = World::new();
    world.secrets.remove("api_secret");
    assert_eq!(ShopWired.feed_head(world.session()).await.unwrap_err().kind, ErrorKind::Configuration);
    assert_eq!(world.http.take_sent(), []);
}
