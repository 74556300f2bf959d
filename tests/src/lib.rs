//! tests

pub mod artefacts;
pub mod conformance;
pub mod contract;

pub mod fake_http;
pub mod lambda;
pub mod memory;
pub mod model;
pub mod rig;
pub mod shops;
pub mod sim;
pub mod story;
