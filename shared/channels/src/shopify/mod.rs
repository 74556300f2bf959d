//! Shopify. What the platform promises, and what nobody knows, is in `docs.md`.

mod api;
mod check;
#[cfg(feature = "fakes")]
pub mod fake;
mod hook;

pub use api::document::{Document, documents};
#[cfg(feature = "fakes")]
pub use fake::FakeShopify;

use crate::contract::NO_OR_YES;
use crate::{
    Channel, Delivery, Error, ErrorKind, Event, Fit, Hook, Identity, Info, Levels, Location, Movements, OrderHooks,
    Orders, Outcome, Page, Secret, Secrets, Session, Setting, Subscription, Unit, Watch, Write,
};
use async_trait::async_trait;
use domain::capability::Bulk;
use domain::{Capabilities, FeedKind, LocationId, Order, OrderId, Position, Sku, Timestamp, WriteKind};
use std::collections::BTreeMap;

/// The connector of Shopify, <https://shopify.dev/docs/api/admin-graphql>.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shopify;

/// The version that is asked for unless the account says otherwise.
pub const API_VERSION: &str = "2026-07";
/// The versions whose schema every document of ours is checked against, oldest first.
pub const API_VERSIONS: &[&str] = &["2026-04", API_VERSION, "2026-10"];
/// Most rows of one call, <https://shopify.dev/docs/api/usage/limits>: array arguments.
pub const ROWS_MAX: usize = 250;
/// Up to so many writes have a call and a key each, in one request: 25 calls of 13 points fit into any store's bucket.
pub const SINGLES_MAX: usize = 25;
/// The header that signs a webhook, <https://shopify.dev/docs/apps/build/webhooks/verify-deliveries>.
pub const SIGNATURE: &str = "x-shopify-hmac-sha256";
/// What the app must be allowed to do.
pub const SCOPES: &[&str] = &["read_inventory", "write_inventory", "read_products", "read_locations"];

static SETTINGS: &[Setting] = &[
    plain("shop", "Store address", "The one that ends in .myshopify.com: Settings > Domains shows it.", true, None),
    plain(
        "client_id",
        "Client ID",
        "In the Dev Dashboard: your app > Settings. Not needed with an access token of your own.",
        false,
        None,
    ),
    secret(
        "client_secret",
        "Client secret",
        "Beside the client ID; for an app made in the store's own settings, its API secret key. It signs webhooks.",
        true,
    ),
    secret(
        "client_secret_previous",
        "Previous client secret",
        "While the secret is being changed: Shopify may sign with the old one for an hour.",
        false,
    ),
    secret(
        "access_token",
        "Access token",
        "Only for an app made in the store's own settings before 2026. Leave it empty when there is a client ID.",
        false,
    ),
    plain(
        "api_version",
        "API version",
        "Leave it as it is, unless the log asks for another.",
        false,
        Some(API_VERSION),
    ),
    switch(
        "activate",
        "Stock items where they are not stocked",
        "Yes: before the first write an item is stocked at its location; what Shopify kept for it there counts. \
         No: such listings are left alone.",
    ),
    switch(
        "tracking",
        "Track items that are not tracked",
        "Yes: before the first write the tracking of an item is turned on; the number that Shopify has for it \
         counts. No: such listings are left alone.",
    ),
    plain("base_url", "API address", "Leave it empty. For tests: where the store answers.", false, None),
];

const fn plain(
    name: &'static str,
    title: &'static str,
    help: &'static str,
    required: bool,
    default: Option<&'static str>,
) -> Setting {
    Setting { name, title, help, secret: false, required, default, choices: &[] }
}

/// Off unless somebody switches it on.
const fn switch(name: &'static str, title: &'static str, help: &'static str) -> Setting {
    Setting { choices: NO_OR_YES, ..plain(name, title, help, false, Some("no")) }
}

const fn secret(name: &'static str, title: &'static str, help: &'static str, required: bool) -> Setting {
    Setting { name, title, help, secret: true, required, default: None, choices: &[] }
}

static INFO: Info = Info {
    name: "shopify",
    title: "Shopify",
    // the source of each claim is in docs.md, "Capabilities"
    capabilities: Capabilities {
        write: WriteKind::CompareAndSet,
        idempotency_key: true,
        feed: FeedKind::None,
        max_writes: SINGLES_MAX,
        bulk: Some(Bulk { from: SINGLES_MAX + 1, most: ROWS_MAX, gathered: false }),
        settle_ms: 0,
        locations: true,
        verify_ms: None,
        polled: None,
    },
    settings: SETTINGS,
    settings_refused: &[(
        "unpaid_orders",
        "no orders are read here: what counts is the level, which Shopify lowers when it commits units to an order",
    )],
    // every request carries its toll in points; this is only what a Standard store allows in calls of 13 points
    rate_per_second: 7.0,
    burst: 40,
    credential_days: None,
    tried_live: false,
    ready: true,
};

#[async_trait]
impl Channel for Shopify {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn check(&self, settings: &BTreeMap<String, String>, secrets: &Secrets) -> Result<(), Error> {
        check::check(settings, secrets)
    }

    fn verify(&self, hook: Hook<'_>, secrets: &[Secret]) -> Result<usize, Error> {
        hook::verify(hook, secrets)
    }

    fn signing_secrets(&self) -> &'static [&'static str] {
        &["client_secret", "client_secret_previous"]
    }

    fn read_hook(&self, hook: Hook<'_>, _signer: &Secret) -> Result<Delivery, Error> {
        hook::read(hook)
    }

    fn stocks_on_write(&self, settings: &BTreeMap<String, String>) -> bool {
        settings.get("activate").is_some_and(|text| text == "yes")
    }

    fn event_owner(&self) -> Option<&'static str> {
        Some("shop")
    }

    fn read_event(&self, body: &[u8]) -> Result<Event, Error> {
        hook::read_event(body)
    }

    async fn identify(&self, session: Session<'_>) -> Result<Identity, Error> {
        api::identity::identify(session).await
    }

    async fn locations(&self, session: Session<'_>, page: Option<String>) -> Result<Page<Location>, Error> {
        api::locations::locations(session, page).await
    }

    async fn units(&self, session: Session<'_>, page: Option<String>) -> Result<Levels, Error> {
        api::bulk::units(session, page).await
    }

    async fn unit(&self, session: Session<'_>, external: &str) -> Result<Vec<Unit>, Error> {
        api::read::unit(session, external).await
    }

    async fn levels(
        &self,
        session: Session<'_>,
        listings: &[(Sku, LocationId, String)],
    ) -> Result<Vec<Option<i64>>, Error> {
        api::read::levels(session, listings).await
    }

    async fn feed_head(&self, _session: Session<'_>) -> Result<Position, Error> {
        Err(no_feed())
    }

    async fn movements(&self, _session: Session<'_>, _since: Position) -> Result<Movements, Error> {
        Err(no_feed())
    }

    async fn orders(&self, _session: Session<'_>, _ids: &[OrderId]) -> Result<Vec<Order>, Error> {
        Err(no_feed())
    }

    async fn orders_since(
        &self,
        _session: Session<'_>,
        _since: Timestamp,
        _page: Option<String>,
    ) -> Result<Orders, Error> {
        Err(no_feed())
    }

    async fn write(&self, session: Session<'_>, writes: &[Write]) -> Vec<Outcome> {
        api::write::write(session, writes).await
    }

    async fn inspect(&self, session: Session<'_>, writes: &[Write]) -> Vec<Fit> {
        api::write::inspect(session, writes).await
    }

    async fn write_call(&self, session: Session<'_>, rows: &[Write]) -> Vec<Outcome> {
        api::write::write_call(session, rows).await
    }

    async fn subscribe_watched(
        &self,
        session: Session<'_>,
        url: &str,
        _orders: OrderHooks,
        watch: &dyn Watch,
    ) -> Result<Vec<Subscription>, Error> {
        api::webhooks::subscribe(session, url, watch).await
    }

    async fn unsubscribe(&self, session: Session<'_>, url: &str) -> Result<(), Error> {
        api::webhooks::unsubscribe(session, url).await
    }
}

/// Orders are customer data that Shopify guards, and levels tell all that is needed: none is ever asked for.
fn no_feed() -> Error {
    Error::new(ErrorKind::Forbidden, "Shopify keeps no log of stock movements, and orders are not read")
}
