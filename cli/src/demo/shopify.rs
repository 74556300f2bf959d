//! The fake of Shopify, as `evenstock fake` hosts it.

use super::stores::AnyFake;
use crate::fakes::Host;
use anyhow::Context;
use channels::shopify::fake::{FakeShopify, ItemSpec, ShopSpec};
use channels::{Clock, Http, Secret, clock::SystemClock};
use domain::{AccountId, Role};
use engine::accounts::NewAccount;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The channel of these stores.
pub const CHANNEL: &str = "shopify";
/// What every store begins with, at its only location.
const PRODUCTS: [(&str, i64); 3] = [("MUG", 12), ("CAP", 7), ("TEE", 30)];

/// Hosts the fake with `count` stores of three products each, and tells them as accounts.
///
/// # Errors
/// When the address is taken.
pub async fn host(
    listen: SocketAddr,
    count: u64,
    http: Arc<dyn Http>,
) -> anyhow::Result<(Host<AnyFake>, Vec<NewAccount>)> {
    let mut fake = FakeShopify::new();
    let specs: Vec<ShopSpec> = (1..=count).map(spec).collect();
    specs.iter().try_for_each(|spec| open(&mut fake, spec))?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("{listen} cannot be listened on"))?;
    let host = Host::start(listener, AnyFake(Box::new(fake)), http)?;
    let base_url = format!("http://{}", host.address());
    let accounts = specs.iter().enumerate().map(|(place, spec)| account(place, spec, &base_url));
    let accounts: anyhow::Result<Vec<NewAccount>> = accounts.collect();
    Ok((host, accounts?))
}

fn spec(number: u64) -> ShopSpec {
    ShopSpec {
        domain: format!("shop-{number}.myshopify.com"),
        name: format!("shop-{number}"),
        client_id: format!("client-{number}"),
        client_secret: format!("secret-{number}"),
        access_token: None,
    }
}

fn open(fake: &mut FakeShopify, spec: &ShopSpec) -> anyhow::Result<()> {
    let now = SystemClock.now();
    fake.add_shop(spec);
    let location = fake.add_location(&spec.domain, "Main street", false, now)?;
    for (sku, level) in PRODUCTS {
        let levels = vec![(location, level)];
        let item = ItemSpec { sku: Some(sku.into()), title: sku.into(), levels, ..ItemSpec::default() };
        fake.add_item(&spec.domain, &item, now)?;
    }
    Ok(())
}

fn account(place: usize, spec: &ShopSpec, base_url: &str) -> anyhow::Result<NewAccount> {
    let settings = [("shop", spec.domain.as_str()), ("client_id", &spec.client_id), ("base_url", base_url)];
    Ok(NewAccount {
        id: AccountId::new(spec.name.clone())?,
        channel: CHANNEL.into(),
        role: if place == 0 { Role::Master } else { Role::Replica },
        inbound: None,
        drift: None,
        settings: settings.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
        secrets: BTreeMap::from([("client_secret".to_owned(), Secret::new(spec.client_secret.clone()))]),
        rate: None,
    })
}
