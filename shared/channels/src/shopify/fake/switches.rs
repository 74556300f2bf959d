//! What Shopify's documents leave open, and what a test may want to be otherwise. `docs.md` names each.

use serde::{Deserialize, Serialize};

/// What a grant by client credentials ends in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// A token.
    #[default]
    Given,
    /// App and store belong to different organisations.
    ShopNotPermitted,
    /// The app is not installed.
    AppNotInstalled,
}

/// What a write to a level that is not active does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotStocked {
    /// It is refused with `ITEM_NOT_STOCKED_AT_LOCATION`, where the version still has that code.
    Strict,
    /// It succeeds, and nobody sees the stock.
    #[default]
    Lax,
    /// It succeeds, and a second one adds to what is on hand.
    Additive,
}

/// What a key does whose first call was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailedKey {
    /// It is refused with `IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED`.
    #[default]
    Refused,
    /// The refusal is given again.
    Replayed,
}

/// How a bulk operation ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BulkEnd {
    /// With a file.
    #[default]
    Completed,
    /// With a part of one.
    Failed,
    /// Never.
    Never,
}

/// The switches of a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "switches")]
pub struct Switches {
    /// What the bucket of points holds, and what it gains in a second.
    pub bucket: (f64, f64),
    /// A throttled request is answered with 429 and `Retry-After` instead of 200.
    pub throttle_429: bool,
    /// What a grant ends in.
    pub grant: Grant,
    /// How long a token is really good, milliseconds; it always says a day.
    pub token_ms: i64,
    /// The scopes of the app.
    pub scopes: Vec<String>,
    /// The version that answers, whatever was asked for.
    pub served: Option<String>,
    /// The version that webhooks are sent in; UNKNOWN, two documents and a capture disagree.
    pub webhook_version: Option<String>,
    /// What a write to a level that is not active does.
    pub not_stocked: NotStocked,
    /// Whether a stale row is named by the error's path; UNKNOWN.
    pub stale_path: bool,
    /// Whether a mixed batch is applied in part; UNKNOWN, assumed not.
    pub partial_apply: bool,
    /// Whether a write to an untracked item is taken; UNKNOWN.
    pub untracked_writes: bool,
    /// What a key does whose first call was refused; UNKNOWN.
    pub failed_key: FailedKey,
    /// Whether what a key gives that is used again comes without its group; UNKNOWN.
    pub replay_bare: bool,
    /// Whether keys of other apps count as well; UNKNOWN.
    pub shared_keys: bool,
    /// Whether stocking an item again sets the quantity that is given with it; UNKNOWN.
    pub reactivation_applies: bool,
    /// How long the total of a product lags behind its levels, milliseconds.
    pub total_lag_ms: i64,
    /// How long a call counts as still running after it was sent, milliseconds.
    pub concurrent_ms: i64,
    /// How long the index of the search lags behind, milliseconds.
    pub search_lag_ms: i64,
    /// Whether the search gives all that begins with a word of what was sought.
    pub search_broad: bool,
    /// Whether the search does not know `sku`, and gives everything with a warning.
    pub search_deaf: bool,
    /// How long a bulk operation takes, milliseconds.
    pub bulk_ms: i64,
    /// How it ends.
    pub bulk_end: BulkEnd,
    /// Whether children are scattered over the file instead of following their parents.
    pub bulk_scattered: bool,
    /// Whether the file's host ignores `Range` and sends everything.
    pub ignore_range: bool,
    /// Whether a write that changes nothing fires a webhook; UNKNOWN.
    pub noop_fires: bool,
    /// Whether a change of on hand or committed alone fires a webhook; UNKNOWN.
    pub silent_fires: bool,
    /// Whether stocking and unstocking an item fire connect and disconnect; UNKNOWN.
    pub connect_fires: bool,
    /// Whether a webhook's body is built when it is sent, so that several show the last value.
    pub coalesce: bool,
    /// Whether webhooks say `null` for what is available.
    pub null_available: bool,
    /// How long until a webhook leaves, milliseconds.
    pub webhook_delay_ms: i64,
    /// How long until the first of eight retries, milliseconds; each next one waits twice as long.
    pub retry_ms: i64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            bucket: (2000.0, 100.0),
            throttle_429: false,
            grant: Grant::Given,
            token_ms: 86_399_000,
            scopes: super::super::SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            served: None,
            webhook_version: None,
            not_stocked: NotStocked::Lax,
            stale_path: true,
            partial_apply: false,
            untracked_writes: true,
            failed_key: FailedKey::Refused,
            replay_bare: false,
            shared_keys: false,
            reactivation_applies: true,
            total_lag_ms: 5_000,
            concurrent_ms: 0,
            search_lag_ms: 0,
            search_broad: true,
            search_deaf: false,
            bulk_ms: 3_000,
            bulk_end: BulkEnd::Completed,
            bulk_scattered: false,
            ignore_range: false,
            noop_fires: false,
            silent_fires: false,
            connect_fires: true,
            coalesce: true,
            null_available: false,
            webhook_delay_ms: 0,
            // 56 s doubled seven times is four hours in all
            retry_ms: 56_000,
        }
    }
}
