//! Reading the movement feed of a store: which entries are sales, returns, edits, and which are our own writes.

mod ours;
#[cfg(test)]
mod tests;

use crate::feed::{Cause, Counted, LineState, Marker, Movement, ORDER_PATIENCE_MS, Orders, Reading};
use crate::ledger::{Square, Written};
use crate::{OrderId, Position, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Reads `movements` of one SKU (ascending, whatever their position) against what is known: `orders` names the lines of
/// each order that the store could show, and `level` is the level read after the feed, if it was.
///
/// What moved counts, not what an order's text promises. An entry with an order counts that order's lines of the SKU that
/// are not counted yet, or gives counted ones back; an entry without one is ours if it equals a value that we wrote, else
/// an edit, whose size is the difference to the entry before it.
#[must_use]
pub fn read(square: &Square, movements: &[Movement], orders: &Orders, level: Option<i64>, now: Timestamp) -> Reading {
    let mut reader = Reader {
        orders: orders.clone(),
        reading: Reading {
            position: square.position,
            last: square.last,
            writes: square.writes.clone(),
            echoes: square.echoes,
            forgot: square.forgot,
            unheard: square.unheard,
            ..Reading::default()
        },
        entries: BTreeMap::new(),
        unsure: square.guesses.is_some(),
        logs_ours: square.echoes,
        shows_ours: false,
        found: Vec::new(),
        ahead: Vec::new(),
    };
    let fresh: Vec<&Movement> = movements.iter().filter(|movement| movement.id > square.position).collect();
    let plain = fresh.iter().filter(|movement| movement.order.is_none());
    reader.ahead = plain.map(|movement| (movement.id, movement.level_after)).collect();
    for order in fresh.iter().filter_map(|movement| movement.order.clone()) {
        *reader.entries.entry(order).or_default() += 1;
    }
    // a store that logs one of our writes further on logs them all: what came before that entry is measured from the log
    reader.shows_ours = fresh.iter().any(|movement| movement.order.is_none() && reader.own_write(movement).is_some());
    reader.reading.echoes |= reader.shows_ours;
    for (place, movement) in fresh.iter().enumerate() {
        let newest = place + 1 == fresh.len();
        if !reader.step(movement, level.filter(|_| newest), now) {
            break;
        }
    }
    reader.reading.forgot &= !reader.reading.writes.is_empty();
    reader.reading
}

struct Reader {
    orders: Orders,
    /// How many entries each order still has in the stretch.
    entries: BTreeMap<OrderId, usize>,
    reading: Reading,
    /// Whether nobody knows yet if our last write took effect.
    unsure: bool,
    /// Whether the store has shown before that it logs our writes.
    logs_ours: bool,
    /// Whether the stretch has an entry of one of our writes.
    shows_ours: bool,
    /// The writes of ours whose entries the stretch seems to have had so far.
    found: Vec<Written>,
    /// Positions and levels of the stretch's entries without an order.
    ahead: Vec<(Position, i64)>,
}

impl Reader {
    /// Reads one entry; `false` when it must wait.
    fn step(&mut self, movement: &Movement, level: Option<i64>, now: Timestamp) -> bool {
        self.doubt_echoes(movement);
        match &movement.order {
            None => self.without_order(movement, level),
            Some(order) => {
                let known = self.orders.contains_key(order);
                if !known && now.since_ms(movement.at) < ORDER_PATIENCE_MS {
                    self.reading.waits_for = Some(order.clone());
                    return false;
                }
                self.pass_old_writes(movement);
                self.with_order(movement, order, level);
                self.entries.entry(order.clone()).and_modify(|left| *left = left.saturating_sub(1));
            }
        }
        self.reading.position = movement.id;
        self.reading.last = movement.level_after;
        true
    }

    fn without_order(&mut self, movement: &Movement, level: Option<i64>) {
        let known = self.logs_ours;
        if let Some(newest) = self.is_ours(movement) {
            self.reading.own += 1;
            self.reading.echoes = true;
            let by = movement.level_after - self.reading.last;
            // nobody knows whether that write took effect, and the store has never shown that it logs them: somebody may have
            // entered the same number
            if newest && self.unsure && !known && by != 0 {
                self.reading.doubts.push(by);
            }
            return;
        }
        self.pass_old_writes(movement);
        match self.baseline(movement, level) {
            Some(before) => {
                // that the log does not have a write of which nobody knows shows that it did not arrive, if the log has any; and what
                // shows for the first time that it has, may be somebody who entered the same number
                let supposed = self.unsure && !self.shows_ours || self.shows_ours && !self.logs_ours;
                if self.reading.echoes && supposed {
                    let ours = self.reading.writes.iter().filter(|write| write.after < movement.id);
                    self.reading.doubts.extend(ours.map(|write| movement.level_after - write.value));
                }
                if self.repeats_ours(movement) {
                    self.reading.doubts.push(movement.level_after - before);
                }
                self.count(movement.level_after - before, Cause::Edit(movement.id));
            }
            None => {
                self.reading.unclear += 1;
                let sizes = self.baselines(movement).into_iter().map(|before| movement.level_after - before);
                let sizes: BTreeSet<i64> = sizes.filter(|by| *by != 0 || self.reading.forgot).collect();
                self.reading.doubts.extend(sizes);
            }
        }
    }

    fn with_order(&mut self, movement: &Movement, order: &OrderId, level: Option<i64>) {
        let lines = self.orders.get(order).cloned().unwrap_or_default();
        if lines.is_empty() {
            match self.baseline(movement, level) {
                Some(before) => self.count(movement.level_after - before, Cause::Order(order.clone())),
                None => self.reading.unclear += 1,
            }
            return;
        }
        let fresh: Vec<LineState> = lines.iter().filter(|line| line.counted.is_none()).cloned().collect();
        if fresh.is_empty() { self.give_back(movement, order, &lines) } else { self.take(movement, order, &fresh) }
    }

    /// Counts an order's lines that were never counted: the one that has this entry to itself, or all of them.
    fn take(&mut self, movement: &Movement, order: &OrderId, fresh: &[LineState]) {
        let all: i64 = fresh.iter().map(|line| line.quantity).sum();
        let each = self.left(order) >= fresh.len();
        let mut fitting = fresh.iter().filter(|line| self.moved(movement, -line.quantity));
        let one = match (each, fitting.next()) {
            (true, fitting) => fitting.or(fresh.first()),
            (false, fitting) => fitting.filter(|_| !self.moved(movement, -all)),
        };
        let mut taken = one.map_or_else(|| fresh.to_vec(), |line| vec![line.clone()]);
        self.pass_writes(movement, -taken.iter().map(|line| line.quantity).sum::<i64>());
        let logged = taken.len() == 1;
        for line in &mut taken {
            line.logged = logged;
            self.mark(order, line, line.quantity);
            self.count(-line.quantity, Cause::Sale(order.clone(), line.id.clone()));
        }
    }

    /// All lines are counted already. A line whose own entry was not seen yet may have it now; otherwise it goes back.
    fn give_back(&mut self, movement: &Movement, order: &OrderId, lines: &[LineState]) {
        if let Some(line) = lines.iter().find(|line| !line.logged && self.moved(movement, -line.quantity)) {
            self.pass_writes(movement, -line.quantity);
            let line = LineState { logged: true, ..line.clone() };
            return self.mark(order, &line, line.counted.unwrap_or(0));
        }
        let held: Vec<LineState> = lines.iter().filter(|line| line.counted.unwrap_or(0) > 0).cloned().collect();
        let all: i64 = held.iter().filter_map(|line| line.counted).sum();
        let fits = |line: &&LineState| self.rose(movement, line.counted.unwrap_or(0));
        // whatever the level says: lines whose entries were all seen can only go back, and go back whole
        let certain = lines.iter().all(|line| line.logged);
        let alike = held.iter().all(|line| line.counted == held[0].counted);
        let one = held.iter().find(fits).or_else(|| held.first().filter(|_| certain && alike));
        match (one, held.as_slice()) {
            (_, []) => {}
            // the same entry once more; or something came back, and a change that the store does not log hides it
            _ if movement.level_after == self.reading.last && self.reading.writes.is_empty() => {
                if certain || held.iter().any(|line| line.cancelled) {
                    self.reading.guessed.push(all);
                }
            }
            (Some(line), _) => {
                // another line may have come back, and a change that the store does not log made up for the rest
                let other = !alike && self.left(order) < held.len();
                self.come_back(movement, order, std::slice::from_ref(line), other);
            }
            (None, _) if self.rose(movement, all) => self.come_back(movement, order, &held, false),
            (None, _) => self.give_back_by_level(movement, order, &held, all, certain),
        }
    }

    /// These lines come back, since the level rose by just as many units. A person is told where they are in `doubt`, and where the
    /// level did so only if a write of which nobody knows arrived.
    fn come_back(&mut self, movement: &Movement, order: &OrderId, lines: &[LineState], doubt: bool) {
        let units = lines.iter().filter_map(|line| line.counted).sum();
        if doubt || self.unsure && movement.level_after - units != self.reading.last {
            self.reading.guessed.push(units);
        }
        self.release(movement, order, lines, units);
    }

    /// So many units come back as the level rose by, if that is the same from whatever it was before. A person is told; also
    /// where some of them are `certain` to have come back and the level does not say how many.
    fn give_back_by_level(
        &mut self,
        movement: &Movement,
        order: &OrderId,
        held: &[LineState],
        all: i64,
        certain: bool,
    ) {
        let back = |before: i64| all.min(movement.level_after - before).max(0);
        let mut possible = self.baselines(movement).into_iter().map(back);
        let first = possible.next().unwrap_or(0);
        if possible.any(|other| other != first) {
            self.reading.unclear += 1;
            self.reading.guessed.push(all);
        } else if first > 0 {
            self.reading.guessed.push(first);
            self.release(movement, order, held, first);
        } else if certain {
            self.reading.guessed.push(all);
        }
    }

    /// How many entries of an order are left in the stretch that is read, this one included.
    fn left(&self, order: &OrderId) -> usize {
        self.entries.get(order).copied().unwrap_or(0)
    }

    fn release(&mut self, movement: &Movement, order: &OrderId, lines: &[LineState], units: i64) {
        self.pass_writes(movement, units);
        let mut left = units;
        for line in lines {
            let held = line.counted.unwrap_or(0);
            let back = held.min(left);
            if back <= 0 {
                continue;
            }
            left -= back;
            self.mark(order, line, held - back);
            let (order, id) = (order.clone(), line.id.clone());
            let cause = if line.cancelled { Cause::Cancelled(order, id) } else { Cause::Return(order, id) };
            self.count(back, cause);
        }
    }

    fn mark(&mut self, order: &OrderId, line: &LineState, after: i64) {
        let earlier = self.reading.markers.iter_mut().find(|marker| marker.order == *order && marker.line == line.id);
        match earlier {
            Some(marker) => (marker.after, marker.logged) = (after, line.logged),
            None => self.reading.markers.push(Marker {
                order: order.clone(),
                line: line.id.clone(),
                before: line.counted,
                after,
                logged: line.logged,
                taken: line.taken.clone(),
            }),
        }
        let known = self.orders.get_mut(order).and_then(|lines| lines.iter_mut().find(|known| known.id == line.id));
        if let Some(known) = known {
            (known.counted, known.logged) = (Some(after), line.logged);
        }
    }

    fn count(&mut self, by: i64, cause: Cause) {
        if by != 0 {
            self.reading.counted.push(Counted { by, cause });
        }
    }
}
