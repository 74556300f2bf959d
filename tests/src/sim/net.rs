//! The network between our machines and the stores. A request that is on its way does not die with its caller, may arrive
//! late or never, and its answer may be lost.

use super::core::Core;
use super::grown;
use super::market::Market;
use super::oracle::Oracle;
use super::plain::PlainStore;
use async_trait::async_trait;
use bytes::Bytes;
use channels::fake::{Fake, NoAnswer};
use channels::shopwired::FakeShopWired;
use channels::{Http, HttpError, Request, Response};
use domain::{ListingId, WriteKind};
use futures::future::{Either, select};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often a request fails, of ten thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct NetRates {
    /// No connection.
    pub not_sent: u64,
    /// 429, with or without a word on when to come back.
    pub throttled: u64,
    /// 500 or 503 without effect.
    pub failed: u64,
    /// 500 after the request took effect.
    pub failed_after: u64,
    /// It never arrives.
    pub lost_request: u64,
    /// It takes effect, and the answer never arrives.
    pub lost_answer: u64,
    /// It takes effect after the caller has given up.
    pub late: u64,
    /// The greatest one-way delay, milliseconds.
    pub latency_ms: u64,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Good,
    /// Nothing left this machine.
    NotSent,
    /// This status, without effect.
    Status(u16),
    /// 500, after it took effect.
    StatusAfter,
    /// It never arrives.
    LostRequest,
    /// Its answer never arrives.
    LostAnswer,
    /// It arrives after the caller has given up.
    Late,
}

/// A store that cannot be used for a while.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    /// Until then, milliseconds since 1970.
    pub until: i64,
    /// How it shows.
    pub fate: Fate,
}

struct Wires {
    core: Arc<Core>,
    fake: Arc<Mutex<FakeShopWired>>,
    plain: Plains,
    market: Arc<Market>,
    oracle: Arc<Oracle>,
    /// Stores by their `Authorization` header.
    keys: BTreeMap<String, usize>,
    rates: NetRates,
    outages: Mutex<BTreeMap<usize, Outage>>,
    /// The supplier's list.
    list: Mutex<String>,
    flying: Mutex<usize>,
}

/// The made-up stores, by number.
pub type Plains = Arc<Mutex<BTreeMap<usize, PlainStore>>>;

/// The network.
#[derive(Clone)]
pub struct Net(Arc<Wires>);

/// Where an answer is put.
#[derive(Default)]
struct Slot(Mutex<(Option<Response>, Option<Waker>)>);

impl Slot {
    fn fill(&self, response: Response) {
        let mut slot = lock(&self.0);
        slot.0 = Some(response);
        if let Some(waker) = slot.1.take() {
            waker.wake();
        }
    }
}

struct Answer(Arc<Slot>);

impl Future for Answer {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let mut slot = lock(&self.0.0);
        match slot.0.take() {
            Some(response) => Poll::Ready(response),
            None => {
                slot.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A late request arrives at most so long after it was sent, milliseconds: connections do not live longer.
const LATE_MS: u64 = 14_000;

impl Net {
    /// A network to the stores of `fake`; `keys` tells them apart by their `Authorization` header.
    #[must_use]
    pub fn new(
        core: Arc<Core>,
        (fake, plain, market): (Arc<Mutex<FakeShopWired>>, Plains, Arc<Market>),
        oracle: Arc<Oracle>,
        keys: BTreeMap<String, usize>,
        rates: NetRates,
    ) -> Self {
        let (outages, list, flying) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self(Arc::new(Wires { core, fake, plain, market, oracle, keys, rates, outages, list, flying }))
    }

    /// Makes a store fail for a while.
    pub fn fail(&self, store: usize, outage: Outage) {
        lock(&self.0.outages).insert(store, outage);
    }

    /// From now on the supplier's list says this.
    pub fn list(&self, text: String) {
        *lock(&self.0.list) = text;
    }

    /// Ends all outages that are not for ever.
    pub fn heal(&self) {
        lock(&self.0.outages).retain(|_, outage| outage.until == i64::MAX);
    }

    /// How many requests are on their way.
    #[must_use]
    pub fn flying(&self) -> usize {
        *lock(&self.0.flying)
    }
}

impl Wires {
    fn fate(&self, store: Option<usize>) -> Fate {
        let (core, rates) = (&self.core, &self.rates);
        let outage = store.and_then(|store| lock(&self.outages).get(&store).copied());
        if let Some(outage) = outage.filter(|outage| outage.until > core.now_ms()) {
            return outage.fate;
        }
        let fates = [
            (rates.not_sent, Fate::NotSent),
            (rates.throttled, Fate::Status(429)),
            (rates.failed, if core.below(2) == 0 { Fate::Status(500) } else { Fate::Status(503) }),
            (rates.failed_after, Fate::StatusAfter),
            (rates.lost_request, Fate::LostRequest),
            (rates.lost_answer, Fate::LostAnswer),
            (rates.late, Fate::Late),
        ];
        fates.into_iter().find(|(rate, _)| core.chance(*rate)).map_or(Fate::Good, |(_, fate)| fate)
    }

    fn store_of(&self, request: &Request) -> Option<usize> {
        // the files of bulk operations have a host of their own
        let file = request.uri().path().strip_prefix("/_bulk/shop-").and_then(|rest| rest.split('.').next());
        if let Some(store) = file {
            return store.parse().ok();
        }
        let named = request.uri().host().and_then(|host| host.strip_prefix("store-")?.strip_suffix(".test"));
        if let Some(store) = named {
            return store.parse().ok();
        }
        let header = request.headers().get(::http::header::AUTHORIZATION)?.to_str().ok()?;
        self.keys.get(header).copied()
    }

    /// The request takes effect.
    fn arrive(&self, store: Option<usize>, request: &Request) -> Response {
        if let Some(store) = store {
            self.oracle.arrives(store, request);
        }
        self.core.stir();
        let elsewhere = store.and_then(|store| {
            let plain = self.arrive_plain(store, request);
            plain.or_else(|| self.market.handle(store, request, &self.oracle, self.core.now()))
        });
        let response = match elsewhere {
            Some(response) => response,
            None if *request.uri() == grown::LIST => Response::new(Bytes::from(lock(&self.list).clone())),
            None => lock(&self.fake).handle(request, self.core.now()),
        };
        self.core.tell(|| {
            let body = String::from_utf8_lossy(request.body()).into_owned();
            let answer = String::from_utf8_lossy(response.body()).chars().take(300).collect::<String>();
            let place = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
            format!("store {store:?}: {} {place} {body} -> {} {answer}", request.method(), response.status().as_u16())
        });
        response
    }

    /// The request takes effect at a made-up store, if it is one.
    fn arrive_plain(&self, store: usize, request: &Request) -> Option<Response> {
        let mut plains = lock(&self.plain);
        let plain = plains.get_mut(&store)?;
        let (exact, (response, effects)) = (plain.write != WriteKind::Set, plain.handle(request));
        drop(plains);
        for effect in effects {
            let Some(account) = self.oracle.accounts.get(store) else { continue };
            let listing = ListingId::at(account.clone(), effect.place);
            self.oracle.write_arrives(&listing, &effect.sku, effect.to, exact.then_some(effect.key.as_str()));
            self.oracle.write_changed(&listing, &effect.sku, effect.after - effect.before);
        }
        Some(response)
    }

    async fn fly(self: Arc<Self>, store: Option<usize>, request: Request, fate: Fate, slot: Arc<Slot>) {
        let wait = if fate == Fate::Late { 8_001 + self.core.below(LATE_MS - 8_001) } else { self.delay() };
        self.core.sleep_ms(wait).await;
        let answer = match fate {
            Fate::Good | Fate::LostAnswer | Fate::Late => Some(self.arrive(store, &request)),
            Fate::StatusAfter => {
                self.arrive(store, &request);
                Some(status(500, None))
            }
            Fate::Status(429) => Some(status(429, (self.core.below(2) == 0).then_some(7))),
            Fate::Status(code) => Some(status(code, None)),
            Fate::NotSent | Fate::LostRequest => None,
        };
        let answered = answer.filter(|answer| answer.extensions().get::<NoAnswer>().is_none());
        if let (Some(answer), false) = (answered, fate == Fate::LostAnswer) {
            self.core.sleep_ms(self.delay()).await;
            slot.fill(answer);
        }
        *lock(&self.flying) -= 1;
    }

    fn delay(&self) -> i64 {
        self.core.latency(self.rates.latency_ms)
    }
}

fn status(code: u16, retry_after: Option<u64>) -> Response {
    let mut response = Response::new(Bytes::from_static(b"{\"code\":0,\"message\":\"made to fail\"}"));
    *response.status_mut() = ::http::StatusCode::from_u16(code).unwrap_or_default();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(::http::header::RETRY_AFTER, ::http::HeaderValue::from(seconds));
    }
    response
}

#[async_trait]
impl Http for Net {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        let wires = &self.0;
        let store = wires.store_of(&request);
        let fate = wires.fate(store);
        if fate != Fate::Good {
            wires
                .core
                .tell(|| format!("store {store:?}: {} {} meets {fate:?}", request.method(), request.uri().path()));
        }
        if fate == Fate::NotSent {
            wires.core.sleep_ms(wires.delay()).await;
            return Err(HttpError::NotSent("connection refused".into()));
        }
        let slot = Arc::new(Slot::default());
        *lock(&wires.flying) += 1;
        wires.core.spawn(Arc::clone(wires).fly(store, request, fate, Arc::clone(&slot)));
        let timeout = wires.core.sleep_ms(i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX));
        match select(Answer(slot), pin!(timeout)).await {
            Either::Left((response, _)) => Ok(response),
            Either::Right(((), _)) => Err(HttpError::NoAnswer("timed out".into())),
        }
    }
}
