//! What people do in the stores, and what goes wrong with them.

use super::market::Deed;
use super::step::{Calls, Failure, Page, Post, Shop, Trouble};
use super::town::{Town, account, copy};
use super::wires::lock;
use bytes::Bytes;
use channels::shopwired::fake::{self, Fault, ProductSpec, Refused, WebhookFaults, Which};
use channels::{Hook, Request};
use engine::receive::Received;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Many enough never to run out.
const ALWAYS: u32 = u32::MAX;
const SIGNATURE: &str = "X-ShopWired-Signature";

fn said(done: Result<(), Refused>) -> Vec<String> {
    done.err().map(|refused| format!("refused: {refused}")).into_iter().collect()
}

fn borrowed(lines: &[(String, i64)]) -> Vec<(&str, i64)> {
    lines.iter().map(|(sku, count)| (sku.as_str(), *count)).collect()
}

impl Town {
    /// A product appears in stores.
    pub(super) fn stock(
        &mut self,
        skus: &[String],
        level: Option<i64>,
        stores: &[String],
    ) -> Result<Vec<String>, String> {
        for sku in skus {
            for store in stores {
                if self.market.platform(store).is_some() {
                    self.market.stock(store, sku, level, self.now())?;
                    continue;
                }
                let spec = ProductSpec { stock: level, ..ProductSpec::simple(sku, 0) };
                let made = self.fake().create_product(self.business(store), &spec, self.now());
                let id = made.map_err(|refused| refused.to_string())?;
                self.books.products.entry((store.clone(), sku.clone())).or_default().push(id);
            }
        }
        Ok(Vec::new())
    }

    /// Does what somebody does in a store; says so when the store refuses.
    pub(super) fn shop(&mut self, store: &str, shop: &Shop) -> Result<Vec<String>, String> {
        if self.market.platform(store).is_some() {
            let done = self.market.shop(store, shop, self.now(), |number| self.order_id(store, number));
            return self.elsewhere(store, done);
        }
        let (business, now) = (self.business(store), self.now());
        let done = match shop {
            Shop::Sells(lines) => {
                let placed = lock(&self.fake).sell_lines(business, &borrowed(lines), now);
                placed.map(|order| self.books.orders.push((store.to_owned(), vec![order.to_string()])))
            }
            Shop::Promises(lines) => {
                let placed = lock(&self.fake).sell_unpaid(business, &borrowed(lines), now);
                placed.map(|order| self.books.orders.push((store.to_owned(), vec![order.to_string()])))
            }
            Shop::Returns(order, line) => {
                let id = self.order(store, *order)?;
                let line = line.checked_sub(1).and_then(|place| self.fake().lines(business, id).get(place).cloned());
                let line = line.ok_or_else(|| format!("order {order} has no such line"))?;
                self.fake().return_line(business, line.item, now)
            }
            Shop::Changes(order, lines) => {
                let id = self.order(store, *order)?;
                let edited = lock(&self.fake).edit_order(business, id, &borrowed(lines), now);
                edited.map(|id| self.books.orders[order - 1].1.push(id.to_string()))
            }
            Shop::Cancels(order) => {
                let id = self.order(store, *order)?;
                self.fake().cancel(business, id, now)
            }
            Shop::Refunds(order) => {
                let id = self.order(store, *order)?;
                self.fake().refund(business, id, 1, now).map(drop)
            }
            Shop::Types(page, skus, level) => self.type_in(business, *page, skus, *level),
            Shop::Drops(sku) => self.delete(store, sku)?,
            Shop::Renames(sku, new) => self.rename(store, sku, new)?,
            Shop::Shelves(sku, active) => self.shelve(store, sku, *active)?,
            Shop::ReplacesKey => self.replace_key(store),
            Shop::ReplacesSigner => {
                *self.books.signers.entry(store.to_owned()).or_default() += 1;
                let signer = self.signer(store);
                let secret = signer.values().next().map(|secret| secret.reveal().to_owned());
                self.fake().set_webhook_secret(business, secret.as_deref())
            }
            Shop::Forbids(area) => self.fake().forbid(business, &format!("key-{store}-0"), &[area.as_str()]),
        };
        Ok(said(done))
    }

    /// The id that an order of the story has now.
    fn order(&self, store: &str, number: usize) -> Result<u64, String> {
        let id = self.order_id(store, number)?;
        id.parse().map_err(|_| format!("order {number} of {store} has no number"))
    }

    /// The same, as the platform writes it.
    fn order_id(&self, store: &str, number: usize) -> Result<String, String> {
        let order = number.checked_sub(1).and_then(|place| self.books.orders.get(place));
        let ids = order.filter(|(at, _)| at == store).map(|(_, ids)| ids);
        ids.and_then(|ids| ids.last().cloned()).ok_or_else(|| format!("{store} has no order {number}"))
    }

    /// Does what only people on another platform do.
    pub(super) fn deed(&mut self, store: &str, deed: &Deed) -> Result<Vec<String>, String> {
        if let (None, Deed::Confirms(number)) = (self.market.platform(store), deed) {
            let id = self.order(store, *number)?;
            return Ok(said(self.fake().pay(self.business(store), id, self.now())));
        }
        if self.market.platform(store).is_none() {
            return Err(format!("{store} is not on a platform where that can be done"));
        }
        let done = self.market.deed(store, deed, self.now(), |number| self.order_id(store, number));
        self.elsewhere(store, done)
    }

    fn elsewhere(&mut self, store: &str, done: Result<Option<String>, String>) -> Result<Vec<String>, String> {
        match done {
            Ok(order) => {
                self.books.orders.extend(order.map(|order| (store.to_owned(), vec![order])));
                Ok(Vec::new())
            }
            Err(problem) => Ok(vec![format!("refused: {problem}")]),
        }
    }

    fn type_in(&self, business: u64, page: Page, skus: &[String], level: i64) -> Result<(), Refused> {
        let page = match page {
            Page::Product => fake::Page::Product,
            Page::Stock => fake::Page::Stock,
            Page::Import => fake::Page::StockImport,
            Page::Silent => fake::Page::ProductImport,
        };
        let now = self.now();
        skus.iter().try_for_each(|sku| self.fake().type_in(business, page, sku, level, now))
    }

    fn delete(&mut self, store: &str, sku: &str) -> Result<Result<(), Refused>, String> {
        let products = self.books.products.get_mut(&(store.to_owned(), sku.to_owned()));
        let product = products.and_then(Vec::pop).ok_or_else(|| format!("{store} has no product {sku}"))?;
        Ok(self.fake().delete_product(self.business(store), product, self.now()))
    }

    fn rename(&mut self, store: &str, sku: &str, new: &str) -> Result<Result<(), Refused>, String> {
        let products = self.books.products.get_mut(&(store.to_owned(), sku.to_owned()));
        let product = products.and_then(Vec::pop).ok_or_else(|| format!("{store} has no product {sku}"))?;
        self.books.products.entry((store.to_owned(), new.to_owned())).or_default().push(product);
        Ok(self.fake().rename(self.business(store), product, new, self.now()))
    }

    fn shelve(&self, store: &str, sku: &str, active: bool) -> Result<Result<(), Refused>, String> {
        let products = self.books.products.get(&(store.to_owned(), sku.to_owned()));
        let product =
            products.and_then(|products| products.last()).ok_or_else(|| format!("{store} has no product {sku}"))?;
        Ok(self.fake().set_active(self.business(store), *product, active, self.now()))
    }

    fn replace_key(&mut self, store: &str) -> Result<(), Refused> {
        let number = self.books.keys.entry(store.to_owned()).or_default();
        let (old, new) = (format!("key-{store}-{number}"), format!("key-{store}-{}", *number + 1));
        *number += 1;
        let business = self.business(store);
        self.fake().add_key(business, &new, "secret");
        self.fake().revoke_key(&old, "secret");
        Ok(())
    }

    /// Something goes wrong with a store, or right again.
    pub(super) fn trouble(&mut self, store: &str, trouble: &Trouble) -> Result<Vec<String>, String> {
        match (self.market.platform(store), trouble) {
            (Some(_), Trouble::Unreachable) => {
                self.wires.cut(store);
                return Ok(Vec::new());
            }
            (Some(platform), _) => {
                if *trouble == Trouble::Up {
                    self.wires.mend(store);
                }
                return self.market.trouble(store, platform, trouble).map(|()| Vec::new());
            }
            (None, _) => {}
        }
        let business = self.business(store);
        let done = match trouble {
            Trouble::Down(how) => self.fake().set_down(business, failure(*how)),
            Trouble::Unreachable => {
                self.wires.cut(store);
                Ok(())
            }
            Trouble::Up => {
                self.wires.mend(store);
                self.fake().heal(business)
            }
            Trouble::Next(count, calls, how, after) => self.fake().fail(business, next(*count, *calls, *how, *after)),
            Trouble::Webhooks(post) => return self.post(store, *post),
            Trouble::Switch(name, value) => return self.switch(business, name, value).map(|()| Vec::new()),
        };
        done.map(|()| Vec::new()).map_err(|refused| refused.to_string())
    }

    fn switch(&self, business: u64, name: &str, value: &Value) -> Result<(), String> {
        let mut fake = self.fake();
        let switches = fake.switches(business).map_err(|refused| refused.to_string())?;
        let mut all = serde_json::to_value(&*switches).map_err(|error| error.to_string())?;
        all[name] = value.clone();
        *switches = serde_json::from_value(all).map_err(|error| format!("switch {name}: {error}"))?;
        Ok(())
    }

    fn post(&mut self, store: &str, post: Post) -> Result<Vec<String>, String> {
        let none = WebhookFaults::default();
        let faults = match post {
            Post::Lost => WebhookFaults { drop: ALWAYS, ..none },
            Post::Twice => WebhookFaults { duplicate: ALWAYS, ..none },
            Post::Late(ms) => WebhookFaults { delay: ALWAYS, delay_ms: ms, ..none },
            Post::Reversed(count) => WebhookFaults { reorder: count, ..none },
            Post::Well => none,
            Post::Again => {
                let newest = self.books.hooks.get(store).map(copy);
                return self.knock(store, newest.ok_or_else(|| format!("{store} has sent no webhook yet"))?);
            }
            Post::Forged => return self.knock(store, letter(BODY, Some("not the secret"))),
            Post::Unsigned => return self.knock(store, letter(BODY, None)),
            Post::Torn => {
                let signer = self.signer(store);
                let secret = signer.values().next().map(|secret| secret.reveal().to_owned());
                return self.knock(store, letter(&BODY[..BODY.len() / 2], secret.as_deref()));
            }
        };
        let done = self.fake().webhook_faults(self.business(store), faults);
        done.map(|()| Vec::new()).map_err(|refused| refused.to_string())
    }

    /// Somebody calls at the webhook door of an account.
    fn knock(&mut self, store: &str, request: Request) -> Result<Vec<String>, String> {
        let id = account(store);
        let answer = self.ask(|hub| async move {
            let hook = Hook { headers: request.headers(), body: request.body() };
            hub.receive(id.as_str(), hook).await.map_err(|error| error.to_string())
        })??;
        Ok(vec![match answer {
            Received::Accepted(hints) => format!("accepted, {hints} to look at"),
            Received::Answer(_) => "answered".into(),
            Received::Refused => "refused".into(),
        }])
    }
}

/// What a thief, or a torn connection, might send.
const BODY: &str = r#"{"timestamp":"Mon, 21 Sep 2026 14:13:20 +0000","event":{"id":1,"topic":"product.stock_changed",
    "data":{"sku":"TEE","quantity":0}}}"#;

fn letter(body: &str, secret: Option<&str>) -> Request {
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    let mac = secret.and_then(|secret| Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok());
    let signature = mac.map(|mac| hex::encode(mac.chain_update(body).finalize().into_bytes()));
    if let Some(value) = signature.and_then(|text| text.parse().ok()) {
        request.headers_mut().insert(::http::HeaderName::from_bytes(SIGNATURE.as_bytes()).expect("a name"), value);
    }
    request
}

const fn failure(how: Failure) -> fake::Failure {
    match how {
        Failure::Status(status) => fake::Failure::Status(status),
        Failure::Silence => fake::Failure::NoAnswer,
        Failure::Page => fake::Failure::Page,
    }
}

const fn next(count: u32, calls: Calls, how: Failure, after: bool) -> Fault {
    let when = if after { fake::When::After } else { fake::When::Before };
    let which = match calls {
        Calls::Any => Which::All,
        Calls::Reads => Which::Reads,
        Calls::Writes => Which::Writes,
    };
    Fault { failure: failure(how), when, which, left: Some(count) }
}
