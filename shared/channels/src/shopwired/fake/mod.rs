//! A stateful fake of ShopWired: several stores, told apart by their API keys, with one event id over all of them.
//!
//! It answers the REST API below `/v1`. People's doings come in by two doors: the methods of [`FakeShopWired`], and the
//! same over HTTP below `/_fake/`, in JSON:
//!
#![doc = include_str!("doors.md")]
//!
//! `{account}` is the number in [`AccountSpec::business`]. A refusal is 409 `{"error"}`.
//!
//! The same seed and the same calls give the same answers: there is no clock, no other chance and no hash order in it.

mod catalogue;
mod delivery;
mod door;
mod events;
mod faults;
mod limiter;
mod log;
mod oracle;
mod orders;
mod render;
mod rest;
mod shop;
mod shopper;
mod state;
mod stock;
mod switches;
mod webhooks;

pub use faults::{Failure, Fault, WebhookFaults, When, Which};
pub use oracle::{ApiWrite, Cause, Truth};
pub use shopper::{AccountSpec, Page, PlacedLine, ProductSpec, Refused, VariationSpec};
pub use switches::{
    BundleSale, Duplicates, EditOrder, FailureCount, Generator, Limit, LimitScope, Negative, StockLag, Switches,
    ThrottleBody,
};

use crate::fake::{Fake, Outgoing};
use crate::{Request, Response};
use ::http::header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use delivery::{Delivery, Parcel};
use domain::Timestamp;
use log::Event;
use state::Account;
use std::collections::BTreeMap;

/// The first event id: live ones looked like this.
const FIRST_EVENT: u64 = 337_000_000;

/// A fake of the whole platform.
#[derive(Debug)]
pub struct FakeShopWired {
    accounts: BTreeMap<u64, Account>,
    /// `Authorization` headers, with the account and the place of the key in it.
    keys: BTreeMap<String, (u64, usize)>,
    seed: u64,
    event: u64,
    ticket: u64,
    /// Webhooks that wait, by when they are due and in which order they came.
    outbox: BTreeMap<(Timestamp, u64), Delivery>,
    /// Webhooks that a host has taken and not reported on, by ticket.
    flying: BTreeMap<u64, Delivery>,
}

/// The header of <https://help.shopwired.io/api/authentication>.
fn basic(api_key: &str, api_secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{api_key}:{api_secret}")))
}

impl FakeShopWired {
    /// A platform without stores; `seed` decides what happens by chance.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            accounts: BTreeMap::new(),
            keys: BTreeMap::new(),
            seed,
            event: FIRST_EVENT,
            ticket: 0,
            outbox: BTreeMap::new(),
            flying: BTreeMap::new(),
        }
    }

    /// Lets everything happen that is due at `now`.
    fn tick(&mut self, now: Timestamp) {
        self.accounts.values_mut().for_each(|account| account.tick(now));
        self.publish();
    }

    /// Gives ids to what is new, and puts the webhooks for it into the outbox.
    fn publish(&mut self) {
        let busy = |account: &&Account| !account.news.is_empty() || !account.handshakes.is_empty();
        let busy: Vec<u64> = self.accounts.values().filter(busy).map(|account| account.business).collect();
        for business in busy {
            let Some(account) = self.accounts.get_mut(&business) else { continue };
            for (at, happening) in std::mem::take(&mut account.news) {
                self.event += 1;
                let topic = happening.topic.clone();
                let place = account.log.append(Event { id: self.event, at, what: happening });
                post(account, &topic, place, at, &mut self.outbox, &mut self.ticket);
            }
            for (at, webhook) in std::mem::take(&mut account.handshakes) {
                let token = format!("{:016x}", account.chance(u64::MAX));
                let delivery = Delivery { business, webhook, parcel: Parcel::Handshake(token), failures: 0 };
                self.ticket += 1;
                self.outbox.insert((at, self.ticket), delivery);
            }
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Response {
        let credentials = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((business, key)) = credentials.and_then(|basic| self.keys.get(basic)).copied() else {
            return rest::unauthorized();
        };
        match self.accounts.get_mut(&business) {
            Some(account) => rest::answer(account, key, request, now),
            None => rest::unauthorized(),
        }
    }
}

/// Puts an event into the outbox, for each webhook that listens.
fn post(
    account: &mut Account,
    topic: &str,
    place: usize,
    at: Timestamp,
    outbox: &mut BTreeMap<(Timestamp, u64), Delivery>,
    ticket: &mut u64,
) {
    let unverified = account.switches.unverified_receive;
    let listens =
        |webhook: &&state::Webhook| webhook.topic == topic && webhook.enabled && (webhook.verified || unverified);
    let listeners: Vec<u64> = account.webhooks.values().filter(listens).map(|webhook| webhook.id).collect();
    for webhook in listeners {
        let mut faults = account.webhook_faults;
        let copies = faults.copies(|below| account.chance(below));
        account.webhook_faults = faults;
        for wait in copies {
            *ticket += 1;
            let due = at.plus_ms(account.switches.webhook_delay_ms + wait);
            let parcel = Parcel::Event(place);
            outbox.insert((due, *ticket), Delivery { business: account.business, webhook, parcel, failures: 0 });
        }
    }
}

impl Fake for FakeShopWired {
    fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.tick(now);
        let response = match request.uri().path().strip_prefix("/_fake/") {
            Some(path) => door::open(self, path, request, now),
            None => self.answer(request, now),
        };
        self.publish();
        response
    }

    fn due(&mut self, now: Timestamp) -> Vec<Outgoing> {
        self.tick(now);
        let mut outgoing = Vec::new();
        while let Some(entry) = self.outbox.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((due, ticket), delivery) = entry.remove_entry();
            let account = self.accounts.get(&delivery.business);
            if let Some(request) = account.and_then(|account| delivery::request(account, &delivery, now)) {
                self.flying.insert(ticket, delivery);
                outgoing.push(Outgoing { request, due, ticket });
            }
        }
        outgoing
    }

    fn next_due(&self) -> Option<Timestamp> {
        let tasks = self.accounts.values().filter_map(|account| account.tasks.first_key_value());
        let first = tasks.map(|((due, _), _)| *due).min();
        let sent = self.outbox.first_key_value().map(|((due, _), _)| *due);
        first.into_iter().chain(sent).min()
    }

    fn delivered(&mut self, ticket: u64, answer: Option<(u16, &[u8])>, now: Timestamp) {
        let Some(mut delivery) = self.flying.remove(&ticket) else { return };
        let Some(account) = self.accounts.get_mut(&delivery.business) else { return };
        if let Some(wait) = delivery::settle(account, &mut delivery, answer) {
            self.ticket += 1;
            self.outbox.insert((now.plus_ms(wait), self.ticket), delivery);
        }
    }
}
