//! The simulation: the real core, engine and connectors, over fakes, in a world where everything goes wrong that can.

mod account;
pub mod books;
pub mod calls;
pub mod core;
pub mod crew;
pub mod echoes;
pub mod exec;
pub mod grown;
pub mod hands;
pub mod many;
pub mod market;
pub mod named;
pub mod net;
pub mod oracle;
pub mod owing;
pub mod places;
pub mod plain;
pub mod regression;
pub mod ruled;
pub mod run;
pub mod scenes;
pub mod script;
pub mod setup;
pub mod stops;
pub mod world;
