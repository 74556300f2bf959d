//! Changing what is set for more than one item: the row is written first, then every item is looked at and what its stores
//! must be told waits for its account. A preview takes the same way and writes nothing.

use super::change::{TargetChange, differences, targets, todo};
use super::kept::SettingsChange;
use super::scope::{Patch, Scope};
use super::{Defaults, Group, account_key, hub_key, settings_row};
use crate::adopt::Progress;
use crate::hub::{Accounts, Connected, Error, Hub};
use crate::items::Listed;
use crate::known::Known;
use crate::ports::{Change, Condition, Key, Row};
use crate::records::{Item, asked};
use crate::runs::{Chunk, Job, Run, Work, end};
use async_trait::async_trait;
use domain::layers::{Layer, NAMES};
use domain::plan::{self, Decision};
use domain::{AccountId, Ledger, ListingId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a change of settings does, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsReport {
    /// Whether it was done.
    pub applied: bool,
    /// Whom it is for.
    pub scope: String,
    /// What was set before, as `name value`.
    pub before: Vec<String>,
    /// What is set after.
    pub after: Vec<String>,
    /// Items concerned.
    pub items: u64,
    /// Listings whose target changes.
    pub changes: u64,
    /// The first of these.
    pub shown: Vec<TargetChange>,
}

/// What is set at one place, and what results of it for an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeView {
    /// Whom it is for.
    pub scope: Scope,
    /// What is set, by name.
    pub set: BTreeMap<String, String>,
}

/// How far a change of settings is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct WidePlace {
    /// What was set before, once the change has begun.
    before: Option<Layer>,
    /// Items up to here are done.
    pub(super) after: Option<String>,
    /// What it came to so far.
    pub(super) report: SettingsReport,
    /// Accounts with work that waits because of it.
    pub(super) accounts: BTreeSet<AccountId>,
    /// Whether all is done.
    done: bool,
}

/// A change of settings in the hands of a run's driver.
pub(crate) struct Setting {
    pub scope: Scope,
    pub patch: Patch,
    pub apply: bool,
}

#[async_trait]
impl Work for Setting {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let Self { scope, patch, apply } = self;
        if scope.sku.is_some() {
            return Ok(end(&hub.set_one(scope, patch, *apply, &run.actor).await?));
        }
        let place: WidePlace = serde_json::from_value(cursor.clone()).unwrap_or_default();
        let place = hub.set_wide(scope, patch, *apply, &run.actor, place, progress).await?;
        Ok(if place.done { end(&place.report) } else { Chunk::on(&place) })
    }
}

/// Changes shown in a report.
pub(crate) const SHOWN: usize = 200;
/// Items of one step.
const PAGE: usize = 500;

impl Hub {
    /// What is set for the hub, for accounts and for groups: every place that sets something.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_settings(&self) -> Result<Vec<ScopeView>, Error> {
        let defaults = self.defaults().await?;
        let mut views = vec![ScopeView::new(Scope::default(), &defaults.hub)];
        for (account, layer) in &defaults.accounts {
            views.push(ScopeView::new(Scope { account: Some(account.clone()), ..Scope::default() }, layer));
        }
        for group in defaults.ranked() {
            let scope = Scope { group: Some(group.id.clone()), ..Scope::default() };
            views.push(ScopeView::new(scope.clone(), &group.layer));
            for (account, layer) in &group.at {
                views.push(ScopeView::new(Scope { account: Some(account.clone()), ..scope.clone() }, layer));
            }
        }
        views.retain(|view| !view.set.is_empty());
        Ok(views)
    }

    /// What is set at one place.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn show_settings(&self, scope: &Scope) -> Result<ScopeView, Error> {
        scope.check()?;
        let layer = match &scope.sku {
            Some(sku) => scope.of_item(&self.item(sku).await?.0),
            None => {
                let mut defaults = self.defaults().await?;
                scope.of_mut(&mut defaults)?.clone()
            }
        };
        Ok(ScopeView::new(scope.clone(), &layer))
    }

    /// Sets something; without `apply` only shows what would happen, on the same way. What the stores must be told waits for
    /// their accounts when this returns.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting and what is allowed; [`Error::NotFound`].
    pub async fn set_rules(
        &self,
        scope: &Scope,
        patch: &Patch,
        apply: bool,
        actor: &str,
        progress: &dyn Progress,
    ) -> Result<SettingsReport, Error> {
        let Patch { set, clear } = patch.clone();
        self.at_once_by(Job::Settings { scope: scope.clone(), set, clear, apply }, actor, progress).await
    }

    /// Sets something for one item.
    async fn set_one(&self, scope: &Scope, patch: &Patch, apply: bool, actor: &str) -> Result<SettingsReport, Error> {
        let draft = self.set_item(scope, patch, apply, actor).await?;
        let (before, after) = (scope.of_item(&draft.before), scope.of_item(&draft.after));
        let report = SettingsReport {
            applied: apply,
            scope: scope.to_string(),
            before: before.words(),
            after: after.words(),
            items: 1,
            changes: draft.targets.len() as u64,
            shown: draft.targets.iter().take(SHOWN).cloned().collect(),
        };
        if apply && !draft.is_idle() {
            self.keep_change(actor, &report).await?;
        }
        Ok(report)
    }

    async fn keep_change(&self, actor: &str, report: &SettingsReport) -> Result<(), Error> {
        let change = self.change_of(actor, report);
        Ok(self.store.write(&[Change::Put(change.row(), Condition::Any)]).await?)
    }

    fn change_of(&self, actor: &str, report: &SettingsReport) -> SettingsChange {
        let change = self.settings_change(actor, report.scope.clone());
        SettingsChange { before: report.before.clone(), after: report.after.clone(), items: report.items, ..change }
    }

    /// One step of setting something for more than one item: safe to do twice.
    async fn set_wide(
        &self,
        scope: &Scope,
        patch: &Patch,
        apply: bool,
        actor: &str,
        mut place: WidePlace,
        progress: &dyn Progress,
    ) -> Result<WidePlace, Error> {
        if place.before.is_none() {
            self.begin_wide(scope, patch, apply, actor, &mut place).await?;
        }
        let (before, after) = self.both(scope, patch, place.before.as_ref()).await?;
        let Listed { rows: mut items, next } = self.items_after::<Item>(place.after.take(), PAGE).await?;
        items.retain(|item| item.listings.keys().any(|listing| scope.concerns(item, listing)));
        self.compare_targets(&items, (&before, &after), apply, &mut place).await?;
        place.report.items += items.len() as u64;
        progress.tell("looking at items", place.report.items, 0);
        (place.done, place.after) = (next.is_none(), next);
        if place.done && apply {
            for account in &place.accounts {
                self.wake_lane(account).await?;
            }
        }
        Ok(place)
    }

    /// Reads what is set, and writes what shall be.
    async fn begin_wide(
        &self,
        scope: &Scope,
        patch: &Patch,
        apply: bool,
        actor: &str,
        place: &mut WidePlace,
    ) -> Result<(), Error> {
        if let Some(account) = &scope.account {
            self.connected(account).await?;
        }
        let mut defaults = self.defaults().await?;
        let before = scope.of_mut(&mut defaults)?.clone();
        let after = patch.apply(&before)?;
        let (scope_text, report) = (scope.to_string(), &mut place.report);
        (report.applied, report.scope) = (apply, scope_text);
        (report.before, report.after) = (before.words(), after.words());
        place.before = Some(before);
        if apply {
            self.write_wide(scope, patch, &self.change_of(actor, &place.report)).await?;
        }
        Ok(())
    }

    /// Writes what is set for more than one item, unless somebody has changed it since it was read.
    async fn write_wide(&self, scope: &Scope, patch: &Patch, change: &SettingsChange) -> Result<(), Error> {
        let key = wide_key(scope);
        let row = self.store.get(std::slice::from_ref(&key)).await?.pop().flatten();
        let mut defaults = Defaults::read(row.as_slice())?;
        let layer = scope.of_mut(&mut defaults)?;
        *layer = patch.apply(layer)?;
        let condition = row.as_ref().map_or(Condition::Absent, |row| Condition::Version(row.version));
        let changes =
            [Change::Put(wide_row(scope, &key, &defaults)?, condition), Change::Put(change.row(), Condition::Any)];
        self.store.write(&changes).await?;
        self.forget_accounts();
        Ok(())
    }

    /// All accounts as they are with what was set before, and with what is set after.
    async fn both(&self, scope: &Scope, patch: &Patch, before: Option<&Layer>) -> Result<(Accounts, Accounts), Error> {
        let accounts = self.accounts().await?;
        let mut defaults = self.defaults().await?;
        let layer = scope.of_mut(&mut defaults)?;
        *layer = before.cloned().unwrap_or_default();
        let was = defaults.clone();
        let layer = scope.of_mut(&mut defaults)?;
        *layer = patch.apply(layer)?;
        Ok((with(&accounts, was), with(&accounts, defaults)))
    }

    /// Counts whose targets change; what must be written waits for its account.
    pub(super) async fn compare_targets(
        &self,
        items: &[Item],
        (before, after): (&Accounts, &Accounts),
        apply: bool,
        place: &mut WidePlace,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let ledgers: Vec<Ledger> = self.ledgers(items).await?;
        let mut todos: Vec<Row> = Vec::new();
        for (item, known) in items.iter().zip(self.all_known(items, ledgers).await?) {
            let (was, becomes) = (targets(item, &known, before), targets(item, &known, after));
            let changes = differences(&item.sku, &was, &becomes);
            place.report.changes += changes.len() as u64;
            // whatever differs, not only what this change moves: a change that was cut short is made whole by repeating it
            for (account, to) in due(item, &known, after).into_iter().filter(|_| apply) {
                todos.push(todo(&account, &item.sku, to, now, asked::RULES).row());
                place.accounts.insert(account);
            }
            let room = SHOWN.saturating_sub(place.report.shown.len());
            place.report.shown.extend(changes.into_iter().take(room));
        }
        Ok(self.store.put_all(&todos).await?)
    }
}

/// The accounts that an item is to be written to, with the target.
fn due(item: &Item, known: &Known, accounts: &Accounts) -> BTreeMap<AccountId, i64> {
    let view =
        |listing: &ListingId| Some((listing.clone(), known.view(item, listing, accounts.get(&listing.account)?)?));
    let views = item.listings.keys().filter_map(view).collect();
    let due = |(listing, decision): (ListingId, Decision)| match decision {
        Decision::Push(push) => Some((listing.account, push.target)),
        Decision::InSync | Decision::Hold(_) => None,
    };
    plan::plan(&known.ledger, &views).into_iter().filter_map(due).collect()
}

impl ScopeView {
    fn new(scope: Scope, layer: &Layer) -> Self {
        let set = NAMES.iter().map(|name| ((*name).to_owned(), layer.get(name))).filter(|(_, text)| !text.is_empty());
        Self { scope, set: set.collect() }
    }
}

/// The same accounts with other defaults.
pub(super) fn with(accounts: &Accounts, defaults: Defaults) -> Accounts {
    let defaults = Arc::new(defaults);
    let with = |(id, connected): (&AccountId, &Connected)| {
        (id.clone(), Connected { defaults: Arc::clone(&defaults), ..connected.clone() })
    };
    Arc::new(accounts.iter().map(with).collect())
}

fn wide_key(scope: &Scope) -> Key {
    match (&scope.group, &scope.account) {
        (Some(group), _) => Group::key(group),
        (None, Some(account)) => account_key(account),
        (None, None) => hub_key(),
    }
}

fn wide_row(scope: &Scope, key: &Key, defaults: &Defaults) -> Result<Row, Error> {
    match (&scope.group, &scope.account) {
        (Some(id), _) => {
            let group = defaults.groups.get(id);
            group.map(Group::row).ok_or_else(|| Error::NotFound { what: "group", name: id.to_string() })
        }
        (None, Some(account)) => Ok(settings_row(key.clone(), &defaults.accounts.get(account))),
        (None, None) => Ok(settings_row(key.clone(), &defaults.hub)),
    }
}
