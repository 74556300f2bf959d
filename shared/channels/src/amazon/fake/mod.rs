//! A stateful fake of Amazon's Selling Partner API: several sellers, told apart by their access tokens.
//!
//! It answers the API, `POST /auth/o2/token`, and documents below `/_s3/`, all on one host. People's doings come in by two
//! doors: the methods of [`FakeAmazon`], and the same over HTTP below `/_fake/`, in JSON:
//!
#![doc = include_str!("doors.md")]
//!
//! A refusal is 409 `{"error"}`. The same calls give the same answers: there is no clock, no chance and no hash order in it.

mod documents;
mod door;
mod events;
mod faults;
mod feeds;
mod limits;
mod listings;
mod notify;
mod orders;
mod reports;
mod rest;
mod shopper;
mod state;
mod switches;
mod tokens;
mod writes;

pub use faults::{EventFaults, Failure, Fault, When};
pub use shopper::{ListingSpec, Refused, SellerSpec};
pub use state::ApiWrite;
pub use switches::{Fate, Header, PushVsPending, Script, Switches};

use crate::fake::{Fake, Outgoing};
use crate::{Request, Response};
use documents::Document;
use domain::Timestamp;
use notify::Destination;
use state::Seller;
use std::collections::BTreeMap;
use tokens::Token;

/// A fake of the whole platform.
#[derive(Debug)]
pub struct FakeAmazon {
    sellers: BTreeMap<String, Seller>,
    tokens: BTreeMap<String, Token>,
    documents: BTreeMap<String, Document>,
    destinations: BTreeMap<String, Destination>,
    /// Events that wait, by when they are due and in which order they came.
    outbox: BTreeMap<(Timestamp, u64), String>,
    events_url: String,
    token: u64,
    token_calls: u64,
    request: u64,
    ticket: u64,
}

impl Default for FakeAmazon {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeAmazon {
    /// A platform without sellers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sellers: BTreeMap::new(),
            tokens: BTreeMap::new(),
            documents: BTreeMap::new(),
            destinations: BTreeMap::new(),
            outbox: BTreeMap::new(),
            events_url: "http://events.invalid/".into(),
            token: 0,
            token_calls: 0,
            request: 0,
            ticket: 0,
        }
    }

    /// Lets everything happen that is due at `now`.
    fn tick(&mut self, now: Timestamp) {
        let ids: Vec<String> = self.sellers.keys().cloned().collect();
        for id in ids {
            feeds::advance(self, &id, now);
            reports::advance(self, &id, now);
            if let Some(seller) = self.sellers.get_mut(&id) {
                seller.apply_due(now);
            }
        }
        events::publish(self);
    }
}

impl Fake for FakeAmazon {
    fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.tick(now);
        let path = request.uri().path();
        let response = if let Some(path) = path.strip_prefix("/_fake/") {
            door::open(self, path, request, now)
        } else if let Some(id) = path.strip_prefix("/_s3/") {
            documents::store(self, id, request, now)
        } else if path == "/auth/o2/token" {
            tokens::grant(self, request, now)
        } else {
            rest::answer(self, request, now)
        };
        events::publish(self);
        response
    }

    fn due(&mut self, now: Timestamp) -> Vec<Outgoing> {
        self.tick(now);
        let mut outgoing = Vec::new();
        while let Some(entry) = self.outbox.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((due, ticket), body) = entry.remove_entry();
            outgoing.extend(events::request(&self.events_url, body).map(|request| Outgoing { request, due, ticket }));
        }
        outgoing
    }

    fn next_due(&self) -> Option<Timestamp> {
        let writes = self.sellers.values().filter_map(|seller| seller.tasks.first_key_value());
        let first = writes.map(|((due, _), _)| *due).min();
        let sent = self.outbox.first_key_value().map(|((due, _), _)| *due);
        let jobs = self.sellers.values().flat_map(|seller| [feeds::next_turn(seller), reports::next_end(seller)]);
        jobs.flatten().chain(first).chain(sent).min()
    }

    /// A queue has taken it, whatever its reader says later.
    fn delivered(&mut self, _ticket: u64, _answer: Option<(u16, &[u8])>, _now: Timestamp) {}
}
