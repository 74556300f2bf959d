//! The one path: hints in, stores equal out. Webhook, timer, button and retry all end here.
//!
//! A run takes a batch of hints, groups them by SKU, and goes round: read the ledgers, look at the hinted listings, count
//! and claim in one conditional write per SKU, push to all stores at once in batches of each channel's maximum, record in
//! one conditional write per SKU. What is not in sync when the run ends waits durably before the hints are acknowledged.

mod calls;
mod commit;
mod file;
mod gather;
mod guards;
mod job;
mod kin;
mod look;
mod name;
pub(crate) mod orders;
mod resolve;
mod send;

use crate::hub::{Accounts, Error, Hub};
use crate::meter;
use crate::quarantine::Verdict;
use crate::records::{Hint, History, Todo};
use crate::units::Unit;
use channels::{Movements, Touch};
use domain::fight::Correction;
use domain::planted::{self, Mistake};
use domain::{AccountId, Ledger, ListingId, Order, Sku, Timestamp, retry};
use job::{Job, State};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Rounds of one run: each is caused by somebody else changing the same SKU at the same time.
const ROUNDS: usize = 6;
/// How many store operations of one run may be on their way at once.
pub(crate) const PARALLEL: usize = 16;

/// Entries beyond the cursor from which on moving it is worth the writes: half of what one call reads.
const WORTH_STORING: usize = 50;

/// How a run behaves.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a call may wait for its turn in an account's budget.
    pub patience: Duration,
    /// Whether this is the account's only consumer, who may read the feed to its end and move its cursor.
    pub lane: bool,
    /// Whether having read on in the feed is worth a write by itself: the cursor cannot move past what was not stored.
    pub keep_place: bool,
    /// Whether orders are counted instead of the feed, because the feed has a gap.
    pub by_orders: bool,
}

impl Pace {
    /// For hints that came alone.
    #[must_use]
    pub const fn hint() -> Self {
        Self { patience: Duration::from_millis(1_500), lane: false, keep_place: false, by_orders: false }
    }

    /// For the bulk path of one account.
    #[must_use]
    pub const fn lane() -> Self {
        Self { patience: Duration::from_secs(10), lane: true, keep_place: false, by_orders: false }
    }

    /// For an account's feed, of which so many entries lie beyond the cursor.
    #[must_use]
    pub const fn feed(entries: usize) -> Self {
        Self { keep_place: entries >= WORTH_STORING, ..Self::lane() }
    }

    /// For an account whose feed has a gap.
    #[must_use]
    pub const fn by_orders() -> Self {
        Self { by_orders: true, ..Self::lane() }
    }
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// SKUs looked at.
    pub skus: u64,
    /// Changes counted.
    pub counted: u64,
    /// Listings written.
    pub pushed: u64,
    /// Conditional writes of ledgers.
    pub commits: u64,
    /// Listings that wait.
    pub waiting: u64,
    /// SKUs that failed: the hints that named them must come again.
    pub failed: BTreeMap<Sku, String>,
    /// Accounts whose hints could not be named because the feed could not be read; they wait durably.
    pub unnamed: u64,
}

impl Report {
    /// Adds what another run did.
    pub(crate) fn take(&mut self, other: Self) {
        self.skus += other.skus;
        self.counted += other.counted;
        self.pushed += other.pushed;
        self.commits += other.commits;
        self.waiting += other.waiting;
        self.unnamed += other.unnamed;
        self.failed.extend(other.failed);
    }
}

/// What a run need not ask a store for.
#[derive(Default)]
pub(crate) struct Known {
    /// Orders that were listed.
    pub(crate) orders: BTreeMap<AccountId, Vec<Order>>,
    /// What an account's feed shows beyond its cursor.
    pub(crate) page: Option<(AccountId, Arc<Movements>)>,
}

/// A run in progress.
pub(crate) struct Run<'a> {
    hub: &'a Hub,
    accounts: Accounts,
    pace: Pace,
    started: Timestamp,
    jobs: BTreeMap<Sku, Job>,
    /// Ledgers of parts of kits that are only read.
    parts: BTreeMap<Sku, Ledger>,
    later: BTreeMap<(AccountId, Touch), Todo>,
    /// Accounts whose lanes shall read on.
    lanes: BTreeSet<AccountId>,
    /// Orders that this run knows of, by account: for stores whose orders are listed in turn.
    orders: BTreeMap<AccountId, Vec<Order>>,
    /// What an account's feed showed before the first round.
    page: Option<(AccountId, Arc<Movements>)>,
    /// What the stores have said that units are.
    named: BTreeMap<Unit, Option<Sku>>,
    report: Report,
    /// What people have decided about listings of accounts in quarantine.
    verdicts: BTreeMap<(Sku, ListingId), Verdict>,
    /// What was put right because another writer changed it.
    corrections: Vec<Correction>,
    /// Listings that were decided about and looked at since.
    handled: Vec<(Sku, ListingId)>,
}

impl Hub {
    /// Works through hints. When it returns, each SKU is in sync, waits durably, or is named in [`Report::failed`].
    ///
    /// # Errors
    /// [`Error`] when nothing could be done at all; then every hint must come again.
    pub async fn sync(&self, hints: &[Hint], pace: Pace) -> Result<Report, Error> {
        self.sync_with(hints, pace, Known::default()).await
    }

    /// The same, with what is known already.
    pub(crate) async fn sync_with(&self, hints: &[Hint], pace: Pace, known: Known) -> Result<Report, Error> {
        let mut run = Run {
            hub: self,
            accounts: self.accounts().await?,
            pace,
            started: self.clock.now(),
            jobs: BTreeMap::new(),
            parts: BTreeMap::new(),
            later: BTreeMap::new(),
            lanes: BTreeSet::new(),
            orders: known.orders,
            page: known.page,
            named: BTreeMap::new(),
            report: Report::default(),
            verdicts: BTreeMap::new(),
            corrections: Vec::new(),
            handled: Vec::new(),
        };
        // what is asked for now is looked at by the hub that goes on
        if self.stands_still().is_some() {
            return Ok(Report::default());
        }
        run.name(hints).await?;
        for _ in 0..ROUNDS {
            if !run.round().await? || run.is_late() {
                break;
            }
            run.page = None;
        }
        run.finish().await
    }
}

impl Run<'_> {
    /// One round over the SKUs that are still open; `false` when none is left.
    async fn round(&mut self) -> Result<bool, Error> {
        let open = self.open();
        if open.is_empty() {
            return Ok(false);
        }
        self.load(&open).await?;
        self.take_kin().await?;
        let open = self.open();
        self.resolve(&open).await;
        self.look(&open).await;
        let (kits, others): (Vec<Sku>, Vec<Sku>) =
            open.into_iter().partition(|sku| self.jobs.get(sku).is_some_and(Job::is_kit));
        self.count_and_claim(&kits).await;
        self.count_and_claim(&others).await;
        self.send().await;
        self.reopen_kin();
        Ok(true)
    }

    fn open(&self) -> Vec<Sku> {
        self.jobs.iter().filter(|(_, job)| job.state == State::Open).map(|(sku, _)| sku.clone()).collect()
    }

    fn is_late(&self) -> bool {
        let worked = self.hub.clock.now().since_ms(self.started);
        i64::try_from(self.hub.config.deadline.as_millis()).is_ok_and(|limit| worked >= limit)
    }

    /// Leaves what is not in sync for later, durably, and writes the history.
    async fn finish(mut self) -> Result<Report, Error> {
        let now = self.hub.clock.now();
        let unfinished: Vec<(Sku, AccountId)> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.state == State::Open)
            .map(|(sku, job)| (sku.clone(), job.asker.clone()))
            .collect();
        for (sku, account) in unfinished {
            self.postpone(&sku, &account, now.plus_ms(UNFINISHED_MS), "the run ended before it was in sync");
        }
        self.report.waiting = self.later.len() as u64;
        if !planted::is(Mistake::EarlyAck) {
            self.hub.postpone(std::mem::take(&mut self.later).into_values().collect()).await?;
        }
        for account in &self.lanes {
            self.hub.wake_lane(account).await?;
        }
        self.write_history(now).await;
        if let Err(error) = self.hub.note_corrections(&self.corrections).await {
            tracing::error!(%error, "corrections not noted");
        }
        if let Err(error) = self.hub.note_handled(&self.handled).await {
            tracing::error!(%error, "what was decided about is not noted as done");
        }
        self.note_oversold().await;
        if let Err(error) = self.hub.note_units(&self.named).await {
            tracing::warn!(%error, "names of units not noted");
        }
        if let Err(error) = self.hub.flush_health(false).await {
            tracing::warn!(%error, "health not stored");
        }
        self.report.skus = self.jobs.len() as u64;
        for (sku, job) in self.jobs {
            if let State::Failed(error) = job.state {
                self.report.failed.insert(sku, error);
            }
        }
        Ok(self.report)
    }

    async fn write_history(&self, now: Timestamp) {
        let told: Vec<History> = self.jobs.iter().filter_map(|(sku, job)| job.history(sku, now)).collect();
        meter::tell(&self.accounts, &told);
        let rows: Vec<_> = told.iter().map(|history| history.row(self.hub.clock.random())).collect();
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.hub.store.put_all(&rows).await {
            tracing::error!(%error, rows = rows.len(), "history not written");
        }
    }

    /// Notes the SKUs of which this run has found more sold than there was.
    async fn note_oversold(&self) {
        let sold: Vec<Sku> =
            self.jobs.iter().filter(|(_, job)| job.fell_below_zero()).map(|(sku, _)| sku.clone()).collect();
        if let Err(error) = self.hub.note_oversold(&sold).await {
            tracing::error!(%error, "oversold SKUs not noted");
        }
    }

    /// Looks again at a SKU's listings of an account, at or after `due`.
    fn postpone(&mut self, sku: &Sku, account: &AccountId, due: Timestamp, reason: &str) {
        let todo = self.todo(sku, account, due, reason);
        self.wait(todo);
    }

    /// Writes a SKU's listings of an account, at or after `due`; nothing has to be looked at. With `lane` it is the account's
    /// lane that does so, together with whatever else waits.
    fn postpone_write(&mut self, sku: &Sku, account: &AccountId, due: Timestamp, reason: &str, lane: bool) {
        let todo = Todo { write: true, lane, ..self.todo(sku, account, due, reason) };
        if lane {
            self.lanes.insert(account.clone());
        }
        self.wait(todo);
    }

    /// Looks again at what a store told of, at or after `due`; closely, where somebody has asked for that.
    fn postpone_told(&mut self, sku: &Sku, account: &AccountId, due: Timestamp, reason: &str) {
        let told = self.jobs.get(sku).is_some_and(|job| !job.look_closely.contains(account));
        let todo = Todo { told, ..self.todo(sku, account, due, reason) };
        self.wait(todo);
    }

    /// Looks again at a SKU's listings of an account by its lane, which takes all that waits there together.
    fn look_in_lane(&mut self, sku: &Sku, account: &AccountId, reason: &str) {
        let todo = Todo { lane: true, ..self.todo(sku, account, self.hub.clock.now(), reason) };
        self.lanes.insert(account.clone());
        self.wait(todo);
    }

    fn todo(&self, sku: &Sku, account: &AccountId, due: Timestamp, reason: &str) -> Todo {
        let job = self.jobs.get(sku);
        let urgent = job.is_some_and(Job::is_sold_out);
        let attempts = job.map_or(0, |job| job.attempts) + 1;
        let (account, touch) = (account.clone(), Touch::Sku(sku.clone()));
        let level = job.and_then(|job| job.ledger.as_ref()).map(domain::Ledger::total);
        Todo {
            account,
            touch,
            reason: reason.into(),
            due,
            attempts,
            urgent,
            level,
            write: false,
            told: false,
            lane: false,
            asked: job.and_then(|job| job.asked.clone()),
        }
    }

    /// Makes something wait until it is due; what waits already waits no longer than before.
    fn wait(&mut self, todo: Todo) {
        let key = (todo.account.clone(), todo.touch.clone());
        let (due, write, told, lane) = (todo.due, todo.write, todo.told, todo.lane);
        let kept = self.later.entry(key).or_insert(todo);
        // who asks for more gets it
        let is_told = (kept.told || kept.write) && (told || write);
        (kept.due, kept.write, kept.lane) = (kept.due.min(due), kept.write && write, kept.lane && lane);
        kept.told = is_told && !kept.write;
    }

    /// When a push that is on its way should have ended: later each time, a slow store takes its time.
    fn when_over(&self, sku: &Sku, now: Timestamp) -> Timestamp {
        let attempts = self.jobs.get(sku).map_or(0, |job| job.attempts);
        let wait = i64::try_from(retry::back_off_ms(attempts, self.hub.clock.random())).unwrap_or(i64::MAX);
        now.plus_ms(wait.max(PENDING_MS))
    }

    /// Whether a call was held back, by our own count, because so many others go before; not because its store has failed.
    fn is_out_of_turn(&self, account: &AccountId, held_back: bool) -> bool {
        let open = self.hub.budgets.closed_until(account, self.hub.clock.now()).is_none();
        held_back && open && !self.pace.lane
    }

    /// When an account may be called again.
    fn opens_at(&self, account: &AccountId) -> Timestamp {
        let now = self.hub.clock.now();
        let closed = self.hub.budgets.closed_until(account, now);
        closed.unwrap_or_else(|| now.plus_ms(UNFINISHED_MS))
    }
}

/// How soon a listing with a push on its way is looked at again at the earliest, milliseconds.
const PENDING_MS: i64 = 2_000;
/// How soon an unfinished SKU is looked at again, milliseconds.
const UNFINISHED_MS: i64 = 1_000;
