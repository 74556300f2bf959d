//! Users, roles, personal tokens, sessions, and the audit trail.

use crate::document::operations;
use crate::{Answer, Api};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use web::access;
use web::access::sessions::{self, Opened, SignIn};

const LONG: &str = "four words for ann";

impl Api {
    /// The same, asked with another token.
    fn with_token(&self, token: &str) -> Self {
        Self {
            shops: Arc::clone(&self.shops),
            router: self.router.clone(),
            token: token.to_owned(),
            document: self.document.clone(),
        }
    }

    /// A user with this role, and the API as they see it.
    async fn as_user(&self, name: &str, role: &str) -> Self {
        self.post("/api/users", json!({"name": name, "role": role, "password": LONG})).await;
        let issued = self.post("/api/tokens", json!({"user": name, "label": "a test"})).await;
        self.with_token(issued["token"].as_str().unwrap())
    }

    async fn opened(&self, name: &str, password: &str) -> Option<Opened> {
        match sessions::sign_in(&self.shops.hub, name, password.to_owned()).await.unwrap() {
            SignIn::Opened(opened) => Some(opened),
            SignIn::Wrong | SignIn::Wait(_) => None,
        }
    }

    async fn raw(&self, method: &str, target: &str) -> Answer {
        self.send(self.signed_in(method, target), "").await
    }
}

#[test]
fn every_route_says_which_role_it_needs() {
    let document = serde_json::to_value(web::document()).unwrap();
    let mut looked_at = 0;
    for (method, path, operation) in operations(&document) {
        let role = operation["x-role"].as_str();
        if operation["security"] == json!([{}]) {
            assert_eq!(role, None, "{method} {path} is open");
            continue;
        }
        assert!(matches!(role, Some("viewer" | "operator" | "admin")), "{method} {path} needs {role:?}");
        let own = path == "/api/me/password" || path.starts_with("/api/tokens");
        // what these look for does not fit into a query
        let looks = method == "get" || ["/api/items/find", "/api/mapping/report"].contains(&path.as_str());
        assert!(looks || role != Some("viewer") || own, "{method} {path}: a viewer only looks");
        looked_at += 1;
    }
    assert!(looked_at > 20, "{looked_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_opens_its_routes_and_no_others() {
    let api = Api::open(&[("TEE", 10)]).await;
    let ranks = ["viewer", "operator", "admin"];
    let rank = |role: &str| ranks.iter().position(|name| *name == role).unwrap();
    for name in ["viewer", "operator"] {
        let theirs = api.as_user(&format!("a-{name}"), name).await;
        for (method, path, operation) in operations(&api.document) {
            let Some(needed) = operation["x-role"].as_str() else { continue };
            let target = path.replace("{account}", "nowhere").replace(['{', '}'], "");
            let answer = theirs.raw(&method.to_uppercase(), &target).await;
            let is_refused = answer.status == 403;
            assert_eq!(is_refused, rank(needed) > rank(name), "{name}: {method} {path}: {}", answer.status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_pauses_an_account_and_changes_nothing_else_of_it() {
    let api = Api::open(&[("TEE", 10)]).await;
    let olga = api.as_user("olga", "operator").await;
    let (status, paused) = olga.ask("PATCH", "/api/accounts/north", &json!({"paused": true})).await;
    assert_eq!((status, &paused["paused"]), (200, &json!(true)));
    let message = olga.refused("PATCH", "/api/accounts/north", json!({"drift": "adopt"}), 403, "forbidden").await;
    assert!(message.contains("admin"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_added_changed_shut_out_and_removed() {
    let api = Api::open(&[]).await;
    let ann = api.as_user("ann", "admin").await;
    assert_eq!(ann.get("/api/me").await, json!({"name": "ann", "role": "admin", "is_user": true}));
    let message = api.refused("POST", "/api/users", json!({"name": "ann", "role": "viewer"}), 409, "conflict").await;
    assert!(message.contains("ann"), "{message}");
    for (user, field) in [
        (json!({"name": "Ann!", "role": "viewer"}), "name:"),
        (json!({"name": "owner", "role": "viewer"}), "name:"),
        (json!({"name": "bob", "role": "viewer", "password": "short"}), "password:"),
        (json!({"name": "bob", "role": "king"}), "king"),
    ] {
        let message = api.refused("POST", "/api/users", user, 400, "invalid").await;
        assert!(message.contains(field), "{message}");
    }
    let (_, changed) = api.ask("PATCH", "/api/users/ann", &json!({"role": "viewer"})).await;
    assert_eq!((&changed["role"], &changed["tokens"]), (&json!("viewer"), &json!(1)));
    ann.refused("GET", "/api/users", Value::Null, 403, "forbidden").await;
    api.ask("PATCH", "/api/users/ann", &json!({"disabled": true})).await;
    ann.refused("GET", "/api/me", Value::Null, 401, "unauthorized").await;
    api.ask("PATCH", "/api/users/ann", &json!({"disabled": false})).await;
    assert_eq!(ann.get("/api/me").await["name"], "ann");
    assert_eq!(api.ask("DELETE", "/api/users/ann", &Value::Null).await.0, 204);
    ann.refused("GET", "/api/me", Value::Null, 401, "unauthorized").await;
    api.post("/api/users", json!({"name": "ann", "role": "viewer"})).await;
    ann.refused("GET", "/api/me", Value::Null, 401, "unauthorized").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_token_is_shown_once_kept_as_a_hash_limited_and_revoked() {
    let api = Api::open(&[]).await;
    let ann = api.as_user("ann", "admin").await;
    assert_eq!((ann.token.len(), &ann.token[..4]), (68, "evp_"));
    let rows = api.shops.hub.all_rows("HUB", "").await.unwrap();
    assert!(rows.iter().all(|row| !row.body.contains(&ann.token[4..]) && !row.key.sk.contains(&ann.token[4..])));

    let script = ann.post("/api/tokens", json!({"label": "shelf labels", "role": "viewer", "days": 30})).await;
    let labels = ann.with_token(script["token"].as_str().unwrap());
    labels.refused("GET", "/api/users", Value::Null, 403, "forbidden").await;
    let more = labels.post("/api/tokens", json!({"label": "more", "role": "admin"})).await;
    assert_eq!(more["role"], "viewer", "a limited token makes none that is less so");

    let listed = ann.get("/api/tokens").await;
    assert!(!listed.to_string().contains(&ann.token[4..]) && listed.as_array().unwrap().len() == 3, "{listed}");
    assert!(listed.as_array().unwrap().iter().any(|token| token["used"].is_i64()), "{listed}");
    api.refused("POST", "/api/tokens", json!({"user": "ann", "label": " "}), 400, "invalid").await;
    api.refused("POST", "/api/tokens", json!({"user": "ann", "label": "x", "days": 0}), 400, "invalid").await;
    api.refused("POST", "/api/tokens", json!({"user": "nobody", "label": "x"}), 404, "not-found").await;

    let bob = api.as_user("bob", "viewer").await;
    let of_ann = format!("/api/tokens/{}", script["id"].as_str().unwrap());
    bob.refused("DELETE", &of_ann, Value::Null, 404, "not-found").await;
    bob.refused("GET", "/api/tokens?all=true", Value::Null, 403, "forbidden").await;
    bob.refused("POST", "/api/tokens", json!({"user": "ann", "label": "x"}), 403, "forbidden").await;
    assert_eq!(api.get("/api/tokens?all=true").await.as_array().unwrap().len(), 4);
    assert_eq!(ann.ask("DELETE", &of_ann, &Value::Null).await.0, 204);
    labels.refused("GET", "/api/me", Value::Null, 401, "unauthorized").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_an_end_ends() {
    let api = Api::open(&[]).await;
    let ann = api.as_user("ann", "viewer").await;
    let short = ann.post("/api/tokens", json!({"label": "a day", "days": 1})).await;
    let short = ann.with_token(short["token"].as_str().unwrap());
    short.get("/api/me").await;
    api.shops.clock.advance(Duration::from_secs(86_401));
    short.refused("GET", "/api/me", Value::Null, 401, "unauthorized").await;
    ann.get("/api/me").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lasts_until_it_idles_or_what_opened_it_is_void() {
    let api = Api::open(&[]).await;
    let (hub, clock) = (&*api.shops.hub, &api.shops.clock);
    let ann = api.as_user("ann", "operator").await;
    let opened = api.opened("ann", LONG).await.unwrap();
    let secret = opened.secret.reveal();
    assert_eq!(access::check(hub, secret).await.unwrap().unwrap().name, "ann");
    assert_eq!(api.with_token(secret).get("/api/me").await["role"], "operator", "the API takes it too");
    clock.advance(Duration::from_secs(11 * 3600));
    assert!(access::check(hub, secret).await.unwrap().is_some(), "used now");
    clock.advance(Duration::from_secs(11 * 3600));
    assert!(access::check(hub, secret).await.unwrap().is_some(), "used eleven hours ago");
    clock.advance(Duration::from_secs(13 * 3600));
    assert!(access::check(hub, secret).await.unwrap().is_none(), "idle for too long");

    let second = api.opened("ann", LONG).await.unwrap();
    sessions::sign_out(hub, second.secret.reveal()).await.unwrap();
    assert!(access::check(hub, second.secret.reveal()).await.unwrap().is_none(), "signed out");
    let third = api.opened("ann", LONG).await.unwrap();
    let change = json!({"current": LONG, "new": "other words for ann"});
    assert_eq!(ann.ask("POST", "/api/me/password", &change).await.0, 204);
    assert!(access::check(hub, third.secret.reveal()).await.unwrap().is_none(), "the password is another");
    assert!(api.opened("ann", LONG).await.is_none());
    ann.refused("POST", "/api/me/password", change, 400, "invalid").await;

    let SignIn::Opened(by_token) = sessions::sign_in_with_token(hub, &ann.token).await.unwrap() else { panic!() };
    assert!(access::check(hub, by_token.secret.reveal()).await.unwrap().is_some());
    let id = ann.get("/api/tokens").await[0]["id"].as_str().unwrap().to_owned();
    ann.ask("DELETE", &format!("/api/tokens/{id}"), &Value::Null).await;
    assert!(access::check(hub, by_token.secret.reveal()).await.unwrap().is_none(), "its token is revoked");

    let SignIn::Opened(owner) = sessions::sign_in_with_token(hub, &api.token).await.unwrap() else { panic!() };
    assert_eq!(owner.caller.name, "owner");
    web::tokens::revoke(&*hub.vault, "owner").await.unwrap();
    assert!(access::check(hub, owner.secret.reveal()).await.unwrap().is_none(), "its token is revoked");
    let again = sessions::sign_in_with_token(hub, secret).await.unwrap();
    assert!(matches!(again, SignIn::Wrong), "a session opens no session");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_must_wait() {
    let api = Api::open(&[]).await;
    api.as_user("ann", "viewer").await;
    for _ in 0..5 {
        assert!(api.opened("ann", "a wrong guess of it").await.is_none());
    }
    let right = sessions::sign_in(&api.shops.hub, "ann", LONG.into()).await.unwrap();
    assert!(matches!(right, SignIn::Wait(seconds) if (1..=31).contains(&seconds)), "{right:?}");
    api.shops.clock.advance(Duration::from_secs(31));
    assert!(api.opened("ann", LONG).await.is_some());
    assert!(api.opened("nobody", LONG).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_something_is_in_the_audit_trail() {
    let api = Api::open(&[("TEE", 10)]).await;
    let olga = api.as_user("olga", "operator").await;
    // entries of one millisecond are in no order
    let tick = || api.shops.clock.advance(Duration::from_millis(1));
    tick();
    olga.ask("PATCH", "/api/accounts/north", &json!({"paused": true})).await;
    tick();
    olga.post("/api/item/stock?sku=TEE", json!({"set": 7, "reason": "stock take"})).await;
    tick();
    let lines = json!({"lines": [{"sku": "TEE", "quantity": "9"}], "reason": "file"});
    olga.post("/api/stock", lines.clone()).await;
    let mut dry = lines;
    dry["dry_run"] = true.into();
    tick();
    olga.post("/api/stock", dry).await;
    tick();
    olga.refused("POST", "/api/item/stock?sku=NOPE", json!({"set": 7, "reason": "x"}), 404, "not-found").await;
    olga.get("/api/items").await;
    let trail = api.get("/api/audit?actor=olga").await;
    let told: Vec<Value> = trail["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["action"], row["subject"], row["outcome"], row["before"], row["after"]]))
        .collect();
    let change = json!({"sku": "TEE", "before": 7, "after": 9, "warehouse": "main"});
    assert_eq!(
        told,
        [
            json!(["POST /api/item/stock", "/api/item/stock?sku=NOPE", {"refused": 404}, null, null]),
            json!(["POST /api/stock", "stock file", "done", null, {"reason": "file", "changes": [change]}]),
            json!(["POST /api/item/stock", "TEE", "done", {"level": 10}, {"level": 7, "reason": "stock take"}]),
            json!(["PATCH /api/accounts/{account}", "north", "done", {"paused": false}, {"paused": true}]),
        ],
        "{trail:#}"
    );
    let users = api.get("/api/audit?actor=owner&subject=olga").await;
    assert!(!users.to_string().contains(LONG) && users["rows"].as_array().unwrap().len() == 2, "{users}");
    assert_eq!(api.get("/api/audit?day=2001-01-01").await["rows"], json!([]));
    api.refused("GET", "/api/audit?day=tomorrow", Value::Null, 400, "invalid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_told_without_the_secret() {
    let api = Api::open(&[]).await;
    api.post("/api/accounts/main/rotate", json!({"secrets": {"webhook_secret": "signer-next"}})).await;
    let trail = api.get("/api/audit?subject=main").await;
    assert_eq!(trail["rows"][0]["after"], json!({"secrets replaced": ["webhook_secret"]}));
    assert!(!trail.to_string().contains("signer-next"));
}
