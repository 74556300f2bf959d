//! Reading whole stores in chunks: what was read is kept in rows of the run, so that whoever drives it next goes on from there.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | some of what a store has (expires) | `RUN#<id>` | `READ#<account>#<number>` |

use super::Run;
use super::kept::partition;
use crate::adopt::Progress;
use crate::hub::{Error, Hub};
use crate::locations::with_places;
use crate::ports::{Key, Row};
use crate::records::{self, DAY_MS, StoreLocation, text};
use crate::scan::{Piece, Reading, SCANS, Scan};
use domain::AccountId;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where the reading of some accounts is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ReadPlace {
    accounts: BTreeMap<AccountId, Place>,
    /// What stores said that could not be read.
    pub failed: BTreeMap<AccountId, String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    reading: Reading,
    /// Rows kept.
    rows: u64,
    /// Times in a row that no call's turn came.
    waits: u32,
}

/// What was read, in the hands of a run's driver.
#[derive(Default)]
pub(crate) struct Reads {
    /// By account.
    pub scans: BTreeMap<AccountId, Scan>,
    /// Locations as they will be, where they differ from what is stored.
    pub places: Vec<StoreLocation>,
    /// Whether what people call units is of no interest, and not kept.
    pub untitled: bool,
}

/// Units of one row: below what a row may hold, whatever people call their products.
const UNITS: usize = 500;
/// Bytes of rows that wait to be stored: what was read is in memory once, and only this much of it twice.
const WAITING: usize = 512 * 1024;
/// How long what was read is kept, milliseconds.
const KEPT_MS: i64 = DAY_MS;
/// A chunk of reading ends after so long, milliseconds, and the call that it is at.
const CHUNK_MS: i64 = 4_000;
/// How long a call waits for its turn within a chunk.
const PATIENCE: Duration = Duration::from_secs(5);
/// Times in a row that no turn came before a store counts as out of reach: two minutes.
const WAITS_MAX: u32 = 24;

impl ReadPlace {
    /// The accounts that are to be read.
    pub(crate) fn of(accounts: impl Iterator<Item = AccountId>) -> Self {
        Self { accounts: accounts.map(|id| (id, Place::default())).collect(), failed: BTreeMap::new() }
    }

    /// Whether everything was read that could be.
    pub(crate) fn is_done(&self) -> bool {
        self.accounts.iter().all(|(id, place)| place.reading.is_done() || self.failed.contains_key(id))
    }
}

impl Reads {
    /// Reads on, some accounts side by side. What a store says that cannot be read is in the place.
    ///
    /// # Errors
    /// [`Error::Store`]. What a store says, where `all` of them are needed.
    pub(crate) async fn step(
        &mut self,
        hub: &Hub,
        run: &Run,
        place: &mut ReadPlace,
        all: bool,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let open = |(id, one): &(&AccountId, &Place)| !one.reading.is_done() && !place.failed.contains_key(*id);
        let next: Vec<(AccountId, Place)> =
            place.accounts.iter().filter(open).take(SCANS).map(|(id, one)| (id.clone(), one.clone())).collect();
        let mut turns = Vec::new();
        for (id, one) in next {
            let scan = match self.scans.remove(&id) {
                Some(scan) => Some(scan),
                None => hub.scan_so_far(run, &id, &one, &self.places).await?,
            };
            let (places, untitled) = (self.places.clone(), self.untitled);
            turns.push(async move {
                let read = hub.read_some(run, &id, (one, scan), (&places, untitled), progress).await;
                (id, read)
            });
        }
        let read: Vec<_> = stream::iter(turns).buffered(SCANS).collect().await;
        for (id, read) in read {
            match read {
                Ok((one, scan)) => {
                    place.accounts.insert(id.clone(), one);
                    self.scans.extend(scan.map(|scan| (id, scan)));
                }
                Err(error @ (Error::Channel { .. } | Error::NotFound { .. } | Error::Vault(_))) if !all => {
                    place.failed.insert(id, error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Has everything at hand that was read, whoever read it.
    pub(crate) async fn load(&mut self, hub: &Hub, run: &Run, place: &ReadPlace) -> Result<(), Error> {
        for (id, one) in place.accounts.iter().filter(|(id, _)| !place.failed.contains_key(*id)) {
            if !self.scans.contains_key(id) {
                let scan = hub.scan_so_far(run, id, one, &self.places).await?;
                self.scans.extend(scan.map(|scan| (id.clone(), scan)));
            }
        }
        Ok(())
    }
}

type Read = (Place, Option<Scan>);

impl Hub {
    /// Reads on in one account for the time of a chunk, and keeps what was read.
    async fn read_some(
        &self,
        run: &Run,
        id: &AccountId,
        (mut place, scan): Read,
        (places, untitled): (&[StoreLocation], bool),
        progress: &dyn Progress,
    ) -> Result<Read, Error> {
        let began = self.clock.now();
        let mut scan = match scan {
            Some(scan) => scan,
            None => match self.discover(&self.connected(id).await?, PATIENCE).await {
                Ok(connected) => Scan::new(&with_places(&connected, places)),
                Err(error) => return self.rests(error, &mut place).await.map(|()| (place, None)),
            },
        };
        let connected = scan.connected.clone();
        let mut waiting = Waiting::default();
        while !place.reading.is_done() && self.clock.now().since_ms(began) < CHUNK_MS {
            let mut reading = place.reading.clone();
            match self.read_on(&connected, &mut reading, &scan, PATIENCE, progress).await {
                Ok(mut piece) => {
                    if untitled {
                        piece.units.iter_mut().for_each(|unit| unit.title = String::new());
                    }
                    (place.reading, place.waits) = (reading, 0);
                    if run.is_listed() {
                        place.rows = waiting.add(run, id, place.rows, &piece);
                        self.keep_read(&mut waiting, WAITING).await?;
                    }
                    scan.enter(&place.reading, piece);
                }
                Err(error) => {
                    self.rests(error, &mut place).await?;
                    break;
                }
            }
        }
        self.keep_read(&mut waiting, 1).await?;
        Ok((place, Some(scan)))
    }

    /// Rests where only our own count of what the store allows held a call back: such a call is refused at once, however long it
    /// would have to wait. Any other error, and the last of many such, ends the reading.
    async fn rests(&self, error: Error, place: &mut Place) -> Result<(), Error> {
        let Some(rest) = error.out_of_turn().filter(|_| place.waits < WAITS_MAX) else { return Err(error) };
        self.clock.sleep(rest.min(PATIENCE)).await;
        place.waits += 1;
        Ok(())
    }

    /// Stores what waits, once it is that many bytes.
    async fn keep_read(&self, waiting: &mut Waiting, bytes: usize) -> Result<(), Error> {
        if waiting.bytes < bytes {
            return Ok(());
        }
        Ok(self.store.put_all(&std::mem::take(waiting).rows).await?)
    }

    /// What was read of an account until now; `None` when nothing was.
    async fn scan_so_far(
        &self,
        run: &Run,
        id: &AccountId,
        place: &Place,
        places: &[StoreLocation],
    ) -> Result<Option<Scan>, Error> {
        if place.reading == Reading::default() {
            return Ok(None);
        }
        let mut scan = Scan::new(&with_places(&self.connected(id).await?, places));
        scan.enter(&place.reading, Piece::default());
        for row in self.all_rows(&partition(&run.id), &format!("READ#{id}#")).await? {
            // rows of a chunk whose end nobody stored are read again with it
            if row.key.sk < key(run, id, place.rows).sk {
                scan.enter(&place.reading, records::body(&row)?);
            }
        }
        Ok(Some(scan))
    }
}

/// Rows of what was read that are not stored yet.
#[derive(Default)]
struct Waiting {
    rows: Vec<Row>,
    bytes: usize,
}

impl Waiting {
    /// Adds a piece as it fits into rows; the number of the next row.
    fn add(&mut self, run: &Run, id: &AccountId, from: u64, piece: &Piece) -> u64 {
        let again = piece.again;
        let part = || Piece { again, ..Piece::default() };
        let units = piece.units.chunks(UNITS).map(|units| Piece { units: units.to_vec(), ..part() });
        let orders = piece.orders.chunks(UNITS).map(|orders| Piece { orders: orders.to_vec(), ..part() });
        let respelled = piece.respelled.chunks(UNITS).map(|some| Piece { respelled: some.to_vec(), ..part() });
        let (mut number, expires) = (from, Some(run.created.plus_ms(KEPT_MS)));
        for some in units.chain(orders).chain(respelled) {
            let body = text(&some);
            self.bytes += body.len();
            self.rows.push(Row { key: key(run, id, number), version: 1, body, expires, index: None });
            number += 1;
        }
        number
    }
}

fn key(run: &Run, id: &AccountId, number: u64) -> Key {
    Key { pk: partition(&run.id), sk: format!("READ#{id}#{number:08}") }
}
