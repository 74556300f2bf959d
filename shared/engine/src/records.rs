//! What the rows of the store mean: keys, bodies, versions. The only place that knows the layout of the table.
//!
//! | entity | pk | sk | index |
//! |---|---|---|---|
//! | ledger of a SKU, with sale lines that are not filed yet | `SKU#<sku>` | `STATE` | |
//! | item: title, listings, settings | `SKU#<sku>` | `ITEM` | `ITEMS` / sku |
//! | history (expires) | `SKU#<sku>` | `HISTORY#<time>#<run>` | `HISTORY#<day>` / time |
//! | account, health | `HUB` | `ACCOUNT#<id>`, `HEALTH#<id>` | |
//! | warehouse | `HUB` | `WAREHOUSE#<id>` | |
//! | location of an account, with its warehouse | `HUB` | `LOCATION#<account>@<location>` | |
//! | SKU of a unit, by its store's id | `ACCOUNT#<id>` | `UNIT#<external>` | |
//! | levels that the last comparison saw | `ACCOUNT#<id>` | `LEVELS#<chunk>` | |
//! | cursors: movement feed, orders | `ACCOUNT#<id>` | `CURSOR#feed`, `CURSOR#orders` | |
//! | sale marker (expires) | `SALE#<account>#<order>` | `LINE#<line>#<sku>` | |
//! | work that waits | `TODO#<account>` | `<urgency><due>#<touch>` | |
//! | snapshot before a bulk write (expires) | `SNAPSHOT#<id>` | `<chunk>` | |
//! | big call; the gathered one and its parts | `CALL#<account>` | `<id>`; `GATHERING`, `PART#<id>#<part>` | |
//! | kept webhook that nobody could read (expires) | `KEPT#<account>` | `<time>` | |

pub mod asked;
mod calls;
mod history;
mod kept;
mod levels;
mod places;
mod sales;
mod todo;

pub use calls::{CallRow, Gathering, OrderPoll, StoredCall, call_partition};
pub use history::{History, Pushed, Seen, history_day};
pub use kept::KeptHook;
pub use levels::{SeenLevels, SnapshotChunk};
pub use places::{StoreLocation, Warehouse};
pub use sales::{SaleMarker, filing, sale_change, sale_change_of_riding, sale_key, sale_partition, sale_row};
pub use todo::{Todo, URGENCIES, todo_partition};

use crate::ports::{Change, Condition, IndexKey, Key, Row};
use channels::Touch;
use domain::layers::Layer;
use domain::plan::Hold;
use domain::planted::{self, Mistake};
use domain::{
    AccountId, Drift, Duplicates, GroupId, Inbound, Latency, Ledger, ListingId, LocationId, OrderId, Position, Restock,
    Role, Sku, Timestamp, Unfiled, WarehouseId,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};

/// Partition of the hub's own rows.
pub const HUB: &str = "HUB";
/// Index partition of all items.
pub const ITEMS: &str = "ITEMS";
/// How long history is kept, milliseconds: 90 days.
pub const HISTORY_KEPT_MS: i64 = 90 * DAY_MS;
/// How long a sale marker is kept, milliseconds: 180 days, longer than any store takes returns.
pub const SALE_KEPT_MS: i64 = 180 * DAY_MS;
/// How long a snapshot is kept, milliseconds: 90 days.
pub const SNAPSHOT_KEPT_MS: i64 = 90 * DAY_MS;
/// A day, milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// A row whose body cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the row {pk} / {sk} cannot be read")]
pub struct Unreadable {
    pk: String,
    sk: String,
    #[source]
    source: serde_json::Error,
}

/// Reads the body of a row.
///
/// # Errors
/// [`Unreadable`] when it was not written by this version or an earlier one.
pub fn body<T: DeserializeOwned>(row: &Row) -> Result<T, Unreadable> {
    serde_json::from_str(&row.body).map_err(|source| Unreadable {
        pk: row.key.pk.clone(),
        sk: row.key.sk.clone(),
        source,
    })
}

/// A number that says what a body holds; 53 bits, so that every store keeps it exactly.
pub(crate) fn digest(body: &str) -> u64 {
    // FNV-1a
    let hash = body
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    (hash ^ (hash >> 53)) & 0x001F_FFFF_FFFF_FFFF
}

pub(crate) fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("plain data is always JSON: {error}"))
}

pub(crate) fn key(pk: impl Into<String>, sk: impl Into<String>) -> Key {
    Key { pk: pk.into(), sk: sk.into() }
}

pub(crate) fn row(key: Key, version: u64, body: String) -> Row {
    Row { key, version, body, expires: None, index: None }
}

/// A connected store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// The channel's name.
    pub channel: String,
    /// Master or replica.
    pub role: Role,
    /// What counts.
    pub inbound: Inbound,
    /// What happens to what does not count.
    #[serde(default)]
    pub drift: Drift,
    /// The channel's settings; no secrets.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Whether writing is stopped.
    #[serde(default)]
    pub paused: bool,
    /// Why the mass-zero guard stopped believing it.
    #[serde(default)]
    pub quarantine: Option<String>,
    /// Calls per second and burst, when they differ from the channel's.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Whether the store's movement feed may be read with these credentials.
    #[serde(default)]
    pub feed: bool,
    /// When it was added.
    pub added: Timestamp,
    /// Since when a person has stopped it both ways: nothing is read for stock, nothing is written.
    #[serde(default)]
    pub frozen: Option<Timestamp>,
    /// When its credentials were last replaced.
    #[serde(default)]
    pub rotated: Option<Timestamp>,
    /// Until when the signing secret before the present one is accepted; for ever where absent.
    #[serde(default)]
    pub former_signer_until: Option<Timestamp>,
    /// What of what comes back is stocked again.
    #[serde(default)]
    pub restock: Restock,
    /// Keep back what sells in so many minutes while something sells fast; nothing when absent.
    #[serde(default)]
    pub flash_minutes: Option<u32>,
    /// The warehouses that feed it, in the order in which its sales are charged to them; empty: the main one. Of a channel
    /// with locations each location has its own instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feeds: Vec<WarehouseId>,
    /// What happens where several of its units have the same SKU at the same location.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// Whether the first warehouse that feeds it takes its levels from it, although it is not the hub's master: what is counted
    /// there is the truth. Of a channel with locations each location has its own instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leads: bool,
}

/// A rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Calls in one minute, for long.
    pub per_minute: u32,
    /// Calls at once after a pause.
    pub burst: u32,
}

impl Account {
    /// Whether what its store says is taken in.
    #[must_use]
    pub fn is_believed(&self) -> bool {
        self.quarantine.is_none() && !self.is_frozen()
    }

    /// Whether a person has stopped it both ways.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some() && !planted::is(Mistake::FreezeIgnored)
    }

    /// Where it lives.
    #[must_use]
    pub fn key(id: &AccountId) -> Key {
        key(HUB, format!("ACCOUNT#{id}"))
    }

    /// As a row; its version says what it holds, so that whoever read it can write it only while it holds just that.
    #[must_use]
    pub fn row(&self) -> Row {
        let body = text(self);
        row(Self::key(&self.id), digest(&body), body)
    }
}

/// A sold line that no movement of stock accounts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unaccounted {
    /// The order.
    pub order: OrderId,
    /// The SKU.
    pub sku: Sku,
    /// Units sold.
    pub quantity: i64,
}

/// How an account is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Last successful call that read.
    pub read: Option<Timestamp>,
    /// Last successful write.
    pub written: Option<Timestamp>,
    /// Last webhook with a good signature.
    pub hook: Option<Timestamp>,
    /// Failed calls in a row.
    pub failures: u32,
    /// What the last failure said.
    pub error: Option<String>,
    /// No calls before this time.
    pub cooldown: Option<Timestamp>,
    /// Webhooks that were refused: absent or wrong signature.
    pub refused: u64,
    /// Webhooks with a good signature that nobody could read.
    pub unreadable: u64,
    /// Webhooks that were dropped at the door: they said only what we had written.
    #[serde(default)]
    pub echoes: u64,
    /// SKUs that the store named and that are not mapped, the newest 20.
    pub unknown_skus: Vec<String>,
    /// SKUs that appear more than once.
    pub clashes: Vec<String>,
    /// Sold lines that no movement of stock accounts for, as the last audit found them.
    pub unaccounted: Vec<Unaccounted>,
    /// State of our webhooks in the store.
    pub subscriptions: Vec<channels::Subscription>,
    /// Last finished comparison.
    pub compared: Option<Timestamp>,
    /// How far its log was counted when its last two comparisons began, the older first, and when that was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<(Position, Timestamp)>,
    /// Differences that the last comparison found.
    pub drift: u64,
    /// How long changes of other stores took to reach it.
    pub latency: Latency,
    /// Movements that its feed showed since its last webhook.
    pub unheard: u64,
    /// SKUs with stock that the last comparison found.
    pub stocked: u64,
    /// What says that another hub writes it.
    pub two_hubs: Option<String>,
    /// SKUs that are left alone because another writer fights us.
    pub contested: Vec<String>,
    /// Its locations that belong to no warehouse, by id with their names: nothing is done about them.
    pub unlinked: BTreeMap<LocationId, String>,
    /// Its linked locations that are closed in the store, or gone from it: their listings are held.
    pub closed: BTreeMap<LocationId, String>,
    /// Listings that the store refuses to write, or whose writes it does not carry out: the newest 50.
    pub troubles: Vec<Troubled>,
    /// Products that the last first sync read there, when none of them had a SKU of the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmatched: Option<u64>,
}

/// A listing that cannot be written until a person has mended something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Troubled {
    /// The SKU.
    pub sku: Sku,
    /// What the store said.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

impl Health {
    /// Where it lives.
    #[must_use]
    pub fn key(account: &AccountId) -> Key {
        key(HUB, format!("HEALTH#{account}"))
    }

    /// As a row.
    #[must_use]
    pub fn row(&self, account: &AccountId, version: u64) -> Row {
        row(Self::key(account), version, text(self))
    }
}

/// One SKU's settings and listings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The SKU.
    pub sku: Sku,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// Its listings.
    #[serde(default)]
    pub listings: BTreeMap<ListingId, Listing>,
    /// What is set for it, wherever it is listed.
    #[serde(default, skip_serializing_if = "Layer::is_empty")]
    pub layer: Layer,
    /// What is set for it at accounts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub at: BTreeMap<AccountId, Layer>,
    /// The groups that it is in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<GroupId>,
    /// Of a kit: the SKUs that it is made of, and how many units of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<Sku, i64>,
    /// The kits that it is part of, and how many of its units are in each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kits: BTreeMap<Sku, i64>,
}

/// How one SKU appears at one account and location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The store's own id of it.
    #[serde(rename = "x")]
    pub external: String,
    /// Whether it is on sale there.
    #[serde(rename = "a", default = "yes", skip_serializing_if = "is_yes")]
    pub active: bool,
    /// Why it must not be written, whatever the account says.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What is set for it alone.
    #[serde(rename = "r", default, skip_serializing_if = "Layer::is_empty")]
    pub rules: Layer,
    /// The warehouses that feed it instead of those of its account or location.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub feeds: Vec<WarehouseId>,
    /// Units kept back while it sells fast.
    #[serde(rename = "k", default, skip_serializing_if = "is_nothing")]
    pub flash: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_nothing(units: &i64) -> bool {
    *units == 0
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_yes(flag: &bool) -> bool {
    *flag
}

/// The partition of a SKU.
#[must_use]
pub fn sku_partition(sku: &Sku) -> String {
    format!("SKU#{sku}")
}

/// Where a ledger lives.
#[must_use]
pub fn ledger_key(sku: &Sku) -> Key {
    key(sku_partition(sku), "STATE")
}

/// A ledger as a row of the given version. Where sale lines ride along it is a pair of both, so that a version of this program
/// that does not know of such lines refuses the row instead of writing it back without them.
#[must_use]
pub fn ledger_row(sku: &Sku, ledger: &Ledger, version: u64) -> Row {
    let body = if ledger.unfiled.is_empty() { text(ledger) } else { text(&(ledger, &ledger.unfiled)) };
    row(ledger_key(sku), version, body)
}

/// Reads a ledger.
///
/// # Errors
/// [`Unreadable`].
pub fn ledger(row: &Row) -> Result<Ledger, Unreadable> {
    let mut ledger = if row.body.starts_with('[') {
        let (ledger, unfiled): (Ledger, Vec<Unfiled>) = body(row)?;
        Ledger { unfiled, ..ledger }
    } else {
        body(row)?
    };
    ledger.version = row.version;
    Ok(ledger)
}

impl Item {
    /// An item that is listed nowhere.
    #[must_use]
    pub const fn new(sku: Sku, title: String) -> Self {
        Self {
            sku,
            title,
            listings: BTreeMap::new(),
            layer: Layer::EMPTY,
            at: BTreeMap::new(),
            groups: BTreeSet::new(),
            parts: BTreeMap::new(),
            kits: BTreeMap::new(),
        }
    }

    /// Where it lives.
    #[must_use]
    pub fn key(sku: &Sku) -> Key {
        key(sku_partition(sku), "ITEM")
    }

    /// The writes of an item together with its ledger, each while its row is what was read; `version` and `before` are the rows'
    /// versions, none and 0 of what was not there.
    pub(crate) fn with_ledger(&self, version: Option<u64>, ledger: &Ledger, before: u64) -> [Change; 2] {
        let is = |version: Option<u64>| version.map_or(Condition::Absent, Condition::Version);
        let state = is((before > 0).then_some(before));
        [Change::Put(self.row(), is(version)), Change::Put(ledger_row(&self.sku, ledger, before + 1), state)]
    }

    /// As a row; its version says what it holds, so that whoever read it can write it only while it holds just that.
    #[must_use]
    pub fn row(&self) -> Row {
        let index = Some(IndexKey { partition: ITEMS.into(), sort: self.sku.to_string() });
        let body = text(self);
        Row { index, ..row(Self::key(&self.sku), digest(&body), body) }
    }
}

/// How far the account's feed is counted for every SKU.
#[must_use]
pub fn cursor_row(account: &AccountId, position: Position) -> Row {
    row(cursor_key(account), position.0, "{}".into())
}

/// Where the cursor of an account's feed lives; its version is the position.
#[must_use]
pub fn cursor_key(account: &AccountId) -> Key {
    key(format!("ACCOUNT#{account}"), "CURSOR#feed")
}

/// Where the time lives up to which an account's orders are counted; its version is that time in milliseconds.
#[must_use]
pub fn orders_cursor_key(account: &AccountId) -> Key {
    key(format!("ACCOUNT#{account}"), "CURSOR#orders")
}

/// An account's orders are counted up to `now`.
#[must_use]
pub fn orders_cursor_row(account: &AccountId, now: Timestamp) -> Row {
    row(orders_cursor_key(account), u64::try_from(now.0).unwrap_or(0), "{}".into())
}

/// The partition of what an account keeps for itself.
#[must_use]
pub fn account_partition(account: &AccountId) -> String {
    format!("ACCOUNT#{account}")
}

/// A message on the `changes` queue: where to look, never how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The account.
    pub account: AccountId,
    /// What to look at.
    pub touch: Touch,
    /// What made us look.
    pub cause: String,
    /// When the first cause reached us.
    pub at: Timestamp,
    /// The store's id of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// How often it was tried before.
    #[serde(default, skip_serializing_if = "is_never")]
    pub attempts: u32,
    /// What it follows, of work that waited for its turn: a word of [`asked`], or the cause of the run that postponed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What the log lines of its way are found by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_never(attempts: &u32) -> bool {
    *attempts == 0
}

/// The cause of a hint that a store's webhook gave.
pub const WEBHOOK: &str = "webhook";
/// The cause of a hint that only lets a write go out.
pub const WRITE: &str = "write";
/// The cause of a hint that a store's feed gave.
pub const FEED: &str = "feed";
/// The cause of a hint that a store gave, and that had to wait for the end of a push.
pub const TOLD: &str = "told";
/// The cause of a hint that asks to write what differs, without looking first.
pub const PUSH: &str = "rules";

impl Hint {
    /// Whether a store has told of a movement. Then its feed may say all; whoever else asks to look suspects something that
    /// the feed does not say.
    #[must_use]
    pub fn is_told(&self) -> bool {
        [WEBHOOK, FEED, TOLD].contains(&self.cause.as_str())
    }

    /// What work that it leads to follows: what made us look, unless that only was that something waited.
    #[must_use]
    pub fn follows(&self) -> Option<String> {
        let is_why = ![WRITE, TOLD, "waited", "again"].contains(&self.cause.as_str());
        self.asked.clone().or_else(|| is_why.then(|| self.cause.clone()))
    }

    /// A hint without an event behind it.
    #[must_use]
    pub fn new(account: AccountId, touch: Touch, cause: &str, at: Timestamp) -> Self {
        Self { account, touch, cause: cause.into(), at, event: None, attempts: 0, asked: None, trace: None }
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        text(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(cause: &str, asked: Option<&str>) -> Hint {
        let account = AccountId::new("north").expect("valid");
        Hint { asked: asked.map(str::to_owned), ..Hint::new(account, Touch::Feed, cause, Timestamp(0)) }
    }

    #[test]
    fn work_that_waited_still_tells_what_it_follows() {
        assert_eq!(hint(WEBHOOK, None).follows().as_deref(), Some(WEBHOOK));
        assert_eq!(hint(WRITE, Some(asked::FIRST_SYNC)).follows().as_deref(), Some(asked::FIRST_SYNC));
        assert_eq!(hint(WRITE, None).follows(), None, "that it waited is no cause");
        let of_a_former_version = r#"{"account":"north","touch":"feed","cause":"write","at":1}"#;
        assert_eq!(serde_json::from_str::<Hint>(of_a_former_version).expect("as it was written").asked, None);
    }
}
