//! The ports of the engine over AWS: [`DynamoStore`], [`SqsQueue`] and [`SecretsVault`]. The only crate that names the
//! AWS SDK. Local mode uses the same store code over an embedded database, through [`embedded::client`].

#[cfg(feature = "services")]
pub mod clients;
pub mod embedded;
#[cfg(feature = "services")]
pub mod env;
#[cfg(feature = "function")]
pub mod function;
#[cfg(feature = "logging")]
pub mod logging;
#[cfg(feature = "services")]
pub mod queue;
mod said;
#[cfg(feature = "services")]
pub mod ses;
pub mod store;
#[cfg(feature = "services")]
pub mod vault;

#[cfg(feature = "services")]
pub use env::{EnvError, EnvSettings};
#[cfg(feature = "services")]
pub use queue::{QueueUrls, SqsQueue, create_queues};
pub use store::{DynamoStore, create_table};
#[cfg(feature = "services")]
pub use vault::{Deletion, SecretsVault};
