//! Stock feeds: files at an address, fetched on a schedule. What a feed does not say changes nothing.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use channels::Secret;
use engine::runs::{ImportReport, RunState};
use engine::stock_feeds::StockFeed;
use engine::work::Task;
use serde_json::json;
use std::time::Duration;
use tests::fake_http::Page;
use tests::shops::Shops;

const URL: &str = "https://supplier.example/list.csv";

fn feed(more: serde_json::Value) -> StockFeed {
    let mut feed = json!({"name": "supplier", "url": URL, "every_minutes": 60});
    feed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(feed).unwrap()
}

fn publish(shops: &Shops, body: &str) {
    shops.http.publish(URL, Page { status: 200, body: body.into(), wants: None });
}

async fn fetch(shops: &Shops, dry_run: bool, believe: bool) -> Result<ImportReport, String> {
    let run = shops.hub.fetch_feed("supplier", dry_run, believe, "ann").await.unwrap();
    shops.settle().await;
    let run = shops.hub.show_run(&run.id).await.unwrap();
    match run.state {
        RunState::Done => Ok(serde_json::from_value(run.result.unwrap()).unwrap()),
        RunState::Open | RunState::Waiting | RunState::Running | RunState::Failed | RunState::Cancelled => {
            Err(run.error.unwrap())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_fetched_when_its_time_has_come() {
    let shops = Shops::open(&[("TEE", 10), ("MUG", 4)]).await;
    publish(&shops, "SKU;Stock\nTEE;25\nNOPE;3\nMUG;some\n");
    shops.hub.put_feed(feed(json!({})), None).await.unwrap();
    shops.hub.run_task(Task::Sweep).await.unwrap();
    shops.settle().await;
    shops.all_show("TEE", 10).await;
    shops.clock.advance(Duration::from_secs(3_600));
    shops.hub.run_task(Task::Sweep).await.unwrap();
    shops.settle().await;
    shops.all_show("TEE", 25).await;
    shops.all_show("MUG", 4).await;
    let view = shops.hub.show_feed("supplier").await.unwrap();
    let last = view.last.unwrap();
    let places: Vec<&str> = last.faults.iter().map(|fault| fault.place.as_str()).collect();
    assert_eq!((places, last.report.unwrap().unknown), (vec!["line 3", "line 4"], 1));
    assert!(view.next.unwrap() > last.at, "{:?}", view.next);
    let runs = shops.hub.list_runs(None, 10).await.unwrap().rows;
    assert_eq!((runs.len(), runs[0].actor.as_str()), (1, "schedule"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_feed_does_not_name_is_zeroed_only_on_request_and_never_by_the_dozen() {
    let products: Vec<(String, i64)> = (0..60).map(|number| (format!("SKU-{number:02}"), 5)).collect();
    let products: Vec<(&str, i64)> = products.iter().map(|(sku, level)| (sku.as_str(), *level)).collect();
    let shops = Shops::open(&products).await;
    publish(&shops, "sku,qty\nSKU-00,9\n");
    shops.hub.put_feed(feed(json!({})), None).await.unwrap();
    assert_eq!(fetch(&shops, false, false).await.unwrap().changed, 1);
    shops.all_show("SKU-01", 5).await;
    shops.hub.put_feed(feed(json!({"missing_means_zero": true})), None).await.unwrap();
    let refused = fetch(&shops, false, false).await.unwrap_err();
    assert!(refused.contains("59 of 60 stocked SKUs are zero or missing"), "{refused}");
    assert_eq!(shops.hub.show_feed("supplier").await.unwrap().last.unwrap().error, Some(refused));
    shops.all_show("SKU-01", 5).await;
    assert_eq!(fetch(&shops, true, false).await.unwrap().zeroed, 59, "a preview shows it all the same");
    shops.all_show("SKU-01", 5).await;
    let kept: String = (0..59).map(|number| format!("SKU-{number:02},5\n")).collect();
    publish(&shops, &format!("sku,qty\n{kept}"));
    assert_eq!(fetch(&shops, false, false).await.unwrap().zeroed, 1);
    shops.all_show("SKU-59", 0).await;
    publish(&shops, "sku,qty\nSKU-00,0\n");
    assert_eq!(fetch(&shops, false, true).await.unwrap().zeroed, 59, "a person may say that it is right");
    shops.all_show("SKU-01", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_of_zeros_in_the_feed_itself_is_not_believed_either() {
    let products: Vec<(String, i64)> = (0..60).map(|number| (format!("SKU-{number:02}"), 5)).collect();
    let products: Vec<(&str, i64)> = products.iter().map(|(sku, level)| (sku.as_str(), *level)).collect();
    let shops = Shops::open(&products).await;
    let zeros: String = (0..60).map(|number| format!("SKU-{number:02},0\n")).collect();
    publish(&shops, &format!("sku,qty\n{zeros}"));
    shops.hub.put_feed(feed(json!({})), None).await.unwrap();
    assert!(fetch(&shops, false, false).await.unwrap_err().contains("60 of 60"));
    shops.all_show("SKU-07", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_into_the_header_and_is_never_shown() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    let wants = Some(("x-key", "open sesame"));
    let body = r#"{"items":[{"code":"TEE","free":3}]}"#.to_owned();
    shops.http.publish(URL, Page { status: 200, body, wants });
    let columns = json!({"sku": "code", "quantity": "free", "rows": "items"});
    let with = feed(json!({"header": "x-key", "format": "json", "columns": columns, "mode": "only-lower"}));
    let set = shops.hub.put_feed(with.clone(), Some(Secret::new("wrong"))).await.unwrap();
    assert!(set.has_secret && !serde_json::to_string(&set).unwrap().contains("wrong"));
    assert!(fetch(&shops, false, false).await.unwrap_err().contains("401"));
    shops.hub.put_feed(with.clone(), Some(Secret::new("open sesame"))).await.unwrap();
    shops.hub.put_feed(with, None).await.unwrap();
    assert_eq!(fetch(&shops, false, false).await.unwrap().down, 7, "the secret stays when it is not given");
    shops.all_show("TEE", 3).await;
    shops.hub.drop_feed("supplier").await.unwrap();
    assert!(shops.hub.vault.get("account/feed.supplier", true).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_inside_and_answers_that_are_no_list_are_refused() {
    let shops = Shops::open(&[("TEE", 10)]).await;
    for (more, said) in [
        (json!({"url": "http://supplier.example/list.csv"}), "url: "),
        (json!({"url": "https://10.0.0.1/list.csv"}), "not a public address"),
        (json!({"url": "https://metadata.internal/"}), "not a public address"),
        (json!({"name": "No Slug"}), "name: "),
        (json!({"every_minutes": 1}), "every_minutes: use 5 to 10080"),
        (json!({"header": "no header"}), "header: "),
        (json!({"missing_means_zero": true, "mode": "adjust"}), "missing_means_zero: "),
    ] {
        let refused = shops.hub.put_feed(feed(more), None).await.unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    shops.hub.put_feed(feed(json!({})), None).await.unwrap();
    for (status, body, said) in [
        (302, "", "redirects are not followed"),
        (500, "", "500"),
        (200, "<html>", "line 1: no column SKU"),
        (200, "SKU,Stock\n", "no lines"),
        (200, &"x".repeat(3_000_000), "larger than 2097152 bytes"),
    ] {
        shops.http.publish(URL, Page { status, body: body.into(), wants: None });
        let refused = fetch(&shops, false, false).await.unwrap_err();
        assert!(refused.contains(said), "{refused}");
    }
    shops.all_show("TEE", 10).await;
}
