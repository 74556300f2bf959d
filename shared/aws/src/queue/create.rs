//! The queues themselves, for tests and emulators. On AWS the template creates the same ones.

use super::{QueueUrls, failed, sdk};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use engine::ports::{MAX_RECEIVES, QueueError};
use std::time::Duration;

const ACTION: &str = "create";

/// Creates the four queues with names that begin with `prefix`. A received message is invisible for `visibility`.
///
/// # Errors
/// [`QueueError`].
pub async fn create_queues(client: &Client, prefix: &str, visibility: Duration) -> Result<QueueUrls, QueueError> {
    let seconds = visibility.as_secs().to_string();
    let visible = (Attribute::VisibilityTimeout, seconds);
    let fifo = (Attribute::FifoQueue, "true".to_owned());
    let changes_dead = create(client, &format!("{prefix}-changes-dead"), vec![]).await?;
    let lane_dead = create(client, &format!("{prefix}-lane-dead.fifo"), vec![fifo.clone()]).await?;
    let changes = vec![visible.clone(), redrive_to(client, &changes_dead).await?];
    let lane = vec![visible, fifo, redrive_to(client, &lane_dead).await?];
    Ok(QueueUrls {
        changes: create(client, &format!("{prefix}-changes"), changes).await?,
        lane: create(client, &format!("{prefix}-lane.fifo"), lane).await?,
        changes_dead,
        lane_dead,
    })
}

async fn create(client: &Client, name: &str, attributes: Vec<(Attribute, String)>) -> Result<String, QueueError> {
    let request = client.create_queue().queue_name(name).set_attributes(Some(attributes.into_iter().collect()));
    let answer = request.send().await.map_err(|error| sdk(ACTION, &error))?;
    answer.queue_url.ok_or_else(|| failed(ACTION, "no address was given"))
}

async fn redrive_to(client: &Client, dead: &str) -> Result<(Attribute, String), QueueError> {
    let request = client.get_queue_attributes().queue_url(dead).attribute_names(Attribute::QueueArn);
    let answer = request.send().await.map_err(|error| sdk(ACTION, &error))?;
    let arn = answer.attributes().and_then(|all| all.get(&Attribute::QueueArn));
    let arn = arn.ok_or_else(|| failed(ACTION, "the dead letter queue has no name"))?;
    let policy = serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES });
    Ok((Attribute::RedrivePolicy, policy.to_string()))
}
