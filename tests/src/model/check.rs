//! What is checked, and the search over all states.

use super::world::{Hint, World};
use super::{Action, Kind, Model, START, Setup};
use domain::WarehouseId;
use domain::plan::{self, Decision};
use stateright::{Checker, HasDiscoveries, Model as _, Property};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

/// No world may have more states: a search that does not end is a defect of the world.
const STATES_MAX: usize = 20_000_000;

/// A run with more commits than this goes round in circles.
const COMMITS_MAX: u64 = 40;

/// What a search found.
#[derive(Debug, Clone)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// The longest of the shortest ways to a state, in steps.
    pub depth: usize,
    /// Whether the search saw every state.
    pub complete: bool,
    /// Milliseconds.
    pub ms: u128,
    /// The name of each broken rule, with a shortest way to break it.
    pub broken: BTreeMap<&'static str, String>,
}

/// Explores every state of a world on `threads` threads.
#[must_use]
pub fn explore(setup: &Setup, threads: usize) -> Explored {
    search(setup, threads, HasDiscoveries::All)
}

/// Explores a world until it breaks one of the rules.
#[must_use]
pub fn explore_until(setup: &Setup, threads: usize, rules: &[&'static str]) -> Explored {
    search(setup, threads, HasDiscoveries::AnyOf(rules.iter().copied().collect()))
}

fn search(setup: &Setup, threads: usize, until: HasDiscoveries) -> Explored {
    let started = Instant::now();
    let checker = Model::new(setup.clone())
        .checker()
        .threads(threads.max(1))
        .target_state_count(STATES_MAX)
        .finish_when(until)
        .spawn_bfs()
        .join();
    let broken = checker.discoveries().into_iter().map(|(name, path)| {
        let mut story = String::new();
        for (state, action) in path.into_vec() {
            let levels = state.shops.each_ref().map(|shop| shop.level);
            let ledger = state.row.entries.values().map(|entry| (entry.shadow, entry.counted)).collect::<Vec<_>>();
            let action = action.map_or_else(|| "rest".to_owned(), |action| format!("{action:?}"));
            let _ = writeln!(story, "stores {levels:?} ledger {ledger:?} then {action}");
        }
        (name, story)
    });
    let broken = broken.collect();
    let complete = checker.state_count() < STATES_MAX;
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    Explored { states, depth, complete, ms: started.elapsed().as_millis(), broken }
}

impl stateright::Model for Model {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::start(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.next(self, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        Some(world.after(self, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("I1 the level is the base plus what was counted", |_, world: &World| {
                world.flaw.is_none() && world.row.level(&WarehouseId::main()) == START + world.tally
            }),
            Property::always("I2 units are conserved", |model: &Self, world: &World| {
                !world.is_at_rest(model) || world.is_conserved(model)
            }),
            Property::always("I3 the stores converge", |model: &Self, world: &World| {
                !world.is_at_rest(model) || world.has_converged(model)
            }),
            Property::always("I4 the workers come to rest", |_, world: &World| world.row.version <= COMMITS_MAX),
            Property::always("I5 a push lands at most once", |_, world: &World| {
                world.shops.iter().all(|shop| shop.landed.iter().all(|(_, times)| *times <= 1))
            }),
            Property::always("I6 a push on its way has its claim", |model: &Self, world: &World| {
                world.are_claims_announced(model)
            }),
        ]
    }
}

impl World {
    /// Whether nothing more can happen.
    pub(super) fn is_at_rest(&self, model: &Model) -> bool {
        if self.workers.iter().any(Option::is_some) || !self.changes.is_empty() {
            return false;
        }
        let mut actions = Vec::new();
        self.next(model, &mut actions);
        // a message that may come again, and never has to, is no reason to wait
        actions.iter().all(|action| matches!(action, Action::Redeliver(_)))
    }

    fn is_conserved(&self, model: &Model) -> bool {
        let told = if model.setup.kinds.contains(&Kind::D) { self.erased + self.misjudged } else { 0 };
        let changes: i64 = model.setup.changes.iter().sum();
        let asked = model.setup.edits && self.told;
        asked || self.row.level(&WarehouseId::main()) == START + changes + told
    }

    fn has_converged(&self, model: &Model) -> bool {
        let level = self.row.level(&WarehouseId::main()).max(0);
        let in_sync = plan::plan(&self.row, &model.views).into_values().all(|it| it == Decision::InSync);
        in_sync
            && self.row.is_quiet()
            && self.hints == [Hint::Absent; 2]
            && self.shops.iter().all(|shop| shop.level == level)
    }

    fn are_claims_announced(&self, model: &Model) -> bool {
        let late: &[_] = if model.setup.late { &[] } else { &self.zombies };
        self.calls().chain(late).all(|request| {
            let claim = &self.row.entry(&model.listings[request.listing]).claim;
            let announced = claim.as_ref().is_some_and(|claim| claim.sequence == request.sequence);
            // who asks again may find the claim recorded meanwhile; the store then knows the key and changes nothing
            announced || self.shops[request.listing].keys.iter().any(|(key, _)| *key == request.key)
        })
    }
}
