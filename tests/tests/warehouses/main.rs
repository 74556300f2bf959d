//! Warehouses on the engine: a chain with two locations and a web shop on one platform, and a market place that has one pool
//! of stock. Rows A7, A8, A18, A19 and A20 of docs/FEATURES.md.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod echoes;
mod places;
mod town;

use town::{CHAIN, MARKET, Town, WEB, listing, location, sku, warehouse};
