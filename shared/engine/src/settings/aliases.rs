//! Spellings: units of a store that a person has linked to a SKU of another spelling, or said to be none of ours.
//!
//! A store's spelling ends at the line to it (`line.rs`): behind it there is only ours.

use super::{PREFIX, settings_row};
use crate::ports::{Key, Row};
use crate::records::{HUB, key};
use domain::{AccountId, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a person has said of a store's unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The account.
    pub account: AccountId,
    /// The store's own id of the unit.
    pub external: String,
    /// The SKU that the store has for it, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Sku>,
    /// The SKU that it is ours by; `None`: it is none of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// SKUs that the store had for it before: orders and movements of that time name it so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Sku>,
}

/// What people have said of one store's units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    by_external: BTreeMap<String, Alias>,
    by_store: BTreeMap<Sku, Option<Sku>>,
    by_former: BTreeMap<Sku, Option<Sku>>,
}

impl Alias {
    /// Where it lives.
    #[must_use]
    pub fn key(account: &AccountId, external: &str) -> Key {
        key(HUB, format!("{PREFIX}ALIAS#{account}#{external}"))
    }

    /// As a row.
    #[must_use]
    pub fn row(&self) -> Row {
        settings_row(Self::key(&self.account, &self.external), self)
    }
}

impl Aliases {
    /// Nobody has said anything.
    pub(super) const EMPTY: Self =
        Self { by_external: BTreeMap::new(), by_store: BTreeMap::new(), by_former: BTreeMap::new() };

    pub(super) fn add(&mut self, alias: Alias) {
        if let Some(store) = &alias.store {
            self.by_store.insert(store.clone(), alias.sku.clone());
        }
        self.by_former.extend(alias.former.iter().map(|former| (former.clone(), alias.sku.clone())));
        self.by_external.insert(alias.external.clone(), alias);
    }

    /// Whether nobody has said anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_external.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Alias> {
        self.by_external.values()
    }

    /// Our SKU of a unit.
    #[must_use]
    pub fn of_unit(&self, external: &str, store: Option<Sku>) -> Option<Sku> {
        match self.by_external.get(external) {
            Some(alias) => alias.sku.clone(),
            None => store,
        }
    }

    /// The SKU that a unit has in its store now, where a person has said what it is, by another one; `None` inside when it has
    /// none any more.
    #[must_use]
    pub fn respelled(&self, external: &str, store: Option<&Sku>) -> Option<Option<Sku>> {
        let alias = self.by_external.get(external).filter(|alias| alias.sku.is_some());
        alias.filter(|alias| alias.store.as_ref() != store).map(|_| store.cloned())
    }

    /// Our SKU for one that the store says; `None` when it is none of ours. What one unit is called now goes before what another
    /// was called once.
    #[must_use]
    pub fn ours(&self, store: &Sku) -> Option<Sku> {
        let known = self.by_store.get(store).or_else(|| self.by_former.get(store));
        known.map_or_else(|| Some(store.clone()), Clone::clone)
    }

    /// The store's SKU of a unit of ours.
    #[must_use]
    pub fn theirs(&self, sku: &Sku, external: &str) -> Sku {
        let alias = self.by_external.get(external).filter(|alias| alias.sku.as_ref() == Some(sku));
        alias.and_then(|alias| alias.store.clone()).unwrap_or_else(|| sku.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(name: &str) -> Sku {
        Sku::new(name).expect("valid")
    }

    #[test]
    fn spellings_are_translated_both_ways() {
        let account = AccountId::new("north").expect("valid");
        let alias = |external: &str, store: &str, ours: Option<&str>| Alias {
            account: account.clone(),
            external: external.into(),
            store: Some(sku(store)),
            sku: ours.map(sku),
            former: vec![sku("red tee"), sku("GIFT")],
        };
        let mut aliases = Aliases::default();
        aliases.add(alias("7", "tee red", Some("TEE-RED")));
        aliases.add(Alias { former: Vec::new(), ..alias("8", "GIFT", None) });
        assert_eq!(aliases.of_unit("7", Some(sku("tee red"))), Some(sku("TEE-RED")));
        assert_eq!(aliases.of_unit("8", Some(sku("GIFT"))), None);
        assert_eq!(aliases.of_unit("9", Some(sku("MUG"))), Some(sku("MUG")));
        assert_eq!((aliases.ours(&sku("tee red")), aliases.ours(&sku("GIFT"))), (Some(sku("TEE-RED")), None));
        assert_eq!(aliases.ours(&sku("red tee")), Some(sku("TEE-RED")), "as it was called before");
        assert_eq!(aliases.respelled("7", Some(&sku("tee red"))), None);
        assert_eq!(aliases.respelled("7", Some(&sku("TEE"))), Some(Some(sku("TEE"))));
        assert_eq!((aliases.respelled("7", None), aliases.respelled("8", None)), (Some(None), None));
        assert_eq!(aliases.theirs(&sku("TEE-RED"), "7"), sku("tee red"));
        assert_eq!(aliases.theirs(&sku("TEE-RED"), "9"), sku("TEE-RED"));
    }
}
