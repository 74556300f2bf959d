//! The use cases of Evenstock over its ports. Knows neither AWS nor any platform's name.

pub mod budget;
pub mod health;
pub mod hub;
pub mod later;
pub mod line;
pub mod ports;
pub mod records;
pub mod sync;

pub use hub::{Config, Connected, Error, Hub};
pub use ports::{Clock, Http, Queue, Store, Vault};
