//! tests

pub mod contract;

pub mod fake_http;
pub mod shops;
pub mod memory;
pub mod sim;
