//! Time, chance and the trace of one run.

use async_trait::async_trait;
use channels::Clock;
use domain::Timestamp;
use fastrand::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A detached piece of work: something that goes on when its caller has died.
pub type Detached = Pin<Box<dyn Future<Output = ()> + Send>>;

struct State {
    now: i64,
    order: u64,
    timers: BTreeMap<(i64, u64), Waker>,
    order_rng: Rng,
    fault_rng: Rng,
    engine_rng: Rng,
    faults: bool,
    stirred: bool,
    hash: u64,
    spawned: Vec<Detached>,
    lines: Option<VecDeque<String>>,
}

/// What every part of a run shares.
pub struct Core(Mutex<State>);

/// Runs begin here, milliseconds since 1970.
pub const START_MS: i64 = 1_790_000_000_000;
/// Lines of the trace that are kept.
const LINES: usize = 20_000;

impl Core {
    /// The beginning of the run of a seed; `traced` keeps readable lines.
    #[must_use]
    pub fn new(seed: u64, traced: bool) -> Self {
        let rng = |stream: u64| Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ stream);
        Self(Mutex::new(State {
            now: START_MS,
            order: 0,
            timers: BTreeMap::new(),
            order_rng: rng(1),
            fault_rng: rng(2),
            engine_rng: rng(3),
            faults: false,
            stirred: true,
            hash: 0xCBF2_9CE4_8422_2325,
            spawned: Vec::new(),
            lines: traced.then(VecDeque::new),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.state().now
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_ms())
    }

    /// Whether something goes wrong that does so `of_10k` times of ten thousand. Never while faults are off.
    pub fn chance(&self, of_10k: u64) -> bool {
        let mut state = self.state();
        of_10k > 0 && state.faults && state.fault_rng.u64(0..10_000) < of_10k
    }

    /// A number below `below`, of the stream that decides faults and delays.
    pub fn below(&self, below: u64) -> i64 {
        self.state().fault_rng.u64(0..below.max(1)).cast_signed()
    }

    /// A delay of 1 to `most` milliseconds.
    pub fn latency(&self, most: u64) -> i64 {
        1 + self.below(most)
    }

    /// Which of `count` goes next.
    pub fn pick(&self, count: usize) -> usize {
        self.state().order_rng.usize(0..count.max(1))
    }

    /// Turns faults on or off.
    pub fn set_faults(&self, on: bool) {
        self.state().faults = on;
    }

    /// Something was done at a store: it may have something to tell.
    pub fn stir(&self) {
        self.state().stirred = true;
    }

    /// Whether something was done at a store since the last time this was asked.
    pub fn was_stirred(&self) -> bool {
        std::mem::take(&mut self.state().stirred)
    }

    /// Enters a number into the hash of the trace.
    pub fn mark(&self, number: u64) {
        let mut state = self.state();
        let now = state.now.cast_unsigned();
        state.hash = (state.hash ^ number ^ now.rotate_left(32)).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(5);
    }

    /// The hash of everything that has happened so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.state().hash
    }

    /// Adds a readable line to the trace, if one is kept.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if self.state().lines.is_none() {
            return;
        }
        let text = line();
        let mut state = self.state();
        let at = state.now - START_MS;
        if let Some(lines) = &mut state.lines {
            lines.push_back(format!("{:>5}.{:03} {text}", at / 1000, at % 1000));
            if lines.len() > LINES {
                lines.pop_front();
            }
        }
    }

    /// The trace.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.state().lines.iter().flatten().cloned().collect()
    }

    /// Lets something go on by itself: a request that is on its way does not die with its caller.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.state().spawned.push(Box::pin(work));
    }

    /// What was spawned since the last time this was asked.
    pub fn take_spawned(&self) -> Vec<Detached> {
        std::mem::take(&mut self.state().spawned)
    }

    /// Waits.
    pub fn sleep_ms(self: &Arc<Self>, ms: i64) -> Sleep {
        let until = self.now_ms().saturating_add(ms.max(0));
        Sleep { core: Arc::clone(self), until, place: None }
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<i64> {
        self.state().timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Goes on to `at` and wakes whoever waited for it.
    pub fn advance_to(&self, at: i64) {
        let mut due = Vec::new();
        let mut state = self.state();
        state.now = state.now.max(at);
        while let Some(entry) = state.timers.first_entry().filter(|entry| entry.key().0 <= at) {
            due.push(entry.remove());
        }
        drop(state);
        due.into_iter().for_each(Waker::wake);
    }
}

/// Waiting for a time.
pub struct Sleep {
    core: Arc<Core>,
    until: i64,
    place: Option<(i64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let core = Arc::clone(&self.core);
        let mut state = core.state();
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let until = self.until;
        let place = *self.place.get_or_insert_with(|| {
            state.order += 1;
            (until, state.order)
        });
        state.timers.insert(place, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.core.state().timers.remove(&place);
        }
    }
}

/// The clock of one machine: right, or wrong by a fixed amount.
pub struct SimClock {
    core: Arc<Core>,
    skew_ms: i64,
}

impl SimClock {
    /// A clock that is `skew_ms` ahead.
    #[must_use]
    pub const fn new(core: Arc<Core>, skew_ms: i64) -> Self {
        Self { core, skew_ms }
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.core.now().plus_ms(self.skew_ms)
    }

    async fn sleep(&self, duration: Duration) {
        self.core.sleep_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)).await;
    }

    fn random(&self) -> u64 {
        self.core.state().engine_rng.u64(..)
    }
}
