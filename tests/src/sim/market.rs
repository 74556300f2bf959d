//! Stores on the fakes of Amazon and Shopify: how they are opened, connected, used by people, and what is true of them.

use super::oracle::Oracle;
use super::script::Action;
use super::setup::{Platform, Setup};
use super::world::account;
use bytes::Bytes;
use channels::amazon::FakeAmazon;
use channels::amazon::fake::{ListingSpec, PushVsPending, SellerSpec, Switches as AmazonSwitches};
use channels::fake::{Fake, Outgoing};
use channels::shopify::fake::{FailedKey, FakeShopify, ItemSpec, ShopSpec, Switches as ShopifySwitches};
use channels::{Request, Response, Secret, Secrets};
use domain::{ListingId, Sku, Timestamp};
use fastrand::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Amazon.co.uk.
const MARKETPLACE: &str = "A1F83G8C2ARO7P";

/// The stores on platforms of which one fake holds several.
pub struct Market {
    /// Sellers at Amazon.
    pub amazon: Arc<Mutex<FakeAmazon>>,
    /// Shops at Shopify.
    pub shopify: Arc<Mutex<FakeShopify>>,
    platforms: Vec<Platform>,
    /// The SKUs of Shopify's items, by store and number.
    items: BTreeMap<(usize, String), Sku>,
    locations: BTreeMap<usize, u64>,
    /// Orders that people placed, by store.
    orders: Mutex<BTreeMap<usize, Vec<(String, Timestamp)>>>,
    /// The last write of each SKU that Amazon accepted.
    accepted: Mutex<BTreeMap<(usize, Sku), Accepted>>,
    /// How often people did something at a store.
    acts: Mutex<BTreeMap<usize, u64>>,
    /// Events that nobody took: when the queue gives them again, milliseconds.
    again: Mutex<Vec<(i64, Mail)>>,
}

/// An event of Amazon's in a queue, and how often it was received in vain.
#[derive(Debug, Clone)]
pub struct Mail {
    /// What it says.
    pub body: Bytes,
    failures: u32,
}

/// An event that was received and not deleted is visible again after so long, milliseconds.
const VISIBLE_MS: i64 = 30_000;
/// After so many times it is put aside.
const RECEIVED_MAX: u32 = 6;

/// A write that Amazon accepted.
#[derive(Debug, Clone, Copy)]
struct Accepted {
    /// What people had done there until then.
    acts: u64,
    /// Whether it was the only one on its way, and the store had the level that the claim says.
    foreseen: bool,
}

/// What nobody knows about these platforms, one way or the other.
#[derive(Debug, Clone, Default)]
pub struct Unknowns {
    /// Of a seller.
    pub amazon: AmazonSwitches,
    /// Of a shop.
    pub shopify: ShopifySwitches,
}

impl Unknowns {
    /// Drawn from a seed.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let amazon = AmazonSwitches {
            rate_scale: Some(1.0),
            apply_ms: Some(rng.i64(500..240_000)),
            sku_slow_ms: if rng.u8(0..4) == 0 { rng.i64(1_000..60_000) } else { 0 },
            push_vs_pending: if rng.bool() { PushVsPending::Overwrite } else { PushVsPending::Net },
            cancelled_keeps_quantity: rng.bool(),
            event_at_pending: rng.bool(),
            echo: rng.bool(),
            odd_status: rng.bool(),
            nested_json: rng.bool(),
            camel_case: rng.bool(),
            event_delay_ms: rng.i64(0..20_000),
            report_ms: rng.i64(1_000..20_000),
            ..AmazonSwitches::default()
        };
        let shopify = ShopifySwitches {
            stale_path: rng.bool(),
            failed_key: if rng.bool() { FailedKey::Refused } else { FailedKey::Replayed },
            coalesce: rng.bool(),
            noop_fires: rng.bool(),
            throttle_429: rng.bool(),
            bulk_ms: rng.i64(500..5_000),
            bulk_scattered: rng.bool(),
            concurrent_ms: if rng.u8(0..4) == 0 { rng.i64(1..3_000) } else { 0 },
            webhook_delay_ms: rng.i64(50..4_000),
            ..ShopifySwitches::default()
        };
        Self { amazon, shopify }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seller(store: usize) -> String {
    format!("ASIMSELLER{store:02}")
}

fn domain_of(store: usize) -> String {
    format!("shop-{store}.myshopify.com")
}

fn client_secret(store: usize) -> String {
    format!("secret-{store}")
}

impl Market {
    /// Opens the stores of a world that are on these platforms; `level` is what a SKU begins with there.
    #[must_use]
    pub fn new(setup: &Setup, now: Timestamp, level: impl Fn(usize, i64) -> i64) -> Self {
        let mut market = Self {
            amazon: Arc::new(Mutex::new(FakeAmazon::new())),
            shopify: Arc::new(Mutex::new(FakeShopify::new())),
            platforms: setup.platforms.clone(),
            items: BTreeMap::new(),
            locations: BTreeMap::new(),
            orders: Mutex::default(),
            accepted: Mutex::default(),
            acts: Mutex::default(),
            again: Mutex::default(),
        };
        for (store, platform) in setup.platforms.iter().enumerate() {
            let levels: Vec<(&str, i64)> =
                setup.skus.iter().map(|(name, first)| (name.as_str(), level(store, *first))).collect();
            match platform {
                Platform::Amazon => market.open_seller(store, &levels, &setup.unknowns[store].amazon, now),
                Platform::Shopify => market.open_shop(store, &levels, &setup.unknowns[store].shopify, now),
                Platform::Shop | Platform::Plain(_) => {}
            }
        }
        market
    }

    fn open_seller(&self, store: usize, levels: &[(&str, i64)], switches: &AmazonSwitches, now: Timestamp) {
        let (mut fake, id) = (lock(&self.amazon), seller(store));
        fake.add_seller(&SellerSpec {
            id: id.clone(),
            name: format!("Seller {store}"),
            client_id: format!("client-{store}"),
            client_secret: client_secret(store),
            refresh_token: format!("Atzr|{store}"),
            marketplaces: vec![MARKETPLACE.into()],
        });
        if let Ok(its) = fake.switches(&id) {
            its.clone_from(switches);
        }
        for (sku, level) in levels {
            _ = fake.list(&id, &ListingSpec::own(sku, *level), now);
        }
        // a SKU that Amazon keeps and sends is never written, whatever happens
        _ = fake.list(&id, &ListingSpec::hosted(HOSTED), now);
    }

    fn open_shop(&mut self, store: usize, levels: &[(&str, i64)], switches: &ShopifySwitches, now: Timestamp) {
        let (mut fake, domain) = (lock(&self.shopify), domain_of(store));
        fake.add_shop(&ShopSpec {
            domain: domain.clone(),
            name: format!("Shop {store}"),
            client_id: format!("client-{store}"),
            client_secret: client_secret(store),
            access_token: None,
        });
        if let Ok(its) = fake.switches(&domain) {
            its.clone_from(switches);
        }
        let Ok(location) = fake.add_location(&domain, "Main street", false, now) else { return };
        self.locations.insert(store, location);
        for (name, level) in levels {
            let levels = vec![(location, *level)];
            let spec = ItemSpec { sku: Some((*name).into()), title: (*name).into(), levels, ..ItemSpec::default() };
            let item = fake.add_item(&domain, &spec, now);
            if let (Ok(item), Ok(sku)) = (item, Sku::new(*name)) {
                self.items.insert((store, item.to_string()), sku);
            }
        }
    }

    /// The settings and secrets of a store's account.
    #[must_use]
    pub fn credentials(&self, store: usize) -> (BTreeMap<String, String>, Secrets) {
        let settings = match self.platforms[store] {
            Platform::Amazon => vec![
                ("seller_id", seller(store)),
                ("marketplaces", MARKETPLACE.into()),
                ("base_url", format!("https://store-{store}.test")),
                ("token_url", format!("https://store-{store}.test/auth/o2/token")),
                ("queue_arn", "arn:aws:sqs:eu-west-1:111122223333:sim-events".into()),
                ("eventbridge_account", "111122223333".into()),
                ("eventbridge_region", "eu-west-1".into()),
            ],
            Platform::Shopify | Platform::Shop | Platform::Plain(_) => vec![
                ("shop", domain_of(store)),
                ("client_id", format!("client-{store}")),
                ("base_url", format!("https://store-{store}.test")),
            ],
        };
        let secrets = match self.platforms[store] {
            Platform::Amazon => vec![
                ("client_id", format!("client-{store}")),
                ("client_secret", client_secret(store)),
                ("refresh_token", format!("Atzr|{store}")),
            ],
            Platform::Shopify | Platform::Shop | Platform::Plain(_) => vec![("client_secret", client_secret(store))],
        };
        (
            settings.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
            secrets.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text))).collect(),
        )
    }

    /// The level that a store shows.
    #[must_use]
    pub fn level(&self, store: usize, sku: &str) -> Option<i64> {
        match self.platforms.get(store)? {
            Platform::Amazon => lock(&self.amazon).level(&seller(store), sku),
            Platform::Shopify => lock(&self.shopify).level(&domain_of(store), sku, *self.locations.get(&store)?),
            Platform::Shop | Platform::Plain(_) => None,
        }
    }

    /// What people did to a SKU, in units, as far as it counts: at Amazon what was sold and not given back.
    #[must_use]
    pub fn truth(&self, store: usize, sku: &str) -> i64 {
        match self.platforms[store] {
            Platform::Amazon => -lock(&self.amazon).sold(&seller(store), sku),
            Platform::Shopify => {
                let location = self.locations.get(&store).copied().unwrap_or_default();
                lock(&self.shopify).doings(&domain_of(store), sku, location)
            }
            Platform::Shop | Platform::Plain(_) => 0,
        }
    }

    /// SKUs whose stock in Amazon's warehouse was stranded by a write of ours.
    #[must_use]
    pub fn stranded(&self, store: usize) -> Vec<String> {
        lock(&self.amazon).stranded(&seller(store))
    }

    /// Does what concerns a store of these; `false` when the action does not concern one.
    pub fn act(&self, skus: &[(String, i64)], action: &Action, now: Timestamp) -> bool {
        let Some(store) = action.store() else { return false };
        self.acted(store);
        match self.platforms[store] {
            Platform::Amazon => self.act_at_amazon(store, skus, action, now),
            Platform::Shopify => self.act_at_shopify(store, skus, action, now),
            Platform::Shop | Platform::Plain(_) => return false,
        }
        true
    }

    fn acted(&self, store: usize) {
        *lock(&self.acts).entry(store).or_default() += 1;
    }

    fn order(&self, store: usize, back: usize, now: Timestamp) -> Option<String> {
        let orders = lock(&self.orders);
        let old = orders.get(&store)?.iter().rev().filter(|(_, placed)| now.since_ms(*placed) > 5_000);
        old.map(|(order, _)| order.clone()).nth(back)
    }

    fn placed(&self, store: usize, order: String, now: Timestamp) {
        lock(&self.orders).entry(store).or_default().push((order, now));
    }

    /// People are told no all the time: what is refused did not happen.
    fn act_at_amazon(&self, store: usize, skus: &[(String, i64)], action: &Action, now: Timestamp) {
        let id = seller(store);
        match action {
            Action::Sell(_, lines) => {
                let lines: Vec<(&str, i64)> =
                    lines.iter().map(|(sku, units)| (skus[*sku].0.as_str(), *units)).collect();
                if let Ok(order) = lock(&self.amazon).sell(&id, &lines, now) {
                    self.placed(store, order, now);
                }
            }
            Action::Edit(_, _, sku, by) => {
                let mut fake = lock(&self.amazon);
                let level = fake.level(&id, &skus[*sku].0).unwrap_or_default();
                _ = fake.type_in(&id, &skus[*sku].0, (level + by).max(0), now);
            }
            Action::Return(_, back) | Action::Cancel(_, back) => {
                if let Some(order) = self.order(store, *back, now) {
                    let restock = matches!(action, Action::Return(..));
                    _ = lock(&self.amazon).cancel(&id, &order, None, restock, now);
                }
            }
            Action::Rewrite(_, back, _) | Action::Archive(_, back) => {
                if let Some(order) = self.order(store, *back, now) {
                    let sent = if matches!(action, Action::Archive(..)) { 100 } else { 0 };
                    _ = lock(&self.amazon).go_on(&id, &order, sent, now);
                }
            }
            Action::HubEdit(..)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Fail(..)
            | Action::Deploy
            | Action::Compare
            | Action::Rule(..)
            | Action::Join
            | Action::List(_)
            | Action::Undo(_)
            // of names and unpaid orders the worlds of one platform tell
            | Action::Rename(..)
            | Action::Link
            | Action::Agree
            | Action::Promise(..)
            | Action::Pay(..)
            | Action::CallOff(..) => {}
        }
    }

    fn act_at_shopify(&self, store: usize, skus: &[(String, i64)], action: &Action, now: Timestamp) {
        let (domain, mut fake) = (domain_of(store), lock(&self.shopify));
        let Some(location) = self.locations.get(&store).copied() else { return };
        match action {
            Action::Sell(_, lines) => {
                for (sku, units) in lines {
                    let name = skus[*sku].0.as_str();
                    if fake.level(&domain, name, location).is_some_and(|level| level >= *units)
                        && let Ok(order) = fake.sell(&domain, name, location, *units, now)
                    {
                        self.placed(store, order.to_string(), now);
                    }
                }
            }
            Action::Edit(_, _, sku, by) => {
                let level = fake.level(&domain, &skus[*sku].0, location).unwrap_or_default();
                _ = fake.adjust(&domain, &skus[*sku].0, location, (level + by).max(0), now);
            }
            Action::Return(_, back) | Action::Cancel(_, back) => {
                if let Some(order) = self.order(store, *back, now).and_then(|order| order.parse().ok()) {
                    _ = fake.cancel(&domain, order, matches!(action, Action::Return(..)), now);
                }
            }
            Action::Archive(_, back) => {
                if let Some(order) = self.order(store, *back, now).and_then(|order| order.parse().ok()) {
                    _ = fake.fulfil(&domain, order, now);
                }
            }
            Action::Rewrite(..)
            | Action::HubEdit(..)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Fail(..)
            | Action::Deploy
            | Action::Compare
            | Action::Rule(..)
            | Action::Join
            | Action::List(_)
            | Action::Undo(_)
            // of names and unpaid orders the worlds of one platform tell
            | Action::Rename(..)
            | Action::Link
            | Action::Agree
            | Action::Promise(..)
            | Action::Pay(..)
            | Action::CallOff(..) => {}
        }
    }

    /// Every order at Amazon is paid: nothing is pending any more.
    pub fn confirm_all(&self, now: Timestamp) {
        for (store, orders) in lock(&self.orders).iter() {
            if self.platforms[*store] == Platform::Amazon {
                self.acted(*store);
                for (order, _) in orders {
                    _ = lock(&self.amazon).go_on(&seller(*store), order, 0, now);
                }
            }
        }
    }

    /// A request takes effect at a store of these.
    pub fn handle(&self, store: usize, request: &Request, oracle: &Oracle, now: Timestamp) -> Option<Response> {
        match self.platforms.get(store)? {
            Platform::Amazon => {
                let response = lock(&self.amazon).handle(request, now);
                self.patched(store, request, &response, oracle);
                Some(response)
            }
            Platform::Shopify => {
                let (domain, mut fake) = (domain_of(store), lock(&self.shopify));
                let before = fake.writes(&domain).len();
                let response = fake.handle(request, now);
                // what is answered again under its key does nothing
                let new: Vec<_> = fake.writes(&domain)[before..].to_vec();
                drop(fake);
                for write in &new {
                    let alone = new.iter().filter(|other| other.key == write.key).count() == 1;
                    let key = if alone { write.key.clone() } else { format!("{}/{}", write.key, write.item) };
                    if let Some(sku) = self.items.get(&(store, write.item.to_string())) {
                        oracle.write_arrives(&ListingId::single(account(store)), sku, write.to, Some(&key));
                    }
                }
                Some(response)
            }
            Platform::Shop | Platform::Plain(_) => None,
        }
    }

    /// Tells the oracle of a patch that Amazon has accepted.
    fn patched(&self, store: usize, request: &Request, response: &Response, oracle: &Oracle) {
        let accepted = read(response.body()).get("status").and_then(Value::as_str) == Some("ACCEPTED");
        if request.method() != ::http::Method::PATCH || !response.status().is_success() || !accepted {
            return;
        }
        let sku = request.uri().path().rsplit('/').next().and_then(|sku| Sku::new(sku).ok());
        let body = read(request.body());
        let to = body.pointer("/patches/0/value/0/quantity").and_then(Value::as_i64);
        if let (Some(sku), Some(to)) = (sku, to) {
            oracle.write_arrives(&ListingId::single(account(store)), &sku, to, None);
            self.one_at_a_time(store, &sku, oracle);
        }
    }

    /// Nobody promises that Amazon carries two writes out in their order: a second one is not sent before a level has shown the
    /// first. What people do there meanwhile may make it look as if one had.
    fn one_at_a_time(&self, store: usize, sku: &Sku, oracle: &Oracle) {
        let (waiting, level) = {
            let fake = lock(&self.amazon);
            (fake.waiting(&seller(store), sku.as_str()), fake.level(&seller(store), sku.as_str()))
        };
        let acts = lock(&self.acts).get(&store).copied().unwrap_or_default();
        let foreseen = waiting == 1
            && level.is_some()
            && oracle.claim(&ListingId::single(account(store)), sku).map(|claim| claim.from) == level;
        let before = lock(&self.accepted).insert((store, sku.clone()), Accepted { acts, foreseen });
        if waiting > 1 && before.is_some_and(|before| before.acts == acts && before.foreseen) {
            oracle.object(format!("I6: {sku} at {}: {waiting} writes are on their way", account(store)));
        }
    }

    /// When something is due next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let again = lock(&self.again).iter().map(|(at, _)| Timestamp(*at)).min();
        let dues = [lock(&self.amazon).next_due(), lock(&self.shopify).next_due(), again];
        dues.into_iter().flatten().min()
    }

    /// New events of Amazon's queues, those that are given again, and Shopify's webhooks.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> (Vec<Mail>, Vec<Mail>, Vec<Outgoing>) {
        let events = lock(&self.amazon).due(now).into_iter();
        let new = events.map(|outgoing| Mail { body: outgoing.request.into_body(), failures: 0 }).collect();
        let mut waiting = lock(&self.again);
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *waiting).into_iter().partition(|(at, _)| *at <= now.0);
        *waiting = later;
        (new, due.into_iter().map(|(_, mail)| mail).collect(), lock(&self.shopify).due(now))
    }

    /// Nobody took an event.
    pub fn untaken(&self, mail: Mail, now: Timestamp) {
        let failures = mail.failures + 1;
        if failures < RECEIVED_MAX {
            lock(&self.again).push((now.0 + VISIBLE_MS, Mail { failures, ..mail }));
        }
    }
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// A SKU that every seller has in Amazon's own warehouse, and the master too.
pub const HOSTED: &str = "KEPT-BY-AMAZON";
