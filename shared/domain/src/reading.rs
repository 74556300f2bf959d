//! Reading the movement feed of a store: which entries are sales, returns, edits, and which are our own writes.

mod ours;

use crate::feed::{Cause, Counted, LineState, Marker, Movement, ORDER_PATIENCE_MS, Orders, Reading};
use crate::ledger::Square;
use crate::{OrderId, Timestamp};
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
            ..Reading::default()
        },
        entries: BTreeMap::new(),
        unsure: square.guesses.is_some(),
        logs_ours: square.echoes,
        shows_ours: false,
    };
    let fresh: Vec<&Movement> = movements.iter().filter(|movement| movement.id > square.position).collect();
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

#[cfg(test)]
mod tests {
    use super::ours::{LOGGED_MS, WINDOW_MS};
    use super::*;
    use crate::{LineId, Position, Sku};

    fn sku() -> Sku {
        Sku::new("TEE").expect("valid")
    }

    fn order(id: &str) -> OrderId {
        OrderId::new(id).expect("valid")
    }

    fn entry(id: u64, level_after: i64, by: Option<&str>) -> Movement {
        Movement { id: Position(id), sku: sku(), level_after, order: by.map(order), at: Timestamp(0) }
    }

    fn line(id: &str, quantity: i64, counted: Option<i64>) -> LineState {
        LineState {
            id: LineId::new(id).expect("valid"),
            quantity,
            counted,
            logged: counted.is_some(),
            cancelled: false,
            taken: BTreeMap::new(),
        }
    }

    fn at(level: i64) -> Square {
        Square::new(level, Position(0), Timestamp(0))
    }

    fn units(reading: &Reading) -> Vec<i64> {
        reading.counted.iter().map(|counted| counted.by).collect()
    }

    #[test]
    fn a_sale_counts_its_lines_once_even_when_its_entry_comes_twice() {
        let orders = Orders::from([(order("1"), vec![line("a", 2, None)])]);
        let reading = read(&at(10), &[entry(1, 8, Some("1")), entry(2, 8, Some("1"))], &orders, Some(8), Timestamp(0));
        assert_eq!(units(&reading), [-2]);
        assert_eq!(reading.position, Position(2));
    }

    #[test]
    fn two_lines_of_one_sku_count_once_each_however_the_store_logs_them() {
        let orders = Orders::from([(order("1"), vec![line("a", 2, None), line("b", 3, None)])]);
        let apart = read(&at(10), &[entry(1, 8, Some("1")), entry(2, 5, Some("1"))], &orders, Some(5), Timestamp(0));
        assert_eq!(units(&apart), [-2, -3]);
        let together = read(&at(10), &[entry(1, 5, Some("1"))], &orders, Some(5), Timestamp(0));
        assert_eq!(units(&together), [-2, -3]);
    }

    #[test]
    fn a_returned_line_gives_back_what_it_held() {
        let orders = Orders::from([(order("1"), vec![line("a", 2, Some(2))])]);
        let reading = read(&at(8), &[entry(5, 10, Some("1"))], &orders, Some(10), Timestamp(0));
        assert_eq!(units(&reading), [2]);
        assert_eq!(reading.markers[0].after, 0);
        let orders = Orders::from([(order("1"), vec![line("a", 2, Some(0))])]);
        let again = read(&at(10), &[entry(6, 12, Some("1"))], &orders, Some(12), Timestamp(0));
        assert_eq!(units(&again), [0; 0], "each unit comes back at most once");
    }

    #[test]
    fn our_own_write_is_recognised_and_an_edit_is_not() {
        let mut square = at(10);
        square.wrote(7, Timestamp(0));
        let reading = read(&square, &[entry(1, 7, None), entry(2, 12, None)], &Orders::new(), Some(12), Timestamp(0));
        assert_eq!((reading.own, units(&reading)), (1, vec![5]));
        assert!(reading.echoes && reading.writes.is_empty());
    }

    #[test]
    fn an_entry_with_the_number_of_a_write_of_unknown_outcome_may_be_somebody_elses() {
        let mut square = at(10);
        square.wrote(7, Timestamp(0));
        square.guesses = Some((10, 7));
        let feed = [entry(1, 15, None), entry(2, 7, None)];
        let reading = read(&square, &feed, &Orders::new(), Some(7), Timestamp(0));
        assert_eq!(
            (reading.own, units(&reading), reading.doubts),
            (1, vec![5], vec![8, -8]),
            "7 → 15 → 7, or 10 → 15, then our 7"
        );
        square.echoes = true;
        let known = read(&square, &feed, &Orders::new(), Some(7), Timestamp(0));
        assert_eq!((known.own, known.doubts), (1, vec![]), "a store that logs our writes has logged this one");
    }

    #[test]
    fn an_edit_that_our_write_erased_counts_where_the_log_shows_that_write_after_it() {
        let mut square = at(5);
        square.wrote(4, Timestamp(0));
        let reading = read(&square, &[entry(1, 7, None), entry(2, 4, None)], &Orders::new(), Some(4), Timestamp(0));
        assert_eq!((reading.own, units(&reading), reading.unclear), (1, vec![2], 0), "5 → 7, then our 4");
    }

    #[test]
    fn without_echo_the_level_tells_whether_an_edit_came_before_or_after_our_write() {
        let mut square = at(10);
        square.wrote(7, Timestamp(0));
        let after = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(12), Timestamp(0));
        assert_eq!(units(&after), [5], "7 → 12");
        let erased = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(7), Timestamp(0));
        assert_eq!(units(&erased), [2], "10 → 12, then our 7");
        let unknown = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(3), Timestamp(0));
        assert_eq!((units(&unknown), unknown.unclear), (vec![], 1));
        assert_eq!(unknown.doubts, [2, 5], "from 10 or from 7");
        let same = read(&square, &[entry(1, 10, None)], &Orders::new(), Some(3), Timestamp(0));
        assert_eq!(same.doubts, [3], "back to what it was before our 7");
    }

    #[test]
    fn an_order_that_cannot_be_read_yet_holds_back_what_follows() {
        let feed = [entry(1, 11, None), entry(2, 9, Some("1")), entry(3, 20, None)];
        let reading = read(&at(10), &feed, &Orders::new(), Some(20), Timestamp(0));
        assert_eq!((units(&reading), reading.position), (vec![1], Position(1)));
        assert_eq!(reading.waits_for, Some(order("1")));
        let later = read(&at(10), &feed, &Orders::new(), Some(20), Timestamp(ORDER_PATIENCE_MS));
        assert_eq!(units(&later), [1, -2, 11], "counted by what moved");
    }

    #[test]
    fn a_bundle_component_counts_by_what_moved() {
        let orders = Orders::from([(order("1"), vec![])]);
        let reading = read(&at(10), &[entry(1, 7, Some("1"))], &orders, Some(7), Timestamp(0));
        assert_eq!(reading.counted, [Counted { by: -3, cause: Cause::Order(order("1")) }]);
    }

    #[test]
    fn a_sale_that_found_our_unlogged_write_shows_that_the_write_is_past() {
        let mut square = at(10);
        square.wrote(30, Timestamp(0));
        let orders = Orders::from([(order("1"), vec![line("a", 2, None)])]);
        let reading = read(&square, &[entry(1, 28, Some("1")), entry(2, 40, None)], &orders, Some(40), Timestamp(0));
        assert_eq!(units(&reading), [-2, 12], "30 → 28 → 40, not 30 → 40");
        assert!(reading.writes.is_empty());
    }

    #[test]
    fn a_return_after_our_unlogged_write_is_not_mistaken_for_a_second_fall() {
        let mut square = at(12);
        square.wrote(8, Timestamp(0));
        let orders = Orders::from([(order("1"), vec![line("a", 2, Some(2))])]);
        let reading = read(&square, &[entry(1, 10, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!(units(&reading), [2], "8 → 10, not 12 → 10");
    }

    #[test]
    fn an_edit_long_after_our_unlogged_write_is_measured_from_it() {
        let mut square = at(10);
        square.wrote(7, Timestamp(0));
        let later = Movement { at: Timestamp(WINDOW_MS + 1), ..entry(1, 12, None) };
        assert_eq!(units(&read(&square, &[later], &Orders::new(), None, Timestamp(0))), [5]);
    }

    #[test]
    fn two_entries_of_an_order_are_its_two_lines_whatever_the_level_looks_like() {
        let mut square = at(23);
        square.wrote(21, Timestamp(0));
        let orders = Orders::from([(order("1"), vec![line("a", 3, None), line("b", 2, None)])]);
        let feed = [entry(1, 18, Some("1")), entry(2, 16, Some("1"))];
        let reading = read(&square, &feed, &orders, None, Timestamp(0));
        assert_eq!(units(&reading), [-3, -2], "21 → 18 → 16, not 23 → 18 and a return");
        assert!(reading.markers.iter().all(|marker| marker.logged));
    }

    #[test]
    fn a_return_is_a_return_even_where_an_import_has_hidden_its_size() {
        let orders = Orders::from([(order("1"), vec![line("a", 2, Some(2))])]);
        let reading = read(&at(30), &[entry(1, 12, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!(units(&reading), [2], "30 → 10 silently, then 12");
    }

    #[test]
    fn an_edit_that_one_of_several_unlogged_writes_erased_is_counted_by_its_time_and_told() {
        let mut square = at(316);
        square.wrote(313, Timestamp(1_500));
        square.wrote(311, Timestamp(4_000));
        let edit = Movement { at: Timestamp(1_000), ..entry(1, 364, None) };
        let reading = read(&square, &[edit], &Orders::new(), Some(311), Timestamp(5_000));
        assert_eq!((units(&reading), reading.doubts), (vec![48], vec![48]), "316 → 364, then our 313 and 311");
    }

    #[test]
    fn a_store_that_was_thought_to_log_our_writes_is_believed_no_longer_once_a_sale_shows_otherwise() {
        let mut square = at(144);
        square.echoes = true;
        square.wrote(141, Timestamp(0));
        let two = vec![line("a", 2, Some(2)), line("b", 2, Some(2))];
        let orders = Orders::from([(order("1"), two)]);
        let reading = read(&square, &[entry(1, 143, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&reading), reading.echoes), (vec![2], false), "141 → 143, and 141 is not in the log");
    }

    #[test]
    fn a_store_that_was_thought_to_log_our_writes_is_believed_no_longer_once_one_is_missing_before_an_edit() {
        let mut square = at(6);
        square.echoes = true;
        square.wrote(3, Timestamp(0));
        let read = |at: i64| {
            let edit = Movement { at: Timestamp(at), ..entry(1, 16, None) };
            let reading = read(&square, &[edit], &Orders::new(), Some(16), Timestamp(0));
            (units(&reading), reading.echoes)
        };
        assert_eq!(read(LOGGED_MS + 1), (vec![13], false), "3 → 16: the log would have our 3 by now");
        assert_eq!(read(LOGGED_MS), (vec![10], true), "our 3 may come yet");
        square.guesses = Some((6, 3));
        let unsure = super::read(&square, &[entry(1, 16, None)], &Orders::new(), Some(16), Timestamp(0));
        assert_eq!(
            (units(&unsure), unsure.doubts),
            (vec![10], vec![13]),
            "6 → 16, or 3 → 16 if the store logs none of ours"
        );
    }

    #[test]
    fn an_edit_after_a_sale_that_found_our_number_either_way_is_measured_from_the_sale_and_told() {
        let orders = Orders::from([(order("1"), vec![line("a", 2, None)]), (order("2"), vec![line("a", 3, None)])]);
        let mut square = at(207);
        square.wrote(205, Timestamp(1_000));
        let late = |id, level, by| Movement { at: Timestamp(3_000), ..entry(id, level, by) };
        let first = read(&square, &[entry(1, 205, Some("1")), late(2, 202, Some("2"))], &orders, None, Timestamp(0));
        assert!(first.writes[0].past, "205 was sold down to, and written");
        square.writes.clone_from(&first.writes);
        (square.position, square.last) = (first.position, first.last);
        let edit = read(&square, &[late(3, 270, None)], &orders, Some(270), Timestamp(0));
        assert_eq!((units(&edit), edit.doubts), (vec![68], vec![68]), "202 → 270, not 205 → 270");
    }

    #[test]
    fn after_an_order_that_found_a_silent_import_an_edit_is_measured_from_that_order_and_told() {
        let orders = Orders::from([(order("1"), vec![line("a", 3, None)])]);
        let mut square = at(81);
        square.wrote(80, Timestamp(1_000));
        let late = |id, level, by| Movement { at: Timestamp(3_000), ..entry(id, level, by) };
        let feed = [late(1, 113, Some("1")), late(2, 44, None)];
        let reading = read(&square, &feed, &orders, Some(44), Timestamp(0));
        assert_eq!(units(&reading), [-3, -69], "80 → 116 silently, 113, 44: not 80 → 44 beside the order");
        assert_eq!(reading.doubts, [-69]);
    }

    #[test]
    fn an_order_called_off_whose_entry_shows_the_same_number_is_told() {
        let called_off = LineState { cancelled: true, ..line("a", 2, Some(2)) };
        let orders = Orders::from([(order("1"), vec![called_off])]);
        let reading = read(&at(2), &[entry(9, 2, Some("1"))], &orders, Some(2), Timestamp(0));
        assert_eq!((units(&reading), reading.guessed), (vec![], vec![2]), "2 → 0 silently, then 2");
    }

    #[test]
    fn of_two_equal_writes_only_the_first_is_sure_to_be_past() {
        let orders = Orders::from([(order("1"), vec![line("a", 1, None)])]);
        let mut square = at(140);
        [160, 159, 160].into_iter().for_each(|value| square.wrote(value, Timestamp(0)));
        let reading = read(&square, &[entry(9, 159, Some("1"))], &orders, None, Timestamp(0));
        let left: Vec<i64> = reading.writes.iter().map(|write| write.value).collect();
        assert_eq!((units(&reading), left), (vec![-1], vec![159, 160]), "the last write may have erased the sale");
    }

    #[test]
    fn a_return_that_an_import_hides_is_told_whichever_of_our_writes_it_found() {
        let orders = Orders::from([(order("1"), vec![line("a", 3, Some(3)), line("b", 2, Some(2))])]);
        let mut square = at(183);
        square.wrote(181, Timestamp(0));
        let far = read(&square, &[entry(9, 269, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&far), far.guessed, far.unclear), (vec![3, 2], vec![5], 0), "5 from 183, and 5 from 181");
        let near = read(&square, &[entry(9, 187, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&near), near.guessed, near.unclear), (vec![], vec![5], 1), "4 from 183, but 5 from 181");
    }

    #[test]
    fn a_return_that_fits_only_after_a_write_of_which_nobody_knows_is_told() {
        let orders = Orders::from([(order("1"), vec![line("a", 2, Some(2))])]);
        let mut square = at(12);
        square.wrote(8, Timestamp(0));
        let known = read(&square, &[entry(9, 10, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&known), known.guessed), (vec![2], vec![]));
        square.guesses = Some((12, 8));
        let unknown = read(&square, &[entry(9, 10, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&unknown), unknown.guessed), (vec![2], vec![2]), "8 → 10, or 12 silently less, then up");
        let logged = read(&square, &[entry(9, 14, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&logged), logged.guessed), (vec![2], vec![]), "12 → 14");
    }

    #[test]
    fn which_of_two_lines_came_back_is_told_where_an_import_could_make_up_for_the_other() {
        let orders = Orders::from([(order("1"), vec![line("a", 1, Some(1)), line("b", 3, Some(3))])]);
        let one = read(&at(31), &[entry(9, 34, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&one), one.guessed), (vec![3], vec![3]), "31 → 34, or 31 → 33 silently, then 34");
        let both = [entry(9, 34, Some("1")), entry(10, 35, Some("1"))];
        let both = read(&at(31), &both, &orders, None, Timestamp(0));
        assert_eq!((units(&both), both.guessed), (vec![3, 1], vec![]), "all of the order came back");
    }

    #[test]
    fn an_edit_measured_from_the_log_is_told_where_the_store_logs_our_writes_for_the_first_time() {
        let mut square = at(5);
        square.wrote(4, Timestamp(0));
        let feed = [entry(1, 7, None), entry(2, 4, None)];
        let first = read(&square, &feed, &Orders::new(), Some(4), Timestamp(0));
        assert_eq!((units(&first), first.doubts), (vec![2], vec![3]), "the 4 may be somebody else's, and then 4 → 7");
        square.echoes = true;
        let known = read(&square, &feed, &Orders::new(), Some(4), Timestamp(0));
        assert_eq!((units(&known), known.doubts), (vec![2], vec![]));
    }

    #[test]
    fn a_return_that_an_import_hides_is_told() {
        let orders = Orders::from([(order("1"), vec![line("a", 1, Some(1)), line("b", 2, Some(2))])]);
        let hidden = read(&at(61), &[entry(9, 110, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&hidden), hidden.guessed), (vec![1, 2], vec![3]));
        let fallen = read(&at(61), &[entry(9, 3, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&fallen), fallen.guessed), (vec![], vec![3]), "61 → 0 or more silently, then up to 3");
        let same = read(&at(61), &[entry(9, 61, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&same), same.guessed), (vec![], vec![3]), "down silently, then up again");
        let plain = read(&at(61), &[entry(9, 64, Some("1"))], &orders, None, Timestamp(0));
        assert_eq!((units(&plain), plain.guessed), (vec![1, 2], vec![]));
    }
}
