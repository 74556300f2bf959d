//! HTTP, in and out, the same for the functions and for one process: the webhook route, the admin JSON API and the
//! console (feature `admin`), and the network towards the stores (feature `client`).

#[cfg(feature = "admin")]
pub mod access;
mod answer;
#[cfg(feature = "admin")]
mod api;
mod app;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "admin")]
pub mod console;
#[cfg(feature = "admin")]
mod seal;
#[cfg(feature = "admin")]
pub mod tokens;
mod trace;
mod webhooks;

#[cfg(feature = "admin")]
pub use api::{document, router};
pub use app::App;
pub use webhooks::{WEBHOOK_BODY_MAX, webhooks};
