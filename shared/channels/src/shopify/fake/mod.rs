//! A stateful fake of Shopify: several stores, told apart by their tokens.
//!
//! It answers `POST /admin/api/{version}/graphql.json`, `POST /admin/oauth/access_token`, and the files of bulk operations
//! below `/_bulk/`. Documents are validated against the real schema and executed field by field. People's doings come in by
//! two doors: the methods of [`FakeShopify`], and the same over HTTP below `/_fake/`, in JSON:
//!
#![doc = include_str!("doors.md")]
//!
//! `{shop}` is the store's domain. A refusal is 409 `{"error"}`. There is no clock, no chance and no hash order in it.

mod bulk;
mod cost;
mod door;
mod faults;
mod graphql;
mod idempotency;
mod mutations;
mod objects;
mod people;
mod quantities;
mod queries;
mod rest;
mod state;
mod switches;
mod webhooks;

pub use faults::{Failure, Fault, WebhookFaults, When, Which};
pub use graphql::validate;
pub use people::{ItemSpec, Restock};
pub use state::{ApiWrite, ShopSpec};
pub use switches::{BulkEnd, FailedKey, Grant, NotStocked, Switches};

use crate::fake::{Fake, Outgoing};
use crate::{Request, Response};
use domain::Timestamp;
use state::Shop;
use std::collections::BTreeMap;
use webhooks::Delivery;

/// Why a doing is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A fake of the whole platform.
#[derive(Debug, Default)]
pub struct FakeShopify {
    shops: BTreeMap<String, Shop>,
    ticket: u64,
    /// Webhooks that wait, by when they are due and in which order they came.
    outbox: BTreeMap<(Timestamp, u64), Delivery>,
    /// Webhooks that a host has taken and not reported on, by ticket.
    flying: BTreeMap<u64, Delivery>,
}

impl FakeShopify {
    /// A platform without stores.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn shop(&mut self, domain: &str) -> Result<&mut Shop, Refused> {
        self.shops.get_mut(domain).ok_or_else(|| Refused(format!("there is no store {domain}")))
    }

    /// Puts what is new into the outbox, once for each subscription.
    fn publish(&mut self, now: Timestamp) {
        for (domain, shop) in &mut self.shops {
            shop.tell_bulks(now);
            for what in std::mem::take(&mut shop.news) {
                self.ticket += 1;
                let event = self.ticket;
                let listens = shop.subscriptions.iter().filter(|(_, one)| one.topic == what.topic);
                for (id, one) in listens {
                    self.ticket += 1;
                    let delivery = self.ticket;
                    for wait in shop.webhook_faults.copies() {
                        self.ticket += 1;
                        let body = (!shop.switches.coalesce).then(|| webhooks::raw(&webhooks::body(shop, &what)));
                        let due = what.at.plus_ms(shop.switches.webhook_delay_ms + wait);
                        let delivery = Delivery {
                            domain: domain.clone(),
                            subscription: *id,
                            what: what.clone(),
                            failures: 0,
                            event,
                            id: delivery,
                            uri: one.uri.clone(),
                            body,
                        };
                        self.outbox.insert((due, self.ticket), delivery);
                    }
                }
            }
        }
    }
}

impl Fake for FakeShopify {
    fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        let response = match request.uri().path().strip_prefix("/_fake/") {
            Some(path) => door::open(self, path, request, now),
            None => rest::route(&mut self.shops, request, now),
        };
        self.publish(now);
        response
    }

    fn due(&mut self, now: Timestamp) -> Vec<Outgoing> {
        self.publish(now);
        let mut outgoing = Vec::new();
        while let Some(entry) = self.outbox.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((due, ticket), mut delivery) = entry.remove_entry();
            let shop = self.shops.get(&delivery.domain);
            if let Some(request) = shop.and_then(|shop| webhooks::request(shop, &mut delivery)) {
                self.flying.insert(ticket, delivery);
                outgoing.push(Outgoing { request, due, ticket });
            }
        }
        outgoing
    }

    fn next_due(&self) -> Option<Timestamp> {
        let news = self.shops.values().flat_map(|shop| shop.news.iter().map(|news| news.at)).min();
        let bulk = self.shops.values().filter_map(Shop::next_bulk).min();
        let sent = self.outbox.first_key_value().map(|((due, _), _)| *due);
        news.into_iter().chain(bulk).chain(sent).min()
    }

    fn delivered(&mut self, ticket: u64, answer: Option<(u16, &[u8])>, now: Timestamp) {
        let Some(mut delivery) = self.flying.remove(&ticket) else { return };
        let Some(shop) = self.shops.get_mut(&delivery.domain) else { return };
        if let Some(wait) = webhooks::settle(shop, &mut delivery, answer.map(|(status, _)| status)) {
            self.ticket += 1;
            self.outbox.insert((now.plus_ms(wait), self.ticket), delivery);
        }
    }
}
