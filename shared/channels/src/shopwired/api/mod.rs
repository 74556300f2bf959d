//! The calls to ShopWired's REST API.

mod client;
pub(super) mod feed;
pub(super) mod identity;
pub(super) mod orders;
pub(super) mod products;
pub(super) mod stock;
pub(super) mod webhooks;
pub(super) mod wire;
pub(super) mod write;

/// Rows per page: the most that lists give (`count` is 1 to 100; <https://shopwired.readme.io>).
const PAGE: usize = 100;
/// Pages after which a list is given up: a million rows of one account are a loop, not a shop.
const PAGES_MAX: usize = 10_000;
