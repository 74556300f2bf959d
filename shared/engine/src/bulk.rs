//! One change of many items: those that a filter wants. A preview takes the same way and writes nothing; before items are
//! changed, what they had is kept.

use crate::adopt::Progress;
use crate::filter::{Filter, Found, FoundPage};
use crate::hub::{Accounts, Error, Hub};
use crate::items::{Standing, standing_of};
use crate::ports::{Change, Condition, Row, StoreError};
use crate::records::{Item, Todo, asked};
use crate::runs::{Chunk, Job, Run, Work, end};
use crate::settings::{ItemBefore, ItemDraft, Patch, Scope, TargetChange};
use async_trait::async_trait;
use channels::Touch;
use domain::layers::Mode;
use domain::{AccountId, GroupId, Sku, Timestamp};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What to do with each item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Set rules, mode or low stock for the item, everywhere or at one account.
    Set {
        /// At this account only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
        /// Settings by name.
        #[serde(default)]
        set: BTreeMap<String, serde_json::Value>,
        /// Settings to inherit again.
        #[serde(default)]
        clear: Vec<String>,
    },
    /// Put it into groups and take it out of others.
    Group {
        /// Into these.
        #[serde(default)]
        add: Vec<GroupId>,
        /// Out of these.
        #[serde(default)]
        remove: Vec<GroupId>,
    },
    /// Look at every store and bring it up to date.
    Sync,
    /// Write what differs, without looking first.
    Push,
}

/// What a change of many items does, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkReport {
    /// Whether it was done.
    pub applied: bool,
    /// Items that the filter wants.
    pub matched: u64,
    /// Items that change, or are looked at or written.
    pub changed: u64,
    /// The first of these.
    pub items: Vec<Sku>,
    /// Listings whose target changes.
    pub changes: u64,
    /// The first of these.
    pub shown: Vec<TargetChange>,
    /// Items that could not be changed.
    pub failures: u64,
    /// The first of these, with the reason.
    pub failed: Vec<(Sku, String)>,
    /// The name under which what was before is kept.
    pub kept: Option<String>,
}

/// How far a change of many items is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BulkPlace {
    /// Items up to here are done.
    pub after: Option<String>,
    /// What it came to so far.
    pub report: BulkReport,
    /// Accounts with work that waits because of it.
    pub accounts: BTreeSet<AccountId>,
    /// Steps taken.
    pub steps: u64,
    /// Whether all is done.
    pub done: bool,
}

/// Rows shown of each kind.
const SHOWN: usize = 100;
/// Items of one kept row: far below what a row may hold.
const KEPT_TOGETHER: usize = 50;
/// Items written at once.
const PARALLEL: usize = 16;

impl Action {
    /// Checks that it makes sense.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Set { set, clear, .. } => Patch { set: set.clone(), clear: clear.clone() }.check(),
            Self::Group { add, remove } if add.is_empty() && remove.is_empty() => {
                Err(Error::Invalid("add, remove: name a group".into()))
            }
            Self::Group { .. } | Self::Sync | Self::Push => Ok(()),
        }
    }

    /// Setting the mode.
    #[must_use]
    pub fn mode(mode: Mode, account: Option<AccountId>) -> Self {
        let value = serde_json::to_value(mode).unwrap_or_default();
        Self::Set { account, set: BTreeMap::from([("mode".to_owned(), value)]), clear: Vec::new() }
    }

    fn words(&self) -> Vec<String> {
        match self {
            Self::Set { account, set, clear } => {
                let at = account.as_ref().map(|account| format!(" at {account}")).unwrap_or_default();
                let set = set.iter().map(|(name, value)| format!("{name} {value}{at}"));
                set.chain(clear.iter().map(|name| format!("{name} inherited{at}"))).collect()
            }
            Self::Group { add, remove } => {
                let add = add.iter().map(|group| format!("in {group}"));
                add.chain(remove.iter().map(|group| format!("no longer in {group}"))).collect()
            }
            Self::Sync => vec!["looked at".into()],
            Self::Push => vec!["written".into()],
        }
    }

    fn change(&self, item: &mut Item) -> Result<(), Error> {
        match self {
            Self::Set { account, set, clear } => {
                let scope = Scope::item(item.sku.clone(), account.clone());
                let layer = Patch { set: set.clone(), clear: clear.clone() }.apply(&scope.of_item(item))?;
                scope.put_item(item, layer)
            }
            Self::Group { add, remove } => crate::settings::regroup(item, add, remove),
            Self::Sync | Self::Push => Ok(()),
        }
    }
}

/// A change of many items in the hands of a run's driver.
pub(crate) struct Changing {
    pub filter: Filter,
    pub action: Action,
    pub apply: bool,
}

#[async_trait]
impl Work for Changing {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let place: BulkPlace = serde_json::from_value(cursor.clone()).unwrap_or_default();
        let Self { filter, action, apply } = self;
        let place = hub.bulk_step(filter, action, *apply, &run.actor, place, progress).await?;
        Ok(if place.done { end(&place.report) } else { Chunk::on(&place) })
    }
}

impl Hub {
    /// Changes all items that a filter wants; without `apply` only shows what would happen, on the same way.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field; [`Error::NotFound`] for an account or a group.
    pub async fn bulk(
        &self,
        filter: &Filter,
        action: &Action,
        apply: bool,
        actor: &str,
        progress: &dyn Progress,
    ) -> Result<BulkReport, Error> {
        let job = Job::Change { filter: filter.clone(), action: action.clone(), apply };
        self.at_once_by(job, actor, progress).await
    }

    /// One step of a change of many items: safe to do twice.
    ///
    /// # Errors
    /// As [`Hub::bulk`].
    pub async fn bulk_step(
        &self,
        filter: &Filter,
        action: &Action,
        apply: bool,
        actor: &str,
        mut place: BulkPlace,
        progress: &dyn Progress,
    ) -> Result<BulkPlace, Error> {
        if place.steps == 0 {
            self.begin_bulk(filter, action, apply, actor, &mut place).await?;
        }
        let (accounts, failed) = (self.accounts().await?, self.failed_skus(filter).await?);
        let FoundPage { found, next, .. } = self.find_page(filter, &accounts, &failed, place.after.take()).await?;
        place.report.matched += found.len() as u64;
        match action {
            Action::Set { .. } | Action::Group { .. } => {
                self.change_found(found, action, &accounts, apply, actor, &mut place).await?;
            }
            Action::Sync | Action::Push => self.call_found(&found, action, &accounts, apply, &mut place).await?,
        }
        place.steps += 1;
        (place.done, place.after) = (next.is_none(), next);
        progress.tell("changing items", place.report.matched, 0);
        if place.done && apply {
            for account in &place.accounts {
                self.wake_lane(account).await?;
            }
        }
        Ok(place)
    }

    async fn begin_bulk(
        &self,
        filter: &Filter,
        action: &Action,
        apply: bool,
        actor: &str,
        place: &mut BulkPlace,
    ) -> Result<(), Error> {
        action.check()?;
        if let Action::Set { account: Some(account), .. } = action {
            self.connected(account).await?;
        }
        if let Action::Group { add, .. } = action {
            let defaults = self.defaults().await?;
            if let Some(missing) = add.iter().find(|group| !defaults.groups.contains_key(*group)) {
                return Err(Error::NotFound { what: "group", name: missing.to_string() });
            }
        }
        place.report.applied = apply;
        let keeps = matches!(action, Action::Set { .. } | Action::Group { .. });
        if apply && keeps {
            let mut change = self.settings_change(actor, filter.words());
            change.after = action.words();
            place.report.kept = Some(change.id.clone());
            self.store.write(&[Change::Put(change.row(), Condition::Any)]).await?;
        }
        Ok(())
    }

    /// Changes the items of one page, side by side.
    async fn change_found(
        &self,
        found: Vec<Found>,
        action: &Action,
        accounts: &Accounts,
        apply: bool,
        actor: &str,
        place: &mut BulkPlace,
    ) -> Result<(), Error> {
        let change = |item: &mut Item| action.change(item);
        let mut drafts = Vec::new();
        for found in found {
            let sku = found.item.sku.clone();
            match ItemDraft::new(found.item, found.version, &found.known, &change, accounts) {
                Ok(draft) if draft.is_idle() => {}
                Ok(draft) => drafts.push(draft),
                Err(error) => place.report.fail(sku, &error),
            }
        }
        drafts.iter().for_each(|draft| place.report.take(draft));
        if !apply || drafts.is_empty() {
            return Ok(());
        }
        self.keep_before(&drafts, place).await?;
        place.accounts.extend(drafts.iter().flat_map(ItemDraft::accounts));
        let written: Vec<(Sku, Result<(), Error>)> = stream::iter(drafts.into_iter().map(|draft| async move {
            let sku = draft.after.sku.clone();
            let written = self.write_found(draft, action, actor).await;
            (sku, written)
        }))
        .buffer_unordered(PARALLEL)
        .collect()
        .await;
        for (sku, written) in written {
            if let Err(error) = written {
                place.report.changed -= 1;
                place.report.fail(sku, &error);
            }
        }
        Ok(())
    }

    /// Writes a draft; where somebody has changed the item since it was found, on the item as it is now.
    async fn write_found(&self, draft: ItemDraft, action: &Action, actor: &str) -> Result<(), Error> {
        match self.write_item(&draft, actor).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict { .. }) => {
                let change = |item: &mut Item| action.change(item);
                self.change_item(&draft.after.sku, &change, true, actor).await.map(drop)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn keep_before(&self, drafts: &[ItemDraft], place: &BulkPlace) -> Result<(), Error> {
        let Some(kept) = &place.report.kept else { return Ok(()) };
        let items: Vec<ItemBefore> = drafts.iter().map(|draft| ItemBefore::of(&draft.before)).collect();
        for (part, items) in items.chunks(KEPT_TOGETHER).enumerate() {
            let row = ItemBefore::row(items, kept, &format!("{:06}-{part:02}", place.steps), self.clock.now());
            match self.store.write(&[Change::Put(row, Condition::Absent)]).await {
                // a step that is done again after a crash finds what it kept the first time, which is what was before
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Has the items of one page looked at, or written.
    async fn call_found(
        &self,
        found: &[Found],
        action: &Action,
        accounts: &Accounts,
        apply: bool,
        place: &mut BulkPlace,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut rows: Vec<Row> = Vec::new();
        for found in found {
            let calls = calls(found, action, accounts, now);
            if calls.is_empty() {
                continue;
            }
            place.report.changed += 1;
            if place.report.items.len() < SHOWN {
                place.report.items.push(found.item.sku.clone());
            }
            place.accounts.extend(calls.iter().map(|todo| todo.account.clone()));
            rows.extend(calls.iter().map(Todo::row));
        }
        if apply { Ok(self.store.put_all(&rows).await?) } else { Ok(()) }
    }
}

/// The accounts that an item must be looked at in, or written to.
fn calls(found: &Found, action: &Action, accounts: &Accounts, now: Timestamp) -> Vec<Todo> {
    let (item, level) = (&found.item, found.known.ledger.total());
    let mut wanted: BTreeSet<&AccountId> = BTreeSet::new();
    for id in item.listings.keys() {
        let Some(connected) = accounts.get(&id.account) else { continue };
        let due = || standing_of(item, &found.known, id, connected).0 == Standing::Due;
        if *action == Action::Sync || due() {
            wanted.insert(&id.account);
        }
    }
    let looks = *action == Action::Sync;
    let todo = |account: &&AccountId| {
        let asked = if looks { asked::LOOK } else { asked::RULES };
        let todo = crate::settings::todo(account, &item.sku, level, now, asked);
        let reason = if looks { "somebody asked to look".to_owned() } else { todo.reason };
        Todo { reason, touch: Touch::Sku(item.sku.clone()), ..todo }
    };
    wanted.iter().map(todo).collect()
}

impl BulkReport {
    fn take(&mut self, draft: &ItemDraft) {
        self.changed += 1;
        self.changes += draft.targets.len() as u64;
        if self.items.len() < SHOWN {
            self.items.push(draft.after.sku.clone());
        }
        let room = SHOWN.saturating_sub(self.shown.len());
        self.shown.extend(draft.targets.iter().take(room).cloned());
    }

    fn fail(&mut self, sku: Sku, error: &Error) {
        self.failures += 1;
        if self.failed.len() < SHOWN {
            self.failed.push((sku, error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_action_is_read_from_json_and_checked() {
        let action = |value: serde_json::Value| serde_json::from_value::<Action>(value);
        assert_eq!(action(json!({"do": "push"})).expect("known"), Action::Push);
        let set = action(json!({"do": "set", "account": "north", "set": {"mode": "never"}})).expect("known");
        assert_eq!(set, Action::mode(Mode::Never, Some(AccountId::new("north").expect("valid"))));
        set.check().expect("it makes sense");
        let wrong = action(json!({"do": "set", "set": {"cap": "many"}})).expect("known").check();
        assert!(wrong.expect_err("many is no number").to_string().starts_with("cap: \"many\""));
        assert!(action(json!({"do": "group"})).expect("known").check().is_err(), "no group is named");
        assert!(action(json!({"do": "explode"})).is_err());
    }

    #[test]
    fn a_set_changes_the_item_everywhere_or_at_one_account() {
        let mut item = Item::new(Sku::new("TEE").expect("valid"), String::new());
        let north = AccountId::new("north").expect("valid");
        Action::mode(Mode::Never, Some(north.clone())).change(&mut item).expect("it makes sense");
        Action::mode(Mode::Always, None).change(&mut item).expect("it makes sense");
        assert_eq!((item.layer.mode, item.at[&north].mode), (Mode::Always, Mode::Never));
        Action::mode(Mode::Default, Some(north)).change(&mut item).expect("it makes sense");
        assert!(item.at.is_empty(), "what sets nothing is not kept");
    }
}
