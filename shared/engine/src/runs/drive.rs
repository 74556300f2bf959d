//! Driving a run: chunk after chunk under its lease, until it ends, is stopped, or time is up.

use super::kept::Kept;
use super::work::{Work, work_of};
use super::{Run, RunProgress, RunState};
use crate::adopt::Progress;
use crate::contest::ATTEMPTS;
use crate::hub::{Error, Hub};
use crate::ports::{Change, Condition, Outbound, QueueName, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What became of a drive.
#[derive(Debug)]
pub enum Driven {
    /// The run has ended.
    Ended(Run),
    /// It failed for good, with this.
    Failed(Error),
    /// Time is up and more is to be done: drive again.
    More(Run),
    /// It failed in a way that may pass: drive again after a while.
    Later(Run),
    /// Somebody else drives it, or it had ended before.
    Elsewhere,
}

/// What a chunk of work led to.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Where to go on.
    pub cursor: Value,
    /// What it came to, if that was the last chunk.
    pub result: Option<Value>,
    /// What could not be done.
    pub faults: Vec<super::Fault>,
}

impl Chunk {
    /// One that is not the last.
    pub(crate) fn on<T: Serialize>(place: &T) -> Self {
        let cursor = serde_json::to_value(place).unwrap_or_else(|error| unreachable!("plain data is JSON: {error}"));
        Self { cursor, ..Self::default() }
    }
}

/// A message on the `lane` queue that has a run driven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunCall {
    /// The run.
    pub run: String,
    /// How many messages led from one to the next.
    #[serde(default)]
    pub hops: u32,
}

/// A driver that has not been heard of for so long is dead, milliseconds: longer than a function may run (rule R3).
const LEASE_MS: i64 = 75_000;
/// The lane group of runs: they take turns.
const GROUP: &str = "run";
/// Messages of one chain. Lambda stops a function that called itself 16 times through a queue:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>. After a cut the sweep begins a new one.
const HOPS_MAX: u32 = 10;
/// Failures in a row that may pass by themselves before a run is given up.
const ATTEMPTS_MAX: u32 = 5;

/// Tells two: whoever listens, and the run's row.
struct Twice<'a> {
    listener: &'a dyn Progress,
    last: &'a Mutex<RunProgress>,
}

impl Progress for Twice<'_> {
    fn tell(&self, step: &str, done: u64, all: u64) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = RunProgress { step: step.into(), done, all };
        self.listener.tell(step, done, all);
    }
}

/// A run in the hands of its driver.
struct Held {
    kept: Kept,
    version: u64,
}

impl Hub {
    /// Calls a worker to drive a run.
    pub(super) async fn call_run(&self, id: &str, hops: u32) -> Result<(), Error> {
        let call = RunCall { run: id.to_owned(), hops };
        let message = Outbound {
            group: GROUP.into(),
            body: serde_json::to_string(&call).unwrap_or_default(),
            deduplication: Some(format!("{id}-{hops}-{}", self.clock.now().0 / CALL_MS)),
            delay: Duration::ZERO,
        };
        Ok(self.queue.send(QueueName::Lane, &[message]).await?)
    }

    /// Has a run driven on that was driven as long as one call may take.
    ///
    /// # Errors
    /// [`Error::Queue`]; the sweep calls as well.
    pub async fn call_run_on(&self, id: &str) -> Result<(), Error> {
        self.call_run(id, 0).await
    }

    /// Answers a call: drives the run as long as one call may take, and has it driven on.
    pub(crate) async fn work_run(&self, call: &RunCall) -> Result<(), Error> {
        match self.drive(&call.run, &crate::adopt::Silent).await {
            Ok(Driven::More(_)) if call.hops < HOPS_MAX => self.call_run(&call.run, call.hops + 1).await,
            // the sweep calls again
            Ok(Driven::More(_) | Driven::Later(_)) => Ok(()),
            Ok(Driven::Ended(_) | Driven::Failed(_) | Driven::Elsewhere) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Drives a run until it ends or one call's time is up.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Store`] when its row could not be read or written: drive again.
    pub async fn drive(&self, id: &str, listener: &dyn Progress) -> Result<Driven, Error> {
        let Some(mut held) = self.take_run(id).await? else { return Ok(Driven::Elsewhere) };
        let mut work = work_of(&held.kept.run);
        let began = self.clock.now();
        // a chunk may take as long again
        let limit_ms = i64::try_from(self.config.deadline.as_millis()).unwrap_or(i64::MAX) / 2;
        loop {
            if held.kept.run.stopping {
                held.kept.end(RunState::Cancelled, self.clock.now());
                return self.give_up(held, Driven::Ended).await;
            }
            match self.chunk(&mut held.kept, &mut *work, listener).await {
                Ok(true) => return self.give_up(held, Driven::Ended).await,
                Ok(false) if self.clock.now().since_ms(began) >= limit_ms => {
                    held.kept.lease = domain::Timestamp(0);
                    return self.give_up(held, Driven::More).await;
                }
                Ok(false) => {
                    if !self.keep_run(&mut held).await? {
                        return Ok(Driven::Elsewhere);
                    }
                }
                Err(error) => return self.failed(held, error).await,
            }
        }
    }

    /// One chunk; whether it was the last.
    async fn chunk(&self, kept: &mut Kept, work: &mut dyn Work, listener: &dyn Progress) -> Result<bool, Error> {
        let last = Mutex::new(kept.run.progress.clone());
        let chunk = work.chunk(self, &kept.run, &kept.cursor, &Twice { listener, last: &last }).await?;
        let now = self.clock.now();
        kept.run.progress = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        (kept.run.updated, kept.run.error, kept.attempts) = (now, None, 0);
        kept.lease = now.plus_ms(LEASE_MS);
        kept.cursor = chunk.cursor;
        kept.note(chunk.faults);
        if let Some(result) = chunk.result {
            kept.run.result = Some(result);
            kept.end(RunState::Done, now);
            return Ok(true);
        }
        Ok(false)
    }

    /// What may pass is tried again; everything else ends the run.
    async fn failed(&self, mut held: Held, error: Error) -> Result<Driven, Error> {
        let now = self.clock.now();
        (held.kept.run.error, held.kept.run.updated) = (Some(error.to_string()), now);
        held.kept.attempts += 1;
        if may_pass(&error) && held.kept.attempts < ATTEMPTS_MAX {
            held.kept.lease = domain::Timestamp(0);
            return self.give_up(held, Driven::Later).await;
        }
        tracing::warn!(run = held.kept.run.id, %error, "run failed");
        held.kept.end(RunState::Failed, now);
        self.give_up(held, |_| Driven::Failed(error)).await
    }

    /// Takes a run's lease; `None` when somebody has it, or it has ended.
    async fn take_run(&self, id: &str) -> Result<Option<Held>, Error> {
        self.accounts().await?;
        if self.stands_still().is_some() {
            return Ok(None);
        }
        let (mut kept, version) = self.kept_run(id).await?;
        let now = self.clock.now();
        if !super::kept::is_active(kept.run.state) || kept.lease >= now {
            return Ok(None);
        }
        (kept.run.state, kept.run.updated) = (RunState::Running, now);
        (kept.lease, kept.driver) = (now.plus_ms(LEASE_MS), self.clock.random());
        let mut held = Held { kept, version };
        Ok(if self.keep_run(&mut held).await? { Some(held) } else { None })
    }

    /// Stores where a run is; `false` when it is in other hands. A person's wish to stop it is taken over.
    async fn keep_run(&self, held: &mut Held) -> Result<bool, Error> {
        for _ in 0..ATTEMPTS {
            let row = held.kept.row(held.version + 1);
            match self.store.write(&[Change::Put(row, Condition::Version(held.version))]).await {
                Ok(()) => {
                    held.version += 1;
                    return Ok(true);
                }
                Err(StoreError::Conflict { .. } | StoreError::Unknown(_) | StoreError::Busy(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let (current, version) = self.kept_run(&held.kept.run.id).await?;
            let is_taken = version != held.version && current.driver != held.kept.driver;
            if is_taken || current.run.state.is_over() {
                return Ok(false);
            }
            // an answer that was lost, or a person's wish to stop
            held.version = version;
            held.kept.run.stopping |= current.run.stopping;
        }
        Ok(false)
    }

    /// Stores where a run is for the last time in these hands.
    async fn give_up(&self, mut held: Held, driven: impl FnOnce(Run) -> Driven) -> Result<Driven, Error> {
        if !self.keep_run(&mut held).await? {
            return Ok(Driven::Elsewhere);
        }
        Ok(driven(held.kept.run))
    }
}

/// Calls of one run within so many milliseconds are one call.
const CALL_MS: i64 = 1_000;

/// Whether trying again may help.
const fn may_pass(error: &Error) -> bool {
    match error {
        Error::Store(StoreError::Busy(_) | StoreError::Unknown(_)) | Error::Queue(_) | Error::Vault(_) => true,
        Error::Invalid(_)
        | Error::NotFound { .. }
        | Error::Conflict(_)
        | Error::Channel { .. }
        | Error::Store(StoreError::Conflict { .. } | StoreError::Refused(_))
        | Error::Unreadable(_) => false,
    }
}
