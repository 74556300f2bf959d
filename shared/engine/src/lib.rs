//! The use cases of Evenstock over its ports. Knows neither AWS nor any platform's name.

pub mod accounts;
pub mod adopt;
pub mod alerts;
pub mod audit;
pub mod budget;
pub mod endpoint;
mod feed;
mod fights;
pub mod health;
pub mod hub;
pub mod items;
pub mod later;
mod levels;
pub mod line;
mod listings;
pub mod locations;
pub mod people;
mod places;
pub mod ports;
pub mod quarantine;
pub mod receive;
pub mod reconcile;
pub mod records;
mod scan;
mod selling;
pub mod stock;
pub mod sync;
pub mod trail;
pub mod warehouses;
pub mod work;

pub use hub::{Config, Connected, Error, Hub};
pub use ports::{Clock, Http, Queue, Store, Vault};
