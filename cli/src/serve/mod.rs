//! The hub in one process: webhooks, admin API, workers and timers over one directory.

pub mod command;
mod timers;
mod workers;

pub use timers::Timers;

use anyhow::Context;
use channels::{Clock, Http, Secret, clock::SystemClock};
use engine::{Config, Hub, Store};
use local::{EmbeddedDynamo, FileVault, LocalQueue};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use web::access::provider::{self, Provider};
use web::client::NetHttp;
use web::console::Playground;

/// How long runs may take to finish after they were told to stop: the engine's own limit of one run.
const FINISH: Duration = Duration::from_secs(20);

/// How a hub shall run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory that holds everything.
    pub data: PathBuf,
    /// Where stores reach our webhooks; the listener's own address if absent.
    pub public_url: Option<String>,
    /// Whether stores may be reached without TLS or on this machine.
    pub allow_insecure_endpoints: bool,
    /// How long calls and runs may take.
    pub patience: Patience,
    /// Who vouches for people, beside their passwords and tokens.
    pub provider: Option<provider::Settings>,
    /// Who works on the queues.
    pub workers: Workers,
    /// When the timers ring.
    pub timers: Timers,
}

/// How long calls and runs may take. A claim lasts longer than a run and its last calls together (rule R3).
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The longest that one call to a store may take.
    pub call: Duration,
    /// How long one run may work before it leaves the rest for later.
    pub run: Duration,
    /// How long a claim protects a push of which nobody knows what became of it.
    pub claim: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let Config { call_timeout, deadline, lease, .. } = Config::default();
        Self { call: call_timeout, run: deadline, claim: lease }
    }
}

impl Patience {
    /// For stores on this machine, which answer at once or never: an unknown outcome is found out within seconds.
    #[must_use]
    pub const fn here() -> Self {
        Self { call: Duration::from_secs(2), run: Duration::from_secs(4), claim: Duration::from_secs(10) }
    }
}

/// Who works on the queues.
#[derive(Debug, Clone, Copy)]
pub struct Workers {
    /// Tasks that work on hints.
    pub changes: usize,
    /// Hints taken at once; those of one SKU are one piece of work.
    pub batch: usize,
    /// Tasks that work on lanes: as many accounts at once.
    pub lanes: usize,
}

impl Default for Workers {
    fn default() -> Self {
        Self { changes: 4, batch: 100, lanes: 3 }
    }
}

/// A running hub.
pub struct Serving {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The admin token, if this was its first start.
    pub token: Option<Secret>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// What happens to tell tasks to stop.
#[derive(Clone)]
struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Until the hub shall stop.
    async fn told(&mut self) {
        // a sender that is gone means the same
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Settings {
    /// The usual settings over a directory.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            public_url: None,
            allow_insecure_endpoints: false,
            patience: Patience::default(),
            provider: None,
            workers: Workers::default(),
            timers: Timers::default(),
        }
    }

    /// The engine's settings for a hub that listens at `address`.
    #[must_use]
    pub fn config(&self, address: SocketAddr) -> Config {
        let own = || format!("http://{address}");
        let url = self.public_url.clone().unwrap_or_else(own);
        Config {
            public_url: Some(url.trim_end_matches('/').to_owned()),
            allow_insecure_endpoints: self.allow_insecure_endpoints,
            call_timeout: self.patience.call,
            deadline: self.patience.run,
            lease: self.patience.claim,
            ..Config::default()
        }
    }
}

/// The hub's ports over a directory, and its database.
pub struct Ports {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The database, for its housekeeping.
    pub database: EmbeddedDynamo,
}

impl Ports {
    /// Opens what is in `data`, creating what is missing; stores are reached over `http`.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process uses it.
    pub async fn open(data: &Path, http: Arc<dyn Http>, config: Config) -> anyhow::Result<Self> {
        Self::open_with(data, http, config, |store| store).await
    }

    /// The same, over what `wrap` makes of the store.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process uses it.
    pub async fn open_with(
        data: &Path,
        http: Arc<dyn Http>,
        config: Config,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let queue = LocalQueue::open(data, Arc::clone(&clock)).with_context(|| in_use(data))?;
        let vault = FileVault::open(data)?;
        let database = EmbeddedDynamo::open(data).await?;
        let store = wrap(Arc::new(database.store()));
        let hub = Hub::new(store, Arc::new(queue), Arc::new(vault), http, clock, config);
        Ok(Self { hub: Arc::new(hub), database })
    }
}

fn in_use(data: &Path) -> String {
    format!("{} cannot be opened; does another serve run on it?", data.display())
}

impl Serving {
    /// Starts a hub behind a listener.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process uses it.
    pub async fn start(listener: TcpListener, settings: &Settings, http: Arc<dyn Http>) -> anyhow::Result<Self> {
        let config = settings.config(listener.local_addr()?);
        let ports = Ports::open(&settings.data, http, config).await?;
        Self::over(listener, settings, ports).await
    }

    /// The same, over ports that are open already.
    ///
    /// # Errors
    /// When the vault cannot be used.
    pub async fn over(listener: TcpListener, settings: &Settings, ports: Ports) -> anyhow::Result<Self> {
        Self::beside(listener, settings, ports, None).await
    }

    /// The same, with fake stores that the console's demo page plays in.
    ///
    /// # Errors
    /// When the vault cannot be used.
    pub async fn beside(
        listener: TcpListener,
        settings: &Settings,
        ports: Ports,
        playground: Option<Arc<dyn Playground>>,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let hub = Arc::clone(&ports.hub);
        let token = web::tokens::bootstrap(&*hub.vault, &*hub.clock).await?;
        let app = web::App::new(Arc::clone(&hub)).with_provider(
            settings
                .provider
                .clone()
                .map(|provider| Provider::new(provider, Arc::new(NetHttp::new(settings.allow_insecure_endpoints)))),
        );
        let app = Arc::new(match playground {
            Some(playground) => app.with_playground(playground),
            None => app,
        });
        let (stop, told) = watch::channel(false);
        let stopped = Stop(told);
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, web::router(app), stopped.clone()));
        workers::start(&mut tasks, &hub, settings.workers, &stopped);
        timers::start(&mut tasks, &hub, ports.database, settings.timers, &stopped);
        Ok(Self { hub, address, token, stop, tasks })
    }

    /// The hub's own address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes nothing new, finishes what is being done, and ends. What is not finished in time comes again at the next start.
    pub async fn stop(mut self) {
        // without receivers there is nobody to tell
        let _ = self.stop.send(true);
        let finished = tokio::time::timeout(FINISH, async { while self.tasks.join_next().await.is_some() {} }).await;
        if finished.is_err() {
            tracing::warn!("some work was not finished in time; it goes on at the next start");
        }
        if let Err(error) = self.hub.flush_health(true).await {
            tracing::warn!(%error, "health not stored");
        }
    }
}

async fn listen(listener: TcpListener, router: axum::Router, mut stop: Stop) {
    // prepared once: a bare router prepares its routes anew for each connection
    let service = router.into_make_service();
    let served = axum::serve(listener, service).with_graceful_shutdown(async move { stop.told().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "the server ended");
    }
}
