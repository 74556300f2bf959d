//! The ports: [`Store`], [`Queue`], [`Vault`], and from `channels` [`Http`] and [`Clock`].
//!
//! The store port is deliberately small: rows under a partition and a sort key, conditional on a version, several at
//! once in a transaction. What the rows mean is the business of [`crate::records`], once, for every adapter.

use async_trait::async_trait;
use channels::Secrets;
pub use channels::{Clock, Http};
use domain::Timestamp;
use std::time::Duration;

/// Where a row lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition.
    pub pk: String,
    /// The place inside it; rows of a partition are ordered by it, bytewise.
    pub sk: String,
}

/// A place in the sparse index: rows that have one can be listed by `partition`, ordered by `sort`, bytewise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexKey {
    /// The index partition.
    pub partition: String,
    /// The place inside it.
    pub sort: String,
}

/// A stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it lives.
    pub key: Key,
    /// Its version: whatever the writer gave; conditions compare it.
    pub version: u64,
    /// JSON text.
    pub body: String,
    /// When the store may forget it (seconds matter, not milliseconds). Readers must not rely on its absence.
    pub expires: Option<Timestamp>,
    /// Its place in the sparse index.
    pub index: Option<IndexKey>,
}

/// What must be true for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// No row lives at the key.
    Absent,
    /// The row at the key has this version.
    Version(u64),
    /// No row lives there, or the row has a version below this one.
    Below(u64),
}

/// One write.
#[derive(Debug, Clone)]
pub enum Change {
    /// Puts a row.
    Put(Row, Condition),
    /// Deletes a row. Deleting what is not there succeeds under [`Condition::Any`].
    Delete(Key, Condition),
}

impl Change {
    /// Where the change happens.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put(row, _) => &row.key,
            Self::Delete(key, _) => key,
        }
    }
}

/// What to list.
#[derive(Debug, Clone)]
pub struct Query {
    /// The partition of the table, or of the index if `index`.
    pub partition: String,
    /// Whether to list the sparse index.
    pub index: bool,
    /// Only sort keys that begin with this.
    pub prefix: String,
    /// Go on after this row: the [`Page::next`] of the page before.
    pub after: Option<String>,
    /// Newest (greatest) first.
    pub descending: bool,
    /// At most this many rows, 1 to 1000.
    pub limit: usize,
}

/// A page of rows.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// An opaque token for [`Query::after`]; `None` after the last page.
    pub next: Option<String>,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition did not hold. Nothing was written.
    #[error("the row {} has changed in the meantime", key.pk)]
    Conflict {
        /// The row whose condition failed.
        key: Key,
        /// What lives there now.
        current: Option<Box<Row>>,
    },
    /// Too much at once; nothing was written. Try later.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// No answer, or one that does not say whether the write happened.
    #[error("the store gave no clear answer: {0}")]
    Unknown(String),
    /// The request can never succeed: too large, or the table is missing.
    #[error("the store refuses: {0}")]
    Refused(String),
}

/// Rows with conditional writes. Reads are strongly consistent, except through the index, [`Store::glance`] and [`Store::skim`].
#[async_trait]
pub trait Store: Send + Sync {
    /// The rows at these keys, in the order asked for; at most 1,000.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError>;

    /// The row at a key as it is, or as it was a moment ago: for half of what a read costs where reads are billed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn glance(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        Ok(self.get(std::slice::from_ref(key)).await?.pop().flatten())
    }

    /// One page of a partition.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn query(&self, query: &Query) -> Result<Page, StoreError>;

    /// One page of a partition as it is, or as it was a moment ago: for half of the price, like [`Store::glance`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn skim(&self, query: &Query) -> Result<Page, StoreError> {
        self.query(query).await
    }

    /// One page of all rows there are, in no order that means anything; `after` is the [`Page::next`] of the page before. For
    /// moving a hub, and for nothing else: it costs a read of the whole table.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Page, StoreError>;

    /// All changes or none; 1 to 100, each key once. One change costs half of what a transaction costs.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] names the row whose condition failed and gives it as it is now.
    async fn write(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// Puts rows without conditions and without atomicity, as cheaply as possible: any number.
    ///
    /// # Errors
    /// [`StoreError`]; some of the rows may then have been put.
    async fn put_all(&self, rows: &[Row]) -> Result<(), StoreError>;
}

/// The queues there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueName {
    /// Hints of changes; fair by account, unordered.
    Changes,
    /// The bulk path; one consumer per group, in order.
    Lane,
    /// Messages that failed too often, of either queue.
    Dead,
}

/// A message on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// The account: fairness on `Changes`, order on `Lane`.
    pub group: String,
    /// Text, at most 256 KiB.
    pub body: String,
    /// A message with the same id within 5 minutes may be dropped (`Lane` only).
    pub deduplication: Option<String>,
    /// Not before this much time has passed (`Changes` only, at most 15 minutes).
    pub delay: Duration,
}

/// A message received. It comes again unless it is deleted before its visibility ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Stable over all deliveries.
    pub id: String,
    /// For this delivery.
    pub receipt: String,
    /// The group it was sent with.
    pub group: String,
    /// Its text.
    pub body: String,
    /// How often it was received, from 1.
    pub receives: u32,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Ready or delayed.
    pub waiting: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
}

/// A queue did not do it.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not {action}: {reason}")]
pub struct QueueError {
    /// What we asked for.
    pub action: &'static str,
    /// What it said.
    pub reason: String,
}

/// At-least-once queues, durable once `send` has answered. A message received more than [`MAX_RECEIVES`] times moves to
/// [`QueueName::Dead`] with its text unchanged.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages; any number. On an error some may have been sent.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn send(&self, queue: QueueName, messages: &[Outbound]) -> Result<(), QueueError>;

    /// Receives up to `most` messages, waiting up to `wait` for the first.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn receive(&self, queue: QueueName, most: usize, wait: Duration) -> Result<Vec<Inbound>, QueueError>;

    /// Deletes received messages, by receipt. Repeating is harmless.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn delete(&self, queue: QueueName, receipts: &[String]) -> Result<(), QueueError>;

    /// Makes a received message visible again after `delay`.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn retry(&self, queue: QueueName, receipt: &str, delay: Duration) -> Result<(), QueueError>;

    /// How many messages a queue holds.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn depth(&self, queue: QueueName) -> Result<Depth, QueueError>;

    /// Moves up to `most` dead messages back to the queue that they came from; gives the names that they had there.
    ///
    /// # Errors
    /// [`QueueError`].
    async fn redrive(&self, most: usize) -> Result<Vec<String>, QueueError>;
}

/// Receives after which a message is dead.
pub const MAX_RECEIVES: u32 = 6;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// One address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// A mail was not taken.
#[derive(Debug, thiserror::Error)]
#[error("the mail server did not take it: {0}")]
pub struct MailError(pub String);

/// Sends mail, where the hub has a server for it (`docs/adr/0007-mail-is-a-port.md`).
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail to the server.
    ///
    /// # Errors
    /// [`MailError`]; it may be tried again.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// The vault did not do it. Never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("the vault did not {action}: {reason}")]
pub struct VaultError {
    /// What we asked for.
    pub action: &'static str,
    /// What it said.
    pub reason: String,
}

/// Secrets by name (`account/<id>`, `signing`, `admin`). Cached by the adapter.
#[async_trait]
pub trait Vault: Send + Sync {
    /// The secrets under a name; `None` when there are none. `fresh` goes past the cache.
    ///
    /// # Errors
    /// [`VaultError`].
    async fn get(&self, name: &str, fresh: bool) -> Result<Option<Secrets>, VaultError>;

    /// Replaces the secrets under a name.
    ///
    /// # Errors
    /// [`VaultError`].
    async fn put(&self, name: &str, secrets: &Secrets) -> Result<(), VaultError>;

    /// Forgets a name. Repeating is harmless.
    ///
    /// # Errors
    /// [`VaultError`].
    async fn delete(&self, name: &str) -> Result<(), VaultError>;
}
