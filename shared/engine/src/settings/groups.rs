//! Groups: named sets of items. Who is in one is in the items' own rows, so that a run reads nothing more.

use super::change::ItemDraft;
use super::{Defaults, Group};
use crate::hub::{Error, Hub};
use crate::ports::{Change, Condition, StoreError};
use crate::records::{HUB, Item};
use domain::{AccountId, GroupId, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A group to be added or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Its short name.
    pub id: GroupId,
    /// What people call it; its name if absent.
    #[serde(default)]
    pub title: Option<String>,
    /// Its place in the order of groups: what an earlier one sets wins. Behind all others if absent.
    #[serde(default)]
    pub rank: Option<i64>,
}

/// A group as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its short name.
    pub id: GroupId,
    /// What people call it.
    pub title: String,
    /// Its place in the order of groups.
    pub rank: i64,
    /// What is set for its items, by name.
    pub set: BTreeMap<String, String>,
    /// What is set for its items at accounts.
    pub at: BTreeMap<AccountId, BTreeMap<String, String>>,
}

/// Most groups of a hub: all are in memory with the accounts.
const GROUPS_MAX: usize = 500;
/// Most groups of an item.
pub(crate) const GROUPS_OF_ITEM_MAX: usize = 20;
/// Longest title, letters.
const TITLE_MAX: usize = 200;

impl NewGroup {
    /// Refuses what can never be.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.title.as_ref().is_some_and(|title| title.chars().count() > TITLE_MAX) {
            return Err(Error::Invalid(format!("title: use at most {TITLE_MAX} letters")));
        }
        Ok(())
    }
}

impl GroupView {
    pub(super) fn of(group: &Group) -> Self {
        let set = |layer: &domain::layers::Layer| {
            let all = domain::layers::NAMES.iter().map(|name| ((*name).to_owned(), layer.get(name)));
            all.filter(|(_, text)| !text.is_empty()).collect::<BTreeMap<_, _>>()
        };
        Self {
            id: group.id.clone(),
            title: group.title.clone(),
            rank: group.rank,
            set: set(&group.layer),
            at: group.at.iter().map(|(account, layer)| (account.clone(), set(layer))).collect(),
        }
    }
}

impl Hub {
    /// All groups, in the order in which they win.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_groups(&self) -> Result<Vec<GroupView>, Error> {
        Ok(self.defaults().await?.ranked().into_iter().map(GroupView::of).collect())
    }

    /// Writes a group, new or changed.
    pub(super) async fn write_new_group(&self, new: &NewGroup, actor: &str) -> Result<(), Error> {
        let before = self.defaults().await?;
        if before.groups.len() >= GROUPS_MAX && !before.groups.contains_key(&new.id) {
            return Err(Error::Invalid(format!("group: there are {GROUPS_MAX} groups, which is the most; remove one")));
        }
        let group = changed(&before, new);
        let condition = match before.groups.get(&new.id) {
            Some(known) => Condition::Version(known.row().version),
            None => Condition::Absent,
        };
        self.write_group(&[Change::Put(group.row(), condition)], &group, actor, "changed").await
    }

    /// Removes a group that has no members any more. Repeating is harmless.
    pub(super) async fn remove_group_row(&self, id: &GroupId, actor: &str) -> Result<(), Error> {
        let Some(group) = self.defaults().await?.groups.get(id).cloned() else { return Ok(()) };
        self.write_group(&[Change::Delete(Group::key(id), Condition::Any)], &group, actor, "removed").await
    }

    async fn write_group(&self, changes: &[Change], group: &Group, actor: &str, what: &str) -> Result<(), Error> {
        let mut change = self.settings_change(actor, format!("group {} {what}", group.id));
        change.before = group.layer.words();
        let mut changes = changes.to_vec();
        changes.push(Change::Put(change.row(), Condition::Any));
        match self.store.write(&changes).await {
            Err(StoreError::Conflict { .. }) => {
                Err(Error::Conflict(format!("group {} was changed in the meantime; look again", group.id)))
            }
            written => {
                written?;
                self.forget_accounts();
                Ok(())
            }
        }
    }

    /// Puts an item into groups and takes it out of others.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the item or a group; [`Error::Invalid`] when it would be in too many.
    pub(crate) async fn change_members(
        &self,
        sku: &Sku,
        add: &[GroupId],
        remove: &[GroupId],
        apply: bool,
        actor: &str,
    ) -> Result<ItemDraft, Error> {
        let accounts = self.accounts().await?;
        let defaults = accounts.values().next().map(|connected| std::sync::Arc::clone(&connected.defaults));
        for group in add {
            let known = defaults.as_ref().is_some_and(|defaults| defaults.groups.contains_key(group));
            if !known && !self.has_group(group).await? {
                return Err(Error::NotFound { what: "group", name: group.to_string() });
            }
        }
        self.change_item(sku, &|item: &mut Item| regroup(item, add, remove), apply, actor).await
    }

    async fn has_group(&self, id: &GroupId) -> Result<bool, Error> {
        Ok(self.store.get(&[Group::key(id)]).await?.pop().flatten().is_some())
    }

    /// Puts items into a group and takes others out, each on its own: a bad one blocks no other.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the group.
    pub async fn group_items(
        &self,
        id: &GroupId,
        add: &[Sku],
        remove: &[Sku],
        actor: &str,
    ) -> Result<Vec<(Sku, Option<String>)>, Error> {
        if !self.has_group(id).await? {
            return Err(Error::NotFound { what: "group", name: id.to_string() });
        }
        let one = std::slice::from_ref(id);
        let wanted = add.iter().map(|sku| (sku, true)).chain(remove.iter().map(|sku| (sku, false)));
        let mut results = Vec::new();
        for (sku, joins) in wanted {
            let (add, remove): (&[GroupId], &[GroupId]) = if joins { (one, &[]) } else { (&[], one) };
            let done = self.change_members(sku, add, remove, true, actor).await;
            results.push((sku.clone(), done.err().map(|error| error.to_string())));
        }
        Ok(results)
    }

    /// What is set for an account and for groups at it is forgotten with the account.
    pub(crate) async fn forget_settings_of(&self, account: &AccountId) -> Result<(), Error> {
        let defaults = Defaults::read(&self.all_rows(HUB, super::PREFIX).await?)?;
        let mut changes = vec![Change::Delete(super::account_key(account), Condition::Any)];
        for group in defaults.groups.values().filter(|group| group.at.contains_key(account)) {
            let mut without = group.clone();
            without.at.remove(account);
            changes.push(Change::Put(without.row(), Condition::Version(group.row().version)));
        }
        changes.extend(
            defaults
                .aliases(account)
                .iter()
                .map(|alias| Change::Delete(super::Alias::key(account, &alias.external), Condition::Any)),
        );
        for chunk in changes.chunks(100) {
            self.store.write(chunk).await?;
        }
        Ok(())
    }
}

/// Puts an item into groups and takes it out of others.
///
/// # Errors
/// [`Error::Invalid`] when it would be in too many.
pub(crate) fn regroup(item: &mut Item, add: &[GroupId], remove: &[GroupId]) -> Result<(), Error> {
    item.groups.extend(add.iter().cloned());
    item.groups.retain(|group| !remove.contains(group));
    if item.groups.len() > GROUPS_OF_ITEM_MAX {
        return Err(Error::Invalid(format!("group: {} would be in more than {GROUPS_OF_ITEM_MAX} groups", item.sku)));
    }
    Ok(())
}

fn changed(before: &Defaults, new: &NewGroup) -> Group {
    let last = before.groups.values().map(|group| group.rank).max().unwrap_or(0);
    let known = before.groups.get(&new.id).cloned();
    let mut group =
        known.unwrap_or_else(|| Group::new(new.id.clone(), new.id.to_string(), last.saturating_add(RANK_STEP)));
    if let Some(title) = &new.title {
        group.title.clone_from(title);
    }
    group.rank = new.rank.unwrap_or(group.rank);
    group
}

/// A new group comes so far behind the last: there is room between them.
const RANK_STEP: i64 = 10;
