//! What users do through the API, each with a token of their own: `user vera sets TEE to 5`. The owner has the token of the
//! first start.

use super::town::Town;
use super::words::number;
use axum::body::Body;
use engine::Hub;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;
use web::App;

type Seen = Result<Vec<String>, String>;

/// Whoever holds the token of the first start.
const OWNER: &str = "owner";

/// One call of the API by a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Staff {
    who: String,
    call: Call,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
enum Call {
    /// A method, a path, a body; what is told of the answer.
    Plain(&'static str, String, Value, Tells),
    /// A token for somebody, which opens no more than a role, for some days.
    Issue(String, Value),
    /// The token of somebody is made void.
    Revoke(String),
}

/// What is told of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    Nothing,
    Level,
    Change,
    People,
}

/// The step that a line's words mean, if a user takes it.
///
/// # Errors
/// What is not understood of them.
pub(super) fn read(words: &[&str]) -> Result<Option<Staff>, String> {
    let ["user", who, rest @ ..] = words else { return Ok(None) };
    let plain = |method, path: String, body, tells| Call::Plain(method, path, body, tells);
    let user = |name: &str, change: Value| plain("PATCH", format!("/api/users/{name}"), change, Tells::Nothing);
    let account = |name: &str, change: Value| plain("PATCH", format!("/api/accounts/{name}"), change, Tells::Nothing);
    let call = match rest {
        ["adds", name, "as", role] => {
            plain("POST", "/api/users".into(), json!({"name": name, "role": role}), Tells::Nothing)
        }
        ["makes", name, "a", role] => user(name, json!({"role": role})),
        ["shuts", name, "out"] => user(name, json!({"disabled": true})),
        ["lets", name, "in", "again"] => user(name, json!({"disabled": false})),
        ["removes", name] => plain("DELETE", format!("/api/users/{name}"), Value::Null, Tells::Nothing),
        ["lists", "users"] => plain("GET", "/api/users".into(), Value::Null, Tells::People),
        ["gives", name, "a", "token"] => Call::Issue((*name).to_owned(), json!({})),
        ["gives", name, "a", "token", "that", "only", "looks"] => {
            Call::Issue((*name).to_owned(), json!({"role": "viewer"}))
        }
        ["gives", name, "a", "token", "for", days, "days"] => {
            Call::Issue((*name).to_owned(), json!({"days": number::<u32>(days)?}))
        }
        ["revokes", "the", "token", "of", name] => Call::Revoke((*name).to_owned()),
        ["looks", "at", sku] => plain("GET", format!("/api/item?sku={sku}"), Value::Null, Tells::Level),
        ["sets", sku, "to", level] => {
            let edit = json!({"set": number::<i64>(level)?, "reason": "stock take"});
            plain("POST", format!("/api/item/stock?sku={sku}"), edit, Tells::Change)
        }
        ["pauses", name] => account(name, json!({"paused": true})),
        ["resumes", name] => account(name, json!({"paused": false})),
        ["allows", "the", "hub", burst, "calls", "and", rate, "a", "minute", "at", name] => {
            let rate = json!({"burst": number::<u32>(burst)?, "per_minute": number::<u32>(rate)?});
            account(name, json!({"rate": rate}))
        }
        ["has", "edits", "at", name, "adopted"] => account(name, json!({"drift": "adopt"})),
        _ => return Err(format!("nobody knows how a user does {:?}; see tests/src/story/staff.rs", rest.join(" "))),
    };
    Ok(Some(Staff { who: (*who).to_owned(), call }))
}

impl Town {
    /// A user does something.
    pub(super) fn staff(&mut self, staff: &Staff) -> Seen {
        match &staff.call {
            Call::Plain(method, path, body, tells) => {
                let (status, answer) = self.api(&staff.who, method, path, body)?;
                Ok(said(status, &answer, *tells))
            }
            Call::Issue(name, limits) => {
                let mut body = json!({"user": name, "label": "a story"});
                body.as_object_mut()
                    .into_iter()
                    .for_each(|body| body.extend(limits.as_object().cloned().unwrap_or_default()));
                let (status, answer) = self.api(&staff.who, "POST", "/api/tokens", &body)?;
                if let Some(token) = answer["token"].as_str() {
                    self.books.tokens.insert(name.clone(), token.to_owned());
                    self.books.token_ids.insert(name.clone(), answer["id"].as_str().unwrap_or_default().to_owned());
                }
                Ok(said(status, &answer, Tells::Nothing))
            }
            Call::Revoke(name) => {
                let id = self.books.token_ids.get(name).cloned().unwrap_or_default();
                let (status, answer) = self.api(&staff.who, "DELETE", &format!("/api/tokens/{id}"), &Value::Null)?;
                Ok(said(status, &answer, Tells::Nothing))
            }
        }
    }

    /// Asks the API as somebody; the status and the answer.
    fn api(&mut self, who: &str, method: &str, path: &str, body: &Value) -> Result<(u16, Value), String> {
        let token = self.token(who)?;
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(text))
            .map_err(|error| error.to_string())?;
        self.ask(|hub: Arc<Hub>| async move {
            let response = web::router(Arc::new(App::new(hub))).oneshot(request).await;
            let response = response.map_err(|never| never.to_string())?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
        })?
    }

    /// The token that somebody holds, void or not; nobody's when they were given none.
    fn token(&mut self, who: &str) -> Result<String, String> {
        if who == OWNER && !self.books.tokens.contains_key(OWNER) {
            let issued = self.ask(|hub| async move { web::tokens::bootstrap(&*hub.vault, &*hub.clock).await })?;
            let token = issued.map_err(|error| error.to_string())?.ok_or("the hub has been started before")?;
            self.books.tokens.insert(OWNER.to_owned(), token.reveal().to_owned());
        }
        Ok(self.books.tokens.get(who).cloned().unwrap_or_default())
    }
}

fn said(status: u16, answer: &Value, tells: Tells) -> Vec<String> {
    if status >= 400 {
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        return vec![format!("refused with {status}: {message}")];
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match tells {
        Tells::Nothing => Vec::new(),
        Tells::Level => vec![format!("{} {}", text(&answer["sku"]), answer["level"])],
        Tells::Change => vec![format!("{} {} -> {}", text(&answer["sku"]), answer["before"], answer["after"])],
        Tells::People => {
            let state = |user: &Value| if user["disabled"] == true { ", shut out" } else { "" };
            let person = |user: &Value| {
                format!("{}: {}{}, {} tokens", text(&user["name"]), text(&user["role"]), state(user), user["tokens"])
            };
            answer.as_array().into_iter().flatten().map(person).collect()
        }
    }
}
