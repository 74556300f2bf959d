//! The functions as AWS runs them: the artefacts that are shipped, started and fed by a Runtime API, over real queues, table
//! and secrets of an emulator, with fake stores over HTTP.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use serde_json::{Value, json};
use tests::lambda::Function;
use tests::rig::{failures, gateway_event, variables};

const WEBHOOK: &str = include_str!("../../events/webhook.json");
const ADMIN: &str = include_str!("../../events/admin.json");
const SYNC_CHANGES: &str = include_str!("../../events/sync-changes.json");

fn api(method: &str, path: &str) -> Value {
    let request = http::Request::builder().method(method).uri(path).body(bytes::Bytes::new()).unwrap();
    gateway_event(ADMIN, &request)
}

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Most bytes of a function that are uploaded: a start fetches them. A store waits for the first; a person for the last, which
/// brings the console along.
const ZIPPED_MAX: [(&str, usize); 4] =
    [("webhook", 6_000_000), ("sync", 6_000_000), ("reconcile", 6_000_000), ("admin", 7_000_000)];

#[test]
fn the_artefacts_are_small() {
    for (name, most) in ZIPPED_MAX {
        // where none is built, the tests below build plain ones, which are not shipped
        let Some((_, zipped)) = tests::artefacts::sizes(name) else { continue };
        assert!(zipped < most, "{name}: {zipped} bytes");
    }
}

mod without_services {
    use super::*;

    /// Nothing listens at port 1.
    fn nowhere() -> Vec<(&'static str, String)> {
        let dead = "http://127.0.0.1:1";
        let url = |name: &str| format!("{dead}/000000000000/{name}");
        let queues = aws::QueueUrls {
            changes: url("changes"),
            lane: url("lane.fifo"),
            changes_dead: url("changes-dead"),
            lane_dead: url("lane-dead.fifo"),
        };
        variables(dead, "stock", &queues, "hub")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_acknowledged_that_was_not_done() {
        let mut webhook = Function::start("webhook", &nowhere()).await;
        assert_eq!(webhook.invoke(sample(WEBHOOK)).await.unwrap()["statusCode"], 503, "the store must send it again");

        let mut sync = Function::start("sync", &nowhere()).await;
        let batch = sample(SYNC_CHANGES);
        let answer = sync.invoke(batch.clone()).await.unwrap();
        assert_eq!(failures(&answer).len(), batch["Records"].as_array().unwrap().len(), "{answer}");

        let mut reconcile = Function::start("reconcile", &nowhere()).await;
        let failed = reconcile.invoke(json!({ "task": "sweep" })).await;
        assert!(failed.is_err(), "the timer tries again: {failed:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_admin_function_is_alive_and_shut() {
        let mut admin = Function::start("admin", &nowhere()).await;
        let health = admin.invoke(api("GET", "/api/health")).await.unwrap();
        assert_eq!(health["statusCode"], 200, "{health}");
        assert!(health["body"].as_str().unwrap().contains("\"ok\":true"));
        let accounts = admin.invoke(api("GET", "/api/accounts")).await.unwrap();
        assert_eq!(accounts["statusCode"], 503, "tokens cannot be read, so nobody gets in: {accounts}");
    }
}

mod ministack {
    use super::*;
    use channels::Secret;
    use channels::clock::SystemClock;
    use channels::shopwired::fake::{Failure, Fault, When, Which};
    use domain::{Sku, Timestamp};
    use engine::ports::{Change, Condition, QueueName};
    use engine::records;
    use std::time::{Duration, Instant};
    use tests::rig::town::tells_a_secret;
    use tests::rig::{Rig, batch};

    const CHANGES: &str = "evenstock-changes";
    const LANE: &str = "evenstock-lane.fifo";
    /// How long anything may take to come right.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn tee() -> Sku {
        Sku::new("TEE").unwrap()
    }

    /// The webhooks that are due go through the webhook function, as API Gateway hands them over; gives how many.
    async fn deliver(rig: &Rig, webhook: &mut Function) -> usize {
        let due = rig.town.due().await;
        for outgoing in &due {
            let answer = webhook.invoke(gateway_event(WEBHOOK, &outgoing.request)).await.unwrap();
            assert_eq!(answer["statusCode"], 200, "{answer}");
            rig.town.delivered(outgoing, 200, answer["body"].as_str().unwrap_or_default().as_bytes());
        }
        due.len()
    }

    /// Feeds sync with what the queue of changes holds, until `done`.
    async fn work_until(rig: &Rig, sync: &mut Function, done: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !done().await {
            assert!(began.elapsed() < PATIENCE, "it does not come right: {}", sync.log());
            let messages = rig.receive(QueueName::Changes).await;
            if messages.is_empty() {
                continue;
            }
            let answer = sync.invoke(batch(&messages, CHANGES)).await.unwrap();
            assert!(failures(&answer).is_empty(), "{answer}");
            rig.delete(QueueName::Changes, &messages).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sale_travels_through_webhook_queue_and_sync_to_the_other_store() {
        let Some(rig) = Rig::open(2, None).await else { return };
        let mut webhook = rig.function("webhook").await;
        let mut sync = rig.function("sync").await;
        rig.town.sell(1, 2);
        let mut forged = gateway_event(WEBHOOK, &rig.town.due().await.pop().expect("a webhook").request);
        forged["body"] = forged["body"].as_str().unwrap().replace("TEE", "HAT").into();
        assert_eq!(webhook.invoke(forged).await.unwrap()["statusCode"], 401);

        rig.town.sell(1, 1);
        assert!(deliver(&rig, &mut webhook).await > 0);
        let messages = rig.receive(QueueName::Changes).await;
        let told = |what: &str| messages.iter().any(|message| message.body.contains(what));
        assert!(told("TEE") && !told("HAT"), "only the genuine one is enqueued: {messages:?}");
        let answer = sync.invoke(batch(&messages, CHANGES)).await.unwrap();
        assert!(failures(&answer).is_empty(), "{answer}");
        assert_eq!((rig.level().await, rig.town.level(2)), (7, 7), "the store's log told of both sales");

        // one trace leads from the webhook to the history, and no log holds what must not be there
        let history = rig.hub.history(&tee(), None, 10).await.unwrap();
        let trace = history.rows.iter().find_map(|entry| entry.trace.clone()).expect("a trace");
        for log in [webhook.log(), sync.log()] {
            assert!(log.contains(&trace), "{trace} is not in {log}");
            assert!(!tells_a_secret(&log), "{log}");
        }
        assert!(sync.log().contains("\"message\":\"change\""), "{}", sync.log());
        let metrics = sync
            .log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|it| !it["_aws"].is_null());
        let metrics = metrics.expect("metrics");
        assert_eq!((&metrics["channel"], &metrics["Pushes"]), (&json!("shopwired"), &json!(1)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lost_webhook_is_healed_by_the_timer_and_the_lane() {
        let Some(rig) = Rig::open(2, None).await else { return };
        rig.town.sell(2, 3);
        let mut reconcile = rig.function("reconcile").await;
        for tick in [
            include_str!("../../events/reconcile-health.json"),
            include_str!("../../events/reconcile-compare.json"),
            include_str!("../../events/reconcile-full.json"),
            include_str!("../../events/reconcile-sweep.json"),
        ] {
            assert_eq!(reconcile.invoke(sample(tick)).await, Ok(Value::Null), "{}", reconcile.log());
        }
        assert!(reconcile.log().contains("\"Waiting\""), "the sweep tells what waits: {}", reconcile.log());
        let mut sync = rig.function("sync").await;
        // a queue hands over one group at a time when it likes: each account is a group, and the hub is one
        let began = Instant::now();
        while !(rig.level().await == 7 && rig.town.all_show(2, 7)) {
            assert!(began.elapsed() < PATIENCE, "it does not come right: {}", sync.log());
            let messages = rig.receive(QueueName::Lane).await;
            let answer = sync.invoke(batch(&messages, LANE)).await.unwrap();
            assert!(failures(&answer).is_empty(), "{answer}");
            rig.delete(QueueName::Lane, &messages).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_person_with_a_token_sees_the_accounts() {
        let Some(rig) = Rig::open(2, None).await else { return };
        let token: Secret = web::tokens::bootstrap(&*rig.hub.vault, &SystemClock).await.unwrap().unwrap();
        let mut admin = rig.function("admin").await;
        let mut event = api("GET", "/api/accounts");
        assert_eq!(admin.invoke(event.clone()).await.unwrap()["statusCode"], 401);
        event["headers"]["authorization"] = format!("Bearer {}", token.reveal()).into();
        let answer = admin.invoke(event).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let accounts: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(accounts.as_array().unwrap().len(), 2);
        assert!(!tells_a_secret(&answer.to_string()) && !tells_a_secret(&admin.log()));
    }

    /// 75 seconds pass for the claims of TEE.
    async fn let_the_lease_run_out(rig: &Rig) {
        let row = rig.hub.store.get(&[records::ledger_key(&tee())]).await.unwrap().pop().flatten().unwrap();
        let mut ledger = records::ledger(&row).unwrap();
        let claims = ledger.entries.values_mut().filter_map(|entry| entry.claim.as_mut());
        assert_eq!(claims.map(|claim| claim.lease = Timestamp(0)).count(), 1, "one push is on its way");
        let change = Change::Put(records::ledger_row(&tee(), &ledger, row.version), Condition::Version(row.version));
        rig.hub.store.write(&[change]).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn sync_dies_in_the_middle_of_a_push_and_another_finishes_it() {
        let Some(rig) = Rig::open(2, None).await else { return };
        let mut webhook = rig.function("webhook").await;
        let fault = Fault { failure: Failure::NoAnswer, when: When::After, which: Which::Writes, left: Some(1) };
        rig.town.stores().fail(2, fault).unwrap();
        rig.town.sell(1, 4);
        deliver(&rig, &mut webhook).await;
        let messages = rig.receive(QueueName::Changes).await;

        let sync = rig.function("sync").await;
        sync.hand_over(batch(&messages, CHANGES)).await;
        let began = Instant::now();
        while rig.town.level(2) != 6 {
            assert!(began.elapsed() < PATIENCE, "{}", sync.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sync.kill();

        let_the_lease_run_out(&rig).await;
        let mut another = rig.function("sync").await;
        let answer = another.invoke(batch(&messages, CHANGES)).await.unwrap();
        assert!(failures(&answer).is_empty(), "{answer}");
        let store = &rig.hub.store;
        let done = async || {
            let row = store.get(&[records::ledger_key(&tee())]).await.unwrap().pop().flatten().unwrap();
            let quiet = records::ledger(&row).unwrap().is_quiet();
            quiet && rig.level().await == 6 && rig.town.all_show(2, 6)
        };
        work_until(&rig, &mut another, done).await;
        assert_eq!(rig.town.stores().truth(2, "TEE").sold, 0, "nothing was sold there, and nothing was counted");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_has_too_much_to_do_waits_and_holds_up_no_other() {
        let Some(rig) = Rig::open(3, None).await else { return };
        let (mut webhook, mut sync) = (rig.function("webhook").await, rig.function("sync").await);
        rig.town.stores().set_down(2, Failure::Status(429)).unwrap();
        rig.town.sell(1, 1);
        deliver(&rig, &mut webhook).await;
        let messages = rig.receive(QueueName::Changes).await;
        let answer = sync.invoke(batch(&messages, CHANGES)).await.unwrap();
        assert!(failures(&answer).is_empty(), "its work waits; the message is done: {answer}");
        rig.delete(QueueName::Changes, &messages).await;
        assert_eq!((rig.town.level(3), rig.town.level(2)), (9, 10));
        rig.town.stores().heal(2).unwrap();
        work_until(&rig, &mut sync, async || rig.town.all_show(3, 9)).await;
    }
}
