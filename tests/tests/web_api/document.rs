//! The OpenAPI document is honest: every route is in it, every path in it is a route, and answers fit their schemas.

use crate::Api;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// Method, path and operation of everything documented.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = |(path, item): (&String, &Value)| -> Vec<(String, String, Value)> {
        let each = METHODS.iter().filter(|method| item.get(**method).is_some());
        each.map(|method| ((*method).to_owned(), path.clone(), item[*method].clone())).collect()
    };
    paths.flat_map(methods).collect()
}

/// Fails unless the answer is documented and fits.
pub(crate) fn check(document: &Value, (method, target, status): (&str, &str, u16), value: &Value) {
    let path = target.split('?').next().unwrap();
    let same = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        let given: Vec<&str> = path.split('/').collect();
        parts.len() == given.len()
            && parts.iter().zip(given).all(|(part, given)| part.starts_with('{') || *part == given)
    };
    let found =
        operations(document).into_iter().find(|(verb, path, _)| verb.eq_ignore_ascii_case(method) && same(path));
    let (_, _, operation) = found.unwrap_or_else(|| panic!("{method} {target} is not documented"));
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{method} {target}: {status} is not documented: {value}");
    let schema = &response["content"]["application/json"]["schema"];
    let complaints = if schema.is_null() { Vec::new() } else { misfits(document, schema, value, "answer") };
    assert!(complaints.is_empty(), "{method} {target}: {complaints:?}\n{value}");
}

fn misfits(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let resolved = document.pointer(reference.trim_start_matches('#'));
        return misfits(document, resolved.unwrap_or_else(|| panic!("{reference} is missing")), value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let all: Vec<Vec<String>> = choices.iter().map(|choice| misfits(document, choice, value, at)).collect();
        return if all.iter().any(Vec::is_empty) { Vec::new() } else { all.concat() };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec![],
    };
    let whole = types.contains(&"number") && value.is_number();
    if !(types.is_empty() || types.contains(&type_of(value)) || whole) {
        return vec![format!("{at}: {value} is not {types:?}")];
    }
    match value {
        Value::String(_) if schema["enum"].is_array() && !schema["enum"].as_array().unwrap().contains(value) => {
            vec![format!("{at}: {value} is none of {}", schema["enum"])]
        }
        Value::Object(_) => object_misfits(document, schema, value, at),
        Value::Array(rows) => {
            let schema_of = |place: usize| schema["prefixItems"].get(place).unwrap_or(&schema["items"]);
            let row = |(place, row)| misfits(document, schema_of(place), row, &format!("{at}[{place}]"));
            rows.iter().enumerate().flat_map(row).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Every required field is there, and nothing is there that the document does not know.
fn object_misfits(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let fields = value.as_object().unwrap();
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing = required.filter(|name| !fields.contains_key(*name)).map(|name| format!("{at}.{name} is missing"));
    let mut complaints: Vec<String> = missing.collect();
    let (known, others) = (&schema["properties"], &schema["additionalProperties"]);
    for (name, field) in fields {
        let place = format!("{at}.{name}");
        match (known.get(name), others) {
            (Some(schema), _) => complaints.extend(misfits(document, schema, field, &place)),
            (None, Value::Object(_)) => complaints.extend(misfits(document, others, field, &place)),
            (None, _) if known.is_null() => {}
            (None, _) => complaints.push(format!("{place} is not documented")),
        }
    }
    complaints
}

#[test]
fn the_check_sees_what_does_not_fit() {
    let document = serde_json::to_value(web::document()).unwrap();
    let schema = serde_json::json!({ "$ref": "#/components/schemas/StockChange" });
    let complaints = |value: Value| misfits(&document, &schema, &value, "x").len();
    assert_eq!(complaints(serde_json::json!({ "sku": "A", "before": 1, "after": 2, "warehouse": "main" })), 0);
    assert_eq!(
        complaints(serde_json::json!({ "sku": "A", "before": 1, "warehouse": "main" })),
        1,
        "a field is missing"
    );
    assert_eq!(
        complaints(serde_json::json!({ "sku": "A", "before": 1, "after": "2", "warehouse": "main" })),
        1,
        "a text is no number"
    );
    assert_eq!(
        complaints(serde_json::json!({ "sku": "A", "before": 1, "after": 2, "warehouse": "main", "by": 1 })),
        1,
        "not documented"
    );
}

/// Every handler has one `#[utoipa::path(`; one that is not mounted is missing from the document.
#[test]
fn every_route_is_in_the_document() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/web/src/api");
    let sources = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let sources: String = sources.collect();
    let document = serde_json::to_value(web::document()).unwrap();
    assert_eq!(operations(&document).len(), sources.matches("#[utoipa::path(").count());
    let by_hand = sources.matches(".route(").count();
    assert_eq!(by_hand, 2, "the webhook route, which stores use, and whatever the lists of the document's routes have");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_path_is_a_route_and_asks_for_a_token() {
    let api = Api::open(&[]).await;
    let mut open = BTreeSet::new();
    for (method, path, _) in operations(&api.document) {
        let target = path.replace("{account}", "main").replace(['{', '}'], "");
        let request = http::Request::builder().method(method.to_uppercase().as_str()).uri(target.as_str());
        match api.send(request, "").await.status.as_u16() {
            401 => {}
            200 => drop(open.insert(path)),
            other => panic!("{method} {path} answers {other}"),
        }
    }
    assert_eq!(Vec::from_iter(open), ["/api/health", "/api/openapi.json"]);
    let elsewhere = http::Request::builder().uri("/api/nothing");
    assert_eq!(api.send(elsewhere, "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_as_openapi_3_1() {
    let api = Api::open(&[]).await;
    let answer = api.send(http::Request::builder().uri("/api/openapi.json"), "").await;
    let served = answer.json();
    assert_eq!(served, api.document);
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"), "{}", served["openapi"]);
    assert_eq!(served["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let health = api.send(http::Request::builder().uri("/api/health"), "").await;
    assert_eq!(health.json()["ok"], true);
}
