//! Items and stock over HTTP.

use crate::{Api, encoded};
use serde_json::{Value, json};

/// Slashes, dots, quotes, spaces, escapes and letters from everywhere.
const STRANGE: &str = "A/B ../50%25 \"ü\"?#&+=;日本/";

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_may_hold_any_character() {
    let api = Api::open(&[(STRANGE, 10), ("TEE", 3)]).await;
    let sku = encoded(STRANGE);
    assert_eq!(api.get(&format!("/api/item?sku={sku}")).await["sku"], STRANGE);
    assert_eq!(api.get(&format!("/api/item/explain?sku={sku}")).await["level"], 10);
    assert_eq!(api.post(&format!("/api/item/sync?sku={sku}"), Value::Null).await["skus"], 1);
    let edit = json!({ "set": 4, "reason": "stock take" });
    assert_eq!(api.post(&format!("/api/item/stock?sku={sku}"), edit).await["after"], 4);
    assert_eq!(api.get(&format!("/api/item/history?sku={sku}")).await["rows"][0]["sku"], STRANGE);
    let listed = api.get(&format!("/api/items?prefix={}", encoded("A/B"))).await;
    assert_eq!(listed["rows"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_reaches_every_store_and_says_who_and_why() {
    let api = Api::open(&[("TEE", 10)]).await;
    let change = api.post("/api/item/stock?sku=TEE", json!({ "adjust": 5, "reason": "purchase order 17" })).await;
    assert_eq!(change, json!({ "sku": "TEE", "before": 10, "after": 15, "warehouse": "main" }));
    api.shops.settle().await;
    api.shops.all_show("TEE", 15).await;
    let history = api.get("/api/item/history?sku=TEE").await;
    let edit =
        history["rows"].as_array().unwrap().iter().find(|row| row["cause"] == "stock" && row["actor"].is_string());
    let edit = edit.unwrap_or_else(|| panic!("{history}"));
    assert_eq!((&edit["actor"], &edit["reason"]), (&json!("owner"), &json!("purchase order 17")));
    let why = api.get("/api/item/explain?sku=TEE").await;
    assert_eq!((&why["level"], &why["listings"][0]["standing"]), (&json!(15), &json!("in-sync")), "{why}");
    let day = api.get("/api/history?day=2026-03-12&account=north").await;
    assert!(!day["rows"].as_array().unwrap().is_empty());
    assert_eq!(api.get("/api/history?day=1999-01-01").await, json!({ "rows": [], "next": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_without_sense_changes_nothing() {
    let api = Api::open(&[("TEE", 10)]).await;
    for (edit, word) in [
        (json!({ "reason": "x" }), "exactly one"),
        (json!({ "set": 1, "adjust": 1, "reason": "x" }), "exactly one"),
        (json!({ "set": 1, "reason": " " }), "reason"),
        (json!({ "set": 1 }), "reason"),
        (json!({ "set": 1.5, "reason": "x" }), "1.5"),
        (json!({ "set": 2_000_000_000_i64, "reason": "x" }), "out of range"),
    ] {
        let message = api.refused("POST", "/api/item/stock?sku=TEE", edit, 400, "invalid").await;
        assert!(message.contains(word), "{message}");
    }
    let edit = json!({ "set": 1, "reason": "x" });
    api.refused("POST", "/api/item/stock?sku=NONE", edit, 404, "not-found").await;
    api.refused("GET", "/api/item", Value::Null, 400, "invalid").await;
    api.refused("GET", "/api/history?day=yesterday", Value::Null, 400, "invalid").await;
    assert_eq!(api.get("/api/item?sku=TEE").await["level"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_file_is_read_line_by_line() {
    let api = Api::open(&[("MUG", 40), ("TEE", 10)]).await;
    let line = |sku: &str, quantity: &str| json!({ "sku": sku, "quantity": quantity });
    let lines = json!([line("MUG", "7"), line("NONE", "1"), line("TEE", "many"), line(" TEE ", "11")]);
    let file = |dry: bool| json!({ "lines": lines, "reason": "stock take", "dry_run": dry });
    let told = api.post("/api/stock", file(true)).await;
    assert_eq!(api.get("/api/item?sku=MUG").await["level"], 40, "only told");
    let done = api.post("/api/stock", file(false)).await;
    assert_eq!(told["lines"][0], done["lines"][0], "what was told is what was done");
    let errors: Vec<bool> = done["lines"].as_array().unwrap().iter().map(|line| line["error"].is_string()).collect();
    assert_eq!(errors, [false, true, true, false]);
    let first = api.get("/api/stock?limit=1").await;
    let second = api.get(&format!("/api/stock?limit=1&after={}", encoded(first["next"].as_str().unwrap()))).await;
    let quantities = [&first["rows"][0]["quantity"], &second["rows"][0]["quantity"]];
    assert_eq!(quantities, [&json!(7), &json!(11)]);
    let many: Vec<Value> = (0..1_001).map(|_| line("TEE", "1")).collect();
    api.refused("POST", "/api/stock", json!({ "lines": many, "reason": "x" }), 400, "invalid").await;
}
