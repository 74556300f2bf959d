//! The movement feed of a store, and what its entries mean for one listing.

use crate::ledger::{Square, Written};
use crate::{LineId, OrderId, Position, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One entry of a store's own log of stock movements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Its place in the log; greater is newer.
    pub id: Position,
    /// The SKU whose stock moved, as the store writes it.
    pub sku: Sku,
    /// The level after the movement, in units.
    pub level_after: i64,
    /// The order that caused it, if an order did.
    pub order: Option<OrderId>,
    /// When the store says that it happened.
    pub at: Timestamp,
}

/// What an order's status says about its stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderState {
    /// Placed, paid or shipped: its lines hold stock.
    Open,
    /// Cancelled: whether its stock went back is another question.
    Cancelled,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Stable within its order.
    pub id: LineId,
    /// The SKU that was sold; `None` when the line carries none.
    pub sku: Option<Sku>,
    /// Units sold, never negative.
    pub quantity: i64,
}

/// An order, as far as stock is concerned. No customer data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The store's id.
    pub id: OrderId,
    /// What the merchant calls it; two orders share it when one was edited into the other.
    pub reference: String,
    /// Whether it still holds stock.
    pub state: OrderState,
    /// When it was placed.
    pub placed: Timestamp,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// One line of an order for one SKU, with what the hub has counted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineState {
    /// The line.
    pub id: LineId,
    /// Units sold.
    pub quantity: i64,
    /// Units that the hub holds as sold: `None` when the line was never counted, 0 when it was given back.
    pub counted: Option<i64>,
}

/// What is known of the orders that the movements name: for each order, its lines of this SKU.
pub type Orders = BTreeMap<OrderId, Vec<LineState>>;

/// Why something counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A line was sold.
    Sale(OrderId, LineId),
    /// A sold line came back.
    Return(OrderId, LineId),
    /// An order moved stock that none of its lines names: a bundle's component, or an order that is gone.
    Order(OrderId),
    /// Somebody changed the quantity.
    Edit(Position),
}

/// One counted change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Units, signed.
    pub by: i64,
    /// Why.
    pub cause: Cause,
}

/// What the hub holds as sold of a line from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The order.
    pub order: OrderId,
    /// The line.
    pub line: LineId,
    /// Units held as sold before; `None` when the line was never counted.
    pub before: Option<i64>,
    /// Units held as sold now.
    pub after: i64,
}

/// What a stretch of the feed means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What counts, in the feed's order.
    pub counted: Vec<Counted>,
    /// The lines concerned.
    pub markers: Vec<Marker>,
    /// Entries recognised as our own writes.
    pub own: usize,
    /// Entries that the level must explain, because the log alone cannot.
    pub unclear: usize,
    /// An order that the store does not show yet: everything from its entry on waits.
    pub waits_for: Option<OrderId>,
    /// Read up to here.
    pub position: Position,
    /// The level after the last entry read.
    pub last: i64,
    /// Own writes not seen in the feed so far.
    pub writes: Vec<Written>,
    /// Whether the store has been seen to log our writes.
    pub echoes: bool,
    /// Whether a write of ours was forgotten before it was seen.
    pub forgot: bool,
}

/// An order that still cannot be read after this long is counted by what moved, milliseconds.
pub const ORDER_PATIENCE_MS: i64 = 600_000;

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
    };
    let fresh: Vec<&Movement> = movements.iter().filter(|movement| movement.id > square.position).collect();
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
    reading: Reading,
}

impl Reader {
    /// Reads one entry; `false` when it must wait.
    fn step(&mut self, movement: &Movement, level: Option<i64>, now: Timestamp) -> bool {
        match &movement.order {
            None => self.without_order(movement, level),
            Some(order) => {
                let known = self.orders.contains_key(order);
                if !known && now.since_ms(movement.at) < ORDER_PATIENCE_MS {
                    self.reading.waits_for = Some(order.clone());
                    return false;
                }
                self.with_order(movement, order, level);
            }
        }
        self.reading.position = movement.id;
        self.reading.last = movement.level_after;
        true
    }

    fn without_order(&mut self, movement: &Movement, level: Option<i64>) {
        if self.is_ours(movement) {
            self.reading.own += 1;
            self.reading.echoes = true;
            return;
        }
        match self.baseline(movement, level) {
            Some(before) if before == movement.level_after => {}
            Some(before) => self.count(movement.level_after - before, Cause::Edit(movement.id)),
            None => self.reading.unclear += 1,
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

    /// Counts an order's lines that were never counted: all of them, or the one whose quantity is what moved.
    fn take(&mut self, movement: &Movement, order: &OrderId, fresh: &[LineState]) {
        let moved = self.reading.last - movement.level_after;
        let all: i64 = fresh.iter().map(|line| line.quantity).sum();
        let mut exact = fresh.iter().filter(|line| line.quantity == moved);
        let one = exact.next().filter(|_| all != moved);
        for line in one.map_or_else(|| fresh.to_vec(), |line| vec![line.clone()]) {
            self.mark(order, &line, line.quantity);
            self.count(-line.quantity, Cause::Sale(order.clone(), line.id));
        }
    }

    /// All lines are counted already: a rise by what they hold gives it back; anything else is their own later entry.
    fn give_back(&mut self, movement: &Movement, order: &OrderId, lines: &[LineState]) {
        let fall = self.reading.last - movement.level_after;
        if fall >= 0 && lines.iter().any(|line| line.quantity == fall) {
            return;
        }
        let held: i64 = lines.iter().filter_map(|line| line.counted).sum();
        let rises: Vec<i64> = self.baselines(movement).iter().map(|before| movement.level_after - before).collect();
        if held > 0 && rises.contains(&held) {
            return self.release(order, lines, held);
        }
        let single = lines.iter().find(|line| line.counted.is_some_and(|units| units > 0 && rises.contains(&units)));
        if let Some(line) = single {
            return self.release(order, std::slice::from_ref(line), line.counted.unwrap_or(0));
        }
        match rises.as_slice() {
            [rise] if *rise > 0 => self.release(order, lines, (*rise).min(held)),
            [_] => {}
            _ => self.reading.unclear += 1,
        }
    }

    fn release(&mut self, order: &OrderId, lines: &[LineState], units: i64) {
        let mut left = units;
        for line in lines {
            let held = line.counted.unwrap_or(0);
            let back = held.min(left);
            if back <= 0 {
                continue;
            }
            left -= back;
            self.mark(order, line, held - back);
            self.count(back, Cause::Return(order.clone(), line.id.clone()));
        }
    }

    fn mark(&mut self, order: &OrderId, line: &LineState, after: i64) {
        let earlier = self.reading.markers.iter_mut().find(|marker| marker.order == *order && marker.line == line.id);
        match earlier {
            Some(marker) => marker.after = after,
            None => self.reading.markers.push(Marker {
                order: order.clone(),
                line: line.id.clone(),
                before: line.counted,
                after,
            }),
        }
        let known = self.orders.get_mut(order).and_then(|lines| lines.iter_mut().find(|known| known.id == line.id));
        if let Some(known) = known {
            known.counted = Some(after);
        }
    }

    fn count(&mut self, by: i64, cause: Cause) {
        if by != 0 {
            self.reading.counted.push(Counted { by, cause });
        }
    }

    /// Recognises the entry of one of our own writes, and with it that the older ones are past.
    fn is_ours(&mut self, movement: &Movement) -> bool {
        let place = self
            .reading
            .writes
            .iter()
            .position(|write| write.value == movement.level_after && write.after < movement.id);
        match place {
            Some(place) => {
                self.reading.writes.drain(..=place);
                true
            }
            None => false,
        }
    }

    /// What the level may have been before an entry: that of the entry before, or any of our writes since.
    fn baselines(&self, movement: &Movement) -> Vec<i64> {
        let mut values = vec![self.reading.last];
        if !self.reading.echoes {
            let ours = self.reading.writes.iter().filter(|write| write.after < movement.id);
            values.extend(ours.map(|write| write.value));
        }
        values
    }

    /// The level before an entry, where it can be known: the log shows our writes, or there were none, or the level read
    /// afterwards tells whether our last write came before the entry or after it.
    fn baseline(&mut self, movement: &Movement, level: Option<i64>) -> Option<i64> {
        if self.reading.forgot {
            return None;
        }
        let possible = self.baselines(movement);
        let (&logged, ours) = possible.split_first()?;
        let Some(&latest) = ours.last() else {
            return Some(logged);
        };
        if level == Some(movement.level_after) {
            self.reading.writes.clear();
            return Some(latest);
        }
        (ours.len() == 1 && level == Some(latest)).then_some(logged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        LineState { id: LineId::new(id).expect("valid"), quantity, counted }
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
    fn without_echo_the_level_tells_whether_an_edit_came_before_or_after_our_write() {
        let mut square = at(10);
        square.wrote(7, Timestamp(0));
        let after = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(12), Timestamp(0));
        assert_eq!(units(&after), [5], "7 → 12");
        let erased = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(7), Timestamp(0));
        assert_eq!(units(&erased), [2], "10 → 12, then our 7");
        let unknown = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(3), Timestamp(0));
        assert_eq!((units(&unknown), unknown.unclear), (vec![], 1));
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
}
