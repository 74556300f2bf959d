//! Secrets Manager as its reference has it, as far as the vault uses it: emulators let a version id be used twice.
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
#![allow(clippy::expect_used, clippy::missing_panics_doc)]

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;

/// Bytes of a secret's text at most.
const MOST_BYTES: usize = 65_536;

#[derive(Default)]
struct Kept {
    versions: BTreeMap<String, String>,
    /// The ids of the versions that were current, the last one being so.
    current: Vec<String>,
    deleted: bool,
}

#[derive(Default)]
struct Shelf {
    secrets: BTreeMap<String, Kept>,
    count: u64,
    late: bool,
}

/// The service, at an address of its own.
#[derive(Clone)]
pub struct Keeper {
    shelf: Arc<Mutex<Shelf>>,
    /// Where it is.
    pub address: String,
}

impl Keeper {
    /// Opens one without secrets.
    pub async fn open() -> Self {
        let shelf = Arc::<Mutex<Shelf>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&shelf));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shelf, address }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every second read shows the version before.
    pub fn is_late(&self, late: bool) {
        self.shelf().late = late;
    }

    /// The names of the secrets that are billed.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.shelf().secrets.iter().filter(|(_, kept)| !kept.deleted).map(|(name, _)| name.clone()).collect()
    }

    /// A secret as somebody has made it by hand.
    pub fn put(&self, name: &str, text: &str) {
        let mut shelf = self.shelf();
        let id = shelf.id();
        let kept = shelf.secrets.entry(name.into()).or_default();
        kept.versions.insert(id.clone(), text.into());
        kept.current.push(id);
    }

    /// Deletes a secret as the console does: it can be restored.
    pub fn delete(&self, name: &str) {
        self.shelf().secrets.get_mut(name).expect("a secret").deleted = true;
    }

    /// Makes the version before the current one.
    pub fn set_back(&self, name: &str) {
        self.shelf().secrets.get_mut(name).expect("a secret").current.pop().expect("a version");
    }
}

type Answer = Result<Value, &'static str>;

impl Shelf {
    fn id(&mut self) -> String {
        self.count += 1;
        format!("00000000-0000-0000-0000-{:012}", self.count)
    }

    fn answer(&mut self, operation: &str, asked: &Value) -> Answer {
        let name = asked["SecretId"].as_str().or_else(|| asked["Name"].as_str()).expect("a name");
        match operation {
            "CreateSecret" => self.create(name, text(asked)?),
            "GetSecretValue" => self.read(name),
            "PutSecretValue" => {
                let token = self.token(asked);
                self.replace(name, &token, text(asked)?)
            }
            "DeleteSecret" => self.delete(name),
            "RestoreSecret" => self.restore(name),
            other => panic!("{other} is not played"),
        }
    }

    /// The SDK makes one up where the caller names none.
    fn token(&mut self, asked: &Value) -> String {
        asked["ClientRequestToken"].as_str().map_or_else(|| self.id(), str::to_owned)
    }

    fn known(&mut self, name: &str) -> Result<&mut Kept, &'static str> {
        let kept = self.secrets.get_mut(name).ok_or(MISSING)?;
        if kept.deleted { Err(DELETED) } else { Ok(kept) }
    }

    fn delete(&mut self, name: &str) -> Answer {
        self.known(name)?.deleted = true;
        Ok(Value::Null)
    }

    fn restore(&mut self, name: &str) -> Answer {
        self.secrets.get_mut(name).ok_or(MISSING)?.deleted = false;
        Ok(Value::Null)
    }

    fn read(&mut self, name: &str) -> Answer {
        self.count += 1;
        let back = usize::from(self.late && self.count.is_multiple_of(2));
        let kept = self.known(name)?;
        let at = kept.current.len().saturating_sub(1 + back);
        let id = kept.current.get(at).ok_or(MISSING)?;
        Ok(json!({ "Name": name, "VersionId": id, "SecretString": kept.versions[id] }))
    }

    fn create(&mut self, name: &str, text: String) -> Answer {
        if let Some(kept) = self.secrets.get(name) {
            return Err(if kept.deleted { DELETED } else { TAKEN });
        }
        let id = self.id();
        let kept = Kept { versions: BTreeMap::from([(id.clone(), text)]), current: vec![id], deleted: false };
        self.secrets.insert(name.into(), kept);
        Ok(Value::Null)
    }

    fn replace(&mut self, name: &str, id: &str, text: String) -> Answer {
        let kept = self.known(name)?;
        match kept.versions.get(id) {
            Some(known) if *known == text => Ok(Value::Null),
            Some(_) => Err(TAKEN),
            None => {
                kept.versions.insert(id.into(), text);
                kept.current.push(id.into());
                Ok(Value::Null)
            }
        }
    }
}

const MISSING: &str = "ResourceNotFoundException";
const DELETED: &str = "InvalidRequestException";
const TAKEN: &str = "ResourceExistsException";

/// The text, if it is not too long.
fn text(asked: &Value) -> Result<String, &'static str> {
    let text = asked["SecretString"].as_str().expect("a text");
    if text.len() <= MOST_BYTES { Ok(text.into()) } else { Err("ValidationException") }
}

async fn answer(State(shelf): State<Arc<Mutex<Shelf>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let target = parts.headers["x-amz-target"].to_str().expect("an operation");
    let operation = target.rsplit('.').next().expect("its name");
    let asked = serde_json::from_slice(&body).expect("JSON");
    let answer = shelf.lock().unwrap_or_else(PoisonError::into_inner).answer(operation, &asked);
    let (status, body) = match answer {
        Ok(Value::Null) => (StatusCode::OK, json!({ "Name": asked["SecretId"] })),
        Ok(body) => (StatusCode::OK, body),
        Err(code) => (StatusCode::BAD_REQUEST, json!({ "__type": code, "Message": code })),
    };
    (status, [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}
