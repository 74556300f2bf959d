//! Two threads: one carries out the calls in the order in which they came, the other flushes the log and answers.

use super::calls::{self, Answer};
use super::disk::Log;
use dynoxide::{Database, DynoxideError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::sync::oneshot;

/// One request, and where its answer goes.
pub(super) struct Call {
    pub(super) operation: String,
    pub(super) body: Vec<u8>,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// An answer that may tell of commits up to number `after`, and must wait until they are on the disk.
struct Unflushed {
    after: u64,
    answer: Answer,
    reply: oneshot::Sender<Answer>,
}

/// Starts the threads; they end when the sender is gone.
pub(super) fn start(database: Database, log: Log) -> io::Result<Sender<Call>> {
    let (calls, inbox) = channel();
    let (unflushed, outbox) = channel();
    let flushed = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&flushed);
    thread::Builder::new()
        .name("store-calls".to_owned())
        .spawn(move || carry_out(&database, &inbox, &unflushed, &seen))?;
    thread::Builder::new().name("store-disk".to_owned()).spawn(move || flush_and_answer(log, &outbox, &flushed))?;
    Ok(calls)
}

fn carry_out(database: &Database, inbox: &Receiver<Call>, unflushed: &Sender<Unflushed>, flushed: &AtomicU64) {
    let mut commits = 0;
    while let Ok(Call { operation, body, reply }) = inbox.recv() {
        let answer = calls::perform(database, &operation, &body);
        commits += u64::from(calls::writes(&operation));
        // also a read, or a failed condition, may show a commit that a power cut could still undo
        if commits == flushed.load(Ordering::Acquire) {
            // a caller that went away needs no answer
            reply.send(answer).ok();
        } else if unflushed.send(Unflushed { after: commits, answer, reply }).is_err() {
            return;
        }
    }
}

fn flush_and_answer(mut log: Log, outbox: &Receiver<Unflushed>, flushed: &AtomicU64) {
    while let Ok(first) = outbox.recv() {
        let waiting: Vec<Unflushed> = std::iter::once(first).chain(outbox.try_iter()).collect();
        let after = waiting.last().map_or(0, |last| last.after);
        let result = if after > flushed.load(Ordering::Acquire) { log.flush() } else { Ok(()) };
        if result.is_ok() {
            flushed.store(after, Ordering::Release);
        }
        for Unflushed { answer, reply, .. } in waiting {
            reply.send(after_flush(answer, &result)).ok();
        }
    }
}

fn after_flush(answer: Answer, result: &io::Result<()>) -> Answer {
    match result {
        Ok(()) => answer,
        Err(error) => calls::error(&DynoxideError::InternalServerError(format!("the disk failed: {error}"))),
    }
}
