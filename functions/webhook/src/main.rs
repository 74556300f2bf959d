//! The webhook function: checks who sent a webhook, names what it touches, enqueues that, answers. It calls no store.

use aws::EnvSettings;
use aws::function::{door, warm_webhook};
use std::sync::Arc;
use web::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    aws::logging::init();
    let hub = door(EnvSettings::from_environment()?).await;
    warm_webhook(&hub).await;
    lambda_http::run(web::webhooks(Arc::new(App::new(Arc::new(hub))))).await
}
