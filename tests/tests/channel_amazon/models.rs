//! Every exchange against Amazon's public models, where `AMAZON_MODELS` names a directory with them
//! (<https://github.com/amzn/selling-partner-api-models>); and our own samples against what the connector makes of them.

use crate::{REFRESH, SELLER, START};
use async_trait::async_trait;
use bytes::Bytes;
use channels::amazon::Amazon;
use channels::{Channel, ErrorKind, Http, HttpError, Outcome, Request, Response, Session, Tokens};
use domain::{AccountId, LocationId, OrderId, OrderState, Timestamp};
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tests::fake_http::ManualClock;

const APIS: &[&str] = &[
    "listingsItems_2021-08-01.json",
    "feeds_2021-06-30.json",
    "reports_2021-06-30.json",
    "orders_2026-01-01.json",
    "notifications.json",
    "sellers.json",
];

/// Amazon's models, and the validators that were made from them so far.
struct Models {
    apis: Vec<Value>,
    files: BTreeMap<String, PathBuf>,
    made: Mutex<BTreeMap<String, Arc<Validator>>>,
}

static MODELS: LazyLock<Option<Models>> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    walk(Path::new(&std::env::var_os("AMAZON_MODELS")?), &mut files);
    let apis = APIS.iter().map(|name| read(files.get(*name).unwrap_or_else(|| panic!("AMAZON_MODELS has no {name}"))));
    Some(Models { apis: apis.collect(), files, made: Mutex::default() })
});

fn walk(directory: &Path, files: &mut BTreeMap<String, PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.insert(entry.file_name().to_string_lossy().into_owned(), path);
        }
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

impl Models {
    /// Checks a value against a schema, which is made once.
    fn expect(&self, name: &str, schema: impl FnOnce() -> (Value, Draft), value: &Value) {
        let made = self.made.lock().unwrap().get(name).cloned();
        let validator = made.unwrap_or_else(|| {
            let (schema, draft) = schema();
            let validator = Arc::new(jsonschema::options().with_draft(draft).build(&schema).unwrap());
            self.made.lock().unwrap().insert(name.to_owned(), Arc::clone(&validator));
            validator
        });
        let problems: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}\n{value:#}");
    }

    /// A schema of Amazon's own file.
    fn expect_file(&self, name: &str, value: &Value) {
        self.expect(name, || (read(&self.files[name]), Draft::Draft7), value);
    }

    /// The operation of a method and a path, with its model.
    fn operation(&self, method: &str, path: &str) -> Option<(&Value, &Value)> {
        let method = method.to_ascii_lowercase();
        let of = |api: &'static Value| {
            let paths = api["paths"].as_object()?;
            let fits = paths.iter().filter(|(template, _)| matches(template, path));
            fits.filter_map(|(_, verbs)| verbs.get(&method)).map(move |operation| (api, operation)).next()
        };
        let apis: &'static [Value] = MODELS.as_ref().map_or(&[], |models| models.apis.as_slice());
        apis.iter().find_map(of)
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len() && template.iter().zip(&path).all(|(one, other)| one.starts_with('{') || one == other)
}

/// A schema inside a Swagger 2.0 model.
fn inside(api: &Value, schema: &Value) -> (Value, Draft) {
    (json!({"definitions": api["definitions"], "allOf": [schema]}), Draft::Draft4)
}

/// Checks one exchange, when there are models.
pub fn check(request: &Request, response: &Response) {
    let Some(models) = MODELS.as_ref() else { return };
    let path = request.uri().path();
    if path.starts_with("/_s3/") && request.method() == "PUT" {
        let body = serde_json::from_slice(request.body()).unwrap();
        return models.expect_file("listings-feed-schema-v2.json", &body);
    }
    if path.starts_with("/_s3/") || path.starts_with("/auth/") {
        return;
    }
    let (api, operation) =
        models.operation(request.method().as_str(), path).unwrap_or_else(|| panic!("no model has {path}"));
    let name = operation["operationId"].as_str().unwrap();
    let parameters: Vec<&Value> =
        operation["parameters"].as_array().unwrap().iter().map(|one| resolve(api, one)).collect();
    check_query(name, &parameters, request.uri().query().unwrap_or_default());
    match parameters.iter().find(|one| one["in"] == "body") {
        Some(body) => {
            let sent = serde_json::from_slice(request.body()).unwrap();
            models.expect(&format!("{name} request"), || inside(api, &body["schema"]), &sent);
        }
        None => assert!(request.body().is_empty(), "{name} has no body"),
    }
    let status = response.status();
    let told = response.headers().get("content-type").is_some_and(|kind| kind == "application/json");
    if let Some(schema) = operation["responses"][status.as_str()].get("schema").filter(|_| told) {
        // a status that the model does not name is sent on purpose: it must be tolerated
        let text = String::from_utf8_lossy(response.body()).replace("INVOICE_UNCONFIRMED", "UNSHIPPED");
        let answer = serde_json::from_str(&text).unwrap();
        models.expect(&format!("{name} {status}"), || inside(api, schema), &answer);
    }
}

fn resolve<'a>(api: &'a Value, parameter: &'a Value) -> &'a Value {
    match parameter["$ref"].as_str() {
        Some(reference) => api.pointer(reference.trim_start_matches('#')).unwrap(),
        None => parameter,
    }
}

/// Every parameter is one that the model has, of its kind; and none that it needs is missing.
fn check_query(name: &str, parameters: &[&Value], query: &str) {
    let sent: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let known: BTreeMap<&str, &&Value> =
        parameters.iter().filter(|one| one["in"] == "query").map(|one| (one["name"].as_str().unwrap(), one)).collect();
    let needed = known.iter().filter(|(_, one)| one["required"] == true);
    // a page's token goes alone, whatever else the model calls required
    let missing: Vec<_> = needed.map(|(name, _)| *name).filter(|one| !sent.contains_key(*one)).collect();
    assert!(missing.is_empty() || sent.contains_key("nextToken"), "{name} lacks {missing:?}");
    for (field, text) in &sent {
        let about = known.get(field.as_str()).unwrap_or_else(|| panic!("{name} has no parameter {field}"));
        let listed = about["type"] == "array";
        let values: Vec<&str> = if listed { text.split(',').collect() } else { vec![text] };
        let one = if listed { &about["items"] } else { **about };
        let most = about["maxItems"].as_u64().unwrap_or(u64::MAX);
        assert!(values.len() as u64 <= most, "{name}: {field} has more than {most} values");
        for value in values {
            let allowed = one["enum"].as_array();
            assert!(allowed.is_none_or(|all| all.iter().any(|one| one == value)), "{name}: {field} cannot be {value}");
            if one["type"] == "integer" {
                let number: i64 = value.parse().unwrap();
                let (least, most) = (one["minimum"].as_i64(), one["maximum"].as_i64());
                assert!(number >= least.unwrap_or(number) && number <= most.unwrap_or(number), "{name}: {field}");
            }
        }
    }
}

/// Checks an event against its schema, when there are models. Newer casings have no schema of their own.
pub fn check_event(body: &[u8]) {
    let Some(models) = MODELS.as_ref() else { return };
    let body: Value = serde_json::from_slice(body).unwrap();
    let notification = if body["detail"].is_object() { &body["detail"] } else { &body };
    match notification["NotificationType"].as_str() {
        Some("ORDER_CHANGE") => models.expect_file("OrderChangeNotification.json", notification),
        Some("LISTINGS_ITEM_MFN_QUANTITY_CHANGE") => {
            models.expect_file("ListingsItemMfnQuantityChange.json", notification)
        }
        Some(other) => panic!("{other}"),
        None => {}
    }
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../shared/channels/src/amazon/fixtures/", $name)).as_slice()
    };
}

/// Answers with a sample, by the beginning of the path.
struct Canned(Vec<(&'static str, u16, &'static [u8])>, Mutex<Vec<(String, Value)>>);

#[async_trait]
impl Http for Canned {
    async fn send(&self, request: Request, _timeout: Duration) -> Result<Response, HttpError> {
        let call = format!("{} {}", request.method(), request.uri().path());
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        self.1.lock().unwrap().push((call.clone(), body));
        let found = self.0.iter().find(|(start, _, _)| call.starts_with(start));
        let (_, status, body) = found.unwrap_or_else(|| panic!("no sample for {call}"));
        let response = Response::new(Bytes::from_static(body));
        let (mut head, body) = response.into_parts();
        head.status = http::StatusCode::from_u16(*status).unwrap();
        Ok(Response::from_parts(head, body))
    }
}

impl Canned {
    fn new(samples: &[(&'static str, u16, &'static [u8])]) -> Self {
        let token = ("POST /auth/o2/token", 200, fixture!("01_lwa_token_200.json"));
        Self([&[token], samples].concat(), Mutex::default())
    }

    /// The body of the call that begins so.
    fn body(&self, start: &str) -> Value {
        let sent = self.1.lock().unwrap();
        sent.iter().find(|(call, _)| call.starts_with(start)).unwrap_or_else(|| panic!("{start}: {sent:?}")).1.clone()
    }
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// What a session needs besides the network.
struct Desk {
    account: AccountId,
    settings: BTreeMap<String, String>,
    secrets: channels::Secrets,
    tokens: Tokens,
    clock: ManualClock,
}

impl Desk {
    fn new() -> Self {
        let mut settings = crate::settings();
        // the samples' documents are at this address
        settings.insert("base_url".into(), "http://127.0.0.1:9999".into());
        let (account, clock) = (AccountId::new("a").unwrap(), ManualClock::at(START));
        Self { account, settings, secrets: crate::secrets(), tokens: Tokens::default(), clock }
    }

    fn session<'a>(&'a self, http: &'a Canned) -> Session<'a> {
        let (account, settings, secrets, tokens) = (&self.account, &self.settings, &self.secrets, &self.tokens);
        Session { account, settings, secrets, tokens, http, clock: &self.clock, timeout: Duration::from_secs(8) }
    }
}

#[tokio::test]
async fn our_samples_are_read_as_they_are_meant() {
    let desk = Desk::new();
    let http = Canned::new(&[
        ("GET /orders/2026-01-01/orders/", 200, fixture!("52_get_order_200_cancelled.json")),
        ("GET /orders/2026-01-01/orders", 200, fixture!("50_search_orders_200_pending.json")),
        ("GET /listings/2021-08-01/items/ATESTSELLER01/HUB,1", 404, fixture!("17_get_item_404.json")),
        ("GET /listings/2021-08-01/items/ATESTSELLER01", 200, fixture!("16_search_200_page.json")),
    ]);
    let ask = |name: &str| (crate::sku(name), LocationId::single(), name.to_owned());
    let levels = Amazon.levels(desk.session(&http), &[ask("HUB-FBA-2"), ask("HUB-0001")]).await.unwrap();
    assert_eq!(levels, [None, Some(5)]);
    let page = Amazon.orders_since(desk.session(&http), Timestamp(START), None).await.unwrap();
    assert_eq!((page.rows[0].state, page.rows[0].lines[0].quantity), (OrderState::Open, 2));
    assert!(page.next.unwrap().ends_with("|opaque-24h"));
    let id = OrderId::new("202-0000001-0000001").unwrap();
    let order = Amazon.orders(desk.session(&http), &[id]).await.unwrap().remove(0);
    assert_eq!((order.state, order.lines[0].quantity), (OrderState::Cancelled, 0));
}

#[tokio::test]
async fn our_sample_refusals_are_read_as_they_are_meant() {
    for (status, body, kind) in [
        (403, fixture!("18_403_expired_token.json"), ErrorKind::Unauthorized),
        (403, fixture!("19_403_missing_role.json"), ErrorKind::Forbidden),
        (429, fixture!("20_429_quota.json"), ErrorKind::Throttled),
        (400, fixture!("21_400_invalid_input.json"), ErrorKind::Invalid),
        (500, fixture!("22_500_internal.json"), ErrorKind::Unavailable),
    ] {
        let (desk, http) = (Desk::new(), Canned::new(&[("GET /orders", status, body)]));
        let error = Amazon.orders_since(desk.session(&http), Timestamp(START), None).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
    }
    for (status, body) in [
        (400, fixture!("02_lwa_error_400_invalid_grant.json")),
        (401, fixture!("03_lwa_error_401_invalid_client.json")),
    ] {
        let (desk, http) = (Desk::new(), Canned(vec![("POST /auth", status, body)], Mutex::default()));
        let error = Amazon.identify(desk.session(&http)).await.unwrap_err();
        assert!(error.kind == ErrorKind::Unauthorized && !error.context.contains(REFRESH), "{error}");
    }
}

#[tokio::test]
async fn writes_are_sent_as_our_samples_have_them() {
    let found = ("GET /listings/2021-08-01/items/ATESTSELLER01", 200, fixture!("16_search_200_page.json"));
    for (answer, accepted) in
        [(fixture!("12_patch_200_accepted.json"), true), (fixture!("13_patch_200_invalid.json"), false)]
    {
        let (desk, http) = (Desk::new(), Canned::new(&[found, ("PATCH ", 200, answer)]));
        let outcomes = Amazon.write(desk.session(&http), &[crate::write("HUB-0001", 7)]).await;
        match &outcomes[0] {
            Outcome::Accepted => assert!(accepted),
            Outcome::Refused(error) => assert!(!accepted && error.context.contains("90000900"), "{error}"),
            other @ (Outcome::Applied | Outcome::Stale | Outcome::Unknown(_)) => panic!("{other:?}"),
        }
        let sample = parsed(fixture!("10_patch_merge_quantity_request.json"));
        assert_eq!(http.body("PATCH ")["patches"], sample["patches"]);
    }
}

#[tokio::test]
async fn feeds_and_reports_are_asked_for_as_our_samples_have_them() {
    let item = br#"{"items":[{"sku":"HUB/0002","fulfillmentAvailability":[{"fulfillmentChannelCode":"DEFAULT","quantity":1}]}]}"#;
    let http = Canned::new(&[
        ("GET /listings", 200, item.as_slice()),
        ("GET /feeds", 200, br#"{"feeds":[]}"#.as_slice()),
        ("POST /feeds/2021-06-30/documents", 201, fixture!("31_create_feed_document_201.json")),
        ("PUT /_s3", 200, b"".as_slice()),
        ("POST /feeds/2021-06-30/feeds", 202, fixture!("34_create_feed_202.json")),
    ]);
    let desk = Desk::new();
    let outcomes = Amazon.write(desk.session(&http), &[crate::write("HUB/0002", 0)]).await;
    assert_eq!(crate::kinds(&outcomes), ["accepted"]);
    assert_eq!(http.body("POST /feeds/2021-06-30/documents"), parsed(fixture!("30_create_feed_document_request.json")));
    assert_eq!(http.body("POST /feeds/2021-06-30/feeds"), parsed(fixture!("33_create_feed_request.json")));
    let (sent, sample) = (http.body("PUT"), parsed(fixture!("32_feed_body_json_listings.json")));
    let only = |body: &Value, place: usize| {
        (body["messages"][place]["patches"].clone(), body["messages"][place]["sku"].clone())
    };
    assert_eq!((only(&sent, 0), sent["header"]["sellerId"].clone()), (only(&sample, 1), json!(SELLER)));
}

#[tokio::test]
async fn a_sample_report_becomes_units() {
    let http = Canned::new(&[
        ("POST /reports", 202, br#"{"reportId":"70001020000"}"#.as_slice()),
        ("GET /reports/2021-06-30/reports", 200, fixture!("41_get_report_200_done.json")),
        (
            "GET /reports/2021-06-30/documents",
            200,
            br#"{"reportDocumentId":"d","url":"http://127.0.0.1:9999/_s3/r"}"#.as_slice(),
        ),
        ("GET /_s3/r", 200, fixture!("43_all_listings_cp1252.tsv")),
        ("GET /listings", 200, fixture!("16_search_200_page.json")),
    ]);
    let desk = Desk::new();
    let page = Amazon.units(desk.session(&http), None).await.unwrap();
    let seen: Vec<_> = page.rows.iter().map(|unit| (unit.external.as_str(), unit.level)).collect();
    assert_eq!((seen, page.next), (vec![("HUB-0001", Some(5)), ("HUB-FBA-2", None)], None));
    assert_eq!(http.body("POST /reports"), parsed(fixture!("40_create_report_request.json")));
}

/// Says whether the models were there, and that the samples agree with them.
#[test]
fn our_samples_agree_with_the_models_where_there_are_any() {
    let Some(models) = MODELS.as_ref() else {
        let told = std::env::var_os("AMAZON_MODELS");
        assert_eq!(
            told, None,
            "no AMAZON_MODELS: only our samples were checked, against what the connector makes of them"
        );
        return;
    };
    models.expect_file("listings-feed-schema-v2.json", &parsed(fixture!("32_feed_body_json_listings.json")));
    models.expect_file(
        "listings-feed-processing-report-schema-v2.json",
        &parsed(fixture!("37_feed_processing_report.json")),
    );
    models.expect_file("OrderChangeNotification.json", &parsed(fixture!("63_order_change_sqs_body.json")));
    models.expect_file("ListingsItemMfnQuantityChange.json", &parsed(fixture!("64_mfn_quantity_detail.json")));
    let (api, operation) = models.operation("GET", &format!("/listings/2021-08-01/items/{SELLER}")).unwrap();
    let schema = &operation["responses"]["200"]["schema"];
    models.expect("searchListingsItems 200", || inside(api, schema), &parsed(fixture!("16_search_200_page.json")));
    let bad = std::panic::catch_unwind(|| {
        models.expect("searchListingsItems 200", || inside(api, schema), &json!({"items": 5}))
    });
    assert!(bad.is_err(), "the check can fail");
}
