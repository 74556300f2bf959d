//! The use cases of Evenstock over its ports. Knows neither AWS nor any platform's name.

pub mod ports;

pub use ports::{Queue, Store, Vault};
