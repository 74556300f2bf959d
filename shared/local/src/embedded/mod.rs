//! DynamoDB inside this process: the SDK's requests are handed to `dynoxide` (SQLite) without a port.
//!
//! Commits are grouped. SQLite writes each commit to its write-ahead log without waiting for the disk; a second thread
//! flushes that log once for all commits made in the meantime, and only then are they answered. What was answered
//! survives a power cut, and a slow disk costs one flush for many writes.

mod calls;
mod connector;
mod disk;
mod worker;

use crate::folder;
use aws::{DynamoStore, create_table, embedded};
use aws_sdk_dynamodb::Client;
use dynoxide::Database;
use engine::ports::StoreError;
use std::path::{Path, PathBuf};

/// The only table.
const TABLE: &str = "evenstock";
const FILE: &str = "store.sqlite";

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a thread could not be made.
    #[error("the store in {path} could not be opened")]
    Folder {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a database of ours, or is damaged.
    #[error("the store in {path} could not be opened: {reason}")]
    Database {
        /// The directory.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// The table could not be made.
    #[error("the table could not be made")]
    Table(#[from] StoreError),
}

/// An open database in a directory.
#[derive(Clone)]
pub struct EmbeddedDynamo {
    database: Database,
    client: Client,
}

impl EmbeddedDynamo {
    /// Opens the database in `folder`, creating folder, file and table where they are missing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        let (database, connector) = start(folder)?;
        let client = embedded::client(connector.into_client());
        create_table(&client, TABLE).await?;
        Ok(Self { database, client })
    }

    /// The store over this database; any number may be in use at once.
    #[must_use]
    pub fn store(&self) -> DynamoStore {
        DynamoStore::new(self.client.clone(), TABLE)
    }

    /// Deletes the rows whose time has passed and gives how many. Blocks: call it from a blocking thread.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when the database fails; the next call goes on.
    pub fn sweep_expired(&self) -> Result<usize, StoreError> {
        self.database.sweep_ttl().map_err(|error| StoreError::Unknown(error.to_string()))
    }

    /// Writes a consistent copy of the database to a file that must not exist yet. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the reason.
    pub fn back_up(&self, file: &Path) -> Result<(), StoreError> {
        let copied = self.database.vacuum_into(&file.to_string_lossy());
        copied.map_err(|error| StoreError::Refused(error.to_string()))
    }
}

fn start(path: &Path) -> Result<(Database, connector::Connector), OpenError> {
    let in_folder = |source| OpenError::Folder { path: path.to_owned(), source };
    let in_database =
        |reason: dynoxide::DynoxideError| OpenError::Database { path: path.to_owned(), reason: reason.to_string() };
    folder::make(path).map_err(in_folder)?;
    let file = path.join(FILE);
    let database = Database::new(&file.to_string_lossy()).map_err(in_database)?;
    // This sets `synchronous = NORMAL`: SQLite leaves flushing its log to us. Should a later version set something
    // stricter, we flush once more than needed.
    database.disable_bulk_loading().map_err(in_database)?;
    folder::sync(path).map_err(in_folder)?;
    let worker = worker::start(database.clone(), disk::Log::beside(&file)).map_err(in_folder)?;
    Ok((database, connector::Connector::new(worker)))
}
