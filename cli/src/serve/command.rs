//! `evenstock serve` and `evenstock fake`, from their arguments to Ctrl-C.

use super::{Patience, Serving, Settings, Timers, Workers};
use crate::args::{Fake, Serve};
use crate::demo::stores;
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use web::access::provider;
use web::client::NetHttp;

/// The line that `serve` prints last, when it takes requests.
pub const READY: &str = "Ctrl-C stops it.";

/// Serves until told to stop.
///
/// # Errors
/// When the address or the directory cannot be used.
pub async fn serve(options: &Serve) -> anyhow::Result<()> {
    let listen = options.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("{listen} cannot be listened on"))?;
    let asked = |name: &str| options.provider.setting(name);
    let provider = provider::Settings::read(&asked, options.allow_insecure_endpoints)
        .map_err(|said| anyhow::anyhow!("the sign-in provider: {said}"))?;
    let settings = Settings {
        provider,
        public_url: options.public_url.clone(),
        allow_insecure_endpoints: options.allow_insecure_endpoints,
        patience: if options.local_stores { Patience::here() } else { Patience::default() },
        timers: Timers { sweep: Duration::from_secs(options.sweep_seconds), ..Timers::default() },
        workers: Workers { batch: usize::try_from(options.batch)?, ..Workers::default() },
        ..Settings::new(options.data.clone())
    };
    let http = Arc::new(NetHttp::new(options.allow_insecure_endpoints));
    let serving = Serving::start(listener, &settings, http).await?;
    if let (Some(url), Some(from)) = (&options.smtp_url, &options.mail_from) {
        let mailer = local::SmtpMailer::new(url, from).map_err(anyhow::Error::msg)?;
        serving.hub.use_mailer(Arc::new(mailer));
    }
    greet(&serving);
    told_to_stop().await?;
    tracing::info!("stopping: finishing what is being done");
    serving.stop().await;
    Ok(())
}

/// Says where the hub is, and the token of a first start, once.
fn greet(serving: &Serving) {
    let url = serving.url();
    println!("Evenstock serves at {url}");
    if let Some(token) = &serving.token {
        println!("\nAdmin token, shown this once and stored only as a hash:\n\n    {}\n", token.reveal());
        println!("Use it:  export EVENSTOCK_URL={url} EVENSTOCK_TOKEN=…\n");
    }
    println!("{READY}");
    tracing::info!(url, "serving");
}

/// Hosts a fake until told to stop.
///
/// # Errors
/// When there is no such fake, or the address cannot be used.
pub async fn fake(options: &Fake, json: bool) -> anyhow::Result<()> {
    let http = Arc::new(NetHttp::new(true));
    let (host, accounts) = stores::host(&options.channel, options.listen, options.accounts, http).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&accounts)?);
    } else {
        println!(
            "The fake platform is at http://{}; what people do there goes through /_fake/, which lists it.",
            host.address()
        );
        println!("Its stores, as `evenstock accounts add --file` takes them, one a line:");
        for account in &accounts {
            println!("{}", serde_json::to_string(account)?);
        }
    }
    tokio::select! {
        () = host.ended() => Ok(()),
        told = told_to_stop() => told,
    }
}

/// Until Ctrl-C or SIGTERM.
async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        told = tokio::signal::ctrl_c() => Ok(told?),
        _ = terminate.recv() => Ok(()),
    }
}
