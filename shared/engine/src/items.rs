//! Items and levels as people see them, history, and the explanation of a number.

use crate::hub::{Connected, Error, Hub};
use crate::known::Known;
use crate::ports::{Query, Row};
use crate::records::{self, History, Item, Listing};
use domain::layers::Mode;
use domain::plan::{self, Decision, Hold, View};
use domain::rules::Step;
use domain::{AccountId, Entry, GroupId, Ledger, ListingId, Sku, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Whether it is on sale in its store.
    #[serde(default)]
    pub active: bool,
    /// When it is written, wherever that was set.
    #[serde(default)]
    pub mode: Mode,
    /// Whether so little may be sold that it counts as low.
    #[serde(default)]
    pub low: bool,
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
    /// Whether a level of it was ever known; until then it is not pushed.
    #[serde(default)]
    pub received: bool,
    /// The groups that it is in.
    #[serde(default)]
    pub groups: BTreeSet<GroupId>,
    /// Of a kit: what it is made of, with units of each.
    #[serde(default)]
    pub parts: BTreeMap<Sku, i64>,
    /// The kits that it is part of, with units in each.
    #[serde(default)]
    pub kits: BTreeMap<Sku, i64>,
}

/// Why a listing shows its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListingWhy {
    /// The listing.
    #[serde(flatten)]
    pub view: ListingView,
    /// The rules, step by step, each with where it was set.
    pub steps: Vec<Step>,
    /// Its sync mode with where it was set; absent where nobody set one.
    #[serde(default)]
    pub mode_from: Option<String>,
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
        let page = self.item_rows_with(prefix, after, limit.clamp(1, PAGE_MAX)).await?;
        let items: Vec<Item> = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
        let ledgers = self.ledgers(&items).await?;
        let known = self.all_known(&items, ledgers).await?;
        let accounts = self.accounts().await?;
        let rows = items.iter().zip(&known).map(|(item, known)| ItemView::of(item, known, &accounts));
        Ok(Listed { rows: rows.collect(), next: page.next })
    }

    /// One item.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn show_item(&self, sku: &Sku) -> Result<ItemView, Error> {
        let (item, known) = self.known_item(sku).await?;
        Ok(ItemView::of(&item, &known, &*self.accounts().await?))
    }

    /// An item with all that its numbers depend on.
    pub(crate) async fn known_item(&self, sku: &Sku) -> Result<(Item, Known), Error> {
        let (item, ledger) = self.item(sku).await?;
        let known =
            self.all_known(std::slice::from_ref(&item), vec![ledger]).await?.into_iter().next().unwrap_or_default();
        Ok((item, known))
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
        let (item, known) = self.known_item(sku).await?;
        let ledger = &known.ledger;
        let accounts = self.accounts().await?;
        let recent = self.history(sku, None, PAGE_MAX).await?.rows;
        let listings = ItemView::of(&item, &known, &accounts).listings.into_iter();
        let why = listings.map(|view| ListingWhy {
            steps: steps(&item, &known, &view.listing, &accounts),
            mode_from: mode_words(&item, &view.listing, &accounts),
            last_push: last_push(&recent, &view.listing),
            view,
        });
        Ok(Explanation {
            sku: sku.clone(),
            base: ledger.base.clone(),
            counted: ledger.entries.iter().map(|(listing, entry)| (listing.clone(), entry.counted)).collect(),
            charged: ledger.base.keys().map(|warehouse| (warehouse.clone(), counted_in(ledger, warehouse))).collect(),
            warehouses: known.levels(&item),
            level: known.total(&item),
            listings: why.collect(),
            recent: recent.into_iter().take(RECENT).collect(),
        })
    }
}

fn ledger_of(row: Option<Row>) -> Result<Ledger, Error> {
    Ok(row.as_ref().map(records::ledger).transpose()?.unwrap_or_default())
}

/// Whether a line of history is about an account.
pub(crate) fn concerns(history: &History, account: &AccountId) -> bool {
    history.seen.iter().any(|seen| seen.listing.account == *account)
        || history.pushed.iter().any(|pushed| pushed.listing.account == *account)
}

impl ItemView {
    /// An item as people see it.
    #[must_use]
    pub(crate) fn of(item: &Item, known: &Known, accounts: &BTreeMap<AccountId, Connected>) -> Self {
        let listings = item.listings.iter().map(|(id, listing)| listing_view(item, id, listing, known, accounts));
        Self {
            sku: item.sku.clone(),
            title: item.title.clone(),
            level: known.total(item),
            warehouses: known.levels(item),
            listings: listings.collect(),
            received: known.ledger.is_received() || !item.parts.is_empty(),
            groups: item.groups.clone(),
            parts: item.parts.clone(),
            kits: item.kits.clone(),
        }
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
    item: &Item,
    id: &ListingId,
    listing: &Listing,
    known: &Known,
    accounts: &BTreeMap<AccountId, Connected>,
) -> ListingView {
    let entry = known.ledger.entries.get(id);
    let connected = accounts.get(&id.account);
    let view = connected.and_then(|connected| known.view(item, id, connected));
    let target = entry.zip(view.as_ref()).and_then(|(entry, view)| plan::target(&known.ledger, entry, view).ok());
    let (standing, hold) =
        connected.map_or((Standing::Held, None), |connected| standing_of(item, known, id, connected));
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
        active: listing.active,
        mode: connected.map_or(Mode::Always, |connected| item.stack(id, &connected.defaults).mode()),
        low: connected.is_some_and(|connected| crate::filter::is_low(item, known, id, connected)),
    }
}

/// How a listing stands, and why it is not written if it is not.
pub(crate) fn standing_of(
    item: &Item,
    known: &Known,
    id: &ListingId,
    connected: &Connected,
) -> (Standing, Option<Hold>) {
    let view = known.view(item, id, connected);
    let planned = view.and_then(|view| plan::plan(&known.ledger, &BTreeMap::from([(id.clone(), view)])).remove(id));
    standing(planned)
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

fn steps(item: &Item, known: &Known, id: &ListingId, accounts: &BTreeMap<AccountId, Connected>) -> Vec<Step> {
    let Some(connected) = accounts.get(&id.account) else { return Vec::new() };
    let Some(entry) = known.ledger.entries.get(id) else { return Vec::new() };
    let Some(view) = known.view(item, id, connected) else { return Vec::new() };
    let Some(available) = plan::available(&known.ledger, entry, &view) else { return Vec::new() };
    let mut steps =
        item.stack(id, &connected.defaults).steps(available, item.listings.get(id).map_or(0, |listing| listing.flash));
    let plain = |rule: String, quantity: i64| Step { rule, quantity, name: None, from: None };
    let (feeds, levels) = (feeding(entry, &view), known.levels(item));
    let mut first: Vec<Step> = Vec::new();
    for (part, each) in &item.parts {
        let units = known.kin.get(part).map_or(0, Ledger::total);
        first.push(plain(format!("{units} {part}, {each} in each"), units.div_euclid((*each).max(1))));
    }
    if feeds.len() > 1 {
        let level = |warehouse: &WarehouseId| levels.get(warehouse).copied().unwrap_or(0);
        first.extend(feeds.iter().map(|warehouse| plain(format!("in {warehouse}"), level(warehouse))));
    }
    steps.splice(0..0, first);
    steps
}

/// Why a mode says what it says: `never (account north)`.
fn mode_words(item: &Item, id: &ListingId, accounts: &BTreeMap<AccountId, Connected>) -> Option<String> {
    let stack = item.stack(id, &accounts.get(&id.account)?.defaults);
    let source = stack.mode_source()?;
    let mode = match stack.mode() {
        Mode::Default | Mode::Always => "always",
        Mode::Never => "never",
        Mode::OnlyWhenActive => "only when active",
    };
    Some(format!("{mode} ({source})"))
}

fn last_push(recent: &[History], listing: &ListingId) -> Option<(Timestamp, records::Pushed)> {
    recent.iter().find_map(|history| {
        let pushed = history.pushed.iter().rfind(|pushed| pushed.listing == *listing)?;
        Some((history.at, pushed.clone()))
    })
}
