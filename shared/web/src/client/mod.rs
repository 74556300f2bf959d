//! The Http port over the network: TLS, HTTP/1.1 and HTTP/2, pooled connections.
//!
//! It goes to the address itself, never through a proxy of the environment: a proxy would look the name up again, behind
//! the check of where it leads.

mod address;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use channels::http::AnswerMax;
use channels::{Http, HttpError, Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

/// A connection is there within this time or not at all.
const CONNECT: Duration = Duration::from_secs(2);
/// The largest answer, bytes.
pub const ANSWER_MAX: usize = 32 * 1024 * 1024;
/// A connection that idled longer is not used again: common servers close theirs after 15 to 75 seconds, and a request
/// lost in a closing connection is a write of unknown outcome.
const IDLE: Duration = Duration::from_secs(10);
/// Connections per store that are kept for later.
const IDLE_MOST: usize = 16;

/// The network. Its connections begin with the first request.
#[derive(Debug)]
pub struct NetHttp {
    allow_insecure: bool,
    client: OnceLock<Client>,
}

impl NetHttp {
    /// A network that reaches public addresses over TLS only; with `allow_insecure` everything (tests and demo).
    #[must_use]
    pub const fn new(allow_insecure: bool) -> Self {
        Self { allow_insecure, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = build(self.allow_insecure)?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn exchange(&self, request: reqwest::Request, most: usize) -> Result<Response, HttpError> {
        let mut answer = self.client()?.execute(request).await.map_err(|error| failed(&error))?;
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        *response.body_mut() = body(answer, most).await?;
        Ok(response)
    }
}

#[async_trait]
impl Http for NetHttp {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        if timeout.is_zero() {
            return Err(HttpError::NotSent("the caller's deadline has passed".into()));
        }
        let unsendable = |error: reqwest::Error| HttpError::NotSent(reason(&error.without_url()));
        let most = request.extensions().get::<AnswerMax>().map_or(ANSWER_MAX, |most| most.0.min(ANSWER_MAX));
        let mut request = reqwest::Request::try_from(request).map_err(unsendable)?;
        if !self.allow_insecure {
            address::check(request.url()).map_err(HttpError::NotSent)?;
        }
        *request.timeout_mut() = Some(timeout);
        self.exchange(request, most).await
    }
}

fn build(allow_insecure: bool) -> Result<Client, HttpError> {
    // an error means that the process has one already
    rustls::crypto::ring::default_provider().install_default().ok();
    let builder = ClientBuilder::new()
        .user_agent(concat!("evenstock/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_MOST)
        .tcp_nodelay(true);
    let builder = if allow_insecure { builder } else { builder.dns_resolver(address::PublicOnly) };
    builder.build().map_err(|error| HttpError::NotSent(reason(&error)))
}

async fn body(mut answer: reqwest::Response, most: usize) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
        if body.len() + chunk.len() > most {
            return Err(HttpError::NoAnswer(format!("the answer is larger than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Only a request that never had a connection was certainly not sent.
fn failed(error: &reqwest::Error) -> HttpError {
    if error.is_connect() || error.is_builder() {
        HttpError::NotSent(reason(error))
    } else {
        HttpError::NoAnswer(reason(error))
    }
}

/// The innermost cause: the outer ones repeat the address, whose query may hold a key.
fn reason(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
