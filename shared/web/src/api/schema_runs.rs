//! The shapes of runs, for the document.
#![expect(dead_code, reason = "they describe; the engine's own types are what is sent")]

use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a run does: an object whose `kind` says which fields it has.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) struct Job {
    kind: JobKind,
    /// `adopt`, `restore`, `settings`, `change`, `link`: do it; otherwise only show what would happen.
    #[schema(required = false, nullable = false)]
    apply: Option<bool>,
    /// `adopt`: which way levels go, by account, where it is not the usual one.
    #[schema(required = false, nullable = false)]
    directions: Option<BTreeMap<String, super::schema::Direction>>,
    /// `adopt`: SKUs that are left out; a star at the beginning or the end stands for anything.
    #[schema(required = false, nullable = false)]
    exclude: Option<Vec<String>>,
    /// `reconcile`, `restore`, `mapping`: only this account; `hub` names what was edited in Evenstock.
    #[schema(nullable = false)]
    account: Option<String>,
    /// `reconcile`, `import`, `feed`: only tell what differs.
    #[schema(required = false, nullable = false, rename = "dry_run")]
    dry_run: Option<bool>,
    /// `reconcile`: look only at what shows something else than last time, or was touched since.
    #[schema(required = false, nullable = false)]
    quick: Option<bool>,
    /// `import`: what the quantities mean.
    #[schema(required = false, nullable = false)]
    mode: Option<Mode>,
    /// `import`: whose stock it is; the main warehouse if absent.
    #[schema(required = false, nullable = false)]
    warehouse: Option<String>,
    /// `import`: why.
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
    /// `feed`: its name.
    #[schema(required = false, nullable = false)]
    name: Option<String>,
    /// `feed`: do it whatever the mass-zero guard says.
    #[schema(required = false, nullable = false)]
    believe: Option<bool>,
    /// `restore`: everything edited since this snapshot was taken.
    #[schema(required = false, nullable = false)]
    snapshot: Option<String>,
    /// `restore`: everything edited since this time, milliseconds since 1970.
    #[schema(required = false, nullable = false)]
    time: Option<i64>,
    /// `restore`: what this run edited.
    #[schema(required = false, nullable = false)]
    run: Option<String>,
    /// `restore`: only these SKUs.
    #[schema(required = false, nullable = false)]
    items: Option<Vec<String>>,
    /// `restore`: only SKUs that begin with this.
    #[schema(required = false, nullable = false)]
    prefix: Option<String>,
    /// `restore`: only SKUs that are in this group now.
    #[schema(required = false, nullable = false)]
    group: Option<String>,
    /// `restore`, with a snapshot: the levels that this account's store had in it become the hub's, plus what was sold since.
    #[schema(required = false, nullable = false, rename = "levels_of")]
    levels_of: Option<String>,
    /// `settings`: for whom; the hub if nothing is given.
    #[schema(required = false, nullable = false)]
    scope: Option<super::schema_rules::Scope>,
    /// `settings`: by name; null inherits.
    #[schema(required = false, nullable = false, value_type = Object)]
    set: Option<()>,
    /// `settings`: to be inherited again, by name.
    #[schema(required = false, nullable = false)]
    clear: Option<Vec<String>>,
    /// `change`: which items; all if nothing is given.
    #[schema(required = false, nullable = false)]
    filter: Option<super::schema_rules::Filter>,
    /// `change`: what to do with each.
    #[schema(required = false, nullable = false)]
    action: Option<super::schema_rules::Action>,
    /// `link`: one of `{"link": {"location", "warehouse", "moving"}}`, `{"unlink": location}`,
    /// `{"feed": [account, [warehouse, …]]}`, `{"zero": [account, true]}`.
    #[schema(required = false, nullable = false, value_type = Object)]
    order: Option<()>,
}

/// What the quantities of a file mean: the level; the difference; the most that there may be.
#[derive(ToSchema, serde::Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    #[default]
    Set,
    Adjust,
    OnlyLower,
}

/// The levels that the hub and the stores had.
#[derive(ToSchema)]
pub(crate) struct Snapshot {
    /// The name of the run that took it.
    id: String,
    /// The time that it shows.
    at: i64,
    /// What it was taken before.
    why: String,
    actor: String,
    skus: u64,
}

/// One SKU of a snapshot.
#[derive(ToSchema)]
pub(crate) struct SnapshotLevels {
    sku: String,
    /// The hub level of each warehouse; empty when the hub did not know the SKU yet.
    hub: BTreeMap<String, i64>,
    /// The level that each store was known to have, by `account@location`.
    stores: BTreeMap<String, Option<i64>>,
}

/// What a run does.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum JobKind {
    Adopt,
    Reconcile,
    Import,
    Feed,
    Snapshot,
    Restore,
    Settings,
    Change,
    Group,
    Link,
    Connect,
    Mapping,
}

/// A long job.
#[derive(ToSchema)]
pub(crate) struct Run {
    /// Later runs have greater ones.
    id: String,
    job: Job,
    /// Who started it.
    actor: String,
    state: RunState,
    /// Whether a person asked it to stop.
    stopping: bool,
    progress: RunProgress,
    created: i64,
    /// When it was last heard of.
    updated: i64,
    ended: Option<i64>,
    /// What it came to; its shape is that of the job's own endpoint.
    #[schema(value_type = Option<Object>)]
    result: Option<()>,
    /// Why it failed, or why it waits to be tried again.
    error: Option<String>,
    /// What it could not do: the first 200.
    faults: Vec<Fault>,
    faults_total: u64,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum RunState {
    Open,
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

/// How far a run is.
#[derive(ToSchema)]
pub(crate) struct RunProgress {
    step: String,
    done: u64,
    /// 0 while nobody knows.
    all: u64,
}

/// Something that a run could not do; the rest went on.
#[derive(ToSchema)]
pub(crate) struct Fault {
    /// A line of what was given, a SKU, an account.
    place: String,
    message: String,
}

/// What a run did to one SKU.
#[derive(ToSchema)]
pub(crate) struct RunDone {
    /// Its place in what the run was given, from 1.
    place: u64,
    sku: String,
    warehouse: String,
    before: i64,
    after: i64,
}

/// One line of a stock file.
#[derive(ToSchema)]
pub(crate) struct Line {
    /// Its number as an editor shows it, from 1; no two lines of a run have the same.
    line: u64,
    sku: String,
    /// A whole number, as text: what cannot be read is told for its line only.
    quantity: String,
    /// Where the stock is.
    #[schema(nullable = false)]
    warehouse: Option<String>,
}

/// A file at an address that is fetched on a schedule.
#[derive(ToSchema)]
pub(crate) struct StockFeed {
    /// a-z, 0-9, - and _.
    name: String,
    /// https, at a public address.
    url: String,
    #[schema(required = false)]
    format: Format,
    #[schema(required = false)]
    columns: Columns,
    #[schema(required = false)]
    mode: Mode,
    /// Whose stock it is, where a line does not say.
    #[schema(required = false)]
    warehouse: Option<String>,
    /// Minutes from one fetch to the next, 5 to 10080; null: only when asked.
    #[schema(required = false)]
    every_minutes: Option<u32>,
    /// The name of the header that carries its secret.
    #[schema(required = false)]
    header: Option<String>,
    /// SKUs of the hub that the feed does not name get zero. Never without the mass-zero guard.
    #[schema(required = false)]
    missing_means_zero: bool,
    /// Not fetched by the schedule for now.
    #[schema(required = false)]
    paused: bool,
}

/// How a table is written.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Format {
    Csv,
    Json,
}

/// Which columns hold what. What is null is found by its usual names.
#[derive(ToSchema)]
pub(crate) struct Columns {
    #[schema(required = false)]
    sku: Option<String>,
    #[schema(required = false)]
    quantity: Option<String>,
    /// JSON only: the field that holds the rows, dots between levels.
    #[schema(required = false)]
    rows: Option<String>,
}

/// A stock feed with what became of it.
#[derive(ToSchema)]
pub(crate) struct StockFeedView {
    feed: StockFeed,
    /// Whether its secret is in the vault.
    has_secret: bool,
    /// When it is fetched next.
    next: Option<i64>,
    last: Option<FeedResult>,
}

/// What became of a fetch.
#[derive(ToSchema)]
pub(crate) struct FeedResult {
    run: String,
    at: i64,
    report: Option<ImportReport>,
    /// Why it did nothing.
    error: Option<String>,
    /// The first 50 lines that could not be done.
    faults: Vec<Fault>,
    faults_total: u64,
}

/// What became of many lines.
#[derive(ToSchema)]
pub(crate) struct ImportReport {
    dry_run: bool,
    /// The levels before.
    snapshot: Option<String>,
    lines: u64,
    /// SKUs whose level changes.
    changed: u64,
    unchanged: u64,
    failed: u64,
    /// Of the failed: their SKU is not known.
    unknown: u64,
    /// Units added.
    up: i64,
    /// Units taken away.
    down: i64,
    /// SKUs that come to zero or below.
    zeroed: u64,
}

/// How a hub stands.
#[derive(ToSchema)]
pub(crate) struct Moving {
    /// Null while it works as usual.
    standstill: Option<Standstill>,
}

/// A hub that stands still.
#[derive(ToSchema)]
pub(crate) struct Standstill {
    why: Why,
    since: i64,
    /// From then on it can be read.
    quiet: i64,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Why {
    Export,
    Import,
}

/// A page of an export.
#[derive(ToSchema)]
pub(crate) struct ExportPage {
    rows: Vec<MovedRow>,
    next: Option<String>,
}

/// A row on its way from one hub to another.
#[derive(ToSchema)]
pub(crate) struct MovedRow {
    pk: String,
    sk: String,
    /// Version.
    v: u64,
    /// Body.
    b: String,
    /// When it expires.
    #[schema(nullable = false)]
    e: Option<i64>,
    /// Its place in the index.
    #[schema(nullable = false)]
    i: Option<(String, String)>,
}
