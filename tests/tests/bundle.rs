//! The credentials of all accounts are one secret, which several write: against Secrets Manager as its reference has it, with
//! versions whose ids are used once.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test file: a panic is the report")]

use aws::{Deletion, SecretsVault, clients};
use channels::{Secret, Secrets};
use engine::ports::Vault;
use futures::future::join_all;
use tests::rig::keeper::Keeper;

const BUNDLE: &str = "hub/account/.all";

/// A function's own vault: nobody shares its memory.
fn vault(keeper: &Keeper) -> SecretsVault {
    let client = clients::emulated(&keeper.address, &clients::https()).secrets;
    SecretsVault::new(client, "hub".into(), Deletion::After(7))
}

fn secrets(key: &str) -> Secrets {
    Secrets::from([("api_key".to_owned(), Secret::new(key))])
}

async fn found(vault: &SecretsVault, name: &str) -> Option<String> {
    let secrets = vault.get(name, true).await.expect("a read")?;
    Some(secrets["api_key"].reveal().to_owned())
}

/// Six people add five accounts each, all at once.
async fn many_add(keeper: &Keeper) {
    let add = |person: usize| async move {
        let vault = vault(keeper);
        for account in 0..5 {
            let name = format!("account/shop-{person}-{account}");
            // who is told that it failed tries again, as a person does
            while vault.put(&name, &secrets(&name)).await.is_err() {}
        }
    };
    join_all((0..6).map(add)).await;
    let vault = vault(keeper);
    for (person, account) in (0..6).flat_map(|person| (0..5).map(move |account| (person, account))) {
        let name = format!("account/shop-{person}-{account}");
        assert_eq!(found(&vault, &name).await, Some(name));
    }
    assert_eq!(keeper.names(), [BUNDLE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_add_accounts_at_once_and_none_is_lost() {
    many_add(&Keeper::open().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_lost_either_where_reads_are_behind() {
    let keeper = Keeper::open().await;
    vault(&keeper).put("account/main", &secrets("main")).await.unwrap();
    keeper.is_late(true);
    let add = |account: usize| {
        let keeper = keeper.clone();
        async move {
            let name = format!("account/shop-{account}");
            while vault(&keeper).put(&name, &secrets(&name)).await.is_err() {}
        }
    };
    join_all((0..4).map(add)).await;
    keeper.is_late(false);
    let vault = vault(&keeper);
    for account in 0..4 {
        let name = format!("account/shop-{account}");
        assert_eq!(found(&vault, &name).await, Some(name));
    }
}

#[tokio::test]
async fn a_secret_of_its_own_is_read_and_moves_when_it_is_rotated() {
    let keeper = Keeper::open().await;
    keeper.put("hub/account/main", r#"{"api_key":"as-0.1-wrote-it"}"#);
    let vault = vault(&keeper);
    assert_eq!(found(&vault, "account/main").await.as_deref(), Some("as-0.1-wrote-it"));
    vault.put("account/leeds", &secrets("leeds")).await.unwrap();
    assert_eq!(keeper.names(), [BUNDLE, "hub/account/main"], "the others stay where they are");
    vault.put("account/main", &secrets("rotated")).await.unwrap();
    assert_eq!(found(&vault, "account/main").await.as_deref(), Some("rotated"));
    assert_eq!(keeper.names(), [BUNDLE], "and this one costs nothing any more");
}

#[tokio::test]
async fn a_removed_account_is_in_neither() {
    let keeper = Keeper::open().await;
    keeper.put("hub/account/main", r#"{"api_key":"old"}"#);
    let vault = vault(&keeper);
    vault.put("account/leeds", &secrets("leeds")).await.unwrap();
    for name in ["account/main", "account/leeds"] {
        vault.delete(name).await.unwrap();
        assert_eq!(found(&vault, name).await, None);
    }
    assert_eq!(keeper.names(), [BUNDLE]);
}

#[tokio::test]
async fn what_finds_no_room_has_a_secret_of_its_own_until_it_does() {
    let keeper = Keeper::open().await;
    let vault = vault(&keeper);
    let long = "x".repeat(40_000);
    vault.put("account/main", &secrets(&long)).await.unwrap();
    vault.put("account/leeds", &secrets("short")).await.unwrap();
    vault.put("account/leeds", &secrets(&long)).await.unwrap();
    assert_eq!(keeper.names(), [BUNDLE, "hub/account/leeds"]);
    assert_eq!(found(&vault, "account/leeds").await, Some(long.clone()), "not what the bundle had of it");
    vault.put("account/leeds", &secrets("short again")).await.unwrap();
    assert_eq!(keeper.names(), [BUNDLE]);
    assert_eq!(found(&vault, "account/leeds").await.as_deref(), Some("short again"));
    assert_eq!(found(&vault, "account/main").await, Some(long));
}

#[tokio::test]
async fn a_bundle_that_somebody_deleted_comes_back_with_the_next_account() {
    let keeper = Keeper::open().await;
    let vault = vault(&keeper);
    vault.put("account/main", &secrets("main")).await.unwrap();
    keeper.delete(BUNDLE);
    assert_eq!(found(&vault, "account/main").await, None);
    vault.put("account/leeds", &secrets("leeds")).await.unwrap();
    assert_eq!(found(&vault, "account/main").await.as_deref(), Some("main"), "it is as it was");
    assert_eq!(found(&vault, "account/leeds").await.as_deref(), Some("leeds"));
}

#[tokio::test]
async fn a_bundle_that_was_set_back_says_what_to_do() {
    let keeper = Keeper::open().await;
    let vault = vault(&keeper);
    for account in ["account/main", "account/leeds"] {
        vault.put(account, &secrets(account)).await.unwrap();
    }
    keeper.set_back(BUNDLE);
    let error = vault.put("account/york", &secrets("york")).await.expect_err("nobody knows which is right");
    assert!(error.to_string().contains("store its text anew by hand"), "{error}");
    let text = r#"{"account/main":{"api_key":"main"}}"#;
    keeper.put(BUNDLE, text);
    vault.put("account/york", &secrets("york")).await.unwrap();
    assert_eq!(found(&vault, "account/york").await.as_deref(), Some("york"));
}

mod contract {
    use super::*;
    use async_trait::async_trait;
    use tests::contract::vault::Rig;

    struct Reference(Keeper, SecretsVault);

    #[async_trait]
    impl Rig for Reference {
        fn vault(&self) -> &dyn Vault {
            &self.1
        }

        async fn other(&self) -> Box<dyn Vault> {
            Box::new(vault(&self.0))
        }
    }

    async fn open() -> Option<(Reference, ())> {
        let keeper = Keeper::open().await;
        let own = vault(&keeper);
        Some((Reference(keeper, own), ()))
    }

    tests::vault_contract!(open);
}
