//! The command line against a real hub: a merchant's first day.

use crate::town::{LEEDS, MAIN, NO_SWEEP, Town, YORK, run, text};
use evenstock::demo::stores::CHANNEL;
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

async fn add(town: &Town, store: usize) {
    let account = town.stores[store].account(None).unwrap();
    let file = town.file(&format!("{store}.json"), &serde_json::to_string(&account).unwrap());
    town.run(&["accounts", "add", "--file", text(&file), "--per-minute", "60000", "--burst", "500"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchants_first_day() {
    let town = Town::open(&[("MUG", 10), ("CAP/BLACK", 5), ("PEN, blue", 7)], &NO_SWEEP).await;
    for store in [MAIN, LEEDS, YORK] {
        add(&town, store).await;
    }
    let accounts = town.run(&["accounts", "list", "--json"]).await.good().json();
    assert_eq!(accounts.as_array().unwrap().len(), 3);
    assert!(!accounts.to_string().contains(&town.stores[MAIN].signing_secret()), "secrets are not shown");

    let preview = town.run(&["adopt", "--json"]).await.good().json();
    assert_eq!((&preview["applied"], &preview["new_items"]), (&json!(false), &json!(3)));
    assert_eq!(town.levels("MUG"), [10, 0, 0], "a preview changes nothing");
    let refused = town.run(&["adopt", "--apply"]).await;
    assert_eq!(refused.status, 1, "there is nobody to ask");
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    town.run(&["adopt", "--apply", "--yes"]).await.good();
    town.settled(PATIENCE).await;

    let shown = town.run(&["levels"]).await.good().out;
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["MUG", "10", "10", "10", "10"])), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colours in a pipe");
    town.run(&["accounts", "test", "leeds"]).await.good();
    town.run(&["health"]).await.good();
    town.run(&["queue"]).await.good();
    town.run(&["queue", "redrive"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_set_imported_and_explained() {
    let town = Town::adopted(&[("MUG", 10), ("CAP/BLACK", 5), ("PEN, blue", 7)], &NO_SWEEP).await;
    town.run(&["stock", "set", "CAP/BLACK", "40", "--reason", "stock take"]).await.good();
    town.run(&["stock", "adjust", "MUG", "-3", "--reason", "broken"]).await.good();
    let began = std::time::Instant::now();
    while (town.levels("CAP/BLACK"), town.levels("MUG")) != (vec![40; 3], vec![7; 3]) {
        assert!(began.elapsed() < PATIENCE, "{:?} {:?}", town.levels("CAP/BLACK"), town.levels("MUG"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let why = town.run(&["explain", "MUG", "--json"]).await.good().json();
    assert_eq!((&why["level"], &why["base"]["main"]), (&json!(7), &json!(10)));
    let history = town.run(&["history", "MUG"]).await.good().out;
    assert!(history.contains("10 → 7") && history.contains("broken") && history.contains("owner"), "{history}");
    town.run(&["history", "--account", "leeds"]).await.good();

    let export = town.folder.path().join("out.csv");
    town.run(&["stock", "export", text(&export)]).await.good();
    let csv = std::fs::read_to_string(&export).unwrap();
    assert!(csv.contains("MUG,MUG,7\n") && csv.contains("\"PEN, blue\",\"PEN, blue\",7\n"), "{csv}");

    let file = town.file("in.csv", "\u{feff}sku\tSTOCK\nMUG\t9\nNOPE\t1\nCAP/BLACK\tmany\nPEN, blue\t7\n");
    let dry = town.run(&["stock", "import", text(&file), "--dry-run", "--json"]).await;
    assert_eq!((dry.status, town.hub_level("MUG").await), (1, 7), "two bad lines; nothing changed");
    let failed: Vec<_> = dry.json()["faults"].as_array().unwrap().iter().map(|line| line["place"].clone()).collect();
    assert_eq!(failed, [json!("line 3"), json!("line 4")]);
    let done = town.run(&["stock", "import", text(&file), "--yes"]).await;
    assert_eq!((done.status, town.hub_level("MUG").await), (1, 9), "a bad line blocks no other: {}", done.out);
    assert!(done.out.contains("line 3: NOPE"), "{}", done.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_import_is_found_by_hand_and_a_paused_store_waits() {
    let town = Town::adopted(&[("MUG", 10)], &NO_SWEEP).await;
    town.stores[MAIN].import_silently("MUG", 25).unwrap();
    let dry = town.run(&["reconcile", "--dry-run", "--json"]).await.good().json();
    assert_eq!(dry["accounts"]["main"]["nominated"], json!(1), "{dry:#}");
    assert_eq!(town.hub_level("MUG").await, 10, "a dry run puts nothing right");
    town.run(&["accounts", "pause", "york"]).await.good();
    town.run(&["reconcile"]).await.good();
    let began = std::time::Instant::now();
    while town.levels("MUG") != [25, 25, 10] {
        assert!(began.elapsed() < PATIENCE, "{:?}", town.levels("MUG"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    town.run(&["accounts", "resume", "york"]).await.good();
    town.settled(PATIENCE).await;
    town.run(&["sync", "MUG"]).await.good();
    town.run(&["sync", "--account", "leeds"]).await.good();
    town.run(&["sync", "--all"]).await.good();
    assert_eq!(town.run(&["accounts", "remove", "york"]).await.status, 1, "it asks first");
    town.run(&["accounts", "remove", "york", "--yes"]).await.good();
    assert_eq!(town.run(&["accounts", "show", "york"]).await.status, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_in_one_line() {
    let town = Town::open(&[("MUG", 10)], &NO_SWEEP).await;
    let mut wrong = serde_json::to_value(town.stores[MAIN].account(None).unwrap()).unwrap();
    wrong["secrets"]["api_secret"] = json!("wrong");
    let file = town.file("wrong.json", &wrong.to_string());
    let said = town.run(&["accounts", "add", "--file", text(&file)]).await;
    assert_eq!((said.status, said.err.lines().count()), (1, 1), "{}", said.err);
    assert_eq!(town.run(&["accounts", "list", "--json"]).await.good().json(), json!([]), "nothing is stored");

    let said = run(&town.hub.url(), "evs_wrong", &["accounts", "list"]).await;
    assert!(said.status == 1 && said.err.contains("token"), "{}", said.err);
    let said = run("http://127.0.0.1:9", "evs_x", &["accounts", "list"]).await;
    assert!(said.status == 1 && said.err.contains("does not answer"), "{}", said.err);
    let missing = ["accounts", "add", "--channel", CHANNEL, "--id", "x", "--role", "master"];
    let said = town.run(&missing).await;
    assert!(said.status == 1 && said.err.contains("api_key"), "{}", said.err);
    assert_eq!(town.run(&["explain", "NOPE"]).await.status, 1);
    assert_eq!(town.run(&["sync"]).await.status, 2, "usage");
    assert_eq!(town.run(&["nonsense"]).await.status, 2, "usage");
}
