//! ShopWired. What the platform promises, and what nobody knows, is in `docs.md`.

mod api;
#[cfg(feature = "fakes")]
pub mod fake;
mod hook;

#[cfg(feature = "fakes")]
pub use fake::FakeShopWired;

use crate::contract::NO_OR_YES;
use crate::{
    Channel, Delivery, Error, ErrorKind, Hook, Identity, Info, Levels, Movements, OrderHooks, Orders, Outcome, Secret,
    Secrets, Session, Setting, Subscription, Unit, Watch, Write,
};
use async_trait::async_trait;
use domain::{Capabilities, FeedKind, LocationId, Order, OrderId, Position, Sku, Timestamp, WriteKind};
use std::collections::BTreeMap;

/// The connector of ShopWired, <https://www.shopwired.co.uk>.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShopWired;

/// Where the API lives, <https://help.shopwired.io/api/shopwireds-api>.
pub const BASE_URL: &str = "https://api.ecommerceapi.uk/v1";
/// Most items of one stock call, from the reference page `updatestock` of <https://shopwired.readme.io>.
pub const MAX_WRITES: usize = 15;
/// The setting that says which state of an order counts.
const UNPAID: &str = "unpaid_orders";
/// The header that signs a webhook, <https://help.shopwired.io/api/webhooks>.
pub const SIGNATURE: &str = "x-shopwired-signature";

const KEYS_HELP: &str =
    "In ShopWired: Your account > API & webhooks. The key needs products, stock, orders, webhooks and events.";

static SETTINGS: &[Setting] = &[
    secret("api_key", "API key", KEYS_HELP, true),
    secret("api_secret", "API secret", "Shown beside the API key.", true),
    secret(
        "webhook_secret",
        "Webhook secret",
        "On the same page, a credential of its own. Without it ShopWired sends unsigned webhooks, which are refused here.",
        true,
    ),
    secret(
        "webhook_secret_previous",
        "Previous webhook secret",
        "While the secret is being changed: webhooks signed with either are accepted.",
        false,
    ),
    Setting {
        name: "base_url",
        title: "API address",
        help: "Leave it as it is, unless ShopWired tells you otherwise.",
        secret: false,
        required: false,
        default: Some(BASE_URL),
        choices: &[],
    },
    Setting {
        name: UNPAID,
        title: "Unpaid orders",
        help: "Of use where the log of stock movements may not be read; with it, what moved counts. Wait where the store moves \
               stock only once an order is paid for: one whose status is of the type unpaid is sold when that changes.",
        secret: false,
        required: false,
        default: Some("count"),
        choices: &[("count", "count as soon as they are placed"), ("wait", "wait until they are paid for")],
    },
    Setting {
        name: "allow_negative",
        title: "Send numbers below zero",
        help: "No: a target below zero is sent as 0, because nobody has documented that ShopWired takes it.",
        secret: false,
        required: false,
        default: Some("no"),
        choices: NO_OR_YES,
    },
];

const fn secret(name: &'static str, title: &'static str, help: &'static str, required: bool) -> Setting {
    Setting { name, title, help, secret: true, required, default: None, choices: &[] }
}

static INFO: Info = Info {
    name: "shopwired",
    title: "ShopWired",
    capabilities: Capabilities {
        write: WriteKind::Set,
        idempotency_key: false,
        feed: FeedKind::Movements,
        max_writes: MAX_WRITES,
        bulk: None,
        settle_ms: 5000,
        locations: false,
        verify_ms: None,
        polled: None,
    },
    settings: SETTINGS,
    settings_refused: &[],
    // Two documents disagree (120 and 60 calls a minute, docs.md "Limits"): stay at the lower one.
    rate_per_second: 1.0,
    burst: 10,
    credential_days: None,
    tried_live: false,
    ready: true,
};

#[async_trait]
impl Channel for ShopWired {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn check(&self, settings: &BTreeMap<String, String>, secrets: &Secrets) -> Result<(), Error> {
        check_secrets(secrets)?;
        check_base_url(settings.get("base_url").map_or(BASE_URL, String::as_str))?;
        one_of(settings, "allow_negative", ["yes", "no"])?;
        one_of(settings, UNPAID, ["count", "wait"])
    }

    fn verify(&self, hook: Hook<'_>, secrets: &[Secret]) -> Result<usize, Error> {
        hook::verify(hook, secrets)
    }

    fn signing_secrets(&self) -> &'static [&'static str] {
        &["webhook_secret", "webhook_secret_previous"]
    }

    fn waits_for_payment(&self, settings: &BTreeMap<String, String>) -> bool {
        waits_for_payment(settings)
    }

    fn read_hook(&self, hook: Hook<'_>, signer: &Secret) -> Result<Delivery, Error> {
        hook::read(hook, signer)
    }

    async fn identify(&self, session: Session<'_>) -> Result<Identity, Error> {
        api::identity::identify(session).await
    }

    async fn units(&self, session: Session<'_>, page: Option<String>) -> Result<Levels, Error> {
        api::products::units(session, page).await
    }

    async fn unit(&self, session: Session<'_>, external: &str) -> Result<Vec<Unit>, Error> {
        api::products::unit(session, external).await
    }

    async fn levels(
        &self,
        session: Session<'_>,
        listings: &[(Sku, LocationId, String)],
    ) -> Result<Vec<Option<i64>>, Error> {
        api::stock::levels(session, listings).await
    }

    async fn feed_head(&self, session: Session<'_>) -> Result<Position, Error> {
        api::feed::head(session).await
    }

    async fn movements(&self, session: Session<'_>, since: Position) -> Result<Movements, Error> {
        api::feed::movements(session, since).await
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

    async fn subscribe_watched(
        &self,
        session: Session<'_>,
        url: &str,
        orders: OrderHooks,
        watch: &dyn Watch,
    ) -> Result<Vec<Subscription>, Error> {
        api::webhooks::subscribe(session, url, orders, watch).await
    }

    async fn unsubscribe(&self, session: Session<'_>, url: &str) -> Result<(), Error> {
        api::webhooks::unsubscribe(session, url).await
    }
}

fn configuration(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, problem)
}

/// A setting that is left out, or empty, has its default.
fn one_of(settings: &BTreeMap<String, String>, name: &str, [one, other]: [&str; 2]) -> Result<(), Error> {
    match settings.get(name).map_or("", String::as_str) {
        text if text.is_empty() || text == one || text == other => Ok(()),
        _ => Err(configuration(format!("{name}: write {one} or {other}"))),
    }
}

/// Whether an order that is not paid for holds no stock yet.
fn waits_for_payment(settings: &BTreeMap<String, String>) -> bool {
    settings.get(UNPAID).is_some_and(|text| text == "wait")
}

fn check_secrets(secrets: &Secrets) -> Result<(), Error> {
    for setting in SETTINGS.iter().filter(|setting| setting.secret) {
        let given = secrets.get(setting.name).map(Secret::reveal);
        if setting.required && given.is_none_or(|text| text.trim().is_empty()) {
            return Err(configuration(format!("{}: fill it in. {}", setting.name, setting.help)));
        }
        if given.is_some_and(|text| text.chars().any(char::is_control) || text.trim() != text) {
            return Err(configuration(format!("{}: remove spaces and line breaks around it", setting.name)));
        }
    }
    // RFC 7617: the user part of Basic authentication cannot hold a colon.
    if secrets.get("api_key").is_some_and(|key| key.reveal().contains(':')) {
        return Err(configuration("api_key: it cannot contain a colon; key and secret are two fields"));
    }
    Ok(())
}

fn check_base_url(text: &str) -> Result<(), Error> {
    let address = url::Url::parse(text).map_err(|why| configuration(format!("base_url: {why}")))?;
    let local = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if address.scheme() != "https" && !(address.scheme() == "http" && local) {
        return Err(configuration("base_url: begin it with https://"));
    }
    let plain = address.username().is_empty() && address.password().is_none();
    if !plain || address.query().is_some() || address.fragment().is_some() {
        return Err(configuration("base_url: give only the address, without user, password, ? and #"));
    }
    Ok(())
}
