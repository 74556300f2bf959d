//! Long jobs: adoption and comparison. Whoever asks for `application/x-ndjson` hears how far they are, line by line; others
//! get the end. A job goes on when its listener goes away, and only one runs at a time.

use super::error::{Answer, Failure, Failures};
use super::extract::Body;
use super::schema;
use super::token::Trail;
use crate::App;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::AccountId;
use engine::Error;
use engine::adopt::Progress;
use futures::stream;
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What to adopt.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adopt {
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
}

/// The first sync: matches all accounts by SKU, shows what would happen, and with `apply` does it. With
/// `Accept: application/x-ndjson` the answer is lines of `{"progress": {"step", "done", "all"}}` and at last
/// `{"result": …}` or `{"error": …}`.
#[utoipa::path(post, path = "/api/adopt", tag = "jobs", request_body = Adopt,
    responses((status = 200, description = "What was found, or done.", body = schema::Adoption), Failures))]
pub(super) async fn adopt(
    State(app): State<Arc<App>>,
    trail: Trail,
    headers: HeaderMap,
    Body(order): Body<Adopt>,
) -> Response {
    if !order.apply {
        trail.only_looked();
    }
    let job = move |app: Arc<App>, teller: Teller| async move { app.hub.adopt(order.apply, &teller).await };
    run(app, &headers, job).await
}

/// What to compare.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reconcile {
    /// Only this account.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    account: Option<AccountId>,
    /// Only tell what differs.
    #[serde(default)]
    dry_run: bool,
    /// Look only at what shows something else than at the last comparison, or was touched since.
    #[serde(default)]
    quick: bool,
}

/// Compares the stores with the ledger; what differs is looked at again. Lines of progress as for `/api/adopt`.
#[utoipa::path(post, path = "/api/reconcile", tag = "jobs", request_body = Reconcile,
    responses((status = 200, description = "What was found.", body = schema::Comparison), Failures))]
pub(super) async fn reconcile(
    State(app): State<Arc<App>>,
    trail: Trail,
    headers: HeaderMap,
    Body(order): Body<Reconcile>,
) -> Response {
    if order.dry_run {
        trail.only_looked();
    }
    let job = move |app: Arc<App>, teller: Teller| async move {
        let only = order.account.as_ref();
        match (order.quick, order.dry_run) {
            (false, dry_run) => app.hub.compare(only, !dry_run, &teller).await,
            (true, false) => app.hub.compare_quickly(only, &teller).await,
            (true, true) => Err(engine::Error::Invalid("dry_run: a quick comparison has none; leave out quick".into())),
        }
    };
    run(app, &headers, job).await
}

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
