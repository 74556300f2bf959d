//! The Rust door: what people do in the stores, and the truth about it.

use super::FakeShopWired;
use super::log::{Content, Happening};
use super::oracle::{ApiWrite, Cause, Truth};
use super::state::{Account, Status};
use super::switches::Switches;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The fake's people cannot do that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A store to open.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountSpec {
    /// The platform's number of it.
    pub business: u64,
    /// What `GET /business` calls it.
    pub name: String,
    /// The API key.
    pub api_key: String,
    /// The API secret.
    pub api_secret: String,
    /// The webhook secret; webhooks are unsigned without.
    #[serde(default)]
    pub webhook_secret: Option<String>,
}

/// A product to create.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProductSpec {
    /// Its title.
    pub title: String,
    /// Its SKU.
    pub sku: Option<String>,
    /// Its quantity.
    pub stock: Option<i64>,
    /// Whether it is on sale.
    pub active: bool,
    /// SKUs and units that it is made of: then it is a bundle.
    pub components: Option<Vec<(String, i64)>>,
    /// Its variations.
    pub variations: Vec<VariationSpec>,
}

/// A variation to create.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VariationSpec {
    /// Its own SKU, if it does not inherit the product's.
    pub sku: Option<String>,
    /// Its own quantity, if it does not inherit the product's.
    pub stock: Option<i64>,
    /// What it is called.
    pub name: String,
}

impl ProductSpec {
    /// A product without variations.
    #[must_use]
    pub fn simple(sku: &str, stock: i64) -> Self {
        Self {
            title: format!("Product {sku}"),
            sku: Some(sku.to_owned()),
            stock: Some(stock),
            active: true,
            components: None,
            variations: Vec::new(),
        }
    }
}

/// A line of an order, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacedLine {
    /// The line's id, `itemId`.
    pub item: u64,
    /// The SKU sold.
    pub sku: String,
    /// Units.
    pub quantity: i64,
}

/// Who edits a level, which decides what ShopWired tells about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Page {
    /// The product's own page.
    Product,
    /// The stock management page.
    Stock,
    /// The stock import.
    StockImport,
    /// The product import: silent, unless a switch says otherwise.
    ProductImport,
}

impl Page {
    const fn cause(self) -> Cause {
        match self {
            Self::Product => Cause::Edit,
            Self::Stock => Cause::StockPage,
            Self::StockImport => Cause::StockImport,
            Self::ProductImport => Cause::ProductImport,
        }
    }
}

fn missing(what: &str) -> Refused {
    Refused(format!("there is no such {what}"))
}

impl FakeShopWired {
    /// Opens a store.
    pub fn add_account(&mut self, spec: &AccountSpec) {
        let account = Account::new(spec.business, &spec.name, spec.webhook_secret.as_deref(), self.seed);
        self.accounts.insert(spec.business, account);
        self.add_key(spec.business, &spec.api_key, &spec.api_secret);
    }

    /// Gives a store another pair of credentials.
    pub fn add_key(&mut self, business: u64, api_key: &str, api_secret: &str) {
        if let Some(account) = self.accounts.get_mut(&business) {
            self.keys.insert(super::basic(api_key, api_secret), (business, account.keys.len()));
            account.keys.push(super::state::Key {
                name: api_key.to_owned(),
                refused: std::collections::BTreeSet::new(),
                bucket: super::limiter::Bucket::default(),
            });
        }
    }

    /// Gives a store an access token, which an app uses instead of key and secret.
    pub fn add_token(&mut self, business: u64, token: &str) {
        if let Some(account) = self.accounts.get_mut(&business) {
            self.keys.insert(format!("Bearer {token}"), (business, account.keys.len()));
            account.keys.push(super::state::Key {
                name: "app".to_owned(),
                refused: std::collections::BTreeSet::new(),
                bucket: super::limiter::Bucket::default(),
            });
        }
    }

    /// Takes a pair of credentials away: 401 from now on.
    pub fn revoke_key(&mut self, api_key: &str, api_secret: &str) {
        self.keys.remove(&super::basic(api_key, api_secret));
    }

    /// Takes the permission for some endpoints (first parts of their paths) from a key; replaces what was refused before.
    ///
    /// # Errors
    /// [`Refused`] when there is no such key.
    pub fn forbid(&mut self, business: u64, api_key: &str, areas: &[&str]) -> Result<(), Refused> {
        let keys = &mut self.account(business)?.keys;
        let key = keys.iter_mut().find(|key| key.name == api_key).ok_or_else(|| missing("key"))?;
        key.refused = areas.iter().map(|area| (*area).to_owned()).collect();
        Ok(())
    }

    /// Changes the webhook secret of a store, as its owner may.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn set_webhook_secret(&mut self, business: u64, secret: Option<&str>) -> Result<(), Refused> {
        self.account(business)?.secret = secret.map(str::to_owned);
        Ok(())
    }

    pub(super) fn account(&mut self, business: u64) -> Result<&mut Account, Refused> {
        self.accounts.get_mut(&business).ok_or_else(|| missing("account"))
    }

    /// Does something in a store at a moment, and lets the log and the webhooks know.
    pub(super) fn within<T>(
        &mut self,
        business: u64,
        now: Timestamp,
        act: impl FnOnce(&mut Account) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.tick(now);
        let done = act(self.account(business)?);
        self.publish();
        done
    }

    /// The switches of a store.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn switches(&mut self, business: u64) -> Result<&mut Switches, Refused> {
        Ok(&mut self.account(business)?.switches)
    }

    /// Creates a product; its id.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn create_product(&mut self, business: u64, spec: &ProductSpec, now: Timestamp) -> Result<u64, Refused> {
        self.within(business, now, |account| Ok(account.add_product(spec, now)))
    }

    /// Deletes a product.
    ///
    /// # Errors
    /// [`Refused`] when it is not there.
    pub fn delete_product(&mut self, business: u64, product: u64, now: Timestamp) -> Result<(), Refused> {
        self.within(
            business,
            now,
            |account| {
                if account.remove_product(product, now) { Ok(()) } else { Err(missing("product")) }
            },
        )
    }

    /// Gives a product another SKU; nobody is told.
    ///
    /// # Errors
    /// [`Refused`] when it is not there.
    pub fn rename(&mut self, business: u64, product: u64, sku: &str, now: Timestamp) -> Result<(), Refused> {
        self.within(business, now, |account| {
            if account.rename_product(product, sku, now) { Ok(()) } else { Err(missing("product")) }
        })
    }

    /// Puts a product on sale, or takes it off.
    ///
    /// # Errors
    /// [`Refused`] when it is not there.
    pub fn set_active(&mut self, business: u64, product: u64, active: bool, now: Timestamp) -> Result<(), Refused> {
        self.within(business, now, |account| {
            let found = account.products.get_mut(&product).ok_or_else(|| missing("product"))?;
            (found.active, found.updated) = (active, now);
            Ok(())
        })
    }

    /// Sells one SKU; the order's id.
    ///
    /// # Errors
    /// [`Refused`] when there is not enough, or no such SKU.
    pub fn sell(&mut self, business: u64, sku: &str, quantity: i64, now: Timestamp) -> Result<u64, Refused> {
        self.sell_lines(business, &[(sku, quantity)], now)
    }

    /// Places an order of several lines; its id.
    ///
    /// # Errors
    /// [`Refused`] when there is not enough of one, or no such SKU; then nothing is sold.
    pub fn sell_lines(&mut self, business: u64, lines: &[(&str, i64)], now: Timestamp) -> Result<u64, Refused> {
        self.within(business, now, |account| account.place(lines, Status::PAID, now))
    }

    /// Places an order that is to be paid for later; its id. When its stock moves is [`Switches::unpaid_orders_take`].
    ///
    /// # Errors
    /// As [`FakeShopWired::sell_lines`].
    pub fn sell_unpaid(&mut self, business: u64, lines: &[(&str, i64)], now: Timestamp) -> Result<u64, Refused> {
        self.within(business, now, |account| account.place(lines, Status::UNPAID, now))
    }

    /// An order is paid for.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order, or a SKU of it is gone.
    pub fn pay(&mut self, business: u64, order: u64, now: Timestamp) -> Result<(), Refused> {
        self.within(business, now, |account| account.set_status(order, Status::PAID, now))
    }

    /// Somebody types a new quantity into the product's page.
    ///
    /// # Errors
    /// [`Refused`] when there is no such SKU.
    pub fn edit(&mut self, business: u64, sku: &str, to: i64, now: Timestamp) -> Result<(), Refused> {
        self.type_in(business, Page::Product, sku, to, now)
    }

    /// Somebody types a new quantity into the stock management page.
    ///
    /// # Errors
    /// [`Refused`] when there is no such SKU.
    pub fn stock_page(&mut self, business: u64, sku: &str, to: i64, now: Timestamp) -> Result<(), Refused> {
        self.type_in(business, Page::Stock, sku, to, now)
    }

    /// A product import changes a quantity, silently unless [`Switches::product_import_logs`].
    ///
    /// # Errors
    /// [`Refused`] when there is no such SKU.
    pub fn import_silently(&mut self, business: u64, sku: &str, to: i64, now: Timestamp) -> Result<(), Refused> {
        self.type_in(business, Page::ProductImport, sku, to, now)
    }

    /// Somebody sets a quantity in one of four places.
    ///
    /// # Errors
    /// [`Refused`] when there is no such SKU.
    pub fn type_in(&mut self, business: u64, page: Page, sku: &str, to: i64, now: Timestamp) -> Result<(), Refused> {
        self.within(business, now, |account| {
            let cell = account.cells(sku).first().copied().ok_or_else(|| missing("SKU"))?;
            account.set(cell, to, page.cause(), now);
            if page == Page::Product {
                account.tell(Happening::product("product.updated", cell.product), now);
            }
            Ok(())
        })
    }

    /// "Return stock" of one line.
    ///
    /// # Errors
    /// [`Refused`] when ShopWired would not offer it.
    pub fn return_line(&mut self, business: u64, item: u64, now: Timestamp) -> Result<(), Refused> {
        self.within(business, now, |account| account.return_item(item, now))
    }

    /// Edits an order's lines; the id of the order that replaces it.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order, or not enough stock.
    pub fn edit_order(
        &mut self,
        business: u64,
        order: u64,
        lines: &[(&str, i64)],
        now: Timestamp,
    ) -> Result<u64, Refused> {
        self.within(business, now, |account| account.rewrite(order, lines, now))
    }

    /// Gives an order the cancelled status. No stock moves.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order.
    pub fn cancel(&mut self, business: u64, order: u64, now: Timestamp) -> Result<(), Refused> {
        self.within(business, now, |account| account.set_status(order, Status::CANCELLED, now))
    }

    /// Archives an order.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order.
    pub fn archive(&mut self, business: u64, order: u64) -> Result<(), Refused> {
        let found = self.account(business)?.orders.get_mut(&order).ok_or_else(|| missing("order"))?;
        found.archived = true;
        Ok(())
    }

    /// Gives money back. No stock moves.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn refund(&mut self, business: u64, order: u64, amount: i64, now: Timestamp) -> Result<u64, Refused> {
        self.within(business, now, |account| Ok(account.refund(order, amount, now)))
    }

    /// Puts an event of any topic and content into the log, and on its way.
    ///
    /// # Errors
    /// [`Refused`] when there is no such account.
    pub fn make_up(&mut self, business: u64, topic: &str, data: Value, now: Timestamp) -> Result<(), Refused> {
        self.within(business, now, |account| {
            let mut happening = Happening::order(topic, 0, Content::Other(data));
            happening.subject_type = "other";
            account.tell(happening, now);
            Ok(())
        })
    }

    /// The lines of an order.
    #[must_use]
    pub fn lines(&self, business: u64, order: u64) -> Vec<PlacedLine> {
        let items = self.accounts.get(&business).and_then(|account| account.orders.get(&order)).map(|one| &one.items);
        let line =
            |item: &super::state::Item| PlacedLine { item: item.id, sku: item.taken.clone(), quantity: item.quantity };
        items.into_iter().flatten().map(line).collect()
    }

    /// The level of a SKU as `GET /stock` would give it now.
    #[must_use]
    pub fn level(&self, business: u64, sku: &str) -> Option<i64> {
        self.accounts.get(&business)?.level(sku)
    }

    /// What people did to a SKU of an account.
    #[must_use]
    pub fn truth(&self, business: u64, sku: &str) -> Truth {
        let account = self.accounts.get(&business);
        account.and_then(|account| account.oracle.truths.get(sku)).copied().unwrap_or_default()
    }

    /// What people did to every SKU of an account.
    #[must_use]
    pub fn truths(&self, business: u64) -> BTreeMap<String, Truth> {
        self.accounts.get(&business).map(|account| account.oracle.truths.clone()).unwrap_or_default()
    }

    /// The API writes of an account that changed a level, oldest first.
    #[must_use]
    pub fn writes(&self, business: u64) -> &[ApiWrite] {
        self.accounts.get(&business).map_or(&[], |account| &account.oracle.writes)
    }

    /// How many requests an account's API has had, refused ones included.
    #[must_use]
    pub fn requests(&self, business: u64) -> u64 {
        self.accounts.get(&business).map_or(0, |account| account.requests)
    }
}
