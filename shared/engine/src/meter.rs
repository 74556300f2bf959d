//! What a run did: one line per change, for people; and one event per channel, for whoever makes metrics of it.

use crate::hub::{Accounts, Hub};
use crate::records::History;
use domain::AccountId;
use domain::push::Ended;
use std::collections::BTreeMap;

/// The target of the events that metrics are made of. Their fields: `channel`, and whole numbers: `changes`, `pushes`,
/// `stale`, `unknown`, `echoes`, `waiting`; `lag_ms` is numbers with commas between them.
pub const METRICS: &str = "evenstock::metrics";

/// The channel of an account that is gone, or of the hub itself.
const NO_CHANNEL: &str = "hub";

/// What a run did at the stores of one channel.
#[derive(Debug, Default)]
struct Tally {
    changes: u64,
    pushes: u64,
    stale: u64,
    unknown: u64,
    lag_ms: Vec<i64>,
}

/// Tells what a run did.
pub(crate) fn tell(accounts: &Accounts, told: &[History]) {
    let channel = |account: &AccountId| accounts.get(account).map_or(NO_CHANNEL, |it| it.channel.info().name);
    let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
    for history in told {
        line(history);
        for seen in &history.seen {
            tallies.entry(channel(&seen.listing.account)).or_default().changes += seen.counted.len() as u64;
        }
        for pushed in &history.pushed {
            let tally = tallies.entry(channel(&pushed.listing.account)).or_default();
            match pushed.outcome {
                Ended::Applied | Ended::Accepted => {
                    tally.pushes += 1;
                    tally.lag_ms.push(lag_ms(history));
                }
                Ended::Stale => tally.stale += 1,
                Ended::Unknown => tally.unknown += 1,
                Ended::NotSent => {}
            }
        }
    }
    for (channel, Tally { changes, pushes, stale, unknown, lag_ms }) in tallies {
        let lag_ms = lag_ms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        tracing::debug!(target: METRICS, channel, changes, pushes, stale, unknown, lag_ms = lag_ms.as_str());
    }
}

/// From what told of a change until all that followed from it was done, milliseconds.
fn lag_ms(history: &History) -> i64 {
    history.at.since_ms(history.since).max(0)
}

/// The line of a change: identities, numbers and causes, never a body.
fn line(history: &History) {
    let applied = |outcome: Ended| matches!(outcome, Ended::Applied | Ended::Accepted);
    let counted: usize = history.seen.iter().map(|seen| seen.counted.len()).sum();
    let written = history.pushed.iter().filter(|pushed| applied(pushed.outcome)).count();
    tracing::info!(
        sku = %history.sku,
        cause = history.cause.as_str(),
        trace = history.trace.as_deref().unwrap_or_default(),
        from = history.level.0,
        to = history.level.1,
        counted,
        written,
        unwritten = history.pushed.len() - written,
        lag_ms = lag_ms(history),
        "change"
    );
}

impl Hub {
    /// Tells how many webhooks of an account were dropped at the door.
    pub(crate) async fn tell_echoes(&self, account: &AccountId, echoes: u64) -> Result<(), crate::Error> {
        let accounts = self.accounts().await?;
        let channel = accounts.get(account).map_or(NO_CHANNEL, |it| it.channel.info().name);
        tracing::debug!(target: METRICS, channel, echoes);
        Ok(())
    }

    /// Tells how much work waits for the stores of each channel.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub async fn tell_waiting(&self) -> Result<(), crate::Error> {
        let accounts = self.accounts().await?;
        let mut waiting: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (id, connected) in accounts.iter() {
            *waiting.entry(connected.channel.info().name).or_default() += self.waiting(id).await?;
        }
        for (channel, waiting) in waiting {
            tracing::debug!(target: METRICS, channel, waiting);
        }
        Ok(())
    }
}
