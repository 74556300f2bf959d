//! Connectors to sales channels: one folder each, one line in [`registry`], one contract ([`Channel`]).
//!
//! A channel turns a platform's HTTP API into the words of the core. It decides nothing about stock, keeps no state and
//! retries nothing: the engine does. Network goes only through the injected [`Http`]; time only through [`Clock`].

pub mod amazon;
pub mod clock;
pub mod contract;
pub mod error;
#[cfg(feature = "fakes")]
pub mod fake;
pub mod hooks;
pub mod http;
pub mod registry;
pub mod secret;
pub mod shopify;
pub mod shopwired;
pub mod tokens;

pub use clock::Clock;
pub use contract::{
    Channel, Claimed, Delivery, Event, Fit, Hook, Identity, Info, Levels, Location, Movements, OrderHooks, Orders,
    Outcome, Page, Session, Setting, Submitted, Subscription, SubscriptionState, Touch, Unit, UnitKind, Write,
};
pub use error::{Effect, Error, ErrorKind};
pub use hooks::Watch;
pub use http::{Allowed, Http, HttpError, Request, Response, Toll};
pub use secret::{Secret, Secrets};
pub use tokens::Tokens;
