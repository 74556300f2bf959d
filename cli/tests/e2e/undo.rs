//! Long jobs, going back, stock feeds and moving a hub, on the command line against a real hub.

use crate::town::{NO_SWEEP, Town, run, text};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn shows(town: &Town, sku: &str, levels: [i64; 3]) {
    let began = std::time::Instant::now();
    while town.levels(sku) != levels {
        assert!(began.elapsed() < Duration::from_secs(20), "{sku}: {:?} and not {levels:?}", town.levels(sku));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_stock_file_is_taken_back() {
    let town = Town::adopted(&[("MUG", 10), ("PEN", 5)], &NO_SWEEP).await;
    let file = town.file("bad.csv", "SKU,Stock\nMUG,1\nPEN,0\n");
    let done = town.run(&["stock", "import", text(&file), "--yes", "--json"]).await.good().json();
    assert_eq!((&done["changed"], &done["zeroed"]), (&json!(2), &json!(1)));
    let run_id = done["run"].as_str().unwrap().to_owned();
    shows(&town, "MUG", [1; 3]).await;
    town.run(&["stock", "adjust", "PEN", "7", "--reason", "purchase-order", "--note", "PO 4711"]).await.good();
    let history = town.run(&["history", "PEN"]).await.good().out;
    assert!(history.contains("Purchase order received: PO 4711"), "{history}");

    let listed = town.run(&["runs", "list"]).await.good().out;
    assert!(listed.contains(&run_id) && listed.contains("import") && listed.contains("done"), "{listed}");
    let shown = town.run(&["runs", "changes", &run_id]).await.good().out;
    assert!(shown.contains("MUG") && shown.contains("PEN"), "{shown}");
    town.run(&["runs", "show", &run_id]).await.good();
    assert_eq!(town.run(&["runs", "cancel", &run_id]).await.status, 1, "it has ended");
    let kept = town.run(&["snapshots", "list", "--json"]).await.good().json();
    assert!(kept.as_array().unwrap().iter().any(|one| one["id"] == json!(run_id)), "{kept}");

    let preview = town.run(&["restore", "--run", &run_id]).await.good().out;
    assert!(preview.contains("2 would move (+14 -0)") && preview.contains("preview"), "{preview}");
    shows(&town, "MUG", [1; 3]).await;
    assert_eq!(town.run(&["restore", "--run", &run_id, "--apply"]).await.status, 1, "there is nobody to ask");
    town.run(&["restore", "--run", &run_id, "--apply", "--yes"]).await.good();
    let again = town.run(&["restore", "--run", &run_id, "--dry-run"]).await.good().out;
    assert!(again.contains("0 would move"), "it was taken back already: {again}");
    let told = town.run(&["runs", "show", &run_id]).await.out;
    assert!(told.contains("import: ") && !told.contains('{'), "{told}");
    shows(&town, "MUG", [10; 3]).await;
    shows(&town, "PEN", [12; 3]).await;
    town.run(&["restore", "--to", "1h", "--account", "hub", "--prefix", "PEN", "--apply", "--yes"]).await.good();
    shows(&town, "PEN", [5; 3]).await;
    town.run(&["snapshots", "take"]).await.good();
    town.run(&["stock", "reasons"]).await.good();
    assert_eq!(town.run(&["restore", "--to", "never", "--apply", "--yes"]).await.status, 1);
}

/// Serves one list over and over.
async fn supplier(list: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/list.csv", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let asked = String::from_utf8_lossy(&request[..read]).to_lowercase();
            let good = asked.contains("x-key: sesame");
            let (status, body) = if good { ("200 OK", list) } else { ("403 Forbidden", "") };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suppliers_list_is_fetched() {
    let town = Town::adopted(&[("MUG", 10), ("PEN", 5)], &NO_SWEEP).await;
    let url = supplier("code;free\nMUG;40\nNOPE;1\n").await;
    let columns = ["--sku", "code", "--quantity", "free", "--header", "x-key"];
    let set = |secret: &'static str| {
        let url = url.clone();
        let mut words = vec!["feeds".to_owned(), "set".into(), "acme".into(), "--address".into(), url];
        words.extend(columns.iter().map(ToString::to_string));
        words.extend(["--secret".to_owned(), secret.into(), "--every".into(), "60".into()]);
        words
    };
    let wrong = set("wrong");
    town.run(&wrong.iter().map(String::as_str).collect::<Vec<_>>()).await.good();
    let said = town.run(&["feeds", "fetch", "acme"]).await;
    assert!(said.status == 1 && said.err.contains("403"), "{}", said.err);
    let right = set("sesame");
    let shown = town.run(&right.iter().map(String::as_str).collect::<Vec<_>>()).await.good().out;
    assert!(shown.contains("in the vault") && !shown.contains("sesame"), "{shown}");
    let preview = town.run(&["feeds", "preview", "acme"]).await;
    assert!(preview.out.contains("1 would change (+30 -0)") && preview.out.contains("line 3"), "{}", preview.out);
    assert_eq!((preview.status, town.hub_level("MUG").await), (1, 10), "a line could not be done; nothing is done");
    town.run(&["feeds", "fetch", "acme"]).await;
    shows(&town, "MUG", [40; 3]).await;
    shows(&town, "PEN", [5; 3]).await;
    let listed = town.run(&["feeds", "list"]).await.good().out;
    assert!(listed.contains("acme") && listed.contains("1 changed, 1 failed"), "{listed}");
    town.run(&["feeds", "remove", "acme", "--yes"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_moves_as_a_file() {
    let town = Town::adopted(&[("MUG", 10)], &NO_SWEEP).await;
    let phrase = town.file("phrase", "four words are enough\n");
    let file = town.folder.path().join("hub.ndjson");
    let secrets = ["--secrets", "--passphrase-file", text(&phrase), "--yes"];
    town.run(&[&["export", text(&file)][..], &secrets].concat()).await.good();
    let said = town.run(&["stock", "set", "MUG", "1", "--reason", "late"]).await;
    assert!(said.status == 1 && said.err.contains("--resume"), "{}", said.err);
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.starts_with("{\"evenstock\":1") && !written.contains("api_secret"), "secrets are sealed");

    let other = Town::open(&[], &NO_SWEEP).await;
    let wrong = other.file("wrong", "some other words here\n");
    let import = |phrase: &str| ["import", text(&file), "--passphrase-file", phrase, "--yes"].map(str::to_owned);
    let said = other.run(&import(text(&wrong)).each_ref().map(String::as_str)).await;
    assert!(said.status == 1 && said.err.contains("passphrase"), "{}", said.err);
    other.run(&import(text(&phrase)).each_ref().map(String::as_str)).await.good();
    assert_eq!(other.hub_level("MUG").await, 10);
    other.run(&["accounts", "list"]).await.good();
    let history = other.run(&["runs", "list"]).await.good().out;
    assert!(history.contains("adopt"), "what was done came along: {history}");
    let torn = other.file("torn", &written.lines().take(3).collect::<Vec<_>>().join("\n"));
    let said = run(&other.hub.url(), "evs_wrong", &["import", text(&torn), "--yes"]).await;
    assert_eq!(said.status, 1);
}
