//! What a change costs on AWS, counted while the shipped artefacts work, times list prices; and what a month costs in which
//! nothing happens. A change that asks for more than it did fails here. `docs/COSTS.md` explains the figures.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]
#![allow(clippy::print_stdout, reason = "the figures are the point")]

use tests::rig::cost::{ASSUMED, Counting, Counts, Idle, PRICES, read, sum, table, written};

/// Other stores.
const REPLICAS: u64 = 10;
/// Changes that are counted.
const CHANGES: u64 = 6;

/// GB of a function, as the template has it.
fn memory_gb(function: &str) -> f64 {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap();
    let (_, resource) = text.split_once(&format!("\n  {function}:\n")).unwrap();
    let (_, memory) = resource.split_once("MemorySize: ").unwrap();
    memory.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}

#[test]
fn what_is_assumed_is_what_is_deployed() {
    assert!((memory_gb("WebhookFunction") - ASSUMED.webhook_gb).abs() < 1e-9);
    assert!((memory_gb("SyncFunction") - ASSUMED.sync_gb).abs() < 1e-9);
    let template = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap();
    assert_eq!(ASSUMED.log_bytes.abs() < 1e-9, template.contains("SystemLogLevel: WARN"));
}

mod ministack {
    use super::*;
    use engine::ports::QueueName;
    use std::time::{Duration, Instant};
    use tests::lambda::Function;
    use tests::rig::proxy::{Call, Proxy};
    use tests::rig::town::Replicas;
    use tests::rig::{Rig, batch, emulator, failures, gateway_event};

    const WEBHOOK: &str = include_str!("../../events/webhook.json");
    const PATIENCE: Duration = Duration::from_secs(60);
    /// Copies of the webhook function that take turns: what one has seen of a ledger, another has not. Echoes of a change come
    /// within a second, and each takes some milliseconds.
    const DOORS: usize = 3;

    /// The functions at work, and what they asked for.
    struct Shift {
        rig: Rig,
        proxy: Proxy,
        webhooks: Vec<Function>,
        turn: usize,
        sync: Function,
        counts: Counts,
    }

    impl Shift {
        async fn begin(replicas: Replicas) -> Option<Self> {
            let proxy = Proxy::before(&emulator("EVENSTOCK_MINISTACK")?).await;
            let rig = Rig::with(REPLICAS + 1, replicas, Some(&proxy.address)).await?;
            let sync = rig.function("sync").await;
            let mut webhooks = Vec::new();
            for _ in 0..DOORS {
                webhooks.push(rig.function("webhook").await);
            }
            Some(Self { rig, proxy, webhooks, turn: 0, sync, counts: Counts::default() })
        }

        /// One sale, until every store shows it and nothing is left to do.
        async fn change(&mut self, store: u64, level: i64) {
            self.rig.town.sell(store, 1);
            let began = Instant::now();
            loop {
                assert!(began.elapsed() < PATIENCE, "{}", self.sync.log());
                let told = self.deliver().await;
                let worked = self.work().await;
                if told + worked == 0 && self.rig.town.all_show(REPLICAS + 1, level) {
                    return;
                }
            }
        }

        async fn deliver(&mut self) -> usize {
            let due = self.rig.town.due().await;
            for (place, outgoing) in due.iter().enumerate() {
                let webhook = &mut self.webhooks[(self.turn + place) % DOORS];
                let answer = webhook.invoke(gateway_event(WEBHOOK, &outgoing.request)).await.unwrap();
                assert_eq!(answer["statusCode"], 200, "{answer}");
                self.rig.town.delivered(outgoing, 200, b"{}");
                self.counts.webhooks += 1.0;
            }
            due.len()
        }

        async fn work(&mut self) -> usize {
            let mut worked = 0;
            for (queue, name) in [(QueueName::Changes, "changes"), (QueueName::Lane, "lane.fifo")] {
                let messages =
                    engine::ports::Queue::receive(&self.rig.queue, queue, 10, Duration::from_secs(1)).await.unwrap();
                if messages.is_empty() {
                    continue;
                }
                let answer = self.sync.invoke(batch(&messages, name)).await.unwrap();
                assert!(failures(&answer).is_empty(), "{answer}");
                self.rig.delete(queue, &messages).await;
                self.counts.runs += 1.0;
                // what the event source mapping asks for itself: one receive and one delete
                *(if queue == QueueName::Lane { &mut self.counts.fifo } else { &mut self.counts.fair }) += 2.0;
                worked += messages.len();
            }
            worked
        }

        #[expect(clippy::cast_precision_loss, reason = "a log of some kilobytes")]
        fn logged(&self) -> f64 {
            let doors: usize = self.webhooks.iter().map(|webhook| webhook.log().len()).sum();
            (doors + self.sync.log().len()) as f64
        }
    }

    /// Alarms of the template that are always there.
    fn alarms() -> f64 {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap();
        let alarms = text.matches("Type: AWS::CloudWatch::Alarm\n    Properties:").count();
        u32::try_from(alarms).unwrap().into()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_month_in_which_nothing_happens_costs_no_more_than_it_did() {
        let Some(mut shift) = Shift::begin(Replicas::ShopWired).await else { return };
        let mut reconcile = shift.rig.function("reconcile").await;
        let tick: serde_json::Value = serde_json::from_str(include_str!("../../events/reconcile-sweep.json")).unwrap();
        let mut before = 0.0;
        for round in 0..2 {
            if round == 1 {
                // what is remembered of accounts for some seconds is read anew in each sweep
                tokio::time::sleep(Duration::from_secs(31)).await;
                _ = shift.proxy.take();
                shift.counts = Counts::default();
                before = shift.logged() + length(&reconcile.log());
            }
            reconcile.invoke(tick.clone()).await.unwrap();
            while shift.work().await > 0 {}
        }
        let mut sweep = Counts::default();
        sweep.add(&shift.proxy.take());
        sweep.log_bytes = shift.logged() + length(&reconcile.log()) - before;
        #[expect(clippy::cast_precision_loss, reason = "eleven")]
        let accounts = (REPLICAS + 1) as f64;
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let secrets = shift.rig.secrets().await as f64;
        let month = Idle { accounts, secrets, alarms: alarms(), sweep }.dollars(&PRICES, &ASSUMED);
        println!("{sweep:#?}\na month at {REPLICAS} replicas:\n{}", table(&month));
        // one for each account, the hub, and the runs
        assert!(sweep.fifo <= accounts + 2.0, "a sweep calls each lane once: {sweep:?}");
        assert!(sweep.reads <= 130.0 && sweep.writes <= accounts, "{sweep:?}");
        assert!(secrets <= 2.0, "one for all accounts, one that signs: {secrets}");
        assert!(sum(&month) <= 5.8, "{month:?}");
    }

    fn is_health(call: &Call) -> bool {
        let keys = [&call.request["Key"]["sk"], &call.request["Item"]["sk"]];
        keys.iter().any(|key| key["S"].as_str().is_some_and(|sk| sk.starts_with("HEALTH#")))
    }

    #[expect(clippy::cast_precision_loss, reason = "a log of some kilobytes")]
    fn length(log: &str) -> f64 {
        log.len() as f64
    }

    /// What one change at a replica asked for, and what a million of them cost.
    struct Change {
        one: Counts,
        url: f64,
        api: f64,
    }

    impl Change {
        /// Counted over some changes, each at another replica.
        async fn count(replicas: Replicas) -> Option<Self> {
            let mut shift = Shift::begin(replicas).await?;
            let mut levels = (0..10).rev();
            // the first ones make connections, read what is then remembered, and store each account's health by each copy
            for turn in 0..DOORS {
                shift.turn = turn;
                shift.change(2, levels.next().unwrap()).await;
            }
            _ = shift.proxy.take();
            shift.counts = Counts { log_bytes: -shift.logged(), ..Counts::default() };
            for (change, level) in (1..=CHANGES).zip(levels) {
                shift.change(2 + change, level).await;
            }
            // every copy of a function stores an account's health every five minutes, however much happens
            let (health, calls): (Vec<Call>, Vec<Call>) = shift.proxy.take().into_iter().partition(is_health);
            let copies = (DOORS + 1) * usize::try_from(REPLICAS + 1).unwrap();
            assert!(health.len() <= 2 * copies, "one read and one write for each account and copy: {}", health.len());
            let mut counts = shift.counts;
            counts.add(&calls);
            counts.log_bytes += shift.logged();
            #[expect(clippy::cast_precision_loss, reason = "a few")]
            let one = counts.of_one(CHANGES as f64);
            let (url, api) = (one.dollars(&PRICES, &ASSUMED, false), one.dollars(&PRICES, &ASSUMED, true));
            println!(
                "{one:#?}\na million changes at {REPLICAS} replicas ({replicas:?}), Function URL:\n{}HTTP API: {:.2}",
                table(&url),
                sum(&api)
            );
            let mut operations = std::collections::BTreeMap::<&str, usize>::new();
            calls.iter().for_each(|call| *operations.entry(&call.operation).or_default() += 1);
            println!("{operations:?}\n{}read units:\n{}", written(&calls), read(&calls));
            Some(Self { one, url: sum(&url), api: sum(&api) })
        }
    }

    /// The most that one change may ask for.
    struct Most {
        reads: f64,
        log_bytes: f64,
        url: f64,
        api: f64,
    }

    async fn costs_at_most(replicas: Replicas, most: Most) {
        let Some(Change { one, url, api }) = Change::count(replicas).await else { return };
        let within = |name: &str, counted: f64, most: f64| {
            assert!(counted <= most, "{name}: {counted} a change; {most} at most");
        };
        // what people are told that a change costs is made of these
        let told = Counts::of_change(u32::try_from(REPLICAS + 1).unwrap());
        within("webhooks", one.webhooks, told.webhooks);
        within("write units", one.writes, told.writes);
        // these depend on what comes together and on what is remembered for some seconds: an emulator is slow
        within("runs", one.runs, 1.5);
        within("queue requests", one.fair + one.fifo, 4.5);
        within("read units", one.reads, most.reads);
        within("bytes of log lines", one.log_bytes, most.log_bytes);
        within("dollars for a million", url, most.url);
        within("dollars for a million through the HTTP API", api, most.api);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_costs_no_more_than_it_did() {
        costs_at_most(Replicas::ShopWired, Most { reads: 10.0, log_bytes: 1_500.0, url: 11.0, api: 22.0 }).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_among_stores_written_by_compare_and_set_costs_no_more_than_it_did() {
        // each webhook reads the ledger as it is; two kinds of channel have two lines of metrics
        costs_at_most(Replicas::Shopify, Most { reads: 21.0, log_bytes: 2_000.0, url: 12.0, api: 23.0 }).await;
    }
}
