//! The fake platform's own rules, asked without the connector.

use crate::{CLIENT, GERMANY, REFRESH, SECRET, SELLER, START, UK, spec};
use bytes::Bytes;
use channels::amazon::FakeAmazon;
use channels::amazon::fake::{Failure, Fault, ListingSpec, Switches, When};
use channels::fake::{Fake, NoAnswer};
use channels::{Request, Response};
use domain::Timestamp;
use serde_json::{Value, json};

pub struct Shop {
    pub fake: FakeAmazon,
    pub token: String,
    own: String,
    pub now: Timestamp,
}

impl Shop {
    pub fn new(set: impl FnOnce(&mut Switches)) -> Self {
        let mut shop =
            Self { fake: FakeAmazon::new(), token: String::new(), own: String::new(), now: Timestamp(START) };
        shop.fake.add_seller(&spec());
        set(shop.fake.switches(SELLER).unwrap());
        shop.fake.list(SELLER, &ListingSpec { lead_time: Some(2), ..ListingSpec::own("MUG", 5) }, shop.now).unwrap();
        shop.fake.list(SELLER, &ListingSpec::hosted("FBA"), shop.now).unwrap();
        let seller =
            format!("grant_type=refresh_token&refresh_token={REFRESH}&client_id={CLIENT}&client_secret={SECRET}");
        let own = format!(
            "grant_type=client_credentials&scope=sellingpartnerapi::notifications&client_id={CLIENT}&client_secret={SECRET}"
        );
        let text = |answer: (u16, Value)| answer.1["access_token"].as_str().unwrap().to_owned();
        shop.token = text(shop.grant(&seller));
        shop.own = text(shop.grant(&own));
        shop
    }

    pub fn send(&mut self, request: Request) -> Response {
        self.fake.handle(&request, self.now)
    }

    fn grant(&mut self, form: &str) -> (u16, Value) {
        let request = http::Request::post("https://api.amazon.com/auth/o2/token")
            .header("content-type", "application/x-www-form-urlencoded;charset=UTF-8")
            .body(Bytes::from(form.to_owned()))
            .unwrap();
        read(&self.send(request))
    }

    pub fn request(&self, token: &str, method: &str, path: &str, body: &Value) -> Request {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        http::Request::builder()
            .method(method)
            .uri(format!("https://sellingpartnerapi-eu.amazon.com{path}"))
            .header("x-amz-access-token", token)
            .header("content-type", "application/json")
            .body(bytes)
            .unwrap()
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self.request(&self.token.clone(), method, path, body);
        read(&self.send(request))
    }

    pub fn patch(&mut self, sku: &str, op: &str, value: &Value) -> (u16, Value) {
        let patches = json!([{"op": op, "path": "/attributes/fulfillment_availability", "value": [value]}]);
        let body = json!({"productType": "PRODUCT", "patches": patches});
        self.ask("PATCH", &format!("/listings/2021-08-01/items/{SELLER}/{sku}?marketplaceIds={UK}"), &body)
    }

    pub fn later(&mut self, seconds: i64) {
        self.now = self.now.plus_ms(seconds * 1000);
        self.fake.due(self.now);
    }
}

pub fn read(response: &Response) -> (u16, Value) {
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
}

pub fn own(quantity: i64) -> Value {
    json!({"fulfillment_channel_code": "DEFAULT", "quantity": quantity})
}

#[test]
fn replace_wipes_what_merge_keeps() {
    let mut shop = Shop::new(|_| {});
    shop.patch("MUG", "merge", &own(7));
    let entry = |shop: &Shop| shop.fake.submitted(SELLER, "MUG", UK).unwrap()[0].clone();
    assert_eq!(entry(&shop)["lead_time_to_ship_max_days"], 2);
    shop.patch("MUG", "replace", &own(8));
    assert_eq!(entry(&shop), own(8));
    let german = shop.fake.submitted(SELLER, "MUG", GERMANY).unwrap();
    assert_eq!(german[0]["quantity"], 5, "what is submitted is kept for each marketplace");
    shop.later(60);
    assert_eq!(shop.fake.level(SELLER, "MUG"), Some(8), "what is live is one number");
}

#[test]
fn writing_to_stock_that_amazon_keeps_strands_it() {
    let mut shop = Shop::new(|_| {});
    assert_eq!(shop.patch("FBA", "merge", &own(7)).1["status"], "ACCEPTED");
    assert_eq!(shop.fake.stranded(SELLER), Vec::<String>::new());
    shop.later(60);
    assert_eq!(shop.fake.stranded(SELLER), ["FBA"]);
}

/// UNKNOWN: what `merge` does where there is nothing to merge with.
#[test]
fn merging_with_nothing_adds_or_is_invalid() {
    for (adds, status) in [(true, "ACCEPTED"), (false, "INVALID")] {
        let mut shop = Shop::new(|switches| switches.merge_adds_code = adds);
        shop.fake
            .list(SELLER, &ListingSpec { stock: vec![], ..ListingSpec::own("BARE", 0) }, Timestamp(START))
            .unwrap();
        assert_eq!(shop.patch("BARE", "merge", &own(7)).1["status"], status);
        shop.later(60);
        assert_eq!(shop.fake.level(SELLER, "BARE"), adds.then_some(7));
    }
}

#[test]
fn wrong_patches_are_refused_in_their_two_ways() {
    let mut shop = Shop::new(|_| {});
    for value in [
        own(-1),
        json!({"quantity": 5}),
        json!({"fulfillment_channel_code": "DEFAULT", "quantity": 1.5}),
        json!({"fulfillment_channel_code": "DEFAULT", "quantity": 1, "is_inventory_available": true}),
    ] {
        let (status, body) = shop.patch("MUG", "merge", &value);
        assert_eq!((status, &body["status"]), (200, &json!("INVALID")), "{value}");
    }
    let path = format!("/listings/2021-08-01/items/{SELLER}/MUG?marketplaceIds={UK}");
    let camel = json!({"productType": "PRODUCT", "patches": [{"op": "merge", "path": "/attributes/fulfillmentAvailability", "value": [own(1)]}]});
    assert_eq!(shop.ask("PATCH", &path, &camel).1["issues"][0]["code"], "90000900");
    for body in [
        json!({}),
        json!({"productType": "P", "patches": []}),
        json!({"patches": [{"op": "merge", "path": "/x", "value": []}]}),
    ] {
        assert_eq!(shop.ask("PATCH", &path, &body).0, 400, "{body}");
    }
    let good = json!({"productType": "PRODUCT", "patches": [{"op": "merge", "path": "/attributes/fulfillment_availability", "value": [own(1)]}]});
    let preview = shop.ask("PATCH", &format!("{path}&mode=VALIDATION_PREVIEW"), &good);
    shop.later(60);
    assert_eq!((&preview.1["status"], shop.fake.level(SELLER, "MUG")), (&json!("VALID"), Some(5)));
}

#[test]
fn an_unknown_sku_is_accepted_and_stays_unknown() {
    let mut shop = Shop::new(|_| {});
    assert_eq!(shop.patch("NOPE", "merge", &own(7)).1["status"], "ACCEPTED");
    shop.later(60);
    let (status, body) =
        shop.ask("GET", &format!("/listings/2021-08-01/items/{SELLER}/NOPE?marketplaceIds={UK}"), &Value::Null);
    assert_eq!((status, &body["errors"][0]["code"]), (404, &json!("NOT_FOUND")));
}

#[test]
fn odd_skus_are_refused_in_paths_unless_the_switch_lets_them_in() {
    for (switch, expected) in [(Some(403), 403), (Some(404), 404), (None, 200)] {
        let mut shop = Shop::new(|switches| switches.odd_sku_status = switch);
        assert_eq!(shop.patch("A%2F1", "merge", &own(7)).0, expected);
    }
}

#[test]
fn tokens_and_operations_must_fit_each_other() {
    let mut shop = Shop::new(|_| {});
    let (own, seller) = (shop.own.clone(), shop.token.clone());
    let status = |shop: &mut Shop, token: &str, path: &str| {
        let request = shop.request(token, "GET", path, &Value::Null);
        shop.send(request).status().as_u16()
    };
    let (listings, destinations) =
        (format!("/listings/2021-08-01/items/{SELLER}?marketplaceIds={UK}"), "/notifications/v1/destinations");
    assert_eq!((status(&mut shop, &seller, &listings), status(&mut shop, &own, &listings)), (200, 403));
    assert_eq!((status(&mut shop, &own, destinations), status(&mut shop, &seller, destinations)), (200, 403));
    assert_eq!(status(&mut shop, &seller, "/listings/2021-08-01/items/ANOTHER?marketplaceIds=A1F83G8C2ARO7P"), 403);
    assert_eq!(status(&mut shop, &seller, &listings.replace(UK, "ATVPDKIKX0DER")), 403, "another region");
    assert_eq!(status(&mut shop, &seller, "/nothing/here"), 403, "a wrong path");
    shop.later(3_600);
    let (_, body) = shop.ask("GET", &listings, &Value::Null);
    assert_eq!(body["errors"][0]["details"], "The access token you provided has expired.");
    assert_eq!(shop.grant("grant_type=password&client_id=x").0, 401);
    let json = shop.request("", "POST", "/auth/o2/token", &json!({}));
    assert_eq!(read(&shop.send(json)).1["error"], "invalid_request", "forms only");
}

#[test]
fn the_rate_is_told_on_answers_but_not_on_429_and_403() {
    let mut shop = Shop::new(|switches| switches.rate_scale = Some(1.0));
    let path = format!("/listings/2021-08-01/items/{SELLER}?marketplaceIds={UK}");
    let request = shop.request(&shop.token.clone(), "GET", &path, &Value::Null);
    let answers: Vec<Response> = (0..6).map(|_| shop.send(request.clone())).collect();
    let told = |response: &Response| {
        response.headers().get("x-amzn-ratelimit-limit").map(|rate| rate.to_str().unwrap().to_owned())
    };
    assert_eq!((told(&answers[0]), answers[5].status().as_u16(), told(&answers[5])), (Some("5.0".into()), 429, None));
    assert!(answers.iter().all(|answer| answer.headers().contains_key("x-amzn-requestid")));
    assert!(!answers[5].headers().contains_key("retry-after"));
    let refused = shop.request("x", "GET", &path, &Value::Null);
    assert_eq!(told(&shop.send(refused)), None);
}

#[test]
fn searches_have_their_limits() {
    let mut shop = Shop::new(|_| {});
    for n in 0..1_030 {
        shop.fake.list(SELLER, &ListingSpec::own(&format!("S{n}"), 1), Timestamp(START)).unwrap();
    }
    let base = format!("/listings/2021-08-01/items/{SELLER}?marketplaceIds={UK}");
    let ids: Vec<String> = (0..21).map(|n| format!("S{n}")).collect();
    for bad in [
        format!("&identifiersType=SKU&identifiers={}", ids.join(",")),
        "&pageSize=21".into(),
        "&pageSize=0".into(),
        "&identifiers=S1".into(),
    ] {
        assert_eq!(shop.ask("GET", &format!("{base}{bad}"), &Value::Null).0, 400, "{bad}");
    }
    let (mut token, mut seen) = (String::new(), 0);
    loop {
        let (_, body) = shop.ask("GET", &format!("{base}&pageSize=20{token}"), &Value::Null);
        seen += body["items"].as_array().unwrap().len();
        match body["pagination"]["nextToken"].as_str() {
            Some(next) => token = format!("&pageToken={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 1_000, "no more can be reached");
}

/// Sends a feed with this body, and gives its end and its processing report.
pub fn feed(shop: &mut Shop, body: &Value) -> (String, Value) {
    let (status, document) =
        shop.ask("POST", "/feeds/2021-06-30/documents", &json!({"contentType": "application/json"}));
    assert_eq!(status, 201);
    let put = |kind: &str| {
        let uri = document["url"].as_str().unwrap();
        http::Request::put(uri).header("content-type", kind).body(Bytes::from(body.to_string())).unwrap()
    };
    assert_eq!(shop.send(put("text/plain")).status().as_u16(), 403, "the type must be the same");
    assert_eq!(shop.send(put("application/json")).status().as_u16(), 200);
    let wanted = json!({"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [UK], "inputFeedDocumentId": document["feedDocumentId"]});
    let (_, made) = shop.ask("POST", "/feeds/2021-06-30/feeds", &wanted);
    let path = format!("/feeds/2021-06-30/feeds/{}", made["feedId"].as_str().unwrap());
    assert_eq!(shop.ask("GET", &path, &Value::Null).1["processingStatus"], "IN_QUEUE");
    shop.later(130);
    let (_, ended) = shop.ask("GET", &path, &Value::Null);
    let result = ended["resultFeedDocumentId"].as_str().map(|id| {
        let (_, about) = shop.ask("GET", &format!("/feeds/2021-06-30/documents/{id}"), &Value::Null);
        let get = http::Request::get(about["url"].as_str().unwrap()).body(Bytes::new()).unwrap();
        read(&shop.send(get)).1
    });
    (ended["processingStatus"].as_str().unwrap().to_owned(), result.unwrap_or_default())
}

#[test]
fn feeds_report_what_was_wrong_with_them() {
    let mut shop = Shop::new(|switches| switches.gzip = false);
    let message = |id: i64, sku: &str, value: Value| {
        json!({"messageId": id, "sku": sku, "operationType": "PATCH", "productType": "PRODUCT",
            "patches": [{"op": "merge", "path": "/attributes/fulfillment_availability", "value": [value]}]})
    };
    let whole = |seller: &str, messages: Vec<Value>| json!({"header": {"sellerId": seller, "version": "2.0"}, "messages": messages});
    let (status, report) =
        feed(&mut shop, &whole(SELLER, vec![message(1, "MUG", own(9)), message(2, "X/1", json!({"quantity": 1}))]));
    assert_eq!(
        (status.as_str(), &report["summary"]["messagesAccepted"], &report["issues"][0]["messageId"]),
        ("DONE", &json!(1), &json!(2))
    );
    shop.later(60);
    assert_eq!(shop.fake.level(SELLER, "MUG"), Some(9));
    assert_eq!(feed(&mut shop, &whole(SELLER, vec![message(1, "MUG", own(1)), message(1, "MUG", own(2))])).0, "FATAL");
    assert_eq!(feed(&mut shop, &whole("ANOTHER", vec![message(1, "MUG", own(1))])).0, "FATAL");
    assert_eq!(feed(&mut shop, &json!("nonsense")).1["issues"][0]["code"], "4002001");
    shop.later(60);
    assert_eq!(shop.fake.level(SELLER, "MUG"), Some(9));
}

#[test]
fn documents_are_good_for_five_minutes_and_feeds_have_a_limit_of_five() {
    let mut shop = Shop::new(|_| {});
    let (_, document) = shop.ask("POST", "/feeds/2021-06-30/documents", &json!({"contentType": "application/json"}));
    let get = || http::Request::get(document["url"].as_str().unwrap()).body(Bytes::new()).unwrap();
    assert_eq!(shop.send(get()).status().as_u16(), 200);
    shop.later(300);
    assert_eq!(shop.send(get()).status().as_u16(), 403);
    let wanted = json!({"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [UK], "inputFeedDocumentId": document["feedDocumentId"]});
    let answers: Vec<u16> = (0..6).map(|_| shop.ask("POST", "/feeds/2021-06-30/feeds", &wanted).0).collect();
    assert_eq!(answers, [202, 202, 202, 202, 202, 429]);
    let old = json!({"feedType": "POST_INVENTORY_AVAILABILITY_DATA", "marketplaceIds": [UK], "inputFeedDocumentId": document["feedDocumentId"]});
    assert_eq!(shop.ask("POST", "/feeds/2021-06-30/feeds", &old).0, 400);
    let (_, listed) = shop.ask("GET", "/feeds/2021-06-30/feeds?feedTypes=JSON_LISTINGS_FEED", &Value::Null);
    let last = listed["feeds"][0]["feedId"].as_str().unwrap().to_owned();
    assert_eq!(
        shop.ask("DELETE", &format!("/feeds/2021-06-30/feeds/{last}"), &Value::Null).0,
        200,
        "it was still in the queue"
    );
    assert_eq!(shop.ask("DELETE", &format!("/feeds/2021-06-30/feeds/{last}"), &Value::Null).0, 400);
}

#[test]
fn order_searches_have_their_rules() {
    let mut shop = Shop::new(|_| {});
    let path = "/orders/2026-01-01/orders";
    for query in [
        "",
        "?createdAfter=2026-02-01T00:00:00Z&lastUpdatedAfter=2026-02-01T00:00:00Z",
        "?createdAfter=yesterday",
        "?lastUpdatedAfter=2026-02-01T00:00:00Z&lastUpdatedBefore=2026-02-02T10:00:00Z",
        "?lastUpdatedAfter=2026-02-01T00:00:00Z&maxResultsPerPage=101",
    ] {
        assert_eq!(shop.ask("GET", &format!("{path}{query}"), &Value::Null).0, 400, "{query}");
    }
    let more = shop.fake.sell(SELLER, &[("MUG", 6)], shop.now);
    assert!(more.is_err() && shop.fake.sell(SELLER, &[("NOPE", 1)], shop.now).is_err());
    let order = shop.fake.sell(SELLER, &[("MUG", 5)], shop.now).unwrap();
    assert_eq!(shop.fake.level(SELLER, "MUG"), Some(0));
    shop.fake.cancel(SELLER, &order, None, false, shop.now).unwrap();
    assert_eq!(
        (shop.fake.level(SELLER, "MUG"), shop.fake.sold(SELLER, "MUG")),
        (Some(0), 0),
        "no inventory: not restored"
    );
}

#[test]
fn destinations_and_subscriptions_conflict_and_have_their_kinds() {
    let mut shop = Shop::new(|_| {});
    let (own, seller) = (shop.own.clone(), shop.token.clone());
    let mut post = |token: &str, path: &str, body: Value| {
        let request = shop.request(token, "POST", path, &body);
        read(&shop.send(request))
    };
    let queue = json!({"name": "q", "resourceSpecification": {"sqs": {"arn": crate::QUEUE}}});
    let (status, made) = post(&own, "/notifications/v1/destinations", queue.clone());
    assert_eq!((status, post(&own, "/notifications/v1/destinations", queue).0), (200, 409));
    let id = made["payload"]["destinationId"].clone();
    let wanted = json!({"payloadVersion": "1.0", "destinationId": id});
    let kinds = ["ORDER_CHANGE", "ORDER_CHANGE", "LISTINGS_ITEM_MFN_QUANTITY_CHANGE"];
    let statuses =
        kinds.map(|kind| post(&seller, &format!("/notifications/v1/subscriptions/{kind}"), wanted.clone()).0);
    assert_eq!(statuses, [200, 409, 400]);
}

#[test]
fn the_door_does_what_the_methods_do() {
    let mut shop = Shop::new(|_| {});
    let mut door = |method: &str, path: &str, body: Value| {
        let request = shop.request("", method, &format!("/_fake/{path}"), &body);
        read(&shop.send(request))
    };
    let mine = |path: &str| format!("{SELLER}/{path}");
    assert_eq!(door("POST", &mine("listings"), json!({"sku": "A/1", "stock": [["DEFAULT", 4]]})).0, 200);
    let order = door("POST", &mine("orders"), json!({"lines": [["A/1", 3]]})).1["id"].as_str().unwrap().to_owned();
    assert_eq!(door("POST", &mine("orders"), json!({"lines": [["A/1", 3]]})).0, 409, "there are not so many");
    assert_eq!(door("POST", &mine(&format!("orders/{order}/confirm")), Value::Null).0, 200);
    assert_eq!(door("POST", &mine(&format!("orders/{order}/cancel")), Value::Null).0, 200);
    assert_eq!(door("POST", &mine("stock"), json!({"sku": "MUG", "quantity": 11})).0, 200);
    assert_eq!(
        door("PATCH", &mine("switches"), json!({"apply_ms": null, "push_vs_pending": "net"})).1["push_vs_pending"],
        "net"
    );
    assert_eq!(door("PATCH", &mine("switches"), json!({"no_such": 1})).0, 409);
    assert_eq!(door("POST", &mine("faults"), json!({"failure": {"status": 500}})).0, 200);
    assert_eq!(door("DELETE", &mine("faults"), Value::Null).0, 200);
    assert_eq!(door("PUT", &mine("event-faults"), json!({"drop": 1})).0, 200);
    assert_eq!(door("PUT", "events", json!({"url": "http://localhost/x"})).0, 200);
    let (_, state) = door("GET", &format!("state?seller={SELLER}"), Value::Null);
    let seller = &state["sellers"][SELLER];
    assert_eq!(
        (&seller["listings"]["MUG"]["live"][0]["quantity"], &seller["listings"]["A/1"]["live"][0]["quantity"]),
        (&json!(11), &json!(4))
    );
    assert_eq!((&seller["stranded"], door("GET", "nowhere", Value::Null).0), (&json!([]), 409));
    let request = shop.request("", "GET", "/_fake/", &Value::Null);
    let listed = shop.send(request);
    assert!(String::from_utf8_lossy(listed.body()).contains("`POST /_fake/{seller}/orders`"), "the door lists itself");
}

#[test]
fn faults_hit_what_they_name_before_or_after() {
    let mut shop = Shop::new(|_| {});
    shop.fake.fail(SELLER, Fault::of("patchListingsItem", 1, Failure::NoAnswer, When::After)).unwrap();
    let path = format!("/listings/2021-08-01/items/{SELLER}/MUG?marketplaceIds={UK}");
    assert_eq!(shop.ask("GET", &path, &Value::Null).0, 200);
    let body = json!({"productType": "P", "patches": [{"op": "merge", "path": "/attributes/fulfillment_availability", "value": [own(7)]}]});
    let request = shop.request(&shop.token.clone(), "PATCH", &path, &body);
    let response = shop.send(request);
    assert!(response.extensions().get::<NoAnswer>().is_some());
    shop.later(60);
    assert_eq!(shop.fake.level(SELLER, "MUG"), Some(7));
}
