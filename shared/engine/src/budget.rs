//! The budget of calls that each account's store allows, and the pause after a store has failed.

use crate::hub::Connected;
use crate::ports::{Clock, Http};
use async_trait::async_trait;
use channels::{HttpError, Request, Response};
use domain::{AccountId, Timestamp, retry};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Accounts' budgets in this process. Other processes learn of a pause through the stored health.
#[derive(Default)]
pub struct Budgets(Mutex<BTreeMap<AccountId, Budget>>);

#[derive(Debug, Clone, Copy)]
struct Budget {
    /// Calls left, in thousandths.
    left: i64,
    at: Timestamp,
    closed_until: Timestamp,
    failures: u32,
    narrow_until: Timestamp,
}

/// What an account's store allows.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    per_minute: i64,
    burst: i64,
}

impl Allowance {
    fn of(connected: &Connected) -> Self {
        let info = connected.channel.info();
        match connected.account.rate {
            Some(rate) => Self { per_minute: rate.per_minute.into(), burst: rate.burst.into() },
            #[expect(clippy::cast_possible_truncation, reason = "a rate of calls per minute is small")]
            None => Self { per_minute: (info.rate_per_second * 60.0) as i64, burst: info.burst.into() },
        }
    }
}

impl Budgets {
    /// Takes one call; or says how long until there is one.
    fn take(&self, account: &AccountId, allowance: Allowance, now: Timestamp) -> Result<(), Duration> {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = allowance.burst.max(1) * 1000;
        let fresh = Budget { left: full, at: now, closed_until: Timestamp(0), failures: 0, narrow_until: Timestamp(0) };
        let budget = budgets.entry(account.clone()).or_insert(fresh);
        if budget.closed_until > now {
            return Err(milliseconds(budget.closed_until.since_ms(now)));
        }
        let gained = now.since_ms(budget.at).max(0).saturating_mul(allowance.per_minute.max(1)) / 60;
        if gained > 0 {
            budget.left = full.min(budget.left.saturating_add(gained));
            budget.at = now;
        }
        if budget.left < 1000 {
            return Err(milliseconds((1000 - budget.left) * 60 / allowance.per_minute.max(1) + 1));
        }
        budget.left -= 1000;
        Ok(())
    }

    /// Closes an account for a while after a failure: for as long as the store said, else longer each time.
    pub fn failed(&self, account: &AccountId, said: Option<Duration>, now: Timestamp, random: u64) -> Timestamp {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Budget { left: 0, at: now, closed_until: now, failures: 0, narrow_until: Timestamp(0) };
        let budget = budgets.entry(account.clone()).or_insert(fresh);
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
    allowance: Allowance,
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
        let allowance = Allowance::of(connected);
        Self { http, clock, budgets, account: &connected.account.id, allowance, patience }
    }
}

#[async_trait]
impl Http for Metered<'_> {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        let mut patience = self.patience;
        while let Err(wait) = self.budgets.take(self.account, self.allowance, self.clock.now()) {
            if wait > patience {
                return Err(HttpError::NoBudget(wait));
            }
            self.clock.sleep(wait).await;
            patience = patience.saturating_sub(wait);
        }
        self.http.send(request, timeout).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refills_and_never_exceeds_its_burst() {
        let budgets = Budgets::default();
        let account = AccountId::new("shop").expect("valid");
        let allowance = Allowance { per_minute: 60, burst: 2 };
        assert!(budgets.take(&account, allowance, Timestamp(0)).is_ok());
        assert!(budgets.take(&account, allowance, Timestamp(0)).is_ok());
        let wait = budgets.take(&account, allowance, Timestamp(0)).expect_err("the burst is spent");
        assert!((990..=1001).contains(&wait.as_millis()), "{wait:?}");
        assert!(budgets.take(&account, allowance, Timestamp(1_000)).is_ok());
        for _ in 0..2 {
            assert!(budgets.take(&account, allowance, Timestamp(3_600_000)).is_ok());
        }
        assert!(budgets.take(&account, allowance, Timestamp(3_600_000)).is_err());
    }

    #[test]
    fn a_store_that_failed_is_left_alone_until_it_said() {
        let budgets = Budgets::default();
        let account = AccountId::new("shop").expect("valid");
        let allowance = Allowance { per_minute: 60, burst: 5 };
        budgets.failed(&account, Some(Duration::from_secs(7)), Timestamp(0), 0);
        let wait = budgets.take(&account, allowance, Timestamp(1_000)).expect_err("closed");
        assert_eq!(wait, Duration::from_secs(6));
        budgets.succeeded(&account);
        assert!(budgets.take(&account, allowance, Timestamp(2_000)).is_ok());
    }
}
