//! Items and levels as people see them, history, and the explanation of a number.

use crate::hub::{Connected, Error, Hub};
use crate::ports::{Query, Row};
use crate::records::{self, History, ITEMS, Item, Listing};
use domain::plan::{self, Decision, Hold, View};
use domain::rules::Step;
use domain::{AccountId, Entry, Ledger, ListingId, Sku, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A page of something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where to go on; absent after the last page.
    pub next: Option<String>,
}

/// How a listing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It shows what it shall show.
    InSync,
    /// It shall be written.
    Due,
    /// A write is on its way.
    Pending,
    /// The store took a write and has yet to carry it out.
    Accepted,
    /// It is not written; the reason says why.
    Held,
}

/// A listing as people see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListingView {
    /// The listing.
    pub listing: ListingId,
    /// The store's own id.
    pub external: String,
    /// The level that the store was last known to have.
    pub shadow: Option<i64>,
    /// The level that the rules give it.
    pub target: Option<i64>,
    /// The sum of the changes counted from it.
    pub counted: i64,
    /// How it stands.
    pub standing: Standing,
    /// Why it is not written.
    pub hold: Option<Hold>,
    /// The warehouses that feed it, in the order in which its sales are charged to them.
    pub warehouses: Vec<WarehouseId>,
    /// What people call its location there; absent for a store without locations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    /// What the store said that a person must mend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// An item as people see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ItemView {
    /// The SKU.
    pub sku: Sku,
    /// What people call it.
    pub title: String,
    /// The hub level over all warehouses.
    pub level: i64,
    /// The hub level of each warehouse.
    pub warehouses: BTreeMap<WarehouseId, i64>,
    /// Its listings.
    pub listings: Vec<ListingView>,
}

/// Why a listing shows its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListingWhy {
    /// The listing.
    #[serde(flatten)]
    pub view: ListingView,
    /// The rules, step by step.
    pub steps: Vec<Step>,
    /// What the last push to it did, if history still has one.
    pub last_push: Option<(Timestamp, records::Pushed)>,
}

/// Why an item has its numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Explanation {
    /// The SKU.
    pub sku: Sku,
    /// What it started with, by warehouse.
    pub base: BTreeMap<WarehouseId, i64>,
    /// What was counted, by listing.
    pub counted: BTreeMap<ListingId, i64>,
    /// What was counted, by warehouse and listing.
    #[serde(default)]
    pub charged: BTreeMap<WarehouseId, BTreeMap<ListingId, i64>>,
    /// The level of each warehouse.
    #[serde(default)]
    pub warehouses: BTreeMap<WarehouseId, i64>,
    /// `base + counted`.
    pub level: i64,
    /// The listings.
    pub listings: Vec<ListingWhy>,
    /// The newest events that made the level, newest first.
    pub recent: Vec<History>,
}

/// Lines of history shown in an explanation.
const RECENT: usize = 10;
/// Most rows of one page.
pub const PAGE_MAX: usize = 500;

impl Hub {
    /// One page of the items, ordered by SKU.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_items(
        &self,
        prefix: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Listed<ItemView>, Error> {
        let query = Query {
            partition: ITEMS.into(),
            index: true,
            prefix: prefix.into(),
            after,
            descending: false,
            limit: limit.clamp(1, PAGE_MAX),
        };
        let page = self.store.query(&query).await?;
        let items: Vec<Item> = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
        let keys: Vec<_> = items.iter().map(|item| records::ledger_key(&item.sku)).collect();
        let ledgers = self.store.get(&keys).await?;
        let accounts = self.accounts().await?;
        let rows = items.into_iter().zip(ledgers).map(|(item, row)| Ok(view(&item, &ledger_of(row)?, &accounts)));
        Ok(Listed { rows: rows.collect::<Result<_, Error>>()?, next: page.next })
    }

    /// One item.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show_item(&self, sku: &Sku) -> Result<ItemView, Error> {
        let (item, ledger) = self.item(sku).await?;
        Ok(view(&item, &ledger, &*self.accounts().await?))
    }

    /// An item with its ledger.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn item(&self, sku: &Sku) -> Result<(Item, Ledger), Error> {
        let mut rows = self.store.get(&[Item::key(sku), records::ledger_key(sku)]).await?.into_iter();
        let (Some(Some(item)), Some(ledger)) = (rows.next(), rows.next()) else {
            return Err(Error::NotFound { what: "item", name: sku.to_string() });
        };
        Ok((records::body(&item)?, ledger_of(ledger)?))
    }

    /// One page of a SKU's history, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn history(&self, sku: &Sku, after: Option<String>, limit: usize) -> Result<Listed<History>, Error> {
        let query = Query {
            partition: records::sku_partition(sku),
            index: false,
            prefix: "HISTORY#".into(),
            after,
            descending: true,
            limit: limit.clamp(1, PAGE_MAX),
        };
        self.history_page(&query).await
    }

    /// One page of a day's history over all SKUs, newest first; of one account's if named.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn history_of_day(
        &self,
        day: Timestamp,
        account: Option<&AccountId>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Listed<History>, Error> {
        let query = Query {
            partition: records::history_day(day),
            index: true,
            prefix: String::new(),
            after,
            descending: true,
            limit: limit.clamp(1, PAGE_MAX),
        };
        let mut page = self.history_page(&query).await?;
        if let Some(account) = account {
            page.rows.retain(|history| concerns(history, account));
        }
        Ok(page)
    }

    async fn history_page(&self, query: &Query) -> Result<Listed<History>, Error> {
        let page = self.store.query(query).await?;
        let rows = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
        Ok(Listed { rows, next: page.next })
    }

    /// Why an item has its numbers.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn explain(&self, sku: &Sku) -> Result<Explanation, Error> {
        let (item, ledger) = self.item(sku).await?;
        let accounts = self.accounts().await?;
        let recent = self.history(sku, None, PAGE_MAX).await?.rows;
        let listings = view(&item, &ledger, &accounts).listings.into_iter();
        let why = listings.map(|view| ListingWhy {
            steps: steps(&item, &ledger, &view.listing, &accounts),
            last_push: last_push(&recent, &view.listing),
            view,
        });
        Ok(Explanation {
            sku: sku.clone(),
            base: ledger.base.clone(),
            counted: ledger.entries.iter().map(|(listing, entry)| (listing.clone(), entry.counted)).collect(),
            charged: ledger.base.keys().map(|warehouse| (warehouse.clone(), counted_in(&ledger, warehouse))).collect(),
            warehouses: levels(&ledger),
            level: ledger.total(),
            listings: why.collect(),
            recent: recent.into_iter().take(RECENT).collect(),
        })
    }
}

fn ledger_of(row: Option<Row>) -> Result<Ledger, Error> {
    Ok(row.as_ref().map(records::ledger).transpose()?.unwrap_or_default())
}

fn concerns(history: &History, account: &AccountId) -> bool {
    history.seen.iter().any(|seen| seen.listing.account == *account)
        || history.pushed.iter().any(|pushed| pushed.listing.account == *account)
}

fn view(item: &Item, ledger: &Ledger, accounts: &BTreeMap<AccountId, Connected>) -> ItemView {
    let listings = item.listings.iter().map(|(id, listing)| listing_view(id, listing, ledger, accounts));
    ItemView {
        sku: item.sku.clone(),
        title: item.title.clone(),
        level: ledger.total(),
        warehouses: levels(ledger),
        listings: listings.collect(),
    }
}

/// The level of every warehouse that has one.
pub(crate) fn levels(ledger: &Ledger) -> BTreeMap<WarehouseId, i64> {
    ledger.base.keys().map(|warehouse| (warehouse.clone(), ledger.level(warehouse))).collect()
}

/// What each listing counted in a warehouse.
fn counted_in(ledger: &Ledger, warehouse: &WarehouseId) -> BTreeMap<ListingId, i64> {
    let parts = ledger.entries.iter().map(|(listing, entry)| (listing.clone(), entry.counted_in(warehouse)));
    parts.filter(|(_, units)| *units != 0).collect()
}

fn listing_view(
    id: &ListingId,
    listing: &Listing,
    ledger: &Ledger,
    accounts: &BTreeMap<AccountId, Connected>,
) -> ListingView {
    let entry = ledger.entries.get(id);
    let planned = accounts.get(&id.account).map(|connected| {
        let view = listing.view(id, connected);
        let target = entry.and_then(|entry| plan::target(ledger, entry, &view).ok());
        (target, plan::plan(ledger, &BTreeMap::from([(id.clone(), view)])).remove(id))
    });
    let (target, decision) = planned.unwrap_or((None, None));
    let (standing, hold) = standing(decision);
    let connected = accounts.get(&id.account);
    let view = connected.map(|connected| listing.view(id, connected));
    let place = connected.and_then(|connected| connected.place(&id.location));
    ListingView {
        listing: id.clone(),
        external: listing.external.clone(),
        shadow: entry.and_then(|entry| entry.shadow),
        target,
        counted: entry.map_or(0, |entry: &Entry| entry.counted),
        standing,
        hold,
        warehouses: entry.zip(view).map(|(entry, view)| feeding(entry, &view)).unwrap_or_default(),
        location_name: place.map(|place| place.name.clone()),
        trouble: entry.and_then(|entry| entry.trouble.as_ref()).map(|trouble| trouble.why.clone()),
    }
}

/// The warehouses that feed a listing.
fn feeding(entry: &Entry, view: &View) -> Vec<WarehouseId> {
    if view.feeds.is_empty() { vec![entry.warehouse.clone()] } else { view.feeds.clone() }
}

fn standing(decision: Option<Decision>) -> (Standing, Option<Hold>) {
    match decision {
        Some(Decision::InSync) => (Standing::InSync, None),
        Some(Decision::Push(_)) => (Standing::Due, None),
        Some(Decision::Hold(Hold::Pending | Hold::Unresolved)) => (Standing::Pending, None),
        Some(Decision::Hold(Hold::Accepted)) => (Standing::Accepted, None),
        Some(Decision::Hold(hold)) => (Standing::Held, Some(hold)),
        None => (Standing::Held, None),
    }
}

fn steps(item: &Item, ledger: &Ledger, id: &ListingId, accounts: &BTreeMap<AccountId, Connected>) -> Vec<Step> {
    let (Some(listing), Some(connected)) = (item.listings.get(id), accounts.get(&id.account)) else {
        return Vec::new();
    };
    let Some(entry) = ledger.entries.get(id) else { return Vec::new() };
    let view = listing.view(id, connected);
    let Some(available) = plan::available(ledger, entry, &view) else { return Vec::new() };
    let mut steps = view.rules.steps(available);
    let feeds = feeding(entry, &view);
    if feeds.len() > 1 {
        let level =
            |warehouse: &WarehouseId| Step { rule: format!("in {warehouse}"), quantity: ledger.level(warehouse) };
        steps.splice(0..0, feeds.iter().map(level));
    }
    steps
}

fn last_push(recent: &[History], listing: &ListingId) -> Option<(Timestamp, records::Pushed)> {
    recent.iter().find_map(|history| {
        let pushed = history.pushed.iter().rfind(|pushed| pushed.listing == *listing)?;
        Some((history.at, pushed.clone()))
    })
}
