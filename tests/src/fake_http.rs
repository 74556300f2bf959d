//! The Http port over a fake platform in this process, with a clock that moves only when told.

use async_trait::async_trait;
use channels::fake::{Fake, NoAnswer};
use channels::{Clock, Http, HttpError, Request, Response};
use domain::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A clock that stands still. Sleeping moves it.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    random: AtomicU64,
}

impl ManualClock {
    /// A clock at `now`, milliseconds since 1970.
    #[must_use]
    pub const fn at(now: i64) -> Self {
        Self { now: AtomicI64::new(now), random: AtomicU64::new(0x9E37_79B9_7F4A_7C15) }
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }

    fn random(&self) -> u64 {
        let step = |mut seed: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            Some(seed ^ (seed << 17))
        };
        self.random.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step).unwrap_or_default()
    }
}

/// One request as it went out, without its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The body.
    pub body: String,
}

/// Requests go straight into a fake; a [`NoAnswer`] becomes [`HttpError::NoAnswer`] and lets the timeout pass.
pub struct FakeHttp<F: Fake + ?Sized> {
    fake: Arc<Mutex<F>>,
    clock: Arc<ManualClock>,
    sent: Mutex<Vec<Sent>>,
    refuse: Mutex<Option<HttpError>>,
    pages: Mutex<BTreeMap<String, Page>>,
}

/// What an address outside of the platform answers.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// A header that must come with the request, or it is refused.
    pub wants: Option<(&'static str, &'static str)>,
}

impl<F: Fake + ?Sized> FakeHttp<F> {
    /// A network whose only host is `fake`.
    pub const fn new(fake: Arc<Mutex<F>>, clock: Arc<ManualClock>) -> Self {
        Self { fake, clock, sent: Mutex::new(Vec::new()), refuse: Mutex::new(None), pages: Mutex::new(BTreeMap::new()) }
    }

    /// The fake, for a person's doings.
    pub fn fake(&self) -> MutexGuard<'_, F> {
        self.fake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been sent since the last time this was asked.
    pub fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on nothing leaves this machine, for this reason; or everything does again.
    pub fn refuse(&self, reason: Option<HttpError>) {
        *self.refuse.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// From now on an address answers so.
    pub fn publish(&self, url: &str, page: Page) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), page);
    }

    fn page(&self, request: &Request) -> Option<Response> {
        let page =
            self.pages.lock().unwrap_or_else(PoisonError::into_inner).get(&request.uri().to_string()).cloned()?;
        let fits = page.wants.is_none_or(|(name, value)| request.headers().get(name).is_some_and(|sent| sent == value));
        let mut response = Response::new(page.body.into());
        *response.status_mut() = http::StatusCode::from_u16(if fits { page.status } else { 401 }).ok()?;
        Some(response)
    }

    /// Delivers the webhooks that are due and reports the answers; how many there were. `None` is no answer in time.
    pub fn deliver(&self, mut receive: impl FnMut(&Request) -> Option<(u16, Vec<u8>)>) -> usize {
        let now = self.clock.now();
        let due = self.fake().due(now);
        for outgoing in &due {
            let answer = receive(&outgoing.request);
            let answer = answer.as_ref().map(|(status, body)| (*status, body.as_slice()));
            self.fake().delivered(outgoing.ticket, answer, now);
        }
        due.len()
    }
}

#[async_trait]
impl<F: Fake + ?Sized + 'static> Http for FakeHttp<F> {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        if let Some(reason) = self.refuse.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(reason);
        }
        if let Some(response) = self.page(&request) {
            return Ok(response);
        }
        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let sent = Sent { method: request.method().to_string(), target, body };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        let response = self.fake().handle(&request, self.clock.now());
        if response.extensions().get::<NoAnswer>().is_some() {
            self.clock.advance(timeout);
            return Err(HttpError::NoAnswer("timed out".into()));
        }
        Ok(response)
    }
}
