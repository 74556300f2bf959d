//! The ledger of one SKU: what every listing was last known to have, and what was counted from it.
//!
//! `H = base + Σ counted` for each warehouse, always. A change is counted in exactly one place, so units are conserved by
//! construction; everything else in here exists to count each change once and to know what our own writes did.

use crate::planted::{self, Mistake};
use crate::{ListingId, Position, Timestamp, Unfiled, WarehouseId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The state of one SKU. Stored as one small row; written only under a condition on its version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The version of the stored row; 0 before the first write.
    #[serde(skip)]
    pub version: u64,
    /// What each warehouse started with, in units.
    #[serde(rename = "b", default)]
    pub base: BTreeMap<WarehouseId, i64>,
    /// The listings of the SKU.
    #[serde(rename = "l", default)]
    pub entries: BTreeMap<ListingId, Entry>,
    /// Counted sale lines whose markers are not rows of their own yet. Stored beside the rest, not in it.
    #[serde(skip)]
    pub unfiled: Vec<Unfiled>,
}

/// What is known of one listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its home: the warehouse that its changes count in, but for what is [`Entry::charged`] to others.
    #[serde(rename = "h", default = "WarehouseId::main", skip_serializing_if = "is_main")]
    pub warehouse: WarehouseId,
    /// The shadow: the level that we last knew the store to have. `None` until it was seen once; unknown is not zero.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none", default)]
    pub shadow: Option<i64>,
    /// The sum of the changes counted from it, over all warehouses.
    #[serde(rename = "d", default)]
    pub counted: i64,
    /// The part of [`Entry::counted`] that counts in other warehouses than its home, of a listing that several feed.
    #[serde(rename = "c", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub charged: BTreeMap<WarehouseId, i64>,
    /// Goes up with each commit that touches the entry.
    #[serde(rename = "w", default)]
    pub sequence: u64,
    /// A difference to the target that a person was told of and that stays.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    pub tolerated: i64,
    /// A push that may be on its way.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none", default)]
    pub claim: Option<Claim>,
    /// What a listing with a feed and absolute writes keeps besides.
    #[serde(rename = "f", skip_serializing_if = "Option::is_none", default)]
    pub square: Option<Square>,
    /// Why the store refuses to write it, or does not carry a write out: a person must mend that.
    #[serde(rename = "x", skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<Trouble>,
    /// Since when writes of it cannot be sent: history tells of that once. Over when one is answered, or none is needed.
    #[serde(rename = "u", skip_serializing_if = "Option::is_none", default)]
    pub unsent: Option<Timestamp>,
}

/// What keeps a listing from showing its number, whatever we do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What the store said.
    #[serde(rename = "w")]
    pub why: String,
    /// Since when.
    #[serde(rename = "s")]
    pub since: Timestamp,
    /// Whether it is not written until that is mended.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub holds: bool,
    /// The only target that it holds back, where another one may be taken.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub target: Option<i64>,
}

/// A push that was announced before it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The level that the store had when we claimed.
    #[serde(rename = "f")]
    pub from: i64,
    /// The level that we write.
    #[serde(rename = "t")]
    pub to: i64,
    /// The target that the write serves; differs from `to` when an unsettled difference rides along.
    #[serde(rename = "g")]
    pub target: i64,
    /// The entry's sequence at the claim: the idempotency key is derived from it.
    #[serde(rename = "w")]
    pub sequence: u64,
    /// Until then only the claimant may act on it.
    #[serde(rename = "l")]
    pub lease: Timestamp,
    /// Calls made under it before the present one. Only a first call can be known never to have been sent.
    #[serde(rename = "n", default)]
    pub tries: u32,
    /// Whether the store took the write, or may have taken it, and will carry it out later.
    #[serde(rename = "a", default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// Since when it is accepted.
    #[serde(rename = "s", default, skip_serializing_if = "is_the_beginning")]
    pub since: Timestamp,
    /// What was counted from the listing since then, in units.
    #[serde(rename = "c", default, skip_serializing_if = "is_zero")]
    pub counted: i64,
    /// The stored call that the write is one row of: its composition is its idempotency key.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
}

/// What a listing with a movement feed and absolute writes keeps (class C).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Square {
    /// What the listing is square with: what the store would show if nothing unexplained had happened. Whatever a level that
    /// stood still showed is decided, and then this is that level; it is written where its target is another.
    #[serde(rename = "g")]
    pub with: i64,
    /// The feed is counted up to here.
    #[serde(rename = "i")]
    pub position: Position,
    /// The level after the last movement read.
    #[serde(rename = "e")]
    pub last: i64,
    /// Since when the level has stood still with nothing new in the feed.
    #[serde(rename = "c")]
    pub stable: Timestamp,
    /// Whether we wrote since the last settled observation.
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Changes counted since then, oldest first: our write may have erased them in the store.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<i64>,
    /// A push with unknown outcome: what the listing is square with if it failed, and if it took effect.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub guesses: Option<(i64, i64)>,
    /// Our own recent writes, oldest first, for recognising them in the feed.
    #[serde(rename = "q", default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<Written>,
    /// Whether this store has been seen to log our own writes.
    #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
    pub echoes: bool,
    /// Whether one of our writes had to be forgotten before it was seen in the feed: until then the feed alone cannot tell
    /// an edit from it.
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    pub forgot: bool,
    /// When the listing began: the level that it began with shows the orders placed before.
    #[serde(rename = "b", default, skip_serializing_if = "is_the_beginning")]
    pub since: Timestamp,
    /// What of its store is read again, if its name there is new to the hub.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub unheard: Option<Unheard>,
}

/// From where on a store is read again for a listing whose name there the hub has only just been told: whoever did not know
/// the name yet has read past what happened to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheard {
    /// The place in its log.
    #[serde(rename = "i")]
    pub position: Position,
    /// When: of a store without a log, orders placed since then.
    #[serde(rename = "a")]
    pub at: Timestamp,
    /// Until then there may be processes that do not know the name.
    #[serde(rename = "u")]
    pub until: Timestamp,
}

impl Unheard {
    /// What is left of it after a look that began at `began` and read the log up to `upto`, all of it unless there is `more`.
    #[must_use]
    pub fn after(self, began: Timestamp, upto: Position, more: bool) -> Option<Self> {
        if more {
            return Some(Self { position: upto, ..self });
        }
        (began < self.until).then_some(self)
    }
}

/// One of our own writes, as it may show up in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The level written.
    #[serde(rename = "v")]
    pub value: i64,
    /// The feed's position at the claim: the entry of the write, if there is one, is newer.
    #[serde(rename = "i")]
    pub after: Position,
    /// When it was claimed.
    #[serde(rename = "c")]
    pub at: Timestamp,
    /// Whether an order that was placed after the claim found just this level, as it would have without the write, or one that
    /// nothing in the log explains.
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pub past: bool,
    /// The level that it replaced, where neither the log nor a write of ours explained that: its entry may show late.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub over: Option<i64>,
}

/// What a commit of the ledger is. Each commit is exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Something was counted or seen, and pushes were claimed in the same write.
    Observed,
    /// Outcomes of pushes were recorded.
    Pushed,
    /// An abandoned push was resolved.
    Resolved,
    /// A person moved the ledger: adoption, stock edit, listing added or removed. Audited.
    Rebased,
}

/// Own writes kept for recognising them in the feed.
const WRITES_KEPT: usize = 16;
/// From so many on, having read past them in the feed is worth a write of its own.
const WRITES_WORTH_STORING: usize = 12;

impl Ledger {
    /// The hub level of a warehouse: base plus everything counted in it. May be negative: oversold units are owed.
    #[must_use]
    pub fn level(&self, warehouse: &WarehouseId) -> i64 {
        let base = self.base.get(warehouse).copied().unwrap_or(0);
        base.saturating_add(self.counted_in(warehouse))
    }

    /// The hub level over all warehouses.
    #[must_use]
    pub fn total(&self) -> i64 {
        let base: i64 = self.base.values().sum();
        base.saturating_add(self.entries.values().map(|entry| entry.counted).sum())
    }

    /// Whether no push is on its way and every level is known.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.entries.values().all(|entry| entry.claim.is_none())
    }

    /// Whether this differs from `before` in more than how far the feed was read. Having read on is stored with the next
    /// thing that matters: reading the same entries again changes nothing.
    #[must_use]
    pub fn differs_in_substance(&self, before: &Self) -> bool {
        let mut same = self.clone();
        for (listing, entry) in &mut same.entries {
            let Some(former) = before.entries.get(listing) else { return true };
            // it counts commits: one that stores nothing else is none
            entry.sequence = former.sequence;
            if let (Some(square), Some(earlier)) = (&mut entry.square, &former.square) {
                if earlier.writes.len() >= WRITES_WORTH_STORING && square.writes.len() < earlier.writes.len() {
                    return true;
                }
                (square.position, square.last) = (earlier.position, earlier.last);
                (square.echoes, square.forgot) = (earlier.echoes, earlier.forgot);
                square.writes.clone_from(&earlier.writes);
                if square.suspects.is_empty() && earlier.suspects.is_empty() {
                    square.open = earlier.open;
                }
            }
        }
        same != *before
    }
}

impl Entry {
    /// A listing that was never seen.
    #[must_use]
    pub const fn new(warehouse: WarehouseId) -> Self {
        Self {
            warehouse,
            shadow: None,
            counted: 0,
            charged: BTreeMap::new(),
            sequence: 0,
            tolerated: 0,
            claim: None,
            square: None,
            trouble: None,
            unsent: None,
        }
    }

    /// No write of it waits any more.
    pub fn needs_no_write(&mut self) {
        if self.claim.is_none() && self.unsent.take().is_some() {
            self.sequence += 1;
        }
    }

    /// Counts a change of this listing.
    pub fn count(&mut self, by: i64) {
        self.counted = self.counted.saturating_add(by);
    }

    /// What the store refused may be tried again.
    pub fn forgive(&mut self) {
        if self.trouble.as_ref().is_some_and(|trouble| trouble.holds) {
            self.trouble = None;
            self.sequence += 1;
        }
    }

    /// The write that the store took and has yet to carry out.
    #[must_use]
    pub fn accepted(&self) -> Option<&Claim> {
        self.claim.as_ref().filter(|claim| claim.accepted)
    }

    /// Whether its level holds no riddle: what is counted now is all that moves it.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let Some(square) = &self.square else { return false };
        let explained = self.shadow.is_some_and(|shadow| !square.is_unsettled(shadow));
        self.claim.is_none() && explained && square.unheard.is_none()
    }
}

impl Claim {
    /// Whether its lease is over: whoever claimed can no longer have a call on its way. An accepted write has none.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        let early = if planted::is(Mistake::ShortLease) { 65_000 } else { 0 };
        !self.accepted && self.lease < now.plus_ms(early)
    }
}

impl Square {
    /// A listing seen at `level` when the feed stood at `position`.
    #[must_use]
    pub fn new(level: i64, position: Position, now: Timestamp) -> Self {
        Self { with: level, position, last: level, stable: now, since: now, ..Self::default() }
    }

    /// Counts a change: the store lowered itself, or will.
    pub fn count(&mut self, by: i64) {
        self.with = self.with.saturating_add(by);
        self.guesses = self.guesses.map(|(failed, applied)| (failed.saturating_add(by), applied.saturating_add(by)));
        if (self.open || self.guesses.is_some()) && !planted::is(Mistake::NoSuspects) {
            self.suspects.push(by);
        }
    }

    /// Whether a level must stand still before anything follows from it: it differs, or the outcome of a push is not known,
    /// or something was counted that our write may have erased.
    #[must_use]
    pub fn is_unsettled(&self, level: i64) -> bool {
        self.with != level || self.guesses.is_some() || !self.suspects.is_empty()
    }

    /// All is explained or decided at `level`: our writes are past, and what they erased is known.
    pub fn close(&mut self, level: i64) {
        self.suspects.clear();
        self.writes.clear();
        (self.with, self.open, self.last, self.forgot) = (level, false, level, false);
    }

    /// Remembers one of our own writes, of `value` over the level `from`.
    pub fn wrote(&mut self, from: i64, value: i64, now: Timestamp) {
        let explained = self.last == from || self.writes.iter().any(|write| write.value == from);
        let over = (!explained).then_some(from);
        self.writes.push(Written { value, after: self.position, at: now, past: false, over });
        if self.writes.len() > WRITES_KEPT {
            self.writes.remove(0);
            self.forgot = true;
        }
    }
}

fn is_main(warehouse: &WarehouseId) -> bool {
    *warehouse == WarehouseId::main()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_the_beginning(time: &Timestamp) -> bool {
    time.0 == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccountId;

    fn listing(account: &str) -> ListingId {
        ListingId::single(AccountId::new(account).expect("a valid name"))
    }

    #[test]
    fn the_hub_level_is_base_plus_everything_counted() {
        let mut ledger = Ledger { base: BTreeMap::from([(WarehouseId::main(), 10)]), ..Ledger::default() };
        for (account, by) in [("main", 5), ("shop", -2), ("other", -1)] {
            let mut entry = Entry::new(WarehouseId::main());
            entry.count(by);
            ledger.entries.insert(listing(account), entry);
        }
        ledger.adjust(&WarehouseId::main(), -4);
        assert_eq!(ledger.level(&WarehouseId::main()), 8);
        assert_eq!(ledger.total(), 8);
    }

    #[test]
    fn having_seen_our_own_write_in_the_feed_is_worth_no_write() {
        let mut entry = Entry::new(WarehouseId::main());
        (entry.shadow, entry.square) = (Some(7), Some(Square::new(7, Position(1), Timestamp(0))));
        let mut square = Square { open: true, ..Square::new(7, Position(1), Timestamp(0)) };
        square.wrote(7, 7, Timestamp(0));
        let before = Ledger {
            entries: BTreeMap::from([(listing("shop"), Entry { square: Some(square), ..entry.clone() })]),
            ..Ledger::default()
        };
        entry.sequence = 1;
        let mut after = Ledger { entries: BTreeMap::from([(listing("shop"), entry)]), ..Ledger::default() };
        assert!(!after.differs_in_substance(&before));
        after.entries.get_mut(&listing("shop")).expect("it is there").count(-1);
        assert!(after.differs_in_substance(&before));
    }

    #[test]
    fn a_row_of_ten_listings_fits_one_write_unit() {
        let mut ledger = Ledger { base: BTreeMap::from([(WarehouseId::main(), 10)]), ..Ledger::default() };
        for number in 0..10 {
            let mut entry = Entry::new(WarehouseId::main());
            (entry.shadow, entry.counted, entry.sequence) = (Some(100), -20, 42);
            ledger.entries.insert(listing(&format!("store-{number}")), entry);
        }
        let text = serde_json::to_string(&ledger).expect("plain data");
        assert!(text.len() < 700, "{} bytes: {text}", text.len());
        assert_eq!(serde_json::from_str::<Ledger>(&text).expect("our own text"), ledger);
    }
}
