//! The ports of the engine on one machine, durable in one directory: [`EmbeddedDynamo`] for the store (the code of
//! `aws` over a database in this process), [`LocalQueue`] and [`FileVault`]; and mail through a server ([`SmtpMailer`]).

pub mod embedded;
mod folder;
pub mod queue;
pub mod smtp;
pub mod vault;

pub use embedded::{EmbeddedDynamo, OpenError};
pub use queue::LocalQueue;
pub use smtp::SmtpMailer;
pub use vault::FileVault;
