//! Worlds in which orders wait for their money, in stores that move stock when an order is placed and in others that do when it is
//! paid for, with a log of movements or without one that may be read; and in which the hub's, a group's and an item's rules
//! keep back of what sells fast.

use super::hands::business;
use super::script::Action;
use super::setup::{Class, Setup};
use super::world::account;
use channels::shopwired::FakeShopWired;
use channels::shopwired::fake::{Refused, Switches};
use domain::{GroupId, Sku};
use engine::adopt::Silent;
use engine::settings::{NewGroup, Patch, Scope};
use engine::{Error, Hub};
use fastrand::Rng;
use std::collections::BTreeSet;

/// What is particular about such a world.
#[derive(Debug, Clone)]
pub struct Owing {
    /// Stores whose orders hold no stock before they are paid for.
    pub waits: BTreeSet<usize>,
    /// Stores whose log may not be read: orders alone tell what was sold there.
    pub blank: BTreeSet<usize>,
    /// Minutes of sales that are kept back of a rush: by the hub's rule, by the group's of the first SKU, by that of the last SKU
    /// at the last store.
    pub flash: [i64; 3],
}

impl Owing {
    /// Of a class. The stores get their switches with it.
    #[must_use]
    pub fn of(class: Class, seed: u64, switches: &mut [Switches]) -> Option<Self> {
        if class != Class::Owing {
            return None;
        }
        let mut rng = Rng::with_seed(seed ^ 0x0E16);
        let waits: BTreeSet<usize> = (0..switches.len()).filter(|_| rng.bool()).collect();
        // of a master without a log nobody can say what was edited and what was sold
        let blank = (1..switches.len()).filter(|_| rng.bool()).collect();
        for (store, switches) in switches.iter_mut().enumerate() {
            switches.unpaid_orders_take = !waits.contains(&store);
        }
        Some(Self { waits, blank, flash: [rng.i64(0..4), rng.i64(0..6), rng.i64(0..6)] })
    }

    /// The setting of a store's account.
    #[must_use]
    pub fn setting(&self, store: usize) -> (String, String) {
        ("unpaid_orders".into(), if self.waits.contains(&store) { "wait" } else { "count" }.into())
    }

    /// Takes the log away from those who shall do without.
    ///
    /// # Errors
    /// [`Refused`] when there is no such store.
    pub fn close_log(&self, fake: &mut FakeShopWired, store: usize) -> Result<(), Refused> {
        match self.blank.contains(&store) {
            true => fake.forbid(business(store), &format!("key-{store}"), &["events"]),
            false => Ok(()),
        }
    }

    /// Whether nobody could tell that it happened: without a log nothing shows what came back, or that an order was called off
    /// before anybody saw that its stock had moved.
    fn is_hidden(&self, action: &Action) -> bool {
        let Some(store) = action.store().filter(|store| self.blank.contains(store)) else { return false };
        let goes_back = matches!(action, Action::Return(..) | Action::Rewrite(..) | Action::Cancel(..));
        goes_back || matches!(action, Action::CallOff(..)) && !self.waits.contains(&store)
    }
}

/// People set what is kept back of a rush.
///
/// # Errors
/// What the hub says.
pub async fn set_up(hub: &Hub, setup: &Setup) -> Result<(), Error> {
    let Some(owing) = &setup.owing else { return Ok(()) };
    let name = |place: usize| Sku::new(setup.skus[place].0.clone()).expect("made of letters and digits");
    let group = GroupId::new("fragile").expect("letters");
    hub.put_group(&NewGroup { id: group.clone(), title: None, rank: None }, "somebody", &Silent).await?;
    hub.group_items(&group, &[name(0)], &[], "somebody").await?;
    let scopes = [
        Scope::default(),
        Scope { group: Some(group), ..Scope::default() },
        Scope::item(name(setup.skus.len() - 1), Some(account(setup.stores - 1))),
    ];
    for (scope, minutes) in scopes.iter().zip(owing.flash) {
        hub.set_rules(scope, &Patch::one("flash_minutes", minutes), true, "somebody", &Silent).await?;
    }
    Ok(())
}

/// Orders that wait for their money in between, each at the time of something else, some of them paid for and some called off.
pub fn owe(owing: &Owing, setup: &Setup, script: &mut Vec<(i64, Action)>) {
    let mut rng = Rng::with_seed(setup.seed ^ 0x0B1D);
    for _ in 0..rng.usize(6..18) {
        let (place, store) = (rng.usize(0..script.len()), rng.usize(0..setup.stores));
        let action = match rng.u8(0..8) {
            0..=3 => Action::Promise(store, vec![(rng.usize(0..setup.skus.len()), rng.i64(1..4))]),
            4..=6 => Action::Pay(store, rng.usize(0..3)),
            _ => Action::CallOff(store, rng.usize(0..3)),
        };
        let at = script[place].0;
        script.insert(place, (at, action));
    }
    script.retain(|(_, action)| !owing.is_hidden(action));
}
