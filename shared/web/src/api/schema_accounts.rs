//! The shapes of accounts and channels, for the document; see [`super::schema`].
#![expect(dead_code, reason = "they describe; the engine's own types are what is sent")]

use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Role {
    Master,
    Replica,
}

/// What counts when it happens in a store.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Inbound {
    All,
    Sales,
    None,
}

/// What happens to a change that does not count.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Drift {
    Overwrite,
    Adopt,
    Report,
}

/// A rate limit.
#[derive(ToSchema)]
pub(crate) struct Rate {
    per_minute: u32,
    burst: u32,
}

/// A new account.
#[derive(ToSchema)]
pub(crate) struct NewAccount {
    /// a-z, 0-9, - and _.
    id: String,
    /// The channel's name.
    channel: String,
    role: Role,
    /// The role's default if absent.
    inbound: Option<Inbound>,
    drift: Option<Drift>,
    /// By field name, as the channel's settings form calls them.
    #[schema(required = false)]
    settings: BTreeMap<String, String>,
    /// By field name. They go to the vault and are never shown again.
    #[schema(required = false)]
    secrets: BTreeMap<String, String>,
    /// Another rate limit than the channel's.
    rate: Option<Rate>,
}

/// What to change of an account. What is absent stays.
#[derive(ToSchema)]
pub(crate) struct AccountPatch {
    inbound: Option<Inbound>,
    drift: Option<Drift>,
    /// Stop or start writing.
    paused: Option<bool>,
    /// Stop both ways, or let go on: what happened meanwhile is then counted by its policies.
    frozen: Option<bool>,
    restock: Option<Restock>,
    /// Keep back what sells in so many minutes while something sells fast, at most 60; 0 turns it off.
    flash_minutes: Option<u32>,
    #[schema(required = false)]
    settings: BTreeMap<String, String>,
    rate: Option<Rate>,
    /// Believe the store again after the mass-zero guard stopped it.
    #[schema(required = false)]
    release: bool,
    /// What happens where several units have the same SKU at the same location.
    duplicates: Option<Duplicates>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Duplicates {
    Refuse,
    Share,
}

/// An account. No secrets.
#[derive(ToSchema)]
pub(crate) struct AccountView {
    id: String,
    channel: String,
    role: Role,
    inbound: Inbound,
    drift: Drift,
    settings: BTreeMap<String, String>,
    paused: bool,
    /// Why the mass-zero guard stopped believing it.
    quarantine: Option<String>,
    rate: Option<Rate>,
    /// Whether the store's movement feed may be read with these credentials.
    feed: bool,
    added: i64,
    /// Since when a person has stopped it both ways.
    frozen: Option<i64>,
    /// When its credentials were last replaced.
    rotated: Option<i64>,
    /// Until when the signing secret before the present one is accepted.
    former_signer_until: Option<i64>,
    restock: Restock,
    /// Keep back what sells in so many minutes while something sells fast.
    flash_minutes: Option<u32>,
    /// The warehouses that feed it, in order; absent: the main one, or those of its locations.
    #[schema(required = false)]
    feeds: Vec<String>,
    duplicates: Duplicates,
    /// Whether the first warehouse that feeds it takes its levels from it, although it is not the hub's master; absent: no.
    #[schema(required = false)]
    leads: bool,
    health: Health,
    /// How long changes of other stores took to reach it, today and yesterday.
    latency: Option<Latency>,
    capabilities: Capabilities,
    /// Where its store must send webhooks.
    webhook_url: Option<String>,
    /// Listings and hints that wait for it.
    waiting: u64,
    /// No calls before this time.
    closed_until: Option<i64>,
}

/// How an account is doing.
#[derive(ToSchema)]
pub(crate) struct Health {
    /// Last successful call that read.
    read: Option<i64>,
    /// Last successful write.
    written: Option<i64>,
    /// Last webhook with a good signature.
    hook: Option<i64>,
    /// Failed calls in a row.
    failures: u32,
    error: Option<String>,
    cooldown: Option<i64>,
    /// Webhooks refused: absent or wrong signature.
    refused: u64,
    /// Webhooks with a good signature that nobody could read.
    unreadable: u64,
    /// Webhooks that were dropped at the door: they said only what had been written.
    echoes: u64,
    /// SKUs that the store named and that are not mapped, the newest 20.
    unknown_skus: Vec<String>,
    clashes: Vec<String>,
    /// Sold lines that no movement of stock accounts for, as the last audit found them.
    unaccounted: Vec<Unaccounted>,
    subscriptions: Vec<Subscription>,
    /// Last finished comparison.
    compared: Option<i64>,
    /// Differences that it found.
    drift: u64,
    /// Locations that belong to no warehouse, by id with their names: nothing is done about them.
    unlinked: BTreeMap<String, String>,
    /// Linked locations that are closed in the store, or gone from it.
    closed: BTreeMap<String, String>,
    /// The histogram behind the account's `latency`.
    #[schema(value_type = Object)]
    latency: (),
    /// Movements that its feed showed since its last webhook.
    unheard: u64,
    /// SKUs with stock that the last comparison found.
    stocked: u64,
    /// What says that another hub writes it.
    two_hubs: Option<String>,
    /// SKUs that are left alone because another writer keeps changing them.
    contested: Vec<String>,
    /// Listings that the store refuses to write, or whose writes it does not carry out.
    troubles: Vec<Troubled>,
    /// Products that the last first sync read there, when none of them had a SKU of the hub.
    unmatched: Option<u64>,
}

/// How long changes take from store to store.
#[derive(ToSchema)]
pub(crate) struct Latency {
    /// Changes measured.
    count: u64,
    /// Half of them took at most this long.
    p50_ms: i64,
    /// 95 of 100 took at most this long.
    p95_ms: i64,
}

/// What of what comes back is stocked again.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Restock {
    Always,
    Cancellations,
    Returns,
    Never,
}

/// A sold line that no movement of stock accounts for.
#[derive(ToSchema)]
pub(crate) struct Unaccounted {
    order: String,
    sku: String,
    /// Units sold.
    quantity: i64,
}

/// One of our webhooks in a store.
#[derive(ToSchema)]
pub(crate) struct Subscription {
    topic: String,
    state: SubscriptionState,
    /// Whether syncing within seconds depends on it.
    required: bool,
    note: String,
    /// What a person can do about it; absent when nothing is to be done.
    remedy: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum SubscriptionState {
    Waiting,
    Asking,
    Active,
    Created,
    Reenabled,
    Unverified,
    Refused,
    AnotherHub,
}

/// What a test of an account found.
#[derive(ToSchema)]
pub(crate) struct AccountTest {
    identity: Identity,
    /// Empty when the hub has no public address.
    subscriptions: Vec<Subscription>,
}

/// A listing that cannot be written until a person has mended something.
#[derive(ToSchema)]
pub(crate) struct Troubled {
    sku: String,
    /// What the store said.
    why: String,
    /// Since when, milliseconds since 1970.
    since: i64,
}

/// Who the credentials belong to.
#[derive(ToSchema)]
pub(crate) struct Identity {
    store: String,
    /// Endpoints that they may not use, with what will not work without them.
    refused: Vec<String>,
    /// Whether levels can be read and written: without, the account is of no use.
    usable: bool,
    /// Whether the movement feed can be read.
    feed: bool,
}

/// A channel.
#[derive(ToSchema)]
pub(crate) struct Channel {
    name: String,
    title: String,
    capabilities: Capabilities,
    settings: Vec<Setting>,
    /// Settings of other channels that it cannot have, each as its name and the reason.
    settings_refused: Vec<Vec<String>>,
    rate_per_second: f64,
    burst: u32,
    /// After how many days its credentials end, where they do.
    credential_days: Option<u32>,
    tried_live: bool,
    /// Whether accounts of it can be added.
    ready: bool,
}

/// What a channel can do.
#[derive(ToSchema)]
pub(crate) struct Capabilities {
    write: WriteKind,
    idempotency_key: bool,
    feed: FeedKind,
    max_writes: usize,
    /// A slower way that takes many writes in one call.
    bulk: Option<Bulk>,
    settle_ms: i64,
    locations: bool,
    /// How long after a write a read may confirm it, where the store only accepts it at first.
    verify_ms: Option<i64>,
    /// Where orders may be listed too seldom to be listed at each look.
    polled: Option<Polled>,
}

/// Orders that are listed in turn.
#[derive(ToSchema)]
pub(crate) struct Polled {
    /// How often.
    every_ms: i64,
    /// How much later than it was placed or changed an order may show.
    late_ms: i64,
    /// Whether what a cancellation leaves is given back.
    releases: bool,
}

/// A way of writing for many listings at once.
#[derive(ToSchema)]
pub(crate) struct Bulk {
    /// From how many writes on it is used.
    from: usize,
    /// Most writes in one call of it.
    most: usize,
    /// Whether such a call is put together over several runs.
    gathered: bool,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum WriteKind {
    CompareAndSet,
    Adjust,
    Set,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum FeedKind {
    None,
    Movements,
    Orders,
}

/// One field of a channel's settings form.
#[derive(ToSchema)]
pub(crate) struct Setting {
    name: String,
    title: String,
    help: String,
    secret: bool,
    required: bool,
    default: Option<String>,
    /// What may be chosen, each as its value and what it means; empty where it is free.
    choices: Vec<Vec<String>>,
}
