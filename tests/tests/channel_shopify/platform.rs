//! The fake refuses what the platform would, with its very codes and paths.

use crate::{SHOP, URL, World};
use channels::Http;
use channels::shopify::fake::{ItemSpec, NotStocked};
use http::Request;
use serde_json::{Value, json};
use std::time::Duration;

const SET: &str = "mutation($i: InventorySetQuantitiesInput!, $k: String!) { inventorySetQuantities(input: $i) \
    @idempotent(key: $k) { inventoryAdjustmentGroup { id changes { name delta quantityAfterChange } } userErrors { code field } } }";

pub async fn post(world: &World, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path).header("x-shopify-access-token", token).body(body.to_string().into()).unwrap();
    let response = world.net.inner.send(request, Duration::from_secs(8)).await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
}

async fn token(world: &World) -> String {
    let body =
        json!({"grant_type": "client_credentials", "client_id": "client-77", "client_secret": crate::CLIENT_SECRET});
    let (status, answer) = post(world, "/admin/oauth/access_token", "", &body).await;
    assert_eq!((status, &answer["expires_in"]), (200, &json!(86_399)), "as JSON, too");
    answer["access_token"].as_str().unwrap().to_owned()
}

pub async fn ask(world: &World, query: &str, variables: Value) -> Value {
    let token = token(world).await;
    let body = json!({"query": query, "variables": variables});
    post(world, "/admin/api/2026-07/graphql.json", &token, &body).await.1
}

async fn set(world: &World, key: &str, input: Value) -> Value {
    ask(world, SET, json!({"i": input, "k": key})).await
}

fn input(rows: Value) -> Value {
    json!({"name": "available", "reason": "correction", "quantities": rows})
}

fn row(item: u64, location: u64, quantity: i64, from: Value) -> Value {
    let (item, place) = (format!("gid://shopify/InventoryItem/{item}"), format!("gid://shopify/Location/{location}"));
    json!({"inventoryItemId": item, "locationId": place, "quantity": quantity, "changeFromQuantity": from})
}

fn errors(answer: &Value) -> Vec<(String, Value)> {
    let errors = answer["data"]["inventorySetQuantities"]["userErrors"].as_array().cloned().unwrap_or_default();
    errors.into_iter().map(|error| (error["code"].as_str().unwrap().to_owned(), error["field"].clone())).collect()
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_bad_token_is_a_text_and_an_old_version_is_served_by_the_oldest() {
    let world = World::new();
    let (status, answer) = post(&world, "/admin/api/2026-07/graphql.json", "wrong", &json!({})).await;
    assert_eq!(status, 401);
    assert!(answer["errors"].as_str().unwrap().contains("Invalid API key"));
    let token = token(&world).await;
    let body = json!({"query": "{ shop { name } }"});
    assert_eq!(
        post(&world, "/admin/api/2024-01/graphql.json", &token, &body).await.1["data"]["shop"]["name"],
        "Tees & Co"
    );
}

#[tokio::test]
async fn top_level_errors_come_in_their_order() {
    let world = World::new();
    let item = world.add("MUG", &[(world.main, 5)]);
    let good = row(item, world.main, 4, json!(5));
    let unknown = json!({"inventoryItemId": "gid://shopify/InventoryItem/1", "locationId": "x", "quantity": 1,
        "compareQuantity": 1, "changeFromQuantity": 1});
    assert_eq!(code(&set(&world, "a", input(json!([unknown]))).await), "INVALID_VARIABLE");
    assert_eq!(code(&ask(&world, "{ shop { nam } }", json!({})).await), "undefinedField");
    assert_eq!(code(&ask(&world, "{ inventoryItem { id } }", json!({})).await), "missingRequiredArguments");
    let absent = json!([{"inventoryItemId": good["inventoryItemId"], "locationId": good["locationId"], "quantity": 4}]);
    let answer = set(&world, "b", input(absent)).await;
    assert_eq!((code(&answer), &answer["data"]["inventorySetQuantities"]), ("INVALID_FIELD_ARGUMENTS", &Value::Null));
    let bare = SET.replace("@idempotent(key: $k)", "").replace(", $k: String!", "");
    assert_eq!(code(&ask(&world, &bare, json!({"i": input(json!([good]))})).await), "BAD_REQUEST");
    let many: Vec<Value> = (0..251).map(|id| row(id, 1, 1, json!(1))).collect();
    assert_eq!(code(&set(&world, "c", input(many.into())).await), "MAX_INPUT_SIZE_EXCEEDED");
    let dear = "{ locations(first: 250) { nodes { id } } a: inventoryItems(first: 250) { ...dear } b: inventoryItems(first: 250) { ...dear } } \
        fragment dear on InventoryItemConnection { nodes { inventoryLevels(first: 250) \
        { nodes { id item { id variant { product { id } } } } } } }";
    assert_eq!(code(&ask(&world, dear, json!({})).await), "MAX_COST_EXCEEDED");
    assert_eq!(world.level("MUG"), 5);
}

#[tokio::test]
async fn user_errors_have_their_codes_and_paths_and_nothing_is_applied() {
    let world = World::new();
    let item = world.add("MUG", &[(world.main, 5)]);
    let (main, any) = (world.main, json!(null));
    let path = |index: &str, field: &str| json!(["input", "quantities", index, field]);
    let wrong = [
        (json!([row(1, main, 1, any.clone())]), vec![("INVALID_INVENTORY_ITEM", path("0", "inventoryItemId"))]),
        (
            json!([row(item, main, 4, json!(5)), row(item, 9, 1, any.clone())]),
            vec![("INVALID_LOCATION", path("1", "locationId"))],
        ),
        (
            json!([row(item, main, 1_000_000_001, any.clone())]),
            vec![("INVALID_QUANTITY_TOO_HIGH", path("0", "quantity"))],
        ),
        (
            json!([row(item, main, -1_000_000_001, any.clone())]),
            vec![("INVALID_QUANTITY_TOO_LOW", path("0", "quantity"))],
        ),
        (
            json!([row(item, main, 1, any.clone()), row(item, main, 2, any.clone())]),
            vec![
                ("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", path("0", "locationId")),
                ("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", path("1", "locationId")),
            ],
        ),
        (json!([row(item, main, 1, json!(4))]), vec![("CHANGE_FROM_QUANTITY_STALE", path("0", "changeFromQuantity"))]),
    ];
    for (index, (rows, expected)) in wrong.into_iter().enumerate() {
        let answer = set(&world, &format!("key-{index}"), input(rows)).await;
        let expected: Vec<_> = expected.into_iter().map(|(code, path)| (code.to_owned(), path)).collect();
        assert_eq!(errors(&answer), expected);
        assert_eq!(answer["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"], Value::Null);
    }
    assert_eq!(world.level("MUG"), 5);
    for (name, reason, code) in
        [("committed", "correction", "INVALID_NAME"), ("available", "because", "INVALID_REASON")]
    {
        let input = json!({"name": name, "reason": reason, "quantities": [row(item, main, 1, any.clone())]});
        assert_eq!(errors(&set(&world, code, input).await)[0].0, code);
    }
}

#[tokio::test]
async fn a_success_has_two_mirrored_changes_and_a_no_op_has_no_group() {
    let world = World::new();
    let item = world.add("MUG", &[(world.main, 5)]);
    let answer = set(&world, "a", input(json!([row(item, world.main, 7, json!(5))]))).await;
    let changes = &answer["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"]["changes"];
    let change = |name: &str| json!({"name": name, "delta": 2, "quantityAfterChange": null});
    assert_eq!(changes, &json!([change("available"), change("on_hand")]));
    assert_eq!(answer["extensions"]["cost"]["requestedQueryCost"], json!(11.0));
    let answer = set(&world, "b", input(json!([row(item, world.main, 7, json!(7))]))).await;
    assert_eq!(answer["data"]["inventorySetQuantities"], json!({"inventoryAdjustmentGroup": null, "userErrors": []}));
}

#[tokio::test]
async fn a_key_replays_and_refuses_other_parameters() {
    let world = World::new();
    let item = world.add("MUG", &[(world.main, 5)]);
    let first = set(&world, "a", input(json!([row(item, world.main, 7, json!(5))]))).await;
    let again = set(&world, "a", input(json!([row(item, world.main, 7, json!(5))]))).await;
    assert_eq!(first["data"], again["data"]);
    let other = set(&world, "a", input(json!([row(item, world.main, 8, json!(7))]))).await;
    assert_eq!(errors(&other)[0].0, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH");
    assert_eq!((world.level("MUG"), world.fake().writes(SHOP).len()), (7, 1));
}

#[tokio::test]
async fn a_level_that_is_not_active_is_refused_or_written_unseen_or_added_to() {
    for (switch, expected) in [(NotStocked::Strict, (7, 7)), (NotStocked::Lax, (3, 3)), (NotStocked::Additive, (3, 6))]
    {
        let world = World::new().with(|switches| switches.not_stocked = switch);
        let item = world.add("MUG", &[(world.main, 7), (world.shed, 1)]);
        world.fake().connect(SHOP, "MUG", world.main, false, world.now()).unwrap();
        set(&world, "a", input(json!([row(item, world.main, 3, json!(null))]))).await;
        let once = world.level("MUG");
        set(&world, "b", input(json!([row(item, world.main, 3, json!(null))]))).await;
        assert_eq!((once, world.level("MUG")), expected, "{switch:?}");
        let query = "{ nodes(ids: [\"gid://shopify/InventoryItem/ID\"]) { ... on InventoryItem { variant { inventoryQuantity } } } }";
        let seen = ask(&world, &query.replace("ID", &item.to_string()), json!({})).await;
        assert_eq!(seen["data"]["nodes"][0]["variant"]["inventoryQuantity"], 1, "only active levels are counted");
    }
}

#[tokio::test]
async fn switches_for_what_nobody_knows_work_both_ways() {
    for (taken, level) in [(true, 4), (false, 5)] {
        let world = World::new().with(|switches| switches.untracked_writes = taken);
        let spec =
            ItemSpec { sku: Some("FREE".into()), tracked: false, levels: vec![(world.main, 5)], ..ItemSpec::default() };
        let item = world.item(&spec);
        set(&world, "a", input(json!([row(item, world.main, 4, json!(5))]))).await;
        assert_eq!(world.level("FREE"), level);
    }
    for (partial, level) in [(true, 4), (false, 5)] {
        let world = World::new().with(|switches| switches.partial_apply = partial);
        let item = world.add("MUG", &[(world.main, 5)]);
        let rows = json!([row(item, world.main, 4, json!(5)), row(1, world.main, 4, json!(5))]);
        assert_eq!(errors(&set(&world, "a", input(rows)).await).len(), 1);
        assert_eq!(world.level("MUG"), level);
    }
}

#[tokio::test]
async fn bulk_queries_have_their_rules() {
    let world = World::new();
    let start = "mutation($q: String!) { bulkOperationRunQuery(query: $q) { bulkOperation { id } userErrors { code message } } }";
    for (query, story) in [
        ("{ shop { name } }", "at least one connection"),
        ("{ inventoryItems { nodes { id } } }", "edges"),
        (
            "{ inventoryItems { edges { node { sku inventoryLevels { edges { node { id } } } } } } }",
            "must select the 'id'",
        ),
        ("{ nodes(ids: []) { id } }", "top level"),
        ("{ inventoryItems { edges { node { nope } } } }", "nope"),
    ] {
        let answer = ask(&world, start, json!({"q": query})).await;
        let error = &answer["data"]["bulkOperationRunQuery"]["userErrors"][0];
        assert_eq!(error["code"], "INVALID", "{answer}");
        assert!(error["message"].as_str().unwrap().contains(story), "{error}");
    }
}

#[tokio::test]
async fn a_level_is_unstocked_unless_it_is_the_last() {
    let world = World::new();
    let item = world.add("MUG", &[(world.main, 5), (world.shed, 2)]);
    let query = format!(
        "{{ inventoryItem(id: \"gid://shopify/InventoryItem/{item}\") {{ inventoryLevels(first: 5) {{ nodes {{ id }} }} }} }}"
    );
    let answer = ask(&world, &query, json!({})).await;
    let levels = answer["data"]["inventoryItem"]["inventoryLevels"]["nodes"].as_array().unwrap().clone();
    let off = "mutation($id: ID!) { inventoryDeactivate(inventoryLevelId: $id) { userErrors { field message } } }";
    for (level, refused) in [(&levels[0], 0), (&levels[1], 1)] {
        let answer = ask(&world, off, json!({"id": level["id"]})).await;
        assert_eq!(answer["data"]["inventoryDeactivate"]["userErrors"].as_array().unwrap().len(), refused);
    }
    assert_eq!(world.level("MUG"), 5, "what it had is kept");
}

#[tokio::test]
async fn orders_are_guarded_and_the_door_takes_what_people_do() {
    let world = World::new().stocked(&[("MUG", 5)]);
    let create = "mutation($u: String!) { webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: {uri: $u, format: JSON}) \
        { userErrors { message } } }";
    let answer = ask(&world, create, json!({"u": URL})).await;
    let story = answer["data"]["webhookSubscriptionCreate"]["userErrors"][0]["message"].as_str().unwrap();
    assert!(story.contains("protected customer data"));
    let door = |path: &str| format!("/_fake/{SHOP}/{path}");
    let body = json!({"sku": "MUG", "location": world.main, "quantity": 2});
    assert_eq!(post(&world, &door("sell"), "", &body).await.0, 200);
    assert_eq!(world.level("MUG"), 3);
    assert_eq!(post(&world, &door("sell"), "", &json!({"sku": "NONE"})).await.0, 409);
    let request = Request::patch(door("switches")).body(json!({"bulk-ms": 7}).to_string().into()).unwrap();
    let response = world.net.inner.send(request, Duration::from_secs(8)).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(response.body()).unwrap()["bulk-ms"], 7);
    let import = json!([{"sku": "CAP", "levels": [[world.main, 3]]}]);
    assert_eq!(post(&world, &door("import"), "", &import).await.0, 200);
    assert_eq!(world.level("CAP"), 3);
}
