//! How large the shipped functions are, and how long they take to start: `tests artefacts`.
#![allow(clippy::expect_used, clippy::missing_panics_doc)]

use crate::lambda::{Function, artefact};
use crate::rig::variables;
use aws::QueueUrls;
use flate2::{Compression, write::DeflateEncoder};
use serde_json::{Value, json};
use std::io::Write;
use tokio::net::TcpListener;

/// The functions, each with an event that it can answer without any store.
const FUNCTIONS: [(&str, &str); 4] = [
    ("webhook", include_str!("../../events/webhook.json")),
    ("sync", r#"{"Records":[]}"#),
    ("reconcile", include_str!("../../events/reconcile-sweep.json")),
    ("admin", include_str!("../../events/admin.json")),
];

/// What was measured of a function.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Its name.
    pub name: &'static str,
    /// Bytes of its binary.
    pub bytes: usize,
    /// Bytes that are uploaded.
    pub zipped: usize,
    /// Milliseconds from its start until it asks for its first event: the median, services answering at once, without TLS.
    pub init_ms: f64,
    /// Milliseconds that its first event takes: the median.
    pub first_ms: f64,
    /// Memory in use after that, MiB.
    pub memory_mib: f64,
}

/// Bytes of a function, and of what is uploaded of it; `None` while it is not built.
#[must_use]
pub fn sizes(name: &str) -> Option<(usize, usize)> {
    let binary = std::fs::read(artefact(name)?).expect("the artefact can be read");
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
    deflated.write_all(&binary).expect("memory");
    Some((binary.len(), deflated.finish().expect("memory").len()))
}

/// Measures each function so many times.
///
/// # Errors
/// When the artefacts are not built.
pub async fn measure(times: usize) -> anyhow::Result<Vec<Measured>> {
    let services = services().await;
    let mut all = Vec::new();
    for (name, event) in FUNCTIONS {
        let Some((bytes, zipped)) = sizes(name) else {
            anyhow::bail!("set EVENSTOCK_FUNCTIONS to a folder with the artefacts: target/lambda after `sam build`");
        };
        let event: Value = serde_json::from_str(event).expect("JSON");
        let (mut inits, mut firsts, mut memory_mib) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..times {
            let mut function = Function::start(name, &given(&services)).await;
            inits.push(function.init().await.as_secs_f64() * 1_000.0);
            let began = std::time::Instant::now();
            // what it answers does not matter here
            _ = function.invoke(event.clone()).await;
            firsts.push(began.elapsed().as_secs_f64() * 1_000.0);
            #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
            let kib = function.memory_kib().unwrap_or(0) as f64;
            memory_mib = kib / 1024.0;
        }
        all.push(Measured { name, bytes, zipped, init_ms: median(inits), first_ms: median(firsts), memory_mib });
    }
    Ok(all)
}

fn given(services: &str) -> Vec<(&'static str, String)> {
    let url = |name: &str| format!("{services}/000000000000/{name}");
    let queues = QueueUrls {
        changes: url("changes"),
        lane: url("lane.fifo"),
        changes_dead: url("changes-dead"),
        lane_dead: url("lane-dead.fifo"),
    };
    variables(services, "stock", &queues, "hub")
}

/// Services that know nothing and say so at once.
async fn services() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let router = axum::Router::new().fallback(async || axum::Json(json!({})));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// As a table in Markdown.
#[must_use]
pub fn table(all: &[Measured]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    let line = |it: &Measured| {
        format!(
            "| {} | {:.1} MB | {:.1} MB | {:.0} ms | {:.1} ms | {:.0} MiB |",
            it.name,
            megabytes(it.bytes),
            megabytes(it.zipped),
            it.init_ms,
            it.first_ms,
            it.memory_mib
        )
    };
    let head = "| function | binary | zipped | init | first event | memory |\n|---|---|---|---|---|---|".to_owned();
    std::iter::once(head).chain(all.iter().map(line)).collect::<Vec<_>>().join("\n")
}
