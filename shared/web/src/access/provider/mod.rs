//! Signing in through a provider that speaks OpenID Connect: the authorization code flow with PKCE
//! (<https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth>). Password and token sign-in stay beside it, so a
//! provider that is down shuts nobody out who has one of these.

mod attempt;
mod people;
mod settings;
mod token;

pub(crate) use attempt::{Attempt, LONGEST_MS};
pub use settings::Settings;

use super::sessions::Opened;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use channels::http::AnswerMax;
use channels::{Http, HttpError, Request, Secret};
use domain::Timestamp;
use engine::{Error, Hub, endpoint};
use http::{Method, header};
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use token::{Claims, Unproven, Wanted};
use url::Url;

/// The page of the console to which the provider sends people back.
pub const BACK: &str = "/sign-in/provider/back";
/// The vault's name of what the hub is at the provider where the settings are silent: `client_id`, `client_secret`, `console_url`.
const VAULT_NAME: &str = "oidc";
/// What the provider is asked for.
const SCOPE: &str = "openid email profile";
/// The longest that one call to the provider may take: three of them fit into a function's time.
const CALL: Duration = Duration::from_secs(5);
/// The largest answer of a provider, bytes.
const ANSWER: usize = 512 * 1024;
/// How long what the provider says of itself is believed, milliseconds: an hour.
const BELIEVED_MS: i64 = 3_600_000;
/// How soon it is asked again for keys because of one that we do not know, milliseconds.
const AGAIN_MS: i64 = 60_000;
/// How long a provider that answered counts as one that is there, milliseconds: nobody is sent to one that is down.
const THERE_MS: i64 = 10_000;

/// A sign-in provider.
pub struct Provider {
    settings: Settings,
    http: Arc<dyn Http>,
    found: Mutex<Option<Found>>,
}

/// What the provider says of itself, and when.
#[derive(Clone)]
struct Found {
    at: Timestamp,
    metadata: Arc<Metadata>,
    keys: Arc<JwkSet>,
}

/// The parts of the discovery document that we use, <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata>.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What this hub is at the provider.
struct Client {
    id: String,
    secret: Option<Secret>,
    /// Where people come back to.
    back: String,
}

#[derive(Deserialize)]
struct Redeemed {
    id_token: String,
}

/// Why nobody was let in.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The provider cannot be reached, or says what makes no sense.
    Unavailable(String),
    /// The answer belongs to no attempt of this browser.
    Stranger,
    /// The provider did not sign them in: its word for it.
    Denied(String),
    /// What it sent proves nothing; why is for the log.
    Unproven(String),
    /// They proved who they are, and are nobody here: who.
    Nobody(String),
    /// The provider has not seen that this address is theirs.
    Unverified(String),
    /// An admin shut them out.
    ShutOut,
    /// The hub itself.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Provider {
    /// A provider that is reached through `http`.
    #[must_use]
    pub fn new(settings: Settings, http: Arc<dyn Http>) -> Self {
        Self { settings, http, found: Mutex::default() }
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Begins an attempt: where the browser goes, and what it keeps meanwhile.
    pub(crate) async fn begin(&self, hub: &Hub, next: &str) -> Result<(String, Attempt), Refusal> {
        let client = self.client(hub).await?;
        let found = self.found(hub, THERE_MS).await?;
        let attempt = Attempt::begin(hub, next);
        let mut url = Url::parse(&found.metadata.authorization_endpoint)
            .map_err(|_| Refusal::Unavailable("its address to sign in at is none".into()))?;
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", &client.back),
            ("scope", SCOPE),
            ("state", &attempt.state()),
            ("nonce", &attempt.nonce()),
            ("code_challenge", &attempt.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        Ok((url.into(), attempt))
    }

    /// Ends an attempt with the provider's answer: opens a session for whoever proved who they are.
    pub(crate) async fn finish(
        &self,
        hub: &Hub,
        attempt: &Attempt,
        state: &str,
        code: Result<&str, &str>,
    ) -> Result<Opened, Refusal> {
        if !attempt.is_state(state) {
            return Err(Refusal::Stranger);
        }
        let code = code.map_err(|word| Refusal::Denied(word.to_owned()))?;
        let client = self.client(hub).await?;
        let found = self.found(hub, BELIEVED_MS).await?;
        let token = self.redeem(&client, &found.metadata, attempt, code).await?;
        let claims = self.proven(hub, found, (&client, attempt), &token).await?;
        people::let_in(hub, &self.settings, &attempt.nonce(), &claims).await
    }

    /// From the settings, and where they are silent from the vault: a stack that makes its own provider knows neither what it
    /// is called there nor its own address before it is up.
    async fn client(&self, hub: &Hub) -> Result<Client, Refusal> {
        let mut kept = hub.vault.get(VAULT_NAME, false).await?.unwrap_or_default();
        let text = |kept: Option<Secret>| kept.map(|text| text.reveal().to_owned()).filter(|text| !text.is_empty());
        let id = self.settings.client_id.clone().or_else(|| text(kept.remove("client_id")));
        let base = self.settings.console_url.clone().or_else(|| text(kept.remove("console_url")));
        let base = base.or_else(|| hub.config.public_url.clone()).unwrap_or_default();
        Ok(Client {
            id: id.ok_or_else(|| Refusal::Unavailable("this hub has no client id there".into()))?,
            secret: self.settings.client_secret.clone().or_else(|| kept.remove("client_secret")),
            back: format!("{}{BACK}", base.trim_end_matches('/')),
        })
    }

    /// Reads the token; a key that we do not know is looked for once more at the provider.
    async fn proven(
        &self,
        hub: &Hub,
        found: Found,
        (client, attempt): (&Client, &Attempt),
        token: &str,
    ) -> Result<Claims, Refusal> {
        let nonce = attempt.nonce();
        let wanted = Wanted { issuer: &self.settings.issuer, client_id: &client.id, nonce: &nonce };
        let now = hub.clock.now();
        let mut read = token::check(token, &found.keys, &wanted, now);
        if read.as_ref().is_err_and(|unproven| *unproven == Unproven::NoSuchKey) {
            let found = self.found(hub, AGAIN_MS).await?;
            read = token::check(token, &found.keys, &wanted, now);
        }
        read.map_err(|unproven| match unproven {
            Unproven::NoSuchKey => Refusal::Unproven("it is signed with a key that the provider does not show".into()),
            Unproven::Because(said) => Refusal::Unproven(said),
        })
    }

    /// Redeems a code for an ID token, <https://openid.net/specs/openid-connect-core-1_0.html#TokenRequest>.
    async fn redeem(&self, client: &Client, at: &Metadata, attempt: &Attempt, code: &str) -> Result<String, Refusal> {
        let verifier = attempt.verifier();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &client.back),
            ("client_id", &client.id),
            ("code_verifier", &verifier),
        ];
        let methods = &at.token_endpoint_auth_methods_supported;
        let in_body = !methods.is_empty() && !methods.iter().any(|method| method == "client_secret_basic");
        let mut request = http::Request::builder().method(Method::POST).uri(&at.token_endpoint);
        if let Some(secret) = &client.secret {
            if in_body {
                fields.push(("client_secret", secret.reveal()));
            } else {
                request = request.header(header::AUTHORIZATION, basic(&client.id, secret));
            }
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(body));
        let request = request.map_err(|_| Refusal::Unavailable("its token address is none".into()))?;
        match self.call(request).await? {
            (status, body) if status.is_success() => {
                parsed::<Redeemed>(&body, "the answer to a code").map(|redeemed| redeemed.id_token)
            }
            (status, _) if status.is_client_error() => {
                Err(Refusal::Unproven(format!("the provider refused the code or this hub's secret with {status}")))
            }
            (status, _) => Err(Refusal::Unavailable(format!("it answered a code with {status}"))),
        }
    }

    /// What the provider says of itself, at most so old.
    async fn found(&self, hub: &Hub, oldest_ms: i64) -> Result<Found, Refusal> {
        let now = hub.clock.now();
        let kept = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| now.since_ms(kept.at) < oldest_ms) {
            return Ok(kept);
        }
        let found = self.ask(hub, now).await?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    async fn ask(&self, hub: &Hub, at: Timestamp) -> Result<Found, Refusal> {
        let issuer = &self.settings.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = self.read(&address, "its discovery document").await?;
        if metadata.issuer != *issuer {
            let said = format!("it calls itself {:?}, the settings call it {issuer:?}", metadata.issuer);
            return Err(Refusal::Unavailable(said));
        }
        if !hub.config.allow_insecure_endpoints {
            for address in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri] {
                endpoint::check(address).map_err(Refusal::Unavailable)?;
            }
        }
        let keys = self.read(&metadata.jwks_uri, "its keys").await?;
        Ok(Found { at, metadata: Arc::new(metadata), keys: Arc::new(keys) })
    }

    async fn read<T: DeserializeOwned>(&self, address: &str, what: &str) -> Result<T, Refusal> {
        let request = http::Request::builder().uri(address).header(header::ACCEPT, "application/json");
        let request = request.body(Bytes::new()).map_err(|_| Refusal::Unavailable(format!("{what}: no address")))?;
        match self.call(request).await? {
            (status, body) if status.is_success() => parsed(&body, what),
            (status, _) => Err(Refusal::Unavailable(format!("{what}: it answered with {status}"))),
        }
    }

    async fn call(&self, mut request: Request) -> Result<(http::StatusCode, Bytes), Refusal> {
        request.extensions_mut().insert(AnswerMax(ANSWER));
        let answer = self.http.send(request, CALL).await.map_err(|error| {
            tracing::warn!(%error, "a call to the sign-in provider failed");
            let said = match error {
                HttpError::NotSent(_) | HttpError::NoBudget(_) => "it cannot be reached",
                HttpError::NoAnswer(_) => "it does not answer",
            };
            Refusal::Unavailable(said.into())
        })?;
        Ok((answer.status(), answer.into_body()))
    }
}

/// The parser's own words could quote what nobody may read.
fn parsed<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::Unavailable(format!("{what} is not what it should be")))
}

/// <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>: both are encoded as in a form first.
fn basic(id: &str, secret: &Secret) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret.reveal()))))
}
