//! Rules as a file: one line for each place that sets something. A line replaces what its columns name and leaves the rest.

use super::scope::{Patch, Scope};
use super::{Defaults, Group};
use crate::adopt::Silent;
use crate::hub::{Error, Hub};
use crate::items::Listed;
use crate::records::{self, Item};
use domain::layers::{Layer, NAMES};
use domain::{AccountId, GroupId, ListingId, Sku};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One row of a file of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRow {
    /// Whom it is for.
    pub scope: Scope,
    /// What is set, by name; every name is there, and empty where it is inherited.
    pub set: BTreeMap<String, String>,
}

/// One line of a file of rules, as text. With no place given it is for the hub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleLine {
    /// A SKU.
    pub sku: String,
    /// A group.
    pub group: String,
    /// An account.
    pub account: String,
    /// A listing of the SKU.
    pub listing: String,
    /// Settings by name; empty inherits, and what is not named stays.
    pub set: BTreeMap<String, String>,
}

/// What became of a line of a file of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLineResult {
    /// The line's number in what was sent, from 1.
    pub line: usize,
    /// Whom it is for.
    pub scope: String,
    /// What was set before, as `name value`.
    pub before: Vec<String>,
    /// What is set after, or would be.
    pub after: Vec<String>,
    /// Listings whose target changes.
    pub changes: u64,
    /// Why it did nothing: names the field and what to do.
    pub error: Option<String>,
}

/// Lines of one import call.
pub const RULE_LINES_MAX: usize = 1_000;
/// Begins the token of the pages of items of an export.
const ITEMS_PAGE: &str = "items:";
/// Items of one page.
const PAGE: usize = 500;

impl Hub {
    /// One page of all places that set something: the hub, accounts and groups first, then items.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn export_rules(&self, after: Option<String>) -> Result<Listed<RuleRow>, Error> {
        let Some(token) = after else {
            let rows = defaults_rows(&self.defaults().await?);
            return Ok(Listed { rows, next: Some(ITEMS_PAGE.to_owned()) });
        };
        let wrong = || Error::Invalid("after: it is not from the page before".into());
        let token = token.strip_prefix(ITEMS_PAGE).ok_or_else(wrong)?;
        let page = self.item_rows((!token.is_empty()).then(|| token.to_owned()), PAGE).await?;
        let mut rows = Vec::new();
        for row in &page.rows {
            rows.extend(item_rows(&records::body(row)?));
        }
        Ok(Listed { rows, next: page.next.map(|next| format!("{ITEMS_PAGE}{next}")) })
    }

    /// Sets what a file says, each line on its own: a bad one blocks no other. `dry` only tells.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many lines at once.
    pub async fn import_rules(&self, lines: &[RuleLine], actor: &str, dry: bool) -> Result<Vec<RuleLineResult>, Error> {
        if lines.len() > RULE_LINES_MAX {
            let many = lines.len();
            return Err(Error::Invalid(format!("lines: {many} are too many; send at most {RULE_LINES_MAX} at once")));
        }
        let mut results = Vec::with_capacity(lines.len());
        for (place, line) in lines.iter().enumerate() {
            let mut result = RuleLineResult {
                line: place + 1,
                scope: line.words(),
                before: Vec::new(),
                after: Vec::new(),
                changes: 0,
                error: None,
            };
            match self.import_rule(line, actor, dry).await {
                Ok(report) => {
                    (result.before, result.after, result.changes) = (report.before, report.after, report.changes);
                }
                Err(error) => result.error = Some(error.to_string()),
            }
            results.push(result);
        }
        Ok(results)
    }

    async fn import_rule(&self, line: &RuleLine, actor: &str, dry: bool) -> Result<super::SettingsReport, Error> {
        let (scope, patch) = (line.scope()?, line.patch());
        if patch.set.is_empty() {
            return Err(Error::Invalid(format!("columns: none names a rule; use some of {}", NAMES.join(", "))));
        }
        self.set_rules(&scope, &patch, !dry, actor, &Silent).await
    }
}

impl RuleLine {
    fn scope(&self) -> Result<Scope, Error> {
        let invalid = |error: domain::InvalidId| Error::Invalid(error.to_string());
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let scope = Scope {
            group: given(&self.group).map(GroupId::new).transpose().map_err(invalid)?,
            sku: given(&self.sku).map(Sku::new).transpose().map_err(invalid)?,
            account: given(&self.account).map(AccountId::new).transpose().map_err(invalid)?,
            listing: given(&self.listing).map(ListingId::try_from).transpose().map_err(invalid)?,
        };
        scope.check()?;
        Ok(scope)
    }

    fn patch(&self) -> Patch {
        let set = self.set.iter().map(|(name, text)| (name.trim().to_lowercase(), Value::from(text.trim())));
        Patch { set: set.collect(), clear: Vec::new() }
    }

    fn words(&self) -> String {
        let parts =
            [("item", &self.sku), ("group", &self.group), ("account", &self.account), ("listing", &self.listing)];
        let given: Vec<String> = parts
            .iter()
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(what, text)| format!("{what} {text}"))
            .collect();
        if given.is_empty() { "hub".into() } else { given.join(" at ") }
    }
}

impl RuleRow {
    fn new(scope: Scope, layer: &Layer) -> Option<Self> {
        let set = NAMES.iter().map(|name| ((*name).to_owned(), layer.get(name)));
        (!layer.is_empty()).then(|| Self { scope, set: set.collect() })
    }
}

fn defaults_rows(defaults: &Defaults) -> Vec<RuleRow> {
    let mut rows: Vec<Option<RuleRow>> = vec![RuleRow::new(Scope::default(), &defaults.hub)];
    let at = |account: &AccountId| Scope { account: Some(account.clone()), ..Scope::default() };
    rows.extend(defaults.accounts.iter().map(|(account, layer)| RuleRow::new(at(account), layer)));
    for group in defaults.ranked() {
        rows.extend(group_rows(group));
    }
    rows.into_iter().flatten().collect()
}

fn group_rows(group: &Group) -> Vec<Option<RuleRow>> {
    let scope = |account: Option<AccountId>| Scope { group: Some(group.id.clone()), account, ..Scope::default() };
    let at = group.at.iter().map(|(account, layer)| RuleRow::new(scope(Some(account.clone())), layer));
    std::iter::once(RuleRow::new(scope(None), &group.layer)).chain(at).collect()
}

fn item_rows(item: &Item) -> Vec<RuleRow> {
    let scope = |account: Option<AccountId>| Scope::item(item.sku.clone(), account);
    let mut rows = vec![RuleRow::new(scope(None), &item.layer)];
    rows.extend(item.at.iter().map(|(account, layer)| RuleRow::new(scope(Some(account.clone())), layer)));
    rows.extend(
        item.listings
            .iter()
            .map(|(id, listing)| RuleRow::new(Scope { listing: Some(id.clone()), ..scope(None) }, &listing.rules)),
    );
    rows.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_whom_it_is_for_and_what_is_wrong_with_it() {
        let line = RuleLine { sku: " TEE ".into(), account: "north".into(), ..RuleLine::default() };
        assert_eq!(line.scope().expect("it is well").to_string(), "item TEE at north");
        let both = RuleLine { group: "fragile".into(), ..line.clone() };
        assert_eq!(both.scope().expect_err("one of the two").to_string(), "group, sku: give one of the two");
        let wrong = RuleLine { account: "The North".into(), ..RuleLine::default() };
        assert!(wrong.scope().expect_err("no such name").to_string().starts_with("account: \"The North\""));
        assert_eq!(RuleLine::default().words(), "hub");
    }

    #[test]
    fn an_item_is_exported_with_every_place_that_sets_something() {
        let mut item = Item::new(Sku::new("TEE").expect("valid"), String::new());
        assert!(item_rows(&item).is_empty());
        item.layer.set("cap", "5").expect("a good setting");
        let north = AccountId::new("north").expect("valid");
        let mut at = Layer::default();
        at.set("mode", "never").expect("a good setting");
        item.at.insert(north, at);
        let rows = item_rows(&item);
        assert_eq!(rows.iter().map(|row| row.scope.to_string()).collect::<Vec<_>>(), ["item TEE", "item TEE at north"]);
        assert_eq!(
            (rows[0].set["cap"].as_str(), rows[0].set["mode"].as_str(), rows[0].set.len()),
            ("5", "", NAMES.len())
        );
    }
}
