//! Webhooks that come of our own writes, at stores that only webhooks tell of.

use crate::{CHAIN, Town, WEB};
use channels::Clock;
use domain::{AccountId, Role};
use engine::accounts::AccountPatch;
use std::time::Duration;

fn id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

/// A chain and its web shop with ten TEEs.
async fn open() -> Town {
    let town = Town::open().await;
    town.stock(CHAIN, "TEE", &[(town.street, 10), (town.shed, 40)]);
    town.stock(WEB, "TEE", &[(town.online, 10)]);
    town.connect("chain", CHAIN, Role::Master, &[]).await;
    town.connect("web", WEB, Role::Replica, &[]).await;
    town.link("chain", town.street, "main").await.unwrap();
    town.adopt().await;
    town
}

impl Town {
    /// Somebody buys TEEs in the web shop, and the chain is written.
    async fn sold(&self, units: i64) {
        self.shops().sell(WEB, "TEE", self.online, units, self.clock.now()).unwrap();
        assert_eq!(self.deliver().await, (1, 1), "a sale is news");
        self.work().await;
    }

    fn chain(&self) -> i64 {
        self.level(CHAIN, "TEE", self.street).unwrap()
    }

    /// The units whose SKUs are noted, of an account.
    async fn noted(&self, account: &str) -> Vec<String> {
        let rows = self.hub.all_rows(&format!("ACCOUNT#{account}"), "UNIT#").await.unwrap();
        rows.into_iter().map(|row| row.body).collect()
    }

    async fn echoes(&self, account: &str) -> u64 {
        self.hub.flush_health(true).await.unwrap();
        self.hub.forget_accounts();
        self.hub.connected(&id(account)).await.unwrap().health.0.echoes
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echo_of_a_write_makes_no_message_once_its_unit_is_known() {
    let town = open().await;
    town.sold(2).await;
    assert_eq!(town.chain(), 8);
    assert!(town.noted("chain").await.is_empty());
    assert_eq!(town.deliver().await, (1, 1), "nobody knows yet what that unit of the chain is");
    town.work().await;
    assert_eq!(town.noted("chain").await, [r#"{"sku":"TEE"}"#]);

    town.sold(1).await;
    assert_eq!(town.deliver().await, (1, 0));
    assert_eq!((town.chain(), town.echoes("chain").await), (7, 1));

    // whatever is not what was written is looked at
    town.sold(1).await;
    town.shops().adjust(CHAIN, "TEE", town.street, 20, town.clock.now()).unwrap();
    let (count, hints) = town.deliver().await;
    assert!(count == 2 && hints > 0, "an echo and an edit, or one told twice: {count} {hints}");
    town.minutes(1).await;
    assert_eq!((town.chain(), town.level(WEB, "TEE", town.online)), (20, Some(20)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_come_before_or_is_stopped_is_no_echo() {
    let town = open().await;
    town.sold(1).await;
    town.deliver().await;
    town.work().await;
    // a store that was not answered within seconds sends it again, and may mean what has happened since
    town.sold(1).await;
    town.clock.advance(Duration::from_secs(6));
    assert_eq!(town.deliver().await, (1, 1));
    town.work().await;
    // at another place of the same store nothing is known
    let shown = town.chain();
    town.shops().adjust(CHAIN, "TEE", town.shed, shown, town.clock.now()).unwrap();
    assert_eq!(town.deliver().await, (1, 1));
    town.work().await;
    town.sold(1).await;
    let paused = AccountPatch { paused: Some(true), ..AccountPatch::default() };
    town.hub.change_account(&id("chain"), paused).await.unwrap();
    assert_eq!(town.deliver().await, (1, 1));
    assert_eq!((town.chain(), town.echoes("chain").await), (7, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_unit_is_goes_with_its_account_and_follows_its_name() {
    let town = open().await;
    town.sold(1).await;
    town.deliver().await;
    town.work().await;
    assert_eq!((town.noted("web").await.len(), town.noted("chain").await.len()), (1, 1));
    town.shops().rename(CHAIN, "TEE", "SHIRT", town.clock.now()).unwrap();
    town.minutes(1).await;
    assert_eq!(town.noted("chain").await, [r#"{"sku":"SHIRT"}"#]);
    town.hub.remove_account(&id("chain")).await.unwrap();
    assert_eq!((town.noted("web").await.len(), town.noted("chain").await.len()), (1, 0));
}
