//! The calls to Amazon.

mod client;
mod document;
pub(super) mod feed;
pub(super) mod identity;
pub(super) mod listings;
pub(super) mod notify;
mod operation;
pub(super) mod orders;
pub(super) mod report;
mod table;
mod token;
mod wire;
pub(super) mod write;
