//! The shapes of alerts and quarantine, for the document; see [`super::schema`].
#![expect(dead_code, reason = "they describe; the engine's own types are what is sent")]

use utoipa::ToSchema;

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum AlarmKind {
    Quarantine,
    TwoHubs,
    Contested,
    Failing,
    NoRead,
    SilentWebhooks,
    BrokenWebhooks,
    Credentials,
    Waiting,
    Slow,
    Clash,
    DeadLetters,
    Oversold,
    LowStock,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum AlertWay {
    Email,
    Slack,
    Webhook,
}

/// Somebody who is told.
#[derive(ToSchema)]
pub(crate) struct AlertTarget {
    name: String,
    way: AlertWay,
    /// The mail address, or the host of the webhook; its whole address is a secret.
    to: String,
    /// Only of these kinds; of all when empty.
    kinds: Vec<AlarmKind>,
}

/// Somebody new to tell.
#[derive(ToSchema)]
pub(crate) struct NewTarget {
    /// a-z, 0-9 and -.
    name: String,
    way: AlertWay,
    /// A mail address, or the address of a webhook.
    to: String,
    /// Only of these kinds.
    #[schema(required = false)]
    kinds: Vec<AlarmKind>,
}

/// Somebody who was just added.
#[derive(ToSchema)]
pub(crate) struct AddedTarget {
    name: String,
    way: AlertWay,
    to: String,
    kinds: Vec<AlarmKind>,
    /// What signs its webhooks, shown this once: `whsec_…`.
    secret: Option<String>,
}

/// From when on something is an alarm.
#[derive(ToSchema)]
pub(crate) struct AlertThresholds {
    /// Failed calls in a row.
    #[schema(required = false)]
    failures: u32,
    /// Minutes without a good read.
    #[schema(required = false)]
    no_read_minutes: i64,
    /// Minutes without a webhook while the feed shows movements.
    #[schema(required = false)]
    silent_minutes: i64,
    /// Movements that no webhook told of.
    #[schema(required = false)]
    silent_movements: u64,
    /// Days before credentials end.
    #[schema(required = false)]
    credential_days: i64,
    /// Minutes that work may wait past its time.
    #[schema(required = false)]
    waiting_minutes: i64,
    /// 95 of 100 changes reach the other stores within so many seconds.
    #[schema(required = false)]
    slow_seconds: i64,
    /// Dead messages.
    #[schema(required = false)]
    dead: u64,
    /// Units at or below which a SKU is low; 0 tells nothing.
    #[schema(required = false)]
    low_stock: i64,
}

/// What to change. What is absent stays.
#[derive(ToSchema)]
pub(crate) struct AlertsPatch {
    muted: Option<Vec<AlarmKind>>,
    /// 5 to 10080.
    repeat_minutes: Option<i64>,
    thresholds: Option<AlertThresholds>,
}

/// What is wrong.
#[derive(ToSchema)]
pub(crate) struct Alarm {
    kind: AlarmKind,
    /// With what: an account, a SKU, `hub`.
    subject: String,
    /// What it is, and what to do.
    text: String,
}

/// An alarm that is on.
#[derive(ToSchema)]
pub(crate) struct RaisedAlarm {
    alarm: Alarm,
    since: i64,
    /// When people were last told.
    told: i64,
}

/// Alarms and settings.
#[derive(ToSchema)]
pub(crate) struct AlertsView {
    targets: Vec<AlertTarget>,
    muted: Vec<AlarmKind>,
    repeat_minutes: i64,
    thresholds: AlertThresholds,
    alarms: Vec<RaisedAlarm>,
    /// Notices that are still on their way.
    waiting: u64,
    /// Whether this hub can send mail.
    can_mail: bool,
}

/// How a delivery went.
#[derive(ToSchema)]
pub(crate) struct Delivery {
    arrived: bool,
    /// What the other side said, when it did not.
    error: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// Believe the store.
    Release,
    /// Set the store back to the hub's level.
    Discard,
}

/// What a guard has seen of one listing.
#[derive(ToSchema)]
pub(crate) struct Suspect {
    sku: String,
    listing: String,
    /// The level that we knew.
    known: i64,
    /// The level that the store showed; null when it did not show the product at all.
    seen: Option<i64>,
    at: i64,
    /// Units counted of it before the guard stopped the account.
    counted: i64,
    verdict: Option<Verdict>,
    /// Whether the store was looked at since then, and what it showed has settled.
    handled: bool,
}

/// An account's quarantine.
#[derive(ToSchema)]
pub(crate) struct QuarantineView {
    /// Why the account is not believed; null when it is.
    why: Option<String>,
    rows: Vec<Suspect>,
    /// Where to go on; null after the last page.
    next: Option<String>,
}

/// What a decision did.
#[derive(ToSchema)]
pub(crate) struct Judged {
    /// Listings decided about.
    listings: u64,
    /// Whether the account is believed and written again.
    lifted: bool,
}
