//! Conformance of the Amazon connector: the real one, against the fake platform, with every unknown in both positions.
//! Where `AMAZON_MODELS` names a directory with Amazon's public models, every exchange of the run is checked against them.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod events;
mod feeds;
mod levels;
mod limits;
mod models;
mod orders;
mod platform;
mod points;
mod refusals;
mod reports;
mod settings;
mod subscriptions;
mod tokens;
mod writes;

use async_trait::async_trait;
use channels::amazon::fake::{ListingSpec, SellerSpec, Switches};
use channels::amazon::{Amazon, FakeAmazon};
use channels::{
    Allowed, Channel, Clock, Http, HttpError, Request, Response, Secret, Secrets, Session, Tokens, Toll, Write,
};
use domain::{AccountId, LocationId, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tests::conformance::{kinds, sku};
use tests::fake_http::{FakeHttp, ManualClock, Sent};

const SELLER: &str = "ATESTSELLER01";
const UK: &str = "A1F83G8C2ARO7P";
const GERMANY: &str = "A1PA6795UKMFR9";
/// Mon, 2 Feb 2026 10:00:00 +0000.
const START: i64 = 1_770_026_400_000;
const CLIENT: &str = "amzn1.application-oa2-client.test";
const SECRET: &str = "amzn1.oa2-cs.v1.test-77d0";
const REFRESH: &str = "Atzr|test-refresh-1f6c";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:evenstock-events";

/// The network: the fake, watched. With `polite` it waits for the limits that requests name, as the engine does.
struct Net {
    inner: FakeHttp<FakeAmazon>,
    clock: Arc<ManualClock>,
    tolls: Mutex<Vec<Toll>>,
    told: Mutex<Vec<Allowed>>,
    polite: Mutex<Option<BTreeMap<&'static str, (f64, Timestamp)>>>,
    /// Whether the next document gets lost.
    loses_document: AtomicBool,
}

impl Net {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds between two calls are few")]
    async fn wait_for(&self, toll: Toll) {
        loop {
            let now = self.clock.now();
            {
                let mut polite = self.polite.lock().unwrap();
                let Some(buckets) = polite.as_mut() else { return };
                let (left, at) = buckets.entry(toll.bucket).or_insert((toll.burst, now));
                *left = toll.burst.min(*left + toll.per_second * now.since_ms(*at) as f64 / 1000.0);
                *at = now;
                if *left >= toll.cost {
                    *left -= toll.cost;
                    return;
                }
            }
            self.clock.sleep(Duration::from_millis(100)).await;
        }
    }
}

#[async_trait]
impl Http for Net {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        let toll = *request.extensions().get::<Toll>().unwrap();
        self.tolls.lock().unwrap().push(toll);
        self.wait_for(toll).await;
        if request.uri().path().starts_with("/_s3/") && self.loses_document.swap(false, Ordering::SeqCst) {
            return Err(HttpError::NoAnswer("the document got lost".into()));
        }
        let asked = request.clone();
        let response = self.inner.send(request, timeout).await?;
        models::check(&asked, &response);
        Ok(response)
    }

    fn allowed(&self, allowed: Allowed) {
        self.told.lock().unwrap().push(allowed);
    }
}

/// A seller, a network, a clock and an account of it.
struct World {
    net: Net,
    clock: Arc<ManualClock>,
    account: AccountId,
    settings: BTreeMap<String, String>,
    secrets: Secrets,
    tokens: Tokens,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let mut fake = FakeAmazon::new();
        fake.add_seller(&spec());
        let inner = FakeHttp::new(Arc::new(Mutex::new(fake)), Arc::clone(&clock));
        let net = Net {
            inner,
            clock: Arc::clone(&clock),
            tolls: Mutex::default(),
            told: Mutex::default(),
            polite: Mutex::default(),
            loses_document: AtomicBool::new(false),
        };
        let account = AccountId::new("amazon-eu").unwrap();
        Self { net, clock, account, settings: settings(), secrets: secrets(), tokens: Tokens::default() }
    }

    fn switch(&self, set: impl FnOnce(&mut Switches)) {
        set(self.fake().switches(SELLER).unwrap());
    }

    fn with(self, set: impl FnOnce(&mut Switches)) -> Self {
        set(self.fake().switches(SELLER).unwrap());
        self
    }

    fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    fn stocked(self, stock: &[(&str, i64)]) -> Self {
        for (sku, level) in stock {
            self.list(&ListingSpec::own(sku, *level));
        }
        self
    }

    fn list(&self, spec: &ListingSpec) {
        self.fake().list(SELLER, spec, self.now()).unwrap();
    }

    fn fake(&self) -> MutexGuard<'_, FakeAmazon> {
        self.net.inner.fake()
    }

    fn session(&self) -> Session<'_> {
        Session {
            account: &self.account,
            settings: &self.settings,
            secrets: &self.secrets,
            tokens: &self.tokens,
            http: &self.net,
            clock: &*self.clock,
            timeout: Duration::from_secs(8),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn take_sent(&self) -> Vec<Sent> {
        self.net.inner.take_sent()
    }

    fn calls(&self, operation: &str) -> u64 {
        self.fake().calls(SELLER).get(operation).copied().unwrap_or_default()
    }

    fn sell(&self, sku: &str, quantity: i64) -> String {
        self.fake().sell(SELLER, &[(sku, quantity)], self.now()).unwrap()
    }

    /// The level that is live now.
    fn level(&self, sku: &str) -> i64 {
        use channels::fake::Fake;
        let now = self.now();
        let mut fake = self.fake();
        fake.due(now);
        fake.level(SELLER, sku).unwrap()
    }

    async fn write(&self, writes: &[(&str, i64)]) -> Vec<String> {
        let writes: Vec<Write> = writes.iter().map(|(name, to)| write(name, *to)).collect();
        kinds(&Amazon.write(self.session(), &writes).await)
    }

    async fn levels(&self, skus: &[&str]) -> Vec<Option<i64>> {
        let asked: Vec<_> = skus.iter().map(|name| (sku(name), LocationId::single(), (*name).to_owned())).collect();
        Amazon.levels(self.session(), &asked).await.unwrap()
    }
}

fn spec() -> SellerSpec {
    SellerSpec {
        id: SELLER.into(),
        name: "Tees & Co".into(),
        client_id: CLIENT.into(),
        client_secret: SECRET.into(),
        refresh_token: REFRESH.into(),
        marketplaces: vec![UK.into(), GERMANY.into()],
    }
}

fn settings() -> BTreeMap<String, String> {
    let fields = [("seller_id", SELLER), ("marketplaces", UK)];
    fields.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn secrets() -> Secrets {
    let fields = [("client_id", CLIENT), ("client_secret", SECRET), ("refresh_token", REFRESH)];
    fields.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text))).collect()
}

fn write(name: &str, to: i64) -> Write {
    Write { sku: sku(name), location: LocationId::single(), external: name.into(), from: 0, to, key: "unused".into() }
}
