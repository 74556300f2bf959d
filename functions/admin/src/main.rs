//! The admin function: the JSON API that people and the command line use.

use aws::EnvSettings;
use aws::function::{hub, warm_admin};
use std::sync::Arc;
use web::App;
use web::client::NetHttp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    aws::logging::init();
    let settings = EnvSettings::from_environment()?;
    let http = NetHttp::new(settings.allow_insecure_endpoints);
    let hub = hub(settings, Arc::new(http)).await;
    warm_admin(&hub).await;
    lambda_http::run(web::router(Arc::new(App::of_a_function(Arc::new(hub))))).await
}
