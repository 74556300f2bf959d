//! The deployed hub in tests: stores over HTTP, the services of an emulator of AWS, and what the functions are given.

#![allow(clippy::expect_used, clippy::missing_panics_doc)]

pub mod cost;
pub mod keeper;
pub mod proxy;
pub mod stack;
pub mod town;

use aws::clients::{self, Clients};
use aws::{Deletion, DynamoStore, QueueUrls, SecretsVault, SqsQueue};
use channels::clock::SystemClock;
use engine::hub::Door;
use engine::ports::{Inbound, Queue, QueueName};
use engine::receive::Received;
use engine::{Config, Hub};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use web::client::NetHttp;

use crate::contract::unique;
use crate::lambda::Function;
use town::{Replicas, Town};

/// How long a message is invisible where a test makes the queues.
const VISIBILITY: Duration = Duration::from_secs(30);

/// The address of the emulator; `None` where going without is meant.
#[must_use]
pub fn emulator(variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|address| !address.is_empty());
    if found.is_none() {
        let meant = std::env::var("EVENSTOCK_WITHOUT_EMULATORS").is_ok_and(|value| value == "1");
        assert!(meant, "{variable} is not set: run tests/run, or set EVENSTOCK_WITHOUT_EMULATORS=1 to go without");
    }
    found
}

/// The variables that the template gives to every function, for services at `endpoint`.
#[must_use]
pub fn variables(endpoint: &str, table: &str, queues: &QueueUrls, prefix: &str) -> Vec<(&'static str, String)> {
    let own = [
        ("TABLE_NAME", table),
        ("CHANGES_QUEUE_URL", queues.changes.as_str()),
        ("LANE_QUEUE_URL", queues.lane.as_str()),
        ("CHANGES_DLQ_URL", queues.changes_dead.as_str()),
        ("LANE_DLQ_URL", queues.lane_dead.as_str()),
        ("SECRETS_PREFIX", prefix),
        ("STACK_NAME", "hub"),
        ("ALLOW_INSECURE_ENDPOINTS", "true"),
        ("RUST_LOG", "info"),
    ];
    own.into_iter().chain(services(endpoint)).map(|(name, value)| (name, value.to_owned())).collect()
}

/// What Lambda itself gives: credentials and a region; and where the services are.
#[must_use]
pub fn services(endpoint: &str) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

/// The same hub as the functions', in this process, for looking at what they did.
#[must_use]
pub fn hub(clients: Clients, table: &str, urls: QueueUrls, prefix: &str) -> (Hub, SqsQueue) {
    let queue = SqsQueue::new(clients.sqs, urls);
    let hub = Hub::new(
        Arc::new(DynamoStore::new(clients.dynamo, table)),
        Arc::new(queue.clone()),
        Arc::new(SecretsVault::new(clients.secrets, prefix.to_owned(), Deletion::Forced)),
        Arc::new(NetHttp::new(true)),
        Arc::new(SystemClock),
        Config {
            public_url: Some("https://hub.example.com".into()),
            allow_insecure_endpoints: true,
            account_cache: Duration::ZERO,
            door: Door { orders_wait: true, ..Door::default() },
            ..Config::default()
        },
    );
    (hub, queue)
}

/// A hub whose functions are fed by a Runtime API, over a table, queues and secrets of its own.
pub struct Rig {
    /// What the functions are given.
    pub variables: Vec<(&'static str, String)>,
    /// The queues.
    pub queue: SqsQueue,
    /// The same hub here.
    pub hub: Hub,
    /// The stores.
    pub town: Town,
    clients: Clients,
    prefix: String,
}

impl Rig {
    /// Connects and adopts `stores` stores with ten TEEs in each. The functions are given the services at `through`, if it
    /// is not the emulator itself. `None` where there is no emulator and that is meant.
    pub async fn open(stores: u64, through: Option<&str>) -> Option<Self> {
        Self::with(stores, Replicas::ShopWired, through).await
    }

    /// The same, with replicas of this kind.
    pub async fn with(stores: u64, replicas: Replicas, through: Option<&str>) -> Option<Self> {
        let endpoint = emulator("EVENSTOCK_MINISTACK")?;
        let clients = clients::emulated(&endpoint, &clients::https());
        let (table, prefix) = (unique("stock"), unique("hub"));
        aws::create_table(&clients.dynamo, &table).await.expect("a table");
        let urls = aws::create_queues(&clients.sqs, &unique("q"), VISIBILITY).await.expect("queues");
        let variables = variables(through.unwrap_or(&endpoint), &table, &urls, &prefix);
        let (hub, queue) = hub(clients.clone(), &table, urls, &prefix);
        let town = Town::with(stores, replicas).await;
        for store in 1..=stores {
            hub.add_account(serde_json::from_value(town.account(store)).expect("an account")).await.expect("added");
        }
        let rig = Self { variables, queue, hub, town, clients, prefix };
        rig.shake_hands().await;
        rig.hub.adopt(true, &engine::adopt::Silent).await.expect("adopted");
        rig.empty(QueueName::Lane).await;
        rig.empty(QueueName::Changes).await;
        Some(rig)
    }

    /// The stores ask whether our webhooks are ours.
    async fn shake_hands(&self) {
        for outgoing in self.town.due().await {
            let account = outgoing.request.uri().path().rsplit('/').next().expect("an account");
            let hook = channels::Hook { headers: outgoing.request.headers(), body: outgoing.request.body() };
            let answer = match self.hub.receive(account, hook).await.expect("received") {
                Received::Answer(text) => text,
                Received::Accepted(_) | Received::Refused => String::new(),
            };
            self.town.delivered(&outgoing, 200, answer.as_bytes());
        }
    }

    /// Starts a function.
    pub async fn function(&self, name: &str) -> Function {
        Function::start(name, &self.variables).await
    }

    /// How many secrets there are of this hub, whatever they hold.
    pub async fn secrets(&self) -> usize {
        let (mut found, mut next, own) = (0, None, format!("{}/", self.prefix));
        loop {
            let page = self.clients.secrets.list_secrets().max_results(100).set_next_token(next).send().await;
            let page = page.expect("a list");
            found +=
                page.secret_list().iter().filter(|it| it.name().is_some_and(|name| name.starts_with(&own))).count();
            next = page.next_token;
            if next.is_none() {
                return found;
            }
        }
    }

    /// What a queue hands out now.
    pub async fn receive(&self, queue: QueueName) -> Vec<Inbound> {
        self.queue.receive(queue, 10, Duration::from_secs(5)).await.expect("messages")
    }

    /// Forgets these messages.
    pub async fn delete(&self, queue: QueueName, messages: &[Inbound]) {
        let receipts: Vec<String> = messages.iter().map(|message| message.receipt.clone()).collect();
        self.queue.delete(queue, &receipts).await.expect("deleted");
    }

    async fn empty(&self, queue: QueueName) {
        loop {
            let received = self.queue.receive(queue, 10, Duration::ZERO).await.expect("messages");
            if received.is_empty() {
                return;
            }
            self.delete(queue, &received).await;
        }
    }

    /// The hub level of TEE.
    pub async fn level(&self) -> i64 {
        self.hub.show_item(&domain::Sku::new("TEE").expect("a SKU")).await.expect("an item").level
    }
}

/// What the event source mapping hands over.
#[must_use]
pub fn batch(messages: &[Inbound], queue: &str) -> Value {
    let record = |message: &Inbound| {
        json!({
            "messageId": message.id, "receiptHandle": message.receipt, "body": message.body, "md5OfBody": "",
            "attributes": { "ApproximateReceiveCount": message.receives.to_string(), "MessageGroupId": message.group },
            "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
            "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

/// What API Gateway, or a Function URL, hands over of a request; `sample` is one of `events/`.
#[must_use]
pub fn gateway_event(sample: &str, request: &channels::Request) -> Value {
    let mut event: Value = serde_json::from_str(sample).expect("JSON");
    let path = request.uri().path();
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["requestContext"]["http"]["method"] = request.method().as_str().into();
    for (name, value) in request.headers() {
        event["headers"][name.as_str()] = value.to_str().expect("text").into();
    }
    event["headers"]["content-length"] = request.body().len().to_string().into();
    event["body"] = String::from_utf8(request.body().to_vec()).expect("text").into();
    event
}

/// The ids of the messages that must come again.
#[must_use]
pub fn failures(response: &Value) -> Vec<&str> {
    let failures = response["batchItemFailures"].as_array().expect("a list").iter();
    failures.map(|failure| failure["itemIdentifier"].as_str().expect("an id")).collect()
}
