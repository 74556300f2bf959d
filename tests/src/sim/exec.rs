//! The executor: one thread, and chance decides who goes next. A crash drops a future wherever it waits.

use super::core::Core;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// What a task is, for whoever must replace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A worker on the queue of hints, by machine.
    Changes(usize),
    /// A worker on the lane, by machine.
    Lane(usize),
    /// A timer's task: it may die, and the timer comes again.
    Timer,
    /// A webhook on its way in.
    Hook,
    /// A person at the console.
    Person,
    /// The network and the stores' own machines: these never die with us.
    Outside,
}

impl Kind {
    /// Whether it runs on a machine of ours.
    const fn is_ours(self) -> bool {
        !matches!(self, Self::Outside)
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Task {
    id: u64,
    kind: Kind,
    future: Pin<Box<dyn Future<Output = ()>>>,
    flag: Arc<Flag>,
    waker: Waker,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nobody can go on: time must pass.
    Idle,
    /// Somebody went on.
    Ran,
    /// A task of ours has ended, by itself or by a crash.
    Ended(Kind, bool),
}

/// The executor.
pub struct Executor {
    core: Arc<Core>,
    tasks: Vec<Task>,
    next: u64,
    /// Polls after which a task of ours dies, of ten thousand.
    pub crash: u64,
    /// Polls of our tasks since somebody asked for a crash.
    ours: u64,
    crash_at: Option<u64>,
}

impl Executor {
    /// Without tasks.
    #[must_use]
    pub const fn new(core: Arc<Core>, crash: u64) -> Self {
        Self { core, tasks: Vec::new(), next: 0, crash, ours: 0, crash_at: None }
    }

    /// Has a task of ours die at its so-many-th poll from now.
    pub const fn crash_at(&mut self, poll: Option<u64>) {
        (self.ours, self.crash_at) = (0, poll);
    }

    /// Polls of our tasks since then.
    #[must_use]
    pub const fn ours(&self) -> u64 {
        self.ours
    }

    /// Adds a task.
    pub fn add(&mut self, kind: Kind, future: impl Future<Output = ()> + 'static) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        self.next += 1;
        self.tasks.push(Task { id: self.next, kind, future: Box::pin(future), flag, waker });
    }

    /// Drops everything that runs on our machines; gives what it was.
    pub fn kill_ours(&mut self) -> Vec<Kind> {
        let (dead, alive): (Vec<Task>, Vec<Task>) =
            std::mem::take(&mut self.tasks).into_iter().partition(|task| task.kind.is_ours());
        self.tasks = alive;
        dead.into_iter().map(|task| task.kind).collect()
    }

    /// How many tasks of a kind there are.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.tasks.iter().filter(|task| task.kind == kind).count()
    }

    /// Lets one task go on.
    pub fn step(&mut self) -> Step {
        for work in self.core.take_spawned() {
            self.add(Kind::Outside, work);
        }
        let is_ready = |task: &&Task| task.flag.0.load(Ordering::Relaxed);
        let ready = self.tasks.iter().filter(is_ready).count();
        if ready == 0 {
            return Step::Idle;
        }
        let chosen = self.core.pick(ready);
        let place = self.tasks.iter().enumerate().filter(|(_, task)| is_ready(task)).nth(chosen);
        let Some(place) = place.map(|(place, _)| place) else { return Step::Idle };
        self.poll(place)
    }

    fn poll(&mut self, place: usize) -> Step {
        let task = &mut self.tasks[place];
        task.flag.0.store(false, Ordering::Relaxed);
        self.core.mark(task.id);
        let kind = task.kind;
        let done = matches!(task.future.as_mut().poll(&mut Context::from_waker(&task.waker)), Poll::Ready(()));
        self.ours += u64::from(kind.is_ours());
        let meant = kind.is_ours() && self.crash_at == Some(self.ours);
        let dies = !done && kind.is_ours() && (self.core.chance(self.crash) || meant);
        if !done && !dies {
            return Step::Ran;
        }
        if dies {
            self.core.tell(|| format!("CRASH {kind:?}"));
        }
        drop(self.tasks.swap_remove(place));
        Step::Ended(kind, dies)
    }
}
