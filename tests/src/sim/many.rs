//! Many runs, on every core.

use super::run::{Order, Outcome, Variation, run};
use super::setup::{Class, Profile};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Seeds in a row.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// The classes of the stores.
    pub class: Class,
    /// How much goes wrong.
    pub profile: Profile,
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// Each so-many-th seed runs twice and must leave the same trace.
    pub twice_each: u64,
    /// What differs from the worlds of the seeds.
    pub variation: Variation,
}

/// A seed that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// How to run it again.
    pub order: Order,
    /// The poll at which it was seen.
    pub step: u64,
    /// What was violated.
    pub violations: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { seed, profile, class, .. } = &self.order;
        let what = self.violations.join(" | ");
        write!(out, "seed {seed} profile {} class {} step {}: {what}", profile.name(), class.name(), self.step)
    }
}

/// What many runs came to.
#[derive(Debug, Clone)]
pub struct Summary {
    batch: Batch,
    /// Seeds that failed, the lowest first.
    pub failures: Vec<Failure>,
    /// Sums over all runs.
    pub total: Outcome,
    /// The longest time from the end of faults until all was right, milliseconds of simulated time.
    pub slowest_ms: i64,
    took: Duration,
}

impl Summary {
    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let (batch, total) = (&self.batch, &self.total);
        let notes: Vec<String> = total.notes.iter().map(|(note, count)| format!("{note} {count}")).collect();
        format!(
            "{:<6} {:<9} {} seeds, {} violated; {} changes, {} commits, {} writes, {} places reported, {} units erased \
             blindly; slowest {} s; {:.0} seeds/s; {}",
            batch.class.name(),
            batch.profile.name(),
            batch.seeds,
            self.failures.len(),
            total.actions,
            total.commits,
            total.writes,
            total.reported,
            total.erased,
            self.slowest_ms / 1000,
            batch.seeds as f64 / self.took.as_secs_f64().max(0.001),
            notes.join(", ")
        )
    }
}

/// Runs a batch on every core.
#[must_use]
pub fn simulate(batch: &Batch) -> Summary {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let sum = Mutex::new((Vec::new(), Outcome::default(), 0));
    let cores = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= batch.seeds {
                        return;
                    }
                    let (failure, outcome) = one(batch, batch.first + number);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.0.extend(failure);
                    sum.2 = sum.2.max(outcome.settled_ms);
                    add(&mut sum.1, &outcome);
                }
            });
        }
    });
    let (mut failures, total, slowest_ms) = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(|failure: &Failure| failure.order.seed);
    Summary { batch: *batch, failures, total, slowest_ms, took: began.elapsed() }
}

fn one(batch: &Batch, seed: u64) -> (Option<Failure>, Outcome) {
    let order = Order { variation: batch.variation, ..Order::new(batch.class, batch.profile, seed) };
    let mut outcome = run(&order);
    if batch.twice_each > 0 && seed.is_multiple_of(batch.twice_each) && run(&order).hash != outcome.hash {
        outcome.violations.push("the same seed gave another trace".into());
    }
    let failed = !outcome.violations.is_empty();
    let failure = failed.then(|| Failure { order, step: outcome.steps, violations: outcome.violations.clone() });
    (failure, outcome)
}

/// Adds a run to a sum.
pub fn add(total: &mut Outcome, one: &Outcome) {
    total.steps += one.steps;
    total.actions += one.actions;
    total.commits += one.commits;
    total.writes += one.writes;
    total.reported += one.reported;
    total.erased += one.erased;
    let notes: &mut BTreeMap<&'static str, u64> = &mut total.notes;
    one.notes.iter().for_each(|(note, count)| *notes.entry(note).or_default() += count);
}
