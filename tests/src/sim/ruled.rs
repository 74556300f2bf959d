//! Worlds with rules, packs and a kit: how they are made, and what must hold in them in the end. What the rules give is said
//! again here ([`Ruled::target`]), not asked of the code that is tested.

use super::setup::{Ruled, Setup};
use super::world::account;
use domain::{Ledger, ListingId, Sku};
use engine::adopt::Silent;
use engine::settings::{Patch, Scope};
use engine::{Error, Hub};
use serde_json::json;
use std::collections::BTreeMap;

fn sku(setup: &Setup, place: usize) -> Sku {
    Sku::new(setup.skus[place].0.clone()).expect("made of letters and digits")
}

/// People make the kit and say what is sold in packs.
///
/// # Errors
/// What the hub says.
pub async fn set_up(hub: &Hub, setup: &Setup) -> Result<(), Error> {
    let Some(ruled) = &setup.ruled else { return Ok(()) };
    let parts = ruled.parts.iter().map(|(place, each)| (sku(setup, *place), *each)).collect();
    hub.put_kit(&sku(setup, ruled.kit), &parts, true, "somebody").await?;
    for (store, pack) in &ruled.packs {
        let scope = Scope::item(sku(setup, 0), Some(account(*store)));
        hub.set_rules(&scope, &Patch::one("pack", *pack), true, "somebody", &Silent).await?;
    }
    Ok(())
}

/// The rules that hold in the end.
#[must_use]
pub fn last(ruled: &Ruled, first: &Sku) -> Vec<(Scope, Patch)> {
    let all = Patch { clear: vec!["all".into()], ..Patch::default() };
    let mut rules = vec![(Scope::default(), all.clone())];
    for (store, (held_back, most)) in ruled.last.iter().enumerate() {
        let set = BTreeMap::from([
            ("hold_back".to_owned(), json!(held_back)),
            ("cap".to_owned(), most.map_or(json!("off"), |most| json!(most))),
        ]);
        rules.push((Scope { account: Some(account(store)), ..Scope::default() }, Patch { set, ..all.clone() }));
        let pack = ruled.packs.get(&store).map(|pack| ("pack".to_owned(), json!(pack)));
        let set = pack.into_iter().collect();
        rules.push((Scope::item(first.clone(), Some(account(store))), Patch { set, ..all.clone() }));
    }
    rules
}

/// The level that a store must show of a SKU.
#[must_use]
pub fn right(ruled: &Ruled, setup: &Setup, ledgers: &BTreeMap<Sku, Ledger>, store: usize, name: &Sku) -> i64 {
    let total = |sku: &Sku| ledgers.get(sku).map_or(0, Ledger::total);
    let place = setup.skus.iter().position(|(known, _)| known == name.as_str()).unwrap_or(0);
    let available = if place == ruled.kit {
        let enough = ruled.parts.iter().map(|(part, each)| total(&sku(setup, *part)).div_euclid(*each));
        enough.min().unwrap_or(0)
    } else {
        total(name)
    };
    ruled.target(store, place, available)
}

/// Parts whose ledgers do not say what the kit has taken: each unit of a kit that anybody sold, once.
#[must_use]
pub fn unregistered(ruled: &Ruled, setup: &Setup, ledgers: &BTreeMap<Sku, Ledger>) -> Vec<String> {
    let kit = sku(setup, ruled.kit);
    let sold: i64 =
        ledgers.get(&kit).into_iter().flat_map(|ledger| ledger.entries.values()).map(|entry| entry.counted).sum();
    let says = |part: &Sku| {
        let entry = ledgers.get(part).and_then(|ledger| ledger.entries.get(&ListingId::kit(&kit)));
        entry.map_or(0, |entry| entry.counted)
    };
    let wrong = ruled.parts.iter().filter_map(|(place, each)| {
        let (part, should) = (sku(setup, *place), sold * each);
        (says(&part) != should).then(|| format!("the kit took {should} of {part}, its register says {}", says(&part)))
    });
    wrong.collect()
}
