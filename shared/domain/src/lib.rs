//! The core of Evenstock: what is counted, what is claimed, what is pushed, and why.
//!
//! Pure and synchronous: no I/O, no clock, no randomness, no floats, no hash order. Time comes in as an argument
//! ([`Timestamp`]), so that every decision can be replayed. `docs/ARCHITECTURE.md` draws how a change travels through it.

pub mod alarm;
pub mod capability;
pub mod feed;
pub mod fight;
pub mod flash;
pub mod guard;
pub mod ids;
pub mod key;
pub mod kits;
pub mod latency;
pub mod layers;
pub mod ledger;
pub mod plan;
pub mod planted;
pub mod policy;
pub mod pool;
pub mod push;
mod reading;
pub mod reconcile;
pub mod retry;
pub mod rules;
pub mod settle;
pub mod spelling;
pub mod time;
pub mod undo;
pub mod unfiled;
pub mod verify;

pub use capability::{Capabilities, Class, FeedKind, WriteKind};
pub use feed::{Line, Movement, Order, OrderState};
pub use ids::{
    AccountId, GroupId, InvalidId, LineId, ListingId, LocationId, OrderId, Position, Sku, UnitId, WarehouseId,
};
pub use latency::Latency;
pub use ledger::{Change, Claim, Entry, Ledger};
pub use policy::{Drift, Duplicates, Inbound, Restock, Role};
pub use time::Timestamp;
pub use unfiled::Unfiled;
