//! The shapes of what the engine answers, for the document: engine and core know nothing of OpenAPI. A test checks the
//! answers against them.
#![expect(dead_code, reason = "they describe; the engine's own types are what is sent")]

use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A failure.
#[derive(ToSchema)]
pub(crate) struct Problem {
    error: ProblemText,
}

/// What went wrong.
#[derive(ToSchema)]
pub(crate) struct ProblemText {
    /// `invalid`, `unauthorized`, `not-found`, `conflict`, `store`, `unavailable`, `internal` …
    kind: String,
    /// For people: what is wrong and what to do.
    message: String,
    /// What kind of refusal it was, when a store refused: `unauthorized`, `throttled` …
    #[schema(nullable = false)]
    store: Option<String>,
}

/// The hub answers.
#[derive(serde::Serialize, ToSchema)]
pub(crate) struct Alive {
    /// Always true.
    pub(crate) ok: bool,
    /// The hub's version.
    pub(crate) version: String,
}

/// A part of what the hub costs.
#[derive(ToSchema)]
pub(crate) struct CostPart {
    what: String,
    dollars: f64,
}

/// What the hub costs on AWS.
#[derive(ToSchema)]
pub(crate) struct Costs {
    /// Stores, the master included.
    stores: u32,
    /// Where the prices are from.
    prices: String,
    /// Dollars for a thousand changes behind a Function URL.
    thousand_changes: f64,
    /// The same through an HTTP API.
    thousand_changes_http_api: f64,
    /// Dollars of a month in which nothing happens.
    idle_month: f64,
    /// What a million changes are made of, behind a Function URL.
    million_changes_parts: Vec<CostPart>,
    /// What such a month is made of.
    idle_month_parts: Vec<CostPart>,
}

/// A page.
#[derive(ToSchema)]
pub(crate) struct Listed<T> {
    /// The rows.
    rows: Vec<T>,
    /// Where to go on; null after the last page.
    next: Option<String>,
}

/// An item.
#[derive(ToSchema)]
pub(crate) struct ItemView {
    sku: String,
    title: String,
    /// The hub level over all warehouses.
    level: i64,
    /// The hub level of each warehouse.
    warehouses: BTreeMap<String, i64>,
    listings: Vec<ListingView>,
    /// Whether a level of it was ever known; until then it is not pushed.
    received: bool,
    /// The groups that it is in.
    groups: Vec<String>,
    /// Of a kit: what it is made of, with units of each.
    parts: BTreeMap<String, i64>,
    /// The kits that it is part of, with units in each.
    kits: BTreeMap<String, i64>,
}

/// How one SKU appears at one account and location.
#[derive(ToSchema)]
pub(crate) struct ListingView {
    /// `account@location`.
    listing: String,
    /// The store's own id.
    external: String,
    /// The level that the store was last known to have; null when none was ever seen.
    shadow: Option<i64>,
    /// The level that the rules give it; null when it is never written.
    target: Option<i64>,
    /// The sum of the changes counted from it.
    counted: i64,
    standing: Standing,
    /// Why it is not written.
    hold: Option<Hold>,
    /// The warehouses that feed it, in the order in which its sales are charged to them.
    warehouses: Vec<String>,
    /// Whether it is on sale in its store.
    active: bool,
    /// When it is written, wherever that was set.
    mode: super::schema_rules::Mode,
    /// Whether so little may be sold that it counts as low.
    low: bool,
    /// What people call its location in the store; absent for a store without locations.
    #[schema(nullable = false)]
    location_name: Option<String>,
    /// What the store said that a person must mend; absent while there is nothing.
    trouble: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Standing {
    InSync,
    Due,
    Pending,
    Accepted,
    Held,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Hold {
    Paused,
    Quarantined,
    Frozen,
    Contested,
    Clash,
    NotWritable,
    Excluded,
    Unseen,
    Pending,
    Unresolved,
    Unlinked,
    Closed,
    NoLevel,
    Accepted,
    Refused,
    Never,
    Inactive,
}

/// Why an item has its numbers.
#[derive(ToSchema)]
pub(crate) struct Explanation {
    sku: String,
    /// What it started with, by warehouse, with what listings that are gone had counted.
    base: BTreeMap<String, i64>,
    /// What was counted, by listing.
    counted: BTreeMap<String, i64>,
    /// What was counted, by warehouse and listing.
    charged: BTreeMap<String, BTreeMap<String, i64>>,
    /// The level of each warehouse.
    warehouses: BTreeMap<String, i64>,
    /// `base + counted`.
    level: i64,
    listings: Vec<ListingWhy>,
    /// The newest events, newest first.
    recent: Vec<History>,
}

/// Why a listing shows its number.
#[derive(ToSchema)]
pub(crate) struct ListingWhy {
    listing: String,
    external: String,
    shadow: Option<i64>,
    target: Option<i64>,
    counted: i64,
    standing: Standing,
    hold: Option<Hold>,
    warehouses: Vec<String>,
    #[schema(nullable = false)]
    location_name: Option<String>,
    /// What the store said that a person must mend; absent while there is nothing.
    trouble: Option<String>,
    active: bool,
    mode: super::schema_rules::Mode,
    low: bool,
    /// The rules, step by step, each with where it was set.
    steps: Vec<Step>,
    /// Its sync mode with where it was set; null where nobody set one.
    mode_from: Option<String>,
    /// When the last push was, and what became of it.
    last_push: Option<(i64, Pushed)>,
}

#[derive(ToSchema)]
pub(crate) struct Step {
    rule: String,
    quantity: i64,
    /// Which rule it is.
    #[schema(nullable = false)]
    name: Option<String>,
    /// Where it was set: `hub`, `account north`, `group fragile`, `item` …
    #[schema(nullable = false)]
    from: Option<String>,
}

/// What became of one write.
#[derive(ToSchema)]
pub(crate) struct Pushed {
    listing: String,
    from: i64,
    to: i64,
    outcome: Ended,
    /// What the store said, when it failed.
    #[schema(nullable = false)]
    error: Option<String>,
    /// When the store answered, counted from the first cause, milliseconds.
    #[schema(nullable = false)]
    ms: Option<i64>,
    /// Since when the store could not be written, with the first write that worked again.
    #[schema(nullable = false)]
    waited: Option<i64>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Ended {
    Applied,
    Accepted,
    Stale,
    NotSent,
    Unknown,
}

/// One line of a SKU's history.
#[derive(ToSchema)]
pub(crate) struct History {
    sku: String,
    /// When the run ended.
    at: i64,
    /// When its first cause reached us.
    since: i64,
    /// `webhook`, `reconcile`, `sync`, `feed`, `stock` …
    cause: String,
    /// Who, when a person did.
    #[schema(nullable = false)]
    actor: Option<String>,
    /// Why, when a person said.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Hub level before and after.
    level: (i64, i64),
    /// What was counted or noted, by listing.
    #[schema(required = false)]
    seen: Vec<Seen>,
    /// What was written.
    #[schema(required = false)]
    pushed: Vec<Pushed>,
    /// The store's id of the event that caused it.
    #[schema(nullable = false)]
    event: Option<String>,
    /// The run that it belongs to.
    #[schema(nullable = false)]
    run: Option<String>,
    /// The warehouse whose stock was edited in Evenstock, if it is not the main one.
    #[schema(nullable = false)]
    warehouse: Option<String>,
    /// What the log lines of its webhook and of its run are found by.
    #[schema(nullable = false)]
    trace: Option<String>,
}

/// What was counted or noted at one listing.
#[derive(ToSchema)]
pub(crate) struct Seen {
    listing: String,
    #[schema(required = false)]
    counted: Vec<Counted>,
    /// What a person may want to know: an object with one field that names it.
    #[schema(required = false, value_type = Vec<Object>)]
    notes: Vec<()>,
}

/// One counted change.
#[derive(ToSchema)]
pub(crate) struct Counted {
    /// Units, signed.
    by: i64,
    /// An object with one field that names it: the sale's order and line, or the edit's place in the store's log.
    #[schema(value_type = Object)]
    cause: (),
}

/// What an edit did.
#[derive(ToSchema)]
pub(crate) struct StockChange {
    sku: String,
    /// The level of the warehouse.
    before: i64,
    after: i64,
    warehouse: String,
}

/// One row of a stock file.
#[derive(ToSchema)]
pub(crate) struct StockRow {
    sku: String,
    title: String,
    quantity: i64,
    warehouse: String,
}

/// One line of a stock file.
#[derive(ToSchema)]
pub(crate) struct StockLine {
    sku: String,
    /// A whole number, as text: what cannot be read is told for its line only.
    quantity: String,
    /// The main one, or the only one that has a level of the SKU, if absent or empty.
    #[schema(required = false)]
    warehouse: Option<String>,
}

/// What became of a line of a stock file.
#[derive(ToSchema)]
pub(crate) struct LineResult {
    /// From 1.
    line: usize,
    sku: String,
    change: Option<StockChange>,
    error: Option<String>,
}

/// What waits.
#[derive(ToSchema)]
pub(crate) struct QueueView {
    changes: Depth,
    lane: Depth,
    dead: Depth,
    /// Work that waits, by account; 1000 means 1000 or more.
    waiting: BTreeMap<String, u64>,
}

/// How many messages a queue holds.
#[derive(ToSchema)]
pub(crate) struct Depth {
    waiting: u64,
    in_flight: u64,
}

/// What adoption would do, or did.
#[derive(ToSchema)]
pub(crate) struct Adoption {
    applied: bool,
    /// The snapshot taken before; null in a preview.
    snapshot: Option<String>,
    new_items: u64,
    new_listings: u64,
    known_listings: u64,
    /// SKUs of which no warehouse has a level yet: not written anywhere until one has.
    without_level: u64,
    /// SKUs left out on request.
    excluded: u64,
    /// SKUs that the hub knew and whose level becomes that of a store.
    corrected: u64,
    /// Units that the hub gains by that.
    hub_gains: i64,
    /// Units that the hub loses by that.
    hub_losses: i64,
    /// SKUs whose level in that store is not settled, so that the hub's stays: the first 200.
    unsettled: Vec<String>,
    accounts: BTreeMap<String, AccountAdoption>,
    /// The first 200.
    differences: Vec<Difference>,
}

/// What adoption finds in one account.
#[derive(ToSchema)]
pub(crate) struct AccountAdoption {
    /// Which way, where it is not the usual one.
    direction: Option<Direction>,
    units: u64,
    matched: u64,
    will_change: u64,
    /// Units that the store will gain.
    gains: i64,
    /// Units that the store will lose.
    losses: i64,
    without_sku: u64,
    bundles: u64,
    /// SKUs that appear more than once: not written until a person has decided.
    clashes: Vec<String>,
    /// The account's SKU, and the master's that differs only by case or spaces.
    near_misses: Vec<(String, String)>,
    not_on_master: u64,
    missing: u64,
    /// Units at locations that belong to no warehouse, by location: not touched.
    unlinked: BTreeMap<String, u64>,
}

/// One listing whose level will change.
#[derive(ToSchema)]
pub(crate) struct Difference {
    sku: String,
    listing: String,
    from: i64,
    to: i64,
}

/// What a comparison found.
#[derive(ToSchema)]
pub(crate) struct Comparison {
    accounts: BTreeMap<String, AccountComparison>,
}

/// What a comparison found in one account.
#[derive(ToSchema)]
pub(crate) struct AccountComparison {
    compared: u64,
    /// To be looked at again.
    nominated: u64,
    /// The first 100: SKU, why, the level that we knew, the level that the store shows.
    shown: Vec<(String, Nomination, Option<i64>, Option<i64>)>,
    unmapped: u64,
    missing: u64,
    /// SKUs that now appear more than once in the store: not written until that is resolved there.
    clashes: Vec<String>,
    /// Listings at locations that are closed in the store or gone from it: held, neither zeroed nor lost.
    closed: u64,
    /// Units at locations that belong to no warehouse: not touched.
    unlinked: u64,
    /// Why the store is not believed.
    quarantine: Option<String>,
    /// What the store said when it could not be compared.
    error: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Nomination {
    Differs,
    Unseen,
    Abandoned,
}

/// Which way levels go between the hub and a store.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Direction {
    ToHub,
    ToStore,
    Compare,
}
