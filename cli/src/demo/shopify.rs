//! The fake of Shopify: as `evenstock fake` hosts it, and with two locations for the demo.

use super::places::STREET;
use super::stores::AnyFake;
use crate::fakes::{Host, Meter};
use anyhow::Context;
use channels::shopify::fake::{FakeShopify, ItemSpec, ShopSpec, WebhookFaults};
use channels::{Clock, Http, Secret, clock::SystemClock};
use domain::{AccountId, Role, Timestamp};
use engine::accounts::NewAccount;
use engine::records::Rate;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
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

/// One fake store with two locations behind an address of its own.
pub struct Branch {
    /// The account's name in the hub.
    pub name: String,
    /// Its shop in the street, by the platform's number.
    pub street: u64,
    /// Its depot.
    pub depot: u64,
    spec: ShopSpec,
    host: Host<FakeShopify>,
}

/// How long the demo's store takes for a list of everything, milliseconds.
const LIST_MS: i64 = 200;

impl Branch {
    /// Opens a store on a free port of this machine.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn open(name: &str, http: Arc<dyn Http>) -> anyhow::Result<Self> {
        let mut fake = FakeShopify::new();
        let spec = ShopSpec { domain: format!("{name}.myshopify.com"), name: name.to_owned(), ..spec(1) };
        fake.add_shop(&spec);
        fake.switches(&spec.domain)?.bulk_ms = LIST_MS;
        let now = SystemClock.now();
        let street = fake.add_location(&spec.domain, "High Street", false, now)?;
        let depot = fake.add_location(&spec.domain, "Depot", false, now)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let host = Host::start_metered(listener, fake, http, Meter::default())?;
        Ok(Self { name: name.to_owned(), street, depot, spec, host })
    }

    /// The account as a file for `accounts add` has it.
    ///
    /// # Errors
    /// When the name cannot be one.
    pub fn account(&self, rate: Option<Rate>) -> anyhow::Result<NewAccount> {
        let base_url = format!("http://{}", self.host.address());
        Ok(NewAccount { role: Role::Replica, rate, ..account(1, &self.spec, &base_url)? })
    }

    /// The same, as the master.
    ///
    /// # Errors
    /// When the name cannot be one.
    pub fn master(&self, rate: Option<Rate>) -> anyhow::Result<NewAccount> {
        Ok(NewAccount { role: Role::Master, ..self.account(rate)? })
    }

    /// One of its locations as the hub calls it.
    #[must_use]
    pub fn location(&self, place: usize) -> String {
        let number = if place == STREET { self.street } else { self.depot };
        format!("{}@{number}", self.name)
    }

    /// Puts a product on its shelves.
    ///
    /// # Errors
    /// The fake's refusal.
    pub fn stock(&self, sku: &str, title: &str, street: i64, depot: i64) -> anyhow::Result<()> {
        let levels = vec![(self.street, street), (self.depot, depot)];
        let item = ItemSpec { sku: Some(sku.into()), title: title.into(), levels, ..ItemSpec::default() };
        self.host.act(|fake, now| fake.add_item(&self.spec.domain, &item, now))?;
        Ok(())
    }

    /// Somebody buys at a location; the order's number.
    ///
    /// # Errors
    /// When it is not stocked there.
    pub fn sell(&self, sku: &str, location: u64, units: i64) -> anyhow::Result<u64> {
        Ok(self.host.act(|fake, now| fake.sell(&self.spec.domain, sku, location, units, now))?)
    }

    /// An order is cancelled, and its units go back on the shelf.
    ///
    /// # Errors
    /// When there is no such order.
    pub fn take_back(&self, order: u64) -> anyhow::Result<()> {
        Ok(self.host.act(|fake, now| fake.cancel(&self.spec.domain, order, true, now))?)
    }

    /// Loses all webhooks from now on, or none.
    ///
    /// # Errors
    /// None that can happen.
    pub fn lose_webhooks(&self, lose: bool) -> anyhow::Result<()> {
        let faults = WebhookFaults { drop: if lose { u32::MAX } else { 0 }, ..WebhookFaults::default() };
        Ok(self.host.act(|fake, _| fake.webhook_faults(&self.spec.domain, faults))?)
    }

    /// Somebody drives goods from the street to the depot.
    ///
    /// # Errors
    /// When it is not stocked there.
    pub fn store_away(&self, sku: &str, units: i64) -> anyhow::Result<()> {
        let way = (self.street, self.depot);
        Ok(self.host.act(|fake, now| fake.transfer(&self.spec.domain, sku, way, units, now))?)
    }

    /// Somebody types a new level of a location into the admin.
    ///
    /// # Errors
    /// When it is not stocked there.
    pub fn edit(&self, sku: &str, location: u64, to: i64) -> anyhow::Result<()> {
        Ok(self.host.act(|fake, now| fake.adjust(&self.spec.domain, sku, location, to, now))?)
    }

    /// What may be sold at a location.
    #[must_use]
    pub fn level(&self, sku: &str, location: u64) -> Option<i64> {
        self.host.act(|fake, _| fake.level(&self.spec.domain, sku, location))
    }

    /// What people did to a SKU at a location, units.
    #[must_use]
    pub fn doings(&self, sku: &str, location: u64) -> i64 {
        self.host.act(|fake, _| fake.doings(&self.spec.domain, sku, location))
    }

    /// When its API changed the level of a SKU at a location.
    #[must_use]
    pub fn writes(&self, sku: &str, location: u64) -> Vec<Timestamp> {
        self.host.act(|fake, _| {
            let item = fake.find(&self.spec.domain, sku);
            let all = fake.writes(&self.spec.domain).iter();
            all.filter(|write| Some(write.item) == item && write.location == location).map(|write| write.at).collect()
        })
    }

    /// The store goes down, or comes back.
    pub fn set_down(&self, down: bool) {
        self.host.set_down(down);
    }

    /// How many of its webhooks were taken.
    #[must_use]
    pub fn webhooks(&self) -> u64 {
        self.host.taken()
    }
}
