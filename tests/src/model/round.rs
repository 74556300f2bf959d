//! Whether the protocol can go on for ever: a circle in the graph of states would be a run without end.

use super::row::fingerprint;
use super::{Action, Model, Setup, World};
use std::collections::HashMap;

/// How far the search is with a state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// On the way that is being followed.
    Open,
    /// Everything after it was seen.
    Closed,
}

/// The actions of a circle, if there is one: `None` means that every run ends.
#[must_use]
pub fn circle(setup: &Setup) -> Option<Vec<Action>> {
    let model = Model::new(setup.clone());
    let mut marks = HashMap::new();
    let start = World::start(&model).normal(&model);
    marks.insert(fingerprint(&start), Mark::Open);
    let mut way = vec![Step::new(&model, start, None)];
    while let Some(step) = way.last_mut() {
        let Some(action) = step.open.pop() else {
            marks.insert(fingerprint(&step.world), Mark::Closed);
            way.pop();
            continue;
        };
        let next = step.world.after(&model, action);
        match marks.insert(fingerprint(&next), Mark::Open) {
            Some(Mark::Open) => return Some(actions_since(&way, &next, action)),
            Some(Mark::Closed) => {
                marks.insert(fingerprint(&next), Mark::Closed);
            }
            None => way.push(Step::new(&model, next, Some(action))),
        }
    }
    None
}

struct Step {
    world: World,
    by: Option<Action>,
    open: Vec<Action>,
}

impl Step {
    fn new(model: &Model, world: World, by: Option<Action>) -> Self {
        let mut open = Vec::new();
        world.next(model, &mut open);
        Self { world, by, open }
    }
}

fn actions_since(way: &[Step], world: &World, last: Action) -> Vec<Action> {
    let after = way.iter().skip_while(|step| step.world != *world).skip(1);
    after.filter_map(|step| step.by).chain([last]).collect()
}
