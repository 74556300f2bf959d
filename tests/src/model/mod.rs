//! A small exhaustive model: every interleaving of two workers, three changes and one crash, on two listings of one SKU.
//!
//! The simulation tries many long runs; this tries all short ones. Each step of a worker that another worker, a store or a
//! crash can come between is one atomic action here: read the ledger, take over an abandoned claim, look at a store (feed,
//! level, feed again), commit what was seen with the claims that follow, check the level before a blind write, the call
//! that takes effect, record the outcomes. Every decision is made by the real `domain` crate ([`domain::settle::observe`],
//! [`domain::plan::plan`], [`domain::plan::claim`], [`domain::push::record`], [`domain::push::take_over`],
//! [`domain::push::resolve_by_level`], [`domain::feed::read`]); the model holds only the stores, the queue, the table and
//! the order in which workers ask, which follows `engine::sync`.
//!
//! What a state is: one ledger row, the sale markers, two stores, one hint per listing (absent, ready, or waiting for a
//! claim to end), two workers, requests whose callers are gone but which a store may still carry out, and what is left
//! of the changes and faults. Workers are interchangeable, so states that differ only in their order are one.
//!
//! What is checked in every state: `H = base + Σ counted` and versions step by one (I1); a call on its way has its claim in
//! the ledger, so no push goes out unannounced and no listing has two live claims (I6); no key changes a store twice (I5).
//! In every state in which nothing more can happen: the stores show their targets and nothing is pending (I3); for classes
//! A and C the hub level is the start plus all changes (I2); for class D it is off by exactly what blind writes erased
//! and what a guess about a lost outcome got wrong. [`round`] shows that no run goes on for ever.
//!
//! Time is abstract. A lease may end once its claimant can no longer send: it crashed, or its call is over (R3). A request
//! whose caller is gone lands before the lease ends, or never, unless [`Setup::late`] lets it land at any time: class A
//! must stand that too, if its store remembers an answer under its key. A level settles as soon as the feed, read again,
//! shows nothing new: these stores move their stock and write their log in one instant.
//!
//! What it found:
//! - A worker that acts on a look which is older than another's may leave the ledger at a level that the store has left
//!   again, where the changes in between cancel: the other saw nothing to write and is done. No unit is lost; the scheduled
//!   comparison puts it right ([`Setup::compares`]).
//! - A take-over, or what asking told, that is dropped when others changed the ledger meanwhile lets two workers in step keep
//!   each other from ever coming to rest. The engine takes the step again on the ledger as it is.
//! - An edit on a store that logs our writes, between the check before our first write and that write, was left in doubt
//!   although the log showed the order; `domain::feed::read` now counts it.
//!
//! Not in it: rules, packs, kits, paused accounts, lost hints, stale reads, orders that show later than their movement, a
//! run's limits of rounds and time. The simulation has those.

mod check;
mod next;
pub mod round;
mod row;
mod shop;
mod sights;
mod steps;
mod world;

pub use check::{Explored, explore, explore_until};
pub use next::{Action, How};
pub use world::World;

use domain::plan::View;
use domain::rules::Rules;
use domain::settle::Policy;
use domain::{AccountId, Class, Drift, Inbound, ListingId, Sku, WarehouseId};
use std::collections::BTreeMap;

/// The level of both stores and of the hub at the start, in units.
pub const START: i64 = 5;

/// How a store of the model is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Compare-and-set with an idempotency key.
    A,
    /// Absolute writes, and a log of its stock movements.
    C {
        /// Whether our own writes appear in the log.
        echoes: bool,
    },
    /// Absolute writes, only the level can be read.
    D,
}

/// A deliberate mistake in the protocol: the checks must notice each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// Pushes are sent without their claims in the ledger (R1).
    Unclaimed,
    /// A refusal of a retry drops the claim, as if it said something about the first call (R2).
    Forgetful,
    /// Claims are taken over while their claimant may still send (R3).
    Hasty,
    /// Claims of vanished workers are left alone.
    Abandoning,
    /// Asking again uses a new key (R6).
    FreshKey,
    /// Commits do not ask for the version that was read.
    Unconditional,
    /// What others' changes of the ledger have overtaken is dropped instead of done again: a take-over, what asking told.
    GivingUp,
}

/// One world to explore in full.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The two stores.
    pub kinds: [Kind; 2],
    /// What happens in the stores, in units; at any time, in any order, in either store.
    pub changes: Vec<i64>,
    /// Whether people edit the stock of class C stores too, or only sell there.
    pub edits: bool,
    /// Workers that vanish.
    pub crashes: u8,
    /// Calls that are refused or time out.
    pub faults: u8,
    /// Messages that come once more for no reason.
    pub redeliveries: u8,
    /// Whether our own writes cause hints, as webhooks do.
    pub own_hints: bool,
    /// Whether a claimant may be so slow after its calls that the lease ends before it has recorded them.
    pub slow: bool,
    /// Whether a request may land after its claim's lease.
    pub late: bool,
    /// Whether stores are compared with the ledger when all is quiet.
    pub compares: bool,
    /// What is done wrong.
    pub mistake: Option<Mistake>,
}

impl Setup {
    /// Two workers, one crash, nothing else wrong.
    #[must_use]
    pub fn new(kinds: [Kind; 2], changes: &[i64]) -> Self {
        Self {
            kinds,
            changes: changes.to_vec(),
            edits: false,
            crashes: 1,
            faults: 0,
            redeliveries: 0,
            own_hints: false,
            slow: false,
            late: false,
            compares: true,
            mistake: None,
        }
    }
}

impl Kind {
    const fn class(self) -> Class {
        match self {
            Self::A => Class::A,
            Self::C { .. } => Class::C,
            Self::D => Class::D,
        }
    }

    /// Every change counts, in every store.
    const fn policy(self) -> Policy {
        Policy {
            class: self.class(),
            inbound: Inbound::All,
            drift: Drift::Overwrite,
            restock: domain::Restock::Always,
            settle_ms: 0,
            verify_ms: None,
            each: 1,
        }
    }
}

/// A setup with the names that go with it.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub setup: Setup,
    pub listings: [ListingId; 2],
    pub sku: Sku,
    pub views: BTreeMap<ListingId, View>,
}

impl Model {
    pub(crate) fn new(setup: Setup) -> Self {
        let listing = |name| ListingId::single(AccountId::new(name).expect("a valid name"));
        let listings = [listing("first"), listing("second")];
        let view = |kind: Kind| View {
            class: kind.class(),
            feeds: vec![WarehouseId::main()],
            rules: Rules::default(),
            barred: None,
            kit: None,
            hold: None,
        };
        let views = listings.iter().cloned().zip(setup.kinds.map(view)).collect();
        Self { setup, listings, sku: Sku::new("TEE").expect("a valid name"), views }
    }

    pub(crate) fn does(&self, mistake: Mistake) -> bool {
        self.setup.mistake == Some(mistake)
    }
}
