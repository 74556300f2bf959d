//! The queues on disk: SQLite with a write-ahead log, flushed at each commit.

use super::state::{Message, Phase, State};
use domain::Timestamp;
use engine::ports::QueueName;
use rusqlite::{Connection, Row, params};
use std::path::Path;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        number INTEGER PRIMARY KEY,
        queue INTEGER NOT NULL,
        origin INTEGER NOT NULL,
        grp TEXT NOT NULL,
        body TEXT NOT NULL,
        receives INTEGER NOT NULL,
        visible_ms INTEGER NOT NULL,
        in_flight INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS remembered (id TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// A file that belongs to one process at a time.
pub(super) struct Log(Connection);

impl Log {
    /// Opens the file, or fails when another process has it open.
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL waits for the disk at each commit: what was answered survives a power cut
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.set_prepared_statement_cache_capacity(16);
        connection.execute_batch(SCHEMA)?;
        Ok(Self(connection))
    }

    pub(super) fn begin(&self) -> rusqlite::Result<()> {
        self.run("BEGIN")
    }

    /// Costs nothing when nothing was written since [`Log::begin`].
    pub(super) fn commit(&self) -> rusqlite::Result<()> {
        self.run("COMMIT")
    }

    pub(super) fn rollback(&self) -> rusqlite::Result<()> {
        if self.0.is_autocommit() { Ok(()) } else { self.run("ROLLBACK") }
    }

    fn run(&self, statement: &str) -> rusqlite::Result<()> {
        self.0.prepare_cached(statement)?.execute([]).map(drop)
    }

    /// Everything as it was at the last commit. New messages get numbers above `floor`.
    pub(super) fn load(&self, floor: u64) -> rusqlite::Result<State> {
        let mut state = State::new(floor);
        let columns = "SELECT number, queue, origin, grp, receives, visible_ms, in_flight FROM messages";
        let mut messages = self.0.prepare(columns)?;
        for message in messages.query_map([], message)? {
            let (number, message) = message?;
            state.insert(number, message);
        }
        let mut remembered = self.0.prepare("SELECT id, until_ms FROM remembered")?;
        for entry in remembered.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))? {
            let (id, until) = entry?;
            state.remember_until(&id, Timestamp(until));
        }
        Ok(state)
    }

    pub(super) fn insert(&self, number: u64, message: &Message, body: &str) -> rusqlite::Result<()> {
        let (visible, in_flight) = phase_columns(message.phase);
        self.0.prepare_cached("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
            number,
            queue_number(message.queue),
            queue_number(message.origin),
            message.group,
            body,
            message.receives,
            visible,
            in_flight
        ])?;
        Ok(())
    }

    /// Writes all but group and text, which never change.
    pub(super) fn update(&self, number: u64, message: &Message) -> rusqlite::Result<()> {
        let (visible, in_flight) = phase_columns(message.phase);
        let statement = "UPDATE messages SET queue = ?, receives = ?, visible_ms = ?, in_flight = ? WHERE number = ?";
        let values = params![queue_number(message.queue), message.receives, visible, in_flight, number];
        self.0.prepare_cached(statement)?.execute(values).map(drop)
    }

    /// The text of a message that must be there.
    pub(super) fn body(&self, number: u64) -> rusqlite::Result<String> {
        let mut statement = self.0.prepare_cached("SELECT body FROM messages WHERE number = ?")?;
        statement.query_row([number], |row| row.get(0))
    }

    pub(super) fn delete(&self, number: u64) -> rusqlite::Result<()> {
        self.0.prepare_cached("DELETE FROM messages WHERE number = ?")?.execute([number]).map(drop)
    }

    pub(super) fn remember(&self, id: &str, until: Timestamp) -> rusqlite::Result<()> {
        let statement =
            "INSERT INTO remembered VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET until_ms = excluded.until_ms";
        self.0.prepare_cached(statement)?.execute(params![id, until.0]).map(drop)
    }

    pub(super) fn forget(&self, now: Timestamp) -> rusqlite::Result<()> {
        self.0.prepare_cached("DELETE FROM remembered WHERE until_ms <= ?")?.execute([now.0]).map(drop)
    }
}

fn message(row: &Row<'_>) -> rusqlite::Result<(u64, Message)> {
    let visible = Timestamp(row.get(5)?);
    let phase = match (row.get(6)?, visible.0) {
        (true, _) => Phase::InFlight(visible),
        (false, 0) => Phase::Ready,
        (false, _) => Phase::Delayed(visible),
    };
    let message = Message {
        queue: queue_named(1, row.get(1)?)?,
        origin: queue_named(2, row.get(2)?)?,
        group: row.get(3)?,
        receives: row.get(4)?,
        phase,
    };
    Ok((row.get(0)?, message))
}

/// When it becomes visible (0: it is), and whether it was received.
const fn phase_columns(phase: Phase) -> (i64, bool) {
    match phase {
        Phase::Ready => (0, false),
        Phase::Delayed(until) => (until.0, false),
        Phase::InFlight(until) => (until.0, true),
    }
}

const fn queue_number(queue: QueueName) -> i64 {
    match queue {
        QueueName::Changes => 1,
        QueueName::Lane => 2,
        QueueName::Dead => 3,
    }
}

fn queue_named(column: usize, number: i64) -> rusqlite::Result<QueueName> {
    match number {
        1 => Ok(QueueName::Changes),
        2 => Ok(QueueName::Lane),
        3 => Ok(QueueName::Dead),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(column, other)),
    }
}
