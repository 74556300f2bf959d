//! The budget of calls that each account's store allows, and the pause after a store has failed.

use crate::hub::Connected;
use crate::ports::{Clock, Http};
use async_trait::async_trait;
use channels::{Allowed, HttpError, Request, Response, Toll};
use domain::{AccountId, Timestamp, retry};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Accounts' budgets in this process. Other processes learn of a pause through the stored health.
#[derive(Default)]
pub struct Budgets(Mutex<BTreeMap<AccountId, Budget>>);

#[derive(Debug, Clone, Default)]
struct Budget {
    buckets: BTreeMap<&'static str, Bucket>,
    closed_until: Timestamp,
    failures: u32,
    narrow_until: Timestamp,
}

/// One limit of a store: a bucket that fills with time and pays for calls. Whoever waits for a call has taken it already, so that
/// calls go in the order in which they were asked for, and nobody who comes later is served before.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Below zero: so much is promised to those who wait.
    left: f64,
    /// What is promised and not spent yet.
    promised: f64,
    per_second: f64,
    burst: f64,
    at: Timestamp,
    /// Whether size and rate are what the store said, which then counts more than what its documents say.
    told: bool,
}

impl Bucket {
    const fn full(toll: Toll, now: Timestamp) -> Self {
        Self { left: toll.burst, promised: 0.0, per_second: toll.per_second, burst: toll.burst, at: now, told: false }
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds between two calls are few")]
    fn refill(&mut self, now: Timestamp) {
        let gained = self.per_second * now.since_ms(self.at).max(0) as f64 / 1000.0;
        self.left = self.burst.min(self.left + gained);
        self.at = self.at.max(now);
    }

    /// Pays at once, or promises a call that may be made after a while; or says how long that would be, if it is longer than
    /// `patience`. A cost beyond the whole bucket waits for a full one.
    fn pay(&mut self, cost: f64, patience: Duration, now: Timestamp) -> Result<Duration, Duration> {
        self.refill(now);
        let missing = cost.min(self.burst) - self.left;
        let wait = match missing > 0.0 {
            true => {
                let seconds = missing / self.per_second.max(SLOWEST);
                Duration::from_secs_f64(seconds.min(LONGEST)) + Duration::from_millis(1)
            }
            false => Duration::ZERO,
        };
        if wait > patience {
            return Err(wait);
        }
        self.left -= cost;
        if !wait.is_zero() {
            self.promised += cost;
        }
        Ok(wait)
    }
}

/// No bucket is believed to fill more slowly, in a second: one call in about three hours.
const SLOWEST: f64 = 0.0001;
/// The longest wait that is told, in seconds.
const LONGEST: f64 = 86_400.0;
/// The bucket of an account whose store has a single limit.
const CALLS: &str = "calls";

/// What a request takes from an account's budget when it does not say.
fn one_call(connected: &Connected) -> Toll {
    let info = connected.channel.info();
    let (per_second, burst) = match connected.account.rate {
        Some(rate) => (f64::from(rate.per_minute) / 60.0, f64::from(rate.burst)),
        None => (info.rate_per_second, f64::from(info.burst)),
    };
    Toll { bucket: CALLS, per_second, burst: burst.max(1.0), cost: 1.0 }
}

impl Budgets {
    /// Pays for a call and says when it may be made; or says how long that would be, if it is longer than `patience`.
    fn take(&self, account: &AccountId, toll: Toll, patience: Duration, now: Timestamp) -> Result<Duration, Duration> {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(account.clone()).or_default();
        if budget.closed_until > now {
            return Err(milliseconds(budget.closed_until.since_ms(now)));
        }
        let bucket = budget.buckets.entry(toll.bucket).or_insert_with(|| Bucket::full(toll, now));
        if !bucket.told {
            (bucket.per_second, bucket.burst) = (toll.per_second, toll.burst);
        }
        bucket.pay(toll.cost, patience, now)
    }

    /// A promise is spent, or nobody waits for it any more.
    fn spent(&self, account: &AccountId, toll: Toll) {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = budgets.get_mut(account).and_then(|budget| budget.buckets.get_mut(toll.bucket)) {
            bucket.promised = (bucket.promised - toll.cost).max(0.0);
        }
    }

    /// Takes over what the store said of one of its limits.
    fn allowed(&self, account: &AccountId, allowed: Allowed, now: Timestamp) {
        let Allowed { bucket, left, per_second, burst } = allowed;
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(account.clone()).or_default();
        let promised = budget.buckets.get(bucket).map_or(0.0, |bucket| bucket.promised);
        // the store does not know who waits
        let (left, burst) = (left - promised, burst.max(1.0));
        budget.buckets.insert(bucket, Bucket { left, promised, per_second, burst, at: now, told: true });
    }

    /// Closes an account for a while after a failure: for as long as the store said, else longer each time.
    pub fn failed(&self, account: &AccountId, said: Option<Duration>, now: Timestamp, random: u64) -> Timestamp {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(account.clone()).or_default();
        budget.failures = budget.failures.saturating_add(1);
        let wait = said.map_or_else(
            || retry::back_off_ms(budget.failures, random),
            |said| u64::try_from(said.as_millis()).unwrap_or(u64::MAX),
        );
        let wait = i64::try_from(wait.min(MAX_PAUSE_MS)).unwrap_or(0);
        budget.closed_until = budget.closed_until.max(now.plus_ms(wait));
        budget.closed_until
    }

    /// Opens an account again; whether it had failed before.
    pub fn succeeded(&self, account: &AccountId) -> bool {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(budget) = budgets.get_mut(account) else { return false };
        let failed = budget.failures > 0;
        (budget.failures, budget.closed_until) = (0, Timestamp(0));
        failed
    }

    /// Lets an account be called at once: what made it fail was changed.
    pub fn reopen(&self, account: &AccountId) {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = budgets.get_mut(account) {
            budget.closed_until = Timestamp(0);
        }
    }

    /// From now on, one write a call for this account: the store refused a batch, and one bad item must not block others.
    pub fn narrow(&self, account: &AccountId, now: Timestamp) {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = budgets.get_mut(account) {
            budget.narrow_until = now.plus_ms(NARROW_MS);
        }
    }

    /// Whether an account gets one write a call.
    #[must_use]
    pub fn is_narrow(&self, account: &AccountId, now: Timestamp) -> bool {
        let budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.get(account).is_some_and(|budget| budget.narrow_until > now)
    }

    /// Until when an account is closed, if it is.
    #[must_use]
    pub fn closed_until(&self, account: &AccountId, now: Timestamp) -> Option<Timestamp> {
        let budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.get(account).map(|budget| budget.closed_until).filter(|until| *until > now)
    }
}

/// How long writes go one by one after a batch was refused, milliseconds: five minutes.
const NARROW_MS: i64 = 300_000;
/// No store is believed when it asks for a longer pause, milliseconds: one hour.
const MAX_PAUSE_MS: u64 = 3_600_000;

fn milliseconds(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// The network as one account may use it: each call takes from the budget first.
pub struct Metered<'a> {
    http: &'a dyn Http,
    clock: &'a dyn Clock,
    budgets: &'a Budgets,
    account: &'a AccountId,
    one_call: Toll,
    patience: Duration,
}

impl<'a> Metered<'a> {
    /// Meters `http` for an account. A call waits for its turn at most `patience`, then is refused without being sent.
    #[must_use]
    pub fn new(
        http: &'a dyn Http,
        clock: &'a dyn Clock,
        budgets: &'a Budgets,
        connected: &'a Connected,
        patience: Duration,
    ) -> Self {
        Self { http, clock, budgets, account: &connected.account.id, one_call: one_call(connected), patience }
    }
}

impl Metered<'_> {
    /// Waits for a call's turn; or says how long that would be, if it is longer than the patience.
    async fn wait_for_turn(&self, toll: Toll) -> Result<(), Duration> {
        let mut patience = self.patience;
        if let Some(until) = self.budgets.closed_until(self.account, self.clock.now()) {
            let wait = milliseconds(until.since_ms(self.clock.now()));
            patience = patience.checked_sub(wait).ok_or(wait)?;
            self.clock.sleep(wait).await;
        }
        let wait = self.budgets.take(self.account, toll, patience, self.clock.now())?;
        if !wait.is_zero() {
            let _promise = Promise { budgets: self.budgets, account: self.account, toll };
            self.clock.sleep(wait).await;
        }
        // the store may have failed meanwhile
        match self.budgets.closed_until(self.account, self.clock.now()) {
            Some(until) => Err(milliseconds(until.since_ms(self.clock.now()))),
            None => Ok(()),
        }
    }
}

/// A call that somebody waits for.
struct Promise<'a> {
    budgets: &'a Budgets,
    account: &'a AccountId,
    toll: Toll,
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        self.budgets.spent(self.account, self.toll);
    }
}

#[async_trait]
impl Http for Metered<'_> {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        let toll = request.extensions().get().copied().unwrap_or(self.one_call);
        self.wait_for_turn(toll).await.map_err(HttpError::NoBudget)?;
        self.http.send(request, timeout).await
    }

    fn allowed(&self, allowed: Allowed) {
        self.budgets.allowed(self.account, allowed, self.clock.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Toll = Toll { bucket: CALLS, per_second: 1.0, burst: 2.0, cost: 1.0 };

    fn account() -> AccountId {
        AccountId::new("shop").expect("valid")
    }

    /// Takes a call that must be made at once.
    fn take(budgets: &Budgets, toll: Toll, at: i64) -> Result<(), Duration> {
        take_waiting(budgets, toll, 0, at).map(|wait| assert!(wait.is_zero()))
    }

    fn take_waiting(budgets: &Budgets, toll: Toll, patience: u64, at: i64) -> Result<Duration, Duration> {
        budgets.take(&account(), toll, Duration::from_millis(patience), Timestamp(at))
    }

    #[test]
    fn calls_go_in_the_order_in_which_they_were_asked_for() {
        let budgets = Budgets::default();
        let waits = |at| take_waiting(&budgets, SLOW, 3_500, at).map(|wait| wait.as_secs());
        assert_eq!([waits(0), waits(0), waits(0), waits(0), waits(0)], [Ok(0), Ok(0), Ok(1), Ok(2), Ok(3)]);
        let refused = take_waiting(&budgets, SLOW, 1_500, 1_000).expect_err("three wait");
        assert_eq!(refused.as_secs(), 3, "whoever has less patience than the queue is long does not lengthen it");
        assert_eq!(waits(1_000), Ok(3));
        assert!(take(&budgets, SLOW, 5_000).is_ok());
    }

    #[test]
    fn what_the_store_has_left_is_promised_to_those_who_wait() {
        let budgets = Budgets::default();
        let points = Toll { bucket: "points", per_second: 10.0, burst: 10.0, cost: 10.0 };
        assert_eq!(take_waiting(&budgets, points, 0, 0), Ok(Duration::ZERO));
        assert!(take_waiting(&budgets, points, 2_000, 0).is_ok_and(|wait| wait.as_secs() == 1));
        let told = Allowed { bucket: "points", left: 10.0, per_second: 10.0, burst: 10.0 };
        budgets.allowed(&account(), told, Timestamp(500));
        assert!(take(&budgets, points, 500).is_err(), "who waits has it already");
        budgets.spent(&account(), points);
        budgets.allowed(&account(), told, Timestamp(1_000));
        assert!(take(&budgets, points, 1_000).is_ok());
    }

    #[test]
    fn a_budget_refills_and_never_exceeds_its_burst() {
        let budgets = Budgets::default();
        assert!(take(&budgets, SLOW, 0).is_ok());
        assert!(take(&budgets, SLOW, 0).is_ok());
        let wait = take(&budgets, SLOW, 0).expect_err("the burst is spent");
        assert!((990..=1001).contains(&wait.as_millis()), "{wait:?}");
        assert!(take(&budgets, SLOW, 1_000).is_ok());
        for _ in 0..2 {
            assert!(take(&budgets, SLOW, 3_600_000).is_ok());
        }
        assert!(take(&budgets, SLOW, 3_600_000).is_err());
    }

    #[test]
    fn each_limit_is_a_bucket_of_its_own() {
        let budgets = Budgets::default();
        let dear = Toll { bucket: "orders", burst: 1.0, ..SLOW };
        assert!(take(&budgets, dear, 0).is_ok());
        assert!(take(&budgets, dear, 0).is_err());
        assert!(take(&budgets, SLOW, 0).is_ok());
    }

    #[test]
    fn what_the_store_says_counts_more_than_its_documents() {
        let budgets = Budgets::default();
        let points = Toll { bucket: "points", per_second: 100.0, burst: 2000.0, cost: 10.0 };
        budgets.allowed(
            &account(),
            Allowed { bucket: "points", left: 5.0, per_second: 50.0, burst: 1000.0 },
            Timestamp(0),
        );
        let wait = take(&budgets, points, 0).expect_err("five points are left");
        assert!((100..=102).contains(&wait.as_millis()), "{wait:?}");
        assert!(take(&budgets, points, 100).is_ok());
        let all = Toll { cost: 1500.0, ..points };
        assert!(take(&budgets, all, 60_000).is_ok(), "a cost beyond the bucket waits for a full one");
    }

    #[test]
    fn a_store_that_failed_is_left_alone_until_it_said() {
        let budgets = Budgets::default();
        budgets.failed(&account(), Some(Duration::from_secs(7)), Timestamp(0), 0);
        let wait = take(&budgets, SLOW, 1_000).expect_err("closed");
        assert_eq!(wait, Duration::from_secs(6));
        budgets.succeeded(&account());
        assert!(take(&budgets, SLOW, 2_000).is_ok());
    }
}
