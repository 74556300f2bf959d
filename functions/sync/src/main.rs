//! The sync function: messages of the queues in, stores brought up to date, the ids of what must come again out.

use aws::EnvSettings;
use aws::function::{SqsEvent, hub, warm_sync, work};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use std::sync::Arc;
use web::client::NetHttp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logging::init();
    let settings = EnvSettings::from_environment()?;
    let http = NetHttp::new(settings.allow_insecure_endpoints);
    let hub = &hub(settings, Arc::new(http)).await;
    warm_sync(hub).await;
    let answer = |event: LambdaEvent<SqsEvent>| async move { work(hub, event.payload).await.map_err(Error::from) };
    run(service_fn(answer)).await
}
