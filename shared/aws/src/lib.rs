//! The ports of the engine over AWS: [`DynamoStore`], [`SqsQueue`] and [`SecretsVault`]. The only crate that names the
//! AWS SDK. Local mode uses the same store code over an embedded database, through [`clients::embedded`].

pub mod clients;
pub mod env;
#[cfg(feature = "function")]
pub mod function;
#[cfg(feature = "logging")]
pub mod logging;
pub mod queue;
mod said;
pub mod store;
pub mod vault;

pub use env::{EnvError, EnvSettings};
pub use queue::{QueueUrls, SqsQueue, create_queues};
pub use store::{DynamoStore, create_table};
pub use vault::{Deletion, SecretsVault};
