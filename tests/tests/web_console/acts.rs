//! What people do on the pages of long jobs, rules, kits and quarantine, and who may.

use super::{Console, Person, between};
use engine::people::UserRole;
use engine::ports::{MAX_RECEIVES, Outbound, QueueName};
use engine::work::Task;
use http::StatusCode;
use std::time::Duration;

/// Sends a form and gives the page that it answers with.
async fn page(console: &Console, person: &Person, path: &str, fields: &str) -> String {
    let answer = console.post(person, path, fields).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.text
}

#[tokio::test]
async fn rules_are_shown_before_they_hold() {
    let console = Console::open(&[("MUG", 9), ("PEN", 4)]).await;
    let owner = console.owner().await;
    let fields = "account=north&hold_back=2";
    let preview = page(&console, &owner, "/rules/edit", &format!("preview=1&{fields}")).await;
    assert!(preview.contains("What would change: All items in north"), "{preview}");
    assert_eq!(console.shops.levels("MUG").await["north"], 9);
    let done = console.post(&owner, "/rules/edit", &format!("apply=1&{fields}")).await;
    assert_eq!(done.location(), "/rules");
    console.shops.settle().await;
    assert_eq!(console.shops.levels("MUG").await["north"], 7);
    assert!(console.get(&owner, "/rules").await.text.contains("All items in north"));
    let why = console.get(&owner, "/item?sku=MUG").await.text;
    assert!(why.contains(" by north"), "the item says who holds it back: {why}");
    let wrong = console.post(&owner, "/rules/edit", "preview=1&cap=few").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(between(&wrong.text, "id=\"w-cap\">", "</p>").contains("is not a whole number"), "{}", wrong.text);
}

#[tokio::test]
async fn many_items_are_changed_by_a_run_and_only_those_that_a_filter_finds() {
    let console = Console::open(&[("MUG-BLUE", 9), ("MUG-RED", 9), ("PEN", 4)]).await;
    let owner = console.owner().await;
    let order = "q=mug&act=rule&rule=cap&value=3&at=south";
    let preview = console.run(&owner, "/items/bulk", &format!("preview=1&{order}")).await;
    assert!(preview.contains("Apply to 2 items"), "{preview}");
    assert_eq!(console.shops.levels("MUG-RED").await["south"], 9, "a preview writes nothing");
    let apply = format!("/runs/{}/apply", between(&preview, "action=\"/runs/", "/apply\""));
    let done = console.run(&owner, &apply, "").await;
    assert!(done.contains("The stores follow") && done.contains(">Done<"), "{done}");
    let wrong = console.post(&owner, &done_snapshot(&console, &owner).await, "").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "only a change of many is applied so");
    let south = |levels: std::collections::BTreeMap<String, i64>| levels["south"];
    assert_eq!(south(console.shops.levels("MUG-RED").await), 3);
    assert_eq!(south(console.shops.levels("PEN").await), 4);
    let saved = console.post(&owner, "/items/filters", "do=save&name=Mugs&q=mug").await;
    assert_eq!(saved.location(), "/items?q=mug");
    assert!(console.get(&owner, "/items").await.text.contains(">Mugs</a>"));
    let wrong = console.post(&owner, "/items/bulk", "preview=1&act=join").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("Choose a group"), "{}", wrong.text);
    let trail = console.get(&owner, "/audit").await.text;
    assert!(trail.contains("changed many items"), "{trail}");
}

/// Where a snapshot would be applied, which has nothing to apply.
async fn done_snapshot(console: &Console, owner: &Person) -> String {
    let started = console.post(owner, "/runs/snapshot", "").await;
    format!("{}/apply", started.location())
}

#[tokio::test]
async fn a_stock_file_is_carried_in_and_taken_back_with_what_was_sold_since_kept() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    let file = "file=SKU%2CQuantity%0AMUG%2C20%0ANOPE%2C1&mode=set&reason=stock+take";
    let shown = console.run(&owner, "/stock-file", &format!("{file}&preview=1")).await;
    assert!(shown.contains("Stock file, preview") && shown.contains("NOPE"), "{shown}");
    console.shops.all_show("MUG", 9).await;
    let done = console.run(&owner, "/stock-file", &format!("{file}&apply=1")).await;
    assert!(done.contains("What it changed"), "{done}");
    console.shops.all_show("MUG", 20).await;
    let now = console.shops.hub.clock.now();
    console.shops.http.fake().sell(2, "MUG", 1, now).unwrap();
    console.shops.settle().await;
    console.shops.all_show("MUG", 19).await;
    let run = between(&done, "name=\"run\" value=\"", "\"").to_owned();
    let preview = console.run(&owner, "/runs/restore", &format!("preview=1&run={run}")).await;
    assert!(preview.contains("Apply the restore"), "{preview}");
    console.shops.all_show("MUG", 19).await;
    let restore = between(&preview, "name=\"restore\" value=\"", "\"").replace("&quot;", "\"");
    let fields = url::form_urlencoded::Serializer::new(String::new()).append_pair("restore", &restore).finish();
    console.run(&owner, "/runs/restore", &fields).await;
    console.shops.all_show("MUG", 8).await;
    let runs = console.get(&owner, "/runs").await.text;
    let snapshot = between(&runs, "href=\"/snapshots/", "\"").to_owned();
    assert!(console.get(&owner, &format!("/snapshots/{snapshot}")).await.text.contains("Levels in it"));
    let empty = console.post(&owner, "/stock-file", "file=SKU%2CQuantity&mode=set&reason=x&preview=1").await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_quarantine_is_reviewed_product_by_product() {
    let names: Vec<String> = (0..40).map(|number| format!("SKU-{number:02}")).collect();
    let products: Vec<(&str, i64)> = names.iter().map(|sku| (sku.as_str(), 5)).collect();
    let console = Console::open(&products).await;
    let owner = console.owner().await;
    for sku in &names {
        let now = console.shops.hub.clock.now();
        console.shops.http.fake().import_silently(1, sku, 0, now).unwrap();
    }
    let compared = console.run(&owner, "/runs/compare", "").await;
    assert!(compared.contains("In quarantine"), "{compared}");
    assert!(console.get(&owner, "/").await.text.contains("main is in quarantine"));
    let seen = console.get(&owner, "/accounts/main/quarantine").await.text;
    assert!(seen.contains("value=\"SKU-00\"") && seen.contains("value=\"SKU-39\""), "{seen}");
    let some = console.post(&owner, "/accounts/main/quarantine", "verdict=release&sku=SKU-00&sku=SKU-01").await;
    assert_eq!(some.location(), "/accounts/main/quarantine");
    console.post(&owner, "/accounts/main/quarantine", "verdict=discard").await;
    console.shops.settle().await;
    console.shops.all_show("SKU-00", 0).await;
    console.shops.all_show("SKU-39", 5).await;
    // each minute's look finds what has settled since the decision
    for _ in 0..3 {
        console.shops.clock.advance(Duration::from_secs(60));
        console.shops.hub.run_task(Task::Sweep).await.unwrap();
        console.shops.settle().await;
    }
    let after = console.get(&owner, "/accounts/main/quarantine").await.text;
    assert!(after.contains("not in quarantine"), "{after}");
}

#[tokio::test]
async fn what_failed_too_often_says_why_until_it_is_tried_again() {
    let console = Console::open(&[("MUG", 9)]).await;
    let (owner, queue) = (console.owner().await, &console.shops.hub.queue);
    let broken =
        |body: &str| Outbound { group: "north".into(), body: body.into(), deduplication: None, delay: Duration::ZERO };
    queue.send(QueueName::Changes, &[broken("no hint"), broken("none either")]).await.unwrap();
    for _ in 0..MAX_RECEIVES {
        let messages = queue.receive(QueueName::Changes, 10, Duration::ZERO).await.unwrap();
        assert_eq!(console.shops.hub.work(QueueName::Changes, &messages).await.len(), 2);
        for message in &messages {
            queue.retry(QueueName::Changes, &message.receipt, Duration::ZERO).await.unwrap();
        }
    }
    let page = console.get(&owner, "/queue").await.text;
    assert!(page.contains("2 messages could not be worked on") && page.contains("Not a hint"), "{page}");
    assert_eq!(console.shops.hub.redrive(1).await.unwrap(), 1);
    let page = console.get(&owner, "/queue").await.text;
    assert_eq!(page.matches("Not a hint").count(), 1, "of the other one it is still told: {page}");
    assert_eq!(console.post(&owner, "/queue/redrive", "").await.location(), "/queue");
    let page = console.get(&owner, "/queue").await.text;
    assert!(!page.contains("Not a hint"), "{page}");
}

#[tokio::test]
async fn a_kit_is_made_on_its_page() {
    let console = Console::open(&[("MUG", 9), ("PEN", 4), ("SET", 1)]).await;
    let owner = console.owner().await;
    let preview = page(&console, &owner, "/item/kit", "sku=SET&parts=2+MUG%0A1+PEN&preview=1").await;
    assert!(preview.contains("enough for <strong>4</strong>"), "{preview}");
    let wrong = console.post(&owner, "/item/kit", "sku=SET&parts=MUG&preview=1").await;
    assert!(between(&wrong.text, "id=\"w-parts\">", "</p>").contains("such as: 2 MUG-RED"), "{}", wrong.text);
    console.post(&owner, "/item/kit", "sku=SET&parts=2+MUG%0A1+PEN&apply=1").await;
    console.shops.settle().await;
    assert_eq!(console.shops.levels("SET").await["north"], 4);
}

#[tokio::test]
async fn alerts_are_for_admins_to_set_and_keep_their_secrets() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    let shown =
        page(&console, &owner, "/alerts", "do=add&name=desk&way=webhook&to=https%3A%2F%2Falerts.example%2Fkey").await;
    assert!(shown.contains("whsec_"), "what signs is shown once: {shown}");
    let later = console.get(&owner, "/alerts").await.text;
    assert!(!later.contains("whsec_") && !later.contains("alerts.example/key"), "{later}");
    assert!(!console.get(&owner, "/audit").await.text.contains("alerts.example/key"));
    let wrong = console.post(&owner, "/alerts", "do=settings&repeat_minutes=soon").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let olga = console.user("olga", UserRole::Operator).await;
    assert_eq!(console.get(&olga, "/alerts").await.status, StatusCode::OK);
    assert_eq!(console.post(&olga, "/alerts", "do=remove&name=desk").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let console = Console::open(&[("MUG", 9)]).await;
    let vera = console.user("vera", UserRole::Viewer).await;
    for path in [
        "/rules",
        "/runs",
        "/alerts",
        "/warehouses",
        "/stock-feeds",
        "/first-sync",
        "/accounts/north/quarantine",
        "/accounts/north/mapping",
        "/items?drift=1&account=north",
    ] {
        let answer = console.get(&vera, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let main = answer.text.split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
        assert!(!main.contains("method=\"post\""), "{path} offers what would be refused");
    }
    for (path, fields) in [
        ("/rules/edit", "apply=1&hold_back=1"),
        ("/rules/groups", "do=add&id=a"),
        ("/items/bulk", "apply=1&act=sync"),
        ("/items/filters", "do=save&name=a&q=b"),
        ("/item/kit", "sku=MUG&apply=1"),
        ("/item/release", "sku=MUG&account=north"),
        ("/stock-file", "file=SKU%2CQuantity%0AMUG%2C1&apply=1&reason=x"),
        ("/stock-feeds", "name=a&do=fetch"),
        ("/stock-feeds/edit", "name=a&url=https%3A%2F%2Fa.example"),
        ("/runs/compare", ""),
        ("/runs/snapshot", ""),
        ("/runs/restore", "minutes=5"),
        ("/runs/x/cancel", ""),
        ("/runs/x/apply", ""),
        ("/snapshots/x", ""),
        ("/first-sync", "preview=1"),
        ("/accounts/north/quarantine", "verdict=release"),
        ("/accounts/north/mapping", "do=link&external=1&sku=MUG&apply=1"),
        ("/alerts", "do=remove&name=a"),
    ] {
        assert_eq!(console.post(&vera, path, fields).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    console.shops.all_show("MUG", 9).await;
}
