//! tests

pub mod contract;

pub mod fake_http;
pub mod shops;
