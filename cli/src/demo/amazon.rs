//! The fake of Amazon: as `evenstock fake` hosts it, several sellers of one region behind one address, and as a store of the demo.

use super::stores::AnyFake;
use crate::fakes::{Host, Meter};
use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use channels::amazon::FakeAmazon;
use channels::amazon::fake::{EventFaults, ListingSpec, SellerSpec};
use channels::{Http, HttpError, Request, Response, Secret, Secrets};
use domain::{AccountId, Role, Timestamp};
use engine::Hub;
use engine::accounts::NewAccount;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
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

/// How long the demo's seller takes until a number that it accepted is on sale, milliseconds. Amazon takes seconds to minutes.
pub const APPLY_MS: i64 = 150;
/// How long it takes for the report of all listings, milliseconds.
const REPORT_MS: i64 = 0;
/// Where its events go: nowhere in truth, as [`Post`] carries them.
const EVENTS: [(&str, &str); 3] = [
    ("queue_arn", "arn:aws:sqs:eu-west-1:111122223333:demo-events"),
    ("eventbridge_account", "111122223333"),
    ("eventbridge_region", "eu-west-1"),
];

/// Carries events of queues and buses to the hub, which on AWS its sync function takes from a queue.
#[derive(Default)]
pub struct Post(OnceLock<Weak<Hub>>);

impl Post {
    /// Says who gets the events; until then they are lost.
    pub fn deliver_to(&self, hub: &Arc<Hub>) {
        // the first stays
        let _ = self.0.set(Arc::downgrade(hub));
    }
}

#[async_trait]
impl Http for Post {
    async fn send(&self, request: Request, _timeout: Duration) -> Result<Response, HttpError> {
        let gone = || HttpError::NotSent("no hub takes events yet".into());
        let hub = self.0.get().and_then(Weak::upgrade).ok_or_else(gone)?;
        let taken = hub.receive_event(request.body()).await;
        taken.map_err(|error| HttpError::NoAnswer(error.to_string()))?;
        Ok(Response::new(Bytes::new()))
    }
}

/// One fake seller behind an address of its own: a store of one pool that carries writes out later.
pub struct Stall {
    /// The account's name in the hub.
    pub name: String,
    spec: SellerSpec,
    host: Host<FakeAmazon>,
}

impl Stall {
    /// Opens a seller on a free port of this machine; its events go by `post`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn open(name: &str, post: Arc<Post>) -> anyhow::Result<Self> {
        let mut fake = FakeAmazon::new();
        let spec = SellerSpec { name: name.to_owned(), ..spec(0) };
        fake.add_seller(&spec);
        let switches = fake.switches(&spec.id)?;
        (switches.apply_ms, switches.report_ms) = (Some(APPLY_MS), REPORT_MS);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let host = Host::start_metered(listener, fake, post, Meter::default())?;
        Ok(Self { name: name.to_owned(), spec, host })
    }

    /// The account as a file for `accounts add` has it.
    ///
    /// # Errors
    /// When the name cannot be one.
    pub fn account(&self) -> anyhow::Result<NewAccount> {
        let mut account = NewAccount { role: Role::Replica, ..account(&self.spec, 1, self.host.address())? };
        account.settings.extend(EVENTS.map(|(name, text)| (name.to_owned(), text.to_owned())));
        Ok(account)
    }

    /// Puts a product on sale.
    ///
    /// # Errors
    /// The fake's refusal.
    pub fn stock(&self, sku: &str, title: &str, level: i64) -> anyhow::Result<()> {
        let listing = ListingSpec { title: title.to_owned(), ..ListingSpec::own(sku, level) };
        Ok(self.host.act(|fake, now| fake.list(&self.spec.id, &listing, now))?)
    }

    /// Somebody buys, and the order is pending; its number.
    ///
    /// # Errors
    /// When there is not enough.
    pub fn sell(&self, sku: &str, units: i64) -> anyhow::Result<String> {
        Ok(self.host.act(|fake, now| fake.sell(&self.spec.id, &[(sku, units)], now))?)
    }

    /// Somebody calls off an order that is pending.
    ///
    /// # Errors
    /// When there is no such order.
    pub fn call_off(&self, order: &str) -> anyhow::Result<()> {
        Ok(self.host.act(|fake, now| fake.cancel(&self.spec.id, order, None, true, now))?)
    }

    /// Somebody types a quantity into the seller's page.
    ///
    /// # Errors
    /// When it is not listed.
    pub fn edit(&self, sku: &str, to: i64) -> anyhow::Result<()> {
        Ok(self.host.act(|fake, now| fake.type_in(&self.spec.id, sku, to, now))?)
    }

    /// Loses all events from now on, or none.
    ///
    /// # Errors
    /// None that can happen.
    pub fn lose_events(&self, lose: bool) -> anyhow::Result<()> {
        let faults = EventFaults { drop: if lose { u32::MAX } else { 0 }, ..EventFaults::default() };
        Ok(self.host.act(|fake, _| fake.event_faults(&self.spec.id, faults))?)
    }

    /// The seller's API goes down, or comes back.
    pub fn set_down(&self, down: bool) {
        self.host.set_down(down);
    }

    /// What its shoppers can buy.
    #[must_use]
    pub fn level(&self, sku: &str) -> Option<i64> {
        self.host.act(|fake, _| fake.level(&self.spec.id, sku))
    }

    /// Units sold less units given back.
    #[must_use]
    pub fn sold(&self, sku: &str) -> i64 {
        self.host.act(|fake, _| fake.sold(&self.spec.id, sku))
    }

    /// When a write of its API became live.
    #[must_use]
    pub fn writes(&self, sku: &str) -> Vec<Timestamp> {
        let all = self.host.act(|fake, _| fake.writes(&self.spec.id));
        all.into_iter().filter(|write| write.sku == sku).map(|write| write.at).collect()
    }

    /// How many of its events were taken.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.host.taken()
    }
}
