//! What the hub costs on AWS at list prices: counts of calls times prices. `docs/COSTS.md` explains the figures; the counts are
//! those of a test that has the shipped artefacts work, and that fails when one of them is exceeded.

use serde::{Deserialize, Serialize};

/// Dollars for a million of each, but where another unit is named: list prices of us-east-1, without any free tier.
#[derive(Debug, Clone, Copy)]
pub struct Prices {
    /// Requests at an HTTP API. <https://aws.amazon.com/api-gateway/pricing/>
    pub api: f64,
    /// Lambda invocations. <https://aws.amazon.com/lambda/pricing/>
    pub invocations: f64,
    /// Lambda on arm64, for a million GB-seconds.
    pub gb_seconds: f64,
    /// Requests at a standard queue with message groups. <https://aws.amazon.com/sqs/pricing/>
    pub fair: f64,
    /// Requests at a FIFO queue.
    pub fifo: f64,
    /// Write request units of a table on demand. <https://aws.amazon.com/dynamodb/pricing/on-demand/>
    pub writes: f64,
    /// Read request units.
    pub reads: f64,
    /// Log lines, for a GB. <https://aws.amazon.com/cloudwatch/pricing/>
    pub logs_gb: f64,
    /// A secret, for a month. <https://aws.amazon.com/secrets-manager/pricing/>
    pub secret_month: f64,
    /// Calls of secrets.
    pub secret_calls: f64,
    /// Ticks of timers. <https://aws.amazon.com/eventbridge/pricing/>
    pub ticks: f64,
    /// An alarm, for a month.
    pub alarm_month: f64,
    /// A metric of one's own, for a month in which each hour has a value.
    pub metric_month: f64,
}

/// As of November 2026.
pub const PRICES: Prices = Prices {
    api: 1.00,
    invocations: 0.20,
    gb_seconds: 13.3334,
    fair: 0.50,
    fifo: 0.50,
    writes: 0.625,
    reads: 0.125,
    logs_gb: 0.50,
    secret_month: 0.40,
    secret_calls: 5.00,
    ticks: 1.00,
    alarm_month: 0.10,
    metric_month: 0.30,
};

/// What cannot be counted on an emulator, because its calls are slow: how long the functions run, and their memory.
#[derive(Debug, Clone, Copy)]
pub struct Assumed {
    /// GB of the webhook function, as in the template.
    pub webhook_gb: f64,
    /// Seconds that it runs for a webhook when it is warm.
    pub webhook_seconds: f64,
    /// GB of the sync function.
    pub sync_gb: f64,
    /// Seconds that it runs for a change: mostly waiting for stores.
    pub sync_seconds: f64,
    /// Bytes that Lambda itself logs for an invocation: none, where the template has it tell only of what is wrong.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
    pub log_bytes: f64,
}

/// Memory as in the template; durations as stores over the internet make them.
pub const ASSUMED: Assumed =
    Assumed { webhook_gb: 0.25, webhook_seconds: 0.008, sync_gb: 0.25, sync_seconds: 0.55, log_bytes: 0.0 };

/// What was counted while some changes went through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Requests at the front door.
    pub webhooks: f64,
    /// Invocations of sync.
    pub runs: f64,
    /// Requests at the queue of changes, those of the event source mapping included.
    pub fair: f64,
    /// Requests at the lane.
    pub fifo: f64,
    /// Write units.
    pub writes: f64,
    /// Read units.
    pub reads: f64,
    /// Calls of secrets.
    pub secrets: f64,
    /// Bytes that the functions logged.
    pub log_bytes: f64,
}

impl Counts {
    /// What one change asks for in so many stores, the one where it happens included: a webhook of each, as each write comes back
    /// as one, a run, two writes of the ledger's row, a line of history that is in the index by day too, and the sale's line.
    #[must_use]
    pub fn of_change(stores: u32) -> Self {
        let stores = f64::from(stores.max(2));
        let ledger = ((LEDGER_BYTES + LISTING_BYTES * stores) / 1_024.0).ceil();
        Self {
            webhooks: stores,
            runs: 1.0,
            fair: 3.0,
            writes: 2.0 * ledger + 3.0,
            reads: 7.0 + ledger,
            log_bytes: 950.0,
            ..Self::default()
        }
    }

    /// What a sweep asks for in which nothing happened: it looks at each account, and calls the lanes of those with a feed.
    #[must_use]
    pub fn of_sweep(stores: u32) -> Self {
        let stores = f64::from(stores);
        Self { fair: 1.0, fifo: (stores + 2.0) / 4.0, reads: 17.0 + 10.0 * stores, log_bytes: 320.0, ..Self::default() }
    }

    /// The same for one of `changes` changes.
    #[must_use]
    pub fn of_one(self, changes: f64) -> Self {
        Self {
            webhooks: self.webhooks / changes,
            runs: self.runs / changes,
            fair: self.fair / changes,
            fifo: self.fifo / changes,
            writes: self.writes / changes,
            reads: self.reads / changes,
            secrets: self.secrets / changes,
            log_bytes: self.log_bytes / changes,
        }
    }

    /// What a million changes cost: each part in dollars. With a Function URL the front door costs nothing.
    #[must_use]
    pub fn dollars(&self, prices: &Prices, assumed: &Assumed, through_api: bool) -> Vec<(&'static str, f64)> {
        let gb_seconds = self.webhooks * assumed.webhook_gb * assumed.webhook_seconds
            + self.runs * assumed.sync_gb * assumed.sync_seconds;
        let invocations = self.webhooks + self.runs;
        let log_bytes = self.log_bytes + invocations * assumed.log_bytes;
        vec![
            ("front door", if through_api { self.webhooks * prices.api } else { 0.0 }),
            ("invocations", invocations * prices.invocations),
            ("their duration", gb_seconds * prices.gb_seconds),
            ("queues", self.fair * prices.fair + self.fifo * prices.fifo),
            ("table, writes", self.writes * prices.writes),
            ("table, reads", self.reads * prices.reads),
            ("secrets", self.secrets * prices.secret_calls),
            ("logs", log_bytes * prices.logs_gb / 1_000.0),
        ]
    }
}

/// What a month costs in which nothing happens, whatever was counted in it apart.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// Stores.
    pub accounts: f64,
    /// Secrets of the hub, without the one of tokens, which a person makes.
    pub secrets: f64,
    /// Alarms of the template.
    pub alarms: f64,
    /// What one sweep asks for, with the runs of the lanes that it calls.
    pub sweep: Counts,
}

/// Sweeps of a month.
const SWEEPS: f64 = 43_200.0;
/// All other ticks of a month.
const OTHER_TICKS: f64 = 2_940.0;
/// The secret of tokens.
const TOKENS: f64 = 1.0;
/// Polls of one queue in a month: five pollers that wait 20 seconds each.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
const POLLS: f64 = 648_000.0;
/// Seconds that a sweep runs, times GB of its function.
const SWEEP_GB_SECONDS: f64 = 0.1 * 1.0;
/// How often the health of an account is stored in a month, with a read before: every five minutes.
const HEALTH: f64 = 8_640.0;
/// Seconds that a lane runs in which nothing waits: one call to its store.
const LANE_SECONDS: f64 = 0.25;

impl Idle {
    /// Dollars a month, each part.
    #[must_use]
    pub fn dollars(&self, prices: &Prices, assumed: &Assumed) -> Vec<(&'static str, f64)> {
        let million = 1e6;
        let sweeps = SWEEPS / million;
        // at worst each lane is a run of its own; the hub has one too
        let runs = (self.accounts + 1.0) * SWEEPS;
        let gb_seconds = runs * LANE_SECONDS * assumed.sync_gb + SWEEPS * SWEEP_GB_SECONDS;
        let log_bytes = self.sweep.log_bytes * SWEEPS + (runs + SWEEPS) * assumed.log_bytes;
        vec![
            ("secrets", (self.secrets + TOKENS) * prices.secret_month),
            ("alarms", self.alarms * prices.alarm_month),
            ("polls of queues", 2.0 * POLLS / million * prices.fair),
            ("timers", (SWEEPS + OTHER_TICKS) / million * prices.ticks),
            ("invocations", (runs + SWEEPS) / million * prices.invocations),
            ("their duration", gb_seconds / million * prices.gb_seconds),
            ("queues", (self.sweep.fifo + 2.0 * (self.accounts + 1.0)) * sweeps * prices.fifo),
            ("table, writes", self.sweep.writes * sweeps * prices.writes),
            ("table, reads", self.sweep.reads * sweeps * prices.reads),
            ("health", self.accounts * HEALTH / million * (prices.writes + prices.reads)),
            ("metric Waiting", prices.metric_month * 2.0),
            ("logs", log_bytes / 1e9 * prices.logs_gb),
        ]
    }
}

/// The sum of the parts.
#[must_use]
pub fn sum(parts: &[(&'static str, f64)]) -> f64 {
    parts.iter().map(|(_, dollars)| dollars).sum()
}

/// Bytes of a ledger's row without its listings.
const LEDGER_BYTES: f64 = 120.0;
/// Bytes of a listing in it.
const LISTING_BYTES: f64 = 36.0;
/// Secrets of a hub besides that of tokens: one for all accounts, one that signs.
const SECRETS: f64 = 2.0;
/// Alarms of the template that are always there.
const ALARMS: f64 = 12.0;

/// A part of a sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What it is for.
    pub what: String,
    /// Dollars.
    pub dollars: f64,
}

/// What a hub of so many stores costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Stores, the master included.
    pub stores: u32,
    /// Where the prices are from.
    pub prices: String,
    /// Dollars for a thousand changes behind a Function URL.
    pub thousand_changes: f64,
    /// The same through an HTTP API.
    pub thousand_changes_http_api: f64,
    /// Dollars of a month in which nothing happens.
    pub idle_month: f64,
    /// What a million changes are made of, in dollars, behind a Function URL.
    pub million_changes_parts: Vec<Part>,
    /// What such a month is made of.
    pub idle_month_parts: Vec<Part>,
}

impl Costs {
    /// Of so many stores on AWS. One process on a machine of one's own asks none of it.
    #[must_use]
    pub fn of(stores: u32) -> Self {
        let change = Counts::of_change(stores);
        let parts = change.dollars(&PRICES, &ASSUMED, false);
        let (accounts, sweep) = (f64::from(stores), Counts::of_sweep(stores));
        let month = Idle { accounts, secrets: SECRETS, alarms: ALARMS, sweep }.dollars(&PRICES, &ASSUMED);
        Self {
            stores,
            prices: "list prices of us-east-1, November 2026, without a free tier".into(),
            thousand_changes: sum(&parts) / 1_000.0,
            thousand_changes_http_api: sum(&change.dollars(&PRICES, &ASSUMED, true)) / 1_000.0,
            idle_month: sum(&month),
            million_changes_parts: named(&parts),
            idle_month_parts: named(&month),
        }
    }
}

fn named(parts: &[(&'static str, f64)]) -> Vec<Part> {
    let worth_telling = parts.iter().filter(|(_, dollars)| *dollars > 0.0);
    worth_telling.map(|(what, dollars)| Part { what: (*what).to_owned(), dollars: *dollars }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_counts_times_prices() {
        let counts = Counts { webhooks: 11.0, runs: 1.0, fair: 3.0, ..Counts::default() };
        let parts = counts.dollars(&PRICES, &ASSUMED, true);
        assert!((parts[0].1 - 11.0).abs() < 1e-9);
        assert!((parts[3].1 - 1.5).abs() < 1e-9);
        assert!((sum(&parts) - sum(&counts.dollars(&PRICES, &ASSUMED, false)) - 11.0).abs() < 1e-9);
    }

    #[test]
    fn eleven_stores_cost_what_the_document_says() {
        let costs = Costs::of(11);
        assert!((costs.thousand_changes * 1_000.0 - 10.63).abs() < 0.01, "{costs:?}");
        assert!((costs.thousand_changes_http_api * 1_000.0 - 21.63).abs() < 0.01, "{costs:?}");
        assert!((5.45..5.80).contains(&costs.idle_month), "{costs:?}");
    }

    #[test]
    fn fewer_stores_cost_less_and_a_ledger_of_many_is_more_than_one_unit() {
        assert!(Costs::of(3).thousand_changes < Costs::of(11).thousand_changes);
        let (some, many) = (Counts::of_change(25), Counts::of_change(26));
        assert!(many.writes > some.writes && many.reads > some.reads, "{some:?} {many:?}");
    }
}
