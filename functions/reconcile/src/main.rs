//! The reconcile function: what the timers do.

use aws::EnvSettings;
use aws::function::{hub, tick};
use engine::work::Task;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use std::sync::Arc;
use web::client::NetHttp;

/// What a timer sends.
#[derive(Deserialize)]
struct Tick {
    task: Task,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logging::init();
    let settings = EnvSettings::from_environment()?;
    let http = NetHttp::new(settings.allow_insecure_endpoints);
    let hub = &hub(settings, Arc::new(http)).await;
    let answer = |event: LambdaEvent<Tick>| async move { tick(hub, event.payload.task).await.map_err(Error::from) };
    run(service_fn(answer)).await
}
