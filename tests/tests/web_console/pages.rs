//! What the pages say, and how heavy they are.

use super::{Console, between};
use channels::shopwired::fake::Page;
use domain::{AccountId, Sku};
use engine::ports::{Change, Condition};
use engine::records::{self, Account, Health, History, Troubled};
use engine::work::Task;
use http::{Request, StatusCode};
use std::time::Duration;

/// No page may be heavier than this with everything that it loads, bytes.
const WEIGHT_MAX: usize = 150_000;

#[tokio::test]
async fn an_item_says_why_its_number_is_what_it_is() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    let saved = console.post(&owner, "/item/stock", "sku=MUG&how=adjust&quantity=-2&reason=broken").await;
    assert_eq!((saved.status, saved.location()), (StatusCode::SEE_OTHER, "/item?sku=MUG"));
    console.shops.settle().await;
    let page = console.get(&owner, "/item?sku=MUG").await.text;
    for said in [
        "at the start",
        "edited here",
        "in stock",
        "the store shows",
        "by owner",
        "broken",
        "Stock over time: from 9 to 7",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[tokio::test]
async fn stock_is_edited_in_the_warehouse_that_is_chosen() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    let choice = "name=\"warehouse\"";
    assert!(!console.get(&owner, "/item?sku=MUG").await.text.contains(choice), "there is only one");
    console.post(&owner, "/warehouses", "id=shed&name=The+shed").await;
    let saved = console.post(&owner, "/item/stock", "sku=MUG&how=set&quantity=4&reason=count&warehouse=shed").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let page = console.get(&owner, "/item?sku=MUG").await.text;
    assert!(page.contains(choice) && page.contains("main, has 9") && page.contains("shed, has 4"), "{page}");
    console.post(&owner, "/item/stock", "sku=MUG&how=adjust&quantity=-2&reason=broken&warehouse=shed").await;
    let page = console.get(&owner, "/item?sku=MUG").await.text;
    assert!(page.contains("main, has 9") && page.contains("shed, has 2"), "{page}");
}

#[tokio::test]
async fn what_a_store_does_not_take_needs_a_person() {
    let console = Console::open(&[("MUG", 9)]).await;
    let (owner, hub) = (console.owner().await, &console.shops.hub);
    let (id, sku) = (AccountId::new("north").unwrap(), Sku::new("MUG").unwrap());
    let row = hub.store.get(&[Health::key(&id)]).await.unwrap().remove(0);
    let version = row.map_or(0, |row| row.version);
    let trouble = Troubled { sku, why: "the product is archived".into(), since: hub.clock.now() };
    let health = Health { troubles: vec![trouble], clashes: vec!["CAP".into()], failures: 3, ..Health::default() };
    let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
    hub.store.write(&[Change::Put(health.row(&id, version + 1), condition)]).await.unwrap();
    console.shops.clock.advance(Duration::from_secs(60));
    let overview = console.get(&owner, "/").await.text;
    let told = [
        "1 SKU of north cannot be written",
        "1 SKU clash in north",
        "north does not answer",
        "It is tried again by itself",
    ];
    assert!(told.iter().all(|said| overview.contains(said)), "{overview}");
    let alerts = console.get(&owner, "/alerts").await.text;
    assert!(alerts.contains("No alarm yet") && !alerts.contains("Nothing is wrong"), "{alerts}");
    let account = console.get(&owner, "/accounts/north").await.text;
    assert!(account.contains("the product is archived") && account.contains("/item?sku=MUG"), "{account}");
}

#[tokio::test]
async fn credentials_that_end_soon_are_told_on_the_overview() {
    let console = Console::open(&[("MUG", 9)]).await;
    let (owner, hub) = (console.owner().await, &console.shops.hub);
    let look = async || {
        console.shops.clock.advance(Duration::from_secs(60));
        hub.run_task(Task::Sweep).await.unwrap();
        console.get(&owner, "/").await.text
    };
    assert!(!look().await.contains("Credentials end soon"), "those of its channel never end");
    // a store of a channel whose credentials last half a year, connected almost as long ago
    let id = AccountId::new("south").unwrap();
    let row = hub.store.get(&[Account::key(&id)]).await.unwrap().remove(0).unwrap();
    let mut account: Account = records::body(&row).unwrap();
    (account.channel, account.added) = ("amazon".into(), hub.clock.now().plus_ms(-170 * records::DAY_MS));
    account.settings = [("seller_id", "S"), ("marketplaces", "A1F83G8C2ARO7P"), ("base_url", "http://127.0.0.1")]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
    hub.store.write(&[Change::Put(account.row(), Condition::Any)]).await.unwrap();
    let overview = look().await;
    assert!(overview.contains("Credentials end soon: south"), "{overview}");
    assert!(overview.contains("end in 9 days; make new ones and enter them"), "{overview}");
    assert!(!overview.contains("Credentials end soon: north"), "{overview}");
    assert!(console.get(&owner, "/alerts").await.text.contains("Credentials end soon: south"));
}

#[tokio::test]
async fn every_event_is_a_dot_of_its_kind_on_the_items_chart() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    let shops = &console.shops;
    let follow = async || {
        shops.clock.advance(Duration::from_secs(30));
        shops.deliver().await;
        shops.settle().await;
    };
    let page = console.get(&owner, "/item?sku=MUG").await.text;
    assert!(!page.contains("<circle"), "nothing has happened yet: {page}");
    let order = shops.http.fake().sell(2, "MUG", 2, shops.hub.clock.now()).unwrap();
    follow().await;
    let item = shops.http.fake().lines(2, order)[0].item;
    shops.http.fake().return_line(2, item, shops.hub.clock.now()).unwrap();
    follow().await;
    shops.http.fake().type_in(1, Page::Product, "MUG", 14, shops.hub.clock.now()).unwrap();
    follow().await;
    console.post(&owner, "/item/stock", "sku=MUG&how=adjust&quantity=-3&reason=broken").await;
    follow().await;
    let page = console.get(&owner, "/item?sku=MUG").await.text;
    let chart = between(&page, "<svg viewBox=\"0 0 760 ", "</svg>");
    let dots: Vec<(&str, &str)> = chart
        .split("<circle class=\"")
        .skip(1)
        .map(|dot| (dot.split('"').next().unwrap(), between(dot, "<title>", "</title>")))
        .collect();
    let sold = format!("7: 2 sold (order {order}) in north");
    let back = format!("9: 2 came back (order {order}) in north");
    let all = [
        ("sale", &*sold),
        ("back", &*back),
        ("edit", "14: edited by +5 in main"),
        ("hand", "11: edited here by −3 in hub"),
    ];
    assert_eq!(dots, all);
    assert!(page.contains("Stock over time: from 9 to 11 in 4 changes"), "{page}");
    for name in ["Sold", "Came back", "Edited in a store", "Edited here"] {
        assert!(page.contains(name), "the legend names {name}");
    }
}

#[tokio::test]
async fn what_sells_out_at_this_pace_is_told_before_it_is_oversold() {
    let console = Console::open(&[("MUG", 9), ("PEN", 9)]).await;
    let owner = console.owner().await;
    let sell = async |quantity| {
        console.shops.http.fake().sell(2, "MUG", quantity, console.shops.hub.clock.now()).unwrap();
        console.shops.deliver().await;
        console.shops.settle().await;
    };
    sell(4).await;
    assert!(!console.get(&owner, "/").await.text.contains("may be oversold"), "5 are left");
    sell(2).await;
    let overview = console.get(&owner, "/").await.text;
    assert!(overview.contains("MUG may be oversold: 6 sold in 24 hours, 3 left"), "{overview}");
    assert!(!overview.contains("PEN may"), "{overview}");
}

#[tokio::test]
async fn a_busy_day_is_counted_whole_and_each_look_reads_a_part_of_it() {
    let console = Console::open(&[("MUG", 9)]).await;
    let (owner, hub) = (console.owner().await, &console.shops.hub);
    console.shops.http.fake().sell(2, "MUG", 6, hub.clock.now()).unwrap();
    console.shops.deliver().await;
    console.shops.settle().await;
    console.shops.clock.advance(Duration::from_secs(3_600));
    // more than one look reads, all newer than the sale
    for number in 0..2_100_u64 {
        let sku = Sku::new(format!("EDITED-{number:04}")).unwrap();
        let at = hub.clock.now().plus_ms(i64::try_from(number).unwrap());
        let line = History::by_person(&sku, at, "stock", ("ann", "count"), (0, 5));
        hub.store.write(&[Change::Put(line.row(number), Condition::Any)]).await.unwrap();
    }
    console.shops.clock.advance(Duration::from_secs(60));
    let page = console.get(&owner, "/").await.text;
    assert!(page.contains("so far; being counted") && !page.contains("MUG may be oversold"), "{page}");
    hub.run_task(Task::Sweep).await.unwrap();
    let page = console.get(&owner, "/").await.text;
    assert!(page.contains("MUG may be oversold: 6 sold in 24 hours, 3 left"), "{page}");
    assert!(!page.contains("so far"), "{page}");
    assert_eq!(hub.last_day().await.unwrap().sold, 6, "looking again counts nothing twice");
    console.shops.clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(hub.last_day().await.unwrap().sold, 0, "a day later it is over");
}

#[tokio::test]
async fn a_group_that_is_there_is_not_renamed_by_adding_it() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    assert_eq!(console.post(&owner, "/rules/groups", "do=add&id=glass&title=Fragile").await.location(), "/rules");
    let again = console.post(&owner, "/rules/groups", "do=add&id=glass&title=Sturdy").await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(between(&again.text, "id=\"w-id\">", "</p>").contains("There is a group glass already"), "{}", again.text);
    assert!(console.get(&owner, "/rules").await.text.contains("Fragile"));
}

#[tokio::test]
async fn a_wrong_field_is_told_beside_it_and_keeps_what_was_typed() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    let answer = console.post(&owner, "/item/stock", "sku=MUG&how=adjust&quantity=many&reason=broken").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        between(&answer.text, "id=\"w-quantity\">", "</p>").rsplit('>').next(),
        Some("“many” is not a whole number.")
    );
    assert!(answer.text.contains("value=\"broken\""), "what was typed is still there");
    let answer = console.post(&owner, "/item/stock", "sku=MUG&how=set&quantity=5&reason=").await;
    assert!(between(&answer.text, "id=\"w-reason\">", "</p>").contains("Say why"), "{}", answer.text);
    let answer = console.get(&owner, "/item?sku=NOPE").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text.contains("There is no item &quot;NOPE&quot;"), "{}", answer.text);
}

#[tokio::test]
async fn names_from_stores_are_text_and_nothing_else() {
    let console = Console::open(&[("<script>alert(1)</script>\"'&", 3)]).await;
    let owner = console.owner().await;
    let page = console.get(&owner, "/items").await.text;
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert(1)"), "{page}");
    let link = between(&page, "href=\"/item?sku=", "\"").to_owned();
    let page = console.get(&owner, &format!("/item?sku={}", link.replace("&amp;", "&"))).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
}

#[tokio::test]
async fn a_full_page_of_items_is_light_and_its_files_are_kept_for_good() {
    let products: Vec<(String, i64)> =
        (0..120).map(|number| (format!("SHIRT-LONG-SLEEVE-{number:04}"), 1_000 + number)).collect();
    let products: Vec<(&str, i64)> = products.iter().map(|(sku, level)| (sku.as_str(), *level)).collect();
    let console = Console::open(&products).await;
    let owner = console.owner().await;
    let page = console.get(&owner, "/items").await.text;
    assert_eq!(page.matches("class=\"sku\"").count(), 50, "a page has fifty rows");
    let next = between(&page, "rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    let second = console.get(&owner, &next).await.text;
    assert!(
        second.contains(">SHIRT-LONG-SLEEVE-0050<") && !second.contains(">SHIRT-LONG-SLEEVE-0049<"),
        "the second page goes on"
    );
    let mut weight = page.len();
    for file in [
        between(&page, "rel=\"stylesheet\" href=\"", "\""),
        between(&page, "<script src=\"", "\""),
        between(&page, "rel=\"icon\" href=\"", "\""),
    ] {
        let answer = console.send(Request::get(file), "").await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert_eq!(answer.headers["cache-control"], "public, max-age=31536000, immutable");
        weight += answer.text.len();
    }
    assert!(weight <= WEIGHT_MAX, "{weight} bytes");
    assert_eq!(console.send(Request::get("/assets/console.000000000000.css"), "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_account_is_paused_resumed_and_removed_by_name_only() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    console.post(&owner, "/accounts/north/do/pause", "").await;
    assert!(console.get(&owner, "/accounts/north").await.text.contains("north is paused"));
    assert!(console.get(&owner, "/").await.text.contains("Its stock is not written"), "the overview says so");
    console.post(&owner, "/accounts/north/do/resume", "").await;
    assert!(!console.get(&owner, "/accounts/north").await.text.contains("north is paused"));
    let answer = console.post(&owner, "/accounts/north/remove", "name=nort").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(console.get(&owner, "/accounts/north").await.status, StatusCode::OK);
    let answer = console.post(&owner, "/accounts/north/remove", "name=north").await;
    assert_eq!(answer.location(), "/accounts");
    assert_eq!(console.get(&owner, "/accounts/north").await.status, StatusCode::NOT_FOUND);
    assert_eq!(console.get(&owner, "/accounts/nothing/else/here").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_first_sync_is_shown_before_it_is_done() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    let preview = console.run(&owner, "/first-sync", "preview=1").await;
    assert!(preview.contains("First sync, preview") && preview.contains("Nothing to do"), "{preview}");
    let wrong = console.post(&owner, "/first-sync", "direction.north=sideways").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}
