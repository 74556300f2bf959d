//! The oracle: watches every commit of the hub and every write that reaches a store, and keeps books of its own.

use super::books::{Books, Place};
use super::core::Core;
use super::grown;
use super::named;
use super::places;
use super::setup::Setup;
use crate::memory::{Commit, Watch};
use channels::Request;
use domain::ledger::Square;
use domain::settle::Note;
use domain::{AccountId, Claim, Entry, Ledger, ListingId, Sku, Unfiled, WarehouseId};
use engine::records::{self, Account, History, SaleMarker};
use engine::runs::RunDone;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The oracle.
pub struct Oracle {
    core: Arc<Core>,
    /// Accounts by the number of their store.
    pub accounts: Vec<AccountId>,
    setup: Setup,
    books: Mutex<Books>,
    watching: Mutex<bool>,
}

/// A pause is respected everywhere after the cache of accounts, a run, and a request on its way have ended, milliseconds.
const PAUSE_MS: i64 = 5_000 + 30_000 + 16_000;

/// How long a claim lives, milliseconds: it says when a claim was made.
const LEASE_MS: i64 = 75_000;

impl Oracle {
    /// An oracle that does not judge yet.
    #[must_use]
    pub fn new(core: Arc<Core>, accounts: Vec<AccountId>, setup: Setup) -> Self {
        Self { core, accounts, setup, books: Mutex::default(), watching: Mutex::default() }
    }

    /// The books.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on everything counts.
    pub fn watch(&self) {
        *self.watching.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn is_watching(&self) -> bool {
        *self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds something wrong.
    pub fn object(&self, what: String) {
        self.core.tell(|| format!("VIOLATION {what}"));
        self.books().violations.push(what);
    }

    /// A request reaches a store: a write must have been announced (R1), and must not reach a paused account (I13).
    pub fn arrives(&self, store: usize, request: &Request) {
        if request.method() != ::http::Method::POST || !request.uri().path().ends_with("/stock") {
            return;
        }
        let Some(account) = self.accounts.get(store) else { return };
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        for item in body.get("items").and_then(Value::as_array).into_iter().flatten() {
            let sku = item.get("sku").and_then(Value::as_str).and_then(|sku| Sku::new(sku).ok());
            if let (Some(sku), Some(to)) = (sku, item.get("quantity").and_then(Value::as_i64)) {
                self.write_arrives(&ListingId::single(account.clone()), &named::ours(&sku), to, None);
            }
        }
    }

    /// A write of a level reaches a store, with its idempotency key if the store heeds one.
    pub fn write_arrives(&self, listing: &ListingId, sku: &Sku, to: i64, key: Option<&str>) {
        let account = &self.setup.spot(listing);
        let now = self.core.now_ms();
        self.core.mark(to.cast_unsigned());
        let mut books = self.books();
        books.written.push(((account.clone(), sku.clone()), now, to));
        (books.arrivals, books.last_arrival) = (books.arrivals + 1, now);
        let since = books.paused.get(&listing.account).copied();
        let place = (account.clone(), sku.clone());
        let claim = self.claim_in(&books, listing, sku);
        if let Some(claim) = &claim {
            // the level was read again after the claim and was what the claim says: an import since then was not seen
            books.overwrite_unseen(&place, claim.lease.0 - LEASE_MS);
        }
        let again = claim.as_ref().and_then(|claim| books.again(&place, claim.sequence, key));
        drop(books);
        if let Some(again) = again {
            self.object(format!("I5: {sku} at {account}: {again}"));
        }
        if since.is_some_and(|since| now > since + PAUSE_MS) {
            self.object(format!("I13: {sku} at {account}: written although it is paused"));
        }
        if claim.as_ref().is_none_or(|claim| claim.to.max(0) != to) {
            self.object(format!("R1: {sku} at {account}: {to} arrives, the claim is {claim:?}"));
        }
    }

    /// The claim of a listing.
    #[must_use]
    pub fn claim(&self, listing: &ListingId, sku: &Sku) -> Option<Claim> {
        self.claim_in(&self.books(), listing, sku)
    }

    fn claim_in(&self, books: &Books, listing: &ListingId, sku: &Sku) -> Option<Claim> {
        let spot = self.setup.spot(listing);
        let mut own = books.ledgers.get(sku)?.entries.iter().filter(|(listing, _)| self.setup.spot(listing) == spot);
        own.find_map(|(_, entry)| entry.claim.clone())
    }

    /// A write has changed a level.
    pub fn write_changed(&self, listing: &ListingId, sku: &Sku, by: i64) {
        if self.is_watching() {
            *self.books().done.entry((self.setup.spot(listing), sku.clone())).or_default() += by;
        }
    }

    fn ledger_commit(&self, commit: &Commit, markers: &mut BTreeMap<Place, i64>, returned: bool) {
        let Some(sku) = commit.key.pk.strip_prefix("SKU#").and_then(|sku| Sku::new(sku).ok()) else { return };
        let read = |row: &engine::ports::Row| records::ledger(row).ok();
        let Some(after) = commit.after.as_ref().and_then(read) else {
            return self.object(format!("{sku}: its ledger is gone or unreadable"));
        };
        let known = self.books().ledgers.get(&sku).cloned();
        let before = commit
            .before
            .as_ref()
            .and_then(|row| known.filter(|known| known.version == row.version).or_else(|| read(row)));
        self.core.tell(|| format!("ledger {sku} v{} H={} {}", after.version, after.total(), shown(&before, &after)));
        if let (true, Some(before)) = (self.is_watching(), before) {
            let feeds = |listing: &ListingId| self.feeds(listing);
            let problems = judge(&before, &after, self.setup.holds_back(), self.core.now_ms(), feeds);
            let problems = problems.into_iter().chain(places::misplaced(&before, &after, returned, feeds));
            let compared = self.books().compared;
            let joined = self.setup.grown.as_ref().map(|grown| grown::joined(grown, compared, &before, &after));
            for problem in problems.chain(joined.into_iter().flatten()) {
                self.object(format!("{sku}: {problem}"));
            }
            let mut phantom = false;
            let mut books = self.books();
            books.commits += 1;
            for (listing, entry) in &after.entries {
                let was = before.entries.get(listing).map_or(0, |entry| entry.counted);
                let place = (self.setup.spot(listing), sku.clone());
                let sold = markers.remove(&place).unwrap_or(0);
                // what comes back to such an account is not stocked again
                let sold = if books.never_restocks.contains(&listing.account) { sold.max(0) } else { sold };
                let believed = before.entries.get(listing).map_or(0, |was| believed(was, entry));
                *books.believed.entry(place.clone()).or_default() += believed;
                if let (false, Some(level)) = (before.entries.contains_key(listing), entry.shadow) {
                    books.entered.insert(place.clone(), level);
                }
                match before.entries.get(listing).and_then(|was| decided(was, entry)) {
                    Some(push) => {
                        books.mingle(&place, &[0], self.core.now_ms());
                        books.decided.insert(place.clone(), push)
                    }
                    None => books.decided.remove(&place),
                };
                if before.entries.get(listing).map(looked_at) != Some(looked_at(entry)) {
                    books.seen(&place, entry, self.core.now_ms());
                }
                if let Some(claim) = entry.claim.as_ref().filter(|claim| claim.tries == 0) {
                    books.claimed(&place, claim.to, self.core.now_ms());
                }
                *books.edits.entry(place.clone()).or_default() += entry.counted - was + sold;
                phantom |= entry.counted - was + sold != 0 && entry.square.is_some() && !books.typed.contains(&place);
            }
            drop(books);
            if phantom {
                self.object(format!("I2: {sku}: an edit is counted where nobody edited anything"));
            }
        }
        self.books().ledgers.insert(sku, after);
    }

    /// Notes since when an account is paused: by what is stored, not by what people were told, who may be several.
    fn paused(&self, commit: &Commit) {
        let Some(id) = commit.key.sk.strip_prefix("ACCOUNT#").filter(|_| commit.key.pk == "HUB") else { return };
        let Ok(id) = AccountId::new(id) else { return };
        let account = commit.after.as_ref().and_then(|row| records::body::<Account>(row).ok());
        let (now, mut books) = (self.core.now_ms(), self.books());
        if account.is_some_and(|account| account.paused) {
            books.paused.entry(id).or_insert(now);
        } else {
            books.paused.remove(&id);
        }
    }

    /// Somebody begins to pause an account, or to end its pause: as which of all who did, if nobody else is about to.
    pub fn pauses(&self, id: &AccountId) -> Option<u64> {
        let mut books = self.books();
        let (begun, about) = books.pausing.entry(id.clone()).or_default();
        (*begun, *about) = (*begun + 1, *about + 1);
        (*about == 1).then_some(*begun)
    }

    /// Somebody was told that an account is paused, or is not any more. It is, unless somebody else was about to change that:
    /// `alone` is what [`Self::pauses`] said.
    pub fn told_paused(&self, id: &AccountId, paused: bool, alone: Option<u64>) {
        let mut books = self.books();
        let (begun, about) = books.pausing.entry(id.clone()).or_default();
        *about = about.saturating_sub(1);
        let wrong = alone == Some(*begun) && books.paused.contains_key(id) != paused;
        drop(books);
        if wrong {
            self.object(format!("I13: {id}: somebody was told that its pause is {paused}, and it is not"));
        }
    }

    /// What is edited here is told in the same transaction, to the unit (an undo is no exception); and what a run did to a
    /// line is done once.
    fn audited(&self, commits: &[Commit]) {
        if !self.is_watching() {
            return;
        }
        let by_hub = |row: &Option<engine::ports::Row>| {
            let ledger = row.as_ref().and_then(|row| records::ledger(row).ok());
            ledger.and_then(|ledger| Some(ledger.entries.get(&ListingId::hub())?.counted)).unwrap_or(0)
        };
        // what a listing that moves or goes has counted is handed over to the hub: no unit moves
        let others = |row: &Option<engine::ports::Row>| {
            let ledger = row.as_ref().and_then(|row| records::ledger(row).ok()).unwrap_or_default();
            let entries = ledger.entries.into_iter().filter(|(listing, _)| !listing.is_hub());
            // one that joins has counted nothing
            entries
                .filter(|(_, entry)| entry.counted != 0)
                .map(|(listing, entry)| (listing, entry.counted))
                .collect::<Vec<_>>()
        };
        let states =
            commits.iter().filter(|commit| commit.key.sk == "STATE" && others(&commit.before) == others(&commit.after));
        let moved: i64 = states.map(|commit| by_hub(&commit.after) - by_hub(&commit.before)).sum();
        let histories = commits.iter().filter(|commit| commit.key.sk.starts_with("HISTORY#"));
        let told = histories.filter_map(|commit| records::body::<History>(commit.after.as_ref()?).ok());
        let told = told.flat_map(|history| history.seen).filter(|seen| seen.listing.is_hub());
        let told: i64 = told.flat_map(|seen| seen.counted).map(|counted| counted.by).sum();
        if moved != told {
            self.object(format!("I1: {moved} units edited here, {told} told in the same transaction"));
        }
        for done in commits.iter().filter(|commit| commit.key.sk.starts_with("DONE#")) {
            let row = done.after.as_ref().and_then(|row| records::body::<RunDone>(row).ok());
            let by = row.map_or(0, |done| done.after - done.before);
            if done.before.is_some() {
                self.object(format!("I5: {} {} is done twice", done.key.pk, done.key.sk));
            } else if by != moved {
                self.object(format!("I1: {} {} says {by}, moved is {moved}", done.key.pk, done.key.sk));
            }
        }
    }

    /// The warehouses that feed a listing.
    fn feeds(&self, listing: &ListingId) -> Vec<WarehouseId> {
        let store = self.accounts.iter().position(|account| *account == listing.account);
        store.map_or_else(Vec::new, |store| self.setup.feeds(store, &listing.location))
    }

    fn note(&self, history: &History) {
        let mut books = self.books();
        for seen in &history.seen {
            for note in &seen.notes {
                let (name, ambiguous) = match note {
                    Note::EditCounted(_) => ("edit counted", None),
                    Note::Overwriting(_) => ("overwriting", None),
                    Note::Tolerated(_) => ("tolerated", None),
                    Note::Repaired(by) => {
                        let place = (self.setup.spot(&seen.listing), history.sku.clone());
                        let told = [Some(*by), with_push(&seen.notes, *by, books.decided.get(&place))];
                        books.mingle(&place, &told.into_iter().flatten().collect::<Vec<_>>(), self.core.now_ms());
                        ("repaired", None)
                    }
                    Note::Ambiguous(by) => ("ambiguous", Some(*by)),
                    Note::Undecided(arrived, failed) => ("undecided", Some(arrived.abs().max(failed.abs()))),
                    Note::NotRestocked(_) => ("not restocked", None),
                    Note::PushResolved(_) => ("push resolved", None),
                    Note::Verified(_) => ("verified", None),
                    Note::Drifted(_) => ("drifted", None),
                };
                *books.notes.entry(name).or_default() += 1;
                if let Some(by) = ambiguous {
                    books.ambiguous.entry((self.setup.spot(&seen.listing), history.sku.clone())).or_default().push(by);
                }
            }
        }
    }
}

fn shown(before: &Option<Ledger>, after: &Ledger) -> String {
    let mut text = String::new();
    for (listing, entry) in &after.entries {
        if before.as_ref().and_then(|before| before.entries.get(listing)) != Some(entry) {
            text += &format!("\n            {}: {}", listing.account, entry_text(entry));
        }
    }
    text
}

fn entry_text(entry: &Entry) -> String {
    let claim = entry
        .claim
        .as_ref()
        .map(|c| format!(" claim {}->{} target {} seq {} tries {}", c.from, c.to, c.target, c.sequence, c.tries));
    let square = entry.square.as_ref().map(|s| {
        let writes: Vec<_> = s.writes.iter().map(|w| (w.value, w.after.0 % 100_000)).collect();
        format!(
            " square with {} pos {} last {} stable {} open {} suspects {:?} guesses {:?} writes {writes:?} echoes {}",
            s.with,
            s.position.0 % 100_000,
            s.last,
            s.stable.0 - super::core::START_MS,
            s.open,
            s.suspects,
            s.guesses,
            s.echoes
        )
    });
    format!(
        "s={:?} d={} w={}{}{}",
        entry.shadow,
        entry.counted,
        entry.sequence,
        claim.unwrap_or_default(),
        square.unwrap_or_default()
    )
}

/// I1 and I6, and what a commit may never do.
fn judge(
    before: &Ledger,
    after: &Ledger,
    ruled: bool,
    now: i64,
    feeds: impl Fn(&ListingId) -> Vec<WarehouseId>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if after.version != before.version + 1 {
        problems.push(format!("I1: version {} follows {}", after.version, before.version));
    }
    if after.base != before.base {
        problems.push("I1: the base moved".into());
    }
    for (listing, entry) in &after.entries {
        let Some(was) = before.entries.get(listing) else { continue };
        let level = (!ruled).then(|| feeds(listing).iter().map(|warehouse| after.level(warehouse)).sum());
        problems.extend(judge_entry(was, entry, level, now).into_iter().map(|problem| format!("{listing}: {problem}")));
    }
    problems
}

/// What a commit may never do to an entry; `level` is what its claims must serve, where no rules stand in between.
fn judge_entry(was: &Entry, entry: &Entry, level: Option<i64>, now: i64) -> Vec<String> {
    let mut problems = Vec::new();
    if substance(was) != substance(entry) && entry.sequence <= was.sequence {
        problems.push(format!("I1: it changed and its sequence stayed {}", was.sequence));
    }
    if was.shadow.is_some() && entry.shadow.is_none() {
        problems.push("its level was forgotten".into());
    }
    match (&was.claim, &entry.claim) {
        (Some(old), Some(new)) if old.sequence != new.sequence && old.lease.0 >= now && !old.accepted => {
            problems.push(format!("I6: {new:?} replaces {old:?}, which is alive"));
        }
        (Some(old), _) if was.counted != entry.counted && !old.accepted => {
            problems.push("I7: something was counted while a push was on its way".into());
        }
        (None, Some(new)) if level.is_some_and(|level| new.target != level.saturating_add(entry.tolerated).max(0)) => {
            problems.push(format!("I8: {new:?} does not serve the level {level:?} of its warehouses"));
        }
        (None, Some(new)) if entry.square.is_none() && new.to != new.target => {
            problems.push(format!("I8: {new:?} writes another level than its target"));
        }
        (Some(_) | None, _) => {}
    }
    problems
}

/// What of an entry says that its store was looked at, or written: not that a claim was made or dropped.
fn looked_at(entry: &Entry) -> (Option<i64>, Option<Square>) {
    let square = entry.square.clone().map(|square| Square { writes: Vec::new(), ..square });
    (entry.shadow, square)
}

/// An entry without how far its feed was read, which changes nothing.
fn substance(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if let Some(square) = &mut entry.square {
        (square.position, square.last, square.echoes, square.forgot) = Default::default();
        square.writes.clear();
    }
    entry
}

/// The units of a push of which a commit decides by the level whether it arrived.
fn decided(was: &Entry, entry: &Entry) -> Option<i64> {
    let guesses = |entry: &Entry| entry.square.as_ref().and_then(|square| square.guesses);
    guesses(was).filter(|_| guesses(entry).is_none()).map(|(failed, applied)| failed - applied)
}

/// By what the count may be wrong when one level decided both that a push arrived or not, and that a difference of `by` units
/// is the trace of our write: the push may have been the other way round.
fn with_push(notes: &[Note], by: i64, push: Option<&i64>) -> Option<i64> {
    let arrived =
        notes.iter().find_map(|note| if let Note::PushResolved(arrived) = note { Some(*arrived) } else { None });
    arrived.zip(push).map(|(arrived, push)| if arrived { by + push } else { by - push })
}

/// What a commit believes that a push has done: a claim that ends with its value in the shadow.
fn believed(was: &Entry, entry: &Entry) -> i64 {
    match (&was.claim, &entry.claim) {
        (Some(claim), None) if entry.shadow == Some(claim.to) => claim.to - was.shadow.unwrap_or(claim.from),
        (Some(_) | None, _) => 0,
    }
}

/// The account and SKU of a sale marker's row, and how many units it held and holds.
fn marker(commit: &Commit) -> Option<(Place, Option<i64>, i64)> {
    let account = commit.key.pk.strip_prefix("SALE#")?.split('#').next()?;
    let units = |row: &Option<engine::ports::Row>| row.as_ref().and_then(|row| records::body::<SaleMarker>(row).ok());
    let (before, after) = (units(&commit.before), units(&commit.after)?);
    Some(((AccountId::new(account).ok()?, after.sku), before.map(|marker| marker.units), after.units))
}

impl Oracle {
    /// The sale lines that these commits count or give back, each with how many units more are held as sold of it: rows of their
    /// own, and lines that ride in a ledger's row. What is filed was counted before. Objects to a line that leaves its ledger's
    /// row while it has none of its own.
    fn lines(&self, commits: &[Commit]) -> Vec<(Place, i64)> {
        let riding = |row: &Option<engine::ports::Row>| {
            row.as_ref().and_then(|row| records::ledger(row).ok()).map(|ledger| ledger.unfiled).unwrap_or_default()
        };
        let key = |sku: &Sku, line: &Unfiled| records::sale_key(&line.account, &line.order, &line.marker().line, sku);
        let mut lines = Vec::new();
        for commit in commits {
            let Some((place, held, holds)) = marker(commit) else { continue };
            let mut books = self.books();
            books.filed.insert(commit.key.clone());
            let rides = books.ledgers.get(&place.1).and_then(|ledger| {
                ledger.unfiled.iter().find(|line| key(&place.1, line) == commit.key).map(|line| line.units)
            });
            match held.or(rides) {
                Some(units) if held.is_none() && units == holds => {}
                before => lines.push((place, holds - before.unwrap_or(0))),
            }
        }
        for commit in commits.iter().filter(|commit| commit.key.sk == "STATE") {
            let Some(sku) = commit.key.pk.strip_prefix("SKU#").and_then(|sku| Sku::new(sku).ok()) else { continue };
            let (before, after) = (riding(&commit.before), riding(&commit.after));
            for line in after.iter().filter(|line| !before.contains(line)) {
                if self.books().filed.contains(&key(&sku, line)) {
                    self.object(format!("I1: {sku}: line {} of {} is counted again", line.line, line.order));
                }
                lines.push(((line.account.clone(), sku.clone()), line.units));
            }
            for line in before.iter().filter(|line| !after.contains(line)) {
                if !self.books().filed.contains(&key(&sku, line)) {
                    self.object(format!("I1: {sku}: line {} of {} has no row and is dropped", line.line, line.order));
                }
            }
        }
        lines
    }
}

impl Watch for Oracle {
    fn committed(&self, commits: &[Commit]) {
        let mut markers: BTreeMap<Place, i64> = BTreeMap::new();
        // a sale was taken from where there was stock before that came back; one that came and went leaves its line as it was
        let lines = self.lines(commits);
        let returned = lines.iter().any(|(_, more)| *more <= 0);
        for problem in commits.iter().filter_map(places::forgotten) {
            self.object(problem);
        }
        for (place, more) in lines {
            *markers.entry(place.clone()).or_default() += more;
            self.core.tell(|| format!("marker {} at {}: {more} more held as sold", place.1, place.0));
            *self.books().sold.entry(place).or_default() += more;
        }
        self.audited(commits);
        commits.iter().for_each(|commit| self.paused(commit));
        for commit in commits.iter().filter(|commit| commit.key.sk == "STATE") {
            self.ledger_commit(commit, &mut markers, returned);
        }
        if let Some((place, _)) = markers.into_iter().find(|(_, more)| *more != 0 && self.is_watching()) {
            self.object(format!("{} at {}: a sale marker without its ledger", place.1, place.0));
        }
        for commit in commits.iter().filter(|commit| commit.key.sk.starts_with("HISTORY#")) {
            if let Some(history) = commit.after.as_ref().and_then(|row| records::body::<History>(row).ok()) {
                self.note(&history);
            }
        }
    }
}
