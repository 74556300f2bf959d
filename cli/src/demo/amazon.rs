//! The fake of Amazon for `evenstock fake`: sellers of one region behind one address.

use super::stores::AnyFake;
use crate::fakes::Host;
use anyhow::Context;
use channels::amazon::FakeAmazon;
use channels::amazon::fake::SellerSpec;
use channels::{Http, Secret, Secrets};
use domain::{AccountId, Role};
use engine::accounts::NewAccount;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The channel of these stores.
pub const CHANNEL: &str = "amazon";
/// Amazon.co.uk.
const MARKETPLACE: &str = "A1F83G8C2ARO7P";

fn spec(place: u64) -> SellerSpec {
    let number = place + 1;
    SellerSpec {
        id: format!("AFAKESELLER{number:02}"),
        name: format!("amazon-{number}"),
        client_id: format!("amzn1.application-oa2-client.fake{number}"),
        client_secret: format!("amzn1.oa2-cs.v1.fake{number}"),
        refresh_token: format!("Atzr|fake{number}"),
        marketplaces: vec![MARKETPLACE.to_owned()],
    }
}

fn account(spec: &SellerSpec, place: usize, address: SocketAddr) -> anyhow::Result<NewAccount> {
    let settings = [
        ("seller_id", spec.id.clone()),
        ("marketplaces", MARKETPLACE.to_owned()),
        ("base_url", format!("http://{address}")),
        ("token_url", format!("http://{address}/auth/o2/token")),
    ];
    let secrets = [
        ("client_id", &spec.client_id),
        ("client_secret", &spec.client_secret),
        ("refresh_token", &spec.refresh_token),
    ];
    Ok(NewAccount {
        id: AccountId::new(spec.name.clone())?,
        channel: CHANNEL.into(),
        role: if place == 0 { Role::Master } else { Role::Replica },
        inbound: None,
        drift: None,
        settings: settings.into_iter().map(|(name, text)| (name.to_owned(), text)).collect::<BTreeMap<_, _>>(),
        secrets: secrets.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text))).collect::<Secrets>(),
        rate: None,
    })
}

/// Hosts the fake until this machine ends it; with `count` sellers, which it tells as accounts.
///
/// # Errors
/// When the address is taken.
pub async fn host(
    listen: SocketAddr,
    count: u64,
    http: Arc<dyn Http>,
) -> anyhow::Result<(Host<AnyFake>, Vec<NewAccount>)> {
    let mut fake = FakeAmazon::new();
    let specs: Vec<SellerSpec> = (0..count).map(spec).collect();
    specs.iter().for_each(|spec| fake.add_seller(spec));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("{listen} cannot be listened on"))?;
    let host = Host::start(listener, AnyFake::new(fake), http)?;
    let address = host.address();
    let accounts: anyhow::Result<Vec<NewAccount>> =
        specs.iter().enumerate().map(|(place, spec)| account(spec, place, address)).collect();
    Ok((host, accounts?))
}
