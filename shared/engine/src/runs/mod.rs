//! Runs: long jobs as rows. A run is listed and shown with its progress, goes on after a crash, and can be cancelled
//! between two of its chunks.
//!
//! | entity | pk | sk | index |
//! |---|---|---|---|
//! | run (expires) | `HUB` | `RUN#<id>` | `RUNS` / id, while it is active |
//! | what a run was given (expires) | `RUN#<id>` | `GIVEN#<number>` | |
//! | what a run did to one SKU (expires) | `RUN#<id>` | `DONE#<place>` | |
//!
//! Whoever drives a run (`drive`) holds its lease. Each chunk of work is safe to do twice, and what a chunk leads to is
//! stored with the place to go on from. See `docs/adr/0010-runs-are-rows.md`.

mod drive;
mod feed;
mod given;
mod import;
mod kept;
mod reads;
mod restore;
mod work;

pub(crate) use drive::Chunk;
pub(crate) use kept::partition;
pub(crate) use reads::{ReadPlace, Reads};
pub(crate) use work::{Work, before, end};

pub use drive::Driven;
pub(crate) use drive::RunCall;
pub use import::ImportReport;
pub use kept::RunDone;
pub use restore::{Restore, RestoreLine, RestoreReport};

use crate::adopt::Direction;
use crate::bulk::Action;
use crate::contest::{ATTEMPTS, made, too_fast};
use crate::filter::Filter;
use crate::hub::{Error, Hub};
use crate::items::{Listed, PAGE_MAX};
use crate::locations::Order;
use crate::ports::{Change, Condition, Query};
use crate::records::{self, HUB};
use crate::settings::{GroupOrder, Patch, Scope};
use crate::stock::{Amount, Mode, checked};
use domain::{AccountId, Timestamp, WarehouseId};
use kept::{ACTIVE, Kept};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a run does, with what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Job {
    /// The first sync: matches all accounts by SKU, and with `apply` adopts them.
    Adopt {
        /// Do it; otherwise only show what would happen.
        #[serde(default)]
        apply: bool,
        /// Which way levels go, by account, where it is not the usual one.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        directions: BTreeMap<AccountId, Direction>,
        /// SKUs that are left out; a star at the beginning or the end stands for anything.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exclude: Vec<String>,
    },
    /// Compares stores with the ledger.
    Reconcile {
        /// Only this account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
        /// Only tell what differs.
        #[serde(default)]
        dry_run: bool,
        /// Look only at what shows something else than last time, or was touched since.
        #[serde(default)]
        quick: bool,
    },
    /// Carries lines of SKUs and quantities into the ledgers; they are given before it is started.
    Import {
        /// What the quantities mean.
        #[serde(default)]
        mode: Mode,
        /// Whose stock it is, where a line does not say; the main warehouse if absent, or the only one that has a level.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warehouse: Option<WarehouseId>,
        /// Why.
        reason: String,
        /// Only tell what would happen.
        #[serde(default)]
        dry_run: bool,
    },
    /// Fetches a stock feed and carries it into the ledgers.
    Feed {
        /// The feed.
        name: String,
        /// Only tell what would happen.
        #[serde(default)]
        dry_run: bool,
        /// Whatever the mass-zero guard says.
        #[serde(default)]
        believe: bool,
    },
    /// Keeps the levels of all SKUs.
    Snapshot,
    /// Takes edits back.
    Restore(Restore),
    /// Sets quantity rules, the sync mode or low stock at one place; the stores follow.
    Settings {
        /// For whom; the hub if nothing is given.
        #[serde(default)]
        scope: Scope,
        /// Settings by name; `null` inherits.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        set: BTreeMap<String, Value>,
        /// Settings to inherit again, by name.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        clear: Vec<String>,
        /// Do it; otherwise only show what would happen.
        #[serde(default)]
        apply: bool,
    },
    /// Changes, looks at or writes all items that a filter wants.
    Change {
        /// Which items; all if nothing is given.
        #[serde(default)]
        filter: Filter,
        /// What to do with each.
        action: Action,
        /// Do it; otherwise only show what would happen.
        #[serde(default)]
        apply: bool,
    },
    /// Adds, moves or removes a group; the stores of its items follow.
    Group {
        /// What shall become of it.
        order: GroupOrder,
    },
    /// Links locations and warehouses, or unlinks them; the items follow.
    Link {
        /// What shall be.
        order: Order,
        /// Do it; otherwise only show what would happen.
        #[serde(default)]
        apply: bool,
    },
    /// Tests and sets up the connection to a store: who we are there, its locations, its webhooks.
    Connect {
        /// The account.
        account: AccountId,
    },
    /// Reads whole stores and tells how their units are mapped.
    Mapping {
        /// Only this account's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
    },
}

impl Job {
    /// Its name in lists.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Adopt { .. } => "adopt",
            Self::Reconcile { .. } => "reconcile",
            Self::Import { .. } => "import",
            Self::Feed { .. } => "feed",
            Self::Snapshot => "snapshot",
            Self::Restore(_) => "restore",
            Self::Settings { .. } => "settings",
            Self::Change { .. } => "change",
            Self::Group { .. } => "group",
            Self::Link { .. } => "link",
            Self::Connect { .. } => "connect",
            Self::Mapping { .. } => "mapping",
        }
    }

    /// The usual first sync: the master's levels start what the hub does not know, and everybody follows.
    #[must_use]
    pub const fn adopt(apply: bool) -> Self {
        Self::Adopt { apply, directions: BTreeMap::new(), exclude: Vec::new() }
    }

    /// Whether it only shows what would happen.
    #[must_use]
    pub const fn is_preview(&self) -> bool {
        match self {
            Self::Adopt { apply, .. }
            | Self::Restore(Restore { apply, .. })
            | Self::Settings { apply, .. }
            | Self::Change { apply, .. }
            | Self::Link { apply, .. } => !*apply,
            Self::Reconcile { dry_run, .. } | Self::Import { dry_run, .. } | Self::Feed { dry_run, .. } => *dry_run,
            Self::Snapshot | Self::Group { .. } | Self::Connect { .. } => false,
            Self::Mapping { .. } => true,
        }
    }

    /// What must not happen twice at a time: two runs of the same sort wait for each other.
    const fn sort(&self) -> Option<Sort> {
        match self {
            Self::Adopt { .. } | Self::Reconcile { .. } | Self::Link { .. } | Self::Mapping { .. } => Some(Sort::Scan),
            Self::Restore(_) => Some(Sort::Restore),
            Self::Import { .. }
            | Self::Feed { .. }
            | Self::Snapshot
            | Self::Settings { .. }
            | Self::Change { .. }
            | Self::Connect { .. }
            | Self::Group { .. } => None,
        }
    }

    /// Whether it is given lines before it is started.
    const fn is_given(&self) -> bool {
        matches!(self, Self::Import { .. })
    }

    /// Refuses what can never be done.
    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Import { reason, .. } => checked(Amount::Set(0), reason).map(drop),
            Self::Restore(restore) => restore.check(),
            Self::Settings { scope, set, clear, .. } => {
                scope.check()?;
                Patch { set: set.clone(), clear: clear.clone() }.check()
            }
            Self::Change { action, .. } => action.check(),
            Self::Group { order: GroupOrder::Put { group } } => group.check(),
            Self::Adopt { .. }
            | Self::Reconcile { .. }
            | Self::Feed { .. }
            | Self::Snapshot
            | Self::Group { .. }
            | Self::Link { .. }
            | Self::Connect { .. }
            | Self::Mapping { .. } => Ok(()),
        }
    }
}

/// Sorts of runs of which only one may be active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Reads whole stores: the budget of calls is the scarce thing.
    Scan,
    /// Takes back: two at once would take the same thing back twice.
    Restore,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It is being given its lines; nobody works on it before it is started.
    Open,
    /// It waits for somebody to drive it.
    Waiting,
    /// Somebody drives it.
    Running,
    /// It came to its end.
    Done,
    /// It cannot go on; the error says why.
    Failed,
    /// A person stopped it between two chunks; what it did stays done.
    Cancelled,
}

impl RunState {
    /// Whether it has ended, one way or another.
    #[must_use]
    pub const fn is_over(self) -> bool {
        match self {
            Self::Open | Self::Waiting | Self::Running => false,
            Self::Done | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProgress {
    /// What it is doing.
    pub step: String,
    /// So much of it.
    pub done: u64,
    /// Of so much; 0 while nobody knows.
    pub all: u64,
}

/// Something that a run could not do; the rest went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where: a line of what was given, a SKU, an account.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// A run, as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name; later runs have greater ones.
    pub id: String,
    /// What it does.
    pub job: Job,
    /// Who started it.
    pub actor: String,
    /// How it stands.
    pub state: RunState,
    /// Whether a person asked it to stop.
    #[serde(default)]
    pub stopping: bool,
    /// How far it is.
    #[serde(default)]
    pub progress: RunProgress,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it was last heard of.
    pub updated: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// What it came to, when it is done.
    #[serde(default)]
    pub result: Option<Value>,
    /// Why it failed, or why it waits to be tried again.
    #[serde(default)]
    pub error: Option<String>,
    /// What it could not do: the first of it.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// How many faults there were in all.
    #[serde(default)]
    pub faults_total: u64,
}

impl Run {
    fn new(id: String, job: Job, actor: &str, now: Timestamp) -> Self {
        Self {
            id,
            job,
            actor: actor.to_owned(),
            state: RunState::Waiting,
            stopping: false,
            progress: RunProgress::default(),
            created: now,
            updated: now,
            ended: None,
            result: None,
            error: None,
            faults: Vec::new(),
            faults_total: 0,
        }
    }

    /// Whether it is a row, so that somebody else may have to go on with it.
    pub(crate) const fn is_listed(&self) -> bool {
        !self.id.is_empty()
    }
}

/// Faults kept by a run; the others are counted.
const FAULTS_KEPT: usize = 200;
/// Active runs looked at together; far more than anybody starts.
const ACTIVE_MAX: usize = 100;

impl Hub {
    /// Starts a run: it is stored, and a worker is called.
    ///
    /// # Errors
    /// [`Error::Conflict`] while another of its sort is active; [`Error::Store`], [`Error::Queue`].
    pub async fn start_run(&self, job: Job, actor: &str) -> Result<Run, Error> {
        let run = self.enter_run(job, actor).await?;
        if run.state != RunState::Open {
            self.call_run(&run.id, 0).await?;
        }
        Ok(run)
    }

    /// Starts a run that was given all its lines.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it was started already.
    pub async fn close_run(&self, id: &str) -> Result<Run, Error> {
        for _ in 0..ATTEMPTS {
            let (mut kept, version) = self.kept_run(id).await?;
            if kept.run.state != RunState::Open {
                return Err(Error::Conflict(format!("run {id} was started already")));
            }
            (kept.run.state, kept.run.updated) = (RunState::Waiting, self.clock.now());
            if made(self.store.write(&[Change::Put(kept.row(version + 1), Condition::Version(version))]).await)? {
                self.call_run(id, 0).await?;
                return Ok(kept.run);
            }
        }
        Err(too_fast(format_args!("run {id}")))
    }

    /// Stores a run for whoever drives it himself. Should he die, the sweep has it driven.
    ///
    /// # Errors
    /// [`Error::Conflict`] while another of its sort is active; [`Error::Store`].
    pub async fn enter_run(&self, job: Job, actor: &str) -> Result<Run, Error> {
        job.check()?;
        self.must_move().await?;
        if let Job::Import { warehouse, .. } = &job {
            self.check_warehouse(warehouse.as_ref()).await?;
        }
        for active in self.active_runs().await? {
            if job.sort().is_some() && active.run.job.sort() == job.sort() {
                let (id, kind) = (active.run.id, active.run.job.kind());
                return Err(Error::Conflict(format!(
                    "another {kind} is running ({id}); wait until it has ended, or cancel it"
                )));
            }
        }
        let now = self.clock.now();
        let id = format!("{:015}-{:04x}", now.0, self.clock.random() & 0xffff);
        let state = if job.is_given() { RunState::Open } else { RunState::Waiting };
        let kept = Kept::new(Run { state, ..Run::new(id, job, actor, now) });
        self.store.write(&[Change::Put(kept.row(1), Condition::Absent)]).await?;
        Ok(kept.run)
    }

    /// One page of the runs, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_runs(&self, after: Option<String>, limit: usize) -> Result<Listed<Run>, Error> {
        let query = Query {
            partition: HUB.into(),
            index: false,
            prefix: "RUN#".into(),
            after,
            descending: true,
            limit: limit.clamp(1, PAGE_MAX),
        };
        let page = self.store.query(&query).await?;
        let runs = page.rows.iter().map(|row| Ok(records::body::<Kept>(row)?.run));
        Ok(Listed { rows: runs.collect::<Result<_, Error>>()?, next: page.next })
    }

    /// One run.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show_run(&self, id: &str) -> Result<Run, Error> {
        Ok(self.kept_run(id).await?.0.run)
    }

    /// Asks a run to stop before its next chunk. What it did stays done.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it has ended already.
    pub async fn cancel_run(&self, id: &str) -> Result<Run, Error> {
        for _ in 0..ATTEMPTS {
            let (mut kept, version) = self.kept_run(id).await?;
            if kept.run.state.is_over() {
                return Err(Error::Conflict(format!("run {id} has ended already; there is nothing to cancel")));
            }
            let now = self.clock.now();
            kept.run.stopping = true;
            if kept.lease < now {
                kept.end(RunState::Cancelled, now);
            }
            if made(self.store.write(&[Change::Put(kept.row(version + 1), Condition::Version(version))]).await)? {
                return Ok(kept.run);
            }
        }
        Err(too_fast(format_args!("run {id}")))
    }

    /// One page of what a run did to SKUs, in the order of what it was given.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn run_changes(&self, id: &str, after: Option<String>, limit: usize) -> Result<Listed<RunDone>, Error> {
        self.kept_run(id).await?;
        let page = self.page(&kept::partition(id), "DONE#", after, limit.clamp(1, PAGE_MAX)).await?;
        let rows = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
        Ok(Listed { rows, next: page.next })
    }

    /// Waits until a run has ended, or until `most` milliseconds have passed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn wait_for_run(&self, id: &str, most_ms: i64) -> Result<Run, Error> {
        let began = self.clock.now();
        loop {
            let run = self.show_run(id).await?;
            if run.state.is_over() || self.clock.now().since_ms(began) >= most_ms {
                return Ok(run);
            }
            self.clock.sleep(LOOK).await;
        }
    }

    /// Has runs that nobody drives driven again: after a crash, or where a chain of messages was cut.
    ///
    /// # Errors
    /// [`Error::Queue`], [`Error::Store`].
    pub(crate) async fn sweep_runs(&self) -> Result<(), Error> {
        let now = self.clock.now();
        for kept in self.active_runs().await? {
            if kept.lease < now {
                self.call_run(&kept.run.id, 0).await?;
            }
        }
        Ok(())
    }

    async fn active_runs(&self) -> Result<Vec<Kept>, Error> {
        let query = Query {
            partition: ACTIVE.into(),
            index: true,
            prefix: String::new(),
            after: None,
            descending: false,
            limit: ACTIVE_MAX,
        };
        let rows = self.store.query(&query).await?.rows;
        let kept = rows.iter().map(records::body::<Kept>).collect::<Result<Vec<_>, _>>()?;
        Ok(kept.into_iter().filter(|kept| kept::is_active(kept.run.state)).collect())
    }

    async fn kept_run(&self, id: &str) -> Result<(Kept, u64), Error> {
        let row = self.store.get(&[Kept::key(id)]).await?.into_iter().next().flatten();
        let row = row.ok_or_else(|| Error::NotFound { what: "run", name: id.to_owned() })?;
        Ok((records::body(&row)?, row.version))
    }
}

/// How often somebody who waits looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(200);
