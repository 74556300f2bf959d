//! Three stores in this process, a hub in another, and the command line.

use channels::Http;
use evenstock::bench::process::HubProcess;
use evenstock::client::api::Client;
use evenstock::demo::stores::{SIGNATURE, Store, UNLIMITED, expected};
use evenstock::demo::world::STORES;
use evenstock::fakes::Meter;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use web::client::NetHttp;

/// The master, and two replicas.
pub const MAIN: usize = 0;
pub const LEEDS: usize = 1;
pub const YORK: usize = 2;
/// Our own time only: the sweep does not help.
pub const NO_SWEEP: [&str; 2] = ["--sweep-seconds", "3600"];

pub struct Town {
    pub stores: Vec<Store>,
    pub hub: HubProcess,
    pub token: String,
    pub client: Client,
    pub folder: TempDir,
    skus: Vec<String>,
}

/// What a command said.
pub struct Said {
    pub out: String,
    pub err: String,
    pub status: i32,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    /// The answer of a command that went well.
    pub fn good(self) -> Self {
        assert_eq!(self.status, 0, "{}\n{}", self.out, self.err);
        self
    }
}

pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_evenstock"))
}

impl Town {
    /// Stores with these SKUs and levels on the master; the replicas begin with none of them in stock.
    pub async fn open(shelf: &[(&str, i64)], more: &[&str]) -> Self {
        let http = Arc::new(NetHttp::new(true));
        let mut stores = Vec::new();
        for (place, (name, role)) in (0..).zip(STORES) {
            let store = Store::open(name, place, role, http.clone(), Meter::default()).await.unwrap();
            for (sku, level) in shelf {
                store.stock(sku, sku, if place == 0 { *level } else { 0 }).unwrap();
            }
            stores.push(store);
        }
        let folder = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let hub = HubProcess::start(&program(), &folder.path().join("data"), listen, more).await.unwrap();
        let token = hub.token.clone().expect("the first start prints a token");
        let client = hub.client(&token).unwrap();
        let skus = shelf.iter().map(|(sku, _)| (*sku).to_owned()).collect();
        Self { stores, hub, token, client, folder, skus }
    }

    /// The same, with the accounts added and adopted.
    pub async fn adopted(shelf: &[(&str, i64)], more: &[&str]) -> Self {
        let town = Self::open(shelf, more).await;
        for store in &town.stores {
            let _: Value = town.client.post("/accounts", &store.account(Some(UNLIMITED)).unwrap()).await.unwrap();
        }
        let _: Value = town.client.post("/adopt", &json!({"apply": true})).await.unwrap();
        town.settled(Duration::from_secs(20)).await;
        town
    }

    pub fn levels(&self, sku: &str) -> Vec<i64> {
        self.stores.iter().map(|store| store.level(sku).unwrap()).collect()
    }

    /// The hub's level of a SKU, through the API.
    pub async fn hub_level(&self, sku: &str) -> i64 {
        let item: Value = self.client.get(&format!("/item?sku={}", evenstock::client::api::part(sku))).await.unwrap();
        item["level"].as_i64().unwrap()
    }

    /// What is not right, by the stores' own books.
    pub async fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for sku in &self.skus {
            let (truth, hub, levels) = (expected(&self.stores, sku), self.hub_level(sku).await, self.levels(sku));
            if hub != truth || levels.iter().any(|level| *level != truth) {
                complaints.push(format!("{sku}: true {truth}, hub {hub}, stores {levels:?}"));
            }
        }
        complaints
    }

    /// Waits until the hub and every store are right.
    pub async fn settled(&self, patience: Duration) {
        let began = Instant::now();
        loop {
            let complaints = self.complaints().await;
            if complaints.is_empty() {
                return;
            }
            if began.elapsed() > patience {
                let (queues, accounts): (Value, Value) =
                    (self.client.get("/queues").await.unwrap(), self.client.get("/accounts").await.unwrap());
                panic!("after {patience:?}:\n{}\n{queues:#}\n{accounts:#}", complaints.join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the first sweep is over and nothing waits any more.
    pub async fn idle(&self) {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let began = Instant::now();
        loop {
            let queues: Value = self.client.get("/queues").await.unwrap();
            let messages = ["changes", "lane"].map(|queue| &queues[queue]);
            let busy = messages.iter().any(|depth| depth["waiting"] != 0 || depth["in_flight"] != 0);
            let waiting = queues["waiting"].as_object().unwrap().values().any(|rows| *rows != 0);
            if !busy && !waiting {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "still busy: {queues}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs a command against this hub.
    pub async fn run(&self, arguments: &[&str]) -> Said {
        run(&self.hub.url(), &self.token, arguments).await
    }

    /// A webhook for an account, signed with a secret by our own hand.
    pub async fn hook(&self, account: &str, secret: &str, body: &[u8]) -> (u16, String) {
        let request = http::Request::builder()
            .method("POST")
            .uri(format!("{}/webhooks/{account}", self.hub.url()))
            .header(SIGNATURE, sign(secret, body))
            .body(body.to_vec().into())
            .unwrap();
        let answer = NetHttp::new(true).send(request, Duration::from_secs(10)).await.unwrap();
        (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// HMAC-SHA256 in lower-case hex, as the platform documents it.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

pub async fn run(url: &str, token: &str, arguments: &[&str]) -> Said {
    let output = tokio::process::Command::new(program())
        .args(arguments)
        .env("EVENSTOCK_URL", url)
        .env("EVENSTOCK_TOKEN", token)
        .env_remove("RUST_LOG")
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap_or(-1),
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
