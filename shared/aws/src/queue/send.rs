//! Sending, in batches.

use super::{BATCH, Physical, failed, sdk};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use engine::ports::{Outbound, QueueError};
use uuid::Uuid;

/// A batch holds no more text than this; the service takes 1 MiB, older ones (and emulators) 256 KiB.
const BATCH_BYTES: usize = 256 * 1024;
/// Calls for what the service refused for a passing reason.
const ROUNDS: usize = 3;
const ACTION: &str = "send";

pub(super) async fn all(client: &Client, to: Physical<'_>, messages: &[Outbound]) -> Result<(), QueueError> {
    for batch in batches(messages) {
        send_batch(client, to, batch).await?;
    }
    Ok(())
}

/// Runs of at most ten messages and [`BATCH_BYTES`]; a message larger than that goes alone and is refused by SQS.
fn batches(messages: &[Outbound]) -> Vec<&[Outbound]> {
    let mut batches = Vec::new();
    let mut rest = messages;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |message: &&Outbound| {
            bytes += message.body.len();
            bytes <= BATCH_BYTES
        };
        let count = rest.iter().take(BATCH).take_while(fits).count().max(1);
        let (batch, others) = rest.split_at(count);
        batches.push(batch);
        rest = others;
    }
    batches
}

async fn send_batch(client: &Client, to: Physical<'_>, batch: &[Outbound]) -> Result<(), QueueError> {
    let entries = batch.iter().enumerate().map(|(number, message)| entry(to, number, message));
    let mut waiting = entries.collect::<Result<Vec<_>, _>>()?;
    let mut last = String::new();
    for _ in 0..ROUNDS {
        let request = client.send_message_batch().queue_url(to.url).set_entries(Some(waiting.clone()));
        let answer = request.send().await.map_err(|error| sdk(ACTION, &error))?;
        if let Some(refused) = answer.failed().iter().find(|entry| entry.sender_fault()) {
            return Err(failed(ACTION, format!("{}: {}", refused.code(), refused.message().unwrap_or_default())));
        }
        let again: Vec<&str> = answer.failed().iter().map(|entry| entry.id()).collect();
        waiting.retain(|entry| again.contains(&entry.id()));
        if waiting.is_empty() {
            return Ok(());
        }
        last = answer.failed().first().map(|entry| entry.code().to_owned()).unwrap_or_default();
    }
    Err(failed(ACTION, format!("{} messages were refused several times: {last}", waiting.len())))
}

fn entry(to: Physical<'_>, number: usize, message: &Outbound) -> Result<SendMessageBatchRequestEntry, QueueError> {
    let entry = SendMessageBatchRequestEntry::builder().id(number.to_string());
    let entry = entry.message_body(&message.body).message_group_id(&message.group);
    let entry = if to.fifo {
        entry.message_deduplication_id(deduplication(message))
    } else {
        // rounded up: never earlier than asked for
        let seconds = message.delay.as_millis().div_ceil(1000);
        entry.delay_seconds(i32::try_from(seconds).unwrap_or(i32::MAX))
    };
    entry.build().map_err(|error| failed(ACTION, error.to_string()))
}

/// SQS takes 128 printable ASCII characters, and ours may hold any SKU: so a name derived from it. A message without
/// one must never be dropped: so a random one.
fn deduplication(message: &Outbound) -> String {
    match &message.deduplication {
        Some(id) => Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()).to_string(),
        None => Uuid::from_u128(fastrand::u128(..)).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn message(bytes: usize) -> Outbound {
        Outbound { group: "a".to_owned(), body: "x".repeat(bytes), deduplication: None, delay: Duration::ZERO }
    }

    #[test]
    fn batches_hold_ten_messages_and_a_quarter_of_a_megabyte() {
        let small: Vec<Outbound> = (0..21).map(|_| message(1)).collect();
        assert_eq!(batches(&small).iter().map(|batch| batch.len()).collect::<Vec<_>>(), [10, 10, 1]);
        let large: Vec<Outbound> = (0..3).map(|_| message(BATCH_BYTES)).collect();
        assert_eq!(batches(&large).iter().map(|batch| batch.len()).collect::<Vec<_>>(), [1, 1, 1]);
    }

    #[test]
    fn a_deduplication_id_of_any_text_becomes_one_that_sqs_takes_and_stays_the_same() {
        let twice =
            [(); 2].map(|()| deduplication(&Outbound { deduplication: Some("ä sku".to_owned()), ..message(1) }));
        assert_eq!(twice[0], twice[1]);
        assert_eq!(twice[0].len(), 36);
        assert_ne!(deduplication(&message(1)), deduplication(&message(1)));
    }
}
