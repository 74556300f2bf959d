//! Rules, modes, groups, filters, kits and the mapping by command line.

use crate::town::{NO_SWEEP, Town, text};
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the stores show these levels of a SKU.
async fn shows(town: &Town, sku: &str, levels: [i64; 3]) {
    let began = std::time::Instant::now();
    while town.levels(sku) != levels {
        assert!(began.elapsed() < PATIENCE, "{sku}: {:?}, not {levels:?}", town.levels(sku));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_set_by_command_and_by_file() {
    let town = Town::adopted(&[("MUG", 10), ("CAP/BLACK", 5)], &NO_SWEEP).await;
    let preview = town.run(&["rules", "preview", "hold_back=3", "--account", "leeds"]).await.good().out;
    assert!(preview.contains("10 → 7") && preview.contains("preview"), "{preview}");
    assert_eq!(town.levels("MUG"), [10; 3]);
    town.run(&["rules", "set", "hold_back=3", "--account", "leeds", "--yes"]).await.good();
    shows(&town, "MUG", [10, 7, 10]).await;
    let why = town.run(&["explain", "MUG"]).await.good().out;
    assert!(why.contains("hold back 3  (account leeds)"), "{why}");
    town.run(&["mode", "set", "never", "--sku", "MUG", "--account", "york", "--yes"]).await.good();
    town.run(&["stock", "set", "MUG", "9", "--reason", "stock take"]).await.good();
    shows(&town, "MUG", [9, 6, 10]).await;

    let file = town.folder.path().join("rules.csv");
    town.run(&["rules", "export", text(&file)]).await.good();
    let csv = std::fs::read_to_string(&file).unwrap();
    assert!(csv.contains(",,leeds,,,,3,") && csv.contains("MUG,,york,,,,,,,,,,,never,"), "{csv}");
    let wrong = town.file("wrong.csv", "sku;account;cap;mode\nMUG;;8;\nNOPE;;1;\n;york;many;\n");
    let dry = town.run(&["rules", "import", text(&wrong), "--dry-run", "--json"]).await;
    assert_eq!((dry.status, &dry.json()["failed"]), (1, &json!(2)), "{}", dry.out);
    let done = town.run(&["rules", "import", text(&wrong), "--yes"]).await;
    assert!(done.out.contains("line 3: item NOPE") && done.out.contains("line 4: account york: cap"), "{}", done.out);
    shows(&town, "MUG", [8, 6, 10]).await;
    let history = town.run(&["rules", "history"]).await.good().out;
    assert!(history.contains("account leeds") && history.contains("owner"), "{history}");
    town.run(&["rules", "clear", "--account", "leeds", "--yes"]).await.good();
    shows(&town, "MUG", [8, 8, 10]).await;
    assert!(town.run(&["rules", "show"]).await.good().out.contains("nothing is set"));
    assert_eq!(town.run(&["rules", "set", "cap", "--yes"]).await.status, 2, "usage");
    let said = town.run(&["rules", "set", "cap=lots", "--yes"]).await;
    assert!(said.status == 1 && said.err.contains("cap: \"lots\""), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_filters_and_kits() {
    let town = Town::adopted(&[("CUP", 9), ("POT", 4), ("SET", 0)], &NO_SWEEP).await;
    town.run(&["groups", "set", "fragile", "--title", "Fragile things"]).await.good();
    let added = town.run(&["groups", "add", "fragile", "CUP", "NOPE"]).await;
    assert!(added.status == 1 && added.out.contains("NOPE: there is no item"), "{}", added.out);
    town.run(&["rules", "set", "cap=5", "--group", "fragile", "--yes"]).await.good();
    shows(&town, "CUP", [5; 3]).await;
    town.run(&["filters", "save", "breakable", "--group", "fragile"]).await.good();
    assert!(town.run(&["filters", "list"]).await.good().out.contains("breakable"));
    let found = town.run(&["items", "find", "--saved", "breakable", "--json"]).await.good().json();
    assert_eq!(found[0]["sku"], "CUP");
    let dry = town.run(&["items", "change", "--saved", "breakable", "--set", "cap=off", "--dry-run"]).await.good().out;
    assert!(dry.contains("1 would change") && dry.contains("5 → 9"), "{dry}");
    town.run(&["items", "change", "--saved", "breakable", "--set", "cap=off", "--yes"]).await.good();
    shows(&town, "CUP", [9; 3]).await;
    town.run(&["items", "change", "--text", "POT", "--sync", "--yes"]).await.good();
    assert_eq!(town.run(&["items", "change", "--yes"]).await.status, 1, "it must say what to do");

    town.run(&["kits", "set", "SET", "CUP=2", "POT=1", "--yes"]).await.good();
    shows(&town, "SET", [4; 3]).await;
    assert!(town.run(&["kits", "list"]).await.good().out.contains("2 CUP, 1 POT"));
    town.run(&["stock", "set", "CUP", "5", "--reason", "broken"]).await.good();
    shows(&town, "SET", [2; 3]).await;
    let why = town.run(&["explain", "SET"]).await.good().out;
    assert!(why.contains("SET: 2 in the hub\n  a kit: as many as") && why.contains("2  5 CUP, 2 in each"), "{why}");
    town.run(&["kits", "clear", "SET", "--yes"]).await.good();
    town.run(&["groups", "remove", "fragile", "--yes"]).await.good();
    town.run(&["filters", "remove", "breakable"]).await.good();
    let report = town.run(&["map", "report", "--json"]).await.good().json();
    assert_eq!(report["leeds"]["mapped"], json!(3), "{report}");
    town.run(&["map", "unlink", "POT", "leeds@default", "--yes"]).await.good();
    assert_eq!(town.run(&["map", "proposals", "--json"]).await.good().json(), json!([]));
}
