//! Kits: made of other items, changed and dissolved. How a kit that is sold takes its parts is `sync/kin.rs`.

use crate::contest::{ATTEMPTS, made, too_fast};
use crate::hub::{Error, Hub};
use crate::items::Listed;
use crate::known::Known;
use crate::ports::{Change, Condition, StoreError};
use crate::records::{Hint, History, Item, PUSH, asked};
use crate::settings::{TargetChange, targets, todo};
use channels::Touch;
use domain::{Ledger, ListingId, Sku};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What making or changing a kit does, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitReport {
    /// Whether it was done.
    pub applied: bool,
    /// The kit.
    pub sku: Sku,
    /// What it was made of.
    pub before: BTreeMap<Sku, i64>,
    /// What it is made of, with units of each.
    pub parts: BTreeMap<Sku, i64>,
    /// What its parts are enough for; absent while the level of one is not known.
    pub available: Option<i64>,
    /// Listings whose target changes.
    pub changes: Vec<TargetChange>,
}

/// A kit as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitView {
    /// The kit.
    pub sku: Sku,
    /// What people call it.
    pub title: String,
    /// What it is made of, with units of each.
    pub parts: BTreeMap<Sku, i64>,
    /// What its parts are enough for; absent while the level of one is not known.
    pub available: Option<i64>,
}

/// Most parts of a kit: all their rows are written at once.
const PARTS_MAX: usize = 20;
/// Most kits of one part.
const KITS_MAX: usize = 100;
/// Most units of a part in one kit.
const EACH_MAX: i64 = 100_000;

/// An item with its ledger, as they were read.
#[derive(Clone)]
struct Stored {
    item: Item,
    /// The version of the item's row; `None` of an item that is not there yet.
    version: Option<u64>,
    ledger: Ledger,
}

impl Hub {
    /// Makes a SKU a kit of others, or of nothing; without `apply` only shows what would happen. What it has sold so far stays
    /// taken from its former parts.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the part; [`Error::NotFound`].
    pub async fn put_kit(
        &self,
        sku: &Sku,
        parts: &BTreeMap<Sku, i64>,
        apply: bool,
        actor: &str,
    ) -> Result<KitReport, Error> {
        for _ in 0..ATTEMPTS {
            let kit = self.stored(sku, true).await?;
            check(&kit.item, parts)?;
            let concerned: BTreeSet<&Sku> = parts.keys().chain(kit.item.parts.keys()).collect();
            let mut others = Vec::new();
            for part in concerned {
                others.push(self.stored(part, false).await?);
            }
            let report = self.kit_report(&kit, &others, parts, apply).await?;
            if !apply || report.before == report.parts {
                return Ok(report);
            }
            if made(self.write_kit(kit, others, &report, actor).await)? {
                let hub = ListingId::hub().account;
                let hint = Hint::new(hub, Touch::Sku(sku.clone()), PUSH, self.clock.now());
                self.enqueue(&[Hint { asked: Some(asked::KIT.into()), ..hint }]).await?;
                return Ok(report);
            }
        }
        Err(too_fast(format_args!("{sku} or a part of it")))
    }

    async fn stored(&self, sku: &Sku, may_be_new: bool) -> Result<Stored, Error> {
        match self.item_with_version(sku).await {
            Ok((item, version, ledger)) => Ok(Stored { item, version: Some(version), ledger }),
            Err(Error::NotFound { .. }) if may_be_new => {
                let item = Item::new(sku.clone(), String::new());
                Ok(Stored { item, version: None, ledger: Ledger::default() })
            }
            Err(error) => Err(error),
        }
    }

    async fn kit_report(
        &self,
        kit: &Stored,
        others: &[Stored],
        parts: &BTreeMap<Sku, i64>,
        apply: bool,
    ) -> Result<KitReport, Error> {
        for part in others.iter().filter(|part| parts.contains_key(&part.item.sku)) {
            let name = &part.item.sku;
            if !part.item.parts.is_empty() {
                return Err(Error::Invalid(format!("parts: {name} is a kit itself; name what it is made of")));
            }
            if part.item.kits.len() >= KITS_MAX && !part.item.kits.contains_key(&kit.item.sku) {
                return Err(Error::Invalid(format!("parts: {name} is in {KITS_MAX} kits already, which is the most")));
            }
        }
        let accounts = self.accounts().await?;
        let kin: BTreeMap<Sku, Ledger> =
            others.iter().map(|part| (part.item.sku.clone(), part.ledger.clone())).collect();
        let known = Known { ledger: kit.ledger.clone(), kin: kin.clone() };
        let closed = Known { ledger: closed(&kit.ledger, parts), kin };
        let after = Item { parts: parts.clone(), ..kit.item.clone() };
        let (was, becomes) = (targets(&kit.item, &known, &accounts), targets(&after, &closed, &accounts));
        let levels = known.levels(&after);
        Ok(KitReport {
            applied: apply,
            sku: kit.item.sku.clone(),
            before: kit.item.parts.clone(),
            parts: parts.clone(),
            available: levels.into_values().reduce(i64::saturating_add).filter(|_| !parts.is_empty()),
            changes: crate::settings::differences(&kit.item.sku, &was, &becomes),
        })
    }

    /// Writes the kit and all its parts, former and new, at once: their books are closed and opened in the same moment.
    async fn write_kit(
        &self,
        kit: Stored,
        others: Vec<Stored>,
        report: &KitReport,
        actor: &str,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let sku = report.sku.clone();
        let ledger = closed(&kit.ledger, &report.parts);
        let version = kit.ledger.version + 1;
        let item = Item { parts: report.parts.clone(), ..kit.item };
        let mut changes = item.with_ledger(kit.version, &ledger, kit.ledger.version).to_vec();
        for part in others {
            let mut after = part.item.clone();
            match report.parts.get(&after.sku) {
                Some(each) => drop(after.kits.insert(sku.clone(), *each)),
                None => drop(after.kits.remove(&sku)),
            }
            let mut ledger = part.ledger.clone();
            ledger.close_register(&sku, version);
            changes.extend(after.with_ledger(part.version, &ledger, part.ledger.version));
        }
        let words: Vec<String> = report.parts.iter().map(|(part, each)| format!("{each} {part}")).collect();
        let reason = if words.is_empty() { "no kit any more".into() } else { format!("a kit of {}", words.join(", ")) };
        let level = (kit.ledger.total(), ledger.total());
        let history = History::by_person(&sku, now, "kit", (actor, &reason), level);
        changes.push(Change::Put(history.row(self.clock.random()), Condition::Any));
        let due: BTreeMap<_, _> =
            report.changes.iter().filter_map(|change| Some((&change.listing.account, change.to?))).collect();
        let todos = due.into_iter().map(|(account, to)| todo(account, &report.sku, to, now, asked::KIT).row());
        changes.extend(todos.map(|row| Change::Put(row, Condition::Any)));
        self.store.write(&changes).await
    }

    /// One page of all kits, by SKU. A page may hold few or none although others follow.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_kits(&self, after: Option<String>, limit: usize) -> Result<Listed<KitView>, Error> {
        let filter = crate::filter::Filter { kit: Some(true), ..crate::filter::Filter::default() };
        let page = self.find_items(&filter, after, limit).await?;
        let view = |item: crate::items::ItemView| KitView {
            available: item.warehouses.values().copied().reduce(i64::saturating_add),
            sku: item.sku,
            title: item.title,
            parts: item.parts,
        };
        Ok(Listed { rows: page.rows.into_iter().map(view).collect(), next: page.next })
    }
}

/// A kit's ledger with its books closed.
fn closed(ledger: &Ledger, parts: &BTreeMap<Sku, i64>) -> Ledger {
    let mut ledger = ledger.clone();
    ledger.close_kit();
    if parts.is_empty() {
        // it never had stock of its own: until somebody enters some nobody knows its level
        ledger.base.clear();
    }
    ledger
}

fn check(kit: &Item, parts: &BTreeMap<Sku, i64>) -> Result<(), Error> {
    let wrong = |problem: String| Err(Error::Invalid(format!("parts: {problem}")));
    if parts.len() > PARTS_MAX {
        return wrong(format!("{} are too many; a kit has at most {PARTS_MAX}", parts.len()));
    }
    if parts.contains_key(&kit.sku) {
        return wrong(format!("{} cannot be part of itself", kit.sku));
    }
    if !kit.kits.is_empty() && !parts.is_empty() {
        return wrong(format!("{} is part of a kit itself; kits are made of plain items", kit.sku));
    }
    match parts.iter().find(|(_, each)| !(1..=EACH_MAX).contains(*each)) {
        Some((part, each)) => wrong(format!("{each} units of {part} make no kit; use 1 to {EACH_MAX}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(name: &str) -> Sku {
        Sku::new(name).expect("valid")
    }

    #[test]
    fn a_kit_without_sense_is_refused() {
        let mut kit = Item::new(sku("SET"), String::new());
        let refused = |kit: &Item, part: &str, each: i64| {
            let parts = BTreeMap::from([(sku(part), each)]);
            check(kit, &parts).expect_err("it makes no sense").to_string()
        };
        assert_eq!(refused(&kit, "SET", 1), "parts: SET cannot be part of itself");
        assert_eq!(refused(&kit, "CUP", 0), "parts: 0 units of CUP make no kit; use 1 to 100000");
        check(&kit, &BTreeMap::from([(sku("CUP"), 2)])).expect("two cups");
        kit.kits.insert(sku("BIG"), 1);
        assert!(refused(&kit, "CUP", 2).contains("part of a kit itself"));
        check(&kit, &BTreeMap::new()).expect("it may be dissolved");
    }
}
