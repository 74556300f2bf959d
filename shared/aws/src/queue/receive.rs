//! Receiving, and what can be done with what was received.

use super::{BATCH, Physical, failed, sdk};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName as Attribute, QueueAttributeName,
};
use engine::ports::{Depth, Inbound, QueueError};
use std::time::{Duration, Instant};

/// The service keeps a message from everybody for at most 12 hours.
const LONGEST_DELAY: Duration = Duration::from_secs(12 * 60 * 60);
/// The longest wait of one call: well below the client's own timeout for a try.
const WAIT_AT_ONCE: Duration = Duration::from_secs(2);

pub(super) async fn up_to(
    client: &Client,
    queues: &[Physical<'_>],
    most: usize,
    wait: Duration,
) -> Result<Vec<Inbound>, QueueError> {
    let until = Instant::now() + wait;
    let mut messages = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now()).min(WAIT_AT_ONCE);
        for queue in queues {
            // with several queues to look at, only whole rounds may wait
            let wait = if queues.len() == 1 && messages.is_empty() { left } else { Duration::ZERO };
            drain(client, *queue, most, wait, &mut messages).await?;
        }
        if !messages.is_empty() || messages.len() >= most || Instant::now() >= until {
            return Ok(messages);
        }
        if queues.len() > 1 {
            tokio::time::sleep(left.min(Duration::from_millis(200))).await;
        }
    }
}

async fn drain(
    client: &Client,
    queue: Physical<'_>,
    most: usize,
    wait: Duration,
    messages: &mut Vec<Inbound>,
) -> Result<(), QueueError> {
    let mut wait = wait;
    while messages.len() < most {
        let batch = receive(client, queue, (most - messages.len()).min(BATCH), wait).await?;
        if batch.is_empty() {
            break;
        }
        messages.extend(batch.into_iter().map(|message| inbound(queue, message)));
        wait = Duration::ZERO;
    }
    Ok(())
}

async fn receive(
    client: &Client,
    queue: Physical<'_>,
    most: usize,
    wait: Duration,
) -> Result<Vec<Message>, QueueError> {
    let request = client.receive_message().queue_url(queue.url);
    let request = request.max_number_of_messages(i32::try_from(most).unwrap_or(1)).wait_time_seconds(seconds(wait));
    let request = request.message_system_attribute_names(Attribute::ApproximateReceiveCount);
    let request = request.message_system_attribute_names(Attribute::MessageGroupId);
    let answer = request.send().await.map_err(|error| sdk("receive", &error))?;
    Ok(answer.messages.unwrap_or_default())
}

fn inbound(queue: Physical<'_>, message: Message) -> Inbound {
    let attribute = |name| message.attributes().and_then(|all| all.get(&name)).cloned();
    Inbound {
        receives: attribute(Attribute::ApproximateReceiveCount).and_then(|count| count.parse().ok()).unwrap_or(1),
        group: attribute(Attribute::MessageGroupId).unwrap_or_default(),
        id: message.message_id.unwrap_or_default(),
        receipt: format!("{}{}", queue.tag, message.receipt_handle.unwrap_or_default()),
        body: message.body.unwrap_or_default(),
    }
}

pub(super) async fn delete(client: &Client, queue: Physical<'_>, receipts: &[String]) -> Result<(), QueueError> {
    let ours: Vec<&str> = receipts.iter().filter_map(|receipt| receipt.strip_prefix(queue.tag)).collect();
    for batch in ours.chunks(BATCH) {
        let entries = batch.iter().enumerate().map(|(number, receipt)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string()).receipt_handle(*receipt);
            entry.build().map_err(|error| failed("delete", error.to_string()))
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let request = client.delete_message_batch().queue_url(queue.url).set_entries(Some(entries));
        let answer = request.send().await.map_err(|error| sdk("delete", &error))?;
        if let Some(entry) = answer.failed().iter().find(|entry| !is_spent(entry.code())) {
            return Err(failed("delete", format!("{}: {}", entry.code(), entry.message().unwrap_or_default())));
        }
    }
    Ok(())
}

pub(super) async fn retry(
    client: &Client,
    queue: Physical<'_>,
    receipt: &str,
    delay: Duration,
) -> Result<(), QueueError> {
    let Some(receipt) = receipt.strip_prefix(queue.tag) else { return Ok(()) };
    let request = client.change_message_visibility().queue_url(queue.url).receipt_handle(receipt);
    match request.visibility_timeout(seconds(delay.min(LONGEST_DELAY))).send().await {
        // it is visible already, or gone: what was asked for
        Err(error) if error.as_service_error().and_then(|e| e.code()).is_some_and(is_spent) => Ok(()),
        answer => answer.map(drop).map_err(|error| sdk("make a message visible again", &error)),
    }
}

/// Whether the code says that this receipt no longer stands for a message that we hold: deleted before, or received by
/// somebody else since. Codes come with and without the name of the service before them.
fn is_spent(code: &str) -> bool {
    let code = code.rsplit('.').next().unwrap_or(code);
    ["ReceiptHandleIsInvalid", "InvalidReceiptHandle", "MessageNotInflight", "InvalidParameterValue"].contains(&code)
}

pub(super) async fn depth(client: &Client, queue: Physical<'_>) -> Result<Depth, QueueError> {
    use QueueAttributeName::{
        ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesDelayed as Delayed,
        ApproximateNumberOfMessagesNotVisible as InFlight,
    };
    let request = client.get_queue_attributes().queue_url(queue.url);
    let request = request.set_attribute_names(Some(vec![Visible, Delayed, InFlight]));
    let answer = request.send().await.map_err(|error| sdk("count its messages", &error))?;
    let count = |name| answer.attributes().and_then(|all| all.get(&name)?.parse::<u64>().ok()).unwrap_or(0);
    Ok(Depth { waiting: count(Visible) + count(Delayed), in_flight: count(InFlight) })
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}
