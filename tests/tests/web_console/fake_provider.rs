//! A sign-in provider over HTTP with a key of its own, which can be told to lie.

use axum::extract::{Form, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use web::access::provider::Settings;

pub const CLIENT: &str = "the hub";
pub const SECRET: &str = "hub:secret";

/// How an ID token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Well,
    /// With a key that is not among those shown.
    ByAnother,
    /// Not at all, and it says so.
    None,
    /// With HMAC, whose secret is the public key.
    Hmac,
    /// Well, and changed afterwards.
    Torn,
}

/// What the provider does.
pub struct Ways {
    /// Laid over the claims that would be right.
    pub claims: Value,
    pub signed: Signed,
    /// It answers everything with 503.
    pub is_down: bool,
    /// It takes a code as often as it is sent.
    pub takes_codes_twice: bool,
    /// What it calls itself.
    pub issuer: String,
    /// The name of its key.
    pub kid: String,
    /// The time of its tokens, seconds.
    pub now_s: i64,
}

/// What a browser was sent with, by code.
#[derive(Clone)]
struct Asked {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

pub struct FakeProvider {
    pub address: String,
    ways: Mutex<Ways>,
    codes: Mutex<BTreeMap<String, Asked>>,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
}

impl FakeProvider {
    /// Opens one at a port of its own.
    pub async fn open(now_s: i64) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let ways = Ways {
            claims: json!({"sub": "248289761001", "email": "Ann@Example.com", "email_verified": true}),
            signed: Signed::Well,
            is_down: false,
            takes_codes_twice: false,
            issuer: address.clone(),
            kid: "k1".into(),
            now_s,
        };
        let fake =
            Arc::new(Self { address, ways: Mutex::new(ways), codes: Mutex::default(), key: key(), other: key() });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(redeem))
            .with_state(Arc::clone(&fake));
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// What it does.
    pub fn ways(&self) -> MutexGuard<'_, Ways> {
        self.ways.lock().unwrap()
    }

    /// The settings of a hub that uses it.
    pub fn settings(&self) -> Settings {
        let lookup = |name: &str| match name {
            "ISSUER" => Some(self.address.clone()),
            "CLIENT_ID" => Some(CLIENT.to_owned()),
            "CLIENT_SECRET" => Some(SECRET.to_owned()),
            "NAME" => Some("Acme".to_owned()),
            _ => None,
        };
        Settings::read(&lookup, true).unwrap().unwrap()
    }

    /// Somebody signs in there: the address that their browser is sent back to.
    pub fn sign_in(&self, sent_with: &str) -> String {
        let url = url::Url::parse(sent_with).unwrap();
        let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(
            (asked["code_challenge_method"].as_str(), asked["scope"].as_str()),
            ("S256", "openid email profile")
        );
        let code = format!("code-{}", self.codes.lock().unwrap().len());
        let kept = Asked {
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        self.codes.lock().unwrap().insert(code.clone(), kept);
        let back = url::Url::parse(&asked["redirect_uri"]).unwrap();
        format!("{}?code={code}&state={}", back.path(), asked["state"])
    }

    fn token(&self, asked: &Asked) -> String {
        let ways = self.ways();
        let mut claims = json!({"iss": self.address, "aud": CLIENT, "iat": ways.now_s, "exp": ways.now_s + 300, "nonce": asked.nonce});
        for (name, value) in ways.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let algorithm = match ways.signed {
            Signed::None => "none",
            Signed::Hmac => "HS256",
            Signed::Well | Signed::ByAnother | Signed::Torn => "ES256",
        };
        let header = json!({"alg": algorithm, "kid": ways.kid, "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let sign =
            |key: &EcdsaKeyPair, text: &str| key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec();
        let signature = match ways.signed {
            Signed::Well => sign(&self.key, &message),
            Signed::Torn => sign(&self.key, &format!("{message}x")),
            Signed::ByAnother => sign(&self.other, &message),
            Signed::None => Vec::new(),
            Signed::Hmac => hmac(self.key.public_key().as_ref(), message.as_bytes()),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn key() -> EcdsaKeyPair {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &SystemRandom::new()).unwrap()
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

type Answer = Result<Json<Value>, StatusCode>;

fn up(fake: &FakeProvider) -> Result<(), StatusCode> {
    if fake.ways().is_down { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(()) }
}

async fn discovery(State(fake): State<Arc<FakeProvider>>) -> Answer {
    up(&fake)?;
    let at = |path: &str| format!("{}/{path}", fake.address);
    let issuer = fake.ways().issuer.clone();
    Ok(Json(json!({"issuer": issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "jwks_uri": at("keys"), "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]})))
}

async fn keys(State(fake): State<Arc<FakeProvider>>) -> Answer {
    up(&fake)?;
    let point = fake.key.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let kid = fake.ways().kid.clone();
    Ok(Json(json!({"keys": [
        {"kty": "EC", "crv": "P-256", "use": "enc", "kid": "sealing", "x": x, "y": y},
        {"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": x, "y": y},
    ]})))
}

async fn redeem(
    State(fake): State<Arc<FakeProvider>>,
    headers: HeaderMap,
    Form(sent): Form<BTreeMap<String, String>>,
) -> Answer {
    up(&fake)?;
    let proof = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("the+hub:hub%3Asecret"));
    if headers.get("authorization").is_none_or(|given| given.to_str().ok() != Some(&proof)) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let mut codes = fake.codes.lock().unwrap();
    let asked = codes.get(&sent["code"]).cloned().ok_or(StatusCode::BAD_REQUEST)?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(sent["code_verifier"].as_bytes()));
    if challenge != asked.challenge || sent["redirect_uri"] != asked.redirect_uri {
        return Err(StatusCode::BAD_REQUEST);
    }
    if !fake.ways().takes_codes_twice {
        codes.insert(sent["code"].clone(), Asked { challenge: "used".into(), ..asked.clone() });
    }
    Ok(Json(json!({"access_token": "x", "token_type": "Bearer", "id_token": fake.token(&asked)})))
}
