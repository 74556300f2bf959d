//! Long jobs asked for and waited for in one request, here and in other modules: each is a run. Whoever asks for `application/x-ndjson` hears how far it
//! is, line by line; others get the end. A run goes on when its listener goes away. [`super::runs`] starts runs without
//! waiting.

use super::error::{Answer, Failure, Failures};
use super::extract::Body;
use super::schema;
use super::schema_runs;
use super::token::{Actor, Trail};
use crate::App;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::AccountId;
use engine::Error;
use engine::adopt::{Direction, Progress};
use engine::runs::{Driven, Job, Run, RunState};
use futures::stream;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What to adopt.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adopt {
    /// Do it. Otherwise only show what would happen.
    #[serde(default)]
    apply: bool,
    /// Which way levels go, by account, where it is not the usual one: `to-hub` (the store's levels become the hub's),
    /// `to-store` (it follows), `compare` (only the differences are told).
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::Direction>)]
    directions: BTreeMap<AccountId, Direction>,
    /// SKUs that are left out; a star at the beginning or the end stands for anything.
    #[serde(default)]
    exclude: Vec<String>,
}

/// The first sync: matches all accounts by SKU, shows what would happen, and with `apply` does it. With
/// `Accept: application/x-ndjson` the answer is lines of `{"progress": {"step", "done", "all"}}` and at last
/// `{"result": …}` or `{"error": …}`.
#[utoipa::path(post, path = "/api/adopt", tag = "jobs", request_body = Adopt,
    responses((status = 200, description = "What was found, or done.", body = schema::Adoption),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn adopt(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(order): Body<Adopt>,
) -> Response {
    let Adopt { apply, directions, exclude } = order;
    run(app, &headers, Job::Adopt { apply, directions, exclude }, (&actor, &trail)).await
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
    responses((status = 200, description = "What was found.", body = schema::Comparison),
        (status = 202, description = "It takes longer than a request may: the run that goes on.", body = schema_runs::Run),
        Failures))]
pub(super) async fn reconcile(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    trail: Trail,
    headers: HeaderMap,
    Body(order): Body<Reconcile>,
) -> Response {
    let Reconcile { account, dry_run, quick } = order;
    run(app, &headers, Job::Reconcile { account, dry_run, quick }, (&actor, &trail)).await
}

/// Lines on their way to the listener. Progress may be left out when it does not listen fast enough.
const LINES: usize = 64;
/// A run that somebody else drives is waited for, milliseconds: a function answers before its own time is up.
const PATIENCE_MS: i64 = 20_000;

/// Tells the listener how far a run is.
struct Teller(Option<mpsc::Sender<Value>>);

impl Progress for Teller {
    fn tell(&self, step: &str, done: u64, all: u64) {
        if let Some(lines) = &self.0 {
            // a slow listener misses a line, a gone one all of them
            lines.try_send(json!({ "progress": { "step": step, "done": done, "all": all } })).ok();
        }
    }
}

/// Starts a run and answers with its end.
pub(super) async fn run(app: Arc<App>, headers: &HeaderMap, job: Job, (actor, trail): (&str, &Trail)) -> Response {
    if job.is_preview() {
        trail.only_looked();
    }
    let run = match app.hub.enter_run(job, actor).await {
        Ok(run) => run,
        Err(error) => return Failure::from(error).into_response(),
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (lines, listener) = mpsc::channel(LINES);
    let wants_lines = accept.contains(NDJSON);
    let teller = Teller(wants_lines.then(|| lines.clone()));
    // a task of its own, so that it goes on when the listener goes away
    let task = tokio::spawn(async move { drive(&app, &run.id, &teller).await });
    if wants_lines {
        tokio::spawn(async move { lines.send(last_line(ended(task.await))).await.ok() });
        return lines_of(listener);
    }
    match ended(task.await) {
        Ok(run) => shown(run),
        Err(failure) => failure.into_response(),
    }
}

/// Drives a run to its end, or as long as a function may.
async fn drive(app: &App, id: &str, teller: &Teller) -> Result<Run, Error> {
    loop {
        match app.hub.drive(id, teller).await? {
            Driven::Ended(run) => return Ok(run),
            Driven::Failed(error) => return Err(error),
            Driven::More(_) if app.stays => {}
            Driven::More(run) | Driven::Later(run) if !app.stays => {
                app.hub.call_run_on(&run.id).await?;
                return Ok(run);
            }
            Driven::More(_) | Driven::Later(_) | Driven::Elsewhere => {
                let most_ms = if app.stays { i64::MAX } else { PATIENCE_MS };
                return of(app.hub.wait_for_run(id, most_ms).await?);
            }
        }
    }
}

/// A run that somebody else has driven.
fn of(run: Run) -> Result<Run, Error> {
    match run.state {
        RunState::Failed => Err(Error::Invalid(run.error.unwrap_or_else(|| "the run failed".into()))),
        RunState::Open | RunState::Waiting | RunState::Running | RunState::Done | RunState::Cancelled => Ok(run),
    }
}

const NDJSON: &str = "application/x-ndjson";

fn ended(done: Result<Result<Run, Error>, tokio::task::JoinError>) -> Answer<Run> {
    let run = match done {
        Ok(result) => result?,
        Err(_) => {
            return Err(Failure::conflict("the job was stopped half way; `evenstock runs` shows what becomes of it"));
        }
    };
    match run.state {
        RunState::Cancelled => Err(Failure::conflict(format!("run {} was cancelled; what it did stays done", run.id))),
        RunState::Open | RunState::Waiting | RunState::Running | RunState::Done | RunState::Failed => Ok(run),
    }
}

/// What a run came to; the run itself while it goes on.
fn shown(run: Run) -> Response {
    match run.result {
        Some(result) => Json(result).into_response(),
        None => (StatusCode::ACCEPTED, Json(run)).into_response(),
    }
}

fn last_line(run: Answer<Run>) -> Value {
    match run {
        Ok(Run { result: Some(result), .. }) => json!({ "result": result }),
        Ok(run) => json!({ "run": run }),
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
