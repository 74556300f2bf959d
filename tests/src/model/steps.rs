//! The steps from state to state: what follows from an action.

use super::next::{Action, CRASHES, FAULTS, How, REDELIVERIES};
use super::shop::{Answer, Request};
use super::world::{Call, Hint, Phase, Run, World};
use super::{Kind, Mistake, Model};
use domain::plan::{self, Decision, Hold, Push};
use domain::push::{self, Inquiry};
use domain::settle::Note;
use domain::{Ledger, Timestamp};

/// How long a lease is; only its end matters.
const LEASE_MS: i64 = 0;
impl World {
    /// The state after an action.
    pub(super) fn after(&self, model: &Model, action: Action) -> Self {
        let mut world = self.clone();
        match action {
            Action::Change(place, by) => world.change(model, place, by),
            Action::Redeliver(place) => {
                world.left[REDELIVERIES] -= 1;
                world.hints[place] = Hint::Ready;
            }
            Action::Compare(place) => world.hints[place] = Hint::Ready,
            Action::Expire(place) => world.expired[place] = true,
            Action::Straggler(place, lands) => {
                let request = world.zombies.remove(place);
                if lands {
                    world.land(model, &request);
                }
            }
            Action::Take(worker, place) => world.take(model, worker, place),
            Action::Load(worker)
            | Action::TakeOver(worker)
            | Action::Read(worker, _)
            | Action::Answer(worker, _, _)
            | Action::Settle(worker)
            | Action::Commit(worker)
            | Action::Record(worker)
            | Action::Crash(worker) => {
                if let Some(run) = world.workers[worker].take() {
                    world.workers[worker] = world.step(model, run, action);
                }
            }
        }
        world.normal(model)
    }

    fn change(&mut self, model: &Model, place: usize, by: i64) {
        let Some(at) = self.changes.iter().position(|change| *change == by) else { return };
        self.changes.remove(at);
        let number = u8::try_from(self.changes.len()).unwrap_or(u8::MAX);
        self.shops[place].change(model.setup.kinds[place], by, number);
        self.hints[place] = Hint::Ready;
    }

    fn take(&mut self, model: &Model, worker: usize, place: usize) {
        self.hints[place] = Hint::Absent;
        let mut hints = [false; 2];
        hints[place] = true;
        let (row, later) = (self.row.clone(), [Hint::Absent; 2]);
        let run = Run { message: place, hints, later, row, phase: Phase::Load };
        self.workers[worker] = self.step(model, run, Action::Load(worker));
    }

    fn step(&mut self, model: &Model, run: Run, action: Action) -> Option<Run> {
        match action {
            Action::Load(_) => Some(self.load(model, run)),
            Action::TakeOver(_) => Some(self.take_over(model, run)),
            Action::Read(_, place) => Some(self.read(model, run, place)),
            Action::Answer(_, place, how) => Some(self.answer(model, run, place, how)),
            Action::Settle(_) => Some(self.settle(model, run)),
            Action::Commit(_) => self.commit(model, run),
            Action::Record(_) => self.record(model, run),
            Action::Crash(_) => self.crash(&run),
            Action::Change(..)
            | Action::Redeliver(_)
            | Action::Compare(_)
            | Action::Expire(_)
            | Action::Take(..)
            | Action::Straggler(..) => Some(run),
        }
    }

    fn load(&self, model: &Model, mut run: Run) -> Run {
        run.row = self.row.clone();
        let leave = model.does(Mistake::Abandoning);
        let claimed = |place: usize| self.row.entry(&model.listings[place]).claim.is_some();
        run.phase = Phase::Resolve([0, 1].map(|place| claimed(place) && self.expired[place] && !leave));
        run.go_on(model)
    }

    fn take_over(&mut self, model: &Model, mut run: Run) -> Run {
        let Phase::Resolve(mut open) = run.phase else { return run };
        let Some(place) = open.iter().position(|open| *open) else { return run };
        open[place] = false;
        run.phase = Phase::Resolve(open);
        let listing = &model.listings[place];
        if !model.does(Mistake::GivingUp) {
            run.row = self.row.clone();
        }
        let mut ledger = run.row.to_ledger();
        let expired = self.expired[place];
        let taken = ledger.entries.get_mut(listing).is_some_and(|entry| {
            // a moment after the lease, or within it
            let over = entry.claim.as_ref().map(|claim| claim.lease.plus_ms(i64::from(expired)));
            over.is_some_and(|now| push::take_over(entry, now, LEASE_MS))
        });
        if !taken || !self.is_current(model, &run) {
            run.row = self.row.clone();
            return run.go_on(model);
        }
        run.row = self.put(model, ledger);
        let Some(claim) = &run.row.entry(listing).claim else { return run };
        let tries = if model.does(Mistake::FreshKey) { u64::from(claim.tries) * 1_000 } else { 0 };
        let request = Request {
            listing: place,
            key: claim.sequence + tries,
            sequence: claim.sequence,
            from: claim.from,
            to: claim.to,
        };
        let call = match push::inquiry(model.setup.kinds[place].policy().class) {
            Inquiry::SameKey => Call::Sent,
            Inquiry::Level => Call::Unchecked,
        };
        run.phase = Phase::Ask(open, request, call);
        run
    }

    fn is_current(&self, model: &Model, run: &Run) -> bool {
        run.row.version == self.row.version || model.does(Mistake::Unconditional)
    }

    fn read(&self, model: &Model, mut run: Run, place: usize) -> Run {
        let level = self.shops[place].level;
        match &mut run.phase {
            Phase::Look(sights) => sights[place] = Some(self.look(model, &run.row, place, sights[place])),
            Phase::Ask(_, _, call) => *call = Call::Level(level),
            Phase::Send(calls) => {
                if let Some((request, call)) = &mut calls[place] {
                    *call = if level == request.from { Call::Sent } else { Call::Ended(Answer::Stale) };
                }
            }
            Phase::Load | Phase::Resolve(_) => {}
        }
        run
    }

    fn answer(&mut self, model: &Model, mut run: Run, place: usize, how: How) -> Run {
        let found = match &mut run.phase {
            Phase::Ask(_, request, call) => Some((request, call)),
            Phase::Send(calls) => calls[place].as_mut().map(|(request, call)| (request, call)),
            Phase::Load | Phase::Resolve(_) | Phase::Look(_) => None,
        };
        let Some((request, call)) = found else { return run };
        self.left[FAULTS] -= u8::from(how != How::Heard);
        *call = Call::Ended(match how {
            How::Heard => self.land(model, request),
            How::Refused => Answer::Refused,
            How::TimedOut => {
                self.zombies.push(request.clone());
                Answer::Unknown
            }
        });
        run
    }

    /// `resolve_one` of the engine, after the store was asked.
    fn settle(&mut self, model: &Model, mut run: Run) -> Run {
        let Phase::Ask(open, request, call) = run.phase else { return run };
        run.phase = Phase::Resolve(open);
        let (place, listing) = (request.listing, &model.listings[request.listing]);
        let unheard = matches!(call, Call::Ended(Answer::Refused | Answer::Unknown));
        if unheard && !model.does(Mistake::Forgetful) {
            run.later[place] = Hint::Waiting;
            return run.go_on(model);
        }
        let claim = run.row.entry(listing).claim.clone();
        if self.row.entry(listing).claim == claim && !model.does(Mistake::GivingUp) {
            run.row = self.row.clone();
        }
        let mut ledger = run.row.to_ledger();
        if let (Some(entry), Some(claim)) = (ledger.entries.get_mut(listing), claim) {
            match call {
                Call::Level(level) => push::resolve_by_level(entry, level, Timestamp(0)),
                Call::Ended(Answer::Refused) => {
                    entry.claim = None;
                    entry.sequence += 1;
                }
                Call::Ended(answer) => {
                    push::record(entry, &claim, answer.into(), Timestamp(0));
                }
                Call::Unchecked | Call::Sent => {}
            }
        }
        run.row = if self.is_current(model, &run) { self.put(model, ledger) } else { self.row.clone() };
        run.hints[place] = true;
        run.go_on(model)
    }

    /// `count_and_claim` of the engine.
    fn commit(&mut self, model: &Model, mut run: Run) -> Option<Run> {
        let Phase::Look(sights) = run.phase.clone() else { return Some(run) };
        let (mut ledger, mut markers, mut later) = (run.row.to_ledger(), Vec::new(), run.later);
        let (mut tally, mut told) = (0, false);
        for (place, sight) in sights.iter().enumerate() {
            let (Some(sight), Some(entry)) = (*sight, ledger.entries.get_mut(&model.listings[place])) else { continue };
            let (observed, marked) = self.observe(model, entry, place, sight);
            markers.extend(marked);
            tally += observed.counted.iter().map(|counted| counted.by).sum::<i64>();
            told |= observed
                .notes
                .iter()
                .any(|note| matches!(note, Note::Ambiguous(_) | Note::Undecided(..) | Note::Repaired(_)));
            if observed.again.is_some() {
                later[place] = Hint::Ready;
            }
        }
        let pushes = decide(model, &ledger, &mut later);
        let unclaimed = ledger.clone();
        plan::claim(&mut ledger, &pushes, Timestamp(0), LEASE_MS);
        if told || ledger.differs_in_substance(&run.row) {
            if !self.is_current(model, &run) {
                run.hints = sights.map(|sight| sight.is_some());
                run.phase = Phase::Load;
                return Some(run);
            }
            (self.tally, self.told) = (self.tally + tally, self.told || told);
            self.mark(markers);
            let skips = model.does(Mistake::Unclaimed);
            run.row = self.put(model, if skips { unclaimed } else { ledger.clone() });
            if skips {
                ledger.version = run.row.version;
                run.row = super::row::Row::new(ledger);
            }
        }
        (run.later, run.hints) = (later, [false; 2]);
        if pushes.is_empty() {
            return self.finish(&run);
        }
        run.phase = Phase::Send(requests(model, &run, &pushes));
        Some(run)
    }

    /// `send` of the engine after its calls: outcomes go to the ledger as it is now.
    fn record(&mut self, model: &Model, mut run: Run) -> Option<Run> {
        let Phase::Send(calls) = run.phase.clone() else { return Some(run) };
        let mut ledger = self.row.to_ledger();
        let mut stale = false;
        for (request, call) in calls.iter().flatten() {
            let listing = &model.listings[request.listing];
            let (Call::Ended(answer), Some(claim)) = (*call, run.row.entry(listing).claim.clone()) else { continue };
            let Some(entry) = ledger.entries.get_mut(listing) else { continue };
            if model.does(Mistake::Unclaimed) {
                entry.claim = Some(claim.clone());
            }
            push::record(entry, &claim, answer.into(), Timestamp(0));
            match answer {
                Answer::Stale => (stale, run.hints[request.listing]) = (true, true),
                Answer::Refused => run.later[request.listing] = Hint::Ready,
                Answer::Unknown => run.later[request.listing] = run.later[request.listing].max(Hint::Waiting),
                Answer::Applied => {}
            }
        }
        run.row = self.put(model, ledger);
        let open = |push: &Push| run.later[model.place(push)] == Hint::Absent;
        if !stale && !decide(model, &run.row, &mut [Hint::Absent; 2]).iter().any(open) {
            return self.finish(&run);
        }
        run.phase = Phase::Load;
        Some(run)
    }

    fn finish(&mut self, run: &Run) -> Option<Run> {
        for place in 0..2 {
            self.hints[place] = self.hints[place].max(run.later[place]);
        }
        None
    }

    /// The message comes back; calls on their way may still be carried out.
    fn crash(&mut self, run: &Run) -> Option<Run> {
        self.left[CRASHES] -= 1;
        self.hints[run.message] = Hint::Ready;
        self.zombies.extend(run.calls().cloned());
        None
    }
}

impl Run {
    /// Resolves what is left to resolve, else looks.
    fn go_on(mut self, model: &Model) -> Self {
        if matches!(self.phase, Phase::Resolve([false, false])) {
            for (place, listing) in model.listings.iter().enumerate() {
                if self.hints[place] && self.row.entry(listing).claim.is_some() {
                    self.hints[place] = false;
                    self.later[place] = self.later[place].max(Hint::Waiting);
                }
            }
            self.phase = Phase::Look([None, None]);
        }
        self
    }
}

impl Model {
    fn place(&self, push: &Push) -> usize {
        usize::from(push.listing != self.listings[0])
    }
}

/// What to push, and what to look at later.
fn decide(model: &Model, ledger: &Ledger, later: &mut [Hint; 2]) -> Vec<Push> {
    let mut pushes = Vec::new();
    for (listing, decision) in plan::plan(ledger, &model.views) {
        let place = usize::from(listing != model.listings[0]);
        match decision {
            Decision::Push(push) => pushes.push(push),
            Decision::Hold(Hold::Pending) => later[place] = later[place].max(Hint::Waiting),
            Decision::Hold(Hold::Unresolved) => later[place] = Hint::Ready,
            Decision::InSync | Decision::Hold(_) => {}
        }
    }
    pushes
}

fn requests(model: &Model, run: &Run, pushes: &[Push]) -> [Option<(Request, Call)>; 2] {
    let mut requests = [None, None];
    for push in pushes {
        let place = model.place(push);
        let Some(claim) = &run.row.entry(&push.listing).claim else { continue };
        let kind: Kind = model.setup.kinds[place];
        let call = if kind.is_checked_before_write() { Call::Unchecked } else { Call::Sent };
        let (key, sequence, from, to) = (claim.sequence, claim.sequence, push.from, push.to);
        requests[place] = Some((Request { listing: place, key, sequence, from, to }, call));
    }
    requests
}
