//! The ports of the engine in memory, with everything that a real table, queue or vault may do to us. They live in the
//! time and by the chance of a simulation ([`crate::sim::core::Core`]).

pub mod queue;
pub mod store;
pub mod vault;

pub use queue::MemoryQueue;
pub use store::{Commit, MemoryStore, Watch};
pub use vault::MemoryVault;
