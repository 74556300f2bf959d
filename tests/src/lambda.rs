//! A Lambda Runtime API on this machine: starts a function's binary, hands it events, takes its answers.
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
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// A function may think this long, milliseconds.
const PATIENCE_MS: u128 = 30_000;
/// How long a test waits for an answer.
const WAIT: Duration = Duration::from_secs(45);

/// What a function answered: its response, or the error that it reported.
pub type Outcome = Result<Value, Value>;

struct Api {
    events: Mutex<mpsc::Receiver<Value>>,
    outcomes: mpsc::Sender<Outcome>,
}

/// A running function.
pub struct Function {
    child: Child,
    events: mpsc::Sender<Value>,
    outcomes: mpsc::Receiver<Outcome>,
}

impl Function {
    /// Starts the binary of a function with these variables and nothing else in its environment.
    pub async fn start(name: &str, variables: &[(&str, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, waiting) = mpsc::channel(1);
        let (answers, outcomes) = mpsc::channel(1);
        let api = Arc::new(Api { events: Mutex::new(waiting), outcomes: answers });
        tokio::spawn(async move { axum::serve(listener, routes(api)).await });
        let mut command = Command::new(binary(name));
        command.env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
        let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
        let fixed = [memory, ("AWS_LAMBDA_FUNCTION_NAME", name), ("AWS_LAMBDA_FUNCTION_VERSION", "1")];
        command.envs(fixed).env("AWS_LAMBDA_RUNTIME_API", address);
        Self { child: command.spawn().expect("the function starts"), events, outcomes }
    }

    /// Hands over an event; gives what the function made of it.
    pub async fn invoke(&mut self, event: Value) -> Outcome {
        self.events.send(event).await.expect("the function waits for events");
        let outcome = tokio::time::timeout(WAIT, self.outcomes.recv()).await;
        outcome.expect("an answer in time").expect("an answer")
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

/// Names a folder with binaries that are built already; then nothing is built here.
const BUILT: &str = "EVENSTOCK_FUNCTIONS";

/// The binary of a function. Cargo builds no other package's binaries for a test, so they are built here, with the same
/// features as the tests of the whole workspace, of which nothing but linking is then left to do.
fn binary(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os(BUILT) {
        return PathBuf::from(folder).join(name);
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
