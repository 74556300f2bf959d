//! A filter over more items than are walked for one answer: little is found without reading all, nothing is shown that does
//! not fit any more, and what has come to fit since is found.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use domain::Sku;
use engine::adopt::Silent;
use engine::bulk::Action;
use engine::filter::Filter;
use engine::stock::{Amount, StockEdit};
use std::time::Duration;
use tests::shops::Shops;

const ITEMS: usize = 1_300;

async fn shops() -> Shops {
    let names: Vec<String> = (0..ITEMS).map(|number| format!("SKU-{number:04}")).collect();
    let products: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 50)).collect();
    Shops::open(&products).await
}

async fn found(shops: &Shops, filter: &Filter) -> Vec<String> {
    let (mut skus, mut after) = (Vec::new(), None);
    for _ in 0..20 {
        let page = shops.hub.find_items(filter, after, 2).await.unwrap();
        assert!(page.rows.len() == 2 || page.next.is_none(), "a page is full while others follow");
        skus.extend(page.rows.iter().map(|row| row.sku.to_string()));
        after = page.next;
        if after.is_none() {
            return skus;
        }
    }
    panic!("no end: {skus:?}");
}

async fn set(shops: &Shops, sku: &str, level: i64) {
    let edit = StockEdit { amount: Amount::Set(level), reason: "stock take".into(), warehouse: None };
    shops.hub.edit_stock(&Sku::new(sku).unwrap(), &edit, "ann").await.unwrap();
    shops.settle().await;
}

#[tokio::test]
async fn little_is_found_among_many_and_what_changes_is_followed() {
    let shops = shops().await;
    let low = Filter { low_stock: true, ..Filter::default() };
    let limit = serde_json::from_value(serde_json::json!({"do": "set", "set": {"low_stock": 5}})).unwrap();
    let ends = Filter { text: "99".into(), ..Filter::default() };
    shops.hub.bulk(&ends, &limit, true, "ann", &Silent).await.unwrap();
    assert_eq!(found(&shops, &low).await, Vec::<String>::new());
    for (sku, level) in [("SKU-0099", 5), ("SKU-0399", 6), ("SKU-1199", 0), ("SKU-1299", 2)] {
        set(&shops, sku, level).await;
    }
    shops.clock.advance(Duration::from_secs(2));
    assert_eq!(found(&shops, &low).await, ["SKU-0099", "SKU-1199", "SKU-1299"], "sold out since it was read");
    set(&shops, "SKU-1199", 9).await;
    assert_eq!(found(&shops, &low).await, ["SKU-0099", "SKU-1299"], "read afresh, so it is not shown any more");
    let text = Filter { text: "sku-12".into(), ..low.clone() };
    assert_eq!(found(&shops, &text).await, ["SKU-1299"], "text and state together");
}

#[tokio::test]
async fn a_change_of_settings_is_seen_at_once() {
    let shops = shops().await;
    let never = |yes: bool| Filter { mode: yes.then_some(domain::layers::Mode::Never), ..Filter::default() };
    assert_eq!(found(&shops, &never(true)).await.len(), 0);
    let one = Filter { text: "SKU-1234".into(), ..Filter::default() };
    let action = Action::mode(domain::layers::Mode::Never, None);
    shops.hub.bulk(&one, &action, true, "ann", &Silent).await.unwrap();
    assert_eq!(found(&shops, &never(true)).await, ["SKU-1234"]);
    let first = shops.hub.find_items(&never(false), None, 50).await.unwrap();
    let second = shops.hub.find_items(&never(false), first.next, 50).await.unwrap();
    assert_eq!((first.rows.len(), second.rows[0].sku.as_str()), (50, "SKU-0050"), "pages join");
}
