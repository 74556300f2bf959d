//! A Lambda Runtime API on this machine: starts a function's binary, hands it events, takes its answers, keeps its log.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
#![allow(clippy::expect_used, clippy::missing_panics_doc)]

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segments, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, watch};

/// A function may think this long, milliseconds.
const PATIENCE_MS: u128 = 30_000;
/// How long a test waits for an answer.
const WAIT: Duration = Duration::from_secs(45);

/// What a function answered: its response, or the error that it reported.
pub type Outcome = Result<Value, Value>;

struct Api {
    events: Mutex<mpsc::Receiver<Value>>,
    outcomes: mpsc::Sender<Outcome>,
    ready: watch::Sender<bool>,
}

/// A running function.
pub struct Function {
    child: Child,
    events: mpsc::Sender<Value>,
    outcomes: mpsc::Receiver<Outcome>,
    ready: watch::Receiver<bool>,
    started: Instant,
    log: tempfile::NamedTempFile,
}

impl Function {
    /// Starts the binary of a function with these variables and nothing else in its environment.
    pub async fn start<N: AsRef<str>>(name: &str, variables: &[(N, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, waiting) = mpsc::channel(1);
        let (answers, outcomes) = mpsc::channel(1);
        let (told, ready) = watch::channel(false);
        let api = Arc::new(Api { events: Mutex::new(waiting), outcomes: answers, ready: told });
        tokio::spawn(async move { axum::serve(listener, routes(api)).await });
        let log = tempfile::NamedTempFile::new().expect("a file for its log");
        let mut command = Command::new(binary(name));
        command.env_clear().stdout(log.reopen().expect("the same file")).stderr(Stdio::null());
        command.envs(variables.iter().map(|(name, value)| (name.as_ref(), value.as_str())));
        let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
        let fixed = [memory, ("AWS_LAMBDA_FUNCTION_NAME", name), ("AWS_LAMBDA_FUNCTION_VERSION", "1")];
        command.envs(fixed).env("AWS_LAMBDA_RUNTIME_API", address);
        let started = Instant::now();
        Self { child: command.spawn().expect("the function starts"), events, outcomes, ready, started, log }
    }

    /// Hands over an event; gives what the function made of it.
    pub async fn invoke(&mut self, event: Value) -> Outcome {
        self.hand_over(event).await;
        let outcome = tokio::time::timeout(WAIT, self.outcomes.recv()).await;
        outcome.expect("an answer in time").expect("an answer")
    }

    /// Hands over an event and does not wait.
    pub async fn hand_over(&self, event: Value) {
        self.events.send(event).await.expect("the function waits for events");
    }

    /// Waits until it asks for its first event; gives how long that took from its start.
    pub async fn init(&mut self) -> Duration {
        tokio::time::timeout(WAIT, self.ready.wait_for(|ready| *ready)).await.expect("in time").expect("it asks");
        self.started.elapsed()
    }

    /// Ends it at once, in the middle of whatever it does.
    pub fn kill(mut self) {
        self.child.kill().ok();
        self.child.wait().expect("it has ended");
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("its log")
    }

    /// The memory that it has in use, KiB; `None` where the system does not say.
    #[must_use]
    pub fn memory_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // it may have ended by itself
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn routes(api: Arc<Api>) -> Router {
    let base = "/2018-06-01/runtime/invocation";
    Router::new()
        .route(&format!("{base}/next"), get(next))
        .route(&format!("{base}/{{id}}/{{ending}}"), post(ended))
        .with_state(api)
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    // nobody may be waiting for that any more
    api.ready.send(true).ok();
    let Some(event) = api.events.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", (now + PATIENCE_MS).to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn ended(
    State(api): State<Arc<Api>>,
    Segments((_, ending)): Segments<(String, String)>,
    body: Bytes,
) -> Response {
    let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let outcome = if ending == "response" { Ok(value) } else { Err(value) };
    // nobody may be listening any more
    api.outcomes.send(outcome).await.ok();
    http::StatusCode::ACCEPTED.into_response()
}

/// Names a folder with artefacts that are built already, `<function>/bootstrap`; then nothing is built here.
const BUILT: &str = "EVENSTOCK_FUNCTIONS";

/// The artefact of a function, if they are built already.
#[must_use]
pub fn artefact(name: &str) -> Option<PathBuf> {
    std::env::var_os(BUILT).map(|folder| PathBuf::from(folder).join(name).join("bootstrap"))
}

/// The binary of a function: the artefact that is shipped, or else one that is built here. Cargo builds no other package's
/// binaries for a test; with the same features as the tests of the whole workspace nothing but linking is then left to do.
fn binary(name: &str) -> PathBuf {
    if let Some(artefact) = artefact(name) {
        return artefact;
    }
    let test = std::env::current_exe().expect("a test has a file");
    let folder = test.parent().and_then(Path::parent).expect("target/debug/deps");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bins", "--all-features", "--target-dir"])
        .arg(folder.parent().expect("target/debug"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status();
    assert!(built.expect("cargo runs").success(), "the functions are built");
    folder.join(name)
}
