//! Dead messages back to where they came from: receive, send, delete. SQS has a task for this, but it moves all of a
//! queue, cannot be told how many, and emulators lack it. A crash in between leaves a message in both: at least once.

use super::{BATCH, Physical, receive, send};
use aws_sdk_sqs::Client;
use engine::ports::{Inbound, Outbound, QueueError};
use std::time::Duration;

pub(super) async fn some(
    client: &Client,
    dead: Physical<'_>,
    origin: Physical<'_>,
    most: usize,
) -> Result<Vec<String>, QueueError> {
    let mut moved = Vec::new();
    while moved.len() < most {
        let batch = receive::up_to(client, &[dead], (most - moved.len()).min(BATCH), Duration::ZERO).await?;
        if batch.is_empty() {
            break;
        }
        let receipts: Vec<String> = batch.iter().map(|message| message.receipt.clone()).collect();
        let names: Vec<String> = batch.iter().map(|message| message.id.clone()).collect();
        let messages: Vec<Outbound> = batch.into_iter().map(again).collect();
        send::all(client, origin, &messages).await?;
        receive::delete(client, dead, &receipts).await?;
        moved.extend(names);
    }
    Ok(moved)
}

/// Without its deduplication id, or the queue would drop it as a message that it has seen.
fn again(message: Inbound) -> Outbound {
    Outbound { group: message.group, body: message.body, deduplication: None, delay: Duration::ZERO }
}
