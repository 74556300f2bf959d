//! The calls to Shopify's GraphQL Admin API, <https://shopify.dev/docs/api/admin-graphql>.

mod activate;
pub(super) mod bulk;
mod client;
pub(super) mod document;
mod file;
pub(super) mod identity;
pub(super) mod locations;
mod outcome;
pub(super) mod read;
mod search;
mod token;
pub(super) mod webhooks;
mod wire;
pub(super) mod write;

/// Pages after which a list is given up.
const PAGES_MAX: usize = 1_000;
