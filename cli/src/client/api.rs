//! The admin API as a client sees it.

use anyhow::{Context, anyhow, bail};
use engine::runs::Run;
use http::{Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;

/// A connection is there within this time or not at all.
const CONNECT: Duration = Duration::from_secs(5);
/// The first sync of a large shop takes minutes.
const PATIENCE: Duration = Duration::from_secs(3600);
/// The largest line of a long job's answer, bytes.
const LINE_MAX: usize = 64 * 1024 * 1024;
/// Letters that a part of an address may hold as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A client of one hub.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// How far a long job is.
#[derive(Debug, Clone, Deserialize)]
pub struct Progress {
    /// What it is doing.
    pub step: String,
    /// So much of it.
    pub done: u64,
    /// Of so much; 0 while nobody knows.
    pub all: u64,
}

impl Client {
    /// A client of the hub at `url`.
    ///
    /// # Errors
    /// When this machine has no certificates to trust.
    pub fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        // an error means that the process has one already
        rustls::crypto::ring::default_provider().install_default().ok();
        let builder = reqwest::Client::builder().connect_timeout(CONNECT).timeout(PATIENCE);
        // a proxy of the environment does not lead to this machine
        let builder = if is_here(url) { builder.no_proxy() } else { builder };
        let http = builder.build().context("the network cannot be used")?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    /// Reads.
    ///
    /// # Errors
    /// What the hub said.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// Has something done.
    ///
    /// # Errors
    /// What the hub said.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// One call; `path` begins with a slash and is below `/api`.
    ///
    /// # Errors
    /// What the hub said.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<T> {
        let answer = self.send(method, path, body, JSON).await?;
        let status = answer.status();
        read(status, &answer.bytes().await.context("the hub's answer broke off")?)
    }

    /// Has a long job done, and hears how far it is. One that takes longer than a request may goes on as a run.
    ///
    /// # Errors
    /// What the hub said.
    pub async fn job<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        tell: impl Fn(Progress),
    ) -> anyhow::Result<Answered<T>> {
        let mut answer = self.send(Method::POST, path, Some(body), LINES).await?;
        let status = answer.status();
        let lines = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == LINES.as_bytes());
        if status == StatusCode::ACCEPTED {
            return read(status, &answer.bytes().await?).map(|run| Answered::Later(Box::new(run)));
        }
        if !status.is_success() || !lines {
            return read(status, &answer.bytes().await?).map(Answered::Now);
        }
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.context("the hub's answer broke off; the job may go on there")? {
            text.extend_from_slice(&chunk);
            if text.len() > LINE_MAX {
                bail!("the hub's answer is too long");
            }
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                if let Some(result) = line_of(&line, &tell)? {
                    return Ok(result);
                }
            }
        }
        bail!("the hub's answer broke off; the job may go on there")
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        accept: &str,
    ) -> anyhow::Result<reqwest::Response> {
        let mut request = self
            .http
            .request(method, format!("{}/api{path}", self.url))
            .header(header::ACCEPT, accept)
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, JSON).body(serde_json::to_vec(body)?);
        }
        request.send().await.map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: reqwest::Error) -> anyhow::Error {
        let error = anyhow::Error::new(error.without_url());
        anyhow!("the hub at {} does not answer ({}); is it running, and is --url right?", self.url, error.root_cause())
    }
}

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// How a long job was answered.
#[derive(Debug)]
pub enum Answered<T> {
    /// It is done.
    Now(T),
    /// It goes on.
    Later(Box<Run>),
}

/// Whether an address is of this machine.
fn is_here(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// The answer, if the line is the last.
fn line_of<T: DeserializeOwned>(line: &[u8], tell: &impl Fn(Progress)) -> anyhow::Result<Option<Answered<T>>> {
    let mut line: Value = serde_json::from_slice(line).context(OTHER_VERSION)?;
    if let Some(progress) = line.get_mut("progress") {
        tell(serde_json::from_value(progress.take()).context(OTHER_VERSION)?);
        return Ok(None);
    }
    if let Some(run) = line.get_mut("run") {
        let run = serde_json::from_value(run.take()).context(OTHER_VERSION)?;
        return Ok(Some(Answered::Later(Box::new(run))));
    }
    match line.get_mut("result") {
        Some(result) => Ok(Some(Answered::Now(serde_json::from_value(result.take()).context(OTHER_VERSION)?))),
        None => bail!("{}", message(&line).unwrap_or_else(|| OTHER_VERSION.into())),
    }
}

const OTHER_VERSION: &str = "the hub's answer is not of this version of the API";

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> anyhow::Result<T> {
    if status == StatusCode::UNAUTHORIZED {
        bail!(
            "the hub does not accept the token; give the one that its first start printed with --token or EVENSTOCK_TOKEN"
        );
    }
    if !status.is_success() {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        bail!("{}", message(&body).unwrap_or_else(|| format!("the hub answered {status}")));
    }
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).context(OTHER_VERSION)
}

/// The sentence of a refusal.
fn message(body: &Value) -> Option<String> {
    body.get("error")?.get("message")?.as_str().map(str::to_owned)
}

/// A text as one part of a path.
#[must_use]
pub fn part(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The given parameters as a query, with its question mark; nothing when there are none.
#[must_use]
pub fn query(parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", part(value.as_ref()?))));
    let given: Vec<String> = given.collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skus_survive_the_path() {
        assert_eq!(part("A/B c?#%"), "A%2FB%20c%3F%23%25");
        assert_eq!(query(&[("after", None), ("prefix", Some("T&S".into()))]), "?prefix=T%26S");
        assert_eq!(query(&[("after", None)]), "");
    }

    #[test]
    fn a_jobs_last_line_ends_it() {
        let ignore = |_: Progress| {};
        let result: Option<Answered<u64>> = line_of(br#"{"result":7}"#, &ignore).expect("a result");
        assert!(matches!(result, Some(Answered::Now(7))), "{result:?}");
        let told = std::cell::Cell::new(0);
        let progress = br#"{"progress":{"step":"reading","done":5,"all":0}}"#;
        let none: Option<Answered<u64>> =
            line_of(progress, &|progress: Progress| told.set(progress.done)).expect("progress");
        assert_eq!((none.is_none(), told.get()), (true, 5));
        let error = line_of::<u64>(br#"{"error":{"kind":"conflict","message":"busy"}}"#, &ignore).expect_err("refused");
        assert_eq!(error.to_string(), "busy");
    }
}
