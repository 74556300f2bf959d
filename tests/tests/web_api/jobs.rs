//! Long jobs over HTTP, and the queues.

use crate::Api;
use serde_json::{Value, json};
use tests::shops::Shops;

#[tokio::test(flavor = "multi_thread")]
async fn adoption_is_shown_first_and_then_done() {
    let api = Api::over(Shops::connect(&[("TEE", 10), ("MUG", 4)]).await).await;
    let preview = api.post("/api/adopt", Value::Null).await;
    assert_eq!((&preview["applied"], &preview["new_items"]), (&json!(false), &json!(2)));
    assert_eq!(api.get("/api/items").await["rows"], json!([]), "only shown");
    let done = api.post("/api/adopt", json!({ "apply": true })).await;
    assert_eq!((&done["applied"], &done["new_listings"]), (&json!(true), &json!(6)));
    assert_eq!(api.get("/api/items?limit=500").await["rows"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_lines_hears_how_far_it_is() {
    let api = Api::over(Shops::connect(&[("TEE", 10)]).await).await;
    let request = api.signed_in("POST", "/api/adopt").header("accept", "application/x-ndjson");
    let answer = api.send(request, "").await;
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, progress) = lines.split_last().unwrap();
    assert_eq!(last["result"]["new_items"], 1);
    assert!(!progress.is_empty() && progress.iter().all(|line| line["progress"]["step"].is_string()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_the_last_line() {
    let api = Api::open(&[]).await;
    let request = api.signed_in("POST", "/api/reconcile").header("accept", "application/x-ndjson");
    let answer = api.send(request, json!({ "account": "nobody" }).to_string()).await;
    assert_eq!(answer.json()["error"]["kind"], "not-found");
    api.refused("POST", "/api/reconcile", json!({ "account": "nobody" }), 404, "not-found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_tells_what_differs() {
    let api = Api::open(&[("TEE", 10)]).await;
    api.shops.http.fake().import_silently(1, "TEE", 60, channels::Clock::now(&*api.shops.clock)).unwrap();
    let dry = api.post("/api/reconcile", json!({ "account": "main", "dry_run": true })).await;
    assert_eq!(dry["accounts"]["main"]["nominated"], 1, "{dry}");
    api.post("/api/reconcile", Value::Null).await;
    api.shops.settle().await;
    api.shops.all_show("TEE", 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_counted_and_the_dead_come_back() {
    let api = Api::open(&[]).await;
    let queues = api.get("/api/queues").await;
    assert_eq!(queues["dead"], json!({ "waiting": 0, "in_flight": 0 }));
    assert_eq!(api.post("/api/queues/redrive", json!({ "most": 10 })).await, json!({ "moved": 0 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_started_shown_and_listed_over_http() {
    let api = Api::over(Shops::connect(&[("TEE", 10)]).await).await;
    let started = api.post("/api/runs", json!({ "kind": "adopt", "apply": true })).await;
    let id = started["id"].as_str().unwrap().to_owned();
    assert_eq!((&started["state"], &started["job"]["kind"]), (&json!("waiting"), &json!("adopt")));
    api.refused("POST", "/api/adopt", json!({}), 409, "conflict").await;
    api.shops.settle().await;
    let shown = api.get(&format!("/api/runs/{id}")).await;
    assert_eq!((&shown["state"], &shown["result"]["new_items"]), (&json!("done"), &json!(1)));
    assert_eq!(api.get("/api/runs").await["rows"][0]["id"], json!(id));
    assert_eq!(api.get(&format!("/api/runs/{id}/changes")).await["rows"], json!([]));
    api.refused("POST", &format!("/api/runs/{id}/cancel"), json!({}), 409, "conflict").await;
    api.refused("GET", "/api/runs/never", Value::Null, 404, "not-found").await;
    api.refused("POST", "/api/runs", json!({ "kind": "dance" }), 400, "invalid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_change_costs_is_said_for_any_number_of_stores() {
    let api = Api::open(&[("TEE", 5)]).await;
    let own = api.get("/api/costs").await;
    let stores = api.get("/api/accounts").await.as_array().unwrap().len();
    assert_eq!(own["stores"], json!(stores));
    let many = api.get("/api/costs?stores=11").await;
    let sum =
        |parts: &Value| parts.as_array().unwrap().iter().map(|part| part["dollars"].as_f64().unwrap()).sum::<f64>();
    let thousand = many["thousand_changes"].as_f64().unwrap();
    assert!((sum(&many["million_changes_parts"]) - thousand * 1_000.0).abs() < 1e-6, "{many}");
    assert!(thousand > own["thousand_changes"].as_f64().unwrap(), "{own} {many}");
    let wrong = api.refused("GET", "/api/costs?stores=0", json!({}), 400, "invalid").await;
    assert_eq!(wrong, "stores: 0 is not a number from 1 to 200");
}
