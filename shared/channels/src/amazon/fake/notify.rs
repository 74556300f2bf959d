//! Destinations of the application, and subscriptions of its sellers.

use super::FakeAmazon;
use super::rest::{Answer, Call, invalid, refuse};
use super::state::Subscription;
use serde_json::{Value, json};

/// Topics that only a queue may have, and topics that only a bus may have.
const BY_QUEUE: &[&str] = &["ORDER_CHANGE", "FEED_PROCESSING_FINISHED", "REPORT_PROCESSING_FINISHED"];
const BY_BUS: &[&str] = &["LISTINGS_ITEM_MFN_QUANTITY_CHANGE", "LISTINGS_ITEM_STATUS_CHANGE"];

/// Where events may go.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) client_id: String,
    pub(super) name: String,
    pub(super) resource: Value,
}

impl Destination {
    pub(super) fn is_queue(&self) -> bool {
        self.resource.get("sqs").is_some()
    }
}

fn show_destination(id: &str, destination: &Destination) -> Value {
    let mut resource = destination.resource.clone();
    if let Some(bus) = resource.get_mut("eventBridge") {
        let account = bus.get("accountId").and_then(Value::as_str).unwrap_or_default();
        bus["name"] = json!(format!("aws.partner/sellingpartnerapi.amazon.com/{account}/{}", destination.client_id));
    }
    json!({"name": destination.name, "destinationId": id, "resource": resource})
}

fn show_subscription(subscription: &Subscription) -> Value {
    let mut shown = json!({
        "subscriptionId": subscription.id,
        "payloadVersion": "1.0",
        "destinationId": subscription.destination,
    });
    if let Some(directive) = &subscription.directive {
        shown["processingDirective"] = directive.clone();
    }
    shown
}

fn not_found() -> super::rest::Refusal {
    refuse(404, "NotFound", "The requested resource does not exist.")
}

/// Answers the operations of the Notifications API.
pub(super) fn route(fake: &mut FakeAmazon, seller: &str, call: &Call) -> Answer {
    let client = fake.sellers.get(seller).map(|owner| owner.client_id.clone()).unwrap_or_default();
    match call.operation.name {
        "getDestinations" => {
            let ours = fake.destinations.iter().filter(|(_, one)| one.client_id == client);
            Ok((200, json!({"payload": ours.map(|(id, one)| show_destination(id, one)).collect::<Vec<_>>()})))
        }
        "getDestination" => {
            let found = fake.destinations.get(call.part(0)).ok_or_else(not_found)?;
            Ok((200, json!({"payload": show_destination(call.part(0), found)})))
        }
        "createDestination" => create_destination(fake, client, call),
        "deleteDestination" => {
            fake.destinations.remove(call.part(0)).ok_or_else(not_found)?;
            Ok((200, json!({})))
        }
        "createSubscription" => create_subscription(fake, seller, call),
        "getSubscription" => {
            let found = fake.sellers.get(seller).and_then(|owner| owner.subscriptions.get(call.part(0)));
            Ok((200, json!({"payload": show_subscription(found.ok_or_else(not_found)?)})))
        }
        "deleteSubscriptionById" | "getSubscriptionById" => by_id(fake, &client, call),
        _ => Err(not_found()),
    }
}

fn create_destination(fake: &mut FakeAmazon, client_id: String, call: &Call) -> Answer {
    let name = call.body.get("name").and_then(Value::as_str).ok_or_else(invalid)?.to_owned();
    let resource = call.body.get("resourceSpecification").cloned().ok_or_else(invalid)?;
    let queue = resource.pointer("/sqs/arn").and_then(Value::as_str);
    let bus = resource.pointer("/eventBridge/accountId").and_then(Value::as_str);
    if queue.is_some() == bus.is_some() || queue.is_some_and(|arn| arn.ends_with(".fifo")) {
        return Err(invalid());
    }
    // one bus for each AWS account, one destination for each queue
    let same = |one: &Destination| {
        one.client_id == client_id
            && (one.resource.pointer("/sqs/arn").and_then(Value::as_str) == queue)
            && (one.resource.pointer("/eventBridge/accountId").and_then(Value::as_str) == bus)
    };
    if fake.destinations.values().any(same) {
        return Err(refuse(409, "Conflict", "The destination already exists."));
    }
    fake.request += 1;
    let id = format!("d-{}", fake.request);
    let destination = Destination { client_id, name, resource };
    let shown = show_destination(&id, &destination);
    fake.destinations.insert(id, destination);
    Ok((200, json!({"payload": shown})))
}

fn create_subscription(fake: &mut FakeAmazon, seller: &str, call: &Call) -> Answer {
    let topic = call.part(0);
    let id = call.body.get("destinationId").and_then(Value::as_str).ok_or_else(invalid)?;
    let destination = fake.destinations.get(id).ok_or_else(invalid)?;
    let fits = if destination.is_queue() { BY_QUEUE } else { BY_BUS };
    if !fits.contains(&topic) || call.body.get("payloadVersion").is_none() {
        return Err(invalid());
    }
    let owner = fake.sellers.get_mut(seller).ok_or_else(invalid)?;
    if owner.subscriptions.contains_key(topic) {
        return Err(refuse(409, "Conflict", "The subscription already exists."));
    }
    let directive = call.body.get("processingDirective").cloned();
    let subscription = Subscription { id: format!("s-{}", owner.id()), destination: id.to_owned(), directive };
    let shown = show_subscription(&subscription);
    owner.subscriptions.insert(topic.to_owned(), subscription);
    Ok((200, json!({"payload": shown})))
}

/// By id the application asks, so the id alone says whose it is.
fn by_id(fake: &mut FakeAmazon, client: &str, call: &Call) -> Answer {
    let (topic, id) = (call.part(0), call.part(1));
    let ours = fake.sellers.values_mut().filter(|owner| owner.client_id == client);
    for owner in ours {
        let found = owner.subscriptions.get(topic).filter(|one| one.id == id).map(show_subscription);
        if let Some(shown) = found {
            if call.operation.name == "deleteSubscriptionById" {
                owner.subscriptions.remove(topic);
                return Ok((200, json!({})));
            }
            return Ok((200, json!({"payload": shown})));
        }
    }
    Err(not_found())
}
