//! Warehouses and locations over HTTP.

use crate::Api;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_one_pool_is_fed_by_two_warehouses_and_its_sales_are_charged_in_order() {
    let api = Api::open(&[("TEE", 3), ("MUG", 8)]).await;
    api.post("/api/warehouses", json!({ "id": "west", "name": "West depot" })).await;
    api.refused("POST", "/api/warehouses", json!({ "id": "west" }), 409, "conflict").await;
    let set = json!({ "set": 5, "reason": "stock take", "warehouse": "west" });
    let change = api.post("/api/item/stock?sku=TEE", set).await;
    assert_eq!(change, json!({ "sku": "TEE", "before": 0, "after": 5, "warehouse": "west" }));
    api.shops.settle().await;
    let told = api
        .refused(
            "POST",
            "/api/item/stock?sku=MUG",
            json!({ "adjust": 1, "reason": "x", "warehouse": "west" }),
            400,
            "invalid",
        )
        .await;
    assert!(told.contains("is not known; set it"), "{told}");

    let feed = |apply: bool| json!({ "warehouses": ["main", "west"], "apply": apply });
    let preview = api.post("/api/accounts/north/feed", feed(false)).await;
    assert_eq!(
        (&preview["applied"], &preview["will_change"], &preview["gains"]),
        (&json!(false), &json!(1), &json!(5)),
        "{preview}"
    );
    api.shops.settle().await;
    assert_eq!(api.shops.levels("TEE").await["north"], 3, "a preview changes nothing");
    api.post("/api/accounts/north/feed", feed(true)).await;
    api.shops.settle().await;
    let levels = api.shops.levels("TEE").await;
    assert_eq!((levels["main"], levels["north"], levels["south"], levels["hub"]), (3, 8, 3, 8));

    let now = channels::Clock::now(&*api.shops.clock);
    let order = api.shops.http.fake().sell(2, "TEE", 4, now).unwrap();
    api.shops.settle().await;
    let item = api.get("/api/item?sku=TEE").await;
    assert_eq!(item["warehouses"], json!({ "main": 0, "west": 4 }), "3 of the first, 1 of the second: {item}");
    let levels = api.shops.levels("TEE").await;
    assert_eq!((levels["main"], levels["north"], levels["south"]), (0, 4, 0));
    take_back(&api, order);
    api.shops.settle().await;
    let item = api.get("/api/item?sku=TEE").await;
    assert_eq!(item["warehouses"], json!({ "main": 3, "west": 5 }), "back where they were taken: {item}");

    let why = api.get("/api/item/explain?sku=TEE").await;
    let north = why["listings"].as_array().unwrap().iter().find(|one| one["listing"] == "north@default").unwrap();
    assert_eq!(north["warehouses"], json!(["main", "west"]));
    assert_eq!(north["steps"][0], json!({ "rule": "in main", "quantity": 3 }), "{why}");
    let file = api.get("/api/stock?limit=10").await;
    let rows: Vec<&Value> = file["rows"].as_array().unwrap().iter().collect();
    assert_eq!(rows.len(), 3, "a row for each warehouse that has a level: {file}");
}

/// Somebody takes back all lines of an order of the second store.
fn take_back(api: &Api, order: u64) {
    let now = channels::Clock::now(&*api.shops.clock);
    let mut fake = api.shops.http.fake();
    for line in fake.lines(2, order) {
        fake.return_line(2, line.item, now).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_that_feeds_or_holds_something_is_not_removed() {
    let api = Api::open(&[("TEE", 3)]).await;
    api.post("/api/warehouses", json!({ "id": "west" })).await;
    let renamed = api.ask("PATCH", "/api/warehouses/west", &json!({ "name": "The West" })).await;
    assert_eq!((renamed.0, &renamed.1["name"]), (200, &json!("The West")));
    api.post("/api/item/stock?sku=TEE", json!({ "set": 5, "reason": "x", "warehouse": "west" })).await;
    let told = api.refused("DELETE", "/api/warehouses/west", Value::Null, 409, "conflict").await;
    assert!(told.contains("has 5 units of 1 SKUs"), "{told}");
    let shown = api.get("/api/warehouses/west").await;
    assert_eq!((&shown["units"], &shown["skus"], &shown["stocked"]), (&json!(5), &json!(1), &json!(1)));
    api.post("/api/item/stock?sku=TEE", json!({ "set": 0, "reason": "x", "warehouse": "west" })).await;
    assert_eq!(api.ask("DELETE", "/api/warehouses/west", &Value::Null).await.0, 204);
    api.refused("DELETE", "/api/warehouses/main", Value::Null, 409, "conflict").await;
    api.refused("GET", "/api/warehouses/west", Value::Null, 404, "not-found").await;
    assert_eq!(api.get("/api/warehouses").await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_without_locations_have_one_that_says_what_feeds_it() {
    let api = Api::open(&[("TEE", 3)]).await;
    let all = api.get("/api/locations").await;
    let ids: Vec<&Value> = all.as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["main@default", "north@default", "south@default"]);
    assert_eq!(
        (&all[0]["warehouses"], &all[0]["master"], &all[1]["master"]),
        (&json!(["main"]), &json!(true), &json!(false))
    );
    let wrong = json!({ "location": "north@elsewhere", "warehouse": "main" });
    api.refused("POST", "/api/locations/link", wrong, 404, "not-found").await;
    let wrong = json!({ "location": "north@default", "warehouse": "nirvana" });
    api.refused("POST", "/api/locations/link", wrong, 404, "not-found").await;
    api.refused("POST", "/api/locations/unlink", json!({ "location": "north@default" }), 400, "invalid").await;
    api.refused("POST", "/api/locations/zero", json!({ "account": "north" }), 400, "invalid").await;
    assert_eq!(api.get("/api/locations?account=north").await.as_array().unwrap().len(), 1);
}
