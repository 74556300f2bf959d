//! A story's stores on other platforms: `stores main, york on amazon, berlin on shopify`. A seller has one pool; a shop has two
//! locations, `street` and `depot`.

use super::step::{Calls, Failure, Page, Post, Shop, Trouble};
use super::words::number;
use channels::amazon::FakeAmazon;
use channels::amazon::fake::{self as amazon, EventFaults, ListingSpec, SellerSpec};
use channels::fake::{Failure as Fails, Fake, Outgoing, When, Which};
use channels::shopify::fake::{self as shopify, FakeShopify, ItemSpec, ShopSpec, WebhookFaults};
use channels::{Request, Response, Secret, Secrets};
use domain::{ListingId, LocationId, Timestamp};
use engine::accounts::NewAccount;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Amazon.co.uk.
const MARKETPLACE: &str = "A1F83G8C2ARO7P";
/// The locations of a shop.
const LOCATIONS: [&str; 2] = ["street", "depot"];

/// What a store of a story is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// One pool; writes are carried out later; orders tell what was sold.
    Amazon,
    /// Several locations; compare-and-set.
    Shopify,
}

/// What only people on such platforms do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A product is put on shelves: so many units at each location.
    Stocks(String, Vec<(i64, String)>),
    /// A product is listed that the platform itself keeps and sends.
    Hosts(String),
    /// Somebody buys at a location.
    SellsIn(i64, String, String),
    /// Somebody counts what is at a location.
    CountsIn(String, i64, String),
    /// Goods go from one location to another.
    Moves(i64, String, String, String),
    /// A location opens, or closes.
    Opens(String, bool),
    /// An order is paid for.
    Confirms(usize),
    /// An order is called off because there is nothing to send.
    Fails(usize),
}

/// The deed that words mean, if they mean one.
///
/// # Errors
/// What is not understood of them.
pub(super) fn read(words: &[&str]) -> Result<Option<Deed>, String> {
    let text = |word: &str| word.to_owned();
    Ok(Some(match words {
        ["stocks", sku, rest @ ..] => Deed::Stocks(text(sku), shelves(rest)?),
        ["leaves", sku, "to", "the", "platform"] => Deed::Hosts(text(sku)),
        ["sells", units, sku, "in", place] => Deed::SellsIn(number(units)?, text(sku), text(place)),
        ["counts", sku, "as", level, "in", place] => Deed::CountsIn(text(sku), number(level)?, text(place)),
        ["moves", units, sku, "from", one, "to", other] => {
            Deed::Moves(number(units)?, text(sku), text(one), text(other))
        }
        ["opens", place] => Deed::Opens(text(place), true),
        ["closes", place] => Deed::Opens(text(place), false),
        ["is", "paid", "for", "order", order] => Deed::Confirms(number(order)?),
        ["cannot", "send", "order", order] => Deed::Fails(number(order)?),
        _ => return Ok(None),
    }))
}

/// `10 in street and 4 in depot`
fn shelves(words: &[&str]) -> Result<Vec<(i64, String)>, String> {
    let words: Vec<&str> = words.iter().copied().filter(|word| *word != "and").collect();
    let shelf = |three: &[&str]| match three {
        [level, "in", place] => Ok((number(level)?, (*place).to_owned())),
        _ => Err("say how many in which location".to_owned()),
    };
    words.chunks(3).map(shelf).collect()
}

/// The stores on these platforms.
pub(super) struct Market {
    pub(super) amazon: Arc<Mutex<FakeAmazon>>,
    pub(super) shopify: Arc<Mutex<FakeShopify>>,
    platforms: BTreeMap<String, Platform>,
    /// The platform's numbers of locations, by store and name.
    locations: BTreeMap<(String, &'static str), u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seller(store: &str) -> String {
    format!("SELLER{}", store.to_uppercase())
}

fn shop(store: &str) -> String {
    format!("{store}.myshopify.com")
}

fn told<T, E: ToString>(done: Result<T, E>) -> Result<T, String> {
    done.map_err(|refused| refused.to_string())
}

impl Market {
    pub(super) fn new(platforms: &BTreeMap<String, Platform>, now: Timestamp) -> Self {
        let (mut sellers, mut shops, mut locations) = (FakeAmazon::new(), FakeShopify::new(), BTreeMap::new());
        for (store, platform) in platforms {
            match platform {
                Platform::Amazon => sellers.add_seller(&SellerSpec {
                    id: seller(store),
                    name: store.clone(),
                    client_id: format!("client-{store}"),
                    client_secret: format!("secret-{store}"),
                    refresh_token: format!("Atzr|{store}"),
                    marketplaces: vec![MARKETPLACE.into()],
                }),
                Platform::Shopify => {
                    shops.add_shop(&ShopSpec {
                        domain: shop(store),
                        name: store.clone(),
                        client_id: format!("client-{store}"),
                        client_secret: format!("secret-{store}"),
                        access_token: None,
                    });
                    for name in LOCATIONS {
                        let number = shops.add_location(&shop(store), name, false, now).expect("the shop is there");
                        locations.insert((store.clone(), name), number);
                    }
                }
            }
        }
        let (amazon, shopify) = (Arc::new(Mutex::new(sellers)), Arc::new(Mutex::new(shops)));
        Self { amazon, shopify, platforms: platforms.clone(), locations }
    }

    pub(super) fn platform(&self, store: &str) -> Option<Platform> {
        self.platforms.get(store).copied()
    }

    /// The store's account, with the settings and secrets that it needs.
    pub(super) fn account(&self, new: NewAccount, platform: Platform) -> NewAccount {
        let store = new.id.to_string();
        let base = format!("https://{store}.test");
        let (channel, settings, mut secrets) = match platform {
            Platform::Amazon => (
                "amazon",
                vec![
                    ("seller_id", seller(&store)),
                    ("marketplaces", MARKETPLACE.into()),
                    ("base_url", base.clone()),
                    ("token_url", format!("{base}/auth/o2/token")),
                    ("queue_arn", "arn:aws:sqs:eu-west-1:111122223333:story-events".into()),
                    ("eventbridge_account", "111122223333".into()),
                    ("eventbridge_region", "eu-west-1".into()),
                ],
                vec![("client_id", format!("client-{store}")), ("refresh_token", format!("Atzr|{store}"))],
            ),
            Platform::Shopify => (
                "shopify",
                vec![("shop", shop(&store)), ("client_id", format!("client-{store}")), ("base_url", base)],
                Vec::new(),
            ),
        };
        secrets.push(("client_secret", format!("secret-{store}")));
        let settings = settings.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        let secrets: Secrets = secrets.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text))).collect();
        NewAccount { channel: channel.into(), settings, secrets, ..new }
    }

    /// The places of a store where the hub may have a listing, by what a story calls them.
    pub(super) fn places(&self, store: &str) -> Vec<(String, LocationId)> {
        let named = |name: &&str| {
            let number = self.locations.get(&(store.to_owned(), *name)).copied().unwrap_or_default();
            (format!("{store}.{name}"), LocationId::new(number.to_string()).expect("a number"))
        };
        match self.platform(store) {
            Some(Platform::Shopify) => LOCATIONS.iter().map(named).collect(),
            Some(Platform::Amazon) | None => vec![(store.to_owned(), LocationId::single())],
        }
    }

    /// The platform's number of a location.
    pub(super) fn location(&self, store: &str, name: &str) -> Result<u64, String> {
        let known = LOCATIONS.iter().find(|known| **known == name);
        let number = known.and_then(|known| self.locations.get(&(store.to_owned(), *known)));
        number.copied().ok_or_else(|| format!("{store} has no location {name:?}; use one of {}", LOCATIONS.join(", ")))
    }

    /// A text in which locations have the names of the story.
    pub(super) fn named(&self, text: String) -> String {
        let name = |text: String, ((store, name), number): (&(String, &str), &u64)| {
            text.replace(&format!("{store}@{number}"), &format!("{store}.{name}"))
        };
        self.locations.iter().fold(text, name)
    }

    /// What shoppers see at a listing.
    pub(super) fn level(&self, listing: &ListingId, sku: &str) -> Option<i64> {
        let store = listing.account.as_str();
        match self.platform(store)? {
            Platform::Amazon => lock(&self.amazon).level(&seller(store), sku),
            Platform::Shopify => lock(&self.shopify).level(&shop(store), sku, listing.location.as_str().parse().ok()?),
        }
    }

    /// How many writes through its API have changed a level.
    pub(super) fn written(&self, store: &str, platform: Platform) -> usize {
        match platform {
            Platform::Amazon => lock(&self.amazon).writes(&seller(store)).len(),
            Platform::Shopify => lock(&self.shopify).writes(&shop(store)).len(),
        }
    }

    /// How often each operation of a seller's API was called.
    pub(super) fn calls(&self, store: &str) -> BTreeMap<&'static str, u64> {
        lock(&self.amazon).calls(&seller(store))
    }

    /// SKUs whose stock at the platform was stranded.
    pub(super) fn stranded(&self, store: &str) -> Vec<String> {
        lock(&self.amazon).stranded(&seller(store))
    }

    /// A product appears.
    pub(super) fn stock(&self, store: &str, sku: &str, level: Option<i64>, now: Timestamp) -> Result<(), String> {
        match self.platform(store) {
            Some(Platform::Shopify) => {
                self.shelve(store, sku, &[(level.unwrap_or_default(), LOCATIONS[0].to_owned())], now)
            }
            Some(Platform::Amazon) | None => {
                let stock = vec![("DEFAULT".to_owned(), level)];
                let listing = ListingSpec { stock, ..ListingSpec::own(sku, 0) };
                told(lock(&self.amazon).list(&seller(store), &listing, now))
            }
        }
    }

    fn shelve(&self, store: &str, sku: &str, levels: &[(i64, String)], now: Timestamp) -> Result<(), String> {
        let at = |(level, name): &(i64, String)| Ok((self.location(store, name)?, *level));
        let levels = levels.iter().map(at).collect::<Result<_, String>>()?;
        let item = ItemSpec { sku: Some(sku.into()), title: sku.into(), levels, ..ItemSpec::default() };
        told(lock(&self.shopify).add_item(&shop(store), &item, now).map(drop))
    }

    /// Does what somebody does in a store; the id of an order that was placed. `orders` gives the ids of the story's orders.
    pub(super) fn shop(
        &self,
        store: &str,
        deed: &Shop,
        now: Timestamp,
        order: impl Fn(usize) -> Result<String, String>,
    ) -> Result<Option<String>, String> {
        let amazon = self.platform(store) == Some(Platform::Amazon);
        match deed {
            Shop::Sells(lines) if amazon => {
                let lines: Vec<(&str, i64)> = lines.iter().map(|(sku, units)| (sku.as_str(), *units)).collect();
                told(lock(&self.amazon).sell(&seller(store), &lines, now)).map(Some)
            }
            Shop::Sells(lines) if lines.len() == 1 => {
                self.deed(store, &Deed::SellsIn(lines[0].1, lines[0].0.clone(), LOCATIONS[0].into()), now, order)
            }
            Shop::Cancels(number) if amazon => {
                told(lock(&self.amazon).cancel(&seller(store), &order(*number)?, None, true, now))?;
                Ok(None)
            }
            Shop::Cancels(number) => {
                let id = told(order(*number)?.parse::<u64>())?;
                told(lock(&self.shopify).cancel(&shop(store), id, true, now))?;
                Ok(None)
            }
            Shop::Types(Page::Product | Page::Stock, skus, level) => {
                for sku in skus {
                    if amazon {
                        told(lock(&self.amazon).type_in(&seller(store), sku, *level, now))?;
                    } else {
                        let place = self.location(store, LOCATIONS[0])?;
                        told(lock(&self.shopify).adjust(&shop(store), sku, place, *level, now))?;
                    }
                }
                Ok(None)
            }
            Shop::Sells(_)
            | Shop::Promises(_)
            | Shop::Returns(..)
            | Shop::Changes(..)
            | Shop::Refunds(_)
            | Shop::Types(Page::Import | Page::Silent, ..)
            | Shop::Drops(_)
            | Shop::Renames(..)
            | Shop::Shelves(..)
            | Shop::ReplacesKey
            | Shop::ReplacesSigner
            | Shop::Forbids(_) => Err(format!("{store} cannot do {deed:?} in a story")),
        }
    }

    /// Does what only people on such platforms do; the id of an order that was placed.
    pub(super) fn deed(
        &self,
        store: &str,
        deed: &Deed,
        now: Timestamp,
        order: impl Fn(usize) -> Result<String, String>,
    ) -> Result<Option<String>, String> {
        let at = |name: &str| self.location(store, name);
        let (domain, mut shopify) = (shop(store), lock(&self.shopify));
        match deed {
            Deed::Stocks(sku, levels) => {
                drop(shopify);
                self.shelve(store, sku, levels, now)?;
            }
            Deed::Hosts(sku) => told(lock(&self.amazon).list(&seller(store), &ListingSpec::hosted(sku), now))?,
            Deed::SellsIn(units, sku, place) => {
                return told(shopify.sell(&domain, sku, at(place)?, *units, now)).map(|order| Some(order.to_string()));
            }
            Deed::CountsIn(sku, level, place) => told(shopify.adjust(&domain, sku, at(place)?, *level, now))?,
            Deed::Moves(units, sku, one, other) => {
                told(shopify.transfer(&domain, sku, (at(one)?, at(other)?), *units, now))?;
            }
            Deed::Opens(place, open) => told(shopify.open_location(&domain, at(place)?, *open, now))?,
            Deed::Confirms(number) => told(lock(&self.amazon).go_on(&seller(store), &order(*number)?, 0, now))?,
            Deed::Fails(number) => {
                told(lock(&self.amazon).cancel(&seller(store), &order(*number)?, None, false, now))?;
            }
        }
        Ok(None)
    }

    /// Something goes wrong with a store, or right again.
    pub(super) fn trouble(&self, store: &str, platform: Platform, trouble: &Trouble) -> Result<(), String> {
        let (id, domain) = (seller(store), shop(store));
        let (mut sellers, mut shops) = (lock(&self.amazon), lock(&self.shopify));
        let amazon = platform == Platform::Amazon;
        match trouble {
            Trouble::Switch(name, value) if amazon => {
                let switches = told(sellers.switches(&id))?;
                *switches = switched(&*switches, name, value)?;
                Ok(())
            }
            Trouble::Switch(name, value) => {
                let switches = told(shops.switches(&domain))?;
                *switches = switched(&*switches, name, value)?;
                Ok(())
            }
            Trouble::Up if amazon => told(sellers.heal(&id)),
            Trouble::Up => told(shops.heal(&domain)),
            Trouble::Down(how) if amazon => told(sellers.fail(&id, seller_fault(None, *how, false, None))),
            Trouble::Down(how) => told(shops.fail(&domain, shop_fault(Which::All, *how, false, None))),
            Trouble::Next(count, calls, how, after) if amazon => {
                let operation = match calls {
                    Calls::Any => None,
                    Calls::Reads => Some("searchListingsItems"),
                    Calls::Writes => Some("patchListingsItem"),
                };
                told(sellers.fail(&id, seller_fault(operation, *how, *after, Some(*count))))
            }
            Trouble::Next(count, calls, how, after) => {
                let which = match calls {
                    Calls::Any => Which::All,
                    Calls::Reads => Which::Reads,
                    Calls::Writes => Which::Writes,
                };
                told(shops.fail(&domain, shop_fault(which, *how, *after, Some(*count))))
            }
            Trouble::Webhooks(post) => {
                let drop = match post {
                    Post::Lost => u32::MAX,
                    Post::Well => 0,
                    Post::Twice
                    | Post::Late(_)
                    | Post::Reversed(_)
                    | Post::Again
                    | Post::Forged
                    | Post::Unsigned
                    | Post::Torn => return Err(format!("webhooks of {store} cannot be {post:?} in a story")),
                };
                match platform {
                    Platform::Amazon => told(sellers.event_faults(&id, EventFaults { drop, ..EventFaults::default() })),
                    Platform::Shopify => {
                        told(shops.webhook_faults(&domain, WebhookFaults { drop, ..WebhookFaults::default() }))
                    }
                }
            }
            Trouble::Unreachable => Err("the wires are cut, not the store".into()),
        }
    }

    /// The answer to a request to a store of these.
    pub(super) fn handle(&self, store: &str, request: &Request, now: Timestamp) -> Option<Response> {
        // the files of bulk operations have the shop in their path
        let file = request.uri().path().strip_prefix("/_bulk/").and_then(|rest| rest.split('.').next());
        Some(match self.platform(file.unwrap_or(store))? {
            Platform::Amazon => lock(&self.amazon).handle(request, now),
            Platform::Shopify => lock(&self.shopify).handle(request, now),
        })
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        [lock(&self.amazon).next_due(), lock(&self.shopify).next_due()].into_iter().flatten().min()
    }

    /// Events of queues that are due, and webhooks.
    pub(super) fn due(&self, now: Timestamp) -> (Vec<bytes::Bytes>, Vec<Outgoing>) {
        let events = lock(&self.amazon).due(now).into_iter().map(|outgoing| outgoing.request.into_body()).collect();
        (events, lock(&self.shopify).due(now))
    }
}

/// Switches with one changed.
fn switched<T: Serialize + DeserializeOwned>(switches: &T, name: &str, value: &Value) -> Result<T, String> {
    let mut all = told(serde_json::to_value(switches))?;
    all[name] = value.clone();
    serde_json::from_value(all).map_err(|error| format!("switch {name}: {error}"))
}

const fn fails(how: Failure) -> Fails {
    match how {
        Failure::Status(status) => Fails::Status(status),
        Failure::Silence => Fails::NoAnswer,
        Failure::Page => Fails::Page,
    }
}

const fn when(after: bool) -> When {
    if after { When::After } else { When::Before }
}

fn seller_fault(operation: Option<&str>, how: Failure, after: bool, left: Option<u32>) -> amazon::Fault {
    amazon::Fault { failure: fails(how), when: when(after), operation: operation.map(str::to_owned), left }
}

const fn shop_fault(which: Which, how: Failure, after: bool, left: Option<u32>) -> shopify::Fault {
    shopify::Fault { failure: fails(how), when: when(after), which, skip: 0, left }
}
