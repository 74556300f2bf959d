//! What the documents leave open, and what goes well or badly: one set of switches for each seller.

use serde::{Deserialize, Serialize};

/// What an absolute quantity does to units in pending orders. Nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushVsPending {
    /// The number is what may be sold now.
    Overwrite,
    /// Pending units are taken off the number.
    Net,
}

/// How a feed or a report ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// `DONE`.
    Done,
    /// It stays `IN_PROGRESS`, and what is behind it stays in the queue.
    Stuck,
    /// `FATAL`.
    Fatal,
    /// `CANCELLED`.
    Cancelled,
}

/// The encoding of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// Windows-1252.
    Cp1252,
    /// UTF-8.
    Utf8,
    /// Shift JIS.
    ShiftJis,
}

/// The columns of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Header {
    /// As documented.
    Usual,
    /// In another order, with one that nobody has documented.
    Odd,
    /// With names in another language.
    Localised,
}

/// The switches of one seller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// The documented limits times this; none without.
    pub rate_scale: Option<f64>,
    /// How long a write is only accepted, milliseconds; for ever without (accepted and lost).
    pub apply_ms: Option<i64>,
    /// Further writes of a SKU within this time wait until it has passed, milliseconds (the unpublished limit per SKU).
    pub sku_slow_ms: i64,
    /// UNKNOWN: what a write does to pending units.
    pub push_vs_pending: PushVsPending,
    /// UNKNOWN: whether `merge` adds a code that the listing does not have; else the write is invalid.
    pub merge_adds_code: bool,
    /// UNKNOWN: the largest quantity; none without.
    pub quantity_max: Option<i64>,
    /// UNKNOWN: whether a feed's message is carried out although a later patch of the SKU was; else it is dropped.
    pub feed_beats_later_patch: bool,
    /// UNKNOWN: whether a request without `x-amz-date` is refused.
    pub date_required: bool,
    /// UNKNOWN: whether the refresh token of a private app has run out.
    pub refresh_expired: bool,
    /// Whether the client secret is older than 180 days and has ended.
    pub secret_expired: bool,
    /// UNKNOWN: whether a feed that ends `FATAL` has a processing report.
    pub fatal_tells: bool,
    /// UNKNOWN: whether a cancelled line still shows what was ordered; else 0.
    pub cancelled_keeps_quantity: bool,
    /// UNKNOWN: whether the report's `pending-quantity` holds the pending units; else it is blank.
    pub pending_column: bool,
    /// UNKNOWN: whether an order event comes when the order is pending; else first when it is to be sent.
    pub event_at_pending: bool,
    /// INFERRED: whether our own writes cause quantity events.
    pub echo: bool,
    /// The status for a path whose SKU has `/` or `#`; carried out without.
    pub odd_sku_status: Option<u16>,
    /// How long an order is not listed, milliseconds.
    pub search_lag_ms: i64,
    /// Whether orders that are to be sent have a status that the model does not name.
    pub odd_status: bool,
    /// How feeds end.
    pub feed_fate: Fate,
    /// How long a feed takes, milliseconds.
    pub feed_ms: i64,
    /// How reports end.
    pub report_fate: Fate,
    /// How long a report takes, milliseconds.
    pub report_ms: i64,
    /// A report asked for within this time shows what the one before showed, milliseconds.
    pub report_cache_ms: i64,
    /// A report asked for within this time is cancelled, milliseconds.
    pub report_again_ms: i64,
    /// Whether result documents are packed.
    pub gzip: bool,
    /// The encoding of reports.
    pub script: Script,
    /// Whether the download names the encoding.
    pub names_charset: bool,
    /// Whether lines end with a line feed alone.
    pub bare_lines: bool,
    /// The columns of reports.
    pub header: Header,
    /// Whether queue messages are JSON texts with JSON inside.
    pub nested_json: bool,
    /// Whether envelopes are in `camelCase`.
    pub camel_case: bool,
    /// Milliseconds between a happening and its event.
    pub event_delay_ms: i64,
    /// The rate that answers tell, instead of the documented one.
    pub told_rate: Option<f64>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            rate_scale: None,
            apply_ms: Some(30_000),
            sku_slow_ms: 0,
            push_vs_pending: PushVsPending::Overwrite,
            merge_adds_code: true,
            quantity_max: None,
            feed_beats_later_patch: true,
            date_required: false,
            refresh_expired: false,
            secret_expired: false,
            fatal_tells: true,
            cancelled_keeps_quantity: true,
            pending_column: true,
            event_at_pending: true,
            echo: true,
            odd_sku_status: Some(403),
            search_lag_ms: 120_000,
            odd_status: false,
            feed_fate: Fate::Done,
            feed_ms: 120_000,
            report_fate: Fate::Done,
            report_ms: 60_000,
            report_cache_ms: 0,
            report_again_ms: 0,
            gzip: true,
            script: Script::Cp1252,
            names_charset: false,
            bare_lines: false,
            header: Header::Usual,
            nested_json: false,
            camel_case: false,
            event_delay_ms: 0,
            told_rate: None,
        }
    }
}
