//! Hosts a fake platform on this machine: answers over HTTP, and delivers its webhooks.

use bytes::Bytes;
use channels::fake::{Fake, NoAnswer, Outgoing};
use channels::{Clock, Http, Request, clock::SystemClock};
use domain::Timestamp;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// Webhooks on their way at once.
const FLYING: usize = 64;
/// How long a receiver may take to answer a webhook.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of one request.
const BODY_MAX: usize = 32 * 1024 * 1024;
/// The clock is looked at again at least this often, should it have been set.
const LONGEST_NAP: Duration = Duration::from_secs(1);

/// A fake platform behind an address of this machine. Ends when it is dropped.
pub struct Host<F: Fake + ?Sized> {
    fake: Arc<Mutex<F>>,
    door: Arc<Door>,
    address: SocketAddr,
    tasks: JoinSet<()>,
}

/// How long some hosts were busy with answers, each moment counted once.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Busy>>);

#[derive(Debug, Default)]
struct Busy {
    answers: u32,
    since: Option<Instant>,
    total: Duration,
}

impl Meter {
    /// How long so far.
    #[must_use]
    pub fn total(&self) -> Duration {
        locked(&self.0).total
    }

    /// Does something that counts.
    fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        {
            let mut busy = locked(&self.0);
            busy.answers += 1;
            busy.since.get_or_insert(began);
        }
        let done = work();
        let mut busy = locked(&self.0);
        busy.answers -= 1;
        if busy.answers == 0 {
            let took = busy.since.take().map_or(Duration::ZERO, |since| since.elapsed());
            busy.total += took;
        }
        done
    }
}

/// What the tasks of a host share.
#[derive(Default)]
struct Door {
    meter: Meter,
    /// Rings when a webhook may be due.
    bell: Notify,
    /// Rings when connections must end.
    cut: Notify,
    down: AtomicBool,
    /// Whether calls are taken and never answered.
    silent: AtomicBool,
    /// Webhooks that were answered with success.
    taken: AtomicU64,
}

impl<F: Fake + 'static> Host<F> {
    /// Hosts `fake` behind a listener; its webhooks go out over `http`.
    ///
    /// # Errors
    /// The listener's, when it has no address.
    pub fn start(listener: TcpListener, fake: F, http: Arc<dyn Http>) -> io::Result<Self> {
        Self::start_metered(listener, fake, http, Meter::default())
    }

    /// The same, and its answers count on a meter.
    ///
    /// # Errors
    /// The listener's, when it has no address.
    pub fn start_metered(listener: TcpListener, fake: F, http: Arc<dyn Http>, meter: Meter) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let fake = Arc::new(Mutex::new(fake));
        let door = Arc::new(Door { meter, ..Door::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, Arc::clone(&fake) as Arc<Mutex<dyn Fake>>, Arc::clone(&door)));
        tasks.spawn(deliver(Arc::clone(&fake) as Arc<Mutex<dyn Fake>>, Arc::clone(&door), http));
        Ok(Self { fake, door, address, tasks })
    }

    /// Does something in the fake, now.
    pub fn act<T>(&self, act: impl FnOnce(&mut F, Timestamp) -> T) -> T {
        let done = act(&mut locked(&self.fake), SystemClock.now());
        self.door.bell.notify_one();
        done
    }
}

impl<F: Fake + ?Sized> Host<F> {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The platform goes down, or comes back: no connection is answered, no webhook leaves.
    pub fn set_down(&self, down: bool) {
        self.door.down.store(down, Ordering::SeqCst);
        self.door.cut.notify_waiters();
        self.door.bell.notify_one();
    }

    /// The platform takes calls from now on and answers none of them.
    pub fn set_silent(&self) {
        self.door.silent.store(true, Ordering::SeqCst);
    }

    /// How many of its webhooks were answered with success.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.door.taken.load(Ordering::Relaxed)
    }

    /// Until a task of the host ends, which none does by itself.
    pub async fn ended(mut self) {
        self.tasks.join_next().await;
    }
}

impl Door {
    fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }
}

fn locked<F: ?Sized>(fake: &Mutex<F>) -> MutexGuard<'_, F> {
    fake.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, fake: Arc<Mutex<dyn Fake>>, door: Arc<Door>) {
    // connections end with the host
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if !door.is_down() => {
                    connections.spawn(converse(stream, Arc::clone(&fake), Arc::clone(&door)));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, fake: Arc<Mutex<dyn Fake>>, door: Arc<Door>) {
    // small answers must not wait for more
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(|request| answer(request, &fake, &door));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // a connection that was dropped on purpose ends with an error, and nobody wants to know
        _ = connection => {}
        () = door.cut.notified() => {}
    }
}

/// The fake's answer; an error, which drops the connection, when it gives none.
async fn answer(
    request: hyper::Request<Incoming>,
    fake: &Mutex<dyn Fake>,
    door: &Door,
) -> Result<hyper::Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
    if door.is_down() {
        return Err(io::Error::other("the platform is down"));
    }
    if door.silent.load(Ordering::SeqCst) {
        // whoever called gives up first, and the connection ends with that
        std::future::pending::<()>().await;
    }
    let request = Request::from_parts(head, body);
    let response = door.meter.count(|| locked(fake).handle(&request, SystemClock.now()));
    door.bell.notify_one();
    if response.extensions().get::<NoAnswer>().is_some() {
        return Err(io::Error::other("the platform does not answer"));
    }
    Ok(response.map(Full::new))
}

async fn deliver(fake: Arc<Mutex<dyn Fake>>, door: Arc<Door>, http: Arc<dyn Http>) {
    let turns = Arc::new(Semaphore::new(FLYING));
    let mut flying = JoinSet::new();
    loop {
        let due = if door.is_down() { Vec::new() } else { locked(&fake).due(SystemClock.now()) };
        for outgoing in due {
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
            let (fake, door, http) = (Arc::clone(&fake), Arc::clone(&door), Arc::clone(&http));
            flying.spawn(async move {
                send(outgoing, &fake, &door, &*http).await;
                drop(turn);
            });
        }
        while flying.try_join_next().is_some() {}
        tokio::select! {
            () = door.bell.notified() => {}
            () = tokio::time::sleep(nap(&fake, &door)) => {}
        }
    }
}

fn nap(fake: &Mutex<dyn Fake>, door: &Door) -> Duration {
    let next = if door.is_down() { None } else { locked(fake).next_due() };
    let wait = next.map(|due| due.since_ms(SystemClock.now()));
    wait.map_or(LONGEST_NAP, |ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(LONGEST_NAP))
}

async fn send(outgoing: Outgoing, fake: &Mutex<dyn Fake>, door: &Door, http: &dyn Http) {
    let answer = http.send(outgoing.request, PATIENCE).await;
    let answer = answer.as_ref().ok().map(|response| (response.status().as_u16(), response.body().as_ref()));
    if answer.is_some_and(|(status, _)| (200..300).contains(&status)) {
        door.taken.fetch_add(1, Ordering::Relaxed);
    }
    locked(fake).delivered(outgoing.ticket, answer, SystemClock.now());
    // a failed one may be due again
    door.bell.notify_one();
}
