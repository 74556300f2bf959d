//! The whole of it, as `sam build` and `sam deploy` left it on an emulator of AWS: the front door, the four artefacts, queues
//! and their mappings, timers, table and secrets; with fake stores over HTTP. `tests/run` deploys it.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use std::time::{Duration, Instant};

/// How long a step may take: a timer ticks once a minute, and each call to the emulator takes a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(150);

/// Looks until it holds.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

mod ministack {
    use super::*;
    use channels::clock::SystemClock;
    use domain::Sku;
    use engine::adopt::Silent;
    use engine::ports::{Change, Condition, Key, Outbound, Queue, QueueName, Row};
    use engine::records::{Hint, Item};
    use engine::{Hub, records};
    use serde_json::{Value, json};
    use std::process::Command;
    use tests::rig::stack::Stack;
    use tests::rig::town::{Town, name, tells_a_secret};

    const STORES: u64 = 3;

    /// A hub that people have set up through its front door.
    struct Day {
        stack: Stack,
        hub: Hub,
        queue: aws::SqsQueue,
        town: Town,
        token: String,
    }

    impl Day {
        async fn begin(stack: Stack) -> Self {
            let (hub, queue) = stack.hub();
            let town = Town::open(STORES).await;
            let token = web::tokens::bootstrap(&*hub.vault, &SystemClock).await.unwrap().unwrap();
            let day = Self { stack, hub, queue, town, token: token.reveal().to_owned() };
            assert_eq!(day.stack.api("guess", "GET", "/api/accounts", Value::Null).await.0, 401);
            for store in 1..=STORES {
                let (status, said) = day.api("POST", "/api/accounts", day.town.account(store)).await;
                assert!((200..300).contains(&status), "{status} {said}");
                assert!(!tells_a_secret(&said.to_string()), "{said}");
                day.deliver().await;
            }
            day.hub.adopt(true, &Silent).await.unwrap();
            day
        }

        async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
            self.stack.api(&self.token, method, path, body).await
        }

        /// The webhooks that are due come in at the front door; gives how many.
        async fn deliver(&self) -> usize {
            let due = self.town.due().await;
            for outgoing in &due {
                let answer = self.stack.send(outgoing.request.clone()).await;
                assert_eq!(answer.status(), 200, "{:?}", answer.body());
                self.town.delivered(outgoing, 200, answer.body());
            }
            due.len()
        }

        async fn all_show(&self, level: i64) {
            until(&format!("all show {level}"), async || {
                self.deliver().await;
                self.town.all_show(STORES, level)
            })
            .await;
        }

        /// A sale on a replica, told by its webhook.
        async fn a_sale_reaches_every_store(&self) {
            self.town.sell(2, 3);
            assert!(self.deliver().await > 0, "the sale has a webhook");
            self.all_show(7).await;
        }

        /// A person edits the stock in the hub.
        async fn an_edit_reaches_every_store(&self) {
            let edit = json!({ "adjust": 5, "reason": "delivery" });
            let (status, said) = self.api("POST", "/api/item/stock?sku=TEE", edit).await;
            assert_eq!(status, 200, "{said}");
            self.all_show(12).await;
            let (status, item) = self.api("GET", "/api/item?sku=TEE", Value::Null).await;
            assert_eq!((status, &item["level"]), (200, &json!(12)), "{item}");
        }

        /// A sale that no webhook tells of is found by the timer, within a minute.
        async fn a_lost_webhook_is_healed_by_the_timer(&self) {
            self.town.sell(3, 2);
            self.town.due().await;
            until("the timer finds the sale", async || self.town.all_show(STORES, 10)).await;
        }

        fn row(sku: &Sku, body: &str) -> Row {
            let Key { pk, sk } = records::ledger_key(sku);
            Row { key: Key { pk, sk }, version: 1, body: body.into(), expires: None, index: None }
        }

        async fn dead(&self) -> u64 {
            self.queue.depth(QueueName::Dead).await.unwrap().waiting
        }

        /// A message that fails six times is dead, and lives again when its cause is gone.
        async fn a_poisoned_message_dies_and_is_redriven(&self) {
            let sku = Sku::new("POISON").unwrap();
            let rows = [Self::row(&sku, "no ledger"), Item::new(sku.clone(), String::new()).row()];
            let changes = rows.map(|row| Change::Put(row, Condition::Any));
            self.hub.store.write(&changes).await.unwrap();
            self.visible_again_after(2).await;
            let touch = channels::Touch::Sku(sku.clone());
            let hint = Hint::new(domain::AccountId::new(name(1)).unwrap(), touch, "test", domain::Timestamp(0));
            let message = Outbound { group: name(1), body: hint.text(), deduplication: None, delay: Duration::ZERO };
            self.queue.send(QueueName::Changes, &[message]).await.unwrap();
            until("it dies", async || self.dead().await == 1).await;

            // a later version can read it, say
            self.hub.store.write(&[Change::Put(Self::row(&sku, "{}"), Condition::Any)]).await.unwrap();
            let (status, said) = self.api("POST", "/api/queues/redrive", json!({})).await;
            assert_eq!(status, 200, "{said}");
            until("it is worked off", async || {
                let waiting = self.queue.depth(QueueName::Changes).await.unwrap();
                self.dead().await == 0 && waiting.waiting + waiting.in_flight == 0
            })
            .await;
            self.visible_again_after(180).await;
        }

        async fn visible_again_after(&self, seconds: u32) {
            let url = self.stack.output("ChangesQueueUrl");
            let asked = json!({ "QueueUrl": url, "Attributes": { "VisibilityTimeout": seconds.to_string() } });
            self.stack.call("sqs", "AmazonSQS.SetQueueAttributes", &asked).await;
        }

        /// Each file of `events/` is taken by its function, handed over by the tool that people use for it.
        fn every_sample_event_works(&self) {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");
            let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            assert!(files.len() >= 8, "{files:?}");
            for file in files {
                let text = std::fs::read_to_string(&file).unwrap().replace("put-your-token-here", &self.token);
                let function = file.file_stem().unwrap().to_str().unwrap().split('-').next().unwrap().to_owned();
                let answer = self.invoke(&function, &text);
                let well = match function.as_str() {
                    "webhook" | "admin" => answer["statusCode"] == 200,
                    "sync" => answer["batchItemFailures"] == json!([]),
                    _ => answer.is_null(),
                };
                assert!(well, "{}: {answer}", file.display());
            }
        }

        /// What `cargo lambda invoke` says.
        fn invoke(&self, function: &str, event: &str) -> Value {
            let port = self.stack.endpoint.rsplit(':').next().unwrap();
            let invoked = Command::new("cargo-lambda")
                .args([
                    "lambda",
                    "invoke",
                    "--invoke-address",
                    "127.0.0.1",
                    "--invoke-port",
                    port,
                    "--data-ascii",
                    event,
                ])
                .arg(&self.stack.functions[function].name)
                .output()
                .unwrap();
            let (said, erred) = (String::from_utf8_lossy(&invoked.stdout), String::from_utf8_lossy(&invoked.stderr));
            assert!(invoked.status.success(), "{function}: {said} {erred}");
            serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{function}: {said} {erred}"))
        }

        /// No log of a function holds a secret; each change has its line, and metrics.
        async fn the_logs_tell_of_changes_and_of_no_secret(&self) {
            for function in ["webhook", "sync", "reconcile", "admin"] {
                let lines = self.stack.log(function).await;
                assert!(!lines.is_empty(), "{function} has logged nothing");
                assert!(!lines.iter().any(|line| tells_a_secret(line)), "{function} has logged a secret");
                assert!(!lines.iter().any(|line| line.contains(&self.token)), "{function} has logged the token");
                let told = |text: &str| lines.iter().any(|line| line.contains(text));
                assert!(function != "sync" || told("\"change\"") && told("\"Pushes\""), "{lines:?}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_day_of_the_deployed_hub() {
        let Some(stack) = Stack::find() else { return };
        let day = Day::begin(stack).await;
        day.a_sale_reaches_every_store().await;
        day.an_edit_reaches_every_store().await;
        day.a_lost_webhook_is_healed_by_the_timer().await;
        day.a_poisoned_message_dies_and_is_redriven().await;
        day.every_sample_event_works();
        day.the_logs_tell_of_changes_and_of_no_secret().await;
    }
}
