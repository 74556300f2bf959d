//! Accounts over HTTP: added, refused, changed, removed.

use crate::Api;
use channels::shopwired::fake::AccountSpec;
use engine::Config;
use serde_json::{Value, json};
use std::sync::Arc;

fn west() -> Value {
    json!({
        "id": "west", "channel": "shopwired", "role": "replica",
        "settings": { "base_url": "http://127.0.0.1/v1" },
        "secrets": { "api_key": "key-west", "api_secret": "secret-west", "webhook_secret": "signer-west" },
    })
}

/// The three stores and a fourth that is not connected yet.
async fn with_west() -> Api {
    let api = Api::open(&[("TEE", 10)]).await;
    api.shops.http.fake().add_account(&AccountSpec {
        business: 4,
        name: "west".into(),
        api_key: "key-west".into(),
        api_secret: "secret-west".into(),
        webhook_secret: Some("signer-west".into()),
    });
    api
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_added_tested_paused_and_removed() {
    let api = with_west().await;
    let added = api.post("/api/accounts", west()).await;
    assert_eq!((&added["id"], &added["inbound"]), (&json!("west"), &json!("sales")));
    assert!(!api.post("/api/accounts/west/test", Value::Null).await["identity"]["store"].as_str().unwrap().is_empty());
    let (status, paused) = api.ask("PATCH", "/api/accounts/west", &json!({ "paused": true })).await;
    assert_eq!((status, &paused["paused"]), (200, &json!(true)));
    assert_eq!(api.post("/api/accounts/main/sync", Value::Null).await["queued"], 1);
    assert_eq!(api.ask("DELETE", "/api/accounts/west", &Value::Null).await, (204, Value::Null));
    api.refused("GET", "/api/accounts/west", Value::Null, 404, "not-found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_ever_shown() {
    let api = with_west().await;
    let added = api.post("/api/accounts", west()).await.to_string();
    let listed = api.get("/api/accounts").await.to_string();
    for secret in ["key-west", "secret-west", "signer-west", "signer-main"] {
        assert!(!added.contains(secret) && !listed.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_refused_with_what_the_store_said() {
    let api = with_west().await;
    let mut wrong = west();
    wrong["secrets"]["api_secret"] = "guess".into();
    let (status, answer) = api.ask("POST", "/api/accounts", &wrong).await;
    assert_eq!((status, &answer["error"]["store"]), (502, &json!("unauthorized")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("the store of account west says:") && message.contains("401"), "{message}");
    assert!(!answer.to_string().contains("guess"));
    api.refused("GET", "/api/accounts/west", Value::Null, 404, "not-found").await;
    assert!(api.shops.hub.vault.get("account/west", true).await.unwrap().is_none(), "nothing is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_http_address_is_refused_unless_the_hub_allows_it() {
    let api = with_west().await;
    let queue = Arc::clone(&api.shops.hub.queue);
    let api = api.with_hub(Config::default(), queue);
    let message = api.refused("POST", "/api/accounts", west(), 400, "invalid").await;
    assert!(message.starts_with("settings.base_url:") && message.contains("not encrypted"), "{message}");
    for inside in ["127.0.0.1", "127.1", "0x7f000001", "017700000001", "[::ffff:7f00:1]", "10.1"] {
        let url = format!("https://{inside}/v1");
        let mut added = west();
        added["settings"]["base_url"] = url.as_str().into();
        let message = api.refused("POST", "/api/accounts", added, 400, "invalid").await;
        assert!(message.starts_with("settings.base_url:") && message.contains("not a public address"), "{message}");
        let changed = json!({ "settings": { "base_url": url } });
        let message = api.refused("PATCH", "/api/accounts/main", changed, 400, "invalid").await;
        assert!(message.starts_with("settings.base_url:") && message.contains("not a public address"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_are_checked_as_those_of_a_new_account_are() {
    let api = Api::open(&[("TEE", 10)]).await;
    let before = api.get("/api/accounts/main").await;
    for (setting, value, said) in [
        ("base_url", "ftp://somewhere/v1", "base_url"),
        ("colour", "red", "settings.colour: this channel has no such setting"),
        ("api_secret", "guess", "settings.api_secret: it is a secret"),
    ] {
        let patch = json!({ "settings": { setting: value }, "drift": "report" });
        let message = api.refused("PATCH", "/api/accounts/main", patch, 400, "invalid").await;
        assert!(message.contains(said), "{message}");
    }
    assert_eq!(api.get("/api/accounts/main").await["settings"], before["settings"]);
    assert_eq!(api.get("/api/accounts/main").await["drift"], before["drift"], "nothing is changed then");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_refused_by_name() {
    let api = with_west().await;
    for (method, target, body, field) in [
        ("POST", "/api/accounts", json!({ "id": "west", "nmae": 1 }), "nmae"),
        ("PATCH", "/api/accounts/main", json!({ "pasued": true }), "pasued"),
        ("POST", "/api/item/stock?sku=TEE", json!({ "set": 1, "reason": "x", "resaon": "y" }), "resaon"),
        ("POST", "/api/adopt", json!({ "aply": true }), "aply"),
        ("GET", "/api/items?prefx=A", Value::Null, "prefx"),
    ] {
        let message = api.refused(method, target, body, 400, "invalid").await;
        assert!(message.contains(field), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_is_a_conflict_and_a_strange_name_is_invalid() {
    let api = with_west().await;
    let mut again = west();
    again["id"] = "main".into();
    api.refused("POST", "/api/accounts", again, 409, "conflict").await;
    let mut second = west();
    second["role"] = "master".into();
    let message = api.refused("POST", "/api/accounts", second, 409, "conflict").await;
    assert!(message.contains("main is the master already"), "{message}");
    let message = api.refused("GET", "/api/accounts/Not%2FA%20Name", Value::Null, 400, "invalid").await;
    assert!(message.starts_with("account: \"Not/A Name\" is not valid"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_the_store_refuses_changes_nothing() {
    let api = with_west().await;
    api.refused("POST", "/api/accounts/main/rotate", json!({ "secrets": { "api_secret": "guess" } }), 502, "store")
        .await;
    let rotated = json!({ "secrets": { "webhook_secret": "signer-new" } });
    api.shops.clock.advance(std::time::Duration::from_secs(60));
    assert!(api.post("/api/accounts/main/rotate", rotated).await["identity"].is_object());
    let message = api
        .refused("POST", "/api/accounts/main/rotate", json!({ "secrets": { "colour": "red" } }), 400, "invalid")
        .await;
    assert!(message.contains("secrets.colour"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_bring_their_settings_form() {
    let api = Api::open(&[]).await;
    let channels = api.get("/api/channels").await;
    let fields = channels[0]["settings"].as_array().unwrap();
    assert!(fields.iter().any(|field| field["name"] == "api_secret" && field["secret"] == true), "{channels}");
}
