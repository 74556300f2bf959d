//! Amazon, by its Selling Partner API. What the platform promises, and what nobody knows, is in `docs.md`.

mod api;
mod event;
#[cfg(feature = "fakes")]
pub mod fake;
mod place;

#[cfg(feature = "fakes")]
pub use fake::FakeAmazon;

use crate::{
    Channel, Delivery, Error, ErrorKind, Event, Fit, Hook, Identity, Info, Levels, Movements, OrderHooks, Orders,
    Outcome, Secret, Secrets, Session, Setting, Submitted, Subscription, Unit, Watch, Write,
};
use async_trait::async_trait;
use domain::capability::{Bulk, Polled};
use domain::{Capabilities, FeedKind, LocationId, Order, OrderId, Position, Sku, Timestamp, WriteKind};
use std::collections::BTreeMap;

/// The connector of Amazon, <https://developer-docs.amazon.com/sp-api>.
#[derive(Debug, Clone, Copy, Default)]
pub struct Amazon;

/// Where access tokens come from, for every region,
/// <https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api>.
pub const TOKEN_URL: &str = "https://api.amazon.com/auth/o2/token";
/// Most listings of one call of [`Channel::write`]: as many as one search can check,
/// <https://developer-docs.amazon.com/sp-api/docs/listings-items-api-v2021-08-01-reference>.
pub const MAX_WRITES: usize = 20;
/// From how many writes on a feed is used, and most messages of one,
/// <https://developer-docs.amazon.com/sp-api/docs/feeds-api-best-practices>.
pub const BULK: Bulk = Bulk { from: 2_000, most: 25_000, gathered: true };
/// The code of stock that the merchant sends, beside the `AMAZON_…` codes of stock that Amazon sends.
pub const CHANNEL_CODE: &str = "DEFAULT";

static SETTINGS: &[Setting] = &[
    secret(
        "client_id",
        "Client identifier",
        "Developer Central > your private app > View credentials. Begins with amzn1.application-oa2-client.",
    ),
    secret("client_secret", "Client secret", "Beside the client identifier. Rotate it at least every 180 days."),
    secret(
        "refresh_token",
        "Refresh token",
        "Developer Central > your private app > Authorize > Generate refresh token. Begins with Atzr|.",
    ),
    setting("seller_id", "Seller id", "Seller Central > Settings > Account info > Merchant token.", true, None),
    setting(
        "marketplaces",
        "Marketplace ids",
        "Separated by commas, of one region, the one that lists most first. A1F83G8C2ARO7P is Amazon.co.uk, ATVPDKIKX0DER Amazon.com.",
        true,
        None,
    ),
    setting(
        "region",
        "Region",
        "na, eu or fe. Only needed for a marketplace that Evenstock does not know.",
        false,
        None,
    ),
    setting(
        "channel_code",
        "Fulfilment channel code",
        "Leave it as it is, unless Amazon has given you the code of a location of your own.",
        false,
        Some(CHANNEL_CODE),
    ),
    setting(
        "queue_arn",
        "Queue for order events",
        "The ARN of a standard SQS queue to which Amazon may send (docs.md, Set-up). Empty: orders are listed every few minutes only.",
        false,
        None,
    ),
    setting(
        "eventbridge_account",
        "AWS account for quantity events",
        "Its 12 digits. Empty: no quantity events.",
        false,
        None,
    ),
    setting("eventbridge_region", "AWS region for quantity events", "Such as eu-west-1.", false, None),
    setting(
        "base_url",
        "API address",
        "Empty: the region's own. Change it only to reach a test platform.",
        false,
        None,
    ),
    setting("token_url", "Token address", "Empty: Amazon's own. Change it only to reach a test platform.", false, None),
];

const fn secret(name: &'static str, title: &'static str, help: &'static str) -> Setting {
    Setting { name, title, help, secret: true, required: true, default: None, choices: &[] }
}

const fn setting(
    name: &'static str,
    title: &'static str,
    help: &'static str,
    required: bool,
    default: Option<&'static str>,
) -> Setting {
    Setting { name, title, help, secret: false, required, default, choices: &[] }
}

static INFO: Info = Info {
    name: "amazon",
    title: "Amazon",
    capabilities: Capabilities {
        write: WriteKind::Set,
        idempotency_key: false,
        feed: FeedKind::Orders,
        max_writes: MAX_WRITES,
        bulk: Some(BULK),
        // Orders can be listed two minutes late and are listed every few minutes: until then a lower level looks like an edit.
        settle_ms: 600_000,
        locations: false,
        verify_ms: Some(120_000),
        // one search in three minutes is allowed for long, and it ends two minutes before now
        polled: Some(Polled { every_ms: 180_000, late_ms: 120_000, releases: true }),
    },
    settings: SETTINGS,
    settings_refused: &[(
        "unpaid_orders",
        "Amazon lowers its own number when an order is placed, pending or not; to count it later would mean to write the sold \
         units back for sale",
    )],
    // Every request names its own limit (api/operation.rs); this one is for what might be sent without.
    rate_per_second: 1.0,
    burst: 5,
    // https://developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials
    credential_days: Some(180),
    tried_live: false,
    ready: true,
};

#[async_trait]
impl Channel for Amazon {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn check(&self, settings: &BTreeMap<String, String>, secrets: &Secrets) -> Result<(), Error> {
        place::check(settings, secrets)
    }

    fn verify(&self, _hook: Hook<'_>, _secrets: &[Secret]) -> Result<usize, Error> {
        Err(Error::new(ErrorKind::Signature, "Amazon sends no webhooks: its events come by a queue or a bus"))
    }

    fn signing_secrets(&self) -> &'static [&'static str] {
        &[]
    }

    fn read_hook(&self, _hook: Hook<'_>, _signer: &Secret) -> Result<Delivery, Error> {
        Err(Error::new(ErrorKind::Malformed, "Amazon sends no webhooks: its events come by a queue or a bus"))
    }

    fn event_owner(&self) -> Option<&'static str> {
        Some("seller_id")
    }

    fn read_event(&self, body: &[u8]) -> Result<Event, Error> {
        event::read(body)
    }

    async fn identify(&self, session: Session<'_>) -> Result<Identity, Error> {
        api::identity::identify(session).await
    }

    async fn units(&self, session: Session<'_>, page: Option<String>) -> Result<Levels, Error> {
        api::report::units(session, page).await
    }

    async fn unit(&self, session: Session<'_>, external: &str) -> Result<Vec<Unit>, Error> {
        api::listings::unit(session, external).await
    }

    async fn levels(
        &self,
        session: Session<'_>,
        listings: &[(Sku, LocationId, String)],
    ) -> Result<Vec<Option<i64>>, Error> {
        api::listings::levels(session, listings).await
    }

    async fn feed_head(&self, _session: Session<'_>) -> Result<Position, Error> {
        Err(no_log())
    }

    async fn movements(&self, _session: Session<'_>, _since: Position) -> Result<Movements, Error> {
        Err(no_log())
    }

    async fn orders(&self, session: Session<'_>, ids: &[OrderId]) -> Result<Vec<Order>, Error> {
        api::orders::by_ids(session, ids).await
    }

    async fn orders_since(
        &self,
        session: Session<'_>,
        since: Timestamp,
        page: Option<String>,
    ) -> Result<Orders, Error> {
        api::orders::since(session, since, page).await
    }

    async fn write(&self, session: Session<'_>, writes: &[Write]) -> Vec<Outcome> {
        api::write::write(session, writes).await
    }

    async fn inspect(&self, session: Session<'_>, writes: &[Write]) -> Vec<Fit> {
        api::write::inspect(session, writes).await
    }

    async fn submit(&self, session: Session<'_>, rows: &[(Write, String)]) -> Result<Submitted, Error> {
        api::feed::hand_over(session, rows).await
    }

    async fn find_submission(&self, session: Session<'_>, since: Timestamp) -> Result<Option<String>, Error> {
        api::feed::find(session, since).await
    }

    async fn subscribe_watched(
        &self,
        session: Session<'_>,
        _url: &str,
        _orders: OrderHooks,
        watch: &dyn Watch,
    ) -> Result<Vec<Subscription>, Error> {
        api::notify::subscribe(session, watch).await
    }

    async fn unsubscribe(&self, session: Session<'_>, _url: &str) -> Result<(), Error> {
        api::notify::unsubscribe(session).await
    }
}

fn no_log() -> Error {
    Error::new(ErrorKind::Forbidden, "Amazon keeps no log of stock movements; sales are read from orders")
}
