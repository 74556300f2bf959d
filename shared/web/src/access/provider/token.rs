//! ID tokens: <https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation>. `jsonwebtoken` reads and checks them;
//! signatures are checked by ring, the one cryptography library here.

use domain::Timestamp;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How far the provider's clock may be from ours, seconds.
const LEEWAY_S: f64 = 60.0;

/// What an ID token must say.
pub(super) struct Wanted<'a> {
    /// Who issued it.
    pub(super) issuer: &'a str,
    /// For whom.
    pub(super) client_id: &'a str,
    /// For which attempt.
    pub(super) nonce: &'a str,
}

/// What an ID token says of a person.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    /// The provider's own id of them.
    pub(super) sub: String,
    iss: String,
    exp: f64,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Claims {
    /// Their e-mail address, in small letters.
    pub(super) fn email(&self) -> Option<String> {
        self.email.as_ref().map(|email| email.trim().to_lowercase()).filter(|email| email.contains('@'))
    }

    /// Whether the provider has seen that the address is theirs. Some providers write the word instead of the value.
    pub(super) fn is_verified(&self) -> bool {
        self.email_verified == Value::Bool(true) || self.email_verified == "true"
    }

    /// What a claim that names groups holds: a list, or one.
    pub(super) fn groups(&self, claim: &str) -> Vec<&str> {
        match self.rest.get(claim) {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one],
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
        }
    }
}

/// Why an ID token proves nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unproven {
    /// It is signed with a key that we do not know: the provider may have a new one.
    NoSuchKey,
    /// For the log.
    Because(String),
}

fn because(said: impl Into<String>) -> Unproven {
    Unproven::Because(said.into())
}

/// What a token says, if it is signed with one of the keys, is for us and this attempt, and holds at `now`.
pub(super) fn check(token: &str, keys: &JwkSet, wanted: &Wanted<'_>, now: Timestamp) -> Result<Claims, Unproven> {
    // an error means that it is installed already
    RING.install_default().ok();
    let header = jsonwebtoken::decode_header(token).map_err(|error| because(error.to_string()))?;
    if header.crit.is_some() {
        return Err(because("it has extensions that must be understood"));
    }
    let key = signed_with(keys, header.kid.as_deref()).ok_or(Unproven::NoSuchKey)?;
    let algorithm = algorithm_of(key).ok_or_else(|| because("its key is neither RSA nor P-256"))?;
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[wanted.issuer]);
    validation.set_audience(&[wanted.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false; // below, by the hub's clock
    let key = DecodingKey::from_jwk(key).map_err(|error| because(error.to_string()))?;
    let read = jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|error| because(error.to_string()))?;
    is_now_and_for_us(&read.claims, wanted, now).map(|()| read.claims)
}

fn is_now_and_for_us(claims: &Claims, wanted: &Wanted<'_>, now: Timestamp) -> Result<(), Unproven> {
    let now_s = std::time::Duration::from_millis(u64::try_from(now.0).unwrap_or(0)).as_secs_f64();
    if claims.exp + LEEWAY_S < now_s {
        return Err(because("it has expired"));
    }
    if claims.iat.is_some_and(|iat| iat - LEEWAY_S > now_s) {
        return Err(because("it is of the future; is a clock wrong?"));
    }
    if claims.iss != wanted.issuer {
        return Err(because("it is of another issuer"));
    }
    if claims.azp.as_ref().is_some_and(|azp| azp != wanted.client_id) {
        return Err(because("it was given to another client"));
    }
    if claims.nonce.as_deref() != Some(wanted.nonce) {
        return Err(because("it is of another attempt"));
    }
    if claims.sub.is_empty() { Err(because("it names nobody")) } else { Ok(()) }
}

/// The key of that name; where the token names none, the only one.
fn signed_with<'a>(keys: &'a JwkSet, kid: Option<&str>) -> Option<&'a Jwk> {
    let signs = |key: &&Jwk| key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    match kid {
        Some(kid) => keys.find(kid).filter(signs),
        None => {
            let mut usable = keys.keys.iter().filter(signs).filter(|key| algorithm_of(key).is_some());
            usable.next().filter(|_| usable.next().is_none())
        }
    }
}

/// The key says how it signs, never the token.
fn algorithm_of(key: &Jwk) -> Option<Algorithm> {
    if let AlgorithmParameters::RSA(_) = &key.algorithm {
        return Some(Algorithm::RS256);
    }
    let AlgorithmParameters::EllipticCurve(curve) = &key.algorithm else { return None };
    (curve.curve == EllipticCurve::P256).then_some(Algorithm::ES256)
}

/// ring, as `jsonwebtoken` asks for it: it checks RS256 and ES256, and signs nothing.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: by_ring,
    key_utils: KeyUtils::new_unimplemented(),
};

struct Ring {
    algorithm: Algorithm,
    key: DecodingKey,
}

fn by_ring(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if matches!(algorithm, Algorithm::RS256 | Algorithm::ES256) && algorithm.family() == key.family() {
        Ok(Box::new(Ring { algorithm: *algorithm, key: key.clone() }))
    } else {
        Err(ErrorKind::InvalidAlgorithm.into())
    }
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let checked = match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            DecodingKeyKind::SecretOrDer(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
        };
        checked.map_err(|_| signature::Error::new())
    }
}
