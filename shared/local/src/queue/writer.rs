//! The thread that owns the queues. It gathers the requests that came while the disk was busy with those before, and
//! commits them together: one flush for many senders.

use super::desk::Desk;
use super::log::Log;
use super::state::{QUEUES, State};
use channels::Clock;
use domain::Timestamp;
use engine::ports::QueueName;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::sync::Notify;

/// Requests in one transaction.
const BATCH: usize = 1024;
/// Numbers of one millisecond; a restarted queue begins above every number that it has ever given.
const NUMBERS_PER_MS: u64 = 1024;

/// Carries out a request and gives the function that answers it, to be called after the commit.
pub(super) type Job = Box<dyn FnOnce(&mut Desk<'_>) -> rusqlite::Result<Reply> + Send>;
/// Answers a request. It is dropped uncalled when its batch could not be committed.
pub(super) type Reply = Box<dyn FnOnce() + Send>;

/// Tells receivers that a queue has something for them.
#[derive(Default)]
pub(super) struct Bells([Notify; 3]);

impl Bells {
    pub(super) const fn of(&self, queue: QueueName) -> &Notify {
        match queue {
            QueueName::Changes => &self.0[0],
            QueueName::Lane => &self.0[1],
            QueueName::Dead => &self.0[2],
        }
    }
}

/// Opens the file and starts the thread, which ends when the sender is gone.
pub(super) fn start(file: &Path, clock: Arc<dyn Clock>, bells: Arc<Bells>) -> io::Result<Sender<Job>> {
    let mut writer = Writer::open(file, clock, bells).map_err(io::Error::other)?;
    let (jobs, inbox) = channel();
    thread::Builder::new().name("queue".to_owned()).spawn(move || writer.run(&inbox))?;
    Ok(jobs)
}

struct Writer {
    log: Log,
    state: State,
    clock: Arc<dyn Clock>,
    bells: Arc<Bells>,
    /// Memory may hold what the disk does not.
    diverged: bool,
}

impl Writer {
    fn open(file: &Path, clock: Arc<dyn Clock>, bells: Arc<Bells>) -> rusqlite::Result<Self> {
        let log = Log::open(file)?;
        let state = log.load(floor(clock.now()))?;
        let mut writer = Self { log, state, clock, bells, diverged: false };
        writer.transaction(|desk| desk.adopt())?;
        Ok(writer)
    }

    fn run(&mut self, inbox: &Receiver<Job>) {
        while let Ok(first) = inbox.recv() {
            let jobs: Vec<Job> = std::iter::once(first).chain(inbox.try_iter().take(BATCH - 1)).collect();
            let replies = self.transaction(|desk| {
                desk.tidy()?;
                jobs.into_iter().map(|job| job(desk)).collect::<rusqlite::Result<Vec<Reply>>>()
            });
            match replies {
                Ok(replies) => replies.into_iter().for_each(|reply| reply()),
                // the callers see their replies dropped
                Err(error) => tracing::error!(%error, "the queue could not write its file"),
            }
            self.ring();
        }
    }

    /// Runs `work` and commits. When that fails, memory goes back to what is on the disk, now or before the next try.
    fn transaction<T>(&mut self, work: impl FnOnce(&mut Desk<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let now = self.clock.now();
        if self.diverged {
            self.go_back(now)?;
        }
        self.diverged = true;
        self.log.begin()?;
        let done = work(&mut Desk { state: &mut self.state, log: &self.log, now }).and_then(|done| {
            self.log.commit()?;
            Ok(done)
        });
        match &done {
            Ok(_) => self.diverged = false,
            Err(_) => self.go_back(now)?,
        }
        done
    }

    fn go_back(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        self.log.rollback()?;
        self.state = self.log.load(floor(now))?;
        self.diverged = false;
        Ok(())
    }

    fn ring(&self) {
        for queue in QUEUES.into_iter().filter(|queue| self.state.has_ready(*queue)) {
            self.bells.of(queue).notify_waiters();
        }
    }
}

fn floor(now: Timestamp) -> u64 {
    u64::try_from(now.0).unwrap_or(0).saturating_mul(NUMBERS_PER_MS)
}
