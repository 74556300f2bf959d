//! The functions as AWS runs them: their binaries, started and fed by a Runtime API, over real queues, table and secrets
//! of an emulator, with fake stores over HTTP.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use serde_json::{Value, json};
use tests::lambda::Function;

/// The variables that the template gives to every function, for services at `endpoint`.
fn variables(endpoint: &str, table: &str, queues: &aws::QueueUrls, prefix: &str) -> Vec<(&'static str, String)> {
    let own = [
        ("TABLE_NAME", table),
        ("CHANGES_QUEUE_URL", queues.changes.as_str()),
        ("LANE_QUEUE_URL", queues.lane.as_str()),
        ("CHANGES_DLQ_URL", queues.changes_dead.as_str()),
        ("LANE_DLQ_URL", queues.lane_dead.as_str()),
        ("SECRETS_PREFIX", prefix),
        ("ALLOW_INSECURE_ENDPOINTS", "true"),
        ("RUST_LOG", "info"),
    ];
    let services = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    own.into_iter().chain(services).map(|(name, value)| (name, value.to_owned())).collect()
}

fn request(sample: &str, method: &str, path: &str) -> Value {
    let mut event: Value = serde_json::from_str(sample).unwrap();
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["method"] = method.into();
    event["requestContext"]["http"]["path"] = path.into();
    event
}

fn api(method: &str, path: &str) -> Value {
    request(include_str!("../../events/admin.json"), method, path)
}

fn failures(response: &Value) -> Vec<&str> {
    let failures = response["batchItemFailures"].as_array().unwrap().iter();
    failures.map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
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
        let answer = webhook.invoke(serde_json::from_str(include_str!("../../events/webhook.json")).unwrap()).await;
        assert_eq!(answer.unwrap()["statusCode"], 503, "the store must send it again");

        let mut sync = Function::start("sync", &nowhere()).await;
        let batch: Value = serde_json::from_str(include_str!("../../events/sync-changes.json")).unwrap();
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
    use aws::clients::{self, Clients};
    use aws::{Deletion, DynamoStore, QueueUrls, SecretsVault, SqsQueue};
    use axum::extract::{Request, State};
    use axum::response::Response;
    use channels::clock::SystemClock;
    use channels::fake::Fake;
    use channels::shopwired::fake::{AccountSpec, FakeShopWired, ProductSpec};
    use channels::{Clock, Secret};
    use domain::Sku;
    use engine::adopt::Silent;
    use engine::ports::{Inbound, Queue, QueueName};
    use engine::{Config, Hub};
    use hmac::{Hmac, KeyInit, Mac};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tests::contract::unique;
    use web::client::NetHttp;

    type Shared = Arc<Mutex<FakeShopWired>>;

    const VISIBILITY: Duration = Duration::from_secs(30);
    const STORES: [(&str, u64); 2] = [("main", 1), ("north", 2)];

    /// The deployed hub: what the functions are given, and the same hub here, for looking at what they did.
    struct Deployed {
        variables: Vec<(&'static str, String)>,
        queue: SqsQueue,
        hub: Hub,
        stores: Shared,
    }

    async fn platform() -> (Shared, String) {
        let stores: Shared = Arc::new(Mutex::new(FakeShopWired::new(7)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&stores));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (stores, address)
    }

    async fn answer(State(stores): State<Shared>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let response = stores.lock().unwrap().handle(&http::Request::from_parts(parts, body), SystemClock.now());
        response.map(axum::body::Body::from)
    }

    async fn deploy() -> Option<Deployed> {
        let Some(endpoint) = std::env::var("EVENSTOCK_MINISTACK").ok().filter(|address| !address.is_empty()) else {
            let meant = std::env::var("EVENSTOCK_WITHOUT_EMULATORS").is_ok_and(|value| value == "1");
            assert!(
                meant,
                "EVENSTOCK_MINISTACK is not set: start it with tests/run, or set EVENSTOCK_WITHOUT_EMULATORS=1"
            );
            return None;
        };
        let Clients { dynamo, sqs, secrets } = clients::emulated(&endpoint, &clients::https());
        let (table, prefix) = (unique("stock"), unique("hub"));
        aws::create_table(&dynamo, &table).await.unwrap();
        let urls: QueueUrls = aws::create_queues(&sqs, &unique("q"), VISIBILITY).await.unwrap();
        let variables = variables(&endpoint, &table, &urls, &prefix);
        let queue = SqsQueue::new(sqs, urls);
        let hub = Hub::new(
            Arc::new(DynamoStore::new(dynamo, table)),
            Arc::new(queue.clone()),
            Arc::new(SecretsVault::new(secrets, prefix, Deletion::Forced)),
            Arc::new(NetHttp::new(true)),
            Arc::new(SystemClock),
            Config { allow_insecure_endpoints: true, ..Config::default() },
        );
        let (stores, address) = platform().await;
        let deployed = Deployed { variables, queue, hub, stores };
        deployed.connect(&address).await;
        Some(deployed)
    }

    impl Deployed {
        /// Connects both stores with ten TEEs in each, and adopts them.
        async fn connect(&self, address: &str) {
            for (name, business) in STORES {
                self.open(name, business);
                let role = if name == "main" { "master" } else { "replica" };
                let secret = |field: &str| format!("{field}-{name}");
                let new = json!({
                    "id": name, "channel": "shopwired", "role": role, "settings": { "base_url": address },
                    "secrets": { "api_key": secret("key"), "api_secret": secret("secret"), "webhook_secret": secret("signer") },
                });
                self.hub.add_account(serde_json::from_value(new).unwrap()).await.unwrap();
            }
            self.hub.adopt(true, &Silent).await.unwrap();
            self.empty(QueueName::Lane).await;
        }

        fn open(&self, name: &str, business: u64) {
            let mut stores = self.stores.lock().unwrap();
            stores.add_account(&AccountSpec {
                business,
                name: name.into(),
                api_key: format!("key-{name}"),
                api_secret: format!("secret-{name}"),
                webhook_secret: Some(format!("signer-{name}")),
            });
            stores.create_product(business, &ProductSpec::simple("TEE", 10), SystemClock.now()).unwrap();
        }

        async fn receive(&self, queue: QueueName) -> Vec<Inbound> {
            self.queue.receive(queue, 10, Duration::from_secs(5)).await.unwrap()
        }

        async fn empty(&self, queue: QueueName) {
            for _ in 0..=STORES.len() {
                let received = self.queue.receive(queue, 10, Duration::ZERO).await.unwrap();
                let receipts: Vec<String> = received.into_iter().map(|message| message.receipt).collect();
                self.queue.delete(queue, &receipts).await.unwrap();
            }
        }

        fn level(&self, business: u64) -> i64 {
            self.stores.lock().unwrap().level(business, "TEE").unwrap()
        }

        async fn hub_level(&self) -> i64 {
            self.hub.show_item(&Sku::new("TEE").unwrap()).await.unwrap().level
        }

        async fn function(&self, name: &str) -> Function {
            Function::start(name, &self.variables).await
        }
    }

    /// What API Gateway hands over of a webhook that says that TEE has moved.
    fn webhook(secret: &str) -> Value {
        let mut event = request(include_str!("../../events/webhook.json"), "POST", "/webhooks/main");
        let body = event["body"].as_str().unwrap().replace("ABC\\/1", "TEE");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        event["headers"]["x-shopwired-signature"] = hex::encode(mac.finalize().into_bytes()).into();
        event["headers"]["content-length"] = body.len().to_string().into();
        event["body"] = body.into();
        event
    }

    /// What the event source mapping hands over.
    fn batch(messages: &[Inbound], queue: &str) -> Value {
        let record = |message: &Inbound| {
            json!({
                "messageId": message.id, "receiptHandle": message.receipt, "body": message.body, "md5OfBody": "",
                "attributes": { "ApproximateReceiveCount": "1", "MessageGroupId": message.group },
                "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
                "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
            })
        };
        json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sale_travels_through_webhook_queue_and_sync_to_the_other_store() {
        let Some(deployed) = deploy().await else { return };
        deployed.stores.lock().unwrap().sell(1, "TEE", 2, SystemClock.now()).unwrap();

        let mut function = deployed.function("webhook").await;
        assert_eq!(function.invoke(webhook("guess")).await.unwrap()["statusCode"], 401);
        let answer = function.invoke(webhook("signer-main")).await.unwrap();
        assert_eq!((&answer["statusCode"], &answer["body"]), (&json!(200), &json!("{}")), "{answer}");
        let messages = deployed.receive(QueueName::Changes).await;
        assert_eq!(messages.len(), 1, "only the genuine one is enqueued");

        let mut sync = deployed.function("sync").await;
        let answer = sync.invoke(batch(&messages, "evenstock-changes")).await.unwrap();
        assert!(failures(&answer).is_empty(), "{answer}");
        assert_eq!((deployed.hub_level().await, deployed.level(2)), (8, 8));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lost_webhook_is_healed_by_the_timer_and_the_lane() {
        let Some(deployed) = deploy().await else { return };
        deployed.stores.lock().unwrap().sell(2, "TEE", 3, SystemClock.now()).unwrap();
        let mut reconcile = deployed.function("reconcile").await;
        let tick: Value = serde_json::from_str(include_str!("../../events/reconcile-sweep.json")).unwrap();
        assert_eq!(reconcile.invoke(tick).await, Ok(Value::Null));
        let mut sync = deployed.function("sync").await;
        // a queue hands over one group at a time when it likes: each account is a group, and the hub is one
        for _ in 0..=STORES.len() {
            let messages = deployed.receive(QueueName::Lane).await;
            let answer = sync.invoke(batch(&messages, "evenstock-lane.fifo")).await.unwrap();
            assert!(failures(&answer).is_empty(), "{answer}");
            let receipts: Vec<String> = messages.into_iter().map(|message| message.receipt).collect();
            deployed.queue.delete(QueueName::Lane, &receipts).await.unwrap();
            if deployed.hub_level().await == 7 {
                break;
            }
        }
        assert_eq!((deployed.hub_level().await, deployed.level(1)), (7, 7));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_person_with_a_token_sees_the_accounts() {
        let Some(deployed) = deploy().await else { return };
        let token: Secret = web::tokens::bootstrap(&*deployed.hub.vault, &SystemClock).await.unwrap().unwrap();
        let mut admin = deployed.function("admin").await;
        let mut event = api("GET", "/api/accounts");
        assert_eq!(admin.invoke(event.clone()).await.unwrap()["statusCode"], 401);
        event["headers"]["authorization"] = format!("Bearer {}", token.reveal()).into();
        let answer = admin.invoke(event).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let accounts: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(accounts.as_array().unwrap().len(), STORES.len());
    }
}
