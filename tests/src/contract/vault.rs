//! The contract of a vault.

use super::unique;
use async_trait::async_trait;
use channels::{Secret, Secrets};
use engine::ports::Vault;

/// A vault under test.
#[async_trait]
pub trait Rig: Send + Sync {
    /// The vault.
    fn vault(&self) -> &dyn Vault;
    /// Another vault over the same secrets, as another process has it.
    async fn other(&self) -> Box<dyn Vault>;
}

fn secrets(token: &str) -> Secrets {
    let fields = [("token", token), ("signing", "a \"b\" \\ ü")];
    fields.map(|(name, text)| (name.to_owned(), Secret::new(text))).into()
}

/// A name as accounts have it.
fn account() -> String {
    format!("account/{}", unique("a"))
}

/// All fields, whatever the text, from the cache and past it.
pub async fn secrets_come_back(rig: &dyn Rig) {
    let (vault, name) = (rig.vault(), account());
    vault.put(&name, &secrets("one")).await.expect("a put");
    for fresh in [false, true] {
        assert_eq!(vault.get(&name, fresh).await.expect("a read"), Some(secrets("one")));
    }
    assert_eq!(rig.other().await.get(&name, false).await.expect("a read"), Some(secrets("one")));
}

/// No name, no error.
pub async fn an_unknown_name_has_none(rig: &dyn Rig) {
    for (name, fresh) in [(unique("nobody"), false), (unique("nobody"), true), (account(), false), (account(), true)] {
        assert_eq!(rig.vault().get(&name, fresh).await.expect("a read"), None);
    }
}

/// The cache knows its own writes.
pub async fn a_second_put_replaces(rig: &dyn Rig) {
    let (vault, name) = (rig.vault(), unique("a"));
    vault.put(&name, &secrets("one")).await.expect("a put");
    vault.put(&name, &Secrets::from([("token".to_owned(), Secret::new("two"))])).await.expect("a put");
    let found = vault.get(&name, false).await.expect("a read").expect("there");
    assert_eq!(found.len(), 1, "the fields are replaced, not merged");
    assert_eq!(found["token"].reveal(), "two");
}

/// What another process wrote.
pub async fn a_fresh_read_sees_the_other_side(rig: &dyn Rig) {
    let (vault, other, name) = (rig.vault(), rig.other().await, account());
    vault.put(&name, &secrets("one")).await.expect("a put");
    other.put(&name, &secrets("two")).await.expect("a put");
    assert_eq!(vault.get(&name, true).await.expect("a read"), Some(secrets("two")));
    assert_eq!(vault.get(&name, false).await.expect("a read"), Some(secrets("two")), "and it is cached then");
}

/// Gone, also from the cache.
pub async fn a_deleted_name_has_none(rig: &dyn Rig) {
    let (vault, name) = (rig.vault(), account());
    vault.put(&name, &secrets("one")).await.expect("a put");
    vault.delete(&name).await.expect("a delete");
    for fresh in [false, true] {
        assert_eq!(vault.get(&name, fresh).await.expect("a read"), None);
    }
}

/// An account may be connected again under its old name.
pub async fn a_deleted_name_can_be_used_again(rig: &dyn Rig) {
    let (vault, name) = (rig.vault(), account());
    vault.put(&name, &secrets("one")).await.expect("a put");
    vault.delete(&name).await.expect("a delete");
    vault.put(&name, &secrets("two")).await.expect("a put");
    assert_eq!(vault.get(&name, true).await.expect("a read"), Some(secrets("two")));
}

/// So is deleting what was never there.
pub async fn deleting_twice_is_harmless(rig: &dyn Rig) {
    let (vault, name) = (rig.vault(), account());
    vault.delete(&name).await.expect("a delete");
    vault.put(&name, &secrets("one")).await.expect("a put");
    vault.delete(&name).await.expect("a delete");
    vault.delete(&name).await.expect("a second delete");
}
