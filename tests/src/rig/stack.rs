//! The stack that `sam deploy` has put onto an emulator: its own API, queues, mappings, timers, table and secrets.

use super::{Hub, SqsQueue, emulator, hub};
use aws::QueueUrls;
use aws::clients::{self, Clients};
use bytes::Bytes;
use channels::{Http, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use web::client::NetHttp;

/// How long a call through the front door may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// A function as it was deployed.
#[derive(Debug, Clone, Deserialize)]
pub struct Deployed {
    /// Its name.
    pub name: String,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
}

/// What `tests/stack.py` wrote down.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    /// Where the emulator is.
    pub endpoint: String,
    /// What the template gives out.
    pub outputs: BTreeMap<String, String>,
    /// The functions.
    pub functions: BTreeMap<String, Deployed>,
    /// Every resource, with its type.
    pub resources: BTreeMap<String, String>,
}

impl Stack {
    /// The stack; `None` where there is none and that is meant.
    #[must_use]
    pub fn find() -> Option<Self> {
        let file = emulator("EVENSTOCK_STACK")?;
        let text = std::fs::read_to_string(&file).expect("what tests/stack.py wrote");
        Some(serde_json::from_str(&text).expect("JSON"))
    }

    /// An output of the template.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or_else(|| panic!("no output {name}"), String::as_str)
    }

    /// Clients of its services.
    #[must_use]
    pub fn clients(&self) -> Clients {
        clients::emulated(&self.endpoint, &clients::https())
    }

    /// The same hub in this process, for looking at what the functions did.
    #[must_use]
    pub fn hub(&self) -> (Hub, SqsQueue) {
        let url = |name: &str| self.output(name).to_owned();
        let urls = QueueUrls {
            changes: url("ChangesQueueUrl"),
            lane: url("LaneQueueUrl"),
            changes_dead: url("ChangesDeadQueueUrl"),
            lane_dead: url("LaneDeadQueueUrl"),
        };
        hub(self.clients(), self.output("TableName"), urls, &self.functions["admin"].variables["SECRETS_PREFIX"])
    }

    /// Sends a request through the front door: to the emulator, which knows the API by its host.
    pub async fn send(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("{}{path}", self.endpoint).parse().expect("an address");
        let host = self.output("Url").trim_start_matches("http://").to_owned();
        parts.headers.insert(http::header::HOST, host.parse().expect("a host"));
        let sent = NetHttp::new(true).send(Request::from_parts(parts, body), PATIENCE).await;
        sent.expect("the front door answers")
    }

    /// Calls the JSON API with a token; gives status and body.
    pub async fn api(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://hub{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body);
        let response = self.send(request.expect("a request")).await;
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
    }

    /// Calls an operation of a service that we have no client for, as its JSON protocol wants it.
    pub async fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let scope = format!("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request");
        let request = http::Request::builder()
            .method("POST")
            .uri(&self.endpoint)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", format!("{scope}, SignedHeaders=host, Signature=none"))
            .body(Bytes::from(body.to_string()));
        let response = NetHttp::new(true).send(request.expect("a request"), PATIENCE).await.expect("an answer");
        serde_json::from_slice(response.body()).unwrap_or_default()
    }

    /// What a function has logged, line by line.
    pub async fn log(&self, function: &str) -> Vec<String> {
        let group = self.functions[function].name.clone();
        let mut lines = Vec::new();
        for group in [format!("/evenstock/evenstock/{function}"), format!("/aws/lambda/{group}")] {
            let asked = json!({ "logGroupName": group, "limit": 10_000 });
            let answer = self.call("logs", "Logs_20140328.FilterLogEvents", &asked).await;
            let events = answer["events"].as_array().cloned().unwrap_or_default();
            lines.extend(events.iter().filter_map(|event| event["message"].as_str().map(str::to_owned)));
        }
        lines
    }
}
