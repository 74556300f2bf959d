//! What the Lambda functions share: a hub over the services of the environment, and queue messages in and out.

mod messages;
mod warm;

pub use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
pub use messages::{Nameless, work};
pub use warm::{warm_admin, warm_sync, warm_webhook};

use crate::clients::{self, Clients};
use crate::ses;
use crate::{Deletion, DynamoStore, EnvSettings, SecretsVault, SqsQueue};
use async_trait::async_trait;
use channels::clock::SystemClock;
use channels::{Http, HttpError, Request, Response};
use engine::hub::Door;
use engine::work::Task;
use engine::{Config, Hub};
use std::sync::Arc;
use std::time::Duration;

/// Days in which the credentials of a removed account can be restored; the fewest that Secrets Manager offers.
const RESTORABLE_DAYS: u8 = 7;

/// How long the door may remember which accounts there are. A new one is found all the same: before it refuses anybody it
/// looks again.
const REMEMBERED_AT_THE_DOOR: Duration = Duration::from_secs(60);

/// One change makes a webhook in each store within about this time.
const ECHO_MEMORY: Duration = Duration::from_secs(2);

/// A hub over the services of the environment, which calls its stores through `http`. Nothing is sent yet.
pub async fn hub(settings: EnvSettings, http: Arc<dyn Http>) -> Hub {
    with(settings, http, Config { door: spared(), ..Config::default() }).await
}

/// A hub that takes webhooks and calls no store.
pub async fn door(settings: EnvSettings) -> Hub {
    let door = Door { echo_memory: ECHO_MEMORY, ..spared() };
    let config = Config { account_cache: REMEMBERED_AT_THE_DOOR, door, ..Config::default() };
    with(settings, Arc::new(NoStores), config).await
}

/// What every hub on AWS spares: those that call stores ask them for no webhook that the door would answer and forget.
fn spared() -> Door {
    Door { orders_wait: true, ..Door::default() }
}

async fn with(settings: EnvSettings, http: Arc<dyn Http>, config: Config) -> Hub {
    let Clients { dynamo, sqs, secrets } = clients::from_environment().await;
    let config = Config {
        public_url: settings.public_url,
        allow_insecure_endpoints: settings.allow_insecure_endpoints,
        ..config
    };
    let mailer = ses::from_environment(Arc::clone(&http)).await;
    let hub = Hub::new(
        Arc::new(DynamoStore::new(dynamo, settings.table)),
        Arc::new(SqsQueue::new(sqs, settings.queues)),
        Arc::new(SecretsVault::new(secrets, settings.secrets_prefix, Deletion::After(RESTORABLE_DAYS))),
        http,
        Arc::new(SystemClock),
        config,
    );
    if let Some(mailer) = mailer {
        hub.use_mailer(mailer);
    }
    hub
}

/// Does what a timer asks for; the sweep also tells how much waits.
///
/// # Errors
/// [`engine::Error`]; the timer tries again.
pub async fn tick(hub: &Hub, task: Task) -> Result<(), engine::Error> {
    hub.run_task(task).await?;
    if task == Task::Sweep {
        hub.tell_waiting().await?;
    }
    Ok(())
}

/// The network of a function that calls no store: it links no TLS client for stores and holds no way out.
#[derive(Debug, Clone, Copy)]
pub struct NoStores;

#[async_trait]
impl Http for NoStores {
    async fn send(&self, _request: Request, _timeout: Duration) -> Result<Response, HttpError> {
        Err(HttpError::NotSent("this function calls no store".into()))
    }
}
