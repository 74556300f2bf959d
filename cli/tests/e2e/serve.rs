//! `serve`: webhooks in, other stores written; what is not genuine changes nothing; a stopped hub goes on where it was.

use crate::town::{LEEDS, MAIN, NO_SWEEP, Town, YORK, program, run, text};
use evenstock::bench::process::HubProcess;
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn stock_changed(event: u64, sku: &str) -> Vec<u8> {
    let event =
        json!({"id": event, "topic": "product.stock_changed", "subjectId": 1, "data": {"sku": sku, "quantity": 999}});
    json!({"timestamp": "Thu, 12 Mar 2026 18:33:00 +0000", "event": event}).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_webhook_changes_the_other_stores() {
    let town = Town::adopted(&[("MUG", 10)], &NO_SWEEP).await;
    town.idle().await;
    let leeds = &town.stores[LEEDS];
    leeds.lose_webhooks(true).unwrap();
    leeds.sell("MUG", 2).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(town.levels("MUG"), [10, 8, 10], "nothing has told the hub yet");
    // the quantity in it is nonsense, and nobody believes it
    let (status, _) = town.hook("leeds", &leeds.signing_secret(), &stock_changed(1, "MUG")).await;
    assert_eq!(status, 200);
    town.settled(PATIENCE).await;
    assert_eq!(town.levels("MUG"), [8, 8, 8]);
    assert!(town.hub.stop().await.unwrap(), "SIGTERM ends it well");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_genuine_changes_nothing() {
    let town = Town::adopted(&[("MUG", 10)], &NO_SWEEP).await;
    town.idle().await;
    let leeds = &town.stores[LEEDS];
    leeds.lose_webhooks(true).unwrap();
    leeds.sell("MUG", 2).unwrap();
    let secret = leeds.signing_secret();
    let body = stock_changed(1, "MUG");
    let forged = town.hook("leeds", "another secret", &body).await;
    let unknown = town.hook("nobody", &secret, &body).await;
    assert_eq!(forged.0, 401);
    assert_eq!(forged, unknown, "one answer for all");
    assert_eq!(town.hook("leeds", &secret, &vec![b'x'; 1024 * 1024 + 1]).await.0, 413);
    // signed, and not JSON: sending it again would not help
    assert_eq!(town.hook("leeds", &secret, b"{\"event\":").await.0, 200);
    let account: Value = town.client.get("/accounts/leeds").await.unwrap();
    assert_eq!((&account["health"]["refused"], &account["health"]["unreadable"]), (&json!(1), &json!(1)));
    assert_eq!(town.levels("MUG"), [10, 8, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_edits_and_returns_reach_every_store() {
    let town = Town::adopted(&[("MUG", 10), ("CAP/BLACK", 5)], &NO_SWEEP).await;
    town.stores[YORK].sell("MUG", 3).unwrap();
    town.stores[MAIN].sell("MUG", 1).unwrap();
    town.settled(PATIENCE).await;
    assert_eq!(town.levels("MUG"), [6, 6, 6]);
    town.stores[MAIN].edit("CAP/BLACK", 50).unwrap();
    town.settled(PATIENCE).await;
    assert_eq!(town.levels("CAP/BLACK"), [50, 50, 50]);
    let order = town.stores[LEEDS].sell("CAP/BLACK", 4).unwrap();
    town.settled(PATIENCE).await;
    town.stores[LEEDS].take_back(order).unwrap();
    town.settled(PATIENCE).await;
    assert_eq!(town.levels("CAP/BLACK"), [50, 50, 50]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_hub_goes_on_where_it_was_and_prints_no_second_token() {
    let town = Town::adopted(&[("MUG", 10)], &["--sweep-seconds", "1"]).await;
    let (data, address) = (town.folder.path().join("data"), town.hub.address);
    let Town { stores, hub, token, client, folder, .. } = town;
    assert!(hub.stop().await.unwrap());
    let issued = run("", "", &["token", "--holder", "ann", "--json", "--data", text(&data)]).await.good().json();
    stores[YORK].sell("MUG", 4).unwrap();
    let hub = HubProcess::start(&program(), &data, address, &["--sweep-seconds", "1"]).await.unwrap();
    assert_eq!(hub.token, None);
    let began = std::time::Instant::now();
    while stores.iter().any(|store| store.level("MUG") != Some(6)) {
        assert!(began.elapsed() < PATIENCE, "the first sweep finds what was missed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let kept = std::fs::read_to_string(folder.path().join("data/secrets.json")).unwrap();
    assert!(!kept.contains(&token), "the token is kept as a hash only");
    let _: Value = client.get("/accounts").await.expect("the first token still opens");
    let second = hub.client(issued["token"].as_str().unwrap()).unwrap();
    let _: Value = second.get("/accounts").await.expect("the second token opens too");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_cannot_share_a_directory() {
    let town = Town::open(&[], &NO_SWEEP).await;
    let listen = ([127, 0, 0, 1], 0).into();
    let second = HubProcess::start(&program(), &town.folder.path().join("data"), listen, &[]).await;
    assert!(second.is_err());
}
