//! Alarms, who hears of them, and what guards have stopped.

use crate::Api;
use async_trait::async_trait;
use bytes::Bytes;
use channels::{Http, HttpError, Request, Response};
use engine::alerts::signature;
use engine::ports::{Mail, MailError, Mailer};
use engine::work::Task;
use engine::{Config, Hub};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use web::App;

/// The other end of webhooks and mails.
struct Inbox {
    answers: Mutex<StatusCode>,
    came: Mutex<Vec<Request>>,
    mails: Mutex<Vec<Mail>>,
}

impl Inbox {
    fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.came.lock().unwrap())
    }

    fn answer(&self, status: u16) {
        *self.answers.lock().unwrap() = StatusCode::from_u16(status).unwrap();
    }
}

#[async_trait]
impl Http for Inbox {
    async fn send(&self, request: Request, _timeout: Duration) -> Result<Response, HttpError> {
        self.came.lock().unwrap().push(request);
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = *self.answers.lock().unwrap();
        Ok(answer)
    }
}

#[async_trait]
impl Mailer for Inbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.mails.lock().unwrap().push(mail.clone());
        Ok(())
    }
}

/// The three stores' hub, whose network is an inbox: what is wrong can be made up, and what is told is seen.
async fn with_inbox(strict: bool) -> (Api, Arc<Inbox>, Arc<Hub>) {
    let mut api = Api::open(&[("TEE", 10)]).await;
    let inbox =
        Arc::new(Inbox { answers: Mutex::new(StatusCode::OK), came: Mutex::default(), mails: Mutex::default() });
    let old = &api.shops.hub;
    let config = Config { allow_insecure_endpoints: !strict, ..Config::default() };
    let hub = Arc::new(Hub::new(
        Arc::clone(&old.store),
        Arc::clone(&old.queue),
        Arc::clone(&old.vault),
        Arc::clone(&inbox) as _,
        Arc::clone(&api.shops.clock) as _,
        config,
    ));
    api.router = web::router(Arc::new(App::new(Arc::clone(&hub))));
    (api, inbox, hub)
}

/// Something is wrong with a store, or is not any more.
async fn failures(hub: &Hub, count: u32) {
    let north = domain::AccountId::new("north").unwrap();
    hub.change_health(&north, |health| {
        health.failures = count;
        health.error = (count > 0).then(|| "503".to_owned());
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_webhook_tells_of_an_alarm_once_again_and_when_it_is_over() {
    let (api, inbox, hub) = with_inbox(false).await;
    let added = api
        .post("/api/alerts/targets", json!({"name": "ops", "way": "webhook", "to": "http://ops.test/x?key=1"}))
        .await;
    let key = added["secret"].as_str().unwrap().to_owned();
    assert_eq!((added["to"].as_str(), &key[..6]), (Some("ops.test"), "whsec_"));
    assert!(!api.get("/api/alerts").await.to_string().contains("key=1"), "the address is a secret");

    failures(&hub, 5).await;
    hub.watch().await.unwrap();
    let came = inbox.take();
    assert_eq!((came.len(), came[0].uri().to_string().as_str()), (1, "http://ops.test/x?key=1"));
    let header = |name: &str| came[0].headers()[name].to_str().unwrap().to_owned();
    let body = String::from_utf8(came[0].body().to_vec()).unwrap();
    let seconds: i64 = header("webhook-timestamp").parse().unwrap();
    assert_eq!(header("webhook-signature"), signature(&key, &header("webhook-id"), seconds, &body).unwrap());
    let told: Value = serde_json::from_str(&body).unwrap();
    let notice = &told["data"]["notices"][0];
    assert_eq!((&notice["stage"], &notice["alarm"]["kind"]), (&json!("new"), &json!("failing")), "{told}");
    assert_eq!(api.get("/api/alerts").await["alarms"][0]["alarm"]["subject"], "north");

    hub.watch().await.unwrap();
    assert_eq!(inbox.take().len(), 0, "it was told");
    failures(&hub, 0).await;
    hub.watch().await.unwrap();
    let over = inbox.take();
    assert!(String::from_utf8_lossy(over[0].body()).contains("resolved"));
    assert_eq!(api.get("/api/alerts").await["alarms"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_does_not_arrive_waits_and_is_the_same_when_it_comes_again() {
    let (api, inbox, hub) = with_inbox(false).await;
    api.post("/api/alerts/targets", json!({"name": "chat", "way": "slack", "to": "http://chat.test/T/B/x"})).await;
    api.post("/api/alerts/targets", json!({"name": "ops", "way": "webhook", "to": "http://ops.test/"})).await;
    api.post(
        "/api/alerts/targets",
        json!({"name": "quiet", "way": "slack", "to": "http://quiet.test/", "kinds": ["clash"]}),
    )
    .await;
    inbox.answer(503);
    failures(&hub, 9).await;
    hub.watch().await.unwrap();
    let first = inbox.take();
    assert_eq!(first.len(), 2, "one kind of which it is not is not told");
    assert_eq!(api.get("/api/alerts").await["waiting"], 2);
    hub.watch().await.unwrap();
    assert_eq!(inbox.take().len(), 0, "not yet due");
    api.shops.clock.advance(Duration::from_secs(6));
    inbox.answer(200);
    hub.watch().await.unwrap();
    let second = inbox.take();
    let ids =
        |came: &[Request]| came.iter().filter_map(|one| one.headers().get("webhook-id").cloned()).collect::<Vec<_>>();
    assert_eq!((second.len(), ids(&second)), (2, ids(&first)), "receivers can tell a repetition");
    let slack = second.iter().find(|one| one.uri().host() == Some("chat.test")).unwrap();
    assert!(String::from_utf8_lossy(slack.body()).starts_with("{\"text\":\"[north failing] north does not answer"));
    assert_eq!(api.get("/api/alerts").await["waiting"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_given_up_after_its_last_attempt_and_that_is_in_the_trail() {
    let (api, inbox, hub) = with_inbox(false).await;
    api.post("/api/alerts/targets", json!({"name": "ops", "way": "webhook", "to": "http://ops.test/"})).await;
    inbox.answer(500);
    failures(&hub, 9).await;
    api.ask("PATCH", "/api/alerts", &json!({"repeat_minutes": 10_080})).await;
    for _ in 0..12 {
        hub.deliver_notices().await.unwrap();
        hub.watch().await.unwrap();
        api.shops.clock.advance(Duration::from_secs(86_401));
        failures(&hub, 9).await;
    }
    let day = "/api/audit?actor=hub&subject=ops";
    let mut given_up = 0;
    for back in 0..13_u64 {
        let at =
            domain::Timestamp(channels::Clock::now(&*api.shops.clock).0 - i64::try_from(back).unwrap() * 86_400_000);
        let wanted = engine::trail::Wanted { actor: Some("hub".into()), limit: 100, ..Default::default() };
        let page = hub.trail_of_day(at, &wanted).await.unwrap();
        given_up += page.rows.iter().filter(|entry| entry.action == "alert given up").count();
    }
    assert!(given_up >= 1, "{}", api.get(day).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_needs_a_server_and_a_test_says_how_it_went() {
    let (api, inbox, hub) = with_inbox(false).await;
    let ann = json!({"name": "ann", "way": "email", "to": "ann@example.com"});
    let message = api.refused("POST", "/api/alerts/targets", ann.clone(), 400, "invalid").await;
    assert!(message.starts_with("way:"), "{message}");
    hub.use_mailer(Arc::clone(&inbox) as Arc<dyn Mailer>);
    api.post("/api/alerts/targets", ann).await;
    assert_eq!(api.post("/api/alerts/targets/ann/test", Value::Null).await, json!({"arrived": true, "error": null}));
    failures(&hub, 9).await;
    hub.watch().await.unwrap();
    let mails = inbox.mails.lock().unwrap().clone();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(subjects, ["Evenstock: test: test failing", "Evenstock: north failing"]);
    assert_eq!(mails[1].to, "ann@example.com");

    api.post("/api/alerts/targets", json!({"name": "ops", "way": "webhook", "to": "http://ops.test/"})).await;
    inbox.answer(410);
    let test = api.post("/api/alerts/targets/ops/test", Value::Null).await;
    assert_eq!((&test["arrived"], test["error"].as_str().unwrap()), (&json!(false), "it answers 410 Gone"));
    assert_eq!(api.ask("DELETE", "/api/alerts/targets/ops", &Value::Null).await.0, 204);
    api.refused("DELETE", "/api/alerts/targets/ops", Value::Null, 404, "not-found").await;
    let kept = hub.vault.get(engine::alerts::ALERTS, true).await.unwrap().unwrap_or_default();
    assert!(!kept.keys().any(|name| name.starts_with("ops.")), "its secrets are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_checked_by_name_and_addresses_lead_outside() {
    let (api, _, _) = with_inbox(true).await;
    for (target, field) in [
        (json!({"name": "Ops!", "way": "slack", "to": "https://chat.example.com/"}), "name:"),
        (json!({"name": "ops", "way": "slack", "to": "http://chat.example.com/"}), "to:"),
        (json!({"name": "ops", "way": "slack", "to": "https://169.254.169.254/latest"}), "to:"),
        (json!({"name": "ops", "way": "slack", "to": "https://localhost/"}), "to:"),
        (json!({"name": "ops", "way": "webhook", "to": "nowhere"}), "to:"),
        (json!({"name": "ops", "way": "email", "to": "ann@example.com, bob@example.com"}), "to:"),
        (json!({"name": "ops", "way": "pigeon", "to": "x"}), "pigeon"),
        (json!({"name": "ops", "way": "slack", "to": "https://x.example/", "kinds": ["doom"]}), "doom"),
    ] {
        let message = api.refused("POST", "/api/alerts/targets", target, 400, "invalid").await;
        assert!(message.contains(field), "{message}");
    }
    for (patch, field) in [
        (json!({"repeat_minutes": 1}), "repeat_minutes:"),
        (json!({"thresholds": {"no_read_minutes": 0}}), "thresholds.no_read_minutes:"),
        (json!({"thresholds": {"no_raed": 5}}), "no_raed"),
    ] {
        let message = api.refused("PATCH", "/api/alerts", patch, 400, "invalid").await;
        assert!(message.contains(field), "{message}");
    }
    let (_, changed) = api.ask("PATCH", "/api/alerts", &json!({"muted": ["slow"], "repeat_minutes": 60})).await;
    assert_eq!((&changed["muted"], &changed["repeat_minutes"]), (&json!(["slow"]), &json!(60)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_alarm_is_shown_and_not_told() {
    let (api, inbox, hub) = with_inbox(false).await;
    api.post("/api/alerts/targets", json!({"name": "ops", "way": "webhook", "to": "http://ops.test/"})).await;
    api.ask("PATCH", "/api/alerts", &json!({"muted": ["failing"]})).await;
    failures(&hub, 9).await;
    hub.watch().await.unwrap();
    assert_eq!((inbox.take().len(), api.get("/api/alerts").await["alarms"].as_array().unwrap().len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_is_shown_page_by_page_and_decided_about() {
    let skus: Vec<String> = (0..60).map(|number| format!("SKU-{number:02}")).collect();
    let products: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 5)).collect();
    let api = Api::open(&products).await;
    for sku in skus.iter().take(40) {
        api.shops.http.fake().import_silently(1, sku, 0, channels::Clock::now(&*api.shops.clock)).unwrap();
    }
    let believed = json!({"verdict": "release"});
    api.refused("POST", "/api/accounts/main/quarantine", believed, 409, "conflict").await;
    api.shops.hub.run_task(Task::Compare).await.unwrap();
    let page = api.get("/api/accounts/main/quarantine?limit=30").await;
    let rows = page["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["known"], &rows[0]["seen"]), (30, &json!(5), &json!(0)));
    assert!(page["why"].as_str().unwrap().starts_with("40 of 60") && page["next"].is_string(), "{page}");
    let unseen = json!({"verdict": "discard", "skus": ["SKU-59"]});
    api.refused("POST", "/api/accounts/main/quarantine", unseen, 404, "not-found").await;
    let none = json!({"verdict": "discard", "skus": []});
    api.refused("POST", "/api/accounts/main/quarantine", none, 400, "invalid").await;
    let some = api.post("/api/accounts/main/quarantine", json!({"verdict": "release", "skus": ["SKU-00"]})).await;
    assert_eq!(some, json!({"listings": 1, "lifted": false}));
    let rest = api.post("/api/accounts/main/quarantine", json!({"verdict": "release"})).await;
    assert_eq!(rest, json!({"listings": 39, "lifted": true}));
    api.shops.settle().await;
    api.shops.all_show("SKU-00", 0).await;
    api.shops.all_show("SKU-59", 5).await;
    let trail = api.get("/api/audit?subject=main&actor=hub").await;
    assert_eq!(trail["rows"][0]["action"], "quarantine", "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_frozen_its_rate_checked_and_nothing_is_contested() {
    let api = Api::open(&[("TEE", 10)]).await;
    let (_, frozen) = api.ask("PATCH", "/api/accounts/north", &json!({"frozen": true})).await;
    assert!(frozen["frozen"].is_i64(), "{frozen}");
    let (_, thawed) = api.ask("PATCH", "/api/accounts/north", &json!({"frozen": false, "restock": "never"})).await;
    assert_eq!((&thawed["frozen"], &thawed["restock"]), (&json!(null), &json!("never")));
    for rate in [json!({"per_minute": 0, "burst": 1}), json!({"per_minute": 60, "burst": 0})] {
        let message = api.refused("PATCH", "/api/accounts/north", json!({"rate": rate}), 400, "invalid").await;
        assert!(message.starts_with("rate."), "{message}");
    }
    api.refused("POST", "/api/accounts/north/contested/release?sku=TEE", Value::Null, 409, "conflict").await;
}
