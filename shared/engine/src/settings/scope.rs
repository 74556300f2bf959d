//! Whom a setting is for, and what a person wants changed of it.

use super::Defaults;
use crate::hub::Error;
use crate::records::Item;
use domain::layers::{Layer, NAMES};
use domain::{AccountId, GroupId, ListingId, Sku};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Whom a setting is for. With nothing given it is the hub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// The items of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// An item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// At this account only; alone: everything at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// One listing of the item only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listing: Option<ListingId>,
}

/// What shall be set; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patch {
    /// Settings by name: a number, `"off"`, true or false, a mode; null or `""` inherits.
    pub set: BTreeMap<String, Value>,
    /// Settings to inherit again, by name; `all` for every one.
    pub clear: Vec<String>,
}

impl Scope {
    /// For an item.
    #[must_use]
    pub fn item(sku: Sku, account: Option<AccountId>) -> Self {
        Self { sku: Some(sku), account, ..Self::default() }
    }

    /// Checks that what is given goes together.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |text: &str| Err(Error::Invalid(text.to_owned()));
        match (&self.group, &self.sku, &self.account, &self.listing) {
            (Some(_), Some(_), _, _) => wrong("group, sku: give one of the two"),
            (_, None, _, Some(_)) => wrong("listing: say of which sku"),
            (_, Some(_), Some(_), Some(_)) => wrong("account, listing: give one of the two"),
            _ => Ok(()),
        }
    }

    /// What is set for it; of an item see [`Scope::of_item`].
    #[must_use]
    pub fn of<'a>(&self, defaults: &'a Defaults) -> Option<&'a Layer> {
        match (&self.group, &self.account) {
            (Some(group), None) => defaults.groups.get(group).map(|group| &group.layer),
            (Some(group), Some(account)) => defaults.groups.get(group)?.at.get(account),
            (None, Some(account)) => defaults.accounts.get(account),
            (None, None) => Some(&defaults.hub),
        }
    }

    /// What is set for it, of several items.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a group that is not there.
    pub(crate) fn of_mut<'a>(&self, defaults: &'a mut Defaults) -> Result<&'a mut Layer, Error> {
        let (Some(id), account) = (&self.group, &self.account) else {
            return Ok(match &self.account {
                Some(account) => defaults.accounts.entry(account.clone()).or_default(),
                None => &mut defaults.hub,
            });
        };
        let missing = || Error::NotFound { what: "group", name: id.to_string() };
        let group = defaults.groups.get_mut(id).ok_or_else(missing)?;
        Ok(match account {
            Some(account) => group.at.entry(account.clone()).or_default(),
            None => &mut group.layer,
        })
    }

    /// What is set for it, of an item.
    #[must_use]
    pub fn of_item(&self, item: &Item) -> Layer {
        let found = match (&self.account, &self.listing) {
            (_, Some(listing)) => item.listings.get(listing).map(|listing| &listing.rules),
            (Some(account), None) => item.at.get(account),
            (None, None) => Some(&item.layer),
        };
        found.cloned().unwrap_or_default()
    }

    /// Replaces what is set for it, of an item.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a listing that the item does not have.
    pub(crate) fn put_item(&self, item: &mut Item, layer: Layer) -> Result<(), Error> {
        match (&self.account, &self.listing) {
            (_, Some(id)) => {
                let missing = || Error::NotFound { what: "listing", name: id.to_string() };
                item.listings.get_mut(id).ok_or_else(missing)?.rules = layer;
            }
            (Some(account), None) if layer.is_empty() => drop(item.at.remove(account)),
            (Some(account), None) => drop(item.at.insert(account.clone(), layer)),
            (None, None) => item.layer = layer,
        }
        Ok(())
    }

    /// Whether a listing of an item is concerned by what is set here for several items.
    #[must_use]
    pub fn concerns(&self, item: &Item, listing: &ListingId) -> bool {
        self.group.as_ref().is_none_or(|group| item.groups.contains(group))
            && self.account.as_ref().is_none_or(|account| listing.account == *account)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |out: &mut fmt::Formatter<'_>| match (&self.account, &self.listing) {
            (_, Some(listing)) => write!(out, " at {listing}"),
            (Some(account), None) => write!(out, " at {account}"),
            (None, None) => Ok(()),
        };
        match (&self.group, &self.sku, &self.account) {
            (Some(group), _, _) => {
                write!(out, "group {group}")?;
                at(out)
            }
            (None, Some(sku), _) => {
                write!(out, "item {sku}")?;
                at(out)
            }
            (None, None, Some(account)) => write!(out, "account {account}"),
            (None, None, None) => out.write_str("hub"),
        }
    }
}

impl Patch {
    /// One setting.
    #[must_use]
    pub fn one(name: &str, value: impl Into<Value>) -> Self {
        Self { set: BTreeMap::from([(name.to_owned(), value.into())]), clear: Vec::new() }
    }

    /// What is set after it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting and what is allowed.
    pub fn apply(&self, before: &Layer) -> Result<Layer, Error> {
        let mut layer = before.clone();
        for name in &self.clear {
            let names: &[&str] = if name == "all" { &NAMES } else { &[name.as_str()] };
            for name in names {
                layer.set(name, "").map_err(|error| Error::Invalid(error.to_string()))?;
            }
        }
        for (name, value) in &self.set {
            let text = words(value).ok_or_else(|| Error::Invalid(format!("{name}: {value} is no setting")))?;
            layer.set(name, &text).map_err(|error| Error::Invalid(error.to_string()))?;
        }
        Ok(layer)
    }

    /// Checks it without anything to apply it to.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting and what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        if self.set.is_empty() && self.clear.is_empty() {
            return Err(Error::Invalid(format!("set, clear: say what to change, of {}", NAMES.join(", "))));
        }
        self.apply(&Layer::default()).map(drop)
    }
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(truth) => Some(if *truth { "yes" } else { "no" }.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scope_says_whom_it_is_for() {
        let scope = |value: Value| serde_json::from_value::<Scope>(value).expect("a scope");
        assert_eq!(scope(json!({})).to_string(), "hub");
        assert_eq!(scope(json!({"account": "north"})).to_string(), "account north");
        assert_eq!(scope(json!({"group": "fragile", "account": "north"})).to_string(), "group fragile at north");
        assert_eq!(scope(json!({"sku": "A@B"})).to_string(), "item A@B");
        assert_eq!(scope(json!({"sku": "A", "listing": "north@default"})).to_string(), "item A at north@default");
        let wrong = scope(json!({"sku": "A", "group": "b"})).check().expect_err("both").to_string();
        assert_eq!(wrong, "group, sku: give one of the two");
        assert!(scope(json!({"listing": "north@default"})).check().is_err());
    }

    #[test]
    fn a_patch_sets_clears_and_leaves_the_rest() {
        let patch = |value: Value| serde_json::from_value::<Patch>(value).expect("a patch");
        let first = patch(json!({"set": {"cap": 5, "exclude": true, "mode": "never", "hold_back": "off"}}));
        let layer = first.apply(&Layer::default()).expect("good settings");
        assert_eq!(layer.words(), ["hold_back off", "cap 5", "exclude yes", "mode never"]);
        let second = patch(json!({"set": {"cap": null, "pack": 6}, "clear": ["mode"]}));
        assert_eq!(second.apply(&layer).expect("good settings").words(), ["hold_back off", "pack 6", "exclude yes"]);
        let all = patch(json!({"clear": ["all"]})).apply(&layer).expect("good settings");
        assert!(all.is_empty());
        let wrong = patch(json!({"set": {"cap": [1]}})).check().expect_err("a list").to_string();
        assert_eq!(wrong, "cap: [1] is no setting");
        assert!(patch(json!({})).check().is_err(), "it changes nothing");
    }
}
