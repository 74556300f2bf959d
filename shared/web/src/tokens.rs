//! Bootstrap tokens: 256 random bits each, an admin's. The vault keeps only their SHA-256, under the name [`VAULT_NAME`], by
//! the name of whoever holds them. A hub's first start makes one; with it the first users are added ([`crate::access`]), and
//! whoever can write the hub's vault can always make another.

use channels::{Clock, Secret, Secrets};
use engine::ports::{Vault, VaultError};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The vault's name of the tokens.
pub const VAULT_NAME: &str = "admin";
/// The holder of the first token.
pub const FIRST_HOLDER: &str = "owner";
/// What every token begins with, so that people and scanners know it.
const PREFIX: &str = "evs_";

/// Creates the first token, unless there is one; gives it this once only.
///
/// # Errors
/// [`VaultError`].
pub async fn bootstrap(vault: &dyn Vault, clock: &dyn Clock) -> Result<Option<Secret>, VaultError> {
    let known = vault.get(VAULT_NAME, true).await?.unwrap_or_default();
    if known.is_empty() { Ok(Some(issue(vault, clock, FIRST_HOLDER).await?)) } else { Ok(None) }
}

/// Creates a token for `holder`; a former one of the same holder is void. `clock` gives the randomness.
///
/// # Errors
/// [`VaultError`].
pub async fn issue(vault: &dyn Vault, clock: &dyn Clock, holder: &str) -> Result<Secret, VaultError> {
    let random: [u64; 4] = std::array::from_fn(|_| clock.random());
    let token = random.iter().fold(PREFIX.to_owned(), |token, part| format!("{token}{part:016x}"));
    let mut known = vault.get(VAULT_NAME, true).await?.unwrap_or_default();
    known.insert(holder.to_owned(), Secret::new(digest(&token)));
    vault.put(VAULT_NAME, &known).await?;
    Ok(Secret::new(token))
}

/// Makes the token of `holder` void. Repeating is harmless.
///
/// # Errors
/// [`VaultError`].
pub async fn revoke(vault: &dyn Vault, holder: &str) -> Result<(), VaultError> {
    let mut known: Secrets = vault.get(VAULT_NAME, true).await?.unwrap_or_default();
    known.remove(holder);
    vault.put(VAULT_NAME, &known).await
}

/// Who holds `token`; `None` when nobody does. Takes equally long for every token.
///
/// # Errors
/// [`VaultError`].
pub async fn verify(vault: &dyn Vault, token: &str) -> Result<Option<String>, VaultError> {
    holder(vault, &digest(token)).await
}

/// Who holds the token with this hash.
pub(crate) async fn holder(vault: &dyn Vault, given: &str) -> Result<Option<String>, VaultError> {
    let known = vault.get(VAULT_NAME, false).await?.unwrap_or_default();
    let mut holder = None;
    for (name, expected) in known {
        if bool::from(expected.reveal().as_bytes().ct_eq(given.as_bytes())) {
            holder = Some(name);
        }
    }
    Ok(holder)
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
