//! The Store port over DynamoDB: one table, one sparse index, rows as text.
//!
//! Conditional writes go out exactly once. A retry inside the SDK could see the row that its own first try wrote and
//! call that a conflict, so only reads, unconditional puts and transactions (which carry an idempotency token) retry.

mod batch;
mod errors;
mod query;
mod rows;
mod table;
mod write;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use engine::ports::{Change, Key, Page, Query, Row, Store, StoreError};

pub use table::create_table;

/// The index that lists rows by partition: keys `gpk` and `gsk`, everything projected.
pub const INDEX: &str = "by_partition";

/// The attribute that holds the second after which DynamoDB may delete a row.
pub const EXPIRY: &str = "expires";

/// A [`Store`] over one DynamoDB table (laid out by [`create_table`]).
#[derive(Debug, Clone)]
pub struct DynamoStore {
    retrying: Client,
    once: Client,
    table: String,
}

impl DynamoStore {
    /// A store over `table`. The client's retries apply to everything that is safe to repeat.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let once = client.config().to_builder().retry_config(RetryConfig::disabled());
        Self { once: Client::from_conf(once.build()), retrying: client, table: table.into() }
    }

    /// The name of the table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        match keys {
            [] => Ok(Vec::new()),
            [key] => Ok(vec![batch::get_one(self, key, true).await?]),
            _ => batch::get_many(self, keys).await,
        }
    }

    async fn glance(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        batch::get_one(self, key, false).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        query::page(self, query, true).await
    }

    async fn skim(&self, query: &Query) -> Result<Page, StoreError> {
        query::page(self, query, false).await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        query::scan(self, after, limit).await
    }

    async fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        match changes {
            [] => Ok(()),
            [change] => write::single(self, change).await,
            _ => write::transaction(self, changes).await,
        }
    }

    async fn put_all(&self, rows: &[Row]) -> Result<(), StoreError> {
        batch::put_all(self, rows).await
    }
}
