//! Destinations and subscriptions, <https://developer-docs.amazon.com/sp-api/docs/notifications-api>.
//!
//! Orders can only go to a queue, quantities only to a bus; each is set up where the settings name one.

use super::super::place::{Place, given};
use super::client::{self, Call, encode};
use super::operation::{
    CREATE_DESTINATION, CREATE_SUBSCRIPTION, DELETE_SUBSCRIPTION, GET_DESTINATIONS, GET_SUBSCRIPTION,
};
use crate::hooks::Hooks;
use crate::{Error, ErrorKind, Session, Subscription, SubscriptionState, Watch};
use ::http::{Method, StatusCode};
use serde_json::{Value, json};

/// Sales and cancellations.
const ORDERS: &str = "ORDER_CHANGE";
/// Somebody, or something, changed a quantity.
const QUANTITIES: &str = "LISTINGS_ITEM_MFN_QUANTITY_CHANGE";
const VERSION: &str = "1.0";

/// A topic, and where its events shall go.
struct Wish {
    topic: &'static str,
    destination: Value,
    required: bool,
}

fn wishes(session: Session<'_>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    if let Some(arn) = given(session.settings, "queue_arn") {
        wishes.push(Wish { topic: ORDERS, destination: json!({"sqs": {"arn": arn}}), required: true });
    }
    let bus = (given(session.settings, "eventbridge_account"), given(session.settings, "eventbridge_region"));
    if let (Some(account), Some(region)) = bus {
        let destination = json!({"eventBridge": {"accountId": account, "region": region}});
        wishes.push(Wish { topic: QUANTITIES, destination, required: false });
    }
    wishes
}

/// Creates what is missing. Without a queue and a bus in the settings there is nothing to do.
pub(crate) async fn subscribe(session: Session<'_>, watch: &dyn Watch) -> Result<Vec<Subscription>, Error> {
    let place = Place::of(session.settings)?;
    let wishes = wishes(session);
    let mut hooks = Hooks::new(wishes.iter().map(|wish| (wish.topic, wish.required)), watch);
    for (at, wish) in wishes.iter().enumerate() {
        hooks.asks(at);
        match mend(session, &place, wish).await {
            // The step can be repeated as a whole; calling it refused would hide that it only has to wait.
            Err(error) if error.is_passing() || error.kind == ErrorKind::Unauthorized => return Err(error),
            became => hooks.ends(at, became),
        }
    }
    Ok(hooks.all(Vec::new()))
}

async fn mend(session: Session<'_>, place: &Place, wish: &Wish) -> Result<(SubscriptionState, String), Error> {
    let destination = destination(session, place, wish).await?;
    match subscription(session, place, wish.topic).await? {
        Some(ours) if text(&ours, "destinationId") == Some(destination.as_str()) => {
            return Ok((SubscriptionState::Active, String::new()));
        }
        // An app has one subscription for each seller and topic: the old one stands in the way.
        Some(other) => remove(session, place, wish.topic, &other).await?,
        None => {}
    }
    let mut body = json!({"payloadVersion": VERSION, "destinationId": destination});
    if wish.topic == ORDERS {
        body["processingDirective"] = json!({"eventFilter": {
            "eventFilterType": ORDERS,
            "orderChangeTypes": ["OrderStatusChange", "BuyerRequestedChange"],
        }});
    }
    let path = format!("/notifications/v1/subscriptions/{}", wish.topic);
    let call = Call { operation: &CREATE_SUBSCRIPTION, method: &Method::POST, path: &path, body: Some(&body) };
    let answer = client::exchange(session, place, call).await?;
    match answer.status() {
        status if status.is_success() => Ok((SubscriptionState::Created, String::new())),
        // somebody else was faster
        StatusCode::CONFLICT => Ok((SubscriptionState::Active, String::new())),
        _ => Err(client::redact(client::refusal(call, &answer), session)),
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// The id of the destination; created when there is none. A 409 means that it has appeared since it was looked for.
async fn destination(session: Session<'_>, place: &Place, wish: &Wish) -> Result<String, Error> {
    if let Some(id) = find(session, place, wish).await? {
        return Ok(id);
    }
    let kind = if wish.topic == ORDERS { "orders" } else { "quantities" };
    let body = json!({"name": format!("evenstock-{kind}"), "resourceSpecification": wish.destination});
    let path = "/notifications/v1/destinations";
    let call = Call { operation: &CREATE_DESTINATION, method: &Method::POST, path, body: Some(&body) };
    let answer = client::exchange(session, place, call).await?;
    let created = match answer.status() {
        status if status.is_success() => {
            let body: Value = client::parse(&CREATE_DESTINATION, answer.body())?;
            body.get("payload").and_then(|payload| text(payload, "destinationId")).map(str::to_owned)
        }
        StatusCode::CONFLICT => find(session, place, wish).await?,
        _ => return Err(client::redact(client::refusal(call, &answer), session)),
    };
    created.ok_or_else(|| Error::new(ErrorKind::Invalid, "createDestination: the destination exists and is not listed"))
}

async fn find(session: Session<'_>, place: &Place, wish: &Wish) -> Result<Option<String>, Error> {
    let listed: Value = client::get(session, place, &GET_DESTINATIONS, "/notifications/v1/destinations").await?;
    let rows = listed.get("payload").and_then(Value::as_array);
    let found =
        rows.into_iter().flatten().find(|row| row.get("resource").is_some_and(|at| is_at(at, &wish.destination)));
    Ok(found.and_then(|row| text(row, "destinationId")).map(str::to_owned))
}

/// Whether an existing destination is the wished one; an existing one has more fields.
fn is_at(existing: &Value, wished: &Value) -> bool {
    match (existing, wished) {
        (Value::Object(existing), Value::Object(wished)) => {
            wished.iter().all(|(name, value)| existing.get(name).is_some_and(|own| is_at(own, value)))
        }
        (existing, wished) => existing == wished,
    }
}

/// Our subscription to a topic, if there is one.
async fn subscription(session: Session<'_>, place: &Place, topic: &str) -> Result<Option<Value>, Error> {
    let path = format!("/notifications/v1/subscriptions/{topic}?payloadVersion={VERSION}");
    match client::get::<Value>(session, place, &GET_SUBSCRIPTION, &path).await {
        Ok(body) => Ok(body.get("payload").filter(|payload| payload.is_object()).cloned()),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn remove(session: Session<'_>, place: &Place, topic: &str, subscription: &Value) -> Result<(), Error> {
    let Some(id) = text(subscription, "subscriptionId") else { return Ok(()) };
    let path = format!("/notifications/v1/subscriptions/{topic}/{}", encode(id));
    let call = Call { operation: &DELETE_SUBSCRIPTION, method: &Method::DELETE, path: &path, body: None };
    match client::send(session, place, call).await {
        Err(error) if error.kind != ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Removes the subscriptions to our topics. Destinations stay: other sellers of the same app may use them.
pub(crate) async fn unsubscribe(session: Session<'_>) -> Result<(), Error> {
    let place = Place::of(session.settings)?;
    for wish in wishes(session) {
        if let Some(ours) = subscription(session, &place, wish.topic).await? {
            remove(session, &place, wish.topic, &ours).await?;
        }
    }
    Ok(())
}
