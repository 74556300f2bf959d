//! Connecting a store: what is stored when, and what the page of its set-up says.

use super::{Console, Person, between};
use channels::fake::{Failure, When, Which};
use channels::shopwired::fake::{AccountSpec, Fault, ProductSpec};
use engine::adopt::Silent;
use http::StatusCode;
use std::time::Duration;

const FORM: &str = "channel=shopwired&id=west&role=replica&setting.base_url=https%3A%2F%2Fshopwired.example%2Fv1";

async fn console() -> (Console, Person) {
    let console = Console::open(&[("MUG", 9)]).await;
    let spec = AccountSpec {
        business: 4,
        name: "west".into(),
        api_key: "key-west".into(),
        api_secret: "secret-west".into(),
        webhook_secret: Some("signer-west".into()),
    };
    console.shops.http.fake().add_account(&spec);
    let owner = console.owner().await;
    (console, owner)
}

fn form(key: &str) -> String {
    format!("{FORM}&secret.api_key={key}&secret.api_secret=secret-west&secret.webhook_secret=signer-west")
}

#[tokio::test]
async fn a_store_is_connected_and_its_page_says_what_was_set_up() {
    let (console, owner) = console().await;
    let refused = console.post(&owner, "/accounts/new", &form("wrong")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert_eq!(console.get(&owner, "/accounts/west").await.status, StatusCode::NOT_FOUND, "nothing is stored");
    let started = console.post(&owner, "/accounts/new", &form("key-west")).await;
    assert!(started.location().starts_with("/runs/"), "{} {}", started.status, started.text);
    let before = console.get(&owner, started.location()).await.text;
    assert!(before.contains("Signing in to ShopWired") && before.contains("data-every=\"1\""), "{before}");
    assert!(before.contains("<noscript>") && !before.contains("is connected"), "{before}");
    console.shops.settle().await;
    let page = console.get(&owner, started.location()).await.text;
    for said in [
        "Signed in to",
        "One pool of stock",
        "Webhooks: 6 of 6 in order",
        "west is connected",
        "Go on to the first sync",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[tokio::test]
async fn a_store_that_comes_later_is_said_to_wait_for_its_first_sync_until_it_was_in_one() {
    let (console, owner) = console().await;
    let look = async |path| {
        console.shops.clock.advance(Duration::from_secs(60));
        console.get(&owner, path).await.text
    };
    assert!(!look("/").await.contains("first sync is missing"), "the others were in one");
    let sku = ProductSpec::simple("MUG", 4);
    console.shops.http.fake().create_product(4, &sku, console.shops.hub.clock.now()).unwrap();
    console.run(&owner, "/accounts/new", &form("key-west")).await;
    for path in ["/", "/accounts", "/accounts/west"] {
        let page = look(path).await;
        assert!(page.contains("The first sync is missing: west") && page.contains("Not synced yet"), "{path}: {page}");
        assert!(page.contains("none of its products is matched yet") && page.contains("/first-sync"), "{path}: {page}");
    }
    assert!(!look("/accounts/north").await.contains("first sync is missing"));
    assert!(look("/").await.contains("Healthy"), "of the others it says how they are");
    console.shops.hub.adopt(true, &Silent).await.unwrap();
    console.shops.settle().await;
    for path in ["/", "/accounts", "/accounts/west"] {
        let page = look(path).await;
        assert!(!page.contains("first sync is missing") && !page.contains("Not synced yet"), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_store_of_which_the_first_sync_matched_nothing_says_so_and_leads_to_its_mapping() {
    let (console, owner) = console().await;
    let look = async |path| {
        console.shops.clock.advance(Duration::from_secs(60));
        console.get(&owner, path).await.text
    };
    let create = |sku: &str| {
        let spec = ProductSpec::simple(sku, 4);
        console.shops.http.fake().create_product(4, &spec, console.shops.hub.clock.now()).unwrap();
    };
    create("LAMP");
    console.run(&owner, "/accounts/new", &form("key-west")).await;
    console.shops.hub.adopt(true, &Silent).await.unwrap();
    for path in ["/", "/accounts", "/accounts/west"] {
        let page = look(path).await;
        assert!(page.contains("Nothing in west matches an item of the hub"), "{path}: {page}");
        assert!(page.contains("/accounts/west/mapping") && !page.contains("first sync is missing"), "{path}: {page}");
    }
    create("MUG");
    console.shops.hub.adopt(true, &Silent).await.unwrap();
    for path in ["/", "/accounts", "/accounts/west"] {
        assert!(!look(path).await.contains("Nothing in west matches"), "{path}: it has a product of the hub now");
    }
}

#[tokio::test]
async fn a_refused_webhook_says_why_and_what_to_do_and_trying_again_mends_it() {
    let (console, owner) = console().await;
    let fault = Fault { failure: Failure::Status(403), when: When::Before, which: Which::Writes, left: Some(1) };
    console.shops.http.fake().fail(4, fault).unwrap();
    let page = console.run(&owner, "/accounts/new", &form("key-west")).await;
    assert!(page.contains("Webhooks: 5 of 6 in order") && page.contains("its set-up is not whole"), "{page}");
    let row = between(&page, "title=\"product.stock_changed\"", "</tr>");
    assert!(row.contains("Refused") && row.contains("403") && row.contains("Allow these credentials"), "{row}");
    let account = console.get(&owner, "/accounts/west").await.text;
    assert!(account.contains("Allow these credentials"), "the account's page says it too: {account}");
    let again = console.run(&owner, "/accounts/west/do/test", "").await;
    assert!(again.contains("Webhooks: 6 of 6 in order") && again.contains("west is connected"), "{again}");
}

#[tokio::test]
async fn a_store_that_goes_down_half_way_says_so_and_is_kept() {
    let (console, owner) = console().await;
    let fault = Fault { failure: Failure::Status(503), when: When::Before, which: Which::Writes, left: None };
    console.shops.http.fake().fail(4, fault).unwrap();
    let page = console.run(&owner, "/accounts/new", &form("key-west")).await;
    assert!(page.contains(">Failed<") && page.contains("Try again"), "{page}");
    let row = between(&page, "title=\"product.stock_changed\"", "</tr>");
    assert!(row.contains("Refused") && row.contains("503") && row.contains("in a minute"), "{row}");
    assert!(!page.contains("Being registered"), "nothing is under way any more: {page}");
    assert_eq!(console.get(&owner, "/accounts/west").await.status, StatusCode::OK);
}
