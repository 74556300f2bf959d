//! A long job that is no run: asked for and waited for in one request, and lost with the process. Whoever asks for
//! `application/x-ndjson` hears how far it is, line by line; others get the end.

use super::error::{Answer, Failure};
use crate::App;
use axum::Json;
use axum::response::{IntoResponse, Response};
use engine::Error;
use engine::adopt::Progress;
use futures::stream;
use http::{HeaderMap, header};
use serde::Serialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Lines on their way to the listener. Progress may be left out when it does not listen fast enough.
const LINES: usize = 64;

/// Tells the listener how far a job is.
pub(super) struct Teller(Option<mpsc::Sender<Value>>);

impl Progress for Teller {
    fn tell(&self, step: &str, done: u64, all: u64) {
        if let Some(lines) = &self.0 {
            // a slow listener misses a line, a gone one all of them
            lines.try_send(json!({ "progress": { "step": step, "done": done, "all": all } })).ok();
        }
    }
}

pub(super) async fn run<T, F>(app: Arc<App>, headers: &HeaderMap, job: impl FnOnce(Arc<App>, Teller) -> F) -> Response
where
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let Ok(turn) = Arc::clone(&app.long_job).try_lock_owned() else {
        return Failure::conflict("another long job is running; wait until it has ended").into_response();
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (lines, listener) = mpsc::channel(LINES);
    let wants_lines = accept.contains(NDJSON);
    let work = job(app, Teller(wants_lines.then(|| lines.clone())));
    let task = tokio::spawn(async move {
        let done = work.await;
        drop(turn);
        done
    });
    if wants_lines {
        tokio::spawn(async move { lines.send(last_line(task.await)).await.ok() });
        return lines_of(listener);
    }
    ended(task.await).map(Json).into_response()
}

const NDJSON: &str = "application/x-ndjson";

fn ended<T>(done: Result<Result<T, Error>, tokio::task::JoinError>) -> Answer<T> {
    match done {
        Ok(result) => Ok(result?),
        Err(_) => Err(Failure::conflict("the job was stopped half way; start it again")),
    }
}

fn last_line<T: Serialize>(done: Result<Result<T, Error>, tokio::task::JoinError>) -> Value {
    match ended(done) {
        Ok(result) => json!({ "result": result }),
        Err(failure) => failure.parts().1,
    }
}

fn lines_of(listener: mpsc::Receiver<Value>) -> Response {
    let lines = stream::unfold(listener, |mut listener| async move {
        let line = listener.recv().await?;
        Some((Ok::<_, Infallible>(format!("{line}\n")), listener))
    });
    ([(header::CONTENT_TYPE, NDJSON)], axum::body::Body::from_stream(lines)).into_response()
}
