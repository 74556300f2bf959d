//! Settings with inheritance: quantity rules, sync mode and low stock, for the hub, an account, a group or an item.
//!
//! What is set for the hub, for accounts and for groups is cached with the accounts; what is set for an item is in its own
//! row, which every run reads anyway. So a change costs no read more than without rules.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | what is set for the hub | `HUB` | `SET#HUB` |
//! | what is set for an account | `HUB` | `SET#ACCOUNT#<id>` |
//! | a group, with what is set for it | `HUB` | `SET#GROUP#<id>` |
//! | whether an item says what is kept back of a rush | `HUB` | `SET#FLASH#ITEMS` |
//! | what a person has said of a store's unit | `HUB` | `SET#ALIAS#<account>#<external>` |
//! | a change of settings (expires) | `SETTINGS` | `<time>#<random>` |
//! | what items had before a change of many (expires) | `SETTINGS#<change>` | `<number>` |

mod aliases;
mod change;
mod file;
mod grouping;
mod groups;
mod kept;
mod scope;
mod wide;

pub use aliases::{Alias, Aliases};
pub use change::{ItemDraft, TargetChange, targets};
pub(crate) use change::{differences, todo};
pub use file::{RuleLine, RuleLineResult, RuleRow};
pub use grouping::GroupOrder;
pub(crate) use grouping::Grouping;
pub(crate) use groups::regroup;
pub use groups::{GroupView, NewGroup};
pub(crate) use kept::PARTITION as CHANGES;
pub use kept::{ItemBefore, SettingsChange};
pub use scope::{Patch, Scope};
pub(crate) use wide::Setting;
pub use wide::{ScopeView, SettingsReport};

use crate::hub::{Error, Hub};
use crate::ports::{Key, Row};
use crate::records::{Account, HUB, Item, body, digest, key, row, text};
use domain::layers::{Layer, Setting as Minutes, Source, Stack};
use domain::{AccountId, GroupId, ListingId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A named set of items. An item may be in several; what an earlier one sets wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its short name.
    pub id: GroupId,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// Its place in the order of groups: smaller ones come first; equal ones by name.
    #[serde(default)]
    pub rank: i64,
    /// What is set for its items.
    #[serde(default, skip_serializing_if = "Layer::is_empty")]
    pub layer: Layer,
    /// What is set for its items at an account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub at: BTreeMap<AccountId, Layer>,
}

/// What is set for more than one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// For the hub.
    pub hub: Layer,
    /// For accounts.
    pub accounts: BTreeMap<AccountId, Layer>,
    /// Groups by name.
    pub groups: BTreeMap<GroupId, Group>,
    /// What people have said of stores' units.
    aliases: BTreeMap<AccountId, Aliases>,
    /// What the accounts' own option keeps back of a rush; a rule for the account goes before it.
    flash: BTreeMap<AccountId, Layer>,
    /// Whether an item may be told to keep back of a rush: forgotten by the nightly run once none is.
    flash_items: bool,
}

static NO_ALIASES: Aliases = Aliases::EMPTY;

/// Begins the sort key of what is cached with the accounts.
pub(crate) const PREFIX: &str = "SET#";

impl Defaults {
    /// Reads the rows below `SET#`.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub(crate) fn read(rows: &[Row]) -> Result<Self, Error> {
        let mut defaults = Self::default();
        for row in rows {
            match row.key.sk.trim_start_matches(PREFIX).split_once('#') {
                Some(("ACCOUNT", id)) => {
                    if let Ok(id) = AccountId::new(id) {
                        defaults.accounts.insert(id, body(row)?);
                    }
                }
                Some(("GROUP", _)) => {
                    let group: Group = body(row)?;
                    defaults.groups.insert(group.id.clone(), group);
                }
                None => defaults.hub = body(row)?,
                Some(("ALIAS", _)) => {
                    let alias: Alias = body(row)?;
                    defaults.aliases.entry(alias.account.clone()).or_default().add(alias);
                }
                Some(("FLASH", _)) => defaults.flash_items = true,
                // of a later version
                Some(_) => {}
            }
        }
        Ok(defaults)
    }

    /// Adds what an account's own option keeps back of a rush.
    pub(crate) fn add_flash(&mut self, account: &Account) {
        if let Some(minutes) = account.flash_minutes.filter(|minutes| *minutes > 0) {
            let layer = Layer { flash_minutes: Some(Minutes::Is(i64::from(minutes))), ..Layer::EMPTY };
            self.flash.insert(account.id.clone(), layer);
        }
    }

    /// Whether anything may be kept back of a rush: without, nobody need look how fast things sell.
    #[must_use]
    pub(crate) fn keeps_back(&self) -> bool {
        let groups = self.groups.values().flat_map(|group| std::iter::once(&group.layer).chain(group.at.values()));
        let layers = std::iter::once(&self.hub).chain(self.accounts.values()).chain(groups);
        self.flash_items || !self.flash.is_empty() || layers.into_iter().any(|layer| layer.flash_minutes.is_some())
    }

    /// What people have said of a store's units.
    #[must_use]
    pub fn aliases(&self, account: &AccountId) -> &Aliases {
        self.aliases.get(account).unwrap_or(&NO_ALIASES)
    }

    /// Groups in the order in which they win.
    #[must_use]
    pub fn ranked(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.groups.values().collect();
        groups.sort_by(|one, other| (one.rank, &one.id).cmp(&(other.rank, &other.id)));
        groups
    }
}

impl Item {
    /// The levels that speak for one of its listings, the nearest first.
    #[must_use]
    pub fn stack<'a>(&'a self, listing: &ListingId, defaults: &'a Defaults) -> Stack<'a> {
        let account = &listing.account;
        let mut stack = Stack::default();
        if let Some(own) = self.listings.get(listing) {
            stack.push(Source::Listing, &own.rules);
        }
        if let Some(at) = self.at.get(account) {
            stack.push(Source::ItemAt(account.clone()), at);
        }
        self.common(account, defaults, stack)
    }

    /// The levels that speak for the item itself, wherever it is listed.
    #[must_use]
    pub fn own_stack<'a>(&'a self, defaults: &'a Defaults) -> Stack<'a> {
        let mut stack = Stack::default();
        stack.push(Source::Item, &self.layer);
        for group in defaults.ranked().into_iter().filter(|group| self.groups.contains(&group.id)) {
            stack.push(Source::Group(group.id.clone()), &group.layer);
        }
        stack.push(Source::Hub, &defaults.hub);
        stack
    }

    fn common<'a>(&'a self, account: &AccountId, defaults: &'a Defaults, mut stack: Stack<'a>) -> Stack<'a> {
        stack.push(Source::Item, &self.layer);
        if !self.groups.is_empty() {
            for group in defaults.ranked().into_iter().filter(|group| self.groups.contains(&group.id)) {
                if let Some(at) = group.at.get(account) {
                    stack.push(Source::GroupAt(group.id.clone(), account.clone()), at);
                }
                stack.push(Source::Group(group.id.clone()), &group.layer);
            }
        }
        if let Some(layer) = defaults.accounts.get(account) {
            stack.push(Source::Account(account.clone()), layer);
        }
        if let Some(layer) = defaults.flash.get(account) {
            stack.push(Source::Account(account.clone()), layer);
        }
        stack.push(Source::Hub, &defaults.hub);
        stack
    }

    /// Whether the item itself says what is kept back of a rush.
    pub(crate) fn keeps_back(&self) -> bool {
        let own = self.at.values().chain(self.listings.values().map(|listing| &listing.rules));
        std::iter::once(&self.layer).chain(own).any(|layer| layer.flash_minutes.is_some())
    }
}

impl Group {
    /// A group that sets nothing.
    #[must_use]
    pub const fn new(id: GroupId, title: String, rank: i64) -> Self {
        Self { id, title, rank, layer: Layer::EMPTY, at: BTreeMap::new() }
    }

    /// Where it lives.
    #[must_use]
    pub fn key(id: &GroupId) -> Key {
        key(HUB, format!("{PREFIX}GROUP#{id}"))
    }

    /// As a row; its version says what it holds.
    #[must_use]
    pub fn row(&self) -> Row {
        settings_row(Self::key(&self.id), self)
    }
}

/// Where what is set for the hub lives.
pub(crate) fn hub_key() -> Key {
    key(HUB, format!("{PREFIX}HUB"))
}

/// Where what is set for an account lives.
pub(crate) fn account_key(account: &AccountId) -> Key {
    key(HUB, format!("{PREFIX}ACCOUNT#{account}"))
}

/// Where it is noted that an item was told to keep back of a rush.
pub(crate) fn flash_key() -> Key {
    key(HUB, format!("{PREFIX}FLASH#ITEMS"))
}

/// A row whose version says what it holds: whoever read it can write it only while it holds just that.
pub(crate) fn settings_row<T: Serialize>(key: Key, value: &T) -> Row {
    let body = text(value);
    row(key, digest(&body), body)
}

impl Hub {
    /// What is set for the hub, its accounts and groups, as stored now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn defaults(&self) -> Result<Defaults, Error> {
        Defaults::read(&self.all_rows(HUB, PREFIX).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Sku;
    use domain::rules::Rule;

    fn layer(name: &str, text: &str) -> Layer {
        let mut layer = Layer::default();
        layer.set(name, text).expect("a good setting");
        layer
    }

    fn group(name: &str, rank: i64, layer: Layer) -> (GroupId, Group) {
        let id = GroupId::new(name).expect("valid");
        (id.clone(), Group { layer, ..Group::new(id, String::new(), rank) })
    }

    #[test]
    fn of_several_groups_the_first_in_order_wins_and_the_item_beats_them_all() {
        let north = AccountId::new("north").expect("valid");
        let listing = ListingId::single(north.clone());
        let (late, mut first) = (group("a-late", 5, layer("cap", "9")), group("z-first", 1, layer("cap", "3")));
        first.1.at.insert(north.clone(), layer("cap", "2"));
        let defaults = Defaults {
            hub: layer("cap", "100"),
            accounts: BTreeMap::from([(north, layer("hold_back", "1"))]),
            groups: BTreeMap::from([late.clone(), first.clone()]),
            ..Defaults::default()
        };
        let mut item = Item::new(Sku::new("TEE").expect("valid"), String::new());
        let cap = |item: &Item| item.stack(&listing, &defaults).rules().cap;
        assert_eq!(cap(&item), Some(100));
        item.groups.insert(late.0);
        assert_eq!(cap(&item), Some(9));
        item.groups.insert(first.0);
        assert_eq!(cap(&item), Some(2), "at the account before in general");
        item.layer = layer("cap", "off");
        assert_eq!(cap(&item), None);
        let stack = item.stack(&listing, &defaults);
        assert_eq!(stack.source(Rule::HoldBack).map(ToString::to_string), Some("account north".into()));
        assert_eq!(stack.source(Rule::Cap).map(ToString::to_string), Some("item".into()));
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let (id, group) = group("fragile", 2, layer("mode", "never"));
        let north = AccountId::new("north").expect("valid");
        let rows = [
            settings_row(hub_key(), &layer("low_stock", "4")),
            settings_row(account_key(&north), &layer("cap", "7")),
            group.row(),
        ];
        let read = Defaults::read(&rows).expect("our own rows");
        assert_eq!(read.hub, layer("low_stock", "4"));
        assert_eq!(read.accounts[&north], layer("cap", "7"));
        assert_eq!(read.groups[&id], group);
        assert_ne!(rows[0].version, rows[1].version);
    }
}
