//! What the first event would otherwise wait for. During its start a function has a whole processor whatever its memory is,
//! and afterwards only its share: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>. So the
//! connections that every event needs are made then, and what every event reads is read.
//!
//! Nothing here can fail a start: what does not come in time is had with the first event.

use engine::Hub;
use engine::ports::QueueName;
use engine::receive::SIGNING;
use futures::{FutureExt, join};
use std::future::Future;
use std::time::Duration;

/// A start takes no longer than this for it; AWS allows ten seconds for all of a start.
const PATIENCE: Duration = Duration::from_secs(2);
/// The vault's name of the tokens that people have.
const ADMIN: &str = "admin";

/// For the function that takes webhooks: accounts, signing secrets, and a connection to the queue.
pub async fn warm_webhook(hub: &Hub) {
    let all = async { join!(accounts(hub), secrets(hub, SIGNING), hub.queue.depth(QueueName::Changes).map(drop)) };
    within(all).await;
}

/// For the function that works: accounts.
pub async fn warm_sync(hub: &Hub) {
    within(accounts(hub)).await;
}

/// For the function that people talk to: accounts and who may come in.
pub async fn warm_admin(hub: &Hub) {
    within(async { join!(accounts(hub), secrets(hub, ADMIN)) }).await;
}

async fn accounts(hub: &Hub) {
    if let Err(error) = hub.accounts().await {
        tracing::debug!(%error, "accounts not read in advance");
    }
}

async fn secrets(hub: &Hub, name: &str) {
    if let Err(error) = hub.vault.get(name, false).await {
        tracing::debug!(%error, "secrets not read in advance");
    }
}

async fn within<T>(all: impl Future<Output = T>) {
    if tokio::time::timeout(PATIENCE, all).await.is_err() {
        tracing::debug!("not ready in time");
    }
}
