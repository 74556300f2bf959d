//! Fake stores on this machine: for the demo, the figures, tests, and `evenstock fake`.

use super::{amazon, shopify};
use crate::fakes::{Host, Meter};
use anyhow::{Context, bail};
use channels::fake::Fake;
use channels::shopwired::FakeShopWired;
use channels::shopwired::fake::{
    AccountSpec, ApiWrite, Failure, Fault, ProductSpec, Truth, WebhookFaults, When, Which,
};
use channels::{Http, Request, Response, Secret, Secrets, fake::Outgoing};
use domain::{AccountId, Role, Timestamp};
use engine::accounts::NewAccount;
use engine::records::Rate;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

/// The channel of these stores.
pub const CHANNEL: &str = "shopwired";
/// The header that signs their webhooks.
pub const SIGNATURE: &str = channels::shopwired::SIGNATURE;
/// More calls than this machine can make: the fakes have no limit, so the hub needs none.
pub const UNLIMITED: Rate = Rate { per_minute: 60_000_000, burst: 1_000_000 };
/// The platform's number of the first store.
const FIRST_BUSINESS: u64 = 1001;

/// One fake store behind an address of its own.
pub struct Store {
    /// The account's name in the hub.
    pub name: String,
    /// What it is to the hub.
    pub role: Role,
    business: u64,
    host: Host<FakeShopWired>,
}

impl Store {
    /// Opens a store on a free port of this machine; its answers count on `meter`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn open(name: &str, place: u64, role: Role, http: Arc<dyn Http>, meter: Meter) -> anyhow::Result<Self> {
        let business = FIRST_BUSINESS + place;
        let mut fake = FakeShopWired::new(place + 7);
        fake.add_account(&spec(business, name));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { name: name.to_owned(), role, business, host: Host::start_metered(listener, fake, http, meter)? })
    }

    /// The account as a file for `accounts add` has it.
    ///
    /// # Errors
    /// When the name cannot be one.
    pub fn account(&self, rate: Option<Rate>) -> anyhow::Result<NewAccount> {
        let base_url = format!("http://{}/v1", self.host.address());
        Ok(NewAccount {
            id: AccountId::new(self.name.clone())?,
            channel: CHANNEL.into(),
            role: self.role,
            inbound: None,
            drift: None,
            settings: BTreeMap::from([("base_url".to_owned(), base_url)]),
            secrets: secrets(&spec(self.business, &self.name)),
            rate,
        })
    }

    /// The secret that its webhooks are signed with.
    #[must_use]
    pub fn signing_secret(&self) -> String {
        spec(self.business, &self.name).webhook_secret.unwrap_or_default()
    }

    /// Puts a product on its shelves.
    ///
    /// # Errors
    /// The fake's refusal.
    pub fn stock(&self, sku: &str, title: &str, level: i64) -> anyhow::Result<()> {
        let product = ProductSpec { title: title.to_owned(), ..ProductSpec::simple(sku, level) };
        self.host.act(|fake, now| fake.create_product(self.business, &product, now))?;
        Ok(())
    }

    /// Somebody buys; the order's number.
    ///
    /// # Errors
    /// When there is not enough.
    pub fn sell(&self, sku: &str, units: i64) -> anyhow::Result<u64> {
        Ok(self.host.act(|fake, now| fake.sell(self.business, sku, units, now))?)
    }

    /// Somebody types a new level into the product's page.
    ///
    /// # Errors
    /// When there is no such SKU.
    pub fn edit(&self, sku: &str, to: i64) -> anyhow::Result<()> {
        Ok(self.host.act(|fake, now| fake.edit(self.business, sku, to, now))?)
    }

    /// A product import changes a level; no webhook tells and no log.
    ///
    /// # Errors
    /// When there is no such SKU.
    pub fn import_silently(&self, sku: &str, to: i64) -> anyhow::Result<()> {
        Ok(self.host.act(|fake, now| fake.import_silently(self.business, sku, to, now))?)
    }

    /// Somebody changes the units of an order's only line; the number of the order that replaces it.
    ///
    /// # Errors
    /// When there is not enough.
    pub fn edit_order(&self, order: u64, sku: &str, units: i64) -> anyhow::Result<u64> {
        Ok(self.host.act(|fake, now| fake.edit_order(self.business, order, &[(sku, units)], now))?)
    }

    /// Somebody takes back all lines of an order.
    ///
    /// # Errors
    /// When the platform would not offer it.
    pub fn take_back(&self, order: u64) -> anyhow::Result<()> {
        self.host.act(|fake, now| {
            let lines = fake.lines(self.business, order);
            lines.into_iter().try_for_each(|line| fake.return_line(self.business, line.item, now))
        })?;
        Ok(())
    }

    /// Loses all webhooks from now on, or none.
    ///
    /// # Errors
    /// None that can happen.
    pub fn lose_webhooks(&self, lose: bool) -> anyhow::Result<()> {
        let faults = WebhookFaults { drop_percent: if lose { 100 } else { 0 }, ..WebhookFaults::default() };
        Ok(self.host.act(|fake, _| fake.webhook_faults(self.business, faults))?)
    }

    /// Refuses every call with 429, or no longer.
    ///
    /// # Errors
    /// The fake's refusal.
    pub fn throttle(&self, on: bool) -> anyhow::Result<()> {
        let fault = Fault { failure: Failure::Status(429), when: When::Before, which: Which::All, left: None };
        Ok(self.host.act(|fake, _| if on { fake.fail(self.business, fault) } else { fake.heal(self.business) })?)
    }

    /// The store goes down, or comes back.
    pub fn set_down(&self, down: bool) {
        self.host.set_down(down);
    }

    /// The store takes calls from now on and answers none of them.
    pub fn set_silent(&self) {
        self.host.set_silent();
    }

    /// The level of a SKU as its shoppers see it.
    #[must_use]
    pub fn level(&self, sku: &str) -> Option<i64> {
        self.host.act(|fake, _| fake.level(self.business, sku))
    }

    /// What people did to a SKU.
    #[must_use]
    pub fn truth(&self, sku: &str) -> Truth {
        self.host.act(|fake, _| fake.truth(self.business, sku))
    }

    /// The writes of its API that changed a level, from the `skip`th on.
    #[must_use]
    pub fn writes(&self, skip: usize) -> Vec<ApiWrite> {
        self.host.act(|fake, _| fake.writes(self.business).get(skip..).unwrap_or_default().to_vec())
    }

    /// How many of its webhooks were taken.
    #[must_use]
    pub fn webhooks(&self) -> u64 {
        self.host.taken()
    }
}

/// The hub level that a SKU must have: the master's first level and all that people did since, edits only on the master.
#[must_use]
pub fn expected(stores: &[Store], sku: &str) -> i64 {
    let each = stores.iter().map(|store| {
        let truth = store.truth(sku);
        match store.role {
            Role::Master => truth.start + truth.change(),
            Role::Replica => truth.returned - truth.sold,
        }
    });
    each.sum()
}

fn spec(business: u64, name: &str) -> AccountSpec {
    AccountSpec {
        business,
        name: name.to_owned(),
        api_key: format!("key-{business}"),
        api_secret: format!("secret-{business}"),
        webhook_secret: Some(format!("webhook-secret-{business}")),
    }
}

fn secrets(spec: &AccountSpec) -> Secrets {
    let fields = [
        ("api_key", Some(&spec.api_key)),
        ("api_secret", Some(&spec.api_secret)),
        ("webhook_secret", spec.webhook_secret.as_ref()),
    ];
    fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Secret::new(text?)))).collect()
}

/// A fake platform of any kind.
pub struct AnyFake(pub(super) Box<dyn Fake>);

impl AnyFake {
    /// Wraps a fake.
    #[must_use]
    pub fn new(fake: impl Fake + 'static) -> Self {
        Self(Box::new(fake))
    }
}

impl Fake for AnyFake {
    fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.0.handle(request, now)
    }

    fn due(&mut self, now: Timestamp) -> Vec<Outgoing> {
        self.0.due(now)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.0.next_due()
    }

    fn delivered(&mut self, ticket: u64, answer: Option<(u16, &[u8])>, now: Timestamp) {
        self.0.delivered(ticket, answer, now);
    }
}

/// Hosts the fake platform of a channel until this machine ends it; with `count` stores, which it tells as accounts.
///
/// # Errors
/// When there is no such fake, or the address is taken.
pub async fn host(
    channel: &str,
    listen: SocketAddr,
    count: u64,
    http: Arc<dyn Http>,
) -> anyhow::Result<(Host<AnyFake>, Vec<NewAccount>)> {
    if channel == shopify::CHANNEL {
        return shopify::host(listen, count, http).await;
    }
    if channel == amazon::CHANNEL {
        return amazon::host(listen, count, http).await;
    }
    if channel != CHANNEL {
        let (one, other) = (shopify::CHANNEL, amazon::CHANNEL);
        bail!("channel: there is no fake of {channel:?}; use {CHANNEL}, {one} or {other}");
    }
    let mut fake = FakeShopWired::new(7);
    let specs: Vec<AccountSpec> =
        (0..count).map(|place| spec(FIRST_BUSINESS + place, &format!("shop-{}", place + 1))).collect();
    specs.iter().for_each(|spec| fake.add_account(spec));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("{listen} cannot be listened on"))?;
    let host = Host::start(listener, AnyFake::new(fake), http)?;
    let base_url = format!("http://{}/v1", host.address());
    let account = |(place, spec): (usize, &AccountSpec)| {
        Ok(NewAccount {
            id: AccountId::new(spec.name.clone())?,
            channel: CHANNEL.into(),
            role: if place == 0 { Role::Master } else { Role::Replica },
            inbound: None,
            drift: None,
            settings: BTreeMap::from([("base_url".to_owned(), base_url.clone())]),
            secrets: secrets(spec),
            rate: None,
        })
    };
    let accounts: anyhow::Result<Vec<NewAccount>> = specs.iter().enumerate().map(account).collect();
    Ok((host, accounts?))
}
