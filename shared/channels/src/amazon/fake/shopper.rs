//! The Rust door: what people do at Amazon, and the truth about it.

use super::FakeAmazon;
use super::faults::{EventFaults, Fault};
use super::limits::{Buckets, OPERATIONS};
use super::state::{ApiWrite, Cause, Item, Listing, Order, Seller, Status, Stock};
use super::switches::Switches;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The fake's people cannot do that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A seller to open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SellerSpec {
    /// The seller id.
    pub id: String,
    /// The store's name.
    pub name: String,
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: String,
    /// The seller's refresh token.
    pub refresh_token: String,
    /// The marketplaces of its region.
    pub marketplaces: Vec<String>,
}

/// A listing to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListingSpec {
    /// Its SKU.
    pub sku: String,
    /// Its title.
    pub title: String,
    /// Its live stock by code; no quantity where Amazon keeps it.
    pub stock: Vec<(String, Option<i64>)>,
    /// The marketplaces it is in; all without.
    pub marketplaces: Vec<String>,
    /// The handling time beside the quantity, days.
    pub lead_time: Option<i64>,
    /// Whether it is on sale.
    pub active: bool,
}

impl Default for ListingSpec {
    fn default() -> Self {
        Self {
            sku: String::new(),
            title: String::new(),
            stock: Vec::new(),
            marketplaces: Vec::new(),
            lead_time: None,
            active: true,
        }
    }
}

impl ListingSpec {
    /// A listing that the merchant sends.
    #[must_use]
    pub fn own(sku: &str, quantity: i64) -> Self {
        Self {
            sku: sku.into(),
            title: format!("Product {sku}"),
            stock: vec![("DEFAULT".into(), Some(quantity))],
            ..Self::default()
        }
    }

    /// A listing that Amazon sends.
    #[must_use]
    pub fn hosted(sku: &str) -> Self {
        Self {
            sku: sku.into(),
            title: format!("Product {sku}"),
            stock: vec![("AMAZON_EU".into(), None)],
            ..Self::default()
        }
    }
}

impl FakeAmazon {
    /// Opens a seller.
    pub fn add_seller(&mut self, spec: &SellerSpec) {
        let seller = Seller {
            id: spec.id.clone(),
            name: spec.name.clone(),
            client_id: spec.client_id.clone(),
            client_secret: spec.client_secret.clone(),
            refresh_token: spec.refresh_token.clone(),
            marketplaces: spec.marketplaces.clone(),
            refused: BTreeSet::new(),
            switches: Switches::default(),
            faults: Vec::new(),
            event_faults: EventFaults::default(),
            buckets: Buckets::default(),
            listings: BTreeMap::new(),
            orders: BTreeMap::new(),
            feeds: BTreeMap::new(),
            reports: BTreeMap::new(),
            report_cache: None,
            subscriptions: BTreeMap::new(),
            tasks: BTreeMap::new(),
            news: Vec::new(),
            stranded: BTreeSet::new(),
            writes: Vec::new(),
            sold: BTreeMap::new(),
            calls: BTreeMap::new(),
            next: 0,
        };
        self.sellers.insert(spec.id.clone(), seller);
    }

    pub(super) fn seller(&mut self, id: &str) -> Result<&mut Seller, Refused> {
        self.sellers.get_mut(id).ok_or_else(|| Refused(format!("there is no seller {id}")))
    }

    /// A seller's switches.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller.
    pub fn switches(&mut self, seller: &str) -> Result<&mut Switches, Refused> {
        Ok(&mut self.seller(seller)?.switches)
    }

    /// Makes a seller's API fail, after the faults that it has already.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller.
    pub fn fail(&mut self, seller: &str, fault: Fault) -> Result<(), Refused> {
        self.seller(seller)?.faults.push(fault);
        Ok(())
    }

    /// Ends all faults of a seller's API.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller.
    pub fn heal(&mut self, seller: &str) -> Result<(), Refused> {
        self.seller(seller)?.faults.clear();
        Ok(())
    }

    /// Makes a seller's events go astray.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller.
    pub fn event_faults(&mut self, seller: &str, faults: EventFaults) -> Result<(), Refused> {
        self.seller(seller)?.event_faults = faults;
        Ok(())
    }

    /// Takes away the role behind an operation.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller or operation.
    pub fn refuse(&mut self, seller: &str, operation: &str) -> Result<(), Refused> {
        if !OPERATIONS.iter().any(|known| known.name == operation) {
            return Err(Refused(format!("there is no operation {operation}")));
        }
        self.seller(seller)?.refused.insert(operation.to_owned());
        Ok(())
    }

    /// Changes the app's secret; tokens stay good until they run out.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller.
    pub fn rotate(&mut self, seller: &str, client_secret: &str) -> Result<(), Refused> {
        self.seller(seller)?.client_secret = client_secret.to_owned();
        Ok(())
    }

    /// Makes every access token invalid.
    pub fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    /// How often tokens were asked for.
    #[must_use]
    pub const fn token_calls(&self) -> u64 {
        self.token_calls
    }

    /// Where events are handed on.
    pub fn send_events_to(&mut self, url: &str) {
        self.events_url = url.to_owned();
    }

    /// Creates a listing, or replaces it.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller.
    pub fn list(&mut self, seller: &str, spec: &ListingSpec, now: Timestamp) -> Result<(), Refused> {
        let owner = self.seller(seller)?;
        let marketplaces = if spec.marketplaces.is_empty() { &owner.marketplaces } else { &spec.marketplaces }.clone();
        let entry = |(code, quantity): &(String, Option<i64>)| {
            let mut entry = json!({"fulfillment_channel_code": code});
            if let Some(quantity) = quantity {
                entry["quantity"] = json!(quantity);
            }
            if let Some(days) = spec.lead_time {
                entry["lead_time_to_ship_max_days"] = json!(days);
            }
            entry
        };
        let submitted: Vec<Value> = spec.stock.iter().map(entry).collect();
        let hosted = spec.stock.iter().any(|(code, _)| code.starts_with("AMAZON_"));
        let stock = |(code, quantity): &(String, Option<i64>)| Stock { code: code.clone(), quantity: *quantity };
        let listing = Listing {
            title: spec.title.clone(),
            asin: "B000TEST01".into(),
            product_type: "LUGGAGE".into(),
            submitted: marketplaces.iter().map(|id| (id.clone(), submitted.clone())).collect(),
            marketplaces,
            live: spec.stock.iter().map(stock).collect(),
            active: spec.active,
            hosted_units: if hosted { 10 } else { 0 },
            updated: now,
            busy_until: Timestamp::default(),
            patched: Timestamp::default(),
        };
        owner.listings.insert(spec.sku.clone(), listing);
        Ok(())
    }

    /// Deletes a listing.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller or listing.
    pub fn delist(&mut self, seller: &str, sku: &str) -> Result<(), Refused> {
        let gone = self.seller(seller)?.listings.remove(sku);
        gone.map(|_| ()).ok_or_else(|| Refused(format!("there is no listing {sku}")))
    }

    /// Enters a quantity by hand.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller or listing.
    pub fn type_in(&mut self, seller: &str, sku: &str, quantity: i64, now: Timestamp) -> Result<(), Refused> {
        let owner = self.seller(seller)?;
        if !owner.listings.contains_key(sku) {
            return Err(Refused(format!("there is no listing {sku}")));
        }
        owner.set(sku, "DEFAULT", quantity, Cause::Person, now);
        Ok(())
    }

    /// Places an order; its id. Live stock goes down at once, and the order is pending.
    ///
    /// # Errors
    /// [`Refused`] when there is no such seller, or too little of something.
    pub fn sell(&mut self, seller: &str, lines: &[(&str, i64)], now: Timestamp) -> Result<String, Refused> {
        self.tick(now);
        let owner = self.seller(seller)?;
        for (sku, units) in lines {
            let listing = owner.listings.get(*sku).ok_or_else(|| Refused(format!("there is no listing {sku}")))?;
            let enough = listing.is_hosted() || listing.level("DEFAULT").is_some_and(|level| level >= *units);
            if !enough {
                return Err(Refused(format!("there are not {units} of {sku}")));
            }
        }
        let hosted = lines.iter().any(|(sku, _)| owner.listings.get(*sku).is_some_and(Listing::is_hosted));
        let number = owner.id();
        let id = format!("202-{number:07}-{:07}", number * 7);
        let mut items = Vec::new();
        for (sku, units) in lines {
            let id = format!("{}", 11_111_111_000_000 + owner.id());
            items.push(Item { id, sku: (*sku).to_owned(), ordered: *units, sent: 0, cancelled: false });
        }
        let marketplace = owner.marketplaces.first().cloned().unwrap_or_default();
        let order =
            Order { id: id.clone(), created: now, updated: now, status: Status::Pending, marketplace, hosted, items };
        owner.orders.insert(id.clone(), order);
        for (sku, units) in lines.iter().filter(|_| !hosted) {
            *owner.sold.entry((*sku).to_owned()).or_default() += units;
            owner.shift(sku, -units, now);
        }
        owner.touch(&id, now);
        super::events::publish(self);
        Ok(id)
    }

    /// Lets an order go on: payment is there (`UNSHIPPED`), or so many units of each line are sent.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order.
    pub fn go_on(&mut self, seller: &str, order: &str, sent: i64, now: Timestamp) -> Result<(), Refused> {
        self.tick(now);
        let owner = self.seller(seller)?;
        let one = owner.orders.get_mut(order).ok_or_else(|| Refused(format!("there is no order {order}")))?;
        if one.status == Status::Cancelled {
            return Err(Refused(format!("order {order} is cancelled")));
        }
        let open = one.items.iter_mut().filter(|item| !item.cancelled);
        open.for_each(|item| item.sent = (item.sent + sent).min(item.ordered));
        let (all, some) =
            (one.items.iter().all(|item| item.sent == item.ordered), one.items.iter().any(|item| item.sent > 0));
        one.status = match (all, some) {
            (true, _) => Status::Shipped,
            (false, true) => Status::PartiallyShipped,
            (false, false) => Status::Unshipped,
        };
        owner.touch(order, now);
        super::events::publish(self);
        Ok(())
    }

    /// Makes a pending order one for something that cannot be had yet.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order.
    pub fn preorder(&mut self, seller: &str, order: &str) -> Result<(), Refused> {
        let one = self.seller(seller)?.orders.get_mut(order);
        one.ok_or_else(|| Refused(format!("there is no order {order}")))?.status = Status::PendingAvailability;
        Ok(())
    }

    /// Cancels one line of an order, or all; whether the units go back on sale is for the canceller to say.
    ///
    /// # Errors
    /// [`Refused`] when there is no such order.
    pub fn cancel(
        &mut self,
        seller: &str,
        order: &str,
        only: Option<&str>,
        restock: bool,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.tick(now);
        let owner = self.seller(seller)?;
        let one = owner.orders.get_mut(order).ok_or_else(|| Refused(format!("there is no order {order}")))?;
        let mut back = Vec::new();
        for item in one.items.iter_mut().filter(|item| !item.cancelled && only.is_none_or(|sku| item.sku == sku)) {
            item.cancelled = true;
            back.push((item.sku.clone(), item.ordered - item.sent));
        }
        if one.items.iter().all(|item| item.cancelled) {
            one.status = Status::Cancelled;
        }
        for (sku, units) in back {
            *owner.sold.entry(sku.clone()).or_default() -= units;
            if restock {
                owner.shift(&sku, units, now);
            }
        }
        owner.touch(order, now);
        super::events::publish(self);
        Ok(())
    }

    /// The live level of a SKU.
    #[must_use]
    pub fn level(&self, seller: &str, sku: &str) -> Option<i64> {
        self.sellers.get(seller)?.listings.get(sku)?.level("DEFAULT")
    }

    /// Units of a SKU sold less units given back.
    #[must_use]
    pub fn sold(&self, seller: &str, sku: &str) -> i64 {
        self.sellers.get(seller).and_then(|owner| owner.sold.get(sku)).copied().unwrap_or_default()
    }

    /// SKUs whose stock at Amazon was stranded by a write. It must stay empty.
    #[must_use]
    pub fn stranded(&self, seller: &str) -> Vec<String> {
        self.sellers.get(seller).map(|owner| owner.stranded.iter().cloned().collect()).unwrap_or_default()
    }

    /// What was submitted for a SKU in a marketplace.
    #[must_use]
    pub fn submitted(&self, seller: &str, sku: &str, marketplace: &str) -> Option<Vec<Value>> {
        self.sellers.get(seller)?.listings.get(sku)?.submitted.get(marketplace).cloned()
    }

    /// Writes of a SKU that were accepted and are not live yet.
    #[must_use]
    pub fn waiting(&self, seller: &str, sku: &str) -> usize {
        let tasks = self.sellers.get(seller).into_iter().flat_map(|owner| owner.tasks.values());
        tasks.filter(|task| task.sku == sku).count()
    }

    /// The writes that became live, oldest first.
    #[must_use]
    pub fn writes(&self, seller: &str) -> Vec<ApiWrite> {
        self.sellers.get(seller).map(|owner| owner.writes.clone()).unwrap_or_default()
    }

    /// How often each operation was called.
    #[must_use]
    pub fn calls(&self, seller: &str) -> BTreeMap<&'static str, u64> {
        self.sellers.get(seller).map(|owner| owner.calls.clone()).unwrap_or_default()
    }
}
