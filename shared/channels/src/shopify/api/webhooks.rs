//! Our webhooks in the store, <https://shopify.dev/docs/apps/build/webhooks/subscribe>. After eight failed deliveries the store
//! deletes one, so that making sure of them also means making them again.

use super::PAGES_MAX;
use super::client::{self, Call};
use super::document::{WEBHOOK_CREATE, WEBHOOK_DELETE, WEBHOOKS};
use super::wire::Nodes;
use crate::hooks::Hooks;
use crate::{Error, ErrorKind, Session, Subscription, SubscriptionState, Watch};
use serde::Deserialize;
use serde_json::json;

/// What we listen to. Orders are not among it: their data is guarded, and levels tell all that is needed.
const TOPICS: &[(&str, &str)] = &[
    ("INVENTORY_LEVELS_UPDATE", "inventory_levels/update"),
    ("INVENTORY_LEVELS_CONNECT", "inventory_levels/connect"),
    ("INVENTORY_LEVELS_DISCONNECT", "inventory_levels/disconnect"),
    ("INVENTORY_ITEMS_UPDATE", "inventory_items/update"),
    ("INVENTORY_ITEMS_DELETE", "inventory_items/delete"),
    ("PRODUCTS_DELETE", "products/delete"),
    ("LOCATIONS_CREATE", "locations/create"),
    ("LOCATIONS_UPDATE", "locations/update"),
    ("LOCATIONS_ACTIVATE", "locations/activate"),
    ("LOCATIONS_DEACTIVATE", "locations/deactivate"),
    ("LOCATIONS_DELETE", "locations/delete"),
    ("APP_UNINSTALLED", "app/uninstalled"),
    ("BULK_OPERATIONS_FINISH", "bulk_operations/finish"),
];
/// The one that syncing within seconds depends on.
const REQUIRED: &str = "inventory_levels/update";

#[derive(Deserialize)]
struct Row {
    id: String,
    topic: String,
    uri: String,
    format: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    user_errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
}

/// Creates what is missing.
pub(crate) async fn subscribe(session: Session<'_>, url: &str, watch: &dyn Watch) -> Result<Vec<Subscription>, Error> {
    let existing = list(session).await?;
    let mut hooks = Hooks::new(TOPICS.iter().map(|(_, name)| (*name, *name == REQUIRED)), watch);
    for (place, (topic, name)) in TOPICS.iter().enumerate() {
        hooks.asks(place);
        let there = existing.iter().any(|row| row.uri == url && row.topic == *topic && row.format == "JSON");
        let became = match there {
            true => Ok((SubscriptionState::Active, String::new())),
            false => create(session, topic, url).await.map(|note| (SubscriptionState::Created, note)),
        };
        match became {
            // The step can be repeated as a whole; calling it refused would hide that it only has to wait.
            Err(error) if *name == REQUIRED && error.is_passing() => return Err(error),
            became => hooks.ends(place, became),
        }
    }
    Ok(hooks.all(Subscription::of_other_hubs(existing.iter().map(|row| row.uri.as_str()), url)))
}

/// Only those made over this API by this app are listed, which are the ones that we made.
async fn list(session: Session<'_>) -> Result<Vec<Row>, Error> {
    let (mut rows, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let call = Call::read(WEBHOOKS, 11.0);
        let page: Nodes<Row> = client::ask(session, call, "webhookSubscriptions", &json!({"after": after})).await?;
        rows.extend(page.nodes);
        after = page.page.next();
        if after.is_none() {
            return Ok(rows);
        }
    }
    Err(Error::new(ErrorKind::Malformed, "webhooks: the list does not end"))
}

/// A lost answer does no harm: topic and address are unique, and a second one is refused as taken.
async fn create(session: Session<'_>, topic: &str, url: &str) -> Result<String, Error> {
    let call = Call::change(WEBHOOK_CREATE, 10.0);
    let variables = json!({"topic": topic, "uri": url});
    let done: Done = client::ask(session, call, "webhookSubscriptionCreate", &variables).await?;
    match done.user_errors.first() {
        None => Ok(String::new()),
        Some(problem) if problem.message.contains("has already been taken") => Ok("it was there already".into()),
        Some(problem) => Err(refused(problem)),
    }
}

fn refused(problem: &Problem) -> Error {
    Error::new(ErrorKind::Invalid, format!("webhook: {}", problem.message.chars().take(200).collect::<String>()))
}

/// Deletes every webhook of ours at `url`, whatever its topic.
pub(crate) async fn unsubscribe(session: Session<'_>, url: &str) -> Result<(), Error> {
    for row in list(session).await?.iter().filter(|row| row.uri == url) {
        let call = Call::change(WEBHOOK_DELETE, 10.0);
        let done: Done = client::ask(session, call, "webhookSubscriptionDelete", &json!({"id": row.id})).await?;
        // one that is gone is as good as deleted
        let problem = done.user_errors.first().filter(|problem| !problem.message.contains("does not exist"));
        if let Some(problem) = problem {
            return Err(refused(problem));
        }
    }
    Ok(())
}
