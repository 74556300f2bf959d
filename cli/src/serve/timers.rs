//! The timers of one process: what the schedules are on AWS, and a look each second at what has become due.

use super::Stop;
use domain::{AccountId, ListingId};
use engine::ports::{Query, QueueName};
use engine::records::{self, Todo};
use engine::work::Task;
use engine::{Error, Hub};
use local::EmbeddedDynamo;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often the timers ring.
#[derive(Debug, Clone, Copy)]
pub struct Timers {
    /// Every account's lane is called: its feed shows what webhooks have missed. Costs a call to each store.
    pub sweep: Duration,
    /// All accounts are compared.
    pub compare: Duration,
    /// All accounts are compared, and their webhooks put in order.
    pub full: Duration,
    /// Webhooks that stores have disabled are enabled.
    pub health: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How soon after the start the first sweep looks for what was missed in the meantime.
const SOON: Duration = Duration::from_secs(1);
/// How often what waits is looked at; costs no call to a store.
const LOOK: Duration = Duration::from_secs(1);
/// Calls of lanes that may wait before no more are added.
const LANES_WAITING: u64 = 8;

impl Default for Timers {
    fn default() -> Self {
        Self { sweep: MINUTE, compare: 15 * MINUTE, full: DAY, health: DAY }
    }
}

/// Starts the timers.
pub(super) fn start(tasks: &mut JoinSet<()>, hub: &Arc<Hub>, database: EmbeddedDynamo, timers: Timers, stop: &Stop) {
    let schedule = [
        (Task::Sweep, SOON, timers.sweep),
        (Task::Compare, timers.compare, timers.compare),
        (Task::Full, timers.full, timers.full),
        (Task::Health, MINUTE, timers.health),
    ];
    for (task, first, period) in schedule {
        let hub = Arc::clone(hub);
        let ring = move || {
            let hub = Arc::clone(&hub);
            async move { ring_for(&hub, task).await.map_err(|error| format!("{task:?}: {error}")) }
        };
        tasks.spawn(every(first, period, stop.clone(), ring));
    }
    let looking = Arc::clone(hub);
    let look = move || {
        let hub = Arc::clone(&looking);
        async move { wake_due(&hub).await.map_err(|error| error.to_string()) }
    };
    tasks.spawn(every(LOOK, LOOK, stop.clone(), look));
    let preparing = Arc::clone(hub);
    let prepare = move || {
        let hub = Arc::clone(&preparing);
        async move { hub.prepare_filters().await.map_err(|error| error.to_string()) }
    };
    tasks.spawn(every(SOON, MINUTE, stop.clone(), prepare));
    tasks.spawn(every(HOUR, HOUR, stop.clone(), move || expire(database.clone())));
}

/// Rings until told to stop. Work that takes longer than the period makes the next ring late, never two at once.
async fn every<W: Future<Output = Result<(), String>>>(
    first: Duration,
    period: Duration,
    mut stop: Stop,
    ring: impl Fn() -> W,
) {
    let mut rings = interval_at(Instant::now() + first, period);
    rings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.told() => return,
            _ = rings.tick() => {}
        }
        if let Err(error) = ring().await {
            tracing::warn!(error, "a timer's work failed; it comes again");
        }
    }
}

/// Does a timer's work. A sweep is left out while the calls of former ones still wait: more would only add to them.
async fn ring_for(hub: &Hub, task: Task) -> Result<(), Error> {
    if task == Task::Sweep && lanes_are_full(hub).await? {
        hub.flush_health(false).await?;
        return hub.watch().await;
    }
    hub.run_task(task).await
}

async fn lanes_are_full(hub: &Hub) -> Result<bool, Error> {
    Ok(hub.queue.depth(QueueName::Lane).await?.waiting >= LANES_WAITING)
}

/// Calls the lanes of the accounts that have work due.
async fn wake_due(hub: &Hub) -> Result<(), Error> {
    if lanes_are_full(hub).await? {
        return Ok(());
    }
    let own = ListingId::hub().account;
    for account in hub.accounts().await?.keys().chain([&own]) {
        if has_due(hub, account).await? {
            hub.sweep_lane(account).await?;
        }
    }
    Ok(())
}

/// Whether the first row that waits for an account, urgent or not, is due: rows are ordered by when they are.
async fn has_due(hub: &Hub, account: &AccountId) -> Result<bool, Error> {
    let now = hub.clock.now();
    for urgency in records::URGENCIES {
        let query = Query {
            partition: records::todo_partition(account),
            index: false,
            prefix: urgency.into(),
            after: None,
            descending: false,
            limit: 1,
        };
        if let Some(row) = hub.store.query(&query).await?.rows.first()
            && records::body::<Todo>(row)?.due <= now
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes rows whose time has passed.
async fn expire(database: EmbeddedDynamo) -> Result<(), String> {
    let swept = tokio::task::spawn_blocking(move || database.sweep_expired()).await;
    let rows = swept.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    tracing::debug!(rows, "expired rows deleted");
    Ok(())
}
