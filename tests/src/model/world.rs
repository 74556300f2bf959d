//! One state of the model.

use super::row::{Row, fingerprint};
use super::shop::{Answer, Request, Shop};
use super::sights::Sight;
use super::{Kind, Model, START};
use domain::ledger::Square;
use domain::{Entry, Ledger, Position, Timestamp, WarehouseId};
use std::collections::BTreeMap;

/// A message about one listing. Several about the same listing are one: hints carry no quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hint {
    /// None.
    Absent,
    /// One that is due when the claim on the listing has ended or its lease is over.
    Waiting,
    /// One that can be taken.
    Ready,
}

/// One call of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// The level is still to be read: the store will not refuse a write that comes too late.
    Unchecked,
    /// On its way.
    Sent,
    /// Over.
    Ended(Answer),
    /// The level was read instead of asking again.
    Level(i64),
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reads the ledger next.
    Load,
    /// Takes over the abandoned claims of these listings.
    Resolve([bool; 2]),
    /// Took one over and asks what became of it; the others are still to do.
    Ask([bool; 2], Request, Call),
    /// Looks at the hinted listings.
    Look([Option<Sight>; 2]),
    /// Sends what it claimed.
    Send([Option<(Request, Call)>; 2]),
}

/// One run of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// The message that it works on: it comes back if the worker vanishes.
    pub message: usize,
    /// Listings to look at.
    pub hints: [bool; 2],
    /// What it will leave for later.
    pub later: [Hint; 2],
    /// The ledger as it knows it.
    pub row: Row,
    /// How far it is.
    pub phase: Phase,
}

/// Something that must never happen, seen in the step that did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// A row replaced one that its writer had not read.
    Version,
    /// An entry changed and its sequence did not go up.
    Sequence,
}

/// One state: everything that the future depends on, and what the checks need of the past.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The ledger in the table.
    pub row: Row,
    /// Sales that are counted: units, and whether their entry was seen.
    pub markers: BTreeMap<u8, (i64, bool)>,
    /// The stores.
    pub shops: [Shop; 2],
    /// The queue.
    pub hints: [Hint; 2],
    /// Whether the lease of the claim on a listing is over.
    pub expired: [bool; 2],
    /// The workers; `None` is idle.
    pub workers: [Option<Run>; 2],
    /// Requests without a caller that a store may still carry out.
    pub zombies: Vec<Request>,
    /// Changes that are still to happen.
    pub changes: Vec<i64>,
    /// Crashes, faults and redeliveries that are left.
    pub left: [u8; 3],
    /// What the observations reported as counted.
    pub tally: i64,
    /// Units that writes without compare-and-set erased or doubled.
    pub erased: i64,
    /// Units by which outcomes were guessed wrong.
    pub misjudged: i64,
    /// Whether a person was told that a difference may be an edit which was not counted.
    pub told: bool,
    /// What must never happen, if it did.
    pub flaw: Option<Flaw>,
}

impl World {
    pub(super) fn start(model: &Model) -> Self {
        let entry = |kind: Kind| {
            let mut entry = Entry::new(WarehouseId::main());
            entry.shadow = Some(START);
            let has_feed = matches!(kind, Kind::C { .. });
            entry.square = has_feed.then(|| Square::new(START, Position(0), Timestamp(0)));
            entry
        };
        let ledger = Ledger {
            unfiled: Vec::new(),
            version: 1,
            base: BTreeMap::from([(WarehouseId::main(), START)]),
            entries: model.listings.iter().cloned().zip(model.setup.kinds.map(entry)).collect(),
        };
        Self {
            row: Row::new(ledger),
            markers: BTreeMap::new(),
            shops: [Shop::new(), Shop::new()],
            hints: [Hint::Absent; 2],
            expired: [false; 2],
            workers: [None, None],
            zombies: Vec::new(),
            changes: model.setup.changes.clone(),
            left: [model.setup.crashes, model.setup.faults, model.setup.redeliveries],
            tally: 0,
            erased: 0,
            misjudged: 0,
            told: false,
            flaw: None,
        }
    }

    /// The requests that workers have on their way.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Request> {
        self.workers.iter().flatten().flat_map(Run::calls)
    }

    /// Whether a claimant, or a store on its behalf, may still act on the claim of a listing.
    pub(super) fn is_claim_alive(&self, model: &Model, listing: usize) -> bool {
        let Some(claim) = &self.row.entry(&model.listings[listing]).claim else { return false };
        let of_claim = |request: &&Request| request.listing == listing && request.sequence == claim.sequence;
        let unsent = self.workers.iter().flatten().flat_map(Run::unsent).any(|request| of_claim(&request));
        let sent = self.calls().any(|request| of_claim(&request));
        let holds = |run: &Run| run.holds(listing, claim.sequence);
        let busy = !model.setup.slow && self.workers.iter().flatten().any(holds);
        let lands = !model.setup.late && self.zombies.iter().any(|request| of_claim(&request));
        busy || unsent || sent || lands
    }

    /// Puts a new version of the ledger in the place of the one that its writer read.
    pub(super) fn put(&mut self, model: &Model, mut ledger: Ledger) -> Row {
        let before = self.row.clone();
        ledger.version += 1;
        if ledger.version != before.version + 1 {
            self.flaw = Some(Flaw::Version);
        }
        for (place, listing) in model.listings.iter().enumerate() {
            let (old, new) = (before.entry(listing), &ledger.entries[listing]);
            let same = (old.shadow, old.counted, &old.claim) == (new.shadow, new.counted, &new.claim);
            if !same && new.sequence <= old.sequence {
                self.flaw = Some(Flaw::Sequence);
            }
            if old.claim != new.claim {
                self.expired[place] = false;
                self.judge(model, place, new);
            }
        }
        self.row = Row::new(ledger);
        self.row.clone()
    }

    /// Where a claim ended: whether the ledger is right about what became of it.
    fn judge(&mut self, model: &Model, place: usize, new: &Entry) {
        let Some(ended) = &self.row.entry(&model.listings[place]).claim else { return };
        let goes_on = new.claim.as_ref().is_some_and(|claim| claim.sequence == ended.sequence);
        if goes_on || model.setup.kinds[place] != Kind::D {
            return;
        }
        let landed = self.shops[place].landings(ended.sequence) > 0;
        let believed = new.shadow == Some(ended.to);
        self.misjudged += (i64::from(landed) - i64::from(believed)) * (ended.to - ended.from);
    }

    /// A store carries out one of our writes.
    pub(super) fn land(&mut self, model: &Model, request: &Request) -> Answer {
        let place = request.listing;
        let shop = &mut self.shops[place];
        let before = (shop.level, shop.landings(request.sequence));
        let answer = shop.carry_out(model.setup.kinds[place], request);
        if shop.landings(request.sequence) > before.1 {
            self.erased += request.from - before.0;
            if model.setup.own_hints {
                self.hints[place] = Hint::Ready;
            }
        }
        answer
    }

    /// One form for states that are the same: idle workers and orders of workers do not matter, nor do keys that nobody
    /// can send any more.
    pub(super) fn normal(mut self, model: &Model) -> Self {
        let print = |worker: &Option<Run>| fingerprint(worker);
        if print(&self.workers[0]) > print(&self.workers[1]) {
            self.workers.swap(0, 1);
        }
        self.zombies.sort();
        for place in 0..2 {
            let claim = self.row.entry(&model.listings[place]).claim.as_ref().map(|claim| claim.sequence);
            let waiting: Vec<u64> = self.workers.iter().flatten().flat_map(Run::unsent).map(|it| it.sequence).collect();
            let sent: Vec<u64> = self.calls().chain(&self.zombies).map(|it| it.sequence).collect();
            let may_come =
                |sequence: u64| claim == Some(sequence) || waiting.contains(&sequence) || sent.contains(&sequence);
            let shop = &mut self.shops[place];
            shop.keys.retain(|(key, _)| may_come(*key));
            shop.landed.retain(|(sequence, times)| *times > 1 || may_come(*sequence));
        }
        self
    }
}

impl Run {
    /// Requests on their way.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Request> {
        self.requests().filter(|(_, call)| *call == Call::Sent).map(|(request, _)| request)
    }

    /// Requests that are still to be sent.
    pub(super) fn unsent(&self) -> impl Iterator<Item = &Request> {
        self.requests().filter(|(_, call)| *call == Call::Unchecked).map(|(request, _)| request)
    }

    /// Whether it works under the claim of a listing.
    fn holds(&self, listing: usize, sequence: u64) -> bool {
        self.requests().any(|(request, _)| request.listing == listing && request.sequence == sequence)
    }

    fn requests(&self) -> impl Iterator<Item = (&Request, Call)> {
        let (asked, sent) = match &self.phase {
            Phase::Ask(_, request, call) => (Some((request, *call)), None),
            Phase::Send(calls) => (None, Some(calls)),
            Phase::Load | Phase::Resolve(_) | Phase::Look(_) => (None, None),
        };
        let sent = sent.into_iter().flatten().flatten().map(|(request, call)| (request, *call));
        asked.into_iter().chain(sent)
    }
}
