//! The settings form: what is refused before anything is sent.

use channels::amazon::Amazon;
use channels::{Channel, ErrorKind, Secret};

fn check(name: &str, value: &str) -> Option<String> {
    let (mut settings, mut secrets) = (crate::settings(), crate::secrets());
    if secrets.contains_key(name) {
        secrets.insert(name.into(), Secret::new(value));
    } else {
        settings.insert(name.into(), value.into());
    }
    let error = Amazon.check(&settings, &secrets).err()?;
    assert_eq!(error.kind, ErrorKind::Configuration);
    Some(error.context)
}

#[test]
fn a_plain_account_passes() {
    for (name, value) in [
        ("seller_id", crate::SELLER),
        ("marketplaces", "A1F83G8C2ARO7P, A1PA6795UKMFR9"),
        ("base_url", "https://api.example.com"),
        ("base_url", "http://127.0.0.1:8700"),
        ("token_url", "http://localhost:8700/auth/o2/token"),
        ("queue_arn", crate::QUEUE),
        ("queue_arn", ""),
    ] {
        assert_eq!(check(name, value), None, "{name} {value}");
    }
}

#[test]
fn what_cannot_be_is_named_with_its_field() {
    for (name, value) in [
        ("seller_id", ""),
        ("seller_id", "A/../B"),
        ("marketplaces", ""),
        ("marketplaces", "A1F83G8C2ARO7P,ATVPDKIKX0DER"),
        ("marketplaces", "a b"),
        ("region", "mars"),
        ("base_url", "http://api.example.com"),
        ("base_url", "https://user@api.example.com"),
        ("token_url", "http://api.example.com/auth/o2/token"),
        ("token_url", "nonsense"),
        ("queue_arn", "arn:aws:sqs:eu-west-1:111122223333:orders.fifo"),
        ("queue_arn", "orders"),
        ("eventbridge_account", "1111"),
        ("eventbridge_region", "eu-west-1"),
        ("client_id", ""),
        ("client_secret", " x"),
        ("refresh_token", "a\nb"),
    ] {
        let told = check(name, value).unwrap_or_else(|| panic!("{name} {value:?} passes"));
        let about = if name == "region" {
            told.contains("region") || told.contains("marketplaces")
        } else {
            told.starts_with(name)
        };
        assert!(about, "{name}: {told}");
        assert!(value.is_empty() || !name.starts_with("client_secret") || !told.contains(value), "{told}");
    }
}

#[test]
fn every_capability_is_the_one_that_the_documents_give() {
    let info = Amazon.info();
    assert_eq!(info.capabilities.class(), domain::Class::C);
    assert_eq!((info.capabilities.max_writes, info.capabilities.verify_ms), (20, Some(120_000)));
    let bulk = info.capabilities.bulk.unwrap();
    assert_eq!((bulk.from, bulk.most, info.tried_live), (2_000, 25_000, false));
    let secrets: Vec<&str> = info.settings.iter().filter(|one| one.secret).map(|one| one.name).collect();
    assert_eq!(secrets, ["client_id", "client_secret", "refresh_token"]);
}
