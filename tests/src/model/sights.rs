//! What a run saw of a listing, and how it enters the ledger. Follows `engine::sync::look` and `engine::sync::commit`.

use super::row::Row;
use super::shop::order;
use super::world::World;
use super::{Kind, Model};
use domain::feed::{self, LineState, Marker, Orders, Reading};
use domain::settle::{self, Note, Observed, Seen};
use domain::{Entry, LineId, Movement, Timestamp};

/// How far the look at one listing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sight {
    /// The feed was read up to here and does not explain everything: the level must be read.
    Fed(usize),
    /// The level was read after it and may have settled: the feed must be read again.
    Read(usize, i64),
    /// All that is needed.
    Done {
        /// The feed was read up to here.
        upto: usize,
        /// The level.
        level: i64,
        /// Whether the feed, read again, showed nothing new.
        quiet: bool,
        /// Whether the level is that of the feed's newest entry.
        exact: bool,
    },
}

impl World {
    /// The next read of a look.
    pub(super) fn look(&self, model: &Model, row: &Row, place: usize, sight: Option<Sight>) -> Sight {
        let (shop, square) = (&self.shops[place], &row.entry(&model.listings[place]).square);
        let (level, upto) = (shop.level, shop.log.len());
        let Some(square) = square else {
            return Sight::Done { upto: 0, level, quiet: true, exact: false };
        };
        match sight {
            None => {
                let reading = self.reading(model, row.entry(&model.listings[place]), place, upto, None);
                let counted: i64 = reading.counted.iter().map(|counted| counted.by).sum();
                let exact = reading.position > square.position
                    && reading.waits_for.is_none()
                    && reading.unclear == 0
                    && reading.writes.is_empty()
                    && square.guesses.is_none()
                    && reading.last == square.with + counted;
                if exact { Sight::Done { upto, level: reading.last, quiet: false, exact } } else { Sight::Fed(upto) }
            }
            Some(Sight::Fed(upto)) if square.is_unsettled(level) => Sight::Read(upto, level),
            Some(Sight::Fed(upto)) => Sight::Done { upto, level, quiet: false, exact: false },
            Some(Sight::Read(upto, level)) => Sight::Done { upto, level, quiet: upto == shop.log.len(), exact: false },
            Some(done @ Sight::Done { .. }) => done,
        }
    }

    /// Takes what was seen into an entry. The markers belong into the same commit.
    pub(super) fn observe(
        &self,
        model: &Model,
        entry: &mut Entry,
        place: usize,
        sight: Sight,
    ) -> (Observed, Vec<Marker>) {
        let Sight::Done { upto, level, quiet, exact } = sight else { return Default::default() };
        let now = Timestamp(0);
        let (mut counted, mut markers, mut doubts) = (Vec::new(), Vec::new(), Vec::new());
        if entry.square.is_some() {
            let reading = self.reading(model, entry, place, upto, (!exact).then_some(level));
            take_position(entry, &reading);
            doubts.extend(reading.doubts.iter().map(|by| Note::Ambiguous(*by)));
            (counted, markers) = (reading.counted, reading.markers);
        }
        let seen = Seen { level, counted: &counted, quiet, exact, now };
        let mut observed = settle::observe(entry, seen, model.setup.kinds[place].policy());
        observed.notes.extend(doubts);
        (observed, markers)
    }

    fn reading(&self, model: &Model, entry: &Entry, place: usize, upto: usize, level: Option<i64>) -> Reading {
        let Some(square) = &entry.square else { return Reading::default() };
        let movements: Vec<Movement> = self.shops[place].movements(upto, &model.sku);
        feed::read(square, &movements, &self.orders(place, upto), level, Timestamp(0))
    }

    /// Every sale is an order of one line, which the store shows at once.
    fn orders(&self, place: usize, upto: usize) -> Orders {
        let sales = self.shops[place].log.iter().take(upto).filter_map(|logged| logged.sale);
        let line = |(number, units): (u8, i64)| LineState {
            cancelled: false,
            id: LineId::new("line").expect("a valid name"),
            quantity: units,
            counted: self.markers.get(&number).map(|(held, _)| *held),
            logged: self.markers.get(&number).is_some_and(|(_, logged)| *logged),
            taken: domain::pool::Taken::new(),
        };
        sales.map(|sale| (order(sale.0), vec![line(sale)])).collect()
    }

    pub(super) fn mark(&mut self, markers: Vec<Marker>) {
        for marker in markers {
            let number: u8 = marker.order.as_str().parse().expect("our own number");
            self.markers.insert(number, (marker.after, marker.logged));
        }
    }
}

impl Kind {
    /// Whether the level is read just before a write: `Run::check_levels` of the engine.
    pub(super) const fn is_checked_before_write(self) -> bool {
        !matches!(self, Self::A)
    }
}

fn take_position(entry: &mut Entry, reading: &Reading) {
    if let Some(square) = &mut entry.square {
        (square.position, square.last) = (reading.position, reading.last);
        (square.writes, square.echoes, square.forgot) = (reading.writes.clone(), reading.echoes, reading.forgot);
    }
}
