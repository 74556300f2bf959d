//! Our own writes in the feed: which entries are theirs, and what the level was before an entry that one of them may have moved.

use super::Reader;
use crate::feed::Movement;
use crate::ledger::Written;

/// Stores tell the time in whole seconds, milliseconds.
const STORE_SECOND_MS: i64 = 1_000;
/// An entry so much later than one of our writes came after it, milliseconds. Longer than any call lives, and than clocks
/// usually differ.
pub(super) const WINDOW_MS: i64 = 600_000;
/// Where a store logs our writes, an entry so much later than one of them has that write's entry before it, milliseconds: a
/// call under a claim does not live so long.
pub(super) const LOGGED_MS: i64 = 90_000;

impl Reader {
    /// The oldest of our writes that the entry may be.
    pub(super) fn own_write(&self, movement: &Movement) -> Option<usize> {
        let is_it = |write: &Written| write.value == movement.level_after && write.after < movement.id;
        self.reading.writes.iter().position(is_it)
    }

    /// Recognises the entry of one of our own writes, and with it that the older ones are past; whether it is the newest.
    pub(super) fn is_ours(&mut self, movement: &Movement) -> Option<bool> {
        let place = self.own_write(movement)?;
        self.found.extend(self.reading.writes.drain(..=place).next_back());
        Some(self.reading.writes.is_empty())
    }

    /// Whether an entry shows the number of a write of ours once more and soon: that may be the write's own entry, and the one that
    /// was taken for it somebody who entered the same number.
    pub(super) fn repeats_ours(&self, movement: &Movement) -> bool {
        let is_it = |write: &Written| write.value == movement.level_after && movement.at.since_ms(write.at) < LOGGED_MS;
        self.found.iter().any(is_it)
    }

    /// Whether the entry may be a change of `by` units: from the entry before, or from one of our writes since.
    pub(super) fn moved(&self, movement: &Movement, by: i64) -> bool {
        self.baselines(movement).contains(&(movement.level_after - by))
    }

    /// Whether the entry may be a rise by `by` units, even from a write of ours that a store which logs them did not log.
    pub(super) fn rose(&self, movement: &Movement, by: i64) -> bool {
        let before = movement.level_after - by;
        let mut writes = self.reading.writes.iter();
        self.reading.last == before || writes.any(|write| write.value == before && write.after < movement.id)
    }

    /// Whether a write's own entry seems to come further on, in a store that has shown that it logs our writes: then it is not past.
    fn is_ahead(&self, movement: &Movement, write: &Written) -> bool {
        let is_it = |(id, level): &(_, i64)| *id > movement.id && *id > write.after && *level == write.value;
        self.logs_ours && self.reading.echoes && self.ahead.iter().any(is_it)
    }

    /// The entry changed the level by `by` units. Where that shows that it came after one of our writes, that write and
    /// the ones before it are past; of writes with the same value only the first is sure to be.
    pub(super) fn pass_writes(&mut self, movement: &Movement, by: i64) {
        let before = movement.level_after - by;
        let ahead: Vec<bool> = self.reading.writes.iter().map(|write| self.is_ahead(movement, write)).collect();
        let writes = &mut self.reading.writes;
        if before == self.reading.last {
            // it would have found the same without the write: only the time tells
            let found = |write: &&mut Written| {
                write.value == before && write.after < movement.id && write.at < movement.at.plus_ms(STORE_SECOND_MS)
            };
            if let Some(write) = writes.iter_mut().find(found) {
                write.past = true;
            }
            return;
        }
        let place = writes.iter().position(|write| write.value == before && write.after < movement.id);
        let Some(place) = place.filter(|place| !ahead[*place]) else {
            // something that the log does not have moved the level: again only the time tells
            let earlier =
                |write: &Written| write.after < movement.id && write.at < movement.at.plus_ms(STORE_SECOND_MS);
            for (write, ahead) in writes.iter_mut().zip(ahead) {
                write.past |= !ahead && earlier(write);
            }
            return;
        };
        writes.drain(..=place);
        // which of several it found, where a later one had the same value: only the time tells
        let later = |write: &&mut Written| write.after < movement.id && write.at < movement.at.plus_ms(STORE_SECOND_MS);
        if writes.iter().any(|write| write.value == before) {
            writes.iter_mut().filter(later).for_each(|write| write.past = true);
        }
        // the log does not have it: what was taken for an echo once was none
        self.reading.echoes = false;
    }

    /// Where a write of ours arrived and a later entry comes without the write's own, the log does not have our writes: what was
    /// taken for an echo once was somebody who entered the same number.
    pub(super) fn doubt_echoes(&mut self, movement: &Movement) {
        let missing = |write: &Written| {
            write.after < movement.id
                && write.at.plus_ms(LOGGED_MS) < movement.at
                && write.value != movement.level_after
        };
        if !self.unsure && !self.shows_ours && self.reading.writes.iter().any(missing) {
            (self.reading.echoes, self.logs_ours) = (false, false);
        }
    }

    /// Our writes of long before the entry are past: what the newest of them left is what the entry found.
    pub(super) fn pass_old_writes(&mut self, movement: &Movement) {
        let writes = &mut self.reading.writes;
        let old = writes.iter().take_while(|write| movement.at.since_ms(write.at) > WINDOW_MS).count();
        if let Some(newest) = writes.drain(..old).next_back()
            && !self.reading.echoes
        {
            self.reading.last = newest.value;
        }
    }

    /// What the level may have been before an entry: that of the entry before, or any of our writes since.
    pub(super) fn baselines(&self, movement: &Movement) -> Vec<i64> {
        let mut values = vec![self.reading.last];
        if !self.reading.echoes {
            let ours = self.reading.writes.iter().filter(|write| write.after < movement.id);
            values.extend(ours.map(|write| write.value));
        }
        values
    }

    /// The level before an entry, where it can be known: the log shows our writes, or there were none, or the level read
    /// afterwards tells whether our last write came before the entry or after it.
    pub(super) fn baseline(&mut self, movement: &Movement, level: Option<i64>) -> Option<i64> {
        if self.reading.forgot {
            return None;
        }
        let possible = self.baselines(movement);
        let (&logged, ours) = possible.split_first()?;
        let Some(&latest) = ours.last() else {
            return Some(logged);
        };
        let newest = self.reading.writes.iter().rfind(|write| write.after < movement.id);
        if level == Some(movement.level_after) && !self.unsure && newest.is_some_and(|write| write.past) {
            self.reading.writes.clear();
            self.reading.doubts.push(movement.level_after - logged);
            return Some(logged);
        }
        if level == Some(movement.level_after) && !self.unsure {
            if newest.is_some_and(|write| write.over == level) {
                return Some(self.shown_late(movement, &possible));
            }
            self.reading.writes.clear();
            return Some(latest);
        }
        if level != Some(latest) {
            return None;
        }
        let before = self.erased_from(movement, &possible);
        if ours.len() > 1 {
            self.reading.doubts.push(movement.level_after - before);
        }
        Some(before)
    }

    /// The level before an edit whose entry shows late: our newest write replaced just what it shows, and something that the log
    /// does not have made the level that number again. A person is told, who may have entered it once more.
    fn shown_late(&mut self, movement: &Movement, possible: &[i64]) -> i64 {
        let before = possible.iter().rev().nth(1).copied().unwrap_or(self.reading.last);
        self.reading.doubts.push(movement.level_after - before);
        let newest = self.reading.writes.iter().rposition(|write| write.after < movement.id).unwrap_or(0);
        self.reading.writes.drain(..newest);
        before
    }

    /// The level before an edit that one of our writes erased: what that write was meant to replace. Each write is made
    /// only after its level was read again, so the edit came between: the last write claimed by then is the one.
    fn erased_from(&self, movement: &Movement, possible: &[i64]) -> i64 {
        let ours = self.reading.writes.iter().filter(|write| write.after < movement.id);
        let claimed = ours.filter(|write| write.at < movement.at.plus_ms(STORE_SECOND_MS)).count().max(1);
        possible.get(claimed - 1).copied().unwrap_or(self.reading.last)
    }
}
