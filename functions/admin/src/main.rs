//! The admin function: the JSON API that people and the command line use.

use aws::EnvSettings;
use aws::function::{hub, warm_admin};
use std::sync::Arc;
use web::App;
use web::access::provider::{self, Provider};
use web::client::NetHttp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    aws::logging::init();
    let settings = EnvSettings::from_environment()?;
    let http = Arc::new(NetHttp::new(settings.allow_insecure_endpoints));
    let asked = |name: &str| std::env::var(format!("OIDC_{name}")).ok();
    let provider = provider::Settings::read(&asked, settings.allow_insecure_endpoints)?;
    let provider = provider.map(|provider| Provider::new(provider, Arc::<NetHttp>::clone(&http)));
    let hub = hub(settings, http).await;
    warm_admin(&hub).await;
    let app = App::of_a_function(Arc::new(hub)).with_provider(provider);
    lambda_http::run(web::router(Arc::new(app))).await
}
