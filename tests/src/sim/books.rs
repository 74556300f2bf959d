//! The oracle's books: what it knows of the world besides what the hub believes, and what may be put down to what.

use domain::{AccountId, Entry, Ledger, Sku};
use engine::ports::Key;
use std::collections::{BTreeMap, BTreeSet};

/// An account and a SKU.
pub type Place = (AccountId, Sku);

/// What the oracle knows.
#[derive(Default)]
pub struct Books {
    /// What was found wrong, the first first.
    pub violations: Vec<String>,
    /// Ledgers as they are now.
    pub ledgers: BTreeMap<Sku, Ledger>,
    /// Where sale lines have rows of their own.
    pub filed: BTreeSet<Key>,
    /// Units that sale markers hold as sold.
    pub sold: BTreeMap<Place, i64>,
    /// Units counted that no sale marker explains: edits.
    pub edits: BTreeMap<Place, i64>,
    /// What the hub believes that its pushes did to levels, in units.
    pub believed: BTreeMap<Place, i64>,
    /// What they did.
    pub done: BTreeMap<Place, i64>,
    /// Units of notes that ask a person to look, as history has them.
    pub ambiguous: BTreeMap<Place, Vec<i64>>,
    /// Places where somebody typed in a quantity.
    pub typed: BTreeSet<Place>,
    /// Places that saw an import which no store told anybody about.
    pub imported: BTreeSet<Place>,
    /// For each trace of our write that was found, and each push that the level decided: by what the count may be wrong with
    /// it, in units. One of them is true.
    pub mingled: BTreeMap<Place, Vec<BTreeSet<i64>>>,
    /// Units of a push that the last commit of a place decided.
    pub decided: BTreeMap<Place, i64>,
    /// The level with which a listing joined that was not there from the beginning.
    pub entered: BTreeMap<Place, i64>,
    /// Whether the store that joins is only compared for now.
    pub compared: bool,
    /// When a place was last seen with nothing that has to be explained.
    pub explained: BTreeMap<Place, i64>,
    /// Imports that no store told anybody about and that nobody has seen yet: where, when, units.
    pub silent: Vec<(Place, i64, i64)>,
    /// What our writes were, where and when.
    pub written: Vec<(Place, i64, i64)>,
    /// The last edits: where, when, the level they gave, units.
    pub edited: Vec<(Place, i64, i64, i64)>,
    /// Units that nobody can know of: imports that a write replaced which was sent before anybody could see them, and
    /// edits to just the number that we wrote there.
    pub unseen: BTreeMap<Place, Vec<i64>>,
    /// The idempotency key under which a claim's write arrived, by its sequence; empty where the store heeds none.
    pub keys: BTreeMap<(Place, u64), String>,
    /// How often each kind of note was written.
    pub notes: BTreeMap<&'static str, u64>,
    /// Accounts that must not be written, since when.
    pub paused: BTreeMap<AccountId, i64>,
    /// How many people have begun to pause an account, or to end its pause, and how many are about to; one who dies of it stays.
    pub pausing: BTreeMap<AccountId, (u64, u64)>,
    /// Accounts that stock nothing again of what comes back.
    pub never_restocks: BTreeSet<AccountId>,
    /// Commits of ledgers.
    pub commits: u64,
    /// Writes of levels that reached a store.
    pub arrivals: u64,
    /// When a write last reached a store.
    pub last_arrival: i64,
}

/// What a place was last seen with may have been read so long before, milliseconds: by the feed of a late webhook.
const READ_MS: i64 = 180_000;

/// For so long an entry with a value of ours is taken for our write, milliseconds.
const OURS_MS: i64 = 600_000;

/// What a write is claimed by was read so long before at most, milliseconds: two runs.
const CLAIM_MS: i64 = 60_000;

impl Books {
    /// Somebody edits a level by `by` to `to`: nobody can tell that from a write of ours with the same number.
    pub fn edited(&mut self, place: &Place, to: i64, by: i64, now: i64) {
        let same = |(written, at, value): &&(Place, i64, i64)| written == place && *value == to && now - at < OURS_MS;
        if self.written.iter().any(|write| same(&write)) {
            self.unseen.entry(place.clone()).or_default().push(-by);
        }
        self.edited.retain(|(_, at, _, _)| now - at < CLAIM_MS);
        self.edited.push((place.clone(), now, to, by));
    }

    /// A write of `to` is claimed by what was read before: an edit to just that number since then is taken for it.
    pub fn claimed(&mut self, place: &Place, to: i64, now: i64) {
        let same =
            |(edited, at, level, _): &&(Place, i64, i64, i64)| edited == place && *level == to && now - at < CLAIM_MS;
        let taken: Vec<i64> = self.edited.iter().filter(|edit| same(edit)).map(|(.., by)| -by).collect();
        if !taken.is_empty() {
            self.unseen.entry(place.clone()).or_default().extend(taken);
        }
        self.written.push((place.clone(), now, to));
    }

    /// A place was seen: when nothing is left to be explained, earlier imports are past.
    pub fn seen(&mut self, place: &Place, entry: &Entry, now: i64) {
        let explained = entry.square.as_ref().is_none_or(|square| {
            square.guesses.is_none() && square.suspects.is_empty() && entry.shadow == Some(square.with)
        });
        if explained && entry.claim.is_none() {
            self.explained.insert(place.clone(), now);
        }
    }

    /// A difference was taken for the trace of our write, and a person was told its size, the first of `told`: an edit of that
    /// size may have been it. Or a push of unknown outcome was decided by the level; then that is 0. Imports that were waiting to be
    /// explained went with it: the newest ones, all of them from one on, as the level shows only their sum.
    pub fn mingle(&mut self, place: &Place, told: &[i64], now: i64) {
        let since = self.explained.get(place).copied().unwrap_or(0) - READ_MS;
        let waiting = self.silent.iter().filter(|(silent, at, _)| silent == place && (since..=now).contains(at));
        let units: Vec<i64> = waiting.map(|(_, _, units)| *units).collect();
        let sums = (0..=units.len()).map(|from| -units[from..].iter().sum::<i64>());
        self.mingled.entry(place.clone()).or_default().push(sums.chain(told.iter().copied()).collect());
    }

    /// How far a deviation of `by` units is from those that a place may have: by what nobody can know of, and by what was told
    /// with a repair.
    #[must_use]
    pub fn beyond(&self, place: &Place, by: i64) -> u64 {
        let unseen = self.unseen.get(place).into_iter().flatten().map(|units| BTreeSet::from([0, *units]));
        let choices = unseen.chain(self.mingled.get(place).into_iter().flatten().cloned());
        let add = |sums: BTreeSet<i64>, choice: BTreeSet<i64>| {
            sums.iter().flat_map(|sum| choice.iter().map(move |units| sum + units)).collect()
        };
        let allowed = choices.fold(BTreeSet::from([0]), add);
        allowed.into_iter().map(|sum| sum.abs_diff(by)).min().unwrap_or_default()
    }

    /// A claim's write arrives; what is wrong if it did before. Only a store that heeds keys may be asked again, with the same
    /// key, which no other claim has.
    pub fn again(&mut self, place: &Place, sequence: u64, key: Option<&str>) -> Option<String> {
        let now = key.unwrap_or_default().to_owned();
        let claim = (place.clone(), sequence);
        let shared = key.is_some() && self.keys.iter().any(|(other, used)| *used == now && *other != claim);
        let before = self.keys.insert(claim, now.clone());
        match before {
            Some(_) if key.is_none() => Some(format!("claim {sequence} is written twice")),
            Some(before) if before != now => Some(format!("claim {sequence} has the keys {before} and {now}")),
            Some(_) | None => shared.then(|| format!("claim {sequence} has the key {now} of another claim")),
        }
    }

    /// A write arrives: imports since its claim are gone, and nobody has seen them.
    pub fn overwrite_unseen(&mut self, place: &Place, since: i64) {
        let (gone, left) = std::mem::take(&mut self.silent)
            .into_iter()
            .partition::<Vec<_>, _>(|(silent, at, _)| silent == place && *at >= since);
        self.silent = left;
        self.unseen.entry(place.clone()).or_default().extend(gone.into_iter().map(|(_, _, units)| -units));
    }
}
