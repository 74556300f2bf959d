//! Adding, moving and removing a group: runs, because the stores of all its items follow.

use super::groups::GroupView;
use super::wide::{SettingsReport, WidePlace, with};
use super::{Defaults, NewGroup};
use crate::adopt::Progress;
use crate::hub::{Error, Hub};
use crate::items::Listed;
use crate::records::Item;
use crate::runs::{Chunk, Job, Run, Work, end};
use async_trait::async_trait;
use domain::{AccountId, GroupId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What shall become of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum GroupOrder {
    /// It is added, or its title or its place in the order changes.
    Put {
        /// The group.
        group: NewGroup,
    },
    /// It wins over the group that comes before it: the two change places.
    Rise {
        /// The group.
        id: GroupId,
    },
    /// It is removed; its items are in it no longer.
    Remove {
        /// The group.
        id: GroupId,
    },
}

impl GroupOrder {
    /// The group.
    #[must_use]
    pub const fn group(&self) -> &GroupId {
        match self {
            Self::Put { group } => &group.id,
            Self::Rise { id } | Self::Remove { id } => id,
        }
    }

    /// In words, for lists.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Put { group } => format!("group {} changed", group.id),
            Self::Rise { id } => format!("group {id} moved up"),
            Self::Remove { id } => format!("group {id} removed"),
        }
    }
}

/// A change of groups in the hands of a run's driver.
pub(crate) struct Grouping {
    pub order: GroupOrder,
}

/// Groups with their places in the order.
type Places = BTreeMap<GroupId, i64>;

/// How far it is.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    phase: Phase,
    /// Places in the order as they were, of groups that move.
    before: Places,
    /// The same as they shall be.
    after: Places,
    /// The next page of items.
    page: Option<String>,
    looked: u64,
    accounts: BTreeSet<AccountId>,
    report: SettingsReport,
}

/// What comes next. Places are noted before they change: a step that is done again must know how it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    #[default]
    Note,
    Write,
    Follow,
}

/// Items of one step.
const PAGE: usize = 500;

#[async_trait]
impl Work for Grouping {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let mut place: Place = serde_json::from_value(cursor.clone()).unwrap_or_default();
        match (&self.order, place.phase) {
            (GroupOrder::Remove { id }, _) => return hub.leave_group(id, &run.actor, place, progress).await,
            (_, Phase::Note) => {
                (place.before, place.after) = moves(&self.order, &hub.defaults().await?)?;
                place.phase = Phase::Write;
            }
            (_, Phase::Write) => {
                hub.write_order(&self.order, &place.after, &run.actor).await?;
                place.phase = Phase::Follow;
                if place.before.is_empty() {
                    return self.ended(hub).await;
                }
            }
            (_, Phase::Follow) => {
                hub.follow_order(&mut place, progress).await?;
                if place.page.is_none() {
                    return self.ended(hub).await;
                }
            }
        }
        Ok(Chunk::on(&place))
    }
}

impl Grouping {
    async fn ended(&self, hub: &Hub) -> Result<Chunk, Error> {
        let (id, defaults) = (self.order.group(), hub.defaults().await?);
        Ok(end(&GroupView::of(defaults.groups.get(id).ok_or_else(|| missing(id))?)))
    }
}

fn missing(id: &GroupId) -> Error {
    Error::NotFound { what: "group", name: id.to_string() }
}

/// The places of groups that move, as they are and as they shall be.
fn moves(order: &GroupOrder, now: &Defaults) -> Result<(Places, Places), Error> {
    let after = match order {
        GroupOrder::Put { group } => group.rank.map(|rank| (group.id.clone(), rank)).into_iter().collect(),
        GroupOrder::Rise { id } => risen(id, now)?,
        GroupOrder::Remove { .. } => BTreeMap::new(),
    };
    let moved = |(id, rank): &(&GroupId, &i64)| now.groups.get(*id).is_some_and(|group| group.rank != **rank);
    let before = after.iter().filter(moved).map(|(id, _)| (id.clone(), now.groups[id].rank)).collect();
    Ok((before, after))
}

/// The places of a group and the one before it, exchanged.
fn risen(id: &GroupId, now: &Defaults) -> Result<Places, Error> {
    let ranked = now.ranked();
    let at = ranked.iter().position(|group| group.id == *id).ok_or_else(|| missing(id))?;
    let Some(other) = at.checked_sub(1).map(|at| ranked[at]) else { return Ok(BTreeMap::new()) };
    let own = ranked[at].rank;
    Ok(if own == other.rank {
        BTreeMap::from([(id.clone(), own - 1)])
    } else {
        BTreeMap::from([(id.clone(), other.rank), (other.id.clone(), own)])
    })
}

impl Hub {
    /// Adds a group, or changes its title or its place in the order.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub async fn put_group(&self, new: &NewGroup, actor: &str, progress: &dyn Progress) -> Result<GroupView, Error> {
        let order = GroupOrder::Put { group: new.clone() };
        self.at_once_by(Job::Group { order }, actor, progress).await
    }

    /// Removes a group; its items are in it no longer, and their stores follow.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn drop_group(
        &self,
        id: &GroupId,
        actor: &str,
        progress: &dyn Progress,
    ) -> Result<SettingsReport, Error> {
        let order = GroupOrder::Remove { id: id.clone() };
        self.at_once_by(Job::Group { order }, actor, progress).await
    }

    async fn write_order(&self, order: &GroupOrder, places: &Places, actor: &str) -> Result<(), Error> {
        if let GroupOrder::Put { group } = order {
            return self.write_new_group(group, actor).await;
        }
        for (id, rank) in places {
            let group = NewGroup { id: id.clone(), title: None, rank: Some(*rank) };
            self.write_new_group(&group, actor).await?;
        }
        Ok(())
    }

    /// Has the stores of one page of items follow another order of groups.
    async fn follow_order(&self, place: &mut Place, progress: &dyn Progress) -> Result<(), Error> {
        let after = self.defaults().await?;
        let mut before = after.clone();
        for (id, rank) in &place.before {
            if let Some(group) = before.groups.get_mut(id) {
                group.rank = *rank;
            }
        }
        let Listed { mut rows, next } = self.items_after::<Item>(place.page.take(), PAGE).await?;
        rows.retain(|item| item.groups.iter().any(|group| place.before.contains_key(group)));
        let accounts = self.accounts().await?;
        let mut wide = WidePlace::default();
        self.compare_targets(&rows, (&with(&accounts, before), &with(&accounts, after)), true, &mut wide).await?;
        place.accounts.extend(wide.accounts);
        place.page = next;
        place.looked += rows.len() as u64;
        progress.tell("looking at items", place.looked, 0);
        if place.page.is_none() {
            for account in &place.accounts {
                self.wake_lane(account).await?;
            }
        }
        Ok(())
    }

    /// Takes one page of items out of a group, and removes it at the end: a group that is there again later begins without any.
    async fn leave_group(
        &self,
        id: &GroupId,
        actor: &str,
        mut place: Place,
        progress: &dyn Progress,
    ) -> Result<Chunk, Error> {
        if place.phase == Phase::Note {
            if !self.defaults().await?.groups.contains_key(id) {
                return Err(missing(id));
            }
            place.phase = Phase::Follow;
            place.report = SettingsReport { applied: true, scope: format!("group {id}"), ..SettingsReport::default() };
        }
        let Listed { rows, next } = self.items_after::<Item>(place.page.take(), PAGE).await?;
        for item in rows.iter().filter(|item| item.groups.contains(id)) {
            let draft = self.change_members(&item.sku, &[], std::slice::from_ref(id), true, actor).await?;
            place.report.items += 1;
            place.report.changes += draft.targets.len() as u64;
            progress.tell("leaving the group", place.report.items, 0);
        }
        place.page = next;
        if place.page.is_some() {
            return Ok(Chunk::on(&place));
        }
        self.remove_group_row(id, actor).await?;
        Ok(end(&place.report))
    }
}
