//! The network of a story: every request reaches the fake after a moment, unless the story says otherwise.

use super::market::Market;
use crate::sim::core::Core;
use async_trait::async_trait;
use channels::fake::{Fake, NoAnswer};
use channels::shopwired::FakeShopWired;
use channels::{Http, HttpError, Request, Response};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One way, milliseconds.
const WAY_MS: i64 = 20;

/// The network.
pub(super) struct Wires {
    core: Arc<Core>,
    fake: Arc<Mutex<FakeShopWired>>,
    market: Arc<Market>,
    plan: Mutex<Plan>,
}

/// What shall happen on it.
#[derive(Default)]
struct Plan {
    unreachable: BTreeSet<String>,
    /// The hub dies at its next write to this store: before, or after it took effect.
    dies: Option<(String, bool)>,
    dead: bool,
    /// What the supplier's address answers.
    list: Option<(u16, String)>,
}

pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a store's API is; the host names it.
pub(super) fn base_url(store: &str) -> String {
    format!("https://{store}.test/v1")
}

impl Wires {
    pub(super) fn new(core: Arc<Core>, fake: Arc<Mutex<FakeShopWired>>, market: Arc<Market>) -> Self {
        Self { core, fake, market, plan: Mutex::default() }
    }

    pub(super) fn cut(&self, store: &str) {
        lock(&self.plan).unreachable.insert(store.to_owned());
    }

    /// From now on the supplier's address answers so.
    pub(super) fn publish(&self, status: u16, body: String) {
        lock(&self.plan).list = Some((status, body));
    }

    fn list(&self) -> Response {
        let (status, body) = lock(&self.plan).list.clone().unwrap_or((404, String::new()));
        let mut response = Response::new(body.into());
        *response.status_mut() = ::http::StatusCode::from_u16(status).unwrap_or_default();
        response
    }

    pub(super) fn mend(&self, store: &str) {
        lock(&self.plan).unreachable.remove(store);
    }

    /// The hub shall die at its next write to a store.
    pub(super) fn die_at(&self, store: &str, after: bool) {
        lock(&self.plan).dies = Some((store.to_owned(), after));
    }

    /// Whether the hub has died since this was last asked.
    pub(super) fn take_dead(&self) -> bool {
        std::mem::take(&mut lock(&self.plan).dead)
    }

    /// Whether the hub dies at this write, and when.
    fn take_death(&self, store: &str, request: &Request) -> Option<bool> {
        let mut plan = lock(&self.plan);
        let (_, after) = plan.dies.as_ref().filter(|(at, _)| at == store && request.method() != ::http::Method::GET)?;
        let after = *after;
        plan.dies = None;
        Some(after)
    }

    async fn die(&self) {
        lock(&self.plan).dead = true;
        std::future::pending::<()>().await;
    }

    async fn travel(&self) {
        self.core.sleep_ms(WAY_MS).await;
    }

    async fn sleep(&self, duration: Duration) {
        self.core.sleep_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)).await;
    }
}

/// The network, as the hub sees it.
pub(super) struct Net(pub(super) Arc<Wires>);

#[async_trait]
impl Http for Net {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        let wires = &self.0;
        let store = request.uri().host().unwrap_or_default().trim_end_matches(".test").to_owned();
        wires.travel().await;
        if store == "supplier" {
            return Ok(wires.list());
        }
        if lock(&wires.plan).unreachable.contains(&store) {
            return Err(HttpError::NotSent("connection refused".into()));
        }
        let dies = wires.take_death(&store, &request);
        if dies == Some(false) {
            wires.die().await;
        }
        let elsewhere = wires.market.handle(&store, &request, wires.core.now());
        let response = elsewhere.unwrap_or_else(|| lock(&wires.fake).handle(&request, wires.core.now()));
        if dies == Some(true) {
            wires.die().await;
        }
        if response.extensions().get::<NoAnswer>().is_some() {
            wires.sleep(timeout).await;
            return Err(HttpError::NoAnswer("timed out".into()));
        }
        wires.travel().await;
        Ok(response)
    }
}
