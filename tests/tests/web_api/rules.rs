//! Rules, groups, filters, kits and mapping over HTTP.

use crate::Api;
use serde_json::{Value, json};

/// The listing of an item at an account.
async fn listing(api: &Api, sku: &str, account: &str) -> Value {
    let item = api.get(&format!("/api/item?sku={sku}")).await;
    let found = item["listings"].as_array().unwrap().iter().find(|one| one["listing"] == format!("{account}@default"));
    found.unwrap_or_else(|| panic!("{item}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_previewed_set_explained_and_cleared() {
    let api = Api::open(&[("TEE", 10), ("MUG", 4)]).await;
    let order = |apply: bool| json!({"scope": {"account": "north"}, "set": {"hold_back": 3}, "apply": apply});
    let preview = api.post("/api/rules", order(false)).await;
    assert_eq!((&preview["applied"], &preview["changes"]), (&json!(false), &json!(2)), "{preview}");
    assert_eq!(api.get("/api/rules").await, json!([]), "a preview sets nothing");
    let done = api.post("/api/rules", order(true)).await;
    assert_eq!((&done["applied"], &done["shown"]), (&json!(true), &preview["shown"]), "what was shown is done");
    api.shops.settle().await;
    let north = listing(&api, "TEE", "north").await;
    assert_eq!((&north["shadow"], &north["standing"]), (&json!(7), &json!("in-sync")), "{north}");
    let why = api.get("/api/item/explain?sku=TEE").await;
    let steps = why["listings"].as_array().unwrap().iter().find(|one| one["listing"] == "north@default").unwrap();
    assert_eq!(steps["steps"][1]["from"], "account north", "{steps}");
    assert_eq!(api.get("/api/rules/at?account=north").await["set"], json!({"hold_back": "3"}));
    api.post("/api/rules", json!({"scope": {"account": "north"}, "clear": ["all"], "apply": true})).await;
    api.shops.settle().await;
    api.shops.all_show("TEE", 10).await;
    let history = api.get("/api/rules/history").await;
    assert_eq!(history["rows"][0]["before"], json!(["hold_back 3"]), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rules_name_the_field_and_the_remedy() {
    let api = Api::open(&[("TEE", 10)]).await;
    for (order, words) in [
        (json!({"set": {"cap": "lots"}}), "cap: \"lots\" is not a whole number"),
        (json!({"set": {"colour": 1}}), "colour: there is no such rule"),
        (json!({"set": {"mode": "sometimes"}}), "only-when-active"),
        (json!({}), "say what to change"),
        (json!({"scope": {"sku": "TEE", "group": "x"}, "set": {"cap": 1}}), "one of the two"),
    ] {
        let said = api.refused("POST", "/api/rules", order, 400, "invalid").await;
        assert!(said.contains(words), "{said}");
    }
    api.refused("POST", "/api/rules", json!({"scope": {"group": "none"}, "set": {"cap": 1}}), 404, "not-found").await;
    api.refused("POST", "/api/rules", json!({"scope": {"sku": "NOPE"}, "set": {"cap": 1}}), 404, "not-found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_rules_is_exported_and_imported_line_by_line() {
    let api = Api::open(&[("TEE", 10)]).await;
    let lines = json!([
        {"sku": "TEE", "account": "north", "set": {"cap": "5"}},
        {"set": {"low_stock": "many"}},
        {"account": "south", "set": {"mode": "never"}},
    ]);
    let dry = api.post("/api/rules/file", json!({"lines": lines, "dry_run": true})).await;
    assert!(dry["lines"][1]["error"].as_str().unwrap().starts_with("low_stock"), "{dry}");
    assert_eq!(api.get("/api/rules/file").await["rows"], json!([]));
    api.post("/api/rules/file", json!({"lines": lines})).await;
    let first = api.get("/api/rules/file").await;
    assert_eq!(first["rows"][0]["scope"], json!({"account": "south"}), "{first}");
    let next = first["next"].as_str().unwrap();
    let items = api.get(&format!("/api/rules/file?after={}", crate::encoded(next))).await;
    assert_eq!(items["rows"][0]["set"]["cap"], "5", "{items}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_filters_and_changes_of_many() {
    let api = Api::open(&[("TEE-1", 10), ("TEE-2", 4), ("MUG", 1)]).await;
    api.post("/api/groups", json!({"id": "shirts", "title": "Shirts"})).await;
    let joined = api.post("/api/groups/items", json!({"group": "shirts", "add": ["TEE-1", "HAT"]})).await;
    assert_eq!((&joined[0]["error"], &joined[1]["sku"]), (&Value::Null, &json!("HAT")), "{joined}");
    let filter = json!({"text": "tee"});
    api.post("/api/filters", json!({"name": "all shirts", "filter": filter})).await;
    assert_eq!(api.get("/api/filters").await[0]["name"], "all shirts");
    let all = json!({"saved": "all shirts", "action": {"do": "group", "add": ["shirts"]}, "apply": true});
    let done = api.post("/api/items/change", all).await;
    assert_eq!((&done["matched"], &done["changed"]), (&json!(2), &json!(1)), "one was in it already: {done}");
    let kept = done["kept"].as_str().unwrap();
    let before = api.get(&format!("/api/rules/before?id={kept}")).await;
    assert_eq!(before["rows"], json!([{"sku": "TEE-2"}]));
    let found = api.post("/api/items/find", json!({"filter": {"group": "shirts"}, "limit": 1})).await;
    assert_eq!(found["rows"][0]["sku"], "TEE-1");
    let found = api.post("/api/items/find", json!({"filter": {"group": "shirts"}, "after": found["next"]})).await;
    assert_eq!((found["rows"].as_array().unwrap().len(), &found["rows"][0]["sku"]), (1, &json!("TEE-2")), "{found}");
    let set = json!({"filter": {"group": "shirts"}, "action": {"do": "set", "set": {"mode": "never"}}, "apply": true});
    api.post("/api/items/change", set).await;
    let never = api.post("/api/items/find", json!({"filter": {"mode": "never"}})).await;
    assert_eq!(never["rows"].as_array().unwrap().len(), 2);
    api.post("/api/items/change", json!({"filter": {}, "action": {"do": "sync"}, "apply": true})).await;
    api.shops.settle().await;
    let (status, _) = api.ask("DELETE", "/api/filters?name=all%20shirts", &Value::Null).await;
    assert_eq!(status, 204);
    let (status, gone) = api.ask("DELETE", "/api/groups?id=shirts", &Value::Null).await;
    assert_eq!((status, &gone["items"]), (200, &json!(2)), "{gone}");
    assert_eq!(api.get("/api/groups").await, json!([]));
    api.refused("POST", "/api/items/find", json!({"saved": "nothing"}), 404, "not-found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kit_is_made_sold_and_listed() {
    let api = Api::open(&[("CUP", 9), ("SET", 0)]).await;
    let kit = |apply: bool| json!({"sku": "SET", "parts": {"CUP": 2}, "apply": apply});
    let preview = api.post("/api/kits", kit(false)).await;
    assert_eq!((&preview["available"], &preview["applied"]), (&json!(4), &json!(false)), "{preview}");
    assert_eq!(api.get("/api/kits").await["rows"], json!([]));
    api.post("/api/kits", kit(true)).await;
    api.shops.settle().await;
    api.shops.all_show("SET", 4).await;
    assert_eq!(api.get("/api/kits").await["rows"][0]["parts"], json!({"CUP": 2}));
    let said =
        api.refused("POST", "/api/item/stock?sku=SET", json!({"set": 3, "reason": "stock take"}), 400, "invalid");
    assert!(said.await.contains("is a kit"));
    let said = api.refused("POST", "/api/kits", json!({"sku": "SET", "parts": {"NOPE": 1}}), 404, "not-found");
    assert!(said.await.contains("NOPE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mapping_is_reported_and_changed_by_hand() {
    let api = Api::open(&[("TEE", 10)]).await;
    let report = api.post("/api/mapping/report", json!({})).await;
    assert_eq!((&report["north"]["units"], &report["north"]["mapped"]), (&json!(1), &json!(1)), "{report}");
    let order = |apply: bool| json!({"sku": "TEE", "listing": "north@default", "apply": apply});
    let preview = api.post("/api/mapping/unlink", order(false)).await;
    assert_eq!(preview["loses"], json!(["north@default"]));
    api.post("/api/mapping/unlink", order(true)).await;
    let item = api.get("/api/item?sku=TEE").await;
    assert_eq!(item["listings"].as_array().unwrap().len(), 2, "{item}");
    let report = api.post("/api/mapping/report", json!({"account": "north"})).await;
    let external = report["north"]["linked"][0]["external"].as_str().unwrap();
    let link = json!({"account": "north", "external": external, "sku": "TEE", "apply": true});
    assert_eq!(api.post("/api/mapping/link", link).await["gains"], json!(["north@default"]));
    api.shops.settle().await;
    api.shops.all_show("TEE", 10).await;
    assert_eq!(api.get("/api/mapping/proposals").await, json!([]));
    let answer = json!({"account": "north", "external": "1", "accept": true});
    api.refused("POST", "/api/mapping/proposals", answer, 404, "not-found").await;
}
