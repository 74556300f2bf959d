//! Filters: which items. Used to find, to save, and to change many at once. Paged, however many SKUs there are.

use crate::hub::{Connected, Error, Hub};
use crate::items::{ItemView, Listed, PAGE_MAX, standing_of};
use crate::known::Known;
use crate::ports::{Change, Condition, Key, Row};
use crate::records::{self, HUB, Item, body, key, row, text, todo_partition};
use channels::Touch;
use domain::layers::Mode;
use domain::plan::Hold;
use domain::{AccountId, GroupId, ListingId, Sku, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Which items. Everything that is given must be true; what concerns a listing must be true of one and the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Part of the SKU or the title, in any case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Listed at this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// With a level in this warehouse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<WarehouseId>,
    /// In this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// Written in this mode, wherever it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Not written for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// On sale in its store, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Received at least once, or never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<bool>,
    /// A kit, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kit: Option<bool>,
    /// Shows something else than it shall, or has a difference that nothing explains.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drift: bool,
    /// The last write failed, and waits to be tried again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// At or below the units that count as low.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub low_stock: bool,
}

/// A filter with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFilter {
    /// What people call it.
    pub name: String,
    /// Which items.
    pub filter: Filter,
    /// Who saved it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// An item that was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub item: Item,
    /// The version of its row.
    pub version: u64,
    pub known: Known,
}

/// What was found on one page of all items.
pub(crate) struct FoundPage {
    pub found: Vec<Found>,
    /// The next page.
    pub next: Option<String>,
    /// The last SKU that was looked at.
    pub last: Option<String>,
}

/// What filters ask of an item.
#[derive(Debug)]
pub(crate) struct Facts {
    pub sku: Sku,
    /// SKU and title in small letters.
    folded: String,
    groups: Box<[GroupId]>,
    /// The warehouses that have a level of it.
    warehouses: Box<[WarehouseId]>,
    received: bool,
    kit: bool,
    listings: Box<[ListingFacts]>,
}

/// What filters ask of a listing.
#[derive(Debug)]
struct ListingFacts {
    account: AccountId,
    mode: Mode,
    hold: Option<Hold>,
    active: bool,
    drifts: bool,
    tried: bool,
    low: bool,
}

/// SKUs whose writes failed, by account.
pub(crate) type Failed = BTreeSet<(AccountId, Sku)>;

/// Items of one page.
const PAGE: usize = 500;
/// Pages that are walked for one answer; whoever has more looks in memory.
const WALKED: usize = 2;
/// Rows of waiting work that are looked at of one account.
const WAITING_MAX: usize = 10_000;
/// Longest name of a filter, letters.
const NAME_MAX: usize = 60;
/// Most saved filters.
const SAVED_MAX: usize = 500;

impl Facts {
    /// Of an item as it is.
    #[must_use]
    pub(crate) fn of(item: &Item, known: &Known, accounts: &BTreeMap<AccountId, Connected>) -> Self {
        let listings = item.listings.iter().filter_map(|(id, listing)| {
            let connected = accounts.get(&id.account)?;
            Some(ListingFacts {
                account: id.account.clone(),
                mode: item.stack(id, &connected.defaults).mode(),
                hold: standing_of(item, known, id, connected).1,
                active: listing.active,
                drifts: drifts(item, known, id, connected),
                tried: was_tried(known, id),
                low: is_low(item, known, id, connected),
            })
        });
        Self {
            sku: item.sku.clone(),
            folded: folded(item),
            groups: item.groups.iter().cloned().collect(),
            warehouses: known.ledger.base.keys().cloned().collect(),
            received: known.ledger.is_received(),
            kit: !item.parts.is_empty(),
            listings: listings.collect(),
        }
    }
}

/// SKU and title in small letters, a line each.
fn folded(item: &Item) -> String {
    format!("{}\n{}", item.sku, item.title).to_lowercase()
}

impl Filter {
    /// Whether an item is wanted.
    #[must_use]
    pub(crate) fn wants(
        &self,
        item: &Item,
        known: &Known,
        accounts: &BTreeMap<AccountId, Connected>,
        failed: &Failed,
    ) -> bool {
        self.has_text(item) && self.fits(&Facts::of(item, known, accounts), failed)
    }

    /// Whether what is known of an item fits.
    #[must_use]
    pub(crate) fn fits(&self, facts: &Facts, failed: &Failed) -> bool {
        let wanted = self.text.trim().to_lowercase();
        (wanted.is_empty() || facts.folded.contains(&wanted))
            && self.group.as_ref().is_none_or(|group| facts.groups.contains(group))
            && self.warehouse.as_ref().is_none_or(|warehouse| facts.warehouses.contains(warehouse))
            && self.received.is_none_or(|received| facts.received == received)
            && self.kit.is_none_or(|kit| facts.kit == kit)
            && (!self.asks_for_listing() || facts.listings.iter().any(|of| self.fits_listing(&facts.sku, of, failed)))
    }

    fn fits_listing(&self, sku: &Sku, facts: &ListingFacts, failed: &Failed) -> bool {
        self.account.as_ref().is_none_or(|account| *account == facts.account)
            && self.mode.is_none_or(|mode| facts.mode == mode)
            && self.hold.is_none_or(|hold| facts.hold == Some(hold))
            && self.active.is_none_or(|active| facts.active == active)
            && (!self.drift || facts.drifts)
            && (!self.failed || facts.tried || failed.contains(&(facts.account.clone(), sku.clone())))
            && (!self.low_stock || facts.low)
    }

    fn has_text(&self, item: &Item) -> bool {
        let wanted = self.text.trim().to_lowercase();
        wanted.is_empty() || folded(item).contains(&wanted)
    }

    const fn asks_for_listing(&self) -> bool {
        self.account.is_some()
            || self.mode.is_some()
            || self.hold.is_some()
            || self.active.is_some()
            || self.drift
            || self.failed
            || self.low_stock
    }

    /// In words, for history.
    #[must_use]
    pub fn words(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) if !fields.is_empty() => {
                let words = fields.iter().map(|(name, value)| format!("{name} {value}"));
                format!("items with {}", words.collect::<Vec<_>>().join(", "))
            }
            _ => "all items".into(),
        }
    }
}

/// Whether a listing shows something else than it shall, or has a difference that nothing explains.
fn drifts(item: &Item, known: &Known, id: &ListingId, connected: &Connected) -> bool {
    let (Some(entry), Some(view)) = (known.ledger.entries.get(id), known.view(item, id, connected)) else {
        return false;
    };
    let unsettled = |square: &domain::ledger::Square| entry.shadow.is_some_and(|level| square.is_unsettled(level));
    let target = domain::plan::target(&known.ledger, entry, &view).ok();
    let differs = target.zip(entry.shadow).is_some_and(|(target, shadow)| target.max(0) != shadow.max(0));
    differs || entry.tolerated != 0 || entry.square.as_ref().is_some_and(unsettled)
}

/// Whether its last write failed.
fn was_tried(known: &Known, id: &ListingId) -> bool {
    known.ledger.entries.get(id).and_then(|entry| entry.claim.as_ref()).is_some_and(|claim| claim.tries > 0)
}

/// Whether what may be sold at a listing is at or below the units that count as low.
#[must_use]
pub fn is_low(item: &Item, known: &Known, id: &ListingId, connected: &Connected) -> bool {
    let Some(limit) = item.stack(id, &connected.defaults).low_stock() else { return false };
    let (Some(entry), Some(view)) = (known.ledger.entries.get(id), known.view(item, id, connected)) else {
        return false;
    };
    domain::plan::available(&known.ledger, entry, &view).is_some_and(|available| available <= limit)
}

impl Hub {
    /// One page of the items that a filter wants, by SKU. A page may hold few or none although others follow.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Invalid`] for a token that is none.
    pub async fn find_items(
        &self,
        filter: &Filter,
        after: Option<String>,
        limit: usize,
    ) -> Result<Listed<ItemView>, Error> {
        let limit = limit.clamp(1, PAGE_MAX);
        let failed = self.failed_skus(filter).await?;
        let (rows, behind) = match Place::read(after)? {
            Place::Walk(skip, page) if skip > 0 || page.is_some() || !self.standings.are_known() => {
                match self.walk(filter, &failed, (skip, page), limit).await? {
                    (rows, Walked::Next(next)) => return Ok(Listed { rows, next: Some(next.token()) }),
                    (rows, Walked::End) => return Ok(Listed { rows, next: None }),
                    (rows, Walked::Far(behind)) => (rows, Some(behind)),
                }
            }
            Place::Walk(..) => (Vec::new(), None),
            Place::Behind(sku) => (Vec::new(), Some(sku)),
        };
        let others = self.find_standing(filter, &failed, behind, limit - rows.len()).await?;
        let rows = rows.into_iter().chain(others.rows).collect();
        Ok(Listed { rows, next: others.next.map(|sku| Place::Behind(sku).token()) })
    }

    /// Walks a few pages of all items.
    async fn walk(
        &self,
        filter: &Filter,
        failed: &Failed,
        (mut skip, mut page): (usize, Option<String>),
        limit: usize,
    ) -> Result<(Vec<ItemView>, Walked), Error> {
        let accounts = self.accounts().await?;
        let (mut rows, mut last) = (Vec::new(), None);
        for _ in 0..WALKED {
            let FoundPage { found, next, last: at } = self.find_page(filter, &accounts, failed, page.clone()).await?;
            let room = limit - rows.len();
            let wanted = found.len().saturating_sub(skip);
            let shown = found.iter().skip(skip).take(room);
            rows.extend(shown.map(|found| ItemView::of(&found.item, &found.known, &accounts)));
            if wanted > room {
                return Ok((rows, Walked::Next(Place::Walk(skip + room, page))));
            }
            let Some(next) = next else { return Ok((rows, Walked::End)) };
            if rows.len() == limit {
                return Ok((rows, Walked::Next(Place::Walk(0, Some(next)))));
            }
            last = at;
            (skip, page) = (0, Some(next));
        }
        Ok((rows, last.map_or(Walked::End, Walked::Far)))
    }

    /// Whether there are more items than are walked for one answer.
    pub(crate) async fn is_large(&self) -> Result<bool, Error> {
        let mut after = None;
        for _ in 0..WALKED {
            after = self.item_rows(after, PAGE).await?.next;
            if after.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a filter wants of one page of all items.
    pub(crate) async fn find_page(
        &self,
        filter: &Filter,
        accounts: &BTreeMap<AccountId, Connected>,
        failed: &Failed,
        after: Option<String>,
    ) -> Result<FoundPage, Error> {
        let page = self.item_rows(after, PAGE).await?;
        let mut items: Vec<Item> = page.rows.iter().map(body).collect::<Result<_, _>>()?;
        let last = items.last().map(|item| item.sku.to_string());
        let mut versions: Vec<u64> = page.rows.iter().map(|row| row.version).collect();
        // what the text rules out needs no ledger
        let wanted: Vec<bool> = items.iter().map(|item| filter.has_text(item)).collect();
        let keep = |place: &mut usize| {
            *place += 1;
            wanted[*place - 1]
        };
        let (mut first, mut second) = (0, 0);
        items.retain(|_| keep(&mut first));
        versions.retain(|_| keep(&mut second));
        let ledgers = self.ledgers(&items).await?;
        let known = self.all_known(&items, ledgers).await?;
        let all =
            items.into_iter().zip(versions).zip(known).map(|((item, version), known)| Found { item, version, known });
        let found = all.filter(|found| filter.wants(&found.item, &found.known, accounts, failed));
        Ok(FoundPage { found: found.collect(), next: page.next, last })
    }

    /// SKUs whose work waits because a write or a read of their store failed; none when the filter does not ask.
    pub(crate) async fn failed_skus(&self, filter: &Filter) -> Result<Failed, Error> {
        let mut failed = Failed::new();
        if !filter.failed {
            return Ok(failed);
        }
        for id in self.accounts().await?.keys() {
            let (mut after, mut read) = (None, 0);
            loop {
                let page = self.page(&todo_partition(id), "", after, PAGE).await?;
                read += page.rows.len();
                for row in &page.rows {
                    let todo: records::Todo = body(row)?;
                    if let (Touch::Sku(sku), true) = (todo.touch, todo.attempts > 0) {
                        failed.insert((id.clone(), sku));
                    }
                }
                after = page.next;
                if after.is_none() || read >= WAITING_MAX {
                    break;
                }
            }
        }
        Ok(failed)
    }

    /// All saved filters, by name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn saved_filters(&self) -> Result<Vec<SavedFilter>, Error> {
        self.all_rows(HUB, "FILTER#").await?.iter().map(|row| Ok(body(row)?)).collect()
    }

    /// One saved filter.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn saved_filter(&self, name: &str) -> Result<SavedFilter, Error> {
        let row = self.store.get(&[SavedFilter::key(name)]).await?.pop().flatten();
        let row = row.ok_or_else(|| Error::NotFound { what: "filter", name: name.to_owned() })?;
        Ok(body(&row)?)
    }

    /// Saves a filter under a name; a former one of that name is replaced.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub async fn save_filter(&self, name: &str, filter: Filter, actor: &str) -> Result<SavedFilter, Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(Error::Invalid(format!("name: use 1 to {NAME_MAX} letters, not {name:?}")));
        }
        let saved = SavedFilter { name: name.into(), filter, actor: actor.into(), at: self.clock.now() };
        let known = self.saved_filters().await?;
        if known.len() >= SAVED_MAX && known.iter().all(|known| known.name != saved.name) {
            return Err(Error::Invalid(format!("name: there are {SAVED_MAX} filters, which is the most; remove one")));
        }
        self.store.write(&[Change::Put(saved.row(), Condition::Any)]).await?;
        Ok(saved)
    }

    /// Removes a saved filter.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn drop_filter(&self, name: &str) -> Result<(), Error> {
        self.saved_filter(name).await?;
        Ok(self.store.write(&[Change::Delete(SavedFilter::key(name), Condition::Any)]).await?)
    }
}

impl SavedFilter {
    fn key(name: &str) -> Key {
        key(HUB, format!("FILTER#{name}"))
    }

    fn row(&self) -> Row {
        row(Self::key(&self.name), 1, text(self))
    }
}

/// Where the next page of what a filter wants goes on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    /// How many of a page's finds were given before, and the page.
    Walk(usize, Option<String>),
    /// Behind this SKU.
    Behind(String),
}

/// Where a walk ended.
enum Walked {
    /// The answer is full.
    Next(Place),
    /// There is nothing else.
    End,
    /// Others follow behind this SKU.
    Far(String),
}

impl Place {
    fn read(after: Option<String>) -> Result<Self, Error> {
        let Some(after) = after else { return Ok(Self::Walk(0, None)) };
        serde_json::from_str(&after).map_err(|_| Error::Invalid("after: it is not from the page before".into()))
    }

    fn token(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        Item::new(Sku::new("TEE-Red").expect("valid"), "A red shirt".into())
    }

    fn wants(filter: &Filter, item: &Item) -> bool {
        filter.wants(item, &Known::default(), &BTreeMap::new(), &Failed::new())
    }

    #[test]
    fn text_is_looked_for_in_sku_and_title() {
        let text = |text: &str| Filter { text: text.into(), ..Filter::default() };
        assert!(wants(&text("tee-R"), &item()) && wants(&text(" SHIRT "), &item()) && wants(&text(""), &item()));
        assert!(!wants(&text("blue"), &item()));
    }

    #[test]
    fn groups_kits_and_receipt_are_asked_of_the_item() {
        let group = GroupId::new("fragile").expect("valid");
        let mut fragile = item();
        fragile.groups.insert(group.clone());
        let filter = Filter { group: Some(group), ..Filter::default() };
        assert!(wants(&filter, &fragile) && !wants(&filter, &item()));
        let received = |received| Filter { received: Some(received), ..Filter::default() };
        assert!(wants(&received(false), &item()) && !wants(&received(true), &item()), "no warehouse has a level");
        let kit = |kit| Filter { kit: Some(kit), ..Filter::default() };
        assert!(wants(&kit(false), &item()) && !wants(&kit(true), &item()));
        let listed = Filter { drift: true, ..Filter::default() };
        assert!(!wants(&listed, &item()), "it is listed nowhere");
    }

    #[test]
    fn a_token_is_read_again() {
        assert_eq!(Place::read(None).expect("the first page"), Place::Walk(0, None));
        for place in [Place::Walk(7, Some("[\"a\"]".into())), Place::Behind("TEE \"L\"".into())] {
            assert_eq!(Place::read(Some(place.token())).expect("our own"), place);
        }
        assert!(Place::read(Some("nonsense".into())).is_err());
    }

    #[test]
    fn a_filter_has_words() {
        assert_eq!(Filter::default().words(), "all items");
        let filter = Filter { text: "tee".into(), drift: true, ..Filter::default() };
        assert_eq!(filter.words(), "items with drift true, text \"tee\"");
    }
}
