//! Users, tokens, alerts and the audit trail by the command line.

use crate::town::{NO_SWEEP, Town, run};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_gets_its_people() {
    let town = Town::adopted(&[("MUG", 10)], &NO_SWEEP).await;
    let me = town.run(&["me"]).await.good().out;
    assert_eq!(me.trim(), "owner, admin");
    town.run(&["users", "add", "olga", "--role", "operator"]).await.good();
    let issued = town.run(&["tokens", "add", "till", "--user", "olga", "--days", "30", "--json"]).await.good().json();
    let token = issued["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("evp_"), "{issued}");
    let listed = town.run(&["tokens", "list", "--all"]).await.good().out;
    assert!(listed.contains("till") && listed.contains("olga") && !listed.contains(&token[4..]), "{listed}");

    let olga = async |arguments: &[&str]| run(&town.hub.url(), &token, arguments).await;
    olga(&["stock", "set", "MUG", "7", "--reason", "stock take"]).await.good();
    olga(&["accounts", "freeze", "york"]).await.good();
    olga(&["accounts", "thaw", "york"]).await.good();
    let refused = olga(&["accounts", "set", "york", "--restock", "never"]).await;
    assert!(refused.status == 1 && refused.err.contains("needs the role admin"), "{}", refused.err);
    town.run(&["accounts", "set", "york", "--restock", "never", "--per-minute", "6000", "--burst", "500"]).await.good();

    let audit = town.run(&["audit", "--actor", "olga", "--json"]).await.good().json();
    let acts: Vec<&Value> = audit.as_array().unwrap().iter().map(|row| &row["action"]).collect();
    let patch = json!("PATCH /api/accounts/{account}");
    assert_eq!(acts, [&patch, &patch, &patch, &json!("POST /api/item/stock")], "{audit:#}");
    let shown = town.run(&["audit", "--subject", "MUG"]).await.good().out;
    assert!(shown.contains("level 10") && shown.contains("level 7"), "{shown}");

    town.run(&["users", "disable", "olga"]).await.good();
    assert_eq!(olga(&["me"]).await.status, 1);
    assert_eq!(town.run(&["users", "remove", "olga"]).await.status, 1, "it asks first");
    town.run(&["users", "remove", "olga", "--yes"]).await.good();
    assert_eq!(town.run(&["users", "list", "--json"]).await.good().json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_set_up_and_a_quarantine_is_looked_at() {
    let town = Town::adopted(&[("MUG", 10)], &NO_SWEEP).await;
    town.run(&["alerts", "add", "ops", "webhook", "http://127.0.0.1:9/hook", "--kind", "failing"]).await.good();
    let shown = town.run(&["alerts", "set", "no_read_minutes=60", "repeat_minutes=60"]).await.good().out;
    assert!(shown.contains("ops") && shown.contains("127.0.0.1") && !shown.contains("/hook"), "{shown}");
    let test = town.run(&["alerts", "test", "ops"]).await;
    assert!(test.status == 1 && test.out.contains("did not arrive"), "{}", test.out);
    town.run(&["alerts", "mute", "slow"]).await.good();
    let wrong = town.run(&["alerts", "mute", "doom"]).await;
    assert!(wrong.status == 1 && wrong.err.contains("quarantine"), "it lists what there is: {}", wrong.err);
    town.run(&["alerts", "remove", "ops"]).await.good();

    let quiet = town.run(&["quarantine", "show", "main"]).await.good().out;
    assert_eq!(quiet.trim(), "main is believed");
    let refused = town.run(&["quarantine", "discard", "main", "--yes"]).await;
    assert!(refused.status == 1 && refused.err.contains("not in quarantine"), "{}", refused.err);
    let refused = town.run(&["quarantine", "uncontest", "main", "MUG"]).await;
    assert!(refused.status == 1 && refused.err.contains("not contested"), "{}", refused.err);
}
