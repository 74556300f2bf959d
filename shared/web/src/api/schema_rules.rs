//! The shapes of rules, groups, filters and kits, for the document.
#![expect(dead_code, reason = "they describe; the engine's own types are what is sent")]

pub(crate) use super::schema::{Hold, Listed};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// For whom something is set. With nothing given it is the hub.
#[derive(ToSchema)]
pub(crate) struct Scope {
    /// The items of a group.
    #[schema(nullable = false)]
    group: Option<String>,
    /// An item.
    #[schema(nullable = false)]
    sku: Option<String>,
    /// At this account only; alone: everything at it.
    #[schema(nullable = false)]
    account: Option<String>,
    /// One listing of the item.
    #[schema(nullable = false)]
    listing: Option<String>,
}

/// What is set at one place, by name.
#[derive(ToSchema)]
pub(crate) struct ScopeView {
    scope: Scope,
    set: BTreeMap<String, String>,
}

/// A listing whose target changes.
#[derive(ToSchema)]
pub(crate) struct TargetChange {
    sku: String,
    listing: String,
    /// Null while it was not written.
    from: Option<i64>,
    /// Null while it is not written.
    to: Option<i64>,
}

/// What a change of settings does, or did.
#[derive(ToSchema)]
pub(crate) struct SettingsReport {
    applied: bool,
    scope: String,
    /// As `name value`.
    before: Vec<String>,
    after: Vec<String>,
    /// Items concerned.
    items: u64,
    /// Listings whose target changes.
    changes: u64,
    /// The first 200.
    shown: Vec<TargetChange>,
}

/// One row of a file of rules.
#[derive(ToSchema)]
pub(crate) struct RuleRow {
    scope: Scope,
    set: BTreeMap<String, String>,
}

/// One line of a file of rules, as text.
#[derive(ToSchema)]
pub(crate) struct RuleLine {
    #[schema(required = false)]
    sku: String,
    #[schema(required = false)]
    group: String,
    #[schema(required = false)]
    account: String,
    #[schema(required = false)]
    listing: String,
    /// Settings by name; empty inherits, and what is not named stays.
    #[schema(required = false)]
    set: BTreeMap<String, String>,
}

/// What became of a line of a file of rules.
#[derive(ToSchema)]
pub(crate) struct RuleLineResult {
    /// From 1.
    line: usize,
    scope: String,
    before: Vec<String>,
    after: Vec<String>,
    /// Listings whose target changes.
    changes: u64,
    error: Option<String>,
}

/// One change of settings.
#[derive(ToSchema)]
pub(crate) struct SettingsChange {
    id: String,
    at: i64,
    actor: String,
    scope: String,
    before: Vec<String>,
    after: Vec<String>,
    items: u64,
}

/// What was set for one item before a change of many; what is absent was not set.
#[derive(ToSchema)]
pub(crate) struct ItemBefore {
    sku: String,
    #[schema(required = false, value_type = Object)]
    layer: (),
    #[schema(required = false, value_type = Object)]
    at: (),
    #[schema(required = false, value_type = Object)]
    listings: (),
    #[schema(required = false)]
    groups: Vec<String>,
}

/// A group.
#[derive(ToSchema)]
pub(crate) struct GroupView {
    id: String,
    title: String,
    /// Smaller ones come first: what an earlier group sets wins.
    rank: i64,
    set: BTreeMap<String, String>,
    at: BTreeMap<String, BTreeMap<String, String>>,
}

/// A group to be added or changed.
#[derive(ToSchema)]
pub(crate) struct NewGroup {
    id: String,
    /// Its name if absent.
    title: Option<String>,
    /// Behind all others if absent.
    rank: Option<i64>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case", as = SyncMode)]
pub(crate) enum Mode {
    Default,
    Always,
    Never,
    OnlyWhenActive,
}

/// Which items. Everything that is given must be true; what concerns a listing must be true of one and the same.
#[derive(ToSchema)]
pub(crate) struct Filter {
    /// Part of the SKU or the title, in any case.
    #[schema(required = false)]
    text: String,
    /// Listed at this account.
    #[schema(nullable = false)]
    account: Option<String>,
    /// With a level in this warehouse.
    #[schema(nullable = false)]
    warehouse: Option<String>,
    /// In this group.
    #[schema(nullable = false)]
    group: Option<String>,
    /// Written in this mode, wherever it was set.
    #[schema(nullable = false)]
    mode: Option<Mode>,
    /// Not written for this reason.
    #[schema(nullable = false)]
    hold: Option<Hold>,
    /// On sale in its store, or not.
    #[schema(nullable = false)]
    active: Option<bool>,
    /// Received at least once, or never.
    #[schema(nullable = false)]
    received: Option<bool>,
    /// A kit, or not.
    #[schema(nullable = false)]
    kit: Option<bool>,
    /// Shows something else than it shall, or has a difference that nothing explains.
    #[schema(required = false)]
    drift: bool,
    /// The last write failed, and waits to be tried again.
    #[schema(required = false)]
    failed: bool,
    /// At or below the units that count as low.
    #[schema(required = false)]
    low_stock: bool,
}

/// A filter with a name.
#[derive(ToSchema)]
pub(crate) struct SavedFilter {
    name: String,
    filter: Filter,
    actor: String,
    at: i64,
}

/// What to do with each item: `do` says what, the other fields belong to `set` and `group`.
#[derive(ToSchema)]
pub(crate) struct Action {
    r#do: ActionKind,
    /// Of `set`: at this account only.
    #[schema(nullable = false)]
    account: Option<String>,
    /// Of `set`: settings by name.
    #[schema(required = false, value_type = Object)]
    set: (),
    /// Of `set`: settings to inherit again.
    #[schema(required = false)]
    clear: Vec<String>,
    /// Of `group`: groups to join.
    #[schema(required = false)]
    add: Vec<String>,
    /// Of `group`: groups to leave.
    #[schema(required = false)]
    remove: Vec<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum ActionKind {
    Set,
    Group,
    Sync,
    Push,
}

/// What a change of many items does, or did.
#[derive(ToSchema)]
pub(crate) struct BulkReport {
    applied: bool,
    /// Items that the filter wants.
    matched: u64,
    /// Items that change, or are looked at or written.
    changed: u64,
    /// The first 100.
    items: Vec<String>,
    /// Listings whose target changes.
    changes: u64,
    /// The first 100.
    shown: Vec<TargetChange>,
    /// Items that could not be changed.
    failures: u64,
    /// The first 100, with the reason.
    failed: Vec<(String, String)>,
    /// The name under which what was before is kept.
    kept: Option<String>,
}

/// A kit.
#[derive(ToSchema)]
pub(crate) struct KitView {
    sku: String,
    title: String,
    /// Units of each part.
    parts: BTreeMap<String, i64>,
    /// What its parts are enough for; null while the level of one is not known.
    available: Option<i64>,
}

/// What making or changing a kit does, or did.
#[derive(ToSchema)]
pub(crate) struct KitReport {
    applied: bool,
    sku: String,
    before: BTreeMap<String, i64>,
    parts: BTreeMap<String, i64>,
    available: Option<i64>,
    changes: Vec<TargetChange>,
}

/// How the units of one account are mapped.
#[derive(ToSchema)]
pub(crate) struct AccountMapping {
    units: u64,
    /// Units whose SKU is one of ours.
    mapped: u64,
    /// How many units have each problem: `duplicate`, `case`, `spaces`, `signs`, `unmapped`, `no-sku`.
    problems: BTreeMap<String, u64>,
    /// The first 500.
    rows: Vec<MappingRow>,
    /// What people have linked, or said to be none of ours.
    linked: Vec<Alias>,
    /// What the store said when it could not be read.
    error: Option<String>,
}

/// A unit that is not mapped as it should be.
#[derive(ToSchema)]
pub(crate) struct MappingRow {
    external: String,
    location: String,
    sku: Option<String>,
    title: String,
    problem: MappingProblem,
    /// The SKU of ours that is probably meant.
    near: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum MappingProblem {
    Duplicate,
    Case,
    Spaces,
    Signs,
    Unmapped,
    NoSku,
}

/// What a person has said of a store's unit; without `sku` it is none of ours.
#[derive(ToSchema)]
pub(crate) struct Alias {
    account: String,
    external: String,
    #[schema(nullable = false)]
    store: Option<String>,
    #[schema(nullable = false)]
    sku: Option<String>,
    /// SKUs that the store had for it before.
    #[schema(nullable = false)]
    former: Option<Vec<String>>,
}

/// What linking or unlinking a unit does, or did.
#[derive(ToSchema)]
pub(crate) struct LinkReport {
    applied: bool,
    sku: String,
    gains: Vec<String>,
    loses: Vec<String>,
    changes: Vec<TargetChange>,
}

/// A unit that has another SKU in its store than before.
#[derive(ToSchema)]
pub(crate) struct Proposal {
    account: String,
    external: String,
    /// The item that it is.
    sku: String,
    /// The SKU that the store has for it now.
    now: Option<String>,
    at: i64,
    declined: bool,
    /// How far the store's log was counted when it was known by the SKU before, and when that was (milliseconds since 1970).
    #[schema(nullable = false)]
    since: Option<(u64, i64)>,
    /// SKUs that the store had for it meanwhile.
    #[schema(nullable = false)]
    former: Option<Vec<String>>,
}
