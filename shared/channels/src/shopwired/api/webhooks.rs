//! Our webhooks in the store, <https://help.shopwired.io/api/webhooks>: one topic and one address each, at most 10 per topic.

use super::wire::WebhookRow;
use super::{PAGE, client};
use crate::hooks::Hooks;
use crate::{Error, ErrorKind, OrderHooks, Session, Subscription, SubscriptionState, Watch};
use ::http::Method;
use serde_json::json;

/// What we listen to.
const TOPICS: &[&str] = &[REQUIRED, "product.updated", "product.deleted", "product.created"];
/// What we listen to besides where orders count. `order.created` does not exist; `order.finalized` does.
const OF_ORDERS: &[&str] = &["order.finalized", "order.status_changed"];
/// The one that syncing within seconds depends on.
const REQUIRED: &str = "product.stock_changed";
/// Pages of webhooks: 10 per topic and some twenty topics are two pages.
const PAGES: usize = 10;

/// Creates what is missing, enables what was disabled, asks for verification of what is unverified, removes what is not needed.
pub(crate) async fn subscribe(
    session: Session<'_>,
    url: &str,
    orders: OrderHooks,
    watch: &dyn Watch,
) -> Result<Vec<Subscription>, Error> {
    let existing = list(session).await?;
    let of_orders = if orders == OrderHooks::Wanted { OF_ORDERS } else { &[] };
    let topics: Vec<&str> = TOPICS.iter().chain(of_orders).copied().collect();
    let mut hooks = Hooks::new(topics.iter().map(|topic| (*topic, *topic == REQUIRED)), watch);
    for (place, topic) in topics.iter().enumerate() {
        hooks.asks(place);
        let ours = existing.iter().filter(|row| row.url == url && row.topic == *topic);
        let best = ours.max_by_key(|row| (row.enabled, row.verified));
        match mend(session, topic, url, best).await {
            // The step can be repeated as a whole; calling it refused would hide that it only has to wait.
            Err(error) if *topic == REQUIRED && error.is_passing() => return Err(error),
            became => hooks.ends(place, became),
        }
    }
    let needless = |row: &&WebhookRow| row.url == url && OF_ORDERS.contains(&row.topic.as_str());
    for row in existing.iter().filter(needless).filter(|_| orders == OrderHooks::Unwanted) {
        // one that stays is answered as before; the next check tries again
        if let Err(error) = remove(session, row).await {
            tracing::warn!(account = %session.account, topic = row.topic, %error, "a webhook that is not needed is not removed");
        }
    }
    Ok(hooks.all(Subscription::of_other_hubs(existing.iter().map(|row| row.url.as_str()), url)))
}

async fn list(session: Session<'_>) -> Result<Vec<WebhookRow>, Error> {
    let mut rows: Vec<WebhookRow> = Vec::new();
    for page in 0..PAGES {
        let path = format!("/webhooks?count={PAGE}&offset={}", page * PAGE);
        let some: Vec<WebhookRow> = client::get(session, &path).await?;
        let last = some.len() < PAGE;
        rows.extend(some);
        if last {
            return Ok(rows);
        }
    }
    Err(Error::new(ErrorKind::Malformed, "GET /webhooks: the list does not end"))
}

async fn mend(
    session: Session<'_>,
    topic: &str,
    url: &str,
    row: Option<&WebhookRow>,
) -> Result<(SubscriptionState, String), Error> {
    let Some(row) = row else {
        let body = json!({"topic": topic, "url": url, "enabled": true});
        client::send(session, Method::POST, "/webhooks", Some(&body)).await?;
        return Ok((SubscriptionState::Created, "the store verifies it at once".into()));
    };
    let path = format!("/webhooks/{}", row.id);
    // After 24 failed deliveries the store disables a webhook by itself.
    let disabled = row.enabled == Some(false);
    if disabled {
        client::send(session, Method::PUT, &path, Some(&json!({"enabled": true}))).await?;
    }
    if row.verified == Some(false) {
        client::send(session, Method::POST, &format!("{path}/verify"), None).await?;
        return Ok((SubscriptionState::Unverified, "asked the store to verify it again".into()));
    }
    let state = if disabled { SubscriptionState::Reenabled } else { SubscriptionState::Active };
    Ok((state, String::new()))
}

/// Deletes every webhook of ours at `url`, whatever its topic.
pub(crate) async fn unsubscribe(session: Session<'_>, url: &str) -> Result<(), Error> {
    for row in list(session).await?.iter().filter(|row| row.url == url) {
        remove(session, row).await?;
    }
    Ok(())
}

/// One that is gone is as good as removed.
async fn remove(session: Session<'_>, row: &WebhookRow) -> Result<(), Error> {
    match client::send(session, Method::DELETE, &format!("/webhooks/{}", row.id), None).await {
        Err(error) if error.kind != ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
