//! How a first sync goes: which store's levels become the hub's, which stores follow, which are only looked at.

use crate::hub::Error;
use crate::scan::Scan;
use domain::{AccountId, Role, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which way levels go between the hub and a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The store's levels become the hub's, also where the hub has others already.
    ToHub,
    /// The store gets the hub's levels; also the master, whose own then start nothing.
    ToStore,
    /// Nothing is matched or written: only the differences are told.
    Compare,
}

/// How a first sync goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FirstSync {
    /// Do it; otherwise only show what would happen.
    pub apply: bool,
    /// By account, where it is not the usual way: the master's levels start what the hub does not know, everybody follows.
    pub directions: BTreeMap<AccountId, Direction>,
    /// SKUs that are left out; a star at the beginning or the end stands for anything.
    pub exclude: Vec<String>,
}

/// Patterns of one first sync.
const PATTERNS_MAX: usize = 1_000;

impl FirstSync {
    /// Refuses what cannot be meant; `accounts` are those that there are, with their roles.
    pub(super) fn check(&self, accounts: &BTreeMap<AccountId, Role>) -> Result<(), Error> {
        if let Some(id) = self.directions.keys().find(|id| !accounts.contains_key(*id)) {
            return Err(Error::Invalid(format!("directions.{id}: there is no such account")));
        }
        if self.exclude.len() > PATTERNS_MAX {
            return Err(Error::Invalid(format!("exclude: use at most {PATTERNS_MAX} patterns")));
        }
        if self.exclude.iter().any(|pattern| pattern.trim_matches('*').is_empty()) {
            return Err(Error::Invalid("exclude: a pattern must name something besides its stars".into()));
        }
        let mut leads = self.directions.iter().filter(|(_, way)| **way == Direction::ToHub);
        if let (Some((one, _)), Some((other, _))) = (leads.next(), leads.next()) {
            let message = format!("directions: both {one} and {other} shall give the hub its levels; choose one");
            return Err(Error::Invalid(message));
        }
        let gives = |(id, role): (&AccountId, &Role)| match self.directions.get(id) {
            Some(way) => *way == Direction::ToHub,
            None => *role == Role::Master,
        };
        if !accounts.iter().any(gives) && !accounts.values().any(|role| *role == Role::Master) {
            return Err(Error::Invalid(
                "accounts: there is no master yet; add one with role \"master\", or give an account the direction \"to-hub\""
                    .into(),
            ));
        }
        Ok(())
    }

    pub(super) fn direction(&self, account: &AccountId) -> Option<Direction> {
        self.directions.get(account).copied()
    }

    /// Whether new products come from a store.
    pub(super) fn brings_products(&self, scan: &Scan) -> bool {
        let account = &scan.connected.account;
        match self.direction(&account.id) {
            Some(Direction::ToHub) => true,
            Some(Direction::Compare) => false,
            Some(Direction::ToStore) | None => account.role == Role::Master,
        }
    }

    /// How surely a store's levels start what the hub does not know.
    pub(super) fn rank(&self, account: &AccountId, usual: Option<u8>) -> Option<u8> {
        match self.direction(account) {
            Some(Direction::ToHub) => Some(0),
            Some(Direction::ToStore | Direction::Compare) => None,
            None => usual,
        }
    }

    pub(super) fn excludes(&self, sku: &Sku) -> bool {
        self.exclude.iter().any(|pattern| fits(pattern, sku.as_str()))
    }
}

fn fits(pattern: &str, sku: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => sku.contains(pattern.trim_matches('*')),
        (Some(end), None) => sku.ends_with(end),
        (None, Some(beginning)) => sku.starts_with(beginning),
        (None, None) => sku == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, sku, is) in [
            ("OLD-*", "OLD-1", true),
            ("OLD-*", "BOLD-1", false),
            ("*-X", "A-X", true),
            ("*LD*", "OLD-1", true),
            ("OLD-1", "OLD-1", true),
            ("OLD", "OLD-1", false),
        ] {
            assert_eq!(fits(pattern, sku), is, "{pattern} {sku}");
        }
    }

    #[test]
    fn two_truths_and_unknown_names_are_refused() {
        let id = |name: &str| AccountId::new(name).expect("valid");
        let accounts = BTreeMap::from([(id("main"), Role::Master), (id("north"), Role::Replica)]);
        let order = |ways: &[(&str, Direction)]| FirstSync {
            directions: ways.iter().map(|(name, way)| (id(name), *way)).collect(),
            ..FirstSync::default()
        };
        let said = |order: FirstSync| order.check(&accounts).expect_err("refused").to_string();
        assert!(said(order(&[("west", Direction::Compare)])).starts_with("directions.west"));
        assert!(said(order(&[("main", Direction::ToHub), ("north", Direction::ToHub)])).contains("choose one"));
        assert!(said(FirstSync { exclude: vec!["*".into()], ..FirstSync::default() }).starts_with("exclude"));
        assert!(order(&[("north", Direction::ToHub), ("main", Direction::ToStore)]).check(&accounts).is_ok());
    }
}
