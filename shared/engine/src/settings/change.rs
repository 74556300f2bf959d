//! Changing what is set for one item: the same draft is shown in a preview and written by the change itself.

use super::Scope;
use super::scope::Patch;
use super::{flash_key, settings_row};
use crate::contest::{ATTEMPTS, made, too_fast};
use crate::hub::{Accounts, Connected, Error, Hub};
use crate::known::Known;
use crate::ports::{Change, Condition, StoreError};
use crate::records::{self, Hint, History, Item, PUSH, asked};
use channels::Touch;
use domain::{AccountId, Ledger, ListingId, Sku, Timestamp, plan};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A listing whose target changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetChange {
    /// The SKU.
    pub sku: Sku,
    /// The listing.
    pub listing: ListingId,
    /// Its target before; absent while it was not written.
    pub from: Option<i64>,
    /// Its target after; absent while it is not written.
    pub to: Option<i64>,
}

/// A changed item that is not written yet.
#[derive(Debug, Clone)]
pub struct ItemDraft {
    /// As it was read.
    pub before: Item,
    /// As it shall be.
    pub after: Item,
    /// What the change is, for its history.
    pub words: String,
    /// Listings whose target changes with it.
    pub targets: Vec<TargetChange>,
    level: i64,
    version: u64,
}

/// The targets of an item's listings; `None` of one that is never written.
#[must_use]
pub fn targets(
    item: &Item,
    known: &Known,
    accounts: &BTreeMap<AccountId, Connected>,
) -> BTreeMap<ListingId, Option<i64>> {
    let target = |listing: &ListingId| {
        let connected = accounts.get(&listing.account)?;
        let (entry, view) = (known.ledger.entries.get(listing)?, known.view(item, listing, connected)?);
        plan::target(&known.ledger, entry, &view).ok()
    };
    item.listings.keys().map(|listing| (listing.clone(), target(listing))).collect()
}

/// Listings whose targets differ.
#[must_use]
pub(crate) fn differences(
    sku: &Sku,
    before: &BTreeMap<ListingId, Option<i64>>,
    after: &BTreeMap<ListingId, Option<i64>>,
) -> Vec<TargetChange> {
    let change = |(listing, to): (&ListingId, &Option<i64>)| {
        let from = before.get(listing).copied().flatten();
        (from != *to).then(|| TargetChange { sku: sku.clone(), listing: listing.clone(), from, to: *to })
    };
    after.iter().filter_map(change).collect()
}

impl Hub {
    /// What would change, or with `apply` changes, when something is set for one item.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting; [`Error::NotFound`].
    pub(crate) async fn set_item(
        &self,
        scope: &Scope,
        patch: &Patch,
        apply: bool,
        actor: &str,
    ) -> Result<ItemDraft, Error> {
        let sku = scope.sku.as_ref().ok_or_else(|| Error::Invalid("sku: say which item".into()))?;
        if let Some(account) = &scope.account {
            self.connected(account).await?;
        }
        let change = |item: &mut Item| {
            let layer = patch.apply(&scope.of_item(item))?;
            scope.put_item(item, layer)
        };
        self.change_item(sku, &change, apply, actor).await
    }

    /// Changes an item and has its listings follow; without `apply` only shows what would happen.
    ///
    /// # Errors
    /// [`Error::NotFound`], and whatever `change` says.
    pub(crate) async fn change_item(
        &self,
        sku: &Sku,
        change: &(dyn Fn(&mut Item) -> Result<(), Error> + Sync),
        apply: bool,
        actor: &str,
    ) -> Result<ItemDraft, Error> {
        let accounts = self.accounts().await?;
        for _ in 0..ATTEMPTS {
            let draft = self.draft_item(sku, change, &accounts).await?;
            if !apply || draft.is_idle() {
                return Ok(draft);
            }
            if made(self.write_item(&draft, actor).await)? {
                let hub = ListingId::hub().account;
                self.enqueue(&[Hint::new(hub, Touch::Sku(sku.clone()), PUSH, self.clock.now())]).await?;
                return Ok(draft);
            }
        }
        Err(too_fast(sku))
    }

    /// Notes something in an item's row that no target depends on by itself, whoever else changes it at the same time; whether
    /// that changed anything.
    pub(crate) async fn edit_item(&self, sku: &Sku, edit: impl Fn(&mut Item)) -> Result<bool, Error> {
        for _ in 0..ATTEMPTS {
            let row = self.store.get(&[Item::key(sku)]).await?.pop().flatten();
            let row = row.ok_or_else(|| Error::NotFound { what: "item", name: sku.to_string() })?;
            let before: Item = records::body(&row)?;
            let mut after = before.clone();
            edit(&mut after);
            if after == before {
                return Ok(false);
            }
            if made(self.store.write(&[Change::Put(after.row(), Condition::Version(row.version))]).await)? {
                return Ok(true);
            }
        }
        Err(too_fast(sku))
    }

    async fn draft_item(
        &self,
        sku: &Sku,
        change: &(dyn Fn(&mut Item) -> Result<(), Error> + Sync),
        accounts: &Accounts,
    ) -> Result<ItemDraft, Error> {
        let (before, version, ledger) = self.item_with_version(sku).await?;
        let known =
            self.all_known(std::slice::from_ref(&before), vec![ledger]).await?.into_iter().next().unwrap_or_default();
        ItemDraft::new(before, version, &known, change, accounts)
    }

    /// An item with the version of its row, and its ledger.
    pub(crate) async fn item_with_version(&self, sku: &Sku) -> Result<(Item, u64, Ledger), Error> {
        let mut rows = self.store.get(&[Item::key(sku), records::ledger_key(sku)]).await?.into_iter();
        let (Some(Some(item)), Some(ledger)) = (rows.next(), rows.next()) else {
            return Err(Error::NotFound { what: "item", name: sku.to_string() });
        };
        let ledger = ledger.as_ref().map(records::ledger).transpose()?.unwrap_or_default();
        Ok((records::body(&item)?, item.version, ledger))
    }

    /// Writes a drafted item with its line of history, and what waits because of it, at once.
    pub(crate) async fn write_item(&self, draft: &ItemDraft, actor: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut changes = vec![
            Change::Put(draft.after.row(), Condition::Version(draft.version)),
            Change::Put(draft.history(actor, now).row(self.clock.random()), Condition::Any),
        ];
        changes.extend(draft.todos(now));
        if draft.after.keeps_back() && !draft.before.keeps_back() {
            // another row each time: whoever forgets it notices that
            changes.push(Change::Put(settings_row(flash_key(), &now), Condition::Any));
            self.forget_accounts();
        }
        self.store.write(&changes).await
    }
}

impl ItemDraft {
    /// Drafts a change of an item that was read with this version.
    ///
    /// # Errors
    /// What `change` says.
    pub(crate) fn new(
        before: Item,
        version: u64,
        known: &Known,
        change: &(dyn Fn(&mut Item) -> Result<(), Error> + Sync),
        accounts: &BTreeMap<AccountId, Connected>,
    ) -> Result<Self, Error> {
        let mut after = before.clone();
        change(&mut after)?;
        let (was, becomes) = (targets(&before, known, accounts), targets(&after, known, accounts));
        let targets = differences(&before.sku, &was, &becomes);
        let words = words(&before, &after);
        Ok(Self { before, after, words, targets, level: known.ledger.total(), version })
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.before == self.after
    }

    /// Accounts whose stores must be written.
    #[must_use]
    pub fn accounts(&self) -> BTreeSet<AccountId> {
        self.targets.iter().filter(|change| change.to.is_some()).map(|change| change.listing.account.clone()).collect()
    }

    fn todos(&self, now: Timestamp) -> impl Iterator<Item = Change> {
        let target = self.targets.iter().filter_map(|change| change.to).min().unwrap_or(0);
        let todos =
            self.accounts().into_iter().map(move |account| todo(&account, &self.after.sku, target, now, asked::RULES));
        todos.map(|todo| Change::Put(todo.row(), Condition::Any))
    }

    fn history(&self, actor: &str, now: Timestamp) -> History {
        History::by_person(&self.after.sku, now, "rules", (actor, &self.words), (self.level, self.level))
    }
}

/// Work that waits because a target has changed: the store need not be read for it.
pub(crate) fn todo(account: &AccountId, sku: &Sku, target: i64, now: Timestamp, asked: &str) -> records::Todo {
    records::Todo { reason: PUSH.into(), ..crate::listings::todo(account, sku, target, now, asked) }
}

/// What is changed, such as `cap 5 → 7 at north; in fragile`.
fn words(before: &Item, after: &Item) -> String {
    let mut words = layer_words("", &before.layer, &after.layer);
    let accounts: BTreeSet<&AccountId> = before.at.keys().chain(after.at.keys()).collect();
    let of = |item: &Item, account: &AccountId| item.at.get(account).cloned().unwrap_or_default();
    for account in accounts {
        words.extend(layer_words(&format!(" at {account}"), &of(before, account), &of(after, account)));
    }
    for (id, listing) in &after.listings {
        let was = before.listings.get(id).map(|listing| listing.rules.clone()).unwrap_or_default();
        words.extend(layer_words(&format!(" at {id}"), &was, &listing.rules));
    }
    words.extend(after.groups.difference(&before.groups).map(|group| format!("in {group}")));
    words.extend(before.groups.difference(&after.groups).map(|group| format!("no longer in {group}")));
    if words.is_empty() && before != after {
        words.push("its listings".into());
    }
    words.join("; ")
}

fn layer_words(at: &str, before: &domain::layers::Layer, after: &domain::layers::Layer) -> Vec<String> {
    let shown = |text: String| if text.is_empty() { "inherited".to_owned() } else { text };
    let names = domain::layers::NAMES.iter().filter(|name| before.get(name) != after.get(name));
    names.map(|name| format!("{name} {} → {}{at}", shown(before.get(name)), shown(after.get(name)))).collect()
}
