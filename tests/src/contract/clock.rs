//! A clock that stands still until told to go on.

use async_trait::async_trait;
use channels::Clock;
use domain::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Time that moves by [`ManualClock::pass`] only.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    moved: Notify,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self { now: AtomicI64::new(1_700_000_000_000), moved: Notify::new() }
    }
}

impl ManualClock {
    /// Lets time pass.
    pub fn pass(&self, duration: Duration) {
        let ms = i64::try_from(duration.as_millis()).expect("a test lasts less than 292 million years");
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now().0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if self.now().0 >= until {
                return;
            }
            moved.await;
        }
    }

    fn random(&self) -> u64 {
        4
    }
}
