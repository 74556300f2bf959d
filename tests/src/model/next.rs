//! What may happen next in a state.

use super::sights::Sight;
use super::world::{Call, Hint, Phase, Run, World};
use super::{Kind, Mistake, Model};

/// Places in [`World::left`].
pub(super) const CRASHES: usize = 0;
pub(super) const FAULTS: usize = 1;
pub(super) const REDELIVERIES: usize = 2;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A sale or an edit of so many units in a store.
    Change(usize, i64),
    /// A message comes once more.
    Redeliver(usize),
    /// The scheduled comparison finds another level in a store than the ledger has.
    Compare(usize),
    /// The lease of the claim on a listing is over.
    Expire(usize),
    /// A worker takes the message of a listing and reads the ledger.
    Take(usize, usize),
    /// A worker reads the ledger for its next round.
    Load(usize),
    /// A worker takes over the first abandoned claim.
    TakeOver(usize),
    /// A worker reads from the store of a listing: a part of its look, or the level before a write or instead of asking.
    Read(usize, usize),
    /// A worker's call to the store of a listing ends.
    Answer(usize, usize, How),
    /// A worker records what became of a claim that it took over.
    Settle(usize),
    /// A worker commits what it saw, with the claims that follow.
    Commit(usize),
    /// A worker records the outcomes of its pushes.
    Record(usize),
    /// A worker vanishes.
    Crash(usize),
    /// A store carries out a request whose caller is gone, or the request is lost.
    Straggler(usize, bool),
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// The store answers.
    Heard,
    /// Refused on the way: 429.
    Refused,
    /// The caller gave up; the request may still arrive.
    TimedOut,
}

impl World {
    /// Everything that may happen next.
    pub(super) fn next(&self, model: &Model, actions: &mut Vec<Action>) {
        for place in 0..2 {
            self.next_at(model, place, actions);
        }
        for (worker, run) in self.workers.iter().enumerate() {
            match run {
                Some(run) => self.next_of(worker, run, actions),
                // two idle workers are the same
                None if worker == 1 && self.workers[0].is_none() => {}
                None => {
                    actions.extend((0..2).filter(|place| self.is_due(model, *place)).map(|it| Action::Take(worker, it)))
                }
            }
        }
        for straggler in 0..self.zombies.len() {
            actions.extend([Action::Straggler(straggler, true), Action::Straggler(straggler, false)]);
        }
    }

    fn next_at(&self, model: &Model, place: usize, actions: &mut Vec<Action>) {
        let mut changes = self.changes.clone();
        changes.sort_unstable();
        changes.dedup();
        let first = self.changes.len() == model.setup.changes.len();
        let mirrored = first && place == 1 && model.setup.kinds[0] == model.setup.kinds[1];
        if !mirrored {
            let only_sells = matches!(model.setup.kinds[place], Kind::C { .. }) && !model.setup.edits;
            let may_be = changes.into_iter().filter(|by| *by < 0 || !only_sells);
            actions.extend(may_be.map(|by| Action::Change(place, by)));
        }
        if model.setup.compares && self.is_missed(model, place) {
            actions.push(Action::Compare(place));
        }
        if self.left[REDELIVERIES] > 0 && self.hints[place] != Hint::Ready {
            actions.push(Action::Redeliver(place));
        }
        let claimed = self.row.entry(&model.listings[place]).claim.is_some();
        let hasty = model.does(Mistake::Hasty);
        if claimed && !self.expired[place] && (hasty || !self.is_claim_alive(model, place)) {
            actions.push(Action::Expire(place));
        }
    }

    /// Whether a level differs and nobody will look: the comparison comes seldom, so it is tried only then.
    fn is_missed(&self, model: &Model, place: usize) -> bool {
        let entry = self.row.entry(&model.listings[place]);
        let idle = self.workers.iter().all(Option::is_none) && self.hints == [Hint::Absent; 2];
        idle && entry.claim.is_none() && entry.shadow != Some(self.shops[place].level)
    }

    fn is_due(&self, model: &Model, place: usize) -> bool {
        let free = || self.row.entry(&model.listings[place]).claim.is_none() || self.expired[place];
        self.hints[place] == Hint::Ready || self.hints[place] == Hint::Waiting && free()
    }

    fn next_of(&self, worker: usize, run: &Run, actions: &mut Vec<Action>) {
        if self.left[CRASHES] > 0 {
            actions.push(Action::Crash(worker));
        }
        match &run.phase {
            Phase::Load => actions.push(Action::Load(worker)),
            Phase::Resolve(_) => actions.push(Action::TakeOver(worker)),
            Phase::Ask(_, request, call) => match call {
                Call::Unchecked | Call::Sent => self.next_of_call(worker, request.listing, *call, actions),
                Call::Ended(_) | Call::Level(_) => actions.push(Action::Settle(worker)),
            },
            Phase::Look(_) => {
                let open = run.unseen();
                actions.extend(open.iter().map(|place| Action::Read(worker, *place)));
                if open.is_empty() {
                    actions.push(Action::Commit(worker));
                }
            }
            Phase::Send(calls) => {
                let mut over = true;
                for (request, call) in calls.iter().flatten() {
                    over &= matches!(call, Call::Ended(_));
                    self.next_of_call(worker, request.listing, *call, actions);
                }
                if over {
                    actions.push(Action::Record(worker));
                }
            }
        }
    }

    fn next_of_call(&self, worker: usize, place: usize, call: Call, actions: &mut Vec<Action>) {
        match call {
            Call::Unchecked => actions.push(Action::Read(worker, place)),
            Call::Sent => {
                actions.push(Action::Answer(worker, place, How::Heard));
                if self.left[FAULTS] > 0 {
                    actions.push(Action::Answer(worker, place, How::Refused));
                    actions.push(Action::Answer(worker, place, How::TimedOut));
                }
            }
            Call::Ended(_) | Call::Level(_) => {}
        }
    }
}

impl Run {
    /// The hinted listings that are still to be looked at.
    fn unseen(&self) -> Vec<usize> {
        let Phase::Look(sights) = &self.phase else { return Vec::new() };
        let seen = |place: usize| matches!(sights[place], Some(Sight::Done { .. }));
        (0..2).filter(|place| self.hints[*place] && !seen(*place)).collect()
    }
}
