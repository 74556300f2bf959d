//! A table in memory: conditional writes, transactions, and the ways in which a real one fails.

use crate::sim::core::Core;
use async_trait::async_trait;
use engine::ports::{Change, Condition, Key, Page, Query, Row, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One changed row of a commit.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Where.
    pub key: Key,
    /// What was there.
    pub before: Option<Row>,
    /// What is there now.
    pub after: Option<Row>,
}

/// Sees every commit, in order, as one piece.
pub trait Watch: Send + Sync {
    /// These rows were changed at once.
    fn committed(&self, commits: &[Commit]);
}

/// How often an operation fails, of ten thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreRates {
    /// It is refused for being too much at once.
    pub busy: u64,
    /// It happens, and the answer is lost.
    pub lost_answer: u64,
    /// It does not happen, and nobody is told.
    pub lost_request: u64,
    /// Nobody is told, and it happens some seconds later if its condition still holds.
    pub late: u64,
}

type Rows = BTreeMap<Key, Row>;

/// The table.
pub struct MemoryStore {
    core: Arc<Core>,
    rates: StoreRates,
    rows: Arc<Mutex<Rows>>,
    watch: Arc<dyn Watch>,
}

/// What becomes of an operation.
enum Fate {
    Good,
    Busy,
    LostAnswer,
    LostRequest,
    Late(i64),
}

/// A late write arrives within so many milliseconds.
const LATE_MS: u64 = 5_000;

impl MemoryStore {
    /// An empty table.
    #[must_use]
    pub fn new(core: Arc<Core>, rates: StoreRates, watch: Arc<dyn Watch>) -> Self {
        Self { core, rates, rows: Arc::default(), watch }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What lives at a key now; no fault, no time.
    #[must_use]
    pub fn peek(&self, key: &Key) -> Option<Row> {
        self.rows().get(key).cloned()
    }

    /// Every row of the partitions that begin with `prefix`; no fault, no time.
    #[must_use]
    pub fn peek_all(&self, prefix: &str) -> Vec<Row> {
        self.rows().values().filter(|row| row.key.pk.starts_with(prefix)).cloned().collect()
    }

    fn fate(&self) -> Fate {
        let (core, rates) = (&self.core, self.rates);
        if core.chance(rates.busy) {
            Fate::Busy
        } else if core.chance(rates.lost_answer) {
            Fate::LostAnswer
        } else if core.chance(rates.lost_request) {
            Fate::LostRequest
        } else if core.chance(rates.late) {
            Fate::Late(1 + core.below(LATE_MS))
        } else {
            Fate::Good
        }
    }

    async fn travel(&self) {
        self.core.sleep_ms(self.core.latency(4)).await;
    }

    async fn read<T>(&self, read: impl FnOnce(&Rows) -> T) -> Result<T, StoreError> {
        self.travel().await;
        if let Fate::Busy | Fate::LostAnswer = self.fate() {
            return Err(busy());
        }
        let found = read(&self.rows());
        self.travel().await;
        Ok(found)
    }

    fn apply_later(&self, changes: Vec<Change>, ms: i64) {
        let (core, rows, watch) = (Arc::clone(&self.core), Arc::clone(&self.rows), Arc::clone(&self.watch));
        self.core.spawn(async move {
            core.sleep_ms(ms).await;
            // whoever asked has gone; a condition that fails now concerns nobody
            _ = apply(&core, &rows, &*watch, &changes);
        });
    }
}

fn busy() -> StoreError {
    StoreError::Busy("made busy".into())
}

fn no_answer() -> StoreError {
    StoreError::Unknown("made to lose the answer".into())
}

/// Does all changes or none, and shows them to the watch before anybody else can see them.
fn apply(core: &Core, rows: &Mutex<Rows>, watch: &dyn Watch, changes: &[Change]) -> Result<(), StoreError> {
    let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
    for change in changes {
        let (Change::Put(Row { key, .. }, condition) | Change::Delete(key, condition)) = change;
        let current = rows.get(key);
        if !holds(*condition, current) {
            return Err(StoreError::Conflict { key: key.clone(), current: current.cloned().map(Box::new) });
        }
    }
    let mut commits = Vec::with_capacity(changes.len());
    for change in changes {
        let (key, before, after) = match change {
            Change::Put(row, _) => (row.key.clone(), rows.insert(row.key.clone(), row.clone()), Some(row.clone())),
            Change::Delete(key, _) => (key.clone(), rows.remove(key), None),
        };
        core.mark(after.as_ref().map_or(0, |row| row.version) ^ key.sk.len() as u64);
        commits.push(Commit { key, before, after });
    }
    drop(rows);
    watch.committed(&commits);
    Ok(())
}

fn holds(condition: Condition, current: Option<&Row>) -> bool {
    match condition {
        Condition::Any => true,
        Condition::Absent => current.is_none(),
        Condition::Version(version) => current.is_some_and(|row| row.version == version),
        Condition::Below(version) => current.is_none_or(|row| row.version < version),
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.read(|rows| keys.iter().map(|key| rows.get(key).cloned()).collect()).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.read(|rows| page(rows, query)).await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.read(|rows| {
            let token = |row: &Row| format!("{}\u{1}{}", row.key.pk, row.key.sk);
            let beyond = rows.values().filter(|row| after.is_none_or(|after| token(row).as_str() > after));
            let mut found: Vec<Row> = beyond.take(limit + 1).cloned().collect();
            let more = found.len() > limit;
            found.truncate(limit);
            Page { next: found.last().filter(|_| more).map(token), rows: found }
        })
        .await
    }

    async fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() || changes.len() > 100 {
            return Err(StoreError::Refused(format!("{} changes in one write", changes.len())));
        }
        self.travel().await;
        let result = match self.fate() {
            Fate::Good => apply(&self.core, &self.rows, &*self.watch, changes),
            Fate::Busy => Err(busy()),
            Fate::LostAnswer => match apply(&self.core, &self.rows, &*self.watch, changes) {
                Ok(()) | Err(_) => Err(no_answer()),
            },
            Fate::LostRequest => Err(no_answer()),
            Fate::Late(ms) => {
                self.apply_later(changes.to_vec(), ms);
                Err(no_answer())
            }
        };
        self.travel().await;
        result
    }

    async fn put_all(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.travel().await;
        for row in rows {
            let change = Change::Put(row.clone(), Condition::Any);
            match self.fate() {
                Fate::Good => apply(&self.core, &self.rows, &*self.watch, &[change])?,
                Fate::Busy | Fate::LostRequest => return Err(busy()),
                Fate::LostAnswer => {
                    apply(&self.core, &self.rows, &*self.watch, &[change])?;
                    return Err(no_answer());
                }
                Fate::Late(ms) => {
                    self.apply_later(vec![change], ms);
                    return Err(no_answer());
                }
            }
        }
        self.travel().await;
        Ok(())
    }
}

/// The place of a row in a list: the sort key, and what keeps equal ones of the index apart.
fn place<'a>(row: &'a Row, query: &Query) -> Option<(&'a str, &'a str, &'a str)> {
    let (partition, sort) = match (&row.index, query.index) {
        (Some(index), true) => (index.partition.as_str(), index.sort.as_str()),
        (None, true) => return None,
        (_, false) => (row.key.pk.as_str(), row.key.sk.as_str()),
    };
    let fits = partition == query.partition && sort.starts_with(&query.prefix);
    fits.then_some((sort, row.key.pk.as_str(), row.key.sk.as_str()))
}

fn page(rows: &Rows, query: &Query) -> Page {
    // of an index every row may be one
    let first = if query.index {
        Key { pk: String::new(), sk: String::new() }
    } else {
        Key { pk: query.partition.clone(), sk: query.prefix.clone() }
    };
    let is_near = |key: &Key| query.index || key.pk == query.partition && key.sk.starts_with(&query.prefix);
    let mut found: Vec<(&Row, String)> = rows
        .range(first..)
        .take_while(|(key, _)| is_near(key))
        .map(|(_, row)| row)
        .filter_map(|row| place(row, query).map(|(sort, pk, sk)| (row, format!("{sort}\u{1}{pk}\u{1}{sk}"))))
        .collect();
    found.sort_by(|one, other| one.1.cmp(&other.1));
    if query.descending {
        found.reverse();
    }
    let beyond = |token: &String| match &query.after {
        None => true,
        Some(after) if query.descending => token < after,
        Some(after) => token > after,
    };
    let mut rest = found.into_iter().filter(|(_, token)| beyond(token)).peekable();
    let mut page = Page::default();
    while page.rows.len() < query.limit {
        let Some((row, token)) = rest.next() else { break };
        page.rows.push(row.clone());
        page.next = rest.peek().is_some().then_some(token);
    }
    page
}
