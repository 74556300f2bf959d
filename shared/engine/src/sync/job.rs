//! One SKU of a run.

use crate::records::{FEED, Hint, History, Item, Pushed, Seen, WEBHOOK};
use channels::Touch;
use domain::feed::Reading;
use domain::plan::Push;
use domain::settle::Observed;
use domain::{AccountId, Ledger, ListingId, Sku, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How far a SKU is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Something is left to do.
    Open,
    /// In sync, or waiting durably.
    Done,
    /// The hints must come again.
    Failed(String),
}

/// How a SKU came into a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kin {
    /// A hint named it.
    Asked,
    /// A kit that a hint named is made of it.
    Part,
    /// It is made of one that came in.
    Kit,
}

/// What was seen of one listing in this round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sight {
    /// What the feed says, for a listing that has one.
    pub reading: Option<Reading>,
    /// The level.
    pub level: Option<i64>,
    /// Whether the feed, read again after the level, showed nothing new.
    pub quiet: bool,
    /// Whether the level is that of the feed's newest entry.
    pub exact: bool,
    /// Whether what the feed says counts although the level was not read.
    pub counts: bool,
}

/// One SKU of a run.
#[derive(Debug)]
pub(crate) struct Job {
    pub state: State,
    /// How it came in.
    pub kin: Kin,
    /// Whether it has entered what a kit took since that was last checked.
    pub entered: bool,
    /// The account whose hint came first.
    pub asker: AccountId,
    pub cause: String,
    /// What it follows, of work that waited.
    pub asked: Option<String>,
    pub since: Timestamp,
    pub event: Option<String>,
    pub trace: Option<String>,
    /// How often the hint was tried before.
    pub attempts: u32,
    /// Accounts whose listings of the SKU must be looked at in this round.
    pub look_at: BTreeSet<AccountId>,
    /// Accounts whose level must be read, whatever their feed says.
    pub look_closely: BTreeSet<AccountId>,
    /// Whether what the store refused is tried again.
    pub forgives: bool,
    pub item: Option<Item>,
    pub ledger: Option<Ledger>,
    pub sights: BTreeMap<ListingId, Sight>,
    /// Claimed and committed, to be sent.
    pub claimed: Vec<Push>,
    first_level: Option<i64>,
    seen: Vec<Seen>,
    pushed: Vec<Pushed>,
}

impl Job {
    pub(crate) fn new(hint: &Hint) -> Self {
        Self {
            state: State::Open,
            kin: Kin::Asked,
            entered: false,
            asker: hint.account.clone(),
            cause: hint.cause.clone(),
            asked: hint.follows(),
            since: hint.at,
            event: hint.event.clone(),
            trace: hint.trace.clone(),
            attempts: hint.attempts,
            look_at: BTreeSet::new(),
            look_closely: BTreeSet::new(),
            forgives: false,
            item: None,
            ledger: None,
            sights: BTreeMap::new(),
            claimed: Vec::new(),
            first_level: None,
            seen: Vec::new(),
            pushed: Vec::new(),
        }
    }

    /// A relative of one that is here: its stores are not looked at.
    pub(crate) fn of_kin(other: &Self, kin: Kin) -> Self {
        Self {
            kin,
            event: other.event.clone(),
            ..Self::new(&Hint {
                attempts: other.attempts,
                asked: other.asked.clone(),
                ..Hint::new(other.asker.clone(), Touch::Feed, &other.cause, other.since)
            })
        }
    }

    pub(crate) fn is_kit(&self) -> bool {
        self.item.as_ref().is_some_and(|item| !item.parts.is_empty())
    }

    /// Takes the rows that were just read.
    pub(crate) fn loaded(&mut self, ledger: Ledger, item: Item) {
        self.first_level.get_or_insert(ledger.total());
        (self.ledger, self.item) = (Some(ledger), Some(item));
        self.sights.clear();
    }

    pub(crate) fn is_sold_out(&self) -> bool {
        self.ledger.as_ref().is_some_and(|ledger| ledger.total() <= 0)
    }

    /// Whether what was counted in this run took the hub level below zero.
    pub(crate) fn fell_below_zero(&self) -> bool {
        let now = self.ledger.as_ref().map_or(0, Ledger::total);
        now < 0 && self.first_level.is_some_and(|before| before >= 0)
    }

    pub(crate) fn saw(&mut self, listing: &ListingId, observed: Observed) {
        if observed.counted.is_empty() && observed.notes.is_empty() {
            return;
        }
        self.seen.push(Seen { listing: listing.clone(), counted: observed.counted, notes: observed.notes });
    }

    /// Whether a store told of what caused this: then the time until it is written elsewhere is what people wait.
    pub(crate) fn tells_latency(&self) -> bool {
        self.cause == WEBHOOK || self.cause == FEED
    }

    pub(crate) fn pushed(&mut self, pushed: Pushed) {
        self.pushed.push(pushed);
    }

    /// A line of history of its own for notes that a person must see.
    pub(crate) fn doubts(&self, sku: &Sku, seen: Vec<Seen>, ledger: &Ledger, now: Timestamp) -> History {
        History {
            sku: sku.clone(),
            at: now,
            since: self.since,
            cause: self.asked.clone().unwrap_or_else(|| self.cause.clone()),
            actor: None,
            reason: None,
            level: (self.first_level.unwrap_or(ledger.total()), ledger.total()),
            seen,
            pushed: Vec::new(),
            event: self.event.clone(),
            run: None,
            warehouse: None,
            back: None,
            trace: self.trace.clone(),
        }
    }

    /// The line of history, if anything happened.
    pub(crate) fn history(&self, sku: &Sku, now: Timestamp) -> Option<History> {
        if self.seen.is_empty() && self.pushed.is_empty() {
            return None;
        }
        let last = self.ledger.as_ref().map_or(0, Ledger::total);
        Some(History {
            sku: sku.clone(),
            at: now,
            since: self.since,
            cause: self.asked.clone().unwrap_or_else(|| self.cause.clone()),
            actor: None,
            reason: None,
            level: (self.first_level.unwrap_or(last), last),
            seen: self.seen.clone(),
            pushed: self.pushed.clone(),
            event: self.event.clone(),
            run: None,
            warehouse: None,
            back: None,
            trace: self.trace.clone(),
        })
    }
}
