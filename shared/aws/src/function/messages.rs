//! A batch of queue messages, worked through; what must come again is named one by one, so that the rest does not.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use engine::Hub;
use engine::ports::{Inbound, QueueName};
use futures::future::join_all;
use std::collections::BTreeMap;

/// A message without an id: it could not be named as failed, so the whole batch must come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of the batch has no id")]
pub struct Nameless;

/// Works through a batch.
///
/// # Errors
/// [`Nameless`].
pub async fn work(hub: &Hub, event: SqsEvent) -> Result<SqsBatchResponse, Nameless> {
    let (mut changes, mut events) = (Vec::new(), Vec::new());
    let mut lanes = BTreeMap::<String, Vec<Inbound>>::new();
    for record in event.records {
        match source_of(&record) {
            Source::Lane => {
                let message = inbound(record)?;
                lanes.entry(message.group.clone()).or_default().push(message);
            }
            Source::Events => events.push(inbound(record)?),
            Source::Changes => changes.push(inbound(record)?),
        }
    }
    let mut failed = work_changes(hub, &changes).await;
    failed.extend(join_all(events.iter().map(|event| take_event(hub, event))).await.into_iter().flatten());
    failed.extend(join_all(lanes.values().map(|lane| work_lane(hub, lane))).await.into_iter().flatten());
    let mut response = SqsBatchResponse::default();
    response.set_failures(failed);
    Ok(response)
}

/// Which queue a message came from.
enum Source {
    Changes,
    Lane,
    /// Of platforms, which write to it themselves.
    Events,
}

/// By the queue's name: those of FIFO queues end in `.fifo`
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>), and the queue
/// of events is named so that it ends in `-events`.
fn source_of(record: &SqsMessage) -> Source {
    let arn = record.event_source_arn.as_deref().unwrap_or_default();
    if arn.ends_with(".fifo") {
        Source::Lane
    } else if arn.ends_with("-events") {
        Source::Events
    } else {
        Source::Changes
    }
}

/// The id of the message if it must come again: nobody can read it, which is for a person to see, or its hints are not durable.
async fn take_event(hub: &Hub, message: &Inbound) -> Option<String> {
    let taken = hub.receive_event(message.body.as_bytes()).await;
    taken.err().map(|error| again(message.id.clone(), &error.to_string()))
}

fn inbound(record: SqsMessage) -> Result<Inbound, Nameless> {
    let attribute = |name: &str| record.attributes.get(name).cloned();
    let receives = attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    Ok(Inbound {
        group: attribute("MessageGroupId").unwrap_or_default(),
        receives: receives.unwrap_or(1),
        id: record.message_id.filter(|id| !id.is_empty()).ok_or(Nameless)?,
        receipt: record.receipt_handle.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
    })
}

async fn work_changes(hub: &Hub, messages: &[Inbound]) -> Vec<String> {
    if messages.is_empty() {
        return Vec::new();
    }
    let failed = hub.work(QueueName::Changes, messages).await;
    failed.into_iter().map(|(id, why)| again(id, &why)).collect()
}

/// The messages of one group, in order, until one fails or time is up: it and the rest must come again, or their order
/// would be lost. <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
async fn work_lane(hub: &Hub, messages: &[Inbound]) -> Vec<String> {
    let began = hub.clock.now();
    let limit_ms = i64::try_from(hub.config.deadline.as_millis()).unwrap_or(i64::MAX);
    for (place, message) in messages.iter().enumerate() {
        let why = if hub.clock.now().since_ms(began) >= limit_ms {
            Some("the batch took too long".to_owned())
        } else {
            hub.work(QueueName::Lane, std::slice::from_ref(message)).await.into_values().next()
        };
        if let Some(why) = why {
            return messages[place..].iter().map(|message| again(message.id.clone(), &why)).collect();
        }
    }
    Vec::new()
}

fn again(id: String, why: &str) -> String {
    tracing::info!(message = id, why, "message must come again");
    id
}
